/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A meter that opens tunnels: the tunnel in the key, packets that are metered twice, and random
 * tunnel ids.
 */
#include <string.h>

#include "base/wire.h"
#include "check_main.h"
#include "meter/meter_facts.h"
#include "oracle.h"

#define S     SF_NS_PER_S
#define START (INT64_C(1700000000) * S)

static struct sf_meter *meter;
static struct record_list list;
static const uint32_t ifindex[] = { 21 };
static const uint32_t domain[] = { 5 };
static const struct sf_observation_point point = { 0 };

struct made {
	uint8_t bytes[56];
	struct sf_packet packet;
};

static void finish(void)
{
	struct sf_ledger ledger;

	sf_meter_finish(meter, START);
	sf_meter_ledger(meter, &ledger);
	ck_assert(sf_ledger_closed(&ledger));
	ck_assert_uint_eq(ledger.records, list.count);
}

static void teardown(void)
{
	sf_meter_free(meter);
	record_list_free(&list);
}

/* GRE with this key, and a UDP packet from this port inside; RAW link, times in order. */
static struct sf_packet *make_gre(
	struct made *made, uint32_t gre_key, uint16_t port, int64_t time_ns)
{
	uint8_t *p = made->bytes;

	memset(made, 0, sizeof(*made));
	p = sf_store_be32(p, 0x45000000 | (28 + 28));
	p = sf_store_be32(p, 0);
	p = sf_store_be32(p, 0x402f0000);
	p = sf_store_be32(p, 0xcb007101);
	p = sf_store_be32(p, 0xcb007102);
	p = sf_store_be32(p, 0x20000800);
	p = sf_store_be32(p, gre_key);
	p = sf_store_be32(p, 0x45000000 | 28);
	p = sf_store_be32(p, 0);
	p = sf_store_be32(p, 0x40110000);
	p = sf_store_be32(p, 0xc0000201);
	p = sf_store_be32(p, 0xc0000202);
	p = sf_store_be16(p, port);
	sf_store_be16(p, 53);
	made->packet = (struct sf_packet){ .data = made->bytes,
		.captured = 56,
		.wire = 56,
		.link = SF_LINK_RAW,
		.time_ns = time_ns };
	return &made->packet;
}

/* A meter that opens GRE, and gathers the facts about tunnels. */
static void setup_gre(enum sf_tunnel_mode mode)
{
	struct sf_tunnel_options tunnels = { .mode[SF_TUNNEL_GRE] = (uint8_t)mode };
	struct sf_meter_options options = { .idle_timeout_ns = 15 * S,
		.active_timeout_ns = 60 * S,
		.max_flows = 1000,
		.facts = SF_FACT_SET(outer_flow) | SF_FACT_SET(inner_flow),
		.flow_ids = true,
		.tunnels = &tunnels,
		.sink = { record_list_put, &list },
		.ifindex = ifindex,
		.domain = domain };

	ck_assert_int_eq(sf_meter_new(&meter, &options, NULL), 0);
}

/* The same addresses and ports under two keys are two flows, also if packets come in order. */
START_TEST(tunnels_tell_flows_apart)
{
	static struct made made[4];
	struct sf_packet batch[4];

	setup_gre(SF_TUNNEL_INNER);
	for (unsigned i = 0; i < 4; i++)
		batch[i] = *make_gre(&made[i], 1 + i % 2, 7, START + i);
	sf_meter_batch(meter, batch, 4, NULL, &point);
	finish();
	ck_assert_uint_eq(list.count, 2);
	teardown();
}
END_TEST

/*
 * A batch in which every packet is two: each flow names a flow that exists, and the counters
 * balance.
 */
START_TEST(tunnels_are_metered_twice)
{
	static struct made made[SF_BATCH_MAX];
	struct sf_packet batch[SF_BATCH_MAX];
	struct sf_ledger ledger;
	uint64_t outer = 0;

	setup_gre(SF_TUNNEL_BOTH);
	for (unsigned i = 0; i < SF_BATCH_MAX; i++)
		batch[i] = *make_gre(&made[i], 9, (uint16_t)(100 + i), START + i);
	sf_meter_batch(meter, batch, SF_BATCH_MAX, NULL, &point);
	finish();
	sf_meter_ledger(meter, &ledger);
	ck_assert_uint_eq(ledger.frames, SF_BATCH_MAX);
	ck_assert_uint_eq(ledger.twice, SF_BATCH_MAX);
	ck_assert_uint_eq(ledger.packets, 2 * SF_BATCH_MAX);
	ck_assert_uint_eq(ledger.octets, SF_BATCH_MAX * (56 + 28));
	ck_assert_uint_eq(list.count, SF_BATCH_MAX + 1);
	for (unsigned i = 0; i < list.count; i++)
		if (list.flows[i].protocol == 47)
			outer = list.flows[i].id;
	ck_assert_uint_ne(outer, 0);
	for (unsigned i = 0; i < list.count; i++)
		ck_assert_uint_eq(list.flows[i].has & SF_HAS_OUTER_FLOW,
			list.flows[i].protocol == 47 ? 0 : SF_HAS_OUTER_FLOW);
	teardown();
}
END_TEST

/*
 * A flood of random tunnel ids, in both modes, with fragments among them: memory is that of the
 * flow table, what does not fit leaves early by name, and no packet is lost.
 */
START_TEST(random_ids_stay_within_the_bound)
{
	enum { PACKETS = 40000, FLOWS = 1000 };
	static struct made made[SF_BATCH_MAX];
	struct sf_packet batch[SF_BATCH_MAX];
	struct sf_ledger ledger;
	uint32_t random = 1;

	for (int mode = SF_TUNNEL_INNER; mode <= SF_TUNNEL_BOTH; mode++) {
		setup_gre((enum sf_tunnel_mode)mode);
		for (unsigned i = 0; i < PACKETS; i++) {
			unsigned at = i % SF_BATCH_MAX;

			random = random * 1664525 + 1013904223;
			batch[at] =
				*make_gre(&made[at], random, (uint16_t)(random >> 16), START + i);
			if (i % 7 == 0) /* a first fragment, whose others never come */
				made[at].bytes[6] = 0x20;
			if (i % 7 == 1) /* a later one without the first */
				made[at].bytes[7] = 0x10;
			if (at == SF_BATCH_MAX - 1)
				sf_meter_batch(meter, batch, SF_BATCH_MAX, NULL, &point);
		}
		sf_meter_ledger(meter, &ledger);
		ck_assert(sf_ledger_balanced(&ledger));
		ck_assert_uint_le(ledger.flows_active, FLOWS);
		ck_assert_uint_gt(ledger.flows_evicted, PACKETS / 2);
		finish();
		sf_meter_ledger(meter, &ledger);
		ck_assert_uint_eq(ledger.frames, PACKETS);
		ck_assert_uint_eq(ledger.record_packets + ledger.ignored[SF_IGNORED_tunnelFragment],
			ledger.frames + ledger.twice);
		teardown();
	}
}
END_TEST

/*
 * Later fragments wait for the first one, which shows that they are left out: no counter goes back.
 */
START_TEST(counters_only_grow)
{
	static struct made made[4];
	struct sf_packet batch[4];
	struct sf_ledger before = { 0 }, ledger;

	setup_gre(SF_TUNNEL_INNER);
	for (unsigned i = 0; i < 4; i++) {
		batch[i] = *make_gre(&made[i], 7, 1000, START + i);
		if (i < 3) /* later ones of 36 bytes each */
			made[i].bytes[7] = (uint8_t)(5 * (i + 1));
		made[i].bytes[6] = 0x20;
		sf_meter_batch(meter, &batch[i], 1, NULL, &point);
		sf_meter_ledger(meter, &ledger);
		ck_assert(sf_ledger_balanced(&ledger));
		ck_assert_uint_ge(ledger.packets, before.packets);
		ck_assert_uint_ge(ledger.octets, before.octets);
		ck_assert_uint_eq(ledger.fragments_waiting, i < 3 ? i + 1 : 0);
		before = ledger;
	}
	ck_assert_uint_eq(ledger.ignored[SF_IGNORED_tunnelFragment], 3);
	ck_assert_uint_eq(ledger.packets, 1);
	finish();
	teardown();
}
END_TEST

/*
 * What a mirror sends to a socket is metered; what else comes there is left out under a name of its
 * own.
 */
START_TEST(sockets_meter_only_what_is_carried)
{
	struct sf_tunnel_options tunnels = { 0 };
	struct sf_meter_options options = { .idle_timeout_ns = 15 * S,
		.active_timeout_ns = 60 * S,
		.max_flows = 1000,
		.tunnels = &tunnels,
		.sink = { record_list_put, &list },
		.ifindex = ifindex,
		.domain = domain };
	struct sf_error error = { 0 };
	static struct made made[2];
	struct sf_packet batch[2];
	struct sf_ledger ledger;

	ck_assert_int_eq(sf_tunnel_options_add_socket(&tunnels, 0, "", "gre://", &error), 0);
	ck_assert_msg(sf_meter_new(&meter, &options, &error) == 0, "%s", error.text);
	batch[0] = *make_gre(&made[0], 7, 1000, START);
	batch[1] = *make_gre(&made[1], 7, 1001, START + 1);
	made[1].bytes[20] = 0xff; /* no header of GRE */
	sf_meter_batch(meter, batch, 2, NULL, &point);
	finish();
	sf_meter_ledger(meter, &ledger);
	ck_assert_uint_eq(ledger.frames, 2);
	ck_assert_uint_eq(ledger.packets, 1);
	ck_assert_uint_eq(ledger.ignored[SF_IGNORED_notMirrored], 1);
	ck_assert_uint_eq(list.flows[0].protocol, 17);
	teardown();
}
END_TEST

enum { RANDOM = 200000, RANDOM_OCTETS = 120 };

/* A UDP datagram with random bytes for port `port`, as the socket driver hands it over. */
static void make_random(uint8_t *bytes, struct sf_packet *packet, uint16_t port, uint64_t *seed)
{
	uint8_t *p = bytes;

	p = sf_store_be32(p, 0x45000000 | RANDOM_OCTETS);
	p = sf_store_be32(p, 0);
	p = sf_store_be32(p, 0x40110000);
	p = sf_store_be32(p, 0xcb007101);
	p = sf_store_be32(p, 0xcb007102);
	p = sf_store_be32(p, UINT32_C(50000) << 16 | port);
	p = sf_store_be32(p, (RANDOM_OCTETS - 20) << 16);
	while (p < bytes + RANDOM_OCTETS) {
		*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		p = sf_store_be32(p, (uint32_t)(*seed >> 32));
	}
	*packet = (struct sf_packet){ .data = bytes,
		.captured = RANDOM_OCTETS,
		.wire = RANDOM_OCTETS,
		.link = SF_LINK_RAW,
		.time_ns = START };
}

/*
 * How many of `count` random datagrams to a socket of the kind are taken for what a mirror sends.
 * `begin`: the first `length` bytes of their payload.
 */
static unsigned random_mirrored(
	const char *kind, uint16_t port, unsigned count, const uint8_t *begin, size_t length)
{
	struct sf_tunnel_options tunnels = { 0 };
	struct sf_meter_options options = { .idle_timeout_ns = 15 * S,
		.active_timeout_ns = 60 * S,
		.max_flows = 1000,
		.tunnels = &tunnels,
		.sink = { record_list_put, &list },
		.ifindex = ifindex,
		.domain = domain };
	static uint8_t bytes[SF_BATCH_MAX][RANDOM_OCTETS];
	struct sf_packet batch[SF_BATCH_MAX];
	struct sf_error error = { 0 };
	struct sf_ledger ledger;
	uint64_t seed = 7;

	ck_assert_int_eq(sf_tunnel_options_add_socket(&tunnels, port, kind, "udp://", &error), 0);
	ck_assert_msg(sf_meter_new(&meter, &options, &error) == 0, "%s", error.text);
	for (unsigned sent = 0; sent < count; sent += SF_BATCH_MAX) {
		for (unsigned i = 0; i < SF_BATCH_MAX; i++) {
			make_random(bytes[i], &batch[i], port, &seed);
			memcpy(bytes[i] + 28, begin, length);
		}
		sf_meter_batch(meter, batch, SF_BATCH_MAX, NULL, &point);
	}
	finish();
	sf_meter_ledger(meter, &ledger);
	teardown();
	return (unsigned)(ledger.frames - ledger.ignored[SF_IGNORED_notMirrored]);
}

/*
 * Whatever is sent to the port of a socket comes to it: of random bytes fewer than one in a
 * thousand pass as frames of a mirror; GENEVE, TZSP and GTP, whose headers say more, let fewer
 * pass.
 */
START_TEST(random_datagrams_are_not_mirrored)
{
	static const struct {
		const char *kind;
		uint16_t port;
		unsigned most; /* of 200000 */
	} rows[] = {
		{ "vxlan", 4789, RANDOM / 1000 },
		{ "vxlan", 4790, RANDOM / 1000 },
		{ "geneve", 6081, RANDOM / 5000 },
		{ "tzsp", 37008, RANDOM / 50000 },
		{ "gtp-u", 2152, RANDOM / 5000 },
		{ "hpe-erm", 9999, RANDOM / 500 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned passed =
			random_mirrored(rows[i].kind, rows[i].port, RANDOM, (const uint8_t *)"", 0);

		ck_assert_msg(passed <= rows[i].most, "%s: %u of %u random datagrams pass",
			rows[i].kind, passed, (unsigned)RANDOM);
	}
}
END_TEST

/*
 * Reserved bits of VXLAN are ignored (RFC 7348 §5) where a frame follows that looks like one, and
 * behind an exact header any frame is one; not so if neither holds.
 */
START_TEST(sockets_take_odd_headers_before_frames)
{
	/* flags, reserved, VNI, reserved; two addresses, type */
	uint8_t vxlan[] = { 8, 0, 0, 0, 0, 0, 7, 0, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08,
		0x06 };
	const size_t type = sizeof(vxlan) - 2;

	for (unsigned i = 0; i < 8; i++) {
		bool exact = i & 1, named = i & 2, group = i & 4;

		vxlan[0] = group ? 0x88 : 0x08;
		vxlan[1] = exact ? 0 : 0x20;
		vxlan[3] = group ? 99 : 0;
		vxlan[type] = named ? 0x08 : 0x99;
		ck_assert_msg(random_mirrored("vxlan", 4789, SF_BATCH_MAX, vxlan, sizeof(vxlan)) ==
				      (exact || named ? SF_BATCH_MAX : 0),
			"row %u", i);
	}
}
END_TEST

CHECK_MAIN("meter_tunnel", counters_only_grow, random_datagrams_are_not_mirrored,
	sockets_meter_only_what_is_carried, sockets_take_odd_headers_before_frames,
	tunnels_tell_flows_apart, tunnels_are_metered_twice, random_ids_stay_within_the_bound)
