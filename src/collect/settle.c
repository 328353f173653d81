/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fills in members of the flow record that depend on more than one field: addresses, start and end,
 * ICMP types, directions. What the record does not contain stays unknown (SF_KNOWN_…).
 */
#include <string.h>

#include "base/element_id.h"
#include "base/icmp.h"
#include "base/wire.h"
#include "collect/convert.h"

#define FUTURE_MS UINT32_C(3600000) /* an uptime may be this far ahead of the header's uptime */

#define TIMES (UINT64_C(1) << SLOT_START | UINT64_C(1) << SLOT_END)

static bool noted(const struct sf_collect_notes *notes, unsigned half, enum slot slot)
{
	return sf_collect_noted(notes, half, slot);
}

/* ---------------------------------------------------------------- times */

void sf_collect_init_time(struct sf_collect_message *message, int64_t init_time_ms)
{
	message->uptime_at_ns = message->out.export_time_ns;
	message->uptime_ms = (uint32_t)(message->out.export_time_ns / SF_NS_PER_MS - init_time_ms);
	message->uptime_valid = true;
}

/*
 * True if the known start time is that of the record's exporter. An IPFIX file may have the records
 * of several exporters, each with its address.
 */
static bool is_of_init_exporter(
	const struct sf_collect_message *message, const struct sf_collect_template *template)
{
	const struct sf_collect_session *session = message->session;
	const struct sf_field_value *field;

	if (!session || session->init_exporter_length == 0 ||
		template->exporter_field == SF_COLLECT_NO_FIELD)
		return true;
	field = &template->fields[template->exporter_field];
	return field->length == session->init_exporter_length &&
	       memcmp(field->data, session->init_exporter, field->length) == 0;
}

bool sf_collect_uptime(const struct sf_collect_message *message,
	const struct sf_collect_template *template, uint32_t uptime, int64_t *ns)
{
	/* uptimes wrap after 49.7 days: the latest possible time before the header's is taken */
	uint32_t before = message->uptime_ms - uptime;

	if (!message->uptime_valid || !is_of_init_exporter(message, template))
		return false;
	if (before > UINT32_MAX - FUTURE_MS)
		*ns = message->uptime_at_ns + (int64_t)(uptime - message->uptime_ms) * SF_NS_PER_MS;
	else
		*ns = message->uptime_at_ns - (int64_t)before * SF_NS_PER_MS;
	return true;
}

/* Duration of the flow, by its own element or by two uptimes. -1: unknown. */
static int64_t duration(const struct sf_collect_notes *notes, unsigned half)
{
	if (notes->uptimes[half] == TIMES)
		return (int64_t)(uint32_t)(notes->value[SLOT_END][half] -
					   notes->value[SLOT_START][half]) *
		       SF_NS_PER_MS;
	if (noted(notes, half, SLOT_DURATION_MS))
		return sf_collect_time(notes->value[SLOT_DURATION_MS][half], SF_NS_PER_MS);
	if (noted(notes, half, SLOT_DURATION_US))
		return sf_collect_time(notes->value[SLOT_DURATION_US][half], 1000);
	return -1;
}

/*
 * Sets start and end of a half. If one is missing, it is computed by the duration. If only the
 * duration is known, the flow has ended at the export time.
 */
static void half_times(
	struct sf_collected *out, const struct sf_collect_notes *notes, unsigned index)
{
	struct sf_flow_half *half = &out->flow.half[index];
	bool start = noted(notes, index, SLOT_START), end = noted(notes, index, SLOT_END);
	int64_t lasted = start && end ? -1 : duration(notes, index), earlier;

	if (!start && !end)
		half->end_ns = half->start_ns = out->export_time_ns;
	else if (!start)
		half->start_ns = half->end_ns;
	else if (!end)
		half->end_ns = half->start_ns;
	if (lasted >= 0) {
		out->known[index] |= SF_KNOWN_START | SF_KNOWN_END;
		if (!start)
			half->start_ns = half->end_ns > lasted ? half->end_ns - lasted : 0;
		else
			half->end_ns = half->start_ns < INT64_MAX - lasted ? half->start_ns + lasted
									   : INT64_MAX;
	}
	if (half->end_ns < half->start_ns) {
		earlier = half->end_ns;
		half->end_ns = half->start_ns;
		half->start_ns = earlier;
	}
}

static void flow_times(struct sf_collected *out, const struct sf_collect_notes *notes)
{
	struct sf_flow_half *half = out->flow.half;
	uint64_t slots = notes->slots[1] | notes->uptimes[1];

	half_times(out, notes, 0);
	if (!(out->flow.directions & SF_REVERSE))
		return;
	if ((slots & TIMES) != 0) {
		half_times(out, notes, 1);
		return;
	}
	/* the record's times are those of both directions together */
	half[1].start_ns = half[0].start_ns;
	half[1].end_ns = half[0].end_ns;
	out->known[1] |= out->known[0] & (SF_KNOWN_START | SF_KNOWN_END);
	if (noted(notes, 0, SLOT_REVERSE_DELAY)) {
		uint64_t room = (uint64_t)(half[1].end_ns - half[1].start_ns);
		uint64_t delay = notes->value[SLOT_REVERSE_DELAY][0];

		if (delay <= room / (uint64_t)SF_NS_PER_MS)
			half[1].start_ns += (int64_t)delay * SF_NS_PER_MS;
	}
}

/* ---------------------------------------------------------------- addresses */

static bool is_zero(const uint8_t *address, size_t length)
{
	static const uint8_t zeros[16];

	return memcmp(address, zeros, length) == 0;
}

/*
 * How complete the addresses of a family are; `source` is the slot of its source address. A
 * template with both families has zeros in the family that a flow does not have.
 */
static unsigned family_score(const struct sf_collect_notes *notes, enum slot source)
{
	unsigned there = 0, filled = 0;

	for (unsigned side = 0; side < 2; side++) {
		if (!noted(notes, 0, source + side))
			continue;
		there++;
		filled += !is_zero(
			notes->address[source + side - SLOT_SRC4], source == SLOT_SRC4 ? 4 : 16);
	}
	/* one address may be zero: a DHCP client sends from 0.0.0.0, an IPv6 host from :: */
	if (there == 2 && filled)
		return 3;
	return filled ? 2 : there ? 1 : 0;
}

/*
 * Chooses the family by its addresses. If both are equally complete, ipVersion decides. Without
 * ipVersion, two complete families mean IPv4 in IPv6, and the outer addresses are taken.
 */
static void flow_addresses(struct sf_collected *out, const struct sf_collect_notes *notes)
{
	struct sf_flow *flow = &out->flow;
	unsigned score4 = family_score(notes, SLOT_SRC4), score6 = family_score(notes, SLOT_SRC6);
	unsigned said = 0;
	enum slot source;

	if (noted(notes, 0, SLOT_VERSION) &&
		(notes->value[SLOT_VERSION][0] == 4 || notes->value[SLOT_VERSION][0] == 6))
		said = (unsigned)notes->value[SLOT_VERSION][0];
	if (score4 != score6)
		flow->ip_version = score4 > score6 ? 4 : 6;
	else if (said)
		flow->ip_version = (uint8_t)said;
	else if (score4 == 2) /* one address of each family: that of the source */
		flow->ip_version = noted(notes, 0, SLOT_SRC4) ? 4 : 6;
	else /* IPv4 is the default of RFC 3954 §8 */
		flow->ip_version = score6 >= 2 ? 6 : 4;
	if (noted(notes, 0, SLOT_VERSION))
		out->known[0] |= SF_KNOWN_VERSION;
	source = flow->ip_version == 6 ? SLOT_SRC6 : SLOT_SRC4;
	for (unsigned side = 0; side < 2; side++) {
		if (!noted(notes, 0, source + side))
			continue;
		memcpy(flow->addr[side], notes->address[source + side - SLOT_SRC4],
			source == SLOT_SRC6 ? 16 : 4);
		out->known[side] |= SF_KNOWN_ADDRESS;
	}
}

/* ---------------------------------------------------------------- ICMP */

/* Reads type and code of a direction, from the combined element or from the two single ones. */
static bool icmp_noted(const struct sf_collect_notes *notes, unsigned half, enum slot combined,
	uint16_t *type_code)
{
	if (noted(notes, half, combined)) {
		*type_code = (uint16_t)notes->value[combined][half];
		return true;
	}
	/* the slots of type and code follow that of the combined element */
	if (!noted(notes, half, combined + 1))
		return false;
	*type_code = (uint16_t)(notes->value[combined + 1][half] << 8);
	if (noted(notes, half, combined + 2))
		*type_code |= (uint8_t)notes->value[combined + 2][half];
	return true;
}

/*
 * Sets ICMP type and code. A record has them in elements of their own or, without these, in the
 * destination port, as v5 does: type << 8 | code. Port 0 is then no type, except in v5, where it is
 * an echo reply or a later fragment. Without a type both ports are 0 (sf_flow_has_icmp_type()).
 */
static void flow_icmp(struct sf_collected *out, const struct sf_collect_notes *notes)
{
	struct sf_flow *flow = &out->flow;
	enum slot own = flow->ip_version == 6 ? SLOT_ICMP6 : SLOT_ICMP4;
	enum slot other = flow->ip_version == 6 ? SLOT_ICMP4 : SLOT_ICMP6;
	uint16_t sent = flow->port[1], answer;
	uint8_t type;
	bool known = noted(notes, 0, SLOT_DPORT) && !(out->wide[1] & SF_KNOWN_PORT) &&
		     (sent != 0 || out->version == 5);

	/* NetFlow v9 uses element 32 for ICMPv6 too: RFC 3954 §8 */
	known |= icmp_noted(notes, 0, own, &sent) || icmp_noted(notes, 0, other, &sent);
	type = (uint8_t)(sent >> 8);
	answer = (uint16_t)(sf_icmp_other(sf_icmp_pair(flow->ip_version, type), type) << 8 |
			    (sent & 0xff));
	if (known)
		out->known[0] |= SF_KNOWN_ICMP;
	if (icmp_noted(notes, 1, own, &answer) || icmp_noted(notes, 1, other, &answer) || known)
		out->known[1] |= SF_KNOWN_ICMP;
	else
		sent = answer = 0;
	flow->port[0] = sent;
	flow->port[1] = answer;
}

/* ---------------------------------------------------------------- the rest */

static void flow_has(struct sf_flow *flow, const struct sf_collect_notes *notes)
{
	if (!is_zero(sf_fact_get_src_mac(flow, 0), 6) || !is_zero(sf_fact_get_dst_mac(flow, 0), 6))
		flow->has |= SF_HAS_MAC;
	if (sf_fact_get_mpls(flow, 0) || sf_fact_get_mpls(flow, 1))
		flow->has |= SF_HAS_MPLS;
	if (flow->vlan)
		flow->has |= SF_HAS_VLAN;
	if (flow->cvlan)
		flow->has |= SF_HAS_CVLAN;
	if (noted(notes, 0, SLOT_FLOW_LABEL))
		flow->has |= SF_HAS_FLOW_LABEL;
	/* the bits of fragmentFlags are numbered from the left: 0x20 is "more fragments" */
	if ((noted(notes, 0, SLOT_FRAGMENT_OFFSET) && notes->value[SLOT_FRAGMENT_OFFSET][0]) ||
		(noted(notes, 0, SLOT_FRAGMENT_FLAGS) &&
			notes->value[SLOT_FRAGMENT_FLAGS][0] & 0x20))
		flow->has |= SF_HAS_FRAGMENTS;
}

/*
 * Sets the directions of the flow. The reverse direction exists if its packets or bytes are not 0,
 * because templates with both directions have zeros for flows without an answer. The forward
 * direction exists unless only the reverse one has counts.
 */
static void flow_directions(struct sf_collected *out)
{
	const struct sf_flow_half *half = out->flow.half;

	if ((half[1].packets | half[1].octets) == 0)
		out->flow.directions = SF_FORWARD;
	else if ((half[0].packets | half[0].octets) == 0)
		out->flow.directions = SF_REVERSE;
	else
		out->flow.directions = SF_FORWARD | SF_REVERSE;
}

void sf_collect_settle(struct sf_collect_message *message, const struct sf_collect_notes *notes)
{
	struct sf_collected *out = &message->out;
	struct sf_flow *flow = &out->flow;

	flow_addresses(out, notes);
	flow_directions(out);
	if (!(flow->directions & SF_REVERSE)) {
		const unsigned bytes = message->annex.layout->side_bytes;

		memset(&flow->half[1], 0, sizeof(flow->half[1]));
		memset(message->annex.sides + bytes, 0, bytes);
	}
	flow_times(out, notes);
	if (sf_flow_is_icmp(flow))
		flow_icmp(out, notes);
	flow_has(flow, notes);
}

/* ---------------------------------------------------------------- networks */

static const struct sf_field_value *field_of(const struct sf_collected *record, uint16_t id)
{
	for (unsigned i = 0; i < record->field_count; i++)
		if (record->fields[i].id == id && record->fields[i].pen == 0)
			return &record->fields[i];
	return NULL;
}

/* True if all bits behind the first `bits` are 0. */
static bool is_network(const uint8_t *address, size_t length, unsigned bits)
{
	const unsigned whole = bits / 8;

	if (bits >= 8 * length || (bits % 8 && (address[whole] << bits % 8 & 0xff)))
		return false;
	return is_zero(address + (bits + 7) / 8, length - (bits + 7) / 8);
}

/*
 * An exporter of single hosts may tell the length of the route to them with the same element: an
 * address that has bits behind that length is that of a host.
 */
void sf_collect_networks(struct sf_collected *record)
{
	static const uint16_t lengths[2][2] = {
		{ SF_IE_sourceIPv4PrefixLength, SF_IE_destinationIPv4PrefixLength },
		{ SF_IE_sourceIPv6PrefixLength, SF_IE_destinationIPv6PrefixLength },
	};
	struct sf_flow *flow = &record->flow;
	const bool wide = flow->ip_version == 6;

	for (unsigned side = 0; side < 2; side++) {
		const struct sf_field_value *field = field_of(record, lengths[wide][side]);

		if (!field || field->length != 1 || !(record->known[side] & SF_KNOWN_ADDRESS) ||
			!is_network(flow->addr[side], wide ? 16 : 4, field->data[0]))
			continue;
		flow->prefix_length[side] = field->data[0];
		record->known[side] |= SF_KNOWN_PREFIX;
	}
}
