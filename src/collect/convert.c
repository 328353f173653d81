/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From information elements to the flow record.
 *
 * `rows` says which element fills what, and how. Several elements may fill the same slot (bytes as
 * a delta or as a total, a start in seconds or in nanoseconds): when a template arrives, the field
 * with the lowest rank is chosen for each slot and direction, the first of equals, because with
 * repeated elements the outermost comes first (RFC 7011 §8). A record is then converted by running
 * the chosen steps, in the order of the slots, and settling what depends on more than one field.
 *
 * Relative times (uptimes of v5 and v9, microseconds before the export time) mean nothing outside
 * their message. Where one was chosen, the fields handed to the callback show it as the absolute
 * element instead; the values lie in the template, overwritten by the next record.
 */
#include <string.h>

#include "base/wire.h"
#include "collect/internal.h"

#define NTP_OFFSET INT64_C(2208988800) /* 1900 to 1970, seconds: RFC 7011 §6.1.9 */
#define NS_PER_MS  INT64_C(1000000)
#define FUTURE_MS  UINT32_C(3600000) /* an uptime this far ahead of the header's is no wrap */

/* Where a value goes: a member of a half, a member of the flow, or nowhere at once. */
#define HALF(member)         true, offsetof(struct sf_flow_half, member), SIZE(sf_flow_half, member)
#define FLOW(member)         false, offsetof(struct sf_flow, member), SIZE(sf_flow, member)
#define NOWHERE              false, 0, 0
#define SIZE(object, member) sizeof(((struct object *)NULL)->member)

enum slot {
	SLOT_INIT, /* before the times that need it */
	SLOT_START,
	SLOT_END,
	SLOT_REVERSE_DELAY,
	SLOT_OCTETS,
	SLOT_PACKETS,
	SLOT_INGRESS,
	SLOT_MPLS,
	SLOT_FLOW_LABEL,
	SLOT_TCP_FLAGS,
	SLOT_TOS,
	SLOT_TTL_MIN,
	SLOT_TTL_MAX,
	SLOT_SRC_MAC,
	SLOT_DST_MAC,
	SLOT_SRC4, /* IPv6 after IPv4: in a template with both the one that is not zero counts */
	SLOT_DST4,
	SLOT_SRC6,
	SLOT_DST6,
	SLOT_VERSION,
	SLOT_SPORT,
	SLOT_DPORT,
	SLOT_PROTOCOL,
	SLOT_VLAN,
	SLOT_CVLAN,
	SLOT_ID,
	SLOT_END_REASON,
	SLOT_FRAGMENT_FLAGS,
	SLOT_FRAGMENT_OFFSET,
	SLOT_ICMP4,
	SLOT_ICMP4_TYPE,
	SLOT_ICMP4_CODE,
	SLOT_ICMP6,
	SLOT_ICMP6_TYPE,
	SLOT_ICMP6_CODE,
	SLOTS
};

static_assert(SLOTS <= 64, "a template keeps the slots it fills in one word");

enum op {
	OP_NUMBER, /* 1 … 8 octets into a member */
	OP_BYTES,  /* exactly as many octets as the member has */
	OP_ADDRESS4,
	OP_ADDRESS6,
	OP_SECONDS,
	OP_MILLISECONDS,
	OP_MICROSECONDS,
	OP_NANOSECONDS,
	OP_UPTIME,    /* milliseconds since the exporter started */
	OP_BEFORE,    /* microseconds before the export time */
	OP_INIT_TIME, /* when the exporter started */
	OP_NOTE,      /* 1 … 8 octets, settled at the end */
};

/*
 * Which direction an element tells of: its own, with a reverse element for the other (RFC 5103
 * §6.1); the flow as a whole or its initiator; the responder.
 */
enum direction { EITHER, INITIATOR, RESPONDER };

static const struct row {
	uint16_t id;
	uint8_t slot, rank, op, direction;
	bool half; /* offset counts from flow.half[…], else from the flow */
	uint16_t offset, size;
	uint16_t absolute; /* relative times: the element that is shown instead */
	uint32_t pen;
} rows[] = {
	{ 1, SLOT_OCTETS, 0, OP_NUMBER, EITHER, HALF(octets) },
	{ 85, SLOT_OCTETS, 1, OP_NUMBER, EITHER, HALF(octets) },
	{ 231, SLOT_OCTETS, 2, OP_NUMBER, INITIATOR, HALF(octets) },
	{ 232, SLOT_OCTETS, 2, OP_NUMBER, RESPONDER, HALF(octets) },
	{ 2, SLOT_PACKETS, 0, OP_NUMBER, EITHER, HALF(packets) },
	{ 86, SLOT_PACKETS, 1, OP_NUMBER, EITHER, HALF(packets) },
	{ 298, SLOT_PACKETS, 2, OP_NUMBER, INITIATOR, HALF(packets) },
	{ 299, SLOT_PACKETS, 2, OP_NUMBER, RESPONDER, HALF(packets) },

	{ 160, SLOT_INIT, 0, OP_INIT_TIME, INITIATOR, NOWHERE },
	{ 156, SLOT_START, 0, OP_NANOSECONDS, EITHER, HALF(start_ns) },
	{ 154, SLOT_START, 1, OP_MICROSECONDS, EITHER, HALF(start_ns) },
	{ 152, SLOT_START, 2, OP_MILLISECONDS, EITHER, HALF(start_ns) },
	{ 158, SLOT_START, 3, OP_BEFORE, EITHER, HALF(start_ns), 154 },
	{ 22, SLOT_START, 4, OP_UPTIME, EITHER, HALF(start_ns), 152 },
	{ 150, SLOT_START, 5, OP_SECONDS, EITHER, HALF(start_ns) },
	{ 157, SLOT_END, 0, OP_NANOSECONDS, EITHER, HALF(end_ns) },
	{ 155, SLOT_END, 1, OP_MICROSECONDS, EITHER, HALF(end_ns) },
	{ 153, SLOT_END, 2, OP_MILLISECONDS, EITHER, HALF(end_ns) },
	{ 159, SLOT_END, 3, OP_BEFORE, EITHER, HALF(end_ns), 155 },
	{ 21, SLOT_END, 4, OP_UPTIME, EITHER, HALF(end_ns), 153 },
	{ 151, SLOT_END, 5, OP_SECONDS, EITHER, HALF(end_ns) },
	/* reverseFlowDeltaMilliseconds: the answer begins so much after the flow */
	{ 21, SLOT_REVERSE_DELAY, 0, OP_NOTE, INITIATOR, NOWHERE, 0, SF_PEN_CERT },

	{ 10, SLOT_INGRESS, 0, OP_NUMBER, EITHER, HALF(ingress) },
	{ 70, SLOT_MPLS, 0, OP_NUMBER, EITHER, HALF(mpls) },
	{ 31, SLOT_FLOW_LABEL, 0, OP_NUMBER, EITHER, HALF(flow_label) },
	{ 6, SLOT_TCP_FLAGS, 0, OP_NUMBER, EITHER, HALF(tcp_flags) },
	{ 5, SLOT_TOS, 0, OP_NUMBER, EITHER, HALF(tos) },
	{ 52, SLOT_TTL_MIN, 0, OP_NUMBER, EITHER, HALF(ttl_min) },
	{ 192, SLOT_TTL_MIN, 1, OP_NUMBER, EITHER, HALF(ttl_min) },
	{ 53, SLOT_TTL_MAX, 0, OP_NUMBER, EITHER, HALF(ttl_max) },
	{ 192, SLOT_TTL_MAX, 1, OP_NUMBER, EITHER, HALF(ttl_max) },
	{ 56, SLOT_SRC_MAC, 0, OP_BYTES, EITHER, HALF(src_mac) },
	{ 80, SLOT_DST_MAC, 0, OP_BYTES, EITHER, HALF(dst_mac) },
	/* DST_MAC of RFC 3954 §8, which IANA made the address after a middlebox */
	{ 57, SLOT_DST_MAC, 1, OP_BYTES, EITHER, HALF(dst_mac) },

	{ 8, SLOT_SRC4, 0, OP_ADDRESS4, INITIATOR, FLOW(addr[0]) },
	{ 12, SLOT_DST4, 0, OP_ADDRESS4, INITIATOR, FLOW(addr[1]) },
	{ 27, SLOT_SRC6, 0, OP_ADDRESS6, INITIATOR, FLOW(addr[0]) },
	{ 28, SLOT_DST6, 0, OP_ADDRESS6, INITIATOR, FLOW(addr[1]) },
	{ 60, SLOT_VERSION, 0, OP_NOTE, INITIATOR, NOWHERE },
	{ 4, SLOT_PROTOCOL, 0, OP_NUMBER, INITIATOR, FLOW(protocol) },
	{ 7, SLOT_SPORT, 0, OP_NUMBER, INITIATOR, FLOW(port[0]) },
	{ 182, SLOT_SPORT, 1, OP_NUMBER, INITIATOR, FLOW(port[0]) },
	{ 180, SLOT_SPORT, 1, OP_NUMBER, INITIATOR, FLOW(port[0]) },
	{ 11, SLOT_DPORT, 0, OP_NUMBER, INITIATOR, FLOW(port[1]) },
	{ 183, SLOT_DPORT, 1, OP_NUMBER, INITIATOR, FLOW(port[1]) },
	{ 181, SLOT_DPORT, 1, OP_NUMBER, INITIATOR, FLOW(port[1]) },
	{ 243, SLOT_VLAN, 0, OP_NUMBER, INITIATOR, FLOW(vlan) },
	{ 58, SLOT_VLAN, 1, OP_NUMBER, INITIATOR, FLOW(vlan) },
	{ 245, SLOT_CVLAN, 0, OP_NUMBER, INITIATOR, FLOW(cvlan) },
	{ 148, SLOT_ID, 0, OP_NUMBER, INITIATOR, FLOW(id) },
	{ 136, SLOT_END_REASON, 0, OP_NUMBER, INITIATOR, FLOW(end_reason) },
	{ 197, SLOT_FRAGMENT_FLAGS, 0, OP_NOTE, INITIATOR, NOWHERE },
	{ 88, SLOT_FRAGMENT_OFFSET, 0, OP_NOTE, INITIATOR, NOWHERE },

	{ 32, SLOT_ICMP4, 0, OP_NOTE, EITHER, NOWHERE },
	{ 176, SLOT_ICMP4_TYPE, 0, OP_NOTE, EITHER, NOWHERE },
	{ 177, SLOT_ICMP4_CODE, 0, OP_NOTE, EITHER, NOWHERE },
	{ 139, SLOT_ICMP6, 0, OP_NOTE, EITHER, NOWHERE },
	{ 178, SLOT_ICMP6_TYPE, 0, OP_NOTE, EITHER, NOWHERE },
	{ 179, SLOT_ICMP6_CODE, 0, OP_NOTE, EITHER, NOWHERE },
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
		return length >= 1 && length <= 4;
	case OP_ADDRESS4:
	case OP_SECONDS:
		return length == 4;
	case OP_ADDRESS6:
		return length == 16;
	case OP_BYTES:
		return length == row->size;
	default: /* the other times have no reduced size */
		return length == 8;
	}
}

/* The row of a field and which half it is for; NULL: the field fills nothing. */
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

void sf_collect_convert_compile(struct sf_collect_template *template)
{
	struct choice {
		const struct row *row;
		uint16_t field;
	} best[SLOTS][2] = { 0 };
	uint8_t half = 0, scratch = 0;

	if (template->options)
		return;
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

			if (!choice->row)
				continue;
			template->steps[template->step_count++] = (struct sf_collect_step){
				.field = choice->field,
				.row = (uint8_t)(choice->row - rows),
				.half = half,
				.scratch = choice->row->absolute ? scratch++ : 0,
			};
			template->slots[half] |= UINT64_C(1) << slot;
		}
	}
}

void sf_collect_init_time(struct sf_collect_message *message, int64_t init_time_ms)
{
	message->uptime_at_ns = message->out.export_time_ns;
	message->uptime_ms = (uint32_t)(message->out.export_time_ns / NS_PER_MS - init_time_ms);
	message->uptime_valid = true;
}

/* Uptimes wrap after 49.7 days: the one meant is that nearest before the header's. */
static int64_t uptime_to_ns(const struct sf_collect_message *message, uint32_t uptime)
{
	uint32_t before = message->uptime_ms - uptime;

	if (before > UINT32_MAX - FUTURE_MS)
		return message->uptime_at_ns + (int64_t)(uptime - message->uptime_ms) * NS_PER_MS;
	return message->uptime_at_ns - (int64_t)before * NS_PER_MS;
}

/* RFC 7011 §6.1.9, §6.1.10: seconds of 1900 modulo 2^32 and a fraction, rounded to `unit` ns. */
static int64_t ntp_to_ns(uint64_t value, uint32_t unit)
{
	uint32_t seconds = (uint32_t)((value >> 32) - (uint64_t)NTP_OFFSET);
	uint64_t units =
		((value & UINT32_MAX) * ((uint64_t)SF_NS_PER_S / unit) + (UINT64_C(1) << 31)) >> 32;

	return seconds * SF_NS_PER_S + (int64_t)(units * unit);
}

/* The inverse, so that reading it by rounding down gives the same microsecond. */
static uint64_t ns_to_ntp(int64_t ns)
{
	uint64_t seconds = (uint64_t)(ns / SF_NS_PER_S + NTP_OFFSET) & UINT32_MAX;
	uint64_t microseconds = (uint64_t)(ns % SF_NS_PER_S / 1000);
	uint64_t fraction = ((microseconds << 32) + 999999) / 1000000;

	return seconds << 32 | ((fraction + 0x7ff) & ~UINT64_C(0x7ff));
}

static int64_t milliseconds_to_ns(uint64_t value)
{
	return value > INT64_MAX / NS_PER_MS ? INT64_MAX : (int64_t)value * NS_PER_MS;
}

/* An absolute time instead of the relative one, in what the callback sees. */
static void field_make_absolute(struct sf_collect_template *template,
	const struct sf_collect_step *step, const struct row *row, int64_t ns)
{
	struct sf_field_value *field = &template->fields[step->field];
	uint8_t *scratch = template->scratch[step->scratch];

	sf_store_be64(scratch, row->op == OP_UPTIME ? (uint64_t)(ns / NS_PER_MS) : ns_to_ntp(ns));
	field->id = row->absolute;
	field->length = 8;
	field->data = scratch;
}

/* The time a step reads; false: it cannot be told. */
static bool time_read(struct sf_collect_message *message, struct sf_collect_template *template,
	const struct sf_collect_step *step, const struct row *row, int64_t *ns)
{
	struct sf_field_value *field = &template->fields[step->field];
	uint16_t length = template->lengths[step->field];
	uint64_t value = sf_load_be(field->data, length);

	switch (row->op) {
	case OP_SECONDS:
		*ns = (int64_t)value * SF_NS_PER_S;
		return true;
	case OP_MILLISECONDS:
		*ns = milliseconds_to_ns(value);
		return true;
	case OP_MICROSECONDS:
		/* RFC 7011 §6.1.9: the 11 lowest bits do not count */
		*ns = ntp_to_ns(value & ~UINT64_C(0x7ff), 1000);
		return true;
	case OP_NANOSECONDS:
		*ns = ntp_to_ns(value, 1);
		return true;
	case OP_BEFORE:
		*ns = message->out.export_time_ns - (int64_t)value * 1000;
		break;
	default: /* OP_UPTIME */
		if (!message->uptime_valid) {
			field->id = row->id;
			field->length = length;
			return false;
		}
		*ns = uptime_to_ns(message, (uint32_t)value);
		break;
	}
	if (*ns < 0)
		*ns = 0;
	field_make_absolute(template, step, row, *ns);
	return true;
}

/* Wider than the member means longer than the element may be: the low octets count. */
static void number_store(uint8_t *member, uint16_t size, uint64_t value)
{
	uint32_t u32 = (uint32_t)value;
	uint16_t u16 = (uint16_t)value;

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
}

/* What was read of a record besides the flow itself. */
struct notes {
	uint64_t slots[2]; /* which of the template's slots could be filled */
	uint64_t value[SLOTS][2];
};

static bool noted(const struct notes *notes, unsigned half, enum slot slot)
{
	return notes->slots[half] >> slot & 1;
}

static void step_run(struct sf_collect_message *message, struct sf_collect_template *template,
	const struct sf_collect_step *step, struct notes *notes)
{
	const struct row *row = &rows[step->row];
	const uint8_t *data = template->fields[step->field].data;
	uint16_t length = template->lengths[step->field];
	struct sf_flow *flow = &message->out.flow;
	uint8_t *member =
		(row->half ? (uint8_t *)&flow->half[step->half] : (uint8_t *)flow) + row->offset;
	int64_t ns;

	switch (row->op) {
	case OP_NUMBER:
		number_store(member, row->size, sf_load_be(data, length));
		break;
	case OP_NOTE:
		notes->value[row->slot][step->half] = sf_load_be(data, length);
		break;
	case OP_ADDRESS4:
	case OP_BYTES:
		memcpy(member, data, length);
		break;
	case OP_ADDRESS6:
		if (noted(notes, 0, SLOT_SRC4) &&
			(sf_load_be64(data) | sf_load_be64(data + 8)) == 0)
			break;
		memcpy(member, data, 16);
		flow->ip_version = 6;
		break;
	case OP_INIT_TIME:
		sf_collect_init_time(message, milliseconds_to_ns(sf_load_be64(data)) / NS_PER_MS);
		break;
	default:
		if (time_read(message, template, step, row, &ns))
			memcpy(member, &ns, sizeof(ns));
		else
			notes->slots[step->half] &= ~(UINT64_C(1) << row->slot);
	}
}

/* Both ends of a half in order, whatever the record left out. */
static void half_times(struct sf_flow_half *half, const struct notes *notes, unsigned index)
{
	bool start = noted(notes, index, SLOT_START), end = noted(notes, index, SLOT_END);
	int64_t earlier;

	if (!start)
		half->start_ns = half->end_ns;
	if (!end)
		half->end_ns = half->start_ns;
	if (half->end_ns < half->start_ns) {
		earlier = half->end_ns;
		half->end_ns = half->start_ns;
		half->start_ns = earlier;
	}
}

static void flow_times(struct sf_collect_message *message, const struct notes *notes)
{
	struct sf_flow_half *half = message->out.flow.half;
	uint64_t times = UINT64_C(1) << SLOT_START | UINT64_C(1) << SLOT_END;

	if ((notes->slots[0] & times) == 0)
		half[0].start_ns = half[0].end_ns = message->out.export_time_ns;
	else
		half_times(&half[0], notes, 0);
	if (half[1].packets == 0)
		return;
	if ((notes->slots[1] & times) != 0) {
		half_times(&half[1], notes, 1);
		return;
	}
	/* the record's times span both directions */
	half[1].start_ns = half[0].start_ns;
	half[1].end_ns = half[0].end_ns;
	if (noted(notes, 0, SLOT_REVERSE_DELAY)) {
		uint64_t room = (uint64_t)(half[1].end_ns - half[1].start_ns);
		uint64_t delay = notes->value[SLOT_REVERSE_DELAY][0];

		if (delay <= room / (uint64_t)NS_PER_MS)
			half[1].start_ns += (int64_t)delay * NS_PER_MS;
	}
}

/* Type and code of one direction, from its combined or its two single elements. */
static bool icmp_noted(
	const struct notes *notes, unsigned half, enum slot combined, uint16_t *type_code)
{
	if (noted(notes, half, combined)) {
		*type_code = (uint16_t)notes->value[combined][half];
		return true;
	}
	/* the slots of type and code follow that of both */
	if (!noted(notes, half, combined + 1))
		return false;
	*type_code = (uint16_t)(notes->value[combined + 1][half] << 8);
	if (noted(notes, half, combined + 2))
		*type_code |= (uint8_t)notes->value[combined + 2][half];
	return true;
}

/* The type that answers a type, or is answered by it; itself where there is none. DESIGN §4 */
static uint8_t icmp_counterpart(uint8_t version, uint8_t type)
{
	static const uint8_t pairs[2][5][2] = {
		{ { 8, 0 }, { 13, 14 }, { 15, 16 }, { 17, 18 }, { 10, 9 } },
		{ { 128, 129 }, { 133, 134 }, { 135, 136 }, { 128, 129 }, { 128, 129 } },
	};

	for (unsigned i = 0; i < 5; i++)
		for (unsigned side = 0; side < 2; side++)
			if (pairs[version == 6][i][side] == type)
				return pairs[version == 6][i][!side];
	return type;
}

static void flow_icmp(struct sf_flow *flow, const struct notes *notes)
{
	enum slot own = flow->ip_version == 6 ? SLOT_ICMP6 : SLOT_ICMP4;
	enum slot other = flow->ip_version == 6 ? SLOT_ICMP4 : SLOT_ICMP6;
	uint16_t sent = flow->port[1], answer;

	/*
	 * v9 says 32 for ICMPv6 too; without any element it is the destination port: PROTOCOLS §3.1
	 */
	if (!icmp_noted(notes, 0, own, &sent))
		icmp_noted(notes, 0, other, &sent);
	answer = (uint16_t)(icmp_counterpart(flow->ip_version, (uint8_t)(sent >> 8)) << 8 |
			    (sent & 0xff));
	if (!icmp_noted(notes, 1, own, &answer))
		icmp_noted(notes, 1, other, &answer);
	flow->port[0] = sent;
	flow->port[1] = answer;
}

static void flow_has(struct sf_flow *flow, const struct notes *notes)
{
	static const uint8_t no_mac[6];

	if (memcmp(flow->half[0].src_mac, no_mac, 6) || memcmp(flow->half[0].dst_mac, no_mac, 6))
		flow->has |= SF_HAS_MAC;
	if (flow->half[0].mpls || flow->half[1].mpls)
		flow->has |= SF_HAS_MPLS;
	if (flow->vlan)
		flow->has |= SF_HAS_VLAN;
	if (flow->cvlan)
		flow->has |= SF_HAS_CVLAN;
	if (noted(notes, 0, SLOT_FLOW_LABEL))
		flow->has |= SF_HAS_FLOW_LABEL;
	/* fragmentFlags counts its bits from the left: 0x20 is "more fragments" */
	if ((noted(notes, 0, SLOT_FRAGMENT_OFFSET) && notes->value[SLOT_FRAGMENT_OFFSET][0]) ||
		(noted(notes, 0, SLOT_FRAGMENT_FLAGS) &&
			notes->value[SLOT_FRAGMENT_FLAGS][0] & 0x20))
		flow->has |= SF_HAS_FRAGMENTS;
}

void sf_collect_convert(struct sf_collect_message *message, struct sf_collect_template *template)
{
	struct sf_flow *flow = &message->out.flow;
	struct notes notes;

	memset(flow, 0, sizeof(*flow));
	memcpy(notes.slots, template->slots, sizeof(notes.slots));
	flow->domain = message->out.domain;
	flow->ip_version = 4; /* RFC 3954 §8: IPv4 where nothing says otherwise */
	for (unsigned i = 0; i < template->step_count; i++)
		step_run(message, template, &template->steps[i], &notes);
	if (noted(&notes, 0, SLOT_VERSION) &&
		(notes.value[SLOT_VERSION][0] == 4 || notes.value[SLOT_VERSION][0] == 6))
		flow->ip_version = (uint8_t)notes.value[SLOT_VERSION][0];
	if (flow->half[1].packets == 0)
		memset(&flow->half[1], 0, sizeof(flow->half[1]));
	flow_times(message, &notes);
	if (sf_flow_is_icmp(flow))
		flow_icmp(flow, &notes);
	flow_has(flow, &notes);
}
