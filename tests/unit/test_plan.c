/* SPDX-License-Identifier: BSD-2-Clause */
/* Plans: sources as people write them, and what differs between two plans. */
#include <string.h>

#include "check_main.h"
#include "engine/plan.h"

#define MAX 16

static struct sf_plan_difference differences[MAX];

START_TEST(sources_are_taken_apart)
{
	struct sf_plan_source source = { .snaplen = 5 };
	struct sf_error error = { 0 };

	if (!sf_capture_driver("pcap"))
		return;
	ck_assert_int_eq(sf_plan_source_parse(&source, "eth1+eth2", &error), 0);
	ck_assert_str_eq(source.text, "eth1+eth2");
	ck_assert_str_eq(source.driver, "pcap");
	ck_assert_uint_eq(source.name_count, 2);
	ck_assert_str_eq(source.names[0], "eth1");
	ck_assert_str_eq(source.names[1], "eth2");
	ck_assert_uint_eq(source.snaplen, 5);
	sf_plan_source_free(&source);
	ck_assert_int_eq(sf_plan_source_parse(&source, "pcap:any", &error), 0);
	ck_assert_uint_eq(source.name_count, 1);
	ck_assert_str_eq(source.names[0], "any");
	sf_plan_source_free(&source);
	if (!sf_capture_driver("dpdk"))
		return;
	/* one device string, whatever is in it */
	ck_assert_int_eq(sf_plan_source_parse(&source, "dpdk:net_null0,a=b+c:d", &error), 0);
	ck_assert_str_eq(source.driver, "dpdk");
	ck_assert_uint_eq(source.name_count, 1);
	ck_assert_str_eq(source.names[0], "net_null0,a=b+c:d");
	sf_plan_source_free(&source);
}
END_TEST

START_TEST(wrong_sources_are_refused)
{
	static const struct {
		const char *text, *words;
	} wrong[] = {
		{ "eth1++eth2", "an interface name is empty" },
		{ "", "an interface name is empty" },
		{ "pcap:", "an interface name is empty" },
		{ "libpcap:eth1", "did you mean -i pcap:eth1?" },
		{ "file:x", "no driver 'file'" },
		{ "a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p+q", "more than 16 interfaces" },
	};

	if (!sf_capture_driver("pcap"))
		return;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct sf_plan_source source = { 0 };
		struct sf_error error = { 0 };

		ck_assert_int_eq(sf_plan_source_parse(&source, wrong[i].text, &error), SF_EUSAGE);
		ck_assert_msg(strstr(error.text, wrong[i].words) != NULL, "%s", error.text);
		ck_assert_ptr_null(source.names);
	}
}
END_TEST

static const char *const names[] = { "eth1", "eth2" };
static const char *const others[] = { "eth1", "eth3" };
static const uint64_t seeds[2][2] = { { 1, 2 }, { 1, 3 } };

static const struct sf_plan_source sources[] = {
	{ .text = "eth1+eth2", .driver = "pcap", .names = names, .name_count = 2 },
	{ .text = "xdp:eth3", .driver = "xdp", .names = others, .name_count = 1 },
};
static const struct sf_plan_destination destinations[] = {
	{ .kind = SF_TO_COLLECTOR, .url = "ipfix://192.0.2.1,rate=5,biflow=yes" },
	{ .kind = SF_TO_FILE, .url = "a,b.ipfix,time=us" },
	{ .kind = SF_TO_TEXT, .format = SF_TEXT_JSON },
	{ .kind = SF_TO_CALLBACK },
};
static const struct sf_plan plan = {
	.sources = sources,
	.source_count = 2,
	.destinations = destinations,
	.destination_count = 4,
	.hash_seed = seeds[0],
	.enrich = names,
	.enrich_count = 2,
	.fields = "default",
};

/* Writes another value to a member. */
static void change(void *structure, const struct sf_plan_row *row)
{
	void *member = (char *)structure + row->offset;

	switch (row->kind) {
	case SF_PLAN_TEXT:
		*(const char **)member = "something else";
		break;
	case SF_PLAN_SEED:
		*(const uint64_t **)member = seeds[1];
		break;
	case SF_PLAN_NAMES:
		*(const char *const **)member = others;
		break;
	default:
		*(unsigned char *)member ^= 1;
	}
}

/* There is a row for each member, in their order: so no member has two rows. */
static void check_order(const struct sf_plan_row *rows)
{
	for (const struct sf_plan_row *row = rows; row[1].name; row++)
		ck_assert_msg(row->offset + row->size <= row[1].offset, "%s", row[1].name);
}

static void check_difference(const struct sf_plan *other, const struct sf_plan_row *row)
{
	unsigned count = sf_plan_compare(&plan, other, differences, MAX);

	ck_assert_msg(count == 1, "%s: %u differences", row->name, count);
	ck_assert_int_eq(differences[0].part, row->part);
	ck_assert_int_eq(differences[0].change, row->change);
	ck_assert_str_eq(differences[0].member, row->name);
}

START_TEST(every_member_is_compared)
{
	check_order(sf_plan_rows);
	check_order(sf_plan_source_rows);
	check_order(sf_plan_destination_rows);
	for (const struct sf_plan_row *row = sf_plan_rows; row->name; row++) {
		struct sf_plan other = plan;

		if (row->kind == SF_PLAN_NONE)
			continue;
		change(&other, row);
		check_difference(&other, row);
	}
	for (const struct sf_plan_row *row = sf_plan_source_rows; row->name; row++) {
		struct sf_plan_source changed[2] = { sources[0], sources[1] };
		struct sf_plan other = plan;

		if (row->kind == SF_PLAN_NONE)
			continue;
		other.sources = changed;
		change(&changed[0], row);
		check_difference(&other, row);
	}
	for (const struct sf_plan_row *row = sf_plan_destination_rows; row->name; row++) {
		struct sf_plan_destination changed[4];
		struct sf_plan other = plan;

		if (row->kind == SF_PLAN_NONE)
			continue;
		memcpy(changed, destinations, sizeof(changed));
		other.destinations = changed;
		change(&changed[2], row);
		check_difference(&other, row);
	}
}
END_TEST

START_TEST(equal_plans_are_the_same)
{
	struct sf_plan_source copies[2] = { sources[1], sources[0] };
	const uint64_t seed[2] = { 1, 2 };
	struct sf_plan other = plan;
	char fields[] = "default";

	ck_assert_uint_eq(sf_plan_compare(&plan, &other, differences, MAX), 0);
	/* in another order, and at other addresses */
	other.sources = copies;
	other.hash_seed = seed;
	other.fields = fields;
	ck_assert_uint_eq(sf_plan_compare(&plan, &other, differences, MAX), 0);
	other.fields = NULL;
	ck_assert_uint_eq(sf_plan_compare(&plan, &other, differences, MAX), 1);
}
END_TEST

START_TEST(sources_come_and_go)
{
	struct sf_plan other = plan;
	const struct sf_plan_source changed[2] = { sources[1],
		{ .text = "eth9", .driver = "pcap" } };

	other.sources = changed;
	ck_assert_uint_eq(sf_plan_compare(&plan, &other, differences, MAX), 2);
	ck_assert_int_eq(differences[0].change, SF_PLAN_REMOVED);
	ck_assert_uint_eq(differences[0].old_index, 0);
	ck_assert_int_eq(differences[1].change, SF_PLAN_ADDED);
	ck_assert_uint_eq(differences[1].new_index, 1);
	/* there are more differences than room for them */
	ck_assert_uint_eq(sf_plan_compare(&plan, &other, differences, 1), 2);
}
END_TEST

/* What it takes to get from the first to another URL of the collector. */
static enum sf_plan_change to_url(unsigned number, const char *url)
{
	struct sf_plan_destination changed[4];
	struct sf_plan other = plan;

	memcpy(changed, destinations, sizeof(changed));
	changed[number].url = url;
	other.destinations = changed;
	return sf_plan_compare(&plan, &other, differences, MAX) ? differences[0].change
								: SF_PLAN_SAME;
}

START_TEST(destinations_are_compared_by_their_options)
{
	ck_assert_int_eq(to_url(0, "ipfix://192.0.2.1,biflow=yes,rate=5"), SF_PLAN_SAME);
	ck_assert_int_eq(to_url(0, "ipfix://192.0.2.1?biflow=yes&rate=5"), SF_PLAN_SAME);
	ck_assert_int_eq(to_url(0, "ipfix://192.0.2.1,rate=50,biflow=yes"), SF_PLAN_ADJUST);
	ck_assert_str_eq(differences[0].member, "rate");
	ck_assert_int_eq(to_url(0, "ipfix://192.0.2.1,biflow=yes"), SF_PLAN_ADJUST);
	ck_assert_int_eq(to_url(0, "ipfix://192.0.2.1,rate=5,biflow=yes,queue=1M"), SF_PLAN_ADJUST);
	ck_assert_str_eq(differences[0].member, "queue");
	ck_assert_int_eq(to_url(0, "ipfix://192.0.2.1,rate=6"), SF_PLAN_RESTART);
	ck_assert_str_eq(differences[0].member, "biflow");
	ck_assert_int_eq(to_url(0, "ipfix://192.0.2.2,rate=5,biflow=yes"), SF_PLAN_REMOVED);
	ck_assert_int_eq(differences[1].change, SF_PLAN_ADDED);
	ck_assert_int_eq(to_url(1, "a,b.ipfix"), SF_PLAN_RESTART);
	ck_assert_str_eq(differences[0].member, "time");
	ck_assert_int_eq(to_url(1, "a,c.ipfix,time=us"), SF_PLAN_REMOVED);
}
END_TEST

CHECK_MAIN("plan", sources_are_taken_apart, wrong_sources_are_refused, every_member_is_compared,
	equal_plans_are_the_same, sources_come_and_go, destinations_are_compared_by_their_options)
