/* SPDX-License-Identifier: BSD-2-Clause */
/* The window of messages under way: those that a connection has given up. */
#include "check_main.h"
#include "transport/window.h"

static void add(struct sf_window *window, uint64_t records)
{
	static const uint8_t bytes[100];
	const struct sf_window_message message = {
		.length = sizeof(bytes),
		.data_records = (uint16_t)records,
		.sctp_stream = (uint16_t)(3 * records),
		.flows = { .records = records, .packets = records },
	};
	size_t length;

	ck_assert(sf_window_add(window, bytes, &message));
	ck_assert_ptr_nonnull(sf_window_unwritten(window, &length));
	ck_assert_uint_eq(sf_window_next(window)->flows.records, records);
	ck_assert_uint_eq(sf_window_next(window)->sctp_stream, 3 * records);
	sf_window_wrote(window, length, 100 * window->count);
}

START_TEST(a_message_is_given_up_before_or_after_it_counts_as_sent)
{
	struct sf_window window = { 0 };
	struct sf_window_message message;
	const uint8_t *bytes;
	struct sf_outcome rest;

	add(&window, 0);
	for (unsigned i = 1; i < 6; i++)
		add(&window, i);
	sf_window_abandon(&window, 300); /* 2 records */
	sf_window_abandon(&window, 300);
	sf_window_abandon(&window, 77); /* no message ends there */
	sf_window_acknowledge(&window, 500, 1);
	ck_assert_uint_eq(window.sent.flows.records, 1 + 3 + 4);
	sf_window_abandon(&window, 500); /* 4 records, acknowledged */
	ck_assert_uint_eq(window.sent.flows.records, 1 + 3);
	ck_assert_uint_eq(window.abandoned.records, 2 + 4);
	/* they are not sent again */
	sf_window_cut(&window, false);
	ck_assert_uint_eq(window.sent.flows.records, 0);
	for (unsigned records = 1; records < 6; records += 2) {
		ck_assert(sf_window_take_back(&window, &message, &bytes));
		ck_assert_uint_eq(message.flows.records, records);
	}
	ck_assert(!sf_window_take_back(&window, &message, &bytes));
	/* nor lost twice at the end */
	add(&window, 7);
	add(&window, 8);
	sf_window_abandon(&window, 100);
	rest = sf_window_drop(&window);
	ck_assert_uint_eq(rest.flows.records, 8);
	ck_assert_uint_eq(window.abandoned.records, 2 + 4 + 7);
	sf_window_fini(&window);
}
END_TEST

CHECK_MAIN("window", a_message_is_given_up_before_or_after_it_counts_as_sent)
