/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program with more privileges than its user (file capabilities, setuid: the kernel sets
 * AT_SECURE) must not run code that the user chooses. The dynamic loader and the C library ignore
 * dangerous environment variables then; other libraries do not. Example: libibverbs, which drivers
 * of DPDK use, loads the libraries named by RDMAV_DRIVERS in a program with file capabilities.
 */
#ifndef SPANFLOW_BASE_SECURE_H
#define SPANFLOW_BASE_SECURE_H

#include <stdbool.h>

/* True if the program has privileges that its user does not have. */
bool sf_secure(void);

/*
 * If sf_secure(), removes all environment variables except those for language, terminal, time zone
 * and service manager. The first call in main(). False: out of memory, and the program must end.
 */
bool sf_secure_environment(void);

#endif
