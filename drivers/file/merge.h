/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Merges inputs by time. Each input has a run of decoded packets (sf_reader_look_ahead()); the
 * earliest of all comes next. Packets of one input keep their order; packets of equal time come in
 * the order of the command line.
 *
 * The merge is a tournament: a complete binary tree with the next packet of an input in each leaf,
 * and the earlier of its two children in every other node. Which input comes next is unpredictable,
 * so there is no branch on it: a packet costs one comparison per level. Two inputs, such as the
 * directions of a tap, are compared in registers instead.
 */
#ifndef SPANFLOW_FILE_MERGE_H
#define SPANFLOW_FILE_MERGE_H

#include "file/sources.h"

/* Packets are ordered by time, then by the place of their input on the command line. */
struct sf_merge_key {
	int64_t time_ns; /* SF_READER_TIME_MAX + 1: none */
	uint64_t tie;    /* order << 32 | leaf */
};

struct sf_merge_run {
	const struct sf_packet *next, *last;
};

struct sf_merge {
	unsigned count; /* inputs that have packets */
	unsigned wild;  /* of these, those whose packet has another place than its time */
	unsigned size;  /* leaves: a power of two */
	unsigned room;  /* most leaves */
	struct sf_merge_key *keys;  /* [1] is the root, [size + leaf] a leaf */
	struct sf_merge_run *runs;  /* by leaf */
	struct sf_source **sources; /* by leaf; NULL: free */
};

/* For at most `inputs` open at the same time. 0 or -ENOMEM. */
int sf_merge_init(struct sf_merge *merge, unsigned inputs);
void sf_merge_fini(struct sf_merge *merge);

/*
 * Adds the decoded packets of `source`. It must have some, and none in the merge.
 */
void sf_merge_add(struct sf_merge *merge, struct sf_source *source);

/* Removes `source`, which has no packets in the merge. */
void sf_merge_forget(struct sf_merge *merge, struct sf_source *source);

/* The time of the next packet. The merge must not be empty. */
static inline int64_t sf_merge_head(const struct sf_merge *merge)
{
	return merge->keys[1].time_ns;
}

/*
 * Appends the next packets to the `count` packets that are there, until there are `max`, or the
 * next one is later than `until`, or an input has no more packets: *spent is that input, else NULL.
 * Returns the new number of packets.
 */
unsigned sf_merge_take(struct sf_merge *merge, struct sf_packet *packets, unsigned count,
	unsigned max, int64_t until, struct sf_source **spent);

#endif
