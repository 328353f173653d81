/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the exporter's tests share: flows, a UDP receiver on a free loopback port, and a reader of
 * export messages that checks the framing rules of RFC 7011 §3 and RFC 3954 §5 on all it sees.
 */
#ifndef TESTS_EXPORT_SUPPORT_H
#define TESTS_EXPORT_SUPPORT_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <spanflow/export.h>
#include <spanflow/field.h>

#include "base/wire.h"
#include "check_main.h"
#include "fact_values.h"

#define S            INT64_C(1000000000)
#define MS           INT64_C(1000000)
#define T0           (INT64_C(1120646849) * S + 123 * MS) /* 2005-07-06T10:47:29.123Z */
#define MESSAGES_MAX 4096

/* ---------------------------------------------------------------- flows */

static inline struct sf_flow flow_ipv4(unsigned i)
{
	struct sf_flow flow = {
		.ip_version = 4,
		.directions = SF_FORWARD,
		.protocol = 6,
		.end_reason = SF_END_DETECTED,
		.id = 1000 + i,
		.addr = { { 192, 0, 2, (uint8_t)(1 + i % 200) }, { 198, 51, 100, 7 } },
		.port = { (uint16_t)(40000 + i), 443 },
	};

	flow.half[0] = (struct sf_flow_half){
		.packets = 10,
		.octets = 3015,
		.start_ns = T0 + i * MS,
		.end_ns = T0 + i * MS + 1500 * MS,
		.ingress = 3,
		.tcp_flags = 0x1b,
		.ttl_min = 63,
		.ttl_max = 64,
		.tos = 0x28,
	};
	return flow;
}

static inline void answer(struct sf_flow *flow)
{
	flow->directions |= SF_REVERSE;
	flow->half[1] = flow->half[0];
	flow->half[1].packets = 8;
	flow->half[1].octets = 9000;
	flow->half[1].start_ns += 20 * MS;
	flow->half[1].end_ns += 10 * MS;
	flow->half[1].tcp_flags = 0x12;
	flow->half[1].tos = 0;
}

static inline struct sf_flow flow_ipv6(unsigned i)
{
	struct sf_flow flow = flow_ipv4(i);

	flow.ip_version = 6;
	memcpy(flow.addr[0], (uint8_t[16]){ 0x20, 1, 0xd, 0xb8, [15] = 1 }, 16);
	memcpy(flow.addr[1], (uint8_t[16]){ 0x20, 1, 0xd, 0xb8, [15] = 2 }, 16);
	return flow;
}

static inline struct sf_flow flow_icmp(uint8_t version)
{
	struct sf_flow flow = version == 4 ? flow_ipv4(0) : flow_ipv6(0);

	flow.protocol = version == 4 ? 1 : 58;
	flow.port[0] = version == 4 ? 0x0800 : 0x8000;
	flow.port[1] = version == 4 ? 0x0000 : 0x8100;
	flow.half[0].tcp_flags = 0;
	return flow;
}

/* ---------------------------------------------------------------- receiver */

struct receiver {
	int fd;
	uint16_t port;
};

static inline struct receiver receiver_open(int family)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	struct sockaddr_in four = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr *address =
		family == AF_INET6 ? (struct sockaddr *)&six : (struct sockaddr *)&four;
	socklen_t size = family == AF_INET6 ? sizeof(six) : sizeof(four);
	struct receiver receiver = { .fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK, 0) };
	int space = 4 << 20;

	ck_assert_int_ge(receiver.fd, 0);
	setsockopt(receiver.fd, SOL_SOCKET, SO_RCVBUF, &space, sizeof(space));
	ck_assert_int_eq(bind(receiver.fd, address, size), 0);
	ck_assert_int_eq(getsockname(receiver.fd, address, &size), 0);
	receiver.port = ntohs(family == AF_INET6 ? six.sin6_port : four.sin_port);
	return receiver;
}

static inline struct sf_exporter *exporter_to(const struct receiver *receiver,
	const struct sf_exporter_options *options, const char *scheme, const char *rest)
{
	struct sf_exporter *exporter;
	struct sf_error error = { 0 };
	char url[256];

	snprintf(url, sizeof(url), "%s:%u%s", scheme, receiver->port, rest);
	ck_assert_int_eq(sf_exporter_new(&exporter, options, &error), 0);
	ck_assert_msg(sf_exporter_add_collector(exporter, url, &error) == 0, "%s", error.text);
	return exporter;
}

/* ---------------------------------------------------------------- reader */

struct template
{
	uint32_t domain;
	uint16_t id;
	uint16_t count, scopes, length;
	bool variable; /* some field has a variable length, and VARIABLE_ROOM bytes of a record */
	struct {
		uint32_t pen;
		uint16_t id, length, offset;
		bool variable;
	} fields[64];
};

#define VARIABLE_ROOM 160

struct message {
	uint16_t version;
	size_t length;
	uint32_t time, uptime, nsecs, sequence, domain;
	unsigned templates, options_templates, flows, options;
};

struct record {
	const struct template *template; /* NULL: v5 */
	unsigned message;                /* index */
	uint8_t bytes[512];
};

struct reader {
	struct message messages[MESSAGES_MAX];
	unsigned message_count;
	struct template templates[128];
	unsigned template_count;
	struct record *records; /* flow records and options records */
	unsigned record_count, record_room;
};

static inline struct reader *reader_new(void)
{
	return calloc(1, sizeof(struct reader));
}

static inline void reader_free(struct reader *reader)
{
	free(reader->records);
	free(reader);
}

/* A record of the message that is being read. Earlier ones may move. */
static inline struct record *add_record(struct reader *reader, const struct template *template)
{
	struct record *record;

	if (reader->record_count == reader->record_room) {
		reader->record_room = reader->record_room ? 2 * reader->record_room : 64;
		reader->records =
			realloc(reader->records, reader->record_room * sizeof(*reader->records));
		ck_assert_ptr_nonnull(reader->records);
	}
	record = &reader->records[reader->record_count++];
	*record = (struct record){ .template = template, .message = reader->message_count };
	return record;
}

static inline struct template *find_template(struct reader *reader, uint32_t domain, uint16_t id)
{
	for (unsigned i = 0; i < reader->template_count; i++)
		if (reader->templates[i].id == id && reader->templates[i].domain == domain)
			return &reader->templates[i];
	return NULL;
}

static inline const uint8_t *read_template(struct reader *reader, struct message *message,
	const uint8_t *p, const uint8_t *end, bool options)
{
	struct template new = { .domain = message->domain }, *old;

	ck_assert_int_ge(end - p, options ? 6 : 4);
	new.id = sf_load_be16(p);
	new.count = sf_load_be16(p + 2);
	p += 4;
	if (options) {
		new.scopes = sf_load_be16(p);
		p += 2;
		if (message->version == 9) { /* RFC 3954 §6.1: octets */
			uint16_t scope_octets = new.count;

			ck_assert_uint_eq(scope_octets % 4 + new.scopes % 4, 0);
			new.count = (uint16_t)((scope_octets + new.scopes) / 4);
			new.scopes = scope_octets / 4;
		}
		/* [RFC7011-3.4.2.2-2] */
		ck_assert_uint_gt(new.scopes, 0); /* RFC 7011 §3.4.2.2 */
	}
	ck_assert_uint_ge(new.id, 256);
	/* [RFC7011-8.4-3] */
	/* RFC 7011 §8.4: a withdrawal has no fields and MUST NOT be sent over UDP */
	ck_assert_uint_gt(new.count, 0);
	ck_assert_uint_le(new.count, 64);
	for (unsigned i = 0; i < new.count; i++) {
		ck_assert_int_ge(end - p, 4);
		new.fields[i].id = sf_load_be16(p);
		new.fields[i].length = sf_load_be16(p + 2);
		new.fields[i].offset = new.length;
		new.fields[i].variable = new.fields[i].length == 65535;
		if (new.fields[i].variable) {
			new.variable = true;
			new.fields[i].length = VARIABLE_ROOM;
		}
		new.length += new.fields[i].length;
		p += 4;
		if (message->version == 10 && new.fields[i].id & 0x8000) {
			ck_assert_int_ge(end - p, 4);
			new.fields[i].id &= 0x7fff;
			new.fields[i].pen = sf_load_be32(p);
			p += 4;
		}
	}
	old = find_template(reader, new.domain, new.id);
	if (old) /* RFC 7011 §8.4: the same id keeps its meaning */
		ck_assert_int_eq(memcmp(old, &new, sizeof(new)), 0);
	else
		reader->templates[reader->template_count++] = new;
	return p;
}

/* Copies a record with fields of variable length (RFC 7011 §7): returns its end. */
/* [RFC7011-7-1] */
static inline const uint8_t *read_variable(
	const struct template *template, uint8_t *to, const uint8_t *p, const uint8_t *end)
{
	for (unsigned i = 0; i < template->count; i++) {
		size_t length = template->fields[i].length;

		if (template->fields[i].variable) {
			ck_assert_int_gt(end - p, 0);
			length = *p++;
			ck_assert_uint_lt(length, VARIABLE_ROOM);
		}
		ck_assert_int_ge(end - p, (ptrdiff_t)length);
		memcpy(to + template->fields[i].offset, p, length);
		p += length;
	}
	return p;
}

static inline void read_data(struct reader *reader, struct message *message, uint16_t id,
	const uint8_t *p, const uint8_t *end)
{
	const struct template *template = find_template(reader, message->domain, id);

	/* [RFC7011-8.2-3] */
	/* RFC 7011 §8, RFC 3954 §7: no data before their template */
	ck_assert_ptr_nonnull(template);
	while (end - p >= (template->variable ? 4 : template->length)) {
		ck_assert_uint_le(template->length, sizeof(((struct record *)0)->bytes));
		p = read_variable(template, add_record(reader, template)->bytes, p, end);
		if (template->scopes)
			message->options++;
		else
			message->flows++;
	}
	/* [RFC7011-3.3.1-2] */
	/* RFC 7011 §3.3.1: padding is zero and shorter than 4 here */
	ck_assert_int_lt(end - p, 4);
	for (; p < end; p++)
		ck_assert_uint_eq(*p, 0);
}

/* [RFC7011-3.3.1-1] */
static inline void read_sets(
	struct reader *reader, struct message *message, const uint8_t *p, const uint8_t *end)
{
	uint16_t first = message->version == 9 ? 0 : 2;

	while (p < end) {
		const uint8_t *set_end;
		uint16_t id;

		ck_assert_int_ge(end - p, 4);
		id = sf_load_be16(p);
		set_end = p + sf_load_be16(p + 2);
		ck_assert_int_gt(set_end - p, 4); /* no empty sets */
		ck_assert(set_end <= end);
		/*
		 * padded, but for options templates of IPFIX, which are the last of their message
		 */
		if (first == 2 && id == 3)
			ck_assert_ptr_eq(set_end, end);
		else
			ck_assert_int_eq((set_end - p) % 4, 0);
		p += 4;
		if (id == first || id == first + 1) {
			while (set_end - p >= 4) {
				p = read_template(reader, message, p, set_end, id != first);
				if (id == first)
					message->templates++;
				else
					message->options_templates++;
			}
		} else {
			ck_assert_uint_ge(id, 256);
			read_data(reader, message, id, p, set_end);
		}
		p = set_end;
	}
}

/* One message; checks length, counts and framing. */
static inline void read_message(struct reader *reader, const uint8_t *p, size_t length)
{
	struct message *message = &reader->messages[reader->message_count];

	ck_assert_uint_lt(reader->message_count, MESSAGES_MAX);
	ck_assert_uint_ge(length, 16);
	message->version = sf_load_be16(p);
	message->length = length;
	if (message->version == 10) {
		ck_assert_uint_eq(sf_load_be16(p + 2), length);
		message->time = sf_load_be32(p + 4);
		message->sequence = sf_load_be32(p + 8);
		message->domain = sf_load_be32(p + 12);
		read_sets(reader, message, p + 16, p + length);
	} else if (message->version == 9) {
		message->uptime = sf_load_be32(p + 4);
		message->time = sf_load_be32(p + 8);
		message->sequence = sf_load_be32(p + 12);
		message->domain = sf_load_be32(p + 16);
		read_sets(reader, message, p + 20, p + length);
		/* RFC 3954 §5.1: all records, not sets */
		ck_assert_uint_eq(sf_load_be16(p + 2), message->templates +
							       message->options_templates +
							       message->flows + message->options);
	} else {
		ck_assert_uint_eq(message->version, 5);
		message->flows = sf_load_be16(p + 2);
		/* a header without records asks whether somebody listens: sf_session_ask() */
		ck_assert_uint_le(message->flows, 30);
		ck_assert_uint_eq(length, 24 + 48 * message->flows);
		message->uptime = sf_load_be32(p + 4);
		message->time = sf_load_be32(p + 8);
		message->nsecs = sf_load_be32(p + 12);
		message->sequence = sf_load_be32(p + 16);
		message->domain = sf_load_be16(p + 20);
		for (unsigned i = 0; i < message->flows; i++)
			memcpy(add_record(reader, NULL)->bytes, p + 24 + 48 * i, 48);
	}
	reader->message_count++;
}

/* Reads all datagrams that have arrived. */
static inline void receive(struct reader *reader, const struct receiver *receiver)
{
	uint8_t buffer[65536];
	ssize_t n;

	while ((n = recv(receiver->fd, buffer, sizeof(buffer), 0)) > 0)
		read_message(reader, buffer, (size_t)n);
}

/* Reads all messages of an IPFIX file. */
static inline void read_file(struct reader *reader, const char *path)
{
	static uint8_t bytes[16 << 20];
	int fd = open(path, O_RDONLY);
	ssize_t length = read(fd, bytes, sizeof(bytes)), at = 0;

	ck_assert_int_ge(fd, 0);
	close(fd);
	while (at < length) {
		ck_assert_int_ge(length - at, 16);
		ck_assert_int_ge(length - at, sf_load_be16(bytes + at + 2));
		read_message(reader, bytes + at, sf_load_be16(bytes + at + 2));
		at += sf_load_be16(bytes + at + 2);
	}
}

/* The index-th record that is a flow, or NULL. */
static inline const struct record *flow_record(const struct reader *reader, unsigned index)
{
	for (unsigned i = 0; i < reader->record_count; i++)
		if ((!reader->records[i].template || !reader->records[i].template->scopes) &&
			index-- == 0)
			return &reader->records[i];
	return NULL;
}

static inline unsigned flow_count(const struct reader *reader)
{
	unsigned count = 0;

	for (unsigned i = 0; i < reader->message_count; i++)
		count += reader->messages[i].flows;
	return count;
}

/* Position of the `nth` field of that element in a record, or -1. */
static inline int field_index(const struct record *record, uint32_t pen, uint16_t id, unsigned nth)
{
	for (unsigned i = 0; i < record->template->count; i++)
		if (record->template->fields[i].pen == pen &&
			record->template->fields[i].id == id && nth-- == 0)
			return (int)i;
	return -1;
}

static inline bool has_field(const struct record *record, uint32_t pen, uint16_t id)
{
	return field_index(record, pen, id, 0) >= 0;
}

static inline uint64_t field(const struct record *record, uint32_t pen, uint16_t id)
{
	int i = field_index(record, pen, id, 0);

	ck_assert_msg(i >= 0, "no element %u/%u", pen, id);
	return sf_load_be(record->bytes + record->template->fields[i].offset,
		record->template->fields[i].length);
}

static inline const struct record *options_record(const struct reader *reader, uint16_t element)
{
	const struct record *found = NULL;

	for (unsigned i = 0; i < reader->record_count; i++)
		if (reader->records[i].template && reader->records[i].template->scopes &&
			has_field(&reader->records[i], 0, element))
			found = &reader->records[i];
	return found;
}

/* ---------------------------------------------------------------- counters */

static inline struct sf_destination_stats stats_of(const struct sf_exporter *exporter, unsigned i)
{
	struct sf_destination_stats stats;

	ck_assert(sf_exporter_stats(exporter, i, &stats));
	return stats;
}

/* ---------------------------------------------------------------- one collector */

#define LIVE    (&(struct sf_exporter_options){ 0 })
#define OFFLINE (&(struct sf_exporter_options){ .packet_clock = true })

#define IPFIX    "ipfix://127.0.0.1"
#define NETFLOW9 "netflow9://127.0.0.1"
#define NETFLOW5 "netflow5://127.0.0.1"

#define IPFIX6    "ipfix://[::1]"
#define NETFLOW96 "netflow9://[::1]"

static struct receiver receiver;
static struct reader *reader;

static inline void begin(void)
{
	receiver = receiver_open(AF_INET);
	reader = reader_new();
}

static inline struct sf_exporter *start(
	const struct sf_exporter_options *options, const char *scheme, const char *rest)
{
	begin();
	return exporter_to(&receiver, options, scheme, rest);
}

static inline void put(struct sf_exporter *exporter, const struct sf_flow *flow)
{
	ck_assert_uint_eq(sf_exporter_put(exporter, flow, 1), 1);
}

static inline void put_many(struct sf_exporter *exporter, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct sf_flow flow = i % 5 == 4 ? flow_ipv6(i) : flow_ipv4(i);

		put(exporter, &flow);
	}
}

/* Finishes, reads all that came, checks the counters. */
static inline struct sf_destination_stats finish(struct sf_exporter *exporter)
{
	struct sf_destination_stats stats;

	sf_exporter_finish(exporter);
	receive(reader, &receiver);
	stats = stats_of(exporter, 0);
	ck_assert_str_eq(stats.failure, "");
	ck_assert(sf_destination_balanced(&stats));
	sf_exporter_free(exporter);
	return stats;
}

static inline void end(void)
{
	reader_free(reader);
	close(receiver.fd);
}

#endif
