/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A source that is made up: several queues, each in a thread of its own, real meters, rings and
 * exporter.
 */
#ifndef TESTS_RUN_SUPPORT_H
#define TESTS_RUN_SUPPORT_H

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/wire.h"
#include "check_main.h"
#include "engine/engine.h"
#include "engine/records.h"
#include "engine/turns.h"
#include "meter/meter_facts.h"
#include "service/signals.h"

#define QUEUES 3
#define FRAME  60

/* Queue q sends `packets` packets, each `repeat` times in a row, each of a flow of its own. */
struct source {
	struct sf_capture base;
	uint64_t packets, repeat;
	bool endless;
	bool file; /* no live source: the queue that asks gets the next packets, those of queue 0 */
	bool waits;   /* recv does not wait, there is a call for that */
	bool shared;  /* the queues' flows are the same ones, seen in both directions */
	bool refused; /* each flow is SYN in queue 0 and, 1 µs later, RST in queue 1 */
	int raise_at; /* this signal comes at half of the first queue */
	struct queue {
		alignas(SF_CACHE_LINE) uint8_t frames[SF_RELAY_TURN][FRAME];
		uint64_t sent;
		unsigned turn;
		_Atomic uint64_t delivered;
	} queues[QUEUES];
};

static struct source source;
static unsigned threads_left = UINT_MAX; /* that can be started */

int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int __wrap_pthread_create(
	pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *context)
{
	if (!threads_left)
		return EAGAIN;
	threads_left--;
	return __real_pthread_create(thread, attributes, start, context);
}

/* Queue 1 sees the answers where the flows are shared. */
static inline void frame_write(uint8_t *frame, unsigned queue, uint64_t flow)
{
	uint32_t address[2] = { 0x0a000000 + (source.shared ? 0 : queue),
		0x0b000000 + (uint32_t)(flow >> (source.shared ? 6 : 16)) };
	uint16_t port[2] = { (uint16_t)flow, 53 };
	bool answer = source.shared && queue == 1;
	uint8_t *p = frame;

	memset(frame, 0, FRAME);
	p = sf_store_be16(p + 12, 0x0800);
	p = sf_store_be16(p, 0x4500);
	p = sf_store_be16(p, 46);
	p = sf_store_be32(p, 0);
	p = sf_store_be16(p, 0x4011);
	p = sf_store_be16(p, 0);
	p = sf_store_be32(p, address[answer]);
	p = sf_store_be32(p, address[!answer]);
	p = sf_store_be16(p, port[answer]);
	p = sf_store_be16(p, port[!answer]);
	if (!source.refused || queue == 2)
		return;
	frame[23] = 6; /* protocol */
	sf_store_be16(p + 8, answer ? 0x5014 : 0x5002);
}

/* Of connections that are refused a queue never rests, but the one with the SYNs is slow. */
static inline bool rests(const struct source *source, unsigned number, unsigned turn, bool at_end)
{
	if (source->refused && number == 0)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	return (turn % 97 == 0 && !source->refused) || (at_end && source->endless);
}

static inline int source_recv(
	struct sf_capture *capture, unsigned number, struct sf_packet *packets, unsigned max)
{
	struct source *source = (struct source *)capture;
	struct queue *queue = &source->queues[number];
	struct queue *of = source->file ? &source->queues[0] : queue;
	uint64_t left = source->packets - of->sent;
	unsigned n = left < max ? (unsigned)left : max;

	/* batches of all sizes, and now and then nothing */
	queue->turn++;
	if (rests(source, number, queue->turn, n == 0)) {
		if (!source->waits)
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		return 0;
	}
	if (n == 0)
		return SF_EOF;
	max = source->file ? queue->turn * 97 % SF_RELAY_TURN + 1 : queue->turn % SF_BATCH_MAX + 1;
	if (n > max)
		n = max;
	for (unsigned i = 0; i < n; i++, of->sent++) {
		frame_write(queue->frames[i], source->file ? 0 : number, of->sent / source->repeat);
		packets[i] = (struct sf_packet){
			.data = queue->frames[i],
			.time_ns = (int64_t)of->sent * (source->refused ? 10000 : 1000) +
				   (source->refused ? number * 1000 : 0),
			.captured = FRAME,
			.wire = FRAME,
			.link = SF_LINK_ETHERNET,
		};
	}
	if (of == source->queues && source->raise_at && of->sent > source->packets / 2) {
		kill(getpid(), source->raise_at);
		source->raise_at = 0;
	}
	atomic_fetch_add_explicit(&queue->delivered, n, memory_order_relaxed);
	return (int)n;
}

static inline void source_stats(struct sf_capture *capture, struct sf_capture_stats *stats)
{
	struct source *source = (struct source *)capture;

	memset(stats, 0, sizeof(*stats));
	for (unsigned i = 0; i < QUEUES; i++)
		stats->frames +=
			atomic_load_explicit(&source->queues[i].delivered, memory_order_relaxed);
}

static _Atomic unsigned woken; /* sleeps that ended early */

static inline void source_wait(struct sf_capture *capture, unsigned number, int wake, unsigned ms)
{
	(void)capture;
	(void)number;
	if (poll(&(struct pollfd){ .fd = wake, .events = POLLIN }, 1, (int)ms) > 0)
		woken++;
}

static const struct sf_interface *source_interface(struct sf_capture *capture, unsigned slot)
{
	static const struct sf_interface only = { "made", 7, SF_LINK_ETHERNET, 0 };

	(void)capture;
	return slot ? NULL : &only;
}

static inline void source_close(struct sf_capture *capture)
{
	(void)capture;
}

static const struct sf_capture_ops source_ops = {
	.recv = source_recv,
	.wait = source_wait,
	.name = "made",
	.stats = source_stats,
	.interface = source_interface,
	.close = source_close,
};

/* Sources besides, whose queues only fail. */
#define FAILING_MAX (64 / QUEUES + 2)

static struct sf_capture failing[FAILING_MAX];
static unsigned failing_count;

static inline int failing_recv(
	struct sf_capture *capture, unsigned number, struct sf_packet *packets, unsigned max)
{
	(void)capture, (void)number, (void)packets, (void)max;
	return -EIO;
}

static inline void failing_stats(struct sf_capture *capture, struct sf_capture_stats *stats)
{
	(void)capture;
	memset(stats, 0, sizeof(*stats));
}

static const struct sf_capture_ops failing_ops = {
	.recv = failing_recv,
	.name = "failing",
	.stats = failing_stats,
	.interface = source_interface,
	.close = source_close,
};

static const struct sf_plan_source made_source = { .text = "made", .driver = "made" };

static inline void add_failing(struct sf_engine *engine)
{
	for (unsigned i = 0; i < failing_count; i++) {
		failing[i] =
			(struct sf_capture){ .ops = &failing_ops, .queues = QUEUES, .live = true };
		sf_error_set(&failing[i].error, -EIO, "source %u is out of order", i);
		engine->inputs[engine->input_count++] = (struct sf_input){
			.source = &made_source,
			.capture = &failing[i],
			.interfaces = engine->interfaces,
			.span = 1,
		};
	}
}

static struct sf_engine_counters counters;
static FILE *stream; /* where records go */

/* An engine with all its workers, and without threads. */
static inline struct sf_engine *make(const struct sf_plan *plan)
{
	struct sf_engine *engine = aligned_alloc(SF_CACHE_LINE, sizeof(*engine));
	struct sf_text_options text = { .format = SF_TEXT_CSV };
	struct sf_error error = { 0 };

	memset(engine, 0, sizeof(*engine));
	engine->plan = *plan;
	engine->plan.sources = &made_source;
	engine->counters_read = true;
	engine->hurry.level = sf_signal_hurry;
	text.stream = stream = fopen("/dev/null", "w");
	engine->live = !source.file;
	engine->deadline = INT64_MAX;
	ck_assert_int_eq(
		sf_exporter_new(&engine->exporter, &(struct sf_exporter_options){ 0 }, &error), 0);
	ck_assert_int_eq(sf_exporter_add_text(engine->exporter, &text, &error), 0);
	engine->interfaces = calloc(1, sizeof(*engine->interfaces));
	source.base =
		(struct sf_capture){ .ops = &source_ops, .queues = QUEUES, .live = engine->live };
	engine->input_count = 1;
	engine->inputs[0] = (struct sf_input){
		.source = &made_source,
		.capture = &source.base,
		.interfaces = engine->interfaces,
		.span = 1,
		.waits = source.waits,
		.short_wait = source.waits,
	};
	add_failing(engine);
	sf_input_learn(&engine->inputs[0]);
	ck_assert_uint_eq(engine->interfaces->ifindex[0], 7);
	ck_assert_msg(sf_engine_make_workers(engine, &error) == 0, "%s", error.text);
	return engine;
}

/* Steps to the end, and obeys signals. */
static inline void step_to_end(struct sf_engine *engine)
{
	while (sf_engine_step(engine)) {
		if (sf_signal_stop)
			sf_engine_stop(engine, sf_signal_name(sf_signal_stop));
		if (sf_signal_stats) {
			sf_signal_stats = 0;
			sf_engine_ask(engine);
		}
		sf_engine_wait(engine);
	}
}

/* Runs to the end; fills the counters. */
static inline struct sf_engine *run_engine(struct sf_engine *engine)
{
	struct sf_error error = { 0 };

	sf_signal_stop = 0;
	sf_signals_catch();
	ck_assert_int_eq(
		sf_engine_start(engine, &error), threads_left < engine->worker_count ? -EAGAIN : 0);
	step_to_end(engine);
	ck_assert_int_eq(sf_engine_state(engine), SF_ENGINE_ENDED);
	sf_engine_counters(engine, &counters);
	ck_assert(sf_engine_balanced(engine));
	return engine;
}

static inline struct sf_engine *run_all(const struct sf_plan *plan)
{
	return run_engine(make(plan));
}

static inline void end(struct sf_engine *engine)
{
	sf_engine_close(engine);
	fclose(stream);
	free(engine);
	memset(&source, 0, sizeof(source));
}

static const struct sf_plan plain = {
	.source_count = 1,
	.idle_timeout_ns = 15 * SF_NS_PER_S,
	.active_timeout_ns = 60 * SF_NS_PER_S,
	.max_flows = 1000000,
	.workers_independent = true,
};

static inline uint64_t offered(const struct sf_engine *engine)
{
	struct sf_destination_stats stats;

	ck_assert(sf_exporter_stats(engine->exporter, 0, &stats));
	return stats.offered.packets;
}

#endif
