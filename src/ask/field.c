/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of fields. A field that a flow has a member for is read from the flow, at an offset
 * that depends on the direction of the row; any other element is looked for in the record's fields.
 */
#include "ask/field.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/annex.h"
#include "base/element_id.h"
#include "base/suggest.h"
#include "encode/fields.h"
#include "encode/single.h"

/* Where a member is, and how far apart those of the two directions are. */
#define HALF(member) offsetof(struct sf_flow, half[0].member), sizeof(struct sf_flow_half)
#define SIDE(member)                                                                               \
	offsetof(struct sf_flow, member[0]), sizeof(((struct sf_flow *)NULL)->member[0])
#define FLOW(member) offsetof(struct sf_flow, member), 0
/* A fact of base/facts.def: which one; it has a value for each direction. */
#define FACT(name) SF_FACT_##name, 1
#define NONE       0, 0

static const struct row {
	const char *name; /* NULL: the elements' names only */
	const char *element, *element6;
	uint8_t type, read;
	uint16_t offset, stride;
	uint32_t known;
	uint16_t has;
	bool other; /* belongs to the side that receives */
	const char *help;
} rows[] = {
	{ "src", "sourceIPv4Address", "sourceIPv6Address", SF_ASK_ADDRESS, SF_READ_ADDRESS,
		SIDE(addr), SF_KNOWN_ADDRESS, .help = "address of the sender" },
	{ "dst", "destinationIPv4Address", "destinationIPv6Address", SF_ASK_ADDRESS,
		SF_READ_ADDRESS, SIDE(addr), SF_KNOWN_ADDRESS, .other = true,
		.help = "address of the receiver" },
	{ "sport", "sourceTransportPort", NULL, SF_ASK_NUMBER, SF_READ_PORT, SIDE(port),
		SF_KNOWN_PORT, .help = "port of the sender" },
	{ "dport", "destinationTransportPort", NULL, SF_ASK_NUMBER, SF_READ_PORT, SIDE(port),
		SF_KNOWN_PORT, .other = true, .help = "port of the receiver" },
	{ "proto", "protocolIdentifier", NULL, SF_ASK_PROTOCOL, SF_READ_8, FLOW(protocol),
		SF_KNOWN_PROTOCOL, .help = "IP protocol" },
	{ "bytes", NULL, NULL, SF_ASK_NUMBER, SF_READ_BYTES, HALF(octets), SF_KNOWN_OCTETS,
		.help = "IP bytes" },
	{ "packets", NULL, NULL, SF_ASK_NUMBER, SF_READ_PACKETS, HALF(packets), SF_KNOWN_PACKETS,
		.help = "packets" },
	{ "duration", NULL, NULL, SF_ASK_DURATION, SF_READ_DURATION, HALF(start_ns),
		SF_KNOWN_START | SF_KNOWN_END, .help = "time from the first to the last packet" },
	{ "start", NULL, NULL, SF_ASK_TIME, SF_READ_START, HALF(start_ns), SF_KNOWN_START,
		.help = "time of the first packet" },
	{ "end", NULL, NULL, SF_ASK_TIME, SF_READ_END, HALF(end_ns), SF_KNOWN_END,
		.help = "time of the last packet" },
	{ "bps", NULL, NULL, SF_ASK_NUMBER, SF_READ_BPS, HALF(octets), SF_KNOWN_OCTETS,
		.help = "bits per second" },
	{ "pps", NULL, NULL, SF_ASK_NUMBER, SF_READ_PPS, HALF(packets), SF_KNOWN_PACKETS,
		.help = "packets per second" },
	{ "bpp", NULL, NULL, SF_ASK_NUMBER, SF_READ_BPP, HALF(octets), SF_KNOWN_OCTETS,
		.help = "bytes per packet" },
	{ "flags", "tcpControlBits", NULL, SF_ASK_FLAGS, SF_READ_FLAGS, HALF(tcp_flags),
		SF_KNOWN_TCP_FLAGS, .help = "TCP flags of all packets" },
	{ "tos", "ipClassOfService", NULL, SF_ASK_NUMBER, SF_READ_8, HALF(tos), SF_KNOWN_TOS,
		.help = "IPv4 ToS or IPv6 traffic class" },
	{ "vlan", "vlanId", NULL, SF_ASK_NUMBER, SF_READ_16, FLOW(vlan), 0, SF_HAS_VLAN,
		.help = "VLAN id of the outer tag" },
	{ "cvlan", "dot1qCustomerVlanId", NULL, SF_ASK_NUMBER, SF_READ_16, FLOW(cvlan), 0,
		SF_HAS_CVLAN, .help = "VLAN id of the inner tag" },
	{ "in-if", "ingressInterface", NULL, SF_ASK_NUMBER, SF_READ_32, HALF(ingress),
		SF_KNOWN_INGRESS, .help = "interface of arrival" },
	{ "out-if", "egressInterface", NULL, SF_ASK_NUMBER, SF_READ_EGRESS, HALF(ingress),
		SF_KNOWN_EGRESS, .help = "interface of departure" },
	{ "smac", "sourceMacAddress", NULL, SF_ASK_MAC, SF_READ_MAC, FACT(src_mac), 0, SF_HAS_MAC,
		.help = "MAC address of the sender" },
	{ "dmac", "destinationMacAddress", NULL, SF_ASK_MAC, SF_READ_MAC, FACT(dst_mac), 0,
		SF_HAS_MAC, .help = "MAC address of the receiver" },
	{ "icmp-type", NULL, NULL, SF_ASK_NUMBER, SF_READ_ICMP_TYPE, SIDE(port), SF_KNOWN_ICMP,
		.help = "ICMP type" },
	{ "icmp-code", NULL, NULL, SF_ASK_NUMBER, SF_READ_ICMP_CODE, SIDE(port), SF_KNOWN_ICMP,
		.help = "ICMP code" },
	{ "version", "ipVersion", NULL, SF_ASK_NUMBER, SF_READ_8, FLOW(ip_version), 0,
		.help = "4 or 6" },
	{ "reason", "flowEndReason", NULL, SF_ASK_NUMBER, SF_READ_8, FLOW(end_reason),
		SF_KNOWN_END_REASON, .help = "why the flow ended: 1 idle, 2 active, 3 end, ..." },
	{ "exporter", NULL, NULL, SF_ASK_TEXT, SF_READ_EXPORTER, NONE, 0,
		.help = "who sent the record, or the file it is from" },
	{ "domain", "observationDomainId", NULL, SF_ASK_NUMBER, SF_READ_DOMAIN, FLOW(domain), 0,
		.help = "observation domain (sensor)" },
	{ "exported", NULL, NULL, SF_ASK_TIME, SF_READ_EXPORT_TIME, NONE, 0,
		.help = "export time of the record" },
	{ NULL, "octetDeltaCount", NULL, SF_ASK_NUMBER, SF_READ_64, HALF(octets), SF_KNOWN_OCTETS },
	{ NULL, "packetDeltaCount", NULL, SF_ASK_NUMBER, SF_READ_64, HALF(packets),
		SF_KNOWN_PACKETS },
	{ NULL, "flowStartMilliseconds", NULL, SF_ASK_TIME, SF_READ_64, HALF(start_ns),
		SF_KNOWN_START },
	{ NULL, "flowEndMilliseconds", NULL, SF_ASK_TIME, SF_READ_64, HALF(end_ns), SF_KNOWN_END },
	{ NULL, "flowStartMicroseconds", NULL, SF_ASK_TIME, SF_READ_64, HALF(start_ns),
		SF_KNOWN_START },
	{ NULL, "flowEndMicroseconds", NULL, SF_ASK_TIME, SF_READ_64, HALF(end_ns), SF_KNOWN_END },
	{ NULL, "flowStartNanoseconds", NULL, SF_ASK_TIME, SF_READ_64, HALF(start_ns),
		SF_KNOWN_START },
	{ NULL, "flowEndNanoseconds", NULL, SF_ASK_TIME, SF_READ_64, HALF(end_ns), SF_KNOWN_END },
	{ NULL, "dot1qVlanId", NULL, SF_ASK_NUMBER, SF_READ_16, FLOW(vlan), 0, SF_HAS_VLAN },
	{ NULL, "icmpTypeCodeIPv4", "icmpTypeCodeIPv6", SF_ASK_NUMBER, SF_READ_ICMP, SIDE(port),
		SF_KNOWN_ICMP },
	{ NULL, "minimumTTL", NULL, SF_ASK_NUMBER, SF_READ_8, HALF(ttl_min), SF_KNOWN_TTL_MIN },
	{ NULL, "maximumTTL", NULL, SF_ASK_NUMBER, SF_READ_8, HALF(ttl_max), SF_KNOWN_TTL_MAX },
	{ NULL, "flowLabelIPv6", NULL, SF_ASK_NUMBER, SF_READ_FLOW_LABEL, FACT(flow_label),
		SF_KNOWN_FLOW_LABEL, SF_HAS_FLOW_LABEL },
	{ NULL, "flowId", NULL, SF_ASK_NUMBER, SF_READ_64, FLOW(id), SF_KNOWN_ID },
	{ NULL, "flowDirection", NULL, SF_ASK_NUMBER, SF_READ_DIRECTION, HALF(ingress),
		SF_KNOWN_DIRECTION },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* Short names of elements: the first that this build's registry has counts. */
static const struct alias {
	const char *name, *elements[4];
	const char *what, *help;
} aliases[] = {
	{ "srcas", { "bgpSourceAsNumber" }, "AS numbers", "AS number of the sender" },
	{ "dstas", { "bgpDestinationAsNumber" }, "AS numbers", "AS number of the receiver" },
	{ "srccountry", { "sourceCountryCode", "sourceCountry" }, "countries",
		"country of the sender" },
	{ "dstcountry", { "destinationCountryCode", "destinationCountry" }, "countries",
		"country of the receiver" },
	{ "app", { "applicationName" }, "applications", "application" },
	{ "sni", { "tlsServerName", "tlsSni", "sslServerName" }, "TLS server names",
		"server name of TLS" },
	{ "dns", { "dnsQueryName", "dnsName", "dnsQName" }, "DNS names",
		"name that DNS was asked for" },
	{ "tunnel", { "tunnelKind" }, "tunnels",
		"tunnel around the packets: vxlan, gre, gtp-u, ..." },
	{ "tunnel-id", { "tunnelId" }, "tunnels", "its VNI, key, TEID or session" },
	{ "http-host", { "httpRequestHost" }, "HTTP hosts", "host of HTTP requests" },
};

#define ALIASES (sizeof(aliases) / sizeof(aliases[0]))

/* Elements of the two sides, for rows of the answer: each belongs to the other side there. */
static const uint16_t sides[][2] = {
	{ SF_IE_bgpSourceAsNumber, SF_IE_bgpDestinationAsNumber },
	{ SF_IE_sourceIPv4PrefixLength, SF_IE_destinationIPv4PrefixLength },
	{ SF_IE_sourceIPv6PrefixLength, SF_IE_destinationIPv6PrefixLength },
	{ SF_IE_sourceIPv4Prefix, SF_IE_destinationIPv4Prefix },
	{ SF_IE_sourceIPv6Prefix, SF_IE_destinationIPv6Prefix },
	{ SF_IE_tcpSourcePort, SF_IE_tcpDestinationPort },
	{ SF_IE_udpSourcePort, SF_IE_udpDestinationPort },
};

static uint16_t other_side(uint32_t pen, uint16_t id)
{
	/* sourceCountry and destinationCountry */
	if (pen == SF_PEN_SPANFLOW && (id == 1 || id == 2))
		return (uint16_t)(3 - id);
	if (pen)
		return id;
	for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++)
		for (unsigned side = 0; side < 2; side++)
			if (sides[i][side] == id)
				return sides[i][!side];
	return id;
}

/* ---------------------------------------------------------------- names */

const char *sf_ask_field_name(unsigned i, const char **help)
{
	unsigned short_names = 0;

	while (short_names < ROWS && rows[short_names].name)
		short_names++;
	if (i < short_names) {
		*help = rows[i].help;
		return rows[i].name;
	}
	i -= short_names;
	if (i >= ALIASES)
		return NULL;
	*help = aliases[i].help;
	return aliases[i].name;
}

const char *sf_ask_any_name(const void *unused, unsigned i)
{
	const char *help, *name = sf_ask_field_name(i, &help);
	unsigned short_names = 0;

	(void)unused;
	if (name)
		return name;
	while (sf_ask_field_name(short_names, &help))
		short_names++;
	/* numbers without an element are left out by giving a name again */
	i -= short_names;
	if (i >= 600)
		return NULL;
	return sf_element_find(0, (uint16_t)i) ? sf_element_find(0, (uint16_t)i)->name : "";
}

/* ---------------------------------------------------------------- finding */

static void take_row(struct sf_ask_field *field, const struct row *row, bool reverse, unsigned mode)
{
	unsigned flip = (row->other ? 1 : 0) ^ (reverse ? 1 : 0);

	field->element[0] = row->element;
	field->element[1] = row->element6 ? row->element6 : row->element;
	field->type = row->type;
	field->read = row->read;
	field->has = row->has;
	field->known = row->known;
	field->reverse = reverse;
	field->conversation = mode & SF_ASK_CONVERSATION;
	for (unsigned d = 0; d < 2; d++) {
		field->half[d] = row->stride ? (uint8_t)(d ^ flip) : 0;
		field->offset[d] = (uint16_t)(row->offset + row->stride * (d ^ flip));
		if (row->read == SF_READ_MAC || row->read == SF_READ_FLOW_LABEL)
			field->offset[d] = row->offset;
	}
	if (mode & SF_ASK_CONVERSATION)
		return;
	/* what a conversation has of both directions is a member of each */
	if (row->read == SF_READ_BYTES || row->read == SF_READ_PACKETS ||
		row->read == SF_READ_START || row->read == SF_READ_END)
		field->read = SF_READ_64;
}

static const struct row *find_row(const char *name)
{
	for (size_t i = 0; i < ROWS; i++)
		if ((rows[i].name && !strcmp(rows[i].name, name)) ||
			(rows[i].element && !strcmp(rows[i].element, name)) ||
			(rows[i].element6 && !strcmp(rows[i].element6, name)))
			return &rows[i];
	return NULL;
}

static uint8_t type_of(unsigned wire_type)
{
	switch (wire_type) {
	case SF_TYPE_U8:
	case SF_TYPE_U16:
	case SF_TYPE_U32:
	case SF_TYPE_U64:
	case SF_TYPE_BOOLEAN:
		return SF_ASK_NUMBER;
	case SF_TYPE_S8:
	case SF_TYPE_S16:
	case SF_TYPE_S32:
	case SF_TYPE_S64:
		return SF_ASK_SIGNED;
	case SF_TYPE_F32:
	case SF_TYPE_F64:
		return SF_ASK_REAL;
	case SF_TYPE_MAC:
		return SF_ASK_MAC;
	case SF_TYPE_STRING:
	case SF_TYPE_BASIC_LIST: /* compared as it is printed: sf_ask_is_list() */
		return SF_ASK_TEXT;
	case SF_TYPE_SECONDS:
	case SF_TYPE_MILLISECONDS:
	case SF_TYPE_MICROSECONDS:
	case SF_TYPE_NANOSECONDS:
		return SF_ASK_TIME;
	case SF_TYPE_IPV4:
	case SF_TYPE_IPV6:
		return SF_ASK_ADDRESS;
	default:
		return SF_ASK_OCTETS;
	}
}

static void take_element(
	struct sf_ask_field *field, uint32_t pen, uint16_t id, uint8_t wire_type, bool reverse)
{
	const struct sf_element *element = sf_element_find(pen, id);

	field->element[0] = field->element[1] = element ? element->name : NULL;
	field->read = SF_READ_ELEMENT;
	field->type = pen == SF_PEN_SPANFLOW && id == SF_ASK_TUNNEL_KIND ? SF_ASK_TUNNEL
									 : type_of(wire_type);
	field->wire_type = wire_type;
	field->reverse = reverse;
	field->pen = pen;
	field->id[0] = id;
	field->id[1] = other_side(pen, id);
}

/* "ie500", "pen6871ie40" */
static bool numbered(const char *name, uint32_t *pen, uint16_t *id)
{
	unsigned a, b;
	int n = 0;

	*pen = 0;
	if (sscanf(name, "ie%5u%n", &b, &n) == 1 && !name[n] && b <= 32767) {
		*id = (uint16_t)b;
		return true;
	}
	if (sscanf(name, "pen%10uie%5u%n", &a, &b, &n) == 2 && !name[n] && b <= 32767) {
		*pen = a;
		*id = (uint16_t)b;
		return true;
	}
	return false;
}

static const struct sf_element *alias_element(const struct alias *alias)
{
	for (unsigned i = 0; i < 4 && alias->elements[i]; i++)
		if (sf_element_find_name(alias->elements[i]))
			return sf_element_find_name(alias->elements[i]);
	return NULL;
}

static const struct alias *find_alias(const char *name)
{
	for (size_t i = 0; i < ALIASES; i++)
		if (strcmp(aliases[i].name, name) == 0)
			return &aliases[i];
	return NULL;
}

static int unknown(const char *name, struct sf_error *error)
{
	const char *near = sf_suggest(name, sf_ask_any_name, NULL);

	if (near && near[0])
		return sf_error_set(
			error, SF_EUSAGE, "there is no field '%s'; did you mean '%s'?", name, near);
	return sf_error_set(error, SF_EUSAGE,
		"there is no field '%s': spanflow ask --fields lists the short names, and any "
		"information element of IANA can be named",
		name);
}

/* "reverseOctetDeltaCount" is "octetDeltaCount" of the other direction. */
static bool without_reverse(const char *name, char *plain, size_t size)
{
	if (strncmp(name, "reverse", 7) != 0 || !isupper((unsigned char)name[7]) ||
		strlen(name + 7) >= size)
		return false;
	strcpy(plain, name + 7);
	plain[0] = (char)tolower((unsigned char)plain[0]);
	return true;
}

static const char needs_as[] = "a source of --enrich that has AS numbers";
static const char needs_country[] = "a source of --enrich that has countries";

/* What an enricher gives of a meter's flows, beside or instead of their members. */
static const struct told {
	const char *element;
	uint32_t gives; /* SF_EXTRA_… */
	uint8_t type, read;
	bool other; /* belongs to the side that receives */
	const char *needs;
} told[] = {
	{ "bgpSourceAsNumber", SF_EXTRA_AS, SF_ASK_NUMBER, SF_READ_EXTRA_AS, false, needs_as },
	{ "bgpDestinationAsNumber", SF_EXTRA_AS, SF_ASK_NUMBER, SF_READ_EXTRA_AS, true, needs_as },
	{ "sourceCountry", SF_EXTRA_COUNTRY, SF_ASK_TEXT, SF_READ_EXTRA_COUNTRY, false,
		needs_country },
	{ "destinationCountry", SF_EXTRA_COUNTRY, SF_ASK_TEXT, SF_READ_EXTRA_COUNTRY, true,
		needs_country },
	{ "ingressInterface", SF_EXTRA_INTERFACES, SF_ASK_NUMBER, SF_READ_EXTRA_INGRESS, false,
		NULL },
	{ "egressInterface", SF_EXTRA_INTERFACES, SF_ASK_NUMBER, SF_READ_EXTRA_EGRESS, false,
		NULL },
	{ "flowDirection", SF_EXTRA_INTERFACES, SF_ASK_NUMBER, SF_READ_EXTRA_DIRECTION, false,
		NULL },
};

static const struct told *find_told(const char *element)
{
	for (size_t i = 0; element && i < sizeof(told) / sizeof(told[0]); i++)
		if (strcmp(told[i].element, element) == 0)
			return &told[i];
	return NULL;
}

/* Reads the field from what the enricher gives, if it does. 0 or SF_EUSAGE. */
static int take_told(struct sf_ask_field *field, const struct told *from, const char *name,
	unsigned mode, bool reverse, struct sf_error *error)
{
	if (!(SF_ASK_GIVES(from->gives) & mode))
		return from->needs ? sf_error_set(error, SF_EUSAGE,
					     "'%s': needs %s: packets do not tell it", name,
					     from->needs)
				   : 0;
	field->element[0] = field->element[1] = from->element;
	field->type = from->type;
	field->read = from->read;
	field->reverse = reverse;
	field->conversation = mode & SF_ASK_CONVERSATION;
	for (unsigned d = 0; d < 2; d++)
		field->half[d] = (uint8_t)(d ^ (from->other != reverse));
	return 0;
}

/* Reads the element from a meter's flow. 0 or SF_EUSAGE. */
static int take_field(
	struct sf_ask_field *field, const char *name, unsigned mode, struct sf_error *error)
{
	const int number = sf_field_find(field->pen, field->id[0]);
	const struct sf_field_row *row = number < 0 ? NULL : sf_field_row((unsigned)number);

	if (!row)
		return sf_error_set(error, SF_EUSAGE,
			"'%s': the flows of a meter do not have it; spanflow list fields names "
			"what they have",
			name);
	if (row->when & SF_WHEN_EXTRA)
		return sf_error_set(error, SF_EUSAGE,
			"'%s': of what --enrich and --interface-map add, the conditions of a meter "
			"can use AS numbers, countries and interface numbers: write the records to "
			"a file (-w FILE) and ask that: spanflow show FILE --where ...",
			name);
	if (row->when & SF_WHEN_UPTIME)
		return sf_error_set(error, SF_EUSAGE,
			"'%s': the uptime is of the exporter, each destination has another: use "
			"flowStartMilliseconds or flowEndMilliseconds",
			name);
	if (row->facts & SF_FACT_SET(tunnel) && !(mode & SF_ASK_TUNNELS))
		return sf_error_set(error, SF_EUSAGE,
			"'%s': no tunnel is opened, so no flow has it: it needs --tunnel inner or "
			"both",
			name);
	if (field->reverse && !row->each)
		return sf_error_set(error, SF_EUSAGE,
			"'%s': both directions have the same: leave out 'reverse'", name);
	field->read = SF_READ_FIELD;
	for (unsigned d = 0; d < 2; d++) {
		field->half[d] = (uint8_t)(d ^ field->reverse);
		field->offset[d] = (uint16_t)number;
	}
	return 0;
}

/* What the records of a collector say of themselves. */
static int of_records(const char *name, struct sf_error *error)
{
	return sf_error_set(error, SF_EUSAGE,
		"'%s': only records that were collected have it: spanflow show --where, spanflow "
		"collect --where",
		name);
}

static int take_named(struct sf_ask_field *field, const char *name, unsigned mode, bool reverse,
	struct sf_error *error)
{
	const struct row *row = find_row(name);
	const struct alias *alias = find_alias(name);
	const struct sf_element *element =
		alias ? alias_element(alias) : sf_element_find_name(name);
	const struct told *from;
	uint32_t pen;
	uint16_t id;

	if (row && mode & SF_ASK_METERED &&
		(row->read == SF_READ_EXPORTER || row->read == SF_READ_EXPORT_TIME))
		return of_records(name, error);
	from = mode & SF_ASK_METERED ? find_told(row       ? row->element
						 : element ? element->name
							   : NULL)
				     : NULL;
	if (row)
		take_row(field, row, reverse, mode);
	if (from)
		return take_told(field, from, name, mode, reverse, error);
	if (row)
		return 0;
	if (alias && !element)
		return sf_error_set(error, SF_EUSAGE,
			"'%s': this build knows no information element for %s", name, alias->what);
	if (element)
		take_element(field, element->pen, element->id, element->type, reverse);
	else if (numbered(name, &pen, &id))
		take_element(field, pen, id,
			sf_element_find(pen, id) ? sf_element_find(pen, id)->type : SF_TYPE_OCTETS,
			reverse);
	else
		return unknown(name, error);
	field->conversation = mode & SF_ASK_CONVERSATION;
	return mode & SF_ASK_METERED ? take_field(field, name, mode, error) : 0;
}

int sf_ask_field_find(
	struct sf_ask_field *field, const char *name, unsigned mode, struct sf_error *error)
{
	char plain[64];
	int result;

	memset(field, 0, sizeof(*field));
	if (strlen(name) >= sizeof(field->name))
		return sf_error_set(error, SF_EUSAGE, "there is no field of so long a name");
	if (without_reverse(name, plain, sizeof(plain)))
		result = take_named(field, plain, mode, true, error);
	else
		result = take_named(field, name, mode, false, error);
	strcpy(field->name, name);
	field->whole = field->conversation && strcmp(name, "flags") == 0;
	return result;
}

void sf_ask_elements_add(
	struct sf_ask_elements *elements, const struct sf_ask_field *field, bool valued)
{
	bool asked = field->read == SF_READ_ELEMENT || field->read == SF_READ_MAC ||
		     field->read == SF_READ_EGRESS;
	unsigned i = 0;

	elements->direction |= field->read == SF_READ_DIRECTION;
	/*
	 * a meter that is asked for deltaFlowCount says 1 for each flow: the
	 * question is which records are sums
	 */
	if (!asked || !field->element[0] ||
		(field->pen == 0 && field->id[0] == SF_IE_deltaFlowCount))
		return;
	while (i < elements->count && strcmp(elements->names[i], field->element[0]) != 0)
		i++;
	if (i == SF_ASK_ELEMENTS_MAX)
		return;
	elements->names[i] = field->element[0];
	elements->count += i == elements->count;
	if (valued && field->read == SF_READ_ELEMENT) {
		elements->pen[i] = field->pen;
		memcpy(elements->id[i], field->id, sizeof(field->id));
	}
}

const char *sf_ask_element_needs(const char *element, unsigned mode)
{
	const struct told *from = find_told(element);
	const struct sf_element *found = sf_element_find_name(element);
	const int number = found ? sf_field_find(found->pen, found->id) : -1;
	const struct sf_field_row *row = number < 0 ? NULL : sf_field_row((unsigned)number);
	const uint64_t around =
		SF_FACT_SET(tunnel) | SF_FACT_SET(outer_flow) | SF_FACT_SET(inner_flow);

	if (row && row->facts & around)
		return mode & SF_ASK_TUNNELS ? NULL : "--tunnel inner or both";
	if (mode & SF_ASK_GIVES(UINT16_MAX))
		return NULL;
	if (from)
		return from->needs;
	return row && row->when & SF_WHEN_EXTRA ? "a source of --enrich that has it" : NULL;
}
