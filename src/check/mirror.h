/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is this a healthy mirror port? Watches packets for a while and tells in plain words what is right,
 * what is not and what to do about it. For `spanflow check`; not for the packet path of a metering
 * run. One thread:
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

#include <spanflow/capture.h>
#include <spanflow/packet.h>

#include "check/encapsulation.h"
#include "meter/dedup.h"

enum sf_verdict {
	SF_VERDICT_OK,
	SF_VERDICT_NOTE,    /* worth knowing */
	SF_VERDICT_WARNING, /* some flows will be wrong or missing */
	SF_VERDICT_PROBLEM, /* this will not do */
};

struct sf_finding {
	const char *name; /* stable, for scripts: "traffic", "mirror", "directions", … */
	enum sf_verdict verdict;
	char text[256];   /* what was seen */
	char advice[256]; /* what to do about it; "" when nothing */
};

#define SF_FINDINGS_MAX 20

/* What is known about the host and the source beside the packets. */
struct sf_mirror_host {
	const char *name; /* of the source, for advice: "eth1", "eth1+eth2", or of a capture file */
	bool file;        /* capture files: nothing is known of the interface or of drops */
	uint8_t mac[8][6]; /* of the observed interfaces */
	unsigned mac_count;
	uint32_t mtu;       /* smallest of the observed interfaces; 0: unknown */
	bool merging;       /* GRO or LRO is on */
	bool tags_stripped; /* the card takes VLAN tags out of frames */
	unsigned queues;
};

#define SF_MIRROR_PAIRS 4096

/* A TCP conversation: which directions and which queues were seen of it. */
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
	uint64_t ip, ipv6, bytes;            /* IP packets, of these IPv6, and their bytes */
	uint64_t tagged, tagged_inside;      /* IP packets with a VLAN tag, with two */
	uint64_t cut;                        /* shorter on the wire than their IP header says */
	uint64_t snapped;                    /* captured without their end */
	uint64_t super;                      /* longer than the MTU */
	uint64_t flow_export;                /* NetFlow or IPFIX to a collector's port */
	uint64_t encapsulated[SF_ENCAPSULATION_COUNT];
	uint64_t steps_back;       /* packet times before that of the packet before */
	int64_t first_ns, last_ns; /* packet times; INT64_MIN: none yet */
	int64_t worst_offset_ns;   /* packet time against the system's clock */
	uint8_t common[2][6];      /* addresses that each unicast frame has had so far */
	unsigned common_count;
	struct sf_mirror_pair pairs[SF_MIRROR_PAIRS];
};

/* 0, -ENOMEM, or why the kernel gives no random numbers. */
int sf_mirror_init(struct sf_mirror *mirror, const struct sf_mirror_host *host);
void sf_mirror_fini(struct sf_mirror *mirror);

/*
 * Looks at a batch that a queue delivered. now_ns: the system's clock, read once per batch; of no
 * account for capture files.
 */
void sf_mirror_watch(struct sf_mirror *mirror, unsigned queue, const struct sf_packet *packets,
	unsigned count, int64_t now_ns);

/*
 * Draws the conclusions: fills `findings`, returns how many. `stats` are the source's, `seconds`
 * how long it was watched.
 */
unsigned sf_mirror_findings(const struct sf_mirror *mirror, const struct sf_capture_stats *stats,
	double seconds, struct sf_finding findings[SF_FINDINGS_MAX]);

/* The worst of the findings. */
enum sf_verdict sf_mirror_verdict(const struct sf_finding *findings, unsigned count);

/* "ok", "note", "warning", "problem". */
const char *sf_verdict_name(enum sf_verdict verdict);

#endif
