/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Diagnosis of a mirror port, for `spanflow check`: examines packets for some time and reports what
 * is right, what is wrong, and what to do about it. Not for the packet path of a metering run. For
 * one thread:
 *
 *	sf_mirror_init(&mirror, &host);
 *	while (…)
 *		sf_mirror_watch(&mirror, queue, packets, count, now);
 *	n = sf_mirror_findings(&mirror, &stats, seconds, findings);
 *	verdict = sf_mirror_verdict(findings, n);
 *	sf_mirror_fini(&mirror);
 */
#ifndef SPANFLOW_CHECK_MIRROR_H
#define SPANFLOW_CHECK_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <spanflow/capture.h>
#include <spanflow/packet.h>

#include "meter/dedup.h"
#include "parse/tunnel.h"

enum sf_verdict {
	SF_VERDICT_OK,
	SF_VERDICT_NOTE,    /* worth knowing */
	SF_VERDICT_WARNING, /* some flows will be wrong or missing */
	SF_VERDICT_PROBLEM, /* the port is not usable for metering like this */
};

struct sf_finding {
	const char *name; /* stable, for scripts: "traffic", "mirror", "directions", … */
	enum sf_verdict verdict;
	char text[256];   /* the observation, with its numbers */
	char advice[256]; /* what to do about it; "": nothing */
};

#define SF_FINDINGS_MAX 20

/* Properties of the host and of the source that packets do not show. */
struct sf_mirror_host {
	const char *name; /* of the source, for advice: "eth1", "eth1+eth2", or of a capture file */
	bool file;        /* capture files: nothing is known of the interface or of drops */
	uint8_t mac[8][6]; /* of the observed interfaces */
	unsigned mac_count;
	uint32_t mtu;       /* smallest of the observed interfaces; 0: unknown */
	bool merging;       /* GRO or LRO is on */
	bool tags_stripped; /* the card takes VLAN tags out of frames */
	unsigned queues;
	/* a socket that a mirror sends to, and what is opened in its packets; NULL: an interface */
	const struct sf_tunnel_options *socket;
};

struct sf_capture;

/* Fills `host` from an open source and the settings of its interfaces. `name` is lent. */
void sf_mirror_host_learn(
	struct sf_mirror_host *host, struct sf_capture *capture, const char *name);

#define SF_MIRROR_PAIRS 4096
#define SF_MIRROR_IDS   6 /* mirrors that are told by number */

/* A TCP conversation, and the directions and queues of its packets. */
struct sf_mirror_pair {
	uint32_t tag; /* part of the hash */
	uint32_t packets;
	uint8_t directions; /* bit 0, bit 1 */
	uint8_t queue;      /* of the first packet */
	bool queues_differ;
};

struct sf_mirror {
	struct sf_mirror_host host;
	struct sf_dedup dedup;
	uint64_t frames;
	uint64_t foreign_link;               /* frames that are not Ethernet */
	uint64_t to_us, to_group, to_others; /* Ethernet frames, by destination */
	/* IP packets */
	uint64_t ip;               /* all */
	uint64_t ipv6;             /* IPv6 packets */
	uint64_t bytes;            /* by their IP headers */
	uint64_t tagged;           /* with a VLAN tag */
	uint64_t tagged_inside;    /* with two VLAN tags */
	uint64_t cut;              /* shorter on the wire than their IP header says */
	uint64_t snapped;          /* captured without their end */
	uint64_t super;            /* longer than the MTU */
	uint64_t flow_export;      /* NetFlow or IPFIX, to a collector's port */
	struct sf_tunnels tunnels; /* kinds that are recognised: all */
	struct sf_tunnels opened;  /* of a socket: what is seen is inside of these; else: none */
	uint64_t unopened;         /* of a socket: packets that are no mirror's */
	/* sessions or VNIs of the mirrors whose frames came, the first ones */
	uint32_t ids[SF_MIRROR_IDS];
	unsigned id_count;
	bool more_ids;
	uint64_t encapsulated[SF_TUNNEL_COUNT];
	uint64_t steps_back;     /* packets of queue 0 that are earlier than the packet before */
	int64_t first_ns;        /* earliest packet time; INT64_MIN: none yet */
	int64_t last_ns;         /* time of the last packet of queue 0; INT64_MIN: none yet */
	int64_t worst_offset_ns; /* largest difference of a packet time and the system's clock */
	uint8_t common[2][6];    /* MAC addresses that every unicast frame had so far */
	unsigned common_count;
	struct sf_mirror_pair pairs[SF_MIRROR_PAIRS];
};

/* 0 or -errno: no memory, or no random numbers from the kernel. */
int sf_mirror_init(struct sf_mirror *mirror, const struct sf_mirror_host *host);
void sf_mirror_fini(struct sf_mirror *mirror);

/*
 * Examines a batch of packets of a queue. `now_ns`: the system's clock, read once per batch; not
 * used for capture files.
 */
void sf_mirror_watch(struct sf_mirror *mirror, unsigned queue, const struct sf_packet *packets,
	unsigned count, int64_t now_ns);

/*
 * Fills `findings` and returns their number. `stats`: of the source. `seconds`: how long packets
 * were examined.
 */
unsigned sf_mirror_findings(const struct sf_mirror *mirror, const struct sf_capture_stats *stats,
	double seconds, struct sf_finding findings[SF_FINDINGS_MAX]);

/* The worst of the findings. */
enum sf_verdict sf_mirror_verdict(const struct sf_finding *findings, unsigned count);

/* "ok", "note", "warning", "problem". */
const char *sf_verdict_name(enum sf_verdict verdict);

/*
 * print.c: print the findings and the verdict. Text: a paragraph for each finding. JSON: one line;
 * `seconds` as above.
 */
void sf_findings_text(const struct sf_mirror *mirror, const struct sf_finding *findings,
	unsigned count, FILE *stream);
void sf_findings_json(const struct sf_mirror *mirror, double seconds,
	const struct sf_finding *findings, unsigned count, FILE *stream);

#endif
