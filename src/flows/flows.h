/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows from whatever a person has: IPFIX files, capture files, which are metered on the way,
 * directories with their subdirectories, and standard input ("-"). What a file is, its first bytes say,
 * behind gzip, zstd, xz or bzip2 as well.
 *
 *	static int take(void *context, const struct sf_flow *flow, const struct sf_collected *record) …
 *
 *	struct sf_flows_options options = { .take = take, .context = me };
 *	struct sf_flows_result result;
 *	struct sf_error error = { 0 };
 *
 *	if (sf_flows_read(names, count, &options, &result, &error))
 *		complain(error.text); // what could be read has been taken
 *
 * All IPFIX files come first, in the order of the names, then all captures, merged by time into one flow
 * table with the timeouts of `spanflow meter`.
 */
#ifndef SPANFLOW_FLOWS_FLOWS_H
#define SPANFLOW_FLOWS_FLOWS_H

#include <spanflow/capture.h>
#include <spanflow/collect.h>
#include <spanflow/meter.h>

struct sf_flows_options {
	/* `record`: what the flow was read from, of IPFIX files; else NULL. Not 0: reading ends. */
	int (*take)(void *context, const struct sf_flow *flow, const struct sf_collected *record);
	/* Should reading end? Asked now and then; or NULL. */
	bool (*stop)(void *context);
	/* Something could not be read, the rest is: in words. */
	void (*trouble)(void *context, const char *text);
	void *context;
};

struct sf_flows_result {
	unsigned flow_files, captures; /* that were read */
	unsigned others;               /* files in directories that are neither */
	struct sf_collector_stats collector;
	struct sf_ledger ledger; /* of captures */
	uint64_t lost;   /* records for which there was no place: 0 unless memory runs out */
	bool incomplete; /* `trouble` was called, or take() ended it */
	int taken;       /* what take() returned last */
};

/* 0, or -ENOMEM: nothing was read. */
int sf_flows_read(const char *const *names, unsigned count, const struct sf_flows_options *options,
	struct sf_flows_result *result, struct sf_error *error);

#endif
