/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One reader whose packets several threads use: each packet is read once and seen by all, in the same
 * order. There is no thread that reads: whoever is in want of packets does.
 */
#ifndef SPANFLOW_FILE_COMMON_H
#define SPANFLOW_FILE_COMMON_H

#include <spanflow/packet.h>

#include "file/pool.h"

struct sf_common;
struct sf_error;

#define SF_COMMON_MEMBERS 64

/*
 * Reads up to `max` packets, by one thread at a time; their bytes lie in buffers of the pool. Returns
 * as sf_capture_recv() does, with the reason of a failure in `error`. 0 and a full pool: read on.
 */
typedef int (*sf_common_read)(
	void *reader, struct sf_packet *packets, unsigned max, struct sf_error *error);

/* What one member works on; its own thread only. */
struct sf_place {
	unsigned member;
	bool held; /* the block */
	unsigned used, count;
	const struct sf_packet *packets;
};

/* NULL: no memory. */
struct sf_common *sf_common_new(sf_common_read read, void *reader);
struct sf_pool *sf_common_pool(struct sf_common *common);

/* One more thread is to see all packets. Before the first recv. False: they are too many. */
bool sf_common_join(struct sf_common *common, struct sf_place *place);

/* It needs no more; true: nobody does. Its packets are not lent any longer. Any thread. */
bool sf_common_leave(struct sf_common *common, struct sf_place *place);

/* After the last has left and the reader has given up its buffers. */
void sf_common_free(struct sf_common *common);

/*
 * The next packets of this member, lent until its next call. Returns as sf_capture_recv() does; 0
 * also when others kept it waiting for wait_ms.
 */
int sf_common_recv(struct sf_common *common, struct sf_place *place, struct sf_packet *packets,
	unsigned max, int wait_ms, struct sf_error *error);

#endif
