/* SPDX-License-Identifier: BSD-2-Clause */
#include "apps/pieces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int sf_pieces_init(struct sf_pieces *pieces)
{
	/* touched as it is needed */
	pieces->places = calloc(SF_PIECES_PLACES, sizeof(*pieces->places));
	if (!pieces->places)
		return -ENOMEM;
	return sf_hash_key_random(&pieces->key);
}

void sf_pieces_fini(struct sf_pieces *pieces)
{
	free(pieces->places);
	pieces->places = NULL;
}

void sf_pieces_key(struct sf_pieces_key *key, const struct sf_facts *facts)
{
	memset(key, 0, sizeof(*key));
	if (facts->version == 6)
		memcpy(key->addresses, facts->address6, sizeof(key->addresses));
	else
		memcpy(key->addresses, &facts->address, sizeof(facts->address));
	key->ports = facts->ports;
	key->tags = facts->tags;
	key->scope = facts->scope;
	key->version = facts->version;
	key->protocol = facts->protocol;
	key->swapped = facts->flags & SF_FACT_SWAPPED;
	if (facts->flags & SF_FACT_TUNNEL) {
		key->tunnel = facts->tunnel.kind;
		key->tunnel_id = facts->tunnel.id;
	}
}

/* The places where this key may be. */
static struct sf_pieces_place *set_of(struct sf_pieces *pieces, const struct sf_pieces_key *key)
{
	uint64_t hash = sf_hash_fast(&pieces->key, sf_hash_addresses(&pieces->key, key->addresses),
		(uint64_t)key->ports << 32 | key->tags,
		(uint64_t)key->tunnel_id << 32 | (uint32_t)key->tunnel << 16 | key->swapped);

	return &pieces->places[hash % (SF_PIECES_PLACES / SF_PIECES_WAYS) * SF_PIECES_WAYS];
}

static bool is_late(const struct sf_pieces_place *place, int64_t time_ns)
{
	/* both may be any number */
	uint64_t later = (uint64_t)time_ns - (uint64_t)place->time_ns;

	return (time_ns > place->time_ns ? later : -later) > SF_PIECES_WAIT;
}

struct sf_pieces_place *sf_pieces_find(
	struct sf_pieces *pieces, const struct sf_pieces_key *key, int64_t time_ns)
{
	struct sf_pieces_place *set = set_of(pieces, key);

	for (unsigned i = 0; i < SF_PIECES_WAYS; i++) {
		if (!set[i].used || memcmp(&set[i].key, key, sizeof(*key)))
			continue;
		if (!is_late(&set[i], time_ns))
			return &set[i];
		pieces->incomplete += !set[i].read;
		sf_pieces_end(pieces, &set[i]);
	}
	return NULL;
}

static struct sf_pieces_place *oldest_of(struct sf_pieces_place *set)
{
	struct sf_pieces_place *oldest = set;

	for (unsigned i = 1; i < SF_PIECES_WAYS; i++)
		if (set[i].time_ns < oldest->time_ns)
			oldest = &set[i];
	return oldest;
}

struct sf_pieces_place *sf_pieces_begin(
	struct sf_pieces *pieces, const struct sf_pieces_key *key, int64_t time_ns)
{
	struct sf_pieces_place *place = sf_pieces_find(pieces, key, time_ns);
	struct sf_pieces_place *set = set_of(pieces, key);

	if (place)
		pieces->incomplete += !place->read;
	for (unsigned i = 0; !place && i < SF_PIECES_WAYS; i++)
		if (!set[i].used)
			place = &set[i];
	if (!place) { /* all are in use */
		place = oldest_of(set);
		if (!place->read)
			(*(is_late(place, time_ns) ? &pieces->incomplete : &pieces->crowded))++;
	}
	pieces->waiting += !place->used;
	place->key = *key;
	place->time_ns = time_ns;
	place->used = true;
	place->read = false;
	place->count = 0;
	place->whole = 0;
	return place;
}

/* Takes the ranges into `whole` that begin in it. */
static void close_gaps(struct sf_pieces_place *place)
{
	for (unsigned i = 0; i < place->count;) {
		if (place->ranges[i].from > place->whole) {
			i++;
			continue;
		}
		if (place->ranges[i].to > place->whole)
			place->whole = place->ranges[i].to;
		place->ranges[i] = place->ranges[--place->count];
		i = 0;
	}
}

/*
 * Bytes from `offset` on that are there already; if none are, `*room` is at most
 * the bytes up to the next range.
 */
static size_t bytes_there(const struct sf_pieces_place *place, size_t offset, size_t *room)
{
	if (offset < place->whole)
		return place->whole - offset;
	for (unsigned i = 0; i < place->count; i++) {
		size_t from = place->ranges[i].from, to = place->ranges[i].to;

		if (from <= offset && offset < to)
			return to - offset;
		if (from > offset && from - offset < *room)
			*room = from - offset;
	}
	return 0;
}

/*
 * The bytes that came first stay, as in the receiver: a later piece with other
 * bytes cannot change the message.
 */
static void copy_new(
	struct sf_pieces_place *place, size_t offset, const uint8_t *bytes, size_t length)
{
	while (length) {
		size_t part = length, there = bytes_there(place, offset, &part);

		if (there)
			part = there < length ? there : length;
		else
			memcpy(place->bytes + offset, bytes, part);
		offset += part;
		bytes += part;
		length -= part;
	}
}

bool sf_pieces_add(
	struct sf_pieces_place *place, uint64_t offset, const uint8_t *bytes, size_t length)
{
	if (offset >= SF_PIECES_BYTES)
		return false;
	if (length > SF_PIECES_BYTES - offset)
		length = SF_PIECES_BYTES - (size_t)offset;
	if (offset > place->whole && place->count == SF_PIECES_RANGES)
		return false;
	copy_new(place, (size_t)offset, bytes, length);
	if (offset <= place->whole) {
		if (offset + length > place->whole)
			place->whole = (uint16_t)(offset + length);
	} else {
		place->ranges[place->count].from = (uint16_t)offset;
		place->ranges[place->count++].to = (uint16_t)(offset + length);
	}
	close_gaps(place);
	return true;
}

void sf_pieces_end(struct sf_pieces *pieces, struct sf_pieces_place *place)
{
	place->used = false;
	pieces->waiting--;
}
