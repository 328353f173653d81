/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the groups share.
 *
 * A group is an entry of 64-bit words:
 *
 *	kinds of the keys, a byte each | slots of the keys | states of the sums
 *
 * A key's slot is one word (a number, or the number of an interned text), two (an address) or four
 * (a pair). The address of a network (SF_SLOT_NET) has a 1 behind its bits, which tells how many
 * these are: 192.0.2.0/24 is c0 00 02 80. An index of open addressing finds the entry of a key
 * (store.c).
 *
 * A row of a record becomes an entry too, and waits for its group until there are
 * SF_ROWS_WAITING of them (rows.c).
 */
#ifndef SPANFLOW_ASK_GROUP_H
#define SPANFLOW_ASK_GROUP_H

#include <assert.h>
#include <stdatomic.h>

#include "ask/groups.h"

enum sf_key_kind {
	SF_KEY_FIELD,
	SF_KEY_NETWORK, /* an address without its last bits */
	SF_KEY_PAIR,
	SF_KEY_SIDE, /* a field of the side that the row is counted for */
	SF_KEY_SERVER,
	SF_KEY_SERVICE,
	SF_KEY_CLIENT,
	SF_KEY_INSIDE,
	SF_KEY_OUTSIDE,
	SF_KEY_BIN,
};

struct sf_key {
	char name[52];
	enum sf_key_kind kind;
	struct sf_ask_field field, other; /* other: of the second side */
	uint8_t bits[2];                  /* NETWORK: of IPv4, of IPv6 */
	uint8_t words;                    /* of the slot */
	uint8_t type;                     /* enum sf_ask_type of the value */
};

/* Bytes of the kinds of keys: 0 is absent. */
#define SF_SLOT_NUMBER 1
#define SF_SLOT_TEXT   2
#define SF_SLOT_V4     4
#define SF_SLOT_V6     16
/* with SF_SLOT_V4 or V6: a network that a folded record is about; the other one of a pair */
#define SF_SLOT_NET       32
#define SF_SLOT_OTHER_NET 64

#define SF_SLOT_WORDS_MAX 4

/* Words of a key: the kinds of its slots, and the slots. */
#define SF_KEY_WORDS (1 + (SF_GROUPS_KEYS_MAX + 1) * SF_SLOT_WORDS_MAX)

enum sf_sum_kind {
	SF_SUM_FLOWS,
	SF_SUM_PACKETS,
	SF_SUM_BYTES,
	SF_SUM_DURATION,
	SF_SUM_FIRST,
	SF_SUM_LAST,
	SF_SUM_DISTINCT,
	SF_SUM_SUM,
	SF_SUM_MIN,
	SF_SUM_MAX,
	SF_SUM_AVG,
	SF_SUM_BPP,
	SF_SUM_BPS,
	SF_SUM_PPS,
	SF_SUM_SENT,
	SF_SUM_RECEIVED,
	SF_SUM_RATIO,
	SF_SUM_SPAN,     /* from the first to the last packet of all */
	SF_SUM_INTERVAL, /* mean time from one start to the next */
	SF_SUM_JITTER,   /* its standard deviation, in per cent of it */
	SF_SUM_KINDS
};

#define SF_SUM_WORDS_MAX 4

struct sf_sum {
	char name[72];
	enum sf_sum_kind kind;
	struct sf_ask_field field;
	struct sf_key key; /* of distinct() */
	uint8_t at;        /* first word in the entry */
	uint8_t words;
};

struct sf_text {
	uint64_t hash;
	size_t length;
	char *bytes;
};

struct sf_texts {
	struct sf_text *items;
	uint32_t *index; /* item + 1 */
	size_t count, room, index_size;
};

/* Columns: keys, then sums, then these two. */
#define SF_COLUMNS_MAX (SF_GROUPS_KEYS_MAX + 1 + SF_GROUPS_SUMS_MAX + 2)

static_assert(SF_COLUMNS_MAX < 32, "a set of columns fits into a word");

struct sf_group_order {
	unsigned column;
	bool down;
};

struct sf_having {
	unsigned sum;
	int comparison; /* -2 <, -1 <=, 0 =, 1 >=, 2 >, 3 != */
	double value;
};

/* Rows that wait for their groups, at most. */
#define SF_ROWS_WAITING 64

/* Memory that the objects of several threads may use together. */
struct sf_groups_budget {
	uint64_t most; /* 0: no bound */
	atomic_uint_fast64_t used;
};

struct sf_groups {
	struct sf_groups_options options;
	struct sf_key keys[SF_GROUPS_KEYS_MAX + 1];
	struct sf_sum sums[SF_GROUPS_SUMS_MAX];
	unsigned key_count, sum_count;
	unsigned entry_words, first_sum; /* words of an entry; before its sums */
	bool two_sided;                  /* rows count for both sides */
	unsigned host_side;              /* the side that a row is counted for now */
	struct sf_ask_field bytes, packets, start, end, sport, dport, flags;
	bool sided;   /* keys tell whose bytes are `sent` */
	size_t count; /* of entries, in blocks of 1 << block_bits */
	uint64_t **blocks;
	unsigned block_bits;
	uint64_t *index; /* upper half of the hash | entry + 1; 0: free */
	size_t index_size;
	unsigned index_shift; /* hash >> index_shift is the first place */
	uint64_t blank[SF_GROUPS_SUMS_MAX * SF_SUM_WORDS_MAX]; /* sums of a new group */
	uint64_t *waiting; /* rows that are in no group yet, as entries */
	uint64_t waiting_hash[SF_ROWS_WAITING];
	unsigned waiting_count;
	struct sf_groups_budget own, *budget;
	uint64_t granted;         /* of the budget's memory, what is not used yet */
	struct sf_groups **parts; /* that have the groups instead: merge.c */
	unsigned part_count;
	size_t left_out; /* groups that are not here, because they would not be shown */
	struct sf_texts texts;
	struct sf_group_order orders[SF_GROUPS_KEYS_MAX + SF_GROUPS_SUMS_MAX + 1];
	unsigned order_count;
	struct sf_having havings[4];
	unsigned having_count;
	unsigned columns[SF_COLUMNS_MAX], column_count;
	unsigned measure; /* the sum that --top and --share go by */
	double whole;     /* of all groups, for shares */
	double *passed;   /* of each that is shown: cumulated */
	uint32_t *shown;
	size_t shown_count;
	struct sf_groups_totals totals;
	int64_t zone_hour, zone_offset; /* of local time */
	/* of the row that is being read, or of the part of it that is spread over this bin */
	uint64_t row_bytes, row_packets;
	uint64_t row_flows; /* of a folded row several; 0 of all parts but the first */
	int64_t bin;
};

/* The object that has groups of that hash: a part, or itself. */
static inline struct sf_groups *sf_groups_home(struct sf_groups *groups, uint64_t hash)
{
	/* bits that the first place in the index does not depend on */
	return groups->part_count
		       ? groups->parts[(uint64_t)(uint32_t)hash * groups->part_count >> 32]
		       : groups;
}

static inline uint64_t *sf_group_entry(const struct sf_groups *groups, size_t i)
{
	size_t place = i & (((size_t)1 << groups->block_bits) - 1);

	return groups->blocks[i >> groups->block_bits] + place * groups->entry_words;
}

/* The kind of the slot of a key; 0: the group has none. */
static inline unsigned sf_group_kind(const uint64_t *entry, unsigned key)
{
	return entry[0] >> (8 * key) & 0xff;
}

static inline const uint64_t *sf_group_slot(
	const struct sf_groups *groups, const uint64_t *entry, unsigned key)
{
	const uint64_t *slot = entry + 1;

	for (unsigned i = 0; i < key; i++)
		slot += groups->keys[i].words;
	return slot;
}

/* The bin of time of a group: with bins, the first key. */
static inline int64_t sf_group_bin(const struct sf_groups *groups, uint32_t group)
{
	return (int64_t)sf_group_slot(groups, sf_group_entry(groups, group), 0)[0];
}

/* ---- store.c */

void sf_store_init(struct sf_groups *groups);
void sf_store_free(struct sf_groups *groups);

/* Frees the groups of the last block. */
void sf_store_drop_block(struct sf_groups *groups);

/* Counts memory that is about to be allocated. False: it would be more than the options allow. */
bool sf_groups_take(struct sf_groups *groups, uint64_t octets);

/* Memory that was counted has been freed. */
void sf_groups_give(struct sf_groups *groups, uint64_t octets);

/* The entry of a key, first_sum words; made if there is none. NULL: no memory. */
uint64_t *sf_group_find(struct sf_groups *groups, const uint64_t *key, uint64_t hash);
uint64_t sf_group_key_hash(const struct sf_groups *groups, const uint64_t *key);

/*
 * Asks for the memory in which the groups of `count` hashes will be looked for, so that it comes
 * for all of them at the same time.
 */
void sf_groups_fetch(struct sf_groups *groups, const uint64_t *hashes, size_t count);

/* Says that the memory is full, and what helps. -ENOMEM. */
int sf_groups_full(const struct sf_groups *groups, struct sf_error *error);

/* ---- rows.c */

/*
 * A row is written to the place of sf_rows_next(); sf_rows_wait() then counts it in, and
 * sf_rows_settle() adds all that wait to their groups by sf_sum_add() or, if they are groups of
 * another object, by sf_sum_merge(). False: no memory.
 */
typedef bool sf_sum_adder(
	struct sf_groups *groups, const struct sf_sum *sum, uint64_t *state, const uint64_t *words);

uint64_t *sf_rows_next(const struct sf_groups *groups);
bool sf_rows_wait(struct sf_groups *groups, sf_sum_adder *add);
bool sf_rows_settle(struct sf_groups *groups, sf_sum_adder *add);

/* ---- key.c */

/* Reads one word of --by into `key`. 0 or SF_EUSAGE. */
int sf_key_parse(struct sf_groups *groups, struct sf_key *key, const char *word, size_t length,
	struct sf_error *error);

/*
 * Fills the slot of a key with its value in the row. Returns the kind of slot; 0: the
 * row has no value; -1: no memory.
 */
int sf_key_read(struct sf_groups *groups, const struct sf_key *key, const struct sf_ask_row *row,
	uint64_t *slot);

/* Which side is the server, or inside: 0 the sender, 1 the receiver; -1: not known. */
int sf_key_server_side(const struct sf_groups *groups, const struct sf_ask_row *row);
int sf_key_inside_side(const struct sf_ask_row *row);

/* The kind of the first address of a pair (`other` 0), or of the other one. */
static inline unsigned sf_pair_kind(unsigned kind, unsigned other)
{
	const unsigned net = other ? SF_SLOT_OTHER_NET : SF_SLOT_NET;

	return (kind & (SF_SLOT_V4 | SF_SLOT_V6)) | (kind & net ? SF_SLOT_NET : 0);
}

/* Copies the address of a host or a network, and returns how many bits of it count. */
unsigned sf_slot_address(const uint64_t *slot, unsigned kind, uint8_t octets[16]);

/* Compares two of these of one IP version: a network stands before its hosts. */
int sf_slot_compare(const uint64_t *a, unsigned a_kind, const uint64_t *b, unsigned b_kind);

/* The number of a text; -1: no memory. */
int64_t sf_texts_number(struct sf_groups *groups, const uint8_t *bytes, size_t length);
void sf_texts_free(struct sf_texts *texts);

/* Words of a key as one hash. */
uint64_t sf_words_hash(uint64_t seed, const uint64_t *words, unsigned count);

/* ---- sum.c */

/* Reads one word of --sum into `sum`. 0 or SF_EUSAGE. */
int sf_sum_parse(struct sf_groups *groups, struct sf_sum *sum, const char *word, size_t length,
	struct sf_error *error);

/* The state of a sum in a new group, before the first row. */
void sf_sum_begin(const struct sf_sum *sum, uint64_t *state);

/*
 * Reads what a row gives to a sum into `words`, which sf_sum_begin() has begun; adds these words to
 * a sum; adds the state of the same sum in another object. False: no memory.
 */
bool sf_sum_read(struct sf_groups *groups, const struct sf_sum *sum, uint64_t *words,
	const struct sf_ask_row *row);
bool sf_sum_add(
	struct sf_groups *groups, const struct sf_sum *sum, uint64_t *state, const uint64_t *words);
bool sf_sum_merge(
	struct sf_groups *groups, const struct sf_sum *sum, uint64_t *state, const uint64_t *other);

/* Frees what the state points to (distinct). */
void sf_sum_free(struct sf_groups *groups, const struct sf_sum *sum, uint64_t *state);

/* The value for sorting and printing; false: there is none. */
bool sf_sum_value(const struct sf_sum *sum, const uint64_t *state, double *value);

/* The value as a whole number, where it is one: counts, bytes, times, durations in ns. */
bool sf_sum_number(const struct sf_sum *sum, const uint64_t *state, uint64_t *number);

/* True if the value is an estimate (distinct() of many values). */
bool sf_sum_estimated(const struct sf_sum *sum, const uint64_t *state);

/* ---- order.c */

/* The options about order, columns and which groups are shown. */
int sf_groups_orders(struct sf_groups *groups, struct sf_error *error);

/*
 * Fills `ids` with the `most` groups that would be shown first, in no order; returns how many
 * there are. Not with --top in bins.
 */
size_t sf_groups_best(const struct sf_groups *groups, uint32_t *ids, size_t most);

/* --top and --bottom choose in each bin of time by itself. */
bool sf_groups_top_in_bins(const struct sf_groups *groups);

/* ---- distinct.c */

struct sf_distinct;

/* Add the hash of a value, or another set, to *set, which is NULL at first. False: no memory. */
bool sf_distinct_add(struct sf_groups *groups, struct sf_distinct **set, uint64_t hash);
bool sf_distinct_merge(
	struct sf_groups *groups, struct sf_distinct **set, const struct sf_distinct *other);

/* NULL is allowed. */
void sf_distinct_free(struct sf_groups *groups, struct sf_distinct *set);

/* The number of different values; NULL: 0. */
uint64_t sf_distinct_count(const struct sf_distinct *set);
bool sf_distinct_estimated(const struct sf_distinct *set);

#endif
