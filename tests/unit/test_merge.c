/* SPDX-License-Identifier: BSD-2-Clause */
/* Inputs merged by time, compared with a search through all of them for each packet. */
#include <string.h>

#include "check_main.h"
#include "file/merge.h"

#define INPUTS  9
#define PACKETS 400 /* in each */

static struct sf_packet stored[INPUTS][PACKETS];
static struct sf_packet expected[INPUTS * PACKETS], merged[INPUTS * PACKETS];
static struct sf_reader readers[INPUTS];
static struct sf_source sources[INPUTS];
static unsigned used[INPUTS]; /* stored packets that the reader has had */
static uint64_t random_state;

static unsigned below(unsigned limit)
{
	random_state = random_state * 6364136223846793005 + 1442695040888963407;
	return (unsigned)((random_state >> 33) % limit);
}

/* As sf_reader_look_ahead() does, at most `most` at once. */
static bool look_ahead(unsigned input, unsigned most)
{
	struct sf_reader *reader = &readers[input];
	unsigned n = PACKETS - used[input] < most ? PACKETS - used[input] : most;

	memcpy(reader->ahead, stored[input] + used[input], n * sizeof(*reader->ahead));
	used[input] += n;
	reader->ahead_ns = reader->ahead->time_ns;
	reader->ahead_end = reader->ahead + n;
	return n > 0;
}

/* `step`: the times of an input grow by less than this, or seldom step back; 1: all are equal. */
static void make(unsigned inputs, unsigned step, unsigned apart)
{
	for (unsigned i = 0; i < inputs; i++) {
		int64_t time = (int64_t)(inputs - i) * apart + below(step);

		for (unsigned k = 0; k < PACKETS; k++) {
			stored[i][k] = (struct sf_packet){
				.time_ns = time, .interface = (uint16_t)i, .wire = k
			};
			time += below(20) ? below(step) : -(int64_t)below(step);
		}
		used[i] = 0;
		sources[i] =
			(struct sf_source){ .order = i, .leaf = SF_NO_LEAF, .reader = &readers[i] };
	}
}

/* The earliest next packet of all, again and again. */
static void expect(unsigned inputs)
{
	unsigned at[INPUTS] = { 0 };

	for (unsigned n = 0; n < inputs * PACKETS; n++) {
		unsigned first = INPUTS;

		for (unsigned i = 0; i < inputs; i++)
			if (at[i] < PACKETS &&
				(first == INPUTS || stored[i][at[i]].time_ns <
							    stored[first][at[first]].time_ns))
				first = i;
		expected[n] = stored[first][at[first]++];
	}
}

/* Inputs that begin later than the next packet are added when it is their turn. */
static void add_due(struct sf_merge *merge, unsigned inputs)
{
	for (unsigned i = inputs; i-- > 0;) {
		if (used[i] || (merge->count && stored[i][0].time_ns > sf_merge_head(merge)))
			continue;
		look_ahead(i, 1 + below(SF_BATCH_MAX));
		sf_merge_add(merge, &sources[i]);
	}
}

/* The time before the first packet of any input that waits. */
static int64_t before_waiting(unsigned inputs)
{
	int64_t until = INT64_MAX;

	for (unsigned i = 0; i < inputs; i++)
		if (!used[i] && stored[i][0].time_ns <= until)
			until = stored[i][0].time_ns - 1;
	return until;
}

/* `apart`: how much later the inputs begin, one after the other. */
static void merge_all(unsigned inputs, unsigned step, unsigned apart)
{
	struct sf_source *spent;
	struct sf_merge merge;
	unsigned total = 0;

	ck_assert_int_eq(sf_merge_init(&merge, inputs), 0);
	make(inputs, step, apart);
	expect(inputs);
	for (add_due(&merge, inputs); merge.count; add_due(&merge, inputs)) {
		unsigned before = total, max = total + 1 + below(SF_BATCH_MAX), wrong = 0;
		int64_t head = sf_merge_head(&merge), until = head + below(3 * step);

		if (before_waiting(inputs) < until)
			until = before_waiting(inputs);
		total = sf_merge_take(&merge, merged, total, max, until, &spent);
		ck_assert_uint_gt(total, before);
		ck_assert_uint_le(total, max);
		ck_assert_int_eq(merged[before].time_ns, head);
		for (unsigned i = before; i < total; i++)
			wrong += merged[i].time_ns > until;
		ck_assert_uint_eq(wrong, 0);
		if (spent && look_ahead(spent->order, 1 + below(SF_BATCH_MAX)))
			sf_merge_add(&merge, spent);
		else if (spent)
			sf_merge_forget(&merge, spent);
	}
	sf_merge_fini(&merge);
	ck_assert_uint_eq(total, inputs * PACKETS);
	ck_assert_int_eq(memcmp(merged, expected, total * sizeof(*merged)), 0);
}

START_TEST(the_earliest_packet_is_always_next)
{
	for (unsigned inputs = 1; inputs <= INPUTS; inputs++)
		for (unsigned step = 1; step < 2000; step *= 3) {
			merge_all(inputs, step, 0);
			merge_all(inputs, step, step * PACKETS / 5);
			merge_all(inputs, step, step * PACKETS);
		}
}
END_TEST

START_TEST(nothing_is_taken_that_is_too_late)
{
	struct sf_packet packets[SF_BATCH_MAX];
	struct sf_source *spent;
	struct sf_merge merge;

	for (unsigned inputs = 1; inputs <= 2; inputs++) {
		make(inputs, 1, 0);
		ck_assert_int_eq(sf_merge_init(&merge, inputs), 0);
		for (unsigned i = 0; i < inputs; i++) {
			look_ahead(i, 3);
			sf_merge_add(&merge, &sources[i]);
		}
		ck_assert_uint_eq(sf_merge_take(&merge, packets, 0, SF_BATCH_MAX, -1, &spent), 0);
		ck_assert_ptr_null(spent);
		sf_merge_fini(&merge);
	}
}
END_TEST

CHECK_MAIN("merge", the_earliest_packet_is_always_next, nothing_is_taken_that_is_too_late)
