/* SPDX-License-Identifier: BSD-2-Clause */
#include "meter/fragment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	IPV4_HEADER = 20,
	DATAGRAM_MAX = UINT16_MAX,
	DATAGRAMS = SF_FRAGMENT_SETS * SF_FRAGMENT_WAYS,
};

struct sf_fragment {
	struct sf_facts facts; /* its head, without marks */
	uint16_t datagram;
	/* index + 1 of the next waiting fragment of the datagram; 0: it is the last one */
	uint16_t next;
	bool waits; /* false: it was given on */
};

static_assert(DATAGRAMS <= UINT16_MAX && SF_FRAGMENTS_KEPT < UINT16_MAX, "places have 16 bits");

/* ------------------------------------------------------------------------- marks */

void sf_fragment_mark(struct sf_facts *facts)
{
	const uint16_t offset = facts->fragment & SF_FRAGMENT_OFFSET;
	const bool ipv4 = facts->version == 4;
	uint16_t mark;

	if (!facts->fragment_bytes || (ipv4 && facts->octets > DATAGRAM_MAX))
		return;
	if (offset)
		mark = SF_FRAGMENT_LATER | offset |
		       (facts->fragment & SF_FRAGMENT_MORE ? SF_FRAGMENT_FIRST : 0);
	else
		mark = facts->tcp_flags | SF_FRAGMENT_FIRST;
	if (ipv4 && facts->octets - facts->fragment_bytes != IPV4_HEADER)
		mark |= SF_FRAGMENT_OPTIONS;
	facts->tcp_flags = mark;
	if (ipv4)
		facts->octets |= facts->fragment_id << 16;
	else
		facts->address = (uint64_t)facts->fragment_bytes << 32 | facts->fragment_id;
}

bool sf_fragment_note(struct sf_facts *facts)
{
	facts->tcp_flags = 0;
	sf_fragment_mark(facts);
	facts->tcp_flags |= SF_FRAGMENT_NOTE;
	return sf_facts_is_note(facts);
}

struct mark {
	uint32_t id, bytes; /* bytes 0: not known */
	uint16_t offset;    /* in units of eight bytes */
	bool later, more, note;
};

/* Takes the mark out of the facts. False: there is none. */
static bool unmark(struct sf_facts *facts, struct mark *mark)
{
	const uint16_t flags = facts->tcp_flags;

	if (!(facts->flags & SF_FACT_FRAGMENT) ||
		!(flags & (SF_FRAGMENT_LATER | SF_FRAGMENT_FIRST)))
		return false;
	mark->note = sf_facts_is_note(facts);
	mark->later = flags & SF_FRAGMENT_LATER;
	mark->more = flags & SF_FRAGMENT_FIRST;
	mark->offset = mark->later ? flags & SF_FRAGMENT_OFFSET : 0;
	facts->tcp_flags = mark->later ? 0 : flags & 0x0fff;
	if (facts->version == 4) {
		mark->id = facts->octets >> 16;
		facts->octets &= UINT16_MAX;
		mark->bytes = flags & SF_FRAGMENT_OPTIONS ? 0 : facts->octets - IPV4_HEADER;
	} else {
		mark->id = (uint32_t)facts->address;
		mark->bytes = (uint32_t)(facts->address >> 32);
		facts->address = 0;
	}
	return true;
}

/* --------------------------------------------------------------------- datagrams */

/*
 * The hash of what identifies a datagram: source, destination, protocol and identification (RFC 791
 * §3.2; in IPv6 without protocol, because later fragments may not have it: RFC 8200 §4.5), tags,
 * observation point.
 */
static uint64_t print_of(
	const struct sf_fragments *fragments, const struct sf_facts *facts, const struct mark *mark)
{
	uint64_t address = facts->version == 4
				   ? facts->address
				   : sf_hash_addresses(&fragments->key, facts->address6[0]);
	bool to_itself = facts->version == 4
				 ? facts->address >> 32 == (uint32_t)facts->address
				 : memcmp(facts->address6[0], facts->address6[1], 16) == 0;
	/* with equal addresses SWAPPED depends on the ports, which later fragments do not have */
	uint64_t rest = (uint64_t)facts->scope << 32 | (uint64_t)facts->version << 16 |
			(facts->version == 4 ? (unsigned)facts->protocol << 8 : 0) |
			(to_itself ? 0 : facts->flags & SF_FACT_SWAPPED);

	return sf_hash_fast(
		       &fragments->key, address, (uint64_t)mark->id << 32 | facts->tags, rest) |
	       1;
}

static void give_kept(
	struct sf_fragments *fragments, struct sf_datagram *datagram, struct sf_fragment *kept)
{
	size_t place = (size_t)(kept - fragments->kept);

	if (datagram->known) {
		kept->facts.ports = datagram->ports;
		kept->facts.protocol = datagram->protocol;
		kept->facts.flags &= (uint16_t)~SF_FACT_SWAPPED;
		kept->facts.flags |= datagram->flags;
	}
	kept->waits = false;
	fragments->packets--;
	if (datagram->inside)
		return;
	fragments->give(fragments->context, &kept->facts,
		fragments->annexes ? fragments->annexes + place * fragments->layout->packet_bytes
				   : NULL);
}

/* Gives on the fragments of the datagram that wait: with the ports of the first one, or without. */
static void give_all(struct sf_fragments *fragments, struct sf_datagram *datagram)
{
	for (uint16_t at = datagram->first; at; at = fragments->kept[at - 1].next) {
		if (datagram->inside)
			fragments->counters.inside++;
		else if (datagram->known)
			fragments->counters.joined++;
		else
			fragments->counters.orphaned++;
		give_kept(fragments, datagram, &fragments->kept[at - 1]);
	}
	datagram->first = datagram->last = 0;
}

static void give_up(struct sf_fragments *fragments, struct sf_datagram *datagram)
{
	give_all(fragments, datagram);
	datagram->print = 0;
}

static bool has_passed(int64_t since, int64_t clock_ns, int64_t time)
{
	return clock_ns > since && (uint64_t)clock_ns - (uint64_t)since >= (uint64_t)time;
}

/*
 * True if a fragment at that time belongs to another datagram with the same identification.
 * Fragments that come soon after the datagram was whole are copies, as mirror ports make them.
 */
static bool is_over(const struct sf_datagram *datagram, int64_t clock_ns)
{
	if (datagram->whole && has_passed(datagram->whole_ns, clock_ns, SF_FRAGMENT_COPY_NS))
		return true;
	return has_passed(datagram->clock_ns, clock_ns,
		datagram->known ? SF_FRAGMENT_LIFE_NS : SF_FRAGMENT_WAIT_NS);
}

/*
 * The entry of the datagram with this hash, or a free one. If there is no free one, the oldest
 * datagram of the set is given up.
 */
static struct sf_datagram *find(struct sf_fragments *fragments, uint64_t print, int64_t clock_ns)
{
	struct sf_datagram *set =
		fragments->datagrams + (print >> 32) % SF_FRAGMENT_SETS * SF_FRAGMENT_WAYS;
	struct sf_datagram *oldest = set;

	for (unsigned i = 0; i < SF_FRAGMENT_WAYS; i++)
		if (set[i].print == print) {
			if (is_over(&set[i], clock_ns))
				give_up(fragments, &set[i]);
			return &set[i];
		}
	for (unsigned i = 0; i < SF_FRAGMENT_WAYS; i++) {
		if (!set[i].print)
			return &set[i];
		if (set[i].clock_ns < oldest->clock_ns)
			oldest = &set[i];
	}
	if (!is_over(oldest, clock_ns))
		fragments->counters.crowded++;
	give_up(fragments, oldest);
	return oldest;
}

/*
 * Enters which bytes of its datagram a fragment has; counts a
 * fragment that overlaps or is too long.
 */
static void measure(struct sf_fragments *fragments, struct sf_datagram *datagram,
	const struct mark *mark, int64_t clock_ns)
{
	uint32_t end = mark->offset * 8u + mark->bytes;

	if (!mark->bytes)
		return;
	if (end > DATAGRAM_MAX)
		fragments->counters.too_long++;
	if (end > datagram->end)
		datagram->end = end;
	/* more bytes came than the datagram has: some came twice */
	if (datagram->received + mark->bytes > datagram->end)
		fragments->counters.overlapping++;
	else
		datagram->received += mark->bytes;
	datagram->ends |= !mark->more;
	if (datagram->known && datagram->ends && datagram->received >= datagram->end &&
		!datagram->whole) {
		datagram->whole = true;
		datagram->whole_ns = clock_ns;
	}
}

/* ------------------------------------------------------------- fragments that wait */

static struct sf_fragment *oldest_kept(struct sf_fragments *fragments)
{
	while (fragments->head != fragments->tail &&
		!fragments->kept[fragments->head % SF_FRAGMENTS_KEPT].waits)
		fragments->head++;
	return fragments->head == fragments->tail
		       ? NULL
		       : &fragments->kept[fragments->head % SF_FRAGMENTS_KEPT];
}

/* If the ring is full, gives up the datagram of its oldest fragment. */
static void make_room(struct sf_fragments *fragments, struct sf_datagram *datagram)
{
	struct sf_fragment *oldest = oldest_kept(fragments);
	struct sf_datagram was = *datagram, *given;

	if (!oldest || fragments->tail - fragments->head < SF_FRAGMENTS_KEPT)
		return;
	given = &fragments->datagrams[oldest->datagram];
	fragments->counters.crowded++;
	give_up(fragments, given);
	oldest_kept(fragments);
	if (given == datagram) { /* its place was freed: it begins anew */
		datagram->print = was.print;
		datagram->clock_ns = was.clock_ns;
	}
}

static void keep(struct sf_fragments *fragments, struct sf_datagram *datagram,
	const struct sf_facts *facts, const uint8_t *annex)
{
	struct sf_fragment *kept;
	uint16_t place;

	make_room(fragments, datagram);
	place = (uint16_t)(fragments->tail++ % SF_FRAGMENTS_KEPT);
	kept = &fragments->kept[place];
	sf_facts_copy(&kept->facts, facts);
	if (fragments->annexes)
		sf_annex_move(fragments->layout,
			fragments->annexes + (size_t)place * fragments->layout->packet_bytes, annex,
			facts);
	kept->datagram = (uint16_t)(datagram - fragments->datagrams);
	kept->waits = true;
	kept->next = 0;
	if (datagram->first)
		fragments->kept[datagram->last - 1].next = (uint16_t)(place + 1);
	else
		datagram->first = (uint16_t)(place + 1);
	datagram->last = (uint16_t)(place + 1);
	fragments->packets++;
}

/* ---------------------------------------------------------------------- the meter */

static void take_first(struct sf_fragments *fragments, struct sf_datagram *datagram,
	const struct sf_facts *facts, const struct mark *mark)
{
	/* another datagram may have had the same identification */
	if (datagram->known) {
		datagram->received = datagram->end = 0;
		datagram->ends = datagram->whole = false;
	}
	datagram->known = true;
	datagram->inside = mark->note;
	datagram->clock_ns = facts->clock_ns;
	datagram->ports = facts->ports;
	datagram->flags = facts->flags & (SF_FACT_SWAPPED | SF_FACT_ANSWER);
	datagram->protocol = facts->protocol;
	measure(fragments, datagram, mark, facts->clock_ns);
	give_all(fragments, datagram);
}

void sf_fragments_expire(struct sf_fragments *fragments, int64_t now)
{
	struct sf_fragment *oldest;

	while (fragments->packets && (oldest = oldest_kept(fragments)) != NULL) {
		struct sf_datagram *datagram = &fragments->datagrams[oldest->datagram];

		if (now != INT64_MAX && !is_over(datagram, now))
			break;
		give_up(fragments, datagram);
	}
}

void sf_fragments_take(
	struct sf_fragments *fragments, const struct sf_facts *packet, const uint8_t *annex)
{
	struct sf_facts facts;
	struct sf_datagram *datagram;
	struct mark mark;
	uint64_t print;

	sf_facts_copy(&facts, packet);
	if (!unmark(&facts, &mark)) {
		fragments->give(fragments->context, &facts, annex);
		return;
	}
	/* here too, so that records do not depend on how often the table is aged */
	sf_fragments_expire(fragments, facts.clock_ns);
	print = print_of(fragments, &facts, &mark);
	datagram = find(fragments, print, facts.clock_ns);
	if (!datagram->print)
		*datagram = (struct sf_datagram){ .print = print, .clock_ns = facts.clock_ns };
	if (!mark.later) {
		take_first(fragments, datagram, &facts, &mark);
		if (!mark.note)
			fragments->give(fragments->context, &facts, annex);
		return;
	}
	measure(fragments, datagram, &mark, facts.clock_ns);
	if (!datagram->known) {
		keep(fragments, datagram, &facts, annex);
		return;
	}
	if (datagram->inside) {
		fragments->counters.inside++;
		return;
	}
	fragments->counters.joined++;
	facts.ports = datagram->ports;
	facts.protocol = datagram->protocol;
	facts.flags = (uint16_t)((facts.flags & ~SF_FACT_SWAPPED) | datagram->flags);
	fragments->give(fragments->context, &facts, annex);
}

int sf_fragments_init(struct sf_fragments *fragments, const struct sf_annex_layout *layout,
	sf_fragment_give *give, void *context)
{
	int err;

	memset(fragments, 0, sizeof(*fragments));
	fragments->layout = layout;
	fragments->give = give;
	fragments->context = context;
	err = sf_hash_key_random(&fragments->key);
	if (err < 0)
		return err;
	fragments->datagrams = calloc(DATAGRAMS, sizeof(*fragments->datagrams));
	fragments->kept = calloc(SF_FRAGMENTS_KEPT, sizeof(*fragments->kept));
	if (layout->packet_bytes)
		fragments->annexes = calloc(SF_FRAGMENTS_KEPT, layout->packet_bytes);
	if (!fragments->datagrams || !fragments->kept ||
		(layout->packet_bytes && !fragments->annexes)) {
		sf_fragments_fini(fragments);
		return -ENOMEM;
	}
	return 0;
}

void sf_fragments_fini(struct sf_fragments *fragments)
{
	free(fragments->datagrams);
	free(fragments->kept);
	free(fragments->annexes);
	fragments->datagrams = NULL;
	fragments->kept = NULL;
	fragments->annexes = NULL;
}
