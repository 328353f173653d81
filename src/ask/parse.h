/* SPDX-License-Identifier: BSD-2-Clause */
/* The parser of expressions: conditions in parse.c, what they compare in compare.c. */
#ifndef SPANFLOW_ASK_PARSE_H
#define SPANFLOW_ASK_PARSE_H

#include "ask/internal.h"

/* What a condition is about: one field, or those of the two sides. */
struct sf_subject {
	struct sf_ask_field fields[2];
	unsigned count;
	bool all;  /* both sides must meet the condition; otherwise one is enough */
	bool port; /* values may be names of services */
	bool dscp; /* the upper six bits of the field */
	struct sf_token word;
};

struct sf_parser {
	const char *text;
	const struct sf_where_options *options;
	struct sf_error *error;
	int code; /* of the first error; 0: none */
	struct sf_token token;
	struct sf_where *where; /* takes the tests and what they own */
	unsigned test_room;
	struct sf_node *nodes; /* from 1 on: 0 is none, after an error */
	unsigned node_count, node_room;
	unsigned depth;
	bool has_subject; /* of an earlier condition: "port 80 or 443" */
	struct sf_subject subject;
};

/* The tree of an expression: its root, or 0 after an error. */
unsigned sf_parse_expression(struct sf_parser *parser);

/* ---- for compare.c */

/* The first error, with the expression and a caret below the token. Returns 0, no node. */
unsigned sf_parse_fail(struct sf_parser *parser, const struct sf_token *token, const char *format,
	...) __attribute__((format(printf, 3, 4)));
unsigned sf_parse_no_memory(struct sf_parser *parser);

/* Moves on to the next token; looks at it without moving on. */
void sf_parse_next(struct sf_parser *parser);
void sf_parse_peek(const struct sf_parser *parser, struct sf_token *token);

/* Makes a node of the tree: its number, or 0: no memory. */
unsigned sf_parse_node(
	struct sf_parser *parser, enum sf_node_kind kind, unsigned left, unsigned right);

/* A node of a new test; NULL: no memory. The pointer is good until the next one. */
struct sf_test *sf_parse_test(struct sf_parser *parser, unsigned *node);

/* The comparison behind a subject: operator and values. A node, or 0. */
unsigned sf_parse_comparison(struct sf_parser *parser, const struct sf_subject *subject);

#endif
