/* SPDX-License-Identifier: BSD-2-Clause */
/* Anonymisation of encoded records. Crypto-PAn needs a module: cli files has its vectors. */
#include "base/element_id.h"
#include "encode/anonymize.h"
#include "export_support.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct sf_anonymizer *anonymizer_of(const char *value, bool mac)
{
	struct sf_anonymize_options options = { 0 };
	struct sf_anonymizer *anonymizer;

	ck_assert(!*value || sf_anonymize_parse(&options, value));
	options.mac = mac;
	ck_assert_int_eq(sf_anonymizer_new(&anonymizer, &options, NULL), 0);
	return anonymizer;
}

START_TEST(values_are_read)
{
	static const struct {
		const char *value;
		bool allowed;
		unsigned bits4, bits6;
	} cases[] = { { "truncate", true, 24, 48 }, { "truncate:0/0", true, 0, 0 },
		{ "truncate:31/127", true, 31, 127 }, { "truncate:16/40", true, 16, 40 },
		{ "truncate:32/48", false, 0, 0 }, { "truncate:24/128", false, 0, 0 },
		{ "truncate:24", false, 0, 0 }, { "truncate:", false, 0, 0 },
		{ "truncate:-1/4", false, 0, 0 }, { "truncate:24/48x", false, 0, 0 },
		{ "truncated", false, 0, 0 }, { "", false, 0, 0 }, { "cryptopan:", false, 0, 0 },
		{ "cryptopan:k", true, 0, 0 }, { "cryptopan", false, 0, 0 } };

	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct sf_anonymize_options options = { 0 };

		ck_assert_msg(sf_anonymize_parse(&options, cases[i].value) == cases[i].allowed,
			"%s", cases[i].value);
		if (!cases[i].allowed)
			continue;
		ck_assert_uint_eq(options.bits4, cases[i].bits4);
		ck_assert_uint_eq(options.bits6, cases[i].bits6);
		ck_assert(options.mac);
	}
}
END_TEST

/* Every element whose type is an address, of both directions, behind values of any length. */
START_TEST(every_address_is_truncated)
{
	static const struct sf_spec specs[] = { { 0, SF_IE_sourceIPv4Address, 4 },
		{ SF_PEN_SPANFLOW, 10, SF_LENGTH_VARIABLE },
		{ 0, SF_IE_destinationIPv6Address, 16 }, { 0, SF_IE_ipNextHopIPv4Address, 4 },
		{ 0, SF_IE_bgpNextHopIPv6Address, 16 },
		{ SF_PEN_REVERSE, SF_IE_ipNextHopIPv4Address, 4 }, { SF_PEN_SPANFLOW, 18, 4 },
		{ SF_PEN_SPANFLOW, 21, 16 }, { 0, 225, 4 }, { 0, SF_IE_sourceMacAddress, 6 },
		{ SF_PEN_REVERSE, SF_IE_sourceMacAddress, 6 }, { 0, SF_IE_flowId, 8 },
		{ 0, SF_IE_octetDeltaCount, 8 } };
	struct sf_anonymizer *anonymizer = anonymizer_of("truncate:20/44", true);
	uint8_t records[512], *p = records;

	for (unsigned k = 0; k < 2; k++)
		for (unsigned i = 0; i < COUNT(specs); i++) {
			unsigned length = specs[i].length;

			if (length == SF_LENGTH_VARIABLE) {
				length = 3 + k;
				*p++ = (uint8_t)length;
			}
			memset(p, i == 3 ? 0 : 0xff, length);
			p += length;
		}
	sf_anonymize_records(anonymizer, specs, COUNT(specs), records, p);
	p = records;
	for (unsigned k = 0; k < 2; k++)
		for (unsigned i = 0; i < COUNT(specs); i++) {
			unsigned length = specs[i].length;
			static const uint8_t four[4] = { 255, 255, 240, 0 },
					     six[16] = { 255, 255, 255, 255, 255, 240 },
					     mac[6] = { 255, 255, 255 }, none[16];

			if (length == SF_LENGTH_VARIABLE)
				length = *p++;
			if (i == 3 || i == 11)
				ck_assert_mem_eq(p, none, length);
			else if (length == 6)
				ck_assert_mem_eq(p, mac, 6);
			else if (specs[i].length == 4)
				ck_assert_mem_eq(p, four, 4);
			else if (length == 16)
				ck_assert_mem_eq(p, six, 16);
			else
				ck_assert_uint_eq(p[length - 1], 255);
			p += length;
		}
	sf_anonymizer_free(anonymizer);
}
END_TEST

/* RFC 6235 §4.2: 2 is truncation, and it is stable. */
START_TEST(techniques_are_told)
{
	struct sf_anonymizer *both = anonymizer_of("truncate", true),
			     *mac = anonymizer_of("", true);
	const struct sf_spec address = { 0, SF_IE_sourceIPv4Address, 4 },
			     maker = { 0, SF_IE_destinationMacAddress, 6 },
			     port = { 0, SF_IE_sourceTransportPort, 2 };
	uint16_t technique, flags;

	ck_assert(sf_anonymize_technique(both, &address, &technique, &flags));
	ck_assert_uint_eq(technique, 2);
	ck_assert_uint_eq(flags, 3);
	ck_assert(sf_anonymize_technique(both, &maker, &technique, &flags));
	ck_assert(!sf_anonymize_technique(both, &port, &technique, &flags));
	ck_assert(!sf_anonymize_technique(mac, &address, &technique, &flags));
	ck_assert(sf_anonymize_technique(mac, &maker, &technique, &flags));
	sf_anonymizer_free(both);
	sf_anonymizer_free(mac);
}
END_TEST

START_TEST(fields_that_tell_addresses_are_refused)
{
	/* and all of them at once */
	static const struct {
		const char *fields, *told;
	} cases[] = {
		{ "default+communityId", "the field communityId exclude" },
		{ "dns", "dnsQueryName, dnsFirstAnswer exclude" },
		{ "default+tlsServerName", "leave it out: fields=...-tlsServerName" },
		{ "tls", "tlsServerName, tlsCertificateCommonName, tlsCertificateDnsName exclude" },
		{ "default+communityId+http",
			"the fields communityId, httpRequestHost, httpRequestTarget exclude each other: they tell "
			"addresses or hosts; leave them out: fields=...-communityId-httpRequestHost"
			"-httpRequestTarget" },
	};
	struct sf_exporter *exporter;
	struct sf_error error;
	char url[128];

	for (unsigned i = 0; i < COUNT(cases); i++) {
		ck_assert_int_eq(
			sf_exporter_new(&exporter, &(struct sf_exporter_options){ 0 }, NULL), 0);
		snprintf(url, sizeof(url), "ipfix://127.0.0.1:9,fields=%s,anonymize=truncate",
			cases[i].fields);
		ck_assert_int_eq(sf_exporter_add_collector(exporter, url, &error), SF_EUSAGE);
		ck_assert_msg(strstr(error.text, cases[i].told) != NULL, "%s", error.text);
		sf_exporter_free(exporter);
	}
}
END_TEST

CHECK_MAIN("export_anonymize", values_are_read, every_address_is_truncated, techniques_are_told,
	fields_that_tell_addresses_are_refused)
