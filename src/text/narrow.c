/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table that fits a terminal. A line tells the date, and for collected records the exporter,
 * when these change; rows have the time of day. Well-known ports have names, bytes have units.
 * Where two addresses have no room beside each other the second one goes below the first. Example,
 * of 80 columns:
 *
 *	-- 2024-01-01 UTC
 *	Start    Length Proto Source              Destination         Pkts  Bytes   E
 *	00:00:01  0.711 TCP   192.0.2.11:50210 -> 203.0.113.17:https     43 19.0 kB e
 *	00:00:04  0.704 TCP   [2001:db8:1::12]:51044                     21 1.50 kB e
 *	                   -> [2001:db8:80::1]:https
 */
#include <stdio.h>
#include <string.h>

#include "base/element_id.h"
#include "base/value.h"
#include "text/cell.h"
#include "text/text.h"

#define ELSEWHERE 120 /* columns when rows go to no terminal */
#define LEAST     60
#define PROTOCOL  5
#define ARROW     4
#define BYTES     7
#define FLAGS     8
#define EXPORTED  8
#define NOTES                                                                                      \
	22 /* " in vxlan 50000", " neighbor solicitation": kept free before columns grow for IPv6 */
#define ENDPOINT_4    21 /* an IPv4 address in full, with port */
#define ENDPOINT_TEXT 80 /* bytes of an address with prefix length and port, at most */
#define ENDPOINT_MAX  47 /* an IPv6 address in full, with brackets and port */

/* The width of a row without its two endpoints. */
static unsigned width_of_rest(const struct sf_narrow *table)
{
	unsigned counters = 1 + table->packets + 1 + BYTES + (table->flags ? 1 + FLAGS : 0);

	return table->start + (table->duration ? 1 + table->duration : 0) + 1 + PROTOCOL + 1 +
	       ARROW + counters * (table->biflow ? 2 : 1) + 1 + (table->flags ? 6 : 1) +
	       (table->exported ? 1 + EXPORTED : 0);
}

/* The width that is left for each endpoint. */
static unsigned width_of_endpoint(const struct sf_narrow *table)
{
	unsigned rest = width_of_rest(table);

	return table->width > rest ? (table->width - rest) / 2 : 0;
}

/* `roomy`: milliseconds, flags, words for end reasons. */
static void set_columns(struct sf_narrow *table, bool roomy, bool collected)
{
	table->start = roomy ? 12 : 8;
	table->duration = roomy ? 8 : table->biflow ? 0 : 6;
	table->packets = roomy ? 7 : 5;
	table->flags = roomy;
	table->exported = collected;
	/* addresses are worth more than the times of export, which are mostly the same */
	if (table->cut && width_of_endpoint(table) < ENDPOINT_4)
		table->exported = false;
	table->endpoint = width_of_endpoint(table);
}

void sf_narrow_init(
	struct sf_narrow *table, unsigned width, bool biflow, bool local_time, bool collected)
{
	*table = (struct sf_narrow){
		.biflow = biflow,
		.local_time = local_time,
		.cut = width > 0,
		.width = width == 0      ? ELSEWHERE
			 : width < LEAST ? LEAST
					 : width,
	};
	set_columns(table, true, collected);
	if (table->endpoint < ENDPOINT_4)
		set_columns(table, false, collected);
	if (table->cut && table->endpoint > ENDPOINT_4) {
		const unsigned beside = (table->width - width_of_rest(table) - NOTES) / 2;

		table->endpoint = beside < ENDPOINT_4 ? ENDPOINT_4 : beside;
	}
	if (table->endpoint > ENDPOINT_MAX)
		table->endpoint = ENDPOINT_MAX;
}

static char *trim(char *p, const char *start)
{
	while (p > start && p[-1] == ' ')
		p--;
	return p;
}

/* The end of a row's columns, which must be no longer than the terminal is wide. */
static char *cut(char *p, char *start, const struct sf_narrow *table)
{
	if (table->cut && p - start > (ptrdiff_t)table->width)
		p = start + table->width;
	return trim(p, start);
}

/* Words in lines of their own, as many as fit into each. A tab stands for two spaces. */
static char *put_below(char *p, const char *text, const struct sf_narrow *table)
{
	const unsigned indent = table->start + 1;
	unsigned used = table->width;

	while (*text) {
		const unsigned space = *text == '\t' ? 2 : 1;
		const size_t length = strcspn(++text, " \t");

		if (used + space + length > table->width) {
			*p++ = '\n';
			p = sf_row_pad(p, p, indent);
			used = indent;
		} else {
			p = sf_row_pad(p, p, space);
			used += space;
		}
		p = mempcpy(p, text, length);
		used += (unsigned)length;
		text += length;
	}
	return p;
}

/*
 * What is told behind a row that begins at *line, such as " vlan 41": in the same line if all of it
 * fits there. Each word has a space or a tab before it.
 */
static char *put_behind(char *p, char **line, const char *text, const struct sf_narrow *table)
{
	size_t spaces = 0;

	for (const char *tab = text; (tab = strchr(tab, '\t')); tab++)
		spaces++;
	if (table->cut && (size_t)(p - *line) + strlen(text) + spaces > table->width) {
		p = put_below(trim(p, *line), text, table);
		*line = memrchr(*line, '\n', (size_t)(p - *line)) + 1;
		return p;
	}
	for (; *text; text++) {
		*p++ = *text == '\t' ? ' ' : *text;
		if (*text == '\t')
			*p++ = ' ';
	}
	return p;
}

char *sf_narrow_header(char *p, const struct sf_narrow *table)
{
	char *start = p;

	p += sprintf(p, "%-*s", (int)table->start, "Start");
	if (table->duration)
		p += sprintf(p, " %*s", (int)table->duration, "Length");
	p += sprintf(p, " %-*s %-*s%*s%-*s", PROTOCOL, "Proto", (int)table->endpoint, "Source",
		ARROW, "", (int)table->endpoint, table->endpoint < 11 ? "To" : "Destination");
	for (unsigned d = 0; d < (table->biflow ? 2u : 1u); d++) {
		p += sprintf(p, " %*s %*s", (int)table->packets, d ? "<-Pkts" : "Pkts", BYTES,
			d ? "<-Bytes" : "Bytes");
		if (table->flags)
			p += sprintf(p, " %-*s", FLAGS, d ? "<-Flags" : "Flags");
	}
	p += sprintf(p, table->flags ? " %-6s" : " %s", table->flags ? "End" : "E");
	if (table->exported)
		p += sprintf(p, " Exported");
	p = cut(p, start, table);
	*p++ = '\n';
	return p;
}

/* A well-known port's short name, or NULL. */
static const char *service_name(uint16_t port)
{
	static const struct {
		uint16_t port;
		char name[8];
	} names[] = { { 20, "ftpdata" }, { 21, "ftp" }, { 22, "ssh" }, { 23, "telnet" },
		{ 25, "smtp" }, { 53, "dns" }, { 67, "dhcp" }, { 68, "dhcpc" }, { 69, "tftp" },
		{ 80, "http" }, { 88, "krb5" }, { 110, "pop3" }, { 111, "rpc" }, { 123, "ntp" },
		{ 135, "msrpc" }, { 137, "nbns" }, { 138, "nbdgm" }, { 139, "nbss" },
		{ 143, "imap" }, { 161, "snmp" }, { 162, "trap" }, { 179, "bgp" }, { 389, "ldap" },
		{ 443, "https" }, { 445, "smb" }, { 500, "ike" }, { 514, "syslog" },
		{ 546, "dhcp6c" }, { 547, "dhcp6" }, { 587, "submit" }, { 631, "ipp" },
		{ 636, "ldaps" }, { 853, "dot" }, { 993, "imaps" }, { 995, "pop3s" },
		{ 1194, "openvpn" }, { 1433, "mssql" }, { 1812, "radius" }, { 1883, "mqtt" },
		{ 1900, "ssdp" }, { 2049, "nfs" }, { 2055, "netflow" }, { 3306, "mysql" },
		{ 3389, "rdp" }, { 4500, "natt" }, { 4739, "ipfix" }, { 4789, "vxlan" },
		{ 5060, "sip" }, { 5353, "mdns" }, { 5355, "llmnr" }, { 5432, "pgsql" },
		{ 5900, "vnc" }, { 6379, "redis" }, { 8080, "http-p" }, { 51820, "wg" } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].port == port)
			return names[i].name;
	return NULL;
}

/* Address and port of one side. Returns the length. */
static size_t endpoint_text(char text[ENDPOINT_TEXT], const struct sf_row *row, unsigned side)
{
	const struct sf_flow *flow = row->flow;
	bool ports = sf_row_has_ports(row, side);
	char *end = text;

	if (!sf_row_knows(row, side, SF_KNOWN_ADDRESS)) {
		*end++ = '-';
	} else if (flow->ip_version == 4) {
		end = sf_text_ipv4(end, flow->addr[side]);
	} else {
		if (ports)
			*end++ = '[';
		end = sf_text_ipv6(end, flow->addr[side]);
		if (ports)
			*end++ = ']';
	}
	end = sf_row_prefix(end, row, side);
	if (ports) {
		const char *name = service_name(flow->port[side]);

		*end++ = ':';
		end = name ? stpcpy(end, name) : sf_text_u64(end, flow->port[side]);
	}
	return (size_t)(end - text);
}

static char *put_endpoint(char *p, const char *text, size_t length, size_t width)
{
	if (length <= width) {
		memcpy(p, text, length);
		return sf_row_pad(p + length, p, width);
	}
	/* the middle goes: the port at the end stays */
	memcpy(p, text, (width - 1) / 2);
	p += (width - 1) / 2;
	*p++ = '.';
	*p++ = '.';
	width -= (width - 1) / 2 + 2;
	memcpy(p, text + length - width, width);
	return p + width;
}

/*
 * Both sides beside each other. Where they have no room, the source alone: the destination is to go
 * below. A source loses its middle only where it is longer than both columns: IPv4 with --biflow on
 * less than 68 columns, and long IPv6.
 */
static char *put_ends(char *p, const struct sf_narrow *table, const struct sf_row *row,
	const char *arrow, bool *below)
{
	char source[ENDPOINT_TEXT], destination[ENDPOINT_TEXT];
	size_t source_length = endpoint_text(source, row, row->d);
	size_t length = endpoint_text(destination, row, !row->d);

	*below = table->cut && (source_length > table->endpoint || length > table->endpoint);
	if (*below)
		return put_endpoint(p, source, source_length, 2 * table->endpoint + ARROW);
	p = stpcpy(put_endpoint(p, source, source_length, table->endpoint), arrow);
	return put_endpoint(p, destination, length, table->endpoint);
}

/* The destination in a line of its own, `column` columns from the left. */
static char *put_end_below(char *p, const struct sf_narrow *table, const struct sf_row *row,
	const char *arrow, size_t column)
{
	char text[ENDPOINT_TEXT];
	size_t length = endpoint_text(text, row, !row->d);

	p = sf_row_pad(p, p, column - ARROW);
	return put_endpoint(stpcpy(p, arrow), text, length, table->width - column);
}

/* Three digits and a unit: "999 B", "19.0 kB", "301 kB". */
static char *put_scaled(char *p, uint64_t value, const char *space, const char *unit, size_t width)
{
	static const char prefixes[] = " kMGTPE";
	double scaled = (double)value;
	unsigned prefix = 0;
	char text[32];
	int length;

	/* what would be rounded up to 1000 has the next unit */
	for (; scaled >= 999.5 && prefixes[prefix + 1]; prefix++)
		scaled /= 1000;
	if (prefix == 0)
		length = snprintf(text, sizeof(text), "%.0f%s%s", scaled, space, unit);
	else
		length = snprintf(text, sizeof(text), "%.*f%s%c%s",
			scaled < 9.995   ? 2
			: scaled < 99.95 ? 1
					 : 0,
			scaled, space, prefixes[prefix], unit);
	return sf_row_right(p, text, (size_t)length, width);
}

static char *put_packets(char *p, uint64_t packets, size_t width)
{
	char text[32];
	size_t length = (size_t)(sf_text_u64(text, packets) - text);

	return length <= width ? sf_row_right(p, text, length, width)
			       : put_scaled(p, packets, "", "", width);
}

static char *put_counters(
	char *p, const struct sf_narrow *table, const struct sf_row *row, unsigned d)
{
	static const struct sf_flow_half none;
	bool there = row->flow->directions >> d & 1;
	const struct sf_flow_half *half = there ? &row->flow->half[d] : &none;

	*p++ = ' ';
	p = !there || sf_row_knows(row, d, SF_KNOWN_PACKETS)
		    ? put_packets(p, half->packets, table->packets)
		    : sf_row_right(p, "-", 1, table->packets);
	*p++ = ' ';
	p = !there || sf_row_knows(row, d, SF_KNOWN_OCTETS)
		    ? put_scaled(p, half->octets, " ", "B", BYTES)
		    : sf_row_right(p, "-", 1, BYTES);
	if (!table->flags)
		return p;
	*p++ = ' ';
	return sf_row_flags(p, row, d);
}

/* "0.711", "59.0", "3m20s", "1h05m": at most six characters up to a thousand hours. */
static char *put_duration(char *p, int64_t ns, size_t width)
{
	uint64_t ms = ns < 0 ? 0 : (uint64_t)ns / 1000000, s = ms / 1000;
	char text[32];
	int length;

	if (s < 60)
		length =
			snprintf(text, sizeof(text), "%u.%03u", (unsigned)s, (unsigned)(ms % 1000));
	else if (s < 3600)
		length = snprintf(
			text, sizeof(text), "%um%02us", (unsigned)s / 60, (unsigned)s % 60);
	else
		length = snprintf(text, sizeof(text), "%lluh%02um", (unsigned long long)s / 3600,
			(unsigned)(s / 60 % 60));
	return sf_row_right(p, text, (size_t)length, width);
}

/* Date and zone; of collected records also who exported them. */
static void describe(char *text, size_t size, const struct sf_narrow *table,
	const struct sf_row *row, const char *date)
{
	const struct sf_field_value *exporter, *domain;
	size_t used = (size_t)snprintf(
		text, size, "%.10s %s", date, table->local_time ? "local time" : "UTC");

	if (!row->record)
		return;
	exporter = sf_cell_field(row->record, 0, SF_IE_exporterIPv4Address);
	if (!exporter)
		exporter = sf_cell_field(row->record, 0, SF_IE_exporterIPv6Address);
	domain = sf_cell_field(row->record, 0, SF_IE_observationDomainId);
	if (exporter) {
		used += (size_t)snprintf(text + used, size - used, ", from ");
		used += sf_field_text(exporter, text + used, size - used);
	}
	if (domain) {
		used += (size_t)snprintf(text + used, size - used, ", domain ");
		sf_field_text(domain, text + used, size - used);
	}
}

static char *put_end(char *p, const struct sf_narrow *table, const struct sf_row *row)
{
	char word[16], *end = word, *column = p;

	if (!sf_row_knows(row, 0, SF_KNOWN_END_REASON))
		*end++ = '-';
	else
		end = sf_row_end_reason(word, row->flow->end_reason);
	if (!table->flags) {
		*p++ = word[0];
		return p;
	}
	memcpy(p, word, (size_t)(end - word));
	return sf_row_pad(p + (end - word), column, 6);
}

/* Start and length; a dash where the exporter of the record did not tell them. */
static char *put_span(char *p, const struct sf_narrow *table, const struct sf_row *row,
	bool two_way, const char *date)
{
	bool started = sf_row_knows(row, row->d, SF_KNOWN_START);
	bool ended = sf_row_knows(row, row->d, SF_KNOWN_END);
	int64_t start, end;
	char *column = p;

	sf_row_span(row, two_way, &start, &end);
	if (started)
		p = mempcpy(p, date + 11, table->start);
	else
		*p++ = '-';
	p = sf_row_pad(p, column, table->start);
	if (!table->duration)
		return p;
	*p++ = ' ';
	/*
	 * between the times as they are shown, so that it is the same from a file of milliseconds
	 */
	return started && ended ? put_duration(p, (end / 1000000 - start / 1000000) * 1000000,
					  table->duration)
				: sf_row_right(p, "-", 1, table->duration);
}

/* What is told once above the rows that it is true of. */
static char *put_above(char *p, struct sf_narrow *table, const struct sf_row *row, const char *date)
{
	char text[sizeof(table->above)];

	describe(text, sizeof(text), table, row, date);
	if (strcmp(text, table->above) == 0)
		return p;
	strcpy(table->above, text);
	return p + sprintf(p, "-- %s\n", text);
}

char *sf_narrow_row(char *p, struct sf_narrow *table, const struct sf_row *row, const char *more)
{
	bool two_way = row->biflow && sf_flow_two_way(row->flow);
	const char *arrow = two_way ? " <> " : " -> ";
	int64_t begin, end;
	char date[40], notes[SF_ROW_NOTES_MAX], *line;
	size_t column;
	bool below;

	sf_row_span(row, two_way, &begin, &end);
	sf_row_time(date, begin, table->local_time);
	p = put_above(p, table, row, date);
	line = p;
	p = put_span(p, table, row, two_way, date);
	*p++ = ' ';
	p = sf_row_knows(row, 0, SF_KNOWN_PROTOCOL) ? sf_row_protocol(p, row->flow->protocol)
						    : sf_row_pad(stpcpy(p, "-"), p, PROTOCOL);
	*p++ = ' ';
	column = (size_t)(p - line);
	p = put_ends(p, table, row, arrow, &below);
	p = put_counters(p, table, row, row->d);
	if (table->biflow)
		p = put_counters(p, table, row, !row->d);
	*p++ = ' ';
	p = put_end(p, table, row);
	if (table->exported && row->record) {
		sf_row_time(date, row->record->export_time_ns, table->local_time);
		*p++ = ' ';
		p = mempcpy(p, date + 11, EXPORTED);
	}
	if (table->cut && p - line > (ptrdiff_t)table->width)
		p = line + table->width;
	if (below) {
		p = trim(p, line);
		*p++ = '\n';
		line = p;
		p = trim(put_end_below(p, table, row, arrow, column), line);
	}
	*sf_row_notes(notes, row) = '\0';
	p = put_behind(p, &line, notes, table);
	p = trim(put_behind(p, &line, more, table), line);
	*p++ = '\n';
	return p;
}
