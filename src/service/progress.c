/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "service/progress.h"

void sf_progress_init(struct sf_progress *progress, bool wanted, bool records, int64_t mono)
{
	*progress = (struct sf_progress){
		.on = wanted && isatty(STDERR_FILENO) && !(records && isatty(STDOUT_FILENO)),
		.next_ns = mono + SF_NS_PER_S,
		.last_ns = mono,
	};
}

bool sf_progress_due(const struct sf_progress *progress, int64_t mono)
{
	return progress->on && mono >= progress->next_ns;
}

void sf_progress_show(struct sf_progress *progress, int64_t mono, const struct sf_ledger *ledger,
	const struct sf_capture_stats *capture)
{
	double seconds = (double)(mono - progress->last_ns) / SF_NS_PER_S;
	double rate = (double)(ledger->frames - progress->last_frames) / seconds;

	fputs("\r\033[K", stderr);
	if (capture->bytes_total)
		fprintf(stderr, "%5.1f %%  ",
			100.0 * (double)capture->bytes_read / (double)capture->bytes_total);
	fprintf(stderr, "%" PRIu64 " packets  %.2f M/s  %" PRIu64 " flows in the table",
		ledger->frames, rate / 1e6, ledger->flows_active);
	progress->shown = true;
	progress->last_ns = mono;
	progress->last_frames = ledger->frames;
	progress->next_ns = mono + SF_NS_PER_S;
}

void sf_progress_clear(struct sf_progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
	progress->shown = false;
}
