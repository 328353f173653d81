/* SPDX-License-Identifier: BSD-2-Clause */
/* Groups of flow records: estimates of distinct(), merging, gaps, the memory bound. */
#include "group_support.h"

/* What stands below the table of the same groups. */
static const char *footer(const struct sf_groups *groups)
{
	static char text[SF_ANSWER_ROW_MAX];
	struct sf_answer_table table;

	sf_answer_table_init(&table, groups, 0);
	*sf_answer_table_footer(&table, text) = '\0';
	return text;
}

/* Few values are counted; many are estimated, to a few per cent, and that is told. */
START_TEST(distinct_is_exact_and_then_an_estimate)
{
	static const unsigned counts[] = { 1, 3, 100, SF_DISTINCT_EXACT, SF_DISTINCT_EXACT + 1,
		20000, 300000 };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		const struct sf_groups_options options = { .sum = "distinct(src)" };
		struct sf_groups *groups = make(&options);
		const char *text;
		unsigned got = 0;

		for (unsigned twice = 0; twice < 2; twice++)
			for (unsigned k = 0; k < counts[i]; k++) {
				const struct sf_flow flow = flow_of(k, 1);

				put(groups, &flow);
			}
		text = answer(groups);
		ck_assert_int_eq(sscanf(text, "{\"distinct(src)\":%u", &got), 1);
		if (counts[i] <= SF_DISTINCT_EXACT) {
			ck_assert_uint_eq(got, counts[i]);
			ck_assert_ptr_null(strstr(text, "estimated"));
		} else {
			ck_assert_uint_gt(got, counts[i] * 97 / 100);
			ck_assert_uint_lt(got, counts[i] * 103 / 100);
			ck_assert_ptr_nonnull(strstr(text, "\"estimated\":[\"distinct(src)\"]"));
		}
		sf_groups_free(groups);
	}
}
END_TEST

/* Rows that several objects counted give the same answer as those that one did. */
START_TEST(merging_is_as_counting_together)
{
	const struct sf_groups_options options = { .by = "src,sport",
		.sum = "flows,bytes,first,last,distinct(sport),max(bytes),min(bytes),avg(bytes),bps,bpp",
		.sort = "+src,+sport" };
	struct sf_groups *whole = make(&options), *parts[2] = { make(&options), make(&options) };
	struct sf_error error = { 0 };
	char *expected;

	for (unsigned i = 0; i < 20000; i++) {
		struct sf_flow flow = flow_of(i * 7 % 50, i * 13 % 10);

		flow.half[0].octets = i;
		flow.half[0].start_ns += i * NS / 100;
		flow.half[0].end_ns += i * NS / 100;
		put(whole, &flow);
		put(parts[i % 3 == 0], &flow);
	}
	ck_assert_int_eq(sf_groups_merge(parts[0], parts[1], &error), 0);
	expected = strdup(answer(whole));
	ck_assert_ptr_nonnull(expected);
	ck_assert_str_eq(answer(parts[0]), expected);
	ck_assert_uint_gt(strlen(expected), 1000);
	free(expected);
	sf_groups_free(whole);
	sf_groups_free(parts[0]);
	sf_groups_free(parts[1]);
}
END_TEST

/* What several objects estimated is estimated together. */
START_TEST(estimates_are_merged)
{
	const struct sf_groups_options options = { .sum = "distinct(src)" };
	struct sf_error error = { 0 };
	unsigned got = 0;

	for (unsigned first = 100; first <= 30000; first = first == 100 ? 30000 : 40000) {
		struct sf_groups *parts[2] = { make(&options), make(&options) };

		for (unsigned i = 0; i < 40000; i++) {
			const struct sf_flow flow = flow_of(i, 1);

			put(parts[i >= first], &flow);
		}
		ck_assert_int_eq(sf_groups_merge(parts[0], parts[1], &error), 0);
		ck_assert_int_eq(sscanf(answer(parts[0]), "{\"distinct(src)\":%u", &got), 1);
		ck_assert_uint_gt(got, 39000);
		ck_assert_uint_lt(got, 41000);
		sf_groups_free(parts[0]);
		sf_groups_free(parts[1]);
	}
}
END_TEST

/* Flows that begin every minute have no jitter; others have. */
START_TEST(regular_gaps_are_found)
{
	const struct sf_groups_options options = {
		.by = "src", .sum = "flows,interval,jitter", .sort = "+src"
	};
	struct sf_groups *groups = make(&options);

	for (unsigned i = 0; i < 10; i++) {
		struct sf_flow beacon = flow_of(1, 1000 + i), other = flow_of(2, 1000 + i);

		beacon.half[0].start_ns = i * 60 * NS;
		other.half[0].start_ns = i * i * 10 * NS;
		put(groups, &beacon);
		put(groups, &other);
	}
	ck_assert_str_eq(answer(groups),
		"{\"sourceIPv4Address\":\"10.0.0.1\",\"flows\":10,\"interval\":60.000,\"jitter\":0.0}\n"
		"{\"sourceIPv4Address\":\"10.0.0.2\",\"flows\":10,\"interval\":90.000,\"jitter\":57.4}\n");
	sf_groups_free(groups);
}
END_TEST

/* The bound holds for groups, for sets and for texts. */
START_TEST(memory_is_bounded)
{
	static const char *const sums[] = { "flows", "distinct(sport)" };

	for (unsigned i = 0; i < 2; i++) {
		const struct sf_groups_options options = {
			.by = "src", .sum = sums[i], .memory = 1 << 20
		};
		struct sf_groups *groups = make(&options);
		struct sf_groups_totals totals;
		struct sf_error error = { 0 };
		unsigned k = 0;

		for (; k < 100000000; k++) {
			const struct sf_flow flow = flow_of(k / 50, k % 50);

			if (sf_groups_flow(groups, &flow, NULL, SF_FORWARD, &error))
				break;
		}
		ck_assert_int_eq(error.code, -ENOMEM);
		ck_assert_ptr_nonnull(strstr(error.text, "--memory"));
		sf_groups_totals(groups, &totals);
		ck_assert_uint_le(totals.memory, 1 << 20);
		ck_assert_uint_gt(totals.memory, 1 << 18);
		sf_groups_free(groups);
	}
}
END_TEST

/*
 * Objects of several threads may use the memory together, and give back what they no longer need.
 */
START_TEST(memory_is_that_of_all_threads)
{
	const struct sf_groups_options options = {
		.by = "src", .sum = "flows,distinct(sport)", .memory = 4 << 20
	};
	struct sf_groups *groups = make(&options), *other;
	struct sf_groups_totals totals;
	struct sf_error error = { 0 };
	uint64_t used;
	unsigned i = 0;

	ck_assert_int_eq(sf_groups_like(&other, groups, &error), 0);
	for (; error.code == 0; i++) {
		const struct sf_flow flow = flow_of(i / 20 % 10000, i % 20);

		if (i % 400000 < 200000)
			sf_groups_flow(groups, &flow, NULL, SF_FORWARD, &error);
		else
			sf_groups_flow(other, &flow, NULL, SF_FORWARD, &error);
	}
	ck_assert_uint_ge(i, 200000);
	ck_assert_uint_lt(i, 400000);
	sf_groups_totals(groups, &totals);
	ck_assert_uint_le(totals.memory, 4 << 20);
	used = totals.memory - (1 << 19);
	sf_groups_free(other);
	sf_groups_totals(groups, &totals);
	ck_assert_uint_lt(totals.memory, used);
	sf_groups_free(groups);
}
END_TEST

/* More groups than a block has, of two objects with half of them in common. */
START_TEST(many_groups)
{
	const struct sf_groups_options options = { .by = "src", .sum = "flows,bytes", .limit = 3 };
	const unsigned count = 1200000;
	struct sf_groups *groups = make(&options), *other;
	struct sf_groups_totals before, after;
	struct sf_error error = { 0 };

	ck_assert_int_eq(sf_groups_like(&other, groups, &error), 0);
	for (unsigned i = 0; i < count; i++) {
		struct sf_flow flow = flow_of(i, 1);

		sf_groups_flow(groups, &flow, NULL, SF_FORWARD, &error);
		flow = flow_of(i + count / 2, 1);
		sf_groups_flow(other, &flow, NULL, SF_FORWARD, &error);
	}
	ck_assert_int_eq(error.code, 0);
	sf_groups_totals(groups, &before);
	ck_assert_int_eq(sf_groups_merge(groups, other, &error), 0);
	sf_groups_totals(groups, &after);
	ck_assert_uint_eq(sf_groups_count(groups), count + count / 2);
	ck_assert_uint_lt(after.memory, before.memory);
	ck_assert_str_eq(answer(groups),
		"{\"sourceIPv4Address\":\"10.9.39.192\",\"flows\":2,\"bytes\":200}\n"
		"{\"sourceIPv4Address\":\"10.9.39.193\",\"flows\":2,\"bytes\":200}\n"
		"{\"sourceIPv4Address\":\"10.9.39.194\",\"flows\":2,\"bytes\":200}\n");
	sf_groups_free(other);
	sf_groups_free(groups);
}
END_TEST

/* Rows of a table are no wider than the terminal, and bars are as long as their share. */
START_TEST(tables_fit_the_terminal)
{
	const struct sf_groups_options options = { .by = "src,dst,sport", .sum = "bytes" };
	struct sf_groups *groups = make(&options);
	struct sf_error error = { 0 };
	struct sf_flow flow = flow_of(1, 1);

	put(groups, &flow);
	memset(flow.addr, 0xfd, sizeof(flow.addr));
	flow.ip_version = 6;
	flow.half[0].octets = 50;
	put(groups, &flow);
	ck_assert_int_eq(sf_groups_sort(groups, &error), 0);
	for (unsigned width = 50; width < 200; width += 10) {
		static char line[SF_ANSWER_ROW_MAX];
		struct sf_answer_table table;
		unsigned bars[2];

		sf_answer_table_init(&table, groups, width);
		for (unsigned i = 0; i < 2; i++) {
			unsigned columns = 0;

			bars[i] = 0;
			*sf_answer_table_row(&table, i, line) = '\0';
			for (const char *p = line; *p && *p != '\n'; p++) {
				columns += ((unsigned char)*p & 0xc0) != 0x80;
				bars[i] += strncmp(p, "\xe2\x96\x88", 3) == 0;
			}
			ck_assert_uint_le(columns, width);
		}
		ck_assert_uint_eq(bars[0], table.bar);
		ck_assert_uint_eq(bars[1], table.bar / 2);
	}
	sf_groups_free(groups);
}
END_TEST

/* Keys are the answer: columns of sums leave before an IPv4 address or a pair of them is cut. */
START_TEST(keys_stay_readable)
{
	static const struct {
		const char *by, *keys;
	} cases[] = {
		{ "pair", "198.51.100.101 <> 203.0.113.202" },
		{ "src,dst", "203.0.113.202  198.51.100.101" },
	};
	struct sf_flow flow = flow_of(1, 1);
	static char text[SF_ANSWER_ROW_MAX];
	struct sf_error error = { 0 };

	memcpy(flow.addr[0], (uint8_t[]){ 203, 0, 113, 202 }, 4);
	memcpy(flow.addr[1], (uint8_t[]){ 198, 51, 100, 101 }, 4);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct sf_groups_options options = { .by = cases[i].by,
			.sum = "flows,packets,bytes,bpp,first,last" };
		struct sf_groups *groups = make(&options);
		struct sf_answer_table table;

		put(groups, &flow);
		ck_assert_int_eq(sf_groups_sort(groups, &error), 0);
		for (unsigned width = 40; width < 120; width++) {
			sf_answer_table_init(&table, groups, width);
			*sf_answer_table_row(&table, 0, text) = '\0';
			ck_assert_ptr_nonnull(strstr(text, cases[i].keys));
		}
		sf_groups_free(groups);
	}
}
END_TEST

/* What has no room is left out from the right, and named. */
START_TEST(columns_that_do_not_fit_are_named)
{
	const struct sf_groups_options options = { .by = "src", .sum = "flows,bytes,first,last" };
	struct sf_groups *groups = make(&options);
	struct sf_error error = { 0 };
	const struct sf_flow flow = flow_of(1, 1);
	static char text[SF_ANSWER_ROW_MAX];
	struct sf_answer_table table;

	put(groups, &flow);
	ck_assert_int_eq(sf_groups_sort(groups, &error), 0);
	for (unsigned width = 20; width < 100; width++) {
		sf_answer_table_init(&table, groups, width);
		ck_assert_uint_ge(table.columns, 1);
		*sf_answer_table_row(&table, 0, text) = '\0';
		ck_assert_uint_le(strcspn(text, "\n"), width + 2 * table.bar);
		*sf_answer_table_footer(&table, text) = '\0';
		ck_assert_int_eq(
			strstr(text, " last (--columns chooses)") != NULL, table.columns < 5);
	}
	sf_answer_table_init(&table, groups, 45);
	*sf_answer_table_footer(&table, text) = '\0';
	ck_assert_ptr_nonnull(strstr(text, "for want of width: last ("));
	sf_groups_free(groups);
}
END_TEST

/* Threads that take a part of the keys each give the answer that one gives. */
START_TEST(parts_are_as_counting_together)
{
	static const struct sf_groups_options questions[] = {
		{ .by = "src,sport", .top = 20, .share = true },
		{ .by = "src,sport",
			.sum = "flows,bytes,distinct(dport),first",
			.top = 7,
			.top_by = "flows",
			.having = "flows < 3",
			.sort = "-src,sport" },
		{ .by = "src,sport", .limit = 30, .sort = "+bytes,-src,sport" },
		{ .by = "src,sport", .top = 5, .bottom = true },
	};

	for (size_t q = 0; q < sizeof(questions) / sizeof(questions[0]); q++) {
		struct sf_groups *whole = make(&questions[q]), *all[3];
		struct sf_error error = { 0 };
		struct sf_groups_totals totals;
		char *expected, *below;

		for (unsigned i = 0; i < 3; i++) {
			all[i] = make(&questions[q]);
			ck_assert_int_eq(sf_groups_divide(all[i], 3, &error), 0);
			ck_assert_uint_eq(sf_groups_parts(all[i]), 3);
		}
		for (unsigned i = 0; i < 90000; i++) {
			struct sf_flow flow = flow_of(i * 7919 % 60000, i * 31 % 5);

			flow.half[0].octets = 40 + i * 7 % 100000;
			flow.half[0].start_ns += i;
			put(whole, &flow);
			put(all[i % 3], &flow);
		}
		for (unsigned i = 0; i < 3; i++)
			ck_assert_int_eq(sf_groups_settle(all[i], &error), 0);
		for (unsigned i = 0; i < 3; i++)
			ck_assert_int_eq(sf_groups_merge_part(all, 3, i, &error), 0);
		ck_assert_int_eq(sf_groups_join(all, 3, &error), 0);
		expected = strdup(answer(whole));
		below = strdup(footer(whole));
		ck_assert_str_eq(answer(all[0]), expected);
		ck_assert_str_eq(footer(all[0]), below);
		ck_assert_uint_eq(sf_groups_count(all[0]), sf_groups_count(whole));
		sf_groups_totals(all[0], &totals);
		ck_assert_uint_eq(totals.flows, 90000);
		free(expected);
		free(below);
		sf_groups_free(whole);
		for (unsigned i = 0; i < 3; i++)
			sf_groups_free(all[i]);
	}
}
END_TEST

/* All groups shown, texts and shares of what only all groups have: not in parts. */
START_TEST(other_questions_are_not_divided)
{
	static const struct sf_groups_options questions[] = {
		{ .by = "src" },
		{ .by = "exporter,src", .top = 3 },
		{ .by = "src", .sum = "distinct(dst)", .top = 3, .share = true },
		{ .by = "src", .top = 3, .every_ns = NS },
		{ .by = "src", .top = 100000 },
	};

	for (size_t q = 0; q < sizeof(questions) / sizeof(questions[0]); q++) {
		struct sf_groups *groups = make(&questions[q]);
		struct sf_error error = { 0 };

		ck_assert_int_eq(sf_groups_divide(groups, 3, &error), 0);
		ck_assert_uint_eq(sf_groups_parts(groups), 0);
		sf_groups_free(groups);
	}
}
END_TEST

/* Counts of nothing are 0; groups of nothing are none. */
START_TEST(nothing_counts_as_nothing)
{
	static const struct sf_groups_options all = { .sum = "flows,bytes,first" };
	static const struct sf_groups_options by = { .by = "src" };
	struct sf_groups *groups = make(&all);

	ck_assert_str_eq(answer(groups), "{\"flows\":0,\"bytes\":0}\n");
	sf_groups_free(groups);
	groups = make(&by);
	ck_assert_str_eq(answer(groups), "");
	sf_groups_free(groups);
}
END_TEST

CHECK_MAIN("groups", nothing_counts_as_nothing, other_questions_are_not_divided,
	parts_are_as_counting_together, distinct_is_exact_and_then_an_estimate,
	merging_is_as_counting_together, estimates_are_merged, regular_gaps_are_found,
	memory_is_bounded, memory_is_that_of_all_threads, many_groups, tables_fit_the_terminal,
	keys_stay_readable, columns_that_do_not_fit_are_named)
