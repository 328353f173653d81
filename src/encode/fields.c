/* SPDX-License-Identifier: BSD-2-Clause */
/* fields.def and profiles.def as tables. */
#include "encode/fields.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <spanflow/export.h>

#include "base/annex.h"
#include "base/element_id.h"
#include "base/experiments.h"
#include "base/list.h"
#include "encode/profiles.def"

enum { FLOW, EACH };
/* Bytes in front of a value that tell its length. */
enum { UINT = 0, BYTES = 0, STRING = 1, LIST = 3 };

enum field {
#define FIELD(name, ...) FIELD_##name,
#include "encode/fields.def"
	FIELD_COUNT
};

/* clang-format off */
/* Hellos of TLS, over TCP and in QUIC. */
#define SF_OF_TLS (SF_FACT_SET(app) | SF_FACT_SET(tls) | SF_FACT_SET(quic))
/* Names of applications: every reader runs. */
#define SF_ANY_READER                                                                              \
	(SF_OF_TLS | SF_FACT_SET(dns) | SF_FACT_SET(http) | SF_FACT_SET(ssh))
/* And with --applications ndpi a classifier. */
#define SF_ANY_CLASSIFIER (SF_ANY_READER | SF_FACT_SET(application))

static const struct sf_field_row rows[] = {
#define FIELD(name, pen, id, v9, length, v9_length, facts, form, value, when, side, help)          \
	{ #name, help, when, pen, id, v9, length, v9_length, form, facts, side },
#include "encode/fields.def"
};

#define F(name, when) { when, FIELD_##name, false },
#define R(name, when) { when, FIELD_##name, true },
#define COUNT(name, when) + 1
#define WHEN(name, when) | (when)
static const struct sf_fields profiles[SF_PROFILE_COUNT] = {
#define X(name, index)                                                                             \
	[index] = {                                                                                \
		.profile = index,                                                                  \
		.count = 0 SF_PROFILE_##name(COUNT, COUNT),                                        \
		.when = 0 SF_PROFILE_##name(WHEN, WHEN),                                           \
		.items = { SF_PROFILE_##name(F, R) },                                              \
	},
	SF_PROFILES(X)
#undef X
};

static const struct sf_fields_group groups[] = {
#define X(group, text)                                                                             \
	{                                                                                          \
		.name = #group,                                                                    \
		.help = text,                                                                      \
		.fields = {                                                                        \
			.profile = -1,                                                             \
			.count = 0 SF_GROUP_##group(COUNT, COUNT),                                 \
			.when = 0 SF_GROUP_##group(WHEN, WHEN),                                    \
			.items = { SF_GROUP_##group(F, R) },                                       \
		},                                                                                 \
	},
	SF_GROUPS(X)
#undef X
};
#undef F
#undef R

static const char *const profile_names[SF_PROFILE_COUNT] = {
#define X(name, index) [index] = #name,
	SF_PROFILES(X)
#undef X
};
/* clang-format on */

const struct sf_field_row *sf_field_row(unsigned index)
{
	return index < FIELD_COUNT ? &rows[index] : NULL;
}

const struct sf_fields_group *sf_fields_group(unsigned index)
{
	return index < sizeof(groups) / sizeof(groups[0]) ? &groups[index] : NULL;
}

const struct sf_fields *sf_fields_profile(enum sf_profile profile)
{
	return &profiles[profile];
}

int sf_profile_find(const char *name)
{
	for (int i = 0; i < SF_PROFILE_COUNT; i++)
		if (!strcmp(profile_names[i], name))
			return i;
	return -1;
}

const char *sf_profile_name(enum sf_profile profile)
{
	return profile_names[profile];
}

uint64_t sf_fields_facts(const struct sf_fields *fields, uint64_t session)
{
	uint64_t facts = 0;

	for (unsigned i = 0; i < fields->count; i++) {
		const struct sf_field_item *item = &fields->items[i];

		/* records that name another flow have a flowId in any case */
		const bool paired = item->when & (SF_WHEN_OUTER_FLOW | SF_WHEN_INNER_FLOW);

		if (sf_field_is_possible(item, session))
			facts |= rows[item->field].facts & ~(paired ? SF_WANTS_FLOW_ID : 0);
	}
	return facts;
}

bool sf_field_folds(const struct sf_field_row *row)
{
	static const uint16_t ids[] = { SF_IE_octetDeltaCount, SF_IE_packetDeltaCount,
		SF_IE_deltaFlowCount, SF_IE_protocolIdentifier, SF_IE_tcpControlBits,
		SF_IE_sourceIPv4Address, SF_IE_destinationIPv4Address, SF_IE_sourceIPv6Address,
		SF_IE_destinationIPv6Address, SF_IE_sourceIPv4PrefixLength,
		SF_IE_destinationIPv4PrefixLength, SF_IE_sourceIPv6PrefixLength,
		SF_IE_destinationIPv6PrefixLength, SF_IE_ingressInterface, SF_IE_egressInterface,
		SF_IE_minimumTTL, SF_IE_maximumTTL, SF_IE_ipVersion, SF_IE_flowDirection,
		SF_IE_biflowDirection, SF_IE_flowEndReason, SF_IE_samplerId, SF_IE_selectorId,
		SF_IE_flowStartSysUpTime, SF_IE_flowEndSysUpTime, SF_IE_flowStartMilliseconds,
		SF_IE_flowEndMilliseconds, SF_IE_flowStartMicroseconds, SF_IE_flowEndMicroseconds,
		SF_IE_flowStartNanoseconds, SF_IE_flowEndNanoseconds };

	for (size_t i = 0; !row->pen && i < sizeof(ids) / sizeof(ids[0]); i++)
		if (row->id == ids[i])
			return true;
	return false;
}

unsigned sf_fields_row_of(const struct sf_fields *fields, unsigned i, uint64_t variant)
{
	const uint64_t lists = SF_WHEN_EXPERIMENTS_16 | SF_WHEN_EXPERIMENTS_32;

	return fields->items[i].field == FIELD_tcpOptionsFull && variant & fields->when & lists
		       ? FIELD_tcpOptionsNotShared
		       : fields->items[i].field;
}

/*
 * Adds an item: behind the same element, if the list has it, because
 * then a record has one of the two.
 */
static void add_item(struct sf_fields *fields, const struct sf_field_item *item)
{
	unsigned at = 0;

	while (at < fields->count &&
		!sf_field_is_element(&fields->items[at], item->field, item->reverse))
		at++;
	/* in all records: also in folded ones */
	if (fields->count == SF_FIELDS_MAX || (at < fields->count && fields->items[at].when == 0))
		return;
	at += at < fields->count;
	memmove(&fields->items[at + 1], &fields->items[at],
		(fields->count - at) * sizeof(fields->items[0]));
	fields->items[at] = *item;
	fields->count++;
	fields->when |= item->when;
}

void sf_fields_add_folded(struct sf_fields *fields)
{
	static const struct sf_field_item items[] = {
		{ SF_WHEN_FOLDED | SF_WHEN_IPV4, FIELD_sourceIPv4PrefixLength, false },
		{ SF_WHEN_FOLDED | SF_WHEN_IPV4, FIELD_destinationIPv4PrefixLength, false },
		{ SF_WHEN_FOLDED | SF_WHEN_IPV6, FIELD_sourceIPv6PrefixLength, false },
		{ SF_WHEN_FOLDED | SF_WHEN_IPV6, FIELD_destinationIPv6PrefixLength, false },
		{ SF_WHEN_FOLDED, FIELD_deltaFlowCount, false },
	};

	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
		add_item(fields, &items[i]);
}

uint64_t sf_app_when(const struct sf_flow *flow)
{
	uint64_t when = 0;

	for (unsigned d = 0; d < 2; d++) {
		const struct sf_app *app =
			(const struct sf_app *)(const void *)sf_fact_get_app(flow, d);

		if (app->kind == SF_APP_DNS)
			when |= SF_WHEN_DNS | (app->flags & SF_APP_ANSWER ? SF_WHEN_DNS_ANSWER : 0);
		if (app->kind == SF_APP_HTTP)
			when |= app->flags & SF_APP_ANSWER ? SF_WHEN_HTTP_ANSWER : SF_WHEN_HTTP;
		if (app->kind == SF_APP_SSH)
			when |= SF_WHEN_SSH;
		if (app->kind == SF_APP_TLS || app->kind == SF_APP_QUIC)
			when |= SF_WHEN_TLS | (app->flags & SF_APP_ANSWER ? SF_WHEN_TLS_ANSWER : 0);
		/* struct sf_application: its rank */
		if (app->kind || *sf_fact_get_application(flow, d))
			when |= SF_WHEN_APP;
	}
	return when;
}

static uint64_t mirror_when(const struct sf_flow *flow)
{
	struct sf_mirror_facts mirror;
	unsigned known = 0;

	for (unsigned d = 0; d < 2; d++) {
		memcpy(&mirror, sf_fact_get_mirror(flow, d), sizeof(mirror));
		known |= mirror.known;
	}
	return known ? SF_WHEN_MIRROR : 0;
}

/*
 * Of the record's own directions: a list says by its presence that its flow has such an option (RFC
 * 9740 §4.1), and the flow of a uniflow record is one direction.
 */
static uint64_t experiments_when(const struct sf_flow *flow, unsigned directions)
{
	const uint64_t set = (directions & 1 ? sf_fact_get_experiments(flow, 0) : 0) |
			     (directions & 2 ? sf_fact_get_experiments(flow, 1) : 0);

	return (set & 0xffff ? SF_WHEN_EXPERIMENTS_16 : 0) |
	       (set >> 16 ? SF_WHEN_EXPERIMENTS_32 : 0);
}

uint64_t sf_facts_when(const struct sf_flow *flow, unsigned directions)
{
	const uint64_t facts = flow->annex->layout->facts;

	return (facts & SF_FACT_SET(mirror) ? mirror_when(flow) : 0) |
	       (facts & SF_FACT_SET(experiments) ? experiments_when(flow, directions) : 0);
}

void sf_when_text(uint64_t when, char *text, size_t size)
{
	static const struct {
		uint64_t when;
		const char *words;
	} words[] = {
		{ SF_WHEN_IPV4, "IPv4" },
		{ SF_WHEN_IPV6, "IPv6" },
		{ SF_WHEN_ICMP, "ICMP" },
		{ SF_WHEN_NOT_ICMP, "not ICMP" },
		{ SF_WHEN_TWO_WAY, "both directions" },
		{ SF_WHEN_BIFLOW, "biflow=yes" },
		{ SF_WHEN_FOLDED, "folded" },
		{ SF_WHEN_VLAN, "tagged" },
		{ SF_WHEN_CVLAN, "double tagged" },
		{ SF_WHEN_MPLS, "MPLS" },
		{ SF_WHEN_MAC, "MAC known" },
		{ SF_WHEN_LABEL, "flow label known" },
		{ SF_WHEN_TCP, "TCP" },
		{ SF_WHEN_TUNNEL, "in a tunnel" },
		{ SF_WHEN_TUNNEL_IPV4, "in a tunnel over IPv4" },
		{ SF_WHEN_TUNNEL_IPV6, "in a tunnel over IPv6" },
		{ SF_WHEN_GRE_KEY, "in GRE with a key" },
		{ SF_WHEN_SEGMENT, "in VXLAN or NVGRE" },
		{ SF_WHEN_TEID, "in GTP-U" },
		{ SF_WHEN_MIRROR, "that a mirror describes" },
		{ SF_WHEN_EXPERIMENTS_16, "with such experiments" },
		{ SF_WHEN_EXPERIMENTS_32, "with such experiments" },
		{ SF_WHEN_APP, "payload known" },
		{ SF_WHEN_DNS, "DNS" },
		{ SF_WHEN_DNS_ANSWER, "DNS with a response" },
		{ SF_WHEN_OUTER_FLOW, "inside a metered tunnel" },
		{ SF_WHEN_INNER_FLOW, "around metered packets" },
		{ SF_WHEN_TLS, "TLS" },
		{ SF_WHEN_HTTP, "HTTP" },
		{ SF_WHEN_HTTP_ANSWER, "HTTP with a response" },
		{ SF_WHEN_SSH, "SSH" },
		{ SF_WHEN_TLS_ANSWER, "TLS with a server's hello" },
		{ SF_WHEN_MS, "time=ms" },
		{ SF_WHEN_US, "time=us" },
		{ SF_WHEN_NS, "time=ns" },
		{ SF_WHEN_UPTIME, "netflow9" },
		{ SF_WHEN_IPFIX, "ipfix" },
		{ SF_WHEN_NETWORK, "collector" },
		{ SF_WHEN_AS, "--enrich: AS numbers" },
		{ SF_WHEN_HOP, "--enrich: next hops" },
		{ SF_WHEN_BGP_HOP, "--enrich: BGP next hops" },
		{ SF_WHEN_MASK, "--enrich: prefix lengths" },
		{ SF_WHEN_COUNTRY, "--enrich: countries" },
		{ SF_WHEN_INTERFACES, "--interface-map or --egress" },
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
