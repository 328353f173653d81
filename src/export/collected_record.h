/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A collected record as a record of an IPFIX file: its fields as they
 * came, and where they came from.
 *
 *	sf_collected_record_fill(&record, &collected);
 *	record.specs, record.count, record.scope_count		its template
 *	p = sf_collected_record_write(&record, p);		its data: record.length bytes
 *
 * NetFlow v9 has field types that are no IPFIX elements, of 32768 and above: they become elements
 * of the enterprise SF_PEN_NETFLOW9, whose numbers are less by 32768.
 */
#ifndef SPANFLOW_EXPORT_COLLECTED_RECORD_H
#define SPANFLOW_EXPORT_COLLECTED_RECORD_H

#include <spanflow/collect.h>

#include "encode/template.h"

#define SF_COLLECTED_SPECS_MAX (SF_COLLECT_FIELDS_MAX + 8) /* of a record, with its origin */

struct sf_collected_record {
	struct sf_spec specs[SF_COLLECTED_SPECS_MAX];
	const struct sf_field_value *fields[SF_COLLECTED_SPECS_MAX]; /* of the collected record */
	unsigned count, scope_count;
	size_t length; /* in bytes */
};

/*
 * Fills in the fields of the collected record, then its origin. Options records of NetFlow v9 may
 * have no scope, which IPFIX does not allow: then the origin comes first and is the scope, because
 * such options are those of the whole exporter. `from` has to live as long as the record is used.
 */
void sf_collected_record_fill(struct sf_collected_record *record, const struct sf_collected *from);

/* Writes the record at p, which has room for record->length bytes. Returns its end. */
uint8_t *sf_collected_record_write(const struct sf_collected_record *record, uint8_t *p);

/* A hash of the observation domain and of all that a template says of the record. */
uint32_t sf_collected_record_hash(const struct sf_collected_record *record, uint32_t domain);

#endif
