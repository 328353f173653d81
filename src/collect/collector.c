/* SPDX-License-Identifier: BSD-2-Clause */
/* The collecting process: message headers, and the way to the sets of a message. */
#include <arpa/inet.h>
#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/element_id.h"
#include "base/sized.h"
#include "base/wire.h"
#include "collect/internal.h"

#define DEFAULT_TEMPLATES 65536
#define MOST_BUCKETS      65536

int sf_collect_malformed(
	struct sf_collect_message *message, const uint8_t *at, const char *format, ...)
{
	char reason[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	message->countable = false;
	return sf_error_set(message->error, SF_ECORRUPT, "byte %llu: %s",
		(unsigned long long)(message->base + (uint64_t)(at - message->start)), reason);
}

void sf_collect_no_memory(struct sf_collect_message *message)
{
	message->collector->stats.no_memory++;
	message->no_memory = true;
}

bool sf_collect_all_zero(const uint8_t *p, const uint8_t *end)
{
	while (p < end)
		if (*p++)
			return false;
	return true;
}

static int new_collector(struct sf_collector **collector,
	const struct sf_collector_options *options, struct sf_error *error)
{
	struct sf_collector *c = calloc(1, sizeof(*c));
	uint32_t buckets = 64;

	if (!c)
		return sf_error_set(error, -ENOMEM, "no memory for a collector");
	c->options = *options;
	if (!c->options.max_templates)
		c->options.max_templates = DEFAULT_TEMPLATES;
	while (buckets < c->options.max_templates && buckets < MOST_BUCKETS)
		buckets *= 2;
	c->mask = buckets - 1;
	c->template_buckets = calloc(buckets, sizeof(*c->template_buckets));
	c->session_buckets = calloc(buckets, sizeof(*c->session_buckets));
	c->netflow5 = sf_collect_netflow5_template();
	sf_annex_layout_init(&c->layout, SF_COLLECT_FACTS);
	assert(c->layout.record_bytes <= SF_COLLECT_ANNEX);
	if (!c->template_buckets || !c->session_buckets || !c->netflow5) {
		sf_collector_free(c);
		return sf_error_set(error, -ENOMEM, "no memory for a collector");
	}
	/* without random numbers the tables work, but a sender could choose names that collide */
	if (getrandom(&c->seed, sizeof(c->seed), GRND_NONBLOCK) != sizeof(c->seed))
		c->seed = (uintptr_t)c;
	*collector = c;
	return 0;
}

void sf_collector_free(struct sf_collector *c)
{
	if (!c)
		return;
	if (c->session_buckets && c->template_buckets)
		sf_collect_forget(c, NULL);
	free(c->session_buckets);
	free(c->template_buckets);
	free(c->netflow5);
	free(c);
}

void sf_collector_stop(struct sf_collector *collector)
{
	collector->stopped = true;
}

int sf_collector_new_sized(struct sf_collector **collector,
	const struct sf_collector_options *options, size_t size, struct sf_error *error)
{
	struct sf_collector_options known;
	int code = sf_sized_options(&known, sizeof(known), options, size, error);

	return code < 0 ? code : new_collector(collector, &known, error);
}

void sf_collector_stats_sized(
	const struct sf_collector *collector, struct sf_collector_stats *stats, size_t size)
{
	sf_sized_counters(stats, size, &collector->stats, sizeof(collector->stats));
}

/* The address in "192.0.2.1:4000" or "[2001:db8::1]:4000" as a field; length 0: there is none. */
static void address_read(struct sf_collect_message *message, const char *exporter)
{
	struct sf_field_value *field = &message->origin[0];
	const char *end = *exporter == '[' ? strchr(exporter, ']') : strrchr(exporter, ':');
	char text[INET6_ADDRSTRLEN];
	size_t length;

	*field = (struct sf_field_value){ .data = message->address };
	exporter += *exporter == '[';
	length = end ? (size_t)(end - exporter) : strlen(exporter);
	/* the sender's name of a file is its path: only the records can say who exported them */
	if (message->file || length >= sizeof(text))
		return;
	memcpy(text, exporter, length);
	text[length] = '\0';
	if (inet_pton(AF_INET, text, message->address) == 1) {
		field->id = SF_IE_exporterIPv4Address;
		field->length = 4;
	} else if (inet_pton(AF_INET6, text, message->address) == 1) {
		field->id = SF_IE_exporterIPv6Address;
		field->length = 16;
	}
}

static void message_begin(struct sf_collect_message *message, const char *exporter,
	uint16_t version, uint32_t domain, int64_t export_time_ns)
{
	message->collector->stats.messages++;
	message->session = sf_collect_session_get(message, exporter, version, domain);
	message->countable = true;
	message->empty_left = (size_t)(message->end - message->start) + SF_COLLECT_FIELDS_MAX;
	address_read(message, exporter);
	sf_store_be32(message->domain, domain);
	message->origin[1] = (struct sf_field_value){
		.id = SF_IE_observationDomainId,
		.length = sizeof(message->domain),
		.data = message->domain,
	};
	message->out.exporter = exporter;
	message->out.version = version;
	message->out.domain = domain;
	message->out.export_time_ns = export_time_ns;
}

static int unknown_set(struct sf_collect_message *message)
{
	message->collector->stats.unknown_sets++;
	return 0;
}

/* Decodes a set (IPFIX) or FlowSet (v9) whose body is message->p … end. */
static int set_decode(struct sf_collect_message *message, uint16_t id, const uint8_t *end)
{
	/* RFC 7011 §3.3.2: 2 and 3, 0 and 1 are not used; RFC 3954 §5.2, §6.1: 0 and 1 */
	unsigned templates = message->out.version == SF_IPFIX ? 2 : 0;
	struct sf_collect_template *template;

	if (id == templates || id == templates + 1)
		return sf_collect_template_set(message, end, id == templates + 1);
	if (id < SF_SET_ID_DATA)
		return unknown_set(message); /* RFC 5153 §4.1: reserved ids are ignored */
	template = message->session
			   ? sf_collect_template_find(message->collector, message->session, id)
			   : NULL;
	if (!template) {
		message->collector->stats.missing_template++;
		message->countable = false;
		return 0;
	}
	return sf_collect_data_set(message, template, end);
}

/* Decodes the sets of a v9 or IPFIX message, from message->p to its end. */
/* [RFC7011-3.3.2-1] [RFC5655-7.1-4] [RFC3954-5.2-1] [RFC3954-6.1-1] [RFC3954-9-2] */
static int sets_decode(struct sf_collect_message *message)
{
	while (message->p < message->end && !message->collector->stopped) {
		const uint8_t *set = message->p, *end;
		size_t left = (size_t)(message->end - set), length;
		uint16_t id;
		int result;

		/* some exporters fill their datagrams up with zeros */
		if (set[0] == 0 && sf_collect_all_zero(set, message->end))
			return 0;
		if (left < SF_SET_HEADER)
			return sf_collect_malformed(
				message, set, "%zu bytes left, too few for a set header", left);
		id = sf_load_be16(set);
		length = sf_load_be16(set + 2);
		if (length < SF_SET_HEADER)
			return sf_collect_malformed(message, set + 2,
				"length %zu of set %u is less than its header", length, id);
		if (length > left && !(message->cut && id >= SF_SET_ID_DATA))
			return sf_collect_malformed(message, set + 2,
				"length %zu of set %u exceeds the %zu bytes left", length, id,
				left);
		end = set + (length < left ? length : left);
		message->p = set + SF_SET_HEADER;
		result = set_decode(message, id, end);
		if (result)
			return result;
		message->p = end;
	}
	return 0;
}

static int netflow9_decode(struct sf_collect_message *message, const char *exporter)
{
	const uint8_t *p = message->start;
	size_t length = (size_t)(message->end - p);
	int64_t seconds;

	if (length < SF_NETFLOW9_HEADER)
		return sf_collect_malformed(
			message, p, "%zu bytes are too few for a NetFlow v9 header", length);
	seconds = sf_load_be32(p + 8);
	message_begin(message, exporter, SF_NETFLOW9, sf_load_be32(p + 16), seconds * SF_NS_PER_S);
	message->uptime_ms = sf_load_be32(p + 4);
	message->uptime_at_ns = message->out.export_time_ns;
	message->uptime_valid = true;
	/* RFC 3954 §5.1: the number counts messages, also those with templates only */
	sf_collect_sequence_check(message, sf_load_be32(p + 12), 1, true);
	message->p = p + SF_NETFLOW9_HEADER;
	return sets_decode(message);
}

/*
 * Decodes an IPFIX message. Its length is in its header; message->end is the end of the bytes that
 * are there, which may be more or fewer.
 */
static int ipfix_decode(struct sf_collect_message *message, const char *exporter)
{
	const uint8_t *p = message->start, *there = message->end;
	size_t left = (size_t)(there - p), length;
	int64_t seconds;
	int result;

	if (left < SF_IPFIX_HEADER)
		return sf_collect_malformed(
			message, p, "%zu bytes are too few for an IPFIX message header", left);
	length = sf_load_be16(p + 2);
	if (length < SF_IPFIX_HEADER)
		return sf_collect_malformed(
			message, p + 2, "message length %zu is less than its header", length);
	if (length > left && !message->cut)
		return sf_collect_malformed(message, p + 2,
			"message length %zu, but only %zu bytes arrived", length, left);
	seconds = sf_load_be32(p + 4);
	message_begin(message, exporter, SF_IPFIX, sf_load_be32(p + 12), seconds * SF_NS_PER_S);
	if (message->session && message->session->init_valid)
		sf_collect_init_time(message, message->session->init_time_ms);
	if (length < left)
		message->end = p + length;
	message->p = p + SF_IPFIX_HEADER;
	result = sets_decode(message);
	/* RFC 7011 §3.1: the number of data records before this message, options data included */
	sf_collect_sequence_check(
		message, sf_load_be32(p + 8), message->records, message->countable);
	if (message->collector->stopped)
		return 0;
	if (result == 0 && length < left && !sf_collect_all_zero(p + length, there))
		return sf_collect_malformed(message, p + length,
			"%zu bytes follow the end of the message", left - length);
	/* the error names the first missing byte, not the set that lacks it */
	if (length > left)
		return sf_collect_malformed(message, there,
			"the message is cut off: %zu of %zu bytes are there", left, length);
	return result;
}

static int netflow5_decode(struct sf_collect_message *message, const char *exporter)
{
	const uint8_t *p = message->start;
	size_t length = (size_t)(message->end - p);
	int64_t seconds, nanoseconds;
	int result;

	if (length < SF_NETFLOW5_HEADER)
		return sf_collect_malformed(
			message, p, "%zu bytes are too few for a NetFlow v5 header", length);
	seconds = sf_load_be32(p + 8);
	nanoseconds = sf_load_be32(p + 12);
	if (nanoseconds >= SF_NS_PER_S)
		nanoseconds = 0;
	message_begin(message, exporter, SF_NETFLOW5, sf_load_be16(p + 20),
		seconds * SF_NS_PER_S + nanoseconds);
	message->uptime_ms = sf_load_be32(p + 4);
	/* whole milliseconds, as the exporter's uptime has them */
	message->uptime_at_ns = seconds * SF_NS_PER_S + nanoseconds / 1000000 * 1000000;
	message->uptime_valid = true;
	result = sf_collect_netflow5(message);
	/* the number of flows before this datagram; not if the datagram's own count is wrong */
	sf_collect_sequence_check(
		message, sf_load_be32(p + 16), sf_load_be16(p + 2), message->countable);
	return result;
}

static int message_decode(struct sf_collect_message *message, const char *exporter)
{
	size_t length = (size_t)(message->end - message->start);
	unsigned version = length < 2 ? 0 : sf_load_be16(message->start);
	int result;

	if (message->collector->stopped)
		return 0;
	if (length < 2) {
		message->collector->stats.malformed++;
		return sf_collect_malformed(
			message, message->start, "%zu bytes are too few for a message", length);
	}
	switch (version) {
	case SF_NETFLOW5:
		result = netflow5_decode(message, exporter);
		break;
	case SF_NETFLOW9:
		result = netflow9_decode(message, exporter);
		break;
	case SF_IPFIX:
		result = ipfix_decode(message, exporter);
		break;
	default:
		message->collector->stats.unknown_version++;
		return sf_collect_malformed(
			message, message->start, "version %u is none of 5, 9 and 10", version);
	}
	if (result == SF_ECORRUPT)
		message->collector->stats.malformed++;
	if (result == 0 && message->no_memory)
		return sf_error_set(message->error, -ENOMEM,
			"byte %llu: no memory to keep its templates: records are missing",
			(unsigned long long)message->base);
	return result;
}

/* [RFC7011-10-1] */
int sf_collector_message(struct sf_collector *collector, const char *exporter, const uint8_t *bytes,
	size_t length, struct sf_error *error)
{
	struct sf_collect_message message = {
		.collector = collector,
		.start = bytes,
		.end = bytes + length,
		.error = error,
	};

	return message_decode(&message, exporter);
}

int sf_collector_stream_message(struct sf_collector *collector, const char *exporter,
	uint16_t stream, const uint8_t *bytes, size_t length, struct sf_error *error)
{
	struct sf_collect_message message = {
		.collector = collector,
		.start = bytes,
		.end = bytes + length,
		.error = error,
		.withdrawals = true,
		.stream = stream,
	};

	return message_decode(&message, exporter);
}

/* [RFC7011-8-2] [RFC7011-8-3] */
void sf_collector_stream_end(struct sf_collector *collector, const char *exporter)
{
	sf_collect_forget(collector, exporter);
}

/* Messages in a run: they follow each other, and one collector hands over their records. */
#define READER_RUN 4

/*
 * True: another collector, which reads the same files, hands over the records of the next message.
 * The first collector at a run takes the run, so that all collectors are done at the same time.
 * Each collector sees all messages, so the runs before the present one are taken.
 */
static bool is_of_others(struct sf_collector *collector)
{
	uint64_t run = collector->read_messages / READER_RUN;

	if (!collector->runs_taken)
		return false;
	if (collector->read_messages++ % READER_RUN == 0)
		collector->run_of_others =
			!atomic_compare_exchange_strong_explicit(collector->runs_taken, &run,
				run + 1, memory_order_relaxed, memory_order_relaxed);
	return collector->run_of_others;
}

int sf_collect_file_message(struct sf_collector *collector, const char *exporter, uint64_t base,
	const uint8_t *bytes, size_t available, struct sf_error *error)
{
	size_t length = sf_load_be16(bytes + 2);
	struct sf_collect_message message = {
		.collector = collector,
		.start = bytes,
		.end = bytes + available,
		.base = base,
		.error = error,
		.file = true,
		.withdrawals = true,
		.cut = available < length,
	};

	const struct sf_collector_stats before = collector->stats;
	int code;

	collector->others = is_of_others(collector);
	code = message_decode(&message, exporter);
	if (!collector->others)
		return code;
	collector->others = false;
	collector->stats = before;
	return 0;
}
