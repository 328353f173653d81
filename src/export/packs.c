/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/packs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define PACK_RESERVE 48 /* packs that the records of one put() can fill */
#define STEP_PACKS   8  /* packs that are handed over in one step */
#define AGAIN_NS     INT64_C(500000000)
#define PURGE_NS     INT64_C(1000000000)
#define END_NS       INT64_C(2000000000) /* the end waits so long for what librdkafka returns */

static struct sf_pack *pack_at(const struct sf_packs *packs, unsigned index)
{
	return packs->ring[(packs->first + index) % SF_PACKS];
}

static bool is_spooled(const struct sf_pack *pack)
{
	return pack->place.end.segment != 0;
}

static struct sf_pack *new_pack(struct sf_packs *packs)
{
	struct sf_pack *pack = packs->spare;

	if (pack)
		packs->spare = pack->next_spare;
	else
		pack = malloc(sizeof(*pack));
	if (pack)
		sf_pack_clear(pack);
	return pack;
}

static void free_pack(struct sf_packs *packs, struct sf_pack *pack)
{
	pack->next_spare = packs->spare;
	packs->spare = pack;
}

int sf_packs_init(struct sf_packs *packs, struct sf_disk *disk,
	const struct sf_spool_options *options, struct sf_error *error)
{
	int code;

	if (!disk)
		return 0;
	code = sf_spool_open(&packs->spool, disk, options, error);
	if (code < 0) {
		disk->ops->free(disk);
		return code;
	}
	packs->has_spool = packs->spooling = true;
	return 0;
}

void sf_packs_fini(struct sf_packs *packs)
{
	for (unsigned i = 0; i < packs->count; i++)
		free(pack_at(packs, i));
	while (packs->spare) {
		struct sf_pack *pack = packs->spare;

		packs->spare = pack->next_spare;
		free(pack);
	}
	free(packs->open);
	if (packs->has_spool)
		sf_spool_close(&packs->spool);
}

/* ---------------------------------------------------------------- the spool */

const char *sf_packs_trouble(const struct sf_packs *packs)
{
	return packs->kafka->trouble[0] ? packs->kafka->trouble : packs->kafka->failure;
}

/* Why records are lost, in words. */
static void tell_loss(const struct sf_packs *packs, enum sf_fate fate)
{
	struct sf_destination_stats *stats = packs->stats;
	const size_t size = sizeof(stats->failure);

	switch (fate) {
	case SF_FATE_LOST_stopped:
		snprintf(stats->failure, size,
			"%.200s was not ready for all records when the run had to end", stats->url);
		break;
	case SF_FATE_LOST_spool:
		snprintf(stats->failure, size, "%.150s: the spool is full (--spool-max)",
			stats->url);
		break;
	case SF_FATE_LOST_write:
		snprintf(stats->failure, size, "%.150s: the spool cannot be written", stats->url);
		break;
	case SF_FATE_LOST_tooLarge:
		snprintf(stats->failure, size,
			"%.140s: the broker refuses single records as too large (max.message.bytes "
			"of the topic)",
			stats->url);
		break;
	case SF_FATE_LOST_send:
		snprintf(stats->failure, size, "%.100s: %s%.100s", stats->url,
			packs->kafka->refusal[0] ? "the broker refuses single records: "
						 : "what the spool holds is damaged",
			packs->kafka->refusal);
		break;
	default:
		snprintf(stats->failure, size, "%.100s: %.140s", stats->url,
			sf_packs_trouble(packs));
	}
}

static void lose(
	struct sf_packs *packs, const struct sf_destination_count *flows, enum sf_fate fate)
{
	sf_count_add(sf_destination_fate(packs->stats, fate), flows);
	packs->stats->error = packs->kafka->error;
	tell_loss(packs, fate);
}

/* The messages of a pack that are done are counted. */
static void count_done(struct sf_packs *packs, const struct sf_pack *pack)
{
	sf_count_add(&packs->stats->sent, &pack->sent.flows);
	packs->stats->messages += pack->sent.pieces;
	packs->stats->message_octets += pack->sent.octets;
	if (pack->too_large.records)
		lose(packs, &pack->too_large, SF_FATE_LOST_tooLarge);
	if (pack->refused.records)
		lose(packs, &pack->refused, SF_FATE_LOST_send);
}

/* The messages that are not done go to the spool. */
static void put_into_spool(struct sf_packs *packs, const struct sf_pack *pack)
{
	const bool doubtful = sf_pack_is_doubtful(pack);
	const uint32_t length = sf_pack_write(pack, packs->scratch);
	int code;

	if (doubtful)
		sf_spool_doubt(&packs->spool, true);
	if (sf_spool_is_full(&packs->spool, length))
		sf_spool_end_segment(&packs->spool);
	code = sf_spool_put(&packs->spool, SF_SPOOL_DATA, packs->scratch, length,
		(uint16_t)pack->waiting.records, &pack->waiting);
	if (doubtful)
		sf_spool_doubt(&packs->spool, false);
	packs->spooling = true;
	if (code < 0)
		lose(packs, &pack->waiting,
			code == -EDQUOT ? SF_FATE_LOST_spool : SF_FATE_LOST_write);
}

/* Puts the next pack of the spool under way. False: there is none. */
static bool take_from_spool(struct sf_packs *packs)
{
	struct sf_pack *pack = new_pack(packs);
	struct sf_spool_entry entry;

	while (pack && sf_spool_next(&packs->spool, &entry, pack->bytes) > 0) {
		sf_pack_clear(pack);
		pack->place = (struct sf_spool_span){ entry.start, entry.end };
		pack->spooled = entry.flows;
		if (entry.kind != SF_SPOOL_DATA ||
			!sf_pack_read(pack, entry.length, &entry.flows)) {
			lose(packs, &entry.flows, SF_FATE_LOST_send);
			continue;
		}
		if (entry.repeated)
			sf_count_add(&packs->stats->repeated, &entry.flows);
		packs->ring[(packs->first + packs->count++) % SF_PACKS] = pack;
		return true;
	}
	if (pack)
		free_pack(packs, pack);
	return false;
}

static void fill_from_spool(struct sf_packs *packs)
{
	/* while no broker is there, one pack is enough to learn that one is there again */
	unsigned most = packs->kafka->away || packs->failing ? 1 : SF_PACKS - PACK_RESERVE;

	while (packs->count < most && take_from_spool(packs))
		;
	packs->spooling =
		packs->kafka->away || packs->failing || sf_spool_next_run(&packs->spool) != 0;
}

/* ---------------------------------------------------------------- filling */

bool sf_packs_ready(const struct sf_packs *packs)
{
	return packs->has_spool || packs->count <= SF_PACKS - PACK_RESERVE;
}

bool sf_packs_seal(struct sf_packs *packs)
{
	struct sf_pack *pack = packs->open;

	if (!pack || pack->count == 0)
		return false;
	if (packs->has_spool && (packs->spooling || packs->count == SF_PACKS)) {
		put_into_spool(packs, pack);
		free_pack(packs, pack);
	} else if (packs->count == SF_PACKS) {
		return false;
	} else {
		packs->ring[(packs->first + packs->count++) % SF_PACKS] = pack;
	}
	packs->open = NULL;
	packs->sealed = true;
	return true;
}

uint8_t *sf_packs_room(struct sf_packs *packs, size_t size)
{
	if (packs->open && packs->open->count && !sf_pack_fits(packs->open, size) &&
		!sf_packs_seal(packs))
		return NULL;
	if (!packs->open)
		packs->open = new_pack(packs);
	return packs->open ? packs->open->bytes + packs->open->used : NULL;
}

void sf_packs_add(struct sf_packs *packs, uint32_t partition, const char *key, size_t length,
	const struct sf_destination_count *flows)
{
	sf_pack_add(packs->open, partition, key, length, flows);
}

uint8_t *sf_packs_more(struct sf_packs *packs, size_t size)
{
	struct sf_pack *pack = packs->open;
	const size_t most = packs->value_most ? packs->value_most : SF_PACK_MESSAGE_MAX;

	return pack && pack->count && sf_pack_fits(pack, size) &&
			       pack->messages[pack->count - 1].kafka.length + size <= most
		       ? pack->bytes + pack->used
		       : NULL;
}

void sf_packs_extend(
	struct sf_packs *packs, size_t length, const struct sf_destination_count *flows)
{
	sf_pack_extend(packs->open, length, flows);
}

/* ---------------------------------------------------------------- what becomes of a message */

/* A batch, or a message that was sent alone, will never be taken as it is. */
static void refuse(struct sf_packs *packs, struct sf_pack_message *message, enum sf_kafka_fate fate)
{
	struct sf_pack *pack = message->pack;

	message->state = SF_PACK_WAITS;
	if (!message->kafka.alone) {
		packs->crowded |= fate == SF_KAFKA_TOO_LARGE;
		message->kafka.alone = true;
	} else if (message->records == 1) {
		sf_pack_done(
			message, fate == SF_KAFKA_TOO_LARGE ? &pack->too_large : &pack->refused);
	} else {
		if (fate == SF_KAFKA_TOO_LARGE &&
			(!packs->value_most || packs->value_most > message->kafka.length / 2))
			packs->value_most = message->kafka.length / 2;
		sf_pack_split(message, packs->separator);
	}
}

void sf_packs_told(void *context, struct sf_kafka_message *kafka, enum sf_kafka_fate fate)
{
	struct sf_pack_message *message = (struct sf_pack_message *)kafka;
	struct sf_pack *pack = message->pack;

	pack->outstanding--;
	message->state = SF_PACK_WAITS;
	switch (fate) {
	case SF_KAFKA_DELIVERED:
		pack->sent.pieces++;
		pack->sent.octets += message->kafka.length;
		sf_pack_done(message, &pack->sent.flows);
		return;
	case SF_KAFKA_TOO_LARGE:
	case SF_KAFKA_REFUSED:
		refuse(context, message, fate);
		return;
	case SF_KAFKA_PERHAPS:
		message->perhaps = true;
		break;
	case SF_KAFKA_NOT:
		break;
	}
	pack->failed = true;
}

/* ---------------------------------------------------------------- under way */

/* False: librdkafka takes no more now. */
static bool put_message(struct sf_packs *packs, struct sf_pack_message *message)
{
	int code = packs->ops->put(packs->kafka, &message->kafka);

	if (code == -EAGAIN)
		return false;
	if (code == -EMSGSIZE) {
		message->kafka.alone = true;
		refuse(packs, message, SF_KAFKA_TOO_LARGE);
	} else if (code < 0) {
		message->pack->failed = true;
	} else {
		message->state = SF_PACK_OUTSTANDING;
		message->pack->outstanding++;
	}
	if (code == 0 && message->perhaps) {
		const struct sf_destination_count flows = sf_pack_message_flows(message);

		sf_count_add(&packs->stats->repeated, &flows);
		message->perhaps = false;
	}
	return true;
}

/* Hands over those messages of a pack that wait. False: librdkafka takes no more now. */
static bool put_messages(struct sf_packs *packs, struct sf_pack *pack)
{
	for (; pack->next < pack->count; pack->next++)
		if (pack->messages[pack->next].state == SF_PACK_WAITS &&
			!put_message(packs, &pack->messages[pack->next]))
			return false;
	return true;
}

static void put_packs(struct sf_packs *packs)
{
	unsigned most = STEP_PACKS;

	if (packs->mono < packs->again_ns)
		return;
	for (unsigned i = 0; i < packs->count && most; i++) {
		struct sf_pack *pack = pack_at(packs, i);

		if (pack->next == pack->count)
			continue;
		/* one pack finds out whether brokers are there again */
		if (i && packs->failing)
			return;
		if (!put_messages(packs, pack))
			return;
		most--;
	}
}

static void remove_first(struct sf_packs *packs)
{
	free_pack(packs, pack_at(packs, 0));
	packs->first = (packs->first + 1) % SF_PACKS;
	packs->count--;
}

static void release(struct sf_packs *packs, const struct sf_pack *pack)
{
	if (is_spooled(pack))
		sf_spool_release(&packs->spool, pack->place.end);
}

/*
 * The fate of each message of the first pack, once put, is known. Counts and removes the pack.
 * False: the pack stays, because some messages are to be put again.
 */
static bool settle_first(struct sf_packs *packs)
{
	struct sf_pack *pack = pack_at(packs, 0);

	if (pack->waiting.records && pack->failed) {
		packs->failing = true;
		packs->again_ns = packs->mono + AGAIN_NS;
	}
	if (pack->waiting.records && (!pack->failed || !packs->has_spool || is_spooled(pack))) {
		/* a broker that refuses is there */
		if (!pack->failed)
			packs->heard_ns = packs->mono;
		pack->failed = false;
		pack->next = 0;
		return false;
	}
	if (pack->waiting.records)
		put_into_spool(packs, pack);
	else if (pack->sent.pieces)
		packs->failing = false;
	count_done(packs, pack);
	release(packs, pack);
	remove_first(packs);
	return true;
}

static bool is_settled(const struct sf_pack *pack)
{
	return pack->next == pack->count && pack->outstanding == 0;
}

static void settle(struct sf_packs *packs)
{
	unsigned before = packs->count;

	while (packs->count && is_settled(pack_at(packs, 0)) && settle_first(packs))
		;
	if (packs->count == 0 || packs->count < before || !packs->heard_ns)
		packs->heard_ns = packs->mono;
}

bool sf_packs_silent(const struct sf_packs *packs)
{
	return packs->count && packs->mono - packs->heard_ns >= SF_PACKS_SILENT_S * SF_NS_PER_S;
}

/*
 * No broker is there: takes messages that are in memory only back from librdkafka, and puts them
 * into the spool.
 */
static void give_up(struct sf_packs *packs)
{
	bool memory = false;

	for (unsigned i = 0; i < packs->count; i++)
		memory |= !is_spooled(pack_at(packs, i));
	packs->spooling = true;
	if (!memory || packs->mono < packs->purge_ns)
		return;
	packs->purge_ns = packs->mono + PURGE_NS;
	packs->ops->purge(packs->kafka, false);
}

static void show_spool(struct sf_packs *packs)
{
	struct sf_destination_count *dropped = &packs->spool.dropped;

	if (!packs->has_spool)
		return;
	if (dropped->records)
		lose(packs, dropped, SF_FATE_LOST_spool);
	*dropped = (struct sf_destination_count){ 0 };
	packs->stats->inherited = packs->spool.inherited;
	packs->stats->spooled = packs->spool.unread;
	packs->stats->torn_octets = packs->spool.torn_octets;
}

void sf_packs_step(struct sf_packs *packs, int64_t mono)
{
	packs->mono = mono;
	packs->sealed = false;
	packs->ops->poll(packs->kafka);
	settle(packs);
	if (packs->has_spool && packs->kafka->away)
		give_up(packs);
	if (packs->has_spool && packs->spooling)
		fill_from_spool(packs);
	put_packs(packs);
	show_spool(packs);
}

bool sf_packs_hold(const struct sf_packs *packs)
{
	if (packs->has_spool && (packs->kafka->away || packs->failing))
		return false;
	return packs->count != 0 || (packs->open && packs->open->count) ||
	       (packs->has_spool && sf_spool_next_run(&packs->spool) != 0);
}

/* ---------------------------------------------------------------- the end */

static bool is_anything_outstanding(const struct sf_packs *packs)
{
	for (unsigned i = 0; i < packs->count; i++)
		if (pack_at(packs, i)->outstanding)
			return true;
	return false;
}

/* Takes everything back from librdkafka that no broker has acknowledged. */
static void take_back(struct sf_packs *packs)
{
	int64_t end = sf_clock_read(CLOCK_MONOTONIC) + END_NS;

	packs->ops->poll(packs->kafka);
	packs->ops->purge(packs->kafka, true);
	while (is_anything_outstanding(packs) && sf_clock_read(CLOCK_MONOTONIC) < end) {
		packs->ops->poll(packs->kafka);
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
}

/* The place from which the next run reads the spool again. */
struct rewind {
	bool any, begun;
	struct sf_spool_place start;
	struct sf_destination_count flows;
};

static void end_pack(struct sf_packs *packs, struct sf_pack *pack, struct rewind *back)
{
	const bool waits = pack->waiting.records != 0;

	if (is_spooled(pack) && (back->any || waits)) {
		if (!back->any)
			back->start = pack->place.start;
		back->any = true;
		back->begun |= pack->sent.pieces || sf_pack_is_doubtful(pack);
		sf_count_add(&back->flows, &pack->spooled);
		return;
	}
	count_done(packs, pack);
	release(packs, pack);
	if (!waits)
		return;
	if (packs->has_spool)
		put_into_spool(packs, pack);
	else
		lose(packs, &pack->waiting,
			packs->kafka->away || packs->failing ? SF_FATE_LOST_unreachable
							     : SF_FATE_LOST_stopped);
}

void sf_packs_end(struct sf_packs *packs)
{
	struct rewind back = { 0 };

	take_back(packs);
	for (unsigned i = 0; i < packs->count; i++)
		end_pack(packs, pack_at(packs, i), &back);
	if (back.any)
		sf_spool_rewind(&packs->spool, back.start, &back.flows, back.begun);
	if (packs->open && packs->open->count) {
		end_pack(packs, packs->open, &back);
		sf_pack_clear(packs->open);
	}
	/* their memory stays until the producer is closed, as librdkafka may still read it */
	for (unsigned i = 0; i < packs->count; i++)
		free_pack(packs, pack_at(packs, i));
	packs->count = 0;
	show_spool(packs);
}
