/* SPDX-License-Identifier: BSD-2-Clause */
/* The event loop. Time is a fake clock but where the real one is the matter. */
#include "loop_support.h"

/* ---------------------------------------------------------------- descriptors */

/* A pipe whose reading end is watched. */
struct line {
	struct sf_watch watch;
	int write_fd;
	unsigned calls, ready;
	struct line *victim; /* removed by the call */
};

static void on_line(struct sf_watch *watch, unsigned ready)
{
	struct line *line = watch->context;

	line->calls++;
	line->ready = ready;
	if (line->victim)
		sf_watch_remove(&line->victim->watch);
}

static void line_open(struct line *line, bool with_byte)
{
	int ends[2];

	*line = (struct line){ 0 };
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	line->write_fd = ends[1];
	ck_assert_int_eq(
		sf_loop_add_watch(loop, &line->watch, ends[0], SF_LOOP_READ, on_line, line), 0);
	if (with_byte)
		ck_assert_int_eq(write(ends[1], "x", 1), 1);
}

static void line_close(struct line *line)
{
	sf_watch_remove(&line->watch);
	close(line->watch.fd);
	if (line->write_fd >= 0)
		close(line->write_fd);
}

static int turn(void)
{
	return sf_loop_turn(loop, 0);
}

START_TEST(descriptor_is_served_once_per_turn_while_it_is_ready)
{
	struct line line;
	char byte;

	make();
	line_open(&line, false);
	ck_assert_int_eq(turn(), 0);
	ck_assert_uint_eq(line.calls, 0);
	ck_assert_int_eq(write(line.write_fd, "x", 1), 1);
	ck_assert_int_eq(turn(), 1);
	ck_assert_int_eq(turn(), 1);
	ck_assert_uint_eq(line.calls, 2);
	ck_assert_uint_eq(line.ready, SF_LOOP_READ);
	ck_assert_int_eq(read(line.watch.fd, &byte, 1), 1);
	ck_assert_int_eq(turn(), 0);
	line_close(&line);
	ck_assert_ptr_null(line.watch.loop);
	sf_watch_remove(&line.watch);
	sf_watch_remove(&(struct sf_watch){ 0 });
	sf_loop_free(loop);
	sf_loop_free(NULL);
}
END_TEST

START_TEST(hang_up_is_told_as_ready_unless_nothing_is_asked_for)
{
	struct line line;

	make();
	line_open(&line, false);
	close(line.write_fd);
	line.write_fd = -1;
	ck_assert_int_eq(turn(), 1);
	ck_assert_uint_eq(line.ready, SF_LOOP_READ);
	ck_assert_int_eq(sf_watch_set(&line.watch, 0), 0);
	ck_assert_int_eq(turn(), 0);
	ck_assert_int_eq(sf_watch_set(&line.watch, 0), 0);
	ck_assert_int_eq(sf_watch_set(&line.watch, SF_LOOP_READ), 0);
	ck_assert_int_eq(turn(), 1);
	line_close(&line);
	sf_loop_free(loop);
}
END_TEST

START_TEST(events_can_be_changed)
{
	struct line line;
	struct sf_watch out;

	make();
	line_open(&line, true);
	ck_assert_int_eq(
		sf_loop_add_watch(loop, &out, line.write_fd, SF_LOOP_WRITE, on_line, &line), 0);
	ck_assert_int_eq(sf_watch_set(&line.watch, 0), 0);
	ck_assert_int_eq(turn(), 1);
	ck_assert_uint_eq(line.ready, SF_LOOP_WRITE);
	ck_assert_int_eq(sf_watch_set(&out, SF_LOOP_READ), 0);
	ck_assert_int_eq(turn(), 0);
	ck_assert_int_eq(sf_watch_set(&out, SF_LOOP_READ | SF_LOOP_WRITE), 0);
	ck_assert_int_eq(turn(), 1);
	ck_assert_uint_eq(line.ready, SF_LOOP_WRITE);
	sf_watch_remove(&out);
	line_close(&line);
	sf_loop_free(loop);
}
END_TEST

/* Both are ready in one turn, and whichever is served first removes the other. */
START_TEST(removed_descriptor_is_not_served_in_the_same_turn)
{
	struct line one, other;

	make();
	line_open(&one, true);
	line_open(&other, true);
	one.victim = &other;
	other.victim = &one;
	ck_assert_int_eq(turn(), 1);
	ck_assert_uint_eq(one.calls + other.calls, 1);
	ck_assert_int_eq(turn(), 1);
	ck_assert_uint_eq(one.calls + other.calls, 2);
	line_close(&one);
	line_close(&other);
	sf_loop_free(loop);
}
END_TEST

/* Removes its watch, frees it, and adds another one for the same descriptor. */
static struct sf_watch second;

static void on_second(struct sf_watch *watch, unsigned ready)
{
	(void)ready;
	*(unsigned *)watch->context += 100;
}

static void replace_itself(struct sf_watch *watch, unsigned ready)
{
	unsigned *calls = watch->context;
	int fd = watch->fd;

	(void)ready;
	++*calls;
	sf_watch_remove(watch);
	free(watch);
	ck_assert_int_eq(sf_loop_add_watch(loop, &second, fd, SF_LOOP_READ, on_second, calls), 0);
}

START_TEST(descriptor_can_be_removed_and_added_by_its_function)
{
	struct sf_watch *first = malloc(sizeof(*first));
	unsigned calls = 0;
	int ends[2];

	make();
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], "x", 1), 1);
	ck_assert_int_eq(
		sf_loop_add_watch(loop, first, ends[0], SF_LOOP_READ, replace_itself, &calls), 0);
	ck_assert_int_eq(turn(), 1);
	ck_assert_uint_eq(calls, 1);
	ck_assert_int_eq(turn(), 1);
	ck_assert_uint_eq(calls, 101);
	sf_watch_remove(&second);
	close(ends[0]);
	close(ends[1]);
	sf_loop_free(loop);
}
END_TEST

START_TEST(regular_file_and_closed_descriptor_are_refused)
{
	struct sf_watch watch;
	FILE *file = tmpfile();

	make();
	ck_assert_int_eq(
		sf_loop_add_watch(loop, &watch, fileno(file), SF_LOOP_READ, on_line, NULL), -EPERM);
	ck_assert_ptr_null(watch.loop);
	ck_assert_int_eq(sf_loop_add_watch(loop, &watch, -1, SF_LOOP_READ, on_line, NULL), -EBADF);
	sf_watch_remove(&watch);
	fclose(file);
	sf_loop_free(loop);
}
END_TEST

START_TEST(turn_serves_a_bounded_number_and_starves_nobody)
{
	enum { MANY = 2 * SF_LOOP_EVENTS - 8 };
	static struct line lines[MANY];
	unsigned served = 0;

	make();
	for (unsigned i = 0; i < MANY; i++)
		line_open(&lines[i], true);
	ck_assert_int_eq(turn(), SF_LOOP_EVENTS);
	ck_assert_int_eq(turn(), SF_LOOP_EVENTS);
	for (unsigned i = 0; i < MANY; i++) {
		served += lines[i].calls > 0;
		line_close(&lines[i]);
	}
	ck_assert_uint_eq(served, MANY);
	sf_loop_free(loop);
}
END_TEST

/* ---------------------------------------------------------------- timers */

static char order[64];

static void on_letter(struct sf_timer *timer)
{
	strncat(order, timer->context, 1);
}

/* What the fake clock shows when nothing is left to wait for. */
static int64_t run_out(void)
{
	order[0] = '\0';
	for (int64_t before = -1; before != sf_loop_now(loop);) {
		before = sf_loop_now(loop);
		ck_assert_int_ge(sf_loop_turn(loop, INT64_MAX), 0);
	}
	return sf_loop_now(loop) - START;
}

START_TEST(timers_expire_in_order_and_once)
{
	struct sf_timer a, b, c, d;

	make();
	ck_assert_int_eq(sf_loop_add_timer(loop, &a, on_letter, "a"), 0);
	ck_assert_int_eq(sf_loop_add_timer(loop, &b, on_letter, "b"), 0);
	ck_assert_int_eq(sf_loop_add_timer(loop, &c, on_letter, "c"), 0);
	ck_assert_int_eq(sf_loop_add_timer(loop, &d, on_letter, "d"), 0);
	ck_assert_int_eq(run_out(), 0);
	sf_timer_set(&a, START + 30);
	sf_timer_set(&b, START + 10);
	sf_timer_set(&c, START + 20);
	sf_timer_set(&d, START + 40);
	sf_timer_stop(&c);
	sf_timer_set(&a, START + 5);
	ck_assert_int_eq(run_out(), 40);
	ck_assert_str_eq(order, "abd");
	ck_assert_int_eq(a.at, INT64_MAX);
	/* what has passed comes with the next turn */
	sf_timer_set(&a, 0);
	run_out();
	ck_assert_str_eq(order, "a");
	sf_timer_set(&a, START + 100);
	sf_timer_remove(&a);
	sf_timer_remove(&a);
	sf_timer_remove(&(struct sf_timer){ 0 });
	run_out();
	ck_assert_str_eq(order, "");
	sf_loop_free(loop);
}
END_TEST

static void count(struct sf_timer *timer)
{
	++*(unsigned *)timer->context;
}

START_TEST(periodic_timers_expire_at_multiples)
{
	struct sf_timer one, other;
	unsigned ones = 0, others = 0, turns = 0;

	make();
	sf_loop_fake_clock(loop, 7);
	ck_assert_int_eq(sf_loop_add_timer(loop, &one, count, &ones), 0);
	ck_assert_int_eq(sf_loop_add_timer(loop, &other, count, &others), 0);
	sf_timer_repeat(&one, 100);
	sf_timer_repeat(&other, 50);
	for (; sf_loop_now(loop) < 1000; turns++)
		sf_loop_turn(loop, INT64_MAX);
	ck_assert_uint_eq(ones, 10);
	ck_assert_uint_eq(others, 20);
	ck_assert_uint_eq(turns, 20);
	/* the thread was busy for ten periods: they are not made up for */
	sf_loop_fake_clock(loop, 2033);
	turn();
	ck_assert_uint_eq(ones, 11);
	ck_assert_int_eq(one.at, 2100);
	sf_timer_set(&one, 2040);
	sf_timer_stop(&other);
	while (sf_loop_turn(loop, 5000) > 0)
		;
	ck_assert_uint_eq(ones, 12);
	sf_loop_free(loop);
}
END_TEST

/* A day of seconds takes no time, and a turn does not pass over its limit. */
START_TEST(fake_clock_passes_where_the_loop_would_sleep)
{
	struct sf_timer timer;
	unsigned calls = 0;
	struct line line;

	make();
	ck_assert_int_eq(sf_loop_add_timer(loop, &timer, count, &calls), 0);
	sf_timer_repeat(&timer, SF_NS_PER_S);
	while (sf_loop_now(loop) < START + 86400 * SF_NS_PER_S)
		ck_assert_int_eq(sf_loop_turn(loop, INT64_MAX), 1);
	ck_assert_uint_eq(calls, 86400);
	ck_assert_int_eq(sf_loop_turn(loop, sf_loop_now(loop) + 5), 0);
	ck_assert_int_eq(sf_loop_now(loop) % SF_NS_PER_S, 5);
	/* a descriptor that is ready comes before time passes */
	line_open(&line, true);
	sf_loop_turn(loop, INT64_MAX);
	ck_assert_uint_eq(line.calls, 1);
	ck_assert_int_eq(sf_loop_now(loop) % SF_NS_PER_S, 5);
	line_close(&line);
	sf_loop_free(loop);
}
END_TEST

static struct sf_timer *victims[2];

static void remove_both(struct sf_timer *timer)
{
	++*(unsigned *)timer->context;
	for (unsigned i = 0; i < 2; i++) {
		sf_timer_remove(victims[i]);
		free(victims[i]);
	}
}

static void set_again(struct sf_timer *timer)
{
	++*(unsigned *)timer->context;
	sf_timer_set(timer, sf_loop_now(timer->loop));
}

START_TEST(timers_can_be_removed_added_and_set_by_functions)
{
	unsigned calls = 0;
	struct sf_timer again;

	make();
	for (unsigned i = 0; i < 2; i++) {
		victims[i] = malloc(sizeof(*victims[i]));
		ck_assert_int_eq(sf_loop_add_timer(loop, victims[i], remove_both, &calls), 0);
		sf_timer_set(victims[i], START + 10);
	}
	sf_loop_turn(loop, INT64_MAX);
	sf_loop_turn(loop, START + 20);
	ck_assert_uint_eq(calls, 1);
	/* a timer that is always due does not keep a turn from ending */
	ck_assert_int_eq(sf_loop_add_timer(loop, &again, set_again, &calls), 0);
	sf_timer_set(&again, START + 30);
	for (unsigned i = 0; i < 10; i++)
		ck_assert_int_eq(sf_loop_turn(loop, INT64_MAX), 1);
	ck_assert_uint_eq(calls, 11);
	sf_loop_free(loop);
}
END_TEST

/* Against the plain minimum of an array. */
START_TEST(heap_keeps_its_order)
{
	enum { TIMERS = 100, STEPS = 20000 };
	static struct sf_timer timers[TIMERS];
	unsigned calls = 0, random = 1;

	make();
	for (unsigned i = 0; i < TIMERS; i++)
		ck_assert_int_eq(sf_loop_add_timer(loop, &timers[i], count, &calls), 0);
	for (unsigned step = 0; step < STEPS; step++) {
		struct sf_timer *timer = &timers[(random >> 8) % TIMERS];
		int64_t first = INT64_MAX;

		random = random * 1664525 + 1013904223;
		if (random >> 28 == 0 && timer->loop) {
			sf_timer_remove(timer);
		} else if (!timer->loop) {
			ck_assert_int_eq(sf_loop_add_timer(loop, timer, count, &calls), 0);
		} else if (random >> 28 == 1) {
			sf_timer_stop(timer);
		} else {
			sf_timer_set(timer, sf_loop_now(loop) + 1 + (random >> 16) % 1000);
		}
		for (unsigned i = 0; i < TIMERS; i++)
			if (timers[i].loop && timers[i].at < first)
				first = timers[i].at;
		if (step % 3 || first == INT64_MAX)
			continue;
		ck_assert_int_ge(sf_loop_turn(loop, INT64_MAX), 1);
		ck_assert_int_eq(sf_loop_now(loop), first);
	}
	ck_assert_uint_gt(calls, STEPS / 4);
	sf_loop_free(loop);
}
END_TEST

/* ---------------------------------------------------------------- signals */

static void on_signal(void *context, int number)
{
	strcat(context, number == SIGUSR1 ? "1" : "2");
}

START_TEST(signals_are_told_by_the_loop_and_unblocked_at_its_end)
{
	char told[16] = "";
	sigset_t before, after;

	make();
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	ck_assert_int_eq(sf_loop_add_signal(loop, SIGUSR1, on_signal, told), 0);
	raise(SIGUSR1);
	raise(SIGUSR1);
	ck_assert_int_eq(sf_loop_add_signal(loop, SIGUSR2, on_signal, told), 0);
	ck_assert_int_eq(turn(), 1);
	ck_assert_str_eq(told, "1");
	ck_assert_int_eq(turn(), 0);
	raise(SIGUSR2);
	raise(SIGUSR1);
	ck_assert_int_eq(turn(), 1);
	ck_assert_uint_eq(strlen(told), 3);
	ck_assert_ptr_nonnull(strchr(told, '2'));
	sf_loop_free(loop);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	ck_assert(!sigismember(&after, SIGUSR1) && !sigismember(&before, SIGUSR1));
}
END_TEST

START_TEST(too_many_signals_are_refused)
{
	make();
	for (int i = 0; i < SF_LOOP_SIGNALS; i++)
		ck_assert_int_eq(sf_loop_add_signal(loop, SIGRTMIN + i, on_signal, NULL), 0);
	ck_assert_int_eq(
		sf_loop_add_signal(loop, SIGRTMIN + SF_LOOP_SIGNALS, on_signal, NULL), -ENOSPC);
	sf_loop_free(loop);
}
END_TEST

CHECK_MAIN("loop", descriptor_is_served_once_per_turn_while_it_is_ready,
	hang_up_is_told_as_ready_unless_nothing_is_asked_for, events_can_be_changed,
	removed_descriptor_is_not_served_in_the_same_turn,
	descriptor_can_be_removed_and_added_by_its_function,
	regular_file_and_closed_descriptor_are_refused,
	turn_serves_a_bounded_number_and_starves_nobody, timers_expire_in_order_and_once,
	periodic_timers_expire_at_multiples, fake_clock_passes_where_the_loop_would_sleep,
	timers_can_be_removed_added_and_set_by_functions, heap_keeps_its_order,
	signals_are_told_by_the_loop_and_unblocked_at_its_end, too_many_signals_are_refused)
