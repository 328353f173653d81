/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all kinds of worker have in common: receiving packets with filter and limits, answers to the
 * main thread, the thread; and the kind of worker that needs no more, sf_worker_inline. Clocks are
 * in timing.c.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "engine/worker.h"
#include "meter/meter_facts.h"
#include "meter/stamp.h"

int sf_worker_init(
	struct sf_worker *worker, const struct sf_worker_options *options, struct sf_error *error)
{
	struct sf_meter_options meter = options->meter;
	int err;

	memset(worker, 0, sizeof(*worker));
	worker->options = *options;
	worker->capture = options->queue == SF_NO_QUEUE ? NULL : options->input->capture;
	worker->wakeup.fd = -1;
	atomic_init(&worker->reached, INT64_MIN);
	sf_timing_init(&worker->timing, sf_timing_limit(&meter));
	if (options->input && options->input->capture->live &&
		getrandom(&worker->timing.sampler.random, sizeof(uint64_t), 0) < 0)
		worker->timing.sampler.random = (uint64_t)sf_clock_read(CLOCK_MONOTONIC);
	err = options->kind->join(worker, &meter, error);
	if (!err && sf_folding_init(&worker->folding, options->fold, meter.facts, &meter.sink))
		err = sf_error_set(error, -ENOMEM, "out of memory to fold records");
	/* records are folded by the time of their packets */
	if (options->input)
		sf_time_restorer_init(&worker->restorer, &options->input->timeline, &meter);
	if (!err && options->filter)
		err = sf_filter_new(&worker->filter, options->filter, error);
	if (!err)
		err = sf_meter_new(&worker->meter, &meter, error);
	if (err)
		sf_worker_fini(worker);
	return err;
}

void sf_worker_fini(struct sf_worker *worker)
{
	sf_meter_free(worker->meter);
	sf_folding_fini(&worker->folding);
	sf_filter_free(worker->filter);
	if (worker->options.kind)
		worker->options.kind->leave(worker);
	worker->meter = NULL;
	worker->filter = NULL;
}

/* Takes room for `count` packets out of the budget; returns for how many there was some. */
static unsigned claim(struct sf_budget *budget, unsigned count)
{
	uint64_t left = atomic_load(&budget->left), taken;

	do
		taken = left < count ? left : count;
	while (!atomic_compare_exchange_weak(&budget->left, &left, left - taken));
	return (unsigned)taken;
}

void sf_worker_tell_clock(struct sf_worker *worker, int64_t clock)
{
	atomic_store_explicit(&worker->reached, clock, memory_order_relaxed);
}

int64_t sf_received_clock(const struct sf_received *batch, unsigned i)
{
	return batch->clock ? batch->clock[i] : batch->packets[i].time_ns;
}

/* Moves a packet of the batch and its clock to a place before it. */
static void move_packet(struct sf_received *batch, unsigned to, unsigned from)
{
	batch->packets[to] = batch->packets[from];
	if (batch->clock)
		batch->clocks[to] = batch->clocks[from];
}

/* The time after a first packet of this time at which --duration ends the run. */
static int64_t end_after(int64_t first_ns, int64_t duration_ns)
{
	return first_ns > INT64_MAX - duration_ns ? INT64_MAX : first_ns + duration_ns;
}

/*
 * Leaves out what lies at or after the end that --duration sets: by its own time, also as long as
 * the clock does not follow it there. True: the clock has reached the end.
 */
static bool is_at_end(
	const struct sf_worker *worker, struct sf_timing *timing, struct sf_received *batch)
{
	unsigned kept = 0, i;

	if (!worker->options.packet_duration_ns)
		return false;
	if (timing->end_ns == INT64_MAX)
		timing->end_ns =
			end_after(batch->packets[0].time_ns, worker->options.packet_duration_ns);
	for (i = 0; i < batch->count && sf_received_clock(batch, i) < timing->end_ns; i++)
		if (batch->packets[i].time_ns < timing->end_ns)
			move_packet(batch, kept++, i);
	if (i < batch->count) {
		/*
		 * what comes after the end leaves no trace in the
		 * clock: it depends on the batch size
		 */
		sf_clock_init(&timing->clock, timing->clock.limit);
		timing->clock.now = timing->end_ns;
	}
	batch->count = kept;
	return timing->clock.now >= timing->end_ns;
}

/* Leaves out what the filter refuses. */
static void filter(struct sf_worker *worker, struct sf_received *batch)
{
	unsigned passed = 0;

	for (unsigned i = 0; i < batch->count; i++)
		if (sf_filter_match(worker->filter, &batch->packets[i]))
			move_packet(batch, passed++, i);
	sf_meter_ignore(worker->meter, SF_IGNORED_filtered, batch->count - passed);
	batch->count = passed;
}

/* Leaves out what is not sampled. */
static void sample(struct sf_worker *worker, struct sf_timing *timing, struct sf_received *batch)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < batch->count; i++)
		if (sf_sampler_takes(
			    &timing->sampler, &worker->options.sampling, &batch->packets[i]))
			move_packet(batch, taken++, i);
	sf_meter_ignore(worker->meter, SF_IGNORED_notSampled, batch->count - taken);
	batch->count = taken;
}

/* Number of packets that the next batch may have: `max`, or what the limit of -c leaves. */
static unsigned most_packets(const struct sf_worker *worker, unsigned max)
{
	uint64_t left = max;

	if (worker->options.budget)
		left = atomic_load(&worker->options.budget->left);
	return left < max ? (unsigned)left : max;
}

/* What it means that the driver returned `n` instead of packets. */
static enum sf_worker_state without_packets(struct sf_timing *timing, int n)
{
	if (n != SF_EOF)
		return n == 0 ? SF_WORKER_QUIET : SF_WORKER_FAILED;
	/* the last packets may have been left out as they lie after the end of --duration */
	return sf_clock_finish(&timing->clock) >= timing->end_ns ? SF_WORKER_LIMIT : SF_WORKER_EOF;
}

enum sf_worker_state sf_worker_receive(
	struct sf_worker *worker, struct sf_timing *timing, struct sf_received *batch, unsigned max)
{
	struct sf_budget *budget = worker->options.budget;
	unsigned claimed;
	bool at_end;
	int n;

	batch->received = batch->count = 0;
	max = most_packets(worker, max);
	if (!max)
		return SF_WORKER_LIMIT;
	n = sf_capture_recv(worker->capture, worker->options.queue, batch->packets, max);
	if (n <= 0)
		return without_packets(timing, n);
	timing->quiet = false;
	batch->received = batch->count = (unsigned)n;
	if (worker->options.switch_time_ns)
		sf_stamp_batch(batch->packets, batch->count, worker->options.switch_time_ns,
			&worker->stamps);
	sf_timing_follow(worker, timing, batch);
	at_end = is_at_end(worker, timing, batch);
	worker->frames += batch->received;
	worker->unread += batch->received - batch->count;
	if (worker->filter)
		filter(worker, batch);
	if (worker->options.sampling.kind)
		sample(worker, timing, batch);
	claimed = budget ? claim(budget, batch->count) : batch->count;
	worker->unread += batch->count - claimed;
	batch->count = claimed;
	/* of a live source `appeared` enters them, and several workers receive at a time */
	if (!worker->capture->live)
		sf_input_learn(worker->options.input);
	return at_end ? SF_WORKER_LIMIT : SF_WORKER_RUNNING;
}

/* ---------------------------------------------------------------- the kind without threads */

static int inline_join(
	struct sf_worker *worker, struct sf_meter_options *meter, struct sf_error *error)
{
	(void)worker, (void)meter, (void)error;
	return 0;
}

static void inline_leave(struct sf_worker *worker)
{
	(void)worker;
}

static enum sf_worker_state inline_step(struct sf_worker *worker)
{
	struct sf_packet packets[SF_BATCH_MAX];
	int64_t clocks[SF_BATCH_MAX];
	struct sf_received batch = { .packets = packets, .clocks = clocks };
	enum sf_worker_state state =
		sf_worker_receive(worker, &worker->timing, &batch, SF_BATCH_MAX);

	if (batch.received) {
		sf_meter_batch(worker->meter, batch.packets, batch.count, batch.clock,
			&worker->options.input->point);
		sf_worker_tell_clock(worker, worker->timing.clock.now);
		sf_capture_release(worker->capture, worker->options.queue);
	} else if (state != SF_WORKER_QUIET) {
		return state;
	} else if (worker->options.ages_when_quiet) {
		if (sf_worker_keep_time(worker, false))
			state = SF_WORKER_LIMIT;
		sf_worker_tell_clock(worker, worker->timing.clock.now);
	}
	while (sf_meter_age(worker->meter, worker->timing.clock.now))
		;
	return state;
}

static void inline_finish(struct sf_worker *worker)
{
	int64_t end = sf_worker_end_clock(worker);

	sf_worker_tell_clock(worker, end);
	sf_meter_finish(worker->meter, end);
}

static void inline_count(const struct sf_worker *worker, struct sf_engine_counters *counters)
{
	(void)worker, (void)counters;
}

const struct sf_worker_kind sf_worker_inline = {
	.join = inline_join,
	.leave = inline_leave,
	.step = inline_step,
	.stop = sf_worker_stop,
	.finish = inline_finish,
	.count = inline_count,
	.absent = inline_leave,
};

/* ---------------------------------------------------------------- all kinds */

enum sf_worker_state sf_worker_step(struct sf_worker *worker)
{
	worker->state = worker->options.kind->step(worker);
	sf_folding_age(
		&worker->folding, atomic_load_explicit(&worker->reached, memory_order_relaxed));
	return worker->state;
}

void sf_worker_finish(struct sf_worker *worker)
{
	worker->options.kind->finish(worker);
	sf_folding_leave(&worker->folding);
}

void sf_worker_counters(const struct sf_worker *worker, struct sf_engine_counters *counters)
{
	memset(counters, 0, sizeof(*counters));
	sf_meter_ledger(worker->meter, &counters->ledger);
	counters->frames = worker->frames;
	counters->unread = worker->unread;
	counters->clock = sf_worker_packet_clock(worker, worker->timing.clock.now);
	counters->folded = worker->folding.counts;
	counters->stamps = worker->stamps;
	worker->options.kind->count(worker, counters);
}

uint32_t sf_worker_request(const struct sf_worker *worker)
{
	/* pairs with the releases in sf_engine_request() and sf_engine_stop_workers() */
	return atomic_load_explicit(worker->options.control, memory_order_acquire) >>
	       SF_CONTROL_REQUEST;
}

void sf_worker_answer(struct sf_worker *worker, uint32_t request)
{
	if (request == atomic_load_explicit(&worker->answered, memory_order_relaxed))
		return;
	sf_worker_counters(worker, &worker->snapshot);
	/* pairs with the acquires in sf_engine_answered() and sf_engine_count() */
	atomic_store_explicit(&worker->answered, request, memory_order_release);
}

void sf_worker_stop(struct sf_worker *worker)
{
	worker->state = SF_WORKER_STOPPED;
}

/* Reads `control` once per batch. */
static void obey(struct sf_worker *worker)
{
	if (!worker->options.kind->answers_itself)
		sf_worker_answer(worker, sf_worker_request(worker));
	if (atomic_load_explicit(worker->options.control, memory_order_relaxed) & SF_CONTROL_STOP)
		worker->options.kind->stop(worker);
}

static void *worker_main(void *context)
{
	struct sf_worker *worker = context;

	pthread_mutex_lock(worker->options.start_barrier);
	pthread_mutex_unlock(worker->options.start_barrier);
	while (!sf_worker_ended(worker)) {
		obey(worker);
		if (!sf_worker_ended(worker))
			sf_worker_step(worker);
	}
	/* no packets wait for this thread any more: no record need be lost for want of room */
	worker->waits_for_room = true;
	sf_worker_finish(worker);
	/* pairs with the acquire in the main thread's drain loop */
	atomic_store_explicit(&worker->done, true, memory_order_release);
	sf_wakeup_send_now(worker->options.main_wakeup);
	return NULL;
}

/* A new thread has the processors of the one that starts it. */
static int start_on(struct sf_worker *worker, int cpu)
{
	cpu_set_t before, one;
	int err;

	CPU_ZERO(&one);
	CPU_SET((unsigned)cpu, &one);
	if (sched_getaffinity(0, sizeof(before), &before) < 0 ||
		sched_setaffinity(0, sizeof(one), &one) < 0)
		return errno;
	err = pthread_create(&worker->thread, NULL, worker_main, worker);
	sched_setaffinity(0, sizeof(before), &before);
	return err;
}

int sf_worker_start(struct sf_worker *worker, struct sf_error *error)
{
	int cpu = worker->options.cpu;
	int err = cpu >= 0 ? start_on(worker, cpu)
			   : pthread_create(&worker->thread, NULL, worker_main, worker);

	if (err)
		return sf_error_set(
			error, -err, "cannot start a worker thread: %s", sf_strerror(-err));
	worker->has_thread = true;
	return 0;
}
