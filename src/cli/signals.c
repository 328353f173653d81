/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "cli/signals.h"

volatile sig_atomic_t sf_signal_stop;
volatile sig_atomic_t sf_signal_stats;

static void on_stop(int number)
{
	sf_signal_stop = number;
	/* the other of the two must not be caught a second time either */
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
}

static void on_stats(int number)
{
	(void)number;
	sf_signal_stats = 1;
}

void sf_signals_catch(void)
{
	/* no SA_RESTART: a driver that waits in the kernel is to notice */
	struct sigaction stop = { .sa_handler = on_stop };
	struct sigaction stats = { .sa_handler = on_stats, .sa_flags = SA_RESTART };

	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGUSR1, &stats, NULL);
}

void sf_signals_block(bool block)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

const char *sf_signal_name(int number)
{
	return number == SIGINT ? "SIGINT" : "SIGTERM";
}
