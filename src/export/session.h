/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside of export sessions: session.c, domain.c, fill.c, control.c, options.c, own_streams.c,
 * delivery.c, reach.c, resume.c and turn.c.
 */
#ifndef SPANFLOW_EXPORT_SESSION_H
#define SPANFLOW_EXPORT_SESSION_H

#include "base/clock.h"
#include "encode/anonymize.h"
#include "encode/message.h"
#include "encode/variant.h"
#include "export/destination.h"

/* One template and the messages with its records that are not sent yet. */
struct sf_slot {
	struct sf_variant variant;
	/* per record */
	uint8_t *p;               /* position of the next record */
	unsigned room;            /* records that still fit into the open message; 0: none open */
	unsigned opened_for;      /* what `room` was when the message was opened */
	uint64_t packets, octets; /* of the records in the open message */
	/* per message */
	uint8_t *records;      /* the first record of the open message or set; NULL: none open */
	unsigned capacity;     /* records of a full message; 0: not even one fits */
	bool announced;        /* the template has been sent */
	bool is_twin;          /* an earlier slot has the same template */
	unsigned number;       /* of the template, from 0 on; twins have that of the earlier slot */
	struct sf_batch batch; /* used with traits.apart */
	struct sf_template template;
};

/*
 * The messages of one observation domain: RFC 7011 §3.1 counts per
 * session, domain and stream of SCTP.
 */
struct sf_stream {
	struct sf_stream *next;
	uint32_t domain;
	struct sf_variants slots; /* struct sf_slot, by variant */
	unsigned templates;       /* of these, twins counted once */
	/* without traits.apart: the one open message, in which records keep their order */
	struct {
		uint8_t *bytes;
		struct sf_message message; /* data_records 0: none is open */
		struct sf_slot *open;      /* the slot whose set is being filled */
		struct sf_destination_count flows;
		struct sf_batch batch;
	} ordered;
	/* NetFlow: times are ms since `boot`; records must lie in [boot_ns, boot_end_ns) */
	struct sf_encode_context context;
	int64_t boot_ns, boot_end_ns;
	int64_t instant_ns; /* time of the last message; never decreases; not IPFIX over UDP */
	bool started;
	uint64_t epoch;         /* value of session.epoch when templates were sent last */
	int64_t announced_ns;   /* wall clock of the last template message */
	uint64_t data_messages; /* sent since then */
	/* by stream of SCTP; without traits.own_streams the first */
	uint32_t sequences[SF_STREAMS_MAX];
	uint64_t reliability_told; /* a bit for each stream of SCTP: own_streams.c */
};

/* Whether a collector listens: its host answers datagrams by ICMP if it does not. */
enum sf_reach {
	SF_REACH_OK,      /* no datagram was refused */
	SF_REACH_REFUSED, /* a datagram was refused; the next probe is due at reach_ns */
	SF_REACH_PROBED,  /* a probe was sent; the collector listens if no ICMP comes by reach_ns */
};

#define SF_FOREIGN_MAX 64 /* observation domains of an earlier run */

/* [RFC7011-10-2] [RFC5655-7.3.3-1] */
struct sf_session {
	struct sf_destination destination;
	struct sf_session_options options;
	struct sf_fields fields;          /* options.fields */
	struct sf_anonymizer *anonymizer; /* owned; NULL: records are sent as they are */
	uint64_t when;                    /* conditions that hold for all records */
	uint64_t record_mask;             /* conditions of single records that a field depends on */
	uint64_t kind_mask;               /* mask for kind_of() */
	struct sf_transport *transport;
	struct sf_pace pace;
	struct sf_stream *streams;             /* the stream used last is the first one */
	int64_t latest_ns;                     /* end of the latest flow so far */
	struct sf_clock clock;                 /* the same without wild times; of files (turn.c) */
	int64_t init_ns;                       /* time from which the totals count */
	int64_t flushed_ns;                    /* wall clock of the last flush by time */
	struct sf_destination_count last_call; /* records of the last successful send */
	uint64_t flow_records;                 /* flow records sent, for options data */
	struct sf_losses losses;
	uint64_t epoch; /* raised when templates must be sent again before data */
	enum sf_reach reach;
	int64_t reach_ns;     /* monotonic; 0: not set yet */
	int64_t doubt_ns;     /* wall clock; before this time templates go before every batch */
	unsigned connects;    /* transport->connects when it was read last */
	bool told_of_sharing; /* the user knows that the connection has too few streams of SCTP */
	/* sequence numbers, while a connection carries what an earlier run has left */
	struct {
		uint32_t domain, sequence;
	} foreign[SF_FOREIGN_MAX];
	unsigned foreign_count;
	unsigned said_connects; /* transport->connects when the user was told of it last */
	bool stalled;           /* the transport failed when it was read last */
	bool given_up;          /* the collector was away for too long: it is not waited for */
	uint8_t *control_bytes; /* one message of templates or options data */
	struct sf_batch control;
};

/* then a message that is not full leaves, on a network */
#define SF_FLUSH_NS      INT64_C(200000000)
#define SF_UPTIME_RANGE  ((INT64_C(1) << 32) * 1000000) /* 32 bits of ms: 49.7 days */
#define SF_UPTIME_MARGIN (60 * INT64_C(1000000000))

/* The slot of a variant; NULL: there was no record of it yet. */
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

/* ---- domain.c */

/*
 * The stream of a domain; it is made if there is none yet, and becomes
 * session->streams. NULL: no memory.
 */
struct sf_stream *sf_stream_find(struct sf_session *session, uint32_t domain);

/* A new stream for a domain that has none. NULL: no memory. */
struct sf_stream *sf_stream_new(struct sf_session *session, uint32_t domain);

/*
 * NetFlow: chooses another boot time, because sysUptime cannot express a flow of this start with
 * the present one (RFC 3954 §5.1), and sends the open messages first. IPFIX: does nothing.
 */
void sf_stream_set_boot(struct sf_session *session, struct sf_stream *stream, int64_t start_ns);

/* Frees all streams with the messages that are still open. */
void sf_streams_free(struct sf_session *session);

/* ---- delivery.c */

/* Begins to pace; watches the buffer of a collector on this host, unless the user chose a rate. */
void sf_session_watch(struct sf_session *session);

/* The export time of a message that is sent now. */
int64_t sf_session_instant(const struct sf_session *session, struct sf_stream *stream);

/* The datagrams of the last send were refused (ICMP): counts them as lost, not as sent. */
void sf_session_refused(struct sf_session *session, int64_t now);

/* Seals, paces and sends a batch, counts the fates of its messages, and empties it. */
void sf_session_send(struct sf_session *session, struct sf_stream *stream, struct sf_batch *batch);

/* Counts fates that were not known before, and updates the state from the transport. */
void sf_session_settle(struct sf_session *session);

/* The stream that the flow belongs to, with its templates sent. NULL: no memory. */
struct sf_stream *sf_session_begin(struct sf_session *session, const struct sf_flow *flow);

/* ---- reach.c: destinations that wait for nobody (struct sf_destination_ops) */

/* `ready` and `flush` of struct sf_destination_ops. */
int64_t sf_session_ready(struct sf_destination *destination, int64_t mono);
bool sf_session_flush(struct sf_destination *destination);

/* The same for `probe`. */
bool sf_session_probe(struct sf_destination *destination, const struct sf_flow *flow);

/* ---- resume.c: sessions over connections (traits.connected) */

/* The transport has a new connection: begins a transport session. */
void sf_session_resume(struct sf_session *session);

/* Sends again what the peer may not have, and what waits in the spool. */
void sf_session_replay(struct sf_session *session, int64_t mono);

/*
 * Without a queue: waits until a message can be sent. False: the run is in a hurry, or the
 * collector has been away for too long.
 */
bool sf_session_await(struct sf_session *session);

/* Waits until the peer has acknowledged all messages, as sf_session_await() does. */
void sf_session_await_sent(struct sf_session *session);

/* ---- turn.c: files that end while the run goes on */

/* Begins another file if it is due. */
void sf_session_turn(struct sf_session *session);

/*
 * Before flows are put: begins another file if it is due. How many of `count` > 0
 * flows belong into it: 1 or more.
 */
unsigned sf_session_turn_before(
	struct sf_session *session, const struct sf_flow *flows, unsigned count);

/* ---- fill.c */

/* Makes a slot for the variant `when`, with messages of its own if needed; NULL: no memory. */
struct sf_slot *sf_fill_slot_new(
	struct sf_session *session, struct sf_stream *stream, uint64_t when);
void sf_fill_slots_free(struct sf_stream *stream);

/* Makes room for a record at slot->p; sends full messages. False: no message has room for it. */
bool sf_fill_room(struct sf_session *session, struct sf_stream *stream, struct sf_slot *slot);

/* Sends all open messages of the stream. */
void sf_fill_flush(struct sf_session *session, struct sf_stream *stream);

/* Sends one open message. False: none is open. */
bool sf_fill_flush_one(struct sf_session *session, struct sf_stream *stream);

/* ---- control.c: messages of templates and options data */

/* Sends all templates, options templates and (unless switched off) options data. */
void sf_session_announce(struct sf_session *session, struct sf_stream *stream);

/* Sends all templates and nothing else. */
void sf_session_templates(struct sf_session *session, struct sf_stream *stream);

/*
 * Sends a datagram that is answered by ICMP if nobody listens: all templates. NetFlow v5 has none:
 * a header without records, which nfcapd, nfacctd and ra pass over (an empty datagram would end
 * ra).
 */
void sf_session_ask(struct sf_session *session, struct sf_stream *stream);

/* Sends the template of a new slot. */
void sf_session_announce_slot(
	struct sf_session *session, struct sf_stream *stream, struct sf_slot *slot);

/* Sends the first messages of a stream. RFC 7011 §8.4: over UDP, templates more than once. */
void sf_session_start(struct sf_session *session, struct sf_stream *stream);

/* Sends options data with their present values; `final`: with the totals of the whole run. */
void sf_session_options_data(struct sf_session *session, struct sf_stream *stream, bool final);

/* A message of templates or options data that is being filled. */
struct sf_control {
	struct sf_session *session;
	struct sf_stream *stream;
	struct sf_message message;
	uint16_t set_id; /* of the open set */
	size_t shortest_record;
};

/* Begins a message; sf_control_room() sends it when it is full, and begins another one. */
void sf_control_begin(
	struct sf_control *control, struct sf_session *session, struct sf_stream *stream);

/*
 * Room for a record of `length` bytes in a set of this id; sends a full message first. NULL: no
 * message has room for it.
 */
uint8_t *sf_control_room(struct sf_control *control, uint16_t set_id, size_t length);

/* Adds the template of a slot, if it has fields. */
void sf_control_slot(struct sf_control *control, struct sf_slot *slot);

/* Adds a template record; false: too large for a message. */
bool sf_control_template(struct sf_control *control, uint16_t id, const struct sf_spec *specs,
	unsigned count, unsigned scope_count);

/* Sends the open message. */
void sf_control_end(struct sf_control *control);

/* ---- own_streams.c: a stream of SCTP for each template (traits.own_streams; RFC 6526) */

/*
 * Template ids of the options templates that tell whether data may be given
 * up: one for each stream of SCTP.
 */
#define SF_RELIABILITY_ID 65100

/*
 * The stream of SCTP for a sealed message of one template, or of options data: below
 * SF_STREAMS_MAX. Stream 0 has the options data; if the connection has too few streams, templates
 * share them.
 */
uint16_t sf_own_stream(
	const struct sf_session *session, const struct sf_stream *stream, const uint8_t *message);

/*
 * Send the template of a slot, or all options templates, with whether their data may be given up.
 */
void sf_own_stream_slot(struct sf_control *control, struct sf_slot *slot);
void sf_own_stream_options(struct sf_control *control);

/* ---- options.c: the table of kinds of options data; options.h is its inside */

/* Add the options templates; the options data, `final` with the totals of the whole run. */
void sf_options_templates(struct sf_control *control);
void sf_options_data(struct sf_control *control, bool final);

/* Adds the flow key of a template that was announced after the others (RFC 7011 §4.4). */
void sf_options_flow_key(struct sf_control *control, const struct sf_slot *slot);

/* Adds which of its elements are anonymised (RFC 6235). */
void sf_options_anonymized(struct sf_control *control, const struct sf_slot *slot);

#endif
