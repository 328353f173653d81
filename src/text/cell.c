/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the values of a collected record for text. A value comes from the flow if the exporter sent
 * it; numbers that do not fit into a flow, and elements for which a flow has no member, come from
 * the record's own fields.
 */
#include "text/cell.h"

#include "base/element_id.h"
#include "base/wire.h"

#define CERT_REVERSE_DELAY 21 /* reverseFlowDeltaMilliseconds */
const struct sf_field_value *sf_cell_field(
	const struct sf_collected *record, uint32_t pen, uint16_t id)
{
	for (unsigned i = 0; i < record->field_count; i++)
		if (record->fields[i].id == id && record->fields[i].pen == pen)
			return &record->fields[i];
	for (unsigned i = 0; i < record->origin_count; i++)
		if (record->origin[i].id == id && record->origin[i].pen == pen)
			return &record->origin[i];
	return NULL;
}

/*
 * How to know whether an element of direction d was sent. `of_flow`: it is the same for both
 * directions. `other`: it belongs to the side that receives this direction. `names`: other elements
 * for the same value.
 */
static const struct rule {
	uint16_t id;
	uint32_t known;
	bool of_flow, other;
	uint16_t names[2];
} rules[] = {
	{ SF_IE_octetDeltaCount, SF_KNOWN_OCTETS },
	{ SF_IE_packetDeltaCount, SF_KNOWN_PACKETS },
	{ SF_IE_protocolIdentifier, SF_KNOWN_PROTOCOL, .of_flow = true },
	{ SF_IE_ipClassOfService, SF_KNOWN_TOS },
	{ SF_IE_tcpControlBits, SF_KNOWN_TCP_FLAGS },
	{ SF_IE_sourceTransportPort, SF_KNOWN_PORT,
		.names = { SF_IE_tcpSourcePort, SF_IE_udpSourcePort } },
	{ SF_IE_destinationTransportPort, SF_KNOWN_PORT, .other = true,
		.names = { SF_IE_tcpDestinationPort, SF_IE_udpDestinationPort } },
	{ SF_IE_sourceIPv4Address, SF_KNOWN_ADDRESS },
	{ SF_IE_destinationIPv4Address, SF_KNOWN_ADDRESS, .other = true },
	{ SF_IE_sourceIPv6Address, SF_KNOWN_ADDRESS },
	{ SF_IE_destinationIPv6Address, SF_KNOWN_ADDRESS, .other = true },
	{ SF_IE_ingressInterface, SF_KNOWN_INGRESS },
	{ SF_IE_egressInterface, SF_KNOWN_EGRESS },
	{ SF_IE_flowLabelIPv6, SF_KNOWN_FLOW_LABEL },
	{ SF_IE_icmpTypeCodeIPv4, SF_KNOWN_ICMP },
	{ SF_IE_icmpTypeCodeIPv6, SF_KNOWN_ICMP },
	{ SF_IE_minimumTTL, SF_KNOWN_TTL_MIN, .names = { SF_IE_ipTTL } },
	{ SF_IE_maximumTTL, SF_KNOWN_TTL_MAX, .names = { SF_IE_ipTTL } },
	{ SF_IE_sourceMacAddress, SF_KNOWN_SRC_MAC },
	{ SF_IE_destinationMacAddress, SF_KNOWN_DST_MAC },
	{ SF_IE_vlanId, SF_KNOWN_VLAN, .of_flow = true, .names = { SF_IE_dot1qVlanId } },
	{ SF_IE_dot1qVlanId, SF_KNOWN_VLAN, .of_flow = true, .names = { SF_IE_vlanId } },
	{ SF_IE_dot1qCustomerVlanId, SF_KNOWN_CVLAN, .of_flow = true },
	{ SF_IE_ipVersion, SF_KNOWN_VERSION, .of_flow = true },
	{ SF_IE_flowDirection, SF_KNOWN_DIRECTION },
	{ SF_IE_mplsTopLabelStackSection, SF_KNOWN_MPLS },
	{ SF_IE_flowEndReason, SF_KNOWN_END_REASON, .of_flow = true },
	{ SF_IE_flowId, SF_KNOWN_ID, .of_flow = true },
	{ SF_IE_flowStartMilliseconds, SF_KNOWN_START },
	{ SF_IE_flowEndMilliseconds, SF_KNOWN_END },
	{ SF_IE_flowStartMicroseconds, SF_KNOWN_START },
	{ SF_IE_flowEndMicroseconds, SF_KNOWN_END },
	{ SF_IE_flowStartNanoseconds, SF_KNOWN_START },
	{ SF_IE_flowEndNanoseconds, SF_KNOWN_END },
};

static const struct rule *find_rule(uint16_t id)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].id == id)
			return &rules[i];
	return NULL;
}

bool sf_cell_is_of_flow(uint32_t pen, uint16_t id)
{
	return (pen == 0 || pen == SF_PEN_REVERSE) && find_rule(id);
}

/* The element as it was sent, under any of its names. Ports of the answer are the others' names. */
static void take_sent(struct sf_cell *cell, const struct sf_collected *record,
	const struct rule *rule, unsigned d, bool reverse)
{
	const struct rule *sent = rule;
	uint32_t pen = reverse && !rule->of_flow ? SF_PEN_REVERSE : 0;
	const struct sf_field_value *field;

	/* what the answer is sent from is what the flow is sent to */
	if (rule->known == SF_KNOWN_PORT) {
		sent = find_rule(d != rule->other ? SF_IE_destinationTransportPort
						  : SF_IE_sourceTransportPort);
		pen = 0;
	}
	field = sf_cell_field(record, pen, sent->id);
	for (unsigned i = 0; !field && i < 2 && sent->names[i]; i++)
		field = sf_cell_field(record, pen, sent->names[i]);
	if (!field)
		return;
	cell->kind = SF_CELL_VALUE;
	cell->value = *field;
}

/* Members of the record that the flow has no place for. */
static void take_member(
	struct sf_cell *cell, const struct sf_collected *record, uint16_t id, unsigned half)
{
	cell->kind = SF_CELL_VALUE;
	cell->value = (struct sf_field_value){ .id = id, .data = cell->number };
	if (id == SF_IE_egressInterface) {
		cell->value.length = 4;
		sf_store_be32(cell->number, record->egress[half]);
	} else {
		cell->value.length = 1;
		cell->number[0] = record->flow_direction[half];
	}
}

/* An element of the record, whatever its flow has. False: there is none. */
static bool take_as_sent(
	struct sf_cell *cell, const struct sf_collected *record, uint32_t pen, uint16_t id)
{
	const struct sf_field_value *field = sf_cell_field(record, pen, id);

	if (!field)
		return false;
	cell->kind = SF_CELL_VALUE;
	cell->value = *field;
	return true;
}

/* Which side began: as it was sent, or what a record of both directions says by being one. */
static void take_biflow_direction(struct sf_cell *cell, const struct sf_collected *record)
{
	if (!take_as_sent(cell, record, 0, SF_IE_biflowDirection) && sf_flow_two_way(&record->flow))
		cell->kind = SF_CELL_FLOW;
}

void sf_cell_find(struct sf_cell *cell, const struct sf_collected *record,
	const struct sf_spec *spec, bool each, unsigned d)
{
	bool reverse = spec->pen == SF_PEN_REVERSE;
	const struct rule *rule = reverse || spec->pen == 0 ? find_rule(spec->id) : NULL;
	unsigned half;

	cell->kind = SF_CELL_ABSENT;
	if (spec->pen == SF_PEN_CERT && spec->id == CERT_REVERSE_DELAY) {
		/* the delay of the answer */
		if (record->known[0] & record->known[1] & SF_KNOWN_START)
			cell->kind = SF_CELL_FLOW;
		return;
	}
	if (spec->id == SF_IE_biflowDirection) {
		take_biflow_direction(cell, record);
		return;
	}
	if (!rule) {
		struct sf_spec sent = *spec;

		if (each && d == 1)
			sf_element_turn(&sent.pen, &sent.id);
		take_as_sent(cell, record, sent.pen, sent.id);
		return;
	}
	half = rule->of_flow ? 0 : d ^ (unsigned)reverse ^ (unsigned)rule->other;
	if (!(record->known[half] & rule->known))
		return;
	/* with ICMP the flow has type and code for ports, and an answer has its own */
	if (rule->known == SF_KNOWN_PORT && sf_flow_is_icmp(&record->flow) && d == 1)
		return;
	if (record->wide[half] & rule->known ||
		(rule->known == SF_KNOWN_PORT && sf_flow_is_icmp(&record->flow)))
		take_sent(cell, record, rule, d, (d ^ (unsigned)reverse) == 1);
	else if (spec->id == SF_IE_egressInterface || spec->id == SF_IE_flowDirection)
		take_member(cell, record, spec->id, half);
	else
		cell->kind = SF_CELL_FLOW;
}
