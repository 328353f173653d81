/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs of plain packets: which packets belong to one, where it ends, and what it says. That it says
 * the same as sf_parse() of any packet is held by check_ways() in the other tests of the parser.
 */
#include "check_main.h"

#include "parse/plain.h"
#include "parse/run.h"

#define SCOPE 0x1234
#define BASE  0xfe00
#define MOST  16

/* A plain packet that the tests change. */
static const uint8_t plain_tcp[] = { 2, 0, 0, 0, 0, 0xd1, 2, 0, 0, 0, 0, 0x51, 0x08, 0x00, 0x45,
	0xb8, 0, 60, 1, 2, 0x40, 0, 64, 6, 3, 4, 192, 0, 2, 1, 192, 0, 2, 2, 0x10, 0, 0, 80, 5, 6,
	7, 8, 9, 10, 11, 12, 0x5f, 0xff };

struct frame {
	uint8_t data[sizeof(plain_tcp)];
	struct sf_packet packet;
};

static void make(struct frame *frame)
{
	memcpy(frame->data, plain_tcp, sizeof(plain_tcp));
	frame->packet = (struct sf_packet){ .data = frame->data,
		.captured = sizeof(frame->data),
		.wire = 74,
		.time_ns = 77,
		.link = SF_LINK_ETHERNET,
		.interface = 0x0203 };
}

/* How many of `count` packets are a run. */
static unsigned run_of(const struct frame *frames, unsigned count, struct sf_facts *out)
{
	struct sf_packet packets[MOST];

	for (unsigned i = 0; i < count; i++)
		packets[i] = frames[i].packet;
	memset(out, 0, count * sizeof(*out));
	return sf_parse_run_here()(packets, count, out, SCOPE, BASE);
}

static unsigned run_of_one(const struct frame *frame)
{
	struct sf_facts out;

	return run_of(frame, 1, &out);
}

START_TEST(facts_are_those_of_the_scalar_way)
{
	struct frame frames[8];
	struct sf_facts out[8], other;

	for (unsigned i = 0; i < 8; i++) {
		make(&frames[i]);
		frames[i].packet.time_ns = INT64_MIN + i;
		frames[i].data[23] = i & 1 ? 17 : 6;
		frames[i].data[29] = i & 2 ? 3 : 1;    /* swaps endpoints */
		frames[i].data[20] = i & 4 ? 0xc0 : 0; /* neither says that it is a fragment */
	}
	ck_assert_uint_eq(run_of(frames, 8, out), 8);
	for (unsigned i = 0; i < 8; i++) {
		memset(&other, 0, sizeof(other));
		ck_assert(sf_parse_plain(&frames[i].packet, &other, SCOPE, BASE, false));
		ck_assert_mem_eq(&out[i], &other, sizeof(other));
		ck_assert_uint_eq(out[i].scope, SCOPE);
		ck_assert_uint_eq(out[i].interface, (uint16_t)(BASE + 0x0203));
		ck_assert_uint_eq(out[i].tcp_flags, i & 1 ? 0 : 0xfff);
	}
}
END_TEST

/* One octet of the frame that is different. */
static const struct {
	unsigned at;
	uint8_t value;
} odd[] = {
	{ 12, 0x86 },                          /* Ethernet type */
	{ 13, 0xdd }, { 14, 0x46 },            /* options */
	{ 14, 0x65 },                          /* version */
	{ 17, PLAIN_IPV4 - 1 },                /* shorter than what is read */
	{ 20, 0x20 },                          /* more fragments */
	{ 20, 0x01 },                          /* a later one */
	{ 21, 0x01 }, { 23, 1 },               /* ICMP */
	{ 23, 0x26 }, { 23, 0x86 }, { 33, 1 }, /* both addresses the same */
};

START_TEST(what_is_not_plain_ends_a_run)
{
	struct frame frame, frames[3];
	struct sf_facts out[3];

	make(&frame);
	ck_assert_uint_eq(run_of_one(&frame), 1);
	for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		for (unsigned k = 0; k < 3; k++)
			make(&frames[k]);
		frames[1].data[odd[i].at] = odd[i].value;
		ck_assert_msg(
			run_of(frames, 3, out) == 1, "octet %u is %u", odd[i].at, odd[i].value);
		/* what comes after the run is left as it was */
		for (unsigned k = 0; k < sizeof(out[2]); k++)
			ck_assert_uint_eq(((uint8_t *)&out[2])[k], 0);
	}
	make(&frame);
	frame.packet.captured = PLAIN_ETHERNET + PLAIN_IPV4 - 1;
	ck_assert_uint_eq(run_of_one(&frame), 0);
	make(&frame);
	frame.packet.link = SF_LINK_RAW;
	ck_assert_uint_eq(run_of_one(&frame), 0);
	make(&frame);
	frame.packet.flags = SF_PACKET_VLAN;
	ck_assert_uint_eq(run_of_one(&frame), 0);
}
END_TEST

/* … and so does another interface, link type or a tag that is not in the bytes. */
START_TEST(another_source_ends_a_run)
{
	for (unsigned what = 0; what < 3; what++) {
		struct frame frames[3];
		struct sf_facts out[3];

		for (unsigned k = 0; k < 3; k++)
			make(&frames[k]);
		frames[2].packet.interface += what == 0;
		frames[2].packet.link += what == 1;
		frames[2].packet.flags = what == 2 ? SF_PACKET_VLAN : 0;
		ck_assert_uint_eq(run_of(frames, 3, out), 2);
	}
}
END_TEST

/* The octets of plain packets at random: a run has all that the scalar way has, but for two cases. */
START_TEST(any_plain_packet)
{
	uint64_t state = 1;
	unsigned taken = 0;

	for (unsigned round = 0; round < 200000; round++) {
		struct sf_facts out, other = { 0 };
		struct frame frame;
		bool plain;

		make(&frame);
		for (unsigned i = 0; i < sizeof(frame.data); i++) {
			state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
			/* mostly what makes it plain stays */
			if ((i < 12 || i == 15 || i == 17 || i == 22 || i > 23) || state >> 58 == 0)
				frame.data[i] = (uint8_t)(state >> 48);
		}
		if (state >> 63)
			frame.data[23] ^= 6 ^ 17;
		plain = sf_parse_plain(&frame.packet, &other, SCOPE, BASE, false);
		if (run_of(&frame, 1, &out) == 0) {
			ck_assert(!plain || other.version == 6 ||
				  other.address >> 32 == (uint32_t)other.address);
			continue;
		}
		taken++;
		ck_assert(plain);
		ck_assert_mem_eq(&out, &other, sizeof(other));
	}
	ck_assert_uint_gt(taken, 100000);
}
END_TEST

CHECK_MAIN_UNLESS(sf_parse_run_here() ? NULL : "vector instructions that are used", "parse_run",
	facts_are_those_of_the_scalar_way, what_is_not_plain_ends_a_run, another_source_ends_a_run,
	any_plain_packet)
