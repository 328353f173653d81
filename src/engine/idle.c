/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long a live worker sleeps when there is nothing to do. It wakes by itself for the sake of time:
 * flows end when no packet comes, and other workers wait for its clock before they account their
 * packets. Sooner it is woken by packets of its own, by its wake-up when others hand packets over or
 * begin to receive some, and by the main thread's questions and orders.
 */
#include <poll.h>

#include "engine/worker.h"

/*
 * While packets come to any queue of several: others' packets wait for this worker's clock that long
 * (engine/order.h). Longer than packets gather in a block of the kernel, which wakes it otherwise.
 */
#define SHORT_MS 40

/* One queue, from its last packet until it counts as quiet; and flows wait to be aged. */
#define MIDDLE_MS 100

/*
 * Nothing happens. A record is late by this, and with several workers by as much again, as the clock
 * of another one may be as old.
 */
#define LONG_MS 300

/* Without a queue, or before the first packet, there is nothing that has to become quiet. */
static bool is_quiet(const struct sf_worker *worker)
{
	const struct sf_exchange *exchange = worker->options.exchange;

	if (worker->capture && worker->timing.clock.now != INT64_MIN && !worker->timing.quiet)
		return false;
	if (worker->order && sf_order_counts(worker->order).waiting > 0)
		return false;
	return !worker->ages_on && (!exchange || sf_exchange_idle(exchange));
}

void sf_idle_wait(struct sf_worker *worker)
{
	const struct sf_worker_options *options = &worker->options;
	bool quiet = is_quiet(worker);
	enum sf_wakeup_level level = quiet ? SF_WAKEUP_WORK : SF_WAKEUP_URGENT;
	int ms = quiet ? LONG_MS : options->input->short_wait ? SHORT_MS : MIDDLE_MS;

	sf_wakeup_arm(&worker->wakeup, level);
	/* what came before it was announced that this worker sleeps */
	if (options->exchange && (sf_exchange_calls(options->exchange, options->number, level) ||
					 (quiet && !sf_exchange_idle(options->exchange))))
		ms = 0;
	if (worker->capture)
		worker->capture->ops->wait(
			worker->capture, options->queue, worker->wakeup.fd, (unsigned)ms);
	else
		poll(&(struct pollfd){ .fd = worker->wakeup.fd, .events = POLLIN }, 1, ms);
	sf_wakeup_disarm(&worker->wakeup);
}

void sf_idle_tell(struct sf_worker *worker, bool packets)
{
	if (worker->options.exchange && (packets || worker->timing.quiet))
		sf_exchange_set_busy(worker->options.exchange, worker->options.number, packets);
}
