/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/paging.h"

#include <time.h>

#include "base/clock.h"

static bool take(void *context, const struct sf_collected *record)
{
	struct sf_paging *paging = context;

	if (!record->options && sf_page_add(paging->page, record, record->flow.directions))
		paging->failed = true;
	return !paging->failed;
}

int sf_paging_open(
	struct sf_paging *paging, const char *where, const char *local, struct sf_error *error)
{
	const struct sf_page_options page = {
		.where = where,
		.local = local,
		.made_ns = sf_clock_read(CLOCK_REALTIME),
	};
	int code = sf_page_new(&paging->page, &page, error);

	return code ? code : sf_tap_open(&paging->tap, take, paging, error);
}

int sf_paging_write(struct sf_paging *paging, const struct sf_ledger *ledger, FILE *stream,
	struct sf_error *error)
{
	int code = sf_tap_finish(paging->tap, error);

	if (code)
		return code;
	if (paging->failed || sf_page_note_ledger(paging->page, ledger))
		return sf_error_set(error, -ENOMEM, "no memory for the page");
	return sf_page_write(paging->page, stream, error);
}

void sf_paging_close(struct sf_paging *paging)
{
	sf_tap_free(paging->tap);
	sf_page_free(paging->page);
}
