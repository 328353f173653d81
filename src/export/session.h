/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of export sessions: session.c, fill.c, control.c, options.c, delivery.c, reach.c. */
#ifndef SPANFLOW_EXPORT_SESSION_H
#define SPANFLOW_EXPORT_SESSION_H

#include "export/destination.h"
#include "export/message.h"
#include "export/variant.h"

/* One template and the messages with its records that are not sent yet. */
struct sf_slot {
	struct sf_variant variant;
	/* per record */
	uint8_t *p;               /* where the next record goes */
	unsigned room;            /* records that still fit into the open message; 0: none open */
	uint64_t packets, octets; /* in the open message */
	/* per message */
	uint8_t *records;      /* the first record of the open message or set; NULL: none open */
	unsigned capacity;     /* records of a full message; 0: not even one fits */
	bool announced;        /* the template has been sent */
	struct sf_batch batch; /* traits.datagrams */
	struct sf_template template;
};

/* The messages of one observation domain: RFC 7011 §3.1 counts per session and domain. */
struct sf_stream {
	struct sf_stream *next;
	uint32_t domain;
	uint32_t sequence;
	struct sf_variants slots; /* struct sf_slot, of the variants that have come */
	/* where records keep their order: the one open message */
	struct {
		uint8_t *bytes;
		struct sf_message message; /* data_records 0: none is open */
		struct sf_slot *open;      /* whose set is being filled */
		struct sf_destination_count flows;
		struct sf_batch batch;
	} ordered;
	/* NetFlow: times are ms since `boot`; records must lie in [boot_ns, boot_end_ns) */
	struct sf_encode_context context;
	int64_t boot_ns, boot_end_ns;
	int64_t instant_ns; /* of the last message; never steps back. Not IPFIX over a network */
	bool started;
	uint64_t epoch;         /* the last one of the session in which templates were sent */
	int64_t announced_ns;   /* wall clock of the last template message */
	uint64_t data_messages; /* since then */
};

/* Does anybody listen? Known of collectors that answer by ICMP when nobody does. */
enum sf_reach {
	SF_REACH_OK,      /* nothing says that nobody does */
	SF_REACH_REFUSED, /* nobody does; a probe is due at reach_ns */
	SF_REACH_PROBED, /* templates were sent; no answer before reach_ns means that somebody does */
};

struct sf_session {
	struct sf_destination destination;
	struct sf_session_options options;
	struct sf_fields fields; /* options.fields */
	uint64_t when;           /* conditions that hold for all records */
	uint64_t record_mask;    /* conditions of single records that some field asks for */
	uint64_t kind_mask;      /* see kind_of() */
	struct sf_transport *transport;
	struct sf_pace pace;
	struct sf_stream *streams;             /* the last used one first */
	int64_t latest_ns;                     /* end of the latest flow so far */
	int64_t init_ns;                       /* since when the totals count */
	int64_t flushed_ns;                    /* wall clock of the last flush by time */
	struct sf_destination_count last_call; /* what the last successful call took */
	uint64_t flow_records;                 /* sent, for options data */
	struct sf_losses losses;
	uint64_t epoch; /* rises when templates must be sent once more before data */
	enum sf_reach reach;
	int64_t reach_ns;       /* monotonic; 0: not set yet */
	int64_t doubt_ns;       /* wall clock: until then templates go before every batch */
	unsigned connects;      /* of the transport, when it was looked at last */
	bool stalled;           /* the transport failed when it was looked at last */
	uint8_t *control_bytes; /* one message of templates or options data */
	struct sf_batch control;
};

#define SF_FLUSH_NS      INT64_C(1000000000)            /* no record waits longer on a network */
#define SF_UPTIME_RANGE  ((INT64_C(1) << 32) * 1000000) /* 32 bits of ms: 49.7 days */
#define SF_UPTIME_MARGIN (60 * INT64_C(1000000000))

/* NULL: no record of that variant has come. */
static inline struct sf_slot *sf_stream_slot(const struct sf_stream *stream, uint64_t when)
{
	return (struct sf_slot *)sf_variants_find(&stream->slots, when);
}

static inline struct sf_slot *sf_stream_first_slot(const struct sf_stream *stream)
{
	return (struct sf_slot *)stream->slots.first;
}

static inline struct sf_slot *sf_slot_next(const struct sf_slot *slot)
{
	return (struct sf_slot *)slot->variant.next;
}

static inline bool sf_session_is_netflow(const struct sf_session *session)
{
	return session->options.dialect->version < 10;
}

/* ---- session.c */

/*
 * RFC 7011 §8.4, RFC 3954 §7: templates are due again, by time or number of data messages, or
 * because the wall clock has been set back.
 */
bool sf_session_refresh_due(const struct sf_session *session, const struct sf_stream *stream);

/* ---- delivery.c */

/* A collector that stays on this host is watched, unless a rate was asked for. */
void sf_session_watch(struct sf_session *session);

/* The time that a message leaving now carries. */
int64_t sf_session_instant(const struct sf_session *session, struct sf_stream *stream);

/* The datagrams of the last call came back as refused: they were not sent after all. */
void sf_session_refused(struct sf_session *session, int64_t now);

/* Seals, paces and sends the batch; enters its fate in the books and empties it. */
void sf_session_send(struct sf_session *session, struct sf_stream *stream, struct sf_batch *batch);

/* The fates that were not known before, and what the transport says about itself. */
void sf_session_settle(struct sf_session *session);

/* ---- reach.c: destinations that wait for nobody (struct sf_destination_ops) */

int64_t sf_session_ready(struct sf_destination *destination, int64_t mono);
bool sf_session_flush(struct sf_destination *destination);

/* ---- fill.c */

/* A slot for the variant `when`, with room for messages where it needs its own; NULL: no memory. */
struct sf_slot *sf_fill_slot_new(
	struct sf_session *session, struct sf_stream *stream, uint64_t when);
void sf_fill_slots_free(struct sf_stream *stream);

/* Makes room for records at slot->p; sends what is full. False: it fits into no message. */
bool sf_fill_room(struct sf_session *session, struct sf_stream *stream, struct sf_slot *slot);

/* Sends all records that wait in the stream. */
void sf_fill_flush(struct sf_session *session, struct sf_stream *stream);

/* Sends the records that wait in one slot. False: none do. */
bool sf_fill_flush_one(struct sf_session *session, struct sf_stream *stream);

/* ---- control.c: messages of templates and options data */

/* Sends all templates, options templates and, unless switched off, options data. */
void sf_session_announce(struct sf_session *session, struct sf_stream *stream);

/* All templates alone. */
void sf_session_templates(struct sf_session *session, struct sf_stream *stream);

/* A slot that came later: its template alone. */
void sf_session_announce_slot(
	struct sf_session *session, struct sf_stream *stream, struct sf_slot *slot);

/* First messages of a stream. RFC 7011 §8.4: over UDP templates go out more than once. */
void sf_session_start(struct sf_session *session, struct sf_stream *stream);

/* Options data as they are now, `final`: with the totals of the whole run. */
void sf_session_options_data(struct sf_session *session, struct sf_stream *stream, bool final);

struct sf_control {
	struct sf_session *session;
	struct sf_stream *stream;
	struct sf_message message;
	uint16_t set_id; /* of the open set */
	size_t shortest_record;
};

void sf_control_begin(
	struct sf_control *control, struct sf_session *session, struct sf_stream *stream);

/*
 * Room for `length` octets of a record in a set of this id; sends what is full. Returns NULL when
 * it does not fit into any message.
 */
uint8_t *sf_control_room(struct sf_control *control, uint16_t set_id, size_t length);

/* Adds a template record; false: too large for a message. */
bool sf_control_template(struct sf_control *control, uint16_t id, const struct sf_spec *specs,
	unsigned count, unsigned scope_count);

/* Sends what is there. */
void sf_control_end(struct sf_control *control);

/* ---- options.c */

void sf_options_templates(struct sf_control *control);
void sf_options_data(struct sf_control *control, bool final);

#endif
