/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the expressions share: tests, the tree of conditions, values and sets. */
#ifndef SPANFLOW_ASK_INTERNAL_H
#define SPANFLOW_ASK_INTERNAL_H

#include "ask/regex.h"
#include "ask/where.h"
#include "base/local.h"

/* ---- set.c: numbers or addresses, as ranges */

struct sf_ask_set;

/* An empty set; NULL: no memory. */
struct sf_ask_set *sf_ask_set_new(void);
void sf_ask_set_free(struct sf_ask_set *set);

/* Each returns false if there is no memory. `first` and `last` belong to the range. */
bool sf_ask_set_numbers(struct sf_ask_set *set, uint64_t first, uint64_t last);
bool sf_ask_set_network(
	struct sf_ask_set *set, const uint8_t *address, size_t length, unsigned bits);

/* To be called once, when all ranges are in it. */
void sf_ask_set_sort(struct sf_ask_set *set);

/* After the sort. A set has a network if it has all of its addresses. */
bool sf_ask_set_has_number(const struct sf_ask_set *set, uint64_t number);
bool sf_ask_set_has_network(
	const struct sf_ask_set *set, const uint8_t *address, size_t length, unsigned bits);

/* ---- tests */

enum sf_test_kind {
	SF_TEST_RANGE,   /* low <= number <= low + span */
	SF_TEST_NET,     /* an address in a network */
	SF_TEST_SET,     /* a number or an address in a set */
	SF_TEST_FLAGS,   /* number & mask == bits */
	SF_TEST_EQUAL,   /* text or bytes, without regard to case */
	SF_TEST_SUBTEXT, /* a part of the text, likewise */
	SF_TEST_MATCH,   /* a regular expression */
	SF_TEST_PRESENT, /* the record has the field */
	SF_TEST_ANY,     /* always true */
};

#define SF_EXIT_FALSE 0u
#define SF_EXIT_TRUE  1u
#define SF_EXITS      2u /* further exits are tests: their number plus this */

struct sf_test {
	struct sf_ask_field field;
	enum sf_test_kind kind;
	unsigned on[2]; /* where to go on when it is false, when it is true */
	uint64_t low, span;
	uint8_t address[16], mask[16];
	uint8_t length, bits;     /* of the address, of its network */
	struct sf_ask_set *set;   /* owned by the expression */
	struct sf_regex *pattern; /* likewise */
	char *text;               /* likewise */
	size_t text_length;
};

/* Numbers of signed and real types in an order of unsigned ones. */
static inline uint64_t sf_ask_ordered(unsigned type, uint64_t number)
{
	const uint64_t sign = UINT64_C(1) << 63;

	if (type == SF_ASK_SIGNED)
		return number ^ sign;
	if (type == SF_ASK_REAL)
		return number & sign ? ~number : number | sign;
	return number;
}

struct sf_where {
	struct sf_test *tests;
	unsigned count, start; /* `start`: an exit */
	bool conversation;
	struct sf_ask_set **sets;
	struct sf_regex **patterns;
	char **texts;
	unsigned set_count, pattern_count, text_count;
};

/* Words for the fields of the two sides: "port" stands for sport and dport. */
struct sf_ask_noun {
	const char *word, *fields[2];
	bool port, interface; /* an interface's sides are `in` and `out` */
};

/* NULL: there is no such word. */
const struct sf_ask_noun *sf_ask_noun_find(const char *word);

/* ---- the tree */

enum sf_node_kind { SF_NODE_TEST, SF_NODE_AND, SF_NODE_OR, SF_NODE_NOT };

struct sf_node {
	enum sf_node_kind kind;
	unsigned left, right; /* nodes; a test's number in `left` */
};

/* ---- lex.c */

enum sf_token_kind {
	SF_TOKEN_END,
	SF_TOKEN_WORD,
	SF_TOKEN_STRING, /* in quotes; text and length are what stands between them */
	SF_TOKEN_OPERATOR,
	SF_TOKEN_MARK, /* ( ) [ ] { } , */
	SF_TOKEN_BAD,  /* a quote that is not closed, or a character that begins nothing */
};

struct sf_token {
	enum sf_token_kind kind;
	const char *text;
	size_t length;
	size_t start, end; /* in the expression, with quotes */
};

/* Reads the token of the expression `text` that begins at `position` or behind spaces there. */
void sf_token_read(struct sf_token *token, const char *text, size_t position);

/* True if the token is this word or operator. */
bool sf_token_is(const struct sf_token *token, const char *word);

/* ---- value.c: words as values; false: not of that form */

/* "192.0.2.1", "192.0.2.0/24", "10.1" (a short network), "2001:db8::/32" */
bool sf_ask_parse_net(const char *text, size_t length, struct sf_network *net);

/* A number with k, M, G, T, Ki …, or 0x…; of durations ms, s, m, h, d, without a unit seconds. */
bool sf_ask_parse_number(const char *text, size_t length, unsigned type, uint64_t *number);

/* "SA", "S/SA": bits and mask; one set of letters alone is its own mask. */
bool sf_ask_parse_flags(const char *text, size_t length, uint64_t *bits, uint64_t *mask);

/* "030035" or "0x030035": two digits for each byte. `octets`: room for length / 2 of them. */
bool sf_ask_parse_octets(const char *text, size_t length, uint8_t *octets, size_t *count);

/* "02:00:00:00:00:01" */
bool sf_ask_parse_mac(const char *text, size_t length, uint64_t *number);

/* A port by number or by name. */
bool sf_ask_parse_port(const char *text, size_t length, uint64_t *number);

/* A date, or now, today, yesterday, tomorrow; first and last ns of what it names. */
bool sf_ask_parse_time(const char *text, size_t length, const struct sf_where_options *options,
	int64_t *first, int64_t *last);

/* "-2h" */
bool sf_ask_parse_offset(const char *text, size_t length, int64_t *ns);

#endif
