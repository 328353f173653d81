/* SPDX-License-Identifier: BSD-2-Clause */
/* Device ticks to system time (drivers/dpdk/clock.c). */
#include "check_main.h"
#include "dpdk/clock.h"

#define START  INT64_C(1700000000000000000)
#define SECOND INT64_C(1000000000)

/* A device that ticks 156.25 MHz: 6.4 ns a tick. */
static uint64_t ticks_at(int64_t time_ns, double drift)
{
	return 1000000 + (uint64_t)((double)(time_ns - START) / 6.4 * (1 + drift));
}

START_TEST(test_unknown_rate)
{
	struct sf_dpdk_clock clock = { 0 };

	sf_dpdk_clock_pair(&clock, ticks_at(START, 0), START);
	ck_assert_int_eq(sf_dpdk_clock_time(&clock, ticks_at(START, 0)), 0);
	/* too close to the first for a rate */
	sf_dpdk_clock_pair(&clock, ticks_at(START + 1000, 0), START + 1000);
	ck_assert_int_eq(sf_dpdk_clock_time(&clock, ticks_at(START, 0)), 0);
}
END_TEST

START_TEST(test_maps_around_the_pair)
{
	struct sf_dpdk_clock clock = { 0 };

	sf_dpdk_clock_pair(&clock, ticks_at(START, 0), START);
	sf_dpdk_clock_pair(&clock, ticks_at(START + SECOND, 0), START + SECOND);
	for (int64_t offset = -50000000; offset <= 50000000; offset += 12345678) {
		int64_t time = START + SECOND + offset;
		int64_t mapped = sf_dpdk_clock_time(&clock, ticks_at(time, 0));

		ck_assert_int_le(llabs(mapped - time), 10);
	}
}
END_TEST

/* 100 ppm off: mapping follows, pair after pair. */
START_TEST(test_follows_drift)
{
	struct sf_dpdk_clock clock = { 0 };

	for (int64_t i = 0; i < 100; i++) {
		int64_t time = START + i * SECOND;

		sf_dpdk_clock_pair(&clock, ticks_at(time, 100e-6), time);
	}
	ck_assert_int_le(llabs(sf_dpdk_clock_time(
				       &clock, ticks_at(START + 99 * SECOND + 500000000, 100e-6)) -
				 (START + 99 * SECOND + 500000000)),
		1000);
}
END_TEST

/* The system's clock is set back by an hour: device time follows with the next pair. */
START_TEST(test_clock_set_back)
{
	const int64_t hour = 3600 * SECOND;
	struct sf_dpdk_clock clock = { 0 };

	sf_dpdk_clock_pair(&clock, ticks_at(START, 0), START);
	sf_dpdk_clock_pair(&clock, ticks_at(START + SECOND, 0), START + SECOND);
	for (int64_t at = START + 2 * SECOND; at < START + 5 * SECOND; at += SECOND) {
		sf_dpdk_clock_pair(&clock, ticks_at(at, 0), at - hour);
		ck_assert_int_le(llabs(sf_dpdk_clock_time(&clock, ticks_at(at + 1000, 0)) -
					 (at + 1000 - hour)),
			10);
	}
}
END_TEST

CHECK_MAIN("dpdk_clock", test_unknown_rate, test_maps_around_the_pair, test_follows_drift,
	test_clock_set_back)
