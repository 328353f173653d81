/* SPDX-License-Identifier: BSD-2-Clause */
/* Lengths, gaps and seconds of a direction's packets (base/shape.h), each by its definition. */
#include <string.h>

#include "base/shape.h"
#include "base/wire.h"
#include "check_main.h"

static struct sf_shape_side side;

static void send_at(int64_t us, uint32_t octets)
{
	const struct sf_facts facts = { .time_ns = us * 1000, .octets = octets };

	sf_shape_watch((uint8_t *)&side, NULL, &facts, NULL);
}

START_TEST(first_packets)
{
	memset(&side, 0, sizeof(side));
	for (uint32_t i = 0; i < 40; i++)
		send_at(1000 + (int64_t)i * i, 100 + i);
	ck_assert_uint_eq(side.lengths[0], 2 * SF_SHAPE_PACKETS);
	ck_assert_uint_eq(side.gaps[0], 4 * SF_SHAPE_PACKETS);
	for (uint32_t i = 0; i < SF_SHAPE_PACKETS; i++) {
		ck_assert_uint_eq(sf_load_be16(side.lengths + 1 + 2 * i), 100 + i);
		ck_assert_uint_eq(sf_load_be32(side.gaps + 1 + 4 * i), i ? 2 * i - 1 : 0);
	}
	ck_assert_uint_eq(side.gap_count, 39);
	ck_assert_uint_eq(side.gap_min, 1);
	ck_assert_uint_eq(side.gap_max, 2 * 39 - 1);
	ck_assert_uint_eq(side.gap_sum, 39 * 39);
}
END_TEST

START_TEST(seconds)
{
	memset(&side, 0, sizeof(side));
	send_at(500000, 100);
	send_at(1499999, 20); /* still the first second of the direction */
	send_at(1500000, 3);
	send_at(4500000, UINT32_MAX);
	send_at(4500001, 10); /* more than the number holds */
	ck_assert_uint_eq(side.seconds[0], 4 * 5);
	ck_assert_uint_eq(sf_load_be32(side.seconds + 1), 120);
	ck_assert_uint_eq(sf_load_be32(side.seconds + 5), 3);
	ck_assert_uint_eq(sf_load_be32(side.seconds + 9), 0);
	ck_assert_uint_eq(sf_load_be32(side.seconds + 17), UINT32_MAX);
	send_at(16499999, 7);
	ck_assert_uint_eq(side.seconds[0], 4 * SF_SHAPE_SECONDS);
	send_at(16500000, 9); /* beyond the seconds that are kept */
	ck_assert_uint_eq(sf_load_be32(side.seconds + 1 + 4 * 15), 7);
}
END_TEST

/*
 * Packets that are earlier than the one before have no gap, lengths end at 65535, times may be any.
 */
START_TEST(odd_packets)
{
	memset(&side, 0, sizeof(side));
	send_at(5000000, 100000);
	send_at(1000000, 50);
	send_at(5000010, 60);
	ck_assert_uint_eq(sf_load_be16(side.lengths + 1), UINT16_MAX);
	ck_assert_uint_eq(sf_load_be32(side.gaps + 5), 0);
	ck_assert_uint_eq(sf_load_be32(side.gaps + 9), 10);
	ck_assert_uint_eq(sf_load_be32(side.seconds + 1), 100110);
	send_at(INT64_C(4000000000000000), 1);
	ck_assert_uint_eq(side.gap_max, UINT32_MAX);
	sf_shape_cut((uint8_t *)&side);
	send_at(1, 70);
	ck_assert_uint_eq(side.gap_count, 0);
	ck_assert_uint_eq(side.lengths[0], 2);
}
END_TEST

CHECK_MAIN("shape", first_packets, seconds, odd_packets)
