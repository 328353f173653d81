/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page of a metering run (`meter -o html`): its records come to the page through a tap
 * (query/tap.h).
 *
 *	sf_paging_open(&paging, where, local, &error);
 *	… a run with the destination sf_tap_file(paging.tap) is opened …
 *	sf_tap_start(paging.tap, &error);
 *	… the run goes on to its end …
 *	sf_paging_write(&paging, &ledger, stdout, &error);
 *	sf_paging_close(&paging);
 */
#ifndef SPANFLOW_REPORT_PAGING_H
#define SPANFLOW_REPORT_PAGING_H

#include <spanflow/collect.h>
#include <spanflow/meter.h>

#include "query/tap.h"
#include "report/page.h"

struct sf_paging {
	struct sf_page *page;
	struct sf_tap *tap;
	bool failed; /* no memory for a row */
};

/*
 * Makes a page, and the tap to fill it. `where` and `local` are lent: see struct sf_page_options.
 * 0 or an error.
 */
int sf_paging_open(
	struct sf_paging *paging, const char *where, const char *local, struct sf_error *error);

/* After the run: writes the page, with notes about what was not metered. 0 or an error. */
int sf_paging_write(struct sf_paging *paging, const struct sf_ledger *ledger, FILE *stream,
	struct sf_error *error);

/* Allowed for a zeroed struct. */
void sf_paging_close(struct sf_paging *paging);

/* notes.c: what was lost or left out, as notes on the page. 0 or -ENOMEM. */
int sf_page_note_collector(struct sf_page *page, const struct sf_collector_stats *stats);
int sf_page_note_ledger(struct sf_page *page, const struct sf_ledger *ledger);

#endif
