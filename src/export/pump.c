/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queue between sf_exporter_put() and the destinations of a live run: no destination delays
 * another. Records are encoded when they leave the queue: times, sequence numbers and templates are
 * right for the moment in which a message is sent, however long its records have waited. When more
 * records wait for a destination than its limit, its oldest records are lost; other destinations
 * lose nothing.
 *
 * Counters: records in the queue are `queued` of each destination; sf_exporter_stats() adds them to
 * `offered`. A record that leaves the queue is counted as offered by the destination, or by lose().
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/annex.h"
#include "export/destination.h"

#define CHUNK   64 /* records between two calls of ready() */
#define CHUNKS  16 /* in one pump; between two pumps the workers' rings are emptied */
#define HOLD_NS INT64_C(10000000) /* between two looks for the fate of messages that were sent */
/*
 * between two ticks; all destinations tick at the same times, so that an idle process wakes up once
 */
#define TICK_NS INT64_C(250000000)

struct sf_destination_count *sf_destination_fate(
	struct sf_destination_stats *stats, enum sf_fate fate)
{
	switch (fate) {
#define X(name, text)                                                                              \
	case SF_FATE_LOST_##name:                                                                  \
		return &stats->lost_##name;
		SF_LOST_REASONS(X)
#undef X
	case SF_FATE_SENT:
	case SF_FATE_WAITING:
		break;
	}
	return &stats->sent;
}

void sf_destination_news(struct sf_destination *destination, const char *format, ...)
{
	struct sf_destination_stats *stats = &destination->stats;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(stats->news, sizeof(stats->news), format, arguments);
	va_end(arguments);
	stats->news_count++;
}

void sf_destination_join(struct sf_queue *queue, struct sf_destination *destination, uint64_t limit)
{
	sf_queue_join(queue);
	destination->queue_bytes = limit;
	destination->fd = -1;
	destination->lost_as = SF_FATE_LOST_queue;
}

struct sf_destination_count sf_destination_measure(
	const struct sf_destination *destination, const struct sf_flow *flows, unsigned count)
{
	struct sf_destination_count sum = { 0 };

	for (const struct sf_flow *flow = flows; flow < flows + count; flow++) {
		unsigned directions = flow->directions;

		sum.records += destination->biflow ? 1 : (directions & 1) + (directions >> 1);
		for (unsigned d = 0; d < 2; d++)
			if (directions >> d & 1) {
				sum.packets += flow->half[d].packets;
				sum.octets += flow->half[d].octets;
			}
	}
	return sum;
}

/* Counts records that are lost in the queue. */
/* [RFC7011-10.4.1-1] */
static void lose(struct sf_destination *destination, const struct sf_destination_count *sum,
	enum sf_fate fate)
{
	struct sf_destination_stats *stats = &destination->stats;

	sf_count_add(&stats->offered, sum);
	sf_count_add(sf_destination_fate(stats, fate), sum);
	if (stats->failure[0])
		return;
	if (fate == SF_FATE_LOST_queue)
		snprintf(stats->failure, sizeof(stats->failure),
			"%.140s takes records more slowly than they come: its queue is full and "
			"the oldest are lost (--queue-size)",
			stats->url);
	else if (fate == SF_FATE_LOST_stopped)
		snprintf(stats->failure, sizeof(stats->failure),
			"%.200s was not ready for all records when the run had to end", stats->url);
}

/* Folds records that the queue has no room for, of those that the destination wants. */
static void fold(struct sf_destination *destination, const struct sf_flow *flows, unsigned count)
{
	if (!destination->told_of_folding)
		sf_destination_news(destination,
			"%.140s takes records more slowly than they come: its queue is full and "
			"the oldest are folded into coarser ones (--fold)",
			destination->stats.url);
	destination->told_of_folding = true;
	destination->overflows = true;
	sf_extra_begin(destination->shared, flows, count);
	sf_destination_offer(destination, flows, count);
	sf_extra_end(destination->shared);
	destination->overflows = false;
}

void sf_destination_lose_overflow(struct sf_destination *destination, const struct sf_flow *flow)
{
	const struct sf_destination_count sum = sf_destination_measure(destination, flow, 1);

	lose(destination, &sum, SF_FATE_LOST_queue);
}

/*
 * Takes the oldest `records` records of the destination out of the queue, and counts them as lost,
 * or folds them if there is no room for them.
 */
static void drop(struct sf_queue *queue, struct sf_destination *destination, uint64_t records,
	enum sf_fate fate)
{
	while (records) {
		unsigned most = records < CHUNK ? (unsigned)records : CHUNK, count;
		const struct sf_flow *flows =
			sf_queue_peek(queue, &destination->reader, most, &count);
		struct sf_destination_count sum;

		if (!flows)
			break;
		sum = sf_destination_measure(destination, flows, count);
		sf_count_subtract(&destination->queued, &sum);
		if (destination->folds_overflow && fate == SF_FATE_LOST_queue)
			fold(destination, flows, count);
		else
			lose(destination, &sum, fate);
		sf_queue_take(&destination->reader, count);
		records -= count;
	}
}

void sf_destination_drop(
	struct sf_queue *queue, struct sf_destination *destination, enum sf_fate fate)
{
	drop(queue, destination, destination->reader.count, fate);
}

/* How many records such as the first of these may wait for the destination. */
static uint64_t most_records(const struct sf_destination *destination, const struct sf_flow *flows)
{
	return destination->queue_bytes / (sizeof(*flows) + sf_annex_size(flows));
}

bool sf_destination_has_room(
	const struct sf_destination *destination, const struct sf_flow *flows, unsigned count)
{
	/* a queue that is smaller than a batch gets one when it is empty */
	return destination->reader.count == 0 ||
	       destination->reader.count + count <= most_records(destination, flows);
}

void sf_destinations_put(struct sf_queue *queue, struct sf_destination *const *destinations,
	unsigned count, const struct sf_flow *flows, unsigned flow_count)
{
	bool taken = sf_queue_put(queue, flows, flow_count);

	for (unsigned i = 0; i < count; i++) {
		struct sf_destination *destination = destinations[i];
		struct sf_destination_count sum =
			sf_destination_measure(destination, flows, flow_count);
		const uint64_t most = most_records(destination, flows);

		if (!taken) {
			lose(destination, &sum, SF_FATE_LOST_queue);
			continue;
		}
		sf_count_add(&destination->queued, &sum);
		destination->reader.count += flow_count;
		if (destination->stats.gone)
			drop(queue, destination, destination->reader.count, destination->lost_as);
		else if (destination->reader.count > most)
			drop(queue, destination, destination->reader.count - most,
				destination->lost_as);
	}
}

/* Gives the next records to the destination. False: there are none. */
static bool put_some(struct sf_queue *queue, struct sf_destination *destination)
{
	unsigned count;
	const struct sf_flow *flows = sf_queue_peek(queue, &destination->reader, CHUNK, &count);
	struct sf_destination_count sum;

	if (!flows)
		return false;
	sum = sf_destination_measure(destination, flows, count);
	sf_count_subtract(&destination->queued, &sum);
	sf_extra_begin(destination->shared, flows, count);
	sf_destination_offer(destination, flows, count);
	sf_extra_end(destination->shared);
	sf_queue_take(&destination->reader, count);
	return true;
}

/*
 * True if the destination has something to do now: records, messages, a tick, the end of the run.
 */
static bool has_work(const struct sf_destination *destination, int64_t mono, bool ending)
{
	return !destination->stats.gone && (destination->reader.count || destination->pending ||
						   ending || mono >= destination->tick_ns);
}

int64_t sf_destination_pump(
	struct sf_queue *queue, struct sf_destination *destination, int64_t mono, bool ending)
{
	const struct sf_destination_ops *ops = destination->ops;

	destination->fd = -1;
	if (!has_work(destination, mono, ending))
		return destination->stats.gone ? INT64_MAX : destination->tick_ns;
	destination->pending = true;
	for (unsigned i = 0; i < CHUNKS; i++) {
		int64_t when = ops->ready(destination, mono);

		if ((destination->stats.gone || destination->drops) && !destination->hands_over)
			sf_destination_drop(queue, destination, destination->lost_as);
		destination->drops = false;
		if (when > mono)
			return when;
		if (mono >= destination->tick_ns) {
			destination->tick_ns = (mono / TICK_NS + 1) * TICK_NS;
			ops->tick(destination);
		} else if (!sf_destination_unfold_some(destination, CHUNK, ending) &&
			   !put_some(queue, destination) && !(ending && ops->flush(destination))) {
			destination->pending = ops->holds && ops->holds(destination);
			/* one that is away is waited for in peace */
			when = destination->fails ? destination->tick_ns : mono + HOLD_NS;
			return destination->pending && when < destination->tick_ns
				       ? when
				       : destination->tick_ns;
		}
	}
	return mono;
}

bool sf_destination_waits(const struct sf_destination *destination)
{
	if (destination->hands_over)
		return true;
	return !destination->stats.gone && (!destination->fails || destination->returns) &&
	       (destination->reader.count || destination->pending ||
		       sf_destination_has_folded(destination));
}
