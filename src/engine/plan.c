/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "base/url_option.h"
#include "engine/plan.h"

/* X(member, kind, part, change): all members, in their order. */
#define PLAN_MEMBERS(X)                                                                            \
	X(sources, NONE, SOURCE, SAME)                                                             \
	X(source_count, NONE, SOURCE, SAME)                                                        \
	X(destinations, NONE, DESTINATION, SAME)                                                   \
	X(destination_count, NONE, DESTINATION, SAME)                                              \
	X(active_timeout_ns, VALUE, METER, ADJUST)                                                 \
	X(idle_timeout_ns, VALUE, METER, ADJUST)                                                   \
	X(max_flows, VALUE, METER, RESTART)                                                        \
	X(key, VALUE, METER, RESTART)                                                              \
	X(per_packet, VALUE, METER, RESTART)                                                       \
	X(split_fragments, VALUE, METER, RESTART)                                                  \
	X(prealloc, VALUE, METER, RESTART)                                                         \
	X(strong_hash, VALUE, METER, RESTART)                                                      \
	X(hash_seed, SEED, METER, RESTART)                                                         \
	X(dedup, VALUE, METER, RESTART)                                                            \
	X(dedup_window_ns, VALUE, METER, ADJUST)                                                   \
	X(sampling, VALUE, METER, RESTART)                                                         \
	X(switch_time_ns, VALUE, METER, RESTART)                                                   \
	X(tunnels, VALUE, METER, RESTART)                                                          \
	X(meter_own_export, VALUE, METER, ADJUST)                                                  \
	X(domain, VALUE, METER, RESTART)                                                           \
	X(workers, VALUE, WORKERS, RESTART)                                                        \
	X(workers_independent, VALUE, WORKERS, RESTART)                                            \
	X(pin, VALUE, WORKERS, ADJUST)                                                             \
	X(enrich, NAMES, EXPORT, ADJUST)                                                           \
	X(enrich_count, VALUE, EXPORT, ADJUST)                                                     \
	X(interface_map, TEXT, EXPORT, ADJUST)                                                     \
	X(local_net, TEXT, EXPORT, ADJUST)                                                         \
	X(egress, VALUE, EXPORT, ADJUST)                                                           \
	X(share, VALUE, EXPORT, RESTART)                                                           \
	X(fold, VALUE, EXPORT, RESTART)                                                            \
	X(fields, TEXT, EXPORT, RESTART)                                                           \
	X(applications, VALUE, EXPORT, RESTART)                                                    \
	X(queue_octets, VALUE, EXPORT, ADJUST)                                                     \
	X(spool, TEXT, EXPORT, RESTART)                                                            \
	X(spool_octets, VALUE, EXPORT, RESTART)                                                    \
	X(spool_drops_newest, VALUE, EXPORT, RESTART)                                              \
	X(keep_files, VALUE, EXPORT, ADJUST)                                                       \
	X(no_late_collectors, VALUE, EXPORT, ADJUST)                                               \
	X(packet_limit, VALUE, END, ADJUST)                                                        \
	X(duration_ns, VALUE, END, ADJUST)                                                         \
	X(stop_timeout_ns, VALUE, END, ADJUST)                                                     \
	X(on_file, TEXT, PRIVILEGES, RESTART)                                                      \
	X(user, TEXT, PRIVILEGES, RESTART)                                                         \
	X(no_sandbox, VALUE, PRIVILEGES, RESTART)

#define SOURCE_MEMBERS(X)                                                                          \
	X(text, NONE, SOURCE, SAME)                                                                \
	X(driver, TEXT, SOURCE, RESTART)                                                           \
	X(names, NAMES, SOURCE, RESTART)                                                           \
	X(name_count, VALUE, SOURCE, RESTART)                                                      \
	X(filter, TEXT, SOURCE, ADJUST)                                                            \
	X(direction, VALUE, SOURCE, RESTART)                                                       \
	X(snaplen, VALUE, SOURCE, RESTART)                                                         \
	X(ring_bytes, VALUE, SOURCE, RESTART)                                                      \
	X(immediate, VALUE, SOURCE, RESTART)                                                       \
	X(no_promiscuous, VALUE, SOURCE, RESTART)                                                  \
	X(hardware_time, VALUE, SOURCE, RESTART)                                                   \
	X(set_rss, VALUE, SOURCE, RESTART)                                                         \
	X(keep_offloads, VALUE, SOURCE, RESTART)                                                   \
	X(keep_link, VALUE, SOURCE, RESTART)                                                       \
	X(no_wait, VALUE, SOURCE, ADJUST)                                                          \
	X(driver_options, TEXT, SOURCE, RESTART)                                                   \
	X(start_ns, VALUE, SOURCE, RESTART)                                                        \
	X(end_ns, VALUE, SOURCE, RESTART)                                                          \
	X(realtime, VALUE, SOURCE, RESTART)

#define DESTINATION_MEMBERS(X)                                                                     \
	X(kind, NONE, DESTINATION, SAME)                                                           \
	X(url, NONE, DESTINATION, SAME)                                                            \
	X(name, TEXT, DESTINATION, RESTART)                                                        \
	X(sink, NONE, DESTINATION, SAME)                                                           \
	X(wants, VALUE, DESTINATION, RESTART)                                                      \
	X(format, VALUE, DESTINATION, RESTART)                                                     \
	X(biflow, VALUE, DESTINATION, RESTART)                                                     \
	X(local_time, VALUE, DESTINATION, ADJUST)                                                  \
	X(wide, VALUE, DESTINATION, RESTART)                                                       \
	X(width, VALUE, DESTINATION, ADJUST)

#define ROW(structure, member, kind, part, change)                                                 \
	{ #member, offsetof(struct structure, member), sizeof(((struct structure *)0)->member),    \
		SF_PLAN_##kind, SF_PART_##part, SF_PLAN_##change },

const struct sf_plan_row sf_plan_rows[] = {
#define X(...) ROW(sf_plan, __VA_ARGS__)
	PLAN_MEMBERS(X)
#undef X
		{ 0 },
};
const struct sf_plan_row sf_plan_source_rows[] = {
#define X(...) ROW(sf_plan_source, __VA_ARGS__)
	SOURCE_MEMBERS(X)
#undef X
		{ 0 },
};
const struct sf_plan_row sf_plan_destination_rows[] = {
#define X(...) ROW(sf_plan_destination, __VA_ARGS__)
	DESTINATION_MEMBERS(X)
#undef X
		{ 0 },
};

/* A member without a row does not build: it has no initializer here. */
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wmissing-field-initializers"
#define X(member, ...) from->member,
static __attribute__((unused)) struct sf_plan copy_plan(const struct sf_plan *from)
{
	return (struct sf_plan){ PLAN_MEMBERS(X) };
}
static __attribute__((unused)) struct sf_plan_source copy_source(const struct sf_plan_source *from)
{
	return (struct sf_plan_source){ SOURCE_MEMBERS(X) };
}
static __attribute__((unused)) struct sf_plan_destination copy_destination(
	const struct sf_plan_destination *from)
{
	return (struct sf_plan_destination){ DESTINATION_MEMBERS(X) };
}
#undef X
#pragma GCC diagnostic pop

/* The differences found so far. */
struct comparison {
	struct sf_plan_difference *differences;
	unsigned max, count;
};

static void note(struct comparison *comparison, enum sf_plan_part part, enum sf_plan_change change,
	unsigned old_index, unsigned new_index, const char *member)
{
	if (change == SF_PLAN_SAME)
		return;
	if (comparison->count < comparison->max) {
		struct sf_plan_difference *difference = &comparison->differences[comparison->count];

		*difference = (struct sf_plan_difference){ part, change, old_index, new_index, "" };
		/* of an option its value follows */
		if (member)
			snprintf(difference->member, sizeof(difference->member), "%.*s",
				(int)strcspn(member, "=,&"), member);
	}
	comparison->count++;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_seed(const uint64_t *a, const uint64_t *b)
{
	return a && b ? a[0] == b[0] && a[1] == b[1] : a == b;
}

/* The shorter one of two arrays is the begin of the longer one. */
static bool same_names(const char *const *from, const char *const *to, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (!same_text(from[i], to[i]))
			return false;
	return true;
}

/* The length of an array is the member behind it, and has a row of its own. */
static unsigned count_of(const struct sf_plan_row *row, const void *structure)
{
	return *(const unsigned *)((const char *)structure + row[1].offset);
}

static bool same_member(const struct sf_plan_row *row, const void *from, const void *to)
{
	const char *a = (const char *)from + row->offset, *b = (const char *)to + row->offset;
	unsigned count;

	if (row->kind == SF_PLAN_VALUE)
		return memcmp(a, b, row->size) == 0;
	if (row->kind == SF_PLAN_TEXT)
		return same_text(*(const char *const *)a, *(const char *const *)b);
	if (row->kind == SF_PLAN_SEED)
		return same_seed(*(const uint64_t *const *)a, *(const uint64_t *const *)b);
	if (row->kind == SF_PLAN_NONE)
		return true;
	count = count_of(row, from) < count_of(row, to) ? count_of(row, from) : count_of(row, to);
	return same_names(*(const char *const *const *)a, *(const char *const *const *)b, count);
}

/* The largest change among the members of a part; *member: the first one that demands it. */
static enum sf_plan_change compare_rows(const struct sf_plan_row *rows, enum sf_plan_part part,
	const void *from, const void *to, const char **member)
{
	enum sf_plan_change change = SF_PLAN_SAME;

	*member = NULL;
	for (const struct sf_plan_row *row = rows; row->name; row++)
		if (row->part == part && row->change > change && !same_member(row, from, to)) {
			change = row->change;
			*member = row->name;
		}
	return change;
}

static void compare_sources(
	struct comparison *comparison, const struct sf_plan *from, const struct sf_plan *to)
{
	for (unsigned i = 0; i < from->source_count; i++) {
		const char *member = NULL;
		enum sf_plan_change change = SF_PLAN_REMOVED;
		unsigned k = 0;

		while (k < to->source_count &&
			!same_text(from->sources[i].text, to->sources[k].text))
			k++;
		if (k < to->source_count)
			change = compare_rows(sf_plan_source_rows, SF_PART_SOURCE,
				&from->sources[i], &to->sources[k], &member);
		note(comparison, SF_PART_SOURCE, change, i, k, member);
	}
	for (unsigned k = 0; k < to->source_count; k++) {
		unsigned i = 0;

		while (i < from->source_count &&
			!same_text(from->sources[i].text, to->sources[k].text))
			i++;
		if (i == from->source_count)
			note(comparison, SF_PART_SOURCE, SF_PLAN_ADDED, i, k, NULL);
	}
}

/* ---------------------------------------------------------------- destinations */

/* Length of a URL or path without its options. */
static size_t target_length(const struct sf_plan_destination *destination)
{
	const char *url = destination->url ? destination->url : "";

	if (destination->kind == SF_TO_FILE)
		return sf_exporter_path_length(url);
	return destination->kind == SF_TO_COLLECTOR ? strcspn(url, ",?") : 0;
}

static bool same_target(const struct sf_plan_destination *a, const struct sf_plan_destination *b)
{
	size_t length = target_length(a);

	if (a->kind != b->kind || length != target_length(b) ||
		(length && memcmp(a->url, b->url, length) != 0))
		return false;
	return a->kind != SF_TO_CALLBACK ||
	       (a->sink.put == b->sink.put && a->sink.context == b->sink.context);
}

/* An option that the table does not know is an error when the destination is opened. */
static bool can_adjust(const char *name, size_t length)
{
	for (unsigned i = 0; i < SF_URL_OPTIONS; i++)
		if (strlen(sf_url_options[i].name) == length &&
			memcmp(sf_url_options[i].name, name, length) == 0)
			return sf_url_options[i].adjusts;
	return false;
}

/*
 * The value of an option in "…,name=value&…"; NULL: it has none.
 * *size becomes the value's length.
 */
static const char *find_option(const char *options, const char *name, size_t length, size_t *size)
{
	for (const char *item = options; *item; item += strcspn(item, ",&")) {
		item += strspn(item, ",&?");
		if (strncmp(item, name, length) == 0 && item[length] == '=') {
			*size = strcspn(item, ",&") - length - 1;
			return item + length + 1;
		}
	}
	return NULL;
}

/*
 * What it takes to change each option of `options` that `others` lack
 * or that has another value there.
 */
static enum sf_plan_change compare_options(
	const char *options, const char *others, const char **member)
{
	enum sf_plan_change change = SF_PLAN_SAME;

	for (const char *item = options; *item; item += strcspn(item, ",&")) {
		size_t length, sizes[2];
		const char *values[2];
		enum sf_plan_change needed;

		item += strspn(item, ",&?");
		length = strcspn(item, "=,&");
		values[0] = find_option(options, item, length, &sizes[0]);
		values[1] = find_option(others, item, length, &sizes[1]);
		if (values[0] && values[1] && sizes[0] == sizes[1] &&
			memcmp(values[0], values[1], sizes[0]) == 0)
			continue;
		needed = can_adjust(item, length) ? SF_PLAN_ADJUST : SF_PLAN_RESTART;
		if (needed > change) {
			change = needed;
			*member = item;
		}
	}
	return change;
}

static enum sf_plan_change compare_destination(const struct sf_plan_destination *from,
	const struct sf_plan_destination *to, const char **member)
{
	enum sf_plan_change change =
		compare_rows(sf_plan_destination_rows, SF_PART_DESTINATION, from, to, member);
	const char *options[2];

	if (from->kind == SF_TO_TEXT || from->kind == SF_TO_CALLBACK)
		return change;
	options[0] = from->url + target_length(from);
	options[1] = to->url + target_length(to);
	for (unsigned i = 0; i < 2; i++) {
		const char *name = NULL;
		enum sf_plan_change one = compare_options(options[i], options[1 - i], &name);

		if (one > change) {
			change = one;
			*member = name;
		}
	}
	return change;
}

static void compare_destinations(
	struct comparison *comparison, const struct sf_plan *from, const struct sf_plan *to)
{
	for (unsigned i = 0; i < from->destination_count; i++) {
		const char *member = NULL;
		enum sf_plan_change change = SF_PLAN_REMOVED;
		unsigned k = 0;

		while (k < to->destination_count &&
			!same_target(&from->destinations[i], &to->destinations[k]))
			k++;
		if (k < to->destination_count)
			change = compare_destination(
				&from->destinations[i], &to->destinations[k], &member);
		note(comparison, SF_PART_DESTINATION, change, i, k, member);
	}
	for (unsigned k = 0; k < to->destination_count; k++) {
		unsigned i = 0;

		while (i < from->destination_count &&
			!same_target(&from->destinations[i], &to->destinations[k]))
			i++;
		if (i == from->destination_count)
			note(comparison, SF_PART_DESTINATION, SF_PLAN_ADDED, i, k, NULL);
	}
}

unsigned sf_plan_compare(const struct sf_plan *from, const struct sf_plan *to,
	struct sf_plan_difference *differences, unsigned max)
{
	struct comparison comparison = { .differences = differences, .max = max };

	compare_sources(&comparison, from, to);
	compare_destinations(&comparison, from, to);
	for (enum sf_plan_part part = SF_PART_METER; part <= SF_PART_PRIVILEGES; part++) {
		const char *member;
		enum sf_plan_change change = compare_rows(sf_plan_rows, part, from, to, &member);

		note(&comparison, part, change, 0, 0, member);
	}
	return comparison.count;
}
