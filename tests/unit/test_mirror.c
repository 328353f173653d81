/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Findings of `spanflow check`: each has a case in which it is raised and one in which it is not.
 */
#include <string.h>

#include "base/wire.h"
#include "check_main.h"
#include "meter/mirror.h"

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

static const struct sf_mirror_host one_queue = { .mac_count = 1, .mtu = 1500, .queues = 1 };

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

START_TEST(one_direction_only_is_a_warning)
{
	struct frame frame;

	start(&one_queue);
	for (unsigned i = 0; i < 10; i++)
		watch(make(&frame, 1, 2, 6, 4000, 80, i), 0);
	finish();
	ck_assert_int_eq(verdict("directions"), SF_VERDICT_WARNING);
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
	struct frame frame;

	start(&one_queue);
	watch(make(&frame, 1, 2, 6, 4000, 80, 1), 0);
	finish();
	ck_assert_int_eq(verdict("vlan"), SF_VERDICT_NOTE);

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

/* PROTOCOLS §26.7: ERSPAN II is GRE type 0x88be; VXLAN has flag I; TZSP version 1 on 37008. */
START_TEST(remote_mirrors_are_recognised)
{
	struct frame frame;

	for (unsigned kind = 0; kind < 3; kind++) {
		static const uint16_t ports[] = { 0x88be, 4789, 37008 };
		static const uint8_t first[] = { 0, 0x08, 1 };

		start(&one_queue);
		make(&frame, 1, 2, kind ? 17 : 47, kind ? 999 : 0x1000, ports[kind], 1);
		frame.bytes[14 + 20 + 8] = first[kind];
		watch(&frame.packet, 0);
		finish();
		ck_assert_int_eq(verdict("encapsulation"), SF_VERDICT_WARNING);
	}
	/* a random flow on the VXLAN port is not VXLAN */
	start(&one_queue);
	watch(make(&frame, 1, 2, 17, 999, 4789, 1), 0);
	finish();
	ck_assert_ptr_null(find("encapsulation"));
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

CHECK_MAIN("mirror", silence_is_a_problem, a_healthy_mirror_is_ok,
	an_ordinary_port_is_told_from_a_mirror, one_direction_only_is_a_warning,
	copies_are_a_warning, packets_of_a_tunnel_are_no_copies, damage_is_told_by_kind,
	a_frame_cut_by_our_own_snap_length_is_no_damage, tags_stripped_or_seen,
	conversations_spread_over_queues_are_noted, a_wrong_clock_is_noted,
	remote_mirrors_are_recognised, flow_export_is_noted)
