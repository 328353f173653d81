/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages for Kafka on their way, in packs of up to 60 KiB. A pack leaves when the fate of each of
 * its messages is known; it is written into the spool without those that were acknowledged:
 *
 *	filling ── full, or sealed ──> under way ── each message acknowledged or lost ──> counted
 *	                      │          │   ^
 *	           no broker, │          │   └── read from the spool
 *	          or no room  └─> spool <┘ given up
 *
 * A broker refuses a batch of messages as a whole. What was refused is sent again, each message
 * alone, and a message of several records that is refused then in halves: what is lost in the end
 * are single records.
 *
 *	p = sf_packs_room(&packs, size);		a message's value of at most `size` bytes
 *							goes there
 *	sf_packs_add(&packs, partition, key, length, &flows);
 *	sf_packs_seal(&packs);				the pack that is being filled leaves
 *	sf_packs_step(&packs, mono);			does what can be done now
 *	sf_packs_end(&packs);				what is not acknowledged is spooled, or lost
 */
#ifndef SPANFLOW_EXPORT_PACKS_H
#define SPANFLOW_EXPORT_PACKS_H

#include "export/destination.h"
#include "export/pack.h"
#include "kafka/kafka.h"

#define SF_PACKS          192
#define SF_PACKS_SILENT_S 3 /* seconds without an answer, until a broker is silent */

struct sf_packs {
	const struct sf_kafka_ops *ops;
	struct sf_kafka *kafka;
	struct sf_pack *ring[SF_PACKS]; /* ring[first … first+count-1]: under way, oldest first */
	unsigned first, count;
	struct sf_pack *open;  /* is being filled; NULL: none */
	struct sf_pack *spare; /* free, linked */
	struct sf_spool spool;
	bool has_spool;
	unsigned separator;  /* bytes between two records of a message */
	uint32_t value_most; /* bytes of a message with several records; 0: none was refused */
	bool crowded;        /* a batch was refused */
	bool spooling;       /* packs go to the end of the spool, and come from its begin */
	bool sealed;         /* a pack was sealed since the last step */
	bool failing;        /* a pack was not delivered, and none since then */
	int64_t mono;        /* of the last step */
	int64_t again_ns;    /* what failed is put again then */
	int64_t heard_ns;    /* the fate of a pack was known last, or none waited for it */
	int64_t purge_ns;    /* the next time at which packs are given up to the spool */
	struct sf_destination_stats *stats; /* of the owner: fates are counted there */
	uint8_t scratch[SF_PACK_BYTES];     /* a pack as it is written into the spool */
};

/* `disk` of the spool, taken over, also on failure; NULL: none. 0 or an error with its text. */
int sf_packs_init(struct sf_packs *packs, struct sf_disk *disk,
	const struct sf_spool_options *options, struct sf_error *error);

/* sf_kafka_options.told; `context` are the packs. */
void sf_packs_told(void *context, struct sf_kafka_message *message, enum sf_kafka_fate fate);

/* After the producer was closed. */
void sf_packs_fini(struct sf_packs *packs);

/* True if there is room for the records of one put(). */
bool sf_packs_ready(const struct sf_packs *packs);

/* NULL: no room now (without a spool), or no memory. */
uint8_t *sf_packs_room(struct sf_packs *packs, size_t size);

/* The key has SF_KAFKA_KEY bytes. */
void sf_packs_add(struct sf_packs *packs, uint32_t partition, const char *key, size_t length,
	const struct sf_destination_count *flows);

/*
 * Room behind the message that was added last, for a further record of at most `size` bytes in the
 * same message. NULL: none was added to the pack, or pack or message are full.
 */
uint8_t *sf_packs_more(struct sf_packs *packs, size_t size);
void sf_packs_extend(
	struct sf_packs *packs, size_t length, const struct sf_destination_count *flows);

/* False: there is nothing to seal, or no room under way. */
bool sf_packs_seal(struct sf_packs *packs);

void sf_packs_step(struct sf_packs *packs, int64_t mono);

/*
 * True if packs have waited for SF_PACKS_SILENT_S, and the broker has
 * acknowledged and refused none.
 */
bool sf_packs_silent(const struct sf_packs *packs);

/* Why the broker takes no records. */
const char *sf_packs_trouble(const struct sf_packs *packs);

/* True while something waits for the broker that it may take soon. */
bool sf_packs_hold(const struct sf_packs *packs);

void sf_packs_end(struct sf_packs *packs);

#endif
