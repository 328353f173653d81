/* SPDX-License-Identifier: BSD-2-Clause */
/* Conditions on flow records: what each word means, what mistakes are told. */
#include <stdio.h>
#include <string.h>

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

/*
 * What the exporter did not send meets no condition; its other elements are read from the record.
 */
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

static void note(void *context, const char *text)
{
	snprintf(context, 200, "%s", text);
}

/*
 * Names of applications that none has are told, with the nearest one; others, and what is read from
 * records, not.
 */
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
	words_mean_what_they_say, a_conversation_is_asked_as_a_whole, tunnels_have_names,
	icmp_has_no_ports, collected_records_are_what_they_say, mistakes_are_pointed_at,
	long_and_deep_expressions_are_bounded, lists_are_read_from_files)
