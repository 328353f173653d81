/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MaxMind DB files, version 2.0: a binary tree over the bits of the address, whose leaves point
 * into a section of data records. The tree is walked once, and neighbours with the same AS and
 * country become one prefix, so what remains is small.
 *
 * The file is read and not mapped, and the reader is our own: a file that is overwritten while
 * somebody has it mapped kills that program (SIGBUS), and nothing that a damaged file says may be
 * believed. Every offset is checked, and depth and number of steps have bounds.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "enrich/load.h"

#define MARKER      "\xab\xcd\xefMaxMind.com"
#define MARKER_SIZE 14
#define TAIL        (128u << 10) /* the marker lies within so many bytes from the end */
#define SEPARATOR   16u          /* zeros between tree and data */
#define DEPTH_MAX   16           /* of maps and arrays in each other */
#define STEPS_MAX   4096         /* values in one data record */
#define MEMO        (1u << 16)

#define MIXED (-1) /* a subtree with more than one value */
#define ABORT (-2)

enum type {
	POINTER = 1,
	UTF8 = 2,
	UINT16 = 5,
	UINT32 = 6,
	MAP = 7,
	UINT64 = 9,
	ARRAY = 11,
	BOOLEAN = 14
};

/* A section of data: values refer to each other by offsets in it. */
struct section {
	const uint8_t *data;
	size_t size;
	unsigned steps; /* that are left */
};

struct value {
	unsigned type;
	size_t size; /* bytes of a string or number; entries of a map or array */
	size_t at;   /* where that begins */
};

struct tree {
	const uint8_t *nodes;
	uint32_t count, ipv4; /* node where IPv4 begins, in a tree of IPv6 */
	unsigned node_size;   /* bytes */
	unsigned bits;        /* of an address */
	uint64_t visits;      /* that are left */
	struct section data;
	struct sf_draft *draft;
	struct {
		uint32_t offset; /* + 1; 0: empty */
		uint32_t route;
	} * memo; /* MEMO data records that were read, by offset */
	int code;
	const char *damage;
	uint8_t address[16]; /* of the node that is looked at */
};

/* ---------------------------------------------------------------- data */

static uint64_t number_at(const struct section *section, size_t at, size_t size)
{
	uint64_t number = 0;

	for (size_t i = 0; i < size; i++)
		number = number << 8 | section->data[at + i];
	return number;
}

/* The bytes [at, at + count) exist. */
static bool has(const struct section *section, size_t at, size_t count)
{
	return at <= section->size && count <= section->size - at;
}

/* The control bytes at `at`: what the value is. `at` moves behind them, or behind a pointer. */
static bool read_control(struct section *section, size_t *at, struct value *value)
{
	static const uint32_t bases[] = { 0, 2048, 526336, 0 };
	unsigned control, extra;

	if (section->steps == 0 || !has(section, *at, 1))
		return false;
	section->steps--;
	control = section->data[(*at)++];
	value->type = control >> 5;
	value->size = control & 31;
	if (value->type == POINTER) {
		extra = (control >> 3 & 3) + 1;
		if (!has(section, *at, extra))
			return false;
		value->at = number_at(section, *at, extra) + bases[extra - 1];
		if (extra < 4)
			value->at += (size_t)(control & 7) << 8 * extra;
		*at += extra;
		return true;
	}
	if (value->type == 0) {
		if (!has(section, *at, 1))
			return false;
		value->type = 7u + section->data[(*at)++];
	}
	extra = value->size > 28 ? (unsigned)value->size - 28 : 0;
	if (!has(section, *at, extra))
		return false;
	if (extra)
		value->size = number_at(section, *at, extra) + (extra == 1          ? 29
								       : extra == 2 ? 285
										    : 65821);
	*at += extra;
	value->at = *at;
	return true;
}

/*
 * The value at *at, through a pointer if there is one; *at moves behind control bytes or pointer.
 */
static bool read_value(struct section *section, size_t *at, struct value *value, bool *pointed)
{
	size_t target;

	*pointed = false;
	if (!read_control(section, at, value))
		return false;
	if (value->type == POINTER) {
		*pointed = true;
		target = value->at;
		if (!read_control(section, &target, value) || value->type == POINTER)
			return false;
	}
	return value->type == MAP || value->type == ARRAY || value->type == BOOLEAN ||
	       has(section, value->at, value->size);
}

/* Moves *at behind the content of a value whose control bytes were read. */
static bool skip(struct section *section, const struct value *value, size_t *at, unsigned depth)
{
	size_t entries = value->type == MAP ? 2 * value->size : value->size;

	if (value->type == BOOLEAN)
		return true;
	if (value->type != MAP && value->type != ARRAY) {
		*at = value->at + value->size;
		return true;
	}
	if (depth == DEPTH_MAX)
		return false;
	for (size_t i = 0; i < entries; i++) {
		struct value entry;
		bool pointed;

		if (!read_value(section, at, &entry, &pointed) ||
			(!pointed && !skip(section, &entry, at, depth + 1)))
			return false;
	}
	return true;
}

/* Finds `key` in a map. 1; 0: it is not there; -1: damage. */
static int find(
	struct section *section, const struct value *map, const char *key, struct value *found)
{
	size_t at = map->at, length = strlen(key);

	if (map->type != MAP)
		return 0;
	for (size_t i = 0; i < map->size; i++) {
		struct value name;
		bool pointed;

		if (!read_value(section, &at, &name, &pointed) || name.type != UTF8)
			return -1;
		if (!pointed)
			at = name.at + name.size;
		if (!read_value(section, &at, found, &pointed))
			return -1;
		if (name.size == length && !memcmp(section->data + name.at, key, length))
			return 1;
		if (!pointed && !skip(section, found, &at, 0))
			return -1;
	}
	return 0;
}

/* A number, also one written as text: "AS64500". */
static uint64_t as_number(const struct section *section, const struct value *value)
{
	uint64_t number = 0;

	if (value->type == UINT16 || value->type == UINT32 || value->type == UINT64)
		return value->size <= 8 ? number_at(section, value->at, value->size) : 0;
	if (value->type != UTF8)
		return 0;
	for (size_t i = 0; i < value->size && i < 12; i++) {
		uint8_t c = section->data[value->at + i];

		if (i < 2 && (c == "AS"[i] || c == "as"[i]))
			continue;
		if (c < '0' || c > '9')
			return 0;
		number = 10 * number + (c - '0');
	}
	return number;
}

static bool read_country(const struct section *section, const struct value *value, char *country)
{
	const char *text = (const char *)section->data + value->at;

	if (value->type != UTF8 || value->size != 2 || text[0] < 'A' || text[0] > 'Z' ||
		text[1] < 'A' || text[1] > 'Z')
		return false;
	memcpy(country, text, 2);
	return true;
}

/* AS number and country of a data record, under the names that databases give them. */
static bool read_record(struct section *section, size_t at, struct sf_route_facts *facts)
{
	static const char *const as_names[] = { "autonomous_system_number", "asn", "as_number" };
	static const char *const country_names[] = { "country", "country_code", "iso_code" };
	struct value record, value, code;
	bool pointed;
	int found;

	section->steps = STEPS_MAX;
	if (!read_value(section, &at, &record, &pointed))
		return false;
	for (unsigned i = 0; i < 3 && facts->as == 0; i++) {
		found = find(section, &record, as_names[i], &value);
		if (found < 0)
			return false;
		if (found && as_number(section, &value) <= UINT32_MAX)
			facts->as = (uint32_t)as_number(section, &value);
	}
	for (unsigned i = 0; i < 3 && !facts->country[0]; i++) {
		found = find(section, &record, country_names[i], &value);
		if (found < 0)
			return false;
		if (found && value.type == MAP) {
			found = find(section, &value, "iso_code", &code);
			value = code;
		}
		if (found < 0)
			return false;
		if (found)
			read_country(section, &value, facts->country);
	}
	return true;
}

/* ---------------------------------------------------------------- tree */

static int64_t stop(struct tree *tree, const char *damage)
{
	tree->code = SF_ECORRUPT;
	tree->damage = damage;
	return ABORT;
}

/* The route of the data record at an offset of the data section. */
static int64_t route_at(struct tree *tree, uint32_t offset)
{
	struct sf_route_facts facts = { 0 };
	unsigned place = (offset * UINT32_C(2654435761)) >> 16;
	int64_t route;

	if (tree->memo[place].offset == offset + 1)
		return tree->memo[place].route;
	if (!read_record(&tree->data, offset, &facts))
		return stop(tree, "a data record is damaged");
	route = sf_draft_route(tree->draft, &facts);
	if (route < 0) {
		tree->code = (int)route;
		return ABORT;
	}
	tree->memo[place].offset = offset + 1;
	tree->memo[place].route = (uint32_t)route;
	return route;
}

static uint32_t child_of(const struct tree *tree, uint32_t node, unsigned side)
{
	const uint8_t *p = tree->nodes + (size_t)node * tree->node_size;
	const struct section bytes = { .data = p };

	if (tree->node_size == 7)
		return side ? (uint32_t)(p[3] & 0xf) << 24 | (uint32_t)number_at(&bytes, 4, 3)
			    : (uint32_t)(p[3] >> 4) << 24 | (uint32_t)number_at(&bytes, 0, 3);
	return (uint32_t)number_at(&bytes, side ? tree->node_size / 2u : 0, tree->node_size / 2u);
}

/* Adds the prefix of the address so far. IPv4 lies in ::/96 of a tree of IPv6. */
static int add_prefix(struct tree *tree, unsigned length, uint32_t route)
{
	static const uint8_t zero[12];
	bool ipv6 = tree->bits == 128;
	bool ipv4 = !ipv6 || memcmp(tree->address, zero, 12) == 0;
	int code = 0;

	if (route == 0)
		return 0;
	if (ipv6 && (!ipv4 || length < 96))
		code = sf_draft_prefix(tree->draft, true, tree->address, length, route);
	if (ipv4 && code == 0)
		code = sf_draft_prefix(tree->draft, false, tree->address + (ipv6 ? 12 : 0),
			!ipv6         ? length
			: length < 96 ? 0
				      : length - 96,
			route);
	tree->code = code;
	return code;
}

static void set_bit(struct tree *tree, unsigned bit, unsigned value)
{
	uint8_t mask = (uint8_t)(0x80 >> bit % 8);

	if (value)
		tree->address[bit / 8] |= mask;
	else
		tree->address[bit / 8] &= (uint8_t)~mask;
}

/*
 * Adds the prefixes below a record of the tree, unless all of them have one value: then returns it,
 * so that the caller may join it with its neighbour.
 */
static int64_t walk(struct tree *tree, uint32_t record, unsigned depth)
{
	static const uint8_t zero[12];
	int64_t routes[2];

	if (record == tree->count)
		return 0;
	if (record > tree->count)
		return record - tree->count < SEPARATOR
			       ? stop(tree, "the tree points between its sections")
			       : route_at(tree, record - tree->count - SEPARATOR);
	/*
	 * 6to4, mapped addresses and Teredo refer to the nodes of IPv4
	 * again: read them only once, at ::/96
	 */
	if (tree->bits == 128 && record == tree->ipv4 &&
		(depth != 96 || memcmp(tree->address, zero, 12) != 0))
		return 0;
	if (depth == tree->bits || tree->visits == 0)
		return stop(tree, "the tree has a loop");
	tree->visits--;
	for (unsigned side = 0; side < 2; side++) {
		set_bit(tree, depth, side);
		routes[side] = walk(tree, child_of(tree, record, side), depth + 1);
		if (routes[side] == ABORT)
			return ABORT;
	}
	if (routes[0] == routes[1] && routes[0] != MIXED) {
		set_bit(tree, depth, 0);
		return routes[0];
	}
	for (unsigned side = 0; side < 2; side++) {
		set_bit(tree, depth, side);
		if (routes[side] != MIXED &&
			add_prefix(tree, depth + 1, (uint32_t)routes[side]) < 0)
			return ABORT;
	}
	set_bit(tree, depth, 0);
	return MIXED;
}

/* Follows 96 zeros. UINT32_MAX: IPv4 has no node of its own. */
static uint32_t find_ipv4(const struct tree *tree)
{
	uint32_t node = 0;

	for (unsigned i = 0; i < 96; i++) {
		if (node >= tree->count)
			return UINT32_MAX;
		node = child_of(tree, node, 0);
	}
	return node < tree->count ? node : UINT32_MAX;
}

/* ---------------------------------------------------------------- the file */

/* Where the metadata begin; 0: there are none. */
static size_t find_metadata(const uint8_t *file, size_t size)
{
	size_t least = size > TAIL ? size - TAIL : 0;

	for (size_t at = size < MARKER_SIZE ? 0 : size - MARKER_SIZE + 1; at-- > least;)
		if (!memcmp(file + at, MARKER, MARKER_SIZE))
			return at + MARKER_SIZE;
	return 0;
}

static uint64_t metadata_number(struct section *section, const struct value *map, const char *key)
{
	struct value value;

	section->steps = STEPS_MAX;
	return find(section, map, key, &value) > 0 ? as_number(section, &value) : 0;
}

/* Fills `tree` from the metadata. False: they make no sense. */
static bool read_metadata(struct tree *tree, const uint8_t *file, size_t size)
{
	size_t begin = find_metadata(file, size), at = 0, tree_size;
	struct section section = { file + begin, size - begin, STEPS_MAX };
	uint64_t count, record_bits, version;
	struct value map;
	bool pointed;

	if (!begin || !read_value(&section, &at, &map, &pointed) || map.type != MAP)
		return false;
	count = metadata_number(&section, &map, "node_count");
	record_bits = metadata_number(&section, &map, "record_size");
	version = metadata_number(&section, &map, "ip_version");
	if (count == 0 || count > UINT32_MAX || (version != 4 && version != 6) ||
		(record_bits != 24 && record_bits != 28 && record_bits != 32) ||
		metadata_number(&section, &map, "binary_format_major_version") != 2)
		return false;
	tree->node_size = (unsigned)record_bits / 4;
	tree_size = (size_t)count * tree->node_size;
	if (tree_size + SEPARATOR > begin - MARKER_SIZE)
		return false;
	tree->nodes = file;
	tree->count = (uint32_t)count;
	tree->bits = version == 4 ? 32 : 128;
	/*
	 * more than `count`, because some writers store equal subtrees
	 * once, and they are walked each time
	 */
	tree->visits = 4 * count + 1024;
	tree->data = (struct section){ file + tree_size + SEPARATOR,
		begin - MARKER_SIZE - tree_size - SEPARATOR, 0 };
	tree->ipv4 = tree->bits == 128 ? find_ipv4(tree) : UINT32_MAX;
	return true;
}

int sf_load_mmdb(struct sf_draft *draft, const char *path, const uint8_t *file, size_t size,
	struct sf_error *error)
{
	struct tree tree = { .draft = draft };
	int64_t route;

	if (!read_metadata(&tree, file, size))
		return sf_error_set(error, SF_ECORRUPT,
			"%s: neither text, nor an MRT dump, nor a MaxMind DB file that is whole "
			"(it has no metadata that fit it)",
			path);
	tree.memo = calloc(MEMO, sizeof(*tree.memo));
	route = tree.memo ? walk(&tree, 0, 0) : ABORT;
	free(tree.memo);
	if (route >= 0 && add_prefix(&tree, 0, (uint32_t)route) == 0)
		return 0;
	if (route == MIXED)
		return 0;
	return tree.damage ? sf_error_set(error, SF_ECORRUPT, "%s: %s", path, tree.damage)
			   : sf_load_failed(path, tree.code ? tree.code : -ENOMEM, error);
}
