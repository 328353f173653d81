/* SPDX-License-Identifier: BSD-2-Clause */
/* Collectors behind a queue: they go and come back, and their names resolve late. */
#include "base/clock.h"
#include "export_support.h"

static const struct sf_exporter_options queued = { .queued = true };

#define AT(seconds) ((int64_t)((seconds)*1e9))

static struct sf_exporter *queued_exporter(const char *rest)
{
	begin();
	return exporter_to(&receiver, &queued, IPFIX, rest);
}

static void pump_at(struct sf_exporter *exporter, double seconds)
{
	sf_exporter_tick(exporter, T0 + AT(seconds), T0 + AT(seconds));
	for (unsigned i = 0; i < 100; i++)
		sf_exporter_pump(exporter, AT(seconds), false);
}

static void listen_again(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(receiver.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	receiver.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(receiver.fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

/* Nothing waits for the caller: what is put is sent by the pump. */
START_TEST(put_only_queues)
{
	struct sf_exporter *exporter = queued_exporter(",rate=0");
	struct sf_destination_stats stats;

	put_many(exporter, 500);
	receive(reader, &receiver);
	ck_assert_uint_eq(reader->message_count, 0);
	ck_assert(sf_exporter_waits(exporter));
	stats = stats_of(exporter, 0);
	ck_assert_uint_eq(stats.offered.records, 500);
	ck_assert_uint_eq(stats.sent.records, 0);
	pump_at(exporter, 1);
	sf_exporter_pump(exporter, AT(1), true);
	ck_assert(!sf_exporter_waits(exporter));
	stats = finish(exporter);
	ck_assert_uint_eq(stats.sent.records, 500);
	ck_assert_uint_eq(flow_count(reader), 500);
	end();
}
END_TEST

/* Without a pump, what is queued at the end is lost by name. */
/* [RFC7011-10.4.1-1] */
START_TEST(what_is_queued_at_the_end_is_lost_by_name)
{
	struct sf_exporter *exporter = queued_exporter(",rate=0");
	struct sf_destination_stats stats;

	put_many(exporter, 500);
	sf_exporter_finish(exporter);
	stats = stats_of(exporter, 0);
	ck_assert(sf_destination_balanced(&stats));
	ck_assert_uint_eq(stats.lost_stopped.records, 500);
	sf_exporter_free(exporter);
	end();
}
END_TEST

/* The pace is kept without waiting. */
START_TEST(a_pace_delays_nobody)
{
	struct sf_exporter *exporter = queued_exporter(",rate=1000");
	struct sf_destination_stats stats;
	int64_t mono = sf_clock_read(CLOCK_MONOTONIC), next = 0;

	put_many(exporter, 5000);
	sf_exporter_tick(exporter, T0, T0);
	for (unsigned i = 0; i < 1000 && next <= mono; i++)
		next = sf_exporter_pump(exporter, mono, false);
	ck_assert_int_gt(next, mono);
	ck_assert_int_lt(next, mono + S);
	/* all of them take 5 s */
	ck_assert_int_lt(sf_clock_read(CLOCK_MONOTONIC) - mono, 4 * S);
	stats = stats_of(exporter, 0);
	ck_assert_uint_gt(stats.sent.records, 0);
	ck_assert_uint_lt(stats.sent.records, 1000);
	sf_exporter_free(exporter);
	end();
}
END_TEST

/*
 * Nobody listens, then somebody does: a new collector that knows nothing can read all that counts
 * as sent from then on. export_support.h fails on data without a template.
 */
START_TEST(a_collector_that_comes_back_gets_templates_first)
{
	struct sf_exporter *exporter = queued_exporter(",rate=0");
	struct sf_destination_stats stats;
	uint64_t before;
	double at = 3;

	put_many(exporter, 100);
	pump_at(exporter, 1);
	pump_at(exporter, 2.5);
	receive(reader, &receiver);
	ck_assert_uint_eq(flow_count(reader), 100);
	close(receiver.fd);
	for (; at < 7; at += 0.25) {
		put_many(exporter, 10);
		pump_at(exporter, at);
	}
	stats = stats_of(exporter, 0);
	ck_assert_uint_ge(stats.lost_unreachable.records, 100);
	ck_assert_ptr_nonnull(strstr(stats.news, "is not listening"));
	ck_assert_uint_eq(stats.news_count, 1);
	before = stats.sent.records;
	reader_free(reader);
	reader = reader_new();
	listen_again();
	for (; at < 11; at += 0.25) {
		put_many(exporter, 10);
		pump_at(exporter, at);
		receive(reader, &receiver);
	}
	stats = stats_of(exporter, 0);
	ck_assert_ptr_nonnull(strstr(stats.news, "answers again"));
	ck_assert_uint_eq(stats.news_count, 2);
	sf_exporter_finish(exporter);
	receive(reader, &receiver);
	stats = stats_of(exporter, 0);
	ck_assert(sf_destination_balanced(&stats));
	ck_assert_uint_eq(flow_count(reader), stats.sent.records - before);
	ck_assert_uint_gt(flow_count(reader), 100);
	ck_assert_ptr_nonnull(options_record(reader, 41));
	sf_exporter_free(exporter);
	end();
}
END_TEST

/* A run that ends while nobody listens does not say that it sent. */
START_TEST(nobody_listens_at_the_end)
{
	struct sf_exporter *exporter = queued_exporter(",rate=0");
	struct sf_destination_stats stats;

	close(receiver.fd);
	put_many(exporter, 3000);
	pump_at(exporter, 1);
	put_many(exporter, 3000);
	sf_exporter_pump(exporter, AT(1), true);
	/* and is not worth waiting for */
	ck_assert(!sf_exporter_waits(exporter));
	sf_exporter_finish(exporter);
	stats = stats_of(exporter, 0);
	ck_assert(sf_destination_balanced(&stats));
	ck_assert_uint_eq(stats.lost_unreachable.records, 6000);
	sf_exporter_free(exporter);
	listen_again();
	end();
}
END_TEST

/* Asked for: templates and options data leave again, in files too. */
START_TEST(announcing_repeats_templates)
{
	static const char *const schemes[] = { IPFIX, NETFLOW9 };

	for (unsigned i = 0; i < 2; i++) {
		struct sf_exporter *exporter;
		unsigned templates = 0, options = 0;

		begin();
		exporter = exporter_to(&receiver, &queued, schemes[i], ",rate=0");
		put_many(exporter, 10);
		pump_at(exporter, 1);
		receive(reader, &receiver);
		for (unsigned k = 0; k < reader->message_count; k++) {
			templates += reader->messages[k].templates;
			options += reader->messages[k].options;
		}
		pump_at(exporter, 1.5);
		receive(reader, &receiver);
		sf_exporter_announce(exporter);
		pump_at(exporter, 2);
		receive(reader, &receiver);
		for (unsigned k = 0; k < reader->message_count; k++) {
			templates -= reader->messages[k].templates;
			options -= reader->messages[k].options;
		}
		ck_assert_int_le((int)templates, -4);
		ck_assert_int_lt((int)options, 0);
		finish(exporter);
		end();
	}
}
END_TEST

/* ---------------------------------------------------------------- names */

static struct sf_addresses looked_up;
static unsigned requests;
static bool has_answer;

static void fake_ask(void *context, unsigned collector)
{
	(void)context;
	ck_assert_uint_eq(collector, 0);
	requests++;
}

static bool fake_answer(void *context, unsigned collector, struct sf_addresses *addresses)
{
	(void)context, (void)collector;
	if (has_answer)
		*addresses = looked_up;
	return has_answer;
}

static const struct sf_lookup fake_lookup = { fake_ask, fake_answer, NULL };

static void resolve_to(const struct receiver *to)
{
	const struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_port = htons(to->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	memset(&looked_up, 0, sizeof(looked_up));
	looked_up.count = 1;
	looked_up.sizes[0] = sizeof(address);
	memcpy(&looked_up.addresses[0], &address, sizeof(address));
}

static struct sf_exporter *exporter_to_name(void)
{
	const struct sf_exporter_options options = {
		.queued = true, .late_collectors = true, .lookup = &fake_lookup
	};
	struct sf_exporter *exporter;
	struct sf_error error = { 0 };

	requests = 0;
	ck_assert_int_eq(sf_exporter_new(&exporter, &options, &error), 0);
	ck_assert_msg(sf_exporter_add_collector(
			      exporter, "netflow9://collector.invalid,rate=0", &error) == 0,
		"%s", error.text);
	return exporter;
}

/* Records wait for a name that does not resolve yet, and follow one that leads elsewhere. */
START_TEST(a_name_may_resolve_later_and_change)
{
	struct sf_exporter *exporter;
	struct sf_destination_stats stats;
	struct receiver first, second;
	double at = 1;

	begin();
	first = receiver_open(AF_INET);
	second = receiver_open(AF_INET);
	memset(&looked_up, 0, sizeof(looked_up));
	snprintf(looked_up.trouble, sizeof(looked_up.trouble), "not today");
	has_answer = true;
	exporter = exporter_to_name();
	ck_assert_uint_eq(requests, 1);
	for (; at < 5; at += 0.25) {
		put_many(exporter, 10);
		pump_at(exporter, at);
	}
	stats = stats_of(exporter, 0);
	ck_assert_ptr_nonnull(strstr(stats.news, "collector.invalid does not resolve yet"));
	ck_assert_ptr_nonnull(strstr(stats.news, "not today"));
	ck_assert_uint_eq(stats.offered.records, 160);
	ck_assert_uint_eq(stats.sent.records, 0);
	ck_assert(!sf_exporter_waits(exporter));
	ck_assert_uint_gt(requests, 1);
	ck_assert_uint_lt(requests, 6);
	resolve_to(&first);
	for (; at < 14; at += 0.25)
		pump_at(exporter, at);
	stats = stats_of(exporter, 0);
	ck_assert_ptr_nonnull(strstr(stats.news, "can be reached again"));
	receive(reader, &first);
	ck_assert_uint_eq(flow_count(reader), 160);
	/* it moves: the old place refuses, the name leads to the new one, which knows nothing */
	close(first.fd);
	reader_free(reader);
	reader = reader_new();
	resolve_to(&second);
	for (; at < 30; at += 0.25) {
		put_many(exporter, 10);
		pump_at(exporter, at);
	}
	receive(reader, &second);
	ck_assert_uint_gt(flow_count(reader), 300);
	sf_exporter_finish(exporter);
	receive(reader, &second);
	stats = stats_of(exporter, 0);
	ck_assert(sf_destination_balanced(&stats));
	ck_assert_uint_eq(flow_count(reader) + 160, stats.sent.records);
	sf_exporter_free(exporter);
	close(second.fd);
	end();
}
END_TEST

/* What waits for a collector that never came is lost by name at the end. */
START_TEST(a_name_that_never_resolves)
{
	struct sf_exporter *exporter;
	struct sf_destination_stats stats;

	has_answer = false; /* a name server that does not answer */
	exporter = exporter_to_name();
	put_many(exporter, 100);
	pump_at(exporter, 1);
	sf_exporter_pump(exporter, AT(1), true);
	ck_assert(!sf_exporter_waits(exporter));
	sf_exporter_finish(exporter);
	stats = stats_of(exporter, 0);
	ck_assert(sf_destination_balanced(&stats));
	ck_assert_uint_eq(stats.lost_unreachable.records, 100);
	sf_exporter_free(exporter);
}
END_TEST

START_TEST(names_are_told_from_addresses)
{
	char host[64], port[8];

	ck_assert(sf_collector_is_named("ipfix://collector.example", host, 64, port, 8));
	ck_assert_str_eq(host, "collector.example");
	ck_assert_str_eq(port, "4739");
	ck_assert(!sf_collector_is_named("ipfix://192.0.2.1", host, 64, port, 8));
	ck_assert(!sf_collector_is_named("netflow9://[2001:db8::1]:99", host, 64, port, 8));
	ck_assert(!sf_collector_is_named("nonsense", host, 64, port, 8));
}
END_TEST

CHECK_MAIN("export_queued", put_only_queues, what_is_queued_at_the_end_is_lost_by_name,
	a_pace_delays_nobody, a_collector_that_comes_back_gets_templates_first,
	nobody_listens_at_the_end, announcing_repeats_templates,
	a_name_may_resolve_later_and_change, a_name_that_never_resolves,
	names_are_told_from_addresses);
