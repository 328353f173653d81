/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Templates (RFC 7011 §3.4.1, RFC 3954 §5.2): which fields a data record has, made from a list
 * of fields, and the encoder that writes such a record.
 *
 * A template belongs to a list of fields and to a variant, which is a set of conditions
 * (SF_WHEN_…). The records of one session differ in few of them: sf_record_when() finds those, and
 * variant.h the template that is made when the first such record comes.
 */
#ifndef SPANFLOW_ENCODE_TEMPLATE_H
#define SPANFLOW_ENCODE_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/packet.h>

#include "base/branch.h"
#include "encode/fields.h"

#define SF_SAMPLER_ID 1 /* the one sampler of a process: options record and data records */

/* What encoders need beside the record. */
struct sf_encode_context {
	int64_t boot_ms;                    /* ms since 1970 at which sysUptime was 0 */
	const struct sf_extra_batch *extra; /* of the flows that are encoded; NULL: none */
	/*
	 * YES: all records are ICMP with a type; NO: none is;
	 * UNKNOWN: each flow has to be looked at
	 */
	enum { SF_ICMP_TYPE_UNKNOWN, SF_ICMP_TYPE_NO, SF_ICMP_TYPE_YES } icmp_type;
	uint8_t ip_version; /* of all records; 0: each flow has to be looked at */
};

/* The records that are being put and what the enricher gave for them. */
struct sf_extra_batch {
	const struct sf_flow *flows;
	uint32_t gives; /* SF_EXTRA_… */
	struct sf_extra extra[SF_BATCH_MAX];
};

/* What the enricher gave for a flow of the batch; zeros without one. */
extern const struct sf_extra sf_extra_none;
static sf_always_inline const struct sf_extra *sf_extra_of(
	const struct sf_flow *flow, const struct sf_encode_context *context)
{
	return context->extra ? &context->extra->extra[flow - context->extra->flows]
			      : &sf_extra_none;
}

/* Field specifier of a template record. */
struct sf_spec {
	uint32_t pen;
	uint16_t id;     /* information element or NetFlow v9 field type */
	uint16_t length; /* bytes, or SF_LENGTH_VARIABLE */
};

/*
 * Stores one field of direction `d` of `count` flows, the first at
 * p, each `stride` bytes further.
 */
typedef void (*sf_store_run)(uint8_t *p, size_t stride, const struct sf_flow *flows, unsigned count,
	unsigned d, const struct sf_encode_context *context);

/* Of each row of fields.def: for IPFIX, for NetFlow v9. */
extern const sf_store_run sf_field_runs[][2];

struct sf_template;
typedef uint8_t *(*sf_encode)(const struct sf_template *template, uint8_t *p,
	const struct sf_flow *flows, unsigned count, unsigned leading,
	const struct sf_encode_context *context);

/* Enough for every field of fields.def in both directions: template.c checks it. */
#define SF_TEMPLATE_FIELDS_MAX 512
#define SF_RECORD_MAX          4608 /* bytes */

struct sf_template {
	/* per record */
	sf_encode encode;
	uint16_t record_length; /* bytes; of the longest record, if `variable` */
	uint16_t record_least;  /* of the shortest record */
	bool variable;
	uint16_t field_count;
	/* per template set */
	uint16_t id;
	uint64_t variant; /* all conditions that hold: session and record */
	struct sf_spec specs[SF_TEMPLATE_FIELDS_MAX];
	struct {
		sf_store_run run;
		uint16_t store;  /* for one flow: a case of encode_one() */
		uint16_t offset; /* in the record */
		bool reverse;
	} steps[SF_TEMPLATE_FIELDS_MAX];
};

/*
 * Fills `template` for records that meet the conditions `when` (of SF_WHEN_RECORD). `session`: the
 * conditions that hold for all records of the session (time, protocol, BIFLOW, NETWORK, EXTRA).
 */
void sf_template_init(struct sf_template *template, const struct sf_fields *fields,
	uint64_t session, uint64_t when);

/* Two templates with the same fields in the same order. */
bool sf_template_is_same(const struct sf_template *one, const struct sf_template *other);

/* The next id to try for a template, if another template of the stream has `id`. */
uint16_t sf_template_next_id(uint16_t id);

/*
 * Writes the data records of `count` flows of the template's variant to p: for each flow and each
 * bit d of `leading` a record whose forward direction is d. There must be room for
 * template->record_length bytes for each record. Returns the end of the last one.
 */
static inline uint8_t *sf_template_encode(const struct sf_template *template, uint8_t *p,
	const struct sf_flow *flows, unsigned count, unsigned leading,
	const struct sf_encode_context *context)
{
	return template->encode(template, p, flows, count, leading, context);
}

/* The encoder of templates that have no built-in one: works for any template, and is slower. */
uint8_t *sf_template_encode_plan(const struct sf_template *template, uint8_t *p,
	const struct sf_flow *flows, unsigned count, unsigned leading,
	const struct sf_encode_context *context);

#endif
