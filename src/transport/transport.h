/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transports of sealed messages: UDP (udp.c), connections (stream.c: TCP, TLS, DTLS, SCTP) and
 * IPFIX files (file.c, series.c). A transport takes a batch of messages and reports the fate of
 * each; it does not count them. Transports differ in struct sf_traits.
 */
#ifndef SPANFLOW_TRANSPORT_TRANSPORT_H
#define SPANFLOW_TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <spanflow/error.h>
#include <spanflow/export.h>

#include "transport/outlet.h"
#include "transport/peer.h"
#include "transport/spool.h"

static inline unsigned sf_hurry_level(const struct sf_hurry *hurry)
{
	return hurry && hurry->level ? hurry->level(hurry->context) : 0;
}

/* Most messages in one batch: UDP_MAX_SEGMENTS of older kernels. */
#define SF_MESSAGES_MAX 64

/* Most streams of SCTP that are used. */
#define SF_STREAMS_MAX 64

enum sf_fate {
	SF_FATE_SENT,    /* the kernel took the message */
	SF_FATE_WAITING, /* not known yet: settle() reports it */
#define X(name, text) SF_FATE_LOST_##name,
	SF_LOST_REASONS(X)
#undef X
};

/*
 * Messages that lie in `bytes` one behind the other. All but the last have the same length.
 */
struct sf_batch {
	uint8_t *bytes;
	unsigned count;
	struct {
		uint32_t length;
		uint16_t data_records;     /* flow records and options data records */
		uint16_t template_records; /* for the header */
		struct sf_destination_count flows;
		uint8_t fate; /* enum sf_fate, set by send */
	} messages[SF_MESSAGES_MAX];
	uint16_t sctp_stream; /* by which they go; 0 without traits.own_streams */
	/* set by send */
	bool earlier_refused;    /* the datagrams of the batch sent before were refused (ICMP) */
	unsigned last_call_from; /* first message of the last successful call; count: none */
	/* set by again */
	bool repeated; /* the peer may have the message from an earlier connection */
	bool spooled;  /* set by send: the message has not got its sequence number yet */
	bool replay;   /* the message comes from again, and is to be sent in any case */
	struct sf_spool_span place;
};

struct sf_traits {
	/* Messages may get lost or change order. So templates are repeated. With `apart`. */
	bool datagrams;
	/*
	 * Each template fills messages of its own: records of different templates may change order.
	 */
	bool apart;
	/* SCTP: each template has a stream of its own (RFC 6526). With `apart`. */
	bool own_streams;
	bool gives_up; /* messages with flow records may be given up (PR-SCTP) */
	/*
	 * A collector reads at once: messages have the time of day, and options data present
	 * totals. Otherwise messages have packet times, and the totals come at the end.
	 */
	bool live;
	/*
	 * Each connection is a transport session of its own (RFC 7011 §10.4): sequence numbers
	 * begin at 0 and templates are sent once. A collector that is away is expected back, so the
	 * end of a run waits for it.
	 */
	bool connected;
	const char *cannot;   /* "cannot send to" */
	enum sf_fate failure; /* fate of a message that could not be sent, for another reason */
	enum sf_fate unready; /* fate of records lost while the transport takes nothing */
};

struct sf_transport;

struct sf_transport_ops {
	/*
	 * Sends or writes all messages of the batch in order. Checks `hurry` while it waits: if the
	 * run must end, the other messages get the fate `stopped`.
	 */
	void (*send)(struct sf_transport *transport, struct sf_batch *batch);
	/*
	 * For destinations with a queue: the time from which send() can take another batch. `mono`
	 * or earlier: now; INT64_MAX: when *fd can be written.
	 */
	int64_t (*ready)(struct sf_transport *transport, int64_t mono, int *fd);
	/* True if the datagrams of the last send were refused (ICMP) since then. Optional. */
	bool (*refused)(struct sf_transport *transport);
	/* The collector does not listen: looks its name up again. Optional. */
	void (*doubt)(struct sf_transport *transport, int64_t mono);
	/*
	 * Fates, since the last call, of messages that were SF_FATE_WAITING. One call reports
	 * losses of one reason: the caller repeats it until there are none. Optional.
	 */
	void (*settle)(
		struct sf_transport *transport, struct sf_outcome *sent, struct sf_outcome *lost);
	/*
	 * Takes back the oldest message that the last peer may not have, or that waits in the
	 * spool, and copies it to `room` (max_message bytes); the session seals and sends it.
	 * Called after a new connection (`connects` was raised) and with every ready(), until it
	 * returns false. Optional.
	 */
	bool (*again)(struct sf_transport *transport, struct sf_batch *batch, uint8_t *room);
	/*
	 * Reads certificates and keys again, or opens a file again. 0 or a negative error.
	 * Optional.
	 */
	int (*reload)(struct sf_transport *transport, struct sf_error *error);
	/*
	 * Files that end while a run goes on. due(): true if records of the time `now_ns` belong
	 * into another file than the present one, or if there is no file yet. turn(): completes the
	 * present file and begins the other one, which is a transport session of its own
	 * (`connects` is raised). Both optional.
	 */
	bool (*due)(struct sf_transport *transport, int64_t now_ns);
	void (*turn)(struct sf_transport *transport, int64_t now_ns, int64_t wall_ns);
	/* True while messages are SF_FATE_WAITING that ready() may settle. Optional. */
	bool (*holds)(const struct sf_transport *transport);
	/*
	 * Closes. Messages that still wait are lost; settle() reports them. Returns 0, or an error
	 * if the last bytes could not be written.
	 */
	int (*end)(struct sf_transport *transport);
	void (*free)(struct sf_transport *transport);
};

struct sf_transport {
	const struct sf_transport_ops *ops;
	const struct sf_hurry *hurry; /* set by the session */
	struct sf_traits traits;
	uint32_t max_message;  /* bytes; UDP: without IP and UDP headers */
	unsigned max_messages; /* largest number in a batch */
	int error;             /* the last error, negative; 0: none yet */
	bool timed;            /* due() depends on the time or on what was sent */
	bool fails;            /* takes nothing now, and may recover */
	int64_t pause_ns;      /* with `fails`: until the next attempt; 0: unknown, or soon */
	char trouble[240];     /* message about the failure; "": see `error` */
	char remark[200];      /* set by turn(): what is wrong with the file that ended; or "" */
	char note[280];        /* likewise: what is worth telling, though nothing is wrong; or "" */
	uint8_t protocol;      /* IPPROTO_UDP, IPPROTO_TCP; 0: no socket */
	unsigned connects;     /* number of peers so far; of files that were begun by turn() */
	unsigned renewals;     /* of these: took the place of a connection that worked */
	unsigned sctp_streams; /* with traits.own_streams: SF_STREAMS_MAX at most */
	/* with a spool */
	bool spools;
	uint64_t foreign; /* the earlier run whose messages the connection carries; 0: this one's */
	struct sf_destination_count inherited; /* flows that an earlier run has left */
	struct sf_destination_count spooled;   /* flows that lie there */
	uint64_t torn_octets;
	uint64_t files,
		removed_files; /* of a series: completed, removed because of their age or size */
	bool gone;             /* will never take anything again */
	enum sf_fate lost_as;  /* fate of messages that settle() reports as lost */
	struct sockaddr_storage local, peer; /* of the socket */
	socklen_t local_size, peer_size;     /* 0: there is none */
};

struct sf_udp_options {
	struct sf_peer_options peer;
	unsigned mtu; /* largest datagram with IP and UDP headers; 0: what the route allows, at most
			 1500, or 7680 when `large` and the collector is on this host */
	bool large;   /* the protocol's collectors take any datagram */
	bool patient; /* may wait for buffer space (capture files) */
	bool waits;   /* for the kernel to take a datagram */
	bool late;    /* no route and no address yet are no failure: ready() tries again */
	bool paced;   /* a rate is kept: small bursts */
};

/* Opens a connected UDP socket to the first address of `host` that works. */
int sf_udp_open(struct sf_transport **transport, const struct sf_udp_options *options,
	struct sf_error *error);

/* True if the datagrams of this UDP transport do not leave the host. */
bool sf_udp_stays_here(const struct sf_transport *transport);

/*
 * Opens an IPFIX file; "-" is standard output. `waits`: waits for the reader of a pipe. A file that
 * is not empty is overwritten, or with `keep` refused (-EEXIST). `hook`: told when a regular file
 * is complete; or NULL.
 */
int sf_file_open(struct sf_transport **transport, const char *path, bool waits, bool keep,
	const struct sf_file_hook *hook, struct sf_error *error);

/* Files with a time in their name, or compressed ones (series.c). */
struct sf_series_options {
	const char *path;  /* sf_pattern_init() */
	int64_t rotate_ns; /* a file spans so much, aligned to it; 0: what is usual for the name */
	uint64_t octets;   /* a file ends when it has reached this size; 0: any */
	int64_t keep_ns;   /* files that were completed longer ago are removed; 0: none */
	uint64_t keep_octets; /* the oldest ones are removed while all take more; 0: none */
	bool waits;  /* there is no queue: messages that cannot be written are lost at once */
	bool steady; /* the same messages give the same bytes: nothing is flushed by time */
	bool keeps;  /* a file that exists is refused; else it is replaced; not with a time */
	const struct sf_file_hook *hook; /* told of each complete file; NULL: nobody is */
	const struct sf_hurry *hurry;
};

/* True if such a path and options make a series, and not a plain file. */
bool sf_series_is_wanted(const struct sf_series_options *options);

/*
 * Makes the base directory if it does not exist, and sets *made then. Files, and the directories
 * below the base, are made when the files begin.
 */
int sf_series_open(struct sf_transport **transport, const struct sf_series_options *options,
	bool *made, struct sf_error *error);

/*
 * Token bucket over records, with the state of the collector's buffer if that is known. With rate 0
 * records are always due.
 */
struct sf_pace {
	const struct sf_hurry *hurry;
	uint64_t rate;         /* records per second */
	int64_t next_ns;       /* monotonic time at which the bucket is full again */
	int64_t burst_ns;      /* unused time that may be caught up, at most */
	uint64_t plain_rate;   /* rate if the collector is not watched any more */
	int64_t full_since_ns; /* monotonic: half full, and nothing was read since; 0: it is not */
	uint32_t full_octets;  /* what the buffer held at the last look */
	struct sf_backlog *backlog; /* NULL: the collector is not watched */
};

void sf_pace_init(struct sf_pace *pace, uint64_t rate, const struct sf_hurry *hurry);

/*
 * For a default rate: watches the buffer of a collector on this host, which then gets a higher rate
 * as long as it reads.
 */
void sf_pace_watch(struct sf_pace *pace, const struct sf_transport *transport);
void sf_pace_fini(struct sf_pace *pace);

/* The time from which the next records may be sent; `mono` or earlier: now. */
int64_t sf_pace_due(struct sf_pace *pace, int64_t mono);

/* `records` records are sent now. */
void sf_pace_spend(struct sf_pace *pace, uint64_t records);

/* Waits until records may be sent, and spends them. False: the run is in a hurry. */
bool sf_pace_wait(struct sf_pace *pace, uint64_t records);

#endif
