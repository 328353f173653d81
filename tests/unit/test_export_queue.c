/* SPDX-License-Identifier: BSD-2-Clause */
/* The queue of records, and the pump that gives them to destinations. */
#include <limits.h>

#include "export/destination.h"
#include "export/queue.h"
#include "export_support.h"

/* ---------------------------------------------------------------- queue */

static uint64_t read_some(
	struct sf_queue *queue, struct sf_queue_reader *reader, unsigned max, uint64_t expected)
{
	unsigned count;
	const struct sf_flow *flows = sf_queue_peek(queue, reader, max, &count);

	for (unsigned i = 0; flows && i < count; i++)
		ck_assert_uint_eq(flows[i].id, expected + i);
	if (!flows)
		return 0;
	ck_assert_uint_le(count, max);
	sf_queue_take(reader, count);
	return count;
}

/* Each reader sees every record once, in order, at its own speed. */
START_TEST(readers_of_a_queue_go_their_own_way)
{
	struct sf_queue queue = { 0 };
	struct sf_queue_reader readers[3] = { 0 };
	uint64_t put = 0, seen[3] = { 0 };
	struct sf_flow flows[64];

	for (unsigned i = 0; i < 3; i++)
		sf_queue_join(&queue);
	for (unsigned round = 0; round < 1000; round++) {
		unsigned count = 1 + round * 7 % 64;

		for (unsigned i = 0; i < count; i++) {
			flows[i] = flow_ipv4(i);
			flows[i].id = put + i;
		}
		ck_assert(sf_queue_put(&queue, flows, count));
		put += count;
		for (unsigned i = 0; i < 3; i++)
			readers[i].count += count;
		/* one keeps up, one is slow, one sleeps until the end */
		while (seen[0] < put)
			seen[0] += read_some(&queue, &readers[0], 64, seen[0]);
		seen[1] += read_some(&queue, &readers[1], 5, seen[1]);
	}
	for (unsigned i = 1; i < 3; i++) {
		ck_assert_uint_eq(readers[i].count, put - seen[i]);
		while (seen[i] < put) {
			uint64_t some = read_some(&queue, &readers[i], 64, seen[i]);

			ck_assert_uint_gt(some, 0);
			seen[i] += some;
		}
		ck_assert_uint_eq(readers[i].count, 0);
		ck_assert_uint_eq(read_some(&queue, &readers[i], 64, put), 0);
	}
	/* all that everybody has read was given back */
	ck_assert_ptr_eq(queue.first, queue.last);
	sf_queue_free(&queue);
}
END_TEST

/* Records keep their facts in the queue, also when other facts are asked for meanwhile. */
START_TEST(records_keep_their_facts_in_a_queue)
{
	struct sf_queue queue = { 0 };
	struct sf_queue_reader reader = { 0 };
	unsigned put = 0, seen = 0, count;
	const struct sf_flow *flows;

	sf_queue_join(&queue);
	for (unsigned round = 0; round < 300; round++) {
		struct sf_flow some[8];
		struct full_annex full[8];

		for (unsigned i = 0; i < 8; i++) {
			some[i] = flow_ipv4(put + i);
			some[i].id = put + i;
			give_annex(&some[i], &full[i]);
			/* all facts, one fact, none */
			if (round / 50 % 3 == 1)
				sf_annex_layout_init(&full[i].layout, SF_FACT_SET(mpls));
			set_number(&full[i], SF_FACT_mpls, 1, put + i);
			if (round / 50 % 3 == 2)
				some[i].annex = NULL;
		}
		ck_assert(sf_queue_put(&queue, some, 8));
		put += 8;
		reader.count += 8;
	}
	while ((flows = sf_queue_peek(&queue, &reader, 64, &count)) != NULL) {
		for (unsigned i = 0; i < count; i++, seen++) {
			bool has = seen / 8 / 50 % 3 != 2;

			ck_assert_uint_eq(flows[i].id, seen);
			ck_assert_uint_eq(sf_fact_get_mpls(&flows[i], 1), has ? seen : 0);
		}
		sf_queue_take(&reader, count);
	}
	ck_assert_uint_eq(seen, put);
	sf_queue_free(&queue);
}
END_TEST

/* ---------------------------------------------------------------- pump */

/* No enricher. */
static const struct sf_shared shared;

/* A destination that takes as many records as the test allows. */
struct fake {
	struct sf_destination destination;
	unsigned may_take; /* batches */
	uint64_t first_id, taken;
	unsigned ticks, flushes;
};

static void fake_put(
	struct sf_destination *destination, const struct sf_flow *flows, unsigned count)
{
	struct fake *fake = (struct fake *)destination;

	if (fake->taken == 0)
		fake->first_id = flows[0].id;
	for (unsigned i = 0; i < count; i++) {
		struct sf_destination_count one = { 1, sf_flow_packets(&flows[i]),
			sf_flow_octets(&flows[i]) };

		sf_count_add(&destination->stats.offered, &one);
		sf_count_add(&destination->stats.sent, &one);
	}
	fake->taken += count;
	fake->may_take--;
}

static void fake_tick(struct sf_destination *destination)
{
	((struct fake *)destination)->ticks++;
}

static int64_t fake_ready(struct sf_destination *destination, int64_t mono)
{
	return ((struct fake *)destination)->may_take ? mono : mono + 7;
}

static bool fake_flush(struct sf_destination *destination)
{
	((struct fake *)destination)->flushes++;
	return false;
}

static const struct sf_destination_ops fake_ops = {
	.put = fake_put, .tick = fake_tick, .ready = fake_ready, .flush = fake_flush
};

static void check_fake(const struct fake *fake, uint64_t put)
{
	struct sf_destination_stats stats = fake->destination.stats;

	sf_count_add(&stats.offered, &fake->destination.queued);
	ck_assert_uint_eq(stats.offered.records, put);
	ck_assert_uint_eq(stats.offered.packets, put * 10);
	ck_assert_uint_eq(fake->destination.queued.records, fake->destination.reader.count);
	ck_assert_uint_eq(
		stats.sent.records + stats.lost_queue.records + fake->destination.queued.records,
		put);
}

/* What one cannot take is lost there, the oldest first, and nowhere else; nobody is waited for. */
START_TEST(a_slow_destination_loses_alone)
{
	struct sf_queue queue = { 0 };
	struct fake fast = { .destination = { .ops = &fake_ops, .shared = &shared },
		.may_take = UINT_MAX };
	struct fake slow = { .destination = { .ops = &fake_ops, .shared = &shared } };
	struct sf_destination *both[] = { &fast.destination, &slow.destination };

	sf_destination_join(&queue, both[0], 1 << 20);
	sf_destination_join(&queue, both[1], 100 * sizeof(struct sf_flow));
	for (unsigned i = 0; i < 1000; i++) {
		struct sf_flow flow = flow_ipv4(i);

		flow.id = i;
		sf_destinations_put(&queue, both, 2, &flow, 1);
		if (i % 50)
			continue;
		ck_assert_int_gt(sf_destination_pump(&queue, both[0], 1 + i, false), 1 + i);
		ck_assert_int_eq(sf_destination_pump(&queue, both[1], 1 + i, false), 1 + i + 7);
		check_fake(&fast, i + 1);
		check_fake(&slow, i + 1);
		ck_assert(sf_destination_waits(both[1]));
	}
	ck_assert_uint_eq(slow.taken, 0);
	slow.may_take = UINT_MAX;
	for (unsigned i = 0; i < 2; i++)
		while (sf_destination_pump(&queue, both[i], 5000, false) <= 5000)
			continue;
	check_fake(&fast, 1000);
	check_fake(&slow, 1000);
	ck_assert_uint_eq(fast.taken, 1000);
	ck_assert_uint_eq(slow.taken, 100);
	ck_assert_uint_eq(slow.first_id, 900);
	ck_assert_uint_eq(slow.destination.stats.lost_queue.records, 900);
	ck_assert_ptr_nonnull(strstr(slow.destination.stats.failure, "queue is full"));
	ck_assert(!sf_destination_waits(both[1]));
	sf_queue_free(&queue);
}
END_TEST

/*
 * A call takes a bounded time, however many records wait; time passes for destinations with nothing
 * to send too.
 */
START_TEST(a_pump_is_bounded)
{
	struct sf_queue queue = { 0 };
	struct fake fake = { .destination = { .ops = &fake_ops, .shared = &shared },
		.may_take = UINT_MAX };
	struct sf_destination *one = &fake.destination;
	int64_t next;

	sf_destination_join(&queue, one, 1 << 30);
	for (unsigned i = 0; i < 10000; i++) {
		struct sf_flow flow = flow_ipv4(i);

		sf_destinations_put(&queue, &one, 1, &flow, 1);
	}
	ck_assert_int_eq(sf_destination_pump(&queue, one, 1, false), 1);
	ck_assert_uint_gt(fake.taken, 0);
	ck_assert_uint_le(fake.taken, 2048);
	while ((next = sf_destination_pump(&queue, one, 1, false)) <= 1)
		continue;
	ck_assert_uint_eq(fake.taken, 10000);
	ck_assert_uint_eq(fake.ticks, 1);
	sf_destination_pump(&queue, one, next, false);
	ck_assert_uint_eq(fake.ticks, 2);
	/* at the end also what is in messages that are not full */
	ck_assert_uint_eq(fake.flushes, 0);
	sf_destination_pump(&queue, one, next, true);
	ck_assert_uint_eq(fake.flushes, 1);
	/* and what cannot be sent any more is lost by the name that is given */
	for (unsigned i = 0; i < 10; i++) {
		struct sf_flow flow = flow_ipv4(i);

		sf_destinations_put(&queue, &one, 1, &flow, 1);
	}
	sf_destination_drop(&queue, one, SF_FATE_LOST_stopped);
	ck_assert_uint_eq(one->stats.lost_stopped.records, 10);
	ck_assert(sf_destination_balanced(&one->stats));
	sf_queue_free(&queue);
}
END_TEST

CHECK_MAIN("export_queue", readers_of_a_queue_go_their_own_way, records_keep_their_facts_in_a_queue,
	a_slow_destination_loses_alone, a_pump_is_bounded);
