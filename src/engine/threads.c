/* SPDX-License-Identifier: BSD-2-Clause */
/* A run with threads: the workers, and the main thread that exports. */
#include <assert.h>
#include <poll.h>
#include <time.h>

#include "cli/command.h"
#include "cli/signals.h"
#include "engine/records.h"
#include "engine/run.h"

#define LOOK_NS   INT64_C(250000000) /* live */
#define FILES_NS  INT64_C(100000000) /* the same of files */
#define BOOKS_NS  INT64_C(1000000000)
#define GATHER_NS INT64_C(5000000)  /* after records came: so more of them are taken at once */
#define HURRY_NS  INT64_C(20000000) /* between two looks when somebody waits for workers */
#define WAIT_MS   20
#define STOP      1u /* bit of run->control */

/* Live: records from the rings to the exporter; returns how many. */
static unsigned drain(struct sf_run *run)
{
	struct sf_flow flows[SF_BATCH_MAX];
	unsigned total = 0;

	for (unsigned i = 0; run->live && i < run->worker_count; i++)
		for (unsigned round = 0; round < 16; round++) {
			unsigned n = sf_records_get(&run->workers[i].ring, flows, SF_BATCH_MAX);

			if (!n)
				break;
			sf_exporter_put(run->exporter, flows, n);
			sf_records_done(&run->workers[i].ring, n);
			total += n;
		}
	return total;
}

static bool all_done(const struct sf_run *run)
{
	for (unsigned i = 0; i < run->worker_count; i++)
		/* pairs with the release at the end of worker_main() */
		if (!atomic_load_explicit(&run->workers[i].done, memory_order_acquire))
			return false;
	return true;
}

/* They look at what is asked of them, also where no packet comes. */
static void wake_all(struct sf_run *run)
{
	for (unsigned i = 0; i < run->worker_count; i++)
		sf_wakeup_send_now(&run->workers[i].wakeup);
}

/* Asks all workers for their books; they answer after their next batch, or sleep. */
static void ask_books(struct sf_run *run)
{
	run->question++;
	run->books_read = false;
	/*
	 * pairs with the acquire in sf_worker_question(): the books of the last answer have been
	 * read
	 */
	atomic_store_explicit(&run->control, run->question << 1, memory_order_release);
	if (run->stats_asked)
		wake_all(run);
}

static bool books_answered(const struct sf_run *run)
{
	for (unsigned i = 0; i < run->worker_count; i++) {
		const struct sf_worker *worker = &run->workers[i];

		/* pairs with the releases in sf_worker_answer() and worker_main() */
		if (atomic_load_explicit(&worker->answered, memory_order_acquire) !=
				run->question &&
			!atomic_load_explicit(&worker->done, memory_order_acquire))
			return false;
	}
	return true;
}

static void read_books(struct sf_run *run, int64_t mono)
{
	struct sf_books books;

	run->books_read = true;
	sf_run_books(run, &books);
	sf_run_watch(run, &books, mono);
	if (run->stats_asked) {
		sf_progress_clear(&run->progress);
		sf_run_print_stats(run, &books);
	}
	run->stats_asked = false;
}

/* Each source's once: its workers may all end with the same one. */
static void report_failures(struct sf_run *run)
{
	static_assert(SF_INPUTS_MAX <= 64, "a bit for each");

	for (unsigned i = 0; i < run->worker_count; i++) {
		struct sf_worker *worker = &run->workers[i];
		uint64_t input = UINT64_C(1) << (worker->options.input - run->inputs);

		if (run->said_failed & input ||
			!atomic_load_explicit(&worker->done, memory_order_acquire) ||
			worker->state != SF_WORKER_FAILED)
			continue;
		sf_complain("%s", worker->capture->error.text);
		run->said_failed |= input;
	}
}

/* The clock that all workers have reached who have packets. */
static int64_t reached_clock(const struct sf_run *run)
{
	int64_t clock = INT64_MAX;

	for (unsigned i = 0; i < run->worker_count; i++) {
		const struct sf_worker *worker = &run->workers[i];
		int64_t reached = atomic_load_explicit(&worker->reached, memory_order_relaxed);

		if (worker->capture && reached < clock)
			clock = reached;
	}
	return clock;
}

/* A worker that waits for the reader of a pipe looks up, as the run is in a hurry. */
static void interrupt_workers(struct sf_run *run)
{
	for (unsigned i = 0; i < run->worker_count; i++)
		if (run->workers[i].has_thread)
			pthread_kill(run->workers[i].thread, SF_SIGNAL_WAKE);
}

/* The way to the exporter, which a worker may hold for as long as a destination is slow. */
static void enter_door(struct sf_run *run)
{
	struct timespec until;
	int err;

	atomic_store_explicit(&run->door.wanted, true, memory_order_relaxed);
	do {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec++;
		err = pthread_mutex_timedlock(&run->door.lock, &until);
		if (err && sf_signal_hurry(NULL))
			interrupt_workers(run);
	} while (err);
	atomic_store_explicit(&run->door.wanted, false, memory_order_relaxed);
}

static void look_around(struct sf_run *run, int64_t mono)
{
	int64_t period = run->live ? LOOK_NS : FILES_NS;

	run->next_look = (mono / period + 1) * period;
	sf_notify_alive(&run->notify, mono);
	if (!run->live)
		enter_door(run);
	sf_run_tick(run, reached_clock(run));
	sf_run_tell_sources(run);
	report_failures(run);
	sf_run_answer(run);
	if (!run->books_read && books_answered(run))
		read_books(run, mono);
	if (sf_signal_stats) {
		sf_signal_stats = 0;
		run->stats_asked = true;
		run->next_books = mono;
		/* an older question may be open */
		wake_all(run);
	}
	if (run->books_read && mono >= run->next_books) {
		run->next_books = mono + BOOKS_NS;
		ask_books(run);
	}
	sf_metrics_serve(&run->metrics);
	if (!run->live)
		pthread_mutex_unlock(&run->door.lock);
}

/* Workers of files bring nothing: their end is waited for, and the next look around. */
static void wait_for_wakeup(struct sf_run *run)
{
	struct pollfd wakeup = { .fd = run->wakeup.fd, .events = POLLIN };

	poll(&wakeup, 1, WAIT_MS);
	sf_wakeup_disarm(&run->wakeup);
}

/* Its thread could not be started: nobody is to wait for it. */
static void give_up(struct sf_worker *worker)
{
	const struct sf_worker_options *options = &worker->options;

	if (options->exchange)
		sf_exchange_close(options->exchange, options->number, INT64_MIN);
	atomic_store(&worker->done, true);
}

/* All or none: those that have started stop before they begin. */
static int start_workers(struct sf_run *run, struct sf_error *error)
{
	int err = 0;

	pthread_mutex_lock(&run->gate);
	sf_signals_block(true);
	for (unsigned i = 0; i < run->worker_count; i++) {
		if (!err)
			err = sf_worker_start(&run->workers[i], error);
		if (err)
			give_up(&run->workers[i]);
	}
	sf_signals_block(false);
	if (err) {
		run->ended = "error";
		atomic_store(&run->control, STOP);
	}
	pthread_mutex_unlock(&run->gate);
	return err;
}

static bool have_many_records(struct sf_run *run)
{
	for (unsigned i = 0; i < run->worker_count; i++)
		if (sf_ring_fill(&run->workers[i].ring) >= SF_RECORDS_MANY)
			return true;
	return false;
}

/*
 * Live: sleeps until records come, a destination is ready, or there is something to look after.
 * `took`: records came just now, so more of them are let gather.
 */
static void wait_for_records(struct sf_run *run, bool took, int64_t mono, int64_t deliver)
{
	int64_t until = run->ended || run->stats_asked ? mono + HURRY_NS : run->next_look;

	if (took && have_many_records(run))
		return;
	if (took && until > mono + GATHER_NS)
		until = mono + GATHER_NS;
	if (until > deliver)
		until = deliver;
	sf_run_wait(run, until - mono, took ? SF_WAKEUP_URGENT : SF_WAKEUP_WORK);
}

/* A worker that has ended may be what others wait for, or a failure to be told. */
static void notice_ends(struct sf_run *run)
{
	unsigned count = 0;

	for (unsigned i = 0; i < run->worker_count; i++)
		/* relaxed: it is but a reason to look */
		count += atomic_load_explicit(&run->workers[i].done, memory_order_relaxed);
	if (count == run->done_count)
		return;
	run->done_count = count;
	run->next_look = 0;
	wake_all(run);
}

int sf_run_threads(struct sf_run *run, struct sf_error *error)
{
	int err;

	run->books_read = true;
	err = start_workers(run, error);
	for (;;) {
		/* looked at before the rings: what came before it is in them */
		bool last = all_done(run);
		int64_t mono = sf_clock_read(CLOCK_MONOTONIC);
		unsigned n = drain(run);
		int64_t deliver = run->live ? sf_run_deliver(run, mono) : 0;

		if (last && !n)
			break;
		notice_ends(run);
		if (run->ended || sf_run_must_end(run, mono)) {
			atomic_store_explicit(
				&run->control, run->question << 1 | STOP, memory_order_release);
			wake_all(run);
			if (!run->live && sf_signal_hurry(NULL))
				interrupt_workers(run);
		} else if (mono >= run->next_look || sf_signal_stats ||
			   (run->live && run->stats_asked))
			look_around(run, mono);
		if (!run->live)
			wait_for_wakeup(run);
		else
			wait_for_records(run, n > 0, mono, deliver);
	}
	for (unsigned i = 0; i < run->worker_count; i++) {
		if (run->workers[i].has_thread)
			pthread_join(run->workers[i].thread, NULL);
		run->workers[i].has_thread = false;
	}
	report_failures(run);
	return err;
}
