/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters of a collector and of a meter as notes on the page. */
#include "metrics/counters.h"
#include "report/paging.h"

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
