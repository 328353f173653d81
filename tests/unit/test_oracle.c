/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flow table against the naive meter: random traffic with every key part, timeouts in every
 * relation, TCP ends, packets out of order and far from the clock. The records must be the same to
 * the bit whatever the batch size, the pattern of ageing calls and the seed of the hash.
 */
#include <string.h>

#include "base/wire.h"
#include "check_main.h"
#include "oracle.h"
#include "sanitized.h"
#include "table/layout.h"

#define S       SF_NS_PER_S
#define START   (INT64_C(1700000000) * S)
#define PACKETS 12000

static uint64_t state;

static uint32_t draw(uint32_t below)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((state >> 33) * below >> 31);
}

static bool one_in(uint32_t n)
{
	return draw(n) == 0;
}

static const uint32_t ifindex[] = { 11, 12, 13, 14 };
static const uint32_t domain[] = { 7, 7, 9, 9 };

struct traffic {
	struct sf_facts facts[PACKETS];
	int64_t clock[PACKETS]; /* the source's clock after each */
};

/* Which conversation: a small universe, so that flows meet again and again. */
static void draw_key(struct sf_facts *facts, unsigned flows)
{
	unsigned n = draw(flows);
	uint32_t sides[2] = { 10 + n % 13, 10 + n % 7 };
	static const uint8_t protocols[] = { 6, 6, 6, 17, 1, 47 };
	static const uint16_t flags[] = { 0x010, 0x010, 0x018, 0x002, 0x012, 0x011, 0x001, 0x004,
		0x014, 0x1ff, 0xfff };

	facts->version = n % 3 == 0 ? 6 : 4;
	facts->protocol = protocols[n % 6];
	facts->ports = n % 5 ? (1000 + n % 4) << 16 | (2000 + n % 11) : n % 2 << 27;
	facts->tags = n % 4 == 1 ? (n % 3 + 1) << 20 | n % 2 << 8 : n % 17 == 0 ? n % 4 : 0;
	facts->scope = n % 19 == 0;
	facts->interface = (uint16_t)(facts->scope * 2 + draw(2));
	if (facts->version == 4) {
		facts->address = (uint64_t)sides[0] << 32 | (sides[1] + 100);
	} else {
		sf_store_be32(facts->address6[0] + n % 3 * 4, sides[0]);
		sf_store_be32(facts->address6[1] + 12, sides[1] + 100);
	}
	facts->flags = draw(2) ? SF_FACT_SWAPPED : 0;
	if (facts->protocol == 6) {
		facts->flags |= SF_FACT_TCP;
		facts->tcp_flags = flags[draw(sizeof(flags) / sizeof(flags[0]))];
	}
}

/* Any octets: the table does not look into them. */
static void draw_details(struct sf_facts *facts)
{
	uint8_t *p = (uint8_t *)&facts->details;

	for (size_t i = 0; i < sizeof(facts->details); i += 4)
		sf_store_be32(p + i, draw(UINT32_MAX) & draw(UINT32_MAX));
	facts->frame_type = (uint16_t)draw(4);
	/*
	 * now and then a SYN of another connection, sequence numbers near each other, few SACK
	 * blocks
	 */
	facts->details.tcp.known = draw(8) != 0;
	facts->details.tcp.sequence = one_in(16) ? draw(4) : 1;
	facts->details.tcp.acknowledgement = draw(4);
	facts->details.tcp.payload = draw(3);
	facts->details.tcp.window = (uint16_t)draw(2);
	facts->details.tcp.sack_count = (uint8_t)draw(5);
}

static void draw_packet(struct sf_facts *facts, unsigned flows, int64_t *clock)
{
	memset(facts, 0, sizeof(*facts));
	draw_key(facts, flows);
	if (one_in(4))
		*clock += draw(200) * INT64_C(1000000);
	if (one_in(30))
		*clock += draw(4) * S;
	if (one_in(1500))
		*clock += draw(400) * S;
	facts->time_ns = *clock;
	if (one_in(6))
		facts->time_ns -= draw(1000000);
	else if (one_in(30))
		facts->time_ns -= draw(20) * S;
	else if (one_in(300))
		facts->time_ns += draw(1000) * S;
	else if (one_in(300))
		facts->time_ns -= draw(100000) * S;
	if (one_in(600))
		facts->time_ns += (one_in(2) ? 1 : -1) * INT64_C(400) * 24 * 3600 * S;
	facts->clock_ns = facts->time_ns > *clock ? facts->time_ns : *clock;
	facts->flags |= facts->clock_ns > facts->time_ns ? SF_FACT_LATE : 0;
	facts->octets = 20 + draw(1500);
	facts->tos = (uint8_t)draw(256);
	facts->ttl = (uint8_t)draw(256);
	if (one_in(20))
		facts->flags |= SF_FACT_FRAGMENT;
	if (one_in(2)) {
		facts->flags |= SF_FACT_MPLS;
		facts->mpls = draw(1 << 24);
	}
	draw_details(facts);
	facts->flags |= SF_FACT_MAC;
	facts->src_mac[5] = (uint8_t)draw(8);
	facts->dst_mac[0] = (uint8_t)draw(8);
	if (facts->version == 6)
		facts->flow_label = draw(1 << 20);
}

static struct traffic *draw_traffic(uint64_t seed, unsigned flows)
{
	struct traffic *traffic = malloc(sizeof(*traffic));
	int64_t clock = START;

	state = seed;
	for (unsigned i = 0; i < PACKETS; i++) {
		draw_packet(&traffic->facts[i], flows, &clock);
		traffic->clock[i] = clock;
	}
	return traffic;
}

enum ageing { AGE_NEVER, AGE_ONCE, AGE_ALL, AGE_SOMETIMES, AGE_PATTERNS };

static void age(struct sf_table *table, enum ageing pattern, int64_t now)
{
	if (pattern == AGE_ONCE || (pattern == AGE_SOMETIMES && one_in(40)))
		sf_table_age(table, now);
	while (pattern == AGE_ALL && sf_table_age(table, now))
		;
}

/* Every entry alive has its reference in the wheel, and the wheel has none that nobody knows. */
static void check_references(struct sf_table *table)
{
	uint64_t filed = table->victims.to - table->victims.from, known = 0, lost = 0;

	sf_wheel_settle(&table->wheel);
	for (unsigned slot = 0; slot < SF_WHEEL_SLOTS; slot++)
		for (uint32_t at = table->wheel.head[slot]; at; at = table->wheel.chunks[at].next)
			filed += table->wheel.chunks[at].to - table->wheel.chunks[at].from;
	for (uint32_t id = 0; id < table->cap; id++) {
		uint32_t state = table->hot[id].state;

		known += (state & SF_STATE_REF ? 1 : 0) + (state & SF_STATE_REF_LINGER ? 1 : 0);
		lost += table->hot[id].version && !(state & SF_STATE_REF);
	}
	ck_assert_uint_eq(lost, 0);
	ck_assert_uint_eq(filed, known);
}

static void check_counters(struct sf_table *table)
{
	struct sf_ledger ledger;
	uint64_t flows, packets, octets;

	sf_table_ledger(table, &ledger);
	sf_table_sum(table, &flows, &packets, &octets);
	ck_assert_uint_eq(ledger.flows_active, flows);
	ck_assert_uint_eq(ledger.table_packets, packets);
	ck_assert_uint_eq(ledger.table_octets, octets);
	check_references(table);
}

/* How many packets the table gets at once, and whether it accounts them before the next ones. */
struct batch {
	unsigned size;
	bool settled;
};

static void run(const struct sf_meter_options *options, const struct traffic *traffic,
	const struct batch *batch, enum ageing pattern)
{
	struct sf_table *table;

	ck_assert_int_eq(sf_table_new(&table, options, NULL), 0);
	for (unsigned i = 0; i < PACKETS; i += batch->size) {
		unsigned n = PACKETS - i < batch->size ? PACKETS - i : batch->size;

		offer_facts(table, &traffic->facts[i], n, batch->settled);
		age(table, pattern, traffic->clock[i + n - 1]);
		if (i % (batch->size * 97) == 0)
			check_counters(table);
	}
	check_counters(table);
	sf_table_finish(table, traffic->clock[PACKETS - 1]);
	check_counters(table);
	sf_table_free(table);
}

struct timeouts {
	int64_t idle, active;
};

static const struct timeouts timeouts[] = {
	{ 15 * S, 60 * S },
	{ 60 * S, 15 * S },
	{ 20 * S, 20 * S },
	{ SF_TIMEOUT_NEVER, 30 * S },
	{ 5 * S, SF_TIMEOUT_NEVER },
	{ SF_TIMEOUT_NEVER, SF_TIMEOUT_NEVER },
	{ 1, 1 },
	{ 300 * S, 3600 * S },
};

#define TIMEOUTS (sizeof(timeouts) / sizeof(timeouts[0]))

static void compare(const struct timeouts *times, uint64_t seed, unsigned flows)
{
	static const struct batch batches[] = { { 1, true }, { 2, true }, { 7, true }, { 32, true },
		{ SF_BATCH_MAX, true }, { 1, false }, { 7, false }, { 16, false },
		{ SF_TABLE_PART, false } };
	struct traffic *traffic = draw_traffic(seed, flows);
	struct record_list list = { 0 };
	uint64_t hash_seed[2] = { seed, seed + 1 };
	struct sf_meter_options options = { .active_timeout_ns = times->active,
		.idle_timeout_ns = times->idle,
		.max_flows = 2000,
		.facts = seed & 1   ? UINT64_MAX
			 : seed & 4 ? SF_FACT_SET(src_mac) | SF_FACT_SET(mpls)
				    : 0,
		.flow_ids = true,
		.force_strong_hash = seed & 2,
		.hash_seed = seed % 3 ? hash_seed : NULL,
		.sink = { record_list_put, &list },
		.ifindex = ifindex,
		.domain = domain };
	struct oracle *oracle = oracle_new(&options);

	for (unsigned i = 0; i < PACKETS; i++)
		oracle_packet(oracle, &traffic->facts[i]);
	oracle_finish(oracle, traffic->clock[PACKETS - 1]);
	for (unsigned b = 0; b < sizeof(batches) / sizeof(batches[0]); b++) {
		for (enum ageing pattern = 0; pattern < AGE_PATTERNS; pattern++) {
			const char *wrong;

			/*
			 * all facts take long: an eighth of the combinations for each seed,
			 * together half of them
			 */
			if (options.facts == UINT64_MAX && (b + pattern + seed / 100) % 8)
				continue;
			list.count = 0;
			run(&options, traffic, &batches[b], pattern);
			wrong = oracle_compare(oracle, &list);
			ck_assert_msg(!wrong, "batch %u%s, ageing %d, seed %llu: %s",
				batches[b].size, batches[b].settled ? " settled" : "", pattern,
				(unsigned long long)seed, wrong ? wrong : "");
		}
	}
	oracle_free(oracle);
	record_list_free(&list);
	free(traffic);
}

static void compare_all(unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		for (uint64_t seed = 1; seed <= (SANITIZED ? 2 : 4); seed++)
			compare(&timeouts[i], seed * 100 + i, seed % 2 ? 60 : 500);
}

/* In halves: each test has Check's time limit. */
START_TEST(table_and_oracle_give_the_same_records)
{
	compare_all(0, TIMEOUTS / 2);
}
END_TEST

START_TEST(table_and_oracle_agree_with_rare_timeouts)
{
	compare_all(TIMEOUTS / 2, TIMEOUTS);
}
END_TEST

/* Above the cap nothing is lost but wholeness: docs/design.md §4, "Full table". */
START_TEST(above_the_cap_packets_are_conserved)
{
	struct traffic *traffic = draw_traffic(77, 800);
	struct record_list list = { 0 };
	struct sf_meter_options options = { .active_timeout_ns = 60 * S,
		.idle_timeout_ns = 15 * S,
		.max_flows = 50,
		.flow_ids = true,
		.sink = { record_list_put, &list },
		.ifindex = ifindex,
		.domain = domain };
	uint64_t resources = 0, sent = 0;
	struct sf_table *table;
	struct sf_ledger ledger;

	ck_assert_int_eq(sf_table_new(&table, &options, NULL), 0);
	for (unsigned i = 0; i < PACKETS; i += 16) {
		bool full;

		sf_table_ledger(table, &ledger);
		full = ledger.flows_active + 16 > options.max_flows;
		list.count = 0;
		offer_facts(table, &traffic->facts[i], 16, true);
		for (unsigned k = 0; k < 16; k++)
			sent += traffic->facts[i + k].octets;
		for (size_t k = 0; k < list.count; k++) {
			if (list.flows[k].end_reason != SF_END_RESOURCES)
				continue;
			resources++;
			ck_assert(full);
		}
		check_counters(table);
		sf_table_age(table, traffic->clock[i + 15]);
	}
	sf_table_ledger(table, &ledger);
	ck_assert_uint_gt(resources, 0);
	ck_assert_uint_eq(ledger.flows_evicted, resources);
	ck_assert_uint_eq(ledger.packets, PACKETS);
	ck_assert_uint_eq(ledger.octets, sent);
	ck_assert_uint_le(ledger.flows_active, 50);
	sf_table_finish(table, START);
	sf_table_ledger(table, &ledger);
	ck_assert_uint_eq(ledger.record_packets, PACKETS);
	ck_assert_uint_eq(ledger.record_octets, sent);
	ck_assert_uint_eq(ledger.flows_active, 0);
	sf_table_free(table);
	record_list_free(&list);
	free(traffic);
}
END_TEST

CHECK_MAIN("oracle", table_and_oracle_give_the_same_records,
	table_and_oracle_agree_with_rare_timeouts, above_the_cap_packets_are_conserved)
