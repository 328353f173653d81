/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packet loop. A batch passes: receive, clock, filter, meter, release, age.
 *
 * Clock of a source: the largest packet time so far (base/clock.h), of all packets, also of those
 * that the filter refuses. While a live source is quiet it goes on with the monotonic clock from
 * where the packets left it, so that a wall clock that is set meanwhile neither ends flows early nor
 * keeps them; it then lags behind the wall by the driver's wait (0.1 s) at most, which is also what
 * keeps packets that the kernel still holds back from finding their flow already aged.
 *
 * With an exchange the batch is parsed, what belongs to other workers is given to them, and the rest
 * goes into the own table, in the order of the packets' times where several queues deliver them
 * (share.c). Ageing then stops at the clock that all workers have reached, so that no flow is closed
 * whose packet still waits somewhere.
 *
 * Workers who take turns receive here too, and do the rest in turns.c.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/records.h"
#include "engine/worker.h"
#include "meter/meter_facts.h"

#define RING 65536u /* records per worker: 12 MiB, touched as used */
#define STOP 1u

/*
 * For how long flows are aged in a step without packets, of which there are ten in a second: so a
 * million flows that end together leave within about one. A receive buffer must stand it.
 */
#define AGE_QUIET_NS INT64_C(5000000)
#define AGE_RECORDS  512u /* more than such a call makes records */

/* There are records: the main thread takes them at once, or after others have joined them. */
static void ring_for_records(struct sf_worker *worker)
{
	struct sf_wakeup *wakeup = worker->options.main_wakeup;

	if (sf_wakeup_is_wanted(wakeup, SF_WAKEUP_URGENT))
		sf_wakeup_send(wakeup, sf_ring_fill(&worker->ring) >= SF_RECORDS_MANY
					       ? SF_WAKEUP_URGENT
					       : SF_WAKEUP_WORK);
}

/* sf_flow_sink: into the ring. */
static unsigned put_ring(void *context, const struct sf_flow *flows, unsigned count)
{
	struct sf_worker *worker = context;
	struct sf_wakeup *wakeup = worker->options.main_wakeup;
	unsigned done = sf_records_put(&worker->ring, flows, count);

	ring_for_records(worker);
	while (worker->patient && done < count) {
		sf_wakeup_send(wakeup, SF_WAKEUP_URGENT);
		sf_pause_us(50);
		done += sf_records_put(&worker->ring, flows + done, count - done);
	}
	return done;
}

int sf_worker_init(
	struct sf_worker *worker, const struct sf_worker_options *options, struct sf_error *error)
{
	struct sf_meter_options meter = options->meter;
	int err = 0;

	memset(worker, 0, sizeof(*worker));
	worker->options = *options;
	worker->capture = options->queue == SF_NO_QUEUE ? NULL : options->input->capture;
	worker->horizon = INT64_MIN;
	worker->wakeup.fd = -1;
	atomic_init(&worker->reached, INT64_MIN);
	sf_timing_init(&worker->timing, sf_timing_limit(&meter));
	if (options->turns && sf_turns_join(worker) < 0)
		err = sf_error_set(error, -ENOMEM, "out of memory for packets");
	if (!err && options->door) {
		meter.sink = (struct sf_flow_sink){ sf_door_put, worker };
		if (sf_door_join(worker) < 0)
			err = sf_error_set(error, -ENOMEM, "out of memory for records");
	} else if (!err && options->control) {
		meter.sink = (struct sf_flow_sink){ put_ring, worker };
		if (sf_records_init(&worker->ring, RING, meter.facts))
			err = sf_error_set(error, -ENOMEM, "out of memory for a ring of records");
	}
	if (!err && options->control && !options->door) {
		err = sf_wakeup_init(&worker->wakeup);
		if (err)
			sf_error_set(error, err, "cannot make what wakes a worker: %s",
				sf_strerror(err));
	}
	if (!err && options->exchange)
		sf_exchange_set_wakeup(options->exchange, options->number, &worker->wakeup);
	if (!err && sf_share_join(worker) < 0)
		err = sf_error_set(error, -ENOMEM, "out of memory for packets");
	if (!err && options->filter)
		err = sf_filter_new(&worker->filter, options->filter, error);
	if (!err)
		err = sf_meter_new(&worker->meter, &meter, error);
	/* it only takes: nobody need wait for it to give */
	if (!err && !worker->capture)
		sf_exchange_close(options->exchange, options->number, INT64_MIN);
	if (err)
		sf_worker_fini(worker);
	return err;
}

void sf_worker_fini(struct sf_worker *worker)
{
	sf_meter_free(worker->meter);
	sf_filter_free(worker->filter);
	sf_order_free(worker->order);
	sf_ring_fini(&worker->ring);
	sf_wakeup_fini(&worker->wakeup);
	free(worker->records);
	free(worker->work);
	worker->records = NULL;
	worker->work = NULL;
	worker->order = NULL;
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

/* A sink that would wait, or lose records: then flows stay where they are. */
static bool has_room(struct sf_worker *worker)
{
	return !worker->ring.elements || sf_ring_room(&worker->ring, AGE_RECORDS) == AGE_RECORDS;
}

/*
 * `quiet`: no packet waits meanwhile, as far as anybody knows. Notes down whether a live worker has
 * left some flows for the next time.
 */
static void age(struct sf_worker *worker, bool quiet)
{
	int64_t now = worker->capture ? worker->timing.clock.now : INT64_MAX, end = 0;
	/* a file can wait; a live source cannot: it is bounded work per step there */
	bool live = worker->options.input->capture->live;

	if ((worker->options.exchange || worker->order) && worker->horizon < now)
		now = worker->horizon;
	worker->ages_on = true;
	while (sf_meter_age(worker->meter, now)) {
		if (!live)
			continue;
		if (!quiet || !has_room(worker))
			return;
		if (!end)
			end = sf_clock_read(CLOCK_MONOTONIC) + AGE_QUIET_NS;
		else if (sf_clock_read(CLOCK_MONOTONIC) >= end)
			return;
	}
	worker->ages_on = false;
}

void sf_worker_age(struct sf_worker *worker)
{
	age(worker, false);
}

void sf_worker_tell_clock(struct sf_worker *worker)
{
	int64_t now = sf_share_reached(worker);

	atomic_store_explicit(&worker->reached, now, memory_order_relaxed);
	if (worker->options.exchange)
		sf_exchange_reached(worker->options.exchange, worker->options.number, now);
}

int64_t sf_timing_limit(const struct sf_meter_options *meter)
{
	return meter->idle_timeout_ns < meter->active_timeout_ns ? meter->idle_timeout_ns
								 : meter->active_timeout_ns;
}

void sf_timing_init(struct sf_timing *timing, int64_t limit_ns)
{
	*timing = (struct sf_timing){ .end_ns = INT64_MAX };
	sf_clock_init(&timing->clock, limit_ns);
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
		/* what comes after the end leaves no trace in the clock: it depends on the batch size */
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

/* As many packets as a batch may have, for -c. */
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
	batch->clock = sf_clock_follow(&timing->clock, batch->packets, batch->count, batch->clocks)
			       ? NULL
			       : batch->clocks;
	at_end = is_at_end(worker, timing, batch);
	worker->frames += batch->received;
	worker->unread += batch->received - batch->count;
	if (worker->filter)
		filter(worker, batch);
	claimed = budget ? claim(budget, batch->count) : batch->count;
	worker->unread += batch->count - claimed;
	batch->count = claimed;
	sf_input_learn(worker->options.input);
	return at_end ? SF_WORKER_LIMIT : SF_WORKER_RUNNING;
}

/*
 * Where the clock of a source stands that has just become quiet. A driver that waits for a short
 * time only may return while packets still lie in the kernel. A worker that was late reading its last
 * packets need not be so late for as long as it is quiet.
 */
static int64_t quiet_clock(const struct sf_worker *worker)
{
	const struct sf_clock *clock = &worker->timing.clock;
	const struct sf_input *input = worker->options.input;
	int64_t from = clock->now - (input->short_wait ? SF_KEPT_BACK_NS : 0);
	int64_t least = sf_clock_read(CLOCK_REALTIME) - SF_NS_PER_S - SF_KEPT_BACK_NS;

	if (!input->capture->live || least < from || sf_clock_is_beyond(clock, least, clock->now))
		return from;
	return least;
}

/* Nothing came: the clock goes on by itself, if it has begun. True: to the end of the run. */
static bool keep_time(struct sf_worker *worker)
{
	struct sf_timing *timing = &worker->timing;
	int64_t mono = sf_clock_read(CLOCK_MONOTONIC), looked, now;

	/* a queue that never had a packet must not hold back the ageing of all others */
	if (timing->clock.now == INT64_MIN && worker->options.exchange)
		timing->clock.now = sf_clock_read(CLOCK_REALTIME) - SF_KEPT_BACK_NS;
	if (timing->clock.now == INT64_MIN)
		return false;
	if (!timing->quiet) {
		timing->quiet = true;
		timing->quiet_mono = timing->looked_mono = mono;
		timing->quiet_clock = quiet_clock(worker);
	}
	/* other workers wait for this clock: nothing came since before the driver looked */
	looked = worker->options.exchange ? timing->looked_mono : mono;
	now = timing->quiet_clock + (looked - timing->quiet_mono);
	timing->looked_mono = mono;
	if (now > timing->clock.now)
		timing->clock.now = now;
	sf_worker_tell_clock(worker);
	return timing->clock.now >= timing->end_ns;
}

/* A worker without a queue. */
static enum sf_worker_state step_handed(struct sf_worker *worker)
{
	unsigned n = sf_share_take(worker);

	sf_share_account(worker);
	sf_worker_age(worker);
	if (n)
		return SF_WORKER_RUNNING;
	if (sf_exchange_drained(worker->options.exchange, worker->options.number))
		return SF_WORKER_EOF;
	sf_idle_wait(worker);
	return SF_WORKER_QUIET;
}

/* Receives packets, and if there are none waits for them, unless the driver does. */
static enum sf_worker_state receive(struct sf_worker *worker, struct sf_received *batch)
{
	enum sf_worker_state state =
		sf_worker_receive(worker, &worker->timing, batch, SF_BATCH_MAX);

	if (state != SF_WORKER_QUIET || !worker->options.input->waits)
		return state;
	sf_idle_wait(worker);
	worker->timing.looked_mono = sf_clock_read(CLOCK_MONOTONIC);
	return sf_worker_receive(worker, &worker->timing, batch, SF_BATCH_MAX);
}

/* A worker with a queue. */
static enum sf_worker_state step_own(struct sf_worker *worker)
{
	struct sf_packet packets[SF_BATCH_MAX];
	int64_t clocks[SF_BATCH_MAX];
	struct sf_received batch = { .packets = packets, .clocks = clocks };
	enum sf_worker_state state;

	sf_share_take(worker);
	state = receive(worker, &batch);
	sf_idle_tell(worker, batch.received > 0);
	if (batch.received) {
		sf_share_batch(worker, &batch);
		sf_worker_tell_clock(worker);
		sf_capture_release(worker->capture, worker->options.queue);
	} else if (state != SF_WORKER_QUIET) {
		return state;
	} else if (worker->options.ages_when_quiet && keep_time(worker)) {
		state = SF_WORKER_LIMIT;
	}
	sf_share_account(worker);
	age(worker, !batch.received);
	return state;
}

enum sf_worker_state sf_worker_step(struct sf_worker *worker)
{
	worker->state = worker->options.turns ? sf_turns_step(worker)
			: worker->capture     ? step_own(worker)
					      : step_handed(worker);
	return worker->state;
}

void sf_worker_counters(const struct sf_worker *worker, struct sf_engine_counters *counters)
{
	sf_meter_ledger(worker->meter, &counters->ledger);
	counters->frames = worker->frames;
	counters->unread = worker->unread;
	if (worker->work && !sf_worker_ended(worker))
		sf_turns_counters(worker, counters);
	counters->handed = worker->options.exchange ? sf_exchange_handed(worker->options.exchange,
							      worker->options.number)
						    : 0;
	counters->order =
		worker->order ? sf_order_counts(worker->order) : (struct sf_order_counts){ 0 };
	counters->clock = worker->timing.clock.now;
}

uint32_t sf_worker_request(const struct sf_worker *worker)
{
	/* pairs with the releases in ask_books() and sf_run_threads() */
	return atomic_load_explicit(worker->options.control, memory_order_acquire) >> 1;
}

void sf_worker_answer(struct sf_worker *worker, uint32_t request)
{
	if (request == atomic_load_explicit(&worker->answered, memory_order_relaxed))
		return;
	sf_worker_counters(worker, &worker->snapshot);
	/* pairs with the acquires in books_answered() and sf_run_books() */
	atomic_store_explicit(&worker->answered, request, memory_order_release);
}

/* Reads `control` once per batch; true: go on. */
static bool obey(struct sf_worker *worker)
{
	struct sf_turns *turns = worker->options.turns;

	/* those who take turns answer where all have accounted the same packets */
	if (!turns)
		sf_worker_answer(worker, sf_worker_request(worker));
	if (!(atomic_load_explicit(worker->options.control, memory_order_relaxed) & STOP))
		return true;
	if (turns) {
		sf_turns_end(turns, SF_WORKER_STOPPED);
		return true;
	}
	worker->state = SF_WORKER_STOPPED;
	return false;
}

void sf_worker_finish(struct sf_worker *worker)
{
	int64_t end;

	if (worker->options.turns)
		worker->timing = worker->options.turns->timing;
	end = sf_clock_finish(&worker->timing.clock);
	if (end > worker->timing.end_ns)
		end = worker->timing.clock.now = worker->timing.end_ns;
	end = sf_share_finish(worker, end);
	atomic_store_explicit(&worker->reached, end, memory_order_relaxed);
	if (worker->options.door)
		sf_door_finish(worker, end);
	else
		sf_meter_finish(worker->meter, end);
}

static void *worker_main(void *context)
{
	struct sf_worker *worker = context;

	pthread_mutex_lock(worker->options.start_barrier);
	pthread_mutex_unlock(worker->options.start_barrier);
	while (!sf_worker_ended(worker) && obey(worker))
		sf_worker_step(worker);
	/* nothing is behind us any more: no record need be lost for want of room */
	worker->patient = true;
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
