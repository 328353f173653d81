/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening an engine: what the plan asks for becomes exporter, inputs and workers. */
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/annex.h"
#include "base/netdev.h"
#include "engine/engine.h"
#include "meter/meter_facts.h"

#define DEVICE_POLL_US 500000

/*
 * Interfaces of all inputs in turn. Those of an input are counted only to get past it: the
 * exporter asks for one after the other, and a file may describe very many.
 */
static unsigned interface_of(void *context, unsigned slot, uint32_t *index, const char **name)
{
	const struct sf_engine *engine = context;

	for (unsigned i = 0; i < engine->input_count; i++) {
		struct sf_capture *capture = engine->inputs[i].capture;
		const struct sf_interface *interface;
		unsigned count = 0;

		if (!capture)
			continue;
		interface = capture->ops->interface(capture, slot);
		if (interface) {
			*index = interface->index;
			*name = interface->name;
			return 1;
		}
		while (count < slot && capture->ops->interface(capture, count))
			count++;
		slot -= count;
	}
	return 0;
}

/* Sources of mirrored traffic open tunnels of their own. */
int sf_plan_absent_facts(uint64_t *absent, const struct sf_plan *plan, struct sf_error *error)
{
	struct sf_tunnel_options tunnels;

	*absent = UINT64_MAX;
	for (unsigned i = 0; i < plan->source_count; i++) {
		int err =
			sf_plan_source_tunnels(&tunnels, &plan->sources[i], &plan->tunnels, error);

		if (err)
			return err;
		*absent &= ~sf_meter_facts(&(struct sf_meter_options){
			.key = plan->key, .tunnels = &tunnels, .facts = UINT64_MAX });
	}
	return 0;
}

static int add_unnamed(struct sf_exporter *exporter, uint64_t absent,
	const struct sf_plan_destination *destination, struct sf_error *error)
{
	const struct sf_text_options text = {
		.format = destination->format,
		.biflow = destination->biflow,
		.local_time = destination->local_time,
		.wide = destination->wide,
		.width = destination->width,
		.absent = absent,
	};

	switch (destination->kind) {
	case SF_TO_COLLECTOR:
		return sf_exporter_add_collector(exporter, destination->url, error);
	case SF_TO_FILE:
		return sf_exporter_add_file(exporter, destination->url, error);
	case SF_TO_CALLBACK:
		return sf_exporter_add_callback(
			exporter, &destination->sink, destination->wants, error);
	default:
		return sf_exporter_add_text(exporter, &text, error);
	}
}

static int add_destination(struct sf_exporter *exporter, uint64_t absent,
	const struct sf_plan_destination *destination, struct sf_error *error)
{
	int err = add_unnamed(exporter, absent, destination, error);

	return err || !destination->name
		       ? err
		       : sf_exporter_name_last(exporter, destination->name, error);
}

/* A wrong option of the last file is found before the first one is made. */
static int check_files(
	const struct sf_exporter *exporter, const struct sf_plan *plan, struct sf_error *error)
{
	int err = 0;

	for (unsigned i = 0; !err && i < plan->destination_count; i++)
		if (plan->destinations[i].kind == SF_TO_FILE)
			err = sf_exporter_check_file(exporter, plan->destinations[i].url, error);
	return err;
}

static int make_exporter(struct sf_engine *engine, struct sf_error *error)
{
	const struct sf_plan *plan = &engine->plan;
	struct sf_exporter_options exporter = {
		.packet_clock = !engine->live && !plan->sources[0].realtime,
		.domain = plan->domain,
		.domains = plan->source_count,
		.sampling_interval = sf_sampling_interval(&plan->sampling),
		.sampling = &plan->sampling,
		.interfaces = interface_of,
		.interfaces_context = engine,
		.hurry = engine->hurry,
		.queued = engine->live,
		.keep_files = plan->keep_files,
		.queue_octets = plan->queue_octets,
		.patience_ns = plan->stop_timeout_ns > 0 ? plan->stop_timeout_ns : 1,
		.spool = plan->spool,
		.spool_octets = plan->spool_octets,
		.spool_drops_newest = plan->spool_drops_newest,
		.fields = plan->fields,
		.late_collectors = engine->live && !plan->no_late_collectors,
		.lookup = engine->options.lookup,
		.enricher = engine->options.enricher,
		.chooser = engine->options.chooser,
		.conditions = engine->options.conditions,
		.conditions_context = engine->options.conditions_context,
		.key = plan->key,
		.share = (enum sf_share)plan->share,
		.on_file = engine->options.on_file,
		.fold = (enum sf_fold_mode)plan->fold,
		/* a record for each packet ends with it: no timeout is in force */
		.active_timeout_ns = plan->per_packet ? 0 : plan->active_timeout_ns,
		.idle_timeout_ns = plan->idle_timeout_ns,
		.applications = (enum sf_applications)plan->applications,
	};
	uint64_t absent;
	int err;

	if (plan->source_count - 1 > UINT32_MAX - plan->domain)
		return sf_error_set(error, SF_EUSAGE,
			"--domain: %u leaves too few numbers for %u sources: at most %u",
			plan->domain, plan->source_count, UINT32_MAX - (plan->source_count - 1));
	err = sf_plan_absent_facts(&absent, plan, error);
	if (!err)
		err = sf_exporter_new(&engine->exporter, &exporter, error);
	if (!err)
		err = check_files(engine->exporter, plan, error);
	for (unsigned i = 0; !err && i < plan->destination_count; i++)
		err = add_destination(engine->exporter, absent, &plan->destinations[i], error);
	if (!err)
		err = sf_exporter_check_groups(engine->exporter, error);
	if (!err && plan->applications == SF_APPLICATIONS_NDPI &&
		!(sf_exporter_wants(engine->exporter) & SF_FACT_SET(application)))
		return sf_error_set(error, SF_EUSAGE,
			"--applications ndpi: no output has a field that nDPI fills: add --fields "
			"+applicationName");
	return err;
}

/* The sessions of our own collectors, whose packets may come back through the mirror. */
void sf_engine_learn_own(struct sf_engine *engine)
{
	if (!engine->live || engine->plan.meter_own_export)
		return;
	for (unsigned i = 0; i < engine->plan.destination_count; i++) {
		struct sockaddr_storage local, peer;
		struct sf_destination_stats stats;
		unsigned local_size = sizeof(local), peer_size = sizeof(peer);

		if (sf_exporter_local_address(engine->exporter, i, (struct sockaddr *)&local,
			    &local_size, (struct sockaddr *)&peer, &peer_size) &&
			sf_exporter_stats(engine->exporter, i, &stats))
			sf_own_add(&engine->own, (struct sockaddr *)&local,
				(struct sockaddr *)&peer, stats.protocol);
	}
}

/* The interface below a DPDK device: 0; -ENODEV or -ENETDOWN: it is waited for; or what else. */
static int look_at_interface(
	const struct sf_plan_source *source, const char *name, struct sf_error *error)
{
	struct sf_netdev netdev;
	int result = sf_netdev_open(&netdev, name, error);

	if (result == 0 && source->keep_link)
		result = sf_netdev_require_up(&netdev, error);
	sf_netdev_close(&netdev);
	return result;
}

/*
 * A DPDK device is made with the interface below it (net_af_packet0,iface=eth1), so that one is
 * waited for before. 0; or a negative code, -EINTR when the run is to end.
 */
static int await_device(
	struct sf_engine *engine, const struct sf_plan_source *source, struct sf_error *error)
{
	const struct sf_engine_options *options = &engine->options;
	char name[IF_NAMESIZE];
	bool told = false;

	if (source->no_wait || strcmp(source->driver, "dpdk") != 0 ||
		!sf_netdev_of_device(source->names[0], name))
		return 0;
	for (;; usleep(DEVICE_POLL_US)) {
		int result = look_at_interface(source, name, error);
		const char *why;

		if (result != -ENODEV && result != -ENETDOWN)
			return result;
		why = options->interrupted ? options->interrupted(options->interrupted_context)
					   : NULL;
		if (why)
			return sf_error_set(
				error, -EINTR, "%s: stopped by %s while waiting for it", name, why);
		if (!told)
			sf_engine_notice(engine, SF_NOTICE_WAITING, "%s; waiting", error->text);
		told = true;
	}
}

static int open_input(struct sf_engine *engine, unsigned i, struct sf_error *error)
{
	const struct sf_plan_source *source = &engine->plan.sources[i];
	struct sf_input *input = &engine->inputs[i];
	unsigned span = SF_INTERFACES_MAX / engine->plan.source_count;
	int err;

	input->interfaces = engine->interfaces;
	input->span = span;
	input->domain = engine->plan.domain + i;
	input->payload = engine->plan.switch_time_ns ||
			 sf_exporter_wants(engine->exporter) &
				 (SF_FACT_SET(app) | SF_FACT_SET(trailer) | SF_FACT_SET(entropy));
	input->point = (struct sf_observation_point){
		.id = (uint16_t)i,
		.interface_base = (uint16_t)(i * span),
	};
	err = sf_plan_source_tunnels(&input->tunnels, source, &engine->plan.tunnels, error);
	if (!err && engine->live)
		err = await_device(engine, source, error);
	if (err)
		return err;
	engine->input_count++;
	err = sf_input_open(input, source, engine->plan.workers, engine->steer_key,
		engine->options.helper, error);
	if (!err && input->capture->warning.code)
		sf_engine_notice(engine, SF_NOTICE_WARNING, "%s", input->capture->warning.text);
	return err;
}

static int open_inputs(struct sf_engine *engine, struct sf_error *error)
{
	int err = 0;

	engine->interfaces = calloc(1, sizeof(*engine->interfaces));
	if (!engine->interfaces)
		return sf_error_set(error, -ENOMEM, "out of memory");
	for (unsigned i = 0; !err && i < engine->plan.source_count; i++)
		err = open_input(engine, i, error);
	return err;
}

static struct sf_meter_options meter_options(struct sf_engine *engine, const struct sf_input *input)
{
	const struct sf_plan *plan = &engine->plan;
	uint64_t wants = sf_exporter_wants(engine->exporter);
	struct sf_meter_options options = {
		.active_timeout_ns = plan->active_timeout_ns,
		.idle_timeout_ns = plan->idle_timeout_ns,
		.max_flows = plan->max_flows,
		.key = plan->key,
		.per_packet = plan->per_packet,
		.split_fragments = plan->split_fragments,
		.facts = wants & ~SF_WANTS_FLOW_ID,
		.flow_ids = wants & SF_WANTS_FLOW_ID,
		.prealloc = plan->prealloc,
		.force_strong_hash = plan->strong_hash,
		.hash_seed = plan->hash_seed,
		.dedup = plan->dedup    ? SF_DEDUP_DROP
			 : engine->live ? SF_DEDUP_ESTIMATE
					: SF_DEDUP_OFF,
		.dedup_window_ns = plan->dedup_window_ns,
		.tunnels = &input->tunnels,
		.own = &engine->own,
		.sink = { sf_exporter_put, engine->exporter },
		.ifindex = input->interfaces->ifindex,
		.domain = input->interfaces->domain,
	};

	options.facts = sf_meter_facts(&options);
	return options;
}

/* A source may have fewer queues than workers were asked for, or more: eth1+eth2. */
static unsigned workers_of(const struct sf_engine *engine, unsigned input)
{
	unsigned queues = engine->inputs[input].capture->queues;
	unsigned wanted = engine->plan.workers;

	return queues > wanted ? queues : wanted;
}

/*
 * What the workers of a source hand to each other; a single worker
 * of files has nobody to hand to.
 */
static int make_handover(struct sf_engine *engine, unsigned input, struct sf_error *error)
{
	const struct sf_meter_options meter = meter_options(engine, &engine->inputs[input]);
	const struct sf_handover_options options = {
		.capture = engine->inputs[input].capture,
		.workers = workers_of(engine, input),
		.independent = engine->plan.workers_independent,
		.sole_reader = sf_meter_reads_alone(&meter),
		.steer_key = engine->steer_key,
		.facts = meter.facts,
		.clock_limit_ns = sf_timing_limit(&meter),
		.workers_of_run = engine->workers,
	};
	int err = 0;

	if (options.workers > SF_WORKERS_MAX)
		return sf_error_set(error, SF_EUSAGE,
			"-i %s: %u queues, more than the %d workers there can be",
			engine->inputs[input].source->text, options.workers, SF_WORKERS_MAX);
	if (engine->live)
		err = sf_rings.new(&engine->handovers[input], &options);
	else if (options.workers > 1)
		err = sf_turns.new(&engine->handovers[input], &options);
	return err ? sf_error_set(error, err, "out of memory for %u workers", options.workers) : 0;
}

/* The CPU that --pin gives to the next worker; -1: none. */
static int next_cpu(const struct sf_engine *engine)
{
	cpu_set_t allowed;
	unsigned left;

	if (!engine->plan.pin || sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return -1;
	left = engine->worker_count % (unsigned)CPU_COUNT(&allowed);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET((unsigned)cpu, &allowed) && left-- == 0)
			return cpu;
	return -1;
}

static int make_worker(
	struct sf_engine *engine, unsigned input, unsigned number, struct sf_error *error)
{
	const struct sf_plan *plan = &engine->plan;
	const struct sf_plan_source *source = engine->inputs[input].source;
	struct sf_handover *handover = engine->handovers[input];
	bool queue = number < engine->inputs[input].capture->queues;
	const struct sf_worker_options worker = {
		.kind = handover ? handover->ops->kind(handover, queue) : &sf_worker_inline,
		.handover = handover,
		.input = &engine->inputs[input],
		.queue = queue ? number : SF_NO_QUEUE,
		.number = number,
		.meter = meter_options(engine, &engine->inputs[input]),
		.filter = source->filter,
		.sampling = plan->sampling,
		.switch_time_ns = plan->switch_time_ns,
		.fold = (enum sf_fold_mode)plan->fold,
		.budget = plan->packet_limit ? &engine->budget : NULL,
		.packet_duration_ns = engine->live ? 0 : plan->duration_ns,
		.ages_when_quiet = engine->live || source->realtime,
		.cpu = next_cpu(engine),
		.main_wakeup = sf_loop_wakeup(engine->loop),
		.start_barrier = &engine->start_barrier,
		.control = engine->threads ? &engine->control : NULL,
	};

	if (!worker.kind)
		return 0;
	return sf_worker_init(&engine->workers[engine->worker_count++], &worker, error);
}

/* Says once which wanted fields will be missing, and why. */
static void tell_lacks(struct sf_engine *engine)
{
	const struct sf_meter_options meter = meter_options(engine, &engine->inputs[0]);
	struct sf_error lack;

	if (sf_meter_lacks(&meter, &lack))
		sf_engine_notice(engine, SF_NOTICE_WARNING, "QUIC is not read: %s", lack.text);
}

int sf_engine_make_workers(struct sf_engine *engine, struct sf_error *error)
{
	unsigned count = 0;
	size_t bytes;
	int err;

	for (unsigned i = 0; i < engine->input_count; i++)
		count += workers_of(engine, i);
	engine->threads = engine->live || count > 1;
	tell_lacks(engine);
	err = sf_loop_new(&engine->loop);
	if (err)
		return sf_error_set(error, err, "the event loop: %s", sf_strerror(err));
	engine->mode = engine->live      ? &sf_mode_live
		       : engine->threads ? &sf_mode_files
					 : &sf_mode_inline;
	bytes = count * sizeof(*engine->workers);
	engine->workers = aligned_alloc(SF_CACHE_LINE, bytes);
	if (!engine->workers)
		return sf_error_set(error, -ENOMEM, "out of memory");
	memset(engine->workers, 0, bytes);
	atomic_init(&engine->budget.left, engine->plan.packet_limit);
	for (unsigned i = 0; i < engine->input_count; i++) {
		err = make_handover(engine, i, error);

		for (unsigned k = 0; !err && k < workers_of(engine, i); k++)
			err = make_worker(engine, i, k, error);
		if (err)
			return err;
	}
	return 0;
}

int sf_engine_open(struct sf_engine *engine, struct sf_error *error)
{
	int err;

	if (getrandom(engine->steer_key, sizeof(engine->steer_key), 0) != sizeof(engine->steer_key))
		return sf_error_set(error, -errno, "no random numbers from the kernel: %s",
			sf_strerror(-errno));
	err = make_exporter(engine, error);
	if (!err)
		sf_engine_learn_own(engine);
	if (!err)
		err = open_inputs(engine, error);
	return err ? err : sf_engine_make_workers(engine, error);
}

void sf_engine_close(struct sf_engine *engine)
{
	for (unsigned i = 0; i < engine->worker_count; i++)
		sf_worker_fini(&engine->workers[i]);
	free(engine->workers);
	for (unsigned i = 0; i < engine->input_count; i++) {
		if (engine->handovers[i])
			engine->handovers[i]->ops->free(engine->handovers[i]);
		sf_input_close(&engine->inputs[i]);
	}
	pthread_mutex_destroy(&engine->start_barrier);
	sf_loop_free(engine->loop);
	sf_exporter_free(engine->exporter);
	free(engine->interfaces);
}
