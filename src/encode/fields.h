/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fields and lists of fields. fields.def says what each field is; a list says which fields the
 * records of a destination have, and under which conditions. The profiles of profiles.def are
 * lists; a user writes others (`--fields`, `,fields=`).
 *
 *	struct sf_fields fields = *sf_fields_profile(SF_PROFILE_DEFAULT);
 *
 *	fields.items[0]         sourceIPv4Address, in templates with SF_WHEN_IPV4
 *	sf_fields_facts(…)      what the meter has to gather for them
 */
#ifndef SPANFLOW_ENCODE_FIELDS_H
#define SPANFLOW_ENCODE_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/enrich.h>
#include <spanflow/error.h>
#include <spanflow/field.h>
#include <spanflow/flow.h>

#include "base/annex.h"
#include "base/branch.h"

/*
 * Conditions. Those of a record are SF_WHEN_RECORD: sf_record_when() finds them. The others hold
 * for all records of a session, or for none.
 */
#define SF_WHEN_IPV4     UINT64_C(0x000001)
#define SF_WHEN_IPV6     UINT64_C(0x000002)
#define SF_WHEN_NOT_ICMP UINT64_C(0x000004)
#define SF_WHEN_ICMP     UINT64_C(0x000008)
#define SF_WHEN_TWO_WAY  UINT64_C(0x000010) /* biflow with packets in both directions */
#define SF_WHEN_BIFLOW   UINT64_C(0x000020) /* biflows are exported */
#define SF_WHEN_FOLDED   UINT64_C(0x000040) /* a folded record: flow->folded */
/* `has` of a flow takes the bits 0x000100 … 0x800000 */
#define SF_WHEN_MAC         ((uint64_t)SF_HAS_MAC << 8)
#define SF_WHEN_MPLS        ((uint64_t)SF_HAS_MPLS << 8)
#define SF_WHEN_VLAN        ((uint64_t)SF_HAS_VLAN << 8)
#define SF_WHEN_CVLAN       ((uint64_t)SF_HAS_CVLAN << 8)
#define SF_WHEN_LABEL       ((uint64_t)SF_HAS_FLOW_LABEL << 8)
#define SF_WHEN_TUNNEL      ((uint64_t)SF_HAS_TUNNEL << 8)
#define SF_WHEN_TUNNEL_IPV4 ((uint64_t)SF_HAS_TUNNEL_IPV4 << 8)
#define SF_WHEN_TUNNEL_IPV6 ((uint64_t)SF_HAS_TUNNEL_IPV6 << 8)
#define SF_WHEN_GRE_KEY     ((uint64_t)SF_HAS_GRE_KEY << 8)
#define SF_WHEN_SEGMENT     ((uint64_t)SF_HAS_SEGMENT << 8)
#define SF_WHEN_TEID        ((uint64_t)SF_HAS_TEID << 8)
#define SF_WHEN_TCP         ((uint64_t)SF_HAS_TCP << 8)
#define SF_WHEN_OUTER_FLOW  ((uint64_t)SF_HAS_OUTER_FLOW << 8)
#define SF_WHEN_INNER_FLOW  ((uint64_t)SF_HAS_INNER_FLOW << 8)
#define SF_WHEN_MIRROR      UINT64_C(0x0001000000) /* a mirror says something of the packets */
/* Shared TCP options with experiments of base/experiments.h, by the bytes of the identifier. */
#define SF_WHEN_EXPERIMENTS_16 UINT64_C(0x0002000000)
#define SF_WHEN_EXPERIMENTS_32 UINT64_C(0x0004000000)
/* times: ms, µs, ns since 1970, or system uptime */
#define SF_WHEN_MS       UINT64_C(0x0100000000)
#define SF_WHEN_US       UINT64_C(0x0200000000)
#define SF_WHEN_NS       UINT64_C(0x0400000000)
#define SF_WHEN_UPTIME   UINT64_C(0x0800000000)
#define SF_WHEN_IPFIX    UINT64_C(0x1000000000)
#define SF_WHEN_NETFLOW9 UINT64_C(0x2000000000)
/* sent to a collector, not to a file or as text */
#define SF_WHEN_NETWORK UINT64_C(0x4000000000)

/* What the payload of the record's packets said (base/app.h). */
#define SF_WHEN_DNS         UINT64_C(0x010000000000)
#define SF_WHEN_DNS_ANSWER  UINT64_C(0x020000000000)
#define SF_WHEN_TLS         UINT64_C(0x040000000000) /* QUIC too */
#define SF_WHEN_TLS_ANSWER  UINT64_C(0x080000000000)
#define SF_WHEN_HTTP        UINT64_C(0x100000000000) /* a request */
#define SF_WHEN_HTTP_ANSWER UINT64_C(0x200000000000)
#define SF_WHEN_SSH         UINT64_C(0x400000000000)
#define SF_WHEN_APP         UINT64_C(0x800000000000) /* any of these, or a classifier named it */
#define SF_WHEN_READ        UINT64_C(0xff0000000000) /* all of these */

/* The enricher gives it: SF_EXTRA_…. */
#define SF_WHEN_EXTRA_OF(gives) ((uint64_t)(gives) << 48)
#define SF_WHEN_EXTRA           SF_WHEN_EXTRA_OF(0xffff)
#define SF_WHEN_AS              SF_WHEN_EXTRA_OF(SF_EXTRA_AS)
#define SF_WHEN_HOP             SF_WHEN_EXTRA_OF(SF_EXTRA_NEXT_HOP)
#define SF_WHEN_BGP_HOP         SF_WHEN_EXTRA_OF(SF_EXTRA_BGP_NEXT_HOP)
#define SF_WHEN_MASK            SF_WHEN_EXTRA_OF(SF_EXTRA_PREFIX_LENGTH)
#define SF_WHEN_COUNTRY         SF_WHEN_EXTRA_OF(SF_EXTRA_COUNTRY)
#define SF_WHEN_INTERFACES      SF_WHEN_EXTRA_OF(SF_EXTRA_INTERFACES)

#define SF_WHEN_HAS                                                                                \
	(SF_WHEN_MAC | SF_WHEN_MPLS | SF_WHEN_VLAN | SF_WHEN_CVLAN | SF_WHEN_LABEL |               \
		SF_WHEN_TUNNEL | SF_WHEN_TUNNEL_IPV4 | SF_WHEN_TUNNEL_IPV6 | SF_WHEN_GRE_KEY |     \
		SF_WHEN_SEGMENT | SF_WHEN_TEID | SF_WHEN_TCP | SF_WHEN_OUTER_FLOW |                \
		SF_WHEN_INNER_FLOW)
/* What may hold for one direction of a flow alone: its uniflow records may differ in that. */
#define SF_WHEN_ONE_WAY (SF_WHEN_EXPERIMENTS_16 | SF_WHEN_EXPERIMENTS_32)
/* What the values of a record's facts say; and its facts, with the conditions that `has` tells. */
#define SF_WHEN_SAID  (SF_WHEN_READ | SF_WHEN_MIRROR | SF_WHEN_ONE_WAY)
#define SF_WHEN_FACTS (SF_WHEN_HAS | SF_WHEN_SAID)
#define SF_WHEN_RECORD                                                                             \
	(SF_WHEN_IPV4 | SF_WHEN_IPV6 | SF_WHEN_ICMP | SF_WHEN_NOT_ICMP | SF_WHEN_TWO_WAY |         \
		SF_WHEN_FACTS | SF_WHEN_FOLDED)

/* What the payload of a record with SF_HAS_APP said: of SF_WHEN_READ. */
uint64_t sf_app_when(const struct sf_flow *flow);

/* What the values of these facts say, of a record of these directions with one of them. */
#define SF_FACTS_THAT_SAY (SF_FACT_SET(mirror) | SF_FACT_SET(experiments))
uint64_t sf_facts_when(const struct sf_flow *flow, unsigned directions);

/*
 * What the values of a record's facts say, of SF_WHEN_SAID: `has` of the flow does not tell it.
 * `directions` (bit d: half[d]): those that the record is of.
 */
static inline uint64_t sf_said_when(const struct sf_flow *flow, unsigned directions)
{
	return (sf_unlikely(flow->has & SF_HAS_APP) ? sf_app_when(flow) : 0) |
	       (sf_unlikely(flow->annex && flow->annex->layout->facts & SF_FACTS_THAT_SAY)
			       ? sf_facts_when(flow, directions)
			       : 0);
}

/*
 * Everything in which the records of one session may differ. `directions`: those that the record is
 * of, 3 for a biflow that has both.
 */
static inline uint64_t sf_record_when(const struct sf_flow *flow, unsigned directions)
{
	return SF_WHEN_IPV4 << (flow->ip_version == 6) |
	       SF_WHEN_NOT_ICMP << sf_flow_has_icmp_type(flow) |
	       (directions == 3 ? SF_WHEN_TWO_WAY : 0) | (uint64_t)flow->has << 8 |
	       (sf_unlikely(flow->folded) ? SF_WHEN_FOLDED : 0) | sf_said_when(flow, directions);
}

enum sf_profile { SF_PROFILE_DEFAULT, SF_PROFILE_PLAIN, SF_PROFILE_EXTENDED, SF_PROFILE_COUNT };

/* One row of fields.def. */
struct sf_field_row {
	const char *name, *help;
	uint64_t when;
	uint32_t pen;
	uint16_t id;
	uint16_t v9_id; /* 0: none */
	uint8_t length, v9_length;
	/*
	 * bytes in front of a value that tell how many it has, of which `length`
	 * is the most; 0: always `length`
	 */
	uint8_t prefix;
	uint64_t facts; /* that the meter gathers on request: a set, SF_WANTS_FLOW_ID */
	bool each;      /* each direction has its own value */
};

/* The information element of a field, or its reverse element. */
static inline uint32_t sf_field_pen(const struct sf_field_row *row, bool reverse)
{
	return reverse && !row->pen ? SF_PEN_REVERSE : row->pen;
}

static inline uint16_t sf_field_id(const struct sf_field_row *row, bool reverse)
{
	return reverse && row->pen ? row->id | SF_REVERSE_BIT : row->id;
}

/* A field of a list. */
struct sf_field_item {
	uint64_t when;  /* conditions that must all hold */
	uint16_t field; /* index of its row */
	bool reverse;   /* of the other direction */
};

#define SF_FIELDS_MAX 512

struct sf_fields {
	int profile;    /* enum sf_profile, or -1: the user's own list */
	unsigned count; /* of items */
	uint64_t when;  /* all conditions that some item has */
	struct sf_field_item items[SF_FIELDS_MAX];
};

/* Rows of fields.def in order; NULL past the end. */
const struct sf_field_row *sf_field_row(unsigned index);

/*
 * Lists of what belongs together, "dns" for instance, which name no
 * key: for lists of fields only.
 */
struct sf_fields_group {
	const char *name, *help;
	struct sf_fields fields;
};

/* The groups in order; NULL past the end. */
const struct sf_fields_group *sf_fields_group(unsigned index);

/* The list of a profile; static storage. */
const struct sf_fields *sf_fields_profile(enum sf_profile profile);

/* The profile of that name, or -1. */
int sf_profile_find(const char *name);
const char *sf_profile_name(enum sf_profile profile);

/*
 * Whether the item is the element of that row, or with `reverse` its reverse
 * element. Rows may share an element.
 */
static inline bool sf_field_is_element(
	const struct sf_field_item *item, unsigned field, bool reverse)
{
	const struct sf_field_row *row = sf_field_row(item->field), *other = sf_field_row(field);

	return item->reverse == reverse && row->id == other->id && row->pen == other->pen;
}

/*
 * The row whose value records have in place of that row's. RFC 9740 §4.1: beside a list of
 * experiments (`variant`), tcpOptionsFull has no bits for the options that the list tells of.
 */
unsigned sf_fields_row_of(const struct sf_fields *fields, unsigned i, uint64_t variant);

/*
 * Item i is the same element as the item before it: a profile has it
 * twice, under different conditions.
 */
static inline bool sf_fields_repeats(const struct sf_fields *fields, unsigned i)
{
	const struct sf_field_item *item = &fields->items[i];

	return i > 0 && sf_field_is_element(&item[-1], item->field, item->reverse);
}

/* Folded records have the field: it is told of many flows as well as of one. */
bool sf_field_folds(const struct sf_field_row *row);

/*
 * Records of this variant have item i: its conditions hold, and the
 * element does not stand before it.
 */
static inline bool sf_fields_has(const struct sf_fields *fields, unsigned i, uint64_t variant)
{
	const struct sf_field_item *item = &fields->items[i];

	return (variant & item->when) == item->when &&
	       (!(variant & SF_WHEN_FOLDED) || sf_field_folds(sf_field_row(item->field))) &&
	       !(sf_fields_repeats(fields, i) && (variant & item[-1].when) == item[-1].when);
}

/* The item may be in templates of a session with these conditions. */
static inline bool sf_field_is_possible(const struct sf_field_item *item, uint64_t session)
{
	if (item->when & SF_WHEN_TWO_WAY && !(session & SF_WHEN_BIFLOW))
		return false;
	return !(item->when & ~SF_WHEN_RECORD & ~session);
}

/*
 * Adds what tells folded records from others, for those records: how many
 * flows, and lengths of prefixes.
 */
void sf_fields_add_folded(struct sf_fields *fields);

/* What the meter must gather for such a session: as sf_exporter_wants(). */
uint64_t sf_fields_facts(const struct sf_fields *fields, uint64_t session);

/*
 * Fills `fields` with the fields that `list` names, for a destination whose records all meet the
 * conditions `session`. A list has names of fields, "reverse…" names of reverse elements, groups
 * and the profiles as groups, each behind a sign:
 *
 *	sourceIPv4Address,octetDeltaCount   these (+ means the same as a comma)
 *	default+minimumTTL-vlanId           a profile, one field more, one less
 *	+minimumTTL                         `base` and one field more
 *	+headers                            `base` and those fields of a group that the destination
 *	                                    can have
 *
 * A field with a value for each direction comes with its reverse element where biflows are
 * exported. What a destination cannot have is an error (SF_EUSAGE), or, if `left_out` is not NULL,
 * left out: its name and why are written there. `what` begins the texts of errors.
 */
#define SF_LEFT_OUT_MAX 200
int sf_fields_choose(struct sf_fields *fields, const char *list, const struct sf_fields *base,
	uint64_t session, char *left_out, const char *what, struct sf_error *error);

/* The conditions in words: "IPv6, ICMP"; "" for none. */
void sf_when_text(uint64_t when, char *text, size_t size);

#endif
