/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON lines and CSV, and text as a destination: failures, delays, which facts it asks for. */
#include <signal.h>

#include "text/columns.h"
#include "text_support.h"

START_TEST(json_has_element_names_in_order)
{
	struct sf_flow flow = flow_ipv4(0);

	flow.half[0].tcp_flags = 0x11b;
	ck_assert_str_eq(text_of(&(struct sf_text_options){ .format = SF_TEXT_JSON }, &flow, 1),
		"{\"flowStartMilliseconds\":\"2005-07-06T10:47:29.123Z\","
		"\"flowEndMilliseconds\":\"2005-07-06T10:47:30.623Z\","
		"\"sourceIPv4Address\":\"192.0.2.1\",\"destinationIPv4Address\":\"198.51.100.7\","
		"\"sourceTransportPort\":40000,\"destinationTransportPort\":443,"
		"\"protocolIdentifier\":6,\"tcpControlBits\":283,\"ipClassOfService\":40,"
		"\"packetDeltaCount\":10,\"octetDeltaCount\":3015,\"flowEndReason\":3,"
		"\"ingressInterface\":3,\"egressInterface\":3,\"flowDirection\":0,\"ipVersion\":4,"
		"\"minimumTTL\":63,\"maximumTTL\":64,\"flowId\":1000}\n");
}
END_TEST

START_TEST(json_has_optional_facts_where_they_exist)
{
	struct sf_flow flow = flow_icmp(6);
	struct full_annex annex;
	const char *text;

	flow.has = SF_HAS_VLAN | SF_HAS_CVLAN | SF_HAS_MPLS | SF_HAS_MAC | SF_HAS_FLOW_LABEL;
	flow.vlan = 7;
	flow.cvlan = 8;
	give_annex(&flow, &annex);
	set_number(&annex, SF_FACT_mpls, 0, 17 << 4 | 1);
	set_number(&annex, SF_FACT_flow_label, 0, 0xabcde);
	set_fact(&annex, SF_FACT_src_mac, 0, "\x02\0\0\0\0\x01");
	text = text_of(&(struct sf_text_options){ .format = SF_TEXT_JSON }, &flow, 1);
	ck_assert_ptr_nonnull(
		strstr(text, "\"vlanId\":7,\"dot1qVlanId\":7,\"dot1qCustomerVlanId\":8,"));
	ck_assert_ptr_nonnull(strstr(text, "\"mplsTopLabelStackSection\":\"000111\""));
	ck_assert_ptr_nonnull(strstr(text, "\"sourceMacAddress\":\"02:00:00:00:00:01\""));
	ck_assert_ptr_nonnull(strstr(text, "\"flowLabelIPv6\":703710"));
	ck_assert_ptr_nonnull(strstr(text, "\"icmpTypeCodeIPv6\":32768"));
	ck_assert_ptr_nonnull(
		strstr(text, "\"sourceTransportPort\":0,\"destinationTransportPort\":32768"));
	ck_assert_ptr_nonnull(strstr(text, "\"sourceIPv6Address\":\"2001:db8::1\""));
	flow = flow_icmp(4);
	text = text_of(&(struct sf_text_options){ .format = SF_TEXT_JSON }, &flow, 1);
	ck_assert_ptr_nonnull(strstr(text, "\"icmpTypeCodeIPv4\":2048"));
	ck_assert_ptr_null(strstr(text, "vlanId"));
}
END_TEST

START_TEST(json_of_biflows_has_reverse_keys)
{
	struct sf_flow flow = flow_ipv4(0);
	const char *text;

	answer(&flow);
	text = text_of(&(struct sf_text_options){ .format = SF_TEXT_JSON }, &flow, 1);
	ck_assert_ptr_nonnull(strstr(text, "}\n{"));
	text = text_of(
		&(struct sf_text_options){ .format = SF_TEXT_JSON, .biflow = true }, &flow, 1);
	ck_assert_ptr_null(strstr(text, "}\n{"));
	ck_assert_ptr_nonnull(strstr(text, "\"packetDeltaCount\":10"));
	ck_assert_ptr_nonnull(strstr(text, "\"reversePacketDeltaCount\":8"));
	ck_assert_ptr_nonnull(
		strstr(text, "\"reverseFlowStartMilliseconds\":\"2005-07-06T10:47:29.143Z\""));
	ck_assert_ptr_nonnull(strstr(text, "\"biflowDirection\":1"));
}
END_TEST

static unsigned count_of(const char *line, char c)
{
	unsigned count = 0;

	for (; *line && *line != '\n'; line++)
		count += *line == c;
	return count;
}

/* The same columns in every line, values under their names. */
START_TEST(csv_has_fixed_columns)
{
	for (int biflow = 0; biflow < 2; biflow++) {
		struct sf_flow flows[4] = { flow_ipv4(0), flow_ipv6(1), flow_icmp(4),
			flow_icmp(6) };
		const char *text;
		unsigned lines = 0, columns;

		flows[1].has = SF_HAS_VLAN;
		flows[1].vlan = 4000;
		answer(&flows[0]);
		text = text_of(&(struct sf_text_options){ .format = SF_TEXT_CSV, .biflow = biflow },
			flows, 4);
		columns = count_of(text, ',');
		ck_assert_uint_ge(columns, 29);
		for (const char *line = text; *line; line = strchr(line, '\n') + 1, lines++)
			ck_assert_uint_eq(count_of(line, ','), columns);
		ck_assert_uint_eq(lines, biflow ? 5 : 6);
		ck_assert_ptr_nonnull(
			strstr(text, "\n2005-07-06T10:47:29.123Z,2005-07-06T10:47:30.623Z,"
				     "192.0.2.1,198.51.100.7,,,40000,443,6,,,27,"));
		ck_assert_ptr_nonnull(strstr(text, ",,,2001:db8::1,2001:db8::2,40001,443,6,,,27,40,"
						   "10,3015,3,4000,4000,,"));
	}
}
END_TEST

START_TEST(csv_of_nothing_is_its_header)
{
	const char *text = text_of(&(struct sf_text_options){ .format = SF_TEXT_CSV }, NULL, 0);

	ck_assert_int_eq(strncmp(text, "flowStartMilliseconds,", 22), 0);
	ck_assert_str_eq(strchr(text, '\n'), "\n");
}
END_TEST

static struct sf_destination_stats stats_with_stream(FILE *stream, enum sf_text_format format)
{
	struct sf_exporter *exporter;
	struct sf_destination_stats stats;
	struct sf_error error;

	ck_assert_int_eq(sf_exporter_new(&exporter, &(struct sf_exporter_options){ 0 }, &error), 0);
	ck_assert_int_eq(
		sf_exporter_add_text(exporter,
			&(struct sf_text_options){ .stream = stream, .format = format }, &error),
		0);
	for (unsigned i = 0; i < 5000; i++) {
		struct sf_flow flow = flow_ipv4(i);

		sf_exporter_put(exporter, &flow, 1);
	}
	sf_exporter_finish(exporter);
	stats = stats_of(exporter, 0);
	sf_exporter_free(exporter);
	ck_assert(sf_destination_balanced(&stats));
	ck_assert_uint_eq(stats.offered.records, 5000);
	return stats;
}

/* A closed pipe (`| head`) and a full disk: the records are lost by name, nothing dies. */
START_TEST(text_that_cannot_be_written_is_counted)
{
	struct sf_destination_stats stats;
	FILE *stream;
	int ends[2];

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(pipe(ends), 0);
	close(ends[0]);
	stream = fdopen(ends[1], "w");
	stats = stats_with_stream(stream, SF_TEXT_JSON);
	fclose(stream);
	ck_assert_uint_eq(stats.lost_write.records, 5000);
	ck_assert_ptr_nonnull(strstr(stats.failure, "Broken pipe"));

	stream = fopen("/dev/full", "w");
	ck_assert_ptr_nonnull(stream);
	stats = stats_with_stream(stream, SF_TEXT_TABLE);
	fclose(stream);
	ck_assert_uint_eq(stats.lost_write.records, 5000);
	ck_assert_uint_eq(stats.lost_write.packets, 50000);
	ck_assert_ptr_nonnull(strstr(stats.failure, "No space"));
}
END_TEST

/* A collected flow without counts is a row all the same. */
START_TEST(flows_without_counts_are_rows)
{
	for (unsigned biflow = 0; biflow < 2; biflow++) {
		struct sf_flow flow = flow_ipv4(0);
		const char *text;

		flow.half[0].packets = 0;
		text = text_of(
			&(struct sf_text_options){ .format = SF_TEXT_JSON, .biflow = biflow },
			&flow, 1);
		ck_assert_ptr_nonnull(strstr(text, "\"sourceIPv4Address\":\"192.0.2.1\""));
		ck_assert_ptr_nonnull(
			strstr(text, "\"packetDeltaCount\":0,\"octetDeltaCount\":3015"));
	}
}
END_TEST

START_TEST(text_appears_within_a_second)
{
	FILE *stream = fmemopen(output, sizeof(output), "w");
	struct sf_flow flow = flow_ipv4(0);
	struct sf_exporter *exporter;
	struct sf_error error;

	memset(output, 0, sizeof(output));
	ck_assert_int_eq(sf_exporter_new(&exporter, &(struct sf_exporter_options){ 0 }, &error), 0);
	ck_assert_int_eq(
		sf_exporter_add_text(exporter,
			&(struct sf_text_options){ stream, SF_TEXT_JSON, false, false }, &error),
		0);
	sf_exporter_tick(exporter, T0, T0);
	sf_exporter_put(exporter, &flow, 1);
	ck_assert_int_eq(output[0], 0);
	sf_exporter_tick(exporter, T0 + S, T0 + S);
	ck_assert_int_eq(output[0], '{');
	ck_assert_uint_eq(stats_of(exporter, 0).sent.records, 1);
	sf_exporter_free(exporter);
	fclose(stream);
}
END_TEST

/*
 * MACs, MPLS, flow labels and flowIds cost the meter something: only destinations that have them
 * ask for them.
 */
START_TEST(facts_are_asked_for_by_those_who_need_them)
{
	const uint64_t facts = SF_FACT_SET(mpls) | SF_FACT_SET(flow_label) | SF_FACT_SET(src_mac) |
			       SF_FACT_SET(dst_mac);
	/* of a tunnel, if one is opened: a meter that opens none does not gather it */
	const uint64_t tunnel =
		SF_FACT_SET(tunnel) | SF_FACT_SET(outer_flow) | SF_FACT_SET(inner_flow);
	const uint64_t all = facts | tunnel | SF_WANTS_FLOW_ID;
	const struct {
		const char *collector;
		enum sf_text_format format;
		uint64_t wants;
	} cases[] = {
		{ "ipfix://127.0.0.1:4739", SF_TEXT_TABLE, tunnel },
		{ "ipfix://127.0.0.1:4739", SF_TEXT_JSON, all },
		{ "ipfix://127.0.0.1:4739", SF_TEXT_CSV, all },
		{ "ipfix://127.0.0.1:4739,profile=plain", SF_TEXT_TABLE, SF_FACT_SET(flow_label) },
		{ "ipfix://127.0.0.1:4739,profile=extended", SF_TEXT_TABLE, all },
		{ "netflow9://127.0.0.1:2055,profile=extended", SF_TEXT_TABLE, facts },
		{ "netflow5://127.0.0.1:2055", SF_TEXT_TABLE, 0 },
	};
	struct sf_error error;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sf_exporter *exporter;

		ck_assert_int_eq(
			sf_exporter_new(&exporter, &(struct sf_exporter_options){ 0 }, &error), 0);
		ck_assert_uint_eq(sf_exporter_wants(exporter), 0);
		ck_assert_int_eq(
			sf_exporter_add_collector(exporter, cases[i].collector, &error), 0);
		ck_assert_int_eq(
			sf_exporter_add_text(exporter,
				&(struct sf_text_options){ .format = cases[i].format }, &error),
			0);
		ck_assert_uint_eq(sf_exporter_wants(exporter), cases[i].wants);
		sf_exporter_free(exporter);
	}
}
END_TEST

START_TEST(lists_name_all_fields_and_templates)
{
	FILE *stream = fmemopen(output, sizeof(output), "w");

	ck_assert_int_eq(sf_export_list_fields(stream), 0);
	fclose(stream);
	ck_assert_ptr_nonnull(strstr(output, "octetDeltaCount: "));
	ck_assert_ptr_nonnull(strstr(output, "sourceMacAddress"));
	ck_assert_ptr_nonnull(strstr(output, "IPFIX: element 21 of enterprise 6871, 4 bytes\n"));
	stream = fmemopen(output, sizeof(output), "w");
	ck_assert_int_eq(sf_export_list_templates(stream), 0);
	fclose(stream);
	ck_assert_ptr_nonnull(strstr(output, "profile=default\n"));
	ck_assert_ptr_nonnull(strstr(output, "profile=extended\n"));
	ck_assert_ptr_nonnull(strstr(output, "reverseOctetDeltaCount"));
	stream = fopen("/dev/full", "w");
	setvbuf(stream, NULL, _IONBF, 0);
	ck_assert_int_lt(sf_export_list_fields(stream), 0);
	fclose(stream);
}
END_TEST

static bool ends_with(const char *end, const char *value, const char *after)
{
	const size_t behind = strlen(after), length = strlen(value);

	return memcmp(end - behind, after, behind) == 0 &&
	       memcmp(end - behind - length, value, length) == 0;
}

/*
 * An exporter may send each element in any length: no row is longer than the room for it, and cells
 * behind long ones are there. Each element has 700 bytes: as a string these are quotes, which CSV
 * doubles, as a number 1,400 digits.
 */
START_TEST(rows_of_long_values_fit)
{
	static const char list[] = "extended,applications,headers,quality,shape";
	static struct sf_field_value fields[SF_FIELDS_MAX];
	const struct sf_flow flow = flow_ipv4(0);
	uint8_t bytes[700], last_bytes[4] = { 0, 0, 1, 2 };
	struct sf_collected record = { .flow = flow, .fields = fields };
	const struct sf_row row = { .flow = &record.flow, .record = &record };
	struct sf_columns columns;
	const struct sf_layout *layout;
	struct sf_error error;
	char *start = malloc(SF_TEXT_ROW_MAX), *end, json[100], text[100];
	unsigned last;

	memset(bytes, '"', sizeof(bytes));
	sf_columns_init(&columns, false, true, 0, NULL);
	ck_assert_int_eq(sf_columns_choose(&columns, list, &error), 0);
	for (unsigned i = 0; i < columns.fields.count; i++) {
		const struct sf_field_row *field = sf_field_row(columns.fields.items[i].field);

		fields[i] = (struct sf_field_value){
			.pen = field->pen, .id = field->id, .data = bytes, .length = sizeof(bytes)
		};
	}
	record.field_count = last = columns.fields.count;
	ck_assert_uint_ge(last, 100);
	fields[last - 1].data = last_bytes;
	fields[last - 1].length = sizeof(last_bytes);
	sf_field_json(&fields[last - 1], json, sizeof(json));
	sf_field_text(&fields[last - 1], text, sizeof(text));
	for (unsigned d = 0; d < 2; d++)
		record.known[d] = record.wide[d] = UINT32_MAX;
	layout = sf_columns_layout(&columns, &record.flow, 1);
	ck_assert_ptr_nonnull(layout);

	end = sf_columns_json(layout, start, &row);
	ck_assert_uint_gt((size_t)(end - start), SF_TEXT_ROW_MAX / 2);
	ck_assert_uint_le((size_t)(end - start), SF_TEXT_ROW_MAX);
	ck_assert(ends_with(end, json, "}\n"));
	end = sf_columns_csv(&columns, layout, start, &row);
	ck_assert_uint_gt((size_t)(end - start), SF_TEXT_ROW_MAX / 2);
	ck_assert_uint_le((size_t)(end - start), SF_TEXT_ROW_MAX);
	ck_assert(ends_with(end, text, "\n"));
	end = sf_columns_table(&columns, layout, start, &row);
	ck_assert_uint_gt((size_t)(end - start), SF_TEXT_ROW_MAX / 2);
	ck_assert_uint_le((size_t)(end - start), SF_TEXT_ROW_MAX);
	ck_assert(ends_with(end, text, "\n"));
	end = sf_columns_lines(&columns, layout, start, &row);
	ck_assert_uint_gt((size_t)(end - start), SF_TEXT_ROW_MAX / 2);
	ck_assert_uint_le((size_t)(end - start), SF_TEXT_ROW_MAX);
	ck_assert(ends_with(end, text, "\n"));
	end = sf_columns_pairs(layout, start, &row);
	ck_assert_uint_gt((size_t)(end - start), SF_TEXT_ROW_MAX / 2);
	ck_assert_uint_le((size_t)(end - start), SF_TEXT_ROW_MAX);
	ck_assert(ends_with(end, text, ""));
	sf_columns_fini(&columns);
	free(start);
}
END_TEST

/* Records without any of the fields are skipped, and counted so. */
START_TEST(rows_without_fields_are_skipped)
{
	const struct sf_flow flows[2] = { flow_ipv4(0), flow_ipv6(1) };

	for (unsigned format = 0; format < 3; format++) {
		const struct sf_exporter_options how = { .fields = "sourceIPv6Address" };
		struct sf_text_options text = { .format = (enum sf_text_format)format };
		struct sf_destination_stats stats;
		struct sf_exporter *exporter;
		struct sf_error error;

		memset(output, 0, sizeof(output));
		text.stream = fmemopen(output, sizeof(output), "w");
		ck_assert_int_eq(sf_exporter_new(&exporter, &how, &error), 0);
		ck_assert_int_eq(sf_exporter_add_text(exporter, &text, &error), 0);
		sf_exporter_put(exporter, flows, 2);
		sf_exporter_finish(exporter);
		stats = stats_of(exporter, 0);
		ck_assert(sf_destination_balanced(&stats));
		ck_assert_uint_eq(stats.sent.records, 1);
		ck_assert_uint_eq(stats.skipped_noFields.records, 1);
		sf_exporter_free(exporter);
		fclose(text.stream);
		ck_assert_ptr_null(strstr(output, "{}"));
		ck_assert_ptr_nonnull(strstr(output, "2001:db8::1"));
	}
}
END_TEST

CHECK_MAIN("export_text", json_has_element_names_in_order, json_has_optional_facts_where_they_exist,
	json_of_biflows_has_reverse_keys, csv_has_fixed_columns, csv_of_nothing_is_its_header,
	text_that_cannot_be_written_is_counted, flows_without_counts_are_rows,
	text_appears_within_a_second, facts_are_asked_for_by_those_who_need_them,
	lists_name_all_fields_and_templates, rows_of_long_values_fit,
	rows_without_fields_are_skipped);
