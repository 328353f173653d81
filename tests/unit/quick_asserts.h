/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Assertions for tests that make millions of them: those of Check write to a file each time that
 * one is passed. A failure tells the condition, not the values. Include this before all other
 * headers.
 */
#ifndef TESTS_QUICK_ASSERTS_H
#define TESTS_QUICK_ASSERTS_H

#include "check_main.h"

#define QUICK_ASSERT(condition)                                                                    \
	do {                                                                                       \
		if (!(condition))                                                                  \
			ck_abort_msg("%s", #condition);                                            \
	} while (0)

#undef ck_assert
#undef ck_assert_ptr_nonnull
#undef ck_assert_int_eq
#undef ck_assert_int_ge
#undef ck_assert_int_gt
#undef ck_assert_int_lt
#undef ck_assert_uint_eq
#undef ck_assert_uint_ge
#undef ck_assert_uint_gt
#undef ck_assert_uint_le
#undef ck_assert_uint_lt
#undef ck_assert_uint_ne

#define ck_assert(condition)        QUICK_ASSERT(condition)
#define ck_assert_ptr_nonnull(one)  QUICK_ASSERT((one) != NULL)
#define ck_assert_int_eq(one, two)  QUICK_ASSERT((intmax_t)(one) == (intmax_t)(two))
#define ck_assert_int_ge(one, two)  QUICK_ASSERT((intmax_t)(one) >= (intmax_t)(two))
#define ck_assert_int_gt(one, two)  QUICK_ASSERT((intmax_t)(one) > (intmax_t)(two))
#define ck_assert_int_lt(one, two)  QUICK_ASSERT((intmax_t)(one) < (intmax_t)(two))
#define ck_assert_uint_eq(one, two) QUICK_ASSERT((uintmax_t)(one) == (uintmax_t)(two))
#define ck_assert_uint_ge(one, two) QUICK_ASSERT((uintmax_t)(one) >= (uintmax_t)(two))
#define ck_assert_uint_gt(one, two) QUICK_ASSERT((uintmax_t)(one) > (uintmax_t)(two))
#define ck_assert_uint_le(one, two) QUICK_ASSERT((uintmax_t)(one) <= (uintmax_t)(two))
#define ck_assert_uint_lt(one, two) QUICK_ASSERT((uintmax_t)(one) < (uintmax_t)(two))
#define ck_assert_uint_ne(one, two) QUICK_ASSERT((uintmax_t)(one) != (uintmax_t)(two))

#endif
