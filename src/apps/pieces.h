/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The beginning of a message that did not fit into one packet, while its other pieces are on their
 * way. Each direction of a flow has one place at most; there are SF_PIECES_PLACES of them, of
 * SF_PIECES_BYTES each. A message whose pieces do not all come within SF_PIECES_WAIT of packet
 * time, or whose place another flow takes, stays incomplete: its flow tells the protocol and no
 * more.
 *
 *	place = sf_pieces_find(&pieces, &key, time);          NULL: none waits
 *	place = sf_pieces_begin(&pieces, &key, time);
 *	sf_pieces_add(place, offset, bytes, length);          in any order; the first bytes of a
 *	                                                      place stay
 *	place->whole                                           bytes from the start without a gap
 *	sf_pieces_end(&pieces, place);
 */
#ifndef SPANFLOW_APPS_PIECES_H
#define SPANFLOW_APPS_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/facts.h"
#include "base/hash.h"

#define SF_PIECES_PLACES 1024
#define SF_PIECES_WAYS   4
#define SF_PIECES_BYTES  4608 /* a hello of 4096 bytes with the headers of its records */
#define SF_PIECES_RANGES 64   /* pieces apart from each other; QUIC clients make many */
#define SF_PIECES_WAIT   INT64_C(5000000000)

/* A direction of a flow. */
struct sf_pieces_key {
	uint8_t addresses[32];
	uint32_t ports, tags;
	uint16_t scope;
	uint8_t version, protocol;
	uint32_t tunnel_id;       /* VNI, key … of the tunnel around; 0: none */
	uint16_t tunnel, swapped; /* enum sf_tunnel_kind; two bits */
};

struct sf_pieces_place {
	struct sf_pieces_key key;
	int64_t time_ns; /* of its first piece */
	uint32_t base;   /* TCP: sequence number of its first byte */
	bool used;
	bool read;     /* the message itself was read: what follows it is waited for */
	uint8_t count; /* of ranges */
	uint16_t whole;
	struct {
		uint16_t from, to;
	} ranges[SF_PIECES_RANGES]; /* behind `whole` */
	uint8_t bytes[SF_PIECES_BYTES];
};

struct sf_pieces {
	unsigned waiting; /* places in use */
	/*
	 * messages given up: not all pieces came in time; the place
	 * was taken by another one before
	 */
	uint64_t incomplete, crowded;
	struct sf_hash_key key;
	struct sf_pieces_place *places;
};

/* 0 or a negative errno value. */
int sf_pieces_init(struct sf_pieces *pieces);
void sf_pieces_fini(struct sf_pieces *pieces);

void sf_pieces_key(struct sf_pieces_key *key, const struct sf_facts *facts);

struct sf_pieces_place *sf_pieces_find(
	struct sf_pieces *pieces, const struct sf_pieces_key *key, int64_t time_ns);

/* An empty place, which may be taken from another flow. */
struct sf_pieces_place *sf_pieces_begin(
	struct sf_pieces *pieces, const struct sf_pieces_key *key, int64_t time_ns);

/* False: the piece does not fit, or there are too many gaps. */
bool sf_pieces_add(
	struct sf_pieces_place *place, uint64_t offset, const uint8_t *bytes, size_t length);

void sf_pieces_end(struct sf_pieces *pieces, struct sf_pieces_place *place);

#endif
