/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals become flags that the program looks at between two pieces of work, and wake the loop of
 * its main thread (base/loop.h). The first SIGINT or SIGTERM asks for an orderly end, SIGUSR1 for
 * the statistics. Commands with a loop take SIGUSR1 from it (sf_loop_add_signal()), `meter` SIGUSR2
 * too, which sends templates and options data to all destinations once more; other commands ignore
 * SIGUSR2.
 *
 * Each further SIGINT or SIGTERM hastens the end by a step, if it comes a second or more after the
 * last one that counted: timeout(1), supervisors and wrappers send the same signal to a process and
 * to its group, within microseconds, and mean it once.
 *
 *	1st  sources are closed, all flows leave, destinations get what they are ready to take
 *	2nd  no destination is waited for any more: what would have to wait is lost as `stopped`
 *	3rd  nothing is sent or written any more; the statistics are printed
 *	4th  the signal's default action: the process is killed
 *
 * SIGHUP from a terminal that is being closed is such a signal too, for a run that was started in
 * the foreground of that terminal. Any other SIGHUP is a request to look at files anew: it is
 * answered in words and never ends a run. nohup(1) is respected.
 *
 * The handlers interrupt system calls that wait (no SA_RESTART): a write to a pipe that nobody
 * reads returns with EINTR, and its caller asks sf_signal_hurry(). A signalfd could not do this,
 * nor kill a process whose main thread hangs.
 */
#ifndef SPANFLOW_SERVICE_SIGNALS_H
#define SPANFLOW_SERVICE_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

#include "base/wakeup.h"

/* Interrupts a system call of one thread (pthread_kill) and does nothing else. */
#define SF_SIGNAL_WAKE SIGURG

extern volatile sig_atomic_t sf_signal_stop;   /* 0, or the number of the first signal */
extern volatile sig_atomic_t sf_signal_stats;  /* statistics are asked for */
extern volatile sig_atomic_t sf_signal_hangup; /* a SIGHUP waits for its answer */

/* 0: there is time; 1, 2: as after the second and the third signal. Any thread; sf_hurry.level. */
unsigned sf_signal_hurry(void *unused);

/* Installs the handlers. Threads created while they are blocked never run them. */
void sf_signals_catch(void);

/* Each signal sends this wake-up (sf_loop_wakeup()) from now on. NULL: none. */
void sf_signals_wake(struct sf_wakeup *wakeup);

/* "SIGTERM" */
const char *sf_signal_name(int number);

#endif
