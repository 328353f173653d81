/* SPDX-License-Identifier: BSD-2-Clause */
/* The exporting process: an array of destinations that each get every record. */
#include <inttypes.h>
#include <limits.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/annex.h"
#include "base/clock.h"
#include "base/sized.h"
#include "encode/message.h"
#include "export/exporter.h"
#include "transport/pattern.h"

#define QUEUE_OCTETS (UINT64_C(256) << 20) /* 1.4 million records */

int sf_exporter_new_sized(struct sf_exporter **exporter, const struct sf_exporter_options *options,
	size_t size, struct sf_error *error)
{
	struct sf_exporter_options known;
	int code = sf_sized_options(&known, sizeof(known), options, size, error);
	struct sf_exporter *new = code < 0 ? NULL : calloc(1, sizeof(*new));

	if (code < 0)
		return code;
	if (!new)
		return sf_error_set(error, -ENOMEM, "no memory for the exporter");
	new->shared.options = known;
	if (known.chooser)
		new->chooser = *known.chooser;
	if (known.enricher) {
		/* the second one is `kept` */
		new->shared.extra = calloc(2, sizeof(*new->shared.extra));
		if (!new->shared.extra) {
			free(new);
			return sf_error_set(error, -ENOMEM, "no memory for the exporter");
		}
		new->shared.kept = new->shared.extra + 1;
		new->shared.extra->gives = known.enricher->gives;
		if (known.enricher->gives & SF_EXTRA_INTERFACES && known.interfaces)
			known.enricher->ports(known.enricher->context, known.interfaces,
				known.interfaces_context);
	}
	new->shared.start_ns = sf_clock_read(CLOCK_REALTIME);
	new->shared.wall_ns = new->shared.start_ns;
	new->shared.clock_ns = INT64_MIN;
	*exporter = new;
	return 0;
}

static void free_destination(struct sf_destination *destination)
{
	sf_queue_free(&destination->own_queue);
	if (destination->chooser.free)
		destination->chooser.free(destination->chooser.context);
	free(destination->url);
	destination->ops->free(destination);
}

void sf_exporter_free(struct sf_exporter *exporter)
{
	if (!exporter)
		return;
	for (unsigned i = 0; i < exporter->count; i++)
		free_destination(exporter->destinations[i]);
	for (unsigned i = 0; i < exporter->read_count; i++)
		free(exporter->reads[i]);
	free(exporter->reads);
	for (unsigned i = 0; i < exporter->write_count; i++)
		free(exporter->writes[i]);
	free(exporter->writes);
	free(exporter->makes);
	free(exporter->destinations);
	free(exporter->copied);
	sf_queue_free(&exporter->queue);
	free(exporter->shared.extra);
	free(exporter);
}

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

static struct sf_queue *queue_of(struct sf_exporter *exporter, struct sf_destination *destination)
{
	return destination->shares ? &destination->own_queue : &exporter->queue;
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
		free_destination(destination);
		return sf_error_set(error, -ENOMEM, "no memory for destination %s", url);
	}
	destination->stats.url = destination->url;
	destination->sample = parsed ? parsed->session.sample_flows : 0;
	code = parsed ? sf_exporter_conditions(exporter, parsed, &destination->chooser, error) : 0;
	if (code < 0) {
		free_destination(destination);
		return code;
	}
	if (parsed && parsed->is_collector && exporter->shared.options.share != SF_SHARE_NONE)
		sf_share_join(destination);
	else
		exporter->copied[exporter->copied_count++] = destination;
	sf_destination_join(
		queue_of(exporter, destination), destination, limit ? limit : QUEUE_OCTETS);
	exporter->destinations[exporter->count++] = destination;
	return 0;
}

/* anonymize=, anonymize-mac= */
static int open_anonymizer(const struct sf_url *parsed, const char *url,
	struct sf_session_options *session, struct sf_error *error)
{
	const struct sf_anonymize_options *options = &parsed->anonymize;
	int code = 0;

	if (options->kind == SF_ANONYMIZE_NOT && !options->mac)
		return 0;
	if (options->kind != SF_ANONYMIZE_NOT)
		code = sf_anonymize_check(session->fields, url, error);
	return code ? code : sf_anonymizer_new(&session->anonymizer, options, error);
}

static int add_session(struct sf_exporter *exporter, const struct sf_url *parsed,
	struct sf_transport *transport, const char *url, const char *left_out,
	struct sf_error *error)
{
	struct sf_session_options session = parsed->session;
	struct sf_destination *destination;
	/* of a file it is open already */
	int code = session.anonymizer ? 0 : open_anonymizer(parsed, url, &session, error);

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
 * carry is left out there: `left_out` names it. A profile has its own list: one with + or - in front
 * changes it, if the collector takes elements of an enterprise; any other list is left out.
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
	if (options->collected)
		return sf_error_set(
			error, SF_EUSAGE, "%s: collected records go into files and text only", url);
	/* NetFlow and FlowMessage tell one of N only */
	if (options->sampling && sf_sampling_interval(options->sampling) == 0 &&
		(parsed.transport == SF_URL_KAFKA || parsed.session.dialect != &sf_ipfix))
		return sf_error_set(error, SF_EUSAGE,
			"%s: only IPFIX can tell this sampling rate: choose one packet of N, such as "
			"--sample random:100",
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

bool sf_collector_is_named(
	const char *url, char *host, size_t host_size, char *port, size_t port_size)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_NUMERICSERV | AI_NUMERICHOST };
	struct addrinfo *list;
	struct sf_url parsed;

	if (sf_url_collector(&parsed, url, NULL) < 0 || parsed.transport == SF_URL_KAFKA ||
		strlen(parsed.target) >= host_size || strlen(parsed.port) >= port_size)
		return false;
	strcpy(host, parsed.target);
	strcpy(port, parsed.port);
	if (getaddrinfo(host, port, &hints, &list) != 0)
		return true;
	freeaddrinfo(list);
	return false;
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
 * The directory in which files are made while the run goes on. False: none are, because it is standard output, a pipe
 * or a device, which is not opened again.
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
	snprintf(directory, PATH_MAX, "%.*s", slash > target ? (int)(slash - target) : 1,
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

/* Reads the path and its options; `left_out` is that of choose_fields(). Nothing is made or changed. */
static int read_file(const struct sf_exporter *exporter, struct sf_url *parsed, const char *path,
	char *left_out, struct sf_error *error)
{
	struct sf_chooser chooser = { 0 };
	int code = sf_url_file_with(parsed, path, sf_extra_conditions(&exporter->shared), error);

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
	code = open_anonymizer(&parsed, path, &parsed.session, error);
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

uint64_t sf_exporter_wants(const struct sf_exporter *exporter)
{
	const struct sf_enricher *enricher = exporter->shared.options.enricher;
	uint64_t wants = exporter->chooser.wants;

	for (unsigned i = 0; i < exporter->count; i++)
		wants |=
			exporter->destinations[i]->wants | exporter->destinations[i]->chooser.wants;
	return enricher ? wants | enricher->wants : wants;
}

static bool shares(const struct sf_exporter *exporter)
{
	return exporter->copied_count < exporter->count;
}

/* Without a queue: at most SF_BATCH_MAX flows if there is an enricher or collectors share them. */
static void put_now(struct sf_exporter *exporter, const struct sf_flow *flows, unsigned count)
{
	if (shares(exporter))
		sf_share_begin(exporter, flows, count);
	sf_extra_begin(&exporter->shared, flows, count);
	for (unsigned i = 0; i < exporter->count; i++)
		if (exporter->destinations[i]->ops->put)
			sf_destination_offer(exporter->destinations[i], flows, count);
	sf_extra_end(&exporter->shared);
}

static void put_into_queues(
	struct sf_exporter *exporter, const struct sf_flow *flows, unsigned count)
{
	if (exporter->copied_count)
		sf_destinations_put(
			&exporter->queue, exporter->copied, exporter->copied_count, flows, count);
	if (shares(exporter))
		sf_share_put(exporter, flows, count);
}

void sf_exporter_put_chosen(
	struct sf_exporter *exporter, const struct sf_flow *flows, unsigned count)
{
	if (!exporter->shared.options.queued && !exporter->shared.extra && !shares(exporter)) {
		put_now(exporter, flows, count);
		return;
	}
	for (unsigned done = 0, some; done < count; done += some) {
		some = count - done < SF_BATCH_MAX ? count - done : SF_BATCH_MAX;
		if (exporter->shared.options.queued)
			put_into_queues(exporter, flows + done, some);
		else
			put_now(exporter, flows + done, some);
	}
}

unsigned sf_exporter_put(void *context, const struct sf_flow *flows, unsigned count)
{
	struct sf_exporter *exporter = context;

	if (!exporter->chooser.choose) {
		sf_exporter_put_chosen(exporter, flows, count);
		return count;
	}
	for (unsigned done = 0, some; done < count; done += some) {
		some = count - done < SF_BATCH_MAX ? count - done : SF_BATCH_MAX;
		sf_exporter_choose(exporter, flows + done, some);
	}
	return count;
}

void sf_exporter_put_collected(struct sf_exporter *exporter, const struct sf_collected *record)
{
	for (unsigned i = 0; i < exporter->count; i++)
		if (exporter->destinations[i]->ops->put_collected)
			sf_destination_offer_collected(exporter->destinations[i], record);
}

void sf_exporter_tick(struct sf_exporter *exporter, int64_t wall, int64_t clock)
{
	exporter->shared.wall_ns = wall;
	exporter->shared.clock_ns = clock;
	if (exporter->shared.options.queued)
		return;
	for (unsigned i = 0; i < exporter->count; i++)
		exporter->destinations[i]->ops->tick(exporter->destinations[i]);
}

int64_t sf_exporter_pump(struct sf_exporter *exporter, int64_t mono, bool ending)
{
	int64_t next = INT64_MAX;

	if (shares(exporter) && sf_share_hand_over(exporter))
		next = mono;
	for (unsigned i = 0; i < exporter->count; i++) {
		struct sf_destination *destination = exporter->destinations[i];
		int64_t when = sf_destination_pump(
			queue_of(exporter, destination), destination, mono, ending);

		next = when < next ? when : next;
	}
	return next;
}

unsigned sf_exporter_descriptors(const struct sf_exporter *exporter, int *fds, unsigned max)
{
	unsigned count = 0;

	for (unsigned i = 0; i < exporter->count && count < max; i++)
		if (exporter->destinations[i]->fd >= 0)
			fds[count++] = exporter->destinations[i]->fd;
	return count;
}

bool sf_exporter_waits(const struct sf_exporter *exporter)
{
	for (unsigned i = 0; i < exporter->count; i++)
		if (sf_destination_waits(exporter->destinations[i]))
			return true;
	return false;
}

void sf_exporter_announce(struct sf_exporter *exporter)
{
	for (unsigned i = 0; i < exporter->count; i++)
		if (exporter->destinations[i]->ops->announce)
			exporter->destinations[i]->ops->announce(exporter->destinations[i]);
}

/*
 * RFC 7011 §4.2: packets that should have been metered and were not. What was left out on
 * purpose (filter, sampling, duplicates, own traffic) and what is no IP packet is not among them.
 */
void sf_exporter_metering(
	struct sf_exporter *exporter, const struct sf_ledger *ledger, uint64_t dropped_by_capture)
{
	struct sf_shared *shared = &exporter->shared;
	uint64_t ignored = dropped_by_capture + ledger->ignored[SF_IGNORED_truncated] +
			   ledger->ignored[SF_IGNORED_malformed] +
			   ledger->ignored[SF_IGNORED_unsupportedLinkType] +
			   ledger->ignored[SF_IGNORED_handOver];
	int64_t now = shared->options.packet_clock ? shared->clock_ns : shared->wall_ns;

	if (ignored != shared->ignored_packets)
		sf_losses_note(&shared->ignored, now);
	if (ledger->lost_records != shared->refused.records)
		sf_losses_note(&shared->refusals, now);
	shared->ignored_packets = ignored;
	shared->refused = (struct sf_destination_count){ ledger->lost_records, ledger->lost_packets,
		ledger->lost_octets };
}

void sf_exporter_finish(struct sf_exporter *exporter)
{
	for (unsigned i = 0; i < exporter->count; i++) {
		struct sf_destination *destination = exporter->destinations[i];

		sf_destination_drop(queue_of(exporter, destination), destination,
			destination->fails ? destination->lost_as : SF_FATE_LOST_stopped);
		destination->ops->finish(destination);
	}
}

static const struct sf_transport *transport_of(const struct sf_exporter *exporter, unsigned index)
{
	if (index >= exporter->count || !exporter->destinations[index]->ops->transport)
		return NULL;
	return exporter->destinations[index]->ops->transport(exporter->destinations[index]);
}

bool sf_exporter_stats_sized(const struct sf_exporter *exporter, unsigned index,
	struct sf_destination_stats *stats, size_t size)
{
	struct sf_destination_stats known;

	if (index >= exporter->count)
		return false;
	known = exporter->destinations[index]->stats;
	known.failing = exporter->destinations[index]->fails;
	sf_count_add(&known.offered, &exporter->destinations[index]->queued);
	sf_sized_counters(stats, size, &known, sizeof(known));
	return true;
}

bool sf_destination_waiting(
	const struct sf_destination_stats *stats, struct sf_destination_count *waiting)
{
	struct sf_destination_count left = stats->sent;

#define X(name, text) sf_count_add(&left, &stats->skipped_##name);
	SF_SKIPPED_REASONS(X)
#undef X
#define X(name, text) sf_count_add(&left, &stats->lost_##name);
	SF_LOST_REASONS(X)
#undef X
	*waiting = stats->offered;
	sf_count_add(waiting, &stats->inherited);
	if (left.records > waiting->records || left.packets > waiting->packets ||
		left.octets > waiting->octets)
		return false;
	sf_count_subtract(waiting, &left);
	return true;
}

bool sf_destination_balanced(const struct sf_destination_stats *stats)
{
	struct sf_destination_count waiting;

	return sf_destination_waiting(stats, &waiting) &&
	       waiting.records == stats->spooled.records &&
	       waiting.packets == stats->spooled.packets && waiting.octets == stats->spooled.octets;
}

bool sf_exporter_local_address(const struct sf_exporter *exporter, unsigned index,
	struct sockaddr *address, unsigned *size, struct sockaddr *peer, unsigned *peer_size)
{
	const struct sf_transport *transport = transport_of(exporter, index);

	if (!transport || transport->local_size == 0 || transport->local_size > *size ||
		transport->peer_size > *peer_size)
		return false;
	memcpy(address, &transport->local, transport->local_size);
	memcpy(peer, &transport->peer, transport->peer_size);
	*size = transport->local_size;
	*peer_size = transport->peer_size;
	return true;
}
