/* SPDX-License-Identifier: BSD-2-Clause */
#include "file/slots.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"

#define PLACES_MIN 64u

static_assert(sizeof(struct sf_slot_identity) == 2 * SF_IFNAME_MAX + 8 + 2 * sizeof(uint32_t),
	"no padding");

static uint64_t hash_of(const struct sf_slot_identity *identity)
{
	static const struct sf_hash_key key = { .word = { 0x736c6f74, 0x66696c65 } };
	uint64_t words[sizeof(*identity) / 8];

	memcpy(words, identity, sizeof(words));
	return sf_hash_strong(&key, words, sizeof(words) / sizeof(words[0]));
}

/* The place of a slot in the hash table, or the free place for it. */
static uint32_t place_of(const struct sf_slots *slots, uint64_t hash)
{
	uint32_t at = (uint32_t)hash & slots->mask;

	while (slots->places[at] && slots->identities[slots->places[at] - 1] != hash)
		at = (at + 1) & slots->mask;
	return at;
}

/* Makes room for `count` + 1 slots. */
static int slots_grow(struct sf_slots *slots, unsigned count)
{
	uint32_t room = slots->places ? 2 * (slots->mask + 1) : PLACES_MIN;
	uint64_t *identities;
	uint32_t *places;

	if (slots->places && 2 * (count + 1) <= slots->mask)
		return 0;
	identities = reallocarray(slots->identities, room / 2, sizeof(*identities));
	if (!identities)
		return -ENOMEM;
	slots->identities = identities;
	places = calloc(room, sizeof(*places));
	if (!places)
		return -ENOMEM;
	free(slots->places);
	slots->places = places;
	slots->mask = room - 1;
	for (unsigned i = 0; i < count; i++)
		places[place_of(slots, identities[i])] = i + 1;
	return 0;
}

int sf_slots_find(struct sf_slots *slots, const struct sf_slot_identity *identity,
	const struct sf_interface *found)
{
	unsigned count = atomic_load_explicit(&slots->count, memory_order_relaxed);
	struct sf_interface **block;
	uint64_t hash = hash_of(identity);
	uint32_t at;

	if (slots_grow(slots, count) < 0)
		return -ENOMEM;
	at = place_of(slots, hash);
	if (slots->places[at])
		return (int)slots->places[at] - 1;
	if (count == SF_SLOTS_MAX)
		return SF_EUNSUPPORTED;
	block = &slots->blocks[count / SF_SLOTS_BLOCK];
	if (!*block)
		*block = calloc(SF_SLOTS_BLOCK, sizeof(**block));
	if (!*block)
		return -ENOMEM;
	(*block)[count % SF_SLOTS_BLOCK] = *found;
	(*block)[count % SF_SLOTS_BLOCK].index = count + 1;
	slots->identities[count] = hash;
	slots->places[at] = count + 1;
	/* pairs with the acquire in sf_slots_get() */
	atomic_store_explicit(&slots->count, count + 1, memory_order_release);
	return (int)count;
}

const struct sf_interface *sf_slots_get(const struct sf_slots *slots, unsigned number)
{
	if (number >= atomic_load_explicit(&slots->count, memory_order_acquire))
		return NULL;
	return &slots->blocks[number / SF_SLOTS_BLOCK][number % SF_SLOTS_BLOCK];
}

void sf_slots_fini(struct sf_slots *slots)
{
	for (size_t i = 0; i < SF_SLOTS_MAX / SF_SLOTS_BLOCK; i++)
		free(slots->blocks[i]);
	free(slots->identities);
	free(slots->places);
}
