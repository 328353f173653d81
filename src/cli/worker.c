/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packet loop. A batch passes: receive, filter, clock, meter, release, age.
 *
 * Clock of a source: the largest packet time so far (base/clock.h). While a live source is quiet
 * it goes on with the monotonic clock from where the packets left it, so that a wall clock that is
 * set meanwhile neither ends flows early nor keeps them; it then lags behind the wall by the
 * driver's wait (0.1 s) at most, which is also what keeps packets that the kernel still holds back
 * from finding their flow already aged.
 *
 * With an exchange the batch is parsed, what belongs to other workers is given to them, the rest
 * goes into the own table (DESIGN §2). Ageing then stops at the clock that all workers have
 * reached, so that no flow is closed whose packet still waits in a ring.
 *
 * With a share the capture gives a worker's own packets only, and moves its clock by all.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "cli/worker.h"
#include "meter/meter_facts.h"

#define RING          65536u /* records per worker: 12 MiB, touched as used */
#define RECORDS       2048u  /* most that wait for the door: they stay in the caches */
#define RECORDS_BUNCH 512u   /* from so many on the door is tried, without waiting */
#define DOOR_TRIES    1000u  /* some 0.6 µs each */
#define STOP          1u
#define TAKE_BATCHES  16u   /* taken from others between two batches of one's own */
#define TAKE_QUIET    512u  /* the same, before waiting for packets of one's own */
#define LOOK_AT       4096u /* packets of all workers, between two looks at `control` */
#define PAUSE_MAX_US  1000L
#define REMAINS_PART  4096u /* places that a worker takes at a time */

/* how long packets may lie in the kernel before the driver hands them over */
#define KEPT_BACK_NS INT64_C(100000000)

static void pause_us(long us)
{
	nanosleep(&(struct timespec){ .tv_nsec = us * 1000 }, NULL);
}

/* sf_flow_sink: into the ring. */
static unsigned put_ring(void *context, const struct sf_flow *flows, unsigned count)
{
	struct sf_worker *worker = context;
	unsigned done = sf_ring_put(&worker->ring, flows, count);

	while (worker->patient && done < count) {
		pause_us(50);
		done += sf_ring_put(&worker->ring, flows + done, count - done);
	}
	return done;
}

/*
 * Takes the lock. Another worker mostly holds it for less time than it takes to be woken up, so it is
 * tried for a while; who then still has to sleep waits for a slow collector.
 */
static void open_door(struct sf_door *door)
{
	for (unsigned i = 0; i < DOOR_TRIES; i++) {
		if (pthread_mutex_trylock(&door->lock) == 0)
			return;
		sched_yield();
	}
	pthread_mutex_lock(&door->lock);
}

/* Takes the records that wait through the door. `now`: even if others have to be waited for. */
static void pass_door(struct sf_worker *worker, bool now)
{
	const struct sf_flow_sink *sink = &worker->options.meter.sink;
	struct sf_door *door = worker->options.door;

	while (atomic_load_explicit(&door->wanted, memory_order_relaxed)) {
		if (!now)
			return;
		pause_us(50);
	}
	if (now)
		open_door(door);
	else if (pthread_mutex_trylock(&door->lock))
		return;
	sink->put(sink->context, worker->records, worker->record_count);
	pthread_mutex_unlock(&door->lock);
	worker->record_count = 0;
}

/* sf_flow_sink: through the door, many at once. */
static unsigned put_behind_door(void *context, const struct sf_flow *flows, unsigned count)
{
	struct sf_worker *worker = context;

	if (worker->record_count + count > RECORDS)
		pass_door(worker, true);
	memcpy(worker->records + worker->record_count, flows, count * sizeof(*flows));
	worker->record_count += count;
	if (worker->record_count >= RECORDS_BUNCH)
		pass_door(worker, false);
	return count;
}

int sf_worker_init(
	struct sf_worker *worker, const struct sf_worker_options *options, struct sf_error *error)
{
	struct sf_meter_options meter = options->meter;
	int64_t limit = meter.idle_timeout_ns < meter.active_timeout_ns ? meter.idle_timeout_ns
									: meter.active_timeout_ns;
	int err = 0;

	memset(worker, 0, sizeof(*worker));
	worker->options = *options;
	worker->capture = options->queue == SF_NO_QUEUE ? NULL : options->input->capture;
	worker->horizon = INT64_MIN;
	worker->patient = !options->input->capture->live;
	worker->end_ns = INT64_MAX;
	worker->stop_at = UINT64_MAX;
	atomic_init(&worker->reached, INT64_MIN);
	sf_clock_init(&worker->clock, limit);
	if (options->share)
		sf_share_part(&worker->part, options->share->workers, options->number,
			options->share->secret, &worker->clock);
	if (options->door) {
		meter.sink = (struct sf_flow_sink){ put_behind_door, worker };
		worker->records = calloc(RECORDS, sizeof(*worker->records));
		if (!worker->records)
			err = sf_error_set(error, -ENOMEM, "out of memory for records");
	} else if (options->control) {
		meter.sink = (struct sf_flow_sink){ put_ring, worker };
		if (sf_ring_init(&worker->ring, RING, sizeof(struct sf_flow)))
			err = sf_error_set(error, -ENOMEM, "out of memory for a ring of records");
	}
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
	sf_ring_fini(&worker->ring);
	free(worker->records);
	worker->records = NULL;
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

static void age(struct sf_worker *worker)
{
	int64_t now = worker->capture ? worker->clock.now : INT64_MAX;

	if (worker->options.exchange && worker->horizon < now)
		now = worker->horizon;
	/* a file can wait; a live source cannot: it is bounded work per batch there */
	while (sf_meter_age(worker->meter, now) && worker->patient)
		;
}

/* Tells the others and the main thread how far this worker is. */
static void tell_clock(struct sf_worker *worker)
{
	atomic_store_explicit(&worker->reached, worker->clock.now, memory_order_relaxed);
	if (worker->options.exchange)
		sf_exchange_reached(
			worker->options.exchange, worker->options.number, worker->clock.now);
}

/* Meters what others handed over; returns how many packets. */
static unsigned take(struct sf_worker *worker)
{
	struct sf_exchange *exchange = worker->options.exchange;
	unsigned me = worker->options.number, total = 0;
	unsigned batches = worker->quiet ? TAKE_QUIET : TAKE_BATCHES;
	int64_t horizon = sf_exchange_horizon(exchange, me);

	for (unsigned i = 0; i < batches; i++) {
		struct sf_facts *facts;
		unsigned n = sf_exchange_take(exchange, me, &facts, SF_BATCH_MAX);

		if (!n) {
			/* nothing older than the horizon, read before, is under way */
			worker->horizon = horizon;
			break;
		}
		sf_meter_update(worker->meter, facts, n);
		sf_exchange_taken(exchange, me);
		total += n;
	}
	return total;
}

/* Nothing came: the clock goes on by itself. */
static void keep_time(struct sf_worker *worker)
{
	int64_t mono = sf_clock_read(CLOCK_MONOTONIC), now;

	/* a queue that never had a packet must not hold back the ageing of all others */
	if (worker->clock.now == INT64_MIN && worker->options.exchange)
		worker->clock.now = sf_clock_read(CLOCK_REALTIME) - KEPT_BACK_NS;
	if (worker->clock.now == INT64_MIN)
		return;
	if (!worker->quiet) {
		worker->quiet = true;
		worker->quiet_mono = mono;
		worker->quiet_clock = worker->clock.now;
	}
	now = worker->quiet_clock + (mono - worker->quiet_mono);
	if (now > worker->clock.now)
		worker->clock.now = now;
	tell_clock(worker);
}

/* The clock after packet i; `clock` as sf_meter_batch() takes it. */
static int64_t clock_after(const struct sf_packet *packets, const int64_t *clock, unsigned i)
{
	return clock ? clock[i] : packets[i].time_ns;
}

/* How many packets come before the end that --duration sets. */
static unsigned before_end(struct sf_worker *worker, const struct sf_packet *packets,
	unsigned count, const int64_t *clock)
{
	if (!worker->options.packet_duration_ns || !count)
		return count;
	if (worker->end_ns == INT64_MAX)
		worker->end_ns =
			clock_after(packets, clock, 0) + worker->options.packet_duration_ns;
	if (worker->clock.now < worker->end_ns)
		return count;
	/* what comes after the end leaves no trace in the clock: it depends on the batch size */
	worker->state = SF_WORKER_LIMIT;
	sf_clock_init(&worker->clock, worker->clock.limit);
	worker->clock.now = worker->end_ns;
	while (count && clock_after(packets, clock, count - 1) >= worker->end_ns)
		count--;
	return count;
}

/* Moves the packets that pass to the front, in order; returns their number. */
static unsigned filter(struct sf_worker *worker, struct sf_packet *packets, unsigned count)
{
	unsigned passed = 0;

	for (unsigned i = 0; i < count; i++)
		if (sf_filter_match(worker->filter, &packets[i]))
			packets[passed++] = packets[i];
	sf_meter_ignore(worker->meter, SF_IGNORED_filtered, count - passed);
	return passed;
}

/* Meters the part of a batch that is ours, hands on the rest. */
static void share_batch(struct sf_worker *worker, const struct sf_packet *packets, unsigned count,
	const int64_t *clock)
{
	struct sf_facts facts[SF_BATCH_MAX];
	uint64_t lost = 0;
	unsigned n = sf_meter_parse(
		worker->meter, packets, count, clock, &worker->options.input->point, facts);

	n = sf_exchange_give(
		worker->options.exchange, worker->options.number, facts, n, worker->patient, &lost);
	sf_meter_drop(worker->meter, SF_IGNORED_handOver, lost);
	sf_meter_update(worker->meter, facts, n);
}

/* The clock after each packet, or NULL: its own time. */
static const int64_t *follow_clock(
	struct sf_worker *worker, const struct sf_packet *packets, unsigned count, int64_t *clocks)
{
	if (worker->options.share)
		return worker->part.in_order ? NULL : worker->part.clocks;
	return sf_clock_follow(&worker->clock, packets, count, clocks) ? NULL : clocks;
}

static void meter_batch(struct sf_worker *worker, struct sf_packet *packets, unsigned count)
{
	struct sf_budget *budget = worker->options.budget;
	unsigned passed = worker->filter ? filter(worker, packets, count) : count;
	unsigned taken = budget ? claim(budget, passed) : passed;
	int64_t clocks[SF_BATCH_MAX];
	const int64_t *clock = follow_clock(worker, packets, taken, clocks);

	taken = before_end(worker, packets, taken, clock);
	sf_input_learn(worker->options.input);
	worker->frames += count;
	worker->unread += passed - taken;
	if (worker->options.exchange)
		share_batch(worker, packets, taken, clock);
	else
		sf_meter_batch(worker->meter, packets, taken, clock, &worker->options.input->point);
	tell_clock(worker);
}

/* A worker without a queue. */
static enum sf_worker_state step_handed(struct sf_worker *worker)
{
	unsigned n = take(worker);

	age(worker);
	if (n)
		return SF_WORKER_RUNNING;
	if (sf_exchange_drained(worker->options.exchange, worker->options.number))
		return SF_WORKER_EOF;
	if (worker->record_count)
		pass_door(worker, false);
	/* a file's reader is not far: it would fill the ring while this worker sleeps */
	if (worker->patient)
		sched_yield();
	else
		pause_us(50);
	return SF_WORKER_QUIET;
}

/* As many packets as a batch may have, for -c. */
static unsigned most_packets(const struct sf_worker *worker)
{
	uint64_t left = SF_BATCH_MAX;

	if (worker->options.budget)
		left = atomic_load(&worker->options.budget->left);
	return left < SF_BATCH_MAX ? (unsigned)left : SF_BATCH_MAX;
}

static int receive(struct sf_worker *worker, struct sf_packet *packets, unsigned max)
{
	struct sf_capture *capture = worker->capture;
	struct sf_part *part = &worker->part;

	if (worker->options.share) {
		part->stop_at = part->seen + LOOK_AT;
		if (worker->stop_at < part->stop_at)
			part->stop_at = worker->stop_at;
		return capture->ops->recv_part(capture, part, packets, max);
	}
	return sf_capture_recv(capture, worker->options.queue, packets, max);
}

enum sf_worker_state sf_worker_step(struct sf_worker *worker)
{
	struct sf_packet packets[SF_BATCH_MAX];
	unsigned max;
	int n;

	if (!worker->capture)
		return worker->state = step_handed(worker);
	max = most_packets(worker);
	if (!max)
		return worker->state = SF_WORKER_LIMIT;
	if (worker->options.exchange)
		take(worker);
	n = receive(worker, packets, max);
	if (n < 0)
		return worker->state = n == SF_EOF ? SF_WORKER_EOF : SF_WORKER_FAILED;
	worker->state = SF_WORKER_RUNNING;
	if (n > 0) {
		meter_batch(worker, packets, (unsigned)n);
		sf_capture_release(worker->capture, worker->options.queue);
		worker->quiet = false;
	} else {
		worker->state = SF_WORKER_QUIET;
		if (worker->options.share)
			tell_clock(worker);
		if (worker->options.ages_when_quiet)
			keep_time(worker);
		if (worker->options.ages_when_quiet && worker->clock.now >= worker->end_ns)
			worker->state = SF_WORKER_LIMIT;
	}
	age(worker);
	return worker->state;
}

void sf_worker_books(const struct sf_worker *worker, struct sf_books *books)
{
	sf_meter_ledger(worker->meter, &books->ledger);
	books->frames = worker->frames;
	books->unread = worker->unread;
	books->handed = worker->options.exchange ? sf_exchange_handed(worker->options.exchange,
							   worker->options.number)
						 : 0;
	books->clock = worker->clock.now;
}

/* Gives the books if they were asked for; returns what `control` says. */
static uint32_t answer(struct sf_worker *worker)
{
	/* pairs with the releases in ask_books() and sf_run_threads() */
	uint32_t control = atomic_load_explicit(worker->options.control, memory_order_acquire);

	if (control == worker->seen_control)
		return control;
	worker->seen_control = control;
	sf_worker_books(worker, &worker->books);
	/* pairs with the acquires in books_answered() and sf_run_books() */
	atomic_store_explicit(&worker->answered, control >> 1, memory_order_release);
	return control;
}

/* Reads `control` once per batch; true: go on. */
static bool obey(struct sf_worker *worker)
{
	if (!(answer(worker) & STOP))
		return true;
	worker->state = SF_WORKER_STOPPED;
	return false;
}

/* Takes parts of what remains of another worker, or of its own, until all are taken. */
static void take_remains(struct sf_worker *worker, struct sf_worker *of)
{
	struct sf_remains *remains = &of->remains;
	uint64_t from;

	while ((from = atomic_fetch_add(&remains->taken, REMAINS_PART)) < remains->places) {
		uint32_t left = remains->places - (uint32_t)from;
		uint32_t n = left < REMAINS_PART ? left : REMAINS_PART;

		sf_meter_finish_part(
			worker->meter, of->meter, (uint32_t)from, (uint32_t)from + n, remains->end);
		/* pairs with the acquire in finish_together(): the part is read no more */
		atomic_fetch_add_explicit(&remains->given, n, memory_order_release);
	}
}

/* Takes parts of all that remains now. True: no worker is left that will have more. */
static bool take_all_remains(struct sf_worker *worker)
{
	const struct sf_door *door = worker->options.door;
	bool all = true;

	for (unsigned i = 0; i < door->worker_count; i++) {
		struct sf_worker *of =
			&door->workers[(worker - door->workers + i) % door->worker_count];

		/* pairs with the release in finish_together(); one that did not start is only done */
		if (atomic_load_explicit(&of->remains.open, memory_order_acquire)) {
			/* what the other one answered has these flows in its table: so must this */
			answer(worker);
			take_remains(worker, of);
		} else if (!atomic_load_explicit(&of->done, memory_order_acquire)) {
			all = false;
		}
	}
	return all;
}

/* All flows leave the tables of all workers of a file. */
static void finish_together(struct sf_worker *worker, int64_t end)
{
	struct sf_remains *remains = &worker->remains;

	answer(worker);
	remains->end = end;
	remains->places = sf_meter_places(worker->meter);
	/* pairs with the acquire in take_all_remains(): the table is complete */
	atomic_store_explicit(&remains->open, true, memory_order_release);
	for (long us = 50; !take_all_remains(worker); us = us < PAUSE_MAX_US ? us * 2 : us) {
		if (worker->record_count)
			pass_door(worker, false);
		pause_us(us);
	}
	if (worker->record_count)
		pass_door(worker, true);
	while (atomic_load_explicit(&remains->given, memory_order_acquire) < remains->places)
		pause_us(50);
	sf_meter_forget(worker->meter);
}

void sf_worker_finish(struct sf_worker *worker)
{
	struct sf_exchange *exchange = worker->options.exchange;
	unsigned me = worker->options.number;
	int64_t end = sf_clock_finish(&worker->clock);

	if (exchange) {
		sf_exchange_close(exchange, me, end);
		while (!sf_exchange_drained(exchange, me))
			if (!take(worker))
				pause_us(50);
		end = sf_exchange_horizon(exchange, me);
	}
	atomic_store_explicit(&worker->reached, end, memory_order_relaxed);
	if (worker->options.door)
		finish_together(worker, end);
	else
		sf_meter_finish(worker->meter, end);
}

void sf_share_arrive(struct sf_share *share, uint64_t packets)
{
	uint64_t furthest = atomic_load(&share->furthest);

	while (furthest < packets &&
		!atomic_compare_exchange_weak(&share->furthest, &furthest, packets))
		;
	atomic_fetch_sub(&share->missing, 1);
}

/* The end of one who reads what others read too. */
static void meet(struct sf_worker *worker)
{
	struct sf_share *share = worker->options.share;

	sf_share_arrive(share, worker->part.seen);
	if (worker->state != SF_WORKER_STOPPED)
		return;
	while (atomic_load(&share->missing))
		pause_us(50);
	worker->stop_at = atomic_load(&share->furthest);
	worker->state = SF_WORKER_RUNNING;
	while (worker->part.seen < worker->stop_at && !sf_worker_ended(worker))
		sf_worker_step(worker);
	if (!sf_worker_ended(worker))
		worker->state = SF_WORKER_STOPPED;
}

static void *worker_main(void *context)
{
	struct sf_worker *worker = context;

	pthread_mutex_lock(worker->options.gate);
	pthread_mutex_unlock(worker->options.gate);
	while (!sf_worker_ended(worker) && obey(worker))
		sf_worker_step(worker);
	if (worker->options.share)
		meet(worker);
	/* nothing is behind us any more: no record need be lost for want of room */
	worker->patient = true;
	sf_worker_finish(worker);
	/* pairs with the acquire in the main thread's drain loop */
	atomic_store_explicit(&worker->done, true, memory_order_release);
	if (worker->options.bell >= 0)
		eventfd_write(worker->options.bell, 1);
	return NULL;
}

int sf_worker_start(struct sf_worker *worker, struct sf_error *error)
{
	pthread_attr_t attributes;
	int err = pthread_attr_init(&attributes);

	if (!err && worker->options.cpu >= 0) {
		cpu_set_t one;

		CPU_ZERO(&one);
		CPU_SET((unsigned)worker->options.cpu, &one);
		err = pthread_attr_setaffinity_np(&attributes, sizeof(one), &one);
	}
	if (!err)
		err = pthread_create(&worker->thread, &attributes, worker_main, worker);
	pthread_attr_destroy(&attributes);
	if (err)
		return sf_error_set(
			error, -err, "cannot start a worker thread: %s", sf_strerror(-err));
	worker->has_thread = true;
	return 0;
}
