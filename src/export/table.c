/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table for people. Columns have fixed widths that fit IPv4; a long IPv6 address takes room
 * from the padding of its neighbour and only then pushes its own row to the right, so all other
 * rows stay aligned without looking ahead.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/value.h"
#include "export/text.h"

#define ENDPOINT_WIDTH 21 /* 255.255.255.255:65535 */

static char *put(char *p, const char *text)
{
	size_t length = strlen(text);

	memcpy(p, text, length);
	return p + length;
}

static char *pad_to(char *p, const char *start, size_t width)
{
	while ((size_t)(p - start) < width)
		*p++ = ' ';
	return p;
}

static char *right(char *p, const char *text, size_t length, size_t width)
{
	for (; length < width; width--)
		*p++ = ' ';
	memcpy(p, text, length);
	return p + length;
}

static char *right_number(char *p, uint64_t value, size_t width)
{
	char text[20];

	return right(p, text, (size_t)(sf_text_u64(text, value) - text), width);
}

static char *put_time(char *p, int64_t time_ns, bool local)
{
	int64_t ms = time_ns / 1000000;
	time_t seconds = (time_t)(ms / 1000);
	char *start = p;
	struct tm tm;

	if (local) {
		localtime_r(&seconds, &tm);
		p += strftime(p, 32, "%Y-%m-%d %H:%M:%S", &tm);
		*p++ = '.';
		for (unsigned scale = 100; scale; scale /= 10)
			*p++ = (char)('0' + ms / scale % 10);
		return pad_to(p, start, 24);
	}
	p = sf_text_time(p, ms / 1000, (uint32_t)(ms % 1000) * 1000000, 3);
	start[10] = ' ';
	*p++ = 'Z';
	return p;
}

static char *put_duration(char *p, int64_t ns)
{
	char text[32];
	char *end = sf_text_u64(text, (uint64_t)(ns / 1000000000));

	*end++ = '.';
	for (int64_t scale = 100000000; scale > 100000; scale /= 10)
		*end++ = (char)('0' + ns / scale % 10);
	return right(p, text, (size_t)(end - text), 9);
}

static char *put_protocol(char *p, uint8_t protocol)
{
	static const char names[256][8] = {
		[1] = "ICMP",
		[2] = "IGMP",
		[4] = "IPIP",
		[6] = "TCP",
		[17] = "UDP",
		[33] = "DCCP",
		[41] = "IPv6",
		[46] = "RSVP",
		[47] = "GRE",
		[50] = "ESP",
		[51] = "AH",
		[58] = "ICMP6",
		[88] = "EIGRP",
		[89] = "OSPF",
		[103] = "PIM",
		[112] = "VRRP",
		[115] = "L2TP",
		[132] = "SCTP",
		[136] = "UDPL",
	};
	char *start = p;

	p = names[protocol][0] ? put(p, names[protocol]) : sf_text_u64(p, protocol);
	return pad_to(p, start, 5);
}

static bool has_ports(const struct sf_flow *flow)
{
	return flow->protocol == 6 || flow->protocol == 17 || flow->protocol == 33 ||
	       flow->protocol == 132 || flow->protocol == 136;
}

static char *put_endpoint(char *p, const struct sf_flow *flow, unsigned side)
{
	bool ports = has_ports(flow);

	if (flow->ip_version == 4) {
		p = sf_text_ipv4(p, flow->addr[side]);
	} else {
		if (ports)
			*p++ = '[';
		p = sf_text_ipv6(p, flow->addr[side]);
		if (ports)
			*p++ = ']';
	}
	if (ports) {
		*p++ = ':';
		p = sf_text_u64(p, flow->port[side]);
	}
	return p;
}

static char *put_flags(char *p, const struct sf_flow *flow, const struct sf_flow_half *half)
{
	static const char letters[] = "CEUAPRSF";

	for (int i = 0; i < 8; i++)
		*p++ = flow->protocol != 6              ? ' '
		       : half->tcp_flags >> (7 - i) & 1 ? letters[i]
							: '.';
	return p;
}

static char *put_end_reason(char *p, uint8_t reason)
{
	static const char *const words[] = {
		[SF_END_IDLE] = "idle",
		[SF_END_ACTIVE] = "active",
		[SF_END_DETECTED] = "end",
		[SF_END_FORCED] = "forced",
		[SF_END_RESOURCES] = "full",
	};
	char *start = p;

	p = reason < sizeof(words) / sizeof(words[0]) && words[reason] ? put(p, words[reason])
								       : sf_text_u64(p, reason);
	return pad_to(p, start, 6);
}

static const char *icmp_words(const struct sf_flow *flow, uint16_t type_code)
{
	static const struct {
		uint8_t version;
		uint8_t type;
		int16_t code; /* -1: any */
		const char *words;
	} table[] = {
		{ 4, 0, 0, "echo reply" },
		{ 4, 3, 0, "net unreachable" },
		{ 4, 3, 1, "host unreachable" },
		{ 4, 3, 2, "protocol unreachable" },
		{ 4, 3, 3, "port unreachable" },
		{ 4, 3, 4, "fragmentation needed" },
		{ 4, 3, 13, "administratively prohibited" },
		{ 4, 5, -1, "redirect" },
		{ 4, 8, 0, "echo request" },
		{ 4, 9, -1, "router advertisement" },
		{ 4, 10, -1, "router solicitation" },
		{ 4, 11, -1, "time exceeded" },
		{ 4, 13, 0, "timestamp request" },
		{ 4, 14, 0, "timestamp reply" },
		{ 6, 1, 0, "no route" },
		{ 6, 1, 3, "address unreachable" },
		{ 6, 1, 4, "port unreachable" },
		{ 6, 2, -1, "packet too big" },
		{ 6, 3, -1, "time exceeded" },
		{ 6, 128, 0, "echo request" },
		{ 6, 129, 0, "echo reply" },
		{ 6, 130, -1, "multicast listener query" },
		{ 6, 131, -1, "multicast listener report" },
		{ 6, 133, 0, "router solicitation" },
		{ 6, 134, 0, "router advertisement" },
		{ 6, 135, 0, "neighbor solicitation" },
		{ 6, 136, 0, "neighbor advertisement" },
		{ 6, 143, -1, "multicast listener report v2" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].version == flow->ip_version && table[i].type == type_code >> 8 &&
			(table[i].code < 0 || table[i].code == (type_code & 255)))
			return table[i].words;
	return NULL;
}

/* What only some flows have: ICMP type, VLAN ids, MPLS label. */
static char *put_notes(char *p, const struct sf_flow *flow, unsigned d)
{
	const struct sf_flow_half *half = &flow->half[d];

	if (sf_flow_has_icmp_type(flow)) {
		const char *words = icmp_words(flow, flow->port[d]);

		if (words)
			p += sprintf(p, " %s", words);
		else
			p += sprintf(
				p, " type %u code %u", flow->port[d] >> 8, flow->port[d] & 255);
	} else if (sf_flow_is_icmp(flow) && flow->has & SF_HAS_FRAGMENTS) {
		p += sprintf(p, " fragment");
	}
	if (flow->has & SF_HAS_VLAN)
		p += sprintf(p, " vlan %u", flow->vlan);
	if (flow->has & SF_HAS_CVLAN)
		p += sprintf(p, "%s%u", flow->has & SF_HAS_VLAN ? "/" : " cvlan ", flow->cvlan);
	if (flow->has & SF_HAS_MPLS)
		p += sprintf(p, " mpls %u", half->mpls >> 4);
	return p;
}

static char *put_counters(char *p, const struct sf_flow *flow, const struct sf_flow_half *half)
{
	*p++ = ' ';
	p = right_number(p, half->packets, 9);
	*p++ = ' ';
	p = right_number(p, half->octets, 12);
	*p++ = ' ';
	return put_flags(p, flow, half);
}

char *sf_table_header(char *p, bool biflow)
{
	p += sprintf(p, "%-24s %9s %-5s %-*s    %-*s %9s %12s %-8s", "Start", "Duration", "Proto",
		ENDPOINT_WIDTH, "Source", ENDPOINT_WIDTH, "Destination", "Packets", "Octets",
		"Flags");
	if (biflow)
		p += sprintf(p, " %9s %12s %-8s", "<-Packets", "<-Octets", "<-Flags");
	p += sprintf(p, " End\n");
	return p;
}

char *sf_table_row(char *p, const struct sf_flow *flow, unsigned d, bool biflow, bool local_time)
{
	static const struct sf_flow_half none;
	const struct sf_flow_half *half = &flow->half[d];
	const struct sf_flow_half *answer = biflow ? &flow->half[!d] : &none;
	int64_t start = half->start_ns, end = half->end_ns;
	char *column;

	if (answer->packets) {
		start = answer->start_ns < start ? answer->start_ns : start;
		end = answer->end_ns > end ? answer->end_ns : end;
	}
	p = put_time(p, start, local_time);
	*p++ = ' ';
	/*
	 * between the times as they are shown, so that it is the same from a file of milliseconds
	 */
	p = put_duration(p, (end / 1000000 - start / 1000000) * 1000000);
	*p++ = ' ';
	p = put_protocol(p, flow->protocol);
	*p++ = ' ';
	column = p;
	p = pad_to(put_endpoint(p, flow, d), column, ENDPOINT_WIDTH);
	p = put(p, answer->packets ? " <> " : " -> ");
	p = pad_to(put_endpoint(p, flow, !d), column, 2 * ENDPOINT_WIDTH + 4);
	p = put_counters(p, flow, half);
	if (biflow)
		p = put_counters(p, flow, answer);
	*p++ = ' ';
	p = put_end_reason(p, flow->end_reason);
	p = put_notes(p, flow, d);
	while (p[-1] == ' ')
		p--;
	*p++ = '\n';
	return p;
}
