/* SPDX-License-Identifier: BSD-2-Clause */
/* Collectors that share the records: balance by flow, fail over. */
#include "export_support.h"

#include "export/exporter.h"

#define COLLECTORS 3
#define FLOWS      240

struct run {
	struct sf_exporter *exporter;
	struct receiver receivers[COLLECTORS];
	struct reader *readers[COLLECTORS];
	int64_t mono, wall;
};

/* `rests`: options behind the URL, of each collector. */
static void run_start_each(struct run *run, const struct sf_exporter_options *options,
	const char *scheme, const char *const *rests)
{
	struct sf_error error = { 0 };

	*run = (struct run){ .wall = T0, .mono = 1 };
	ck_assert_int_eq(sf_exporter_new(&run->exporter, options, &error), 0);
	for (unsigned i = 0; i < COLLECTORS; i++) {
		char url[80];

		run->receivers[i] = receiver_open(AF_INET);
		run->readers[i] = reader_new();
		snprintf(url, sizeof(url), "%s:%u,rate=0%s", scheme, run->receivers[i].port,
			rests[i]);
		ck_assert_msg(sf_exporter_add_collector(run->exporter, url, &error) == 0, "%s",
			error.text);
	}
	sf_exporter_tick(run->exporter, run->wall, run->wall);
}

static void run_start_as(struct run *run, const struct sf_exporter_options *options,
	const char *scheme, const char *rest)
{
	run_start_each(run, options, scheme, (const char *const[]){ rest, rest, rest });
}

static void run_start(struct run *run, const struct sf_exporter_options *options)
{
	run_start_as(run, options, IPFIX, ",options=no");
}

/* Lets the time pass and the destinations send. */
static void run_pump(struct run *run, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		run->mono += 100 * MS;
		run->wall += 100 * MS;
		sf_exporter_tick(run->exporter, run->wall, run->wall);
		for (unsigned k = 0; k < 12; k++)
			sf_exporter_pump(run->exporter, run->mono, i + 1 == times);
	}
}

static void run_receive(struct run *run)
{
	for (unsigned i = 0; i < COLLECTORS; i++)
		if (run->receivers[i].fd >= 0)
			receive(run->readers[i], &run->receivers[i]);
}

/* Every destination was offered every record, and each record is somewhere once. */
static void check_counters(struct run *run, uint64_t records, uint64_t lost)
{
	uint64_t sent = 0, gone = 0;

	for (unsigned i = 0; i < COLLECTORS; i++) {
		struct sf_destination_stats stats = stats_of(run->exporter, i);

		ck_assert(sf_destination_balanced(&stats));
		ck_assert_uint_eq(stats.offered.records, records);
		sent += stats.sent.records;
		gone += stats.lost_unreachable.records + stats.lost_queue.records +
			stats.lost_stopped.records + stats.lost_send.records;
	}
	ck_assert_uint_eq(sent + gone, records);
	ck_assert_uint_le(gone, lost);
}

static void run_end(struct run *run)
{
	for (unsigned i = 0; i < COLLECTORS; i++) {
		if (run->receivers[i].fd >= 0)
			close(run->receivers[i].fd);
		reader_free(run->readers[i]);
	}
	sf_exporter_free(run->exporter);
}

static uint16_t port_of(const struct record *record, uint16_t element)
{
	/* without field(): an assertion that holds costs a system call */
	int i = field_index(record, 0, element, 0);

	return i < 0 ? 0 : sf_load_be16(record->bytes + record->template->fields[i].offset);
}

/*
 * Who got the flow with that source port: a bit for each collector. Both directions look the same.
 */
static unsigned who_has(const struct run *run, uint16_t port)
{
	unsigned who = 0;

	for (unsigned i = 0; i < COLLECTORS; i++)
		for (unsigned k = 0; k < run->readers[i]->record_count; k++) {
			const struct record *record = &run->readers[i]->records[k];

			if (port_of(record, 7) == port || port_of(record, 11) == port)
				who |= 1u << i;
		}
	return who;
}

static struct sf_flow conversation(unsigned i, bool turned)
{
	struct sf_flow flow = flow_ipv4(i);

	answer(&flow);
	if (turned) { /* as a probe sees it that has missed its first packet */
		struct sf_flow as_seen = flow;

		for (unsigned d = 0; d < 2; d++) {
			memcpy(flow.addr[d], as_seen.addr[!d], 16);
			flow.port[d] = as_seen.port[!d];
			flow.half[d] = as_seen.half[!d];
		}
	}
	return flow;
}

static void put_conversations(struct run *run, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		struct sf_flow flow = conversation(i, i % 2);

		put(run->exporter, &flow);
		if (run->exporter->shared.options.queued && i % 64 == 63)
			run_pump(run, 1);
	}
}

/*
 * All records of a conversation, whichever end began it, are at one collector; each has its share.
 */
START_TEST(a_conversation_goes_to_one_collector)
{
	for (int is_queued = 0; is_queued < 2; is_queued++) {
		const struct sf_exporter_options options = {
			.share = SF_SHARE_BALANCE,
			.queued = is_queued,
			.packet_clock = !is_queued,
		};
		unsigned shares[1 << COLLECTORS] = { 0 };
		struct run run;

		run_start(&run, &options);
		for (unsigned times = 0; times < 2; times++)
			for (unsigned i = 0; i < FLOWS; i++) {
				struct sf_flow flow = conversation(i, times);

				put(run.exporter, &flow);
			}
		if (is_queued)
			run_pump(&run, 20);
		sf_exporter_finish(run.exporter);
		run_receive(&run);
		for (unsigned i = 0; i < FLOWS; i++)
			shares[who_has(&run, (uint16_t)(40000 + i))]++;
		for (unsigned i = 0; i < COLLECTORS; i++)
			ck_assert_uint_gt(shares[1 << i], FLOWS / 6);
		ck_assert_uint_eq(shares[1] + shares[2] + shares[4], FLOWS);
		check_counters(&run, 4 * FLOWS, 0);
		run_end(&run);
	}
}
END_TEST

/*
 * One collector stops listening: its flows go to the others, which keep theirs, and what waited for
 * it is handed over. Only what was on its way is lost, by name. When it listens again it gets its
 * flows again.
 */
START_TEST(only_the_share_of_a_lost_collector_moves)
{
	const struct sf_exporter_options options = { .share = SF_SHARE_BALANCE, .queued = true };
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	unsigned before[FLOWS], moved = 0, back = 0;
	struct run run;

	run_start(&run, &options);
	put_conversations(&run, 0, FLOWS);
	run_pump(&run, 20);
	run_receive(&run);
	for (unsigned i = 0; i < FLOWS; i++)
		before[i] = who_has(&run, (uint16_t)(40000 + i));
	close(run.receivers[1].fd);
	run.receivers[1].fd = -1;
	/* the first of them find out that it is away */
	for (unsigned i = 0; i < FLOWS; i++) {
		struct sf_flow flow = conversation(i, false);

		put(run.exporter, &flow);
		if (i < 32)
			run_pump(&run, 1);
	}
	ck_assert(run.exporter->destinations[1]->fails);
	run_pump(&run, 10);
	run_receive(&run);
	for (unsigned i = 0; i < FLOWS; i++) {
		unsigned who = who_has(&run, (uint16_t)(40000 + i));

		if (before[i] != 2)
			ck_assert_uint_eq(who, before[i]);
		else
			moved += (who & 5) != 0;
	}
	ck_assert_uint_gt(moved, FLOWS / 6);
	/* it listens again: a probe finds out */
	run.receivers[1].fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	address.sin_port = htons(run.receivers[1].port);
	ck_assert_int_eq(
		bind(run.receivers[1].fd, (struct sockaddr *)&address, sizeof(address)), 0);
	run_pump(&run, 60);
	ck_assert(!run.exporter->destinations[1]->fails);
	for (unsigned i = 0; i < COLLECTORS; i++)
		run.readers[i]->record_count = 0;
	put_conversations(&run, 0, FLOWS);
	run_pump(&run, 20);
	sf_exporter_finish(run.exporter);
	run_receive(&run);
	for (unsigned i = 0; i < FLOWS; i++)
		back += who_has(&run, (uint16_t)(40000 + i)) == before[i];
	ck_assert_uint_eq(back, FLOWS);
	check_counters(&run, 6 * FLOWS, 64);
	run_end(&run);
}
END_TEST

/* What waits for a collector when it goes away is not lost: the next one gets it. */
START_TEST(what_waits_is_handed_over)
{
	const struct sf_exporter_options options = { .share = SF_SHARE_FAIL_OVER, .queued = true };
	struct run run;

	run_start(&run, &options);
	put_conversations(&run, 0, 63);
	ck_assert_uint_eq(run.exporter->destinations[0]->queued.records, 126);
	run.exporter->destinations[0]->fails = true;
	run_pump(&run, 1);
	run.exporter->destinations[0]->fails = false;
	run_pump(&run, 20);
	sf_exporter_finish(run.exporter);
	run_receive(&run);
	ck_assert_uint_eq(stats_of(run.exporter, 0).sent.records, 0);
	ck_assert_uint_eq(stats_of(run.exporter, 1).sent.records, 126);
	ck_assert_uint_eq(stats_of(run.exporter, 0).skipped_elsewhere.records, 126);
	ck_assert_uint_eq(flow_count(run.readers[1]), 126);
	check_counters(&run, 126, 0);
	run_end(&run);
}
END_TEST

/*
 * The next one gets what waits when it has room for it: nothing is lost for it, and the end of the
 * run waits.
 */
START_TEST(what_waits_is_handed_over_as_there_is_room)
{
	const struct sf_exporter_options options = { .share = SF_SHARE_FAIL_OVER, .queued = true };
	struct sf_destination *first, *second;
	struct run run;

	run_start(&run, &options);
	first = run.exporter->destinations[0];
	second = run.exporter->destinations[1];
	close(run.receivers[0].fd);
	run.receivers[0].fd = -1;
	put_conversations(&run, 0, 1);
	run_pump(&run, 5);
	ck_assert(first->fails);
	first->refused_ns = 0;
	second->queue_bytes = 100 * sizeof(struct sf_flow);
	for (unsigned i = 0; i < 190; i++) {
		struct sf_flow flow = conversation(i, false);

		first->fails = i >= 100;
		put(run.exporter, &flow);
	}
	ck_assert_uint_eq(first->reader.count, 100);
	ck_assert(!sf_share_hand_over(run.exporter));
	ck_assert_uint_eq(first->reader.count, 100);
	ck_assert_uint_eq(second->reader.count, 90);
	/* nobody else waits for one that fails, and a refused probe loses what waits for it */
	first->drops = true;
	ck_assert(sf_destination_waits(first));
	for (unsigned i = 0; i < 50 && sf_destination_waits(first); i++)
		sf_exporter_pump(run.exporter, ++run.mono, true);
	ck_assert(!sf_destination_waits(first));
	run_pump(&run, 20);
	sf_exporter_finish(run.exporter);
	run_receive(&run);
	ck_assert_uint_ge(flow_count(run.readers[1]), 380);
	check_counters(&run, 382, 2);
	run_end(&run);
}
END_TEST

/* The first one that is not away gets all; files and callbacks get all in any case. */
START_TEST(all_go_to_the_first_that_is_there)
{
	for (int is_queued = 0; is_queued < 2; is_queued++) {
		const struct sf_exporter_options options = {
			.share = SF_SHARE_FAIL_OVER,
			.queued = is_queued,
			.packet_clock = !is_queued,
		};
		struct sf_destination_stats stats;
		struct run run;

		run_start(&run, &options);
		ck_assert_int_eq(
			sf_exporter_add_text(run.exporter,
				&(struct sf_text_options){
					.stream = fopen("/dev/null", "w"), .format = SF_TEXT_JSON },
				NULL),
			0);
		run.exporter->destinations[0]->fails = true;
		put_conversations(&run, 0, 63);
		if (is_queued)
			run_pump(&run, 20);
		sf_exporter_finish(run.exporter);
		run_receive(&run);
		ck_assert_uint_eq(flow_count(run.readers[0]), 0);
		ck_assert_uint_eq(flow_count(run.readers[1]), 126);
		ck_assert_uint_eq(flow_count(run.readers[2]), 0);
		check_counters(&run, 126, 0);
		stats = stats_of(run.exporter, 3);
		ck_assert_uint_eq(stats.sent.records, 126);
		ck_assert_uint_eq(stats.skipped_elsewhere.records, 0);
		run_end(&run);
	}
}
END_TEST

/*
 * Capture files: a collector that does not listen is found before its first record, which another
 * one gets.
 */
START_TEST(files_lose_nothing_to_a_collector_that_never_listened)
{
	for (unsigned i = 0; i < 6; i++) {
		const enum sf_share share = i % 2 ? SF_SHARE_FAIL_OVER : SF_SHARE_BALANCE;
		const struct sf_exporter_options options = { .share = share, .packet_clock = true };
		static const char *const schemes[] = { IPFIX, NETFLOW9, NETFLOW5 };
		struct run run;

		run_start_as(&run, &options, schemes[i / 2], i / 2 == 2 ? "" : ",options=no");
		close(run.receivers[0].fd);
		run.receivers[0].fd = -1;
		put_conversations(&run, 0, 63);
		/* the pause after a refusal is over: it is probed again and gets nothing */
		run.wall += 3000 * MS;
		sf_exporter_tick(run.exporter, run.wall, run.wall);
		put_conversations(&run, 63, 126);
		sf_exporter_finish(run.exporter);
		run_receive(&run);
		ck_assert_uint_eq(stats_of(run.exporter, 0).skipped_elsewhere.records, 252);
		ck_assert_uint_eq(flow_count(run.readers[1]) + flow_count(run.readers[2]), 252);
		if (share == SF_SHARE_FAIL_OVER)
			ck_assert_uint_eq(flow_count(run.readers[1]), 252);
		check_counters(&run, 252, 0);
		run_end(&run);
	}
}
END_TEST

/*
 * The run begins although a collector over TCP is down: it is waited for, and then its share moves.
 */
START_TEST(files_begin_without_a_collector_over_tcp)
{
	const struct sf_exporter_options options = {
		.share = SF_SHARE_FAIL_OVER, .packet_clock = true, .patience_ns = 1
	};
	struct sf_exporter *exporter;
	struct sf_error error = { 0 };
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listeners[2];

	ck_assert_int_eq(sf_exporter_new(&exporter, &options, &error), 0);
	for (unsigned i = 0; i < 2; i++) {
		socklen_t size = sizeof(address);
		char url[80];

		listeners[i] = socket(AF_INET, SOCK_STREAM, 0);
		address.sin_port = 0;
		ck_assert_int_eq(bind(listeners[i], (struct sockaddr *)&address, size), 0);
		ck_assert_int_eq(getsockname(listeners[i], (struct sockaddr *)&address, &size), 0);
		/* the first one has the port and does not listen */
		ck_assert_int_eq(i ? listen(listeners[i], 1) : 0, 0);
		snprintf(url, sizeof(url), "tcp://127.0.0.1:%u", ntohs(address.sin_port));
		ck_assert_msg(
			sf_exporter_add_collector(exporter, url, &error) == 0, "%s", error.text);
	}
	for (unsigned i = 0; i < 10; i++)
		put(exporter, &(struct sf_flow[]){ flow_ipv4(i) }[0]);
	ck_assert_uint_eq(stats_of(exporter, 0).skipped_elsewhere.records, 10);
	ck_assert_uint_eq(stats_of(exporter, 0).lost_unreachable.records, 0);
	ck_assert_uint_eq(stats_of(exporter, 1).offered.records, 10);
	ck_assert_uint_eq(stats_of(exporter, 1).skipped_elsewhere.records, 0);
	sf_exporter_free(exporter);
	close(listeners[0]);
	close(listeners[1]);
}
END_TEST

/*
 * All are away: a flow is counted as lost at the collector that would get it, and at no other one.
 */
START_TEST(without_any_collector_records_are_lost_once)
{
	const struct sf_exporter_options options = { .share = SF_SHARE_BALANCE, .queued = true };
	struct run run;

	run_start(&run, &options);
	for (unsigned i = 0; i < COLLECTORS; i++) {
		close(run.receivers[i].fd);
		run.receivers[i].fd = -1;
	}
	put_conversations(&run, 0, FLOWS);
	run_pump(&run, 60);
	sf_exporter_finish(run.exporter);
	for (unsigned i = 0; i < COLLECTORS; i++)
		ck_assert_uint_gt(stats_of(run.exporter, i).lost_unreachable.records, FLOWS / 3);
	check_counters(&run, 2 * FLOWS, 2 * FLOWS);
	run_end(&run);
}
END_TEST

/*
 * Two of the collectors are a group, the third one gets everything, with a queue and without one.
 */
START_TEST(a_group_shares_beside_others)
{
	static const char *const rests[][COLLECTORS] = {
		{ ",options=no,balance=a", ",options=no,balance=a", ",options=no" },
		{ ",options=no,fail-over=a", ",options=no,fail-over=a", ",options=no" },
		/* with --balance: the two without a name are the run's group */
		{ ",options=no", ",options=no", ",options=no,balance=alone" },
	};

	for (unsigned i = 0; i < 6; i++) {
		const struct sf_exporter_options options = { .queued = i >= 3,
			.packet_clock = i < 3,
			.share = i % 3 == 2 ? SF_SHARE_BALANCE : SF_SHARE_NONE };
		unsigned got[COLLECTORS];
		struct run run;

		run_start_each(&run, &options, IPFIX, rests[i % 3]);
		put_conversations(&run, 0, 100);
		if (options.queued)
			run_pump(&run, 10);
		sf_exporter_finish(run.exporter);
		run_receive(&run);
		for (unsigned k = 0; k < COLLECTORS; k++) {
			struct sf_destination_stats stats = stats_of(run.exporter, k);

			got[k] = flow_count(run.readers[k]);
			ck_assert(sf_destination_balanced(&stats));
			ck_assert_uint_eq(stats.offered.records, 200);
			ck_assert_uint_eq(stats.sent.records, got[k]);
		}
		ck_assert_uint_eq(got[0] + got[1], 200);
		ck_assert_uint_eq(got[2], 200);
		if (i % 3 == 1)
			ck_assert_uint_eq(got[0], 200);
		else
			ck_assert(got[0] > 50 && got[1] > 50);
		run_end(&run);
	}
}
END_TEST

/*
 * The group's other collector takes over what waits; the one that gets everything is not touched.
 */
START_TEST(a_group_hands_over_within_itself)
{
	static const char *const rests[] = { ",options=no,fail-over=a", ",options=no,fail-over=a",
		",options=no" };
	const struct sf_exporter_options options = { .queued = true };
	struct run run;

	run_start_each(&run, &options, IPFIX, rests);
	close(run.receivers[0].fd);
	run.receivers[0].fd = -1;
	for (unsigned i = 0; i < 20; i++) {
		put_conversations(&run, 10 * i, 10 * i + 10);
		run_pump(&run, 5);
	}
	run_pump(&run, 50);
	sf_exporter_finish(run.exporter);
	run_receive(&run);
	ck_assert_uint_eq(flow_count(run.readers[2]), 400);
	ck_assert_uint_ge(flow_count(run.readers[1]), 350);
	ck_assert_uint_eq(
		flow_count(run.readers[1]) + stats_of(run.exporter, 0).lost_unreachable.records,
		400);
	run_end(&run);
}
END_TEST

START_TEST(wrong_groups_are_refused)
{
	static const char *const urls[][3] = {
		{ "ipfix://127.0.0.1:4739,balance=a", "ipfix://127.0.0.1:4740,fail-over=a", "'a'" },
		{ "ipfix://127.0.0.1:4739", "ipfix://127.0.0.1:4740,balance=", "'balance'" },
		{ "ipfix://127.0.0.1:4739",
			"ipfix://127.0.0.1:4740,balance=a234567890123456789012345678901x",
			"'balance'" },
		{ "ipfix://127.0.0.1:4739", "ipfix://127.0.0.1:4740,balance=a,fail-over=b",
			"exclude each other" },
		{ "ipfix://127.0.0.1:4739", "ipfix://127.0.0.1:4740,balance=a,balance=b",
			"given twice" },
		{ "ipfix://127.0.0.1:4739,balance=a", "ipfix://127.0.0.1:4739,balance=a",
			"in its group already" },
	};

	for (unsigned i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct sf_exporter *exporter;
		struct sf_error error = { 0 };

		ck_assert_int_eq(sf_exporter_new(&exporter, OFFLINE, &error), 0);
		ck_assert_int_eq(sf_exporter_add_collector(exporter, urls[i][0], &error), 0);
		ck_assert_int_eq(
			sf_exporter_add_collector(exporter, urls[i][1], &error), SF_EUSAGE);
		ck_assert_ptr_nonnull(strstr(error.text, urls[i][2]));
		/* the first of them is alone in its group, if it has one */
		ck_assert_int_eq(sf_exporter_check_groups(exporter, &error),
			strchr(urls[i][0], ',') ? SF_EUSAGE : 0);
		sf_exporter_free(exporter);
	}
}
END_TEST

CHECK_MAIN("export_share", a_group_shares_beside_others, a_group_hands_over_within_itself,
	wrong_groups_are_refused, a_conversation_goes_to_one_collector,
	only_the_share_of_a_lost_collector_moves, what_waits_is_handed_over,
	what_waits_is_handed_over_as_there_is_room, all_go_to_the_first_that_is_there,
	files_lose_nothing_to_a_collector_that_never_listened,
	files_begin_without_a_collector_over_tcp, without_any_collector_records_are_lost_once)
