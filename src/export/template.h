/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Templates (RFC 7011 §3.4.1, RFC 3954 §5.2): which fields a data record has, made from the lists
 * in profiles.def, and the encoder that writes such a record.
 *
 * A template belongs to a profile and to a variant: a set of conditions (enum sf_when). The
 * records of one session differ in few of them; those make up the key of a record, so that
 * sf_record_key() finds a record's template without looking at lists.
 */
#ifndef SPANFLOW_EXPORT_TEMPLATE_H
#define SPANFLOW_EXPORT_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/field.h>
#include <spanflow/flow.h>

#define SF_SAMPLER_ID 1 /* the one sampler of a process: options record and data records */

/* Conditions of profiles.def. */
enum sf_when {
	SF_WHEN_IPV4 = 1 << 0,
	SF_WHEN_IPV6 = 1 << 1,
	SF_WHEN_ICMP = 1 << 2,
	SF_WHEN_NOT_ICMP = 1 << 3,
	SF_WHEN_TWO_WAY = 1 << 4, /* biflow with packets in both directions */
	SF_WHEN_BIFLOW = 1 << 5,  /* biflows are exported */
	SF_WHEN_MAC = SF_HAS_MAC << 8,
	SF_WHEN_MPLS = SF_HAS_MPLS << 8,
	SF_WHEN_VLAN = SF_HAS_VLAN << 8,
	SF_WHEN_CVLAN = SF_HAS_CVLAN << 8,
	SF_WHEN_LABEL = SF_HAS_FLOW_LABEL << 8,
	SF_WHEN_MS = 1 << 16, /* resolution of times: ms, µs, ns since 1970, or system uptime */
	SF_WHEN_US = 1 << 17,
	SF_WHEN_NS = 1 << 18,
	SF_WHEN_UPTIME = 1 << 19,
	SF_WHEN_IPFIX = 1 << 20,
	SF_WHEN_NETFLOW9 = 1 << 21,
	SF_WHEN_NETWORK = 1 << 22, /* sent to a collector, not written to a file or as text */
};

#define SF_WHEN_HAS (SF_WHEN_MAC | SF_WHEN_MPLS | SF_WHEN_VLAN | SF_WHEN_CVLAN | SF_WHEN_LABEL)

enum sf_profile { SF_PROFILE_DEFAULT, SF_PROFILE_PLAIN, SF_PROFILE_EXTENDED, SF_PROFILE_COUNT };

/* What encoders need beside the record. */
struct sf_encode_context {
	int64_t boot_ms; /* ms since 1970 at which sysUptime was 0 */
};

/* Field specifier of a template record. */
struct sf_spec {
	uint32_t pen;
	uint16_t id; /* information element or NetFlow v9 field type */
	uint16_t length;
};

/* Stores one field of direction `d` at p, returns the next position. */
typedef uint8_t *(*sf_store)(uint8_t *p, const struct sf_flow *flow, unsigned d,
	const struct sf_encode_context *context);

struct sf_template;
typedef uint8_t *(*sf_encode)(const struct sf_template *template, uint8_t *p,
	const struct sf_flow *flows, unsigned count, unsigned leading,
	const struct sf_encode_context *context);

#define SF_TEMPLATE_FIELDS_MAX 64
#define SF_RECORD_MAX          512

struct sf_template {
	/* per record */
	sf_encode encode;
	uint16_t record_length;
	uint16_t field_count;
	/* per template set */
	uint16_t id;
	uint32_t variant;
	struct sf_spec specs[SF_TEMPLATE_FIELDS_MAX];
	struct {
		sf_store store;
		bool reverse;
	} steps[SF_TEMPLATE_FIELDS_MAX];
};

/* Keys: everything in which the records of one session may differ. */
#define SF_KEY_COUNT 512

/*
 * `has` is masked by what the profile asks for (sf_profile_when() >> 8). What this looks at is what
 * measure_run() in session.c compares.
 */
static inline unsigned sf_record_key(const struct sf_flow *flow, uint8_t has_mask, bool two_way)
{
	return (flow->ip_version == 6) | (unsigned)sf_flow_has_icmp_type(flow) << 1 |
	       (unsigned)two_way << 2 | (unsigned)(flow->has & has_mask) << 4;
}

/* All conditions a profile asks for anywhere. */
uint32_t sf_profile_when(enum sf_profile profile);

/* SF_HAS_… of the optional facts that some template of the profile tells. */
uint8_t sf_profile_facts(enum sf_profile profile);

/* Do templates of the profile have flowId under these conditions? */
bool sf_profile_has_flow_id(enum sf_profile profile, uint32_t session);

/* The profile of that name, or -1. */
int sf_profile_find(const char *name);
const char *sf_profile_name(enum sf_profile profile);

/*
 * Fills `template` for the records of `key`. `session` are the conditions that hold for all of
 * them: time, protocol, BIFLOW, NETWORK. The template id follows from profile, key and session, so
 * a restart with other options never gives a known id another meaning.
 */
void sf_template_init(
	struct sf_template *template, enum sf_profile profile, uint32_t session, unsigned key);

/*
 * Writes the data records of `count` flows, all of the template's key: of each flow one for each
 * bit d of `leading`, which direction d leads. Returns where they end; the room is
 * template->record_length for each.
 */
static inline uint8_t *sf_template_encode(const struct sf_template *template, uint8_t *p,
	const struct sf_flow *flows, unsigned count, unsigned leading,
	const struct sf_encode_context *context)
{
	return template->encode(template, p, flows, count, leading, context);
}

/* Slow but general encoder: one call per field. What `encode` is for non-built-in templates. */
uint8_t *sf_template_encode_plan(const struct sf_template *template, uint8_t *p,
	const struct sf_flow *flows, unsigned count, unsigned leading,
	const struct sf_encode_context *context);

/* A row of fields.def. */
struct sf_field_row {
	const char *name;
	uint32_t pen;
	uint16_t id;
	uint16_t v9_id; /* 0: none */
	uint8_t length, v9_length;
	uint8_t has;
};

/* Rows of fields.def in order; NULL past the end. */
const struct sf_field_row *sf_field_row(unsigned index);

/* Calls `visit` for each field of a profile with the conditions it needs (sf_when bits). */
void sf_profile_walk(enum sf_profile profile,
	void (*visit)(void *context, const struct sf_field_row *row, bool reverse, uint32_t when),
	void *context);

/* The conditions in words: "IPv6, ICMP"; "" for none. */
void sf_when_text(uint32_t when, char *text, size_t size);

#endif
