/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packs of messages for Kafka against a producer in memory, driven by seeds: its queue is full,
 * brokers go and come back, messages fail, are refused, or are delivered although their answer got
 * lost; batches are refused for one record in them; runs end at any time and leave a spool.
 * KAFKA_SEED=number replays a seed.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check_main.h"
#include "export/packs.h"

#define SEEDS   40
#define RUNS    3
#define RECORDS 20000
#define QUEUE   40000
#define RECORD  16 /* bytes of a record at least: its id, its length */
#define S       INT64_C(1000000000)

static uint64_t state;

static unsigned pick(unsigned n)
{
	state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(state >> 33) % n;
}

static struct sf_packs packs;

/* ---------------------------------------------------------------- the producer */

static struct {
	struct sf_kafka kafka; /* first */
	struct sf_kafka_message *queue[QUEUE];
	unsigned count;
	bool purged, good;
	unsigned seen[RECORDS]; /* deliveries, by id */
} fake;

static int fake_put(struct sf_kafka *kafka, struct sf_kafka_message *message)
{
	(void)kafka;
	if (fake.count == QUEUE || (!fake.good && pick(200) == 0))
		return -EAGAIN;
	if (!fake.good && pick(3000) == 0)
		return -EIO;
	fake.queue[fake.count++] = message;
	return 0;
}

/* The record at `p`. Returns the next one; NULL: behind it the message ends. */
static const uint8_t *read_record(
	const struct sf_kafka_message *message, const uint8_t *p, uint64_t *id)
{
	uint64_t length;

	memcpy(id, p, sizeof(*id));
	memcpy(&length, p + 8, sizeof(length));
	ck_assert_uint_lt(*id, RECORDS);
	p += length;
	ck_assert(p <= message->value + message->length);
	if (p == message->value + message->length)
		return NULL;
	/* records are separated as those of JSON are */
	ck_assert_uint_eq(*p, '\n');
	return p + 1;
}

static void deliver(const struct sf_kafka_message *message)
{
	uint64_t id;

	for (const uint8_t *p = message->value; p; fake.seen[id]++)
		p = read_record(message, p, &id);
}

static bool is_poison(uint64_t id)
{
	return id % 500 == 7;
}

static bool has_poison(const struct sf_kafka_message *message)
{
	bool has = false;
	uint64_t id;

	for (const uint8_t *p = message->value; p; has |= is_poison(id))
		p = read_record(message, p, &id);
	return has;
}

/* The fate of one message, which has not been told yet. */
static enum sf_kafka_fate decide(const struct sf_kafka_message *message)
{
	unsigned n = fake.good ? 0 : pick(1000);

	if (fake.purged || n > 995) {
		bool arrived = !has_poison(message) && pick(3) == 0;

		if (arrived)
			deliver(message);
		return arrived || pick(2) ? SF_KAFKA_PERHAPS : SF_KAFKA_NOT;
	}
	/* a batch is refused for whatever is in it */
	if (has_poison(message) || (!message->alone && n > 990))
		return n % 2 ? SF_KAFKA_TOO_LARGE : SF_KAFKA_REFUSED;
	deliver(message);
	fake.kafka.away = false;
	return SF_KAFKA_DELIVERED;
}

static void fake_poll(struct sf_kafka *kafka)
{
	unsigned most = fake.purged || fake.good ? fake.count : pick(3) ? pick(fake.count + 1) : 0;

	(void)kafka;
	if (fake.kafka.away && !fake.purged)
		return;
	for (unsigned i = 0; i < most; i++)
		sf_packs_told(&packs, fake.queue[i], decide(fake.queue[i]));
	fake.count -= most;
	memmove(fake.queue, fake.queue + most, fake.count * sizeof(fake.queue[0]));
	fake.purged = false;
}

static void fake_purge(struct sf_kafka *kafka, bool all)
{
	(void)kafka, (void)all;
	fake.purged = true;
}

static const struct sf_kafka_ops ops = { .put = fake_put, .poll = fake_poll, .purge = fake_purge };

/* ---------------------------------------------------------------- runs */

static struct sf_destination_stats stats;
static char directory[64];
static uint64_t ids;

static void begin_run(bool spool, uint64_t run)
{
	const struct sf_spool_options options = { .octets = 64 << 20, .run = run };
	struct sf_disk *disk = NULL;
	struct sf_error error = { 0 };

	if (spool)
		ck_assert_msg(sf_disk_open(&disk, directory, "k", &error) == 0, "%s", error.text);
	memset(&packs, 0, sizeof(packs));
	memset(&stats, 0, sizeof(stats));
	stats.url = "kafka://";
	packs.ops = &ops;
	packs.kafka = &fake.kafka;
	packs.stats = &stats;
	packs.separator = 1;
	ck_assert_int_eq(sf_packs_init(&packs, disk, &options, &error), 0);
}

static void write_record(uint8_t *p, uint64_t length)
{
	memset(p, 0, length);
	memcpy(p, &ids, sizeof(ids));
	memcpy(p + 8, &length, sizeof(length));
	ids++;
}

static void add_record(void)
{
	static const char key[SF_KAFKA_KEY + 1] = "0123456789abcdef";
	const struct sf_destination_count count = { 1, 1 + pick(9), 40 + pick(1000) };
	size_t length = RECORD + pick(pick(2) ? 100 : 3000);
	uint8_t *p;

	sf_count_add(&stats.offered, &count);
	p = pick(4) ? sf_packs_more(&packs, length + 1) : NULL;
	if (p) {
		*p = '\n';
		write_record(p + 1, length);
		sf_packs_extend(&packs, length + 1, &count);
		return;
	}
	p = sf_packs_room(&packs, length);
	if (!p) {
		sf_count_add(&stats.lost_stopped, &count);
		ids++;
		return;
	}
	write_record(p, length);
	sf_packs_add(&packs, pick(5), key, length, &count);
}

static uint64_t lost(void)
{
	return stats.lost_send.records + stats.lost_unreachable.records + stats.lost_write.records +
	       stats.lost_spool.records + stats.lost_tooLarge.records + stats.lost_stopped.records;
}

/* Ends the run; the counters balance. Returns the records that it has lost. */
static uint64_t end_run(void)
{
	sf_packs_end(&packs);
	ck_assert(sf_destination_balanced(&stats));
	sf_packs_fini(&packs);
	fake.count = 0;
	return lost();
}

static void step_run(int64_t *mono)
{
	unsigned n = pick(20);

	for (unsigned i = 0; n < 12 && i < n * 8 && ids < RECORDS; i++)
		add_record();
	if (n == 12)
		sf_packs_seal(&packs);
	if (n == 13)
		fake.kafka.away = true;
	if (n == 14)
		fake.kafka.away = false;
	*mono += pick(300) * (S / 1000);
	sf_packs_step(&packs, *mono);
}

/* All that was not lost is at the broker in the end, and what is there twice was counted. */
static void simulate(uint64_t seed, bool spool)
{
	uint64_t gone = 0, refused = 0, repeated = 0, distinct = 0, twice = 0, poison = 0;
	int64_t mono = S;

	state = seed * 2654435761u + 1;
	memset(&fake, 0, sizeof(fake));
	ids = 0;
	for (unsigned run = 1; run <= RUNS; run++) {
		begin_run(spool, run);
		for (unsigned i = 0; i < 120; i++)
			step_run(&mono);
		gone += end_run();
		refused += stats.lost_tooLarge.records + stats.lost_send.records;
		repeated += stats.repeated.records;
	}
	fake.good = true;
	fake.kafka.away = false;
	begin_run(spool, RUNS + 1);
	for (unsigned i = 0; i < 2000 && (i < 2 || sf_packs_hold(&packs)); i++)
		sf_packs_step(&packs, mono += S);
	gone += end_run();
	refused += stats.lost_tooLarge.records + stats.lost_send.records;
	repeated += stats.repeated.records;
	ck_assert_uint_eq(stats.spooled.records, 0);
	for (uint64_t id = 0; id < ids; id++) {
		distinct += fake.seen[id] != 0;
		twice += fake.seen[id] > 1 ? fake.seen[id] - 1 : 0;
		poison += is_poison(id);
		ck_assert(!is_poison(id) || !fake.seen[id]);
	}
	ck_assert_msg(distinct + gone >= ids, "seed %lu: %lu of %lu arrived, %lu lost", seed,
		distinct, ids, gone);
	/* each of them by itself, unless it was lost for another reason */
	ck_assert_msg(refused <= poison && gone >= poison, "seed %lu: %lu of %lu refused", seed,
		refused, poison);
	if (spool)
		ck_assert_uint_eq(refused, poison);
	ck_assert_msg(twice <= repeated, "seed %lu: %lu twice, %lu counted", seed, twice, repeated);
}

static void run_seeds(bool spool)
{
	const char *one = getenv("KAFKA_SEED");
	char command[128];

	for (uint64_t seed = one ? strtoull(one, NULL, 10) : 1; seed <= SEEDS; seed++) {
		snprintf(directory, sizeof(directory), "/tmp/test_export_kafka.XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(directory));
		simulate(seed, spool);
		snprintf(command, sizeof(command), "rm -rf '%s'", directory);
		ck_assert_int_eq(system(command), 0);
		if (one)
			break;
	}
}

START_TEST(seeds_with_a_spool)
{
	run_seeds(true);
}
END_TEST

START_TEST(seeds_without_a_spool)
{
	run_seeds(false);
}
END_TEST

/* Nothing comes from librdkafka, neither an error nor a delivery. */
START_TEST(a_silent_broker_is_noticed)
{
	int64_t mono = 1000 * S;

	memset(&fake, 0, sizeof(fake));
	ids = 0;
	begin_run(false, 1);
	sf_packs_step(&packs, mono);
	ck_assert(!sf_packs_silent(&packs));
	sf_packs_step(&packs, mono += 100 * S);
	ck_assert(!sf_packs_silent(&packs));
	add_record();
	sf_packs_seal(&packs);
	fake.kafka.away = true; /* fake_poll() tells nothing */
	sf_packs_step(&packs, mono);
	sf_packs_step(&packs, mono += 2 * S);
	ck_assert(!sf_packs_silent(&packs));
	sf_packs_step(&packs, mono += S);
	ck_assert(sf_packs_silent(&packs));
	fake.kafka.away = false;
	fake.good = true;
	sf_packs_step(&packs, mono += S);
	ck_assert(!sf_packs_silent(&packs));
	ck_assert_uint_eq(end_run(), 0);
}
END_TEST

/*
 * Of a message of 100 records the broker takes halves, of one half quarters, but for one record of
 * it.
 */
START_TEST(what_is_refused_is_halved)
{
	int64_t mono = S;

	memset(&fake, 0, sizeof(fake));
	fake.good = true;
	ids = 500;
	state = 1;
	begin_run(false, 1);
	add_record();
	while (ids < 600) {
		static const struct sf_destination_count count = { 1, 1, 100 };
		uint8_t *p = sf_packs_more(&packs, RECORD + 1);

		ck_assert_ptr_nonnull(p);
		*p = '\n';
		sf_count_add(&stats.offered, &count);
		write_record(p + 1, RECORD);
		sf_packs_extend(&packs, RECORD + 1, &count);
	}
	sf_packs_seal(&packs);
	for (unsigned i = 0; i < 20 && sf_packs_hold(&packs); i++)
		sf_packs_step(&packs, mono += S);
	ck_assert_uint_eq(stats.sent.records, 99);
	ck_assert_uint_eq(stats.lost_tooLarge.records + stats.lost_send.records, 1);
	ck_assert_uint_eq(stats.repeated.records, 0);
	/* 500–505, 506, 508, 509–511, 512–524, 525–549, 550–599 */
	ck_assert_uint_eq(stats.messages, 7);
	for (uint64_t id = 500; id < 600; id++)
		ck_assert_uint_eq(fake.seen[id], !is_poison(id));
	ck_assert_uint_eq(end_run(), 1);
}
END_TEST

CHECK_MAIN("export_kafka", what_is_refused_is_halved, a_silent_broker_is_noticed,
	seeds_with_a_spool, seeds_without_a_spool)
