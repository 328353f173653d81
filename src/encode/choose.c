/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of fields as people write them: "default+minimumTTL-vlanId". */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/element_id.h"
#include "base/suggest.h"
#include "encode/fields.h"

#define FIELD_NAME_MAX 64

struct chooser {
	struct sf_fields *fields;
	struct sf_fields reverse; /* elements that come along with their fields: at the end */
	uint64_t session;
	char *left_out;
	const char *what;
	struct sf_error *error;
};

/* ---------------------------------------------------------------- names */

static void field_name(const struct sf_field_row *row, bool reverse, char *name)
{
	if (reverse)
		sf_field_name(
			sf_field_pen(row, true), sf_field_id(row, true), name, FIELD_NAME_MAX);
	else
		snprintf(name, FIELD_NAME_MAX, "%s", row->name);
}

/* The index of the row of that name, or -1. */
static int find_field(const char *name, bool *reverse)
{
	const struct sf_field_row *row;
	char text[FIELD_NAME_MAX];

	for (unsigned i = 0; (row = sf_field_row(i)); i++)
		for (*reverse = false;; *reverse = true) {
			field_name(row, *reverse, text);
			if (!strcmp(text, name))
				return (int)i;
			if (*reverse || !row->each)
				break;
		}
	return -1;
}

/* What a mistyped name may have meant: groups, fields, reverse elements. */
struct names {
	unsigned count;
	char text[SF_FIELDS_MAX][FIELD_NAME_MAX];
};

static void add_name(struct names *names, const char *name)
{
	if (names->count < SF_FIELDS_MAX)
		snprintf(names->text[names->count++], FIELD_NAME_MAX, "%s", name);
}

static const char *next_name(const void *context, unsigned i)
{
	const struct names *names = context;

	return i < names->count ? names->text[i] : NULL;
}

static int unknown_name(const struct chooser *chooser, const char *name)
{
	const struct sf_fields_group *group;
	const struct sf_field_row *row;
	char text[FIELD_NAME_MAX];
	struct names names;
	const char *near;

	names.count = 0;
	for (int i = 0; i < SF_PROFILE_COUNT; i++)
		add_name(&names, sf_profile_name((enum sf_profile)i));
	for (unsigned i = 0; (group = sf_fields_group(i)); i++)
		add_name(&names, group->name);
	for (unsigned i = 0; (row = sf_field_row(i)); i++)
		for (unsigned reverse = 0; reverse <= row->each; reverse++) {
			field_name(row, reverse, text);
			add_name(&names, text);
		}
	near = sf_suggest(name, next_name, &names);
	if (!near && sf_element_find_name(name))
		return sf_error_set(chooser->error, SF_EUSAGE,
			"%s: %s is an element that spanflow does not meter ('spanflow list fields' "
			"names the others)",
			chooser->what, name);
	return sf_error_set(chooser->error, SF_EUSAGE, "%s: '%s' is no field and no group%s%s%s",
		chooser->what, name, near ? " (did you mean " : "", near ? near : "",
		near ? "?)" : ": 'spanflow list fields' names them");
}

/* ---------------------------------------------------------------- adding, removing */

/* Among the first `count` items. */
static bool has_element(
	const struct sf_fields *fields, unsigned count, unsigned field, bool reverse)
{
	for (unsigned i = 0; i < count; i++)
		if (sf_field_is_element(&fields->items[i], field, reverse))
			return true;
	return false;
}

static void append(struct sf_fields *fields, const struct sf_field_item *item)
{
	/* each element once, but for the few that a profile has twice */
	assert(fields->count < SF_FIELDS_MAX);
	fields->items[fields->count++] = *item;
}

static void add_group(struct sf_fields *fields, const struct sf_fields *group)
{
	/* a profile may have an element twice, under different conditions */
	unsigned before = fields->count;

	for (unsigned i = 0; i < group->count; i++)
		if (!has_element(fields, before, group->items[i].field, group->items[i].reverse))
			append(fields, &group->items[i]);
}

/* `reverse_too`: the element of the other direction as well. */
static void remove_element(struct sf_fields *fields, unsigned field, bool reverse, bool reverse_too)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < fields->count; i++)
		if (!sf_field_is_element(&fields->items[i], field, reverse) &&
			!(reverse_too && sf_field_is_element(&fields->items[i], field, !reverse)))
			fields->items[kept++] = fields->items[i];
	fields->count = kept;
}

/*
 * Removes an element that the list has for other destinations only, such as the times of time=ns.
 * What is added is for this one.
 */
static void remove_impossible(struct chooser *chooser, unsigned field, bool reverse)
{
	const struct sf_fields *fields = chooser->fields;

	for (unsigned i = 0; i < fields->count; i++)
		if (sf_field_is_element(&fields->items[i], field, reverse) &&
			sf_field_is_possible(&fields->items[i], chooser->session))
			return;
	remove_element(chooser->fields, field, reverse, false);
}

/* Removes an element that the list has under more conditions only than the item. */
static void remove_narrower(struct sf_fields *fields, const struct sf_field_item *item)
{
	bool narrower = false;

	for (unsigned i = 0; i < fields->count; i++) {
		const uint64_t when = fields->items[i].when;

		if (!sf_field_is_element(&fields->items[i], item->field, item->reverse))
			continue;
		if (when == item->when || (when & item->when) != item->when)
			return;
		narrower = true;
	}
	if (narrower)
		remove_element(fields, item->field, item->reverse, false);
}

static void remove_field(struct chooser *chooser, unsigned field, bool reverse)
{
	remove_element(chooser->fields, field, reverse, !reverse);
	remove_element(&chooser->reverse, field, reverse, !reverse);
}

/* Why no template of the destination can have the item; NULL: some can. */
static const char *obstacle(const struct chooser *chooser, const struct sf_field_item *item)
{
	uint64_t session = chooser->session;

	if (session & SF_WHEN_NETFLOW9 &&
		(item->when & SF_WHEN_IPFIX || !sf_field_row(item->field)->v9_id))
		return "NetFlow v9 has no such field";
	if (item->when & SF_WHEN_UPTIME & ~session)
		return "only NetFlow v9 has it";
	if (item->when & SF_WHEN_EXTRA & ~session)
		return item->when & SF_WHEN_INTERFACES
			       ? "only --interface-map, --local-net and --egress give records names"
			       : "no source of --enrich tells it";
	if (item->when & (SF_WHEN_TWO_WAY | SF_WHEN_BIFLOW) && !(session & SF_WHEN_BIFLOW))
		return "only records of both directions have it: biflow=yes";
	return NULL;
}

static int cannot_have(const struct chooser *chooser, const char *name, const char *why)
{
	size_t length;

	if (!chooser->left_out)
		return sf_error_set(
			chooser->error, SF_EUSAGE, "%s: %s: %s", chooser->what, name, why);
	length = strlen(chooser->left_out);
	snprintf(chooser->left_out + length, SF_LEFT_OUT_MAX - length, "%s%s (%s)",
		length ? ", " : "", name, why);
	return 0;
}

/* NetFlow v9 tells times in system uptime: the field that stands there for an absolute time. */
static unsigned v9_field(unsigned field)
{
	const struct sf_field_row *row = sf_field_row(field), *other;
	uint16_t id;

	if (row->pen || row->id < SF_IE_flowStartMilliseconds || row->id > SF_IE_flowEndNanoseconds)
		return field;
	/* starts and ends alternate */
	id = (row->id - SF_IE_flowStartMilliseconds) % 2 ? SF_IE_flowEndSysUpTime
							 : SF_IE_flowStartSysUpTime;
	for (unsigned i = 0; (other = sf_field_row(i)); i++)
		if (other->id == id && other->pen == 0)
			return i;
	return field;
}

static int add_field(struct chooser *chooser, const char *name, unsigned field, bool reverse)
{
	struct sf_field_item item = { .reverse = reverse };
	const char *why;

	if (chooser->session & SF_WHEN_NETFLOW9)
		field = v9_field(field);
	item.field = (uint16_t)field;
	item.when = sf_field_row(field)->when | (reverse ? SF_WHEN_TWO_WAY : 0);
	why = obstacle(chooser, &item);
	if (why)
		return cannot_have(chooser, name, why);
	remove_impossible(chooser, field, reverse);
	remove_narrower(chooser->fields, &item);
	if (!has_element(chooser->fields, chooser->fields->count, field, reverse))
		append(chooser->fields, &item);
	if (reverse || !sf_field_row(field)->each || !(chooser->session & SF_WHEN_BIFLOW))
		return 0;
	item.reverse = true;
	item.when |= SF_WHEN_TWO_WAY;
	remove_impossible(chooser, field, true);
	if (!has_element(&chooser->reverse, chooser->reverse.count, field, true))
		append(&chooser->reverse, &item);
	return 0;
}

/* ---------------------------------------------------------------- lists */

static const struct sf_fields *find_profile(const char *name)
{
	int profile = sf_profile_find(name);

	return profile < 0 ? NULL : sf_fields_profile((enum sf_profile)profile);
}

static const struct sf_fields_group *find_group(const char *name)
{
	const struct sf_fields_group *group;

	for (unsigned i = 0; (group = sf_fields_group(i)); i++)
		if (!strcmp(group->name, name))
			return group;
	return NULL;
}

/*
 * What the destination cannot have is said once, by the group's name, if
 * it can have none of the group.
 */
static int add_fields(struct chooser *chooser, const struct sf_fields_group *group)
{
	const struct sf_fields *fields = &group->fields;
	const char *why = NULL;
	bool some = false;

	for (unsigned i = 0; i < fields->count; i++) {
		const char *of_item = obstacle(chooser, &fields->items[i]);

		/* reverse elements are left out where there are no biflows */
		if (!fields->items[i].reverse)
			why = of_item ? of_item : why;
		some |= !of_item;
		if (!of_item && !has_element(chooser->fields, chooser->fields->count,
					fields->items[i].field, fields->items[i].reverse))
			append(chooser->fields, &fields->items[i]);
	}
	return why && !some ? cannot_have(chooser, group->name, why) : 0;
}

static void remove_fields(struct chooser *chooser, const struct sf_fields *fields)
{
	for (unsigned i = 0; i < fields->count; i++)
		remove_field(chooser, fields->items[i].field, fields->items[i].reverse);
}

static int choose_name(struct chooser *chooser, bool remove, const char *name)
{
	const struct sf_fields *profile = find_profile(name);
	const struct sf_fields_group *group = find_group(name);
	bool reverse;
	int field;

	if (profile && !remove) {
		add_group(chooser->fields, profile);
		return 0;
	}
	if (group && !remove)
		return add_fields(chooser, group);
	if (profile || group) {
		remove_fields(chooser, profile ? profile : &group->fields);
		return 0;
	}
	field = find_field(name, &reverse);
	if (field < 0)
		return unknown_name(chooser, name);
	if (!remove)
		return add_field(chooser, name, (unsigned)field, reverse);
	remove_field(chooser, (unsigned)field, reverse);
	return 0;
}

/* Takes the list apart at commas and signs. */
static int choose_all(struct chooser *chooser, const char *list)
{
	int code = 0;

	while (code == 0 && *list) {
		bool remove = *list == '-';
		char name[FIELD_NAME_MAX];
		size_t length;

		list += *list == '+' || *list == '-';
		length = strcspn(list, ",+-");
		if (length == 0)
			return sf_error_set(chooser->error, SF_EUSAGE,
				"%s: a name is missing before '%s' (allowed: names behind commas, "
				"+ or -, such as default+flowId-vlanId)",
				chooser->what, list);
		snprintf(name, sizeof(name), "%.*s", (int)length, list);
		list += length;
		if (*list == ',') {
			list++;
			if (!*list)
				return sf_error_set(chooser->error, SF_EUSAGE,
					"%s: a name is missing at the end", chooser->what);
		}
		code = choose_name(chooser, remove, name);
	}
	return code;
}

static bool are_same(const struct sf_fields *one, const struct sf_fields *other)
{
	if (one->count != other->count)
		return false;
	for (unsigned i = 0; i < one->count; i++)
		if (one->items[i].field != other->items[i].field ||
			one->items[i].reverse != other->items[i].reverse ||
			one->items[i].when != other->items[i].when)
			return false;
	return true;
}

/*
 * Adds what comes last, sums up the conditions, finds out whether
 * the list is a profile after all.
 */
static int finish(struct chooser *chooser)
{
	struct sf_fields *fields = chooser->fields;
	unsigned possible = 0;

	for (unsigned i = 0; i < chooser->reverse.count; i++)
		if (!has_element(fields, fields->count, chooser->reverse.items[i].field, true))
			append(fields, &chooser->reverse.items[i]);
	fields->when = 0;
	for (unsigned i = 0; i < fields->count; i++) {
		fields->when |= fields->items[i].when;
		possible += sf_field_is_possible(&fields->items[i], chooser->session);
	}
	if (!possible)
		return sf_error_set(
			chooser->error, SF_EUSAGE, "%s: no field is left", chooser->what);
	fields->profile = -1;
	for (int i = 0; i < SF_PROFILE_COUNT; i++)
		if (are_same(fields, sf_fields_profile((enum sf_profile)i)))
			fields->profile = i;
	return 0;
}

int sf_fields_choose(struct sf_fields *fields, const char *list, const struct sf_fields *base,
	uint64_t session, char *left_out, const char *what, struct sf_error *error)
{
	struct chooser chooser = {
		.fields = fields,
		.session = session,
		.left_out = left_out,
		.what = what,
		.error = error,
	};
	int code;

	if (*list == '+' || *list == '-')
		*fields = *base;
	else
		fields->count = 0;
	if (left_out)
		*left_out = 0;
	if (!*list)
		return sf_error_set(error, SF_EUSAGE, "%s: the list is empty", what);
	code = choose_all(&chooser, list);
	return code < 0 ? code : finish(&chooser);
}
