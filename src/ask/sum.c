/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sums of a group. What each keeps in its words:
 *
 *	flows, packets, bytes, sent …   the sum
 *	first, last                     the time
 *	distinct                        a pointer to the set
 *	min, max, avg                   how many rows; the value or the sum
 *	bpp                             bytes; packets
 *	bps, pps                        bytes or packets; first; last
 *	ratio                           sent; received
 *	span                            first; last
 *	interval                        rows; first start; last start
 *	jitter                          rows; last start; sum of gaps; sum of their squares
 *	                                (doubles)
 *
 * A row that waits for its group (rows.c) has the same words, as a group of this
 * row alone would have, but for:
 *
 *	distinct                        the hash of the value; 0: it has none
 *	jitter                          the start
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask/group.h"
#include "base/suggest.h"

static const struct kind {
	const char *name;
	uint8_t words;
	bool of_field; /* written with a field in parentheses */
} kinds[SF_SUM_KINDS] = {
	[SF_SUM_FLOWS] = { "flows", 1 },
	[SF_SUM_PACKETS] = { "packets", 1 },
	[SF_SUM_BYTES] = { "bytes", 1 },
	[SF_SUM_DURATION] = { "duration", 1 },
	[SF_SUM_FIRST] = { "first", 1 },
	[SF_SUM_LAST] = { "last", 1 },
	[SF_SUM_DISTINCT] = { "distinct", 1, true },
	[SF_SUM_SUM] = { "sum", 1, true },
	[SF_SUM_MIN] = { "min", 2, true },
	[SF_SUM_MAX] = { "max", 2, true },
	[SF_SUM_AVG] = { "avg", 2, true },
	[SF_SUM_BPP] = { "bpp", 2 },
	[SF_SUM_BPS] = { "bps", 3 },
	[SF_SUM_PPS] = { "pps", 3 },
	[SF_SUM_SENT] = { "sent", 1 },
	[SF_SUM_RECEIVED] = { "received", 1 },
	[SF_SUM_RATIO] = { "ratio", 2 },
	[SF_SUM_SPAN] = { "span", 2 },
	[SF_SUM_INTERVAL] = { "interval", 3 },
	[SF_SUM_JITTER] = { "jitter", 4 },
};

static const char *any_kind(const void *unused, unsigned i)
{
	(void)unused;
	return i < SF_SUM_KINDS ? kinds[i].name : NULL;
}

/* ---------------------------------------------------------------- parsing */

static int parse_field(struct sf_groups *groups, struct sf_sum *sum, const char *word,
	size_t length, struct sf_error *error)
{
	char name[48];
	int code;

	if (sum->kind == SF_SUM_DISTINCT)
		return sf_key_parse(groups, &sum->key, word, length, error);
	snprintf(name, sizeof(name), "%.*s", (int)length, word);
	code = sf_ask_field_find(&sum->field, name, groups->options.mode, error);
	if (code)
		return code;
	if (sum->field.type == SF_ASK_NUMBER || sum->field.type == SF_ASK_DURATION ||
		(sum->field.type == SF_ASK_TIME &&
			(sum->kind == SF_SUM_MIN || sum->kind == SF_SUM_MAX)))
		return 0;
	return sf_error_set(
		error, SF_EUSAGE, "'%s': only counts and durations can be summed", name);
}

static int unknown(const char *name, struct sf_error *error)
{
	const char *near = sf_suggest(name, any_kind, NULL);

	if (near)
		return sf_error_set(
			error, SF_EUSAGE, "there is no sum '%s'; did you mean '%s'?", name, near);
	return sf_error_set(error, SF_EUSAGE,
		"there is no sum '%s' (allowed: flows, packets, bytes, duration, first, last, "
		"distinct(FIELD), sum(FIELD), min(FIELD), max(FIELD), avg(FIELD), bpp, bps, pps, "
		"sent, received, ratio, span, interval, jitter)",
		name);
}

int sf_sum_parse(struct sf_groups *groups, struct sf_sum *sum, const char *word, size_t length,
	struct sf_error *error)
{
	const char *open = memchr(word, '(', length);
	size_t name_length = open ? (size_t)(open - word) : length;
	char name[32];

	memset(sum, 0, sizeof(*sum));
	if (length >= sizeof(sum->name) || name_length >= sizeof(name))
		return sf_error_set(error, SF_EUSAGE, "'%.40s' is no sum", word);
	memcpy(sum->name, word, length);
	snprintf(name, sizeof(name), "%.*s", (int)name_length, word);
	for (unsigned i = 0; i < SF_SUM_KINDS; i++) {
		if (strcmp(kinds[i].name, name) != 0)
			continue;
		sum->kind = i;
		sum->words = kinds[i].words;
		if (kinds[i].of_field != (open != NULL))
			return sf_error_set(error, SF_EUSAGE,
				kinds[i].of_field ? "'%s' needs a field: %s(dst)"
						  : "'%s' takes no field: %s alone is meant?",
				sum->name, name);
		if (!open)
			return 0;
		if (word[length - 1] != ')')
			return sf_error_set(error, SF_EUSAGE, "'%s' lacks its )", sum->name);
		return parse_field(groups, sum, open + 1, length - name_length - 2, error);
	}
	return unknown(name, error);
}

/* ---------------------------------------------------------------- reading */

void sf_sum_begin(const struct sf_sum *sum, uint64_t *state)
{
	memset(state, 0, sum->words * sizeof(*state));
	if (sum->kind == SF_SUM_FIRST || sum->kind == SF_SUM_SPAN)
		state[0] = INT64_MAX;
	if (sum->kind == SF_SUM_SPAN)
		state[1] = (uint64_t)INT64_MIN;
	else if (sum->kind == SF_SUM_LAST)
		state[0] = (uint64_t)INT64_MIN;
	else if (sum->kind == SF_SUM_BPS || sum->kind == SF_SUM_PPS ||
		 sum->kind == SF_SUM_INTERVAL) {
		state[1] = INT64_MAX;
		state[2] = (uint64_t)INT64_MIN;
	}
}

/* A field of the row, or 0. */
static uint64_t number(const struct sf_ask_field *field, const struct sf_ask_row *row)
{
	struct sf_ask_value value = { 0 };

	return sf_ask_read(field, row, &value) ? value.number : 0;
}

/* Bytes that the group's side sent and received in this row. */
static void exchange(const struct sf_groups *groups, const struct sf_ask_row *row, uint64_t *sent,
	uint64_t *received)
{
	uint64_t there = groups->row_bytes, back = 0;

	if (groups->options.mode & SF_ASK_CONVERSATION) {
		there = row->flow->half[0].octets;
		back = row->flow->half[1].octets;
	}
	*sent = groups->host_side ? back : there;
	*received = groups->host_side ? there : back;
}

/* min, max, avg */
static void read_limit(const struct sf_sum *sum, uint64_t *words, const struct sf_ask_row *row)
{
	struct sf_ask_value value = { 0 };

	if (!sf_ask_read(&sum->field, row, &value))
		return;
	words[0] = 1;
	words[1] = value.number;
}

/* The hash of the value, 0: there is none. */
static bool read_distinct(struct sf_groups *groups, const struct sf_sum *sum, uint64_t *words,
	const struct sf_ask_row *row)
{
	uint64_t slot[SF_SLOT_WORDS_MAX + 1] = { 0 };
	int kind;

	if (sum->key.type == SF_ASK_TEXT || sum->key.type == SF_ASK_OCTETS) {
		struct sf_ask_value value = { 0 };

		/* not kept as texts: only counted */
		if (!sf_ask_read(&sum->key.field, row, &value))
			return true;
		for (size_t i = 0; i < value.length; i++)
			slot[0] = slot[0] * 0x100000001b3u + value.bytes[i] + 1;
		kind = SF_SLOT_TEXT;
	} else {
		kind = sf_key_read(groups, &sum->key, row, slot);
	}
	if (kind <= 0)
		return kind == 0;
	slot[SF_SLOT_WORDS_MAX] = (uint64_t)kind;
	words[0] = sf_words_hash(1, slot, SF_SLOT_WORDS_MAX + 1);
	words[0] += words[0] == 0;
	return true;
}

/* Sums that few questions have. */
static bool read_rare(struct sf_groups *groups, const struct sf_sum *sum, uint64_t *words,
	const struct sf_ask_row *row)
{
	uint64_t sent, received;

	switch (sum->kind) {
	case SF_SUM_DISTINCT:
		return read_distinct(groups, sum, words, row);
	case SF_SUM_SUM:
		words[0] = number(&sum->field, row);
		break;
	case SF_SUM_BPP:
		words[0] = groups->row_bytes;
		words[1] = groups->row_packets;
		break;
	case SF_SUM_BPS:
	case SF_SUM_PPS:
		words[0] = sum->kind == SF_SUM_BPS ? groups->row_bytes : groups->row_packets;
		words[1] = number(&groups->start, row);
		words[2] = number(&groups->end, row);
		break;
	case SF_SUM_SPAN:
		words[0] = number(&groups->start, row);
		words[1] = number(&groups->end, row);
		break;
	case SF_SUM_SENT:
	case SF_SUM_RECEIVED:
	case SF_SUM_RATIO:
		exchange(groups, row, &sent, &received);
		words[0] = sum->kind == SF_SUM_RECEIVED ? received : sent;
		if (sum->kind == SF_SUM_RATIO)
			words[1] = received;
		break;
	case SF_SUM_INTERVAL:
		words[0] = 1;
		words[1] = words[2] = number(&groups->start, row);
		break;
	case SF_SUM_JITTER:
		words[0] = number(&groups->start, row);
		break;
	default:
		read_limit(sum, words, row);
	}
	return true;
}

bool sf_sum_read(struct sf_groups *groups, const struct sf_sum *sum, uint64_t *words,
	const struct sf_ask_row *row)
{
	struct sf_ask_value value = { 0 };

	switch (sum->kind) {
	case SF_SUM_FLOWS:
		words[0] = groups->row_flows;
		return true;
	case SF_SUM_PACKETS:
		words[0] = groups->row_packets;
		return true;
	case SF_SUM_BYTES:
		words[0] = groups->row_bytes;
		return true;
	case SF_SUM_DURATION:
		words[0] = groups->row_flows ? number(&sum->field, row) : 0;
		return true;
	case SF_SUM_FIRST:
		if (sf_ask_read(&groups->start, row, &value))
			words[0] = value.number;
		return true;
	case SF_SUM_LAST:
		if (sf_ask_read(&groups->end, row, &value))
			words[0] = value.number;
		return true;
	default:
		return read_rare(groups, sum, words, row);
	}
}

/* ---------------------------------------------------------------- adding */

static void earlier(uint64_t *state, uint64_t time)
{
	if ((int64_t)time < (int64_t)*state)
		*state = time;
}

static void later(uint64_t *state, uint64_t time)
{
	if ((int64_t)time > (int64_t)*state)
		*state = time;
}

static double real(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static uint64_t bits_of(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static void add_gap(uint64_t *state, uint64_t start)
{
	if (state[0]++) {
		double gap = fabs((double)(int64_t)start - (double)(int64_t)state[1]);

		state[2] = bits_of(real(state[2]) + gap);
		state[3] = bits_of(real(state[3]) + gap * gap);
	}
	state[1] = start;
}

static bool add_distinct(struct sf_groups *groups, uint64_t *state, uint64_t hash)
{
	struct sf_distinct *set = (struct sf_distinct *)(uintptr_t)state[0];
	bool taken = sf_distinct_add(groups, &set, hash);

	state[0] = (uint64_t)(uintptr_t)set;
	return taken;
}

bool sf_sum_add(
	struct sf_groups *groups, const struct sf_sum *sum, uint64_t *state, const uint64_t *words)
{
	switch (sum->kind) {
	case SF_SUM_FLOWS:
	case SF_SUM_PACKETS:
	case SF_SUM_BYTES:
		state[0] += words[0];
		return true;
	case SF_SUM_DISTINCT:
		return words[0] == 0 || add_distinct(groups, state, words[0]);
	case SF_SUM_JITTER:
		add_gap(state, words[0]);
		return true;
	default:
		return sf_sum_merge(groups, sum, state, words);
	}
}

static bool merge_distinct(struct sf_groups *groups, uint64_t *state, const uint64_t *other)
{
	struct sf_distinct *set = (struct sf_distinct *)(uintptr_t)state[0];
	bool taken =
		sf_distinct_merge(groups, &set, (const struct sf_distinct *)(uintptr_t)other[0]);

	state[0] = (uint64_t)(uintptr_t)set;
	return taken;
}

bool sf_sum_merge(
	struct sf_groups *groups, const struct sf_sum *sum, uint64_t *state, const uint64_t *other)
{
	switch (sum->kind) {
	case SF_SUM_DISTINCT:
		return merge_distinct(groups, state, other);
	case SF_SUM_FIRST:
		earlier(state, other[0]);
		break;
	case SF_SUM_LAST:
		later(state, other[0]);
		break;
	case SF_SUM_BPS:
	case SF_SUM_PPS:
	case SF_SUM_INTERVAL:
		state[0] += other[0];
		earlier(&state[1], other[1]);
		later(&state[2], other[2]);
		break;
	case SF_SUM_SPAN:
		earlier(&state[0], other[0]);
		later(&state[1], other[1]);
		break;
	case SF_SUM_MIN:
	case SF_SUM_MAX:
		if (other[0] && (!state[0] || (sum->kind == SF_SUM_MIN) == (other[1] < state[1])))
			state[1] = other[1];
		state[0] += other[0];
		break;
	case SF_SUM_JITTER:
		state[0] += other[0];
		later(&state[1], other[1]);
		state[2] = bits_of(real(state[2]) + real(other[2]));
		state[3] = bits_of(real(state[3]) + real(other[3]));
		break;
	default:
		for (unsigned i = 0; i < sum->words; i++)
			state[i] += other[i];
	}
	return true;
}

void sf_sum_free(struct sf_groups *groups, const struct sf_sum *sum, uint64_t *state)
{
	if (sum->kind == SF_SUM_DISTINCT)
		sf_distinct_free(groups, (struct sf_distinct *)(uintptr_t)state[0]);
}

/* ---------------------------------------------------------------- values */

bool sf_sum_estimated(const struct sf_sum *sum, const uint64_t *state)
{
	return sum->kind == SF_SUM_DISTINCT &&
	       sf_distinct_estimated((const struct sf_distinct *)(uintptr_t)state[0]);
}

bool sf_sum_number(const struct sf_sum *sum, const uint64_t *state, uint64_t *value)
{
	switch (sum->kind) {
	case SF_SUM_DISTINCT:
		*value = sf_distinct_count((const struct sf_distinct *)(uintptr_t)state[0]);
		return true;
	case SF_SUM_FIRST:
		*value = state[0];
		return state[0] != INT64_MAX;
	case SF_SUM_LAST:
		*value = state[0];
		return state[0] != (uint64_t)INT64_MIN;
	case SF_SUM_MIN:
	case SF_SUM_MAX:
		*value = state[1];
		return state[0] > 0;
	case SF_SUM_SPAN:
		*value = state[1] - state[0];
		return (int64_t)state[1] >= (int64_t)state[0];
	case SF_SUM_INTERVAL:
		*value = state[0] > 1 ? (state[2] - state[1]) / (state[0] - 1) : 0;
		return state[0] > 1;
	case SF_SUM_AVG:
	case SF_SUM_BPP:
	case SF_SUM_BPS:
	case SF_SUM_PPS:
	case SF_SUM_RATIO:
	case SF_SUM_JITTER:
		return false;
	default:
		*value = state[0];
		return true;
	}
}

/* Standard deviation of the gaps in per cent of their mean. */
static bool jitter(const uint64_t *state, double *value)
{
	double gaps = (double)state[0] - 1, mean, variance;

	if (gaps < 2 || real(state[2]) <= 0)
		return false;
	mean = real(state[2]) / gaps;
	variance = real(state[3]) / gaps - mean * mean;
	*value = 100 * sqrt(variance > 0 ? variance : 0) / mean;
	return true;
}

bool sf_sum_value(const struct sf_sum *sum, const uint64_t *state, double *value)
{
	uint64_t whole;
	double factor = sum->kind == SF_SUM_BPS ? 8e9 : 1e9;

	switch (sum->kind) {
	case SF_SUM_AVG:
		*value = state[0] ? (double)state[1] / (double)state[0] : 0;
		return state[0] > 0;
	case SF_SUM_BPP:
	case SF_SUM_RATIO:
		*value = state[1] ? (double)state[0] / (double)state[1] : 0;
		return state[1] > 0;
	case SF_SUM_BPS:
	case SF_SUM_PPS:
		if ((int64_t)state[2] <= (int64_t)state[1])
			return false;
		*value = (double)state[0] * factor / (double)(state[2] - state[1]);
		return true;
	case SF_SUM_JITTER:
		return jitter(state, value);
	default:
		if (!sf_sum_number(sum, state, &whole))
			return false;
		*value = (double)whole;
		return true;
	}
}
