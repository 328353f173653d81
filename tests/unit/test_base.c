/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/clock.h"
#include "base/ring.h"
#include "base/wire.h"
#include "check_main.h"

#define S INT64_C(1000000000)

START_TEST(clock_follows_packets_and_never_steps_back)
{
	struct sf_clock clock;

	sf_clock_init(&clock, 15 * S);
	ck_assert_int_eq(sf_clock_advance(&clock, 100 * S), 100 * S);
	ck_assert_int_eq(sf_clock_advance(&clock, 90 * S), 100 * S);
	ck_assert_int_eq(sf_clock_advance(&clock, 115 * S), 115 * S);
}
END_TEST

/* DESIGN §6: a jump by more than the idle timeout counts once 64 packets in a row agree. */
START_TEST(clock_wants_64_packets_to_believe_a_jump)
{
	struct sf_clock clock;

	sf_clock_init(&clock, 15 * S);
	sf_clock_advance(&clock, 0);
	for (int i = 0; i < 63; i++)
		ck_assert_int_eq(sf_clock_advance(&clock, 1000 * S + i), 0);
	ck_assert_int_eq(sf_clock_advance(&clock, 1 * S), 1 * S);
	for (int i = 0; i < 63; i++)
		ck_assert_int_eq(sf_clock_advance(&clock, 1000 * S + i), 1 * S);
	ck_assert_int_eq(sf_clock_advance(&clock, 1000 * S), 1000 * S);
}
END_TEST

START_TEST(clock_takes_a_pending_jump_at_the_end)
{
	struct sf_clock clock;

	sf_clock_init(&clock, 15 * S);
	sf_clock_advance(&clock, 0);
	sf_clock_advance(&clock, 100 * S);
	ck_assert_int_eq(sf_clock_finish(&clock), 100 * S);
}
END_TEST

START_TEST(cursor_error_is_sticky_and_reads_zero)
{
	static const uint8_t bytes[] = { 1, 2, 3 };
	struct sf_cursor cursor = sf_cursor_init(bytes, sizeof(bytes));

	ck_assert_uint_eq(sf_cursor_be16(&cursor), 0x0102);
	ck_assert_uint_eq(sf_cursor_be16(&cursor), 0);
	ck_assert(cursor.failed);
	ck_assert_uint_eq(sf_cursor_u8(&cursor), 0);
}
END_TEST

START_TEST(ring_keeps_order_over_the_wrap_and_refuses_when_full)
{
	struct sf_ring ring;
	uint32_t in = 0, out = 0, values[7];

	ck_assert_int_eq(sf_ring_init(&ring, 8, sizeof(uint32_t)), 0);
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < 5; i++)
			values[i] = in + (uint32_t)i;
		in += sf_ring_put(&ring, values, 5);
		uint32_t n = sf_ring_get(&ring, values, 3);
		for (uint32_t i = 0; i < n; i++)
			ck_assert_uint_eq(values[i], out++);
	}
	ck_assert_uint_le(in - out, 8);
	sf_ring_fini(&ring);
}
END_TEST

CHECK_MAIN("base", clock_follows_packets_and_never_steps_back,
	clock_wants_64_packets_to_believe_a_jump, clock_takes_a_pending_jump_at_the_end,
	cursor_error_is_sticky_and_reads_zero, ring_keeps_order_over_the_wrap_and_refuses_when_full)
