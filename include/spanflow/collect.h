/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A collecting process (RFC 7011 §9): decodes NetFlow v5, NetFlow v9 and IPFIX messages and IPFIX
 * files. Keeps templates per exporter and observation domain, and counts sequence gaps. Every
 * octet is checked; a malformed message is refused as a whole from the first bad octet on and
 * counted. All calls on one object come from one thread.
 */
#ifndef SPANFLOW_COLLECT_H
#define SPANFLOW_COLLECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <spanflow/error.h>
#include <spanflow/field.h>
#include <spanflow/flow.h>

/* Most fields of one record that are handed over; a template with more is refused by name. */
#define SF_COLLECT_FIELDS_MAX 512

/* One data record, lent for the time of the callback. */
struct sf_collected {
	const char *exporter;   /* "192.0.2.1:40000", or the file's name */
	uint32_t domain;        /* observation domain, source id, or engine type << 8 | engine id */
	uint16_t version;       /* 5, 9 or 10 */
	uint16_t template_id;   /* 0 for v5 */
	int64_t export_time_ns; /* of the message */
	bool options;           /* an options record: fields[0 … scope_count-1] are its scope */
	unsigned scope_count;
	unsigned field_count;
	/*
	 * As on the wire, in order, but for v9 scopes, which are the IPFIX element, and times
	 * relative to the message (uptimes, microseconds before the export time): the absolute
	 * element, where `flow` has its time from them. Beside a better time they stay as they are,
	 * as do uptimes of an exporter that has not said when it started.
	 */
	const struct sf_field_value *fields;
	/*
	 * The same as a flow record: known elements filled in, unknown ones left out; all zero for
	 * an options record. A uniflow has half[1].packets == 0. Without any time it has the export
	 * time.
	 */
	struct sf_flow flow;
};

struct sf_collector_options {
	/* called for each data record, in order of arrival */
	void (*record)(void *context, const struct sf_collected *record);
	void *context;
	/*
	 * Most templates, and most exporter × domain pairs; 0: 65536. Beyond it new ones are
	 * refused and counted. All templates together have at most 64 times as many fields.
	 */
	unsigned max_templates;
};

struct sf_collector_stats {
	uint64_t messages;
	uint64_t records;          /* data records, options data included */
	uint64_t options_records;  /* of them */
	uint64_t templates;        /* template records learnt, repetitions included */
	uint64_t packets, octets;  /* summed over flow records, both directions */
	uint64_t malformed;        /* messages refused */
	uint64_t missing_template; /* data sets without their template */
	uint64_t unknown_sets;     /* sets with a reserved id, passed over: RFC 7011 §3.3.2 */
	uint64_t sequence_gaps;    /* times the sequence number was not the expected one */
	uint64_t sequence_lost;    /* records (v5, IPFIX) or messages (v9) that it says are lost */
	uint64_t unknown_version;
	uint64_t templates_refused;   /* too many fields, none, no scope, or no room */
	uint64_t withdrawals_ignored; /* over UDP: RFC 7011 §8.4 */
};

struct sf_collector;

int sf_collector_new(struct sf_collector **collector, const struct sf_collector_options *options,
	struct sf_error *error);
void sf_collector_free(struct sf_collector *collector);

/*
 * Decodes one message as it came over UDP. `exporter` names the sender: templates and sequence
 * numbers are kept under it. Returns 0, or SF_ECORRUPT with the octet offset and the reason in
 * `error`; records before the bad octet have been handed over.
 */
int sf_collector_message(struct sf_collector *collector, const char *exporter,
	const uint8_t *message, size_t length, struct sf_error *error);

/*
 * Reads a whole IPFIX file (RFC 5655; gzip by content), "-" for standard input. Resynchronises
 * after damage (RFC 5655 §10.3). Returns 0; SF_ECORRUPT when anything was skipped, with file,
 * octet offset and reason; a negative system error when it could not be read: -EINTR when a signal
 * handler ran while there was nothing to read.
 */
int sf_collector_file(struct sf_collector *collector, const char *path, struct sf_error *error);

/*
 * From within the callback: no further record is handed over or counted; the call in progress
 * returns 0 as soon as it can, and later ones do nothing.
 */
void sf_collector_stop(struct sf_collector *collector);

void sf_collector_stats(const struct sf_collector *collector, struct sf_collector_stats *stats);

/*
 * Writes a record as one line of JSON (element names as keys, wire order; a key that occurs twice
 * gets "_2"…), the form `spanflow meter -o json` has.
 */
int sf_collected_json(const struct sf_collected *record, FILE *stream);

#endif
