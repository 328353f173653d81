/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table has a part for each level of coarseness. A record is added on the first level that has
 * its key already or has room for it: near the place that the hash of the key names.
 */
#include "base/fold.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/annex.h"
#include "base/local.h"

/* Places that are looked at for a key; SF_FOLD_PLACES records in all. */
#define PROBES 8

/*
 * What is left of the two addresses: the bits that IPv4 and IPv6 keep, and
 * where the level's records lie.
 */
static const struct level {
	uint8_t bits[2][2];    /* of addr[0], addr[1]; each of IPv4, IPv6 */
	uint16_t first, count; /* a power of two */
} levels[] = {
	{ { { 24, 64 }, { 24, 64 } }, 0, 512 },
	{ { { 0, 0 }, { 24, 64 } }, 512, 256 },
	{ { { 24, 64 }, { 0, 0 } }, 768, 256 },
	{ { { 0, 0 }, { 0, 0 } }, 1024, 512 },
};

#define LEVELS (sizeof(levels) / sizeof(levels[0]))
static_assert(SF_FOLD_PLACES == 1024 + 512, "levels");

struct sf_fold {
	unsigned count;
	struct sf_annex_layout layout;
	struct sf_annex *annex;               /* of all records: zeros; NULL: there are no facts */
	struct sf_flow flows[SF_FOLD_PLACES]; /* folded is 0: the place is free */
};

int sf_fold_new(struct sf_fold **fold, uint64_t facts)
{
	struct sf_fold *new = calloc(1, sizeof(*new));

	if (!new)
		return -ENOMEM;
	sf_annex_layout_init(&new->layout, facts);
	if (new->layout.record_bytes) {
		new->annex = calloc(1, new->layout.record_bytes);
		if (!new->annex) {
			free(new);
			return -ENOMEM;
		}
		new->annex->layout = &new->layout;
	}
	*fold = new;
	return 0;
}

void sf_fold_free(struct sf_fold *fold)
{
	if (fold)
		free(fold->annex);
	free(fold);
}

/* Whether the record has all the bits that the level keeps: a folded one may lack some. */
static bool has_bits(const struct sf_flow *flow, const struct level *level)
{
	const bool ipv6 = flow->ip_version == 6;

	return !flow->folded || (flow->prefix_length[0] >= level->bits[0][ipv6] &&
					flow->prefix_length[1] >= level->bits[1][ipv6]);
}

/* The key of the record on this level, and nothing else. */
static void make_key(struct sf_flow *key, const struct sf_flow *flow, const struct level *level)
{
	const bool ipv6 = flow->ip_version == 6;

	memset(key, 0, sizeof(*key));
	key->domain = flow->domain;
	key->ip_version = flow->ip_version;
	key->protocol = flow->protocol;
	key->directions = flow->directions;
	for (unsigned i = 0; i < 2; i++) {
		key->prefix_length[i] = level->bits[i][ipv6];
		memcpy(key->addr[i], flow->addr[i], ipv6 ? 16 : 4);
		sf_network_keep_bits(key->addr[i], ipv6 ? 16 : 4, key->prefix_length[i]);
		if (flow->directions >> i & 1)
			key->half[i].ingress = flow->half[i].ingress;
	}
}

static uint32_t hash_of(const struct sf_flow *key)
{
	uint64_t words[4], hash = (uint64_t)key->domain << 32 | (uint32_t)key->protocol << 16 |
				  (uint32_t)key->ip_version << 8 | key->directions;

	memcpy(words, key->addr, sizeof(words));
	hash ^= (uint64_t)key->half[0].ingress << 20 ^ key->half[1].ingress;
	for (unsigned i = 0; i < 4; i++) {
		hash = (hash ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	return (uint32_t)(hash >> 32);
}

static bool is_key_of(const struct sf_flow *record, const struct sf_flow *key)
{
	return memcmp(record->addr, key->addr, sizeof(key->addr)) == 0 &&
	       memcmp(record->prefix_length, key->prefix_length, sizeof(key->prefix_length)) == 0 &&
	       record->domain == key->domain && record->ip_version == key->ip_version &&
	       record->protocol == key->protocol && record->directions == key->directions &&
	       record->half[0].ingress == key->half[0].ingress &&
	       record->half[1].ingress == key->half[1].ingress;
}

/* The record of the key on its level, or a free place; NULL: neither is near. */
static struct sf_flow *find(
	struct sf_fold *fold, const struct level *level, const struct sf_flow *key)
{
	const uint32_t hash = hash_of(key);
	struct sf_flow *room = NULL;

	for (unsigned i = 0; i < PROBES; i++) {
		struct sf_flow *record =
			&fold->flows[level->first + ((hash + i) & (level->count - 1u))];

		if (record->folded && is_key_of(record, key))
			return record;
		if (!record->folded && !room)
			room = record;
	}
	return room;
}

static void add_half(struct sf_flow_half *sum, const struct sf_flow_half *half, bool first)
{
	sum->packets += half->packets;
	sum->octets += half->octets;
	if (first || half->start_ns < sum->start_ns)
		sum->start_ns = half->start_ns;
	if (first || half->end_ns > sum->end_ns)
		sum->end_ns = half->end_ns;
	if (first || half->ttl_min < sum->ttl_min)
		sum->ttl_min = half->ttl_min;
	if (half->ttl_max > sum->ttl_max)
		sum->ttl_max = half->ttl_max;
	sum->tcp_flags |= half->tcp_flags;
}

/* Adds the flow to a record of its key; one without flows so far is new. */
static void add_to(struct sf_flow *record, const struct sf_flow *flow)
{
	const uint32_t flows = flow->folded ? flow->folded : 1;
	const bool first = record->folded == 0;

	for (unsigned d = 0; d < 2; d++)
		if (flow->directions >> d & 1)
			add_half(&record->half[d], &flow->half[d], first);
	if (flow->end_reason > record->end_reason)
		record->end_reason = flow->end_reason;
	record->folded = record->folded > UINT32_MAX - flows ? UINT32_MAX : record->folded + flows;
}

bool sf_fold_add(struct sf_fold *fold, const struct sf_flow *flow)
{
	for (unsigned i = 0; i < LEVELS; i++) {
		struct sf_flow key, *record;

		if (!has_bits(flow, &levels[i]))
			continue;
		make_key(&key, flow, &levels[i]);
		record = find(fold, &levels[i], &key);
		if (!record)
			continue;
		if (!record->folded) {
			fold->count++;
			*record = key;
			record->annex = fold->annex;
		}
		add_to(record, flow);
		return true;
	}
	return false;
}

void sf_fold_put_back(struct sf_fold *fold, const struct sf_flow *flow)
{
	unsigned place = 0;

	if (sf_fold_add(fold, flow))
		return;
	while (fold->flows[place].folded)
		place++;
	fold->flows[place] = *flow;
	fold->count++;
}

unsigned sf_fold_take(struct sf_fold *fold, unsigned *place, struct sf_flow *flows, unsigned max)
{
	unsigned taken = 0;

	for (; fold->count && *place < SF_FOLD_PLACES && taken < max; ++*place) {
		struct sf_flow *record = &fold->flows[*place];

		if (!record->folded)
			continue;
		flows[taken++] = *record;
		record->folded = 0;
		fold->count--;
	}
	return taken;
}

unsigned sf_fold_count(const struct sf_fold *fold)
{
	return fold->count;
}

const struct sf_flow *sf_fold_at(const struct sf_fold *fold, unsigned place)
{
	return fold->flows[place].folded ? &fold->flows[place] : NULL;
}
