/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside of options data (RFC 7011 §4, RFC 3954 §6): options.c has the table of kinds,
 * options_data.c and options_elements.c write their records. A new kind is a value of `enum
 * sf_options_kind_id` (at the end: template ids stay what they were), a row of the table and a
 * function that writes its records.
 */
#ifndef SPANFLOW_EXPORT_OPTIONS_H
#define SPANFLOW_EXPORT_OPTIONS_H

#include "export/session.h"

/* The order gives the template ids: append only. */
enum sf_options_kind_id {
	SF_KIND_SAMPLER,
	SF_KIND_EXPORTED,
	SF_KIND_IGNORED,
	SF_KIND_NOT_SENT,
	SF_KIND_INTERFACE,
	SF_KIND_START,
	SF_KIND_INTERFACE_SPEED,
	SF_KIND_SELECTOR,
	SF_KIND_RANDOM_SELECTOR,
	SF_KIND_FLOW_KEY,
	SF_KIND_ELEMENT,
	SF_KIND_ANONYMIZED,
	SF_KIND_TIME_SELECTOR,
	SF_KIND_UNIFORM_SELECTOR,
	SF_KIND_HASH_SELECTOR,
	SF_KIND_FLOW_SELECTOR,
	SF_KIND_TIMEOUTS,
	SF_KIND_APPLICATION,
	SF_KIND_APPLICATION_V9,
	SF_KIND_COUNT
};

#define SF_EXPORTING_PROCESS_ID 1

/* Bytes of an interface's name and description in options data. */
#define SF_OPTIONS_NAME        32
#define SF_OPTIONS_DESCRIPTION 64

#define SF_OPTIONS_SPECS 10

struct sf_options_kind {
	uint32_t group; /* SF_OPTIONS() */
	/* scope field type of NetFlow v9; 0: NetFlow v9 does not have the kind */
	uint16_t v9_scope;
	bool at_start;  /* known from the start; the others are totals, in files at the end */
	uint8_t scopes; /* the first specs are scopes */
	uint8_t count;  /* of specs */
	struct sf_spec specs[SF_OPTIONS_SPECS];
	bool (*applies)(const struct sf_control *control); /* NULL: always */
	void (*put)(struct sf_control *control);           /* writes all records */
};

static inline bool sf_control_is_ipfix(const struct sf_control *control)
{
	return control->session->options.dialect == &sf_ipfix;
}

/* ---- options.c */

extern const struct sf_options_kind sf_options_kinds[SF_KIND_COUNT];

/* The id of its options template. */
uint16_t sf_options_id(enum sf_options_kind_id kind);

/* How packets are sampled; every packet is COUNT, 1 of 1. */
struct sf_sampling sf_options_sampling(const struct sf_control *control);

/* The session sends this kind. */
bool sf_options_has(const struct sf_control *control, enum sf_options_kind_id kind);

/* Writes a record of numbers, each in the bytes that the kind's specs say. */
void sf_options_numbers(
	struct sf_control *control, enum sf_options_kind_id kind, const uint64_t *values);

/* ---- options_data.c: what the process and its surroundings are */

void sf_options_put_sampler(struct sf_control *control);
void sf_options_put_count_selector(struct sf_control *control);
void sf_options_put_time_selector(struct sf_control *control);
void sf_options_put_uniform_selector(struct sf_control *control);
void sf_options_put_hash_selector(struct sf_control *control);
void sf_options_put_flow_selector(struct sf_control *control);
void sf_options_put_random_selector(struct sf_control *control);
void sf_options_put_exported(struct sf_control *control);
void sf_options_put_ignored(struct sf_control *control);
void sf_options_put_not_sent(struct sf_control *control);
void sf_options_put_interfaces(struct sf_control *control);
void sf_options_put_start(struct sf_control *control);
void sf_options_put_timeouts(struct sf_control *control);

/* ---- options_elements.c: what templates and elements mean */

void sf_options_put_flow_keys(struct sf_control *control);
void sf_options_put_elements(struct sf_control *control);
void sf_options_put_anonymized(struct sf_control *control);

void sf_options_put_applications(struct sf_control *control);

/* Some template of the session has applications that a classifier names. */
bool sf_options_has_applications(const struct sf_control *control);

/* Some template of the session has an element of spanflow's own. */
bool sf_options_has_own_elements(const struct sf_control *control);

#endif
