/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wide table, with all values in full. A dash stands for a value that the exporter of a
 * collected record did not send. Columns have fixed widths that fit IPv4. A long IPv6 address uses
 * the padding of the next column, and only then pushes the rest of its row to the right.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <spanflow/tunnel.h>

#include "base/annex.h"
#include "base/element_id.h"
#include "base/value.h"
#include "base/wire.h"
#include "text/cell.h"
#include "text/text.h"

#define ENDPOINT_WIDTH 21 /* 255.255.255.255:65535 */
#define TIME_WIDTH     24 /* 2023-09-12 06:06:56.123Z */
#define EXPORTER_WIDTH 15
#define DOMAIN_WIDTH   7

bool sf_row_knows(const struct sf_row *row, unsigned half, uint32_t known)
{
	return !row->record || sf_cell_known(row->record, half, known);
}

static char *put(char *p, const char *text)
{
	size_t length = strlen(text);

	memcpy(p, text, length);
	return p + length;
}

char *sf_row_pad(char *p, const char *start, size_t width)
{
	while ((size_t)(p - start) < width)
		*p++ = ' ';
	return p;
}

char *sf_row_right(char *p, const char *text, size_t length, size_t width)
{
	for (; length < width; width--)
		*p++ = ' ';
	memcpy(p, text, length);
	return p + length;
}

static char *right_number(char *p, uint64_t value, size_t width)
{
	char text[20];

	return sf_row_right(p, text, (size_t)(sf_text_u64(text, value) - text), width);
}

char *sf_row_time(char *p, int64_t time_ns, bool local)
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
		return sf_row_pad(p, start, 24);
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
	return sf_row_right(p, text, (size_t)(end - text), 9);
}

char *sf_row_protocol(char *p, uint8_t protocol)
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
	return sf_row_pad(p, start, 5);
}

bool sf_row_has_ports(const struct sf_row *row, unsigned side)
{
	uint8_t protocol = row->flow->protocol;
	bool protocol_has = protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132 ||
			    protocol == 136;

	/* an exporter that sends ports and no protocol means a protocol with ports */
	return !row->flow->folded && (protocol_has || !sf_row_knows(row, 0, SF_KNOWN_PROTOCOL)) &&
	       sf_row_knows(row, side, SF_KNOWN_PORT);
}

/* The number that an exporter sent as this element, which has a byte or more; 0: it sent none. */
static uint64_t sent_number(const struct sf_row *row, uint16_t id)
{
	const struct sf_field_value *field = row->record ? sf_cell_field(row->record, 0, id) : NULL;

	return field && field->length <= 8 ? sf_load_be(field->data, field->length) : 0;
}

static uint64_t flows_of(const struct sf_row *row)
{
	return row->record ? sent_number(row, SF_IE_deltaFlowCount) : row->flow->folded;
}

char *sf_row_prefix(char *p, const struct sf_row *row, unsigned side)
{
	if (row->record ? row->record->known[side] & SF_KNOWN_PREFIX : row->flow->folded)
		return p + sprintf(p, "/%u", row->flow->prefix_length[side]);
	return p;
}

static char *put_endpoint(char *p, const struct sf_row *row, unsigned side)
{
	const struct sf_flow *flow = row->flow;
	bool ports = sf_row_has_ports(row, side);

	if (!sf_row_knows(row, side, SF_KNOWN_ADDRESS)) {
		*p++ = '-';
	} else if (flow->ip_version == 4) {
		p = sf_text_ipv4(p, flow->addr[side]);
	} else {
		if (ports)
			*p++ = '[';
		p = sf_text_ipv6(p, flow->addr[side]);
		if (ports)
			*p++ = ']';
	}
	p = sf_row_prefix(p, row, side);
	if (ports) {
		*p++ = ':';
		p = sf_text_u64(p, flow->port[side]);
	}
	return p;
}

char *sf_row_flags(char *p, const struct sf_row *row, unsigned d)
{
	static const char letters[] = "CEUAPRSF";
	const struct sf_flow *flow = row->flow;
	const struct sf_flow_half *half = &flow->half[d];

	if (flow->protocol == 6 && flow->directions >> d & 1 &&
		!sf_row_knows(row, d, SF_KNOWN_TCP_FLAGS))
		return put(p, "-       ");
	for (int i = 0; i < 8; i++)
		*p++ = flow->protocol != 6              ? ' '
		       : half->tcp_flags >> (7 - i) & 1 ? letters[i]
							: '.';
	return p;
}

char *sf_row_end_reason(char *p, uint8_t reason)
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
	return sf_row_pad(p, start, 6);
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

/* The number that a collected record has for an element of our own; false: it has none. */
static bool collected_number(const struct sf_row *row, uint16_t id, uint32_t *number)
{
	const struct sf_spec spec = { .pen = SF_PEN_SPANFLOW, .id = id };
	struct sf_cell cell = { .kind = SF_CELL_FLOW };

	sf_cell_find(&cell, row->record, &spec, true, row->d);
	if (cell.kind != SF_CELL_VALUE)
		return false;
	*number = 0;
	for (unsigned i = 0; i < cell.value.length; i++)
		*number = *number << 8 | cell.value.data[i];
	return true;
}

/* Which tunnel the packets were in, such as " in vxlan 5000". */
static char *put_tunnel(char *p, const struct sf_row *row)
{
	enum { TUNNEL_KIND = 16, TUNNEL_ID = 17 };
	uint32_t kind = SF_TUNNEL_COUNT, id = 0;

	if (row->record) {
		if (!collected_number(row, TUNNEL_KIND, &kind))
			return p;
		collected_number(row, TUNNEL_ID, &id);
	} else if (row->flow->has & SF_HAS_TUNNEL) {
		struct sf_tunnel_facts tunnel;

		memcpy(&tunnel, sf_fact_get_tunnel(row->flow, row->d), sizeof(tunnel));
		kind = tunnel.kind;
		id = tunnel.id;
	}
	if (kind >= SF_TUNNEL_COUNT)
		return p;
	p += sprintf(p, " in %s", sf_tunnel_name((enum sf_tunnel_kind)kind));
	return id ? p + sprintf(p, " %u", id) : p;
}

char *sf_row_notes(char *p, const struct sf_row *row)
{
	const struct sf_flow *flow = row->flow;
	unsigned d = row->d;

	if (sf_flow_has_icmp_type(flow) && sf_row_knows(row, d, SF_KNOWN_ICMP)) {
		const char *words = icmp_words(flow, flow->port[d]);

		if (words)
			p += sprintf(p, " %s", words);
		else
			p += sprintf(
				p, " type %u code %u", flow->port[d] >> 8, flow->port[d] & 255);
	} else if (sf_flow_is_icmp(flow) && flow->has & SF_HAS_FRAGMENTS) {
		p += sprintf(p, " fragment");
	}
	if (flows_of(row) > 1)
		p += sprintf(p, " %llu flows", (unsigned long long)flows_of(row));
	if (flow->has & SF_HAS_VLAN)
		p += sprintf(p, " vlan %u", flow->vlan);
	if (flow->has & SF_HAS_CVLAN)
		p += sprintf(p, "%s%u", flow->has & SF_HAS_VLAN ? "/" : " cvlan ", flow->cvlan);
	if (flow->has & SF_HAS_MPLS)
		p += sprintf(p, " mpls %u", (unsigned)sf_fact_get_mpls(flow, d) >> 4);
	return put_tunnel(p, row);
}

static char *put_count(
	char *p, const struct sf_row *row, unsigned d, uint32_t known, uint64_t count, size_t width)
{
	bool there = row->flow->directions >> d & 1;

	*p++ = ' ';
	return sf_row_knows(row, d, known) || !there ? right_number(p, count, width)
						     : sf_row_right(p, "-", 1, width);
}

static char *put_counters(char *p, const struct sf_row *row, unsigned d)
{
	static const struct sf_flow_half none;
	const struct sf_flow_half *half =
		row->flow->directions >> d & 1 ? &row->flow->half[d] : &none;

	p = put_count(p, row, d, SF_KNOWN_PACKETS, half->packets, 9);
	p = put_count(p, row, d, SF_KNOWN_OCTETS, half->octets, 12);
	*p++ = ' ';
	return sf_row_flags(p, row, d);
}

void sf_row_span(const struct sf_row *row, bool two_way, int64_t *start, int64_t *end)
{
	const struct sf_flow_half *half = &row->flow->half[row->d];
	const struct sf_flow_half *answer = &row->flow->half[!row->d];

	*start = half->start_ns;
	*end = half->end_ns;
	if (!two_way)
		return;
	*start = answer->start_ns < *start ? answer->start_ns : *start;
	*end = answer->end_ns > *end ? answer->end_ns : *end;
}

/* Begin and duration of the row's flow. */
static char *put_times(char *p, const struct sf_row *row, bool two_way)
{
	int64_t start, end;
	char *column = p;

	sf_row_span(row, two_way, &start, &end);
	if (sf_row_knows(row, row->d, SF_KNOWN_START))
		p = sf_row_time(p, start, row->local_time);
	else
		*p++ = '-';
	p = sf_row_pad(p, column, TIME_WIDTH);
	*p++ = ' ';
	/*
	 * the difference of the times as shown, so that a file with milliseconds gives the same
	 */
	if (sf_row_knows(row, row->d, SF_KNOWN_START) && sf_row_knows(row, row->d, SF_KNOWN_END))
		return put_duration(p, (end / 1000000 - start / 1000000) * 1000000);
	return sf_row_right(p, "-", 1, 9);
}

/*
 * Who exported the record, of which domain, and when; the date only if the flow began on another.
 */
static char *put_origin(char *p, const struct sf_row *row, const char *start)
{
	const struct sf_field_value *field =
		sf_cell_field(row->record, 0, SF_IE_exporterIPv4Address);
	char time[32], *column = p;

	if (!field)
		field = sf_cell_field(row->record, 0, SF_IE_exporterIPv6Address);
	if (field)
		p += sf_field_text(field, p, SF_VALUE_MAX);
	else
		*p++ = '-';
	p = sf_row_pad(p, column, EXPORTER_WIDTH);
	*p++ = ' ';
	column = p;
	field = sf_cell_field(row->record, 0, SF_IE_observationDomainId);
	if (field)
		p += sf_field_text(field, p, SF_VALUE_MAX);
	p = sf_row_pad(p, column, DOMAIN_WIDTH);
	*p++ = ' ';
	sf_row_time(time, row->record->export_time_ns / 1000000000 * 1000000000, row->local_time);
	/* "2023-09-12 06:06:56.000Z" without the milliseconds */
	time[19] = '\0';
	p = put(p, memcmp(time, start, 10) == 0 ? time + 11 : time);
	if (!row->local_time)
		*p++ = 'Z';
	return p;
}

char *sf_wide_header(char *p, bool biflow, bool collected)
{
	p += sprintf(p, "%-*s %9s %-5s %-*s    %-*s %9s %12s %-8s", TIME_WIDTH, "Start", "Duration",
		"Proto", ENDPOINT_WIDTH, "Source", ENDPOINT_WIDTH, "Destination", "Packets",
		"Octets", "Flags");
	if (biflow)
		p += sprintf(p, " %9s %12s %-8s", "<-Packets", "<-Octets", "<-Flags");
	if (collected)
		p += sprintf(p, " %-6s %-*s %-*s %s\n", "End", EXPORTER_WIDTH, "Exporter",
			DOMAIN_WIDTH, "Domain", "Exported");
	else
		p += sprintf(p, " End\n");
	return p;
}

char *sf_wide_row(char *p, const struct sf_row *row)
{
	const struct sf_flow *flow = row->flow;
	bool two_way = row->biflow && sf_flow_two_way(flow);
	char *start = p, *column;

	p = put_times(p, row, two_way);
	*p++ = ' ';
	p = sf_row_knows(row, 0, SF_KNOWN_PROTOCOL) ? sf_row_protocol(p, flow->protocol)
						    : put(p, "-    ");
	*p++ = ' ';
	column = p;
	p = sf_row_pad(put_endpoint(p, row, row->d), column, ENDPOINT_WIDTH);
	p = put(p, two_way ? " <> " : " -> ");
	p = sf_row_pad(put_endpoint(p, row, !row->d), column, 2 * ENDPOINT_WIDTH + 4);
	p = put_counters(p, row, row->d);
	if (row->biflow)
		p = put_counters(p, row, !row->d);
	*p++ = ' ';
	p = sf_row_knows(row, 0, SF_KNOWN_END_REASON) ? sf_row_end_reason(p, flow->end_reason)
						      : put(p, "-     ");
	if (row->record) {
		*p++ = ' ';
		p = put_origin(p, row, start);
	}
	p = sf_row_notes(p, row);
	while (p[-1] == ' ')
		p--;
	*p++ = '\n';
	return p;
}
