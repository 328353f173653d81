/* SPDX-License-Identifier: BSD-2-Clause */
/* Regular expressions of conditions: what POSIX says they match, and that their time is bounded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <regex.h>

#include <spanflow/error.h>

#include "ask/regex.h"
#include "check_main.h"

static unsigned dice(unsigned sides)
{
	static uint64_t state = 7;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % sides;
}

/*
 * A random pattern of few letters, without anchors: the C library takes those in groups for
 * something else.
 */
static char *random_pattern(char *p, unsigned depth)
{
	static const char *const atoms[] = { "a", "b", ".", "[ab]", "[^a]", "\\." };
	static const char *const repeats[] = { "*", "+", "?", "{0,2}", "{2}", "{1,}" };

	for (unsigned i = dice(3) + 1; i--;) {
		unsigned kind = dice(depth ? 9 : 6);

		if (kind < 6) {
			p = stpcpy(p, atoms[kind]);
		} else {
			*p++ = '(';
			p = random_pattern(p, depth - 1);
			if (kind > 6) {
				*p++ = '|';
				p = random_pattern(p, depth - 1);
			}
			*p++ = ')';
		}
		if (dice(3) == 0)
			p = stpcpy(p, repeats[dice(6)]);
	}
	*p = '\0';
	return p;
}

/* The same answers as those of the C library's expressions. */
START_TEST(patterns_match_what_posix_says)
{
	char text[8192], *pattern = text + 1;
	unsigned compared = 0, hits = 0;

	for (unsigned round = 0; round < 4000; round++) {
		struct sf_regex *ours;
		const char *reason;
		regex_t theirs;

		text[0] = '^';
		strcpy(random_pattern(pattern, 3), dice(2) ? "$" : "");
		if (dice(2))
			memmove(text, pattern, strlen(pattern) + 1);
		if (sf_regex_new(&ours, text, &reason)) {
			ck_assert_ptr_nonnull(strstr(reason, "too long"));
			continue;
		}
		ck_assert_int_eq(regcomp(&theirs, text, REG_EXTENDED | REG_ICASE | REG_NOSUB), 0);
		for (unsigned i = 0; i < 6; i++, compared++) {
			char word[12] = "";
			unsigned length = dice(9);
			bool met;

			for (unsigned k = 0; k < length; k++)
				word[k] = "abAB.c"[dice(6)];
			met = sf_regex_match(ours, word, length);
			hits += met;
			ck_assert_msg(met == (regexec(&theirs, word, 0, NULL, 0) == 0), "%s: %s",
				text, word);
		}
		sf_regex_free(ours);
		regfree(&theirs);
	}
	ck_assert_uint_gt(hits, compared / 10);
	ck_assert_uint_lt(hits, compared * 9 / 10);
}
END_TEST

/* Whatever pattern and text are, time is bounded: these take others for ever, or all memory. */
START_TEST(patterns_are_bounded)
{
	static const struct {
		const char *text, *reason; /* NULL: it compiles */
	} cases[] = {
		{ "(a+)+$", NULL },
		{ "^(a|aa)*c", NULL },
		{ "((((((((((a?)?)?)?)?)?)?)?)?)?)*b", NULL },
		{ "((((((((((a+)+)+)+)+)+)+)+)+)+)+b", NULL },
		{ "(.*)(.*)(.*)(.*)(.*)x", NULL },
		{ "(a|b)*a(a|b){200}c", NULL },
		{ "a{255}a{255}a{255}", NULL },
		{ "((a{255}){255}){255}", "too long" },
		{ "(((((((){255}){255}){255}){255}){255}){255}){255}", "too long" },
		{ "a{256}", "255" },
		{ "(", "not closed" },
		{ ")", "closes nothing" },
		{ "a**", "follow each other" },
		{ "*a", "nothing stands before" },
		{ "[a", "not closed" },
		{ "[b-a]", "before it begins" },
		{ "[[:foo:]]", "no class" },
		{ "\\", "backslash" },
		{ "(a)\\1", "backslash" },
		{ "a{2,1}", "{N,M}" },
	};
	static char text[20000];
	const char *reason;
	struct sf_regex *pattern;

	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int code = sf_regex_new(&pattern, cases[i].text, &reason);

		ck_assert_msg(code == (cases[i].reason ? SF_EUSAGE : 0), "%s", cases[i].text);
		if (cases[i].reason) {
			ck_assert_msg(strstr(reason, cases[i].reason) != NULL, "%s: %s",
				cases[i].text, reason);
			continue;
		}
		sf_regex_match(pattern, text, sizeof(text));
		sf_regex_free(pattern);
	}
	/* parentheses without an end */
	text[sizeof(text) - 1] = '\0';
	memset(text, '(', sizeof(text) - 1);
	ck_assert_int_eq(sf_regex_new(&pattern, text, &reason), SF_EUSAGE);
	ck_assert_int_eq(sf_regex_new(&pattern, "\\w+\\.\\d{2}[[:space:]]x?\\S", &reason), 0);
	ck_assert(sf_regex_match(pattern, "__a.12 y", 8));
	ck_assert(!sf_regex_match(pattern, "__a.1 y", 7));
	sf_regex_free(pattern);
}
END_TEST

CHECK_MAIN("regex", patterns_match_what_posix_says, patterns_are_bounded)
