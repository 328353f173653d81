/* SPDX-License-Identifier: BSD-2-Clause */
/* The event loop on the real clock: sleeping, and being woken by signals and threads. */
#include "loop_support.h"

static void stop(struct sf_timer *timer)
{
	bool *stopped = timer->context;

	*stopped = true;
}

START_TEST(loop_sleeps_until_a_timer)
{
	int64_t begun = sf_clock_read(CLOCK_MONOTONIC);
	struct sf_timer timer;
	struct rusage usage;
	bool stopped = false;

	ck_assert_int_eq(sf_loop_new(&loop), 0);
	ck_assert_int_eq(sf_loop_add_timer(loop, &timer, stop, &stopped), 0);
	sf_timer_set(&timer, begun + 30 * MS_NS);
	while (!stopped)
		ck_assert_int_ge(sf_loop_turn(loop, INT64_MAX), 0);
	ck_assert_int_ge(sf_loop_now(loop), begun + 30 * MS_NS);
	ck_assert_int_lt(sf_loop_now(loop), begun + 20 * SF_NS_PER_S);
	getrusage(RUSAGE_SELF, &usage);
	ck_assert_int_lt(usage.ru_nvcsw, 100);
	sf_loop_free(loop);
}
END_TEST

static void by_handler(int number)
{
	(void)number;
	sf_wakeup_send_now(sf_loop_wakeup(loop));
}

START_TEST(signal_handler_wakes_the_loop)
{
	ck_assert_int_eq(sf_loop_new(&loop), 0);
	signal(SIGALRM, by_handler);
	/* one that came before the sleep is not lost */
	raise(SIGALRM);
	ck_assert_int_eq(sf_loop_turn(loop, INT64_MAX), 1);
	ck_assert_int_eq(sf_loop_turn(loop, 0), 0);
	sf_loop_free(loop);
}
END_TEST

#define NUMBERS   200000
#define PRODUCERS 2

/* Threads that put numbers into rings; the loop takes them. */
static struct sf_ring rings[PRODUCERS];
static _Atomic unsigned producers_done;
static uint64_t taken, sum;

static void *produce(void *context)
{
	struct sf_ring *ring = context;

	for (uint32_t i = 1; i <= NUMBERS;) {
		i += sf_ring_put(ring, &i, 1);
		if (i % 64 == 0)
			sf_wakeup_send(sf_loop_wakeup(loop),
				sf_ring_fill(ring) > 512 ? SF_WAKEUP_URGENT : SF_WAKEUP_WORK);
	}
	atomic_fetch_add(&producers_done, 1);
	sf_wakeup_send_now(sf_loop_wakeup(loop));
	return NULL;
}

static bool rings_have_some(void *context, enum sf_wakeup_level level)
{
	(void)context;
	for (unsigned i = 0; i < PRODUCERS; i++)
		if (sf_ring_fill(&rings[i]) >= (level == SF_WAKEUP_URGENT ? 512 : 1))
			return true;
	return false;
}

static void take_some(void *context)
{
	uint32_t numbers[64];

	(void)context;
	for (unsigned i = 0; i < PRODUCERS; i++) {
		uint32_t n = sf_ring_get(&rings[i], numbers, 64);

		for (uint32_t k = 0; k < n; k++)
			sum += numbers[k];
		taken += n;
	}
	sf_loop_set_level(loop, taken % 3 ? SF_WAKEUP_WORK : SF_WAKEUP_URGENT);
}

static void on_tick(struct sf_timer *timer)
{
	take_some(NULL);
	++*(unsigned *)timer->context;
}

START_TEST(threads_wake_the_loop)
{
	const struct sf_inbox inbox = { .take = take_some, .pending = rings_have_some };
	pthread_t threads[PRODUCERS];
	struct sf_timer tick;
	unsigned ticks = 0;

	ck_assert_int_eq(sf_loop_new(&loop), 0);
	sf_loop_set_inbox(loop, &inbox);
	ck_assert_int_eq(sf_loop_add_timer(loop, &tick, on_tick, &ticks), 0);
	sf_timer_repeat(&tick, 20 * MS_NS);
	for (unsigned i = 0; i < PRODUCERS; i++) {
		ck_assert_int_eq(sf_ring_init(&rings[i], 1024, sizeof(uint32_t)), 0);
		ck_assert_int_eq(pthread_create(&threads[i], NULL, produce, &rings[i]), 0);
	}
	while (taken < (uint64_t)PRODUCERS * NUMBERS)
		ck_assert_int_ge(sf_loop_turn(loop, INT64_MAX), 0);
	for (unsigned i = 0; i < PRODUCERS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(sum, (uint64_t)PRODUCERS * NUMBERS * (NUMBERS + 1) / 2);
	ck_assert_uint_eq(atomic_load(&producers_done), PRODUCERS);
	for (unsigned i = 0; i < PRODUCERS; i++)
		sf_ring_fini(&rings[i]);
	sf_loop_free(loop);
}
END_TEST

/* Without an inbox a wake-up ends the sleep, and that is all. */
START_TEST(wakeup_without_an_inbox_ends_the_sleep)
{
	make();
	sf_wakeup_send_now(sf_loop_wakeup(loop));
	ck_assert_int_gt(sf_loop_turn(loop, START + 1000), 0);
	ck_assert_int_eq(sf_loop_now(loop), START);
	/* nobody sleeps: nothing is written */
	sf_wakeup_send(sf_loop_wakeup(loop), SF_WAKEUP_URGENT);
	ck_assert_int_eq(sf_loop_turn(loop, START + 1000), 0);
	ck_assert_int_eq(sf_loop_now(loop), START + 1000);
	sf_loop_free(loop);
}
END_TEST

CHECK_MAIN("loop_threads", loop_sleeps_until_a_timer, signal_handler_wakes_the_loop,
	threads_wake_the_loop, wakeup_without_an_inbox_ends_the_sleep)
