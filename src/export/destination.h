/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A destination of an exporter: an export session (session.c), a file of collected records
 * (collected_file.c) or text (text.c, table.c).
 */
#ifndef SPANFLOW_EXPORT_DESTINATION_H
#define SPANFLOW_EXPORT_DESTINATION_H

#include <stdbool.h>
#include <stdint.h>

#include <spanflow/collect.h>
#include <spanflow/export.h>

#include "base/clock.h"
#include "base/fold.h"
#include "encode/template.h"
#include "export/folding.h"
#include "export/queue.h"
#include "transport/outcome.h"
#include "transport/transport.h"

/* A flow that ends later than others by more may have a wild time. */
#define SF_EXPORT_JUMP_NS (3600 * INT64_C(1000000000))

/* Times of the first and the last loss, ns since 1970; 0: none. */
struct sf_losses {
	int64_t first_ns, last_ns;
};

static inline void sf_losses_note(struct sf_losses *losses, int64_t now_ns)
{
	if (losses->first_ns == 0)
		losses->first_ns = now_ns;
	losses->last_ns = now_ns;
}

/* Data that all destinations of an exporter share. exporter.c writes it, the others read it. */
struct sf_destination;

struct sf_shared {
	struct sf_exporter_options options;
	int64_t start_ns; /* wall clock when the exporter was made */
	int64_t wall_ns;  /* of the last tick */
	int64_t clock_ns; /* packet clock of the last tick; INT64_MIN: none yet */
	/* metering process, for options data */
	uint64_t ignored_packets; /* packets that should have been metered and were not */
	struct sf_losses ignored;
	struct sf_destination_count refused; /* records lost on their way to the exporter */
	struct sf_losses refusals;
	const struct sf_application_table
		*applications;        /* that a classifier names; NULL: there is none */
	struct sf_extra_batch *extra; /* NULL: there is no enricher */
	struct sf_extra_batch *kept;  /* beside `extra`: see where.c */
};

/*
 * The enricher, if there is one, is asked for `count` <= SF_BATCH_MAX records, which are put then.
 */
static inline void sf_extra_begin(
	const struct sf_shared *shared, const struct sf_flow *flows, unsigned count)
{
	const struct sf_enricher *enricher = shared->options.enricher;

	if (!shared->extra)
		return;
	shared->extra->flows = flows;
	enricher->begin(enricher->context, flows, count, shared->extra->extra);
}

static inline void sf_extra_end(const struct sf_shared *shared)
{
	const struct sf_enricher *enricher = shared->options.enricher;

	if (shared->extra)
		enricher->end(enricher->context);
}

/* The conditions (SF_WHEN_EXTRA) that hold because of the enricher. */
static inline uint64_t sf_extra_conditions(const struct sf_shared *shared)
{
	return shared->extra ? SF_WHEN_EXTRA_OF(shared->options.enricher->gives) : 0;
}

struct sf_destination;

struct sf_destination_ops {
	/* Puts flows of the meter. NULL: the destination takes collected records only. */
	void (*put)(
		struct sf_destination *destination, const struct sf_flow *flows, unsigned count);
	/* Puts a collected record. NULL for export sessions. */
	void (*put_collected)(
		struct sf_destination *destination, const struct sf_collected *record);
	void (*tick)(struct sf_destination *destination);
	/*
	 * With a queue put() and tick() must not wait: returns the time from which they may be
	 * called. `mono` or earlier: now; INT64_MAX: when destination->fd can be written.
	 */
	int64_t (*ready)(struct sf_destination *destination, int64_t mono);
	/* With a queue, when ready: sends one message that is not full. False: there is none. */
	bool (*flush)(struct sf_destination *destination);
	/* With a queue: messages have left whose fate ready() may learn. Optional. */
	bool (*holds)(const struct sf_destination *destination);
	/*
	 * Without a queue, for collectors that share the records: finds out whether the collector
	 * can take records such as this one, and waits for the answer. Optional.
	 */
	bool (*probe)(struct sf_destination *destination, const struct sf_flow *flow);
	void (*finish)(struct sf_destination *destination);
	void (*free)(struct sf_destination *destination);
	/* Optional. */
	void (*announce)(struct sf_destination *destination);
	/* Reads certificates and keys again. Optional. 0 or a negative error. */
	int (*reload)(struct sf_destination *destination, struct sf_error *error);
	/* The socket, or NULL. Optional. */
	const struct sf_transport *(*transport)(const struct sf_destination *destination);
};

struct sf_destination {
	const struct sf_destination_ops *ops;
	const struct sf_shared *shared;
	struct sf_destination_stats stats;
	char *url;                 /* owned; stats.url points to it */
	uint64_t wants;            /* what the meter has to gather: sf_exporter_wants() */
	bool biflow;               /* one record for both directions */
	struct sf_chooser chooser; /* made of its option where=; choose is NULL: all records */

	uint32_t sample; /* it takes one flow of so many, by a hash; 0: all */

	/* folding.c */
	struct sf_fold *fold; /* NULL: nothing is folded */
	struct sf_small small;
	bool folds_overflow; /* records that the queue has no room for are folded */
	bool overflows;      /* the records that are offered now do not fit into the queue */
	bool unfolding;      /* some of the folded records that are due have not left yet */
	unsigned fold_place; /* folded records up to this place have left */
	bool told_of_folding;
	int64_t fold_begin_ns; /* when the oldest of them was begun */
	struct sf_clock
		fold_clock; /* by the ends of the flows that were folded; used without a queue */

	/* one of the collectors that share the records (share.c) */
	struct sf_share_group *group; /* NULL: it gets every record */
	bool away;                    /* as share.c saw it last */
	bool hands_over;              /* it is away; others take the records of its queue */
	bool probed;                  /* without a queue: probe() was called */
	/* without a queue: wall clock of the last refused datagram or probe; 0: none */
	int64_t refused_ns;
	uint64_t share_key;
	struct sf_queue own_queue; /* in place of the exporter's */

	/* with a queue (pump.c) */
	struct sf_queue_reader reader;
	struct sf_destination_count queued; /* records in the queue */
	uint64_t queue_bytes;               /* memory of the records in the queue, at most */
	int fd;                             /* to be polled for POLLOUT; -1: none */
	int64_t tick_ns;                    /* monotonic time of the next tick() */
	bool pending;         /* the last pump left records or messages that could not leave */
	bool fails;           /* takes nothing now and may recover */
	bool returns;         /* the end waits for it even while it fails */
	bool drops;           /* set by ready(): all records in the queue are lost */
	enum sf_fate lost_as; /* fate of records that are lost in the queue */
};

/* ---- pump.c: the queue in front of destinations */

/* Makes the destination a reader of the queue. `limit`: bytes of its records, at most. */
void sf_destination_join(
	struct sf_queue *queue, struct sf_destination *destination, uint64_t limit);

/* Copies records into the queue. */
void sf_destinations_put(struct sf_queue *queue, struct sf_destination *const *destinations,
	unsigned count, const struct sf_flow *flows, unsigned flow_count);

/* True if the destination's queue has room for so many flows like the first of these. */
bool sf_destination_has_room(
	const struct sf_destination *destination, const struct sf_flow *flows, unsigned count);

/* As sf_exporter_pump(). */
int64_t sf_destination_pump(
	struct sf_queue *queue, struct sf_destination *destination, int64_t mono, bool ending);

/* True if the destination has not taken all records, and may take them soon. */
bool sf_destination_waits(const struct sf_destination *destination);

/* All records of the destination in the queue are lost, with this fate. */
void sf_destination_drop(
	struct sf_queue *queue, struct sf_destination *destination, enum sf_fate fate);

/* Flows as records of this destination: a flow of two directions is one record or two. */
struct sf_destination_count sf_destination_measure(
	const struct sf_destination *destination, const struct sf_flow *flows, unsigned count);

/* ---- where.c: records that are left out */

/*
 * The destination was offered these directions of the flow and leaves them
 * out, for the reason `counter`.
 */
void sf_destination_leave(struct sf_destination *destination, const struct sf_flow *flow,
	unsigned directions, struct sf_destination_count *counter);

/*
 * Gives the destination those flows that are its own and that its where= chooses. With an enricher,
 * or if it shares records with others: at most SF_BATCH_MAX.
 */
void sf_destination_offer(
	struct sf_destination *destination, const struct sf_flow *flows, unsigned count);

/* Counts a record as lost that the queue has no room for and that cannot be folded. */
void sf_destination_lose_overflow(struct sf_destination *destination, const struct sf_flow *flow);

/* Offers a collected record, which is taken as a whole if one of its directions is chosen. */
void sf_destination_offer_collected(
	struct sf_destination *destination, const struct sf_collected *record);

/* The counter of a fate. */
struct sf_destination_count *sf_destination_fate(
	struct sf_destination_stats *stats, enum sf_fate fate);

/* Sets a message for the user (stats.news). */
void sf_destination_news(struct sf_destination *destination, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Passes on what the transport tells after turn(). The file that ended lacks something or an old
 * file could not be removed: then the destination is incomplete. Or a file of the same name
 * existed.
 */
struct sf_transport;
void sf_destination_tell(struct sf_destination *destination, struct sf_transport *transport);

/*
 * Groups of options data, which `options=` switches: X(name, what they tell). A mask of
 * them has the bits SF_OPTIONS_….
 */
#define SF_OPTIONS_GROUPS(X)                                                                       \
	X(sampling, "the sampling rate, also of every packet")                                     \
	X(statistics, "messages, records and bytes exported, and since when")                      \
	X(reliability, "packets not metered, records not sent")                                    \
	X(interfaces, "names, descriptions and speeds of interfaces")                              \
	X(flowkeys, "which fields of a template are its flow key")                                 \
	X(types, "names and types of enterprise elements (RFC 5610)")                              \
	X(timeouts, "active and idle timeout of the metering process")                             \
	X(applications, "names of the applications that nDPI knows (RFC 6759)")

enum {
#define X(name, text) SF_OPTIONS_BIT_##name,
	SF_OPTIONS_GROUPS(X)
#undef X
		SF_OPTIONS_BITS
};

#define SF_OPTIONS(name) (UINT32_C(1) << SF_OPTIONS_BIT_##name)
#define SF_OPTIONS_ALL   ((UINT32_C(1) << SF_OPTIONS_BITS) - 1)

/* The elements that tell the sampling rate in IPFIX; NetFlow v9 has the sampler alone. */
enum sf_sampling_form {
	SF_SAMPLING_SAMPLER, /* 48, 49, 50: deprecated, and what collectors in the field read */
	SF_SAMPLING_WHEN_SAMPLED, /* the same, but nothing as long as every packet is metered */
	SF_SAMPLING_SELECTOR,     /* 302, 304 to 306, 309, 310: RFC 5476 §6.5.2 */
};

/* Options of a collector or an IPFIX file. */
struct sf_session_options {
	const struct sf_dialect *dialect;
	const struct sf_fields *fields; /* NULL: NetFlow v5, whose record is fixed */
	uint64_t time;                  /* SF_WHEN_MS, US or NS; IPFIX only */
	bool biflow;
	uint32_t options_data; /* groups of options data: SF_OPTIONS() ored */
	enum sf_sampling_form sampling;
	bool no_enterprise;                 /* the collector does not read enterprise elements */
	uint64_t rate;                      /* records per second, 0: unlimited */
	bool rate_is_default;               /* the user did not choose the rate: sf_pace_watch() */
	int64_t template_refresh_ns;        /* 0: not by time */
	uint64_t template_refresh_messages; /* 0: not by count */
	uint64_t queue_octets;              /* 0: the limit in the exporter's options */
	uint64_t extra;                     /* conditions that hold because of the enricher */
	uint32_t sample_flows;              /* one of so many; 0: all */
	struct sf_anonymizer *anonymizer; /* the session takes it over, unless it fails; or NULL */
	bool no_extra;                    /* the destination wants nothing of the enricher */
	struct sf_small small;
	bool folds; /* folded records may come: base/fold.h */
};

/* The conditions (SF_WHEN_…) that hold for all records of a session, without SF_WHEN_NETWORK. */
uint64_t sf_session_conditions(const struct sf_session_options *options);

/* Copies the fields. Takes the transport over, also on failure. 0 or -ENOMEM. */
int sf_session_new(struct sf_destination **destination, const struct sf_shared *shared,
	const struct sf_session_options *options, struct sf_transport *transport);

/*
 * An IPFIX file of collected records (collected_file.c), options records only if `options_data`.
 * Takes the transport over, also on failure. 0 or -ENOMEM.
 */
int sf_collected_file_new(struct sf_destination **destination, const struct sf_shared *shared,
	bool options_data, struct sf_transport *transport);

/* A function of the program (callback.c); the sink is copied. 0 or -ENOMEM. */
int sf_callback_new(struct sf_destination **destination, const struct sf_shared *shared,
	const struct sf_flow_sink *sink, uint64_t wants);

/*
 * JSON lines and CSV (text.c), table (table.c), of flows or collected records. 0, -ENOMEM, or
 * SF_EUSAGE: the exporter's list of fields.
 */
int sf_text_new(struct sf_destination **destination, const struct sf_shared *shared,
	const struct sf_text_options *options, struct sf_error *error);

#endif
