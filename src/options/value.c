/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One option's text to its value. Every message has the same shape: option, value, what is
 * allowed; so that it can be acted on without the manual.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/scaled.h"
#include "base/suggest.h"
#include "options/options.h"

/* What a scaled value is called, and the units it is written in, the largest first. */
struct scale {
	const struct sf_unit *units;
	const char *what;
	struct sf_unit shown[6];
};

static const struct scale *scale_of(enum sf_option_type type)
{
	static const struct scale count = { sf_units_count,
		"a whole number, such as 500, 64k or 4M", { { "", 1 } } };
	static const struct scale size = { sf_units_bytes,
		"a number of bytes, such as 512KiB, 32MiB or 1G",
		{ { " GiB", UINT64_C(1) << 30 }, { " MiB", UINT64_C(1) << 20 },
			{ " KiB", UINT64_C(1) << 10 }, { " bytes", 1 } } };
	static const struct scale duration = { sf_units_time,
		"a duration: a number and ms, s, m, h or d, such as 500ms, 15s or 2m",
		{ { "d", UINT64_C(86400) * 1000000000 }, { "h", UINT64_C(3600) * 1000000000 },
			{ "m", UINT64_C(60) * 1000000000 }, { "s", 1000000000 },
			{ "ms", 1000000 } } };

	return type == SF_OPTION_DURATION ? &duration : type == SF_OPTION_SIZE ? &size : &count;
}

/* In the largest unit that leaves no fraction, or else in the smallest: 0.001ms. */
static void format_scaled(const struct scale *scale, uint64_t value, char *text, size_t size)
{
	const struct sf_unit *unit = scale->shown;

	while (value % unit->factor && unit[1].name)
		unit++;
	if (value % unit->factor)
		snprintf(text, size, "%g%s", (double)value / (double)unit->factor, unit->name);
	else
		snprintf(text, size, "%" PRIu64 "%s", value / unit->factor, unit->name);
}

static int wrong(
	const struct sf_option *option, const char *text, const char *what, struct sf_error *error)
{
	return sf_error_set(error, SF_EUSAGE, "--%s: '%s' is not %s", option->name, text, what);
}

static int set_scaled(
	uint64_t *value, const struct sf_option *option, const char *text, struct sf_error *error)
{
	const struct scale *scale = scale_of(option->type);
	uint64_t max = option->max                          ? option->max
		       : option->type == SF_OPTION_DURATION ? INT64_MAX
							    : UINT64_MAX;
	char low[32], high[32];

	if (!sf_scaled_parse(text, scale->units, value))
		return wrong(option, text, scale->what, error);
	if (*value >= option->min && *value <= max)
		return 0;
	format_scaled(scale, option->min, low, sizeof(low));
	format_scaled(scale, max, high, sizeof(high));
	if (!option->max)
		return sf_error_set(error, SF_EUSAGE, "--%s: %s is out of range: at least %s",
			option->name, text, low);
	/* with a unit: 1M is less than 1 MiB */
	if (option->type == SF_OPTION_SIZE && text[strspn(text, "0123456789")])
		return sf_error_set(error, SF_EUSAGE,
			"--%s: %s is %" PRIu64
			" bytes, out of range: %s to %s (1 MiB is 1048576 bytes, "
			"1M is 1000000)",
			option->name, text, *value, low, high);
	return sf_error_set(error, SF_EUSAGE, "--%s: %s is out of range: %s to %s", option->name,
		text, low, high);
}

static const char *choice_name(const void *context, unsigned i)
{
	return ((const struct sf_choice *)context)[i].name;
}

static int not_a_choice(const struct sf_option *option, const char *text, struct sf_error *error)
{
	const char *near = sf_suggest(text, choice_name, option->choices);
	char allowed[256];
	size_t length = 0;

	allowed[0] = '\0';
	for (const struct sf_choice *choice = option->choices; choice->name; choice++)
		if (length < sizeof(allowed))
			length += (size_t)snprintf(allowed + length, sizeof(allowed) - length,
				"%s%s", length ? ", " : "", choice->name);
	return sf_error_set(error, SF_EUSAGE, "--%s: '%s' is not one of %s%s%s%s", option->name,
		text, allowed, near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

static const struct sf_choice *find_choice(
	const struct sf_option *option, const char *text, size_t length)
{
	for (const struct sf_choice *choice = option->choices; choice->name; choice++)
		if (strlen(choice->name) == length && strncasecmp(choice->name, text, length) == 0)
			return choice;
	return NULL;
}

/* "+tos,-vlan" changes what is there; "address,port" replaces it. */
static int set_parts(
	uint64_t *set, const struct sf_option *option, const char *text, struct sf_error *error)
{
	uint64_t value = text[0] == '+' || text[0] == '-' ? *set : 0;
	const char *part = text;

	for (;;) {
		size_t length = strcspn(part, ",");
		bool drop = *part == '-', sign = drop || *part == '+';
		const struct sf_choice *choice = find_choice(option, part + sign, length - sign);
		char name[64];

		if (!choice) {
			snprintf(name, sizeof(name), "%.*s", (int)(length - sign), part + sign);
			return not_a_choice(option, name, error);
		}
		value = drop ? value & ~choice->value : value | choice->value;
		if (!part[length])
			break;
		part += length + 1;
	}
	if (!value)
		return sf_error_set(error, SF_EUSAGE,
			"--%s: '%s' leaves no part of the key; at least one is needed",
			option->name, text);
	*set = value;
	return 0;
}

static int set_seed(struct sf_seed *seed, const struct sf_option *option, const char *text,
	struct sf_error *error)
{
	size_t length = strlen(text);

	*seed = (struct sf_seed){ .set = true };
	if (length == 0 || length > 32 || strspn(text, "0123456789abcdefABCDEF") != length)
		return wrong(option, text, "1 to 32 hexadecimal digits", error);
	for (; *text; text++) {
		int digit = isdigit((unsigned char)*text) ? *text - '0' : (*text | 0x20) - 'a' + 10;

		seed->words[1] = seed->words[1] << 4 | seed->words[0] >> 60;
		seed->words[0] = seed->words[0] << 4 | (uint64_t)digit;
	}
	return 0;
}

static int set_flag(
	bool *flag, const struct sf_option *option, const char *text, struct sf_error *error)
{
	static const struct {
		const char *name;
		bool value;
	} words[] = { { "yes", true }, { "no", false }, { "true", true }, { "false", false },
		{ "on", true }, { "off", false }, { "1", true }, { "0", false } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(words[i].name, text) == 0) {
			*flag = words[i].value;
			return 0;
		}
	return wrong(option, text, "yes or no", error);
}

static int add_string(struct sf_strings *strings, const struct sf_option *option, const char *text,
	struct sf_error *error)
{
	if (option->max == 1 && strings->count)
		return sf_error_set(error, SF_EUSAGE, "--%s can be given only once", option->name);
	if (option->max && strings->count >= option->max)
		return sf_error_set(error, SF_EUSAGE,
			"--%s %s: the option can be given at most %" PRIu64 " times", option->name,
			text, option->max);
	return sf_strings_add(strings, text) ? sf_error_set(error, -ENOMEM, "out of memory") : 0;
}

int sf_option_set(struct sf_options *options, const struct sf_option *option, const char *text,
	struct sf_error *error)
{
	void *target = sf_option_target(options, option);
	const struct sf_choice *choice;
	uint64_t value = 0;
	int err;

	switch (option->type) {
	case SF_OPTION_FLAG:
		return set_flag(target, option, text, error);
	case SF_OPTION_NUMBER:
	case SF_OPTION_SIZE:
	case SF_OPTION_DURATION:
		err = set_scaled(&value, option, text, error);
		if (!err)
			memcpy(target, &value, sizeof(value));
		return err;
	case SF_OPTION_STRING:
	case SF_OPTION_STRINGS:
		if (!*text)
			return sf_error_set(error, SF_EUSAGE,
				"--%s: its value is empty; expected: %s", option->name,
				option->metavar);
		if (option->type == SF_OPTION_STRINGS)
			return add_string(target, option, text, error);
		*(const char **)target = text;
		return 0;
	case SF_OPTION_CHOICE:
		choice = find_choice(option, text, strlen(text));
		if (!choice)
			return not_a_choice(option, text, error);
		*(int *)target = (int)choice->value;
		return 0;
	case SF_OPTION_SET:
		return set_parts(target, option, text, error);
	case SF_OPTION_SEED:
		return set_seed(target, option, text, error);
	case SF_OPTION_OWN:
		return option->read(target, text, error);
	}
	return sf_error_set(error, SF_EUSAGE, "--%s: unknown type", option->name);
}
