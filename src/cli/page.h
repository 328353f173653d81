/* SPDX-License-Identifier: BSD-2-Clause */
/* The page of `meter -o html`, with notes about the run; cmd_report.c makes that of `report`. */
#ifndef SPANFLOW_CLI_PAGE_H
#define SPANFLOW_CLI_PAGE_H

#include <spanflow/collect.h>
#include <spanflow/meter.h>

#include "options/options.h"
#include "query/tap.h"
#include "report/page.h"

/* What was lost or ignored, as notes on the page. 0 or -ENOMEM. */
int sf_page_note_collector(struct sf_page *page, const struct sf_collector_stats *stats);
int sf_page_note_ledger(struct sf_page *page, const struct sf_ledger *ledger);

struct sf_paging {
	struct sf_page *page;
	struct sf_tap *tap;
	bool failed; /* no memory for a row */
};

/* Makes a page, and the tap to fill it: sf_tap_file() has to be a destination of the run. */
int sf_paging_open(
	struct sf_paging *paging, const struct sf_options *options, struct sf_error *error);

/* After the run: writes the page to standard output. 0 or an error. */
int sf_paging_write(
	struct sf_paging *paging, const struct sf_ledger *ledger, struct sf_error *error);

/* Allowed for a zeroed struct. */
void sf_paging_close(struct sf_paging *paging);

#endif
