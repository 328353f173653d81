/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include <spanflow/meter.h>

#include "base/time_text.h"
#include "cli/output.h"
#include "cli/plan.h"

static void set_live(struct sf_plan_source *source, const struct sf_options *options)
{
	source->filter = options->filter;
	source->direction = (enum sf_direction)options->direction;
	source->snaplen = (unsigned)options->snaplen;
	source->ring_bytes = (unsigned)options->ring_size;
	source->immediate = options->immediate;
	source->no_promiscuous = options->no_promiscuous;
	source->hardware_time = options->hardware_time;
	source->set_rss = options->set_rss;
	source->keep_offloads = options->keep_offloads;
	source->keep_link = options->keep_link;
	source->no_wait = options->no_wait;
	source->driver_options = options->driver_options;
}

static void set_files(struct sf_plan_source *source, const struct sf_options *options)
{
	source->text = options->files.items[0];
	source->driver = "file";
	source->names = options->files.items;
	source->name_count = options->files.count;
	source->filter = options->filter;
	source->realtime = options->realtime;
	if (options->start)
		sf_time_parse(options->start, options->local_time, &source->start_ns);
	if (options->end)
		sf_time_parse(options->end, options->local_time, &source->end_ns);
}

static int make_sources(
	struct sf_made_plan *made, const struct sf_options *options, struct sf_error *error)
{
	const struct sf_strings *interfaces = &options->interfaces;
	unsigned count = interfaces->count ? interfaces->count : 1;
	int err = 0;

	made->sources = calloc(count, sizeof(*made->sources));
	if (!made->sources)
		return sf_error_set(error, -ENOMEM, "out of memory");
	made->plan.sources = made->sources;
	made->plan.source_count = count;
	if (!interfaces->count)
		set_files(&made->sources[0], options);
	for (unsigned i = 0; !err && i < interfaces->count; i++) {
		set_live(&made->sources[i], options);
		err = sf_plan_source_parse(&made->sources[i], interfaces->items[i], error);
	}
	return err;
}

static int add_url(struct sf_made_plan *made, enum sf_plan_destination_kind kind, const char *text,
	bool biflow, struct sf_error *error)
{
	unsigned number = made->plan.destination_count;
	char *url = sf_output_url(text, biflow);

	if (!url)
		return sf_error_set(error, -ENOMEM, "out of memory");
	made->urls[number] = url;
	made->destinations[number] = (struct sf_plan_destination){ .kind = kind, .url = url };
	made->plan.destination_count++;
	return 0;
}

static void add_text(struct sf_made_plan *made, const struct sf_options *options)
{
	const struct sf_text_options text = sf_output_text_options(options);

	if (sf_output_form(options) == SF_OUTPUT_NONE)
		return;
	made->destinations[made->plan.destination_count++] = (struct sf_plan_destination){
		.kind = SF_TO_TEXT,
		.format = text.format,
		.biflow = text.biflow,
		.local_time = text.local_time,
		.wide = text.wide,
		.width = text.width,
	};
}

static int make_destinations(struct sf_made_plan *made, const struct sf_options *options,
	const char *page, struct sf_error *error)
{
	const struct sf_strings *collectors = &options->collectors, *files = &options->write;
	unsigned most = collectors->count + files->count + 1; /* and text or a page */
	int err = 0;

	made->destinations = calloc(most, sizeof(*made->destinations));
	made->urls = calloc(most, sizeof(*made->urls));
	if (!made->destinations || !made->urls)
		return sf_error_set(error, -ENOMEM, "out of memory");
	made->plan.destinations = made->destinations;
	for (unsigned i = 0; !err && i < collectors->count; i++) {
		const char *url = collectors->items[i];
		/* NetFlow and FlowMessage have no biflows */
		bool able = strncmp(url, "netflow", 7) != 0 && strncmp(url, "kafka", 5) != 0;

		err = add_url(made, SF_TO_COLLECTOR, url, options->biflow && able, error);
	}
	for (unsigned i = 0; !err && i < files->count; i++)
		err = add_url(made, SF_TO_FILE, files->items[i], options->biflow, error);
	if (!err && page) {
		err = add_url(made, SF_TO_FILE, page, false, error);
		if (!err)
			made->destinations[made->plan.destination_count - 1].name = "html";
		return err;
	}
	add_text(made, options);
	return err;
}

/* True if one of the collectors is reached by a connection. */
static bool has_connection(const struct sf_strings *collectors)
{
	for (unsigned i = 0; i < collectors->count; i++)
		if (strstr(collectors->items[i], "tcp://") ||
			strstr(collectors->items[i], "tls://") || /* also of dtls:// */
			strstr(collectors->items[i], "sctp://") ||
			strncmp(collectors->items[i], "kafka://", 8) == 0)
			return true;
	return false;
}

static int check_share(const struct sf_options *options, struct sf_error *error)
{
	const char *name = options->balance ? "--balance" : "--fail-over";

	if (options->balance && options->fail_over)
		return sf_error_set(
			error, SF_EUSAGE, "--balance and --fail-over exclude each other");
	if ((options->balance || options->fail_over) && options->collectors.count < 2)
		return sf_error_set(
			error, SF_EUSAGE, "%s: needs two or more collectors: -e URL -e URL", name);
	return 0;
}

int sf_made_plan_init(struct sf_made_plan *made, const struct sf_options *options, const char *page,
	struct sf_error *error)
{
	struct sf_plan *plan = &made->plan;
	int err;

	*made = (struct sf_made_plan){ 0 };
	*plan = (struct sf_plan){
		.active_timeout_ns =
			options->active_timeout_ns ? options->active_timeout_ns : SF_TIMEOUT_NEVER,
		.idle_timeout_ns =
			options->idle_timeout_ns ? options->idle_timeout_ns : SF_TIMEOUT_NEVER,
		.max_flows = (uint32_t)options->max_flows,
		.key = (uint32_t)options->key,
		.per_packet = options->per_packet,
		.split_fragments = options->fragments == SF_FRAGMENTS_SPLIT,
		.prealloc = options->prealloc,
		.strong_hash = options->hash == SF_HASH_SIPHASH,
		.hash_seed = options->hash_seed.set ? options->hash_seed.words : NULL,
		.dedup = options->dedup,
		.dedup_window_ns = (int64_t)options->dedup_window_ns,
		.sampling = options->sampling,
		.switch_time_ns = options->switch_time_ns,
		.tunnels = options->tunnels,
		.meter_own_export = options->meter_own_export,
		.domain = (uint32_t)options->domain,
		.workers = (unsigned)options->workers,
		.workers_independent = options->workers_independent,
		.pin = options->pin,
		.enrich = options->enrich.items,
		.enrich_count = options->enrich.count,
		.interface_map = options->interface_map,
		.local_net = options->local_net,
		.egress = (unsigned)options->egress,
		.share = options->balance     ? SF_SHARE_BALANCE
			 : options->fail_over ? SF_SHARE_FAIL_OVER
					      : SF_SHARE_NONE,
		.fold = (unsigned)options->fold,
		.fields = options->fields,
		.applications = (unsigned)options->applications,
		.queue_octets = options->queue_size,
		.spool = options->spool,
		.spool_octets = options->spool_max,
		.spool_drops_newest = options->spool_drop == SF_SPOOL_DROP_NEWEST,
		.keep_files = !options->force,
		.no_late_collectors = options->no_wait,
		.packet_limit = options->count,
		.duration_ns = options->duration_ns,
		.stop_timeout_ns = options->stop_timeout_ns,
		.on_file = options->on_file,
		.user = options->user,
		.no_sandbox = options->no_sandbox,
	};
	if (options->spool && !has_connection(&options->collectors))
		return sf_error_set(error, SF_EUSAGE,
			"--spool is for collectors tcp://, tls://, dtls://, sctp:// and kafka://: "
			"name one with -e");
	err = check_share(options, error);
	err = err ? err : make_sources(made, options, error);
	return err ? err : make_destinations(made, options, page, error);
}

void sf_made_plan_fini(struct sf_made_plan *made)
{
	for (unsigned i = 0; i < made->plan.source_count; i++)
		if (made->sources &&
			strcmp(made->sources[i].driver ? made->sources[i].driver : "", "file") != 0)
			sf_plan_source_free(&made->sources[i]);
	for (unsigned i = 0; i < made->plan.destination_count; i++)
		free(made->urls[i]);
	free(made->sources);
	free(made->destinations);
	free(made->urls);
}
