/* SPDX-License-Identifier: BSD-2-Clause */
/* Profiles of destinations, and the options data that they send or leave out. */
#include "export_support.h"

#include "export/url.h"
#include "export/wire_profile.h"

/* ---------------------------------------------------------------- profiles */

static void read_url(struct sf_url *url, const char *scheme, const char *rest)
{
	struct sf_error error = { 0 };
	char text[200];

	snprintf(text, sizeof(text), "%s192.0.2.1,%s", scheme, rest);
	ck_assert_msg(sf_url_collector(url, text, &error) == 0, "%s", error.text);
}

static const char *first_scheme(const struct sf_wire_profile *profile)
{
	return profile->to & SF_URL_TO_IPFIX      ? "ipfix://"
	       : profile->to & SF_URL_TO_NETFLOW9 ? "netflow9://"
						  : "netflow5://";
}

static bool has_item(const struct sf_fields *fields, const char *name)
{
	for (unsigned i = 0; i < fields->count; i++)
		if (!strcmp(sf_field_row(fields->items[i].field)->name, name))
			return true;
	return false;
}

static bool has_enterprise(const struct sf_fields *fields)
{
	for (unsigned i = 0; i < fields->count; i++)
		if (sf_field_row(fields->items[i].field)->pen)
			return true;
	return false;
}

/* Every profile can be chosen for what it says it can, and what its row says is what is sent. */
START_TEST(every_profile_is_what_its_row_says)
{
	static struct sf_url url;
	const struct sf_wire_profile *profile;

	for (unsigned i = 0; (profile = sf_wire_profile(i)); i++) {
		char option[40];

		snprintf(option, sizeof(option), "profile=%s", profile->name);
		read_url(&url, first_scheme(profile), option);
		ck_assert_ptr_eq(url.profile, profile);
		ck_assert_uint_eq(url.session.options_data, profile->options);
		ck_assert_int_eq((int)url.session.sampling, (int)profile->sampling);
		ck_assert_uint_eq(url.session.rate, profile->rate ? profile->rate : 100000);
		if (!(profile->to & SF_URL_TO_IPFIX))
			continue;
		ck_assert_int_eq(url.session.biflow, profile->biflow);
		ck_assert_int_eq(has_enterprise(url.session.fields), profile->enterprise);
		/* the sampler that records name is the one that options data tell the rate of */
		ck_assert_int_eq(has_item(url.session.fields, "selectorId"),
			profile->sampling == SF_SAMPLING_SELECTOR);
		/* what collectors cannot do without */
		ck_assert(has_item(url.session.fields, "octetDeltaCount"));
		ck_assert(has_item(url.session.fields, "packetDeltaCount"));
		ck_assert(has_item(url.session.fields, "flowStartMilliseconds"));
	}
	ck_assert_uint_ge(url.session.fields->count, 20);
}
END_TEST

START_TEST(other_options_change_what_a_profile_sets)
{
	static struct sf_url url;

	/* wherever they stand */
	read_url(&url, "ipfix://", "biflow=no,rate=7,profile=silk");
	ck_assert(!url.session.biflow);
	ck_assert_uint_eq(url.session.rate, 7);
	ck_assert(has_item(url.session.fields, "initialTCPFlags"));
	read_url(&url, "netflow9://", "profile=argus,rate=9");
	ck_assert_uint_eq(url.session.rate, 9);
	read_url(&url, "ipfix://", "fields=+minimumTTL-vlanId,profile=nfdump");
	ck_assert(has_item(url.session.fields, "minimumTTL"));
	ck_assert(has_item(url.session.fields, "samplerId"));
	ck_assert(!has_item(url.session.fields, "vlanId"));
	ck_assert(!has_enterprise(url.session.fields));
	read_url(&url, "ipfix://", "profile=nfdump,options=yes");
	ck_assert_uint_eq(url.session.options_data, SF_OPTIONS(sampling));
	read_url(&url, "ipfix://", "options=+interfaces,profile=nfdump");
	ck_assert_uint_eq(url.session.options_data, SF_OPTIONS(sampling) | SF_OPTIONS(interfaces));
	read_url(&url, "ipfix://", "options=-flowkeys-types");
	ck_assert_uint_eq(url.session.options_data,
		SF_OPTIONS_ALL & ~SF_OPTIONS(flowkeys) & ~SF_OPTIONS(types));
	read_url(&url, "ipfix://", "options=statistics+types");
	ck_assert_uint_eq(url.session.options_data, SF_OPTIONS(statistics) | SF_OPTIONS(types));
	read_url(&url, "ipfix://", "profile=nfdump,options=all");
	ck_assert_uint_eq(url.session.options_data, SF_OPTIONS_ALL);
}
END_TEST

/* NetFlow v9 has no biflows and no enterprise elements: what is left is sent. */
START_TEST(a_profile_fits_each_protocol)
{
	static struct sf_url url;

	read_url(&url, "netflow9://", "profile=ipfixcol2");
	ck_assert(!url.session.biflow);
	ck_assert(!has_item(url.session.fields, "selectorId"));
	read_url(&url, "netflow5://", "profile=nfdump");
	ck_assert_ptr_null(url.session.fields);
}
END_TEST

/* The fields of `nfdump` are the default's for flows without a tunnel: so is the template's id. */
START_TEST(profiles_of_the_same_fields_have_the_same_template)
{
	uint16_t id[2];

	for (int i = 0; i < 2; i++) {
		struct sf_exporter *exporter =
			start(OFFLINE, IPFIX, i ? ",profile=nfdump" : ",profile=default");
		struct sf_flow flow = flow_ipv4(0);

		put(exporter, &flow);
		finish(exporter);
		id[i] = flow_record(reader, 0)->template->id;
		end();
	}
	ck_assert_uint_eq(id[0], id[1]);
}
END_TEST

/* ---------------------------------------------------------------- the table of fields */

/* [RFC7011-6.2-2] Only whole numbers may be shorter than their type. */
/* [RFC7011-6.1.2-1] */
START_TEST(only_numbers_are_shorter_than_their_type)
{
	const struct sf_field_row *row;

	for (unsigned i = 0; (row = sf_field_row(i)); i++) {
		const struct sf_element *element = sf_element_find(row->pen, row->id);

		ck_assert_msg(element != NULL, "%s", row->name);
		switch ((enum sf_type)element->type) {
		case SF_TYPE_U8:
			ck_assert_uint_eq(row->length, 1);
			break;
		case SF_TYPE_MAC:
			ck_assert_uint_eq(row->length, 6);
			break;
		case SF_TYPE_IPV4:
		case SF_TYPE_SECONDS:
			ck_assert_uint_eq(row->length, 4);
			break;
		case SF_TYPE_MILLISECONDS:
		case SF_TYPE_MICROSECONDS:
		case SF_TYPE_NANOSECONDS:
			ck_assert_uint_eq(row->length, 8);
			break;
		case SF_TYPE_IPV6:
			ck_assert_uint_eq(row->length, 16);
			break;
		default:
			ck_assert_uint_gt(row->length, 0);
		}
	}
}
END_TEST

/* [RFC5103-6.1-1] The elements of RFC 5102 §5.1, §5.2 and §5.3 have no reverse. */
START_TEST(what_cannot_be_reversed_is_not)
{
	static const uint16_t ids[] = { 148, 145, 149, 137, 130, 131, 217, 211, 212, 213, 214, 215,
		216, 173, 40, 41, 42, 163, 164, 165, 166, 167, 168, 210, 239 };
	const struct sf_field_row *row;

	for (unsigned i = 0; (row = sf_field_row(i)); i++)
		for (size_t k = 0; k < sizeof(ids) / sizeof(ids[0]); k++)
			ck_assert_msg(row->pen || row->id != ids[k] || !row->each, "%s", row->name);
}
END_TEST

/* ---------------------------------------------------------------- options data */

static unsigned count_records(uint16_t element)
{
	unsigned count = 0;

	for (unsigned i = 0; i < reader->record_count; i++)
		count += reader->records[i].template->scopes &&
			 has_field(&reader->records[i], 0, element);
	return count;
}

/* Each group by itself: its templates and records are there, no others are. */
START_TEST(each_group_can_be_sent_alone)
{
	static const struct {
		const char *option;
		uint16_t elements[3]; /* one of each kind */
	} groups[] = {
		{ ",options=sampling", { 50 } },
		{ ",options=statistics", { 41, 160 } },
		{ ",options=reliability", { 164, 166 } },
		{ ",options=flowkeys", { 173 } },
		{ ",options=types", { 339 } },
		{ ",options=timeouts", { 36 } },
	};
	const struct sf_exporter_options known = {
		.packet_clock = true, .active_timeout_ns = 60 * S, .idle_timeout_ns = 15 * S
	};

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		struct sf_exporter *exporter = start(&known, IPFIX, groups[i].option);
		unsigned expected = 0, options = 0;

		put_many(exporter, 3);
		finish(exporter);
		for (unsigned k = 0; k < 3 && groups[i].elements[k]; k++) {
			ck_assert_uint_gt(count_records(groups[i].elements[k]), 0);
			expected += count_records(groups[i].elements[k]);
		}
		for (unsigned k = 0; k < reader->message_count; k++)
			options += reader->messages[k].options;
		ck_assert_uint_eq(options, expected);
		end();
	}
}
END_TEST

/*
 * Seconds, rounded up, in IPFIX and NetFlow v9; never and too long are the largest number; unknown
 * ones are not told.
 */
START_TEST(timeouts_are_told)
{
	static const struct {
		int64_t active_ns, idle_ns;
		uint64_t active, idle;
	} cases[] = { { 60 * S, 15 * S, 60, 15 }, { 1, S + 1, 1, 2 },
		{ SF_TIMEOUT_NEVER, 65536 * S, 65535, 65535 } };

	for (unsigned i = 0; i < 6; i++) {
		const struct sf_exporter_options known = { .packet_clock = true,
			.active_timeout_ns = cases[i / 2].active_ns,
			.idle_timeout_ns = cases[i / 2].idle_ns };
		struct sf_exporter *exporter = start(&known, i % 2 ? NETFLOW9 : IPFIX, "");

		put_many(exporter, 3);
		finish(exporter);
		ck_assert_uint_eq(field(options_record(reader, 36), 0, 36), cases[i / 2].active);
		ck_assert_uint_eq(field(options_record(reader, 36), 0, 37), cases[i / 2].idle);
		end();
	}
}
END_TEST

static const struct record *flow_key_of(uint16_t id)
{
	const struct record *found = NULL;

	for (unsigned i = 0; i < reader->record_count; i++)
		if (reader->records[i].template->scopes && has_field(&reader->records[i], 0, 173) &&
			field(&reader->records[i], 0, 145) == id)
			found = &reader->records[i];
	return found;
}

static uint64_t bit_of(const struct record *record, uint16_t element)
{
	return UINT64_C(1) << field_index(record, 0, element, 0);
}

/* RFC 7011 §4.4 */
/* [RFC7011-4.4-1] [RFC5471-3.4.6-1] */
START_TEST(flow_keys_are_told)
{
	struct sf_exporter *exporter = start(OFFLINE, IPFIX, ",biflow=yes");
	struct sf_flow flow = flow_ipv4(0);
	const struct record *record, *key;

	put(exporter, &flow);
	answer(&flow);
	put(exporter, &flow);
	finish(exporter);
	for (unsigned i = 0; i < 2; i++) {
		record = flow_record(reader, i);
		key = flow_key_of(record->template->id);
		ck_assert_ptr_nonnull(key);
		ck_assert_uint_eq(key->template->scopes, 1);
		ck_assert_uint_eq(key->template->fields[0].id, 145);
		/* the 5-tuple and VLAN id; no reverse element is a key (RFC 6728 §4.3.3) */
		ck_assert_uint_eq(field(key, 0, 173),
			bit_of(record, 8) | bit_of(record, 12) | bit_of(record, 7) |
				bit_of(record, 11) | bit_of(record, 4) | bit_of(record, 60) |
				bit_of(record, 58) | bit_of(record, 243) | bit_of(record, 245));
	}
	end();
}
END_TEST

START_TEST(flow_keys_are_those_of_the_meter)
{
	struct sf_exporter_options options = { .packet_clock = true,
		.key = SF_KEY_ADDRESS | SF_KEY_INTERFACE | SF_KEY_TOS };
	struct sf_exporter *exporter = start(&options, IPFIX, "");
	struct sf_flow flow = flow_ipv4(0);
	const struct record *record;

	put(exporter, &flow);
	finish(exporter);
	record = flow_record(reader, 0);
	ck_assert_uint_eq(field(flow_key_of(record->template->id), 0, 173),
		bit_of(record, 8) | bit_of(record, 12) | bit_of(record, 60) | bit_of(record, 5) |
			bit_of(record, 10));
	end();
}
END_TEST

/* A template that is made when the first flow of its kind comes brings its flow key with it. */
START_TEST(flow_keys_of_later_templates_are_told)
{
	struct sf_exporter *exporter = start(OFFLINE, IPFIX, ",profile=extended");
	struct sf_flow flow = flow_ipv4(0);
	const struct record *record;

	put(exporter, &flow);
	flow.has |= SF_HAS_VLAN;
	put(exporter, &flow);
	finish(exporter);
	record = flow_record(reader, 1);
	ck_assert(has_field(record, 0, 58));
	ck_assert_ptr_nonnull(flow_key_of(record->template->id));
	ck_assert(field(flow_key_of(record->template->id), 0, 173) & bit_of(record, 58));
	end();
}
END_TEST

/* nfcapd takes options data for gaps: unless packets are sampled there are none. */
START_TEST(nfdump_is_told_a_rate_other_than_1)
{
	for (uint32_t interval = 1; interval <= 100; interval += 99) {
		struct sf_exporter_options options = { .packet_clock = true,
			.sampling_interval = interval };
		struct sf_exporter *exporter = start(&options, IPFIX, ",profile=nfdump");

		put_many(exporter, 3);
		finish(exporter);
		ck_assert_int_eq(options_record(reader, 50) != NULL, interval > 1);
		for (unsigned i = 0; i < reader->message_count && interval == 1; i++)
			ck_assert_uint_eq(reader->messages[i].options, 0);
		end();
	}
}
END_TEST

/* RFC 5610 §3.9: the golden record of tunnelId. */
/* [RFC7011-3.4.2.1-1] [RFC5471-3.3.1-1] [RFC5471-3.4.2-1] */
START_TEST(types_of_own_elements_are_told)
{
	static const uint8_t golden[] = { 0, 17, 0, 0, 0x7e, 0xd9, 3, 0, 't', 'u', 'n', 'n', 'e',
		'l', 'I', 'd', 0 };
	struct sf_exporter *exporter = start(OFFLINE, IPFIX, "");
	unsigned found = 0;

	put_many(exporter, 1);
	finish(exporter);
	for (unsigned i = 0; i < reader->record_count; i++) {
		const struct record *record = &reader->records[i];

		if (!record->template->scopes || !has_field(record, 0, 339))
			continue;
		ck_assert_uint_eq(record->template->scopes, 2);
		ck_assert_uint_eq(field(record, 0, 346), 32473);
		ck_assert_int_ne(record->bytes[8], 0);
		ck_assert_int_ne(record->bytes[8 + VARIABLE_ROOM], 0);
		found += memcmp(record->bytes, golden, sizeof(golden)) == 0;
	}
	ck_assert_uint_ge(found, 1);
	end();
}
END_TEST

/* RFC 5476 §6.5.2: the selector that records name, and how it takes packets. */
START_TEST(selectors_are_told_as_the_standard_has_them)
{
	static const struct {
		uint32_t interval;
		uint16_t algorithm, elements[2];
		uint32_t values[2];
	} cases[] = {
		{ 1, 1, { 305, 306 }, { 1, 0 } },
		{ 100, 3, { 309, 310 }, { 1, 100 } },
	};

	for (size_t i = 0; i < 2; i++) {
		struct sf_exporter_options options = { .packet_clock = true,
			.sampling_interval = cases[i].interval };
		struct sf_exporter *exporter = start(&options, IPFIX, ",profile=plain");
		const struct record *record;
		struct sf_flow flow = flow_ipv4(0);

		put(exporter, &flow);
		finish(exporter);
		record = options_record(reader, 304);
		ck_assert_uint_eq(record->template->fields[0].id, 302);
		ck_assert_uint_eq(field(record, 0, 304), cases[i].algorithm);
		for (unsigned k = 0; k < 2; k++)
			ck_assert_uint_eq(
				field(record, 0, cases[i].elements[k]), cases[i].values[k]);
		ck_assert_uint_eq(field(flow_record(reader, 0), 0, 302), field(record, 0, 302));
		ck_assert_ptr_null(options_record(reader, 50));
		end();
	}
}
END_TEST

CHECK_MAIN("export_profile", every_profile_is_what_its_row_says,
	other_options_change_what_a_profile_sets, a_profile_fits_each_protocol,
	profiles_of_the_same_fields_have_the_same_template,
	only_numbers_are_shorter_than_their_type, what_cannot_be_reversed_is_not,
	each_group_can_be_sent_alone, timeouts_are_told, flow_keys_are_told,
	flow_keys_are_those_of_the_meter, flow_keys_of_later_templates_are_told,
	nfdump_is_told_a_rate_other_than_1, types_of_own_elements_are_told,
	selectors_are_told_as_the_standard_has_them)
