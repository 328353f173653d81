/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where sealed messages go: UDP (udp.c) or an IPFIX file (file.c). A transport takes a batch of
 * messages and tells for each of them what became of it; it keeps no books.
 */
#ifndef SPANFLOW_EXPORT_TRANSPORT_H
#define SPANFLOW_EXPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <spanflow/error.h>
#include <spanflow/export.h>

/* Most messages in one batch: UDP_MAX_SEGMENTS of older kernels. */
#define SF_MESSAGES_MAX 64

static inline unsigned sf_hurry_level(const struct sf_hurry *hurry)
{
	return hurry && hurry->level ? hurry->level(hurry->context) : 0;
}

enum sf_fate {
	SF_FATE_SENT, /* the kernel took it */
#define X(name) SF_FATE_##name,
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

struct sf_transport;

struct sf_transport_ops {
	/*
	 * Sends or writes all messages of the batch in order. Where it has to wait it looks at
	 * `hurry`: what need not be waited for any more gets the fate `stopped`.
	 */
	void (*send)(struct sf_transport *transport, struct sf_batch *batch);
	/* True when what was sent last has been refused (ICMP) since. Optional. */
	bool (*refused)(struct sf_transport *transport);
	/* Closes; returns 0 or why the end could not be written. NULL-safe callers only. */
	int (*close)(struct sf_transport *transport);
};

struct sf_transport {
	const struct sf_transport_ops *ops;
	uint32_t max_message;                /* octets; UDP: without IP and UDP headers */
	unsigned max_messages;               /* in one batch */
	int error;                           /* the last error, negative, 0: none yet */
	const struct sf_hurry *hurry;        /* set by the session */
	struct sockaddr_storage local, peer; /* UDP */
	socklen_t local_size, peer_size;     /* 0: not UDP */
};

struct sf_udp_options {
	const char *host, *port;
	unsigned mtu; /* largest datagram with IP and UDP headers; 0: what the route allows, at most
			 1500, or 7680 when `large` and the collector is on this host */
	bool large;   /* the protocol's collectors take any datagram */
	bool patient; /* may wait for buffer space (capture files) */
	bool paced;   /* a rate is kept: small bursts */
};

/* A connected UDP socket to the first address of host that works. */
int sf_udp_open(struct sf_transport **transport, const struct sf_udp_options *options,
	struct sf_error *error);

/* The datagrams of this UDP transport do not leave the host. */
bool sf_udp_stays_here(const struct sf_transport *transport);

/* An IPFIX file, truncated; "-" is standard output. */
int sf_file_open(struct sf_transport **transport, const char *path, struct sf_error *error);

/* Token bucket over records. */
struct sf_pace {
	uint64_t rate;              /* records per second */
	int64_t next_ns;            /* monotonic: when the bucket is full again */
	int64_t burst_ns;           /* how much unused time may be caught up */
	uint64_t plain_rate;        /* of a collector that is not watched any more */
	struct sf_backlog *backlog; /* NULL: not known */
	const struct sf_hurry *hurry;
};

void sf_pace_init(struct sf_pace *pace, uint64_t rate, const struct sf_hurry *hurry);

/*
 * For a rate that nobody asked for: a collector on this host is watched and gets more, as long as
 * it reads.
 */
void sf_pace_watch(struct sf_pace *pace, const struct sf_transport *transport);
void sf_pace_fini(struct sf_pace *pace);

/*
 * Waits until `records` more may leave, and until the collector has read enough where that is
 * known. rate 0: never waits. False: the run is in a hurry, and the records would have to wait.
 */
bool sf_pace_wait(struct sf_pace *pace, uint64_t records);

#endif
