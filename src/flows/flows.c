/* SPDX-License-Identifier: BSD-2-Clause */
/* The names are sorted into IPFIX files and captures; then one after the other is read. */
#include "flows/flows.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file_kind.h"

#define ACTIVE_NS (60 * SF_NS_PER_S)
#define IDLE_NS   (15 * SF_NS_PER_S)
#define MAX_FLOWS 4000000 /* at the same time; address space, touched as it is needed */

struct reading {
	const struct sf_flows_options *options;
	struct sf_flows_result *result;
	struct sf_collector *collector;
	struct sf_file_names flows, captures;
	unsigned since; /* flows since the last look at stop() */
};

static bool is_stopped(struct reading *reading)
{
	const struct sf_flows_options *options = reading->options;

	return reading->result->taken || (options->stop && options->stop(options->context));
}

static void trouble(struct reading *reading, const char *text)
{
	reading->result->incomplete = true;
	if (reading->options->trouble)
		reading->options->trouble(reading->options->context, text);
}

/* ---------------------------------------------------------------- which files */

static int sort_file(struct reading *reading, const char *path, bool in_directory)
{
	struct sf_error error = { 0 };
	int kind = sf_file_kind(path, &error);

	if (kind < 0) {
		trouble(reading, error.text);
		return 0;
	}
	if (kind == SF_FILE_CAPTURE)
		return sf_file_names_add(&reading->captures, path);
	if (kind == SF_FILE_FLOWS)
		return sf_file_names_add(&reading->flows, path);
	if (in_directory) {
		reading->result->others++;
		return 0;
	}
	sf_error_set(&error, SF_ECORRUPT, "%s: %s", path,
		kind == SF_FILE_EMPTY ? "the file is empty"
				      : "neither an IPFIX file nor a capture (pcap, pcapng)");
	trouble(reading, error.text);
	return 0;
}

static int sort_directory(struct reading *reading, const char *directory)
{
	struct sf_file_names names = { 0 };
	struct sf_error error = { 0 };
	int code = sf_file_names_below(&names, directory, &error);

	if (code && code != -ENOMEM) {
		trouble(reading, error.text);
		code = 0;
	}
	for (unsigned i = 0; code == 0 && i < names.count; i++)
		code = sort_file(reading, names.items[i], true);
	sf_file_names_free(&names);
	return code;
}

static int sort_names(struct reading *reading, const char *const *names, unsigned count)
{
	struct stat info;
	int code = 0;

	for (unsigned i = 0; code == 0 && i < count; i++) {
		if (strcmp(names[i], "-") != 0 && stat(names[i], &info) == 0 &&
			S_ISDIR(info.st_mode))
			code = sort_directory(reading, names[i]);
		else
			code = sort_file(reading, names[i], false);
	}
	return code;
}

/* ---------------------------------------------------------------- IPFIX files */

static void take_record(void *context, const struct sf_collected *record)
{
	struct reading *reading = context;
	const struct sf_flows_options *options = reading->options;

	if (!record->options)
		reading->result->taken = options->take(options->context, &record->flow, record);
	if (reading->result->taken || (++reading->since % 1024 == 0 && is_stopped(reading)))
		sf_collector_stop(reading->collector);
}

static int read_flows(struct reading *reading, struct sf_error *error)
{
	const struct sf_collector_options options = { .record = take_record, .context = reading };
	int code = sf_collector_new(&reading->collector, &options, error);

	for (unsigned i = 0; code == 0 && i < reading->flows.count && !is_stopped(reading); i++) {
		struct sf_error why = { 0 };
		int result = sf_collector_file(reading->collector, reading->flows.items[i], &why);

		if (result && !is_stopped(reading))
			trouble(reading, why.text);
		reading->result->flow_files++;
	}
	if (code == 0)
		sf_collector_stats(reading->collector, &reading->result->collector);
	sf_collector_free(reading->collector);
	return code;
}

/* ---------------------------------------------------------------- captures */

static unsigned take_metered(void *context, const struct sf_flow *flows, unsigned count)
{
	struct reading *reading = context;
	const struct sf_flows_options *options = reading->options;

	for (unsigned i = 0; i < count; i++) {
		if (!reading->result->taken)
			reading->result->taken = options->take(options->context, &flows[i], NULL);
		reading->result->lost += reading->result->taken != 0;
	}
	return count;
}

/* The same packets give the same records as `spanflow meter -r`: by the same clock and timeouts. */
static int meter_packets(
	struct reading *reading, struct sf_capture *capture, struct sf_meter *meter)
{
	const struct sf_observation_point point = { 0 };
	struct sf_packet batch[SF_BATCH_MAX];
	int64_t times[SF_BATCH_MAX];
	struct sf_clock clock;
	int n = 0;

	sf_clock_init(&clock, IDLE_NS);
	while (!is_stopped(reading) &&
		(n = sf_capture_recv(capture, 0, batch, SF_BATCH_MAX)) >= 0) {
		bool plain = sf_clock_follow(&clock, batch, (unsigned)n, times);

		sf_meter_batch(meter, batch, (unsigned)n, plain ? NULL : times, &point);
		sf_capture_release(capture, 0);
		while (sf_meter_age(meter, clock.now))
			;
	}
	sf_meter_finish(meter, sf_clock_finish(&clock));
	sf_meter_ledger(meter, &reading->result->ledger);
	return n;
}

static int read_captures(struct reading *reading, struct sf_error *error)
{
	const struct sf_capture_options from = {
		.names = (const char *const *)reading->captures.items,
		.name_count = reading->captures.count,
		.queues = 1,
	};
	const struct sf_meter_options options = {
		.active_timeout_ns = ACTIVE_NS,
		.idle_timeout_ns = IDLE_NS,
		.max_flows = MAX_FLOWS,
		.sink = { take_metered, reading },
	};
	struct sf_capture *capture = NULL;
	struct sf_meter *meter = NULL;
	struct sf_error why = { 0 };
	int n;

	if (!reading->captures.count || is_stopped(reading))
		return 0;
	if (sf_capture_open(&capture, "file", &from, &why)) {
		trouble(reading, why.text);
		return 0;
	}
	if (sf_meter_new(&meter, &options, error)) {
		sf_capture_close(capture);
		return -ENOMEM;
	}
	n = meter_packets(reading, capture, meter);
	if (n < 0 && n != SF_EOF)
		trouble(reading, capture->error.text);
	reading->result->captures = reading->captures.count;
	sf_meter_free(meter);
	sf_capture_close(capture);
	return 0;
}

int sf_flows_read(const char *const *names, unsigned count, const struct sf_flows_options *options,
	struct sf_flows_result *result, struct sf_error *error)
{
	struct reading reading = { .options = options, .result = result };
	int code;

	*result = (struct sf_flows_result){ 0 };
	code = sort_names(&reading, names, count);
	if (code)
		sf_error_set(error, code, "no memory for the names of files");
	if (code == 0)
		code = read_flows(&reading, error);
	if (code == 0)
		code = read_captures(&reading, error);
	sf_file_names_free(&reading.flows);
	sf_file_names_free(&reading.captures);
	if (result->taken)
		result->incomplete = true;
	return code;
}
