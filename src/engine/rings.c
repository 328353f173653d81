/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hand-over between workers of interfaces (struct sf_handover_ops sf_rings). A worker with a queue
 * parses its packets and gives those of other workers' flows to them through rings (exchange.h); a
 * worker without a queue only takes. Where several queues or rings deliver packets of the same
 * flows, packets are put in the order of their times before they reach the table (order.h). A
 * source of packets is a queue: the worker's own one, and that of each worker that hands packets
 * over. A source has reached its clock, or a time a little before it: see lag_of().
 *
 * Records go to the main thread through a ring. A full ring loses records by name, so that a slow
 * exporter never keeps a worker from its packets.
 *
 * A worker without packets sleeps. It wakes by itself because time goes on: flows end when no
 * packet comes, and other workers wait for its clock before they account their packets. Sooner it
 * is woken by packets of its own, by other workers that hand packets over or begin to receive some,
 * and by requests and orders of the main thread.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "engine/exchange.h"
#include "engine/order.h"
#include "engine/records.h"
#include "engine/worker.h"
#include "meter/meter_facts.h"

#define HANDOVER 16384u /* packets per ring between two workers: 2 MiB, to bear a burst */
#define RECORDS  65536u /* records per worker: 12 MiB, touched as used */

#define PARTS_BUSY  32u   /* parts of packets taken between two batches of one's own */
#define PARTS_QUIET 1024u /* the same, before waiting for packets of one's own */

/* Packets that wait for their order: some 700,000 of IPv4; memory is touched as it is needed. */
#define ORDER_BYTES ((size_t)32 << 20)

/* How far apart the packets of one ring may be out of order, as several CPUs write to it. */
#define RING_DISORDER_NS INT64_C(1000000)

/*
 * Time spent on ageing in one step without packets. There are ten such steps a second, so a million
 * flows that end together leave within about one second. The receive buffer must hold the packets
 * that come during such a step.
 */
#define AGE_QUIET_NS INT64_C(5000000)
#define AGE_RECORDS  512u /* more than one call of sf_meter_age() makes records */

/*
 * Longest sleep while packets come to any of several queues: packets of other queues wait as long
 * for the clock of this worker (order.h). It is longer than the time for which the kernel gathers
 * packets in a block, whose end wakes the worker.
 */
#define SHORT_MS 40

/*
 * Longest sleep of a worker with one queue, from its last packet until the queue counts as quiet,
 * and while flows wait to be aged.
 */
#define MIDDLE_MS 100

/*
 * Longest sleep while nothing happens. A record may be late by this time, and with several workers
 * by twice as much, because the clock of another worker may be as old.
 */
#define LONG_MS 300

struct rings {
	struct sf_handover handover;
	struct sf_exchange *exchange; /* NULL: no packets are handed over */
};

/* What a worker of this kind has of its own. */
struct live {
	struct sf_exchange *exchange; /* of the handover */
	/* of the packets of several queues or rings; NULL: they come in order */
	struct sf_order *order;
	/* with an exchange or an order: up to this time all packets are in the table */
	int64_t horizon;
	bool ages_on; /* flows that are due have been left for the next step */
};

/* ---------------------------------------------------------------- records */

/* There are records: the main thread takes them at once, or after others have joined them. */
static void wake_main(struct sf_worker *worker)
{
	struct sf_wakeup *wakeup = worker->options.main_wakeup;

	if (sf_wakeup_is_wanted(wakeup, SF_WAKEUP_URGENT))
		sf_wakeup_send(wakeup, sf_ring_fill(&worker->ring) >= SF_RECORDS_MANY
					       ? SF_WAKEUP_URGENT
					       : SF_WAKEUP_WORK);
}

/* sf_flow_sink: into the ring. */
static unsigned put_records(void *context, const struct sf_flow *flows, unsigned count)
{
	struct sf_worker *worker = context;
	struct sf_wakeup *wakeup = worker->options.main_wakeup;
	unsigned done = sf_records_put(&worker->ring, flows, count);

	wake_main(worker);
	while (worker->waits_for_room && done < count) {
		sf_wakeup_send(wakeup, SF_WAKEUP_URGENT);
		sf_pause_us(50);
		done += sf_records_put(&worker->ring, flows + done, count - done);
	}
	return done;
}

/* ---------------------------------------------------------------- packets of several sources */

/* The queues of the observation point; each is read by the worker of its number. */
static unsigned queues_of(const struct sf_worker *worker)
{
	const struct live *live = worker->own;

	return live->exchange ? worker->options.input->capture->queues : 1;
}

/* Which source the worker's own queue is. */
static unsigned own_source(const struct sf_worker *worker)
{
	const struct live *live = worker->own;

	return live->exchange ? worker->options.number : 0;
}

/*
 * How far behind its clock a queue may still deliver packets: where it reads several rings by
 * turns, for as long as packets may lie in one of them.
 */
static int64_t lag_of(const struct sf_worker *worker)
{
	return worker->options.input->capture->mixed ? SF_KEPT_BACK_NS : RING_DISORDER_NS;
}

/* All packets up to this time have been handed on. */
static int64_t reached(const struct sf_worker *worker)
{
	const struct live *live = worker->own;
	int64_t now = worker->timing.clock.now;

	return live->order && now != INT64_MIN ? now - lag_of(worker) : now;
}

static void tell_clock(struct sf_worker *worker)
{
	struct live *live = worker->own;
	int64_t now = reached(worker);

	sf_worker_tell_clock(worker, now);
	if (live->exchange)
		sf_exchange_reached(live->exchange, worker->options.number, now);
}

/* Copies facts of a source; when there is no room the oldest ones go on first. */
static void put(struct sf_worker *worker, unsigned source, struct sf_facts_array facts, unsigned n)
{
	struct live *live = worker->own;

	while (sf_order_is_full(live->order)) {
		unsigned oldest =
			sf_order_force(live->order, sf_meter_room(worker->meter), SF_METER_PART);

		sf_meter_offer(worker->meter, oldest);
	}
	sf_order_put(live->order, source, facts, n);
}

/* What another worker handed over; returns how many packets. */
static unsigned take_from(struct sf_worker *worker, unsigned from, unsigned parts)
{
	struct live *live = worker->own;
	struct sf_exchange *exchange = live->exchange;
	unsigned me = worker->options.number, total = 0;
	int64_t clock = sf_exchange_reached_by(exchange, from);

	for (unsigned i = 0; i < parts; i++) {
		unsigned n = SF_METER_PART;
		struct sf_facts_array facts = sf_exchange_peek(exchange, me, from, &n);

		if (!n) {
			/* nothing older than the clock, read before, is under way */
			sf_order_reach(live->order, from, clock);
			break;
		}
		put(worker, from, facts, n);
		sf_exchange_drop(exchange, me, from, n);
		total += n;
	}
	return total;
}

/* Without an order: one queue, whose packets come as they are. */
static unsigned take_all(struct sf_worker *worker, unsigned parts)
{
	struct live *live = worker->own;
	struct sf_exchange *exchange = live->exchange;
	unsigned me = worker->options.number, total = 0;
	int64_t horizon = sf_exchange_horizon(exchange, me);

	for (unsigned i = 0; i < parts; i++) {
		unsigned n =
			sf_exchange_take(exchange, me, sf_meter_room(worker->meter), SF_METER_PART);

		if (!n) {
			/* nothing older than the horizon, read before, is under way */
			live->horizon = horizon;
			break;
		}
		sf_meter_offer(worker->meter, n);
		total += n;
	}
	return total;
}

/* Takes what others handed over; returns how many packets. */
static unsigned take(struct sf_worker *worker)
{
	const struct live *live = worker->own;
	unsigned parts = worker->timing.quiet ? PARTS_QUIET : PARTS_BUSY, total = 0;

	if (!live->exchange)
		return 0;
	if (!live->order)
		return take_all(worker, parts);
	for (unsigned from = 0; from < queues_of(worker); from++)
		if (from != worker->options.number)
			total += take_from(worker, from, parts);
	return total;
}

/* Up to SF_METER_PART parsed packets: the worker's own are kept, the rest is handed on. */
static void share_part(struct sf_worker *worker, struct sf_facts_array facts, unsigned n)
{
	struct live *live = worker->own;
	struct sf_exchange *exchange = live->exchange;
	struct sf_facts_buffer buffer;
	const struct sf_facts_array mine = sf_facts_array(&buffer);
	uint64_t lost = 0;

	if (!live->order) {
		n = sf_exchange_give(exchange, worker->options.number, facts, n,
			sf_meter_room(worker->meter), &lost);
		sf_meter_offer(worker->meter, n);
	} else if (exchange) {
		n = sf_exchange_give(exchange, worker->options.number, facts, n, mine, &lost);
		put(worker, own_source(worker), mine, n);
	} else {
		put(worker, own_source(worker), facts, n);
	}
	sf_meter_drop(worker->meter, SF_IGNORED_handOver, lost);
}

/* Parses a batch: packets of other workers are handed on, the rest is metered or waits. */
static void give(struct sf_worker *worker, const struct sf_received *batch)
{
	const struct live *live = worker->own;
	const struct sf_observation_point *point = &worker->options.input->point;
	struct sf_facts_buffer buffer;
	const struct sf_facts_array facts = sf_facts_array(&buffer);

	if (!live->order && !live->exchange) {
		sf_meter_batch(worker->meter, batch->packets, batch->count, batch->clock, point);
		return;
	}
	for (unsigned i = 0, n; i < batch->count; i += SF_METER_PART) {
		n = batch->count - i < SF_METER_PART ? batch->count - i : SF_METER_PART;
		n = sf_meter_parse(worker->meter, batch->packets + i, n,
			batch->clock ? batch->clock + i : NULL, point, facts);
		share_part(worker, facts, n);
	}
}

/* Accounts at most `parts` parts of waiting packets; returns the number of packets. */
static unsigned account(struct sf_worker *worker, unsigned parts)
{
	struct live *live = worker->own;
	unsigned total = 0, n;

	for (unsigned i = 0; i < parts; i++) {
		n = sf_order_take(live->order, sf_meter_room(worker->meter), SF_METER_PART);
		if (!n)
			break;
		sf_meter_offer(worker->meter, n);
		total += n;
	}
	return total;
}

/* Meters packets that have waited, and notes how far the table may be aged. */
static void account_some(struct sf_worker *worker)
{
	struct live *live = worker->own;

	if (!live->order)
		return;
	if (worker->capture)
		sf_order_reach(live->order, own_source(worker), reached(worker));
	account(worker, worker->timing.quiet ? PARTS_QUIET : PARTS_BUSY);
	live->horizon = sf_order_horizon(live->order);
}

/* ---------------------------------------------------------------- ageing */

/* A sink that would wait, or lose records: then flows stay where they are. */
static bool has_room(struct sf_worker *worker)
{
	return sf_ring_room(&worker->ring, AGE_RECORDS) == AGE_RECORDS;
}

/*
 * Ages the table to the worker's clock, and no further than others' packets allow; bounded work per
 * step. `quiet`: no packet waits meanwhile, as far as anybody knows.
 */
static void age(struct sf_worker *worker, bool quiet)
{
	struct live *live = worker->own;
	int64_t now = worker->capture ? worker->timing.clock.now : INT64_MAX, end = 0;

	if ((live->exchange || live->order) && live->horizon < now)
		now = live->horizon;
	live->ages_on = true;
	while (sf_meter_age(worker->meter, now)) {
		if (!quiet || !has_room(worker))
			return;
		if (!end)
			end = sf_clock_read(CLOCK_MONOTONIC) + AGE_QUIET_NS;
		else if (sf_clock_read(CLOCK_MONOTONIC) >= end)
			return;
	}
	live->ages_on = false;
}

/* ---------------------------------------------------------------- sleep */

/* Without a queue, or before the first packet, there is nothing that has to become quiet. */
static bool is_quiet(const struct sf_worker *worker)
{
	const struct live *live = worker->own;

	if (worker->capture && worker->timing.clock.now != INT64_MIN && !worker->timing.quiet)
		return false;
	if (live->order && sf_order_counts(live->order).waiting > 0)
		return false;
	return !live->ages_on && (!live->exchange || sf_exchange_idle(live->exchange));
}

/* Sleeps until there may be packets, or until time has to go on. */
static void wait_for_packets(struct sf_worker *worker)
{
	const struct sf_worker_options *options = &worker->options;
	struct sf_exchange *exchange = ((struct live *)worker->own)->exchange;
	bool quiet = is_quiet(worker);
	enum sf_wakeup_level level = quiet ? SF_WAKEUP_WORK : SF_WAKEUP_URGENT;
	int ms = quiet ? LONG_MS : options->input->short_wait ? SHORT_MS : MIDDLE_MS;

	sf_wakeup_arm(&worker->wakeup, level);
	/* what came before it was announced that this worker sleeps */
	if (exchange && (sf_exchange_calls(exchange, options->number, level) ||
				(quiet && !sf_exchange_idle(exchange))))
		ms = 0;
	if (worker->capture)
		worker->capture->ops->wait(
			worker->capture, options->queue, worker->wakeup.fd, (unsigned)ms);
	else
		poll(&(struct pollfd){ .fd = worker->wakeup.fd, .events = POLLIN }, 1, ms);
	sf_wakeup_disarm(&worker->wakeup);
}

/* ---------------------------------------------------------------- the kinds */

static int live_join(
	struct sf_worker *worker, struct sf_meter_options *meter, struct sf_error *error)
{
	const struct sf_capture *capture = worker->options.input->capture;
	struct rings *rings = (struct rings *)worker->options.handover;
	struct live *live = calloc(1, sizeof(*live));
	int err;

	worker->own = live;
	if (!live || sf_records_init(&worker->ring, RECORDS, meter->facts) < 0)
		return sf_error_set(error, -ENOMEM, "out of memory for a ring of records");
	meter->sink = (struct sf_flow_sink){ put_records, worker };
	live->exchange = rings->exchange;
	live->horizon = INT64_MIN;
	err = sf_wakeup_init(&worker->wakeup);
	if (err)
		return sf_error_set(
			error, err, "cannot make what wakes a worker: %s", sf_strerror(err));
	if (live->exchange)
		sf_exchange_set_wakeup(live->exchange, worker->options.number, &worker->wakeup);
	/* one queue that reads one ring delivers its packets in order */
	if ((queues_of(worker) > 1 || capture->mixed) &&
		sf_order_new(&live->order, queues_of(worker), ORDER_BYTES, meter->facts) < 0)
		return sf_error_set(error, -ENOMEM, "out of memory for packets");
	/* it only takes: nobody need wait for it to give */
	if (!worker->capture)
		sf_exchange_close(live->exchange, worker->options.number, INT64_MIN);
	return 0;
}

static void live_leave(struct sf_worker *worker)
{
	struct live *live = worker->own;

	if (live)
		sf_order_free(live->order);
	free(live);
	worker->own = NULL;
	sf_ring_fini(&worker->ring);
	sf_wakeup_fini(&worker->wakeup);
}

/* Receives packets, and if there are none waits for them, unless the driver does. */
static enum sf_worker_state receive(struct sf_worker *worker, struct sf_received *batch)
{
	enum sf_worker_state state =
		sf_worker_receive(worker, &worker->timing, batch, SF_BATCH_MAX);

	if (state != SF_WORKER_QUIET || !worker->options.input->waits)
		return state;
	wait_for_packets(worker);
	worker->timing.looked_mono = sf_clock_read(CLOCK_MONOTONIC);
	return sf_worker_receive(worker, &worker->timing, batch, SF_BATCH_MAX);
}

static enum sf_worker_state reader_step(struct sf_worker *worker)
{
	struct sf_exchange *exchange = ((struct live *)worker->own)->exchange;
	struct sf_packet packets[SF_BATCH_MAX];
	int64_t clocks[SF_BATCH_MAX];
	struct sf_received batch = { .packets = packets, .clocks = clocks };
	enum sf_worker_state state;

	take(worker);
	state = receive(worker, &batch);
	if (exchange && (batch.received || worker->timing.quiet))
		sf_exchange_set_busy(exchange, worker->options.number, batch.received > 0);
	if (batch.received) {
		give(worker, &batch);
		tell_clock(worker);
		sf_capture_release(worker->capture, worker->options.queue);
	} else if (state != SF_WORKER_QUIET) {
		return state;
	} else if (worker->options.ages_when_quiet) {
		if (sf_worker_keep_time(worker, exchange != NULL))
			state = SF_WORKER_LIMIT;
		tell_clock(worker);
	}
	account_some(worker);
	age(worker, !batch.received);
	return state;
}

static enum sf_worker_state taker_step(struct sf_worker *worker)
{
	struct live *live = worker->own;
	unsigned n = take(worker);

	account_some(worker);
	age(worker, false);
	if (n)
		return SF_WORKER_RUNNING;
	if (sf_exchange_drained(live->exchange, worker->options.number))
		return SF_WORKER_EOF;
	wait_for_packets(worker);
	return SF_WORKER_QUIET;
}

/* Meters what others still hand over. Returns the clock at which all input ended. */
static int64_t take_rest(struct sf_worker *worker, int64_t end)
{
	struct live *live = worker->own;
	struct sf_exchange *exchange = live->exchange;
	unsigned me = worker->options.number;

	sf_exchange_close(exchange, me, end);
	while (!sf_exchange_drained(exchange, me)) {
		unsigned n = take(worker);

		if (live->order)
			n += account(worker, PARTS_QUIET);
		if (!n)
			sf_pause_us(50);
	}
	/* once more: all have closed by now */
	take(worker);
	return sf_exchange_horizon(exchange, me);
}

static void live_finish(struct sf_worker *worker)
{
	struct live *live = worker->own;
	int64_t end = sf_worker_end_clock(worker);

	if (live->order && worker->capture)
		sf_order_reach(live->order, own_source(worker), INT64_MAX);
	if (live->exchange)
		end = take_rest(worker, end);
	while (live->order && account(worker, PARTS_QUIET))
		;
	sf_worker_tell_clock(worker, end);
	sf_meter_finish(worker->meter, end);
}

static void live_count(const struct sf_worker *worker, struct sf_engine_counters *counters)
{
	const struct live *live = worker->own;

	if (live->exchange)
		counters->handed = sf_exchange_handed(live->exchange, worker->options.number);
	if (live->order)
		counters->order = sf_order_counts(live->order);
}

static void live_absent(struct sf_worker *worker)
{
	struct live *live = worker->own;

	if (live->exchange)
		sf_exchange_close(live->exchange, worker->options.number, INT64_MIN);
}

static const struct sf_worker_kind reader = {
	.join = live_join,
	.leave = live_leave,
	.step = reader_step,
	.stop = sf_worker_stop,
	.finish = live_finish,
	.count = live_count,
	.absent = live_absent,
};

static const struct sf_worker_kind taker = {
	.join = live_join,
	.leave = live_leave,
	.step = taker_step,
	.stop = sf_worker_stop,
	.finish = live_finish,
	.count = live_count,
	.absent = live_absent,
};

/* ---------------------------------------------------------------- what the workers share */

static int rings_new(struct sf_handover **handover, const struct sf_handover_options *options)
{
	struct rings *rings = calloc(1, sizeof(*rings));
	int err = rings ? 0 : -ENOMEM;

	if (!err && options->workers > 1 && !options->independent)
		err = sf_exchange_new(&rings->exchange, options->workers, options->steer_key,
			HANDOVER, options->facts);
	if (err) {
		free(rings);
		return err;
	}
	rings->handover.ops = &sf_rings;
	*handover = &rings->handover;
	return 0;
}

static void rings_free(struct sf_handover *handover)
{
	struct rings *rings = (struct rings *)handover;

	sf_exchange_free(rings->exchange);
	free(rings);
}

static const struct sf_worker_kind *rings_kind(const struct sf_handover *handover, bool has_queue)
{
	if (has_queue)
		return &reader;
	return ((const struct rings *)handover)->exchange ? &taker : NULL;
}

const struct sf_handover_ops sf_rings = {
	.new = rings_new,
	.free = rings_free,
	.kind = rings_kind,
};
