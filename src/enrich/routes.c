/* SPDX-License-Identifier: BSD-2-Clause */
#include "enrich/routes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <spanflow/enrich.h>

#include "base/wire.h"

/* ---------------------------------------------------------------- rows */

static int rows_init(struct sf_rows *rows, size_t size)
{
	*rows = (struct sf_rows){ .size = size, .count = 1, .max = 256, .mask = 1023 };
	rows->rows = calloc(rows->max, size);
	rows->index = calloc(rows->mask + 1, sizeof(*rows->index));
	return rows->rows && rows->index ? 0 : -ENOMEM;
}

static void rows_fini(struct sf_rows *rows)
{
	free(rows->rows);
	free(rows->index);
	rows->rows = NULL;
	rows->index = NULL;
}

static uint32_t rows_hash(
	const struct sf_rows *rows, const struct sf_hash_key *key, const void *row)
{
	uint64_t words[8];

	memcpy(words, row, rows->size);
	return (uint32_t)sf_hash_strong(key, words, (unsigned)(rows->size / 8));
}

/* The place of the row in the index, or the free place where it belongs. */
static uint32_t *rows_place(
	const struct sf_rows *rows, const struct sf_hash_key *key, const void *row)
{
	uint32_t at = rows_hash(rows, key, row) & rows->mask;

	while (rows->index[at] &&
		memcmp(rows->rows + rows->index[at] * rows->size, row, rows->size))
		at = (at + 1) & rows->mask;
	return &rows->index[at];
}

/* Twice as many rows, and four places in the index for each. */
static int rows_grow(struct sf_rows *rows, const struct sf_hash_key *key)
{
	uint8_t *grown = realloc(rows->rows, 2 * (size_t)rows->max * rows->size);
	uint32_t *index = calloc(2 * ((size_t)rows->mask + 1), sizeof(*index));

	if (grown)
		rows->rows = grown;
	if (!grown || !index) {
		free(index);
		return -ENOMEM;
	}
	free(rows->index);
	rows->index = index;
	rows->max *= 2;
	rows->mask = 2 * rows->mask + 1;
	for (uint32_t i = 1; i < rows->count; i++)
		*rows_place(rows, key, rows->rows + i * rows->size) = i;
	return 0;
}

static int64_t rows_number(struct sf_rows *rows, const struct sf_hash_key *key, const void *row)
{
	uint32_t *place = rows_place(rows, key, row);

	if (*place)
		return *place;
	if (rows->count == rows->max) {
		if (rows_grow(rows, key) < 0)
			return -ENOMEM;
		place = rows_place(rows, key, row);
	}
	memcpy(rows->rows + rows->count * rows->size, row, rows->size);
	*place = rows->count;
	return rows->count++;
}

/* ---------------------------------------------------------------- drafts */

int sf_draft_init(struct sf_draft *draft)
{
	static_assert(sizeof(struct sf_route) == 16 && sizeof(struct sf_hops) == 32,
		"rows are whole words without padding");
	int code;

	memset(draft, 0, sizeof(*draft));
	code = sf_hash_key_random(&draft->key);
	if (code == 0)
		code = rows_init(&draft->routes, sizeof(struct sf_route));
	if (code == 0)
		code = rows_init(&draft->hops, sizeof(struct sf_hops));
	if (code < 0)
		sf_draft_fini(draft);
	return code;
}

void sf_draft_fini(struct sf_draft *draft)
{
	rows_fini(&draft->routes);
	rows_fini(&draft->hops);
	free(draft->ipv4.prefixes);
	free(draft->ipv6.prefixes);
	draft->ipv4.prefixes = draft->ipv6.prefixes = NULL;
}

static bool is_zero(const void *bytes, size_t size)
{
	static const uint8_t zero[32];

	return memcmp(bytes, zero, size) == 0;
}

int64_t sf_draft_route(struct sf_draft *draft, const struct sf_route_facts *facts)
{
	struct sf_route route = {
		.as = facts->as,
		.egress = facts->egress,
		.country = { facts->country[0], facts->country[1] },
		.length = facts->length,
	};
	int64_t number;

	if (!is_zero(&facts->hops, sizeof(facts->hops))) {
		number = rows_number(&draft->hops, &draft->key, &facts->hops);
		if (number < 0)
			return number;
		route.hops = (uint32_t)number;
	}
	draft->gives |= (route.as ? SF_EXTRA_AS : 0) | (route.country[0] ? SF_EXTRA_COUNTRY : 0) |
			(route.length ? SF_EXTRA_PREFIX_LENGTH : 0) |
			(is_zero(facts->hops.next, 16) ? 0 : SF_EXTRA_NEXT_HOP) |
			(is_zero(facts->hops.bgp, 16) ? 0 : SF_EXTRA_BGP_NEXT_HOP);
	return is_zero(&route, sizeof(route)) ? 0
					      : rows_number(&draft->routes, &draft->key, &route);
}

int sf_draft_prefix(
	struct sf_draft *draft, bool ipv6, const uint8_t *address, unsigned length, uint32_t route)
{
	struct sf_draft_prefixes *list = ipv6 ? &draft->ipv6 : &draft->ipv4;

	if (list->count == SF_LPM_PREFIXES_MAX)
		return -E2BIG;
	if (list->count == list->max) {
		size_t max = list->max ? 2 * list->max : 1024;
		struct sf_lpm_prefix *grown = realloc(list->prefixes, max * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		list->prefixes = grown;
		list->max = max;
	}
	list->prefixes[list->count++] = (struct sf_lpm_prefix){
		.address = { ipv6 ? sf_load_be64(address) : (uint64_t)sf_load_be32(address) << 32,
			ipv6 ? sf_load_be64(address + 8) : 0 },
		.value = route,
		.length = (uint8_t)length,
	};
	return 0;
}

int sf_draft_add(struct sf_draft *draft, bool ipv6, const uint8_t *address, unsigned length,
	const struct sf_route_facts *facts)
{
	int64_t route = sf_draft_route(draft, facts);

	return route < 0 ? (int)route
			 : sf_draft_prefix(draft, ipv6, address, length, (uint32_t)route);
}

static void *settle(void *array, size_t count, size_t size)
{
	void *shrunk = realloc(array, count * size);

	return shrunk ? shrunk : array;
}

int sf_draft_finish(struct sf_draft *draft, struct sf_routes **routes)
{
	struct sf_routes *new = calloc(1, sizeof(*new));
	int code = new ? sf_lpm_new(&new->lpm, draft->ipv4.prefixes, draft->ipv4.count,
				 draft->ipv6.prefixes, draft->ipv6.count)
		       : -ENOMEM;

	if (code < 0) {
		free(new);
		sf_draft_fini(draft);
		return code;
	}
	new->ipv4_count = draft->ipv4.count;
	new->ipv6_count = draft->ipv6.count;
	new->gives = draft->gives;
	new->routes = settle(draft->routes.rows, draft->routes.count, sizeof(struct sf_route));
	new->hops = settle(draft->hops.rows, draft->hops.count, sizeof(struct sf_hops));
	new->memory = sf_lpm_memory(new->lpm) + draft->routes.count * sizeof(struct sf_route) +
		      draft->hops.count * sizeof(struct sf_hops);
	draft->routes.rows = draft->hops.rows = NULL;
	sf_draft_fini(draft);
	*routes = new;
	return 0;
}

void sf_routes_free(struct sf_routes *routes)
{
	if (!routes)
		return;
	sf_lpm_free(routes->lpm);
	free(routes->routes);
	free(routes->hops);
	free(routes);
}
