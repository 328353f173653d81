/* SPDX-License-Identifier: BSD-2-Clause */
/* Flows and groups for the tests of src/ask/groups.h. */
#ifndef TESTS_GROUP_SUPPORT_H
#define TESTS_GROUP_SUPPORT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask/answer.h"
#include "check_main.h"

#define NS INT64_C(1000000000)

static inline struct sf_flow flow_of(unsigned source, unsigned port)
{
	struct sf_flow flow = { .ip_version = 4,
		.protocol = 17,
		.directions = SF_FORWARD,
		.addr = { { 10, (uint8_t)(source >> 16), (uint8_t)(source >> 8), (uint8_t)source },
			{ 192, 0, 2, 1 } },
		.port = { (uint16_t)port, 53 } };

	flow.half[0] = (struct sf_flow_half){
		.packets = 2, .octets = 100, .start_ns = 1000 * NS, .end_ns = 1010 * NS
	};
	return flow;
}

static inline struct sf_groups *make(const struct sf_groups_options *options)
{
	struct sf_error error = { 0 };
	struct sf_groups *groups;

	ck_assert_msg(sf_groups_new(&groups, options, &error) == 0, "%s", error.text);
	return groups;
}

static inline void put(struct sf_groups *groups, const struct sf_flow *flow)
{
	struct sf_error error = { 0 };

	ck_assert_int_eq(sf_groups_flow(groups, flow, NULL, flow->directions, &error), 0);
}

/* The answer in JSON; freed by the next call. */
static inline const char *answer(struct sf_groups *groups)
{
	static char *text;
	struct sf_error error = { 0 };
	size_t length = 0;

	ck_assert_int_eq(sf_groups_sort(groups, &error), 0);
	free(text);
	text = malloc(sf_groups_shown(groups) * 4096 + SF_ANSWER_ROW_MAX);
	ck_assert_ptr_nonnull(text);
	for (size_t i = 0; i < sf_groups_shown(groups); i++)
		length = (size_t)(sf_answer_json(groups, i, text + length) - text);
	text[length] = '\0';
	return text;
}

#endif
