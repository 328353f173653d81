/* SPDX-License-Identifier: BSD-2-Clause */
/* Workers that see the same packets: each packet is one worker's, and flows are whole. */
#include <string.h>

#include "base/wire.h"
#include "check_main.h"
#include "meter/share.h"

#define FRAME 96

static uint8_t frames[SF_BATCH_MAX][FRAME];
static struct sf_packet packets[SF_BATCH_MAX];
static const uint64_t factor[2] = { 0x9e3779b97f4a7c15, 0x0fedcba987654321 };

/* `p`: behind the link layer; ports 1 and 2, from endpoint `from`. */
static void put_ip(uint8_t *p, unsigned version, unsigned flow, unsigned from)
{
	unsigned size = version == 4 ? 4 : 16;
	uint8_t *source = p + (version == 4 ? 12 : 8);

	if (version == 4) {
		sf_store_be16(p, 0x4500);
		sf_store_be16(p + 2, 28);
		p[8] = 64;
		p[9] = 17;
	} else {
		p[0] = 0x60;
		sf_store_be16(p + 4, 8);
		p[6] = 17;
		p[7] = 64;
	}
	sf_store_be32(source + (from ? size : 0) + size - 4, 0x0a000000 + flow);
	sf_store_be32(source + (from ? 0 : size) + size - 4, 0x0b000000 + flow % 7);
	sf_store_be16(source + 2 * size, (uint16_t)(1 + from));
	sf_store_be16(source + 2 * size + 2, (uint16_t)(2 - from));
	sf_store_be16(source + 2 * size + 4, 8);
}

enum shape { PLAIN, TAGGED, TWO_TAGS, MPLS, RAW, SHORT, SHAPES };

static void make(unsigned i, enum shape shape, unsigned version, unsigned flow, unsigned from)
{
	uint8_t *p = memset(frames[i], 0, FRAME);
	uint16_t type = version == 4 ? 0x0800 : 0x86dd;
	unsigned tags = shape == TAGGED ? 1 : shape == TWO_TAGS ? 2 : 0;

	packets[i] = (struct sf_packet){
		.data = p,
		.time_ns = i,
		.captured = FRAME,
		.wire = FRAME,
		.link = shape == RAW ? SF_LINK_RAW : SF_LINK_ETHERNET,
	};
	if (shape != RAW)
		p += 12;
	for (; tags; tags--) {
		p = sf_store_be16(p, 0x8100);
		p = sf_store_be16(p, 5);
	}
	if (shape == MPLS) {
		p = sf_store_be16(p, 0x8847);
		p = sf_store_be32(p, 100 << 12 | 1 << 8 | 64);
	} else if (shape != RAW) {
		p = sf_store_be16(p, type);
	}
	put_ip(p, version, flow, from);
	/* the IP header alone */
	if (shape == SHORT)
		packets[i].captured = (uint32_t)(p - frames[i]) + (version == 4 ? 20 : 40);
}

/* The worker that keeps packet 0, which must be one. */
static unsigned owner(unsigned workers)
{
	struct sf_share share = { .workers = workers };
	unsigned owners = 0, found = 0;

	memcpy(share.factor, factor, sizeof(factor));
	for (unsigned me = 0; me < workers; me++) {
		struct sf_packet packet[1] = { packets[0] };
		int64_t clock = 1;

		if (sf_share_keep(&share, me, packet, &clock, 1)) {
			owners++;
			found = me;
		}
	}
	ck_assert_uint_eq(owners, 1);
	return found;
}

START_TEST(all_packets_of_a_pair_have_one_owner)
{
	unsigned counts[3] = { 0 };

	for (unsigned version = 4; version <= 6; version += 2)
		for (unsigned flow = 0; flow < 300; flow++) {
			unsigned want;

			make(0, PLAIN, version, flow, 0);
			want = owner(3);
			counts[want]++;
			for (unsigned shape = 0; shape < SHAPES; shape++)
				for (unsigned from = 0; from < 2; from++) {
					make(0, (enum shape)shape, version, flow, from);
					ck_assert_uint_eq(owner(3), want);
				}
		}
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_gt(counts[i], 150);
}
END_TEST

START_TEST(frames_without_addresses_are_worker_0s)
{
	make(0, PLAIN, 4, 1, 0);
	sf_store_be16(frames[0] + 12, 0x0806);
	ck_assert_uint_eq(owner(5), 0);
	for (uint32_t length = 0; length < 34; length++) {
		make(0, PLAIN, 4, 1, 0);
		packets[0].captured = length;
		ck_assert_uint_eq(owner(5), 0);
	}
}
END_TEST

START_TEST(order_and_clocks_stay)
{
	struct sf_share share = { .workers = 2 };
	unsigned total = 0;

	memcpy(share.factor, factor, sizeof(factor));
	for (unsigned me = 0; me < 2; me++) {
		int64_t clock[SF_BATCH_MAX];
		unsigned kept;

		for (unsigned i = 0; i < SF_BATCH_MAX; i++) {
			make(i, (enum shape)(i % SHAPES), i % 2 ? 4 : 6, i, 0);
			clock[i] = 1000 + i;
		}
		kept = sf_share_keep(&share, me, packets, clock, SF_BATCH_MAX);
		for (unsigned i = 0; i < kept; i++) {
			ck_assert_int_eq(clock[i], 1000 + packets[i].time_ns);
			if (i)
				ck_assert_int_gt(clock[i], clock[i - 1]);
		}
		total += kept;
	}
	ck_assert_uint_eq(total, SF_BATCH_MAX);
}
END_TEST

CHECK_MAIN("share", all_packets_of_a_pair_have_one_owner, frames_without_addresses_are_worker_0s,
	order_and_clocks_stay)
