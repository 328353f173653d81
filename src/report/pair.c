/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which row answers which, and who is the server. Rows of one conversation have the same hosts,
 * protocol and ports in either order. If both directions are there, the server is the side with the
 * well-known port (below 1024), otherwise the side that did not send first. Afterwards rows are in
 * the order of their starts, except that an answer stands behind its request.
 */
#include <stdlib.h>
#include <string.h>

#include "report/internal.h"

#define WELL_KNOWN 1024

struct entry {
	uint64_t hosts, ports; /* in an order that both directions have in common */
	int64_t start_ms;
	uint32_t row;
	uint32_t partner; /* row + 1; 0: none */
	bool turned;
};

static bool is_icmp(const struct sf_page_row *row)
{
	return row->protocol == 1 || row->protocol == 58;
}

static struct entry entry_of(const struct sf_page_row *row, uint32_t number)
{
	uint64_t sport = is_icmp(row) ? 0 : row->sport, dport = is_icmp(row) ? 0 : row->dport;
	struct entry entry = { .row = number, .start_ms = row->start_ms };

	entry.turned = row->src > row->dst || (row->src == row->dst && sport > dport);
	if (entry.turned) {
		entry.hosts = (uint64_t)row->dst << 32 | row->src;
		entry.ports = (uint64_t)row->protocol << 32 | dport << 16 | sport;
	} else {
		entry.hosts = (uint64_t)row->src << 32 | row->dst;
		entry.ports = (uint64_t)row->protocol << 32 | sport << 16 | dport;
	}
	return entry;
}

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int by_conversation(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	int order = compare(a->hosts, b->hosts);

	if (order == 0)
		order = compare(a->ports, b->ports);
	if (order == 0)
		order = compare((uint64_t)a->start_ms, (uint64_t)b->start_ms);
	return order ? order : compare(a->row, b->row);
}

static int by_time(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	int order = compare((uint64_t)a->start_ms, (uint64_t)b->start_ms);

	return order ? order : compare(a->row, b->row);
}

static bool same_conversation(const struct entry *a, const struct entry *b)
{
	return a->hosts == b->hosts && a->ports == b->ports;
}

/* Of the first row of a conversation with two directions: does it go to the server? */
static bool to_server(const struct sf_page_row *row)
{
	if ((row->sport < WELL_KNOWN) != (row->dport < WELL_KNOWN))
		return row->dport < WELL_KNOWN;
	return true;
}

/*
 * Sets the roles of the rows of one conversation, and pairs each row with the next row of the other
 * direction.
 */
static void join_conversation(struct sf_page *page, struct entry *entries, size_t count)
{
	bool requests_turned = entries[0].turned == to_server(&page->rows[entries[0].row]);
	struct entry *waiting = NULL;
	bool both = false;

	for (size_t i = 1; i < count; i++)
		both |= entries[i].turned != entries[0].turned;
	for (size_t i = 0; i < count; i++) {
		struct sf_page_row *row = &page->rows[entries[i].row];

		if (both && !row->settled)
			row->role = entries[i].turned == requests_turned ? SF_ROLE_REQUEST
									 : SF_ROLE_ANSWER;
		if (waiting && waiting->turned != entries[i].turned) {
			waiting->partner = entries[i].row + 1;
			row->second = true;
			waiting = NULL;
		} else {
			waiting = &entries[i];
		}
	}
}

/* The rows in their final order. */
static struct sf_page_row *arranged(
	const struct sf_page *page, const struct entry *entries, uint32_t room)
{
	struct sf_page_row *rows = malloc(room * sizeof(*rows));
	uint32_t count = 0;

	for (uint32_t i = 0; rows && i < page->count; i++) {
		const struct sf_page_row *row = &page->rows[entries[i].row];

		if (row->second)
			continue;
		rows[count] = *row;
		rows[count++].first = entries[i].partner;
		if (entries[i].partner)
			rows[count++] = page->rows[entries[i].partner - 1];
	}
	return rows;
}

int sf_page_pair(struct sf_page *page)
{
	struct entry *entries = malloc((page->count + 1) * sizeof(*entries));
	struct sf_page_row *rows;

	if (!entries)
		return -ENOMEM;
	for (uint32_t i = 0; i < page->count; i++) {
		entries[i] = entry_of(&page->rows[i], i);
		page->rows[i].first = page->rows[i].second = false;
	}
	qsort(entries, page->count, sizeof(*entries), by_conversation);
	for (uint32_t from = 0, to; from < page->count; from = to) {
		for (to = from + 1;
			to < page->count && same_conversation(&entries[from], &entries[to]); to++)
			;
		join_conversation(page, &entries[from], to - from);
	}
	qsort(entries, page->count, sizeof(*entries), by_time);
	rows = arranged(page, entries, page->room + 1);
	free(entries);
	if (!rows)
		return -ENOMEM;
	free(page->rows);
	page->rows = rows;
	return 0;
}
