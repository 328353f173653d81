/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows are added up until few enough are left. Levels go from fine to coarse: the client's port is
 * left out and times become longer bins; then hosts beyond those with most bytes become networks, and
 * at last all other ports and hosts become one. Sums of bytes, packets and flows never change.
 */
#include <stdlib.h>
#include <string.h>

#include "report/internal.h"

static const struct level {
	int64_t bin_ms;
	unsigned hosts;   /* with most bytes, which stay as they are; 0: all */
	unsigned bits[2]; /* of IPv4 and IPv6 networks that the others become */
	bool no_ports;
	const char *text;
} levels[] = {
	{ .text = "" },
	{ 1000, .text = "flows of the same hosts and service that began in the same second" },
	{ 10000, .text = "flows of the same hosts and service that began in the same 10 seconds" },
	{ 60000, .text = "flows of the same hosts and service that began in the same minute" },
	{ 600000, .text = "flows of the same hosts and service that began in the same 10 minutes" },
	{ 3600000, .text = "flows of the same hosts and service that began in the same hour" },
	{ 86400000, .text = "flows of the same hosts and service that began on the same day" },
	{ 3600000, 4000, { 24, 64 },
		.text = "flows of one service and hour between the 4000 hosts with most bytes and "
			"networks (/24, /64) of the others" },
	{ 3600000, 2000, { 16, 48 },
		.text = "flows of one service and hour between the 2000 hosts with most bytes and "
			"networks (/16, /48) of the others" },
	{ 3600000, 1000, { 8, 32 }, true,
		.text = "flows of one protocol and hour between the 1000 hosts with most bytes and "
			"networks (/8, /32) of the others" },
	{ 86400000, 100, { 0, 0 }, true,
		.text = "flows of one protocol and day between the 100 hosts with most bytes and "
			"all others" },
	{ INT64_MAX, 1, { 0, 0 }, true,
		.text = "all flows of one protocol: there are too many "
			"different hosts and times for more" },
};

#define LEVELS (sizeof(levels) / sizeof(levels[0]))

const char *sf_page_level_text(unsigned level)
{
	return levels[level].text;
}

/* ---------------------------------------------------------------- hosts to networks */

struct rank {
	uint64_t bytes;
	uint32_t host;
};

static int by_bytes(const void *left, const void *right)
{
	const struct rank *a = left, *b = right;

	return a->bytes > b->bytes ? -1 : a->bytes < b->bytes;
}

static bool network_of(
	struct sf_page *page, uint32_t number, const struct level *level, uint32_t *network)
{
	struct sf_page_host host = *sf_page_host(page, number);
	unsigned bits = level->bits[host.version == 6];

	*network = number;
	if (host.bits <= bits)
		return true;
	host.bits = bits;
	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = bits > 8 * i ? bits - 8 * i : 0;

		host.address[i] &= keep >= 8 ? 0xff : (uint8_t)(0xff00 >> keep);
	}
	return sf_page_find_host(page, &host, network);
}

/* What each host becomes; NULL: no memory. */
static uint32_t *map_hosts(struct sf_page *page, const struct level *level)
{
	uint32_t count = page->hosts.count;
	struct rank *ranks = malloc((count + 1) * sizeof(*ranks));
	uint32_t *map = malloc((count + 1) * sizeof(*map));
	bool mapped = ranks && map;

	for (uint32_t i = 0; mapped && i < count; i++)
		ranks[i] = (struct rank){ page->facts[i].bytes, i };
	if (mapped)
		qsort(ranks, count, sizeof(*ranks), by_bytes);
	for (uint32_t i = 0; mapped && i < count; i++) {
		uint32_t host = ranks[i].host;

		map[host] = host;
		if (i >= level->hosts)
			mapped = network_of(page, host, level, &map[host]);
	}
	free(ranks);
	if (mapped)
		return map;
	free(map);
	return NULL;
}

/* Of what rows have in common, the IP version stays: it tells what the addresses are. */
static int merge_traits(struct sf_page *page)
{
	for (uint32_t i = 0; i < page->count; i++) {
		const struct sf_page_traits *had = sf_page_traits(page, page->rows[i].traits);
		const struct sf_page_traits traits = {
			.known = SF_KNOWN_OCTETS | SF_KNOWN_PACKETS | SF_KNOWN_START |
				 SF_KNOWN_END | SF_KNOWN_PROTOCOL | SF_KNOWN_ADDRESS,
			.version = had->version,
		};
		int64_t number = sf_intern(&page->traits, &traits);

		if (number < 0)
			return -ENOMEM;
		page->rows[i].traits = (uint32_t)number;
	}
	return 0;
}

static int merge_hosts(struct sf_page *page, const struct level *level)
{
	uint32_t *map = map_hosts(page, level);

	if (!map)
		return -ENOMEM;
	for (uint32_t i = 0; i < page->count; i++) {
		struct sf_page_row *row = &page->rows[i];

		if (map[row->src] != row->src)
			page->facts[map[row->src]].bytes += row->bytes;
		if (map[row->dst] != row->dst)
			page->facts[map[row->dst]].bytes += row->bytes;
		row->src = map[row->src];
		row->dst = map[row->dst];
	}
	free(map);
	return merge_traits(page);
}

/* ---------------------------------------------------------------- rows */

static void drop_ports(struct sf_page_row *row, const struct level *level)
{
	bool icmp = row->protocol == 1 || row->protocol == 58;

	row->settled = true;
	row->name = level->bin_ms > 60000 ? 0 : row->name;
	if (level->no_ports)
		row->sport = row->dport = 0;
	else if (icmp)
		return;
	else if (row->role == SF_ROLE_REQUEST)
		row->sport = 0;
	else if (row->role == SF_ROLE_ANSWER)
		row->dport = 0;
	else if (row->sport > row->dport)
		row->sport = 0;
	else if (row->sport)
		row->dport = 0;
}

static int64_t bin_of(const struct sf_page_row *row, int64_t bin_ms)
{
	return row->start_ms / bin_ms;
}

static int by_sum(const void *left, const void *right, void *context)
{
	const struct sf_page_row *a = left, *b = right;
	const struct level *level = context;
	const uint64_t keys[][2] = {
		{ (uint64_t)bin_of(a, level->bin_ms), (uint64_t)bin_of(b, level->bin_ms) },
		{ (uint64_t)a->src << 32 | a->dst, (uint64_t)b->src << 32 | b->dst },
		{ (uint64_t)a->sport << 32 | (uint64_t)a->dport << 16 | a->protocol,
			(uint64_t)b->sport << 32 | (uint64_t)b->dport << 16 | b->protocol },
		{ (uint64_t)a->traits << 32 | a->name, (uint64_t)b->traits << 32 | b->name },
		{ a->role, b->role },
	};

	for (unsigned i = 0; i < 5; i++)
		if (keys[i][0] != keys[i][1])
			return keys[i][0] < keys[i][1] ? -1 : 1;
	return 0;
}

static void add(struct sf_page_row *sum, const struct sf_page_row *row)
{
	int64_t end = sum->start_ms + sum->duration_ms, other = row->start_ms + row->duration_ms;

	if (row->start_ms < sum->start_ms)
		sum->start_ms = row->start_ms;
	sum->duration_ms = (end > other ? end : other) - sum->start_ms;
	sum->bytes += row->bytes;
	sum->packets += row->packets;
	sum->flows += row->flows;
	sum->flags |= row->flags;
}

static int add_up(struct sf_page *page, const struct level *level)
{
	struct level how = *level;
	uint32_t count = 0;
	int code = level->hosts ? merge_hosts(page, level) : 0;

	for (uint32_t i = 0; i < page->count; i++)
		drop_ports(&page->rows[i], level);
	if (code == 0)
		qsort_r(page->rows, page->count, sizeof(*page->rows), by_sum, &how);
	for (uint32_t i = 0; code == 0 && i < page->count; i++) {
		if (count && by_sum(&page->rows[count - 1], &page->rows[i], &how) == 0)
			add(&page->rows[count - 1], &page->rows[i]);
		else
			page->rows[count++] = page->rows[i];
	}
	page->count = code ? page->count : count;
	return code;
}

int sf_page_reduce(struct sf_page *page, uint32_t most)
{
	int code = 0;

	if (page->level)
		code = add_up(page, &levels[page->level]);
	while (code == 0 && page->count > most && page->level + 1 < LEVELS)
		code = add_up(page, &levels[++page->level]);
	return code;
}
