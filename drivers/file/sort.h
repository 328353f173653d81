/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sorts packets of a capture file that was not written in the order of time. Example: dumpcap on
 * two interfaces writes a block of packets of one, then a block of packets of the other from the
 * same time.
 *
 * Packets are copied into parts of up to SF_SORT_PACKETS. Each part is sorted, and merged with the
 * part before it. So a packet gets its right place if it was written no more than a part too late.
 * Packets of equal time keep the order of the file.
 *
 * A time stamp is wild if it lies, alone or with up to three others, more than five minutes from
 * all others of its part, while packets before and behind it in the file agree on another time. Its
 * packet keeps its place behind the packet before it; the first one of a file comes behind the
 * second. Example: one packet of 1970 in a capture of today.
 *
 * A step back by more than SF_SORT_STEP_NS that is too late to be sorted, and that all following
 * packets of the part, SF_SORT_STEP_PACKETS at least, stay behind, is no disorder: an earlier
 * capture follows a later one, or the clock was set back. What is behind the step is sorted apart
 * from what is before it, and its first packet has the flag SF_PACKET_SET_BACK.
 *
 * A reader without `sorting` delivers packets in the order of the file.
 */
#ifndef SPANFLOW_FILE_SORT_H
#define SPANFLOW_FILE_SORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <spanflow/packet.h>

#include "file/stream.h"

struct sf_reader;

/* Limits of a part. */
#define SF_SORT_PACKETS 65536u
#define SF_SORT_BYTES   ((size_t)32 << 20)
#define SF_SORT_LEAST   ((size_t)1 << 20) /* bytes, when many files are open */

/* A step back that is no disorder: see above. */
#define SF_SORT_STEP_NS      (15 * SF_NS_PER_S)
#define SF_SORT_STEP_PACKETS 64u

/* The begin of a file that is searched for steps back in time before its packets are delivered. */
#define SF_SORT_LOOK_PACKETS 32768u
#define SF_SORT_LOOK_BYTES   ((size_t)8 << 20)

/* Packets that are lent in a turn of a queue are returned when its next turn begins. */
struct sf_lending {
	uint64_t turn[SF_STREAM_QUEUES]; /* number of each queue's turns */
	unsigned queue;                  /* the queue that reads */
};

/*
 * Disorder in all files of a capture. The thread that reads writes it. Any thread reads the
 * counters; the other members are read when no more packets come.
 */
struct sf_disorder {
	_Atomic uint64_t packets; /* packets written after one with a later time */
	_Atomic uint64_t late;    /* packets written too late to be sorted */
	_Atomic uint64_t wild;    /* packets with a wild time stamp */
	unsigned files;           /* files that are not in order */
	int64_t largest_ns;       /* largest step back in time */
	char first[256];          /* name of the first such file */
};

/* Sorting in all files of a capture. */
struct sf_sorting {
	unsigned open; /* about the number of open files */
	struct sf_lending lending;
	struct sf_disorder disorder;
};

struct sf_sort;

/*
 * Begins to sort the packets of a reader. `packets` were decoded and not delivered; they come
 * first. With `look` only the begin of the file is examined: if it is in order, sorting ends behind
 * it. 0 or -ENOMEM.
 */
int sf_sort_begin(
	struct sf_reader *reader, const struct sf_packet *packets, unsigned count, bool look);
void sf_sort_free(struct sf_sort *sort);

/* sf_reader_decode() while reader->sorts is true. */
unsigned sf_sort_decode(
	struct sf_reader *reader, struct sf_packet *packets, unsigned max, int64_t until);

/*
 * Place in time of the first packet of the last decode: the time of the packet, or, if that is wild
 * and lies ahead, the time at which it is merged.
 */
int64_t sf_sort_place(const struct sf_reader *reader, const struct sf_packet *first);

/* The file has ended: delivers the rest; then reader->state is what it is now. */
void sf_sort_end(struct sf_reader *reader);

/* A pipe has nothing to read for now: delivers the packets gathered so far. */
void sf_sort_flush(struct sf_reader *reader);

/* The packets of the last sf_sort_decode() are lent to the queue that reads. */
void sf_sort_lend(struct sf_sort *sort);

/* True if packets are lent. */
bool sf_sort_is_lent(const struct sf_sort *sort);

#endif
