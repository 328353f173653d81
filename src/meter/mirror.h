/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is this a healthy mirror port? Watches packets for a while and tells in plain words what is
 * right, what is not and what to do about it. For `spanflow check`; not for the packet path of a
 * metering run. One thread.
 */
#ifndef SPANFLOW_METER_MIRROR_H
#define SPANFLOW_METER_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/capture.h>
#include <spanflow/packet.h>

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
	uint8_t mac[8][6]; /* of the observed interfaces */
	unsigned mac_count;
	uint32_t mtu;       /* smallest of the observed interfaces; 0: unknown */
	bool merging;       /* GRO or LRO is on */
	bool tags_stripped; /* the card takes VLAN tags out of frames */
	unsigned queues;
};

#define SF_MIRROR_PAIRS 4096

struct sf_mirror {
	struct sf_mirror_host host;
	struct sf_dedup dedup;
	uint64_t frames, ip, to_us, to_group, to_others, tagged, tagged_inside, cut, super,
		own_export, erspan, vxlan, tzsp, steps_back, foreign_link;
	int64_t last_ns;
	int64_t worst_offset_ns; /* packet time against the system's clock */
	/* TCP conversations: which directions and which queues were seen */
	struct sf_mirror_pair {
		uint32_t tag;
		uint32_t packets;
		uint8_t directions; /* bit 0, bit 1 */
		uint8_t queue;
		bool queues_differ;
	} pairs[SF_MIRROR_PAIRS];
};

/* 0, -ENOMEM, or why the kernel gives no random numbers. */
int sf_mirror_init(struct sf_mirror *mirror, const struct sf_mirror_host *host);
void sf_mirror_fini(struct sf_mirror *mirror);

/* Looks at a batch that a queue delivered; now_ns: the system's clock, once per batch. */
void sf_mirror_watch(struct sf_mirror *mirror, unsigned queue, const struct sf_packet *packets,
	unsigned count, int64_t now_ns);

/*
 * Draws the conclusions: fills `findings`, returns how many. `stats` are the source's, `seconds`
 * how long it was watched.
 */
unsigned sf_mirror_findings(const struct sf_mirror *mirror, const struct sf_capture_stats *stats,
	double seconds, struct sf_finding findings[SF_FINDINGS_MAX]);

/* "ok", "note", "warning", "problem". */
const char *sf_verdict_name(enum sf_verdict verdict);

#endif
