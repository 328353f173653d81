/* SPDX-License-Identifier: BSD-2-Clause */
/* The table for people: wide, narrow, and of chosen fields. */
#include "text_support.h"

START_TEST(table_is_aligned)
{
	struct sf_flow flows[3] = { flow_ipv4(0), flow_icmp(4), flow_ipv6(0) };

	flows[1].has = SF_HAS_VLAN;
	flows[1].vlan = 7;
	ck_assert_str_eq(text_of(&(struct sf_text_options){ .format = SF_TEXT_TABLE, .wide = true },
				 flows, 3),
		"Start                     Duration Proto Source                   Destination     "
		" "
		"       Packets       Octets Flags    End\n"
		"2005-07-06 10:47:29.123Z     1.500 TCP   192.0.2.1:40000       -> "
		"198.51.100.7:443 "
		"            10         3015 ...AP.SF end\n"
		"2005-07-06 10:47:29.123Z     1.500 ICMP  192.0.2.1             -> 198.51.100.7    "
		" "
		"            10         3015          end    echo request vlan 7\n"
		"2005-07-06 10:47:29.123Z     1.500 TCP   [2001:db8::1]:40000   -> "
		"[2001:db8::2]:443"
		"            10         3015 ...AP.SF end\n");
}
END_TEST

START_TEST(later_fragments_of_icmp_have_no_type)
{
	for (uint8_t version = 4; version <= 6; version += 2) {
		struct sf_flow flow = flow_icmp(version);
		const char *text;

		flow.port[0] = flow.port[1] = 0;
		flow.has = SF_HAS_FRAGMENTS;
		text = text_of(&(struct sf_text_options){ .format = SF_TEXT_TABLE, .wide = true },
			&flow, 1);
		ck_assert_ptr_nonnull(strstr(text, " fragment\n"));
		ck_assert_ptr_null(strstr(text, "echo"));
		ck_assert_ptr_null(strstr(text, "type"));
		text = text_of(&(struct sf_text_options){ .format = SF_TEXT_JSON }, &flow, 1);
		ck_assert_ptr_null(strstr(text, "icmpTypeCode"));
	}
}
END_TEST

START_TEST(table_stays_aligned_after_long_addresses)
{
	struct sf_flow flows[2] = { flow_ipv6(0), flow_ipv4(0) };
	const char *text, *second;

	memset(flows[0].addr, 0xff, sizeof(flows[0].addr));
	text = text_of(
		&(struct sf_text_options){ .format = SF_TEXT_TABLE, .wide = true }, flows, 2);
	ck_assert_ptr_nonnull(strstr(text, " [ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:40000 -> "
					   "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:443 "));
	second = strchr(strchr(text, '\n') + 1, '\n') + 1;
	ck_assert_ptr_nonnull(
		strstr(second, " 192.0.2.1:40000       -> 198.51.100.7:443             10 "));
}
END_TEST

START_TEST(table_of_biflows_has_both_counters)
{
	struct sf_flow flow = flow_ipv4(0);
	const char *text;

	answer(&flow);
	text = text_of(
		&(struct sf_text_options){ .format = SF_TEXT_TABLE, .biflow = true, .wide = true },
		&flow, 1);
	ck_assert_ptr_nonnull(strstr(text, "192.0.2.1:40000       <> 198.51.100.7:443 "
					   "            10         3015 ...AP.SF         8         "
					   "9000 ...A..S. end\n"));
}
END_TEST

START_TEST(table_in_local_time)
{
	struct sf_flow flow = flow_ipv4(0);

	setenv("TZ", "ABC-2", 1);
	ck_assert_ptr_nonnull(strstr(text_of(&(struct sf_text_options){ .format = SF_TEXT_TABLE,
						     .local_time = true,
						     .wide = true },
					     &flow, 1),
		"\n2005-07-06 12:47:29.123  "));
	/* everything else is UTC whatever the time zone */
	ck_assert_ptr_nonnull(
		strstr(text_of(&(struct sf_text_options){ .format = SF_TEXT_JSON }, &flow, 1),
			"T10:47:29.123Z"));
}
END_TEST

/* The narrow table of these flows on a terminal of that width. */
static const char *narrow(unsigned width, bool biflow, const struct sf_flow *flows, unsigned count)
{
	return text_of(
		&(struct sf_text_options){
			.format = SF_TEXT_TABLE, .biflow = biflow, .width = width },
		flows, count);
}

START_TEST(narrow_table_fits_80_columns)
{
	struct sf_flow flows[4] = { flow_ipv4(0), flow_ipv6(0), flow_icmp(4), flow_ipv4(0) };

	/* what has no room beside the source goes below, whole */
	memcpy(flows[1].addr[0], "\x20\x01\x0d\xb8\0\x99\0\0\0\0\0\0\0\0\0\x12", 16);
	memset(flows[1].addr[1], 0xff, sizeof(flows[1].addr[1]));
	flows[0].half[0].octets = 301200;
	flows[3].half[0].start_ns += 86400 * SF_NS_PER_S;
	flows[3].half[0].end_ns += 86400 * SF_NS_PER_S + 3800 * SF_NS_PER_S;
	flows[3].half[0].packets = 123456789;
	ck_assert_str_eq(narrow(80, false, flows, 4),
		"Start    Length Proto Source                 Destination          Pkts   Bytes E\n"
		"-- 2005-07-06 UTC\n"
		"10:47:29  1.500 TCP   192.0.2.1:40000     -> 198.51.100.7:https     10  301 kB e\n"
		"10:47:29  1.500 TCP   [2001:db8:99::12]:40000                       10 3.02 kB e\n"
		"                   -> [ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:https\n"
		"10:47:29  1.500 ICMP  192.0.2.1           -> 198.51.100.7           10 3.02 kB e\n"
		"         echo request\n"
		"-- 2005-07-07 UTC\n"
		"10:47:29  1h03m TCP   192.0.2.1:40000     -> 198.51.100.7:https   123M 3.02 kB "
		"e\n");
}
END_TEST

START_TEST(narrow_table_has_more_where_there_is_room)
{
	struct sf_flow flows[2] = { flow_ipv4(0), flow_icmp(4) };
	const char *text = narrow(120, false, flows, 2);

	ck_assert_ptr_nonnull(strstr(text, "\n10:47:29.123    1.500 TCP   192.0.2.1:40000"));
	ck_assert_ptr_nonnull(strstr(text, " 3.02 kB ...AP.SF end\n"));
	/* words that do not fit stand below their row */
	text = narrow(106, false, flows, 2);
	ck_assert_ptr_nonnull(strstr(text, "end\n             echo request\n"));
	text = narrow(220, false, flows, 2);
	ck_assert_ptr_nonnull(strstr(text, "end    echo request\n"));
	/* not on a terminal: nothing is cut */
	ck_assert_ptr_nonnull(strstr(narrow(0, false, flows, 2), "end    echo request\n"));
	/* no IPv4 address is cut; with both directions from 68 columns on */
	memset(flows[0].addr, 0xfe, sizeof(flows[0].addr));
	flows[0].port[0] = flows[0].port[1] = 54321;
	for (unsigned width = 60; width < 120; width++) {
		text = narrow(width, width >= 68 && width % 2, flows, 1);
		ck_assert_ptr_nonnull(strstr(text, " 254.254.254.254:54321 "));
		ck_assert_ptr_nonnull(strstr(text, "> 254.254.254.254:54321"));
	}
}
END_TEST

/*
 * What is told behind a row is never cut: columns of addresses grow only where it keeps its room,
 * and on narrow terminals it stands below the row.
 */
START_TEST(narrow_table_has_room_for_notes)
{
	struct sf_flow flow = flow_ipv4(0);

	flow.has = SF_HAS_VLAN;
	flow.vlan = 4041;
	for (unsigned width = 60; width < 180; width++) {
		const char *text = narrow(width, false, &flow, 1);
		const char *note = strstr(text, " vlan 4041\n");

		ck_assert_ptr_nonnull(note);
		if (width >= 120)
			ck_assert_ptr_null(strstr(text, "\n     "));
	}
}
END_TEST

START_TEST(narrow_rows_are_never_wider_than_the_terminal)
{
	struct sf_flow flow = flow_ipv6(0);

	answer(&flow);
	memset(flow.addr, 0xff, sizeof(flow.addr));
	flow.has = SF_HAS_VLAN | SF_HAS_CVLAN | SF_HAS_MPLS;
	flow.port[0] = flow.port[1] = 65535;
	for (unsigned d = 0; d < 2; d++)
		flow.half[d].packets = flow.half[d].octets = UINT64_MAX;
	for (unsigned width = 1; width < 300; width++)
		for (int biflow = 0; biflow < 2; biflow++) {
			const char *text = narrow(width, biflow, &flow, 1);

			for (const char *line = text, *end; *line; line = end + 1) {
				end = strchr(line, '\n');
				ck_assert_uint_le((size_t)(end - line), width < 60 ? 60 : width);
			}
		}
}
END_TEST

/*
 * The table of chosen fields has a column for each; where these do not fit there is a line for each
 * field.
 */
START_TEST(tables_of_chosen_fields_fit)
{
	const struct sf_flow flow = flow_ipv4(0);
	static const char lines[] = "-- record 1\n"
				    "sourceIPv4Address      192.0.2.1\n"
				    "destinationIPv4Address 198.51.100.7\n"
				    "octetDeltaCount        3015\n"
				    "packetDeltaCount       10\n";
	static const char columns[] =
		"sourceIPv4Address destinationIPv4Address octetDeltaCount packetDeltaCount\n"
		"192.0.2.1         198.51.100.7           3015            10\n";

	for (unsigned width = 0; width < 200; width++)
		ck_assert_str_eq(fields_of(&(struct sf_text_options){ .width = width },
					 "sourceIPv4Address,destinationIPv4Address,octetDeltaCount,"
					 "packetDeltaCount",
					 &flow, 1),
			width && width < strlen("sourceIPv4Address destinationIPv4Address "
						"octetDeltaCount packetDeltaCount")
				? lines
				: columns);
}
END_TEST

/*
 * Fields that are added to what there is stand below the rows of the usual table, each with its
 * name.
 */
START_TEST(added_fields_stand_below_their_row)
{
	struct sf_flow flow = flow_ipv4(0);
	const char *text;

	flow.has = SF_HAS_VLAN;
	flow.vlan = 4041;
	ck_assert_str_eq(
		fields_of(&(struct sf_text_options){ .width = 80 },
			"+minimumTTL+sourceTransportPort-vlanId,maximumTTL,flowEndMilliseconds",
			&flow, 1),
		"Start    Length Proto Source                 Destination          Pkts   Bytes E\n"
		"-- 2005-07-06 UTC\n"
		"10:47:29  1.500 TCP   192.0.2.1:40000     -> 198.51.100.7:https     10 3.02 kB e\n"
		"         vlan 4041\n"
		"         minimumTTL=63  sourceTransportPort=40000  maximumTTL=64\n"
		"         flowEndMilliseconds=2005-07-06T10:47:30.623Z\n");
	text = fields_of(&(struct sf_text_options){ .width = 200 }, "+minimumTTL", &flow, 1);
	ck_assert_ptr_nonnull(strstr(text, " end    vlan 4041  minimumTTL=63\n"));
	/* what is only taken away, or has no terminal, is a table of its own */
	text = fields_of(&(struct sf_text_options){ .width = 80 }, "-vlanId", &flow, 1);
	ck_assert_ptr_nonnull(strstr(text, "\nflowId "));
	ck_assert_ptr_null(strstr(text, "vlanId"));
	text = fields_of(&(struct sf_text_options){ .width = 0 }, "+minimumTTL", &flow, 1);
	ck_assert_ptr_nonnull(strstr(text, " octetDeltaCount "));
}
END_TEST

CHECK_MAIN("export_table", table_is_aligned, later_fragments_of_icmp_have_no_type,
	table_stays_aligned_after_long_addresses, table_of_biflows_has_both_counters,
	table_in_local_time, narrow_table_fits_80_columns,
	narrow_table_has_more_where_there_is_room, narrow_table_has_room_for_notes,
	narrow_rows_are_never_wider_than_the_terminal, tables_of_chosen_fields_fit,
	added_fields_stand_below_their_row);
