/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The data of the page. Four bytes with the length of the description (JSON, write.c), little
 * endian; the description; columns, each four bytes with its length and numbers in LEB128;
 * addresses. page/data.js reads it. A row and the answer behind it are one unit: hosts, ports and
 * protocol are there once. The columns of units:
 *
 *	kind      role of the first row * 2 + 1 if its answer follows
 *	start     ms since the start of the unit before
 *	src dst   numbers of hosts, by rows: the most frequent one is 0
 *	protocol sport dport
 *
 * of rows: after (ms from the request to the answer, of answers only), duration (ms), bytes,
 * packets, flags, traits, name, flows; of hosts: kind (bits + 256 for IPv6, 512 for unknown),
 * local, as, country.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "report/internal.h"

#include "spanflow_config.h"

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

/* ---------------------------------------------------------------- bytes */

static bool reserve(struct sf_page_bytes *bytes, size_t length)
{
	size_t room = bytes->room ? bytes->room : 4096;
	uint8_t *data;

	while (room < bytes->length + length + 1)
		room *= 2;
	if (bytes->failed || room == bytes->room)
		return !bytes->failed;
	data = realloc(bytes->data, room);
	if (!data) {
		bytes->failed = true;
		return false;
	}
	bytes->data = data;
	bytes->room = room;
	return true;
}

void sf_bytes_add(struct sf_page_bytes *bytes, const void *data, size_t length)
{
	if (!reserve(bytes, length))
		return;
	memcpy(bytes->data + bytes->length, data, length);
	bytes->length += length;
}

void sf_bytes_number(struct sf_page_bytes *bytes, uint64_t number)
{
	uint8_t text[10];
	size_t length = 0;

	for (; number > 0x7f; number >>= 7)
		text[length++] = (uint8_t)(number | 0x80);
	text[length++] = (uint8_t)number;
	sf_bytes_add(bytes, text, length);
}

void sf_bytes_printf(struct sf_page_bytes *bytes, const char *format, ...)
{
	char text[256];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	sf_bytes_add(bytes, text, length < (int)sizeof(text) ? (size_t)length : sizeof(text) - 1);
}

/* ---------------------------------------------------------------- columns */

/* A column: its length stands before it, and is known at its end. */
static size_t begin_column(struct sf_page_bytes *out)
{
	sf_bytes_add(out, "\0\0\0", 4);
	return out->length;
}

static void end_column(struct sf_page_bytes *out, size_t from)
{
	size_t length = out->length - from;

	for (unsigned i = 0; i < 4 && !out->failed; i++)
		out->data[from - 4 + i] = (uint8_t)(length >> 8 * i);
}

/*
 * Hosts in the order of the page, those with most rows first. `order`: from the number on the page
 * to the host; `place`: from the host to that number.
 */
struct order {
	uint32_t *order, *place;
	uint32_t count;
};

struct rank {
	uint32_t rows, host;
};

static int by_rows(const void *left, const void *right)
{
	const struct rank *a = left, *b = right;

	if (a->rows != b->rows)
		return a->rows > b->rows ? -1 : 1;
	return a->host < b->host ? -1 : 1;
}

static bool order_hosts(const struct sf_page *page, struct order *order)
{
	uint32_t count = page->hosts.count;
	struct rank *ranks = calloc(count + 1, sizeof(*ranks));

	order->order = malloc((count + 1) * sizeof(uint32_t));
	order->place = malloc((count + 1) * sizeof(uint32_t));
	order->count = 0;
	if (!ranks || !order->order || !order->place) {
		free(ranks);
		return false;
	}
	for (uint32_t i = 0; i < count; i++)
		ranks[i].host = i;
	for (uint32_t i = 0; i < page->count; i++) {
		ranks[page->rows[i].src].rows++;
		ranks[page->rows[i].dst].rows++;
	}
	qsort(ranks, count, sizeof(*ranks), by_rows);
	for (; order->count < count && ranks[order->count].rows; order->count++) {
		order->order[order->count] = ranks[order->count].host;
		order->place[ranks[order->count].host] = order->count;
	}
	free(ranks);
	return true;
}

enum unit_column { KIND, START, SRC, DST, PROTOCOL, SPORT, DPORT, UNIT_COLUMNS };

static void unit_columns(
	const struct sf_page *page, const struct order *order, struct sf_page_bytes *out)
{
	for (unsigned column = 0; column < UNIT_COLUMNS; column++) {
		size_t from = begin_column(out);
		int64_t before = page->count ? page->rows[0].start_ms : 0;

		for (uint32_t i = 0; i < page->count; i++) {
			const struct sf_page_row *row = &page->rows[i];
			const uint64_t values[] = {
				[KIND] = row->role * 2u + row->first,
				[START] = (uint64_t)(row->start_ms - before),
				[SRC] = order->place[row->src],
				[DST] = order->place[row->dst],
				[PROTOCOL] = row->protocol,
				[SPORT] = row->sport,
				[DPORT] = row->dport,
			};

			if (row->second)
				continue;
			sf_bytes_number(out, values[column]);
			before = row->start_ms;
		}
		end_column(out, from);
	}
}

enum row_column { AFTER, DURATION, BYTES, PACKETS, FLAGS, TRAITS, NAME, FLOWS, ROLE, ROW_COLUMNS };

static void row_columns(const struct sf_page *page, struct sf_page_bytes *out)
{
	for (unsigned column = 0; column < ROW_COLUMNS; column++) {
		size_t from = begin_column(out);

		for (uint32_t i = 0; i < page->count; i++) {
			const struct sf_page_row *row = &page->rows[i];
			const uint64_t values[] = {
				[AFTER] = row->second ? (uint64_t)(row->start_ms - row[-1].start_ms)
						      : 0,
				[DURATION] = (uint64_t)row->duration_ms,
				[BYTES] = row->bytes,
				[PACKETS] = row->packets,
				[FLAGS] = row->flags,
				[TRAITS] = row->traits,
				[NAME] = row->name,
				[FLOWS] = row->flows,
				[ROLE] = row->role,
			};

			if ((column == AFTER || column == ROLE) && !row->second)
				continue;
			sf_bytes_number(out, values[column]);
		}
		end_column(out, from);
	}
}

static void host_address(
	const struct sf_page *page, const struct sf_page_host *host, struct sf_page_bytes *out)
{
	unsigned length = host->version == 6 ? 16 : host->version == 4 ? 4 : 0;
	uint8_t address[16] = { 0 };

	if (!page->options.anonymize) {
		sf_bytes_add(out, host->address, length);
		return;
	}
	sf_page_anonymize(&page->key, host->address, length, address);
	sf_network_keep_bits(address, length, host->bits);
	sf_bytes_add(out, address, length);
}

static void host_columns(
	const struct sf_page *page, const struct order *order, struct sf_page_bytes *out)
{
	for (unsigned column = 0; column < 5; column++) {
		size_t from = begin_column(out);

		for (uint32_t i = 0; i < order->count; i++) {
			const struct sf_page_host *host = sf_page_host(page, order->order[i]);
			const struct sf_page_facts *facts = &page->facts[order->order[i]];
			const uint64_t values[] = {
				host->bits + (host->version == 6     ? 256
						     : host->version ? 0
								     : 512),
				facts->local,
				facts->as,
				facts->country[0] ? (uint64_t)(uint8_t)facts->country[0] << 8 |
							    (uint8_t)facts->country[1]
						  : 0,
			};

			if (column < 4)
				sf_bytes_number(out, values[column]);
			else
				host_address(page, host, out);
		}
		end_column(out, from);
	}
}

void sf_page_encode(const struct sf_page *page, struct sf_page_bytes *out)
{
	struct order order = { 0 };
	size_t from = begin_column(out);

	if (!order_hosts(page, &order)) {
		out->failed = true;
	} else {
		sf_page_describe(page, order.count, out);
		end_column(out, from);
		unit_columns(page, &order, out);
		row_columns(page, out);
		host_columns(page, &order, out);
	}
	free(order.order);
	free(order.place);
}

/* ---------------------------------------------------------------- packing */

static void base64(const uint8_t *data, size_t length, struct sf_page_bytes *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	if (!reserve(text, length / 3 * 4 + 4))
		return;
	for (size_t i = 0; i < length; i += 3) {
		size_t left = length - i;
		uint32_t bits = (uint32_t)data[i] << 16 |
				(left > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
				(left > 2 ? data[i + 2] : 0);
		uint8_t *p = text->data + text->length;

		p[0] = (uint8_t)digits[bits >> 18];
		p[1] = (uint8_t)digits[bits >> 12 & 63];
		p[2] = left > 1 ? (uint8_t)digits[bits >> 6 & 63] : '=';
		p[3] = left > 2 ? (uint8_t)digits[bits & 63] : '=';
		text->length += 4;
	}
}

void sf_page_pack(const struct sf_page_bytes *data, struct sf_page_bytes *text, bool *packed)
{
	*packed = false;
	if (data->failed) {
		text->failed = true;
		return;
	}
#ifdef HAVE_ZLIB
	uLongf length = compressBound(data->length);
	uint8_t *small = malloc(length);

	*packed = small &&
		  compress2(small, &length, data->data, data->length, Z_BEST_COMPRESSION) == Z_OK;
	if (*packed)
		base64(small, length, text);
	free(small);
#endif
	if (!*packed)
		base64(data->data, data->length, text);
}
