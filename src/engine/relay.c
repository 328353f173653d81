/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each worker has slots for the turns that it writes; a turn has a list of facts for every worker.
 * A slot is used again when all workers have accounted its turn, so a list is always written by the
 * same worker. The first free slot is taken, so few of them are in use as a rule. The others are
 * needed when the system suspends a worker in the middle of a turn. The ring maps the number of a
 * turn to its writer and slot.
 *
 * Each list has room for all facts of a turn, two for each packet; its memory is
 * touched only as far as it is used.
 */
#include "engine/relay.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <spanflow/packet.h>

#include "base/branch.h"
#include "base/ring.h"
#include "base/wire.h"

#define TURNS       16384u /* packets of a turn, times workers */
#define AHEAD       1024   /* prefetch distance in a list, bytes */
#define SLOTS_ALL   64u    /* turns in flight: target for all workers together */
#define SLOTS_LEAST 4u     /* turns in flight: least number of each worker */

static_assert(SF_FACTS_IPV4 % 16 == 0 && SF_FACTS_IPV6 % 16 == 0,
	"lists are written in words of 16 bytes, as are annexes");
static_assert(SF_BATCH_MAX <= 64, "sf_relay_put() has a bit for each of the facts");

/* The facts of a turn that one worker owns. */
struct sf_relay_octets {
	alignas(SF_CACHE_LINE) uint8_t *list;
	uint8_t *end;                   /* of the facts written so far */
	uint32_t ends[SF_RELAY_PIECES]; /* of each piece, bytes from `list` on */
};

/* One worker: the turns that it writes. */
struct lane {
	/* written by the worker, read by all */
	alignas(SF_CACHE_LINE) _Atomic uint64_t consumed;
	/* private to the worker */
	alignas(SF_CACHE_LINE) unsigned slot; /* of the turn that is read or written now */
	unsigned in_piece;                    /* facts in the last piece of the turn */
	uint8_t *lists;                       /* memory of all lists */
	/* written by the worker; read by all after sf_relay_publish() */
	alignas(SF_CACHE_LINE) struct sf_relay_turn turns[SF_RELAY_SLOTS];
	struct sf_relay_octets *octets; /* [slot * workers + owner] */
};

struct sf_relay {
	/* constant */
	unsigned workers;
	unsigned slots; /* turns in flight of each worker, at most */
	unsigned most;  /* packets of a turn, at most */
	struct sf_annex_layout layout;
	uint64_t factor[2];     /* secret, odd */
	struct lane *lanes;     /* by worker */
	_Atomic uint64_t *ring; /* turn number + 1 << 16 | writer << 8 | slot; 0: none yet */
	uint64_t mask;          /* of the ring's index */
	/* written by the worker that reads */
	alignas(SF_CACHE_LINE) atomic_bool busy;
	_Atomic uint64_t turns; /* number of turns so far; relaxed, as `busy` orders it */
	alignas(SF_CACHE_LINE) atomic_bool closed;
};

static void *zeroed_lines(size_t count, size_t size)
{
	void *memory = aligned_alloc(SF_CACHE_LINE, count * size);

	return memory ? memset(memory, 0, count * size) : NULL;
}

static int lane_init(const struct sf_relay *relay, struct lane *lane, unsigned writer)
{
	size_t lists = (size_t)relay->slots * relay->workers;
	size_t bytes = (size_t)relay->most * 2 * sf_facts_most(&relay->layout);

	lane->octets = zeroed_lines(lists, sizeof(*lane->octets));
	lane->lists = aligned_alloc(SF_CACHE_LINE, lists * bytes);
	if (!lane->octets || !lane->lists)
		return -ENOMEM;
	for (size_t i = 0; i < lists; i++)
		lane->octets[i].list = lane->lists + i * bytes;
	for (unsigned slot = 0; slot < relay->slots; slot++)
		lane->turns[slot] = (struct sf_relay_turn){
			.number = UINT64_MAX,
			.writer = writer,
			.slot = slot,
			.octets = lane->octets + (size_t)slot * relay->workers,
		};
	return 0;
}

static unsigned between(unsigned value, unsigned least, unsigned most)
{
	return value < least ? least : value > most ? most : value;
}

int sf_relay_new(struct sf_relay **out, unsigned workers, const uint64_t secret[2], uint64_t wanted)
{
	struct sf_relay *relay = zeroed_lines(1, sizeof(*relay));
	uint64_t size = 1;
	int err = 0;

	if (!relay)
		return -ENOMEM;
	relay->workers = workers;
	relay->slots = between(SLOTS_ALL / workers, SLOTS_LEAST, SF_RELAY_SLOTS);
	relay->most = between(TURNS / workers, SF_RELAY_PIECE, SF_RELAY_TURN);
	sf_annex_layout_init(&relay->layout, wanted);
	while (size < (uint64_t)workers * relay->slots)
		size *= 2;
	relay->mask = size - 1;
	relay->factor[0] = secret[0] | 1;
	relay->factor[1] = secret[1] | 1;
	relay->ring = calloc(size, sizeof(*relay->ring));
	relay->lanes = zeroed_lines(workers, sizeof(*relay->lanes));
	if (!relay->ring || !relay->lanes)
		err = -ENOMEM;
	for (unsigned i = 0; !err && i < workers; i++)
		err = lane_init(relay, &relay->lanes[i], i);
	if (err)
		sf_relay_free(relay);
	else
		*out = relay;
	return err;
}

void sf_relay_free(struct sf_relay *relay)
{
	if (!relay)
		return;
	for (unsigned i = 0; relay->lanes && i < relay->workers; i++) {
		free(relay->lanes[i].octets);
		free(relay->lanes[i].lists);
	}
	free(relay->lanes);
	free(relay->ring);
	free(relay);
}

/* The owner is the same for both directions: the hash is made of sums of the two addresses. */
static sf_always_inline unsigned owner_of(
	const struct sf_relay *relay, const struct sf_facts *facts)
{
	uint64_t hash = (facts->address >> 32) + (uint32_t)facts->address;

	if (sf_unlikely(facts->version == 6)) {
		const uint8_t *a = facts->address6[0], *b = facts->address6[1];

		hash = (sf_load_be64(a) + sf_load_be64(b)) * relay->factor[1] +
		       sf_load_be64(a + 8) + sf_load_be64(b + 8);
	}
	return (unsigned)((hash * relay->factor[0] >> 32) * relay->workers >> 32);
}

unsigned sf_relay_most(const struct sf_relay *relay)
{
	return relay->most;
}

unsigned sf_relay_owner(const struct sf_relay *relay, const struct sf_facts *facts)
{
	return owner_of(relay, facts);
}

/* The first slot whose turn all workers have accounted; relay->slots: there is none. */
static unsigned free_slot(const struct sf_relay *relay, const struct lane *lane)
{
	uint64_t oldest = UINT64_MAX;
	unsigned slot = 0;

	for (unsigned i = 0; i < relay->workers; i++) {
		/* pairs with the release in sf_relay_done(): accounted lists are read no more */
		uint64_t consumed =
			atomic_load_explicit(&relay->lanes[i].consumed, memory_order_acquire);

		if (consumed < oldest)
			oldest = consumed;
	}
	while (slot < relay->slots && lane->turns[slot].number + 1 > oldest)
		slot++;
	return slot;
}

bool sf_relay_enter(struct sf_relay *relay, unsigned me)
{
	struct lane *lane = &relay->lanes[me];

	/* a plain load first: an exchange takes the cache line away from the worker that reads */
	if (atomic_load_explicit(&relay->busy, memory_order_relaxed))
		return false;
	lane->slot = free_slot(relay, lane);
	if (lane->slot == relay->slots || atomic_exchange(&relay->busy, true))
		return false;
	if (!atomic_load(&relay->closed))
		return true;
	sf_relay_pass(relay);
	return false;
}

void sf_relay_pass(struct sf_relay *relay)
{
	/* sequentially consistent, as `closed`: see sf_relay_drained() */
	atomic_store(&relay->busy, false);
}

const struct sf_relay_turn *sf_relay_leave(struct sf_relay *relay, unsigned me, uint32_t note)
{
	struct lane *lane = &relay->lanes[me];
	struct sf_relay_turn *turn = &lane->turns[lane->slot];

	turn->number = atomic_load_explicit(&relay->turns, memory_order_relaxed);
	turn->note = note;
	turn->pieces = 0;
	lane->in_piece = 0;
	for (unsigned i = 0; i < relay->workers; i++)
		turn->octets[i].end = turn->octets[i].list;
	atomic_store_explicit(&relay->turns, turn->number + 1, memory_order_relaxed);
	sf_relay_pass(relay);
	return turn;
}

/*
 * Copies `bytes`, a multiple of 16, with stores that bypass the caches, for facts that another core
 * will read. Where the two cores are far apart, plain stores to lines that the other core has read
 * cost many times as much.
 */
static sf_always_inline void copy_past_caches(uint8_t *to, const void *from, unsigned bytes)
{
#ifdef __SSE2__
	for (unsigned i = 0; i < bytes; i += sizeof(__m128i))
		_mm_stream_si128((__m128i *)(void *)(to + i),
			_mm_loadu_si128(
				(const __m128i *)(const void *)((const uint8_t *)from + i)));
#else
	memcpy(to, from, bytes);
#endif
}

/* Appends head and annex of packet i to the list that ends at `end`. Returns the new end. */
static sf_always_inline uint8_t *append(const struct sf_relay *relay, uint8_t *end,
	struct sf_facts_array array, unsigned i, bool past_caches)
{
	const struct sf_facts *facts = &array.facts[i];
	const uint8_t *annex = sf_annex_at(&relay->layout, array, i);
	unsigned bytes;

	if (!past_caches) {
		end += sf_facts_copy(end, facts);
		return end + sf_annex_move(&relay->layout, end, annex, facts);
	}
	copy_past_caches(end, facts, SF_FACTS_IPV4);
	if (sf_unlikely(facts->version != 4))
		copy_past_caches(end + SF_FACTS_IPV4, (const uint8_t *)facts + SF_FACTS_IPV4,
			SF_FACTS_IPV6 - SF_FACTS_IPV4);
	end += sf_facts_head(facts);
	if (sf_likely(!relay->layout.packet_bytes))
		return end;
	bytes = sf_annex_bytes(&relay->layout, facts);
	copy_past_caches(end, annex, bytes);
	return end + bytes;
}

/* Orders the stores of copy_past_caches() before later ones: a release store does not. */
static inline void end_copies_past_caches(void)
{
#ifdef __SSE2__
	_mm_sfence();
#endif
}

static void end_piece(const struct sf_relay *relay, struct lane *lane, struct sf_relay_turn *turn,
	int64_t clock_ns)
{
	for (unsigned i = 0; i < relay->workers; i++) {
		struct sf_relay_octets *octets = &turn->octets[i];

		octets->ends[turn->pieces] = (uint32_t)(octets->end - octets->list);
	}
	turn->clocks[turn->pieces++] = clock_ns;
	lane->in_piece = 0;
}

void sf_relay_put(struct sf_relay *relay, unsigned me, struct sf_facts_array array, unsigned count,
	int64_t clock_ns)
{
	struct lane *lane = &relay->lanes[me];
	struct sf_relay_turn *turn = &lane->turns[lane->slot];
	uint64_t masks[SF_WORKERS_MAX]; /* facts of each worker, by number */

	for (unsigned i = 0; i < relay->workers; i++)
		masks[i] = 0;
	for (unsigned i = 0; i < count; i++)
		masks[owner_of(relay, &array.facts[i])] |= UINT64_C(1) << i;
	for (unsigned i = 0; i < relay->workers; i++) {
		uint64_t mask = masks[i];
		uint8_t *end = turn->octets[i].end;

		if (i == me)
			for (; mask; mask &= mask - 1)
				end = append(
					relay, end, array, (unsigned)__builtin_ctzll(mask), false);
		else
			for (; mask; mask &= mask - 1)
				end = append(
					relay, end, array, (unsigned)__builtin_ctzll(mask), true);
		turn->octets[i].end = end;
	}
	lane->in_piece += count;
	/* the last piece takes all packets that are left */
	if (lane->in_piece >= SF_RELAY_PIECE && turn->pieces + 1 < SF_RELAY_PIECES)
		end_piece(relay, lane, turn, clock_ns);
}

void sf_relay_publish(struct sf_relay *relay, unsigned me, int64_t clock_ns)
{
	struct lane *lane = &relay->lanes[me];
	struct sf_relay_turn *turn = &lane->turns[lane->slot];

	end_piece(relay, lane, turn, clock_ns);
	end_copies_past_caches();
	/* pairs with the acquire in sf_relay_next() */
	atomic_store_explicit(&relay->ring[turn->number & relay->mask],
		(turn->number + 1) << 16 | me << 8 | lane->slot, memory_order_release);
}

const struct sf_relay_turn *sf_relay_next(struct sf_relay *relay, unsigned me)
{
	uint64_t number = atomic_load_explicit(&relay->lanes[me].consumed, memory_order_relaxed);
	/* pairs with the release in sf_relay_publish(): the turn is complete */
	uint64_t there =
		atomic_load_explicit(&relay->ring[number & relay->mask], memory_order_acquire);

	if (there >> 16 != number + 1)
		return NULL;
	return &relay->lanes[there >> 8 & 0xff].turns[there & 0xff];
}

struct sf_relay_list sf_relay_list(const struct sf_relay_turn *turn, unsigned me, unsigned piece)
{
	const struct sf_relay_octets *octets = &turn->octets[me];

	return (struct sf_relay_list){
		octets->list + (piece ? octets->ends[piece - 1] : 0),
		octets->list + octets->ends[piece],
	};
}

unsigned sf_relay_get(const struct sf_relay *relay, struct sf_relay_list *list,
	struct sf_facts_array array, unsigned max)
{
	const uint8_t *next = list->next;
	unsigned n;

	for (n = 0; n < max && next < list->end; n++) {
		/* the list comes from another core's cache, or from memory */
		__builtin_prefetch(next + AHEAD);
		next += sf_facts_copy(&array.facts[n], (const struct sf_facts *)(const void *)next);
		next += sf_annex_move(&relay->layout, sf_annex_at(&relay->layout, array, n), next,
			&array.facts[n]);
	}
	list->next = next;
	return n;
}

void sf_relay_done(struct sf_relay *relay, unsigned me)
{
	_Atomic uint64_t *consumed = &relay->lanes[me].consumed;

	/* pairs with the acquire in free_slot() */
	atomic_store_explicit(consumed, atomic_load_explicit(consumed, memory_order_relaxed) + 1,
		memory_order_release);
}

uint64_t sf_relay_behind(const struct sf_relay *relay, unsigned me)
{
	return atomic_load_explicit(&relay->turns, memory_order_relaxed) -
	       atomic_load_explicit(&relay->lanes[me].consumed, memory_order_relaxed);
}

void sf_relay_close(struct sf_relay *relay)
{
	atomic_store(&relay->closed, true);
}

/*
 * `busy` is false here after `closed` was true. A worker that enters later finds `closed`: all
 * accesses to the two words are sequentially consistent.
 */
bool sf_relay_drained(struct sf_relay *relay, unsigned me)
{
	if (!atomic_load(&relay->closed) || atomic_load(&relay->busy))
		return false;
	return atomic_load_explicit(&relay->lanes[me].consumed, memory_order_relaxed) ==
	       atomic_load_explicit(&relay->turns, memory_order_relaxed);
}
