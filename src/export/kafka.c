/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records to a topic of Kafka, in JSON as -o json prints it, or as GoFlow2's FlowMessage: a message
 * for each, or for several (records=). The key is the flow, the same for both directions. Messages
 * leave in packs (packs.c).
 */
#include "export/kafka.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "encode/flowmessage.h"
#include "export/packs.h"
#include "text/columns.h"

#define FLUSH_NS INT64_C(200000000) /* then messages leave that are few */
#define LOOK_NS  INT64_C(5000000)   /* between two looks at a destination that is not ready */
#define WAIT_NS  INT64_C(2000000)

struct kafka {
	struct sf_destination destination;
	struct sf_packs packs;
	bool json, by_exporter;
	uint64_t records;    /* most in a message */
	uint64_t in_message; /* records in the last one */
	uint32_t exporter;   /* hash of this host's name and the domain */
	struct sf_columns columns;
	struct sf_flowmessage message;
	struct sf_encode_context context;
	struct sf_anonymizer *anonymizer; /* owned; NULL: addresses are sent as they are */
	char row[1 + SF_TEXT_ROW_MAX];
	bool told_crowded;        /* the user was told that the broker refuses batches */
	uint32_t told_most;       /* and messages of more bytes than this */
	bool stalled;             /* the user was told that no broker is there */
	bool silent;              /* and that none answers */
	uint64_t silent_messages; /* acknowledged before that */
	bool given_up;            /* the broker was away for too long: it is not waited for */
	int64_t away_since;       /* monotonic */
	int64_t flushed_ns;
};

/* ---------------------------------------------------------------- records */

/*
 * The same for both directions, in every process: it chooses the partition. It is a hash of the
 * addresses that are sent: one of the true ones would tell these to who tries all addresses.
 */
static uint64_t hash_flow(const struct kafka *kafka, const struct sf_flow *flow)
{
	static const struct sf_hash_key key = { { UINT64_C(0x2d358dccaa6c78a5),
		UINT64_C(0x8bb84b93962eacc9), UINT64_C(0x4b33a62ed433d4a3),
		UINT64_C(0x4d5a2da51de1aa47) } };
	uint64_t sides[2];

	for (unsigned i = 0; i < 2; i++) {
		uint8_t address[16];
		uint64_t a, b;

		memcpy(address, flow->addr[i], sizeof(address));
		if (sf_unlikely(kafka->anonymizer != NULL))
			sf_anonymize_address(
				kafka->anonymizer, address, flow->ip_version == 4 ? 4 : 16);
		memcpy(&a, address, 8);
		memcpy(&b, address + 8, 8);
		sides[i] = sf_hash_fast(&key, le64toh(a), le64toh(b), flow->port[i]);
	}
	/* a sum does not depend on the order */
	return sf_hash_fast(&key, sides[0] + sides[1], sides[0] ^ sides[1], flow->protocol);
}

static void write_key(char *key, uint64_t hash)
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned i = 0; i < SF_KAFKA_KEY; i++)
		key[i] = digits[hash >> (60 - 4 * i) & 15];
}

#define NO_MEMORY SIZE_MAX

/*
 * Into kafka->row, behind a byte that is left free. Without the end of the
 * line; 0: it has none of the fields.
 */
static size_t write_json(struct kafka *kafka, const struct sf_flow *flow, unsigned d)
{
	const struct sf_row row = { .flow = flow, .d = d };
	const struct sf_layout *layout = sf_columns_layout(&kafka->columns, flow, 1u << d);
	char *p = kafka->row + 1, *end;

	if (!layout)
		return NO_MEMORY;
	end = sf_columns_json(layout, p, &row);
	return (size_t)(end - p) - (end > p);
}

static size_t write_message(struct kafka *kafka, const struct sf_flow *flow, unsigned d)
{
	const struct sf_extra *extra = sf_extra_of(flow, &kafka->context);
	uint8_t *p = (uint8_t *)kafka->row + 1;

	kafka->message.sequence++;
	return (size_t)(sf_flowmessage_write(&kafka->message, p, flow, d, extra) - p);
}

static void settle(struct kafka *kafka);

/*
 * Without a queue: waits for room, until half of it is free, so that waits are few. NULL: the run
 * is in a hurry, the broker away for too long, no memory.
 */
static uint8_t *await_room(struct kafka *kafka, size_t size)
{
	const struct sf_shared *shared = kafka->destination.shared;
	int64_t patience =
		shared->options.patience_ns ? shared->options.patience_ns : 60 * SF_NS_PER_S;
	uint8_t *p;

	p = sf_packs_room(&kafka->packs, size);
	while (!p) {
		if (shared->options.queued || kafka->given_up ||
			sf_hurry_level(&shared->options.hurry))
			return NULL;
		sf_packs_step(&kafka->packs, sf_clock_read(CLOCK_MONOTONIC));
		settle(kafka);
		kafka->given_up =
			kafka->stalled && kafka->packs.mono - kafka->away_since > patience;
		if (kafka->packs.count <= SF_PACKS / 2)
			p = sf_packs_room(&kafka->packs, size);
		else
			nanosleep(&(struct timespec){ .tv_nsec = WAIT_NS }, NULL);
	}
	return p;
}

/*
 * The record that lies in kafka->row goes into the last message. False:
 * it needs a message of its own.
 */
static bool extend(struct kafka *kafka, size_t length, const struct sf_destination_count *count)
{
	/* rows of JSON have a line each */
	size_t line = kafka->json;
	uint8_t *p;

	if (kafka->in_message == 0 || kafka->in_message >= kafka->records)
		return false;
	p = sf_packs_more(&kafka->packs, length + line);
	if (!p)
		return false;
	kafka->row[0] = '\n';
	memcpy(p, kafka->row + 1 - line, length + line);
	sf_packs_extend(&kafka->packs, length + line, count);
	kafka->in_message++;
	return true;
}

static void put_record(struct kafka *kafka, const struct sf_flow *flow, unsigned d, const char *key,
	uint32_t partition)
{
	struct sf_destination_stats *stats = &kafka->destination.stats;
	const struct sf_destination_count count = { 1, flow->half[d].packets,
		flow->half[d].octets };
	size_t length = kafka->json ? write_json(kafka, flow, d) : write_message(kafka, flow, d);
	uint8_t *p;

	sf_count_add(&stats->offered, &count);
	if (length == 0 || length > SF_PACK_MESSAGE_MAX) {
		sf_count_add(length == 0           ? &stats->skipped_noFields
			     : length == NO_MEMORY ? &stats->lost_send
						   : &stats->lost_tooLarge,
			&count);
		return;
	}
	if (extend(kafka, length, &count))
		return;
	p = await_room(kafka, length);
	if (!p) {
		sf_count_add(
			kafka->given_up ? &stats->lost_unreachable : &stats->lost_stopped, &count);
		return;
	}
	memcpy(p, kafka->row + 1, length);
	sf_packs_add(&kafka->packs, partition, key, length, &count);
	kafka->in_message = 1;
}

static void kafka_put(
	struct sf_destination *destination, const struct sf_flow *flows, unsigned count)
{
	struct kafka *kafka = (struct kafka *)destination;
	char key[SF_KAFKA_KEY];

	kafka->message.received_ns = (uint64_t)destination->shared->wall_ns;
	for (unsigned i = 0; i < count; i++) {
		uint64_t hash = hash_flow(kafka, &flows[i]);
		uint32_t partition = kafka->by_exporter ? kafka->exporter ^ flows[i].domain
							: (uint32_t)(hash >> 32);

		write_key(key, hash);
		for (unsigned d = 0; d < 2; d++)
			if (flows[i].directions >> d & 1)
				put_record(kafka, &flows[i], d, key, partition);
	}
	/* with a queue ready() does this */
	if (kafka->packs.sealed && !destination->shared->options.queued)
		sf_packs_step(&kafka->packs, sf_clock_read(CLOCK_MONOTONIC));
}

/* ---------------------------------------------------------------- the broker */

/*
 * A broker may be away without an error for long: librdkafka waits 30 s
 * for a host that does not answer.
 */
static void settle_silence(struct kafka *kafka)
{
	const struct sf_packs *packs = &kafka->packs;
	bool silent = sf_packs_silent(packs);
	const char *trouble = packs->kafka->trouble;
	char reason[60];

	snprintf(reason, sizeof(reason), "no broker has answered for %d s", SF_PACKS_SILENT_S);
	if (silent && !kafka->silent && !kafka->stalled)
		sf_destination_news(&kafka->destination,
			"%.90s takes no records yet: %.130s; trying again",
			kafka->destination.stats.url, trouble[0] ? trouble : reason);
	/* at the end of the run packs are given up: none wait then, either */
	else if (!silent && kafka->silent && !kafka->stalled &&
		 kafka->destination.stats.messages != kafka->silent_messages)
		sf_destination_news(&kafka->destination, "%.150s takes records now",
			kafka->destination.stats.url);
	if (silent && !kafka->silent)
		kafka->silent_messages = kafka->destination.stats.messages;
	kafka->silent = silent && (kafka->silent || !kafka->stalled);
}

/* The broker refuses what its topic may not hold: what that costs, and what to do. */
static void settle_refusals(struct kafka *kafka)
{
	const struct sf_packs *packs = &kafka->packs;
	const char *url = kafka->destination.stats.url;

	if (packs->value_most && (!kafka->told_most || packs->value_most < kafka->told_most)) {
		sf_destination_news(&kafka->destination,
			"%.90s refuses messages of several records as too large: they have %u "
			"bytes at most now (records=, or max.message.bytes of the topic)",
			url, packs->value_most);
		kafka->told_most = packs->value_most;
	} else if (packs->crowded && !kafka->told_crowded) {
		sf_destination_news(&kafka->destination,
			"%.90s refuses batches as too large: their messages are sent again one by "
			"one (rdkafka.batch.size=, or max.message.bytes of the topic)",
			url);
	}
	kafka->told_crowded |= packs->crowded;
}

/* Tells the user what has changed. */
static void settle(struct kafka *kafka)
{
	struct sf_destination *destination = &kafka->destination;
	const struct sf_packs *packs = &kafka->packs;
	bool fails = packs->kafka->away || packs->failing;

	destination->fails = fails;
	destination->lost_as = fails ? SF_FATE_LOST_unreachable : SF_FATE_LOST_queue;
	if (fails && !kafka->stalled) {
		kafka->away_since = packs->mono;
		sf_destination_news(destination, "%.90s takes no records: %.130s; trying again",
			destination->stats.url, sf_packs_trouble(packs));
		if (!destination->stats.failure[0])
			snprintf(destination->stats.failure, sizeof(destination->stats.failure),
				"%s", destination->stats.news);
	} else if (!fails && kafka->stalled) {
		sf_destination_news(
			destination, "%.150s takes records again", destination->stats.url);
		kafka->silent = false;
	} else {
		settle_silence(kafka);
		settle_refusals(kafka);
	}
	kafka->stalled = fails;
}

static void kafka_tick(struct sf_destination *destination)
{
	struct kafka *kafka = (struct kafka *)destination;
	int64_t wall = destination->shared->wall_ns;

	if (wall - kafka->flushed_ns < FLUSH_NS && wall >= kafka->flushed_ns)
		return;
	kafka->flushed_ns = wall;
	sf_packs_seal(&kafka->packs);
	sf_packs_step(&kafka->packs, sf_clock_read(CLOCK_MONOTONIC));
	settle(kafka);
}

static int64_t kafka_ready(struct sf_destination *destination, int64_t mono)
{
	struct kafka *kafka = (struct kafka *)destination;

	/* here and not before: its threads have the rights that are left then */
	if (kafka->packs.ops->start(kafka->packs.kafka) == 0)
		sf_packs_step(&kafka->packs, mono);
	settle(kafka);
	return sf_packs_ready(&kafka->packs) ? mono : mono + LOOK_NS;
}

static bool kafka_flush(struct sf_destination *destination)
{
	return sf_packs_seal(&((struct kafka *)destination)->packs);
}

static bool kafka_holds(const struct sf_destination *destination)
{
	return sf_packs_hold(&((const struct kafka *)destination)->packs);
}

/* Without a queue: waits until everything is acknowledged, as long as the run may. */
static void await_sent(struct kafka *kafka)
{
	const struct sf_shared *shared = kafka->destination.shared;
	int64_t now = sf_clock_read(CLOCK_MONOTONIC), since = now;
	int64_t patience =
		shared->options.patience_ns ? shared->options.patience_ns : 60 * SF_NS_PER_S;

	sf_packs_seal(&kafka->packs);
	while (sf_packs_hold(&kafka->packs) && !sf_hurry_level(&shared->options.hurry) &&
		now - since <= patience && !kafka->given_up) {
		uint64_t before = kafka->destination.stats.messages;

		sf_packs_step(&kafka->packs, now);
		settle(kafka);
		if (kafka->destination.stats.messages != before)
			since = now;
		nanosleep(&(struct timespec){ .tv_nsec = WAIT_NS }, NULL);
		now = sf_clock_read(CLOCK_MONOTONIC);
	}
}

static void kafka_finish(struct sf_destination *destination)
{
	struct kafka *kafka = (struct kafka *)destination;

	if (!destination->shared->options.queued)
		await_sent(kafka);
	sf_packs_end(&kafka->packs);
	settle(kafka);
}

static void kafka_free(struct sf_destination *destination)
{
	struct kafka *kafka = (struct kafka *)destination;

	if (kafka->packs.kafka)
		kafka->packs.ops->close(kafka->packs.kafka);
	sf_packs_fini(&kafka->packs);
	sf_columns_fini(&kafka->columns);
	sf_anonymizer_free(kafka->anonymizer);
	free(kafka);
}

static const struct sf_destination_ops kafka_ops = {
	.put = kafka_put,
	.tick = kafka_tick,
	.ready = kafka_ready,
	.flush = kafka_flush,
	.holds = kafka_holds,
	.finish = kafka_finish,
	.free = kafka_free,
};

/* ---------------------------------------------------------------- options */

static void set_sampler(struct sf_flowmessage *message, const struct sf_url_kafka *options)
{
	message->sampler_length = options->sampler_length;
	memcpy(message->sampler, options->sampler, sizeof(message->sampler));
}

/* A number for this probe: many probes share a topic. */
static uint32_t hash_host(void)
{
	char name[256] = "";
	uint32_t hash = 2166136261u;

	gethostname(name, sizeof(name) - 1);
	for (const char *p = name; *p; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619u;
	return hash;
}

static int set_format(struct kafka *kafka, const struct sf_url *url, struct sf_error *error)
{
	const struct sf_shared *shared = kafka->destination.shared;
	const char *list = url->list ? url->list : shared->options.fields;
	uint64_t extra = url->session.no_extra ? 0 : sf_extra_conditions(shared);

	kafka->json = url->kafka.json;
	kafka->packs.separator = kafka->json;
	kafka->context.extra = url->session.no_extra ? NULL : shared->extra;
	kafka->message.has_way =
		kafka->context.extra && shared->options.enricher->gives & SF_EXTRA_INTERFACES;
	kafka->message.sampling_rate = shared->options.sampling_interval;
	/* of flows, too: consumers multiply counters by it, to know the sums of all flows */
	if (url->session.sample_flows)
		kafka->message.sampling_rate *= url->session.sample_flows;
	set_sampler(&kafka->message, &url->kafka);
	if (!kafka->json) {
		kafka->destination.wants = sf_flowmessage_facts();
		return 0;
	}
	sf_columns_init(&kafka->columns, false, false, extra, kafka->context.extra);
	if (list && sf_columns_choose(&kafka->columns, list, error) < 0)
		return SF_EUSAGE;
	if (url->session.folds)
		sf_columns_add_folded(&kafka->columns);
	kafka->destination.wants = sf_fields_facts(&kafka->columns.fields, kafka->columns.when);
	return 0;
}

/* After set_format(): the fields are known. */
static int set_anonymizer(struct kafka *kafka, const struct sf_url *url, struct sf_error *error)
{
	int code = sf_anonymizer_open(&kafka->anonymizer, &url->anonymize,
		kafka->json ? &kafka->columns.fields : NULL, url->target, error);

	kafka->columns.anonymizer = kafka->message.anonymizer = kafka->anonymizer;
	return code;
}

static int open_all(struct kafka *kafka, const struct sf_url *url, struct sf_disk *disk,
	const struct sf_spool_options *spool, struct sf_error *error)
{
	const struct sf_kafka_options options = {
		.brokers = url->target,
		.topic = url->kafka.topic,
		.properties = url->kafka.properties,
		.file = url->kafka.file,
		.told = sf_packs_told,
		.context = &kafka->packs,
	};
	int code = sf_packs_init(&kafka->packs, disk, spool, error);

	if (code == 0)
		code = set_format(kafka, url, error);
	if (code == 0)
		code = set_anonymizer(kafka, url, error);
	kafka->packs.ops = code == 0 ? sf_kafka_load(error) : NULL;
	if (code == 0 && !kafka->packs.ops)
		code = SF_EUNSUPPORTED;
	if (code == 0)
		code = kafka->packs.ops->open(&kafka->packs.kafka, &options, error);
	/* without a sandbox there is nothing to wait for */
	if (code == 0 && !kafka->destination.shared->options.queued &&
		kafka->packs.ops->start(kafka->packs.kafka) < 0)
		code = sf_error_set(
			error, kafka->packs.kafka->error, "Kafka: %s", kafka->packs.kafka->trouble);
	return code;
}

int sf_kafka_new(struct sf_destination **destination, const struct sf_shared *shared,
	const struct sf_url *url, struct sf_disk *disk, const struct sf_spool_options *spool,
	struct sf_error *error)
{
	struct kafka *kafka = calloc(1, sizeof(*kafka));
	int code;

	if (!kafka) {
		if (disk)
			disk->ops->free(disk);
		return sf_error_set(error, -ENOMEM, "no memory for Kafka");
	}
	kafka->destination = (struct sf_destination){
		.ops = &kafka_ops,
		.shared = shared,
		.stats.kind = "kafka",
		.stats.protocol = IPPROTO_TCP,
		.returns = !disk,
	};
	kafka->packs.stats = &kafka->destination.stats;
	kafka->by_exporter = url->kafka.by_exporter;
	kafka->records = url->kafka.records;
	kafka->exporter = hash_host();
	code = open_all(kafka, url, disk, spool, error);
	if (code == 0)
		*destination = &kafka->destination;
	else
		kafka_free(&kafka->destination);
	return code;
}

const char *sf_kafka_reads(const struct sf_destination *destination, unsigned index)
{
	/* what librdkafka's threads need to look names up */
	static const char *const names[] = { "/etc/hosts", "/etc/resolv.conf" };
	const struct sf_packs *packs = &((const struct kafka *)destination)->packs;

	return index < 2 ? names[index] : packs->ops->reads(packs->kafka, index - 2);
}
