/* SPDX-License-Identifier: BSD-2-Clause */
/* The calls of spanflow/engine.h, and the states of a run. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/sized.h"
#include "engine/engine.h"

#define DELIVER_NS (SF_NS_PER_S / 10) /* longest wait for destinations at the end */

#define ACTIVE_NS    (60 * SF_NS_PER_S)
#define IDLE_NS      (15 * SF_NS_PER_S)
#define MAX_FLOWS    4000000u
#define DEDUP_WINDOW INT64_C(10000000)

/* sf_hurry.level of the exporter. Any thread. */
static unsigned hurry_level(void *context)
{
	const struct sf_engine *engine = context;
	const struct sf_hurry *hurry = &engine->options.hurry;

	if (atomic_load_explicit(&engine->abandoned, memory_order_relaxed))
		return 2;
	return hurry->level ? hurry->level(hurry->context) : 0;
}

/* ---------------------------------------------------------------- the plan */

/* Copies an array of structures that the caller's header may know in another size. */
static int copy_array(void **copy, size_t known, const void *from, size_t size, unsigned count,
	struct sf_error *error)
{
	char *to = calloc(count ? count : 1, known);
	int err = 0;

	if (!to)
		return sf_error_set(error, -ENOMEM, "out of memory for a plan");
	*copy = to;
	for (unsigned i = 0; !err && i < count; i++)
		err = sf_sized_options(
			to + i * known, known, (const char *)from + i * size, size, error);
	return err;
}

static void set_defaults(struct sf_plan *plan)
{
	if (!plan->active_timeout_ns)
		plan->active_timeout_ns = ACTIVE_NS;
	if (!plan->idle_timeout_ns)
		plan->idle_timeout_ns = IDLE_NS;
	if (!plan->max_flows)
		plan->max_flows = MAX_FLOWS;
	if (!plan->dedup_window_ns)
		plan->dedup_window_ns = DEDUP_WINDOW;
	if (!plan->workers)
		plan->workers = 1;
}

static int check_plan(const struct sf_plan *plan, struct sf_error *error)
{
	if (!plan->source_count)
		return sf_error_set(error, SF_EUSAGE, "the plan has no source");
	if (plan->source_count > SF_INPUTS_MAX)
		return sf_error_set(
			error, SF_EUSAGE, "--interface: more than %d sources", SF_INPUTS_MAX);
	for (unsigned i = 0; i < plan->source_count; i++) {
		const struct sf_plan_source *source = &plan->sources[i];

		if (!source->driver || !source->name_count || !source->text)
			return sf_error_set(error, SF_EUSAGE,
				"source %u of the plan has no driver, no names or no text", i);
		if (!sf_source_is_live(source) && plan->source_count > 1)
			return sf_error_set(error, SF_EUSAGE,
				"a run meters interfaces, or one source of files");
	}
	for (unsigned i = 0; i < plan->destination_count; i++) {
		const struct sf_plan_destination *to = &plan->destinations[i];

		if ((to->kind == SF_TO_COLLECTOR || to->kind == SF_TO_FILE) && !to->url)
			return sf_error_set(
				error, SF_EUSAGE, "destination %u of the plan has no URL", i);
	}
	return 0;
}

static int take_plan(struct sf_engine *engine, const struct sf_plan *plan, size_t size,
	size_t source_size, size_t destination_size, struct sf_error *error)
{
	int err = sf_sized_options(&engine->plan, sizeof(engine->plan), plan, size, error);

	if (!err)
		err = copy_array((void **)&engine->sources, sizeof(*engine->sources), plan->sources,
			source_size, plan->source_count, error);
	if (!err)
		err = copy_array((void **)&engine->destinations, sizeof(*engine->destinations),
			plan->destinations, destination_size, plan->destination_count, error);
	if (err)
		return err;
	engine->plan.sources = engine->sources;
	engine->plan.destinations = engine->destinations;
	set_defaults(&engine->plan);
	return check_plan(&engine->plan, error);
}

/* ---------------------------------------------------------------- making and freeing */

static void destroy(struct sf_engine *engine)
{
	sf_engine_close(engine);
	free(engine->sources);
	free(engine->destinations);
	free(engine);
}

int sf_engine_new_sized(struct sf_engine **engine, const struct sf_plan *plan, size_t plan_size,
	size_t source_size, size_t destination_size, const struct sf_engine_options *options,
	size_t options_size, struct sf_error *error)
{
	struct sf_engine *new = aligned_alloc(SF_CACHE_LINE, sizeof(*new));
	int64_t mono = sf_clock_read(CLOCK_MONOTONIC);
	int err;

	if (!new)
		return sf_error_set(error, -ENOMEM, "out of memory");
	memset(new, 0, sizeof(*new));
	pthread_mutex_init(&new->start_barrier, NULL);
	new->told_link = UINT32_MAX;
	new->counters.clock = INT64_MIN;
	new->counters_read = true;
	new->hurry = (struct sf_hurry){ hurry_level, new };
	err = sf_sized_options(&new->options, sizeof(new->options), options, options_size, error);
	if (!err)
		err = take_plan(new, plan, plan_size, source_size, destination_size, error);
	if (!err) {
		new->live = sf_source_is_live(&new->plan.sources[0]);
		new->deadline = INT64_MAX;
		if (new->live &&new->plan.duration_ns)
			new->deadline = mono + new->plan.duration_ns;
		err = sf_engine_open(new, error);
	}
	if (err)
		destroy(new);
	else
		*engine = new;
	return err;
}

void sf_engine_free(struct sf_engine *engine)
{
	if (!engine)
		return;
	atomic_store_explicit(&engine->abandoned, true, memory_order_relaxed);
	sf_engine_stop(engine, "freed");
	while (sf_engine_step(engine))
		sf_engine_wait(engine);
	destroy(engine);
}

int sf_engine_start(struct sf_engine *engine, struct sf_error *error)
{
	sf_notice_sources(engine);
	engine->state = SF_ENGINE_METERING;
	return engine->threads ? sf_engine_start_workers(engine, error) : 0;
}

/* ---------------------------------------------------------------- states */

static const char *state_name(enum sf_worker_state state)
{
	return state == SF_WORKER_EOF      ? "eof"
	       : state == SF_WORKER_LIMIT  ? "limit"
	       : state == SF_WORKER_FAILED ? "error"
					   : "stopped";
}

static void finish(struct sf_engine *engine)
{
	const struct sf_filter *filter = engine->workers[0].filter;
	const char *warning = filter ? sf_filter_warning(filter) : NULL;

	sf_exporter_finish(engine->exporter);
	sf_notice_destinations(engine, &engine->counters.ledger);
	if (warning)
		sf_engine_notice(engine, SF_NOTICE_WARNING, "%s", warning);
	engine->state = SF_ENGINE_ENDED;
}

/* All flows have left the tables. */
static void end_metering(struct sf_engine *engine, int64_t mono)
{
	struct sf_engine_counters counters;

	if (engine->threads)
		sf_engine_join_workers(engine);
	else
		sf_worker_finish(&engine->workers[0]);
	sf_notice_failures(engine);
	sf_engine_notice(engine, SF_NOTICE_ENDING, "sending the last records");
	if (!engine->ended)
		engine->ended = state_name(engine->workers[0].state);
	sf_engine_count(engine, &counters);
	sf_engine_tick(engine, counters.clock);
	engine->state = SF_ENGINE_DELIVERING;
	engine->deliver_deadline = mono + engine->plan.stop_timeout_ns;
	sf_engine_counted(engine, &counters);
}

/* Live: what is queued leaves, for as long as the plan and the hurry allow. */
static bool step_delivering(struct sf_engine *engine, int64_t mono)
{
	const struct sf_engine_events *events = &engine->options.events;

	if (engine->live && hurry_level(engine) == 0) {
		int64_t next = sf_exporter_pump(engine->exporter, mono, true);

		if (sf_exporter_waits(engine->exporter) && mono < engine->deliver_deadline) {
			if (next > mono + DELIVER_NS)
				next = mono + DELIVER_NS;
			engine->deliver_ns =
				next < engine->deliver_deadline ? next : engine->deliver_deadline;
			sf_engine_tick(engine, INT64_MIN);
			sf_notice_destinations(engine, &engine->counters.ledger);
			if (events->look)
				events->look(events->context, mono);
			return true;
		}
	}
	finish(engine);
	return false;
}

/*
 * Reads which workers have ended: others may wait for one of them, or one has failed and a notice
 * is due.
 */
static void notice_ends(struct sf_engine *engine)
{
	unsigned count = 0;

	for (unsigned i = 0; i < engine->worker_count; i++)
		/* relaxed: it is but a reason to look */
		count += atomic_load_explicit(&engine->workers[i].done, memory_order_relaxed);
	if (count == engine->done_count)
		return;
	engine->done_count = count;
	engine->next_look = 0;
	sf_engine_wake_workers(engine);
}

static bool is_look_due(const struct sf_engine *engine, int64_t mono)
{
	return mono >= engine->next_look || engine->asks || (engine->live && engine->asked);
}

static bool step_metering(struct sf_engine *engine, int64_t mono)
{
	/* looked at before the rings: records that were put before it are in the rings */
	bool last = engine->threads ? sf_engine_workers_done(engine) : engine->ended != NULL;
	bool more;

	sf_wakeup_disarm(sf_loop_wakeup(engine->loop));
	more = (engine->threads || !last) && engine->mode->work(engine, mono);
	if (!engine->threads && sf_worker_ended(&engine->workers[0]))
		last = true;
	if (last && (!more || !engine->threads)) {
		end_metering(engine, mono);
		return step_delivering(engine, mono);
	}
	if (engine->threads)
		notice_ends(engine);
	if (!engine->ended && mono >= engine->deadline)
		engine->ended = "duration";
	if (!engine->ended) {
		if (is_look_due(engine, mono))
			sf_engine_look(engine, mono);
	} else if (engine->threads) {
		sf_engine_stop_workers(engine);
		if (hurry_level(engine))
			sf_engine_interrupt_workers(engine);
	}
	return true;
}

bool sf_engine_step(struct sf_engine *engine)
{
	int64_t mono = sf_clock_read(CLOCK_MONOTONIC);

	engine->ordered = false;
	if (engine->state == SF_ENGINE_METERING)
		return step_metering(engine, mono);
	return engine->state == SF_ENGINE_DELIVERING && step_delivering(engine, mono);
}

/* ---------------------------------------------------------------- waiting */

int sf_engine_fd(const struct sf_engine *engine)
{
	return sf_loop_fd(engine->loop);
}

/* The next step serves the destination. */
static void on_writable(struct sf_watch *watch, unsigned ready)
{
	(void)watch;
	(void)ready;
}

/*
 * Watches the destinations that wait to be writable. All are watched anew, because a destination
 * may have closed its descriptor, and the number may be that of another one by now.
 */
static void watch_destinations(struct sf_engine *engine)
{
	int fds[SF_DESTINATIONS_TOLD];
	unsigned count = sf_exporter_descriptors(engine->exporter, fds, SF_DESTINATIONS_TOLD);

	for (unsigned i = 0; i < engine->watched_count; i++)
		sf_watch_remove(&engine->watched[i]);
	/* a failure means that the destination is served later, at deliver_ns */
	for (unsigned i = 0; i < count; i++)
		sf_loop_add_watch(engine->loop, &engine->watched[i], fds[i], SF_LOOP_WRITE,
			on_writable, engine);
	engine->watched_count = count;
}

int64_t sf_engine_wake_ns(struct sf_engine *engine)
{
	if (engine->ordered || engine->state == SF_ENGINE_OPEN || engine->state == SF_ENGINE_ENDED)
		return 0;
	if (engine->live)
		watch_destinations(engine);
	if (engine->state == SF_ENGINE_DELIVERING)
		return engine->deliver_ns;
	return engine->mode->wake_ns(engine, sf_clock_read(CLOCK_MONOTONIC));
}

void sf_engine_wait(struct sf_engine *engine)
{
	sf_loop_turn(engine->loop, sf_engine_wake_ns(engine));
}

/* ---------------------------------------------------------------- questions and orders */

void sf_engine_stop(struct sf_engine *engine, const char *why)
{
	if (engine->ended || engine->state == SF_ENGINE_ENDED)
		return;
	engine->ended = why;
	engine->ordered = true;
}

void sf_engine_ask(struct sf_engine *engine)
{
	engine->asks = engine->ordered = true;
}

void sf_engine_announce(struct sf_engine *engine)
{
	engine->announce = engine->ordered = true;
}

void sf_engine_reload(struct sf_engine *engine)
{
	engine->reload = engine->ordered = true;
}

enum sf_engine_state sf_engine_state(const struct sf_engine *engine)
{
	return engine->state;
}

const char *sf_engine_ended(const struct sf_engine *engine)
{
	return engine->ended;
}

bool sf_engine_source_sized(const struct sf_engine *engine, unsigned index,
	struct sf_engine_source *source, size_t size)
{
	const struct sf_input *input = &engine->inputs[index];
	struct sf_engine_source known;

	if (index >= engine->input_count)
		return false;
	known = (struct sf_engine_source){
		.name = input->source->text,
		.driver = input->capture->ops->name,
		.live = input->capture->live,
		.failed = input->failed,
		.condition = input->failed ? input->capture->error.text
			     : input->capture->ops->condition
				     ? input->capture->ops->condition(input->capture)
				     : NULL,
	};
	input->capture->ops->stats(input->capture, &known.stats);
	sf_sized_counters(source, size, &known, sizeof(known));
	return true;
}

bool sf_engine_remark(
	const struct sf_engine *engine, unsigned source, unsigned number, char *text, size_t size)
{
	struct sf_capture *capture =
		source < engine->input_count ? engine->inputs[source].capture : NULL;

	return capture && capture->ops->remark && capture->ops->remark(capture, number, text, size);
}

const struct sf_exporter *sf_engine_exporter(const struct sf_engine *engine)
{
	return engine->exporter;
}
