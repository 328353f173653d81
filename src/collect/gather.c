/* SPDX-License-Identifier: BSD-2-Clause */
#include "collect/gather.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_kind.h"
#include "base/file_list.h"
#include "collect/internal.h"
#include "collect/metered.h"

struct gather {
	struct sf_collector *collector;
	const struct sf_gather_options *options;
	struct sf_list list;
	const char **captures;
	unsigned capture_count;
	const char *partial; /* the first of the files in directories that are not complete */
	unsigned partial_count;
	unsigned file_count; /* that were taken for flows or for captures */
	bool whole;
};

static void problem(struct gather *gather, const char *text)
{
	if (gather->options->problem)
		gather->options->problem(gather->options->context, text);
}

/* ---------------------------------------------------------------- reading */

/* A file that cannot be opened counts as a file of flows: its reader reports the error. */
static int kind_of(const char *path)
{
	struct stat status;
	int kind;

	/* a pipe with a name can be opened once only */
	if (strcmp(path, "-") != 0 && (stat(path, &status) < 0 || !S_ISREG(status.st_mode)))
		return SF_FILE_FLOWS;
	kind = sf_file_kind(path, NULL);
	return kind < 0 ? SF_FILE_FLOWS : kind;
}

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

/* A file of a series (transport/series.c) that a run has not completed. */
static bool is_partial(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t length = strlen(name);

	return *name == '.' && length > 8 && strcmp(name + length - 8, ".partial") == 0;
}

/* Flow files at once; captures are put aside. */
static void read_flows(struct gather *gather)
{
	for (unsigned i = 0; i < gather->list.count; i++) {
		const struct sf_listed *file = &gather->list.files[i];
		struct sf_error error = { 0 };
		int kind;

		if (file->in_directory && is_partial(file->path)) {
			if (gather->partial_count++ == 0)
				gather->partial = file->path;
			continue;
		}
		kind = kind_of(file->path);
		gather->file_count += kind != SF_FILE_OTHER || !file->in_directory;
		if (kind == SF_FILE_CAPTURE && gather->options->flows_only)
			continue;
		if (kind == SF_FILE_CAPTURE) {
			gather->captures[gather->capture_count++] = file->path;
			continue;
		}
		if (kind == SF_FILE_OTHER && file->in_directory) {
			sf_list_leave_out(&gather->list, SF_LEFT_FOREIGN, file->path);
			continue;
		}
		/* a signal may have come while standard input was waited for */
		if (is_ended(gather))
			return;
		if (!after(gather, sf_collector_file(gather->collector, file->path, &error),
			    &error))
			return;
	}
}

static void read_captures(struct gather *gather)
{
	struct sf_error error = { 0 };

	if (gather->capture_count == 0 || gather->collector->stopped)
		return;
	/* a pipe is read by one */
	gather->collector->shares = 0;
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
			"options of metering (--tunnel, --fragments, --idle-timeout, --enrich ...) change "
			"nothing: they are for capture files, and there is none");
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
		problem(gather,
			"--tunnel both: packets in tunnels count twice in sums; --where 'has outerFlowId' takes "
			"only the packets inside, --where 'not has outerFlowId' those around and in no tunnel");
}

static void tell_left_out(struct gather *gather)
{
	unsigned count = gather->list.left_out[SF_LEFT_FOREIGN].count;
	char text[256];

	if (count == 0 || gather->options->flows_only)
		return;
	snprintf(text, sizeof(text), "left out: %u file%s that %s neither flows nor packets (%s%s)",
		count, count == 1 ? "" : "s", count == 1 ? "has" : "have",
		gather->list.left_out[SF_LEFT_FOREIGN].first, count == 1 ? "" : ", ...");
	problem(gather, text);
}

static void tell_partial(struct gather *gather)
{
	char text[512];

	if (gather->partial_count == 0 || gather->options->flows_only)
		return;
	snprintf(text, sizeof(text),
		"left out: %u file%s that %s not complete: another run writes %s, or was killed; to read "
		"%s name %s (%.300s)",
		gather->partial_count, gather->partial_count == 1 ? "" : "s",
		gather->partial_count == 1 ? "is" : "are",
		gather->partial_count == 1 ? "it" : "them",
		gather->partial_count == 1 ? "it" : "them",
		gather->partial_count == 1 ? "it" : "them", gather->partial);
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

/* A name that does not exist is no reason to leave out the others. */
static void make_list(struct gather *gather, const char *const *names, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct sf_error error = { 0 };

		if (sf_list_make(&gather->list, &names[i], 1, &error)) {
			problem(gather, error.text);
			gather->whole = false;
		}
	}
}

void sf_collector_share(struct sf_collector *collector, unsigned share, unsigned shares)
{
	collector->share = share;
	collector->shares = shares;
}

/* A directory with a file of flows or a capture in it; false also if it cannot be read. */
static bool has_input(const char *directory)
{
	struct sf_error ignored;
	struct sf_list list = { 0 };
	bool has = false;

	if (sf_list_make(&list, &directory, 1, &ignored) == 0)
		for (unsigned i = 0; i < list.count && !has; i++)
			has = kind_of(list.files[i].path) != SF_FILE_OTHER;
	sf_list_fini(&list);
	return has;
}

/* 0: it can be read, and is no directory without anything to read. */
static int check_one(const char *name, struct sf_error *error)
{
	struct stat status;

	if (strcmp(name, "-") == 0)
		return 0;
	if (access(name, R_OK) < 0)
		return sf_error_set(error, -errno, "%s: %s", name, sf_strerror(-errno));
	if (stat(name, &status) == 0 && S_ISDIR(status.st_mode) && !has_input(name))
		return sf_error_set(error, -ENOENT,
			"%s: no file of flows and no capture in this directory", name);
	return 0;
}

int sf_gather_check(const char *const *names, unsigned count, struct sf_error *error)
{
	struct sf_error first = { 0 };
	int code = 0;

	for (unsigned i = 0; i < count; i++) {
		int result = check_one(names[i], i ? NULL : &first);

		if (result == 0)
			return 0;
		code = i ? code : result;
	}
	if (count > 1)
		return sf_error_set(
			error, code, "none of the %u files can be read; %s", count, first.text);
	return count ? sf_error_set(error, code, "%s", first.text) : 0;
}

bool sf_gather(struct sf_collector *collector, const char *const *names, unsigned count,
	const struct sf_gather_options *options)
{
	struct gather gather = { .collector = collector, .options = options, .whole = true };

	make_list(&gather, names, count);
	gather.captures = calloc(gather.list.count + 1, sizeof(*gather.captures));
	if (gather.captures) {
		read_flows(&gather);
		read_captures(&gather);
		tell_partial(&gather);
		tell_left_out(&gather);
		tell_no_captures(&gather);
		tell_twice(&gather);
		tell_nothing(&gather, names, count);
	} else {
		problem(&gather, "no memory for the names of files");
		gather.whole = false;
	}
	free(gather.captures);
	sf_list_fini(&gather.list);
	return gather.whole;
}
