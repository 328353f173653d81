/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions to files: where the conditions and groups of src/ask meet the readers of src/collect.
 * Several threads read the same files together; each decodes a part of their records into groups of
 * its own, which are added up at the end.
 *
 *	const struct sf_query query = { names, count, where, groups, threads };
 *
 *	if (sf_query_start(&workers, &query, &error) == 0) { // all threads but the caller's
 *		options.reading = sf_query_reading(workers);
 *		… sf_gather(my_collector, names, count, &options) …
 *		sf_query_join(workers, false, &sum);
 *	}
 */
#ifndef SPANFLOW_QUERY_QUERY_H
#define SPANFLOW_QUERY_QUERY_H

#include <stdio.h>

#include "ask/answer.h"
#include "ask/groups.h"
#include "ask/where.h"

struct sf_reading;

struct sf_query {
	const char *const *names; /* files and directories; no standard input, no pipes */
	unsigned count;
	const struct sf_where
		*where; /* NULL: no conditions. Lent, as all members are, until sf_query_join() */
	struct sf_groups
		*groups;  /* of the caller; sf_query_join() adds the groups of the other threads */
	unsigned threads; /* with the caller's */
};

/* What the other threads have read and taken. */
struct sf_query_sum {
	struct sf_collector_stats stats;
	struct sf_destination_count selected, unmatched; /* flow records */
	struct sf_error error;                           /* code is not 0: there is no answer */
};

struct sf_query_workers;

/* False: some file can be read once only, such as a pipe, or a sum needs all records in order. */
bool sf_query_is_shared(const struct sf_query *query);

/* 0; or an error, and nothing runs. */
int sf_query_start(
	struct sf_query_workers **workers, const struct sf_query *query, struct sf_error *error);

/*
 * The files that all threads read together, for sf_gather_options.reading. The caller has to read
 * them too, as reader 0, because the other threads wait for it. Lent until sf_query_join(). NULL
 * for NULL.
 */
struct sf_reading *sf_query_reading(const struct sf_query_workers *workers);

/*
 * Waits for the threads (with `stop` they end early), adds up what they
 * have, and frees. NULL is allowed.
 */
void sf_query_join(struct sf_query_workers *workers, bool stop, struct sf_query_sum *sum);

/*
 * The addresses of all hosts of a file of flows, or a directory of such files, a line each;
 * malloc()ed. `memory`: bytes that they may take. 0 or an error.
 */
int sf_query_hosts(const char *file, uint64_t memory, char **text, struct sf_error *error);

/*
 * What `in FILE` means: the whole file with a NUL at its end, malloc()ed; of the name "baseline"
 * the hosts of that file of flows, unless it is NULL. 0 or an error.
 */
int sf_query_list(const char *path, const char *baseline, uint64_t memory, char **text,
	struct sf_error *error);

/*
 * Prints the groups, after sf_groups_sort(); `width`: of a terminal, or 0. 0, or
 * a negative error of the stream.
 */
int sf_query_print(const struct sf_groups *groups, enum sf_form form, unsigned width, FILE *stream);

/*
 * Gives the groups that are shown to the destinations of an exporter of
 * collected records. 0 or -ENOMEM.
 */
int sf_query_records(const struct sf_groups *groups, struct sf_exporter *exporter);

/*
 * After a run: names in `text` elements that a question looked for and no record had that the
 * collector has read, and what flows of captures need for them that `mode` (SF_ASK_…) does not
 * give. `told`: 0 at first. False: there is no other one.
 */
bool sf_query_missing(const struct sf_ask_elements *elements, const struct sf_collector *collector,
	unsigned mode, uint32_t *told, char *text, size_t size);

#endif
