/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Engines as another program uses them, by public headers alone: capture files with one worker and
 * with several, records to a callback, orders, errors.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <spanflow/engine.h>

#include "check_main.h"

#define PACKETS 677 /* of pcaps/demo.pcap */
#define FLOWS   36

static const char *const files[] = { SOURCE_ROOT "/pcaps/demo.pcap" };

static struct {
	uint64_t records, packets; /* what the callback got */
	unsigned looks, counts, answers, endings, destinations;
	char text[512]; /* the last notice about a destination */
} seen;

static unsigned take(void *context, const struct sf_flow *flows, unsigned count)
{
	const unsigned *most = context;

	if (most && count > *most)
		count = *most;
	for (unsigned i = 0; i < count; i++)
		seen.packets += sf_flow_packets(&flows[i]);
	seen.records += count;
	return count;
}

static void on_notice(void *context, enum sf_notice notice, const char *text)
{
	(void)context;
	seen.endings += notice == SF_NOTICE_ENDING;
	if (notice != SF_NOTICE_DESTINATION)
		return;
	seen.destinations++;
	snprintf(seen.text, sizeof(seen.text), "%s", text);
}

static void on_counted(void *context, const struct sf_engine_counters *counters, bool asked)
{
	(void)context;
	ck_assert_uint_le(counters->ledger.packets, PACKETS);
	seen.counts++;
	seen.answers += asked;
}

static void on_look(void *context, int64_t mono)
{
	struct sf_engine *const *engine = context;
	struct sf_engine_source source;

	ck_assert_int_gt(mono, 0);
	ck_assert(sf_engine_source(*engine, 0, &source));
	ck_assert_str_eq(source.driver, "file");
	ck_assert(!sf_engine_source(*engine, 1, &source));
	seen.looks++;
}

static struct sf_engine *engine;
static struct sf_error error;

static int make(unsigned workers, const unsigned *most)
{
	const struct sf_plan_source source = {
		.text = "demo", .driver = "file", .names = files, .name_count = 1
	};
	const struct sf_plan_destination to = { .kind = SF_TO_CALLBACK,
		.sink = { take, (void *)most } };
	const struct sf_plan plan = { .sources = &source,
		.source_count = 1,
		.destinations = &to,
		.destination_count = 1,
		.workers = workers };
	const struct sf_engine_options options = { .events = { on_notice, on_counted, on_look,
							   &engine } };

	memset(&seen, 0, sizeof(seen));
	memset(&error, 0, sizeof(error));
	engine = NULL;
	return sf_engine_new(&engine, &plan, &options, &error);
}

static void run(void)
{
	ck_assert_int_eq(sf_engine_state(engine), SF_ENGINE_OPEN);
	ck_assert_int_eq(sf_engine_start(engine, &error), 0);
	while (sf_engine_step(engine))
		sf_engine_wait(engine);
	ck_assert_int_eq(sf_engine_state(engine), SF_ENGINE_ENDED);
	ck_assert(!sf_engine_step(engine));
}

START_TEST(files_to_a_callback)
{
	for (unsigned workers = 1; workers <= 3; workers += 2) {
		struct sf_engine_counters counters;
		struct sf_destination_stats stats;

		ck_assert_msg(make(workers, NULL) == 0, "%s", error.text);
		sf_engine_ask(engine);
		run();
		ck_assert_uint_eq(seen.records, FLOWS);
		ck_assert_uint_eq(seen.packets, PACKETS);
		ck_assert_uint_eq(seen.endings, 1);
		ck_assert_uint_ge(seen.counts, 1);
		sf_engine_counters(engine, &counters);
		ck_assert_uint_eq(counters.frames, PACKETS);
		ck_assert_uint_eq(counters.ledger.flows_ended, FLOWS);
		ck_assert(sf_engine_balanced(engine));
		ck_assert_str_eq(sf_engine_ended(engine), "eof");
		ck_assert(sf_exporter_stats(sf_engine_exporter(engine), 0, &stats));
		ck_assert_str_eq(stats.kind, "callback");
		ck_assert_uint_eq(stats.sent.records, FLOWS);
		sf_engine_free(engine);
	}
}
END_TEST

/* The loop of a program that has other things to wait for. */
START_TEST(descriptor_and_time)
{
	ck_assert_int_eq(make(3, NULL), 0);
	ck_assert_int_eq(sf_engine_start(engine, &error), 0);
	while (sf_engine_step(engine)) {
		struct pollfd poller = { .fd = sf_engine_fd(engine), .events = POLLIN };
		struct timespec now;
		int64_t left;

		ck_assert_int_ge(poller.fd, 0);
		clock_gettime(CLOCK_MONOTONIC, &now);
		left = sf_engine_wake_ns(engine) - now.tv_sec * INT64_C(1000000000) - now.tv_nsec;
		ck_assert_int_lt(left, INT64_C(1000000000));
		if (left > 0)
			poll(&poller, 1, (int)(left / 1000000) + 1);
	}
	ck_assert_uint_eq(seen.records, FLOWS);
	sf_engine_free(engine);
}
END_TEST

/* Records that the callback does not take are lost by name, and a notice says so. */
START_TEST(callback_that_takes_little)
{
	const unsigned most = 1;
	struct sf_destination_stats stats;

	ck_assert_int_eq(make(1, &most), 0);
	run();
	ck_assert(sf_exporter_stats(sf_engine_exporter(engine), 0, &stats));
	ck_assert_uint_eq(stats.sent.records, seen.records);
	ck_assert_uint_gt(stats.lost_queue.records, 0);
	ck_assert_uint_eq(stats.sent.records + stats.lost_queue.records, FLOWS);
	ck_assert(sf_engine_balanced(engine));
	ck_assert_uint_eq(seen.destinations, 1);
	ck_assert(strstr(seen.text, "callback") != NULL);
	sf_engine_free(engine);
}
END_TEST

/*
 * Before a step, all packets are still unread: the run ends in order, and its counters are
 * balanced.
 */
START_TEST(stopped_and_freed)
{
	for (unsigned workers = 1; workers <= 3; workers += 2) {
		ck_assert_int_eq(make(workers, NULL), 0);
		ck_assert_int_eq(sf_engine_start(engine, &error), 0);
		sf_engine_stop(engine, "enough");
		ck_assert_int_eq(sf_engine_wake_ns(engine), 0);
		while (sf_engine_step(engine))
			sf_engine_wait(engine);
		ck_assert_str_eq(sf_engine_ended(engine), "enough");
		ck_assert(sf_engine_balanced(engine));
		sf_engine_free(engine);

		/* freed while it runs, and before it began */
		ck_assert_int_eq(make(workers, NULL), 0);
		ck_assert_int_eq(sf_engine_start(engine, &error), 0);
		sf_engine_free(engine);
		ck_assert_int_eq(make(workers, NULL), 0);
		sf_engine_free(engine);
		ck_assert_uint_eq(seen.records, 0);
	}
	sf_engine_free(NULL);
}
END_TEST

static void refused(const struct sf_plan *plan, int code, const char *words)
{
	const struct sf_engine_options options = { 0 };

	engine = NULL;
	ck_assert_int_eq(sf_engine_new(&engine, plan, &options, &error), code);
	ck_assert_msg(strstr(error.text, words) != NULL, "%s", error.text);
	ck_assert_ptr_null(engine);
}

START_TEST(plans_that_cannot_be_run)
{
	static const char *const missing[] = { "/nowhere/missing.pcap" };
	struct sf_plan_source sources[2] = { { .text = "a", .driver = "file", .name_count = 1 },
		{ .text = "b", .driver = "file", .names = files, .name_count = 1 } };
	struct sf_plan_destination to = { .kind = SF_TO_COLLECTOR };
	struct sf_plan plan = { 0 };

	refused(&plan, SF_EUSAGE, "no source");
	sources[0].names = missing;
	plan.sources = sources;
	plan.source_count = 1;
	refused(&plan, -ENOENT, "missing.pcap");
	sources[0].name_count = 0;
	refused(&plan, SF_EUSAGE, "source 0");
	sources[0].name_count = 1;
	plan.source_count = 2;
	refused(&plan, SF_EUSAGE, "one source of files");
	plan.source_count = 1;
	plan.destinations = &to;
	plan.destination_count = 1;
	refused(&plan, SF_EUSAGE, "no URL");
}
END_TEST

CHECK_MAIN("engine", files_to_a_callback, descriptor_and_time, callback_that_takes_little,
	stopped_and_freed, plans_that_cannot_be_run)
