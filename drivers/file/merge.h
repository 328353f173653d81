/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inputs merged by time. Each has a run of decoded packets (sf_reader_look_ahead()); the earliest
 * of all comes next. Within an input the order is as stored; equal times follow the command line.
 *
 * A tournament: a complete binary tree with an input's next packet in each leaf and the earlier of
 * its two children in every other node. Which input a packet comes from is often a coin's toss, so
 * nothing branches on it: a packet costs one comparison without a jump for each level. Two inputs,
 * as the directions of a tap, are compared in registers instead.
 */
#ifndef SPANFLOW_FILE_MERGE_H
#define SPANFLOW_FILE_MERGE_H

#include "file/sources.h"

/* When a packet comes: by time, then by place on the command line. */
struct sf_merge_key {
	int64_t time_ns; /* SF_READER_TIME_MAX + 1: none */
	uint64_t tie;    /* order << 32 | leaf */
};

struct sf_merge_run {
	const struct sf_packet *next, *last;
};

struct sf_merge {
	unsigned count;             /* inputs that have packets */
	unsigned size;              /* leaves: a power of two */
	unsigned room;              /* most leaves */
	struct sf_merge_key *keys;  /* [1] is the root, [size + leaf] a leaf */
	struct sf_merge_run *runs;  /* by leaf */
	struct sf_source **sources; /* by leaf; NULL: free */
};

/* For at most `inputs` open at the same time. 0 or -ENOMEM. */
int sf_merge_init(struct sf_merge *merge, unsigned inputs);
void sf_merge_fini(struct sf_merge *merge);

/*
 * The decoded packets of `source`, of which there are some, and none of it are left in the merge.
 */
void sf_merge_add(struct sf_merge *merge, struct sf_source *source);

/* `source` has no packets in the merge and will bring no more. */
void sf_merge_forget(struct sf_merge *merge, struct sf_source *source);

/* The time of the next packet; there must be one. */
static inline int64_t sf_merge_head(const struct sf_merge *merge)
{
	return merge->keys[1].time_ns;
}

/*
 * Puts the next packets behind the first `count` of `packets`, until there are `max` or the next
 * one is later than `until`. Returns their new number. It ends with the last packet of an input,
 * which *spent then is, else NULL.
 */
unsigned sf_merge_take(struct sf_merge *merge, struct sf_packet *packets, unsigned count,
	unsigned max, int64_t until, struct sf_source **spent);

#endif
