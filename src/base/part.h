/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of a source's packets that is one worker's, where several workers read the same source,
 * each for itself (DESIGN §2). It is chosen where packets are decoded, since there one that is another's
 * costs a few instructions. The addresses of most packets are hashed where they lie; of any other
 * packet a function is asked, which src/meter/share.c is.
 *
 * Whether a packet is ours is a coin's toss, so nothing branches on it: what is not ours is written
 * over by the next. The clock goes by all packets, whosoever they are.
 *
 *	loop = sf_part_begin(part);
 *	… for each packet, also put at packets[count]:
 *		sf_part_follow(&loop, packet->time_ns, count);
 *		count += sf_part_owns(&loop, packet, …);
 *	sf_part_end(&loop);
 */
#ifndef SPANFLOW_BASE_PART_H
#define SPANFLOW_BASE_PART_H

#include "base/branch.h"
#include "base/clock.h"
#include "base/wire.h"

struct sf_part {
	/* constant while it is used */
	uint64_t first, range; /* the hashes that are ours, of 32 bits: `range` of them */
	uint64_t factor[2];    /* secret, odd, the same for all workers */
	/* The hash of any packet; for IPv4 equal to sf_part_hash4(). */
	uint64_t (*hash)(const struct sf_part *part, const struct sf_packet *packet);
	struct sf_clock *clock;
	/* may be set before each batch: how many packets may be looked at */
	uint64_t stop_at;
	/* moved with every batch */
	uint64_t seen; /* packets looked at, of all workers */
	bool in_order; /* set by who begins a batch: the clock after each packet is its own time */
	int64_t clocks[SF_BATCH_MAX]; /* after each packet of the batch, as all packets moved it */
};

#define SF_PART_ETHERNET 14
#define SF_PART_IPV4     20 /* octets of the header, the addresses last */

/* Of an IPv4 address pair, source << 32 | destination; the same for both directions. */
static inline uint64_t sf_part_hash4(uint64_t factor, uint64_t addresses)
{
	return ((addresses >> 32) + (uint32_t)addresses) * factor >> 32;
}

/* What a loop over packets keeps in registers. */
struct sf_part_loop {
	struct sf_part *part;
	uint64_t first, range, factor;
	uint64_t step; /* see sf_clock_step() */
	int64_t now;
	uint64_t seen;
};

static sf_always_inline struct sf_part_loop sf_part_begin(struct sf_part *part)
{
	return (struct sf_part_loop){
		.part = part,
		.first = part->first,
		.range = part->range,
		.factor = part->factor[0],
		.step = sf_clock_step(part->clock),
		.now = part->clock->now,
		.seen = part->seen,
	};
}

/* A packet that is no plain step forward from `now`; returns the clock after it. */
int64_t sf_part_jump(struct sf_part *part, int64_t now, int64_t time_ns);

/* The clock takes notice of a packet that may come to be packets[count]. */
static sf_always_inline void sf_part_follow(
	struct sf_part_loop *loop, int64_t time_ns, unsigned count)
{
	if (sf_likely(sf_clock_steps(loop->now, time_ns, loop->step))) {
		loop->now = time_ns;
	} else {
		loop->now = sf_part_jump(loop->part, loop->now, time_ns);
		loop->step = sf_clock_step(loop->part->clock);
	}
	loop->part->clocks[count] = loop->now;
	loop->seen++;
}

/* Is it ours? 1 or 0. Link type, bytes and length are the packet's, where the caller has them. */
static sf_always_inline unsigned sf_part_owns(const struct sf_part_loop *loop,
	const struct sf_packet *packet, uint16_t link, const uint8_t *data, uint32_t captured)
{
	uint64_t hash;

	/* Ethernet type and IP version at once */
	if (sf_likely(link == SF_LINK_ETHERNET && captured >= SF_PART_ETHERNET + SF_PART_IPV4 &&
		      sf_load_be32(data + SF_PART_ETHERNET - 2) >> 12 == 0x08004))
		hash = sf_part_hash4(
			loop->factor, sf_load_be64(data + SF_PART_ETHERNET + SF_PART_IPV4 - 8));
	else
		hash = loop->part->hash(loop->part, packet);
	return hash - loop->first < loop->range;
}

static sf_always_inline void sf_part_end(const struct sf_part_loop *loop)
{
	loop->part->clock->now = loop->now;
	loop->part->seen = loop->seen;
}

/*
 * Of packets[kept … count), none of which was looked at, keeps what is ours behind the first `kept`,
 * in order; returns their new number.
 */
unsigned sf_part_keep(
	struct sf_part *part, struct sf_packet *packets, unsigned kept, unsigned count);

#endif
