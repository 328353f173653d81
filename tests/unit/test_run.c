/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs over a source that is made up: several queues, each in a thread of its own, real meters,
 * rings and exporter. Mostly live ones. Also built with ThreadSanitizer, to show that what the
 * threads share is what docs/design.md says.
 */
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
	bool waits;  /* recv does not wait, there is a call for that */
	bool shared; /* the queues' flows are the same ones, seen in both directions */
	bool refused; /* of these, each is a TCP connection: SYN in queue 0, RST of 1 µs later in 1 */
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
static void frame_write(uint8_t *frame, unsigned queue, uint64_t flow)
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
static bool rests(const struct source *source, unsigned number, unsigned turn, bool at_end)
{
	if (source->refused && number == 0)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	return (turn % 97 == 0 && !source->refused) || (at_end && source->endless);
}

static int source_recv(
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

static void source_stats(struct sf_capture *capture, struct sf_capture_stats *stats)
{
	struct source *source = (struct source *)capture;

	memset(stats, 0, sizeof(*stats));
	for (unsigned i = 0; i < QUEUES; i++)
		stats->frames +=
			atomic_load_explicit(&source->queues[i].delivered, memory_order_relaxed);
}

static _Atomic unsigned woken; /* sleeps that ended early */

static void source_wait(struct sf_capture *capture, unsigned number, int wake, unsigned ms)
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

static void source_close(struct sf_capture *capture)
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

static int failing_recv(
	struct sf_capture *capture, unsigned number, struct sf_packet *packets, unsigned max)
{
	(void)capture, (void)number, (void)packets, (void)max;
	return -EIO;
}

static void failing_stats(struct sf_capture *capture, struct sf_capture_stats *stats)
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

static void add_failing(struct sf_engine *engine)
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
static struct sf_engine *make(const struct sf_plan *plan)
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
static void step_to_end(struct sf_engine *engine)
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
static struct sf_engine *run_engine(struct sf_engine *engine)
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

static struct sf_engine *run_all(const struct sf_plan *plan)
{
	return run_engine(make(plan));
}

static void end(struct sf_engine *engine)
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

static uint64_t offered(const struct sf_engine *engine)
{
	struct sf_destination_stats stats;

	ck_assert(sf_exporter_stats(engine->exporter, 0, &stats));
	return stats.offered.packets;
}

START_TEST(all_queues_to_the_end)
{
	struct sf_engine *engine;

	source.packets = 200000;
	source.repeat = 4;
	engine = run_all(&plain);
	ck_assert_uint_eq(counters.ledger.packets, 600000);
	ck_assert_uint_eq(counters.ledger.flows_created, 150000);
	ck_assert_uint_eq(offered(engine) + counters.ledger.lost_packets, 600000);
	/* the workers end with all flows in their tables and then wait for room */
	ck_assert_uint_eq(counters.ledger.lost_records, 0);
	end(engine);
}
END_TEST

/* Each queue rests longer than the hand-over rings have room for what others bring meanwhile. */
START_TEST(workers_who_sleep_are_woken)
{
	struct sf_plan plan = plain;
	struct sf_engine *engine;

	plan.workers_independent = false;
	source.packets = 200000;
	source.repeat = 4;
	source.shared = source.waits = true;
	woken = 0;
	engine = run_all(&plan);
	ck_assert_uint_eq(counters.ledger.frames, 600000);
	ck_assert_uint_eq(
		counters.ledger.packets + counters.ledger.ignored[SF_IGNORED_handOver], 600000);
	ck_assert_uint_gt(woken, 0);
	end(engine);
}
END_TEST

/* Each packet a record: more than the exporter can take, so the ring overflows, by name. */
START_TEST(full_ring_is_counted)
{
	struct sf_plan plan = plain;
	struct sf_engine *engine;

	plan.per_packet = true;
	source.packets = 400000;
	source.repeat = 1;
	engine = run_all(&plan);
	ck_assert_uint_eq(counters.ledger.packets, 1200000);
	ck_assert_uint_eq(offered(engine) + counters.ledger.lost_packets, 1200000);
	end(engine);
}
END_TEST

/* A flow whose packets reach all queues is one flow: they are handed over, or lost by name. */
START_TEST(flows_over_several_queues_are_whole)
{
	struct sf_plan plan = plain;
	struct sf_engine *engine;
	uint64_t lost;

	plan.workers_independent = false;
	source.packets = 200000;
	source.repeat = 4;
	source.shared = true;
	engine = run_all(&plan);
	lost = counters.ledger.ignored[SF_IGNORED_handOver];
	ck_assert_uint_eq(counters.ledger.packets + lost, 600000);
	ck_assert_uint_eq(counters.ledger.frames, 600000);
	ck_assert_uint_gt(counters.handed + lost, 300000);
	ck_assert_uint_le(counters.ledger.flows_created, 50000);
	if (lost == 0)
		ck_assert_uint_eq(counters.ledger.flows_created, 50000);
	end(engine);
}
END_TEST

/* Answers arrive long before what they answer: by their times each connection is one flow. */
START_TEST(packets_of_several_queues_are_in_the_order_of_their_times)
{
	struct sf_plan plan = plain;

	plan.workers_independent = false;
	for (plan.workers = 1; plan.workers <= QUEUES + 1; plan.workers++) {
		struct sf_engine *engine;

		source.packets = 4000;
		source.repeat = 1;
		source.shared = source.refused = true;
		engine = run_all(&plan);
		ck_assert_uint_eq(counters.ledger.packets, QUEUES * 4000);
		/* a refused connection, and a flow of queue 2 */
		ck_assert_uint_eq(counters.ledger.flows_created, 2 * 4000);
		ck_assert_uint_eq(counters.order.late, 0);
		ck_assert_uint_eq(counters.order.forced, 0);
		ck_assert_uint_eq(counters.order.waiting, 0);
		end(engine);
	}
}
END_TEST

/* Without a queue of their own, workers live on what the others hand over. */
START_TEST(more_workers_than_queues)
{
	struct sf_plan plan = plain;
	struct sf_engine *engine;

	plan.workers_independent = false;
	plan.workers = QUEUES + 2;
	source.packets = 20000;
	source.repeat = 4;
	source.shared = true;
	engine = run_all(&plan);
	ck_assert_uint_eq(engine->worker_count, QUEUES + 2);
	ck_assert_uint_eq(
		counters.ledger.packets + counters.ledger.ignored[SF_IGNORED_handOver], 60000);
	end(engine);
}
END_TEST

/*
 * Live each worker has packets of its own; of a file no trace is left of what lies beyond the
 * limit.
 */
START_TEST(count_is_exact_over_workers)
{
	static const uint64_t counts[] = { 1, 64, 1000, 99999 };

	for (size_t i = 0; i < 2 * sizeof(counts) / sizeof(counts[0]); i++) {
		struct sf_plan plan = plain;
		struct sf_engine *engine;

		plan.packet_limit = counts[i / 2];
		source.packets = 100000;
		source.repeat = 10;
		source.file = i % 2;
		engine = run_all(&plan);
		ck_assert_uint_eq(counters.ledger.packets, plan.packet_limit);
		if (source.file) {
			ck_assert_uint_eq(counters.frames, plan.packet_limit);
			ck_assert_int_eq(engine->workers[0].state, SF_WORKER_LIMIT);
		}
		end(engine);
	}
}
END_TEST

/* A source without end, and SIGTERM after half of its packets: at least that half is metered. */
static void check_sigterm(uint64_t least)
{
	struct sf_engine *engine;

	source.repeat = 10;
	source.endless = true;
	source.raise_at = SIGTERM;
	engine = run_all(&plain);
	ck_assert_str_eq(engine->ended, "SIGTERM");
	ck_assert_uint_ge(counters.ledger.packets, least);
	ck_assert_uint_eq(counters.ledger.flows_active, 0);
	end(engine);
}

START_TEST(signals)
{
	struct sf_engine *engine;

	source.packets = 20000;
	check_sigterm(1);

	/* the statistics are asked for, the run goes on to its end */
	source.packets = 50000;
	source.repeat = 10;
	source.raise_at = SIGUSR1;
	engine = run_all(&plain);
	ck_assert_uint_eq(counters.ledger.packets, QUEUES * 50000);
	end(engine);
}
END_TEST

/*
 * docs/design.md §4: a record leaves at most 1 s after its timeout, on an idle link too, however many they
 * are. There are some ten steps in a second in which no packet comes. No record is lost for want of
 * room: what the ring does not take stays in the table.
 */
START_TEST(many_flows_leave_a_quiet_link)
{
	struct sf_plan plan = plain;
	struct sf_worker *worker;
	struct sf_engine *engine;
	uint64_t records = 0, before;
	unsigned steps = 0;

	plan.idle_timeout_ns = 100 * INT64_C(1000000);
	source.packets = 200000;
	source.repeat = 1;
	source.endless = true;
	engine = make(&plan);
	worker = &engine->workers[0];
	for (unsigned i = 0; i < 100000 && records < source.packets; i++) {
		struct sf_flow flows[SF_BATCH_MAX];
		uint32_t n;

		before = records;
		ck_assert_int_le(sf_worker_step(worker), SF_WORKER_QUIET);
		while ((n = sf_records_get(&worker->ring, flows, SF_BATCH_MAX)) > 0) {
			sf_records_done(&worker->ring, n);
			records += n;
		}
		steps += records > before;
	}
	ck_assert_uint_eq(records, source.packets);
	/* by 256 flows in a step it would be 782 */
	ck_assert_uint_le(steps, 200);
	sf_worker_counters(worker, &counters);
	ck_assert_uint_eq(counters.ledger.lost_records, 0);
	sf_exporter_finish(engine->exporter);
	end(engine);
}
END_TEST

static unsigned failures;
static uint64_t failed_sources;

static void on_notice(void *context, enum sf_notice notice, const char *text)
{
	unsigned number;

	(void)context;
	if (notice != SF_NOTICE_FAILED)
		return;
	ck_assert_int_eq(sscanf(text, "source %u is out of order", &number), 1);
	failed_sources |= UINT64_C(1) << number;
	failures++;
}

/* Each failure is reported once, however many workers there are and meet it. */
START_TEST(each_source_that_fails_is_told)
{
	struct sf_engine *engine;

	failing_count = FAILING_MAX;
	source.packets = 1000;
	source.repeat = 1;
	failures = 0;
	failed_sources = 0;
	engine = make(&plain);
	engine->options.events.notice = on_notice;
	run_engine(engine);
	ck_assert_uint_gt(engine->worker_count, 64);
	ck_assert_uint_eq(failures, failing_count);
	ck_assert_uint_eq(failed_sources, (UINT64_C(1) << failing_count) - 1);
	failing_count = 0;
	end(engine);
}
END_TEST

/* The run ends, and none of those that could be started has begun. */
START_TEST(threads_that_cannot_be_started)
{
	for (unsigned i = 0; i < 4 * QUEUES; i++) {
		struct sf_plan plan = plain;
		struct sf_engine *engine;

		plan.workers_independent = i & 1;
		source.file = i & 2;
		source.packets = 100000;
		source.repeat = 1;
		source.shared = true;
		threads_left = i / 4;
		engine = run_all(&plan);
		threads_left = UINT_MAX;
		ck_assert_str_eq(engine->ended, "error");
		ck_assert_uint_eq(counters.frames, 0);
		end(engine);
	}
}
END_TEST

static _Atomic uint32_t control;
static uint64_t out;

/* Requests counters when the first records come. */
static unsigned count_and_ask(void *context, const struct sf_flow *flows, unsigned count)
{
	(void)context;
	(void)flows;
	atomic_store(&control, 1 << 1);
	out += count;
	return count;
}

/* What remains of another worker leaves through this one, and is not in what it answered before. */
START_TEST(leftover_flows_of_another_worker)
{
	enum { OWN = 1000, OTHERS = 300 };
	static struct sf_interfaces interfaces;
	struct sf_capture capture = { .ops = &source_ops, .queues = 2 };
	struct sf_input input = { .capture = &capture, .interfaces = &interfaces };
	struct sf_worker *workers = aligned_alloc(SF_CACHE_LINE, 2 * sizeof(*workers));
	const uint32_t key[SF_STEER_WORDS] = { 1, 2, 3, 4 };
	const struct sf_handover_options shared = {
		.capture = &capture,
		.workers = 2,
		.steer_key = key,
		.clock_limit_ns = SF_NS_PER_S * 10,
		.workers_of_run = workers,
	};
	struct sf_worker_options options = {
		.input = &input,
		.control = &control,
		.meter = { .idle_timeout_ns = SF_NS_PER_S * 10,
			.active_timeout_ns = SF_NS_PER_S * 10,
			.max_flows = OWN,
			.sink = { count_and_ask, NULL },
			.ifindex = interfaces.ifindex },
		.cpu = -1,
	};
	struct sf_leftover *leftover;
	struct sf_error error;
	struct sf_engine_counters sum = { .ledger.unsupported_link = UINT32_MAX }, one;

	ck_assert_int_eq(sf_turns.new(&options.handover, &shared), 0);
	options.kind = sf_turns.kind(options.handover, true);
	leftover = &((struct sf_turns *)options.handover)->leftovers[1];
	for (unsigned w = 0; w < 2; w++) {
		options.number = options.queue = w;
		ck_assert_int_eq(sf_worker_init(&workers[w], &options, &error), 0);
		for (uint64_t flow = 0; flow < (w ? OTHERS : OWN); flow++) {
			uint8_t frame[FRAME];
			struct sf_packet packet = { .data = frame,
				.captured = FRAME,
				.wire = FRAME,
				.link = SF_LINK_ETHERNET };

			frame_write(frame, w, flow);
			sf_meter_batch(workers[w].meter, &packet, 1, NULL, &input.point);
		}
	}
	leftover->meter = workers[1].meter;
	leftover->ids = sf_meter_ids_used(workers[1].meter);
	ck_assert_uint_eq(leftover->ids, OTHERS);
	atomic_store(&leftover->open, true);
	/* their packets have ended, so their counters are those of the meters */
	workers[0].state = workers[1].state = SF_WORKER_EOF;
	sf_worker_finish(&workers[0]);
	ck_assert_uint_eq(out, OWN + OTHERS);
	ck_assert_uint_eq(atomic_load(&leftover->emitted), OTHERS);
	sf_worker_counters(&workers[0], &one);
	ck_assert_uint_eq(one.ledger.records, OWN + OTHERS);
	ck_assert_uint_eq(workers[0].answered, 1);
	ck_assert_uint_eq(workers[0].snapshot.ledger.records, OWN);
	sf_engine_counters_add(&sum, &one);
	sf_meter_forget(workers[1].meter);
	sf_worker_counters(&workers[1], &one);
	ck_assert_uint_eq(one.ledger.records, 0);
	sf_engine_counters_add(&sum, &one);
	ck_assert(sf_ledger_balanced(&sum.ledger));
	ck_assert_uint_eq(sum.ledger.table_packets, 0);
	for (unsigned w = 0; w < 2; w++)
		sf_worker_fini(&workers[w]);
	sf_turns.free(options.handover);
	free(workers);
}
END_TEST

/*
 * Statistics are requested while the workers of a file run. At the end it is chance through which
 * worker a flow leaves, but no record is lost or comes twice.
 */
START_TEST(workers_of_a_file_end_together)
{
	for (unsigned repeat = 1; repeat < 20; repeat += 9) {
		struct sf_plan plan = plain;
		struct sf_engine *engine;

		/* then all turns are worker 0's */
		plan.dedup = repeat == 10;
		plan.dedup_window_ns = 1;
		source.packets = 160000;
		source.repeat = repeat;
		source.file = true;
		source.raise_at = SIGUSR1;
		engine = run_all(&plan);
		ck_assert_uint_eq(
			counters.ledger.packets + counters.ledger.ignored[SF_IGNORED_duplicate],
			160000);
		ck_assert_uint_eq(counters.ledger.records, (160000 + repeat - 1) / repeat);
		ck_assert_uint_eq(counters.ledger.lost_records, 0);
		ck_assert_uint_eq(offered(engine), counters.ledger.packets);
		end(engine);
	}
}
END_TEST

/*
 * What workers who take turns say when they are asked: each of the same packets, so the sum is
 * balanced although packets are under way between them. They are stepped here, at random.
 */
START_TEST(books_of_turns_are_of_the_same_packets)
{
	struct sf_plan plan = plain;
	unsigned answers = 0, under_way = 0, left = QUEUES;
	struct sf_engine *engine;
	uint64_t random = 1;

	source.packets = 500000;
	source.repeat = 3;
	source.file = true;
	engine = make(&plan);
	ck_assert_ptr_eq(engine->handovers[0]->ops, &sf_turns);
	while (left) {
		struct sf_worker *worker;
		unsigned given = 0;

		random = random * 6364136223846793005 + 1442695040888963407;
		worker = &engine->workers[(random >> 33) % QUEUES];
		if (!sf_worker_ended(worker))
			left -= sf_worker_step(worker) > SF_WORKER_QUIET;
		for (unsigned i = 0; i < QUEUES; i++)
			given += engine->workers[i].answered == engine->request;
		if (given < QUEUES)
			continue;
		memset(&counters, 0, sizeof(counters));
		for (unsigned i = 0; i < QUEUES; i++) {
			under_way +=
				engine->workers[i].frames != engine->workers[i].snapshot.frames;
			sf_engine_counters_add(&counters, &engine->workers[i].snapshot);
		}
		if (engine->request) {
			ck_assert(sf_ledger_balanced(&counters.ledger));
			ck_assert_uint_eq(counters.frames, counters.ledger.frames);
			answers++;
		}
		atomic_store(&engine->control, ++engine->request << 1);
	}
	ck_assert_uint_gt(answers, 5);
	ck_assert_uint_gt(under_way, 5);
	sf_engine_count(engine, &counters);
	ck_assert_uint_eq(counters.ledger.packets, 500000);
	ck_assert(sf_ledger_balanced(&counters.ledger));
	end(engine);
}
END_TEST

START_TEST(turns_end_at_a_signal)
{
	source.packets = 400000;
	source.file = true;
	check_sigterm(200000);
}
END_TEST

CHECK_MAIN("run", all_queues_to_the_end, workers_who_sleep_are_woken,
	books_of_turns_are_of_the_same_packets, turns_end_at_a_signal,
	workers_of_a_file_end_together, leftover_flows_of_another_worker,
	threads_that_cannot_be_started, full_ring_is_counted, flows_over_several_queues_are_whole,
	packets_of_several_queues_are_in_the_order_of_their_times, more_workers_than_queues,
	count_is_exact_over_workers, signals, many_flows_leave_a_quiet_link,
	each_source_that_fails_is_told)
