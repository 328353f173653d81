/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the interface map: lines of words into rules and interfaces. map.h has an example. */
#include "enrich/map.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/annex.h"
#include "base/local.h"
#include "base/scaled.h"
#include "enrich/intake.h"

#define LINE_BYTES_MAX 1024
#define WORDS_MAX      24

/* A line in words: "ingress", "11", "port", "eth1" … */
struct line {
	const char *path;
	uint64_t number;
	char text[LINE_BYTES_MAX];
	struct {
		char *key, *value; /* value NULL: a word without = */
	} words[WORDS_MAX];
	unsigned count;
	struct sf_map *map;
	struct sf_error *error;
};

/* An error at a word of the line. */
static int wrong(const struct line *line, const char *word, const char *what, const char *allowed)
{
	return sf_error_set(line->error, SF_ECORRUPT,
		"%s:%" PRIu64 ":%d: %s is '%.60s' (allowed: %s)", line->path, line->number,
		(int)(word - line->text) + 1, what, word, allowed);
}

/* ---------------------------------------------------------------- words */

/* Ends the value at p, which may be quoted; returns what follows, or NULL: no closing quote. */
static char *end_value(char **value)
{
	char *p = *value;

	if (*p != '"') {
		p += strcspn(p, " \t\r");
		if (*p)
			*p++ = 0;
		return p;
	}
	*value = ++p;
	p = strchr(p, '"');
	if (p)
		*p++ = 0;
	return p;
}

static int split(struct line *line)
{
	char *p = line->text;

	for (line->count = 0;; line->count++) {
		char *key, *equals;

		p += strspn(p, " \t\r");
		if (!*p || *p == '#')
			return 0;
		if (line->count == WORDS_MAX)
			return wrong(line, p, "a further word", "24 words in a line");
		key = p;
		equals = p + strcspn(p, "= \t\r");
		line->words[line->count].key = key;
		line->words[line->count].value = NULL;
		p = equals;
		if (*equals != '=') {
			if (*p)
				*p++ = 0;
			continue;
		}
		*equals = 0;
		line->words[line->count].value = equals + 1;
		p = end_value(&line->words[line->count].value);
		if (!p)
			return wrong(line, equals + 1, "the value", "text with a quote at its end");
	}
}

static bool read_number(const char *text, uint64_t least, uint64_t most, uint64_t *number)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return *end == 0 && errno == 0 && *number >= least && *number <= most;
}

static bool read_mac(const char *text, uint8_t *mac)
{
	unsigned byte[6];
	int length = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &byte[0], &byte[1], &byte[2], &byte[3],
		    &byte[4], &byte[5], &length) != 6 ||
		text[length])
		return false;
	for (unsigned i = 0; i < 6; i++)
		mac[i] = (uint8_t)byte[i];
	return true;
}

static bool read_prefix(struct sf_map_rule *rule, unsigned side, const char *text)
{
	struct sf_network network;

	if (!sf_network_parse(text, strlen(text), &network))
		return false;
	rule->prefix[side].length = network.bits;
	rule->prefix[side].ipv6 = network.length == 16;
	memcpy(rule->prefix[side].address, network.address, sizeof(network.address));
	return true;
}

static bool read_port(struct sf_map_rule *rule, const char *text)
{
	uint64_t number;

	if (!*text || strlen(text) >= sizeof(rule->port_name))
		return false;
	if (read_number(text, 1, UINT32_MAX - 1, &number)) {
		rule->port = (uint32_t)number;
		return true;
	}
	rule->port = UINT32_MAX;
	strcpy(rule->port_name, text);
	return true;
}

/* ---------------------------------------------------------------- conditions */

enum where { RULES = 1, BEHIND = 2, EVERYWHERE = RULES | BEHIND };

#define MIRROR SF_FACT_SET(mirror)
#define MACS   (SF_FACT_SET(src_mac) | SF_FACT_SET(dst_mac))
/* a number of `most` at most, in a member of the rule */
#define NUMBER(member, most)                                                                       \
	offsetof(struct sf_map_rule, member), sizeof(((struct sf_map_rule *)0)->member), most
#define OTHER 0, 0, 0

static const struct condition {
	const char *name, *allowed;
	uint16_t condition;
	uint16_t offset, bytes; /* of numbers; else 0 */
	uint32_t most;
	enum where where;
	uint64_t facts; /* on request, that it reads */
} conditions[] = {
	{ "port", "name or number of a capture port", SF_MAP_PORT, OTHER, EVERYWHERE, 0 },
	{ "vlan", "0 to 4094, 0 for untagged", SF_MAP_VLAN, NUMBER(vlan, 4094), EVERYWHERE, 0 },
	{ "inner-vlan", "0 to 4094, 0 for none", SF_MAP_INNER_VLAN, NUMBER(inner_vlan, 4094),
		EVERYWHERE, 0 },
	{ "domain", "0 to 4294967295", SF_MAP_DOMAIN, NUMBER(domain, UINT32_MAX), EVERYWHERE, 0 },
	{ "mpls", "label, 0 to 1048575", SF_MAP_MPLS, NUMBER(mpls, 0xfffff), EVERYWHERE,
		SF_FACT_SET(mpls) },
	{ "erspan-session", "0 to 1023", SF_MAP_ERSPAN_SESSION, NUMBER(erspan_session, 1023),
		EVERYWHERE, MIRROR },
	{ "erspan-port", "0 to 4294967295", SF_MAP_ERSPAN_PORT, NUMBER(erspan_port, UINT32_MAX),
		EVERYWHERE, MIRROR },
	{ "erspan-direction", "ingress, egress", SF_MAP_ERSPAN_DIRECTION, OTHER, EVERYWHERE,
		MIRROR },
	{ "vni", "0 to 16777215", SF_MAP_VNI, NUMBER(vni, 0xffffff), EVERYWHERE,
		MIRROR | SF_FACT_SET(tunnel) },
	{ "trailer-device", "0 to 65535", SF_MAP_TRAILER_DEVICE, NUMBER(trailer_device, UINT16_MAX),
		EVERYWHERE, MIRROR | SF_FACT_SET(trailer) },
	{ "trailer-port", "0 to 255", SF_MAP_TRAILER_PORT, NUMBER(trailer_port, UINT8_MAX),
		EVERYWHERE, MIRROR | SF_FACT_SET(trailer) },
	{ "source-mac", "MAC address such as 02:00:00:00:00:01", SF_MAP_SOURCE_MAC, OTHER, RULES,
		MACS },
	{ "destination-mac", "MAC address such as 02:00:00:00:00:01", SF_MAP_DESTINATION_MAC, OTHER,
		RULES, MACS },
	{ "source-prefix", "prefix such as 192.0.2.0/24 or 2001:db8::/32", SF_MAP_SOURCE_PREFIX,
		OTHER, RULES, 0 },
	{ "destination-prefix", "prefix such as 192.0.2.0/24 or 2001:db8::/32",
		SF_MAP_DESTINATION_PREFIX, OTHER, RULES, 0 },
	/* source or destination */
	{ "mac", "MAC address such as 02:00:00:00:00:01", SF_MAP_SOURCE_MAC, OTHER, BEHIND, MACS },
	{ "prefix", "prefix such as 192.0.2.0/24 or 2001:db8::/32", SF_MAP_SOURCE_PREFIX, OTHER,
		BEHIND, 0 },
};

#define CONDITIONS (sizeof(conditions) / sizeof(conditions[0]))

/* "port=, vlan=, …" */
static const char *list_conditions(enum where where, char *text, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < CONDITIONS && used < size; i++)
		if (conditions[i].where & where)
			used += (size_t)snprintf(text + used, size - used,
				"%s%s=", used ? ", " : "", conditions[i].name);
	return text;
}

static bool read_direction_bit(struct sf_map_rule *rule, const char *text)
{
	rule->erspan_direction = !strcmp(text, "egress") ? SF_MIRROR_EGRESS : SF_MIRROR_INGRESS;
	return !strcmp(text, "egress") || !strcmp(text, "ingress");
}

static bool read_member(
	struct sf_map_rule *rule, const struct condition *condition, const char *text)
{
	uint8_t *member = (uint8_t *)rule + condition->offset;
	uint64_t number;
	uint32_t wide;
	uint16_t narrow;

	if (!read_number(text, 0, condition->most, &number))
		return false;
	wide = (uint32_t)number;
	narrow = (uint16_t)number;
	if (condition->bytes == sizeof(wide))
		memcpy(member, &wide, sizeof(wide));
	else
		memcpy(member, &narrow, sizeof(narrow));
	return true;
}

static bool read_condition(
	struct sf_map_rule *rule, const struct condition *condition, const char *text)
{
	switch (condition->condition) {
	case SF_MAP_PORT:
		return read_port(rule, text);
	case SF_MAP_SOURCE_MAC:
		return read_mac(text, rule->mac[0]);
	case SF_MAP_DESTINATION_MAC:
		return read_mac(text, rule->mac[1]);
	case SF_MAP_SOURCE_PREFIX:
		return read_prefix(rule, 0, text);
	case SF_MAP_DESTINATION_PREFIX:
		return read_prefix(rule, 1, text);
	case SF_MAP_ERSPAN_DIRECTION:
		return read_direction_bit(rule, text);
	default:
		return read_member(rule, condition, text);
	}
}

/* The conditions of a rule, from word `first` on. */
static int read_conditions(
	const struct line *line, unsigned first, bool behind, struct sf_map_rule *rule)
{
	enum where where = behind ? BEHIND : RULES;
	char allowed[320];

	for (unsigned i = first; i < line->count; i++) {
		const char *key = line->words[i].key, *value = line->words[i].value;
		const struct condition *condition = NULL;

		for (size_t k = 0; k < CONDITIONS; k++)
			if (!strcmp(conditions[k].name, key) && conditions[k].where & where)
				condition = &conditions[k];
		if (!condition || !value)
			return wrong(line, key, "a condition",
				list_conditions(where, allowed, sizeof(allowed)));
		if (rule->conditions & condition->condition)
			return wrong(line, key, "a condition", "each condition once in a rule");
		if (!read_condition(rule, condition, value))
			return wrong(line, value, key, condition->allowed);
		rule->conditions |= condition->condition;
		line->map->facts |= condition->facts;
	}
	return 0;
}

/* ---------------------------------------------------------------- lines */

/*
 * Adds a rule. Room for SF_MAP_RULES_MAX rules is allocated with the first one; it takes 140 KiB.
 */
static int add_rule(const struct line *line, enum sf_map_what what, const struct sf_map_rule *rule)
{
	struct sf_map *map = line->map;

	if (map->rule_count[what] == SF_MAP_RULES_MAX)
		return sf_error_set(line->error, SF_ECORRUPT,
			"%s:%" PRIu64 ": more than %d rules of one kind", line->path, line->number,
			SF_MAP_RULES_MAX);
	if (!map->rules[what])
		map->rules[what] = calloc(SF_MAP_RULES_MAX, sizeof(*rule));
	if (!map->rules[what])
		return sf_error_set(line->error, -ENOMEM, "%s: no memory for rules", line->path);
	map->rules[what][map->rule_count[what]++] = *rule;
	return 0;
}

/* The same rule seen from the other side. */
static void turn_round(struct sf_map_rule *rule)
{
	memcpy(rule->mac[1], rule->mac[0], sizeof(rule->mac[1]));
	rule->prefix[1] = rule->prefix[0];
	if (rule->conditions & SF_MAP_SOURCE_MAC)
		rule->conditions ^= SF_MAP_SOURCE_MAC | SF_MAP_DESTINATION_MAC;
	if (rule->conditions & SF_MAP_SOURCE_PREFIX)
		rule->conditions ^= SF_MAP_SOURCE_PREFIX | SF_MAP_DESTINATION_PREFIX;
}

/* The number behind the first word. */
static int read_value(const struct line *line, uint32_t *value)
{
	const char *what = line->words[0].key;
	const char *word = line->count > 1 ? line->words[1].key : what + strlen(what);
	uint64_t number;

	if (line->count > 1 && !line->words[1].value && read_number(word, 0, UINT32_MAX, &number)) {
		*value = (uint32_t)number;
		return 0;
	}
	return wrong(line, word, "the interface", "number, 0 to 4294967295");
}

static int read_rule(const struct line *line)
{
	const char *what = line->words[0].key;
	bool behind = !strcmp(what, "behind");
	struct sf_map_rule rule = { 0 };
	int code = read_value(line, &rule.value);

	if (code == 0)
		code = read_conditions(line, 2, behind, &rule);
	if (code < 0)
		return code;
	if (behind && !(rule.conditions & (SF_MAP_SOURCE_MAC | SF_MAP_SOURCE_PREFIX)))
		return wrong(line, what, "the rule",
			"behind NUMBER with mac= or prefix=, and other conditions if you like");
	if (!behind)
		return add_rule(line, *what == 'i' ? SF_MAP_INGRESS : SF_MAP_EGRESS, &rule);
	code = add_rule(line, SF_MAP_INGRESS, &rule);
	turn_round(&rule);
	return code < 0 ? code : add_rule(line, SF_MAP_EGRESS, &rule);
}

static int read_direction(const struct line *line)
{
	const char *what = line->words[0].key;
	const char *word = line->count > 1 ? line->words[1].key : what + strlen(what);
	struct sf_map_rule rule = { .value = !strcmp(word, "egress") };
	int code;

	if (!strcmp(word, "erspan")) {
		rule.value = SF_MAP_AS_MIRRORED;
		line->map->facts |= MIRROR;
	} else if (!rule.value && strcmp(word, "ingress") != 0) {
		return wrong(line, word, "the direction", "ingress, egress, erspan");
	}
	code = read_conditions(line, 2, false, &rule);
	return code < 0 ? code : add_rule(line, SF_MAP_DIRECTION, &rule);
}

static int read_property(
	const struct line *line, unsigned word, struct sf_interface_info *interface)
{
	const char *key = line->words[word].key, *value = line->words[word].value;

	if (value && !strcmp(key, "name")) {
		if (!*value || strlen(value) >= sizeof(interface->name))
			return wrong(line, value, "the name", "1 to 31 bytes");
		strcpy(interface->name, value);
	} else if (value && !strcmp(key, "description")) {
		if (strlen(value) >= sizeof(interface->description))
			return wrong(line, value, "the description", "at most 63 bytes");
		strcpy(interface->description, value);
	} else if (value && !strcmp(key, "speed")) {
		if (!sf_scaled_parse(value, sf_units_count, &interface->speed))
			return wrong(
				line, value, "the speed", "bits per second such as 10G or 100M");
	} else {
		return wrong(line, key, "a property", "name=, description=, speed=");
	}
	return 0;
}

/* The word is the first one with its key. */
static bool is_first(const struct line *line, unsigned word)
{
	for (unsigned i = 0; i < word; i++)
		if (!strcmp(line->words[i].key, line->words[word].key))
			return false;
	return true;
}

static int read_interface(const struct line *line)
{
	struct sf_map *map = line->map;
	struct sf_interface_info interface = { 0 };
	int code = read_value(line, &interface.number);
	unsigned at = map->interface_count;

	for (unsigned i = 2; i < line->count && code == 0; i++)
		code = is_first(line, i) ? read_property(line, i, &interface)
					 : wrong(line, line->words[i].key, "a property",
						   "each property once for an interface");
	if (code < 0)
		return code;
	if (sf_map_interface(map, interface.number))
		return wrong(line, line->words[1].key, "the interface", "each number once");
	if (at == SF_MAP_INTERFACES_MAX)
		return sf_error_set(line->error, SF_ECORRUPT,
			"%s:%" PRIu64 ": more than %d interfaces", line->path, line->number,
			SF_MAP_INTERFACES_MAX);
	if (!map->interfaces)
		map->interfaces = calloc(SF_MAP_INTERFACES_MAX, sizeof(interface));
	if (!map->interfaces)
		return sf_error_set(line->error, -ENOMEM, "%s: no memory for it", line->path);
	for (; at && map->interfaces[at - 1].number > interface.number; at--)
		map->interfaces[at] = map->interfaces[at - 1];
	map->interfaces[at] = interface;
	map->interface_count++;
	return 0;
}

static int read_line(struct line *line)
{
	int code = split(line);
	const char *what = line->words[0].key;

	if (code < 0 || line->count == 0)
		return code;
	if (!strcmp(what, "interface"))
		return read_interface(line);
	if (!strcmp(what, "ingress") || !strcmp(what, "egress") || !strcmp(what, "behind"))
		return read_rule(line);
	if (!strcmp(what, "direction"))
		return read_direction(line);
	return wrong(line, what, "the first word", "interface, ingress, egress, behind, direction");
}

/* ---------------------------------------------------------------- the file */

static int read_lines(struct line *line, struct sf_intake *intake)
{
	for (;;) {
		int code = sf_intake_need(intake, LINE_BYTES_MAX, line->error);
		size_t left = (size_t)(intake->end - intake->p), length;
		const uint8_t *end;

		if (code < 0 || left == 0)
			return code < 0 ? code : 0;
		line->number++;
		end = memchr(intake->p, '\n', left);
		length = end ? (size_t)(end - intake->p) : left;
		if (length >= LINE_BYTES_MAX || memchr(intake->p, 0, length))
			return sf_error_set(line->error, SF_ECORRUPT,
				"%s:%" PRIu64 ": the line has a zero byte, or more than %d bytes",
				line->path, line->number, LINE_BYTES_MAX - 1);
		memcpy(line->text, intake->p, length);
		line->text[length] = 0;
		intake->p += length + (end != NULL);
		code = read_line(line);
		if (code < 0)
			return code;
	}
}

int sf_map_load(struct sf_map **map, const char *path, struct sf_error *error)
{
	struct line line = { .path = path, .error = error };
	struct sf_intake intake;
	int code = sf_intake_open(&intake, path, error);

	if (code < 0)
		return code;
	line.map = calloc(1, sizeof(*line.map));
	sf_intake_skip_bom(&intake);
	code = line.map ? read_lines(&line, &intake)
			: sf_error_set(error, -ENOMEM, "%s: no memory for it", path);
	sf_intake_close(&intake);
	if (code < 0) {
		sf_map_free(line.map);
		return code;
	}
	*map = line.map;
	return 0;
}
