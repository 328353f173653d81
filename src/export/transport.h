/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where sealed messages go: UDP (udp.c) or an IPFIX file (file.c). A transport takes a batch of
 * messages and tells for each of them what became of it; it keeps no books. What differs between
 * transports is in struct sf_traits.
 */
#ifndef SPANFLOW_EXPORT_TRANSPORT_H
#define SPANFLOW_EXPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <spanflow/error.h>
#include <spanflow/export.h>

#include "export/outlet.h"

static inline unsigned sf_hurry_level(const struct sf_hurry *hurry)
{
	return hurry && hurry->level ? hurry->level(hurry->context) : 0;
}

/* Most messages in one batch: UDP_MAX_SEGMENTS of older kernels. */
#define SF_MESSAGES_MAX 64

enum sf_fate {
	SF_FATE_SENT,    /* the kernel took it */
	SF_FATE_WAITING, /* not known yet: settle() tells */
#define X(name, text) SF_FATE_##name,
	SF_LOST_REASONS(X)
#undef X
};

/*
 * Messages lying one after the other in `bytes`. All but the last have the same length.
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
	/* set by send */
	bool earlier_refused;    /* what was sent by the last call before was refused meanwhile */
	unsigned last_call_from; /* first message that the last successful call took; count: none */
};

struct sf_traits {
	/*
	 * A message may get lost or overtake another: templates are repeated, and records need not
	 * keep their order, so that each template fills messages of its own.
	 */
	bool datagrams;
	/*
	 * A collector reads at once: messages carry the time of day, and options data tell how
	 * things stand. Otherwise the totals come at the end, and packet time is the time.
	 */
	bool live;
	const char *cannot;   /* "cannot send to" */
	enum sf_fate failure; /* the name of a loss that has no better one */
	enum sf_fate unready; /* of what is lost while it takes nothing */
};

struct sf_transport;

struct sf_transport_ops {
	/*
	 * Sends or writes all messages of the batch in order. Where it has to wait it looks at
	 * `hurry`: what need not be waited for any more gets the fate `stopped`.
	 */
	void (*send)(struct sf_transport *transport, struct sf_batch *batch);
	/*
	 * For destinations that wait for nobody: when send() can take another batch. `mono` or
	 * earlier: now; INT64_MAX: when *fd can be written.
	 */
	int64_t (*ready)(struct sf_transport *transport, int64_t mono, int *fd);
	/* True when what was sent last has been refused (ICMP) since. Optional. */
	bool (*refused)(struct sf_transport *transport);
	/* Nobody listens: is it where its name leads to? Optional. */
	void (*doubt)(struct sf_transport *transport, int64_t mono);
	/* What became of messages whose fate was SF_FATE_WAITING, since the last call. Optional. */
	void (*settle)(
		struct sf_transport *transport, struct sf_outcome *sent, struct sf_outcome *lost);
	/* Ends: what still waits is lost, which settle() tells, and what is open is closed. Returns
	 * 0 or why the end could not be written. */
	int (*end)(struct sf_transport *transport);
	void (*free)(struct sf_transport *transport);
};

struct sf_transport {
	const struct sf_transport_ops *ops;
	const struct sf_hurry *hurry; /* set by the session */
	struct sf_traits traits;
	uint32_t max_message;                /* octets; UDP: without IP and UDP headers */
	unsigned max_messages;               /* in one batch */
	int error;                           /* the last error, negative, 0: none yet */
	bool fails;                          /* takes nothing now, and may recover */
	char trouble[200];                   /* why it fails, in words; "" as `error` says */
	unsigned connects;                   /* rises with each peer that it got */
	bool gone;                           /* will never take anything again */
	enum sf_fate lost_as;                /* of messages that settle() says are lost */
	struct sockaddr_storage local, peer; /* UDP */
	socklen_t local_size, peer_size;     /* 0: not UDP */
};

struct sf_udp_options {
	const char *host, *port;
	unsigned mtu; /* largest datagram with IP and UDP headers; 0: what the route allows, at most
			 1500, or 7680 when `large` and the collector is on this host */
	bool large;   /* the protocol's collectors take any datagram */
	bool patient; /* may wait for buffer space (capture files) */
	bool waits;   /* for the kernel to take a datagram */
	bool late;    /* no route and no address yet are no failure: ready() tries again */
	const struct sf_lookup *lookup; /* or NULL */
	unsigned collector;             /* its number there */
	bool paced;                     /* a rate is kept: small bursts */
};

/* A connected UDP socket to the first address of host that works. */
int sf_udp_open(struct sf_transport **transport, const struct sf_udp_options *options,
	struct sf_error *error);

/* The datagrams of this UDP transport do not leave the host. */
bool sf_udp_stays_here(const struct sf_transport *transport);

/*
 * An IPFIX file; "-" is standard output. `waits` for whoever reads from a pipe. What is in a file is
 * lost; with `keep` such a file is refused (-EEXIST).
 */
int sf_file_open(struct sf_transport **transport, const char *path, bool waits, bool keep,
	struct sf_error *error);

/*
 * Token bucket over records, and the state of the collector's buffer where that is known.
 * rate 0: always due.
 */
struct sf_pace {
	const struct sf_hurry *hurry;
	uint64_t rate;              /* records per second */
	int64_t next_ns;            /* monotonic: when the bucket is full again */
	int64_t burst_ns;           /* how much unused time may be caught up */
	uint64_t plain_rate;        /* of a collector that is not watched any more */
	int64_t full_since_ns;      /* monotonic: the collector has not read since; 0: it reads */
	struct sf_backlog *backlog; /* NULL: not known */
};

void sf_pace_init(struct sf_pace *pace, uint64_t rate, const struct sf_hurry *hurry);

/*
 * For a rate that nobody asked for: a collector on this host is watched and gets more, as long as
 * it reads.
 */
void sf_pace_watch(struct sf_pace *pace, const struct sf_transport *transport);
void sf_pace_fini(struct sf_pace *pace);

/* When the next records may leave: `mono` or earlier is now. */
int64_t sf_pace_due(struct sf_pace *pace, int64_t mono);

/* So many records leave now. */
void sf_pace_spend(struct sf_pace *pace, uint64_t records);

/* Waits until records may leave, and spends. False: they may not, and the run is in a hurry. */
bool sf_pace_wait(struct sf_pace *pace, uint64_t records);

#endif
