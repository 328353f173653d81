/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals as flags that the main thread looks at once per round: SIGINT and SIGTERM ask for an
 * orderly end, SIGUSR1 for the statistics. The handlers touch nothing else. A second SIGINT or
 * SIGTERM finds the default action and ends the program at once.
 */
#ifndef SPANFLOW_CLI_SIGNALS_H
#define SPANFLOW_CLI_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

extern volatile sig_atomic_t sf_signal_stop;  /* 0, or the signal's number */
extern volatile sig_atomic_t sf_signal_stats; /* statistics are asked for */

/*
 * Ends a system call in which a thread waits, as on a pipe that nobody reads. After SIGINT or SIGTERM it
 * comes once a second, to any thread that does not block it; pthread_kill() sends it to a certain one.
 */
#define SF_SIGNAL_WAKE SIGALRM

/* Installs the handlers. Threads created while they are blocked never run them, but the last. */
void sf_signals_catch(void);

/* Blocks or unblocks these signals in the calling thread. */
void sf_signals_block(bool block);

/* "SIGTERM" */
const char *sf_signal_name(int number);

#endif
