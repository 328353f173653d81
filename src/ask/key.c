/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys of groups. The server of a row is the side that answered: of a conversation with both
 * directions the responder. A record of one direction does not say who began, so there it is the
 * side with the smaller port, which is right unless a server has a higher port than its client.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask/group.h"
#include "ask/internal.h"
#include "base/branch.h"
#include "base/hash.h"
#include "base/suggest.h"

/* ---------------------------------------------------------------- texts */

uint64_t sf_words_hash(uint64_t seed, const uint64_t *words, unsigned count)
{
	uint64_t hash = seed ^ 0x9e3779b97f4a7c15u;

	for (unsigned i = 0; i < count; i++)
		hash = sf_hash_multiply(hash ^ words[i], 0xa0761d6478bd642fu ^ (seed << 1));
	return sf_hash_multiply(hash ^ count, 0xe7037ed1a0b428dbu);
}

static uint64_t text_hash(uint64_t seed, const uint8_t *bytes, size_t length)
{
	uint64_t hash = seed ^ length, word;

	for (; length >= 8; bytes += 8, length -= 8) {
		memcpy(&word, bytes, 8);
		hash = sf_words_hash(hash, &word, 1);
	}
	word = 0;
	memcpy(&word, bytes, length);
	return sf_words_hash(hash, &word, 1);
}

static bool texts_grow(struct sf_groups *groups)
{
	struct sf_texts *texts = &groups->texts;
	size_t room = texts->room ? 2 * texts->room : 64;
	struct sf_text *items;
	uint32_t *index;

	if (!sf_groups_take(groups, (room - texts->room) * (sizeof(*items) + 2 * sizeof(*index))))
		return false;
	items = realloc(texts->items, room * sizeof(*items));
	if (items)
		texts->items = items;
	index = calloc(2 * room, sizeof(*index));
	if (!items || !index) {
		free(index);
		return false;
	}
	free(texts->index);
	texts->room = room;
	texts->index = index;
	texts->index_size = 2 * room;
	for (size_t i = 0; i < texts->count; i++) {
		size_t at = texts->items[i].hash & (texts->index_size - 1);

		while (index[at])
			at = (at + 1) & (texts->index_size - 1);
		index[at] = (uint32_t)i + 1;
	}
	return true;
}

int64_t sf_texts_number(struct sf_groups *groups, const uint8_t *bytes, size_t length)
{
	struct sf_texts *texts = &groups->texts;
	uint64_t hash = text_hash(groups->options.seed, bytes, length);
	size_t at;

	if (texts->count == texts->room && !texts_grow(groups))
		return -1;
	for (at = hash & (texts->index_size - 1); texts->index[at];
		at = (at + 1) & (texts->index_size - 1)) {
		const struct sf_text *text = &texts->items[texts->index[at] - 1];

		if (text->hash == hash && text->length == length &&
			memcmp(text->bytes, bytes, length) == 0)
			return texts->index[at] - 1;
	}
	if (!sf_groups_take(groups, length + 16))
		return -1;
	texts->items[texts->count] = (struct sf_text){ hash, length, malloc(length + 1) };
	if (!texts->items[texts->count].bytes)
		return -1;
	memcpy(texts->items[texts->count].bytes, bytes, length);
	texts->items[texts->count].bytes[length] = '\0';
	texts->index[at] = (uint32_t)texts->count + 1;
	return (int64_t)texts->count++;
}

void sf_texts_free(struct sf_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free(texts->items[i].bytes);
	free(texts->items);
	free(texts->index);
}

/* ---------------------------------------------------------------- parsing */

static const struct {
	const char *name;
	enum sf_key_kind kind;
	const char *field, *other;
	uint8_t words;
	uint8_t type;
} kinds[] = {
	{ "pair", SF_KEY_PAIR, "src", "dst", 4, SF_ASK_ADDRESS },
	{ "server", SF_KEY_SERVER, "src", "dst", 2, SF_ASK_ADDRESS },
	{ "client", SF_KEY_CLIENT, "src", "dst", 2, SF_ASK_ADDRESS },
	{ "inside", SF_KEY_INSIDE, "src", "dst", 2, SF_ASK_ADDRESS },
	{ "outside", SF_KEY_OUTSIDE, "src", "dst", 2, SF_ASK_ADDRESS },
	{ "service", SF_KEY_SERVICE, "sport", "dport", 1, SF_ASK_NUMBER },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const char *any_key(const void *unused, unsigned i)
{
	static const char *const sides[] = { "host", "port", "as", "country", "mac", "if" };
	const unsigned count = sizeof(sides) / sizeof(sides[0]);

	if (i < KINDS)
		return kinds[i].name;
	return i - KINDS < count ? sides[i - KINDS] : sf_ask_any_name(unused, i - KINDS - count);
}

/* The key is a plain field. */
static void be_field(struct sf_key *key, enum sf_key_kind kind)
{
	key->kind = kind;
	key->type = key->field.type;
	key->words = key->type == SF_ASK_ADDRESS ? 2 : 1;
}

/*
 * "host", "country": of either side, and "src country", "in if": of one side, as in conditions.
 * False: the name is no such word. `code`: 0, or why the build has no such field.
 */
static bool parse_side(
	struct sf_groups *groups, struct sf_key *key, int *code, struct sf_error *error)
{
	const char *space = strchr(key->name, ' ');
	const struct sf_ask_noun *noun = sf_ask_noun_find(space ? space + 1 : key->name);
	unsigned side = 0;

	if (!noun)
		return false;
	if (space) {
		size_t length = (size_t)(space - key->name);
		const char *from = noun->interface ? "in" : "src",
			   *to = noun->interface ? "out" : "dst";

		side = length == strlen(to) && strncmp(key->name, to, length) == 0;
		if (!side && (length != strlen(from) || strncmp(key->name, from, length) != 0))
			return false;
	}
	*code = sf_ask_field_find(&key->field, noun->fields[side], groups->options.mode, error);
	if (*code == 0 && !space)
		*code = sf_ask_field_find(
			&key->other, noun->fields[1], groups->options.mode, error);
	be_field(key, space ? SF_KEY_FIELD : SF_KEY_SIDE);
	return true;
}

/* The bits behind a slash, and that there is nothing else: "24", "24/48". */
static bool network_bits(const char *text, uint8_t bits[2])
{
	unsigned narrow, wide = 64;
	int used = 0;

	if (sscanf(text, "%3u%n", &narrow, &used) != 1 || !isdigit((unsigned char)*text))
		return false;
	text += used;
	if (*text == '/') {
		if (!isdigit((unsigned char)text[1]) ||
			sscanf(text + 1, "%3u%n", &wide, &used) != 1)
			return false;
		text += 1 + used;
	} else if (narrow > 32) {
		wide = narrow;
		narrow = 32;
	}
	bits[0] = (uint8_t)narrow;
	bits[1] = (uint8_t)wide;
	return !*text && narrow <= 32 && wide <= 128;
}

static int parse_network(
	struct sf_groups *groups, struct sf_key *key, char *slash, struct sf_error *error)
{
	char name[48];
	int code;

	snprintf(name, sizeof(name), "%.*s", (int)(slash - key->name), key->name);
	code = sf_ask_field_find(&key->field, name, groups->options.mode, error);
	if (code)
		return code;
	if (key->field.type != SF_ASK_ADDRESS || !network_bits(slash + 1, key->bits))
		return sf_error_set(error, SF_EUSAGE,
			"'%s' is no network: src/24, or src/24/48 with the bits of IPv6, is one",
			key->name);
	key->kind = SF_KEY_NETWORK;
	key->words = 2;
	key->type = SF_ASK_ADDRESS;
	return 0;
}

int sf_key_parse(struct sf_groups *groups, struct sf_key *key, const char *word, size_t length,
	struct sf_error *error)
{
	struct sf_error unknown = { 0 };
	const char *near;
	char *slash;
	int code;

	memset(key, 0, sizeof(*key));
	if (length == 0 || length >= sizeof(key->field.name))
		return sf_error_set(error, SF_EUSAGE, "'%.*s' is no field", (int)length, word);
	memcpy(key->name, word, length);
	slash = strchr(key->name, '/');
	if (slash)
		return parse_network(groups, key, slash, error);
	if (parse_side(groups, key, &code, error))
		return code;
	for (size_t i = 0; i < KINDS; i++) {
		if (strcmp(kinds[i].name, key->name) != 0)
			continue;
		key->kind = kinds[i].kind;
		key->words = kinds[i].words;
		key->type = kinds[i].type;
		code = sf_ask_field_find(&key->field, kinds[i].field, groups->options.mode, error);
		if (code == 0)
			code = sf_ask_field_find(
				&key->other, kinds[i].other, groups->options.mode, error);
		return code;
	}
	code = sf_ask_field_find(&key->field, key->name, groups->options.mode, &unknown);
	if (code) {
		near = sf_suggest(key->name, any_key, NULL);
		if (near && near[0] && strstr(unknown.text, "there is no field"))
			return sf_error_set(error, SF_EUSAGE,
				"there is no field '%s'; did you mean '%s'?", key->name, near);
		return sf_error_set(error, code, "%s", unknown.text);
	}
	be_field(key, SF_KEY_FIELD);
	return 0;
}

/* ---------------------------------------------------------------- reading */

static int put_address(uint64_t *slot, const struct sf_ask_value *value)
{
	slot[0] = slot[1] = 0;
	memcpy(slot, value->bytes, value->length == 4 ? 4 : 16);
	return value->length == 4 ? SF_SLOT_V4 : SF_SLOT_V6;
}

/*
 * The slot's address becomes that of a network, with less than all
 * bits. Returns the kind of the slot.
 */
static int make_network(uint64_t *slot, int kind, unsigned bits)
{
	uint8_t *octets = (uint8_t *)slot;

	sf_network_keep_bits(octets, (unsigned)kind, bits);
	octets[bits / 8] |= (uint8_t)(0x80 >> bits % 8);
	return kind | SF_SLOT_NET;
}

unsigned sf_slot_address(const uint64_t *slot, unsigned kind, uint8_t octets[16])
{
	const unsigned length = kind & SF_SLOT_V6 ? 16 : 4;
	unsigned last = length - 1;

	memcpy(octets, slot, 16);
	if (!(kind & SF_SLOT_NET))
		return 8 * length;
	while (last && !octets[last])
		last--;
	for (unsigned bit = 0; bit < 8; bit++)
		if (octets[last] >> bit & 1) {
			octets[last] ^= (uint8_t)(1u << bit);
			return 8 * last + 7 - bit;
		}
	return 0; /* make_network() sets a bit */
}

int sf_slot_compare(const uint64_t *a, unsigned a_kind, const uint64_t *b, unsigned b_kind)
{
	uint8_t octets[2][16];
	const unsigned bits = sf_slot_address(a, a_kind, octets[0]),
		       other = sf_slot_address(b, b_kind, octets[1]);
	const int order = memcmp(octets[0], octets[1], 16);

	return order ? order : (bits > other) - (bits < other);
}

static int read_address(
	const struct sf_ask_field *field, const struct sf_ask_row *row, uint64_t *slot)
{
	struct sf_ask_value value = { 0 };
	int kind;

	if (!sf_ask_read(field, row, &value))
		return 0;
	kind = put_address(slot, &value);
	return value.bits < 8 * value.length ? make_network(slot, kind, value.bits) : kind;
}

/* Of a network that is larger than the key's the larger one. */
static int read_network(const struct sf_key *key, const struct sf_ask_row *row, uint64_t *slot)
{
	struct sf_ask_value value = { 0 };
	unsigned bits;
	int kind;

	if (!sf_ask_read(&key->field, row, &value))
		return 0;
	kind = put_address(slot, &value);
	bits = key->bits[kind == SF_SLOT_V6];
	if (value.bits < bits)
		return make_network(slot, kind, value.bits);
	sf_network_keep_bits((uint8_t *)slot, (unsigned)kind, bits);
	return kind;
}

/* The smaller address first. */
static int read_pair(const struct sf_key *key, const struct sf_ask_row *row, uint64_t *slot)
{
	int kind = read_address(&key->field, row, slot),
	    other = read_address(&key->other, row, slot + 2), order;

	if (!kind || (other ^ kind) & (SF_SLOT_V4 | SF_SLOT_V6))
		return 0;
	order = sf_unlikely((kind | other) & SF_SLOT_NET)
			? sf_slot_compare(slot, (unsigned)kind, slot + 2, (unsigned)other)
			: memcmp(slot, slot + 2, 16);
	if (order > 0) {
		const uint64_t swap[2] = { slot[0], slot[1] };
		const int swapped = kind;

		memcpy(slot, slot + 2, 16);
		memcpy(slot + 2, swap, 16);
		kind = other;
		other = swapped;
	}
	return kind | (other & SF_SLOT_NET ? SF_SLOT_OTHER_NET : 0);
}

static int read_number(
	const struct sf_ask_field *field, const struct sf_ask_row *row, uint64_t *slot)
{
	struct sf_ask_value value = { 0 };

	if (!sf_ask_read(field, row, &value))
		return 0;
	slot[0] = value.number;
	return SF_SLOT_NUMBER;
}

int sf_key_server_side(const struct sf_groups *groups, const struct sf_ask_row *row)
{
	struct sf_ask_value from = { 0 }, to = { 0 };

	if (sf_flow_two_way(row->flow))
		return row->d == 0;
	if (!sf_ask_read(&groups->sport, row, &from) || !sf_ask_read(&groups->dport, row, &to) ||
		from.number == to.number)
		return -1;
	return to.number < from.number;
}

/*
 * 1: all addresses that the row has on that side are private; 0:
 * none; -1: it is not known which.
 */
static int private_side(const struct sf_ask_row *row, unsigned side)
{
	struct sf_network own = { .length = row->flow->ip_version == 6 ? 16 : 4 };
	const unsigned bits = sf_ask_bits(row, side);

	if (sf_likely(bits == 8u * own.length))
		return sf_private_has(row->flow->addr[side], own.length);
	memcpy(own.address, row->flow->addr[side], own.length);
	for (const struct sf_network *net = sf_private_networks;
		net < sf_private_networks + SF_PRIVATE_NETWORKS; net++) {
		own.bits = (uint8_t)(bits < net->bits ? bits : net->bits);
		if (sf_network_has(&own, net->address, net->length))
			return bits < net->bits ? -1 : 1;
	}
	return 0;
}

int sf_key_inside_side(const struct sf_ask_row *row)
{
	int from = private_side(row, row->d), to = private_side(row, !row->d);

	return from < 0 || to < 0 || from == to ? -1 : to;
}

/* The address of one side, or of the other one. */
static int read_side(
	const struct sf_key *key, const struct sf_ask_row *row, int side, uint64_t *slot)
{
	return side < 0 ? 0 : read_address(side ? &key->other : &key->field, row, slot);
}

static int read_text(struct sf_groups *groups, const struct sf_ask_field *field,
	const struct sf_ask_row *row, uint64_t *slot)
{
	struct sf_ask_value value = { 0 };
	int64_t number;

	if (!sf_ask_read(field, row, &value))
		return 0;
	number = sf_texts_number(groups, value.bytes,
		field->type == SF_ASK_TEXT && !sf_ask_is_list(field) &&
				!(field->read == SF_READ_EXPORTER && value.number)
			? strnlen((const char *)value.bytes, value.length)
			: value.length);
	if (number < 0)
		return -1;
	/* an exporter may be an address: texts are told apart from these by the upper half */
	slot[0] = (uint64_t)number | (field->read == SF_READ_EXPORTER ? value.number << 32 : 0);
	return SF_SLOT_TEXT;
}

static int read_field(struct sf_groups *groups, const struct sf_ask_field *field,
	const struct sf_ask_row *row, uint64_t *slot)
{
	if (field->type == SF_ASK_ADDRESS)
		return read_address(field, row, slot);
	if (field->type == SF_ASK_TEXT || field->type == SF_ASK_OCTETS)
		return read_text(groups, field, row, slot);
	return read_number(field, row, slot);
}

int sf_key_read(struct sf_groups *groups, const struct sf_key *key, const struct sf_ask_row *row,
	uint64_t *slot)
{
	int side;

	switch (key->kind) {
	case SF_KEY_NETWORK:
		return read_network(key, row, slot);
	case SF_KEY_PAIR:
		return read_pair(key, row, slot);
	case SF_KEY_SIDE:
		return read_field(groups, groups->host_side ? &key->other : &key->field, row, slot);
	case SF_KEY_SERVER:
		return read_side(key, row, sf_key_server_side(groups, row), slot);
	case SF_KEY_CLIENT:
		side = sf_key_server_side(groups, row);
		return read_side(key, row, side < 0 ? side : !side, slot);
	case SF_KEY_INSIDE:
		return read_side(key, row, sf_key_inside_side(row), slot);
	case SF_KEY_OUTSIDE:
		side = sf_key_inside_side(row);
		return read_side(key, row, side < 0 ? side : !side, slot);
	case SF_KEY_SERVICE:
		side = sf_key_server_side(groups, row);
		return side < 0 ? 0 : read_number(side ? &key->other : &key->field, row, slot);
	case SF_KEY_BIN:
		slot[0] = (uint64_t)groups->bin;
		return SF_SLOT_NUMBER;
	default:
		return read_field(groups, &key->field, row, slot);
	}
}
