/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program with more rights than its user (file capabilities, setuid: the kernel sets AT_SECURE)
 * must not run that user's code. The dynamic loader and the C library see to their own part;
 * libraries that look at getuid() or at nothing do not: libibverbs, which some of DPDK's drivers
 * use, loads what RDMAV_DRIVERS names in a program with file capabilities.
 */
#ifndef SPANFLOW_BASE_SECURE_H
#define SPANFLOW_BASE_SECURE_H

#include <stdbool.h>

/* Has this program rights that its user does not have? */
bool sf_secure(void);

/*
 * If so, takes all variables out of the environment but those for language, terminal, time zone and
 * service manager. First thing in main(). False: no memory, then the program must end.
 */
bool sf_secure_environment(void);

#endif
