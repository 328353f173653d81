/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/packs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define PACK_ALIGN   ((size_t)128 << 10) /* a message's address tells its pack */
#define PACK_BYTES   65535               /* what the spool may read back */
#define PACK_FULL    SF_PACK_MESSAGE_MAX
#define PACK_RESERVE 48 /* packs that the records of one put() can fill */
#define STEP_PACKS   8  /* packs that are handed over in one step */
#define AGAIN_NS     INT64_C(500000000)
#define PURGE_NS     INT64_C(1000000000)
#define END_NS       INT64_C(2000000000) /* the end waits so long for what librdkafka gives back */

struct sf_pack {
	struct sf_pack *next_spare;
	struct sf_destination_count flows;
	struct sf_spool_span place; /* segment 0: it does not come from the spool */
	uint32_t used;              /* bytes */
	uint32_t last_at;           /* offset of the last message */
	uint32_t next_at;           /* and of the next one that is put */
	unsigned count, next;       /* messages; of these, put */
	unsigned outstanding;       /* put, and their fate is not known */
	bool failed, perhaps, refused;
	uint8_t bytes[PACK_BYTES];
};

static_assert(sizeof(struct sf_pack) <= PACK_ALIGN, "a pack lies between two multiples");

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
		pack = aligned_alloc(PACK_ALIGN, PACK_ALIGN);
	if (pack)
		memset(pack, 0, offsetof(struct sf_pack, bytes));
	return pack;
}

static void free_pack(struct sf_packs *packs, struct sf_pack *pack)
{
	pack->next_spare = packs->spare;
	packs->spare = pack;
}

void sf_packs_told(void *context, uint8_t *message, enum sf_kafka_fate fate)
{
	struct sf_pack *pack = (struct sf_pack *)((uintptr_t)message & ~(PACK_ALIGN - 1));

	(void)context;
	pack->outstanding--;
	pack->failed |= fate != SF_KAFKA_DELIVERED;
	/* when a part of the pack was delivered and the whole is sent again, that part is there twice */
	pack->perhaps |= fate == SF_KAFKA_DELIVERED || fate == SF_KAFKA_PERHAPS;
	pack->refused |= fate == SF_KAFKA_REFUSED;
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

static void lose(
	struct sf_packs *packs, const struct sf_destination_count *flows, enum sf_fate fate)
{
	sf_count_add(sf_destination_fate(packs->stats, fate), flows);
	packs->stats->error = packs->kafka->error;
	if (fate == SF_FATE_LOST_stopped)
		snprintf(packs->stats->failure, sizeof(packs->stats->failure),
			"%.200s was not ready for all records when the run had to end",
			packs->stats->url);
	else if (fate == SF_FATE_LOST_spool || fate == SF_FATE_LOST_write)
		snprintf(packs->stats->failure, sizeof(packs->stats->failure),
			"%.150s: the spool %s", packs->stats->url,
			fate == SF_FATE_LOST_spool ? "is full (--spool-max)" : "cannot be written");
	else if (fate == SF_FATE_LOST_tooLarge)
		snprintf(packs->stats->failure, sizeof(packs->stats->failure),
			"%.150s: the broker refuses messages as too large (max.message.bytes of "
			"the topic)",
			packs->stats->url);
	else
		snprintf(packs->stats->failure, sizeof(packs->stats->failure), "%.100s: %.140s",
			packs->stats->url, packs->kafka->trouble);
}

static void count_sent(struct sf_packs *packs, const struct sf_pack *pack)
{
	sf_count_add(&packs->stats->sent, &pack->flows);
	packs->stats->messages += pack->count;
	packs->stats->message_octets += pack->used - pack->count * SF_KAFKA_HEADER;
}

static void put_into_spool(struct sf_packs *packs, const struct sf_pack *pack)
{
	int code;

	if (pack->perhaps)
		sf_spool_doubt(&packs->spool, true);
	if (sf_spool_is_full(&packs->spool, pack->used))
		sf_spool_end_segment(&packs->spool);
	code = sf_spool_put(&packs->spool, SF_SPOOL_DATA, pack->bytes, pack->used,
		(uint16_t)pack->count, &pack->flows);
	if (pack->perhaps)
		sf_spool_doubt(&packs->spool, false);
	packs->spooling = true;
	if (code < 0)
		lose(packs, &pack->flows,
			code == -EDQUOT ? SF_FATE_LOST_spool : SF_FATE_LOST_write);
}

/* Counts the messages of a pack that was read from the spool. False: it is damaged. */
static bool count_messages(struct sf_pack *pack)
{
	size_t at = 0;

	for (pack->count = 0; at + SF_KAFKA_HEADER <= pack->used; pack->count++)
		at += SF_KAFKA_HEADER + (size_t)sf_kafka_message_length(pack->bytes + at);
	return at == pack->used && pack->count;
}

/* Puts the next pack of the spool under way. False: there is none. */
static bool take_from_spool(struct sf_packs *packs)
{
	struct sf_pack *pack = new_pack(packs);
	struct sf_spool_entry entry;

	while (pack && sf_spool_next(&packs->spool, &entry, pack->bytes) > 0) {
		pack->used = entry.length;
		pack->flows = entry.flows;
		pack->place = (struct sf_spool_span){ entry.start, entry.end };
		if (entry.kind != SF_SPOOL_DATA || !count_messages(pack)) {
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
	if (packs->open && packs->open->count &&
		packs->open->used + SF_KAFKA_HEADER + size > PACK_FULL && !sf_packs_seal(packs))
		return NULL;
	if (!packs->open)
		packs->open = new_pack(packs);
	return packs->open ? packs->open->bytes + packs->open->used + SF_KAFKA_HEADER : NULL;
}

void sf_packs_add(struct sf_packs *packs, uint32_t partition, const char *key, size_t length,
	const struct sf_destination_count *flows)
{
	struct sf_pack *pack = packs->open;
	uint8_t *p = sf_store_be32(pack->bytes + pack->used, (uint32_t)length);

	p = sf_store_be32(p, partition);
	memcpy(p, key, SF_KAFKA_KEY);
	pack->last_at = pack->used;
	pack->used += SF_KAFKA_HEADER + (uint32_t)length;
	pack->count++;
	sf_count_add(&pack->flows, flows);
}

uint8_t *sf_packs_more(struct sf_packs *packs, size_t size)
{
	struct sf_pack *pack = packs->open;

	return pack && pack->count && pack->used + size <= PACK_FULL ? pack->bytes + pack->used
								     : NULL;
}

void sf_packs_extend(
	struct sf_packs *packs, size_t length, const struct sf_destination_count *flows)
{
	struct sf_pack *pack = packs->open;
	uint8_t *message = pack->bytes + pack->last_at;

	sf_store_be32(message, sf_kafka_message_length(message) + (uint32_t)length);
	pack->used += (uint32_t)length;
	sf_count_add(&pack->flows, flows);
}

/* ---------------------------------------------------------------- under way */

/* Hands the messages of a pack over. False: librdkafka takes no more now. */
static bool put_messages(struct sf_packs *packs, struct sf_pack *pack)
{
	while (pack->next < pack->count) {
		uint8_t *message = pack->bytes + pack->next_at;
		int code = packs->ops->put(packs->kafka, message);

		if (code == -EAGAIN)
			return false;
		pack->outstanding += code == 0;
		pack->failed |= code < 0;
		pack->refused |= code == -EMSGSIZE;
		pack->next++;
		pack->next_at += SF_KAFKA_HEADER + sf_kafka_message_length(message);
	}
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

/* The fate of the first pack is known. False: it stays, to be put again. */
static bool settle_first(struct sf_packs *packs)
{
	struct sf_pack *pack = pack_at(packs, 0);

	if (pack->failed && !pack->refused) {
		packs->failing = true;
		packs->again_ns = packs->mono + AGAIN_NS;
		if (!packs->has_spool || is_spooled(pack)) {
			if (pack->perhaps)
				sf_count_add(&packs->stats->repeated, &pack->flows);
			pack->failed = pack->perhaps = false;
			pack->next = pack->next_at = 0;
			return false;
		}
		put_into_spool(packs, pack);
	} else if (pack->refused) {
		lose(packs, &pack->flows, SF_FATE_LOST_tooLarge);
		release(packs, pack);
	} else {
		packs->failing = false;
		count_sent(packs, pack);
		release(packs, pack);
	}
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

/* No broker is there: what lies in memory only is given back by librdkafka, and goes to the spool. */
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

/* The spool is read from here again by the next run. */
struct rewind {
	bool any, begun;
	struct sf_spool_place start;
	struct sf_destination_count flows;
};

static void end_pack(struct sf_packs *packs, struct sf_pack *pack, struct rewind *back)
{
	bool delivered = is_settled(pack) && !pack->failed;

	pack->perhaps |= pack->outstanding != 0;
	if (is_spooled(pack) && (back->any || !delivered)) {
		if (!back->any)
			back->start = pack->place.start;
		back->any = true;
		back->begun |= pack->perhaps;
		sf_count_add(&back->flows, &pack->flows);
	} else if (delivered) {
		count_sent(packs, pack);
		release(packs, pack);
	} else if (pack->refused) {
		lose(packs, &pack->flows, SF_FATE_LOST_tooLarge);
	} else if (packs->has_spool) {
		put_into_spool(packs, pack);
	} else {
		lose(packs, &pack->flows,
			packs->kafka->away || packs->failing ? SF_FATE_LOST_unreachable
							     : SF_FATE_LOST_stopped);
	}
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
		packs->open->count = packs->open->used = 0;
	}
	/* their memory stays until the producer is closed, as librdkafka may still read it */
	for (unsigned i = 0; i < packs->count; i++)
		free_pack(packs, pack_at(packs, i));
	packs->count = 0;
	show_spool(packs);
}
