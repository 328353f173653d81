/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows are added up until few enough are left, by levels from fine to coarse. First the client's
 * port is left out, and flows that began in the same second, 10 seconds, minute ... become one row,
 * as long as the page has many of such times. Then hosts beyond those with most bytes become
 * networks, then times become longer, then fewer hosts stay. At last there is one row for each
 * protocol. Sums of bytes, packets and flows never change.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/internal.h"

#define MANY_TIMES  180
#define LEAST_TIMES 24

static const struct {
	int64_t ms;
	const char *text;
} bins[] = { { 1000, "second" }, { 10000, "10 seconds" }, { 60000, "minute" },
	{ 600000, "10 minutes" }, { 3600000, "hour" }, { 86400000, "day" } };

/*
 * Hosts that stay, bits of the networks that the others become (IPv4,
 * IPv6), and whether ports stay.
 */
#define MANY_HOSTS 4 /* levels that come before longer times */
static const struct sf_page_level coarser[] = {
	{ .hosts = 8000, .bits = { 24, 64 } },
	{ .hosts = 4000, .bits = { 24, 64 } },
	{ .hosts = 2000, .bits = { 16, 48 } },
	{ .hosts = 1000, .bits = { 16, 48 } },
	{ .hosts = 500, .bits = { 8, 32 } },
	{ .hosts = 250, .bits = { 8, 32 } },
	{ .hosts = 120 },
	{ .hosts = 60, .no_ports = true },
	{ .hosts = 30, .no_ports = true },
	{ .hosts = 10, .no_ports = true },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* How many of the times are so short that the page has at least `times` of them; 1 at least. */
static unsigned count_bins(const struct sf_page *page, int64_t times)
{
	int64_t first = INT64_MAX, last = INT64_MIN;
	unsigned count = 1;

	for (uint32_t i = 0; i < page->count; i++) {
		first = page->rows[i].start_ms < first ? page->rows[i].start_ms : first;
		last = page->rows[i].start_ms > last ? page->rows[i].start_ms : last;
	}
	while (count < COUNT(bins) && page->count &&
		bins[count].ms * times / 2 <= last / 2 - first / 2)
		count++;
	return count;
}

/* The level of a number from 1 on. False: it is the last one. */
static bool choose_level(struct sf_page *page, unsigned number)
{
	unsigned fine = count_bins(page, MANY_TIMES), long_times = count_bins(page, LEAST_TIMES);
	struct sf_page_level level = { INT64_MAX, 1, { 0, 0 }, true };
	bool last = number > long_times + COUNT(coarser);

	if (number <= fine) {
		level = (struct sf_page_level){ .bin_ms = bins[number - 1].ms };
	} else if (number <= fine + MANY_HOSTS) {
		level = coarser[number - fine - 1];
		level.bin_ms = bins[fine - 1].ms;
	} else if (number <= long_times + MANY_HOSTS) {
		level = coarser[MANY_HOSTS - 1];
		level.bin_ms = bins[number - MANY_HOSTS - 1].ms;
	} else if (!last) {
		level = coarser[number - long_times - 1];
		level.bin_ms = bins[long_times - 1].ms;
	}
	page->level = level;
	return !last;
}

void sf_page_level_text(const struct sf_page *page, char *text, size_t size)
{
	const struct sf_page_level *level = &page->level;
	const char *time = "";
	int length;

	text[0] = '\0';
	for (unsigned i = 0; i < COUNT(bins); i++)
		if (bins[i].ms == level->bin_ms)
			time = bins[i].text;
	if (level->bin_ms == INT64_MAX)
		snprintf(text, size, "all flows of one protocol");
	if (!level->bin_ms || level->bin_ms == INT64_MAX)
		return;
	length = snprintf(text, size, "flows of the same hosts and %s that began in the same %s",
		level->no_ports ? "protocol" : "service", time);
	if (level->hosts && level->bits[0])
		snprintf(text + length, size - (size_t)length,
			", where hosts beyond the %u with most bytes are networks (/%u, /%u)",
			level->hosts, level->bits[0], level->bits[1]);
	else if (level->hosts)
		snprintf(text + length, size - (size_t)length,
			", where hosts beyond the %u with most bytes are one", level->hosts);
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
	struct sf_page *page, uint32_t number, const struct sf_page_level *level, uint32_t *network)
{
	struct sf_page_host host = *sf_page_host(page, number);
	unsigned bits = level->bits[host.version == 6];

	*network = number;
	if (host.bits <= bits)
		return true;
	host.bits = bits;
	sf_network_keep_bits(host.address, sizeof(host.address), bits);
	return sf_page_find_host(page, &host, network);
}

/* What each host becomes; NULL: no memory. */
static uint32_t *map_hosts(struct sf_page *page, const struct sf_page_level *level)
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

static int merge_hosts(struct sf_page *page, const struct sf_page_level *level)
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

static void drop_ports(struct sf_page_row *row, const struct sf_page_level *level)
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
	const struct sf_page_level *level = context;
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

static int add_up(struct sf_page *page, const struct sf_page_level *level)
{
	struct sf_page_level how = *level;
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
	bool more = true;
	int code = 0;

	if (page->level_number)
		code = add_up(page, &page->level);
	while (code == 0 && page->count > most && more) {
		more = choose_level(page, ++page->level_number);
		code = add_up(page, &page->level);
	}
	return code;
}
