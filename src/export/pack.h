/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pack: messages for Kafka, the counts of each record in them, and the fate of each message.
 * Pointers lead into a pack, so it does not move. An example: two messages of FlowMessages, the
 * second one with two records.
 *
 *	messages  [0: value, records[0]]  [1: value, records[1 … 2]]
 *	bytes     FlowMessage | FlowMessage FlowMessage
 *
 *	sf_pack_add(pack, partition, key, length, &flows);  `length` bytes at bytes + used
 *	sf_pack_extend(pack, length, &flows);		    a record more in the last message
 *	length = sf_pack_write(pack, bytes);		    for the spool: what has not left yet
 *	sf_pack_read(pack, length, &flows);		    the same, from pack->bytes
 */
#ifndef SPANFLOW_EXPORT_PACK_H
#define SPANFLOW_EXPORT_PACK_H

#include "kafka/kafka.h"
#include "transport/outcome.h"
#include "transport/spool.h"

#define SF_PACK_BYTES       65535              /* what the spool may read back */
#define SF_PACK_MESSAGE_MAX ((size_t)60 << 10) /* bytes of a message's value */
#define SF_PACK_RECORDS     1024

enum sf_pack_state {
	SF_PACK_WAITS,       /* the message is to be put, perhaps again */
	SF_PACK_OUTSTANDING, /* it was put, and its fate is not known */
	SF_PACK_DONE,        /* delivered or lost */
};

struct sf_pack;

struct sf_pack_message {
	struct sf_kafka_message kafka; /* first: told() gets it */
	struct sf_pack *pack;
	uint16_t first, records; /* of the pack's records */
	uint8_t state;
	bool perhaps; /* the broker may have it, although it waits */
};

struct sf_pack_record {
	uint64_t packets, octets;
	uint32_t length; /* bytes of the value, with what separates it from the record before it */
};

struct sf_pack {
	struct sf_pack *next_spare;
	struct sf_spool_span place; /* segment 0: it does not come from the spool */
	unsigned used;              /* of bytes */
	unsigned count, record_count;
	unsigned next;                       /* the message that is put next */
	unsigned outstanding;                /* messages */
	bool failed;                         /* messages were not delivered, for now */
	struct sf_destination_count waiting; /* records of messages that are not done */
	struct sf_destination_count spooled; /* all of its records, if it comes from the spool */
	/* records of those that are; counted when the pack leaves */
	struct sf_outcome sent;
	struct sf_destination_count too_large, refused;
	struct sf_pack_message messages[SF_PACK_RECORDS];
	struct sf_pack_record records[SF_PACK_RECORDS];
	uint8_t bytes[SF_PACK_BYTES];
};

/* Empties it. */
void sf_pack_clear(struct sf_pack *pack);

/* Room for a further record of `size` bytes. */
bool sf_pack_fits(const struct sf_pack *pack, size_t size);

/* The key has SF_KAFKA_KEY bytes. */
void sf_pack_add(struct sf_pack *pack, uint32_t partition, const char *key, size_t length,
	const struct sf_destination_count *flows);

void sf_pack_extend(struct sf_pack *pack, size_t length, const struct sf_destination_count *flows);

/* The message's records. */
struct sf_destination_count sf_pack_message_flows(const struct sf_pack_message *message);

/*
 * A message of two and more records becomes two, one with the first half of them. `separator`:
 * bytes between two records, which neither of them has then.
 */
void sf_pack_split(struct sf_pack_message *message, unsigned separator);

/* The message was delivered or lost: its records are added to `fate`, and do not wait any more. */
void sf_pack_done(struct sf_pack_message *message, struct sf_destination_count *fate);

/* The broker may have some of what waits. */
bool sf_pack_is_doubtful(const struct sf_pack *pack);

/* Writes the messages that are not done, SF_PACK_BYTES at most. Returns the length. */
uint32_t sf_pack_write(const struct sf_pack *pack, uint8_t *bytes);

/* The messages that lie in the pack's bytes. False: they are damaged, or not those of `flows`. */
bool sf_pack_read(struct sf_pack *pack, uint32_t length, const struct sf_destination_count *flows);

#endif
