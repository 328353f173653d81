/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of groups: parsing what is asked for, adding rows. Sorting is in order.c. */
#include "ask/groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ask/group.h"

#define NS_PER_S INT64_C(1000000000)
#define BINS_MAX 65536 /* that one flow may be spread over */

/* ---------------------------------------------------------------- making */

/* Takes the list of an option apart at its commas, but for those in parentheses. 0 or an error of `take`. */
static int each_word(struct sf_groups *groups, const char *option, const char *list,
	int (*take)(
		struct sf_groups *groups, const char *word, size_t length, struct sf_error *error),
	struct sf_error *error)
{
	while (*list) {
		size_t length = 0, depth = 0, end;
		struct sf_error reason = { 0 };
		int code;

		for (; list[length] && (depth || list[length] != ','); length++)
			depth += list[length] == '(' ? 1 : list[length] == ')' && depth ? -1 : 0;
		end = length;
		while (end && list[0] == ' ') {
			list++;
			length--;
			end--;
		}
		while (end && list[end - 1] == ' ')
			end--;
		code = take(groups, list, end, &reason);
		if (code)
			return sf_error_set(error, code, "%s: %s", option, reason.text);
		list += length + (list[length] == ',');
	}
	return 0;
}

/* Two keys that would have the same name in JSON. */
static bool same_key(const struct sf_key *a, const struct sf_key *b)
{
	const char *name = a->field.element[0], *other = b->field.element[0];

	if (strcmp(a->name, b->name) == 0)
		return true;
	return a->kind == SF_KEY_FIELD && b->kind == SF_KEY_FIELD && name && other &&
	       strcmp(name, other) == 0 && a->field.reverse == b->field.reverse;
}

static int take_key(
	struct sf_groups *groups, const char *word, size_t length, struct sf_error *error)
{
	unsigned used = groups->key_count - (groups->options.every_ns != 0);
	struct sf_key *key = &groups->keys[groups->key_count];
	int code;

	if (used == SF_GROUPS_KEYS_MAX)
		return sf_error_set(error, SF_EUSAGE, "more than %u keys", SF_GROUPS_KEYS_MAX);
	code = sf_key_parse(groups, key, word, length, error);
	if (code)
		return code;
	for (unsigned i = 0; i < groups->key_count; i++)
		if (same_key(&groups->keys[i], key))
			return sf_error_set(error, SF_EUSAGE, "'%s' and '%s' are the same",
				groups->keys[i].name, key->name);
	groups->key_count++;
	groups->two_sided |= key->kind == SF_KEY_SIDE;
	return 0;
}

static int take_sum(
	struct sf_groups *groups, const char *word, size_t length, struct sf_error *error)
{
	struct sf_sum *sum = &groups->sums[groups->sum_count];
	int code;

	if (groups->sum_count == SF_GROUPS_SUMS_MAX)
		return sf_error_set(error, SF_EUSAGE, "more than %u sums", SF_GROUPS_SUMS_MAX);
	code = sf_sum_parse(groups, sum, word, length, error);
	if (code)
		return code;
	for (unsigned i = 0; i < groups->sum_count; i++)
		if (strcmp(groups->sums[i].name, sum->name) == 0)
			return sf_error_set(error, SF_EUSAGE, "'%s' is named twice", sum->name);
	if (sum->kind == SF_SUM_DURATION) {
		code = sf_ask_field_find(&sum->field, "duration", groups->options.mode, error);
		if (code)
			return code;
	}
	groups->sum_count++;
	return 0;
}

/* The bin of time is the first key. */
static void add_bin(struct sf_groups *groups)
{
	groups->keys[groups->key_count++] = (struct sf_key){
		.name = "time", .kind = SF_KEY_BIN, .words = 1, .type = SF_ASK_TIME
	};
}

static void lay_out(struct sf_groups *groups)
{
	unsigned words = 2; /* hash and kinds */

	for (unsigned i = 0; i < groups->key_count; i++)
		words += groups->keys[i].words;
	groups->first_sum = words;
	for (unsigned i = 0; i < groups->sum_count; i++) {
		groups->sums[i].at = (uint8_t)words;
		words += groups->sums[i].words;
	}
	groups->entry_words = words;
}

static int find_fields(struct sf_groups *groups, struct sf_error *error)
{
	const struct {
		struct sf_ask_field *field;
		const char *name;
	} fields[] = { { &groups->bytes, "bytes" }, { &groups->packets, "packets" },
		{ &groups->start, "start" }, { &groups->end, "end" }, { &groups->sport, "sport" },
		{ &groups->dport, "dport" } };
	int code = 0;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && code == 0; i++)
		code = sf_ask_field_find(
			fields[i].field, fields[i].name, groups->options.mode, error);
	return code;
}

int sf_groups_new(
	struct sf_groups **groups, const struct sf_groups_options *options, struct sf_error *error)
{
	struct sf_groups *g = calloc(1, sizeof(*g));
	int code;

	if (!g)
		return sf_error_set(error, -ENOMEM, "no memory for groups");
	g->options = *options;
	if (options->every_ns)
		add_bin(g);
	code = find_fields(g, error);
	if (code == 0 && options->by)
		code = each_word(g, "--by", options->by, take_key, error);
	if (code == 0)
		code = each_word(g, "--sum", options->sum ? options->sum : "flows,packets,bytes",
			take_sum, error);
	if (code == 0 && g->sum_count == 0)
		code = sf_error_set(error, SF_EUSAGE, "no sum is asked for");
	lay_out(g);
	if (code == 0)
		code = sf_groups_orders(g, error);
	if (code) {
		sf_groups_free(g);
		return code;
	}
	*groups = g;
	return 0;
}

int sf_groups_like(struct sf_groups **copy, const struct sf_groups *groups, struct sf_error *error)
{
	return sf_groups_new(copy, &groups->options, error);
}

bool sf_groups_need_order(const struct sf_groups *groups)
{
	for (unsigned i = 0; i < groups->sum_count; i++)
		if (groups->sums[i].kind == SF_SUM_JITTER)
			return true;
	return false;
}

void sf_groups_free(struct sf_groups *groups)
{
	if (!groups)
		return;
	for (unsigned i = 0; i < groups->part_count; i++)
		sf_groups_free(groups->parts[i]);
	free(groups->parts);
	for (size_t i = 0; i < groups->count; i++)
		for (unsigned k = 0; k < groups->sum_count; k++)
			sf_sum_free(
				&groups->sums[k], sf_group_entry(groups, i) + groups->sums[k].at);
	sf_texts_free(&groups->texts);
	free(groups->entries);
	free(groups->index);
	free(groups->shown);
	free(groups->passed);
	free(groups);
}

/* ---------------------------------------------------------------- memory */

bool sf_groups_take(struct sf_groups *groups, uint64_t octets)
{
	if (groups->parent)
		groups = groups->parent;
	if (groups->options.memory && groups->totals.memory + octets > groups->options.memory)
		return false;
	groups->totals.memory += octets;
	return true;
}

size_t sf_groups_count(const struct sf_groups *groups)
{
	size_t count = groups->count + groups->left_out;

	/* until those to be shown are taken out of the parts */
	for (unsigned i = 0; i < groups->part_count && count == 0; i++)
		count += groups->parts[i]->count;
	return count;
}

int sf_groups_full(const struct sf_groups *groups, struct sf_error *error)
{
	return sf_error_set(error, -ENOMEM,
		"%zu groups need more than the %llu MiB of --memory: ask for fewer groups "
		"(--by src/24 instead of src, a narrower --where), or allow more (--memory %lluM)",
		sf_groups_count(groups), (unsigned long long)(groups->options.memory >> 20),
		(unsigned long long)(groups->options.memory / 250000));
}

static bool entries_grow(struct sf_groups *groups)
{
	size_t room = groups->room + groups->room / 2 + 256;
	size_t octets = groups->entry_words * sizeof(uint64_t);
	uint64_t *entries;

	if (room > UINT32_MAX - 1 || !sf_groups_take(groups, (room - groups->room) * octets))
		return false;
	entries = realloc(groups->entries, room * octets);
	if (!entries)
		return false;
	groups->entries = entries;
	groups->room = room;
	return true;
}

static void index_put(struct sf_groups *groups, uint64_t hash, size_t entry)
{
	size_t at = hash & (groups->index_size - 1);

	while (groups->index[at])
		at = (at + 1) & (groups->index_size - 1);
	groups->index[at] = (hash & ~(uint64_t)UINT32_MAX) | (entry + 1);
}

static bool index_grow(struct sf_groups *groups)
{
	size_t size = groups->index_size ? 2 * groups->index_size : 1024;
	uint64_t *index;

	if (!sf_groups_take(groups, (size - groups->index_size) * sizeof(*index)))
		return false;
	index = calloc(size, sizeof(*index));
	if (!index)
		return false;
	free(groups->index);
	groups->index = index;
	groups->index_size = size;
	for (size_t i = 0; i < groups->count; i++)
		index_put(groups, sf_group_entry(groups, i)[0], i);
	return true;
}

/* ---------------------------------------------------------------- groups */

uint64_t sf_group_key_hash(const struct sf_groups *groups, const uint64_t *key)
{
	return sf_words_hash(groups->options.seed, key, groups->first_sum - 1);
}

uint64_t *sf_group_find(struct sf_groups *groups, const uint64_t *key, uint64_t hash)
{
	const unsigned words = groups->first_sum - 1;
	uint64_t *entry;

	if (2 * (groups->count + 1) > groups->index_size && !index_grow(groups))
		return NULL;
	for (size_t at = hash & (groups->index_size - 1); groups->index[at];
		at = (at + 1) & (groups->index_size - 1)) {
		uint64_t slot = groups->index[at];

		if ((slot ^ hash) >> 32)
			continue;
		entry = sf_group_entry(groups, (uint32_t)slot - 1);
		if (entry[0] == hash && memcmp(entry + 1, key, words * sizeof(*key)) == 0)
			return entry;
	}
	if (groups->count == groups->room && !entries_grow(groups))
		return NULL;
	index_put(groups, hash, groups->count);
	entry = sf_group_entry(groups, groups->count++);
	entry[0] = hash;
	memcpy(entry + 1, key, words * sizeof(*key));
	for (unsigned i = 0; i < groups->sum_count; i++)
		sf_sum_begin(&groups->sums[i], entry + groups->sums[i].at);
	return entry;
}

/* The key of a row. False: no memory. */
static bool read_key(struct sf_groups *groups, const struct sf_ask_row *row, uint64_t *key)
{
	uint64_t *slot = key + 1;

	memset(key, 0, groups->first_sum * sizeof(*key));
	for (unsigned i = 0; i < groups->key_count; i++) {
		int kind = sf_key_read(groups, &groups->keys[i], row, slot);

		if (kind < 0)
			return false;
		if (kind == 0)
			memset(slot, 0, groups->keys[i].words * sizeof(*slot));
		key[0] |= (uint64_t)kind << (8 * i);
		slot += groups->keys[i].words;
	}
	return true;
}

/* False: no memory. */
static bool add_row(struct sf_groups *groups, const struct sf_ask_row *row, const uint64_t *key)
{
	uint64_t hash = sf_group_key_hash(groups, key);
	uint64_t *entry = sf_group_find(sf_groups_home(groups, hash), key, hash);

	if (!entry)
		return false;
	for (unsigned i = 0; i < groups->sum_count; i++)
		if (!sf_sum_add(groups, &groups->sums[i], entry + groups->sums[i].at, row))
			return false;
	return true;
}

/* Which side's bytes are `sent`: 0 those of the sender. */
static void choose_side(struct sf_groups *groups, const struct sf_ask_row *row)
{
	const struct sf_flow *flow = row->flow;

	groups->host_side = 0;
	for (unsigned i = 0; i < groups->key_count; i++) {
		enum sf_key_kind kind = groups->keys[i].kind;

		if (kind == SF_KEY_PAIR)
			groups->host_side = memcmp(flow->addr[row->d], flow->addr[!row->d], 16) > 0;
		else if (kind == SF_KEY_SERVER || kind == SF_KEY_SERVICE)
			groups->host_side = sf_key_server_side(groups, row) == 1;
		else if (kind == SF_KEY_CLIENT)
			groups->host_side = sf_key_server_side(groups, row) == 0;
		else if (kind == SF_KEY_INSIDE)
			groups->host_side = sf_key_inside_side(row) == 1;
		else if (kind == SF_KEY_OUTSIDE)
			groups->host_side = sf_key_inside_side(row) == 0;
		else
			continue;
		return;
	}
}

/* A row, for each side that it counts for; once for two sides of the same key. */
static bool add_sides(struct sf_groups *groups, const struct sf_ask_row *row)
{
	uint64_t key[SF_KEY_WORDS], other[SF_KEY_WORDS];

	if (!groups->two_sided) {
		choose_side(groups, row);
		return read_key(groups, row, key) && add_row(groups, row, key);
	}
	groups->host_side = 0;
	if (!read_key(groups, row, key) || !add_row(groups, row, key))
		return false;
	groups->host_side = 1;
	if (!read_key(groups, row, other))
		return false;
	return memcmp(key, other, (groups->first_sum - 1) * sizeof(*key)) == 0 ||
	       add_row(groups, row, other);
}

/* ---------------------------------------------------------------- bins of time */

/* What must be added to UTC to have the time of the clock on the wall. */
static int64_t zone_offset(struct sf_groups *groups, int64_t time)
{
	int64_t hour = time / (3600 * NS_PER_S);

	if (!groups->options.local)
		return 0;
	if (hour != groups->zone_hour) {
		time_t seconds = (time_t)(time / NS_PER_S);
		struct tm tm;

		localtime_r(&seconds, &tm);
		groups->zone_hour = hour;
		groups->zone_offset = tm.tm_gmtoff * NS_PER_S;
	}
	return groups->zone_offset;
}

static int64_t bin_of(struct sf_groups *groups, int64_t time)
{
	int64_t every = groups->options.every_ns, offset = zone_offset(groups, time);
	int64_t rest = (time + offset) % every;

	return time - (rest < 0 ? rest + every : rest);
}

/* `amount` times part / whole, without overflow. */
static uint64_t share_of(uint64_t amount, uint64_t part, uint64_t whole)
{
	return (uint64_t)((unsigned __int128)amount * part / whole);
}

/* Bytes and packets over all bins from the first to the last packet, by time; no byte is lost. */
static bool add_spread(struct sf_groups *groups, const struct sf_ask_row *row, int64_t start,
	int64_t end, uint64_t bytes, uint64_t packets)
{
	uint64_t whole = (uint64_t)(end - start), bytes_given = 0, packets_given = 0;
	bool taken = true;

	groups->parted = true;
	groups->part_first = true;
	for (int64_t bin = groups->bin; taken && bin <= end; bin += groups->options.every_ns) {
		int64_t until = bin + groups->options.every_ns;
		uint64_t passed = until > end ? whole : (uint64_t)(until - start);

		groups->bin = bin;
		groups->part_bytes = share_of(bytes, passed, whole) - bytes_given;
		groups->part_packets = share_of(packets, passed, whole) - packets_given;
		bytes_given += groups->part_bytes;
		packets_given += groups->part_packets;
		taken = add_sides(groups, row);
		groups->part_first = false;
	}
	groups->parted = false;
	return taken;
}

static bool add_binned(
	struct sf_groups *groups, const struct sf_ask_row *row, uint64_t bytes, uint64_t packets)
{
	struct sf_ask_value start = { 0 }, end = { 0 };
	int64_t first = 0, last;

	if (sf_ask_read(&groups->start, row, &start))
		first = (int64_t)start.number;
	else if (row->record)
		first = row->record->export_time_ns;
	groups->bin = bin_of(groups, first);
	last = sf_ask_read(&groups->end, row, &end) ? (int64_t)end.number : first;
	if (!groups->options.spread || last - groups->bin < groups->options.every_ns)
		return add_sides(groups, row);
	if ((last - groups->bin) / groups->options.every_ns >= BINS_MAX) {
		groups->totals.unspread++;
		return add_sides(groups, row);
	}
	return add_spread(groups, row, first, last, bytes, packets);
}

/* ---------------------------------------------------------------- rows */

int sf_groups_put(struct sf_groups *groups, const struct sf_ask_row *row, struct sf_error *error)
{
	struct sf_ask_value bytes = { 0 }, packets = { 0 };
	bool taken;

	if (!sf_ask_read(&groups->bytes, row, &bytes))
		bytes.number = 0;
	if (!sf_ask_read(&groups->packets, row, &packets))
		packets.number = 0;
	taken = groups->options.every_ns ? add_binned(groups, row, bytes.number, packets.number)
					 : add_sides(groups, row);
	if (!taken)
		return sf_groups_full(groups, error);
	groups->totals.rows++;
	groups->totals.bytes += bytes.number;
	groups->totals.packets += packets.number;
	return 0;
}

int sf_groups_flow(struct sf_groups *groups, const struct sf_flow *flow,
	const struct sf_collected *record, unsigned directions, struct sf_error *error)
{
	struct sf_ask_row row = { flow, record, 0 };
	int code = 0;

	if (groups->options.mode & SF_ASK_CONVERSATION)
		return sf_groups_put(groups, &row, error);
	for (row.d = 0; row.d < 2 && code == 0; row.d++)
		if (directions >> row.d & 1)
			code = sf_groups_put(groups, &row, error);
	return code;
}

/* ---------------------------------------------------------------- what there is */

size_t sf_groups_shown(const struct sf_groups *groups)
{
	return groups->shown_count;
}

unsigned sf_groups_parts(const struct sf_groups *groups)
{
	return groups->part_count;
}

void sf_groups_totals(const struct sf_groups *groups, struct sf_groups_totals *totals)
{
	*totals = groups->totals;
}

void sf_groups_elements(const struct sf_groups *groups, struct sf_ask_elements *elements)
{
	for (unsigned i = 0; i < groups->key_count; i++) {
		sf_ask_elements_add(elements, &groups->keys[i].field);
		sf_ask_elements_add(elements, &groups->keys[i].other);
	}
	for (unsigned i = 0; i < groups->sum_count; i++) {
		sf_ask_elements_add(elements, &groups->sums[i].field);
		sf_ask_elements_add(elements, &groups->sums[i].key.field);
		sf_ask_elements_add(elements, &groups->sums[i].key.other);
	}
}
