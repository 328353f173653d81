/* SPDX-License-Identifier: BSD-2-Clause */
/* The collecting process against hostile input: what it refuses, and what it bounds. */
#include "collect_support.h"

/* Templates that no record can be decoded with, and the templates behind them in the same set */
/* [RFC5471-3.4.1-1] [RFC5471-3.6.4-1] */
START_TEST(test_templates_refused)
{
	start(0);
	/* a field of no octets; then a good one */
	ck_assert_int_eq(feed_ipfix(0, "00020014 01000001 00520000 01010001 00010004"
				       "01000008 00000006 01010008 00000007"),
		0);
	ck_assert_uint_eq(stats.templates_refused, 1);
	ck_assert_uint_eq(stats.missing_template, 1);
	ck_assert_uint_eq(seen.count, 1);
	/* RFC 7011 §3.4.2.2: scope count 0; RFC 5471 §3.6.4: fewer fields than scopes; id < 256 */
	ck_assert_int_eq(feed_ipfix(0, "0003000e 01020001 0000 00010004"), 0);
	ck_assert_int_eq(feed_ipfix(0, "0003000e 01020001 0002 00010004"), 0);
	ck_assert_int_eq(feed_ipfix(0, "0002000c 00ff0001 00010004"), 0);
	ck_assert_uint_eq(stats.templates_refused, 4);
	/* more fields than the set has room for */
	ck_assert_int_eq(feed_ipfix(0, "0002000c 01000002 00010004"), SF_ECORRUPT);
	ck_assert_int_eq(feed_ipfix(0, "0002000c 01000001 80010004"), SF_ECORRUPT);
	/* a count of 0 means nothing in v9 */
	ck_assert_int_eq(feed("00090001 000f4240 65000000 00000000 00000001 00000008 01010000"), 0);
	ck_assert_uint_eq(stats.templates_refused, 5);
	ck_assert_uint_eq(stats.templates, 1);
	end();
}
END_TEST

/* SF_COLLECT_FIELDS_MAX fields are the most */
/* [RFC5471-3.5.3-1] */
START_TEST(test_largest_template)
{
	static uint8_t bytes[16 + 8 + 4 * 513 + 12];

	start(0);
	for (unsigned fields = 512; fields <= 513; fields++) {
		uint8_t *p = bytes;

		p = sf_store_be16(p, 10);
		p = sf_store_be16(p, (uint16_t)(16 + 8 + 4 * fields + 8));
		p = sf_store_be32(p, 0);
		p = sf_store_be32(p, 0);
		p = sf_store_be32(p, 1);
		p = sf_store_be16(p, 2);
		p = sf_store_be16(p, (uint16_t)(8 + 4 * fields + 8));
		p = sf_store_be16(p, (uint16_t)(fields));
		p = sf_store_be16(p, (uint16_t)fields);
		for (unsigned i = 0; i < fields; i++)
			p = sf_store_be32(p, 5 << 16 | 1);
		/* and one more behind it */
		p = sf_store_be32(p, 0x02580001);
		p = sf_store_be32(p, 0x00010004);
		ck_assert_int_eq(
			sf_collector_message(collector, "x", bytes, (size_t)(p - bytes), &error),
			0);
	}
	sf_collector_stats(collector, &stats);
	ck_assert_uint_eq(stats.templates_refused, 1);
	ck_assert_uint_eq(stats.templates, 3);
	end();
}
END_TEST

/* a message of 65535 octets, with one record that fills it */
/* [RFC7011-10-1] */
START_TEST(test_longest_message)
{
	enum { HEADER = 16, TEMPLATE_SET = 16, RECORD = 65535 - HEADER - TEMPLATE_SET - 4 };
	static uint8_t bytes[65535];
	uint8_t *p = bytes;

	p = sf_store_be16(p, 10);
	p = sf_store_be16(p, 65535);
	p += 8; /* time and sequence */
	p = sf_store_be32(p, 1);
	p = sf_store_be32(p, 2 << 16 | TEMPLATE_SET);
	p = sf_store_be32(p, 256 << 16 | 2);
	p = sf_store_be32(p, 210 << 16 | (RECORD - 4));
	p = sf_store_be32(p, 1 << 16 | 4);
	p = sf_store_be32(p, 256 << 16 | (RECORD + 4));
	sf_store_be32(bytes + 65535 - 4, 7);
	start(0);
	ck_assert_int_eq(sf_collector_message(collector, "x", bytes, 65535, &error), 0);
	sf_collector_stats(collector, &stats);
	ck_assert_uint_eq(stats.records, 1);
	ck_assert_uint_eq(stats.octets, 7);
	end();
}
END_TEST

/* memory stays bounded: templates and senders beyond max_templates are refused and counted */
/* [RFC5471-3.5.4-1] */
START_TEST(test_bounded)
{
	char name[32], text[128];

	start(8);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(text, sizeof(text),
			"000a001c 65000000 00000000 00000001 0002000c %04x0001 00010004", 256 + i);
		ck_assert_int_eq(feed_from("a", text), 0);
	}
	ck_assert_uint_eq(stats.templates, 8);
	ck_assert_uint_eq(stats.templates_refused, 12);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "sender %u", i);
		ck_assert_int_eq(
			feed_from(name, "000a0028 65000000 00000000 00000001 0002000c 01000001 "
					"00010004 0100000c 00000001 00000002"),
			0);
	}
	ck_assert_uint_eq(seen.count, 0);
	ck_assert_uint_eq(stats.missing_template, 20);
	/* the first one is still served, and may define its ids anew */
	ck_assert_int_eq(
		feed_from("a", "000a0024 65000000 00000000 00000001 0002000c 01000001 00020004"
			       "01000008 00000003"),
		0);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_uint_eq(seen.record[0].flow.half[0].packets, 3);
	end();
}
END_TEST

/* RFC 7011 §9.1, RFC 5471 §3.6.4: lengths that make no sense; what came before them counts */
/* [RFC5471-3.6.5-1] */
START_TEST(test_malformed)
{
	static const struct {
		const char *hex, *where;
	} cases[] = {
		{ "000a", "byte 0: 2 bytes" },
		{ "000a000f 65000000 00000000 00000001", "byte 2: message length 15" },
		{ "000a0020 65000000 00000000 00000001", "byte 2: message length 32" },
		{ "000a0012 65000000 00000000 00000001 0001", "byte 16: 2 bytes left" },
		{ "000a0014 65000000 00000000 00000001 01000000", "byte 18: length 0" },
		{ "000a0014 65000000 00000000 00000001 01000003", "byte 18: length 3" },
		{ "000a0014 65000000 00000000 00000001 01000005", "byte 18: length 5" },
		{ "000a0010 65000000 00000000 00000001 01", "byte 16: 1 bytes follow" },
		{ "00090000 65000000 00000000", "byte 0: 12 bytes" },
		{ "00090001 000f4240 65000000 00000000 00000001 0001000e 01000003 00040000 0000",
			"byte 26: lengths 3 and 4" },
	};

	start(0);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_int_eq(feed(cases[i].hex), SF_ECORRUPT);
		ck_assert_msg(strstr(error.text, cases[i].where), "%s", error.text);
		ck_assert_uint_eq(stats.malformed, i + 1);
	}
	ck_assert_int_eq(feed("0001"), SF_ECORRUPT);
	ck_assert_int_eq(feed(""), SF_ECORRUPT);
	ck_assert_uint_eq(stats.unknown_version, 1);
	/* a good set, then a bad one */
	ck_assert_int_eq(feed_ipfix(0, "0002000c 01000001 00010004 01000008 00000006 01000000"),
		SF_ECORRUPT);
	ck_assert_uint_eq(seen.count, 1);
	end();
}
END_TEST

/* Every prefix of a message: no fault, and no record beyond the bytes that it has */
/* [RFC5471-3.6.6-1] */
START_TEST(test_truncation)
{
	size_t length;
	uint8_t *bytes = unhex(A1_IPFIX, &length);

	start(0);
	for (size_t n = 0; n < length; n++) {
		uint8_t *exact = malloc(n ? n : 1);

		memcpy(exact, bytes, n);
		ck_assert_int_eq(
			sf_collector_message(collector, "x", exact, n, &error), SF_ECORRUPT);
		free(exact);
	}
	ck_assert_uint_eq(seen.count, 0);
	free(bytes);
	end();
}
END_TEST

static char refusal[256];
static unsigned refusals;

static void on_refusal(void *context, const char *exporter, const char *text)
{
	ck_assert_ptr_eq(context, &seen);
	snprintf(refusal, sizeof(refusal), "%s: %s", exporter, text);
	refusals++;
}

/* The first refused template of each exporter is reported with its reason. */
START_TEST(test_refusals_are_told)
{
	static const struct {
		const char *sets, *words;
	} cases[] = {
		{ "0002000c 01000001 00520000", "template 256 of domain 1 is refused: all its "
						"fields have the length 0" },
		{ "0003000e 01020001 0000 00010004", "it is an options template without a scope" },
		{ "0003000e 01020001 0002 00010004", "it has more scope fields than fields" },
		{ "0002000c 00ff0001 00010004", "its number is below 256" },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sf_collector_options options = {
			.refused = on_refusal,
			.context = &seen,
		};

		refusals = 0;
		ck_assert_int_eq(sf_collector_new(&collector, &options, &error), 0);
		for (unsigned again = 0; again < 3; again++)
			ck_assert_int_eq(feed_ipfix(0, cases[i].sets), 0);
		ck_assert_uint_eq(refusals, 1);
		ck_assert_msg(strstr(refusal, cases[i].words), "%s", refusal);
		ck_assert_msg(strstr(refusal, "192.0.2.1:4000: "), "%s", refusal);
		ck_assert_uint_eq(stats.templates_refused, 3);
		sf_collector_free(collector);
	}
}
END_TEST

/* Zeros behind the last set of a message or behind the message, in each protocol */
START_TEST(test_zero_tails)
{
	char text[512];

	start(0);
	for (unsigned zeros = 1; zeros <= 40; zeros++) {
		char tail[81] = "", length[5];

		memset(tail, '0', 2 * zeros);
		snprintf(text, sizeof(text),
			V5("00000000", "000186a0", "00009c40", "000184ac") "%s", tail);
		ck_assert_int_eq(feed(text), 0);
		snprintf(text, sizeof(text),
			"00090001 000f4240 65000000 00000000 00000001"
			"0000000c 01000001 00010004 01000008 00000005 %s",
			tail);
		ck_assert_int_eq(feed(text), 0);
		/* in an IPFIX message, and behind it */
		snprintf(length, sizeof(length), "%04x", 36 + zeros);
		snprintf(text, sizeof(text),
			"000a %s 65000000 00000000 00000001"
			"0002000c 01000001 00010004 01000008 00000005 %s",
			zeros % 2 ? length : "0024", tail);
		ck_assert_int_eq(feed(text), 0);
		ck_assert_uint_eq(seen.count, 3);
		ck_assert_uint_eq(stats.malformed, 0);
		/* but not anything */
		text[strlen(text) - 1] = '1';
		ck_assert_int_eq(feed(text), SF_ECORRUPT);
		end();
		start(0);
	}
	end();
}
END_TEST

/*
 * Fields without octets make records that cost their sender one octet for hundreds of fields: work
 * and output stay in proportion to the message, and what is left out is counted.
 */
START_TEST(test_fields_without_octets_are_bounded)
{
	enum { DATA = 60000, FIELDS = 512 };
	static uint8_t bytes[16 + 4 + DATA];
	uint8_t *p = bytes;
	struct sf_collector_options options = { .max_templates = 0 };

	for (unsigned variable = 0; variable < 2; variable++) {
		ck_assert_int_eq(sf_collector_new(&collector, &options, &error), 0);
		p = sf_store_be32(bytes, 10 << 16 | (16 + 8 + 4 * FIELDS));
		p = sf_store_be32(sf_store_be64(p, UINT64_C(0x65000000) << 32), 1);
		p = sf_store_be32(p, 2 << 16 | (8 + 4 * FIELDS));
		p = sf_store_be32(p, 256 << 16 | FIELDS);
		for (unsigned i = 0; i < FIELDS - 1; i++)
			p = sf_store_be32(p, (82 + i % 2) << 16);
		p = sf_store_be32(p, 4 << 16 | (variable ? 0xffff : 1));
		ck_assert_int_eq(
			sf_collector_message(collector, "a", bytes, (size_t)(p - bytes), &error),
			0);
		p = sf_store_be32(bytes, 10u << 16 | sizeof(bytes));
		p = sf_store_be32(sf_store_be64(p, UINT64_C(0x65000000) << 32), 1);
		p = sf_store_be32(p, 256u << 16 | (4 + DATA));
		memset(p, 0, DATA);
		ck_assert_int_eq(
			sf_collector_message(collector, "a", bytes, sizeof(bytes), &error), 0);
		sf_collector_stats(collector, &stats);
		ck_assert_uint_eq(stats.records, (sizeof(bytes) + FIELDS) / (FIELDS - 1));
		ck_assert_uint_eq(stats.sets_cut, 1);
		ck_assert_uint_eq(stats.malformed, 0);
		sf_collector_free(collector);
	}
	/* a few of them in each record, as real exporters send, do no harm */
	start(0);
	ck_assert_int_eq(feed_ipfix(0, "00020014 01000003 00520000 00530000 00010004"
				       "01000014 00000001 00000002 00000003 00000004"),
		0);
	ck_assert_uint_eq(seen.count, 4);
	ck_assert_uint_eq(stats.sets_cut, 0);
	end();
}
END_TEST

/* Names that occur twice are numbered in long records as in short ones. */
START_TEST(test_many_names)
{
	enum { FIELDS = 300 };
	static char text[64 + 10 * FIELDS + 4 * FIELDS + 64];
	char *p = text;

	start(0);
	p += sprintf(p, "%04x%04x %04x%04x", 2, 8 + 4 * FIELDS, 256, FIELDS);
	for (unsigned i = 0; i < FIELDS; i++)
		p += sprintf(p, " %04x0001", 4 + i % 3);
	p += sprintf(p, " 0100%04x ", 4 + FIELDS);
	for (unsigned i = 0; i < FIELDS; i++)
		p += sprintf(p, "%02x", i % 256);
	ck_assert_int_eq(feed_ipfix(0, text), 0);
	ck_assert_ptr_nonnull(strstr(seen.json[0], "{\"protocolIdentifier\":0,"
						   "\"ipClassOfService\":1,\"tcpControlBits\":2,"
						   "\"protocolIdentifier_2\":3,"));
	ck_assert_ptr_nonnull(strstr(seen.json[0], ",\"tcpControlBits_100\":43" FROM));
	end();
}
END_TEST

CHECK_MAIN("collect_hostile", test_templates_refused, test_largest_template, test_longest_message,
	test_bounded, test_malformed, test_truncation, test_refusals_are_told, test_zero_tails,
	test_fields_without_octets_are_bounded, test_many_names);
