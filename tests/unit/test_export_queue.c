/* SPDX-License-Identifier: BSD-2-Clause */
/* Destinations that wait for nobody: queue, pump, outlet, and collectors that go and come back. */
#include "export_support.h"

#include <limits.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "export/destination.h"
#include "export/queue.h"
#include "transport/outlet.h"

static const struct sf_exporter_options queued = { .queued = true };

/* ---------------------------------------------------------------- queue */

static uint64_t read_some(
	struct sf_queue *queue, struct sf_queue_reader *reader, unsigned max, uint64_t expected)
{
	unsigned count;
	const struct sf_flow *flows = sf_queue_peek(queue, reader, max, &count);

	for (unsigned i = 0; flows && i < count; i++)
		ck_assert_uint_eq(flows[i].id, expected + i);
	if (!flows)
		return 0;
	ck_assert_uint_le(count, max);
	sf_queue_take(reader, count);
	return count;
}

/* Each reader sees every record once, in order, at its own speed. */
START_TEST(readers_of_a_queue_go_their_own_way)
{
	struct sf_queue queue = { 0 };
	struct sf_queue_reader readers[3] = { 0 };
	uint64_t put = 0, seen[3] = { 0 };
	struct sf_flow flows[64];

	for (unsigned i = 0; i < 3; i++)
		sf_queue_join(&queue);
	for (unsigned round = 0; round < 1000; round++) {
		unsigned count = 1 + round * 7 % 64;

		for (unsigned i = 0; i < count; i++) {
			flows[i] = flow_ipv4(i);
			flows[i].id = put + i;
		}
		ck_assert(sf_queue_put(&queue, flows, count));
		put += count;
		for (unsigned i = 0; i < 3; i++)
			readers[i].count += count;
		/* one keeps up, one is slow, one sleeps until the end */
		while (seen[0] < put)
			seen[0] += read_some(&queue, &readers[0], 64, seen[0]);
		seen[1] += read_some(&queue, &readers[1], 5, seen[1]);
	}
	for (unsigned i = 1; i < 3; i++) {
		ck_assert_uint_eq(readers[i].count, put - seen[i]);
		while (seen[i] < put) {
			uint64_t some = read_some(&queue, &readers[i], 64, seen[i]);

			ck_assert_uint_gt(some, 0);
			seen[i] += some;
		}
		ck_assert_uint_eq(readers[i].count, 0);
		ck_assert_uint_eq(read_some(&queue, &readers[i], 64, put), 0);
	}
	/* all that everybody has read was given back */
	ck_assert_ptr_eq(queue.first, queue.last);
	sf_queue_free(&queue);
}
END_TEST

/* Records keep their facts in the queue, also when other facts are asked for meanwhile. */
START_TEST(records_keep_their_facts_in_a_queue)
{
	struct sf_queue queue = { 0 };
	struct sf_queue_reader reader = { 0 };
	unsigned put = 0, seen = 0, count;
	const struct sf_flow *flows;

	sf_queue_join(&queue);
	for (unsigned round = 0; round < 300; round++) {
		struct sf_flow some[8];
		struct full_annex full[8];

		for (unsigned i = 0; i < 8; i++) {
			some[i] = flow_ipv4(put + i);
			some[i].id = put + i;
			give_annex(&some[i], &full[i]);
			/* all facts, one fact, none */
			if (round / 50 % 3 == 1)
				sf_annex_layout_init(&full[i].layout, SF_FACT_SET(mpls));
			set_number(&full[i], SF_FACT_mpls, 1, put + i);
			if (round / 50 % 3 == 2)
				some[i].annex = NULL;
		}
		ck_assert(sf_queue_put(&queue, some, 8));
		put += 8;
		reader.count += 8;
	}
	while ((flows = sf_queue_peek(&queue, &reader, 64, &count)) != NULL) {
		for (unsigned i = 0; i < count; i++, seen++) {
			bool has = seen / 8 / 50 % 3 != 2;

			ck_assert_uint_eq(flows[i].id, seen);
			ck_assert_uint_eq(sf_fact_get_mpls(&flows[i], 1), has ? seen : 0);
		}
		sf_queue_take(&reader, count);
	}
	ck_assert_uint_eq(seen, put);
	sf_queue_free(&queue);
}
END_TEST

/* ---------------------------------------------------------------- pump */

/* No enricher. */
static const struct sf_shared shared;

/* A destination that takes as many records as the test allows. */
struct fake {
	struct sf_destination destination;
	unsigned may_take; /* batches */
	uint64_t first_id, taken;
	unsigned ticks, flushes;
};

static void fake_put(
	struct sf_destination *destination, const struct sf_flow *flows, unsigned count)
{
	struct fake *fake = (struct fake *)destination;

	if (fake->taken == 0)
		fake->first_id = flows[0].id;
	for (unsigned i = 0; i < count; i++) {
		struct sf_destination_count one = { 1, sf_flow_packets(&flows[i]),
			sf_flow_octets(&flows[i]) };

		sf_count_add(&destination->stats.offered, &one);
		sf_count_add(&destination->stats.sent, &one);
	}
	fake->taken += count;
	fake->may_take--;
}

static void fake_tick(struct sf_destination *destination)
{
	((struct fake *)destination)->ticks++;
}

static int64_t fake_ready(struct sf_destination *destination, int64_t mono)
{
	return ((struct fake *)destination)->may_take ? mono : mono + 7;
}

static bool fake_flush(struct sf_destination *destination)
{
	((struct fake *)destination)->flushes++;
	return false;
}

static const struct sf_destination_ops fake_ops = {
	.put = fake_put, .tick = fake_tick, .ready = fake_ready, .flush = fake_flush
};

static void check_fake(const struct fake *fake, uint64_t put)
{
	struct sf_destination_stats stats = fake->destination.stats;

	sf_count_add(&stats.offered, &fake->destination.queued);
	ck_assert_uint_eq(stats.offered.records, put);
	ck_assert_uint_eq(stats.offered.packets, put * 10);
	ck_assert_uint_eq(fake->destination.queued.records, fake->destination.reader.count);
	ck_assert_uint_eq(
		stats.sent.records + stats.lost_queue.records + fake->destination.queued.records,
		put);
}

/* What one cannot take is lost there, the oldest first, and nowhere else; nobody is waited for. */
START_TEST(a_slow_destination_loses_alone)
{
	struct sf_queue queue = { 0 };
	struct fake fast = { .destination = { .ops = &fake_ops, .shared = &shared },
		.may_take = UINT_MAX };
	struct fake slow = { .destination = { .ops = &fake_ops, .shared = &shared } };
	struct sf_destination *both[] = { &fast.destination, &slow.destination };

	sf_destination_join(&queue, both[0], 1 << 20);
	sf_destination_join(&queue, both[1], 100 * sizeof(struct sf_flow));
	for (unsigned i = 0; i < 1000; i++) {
		struct sf_flow flow = flow_ipv4(i);

		flow.id = i;
		sf_destinations_put(&queue, both, 2, &flow, 1);
		if (i % 50)
			continue;
		ck_assert_int_gt(sf_destination_pump(&queue, both[0], 1 + i, false), 1 + i);
		ck_assert_int_eq(sf_destination_pump(&queue, both[1], 1 + i, false), 1 + i + 7);
		check_fake(&fast, i + 1);
		check_fake(&slow, i + 1);
		ck_assert(sf_destination_waits(both[1]));
	}
	ck_assert_uint_eq(slow.taken, 0);
	slow.may_take = UINT_MAX;
	for (unsigned i = 0; i < 2; i++)
		while (sf_destination_pump(&queue, both[i], 5000, false) <= 5000)
			continue;
	check_fake(&fast, 1000);
	check_fake(&slow, 1000);
	ck_assert_uint_eq(fast.taken, 1000);
	ck_assert_uint_eq(slow.taken, 100);
	ck_assert_uint_eq(slow.first_id, 900);
	ck_assert_uint_eq(slow.destination.stats.lost_queue.records, 900);
	ck_assert_ptr_nonnull(strstr(slow.destination.stats.failure, "queue is full"));
	ck_assert(!sf_destination_waits(both[1]));
	sf_queue_free(&queue);
}
END_TEST

/*
 * A call takes a bounded time, however many records wait; time passes for destinations with nothing
 * to send too.
 */
START_TEST(a_pump_is_bounded)
{
	struct sf_queue queue = { 0 };
	struct fake fake = { .destination = { .ops = &fake_ops, .shared = &shared },
		.may_take = UINT_MAX };
	struct sf_destination *one = &fake.destination;
	int64_t next;

	sf_destination_join(&queue, one, 1 << 30);
	for (unsigned i = 0; i < 10000; i++) {
		struct sf_flow flow = flow_ipv4(i);

		sf_destinations_put(&queue, &one, 1, &flow, 1);
	}
	ck_assert_int_eq(sf_destination_pump(&queue, one, 1, false), 1);
	ck_assert_uint_gt(fake.taken, 0);
	ck_assert_uint_le(fake.taken, 2048);
	while ((next = sf_destination_pump(&queue, one, 1, false)) <= 1)
		continue;
	ck_assert_uint_eq(fake.taken, 10000);
	ck_assert_uint_eq(fake.ticks, 1);
	sf_destination_pump(&queue, one, next, false);
	ck_assert_uint_eq(fake.ticks, 2);
	/* at the end also what is in messages that are not full */
	ck_assert_uint_eq(fake.flushes, 0);
	sf_destination_pump(&queue, one, next, true);
	ck_assert_uint_eq(fake.flushes, 1);
	/* and what cannot be sent any more is lost by the name that is given */
	for (unsigned i = 0; i < 10; i++) {
		struct sf_flow flow = flow_ipv4(i);

		sf_destinations_put(&queue, &one, 1, &flow, 1);
	}
	sf_destination_drop(&queue, one, SF_FATE_LOST_stopped);
	ck_assert_uint_eq(one->stats.lost_stopped.records, 10);
	ck_assert(sf_destination_balanced(&one->stats));
	sf_queue_free(&queue);
}
END_TEST

/* ---------------------------------------------------------------- outlet */

#define LINE 100

static void append_line(struct sf_outlet *outlet, unsigned number)
{
	uint8_t *room = sf_outlet_room(outlet, LINE + 1);

	ck_assert_ptr_nonnull(room);
	snprintf((char *)room, LINE + 1, "%099u", number);
	room[LINE - 1] = '\n';
	sf_outlet_add(outlet, LINE, &(struct sf_destination_count){ 1, 2, 3 }, true);
}

/* A pipe gets whole lines, as many as it takes, and the rest when somebody reads. */
START_TEST(a_pipe_that_is_full_is_not_waited_for)
{
	static char bytes[1 << 20];
	struct sf_outlet outlet;
	size_t length = 0;
	int ends[2], fd;
	ssize_t n;

	ck_assert_int_eq(pipe(ends), 0);
	sf_outlet_init(&outlet, ends[1], false, false);
	for (unsigned i = 0; i < 5000; i++)
		append_line(&outlet, i);
	ck_assert_int_eq(sf_outlet_pump(&outlet, 1, &fd), INT64_MAX);
	ck_assert_int_eq(fd, ends[1]);
	ck_assert_uint_gt(outlet.sent.flows.records, 0);
	/* the descriptor's flags are not this process's alone */
	ck_assert_int_eq(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
	while (!sf_outlet_empty(&outlet) && outlet.sent.flows.records < 4000) {
		n = read(ends[0], bytes + length, 10000);
		ck_assert_int_gt(n, 0);
		length += (size_t)n;
		sf_outlet_pump(&outlet, 1, &fd);
	}
	sf_outlet_drop(&outlet);
	close(ends[1]);
	while ((n = read(ends[0], bytes + length, sizeof(bytes) - length)) > 0)
		length += (size_t)n;
	ck_assert_uint_eq(length, outlet.sent.flows.records * LINE);
	ck_assert_uint_eq(outlet.sent.octets, length);
	ck_assert_uint_eq(outlet.sent.flows.records + outlet.lost.flows.records, 5000);
	ck_assert_uint_gt(outlet.lost.flows.records, 0);
	for (unsigned i = 0; i < length / LINE; i++)
		ck_assert_uint_eq(strtoul(bytes + (size_t)i * LINE, NULL, 10), i);
	sf_outlet_fini(&outlet);
	close(ends[0]);
}
END_TEST

START_TEST(a_reader_who_goes_does_not_come_back)
{
	struct sf_outlet outlet;
	int ends[2], fd;

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(pipe(ends), 0);
	sf_outlet_init(&outlet, ends[1], false, false);
	sf_outlet_pump(&outlet, 1, &fd);
	ck_assert(!outlet.gone);
	close(ends[0]);
	/* noticed although there is nothing to write */
	sf_outlet_pump(&outlet, 1, &fd);
	ck_assert(outlet.gone);
	ck_assert_int_eq(outlet.error, -EPIPE);
	append_line(&outlet, 1);
	sf_outlet_pump(&outlet, 1, &fd);
	ck_assert_uint_eq(outlet.lost.flows.records, 1);
	sf_outlet_fini(&outlet);
	close(ends[1]);
}
END_TEST

static void limit_files(rlim_t octets)
{
	const struct rlimit limit = { octets, RLIM_INFINITY };

	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void check_lines(const char *path, unsigned count)
{
	FILE *file = fopen(path, "r");
	char line[LINE + 2];
	unsigned lines = 0;

	ck_assert_ptr_nonnull(file);
	for (; fgets(line, sizeof(line), file); lines++)
		ck_assert_uint_eq(strlen(line), LINE);
	fclose(file);
	ck_assert_uint_eq(lines, count);
}

/* A disk that has room again: nothing is torn, and what need not be lost is not. */
START_TEST(a_full_disk_is_tried_again)
{
	char path[] = "/tmp/spanflow-outlet-XXXXXX";

	signal(SIGXFSZ, SIG_IGN);
	for (unsigned waits = 0; waits < 2; waits++) {
		int fd = mkstemp(path), none;
		struct sf_outlet outlet;

		ck_assert_int_eq(ftruncate(fd, 0), 0);
		sf_outlet_init(&outlet, fd, waits, false);
		for (unsigned i = 0; i < 1000; i++)
			append_line(&outlet, i);
		limit_files(50050);
		if (waits)
			sf_outlet_write(&outlet);
		else
			ck_assert_int_eq(sf_outlet_pump(&outlet, 1, &none), outlet.again_ns);
		limit_files(RLIM_INFINITY);
		ck_assert_int_eq(outlet.error, -EFBIG);
		ck_assert(!outlet.gone);
		ck_assert_int_ge(outlet.again_ns, sf_clock_read(CLOCK_MONOTONIC));
		outlet.again_ns = 0; /* the second is over */
		append_line(&outlet, 1000);
		if (waits)
			sf_outlet_write(&outlet);
		else
			ck_assert_int_eq(sf_outlet_pump(&outlet, 1, &none), 1);
		ck_assert_int_eq(outlet.error, 0);
		ck_assert(sf_outlet_empty(&outlet));
		ck_assert_uint_eq(outlet.sent.flows.records + outlet.lost.flows.records, 1001);
		ck_assert_int_eq(outlet.lost.flows.records != 0, waits);
		check_lines(path, (unsigned)outlet.sent.flows.records);
		sf_outlet_fini(&outlet);
		close(fd);
		unlink(path);
		memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	}
}
END_TEST

/* ---------------------------------------------------------------- collectors that come back */

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
	ck_assert_int_lt(sf_clock_read(CLOCK_MONOTONIC) - mono, S);
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

CHECK_MAIN("export_queue", readers_of_a_queue_go_their_own_way, records_keep_their_facts_in_a_queue,
	a_slow_destination_loses_alone, a_pump_is_bounded, a_pipe_that_is_full_is_not_waited_for,
	a_reader_who_goes_does_not_come_back, a_full_disk_is_tried_again, put_only_queues,
	what_is_queued_at_the_end_is_lost_by_name, a_pace_delays_nobody,
	a_collector_that_comes_back_gets_templates_first, nobody_listens_at_the_end,
	announcing_repeats_templates, a_name_may_resolve_later_and_change,
	a_name_that_never_resolves, names_are_told_from_addresses)
