/* SPDX-License-Identifier: BSD-2-Clause */
#include <poll.h>
#include <pthread.h>

#include <spanflow/error.h>

#include "base/clock.h"
#include "base/local.h"
#include "base/ring.h"
#include "base/wakeup.h"
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

/* docs/design.md §6: a jump by more than the idle timeout counts once 64 packets in a row agree. */
START_TEST(clock_believes_a_jump_that_many_packets_agree_with)
{
	struct sf_clock clock;

	sf_clock_init(&clock, 15 * S);
	sf_clock_advance(&clock, 0);
	for (int i = 0; i < 63; i++)
		ck_assert_int_eq(sf_clock_advance(&clock, 1000 * S + i), 0);
	ck_assert_int_eq(sf_clock_advance(&clock, 1 * S), 1 * S);
	for (int i = 0; i < 63; i++)
		ck_assert_int_eq(sf_clock_advance(&clock, 1000 * S - i), 1 * S);
	ck_assert_int_eq(sf_clock_advance(&clock, 1000 * S), 1000 * S);
}
END_TEST

/* … or three over as long a time as the idle timeout. */
START_TEST(clock_believes_a_jump_that_goes_on)
{
	struct sf_clock clock;

	sf_clock_init(&clock, 15 * S);
	sf_clock_advance(&clock, 0);
	ck_assert_int_eq(sf_clock_advance(&clock, 100 * S), 0);
	ck_assert_int_eq(sf_clock_advance(&clock, 107 * S), 0);
	ck_assert_int_eq(sf_clock_advance(&clock, 115 * S), 115 * S);
	ck_assert_int_eq(sf_clock_advance(&clock, 116 * S), 116 * S);
}
END_TEST

/* Each packet is a jump: the clock is some packets late, and no more. */
START_TEST(clock_follows_sparse_packets)
{
	const int64_t step[] = { 20 * S, 60 * S, 86400 * S, 30 * 86400 * S };

	for (unsigned k = 0; k < sizeof(step) / sizeof(step[0]); k++) {
		struct sf_clock clock;

		sf_clock_init(&clock, 15 * S);
		for (int i = 0; i < 1000; i++) {
			int64_t now = sf_clock_advance(&clock, i * step[k]);

			ck_assert_int_le(now, i * step[k]);
			ck_assert_int_ge(now, (i - 3) * step[k]);
		}
		ck_assert_int_eq(sf_clock_finish(&clock), 999 * step[k]);
	}
}
END_TEST

/* A random sparse stream with one wild time stamp in it, of which nothing is to be seen later. */
START_TEST(clock_is_never_moved_by_a_single_wild_time)
{
	uint32_t random = 1;

	for (unsigned round = 0; round < 20000; round++) {
		unsigned count = 5 + (random >> 8) % 40, wild = 1 + (random >> 16) % (count - 2);
		struct sf_clock clock, other;
		int64_t time = 1000 * S;

		sf_clock_init(&clock, 15 * S);
		sf_clock_init(&other, 15 * S);
		for (unsigned i = 0; i < count; i++) {
			int64_t now;

			random = random * 1664525 + 1013904223;
			time += random >> 31 ? (int64_t)(random >> 12 & 0xffff) * 1000000 : 1000;
			if (i == wild) {
				int64_t far = (int64_t)(120 + (random >> 3 & 0xfffff)) * S;

				now = sf_clock_advance(
					&clock, time + (random & 1 ? far : far * 1000));
				ck_assert_int_le(now, time);
				continue;
			}
			now = sf_clock_advance(&clock, time);
			ck_assert_int_le(now, time);
			sf_clock_advance(&other, time);
		}
		ck_assert_int_eq(sf_clock_finish(&clock), time);
		ck_assert_int_eq(sf_clock_finish(&other), time);
	}
}
END_TEST

START_TEST(clock_takes_a_pending_jump_at_the_end)
{
	static const struct {
		int64_t times[5], end;
	} of[] = {
		{ { 0, 100, 101, 102, 103 }, 103 },
		{ { 0, 1, 2, 3, 100 }, 100 },
		/* one packet alone a year ahead, and after a gap */
		{ { 0, 1, 2, 3, 31536000 }, 3 },
		{ { 0, 1, 2, 100, 31536000 }, 100 },
		{ { 0, 1, 31536000, 100, 101 }, 101 },
		{ { 0, 1, 100, 31536000, 101 }, 101 },
		{ { 0, 1, 100, 31536000, 63072000 }, 31536000 },
		/* two agree */
		{ { 0, 1, 2, 31536000, 31536001 }, 31536001 },
		{ { 0, 1, 31536000, 31536001, 2 }, 2 },
	};

	for (unsigned k = 0; k < sizeof(of) / sizeof(of[0]); k++) {
		struct sf_clock clock;

		sf_clock_init(&clock, 15 * S);
		for (unsigned i = 0; i < 5; i++)
			sf_clock_advance(&clock, of[k].times[i] * S);
		ck_assert_int_eq(sf_clock_finish(&clock), of[k].end * S);
	}
}
END_TEST

/* Any number can be a time, and nothing overflows. */
START_TEST(clock_stands_extreme_times)
{
	static const int64_t times[] = { INT64_MIN, INT64_MAX, -S, 0, INT64_MAX - 1,
		INT64_MIN + 1 };
	static const int64_t limits[] = { 1, 15 * S, INT64_MAX };

	for (unsigned k = 0; k < 3; k++) {
		uint32_t random = 1;
		struct sf_clock clock;

		sf_clock_init(&clock, limits[k]);
		for (unsigned i = 0; i < 10000; i++) {
			int64_t before = clock.now;

			random = random * 1664525 + 1013904223;
			ck_assert_int_ge(
				sf_clock_advance(&clock, times[(random >> 16) % 6]), before);
		}
		sf_clock_finish(&clock);
	}
}
END_TEST

/*
 * Time goes on, stands still, steps back, or jumps and comes back: after fewer packets than confirm
 * a jump, and after more.
 */
static int64_t next_time(uint32_t *random, int64_t *time)
{
	static int64_t jump;
	static unsigned jumping;

	*random = *random * 1664525 + 1013904223;
	if (jumping) {
		jumping--;
		return *time + jump;
	}
	switch (*random >> 24) {
	case 0 ... 1:
		jump = (int64_t)(20 + (*random >> 16 & 7)) * S;
		jumping = *random >> 8 & 127;
		return *time + jump;
	case 2 ... 20:
		return *time - (int64_t)(*random >> 12 & 0xfff) * 1000000;
	case 21 ... 40:
		return *time;
	default:
		return *time += (int64_t)(*random >> 12 & 0xfff) * 1000;
	}
}

START_TEST(clock_follows_a_batch_as_it_follows_packets_one_by_one)
{
	struct sf_packet packets[SF_BATCH_MAX] = { 0 };
	int64_t times[SF_BATCH_MAX], time = 100 * S;
	struct sf_clock one, batch;
	uint32_t random = 1;
	unsigned jumps = 0, owns = 0;
	bool own;

	sf_clock_init(&one, 15 * S);
	sf_clock_init(&batch, 15 * S);
	for (unsigned round = 0; round < 3000; round++) {
		unsigned count = 1 + (random >> 20) % SF_BATCH_MAX;

		for (unsigned i = 0; i < count; i++)
			packets[i].time_ns = next_time(&random, &time);
		own = sf_clock_follow(&batch, packets, count, times);
		owns += own;
		for (unsigned i = 0; i < count; i++) {
			int64_t before = one.now;

			ck_assert_int_eq(own ? packets[i].time_ns : times[i],
				sf_clock_advance(&one, packets[i].time_ns));
			jumps += before != INT64_MIN && one.now - before > 15 * S;
		}
		ck_assert_int_eq(batch.now, one.now);
		ck_assert_uint_eq(batch.agreed, one.agreed);
		time = one.now;
	}
	ck_assert_uint_gt(jumps, 10);
	ck_assert_uint_gt(owns, 10);
}
END_TEST

static bool is_readable(struct sf_wakeup *wakeup)
{
	return poll(&(struct pollfd){ .fd = wakeup->fd, .events = POLLIN }, 1, 0) == 1;
}

START_TEST(wakeup_heeds_levels)
{
	struct sf_wakeup wakeup;

	ck_assert_int_eq(sf_wakeup_init(&wakeup), 0);
	sf_wakeup_send(&wakeup, SF_WAKEUP_URGENT);
	ck_assert(!is_readable(&wakeup));
	sf_wakeup_arm(&wakeup, SF_WAKEUP_URGENT);
	sf_wakeup_send(&wakeup, SF_WAKEUP_WORK);
	ck_assert(!is_readable(&wakeup));
	sf_wakeup_send(&wakeup, SF_WAKEUP_URGENT);
	ck_assert(is_readable(&wakeup));
	sf_wakeup_disarm(&wakeup);
	ck_assert(!is_readable(&wakeup));
	sf_wakeup_arm(&wakeup, SF_WAKEUP_WORK);
	sf_wakeup_send(&wakeup, SF_WAKEUP_WORK);
	ck_assert(is_readable(&wakeup));
	/* the first one wakes it, the others write no more */
	ck_assert(!sf_wakeup_is_wanted(&wakeup, SF_WAKEUP_URGENT));
	sf_wakeup_disarm(&wakeup);
	sf_wakeup_send_now(&wakeup);
	ck_assert(is_readable(&wakeup));
	sf_wakeup_fini(&wakeup);
	sf_wakeup_fini(&wakeup);
	sf_wakeup_send_now(&wakeup);
}
END_TEST

#define TURNS 20000

static struct sf_wakeup wakeups[2];
static _Atomic unsigned turn;

/* Two threads by turns: each sleeps until the other has raised the number. */
static void *take_turns(void *context)
{
	unsigned me = context != NULL;

	while (atomic_load(&turn) < TURNS) {
		sf_wakeup_arm(&wakeups[me], SF_WAKEUP_WORK);
		if (atomic_load(&turn) % 2 != me && atomic_load(&turn) < TURNS)
			ck_assert_int_eq(
				poll(&(struct pollfd){ .fd = wakeups[me].fd, .events = POLLIN }, 1,
					10000),
				1);
		sf_wakeup_disarm(&wakeups[me]);
		if (atomic_load(&turn) % 2 != me)
			continue;
		atomic_fetch_add(&turn, 1);
		sf_wakeup_send(&wakeups[!me], SF_WAKEUP_WORK);
	}
	return NULL;
}

/* No wake-up is missed where both sides are sequentially consistent. */
START_TEST(wakeup_is_never_missed)
{
	pthread_t thread;

	ck_assert_int_eq(sf_wakeup_init(&wakeups[0]), 0);
	ck_assert_int_eq(sf_wakeup_init(&wakeups[1]), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, take_turns, wakeups), 0);
	take_turns(NULL);
	pthread_join(thread, NULL);
	ck_assert_uint_ge(atomic_load(&turn), TURNS);
	sf_wakeup_fini(&wakeups[0]);
	sf_wakeup_fini(&wakeups[1]);
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

/*
 * sf_private_networks, which people name, and the tables of flowDirection do not contradict each
 * other.
 */
START_TEST(private_networks_are_those_of_flow_direction_and_some_more)
{
	static const uint8_t shared[4] = { 100, 127, 255, 255 }, other[4] = { 100, 128 };
	unsigned more = 0;

	for (unsigned head = 0; head < 65536; head++) {
		const uint8_t address[16] = { (uint8_t)(head >> 8), (uint8_t)head };
		bool listed = sf_private_has(address, 4);

		if (sf_local_is_private(address, false))
			ck_assert_msg(listed, "%u.%u.0.0", address[0], address[1]);
		else
			more += listed;
		if (sf_local_is_private(address, true))
			ck_assert_msg(sf_private_has(address, 16), "%04x::", head);
	}
	ck_assert_uint_eq(more, 64 + 256 + 1); /* 100.64/10, 127/8, 169.254/16 */
	ck_assert(sf_private_has(shared, 4) && !sf_private_has(other, 4));
	ck_assert(!sf_private_has(shared, 0)); /* a host of unknown version */
}
END_TEST

START_TEST(networks_are_read_whole_or_not_at_all)
{
	static const char *const wrong[] = { "", "x", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/8x",
		"10.0.0.0/-1", "10.0.0/8", "::/129", "::/00128", "1.2.3.4/8/8",
		"0000:0000:0000:0000:0000:ffff:255.255.255.255:0000:0000/128" };
	static const struct {
		const char *text;
		uint8_t first, length, bits;
	} right[] = { { "10.0.0.0/8", 10, 4, 8 }, { "192.0.2.1", 192, 4, 32 },
		{ "0.0.0.0/0", 0, 4, 0 }, { "2001:db8::/32", 0x20, 16, 32 }, { "::1", 0, 16, 128 },
		{ "0000:0000:0000:0000:0000:ffff:255.255.255.255/128", 0, 16, 128 } };
	struct sf_network network;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(
			!sf_network_parse(wrong[i], strlen(wrong[i]), &network), "%s", wrong[i]);
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		const char *text = right[i].text;

		ck_assert_msg(sf_network_parse(text, strlen(text), &network), "%s", text);
		ck_assert_uint_eq(network.address[0], right[i].first);
		ck_assert_uint_eq(network.length, right[i].length);
		ck_assert_uint_eq(network.bits, right[i].bits);
	}
	/* the text need not end behind the network */
	ck_assert(sf_network_parse("10.0.0.0/89", 10, &network) && network.bits == 8);
}
END_TEST

/* What a damaged file or a name says does not reach the terminal as a command. */
START_TEST(errors_have_no_control_characters)
{
	struct sf_error error;

	sf_error_set(&error, SF_ECORRUPT, "%s", "a\033[31m\tb\nc\x7f \xc2\x9b\xc2\xa0\xc3\xa4\xc2");
	ck_assert_str_eq(error.text, "a?[31m?b\nc? ??\xc2\xa0\xc3\xa4\xc2");
}
END_TEST

CHECK_MAIN("base", clock_follows_packets_and_never_steps_back,
	clock_believes_a_jump_that_many_packets_agree_with, clock_believes_a_jump_that_goes_on,
	clock_follows_sparse_packets, clock_is_never_moved_by_a_single_wild_time,
	clock_takes_a_pending_jump_at_the_end, clock_stands_extreme_times,
	clock_follows_a_batch_as_it_follows_packets_one_by_one, wakeup_heeds_levels,
	wakeup_is_never_missed, ring_keeps_order_over_the_wrap_and_refuses_when_full,
	private_networks_are_those_of_flow_direction_and_some_more,
	networks_are_read_whole_or_not_at_all, errors_have_no_control_characters)
