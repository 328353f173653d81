/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Headers, sets and template records. A message is written front to back behind the room for its
 * header; the header is filled when everything it counts is known.
 */
#include "encode/message.h"

#include <string.h>

#include "base/wire.h"

/* RFC 7011 §3.1: bytes; data records of all kinds before this message, templates not counted */
static uint32_t seal_ipfix(uint8_t *p, size_t length, const struct sf_stamp *stamp)
{
	p = sf_store_be16(p, sf_ipfix.version);
	p = sf_store_be16(p, (uint16_t)length);
	p = sf_store_be32(p, (uint32_t)(stamp->time_ns / 1000000000));
	p = sf_store_be32(p, stamp->sequence);
	sf_store_be32(p, stamp->domain);
	return stamp->sequence + stamp->data_records;
}

/*
 * RFC 3954 §5.1: count of all records, sequence in packets. The header has whole seconds only:
 * the instant is rounded up to one, so that times are exact and none is later than sysUptime.
 */
/* [RFC3954-5.1-1] */
static uint32_t seal_netflow9(uint8_t *p, size_t length, const struct sf_stamp *stamp)
{
	int64_t seconds = (stamp->time_ns + 999999999) / 1000000000;

	(void)length;
	p = sf_store_be16(p, sf_netflow9.version);
	p = sf_store_be16(p, (uint16_t)(stamp->data_records + stamp->template_records));
	p = sf_store_be32(p, (uint32_t)(seconds * 1000 - stamp->boot_ms));
	p = sf_store_be32(p, (uint32_t)seconds);
	p = sf_store_be32(p, stamp->sequence);
	sf_store_be32(p, stamp->domain);
	return stamp->sequence + 1;
}

/*
 * Cisco's layout: sequence in flows; the instant in whole ms, so that sysUptime and the time of day
 * are the same instant; two bits of sampling mode (1: deterministic, 2: random) and 14 of interval.
 */
static uint32_t seal_netflow5(uint8_t *p, size_t length, const struct sf_stamp *stamp)
{
	int64_t ms = stamp->time_ns / 1000000;
	uint32_t interval = stamp->sampling_interval < 0x3fff ? stamp->sampling_interval : 0x3fff;

	(void)length;
	p = sf_store_be16(p, sf_netflow5.version);
	p = sf_store_be16(p, (uint16_t)stamp->data_records);
	p = sf_store_be32(p, (uint32_t)(ms - stamp->boot_ms));
	p = sf_store_be32(p, (uint32_t)(ms / 1000));
	p = sf_store_be32(p, (uint32_t)(ms % 1000) * 1000000);
	p = sf_store_be32(p, stamp->sequence);
	p = sf_store_be16(p, (uint16_t)stamp->domain); /* engine type, engine id */
	sf_store_be16(p,
		(uint16_t)(interval > 1 ? (stamp->sampling_random ? 2 : 1) << 14 | interval : 0));
	return stamp->sequence + stamp->data_records;
}

const struct sf_dialect sf_ipfix = {
	.name = "ipfix",
	.version = 10,
	.header_length = 16,
	.set_header_length = 4,
	.template_set = 2,
	.options_set = 3,
	.max_length = 65535,
	.enterprise = true,
	.seal = seal_ipfix,
};

const struct sf_dialect sf_netflow9 = {
	.name = "netflow9",
	.version = 9,
	.header_length = 20,
	.set_header_length = 4,
	.template_set = 0,
	.options_set = 1,
	.max_length = 65535,
	.seal = seal_netflow9,
};

const struct sf_dialect sf_netflow5 = {
	.name = "netflow5",
	.version = 5,
	.header_length = 24,
	.max_length = 24 + SF_V5_RECORDS_MAX * SF_V5_RECORD_LENGTH,
	.seal = seal_netflow5,
};

void sf_message_begin(
	struct sf_message *message, const struct sf_dialect *dialect, uint8_t *start, size_t size)
{
	*message = (struct sf_message){
		.dialect = dialect,
		.start = start,
		.p = start + dialect->header_length,
		.end = start + size,
	};
}

void sf_message_set(struct sf_message *message, uint16_t id)
{
	message->set = message->p;
	message->p = sf_store_be16(message->p, id);
	message->p = sf_store_be16(message->p, 0);
}

/* [RFC7011-3.3.1-2] [RFC7011-3.3.1-3] */
void sf_message_set_end(struct sf_message *message, size_t shortest_record)
{
	size_t length = (size_t)(message->p - message->set);
	size_t padding = -length & 3;

	/* phantom records and stopped collectors: never an empty set */
	if (length == message->dialect->set_header_length) {
		message->p = message->set;
		message->set = NULL;
		return;
	}
	if (padding < shortest_record && padding <= (size_t)(message->end - message->p)) {
		memset(message->p, 0, padding);
		message->p += padding;
		length += padding;
	}
	sf_store_be16(message->set + 2, (uint16_t)length);
	message->set = NULL;
}

static size_t spec_length(const struct sf_dialect *dialect, const struct sf_spec *spec)
{
	return dialect->enterprise && spec->pen ? 8 : 4;
}

size_t sf_message_template_length(const struct sf_dialect *dialect, const struct sf_spec *specs,
	unsigned count, unsigned scope_count)
{
	size_t length = scope_count ? 6 : 4;

	for (unsigned i = 0; i < count; i++)
		length += spec_length(dialect, &specs[i]);
	return length;
}

/* [RFC7011-3.2-1] [RFC7011-3.2-2] */
void sf_message_template(struct sf_message *message, uint16_t id, const struct sf_spec *specs,
	unsigned count, unsigned scope_count)
{
	bool enterprise = message->dialect->enterprise;
	uint8_t *p = sf_store_be16(message->p, id);

	if (scope_count && !enterprise) {
		/* RFC 3954 §6.1: bytes of definitions */
		p = sf_store_be16(p, (uint16_t)(4 * scope_count));
		p = sf_store_be16(p, (uint16_t)(4 * (count - scope_count)));
	} else {
		/* RFC 7011 §3.4.2.2: number of fields including scopes, number of scopes */
		p = sf_store_be16(p, (uint16_t)count);
		if (scope_count)
			p = sf_store_be16(p, (uint16_t)scope_count);
	}
	for (unsigned i = 0; i < count; i++) {
		bool pen = enterprise && specs[i].pen;

		p = sf_store_be16(p, (uint16_t)(specs[i].id | (pen ? 0x8000 : 0)));
		p = sf_store_be16(p, specs[i].length);
		if (pen)
			p = sf_store_be32(p, specs[i].pen);
	}
	message->p = p;
	message->template_records++;
}

uint32_t sf_message_seal(const struct sf_message *message, struct sf_stamp *stamp)
{
	stamp->data_records = message->data_records;
	stamp->template_records = message->template_records;
	return message->dialect->seal(message->start, (size_t)(message->p - message->start), stamp);
}
