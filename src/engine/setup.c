/* SPDX-License-Identifier: BSD-2-Clause */
/* Making a run: what the options ask for becomes exporter, inputs and workers. */
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/netdev.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "engine/run.h"

#define DEVICE_POLL_US 500000
#define HANDOVER       16384u /* facts per pair of workers: 2 MiB, to bear a burst */

/*
 * Interfaces of all inputs in turn. Those of an input are counted only to get past it: the
 * exporter asks for one after the other, and a file may describe very many.
 */
static unsigned interface_of(void *context, unsigned slot, uint32_t *index, const char **name)
{
	const struct sf_run *run = context;

	for (unsigned i = 0; i < run->input_count; i++) {
		struct sf_capture *capture = run->inputs[i].capture;
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

static int make_enrich(struct sf_run *run, struct sf_error *error)
{
	const struct sf_strings *sources = &run->options->enrich;
	struct sf_error reason = { 0 };
	int code;

	if (!sources->count)
		return 0;
	code = sf_enrich_new(&run->enrich, (const char *const *)sources->items, sources->count,
		&reason);
	return code ? sf_error_set(error, code, "--enrich: %s", reason.text) : 0;
}

/* Files that are read again stay readable: their directories, because a new file may take the name. */
static void keep_readable(struct sf_run *run)
{
	const char *path;

	for (unsigned i = 0; run->enrich && (path = sf_enrich_path(run->enrich, i)); i++)
		if (*path)
			sf_sandbox_keep_readable(&run->sandbox, path);
}

static int make_exporter(struct sf_run *run, struct sf_error *error)
{
	const struct sf_options *options = run->options;
	unsigned sources = run->live ? options->interfaces.count : 1;
	struct sf_exporter_options exporter = {
		.packet_clock = !run->live && !options->realtime,
		.domain = (uint32_t)options->domain,
		.domains = sources,
		.sampling_interval = 1,
		.interfaces = interface_of,
		.interfaces_context = run,
		.hurry = { sf_signal_hurry, NULL },
		.queued = run->live,
		.keep_files = !options->force,
		.queue_octets = options->queue_size,
		.fields = options->fields,
		.late_collectors = run->live && !options->no_wait,
		.lookup = run->resolver.pid ? &run->resolver.lookup : NULL,
		.enricher = run->enrich ? sf_enrich_enricher(run->enrich) : NULL,
	};
	int err;

	if (sources - 1 > UINT32_MAX - exporter.domain)
		return sf_error_set(error, SF_EUSAGE,
			"--domain: %u leaves too few numbers for %u sources: at most %u",
			exporter.domain, sources, UINT32_MAX - (sources - 1));
	err = sf_exporter_new(&run->exporter, &exporter, error);
	if (!err)
		err = sf_output_destinations(run->exporter, options, error);
	return err ? err : sf_output_text(run->exporter, options, NULL, error);
}

/* The sessions of our own collectors, whose packets may come back through the mirror. */
void sf_run_learn_own(struct sf_run *run)
{
	if (!run->live || run->options->meter_own_export)
		return;
	for (unsigned i = 0; i < run->options->collectors.count; i++) {
		struct sockaddr_storage local, peer;
		struct sf_destination_stats stats;
		unsigned local_size = sizeof(local), peer_size = sizeof(peer);

		if (sf_exporter_local_address(run->exporter, i, (struct sockaddr *)&local,
			    &local_size, (struct sockaddr *)&peer, &peer_size) &&
			sf_exporter_stats(run->exporter, i, &stats))
			sf_own_add(&run->own, (struct sockaddr *)&local, (struct sockaddr *)&peer,
				stats.protocol);
	}
}

/* Captures that overlap are open at the same time. */
static void allow_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* The interface below a DPDK device: 0; -ENODEV or -ENETDOWN: it is waited for; or what else. */
static int look_at_interface(const struct sf_run *run, const char *name, struct sf_error *error)
{
	struct sf_netdev netdev;
	int result = sf_netdev_open(&netdev, name, error);

	if (result == 0 && run->options->keep_link)
		result = sf_netdev_require_up(&netdev, error);
	sf_netdev_close(&netdev);
	return result;
}

/*
 * A DPDK device is made with the interface below it (net_af_packet0,iface=eth1), so that one is
 * waited for before. 0; or a negative code, -EINTR when the run is to end.
 */
static int await_device(const struct sf_run *run, const char *source, struct sf_error *error)
{
	char name[IF_NAMESIZE], text[sizeof(error->text) + 16];
	bool told = false;
	int result;

	if (run->options->no_wait || strncmp(source, "dpdk:", 5) != 0 ||
		!sf_netdev_of_device(source + 5, name))
		return 0;
	sf_signals_catch();
	for (;; usleep(DEVICE_POLL_US)) {
		result = look_at_interface(run, name, error);
		if (result != -ENODEV && result != -ENETDOWN)
			return result;
		if (sf_signal_stop)
			return sf_error_set(error, -EINTR, "%s: stopped by %s while waiting for it",
				name, sf_signal_name(sf_signal_stop));
		snprintf(text, sizeof(text), "%s; waiting", error->text);
		if (!told)
			sf_run_say(run, text);
		told = true;
	}
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
	if (!run->live)
		allow_many_files();
	for (unsigned i = 0; i < wanted; i++) {
		struct sf_input *input = &run->inputs[i];
		unsigned span = SF_INTERFACES_MAX / wanted;
		int err;

		input->interfaces = run->interfaces;
		input->span = span;
		input->domain = (uint32_t)options->domain + i;
		input->point = (struct sf_observation_point){
			.id = (uint16_t)i,
			.interface_base = (uint16_t)(i * span),
		};
		err = run->live ? await_device(run, options->interfaces.items[i], error) : 0;
		if (err)
			return err;
		run->input_count++;
		err = run->live ? sf_input_open_live(input, options->interfaces.items[i], options,
					  run->steer_key,
					  run->monitor.pid ? &run->monitor.helper : NULL, error)
				: sf_input_open_files(input, options, error);
		if (err)
			return err;
		if (input->capture->warning.code)
			sf_run_say(run, input->capture->warning.text);
	}
	return 0;
}

static struct sf_meter_options meter_options(struct sf_run *run, const struct sf_input *input)
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
		.facts = sf_exporter_wants(run->exporter) & ~SF_WANTS_FLOW_ID,
		.flow_ids = sf_exporter_wants(run->exporter) & SF_WANTS_FLOW_ID,
		.prealloc = options->prealloc,
		.force_strong_hash = options->hash == SF_HASH_SIPHASH,
		.hash_seed = options->hash_seed.set ? options->hash_seed.words : NULL,
		.dedup = options->dedup ? SF_DEDUP_DROP
			 : run->live    ? SF_DEDUP_ESTIMATE
					: SF_DEDUP_OFF,
		.dedup_window_ns = (int64_t)options->dedup_window_ns,
		.own = &run->own,
		.sink = { sf_exporter_put, run->exporter },
		.ifindex = input->interfaces->ifindex,
		.domain = input->interfaces->domain,
	};
}

/* A source may have fewer queues than workers were asked for, or more: eth1+eth2. */
static unsigned workers_of(const struct sf_run *run, unsigned input)
{
	unsigned queues = run->inputs[input].capture->queues;
	unsigned wanted = (unsigned)run->options->workers;

	return queues > wanted ? queues : wanted;
}

static int make_turns(struct sf_run *run, unsigned workers, uint64_t facts)
{
	struct sf_meter_options meter = meter_options(run, &run->inputs[0]);
	uint64_t secret[2];

	memcpy(secret, run->steer_key, sizeof(secret));
	run->turns.sole = run->options->dedup;
	return sf_turns_init(&run->turns, workers, secret, facts, sf_timing_limit(&meter));
}

/* The workers of files take turns; those of a network source hand packets over. */
static int join_workers(struct sf_run *run, unsigned input, struct sf_error *error)
{
	const uint64_t facts = sf_exporter_wants(run->exporter) & ~SF_WANTS_FLOW_ID;
	unsigned workers = workers_of(run, input);
	int err = 0;

	if (workers < 2)
		return 0;
	if (workers > SF_WORKERS_MAX)
		return sf_error_set(error, SF_EUSAGE,
			"-i %s: %u queues, more than the %d workers there can be",
			run->inputs[input].name, workers, SF_WORKERS_MAX);
	if (!run->live)
		err = make_turns(run, workers, facts);
	else if (!run->options->workers_independent)
		err = sf_exchange_new(
			&run->exchanges[input], workers, run->steer_key, HANDOVER, facts);
	return err ? sf_error_set(error, err, "out of memory for %u workers", workers) : 0;
}

/* The CPU that --pin gives to the next worker; -1: none. */
static int next_cpu(const struct sf_run *run)
{
	cpu_set_t allowed;
	unsigned left;

	if (!run->options->pin || sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return -1;
	left = run->worker_count % (unsigned)CPU_COUNT(&allowed);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET((unsigned)cpu, &allowed) && left-- == 0)
			return cpu;
	return -1;
}

static int make_worker(struct sf_run *run, unsigned input, unsigned number, struct sf_error *error)
{
	const struct sf_options *options = run->options;
	bool queue = number < run->inputs[input].capture->queues;
	const struct sf_worker_options worker = {
		.input = &run->inputs[input],
		.queue = queue ? number : SF_NO_QUEUE,
		.exchange = run->exchanges[input],
		.turns = run->turns.relay ? &run->turns : NULL,
		.door = run->threads && !run->live ? &run->door : NULL,
		.number = number,
		.meter = meter_options(run, &run->inputs[input]),
		.filter = options->filter,
		.budget = options->count ? &run->budget : NULL,
		.packet_duration_ns = run->live ? 0 : options->duration_ns,
		.ages_when_quiet = run->live || options->realtime,
		.cpu = next_cpu(run),
		.main_wakeup = &run->wakeup,
		.gate = &run->gate,
		.control = run->threads ? &run->control : NULL,
	};

	/* without a queue and without an exchange there would be nothing to do */
	if (!queue && !worker.exchange)
		return 0;
	return sf_worker_init(&run->workers[run->worker_count++], &worker, error);
}

int sf_run_make_workers(struct sf_run *run, struct sf_error *error)
{
	const struct sf_options *options = run->options;
	unsigned count = 0;
	size_t bytes;

	for (unsigned i = 0; i < run->input_count; i++)
		count += workers_of(run, i);
	run->threads = run->live || count > 1;
	run->wakeup.fd = -1;
	if (run->threads) {
		int err = sf_wakeup_init(&run->wakeup);

		if (err)
			return sf_error_set(error, err,
				"cannot make what wakes the main thread: %s", sf_strerror(err));
	}
	bytes = count * sizeof(*run->workers);
	run->workers = aligned_alloc(SF_CACHE_LINE, bytes);
	if (!run->workers)
		return sf_error_set(error, -ENOMEM, "out of memory");
	memset(run->workers, 0, bytes);
	atomic_init(&run->budget.left, options->count);
	for (unsigned i = 0; i < run->input_count; i++) {
		int err = join_workers(run, i, error);

		for (unsigned k = 0; !err && k < workers_of(run, i); k++)
			err = make_worker(run, i, k, error);
		if (err)
			return err;
	}
	run->door.workers = run->workers;
	run->door.worker_count = run->worker_count;
	return 0;
}

void sf_run_fini(struct sf_run *run)
{
	int monitor;

	for (unsigned i = 0; i < run->worker_count; i++)
		sf_worker_fini(&run->workers[i]);
	free(run->workers);
	for (unsigned i = 0; i < run->input_count; i++) {
		sf_exchange_free(run->exchanges[i]);
		sf_input_close(&run->inputs[i]);
	}
	sf_relay_free(run->turns.relay);
	pthread_mutex_destroy(&run->door.lock);
	pthread_mutex_destroy(&run->gate);
	sf_signals_wake(NULL);
	sf_wakeup_fini(&run->wakeup);
	sf_metrics_close(&run->metrics);
	sf_exporter_free(run->exporter);
	sf_enrich_free(run->enrich);
	free(run->interfaces);
	sf_notify_close(&run->notify);
	monitor = run->monitor.pid;
	if (!sf_monitor_stop(&run->monitor))
		sf_complain("the monitor (process %d) does not end: offloads and flags of the "
			    "interfaces are put back when it goes on (kill -CONT %d)",
			monitor, monitor);
}

/* Before anything is open: the monitor is to have nothing of it. */
static int start_monitor(struct sf_run *run, struct sf_error *error)
{
	const struct sf_options *options = run->options;
	struct sf_permits permits;
	int err = sf_sandbox_user(&run->sandbox, options->user, error);

	for (unsigned i = 0; i < options->interfaces.count; i++)
		run->sandbox.dpdk |= strncmp(options->interfaces.items[i], "dpdk:", 5) == 0;
	if (!err)
		err = sf_input_permits(&permits, options, error);
	for (unsigned i = 0; !err && i < permits.count; i++) {
		run->sandbox.packets |= permits.rows[i].packets;
		run->sandbox.xdp |= permits.rows[i].xdp;
	}
	if (!err && run->sandbox.switch_user)
		err = sf_monitor_start(&run->monitor, &permits, error);
	run->sandbox.helped = run->monitor.pid > 0;
	return err;
}

/* Names are looked up again while a run goes on. */
static int start_resolver(struct sf_run *run, struct sf_error *error)
{
	static struct sf_resolver_name names[SF_RESOLVER_NAMES];
	const struct sf_strings *collectors = &run->options->collectors;
	unsigned count = 0;
	bool named = false;

	for (; count < collectors->count && count < SF_RESOLVER_NAMES; count++)
		named |= sf_collector_is_named(collectors->items[count], names[count].host,
			sizeof(names[count].host), names[count].port, sizeof(names[count].port));
	if (!named)
		return 0;
	return sf_resolver_start(&run->resolver, names, count, run->sandbox.switch_user,
		run->sandbox.uid, run->sandbox.gid, error);
}

static bool has_streams(const struct sf_run *run)
{
	struct sf_destination_stats stats;

	for (unsigned i = 0; sf_exporter_stats(run->exporter, i, &stats); i++)
		if (stats.protocol == IPPROTO_TCP)
			return true;
	return false;
}

int sf_run_confine(struct sf_run *run, struct sf_error *error)
{
	char text[sizeof(run->sandbox.missing) + 64];
	int listener, err;

	if (!run->sandbox.wanted)
		return 0;
	run->sandbox.streams = has_streams(run);
	keep_readable(run);
	err = sf_sandbox_enter(&run->sandbox, &listener, error);
	if (listener >= 0)
		sf_monitor_give_listener(&run->monitor, listener);
	if (!err && run->sandbox.missing[0]) {
		snprintf(text, sizeof(text), "the sandbox is incomplete: %s", run->sandbox.missing);
		sf_run_say(run, text);
	}
	return err;
}

int sf_run_init(struct sf_run *run, const struct sf_options *options, struct sf_error *error)
{
	int err;

	memset(run, 0, sizeof(*run));
	pthread_mutex_init(&run->door.lock, NULL);
	pthread_mutex_init(&run->gate, NULL);
	run->notify.fd = -1;
	run->wakeup.fd = -1;
	run->options = options;
	run->live = options->interfaces.count > 0;
	run->sandbox.wanted = run->live && !options->no_sandbox;
	run->sandbox.metrics = options->metrics != NULL;
	run->said_link = UINT32_MAX;
	if (getrandom(run->steer_key, sizeof(run->steer_key), 0) != sizeof(run->steer_key))
		return sf_error_set(error, -errno, "no random numbers from the kernel: %s",
			sf_strerror(-errno));
	if (run->live) {
		err = sf_input_refuse_twice(options, error);
		if (err)
			return err;
	}
	if (run->sandbox.wanted) {
		err = start_monitor(run, error);
		if (err)
			return err;
	}
	if (run->live && !options->no_wait) {
		err = start_resolver(run, error);
		if (err)
			return err;
	}
	if (sf_notify_open(&run->notify, error) < 0)
		sf_run_say(run, error->text);
	err = make_enrich(run, error);
	if (!err)
		err = make_exporter(run, error);
	if (!err)
		sf_run_learn_own(run);
	if (!err)
		err = open_inputs(run, error);
	if (!err)
		err = sf_run_open_metrics(run, error);
	return err ? err : sf_run_make_workers(run, error);
}
