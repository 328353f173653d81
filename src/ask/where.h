/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditions on flow records in words: the language of --where. An expression is parsed and
 * compiled once, into tests with two exits each; a row then runs from test to test until it is
 * accepted or refused. Any number of threads may use one compiled expression.
 *
 *	static const struct sf_where_options options = { .mode = SF_ASK_UNIFLOW };
 *	struct sf_error error = { 0 };
 *	struct sf_where *where;
 *
 *	if (sf_where_new(&where, "proto udp and dst port 53 and bytes > 100k", &options, &error))
 *		return complain(error.text); // with the expression, and a caret below the word
 *	if (sf_where_row(where, &row))
 *		take(&row);
 *	sf_where_free(where);
 *
 * Grammar ('a|b': one of them; '[x]': x or nothing):
 *
 *	expression   or-ed, and-ed and negated conditions: and or not ( ), && || !
 *	condition    [src|dst|either|both] host|net|port|as|country|mac VALUES
 *	             [in|out] if VALUES
 *	             proto|flags|tos|dscp|vlan|exporter|domain|app|sni|dns|… VALUES
 *	             FIELD [OPERATOR] VALUES      any field, and any element by its IANA name
 *	             has FIELD                    the record has it
 *	             tcp|udp|icmp|… [condition]   as in pcap-filter: tcp dst port 80
 *	             ipv4|ipv6|any
 *	VALUES       [= != < > <= >= ~ !~ contains] VALUE, or in [VALUE, …], or in FILE; of
 *	             addresses also private (base/local.h: RFC 1918 and its like)
 *
 * ~ takes regular expressions: regex.h.
 *
 * A condition on a field that a record does not have is false, so `not` of it is true. `!=` is the
 * same as `not … =`.
 */
#ifndef SPANFLOW_ASK_WHERE_H
#define SPANFLOW_ASK_WHERE_H

#include <spanflow/export.h>

#include "ask/field.h"
#include "base/application.h"

/* An expression may have that many bytes and parentheses in each other. */
#define SF_WHERE_LENGTH_MAX 65536
#define SF_WHERE_DEPTH_MAX  200

struct sf_where_options {
	unsigned mode;  /* SF_ASK_… */
	int64_t now_ns; /* what `now` and `today` mean */
	bool local;     /* dates without a zone are in local time */
	/*
	 * Reads a file of `in FILE`: *text is malloc()ed and ends with
	 * a NUL. NULL: files are refused.
	 */
	int (*load)(void *context, const char *path, char **text, struct sf_error *error);
	void *context;
	/* Is told which name of an application none has; NULL: nobody asks. */
	void (*remark)(void *context, const char *text);
	void *remark_context;
	/* of the classifier of this run; NULL: there is none */
	const struct sf_application_table *applications;
};

struct sf_where;

/*
 * 0; or -ENOMEM, SF_EUSAGE, or what load() returned, with the reason in `error` and *where
 * untouched. After SF_EUSAGE `error` has the expression with a caret line as well.
 */
int sf_where_new(struct sf_where **where, const char *text, const struct sf_where_options *options,
	struct sf_error *error);
void sf_where_free(struct sf_where *where);

/*
 * The expression as what chooses among the flows of a meter, or among collected records:
 * options.mode says which, and whether both directions are looked at together. Freed with the
 * chooser. As sf_where_new().
 */
int sf_where_chooser(struct sf_chooser *chooser, const char *text,
	const struct sf_where_options *options, struct sf_error *error);

/* The elements that the conditions look for in records. */
void sf_where_elements(const struct sf_where *where, struct sf_ask_elements *elements);

/* What the conditions look at that a meter gathers on request only: as sf_exporter_wants(). */
uint64_t sf_where_wants(const struct sf_where *where);

/* Whether the row meets the conditions. */
bool sf_where_row(const struct sf_where *where, const struct sf_ask_row *row);

/*
 * Whether a flow has a row that meets the conditions: bit d for the row of direction d, bit 0 of
 * conversations. `record`: NULL for flows of a meter.
 */
unsigned sf_where_flow(const struct sf_where *where, const struct sf_flow *flow,
	const struct sf_collected *record);

#endif
