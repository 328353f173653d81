/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A metering process: parses a batch of packets, fits their facts to the flow key and
 * gives the facts to a flow table.
 *
 * A batch is parsed in parts of SF_METER_PART packets. While one part is parsed, the table still
 * accounts the parts before it: this is possible because facts have no pointers into packets. The
 * facts are completed right after parsing, while they are in the first-level cache.
 */
#include <string.h>

#include "apps/apps.h"
#include "base/sized.h"
#include "meter/dedup.h"
#include "meter/fragment.h"
#include "meter/internal.h"
#include "meter/key.h"
#include "meter/meter_facts.h"
#include "meter/own.h"
#include "parse/details.h"
#include "parse/plain.h"
#include "parse/run.h"
#include "parse/tunnel.h"
#include "table/table.h"

#define TIME_MAX (INT64_C(1) << 62) /* ns: the year 2116; the table's limit */

static_assert(SF_METER_PART == SF_TABLE_PART && SF_METER_ROOM == SF_TABLE_ROOM,
	"a part of the meter is a part of its table");

static void count_ignored(
	struct sf_meter *meter, enum sf_ignored reason, uint32_t link, const struct sf_facts *facts)
{
	meter->parsed.ignored[reason]++;
	if (reason == SF_IGNORED_unsupportedLinkType)
		meter->parsed.unsupported_link = link;
	if (reason == SF_IGNORED_nonIp && facts->ethertype)
		sf_ethertypes_add(&meter->parsed.non_ip, facts->ethertype, 1);
	else if (reason == SF_IGNORED_nonIp)
		meter->parsed.non_ip.others++;
}

/* True: the packet is counted, and not metered: it is own export traffic or a copy. */
static bool left_out(
	struct sf_meter *meter, const struct sf_packet *packet, const struct sf_facts *facts)
{
	if (meter->own && sf_own_match(meter->own, facts)) {
		meter->parsed.ignored[SF_IGNORED_ownExport]++;
		return true;
	}
	if (meter->dedup_mode == SF_DEDUP_OFF ||
		!sf_dedup_seen(&meter->dedup, packet->data + facts->l3_offset,
			sf_facts_captured(facts, packet->captured), facts->time_ns) ||
		meter->dedup_mode != SF_DEDUP_DROP)
		return false;
	meter->parsed.ignored[SF_IGNORED_duplicate]++;
	return true;
}

/* Completes the facts of a packet that is to be metered. */
static void place(struct sf_meter *meter, const struct sf_packet *packet, struct sf_facts *facts,
	const struct sf_observation_point *point)
{
	if (sf_unlikely(meter->details))
		sf_details_read(packet, facts, meter->details);
	facts->scope = point->id;
	facts->interface = (uint16_t)(facts->interface + point->interface_base);
	if (sf_unlikely(facts->flags & SF_FACT_FRAGMENT) && meter->joins) {
		sf_fragment_mark(facts);
		meter->has_fragments = true;
	}
}

/*
 * Puts the outer packet, which the parser has left in facts[1], behind the `count` packets before
 * it; if it is the first fragment of a datagram, a note of it. Returns how many facts there are
 * then.
 */
static __attribute__((noinline)) unsigned add_around(struct sf_meter *meter,
	const struct sf_packet *packet, struct sf_facts *facts, unsigned count,
	enum sf_around found, const struct sf_observation_point *point)
{
	struct sf_facts *around = &facts[count];

	if (count == 0)
		facts[0] = facts[1];
	if (found == SF_AROUND_PAIR) {
		place(meter, packet, around, point);
		meter->parsed.twice++;
		return count + 1;
	}
	if (!meter->joins || !sf_fragment_note(around))
		return count;
	around->scope = point->id;
	meter->has_fragments = true;
	return count + 1;
}

/*
 * Parses a packet of any kind. Returns the number of facts: 0, if the packet is not metered, but
 * counted under its reason; 1; or 2, and then the second ones are those of the outer packet, or a
 * note (sf_facts_is_note()).
 */
static __attribute__((noinline)) unsigned parse_other(struct sf_meter *meter,
	const struct sf_packet *packet, struct sf_facts *facts,
	const struct sf_observation_point *point)
{
	enum sf_around found;
	int reason = sf_parse_tunnels(
		packet, &meter->tunnels, facts, meter->around ? &facts[1] : NULL, &found);
	unsigned count;

	/* nothing was opened in what came to a socket, whose packets have no frame around */
	if (sf_unlikely(meter->tunnels.only) && reason == SF_PARSED && facts->l3_offset == 0)
		reason = SF_IGNORED_notMirrored;
	count = reason == SF_PARSED;
	if (sf_likely(count))
		place(meter, packet, facts, point);
	else
		count_ignored(meter, (enum sf_ignored)reason, packet->link, facts);
	return sf_likely(!found) ? count : add_around(meter, packet, facts, count, found, point);
}

/* True if facts[1] is a packet that is metered too. */
static inline bool is_pair(const struct sf_facts *facts, unsigned count)
{
	return count == 2 && !sf_facts_is_note(&facts[1]);
}

/* left_out() for all facts of a packet: the outermost packet that is metered decides. */
static bool all_left_out(struct sf_meter *meter, const struct sf_packet *packet,
	const struct sf_facts *facts, unsigned count)
{
	const bool pair = is_pair(facts, count);

	if (sf_facts_is_note(&facts[pair]) || !left_out(meter, packet, &facts[pair]))
		return false;
	meter->parsed.twice -= pair;
	return true;
}

/* True if no computation of the table with this time can overflow. */
static bool is_within_reason(int64_t time_ns)
{
	return time_ns >= -TIME_MAX && time_ns <= TIME_MAX;
}

static int64_t within_reason(int64_t time_ns)
{
	return time_ns > TIME_MAX ? TIME_MAX : time_ns < -TIME_MAX ? -TIME_MAX : time_ns;
}

/*
 * Sets time and clock of the facts. The packet may be earlier than the clock of its source, or
 * later (a jump that does not count yet). Both times may be any number. True if the packet is
 * earlier.
 */
static bool set_clock(struct sf_facts *facts, int64_t clock)
{
	const bool late = clock > facts->time_ns;

	if (late) {
		facts->flags |= SF_FACT_LATE;
	} else {
		if (clock < facts->time_ns)
			facts->flags |= SF_FACT_AHEAD;
		clock = facts->time_ns;
	}
	facts->time_ns = within_reason(facts->time_ns);
	facts->clock_ns = within_reason(clock);
	return late;
}

/* What is read of a packet on request, beside its headers. */
static sf_always_inline void look_further(
	struct sf_meter *meter, const struct sf_packet *packet, struct sf_facts *facts)
{
	if (sf_unlikely(meter->apps != NULL))
		sf_apps_look(meter->apps, packet, facts);
	if (sf_unlikely(meter->trailer))
		sf_parse_trailer(packet, facts);
}

/* True if a port of the UDP packet is one that remote mirrors use. */
static sf_always_inline bool may_be_mirrored(const struct sf_facts *facts)
{
	return facts->protocol == PROTOCOL_UDP &&
	       (sf_is_mirror_port((uint16_t)facts->ports) || sf_is_mirror_port(facts->ports >> 16));
}

/* Parses packets that are in order of time, if no option needs more than the head of the facts. */
static unsigned parse_plain(struct sf_meter *meter, const struct sf_packet *packets, unsigned count,
	const struct sf_observation_point *point, struct sf_facts *facts)
{
	const uint16_t scope = point->id, interface_base = point->interface_base;
	const struct sf_packet *packet = packets, *end = packets + count;
	struct sf_facts *out = facts;

	for (; packet < end; packet++) {
		if (meter->run) {
			unsigned run = meter->run(
				packet, (unsigned)(end - packet), out, scope, interface_base);

			out += run;
			packet += run;
			if (packet == end)
				break;
		}
		if (sf_likely(sf_parse_plain(packet, out, scope, interface_base, false)) &&
			!may_be_mirrored(out))
			out++;
		else
			out += parse_other(meter, packet, out, point);
	}
	return (unsigned)(out - facts);
}

/*
 * Parses a packet with the tail of its facts, and packs what is wanted of them.
 * Returns how many facts it gives.
 */
static sf_always_inline unsigned parse_tail(struct sf_meter *meter, const struct sf_packet *packet,
	const struct sf_observation_point *point, struct sf_facts_array array, struct sf_facts *out)
{
	const struct sf_annex_layout *layout = sf_table_layout(meter->table);
	unsigned given = 1;

	if (sf_unlikely(!sf_parse_plain(packet, out, point->id, point->interface_base, true)) ||
		may_be_mirrored(out))
		given = parse_other(meter, packet, out, point);
	else if (meter->details)
		sf_details_read(packet, out, meter->details);
	if (given)
		look_further(meter, packet, out);
	for (unsigned i = 0; i < given; i++, out++)
		if (sf_annex_bytes(layout, out))
			sf_annex_pack(layout, out,
				sf_annex_at(layout, array, (unsigned)(out - array.facts)));
	return given;
}

/* The same with annexes. */
static unsigned parse_plain_tails(struct sf_meter *meter, const struct sf_packet *packets,
	unsigned count, const struct sf_observation_point *point, struct sf_facts_array array)
{
	struct sf_facts *out = array.facts;

	for (const struct sf_packet *packet = packets; packet < packets + count; packet++)
		out += parse_tail(meter, packet, point, array, out);
	return (unsigned)(out - array.facts);
}

/*
 * The same if the tail is needed to read payload only: the few packets whose
 * payload is wanted are parsed again.
 */
static __attribute__((noinline)) unsigned parse_plain_heads(struct sf_meter *meter,
	const struct sf_packet *packets, unsigned count, const struct sf_observation_point *point,
	struct sf_facts_array array)
{
	const struct sf_packet *packet = packets, *end = packets + count;
	struct sf_facts *out = array.facts;

	while (packet < end) {
		unsigned run = meter->run(
			packet, (unsigned)(end - packet), out, point->id, point->interface_base);

		for (; run; run--, packet++, out++)
			if (sf_apps_wants(meter->apps, out))
				parse_tail(meter, packet, point, array, out);
		if (packet < end)
			out += parse_tail(meter, packet++, point, array, out);
	}
	return (unsigned)(out - array.facts);
}

/* Completes key and time of the facts of one packet. */
static void complete(struct sf_meter *meter, struct sf_facts *facts, unsigned count, int64_t clock)
{
	for (unsigned i = 0; i < count; i++) {
		meter->parsed.clock_steps += set_clock(&facts[i], clock) && i == 0;
		if (meter->key != SF_KEY_DEFAULT)
			sf_key_choose(&facts[i], meter->key);
		if (sf_unlikely(facts[i].flags & SF_FACT_TUNNEL) && meter->key & SF_KEY_TUNNEL)
			sf_key_put_tunnel(&facts[i]);
		facts[i].outer_flow = facts[i].inner_flow = 0;
	}
	if (is_pair(facts, count))
		sf_key_name_pair(&facts[0], &facts[1]);
}

/* Parses packets of any order of time, with all options. */
static unsigned parse_any(struct sf_meter *meter, const struct sf_packet *packets, unsigned count,
	const int64_t *clock, const struct sf_observation_point *point, struct sf_facts_array array)
{
	const struct sf_annex_layout *layout = sf_table_layout(meter->table);
	struct sf_facts *out = array.facts;

	for (unsigned i = 0; i < count; i++) {
		unsigned given = parse_other(meter, &packets[i], out, point);

		if (!given || all_left_out(meter, &packets[i], out, given))
			continue;
		look_further(meter, &packets[i], out);
		complete(meter, out, given, clock ? clock[i] : packets[i].time_ns);
		for (; given; given--, out++)
			if (layout->packet_bytes)
				sf_annex_pack(layout, out,
					sf_annex_at(layout, array, (unsigned)(out - array.facts)));
	}
	return (unsigned)(out - array.facts);
}

/* True if parse_plain() or parse_plain_tails() can parse the batch: nothing needs parse_any(). */
static bool is_plain(const struct sf_meter *meter, const struct sf_packet *packets, unsigned count,
	const int64_t *clock)
{
	return !meter->demanding && !clock && count && is_within_reason(packets[0].time_ns) &&
	       is_within_reason(packets[count - 1].time_ns);
}

static sf_always_inline unsigned parse_part(struct sf_meter *meter, bool plain,
	const struct sf_packet *packets, unsigned count, const int64_t *clock,
	const struct sf_observation_point *point, struct sf_facts_array array)
{
	if (sf_unlikely(!plain))
		return parse_any(meter, packets, count, clock, point, array);
	if (sf_likely(!meter->tails))
		return parse_plain(meter, packets, count, point, array.facts);
	if (meter->heads)
		return parse_plain_heads(meter, packets, count, point, array);
	return parse_plain_tails(meter, packets, count, point, array);
}

unsigned sf_meter_parse(struct sf_meter *meter, const struct sf_packet *packets, unsigned count,
	const int64_t *clock, const struct sf_observation_point *point, struct sf_facts_array array)
{
	meter->parsed.frames += count;
	return parse_part(
		meter, is_plain(meter, packets, count, clock), packets, count, clock, point, array);
}

const struct sf_annex_layout *sf_meter_layout(const struct sf_meter *meter)
{
	return sf_table_layout(meter->table);
}

struct sf_facts_array sf_meter_room(struct sf_meter *meter)
{
	return sf_table_room(meter->table);
}

void sf_meter_batch(struct sf_meter *meter, const struct sf_packet *packets, unsigned count,
	const int64_t *clock, const struct sf_observation_point *point)
{
	bool plain = is_plain(meter, packets, count, clock);

	meter->parsed.frames += count;
	for (unsigned i = 0, part; i < count; i += part) {
		struct sf_facts_array room = sf_table_room(meter->table);
		unsigned parsed;

		part = count - i < SF_METER_PART ? count - i : SF_METER_PART;
		parsed = parse_part(
			meter, plain, packets + i, part, clock ? clock + i : NULL, point, room);
		sf_meter_offer_room(meter, parsed, meter->has_fragments);
		meter->has_fragments = false;
	}
}

void sf_meter_ignore(struct sf_meter *meter, enum sf_ignored reason, uint64_t count)
{
	meter->parsed.frames += count;
	meter->parsed.ignored[reason] += count;
}

void sf_meter_drop(struct sf_meter *meter, enum sf_ignored reason, uint64_t count)
{
	meter->parsed.ignored[reason] += count;
}

bool sf_meter_age(struct sf_meter *meter, int64_t now)
{
	sf_meter_give_up_fragments(meter, now);
	return sf_table_age(meter->table, now);
}

void sf_meter_finish(struct sf_meter *meter, int64_t now)
{
	sf_meter_give_up_fragments(meter, INT64_MAX);
	sf_table_finish(meter->table, within_reason(now));
}

uint32_t sf_meter_ids_used(struct sf_meter *meter)
{
	sf_meter_give_up_fragments(meter, INT64_MAX);
	return sf_table_ids_used(meter->table);
}

void sf_meter_finish_part(
	struct sf_meter *meter, const struct sf_meter *of, uint32_t from, uint32_t to, int64_t now)
{
	sf_table_finish_part(meter->table, of->table, from, to, within_reason(now));
}

void sf_meter_forget(struct sf_meter *meter)
{
	sf_table_forget(meter->table);
}

struct sf_parsed sf_meter_parsed(const struct sf_meter *meter)
{
	const struct sf_classes_counters classes = sf_apps_classes(meter->apps);
	struct sf_parsed parsed = meter->parsed;

	parsed.dedup_examined = meter->dedup.examined;
	parsed.dedup_copies = meter->dedup.duplicates;
	parsed.classified_flows = classes.flows;
	parsed.classified_answered = classes.answered;
	parsed.classified_unknown = classes.unknown;
	parsed.classified_crowded = classes.crowded;
	parsed.hellos = sf_apps_hellos(meter->apps);
	return parsed;
}

void sf_parsed_enter(const struct sf_parsed *parsed, struct sf_ledger *ledger)
{
	/* which the accounting meter counts */
	const uint64_t inside = ledger->ignored[SF_IGNORED_tunnelFragment];

	ledger->frames = parsed->frames;
	ledger->twice = parsed->twice;
	memcpy(ledger->ignored, parsed->ignored, sizeof(ledger->ignored));
	ledger->ignored[SF_IGNORED_tunnelFragment] += inside;
	ledger->dedup_examined = parsed->dedup_examined;
	ledger->dedup_copies = parsed->dedup_copies;
	ledger->clock_steps = parsed->clock_steps;
	ledger->classified_flows = parsed->classified_flows;
	ledger->classified_answered = parsed->classified_answered;
	ledger->classified_unknown = parsed->classified_unknown;
	ledger->classified_crowded = parsed->classified_crowded;
	ledger->hellos = parsed->hellos;
	ledger->unsupported_link = parsed->unsupported_link;
	ledger->non_ip = parsed->non_ip;
}

/* Fragments that wait are not metered yet: they may be left out, and counters never go back. */
static void enter_fragments(const struct sf_fragments *fragments, struct sf_ledger *ledger)
{
	ledger->fragments_waiting = fragments->packets;
	ledger->fragments_joined = fragments->counters.joined;
	ledger->fragments_orphaned = fragments->counters.orphaned;
	ledger->fragments_overlapping = fragments->counters.overlapping;
	ledger->fragments_too_long = fragments->counters.too_long;
	ledger->fragments_crowded = fragments->counters.crowded;
	ledger->ignored[SF_IGNORED_tunnelFragment] += fragments->counters.inside;
}

void sf_meter_ledger_sized(struct sf_meter *meter, struct sf_ledger *ledger, size_t size)
{
	const struct sf_parsed parsed = sf_meter_parsed(meter);
	struct sf_ledger known = { 0 };

	sf_table_ledger(meter->table, &known);
	sf_parsed_enter(&parsed, &known);
	enter_fragments(&meter->fragments, &known);
	sf_sized_counters(ledger, size, &known, sizeof(known));
}

void sf_meter_sum(struct sf_meter *meter, uint64_t *flows, uint64_t *packets, uint64_t *octets)
{
	sf_table_sum(meter->table, flows, packets, octets);
}
