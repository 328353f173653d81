/* SPDX-License-Identifier: BSD-2-Clause */
#include "file/cut.h"

#define PAST 1024u

static void count(_Atomic uint64_t *counter, unsigned n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
		memory_order_relaxed);
}

unsigned sf_cut_packets(struct sf_cut *cut, struct sf_packet *packets, unsigned count_of)
{
	unsigned kept = 0, before = 0, after = 0;

	for (unsigned i = 0; i < count_of; i++) {
		bool late = cut->end_ns && packets[i].time_ns >= cut->end_ns;

		cut->behind = late ? cut->behind + 1 : 0;
		cut->set_back |= !!(packets[i].flags & SF_PACKET_SET_BACK);
		if (late) {
			after++;
		} else if (packets[i].time_ns < cut->start_ns) {
			before++;
		} else {
			packets[kept] = packets[i];
			packets[kept++].flags |= cut->set_back ? SF_PACKET_SET_BACK : 0;
			cut->set_back = false;
		}
	}
	count(&cut->before, before);
	count(&cut->after, after);
	return kept;
}

bool sf_cut_is_past(const struct sf_cut *cut)
{
	return cut->behind >= PAST;
}
