/* SPDX-License-Identifier: BSD-2-Clause */
/* What an enricher gives: in v5, v9, IPFIX, JSON and CSV, through a queue and without one. */
#include "export_support.h"

static const uint8_t none[16], hop4[16] = { 203, 0, 113, 1 }, bgp4[16] = { 198, 18, 0, 1 };
static const uint8_t hop6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 0xfe };

struct fake {
	unsigned begun, ended;
	bool unknown;
};

/* AS numbers follow from the port of the initiator, so each record has its own. */
static void give(void *context, const struct sf_flow *flows, unsigned count, struct sf_extra *extra)
{
	struct fake *fake = context;

	ck_assert_uint_eq(fake->begun, fake->ended);
	ck_assert_uint_le(count, 64);
	fake->begun++;
	for (unsigned i = 0; i < count; i++)
		for (unsigned side = 0; side < 2; side++)
			extra[i].side[side] =
				fake->unknown ? (struct sf_extra_side){ .next_hop = none,
					.bgp_next_hop = none }
					      : (struct sf_extra_side){
							.as = 1000u * (1 + side) + flows[i].port[0],
							.country = { 'D', (char)('E' + side) },
							.prefix_length = (uint8_t)(24 + side),
							.next_hop = flows[i].ip_version == 6 ? hop6
								    : side                   ? hop4
											     : none,
							.bgp_next_hop = bgp4,
						};
}

/* Ways: only with SF_EXTRA_INTERFACES. */
static const struct sf_interface_info long_name = { .name = "ge-0/0/1", .description = "uplink" },
				      no_name;

static void give_ways(
	void *context, const struct sf_flow *flows, unsigned count, struct sf_extra *extra)
{
	give(context, flows, count, extra);
	for (unsigned i = 0; i < count; i++)
		for (unsigned d = 0; d < 2; d++)
			extra[i].way[d] = (struct sf_extra_way){ .ingress = 70 + d,
				.egress = d ? 70000 : 80,
				.ingress_info = d ? &no_name : &long_name,
				.egress_info = &no_name,
				.direction = (uint8_t)!d };
}

static void lend(void *context,
	unsigned (*port)(void *of, unsigned slot, uint32_t *number, const char **name), void *of)
{
	const char *name;
	uint32_t number;

	(void)context;
	ck_assert_uint_eq(port(of, 0, &number, &name), 1);
	ck_assert_str_eq(name, "eth1");
}

static bool name_interface(void *context, unsigned slot, struct sf_interface_info *info)
{
	(void)context;
	*info = slot ? (struct sf_interface_info){ 70, "ge-0/0/1", "uplink", UINT64_C(10000000000) }
		     : (struct sf_interface_info){ 4, "mapped", "", 0 };
	return slot < 2;
}

/* Capture ports 3 and 4; the map has another name for 4. */
static unsigned capture_port(void *context, unsigned slot, uint32_t *number, const char **name)
{
	(void)context;
	*number = 3 + slot;
	*name = slot ? "eth2" : "eth1";
	return slot < 2;
}

static void take_back(void *context)
{
	((struct fake *)context)->ended++;
}

static struct fake fake;

static struct sf_enricher enricher_of(uint32_t gives)
{
	fake = (struct fake){ 0 };
	return (struct sf_enricher){
		.begin = gives & SF_EXTRA_INTERFACES ? give_ways : give,
		.end = take_back,
		.context = &fake,
		.gives = gives,
		.ports = lend,
		.interface = name_interface,
	};
}

#define ALL 0x1f

static struct reader *sent(const char *scheme, const char *rest, uint32_t gives,
	const struct sf_flow *flows, unsigned count)
{
	const struct sf_enricher enricher = enricher_of(gives);
	struct receiver receiver = receiver_open(AF_INET);
	struct sf_exporter *exporter = exporter_to(&receiver,
		&(struct sf_exporter_options){ .enricher = &enricher, .interfaces = capture_port },
		scheme, rest);
	struct reader *reader = reader_new();

	sf_exporter_put(exporter, flows, count);
	sf_exporter_finish(exporter);
	sf_exporter_free(exporter);
	receive(reader, &receiver);
	close(receiver.fd);
	ck_assert_uint_eq(fake.begun, (count + 63) / 64);
	ck_assert_uint_eq(fake.ended, fake.begun);
	return reader;
}

/* The fields that IPFIX and NetFlow v9 share, of direction 0 of flow_ipv4(i). */
static void check_ipv4(const struct record *record, unsigned i)
{
	ck_assert_uint_eq(field(record, 0, 16), 1000 + 40000 + i);
	ck_assert_uint_eq(field(record, 0, 17), 2000 + 40000 + i);
	ck_assert_uint_eq(field(record, 0, 9), 24);
	ck_assert_uint_eq(field(record, 0, 13), 25);
	ck_assert_uint_eq(field(record, 0, 15), 0xcb007101);
	ck_assert_uint_eq(field(record, 0, 18), 0xc6120001);
	ck_assert(!has_field(record, 0, 29));
	ck_assert(!has_field(record, 0, 62));
}

START_TEST(ipfix_and_netflow9_have_the_fields)
{
	static const char *const schemes[] = { "ipfix://127.0.0.1", "netflow9://127.0.0.1" };

	for (unsigned s = 0; s < 2; s++) {
		struct sf_flow flows[150];
		struct reader *reader;

		for (unsigned i = 0; i < 150; i++)
			flows[i] = flow_ipv4(i);
		answer(&flows[0]);
		reader = sent(schemes[s], "", ALL, flows, 150);
		check_ipv4(flow_record(reader, 0), 0);
		/*
		 * the answer: sides are exchanged, and there is no next hop towards the initiator
		 */
		ck_assert_uint_eq(field(flow_record(reader, 1), 0, 16), 2000 + 40000);
		ck_assert_uint_eq(field(flow_record(reader, 1), 0, 17), 1000 + 40000);
		ck_assert_uint_eq(field(flow_record(reader, 1), 0, 9), 25);
		ck_assert_uint_eq(field(flow_record(reader, 1), 0, 15), 0);
		for (unsigned i = 1; i < 150; i++)
			check_ipv4(flow_record(reader, i + 1), i);
		ck_assert_int_eq(has_field(flow_record(reader, 5), SF_PEN_SPANFLOW, 1), s == 0);
		if (s == 0) {
			ck_assert_uint_eq(
				field(flow_record(reader, 5), SF_PEN_SPANFLOW, 1), 0x4445);
			ck_assert_uint_eq(
				field(flow_record(reader, 5), SF_PEN_SPANFLOW, 2), 0x4446);
		}
		reader_free(reader);
	}
}
END_TEST

START_TEST(ipv6_has_its_own_fields)
{
	struct sf_flow flow = flow_ipv6(0);
	struct reader *reader = sent("ipfix://127.0.0.1", "", ALL, &flow, 1);
	const struct record *record = flow_record(reader, 0);

	ck_assert_uint_eq(field(record, 0, 29), 24);
	ck_assert_uint_eq(field(record, 0, 30), 25);
	ck_assert(has_field(record, 0, 62) && has_field(record, 0, 63));
	ck_assert_mem_eq(
		record->bytes + record->template->fields[field_index(record, 0, 62, 0)].offset,
		hop6, 16);
	ck_assert(!has_field(record, 0, 9) && !has_field(record, 0, 15));
	reader_free(reader);
}
END_TEST

START_TEST(only_what_is_given_is_in_templates)
{
	struct sf_flow flow = flow_ipv4(0);
	struct reader *reader = sent("ipfix://127.0.0.1", "", SF_EXTRA_AS, &flow, 1);
	uint16_t with = flow_record(reader, 0)->template->id;

	ck_assert(has_field(flow_record(reader, 0), 0, 16));
	ck_assert(!has_field(flow_record(reader, 0), 0, 9) &&
		  !has_field(flow_record(reader, 0), 0, 15));
	reader_free(reader);
	reader = sent("ipfix://127.0.0.1", "", 0, &flow, 1);
	ck_assert(!has_field(flow_record(reader, 0), 0, 16));
	/* a known number never gets another meaning */
	ck_assert_uint_ne(flow_record(reader, 0)->template->id, with);
	reader_free(reader);
	reader = sent(
		"ipfix://127.0.0.1", ",fields=destinationCountry+sourceIPv4Address", ALL, &flow, 1);
	ck_assert_uint_eq(field(flow_record(reader, 0), SF_PEN_SPANFLOW, 2), 0x4446);
	reader_free(reader);
}
END_TEST

START_TEST(netflow5_has_places_for_them)
{
	struct sf_flow flow = flow_ipv4(0);
	struct reader *reader;
	const uint8_t *record;

	flow.port[0] = 100;
	reader = sent("netflow5://127.0.0.1", "", ALL, &flow, 1);
	record = flow_record(reader, 0)->bytes;
	ck_assert_uint_eq(sf_load_be32(record + 8), 0xcb007101);
	ck_assert_uint_eq(sf_load_be16(record + 40), 1100);
	ck_assert_uint_eq(sf_load_be16(record + 42), 2100);
	ck_assert_uint_eq(record[44], 24);
	ck_assert_uint_eq(record[45], 25);
	reader_free(reader);
	/* AS_TRANS; the BGP next hop, as there is no other */
	flow = flow_ipv4(0);
	flow.port[0] = 65000;
	flow.directions = SF_REVERSE;
	flow.half[1] = flow.half[0];
	reader = sent("netflow5://127.0.0.1", "", ALL, &flow, 1);
	record = flow_record(reader, 0)->bytes;
	ck_assert_uint_eq(sf_load_be32(record + 8), 0xc6120001);
	ck_assert_uint_eq(sf_load_be16(record + 40), 23456);
	reader_free(reader);
}
END_TEST

static const char *text_of(enum sf_text_format format, bool unknown, const char *fields)
{
	static char output[1 << 16];
	const struct sf_enricher enricher = enricher_of(ALL);
	const struct sf_flow flow = flow_ipv4(0);
	struct sf_text_options text = { .format = format,
		.stream = fmemopen(output, sizeof(output), "w") };
	struct sf_exporter *exporter;
	struct sf_error error;

	memset(output, 0, sizeof(output));
	fake.unknown = unknown;
	ck_assert_int_eq(
		sf_exporter_new(&exporter,
			&(struct sf_exporter_options){ .enricher = &enricher, .fields = fields },
			&error),
		0);
	ck_assert_int_eq(sf_exporter_add_text(exporter, &text, &error), 0);
	sf_exporter_put(exporter, &flow, 1);
	sf_exporter_finish(exporter);
	sf_exporter_free(exporter);
	fclose(text.stream);
	return output;
}

START_TEST(text_leaves_out_what_is_unknown)
{
	const char *text = text_of(SF_TEXT_JSON, false, NULL);

	ck_assert_ptr_nonnull(strstr(text,
		"\"bgpSourceAsNumber\":41000,\"bgpDestinationAsNumber\":42000,"
		"\"sourceIPv4PrefixLength\":24,\"destinationIPv4PrefixLength\":25,"
		"\"ipNextHopIPv4Address\":\"203.0.113.1\",\"bgpNextHopIPv4Address\":\"198.18.0.1\","
		"\"sourceCountry\":\"DE\",\"destinationCountry\":\"DF\"}\n"));
	text = text_of(SF_TEXT_JSON, true, NULL);
	ck_assert_ptr_null(strstr(text, "bgp"));
	ck_assert_ptr_null(strstr(text, "Country"));
	text = text_of(SF_TEXT_JSON, false, "bgpSourceAsNumber");
	ck_assert_str_eq(text, "{\"bgpSourceAsNumber\":41000}\n");
	text = text_of(SF_TEXT_JSON, true, "bgpSourceAsNumber");
	ck_assert_str_eq(text, "");
	text = text_of(SF_TEXT_CSV, false, "sourceCountry,bgpSourceAsNumber,ipNextHopIPv6Address");
	ck_assert_str_eq(text, "sourceCountry,bgpSourceAsNumber,ipNextHopIPv6Address\nDE,41000,\n");
	text = text_of(SF_TEXT_CSV, true, "sourceCountry,bgpSourceAsNumber,ipVersion");
	ck_assert_str_eq(text, "sourceCountry,bgpSourceAsNumber,ipVersion\n,,4\n");
	text = text_of(SF_TEXT_TABLE, true, "ipVersion,bgpSourceAsNumber");
	ck_assert_ptr_nonnull(strstr(text, "-\n"));
}
END_TEST

START_TEST(records_that_wait_are_enriched_when_they_leave)
{
	const struct sf_enricher enricher = enricher_of(ALL);
	struct receiver receiver = receiver_open(AF_INET);
	struct sf_exporter *exporter = exporter_to(&receiver,
		&(struct sf_exporter_options){ .enricher = &enricher, .queued = true },
		"ipfix://127.0.0.1", ",rate=0");
	struct reader *reader = reader_new();
	struct sf_flow flows[100];

	for (unsigned i = 0; i < 100; i++)
		flows[i] = flow_ipv4(i);
	sf_exporter_put(exporter, flows, 100);
	ck_assert_uint_eq(fake.begun, 0);
	for (int64_t mono = 0; sf_exporter_waits(exporter) && mono < 100 * S; mono += S)
		sf_exporter_pump(exporter, mono, true);
	sf_exporter_finish(exporter);
	sf_exporter_free(exporter);
	receive(reader, &receiver);
	ck_assert_uint_eq(flow_count(reader), 100);
	for (unsigned i = 0; i < 100; i++)
		check_ipv4(flow_record(reader, i), i);
	ck_assert_uint_eq(fake.begun, fake.ended);
	reader_free(reader);
	close(receiver.fd);
}
END_TEST

START_TEST(fields_that_nobody_gives_are_an_error)
{
	const struct sf_enricher enricher = enricher_of(SF_EXTRA_AS);
	struct sf_exporter *exporter;
	struct sf_error error = { 0 };

	ck_assert_int_eq(sf_exporter_new(&exporter,
				 &(struct sf_exporter_options){ .enricher = &enricher }, &error),
		0);
	ck_assert_int_eq(sf_exporter_add_collector(exporter,
				 "ipfix://127.0.0.1,fields=default+sourceCountry", &error),
		SF_EUSAGE);
	ck_assert_ptr_nonnull(strstr(error.text, "sourceCountry: no source of --enrich tells it"));
	ck_assert_int_eq(sf_exporter_add_collector(exporter,
				 "ipfix://127.0.0.1,fields=default+bgpSourceAsNumber", &error),
		0);
	sf_exporter_free(exporter);
}
END_TEST

/* The words that the options record of an interface has. */
static void check_interface(const struct reader *reader, uint32_t number, const char *name,
	const char *description, uint64_t speed)
{
	unsigned found = 0;

	for (unsigned i = 0; i < reader->record_count; i++) {
		const struct record *record = &reader->records[i];

		if (!record->template || !record->template->scopes || !has_field(record, 0, 82) ||
			sf_load_be32(record->bytes) != number)
			continue;
		ck_assert_str_eq((const char *)record->bytes + 4, name);
		ck_assert_str_eq((const char *)record->bytes + 36, description);
		if (has_field(record, SF_PEN_SPANFLOW, 5))
			ck_assert_uint_eq(field(record, SF_PEN_SPANFLOW, 5), speed);
		found++;
	}
	/* at the start and at the end */
	ck_assert_uint_ge(found, 1);
}

START_TEST(interfaces_are_those_of_the_map)
{
	static const char *const schemes[] = { "ipfix://127.0.0.1", "netflow9://127.0.0.1" };

	for (unsigned s = 0; s < 2; s++) {
		struct sf_flow flow = flow_ipv4(0);
		struct reader *reader;
		const struct record *record;

		answer(&flow);
		reader = sent(schemes[s], s ? "" : ",fields=default+ingressInterfaceName",
			SF_EXTRA_INTERFACES, &flow, 1);
		record = flow_record(reader, 0);
		ck_assert_uint_eq(field(record, 0, 10), 70);
		ck_assert_uint_eq(field(record, 0, 14), 80);
		ck_assert_uint_eq(field(record, 0, 61), 1);
		ck_assert(!has_field(record, 0, 16));
		if (s == 0)
			ck_assert_mem_eq(
				record->bytes +
					record->template
						->fields[field_index(record, SF_PEN_SPANFLOW, 3, 0)]
						.offset,
				long_name.name, SF_INTERFACE_NAME);
		record = flow_record(reader, 1);
		ck_assert_uint_eq(field(record, 0, 10), 71);
		ck_assert_uint_eq(field(record, 0, 14), 70000);
		ck_assert_uint_eq(field(record, 0, 61), 0);
		check_interface(reader, 3, "eth1", "eth1", 0);
		check_interface(reader, 4, "mapped", "mapped", 0);
		check_interface(reader, 70, "ge-0/0/1", "uplink", UINT64_C(10000000000));
		reader_free(reader);
	}
}
END_TEST

START_TEST(netflow5_tells_interfaces_of_16_bits)
{
	struct sf_flow flow = flow_ipv4(0);
	struct reader *reader;
	const uint8_t *record;

	answer(&flow);
	reader = sent("netflow5://127.0.0.1", "", SF_EXTRA_INTERFACES, &flow, 1);
	record = flow_record(reader, 0)->bytes;
	ck_assert_uint_eq(sf_load_be16(record + 12), 70);
	ck_assert_uint_eq(sf_load_be16(record + 14), 80);
	record = flow_record(reader, 1)->bytes;
	ck_assert_uint_eq(sf_load_be16(record + 12), 71);
	ck_assert_uint_eq(sf_load_be16(record + 14), 0);
	reader_free(reader);
}
END_TEST

START_TEST(a_destination_may_want_nothing_of_it)
{
	struct sf_flow flow = flow_ipv4(0);
	struct reader *reader =
		sent("ipfix://127.0.0.1", ",enrich=no", ALL | SF_EXTRA_INTERFACES, &flow, 1);

	ck_assert(!has_field(flow_record(reader, 0), 0, 16));
	ck_assert_uint_eq(field(flow_record(reader, 0), 0, 10), 3);
	ck_assert_uint_eq(field(flow_record(reader, 0), 0, 14), 3);
	check_interface(reader, 4, "eth2", "eth2", 0);
	reader_free(reader);
	reader = sent("netflow5://127.0.0.1", ",enrich=no", ALL, &flow, 1);
	ck_assert_uint_eq(sf_load_be16(flow_record(reader, 0)->bytes + 40), 0);
	reader_free(reader);
}
END_TEST

/* With a built-in encoder and with one that is not: private addresses are the own network. */
START_TEST(direction_follows_from_private_addresses)
{
	static const char *const fields[] = { "", ",fields=default+minimumTTL" };

	for (unsigned i = 0; i < 2; i++) {
		struct sf_flow flows[2] = { flow_ipv4(0), flow_ipv6(1) };
		struct reader *reader;

		memcpy(flows[0].addr[0], "\x0a\1\2\3", 4);
		memcpy(flows[1].addr[0], "\xfd\0\0\1", 4);
		answer(&flows[0]);
		answer(&flows[1]);
		reader = sent("ipfix://127.0.0.1", fields[i], 0, flows, 2);
		for (unsigned r = 0; r < 4; r++) {
			const struct record *record = flow_record(reader, r);
			bool ipv6 = has_field(record, 0, 27);
			int source = field_index(record, 0, ipv6 ? 27 : 8, 0);
			uint8_t first = record->bytes[record->template->fields[source].offset];

			ck_assert_uint_eq(field(record, 0, 61), first == (ipv6 ? 0xfd : 10));
		}
		reader_free(reader);
	}
}
END_TEST

/*
 * where=: every third record, by the AS number that the enricher gives; the text of the option is
 * known.
 */
static unsigned every_third(void *context, const struct sf_flow *flow, const struct sf_extra *extra,
	const struct sf_collected *record)
{
	(void)context;
	ck_assert_ptr_null(record);
	ck_assert_uint_eq(extra->side[0].as, 1000u + flow->port[0]);
	return extra->side[0].as % 3 ? 0 : SF_FORWARD;
}

static void count_free(void *context)
{
	++*(unsigned *)context;
}

static int conditions(void *context, const char *text, bool biflow, struct sf_chooser *chooser,
	struct sf_error *error)
{
	if (strcmp(text, "as in [3,6] && tcp") != 0)
		return sf_error_set(error, SF_EUSAGE, "what?");
	ck_assert(!biflow);
	*chooser = (struct sf_chooser){ .choose = every_third,
		.free = count_free,
		.context = context,
		.wants = 1,
		.extra = true };
	return 0;
}

START_TEST(a_destination_gets_what_it_chooses)
{
	for (unsigned queued = 0; queued < 2; queued++) {
		const struct sf_enricher enricher = enricher_of(ALL);
		struct receiver receiver = receiver_open(AF_INET), all = receiver_open(AF_INET);
		unsigned freed = 0;
		struct sf_exporter *exporter = exporter_to(&receiver,
			&(struct sf_exporter_options){ .enricher = &enricher,
				.queued = queued,
				.conditions = conditions,
				.conditions_context = &freed },
			"ipfix://127.0.0.1", ",where=as in [3,6] && tcp,rate=0");
		struct reader *reader = reader_new();
		struct sf_destination_stats stats;
		struct sf_flow flows[200];
		struct sf_error error;
		char url[64];

		snprintf(url, sizeof(url), "ipfix://127.0.0.1:%u,rate=0,where=no", all.port);
		ck_assert_int_eq(sf_exporter_add_collector(exporter, url, &error), SF_EUSAGE);
		ck_assert_ptr_nonnull(strstr(error.text, "option 'where': what?"));
		*strstr(url, ",where") = '\0';
		ck_assert_int_eq(sf_exporter_add_collector(exporter, url, &error), 0);
		ck_assert_uint_eq(sf_exporter_wants(exporter) & 1, 1);
		for (unsigned i = 0; i < 200; i++)
			flows[i] = flow_ipv4(i);
		sf_exporter_put(exporter, flows, 200);
		for (int64_t mono = 0; sf_exporter_waits(exporter) && mono < 100 * S; mono += S)
			sf_exporter_pump(exporter, mono, true);
		sf_exporter_finish(exporter);
		ck_assert(sf_exporter_stats(exporter, 0, &stats));
		ck_assert(sf_destination_balanced(&stats));
		ck_assert_uint_eq(stats.offered.packets, 200 * flows[0].half[0].packets);
		ck_assert_uint_eq(stats.skipped_where.records, 200 - stats.sent.records);
		sf_exporter_free(exporter);
		ck_assert_uint_eq(freed, 1);
		receive(reader, &receiver);
		ck_assert_uint_eq(flow_count(reader), stats.sent.records);
		/* (40000 + 1000 + i) % 3 == 0 for i = 1, 4, ... */
		ck_assert_uint_eq(flow_count(reader), 67);
		for (unsigned i = 0; i < 67; i++)
			check_ipv4(flow_record(reader, i), 1 + 3 * i);
		reader_free(reader);
		reader = reader_new();
		receive(reader, &all);
		ck_assert_uint_eq(flow_count(reader), 200);
		for (unsigned i = 0; i < 200; i++)
			check_ipv4(flow_record(reader, i), i);
		reader_free(reader);
		close(receiver.fd);
		close(all.fd);
	}
}
END_TEST

CHECK_MAIN("export_extra", a_destination_gets_what_it_chooses, interfaces_are_those_of_the_map,
	netflow5_tells_interfaces_of_16_bits, a_destination_may_want_nothing_of_it,
	direction_follows_from_private_addresses, ipfix_and_netflow9_have_the_fields,
	ipv6_has_its_own_fields, only_what_is_given_is_in_templates, netflow5_has_places_for_them,
	text_leaves_out_what_is_unknown, records_that_wait_are_enriched_when_they_leave,
	fields_that_nobody_gives_are_an_error)
