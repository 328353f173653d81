/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Adds destinations to an exporter, from what a person wrote: the URL of a collector, the path of a
 * file, options of text. What does not go together (fields with NetFlow v5, one file twice) is
 * refused before anything is opened.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/sized.h"
#include "encode/message.h"
#include "export/exporter.h"
#include "transport/pattern.h"

#define QUEUE_OCTETS (UINT64_C(256) << 20) /* 1.4 million records */

/* Room for one more destination; false: no memory. */
static bool make_room(struct sf_exporter *exporter)
{
	const size_t size = (exporter->count + 1) * sizeof(struct sf_destination *);
	struct sf_destination **grown = realloc(exporter->destinations, size);

	if (!grown)
		return false;
	exporter->destinations = grown;
	grown = realloc(exporter->copied, size);
	if (!grown)
		return false;
	exporter->copied = grown;
	return true;
}

static bool folds_overflow(const struct sf_exporter *exporter)
{
	return exporter->shared.options.queued && exporter->shared.options.fold != SF_FOLD_OFF;
}

/* Takes the destination over, also on failure. `parsed`: its options; NULL: it has none. */
static int add(struct sf_exporter *exporter, struct sf_destination *destination, const char *url,
	const struct sf_url *parsed, struct sf_error *error)
{
	uint64_t queue = parsed ? parsed->session.queue_octets : 0;
	uint64_t limit = queue ? queue : exporter->shared.options.queue_octets;
	int code;

	destination->url = strdup(url);
	if (!destination->url || !make_room(exporter)) {
		sf_exporter_free_destination(destination);
		return sf_error_set(error, -ENOMEM, "no memory for destination %s", url);
	}
	destination->stats.url = destination->url;
	destination->sample = parsed ? parsed->session.sample_flows : 0;
	code = parsed ? sf_exporter_conditions(exporter, parsed, &destination->chooser, error) : 0;
	if (code == 0 && sf_destination_folds(destination, folds_overflow(exporter),
				 parsed ? &parsed->session.small : NULL) < 0)
		code = sf_error_set(error, -ENOMEM, "no memory to fold records for %s", url);
	if (code == 0 && sf_share_of(exporter, parsed) != SF_SHARE_NONE)
		code = sf_share_join(exporter, destination, parsed, error);
	if (code < 0) {
		sf_exporter_free_destination(destination);
		return code;
	}
	if (!destination->group)
		exporter->copied[exporter->copied_count++] = destination;
	sf_destination_join(sf_exporter_queue_of(exporter, destination), destination,
		limit ? limit : QUEUE_OCTETS);
	exporter->destinations[exporter->count++] = destination;
	return 0;
}

static int add_session(struct sf_exporter *exporter, const struct sf_url *parsed,
	struct sf_transport *transport, const char *url, const char *left_out,
	struct sf_error *error)
{
	struct sf_session_options session = parsed->session;
	struct sf_destination *destination;
	/* of a file it is open already */
	int code = session.anonymizer ? 0
				      : sf_anonymizer_open(&session.anonymizer, &parsed->anonymize,
						session.fields, url, error);

	if (code < 0) {
		transport->ops->free(transport);
		return code;
	}
	if (sf_session_new(&destination, &exporter->shared, &session, transport) < 0) {
		sf_anonymizer_free(session.anonymizer);
		return sf_error_set(error, -ENOMEM, "no memory for destination %s", url);
	}
	code = add(exporter, destination, url, parsed, error);
	if (code == 0 && *left_out)
		sf_destination_news(
			destination, "%.60s: left out of its records: %s", url, left_out);
	return code;
}

static uint64_t last_domain(const struct sf_exporter_options *options)
{
	return (uint64_t)options->domain + (options->domains ? options->domains - 1 : 0);
}

/*
 * The list of the whole run, for a destination that says nothing of its own. What NetFlow v9 cannot
 * carry is left out there: `left_out` names it. A profile has its own list: one with + or - in
 * front changes it, if the collector takes elements of an enterprise; any other list is left out.
 */
static int choose_fields(const struct sf_exporter *exporter, struct sf_url *parsed, const char *url,
	char *left_out, struct sf_error *error)
{
	const char *list = exporter->shared.options.fields;
	const struct sf_wire_profile *profile = parsed->profile;

	*left_out = 0;
	if (!list || parsed->list || exporter->shared.options.collected)
		return 0;
	if (profile && !(strchr("+-", *list) && profile->enterprise && parsed->session.fields)) {
		snprintf(left_out, SF_LEFT_OUT_MAX,
			"--fields (profile=%s has its own; fields= behind it changes them)",
			profile->name);
		return 0;
	}
	if (parsed->session.dialect == &sf_netflow5)
		return sf_error_set(error, SF_EUSAGE,
			"%s: the fields of NetFlow v5 cannot be chosen: instead of --fields, give "
			"the other destinations fields=",
			url);
	return sf_url_choose(parsed, list,
		parsed->session.dialect == &sf_netflow9 ? left_out : NULL, "--fields", error);
}

static int add_kafka(struct sf_exporter *exporter, const struct sf_url *parsed, const char *url,
	struct sf_error *error)
{
	struct sf_destination *destination;
	int code = sf_exporter_open_kafka(exporter, parsed, &destination, error);

	return code < 0 ? code : add(exporter, destination, url, parsed, error);
}

int sf_exporter_add_collector(struct sf_exporter *exporter, const char *url, struct sf_error *error)
{
	const struct sf_exporter_options *options = &exporter->shared.options;
	struct sf_transport *transport;
	struct sf_url parsed;
	char left_out[SF_LEFT_OUT_MAX];
	int code =
		sf_url_collector_with(&parsed, url, sf_extra_conditions(&exporter->shared), error);

	if (code < 0)
		return code;
	parsed.session.folds = sf_exporter_folds(exporter, &parsed.session);
	if (options->collected)
		return sf_error_set(
			error, SF_EUSAGE, "%s: collected records go into files and text only", url);
	/* NetFlow and FlowMessage tell one of N only */
	if (options->sampling && sf_sampling_interval(options->sampling) == 0 &&
		(parsed.transport == SF_URL_KAFKA || parsed.session.dialect != &sf_ipfix))
		return sf_error_set(error, SF_EUSAGE,
			"%s: only IPFIX can tell this sampling rate: choose one packet of N, such "
			"as --sample random:100",
			url);
	if (parsed.transport == SF_URL_KAFKA)
		return add_kafka(exporter, &parsed, url, error);
	code = choose_fields(exporter, &parsed, url, left_out, error);
	if (code < 0)
		return code;
	/* 16 bits in its header: sources would be taken for each other */
	if (parsed.session.dialect == &sf_netflow5 && last_domain(options) > 0xffff)
		return sf_error_set(error, SF_EUSAGE,
			"%s: NetFlow v5 cannot carry observation domain %" PRIu64
			" (at most 65535)",
			url, last_domain(options));
	/* 14 bits; a wrong rate would be worse than none */
	if (parsed.session.dialect == &sf_netflow5 && options->sampling_interval > 0x3fff)
		return sf_error_set(error, SF_EUSAGE,
			"%s: NetFlow v5 cannot announce sampling of 1 in %u (at most 1 in 16383)",
			url, options->sampling_interval);
	code = sf_exporter_open_transport(exporter, &parsed, &transport, error);
	if (code < 0)
		return code;
	return add_session(exporter, &parsed, transport, url, left_out, error);
}

/* Collected records are written as they were sent. */
static int check_collected_file(const struct sf_session_options *options, bool has_list,
	bool anonymized, const char *path, struct sf_error *error)
{
	const uint32_t groups = options->options_data;
	const char *option = anonymized                                        ? "anonymize="
			     : options->sample_flows                           ? "sample"
			     : options->small.packets                          ? "small="
			     : has_list                                        ? "fields="
			     : options->biflow                                 ? "biflow="
			     : options->time != SF_WHEN_MS                     ? "time="
			     : options->fields->profile != SF_PROFILE_EXTENDED ? "profile="
			     : groups && groups != SF_OPTIONS_ALL ? "a list in options="
								  : NULL;

	if (!option)
		return 0;
	return sf_error_set(error, SF_EUSAGE,
		"%s: %s is for records of the meter: collected ones are written as they were sent",
		path, option);
}

static int add_collected_file(struct sf_exporter *exporter, const struct sf_url *parsed,
	struct sf_transport *transport, const char *path, struct sf_error *error)
{
	struct sf_destination *destination;

	if (sf_collected_file_new(&destination, &exporter->shared,
		    parsed->session.options_data != 0, transport) < 0)
		return sf_error_set(error, -ENOMEM, "no memory for destination %s", path);
	return add(exporter, destination, path, parsed, error);
}

/* True if both paths lead to the same file: its two writers would overwrite each other. */
static bool is_same_file(const char *one, const char *other)
{
	char paths[2][PATH_MAX];
	struct stat status[2];

	snprintf(paths[0], PATH_MAX, "%.*s", (int)sf_exporter_path_length(one), one);
	snprintf(paths[1], PATH_MAX, "%.*s", (int)sf_exporter_path_length(other), other);
	if (strcmp(paths[0], paths[1]) == 0)
		return true;
	return stat(paths[0], &status[0]) == 0 && stat(paths[1], &status[1]) == 0 &&
	       S_ISREG(status[0].st_mode) && status[0].st_dev == status[1].st_dev &&
	       status[0].st_ino == status[1].st_ino;
}

/* A file that an earlier destination writes. */
static bool is_written(const struct sf_exporter *exporter, const char *path)
{
	for (unsigned i = 0; i < exporter->count; i++)
		if (strcmp(exporter->destinations[i]->stats.kind, "file") == 0 &&
			is_same_file(exporter->destinations[i]->url, path))
			return true;
	return false;
}

/*
 * The directory in which files are made while the run goes on. False: none are, because it is
 * standard output, a pipe or a device, which is not opened again.
 */
static bool makes_files(const char *target, enum sf_exporter_makes makes, char directory[PATH_MAX])
{
	const char *slash = strrchr(target, '/');
	struct sf_pattern pattern;
	struct stat status;

	if (makes != SF_MAKES_AGAIN) {
		sf_pattern_init(&pattern, target, NULL);
		strcpy(directory, pattern.base);
		return true;
	}
	snprintf(directory, PATH_MAX, "%.*s", slash && slash > target ? (int)(slash - target) : 1,
		slash ? target : ".");
	return strcmp(target, "-") != 0 && stat(target, &status) == 0 && S_ISREG(status.st_mode);
}

static int open_file(struct sf_exporter *exporter, const struct sf_url *parsed,
	struct sf_transport **transport, struct sf_error *error)
{
	const struct sf_exporter_options *options = &exporter->shared.options;
	const struct sf_series_options series = {
		.path = parsed->target,
		.rotate_ns = parsed->rotate_ns,
		.octets = parsed->size,
		.keep_ns = parsed->keep_ns,
		.keep_octets = parsed->keep_size,
		.waits = !options->queued,
		.steady = options->packet_clock,
		.keeps = options->keep_files,
		.hook = options->on_file,
		.hurry = &options->hurry,
	};
	enum sf_exporter_makes makes = SF_MAKES_AGAIN;
	char directory[PATH_MAX];
	bool made = false;
	int code;

	if (!sf_series_is_wanted(&series)) {
		code = sf_file_open(
			transport, parsed->target, series.waits, series.keeps, series.hook, error);
	} else {
		code = sf_series_open(transport, &series, &made, error);
		makes = made ? SF_MAKES_DIRECTORY : SF_MAKES_SERIES;
	}
	if (code == 0 && makes_files(parsed->target, makes, directory) &&
		sf_exporter_will_write(exporter, directory, makes) < 0) {
		(*transport)->ops->free(*transport);
		code = sf_error_set(error, -ENOMEM, "no memory for output file %s", parsed->target);
	}
	return code;
}

/*
 * Reads the path and its options; `left_out` is that of
 * choose_fields(). Nothing is made or changed.
 */
static int read_file(const struct sf_exporter *exporter, struct sf_url *parsed, const char *path,
	char *left_out, struct sf_error *error)
{
	struct sf_chooser chooser = { 0 };
	int code = sf_url_file_with(parsed, path, sf_extra_conditions(&exporter->shared), error);

	parsed->session.folds = sf_exporter_folds(exporter, &parsed->session);
	if (code == 0)
		code = choose_fields(exporter, parsed, path, left_out, error);
	if (code == 0 && exporter->shared.options.collected)
		code = check_collected_file(&parsed->session, parsed->list != NULL,
			parsed->anonymize.kind != SF_ANONYMIZE_NOT || parsed->anonymize.mac, path,
			error);
	if (code == 0)
		code = sf_exporter_conditions(exporter, parsed, &chooser, error);
	if (chooser.free)
		chooser.free(chooser.context);
	return code;
}

int sf_exporter_check_file(
	const struct sf_exporter *exporter, const char *path, struct sf_error *error)
{
	struct sf_url parsed;
	char left_out[SF_LEFT_OUT_MAX];

	return read_file(exporter, &parsed, path, left_out, error);
}

int sf_exporter_add_file(struct sf_exporter *exporter, const char *path, struct sf_error *error)
{
	struct sf_transport *transport;
	struct sf_url parsed;
	char left_out[SF_LEFT_OUT_MAX];
	int code = read_file(exporter, &parsed, path, left_out, error);

	if (code < 0)
		return code;
	if (is_written(exporter, path))
		return sf_error_set(error, SF_EUSAGE, "-w %s: is named twice", path);
	/* a key that cannot be read must not cost the file that is to be replaced */
	code = sf_anonymizer_open(
		&parsed.session.anonymizer, &parsed.anonymize, parsed.session.fields, path, error);
	if (code < 0)
		return code;
	code = open_file(exporter, &parsed, &transport, error);
	if (code < 0) {
		sf_anonymizer_free(parsed.session.anonymizer);
		return code;
	}
	if (exporter->shared.options.collected)
		return add_collected_file(exporter, &parsed, transport, path, error);
	return add_session(exporter, &parsed, transport, path, left_out, error);
}

int sf_exporter_add_text_sized(struct sf_exporter *exporter, const struct sf_text_options *options,
	size_t size, struct sf_error *error)
{
	struct sf_destination *destination;
	struct sf_text_options known;
	int code = sf_sized_options(&known, sizeof(known), options, size, error);

	if (code == 0)
		code = sf_text_new(&destination, &exporter->shared, &known, error);
	if (code < 0)
		return code;
	return add(exporter, destination, "text", NULL, error);
}

int sf_exporter_add_callback(struct sf_exporter *exporter, const struct sf_flow_sink *sink,
	uint64_t wants, struct sf_error *error)
{
	struct sf_destination *destination;

	if (exporter->shared.options.collected)
		return sf_error_set(error, SF_EUSAGE,
			"a callback takes records of the meter, not collected ones");
	if (sf_callback_new(&destination, &exporter->shared, sink, wants) < 0)
		return sf_error_set(error, -ENOMEM, "no memory for a destination");
	return add(exporter, destination, "callback", NULL, error);
}

int sf_exporter_name_last(struct sf_exporter *exporter, const char *name, struct sf_error *error)
{
	struct sf_destination *last = exporter->destinations[exporter->count - 1];
	char *copy = strdup(name);

	if (!copy)
		return sf_error_set(error, -ENOMEM, "no memory for destination %s", name);
	free(last->url);
	last->url = copy;
	last->stats.url = copy;
	return 0;
}
