/* SPDX-License-Identifier: BSD-2-Clause */
/* Workers that see the same packets: each packet is one worker's, and flows are whole. */
#include <string.h>

#include "base/wire.h"
#include "check_main.h"
#include "meter/share.h"

#define FRAME 96
#define LIMIT 1000 /* ns: a longer step must be confirmed */

static uint8_t frames[SF_BATCH_MAX][FRAME];
static struct sf_packet packets[SF_BATCH_MAX];
static const uint64_t secret[2] = { 0x9e3779b97f4a7c14, 0x0fedcba987654321 };

static unsigned random_below(unsigned limit)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005 + 1442695040888963407;
	return (unsigned)((state >> 33) % limit);
}

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

static struct sf_part part_of(unsigned me, unsigned workers, struct sf_clock *clock)
{
	struct sf_part part;

	sf_clock_init(clock, LIMIT);
	sf_share_part(&part, workers, me, secret, clock);
	return part;
}

/* The worker that keeps packet 0, which must be one. */
static unsigned owner(unsigned workers)
{
	unsigned owners = 0, found = 0;

	for (unsigned me = 0; me < workers; me++) {
		struct sf_packet packet[1] = { packets[0] };
		struct sf_clock clock;
		struct sf_part part = part_of(me, workers, &clock);

		if (sf_part_keep(&part, packet, 0, 1)) {
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

/* Mostly a step forward, at times one back, seldom a jump that others may confirm. */
static int64_t next_time(int64_t time, unsigned *jump)
{
	unsigned kind = random_below(200);

	if (*jump) {
		(*jump)--;
		return time + 1;
	}
	if (kind == 0) {
		*jump = random_below(2 * SF_CLOCK_AGREE);
		return time + 3 * LIMIT;
	}
	return kind < 20 ? time - random_below(LIMIT) : time + random_below(LIMIT);
}

/* What is kept comes in order, with the clock that all packets make. */
START_TEST(the_clock_goes_by_all_packets)
{
	enum { WORKERS = 3, BATCHES = 500 };
	struct sf_clock clocks[WORKERS], clock;
	struct sf_part parts[WORKERS];
	unsigned jump = 0, in_order = 0;
	int64_t time = 1000;

	sf_clock_init(&clock, LIMIT);
	for (unsigned me = 0; me < WORKERS; me++)
		parts[me] = part_of(me, WORKERS, &clocks[me]);
	for (unsigned batch = 0; batch < BATCHES; batch++) {
		unsigned count = 1 + random_below(SF_BATCH_MAX), total = 0;
		int64_t after[SF_BATCH_MAX];

		for (unsigned i = 0; i < count; i++) {
			make(i, (enum shape)(i % SHAPES), i % 2 ? 4 : 6, random_below(1000), 0);
			time = batch % 4 ? time + 1 : next_time(time, &jump);
			packets[i].time_ns =
				time + (batch % 4 == 3 && random_below(2) ? 3 * LIMIT : 0);
			packets[i].vlan_tci = (uint16_t)i;
			after[i] = sf_clock_advance(&clock, packets[i].time_ns);
		}
		for (unsigned me = 0; me < WORKERS; me++) {
			struct sf_packet own[SF_BATCH_MAX];
			struct sf_part *part = &parts[me];
			unsigned kept;

			memcpy(own, packets, sizeof(own));
			part->in_order = true;
			kept = sf_part_keep(part, own, 0, count);
			for (unsigned i = 0; i < kept; i++) {
				unsigned place = own[i].vlan_tci;

				ck_assert(i == 0 || place > own[i - 1].vlan_tci);
				ck_assert_ptr_eq(own[i].data, packets[place].data);
				ck_assert_int_eq(part->clocks[i], after[place]);
				ck_assert(!part->in_order || after[place] == own[i].time_ns);
			}
			in_order += part->in_order;
			total += kept;
			ck_assert_int_eq(clocks[me].now, clock.now);
			ck_assert_uint_eq(clocks[me].agreeing, clock.agreeing);
		}
		ck_assert_uint_eq(total, count);
	}
	ck_assert_uint_eq(parts[0].seen, parts[1].seen);
	ck_assert_uint_gt(in_order, BATCHES);
	ck_assert_uint_lt(in_order, WORKERS * BATCHES * 9 / 10);
}
END_TEST

CHECK_MAIN("share", all_packets_of_a_pair_have_one_owner, frames_without_addresses_are_worker_0s,
	the_clock_goes_by_all_packets)
