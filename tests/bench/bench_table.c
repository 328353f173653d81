/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the flow table costs per packet, without parser, driver and exporter: facts are made in
 * memory, batch by batch, and the time for making them (measured alone) is taken off. Thread CPU
 * time, the best of several runs.
 *
 *	bench_table [-n packets] [-r runs] [-b batch] [-l row] [flows…]
 *
 * Rows: floor  what the memory allows: two random lines of arrays as large as index and entries,
 *              prefetched in the same batches, the second changed
 *       hot    all flows are there; every packet hits one at random
 *       both   likewise, either direction at random
 *       pair   likewise, each flow's directions in turn
 *       v6     IPv6, one way
 *       strong IPv4, one way, SipHash
 *       new    every packet is a flow of its own; as many leave by the idle timeout
 *       full   every packet is a flow of its own; the table is full and evicts
 *       close  the records at the end, per record
 *       visit  looking at a flow that is not due and filing it again; and which share of the time
 *              that is with a 15 s idle timeout
 * and: attack: flows whose keys collide for the known seed, against random ones
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wire.h"
#include "table/layout.h"

#define START (INT64_C(1700000000) * SF_NS_PER_S)

static const uint64_t seed[2] = { 1, 2 };
static uint64_t records, record_packets;
static unsigned batch = SF_TABLE_PART, runs = 3;
static uint64_t packets = 8000000;
static const char *only;

static unsigned sink_put(void *context, const struct sf_flow *flows, unsigned count)
{
	(void)context;
	records += count;
	for (unsigned i = 0; i < count; i++)
		record_packets += sf_flow_packets(&flows[i]);
	return count;
}

/* One load of the table. */
struct load {
	const char *name;
	uint8_t version;
	bool strong, fresh, full, ages;
	enum { ONE_WAY, RANDOM_WAY, IN_TURN } way;
	int64_t step_ns;              /* simulated time per packet */
	uint64_t (*flow)(uint64_t n); /* NULL: at random */
};

struct maker {
	const struct load *load;
	uint64_t random, flows, n;
	int64_t now;
};

static inline uint64_t scatter(uint64_t x)
{
	x *= UINT64_C(0x9e3779b97f4a7c15);
	return x ^ x >> 32;
}

static inline void make_one(struct maker *maker, struct sf_facts *facts)
{
	const struct load *load = maker->load;
	uint64_t flow, word;
	unsigned side = 0;

	maker->random ^= maker->random << 13;
	maker->random ^= maker->random >> 7;
	maker->random ^= maker->random << 17;
	if (load->fresh)
		flow = maker->n;
	else
		flow = (uint64_t)((__uint128_t)maker->random * maker->flows >> 64);
	if (load->way == RANDOM_WAY)
		side = maker->random & 1;
	else if (load->way == IN_TURN)
		side = maker->n / maker->flows & 1;
	if (load->way == IN_TURN)
		flow = (maker->n * UINT64_C(1640531527)) % maker->flows;
	if (load->flow)
		flow = load->flow(flow);
	maker->n++;
	maker->now += load->step_ns;
	word = scatter(flow);
	facts->ports = 1024u << 16 | 53;
	facts->tags = 0;
	facts->scope = 0;
	facts->protocol = 17;
	facts->version = load->version;
	facts->flags = (uint16_t)side;
	facts->tos = 0;
	facts->ttl = 64;
	facts->time_ns = facts->clock_ns = maker->now;
	facts->octets = 60;
	facts->tcp_flags = 0;
	facts->interface = 0;
	if (load->version == 4) {
		facts->address = word;
		return;
	}
	facts->address = 0;
	memcpy(facts->address6[0], &word, 8);
	memset(facts->address6[0] + 8, 0, 8);
	memcpy(facts->address6[1], &flow, 8);
	memset(facts->address6[1] + 8, 1, 8);
}

static double seconds(void)
{
	return (double)sf_clock_read(CLOCK_THREAD_CPUTIME_ID) / 1e9;
}

/* Runs `count` packets; `table` NULL: only makes them. */
static double drive(struct maker *maker, struct sf_table *table, uint64_t count)
{
	static _Alignas(64) struct sf_facts none[SF_TABLE_PART];
	double begin = seconds();

	for (uint64_t done = 0; done < count; done += batch) {
		struct sf_facts *facts = table ? sf_table_room(table).facts : none;

		for (unsigned i = 0; i < batch; i++)
			make_one(maker, &facts[i]);
		if (!table) {
			__asm__ volatile("" : : "r"(facts) : "memory");
			continue;
		}
		sf_table_offer(table, batch);
		if (maker->load->ages)
			sf_table_age(table, maker->now);
	}
	return seconds() - begin;
}

static struct sf_table *table_for(const struct load *load, uint64_t flows)
{
	struct sf_meter_options options = { .idle_timeout_ns = 15 * SF_NS_PER_S,
		.active_timeout_ns = 60 * SF_NS_PER_S,
		.max_flows = (uint32_t)flows,
		.prealloc = true,
		.force_strong_hash = load->strong,
		.hash_seed = seed,
		.sink = { sink_put, NULL } };
	struct sf_table *table;
	struct sf_error error;

	if (sf_table_new(&table, &options, &error) < 0) {
		fprintf(stderr, "bench_table: %s\n", error.text);
		exit(1);
	}
	return table;
}

static struct maker maker_for(const struct load *load, uint64_t flows)
{
	return (struct maker){
		.load = load, .random = 88172645463325252, .flows = flows, .now = START
	};
}

/* All flows once, so that they are there. */
static void fill(struct sf_table *table, const struct load *load, uint64_t flows)
{
	struct load each = *load;
	struct maker maker = maker_for(&each, flows);

	each.fresh = true;
	each.step_ns = 0;
	each.ages = false;
	each.way = ONE_WAY;
	drive(&maker, table, flows);
	if (load->way == ONE_WAY || load->fresh)
		return;
	each.way = IN_TURN;
	maker.n = flows;
	drive(&maker, table, flows);
}

static void check(struct sf_table *table)
{
	struct sf_ledger ledger;
	uint64_t flows, in_table, octets;

	sf_table_ledger(table, &ledger);
	sf_table_sum(table, &flows, &in_table, &octets);
	if (ledger.flows_active != flows || ledger.table_packets != in_table ||
		ledger.packets != ledger.record_packets + in_table) {
		fprintf(stderr, "bench_table: the counters do not balance\n");
		exit(1);
	}
}

/* ns per packet of a load, best of `runs`; *close: ns per record at the end */
static double measure(const struct load *load, uint64_t flows, double *close)
{
	double best = 1e9, making = 1e9, spent;
	uint64_t room = load->fresh && !load->full ? flows / 4 + 1024 : 0;
	uint64_t cap = (flows + room + batch - 1) / batch * batch;
	struct sf_table *table = table_for(load, cap);
	struct maker maker = maker_for(load, flows), idle;
	uint64_t count = packets / batch * batch;

	fill(table, load, flows);
	maker.n = flows * 2;
	maker.now += load->step_ns;
	for (unsigned run = 0; run < runs; run++) {
		idle = maker;
		spent = drive(&idle, NULL, count);
		making = spent < making ? spent : making;
		spent = drive(&maker, table, count);
		best = spent < best ? spent : best;
	}
	check(table);
	if (close) {
		uint64_t before = records;

		spent = seconds();
		sf_table_finish(table, START);
		*close = (seconds() - spent) / (double)(records - before) * 1e9;
	}
	sf_table_free(table);
	return (best - making) / (double)count * 1e9;
}

static double floor_of(uint64_t flows)
{
	uint64_t random = 88172645463325252, count = packets / batch * batch;
	uint64_t lines[2] = { (flows * 2 + 6) / 7, flows };
	double best = 1e9;
	struct sf_arena arena[2];
	uint64_t(*array[2])[8], at[SF_BATCH_MAX], sum = 0;

	for (unsigned i = 0; i < 2; i++) {
		if (sf_arena_init(&arena[i], lines[i], 64, true) < 0)
			return 0;
		array[i] = arena[i].base;
	}
	for (unsigned run = 0; run < runs; run++) {
		double begin = seconds();

		for (uint64_t done = 0; done < count; done += batch) {
			for (unsigned i = 0; i < batch; i++) {
				random ^= random << 13;
				random ^= random >> 7;
				random ^= random << 17;
				at[i] = random;
				__builtin_prefetch(array[0][(random >> 32) * lines[0] >> 32]);
			}
			for (unsigned i = 0; i < batch; i++) {
				sum += array[0][(at[i] >> 32) * lines[0] >> 32][0];
				at[i] = (uint64_t)((__uint128_t)at[i] * lines[1] >> 64);
				__builtin_prefetch(array[1][at[i]], 1);
			}
			for (unsigned i = 0; i < batch; i++)
				array[1][at[i]][0] += at[i];
		}
		__asm__ volatile("" : : "r"(sum));
		begin = seconds() - begin;
		best = begin < best ? begin : best;
	}
	for (unsigned i = 0; i < 2; i++)
		sf_arena_fini(&arena[i]);
	return best / (double)count * 1e9;
}

/* ns per flow that ageing looks at without anything being due */
static double visit(uint64_t flows)
{
	struct load load = { .version = 4, .way = IN_TURN };
	struct sf_table *table = table_for(&load, (flows + batch - 1) / batch * batch);
	struct maker maker = maker_for(&load, flows);
	double spent = 0;

	load.way = ONE_WAY;
	fill(table, &load, flows);
	load.way = IN_TURN;
	load.step_ns = 5 * SF_NS_PER_S / (int64_t)flows;
	maker.now += 5 * SF_NS_PER_S;
	for (unsigned round = 0; round < 2; round++) {
		maker.n = 0;
		drive(&maker, table, flows / batch * batch);
		maker.now = START + (round ? 30 : 16) * SF_NS_PER_S;
		spent = seconds();
		while (sf_table_age(table, maker.now - SF_NS_PER_S / 2))
			;
		spent = seconds() - spent;
	}
	check(table);
	sf_table_free(table);
	return spent / (double)flows * 1e9;
}

static bool wanted(const char *name)
{
	return !only || strcmp(only, name) == 0;
}

static void measure_all(uint64_t flows)
{
	/* as many flows as leave within the idle timeout */
	int64_t step = 15 * SF_NS_PER_S / (int64_t)flows;
	struct load loads[] = {
		{ .name = "hot", .version = 4 },
		{ .name = "both", .version = 4, .way = RANDOM_WAY },
		{ .name = "pair", .version = 4, .way = IN_TURN },
		{ .name = "v6", .version = 6 },
		{ .name = "v6both", .version = 6, .way = RANDOM_WAY },
		{ .name = "strong", .version = 4, .strong = true },
		{ .name = "new", .version = 4, .fresh = true, .ages = true, .step_ns = step },
		{ .name = "full",
			.version = 4,
			.fresh = true,
			.full = true,
			.ages = true,
			.step_ns = step / 2 },
	};
	double close = 0, visits;

	printf("%9lu", (unsigned long)flows);
	if (wanted("floor"))
		printf(" floor %.1f", floor_of(flows));
	for (unsigned i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		if (wanted(loads[i].name))
			printf(" %s %.1f", loads[i].name,
				measure(&loads[i], flows, i ? NULL : &close));
		fflush(stdout);
	}
	if (close > 0)
		printf(" close %.1f", close);
	if (wanted("visit")) {
		visits = visit(flows);
		printf(" visit %.1f (%.2f %%)", visits, visits * (double)flows / 15e9 * 100);
	}
	printf("\n");
}

/* Numbers of flows whose home is among the first 1/1024 of the buckets. */
static uint64_t *colliding;

static uint64_t colliding_flow(uint64_t n)
{
	return colliding[n];
}

static void attack(uint64_t flows)
{
	struct load random = { .version = 4 }, chosen = random;
	struct sf_index index = { .count = (uint32_t)((flows * 2 + 6) / 7) };
	double quiet, attacked;

	colliding = malloc(flows * sizeof(*colliding));
	sf_hash_key_derive(&index.key, seed, 1);
	for (uint64_t n = 0, found = 0; found < flows; n++) {
		struct maker maker = maker_for(&random, flows);
		struct sf_facts facts;
		uint64_t hash;

		make_one(&maker, &facts);
		hash = sf_hash_fast(
			&index.key, scatter(n), sf_word64(&facts.ports), sf_word32(&facts.scope));
		if (sf_index_home(&index, hash) <= index.count / 1024)
			colliding[found++] = n;
	}
	quiet = measure(&random, flows, NULL);
	chosen.flow = colliding_flow;
	attacked = measure(&chosen, flows, NULL);
	printf("attack, %lu flows: %.1f ns, random %.1f ns, rate %.2f\n", (unsigned long)flows,
		attacked, quiet, quiet / attacked);
	free(colliding);
}

int main(int argc, char **argv)
{
	static const uint64_t all[] = { 1000, 100000, 1000000, 10000000 };
	int option;

	while ((option = getopt(argc, argv, "n:r:b:l:")) != -1) {
		if (option == 'n')
			packets = strtoull(optarg, NULL, 0);
		else if (option == 'r')
			runs = (unsigned)strtoul(optarg, NULL, 0);
		else if (option == 'b')
			batch = (unsigned)strtoul(optarg, NULL, 0);
		else if (option == 'l')
			only = optarg;
		else
			return 2;
	}
	if (batch < 1 || batch > SF_TABLE_PART)
		return 2;
	printf("    flows  ns per packet\n");
	for (int i = optind; i < argc; i++)
		measure_all(strtoull(argv[i], NULL, 0));
	for (unsigned i = 0; optind == argc && i < sizeof(all) / sizeof(all[0]); i++)
		measure_all(all[i]);
	if (optind == argc)
		attack(100000);
	return 0;
}
