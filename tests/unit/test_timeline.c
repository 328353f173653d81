/* SPDX-License-Identifier: BSD-2-Clause */
/* The time of a source that goes on while the time of its packets goes back (engine/timeline.h). */
#include <stdlib.h>

#include "check_main.h"
#include "engine/worker.h"

#define S     SF_NS_PER_S
#define HOUR  (3600 * S)
#define LIMIT (15 * S)
#define NOW   (INT64_C(1700000000) * S)

/* A source with a worker, of which only receiving is looked at. */
static struct sf_capture capture;
static struct sf_input input;
static struct sf_worker worker;
static struct sf_packet packets[SF_BATCH_MAX];
static int64_t clocks[SF_BATCH_MAX];
static unsigned count;

static void begin(bool live)
{
	sf_timeline_fini(&input.timeline);
	capture = (struct sf_capture){ .live = live, .queues = 2 };
	input = (struct sf_input){ .capture = &capture };
	worker.capture = &capture;
	worker.options.input = &input;
	sf_timing_init(&worker.timing, LIMIT);
	count = 0;
}

static void add(int64_t time_ns, unsigned flags)
{
	packets[count++] = (struct sf_packet){ .time_ns = time_ns, .flags = (uint16_t)flags };
}

/* The packets have come. What they become stays in packets[] until the next one is added. */
static void receive(struct sf_timing *timing)
{
	struct sf_received batch = {
		.packets = packets, .clocks = clocks, .received = count, .count = count
	};

	sf_timing_follow(&worker, timing, &batch);
	for (unsigned i = 0; i < count && !batch.clock; i++)
		clocks[i] = packets[i].time_ns;
	count = 0;
}

static int64_t packet_time(unsigned i)
{
	return sf_period_packet_time(sf_timeline_latest(&input.timeline), packets[i].time_ns);
}

START_TEST(the_time_of_the_source_goes_on)
{
	begin(false);
	add(NOW, 0);
	add(NOW + S, 0);
	add(NOW - HOUR, SF_PACKET_SET_BACK);
	add(NOW - HOUR + S, 0);
	add(NOW - HOUR - S, 0);         /* a little out of order at the begin */
	add(NOW - HOUR - 24 * HOUR, 0); /* wild */
	add(NOW - HOUR + 2 * S, 0);
	receive(&worker.timing);
	ck_assert_uint_eq(sf_timeline_steps(&input.timeline), 1);
	for (unsigned i = 1; i < 7; i++)
		ck_assert_int_ge(clocks[i], clocks[i - 1]);
	/* every timeout passes in between */
	ck_assert_int_ge(clocks[2], clocks[1] + LIMIT);
	ck_assert_int_eq(packets[3].time_ns, packets[2].time_ns + S);
	ck_assert_int_eq(packets[4].time_ns, packets[2].time_ns - S);
	ck_assert_int_lt(packets[5].time_ns, packets[0].time_ns);
	ck_assert_int_eq(clocks[6], packets[2].time_ns + 2 * S);
	ck_assert_int_eq(packet_time(0), NOW);
	ck_assert_int_eq(packet_time(1), NOW + S);
	ck_assert_int_eq(packet_time(2), NOW - HOUR);
	ck_assert_int_eq(packet_time(4), NOW - HOUR - S);
	ck_assert_int_eq(packet_time(5), NOW - 25 * HOUR);
	/* in the next batch the times are of the same period */
	add(NOW - HOUR + 3 * S, 0);
	receive(&worker.timing);
	ck_assert_int_eq(packet_time(0), NOW - HOUR + 3 * S);
	ck_assert_int_eq(worker.timing.clock.now, packets[0].time_ns);
}
END_TEST

START_TEST(no_step_without_evidence)
{
	/* a file whose driver does not say so; and a step that no timeout notices */
	begin(false);
	add(NOW, 0);
	add(NOW - HOUR, 0);
	add(NOW - LIMIT, SF_PACKET_SET_BACK);
	receive(&worker.timing);
	ck_assert_uint_eq(sf_timeline_steps(&input.timeline), 0);
	ck_assert_int_eq(packets[1].time_ns, NOW - HOUR);
	ck_assert_int_eq(clocks[2], NOW);
	/* a live source whose packets lie back while the host's clock does not */
	begin(true);
	int64_t now = sf_clock_read(CLOCK_REALTIME);

	add(now, 0);
	for (unsigned i = 0; i < 40; i++)
		add(now - HOUR, 0);
	receive(&worker.timing);
	ck_assert_uint_eq(sf_timeline_steps(&input.timeline), 0);
	/* one whose clock is ahead of the host's, and a packet of neither */
	begin(true);
	add(now + HOUR, 0);
	add(now - HOUR, 0);
	receive(&worker.timing);
	ck_assert_uint_eq(sf_timeline_steps(&input.timeline), 0);
}
END_TEST

START_TEST(a_second_step)
{
	begin(false);
	for (unsigned i = 0; i < 20; i++) {
		add(NOW - i * HOUR, i ? SF_PACKET_SET_BACK : 0);
		add(NOW - i * HOUR + S, 0);
	}
	receive(&worker.timing);
	ck_assert_uint_eq(sf_timeline_steps(&input.timeline), 19);
	for (unsigned i = 0; i < 40; i++)
		ck_assert_int_eq(packet_time(i), NOW - i / 2 * HOUR + i % 2 * S);
	ck_assert_int_eq(sf_timeline_first(&input.timeline)->last_ns, NOW + S);
}
END_TEST

/* Interfaces: the host's clock was at now + HOUR, and was set back to `now`. */
START_TEST(rings_of_a_live_source)
{
	int64_t now = sf_clock_read(CLOCK_REALTIME);
	struct sf_timing other;

	begin(true);
	sf_timing_init(&other, LIMIT);
	add(now + HOUR, 0);
	receive(&worker.timing);
	add(now + HOUR + S, 0);
	receive(&other);
	add(now, 0);
	add(now + HOUR + S / 100, 0); /* of another ring, from before the step */
	add(now + S / 100, 0);
	receive(&worker.timing);
	ck_assert_uint_eq(sf_timeline_steps(&input.timeline), 1);
	ck_assert_int_eq(packet_time(0), now);
	ck_assert_int_eq(packets[1].time_ns, now + HOUR + S / 100);
	ck_assert_int_eq(packet_time(2), now + S / 100);
	/* the other queue follows when it gets a packet, and not before */
	add(now + HOUR + 2 * S, 0);
	receive(&other);
	ck_assert_int_eq(packets[0].time_ns, now + HOUR + 2 * S);
	add(now + S, 0);
	receive(&other);
	ck_assert_uint_eq(sf_timeline_steps(&input.timeline), 1);
	ck_assert_ptr_eq(other.period, worker.timing.period);
	ck_assert_int_eq(other.clock.now - worker.timing.clock.now, S - S / 100);
	/* a queue that had none begins with the latest period, whatever it gets first */
	sf_timing_init(&other, LIMIT);
	add(now + HOUR, 0);
	add(now + 2 * S, 0);
	receive(&other);
	ck_assert_ptr_eq(other.period, worker.timing.period);
	ck_assert_int_eq(other.clock.now - worker.timing.clock.now, 2 * S - S / 100);
}
END_TEST

/* A quiet queue must not hold up the others. */
START_TEST(a_quiet_queue_follows)
{
	int64_t now = sf_clock_read(CLOCK_REALTIME), before;
	struct sf_timing other;

	begin(true);
	sf_timing_init(&other, LIMIT);
	add(now + HOUR, 0);
	receive(&worker.timing);
	add(now + HOUR, 0);
	add(now, 0);
	receive(&other);
	sf_worker_keep_time(&worker, true);
	ck_assert_ptr_eq(worker.timing.period, other.period);
	ck_assert_int_ge(worker.timing.clock.now, other.clock.now);
	ck_assert_int_lt(worker.timing.clock.now, other.clock.now + 60 * S);
	before = worker.timing.clock.now;
	sf_worker_keep_time(&worker, true);
	ck_assert_int_ge(worker.timing.clock.now, before);
}
END_TEST

START_TEST(more_steps_than_are_recognised)
{
	begin(false);
	for (unsigned i = 0; i < SF_STEPS_MAX + 10; i++) {
		add(NOW - i * 60 * S, SF_PACKET_SET_BACK);
		receive(&worker.timing);
		ck_assert_uint_eq(
			sf_timeline_steps(&input.timeline), i < SF_STEPS_MAX ? i : SF_STEPS_MAX);
		ck_assert_int_eq(packet_time(0), NOW - i * 60 * S);
	}
}
END_TEST

START_TEST(times_without_room)
{
	struct sf_clock clock = { .now = INT64_MAX, .limit = LIMIT };

	begin(false);
	ck_assert_ptr_null(sf_timeline_step(&input.timeline, NULL, &clock, NOW));
	clock.now = NOW;
	ck_assert_ptr_null(sf_timeline_step(&input.timeline, NULL, &clock, INT64_MIN));
	clock.limit = INT64_MAX;
	ck_assert_ptr_null(sf_timeline_step(&input.timeline, NULL, &clock, 0));
	clock.limit = LIMIT;
	ck_assert_ptr_nonnull(sf_timeline_step(&input.timeline, NULL, &clock, 0));
	ck_assert_int_eq(sf_period_time(sf_timeline_latest(&input.timeline), INT64_MAX), INT64_MAX);
	ck_assert_int_eq(sf_period_time(sf_timeline_latest(&input.timeline), INT64_MIN), INT64_MIN);
}
END_TEST

static struct sf_flow taken[200];
static unsigned taken_count, room;

static unsigned take(void *context, const struct sf_flow *flows, unsigned flow_count)
{
	unsigned n = flow_count < room - taken_count ? flow_count : room - taken_count;

	(void)context;
	memcpy(taken + taken_count, flows, n * sizeof(*flows));
	taken_count += n;
	return n;
}

static struct sf_flow flow(int64_t start_ns, int64_t end_ns, enum sf_end_reason reason)
{
	return (struct sf_flow){
		.half = { { .start_ns = start_ns, .end_ns = end_ns },
			{ .start_ns = start_ns + 1, .end_ns = end_ns - 1 } },
		.directions = SF_FORWARD | SF_REVERSE,
		.end_reason = (uint8_t)reason,
	};
}

START_TEST(records_have_the_time_of_their_packets)
{
	struct sf_meter_options options = {
		.sink = { take, NULL }, .idle_timeout_ns = LIMIT, .active_timeout_ns = 60 * S
	};
	struct sf_time_restorer restorer;
	struct sf_flow flows[200];
	const struct sf_period *period;

	begin(false);
	sf_time_restorer_init(&restorer, &input.timeline, &options);
	room = taken_count = 0;
	room = 200;
	flows[0] = flow(NOW - HOUR, NOW, SF_END_IDLE);
	ck_assert_uint_eq(options.sink.put(options.sink.context, flows, 1), 1);
	ck_assert_mem_eq(&taken[0], &flows[0], sizeof(flows[0]));
	period = sf_timeline_step(&input.timeline, NULL,
		&(struct sf_clock){ .now = NOW, .limit = LIMIT }, NOW - HOUR);
	/* of before: ended by a timeout before the step, at its time, or by the step */
	flows[0] = flow(NOW - 40 * S, NOW - 16 * S, SF_END_IDLE);
	flows[1] = flow(NOW - 40 * S, NOW - 15 * S, SF_END_IDLE);
	flows[2] = flow(NOW - 40 * S, NOW - 14 * S, SF_END_IDLE);
	flows[3] = flow(NOW - 60 * S, NOW, SF_END_ACTIVE);
	flows[4] = flow(NOW - 59 * S, NOW, SF_END_ACTIVE);
	flows[5] = flow(NOW - S, NOW, SF_END_DETECTED);
	flows[6] = flow(NOW - S, NOW, SF_END_RESOURCES);
	/* of behind it */
	for (unsigned i = 7; i < 200; i++)
		flows[i] = flow(period->begin_ns, period->begin_ns + i, SF_END_IDLE);
	flows[7].directions = SF_REVERSE;
	taken_count = 0;
	ck_assert_uint_eq(options.sink.put(options.sink.context, flows, 200), 200);
	for (unsigned i = 0; i < 7; i++) {
		static const unsigned reasons[] = { 1, 1, 4, 2, 4, 3, 5 };

		ck_assert_uint_eq(taken[i].end_reason, reasons[i]);
		ck_assert_mem_eq(taken[i].half, flows[i].half, sizeof(flows[i].half));
	}
	for (unsigned i = 7; i < 200; i++) {
		ck_assert_uint_eq(taken[i].end_reason, SF_END_IDLE);
		ck_assert_int_eq(taken[i].half[1].start_ns, NOW - HOUR + 1);
		ck_assert_int_eq(taken[i].half[1].end_ns, NOW - HOUR + i - 1);
	}
	ck_assert_int_eq(taken[7].half[0].start_ns, flows[7].half[0].start_ns);
	/* a sink without room */
	taken_count = 0;
	room = 100;
	ck_assert_uint_eq(options.sink.put(options.sink.context, flows, 200), 100);
	sf_timeline_fini(&input.timeline);
	input = (struct sf_input){ 0 };
}
END_TEST

CHECK_MAIN("timeline", the_time_of_the_source_goes_on, no_step_without_evidence, a_second_step,
	rings_of_a_live_source, a_quiet_queue_follows, more_steps_than_are_recognised,
	times_without_room, records_have_the_time_of_their_packets)
