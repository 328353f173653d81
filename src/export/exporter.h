/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside of the exporter. exporter.c gives records to all destinations; destinations.c makes and
 * adds them; collectors.c opens transports to collectors; share.c and where.c choose which
 * destination gets which record.
 */
#ifndef SPANFLOW_EXPORT_EXPORTER_H
#define SPANFLOW_EXPORT_EXPORTER_H

#include "export/destination.h"
#include "export/url.h"

struct sf_exporter {
	struct sf_shared shared;
	struct sf_destination **destinations;
	unsigned count;
	struct sf_share_group *groups; /* share.c */
	/* those that get every record: all, unless collectors share */
	struct sf_destination **copied;
	unsigned copied_count;
	unsigned collectors;       /* among them */
	struct sf_chooser chooser; /* choose is NULL: all records */
	struct sf_queue queue;     /* options.queued */
	char **reads;              /* files that sf_exporter_reload() reads again */
	unsigned read_count;
	char **writes; /* directories in which files are made: sf_exporter_writes() */
	enum sf_exporter_makes *makes;
	unsigned write_count;
};

/* Folded records may come to a destination with these options. */
static inline bool sf_exporter_folds(
	const struct sf_exporter *exporter, const struct sf_session_options *options)
{
	return exporter->shared.options.fold != SF_FOLD_OFF ||
	       (options && options->small.packets && !options->small.skip);
}

/* ---- share.c: collectors that share the records */

/* A hash of the flow, the same for both directions, at all probes and in all runs. */
uint64_t sf_share_flow_key(const struct sf_flow *flow);

/* Collectors that share the records; destination->group. */
struct sf_share_group {
	struct sf_share_group *next;
	enum sf_share share;
	unsigned members;
	char name[SF_GROUP_NAME]; /* "": those of options.share */
	struct sf_destination
		*owners[SF_BATCH_MAX]; /* of the records that are put: which gets each */
};

/* Whether the collector with these options shares the records with others, and how. */
static inline enum sf_share sf_share_of(
	const struct sf_exporter *exporter, const struct sf_url *parsed)
{
	if (!parsed || !parsed->is_collector)
		return SF_SHARE_NONE;
	return parsed->share != SF_SHARE_NONE ? parsed->share : exporter->shared.options.share;
}

/*
 * Adds the destination, whose URL is known, to its group. 0, -ENOMEM, or
 * SF_EUSAGE: a group of two kinds.
 */
int sf_share_join(struct sf_exporter *exporter, struct sf_destination *destination,
	const struct sf_url *parsed, struct sf_error *error);

void sf_share_free(struct sf_exporter *exporter);

/* With a queue: puts each of at most SF_BATCH_MAX flows into the queue of its collector. */
void sf_share_put(struct sf_exporter *exporter, const struct sf_flow *flows, unsigned count);

/*
 * With a queue: moves records that wait for a collector that is away to the others, in bounded
 * time. True: more wait.
 */
bool sf_share_hand_over(struct sf_exporter *exporter);

/* Without a queue: chooses the collector of each of at most SF_BATCH_MAX flows (group->owners). */
void sf_share_begin(struct sf_exporter *exporter, const struct sf_flow *flows, unsigned count);

/* ---- where.c */

/* Puts what --where chooses of at most SF_BATCH_MAX flows. */
void sf_exporter_choose(struct sf_exporter *exporter, const struct sf_flow *flows, unsigned count);

/* Compiles the destination's where=, if it has one. 0 or an error. */
int sf_exporter_conditions(const struct sf_exporter *exporter, const struct sf_url *parsed,
	struct sf_chooser *chooser, struct sf_error *error);

/* ---- exporter.c */

void sf_exporter_free_destination(struct sf_destination *destination);

/*
 * The queue that records for this destination wait in, with options.queued: that
 * of all, or its own if it shares.
 */
struct sf_queue *sf_exporter_queue_of(
	struct sf_exporter *exporter, struct sf_destination *destination);

/* Puts flows that are chosen. */
void sf_exporter_put_chosen(
	struct sf_exporter *exporter, const struct sf_flow *flows, unsigned count);

/* ---- collectors.c */
/* A directory in which files are made while the run goes on. 0 or -ENOMEM. */
int sf_exporter_will_write(
	struct sf_exporter *exporter, const char *directory, enum sf_exporter_makes makes);

/* Opens the transport to a collector, with its spool. */
int sf_exporter_open_transport(struct sf_exporter *exporter, const struct sf_url *parsed,
	struct sf_transport **transport, struct sf_error *error);

/* Opens the way to a topic of Kafka, with its spool. */
int sf_exporter_open_kafka(struct sf_exporter *exporter, const struct sf_url *parsed,
	struct sf_destination **destination, struct sf_error *error);

#endif
