/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exporting from several workers of files: the lock of the exporter (struct sf_door), and emitting
 * the flows that are left in all tables at the end (struct sf_remains).
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "engine/worker.h"
#include "meter/meter_facts.h"

#define RECORDS       2048u /* records that a worker keeps at most: they fit into the caches */
#define RECORDS_BUNCH 512u  /* with this many records a worker tries the lock */
#define DOOR_TRIES    1000u /* attempts to take the lock before sleeping, 0.6 µs each */
#define PAUSE_MAX_US  1000L
#define REMAINS_PART  4096u /* ids that a worker takes at a time */

/*
 * Takes the lock. Another worker mostly holds it for less time than waking up takes, so it is tried
 * for a while first. If the lock is still not free, a slow collector delays its holder.
 */
static void lock_exporter(struct sf_door *door)
{
	for (unsigned i = 0; i < DOOR_TRIES; i++) {
		if (pthread_mutex_trylock(&door->lock) == 0)
			return;
		sched_yield();
	}
	pthread_mutex_lock(&door->lock);
}

/*
 * Gives the worker's records to the exporter. `now`: waits for the lock; else only if it is free.
 */
static void pass_records(struct sf_worker *worker, bool now)
{
	const struct sf_flow_sink *sink = &worker->options.meter.sink;
	struct sf_door *door = worker->options.door;

	while (atomic_load_explicit(&door->wanted, memory_order_relaxed)) {
		if (!now)
			return;
		sf_pause_us(50);
	}
	if (now)
		lock_exporter(door);
	else if (pthread_mutex_trylock(&door->lock))
		return;
	sink->put(sink->context, worker->records, worker->record_count);
	pthread_mutex_unlock(&door->lock);
	worker->record_count = 0;
}

void sf_door_try(struct sf_worker *worker)
{
	if (worker->record_count)
		pass_records(worker, false);
}

int sf_door_join(struct sf_worker *worker)
{
	struct sf_annex_layout layout;

	sf_annex_layout_init(&layout, worker->options.meter.facts);
	worker->records = calloc(RECORDS, sizeof(*worker->records) + layout.record_bytes);
	return worker->records ? 0 : -ENOMEM;
}

/* Appends records to those that wait. Annexes, if there are any, lie behind all of them. */
static void copy_records(struct sf_worker *worker, const struct sf_flow *flows, unsigned count)
{
	uint8_t *annexes = (uint8_t *)(worker->records + RECORDS);
	const unsigned bytes = count ? sf_annex_size(flows) : 0;

	memcpy(worker->records + worker->record_count, flows, count * sizeof(*flows));
	for (unsigned i = 0; bytes && i < count; i++) {
		const unsigned at = worker->record_count + i;
		struct sf_annex *annex = (struct sf_annex *)(void *)(annexes + at * (size_t)bytes);

		sf_annex_copy(annex, flows[i].annex);
		worker->records[at].annex = annex;
	}
}

unsigned sf_door_put(void *context, const struct sf_flow *flows, unsigned count)
{
	struct sf_worker *worker = context;

	if (worker->record_count + count > RECORDS)
		pass_records(worker, true);
	copy_records(worker, flows, count);
	worker->record_count += count;
	if (worker->record_count >= RECORDS_BUNCH)
		pass_records(worker, false);
	return count;
}

/* Emits parts of the flows left in the table of worker `of` until all parts are taken. */
static void take_remains(struct sf_worker *worker, struct sf_worker *of)
{
	struct sf_remains *remains = &of->remains;
	uint64_t from;

	while ((from = atomic_fetch_add(&remains->taken, REMAINS_PART)) < remains->places) {
		uint32_t left = remains->places - (uint32_t)from;
		uint32_t n = left < REMAINS_PART ? left : REMAINS_PART;

		sf_meter_finish_part(
			worker->meter, of->meter, (uint32_t)from, (uint32_t)from + n, remains->end);
		/* pairs with the acquire in sf_door_finish(): this part is not read any more */
		atomic_fetch_add_explicit(&remains->given, n, memory_order_release);
	}
}

/* Emits parts of all tables that are open now. True: no further table will be opened. */
static bool take_all_remains(struct sf_worker *worker)
{
	const struct sf_door *door = worker->options.door;
	bool all = true;

	for (unsigned i = 0; i < door->worker_count; i++) {
		struct sf_worker *of =
			&door->workers[(worker - door->workers + i) % door->worker_count];

		/*
		 * pairs with the release in sf_door_finish(); a worker whose thread did not start is
		 * done, and never open
		 */
		if (atomic_load_explicit(&of->remains.open, memory_order_acquire)) {
			/* answer first: the other worker's answer still counts these flows */
			sf_worker_answer(worker, sf_worker_request(worker));
			take_remains(worker, of);
		} else if (!atomic_load_explicit(&of->done, memory_order_acquire)) {
			all = false;
		}
	}
	return all;
}

void sf_door_finish(struct sf_worker *worker, int64_t end_ns)
{
	struct sf_remains *remains = &worker->remains;

	sf_worker_answer(worker, sf_worker_request(worker));
	remains->end = end_ns;
	remains->places = sf_meter_ids_used(worker->meter);
	/* pairs with the acquire in take_all_remains(): the table is complete */
	atomic_store_explicit(&remains->open, true, memory_order_release);
	for (long us = 50; !take_all_remains(worker); us = us < PAUSE_MAX_US ? us * 2 : us) {
		sf_door_try(worker);
		sf_pause_us(us);
	}
	if (worker->record_count)
		pass_records(worker, true);
	while (atomic_load_explicit(&remains->given, memory_order_acquire) < remains->places)
		sf_pause_us(50);
	sf_meter_forget(worker->meter);
}
