/* SPDX-License-Identifier: BSD-2-Clause */
/* The way of a file worker's records to the exporter, and the end of all workers of the files. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "cli/worker.h"
#include "meter/meter_facts.h"

#define RECORDS       2048u /* most that wait for the door: they stay in the caches */
#define RECORDS_BUNCH 512u  /* from so many on the door is tried, without waiting */
#define DOOR_TRIES    1000u /* some 0.6 µs each */
#define PAUSE_MAX_US  1000L
#define REMAINS_PART  4096u /* places that a worker takes at a time */

/*
 * Takes the lock. Another worker mostly holds it for less time than it takes to be woken up, so it
 * is tried for a while; who then still has to sleep waits for a slow collector.
 */
static void open_door(struct sf_door *door)
{
	for (unsigned i = 0; i < DOOR_TRIES; i++) {
		if (pthread_mutex_trylock(&door->lock) == 0)
			return;
		sched_yield();
	}
	pthread_mutex_lock(&door->lock);
}

/* Takes the records that wait through the door. `now`: even if others have to be waited for. */
static void pass_door(struct sf_worker *worker, bool now)
{
	const struct sf_flow_sink *sink = &worker->options.meter.sink;
	struct sf_door *door = worker->options.door;

	while (atomic_load_explicit(&door->wanted, memory_order_relaxed)) {
		if (!now)
			return;
		sf_pause_us(50);
	}
	if (now)
		open_door(door);
	else if (pthread_mutex_trylock(&door->lock))
		return;
	sink->put(sink->context, worker->records, worker->record_count);
	pthread_mutex_unlock(&door->lock);
	worker->record_count = 0;
}

void sf_door_try(struct sf_worker *worker)
{
	if (worker->record_count)
		pass_door(worker, false);
}

int sf_door_join(struct sf_worker *worker)
{
	worker->records = calloc(RECORDS, sizeof(*worker->records));
	return worker->records ? 0 : -ENOMEM;
}

unsigned sf_door_put(void *context, const struct sf_flow *flows, unsigned count)
{
	struct sf_worker *worker = context;

	if (worker->record_count + count > RECORDS)
		pass_door(worker, true);
	memcpy(worker->records + worker->record_count, flows, count * sizeof(*flows));
	worker->record_count += count;
	if (worker->record_count >= RECORDS_BUNCH)
		pass_door(worker, false);
	return count;
}

/* Takes parts of what remains of another worker, or of its own, until all are taken. */
static void take_remains(struct sf_worker *worker, struct sf_worker *of)
{
	struct sf_remains *remains = &of->remains;
	uint64_t from;

	while ((from = atomic_fetch_add(&remains->taken, REMAINS_PART)) < remains->places) {
		uint32_t left = remains->places - (uint32_t)from;
		uint32_t n = left < REMAINS_PART ? left : REMAINS_PART;

		sf_meter_finish_part(
			worker->meter, of->meter, (uint32_t)from, (uint32_t)from + n, remains->end);
		/* pairs with the acquire in sf_door_finish(): the part is read no more */
		atomic_fetch_add_explicit(&remains->given, n, memory_order_release);
	}
}

/* Takes parts of all that remains now. True: no worker is left that will have more. */
static bool take_all_remains(struct sf_worker *worker)
{
	const struct sf_door *door = worker->options.door;
	bool all = true;

	for (unsigned i = 0; i < door->worker_count; i++) {
		struct sf_worker *of =
			&door->workers[(worker - door->workers + i) % door->worker_count];

		/*
		 * pairs with the release in sf_door_finish(); one that did not start is only done
		 */
		if (atomic_load_explicit(&of->remains.open, memory_order_acquire)) {
			/* what the other one answered has these flows in its table: so must this */
			sf_worker_answer(worker, sf_worker_question(worker));
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

	sf_worker_answer(worker, sf_worker_question(worker));
	remains->end = end_ns;
	remains->places = sf_meter_ids_used(worker->meter);
	/* pairs with the acquire in take_all_remains(): the table is complete */
	atomic_store_explicit(&remains->open, true, memory_order_release);
	for (long us = 50; !take_all_remains(worker); us = us < PAUSE_MAX_US ? us * 2 : us) {
		sf_door_try(worker);
		sf_pause_us(us);
	}
	if (worker->record_count)
		pass_door(worker, true);
	while (atomic_load_explicit(&remains->given, memory_order_acquire) < remains->places)
		sf_pause_us(50);
	sf_meter_forget(worker->meter);
}
