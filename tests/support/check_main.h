/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main() of a Check program: CHECK_MAIN(suite_name, test_a, test_b, …); or CHECK_MAIN_UNLESS(lack,
 * …), which skips the program (exit status 77), saying that there is no `lack`, unless that is
 * NULL.
 */
#ifndef TESTS_CHECK_MAIN_H
#define TESTS_CHECK_MAIN_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check_quiet.h"

#define CHECK_MAIN(name, ...) CHECK_MAIN_UNLESS(NULL, name, __VA_ARGS__)

#define CHECK_MAIN_UNLESS(lack, name, ...)                                                         \
	int main(void)                                                                             \
	{                                                                                          \
		const TTest *const tests[] = { __VA_ARGS__ };                                      \
		const char *missing = lack;                                                        \
		Suite *suite;                                                                      \
		TCase *tcase;                                                                      \
		SRunner *runner;                                                                   \
		int failed;                                                                        \
                                                                                                   \
		if (missing) {                                                                     \
			printf("skipped: no %s\n", missing);                                       \
			return 77;                                                                 \
		}                                                                                  \
		suite = suite_create(name);                                                        \
		tcase = tcase_create(name);                                                        \
		tcase_set_timeout(tcase, 60);                                                      \
		for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)                      \
			tcase_add_test(tcase, tests[i]);                                           \
		suite_add_tcase(suite, tcase);                                                     \
		runner = srunner_create(suite);                                                    \
		srunner_run_all(runner, CK_ENV);                                                   \
		failed = srunner_ntests_failed(runner);                                            \
		srunner_free(runner);                                                              \
		return failed ? EXIT_FAILURE : EXIT_SUCCESS;                                       \
	}

#endif
