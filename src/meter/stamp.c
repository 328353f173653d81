/* SPDX-License-Identifier: BSD-2-Clause */
#include "meter/stamp.h"

#include "parse/parse.h"

void sf_stamp_batch(
	struct sf_packet *packets, unsigned count, int64_t limit_ns, struct sf_stamp_counts *counts)
{
	for (unsigned i = 0; i < count; i++) {
		int64_t stamp, offset;

		if (!sf_parse_stamp(&packets[i], &stamp))
			continue;
		/* a time that does not fit is as far away as can be */
		if (__builtin_sub_overflow(stamp, packets[i].time_ns, &offset) ||
			offset > limit_ns || offset < -limit_ns) {
			counts->refused++;
			continue;
		}
		packets[i].time_ns = stamp;
		counts->taken++;
	}
}
