/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Folded records: whatever is folded, the sums of packets and bytes stay exact, also those of each
 * protocol; and destinations tell folded records from others.
 */
#include "quick_asserts.h"

#include "export_support.h"

#include "base/fold.h"
#include "engine/folding.h"
#include "export/destination.h"
#include "export/exporter.h"

static uint64_t state = 1;

static uint32_t any(void)
{
	state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(state >> 33);
}

/* What has to stay the same. */
struct sums {
	uint64_t flows;
	uint64_t packets[2][2][256], octets[2][2][256]; /* by direction, IPv6, protocol */
};

static void add(struct sums *sums, const struct sf_flow *flow)
{
	const bool ipv6 = flow->ip_version == 6;

	sums->flows += flow->folded ? flow->folded : 1;
	for (unsigned d = 0; d < 2; d++) {
		sums->packets[d][ipv6][flow->protocol] += flow->half[d].packets;
		sums->octets[d][ipv6][flow->protocol] += flow->half[d].octets;
	}
}

/*
 * A flow from a random source; `kinds`: how many protocols, `points`: how many domains and
 * interfaces.
 */
static struct sf_flow random_flow(unsigned kinds, unsigned points)
{
	struct sf_flow flow = any() % 4 ? flow_ipv4(any()) : flow_ipv6(any());

	for (unsigned i = 0; i < 4; i++)
		flow.addr[0][i] = (uint8_t)any();
	if (any() % 3 == 0)
		flow.addr[1][1] = (uint8_t)any();
	flow.protocol = (uint8_t)(any() % kinds);
	if (any() % 4 == 0)
		answer(&flow);
	for (unsigned d = 0; d < 2; d++)
		if (flow.directions >> d & 1) {
			flow.half[d].packets = 1 + any() % 3;
			flow.half[d].octets = any() % 4000;
			flow.half[d].ingress = any() % points;
		}
	flow.domain = any() % points;
	return flow;
}

static void check_folded(const struct sf_flow *flow)
{
	static const uint8_t zeros[16];
	const unsigned all = flow->ip_version == 4 ? 24 : 64;

	ck_assert_uint_gt(flow->folded, 0);
	ck_assert_uint_eq(flow->port[0] | flow->port[1], 0);
	for (unsigned i = 0; i < 2; i++) {
		const unsigned bytes = flow->prefix_length[i] / 8;

		ck_assert(flow->prefix_length[i] == 0 || flow->prefix_length[i] == all);
		ck_assert_mem_eq(flow->addr[i] + bytes, zeros, 16 - bytes);
		if (flow->directions >> i & 1)
			ck_assert_int_le(flow->half[i].start_ns, flow->half[i].end_ns);
	}
}

/* Random flows, a fold that is full again and again; what comes out goes in again. */
START_TEST(sums_are_exact)
{
	static struct sums in, out;
	struct sf_flow flows[64];
	struct sf_fold *fold;
	unsigned full = 0, place, count;

	ck_assert_int_eq(sf_fold_new(&fold, 0), 0);
	for (unsigned i = 0; i < 200000; i++) {
		struct sf_flow flow = random_flow(i < 100000 ? 3 : 256, 3);

		add(&in, &flow);
		if (sf_fold_add(fold, &flow))
			continue;
		full++;
		place = 0;
		ck_assert_uint_le(sf_fold_count(fold), SF_FOLD_PLACES);
		count = sf_fold_take(fold, &place, flows, 64);
		ck_assert_uint_gt(count, 0);
		for (unsigned k = 0; k < count; k++) {
			check_folded(&flows[k]);
			/* some are put back, as when the sink has no room */
			if (k % 2 || !sf_fold_add(fold, &flows[k]))
				add(&out, &flows[k]);
		}
		if (!sf_fold_add(fold, &flow))
			add(&out, &flow);
	}
	place = 0;
	while ((count = sf_fold_take(fold, &place, flows, 64)) > 0)
		for (unsigned k = 0; k < count; k++)
			add(&out, &flows[k]);
	ck_assert_uint_gt(full, 0);
	ck_assert_uint_eq(sf_fold_count(fold), 0);
	ck_assert_mem_eq(&in, &out, sizeof(in));
	sf_fold_free(fold);
}
END_TEST

static void fill(struct sf_fold *fold, struct sums *sums)
{
	for (unsigned full = 0; full < 10000;) {
		struct sf_flow flow = random_flow(256, 1000);

		if (sf_fold_add(fold, &flow))
			add(sums, &flow);
		else
			full++;
	}
}

/* A record whose own places are taken meanwhile goes to any other free place. */
START_TEST(what_is_put_back_has_room)
{
	static struct sums in, out;
	struct sf_flow taken[64], flows[64];
	struct sf_fold *fold;
	unsigned place = SF_FOLD_PLACES - 64, count, full = 0;

	ck_assert_int_eq(sf_fold_new(&fold, 0), 0);
	fill(fold, &in);
	ck_assert_uint_eq(sf_fold_take(fold, &place, taken, 64), 64);
	fill(fold, &in);
	place = 0;
	ck_assert_uint_eq(sf_fold_take(fold, &place, flows, 64), 64);
	for (unsigned i = 0; i < 64; i++) {
		add(&out, &flows[i]);
		if (!sf_fold_add(fold, &taken[i])) {
			sf_fold_put_back(fold, &taken[i]);
			full++;
		}
	}
	ck_assert_uint_gt(full, 0);
	place = 0;
	while ((count = sf_fold_take(fold, &place, flows, 64)) > 0)
		for (unsigned k = 0; k < count; k++)
			add(&out, &flows[k]);
	ck_assert_mem_eq(&in, &out, sizeof(in));
	sf_fold_free(fold);
}
END_TEST

/* Few sources keep their prefixes; a flood of random ones to a host leaves the host's prefix. */
START_TEST(records_are_as_fine_as_there_is_room)
{
	struct sf_flow flow, flows[64];
	struct sf_fold *fold;
	unsigned place, count, plain = 0, to = 0, none = 0;

	ck_assert_int_eq(sf_fold_new(&fold, 0), 0);
	for (unsigned i = 0; i < 10; i++) {
		flow = flow_ipv4(i);
		flow.addr[0][2] = (uint8_t)(i % 5);
		ck_assert(sf_fold_add(fold, &flow));
	}
	ck_assert_uint_eq(sf_fold_count(fold), 5);
	for (unsigned i = 0; i < 100000; i++) {
		flow = flow_ipv4(0);
		for (unsigned k = 0; k < 4; k++)
			flow.addr[0][k] = (uint8_t)any();
		ck_assert(sf_fold_add(fold, &flow));
	}
	place = 0;
	while ((count = sf_fold_take(fold, &place, flows, 64)) > 0)
		for (unsigned k = 0; k < count; k++) {
			plain += flows[k].prefix_length[0] == 24 && flows[k].prefix_length[1] == 24;
			to += flows[k].prefix_length[0] == 0 && flows[k].prefix_length[1] == 24;
			none += flows[k].prefix_length[1] == 0;
		}
	ck_assert_uint_ge(plain, 400);
	ck_assert_uint_le(plain, 512);
	ck_assert_uint_eq(to, 1);
	ck_assert_uint_eq(none, 0);
	sf_fold_free(fold);
}
END_TEST

/* ---------------------------------------------------------------- workers */

struct sink {
	struct sums got;
	unsigned room, folded, plain;
};

static unsigned take(void *context, const struct sf_flow *flows, unsigned count)
{
	struct sink *sink = context;
	unsigned n = count < sink->room ? count : sink->room;

	sink->room -= n;
	for (unsigned i = 0; i < n; i++) {
		add(&sink->got, &flows[i]);
		sink->folded += flows[i].folded != 0;
		sink->plain += flows[i].folded == 0;
	}
	return n;
}

/* Flows of one packet that were evicted, and what a full ring has no room for; the rest passes. */
START_TEST(workers_fold)
{
	static struct sums in;
	static struct sink sink;
	struct sf_flow_sink next = { take, &sink };
	struct sf_folding folding = { 0 };
	unsigned evicted = 0;

	ck_assert_int_eq(sf_folding_init(&folding, SF_FOLD_EVICTED, 0, &next), 0);
	for (unsigned i = 0; i < 3000; i++) {
		struct sf_flow flows[32];

		for (unsigned k = 0; k < 32; k++) {
			flows[k] = random_flow(20, 1);
			if (k % 3)
				flows[k].end_reason = SF_END_RESOURCES;
			add(&in, &flows[k]);
			evicted += k % 3 && sf_flow_packets(&flows[k]) == 1;
		}
		/* in the middle the ring has little room */
		sink.room = i < 1000 || i > 2000 ? UINT32_MAX : 3;
		ck_assert_uint_eq(next.put(next.context, flows, 32), 32);
		if (i == 999) {
			ck_assert_uint_eq(folding.counts.records, evicted);
			ck_assert_uint_eq(sink.plain, 32000 - evicted);
		}
	}
	ck_assert_uint_gt(folding.counts.records, evicted);
	ck_assert_uint_eq(folding.counts.records + sink.plain, 96000);
	/* the folded ones leave by the clock */
	sink.room = UINT32_MAX;
	sf_folding_age(&folding, T0);
	ck_assert_uint_gt(sf_fold_count(folding.fold), 0);
	sf_folding_age(&folding, T0 + SF_FOLD_NS);
	ck_assert_uint_eq(sf_fold_count(folding.fold), 0);
	ck_assert_mem_eq(&in, &sink.got, sizeof(in));
	sf_folding_fini(&folding);
}
END_TEST

/* ---------------------------------------------------------------- destinations */

static const struct sf_exporter_options offline = { .packet_clock = true, .fold = SF_FOLD_EVICTED };

static void sum_records(uint64_t *records, uint64_t *packets, uint64_t *octets, uint64_t *flows)
{
	*records = *packets = *octets = *flows = 0;
	for (unsigned i = 0; i < flow_count(reader); i++) {
		const struct record *record = flow_record(reader, i);

		(*records)++;
		*packets += field(record, 0, 2);
		*octets += field(record, 0, 1);
		*flows += has_field(record, 0, 3) ? field(record, 0, 3) : 1;
	}
}

/* small=: the small ones come folded, with a template of their own; the sums are those of all. */
START_TEST(small_flows_are_folded)
{
	static const char *const schemes[] = { IPFIX, NETFLOW9 };

	for (unsigned s = 0; s < 2; s++) {
		struct sf_exporter *exporter =
			start((&(struct sf_exporter_options){ .packet_clock = true }), schemes[s],
				",small=3/1k");
		uint64_t records, packets, octets, flows, put_packets = 0, put_octets = 0;
		struct sf_destination_stats stats;

		for (unsigned i = 0; i < 3000; i++) {
			struct sf_flow flow = i % 4 ? flow_ipv4(i) : flow_ipv6(i);

			flow.half[0].packets = 1 + i % 5;
			flow.half[0].octets = i % 10 ? 100 : 5000;
			put_packets += flow.half[0].packets;
			put_octets += flow.half[0].octets;
			put(exporter, &flow);
		}
		stats = finish(exporter);
		ck_assert_uint_eq(stats.sent.packets, put_packets);
		/* 1 or 2 packets and 100 bytes: i % 10 is 1, 5, 6 */
		ck_assert_uint_eq(stats.folded.records, 900);
		sum_records(&records, &packets, &octets, &flows);
		ck_assert_uint_eq(packets, put_packets);
		ck_assert_uint_eq(octets, put_octets);
		ck_assert_uint_eq(flows, 3000);
		ck_assert_uint_lt(records, 2150);
		for (unsigned i = 0; i < flow_count(reader); i++) {
			const struct record *record = flow_record(reader, i);
			bool ipv6 = has_field(record, 0, 27);

			ck_assert(has_field(record, 0, 3) != has_field(record, 0, 7));
			ck_assert(has_field(record, 0, 3) == has_field(record, 0, ipv6 ? 29 : 9));
			if (has_field(record, 0, 3))
				ck_assert_uint_eq(field(record, 0, ipv6 ? 30 : 13), ipv6 ? 64 : 24);
		}
		end();
	}
}
END_TEST

/*
 * Without a queue folded records leave as time goes on, also after a record with a time in the far
 * future.
 */
START_TEST(a_wild_time_holds_nothing_back)
{
	struct sf_exporter *exporter =
		start((&(struct sf_exporter_options){ .packet_clock = true }), IPFIX, ",small=20");

	for (unsigned i = 0; i < 60; i++) {
		struct sf_flow flow = flow_ipv4(i);

		flow.half[0].end_ns += i == 5 ? 400 * 24 * 3600 * S : i * S;
		put(exporter, &flow);
	}
	/* what was folded has left after 10, 20, 30 … seconds */
	ck_assert_uint_le(sf_destination_in_fold(exporter->destinations[0]).packets, 110);
	ck_assert_uint_eq(finish(exporter).sent.packets, 600);
	end();
}
END_TEST

/* NetFlow v5 has the lengths of the prefixes, and ports 0. */
START_TEST(netflow5_has_prefixes)
{
	struct sf_exporter *exporter = start(
		(&(struct sf_exporter_options){ .packet_clock = true }), NETFLOW5, ",small=20");
	const struct record *record;

	put_many(exporter, 500);
	/* each fifth one is IPv6 */
	ck_assert_uint_eq(finish(exporter).folded.records, 500);
	record = flow_record(reader, 0);
	ck_assert_uint_eq(sf_load_be32(record->bytes + 16), 4000);
	ck_assert_uint_eq(sf_load_be32(record->bytes + 32), 0);
	ck_assert_uint_eq(record->bytes[44], 24);
	ck_assert_uint_eq(record->bytes[45], 24);
	ck_assert_uint_eq(record->bytes[3], 0);
	end();
}
END_TEST

START_TEST(small_flows_are_left_out)
{
	struct sf_exporter *exporter = start(
		(&(struct sf_exporter_options){ .packet_clock = true }), IPFIX, ",small=5:skip");
	struct sf_destination_stats stats;

	for (unsigned i = 0; i < 100; i++) {
		struct sf_flow flow = flow_ipv4(i);

		flow.half[0].packets = 1 + i % 10;
		put(exporter, &flow);
	}
	stats = finish(exporter);
	ck_assert_uint_eq(stats.skipped_small.records, 40);
	ck_assert_uint_eq(stats.skipped_small.packets, 100);
	ck_assert_uint_eq(flow_count(reader), 60);
	ck_assert_uint_eq(stats.folded.records, 0);
	end();
}
END_TEST

/* Flow keys: those of the folded template are fewer, and the template's id is another one. */
START_TEST(options_data_tell_the_keys)
{
	struct sf_exporter *exporter = start((&offline), IPFIX, "");
	struct sf_flow flow = flow_ipv4(0);
	unsigned keys[2] = { 0 };

	put(exporter, &flow);
	flow.folded = 7;
	flow.prefix_length[0] = flow.prefix_length[1] = 24;
	flow.port[0] = flow.port[1] = 0;
	put(exporter, &flow);
	finish(exporter);
	ck_assert_uint_eq(flow_count(reader), 2);
	for (unsigned i = 0; i < reader->record_count; i++) {
		const struct record *record = &reader->records[i];

		if (!has_field(record, 0, 173))
			continue;
		for (unsigned k = 0; k < 2; k++)
			if (field(record, 0, 145) == flow_record(reader, k)->template->id)
				keys[k] = (unsigned)__builtin_popcountll(field(record, 0, 173));
	}
	/*
	 * addresses, ports, protocol, version, three of VLANs; folded: addresses, protocol,
	 * version, two lengths
	 */
	ck_assert_uint_eq(keys[0], 9);
	ck_assert_uint_eq(keys[1], 6);
	end();
}
END_TEST

/* Live: a slow destination gets the sums of all; nothing is lost. */
START_TEST(a_full_queue_folds)
{
	struct sf_exporter *exporter =
		start((&(struct sf_exporter_options){ .queued = true, .fold = SF_FOLD_LOST }),
			IPFIX, ",rate=1000,queue=64KiB");
	struct sf_destination_stats stats;
	uint64_t records, packets, octets, flows;

	for (unsigned i = 0; i < 100; i++) {
		put_many(exporter, 500);
		sf_exporter_pump(exporter, 1 + i * 1000, false);
	}
	stats = stats_of(exporter, 0);
	ck_assert_uint_eq(stats.offered.packets, 500000);
	ck_assert(sf_exporter_waits(exporter));
	ck_assert_ptr_nonnull(strstr(stats.news, "folded"));
	for (int64_t mono = S; sf_exporter_waits(exporter); mono += S / 100) {
		sf_exporter_tick(exporter, T0 + mono, INT64_MIN);
		sf_exporter_pump(exporter, mono, true);
	}
	stats = finish(exporter);
	ck_assert_uint_eq(stats.sent.packets, 500000);
	ck_assert_uint_eq(stats.lost_queue.records, 0);
	ck_assert_uint_gt(stats.folded.records, 49000);
	ck_assert_str_eq(stats.failure, "");
	sum_records(&records, &packets, &octets, &flows);
	ck_assert_uint_eq(packets, 500000);
	ck_assert_uint_eq(octets, UINT64_C(3015) * 50000);
	ck_assert_uint_eq(flows, 50000);
	ck_assert_uint_lt(records, 1000);
	end();
}
END_TEST

/* What is in the fold when the run has to end at once is lost by name. */
START_TEST(what_is_folded_at_the_end_is_lost_by_name)
{
	struct sf_exporter *exporter =
		start((&(struct sf_exporter_options){ .queued = true, .fold = SF_FOLD_LOST }),
			IPFIX, ",rate=1000,queue=64KiB");
	struct sf_destination_stats stats;

	put_many(exporter, 5000);
	sf_exporter_finish(exporter);
	stats = stats_of(exporter, 0);
	ck_assert(sf_destination_balanced(&stats));
	ck_assert_uint_eq(stats.lost_stopped.packets, 50000);
	sf_exporter_free(exporter);
	end();
}
END_TEST

CHECK_MAIN("fold", sums_are_exact, what_is_put_back_has_room, records_are_as_fine_as_there_is_room,
	workers_fold, small_flows_are_folded, a_wild_time_holds_nothing_back, netflow5_has_prefixes,
	small_flows_are_left_out, options_data_tell_the_keys, a_full_queue_folds,
	what_is_folded_at_the_end_is_lost_by_name)
