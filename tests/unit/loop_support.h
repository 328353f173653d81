/* SPDX-License-Identifier: BSD-2-Clause */
/* An event loop for tests. */
#ifndef TESTS_LOOP_SUPPORT_H
#define TESTS_LOOP_SUPPORT_H

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/loop.h"
#include "check_main.h"

#define MS_NS INT64_C(1000000)
#define START INT64_C(1000000000000)

static struct sf_loop *loop;

static inline void make(void)
{
	ck_assert_int_eq(sf_loop_new(&loop), 0);
	sf_loop_fake_clock(loop, START);
}

#endif
