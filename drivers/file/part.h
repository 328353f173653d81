/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A part of a capture file that is sorted (sort.h): copies of packets that stand together in the
 * file, and an entry for each. Entries are in the order of the file until sf_part_sort().
 */
#ifndef SPANFLOW_FILE_PART_H
#define SPANFLOW_FILE_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/packet.h>

#include "file/stream.h"

/* Marks in the index of an entry; see sf_part_set_keys(). */
#define SF_ENTRY_ALONE (1u << 31)
#define SF_ENTRY_WILD  (1u << 30)
#define SF_ENTRY_MARKS (SF_ENTRY_ALONE | SF_ENTRY_WILD)

struct sf_part_entry {
	int64_t key; /* packets are sorted by it: the time, unless that is wild */
	uint32_t index, offset;
};

struct sf_part {
	struct sf_part *next; /* list of all parts */
	uint8_t *bytes;
	size_t used, room;
	struct sf_packet *packets; /* in the order of the file */
	struct sf_part_entry *entries;
	unsigned count, given;
	unsigned packet_room; /* of `packets` and of `entries` */
	/* it begins with a step back in time, and nothing of it was delivered yet */
	bool set_back;
	uint64_t lent[SF_STREAM_QUEUES]; /* last turn of each queue that was lent packets of it */
};

/* Memory that sorting needs; all zero at first. Parts may share it. */
struct sf_part_scratch {
	struct sf_part_entry *entries;
	unsigned room;
};

/* Frees the part, but not the rest of the list. */
void sf_part_free(struct sf_part *part);

/* Copies packets. 0 or -ENOMEM. */
int sf_part_put(struct sf_part *part, const struct sf_packet *packets, unsigned count);

/*
 * Gives wild entries the key of a neighbour: that of the entry before them; the first entries of a
 * file come behind the next one, as no clock is to begin with a wild time. `before`: key of the
 * last entry before the part; INT64_MIN: none. Marks wild entries WILD, and ALONE those that may be
 * wild. *sorted: the times were in order. 0 or -ENOMEM.
 */
int sf_part_set_keys(
	struct sf_part *part, struct sf_part_scratch *scratch, int64_t before, bool *sorted);

/* Sorts the entries by key; those of equal key keep their order. 0 or -ENOMEM. */
int sf_part_sort(struct sf_part *part, struct sf_part_scratch *scratch);

#endif
