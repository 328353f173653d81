/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Converts information elements to members of the flow record.
 *
 * A row of `rows` says which slot an element fills, and how. Several elements may fill the same
 * slot: bytes as a delta or as a total, a start in seconds or in nanoseconds. When a template
 * arrives, the field with the lowest rank is chosen for each slot and direction. Of fields with the
 * same rank the first one is chosen, because the outermost of repeated elements comes first (RFC
 * 7011 §8). The chosen fields become steps of the template. A record is converted by running the
 * steps in the order of the slots; then settle.c fills in what depends on more than one field.
 *
 * A relative time (an uptime of v5 or v9, microseconds before the export time) has no meaning
 * outside its message. If one was chosen, the callback gets the field as the absolute element
 * instead. Its value lies in the template (`scratch`) until the next record.
 */
#include <string.h>

#include "base/element_id.h"
#include "base/value.h"
#include "base/wire.h"
#include "collect/convert.h"
#include "collect/internal.h"

/*
 * Where a value goes:
 *
 *	HALF	a member of a half of the flow
 *	FLOW	a member of the flow
 *	FACT	a fact of facts.def
 *	EACH	a member of the collected record that has a value for each direction
 *	RECORD	a member of the collected record that has one value
 *	NOWHERE	no member: settle.c uses the value
 */
#define HALF(member)         IN_HALF, offsetof(struct sf_flow_half, member), SIZE(sf_flow_half, member)
#define FLOW(member)         IN_FLOW, offsetof(struct sf_flow, member), SIZE(sf_flow, member)
#define FACT(name)           IN_ANNEX, SF_FACT_##name, SF_FACT_BYTES_##name
#define EACH(member)         IN_EACH, offsetof(struct sf_collected, member), SIZE(sf_collected, member[0])
#define RECORD(member)       IN_EACH, offsetof(struct sf_collected, member), SIZE(sf_collected, member)
#define NOWHERE              IN_FLOW, 0, 0
#define SIZE(object, member) sizeof(((struct object *)NULL)->member)

enum place { IN_FLOW, IN_HALF, IN_ANNEX, IN_EACH };

enum op {
	OP_NUMBER,   /* a number of 1 … 8 bytes into a member */
	OP_BYTES,    /* as many bytes as the member has */
	OP_ADDRESS4, /* an address for settle.c */
	OP_ADDRESS6,
	OP_SECONDS,
	OP_MILLISECONDS,
	OP_MICROSECONDS,
	OP_NANOSECONDS,
	OP_UPTIME,    /* milliseconds since the exporter started */
	OP_BEFORE,    /* microseconds before the export time */
	OP_INIT_TIME, /* when the exporter started */
	OP_NOTE,      /* a number of 1 … 8 bytes for settle.c */
};

/*
 * The direction that an element describes. EITHER: forward, and its reverse element describes the
 * other direction (RFC 5103 §6.1). INITIATOR: the whole flow, or the initiator's direction.
 * RESPONDER: the responder's direction.
 */
enum direction { EITHER, INITIATOR, RESPONDER };

#define CERT_REVERSE_DELAY 21 /* reverseFlowDeltaMilliseconds, an element of CERT's */

static const struct row {
	uint16_t id;
	uint8_t slot, rank, op, direction;
	uint8_t place; /* enum place: where the offset counts from; IN_ANNEX: which fact */
	uint16_t offset, size;
	uint16_t absolute; /* of a relative time: the element that the callback gets instead */
	uint32_t pen;
} rows[] = {
	{ SF_IE_octetDeltaCount, SLOT_OCTETS, 0, OP_NUMBER, EITHER, HALF(octets) },
	{ SF_IE_octetTotalCount, SLOT_OCTETS, 1, OP_NUMBER, EITHER, HALF(octets) },
	/* bytes that the exporter sent on; egress NetFlow has no other count */
	{ SF_IE_postOctetDeltaCount, SLOT_OCTETS, 3, OP_NUMBER, EITHER, HALF(octets) },
	{ SF_IE_postOctetTotalCount, SLOT_OCTETS, 4, OP_NUMBER, EITHER, HALF(octets) },
	{ SF_IE_initiatorOctets, SLOT_OCTETS, 2, OP_NUMBER, INITIATOR, HALF(octets) },
	{ SF_IE_responderOctets, SLOT_OCTETS, 2, OP_NUMBER, RESPONDER, HALF(octets) },
	{ SF_IE_packetDeltaCount, SLOT_PACKETS, 0, OP_NUMBER, EITHER, HALF(packets) },
	{ SF_IE_packetTotalCount, SLOT_PACKETS, 1, OP_NUMBER, EITHER, HALF(packets) },
	{ SF_IE_postPacketDeltaCount, SLOT_PACKETS, 3, OP_NUMBER, EITHER, HALF(packets) },
	{ SF_IE_postPacketTotalCount, SLOT_PACKETS, 4, OP_NUMBER, EITHER, HALF(packets) },
	{ SF_IE_initiatorPackets, SLOT_PACKETS, 2, OP_NUMBER, INITIATOR, HALF(packets) },
	{ SF_IE_responderPackets, SLOT_PACKETS, 2, OP_NUMBER, RESPONDER, HALF(packets) },

	{ SF_IE_systemInitTimeMilliseconds, SLOT_INIT, 0, OP_INIT_TIME, INITIATOR, NOWHERE },
	{ SF_IE_flowStartNanoseconds, SLOT_START, 0, OP_NANOSECONDS, EITHER, HALF(start_ns) },
	{ SF_IE_flowStartMicroseconds, SLOT_START, 1, OP_MICROSECONDS, EITHER, HALF(start_ns) },
	{ SF_IE_flowStartMilliseconds, SLOT_START, 2, OP_MILLISECONDS, EITHER, HALF(start_ns) },
	{ SF_IE_flowStartDeltaMicroseconds, SLOT_START, 3, OP_BEFORE, EITHER, HALF(start_ns),
		SF_IE_flowStartMicroseconds },
	{ SF_IE_flowStartSysUpTime, SLOT_START, 4, OP_UPTIME, EITHER, HALF(start_ns),
		SF_IE_flowStartMilliseconds },
	{ SF_IE_flowStartSeconds, SLOT_START, 5, OP_SECONDS, EITHER, HALF(start_ns) },
	{ SF_IE_flowEndNanoseconds, SLOT_END, 0, OP_NANOSECONDS, EITHER, HALF(end_ns) },
	{ SF_IE_flowEndMicroseconds, SLOT_END, 1, OP_MICROSECONDS, EITHER, HALF(end_ns) },
	{ SF_IE_flowEndMilliseconds, SLOT_END, 2, OP_MILLISECONDS, EITHER, HALF(end_ns) },
	{ SF_IE_flowEndDeltaMicroseconds, SLOT_END, 3, OP_BEFORE, EITHER, HALF(end_ns),
		SF_IE_flowEndMicroseconds },
	{ SF_IE_flowEndSysUpTime, SLOT_END, 4, OP_UPTIME, EITHER, HALF(end_ns),
		SF_IE_flowEndMilliseconds },
	{ SF_IE_flowEndSeconds, SLOT_END, 5, OP_SECONDS, EITHER, HALF(end_ns) },
	/* an event, such as that of a firewall that drops a connection */
	{ SF_IE_observationTimeMilliseconds, SLOT_END, 6, OP_MILLISECONDS, EITHER, HALF(end_ns) },
	{ SF_IE_flowDurationMilliseconds, SLOT_DURATION_MS, 0, OP_NOTE, EITHER, NOWHERE },
	{ SF_IE_flowDurationMicroseconds, SLOT_DURATION_US, 0, OP_NOTE, EITHER, NOWHERE },
	/*
	 * reverseFlowDeltaMilliseconds: time from the begin of the
	 * flow to the begin of the answer
	 */
	{ CERT_REVERSE_DELAY, SLOT_REVERSE_DELAY, 0, OP_NOTE, INITIATOR, NOWHERE, 0, SF_PEN_CERT },

	{ SF_IE_ingressInterface, SLOT_INGRESS, 0, OP_NUMBER, EITHER, HALF(ingress) },
	{ SF_IE_egressInterface, SLOT_EGRESS, 0, OP_NUMBER, EITHER, EACH(egress) },
	{ SF_IE_flowDirection, SLOT_DIRECTION, 0, OP_NUMBER, EITHER, EACH(flow_direction) },
	{ SF_IE_mplsTopLabelStackSection, SLOT_MPLS, 0, OP_NUMBER, EITHER, FACT(mpls) },
	{ SF_IE_flowLabelIPv6, SLOT_FLOW_LABEL, 0, OP_NUMBER, EITHER, FACT(flow_label) },
	{ SF_IE_tcpControlBits, SLOT_TCP_FLAGS, 0, OP_NUMBER, EITHER, HALF(tcp_flags) },
	{ SF_IE_ipClassOfService, SLOT_TOS, 0, OP_NUMBER, EITHER, HALF(tos) },
	{ SF_IE_minimumTTL, SLOT_TTL_MIN, 0, OP_NUMBER, EITHER, HALF(ttl_min) },
	{ SF_IE_ipTTL, SLOT_TTL_MIN, 1, OP_NUMBER, EITHER, HALF(ttl_min) },
	{ SF_IE_maximumTTL, SLOT_TTL_MAX, 0, OP_NUMBER, EITHER, HALF(ttl_max) },
	{ SF_IE_ipTTL, SLOT_TTL_MAX, 1, OP_NUMBER, EITHER, HALF(ttl_max) },
	{ SF_IE_sourceMacAddress, SLOT_SRC_MAC, 0, OP_BYTES, EITHER, FACT(src_mac) },
	{ SF_IE_destinationMacAddress, SLOT_DST_MAC, 0, OP_BYTES, EITHER, FACT(dst_mac) },
	/* DST_MAC of RFC 3954 §8; IANA's name for the number is the address behind a middlebox */
	{ SF_IE_postDestinationMacAddress, SLOT_DST_MAC, 1, OP_BYTES, EITHER, FACT(dst_mac) },

	{ SF_IE_sourceIPv4Address, SLOT_SRC4, 0, OP_ADDRESS4, INITIATOR, NOWHERE },
	{ SF_IE_destinationIPv4Address, SLOT_DST4, 0, OP_ADDRESS4, INITIATOR, NOWHERE },
	{ SF_IE_sourceIPv6Address, SLOT_SRC6, 0, OP_ADDRESS6, INITIATOR, NOWHERE },
	{ SF_IE_destinationIPv6Address, SLOT_DST6, 0, OP_ADDRESS6, INITIATOR, NOWHERE },
	/* of aggregated records, which are about networks */
	{ SF_IE_sourceIPv4Prefix, SLOT_SRC4, 1, OP_ADDRESS4, INITIATOR, NOWHERE },
	{ SF_IE_destinationIPv4Prefix, SLOT_DST4, 1, OP_ADDRESS4, INITIATOR, NOWHERE },
	{ SF_IE_sourceIPv6Prefix, SLOT_SRC6, 1, OP_ADDRESS6, INITIATOR, NOWHERE },
	{ SF_IE_destinationIPv6Prefix, SLOT_DST6, 1, OP_ADDRESS6, INITIATOR, NOWHERE },
	{ SF_IE_ipVersion, SLOT_VERSION, 0, OP_NOTE, INITIATOR, NOWHERE },
	{ SF_IE_protocolIdentifier, SLOT_PROTOCOL, 0, OP_NUMBER, INITIATOR, FLOW(protocol) },
	{ SF_IE_sourceTransportPort, SLOT_SPORT, 0, OP_NUMBER, INITIATOR, FLOW(port[0]) },
	{ SF_IE_tcpSourcePort, SLOT_SPORT, 1, OP_NUMBER, INITIATOR, FLOW(port[0]) },
	{ SF_IE_udpSourcePort, SLOT_SPORT, 1, OP_NUMBER, INITIATOR, FLOW(port[0]) },
	{ SF_IE_destinationTransportPort, SLOT_DPORT, 0, OP_NUMBER, INITIATOR, FLOW(port[1]) },
	{ SF_IE_tcpDestinationPort, SLOT_DPORT, 1, OP_NUMBER, INITIATOR, FLOW(port[1]) },
	{ SF_IE_udpDestinationPort, SLOT_DPORT, 1, OP_NUMBER, INITIATOR, FLOW(port[1]) },
	{ SF_IE_dot1qVlanId, SLOT_VLAN, 0, OP_NUMBER, INITIATOR, FLOW(vlan) },
	{ SF_IE_vlanId, SLOT_VLAN, 1, OP_NUMBER, INITIATOR, FLOW(vlan) },
	{ SF_IE_dot1qCustomerVlanId, SLOT_CVLAN, 0, OP_NUMBER, INITIATOR, FLOW(cvlan) },
	{ SF_IE_flowId, SLOT_ID, 0, OP_NUMBER, INITIATOR, FLOW(id) },
	{ SF_IE_flowEndReason, SLOT_END_REASON, 0, OP_NUMBER, INITIATOR, FLOW(end_reason) },
	{ SF_IE_deltaFlowCount, SLOT_FLOWS, 0, OP_NUMBER, INITIATOR, RECORD(flows) },
	{ SF_IE_fragmentFlags, SLOT_FRAGMENT_FLAGS, 0, OP_NOTE, INITIATOR, NOWHERE },
	{ SF_IE_fragmentOffset, SLOT_FRAGMENT_OFFSET, 0, OP_NOTE, INITIATOR, NOWHERE },

	{ SF_IE_icmpTypeCodeIPv4, SLOT_ICMP4, 0, OP_NOTE, EITHER, NOWHERE },
	{ SF_IE_icmpTypeIPv4, SLOT_ICMP4_TYPE, 0, OP_NOTE, EITHER, NOWHERE },
	{ SF_IE_icmpCodeIPv4, SLOT_ICMP4_CODE, 0, OP_NOTE, EITHER, NOWHERE },
	{ SF_IE_icmpTypeCodeIPv6, SLOT_ICMP6, 0, OP_NOTE, EITHER, NOWHERE },
	{ SF_IE_icmpTypeIPv6, SLOT_ICMP6_TYPE, 0, OP_NOTE, EITHER, NOWHERE },
	{ SF_IE_icmpCodeIPv6, SLOT_ICMP6_CODE, 0, OP_NOTE, EITHER, NOWHERE },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static bool row_takes(const struct row *row, uint16_t length)
{
	switch (row->op) {
	case OP_NUMBER:
	case OP_NOTE:
		return length >= 1 && length <= 8; /* reduced size: RFC 7011 §6.2 */
	case OP_UPTIME:
	case OP_BEFORE:
		return length >= 1 && length <= 8;
	case OP_ADDRESS4:
		return length == 4;
	case OP_SECONDS:
		return length == 4 || length == 8;
	case OP_ADDRESS6:
		return length == 16;
	case OP_BYTES:
		return length == row->size;
	default: /* other times: no reduced size */
		return length == 8;
	}
}

/*
 * The first row from `start` on that takes the field, and the half that
 * it fills. NULL: there is none.
 */
static const struct row *row_find(
	const struct sf_collect_template *template, unsigned field, unsigned start, uint8_t *half)
{
	const struct sf_field_value *value = &template->fields[field];
	bool reverse = value->pen == SF_PEN_REVERSE;

	for (unsigned i = start; i < ROWS; i++) {
		if (rows[i].id != value->id || rows[i].pen != (reverse ? 0 : value->pen))
			continue;
		if ((reverse && rows[i].direction != EITHER) ||
			!row_takes(&rows[i], template->lengths[field]))
			continue;
		*half = reverse || rows[i].direction == RESPONDER;
		return &rows[i];
	}
	return NULL;
}

/*
 * SF_KNOWN_… of the members that a slot fills; settle.c sets those
 * that depend on more than one slot.
 */
static const uint32_t known_bits[SLOTS] = {
	[SLOT_START] = SF_KNOWN_START,
	[SLOT_END] = SF_KNOWN_END,
	[SLOT_OCTETS] = SF_KNOWN_OCTETS,
	[SLOT_PACKETS] = SF_KNOWN_PACKETS,
	[SLOT_INGRESS] = SF_KNOWN_INGRESS,
	[SLOT_EGRESS] = SF_KNOWN_EGRESS,
	[SLOT_DIRECTION] = SF_KNOWN_DIRECTION,
	[SLOT_MPLS] = SF_KNOWN_MPLS,
	[SLOT_FLOW_LABEL] = SF_KNOWN_FLOW_LABEL,
	[SLOT_TCP_FLAGS] = SF_KNOWN_TCP_FLAGS,
	[SLOT_TOS] = SF_KNOWN_TOS,
	[SLOT_TTL_MIN] = SF_KNOWN_TTL_MIN,
	[SLOT_TTL_MAX] = SF_KNOWN_TTL_MAX,
	[SLOT_SRC_MAC] = SF_KNOWN_SRC_MAC,
	[SLOT_DST_MAC] = SF_KNOWN_DST_MAC,
	[SLOT_SPORT] = SF_KNOWN_PORT,
	[SLOT_DPORT] = SF_KNOWN_PORT,
	[SLOT_PROTOCOL] = SF_KNOWN_PROTOCOL,
	[SLOT_VLAN] = SF_KNOWN_VLAN,
	[SLOT_CVLAN] = SF_KNOWN_CVLAN,
	[SLOT_ID] = SF_KNOWN_ID,
	[SLOT_END_REASON] = SF_KNOWN_END_REASON,
	[SLOT_FLOWS] = SF_KNOWN_FLOWS,
};

/* The half of `known`: the destination port belongs to the answer, which is sent from it. */
static unsigned known_half(unsigned slot, unsigned half)
{
	return slot == SLOT_DPORT ? 1 : half;
}

/* The member that a step fills: its offset from sf_collect_message.out. */
static size_t place_of(const struct sf_annex_layout *layout, const struct sf_collect_step *step,
	const struct row *row)
{
	switch (row->place) {
	case IN_ANNEX:
		return offsetof(struct sf_collect_message, annex.sides) -
		       offsetof(struct sf_collect_message, out) +
		       step->half * (size_t)layout->side_bytes + layout->at[row->offset];
	case IN_HALF:
		return offsetof(struct sf_collected, flow.half) +
		       step->half * sizeof(struct sf_flow_half) + row->offset;
	case IN_EACH:
		return row->offset + step->half * (size_t)row->size;
	default:
		return offsetof(struct sf_collected, flow) + row->offset;
	}
}

/* The kind of copy that replaces the step in a plan; SF_COPY_KINDS: no copy can. */
static enum sf_copy copy_of(
	const struct sf_collect_step *step, const struct row *row, uint16_t length, size_t *to)
{
	static const uint8_t numbers[][3] = {
		{ 1, 1, SF_COPY_1_1 },
		{ 1, 2, SF_COPY_1_2 },
		{ 2, 2, SF_COPY_2_2 },
		{ 2, 4, SF_COPY_2_4 },
		{ 4, 4, SF_COPY_4_4 },
		{ 4, 8, SF_COPY_4_8 },
		{ 8, 8, SF_COPY_8_8 },
	};

	*to = step->to;
	switch (row->op) {
	case OP_NUMBER:
		for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
			if (numbers[i][0] == length && numbers[i][1] == row->size)
				return numbers[i][2];
		return SF_COPY_KINDS;
	case OP_BYTES:
		return length == 6 ? SF_COPY_BYTES_6 : SF_COPY_KINDS;
	case OP_ADDRESS4:
	case OP_ADDRESS6:
		*to = offsetof(struct sf_collected, flow.addr) +
		      (row->slot == SLOT_DST4 || row->slot == SLOT_DST6 ? 16 : 0);
		return row->op == OP_ADDRESS4 ? SF_COPY_BYTES_4 : SF_COPY_BYTES_16;
	case OP_MILLISECONDS:
		return SF_COPY_MILLISECONDS;
	case OP_MICROSECONDS:
		return SF_COPY_MICROSECONDS;
	case OP_NANOSECONDS:
		return SF_COPY_NANOSECONDS;
	default:
		return SF_COPY_KINDS;
	}
}

static void plan_compile(struct sf_collect_template *template)
{
	if (!sf_collect_plan_begin(template))
		return;
	for (unsigned i = 0; i < template->step_count; i++) {
		const struct sf_collect_step *step = &template->steps[i];
		const struct row *row = &rows[step->row];
		enum sf_copy kind;
		size_t to;

		/* of the plan's slots: the version follows from the addresses, ICMP has no plan */
		if (row->op == OP_NOTE)
			continue;
		kind = copy_of(step, row, template->lengths[step->field], &to);
		if (kind == SF_COPY_KINDS)
			return;
		sf_collect_plan_add(template, kind, template->offsets[step->field], to);
	}
	sf_collect_plan_end(template);
}

/* [RFC7011-8-4] */
void sf_collect_convert_compile(struct sf_collect_template *template)
{
	struct choice {
		const struct row *row;
		uint16_t field;
	} best[SLOTS][2] = { 0 };
	struct sf_annex_layout layout;
	uint8_t half = 0, scratch = 0;

	if (template->options)
		return;
	sf_annex_layout_init(&layout, SF_COLLECT_FACTS);
	for (unsigned field = 0; field < template->field_count; field++) {
		/* an element may have two rows, no more: sf_collect_template_new() */
		const struct row *row = row_find(template, field, 0, &half);

		for (; row; row = row_find(template, field, (unsigned)(row - rows) + 1, &half)) {
			struct choice *choice = &best[row->slot][half];

			if (!choice->row || row->rank < choice->row->rank)
				*choice = (struct choice){ row, (uint16_t)field };
		}
	}
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		for (half = 0; half < 2; half++) {
			const struct choice *choice = &best[slot][half];
			struct sf_collect_step *step = &template->steps[template->step_count];

			if (!choice->row)
				continue;
			template->step_count++;
			*step = (struct sf_collect_step){
				.field = choice->field,
				.row = (uint8_t)(choice->row - rows),
				.half = half,
				.scratch = choice->row->absolute ? scratch++ : 0,
			};
			step->to = (uint16_t)place_of(&layout, step, choice->row);
			template->slots[half] |= UINT64_C(1) << slot;
			template->known[known_half(slot, half)] |= known_bits[slot];
			/* an address of rank 1 is that of a prefix */
			template->networks |=
				slot >= SLOT_SRC4 &&slot <= SLOT_DST6 && choice->row->rank == 1;
		}
	}
	template->networks |= template->known[0] & SF_KNOWN_FLOWS &&
			      !((template->known[0] | template->known[1]) & SF_KNOWN_PORT);
	if (!template->networks)
		plan_compile(template);
}

/* False: the number is too large for a member of that size, which stays as it is. */
static bool number_store(uint8_t *member, uint16_t size, uint64_t value)
{
	uint32_t u32 = (uint32_t)value;
	uint16_t u16 = (uint16_t)value;

	if (size < sizeof(value) && value >> (8 * size) != 0)
		return false;
	switch (size) {
	case 1:
		*member = (uint8_t)value;
		break;
	case 2:
		memcpy(member, &u16, sizeof(u16));
		break;
	case 4:
		memcpy(member, &u32, sizeof(u32));
		break;
	default:
		memcpy(member, &value, sizeof(value));
	}
	return true;
}

/* An absolute time instead of the relative one, in what the callback sees. */
static void field_make_absolute(struct sf_collect_template *template,
	const struct sf_collect_step *step, const struct row *row, int64_t ns)
{
	struct sf_field_value *field = &template->fields[step->field];
	uint8_t *scratch = template->scratch[step->scratch];

	sf_store_be64(scratch,
		row->op == OP_UPTIME ? (uint64_t)(ns / SF_NS_PER_MS) : sf_ntp_microseconds(ns));
	field->id = row->absolute;
	field->length = 8;
	field->data = scratch;
}

/* Reads the time of a step. False: this field alone does not give the time. */
static bool time_read(struct sf_collect_message *message, struct sf_collect_template *template,
	const struct sf_collect_step *step, const struct row *row, struct sf_collect_notes *notes,
	int64_t *ns)
{
	struct sf_field_value *field = &template->fields[step->field];
	uint16_t length = template->lengths[step->field];
	uint64_t value = sf_load_be(field->data, length);

	switch (row->op) {
	case OP_SECONDS:
		*ns = sf_collect_time(value, SF_NS_PER_S);
		return true;
	case OP_MILLISECONDS:
		*ns = sf_collect_time(value, SF_NS_PER_MS);
		return true;
	case OP_MICROSECONDS:
		*ns = sf_ntp_to_ns(value, 1000);
		return true;
	case OP_NANOSECONDS:
		*ns = sf_ntp_to_ns(value, 1);
		return true;
	case OP_BEFORE:
		*ns = message->out.export_time_ns - sf_collect_time(value, 1000);
		break;
	default: /* OP_UPTIME */
		if (value > UINT32_MAX ||
			!sf_collect_uptime(message, template, (uint32_t)value, ns)) {
			field->id = row->id;
			field->length = length;
			notes->value[row->slot][step->half] = value;
			notes->uptimes[step->half] |= UINT64_C(1) << row->slot;
			return false;
		}
	}
	if (*ns < 0)
		*ns = 0;
	field_make_absolute(template, step, row, *ns);
	return true;
}

static void step_run(struct sf_collect_message *message, struct sf_collect_template *template,
	const struct sf_collect_step *step, struct sf_collect_notes *notes)
{
	const struct row *row = &rows[step->row];
	const uint8_t *data = template->fields[step->field].data;
	uint16_t length = template->lengths[step->field];
	uint8_t *member = (uint8_t *)&message->out + step->to;
	int64_t ns;

	switch (row->op) {
	case OP_NUMBER:
		if (!number_store(member, row->size, sf_load_be(data, length)))
			message->out.wide[known_half(row->slot, step->half)] |=
				known_bits[row->slot];
		break;
	case OP_NOTE:
		notes->value[row->slot][step->half] = sf_load_be(data, length);
		break;
	case OP_ADDRESS4:
	case OP_ADDRESS6:
		notes->address[row->slot - SLOT_SRC4] = data;
		break;
	case OP_BYTES:
		memcpy(member, data, length);
		break;
	case OP_INIT_TIME:
		sf_collect_init_time(
			message, sf_collect_time(sf_load_be64(data), SF_NS_PER_MS) / SF_NS_PER_MS);
		break;
	default:
		if (time_read(message, template, step, row, notes, &ns)) {
			memcpy(member, &ns, sizeof(ns));
			break;
		}
		notes->slots[step->half] &= ~(UINT64_C(1) << row->slot);
		message->out.known[step->half] &= ~known_bits[row->slot];
	}
}

void sf_collect_convert(struct sf_collect_message *message, struct sf_collect_template *template)
{
	struct sf_collected *out = &message->out;
	struct sf_collect_notes notes;

	sf_collect_flow_begin(message);
	memset(out->wide, 0, sizeof(out->wide));
	memset(out->egress, 0, sizeof(out->egress));
	memset(out->flow_direction, 0, sizeof(out->flow_direction));
	memcpy(out->known, template->known, sizeof(out->known));
	memcpy(notes.slots, template->slots, sizeof(notes.slots));
	memset(notes.uptimes, 0, sizeof(notes.uptimes));
	out->flow.domain = out->domain;
	for (unsigned i = 0; i < template->step_count; i++)
		step_run(message, template, &template->steps[i], &notes);
	sf_collect_settle(message, &notes);
	if (template->networks)
		sf_collect_networks(out);
}
