/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets between a live worker's parser and its table: those of other workers come from their
 * rings (engine/exchange.h), and where several queues or rings deliver packets of the same flows
 * all are put in the order of their times first (engine/order.h). A source of packets is a queue:
 * this worker's own, and that of each worker that hands packets over. It has reached its clock, or
 * rather a time a little before: see lag_of().
 */
#include <errno.h>

#include "engine/worker.h"
#include "meter/meter_facts.h"

#define PARTS_BUSY  32u   /* parts of packets taken between two batches of one's own */
#define PARTS_QUIET 1024u /* the same, before waiting for packets of one's own */

/* Packets that wait for their order: some 700,000 of IPv4; memory is touched as it is needed. */
#define ORDER_BYTES ((size_t)32 << 20)

/* How far apart the packets of one ring may be out of order, as several CPUs write to it. */
#define RING_DISORDER_NS INT64_C(1000000)

/* The queues of the observation point; each is read by the worker of its number. */
static unsigned queues_of(const struct sf_worker *worker)
{
	return worker->options.exchange ? worker->options.input->capture->queues : 1;
}

/* Which source the worker's own queue is. */
static unsigned own_source(const struct sf_worker *worker)
{
	return worker->options.exchange ? worker->options.number : 0;
}

/*
 * How far behind its clock a queue may still deliver packets: where it reads several rings by
 * turns, for as long as packets may lie in one of them.
 */
static int64_t lag_of(const struct sf_worker *worker)
{
	return worker->options.input->capture->mixed ? SF_KEPT_BACK_NS : RING_DISORDER_NS;
}

int sf_share_join(struct sf_worker *worker)
{
	const struct sf_capture *capture = worker->options.input->capture;

	if (!capture->live || (queues_of(worker) < 2 && !capture->mixed))
		return 0;
	return sf_order_new(
		&worker->order, queues_of(worker), ORDER_BYTES, worker->options.meter.facts);
}

int64_t sf_share_reached(const struct sf_worker *worker)
{
	int64_t now = worker->timing.clock.now;

	return worker->order && now != INT64_MIN ? now - lag_of(worker) : now;
}

/* Copies facts of a source; when there is no room the oldest ones go on first. */
static void put(struct sf_worker *worker, unsigned source, struct sf_facts_array facts, unsigned n)
{
	while (sf_order_is_full(worker->order)) {
		unsigned oldest =
			sf_order_force(worker->order, sf_meter_room(worker->meter), SF_METER_PART);

		sf_meter_offer(worker->meter, oldest);
	}
	sf_order_put(worker->order, source, facts, n);
}

/* What another worker handed over; returns how many packets. */
static unsigned take_from(struct sf_worker *worker, unsigned from, unsigned parts)
{
	struct sf_exchange *exchange = worker->options.exchange;
	unsigned me = worker->options.number, total = 0;
	int64_t clock = sf_exchange_reached_by(exchange, from);

	for (unsigned i = 0; i < parts; i++) {
		unsigned n = SF_METER_PART;
		struct sf_facts_array facts = sf_exchange_peek(exchange, me, from, &n);

		if (!n) {
			/* nothing older than the clock, read before, is under way */
			sf_order_reach(worker->order, from, clock);
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
	struct sf_exchange *exchange = worker->options.exchange;
	unsigned me = worker->options.number, total = 0;
	int64_t horizon = sf_exchange_horizon(exchange, me);

	for (unsigned i = 0; i < parts; i++) {
		unsigned n =
			sf_exchange_take(exchange, me, sf_meter_room(worker->meter), SF_METER_PART);

		if (!n) {
			/* nothing older than the horizon, read before, is under way */
			worker->horizon = horizon;
			break;
		}
		sf_meter_offer(worker->meter, n);
		total += n;
	}
	return total;
}

unsigned sf_share_take(struct sf_worker *worker)
{
	unsigned parts = worker->timing.quiet ? PARTS_QUIET : PARTS_BUSY, total = 0;

	if (!worker->options.exchange)
		return 0;
	if (!worker->order)
		return take_all(worker, parts);
	for (unsigned from = 0; from < queues_of(worker); from++)
		if (from != worker->options.number)
			total += take_from(worker, from, parts);
	return total;
}

/* Up to SF_METER_PART parsed packets: the worker's own are kept, the rest is handed on. */
static void share_part(struct sf_worker *worker, struct sf_facts_array facts, unsigned n)
{
	struct sf_exchange *exchange = worker->options.exchange;
	struct sf_facts_buffer buffer;
	const struct sf_facts_array mine = sf_facts_array(&buffer);
	uint64_t lost = 0;

	if (!worker->order) {
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

void sf_share_batch(struct sf_worker *worker, const struct sf_received *batch)
{
	const struct sf_observation_point *point = &worker->options.input->point;
	struct sf_facts_buffer buffer;
	const struct sf_facts_array facts = sf_facts_array(&buffer);

	if (!worker->order && !worker->options.exchange) {
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

/* At most so many parts; returns how many packets there were. */
static unsigned account(struct sf_worker *worker, unsigned parts)
{
	unsigned total = 0, n;

	for (unsigned i = 0; i < parts; i++) {
		n = sf_order_take(worker->order, sf_meter_room(worker->meter), SF_METER_PART);
		if (!n)
			break;
		sf_meter_offer(worker->meter, n);
		total += n;
	}
	return total;
}

void sf_share_account(struct sf_worker *worker)
{
	if (!worker->order)
		return;
	if (worker->capture)
		sf_order_reach(worker->order, own_source(worker), sf_share_reached(worker));
	account(worker, worker->timing.quiet ? PARTS_QUIET : PARTS_BUSY);
	worker->horizon = sf_order_horizon(worker->order);
}

int64_t sf_share_finish(struct sf_worker *worker, int64_t end)
{
	struct sf_exchange *exchange = worker->options.exchange;
	unsigned me = worker->options.number;

	if (worker->order && worker->capture)
		sf_order_reach(worker->order, own_source(worker), INT64_MAX);
	if (exchange) {
		sf_exchange_close(exchange, me, end);
		while (!sf_exchange_drained(exchange, me)) {
			unsigned n = sf_share_take(worker);

			if (worker->order)
				n += account(worker, PARTS_QUIET);
			if (!n)
				sf_pause_us(50);
		}
		/* once more: all have closed by now */
		sf_share_take(worker);
		end = sf_exchange_horizon(exchange, me);
	}
	while (worker->order && account(worker, PARTS_QUIET))
		;
	return end;
}
