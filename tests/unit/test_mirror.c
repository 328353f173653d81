/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Findings of `spanflow check`: each has a case in which it is raised and one in which it is not.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wire.h"
#include "check/mirror.h"
#include "check/observe.h"
#include "check_main.h"

#define SECOND INT64_C(1000000000)

static const uint8_t own_mac[6] = { 2, 0, 0, 0, 0, 9 };
static struct sf_mirror mirror;
static struct sf_capture_stats stats;
static struct sf_finding findings[SF_FINDINGS_MAX];
static unsigned finding_count;

/* Ethernet, perhaps a tag, IPv4, then `protocol` with two ports and 16 octets of payload. */
struct frame {
	uint8_t bytes[80];
	struct sf_packet packet;
};

static struct sf_packet *make(struct frame *frame, uint8_t from, uint8_t to, uint8_t protocol,
	uint16_t sport, uint16_t dport, unsigned id)
{
	static const uint8_t macs[2][6] = { { 2, 0, 0, 0, 0, 1 }, { 2, 0, 0, 0, 0, 2 } };
	uint8_t *p = frame->bytes;

	memset(frame, 0, sizeof(*frame));
	p = sf_store_bytes(p, macs[to & 1], 6);
	p = sf_store_bytes(p, macs[from & 1], 6);
	p = sf_store_be16(p, 0x0800);
	p = sf_store_bytes(p, (uint8_t[]){ 0x45, 0, 0, 60 }, 4);
	p = sf_store_be16(p, (uint16_t)id);
	p = sf_store_bytes(
		p, (uint8_t[]){ 0, 0, 64, protocol, 0, 0, 10, 0, 0, from, 10, 0, 0, to }, 14);
	p = sf_store_be16(p, sport);
	p = sf_store_be16(p, dport);
	if (protocol == 6)
		frame->bytes[14 + 20 + 12] = 0x50;
	frame->packet = (struct sf_packet){ .data = frame->bytes,
		.captured = 74,
		.wire = 74,
		.time_ns = SECOND + id,
		.link = SF_LINK_ETHERNET };
	return &frame->packet;
}

static void start(const struct sf_mirror_host *host)
{
	memset(&stats, 0, sizeof(stats));
	ck_assert_int_eq(sf_mirror_init(&mirror, host), 0);
}

static void watch(const struct sf_packet *packet, unsigned queue)
{
	sf_mirror_watch(&mirror, queue, packet, 1, SECOND);
}

static const struct sf_finding *find(const char *name)
{
	for (unsigned i = 0; i < finding_count; i++)
		if (strcmp(findings[i].name, name) == 0)
			return &findings[i];
	return NULL;
}

static void finish(void)
{
	finding_count = sf_mirror_findings(&mirror, &stats, 5, findings);
	for (unsigned i = 0; i < finding_count; i++) {
		ck_assert_uint_ne(strlen(findings[i].text), 0);
		ck_assert_uint_lt(strlen(findings[i].text), sizeof(findings[i].text) - 1);
		ck_assert_uint_lt(strlen(findings[i].advice), sizeof(findings[i].advice) - 1);
		if (findings[i].verdict >= SF_VERDICT_WARNING)
			ck_assert_uint_ne(strlen(findings[i].advice), 0);
	}
	sf_mirror_fini(&mirror);
}

static enum sf_verdict verdict(const char *name)
{
	ck_assert_msg(find(name) != NULL, "no finding %s", name);
	return find(name)->verdict;
}

static const struct sf_mirror_host one_queue = {
	.name = "eth7", .mac_count = 1, .mtu = 1500, .queues = 1
};

START_TEST(silence_is_a_problem)
{
	start(&one_queue);
	finish();
	ck_assert_int_eq(verdict("traffic"), SF_VERDICT_PROBLEM);
}
END_TEST

START_TEST(a_healthy_mirror_is_ok)
{
	struct frame frame;

	start(&one_queue);
	for (unsigned i = 0; i < 100; i++) {
		watch(make(&frame, 1, 2, 6, 4000, 80, 2 * i), 0);
		watch(make(&frame, 2, 1, 6, 80, 4000, 2 * i + 1), 0);
	}
	finish();
	ck_assert_int_eq(verdict("traffic"), SF_VERDICT_OK);
	ck_assert_int_eq(verdict("mirror"), SF_VERDICT_OK);
	ck_assert_int_eq(verdict("directions"), SF_VERDICT_OK);
	ck_assert_int_eq(verdict("duplicates"), SF_VERDICT_OK);
	ck_assert_int_eq(verdict("truncated"), SF_VERDICT_OK);
	ck_assert_int_eq(verdict("merged"), SF_VERDICT_OK);
	ck_assert_int_eq(verdict("dropped"), SF_VERDICT_OK);
	ck_assert_int_eq(verdict("clock"), SF_VERDICT_OK);
	ck_assert_ptr_null(find("encapsulation"));
	ck_assert_ptr_null(find("steering"));
}
END_TEST

START_TEST(an_ordinary_port_is_told_from_a_mirror)
{
	struct sf_mirror_host host = one_queue;
	struct frame frame;

	memcpy(host.mac[0], own_mac, 6);
	start(&host);
	make(&frame, 1, 2, 6, 4000, 80, 1);
	memcpy(frame.bytes, own_mac, 6);
	watch(&frame.packet, 0);
	make(&frame, 1, 2, 17, 68, 67, 2);
	memset(frame.bytes, 0xff, 6);
	watch(&frame.packet, 0);
	finish();
	ck_assert_int_eq(verdict("mirror"), SF_VERDICT_PROBLEM);
}
END_TEST

START_TEST(one_direction_only_is_a_problem)
{
	struct frame frame;

	start(&one_queue);
	for (unsigned i = 0; i < 10; i++)
		watch(make(&frame, 1, 2, 6, 4000, 80, i), 0);
	finish();
	ck_assert_int_eq(verdict("directions"), SF_VERDICT_PROBLEM);
}
END_TEST

START_TEST(copies_are_a_warning)
{
	struct frame frame;

	start(&one_queue);
	for (unsigned i = 0; i < 100; i++) {
		make(&frame, 1, 2, 6, 4000, 80, i);
		watch(&frame.packet, 0);
		watch(&frame.packet, 0);
	}
	finish();
	ck_assert_int_eq(verdict("duplicates"), SF_VERDICT_WARNING);
}
END_TEST

/* One tunnel without identifications: its packets differ only far behind the outer header. */
START_TEST(packets_of_a_tunnel_are_no_copies)
{
	static uint8_t bytes[1400];
	struct frame frame;
	struct sf_packet packet = *make(&frame, 1, 2, 17, 999, 4789, 0);

	memcpy(bytes, frame.bytes, sizeof(frame.bytes));
	sf_store_be16(bytes + 16, sizeof(bytes) - 14);
	packet.data = bytes;
	packet.captured = packet.wire = sizeof(bytes);
	start(&one_queue);
	for (unsigned i = 0; i < 500; i++) {
		sf_store_be16(bytes + 1390, (uint16_t)i);
		packet.time_ns = SECOND + i;
		watch(&packet, 0);
	}
	finish();
	ck_assert_int_eq(verdict("duplicates"), SF_VERDICT_OK);
	ck_assert_uint_eq(mirror.dedup.duplicates, 0);
}
END_TEST

START_TEST(damage_is_told_by_kind)
{
	struct sf_mirror_host host = one_queue;
	struct frame frame;

	host.mtu = 40;
	start(&host);
	make(&frame, 1, 2, 6, 4000, 80, 1);
	frame.packet.wire = frame.packet.captured = 64; /* the mirror cut it; IP says 60 + 14 */
	watch(&frame.packet, 0);
	stats.dropped_kernel = 3;
	finish();
	ck_assert_int_eq(verdict("truncated"), SF_VERDICT_WARNING);
	ck_assert_int_eq(verdict("merged"), SF_VERDICT_WARNING);
	ck_assert_int_eq(verdict("dropped"), SF_VERDICT_WARNING);
}
END_TEST

START_TEST(a_frame_cut_by_our_own_snap_length_is_no_damage)
{
	struct frame frame;

	start(&one_queue);
	make(&frame, 1, 2, 6, 4000, 80, 1);
	frame.packet.captured = 64;
	watch(&frame.packet, 0);
	finish();
	ck_assert_int_eq(verdict("truncated"), SF_VERDICT_OK);
}
END_TEST

START_TEST(tags_stripped_or_seen)
{
	struct sf_mirror_host host = one_queue;
	struct frame frame;

	start(&one_queue);
	watch(make(&frame, 1, 2, 6, 4000, 80, 1), 0);
	finish();
	ck_assert_int_eq(verdict("vlan"), SF_VERDICT_OK);
	ck_assert_str_eq(find("vlan")->advice, "");

	host.tags_stripped = true;
	start(&host);
	watch(make(&frame, 1, 2, 6, 4000, 80, 1), 0);
	finish();
	ck_assert_int_eq(verdict("vlan"), SF_VERDICT_NOTE);
	ck_assert_ptr_nonnull(strstr(find("vlan")->advice, "ethtool -K eth7 rxvlan off"));

	start(&one_queue);
	make(&frame, 1, 2, 6, 4000, 80, 1);
	frame.packet.flags = SF_PACKET_VLAN;
	frame.packet.vlan_tci = 7;
	watch(&frame.packet, 0);
	finish();
	ck_assert_int_eq(verdict("vlan"), SF_VERDICT_OK);
}
END_TEST

START_TEST(conversations_spread_over_queues_are_noted)
{
	struct sf_mirror_host host = one_queue;
	struct frame frame;

	host.queues = 2;
	start(&host);
	watch(make(&frame, 1, 2, 6, 4000, 80, 1), 0);
	watch(make(&frame, 2, 1, 6, 80, 4000, 2), 1);
	finish();
	ck_assert_int_eq(verdict("steering"), SF_VERDICT_NOTE);

	start(&host);
	watch(make(&frame, 1, 2, 6, 4000, 80, 1), 1);
	watch(make(&frame, 2, 1, 6, 80, 4000, 2), 1);
	finish();
	ck_assert_int_eq(verdict("steering"), SF_VERDICT_OK);
}
END_TEST

START_TEST(a_wrong_clock_is_noted)
{
	struct frame frame;

	start(&one_queue);
	make(&frame, 1, 2, 6, 4000, 80, 1);
	frame.packet.time_ns += 2 * SECOND;
	watch(&frame.packet, 0);
	watch(make(&frame, 1, 2, 6, 4000, 80, 2), 0);
	finish();
	ck_assert_int_eq(verdict("clock"), SF_VERDICT_NOTE);
}
END_TEST

/* An IPv4 packet of `protocol` whose payload is given, large enough for what lies inside. */
static const struct sf_packet *carrying(
	uint8_t protocol, uint16_t to, const uint8_t *payload, size_t length)
{
	static uint8_t bytes[256];
	static struct sf_packet packet;
	struct frame frame;
	size_t header = protocol == 17 ? 42 : 34;

	memset(bytes, 0, sizeof(bytes));
	packet = *make(&frame, 1, 2, protocol, 999, to, 1);
	memcpy(bytes, frame.bytes, header);
	memcpy(bytes + header, payload, length);
	sf_store_be16(bytes + 16, sizeof(bytes) - 14);
	packet.data = bytes;
	packet.captured = packet.wire = sizeof(bytes);
	return &packet;
}

#define INNER_IPV4 0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0, 10, 1, 1, 1, 10, 1, 1, 2
#define INNER_MACS 2, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 8

static const struct carrier {
	const char *name; /* in the text of the finding; NULL: nothing is found */
	const char *finding;
	uint8_t protocol;
	uint16_t port;
	uint8_t payload[64];
} carriers[] = {
	{ "1 ERSPAN", "encapsulation", 47, 0, { 0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10 } },
	{ "1 ERSPAN", "encapsulation", 47, 0, { 0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20 } },
	{ "1 NVGRE", "tunnels", 47, 0, { 0x20, 0, 0x65, 0x58 } },
	{ "1 GRE", "tunnels", 47, 0, { 0, 0, 0x08, 0, INNER_IPV4 } },
	{ "1 VXLAN", "tunnels", 17, 4789,
		{ 8, 0, 0, 0, 0, 0, 1, 0, INNER_MACS, 8, 0, INNER_IPV4 } },
	{ NULL, "tunnels", 17, 4789, { 0x61, 0x62, 0x63 } },
	{ "1 GENEVE", "tunnels", 17, 6081,
		{ 1, 0, 0x65, 0x58, 0, 0, 1, 0, 1, 2, 3, 0, INNER_MACS, 8, 0, INNER_IPV4 } },
	{ NULL, "tunnels", 17, 6081, { 0xff, 0, 0x65, 0x58 } },
	{ "1 GTP-U", "tunnels", 17, 2152, { 0x30, 0xff, 0, 40, 0, 0, 0, 1, INNER_IPV4 } },
	{ NULL, "tunnels", 17, 2152, { 0x32, 1, 0, 4 } }, /* an echo request */
	{ "1 MPLS over UDP", "tunnels", 17, 6635, { 0, 0, 0x11, 64, INNER_IPV4 } },
	{ "1 TZSP", "encapsulation", 17, 37008, { 1, 0, 0, 1, 1, INNER_MACS, 8, 0, INNER_IPV4 } },
	{ "1 HPE ERM", "encapsulation", 17, 7932,
		{ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, INNER_MACS, 8, 0, INNER_IPV4 } },
	{ "1 Aruba ERM", "encapsulation", 17, 5555,
		{ 0x65, 0, 0, 0, 0, 0, 0, 9, 0, 0, 1, 0, 0, 0, 1, 0, 0x88 } },
	{ "1 L2TP", "tunnels", 17, 1701, { 0x40, 2, 0, 60, 0, 1, 0, 1, 0xff, 3, 0, 0x21 } },
	{ NULL, "tunnels", 17, 1701, { 0xc8, 2, 0, 60, 0, 1, 0, 1 } }, /* control */
	{ "1 IP in IP", "tunnels", 4, 0, { INNER_IPV4 } },
	{ "1 EtherIP", "tunnels", 97, 0, { 0x30, 0, INNER_MACS, 8, 0, INNER_IPV4 } },
};

#define CARRIERS (sizeof(carriers) / sizeof(carriers[0]))

START_TEST(packets_that_carry_others_are_named)
{
	for (size_t i = 0; i < CARRIERS; i++) {
		const struct carrier *carrier = &carriers[i];

		start(&one_queue);
		watch(carrying(carrier->protocol, carrier->port, carrier->payload,
			      sizeof(carrier->payload)),
			0);
		finish();
		if (!carrier->name) {
			ck_assert_msg(!find(carrier->finding), "row %zu is found", i);
			continue;
		}
		ck_assert_int_eq(verdict(carrier->finding), strcmp(carrier->finding, "tunnels") == 0
								    ? SF_VERDICT_WARNING
								    : SF_VERDICT_NOTE);
		ck_assert_ptr_nonnull(strstr(find(carrier->finding)->text, carrier->name));
	}
}
END_TEST

/* Every payload cut at every length: nothing is read beyond its end (sanitizers watch). */
START_TEST(headers_that_are_cut_off_are_read_no_further)
{
	for (size_t i = 0; i < CARRIERS; i++) {
		size_t header = carriers[i].protocol == 17 ? 42 : 34;
		const struct sf_packet *whole = carrying(carriers[i].protocol, carriers[i].port,
			carriers[i].payload, sizeof(carriers[i].payload));

		start(&one_queue);
		for (size_t length = header; length < header + 64; length++) {
			uint8_t *bytes = malloc(length);
			struct sf_packet packet = *whole;

			packet.data = memcpy(bytes, whole->data, length);
			packet.captured = (uint32_t)length;
			watch(&packet, 0);
			free(bytes);
		}
		ck_assert_uint_eq(mirror.ip, 64);
		finish();
	}
}
END_TEST

START_TEST(a_few_tunnel_packets_are_a_note)
{
	struct frame frame;

	start(&one_queue);
	for (unsigned i = 0; i < 20; i++)
		watch(make(&frame, 1, 2, 6, 4000, 80, i), 0);
	watch(carrying(47, 0, carriers[3].payload, 64), 0);
	finish();
	ck_assert_int_eq(verdict("tunnels"), SF_VERDICT_NOTE);
}
END_TEST

START_TEST(a_file_is_not_judged_as_a_port)
{
	const struct sf_mirror_host file = { .name = "x.pcap", .file = true, .queues = 1 };
	struct frame frame;

	start(&file);
	make(&frame, 1, 2, 17, 4000, 80, 1);
	frame.packet.captured = 64;
	watch(&frame.packet, 0);
	finish();
	ck_assert_ptr_null(find("dropped"));
	ck_assert_ptr_null(find("merged"));
	ck_assert_int_eq(verdict("snaplen"), SF_VERDICT_NOTE);
	ck_assert_int_eq(verdict("clock"), SF_VERDICT_OK); /* packets of 1970 */
	ck_assert_int_eq(sf_mirror_verdict(findings, finding_count), SF_VERDICT_NOTE);
}
END_TEST

START_TEST(flow_export_is_noted)
{
	struct frame frame;

	start(&one_queue);
	make(&frame, 1, 2, 17, 999, 2055, 1);
	frame.bytes[14 + 20 + 9] = 9;
	watch(&frame.packet, 0);
	finish();
	ck_assert_int_eq(verdict("export"), SF_VERDICT_NOTE);
}
END_TEST

/* ---------------------------------------------------------------- how long is observed */

/* A capture that gives one packet a call, and each call takes a second. */
static struct {
	struct sf_capture capture;
	struct frame frame;
	struct sf_loop *loop;
	unsigned calls;
	unsigned end_at; /* the call that returns: */
	int end;         /* this */
	struct sf_observation *stop;
} source;

static int take(struct sf_capture *capture, unsigned queue, struct sf_packet *packets, unsigned max)
{
	(void)capture;
	ck_assert_uint_eq(queue, source.calls % source.capture.queues);
	ck_assert_uint_ge(max, 1);
	if (++source.calls == source.end_at) {
		if (!source.stop)
			return source.end;
		sf_observation_stop(source.stop);
	}
	if (queue == source.capture.queues - 1)
		sf_loop_fake_clock(source.loop, sf_loop_now(source.loop) + SECOND);
	packets[0] = *make(&source.frame, 1, 2, 17, 999, 53, source.calls);
	packets[0].time_ns = SECOND * source.calls;
	return 1;
}

static const struct sf_capture_ops source_ops = { .recv = take };

/* Returns what sf_observe() does. */
static int observe(struct sf_observation *observation, bool live, unsigned queues)
{
	int result;

	start(&one_queue);
	ck_assert_int_eq(sf_loop_new(&source.loop), 0);
	sf_loop_fake_clock(source.loop, SECOND);
	source.calls = 0;
	source.capture = (struct sf_capture){ .ops = &source_ops, .live = live, .queues = queues };
	*observation = (struct sf_observation){
		.loop = source.loop, .mirror = &mirror, .capture = &source.capture
	};
	result = sf_observe(observation, 10 * SECOND);
	sf_loop_free(source.loop);
	return result;
}

START_TEST(observation_ends_by_time_end_failure_or_order)
{
	struct sf_observation observation;

	source.end_at = 0;
	ck_assert_int_eq(observe(&observation, true, 2), 0);
	ck_assert_uint_eq(source.calls, 20);
	ck_assert_uint_eq(mirror.frames, 20);
	ck_assert_double_eq(observation.seconds, 10);
	sf_mirror_fini(&mirror);
	/* files are read to their end; seconds are those of the packets */
	source.end_at = 40;
	source.end = SF_EOF;
	ck_assert_int_eq(observe(&observation, false, 1), 0);
	ck_assert_uint_eq(mirror.frames, 39);
	ck_assert_double_eq(observation.seconds, 38);
	sf_mirror_fini(&mirror);
	source.end_at = 3;
	source.end = -EIO;
	ck_assert_int_eq(observe(&observation, true, 1), -EIO);
	sf_mirror_fini(&mirror);
	source.stop = &observation;
	ck_assert_int_eq(observe(&observation, true, 1), 0);
	ck_assert_uint_eq(mirror.frames, 3);
	ck_assert_double_eq(observation.seconds, 3);
	sf_mirror_fini(&mirror);
}
END_TEST

CHECK_MAIN("mirror", silence_is_a_problem, a_healthy_mirror_is_ok,
	an_ordinary_port_is_told_from_a_mirror, one_direction_only_is_a_problem,
	copies_are_a_warning, packets_of_a_tunnel_are_no_copies, damage_is_told_by_kind,
	a_frame_cut_by_our_own_snap_length_is_no_damage, tags_stripped_or_seen,
	conversations_spread_over_queues_are_noted, a_wrong_clock_is_noted,
	packets_that_carry_others_are_named, headers_that_are_cut_off_are_read_no_further,
	a_few_tunnel_packets_are_a_note, a_file_is_not_judged_as_a_port, flow_export_is_noted,
	observation_ends_by_time_end_failure_or_order)
