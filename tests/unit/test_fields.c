/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of fields as people write them, and the templates that follow from them. */
#include <stdio.h>
#include <string.h>

#include <spanflow/export.h>

#include "base/annex.h"
#include "base/experiments.h"
#include "base/list.h"
#include "check_main.h"
#include "encode/fields.h"
#include "encode/template.h"
#include "fact_values.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define IPFIX_SESSION    (SF_WHEN_IPFIX | SF_WHEN_MS)
#define BIFLOW_SESSION   (SF_WHEN_IPFIX | SF_WHEN_MS | SF_WHEN_BIFLOW)
#define NETFLOW9_SESSION (SF_WHEN_NETFLOW9 | SF_WHEN_UPTIME)

static struct sf_error error;

static int choose(struct sf_fields *fields, const char *list, uint64_t session)
{
	memset(&error, 0, sizeof(error));
	return sf_fields_choose(
		fields, list, sf_fields_profile(SF_PROFILE_DEFAULT), session, NULL, "test", &error);
}

/* "1 2 r1": elements of the template for IPv4 over TCP; r: reverse. */
static const char *elements(const char *list, uint64_t session, uint64_t when)
{
	static char text[1024];
	struct sf_fields fields;
	struct sf_template template;
	size_t length = 0;

	ck_assert_msg(choose(&fields, list, session) == 0, "%s: %s", list, error.text);
	sf_template_init(&template, &fields, session, SF_WHEN_IPV4 | SF_WHEN_NOT_ICMP | when);
	*text = 0;
	for (unsigned i = 0; i < template.field_count; i++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s%u",
			i ? " " : "", template.specs[i].pen == SF_PEN_REVERSE ? "r" : "",
			template.specs[i].id);
	return text;
}

START_TEST(lists_are_read)
{
	static const struct {
		const char *list;
		uint64_t session, when;
		const char *elements;
	} cases[] = {
		{ "octetDeltaCount", IPFIX_SESSION, 0, "1" },
		{ "packetDeltaCount,octetDeltaCount", IPFIX_SESSION, 0, "2 1" },
		{ "packetDeltaCount+octetDeltaCount", IPFIX_SESSION, 0, "2 1" },
		{ "packetDeltaCount,+octetDeltaCount,-packetDeltaCount", IPFIX_SESSION, 0, "1" },
		{ "octetDeltaCount,octetDeltaCount", IPFIX_SESSION, 0, "1" },
		/* what a record does not have is not in its template */
		{ "sourceIPv4Address,sourceIPv6Address,vlanId", IPFIX_SESSION, 0, "8" },
		{ "sourceIPv4Address,vlanId", IPFIX_SESSION, SF_WHEN_VLAN, "8 58" },
		/* two names for the one element */
		{ "tcpControlBits+tcpControlBitsLow", IPFIX_SESSION, 0, "6" },
		{ "tcpControlBitsLow-tcpControlBits+ipVersion", IPFIX_SESSION, 0, "60" },
		/* reverse elements come along, behind the fields */
		{ "octetDeltaCount,ipVersion", BIFLOW_SESSION, 0, "1 60" },
		{ "octetDeltaCount,ipVersion", BIFLOW_SESSION, SF_WHEN_TWO_WAY, "1 60 r1" },
		{ "octetDeltaCount-reverseOctetDeltaCount", BIFLOW_SESSION, SF_WHEN_TWO_WAY, "1" },
		{ "octetDeltaCount+ipVersion-octetDeltaCount", BIFLOW_SESSION, SF_WHEN_TWO_WAY,
			"60" },
		{ "reverseOctetDeltaCount+ipVersion", BIFLOW_SESSION, SF_WHEN_TWO_WAY, "r1 60" },
		{ "biflowDirection", BIFLOW_SESSION, 0, "239" },
		/* named times keep their resolution; v9 has uptimes in their place */
		{ "flowStartMicroseconds,flowEndNanoseconds", IPFIX_SESSION, 0, "154 157" },
		{ "flowStartMicroseconds,flowEndNanoseconds", NETFLOW9_SESSION, 0, "22 21" },
		{ "flowStartSysUpTime", NETFLOW9_SESSION, 0, "22" },
		/* and stand beside those of the list, which has them for other destinations only */
		{ "plain+flowStartNanoseconds", IPFIX_SESSION, 0,
			"8 12 7 11 4 5 6 60 10 1 2 152 153 136 156" },
		{ "plain+flowEndMicroseconds", BIFLOW_SESSION, SF_WHEN_TWO_WAY,
			"8 12 7 11 4 5 6 60 10 1 2 152 153 136 r1 r2 r152 r153 r5 r6 r10 21 239 155 r155" },
		/* groups */
		{ "plain-flowStartMilliseconds-flowEndMilliseconds", IPFIX_SESSION, 0,
			"8 12 7 11 4 5 6 60 10 1 2 136" },
		{ "plain-default", IPFIX_SESSION, 0, NULL },
		{ "ipVersion+minimumTTL-default", IPFIX_SESSION, 0, "52" },
		{ "ipVersion+shape", IPFIX_SESSION, 0, "60 25 26 401 402 60 61 62 63 64 65 66" },
		{ "ipVersion+shape", BIFLOW_SESSION, SF_WHEN_TWO_WAY,
			"60 25 26 401 402 60 61 62 63 64 65 66 r25 r26 r401 r402 16444 16445 16446 16447 16448 16449 16450" },
		{ "shape+ipVersion-minimumIpTotalLength-transportOctetDeltaCount", IPFIX_SESSION, 0,
			"26 402 60 61 62 63 64 65 66 60" },
		{ "ipVersion+shape+headers-shape-ipTTL", IPFIX_SESSION, 0, "60 54 197 256 244" },
		/* a group leaves out what v9 cannot carry */
		{ "headers+shape", NETFLOW9_SESSION, 0, "192 54 256 244 25 26" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct sf_fields fields;

		if (cases[i].elements)
			ck_assert_str_eq(elements(cases[i].list, cases[i].session, cases[i].when),
				cases[i].elements);
		else
			/* all but the flow label, which IPv4 does not have */
			ck_assert_int_eq(choose(&fields, cases[i].list, cases[i].session), 0);
	}
}
END_TEST

/* The data record of that list of fields, of the flow's first direction; or of both: RFC 5103. */
static size_t record_of(
	uint8_t *bytes, const char *list, const struct sf_flow *flow, unsigned directions)
{
	static const struct sf_encode_context context = { 0 };
	struct sf_fields fields;
	struct sf_template template;

	ck_assert_msg(choose(&fields, list, IPFIX_SESSION) == 0, "%s: %s", list, error.text);
	sf_template_init(&template, &fields, IPFIX_SESSION, sf_record_when(flow, directions));
	return (size_t)(sf_template_encode(&template, bytes, flow, 1, 1, &context) - bytes);
}

#define RECORD(list, ...)                                                                          \
	do {                                                                                       \
		const uint8_t expected[] = { __VA_ARGS__ };                                        \
                                                                                                   \
		ck_assert_uint_eq(record_of(bytes, list, &flow, 1), sizeof(expected));             \
		ck_assert_mem_eq(bytes, expected, sizeof(expected));                               \
	} while (0)
#define BOTH_LISTS "tcpSharedOptionExID16List,tcpSharedOptionExID32List"

/* RFC 9740 §6.2, its example: 0x0348 and 0x454e, and 0xe2d4c3d9. */
START_TEST(experiments_are_lists)
{
	static struct full_annex annex;
	struct sf_flow flow = {
		.ip_version = 4, .protocol = 6, .directions = 1, .has = SF_HAS_TCP
	};
	uint8_t options[32] = { 0x60, [31] = 0x0d };
	uint8_t bytes[SF_RECORD_MAX];
	const uint32_t host_id = sf_experiments_of((const uint8_t[]){ 0x03, 0x48 }, 2),
		       encryption = sf_experiments_of((const uint8_t[]){ 0x45, 0x4e }, 2),
		       smc = sf_experiments_of((const uint8_t[]){ 0xe2, 0xd4, 0xc3, 0xd9 }, 4);

	give_annex(&flow, &annex);
	set_fact(&annex, SF_FACT_tcp_options, 0, options);
	/* an experiment that has no identifier here: no list, and the bits tell it */
	ck_assert_uint_eq(record_of(bytes, BOTH_LISTS ",tcpOptionsFull", &flow, 1), 32);
	ck_assert_mem_eq(bytes, options, 32);
	RECORD("ipVersion,tcpSharedOptionExID16,tcpSharedOptionExID32," BOTH_LISTS, 4, 0, 0, 0, 0,
		0, 0);

	set_number(&annex, SF_FACT_experiments, 0, encryption | host_id | smc);
	RECORD(BOTH_LISTS, 255, 0, 9, 3, 0x02, 0x09, 0, 2, 0x03, 0x48, 0x45, 0x4e, 255, 0, 9, 3,
		0x02, 0x0a, 0, 4, 0xe2, 0xd4, 0xc3, 0xd9);
	RECORD("tcpSharedOptionExID16,tcpSharedOptionExID32", 0x45, 0x4e, 0xe2, 0xd4, 0xc3, 0xd9);
	/* RFC 9740 §4.1: a list takes the place of the bits */
	ck_assert_uint_eq(record_of(bytes, "tcpOptionsFull," BOTH_LISTS, &flow, 1), 32 + 24);
	ck_assert_uint_eq(bytes[0], 0);
	ck_assert_uint_eq(bytes[31], 0x0d);
	ck_assert_uint_eq(record_of(bytes, "tcpOptionsFull", &flow, 1), 32);
	ck_assert_mem_eq(bytes, options, 32);

	/* no list of what there is not */
	set_number(&annex, SF_FACT_experiments, 0, smc);
	RECORD(BOTH_LISTS, 255, 0, 9, 3, 0x02, 0x0a, 0, 4, 0xe2, 0xd4, 0xc3, 0xd9);
	ck_assert_uint_eq(
		record_of(bytes, "tcpOptionsFull,tcpSharedOptionExID16List", &flow, 1), 32);
	ck_assert_mem_eq(bytes, options, 32);
	/* of the other direction: only its own record has the list, or one of both directions */
	set_number(&annex, SF_FACT_experiments, 0, 0);
	set_number(&annex, SF_FACT_experiments, 1, host_id);
	ck_assert_uint_eq(record_of(bytes, BOTH_LISTS, &flow, 1), 0);
	ck_assert_uint_eq(record_of(bytes, BOTH_LISTS ",tcpOptionsFull", &flow, 1), 32);
	ck_assert_mem_eq(bytes, options, 32);
	ck_assert_uint_eq(record_of(bytes, BOTH_LISTS, &flow, 3), 8);
	ck_assert_mem_eq(bytes, ((uint8_t[]){ 255, 0, 5, 3, 0x02, 0x09, 0, 2 }), 8);
	/* every one of the registry */
	set_number(&annex, SF_FACT_experiments, 0, UINT32_MAX);
	ck_assert_uint_eq(record_of(bytes, BOTH_LISTS, &flow, 1),
		3 + SF_LIST_BYTES(2, SF_EXPERIMENTS_16) + 3 + SF_LIST_BYTES(4, SF_EXPERIMENTS_32));
}
END_TEST

START_TEST(a_sign_in_front_changes_what_there_is)
{
	struct sf_fields fields;
	const struct sf_fields *base = sf_fields_profile(SF_PROFILE_DEFAULT);

	ck_assert_int_eq(choose(&fields, "+minimumTTL", IPFIX_SESSION), 0);
	ck_assert_uint_eq(fields.count, base->count + 1);
	ck_assert_int_eq(fields.profile, -1);
	ck_assert_int_eq(choose(&fields, "-vlanId", IPFIX_SESSION), 0);
	ck_assert_uint_eq(fields.count, base->count - 1);
	/* what amounts to a profile is that profile: its encoders and template ids */
	ck_assert_int_eq(choose(&fields, "default", IPFIX_SESSION), 0);
	ck_assert_int_eq(fields.profile, SF_PROFILE_DEFAULT);
	ck_assert_int_eq(choose(&fields, "extended+minimumTTL", IPFIX_SESSION), 0);
	ck_assert_int_eq(fields.profile, SF_PROFILE_EXTENDED);
	ck_assert_int_eq(choose(&fields, "+minimumTTL-minimumTTL", IPFIX_SESSION), 0);
	ck_assert_int_eq(fields.profile, SF_PROFILE_DEFAULT);
}
END_TEST

START_TEST(wrong_lists_are_explained)
{
	static const struct {
		const char *list;
		uint64_t session;
		const char *words;
	} cases[] = {
		{ "minimumTtl", IPFIX_SESSION, "did you mean minimumTTL?" },
		{ "heders", IPFIX_SESSION, "did you mean headers?" },
		{ "extendet", IPFIX_SESSION, "did you mean extended?" },
		{ "reverseOctetDeltaCnt", IPFIX_SESSION, "did you mean reverseOctetDeltaCount?" },
		{ "default+xyz", IPFIX_SESSION, "'xyz' is no field and no group" },
		{ "reverseIpVersion", BIFLOW_SESSION, "'reverseIpVersion' is no field" },
		{ "bgpNextAdjacentAsNumber", IPFIX_SESSION, "does not meter" },
		{ "", IPFIX_SESSION, "empty" },
		{ "default+", IPFIX_SESSION, "a name is missing" },
		{ "default,", IPFIX_SESSION, "a name is missing" },
		{ ",default", IPFIX_SESSION, "a name is missing" },
		{ "default,,ipVersion", IPFIX_SESSION, "a name is missing" },
		{ "default--ipVersion", IPFIX_SESSION, "a name is missing" },
		{ "default-default", IPFIX_SESSION, "no field is left" },
		{ "flowId", NETFLOW9_SESSION, "flowId: NetFlow v9 has no such field" },
		{ "biflowDirection", NETFLOW9_SESSION, "biflowDirection: NetFlow v9" },
		{ "flowStartSysUpTime", IPFIX_SESSION, "only NetFlow v9 has it" },
		{ "reverseOctetDeltaCount", IPFIX_SESSION, "biflow=yes" },
		{ "biflowDirection", IPFIX_SESSION, "biflow=yes" },
		{ "default+bgpSourceAsNumber", IPFIX_SESSION | SF_WHEN_MASK,
			"bgpSourceAsNumber: no source of --enrich tells it" },
	};
	struct sf_fields fields;

	for (size_t i = 0; i < COUNT(cases); i++) {
		ck_assert_msg(choose(&fields, cases[i].list, cases[i].session) == SF_EUSAGE, "%s",
			cases[i].list);
		ck_assert_msg(strstr(error.text, cases[i].words) != NULL, "%s: %s", cases[i].list,
			error.text);
		ck_assert_int_eq(strncmp(error.text, "test: ", 6), 0);
	}
}
END_TEST

START_TEST(what_cannot_be_carried_is_left_out_by_name)
{
	char left_out[SF_LEFT_OUT_MAX], many[2000] = "ipVersion";
	struct sf_fields fields;

	ck_assert_int_eq(sf_fields_choose(&fields, "flowId,octetDeltaCount,biflowDirection", NULL,
				 NETFLOW9_SESSION, left_out, "test", &error),
		0);
	ck_assert_uint_eq(fields.count, 1);
	ck_assert_str_eq(left_out, "flowId (NetFlow v9 has no such field), "
				   "biflowDirection (NetFlow v9 has no such field)");
	for (int i = 0; i < 100; i++)
		strcat(many, "+flowId");
	ck_assert_int_eq(
		sf_fields_choose(&fields, many, NULL, NETFLOW9_SESSION, left_out, "test", &error),
		0);
	ck_assert_uint_lt(strlen(left_out), SF_LEFT_OUT_MAX);
}
END_TEST

/* Every field by its name, alone and all together, in every kind of session that carries it. */
START_TEST(every_field_can_be_chosen)
{
	static const uint64_t sessions[] = { IPFIX_SESSION | SF_WHEN_EXTRA,
		BIFLOW_SESSION | SF_WHEN_EXTRA, NETFLOW9_SESSION | SF_WHEN_EXTRA };
	static const struct sf_encode_context context;
	const struct sf_field_row *row;
	static struct sf_flow flow = { .ip_version = 4, .directions = 3 };
	uint8_t record[2 * SF_RECORD_MAX], other[2 * SF_RECORD_MAX], *p;
	size_t length;

	for (size_t s = 0; s < COUNT(sessions); s++) {
		char all[4096] = "";
		struct sf_fields fields;
		struct sf_template template;

		for (unsigned i = 0; (row = sf_field_row(i)); i++) {
			int code = choose(&fields, row->name, sessions[s]);

			ck_assert(code == 0 || strstr(error.text, "v9") ||
				  strstr(error.text, "biflow"));
			if (code == 0)
				strcat(strcat(all, *all ? "+" : ""), row->name);
		}
		ck_assert_int_eq(choose(&fields, all, sessions[s]), 0);
		ck_assert_uint_gt(fields.count, 25);
		for (unsigned k = 0; k <= 16; k++) {
			uint64_t when = SF_WHEN_IPV4 << (k & 1) | SF_WHEN_NOT_ICMP << (k >> 1 & 1) |
					(k & 4 ? SF_WHEN_TWO_WAY : 0) | (k & 8 ? SF_WHEN_HAS : 0);

			/* collected records may have any fields together */
			if (k == 16)
				when = SF_WHEN_RECORD;

			sf_template_init(&template, &fields, sessions[s], when);
			length = (size_t)(sf_template_encode(
						  &template, record, &flow, 1, 3, &context) -
					  record);
			if (template.variable)
				ck_assert_uint_ge(length, 2 * (size_t) template.record_least);
			else
				ck_assert_uint_eq(length, 2 * (size_t) template.record_length);
			p = other;
			for (unsigned d = 0; d < 2; d++)
				p = sf_template_encode(&template, p, &flow, 1, 1u << d, &context);
			ck_assert_ptr_eq(p, other + length);
			ck_assert_mem_eq(record, other, length);
			for (unsigned i = 0; i < template.field_count; i++)
				ck_assert_ptr_nonnull(sf_element_find(
					template.specs[i].pen, template.specs[i].id));
		}
	}
}
END_TEST

START_TEST(the_same_list_has_the_same_template_ids)
{
	static const char *const lists[] = { "ipVersion", "ipVersion+octetDeltaCount",
		"octetDeltaCount+ipVersion", "default+minimumTTL", "extended-flowId" };
	uint16_t seen[COUNT(lists)];

	for (size_t i = 0; i < COUNT(lists); i++) {
		struct sf_template one, two;
		struct sf_fields fields;

		for (int k = 0; k < 2; k++) {
			ck_assert_int_eq(choose(&fields, lists[i], IPFIX_SESSION), 0);
			sf_template_init(k ? &two : &one, &fields, IPFIX_SESSION,
				SF_WHEN_IPV4 | SF_WHEN_NOT_ICMP);
		}
		ck_assert_uint_eq(one.id, two.id);
		ck_assert(sf_template_is_same(&one, &two));
		/* between those of the profiles and those of options templates */
		ck_assert_uint_ge(one.id, 6400);
		ck_assert_uint_lt(one.id, 65000);
		seen[i] = one.id;
		for (size_t k = 0; k < i; k++)
			ck_assert_uint_ne(seen[k], one.id);
	}
	ck_assert_uint_eq(sf_template_next_id(64999), 6400);
	ck_assert_uint_eq(sf_template_next_id(6400), 6401);
}
END_TEST

/* What the fields of tunnels need. */
#define TUNNEL_FACTS (SF_FACT_SET(tunnel) | SF_FACT_SET(outer_flow) | SF_FACT_SET(inner_flow))

START_TEST(facts_follow_from_the_fields)
{
	static const struct {
		const char *list;
		uint64_t session;
		uint64_t facts;
	} cases[] = {
		{ "octetDeltaCount", IPFIX_SESSION, 0 },
		{ "+sourceMacAddress", IPFIX_SESSION, SF_FACT_SET(src_mac) | TUNNEL_FACTS },
		{ "+flowId+mplsTopLabelStackSection", IPFIX_SESSION,
			SF_WANTS_FLOW_ID | SF_FACT_SET(mpls) | TUNNEL_FACTS },
		{ "extended-flowId-flowLabelIPv6", IPFIX_SESSION,
			SF_FACT_SET(src_mac) | SF_FACT_SET(dst_mac) | SF_FACT_SET(mpls) |
				TUNNEL_FACTS },
		/* the group has a flowId, but v9 cannot carry it */
		{ "extended", NETFLOW9_SESSION,
			SF_FACT_SET(src_mac) | SF_FACT_SET(dst_mac) | SF_FACT_SET(mpls) |
				SF_FACT_SET(flow_label) },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct sf_fields fields;

		ck_assert_int_eq(choose(&fields, cases[i].list, cases[i].session), 0);
		ck_assert_uint_eq(sf_fields_facts(&fields, cases[i].session), cases[i].facts);
	}
}
END_TEST

CHECK_MAIN("fields", lists_are_read, experiments_are_lists, a_sign_in_front_changes_what_there_is,
	wrong_lists_are_explained, what_cannot_be_carried_is_left_out_by_name,
	every_field_can_be_chosen, the_same_list_has_the_same_template_ids,
	facts_follow_from_the_fields)
