/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/part.h"

int64_t sf_part_jump(struct sf_part *part, int64_t now, int64_t time_ns)
{
	part->in_order = false;
	part->clock->now = now;
	return sf_clock_advance(part->clock, time_ns);
}

unsigned sf_part_keep(
	struct sf_part *part, struct sf_packet *packets, unsigned kept, unsigned count)
{
	struct sf_part_loop loop = sf_part_begin(part);

	for (unsigned i = kept; i < count; i++) {
		const struct sf_packet *packet = &packets[i];
		unsigned ours;

		sf_part_follow(&loop, packet->time_ns, kept);
		ours = sf_part_owns(&loop, packet, packet->link, packet->data, packet->captured);
		packets[kept] = *packet;
		kept += ours;
	}
	sf_part_end(&loop);
	return kept;
}
