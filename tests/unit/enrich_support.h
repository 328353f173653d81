/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of routes for the tests of src/enrich: text, MRT dumps, MaxMind DB files. */
#ifndef TESTS_ENRICH_SUPPORT_H
#define TESTS_ENRICH_SUPPORT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <spanflow/error.h>

#include "base/wire.h"
#include "check_main.h"
#include "enrich/enrich.h"

static struct sf_error error;

struct buffer {
	uint8_t bytes[16384];
	size_t length;
};

static inline void put(struct buffer *buffer, const void *bytes, size_t length)
{
	ck_assert_uint_le(buffer->length + length, sizeof(buffer->bytes));
	memcpy(buffer->bytes + buffer->length, bytes, length);
	buffer->length += length;
}

/* A big-endian number. */
static inline void put_number(struct buffer *buffer, uint64_t number, unsigned length)
{
	uint8_t bytes[8];

	sf_store_be64(bytes, number);
	put(buffer, bytes + 8 - length, length);
}

/* ---------------------------------------------------------------- files */

static inline const char *temporary(const char *name)
{
	static char path[4][128];
	static unsigned turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[turn]), "/tmp/spanflow-enrich-%d-%s", (int)getpid(), name);
	return path[turn];
}

static inline const char *write_file(const char *name, const void *bytes, size_t length)
{
	const char *path = temporary(name);
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
	ck_assert_int_eq(fclose(file), 0);
	return path;
}

static inline const char *write_text(const char *name, const char *text)
{
	return write_file(name, text, strlen(text));
}

/* ---------------------------------------------------------------- MRT */

/* One entry of a prefix: peer, AS path of `count` numbers, next hop. */
static inline void put_entry(struct buffer *buffer, const uint32_t *path, unsigned count, bool set,
	const uint8_t *hop, unsigned hop_length)
{
	struct buffer attributes = { .length = 0 };

	put(&attributes, "\x40\x01\x01\x00", 4); /* ORIGIN */
	put(&attributes, "\x50\x02", 2);         /* AS_PATH, extended length */
	put_number(&attributes, 2 + 4 * count + (set ? 6 : 0), 2);
	put_number(&attributes, 2, 1);
	put_number(&attributes, count, 1);
	for (unsigned i = 0; i < count; i++)
		put_number(&attributes, path[i], 4);
	if (set)
		put(&attributes, "\x01\x01\x00\x00\xfd\xe8", 6);
	if (hop_length == 4) {
		put(&attributes, "\x40\x03\x04", 3);
	} else {
		put(&attributes, "\x80\x0e", 2); /* MP_REACH_NLRI, only the next hop */
		put_number(&attributes, hop_length + 1, 1);
		put_number(&attributes, hop_length, 1);
	}
	put(&attributes, hop, hop_length);
	put_number(buffer, 0, 2);
	put_number(buffer, 1700000000, 4);
	put_number(buffer, attributes.length, 2);
	put(buffer, attributes.bytes, attributes.length);
}

static inline void put_record(
	struct buffer *file, unsigned type, unsigned subtype, const struct buffer *record)
{
	put_number(file, 1700000000, 4);
	put_number(file, type, 2);
	put_number(file, subtype, 2);
	put_number(file, record->length, 4);
	put(file, record->bytes, record->length);
}

/* ---------------------------------------------------------------- MaxMind DB */

struct mmdb {
	uint32_t nodes[512][2];
	unsigned count;
	struct buffer data;
};

#define MMDB_EMPTY UINT32_MAX
#define MMDB_DATA  UINT32_C(0x40000000) /* + offset in the data section */

static inline void mmdb_string(struct buffer *buffer, const char *text)
{
	put_number(buffer, 0x40 | strlen(text), 1);
	put(buffer, text, strlen(text));
}

static inline void mmdb_uint(struct buffer *buffer, uint64_t number, unsigned type, unsigned length)
{
	if (type <= 7) {
		put_number(buffer, type << 5 | length, 1);
	} else {
		put_number(buffer, length, 1);
		put_number(buffer, type - 7, 1);
	}
	put_number(buffer, number, length);
}

static inline void mmdb_init(struct mmdb *mmdb)
{
	memset(mmdb, 0, sizeof(*mmdb));
	mmdb->nodes[0][0] = mmdb->nodes[0][1] = MMDB_EMPTY;
	mmdb->count = 1;
}

static inline void mmdb_add(
	struct mmdb *mmdb, const uint8_t *address, unsigned length, uint32_t value)
{
	uint32_t node = 0;

	for (unsigned bit = 0;; bit++) {
		uint32_t *next = &mmdb->nodes[node][address[bit / 8] >> (7 - bit % 8) & 1];

		if (bit + 1 == length) {
			*next = value;
			return;
		}
		if (*next == MMDB_EMPTY) {
			*next = mmdb->count;
			mmdb->nodes[mmdb->count][0] = mmdb->nodes[mmdb->count][1] = MMDB_EMPTY;
			mmdb->count++;
		}
		node = *next;
	}
}

static inline uint32_t mmdb_link(const struct mmdb *mmdb, uint32_t next)
{
	if (next == MMDB_EMPTY)
		return mmdb->count;
	return next & MMDB_DATA ? mmdb->count + 16 + (next & ~MMDB_DATA) : next;
}

/* The file, with records of 24, 28 or 32 bits. */
static inline void mmdb_finish(
	const struct mmdb *mmdb, unsigned bits, unsigned version, struct buffer *file)
{
	file->length = 0;
	for (unsigned i = 0; i < mmdb->count; i++) {
		uint32_t left = mmdb_link(mmdb, mmdb->nodes[i][0]);
		uint32_t right = mmdb_link(mmdb, mmdb->nodes[i][1]);

		if (bits == 28) {
			put_number(file, left & 0xffffff, 3);
			put_number(file, left >> 24 << 4 | right >> 24, 1);
			put_number(file, right & 0xffffff, 3);
		} else {
			put_number(file, left, bits / 8);
			put_number(file, right, bits / 8);
		}
	}
	put(file, (const uint8_t[16]){ 0 }, 16);
	put(file, mmdb->data.bytes, mmdb->data.length);
	put(file, "\xab\xcd\xefMaxMind.com", 14);
	put(file, "\xe4", 1); /* a map of four */
	mmdb_string(file, "node_count");
	mmdb_uint(file, mmdb->count, 6, 4);
	mmdb_string(file, "record_size");
	mmdb_uint(file, bits, 5, 2);
	mmdb_string(file, "ip_version");
	mmdb_uint(file, version, 5, 2);
	mmdb_string(file, "binary_format_major_version");
	mmdb_uint(file, 2, 5, 1);
}

/* ---------------------------------------------------------------- records */

static inline struct sf_flow flow_of(unsigned i)
{
	return (struct sf_flow){
		.ip_version = 4,
		.addr = { { 192, 0, 2, (uint8_t)i }, { 198, 51, 100, (uint8_t)i } },
		.directions = SF_FORWARD,
	};
}

static inline void enrich_one(struct sf_enrich *enrich, struct sf_extra *extra)
{
	const struct sf_enricher *enricher = sf_enrich_enricher(enrich);
	struct sf_flow flow = flow_of(1);

	enricher->begin(enricher->context, &flow, 1, extra);
	enricher->end(enricher->context);
}

static inline struct sf_enrich *new_enrich(const char *const *sources, unsigned count)
{
	struct sf_enrich *enrich = NULL;

	memset(&error, 0, sizeof(error));
	ck_assert_msg(
		sf_enrich_new(&enrich,
			&(struct sf_enrich_options){ .sources = sources, .source_count = count },
			&error) == 0,
		"%s", error.text);
	return enrich;
}

/* Reads files again, and waits for what is told of that. */
static inline void reload(struct sf_enrich *enrich, char *text, size_t size)
{
	sf_enrich_reload(enrich);
	while (!sf_enrich_look(enrich, text, size))
		usleep(200);
	while (!sf_enrich_idle(enrich))
		usleep(200);
}

#endif
