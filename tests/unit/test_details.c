/* SPDX-License-Identifier: BSD-2-Clause */
/* Header fields on request (parse/details.h): what they say of whole packets and of cut ones. */
#include "base/experiments.h"
#include "check_main.h"
#include "parse/details.h"
#include "parse_bytes.h"

#define ETH4 MACS, 0x08, 0x00
#define ETH6 MACS, 0x86, 0xdd
#define GROUPS                                                                                     \
	(SF_DETAILS_LINK | SF_DETAILS_IP | SF_DETAILS_OPTIONS | SF_DETAILS_PAYLOAD |               \
		SF_DETAILS_SHARED)
#define TCP(words)                                                                                 \
	0x10, 0x00, 0x00, 0x50, 0, 0, 0, 1, 0, 0, 0, 0, (words) << 4, 0x10, 0x20, 0, 0, 0, 0, 0

/*
 * The first `captured` bytes of the packet, in an allocation of that size. False: it is not
 * metered.
 */
static bool read_part(struct sf_packet packet, unsigned captured)
{
	uint8_t *copy = malloc(captured ? captured : 1);
	int parsed;

	memcpy(copy, packet.data, captured);
	packet.data = copy;
	packet.captured = captured;
	memset(&facts, 0xa5, sizeof(facts));
	parsed = sf_parse(&packet, &facts);
	if (parsed == SF_PARSED)
		sf_details_read(&packet, &facts, GROUPS);
	free(copy);
	return parsed == SF_PARSED;
}

/*
 * Reads the packet as it is, and cut at each length before: the sanitizers look at what is read,
 * and no cut packet has more than the whole one.
 */
static void read_details(struct sf_packet packet)
{
	struct sf_details whole;

	parse_packet(packet); /* all ways through the parser tell the same */
	ck_assert(read_part(packet, packet.captured));
	whole = facts.details;
	for (unsigned captured = 0; captured < packet.captured; captured++) {
		if (!read_part(packet, captured))
			continue;
		ck_assert_uint_eq(facts.details.ip_id & ~whole.ip_id, 0);
		ck_assert_uint_eq(facts.details.extensions & ~whole.extensions, 0);
		ck_assert(facts.details.spi == whole.spi || facts.details.spi == 0);
		ck_assert_uint_eq(facts.details.experiments & ~whole.experiments, 0);
		for (unsigned i = 0; i < 32; i++)
			ck_assert_uint_eq(facts.details.tcp_options[i] & ~whole.tcp_options[i], 0);
		ck_assert_mem_eq(
			facts.details.mpls_stack, whole.mpls_stack, sizeof(whole.mpls_stack));
	}
	facts.details = whole;
}

#define READ(link_type, ...)                                                                       \
	read_details((struct sf_packet){ BYTES(__VA_ARGS__), .link = (link_type) })

static bool has_option(unsigned kind)
{
	return facts.details.tcp_options[31 - kind / 8] >> kind % 8 & 1;
}

static unsigned options(void)
{
	unsigned count = 0;

	for (unsigned kind = 0; kind < 256; kind++)
		count += has_option(kind);
	return count;
}

START_TEST(identification_and_flags)
{
	READ(SF_LINK_ETHERNET, ETH4, UDP4);
	ck_assert_uint_eq(facts.details.ip_id, 0x1234);
	ck_assert_uint_eq(facts.details.fragment_flags, 0);
	READ(SF_LINK_RAW, IPV4_FRAGMENT(17, 28, 0x4000), UDP_HEADER);
	ck_assert_uint_eq(facts.details.fragment_flags, 0x40);
	READ(SF_LINK_RAW, IPV4_FRAGMENT(17, 28, 0xe000), UDP_HEADER); /* without the reserved bit */
	ck_assert_uint_eq(facts.details.fragment_flags, 0x60);
	READ(SF_LINK_ETHERNET, ETH6, UDP6);
	ck_assert_uint_eq(facts.details.ip_id, 0);
	READ(SF_LINK_RAW, IPV6(44, 16), 17, 0, 0, 1, 0xde, 0xad, 0xbe, 0xef, UDP_HEADER);
	ck_assert_uint_eq(facts.details.ip_id, 0xdeadbeef);
	ck_assert_uint_eq(facts.details.fragment_flags, 0x20);
	ck_assert_uint_eq(facts.details.extensions, 1 << 4);
	READ(SF_LINK_RAW, IPV6(44, 16), 17, 0, 1, 0, 0xde, 0xad, 0xbe, 0xef, UDP_HEADER);
	ck_assert_uint_eq(facts.details.fragment_flags, 0);
	ck_assert_uint_eq(facts.details.extensions, 1 << 6);
	ck_assert_uint_eq(facts.details.payload, 8); /* all of a later fragment is payload */
}
END_TEST

/* RFC 9740 §3.1: a bit for each kind of extension header. */
START_TEST(extension_headers)
{
#define EMPTY(next) next, 0, 0, 0, 0, 0, 0, 0
	READ(SF_LINK_RAW, IPV6(0, 48), EMPTY(60), EMPTY(43), EMPTY(60), EMPTY(51), 17, 0, 0, 0, 0,
		0, 0, 0, UDP_HEADER);
	ck_assert_uint_eq(facts.details.extensions, 1 << 0 | 1 << 1 | 1 << 5 | 1 << 9);
	ck_assert_uint_eq(facts.details.payload, 0);
	READ(SF_LINK_RAW, IPV6(60, 8), EMPTY(59));
	ck_assert_uint_eq(facts.details.extensions, 1 << 0 | 1 << 2);
	READ(SF_LINK_RAW, IPV6(50, 8), EMPTY(59));
	ck_assert_uint_eq(facts.details.extensions, 1 << 8);
	READ(SF_LINK_RAW, IPV6(135, 8), EMPTY(59));
	ck_assert_uint_eq(facts.details.extensions, 1 << 7);
	READ(SF_LINK_RAW, IPV6(139, 8), EMPTY(59));
	ck_assert_uint_eq(facts.details.extensions, 1 << 10);
	READ(SF_LINK_RAW, IPV6(140, 8), EMPTY(59));
	ck_assert_uint_eq(facts.details.extensions, 1 << 11);
	READ(SF_LINK_RAW, IPV6(253, 8), EMPTY(59));
	ck_assert_uint_eq(facts.details.extensions, 1 << 12);
	READ(SF_LINK_RAW, IPV6(254, 8), EMPTY(59));
	ck_assert_uint_eq(facts.details.extensions, 1 << 13);
	READ(SF_LINK_RAW, UDP4);
	ck_assert_uint_eq(facts.details.extensions, 0);
}
END_TEST

/* The work for a chain without end is bounded, and what is behind the bound is not read. */
START_TEST(endless_chain_of_extension_headers)
{
	static uint8_t bytes[2040] = { IPV6(0, 2000) };
	const struct sf_packet packet = {
		.data = bytes, .captured = sizeof(bytes), .wire = sizeof(bytes), .link = SF_LINK_RAW
	};

	ck_assert(read_part(packet, sizeof(bytes)));
	ck_assert_uint_eq(facts.details.extensions, 1 << 1);
}
END_TEST

/* RFC 9740 §4: bit n for kind n, in network order. */
START_TEST(tcp_options_by_kind)
{
	READ(SF_LINK_ETHERNET, ETH4, IPV4(6, 60), TCP(10), 2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4,
		5, 6, 7, 8, 1, 3, 3, 7);
	ck_assert(
		has_option(1) && has_option(2) && has_option(3) && has_option(4) && has_option(8));
	ck_assert_uint_eq(options(), 5);
	ck_assert_uint_eq(facts.details.tcp_options[31], 0x1e);
	READ(SF_LINK_RAW, IPV6(6, 32), TCP(8), 254, 4, 1, 2, 30, 4, 0, 0, 0, 2, 4, 1);
	ck_assert(has_option(254) && has_option(30) && has_option(0)); /* nothing behind the end */
	ck_assert_uint_eq(options(), 3);
	ck_assert_uint_eq(facts.details.tcp_options[0], 0x40);
	READ(SF_LINK_RAW, IPV4(6, 40), TCP(5));
	ck_assert_uint_eq(options(), 0);
	READ(SF_LINK_RAW, UDP4);
	ck_assert_uint_eq(options(), 0);
}
END_TEST

/* An impossible length ends the list; the options before it count. */
START_TEST(tcp_options_that_contradict_themselves)
{
	READ(SF_LINK_RAW, IPV4(6, 44), TCP(6), 1, 5, 0, 1);
	ck_assert_uint_eq(options(), 1);
	READ(SF_LINK_RAW, IPV4(6, 44), TCP(6), 1, 5, 1, 1);
	ck_assert_uint_eq(options(), 1);
	READ(SF_LINK_RAW, IPV4(6, 44), TCP(6), 1, 5, 4, 1);
	ck_assert_uint_eq(options(), 1);
	READ(SF_LINK_RAW, IPV4(6, 44), TCP(6), 1, 1, 1, 5); /* no length */
	ck_assert_uint_eq(options(), 1);
	READ(SF_LINK_RAW, IPV4(6, 44), TCP(2), 5, 2, 5, 2); /* a header shorter than TCP's */
	ck_assert_uint_eq(options(), 0);
	ck_assert_uint_eq(facts.details.payload, 4);
	READ(SF_LINK_RAW, IPV4(6, 42), TCP(15), 5, 2); /* a header longer than the packet */
	ck_assert_uint_eq(options(), 1);
	ck_assert_uint_eq(facts.details.payload, 0);
}
END_TEST

/* The set of one experiment; 0: it is not in the registry. */
static uint32_t experiment(uint32_t id)
{
	const uint8_t bytes[] = { (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8),
		(uint8_t)id };

	return id >> 16 ? sf_experiments_of(bytes, 4) : sf_experiments_of(bytes + 2, 2);
}

/* RFC 6994 §3, RFC 9740 §5.2: only identifiers that IANA's registry has. */
START_TEST(experiments_of_shared_options)
{
	ck_assert_uint_ne(experiment(0xf989), 0);
	READ(SF_LINK_RAW, IPV4(6, 44), TCP(6), 254, 4, 0xf9, 0x89);
	ck_assert_uint_eq(facts.details.experiments, experiment(0xf989));
	READ(SF_LINK_RAW, IPV4(6, 48), TCP(7), 1, 1, 253, 6, 0xe2, 0xd4, 0xc3, 0xd9);
	ck_assert_uint_eq(facts.details.experiments, experiment(0xe2d4c3d9));
	/* several, one of them twice */
	READ(SF_LINK_RAW, IPV4(6, 60), TCP(10), 254, 4, 0xac, 0xce, 253, 4, 0x45, 0x4e, 254, 8,
		0xe2, 0xd4, 0xc3, 0xd9, 7, 7, 253, 4, 0xac, 0xce);
	ck_assert_uint_eq(facts.details.experiments,
		experiment(0xacce) | experiment(0x454e) | experiment(0xe2d4c3d9));
	/* not registered, not whole, another kind, another protocol */
	READ(SF_LINK_RAW, IPV4(6, 48), TCP(7), 254, 4, 0x12, 0x34, 254, 4, 0xe2, 0xd4);
	ck_assert_uint_eq(facts.details.experiments, 0);
	READ(SF_LINK_RAW, IPV4(6, 48), TCP(7), 254, 3, 0xf9, 1, 34, 4, 0xf9, 0x89);
	ck_assert_uint_eq(facts.details.experiments, 0);
	READ(SF_LINK_RAW, IPV4(6, 44), TCP(6), 1, 1, 254, 2); /* no identifier */
	ck_assert_uint_eq(facts.details.experiments, 0);
	READ(SF_LINK_RAW, UDP4);
	ck_assert_uint_eq(facts.details.experiments, 0);
}
END_TEST

/* Exporters write lists in the order of the registry, which has each identifier once. */
START_TEST(experiments_are_in_order)
{
	for (unsigned i = 1; i < SF_EXPERIMENTS_16; i++)
		ck_assert_uint_gt(sf_experiments_16[i], sf_experiments_16[i - 1]);
	for (unsigned i = 1; i < SF_EXPERIMENTS_32; i++)
		ck_assert_uint_gt(sf_experiments_32[i], sf_experiments_32[i - 1]);
}
END_TEST

START_TEST(tags_and_labels)
{
#define TAG(type, priority, id) (type) >> 8, (type)&0xff, (priority) << 5 | (id) >> 8, (id)&0xff
#define LABEL(label, bottom)    (label) >> 12, (label) >> 4 & 0xff, ((label)&15) << 4 | (bottom), 64
	READ(SF_LINK_ETHERNET, MACS, TAG(0x8100, 5, 100), 8, 0, UDP4);
	ck_assert_uint_eq(facts.details.priority, 5);
	ck_assert_uint_eq(facts.details.customer_priority, 0);
	ck_assert_uint_eq(facts.frame_type, 0x0800);
	READ(SF_LINK_ETHERNET, MACS, TAG(0x88a8, 6, 100), TAG(0x8100, 3, 7), 0x86, 0xdd, UDP6);
	ck_assert_uint_eq(facts.details.priority, 6);
	ck_assert_uint_eq(facts.details.customer_priority, 3);
	ck_assert_uint_eq(facts.frame_type, 0x86dd);
	/* priorities of the tags whose ids are the key's; of one without an id if no tag has one */
	READ(SF_LINK_ETHERNET, MACS, TAG(0x8100, 1, 0), TAG(0x8100, 3, 7), 8, 0, UDP4);
	ck_assert_uint_eq(facts.details.priority, 3);
	READ(SF_LINK_ETHERNET, MACS, TAG(0x8100, 7, 0), 8, 0, UDP4);
	ck_assert_uint_eq(facts.details.priority, 7);
	ck_assert_uint_eq(facts.details.mpls_stack[0], 0);
	READ(SF_LINK_ETHERNET, MACS, TAG(0x8100, 2, 9), 0x88, 0x47, LABEL(1000, 0), LABEL(77, 1),
		UDP4);
	ck_assert_uint_eq(facts.details.priority, 2);
	ck_assert_uint_eq(facts.frame_type, 0x8847);
	ck_assert_uint_eq(facts.details.mpls_stack[0], 8);
	ck_assert_mem_eq(
		facts.details.mpls_stack + 1, ((uint8_t[]){ LABEL(1000, 0), LABEL(77, 1) }), 8);
	READ(SF_LINK_RAW, UDP4);
	ck_assert_uint_eq(facts.frame_type, 0);
	ck_assert_uint_eq(facts.details.priority, 0);
}
END_TEST

/* Ten entries are kept, whatever the stack has. */
START_TEST(long_label_stack)
{
	uint8_t bytes[14 + 4 * 30 + 28] = { MACS, 0x88, 0x47 };
	const struct sf_packet packet = { .data = bytes,
		.captured = sizeof(bytes),
		.wire = sizeof(bytes),
		.link = SF_LINK_ETHERNET };

	for (unsigned i = 0; i < 30; i++)
		memcpy(bytes + 14 + 4 * i, (const uint8_t[]){ LABEL(100 + i, i == 29) }, 4);
	memcpy(bytes + 14 + 120, (const uint8_t[]){ UDP4 }, 28);
	ck_assert(read_part(packet, sizeof(bytes)));
	ck_assert_uint_eq(facts.details.mpls_stack[0], 40);
	ck_assert_mem_eq(facts.details.mpls_stack + 1, bytes + 14, 40);
}
END_TEST

START_TEST(payload_is_what_the_headers_leave)
{
	READ(SF_LINK_ETHERNET, ETH4, IPV4(6, 50), TCP(6), 1, 1, 1, 1, 1, 2, 3, 4, 5, 6, 9, 9,
		9); /* padding */
	ck_assert_uint_eq(facts.details.payload, 6);
	ck_assert_uint_eq(facts.details.has_payload, 1);
	READ(SF_LINK_RAW, IPV4(17, 1028), UDP_HEADER); /* cut off: as the header says */
	ck_assert_uint_eq(facts.details.payload, 1000);
	READ(SF_LINK_RAW, UDP6);
	ck_assert_uint_eq(facts.details.payload, 0);
	ck_assert_uint_eq(facts.details.has_payload, 0);
	READ(SF_LINK_RAW, IPV6(60, 20), EMPTY(17), UDP_HEADER, 1, 2, 3, 4);
	ck_assert_uint_eq(facts.details.payload, 4);
	READ(SF_LINK_RAW, IPV4(1, 38), 8, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
	ck_assert_uint_eq(facts.details.payload, 10);
	READ(SF_LINK_RAW, IPV4(132, 42), 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8,
		9, 10);
	ck_assert_uint_eq(facts.details.payload, 10);
	READ(SF_LINK_RAW, IPV4(89, 24), 1, 2, 3, 4); /* no transport header that is known */
	ck_assert_uint_eq(facts.details.payload, 4);
	READ(SF_LINK_RAW, IPV4_FRAGMENT(6, 100, 0x0010), TCP(15));
	ck_assert_uint_eq(facts.details.payload, 80);
}
END_TEST

START_TEST(security_parameters)
{
#define IP4(protocol, length)                                                                      \
	0x45, 0, 0, (length), 0, 0, 0, 0, 64, (protocol), 0, 0, 192, 0, 2, 1, 192, 0, 2, 2
#define SPI 0x11, 0x22, 0x33, 0x44
	READ(SF_LINK_ETHERNET, ETH4, IP4(50, 28), SPI, 0, 0, 0, 1);
	ck_assert_uint_eq(facts.details.spi, 0x11223344);
	READ(SF_LINK_ETHERNET, ETH4, IP4(51, 44), 6, 4, 0, 0, SPI, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0);
	ck_assert_uint_eq(facts.details.spi, 0x11223344);
	/* in UDP, either way; before IKE stands a zero, and on other ports it is something else */
	READ(SF_LINK_ETHERNET, ETH4, IP4(17, 36), 0x11, 0x94, 0x11, 0x94, 0, 16, 0, 0, SPI, 0, 0, 0,
		1);
	ck_assert_uint_eq(facts.details.spi, 0x11223344);
	READ(SF_LINK_ETHERNET, ETH4, IP4(17, 36), 0xc0, 0, 0x11, 0x94, 0, 16, 0, 0, SPI, 0, 0, 0,
		1);
	ck_assert_uint_eq(facts.details.spi, 0x11223344);
	READ(SF_LINK_ETHERNET, ETH4, IP4(17, 36), 0x11, 0x94, 0x11, 0x94, 0, 16, 0, 0, 0, 0, 0, 0,
		SPI);
	ck_assert_uint_eq(facts.details.spi, 0);
	READ(SF_LINK_ETHERNET, ETH4, IP4(17, 36), 0xc0, 0, 0x11, 0x95, 0, 16, 0, 0, SPI, 0, 0, 0,
		1);
	ck_assert_uint_eq(facts.details.spi, 0);
	/* a NAT keepalive */
	READ(SF_LINK_ETHERNET, ETH4, IP4(17, 29), 0x11, 0x94, 0x11, 0x94, 0, 9, 0, 0, 0xff);
	ck_assert_uint_eq(facts.details.spi, 0);
	/* IPv6: ESP behind hop-by-hop options; AH, which is skipped, before UDP */
	READ(SF_LINK_ETHERNET, ETH6, IPV6(0, 16), 50, 0, 1, 4, 0, 0, 0, 0, SPI, 0, 0, 0, 1);
	ck_assert_uint_eq(facts.details.spi, 0x11223344);
	READ(SF_LINK_ETHERNET, ETH6, IPV6(51, 32), 17, 4, 0, 0, SPI, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 8, 0, 0);
	ck_assert_uint_eq(facts.details.spi, 0x11223344);
}
END_TEST

START_TEST(backbone_service_and_secure_channel)
{
	static const uint8_t channel[8] = { 1, 2, 3, 4, 5, 6, 0, 9 };

	/* a backbone tag, then the tag of a service instance, then the customer's frame */
	READ(SF_LINK_ETHERNET, MACS, 0x88, 0xa8, 0, 7, 0x88, 0xe7, 0x20, 0xab, 0xcd, 0xef, ETH4,
		IP4(17, 28), 0, 1, 0, 2, 0, 8, 0, 0);
	ck_assert_uint_eq(facts.details.service, 0xabcdef);
	ck_assert_uint_eq(facts.details.sci[7], 0);
	READ(SF_LINK_ETHERNET, MACS, 0x88, 0xe5, 0x20, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 0, 9, 0x08,
		0, IP4(17, 28), 0, 1, 0, 2, 0, 8, 0, 0);
	ck_assert_mem_eq(facts.details.sci, channel, sizeof(channel));
	ck_assert_uint_eq(facts.details.service, 0);
	/* without an identifier of the channel */
	READ(SF_LINK_ETHERNET, MACS, 0x88, 0xe5, 0, 0, 0, 0, 0, 1, 0x08, 0, IP4(17, 28), 0, 1, 0, 2,
		0, 8, 0, 0);
	ck_assert_uint_eq(facts.details.sci[7], 0);
	READ(SF_LINK_ETHERNET, ETH4, IP4(17, 28), 0, 1, 0, 2, 0, 8, 0, 0);
	ck_assert_uint_eq(facts.details.service, 0);
}
END_TEST

CHECK_MAIN("details", identification_and_flags, extension_headers,
	endless_chain_of_extension_headers, tcp_options_by_kind,
	tcp_options_that_contradict_themselves, experiments_of_shared_options,
	experiments_are_in_order, tags_and_labels, long_label_stack,
	payload_is_what_the_headers_leave, security_parameters, backbone_service_and_secure_channel)
