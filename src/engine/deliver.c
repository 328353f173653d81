/* SPDX-License-Identifier: BSD-2-Clause */
/* Live runs: the main thread sends what destinations are ready to take, and waits for nobody. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/signals.h"
#include "engine/run.h"

#define DESCRIPTORS 64 /* of destinations */
#define LOOK_NS     (SF_NS_PER_S / 10)
#define SAY_NS      SF_NS_PER_S /* a wait at the end that is worth words */

int64_t sf_run_deliver(struct sf_run *run, int64_t mono)
{
	if (sf_signal_announce) {
		sf_signal_announce = 0;
		sf_exporter_announce(run->exporter);
	}
	return sf_exporter_pump(run->exporter, mono, false);
}

static bool has_records(struct sf_run *run)
{
	for (unsigned i = 0; i < run->worker_count; i++)
		if (sf_ring_fill(&run->workers[i].ring))
			return true;
	return false;
}

void sf_run_wait(struct sf_run *run, int64_t pause_ns, enum sf_wakeup_level level)
{
	const struct timespec pause = {
		.tv_sec = pause_ns / SF_NS_PER_S,
		.tv_nsec = pause_ns % SF_NS_PER_S,
	};
	struct pollfd polls[DESCRIPTORS + 2], *metrics;
	int fds[DESCRIPTORS];
	unsigned count = sf_exporter_descriptors(run->exporter, fds, DESCRIPTORS);

	for (unsigned i = 0; i < count; i++)
		polls[i] = (struct pollfd){ .fd = fds[i], .events = POLLOUT };
	metrics = &polls[count++];
	*metrics = (struct pollfd){ .fd = sf_metrics_fd(&run->metrics), .events = POLLIN };
	polls[count++] = (struct pollfd){ .fd = run->wakeup.fd, .events = POLLIN };
	sf_wakeup_arm(&run->wakeup, level);
	if (level == SF_WAKEUP_WORK && has_records(run))
		pause_ns = -1;
	ppoll(polls, count, pause_ns < 0 ? &(struct timespec){ 0 } : &pause, NULL);
	sf_wakeup_disarm(&run->wakeup);
	if (metrics->revents)
		sf_metrics_serve(&run->metrics);
}

static uint64_t waiting_records(const struct sf_run *run)
{
	struct sf_destination_stats stats;
	struct sf_destination_count waiting;
	uint64_t sum = 0;

	for (unsigned i = 0; sf_exporter_stats(run->exporter, i, &stats); i++)
		if (!stats.gone && sf_destination_waiting(&stats, &waiting))
			sum += waiting.records;
	return sum;
}

static void say_waiting(const struct sf_run *run)
{
	sf_complain("%" PRIu64 " records still wait for destinations, for %" PRIu64
		    " s at most (--stop-timeout); another signal ends this",
		waiting_records(run), (uint64_t)run->options->stop_timeout_ns / SF_NS_PER_S);
}

void sf_run_deliver_rest(struct sf_run *run, const struct sf_books *books)
{
	int64_t mono = sf_clock_read(CLOCK_MONOTONIC), begun = mono;
	int64_t deadline = mono + run->options->stop_timeout_ns;
	bool said = run->options->quiet;

	for (; sf_signal_hurry(NULL) == 0; mono = sf_clock_read(CLOCK_MONOTONIC)) {
		int64_t next = sf_exporter_pump(run->exporter, mono, true);

		sf_notify_alive(&run->notify, mono);
		if (!sf_exporter_waits(run->exporter) || mono >= deadline)
			break;
		if (!said && mono - begun >= SAY_NS) {
			say_waiting(run);
			said = true;
		}
		if (next > mono + LOOK_NS)
			next = mono + LOOK_NS;
		sf_run_wait(run, (next < deadline ? next : deadline) - mono, SF_WAKEUP_URGENT);
		sf_run_tick(run, INT64_MIN);
		sf_run_notice(run, books);
		sf_metrics_serve(&run->metrics);
	}
}
