/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The copy plan against the conversion field by field: random templates, random records, whole
 * sets. Each record that a set hands over must be the one that sf_collect_convert() makes of its
 * fields.
 */
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "check_main.h"
#include "collect/internal.h"
#include "fact_values.h"

#define FIELDS_MAX  24
#define RECORDS_MAX 8
#define ROUNDS      20000

static const struct {
	uint16_t id, length;
	uint32_t pen;
} pool[] = {
	{ 8, 4 },
	{ 12, 4 },
	{ 7, 2 },
	{ 11, 2 },
	{ 4, 1 },
	{ 5, 1 },
	{ 6, 1 },
	{ 60, 1 },
	{ 1, 8 },
	{ 2, 8 },
	{ 152, 8 },
	{ 153, 8 },
	{ 10, 4 },
	{ 14, 4 },
	{ 61, 1 },
	{ 136, 1 },
	{ 58, 2 },
	{ 243, 2 },
	{ 245, 2 },
	{ 48, 1 },
	{ 27, 16 },
	{ 28, 16 },
	{ 6, 2 },
	{ 1, 4 },
	{ 2, 4 },
	{ 10, 2 },
	{ 14, 2 },
	{ 31, 4 },
	{ 52, 1 },
	{ 53, 1 },
	{ 56, 6 },
	{ 80, 6 },
	{ 70, 3 },
	{ 148, 8 },
	{ 154, 8 },
	{ 155, 8 },
	{ 156, 8 },
	{ 157, 8 },
	{ 32, 2 },
	{ 139, 2 },
	{ 210, 3 },
	{ 1, 8, SF_PEN_REVERSE },
	{ 2, 8, SF_PEN_REVERSE },
	{ 152, 8, SF_PEN_REVERSE },
	{ 192, 1 },
	{ 150, 4 },
	{ 4, 2 },
	{ 149, 4 },
	{ 130, 4 },
	{ 7, 2 },
	{ 8, 4 },
};

#define POOL (sizeof(pool) / sizeof(pool[0]))

static struct sf_collect_template *slow; /* the same template without a plan */
static struct sf_collect_message convert;
static const uint8_t *expected_record;
static unsigned delivered, planned;

static void on_record(void *context, const struct sf_collected *record)
{
	struct fact_values facts[2], expected[2];
	uint32_t offset = 0;
	struct sf_flow flow;

	(void)context;
	for (unsigned i = 0; i < slow->field_count; i++) {
		slow->fields[i].data = expected_record + offset;
		ck_assert_ptr_eq(record->fields[i].data, slow->fields[i].data);
		offset += slow->lengths[i];
	}
	sf_collect_convert(&convert, slow);
	fact_values_of(facts, &record->flow);
	fact_values_of(expected, &convert.out.flow);
	ck_assert_mem_eq(facts, expected, sizeof(facts));
	flow = record->flow;
	flow.annex = convert.out.flow.annex;
	ck_assert_mem_eq(&flow, &convert.out.flow, sizeof(flow));
	ck_assert_mem_eq(record->known, convert.out.known, sizeof(record->known));
	ck_assert_mem_eq(record->wide, convert.out.wide, sizeof(record->wide));
	ck_assert_mem_eq(record->egress, convert.out.egress, sizeof(record->egress));
	ck_assert_mem_eq(
		record->flow_direction, convert.out.flow_direction, sizeof(record->flow_direction));
	expected_record += slow->min_length;
	delivered++;
}

static struct sf_collect_template *make_template(const uint8_t *choice, unsigned count)
{
	struct sf_collect_template *template = sf_collect_template_new(count, 0);

	ck_assert_ptr_nonnull(template);
	for (unsigned i = 0; i < count; i++) {
		template->fields[i].id = pool[choice[i]].id;
		template->fields[i].pen = pool[choice[i]].pen;
		template->lengths[i] = pool[choice[i]].length;
	}
	sf_collect_template_compile(template);
	return template;
}

/* Small values, so that times are in order or not, protocols ICMP or not, members zero or not. */
static void fill(uint8_t *bytes, size_t length, const struct sf_collect_template *template)
{
	static const uint8_t protocols[] = { 6, 17, 1, 58, 0 };
	unsigned style = (unsigned)rand() % 4;

	for (size_t i = 0; i < length; i++)
		bytes[i] = style == 0 ? 0 : (uint8_t)(rand() & (style == 1 ? 1 : 255));
	for (unsigned i = 0; i < template->field_count; i++) {
		uint8_t *field = bytes + template->offsets[i];

		if (template->fields[i].id == 4 && template->lengths[i] == 1)
			*field = protocols[(unsigned)rand() % 5];
		/* times that no ns since 1970 hold are among them */
		if (template->fields[i].id >= 152 && template->fields[i].id <= 157 && rand() % 8)
			sf_store_be64(field, (uint64_t)rand() + (UINT64_C(1) << 40));
	}
}

static void one_set(struct sf_collector *collector, struct sf_collect_template *template)
{
	uint8_t bytes[RECORDS_MAX * FIELDS_MAX * 16];
	unsigned count = 1 + (unsigned)rand() % RECORDS_MAX;
	struct sf_collect_message message = {
		.collector = collector,
		.p = bytes,
		.out = { .domain = 7,
			.export_time_ns = INT64_C(1700000000000000000),
			.version = 10 },
		.empty_left = 1000,
	};

	for (unsigned i = 0; i < count; i++)
		fill(bytes + i * template->min_length, template->min_length, template);
	memset(&message.out.flow, 0x55, sizeof(message.out.flow));
	convert = message;
	expected_record = bytes;
	delivered = 0;
	ck_assert_int_eq(sf_collect_data_set(
				 &message, template, bytes + (size_t)count * template->min_length),
		0);
	ck_assert_uint_eq(delivered, count);
}

START_TEST(plan_does_what_the_steps_do)
{
	struct sf_collector collector = { .options = { .record = on_record } };

	srand(1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint8_t choice[FIELDS_MAX];
		unsigned count = 1 + (unsigned)rand() % FIELDS_MAX;
		struct sf_collect_template *template;

		for (unsigned i = 0; i < count; i++)
			/* mostly from the first ones, which the default profile has */
			choice[i] = (uint8_t)((unsigned)rand() % (rand() % 4 ? 20 : POOL));
		if (count > 4 && rand() % 4)
			memcpy(choice, (uint8_t[]){ 0, 1, 10, 11 }, 4);
		template = make_template(choice, count);
		slow = make_template(choice, count);
		planned += template->plan.usable;
		slow->plan.usable = false;
		one_set(&collector, template);
		one_set(&collector, template);
		free(template);
		free(slow);
	}
	ck_assert_uint_gt(planned, ROUNDS / 4);
	ck_assert_uint_lt(planned, ROUNDS);
}
END_TEST

/* The record that spanflow sends has a plan without single copies. */
START_TEST(default_template_is_copied_in_groups)
{
	uint8_t choice[20];
	struct sf_collect_template *template;

	for (uint8_t i = 0; i < 20; i++)
		choice[i] = i;
	template = make_template(choice, 20);
	ck_assert(template->plan.usable);
	ck_assert_uint_eq(template->plan.copy_count, 0);
	free(template);
}
END_TEST

CHECK_MAIN("collect_plan", plan_does_what_the_steps_do, default_template_is_copied_in_groups)
