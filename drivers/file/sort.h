/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets of a capture file that was not written in the order of time, put into that order. Example:
 * dumpcap on two interfaces writes a block of packets of one, then the block of the other from the
 * same time.
 *
 * Packets are copied and gathered in parts of up to SF_SORT_PACKETS. Each part is sorted, and two
 * parts that follow each other in the file are merged: so a packet finds its place if it was written
 * at most a part too late. Equal times keep the order of the file.
 *
 * A time stamp is wild if it lies, alone or with up to three others, more than five minutes from all
 * others of its part, while packets before and behind it in the file agree on another time. Its
 * packet keeps its place behind the packet before it. Example: one packet of 1970 in a capture of
 * today.
 *
 * A reader without this has packets in the order of the file.
 */
#ifndef SPANFLOW_FILE_SORT_H
#define SPANFLOW_FILE_SORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <spanflow/packet.h>

#include "file/stream.h"

struct sf_reader;

/* A part's packets and the bytes they have. */
#define SF_SORT_PACKETS 65536u
#define SF_SORT_BYTES   ((size_t)32 << 20)
#define SF_SORT_LEAST   ((size_t)1 << 20) /* of each, when many files are open */

/* So much of a file is looked through for steps back in time before its first packet is given. */
#define SF_SORT_LOOK_PACKETS 32768u
#define SF_SORT_LOOK_BYTES   ((size_t)8 << 20)

/* What a queue was lent in a turn is back when its next turn begins. */
struct sf_lending {
	uint64_t turn[SF_STREAM_QUEUES];
	unsigned queue; /* whose turn it is */
};

/* Of all files of a capture: written by whose turn it is; `largest_ns` and texts are for the end. */
struct sf_disorder {
	_Atomic uint64_t packets; /* that were written after one with a later time */
	_Atomic uint64_t late;    /* of those, too late to be sorted */
	_Atomic uint64_t wild;    /* time stamps */
	unsigned files;
	int64_t largest_ns; /* step back */
	char first[256];    /* file */
};

/* How a capture's files are sorted. */
struct sf_sorting {
	unsigned open; /* files, about */
	struct sf_lending lending;
	struct sf_disorder disorder;
};

struct sf_sort;

/*
 * From now on the reader's packets are sorted. The last ones that it decoded were not given yet and
 * come first. With `look` the next ones are only looked through: if they are in order, sorting ends
 * with them. 0 or -ENOMEM.
 */
int sf_sort_begin(
	struct sf_reader *reader, const struct sf_packet *packets, unsigned count, bool look);
void sf_sort_free(struct sf_sort *sort);

/* As sf_reader_decode(), which calls it while reader->sorts. */
unsigned sf_sort_decode(
	struct sf_reader *reader, struct sf_packet *packets, unsigned max, int64_t until);

/* No more can be read: what was gathered is given, then reader->state is what it is now. */
void sf_sort_end(struct sf_reader *reader);

/* A pipe has nothing to read: what was gathered is given. */
void sf_sort_flush(struct sf_reader *reader);

/* What the last sf_sort_decode() gave may be lent to the queue whose turn it is. */
void sf_sort_lend(struct sf_sort *sort);

/* Is something lent? */
bool sf_sort_is_lent(const struct sf_sort *sort);

#endif
