/* SPDX-License-Identifier: BSD-2-Clause */
#include "collect/gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect/inputs.h"
#include "collect/internal.h"
#include "collect/metered.h"
#include "collect/reading.h"

/* Files in directories that are not read. */
struct left_out {
	unsigned count;
	const char *first;
};

struct gather {
	struct sf_collector *collector;
	const struct sf_gather_options *options;
	const struct sf_inputs *inputs;
	const char **captures;
	unsigned capture_count;
	struct left_out partial, foreign;
	unsigned file_count; /* that were taken for flows or for captures */
	bool whole;
};

static void problem(struct gather *gather, const char *text)
{
	if (gather->options->problem)
		gather->options->problem(gather->options->context, text);
}

/* ---------------------------------------------------------------- reading */

static bool is_ended(const struct gather *gather)
{
	return (gather->options->between && gather->options->between(gather->options->context)) ||
	       gather->collector->stopped;
}

/* Called after a file was read. True: go on with the next one. */
static bool after(struct gather *gather, int result, const struct sf_error *error)
{
	bool ended = is_ended(gather);

	if (result && !(result == -EINTR && ended)) {
		problem(gather, error->text);
		gather->whole = false;
	}
	return !ended;
}

/*
 * Reads a file. What is wrong with it is told now; if there are other readers, in the end. True: go
 * on with the next one.
 */
static bool read_file(struct gather *gather, const char *path)
{
	const struct sf_gather_options *options = gather->options;
	struct sf_error error = { 0 };

	if (!options->reading)
		return after(gather, sf_collector_file(gather->collector, path, &error), &error);
	sf_collect_shared(gather->collector, options->reading, options->reader, path);
	return !is_ended(gather);
}

static enum sf_found kind_of(const struct gather *gather, unsigned entry)
{
	const struct sf_gather_options *options = gather->options;

	return options->reading ? sf_reading_enter(options->reading, options->reader, entry)
				: sf_found_kind(&gather->inputs->list.files[entry]);
}

static void leave_out(struct left_out *files, const char *path)
{
	if (files->count++ == 0)
		files->first = path;
}

/* Flow files at once; captures are put aside. */
static void read_flows(struct gather *gather)
{
	for (unsigned i = 0; i < gather->inputs->list.count; i++) {
		const char *path = gather->inputs->list.files[i].path;
		enum sf_found kind = kind_of(gather, i);

		if (kind == SF_FOUND_PARTIAL || kind == SF_FOUND_FOREIGN) {
			leave_out(kind == SF_FOUND_PARTIAL ? &gather->partial : &gather->foreign,
				path);
			continue;
		}
		gather->file_count++;
		if (kind == SF_FOUND_CAPTURE) {
			if (!gather->options->flows_only)
				gather->captures[gather->capture_count++] = path;
			continue;
		}
		/* a signal may have come while standard input was waited for */
		if (is_ended(gather) || !read_file(gather, path))
			return;
	}
}

static void read_captures(struct gather *gather)
{
	struct sf_error error = { 0 };

	if (gather->capture_count == 0 || gather->collector->stopped)
		return;
	after(gather,
		sf_collect_metered(gather->collector, gather->captures, gather->capture_count,
			gather->options, &error),
		&error);
}

static bool is_default(const struct sf_gather_metering *metering)
{
	for (unsigned kind = 0; kind < SF_TUNNEL_COUNT; kind++)
		if (metering->tunnels.mode[kind] != SF_TUNNEL_DEFAULT)
			return false;
	return !metering->tunnels.mirror && !metering->tunnels.port_count &&
	       !metering->split_fragments && !metering->enricher && !metering->active_timeout_ns &&
	       !metering->idle_timeout_ns && !metering->applications;
}

/* Options for captures change nothing if there are none. */
static void tell_no_captures(struct gather *gather)
{
	if (gather->capture_count == 0 && !gather->options->flows_only &&
		!is_default(&gather->options->metering))
		problem(gather,
			"options of metering (--tunnel, --fragments, --idle-timeout, --enrich ...) "
			"change nothing: they are for capture files, and there is none");
}

/*
 * With --tunnel both sums have packets of tunnels twice, as outer and as inner packet. Tells the
 * user, unless the question names a field that keeps them apart.
 */
static void tell_twice(struct gather *gather)
{
	const struct sf_gather_metering *metering = &gather->options->metering;
	bool both = false;

	for (unsigned i = 0; i < metering->element_count; i++)
		if (strcmp(metering->elements[i], "outerFlowId") == 0 ||
			strcmp(metering->elements[i], "innerFlowId") == 0)
			return;
	for (unsigned kind = 0; kind < SF_TUNNEL_COUNT; kind++)
		both |= metering->tunnels.mode[kind] == SF_TUNNEL_BOTH;
	if (both && gather->capture_count && gather->options->sums)
		problem(gather, "--tunnel both: packets in tunnels count twice in sums; "
				"--where 'has outerFlowId' takes only the packets inside, "
				"--where 'not has outerFlowId' those around and in no tunnel");
}

static void tell_left_out(struct gather *gather)
{
	unsigned count = gather->foreign.count;
	char text[256];

	if (count == 0 || gather->options->flows_only)
		return;
	snprintf(text, sizeof(text),
		"left out: %u file%s that %s neither flows nor packets (%.127s%s)", count,
		count == 1 ? "" : "s", count == 1 ? "has" : "have", gather->foreign.first,
		count == 1 ? "" : ", ...");
	problem(gather, text);
}

static void tell_partial(struct gather *gather)
{
	unsigned count = gather->partial.count;
	const char *it = count == 1 ? "it" : "them";
	char text[512];

	if (count == 0 || gather->options->flows_only)
		return;
	snprintf(text, sizeof(text),
		"left out: %u file%s that %s not complete: another run writes %s, or was killed; "
		"to read %s name %s (%.300s)",
		count, count == 1 ? "" : "s", count == 1 ? "is" : "are", it, it, it,
		gather->partial.first);
	problem(gather, text);
}

/* Directories without any such file: an answer of nothing would look like one. */
static void tell_nothing(struct gather *gather, const char *const *names, unsigned count)
{
	char text[512];

	if (!gather->whole || gather->file_count || count == 0 || gather->options->flows_only)
		return;
	snprintf(text, sizeof(text), "%s%s: no file of flows and no capture in %s", names[0],
		count == 1 ? "" : ", ...", count == 1 ? "this directory" : "these directories");
	problem(gather, text);
	gather->whole = false;
}

/*
 * Tells what is wrong with the files, as one reader alone would; after a signal, what is known by
 * then.
 */
static void tell_noted(struct gather *gather)
{
	struct sf_reading *reading = gather->options->reading;
	struct sf_error noted;

	if (!is_ended(gather))
		sf_reading_wait(reading);
	for (unsigned i = 0; i < gather->inputs->list.count; i++)
		if (sf_reading_problem(reading, i, &noted)) {
			problem(gather, noted.text);
			gather->whole = false;
		}
}

/* The other readers do not wait for this one any more; what is read now, it reads alone. */
static void end_reading(struct gather *gather)
{
	const struct sf_gather_options *options = gather->options;

	gather->collector->runs_taken = NULL;
	if (!options->reading)
		return;
	sf_reading_leave(options->reading, options->reader);
	if (options->reader == 0)
		tell_noted(gather);
}

static void tell_missing(struct gather *gather)
{
	for (unsigned i = 0; i < gather->inputs->problem_count; i++) {
		problem(gather, gather->inputs->problems[i]);
		gather->whole = false;
	}
}

static void read_all(struct gather *gather, const char *const *names, unsigned count)
{
	const struct sf_gather_options *options = gather->options;

	/* of several readers the first one tells what is wrong */
	if (options->reader == 0)
		tell_missing(gather);
	if (options->reading)
		gather->collector->runs_taken = sf_reading_runs(options->reading);
	read_flows(gather);
	end_reading(gather);
	read_captures(gather);
	tell_partial(gather);
	tell_left_out(gather);
	tell_no_captures(gather);
	tell_twice(gather);
	tell_nothing(gather, names, count);
}

bool sf_gather(struct sf_collector *collector, const char *const *names, unsigned count,
	const struct sf_gather_options *options)
{
	struct sf_inputs own = { 0 };
	struct gather gather = { .collector = collector, .options = options, .whole = true };
	int code = options->reading ? 0 : sf_inputs_make(&own, names, count);

	gather.inputs = options->reading ? sf_reading_inputs(options->reading) : &own;
	gather.captures = calloc(gather.inputs->list.count + 1, sizeof(*gather.captures));
	if (code == 0 && gather.captures) {
		read_all(&gather, names, count);
	} else {
		problem(&gather, "no memory for the names of files");
		gather.whole = false;
		end_reading(&gather);
	}
	free(gather.captures);
	sf_inputs_fini(&own);
	return gather.whole;
}
