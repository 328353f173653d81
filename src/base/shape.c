/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/shape.h"

#include <string.h>

#include "base/wire.h"

#define SECOND INT64_C(1000000000)

static uint32_t at_most(uint64_t value, uint32_t most)
{
	return value < most ? (uint32_t)value : most;
}

/* µs after the packet before; 0 for the first one, and for one that is earlier. */
static uint32_t gap_of(const struct sf_shape_side *side, int64_t time)
{
	if (!side->packets || time <= side->last_ns)
		return 0;
	return at_most((uint64_t)(time - side->last_ns) / 1000, UINT32_MAX);
}

static void count_gap(struct sf_shape_side *side, uint32_t gap)
{
	if (!side->gap_count || gap < side->gap_min)
		side->gap_min = gap;
	if (gap > side->gap_max)
		side->gap_max = gap;
	side->gap_sum += gap;
	side->gap_count++;
}

/* The list ends with the last second that has packets. */
static void count_second(struct sf_shape_side *side, const struct sf_facts *facts)
{
	const int64_t after = facts->time_ns - side->first_ns;
	unsigned second;
	uint8_t *place;

	if (after >= SF_SHAPE_SECONDS * SECOND)
		return;
	second = after < 0 ? 0 : (unsigned)(after / SECOND);
	place = side->seconds + 1 + 4 * second;
	sf_store_be32(place, at_most((uint64_t)sf_load_be32(place) + facts->octets, UINT32_MAX));
	if (side->seconds[0] < 4 * (second + 1))
		side->seconds[0] = (uint8_t)(4 * (second + 1));
}

void sf_shape_watch(
	uint8_t *own, uint8_t *other, const struct sf_facts *facts, const uint8_t *packet)
{
	struct sf_shape_side *side = (struct sf_shape_side *)(void *)own;
	const uint32_t gap = gap_of(side, facts->time_ns);

	(void)other, (void)packet;
	if (!side->packets)
		side->first_ns = side->last_ns = facts->time_ns;
	else
		count_gap(side, gap);
	if (side->packets < SF_SHAPE_PACKETS) {
		sf_store_be16(side->lengths + 1 + 2 * side->packets,
			(uint16_t)at_most(facts->octets, UINT16_MAX));
		sf_store_be32(side->gaps + 1 + 4 * side->packets, gap);
		side->lengths[0] = (uint8_t)(2 * (side->packets + 1));
		side->gaps[0] = (uint8_t)(4 * (side->packets + 1));
		side->packets++;
	}
	if (facts->time_ns > side->last_ns)
		side->last_ns = facts->time_ns;
	count_second(side, facts);
}

/* The next record has a shape of its own. */
void sf_shape_cut(uint8_t *side)
{
	memset(side, 0, sizeof(struct sf_shape_side));
}
