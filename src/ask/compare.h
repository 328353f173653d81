/* SPDX-License-Identifier: BSD-2-Clause */
/* What comparisons with one value (compare.c) and with sets (in.c) share. */
#ifndef SPANFLOW_ASK_COMPARE_H
#define SPANFLOW_ASK_COMPARE_H

#include "ask/parse.h"

/* ---- compare.c */

/* Lists memory in the expression, whose tests own it. False: no memory. */
bool sf_compare_own(struct sf_parser *parser, void *list, unsigned *count, void *item);

/* What values of the subject are, for messages; that the token is none. Returns 0, no node. */
const char *sf_compare_kind(const struct sf_subject *subject);
unsigned sf_compare_no_value(struct sf_parser *parser, const char *what);

/* "1000-2000", or one number. False: neither. */
bool sf_compare_range(const struct sf_subject *subject, const struct sf_token *token, uint64_t *low,
	uint64_t *high);

/* One node of those for the fields of the subject. */
unsigned sf_compare_joined(struct sf_parser *parser, const struct sf_subject *subject,
	unsigned first, unsigned second);

/* The field is an element whose values are octets: they are written as hexadecimal digits. */
bool sf_compare_is_octets(const struct sf_subject *subject);

/* The token as an address or a network; as a text that is equal. A node, or 0. */
unsigned sf_compare_net(struct sf_parser *parser, const struct sf_subject *subject);
unsigned sf_compare_same_text(struct sf_parser *parser, const struct sf_subject *subject);

/* ---- in.c */

/* What stands behind `in`; the word private. A node, or 0. */
unsigned sf_compare_in(struct sf_parser *parser, const struct sf_subject *subject);
unsigned sf_compare_private(struct sf_parser *parser, const struct sf_subject *subject);

#endif
