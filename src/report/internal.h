/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the page share: rows, tables of what rows name, a text that grows. */
#ifndef SPANFLOW_REPORT_INTERNAL_H
#define SPANFLOW_REPORT_INTERNAL_H

#include "ask/field.h"
#include "base/hash.h"
#include "base/local.h"
#include "report/page.h"

/* ---- intern.c: each different item gets a number, from 0 on in the order of arrival */

struct sf_intern {
	size_t size; /* of an item: a multiple of 8 */
	uint8_t *items;
	uint32_t *slots; /* number + 1; 0: free */
	uint32_t count, room, mask;
	struct sf_hash_key key;
};

/* `key`: random, because the items come from the network. */
void sf_intern_init(struct sf_intern *table, size_t size, const struct sf_hash_key *key);
void sf_intern_free(struct sf_intern *table);

/* The number of the item, which is copied if it is new; -1: no memory. */
int64_t sf_intern(struct sf_intern *table, const void *item);

/* ---- rows */

/* An address, or with fewer bits a network. */
struct sf_page_host {
	uint8_t address[16];
	uint32_t version; /* 4, 6; 0: unknown */
	uint32_t bits;
};

/* What the records said about a host beside its address. */
struct sf_page_facts {
	uint64_t bytes;
	uint64_t as; /* number + 1; 0: unknown */
	char country[2];
	bool local;
};

#define SF_PAGE_TEXT 256

struct sf_page_text {
	char text[SF_PAGE_TEXT]; /* padded with 0 */
};

/*
 * Set if the receiver's port is known. The bit is one of SF_KNOWN_… whose own meaning the page does
 * not use.
 */
#define SF_PAGE_KNOWN_DPORT SF_KNOWN_ID

/* Facts that many rows have in common. `known`: SF_KNOWN_… of the direction. */
struct sf_page_traits {
	uint32_t known;
	uint32_t domain, ingress, egress;
	uint32_t exporter, app; /* texts */
	uint16_t vlan, cvlan;
	uint8_t tos, reason, version, has;
	uint8_t kind; /* of the name: 1 TLS, 2 DNS, 3 HTTP; 0: there is none */
	uint8_t reserved[7];
};

/* Who asked: what pair.c finds out. */
enum sf_page_role {
	SF_ROLE_UNANSWERED, /* no packet came back */
	SF_ROLE_REQUEST,    /* to the server */
	SF_ROLE_ANSWER,     /* from the server */
};

struct sf_page_row {
	int64_t start_ms;
	int64_t duration_ms;
	uint64_t bytes, packets;
	uint64_t flows;    /* that the row is the sum of */
	uint32_t src, dst; /* hosts */
	uint32_t traits;
	uint32_t name; /* text: of DNS or TLS */
	uint16_t sport, dport;
	uint16_t flags;
	uint8_t protocol;
	uint8_t role; /* enum sf_page_role */
	bool first;   /* the next row is the answer to this one */
	bool second;
	bool settled; /* added up: its role stays */
};

struct sf_page_note {
	const char *name, *meaning;
	uint64_t count;
};

/* How rows are added up: reduce.c. All zero: they are not. */
struct sf_page_level {
	int64_t bin_ms;   /* flows that begin in the same time of that length */
	unsigned hosts;   /* with most bytes, which stay as they are; 0: all */
	unsigned bits[2]; /* of IPv4 and IPv6 networks that the others become */
	bool no_ports;
};

/* Facts that are read as questions read them (src/ask): those that a flow has no member for. */
enum sf_page_field {
	SF_PAGE_TLS_NAME,
	SF_PAGE_DNS_NAME,
	SF_PAGE_HTTP_HOST,
	SF_PAGE_APP,
	SF_PAGE_EXPORTER,
	SF_PAGE_SRC_COUNTRY,
	SF_PAGE_DST_COUNTRY,
	SF_PAGE_SRC_AS,
	SF_PAGE_DST_AS,
	SF_PAGE_FIELDS
};

struct sf_page {
	struct sf_page_options options;
	struct sf_page_row *rows;
	uint32_t count, room;
	struct sf_intern hosts, traits, texts;
	struct sf_page_facts *facts; /* of each host */
	uint32_t facts_room;
	struct sf_network *local; /* the own networks */
	unsigned local_count;
	struct sf_page_note *notes;
	unsigned note_count;
	unsigned level_number; /* 0: rows are as they were added */
	struct sf_page_level level;
	uint64_t added;   /* flows */
	uint64_t unnamed; /* rows whose name did not fit */
	uint32_t columns; /* OR of the facts that some row has, as SF_KNOWN_… */
	struct sf_hash_key key;
	struct sf_ask_field fields[SF_PAGE_FIELDS];
	bool has_field[SF_PAGE_FIELDS];
};

/* page.c: the number of a host; false: no memory. */
bool sf_page_find_host(struct sf_page *page, const struct sf_page_host *host, uint32_t *number);

static inline const struct sf_page_host *sf_page_host(const struct sf_page *page, uint32_t number)
{
	return (const struct sf_page_host *)(const void *)page->hosts.items + number;
}

static inline const struct sf_page_traits *sf_page_traits(
	const struct sf_page *page, uint32_t number)
{
	return (const struct sf_page_traits *)(const void *)page->traits.items + number;
}

static inline const char *sf_page_text(const struct sf_page *page, uint32_t number)
{
	return (const char *)page->texts.items + (size_t)number * SF_PAGE_TEXT;
}

/* ---- pair.c */

/*
 * Finds the answers to rows, and with them the servers. Puts rows in
 * the order of time. 0 or -ENOMEM.
 */
int sf_page_pair(struct sf_page *page);

/* ---- reduce.c */

/* Adds rows up, further than before, until at most `most` are left. 0 or -ENOMEM. */
int sf_page_reduce(struct sf_page *page, uint32_t most);

/* In words: what a row adds up; "" of plain flows. */
void sf_page_level_text(const struct sf_page *page, char *text, size_t size);

/* ---- anonymize.c */

/*
 * Replaces an address of `length` bytes. Addresses with the same first n bits have results with the
 * same first n bits.
 */
void sf_page_anonymize(
	const struct sf_hash_key *key, const uint8_t *address, unsigned length, uint8_t *result);

/* ---- encode.c */

/* Bytes that grow; after `failed` nothing is added any more. */
struct sf_page_bytes {
	uint8_t *data;
	size_t length, room;
	bool failed;
};

/* Append to the bytes. */
void sf_bytes_add(struct sf_page_bytes *bytes, const void *data, size_t length);
void sf_bytes_number(struct sf_page_bytes *bytes, uint64_t number); /* LEB128 */
void sf_bytes_printf(struct sf_page_bytes *bytes, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void sf_bytes_json(struct sf_page_bytes *bytes, const char *text); /* a quoted string */

/* The data of the page: description and columns. */
void sf_page_encode(const struct sf_page *page, struct sf_page_bytes *out);

/* deflate (zlib, if this program has it) and base64. `packed`: it is compressed. */
void sf_page_pack(const struct sf_page_bytes *data, struct sf_page_bytes *text, bool *packed);

/* write.c: the description, as JSON. */
void sf_page_describe(const struct sf_page *page, uint32_t hosts, struct sf_page_bytes *out);

/* ---- the page without its data: made by page/build.mjs */

extern const unsigned char sf_page_template[]; /* @TITLE@, @FORM@, @DATA@ mark places */
extern const unsigned sf_page_template_size;

#endif
