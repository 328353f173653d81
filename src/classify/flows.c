/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Places are found by a hash of the flow key, SF_CLASSES_WAYS in a set. A flow whose answer is not
 * final has a state besides; states are in a list, the one that was used last at its head.
 */
#include "classify/flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <spanflow/error.h>

#include "base/branch.h"
#include "base/hash.h"
#include "base/wire.h"

enum { UDP = 17, IPV4_HEADER = 20, IPV6_HEADER = 40, NONE = 0 };

enum {
	ZEROS = 64
}; /* bytes behind a packet: a classifier that reads too far finds the same for every flow */

enum place_use { PLACE_FREE, PLACE_DONE, PLACE_STATES }; /* PLACE_STATES + n: state n */

struct place {
	int64_t time_ns; /* of the last packet with payload */
	uint32_t signature;
	uint32_t use;
};

struct state {
	uint32_t newer, older; /* in the list, as n + 1; NONE: it is the first, the last */
	uint32_t place;
	uint8_t packets, rank;
	_Alignas(16) uint8_t memory[];
};

struct sf_classes {
	const struct sf_classifier *classifier;
	struct sf_classifier_work *work;
	int64_t idle_ns;
	struct sf_hash_key key;
	struct place *places;
	uint8_t *states;
	size_t state_bytes;
	uint32_t made;   /* states that were used at least once: those behind were not touched */
	uint32_t unused; /* first of those that are used no more, linked by `older` */
	uint32_t newest, oldest;
	struct sf_classes_counters counters;
	uint8_t packet[IPV6_HEADER + SF_CLASSES_BYTES + ZEROS];
};

int sf_classes_new(
	struct sf_classes **made, const struct sf_classifier *classifier, int64_t idle_ns)
{
	struct sf_classes *classes = calloc(1, sizeof(*classes));
	int code = -ENOMEM;

	*made = classes;
	if (!classes)
		return code;
	classes->classifier = classifier;
	classes->idle_ns = idle_ns;
	classes->state_bytes = (sizeof(struct state) + classifier->state_bytes + 15) / 16 * 16;
	/* touched as they are needed */
	classes->places = calloc(SF_CLASSES_PLACES, sizeof(*classes->places));
	classes->states = calloc(SF_CLASSES_STATES, classes->state_bytes);
	if (classes->places && classes->states)
		code = sf_hash_key_random(&classes->key);
	if (!code) {
		classes->work = classifier->open();
		code = classes->work ? 0 : SF_EUNSUPPORTED;
	}
	if (code) {
		sf_classes_free(classes);
		*made = NULL;
	}
	return code;
}

static struct state *state_of(const struct sf_classes *classes, uint32_t number)
{
	return (struct state *)(void *)(classes->states + (number - 1) * classes->state_bytes);
}

static void unlink_state(struct sf_classes *classes, uint32_t number)
{
	const struct state *state = state_of(classes, number);

	*(state->newer ? &state_of(classes, state->newer)->older : &classes->newest) = state->older;
	*(state->older ? &state_of(classes, state->older)->newer : &classes->oldest) = state->newer;
}

static void link_state(struct sf_classes *classes, uint32_t number)
{
	struct state *state = state_of(classes, number);

	state->newer = NONE;
	state->older = classes->newest;
	*(classes->newest ? &state_of(classes, classes->newest)->newer : &classes->oldest) = number;
	classes->newest = number;
}

/* The flow of this place needs no state any more; the place stays as `use`. */
static void end_state(struct sf_classes *classes, struct place *place, enum place_use use)
{
	if (place->use >= PLACE_STATES) {
		uint32_t number = place->use - PLACE_STATES + 1;

		unlink_state(classes, number);
		classes->classifier->end(classes->work, state_of(classes, number)->memory);
		state_of(classes, number)->older = classes->unused;
		classes->unused = number;
	}
	place->use = use;
}

void sf_classes_free(struct sf_classes *classes)
{
	if (!classes)
		return;
	while (classes->oldest)
		end_state(classes, &classes->places[state_of(classes, classes->oldest)->place],
			PLACE_FREE);
	if (classes->work)
		classes->classifier->close(classes->work);
	free(classes->places);
	free(classes->states);
	free(classes);
}

const struct sf_classes_counters *sf_classes_counters(const struct sf_classes *classes)
{
	return &classes->counters;
}

/*
 * True if so much time has passed since the last packet that the flow is
 * over. Both times may be any number.
 */
static bool is_over(const struct sf_classes *classes, const struct place *place, int64_t time_ns)
{
	return time_ns > place->time_ns &&
	       (uint64_t)time_ns - (uint64_t)place->time_ns > (uint64_t)classes->idle_ns;
}

/* The flow is over. One that has no answer yet gets none. */
static void end_flow(struct sf_classes *classes, struct place *place)
{
	if (place->use >= PLACE_STATES)
		classes->counters.unknown +=
			!state_of(classes, place->use - PLACE_STATES + 1)->rank;
	end_state(classes, place, PLACE_FREE);
}

static void give_up(struct sf_classes *classes, struct place *place, int64_t time_ns)
{
	const uint32_t number = place->use - PLACE_STATES + 1;

	if (!state_of(classes, number)->rank)
		++*(is_over(classes, place, time_ns) ? &classes->counters.unknown
						     : &classes->counters.crowded);
	end_state(classes, place, PLACE_DONE);
}

/*
 * A state that is not in use. Gives up the flow that was silent for the
 * longest time if there is none.
 */
static uint32_t take_state(struct sf_classes *classes, int64_t time_ns)
{
	uint32_t number;

	if (!classes->unused && classes->made < SF_CLASSES_STATES)
		return ++classes->made;
	if (!classes->unused)
		give_up(classes, &classes->places[state_of(classes, classes->oldest)->place],
			time_ns);
	number = classes->unused;
	classes->unused = state_of(classes, number)->older;
	return number;
}

static void begin(struct sf_classes *classes, struct place *place, int64_t time_ns)
{
	const uint32_t number = take_state(classes, time_ns);
	struct state *state = state_of(classes, number);

	place->use = PLACE_STATES + number - 1;
	place->time_ns = time_ns;
	state->place = (uint32_t)(place - classes->places);
	state->packets = state->rank = 0;
	link_state(classes, number);
	classes->classifier->begin(classes->work, state->memory);
	classes->counters.flows++;
}

static uint64_t hash_of(const struct sf_classes *classes, const struct sf_facts *facts)
{
	const bool tunnel = facts->flags & SF_FACT_TUNNEL;
	uint64_t rest = (uint64_t)facts->scope << 16 | (uint64_t)facts->version << 8 |
			facts->protocol | (tunnel ? (uint64_t)facts->tunnel.kind << 56 : 0);

	return sf_hash_fast(&classes->key,
		facts->version == 6 ? sf_hash_addresses(&classes->key, facts->address6[0])
				    : facts->address,
		(uint64_t)facts->ports << 32 | facts->tags,
		rest ^ (tunnel ? (uint64_t)facts->tunnel.id << 24 : 0));
}

static bool is_of(const struct place *place, uint32_t signature)
{
	return place->use != PLACE_FREE && place->signature == signature;
}

static struct place *set_of(const struct sf_classes *classes, uint64_t hash)
{
	return &classes->places[hash % (SF_CLASSES_PLACES / SF_CLASSES_WAYS) * SF_CLASSES_WAYS];
}

/* The place of a flow; NULL: it has none. */
static struct place *find(const struct sf_classes *classes, uint64_t hash)
{
	struct place *set = set_of(classes, hash);

	for (unsigned i = 0; i < SF_CLASSES_WAYS; i++)
		if (is_of(&set[i], (uint32_t)(hash >> 32)))
			return &set[i];
	return NULL;
}

/*
 * A place for another flow: a free one, or else the oldest of those
 * without a state, or else the oldest.
 */
static struct place *make_place(struct sf_classes *classes, uint64_t hash, int64_t time_ns)
{
	struct place *set = set_of(classes, hash), *taken = set;

	for (unsigned i = 1; i < SF_CLASSES_WAYS && taken->use != PLACE_FREE; i++) {
		const bool works = set[i].use >= PLACE_STATES, worked = taken->use >= PLACE_STATES;

		if (set[i].use == PLACE_FREE || works < worked ||
			(works == worked && set[i].time_ns < taken->time_ns))
			taken = &set[i];
	}
	if (taken->use >= PLACE_STATES)
		give_up(classes, taken, time_ns);
	taken->signature = (uint32_t)(hash >> 32);
	return taken;
}

void sf_classes_syn(struct sf_classes *classes, const struct sf_facts *facts)
{
	enum { ACK = 0x10 };
	struct place *place = find(classes, hash_of(classes, facts));

	/* the answer to a SYN with data belongs to the flow of the SYN */
	if (place && (!(facts->tcp_flags & ACK) || place->use == PLACE_DONE))
		end_flow(classes, place);
}

/* Writes the packet with headers of its own: what it says of lengths is true. Returns its bytes. */
static size_t write_packet(struct sf_classes *classes, const struct sf_facts *facts,
	const uint8_t *transport, size_t length)
{
	const bool swapped = facts->flags & SF_FACT_SWAPPED;
	uint8_t *p = classes->packet;

	length = length < SF_CLASSES_BYTES ? length : SF_CLASSES_BYTES;
	if (facts->version == 4) {
		p = sf_store_be16(p, 0x4500 | facts->tos);
		p = sf_store_be16(p, (uint16_t)(IPV4_HEADER + length));
		p = sf_store_be32(p, 0);
		p = sf_store_be32(p, (uint32_t)facts->ttl << 24 | (uint32_t)facts->protocol << 16);
		p = sf_store_be32(p, (uint32_t)(facts->address >> (swapped ? 0 : 32)));
		p = sf_store_be32(p, (uint32_t)(facts->address >> (swapped ? 32 : 0)));
	} else {
		p = sf_store_be32(p, UINT32_C(0x60000000) | (uint32_t)facts->tos << 20);
		p = sf_store_be16(p, (uint16_t)length);
		p = sf_store_be16(p, (uint16_t)(facts->protocol << 8 | facts->ttl));
		p = sf_store_bytes(p, facts->address6[swapped], 16);
		p = sf_store_bytes(p, facts->address6[!swapped], 16);
	}
	memcpy(p, transport, length);
	if (facts->protocol == UDP)
		sf_store_be16(p + 4, (uint16_t)length);
	p += length;
	memset(p, 0, ZEROS);
	return (size_t)(p - classes->packet);
}

/* Shows the packet. True: there is a new answer. */
static bool show(
	struct sf_classes *classes, struct place *place, struct sf_facts *facts, size_t length)
{
	struct state *state = state_of(classes, place->use - PLACE_STATES + 1);
	const bool last = ++state->packets == SF_CLASSES_PACKETS;
	struct sf_application found = { 0 };
	enum sf_classifier_answer answer = classes->classifier->packet(classes->work, state->memory,
		classes->packet, length, facts->time_ns, last, &found);
	const bool known = answer != SF_CLASSIFIER_NOTHING && found.id[0];

	if (known) {
		classes->counters.answered += !state->rank;
		found.rank = ++state->rank;
		facts->application = found;
	}
	if (last || answer == SF_CLASSIFIER_FINAL) {
		classes->counters.unknown += !state->rank;
		end_state(classes, place, PLACE_DONE);
	}
	return known;
}

/* Times may step back. */
static void advance(struct place *place, int64_t time_ns)
{
	if (time_ns > place->time_ns)
		place->time_ns = time_ns;
}

/* Marks the flow as the one that had a packet last. */
static void touch(struct sf_classes *classes, struct place *place, int64_t time_ns)
{
	const uint32_t number = place->use - PLACE_STATES + 1;

	advance(place, time_ns);
	if (classes->newest == number)
		return;
	unlink_state(classes, number);
	link_state(classes, number);
}

/* Gives flows up until the library keeps no more than it may; the newest one stays. */
static void spare_memory(struct sf_classes *classes, int64_t time_ns)
{
	while (classes->classifier->kept(classes->work) > SF_CLASSES_KEPT &&
		classes->oldest != classes->newest)
		give_up(classes, &classes->places[state_of(classes, classes->oldest)->place],
			time_ns);
}

bool sf_classes_look(struct sf_classes *classes, struct sf_facts *facts, const uint8_t *transport,
	size_t length, bool *done)
{
	const uint64_t hash = hash_of(classes, facts);
	const int64_t time_ns = facts->time_ns;
	struct place *place = find(classes, hash);
	bool answered;

	if (place && is_over(classes, place, time_ns))
		end_flow(classes, place);
	if (place && sf_likely(place->use == PLACE_DONE)) {
		advance(place, time_ns);
		*done = true;
		return false;
	}
	if (!place)
		place = make_place(classes, hash, time_ns);
	if (place->use < PLACE_STATES)
		begin(classes, place, time_ns);
	touch(classes, place, time_ns);
	spare_memory(classes, time_ns);
	answered = show(classes, place, facts, write_packet(classes, facts, transport, length));
	*done = place->use == PLACE_DONE;
	return answered;
}
