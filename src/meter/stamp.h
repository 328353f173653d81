/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --switch-time: packets get the time at which a switch or tap has stamped them,
 * before clocks and filters see them.
 *
 *	if (limit_ns)
 *		sf_stamp_batch(packets, count, limit_ns, &counts);
 *
 * Anybody can forge a stamp, so one that is further from the driver's time than `limit_ns` is
 * refused: the packet keeps the driver's time.
 */
#ifndef SPANFLOW_METER_STAMP_H
#define SPANFLOW_METER_STAMP_H

#include <spanflow/engine.h>
#include <spanflow/packet.h>

/* Sets time_ns of packets that have a stamp, and adds to `counts`. Any thread. */
void sf_stamp_batch(struct sf_packet *packets, unsigned count, int64_t limit_ns,
	struct sf_stamp_counts *counts);

#endif
