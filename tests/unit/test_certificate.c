/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names in the certificate behind a TLS server's hello, in one segment and in several, whole and
 * cut.
 */
#include <stdlib.h>
#include <string.h>

#include "apps/apps.h"
#include "apps/certificate.h"
#include "base/annex.h"
#include "check_main.h"

enum { HEADERS = 40, TLS12 = 0x0303, TLS13 = 0x0304, HANDSHAKE = 22, CHANGE_CIPHER = 20 };

/* ---------------------------------------------------------------- making certificates */

struct maker {
	uint8_t bytes[16384];
	size_t length;
};

static void put(struct maker *to, const void *bytes, size_t length)
{
	memcpy(to->bytes + to->length, bytes, length);
	to->length += length;
}

/* An element of DER around what was put since `from`. */
static void wrap(struct maker *to, size_t from, uint8_t tag)
{
	const size_t length = to->length - from, head = length < 128 ? 2 : 4;
	uint8_t *p = to->bytes + from;

	memmove(p + head, p, length);
	to->length += head;
	p[0] = tag;
	if (head == 2) {
		p[1] = (uint8_t)length;
		return;
	}
	p[1] = 0x82;
	sf_store_be16(p + 2, (uint16_t)length);
}

static void put_text(struct maker *to, uint8_t tag, const char *text)
{
	const size_t from = to->length;

	put(to, text, strlen(text));
	wrap(to, from, tag);
}

/* A part of a name: an attribute 2.5.4.`number`. */
static void put_attribute(struct maker *to, uint8_t number, uint8_t tag, const char *text)
{
	const size_t from = to->length;

	put(to, (const uint8_t[]){ 6, 3, 0x55, 4, number }, 5);
	put_text(to, tag, text);
	wrap(to, from, 0x30);
	wrap(to, from, 0x31);
}

/* What the certificate has; the key has `padding` bytes. */
struct wanted {
	const char *common, *dns;
	uint8_t tag; /* of the common name */
	size_t padding;
	bool version1, is_critical;
};

static void put_extensions(struct maker *to, const struct wanted *wanted)
{
	const size_t from = to->length;
	size_t extension, value;

	/* basic constraints, critical */
	put(to, (const uint8_t[]){ 0x30, 12, 6, 3, 0x55, 0x1d, 19, 1, 1, 0xff, 4, 2, 0x30, 0 }, 14);
	extension = to->length;
	put(to, (const uint8_t[]){ 6, 3, 0x55, 0x1d, 17 }, 5);
	if (wanted->is_critical)
		put(to, (const uint8_t[]){ 1, 1, 0xff }, 3);
	value = to->length;
	put(to, (const uint8_t[]){ 0x87, 4, 192, 0, 2, 1 }, 6); /* an address */
	if (wanted->dns)
		put_text(to, 0x82, wanted->dns);
	put_text(to, 0x82, "second.example.com");
	wrap(to, value, 0x30);
	wrap(to, value, 4);
	wrap(to, extension, 0x30);
	wrap(to, from, 0x30);
	wrap(to, from, 0xa3);
}

static void make_certificate(struct maker *to, const struct wanted *wanted)
{
	size_t subject, key;

	to->length = 0;
	if (!wanted->version1)
		put(to, (const uint8_t[]){ 0xa0, 3, 2, 1, 2 }, 5);
	put(to, (const uint8_t[]){ 2, 1, 77 }, 3);
	put(to, (const uint8_t[]){ 0x30, 4, 6, 2, 0x2a, 3 }, 6);
	subject = to->length;
	put_attribute(to, 3, 0x13, "The issuer's name");
	wrap(to, subject, 0x30);
	put(to, (const uint8_t[]){ 0x30, 0 }, 2);
	subject = to->length;
	put_attribute(to, 10, 0x0c, "An organisation");
	if (wanted->common)
		put_attribute(to, 3, wanted->tag ? wanted->tag : 0x0c, wanted->common);
	wrap(to, subject, 0x30);
	key = to->length;
	memset(to->bytes + to->length, 0x5a, wanted->padding);
	to->length += wanted->padding;
	wrap(to, key, 0x30);
	if (!wanted->version1)
		put_extensions(to, wanted);
	wrap(to, 0, 0x30);
	put(to, (const uint8_t[]){ 0x30, 2, 6, 0, 3, 2, 0, 1 }, 8); /* signature */
	wrap(to, 0, 0x30);
}

/* Reads a copy of exact size. Returns "common name|DNS name". */
static const char *names_of(const uint8_t *bytes, size_t length, bool cut)
{
	static char text[600];
	struct sf_certificate_names names;
	uint8_t *copy = malloc(length + 1);
	bool is;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy + 1, bytes, length);
	is = sf_certificate_read(&names, (struct sf_bytes){ copy + 1, length }, cut);
	if (is)
		snprintf(text, sizeof(text), "%.*s|%.*s", (int)names.common.length,
			names.common.length ? (const char *)names.common.p : "",
			(int)names.dns.length, names.dns.length ? (const char *)names.dns.p : "");
	free(copy);
	return is ? text : "none";
}

static struct maker leaf;

static const char *names(struct wanted wanted)
{
	make_certificate(&leaf, &wanted);
	return names_of(leaf.bytes, leaf.length, false);
}

START_TEST(names_are_read)
{
	ck_assert_str_eq(names((struct wanted){ "example.com", "www.example.com" }),
		"example.com|www.example.com");
	ck_assert_str_eq(names((struct wanted){ "example.com", .tag = 0x13, .is_critical = true }),
		"example.com|second.example.com");
	ck_assert_str_eq(
		names((struct wanted){ NULL, "a.example", .padding = 3000 }), "|a.example");
	ck_assert_str_eq(names((struct wanted){ "old", .version1 = true }), "old|");
	/* UTF-16 is not told */
	ck_assert_str_eq(names((struct wanted){ "wide", "b.example", .tag = 0x1e }), "|b.example");
}
END_TEST

/*
 * Names in front of a cut are read, none that is cut itself; without a cut every length must fit.
 */
START_TEST(cut_certificates)
{
	static const char *const steps[] = { "none", "example.com|",
		"example.com|www.example.com" };
	unsigned step = 0;

	names((struct wanted){ "example.com", "www.example.com", .padding = 300 });
	for (size_t length = 0; length < leaf.length; length++) {
		const char *got = names_of(leaf.bytes, length, true);

		ck_assert_str_eq(names_of(leaf.bytes, length, false), "none");
		step += step < 2 && !strcmp(got, steps[step + 1]);
		ck_assert_str_eq(got, steps[step]);
	}
	ck_assert_uint_eq(step, 2);
}
END_TEST

START_TEST(hostile_certificates_are_harmless)
{
	names((struct wanted){ "example.com", "www.example.com", .padding = 20 });
	for (size_t at = 0; at < leaf.length; at++) {
		const uint8_t was = leaf.bytes[at];

		for (unsigned value = 0; value < 256; value++) {
			leaf.bytes[at] = (uint8_t)value;
			names_of(leaf.bytes, leaf.length, false);
			names_of(leaf.bytes, leaf.length, true);
		}
		leaf.bytes[at] = was;
	}
}
END_TEST

/* ---------------------------------------------------------------- handshakes */

static struct maker sent;

static void put_record(uint8_t type, const uint8_t *bytes, size_t length)
{
	put(&sent, (const uint8_t[]){ type, 3, 3, (uint8_t)(length >> 8), (uint8_t)length }, 5);
	put(&sent, bytes, length);
}

/*
 * A server's hello, and behind it the certificate `leaf` and another one, in records of `part`
 * bytes.
 */
static void make_handshake(uint16_t version, size_t part)
{
	static struct maker messages;
	const size_t hello = 2 + 32 + 1 + 3 + 2 + 6, list = 2 * (3 + leaf.length);

	messages.length = sent.length = 0;
	put(&messages, (const uint8_t[]){ 2, 0, 0, (uint8_t)hello, 3, 3 }, 6);
	memset(messages.bytes + messages.length, 'r', 32);
	messages.length += 32;
	put(&messages, (const uint8_t[]){ 0, 0xc0, 0x2f, 0, 0, 6, 0, 43, 0, 2 }, 10);
	put(&messages, (const uint8_t[]){ (uint8_t)(version >> 8), (uint8_t)version }, 2);
	put(&messages, (const uint8_t[]){ 11, 0, 0, 0, 0, 0, 0 }, 7);
	sf_store_be16(messages.bytes + messages.length - 5, (uint16_t)(list + 3));
	sf_store_be16(messages.bytes + messages.length - 2, (uint16_t)list);
	for (unsigned i = 0; i < 2; i++) {
		put(&messages,
			(const uint8_t[]){ 0, (uint8_t)(leaf.length >> 8), (uint8_t)leaf.length },
			3);
		put(&messages, leaf.bytes, leaf.length);
	}
	for (size_t at = 0; at < messages.length; at += part)
		put_record(HANDSHAKE, messages.bytes + at,
			messages.length - at < part ? messages.length - at : part);
}

static struct sf_apps *apps;
static struct sf_app told;

static void begin(void)
{
	ck_assert_int_eq(
		sf_apps_new(&apps, SF_FACT_SET(app) | SF_FACT_SET(tls) | SF_FACT_SET(certificate)),
		0);
	ck_assert_int_eq(sf_apps_limit(apps, 1000, 15 * INT64_C(1000000000)), 0);
}

/*
 * A segment of a flow with the bytes sent[from … to-1]. Returns the rank of what is told, into
 * `told`; -1: nothing is told. *wants: whether further segments of the direction are looked at.
 */
static int segment(unsigned flow, size_t from, size_t to, bool *wants)
{
	const uint32_t length = (uint32_t)(to - from);
	uint8_t *bytes = calloc(1, HEADERS + length);
	struct sf_packet packet = { .data = bytes, .captured = HEADERS + length };
	struct sf_facts facts = { .version = 4,
		.protocol = 6,
		.address = 1,
		.ports = 443u << 16 | (1000 + flow),
		.octets = HEADERS + length,
		.flags = SF_FACT_TCP };

	ck_assert_ptr_nonnull(bytes);
	bytes[0] = 0x45;
	bytes[32] = 0x50;
	sf_store_be32(bytes + 24, 5000 + (uint32_t)from);
	memcpy(bytes + HEADERS, sent.bytes + from, length);
	sf_apps_look(apps, &packet, &facts);
	free(bytes);
	*wants = sf_apps_wants(apps, &facts);
	if (!(facts.tcp_flags & SF_TCP_FLAGS_APP))
		return -1;
	told = *facts.app;
	return told.rank;
}

static bool is_text(unsigned i, const char *text)
{
	const uint8_t *p = sf_app_text(&told, i);

	return *p == strlen(text) && !memcmp(p + 1, text, *p);
}

static bool is_example(void)
{
	return told.number[0] == TLS12 && told.number[1] == 0xc02f && told.flags == SF_APP_ANSWER &&
	       is_text(SF_APP_TLS_COMMON_NAME, "example.com") &&
	       is_text(SF_APP_TLS_DNS_NAME, "www.example.com");
}

START_TEST(certificates_follow_hellos)
{
	static const size_t parts[] = { 5000, 50, 52, 1400, 100 };
	bool wants;

	names((struct wanted){ "example.com", "www.example.com", .padding = 700 });
	begin();
	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		make_handshake(TLS12, parts[i]);
		ck_assert_int_eq(segment(i, 0, sent.length, &wants), SF_APP_READ_ON);
		ck_assert(is_example());
		ck_assert(!wants);
	}
	sf_apps_free(apps);
}
END_TEST

/* Cut in two anywhere behind the hello: its own segment tells the hello, the next one the names. */
START_TEST(certificates_come_in_pieces)
{
	bool wants;
	int rank;

	names((struct wanted){ "example.com", "www.example.com", .padding = 300 });
	begin();
	make_handshake(TLS12, 400);
	for (size_t cut = 20; cut < 5 + 50 + 10 + leaf.length; cut++) {
		rank = segment((unsigned)cut, 0, cut, &wants);
		ck_assert(wants);
		ck_assert_int_eq(rank, cut < 5 + 50 ? SF_APP_NAMED : SF_APP_READ);
		ck_assert(rank != SF_APP_READ || is_text(SF_APP_TLS_COMMON_NAME, ""));
		ck_assert_int_eq(segment((unsigned)cut, cut, sent.length, &wants), SF_APP_READ_ON);
		ck_assert(is_example());
		ck_assert(!wants);
	}
	/* in three, the second of which is missing at first */
	segment(1, 0, 100, &wants);
	ck_assert_int_eq(segment(1, 300, sent.length, &wants), SF_APP_READ);
	ck_assert(wants);
	ck_assert_int_eq(segment(1, 100, 300, &wants), SF_APP_READ_ON);
	ck_assert(is_example());
	sf_apps_free(apps);
}
END_TEST

/* Of a certificate that is longer than what is kept the names in front are read. */
START_TEST(long_certificates)
{
	bool wants;
	int rank = 0;

	names((struct wanted){ "example.com", "www.example.com", .padding = 6500 });
	begin();
	make_handshake(TLS12, 16000);
	sent.length = sent.length < 7000 ? sent.length : 7000;
	for (size_t at = 0; at + 1000 <= sent.length && rank < SF_APP_READ_ON; at += 1000)
		rank = segment(1, at, at + 1000, &wants);
	ck_assert_int_eq(rank, SF_APP_READ_ON);
	ck_assert(is_text(SF_APP_TLS_COMMON_NAME, "example.com"));
	ck_assert(is_text(SF_APP_TLS_DNS_NAME, ""));
	ck_assert(!wants);
	sf_apps_free(apps);
}
END_TEST

/* What has no certificate is not waited for. */
START_TEST(no_certificate_follows)
{
	static const uint8_t change = 1;
	const size_t hello = 5 + 50;
	bool wants;

	names((struct wanted){ "example.com", "www.example.com" });
	begin();
	make_handshake(TLS13, 5000);
	ck_assert_int_eq(segment(1, 0, hello, &wants), SF_APP_READ);
	ck_assert(!wants);
	/* a session that goes on */
	make_handshake(TLS12, 50);
	sent.length = hello;
	put_record(CHANGE_CIPHER, &change, 1);
	ck_assert_int_eq(segment(2, 0, sent.length, &wants), SF_APP_READ);
	ck_assert(!wants);
	ck_assert_int_eq(segment(3, 0, hello, &wants), SF_APP_READ);
	ck_assert(wants);
	ck_assert_int_eq(segment(3, hello, sent.length, &wants), SF_APP_READ);
	ck_assert(!wants);
	/* lengths that contradict each other */
	make_handshake(TLS12, 5000);
	sent.bytes[hello + 3]--;
	ck_assert_int_eq(segment(4, 0, sent.length, &wants), SF_APP_READ);
	ck_assert(!wants);
	/* no certificate */
	make_handshake(TLS12, 5000);
	sent.bytes[hello + 10]++;
	ck_assert_int_eq(segment(5, 0, sent.length, &wants), SF_APP_READ);
	ck_assert(!wants);
	sf_apps_free(apps);
}
END_TEST

CHECK_MAIN("certificate", names_are_read, cut_certificates, hostile_certificates_are_harmless,
	certificates_follow_hellos, certificates_come_in_pieces, long_certificates,
	no_certificate_follows)
