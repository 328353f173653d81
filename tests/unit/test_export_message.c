/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes: golden vectors of the standards, headers, template records, encoders. */
#include <string.h>

#include "base/wire.h"
#include "check_main.h"
#include "encode/message.h"
#include "encode/template.h"
#include "encode/variant.h"
#include "fact_values.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static size_t from_hex(const char *hex, uint8_t *bytes)
{
	size_t length = 0;

	for (; *hex; hex++) {
		unsigned value;

		if (*hex == ' ')
			continue;
		ck_assert_int_eq(sscanf(hex, "%2x", &value), 1);
		bytes[length++] = (uint8_t)value;
		hex++;
	}
	return length;
}

static void check_bytes(const uint8_t *bytes, size_t length, const char *hex)
{
	uint8_t expected[512];
	size_t expected_length = from_hex(hex, expected);

	ck_assert_uint_eq(length, expected_length);
	for (size_t i = 0; i < length; i++)
		ck_assert_msg(bytes[i] == expected[i], "octet %zu is %02x, not %02x", i, bytes[i],
			expected[i]);
}

static const struct {
	uint32_t destination, packets, octets;
} example[] = {
	{ 0xfe, 5009, 5344385 },
	{ 0x17, 748, 388934 },
	{ 0x41, 5, 6534 },
};

static const struct sf_spec example_specs[] = {
	{ 0, 8, 4 },
	{ 0, 12, 4 },
	{ 0, 15, 4 },
	{ 0, 2, 4 },
	{ 0, 1, 4 },
};

static void put_example(struct sf_message *message, const uint32_t *source, uint32_t destination,
	const uint32_t *next_hop)
{
	for (size_t i = 0; i < COUNT(example); i++) {
		message->p = sf_store_be32(message->p, source[i]);
		message->p = sf_store_be32(message->p, destination + example[i].destination);
		message->p = sf_store_be32(message->p, next_hop[i]);
		message->p = sf_store_be32(message->p, example[i].packets);
		message->p = sf_store_be32(message->p, example[i].octets);
		message->data_records++;
	}
}

/* RFC 7011 Appendix A.1 */
/* [RFC7011-6.1.1-1] */
START_TEST(ipfix_example_message)
{
	static const struct sf_spec options[] = { { 0, 141, 4 }, { 0, 41, 2 }, { 0, 42, 2 } };
	static const uint32_t sources[] = { 0xc000020c, 0xc000021b, 0xc0000238 };
	static const uint32_t next_hops[] = { 0xc0000201, 0xc0000202, 0xc0000203 };
	uint8_t buffer[512];
	struct sf_message message;
	struct sf_stamp stamp = { .time_ns = INT64_C(0x65000000) * 1000000000, .domain = 1 };

	sf_message_begin(&message, &sf_ipfix, buffer, sizeof(buffer));
	sf_message_set(&message, sf_ipfix.template_set);
	sf_message_template(&message, 256, example_specs, COUNT(example_specs), 0);
	sf_message_set_end(&message, 4);
	sf_message_set(&message, 256);
	put_example(&message, sources, 0xc0000200, next_hops);
	sf_message_set_end(&message, 20);
	sf_message_set(&message, sf_ipfix.options_set);
	sf_message_template(&message, 258, options, COUNT(options), 1);
	sf_message_set_end(&message, 4);
	sf_message_set(&message, 258);
	for (uint32_t i = 1; i <= 2; i++) {
		message.p = sf_store_be32(message.p, i);
		message.p = sf_store_be16(message.p, i == 1 ? 345 : 690);
		message.p = sf_store_be16(message.p, i == 1 ? 10201 : 20402);
		message.data_records++;
	}
	sf_message_set_end(&message, 8);
	/* §3.1: the next message's sequence number counts the five data records */
	ck_assert_uint_eq(sf_message_seal(&message, &stamp), 5);
	check_bytes(buffer, (size_t)(message.p - buffer),
		"000a0098 65000000 00000000 00000001 0002001c 01000005 00080004 000c0004"
		"000f0004 00020004 00010004 01000040 c000020c c00002fe c0000201 00001391"
		"00518c81 c000021b c0000217 c0000202 000002ec 0005ef46 c0000238 c0000241"
		"c0000203 00000005 00001986 00030018 01020003 0001008d 00040029 0002002a"
		"00020000 01020014 00000001 015927d9 00000002 02b24fb2");
}
END_TEST

/* RFC 3954 §11 */
/* [RFC3954-4-1] */
START_TEST(netflow9_example_message)
{
	static const struct sf_spec options[] = { { 0, 3, 2 }, { 0, 41, 2 }, { 0, 42, 2 } };
	static const uint32_t sources[] = { 0xc6a8010c, 0xc0a8011b, 0xc0a80138 };
	static const uint32_t next_hops[] = { 0xc0a80101, 0xc0a80101, 0xc0a80101 };
	uint8_t buffer[512];
	struct sf_message message;
	struct sf_stamp stamp = {
		.time_ns = INT64_C(0x65000000) * 1000000000,
		.boot_ms = INT64_C(0x65000000) * 1000 - 1000000,
		.domain = 1,
	};

	sf_message_begin(&message, &sf_netflow9, buffer, sizeof(buffer));
	sf_message_set(&message, sf_netflow9.template_set);
	sf_message_template(&message, 256, example_specs, COUNT(example_specs), 0);
	sf_message_set_end(&message, 4);
	sf_message_set(&message, 256);
	put_example(&message, sources, 0x0a050c00, next_hops);
	sf_message_set_end(&message, 20);
	sf_message_set(&message, sf_netflow9.options_set);
	sf_message_template(&message, 257, options, COUNT(options), 1);
	sf_message_set_end(&message, 4);
	sf_message_set(&message, 257);
	for (uint16_t i = 1; i <= 2; i++) {
		message.p = sf_store_be16(message.p, i);
		message.p = sf_store_be16(message.p, i == 1 ? 345 : 690);
		message.p = sf_store_be16(message.p, i == 1 ? 10201 : 20402);
		message.data_records++;
	}
	sf_message_set_end(&message, 6);
	/* §5.1: sequence numbers count packets */
	ck_assert_uint_eq(sf_message_seal(&message, &stamp), 1);
	check_bytes(buffer, (size_t)(message.p - buffer),
		"00090007 000f4240 65000000 00000000 00000001 0000001c 01000005 00080004"
		"000c0004 000f0004 00020004 00010004 01000040 c6a8010c 0a050cfe c0a80101"
		"00001391 00518c81 c0a8011b 0a050c17 c0a80101 000002ec 0005ef46 c0a80138"
		"0a050c41 c0a80101 00000005 00001986 00010018 01010004 00080003 00020029"
		"0002002a 00020000 01010010 00010159 27d90002 02b24fb2");
}
END_TEST

/* RFC 5476 §6.5.2.1, Figure H: a record of one-octet fields leaves room for no padding. */
START_TEST(selector_report_sets)
{
	static const struct sf_spec specs[] = {
		{ 0, 302, 4 },
		{ 0, 304, 1 },
		{ 0, 305, 1 },
		{ 0, 306, 1 },
	};
	uint8_t buffer[128];
	struct sf_message message;

	sf_message_begin(&message, &sf_ipfix, buffer, sizeof(buffer));
	sf_message_set(&message, sf_ipfix.options_set);
	sf_message_template(&message, 263, specs, COUNT(specs), 1);
	ck_assert_uint_eq(sf_message_template_length(&sf_ipfix, specs, COUNT(specs), 1), 22);
	sf_message_set_end(&message, 1);
	check_bytes(buffer + 16, (size_t)(message.p - buffer) - 16,
		"0003001a 01070004 0001012e 00040130 00010131 00010132 0001");
	sf_message_begin(&message, &sf_ipfix, buffer, sizeof(buffer));
	sf_message_set(&message, 263);
	message.p = sf_store_be32(message.p, 15);
	message.p = sf_store_bytes(message.p, "\x01\x01\x09", 3);
	sf_message_set_end(&message, 1);
	check_bytes(buffer + 16, (size_t)(message.p - buffer) - 16, "0107000b 0000000f 010109");
}
END_TEST

/* RFC 5103 §6.1, RFC 7011 §3.2: E bit and PEN; RFC 3954 §5.2 has neither. */
/* [RFC7011-3.2-1] [RFC7011-3.2-2] */
START_TEST(reverse_element_has_enterprise_number)
{
	static const struct sf_spec spec = { SF_PEN_REVERSE, 1, 8 };
	uint8_t buffer[64];
	struct sf_message message;

	sf_message_begin(&message, &sf_ipfix, buffer, sizeof(buffer));
	sf_message_set(&message, sf_ipfix.template_set);
	sf_message_template(&message, 256, &spec, 1, 0);
	check_bytes(buffer + 20, (size_t)(message.p - buffer) - 20, "01000001 80010008 00007279");
}
END_TEST

START_TEST(empty_set_is_taken_back)
{
	uint8_t buffer[64];
	struct sf_message message;

	sf_message_begin(&message, &sf_ipfix, buffer, sizeof(buffer));
	sf_message_set(&message, 256);
	sf_message_set_end(&message, 4);
	ck_assert_ptr_eq(message.p, buffer + 16);
}
END_TEST

/* RFC 7011 §3.3.1: padding MUST be shorter than any record of the set. */
/* [RFC7011-3.3.1-3] */
START_TEST(padding_is_shorter_than_a_record)
{
	for (size_t record = 1; record <= 5; record++) {
		uint8_t buffer[64] = { 0 };
		struct sf_message message;
		size_t length;

		sf_message_begin(&message, &sf_ipfix, buffer, sizeof(buffer));
		sf_message_set(&message, 256);
		message.p += record;
		sf_message_set_end(&message, record);
		length = (size_t)(message.p - buffer) - 16;
		ck_assert_uint_lt(length - 4 - record, record);
		ck_assert_uint_eq(sf_load_be16(buffer + 18), length);
		if (record >= 3)
			ck_assert_uint_eq(length % 4, 0);
	}
}
END_TEST

/*
 * RFC 3954 §5.1: the header has whole seconds. The instant is rounded up, sysUptime belongs to
 * it, so UNIX Secs * 1000 - sysUptime is the boot time to the millisecond.
 */
START_TEST(netflow9_header_is_one_instant)
{
	static const int64_t boot_ms = INT64_C(1120646849123);

	for (int64_t ns = 0; ns < 3 * INT64_C(1000000000); ns += 123456789) {
		struct sf_stamp stamp = { .time_ns = boot_ms * 1000000 + ns, .boot_ms = boot_ms };
		uint8_t buffer[20];
		uint32_t uptime, seconds;

		sf_netflow9.seal(buffer, sizeof(buffer), &stamp);
		uptime = sf_load_be32(buffer + 4);
		seconds = sf_load_be32(buffer + 8);
		ck_assert_int_eq((int64_t)seconds * 1000 - uptime, boot_ms);
		ck_assert_int_ge((int64_t)uptime * 1000000, ns);
		ck_assert_int_lt((int64_t)uptime * 1000000 - ns, INT64_C(1001000000));
	}
}
END_TEST

START_TEST(netflow5_header)
{
	struct sf_stamp stamp = {
		.time_ns = INT64_C(1120646849123456789),
		.boot_ms = INT64_C(1120646849123) - 5000,
		.sequence = 0xfffffffe,
		.domain = 0x0203,
		.sampling_interval = 100,
		.data_records = 3,
	};
	uint8_t buffer[24];

	/* flows before this datagram, modulo 2^32 */
	ck_assert_uint_eq(sf_netflow5.seal(buffer, sizeof(buffer), &stamp), 1);
	/* mode 1 in the top two bits, 14 bits of interval */
	check_bytes(
		buffer, sizeof(buffer), "00050003 00001388 42cbb6c1 0754d4c0 fffffffe 0203 4064");
	stamp.sampling_interval = 1;
	sf_netflow5.seal(buffer, sizeof(buffer), &stamp);
	ck_assert_uint_eq(sf_load_be16(buffer + 22), 0);
}
END_TEST

static struct sf_flow some_flow(unsigned key)
{
	static struct full_annex annex;
	struct sf_flow flow = {
		.ip_version = key & 1 ? 6 : 4,
		.protocol = key & 2 ? (key & 1 ? 58 : 1) : 6,
		.has = (uint8_t)(key >> 4),
		.vlan = 7,
		.cvlan = 8,
		.id = 0x1122334455667,
		.end_reason = 3,
		.port = { 0x0801, 0x0002 },
	};

	for (unsigned i = 0; i < 16; i++) {
		flow.addr[0][i] = (uint8_t)(0x10 + i);
		flow.addr[1][i] = (uint8_t)(0x80 + i);
	}
	for (unsigned d = 0; d < 2; d++)
		flow.half[d] = (struct sf_flow_half){
			.packets = 3 + d,
			.octets = UINT64_C(0x123456789a) + d,
			.start_ns = INT64_C(1120646849123456789) + d * 5000000,
			.end_ns = INT64_C(1120646851123456789) + d,
			.ingress = 70000 + d,
			.tcp_flags = (uint16_t)(0x112 + d),
			.tos = (uint8_t)(0xb8 + d),
			.ttl_min = 60,
			.ttl_max = 64,
		};
	give_annex(&flow, &annex);
	for (unsigned d = 0; d < 2; d++) {
		set_number(&annex, SF_FACT_mpls, d, 0x12345 + d);
		set_number(&annex, SF_FACT_flow_label, d, 0xabcde + d);
		set_fact(&annex, SF_FACT_src_mac, d, "\2\0\0\0\0\1");
		set_fact(&annex, SF_FACT_dst_mac, d, "\2\0\0\0\0\2");
	}
	return flow;
}

/* Every variant a session can have: IPv6, ICMP, two-way, one unused bit, then SF_HAS_… */
#define KEYS 512

static uint64_t key_when(unsigned key)
{
	return SF_WHEN_IPV4 << (key & 1) | SF_WHEN_NOT_ICMP << (key >> 1 & 1) |
	       (key & 4 ? SF_WHEN_TWO_WAY : 0) | (((uint64_t)key >> 4 << 8) & SF_WHEN_HAS);
}

/* A list of variants is ordered, finds each, and knows none that was not added. */
START_TEST(variants_are_found_in_order)
{
	struct sf_variants variants = { 0 };
	static struct sf_variant all[KEYS];
	unsigned count = 0;

	for (unsigned i = 0; i < KEYS; i++) {
		uint64_t when = (uint64_t)(i * 37 % KEYS) << 40 | (i & 1);

		ck_assert_ptr_null(sf_variants_find(&variants, when));
		sf_variants_add(&variants, &all[i], when);
		ck_assert_ptr_eq(sf_variants_find(&variants, when), &all[i]);
	}
	for (struct sf_variant *v = variants.first; v; v = v->next, count++) {
		ck_assert_ptr_eq(sf_variants_find(&variants, v->when), v);
		if (v->next)
			ck_assert_uint_lt(v->when, v->next->when);
	}
	ck_assert_uint_eq(count, KEYS);
}
END_TEST

/*
 * The unrolled encoders and the general one write the same octets, as many as the template says,
 * many records at once or one by one.
 */
START_TEST(all_encoders_agree)
{
	static const uint64_t sessions[] = {
		SF_WHEN_IPFIX | SF_WHEN_MS | SF_WHEN_NETWORK,
		SF_WHEN_IPFIX | SF_WHEN_MS,
		SF_WHEN_IPFIX | SF_WHEN_NS | SF_WHEN_BIFLOW,
		SF_WHEN_IPFIX | SF_WHEN_MS | SF_WHEN_BIFLOW,
		SF_WHEN_NETFLOW9 | SF_WHEN_UPTIME | SF_WHEN_NETWORK,
	};
	static const struct sf_encode_context context = { .boot_ms = INT64_C(1120646840000) };
	unsigned built_in = 0;

	for (unsigned profile = 0; profile < SF_PROFILE_COUNT; profile++)
		for (unsigned s = 0; s < COUNT(sessions); s++)
			for (unsigned key = 0; key < KEYS; key++) {
				bool two_way = key & 4;
				struct sf_flow flows[2] = { some_flow(key), some_flow(key) };
				uint8_t one[4 * SF_RECORD_MAX], two[4 * SF_RECORD_MAX];
				struct sf_template template;
				uint8_t *end;

				if (key & 8 || (two_way && !(sessions[s] & SF_WHEN_BIFLOW)))
					continue;
				flows[1].port[0]++;
				sf_template_init(&template, sf_fields_profile(profile), sessions[s],
					key_when(key));
				end = sf_template_encode(&template, one, flows, 2, 3, &context);
				ck_assert_int_eq(end - one, 4 * template.record_length);
				end = two;
				for (unsigned i = 0; i < 4; i++) {
					end = sf_template_encode_plan(&template, end, &flows[i / 2],
						1, 1u << i % 2, &context);
					ck_assert_int_eq(
						end - two, (i + 1) * template.record_length);
				}
				ck_assert_mem_eq(one, two, 4 * template.record_length);
				built_in += template.encode != sf_template_encode_plan;
			}
	/*
	 * default profile, whatever optional facts there are: IPv4 and IPv6, ICMP and not, in three
	 * sessions; biflows but for ICMP, answered or not; extended: files of IPv4 and IPv6, tagged
	 * or not; of biflows, answered or not
	 */
	ck_assert_uint_eq(built_in, (2 * 2 * 3 + 2 * 2) * (KEYS >> 4) + 4 + 4);
}
END_TEST

/* Records of one session with different layouts never share a template id. */
START_TEST(template_ids_follow_from_the_layout)
{
	static bool seen[65536];
	static const uint64_t times[] = { SF_WHEN_MS, SF_WHEN_US, SF_WHEN_NS };

	for (unsigned profile = 0; profile < SF_PROFILE_COUNT; profile++)
		for (unsigned t = 0; t < COUNT(times) * 2; t++)
			for (unsigned key = 0; key < KEYS; key++) {
				uint64_t session =
					SF_WHEN_IPFIX | times[t / 2] | (t % 2 ? SF_WHEN_BIFLOW : 0);
				struct sf_template template;

				if (key & 8)
					continue;
				sf_template_init(&template, sf_fields_profile(profile), session,
					key_when(key));
				ck_assert_uint_ge(template.id, 256);
				ck_assert_uint_lt(template.id, 65000); /* options templates */
				ck_assert(!seen[template.id]);
				seen[template.id] = true;
			}
}
END_TEST

/*
 * A tunnel's templates have no id that a profile's template has with other options (times, biflow).
 */
START_TEST(template_ids_of_tunnels_are_not_those_of_other_templates)
{
	static const uint64_t times[] = { SF_WHEN_MS, SF_WHEN_US, SF_WHEN_NS };
	static const uint64_t tunnels[] = { SF_WHEN_TUNNEL_IPV4, SF_WHEN_TUNNEL_IPV6,
		SF_WHEN_TUNNEL_IPV4 | SF_WHEN_GRE_KEY, SF_WHEN_TUNNEL_IPV6 | SF_WHEN_SEGMENT,
		SF_WHEN_TUNNEL_IPV6 | SF_WHEN_TEID };
	static bool taken[65536];
	struct sf_template template;

	for (unsigned profile = 0; profile < SF_PROFILE_COUNT; profile++)
		for (unsigned i = 0; i < COUNT(times) * 2 * KEYS; i++) {
			uint64_t session = SF_WHEN_IPFIX | times[i / KEYS / 2] |
					   (i / KEYS % 2 ? SF_WHEN_BIFLOW : 0);

			sf_template_init(
				&template, sf_fields_profile(profile), session, key_when(i % KEYS));
			taken[template.id] = true;
		}
	for (unsigned t = 0; t < COUNT(times); t++)
		for (unsigned i = 0; i < COUNT(tunnels) * KEYS; i++) {
			sf_template_init(&template, sf_fields_profile(SF_PROFILE_EXTENDED),
				SF_WHEN_IPFIX | times[t],
				key_when(i % KEYS) | SF_WHEN_TUNNEL | tunnels[i / KEYS]);
			ck_assert_msg(!taken[template.id], "%u", template.id);
			ck_assert_uint_lt(template.id, 65000);
		}
}
END_TEST

/* The classic shapes. */
START_TEST(plain_profile_is_the_classic_record)
{
	struct sf_template template;

	sf_template_init(&template, sf_fields_profile(SF_PROFILE_PLAIN), SF_WHEN_IPFIX | SF_WHEN_MS,
		key_when(0));
	ck_assert_uint_eq(template.record_length, 54);
	sf_template_init(&template, sf_fields_profile(SF_PROFILE_PLAIN), SF_WHEN_IPFIX | SF_WHEN_MS,
		key_when(1));
	ck_assert_uint_eq(template.record_length, 82);
	sf_template_init(&template, sf_fields_profile(SF_PROFILE_PLAIN),
		SF_WHEN_NETFLOW9 | SF_WHEN_UPTIME, key_when(0));
	ck_assert_uint_eq(template.record_length, 48);
	sf_template_init(&template, sf_fields_profile(SF_PROFILE_PLAIN),
		SF_WHEN_NETFLOW9 | SF_WHEN_UPTIME, key_when(1));
	ck_assert_uint_eq(template.record_length, 75);
}
END_TEST

START_TEST(netflow5_record)
{
	struct sf_flow flow = some_flow(0);
	struct sf_encode_context context = { .boot_ms = INT64_C(1120646849000) };
	uint8_t buffer[48];

	flow.half[0].ingress = 513;
	ck_assert_ptr_eq(sf_v5_encode(buffer, &flow, 0, 3, 4660, &context), buffer + 48);
	check_bytes(buffer, 48,
		"10111213 80818283 00000000 0201 0201 00000003 00001234 0000007b 0000084b"
		"0801 0002 00 12 06 b8 0000 0000 00 00 0000");
	/* ICMP: type << 8 | code in the destination port; an ifIndex beyond 16 bits is unknown */
	flow.protocol = 1;
	flow.half[0].ingress = 65536;
	sf_v5_encode(buffer, &flow, 0, 3, 4660, &context);
	ck_assert_uint_eq(sf_load_be32(buffer + 12), 0);
	ck_assert_uint_eq(sf_load_be16(buffer + 32), 0);
	ck_assert_uint_eq(sf_load_be16(buffer + 34), 0x0801);
}
END_TEST

CHECK_MAIN("export_message", ipfix_example_message, netflow9_example_message, selector_report_sets,
	reverse_element_has_enterprise_number, empty_set_is_taken_back,
	padding_is_shorter_than_a_record, netflow9_header_is_one_instant, netflow5_header,
	all_encoders_agree, variants_are_found_in_order, template_ids_follow_from_the_layout,
	template_ids_of_tunnels_are_not_those_of_other_templates,
	plain_profile_is_the_classic_record, netflow5_record)
