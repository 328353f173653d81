/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fields.def and profiles.def expanded: a store function for each field and protocol, the profiles
 * as arrays, and built-in encoders for the templates that are used most: functions in which the
 * compiler has unrolled the profile's list for one variant. All other templates have a plan, a list
 * of store functions. It stores one field for all records of a run, then the next field: a call for
 * each field of each record would cost more than storing the value.
 */
#include "encode/template.h"

#include <assert.h>
#include <string.h>

#include "base/annex.h"
#include "base/branch.h"
#include "base/value.h"
#include "base/wire.h"
#include "encode/profiles.def"
#include "encode/values.h"

static const uint8_t no_hop[16];
static const struct sf_interface_info no_interface;
#define NO_SIDE                                                                                    \
	{                                                                                          \
		.next_hop = no_hop, .bgp_next_hop = no_hop                                         \
	}
#define NO_WAY                                                                                     \
	{                                                                                          \
		.ingress_info = &no_interface, .egress_info = &no_interface                        \
	}
const struct sf_extra sf_extra_none = { { NO_SIDE, NO_SIDE }, { NO_WAY, NO_WAY } };

/* ---------------------------------------------------------------- store functions */

static sf_always_inline uint8_t *store_UINT(uint8_t *p, uint64_t value, unsigned length)
{
	switch (length) {
	case 8:
		return sf_store_be64(p, value);
	case 4:
		return sf_store_be32(p, (uint32_t)value);
	case 3:
		p = sf_store_u8(p, (uint8_t)(value >> 16));
		return sf_store_be16(p, (uint16_t)value);
	case 2:
		return sf_store_be16(p, (uint16_t)value);
	case 1:
		return sf_store_u8(p, (uint8_t)value);
	default:
		return p;
	}
}

/* Variable length (RFC 7011 §7): the first byte of `value` says how many follow. */
/* [RFC7011-7-1] [RFC7011-7-3] */
static inline uint8_t *store_STRING(uint8_t *p, const uint8_t *value, unsigned length)
{
	assert(value[0] <= length && length < 255);
	return sf_store_bytes(p, value, 1 + (size_t)value[0]);
}

/* NetFlow v9 has no variable lengths: zeros fill the field. */
static inline uint8_t *store9_STRING(uint8_t *p, const uint8_t *value, unsigned length)
{
	const unsigned used = value[0] < length ? value[0] : length;

	memset(sf_store_bytes(p, value + 1, used), 0, length - used);
	return p + length;
}

/* [RFC7011-6.1.2-1] */
static sf_always_inline uint8_t *store_BYTES(uint8_t *p, const uint8_t *bytes, unsigned length)
{
	return sf_store_bytes(p, bytes, length);
}

/* RFC 6313 §4.5.1; the length in three bytes, as §5.1 recommends. */
static uint8_t *store_LIST(uint8_t *p, struct sf_basic_list list, unsigned length)
{
	const unsigned bytes = SF_LIST_BYTES(list.width, list.count);

	(void)length;
	assert(bytes <= length);
	p = sf_store_be16(sf_store_u8(p, 255), (uint16_t)bytes);
	p = sf_store_be16(sf_store_u8(p, SF_LIST_ALL_OF), list.element);
	p = sf_store_be16(p, list.width);
	for (unsigned i = 0; i < list.count; i++)
		p = store_UINT(p, list.numbers[i], list.width);
	return p;
}

#define store9_LIST  store_LIST
#define store9_UINT  store_UINT
#define store9_BYTES store_BYTES

/* clang-format off */
#define FIELD(name, pen, id, v9, length, v9_length, has, form, value, ...)                         \
	static sf_always_inline uint8_t *store_##name(uint8_t *p, const struct sf_flow *flow,      \
		unsigned d, const struct sf_encode_context *context)                               \
	{                                                                                          \
		const struct sf_flow_half *half = &flow->half[d];                                  \
		const struct sf_extra *extra = sf_extra_of(flow, context);                         \
                                                                                                   \
		(void)half, (void)extra;                                                           \
		return store_##form(p, value, length);                                             \
	}                                                                                          \
	static sf_always_inline uint8_t *store9_##name(uint8_t *p, const struct sf_flow *flow,     \
		unsigned d, const struct sf_encode_context *context)                               \
	{                                                                                          \
		const struct sf_flow_half *half = &flow->half[d];                                  \
		const struct sf_extra *extra = sf_extra_of(flow, context);                         \
                                                                                                   \
		(void)half, (void)extra;                                                           \
		return store9_##form(p, value, v9_length);                                         \
	}
#include "encode/fields.def"

/* Store a field of `count` flows, in records that lie `stride` bytes apart. */
#define FIELD(name, ...)                                                                           \
	static void run_##name(uint8_t *p, size_t stride, const struct sf_flow *flow,              \
		unsigned count, unsigned d, const struct sf_encode_context *context)               \
	{                                                                                          \
		for (; count; count--, flow++, p += stride)                                        \
			store_##name(p, flow, d, context);                                         \
	}                                                                                          \
	static void run9_##name(uint8_t *p, size_t stride, const struct sf_flow *flow,             \
		unsigned count, unsigned d, const struct sf_encode_context *context)               \
	{                                                                                          \
		for (; count; count--, flow++, p += stride)                                        \
			store9_##name(p, flow, d, context);                                        \
	}
#include "encode/fields.def"

const sf_store_run sf_field_runs[][2] = {
#define FIELD(name, ...) { run_##name, run9_##name },
#include "encode/fields.def"
};
/* clang-format on */

/* ---------------------------------------------------------------- encoders */

enum {
#define FIELD(name, ...) STORE_##name, STORE9_##name,
#include "encode/fields.def"
};

/* Encodes one record. A jump for each field (the switch) is cheaper than a call for each field. */
static uint8_t *encode_one(const struct sf_template *template, uint8_t *p,
	const struct sf_flow *flow, unsigned leading, const struct sf_encode_context *context)
{
	for (unsigned i = 0; i < template->field_count; i++) {
		const unsigned d = leading ^ template->steps[i].reverse;

		switch (template->steps[i].store) {
/* clang-format off */
#define FIELD(name, ...)                                                                           \
	case STORE_##name: p = store_##name(p, flow, d, context); break;                           \
	case STORE9_##name: p = store9_##name(p, flow, d, context); break;
#include "encode/fields.def"
			/* clang-format on */
		}
	}
	return p;
}

/* Encodes records of different lengths one after the other. */
static uint8_t *encode_each(const struct sf_template *template, uint8_t *p,
	const struct sf_flow *flows, unsigned count, unsigned leading,
	const struct sf_encode_context *context)
{
	for (const struct sf_flow *flow = flows; flow < flows + count; flow++)
		for (unsigned d = 0; d < 2; d++)
			if (leading >> d & 1)
				p = encode_one(template, p, flow, d, context);
	return p;
}

uint8_t *sf_template_encode_plan(const struct sf_template *template, uint8_t *p,
	const struct sf_flow *flows, unsigned count, unsigned leading,
	const struct sf_encode_context *context)
{
	const size_t stride = (leading == 3 ? 2 : 1) * (size_t) template->record_length;
	uint8_t *record = p;

	if (count == 1 && leading != 3)
		return encode_one(template, p, flows, leading >> 1, context);
	if (template->variable)
		return encode_each(template, p, flows, count, leading, context);
	for (unsigned d = 0; d < 2; d++) {
		if (!(leading >> d & 1))
			continue;
		for (unsigned i = 0; i < template->field_count; i++)
			template->steps[i].run(record + template->steps[i].offset, stride, flows,
				count, d ^ template->steps[i].reverse, context);
		record += template->record_length;
	}
	return p + count * stride;
}

/* clang-format off */
#define F(name, when)                                                                              \
	if ((variant & (when)) == (when))                                                          \
		p = variant & SF_WHEN_NETFLOW9 ? store9_##name(p, flow, d, context)                \
					       : store_##name(p, flow, d, context);
#define R(name, when)                                                                              \
	if ((variant & (when)) == (when))                                                          \
		p = variant & SF_WHEN_NETFLOW9 ? store9_##name(p, flow, !d, context)               \
					       : store_##name(p, flow, !d, context);

#define X(name)                                                                                    \
	static sf_always_inline uint8_t *encode_##name(uint8_t *restrict p,                        \
		const struct sf_flow *restrict flow, unsigned d,                                   \
		const struct sf_encode_context *given, const uint64_t variant)                     \
	{                                                                                          \
		/* the variant says it for all flows: sf_record_when() */                          \
		const struct sf_encode_context known = {                                           \
			given->boot_ms,                                                            \
			NULL, /* no built-in encoder has fields of an enricher */                  \
			variant & ICMP ? SF_ICMP_TYPE_YES : SF_ICMP_TYPE_NO,                       \
			variant & IPV4 ? 4 : 6,                                                    \
		};                                                                                 \
		const struct sf_encode_context *const context = &known;                            \
                                                                                                   \
		SF_PROFILE_##name(F, R)                                                            \
		return p;                                                                          \
	}
X(default)
X(extended)
#undef X
#undef F
#undef R

enum { PROFILE_default = SF_PROFILE_DEFAULT, PROFILE_extended = SF_PROFILE_EXTENDED };

/* The templates that most sessions and files use. */
#define BUILT_IN(X)                                                                                \
	X(ipfix_ipv4, default, IPFIX | MS | IPV4 | NOT_ICMP)                                       \
	X(ipfix_ipv4_icmp, default, IPFIX | MS | IPV4 | ICMP)                                      \
	X(ipfix_ipv6, default, IPFIX | MS | IPV6 | NOT_ICMP)                                       \
	X(ipfix_ipv6_icmp, default, IPFIX | MS | IPV6 | ICMP)                                      \
	X(netflow9_ipv4, default, SF_WHEN_NETFLOW9 | UPTIME | IPV4 | NOT_ICMP)                     \
	X(netflow9_ipv4_icmp, default, SF_WHEN_NETFLOW9 | UPTIME | IPV4 | ICMP)                    \
	X(netflow9_ipv6, default, SF_WHEN_NETFLOW9 | UPTIME | IPV6 | NOT_ICMP)                     \
	X(netflow9_ipv6_icmp, default, SF_WHEN_NETFLOW9 | UPTIME | IPV6 | ICMP)                    \
	X(file_ipv4, extended, IPFIX | MS | IPV4 | NOT_ICMP | MAC)                                 \
	X(file_ipv6, extended, IPFIX | MS | IPV6 | NOT_ICMP | MAC | LABEL)                         \
	X(file_ipv4_vlan, extended, IPFIX | MS | IPV4 | NOT_ICMP | MAC | VLAN)                     \
	X(file_ipv6_vlan, extended, IPFIX | MS | IPV6 | NOT_ICMP | MAC | LABEL | VLAN)             \
	X(one_way_ipv4, default, IPFIX | MS | IPV4 | NOT_ICMP | BIFLOW)                            \
	X(one_way_ipv6, default, IPFIX | MS | IPV6 | NOT_ICMP | BIFLOW)                            \
	X(two_way_ipv4, default, IPFIX | MS | IPV4 | NOT_ICMP | BIFLOW | TWO_WAY)                  \
	X(two_way_ipv6, default, IPFIX | MS | IPV6 | NOT_ICMP | BIFLOW | TWO_WAY)                  \
	X(file_one_way_ipv4, extended, IPFIX | MS | IPV4 | NOT_ICMP | MAC | BIFLOW)                \
	X(file_one_way_ipv6, extended, IPFIX | MS | IPV6 | NOT_ICMP | MAC | LABEL | BIFLOW)        \
	X(file_two_way_ipv4, extended, IPFIX | MS | IPV4 | NOT_ICMP | MAC | BIFLOW | TWO_WAY)      \
	X(file_two_way_ipv6, extended,                                                             \
		IPFIX | MS | IPV6 | NOT_ICMP | MAC | LABEL | BIFLOW | TWO_WAY)

#define X(name, profile, variant)                                                                  \
	static uint8_t *encode_##name(const struct sf_template *template, uint8_t *restrict p,     \
		const struct sf_flow *restrict flows, unsigned count, unsigned leading,            \
		const struct sf_encode_context *context)                                           \
	{                                                                                          \
		(void)template;                                                                    \
		for (const struct sf_flow *flow = flows; flow < flows + count; flow++) {           \
			if (leading & 1)                                                           \
				p = encode_##profile(p, flow, 0, context, variant);                \
			if (leading & 2)                                                           \
				p = encode_##profile(p, flow, 1, context, variant);                \
		}                                                                                  \
		return p;                                                                          \
	}
BUILT_IN(X)
#undef X

static const struct {
	int profile;
	uint64_t variant;
	sf_encode encode;
} built_in[] = {
#define X(name, profile, variant) { PROFILE_##profile, variant, encode_##name },
	BUILT_IN(X)
#undef X
};
/* clang-format on */

/* ---------------------------------------------------------------- templates */

/*
 * RFC 7011 §3.4.1: 256 … 65535. Each variant of a profile has an id of its own in every run, so
 * that a restart with other options never gives an id that a collector knows another meaning. Not
 * for variants with a tunnel, with another flow's id, folded, or with values of an enricher:
 * chosen_template_id().
 */
static uint16_t profile_template_id(const struct sf_template *template, unsigned profile)
{
	const uint64_t has = template->variant & (SF_WHEN_MAC | SF_WHEN_MPLS | SF_WHEN_VLAN |
							 SF_WHEN_CVLAN | SF_WHEN_LABEL);
	uint64_t when = template->variant;
	unsigned time = when & SF_WHEN_US ? 1 : when & SF_WHEN_NS ? 2 : 0;
	unsigned variant = (when & SF_WHEN_IPV6 ? 1 : 0) | (when & SF_WHEN_ICMP ? 2 : 0) |
			   (when & SF_WHEN_TWO_WAY ? 4 : 0) | (when & SF_WHEN_BIFLOW ? 8 : 0) |
			   (unsigned)(has >> 8) << 4;

	static_assert(SF_HAS_FLOW_LABEL == 0x10, "`has` takes the bits 4 … 8 of `variant`");
	return (uint16_t)(256 + (variant | time << 9 | profile << 11));
}

/* Behind the ids of profile_template_id(), before those of options templates. */
#define CHOSEN_FIRST 6400
#define CHOSEN_END   65000

/*
 * The id of any other template: a hash (FNV-1a) of its fields, so the same fields have the same id
 * in every run, unless another template of the stream has that id already.
 */
static uint16_t chosen_template_id(const struct sf_template *template)
{
	uint32_t hash = 2166136261;

	for (unsigned i = 0; i < template->field_count; i++) {
		const struct sf_spec *spec = &template->specs[i];
		const uint32_t parts[] = { spec->pen, spec->id, spec->length };

		for (unsigned k = 0; k < 3; k++)
			hash = (hash ^ parts[k]) * 16777619;
	}
	return (uint16_t)(CHOSEN_FIRST + (hash >> 4) % (CHOSEN_END - CHOSEN_FIRST));
}

uint16_t sf_template_next_id(uint16_t id)
{
	return id + 1 < CHOSEN_END ? id + 1 : CHOSEN_FIRST;
}

bool sf_template_is_same(const struct sf_template *one, const struct sf_template *other)
{
	return one->field_count == other->field_count &&
	       !memcmp(one->specs, other->specs, one->field_count * sizeof(one->specs[0]));
}

enum { FLOW, EACH };
/* Bytes in front of a value that tell its length. */
enum { UINT = 0, BYTES = 0, STRING = 1, LIST = 3 };

/*
 * Fields and bytes of the longest record: every field, with its
 * reverse element where there is one.
 */
/* clang-format off */
enum {
#define FIELD(name, pen, id, v9, length, v9_length, facts, form, value, when, side, help)          \
	+ (1 + (side))
	ALL_FIELDS = 0
#include "encode/fields.def"
	,
#define FIELD(name, pen, id, v9, length, v9_length, facts, form, value, when, side, help)          \
	+ (1 + (side)) * ((length) + (form))
	ALL_BYTES = 0
#include "encode/fields.def"
};
/* clang-format on */
static_assert(ALL_FIELDS <= SF_TEMPLATE_FIELDS_MAX && ALL_FIELDS <= SF_FIELDS_MAX, "template.h");
static_assert(ALL_BYTES <= SF_RECORD_MAX, "template.h");

static void add_field(
	struct sf_template *template, unsigned field, const struct sf_field_item *item)
{
	const struct sf_field_row *row = sf_field_row(field);
	const bool v9 = template->variant & SF_WHEN_NETFLOW9, variable = row->prefix && !v9;
	unsigned i = template->field_count++;

	template->specs[i] = (struct sf_spec){
		.pen = sf_field_pen(row, item->reverse),
		.id = v9 ? row->v9_id : sf_field_id(row, item->reverse),
		.length = variable ? SF_LENGTH_VARIABLE
			  : v9     ? row->v9_length
				   : row->length,
	};
	template->steps[i].run = sf_field_runs[field][v9];
	template->steps[i].store = (uint16_t)(2 * field + v9);
	template->steps[i].reverse = item->reverse;
	template->steps[i].offset = template->record_length;
	template->variable |= variable;
	template->record_least += variable ? 1 : template->specs[i].length;
	template->record_length += variable ? row->prefix + row->length : template->specs[i].length;
	assert(template->specs[i].id != 0 && template->record_length <= SF_RECORD_MAX);
}

void sf_template_init(struct sf_template *template, const struct sf_fields *fields,
	uint64_t session, uint64_t when)
{
	/* conditions that no field depends on make no difference */
	const uint64_t relevant = (session | when) & (fields->when | SF_WHEN_NETFLOW9 |
							     SF_WHEN_IPFIX | SF_WHEN_INTERFACES);
	const bool plain =
		fields->profile >= 0 &&
		!(relevant & ((SF_WHEN_EXTRA & ~SF_WHEN_INTERFACES) | SF_WHEN_TUNNEL |
				     SF_WHEN_OUTER_FLOW | SF_WHEN_INNER_FLOW | SF_WHEN_FOLDED));

	memset(template, 0, sizeof(*template));
	template->variant = session | when;
	for (unsigned i = 0; i < fields->count; i++)
		if (sf_fields_has(fields, i, template->variant))
			add_field(template, sf_fields_row_of(fields, i, template->variant),
				&fields->items[i]);
	template->id = plain ? profile_template_id(template, (unsigned)fields->profile)
			     : chosen_template_id(template);
	template->encode = sf_template_encode_plan;
	for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++)
		if (fields->profile == built_in[i].profile && built_in[i].variant == relevant)
			template->encode = built_in[i].encode;
}
