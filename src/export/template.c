/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fields.def and profiles.def expanded: a store function per field and protocol, the profiles as
 * arrays, and encoders for the templates that are used most, into which the compiler unrolls the
 * profile's list with the conditions known. All other templates run through a plan of store
 * functions: about five times slower per record, still far below the cost of metering one.
 */
#include "export/template.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/branch.h"
#include "base/value.h"
#include "base/wire.h"
#include "export/profiles.def"

/* ---------------------------------------------------------------- values of fields.def */

/* ICMP has no ports: 0 and type << 8 | code is what collectors read (docs/collectors.md). */
static inline uint16_t sf_field_source_port(const struct sf_flow *flow, unsigned d)
{
	return sf_flow_has_icmp_type(flow) ? 0 : flow->port[d];
}

static inline uint16_t sf_field_destination_port(const struct sf_flow *flow, unsigned d)
{
	return flow->port[sf_flow_has_icmp_type(flow) ? d : !d];
}

static inline uint64_t sf_field_ms(int64_t time_ns)
{
	return (uint64_t)(time_ns / 1000000);
}

static inline uint32_t sf_field_uptime(const struct sf_encode_context *context, int64_t time_ns)
{
	return (uint32_t)(time_ns / 1000000 - context->boot_ms);
}

/* RFC 5103 §6.3: 1 the source is the initiator, 2 it is the responder */
static inline uint8_t sf_field_biflow_direction(unsigned d)
{
	return (uint8_t)(1 + d);
}

static inline uint32_t sf_field_reverse_delay(const struct sf_flow *flow, unsigned d)
{
	int64_t ms = flow->half[!d].start_ns / 1000000 - flow->half[d].start_ns / 1000000;

	return ms < 0 ? 0 : ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

/* ---------------------------------------------------------------- store functions */

static inline uint8_t *store_UINT(uint8_t *p, uint64_t value, unsigned length)
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

static inline uint8_t *store_BYTES(uint8_t *p, const uint8_t *bytes, unsigned length)
{
	return sf_store_bytes(p, bytes, length);
}

/* clang-format off */
#define FIELD(name, pen, id, v9, length, v9_length, has, form, value)                              \
	static inline uint8_t *store_##name(uint8_t *p, const struct sf_flow *flow, unsigned d,    \
		const struct sf_encode_context *context)                                           \
	{                                                                                          \
		const struct sf_flow_half *half = &flow->half[d];                                  \
                                                                                                   \
		(void)half, (void)context;                                                         \
		return store_##form(p, value, length);                                             \
	}                                                                                          \
	static inline uint8_t *store9_##name(uint8_t *p, const struct sf_flow *flow, unsigned d,   \
		const struct sf_encode_context *context)                                           \
	{                                                                                          \
		const struct sf_flow_half *half = &flow->half[d];                                  \
                                                                                                   \
		(void)half, (void)context;                                                         \
		return store_##form(p, value, v9_length);                                          \
	}
#include "export/fields.def"

enum field {
#define FIELD(name, ...) FIELD_##name,
#include "export/fields.def"
	FIELD_COUNT
};

static const struct sf_field_row rows[] = {
#define FIELD(name, pen, id, v9, length, v9_length, has, form, value)                              \
	{ #name, pen, id, v9, length, v9_length, has },
#include "export/fields.def"
};

static const sf_store stores[][2] = {
#define FIELD(name, ...) { store_##name, store9_##name },
#include "export/fields.def"
};

/* ---------------------------------------------------------------- profiles */

/* The conditions by the names that profiles.def uses. */
enum {
	ANY = 0,
	IPV4 = SF_WHEN_IPV4,
	IPV6 = SF_WHEN_IPV6,
	ICMP = SF_WHEN_ICMP,
	NOT_ICMP = SF_WHEN_NOT_ICMP,
	TWO_WAY = SF_WHEN_TWO_WAY,
	BIFLOW = SF_WHEN_BIFLOW,
	MAC = SF_WHEN_MAC,
	MPLS = SF_WHEN_MPLS,
	VLAN = SF_WHEN_VLAN,
	CVLAN = SF_WHEN_CVLAN,
	LABEL = SF_WHEN_LABEL,
	MS = SF_WHEN_MS,
	US = SF_WHEN_US,
	NS = SF_WHEN_NS,
	UPTIME = SF_WHEN_UPTIME,
	IPFIX = SF_WHEN_IPFIX,
	NETWORK = SF_WHEN_NETWORK,
};

struct profile_field {
	uint32_t when;
	uint8_t field; /* enum field */
	bool reverse;
};

#define F(name, when) { when, FIELD_##name, false },
#define R(name, when) { when, FIELD_##name, true },
#define X(name) static const struct profile_field profile_##name[] = { SF_PROFILE_##name(F, R) };
SF_PROFILES(X)
#undef X
#undef F
#undef R

static const struct {
	const char *name;
	const struct profile_field *fields;
	unsigned count;
} profiles[SF_PROFILE_COUNT] = {
#define X(name) { #name, profile_##name, sizeof(profile_##name) / sizeof(profile_##name[0]) },
	SF_PROFILES(X)
#undef X
};

#define X(name)                                                                                    \
	static_assert(sizeof(profile_##name) / sizeof(profile_##name[0]) <= SF_TEMPLATE_FIELDS_MAX, \
		#name " has more fields than a template holds");
SF_PROFILES(X)
#undef X
/* clang-format on */

/* ---------------------------------------------------------------- encoders */

uint8_t *sf_template_encode_plan(const struct sf_template *template, uint8_t *p,
	const struct sf_flow *flows, unsigned count, unsigned leading,
	const struct sf_encode_context *context)
{
	for (const struct sf_flow *flow = flows; flow < flows + count; flow++)
		for (unsigned d = 0; d < 2; d++) {
			if (!(leading >> d & 1))
				continue;
			for (unsigned i = 0; i < template->field_count; i++)
				p = template->steps[i].store(
					p, flow, d ^ template->steps[i].reverse, context);
		}
	return p;
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
		const struct sf_encode_context *context, const uint32_t variant)                   \
	{                                                                                          \
		/* what the key of such a record says: sf_record_key() */                          \
		if (sf_flow_has_icmp_type(flow) != !!(variant & ICMP))                                   \
			__builtin_unreachable();                                                   \
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
	enum sf_profile profile;
	uint32_t variant;
	sf_encode encode;
} built_in[] = {
#define X(name, profile, variant) { (enum sf_profile)PROFILE_##profile, variant, encode_##name },
	BUILT_IN(X)
#undef X
};
/* clang-format on */

/* ---------------------------------------------------------------- templates */

uint32_t sf_profile_when(enum sf_profile profile)
{
	uint32_t when = 0;

	for (unsigned i = 0; i < profiles[profile].count; i++)
		when |= profiles[profile].fields[i].when;
	return when;
}

uint8_t sf_profile_facts(enum sf_profile profile)
{
	uint8_t facts = 0;

	for (unsigned i = 0; i < profiles[profile].count; i++)
		facts |= rows[profiles[profile].fields[i].field].has;
	return facts;
}

bool sf_profile_has_flow_id(enum sf_profile profile, uint32_t session)
{
	for (unsigned i = 0; i < profiles[profile].count; i++) {
		const struct profile_field *item = &profiles[profile].fields[i];

		if (item->field == FIELD_flowId && (session & item->when) == item->when)
			return true;
	}
	return false;
}

int sf_profile_find(const char *name)
{
	for (int i = 0; i < SF_PROFILE_COUNT; i++)
		if (!strcmp(profiles[i].name, name))
			return i;
	return -1;
}

const char *sf_profile_name(enum sf_profile profile)
{
	return profiles[profile].name;
}

static uint32_t key_variant(unsigned key)
{
	return (key & 1 ? SF_WHEN_IPV6 : SF_WHEN_IPV4) |
	       (key & 2 ? SF_WHEN_ICMP : SF_WHEN_NOT_ICMP) | (key & 4 ? SF_WHEN_TWO_WAY : 0) |
	       (key >> 4 << 8 & SF_WHEN_HAS);
}

/* RFC 7011 §3.4.1: 256 … 65535; each layout has its own number for good. */
static uint16_t template_id(enum sf_profile profile, uint32_t session, unsigned key)
{
	unsigned time = session & SF_WHEN_US ? 1 : session & SF_WHEN_NS ? 2 : 0;

	key |= session & SF_WHEN_BIFLOW ? 8 : 0;
	return (uint16_t)(256 + (key | time << 9 | (unsigned)profile << 11));
}

static void add_field(struct sf_template *template, const struct profile_field *item)
{
	const struct sf_field_row *row = &rows[item->field];
	bool v9 = template->variant & SF_WHEN_NETFLOW9;
	unsigned i = template->field_count++;

	template->specs[i] = (struct sf_spec){
		.pen = item->reverse ? SF_PEN_REVERSE : row->pen,
		.id = v9 ? row->v9_id : row->id,
		.length = v9 ? row->v9_length : row->length,
	};
	template->steps[i].store = stores[item->field][v9];
	template->steps[i].reverse = item->reverse;
	template->record_length += template->specs[i].length;
	assert(template->specs[i].id != 0 && template->record_length <= SF_RECORD_MAX);
}

void sf_template_init(
	struct sf_template *template, enum sf_profile profile, uint32_t session, unsigned key)
{
	/* what no field of the profile asks for makes no difference to the encoder */
	uint32_t relevant = sf_profile_when(profile) | SF_WHEN_NETFLOW9 | SF_WHEN_IPFIX;

	memset(template, 0, sizeof(*template));
	template->variant = session | key_variant(key);
	relevant &= template->variant;
	template->id = template_id(profile, session, key);
	for (unsigned i = 0; i < profiles[profile].count; i++) {
		const struct profile_field *item = &profiles[profile].fields[i];

		if ((template->variant & item->when) == item->when)
			add_field(template, item);
	}
	template->encode = sf_template_encode_plan;
	for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++)
		if (profile == built_in[i].profile && built_in[i].variant == relevant)
			template->encode = built_in[i].encode;
}

const struct sf_field_row *sf_field_row(unsigned index)
{
	return index < FIELD_COUNT ? &rows[index] : NULL;
}

void sf_profile_walk(enum sf_profile profile,
	void (*visit)(void *context, const struct sf_field_row *row, bool reverse, uint32_t when),
	void *context)
{
	for (unsigned i = 0; i < profiles[profile].count; i++) {
		const struct profile_field *item = &profiles[profile].fields[i];

		visit(context, &rows[item->field], item->reverse, item->when);
	}
}

void sf_when_text(uint32_t when, char *text, size_t size)
{
	static const struct {
		uint32_t when;
		const char *words;
	} words[] = {
		{ SF_WHEN_IPV4, "IPv4" },
		{ SF_WHEN_IPV6, "IPv6" },
		{ SF_WHEN_ICMP, "ICMP" },
		{ SF_WHEN_NOT_ICMP, "not ICMP" },
		{ SF_WHEN_TWO_WAY, "both directions" },
		{ SF_WHEN_BIFLOW, "biflow=yes" },
		{ SF_WHEN_VLAN, "tagged" },
		{ SF_WHEN_CVLAN, "double tagged" },
		{ SF_WHEN_MPLS, "MPLS" },
		{ SF_WHEN_MAC, "MAC known" },
		{ SF_WHEN_LABEL, "flow label known" },
		{ SF_WHEN_MS, "time=ms" },
		{ SF_WHEN_US, "time=us" },
		{ SF_WHEN_NS, "time=ns" },
		{ SF_WHEN_UPTIME, "netflow9" },
		{ SF_WHEN_IPFIX, "ipfix" },
		{ SF_WHEN_NETWORK, "collector" },
	};
	size_t length = 0;

	*text = 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!(when & words[i].when) || length >= size)
			continue;
		length += (size_t)snprintf(
			text + length, size - length, "%s%s", length ? ", " : "", words[i].words);
	}
}
