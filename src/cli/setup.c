/* SPDX-License-Identifier: BSD-2-Clause */
/* Making a run: what the options ask for becomes exporter, inputs and workers. */
#include <stdlib.h>
#include <string.h>

#include "cli/run.h"

static unsigned interface_of(void *context, unsigned slot, uint32_t *index, const char **name)
{
	const struct sf_run *run = context;

	for (unsigned i = 0; i < run->input_count; i++) {
		struct sf_capture *capture = run->inputs[i].capture;
		const struct sf_interface *interface;
		unsigned k = 0;

		if (!capture)
			continue;
		while ((interface = capture->ops->interface(capture, k)) != NULL) {
			if (slot-- == 0) {
				*index = interface->index;
				*name = interface->name;
				return 1;
			}
			k++;
		}
	}
	return 0;
}

/* --biflow for one destination: unless its own options say otherwise. */
static int add_biflow(struct sf_run *run, const char *url,
	int (*add)(struct sf_exporter *, const char *, struct sf_error *), struct sf_error *error)
{
	bool old = strncmp(url, "netflow", 7) == 0;
	char *longer = NULL;
	int err;

	if (!run->options->biflow || old || strstr(url, ",biflow="))
		return add(run->exporter, url, error);
	if (asprintf(&longer, "%s,biflow=yes", url) < 0)
		return sf_error_set(error, -ENOMEM, "out of memory");
	err = add(run->exporter, longer, error);
	free(longer);
	return err;
}

static int add_text(struct sf_run *run, struct sf_error *error)
{
	const struct sf_options *options = run->options;
	struct sf_text_options text = {
		.biflow = options->biflow,
		.local_time = options->local_time,
	};
	int output = options->output;

	if (output == SF_OUTPUT_DEFAULT)
		output = options->collectors.count || options->write ? SF_OUTPUT_NONE
								     : SF_OUTPUT_TABLE;
	if (output == SF_OUTPUT_NONE)
		return 0;
	text.format = output == SF_OUTPUT_JSON  ? SF_TEXT_JSON
		      : output == SF_OUTPUT_CSV ? SF_TEXT_CSV
						: SF_TEXT_TABLE;
	return sf_exporter_add_text(run->exporter, &text, error);
}

static int make_exporter(struct sf_run *run, struct sf_error *error)
{
	const struct sf_options *options = run->options;
	struct sf_exporter_options exporter = {
		.packet_clock = !run->live && !options->realtime,
		.domain = (uint32_t)options->domain,
		.sampling_interval = 1,
		.interfaces = interface_of,
		.interfaces_context = run,
	};
	int err = sf_exporter_new(&run->exporter, &exporter, error);

	for (unsigned i = 0; !err && i < options->collectors.count; i++)
		err = add_biflow(
			run, options->collectors.items[i], sf_exporter_add_collector, error);
	if (!err && options->write)
		err = add_biflow(run, options->write, sf_exporter_add_file, error);
	return err ? err : add_text(run, error);
}

static int open_inputs(struct sf_run *run, struct sf_error *error)
{
	const struct sf_options *options = run->options;
	unsigned wanted = run->live ? options->interfaces.count : 1;

	if (wanted > SF_INPUTS_MAX)
		return sf_error_set(
			error, SF_EUSAGE, "--interface: more than %d sources", SF_INPUTS_MAX);
	run->interfaces = calloc(1, sizeof(*run->interfaces));
	if (!run->interfaces)
		return sf_error_set(error, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < wanted; i++) {
		struct sf_input *input = &run->inputs[i];
		unsigned span = SF_INTERFACES_MAX / wanted;
		int err;

		input->interfaces = run->interfaces;
		input->span = span;
		input->point = (struct sf_observation_point){
			.domain = (uint32_t)options->domain + i,
			.id = (uint16_t)i,
			.interface_base = (uint16_t)(i * span),
		};
		run->input_count++;
		err = run->live ? sf_input_open_live(
					  input, options->interfaces.items[i], options, error)
				: sf_input_open_files(input, options, error);
		if (err)
			return err;
		if (input->capture->warning.code)
			sf_run_say(run, input->capture->warning.text);
	}
	return 0;
}

static struct sf_meter_options meter_options(struct sf_run *run)
{
	const struct sf_options *options = run->options;

	return (struct sf_meter_options){
		.active_timeout_ns =
			options->active_timeout_ns ? options->active_timeout_ns : SF_TIMEOUT_NEVER,
		.idle_timeout_ns =
			options->idle_timeout_ns ? options->idle_timeout_ns : SF_TIMEOUT_NEVER,
		.max_flows = (uint32_t)options->max_flows,
		.key = (uint32_t)options->key,
		.per_packet = options->per_packet,
		.cold_facts = sf_exporter_wants_cold_facts(run->exporter),
		.prealloc = options->prealloc,
		.force_strong_hash = options->hash == SF_HASH_SIPHASH,
		.hash_seed = options->hash_seed.set ? options->hash_seed.words : NULL,
		.sink = { sf_exporter_put, run->exporter },
		.ifindex = run->interfaces->ifindex,
		.domain = run->interfaces->domain,
	};
}

int sf_run_make_workers(struct sf_run *run, struct sf_error *error)
{
	const struct sf_options *options = run->options;
	unsigned count = 0;
	size_t bytes;

	for (unsigned i = 0; i < run->input_count; i++)
		count += run->inputs[i].capture->queues;
	bytes = count * sizeof(*run->workers);
	run->workers = aligned_alloc(SF_CACHE_LINE, bytes);
	if (!run->workers)
		return sf_error_set(error, -ENOMEM, "out of memory");
	memset(run->workers, 0, bytes);
	atomic_init(&run->budget.left, options->count);
	for (unsigned i = 0; i < run->input_count; i++)
		for (unsigned queue = 0; queue < run->inputs[i].capture->queues; queue++) {
			const struct sf_worker_options worker = {
				.input = &run->inputs[i],
				.queue = queue,
				.meter = meter_options(run),
				.filter = options->filter,
				.budget = options->count ? &run->budget : NULL,
				.packet_duration_ns = run->live ? 0 : options->duration_ns,
				.ages_when_quiet = run->live || options->realtime,
				.control = run->live ? &run->control : NULL,
			};
			int err =
				sf_worker_init(&run->workers[run->worker_count++], &worker, error);

			if (err)
				return err;
		}
	return 0;
}

void sf_run_fini(struct sf_run *run)
{
	for (unsigned i = 0; i < run->worker_count; i++)
		sf_worker_fini(&run->workers[i]);
	free(run->workers);
	for (unsigned i = 0; i < run->input_count; i++)
		sf_input_close(&run->inputs[i]);
	sf_exporter_free(run->exporter);
	free(run->interfaces);
}

int sf_run_init(struct sf_run *run, const struct sf_options *options, struct sf_error *error)
{
	int err;

	memset(run, 0, sizeof(*run));
	run->options = options;
	run->live = options->interfaces.count > 0;
	run->said_link = UINT32_MAX;
	err = make_exporter(run, error);
	if (!err)
		err = open_inputs(run, error);
	return err ? err : sf_run_make_workers(run, error);
}
