/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packets of a source wait in runs; each run is in order. A packet is appended to the run whose
 * last packet is the latest one that is not later than the packet. A source in order has one run; a
 * source that reads several rings in turn has one for each ring. The runs are merged by the keys of
 * their first packets.
 *
 * A run is a list of chunks. Facts lie in them without gaps: of each packet its head and its annex.
 * The chunk that was freed last is used next, so that few chunks are in use and stay in the cache.
 */
#include "engine/order.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>

#include "base/ring.h"

#define RUNS        16u /* runs of a source, at most */
#define CHUNK_BYTES 8192u

struct chunk {
	alignas(SF_CACHE_LINE) struct chunk *next;
	uint32_t used;
	alignas(16) uint8_t facts[CHUNK_BYTES - 16];
};

static_assert(sizeof(struct chunk) == CHUNK_BYTES, "chunks fill their memory");

struct run {
	struct chunk *first, *last; /* NULL: the run is empty */
	const uint8_t *next;        /* the first packet, in chunk `first` */
	int64_t tail;               /* key of the last packet */
	unsigned source;
};

struct source {
	int64_t reached;  /* argument of sf_order_reach() */
	int64_t key;      /* of the packet put last */
	uint64_t waiting; /* packets in its runs */
	unsigned top;     /* the run with the latest last packet, if a packet waits */
};

struct sf_order {
	struct sf_annex_layout layout;
	unsigned sources;
	struct source *of; /* by source */
	struct run *runs;  /* [source * RUNS … source * RUNS + RUNS-1] are those of a source */
	/* runs that are not empty */
	unsigned active_count;
	unsigned *active; /* index into runs[] */
	int64_t *heads;   /* key of the run's first packet */
	int64_t now;      /* latest time of the packets taken */
	struct sf_order_counts counts;
	/* chunks */
	struct chunk *memory; /* all chunks */
	struct chunk *free;   /* list of those that have been in use */
	size_t touched;       /* memory[touched … chunk_count-1] were never used */
	size_t free_count;    /* on the list or never used */
	size_t chunk_count;
};

int sf_order_new(struct sf_order **out, unsigned sources, size_t bytes, uint64_t wanted)
{
	struct sf_order *order = calloc(1, sizeof(*order));

	if (!order)
		return -ENOMEM;
	bytes = bytes < SF_ORDER_BYTES_MIN ? SF_ORDER_BYTES_MIN : bytes;
	sf_annex_layout_init(&order->layout, wanted);
	order->sources = sources;
	order->now = INT64_MIN;
	order->chunk_count = order->free_count = bytes / CHUNK_BYTES;
	order->of = calloc(sources, sizeof(*order->of));
	order->runs = calloc((size_t)sources * RUNS, sizeof(*order->runs));
	order->active = calloc((size_t)sources * RUNS, sizeof(*order->active));
	order->heads = calloc((size_t)sources * RUNS, sizeof(*order->heads));
	order->memory = aligned_alloc(SF_CACHE_LINE, order->chunk_count * CHUNK_BYTES);
	if (!order->of || !order->runs || !order->active || !order->heads || !order->memory) {
		sf_order_free(order);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < sources; i++)
		order->of[i] = (struct source){ .reached = INT64_MIN, .key = INT64_MIN };
	for (unsigned i = 0; i < sources * RUNS; i++)
		order->runs[i].source = i / RUNS;
	*out = order;
	return 0;
}

void sf_order_free(struct sf_order *order)
{
	if (!order)
		return;
	free(order->of);
	free(order->runs);
	free(order->active);
	free(order->heads);
	free(order->memory);
	free(order);
}

bool sf_order_is_full(const struct sf_order *order)
{
	/* each packet may begin a chunk */
	return order->free_count < SF_ORDER_PART;
}

static struct chunk *take_chunk(struct sf_order *order)
{
	struct chunk *chunk = order->free;

	if (chunk)
		order->free = chunk->next;
	else
		chunk = &order->memory[order->touched++];
	order->free_count--;
	chunk->next = NULL;
	chunk->used = 0;
	return chunk;
}

static void give_chunk(struct sf_order *order, struct chunk *chunk)
{
	chunk->next = order->free;
	order->free = chunk;
	order->free_count++;
}

/* The key by which a packet is ordered: its time; `before` if the time is ahead of the clock. */
static int64_t key_of(const struct sf_facts *facts, int64_t before)
{
	return sf_unlikely(facts->flags & SF_FACT_AHEAD) ? before : facts->time_ns;
}

/* Slow part of choose_run(): the packet is earlier than the last one of run `top`. */
static unsigned search_run(const struct sf_order *order, unsigned source, int64_t key)
{
	unsigned base = source * RUNS, best = RUNS, empty = RUNS, least = RUNS;

	for (unsigned i = 0; i < RUNS; i++) {
		const struct run *run = &order->runs[base + i];

		if (!run->first) {
			empty = empty == RUNS ? i : empty;
			continue;
		}
		if (run->tail <= key && (best == RUNS || run->tail > order->runs[base + best].tail))
			best = i;
		if (least == RUNS || run->tail < order->runs[base + least].tail)
			least = i;
	}
	return base + (best < RUNS ? best : empty < RUNS ? empty : least);
}

static unsigned choose_run(const struct sf_order *order, unsigned number, int64_t key)
{
	const struct source *source = &order->of[number];

	if (!source->waiting)
		return number * RUNS;
	if (sf_likely(order->runs[source->top].first && key >= order->runs[source->top].tail))
		return source->top;
	return search_run(order, number, key);
}

/*
 * Appends a packet to a run. If all runs are in use and end later than the packet, it is ordered as
 * if it had the time of the packet before it.
 */
static void append(struct sf_order *order, unsigned number, const struct sf_facts *facts,
	const uint8_t *annex, int64_t key)
{
	struct run *run = &order->runs[number];
	uint8_t *end;

	if (!run->first) {
		run->first = run->last = take_chunk(order);
		run->next = run->first->facts;
		run->tail = key;
		order->active[order->active_count] = number;
		order->heads[order->active_count++] = key;
	} else if (run->last->used + sf_facts_most(&order->layout) > sizeof(run->last->facts)) {
		run->last->next = take_chunk(order);
		run->last = run->last->next;
	}
	run->tail = key > run->tail ? key : run->tail;
	end = run->last->facts + run->last->used;
	end += sf_facts_copy(end, facts);
	end += sf_annex_move(&order->layout, end, annex, facts);
	run->last->used = (uint32_t)(end - run->last->facts);
}

void sf_order_put(
	struct sf_order *order, unsigned number, struct sf_facts_array array, unsigned count)
{
	struct source *source = &order->of[number];

	for (unsigned i = 0; i < count; i++) {
		int64_t key = key_of(&array.facts[i], source->key);
		unsigned run = choose_run(order, number, key);

		append(order, run, &array.facts[i], sf_annex_at(&order->layout, array, i), key);
		if (!source->waiting++ || !order->runs[source->top].first ||
			order->runs[run].tail >= order->runs[source->top].tail)
			source->top = run;
		source->key = key;
	}
	order->counts.waiting += count;
}

void sf_order_reach(struct sf_order *order, unsigned source, int64_t clock_ns)
{
	if (clock_ns > order->of[source].reached)
		order->of[source].reached = clock_ns;
}

static int64_t least_reached(const struct sf_order *order)
{
	int64_t least = INT64_MAX;

	for (unsigned i = 0; i < order->sources; i++)
		least = order->of[i].reached < least ? order->of[i].reached : least;
	return least;
}

int64_t sf_order_horizon(const struct sf_order *order)
{
	int64_t horizon = least_reached(order);

	for (unsigned i = 0; i < order->active_count; i++)
		horizon = order->heads[i] < horizon ? order->heads[i] : horizon;
	return horizon;
}

/* True if the first packet of active run `a` is taken before that of `b`. */
static bool comes_before(const struct sf_order *order, unsigned a, unsigned b)
{
	if (order->heads[a] != order->heads[b])
		return order->heads[a] < order->heads[b];
	return order->active[a] < order->active[b];
}

/* The active run whose first packet comes next. *second: the run after it; active_count: none. */
static unsigned find_next(const struct sf_order *order, unsigned *second)
{
	unsigned first = 0;

	*second = order->active_count;
	for (unsigned i = 1; i < order->active_count; i++) {
		if (comes_before(order, i, first)) {
			*second = first;
			first = i;
		} else if (*second == order->active_count || comes_before(order, i, *second)) {
			*second = i;
		}
	}
	return first;
}

/* Sets the clock at which the packet is accounted. */
static void set_clock(struct sf_order *order, struct sf_facts *facts)
{
	if (sf_unlikely(facts->flags & SF_FACT_AHEAD)) {
		facts->clock_ns = facts->time_ns;
		return;
	}
	if (sf_likely(facts->time_ns >= order->now)) {
		order->now = facts->time_ns;
		facts->flags &= (uint16_t)~SF_FACT_LATE;
	} else {
		facts->flags |= SF_FACT_LATE;
		order->counts.late++;
	}
	facts->clock_ns = order->now;
}

static void drop_active(struct sf_order *order, unsigned at)
{
	order->active_count--;
	order->active[at] = order->active[order->active_count];
	order->heads[at] = order->heads[order->active_count];
}

/*
 * Removes the first packet, of `length` bytes, from active run `at`. False: the run is empty now.
 */
static bool go_on(struct sf_order *order, unsigned at, unsigned length)
{
	struct run *run = &order->runs[order->active[at]];
	int64_t key;

	order->of[run->source].waiting--;
	run->next += length;
	if (run->next == run->first->facts + run->first->used) {
		struct chunk *done = run->first;

		run->first = done->next;
		give_chunk(order, done);
		if (!run->first) {
			drop_active(order, at);
			return false;
		}
		run->next = run->first->facts;
	}
	key = key_of((const struct sf_facts *)(const void *)run->next, order->heads[at]);
	order->heads[at] = key > order->heads[at] ? key : order->heads[at];
	return true;
}

/* Copies the first packet of a run. Returns its bytes there. */
static unsigned copy_first(const struct sf_order *order, const struct run *run,
	struct sf_facts_array array, unsigned n)
{
	const struct sf_facts *facts = (const struct sf_facts *)(const void *)run->next;
	unsigned length = sf_facts_copy(&array.facts[n], facts);

	return length + sf_annex_move(&order->layout, sf_annex_at(&order->layout, array, n),
				run->next + length, facts);
}

static unsigned take_until(
	struct sf_order *order, struct sf_facts_array array, unsigned max, int64_t limit)
{
	unsigned n = 0;

	while (n < max && order->active_count) {
		unsigned second, first = find_next(order, &second);
		bool alone = second == order->active_count;

		if (order->heads[first] >= limit)
			break;
		do {
			const struct run *run = &order->runs[order->active[first]];
			unsigned length = copy_first(order, run, array, n);

			set_clock(order, &array.facts[n++]);
			if (!go_on(order, first, length))
				break;
		} while (n < max && order->heads[first] < limit &&
			 (alone || comes_before(order, first, second)));
	}
	order->counts.waiting -= n;
	return n;
}

unsigned sf_order_take(struct sf_order *order, struct sf_facts_array array, unsigned max)
{
	return order->active_count ? take_until(order, array, max, least_reached(order)) : 0;
}

unsigned sf_order_force(struct sf_order *order, struct sf_facts_array array, unsigned max)
{
	unsigned certain = sf_order_take(order, array, max);
	const struct sf_facts_array rest = { array.facts + certain,
		sf_annex_at(&order->layout, array, certain) };
	unsigned forced = take_until(order, rest, max - certain, INT64_MAX);

	order->counts.forced += forced;
	return certain + forced;
}

struct sf_order_counts sf_order_counts(const struct sf_order *order)
{
	return order->counts;
}
