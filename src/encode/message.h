/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Export messages of the three protocols: headers, sets, template records. Lengths and counts are
 * computed from what was written; the header comes last, when the message is sealed.
 *
 *	struct sf_message message;
 *	sf_message_begin(&message, dialect, buffer, size);
 *	sf_message_set(&message, dialect->template_set);
 *	sf_message_template(&message, id, specs, count, 0);
 *	sf_message_set_end(&message, 4);
 *	sf_message_seal(&message, &stamp);	… message.start … message.p is ready to be sent
 */
#ifndef SPANFLOW_ENCODE_MESSAGE_H
#define SPANFLOW_ENCODE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "encode/template.h"

struct sf_stamp;

/* What differs between the protocols. */
struct sf_dialect {
	const char *name;
	uint16_t version;
	uint16_t header_length;
	uint16_t set_header_length; /* 0: no sets */
	uint16_t template_set;
	uint16_t options_set;
	uint16_t max_length; /* of a message */
	bool enterprise;     /* E bit and PEN in field specifiers */
	/*
	 * Writes the header of a message of `length` bytes at p; returns the sequence number of
	 * the message that follows.
	 */
	uint32_t (*seal)(uint8_t *p, size_t length, const struct sf_stamp *stamp);
};

extern const struct sf_dialect sf_ipfix, sf_netflow9, sf_netflow5;

/* What a header says. */
struct sf_stamp {
	int64_t time_ns; /* the instant of export */
	int64_t boot_ms; /* sysUptime 0 */
	uint32_t sequence;
	uint32_t domain;
	uint32_t sampling_interval; /* NetFlow v5 */
	bool sampling_random;       /* likewise: not each n-th packet */
	unsigned data_records;
	unsigned template_records; /* options templates included */
};

/* A message being written. */
struct sf_message {
	const struct sf_dialect *dialect;
	uint8_t *start, *p, *end;
	uint8_t *set; /* open set, or NULL */
	unsigned data_records, template_records;
};

/* Begins a message of at most `size` bytes at `start`, behind the room for its header. */
void sf_message_begin(
	struct sf_message *message, const struct sf_dialect *dialect, uint8_t *start, size_t size);

/* Opens a set; needs room for its header. */
void sf_message_set(struct sf_message *message, uint16_t id);

/*
 * Closes the set, padded with zeros to 4 bytes where the padding is shorter than the shortest
 * record (RFC 7011 §3.3.1) and fits. An empty set is taken back.
 */
void sf_message_set_end(struct sf_message *message, size_t shortest_record);

/* Bytes of a template record (scope_count > 0: options template record). */
size_t sf_message_template_length(const struct sf_dialect *dialect, const struct sf_spec *specs,
	unsigned count, unsigned scope_count);

/* Writes a template record into the open set; the caller has checked the room. */
void sf_message_template(struct sf_message *message, uint16_t id, const struct sf_spec *specs,
	unsigned count, unsigned scope_count);

/* Fills the header; counts and length come from the message. Returns the next sequence number. */
uint32_t sf_message_seal(const struct sf_message *message, struct sf_stamp *stamp);

/*
 * NetFlow v5: writes a record of 48 bytes to p, for direction d of the flow with
 * these counters. Returns its end.
 */
#define SF_V5_RECORD_LENGTH 48
#define SF_V5_RECORDS_MAX   30
uint8_t *sf_v5_encode(uint8_t *p, const struct sf_flow *flow, unsigned d, uint32_t packets,
	uint32_t octets, const struct sf_encode_context *context);

#endif
