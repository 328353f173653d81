/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/page.h"

#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "metrics/counters.h"

int sf_page_note_collector(struct sf_page *page, const struct sf_collector_stats *stats)
{
	int code = 0;

	for (unsigned i = 0; code == 0 && i < sf_counter_count; i++)
		if (sf_counters[i].scope == SF_SCOPE_COLLECTOR)
			code = sf_page_note(page, sf_counters[i].json, sf_counters[i].text,
				sf_counter_value(&sf_counters[i], stats));
	return code;
}

int sf_page_note_ledger(struct sf_page *page, const struct sf_ledger *ledger)
{
	int code = sf_page_note(page, "frames", "frames in the captures", ledger->frames);

	if (code == 0)
		code = sf_page_note(page, "metered", "packets metered", ledger->packets);
	for (unsigned i = 0; code == 0 && i < SF_IGNORED_COUNT; i++)
		code = sf_page_note(page, sf_ignored_name((enum sf_ignored)i),
			"frames that were not metered for this reason", ledger->ignored[i]);
	if (code == 0)
		code = sf_page_note(page, "evicted",
			"flows that ended early because the flow table was full",
			ledger->flows_evicted);
	return code;
}

/* ---------------------------------------------------------------- the page of a run */

static bool take(void *context, const struct sf_collected *record)
{
	struct sf_paging *paging = context;

	if (!record->options && sf_page_add(paging->page, record, record->flow.directions))
		paging->failed = true;
	return !paging->failed;
}

int sf_paging_open(
	struct sf_paging *paging, const struct sf_options *options, struct sf_error *error)
{
	const struct sf_page_options page = {
		.where = options->where,
		.local = options->local_net,
		.made_ns = sf_clock_read(CLOCK_REALTIME),
	};
	int code = sf_page_new(&paging->page, &page, error);

	return code ? code : sf_tap_open(&paging->tap, take, paging, error);
}

int sf_paging_write(
	struct sf_paging *paging, const struct sf_ledger *ledger, struct sf_error *error)
{
	int code = sf_tap_finish(paging->tap, error);

	if (code)
		return code;
	if (paging->failed || sf_page_note_ledger(paging->page, ledger))
		return sf_error_set(error, -ENOMEM, "no memory for the page");
	return sf_page_write(paging->page, stdout, error);
}

void sf_paging_close(struct sf_paging *paging)
{
	sf_tap_free(paging->tap);
	sf_page_free(paging->page);
}
