/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads share `stop`, which the main thread sets, the compiled conditions, which do not change,
 * and the bytes of the files (collect/gather.h). Everything else of a worker belongs to its thread
 * from start to join. When all files are read the threads are joined, and started once more to add
 * up the groups in parts: each thread adds up one part, and only reads the groups of all others.
 */
#include "query/query.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/count.h"
#include "collect/gather.h"

struct worker {
	struct sf_query_workers *team;
	struct sf_collector *collector;
	struct sf_groups *groups; /* of the records that this worker has taken */
	struct sf_query_sum sum;
	pthread_t thread;
	bool started;
	unsigned number;            /* from 1 on: 0 is the caller's thread */
	struct sf_error part_error; /* of adding up its part of the groups */
};

struct sf_query_workers {
	struct sf_query query;
	struct sf_reading *reading; /* the files; the caller's thread is reader 0 */
	atomic_bool stop;
	unsigned count;            /* without the caller's thread */
	struct sf_groups **groups; /* of each thread, by number */
	struct worker workers[];
};

bool sf_query_is_shared(const struct sf_query *query)
{
	struct stat status;

	for (unsigned i = 0; i < query->count; i++)
		if (strcmp(query->names[i], "-") == 0 || stat(query->names[i], &status) < 0 ||
			!(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)))
			return false;
	return !sf_groups_need_order(query->groups);
}

/* The directions of the flow that meet the conditions, which are in the groups then. */
static unsigned add(struct worker *worker, const struct sf_collected *record)
{
	const struct sf_query *query = &worker->team->query;
	unsigned directions = query->where ? sf_where_flow(query->where, &record->flow, record)
					   : record->flow.directions;

	if (directions && sf_groups_flow(worker->groups, &record->flow, record, directions,
				  &worker->sum.error))
		return 0;
	return directions;
}

static void take(void *context, const struct sf_collected *record)
{
	struct worker *worker = context;
	struct sf_query_sum *sum = &worker->sum;

	if (record->options)
		return;
	sf_count_add_flow(add(worker, record) ? &sum->selected : &sum->unmatched, &record->flow);
	if (sum->error.code || atomic_load_explicit(&worker->team->stop, memory_order_relaxed))
		sf_collector_stop(worker->collector);
}

static void *run(void *context)
{
	struct worker *worker = context;
	const struct sf_query *query = &worker->team->query;
	const struct sf_gather_options how = {
		.reading = worker->team->reading,
		.reader = worker->number,
		.flows_only = true,
	};

	(void)sf_gather(worker->collector, query->names, query->count, &how);
	return NULL;
}

static int open_worker(struct sf_query_workers *workers, unsigned i, struct sf_error *error)
{
	struct worker *worker = &workers->workers[i];
	const struct sf_collector_options collect = { .record = take, .context = worker };
	int code = sf_collector_new(&worker->collector, &collect, error);

	worker->team = workers;
	worker->number = i + 1;
	if (code == 0)
		code = sf_groups_like(&worker->groups, workers->query.groups, error);
	if (code == 0)
		code = sf_groups_divide(worker->groups, workers->count + 1, error);
	workers->groups[i + 1] = worker->groups;
	return code;
}

/* Starts a thread for each worker. Signals are for the main thread. */
static int start_all(
	struct sf_query_workers *workers, void *(*function)(void *worker), struct sf_error *error)
{
	sigset_t all, before;
	int code = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; code == 0 && i < workers->count; i++) {
		code = pthread_create(
			&workers->workers[i].thread, NULL, function, &workers->workers[i]);
		workers->workers[i].started = code == 0;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code ? sf_error_set(error, -code, "--workers: no thread: %s", sf_strerror(-code))
		    : 0;
}

static void wait_and_free(struct sf_query_workers *workers)
{
	for (unsigned i = 0; i < workers->count; i++) {
		struct worker *worker = &workers->workers[i];

		if (worker->started)
			pthread_join(worker->thread, NULL);
		sf_collector_free(worker->collector);
		sf_groups_free(worker->groups);
	}
	sf_reading_free(workers->reading);
	free(workers->groups);
	free(workers);
}

/* Ends threads, some of which have not been started, as the caller's has not. */
static void give_up(struct sf_query_workers *workers)
{
	atomic_store_explicit(&workers->stop, true, memory_order_relaxed);
	for (unsigned i = 0; workers->reading && i < workers->count; i++)
		if (!workers->workers[i].started)
			sf_reading_leave(workers->reading, i + 1);
	if (workers->reading)
		sf_reading_leave(workers->reading, 0);
	wait_and_free(workers);
}

int sf_query_start(
	struct sf_query_workers **workers, const struct sf_query *query, struct sf_error *error)
{
	unsigned count = query->threads - 1;
	struct sf_query_workers *new = calloc(1, sizeof(*new) + count * sizeof(struct worker));
	int code = new ? 0 : sf_error_set(error, -ENOMEM, "--workers: no memory");

	if (code)
		return code;
	new->query = *query;
	new->count = count;
	new->groups = calloc(query->threads, sizeof(struct sf_groups *));
	if (new->groups)
		new->groups[0] = query->groups;
	else
		code = sf_error_set(error, -ENOMEM, "--workers: no memory");
	if (code == 0)
		code = sf_reading_new(
			&new->reading, query->names, query->count, query->threads, error);
	if (code == 0)
		code = sf_groups_divide(query->groups, query->threads, error);
	for (unsigned i = 0; code == 0 && i < count; i++)
		code = open_worker(new, i, error);
	if (code == 0)
		code = start_all(new, run, error);
	if (code) {
		give_up(new);
		return code;
	}
	*workers = new;
	return 0;
}

struct sf_reading *sf_query_reading(const struct sf_query_workers *workers)
{
	return workers ? workers->reading : NULL;
}

static void add_counts(struct worker *worker, struct sf_query_sum *sum)
{
	struct sf_collector_stats stats;

	sf_collector_stats(worker->collector, &stats);
	sf_collector_stats_add(&sum->stats, &stats);
	sf_count_add(&sum->selected, &worker->sum.selected);
	sf_count_add(&sum->unmatched, &worker->sum.unmatched);
	if (!sum->error.code)
		sum->error = worker->sum.error;
}

/* ---------------------------------------------------------------- adding up */

static void *merge_part(void *context)
{
	struct worker *worker = context;
	const struct sf_query_workers *team = worker->team;

	(void)sf_groups_merge_part(
		team->groups, team->count + 1, worker->number, &worker->part_error);
	return NULL;
}

static void join_all(struct sf_query_workers *workers)
{
	for (unsigned i = 0; i < workers->count; i++) {
		if (workers->workers[i].started)
			pthread_join(workers->workers[i].thread, NULL);
		workers->workers[i].started = false;
	}
}

/* Each thread adds up a part of the keys. */
static void add_parts(struct sf_query_workers *workers, struct sf_error *error)
{
	int code = 0;

	for (unsigned i = 0; i <= workers->count && code == 0; i++)
		code = sf_groups_settle(workers->groups[i], error);
	if (code == 0)
		code = start_all(workers, merge_part, error);
	if (code == 0)
		(void)sf_groups_merge_part(workers->groups, workers->count + 1, 0, error);
	join_all(workers);
	for (unsigned i = 0; i < workers->count && !error->code; i++)
		*error = workers->workers[i].part_error;
	if (!error->code)
		(void)sf_groups_join(workers->groups, workers->count + 1, error);
}

/* The groups of all threads go into those of the caller. */
static void add_groups(struct sf_query_workers *workers, struct sf_error *error)
{
	if (sf_groups_parts(workers->query.groups))
		add_parts(workers, error);
	else
		for (unsigned i = 0; i < workers->count && !error->code; i++)
			(void)sf_groups_merge(
				workers->query.groups, workers->workers[i].groups, error);
}

void sf_query_join(struct sf_query_workers *workers, bool stop, struct sf_query_sum *sum)
{
	if (!workers)
		return;
	if (stop)
		atomic_store_explicit(&workers->stop, true, memory_order_relaxed);
	join_all(workers);
	for (unsigned i = 0; i < workers->count; i++)
		add_counts(&workers->workers[i], sum);
	if (!sum->error.code)
		add_groups(workers, &sum->error);
	wait_and_free(workers);
}
