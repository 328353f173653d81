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

/* All members are lent until sf_query_join(). */
struct sf_query {
	const char *const *names; /* files and directories; no standard input, no pipes */
	unsigned count;
	const struct sf_where *where; /* NULL: no conditions */
	struct sf_groups *groups;     /* of the caller; at the end of all threads */
	unsigned threads;             /* with the caller's */
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
 * Waits for the threads, which end early with `stop`. Adds their groups to those of the caller, and
 * their counts to *sum. Frees `workers`; NULL is allowed.
 */
void sf_query_join(struct sf_query_workers *workers, bool stop, struct sf_query_sum *sum);

/*
 * *text: the addresses of all hosts of a file of flows, or of a directory of such files, a line for
 * each; from malloc(). `memory`: bytes that the hosts may take. 0 or an error.
 */
int sf_query_hosts(const char *file, uint64_t memory, char **text, struct sf_error *error);

/*
 * *text: what `in FILE` of a condition means, with a NUL at its end; from malloc(). It is the
 * content of the file `path`; or, if `path` is "baseline" and `baseline` is not NULL, what
 * sf_query_hosts() gives for the file `baseline`. 0 or an error.
 */
int sf_query_list(const char *path, const char *baseline, uint64_t memory, char **text,
	struct sf_error *error);

/*
 * Prints the groups, after sf_groups_sort(). `width`: of the terminal; 0: there is none. 0, or a
 * negative error of the stream.
 */
int sf_query_print(const struct sf_groups *groups, enum sf_form form, unsigned width, FILE *stream);

/*
 * Gives the groups that are shown, as records, to an exporter of collected records. 0 or -ENOMEM.
 */
int sf_query_records(const struct sf_groups *groups, struct sf_exporter *exporter);

/*
 * After a run: writes to `text` which elements a question has looked for that no record of the
 * collector had, and what gives them to flows of captures; `mode` (SF_ASK_…) is what these flows
 * were given. To be called until it returns false: each call names the elements that need the same.
 * *told: 0 before the first call.
 */
bool sf_query_missing(const struct sf_ask_elements *elements, const struct sf_collector *collector,
	unsigned mode, uint32_t *told, char *text, size_t size);

#endif
