/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "check_main.h"
#include "filter/filter.h"
#include "spanflow_config.h"

#ifdef HAVE_PCAP

/* UDP 192.0.2.1:4096 → 192.0.2.2:53, without link layer */
#define UDP4                                                                                       \
	0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0x10, 0x00, 0, 53,   \
		0, 8, 0, 0
#define MACS 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1

static const uint8_t raw[] = { UDP4 };
static const uint8_t ethernet[] = { MACS, 0x08, 0x00, UDP4 };
static const uint8_t tagged[] = { MACS, 0x81, 0x00, 0x00, 0x07, 0x08, 0x00, UDP4 };
static const uint8_t sll[] = { 0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x08, 0x00, UDP4 };
static const uint8_t null_le[] = { 2, 0, 0, 0, UDP4 };
static const uint8_t null_be[] = { 0, 0, 0, 2, UDP4 };
static const uint8_t loop[] = { 0, 0, 0, 2, UDP4 };

static bool match(
	const char *expression, unsigned link, const uint8_t *data, size_t length, unsigned flags)
{
	const struct sf_packet packet = {
		.data = data,
		.captured = (uint32_t)length,
		.wire = (uint32_t)length,
		.link = (uint16_t)link,
		.vlan_tci = 0x2007,
		.flags = (uint16_t)flags,
	};
	struct sf_filter *filter;
	struct sf_error error;
	bool matched;

	ck_assert_int_eq(sf_filter_new(&filter, expression, &error), 0);
	matched = sf_filter_match(filter, &packet);
	ck_assert_int_eq(sf_filter_match(filter, &packet), matched);
	ck_assert_ptr_null(sf_filter_warning(filter));
	sf_filter_free(filter);
	return matched;
}

#define MATCH(expression, link, bytes) match(expression, link, bytes, sizeof(bytes), 0)

START_TEST(expressions_work_on_every_link_type)
{
	ck_assert(MATCH("udp port 53", SF_LINK_ETHERNET, ethernet));
	ck_assert(!MATCH("tcp", SF_LINK_ETHERNET, ethernet));
	ck_assert(MATCH("udp port 53", SF_LINK_RAW, raw));
	ck_assert(!MATCH("udp port 54", SF_LINK_RAW, raw));
	ck_assert(MATCH("udp port 53", SF_LINK_RAW_BSD, raw));
	ck_assert(MATCH("udp port 53", SF_LINK_RAW_OPENBSD, raw));
	ck_assert(MATCH("udp port 53", SF_LINK_IPV4, raw));
	ck_assert(!MATCH("udp port 53", SF_LINK_IPV6, raw));
	ck_assert(MATCH("host 192.0.2.1", SF_LINK_LINUX_SLL, sll));
	ck_assert(MATCH("host 192.0.2.1", SF_LINK_NULL, null_le));
	ck_assert(MATCH("host 192.0.2.1", SF_LINK_NULL, null_be));
	ck_assert(MATCH("host 192.0.2.1", SF_LINK_LOOP, loop));
	ck_assert(MATCH("", SF_LINK_ETHERNET, ethernet));
}
END_TEST

START_TEST(a_length_is_the_one_on_the_wire_and_captured_bytes_are_the_limit)
{
	ck_assert(MATCH("less 42", SF_LINK_ETHERNET, ethernet));
	ck_assert(!MATCH("greater 43", SF_LINK_ETHERNET, ethernet));
	/* the ports were not captured */
	ck_assert(!match("udp port 53", SF_LINK_RAW, raw, 20, 0));
	ck_assert(match("udp", SF_LINK_RAW, raw, 20, 0));
	ck_assert(!match("udp", SF_LINK_RAW, raw, 0, 0));
}
END_TEST

/* As the header says: the tag hides what is behind it, wherever the driver has put it. */
START_TEST(a_tag_beside_the_bytes_filters_like_one_in_them)
{
	static const char *const expressions[] = { "udp port 53", "vlan", "vlan 7", "vlan 8",
		"vlan 7 and udp port 53", "ether[14:2] & 0xfff = 7", "greater 46", "greater 47" };
	static const bool expected[] = { false, true, true, false, true, true, true, false };

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		ck_assert_msg(MATCH(expressions[i], SF_LINK_ETHERNET, tagged) == expected[i],
			"%s in the bytes", expressions[i]);
		ck_assert_msg(match(expressions[i], SF_LINK_ETHERNET, ethernet, sizeof(ethernet),
				      SF_PACKET_VLAN) == expected[i],
			"%s beside the bytes", expressions[i]);
	}
	ck_assert(match("ether[12:2] = 0x88a8", SF_LINK_ETHERNET, ethernet, sizeof(ethernet),
		SF_PACKET_VLAN | SF_PACKET_VLAN_AD));
	ck_assert(!match("vlan", SF_LINK_ETHERNET, ethernet, 11, SF_PACKET_VLAN));
}
END_TEST

START_TEST(a_wrong_expression_is_refused_at_once)
{
	struct sf_filter *filter;
	struct sf_error error;

	ck_assert_int_eq(sf_filter_new(&filter, "tcp prot 80", &error), SF_EUSAGE);
	ck_assert_ptr_nonnull(strstr(error.text, "filter \"tcp prot 80\": "));
	ck_assert_ptr_nonnull(strstr(error.text, "syntax error"));
}
END_TEST

START_TEST(link_types_without_that_notion_match_nothing_and_are_told)
{
	const struct sf_packet packet = {
		.data = raw, .captured = sizeof(raw), .wire = sizeof(raw), .link = SF_LINK_RAW
	};
	struct sf_packet other = packet;
	struct sf_filter *filter;
	struct sf_error error;
	const char *warning;

	ck_assert_int_eq(sf_filter_new(&filter, "vlan 7", &error), 0);
	ck_assert(!sf_filter_match(filter, &packet));
	warning = sf_filter_warning(filter);
	ck_assert_ptr_nonnull(warning);
	ck_assert_ptr_nonnull(strstr(warning, "link type 101"));
	/* more link types than anybody has */
	for (unsigned link = 0; link < 1000; link++) {
		other.link = (uint16_t)link;
		sf_filter_match(filter, &other);
	}
	ck_assert_ptr_nonnull(strstr(sf_filter_warning(filter), "link type 101"));
	sf_filter_free(filter);
}
END_TEST

START_TEST(link_types_take_turns)
{
	struct sf_packet packets[3] = {
		{ .data = raw, .captured = sizeof(raw), .link = SF_LINK_RAW },
		{ .data = ethernet, .captured = sizeof(ethernet), .link = SF_LINK_ETHERNET },
		{ .data = sll, .captured = sizeof(sll), .link = SF_LINK_LINUX_SLL },
	};
	struct sf_filter *filter;
	struct sf_error error;

	ck_assert_int_eq(sf_filter_new(&filter, "udp port 53", &error), 0);
	for (int i = 0; i < 100; i++) {
		ck_assert(sf_filter_match(filter, &packets[i * 7 % 3]));
		ck_assert(sf_filter_match(filter, &packets[i * 5 % 3]));
	}
	sf_filter_free(filter);
}
END_TEST

CHECK_MAIN("filter", expressions_work_on_every_link_type,
	a_length_is_the_one_on_the_wire_and_captured_bytes_are_the_limit,
	a_tag_beside_the_bytes_filters_like_one_in_them, a_wrong_expression_is_refused_at_once,
	link_types_without_that_notion_match_nothing_and_are_told, link_types_take_turns)

#else

START_TEST(without_libpcap_a_filter_is_refused_by_name)
{
	struct sf_filter *filter;
	struct sf_error error;

	ck_assert_int_eq(sf_filter_new(&filter, "tcp", &error), SF_EUNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(error.text, "libpcap"));
}
END_TEST

CHECK_MAIN("filter", without_libpcap_a_filter_is_refused_by_name)

#endif
