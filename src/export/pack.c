/* SPDX-License-Identifier: BSD-2-Clause */
#include "export/pack.h"

#include <string.h>

#include "base/wire.h"

#define MESSAGE_HEADER (2 + 4 + SF_KAFKA_KEY) /* written: records, partition, key */
#define RECORD_HEADER  (2 + 8 + 8)            /* length, packets, octets */

static_assert(SF_PACK_MESSAGE_MAX + MESSAGE_HEADER + RECORD_HEADER <= SF_PACK_BYTES,
	"the largest message can be written");

void sf_pack_clear(struct sf_pack *pack)
{
	memset(pack, 0, offsetof(struct sf_pack, messages));
}

/*
 * A message may be split until each record has one of its own: even then the pack can be written.
 */
bool sf_pack_fits(const struct sf_pack *pack, size_t size)
{
	size_t headers = (pack->record_count + 1) * (size_t)(MESSAGE_HEADER + RECORD_HEADER);

	return pack->record_count < SF_PACK_RECORDS && pack->used + size + headers <= SF_PACK_BYTES;
}

static void add_record(
	struct sf_pack *pack, size_t length, const struct sf_destination_count *flows)
{
	pack->records[pack->record_count++] =
		(struct sf_pack_record){ flows->packets, flows->octets, (uint32_t)length };
	pack->used += (unsigned)length;
	sf_count_add(&pack->waiting, flows);
}

void sf_pack_add(struct sf_pack *pack, uint32_t partition, const char *key, size_t length,
	const struct sf_destination_count *flows)
{
	struct sf_pack_message *message = &pack->messages[pack->count++];

	*message = (struct sf_pack_message){
		.kafka.value = pack->bytes + pack->used,
		.kafka.length = (uint32_t)length,
		.kafka.partition = partition,
		.pack = pack,
		.first = (uint16_t)pack->record_count,
		.records = 1,
	};
	memcpy(message->kafka.key, key, SF_KAFKA_KEY);
	add_record(pack, length, flows);
}

void sf_pack_extend(struct sf_pack *pack, size_t length, const struct sf_destination_count *flows)
{
	struct sf_pack_message *message = &pack->messages[pack->count - 1];

	message->kafka.length += (uint32_t)length;
	message->records++;
	add_record(pack, length, flows);
}

struct sf_destination_count sf_pack_message_flows(const struct sf_pack_message *message)
{
	const struct sf_pack_record *record = &message->pack->records[message->first];
	struct sf_destination_count sum = { .records = message->records };

	for (unsigned i = 0; i < message->records; i++, record++) {
		sum.packets += record->packets;
		sum.octets += record->octets;
	}
	return sum;
}

void sf_pack_split(struct sf_pack_message *message, unsigned separator)
{
	struct sf_pack *pack = message->pack;
	struct sf_pack_message *second = &pack->messages[pack->count++];
	const unsigned half = message->records / 2;
	uint32_t length = 0;

	for (unsigned i = 0; i < half; i++)
		length += pack->records[message->first + i].length;
	*second = *message;
	second->first = (uint16_t)(message->first + half);
	second->records = (uint16_t)(message->records - half);
	second->kafka.value += length + separator;
	second->kafka.length -= length + separator;
	pack->records[second->first].length -= separator;
	message->records = (uint16_t)half;
	message->kafka.length = length;
}

void sf_pack_done(struct sf_pack_message *message, struct sf_destination_count *fate)
{
	const struct sf_destination_count flows = sf_pack_message_flows(message);

	message->state = SF_PACK_DONE;
	sf_count_add(fate, &flows);
	sf_count_subtract(&message->pack->waiting, &flows);
}

bool sf_pack_is_doubtful(const struct sf_pack *pack)
{
	for (unsigned i = 0; i < pack->count; i++)
		if (pack->messages[i].state == SF_PACK_OUTSTANDING ||
			(pack->messages[i].state == SF_PACK_WAITS && pack->messages[i].perhaps))
			return true;
	return false;
}

/* ---------------------------------------------------------------- the spool */

static uint8_t *write_message(uint8_t *p, const struct sf_pack_message *message)
{
	const struct sf_pack_record *records = &message->pack->records[message->first];

	p = sf_store_be16(p, message->records);
	p = sf_store_be32(p, message->kafka.partition);
	p = sf_store_bytes(p, message->kafka.key, SF_KAFKA_KEY);
	for (unsigned i = 0; i < message->records; i++) {
		p = sf_store_be16(p, (uint16_t)records[i].length);
		p = sf_store_be64(p, records[i].packets);
		p = sf_store_be64(p, records[i].octets);
	}
	return sf_store_bytes(p, message->kafka.value, message->kafka.length);
}

uint32_t sf_pack_write(const struct sf_pack *pack, uint8_t *bytes)
{
	uint8_t *p = bytes;

	for (unsigned i = 0; i < pack->count; i++)
		if (pack->messages[i].state != SF_PACK_DONE)
			p = write_message(p, &pack->messages[i]);
	return (uint32_t)(p - bytes);
}

/* The message at `p`, at most `left` bytes. Returns its length there; 0: it is damaged. */
static size_t read_message(struct sf_pack *pack, uint8_t *p, size_t left)
{
	struct sf_pack_message *message = &pack->messages[pack->count];
	size_t size = MESSAGE_HEADER, length = 0;
	unsigned records;

	if (left < size)
		return 0;
	records = sf_load_be16(p);
	size += records * (size_t)RECORD_HEADER;
	if (records == 0 || records > SF_PACK_RECORDS - pack->record_count || left < size)
		return 0;
	*message = (struct sf_pack_message){
		.kafka.value = p + size,
		.kafka.partition = sf_load_be32(p + 2),
		.pack = pack,
		.first = (uint16_t)pack->record_count,
		.records = (uint16_t)records,
	};
	memcpy(message->kafka.key, p + 6, SF_KAFKA_KEY);
	p += MESSAGE_HEADER;
	for (unsigned i = 0; i < records; i++, p += RECORD_HEADER) {
		pack->records[pack->record_count++] = (struct sf_pack_record){ sf_load_be64(p + 2),
			sf_load_be64(p + 10), sf_load_be16(p) };
		length += sf_load_be16(p);
	}
	if (left < size + length)
		return 0;
	message->kafka.length = (uint32_t)length;
	pack->count++;
	return size + length;
}

bool sf_pack_read(struct sf_pack *pack, uint32_t length, const struct sf_destination_count *flows)
{
	size_t at = 0, size = 1;

	for (; at < length && size; at += size) {
		struct sf_destination_count sum;

		size = read_message(pack, pack->bytes + at, length - at);
		if (size == 0)
			return false;
		sum = sf_pack_message_flows(&pack->messages[pack->count - 1]);
		sf_count_add(&pack->waiting, &sum);
	}
	return pack->count && pack->waiting.records == flows->records &&
	       pack->waiting.packets == flows->packets && pack->waiting.octets == flows->octets;
}
