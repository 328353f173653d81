/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many different values: a table of their hashes, exact up to SF_DISTINCT_EXACT of them; then
 * HyperLogLog (Flajolet and others, 2007) with 2^14 registers, which is right to 0.8 % and needs
 * the memory that the table had.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ask/group.h"

#define REGISTER_BITS 14
#define REGISTERS     (1u << REGISTER_BITS)
#define RANKS         (64 - REGISTER_BITS)

struct sf_distinct {
	uint32_t count, room; /* of hashes; room 0: registers */
	uint64_t words[];     /* hashes, 0: free; or registers, a byte each */
};

static struct sf_distinct *make(struct sf_groups *groups, uint32_t room, size_t octets)
{
	struct sf_distinct *set;

	if (!sf_groups_take(groups, sizeof(*set) + octets))
		return NULL;
	set = calloc(1, sizeof(*set) + octets);
	if (set)
		set->room = room;
	return set;
}

void sf_distinct_free(struct sf_groups *groups, struct sf_distinct *set)
{
	if (set)
		sf_groups_give(groups,
			sizeof(*set) + (set->room ? set->room * sizeof(uint64_t) : REGISTERS));
	free(set);
}

static void insert(struct sf_distinct *set, uint64_t hash)
{
	uint32_t mask = set->room - 1, at = (uint32_t)hash & mask;

	while (set->words[at] && set->words[at] != hash)
		at = (at + 1) & mask;
	if (!set->words[at]) {
		set->words[at] = hash;
		set->count++;
	}
}

static void note(struct sf_distinct *set, uint64_t hash)
{
	uint8_t *registers = (uint8_t *)set->words;
	uint32_t at = (uint32_t)(hash >> (64 - REGISTER_BITS));
	uint64_t rest = hash << REGISTER_BITS | UINT64_C(1) << (REGISTER_BITS - 1);
	uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);

	if (registers[at] < rank)
		registers[at] = rank;
}

/* Twice the room, or registers. */
static bool grow(struct sf_groups *groups, struct sf_distinct **set)
{
	struct sf_distinct *old = *set, *new;
	bool estimates = old->count >= SF_DISTINCT_EXACT;

	new = estimates ? make(groups, 0, REGISTERS)
			: make(groups, 2 * old->room, 2 * old->room * sizeof(uint64_t));
	if (!new)
		return false;
	for (uint32_t i = 0; i < old->room; i++) {
		if (old->words[i] && estimates)
			note(new, old->words[i]);
		else if (old->words[i])
			insert(new, old->words[i]);
	}
	groups->totals.estimated |= estimates;
	sf_distinct_free(groups, old);
	*set = new;
	return true;
}

bool sf_distinct_add(struct sf_groups *groups, struct sf_distinct **set, uint64_t hash)
{
	hash += hash == 0;
	if (!*set) {
		*set = make(groups, 4, 4 * sizeof(uint64_t));
		if (!*set)
			return false;
	}
	if ((*set)->room == 0) {
		note(*set, hash);
		return true;
	}
	insert(*set, hash);
	if ((*set)->count > SF_DISTINCT_EXACT || 4 * (*set)->count > 3 * (*set)->room)
		return grow(groups, set);
	return true;
}

bool sf_distinct_merge(
	struct sf_groups *groups, struct sf_distinct **set, const struct sf_distinct *other)
{
	if (!other)
		return true;
	for (uint32_t i = 0; i < other->room; i++)
		if (other->words[i] && !sf_distinct_add(groups, set, other->words[i]))
			return false;
	if (other->room)
		return true;
	/* registers: the set must have some, too */
	if (!*set && !(*set = make(groups, 0, REGISTERS)))
		return false;
	while ((*set)->room) {
		(*set)->count = SF_DISTINCT_EXACT;
		if (!grow(groups, set))
			return false;
	}
	for (uint32_t i = 0; i < REGISTERS; i++) {
		uint8_t *mine = (uint8_t *)(*set)->words + i;
		uint8_t its = ((const uint8_t *)other->words)[i];

		*mine = its > *mine ? its : *mine;
	}
	groups->totals.estimated = true;
	return true;
}

/* The two corrections of the estimator below: for registers that are 0, and for full ones. */
static double sigma(double x)
{
	double y = 1, z = x, before;

	do {
		x *= x;
		before = z;
		z += x * y;
		y += y;
	} while (z != before && z < 1e300);
	return z;
}

static double tau(double x)
{
	double y = 1, z = 1 - x, before;

	if (x == 0 || x == 1)
		return 0;
	do {
		x = sqrt(x);
		before = z;
		y /= 2;
		z -= (1 - x) * (1 - x) * y;
	} while (z != before);
	return z / 3;
}

/* Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", 2017: without bias. */
static double estimate(const uint8_t *registers)
{
	unsigned counts[RANKS + 2] = { 0 };
	double z;

	for (uint32_t i = 0; i < REGISTERS; i++)
		counts[registers[i]]++;
	if (counts[0] == REGISTERS)
		return 0;
	z = REGISTERS * tau(1 - (double)counts[RANKS + 1] / REGISTERS);
	for (unsigned rank = RANKS; rank > 0; rank--)
		z = (z + counts[rank]) / 2;
	z += REGISTERS * sigma((double)counts[0] / REGISTERS);
	return REGISTERS * (double)REGISTERS / (2 * M_LN2 * z);
}

uint64_t sf_distinct_count(const struct sf_distinct *set)
{
	if (!set || set->room)
		return set ? set->count : 0;
	return (uint64_t)(estimate((const uint8_t *)set->words) + 0.5);
}

bool sf_distinct_estimated(const struct sf_distinct *set)
{
	return set && !set->room;
}
