/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building: prefixes are sorted by address and length, so that a prefix stands before all longer
 * ones within it. The prefixes of one node are then a range of the array. Those that end within the
 * node's 6 bits fill its slots in order, longer ones over shorter ones; those that go on belong to
 * the children, and the prefixes of one child are a range again.
 */
#include "enrich/lpm.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BITS  6
#define SLOTS (1u << BITS)

#define IPV4_BITS 18 /* that index the table; then 6 at a time: 24, 30, 36 */
#define IPV6_BITS 20 /* 26, 32, … 128 */

/* With few prefixes the nodes stay in the cache, and a large table would only take time to make. */
#define FEW      4096
#define FEW_BITS 8 /* of both families: 14, 20, … 32, … 128 */

#define HUGE ((size_t)2 << 20)

#define VALUE UINT32_C(0x80000000) /* an entry of the table is a value, not the number of a node */

struct node {
	uint64_t children; /* bit s: slot s has a child */
	/* bit s: slot s has another value than the slot without a child before it */
	uint64_t leaves;
	uint32_t child; /* number of the first child */
	uint32_t leaf;  /* place of the first value */
};

struct family {
	uint32_t *table;
	struct node *nodes;
	uint32_t *leaves;
	uint32_t node_count, leaf_count, node_max, leaf_max;
	unsigned bits;
};

struct sf_lpm {
	struct family ipv4, ipv6;
	bool popcnt; /* this processor has the instruction */
};

/* ---------------------------------------------------------------- sorting */

static unsigned bits_at(const struct sf_lpm_address *address, unsigned offset, unsigned count)
{
	unsigned __int128 word = (unsigned __int128)address->high << 64 | address->low;

	return (unsigned)((word << offset) >> (128 - count));
}

static int compare(const void *one, const void *other)
{
	const struct sf_lpm_prefix *a = one, *b = other;

	if (a->address.high != b->address.high)
		return a->address.high < b->address.high ? -1 : 1;
	if (a->address.low != b->address.low)
		return a->address.low < b->address.low ? -1 : 1;
	if (a->length != b->length)
		return a->length < b->length ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static bool is_same(const struct sf_lpm_prefix *a, const struct sf_lpm_prefix *b)
{
	return a->address.high == b->address.high && a->address.low == b->address.low &&
	       a->length == b->length;
}

static void clear_host_bits(struct sf_lpm_prefix *prefix)
{
	unsigned length = prefix->length;

	prefix->address.high &= length == 0    ? 0
				: length >= 64 ? UINT64_MAX
					       : ~(UINT64_MAX >> length);
	prefix->address.low &= length <= 64    ? 0
			       : length >= 128 ? UINT64_MAX
					       : ~(UINT64_MAX >> (length - 64));
}

/* Sorts, and keeps the last of equal prefixes. Returns how many are left. */
static size_t sort(struct sf_lpm_prefix *prefixes, size_t count)
{
	bool sorted = true;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		prefixes[i].order = (uint32_t)i;
		clear_host_bits(&prefixes[i]);
		sorted = sorted && (i == 0 || compare(&prefixes[i - 1], &prefixes[i]) < 0);
	}
	if (!sorted)
		qsort(prefixes, count, sizeof(*prefixes), compare);
	for (size_t i = 0; i < count; i++) {
		if (kept && is_same(&prefixes[kept - 1], &prefixes[i]))
			kept--;
		prefixes[kept++] = prefixes[i];
	}
	return kept;
}

/* ---------------------------------------------------------------- building */

/*
 * Room for `count` more elements behind *used; returns the number of the first one, or UINT32_MAX.
 */
static uint32_t grow(void **array, size_t size, uint32_t *used, uint32_t *max, uint32_t count)
{
	uint32_t first = *used;

	if (*max - *used < count) {
		uint64_t wanted = (uint64_t)*max * 2 > 1024 ? (uint64_t)*max * 2 : 1024;
		void *grown;

		while (wanted - *used < count)
			wanted *= 2;
		if (wanted >= VALUE)
			return UINT32_MAX;
		grown = realloc(*array, wanted * size);
		if (!grown)
			return UINT32_MAX;
		*array = grown;
		*max = (uint32_t)wanted;
	}
	*used += count;
	return first;
}

/* What belongs to one slot while its node is made. */
struct slot {
	uint32_t value;
	uint32_t begin, end; /* prefixes of the child; none if equal */
};

/*
 * Spreads the prefixes [begin, end), which all begin with the same `offset` bits,
 * over slots of `bits` more bits.
 */
static void spread(const struct sf_lpm_prefix *prefixes, uint32_t begin, uint32_t end,
	unsigned offset, unsigned bits, struct slot *slots)
{
	for (uint32_t i = begin; i < end; i++) {
		const struct sf_lpm_prefix *prefix = &prefixes[i];
		unsigned first = bits_at(&prefix->address, offset, bits);

		if (prefix->length > offset + bits) {
			if (slots[first].begin == slots[first].end)
				slots[first].begin = i;
			slots[first].end = i + 1;
			continue;
		}
		for (unsigned n = 1u << (offset + bits - prefix->length); n; n--)
			slots[first++].value = prefix->value;
	}
}

/* Enters children and values of a node. Returns false without memory. */
static bool enter(struct family *family, uint32_t number, const struct slot *slots)
{
	struct node node = { 0 };
	uint32_t values[SLOTS], value_count = 0, child_count = 0;
	bool first = true;

	for (unsigned s = 0; s < SLOTS; s++) {
		if (slots[s].begin != slots[s].end) {
			node.children |= UINT64_C(1) << s;
			child_count++;
		} else if (first || values[value_count - 1] != slots[s].value) {
			node.leaves |= UINT64_C(1) << s;
			values[value_count++] = slots[s].value;
			first = false;
		}
	}
	node.child = grow((void **)&family->nodes, sizeof(*family->nodes), &family->node_count,
		&family->node_max, child_count);
	node.leaf = grow((void **)&family->leaves, sizeof(*family->leaves), &family->leaf_count,
		&family->leaf_max, value_count);
	if (node.child == UINT32_MAX || node.leaf == UINT32_MAX)
		return false;
	if (value_count)
		memcpy(&family->leaves[node.leaf], values, value_count * sizeof(values[0]));
	family->nodes[number] = node;
	return true;
}

/* Makes node `number` of the prefixes [begin, end) and all nodes below it: at most 19 levels. */
static bool make_node(struct family *family, const struct sf_lpm_prefix *prefixes, uint32_t begin,
	uint32_t end, unsigned offset, uint32_t inherited, uint32_t number)
{
	struct slot slots[SLOTS];
	uint32_t child;

	for (unsigned s = 0; s < SLOTS; s++)
		slots[s] = (struct slot){ .value = inherited };
	spread(prefixes, begin, end, offset, BITS, slots);
	if (!enter(family, number, slots))
		return false;
	child = family->nodes[number].child;
	for (unsigned s = 0; s < SLOTS; s++)
		if (slots[s].begin != slots[s].end &&
			!make_node(family, prefixes, slots[s].begin, slots[s].end, offset + BITS,
				slots[s].value, child++))
			return false;
	return true;
}

static bool make_table(struct family *family, const struct sf_lpm_prefix *prefixes, uint32_t count,
	struct slot *slots)
{
	const uint32_t size = 1u << family->bits;

	spread(prefixes, 0, count, 0, family->bits, slots);
	for (uint32_t s = 0; s < size; s++) {
		if (slots[s].begin == slots[s].end) {
			family->table[s] = VALUE | slots[s].value;
			continue;
		}
		family->table[s] = grow((void **)&family->nodes, sizeof(*family->nodes),
			&family->node_count, &family->node_max, 1);
		if (family->table[s] == UINT32_MAX ||
			!make_node(family, prefixes, slots[s].begin, slots[s].end, family->bits,
				slots[s].value, family->table[s]))
			return false;
	}
	return true;
}

/*
 * Memory for look-ups at random: in huge pages where the kernel has them, so that a look-up
 * needs fewer entries of the TLB.
 */
static void *allocate(size_t size)
{
	void *memory;

	if (size < HUGE)
		return malloc(size ? size : 1);
	size = (size + HUGE - 1) / HUGE * HUGE;
	memory = aligned_alloc(HUGE, size);
	if (memory)
		madvise(memory, size, MADV_HUGEPAGE);
	return memory;
}

/* Moves an array that has grown to memory of its size. */
static bool settle(void **array, size_t size)
{
	void *memory = allocate(size);

	if (!memory)
		return false;
	if (size)
		memcpy(memory, *array, size);
	free(*array);
	*array = memory;
	return true;
}

static int make_family(
	struct family *family, struct sf_lpm_prefix *prefixes, size_t count, unsigned bits)
{
	struct slot *slots;
	bool made;

	if (count == 0)
		return 0;
	if (count > SF_LPM_PREFIXES_MAX)
		return -E2BIG;
	count = sort(prefixes, count);
	family->bits = count <= FEW ? FEW_BITS : bits;
	family->table = allocate(sizeof(*family->table) << family->bits);
	slots = calloc((size_t)1 << family->bits, sizeof(*slots));
	made = family->table && slots && make_table(family, prefixes, (uint32_t)count, slots);
	free(slots);
	made = made &&
	       settle((void **)&family->nodes, family->node_count * sizeof(*family->nodes)) &&
	       settle((void **)&family->leaves, family->leaf_count * sizeof(*family->leaves));
	return made ? 0 : -ENOMEM;
}

static void free_family(struct family *family)
{
	free(family->table);
	free(family->nodes);
	free(family->leaves);
}

int sf_lpm_new(struct sf_lpm **lpm, struct sf_lpm_prefix *ipv4, size_t ipv4_count,
	struct sf_lpm_prefix *ipv6, size_t ipv6_count)
{
	struct sf_lpm *new = calloc(1, sizeof(*new));
	int code = new ? make_family(&new->ipv4, ipv4, ipv4_count, IPV4_BITS) : -ENOMEM;

	if (code == 0)
		code = make_family(&new->ipv6, ipv6, ipv6_count, IPV6_BITS);
	if (code < 0) {
		sf_lpm_free(new);
		return code;
	}
#if defined(__x86_64__)
	new->popcnt = __builtin_cpu_supports("popcnt");
#endif
	*lpm = new;
	return 0;
}

void sf_lpm_free(struct sf_lpm *lpm)
{
	if (!lpm)
		return;
	free_family(&lpm->ipv4);
	free_family(&lpm->ipv6);
	free(lpm);
}

static size_t family_memory(const struct family *family)
{
	return (family->table ? sizeof(*family->table) << family->bits : 0) +
	       family->node_count * sizeof(*family->nodes) +
	       family->leaf_count * sizeof(*family->leaves);
}

size_t sf_lpm_memory(const struct sf_lpm *lpm)
{
	return sizeof(*lpm) + family_memory(&lpm->ipv4) + family_memory(&lpm->ipv6);
}

/* ---------------------------------------------------------------- looking up */

/*
 * Look-ups of a group go down level by level, all at once: the node that a look-up needs next is
 * prefetched while the others take their step, so their cache misses overlap.
 */
#define GROUP 32

/* A look-up under way. */
struct walk {
	uint64_t key;  /* the next bits of the address, uppermost first */
	uint64_t rest; /* bits behind `key` */
	uint32_t node;
	uint32_t index; /* of its value */
};

#define ALWAYS inline __attribute__((always_inline))

/* Starts a look-up at the table. False: the table has the value. */
static ALWAYS bool begin(const struct family *family, unsigned bits,
	const struct sf_lpm_address *address, struct walk *walk, uint32_t *value)
{
	uint32_t entry = family->table[address->high >> (64 - bits)];

	*value = entry & ~VALUE;
	*walk = (struct walk){ address->high << bits | address->low >> (64 - bits),
		address->low << bits, entry, 0 };
	if (entry & VALUE)
		return false;
	__builtin_prefetch(&family->nodes[entry]);
	return true;
}

/* One level down. False: at the end; walk->node is the place of the value. */
static ALWAYS bool step(const struct family *family, struct walk *walk)
{
	const struct node *node = &family->nodes[walk->node];
	uint64_t bit = UINT64_C(1) << (walk->key >> (64 - BITS));

	if (!(node->children & bit)) {
		walk->node = node->leaf - 1u +
			     (uint32_t)__builtin_popcountll(node->leaves & (bit | (bit - 1)));
		__builtin_prefetch(&family->leaves[walk->node]);
		return false;
	}
	walk->node = node->child + (uint32_t)__builtin_popcountll(node->children & (bit - 1));
	__builtin_prefetch(&family->nodes[walk->node]);
	walk->key = walk->key << BITS | walk->rest >> (64 - BITS);
	walk->rest <<= BITS;
	return true;
}

/* At most GROUP addresses. */
static ALWAYS void find_group(const struct family *family, unsigned bits,
	const struct sf_lpm_address *addresses, uint32_t *values, unsigned count)
{
	struct walk walks[GROUP], ended[GROUP];
	unsigned active = 0, end_count = 0, kept;

	for (unsigned i = 0; i < count; i++) {
		walks[active].index = i;
		if (begin(family, bits, &addresses[i], &walks[active], &values[i]))
			walks[active++].index = i;
	}
	for (; active; active = kept) {
		kept = 0;
		for (unsigned i = 0; i < active; i++) {
			struct walk walk = walks[i];

			if (step(family, &walk))
				walks[kept++] = walk;
			else
				ended[end_count++] = walk;
		}
	}
	for (unsigned i = 0; i < end_count; i++)
		values[ended[i].index] = family->leaves[ended[i].node];
}

/* The same loop, once with the instruction that counts bits and once without it. */
#define LOOP(suffix, attribute)                                                                    \
	attribute static void find##suffix(const struct family *family,                            \
		const struct sf_lpm_address *addresses, uint32_t *values, unsigned count)          \
	{                                                                                          \
		for (unsigned i = 0, n; i < count; i += n) {                                       \
			n = count - i < GROUP ? count - i : GROUP;                                 \
			find_group(family, family->bits, addresses + i, values + i, n);            \
		}                                                                                  \
	}
LOOP(_any, )
#if defined(__x86_64__)
LOOP(_popcnt, __attribute__((target("popcnt"))))
#else
#define find_popcnt find_any
#endif

void sf_lpm_find(const struct sf_lpm *lpm, bool ipv6, const struct sf_lpm_address *addresses,
	uint32_t *values, unsigned count)
{
	const struct family *family = ipv6 ? &lpm->ipv6 : &lpm->ipv4;

	if (!family->table)
		memset(values, 0, count * sizeof(*values));
	else if (lpm->popcnt)
		find_popcnt(family, addresses, values, count);
	else
		find_any(family, addresses, values, count);
}
