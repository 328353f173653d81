/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A metering process: parses a batch of packets, fits their facts to the flow key and gives the facts to a
 * flow table.
 *
 * A batch is parsed in parts of SF_METER_PART packets. While one part is parsed, the table still accounts
 * the parts before it: this is possible because facts have no pointers into packets. The facts are
 * completed right after parsing, while they are in the first-level cache.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "apps/apps.h"
#include "base/hash.h"
#include "base/sized.h"
#include "meter/dedup.h"
#include "meter/fragment.h"
#include "meter/meter_facts.h"
#include "meter/own.h"
#include "parse/details.h"
#include "parse/plain.h"
#include "parse/run.h"
#include "parse/tunnel.h"
#include "table/table.h"

#define TIME_MAX (INT64_C(1) << 62) /* ns: the year 2116; the table's limit */

static_assert(SF_METER_PART == SF_TABLE_PART, "a part of the meter is a part of its table");

/* A flow is one TCP connection, and ends with it, only if the key has all of these parts. */
#define KEY_CONNECTION (SF_KEY_ADDRESS | SF_KEY_PORT | SF_KEY_PROTOCOL)

struct sf_meter {
	struct sf_table *table;
	uint32_t key;
	bool per_packet;
	bool demanding; /* no fast path: another key, packets to leave out, or more UDP tunnels */
	bool tails; /* some fact that is gathered on request is not in the head of struct sf_facts */
	unsigned details; /* SF_DETAILS_…: what of the tail has to be read by itself */
	sf_parse_run *run;
	struct sf_tunnels tunnels;
	struct sf_apps *apps;     /* NULL: no fact of payload is wanted */
	struct sf_parsed parsed;  /* without the counters of `dedup` */
	const struct sf_own *own; /* NULL: no export session of this process is to be left out */
	enum sf_dedup_mode dedup_mode;
	struct sf_dedup dedup;
	bool joins;         /* later fragments join the flow of their first one */
	bool has_fragments; /* the part that is being parsed has fragments */
	struct sf_fragments fragments;
	struct sf_facts *staged; /* copy of a part that has fragments */
	uint8_t *staged_annexes; /* of `staged` */
	unsigned given;          /* facts in the table's room that `fragments` has given back */
};

static int open_dedup(struct sf_meter *meter, int64_t window_ns, struct sf_error *error)
{
	bool drop = meter->dedup_mode == SF_DEDUP_DROP;
	uint64_t secret;

	if (getrandom(&secret, sizeof(secret), 0) != sizeof(secret))
		return sf_error_set(error, -errno, "no random numbers from the kernel: %s",
			sf_strerror(-errno));
	if (sf_dedup_init(&meter->dedup, drop, window_ns, secret) < 0)
		return sf_error_set(error, -ENOMEM, "no memory to look for duplicates");
	return 0;
}

/* Gives the first `count` facts in the table's room to the table; per packet: makes records of them. */
static void account_room(struct sf_meter *meter, unsigned count)
{
	if (sf_unlikely(meter->per_packet))
		sf_table_emit_each(meter->table, count);
	else
		sf_table_offer(meter->table, count);
}

/* Gives the facts to the table that give() has put into its room. */
static void offer_given(struct sf_meter *meter)
{
	if (meter->given == 0)
		return;
	account_room(meter, meter->given);
	meter->given = 0;
}

/* Called by `fragments` for each packet that need not wait: its ports are known, or never will be. */
static void give(void *context, const struct sf_facts *facts, const uint8_t *annex)
{
	struct sf_meter *meter = context;
	const struct sf_annex_layout *layout = sf_table_layout(meter->table);
	struct sf_facts_array room = sf_table_room(meter->table);

	sf_facts_copy(&room.facts[meter->given], facts);
	sf_annex_move(layout, sf_annex_at(layout, room, meter->given), annex, facts);
	if (++meter->given == SF_METER_PART)
		offer_given(meter);
}

static int open_fragments(struct sf_meter *meter, struct sf_error *error)
{
	const struct sf_annex_layout *layout = sf_table_layout(meter->table);
	int err = sf_fragments_init(&meter->fragments, layout, give, meter);

	meter->staged = calloc(SF_METER_PART, sizeof(*meter->staged));
	if (layout->packet_bytes)
		meter->staged_annexes = calloc(SF_METER_PART, layout->packet_bytes);
	if (err == 0 && (!meter->staged || (layout->packet_bytes && !meter->staged_annexes)))
		err = -ENOMEM;
	return err ? sf_error_set(error, err, "no memory to join fragments") : 0;
}

uint64_t sf_meter_facts(const struct sf_meter_options *options)
{
	uint32_t key = options->key ? options->key : SF_KEY_DEFAULT;
	struct sf_tunnels tunnels;

	sf_tunnels_init(&tunnels, options->tunnels);
	if (!sf_tunnels_tell(&tunnels))
		return options->facts & ~SF_FACT_SET(tunnel);
	return options->facts | (key & SF_KEY_TUNNEL ? SF_FACT_SET(tunnel) : 0);
}

static int new_meter(
	struct sf_meter **out, const struct sf_meter_options *options, struct sf_error *error)
{
	const uint32_t known = SF_KEY_DEFAULT | SF_KEY_TOS | SF_KEY_INTERFACE;
	struct sf_meter_options table = *options;
	struct sf_annex_layout layout;
	struct sf_meter *meter;
	int status = 0;

	if (options->key & ~known)
		return sf_error_set(error, SF_EUSAGE, "unknown parts in the flow key: 0x%x",
			options->key & ~known);
	meter = calloc(1, sizeof(*meter));
	if (!meter)
		return sf_error_set(error, -ENOMEM, "no memory for a meter");
	meter->key = options->key ? options->key : SF_KEY_DEFAULT;
	meter->per_packet = options->per_packet;
	meter->run = sf_parse_run_here();
	sf_tunnels_init(&meter->tunnels, options->tunnels);
	meter->parsed.unsupported_link = UINT32_MAX;
	meter->own = options->own && options->own->count ? options->own : NULL;
	meter->dedup_mode = options->dedup;
	table.facts = sf_meter_facts(options);
	sf_annex_layout_init(&layout, table.facts);
	/* the parser always stores the head, so facts of the head need no other path */
	meter->tails = layout.packet_bytes != 0;
	meter->details = layout.details;
	meter->demanding = meter->own || meter->key != SF_KEY_DEFAULT ||
			   meter->dedup_mode != SF_DEDUP_OFF || meter->tunnels.udp;
	if (meter->dedup_mode != SF_DEDUP_OFF)
		status = open_dedup(meter, options->dedup_window_ns, error);
	if (status == 0)
		status = sf_table_new(&meter->table, &table, error);
	if (status == 0 && sf_apps_new(&meter->apps, table.facts) < 0)
		status = sf_error_set(error, -ENOMEM, "no memory to read payload");
	meter->joins = !options->split_fragments && (meter->key & KEY_CONNECTION) == KEY_CONNECTION;
	if (status == 0 && meter->joins)
		status = open_fragments(meter, error);
	if (status < 0) {
		sf_meter_free(meter);
		return status;
	}
	*out = meter;
	return 0;
}

int sf_meter_new_sized(struct sf_meter **out, const struct sf_meter_options *options, size_t size,
	struct sf_error *error)
{
	struct sf_meter_options known;
	int code = sf_sized_options(&known, sizeof(known), options, size, error);

	return code < 0 ? code : new_meter(out, &known, error);
}

void sf_meter_free(struct sf_meter *meter)
{
	if (!meter)
		return;
	sf_dedup_fini(&meter->dedup);
	sf_fragments_fini(&meter->fragments);
	sf_apps_free(meter->apps);
	free(meter->staged);
	free(meter->staged_annexes);
	sf_table_free(meter->table);
	free(meter);
}

/* Puts endpoints of equal address in canonical order again, after a part of the key was removed. */
static void order_endpoints(struct sf_facts *facts)
{
	uint16_t low = (uint16_t)(facts->ports >> 16), high = (uint16_t)facts->ports;
	bool same_address = facts->version == 6 ? memcmp(facts->address6[0], facts->address6[1],
							  sizeof(facts->address6[0])) == 0
						: facts->address >> 32 == (uint32_t)facts->address;

	if (!same_address)
		return;
	if (low > high) {
		facts->ports = (uint32_t)high << 16 | low;
		facts->flags ^= SF_FACT_SWAPPED;
	} else if (low == high) {
		facts->flags &= (uint16_t)~SF_FACT_SWAPPED;
	}
}

/* Reduces the key to the parts that the user has chosen, and adds TOS and interface to it. */
static void choose_key(struct sf_facts *facts, uint32_t key)
{
	if (!(key & SF_KEY_ADDRESS)) {
		facts->address = 0;
		memset(facts->address6, 0, sizeof(facts->address6));
	}
	if (!(key & SF_KEY_PORT))
		facts->ports = 0;
	if (!(key & SF_KEY_PROTOCOL))
		facts->protocol = 0;
	if ((key & KEY_CONNECTION) != KEY_CONNECTION) {
		facts->flags &= (uint16_t) ~(SF_FACT_TCP | SF_FACT_ANSWER);
		order_endpoints(facts);
	}
	if (!(key & SF_KEY_VLAN))
		facts->tags = 0;
	if (key & SF_KEY_TOS)
		facts->tags |= facts->tos;
	if (key & SF_KEY_INTERFACE)
		facts->scope = facts->interface;
}

/*
 * Makes the tunnel a part of the key: a hash of it, and of the tags, takes the place of the tags, which
 * the record finds beside the tunnel. The hash is the same in every process, as flowIds are, and for both
 * directions. Of two flows with the same key but for the tunnel, one in 2^32 pairs is taken for one.
 */
static void put_tunnel_in_key(struct sf_facts *facts)
{
	struct sf_tunnel_facts *tunnel = &facts->tunnel;
	bool swapped = memcmp(tunnel->source, tunnel->destination, 16) > 0;
	uint8_t ends[32];

	memcpy(ends + 16 * swapped, tunnel->source, 16);
	memcpy(ends + 16 * !swapped, tunnel->destination, 16);
	tunnel->vlan = (uint16_t)(facts->tags >> 20);
	tunnel->cvlan = facts->tags >> 8 & 0x0fff;
	tunnel->in_key = 1;
	facts->tags = (uint32_t)sf_hash_flow(sf_hash_flow_addresses(ends),
		(uint64_t)tunnel->id << 32 | facts->tags, tunnel->kind, tunnel->version);
}

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

/* Parses a packet of any kind. False: it is not metered, and counted under its reason. */
static __attribute__((noinline)) bool parse_other(struct sf_meter *meter,
	const struct sf_packet *packet, struct sf_facts *facts,
	const struct sf_observation_point *point)
{
	int reason = sf_parse_tunnels(packet, &meter->tunnels, facts);

	if (reason != SF_PARSED) {
		count_ignored(meter, (enum sf_ignored)reason, packet->link, facts);
		return false;
	}
	if (sf_unlikely(meter->details))
		sf_details_read(packet, facts, meter->details);
	facts->scope = point->id;
	facts->interface = (uint16_t)(facts->interface + point->interface_base);
	if (sf_unlikely(facts->flags & SF_FACT_FRAGMENT) && meter->joins) {
		sf_fragment_mark(facts);
		meter->has_fragments = true;
	}
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
 * Sets time and clock of the facts. The packet may be earlier than the clock of its source, or later (a
 * jump that does not count yet). Both times may be any number.
 */
static void set_clock(struct sf_meter *meter, struct sf_facts *facts, int64_t clock)
{
	if (clock > facts->time_ns) {
		facts->flags |= SF_FACT_LATE;
		meter->parsed.clock_steps++;
	} else {
		if (clock < facts->time_ns)
			facts->flags |= SF_FACT_AHEAD;
		clock = facts->time_ns;
	}
	facts->time_ns = within_reason(facts->time_ns);
	facts->clock_ns = within_reason(clock);
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
		if ((sf_likely(sf_parse_plain(packet, out, scope, interface_base, false)) &&
			    !may_be_mirrored(out)) ||
			parse_other(meter, packet, out, point))
			out++;
	}
	return (unsigned)(out - facts);
}

/* The same with annexes: the parser stores the tail too, and the facts on request are packed. */
static unsigned parse_plain_tails(struct sf_meter *meter, const struct sf_packet *packets,
	unsigned count, const struct sf_observation_point *point, struct sf_facts_array array)
{
	const struct sf_annex_layout *layout = sf_table_layout(meter->table);
	const uint16_t scope = point->id, interface_base = point->interface_base;
	struct sf_facts *out = array.facts;

	for (const struct sf_packet *packet = packets; packet < packets + count; packet++) {
		if (sf_unlikely(!sf_parse_plain(packet, out, scope, interface_base, true)) ||
			may_be_mirrored(out)) {
			if (!parse_other(meter, packet, out, point))
				continue;
		} else if (meter->details) {
			sf_details_read(packet, out, meter->details);
		}
		if (sf_unlikely(meter->apps != NULL))
			sf_apps_look(meter->apps, packet, out);
		sf_annex_pack(
			layout, out, sf_annex_at(layout, array, (unsigned)(out - array.facts)));
		out++;
	}
	return (unsigned)(out - array.facts);
}

/* Parses packets of any order of time, with all options. */
static unsigned parse_any(struct sf_meter *meter, const struct sf_packet *packets, unsigned count,
	const int64_t *clock, const struct sf_observation_point *point, struct sf_facts_array array)
{
	const struct sf_annex_layout *layout = sf_table_layout(meter->table);
	struct sf_facts *out = array.facts;

	for (unsigned i = 0; i < count; i++) {
		if (!parse_other(meter, &packets[i], out, point) ||
			left_out(meter, &packets[i], out))
			continue;
		if (sf_unlikely(meter->apps != NULL))
			sf_apps_look(meter->apps, &packets[i], out);
		set_clock(meter, out, clock ? clock[i] : packets[i].time_ns);
		if (meter->key != SF_KEY_DEFAULT)
			choose_key(out, meter->key);
		if (sf_unlikely(out->flags & SF_FACT_TUNNEL) && meter->key & SF_KEY_TUNNEL)
			put_tunnel_in_key(out);
		if (layout->packet_bytes)
			sf_annex_pack(layout, out,
				sf_annex_at(layout, array, (unsigned)(out - array.facts)));
		out++;
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

unsigned sf_meter_parse(struct sf_meter *meter, const struct sf_packet *packets, unsigned count,
	const int64_t *clock, const struct sf_observation_point *point, struct sf_facts_array array)
{
	meter->parsed.frames += count;
	if (sf_unlikely(!is_plain(meter, packets, count, clock)))
		return parse_any(meter, packets, count, clock, point, array);
	if (sf_unlikely(meter->tails))
		return parse_plain_tails(meter, packets, count, point, array);
	return parse_plain(meter, packets, count, point, array.facts);
}

const struct sf_annex_layout *sf_meter_layout(const struct sf_meter *meter)
{
	return sf_table_layout(meter->table);
}

struct sf_facts_array sf_meter_room(struct sf_meter *meter)
{
	return sf_table_room(meter->table);
}

/* Gives a part with fragments to the table. Fragments that wait for their first one are kept back. */
static __attribute__((noinline)) void offer_fragments(struct sf_meter *meter, unsigned count)
{
	const struct sf_annex_layout *layout = sf_table_layout(meter->table);
	struct sf_facts_array room = sf_table_room(meter->table);

	memcpy(meter->staged, room.facts, count * sizeof(*meter->staged));
	if (layout->packet_bytes)
		memcpy(meter->staged_annexes, room.annexes, (size_t)count * layout->packet_bytes);
	for (unsigned i = 0; i < count; i++)
		sf_fragments_take(&meter->fragments, &meter->staged[i],
			layout->packet_bytes
				? meter->staged_annexes + (size_t)i * layout->packet_bytes
				: NULL);
	offer_given(meter);
}

void sf_meter_offer(struct sf_meter *meter, unsigned count)
{
	const struct sf_facts *facts = sf_table_room(meter->table).facts;
	unsigned flags = 0;

	for (unsigned i = 0; i < count; i++)
		flags |= facts[i].flags;
	if (sf_unlikely(flags & SF_FACT_FRAGMENT) && meter->joins)
		offer_fragments(meter, count);
	else
		account_room(meter, count);
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
		if (sf_likely(plain && !meter->tails))
			parsed = parse_plain(meter, packets + i, part, point, room.facts);
		else if (plain)
			parsed = parse_plain_tails(meter, packets + i, part, point, room);
		else
			parsed = parse_any(
				meter, packets + i, part, clock ? clock + i : NULL, point, room);
		if (sf_unlikely(meter->has_fragments))
			offer_fragments(meter, parsed);
		else
			account_room(meter, parsed);
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

/* Meters fragments that have waited too long for their first one: their flow has no ports. */
static void give_up_fragments(struct sf_meter *meter, int64_t now)
{
	if (sf_likely(!meter->fragments.packets))
		return;
	sf_fragments_expire(&meter->fragments, now);
	offer_given(meter);
}

bool sf_meter_age(struct sf_meter *meter, int64_t now)
{
	give_up_fragments(meter, now);
	return sf_table_age(meter->table, now);
}

void sf_meter_finish(struct sf_meter *meter, int64_t now)
{
	give_up_fragments(meter, INT64_MAX);
	sf_table_finish(meter->table, within_reason(now));
}

uint32_t sf_meter_ids_used(struct sf_meter *meter)
{
	give_up_fragments(meter, INT64_MAX);
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
	struct sf_parsed parsed = meter->parsed;

	parsed.dedup_examined = meter->dedup.examined;
	parsed.dedup_copies = meter->dedup.duplicates;
	return parsed;
}

void sf_parsed_enter(const struct sf_parsed *parsed, struct sf_ledger *ledger)
{
	ledger->frames = parsed->frames;
	memcpy(ledger->ignored, parsed->ignored, sizeof(ledger->ignored));
	ledger->dedup_examined = parsed->dedup_examined;
	ledger->dedup_copies = parsed->dedup_copies;
	ledger->clock_steps = parsed->clock_steps;
	ledger->unsupported_link = parsed->unsupported_link;
	ledger->non_ip = parsed->non_ip;
}

/* Fragments that wait count as metered, and as packets in the table. */
static void enter_fragments(const struct sf_fragments *fragments, struct sf_ledger *ledger)
{
	ledger->packets += fragments->packets;
	ledger->octets += fragments->octets;
	ledger->table_packets += fragments->packets;
	ledger->table_octets += fragments->octets;
	ledger->fragments_joined = fragments->counters.joined;
	ledger->fragments_orphaned = fragments->counters.orphaned;
	ledger->fragments_overlapping = fragments->counters.overlapping;
	ledger->fragments_too_long = fragments->counters.too_long;
	ledger->fragments_crowded = fragments->counters.crowded;
}

void sf_meter_ledger_sized(struct sf_meter *meter, struct sf_ledger *ledger, size_t size)
{
	const struct sf_parsed parsed = sf_meter_parsed(meter);
	struct sf_ledger known = { 0 };

	sf_table_ledger(meter->table, &known);
	enter_fragments(&meter->fragments, &known);
	sf_parsed_enter(&parsed, &known);
	sf_sized_counters(ledger, size, &known, sizeof(known));
}

void sf_meter_sum(struct sf_meter *meter, uint64_t *flows, uint64_t *packets, uint64_t *octets)
{
	sf_table_sum(meter->table, flows, packets, octets);
	*packets += meter->fragments.packets;
	*octets += meter->fragments.octets;
}
