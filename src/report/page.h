/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A page to look at: gathers flow records and writes them, together with the program that draws
 * them, into one HTML file that needs no network. docs/report.md describes the page.
 *
 *	const struct sf_page_options options = { .title = "Office", .made_ns = now };
 *	struct sf_page *page;
 *
 *	if (sf_page_new(&page, &options, &error))
 *		return complain(error.text);
 *	sf_page_add(page, record, record->flow.directions); // for each record
 *	sf_page_note(page, "malformed", "messages refused", 3);
 *	if (sf_page_write(page, stdout, &error))
 *		complain(error.text);
 *	sf_page_free(page);
 *
 * A row of the page is one direction of a flow, as in the questions of src/ask. Up to `most_rows`
 * rows are on the page as they are. More rows are added up (reduce.c), and the page says how.
 * Memory is bounded by six times `most_rows`. Calls on one page come from one thread; no clock.
 */
#ifndef SPANFLOW_REPORT_PAGE_H
#define SPANFLOW_REPORT_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <spanflow/collect.h>
#include <spanflow/error.h>
#include <spanflow/flow.h>

#define SF_PAGE_ROWS  200000u
#define SF_PAGE_BYTES 2500000u

struct sf_page_options {
	const char *title; /* NULL: "Network flows" */
	const char *where; /* the condition that the records met, for people; or NULL */
	/* The own networks, "192.0.2.0/24,2001:db8::/32"; NULL: sf_private_networks. */
	const char *local;
	/*
	 * Addresses are replaced: two with the same first n bits have the same first n bits
	 * afterwards. Names are numbered.
	 */
	bool anonymize;
	unsigned refresh;    /* seconds after which a browser loads the page again; 0: never */
	int64_t made_ns;     /* when the page was made: ns since 1970 */
	unsigned most_rows;  /* 0: SF_PAGE_ROWS */
	unsigned most_bytes; /* of the file; 0: SF_PAGE_BYTES */
};

struct sf_page;

/* What the page could not be built with, or NULL: it is in this program. */
const char *sf_page_missing(void);

/*
 * 0; SF_EUNSUPPORTED: this program was built without the page; SF_EUSAGE: a network is wrong;
 * -ENOMEM. The options are copied, their texts are lent.
 */
int sf_page_new(
	struct sf_page **page, const struct sf_page_options *options, struct sf_error *error);
void sf_page_free(struct sf_page *page);

struct sf_ask_elements;

/* The elements that the page looks for in records: names, countries, AS numbers. */
void sf_page_elements(const struct sf_page *page, struct sf_ask_elements *elements);

/* Adds the directions (bit d: half[d]) of a flow record. 0 or -ENOMEM. */
int sf_page_add(struct sf_page *page, const struct sf_collected *record, unsigned directions);

/* A number for the page's list of what was lost or ignored, and what it means. */
int sf_page_note(struct sf_page *page, const char *name, const char *meaning, uint64_t count);

/* Flows that were added: a folded record counts as all that it is the sum of. */
uint64_t sf_page_flows(const struct sf_page *page);

/* Writes the page. 0, or -ENOMEM, or the error of the stream. */
int sf_page_write(struct sf_page *page, FILE *stream, struct sf_error *error);

/* The same into a file, which is replaced when the page is whole (file.c). */
int sf_page_write_file(struct sf_page *page, const char *path, struct sf_error *error);

/*
 * True if there is no file of that name, or it is empty or a page of spanflow: it may be replaced.
 */
bool sf_page_may_replace(const char *path);

#endif
