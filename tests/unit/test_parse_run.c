/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs of plain packets: which packets belong to one, where it ends, and what it says. That it says
 * the same as sf_parse() of any packet is held by check_ways() in the other tests of the parser.
 */
#include <stdlib.h>
#include <string.h>

#include "check_main.h"
#include "parse/plain.h"
#include "parse/run.h"

#define SCOPE 0x1234
#define BASE  0xfe00
#define MOST  16
#define TAG   4

enum kind { IPV4, IPV6, TAGGED_IPV4, TAGGED_IPV6, KINDS };

static bool is_tagged(enum kind kind)
{
	return kind >= TAGGED_IPV4;
}

/* Plain packets that the tests change: as much of them as is read. */
#define MACS      2, 0, 0, 0, 0, 0xd1, 2, 0, 0, 0, 0, 0x51
#define TRANSPORT 0x10, 0, 0, 80, 5, 6, 7, 8, 9, 10, 11, 12, 0x5f, 0xff

static const uint8_t ipv4[] = { MACS, 0x08, 0x00, 0x45, 0xb8, 0, 60, 1, 2, 0x40, 0, 64, 6, 3, 4,
	192, 0, 2, 1, 192, 0, 2, 2, TRANSPORT };
static const uint8_t ipv6[] = { MACS, 0x86, 0xdd, 0x6b, 0x81, 2, 3, 0, 40, 6, 63, 0x20, 1, 0xd,
	0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 2, TRANSPORT };
static const uint8_t tag[TAG] = { 0x81, 0x00, 0x6f, 0xed }; /* VLAN 4077 */

struct frame {
	uint8_t data[sizeof(ipv6) + TAG];
	struct sf_packet packet;
};

static void make(struct frame *frame, enum kind kind)
{
	const uint8_t *plain = kind == IPV4 || kind == TAGGED_IPV4 ? ipv4 : ipv6;
	uint32_t length = plain == ipv4 ? sizeof(ipv4) : sizeof(ipv6),
		 gap = is_tagged(kind) ? TAG : 0;

	memcpy(frame->data, plain, sizeof((uint8_t[]){ MACS }));
	memcpy(frame->data + 12, tag, gap);
	memcpy(frame->data + 12 + gap, plain + 12, length - 12);
	frame->packet = (struct sf_packet){ .data = frame->data,
		.captured = length + gap,
		.wire = length + gap,
		.time_ns = 77,
		.link = SF_LINK_ETHERNET,
		.interface = 0x0203 };
}

/* How many of `count` packets are a run. Nothing but what was captured may be read. */
static unsigned run_of(const struct frame *frames, unsigned count, struct sf_facts *out)
{
	struct sf_packet packets[MOST];
	uint8_t *captured[MOST];
	unsigned n;

	for (unsigned i = 0; i < count; i++) {
		packets[i] = frames[i].packet;
		captured[i] = malloc(packets[i].captured);
		packets[i].data = memcpy(captured[i], frames[i].data, packets[i].captured);
	}
	memset(out, 0, count * sizeof(*out));
	n = sf_parse_run_here()(packets, count, out, SCOPE, BASE);
	for (unsigned i = 0; i < count; i++)
		free(captured[i]);
	return n;
}

static unsigned run_of_one(const struct frame *frame)
{
	struct sf_facts out;

	return run_of(frame, 1, &out);
}

/* What sf_parse() says, as far as a run says it. */
static void check_facts(const struct frame *frame, const struct sf_facts *facts)
{
	struct sf_facts other = { 0 };

	ck_assert_int_eq(sf_parse(&frame->packet, &other), SF_PARSED);
	ck_assert_uint_eq(facts->scope, SCOPE);
	ck_assert_uint_eq(facts->interface, (uint16_t)(BASE + other.interface));
	other.scope = SCOPE;
	other.interface = facts->interface;
	ck_assert_mem_eq(facts, &other, offsetof(struct sf_facts, mpls));
}

START_TEST(facts_are_those_of_the_parser)
{
	for (enum kind kind = 0; kind < KINDS; kind++) {
		unsigned at = is_tagged(kind) ? TAG : 0;
		bool is_ipv4 = kind == IPV4 || kind == TAGGED_IPV4;
		struct frame frames[8];
		struct sf_facts out[8];

		for (unsigned i = 0; i < 8; i++) {
			make(&frames[i], kind);
			frames[i].packet.time_ns = INT64_MIN + i;
			frames[i].data[at + (is_ipv4 ? 23 : 20)] = i & 1 ? 17 : 6;
			/* the smaller source, or the smaller destination */
			frames[i].data[at + (is_ipv4 ? 29 : 37)] = i & 2 ? 3 : 0;
			if (is_ipv4) /* neither says that it is a fragment */
				frames[i].data[at + 20] = i & 4 ? 0xc0 : 0;
			else /* traffic class, flow label */
				frames[i].data[at + 15] ^= i & 4 ? 0xff : 0;
		}
		ck_assert_uint_eq(run_of(frames, 8, out), 8);
		for (unsigned i = 0; i < 8; i++) {
			check_facts(&frames[i], &out[i]);
			ck_assert_uint_eq(out[i].tcp_flags, i & 1 ? 0 : 0xfff);
			ck_assert_uint_eq(out[i].tags, is_tagged(kind) ? 4077U << 20 : 0);
		}
	}
}
END_TEST

/* The octets before it are the same, those behind it speak for the other order. */
static void check_deciding(enum kind kind, unsigned source, unsigned length)
{
	for (unsigned k = 0; k <= length; k++)
		for (unsigned larger = 0; larger < 2; larger++) {
			struct frame frame;
			struct sf_facts out;
			uint8_t *ends;

			make(&frame, kind);
			ends = frame.data + (is_tagged(kind) ? TAG : 0) + source;
			for (unsigned i = 0; i < length; i++) {
				ends[i] = (uint8_t)(7 + (i == k ? larger : i > k && !larger));
				ends[length + i] =
					(uint8_t)(7 + (i == k ? !larger : i > k && larger));
			}
			/* ports, where no octet of the addresses does */
			ends[2 * length] = larger;
			ends[2 * length + 2] = !larger;
			ck_assert_uint_eq(run_of(&frame, 1, &out), 1);
			ck_assert(!(out.flags & SF_FACT_SWAPPED) == !larger);
			check_facts(&frame, &out);
		}
}

START_TEST(any_octet_may_decide_the_order)
{
	check_deciding(IPV4, 26, 4);
	check_deciding(TAGGED_IPV4, 26, 4);
	check_deciding(IPV6, 22, 16);
	check_deciding(TAGGED_IPV6, 22, 16);
}
END_TEST

START_TEST(a_run_has_all_kinds)
{
	struct frame frames[MOST];
	struct sf_facts out[MOST];

	for (unsigned i = 0; i < MOST; i++)
		make(&frames[i], (enum kind)(i * 7 / 3 % KINDS));
	ck_assert_uint_eq(run_of(frames, MOST, out), MOST);
	for (unsigned i = 0; i < MOST; i++)
		check_facts(&frames[i], &out[i]);
}
END_TEST

/* One octet of an untagged frame that is different. */
struct odd {
	unsigned at;
	uint8_t value;
};

static const struct odd odd_ipv4[] = {
	{ 12, 0x86 }, /* Ethernet type */
	{ 13, 0xdd },
	{ 14, 0x46 },           /* options */
	{ 14, 0x65 },           /* version */
	{ 17, PLAIN_IPV4 - 1 }, /* shorter than what is read */
	{ 20, 0x20 },           /* more fragments */
	{ 20, 0x01 },           /* a later one */
	{ 21, 0x01 },
	{ 23, 1 }, /* ICMP */
	{ 23, 0x26 },
	{ 23, 0x86 },
};

static const struct odd odd_ipv6[] = {
	{ 12, 0x08 },
	{ 13, 0x00 },                /* Ethernet type */
	{ 14, 0x4b },                /* version */
	{ 19, PLAIN_TRANSPORT - 1 }, /* shorter than what is read */
	{ 20, 0 },                   /* extension header */
	{ 20, 58 },
	{ 20, 0x26 },
	{ 20, 0x86 },
};

static void check_odd(enum kind kind, unsigned at, uint8_t value)
{
	struct frame frames[3];
	struct sf_facts out[3];

	for (unsigned k = 0; k < 3; k++)
		make(&frames[k], kind);
	frames[1].data[at] = value;
	ck_assert_msg(run_of(frames, 3, out) == 1, "kind %u, octet %u is %u", kind, at, value);
	/* what comes after the run is left as it was */
	for (unsigned k = 0; k < sizeof(out[2]); k++)
		ck_assert_uint_eq(((uint8_t *)&out[2])[k], 0);
}

START_TEST(what_is_not_plain_ends_a_run)
{
	for (enum kind kind = 0; kind < KINDS; kind++) {
		bool is_ipv4 = kind == IPV4 || kind == TAGGED_IPV4;
		const struct odd *odd = is_ipv4 ? odd_ipv4 : odd_ipv6;
		size_t count = is_ipv4 ? sizeof(odd_ipv4) : sizeof(odd_ipv6);
		struct frame frame;

		make(&frame, kind);
		ck_assert_uint_eq(run_of_one(&frame), 1);
		for (size_t i = 0; i < count / sizeof(*odd); i++)
			check_odd(kind, odd[i].at + (is_tagged(kind) ? TAG : 0), odd[i].value);
		frame.packet.captured--;
		ck_assert_uint_eq(run_of_one(&frame), 0);
		make(&frame, kind);
		frame.packet.link = SF_LINK_RAW;
		ck_assert_uint_eq(run_of_one(&frame), 0);
		make(&frame, kind);
		frame.packet.flags = SF_PACKET_VLAN;
		ck_assert_uint_eq(run_of_one(&frame), 0);
	}
	check_odd(TAGGED_IPV4, 12, 0x91); /* another type of tag */
	check_odd(TAGGED_IPV6, 13, 0x01);
	check_odd(TAGGED_IPV4, 16, 0x81); /* a second tag */
}
END_TEST

/* VLAN 0 is none. */
START_TEST(priority_tag_ends_a_run)
{
	struct frame frame;

	make(&frame, TAGGED_IPV4);
	frame.data[14] = 0xe0;
	frame.data[15] = 0;
	ck_assert_uint_eq(run_of_one(&frame), 0);
	frame.data[15] = 1;
	ck_assert_uint_eq(run_of_one(&frame), 1);
}
END_TEST

/* … and so does another interface, link type or a tag that is not in the bytes. */
START_TEST(another_source_ends_a_run)
{
	for (unsigned what = 0; what < 3; what++) {
		struct frame frames[3];
		struct sf_facts out[3];

		for (unsigned k = 0; k < 3; k++)
			make(&frames[k], IPV4);
		frames[2].packet.interface += what == 0;
		frames[2].packet.link += what == 1;
		frames[2].packet.flags = what == 2 ? SF_PACKET_VLAN : 0;
		ck_assert_uint_eq(run_of(frames, 3, out), 2);
	}
}
END_TEST

/* True if the packet belongs to a run: by the scalar parser, of the frame without its tag. */
static bool belongs(const struct frame *frame)
{
	struct frame untagged = *frame;
	struct sf_facts facts = { 0 };

	if (sf_load_be16(frame->data + 12) == ETHERTYPE_VLAN) {
		if (!(sf_load_be16(frame->data + 14) & 0x0fff))
			return false;
		memmove(untagged.data + 12, untagged.data + 12 + TAG, sizeof(ipv6) - 12);
		untagged.packet.captured -= TAG;
	}
	untagged.packet.data = untagged.data;
	return sf_parse_plain(&untagged.packet, &facts, SCOPE, BASE, false);
}

/* True if the receiver's port may be one of mirrors. */
static bool is_to_mirror(const struct frame *frame)
{
	size_t at = frame->packet.captured - sizeof((uint8_t[]){ TRANSPORT }) + 2;

	return (sf_load_be16(frame->data + at) & SF_MIRROR_PORT_BITS) == SF_MIRROR_PORT_VALUE;
}

/* Octets of plain packets at random, most of those that make it plain left as they are. */
START_TEST(any_plain_packet)
{
	uint64_t state = 1;
	unsigned taken[KINDS] = { 0 };

	for (unsigned round = 0; round < 400000; round++) {
		enum kind kind = (enum kind)(round % KINDS);
		bool is_ipv4 = kind == IPV4 || kind == TAGGED_IPV4;
		struct sf_facts out;
		struct frame frame;

		make(&frame, kind);
		for (unsigned i = 0; i < frame.packet.captured; i++) {
			unsigned at = i >= 16 && is_tagged(kind) ? i - TAG : i;
			bool any = is_ipv4 ? at == 15 || at == 17 || at == 22 || at > 23
					   : at == 15 || at == 16 || at == 17 || at > 20;

			state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
			if (i < 12 || (any && (i != 15 || !is_tagged(kind))) || state >> 58 == 0)
				frame.data[i] = (uint8_t)(state >> 48);
		}
		if (state >> 63)
			frame.data[(is_tagged(kind) ? TAG : 0) + (is_ipv4 ? 23 : 20)] ^= 6 ^ 17;
		if (run_of(&frame, 1, &out) == 0) {
			ck_assert(!belongs(&frame) || is_to_mirror(&frame));
			continue;
		}
		taken[kind]++;
		ck_assert(belongs(&frame));
		check_facts(&frame, &out);
	}
	for (enum kind kind = 0; kind < KINDS; kind++)
		ck_assert_uint_gt(taken[kind], 50000);
}
END_TEST

CHECK_MAIN_UNLESS(sf_parse_run_here() ? NULL : "vector instructions that are used", "parse_run",
	facts_are_those_of_the_parser, any_octet_may_decide_the_order, a_run_has_all_kinds,
	what_is_not_plain_ends_a_run, priority_tag_ends_a_run, another_source_ends_a_run,
	any_plain_packet)
