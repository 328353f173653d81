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

/* Installs the handlers. Threads created while they are blocked never run them. */
void sf_signals_catch(void);

/* Blocks or unblocks these signals in the calling thread. */
void sf_signals_block(bool block);

/* "SIGTERM" */
const char *sf_signal_name(int number);

#endif
