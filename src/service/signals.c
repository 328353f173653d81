/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "service/signals.h"

#define APART_NS SF_NS_PER_S /* between two signals that are meant as two */
#define STEPS    2

volatile sig_atomic_t sf_signal_stop;
volatile sig_atomic_t sf_signal_stats;
volatile sig_atomic_t sf_signal_hangup;

/* the eventfd of a loop, which wakes even if the signal came just before it slept; -1: none */
static volatile sig_atomic_t wakeup_fd = -1;

static int terminal = -1; /* the terminal in whose foreground the program was started; -1: none */

/* read by any thread, written by the handler; lock-free, because a handler must not wait */
static atomic_uint hurry;

unsigned sf_signal_hurry(void *unused)
{
	(void)unused;
	return atomic_load_explicit(&hurry, memory_order_relaxed);
}

void sf_signals_wake(struct sf_wakeup *wakeup)
{
	wakeup_fd = wakeup ? wakeup->fd : -1;
}

/* Called by handlers, in which write() is allowed. */
static void wake(void)
{
	const uint64_t one = 1;
	int kept = errno;

	if (wakeup_fd >= 0)
		(void)!write(wakeup_fd, &one, sizeof(one));
	errno = kept;
}

/* Never runs twice at a time: see sa_mask. */
static void on_stop(int number)
{
	static int64_t counted_ns;
	int64_t now = sf_clock_read(CLOCK_MONOTONIC);
	unsigned step = atomic_load_explicit(&hurry, memory_order_relaxed);

	if (sf_signal_stop && now - counted_ns < APART_NS)
		return;
	wake();
	counted_ns = now;
	if (!sf_signal_stop)
		sf_signal_stop = number;
	else if (step < STEPS)
		atomic_store_explicit(&hurry, step + 1, memory_order_relaxed);
	else {
		signal(number, SIG_DFL);
		raise(number);
	}
}

/* True if the terminal was closed. Called by a handler, in which poll() is allowed. */
static bool terminal_has_gone(void)
{
	struct pollfd poller = { .fd = terminal };

	return terminal >= 0 && poll(&poller, 1, 0) == 1 && poller.revents & (POLLHUP | POLLERR);
}

static void on_hangup(int number)
{
	int kept = errno;

	if (terminal_has_gone())
		on_stop(number);
	else
		sf_signal_hangup = 1;
	wake();
	errno = kept;
}

static void on_stats(int number)
{
	(void)number;
	sf_signal_stats = 1;
	wake();
}

static void on_wake(int number)
{
	(void)number;
}

static void stopping(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
}

static void find_terminal(void)
{
	if (terminal < 0)
		terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (terminal >= 0 && tcgetpgrp(terminal) != getpgrp()) {
		close(terminal);
		terminal = -1;
	}
}

static void catch_hangup(struct sigaction *action)
{
	struct sigaction inherited;

	/* nohup(1) */
	if (sigaction(SIGHUP, NULL, &inherited) < 0 || inherited.sa_handler == SIG_IGN)
		return;
	find_terminal();
	action->sa_handler = on_hangup;
	sigaction(SIGHUP, action, NULL);
}

void sf_signals_catch(void)
{
	struct sigaction stop = { .sa_handler = on_stop };
	struct sigaction stats = { .sa_handler = on_stats, .sa_flags = SA_RESTART };
	struct sigaction ignored = { .sa_handler = on_wake, .sa_flags = SA_RESTART };
	struct sigaction wake = { .sa_handler = on_wake };

	stopping(&stop.sa_mask);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	catch_hangup(&stop);
	sigaction(SIGUSR1, &stats, NULL);
	/* not SIG_IGN, which would discard one that a loop has not read yet */
	sigaction(SIGUSR2, &ignored, NULL);
	sigaction(SF_SIGNAL_WAKE, &wake, NULL);
}

const char *sf_signal_name(int number)
{
	return number == SIGINT ? "SIGINT" : number == SIGHUP ? "SIGHUP" : "SIGTERM";
}
