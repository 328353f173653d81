/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditions on flow records: what each word means, what mistakes are told, and random expressions
 * against an evaluator that knows no compiler: it walks a tree of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <regex.h>

#include "ask/regex.h"
#include "ask/where.h"
#include "check_main.h"
#include "fact_values.h"

#define NS       INT64_C(1000000000)
#define MIDNIGHT (INT64_C(1763596800) * NS) /* 2025-11-20T00:00:00Z */

static struct sf_where_options options(unsigned mode)
{
	return (struct sf_where_options){ .mode = mode, .now_ns = MIDNIGHT + 15 * 3600 * NS };
}

/* A TCP conversation 10.0.0.1:40000 -> 192.0.2.7:443 that was answered. */
static struct sf_flow conversation(void)
{
	static struct full_annex annex;
	struct sf_flow flow = {
		.addr = { { 10, 0, 0, 1 }, { 192, 0, 2, 7 } },
		.port = { 40000, 443 },
		.ip_version = 4,
		.protocol = 6,
		.vlan = 7,
		.has = SF_HAS_VLAN | SF_HAS_MAC,
		.domain = 42,
		.end_reason = SF_END_DETECTED,
		.directions = SF_FORWARD | SF_REVERSE,
	};

	flow.half[0] = (struct sf_flow_half){ .packets = 10,
		.octets = 1000,
		.tcp_flags = 0x1b,
		.tos = 0xb8,
		.ingress = 3,
		.start_ns = MIDNIGHT + 8 * 3600 * NS,
		.end_ns = MIDNIGHT + 8 * 3600 * NS + 10 * NS,
		.ttl_min = 60,
		.ttl_max = 64 };
	flow.half[1] = (struct sf_flow_half){ .packets = 20,
		.octets = 2000000,
		.tcp_flags = 0x12,
		.ingress = 4,
		.start_ns = MIDNIGHT + 8 * 3600 * NS + NS,
		.end_ns = MIDNIGHT + 8 * 3600 * NS + 11 * NS,
		.ttl_min = 50,
		.ttl_max = 50 };
	give_annex(&flow, &annex);
	for (unsigned d = 0; d < 2; d++) {
		set_fact(&annex, SF_FACT_src_mac, d, d ? "\2\0\0\0\0\2" : "\2\0\0\0\0\1");
		set_fact(&annex, SF_FACT_dst_mac, d, d ? "\2\0\0\0\0\1" : "\2\0\0\0\0\2");
	}
	return flow;
}

static unsigned matches(const char *text, unsigned mode, const struct sf_flow *flow,
	const struct sf_collected *record)
{
	struct sf_where_options how = options(mode);
	struct sf_error error = { 0 };
	struct sf_where *where;
	unsigned result;

	ck_assert_msg(sf_where_new(&where, text, &how, &error) == 0, "%s: %s", text, error.text);
	result = sf_where_flow(where, flow, record);
	sf_where_free(where);
	return result;
}

/* Which directions of the conversation meet each condition: 1 the request, 2 the answer. */
START_TEST(words_mean_what_they_say)
{
	static const struct {
		const char *text;
		unsigned directions;
	} cases[] = {
		{ "src host 10.0.0.1", 1 },
		{ "dst host 10.0.0.1", 2 },
		{ "host 10.0.0.1", 3 },
		{ "src 10.0.0.1", 1 },
		{ "10.0.0.1", 3 },
		{ "private", 3 },
		{ "not private", 0 },
		{ "either host 10.0.0.1", 3 },
		{ "both net 0.0.0.0/0", 3 },
		{ "src or dst port 443", 3 },
		{ "src and dst net 10.0.0.0/8", 0 },
		{ "net 10", 3 },
		{ "src net 192.0", 2 },
		{ "net 192.0.2.0/24", 3 },
		{ "src net 192.0.2.128/25", 0 },
		{ "host ::1", 0 },
		{ "port 443", 3 },
		{ "dst port https", 1 },
		{ "src port 443", 2 },
		{ "sport 443", 2 },
		{ "port 400-500", 3 },
		{ "src port > 1024", 1 },
		{ "port 80 or 443", 3 },
		{ "port in [80, 443]", 3 },
		{ "dst port in [22 400-450]", 1 },
		{ "not port 443", 0 },
		{ "port != 443", 0 },
		{ "proto tcp", 3 },
		{ "proto 17", 0 },
		{ "tcp", 3 },
		{ "tcp dst port 443", 1 },
		{ "udp port 443", 0 },
		{ "proto in [tcp, udp]", 3 },
		{ "flags S", 3 },
		{ "flags S/SA", 0 },
		{ "flags SA/SA", 3 },
		{ "flags F", 1 },
		{ "flags = SA", 2 },
		{ "flags /R", 3 },
		{ "flags 0", 0 },
		{ "tos 184", 1 },
		{ "tos 0xb8", 1 },
		{ "dscp 46", 1 },
		{ "dscp > 45", 1 },
		{ "dscp < 1", 2 },
		{ "vlan", 3 },
		{ "vlan 7", 3 },
		{ "vlan 8", 0 },
		{ "cvlan", 0 },
		{ "in if 3", 1 },
		{ "out if 4", 2 },
		{ "if 3", 1 },
		{ "bytes > 1.9M", 2 },
		{ "bytes <= 1k", 1 },
		{ "bytes 1000", 1 },
		{ "packets > 10", 2 },
		{ "packets >= 10", 3 },
		{ "packets != 10", 2 },
		{ "duration = 10s", 3 },
		{ "duration > 10s", 0 },
		{ "duration < 1m", 3 },
		{ "duration >= 9999ms", 3 },
		{ "bps = 800", 1 },
		{ "pps > 1", 2 },
		{ "bpp = 100", 1 },
		{ "bpp > 1.4k", 2 },
		{ "start >= 2025-11-20T08:00", 3 },
		{ "start = 2025-11-20", 3 },
		{ "start 2025-11-20 08:00:01", 2 },
		{ "start > today", 3 },
		{ "end < now -7h", 0 },
		{ "start >= now -7h", 3 },
		{ "start >= now-7h", 3 },
		{ "start > today +8h", 2 },
		{ "start yesterday", 0 },
		{ "domain 42", 3 },
		{ "ipv4", 3 },
		{ "ip6", 0 },
		{ "ip", 3 },
		{ "any", 3 },
		{ "mac 02:00:00:00:00:01", 3 },
		{ "src mac 02:00:00:00:00:01", 1 },
		{ "octetDeltaCount > 1M", 2 },
		{ "reverseOctetDeltaCount > 1M", 1 },
		{ "sourceIPv4Address = 10.0.0.0/8", 1 },
		{ "destinationTransportPort 443", 1 },
		{ "minimumTTL < 55", 2 },
		{ "flowEndReason 3", 3 },
		{ "vlanId in [1-10]", 3 },
		{ "icmp-type 8", 0 },
		{ "has vlan", 3 },
		{ "has flowLabelIPv6", 0 },
		{ "src host in [10.0.0.0/24, 2001:db8::/32]", 1 },
		{ "ip in [ 192.0.2.0/24 ]", 3 },
		{ "not (src 10.0.0.1 or dst 10.0.0.1)", 0 },
		{ "! proto udp && tcp", 3 },
		{ "src 10.0.0.1 and not dst port 80 and bytes < 2k", 1 },
		{ "proto udp or proto tcp and src port 443", 2 },
		{ "not not tcp", 3 },
		{ "host in 10.0.0.0/8", 3 },
		{ "src private", 1 },
		{ "dst net private and not src net private", 2 },
		{ "host private", 3 },
		{ "src != private", 2 },
	};
	const struct sf_flow flow = conversation();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned got = matches(cases[i].text, SF_ASK_UNIFLOW, &flow, NULL);

		ck_assert_msg(got == cases[i].directions, "%s: %u, not %u", cases[i].text, got,
			cases[i].directions);
	}
}
END_TEST

/* A conversation is one row: its source is the initiator, amounts are those of both directions. */
START_TEST(a_conversation_is_asked_as_a_whole)
{
	static const struct {
		const char *text;
		bool match;
	} cases[] = {
		{ "src host 10.0.0.1", true },
		{ "dst host 10.0.0.1", false },
		{ "bytes = 2001000", true },
		{ "packets = 30", true },
		{ "duration = 11s", true },
		{ "flags = FSPA", true },
		{ "octetDeltaCount = 1000", true },
		{ "reverseOctetDeltaCount = 2M", true },
		{ "end = 2025-11-20T08:00:11", true },
		{ "tcpControlBits = 0x1b", true },
	};
	struct sf_flow flow = conversation();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(
			matches(cases[i].text, SF_ASK_CONVERSATION, &flow, NULL) == cases[i].match,
			"%s", cases[i].text);
	flow.directions = SF_FORWARD;
	ck_assert_uint_eq(
		matches("has reverseOctetDeltaCount", SF_ASK_CONVERSATION, &flow, NULL), 0);
}
END_TEST

/* The tunnel of a flow that a meter has, if it opens tunnels, and of a record. */
START_TEST(tunnels_have_names)
{
	static const struct {
		const char *text;
		bool match;
	} cases[] = {
		{ "tunnel", true },
		{ "has tunnelKind", true },
		{ "tunnel vxlan", true },
		{ "tunnel VXLAN", true },
		{ "tunnelKind = vxlan", true },
		{ "tunnelKind = 4", true },
		{ "tunnel != vxlan", false },
		{ "tunnel gtp-u", false },
		{ "tunnel in [gre, vxlan]", true },
		{ "tunnel in [gre, gtp-v0]", false },
		{ "tunnel vxlan and tunnel-id 5000", true },
		{ "tunnelId in [1-4999]", false },
		{ "layer2SegmentId = 0x100000000001388", true },
		{ "tunnelSourceIPv4Address 10.9.0.0/16", true },
		{ "tunnelDestinationIPv4Address = 10.9.0.1", false },
	};
	static const struct sf_tunnel_facts tunnel = { .source = { 10, 9, 0, 1 },
		.destination = { 10, 9, 0, 2 },
		.id = 5000,
		.kind = SF_TUNNEL_VXLAN,
		.version = 4 };
	static const struct sf_field_value fields[] = {
		{ .data = (const uint8_t *)"\4", .id = 16, .pen = 32473, .length = 1 },
		{ .data = (const uint8_t *)"\0\0\x13\x88", .id = 17, .pen = 32473, .length = 4 },
		{ .data = (const uint8_t *)"\1\0\0\0\0\0\x13\x88", .id = 351, .length = 8 },
		{ .data = tunnel.source, .id = 18, .pen = 32473, .length = 4 },
		{ .data = tunnel.destination, .id = 19, .pen = 32473, .length = 4 },
	};
	static struct sf_collected record = { .fields = fields, .field_count = 5 };
	static struct full_annex annex;
	struct sf_where_options how = options(SF_ASK_METERED);
	struct sf_flow flow = conversation(), metered = flow;
	struct sf_error error = { 0 };
	struct sf_where *where;

	give_annex(&metered, &annex);
	for (unsigned d = 0; d < 2; d++)
		set_fact(&annex, SF_FACT_tunnel, d, &tunnel);
	metered.has |= SF_HAS_TUNNEL | SF_HAS_TUNNEL_IPV4 | SF_HAS_SEGMENT;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const unsigned wanted = cases[i].match ? 3 : 0;

		ck_assert_msg(matches(cases[i].text, SF_ASK_METERED | SF_ASK_TUNNELS, &metered,
				      NULL) == wanted,
			"metered: %s", cases[i].text);
		ck_assert_msg(matches(cases[i].text, SF_ASK_UNIFLOW, &flow, &record) == wanted,
			"record: %s", cases[i].text);
	}
	ck_assert_uint_eq(
		matches("has greKey", SF_ASK_METERED | SF_ASK_TUNNELS, &metered, NULL), 0);
	/* a condition that no flow could meet is told */
	ck_assert_int_eq(sf_where_new(&where, "tunnel vxlan", &how, &error), SF_EUSAGE);
	ck_assert_msg(strstr(error.text, "--tunnel inner") != NULL, "%s", error.text);
}
END_TEST

/* ICMP has type and code where others have ports. */
START_TEST(icmp_has_no_ports)
{
	struct sf_flow flow = conversation();

	flow.protocol = 1;
	flow.port[0] = 8 << 8;
	flow.port[1] = 3;
	ck_assert_uint_eq(matches("port 2048", SF_ASK_UNIFLOW, &flow, NULL), 0);
	ck_assert_uint_eq(matches("icmp-type 8", SF_ASK_UNIFLOW, &flow, NULL), 1);
	ck_assert_uint_eq(matches("icmp-type 0 and icmp-code 3", SF_ASK_UNIFLOW, &flow, NULL), 2);
	ck_assert_uint_eq(matches("icmpTypeCodeIPv4 2048", SF_ASK_UNIFLOW, &flow, NULL), 1);
	ck_assert_uint_eq(matches("flags 0", SF_ASK_UNIFLOW, &flow, NULL), 0);
}
END_TEST

/* What the exporter did not send meets no condition; its other elements are read from the record. */
START_TEST(collected_records_are_what_they_say)
{
	static const uint8_t as[] = { 0, 0, 0xfd, 0xe8 }, name[] = "mail.Example.org",
			     exporter[] = { 192, 0, 2, 99 }, load[] = { 0xff, 0xfe };
	const struct sf_field_value fields[] = {
		{ 0, 16, 4, as }, { 0, 460, sizeof(name) - 1, name },
		{ 0, 434, 2, load }, /* mibObjectValueInteger: signed */
		{ 77, 5, 2, load }, { SF_PEN_SPANFLOW, 1, 2, (const uint8_t *)"DE" },
		{ SF_PEN_SPANFLOW, 2, 2, (const uint8_t *)"\0\0" },
		{ 0, 95, 3, (const uint8_t *)"\3\0\x35" },    /* applicationId: octets */
		{ 0, 435, 9, (const uint8_t *)"\1longer\0" }, /* mibObjectValueOctetString */
	};
	const struct sf_field_value origin[] = { { 0, 130, 4, exporter } };
	struct sf_collected record = {
		.exporter = "192.0.2.99:4000",
		.fields = fields,
		.field_count = 8,
		.origin = origin,
		.origin_count = 1,
		.export_time_ns = MIDNIGHT,
		.flow = conversation(),
		.known = { SF_KNOWN_ADDRESS | SF_KNOWN_OCTETS, SF_KNOWN_ADDRESS },
	};
	static const struct {
		const char *text;
		bool match;
	} cases[] = {
		{ "src host 10.0.0.1", true },
		{ "bytes = 1000", true },
		{ "packets = 10", false },
		{ "not packets = 10", true },
		{ "port 443", false },
		{ "src as 65000", true },
		{ "as 65000", true },
		{ "dst as 65000", false },
		{ "has bgpSourceAsNumber", true },
		{ "country de", true },
		{ "dst country DE", false },
		{ "has dstcountry", false },
		{ "src country in [FR, DE]", true },
		{ "bgpDestinationAsNumber < 10", false },
		{ "host example", true },
		{ "host = mail.example.org", true },
		{ "host = example.org", false },
		{ "host ~ '^mail[.]'", true },
		{ "host !~ '^mail[.]'", false },
		{ "http-host in [a.example, mail.example.org]", true },
		{ "httpRequestHost contains 'LE.OR'", true },
		{ "exporter 192.0.2.99", true },
		{ "router ip 192.0.2.0/24", true },
		{ "exporter in [192.0.2.98]", false },
		{ "exporter ~ '^192'", true },
		{ "exported 2025-11-20", true },
		{ "mibObjectValueInteger = -2", true },
		{ "mibObjectValueInteger < 0", true },
		{ "mibObjectValueInteger > 3", false },
		{ "pen77ie5 = 0xfffe", true },
		{ "applicationId = 030035", true },
		{ "applicationId 0x030035", true },
		{ "applicationId != 030035", false },
		{ "applicationId = 0300", false },
		{ "applicationId in [030050, 030035]", true },
		{ "applicationId in [030050]", false },
		{ "has mibObjectValueOctetString", true },
		{ "mibObjectValueOctetString = 016c6f6e67657200ff", false },
		{ "mibObjectValueOctetString = 016C6f6e6765720000", true },
	};

	record.flow.directions = SF_FORWARD;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(matches(cases[i].text, SF_ASK_UNIFLOW, &record.flow, &record) ==
				      cases[i].match,
			"%s", cases[i].text);
}
END_TEST

/* Each mistake is told, and the caret stands below the word. */
START_TEST(mistakes_are_pointed_at)
{
	static const struct {
		const char *text, *reason;
		unsigned column;
	} cases[] = {
		{ "prto udp", "did you mean 'proto'", 0 },
		{ "src prt 80", "cannot follow", 4 },
		{ "bytes > 10q", "not a number", 8 },
		{ "(port 80 and", "missing", 12 },
		{ "tcp and (port 80", "not closed", 8 },
		{ "port 80 tcp", "'and' or 'or'", 8 },
		{ "host 10.0.0.300", "not an address", 5 },
		{ "octetDeltaCoun > 1", "'octetDeltaCount'", 0 },
		{ "flags S/A", "flags", 6 },
		{ "start > 2025-13-01", "not a time", 8 },
		{ "", "missing", 0 },
		{ "and tcp", "missing before 'and'", 0 },
		{ "tcp and contains", "missing before 'contains'", 8 },
		{ "(tcp or)", "missing before this", 7 },
		{ "port in [80", "not closed", 8 },
		{ "port in x.txt", "files are not read", 8 },
		{ "host ~ '('", "regular", 7 },
		{ "proto foo", "protocol", 6 },
		{ "tunnel vxlon", "kind of tunnel: erspan tzsp", 7 },
		{ "tunnelKind = 256", "kind of tunnel", 13 },
		{ "host > 10.0.0.1", "=", 0 },
		{ "tcp )", "missing before", 4 },
		{ "port 99999", "a port", 5 },
		{ "bytes ~ 4", "for texts", 0 },
		{ "dscp 64", "number", 5 },
		{ "host \"a", "quote", 5 },
		{ "bytes = 5-2", "number", 8 },
		{ "in 3", "'if'", 3 },
		{ "applicationId = 03003", "not octets", 16 },
		{ "applicationId = dns", "not octets", 16 },
		{ "applicationId > 030035", "octets are compared", 0 },
		{ "applicationId in x.txt", "lists", 0 },
		{ "tos 300", "'tos' is 255 at most", 4 },
		{ "src port >= 65536", "a port", 12 },
		{ "src port > 65535", "65535 at most", 11 },
		{ "flowEndReason = 256", "255 at most", 16 },
		{ "as 4294967296", "4294967295 at most", 3 },
		{ "bytes < 0", "less than 0", 8 },
		{ "src in []", "empty", 7 },
	};
	struct sf_where_options how = options(SF_ASK_UNIFLOW);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sf_error error = { 0 };
		struct sf_where *where = NULL;
		const char *caret;

		ck_assert_msg(sf_where_new(&where, cases[i].text, &how, &error) == SF_EUSAGE, "%s",
			cases[i].text);
		ck_assert_msg(strstr(error.text, cases[i].reason) != NULL, "%s: %s", cases[i].text,
			error.text);
		caret = strrchr(error.text, '\n');
		ck_assert_ptr_nonnull(caret);
		ck_assert_msg(strchr(caret, '^') == caret + 3 + cases[i].column, "%s:\n%s",
			cases[i].text, error.text);
	}
}
END_TEST

/* Nothing that somebody writes takes more stack or memory than it should. */
START_TEST(long_and_deep_expressions_are_bounded)
{
	struct sf_where_options how = options(SF_ASK_UNIFLOW);
	struct sf_error error = { 0 };
	struct sf_where *where = NULL;
	const struct sf_flow flow = conversation();
	char *text = malloc(SF_WHERE_LENGTH_MAX + 100), *p = text;

	ck_assert_ptr_nonnull(text);
	memset(text, '(', 1000);
	strcpy(text + 1000, "tcp");
	ck_assert_int_eq(sf_where_new(&where, text, &how, &error), SF_EUSAGE);
	memset(text, 'x', SF_WHERE_LENGTH_MAX + 1);
	text[SF_WHERE_LENGTH_MAX + 1] = '\0';
	ck_assert_int_eq(sf_where_new(&where, text, &how, &error), SF_EUSAGE);
	p += sprintf(p, "port 1");
	for (unsigned i = 2; i < 3000; i++)
		p += sprintf(p, " or port %u", i);
	ck_assert_uint_eq(matches(text, SF_ASK_UNIFLOW, &flow, NULL), 3);
	free(text);
}
END_TEST

static int load(void *context, const char *path, char **text, struct sf_error *error)
{
	if (strcmp(path, "list.txt") != 0)
		return sf_error_set(error, -ENOENT, "%s: no such file", path);
	*text = strdup(context);
	return *text ? 0 : -ENOMEM;
}

START_TEST(lists_are_read_from_files)
{
	struct sf_where_options how = options(SF_ASK_UNIFLOW);
	struct sf_error error = { 0 };
	struct sf_where *where;
	const struct sf_flow flow = conversation();

	how.load = load;
	how.context =
		(char[]){ "# our hosts\n198.51.100.0/24\n\n192.0.2.7, 2001:db8::1 # a server\n" };
	ck_assert_int_eq(sf_where_new(&where, "dst ip in list.txt and tcp", &how, &error), 0);
	ck_assert_uint_eq(sf_where_flow(where, &flow, NULL), 1);
	sf_where_free(where);
	how.context = (char[]){ "10.0.0.0/8\nten\n" };
	ck_assert_int_eq(sf_where_new(&where, "ip in list.txt", &how, &error), SF_EUSAGE);
	ck_assert_ptr_nonnull(strstr(error.text, "line 2 of the file: 'ten'"));
	ck_assert_int_eq(sf_where_new(&where, "ip in other.txt", &how, &error), SF_EUSAGE);
	ck_assert_ptr_nonnull(strstr(error.text, "no such file"));
}
END_TEST

/* ---------------------------------------------------------------- random expressions */

static uint64_t state = 88172645463325252u;

static unsigned random_below(unsigned bound)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 16) % bound;
}

static struct sf_flow random_flow(void)
{
	static const uint8_t protocols[] = { 1, 6, 17, 17, 6, 47, 58 };
	struct sf_flow flow = { .protocol = protocols[random_below(7)], .domain = random_below(3) };

	flow.ip_version = random_below(4) ? 4 : 6;
	flow.directions = (uint8_t)(1 + random_below(3));
	flow.vlan = (uint16_t)random_below(3);
	flow.has = flow.vlan ? SF_HAS_VLAN : 0;
	for (unsigned d = 0; d < 2; d++) {
		struct sf_flow_half *half = &flow.half[d];

		flow.addr[d][0] = 10;
		flow.addr[d][flow.ip_version == 4 ? 3 : 15] = (uint8_t)random_below(4);
		flow.port[d] = (uint16_t)random_below(4);
		half->packets = random_below(5);
		half->octets = half->packets * 100 + random_below(100);
		half->start_ns = MIDNIGHT + random_below(4) * NS;
		half->end_ns = half->start_ns + random_below(4) * NS;
		half->tcp_flags = flow.protocol == 6 ? (uint16_t)random_below(64) : 0;
		half->tos = (uint8_t)random_below(4);
	}
	return flow;
}

/* A condition: how it is written, and what it says of direction d of a flow. */
struct naive {
	char operator; /* & | ! or c for a condition */
	unsigned what, number;
	struct naive *left, *right;
};

#define CONDITIONS 14

static bool naive_condition(const struct naive *n, const struct sf_flow *f, unsigned d)
{
	const struct sf_flow_half *half = &f->half[d];
	bool ports = f->protocol == 6 || f->protocol == 17;
	unsigned last = f->ip_version == 4 ? 3 : 15, k = n->number;

	switch (n->what) {
	case 0:
		return f->ip_version == 4 && f->addr[d][last] == k;
	case 1:
		return f->ip_version == 6 && (f->addr[0][last] == k || f->addr[1][last] == k);
	case 2:
		return ports && f->port[!d] == k;
	case 3:
		return ports && (f->port[0] > k || f->port[1] > k);
	case 4:
		return f->protocol == (k ? 6 : 17);
	case 5:
		return f->protocol == 6 && (half->tcp_flags & 0x12) == 2;
	case 6:
		return half->octets >= 100u * k;
	case 7:
		return half->packets != k;
	case 8:
		return half->end_ns - half->start_ns > k * NS;
	case 9:
		return half->start_ns < MIDNIGHT + k * NS;
	case 10:
		return half->packets && half->octets / half->packets > 100 + 10 * k;
	case 11:
		return f->vlan && f->vlan <= k;
	case 12:
		return f->ip_version == 4 && f->addr[!d][last] / 2 == k / 2;
	default:
		return f->domain == k;
	}
}

static char *naive_condition_text(const struct naive *n, char *p)
{
	unsigned k = n->number;

	switch (n->what) {
	case 0:
		return p + sprintf(p, "src host 10.0.0.%u", k);
	case 1:
		return p + sprintf(p, "host a00::%u", k);
	case 2:
		return p + sprintf(p, "dst port %u", k);
	case 3:
		return p + sprintf(p, "port > %u", k);
	case 4:
		return p + sprintf(p, "proto %s", k ? "tcp" : "udp");
	case 5:
		return p + sprintf(p, "flags S/SA");
	case 6:
		return p + sprintf(p, "bytes >= 0.%uk", k);
	case 7:
		return p + sprintf(p, "packets != %u", k);
	case 8:
		return p + sprintf(p, "duration > %us", k);
	case 9:
		return p + sprintf(p, "start < 2025-11-20T00:00:0%u", k);
	case 10:
		return p + sprintf(p, "bpp > %u", 100 + 10 * k);
	case 11:
		return p + sprintf(p, "vlan <= %u", k);
	case 12:
		return p + sprintf(p, "dst net 10.0.0.%u/31", k);
	default:
		return p + sprintf(p, "domain = %u", k);
	}
}

static struct naive *naive_make(unsigned depth)
{
	struct naive *n = calloc(1, sizeof(*n));

	ck_assert_ptr_nonnull(n);
	n->operator= depth == 0 || random_below(4) == 0 ? 'c' : "&|!"[random_below(3)];
	if (n->operator== 'c') {
		n->what = random_below(CONDITIONS);
		n->number = random_below(4);
		return n;
	}
	n->left = naive_make(depth - 1);
	if (n->operator!= '!')
		n->right = naive_make(depth - 1);
	return n;
}

static void naive_free(struct naive *n)
{
	if (!n)
		return;
	naive_free(n->left);
	naive_free(n->right);
	free(n);
}

static bool naive_match(const struct naive *n, const struct sf_flow *f, unsigned d)
{
	if (n->operator== 'c')
		return naive_condition(n, f, d);
	if (n->operator== '!')
		return !naive_match(n->left, f, d);
	return n->operator== '&' ? naive_match(n->left, f, d) && naive_match(n->right, f, d)
				 : naive_match(n->left, f, d) || naive_match(n->right, f, d);
}

static char *naive_text(const struct naive *n, char *p)
{
	if (n->operator== 'c')
		return naive_condition_text(n, p);
	if (n->operator== '!') {
		p += sprintf(p, "not (");
		p = naive_text(n->left, p);
		return p + sprintf(p, ")");
	}
	p += sprintf(p, "(");
	p = naive_text(n->left, p);
	p += sprintf(p, n->operator== '&' ? " and " : " || ");
	p = naive_text(n->right, p);
	return p + sprintf(p, ")");
}

START_TEST(random_expressions_are_what_a_naive_evaluator_says)
{
	static char text[1 << 16];
	unsigned met = 0, asked = 0;

	for (unsigned round = 0; round < 3000; round++) {
		struct sf_where_options how = options(SF_ASK_UNIFLOW);
		struct naive *naive = naive_make(1 + random_below(6));
		struct sf_error error = { 0 };
		struct sf_where *where;

		naive_text(naive, text);
		ck_assert_msg(
			sf_where_new(&where, text, &how, &error) == 0, "%s: %s", text, error.text);
		for (unsigned i = 0; i < 30; i++) {
			const struct sf_flow flow = random_flow();
			unsigned expected = 0, got = sf_where_flow(where, &flow, NULL);

			for (unsigned d = 0; d < 2; d++)
				if (flow.directions >> d & 1)
					expected |= (unsigned)naive_match(naive, &flow, d) << d;
			ck_assert_msg(got == expected, "%s: %u, not %u", text, got, expected);
			met += got != 0;
			asked++;
		}
		sf_where_free(where);
		naive_free(naive);
	}
	/* neither all nor nothing, or it proves little */
	ck_assert_uint_gt(met, asked / 10);
	ck_assert_uint_lt(met, asked * 9 / 10);
}
END_TEST

/* ---------------------------------------------------------------- patterns */

static unsigned dice(unsigned sides)
{
	static uint64_t state = 7;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % sides;
}

/* A random pattern of few letters, without anchors: the C library takes those in groups for something else. */
static char *random_pattern(char *p, unsigned depth)
{
	static const char *const atoms[] = { "a", "b", ".", "[ab]", "[^a]", "\\." };
	static const char *const repeats[] = { "*", "+", "?", "{0,2}", "{2}", "{1,}" };

	for (unsigned i = dice(3) + 1; i--;) {
		unsigned kind = dice(depth ? 9 : 6);

		if (kind < 6) {
			p = stpcpy(p, atoms[kind]);
		} else {
			*p++ = '(';
			p = random_pattern(p, depth - 1);
			if (kind > 6) {
				*p++ = '|';
				p = random_pattern(p, depth - 1);
			}
			*p++ = ')';
		}
		if (dice(3) == 0)
			p = stpcpy(p, repeats[dice(6)]);
	}
	*p = '\0';
	return p;
}

/* The same answers as those of the C library's expressions. */
START_TEST(patterns_match_what_posix_says)
{
	char text[8192], *pattern = text + 1;
	unsigned compared = 0, hits = 0;

	for (unsigned round = 0; round < 4000; round++) {
		struct sf_regex *ours;
		const char *reason;
		regex_t theirs;

		text[0] = '^';
		strcpy(random_pattern(pattern, 3), dice(2) ? "$" : "");
		if (dice(2))
			memmove(text, pattern, strlen(pattern) + 1);
		if (sf_regex_new(&ours, text, &reason)) {
			ck_assert_ptr_nonnull(strstr(reason, "too long"));
			continue;
		}
		ck_assert_int_eq(regcomp(&theirs, text, REG_EXTENDED | REG_ICASE | REG_NOSUB), 0);
		for (unsigned i = 0; i < 6; i++, compared++) {
			char word[12] = "";
			unsigned length = dice(9);
			bool met;

			for (unsigned k = 0; k < length; k++)
				word[k] = "abAB.c"[dice(6)];
			met = sf_regex_match(ours, word, length);
			hits += met;
			ck_assert_msg(met == (regexec(&theirs, word, 0, NULL, 0) == 0), "%s: %s",
				text, word);
		}
		sf_regex_free(ours);
		regfree(&theirs);
	}
	ck_assert_uint_gt(hits, compared / 10);
	ck_assert_uint_lt(hits, compared * 9 / 10);
}
END_TEST

/* Whatever pattern and text are, time is bounded: these take others for ever, or all memory. */
START_TEST(patterns_are_bounded)
{
	static const struct {
		const char *text, *reason; /* NULL: it compiles */
	} cases[] = {
		{ "(a+)+$", NULL },
		{ "^(a|aa)*c", NULL },
		{ "((((((((((a?)?)?)?)?)?)?)?)?)?)*b", NULL },
		{ "((((((((((a+)+)+)+)+)+)+)+)+)+)+b", NULL },
		{ "(.*)(.*)(.*)(.*)(.*)x", NULL },
		{ "(a|b)*a(a|b){200}c", NULL },
		{ "a{255}a{255}a{255}", NULL },
		{ "((a{255}){255}){255}", "too long" },
		{ "(((((((){255}){255}){255}){255}){255}){255}){255}", "too long" },
		{ "a{256}", "255" },
		{ "(", "not closed" },
		{ ")", "closes nothing" },
		{ "a**", "follow each other" },
		{ "*a", "nothing stands before" },
		{ "[a", "not closed" },
		{ "[b-a]", "before it begins" },
		{ "[[:foo:]]", "no class" },
		{ "\\", "backslash" },
		{ "(a)\\1", "backslash" },
		{ "a{2,1}", "{N,M}" },
	};
	static char text[20000];
	const char *reason;
	struct sf_regex *pattern;

	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int code = sf_regex_new(&pattern, cases[i].text, &reason);

		ck_assert_msg(code == (cases[i].reason ? SF_EUSAGE : 0), "%s", cases[i].text);
		if (cases[i].reason) {
			ck_assert_msg(strstr(reason, cases[i].reason) != NULL, "%s: %s",
				cases[i].text, reason);
			continue;
		}
		sf_regex_match(pattern, text, sizeof(text));
		sf_regex_free(pattern);
	}
	/* parentheses without an end */
	text[sizeof(text) - 1] = '\0';
	memset(text, '(', sizeof(text) - 1);
	ck_assert_int_eq(sf_regex_new(&pattern, text, &reason), SF_EUSAGE);
	ck_assert_int_eq(sf_regex_new(&pattern, "\\w+\\.\\d{2}[[:space:]]x?\\S", &reason), 0);
	ck_assert(sf_regex_match(pattern, "__a.12 y", 8));
	ck_assert(!sf_regex_match(pattern, "__a.1 y", 7));
	sf_regex_free(pattern);
}
END_TEST

static void note(void *context, const char *text)
{
	snprintf(context, 200, "%s", text);
}

/* Names of applications that none has are told, with the nearest one; others, and what is read from records, not. */
START_TEST(names_of_no_application_are_told)
{
	static const struct {
		const char *text, *remark;
	} cases[] = {
		{ "app = htpp", "no application is called 'htpp'; did you mean 'http'?" },
		{ "app = HTTP", "" },
		{ "app contains ttp", "" },
		{ "app contains ytp",
			"no application is called 'ytp': without --applications ndpi there are dns, tls, quic, "
			"http and ssh" },
		{ "app in [dns, tsl]", "no application is called 'tsl'; did you mean 'tls'?" },
		{ "app ~ htpp", "" },
		{ "dns = htpp", "" },
	};
	char told[200];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sf_where_options how = options(SF_ASK_UNIFLOW);
		struct sf_error error = { 0 };
		struct sf_where *where;

		told[0] = '\0';
		how.remark = note;
		how.remark_context = told;
		ck_assert_int_eq(sf_where_new(&where, cases[i].text, &how, &error), 0);
		ck_assert_str_eq(told, cases[i].remark);
		sf_where_free(where);
	}
}
END_TEST

/* A network meets a condition on an address if all of its addresses do. */
START_TEST(networks_meet_conditions_as_a_whole)
{
	static const struct {
		const char *text;
		unsigned directions;
	} cases[] = {
		{ "src net 10.0.0.0/24", 1 },
		{ "src net 10.0.0.0/16", 1 },
		{ "net 10/8", 1 },
		{ "src net 10.0.0.0/25", 0 },
		{ "src host 10.0.0.0", 0 },
		{ "src != 10.0.0.0", 1 },
		{ "src in [10.0.0.0/25, 10.0.0.128/25]", 1 },
		{ "src in [10.0.0.0/25, 10.0.0.128/26]", 0 },
		{ "src in [10.0.0.1, 10.0.0.2]", 0 },
		{ "src private and not dst private", 1 },
	};
	struct sf_flow flow = conversation();

	flow.folded = 9;
	flow.directions = SF_FORWARD;
	flow.prefix_length[0] = flow.prefix_length[1] = 24;
	flow.addr[0][3] = flow.addr[1][3] = 0;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(
			matches(cases[i].text, SF_ASK_UNIFLOW, &flow, NULL) == cases[i].directions,
			"%s", cases[i].text);
}
END_TEST

CHECK_MAIN("where", networks_meet_conditions_as_a_whole, names_of_no_application_are_told,
	patterns_match_what_posix_says, patterns_are_bounded, words_mean_what_they_say,
	a_conversation_is_asked_as_a_whole, tunnels_have_names, icmp_has_no_ports,
	collected_records_are_what_they_say, mistakes_are_pointed_at,
	long_and_deep_expressions_are_bounded, lists_are_read_from_files,
	random_expressions_are_what_a_naive_evaluator_says)
