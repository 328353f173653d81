/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The naive meter. Written from docs/design.md §4 and the comments of flow.h and meter.h, not from
 * src/table. Each rule stands in one place, in the words of the design.
 */
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "oracle.h"
#include "table/layout.h"

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

#define LINGER (2 * SF_NS_PER_S)
#define HOURS  (3600 * SF_NS_PER_S)

/* Side 0 and 1 are the endpoints in canonical order. */
struct oracle_flow {
	struct oracle_flow *next;
	struct sf_facts key;
	uint64_t number;
	int64_t since; /* first packet of the flow's first record */
	bool cut;
	int initiator;
	bool fin[2];
	int last_fin;
	int64_t fin_time; /* of the last FIN, and no earlier than the record's first packet */
	bool ended;
	int64_t gone; /* end of the linger */
	bool fragment;
	struct sf_flow_half side[2];
	_Alignas(8) struct sf_tcp_side tcp[2];
	bool has_tcp[2]; /* the record has TCP packets of the side */
	_Alignas(8) struct sf_shape_side shape[2];
	/* the record's packets in the order of arrival, if facts are asked for */
	struct sf_facts *packets;
	size_t packet_count, packet_room;
};

struct oracle *oracle_new(const struct sf_meter_options *options)
{
	struct oracle *oracle = calloc(1, sizeof(*oracle));

	oracle->options = *options;
	if (oracle->options.active_timeout_ns > 72 * HOURS)
		oracle->options.active_timeout_ns = 72 * HOURS;
	return oracle;
}

void oracle_free(struct oracle *oracle)
{
	while (oracle->flows) {
		struct oracle_flow *next = oracle->flows->next;

		free(oracle->flows->packets);
		free(oracle->flows);
		oracle->flows = next;
	}
	free(oracle->facts);
	free(oracle->records);
	free(oracle->since);
	free(oracle);
}

static bool same_key(const struct sf_facts *a, const struct sf_facts *b)
{
	return a->version == b->version && a->protocol == b->protocol && a->scope == b->scope &&
	       a->ports == b->ports && a->tags == b->tags && a->address == b->address &&
	       memcmp(a->address6, b->address6, sizeof(a->address6)) == 0;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t first_of(const struct oracle_flow *flow)
{
	if (!flow->side[0].packets)
		return flow->side[1].start_ns;
	if (!flow->side[1].packets)
		return flow->side[0].start_ns;
	return earlier(flow->side[0].start_ns, flow->side[1].start_ns);
}

static int64_t last_of(const struct oracle_flow *flow)
{
	if (!flow->side[0].packets)
		return flow->side[1].end_ns;
	if (!flow->side[1].packets)
		return flow->side[0].end_ns;
	return later(flow->side[0].end_ns, flow->side[1].end_ns);
}

static int64_t after(int64_t time, int64_t timeout)
{
	return timeout == SF_TIMEOUT_NEVER ? INT64_MAX : time + timeout;
}

static int64_t idle_deadline(const struct oracle *oracle, const struct oracle_flow *flow)
{
	return after(last_of(flow), oracle->options.idle_timeout_ns);
}

static int64_t active_deadline(const struct oracle *oracle, const struct oracle_flow *flow)
{
	return after(first_of(flow), oracle->options.active_timeout_ns);
}

/* ---------------------------------------------------------------- facts on request */

static unsigned side_of(const struct sf_facts *facts)
{
	return facts->flags & SF_FACT_SWAPPED ? 1 : 0;
}

/* The packet's value, and whether it has the fact. */
static bool value_of(
	const struct sf_facts *packet, enum sf_fact fact, const uint8_t **value, size_t *bytes)
{
	const struct sf_fact_row *row = sf_fact_row(fact);

	switch (fact) {
#define HEAD(member) member
#define TAIL(member) member
#define LENT(member) member
/* of facts that are watched: merge_fact() does not come here */
#define SEEN(member, watcher)      member
#define SEEN_HEAD(member, watcher) member
#define NOWHERE                    address
#define FACT(name, form, width, merge, source, ...)                                                \
	case SF_FACT_##name:                                                                       \
		*value = (const uint8_t *)&packet->source;                                         \
		*bytes = sizeof(packet->source);                                                   \
		break;
/* of facts that are made of records: merge_fact() does not come here */
#define BY(function) address
#include "base/facts.def"
#undef HEAD
#undef TAIL
#undef LENT
#undef SEEN
#undef SEEN_HEAD
#undef BY
#undef NOWHERE
	case SF_FACT_COUNT:
		return false;
	}
	return !row->has || sf_facts_has(packet) & row->has;
}

static uint64_t number(const uint8_t *value, size_t bytes)
{
	return sf_fact_number(value, (unsigned)bytes);
}

/* One packet of the side after another, each with all those before it: docs/table.md. */
static bool merge_fact(
	const struct oracle_flow *flow, unsigned side, enum sf_fact fact, uint8_t *result)
{
	const struct sf_fact_row *row = sf_fact_row(fact);
	const struct sf_facts *kept = NULL;
	uint8_t bits[SF_FACT_BYTES_MAX] = { 0 };
	uint64_t sum = 0, n = 0;
	const uint8_t *value;
	size_t bytes;

	for (size_t i = 0; i < flow->packet_count; i++) {
		const struct sf_facts *packet = &flow->packets[i];
		bool has;

		if (side_of(packet) != side)
			continue;
		has = value_of(packet, fact, &value, &bytes);
		if (row->merge == SF_FACT_MERGE_FIRST || row->merge == SF_FACT_MERGE_REST) {
			/* also of a packet that lacks it */
			if (!kept || packet->time_ns < kept->time_ns)
				kept = packet;
			continue;
		}
		if (!has)
			continue;
		if (!kept || (row->merge == SF_FACT_MERGE_LAST && packet->time_ns >= kept->time_ns))
			kept = packet;
		if (row->merge == SF_FACT_MERGE_MIN)
			sum = !n || number(value, bytes) < sum ? number(value, bytes) : sum;
		else if (row->merge == SF_FACT_MERGE_MAX)
			sum = number(value, bytes) > sum ? number(value, bytes) : sum;
		else if (row->merge == SF_FACT_MERGE_SUM)
			sum += number(value, bytes);
		else if (row->merge == SF_FACT_MERGE_OR)
			for (size_t k = 0; k < bytes; k++)
				bits[k] |= value[k];
		n++;
	}
	for (size_t i = 0; row->merge == SF_FACT_MERGE_REST && i < flow->packet_count; i++)
		if (&flow->packets[i] != kept && side_of(&flow->packets[i]) == side) {
			value_of(&flow->packets[i], fact, &value, &bytes);
			sum |= number(value, bytes);
		}
	if (!kept || !value_of(kept, fact, &value, &bytes))
		return false;
	if (row->merge <= SF_FACT_MERGE_BEST)
		memcpy(result, value, row->bytes);
	else if (row->merge == SF_FACT_MERGE_OR)
		memcpy(result, bits, row->bytes);
	else
		memcpy(result, &sum, row->bytes);
	return true;
}

/* Direction d of the record is side d0 ^ d of the flow. */
static void emit_facts(const struct oracle *oracle, const struct oracle_flow *flow,
	struct sf_flow *record, struct fact_values values[2], unsigned d0)
{
	memset(values, 0, 2 * sizeof(*values));
	for (unsigned d = 0; d < 2; d++) {
#define FACT(name, ...)                                                                            \
	if (oracle->options.facts & SF_FACT_SET(name) &&                                           \
		sf_fact_row(SF_FACT_##name)->merge < SF_FACT_MERGE_WATCH &&                        \
		merge_fact(flow, d0 ^ d, SF_FACT_##name, values[d].name))                          \
		record->has |= sf_fact_row(SF_FACT_##name)->has;
#include "base/facts.def"
		if (oracle->options.facts & SF_FACT_SET(shape))
			memcpy(values[d].shape, &flow->shape[d0 ^ d], sizeof(flow->shape[0]));
		if (!(oracle->options.facts & SF_FACT_SET(tcp_quality)))
			continue;
		memcpy(values[d].tcp_quality, &flow->tcp[d0 ^ d], sizeof(flow->tcp[0]));
		if (flow->has_tcp[d0 ^ d])
			record->has |= SF_HAS_TCP;
	}
}

static void keep_packet(struct oracle_flow *flow, const struct sf_facts *facts)
{
	if (flow->packet_count == flow->packet_room) {
		flow->packet_room = flow->packet_room ? flow->packet_room * 2 : 16;
		flow->packets = realloc(flow->packets, flow->packet_room * sizeof(*flow->packets));
	}
	flow->packets[flow->packet_count++] = *facts;
}

/* ---------------------------------------------------------------- records */

static void emit(struct oracle *oracle, struct oracle_flow *flow, enum sf_end_reason reason)
{
	const struct sf_facts *key = &flow->key;
	int d0 = flow->initiator;
	struct sf_flow *record;

	if (oracle->count == oracle->room) {
		oracle->room = oracle->room ? oracle->room * 2 : 64;
		oracle->records = realloc(oracle->records, oracle->room * sizeof(*oracle->records));
		oracle->facts = realloc(oracle->facts, oracle->room * sizeof(*oracle->facts));
		oracle->since = realloc(oracle->since, oracle->room * sizeof(*oracle->since));
	}
	if (!flow->cut)
		flow->since = first_of(flow);
	oracle->since[oracle->count] = (uint64_t)flow->since;
	record = &oracle->records[oracle->count++];
	memset(record, 0, sizeof(*record));
	if (!flow->side[d0].packets)
		d0 = !d0;
	for (int d = 0; d < 2; d++) {
		int side = d ? !d0 : d0;

		if (flow->side[side].packets) {
			record->half[d] = flow->side[side];
			record->directions |= (uint8_t)(1 << d);
		}
		record->port[d] = (uint16_t)(side ? key->ports & 0xffff : key->ports >> 16);
		if (key->version == 6)
			memcpy(record->addr[d], key->address6[side], 16);
		else
			sf_store_be32(record->addr[d],
				(uint32_t)(side ? key->address & 0xffffffff : key->address >> 32));
	}
	record->id = flow->number;
	record->vlan = (uint16_t)(key->tags >> 20);
	record->cvlan = (uint16_t)(key->tags >> 8 & 0xfff);
	record->ip_version = key->version;
	record->protocol = key->protocol;
	record->end_reason = (uint8_t)reason;
	if (oracle->options.domain)
		record->domain = oracle->options.domain[key->interface];
	if (record->vlan)
		record->has |= SF_HAS_VLAN;
	if (record->cvlan)
		record->has |= SF_HAS_CVLAN;
	if (flow->fragment)
		record->has |= SF_HAS_FRAGMENTS;
	emit_facts(oracle, flow, record, oracle->facts[oracle->count - 1], (unsigned)d0);
}

/* What belongs to one record only. */
static void empty(struct oracle_flow *flow)
{
	memset(flow->side, 0, sizeof(flow->side));
	flow->fragment = false;
	flow->packet_count = 0;
	for (unsigned side = 0; side < 2; side++) {
		sf_tcp_cut((uint8_t *)&flow->tcp[side]);
		flow->has_tcp[side] = false;
		memset(&flow->shape[side], 0, sizeof(flow->shape[side]));
	}
}

/* The side that began the flow, if this is its first packet. */
static int initiator_by(const struct sf_facts *facts)
{
	int sender = facts->flags & SF_FACT_SWAPPED ? 1 : 0;
	bool answers =
		facts->flags & SF_FACT_TCP && facts->tcp_flags & SYN && facts->tcp_flags & ACK;

	return answers || facts->flags & SF_FACT_ANSWER ? !sender : sender;
}

/*
 * A SYN without ACK of a side that had a packet before: does its sequence number differ from that
 * packet's?
 */
static bool is_syn(const struct oracle *oracle, const struct oracle_flow *flow,
	const struct sf_facts *facts, bool differs)
{
	const struct sf_tcp_side *side = &flow->tcp[side_of(facts)];

	return oracle->options.facts & SF_FACT_SET(tcp_quality) && facts->flags & SF_FACT_TCP &&
	       facts->details.tcp.known && facts->tcp_flags & SYN && !(facts->tcp_flags & ACK) &&
	       side->state & SF_TCP_BEGUN &&
	       (side->sequence != facts->details.tcp.sequence) == differs;
}

static void begin_flow(
	struct oracle *oracle, struct oracle_flow *flow, const struct sf_facts *facts)
{
	const struct oracle_flow was = *flow;
	/* while it lingers */
	const bool again =
		was.ended && facts->clock_ns < was.gone && is_syn(oracle, flow, facts, false);

	memset(flow, 0, sizeof(*flow));
	/* the connection is tried again: what was known of it stays */
	for (unsigned side = 0; again && side < 2; side++) {
		flow->tcp[side] = was.tcp[side];
		sf_tcp_cut((uint8_t *)&flow->tcp[side]);
	}
	flow->next = was.next;
	flow->packets = was.packets;
	flow->packet_room = was.packet_room;
	flow->key = *facts;
	flow->number = ++oracle->flow_count;
	flow->initiator = initiator_by(facts);
}

static bool is_empty(const struct oracle_flow *flow)
{
	return !flow->side[0].packets && !flow->side[1].packets;
}

/* A record's times are ns after its first packet, in 48 bits. */
static bool is_too_far_back(const struct oracle_flow *flow, const struct sf_facts *facts)
{
	int64_t first = first_of(flow);
	int64_t latest = flow->ended ? later(last_of(flow), flow->gone) : last_of(flow);

	return !is_empty(flow) && first - facts->time_ns > SF_DELTA_MAX - (latest - first);
}

/* "Timeouts decide at lookup": is this packet still of the record, of the flow, or of neither? */
static void close_if_over(
	struct oracle *oracle, struct oracle_flow *flow, const struct sf_facts *facts)
{
	int64_t idle = idle_deadline(oracle, flow), active = active_deadline(oracle, flow);
	bool syn =
		facts->flags & SF_FACT_TCP && facts->tcp_flags & SYN && !(facts->tcp_flags & ACK);

	if (flow->ended) {
		/* a SYN from before the end is late */
		bool anew = syn && facts->time_ns >= flow->gone - LINGER;

		if (facts->clock_ns < flow->gone && !anew && !is_too_far_back(flow, facts))
			return;
		emit(oracle, flow, SF_END_DETECTED);
		begin_flow(oracle, flow, facts);
	} else if (facts->clock_ns < idle && facts->clock_ns < active &&
		   is_syn(oracle, flow, facts, true)) {
		emit(oracle, flow, SF_END_DETECTED);
		begin_flow(oracle, flow, facts);
	} else if (facts->clock_ns >= idle || facts->clock_ns >= active ||
		   is_too_far_back(flow, facts)) {
		bool is_cut =
			active <= idle || (facts->clock_ns < idle && facts->clock_ns < active);

		emit(oracle, flow, is_cut ? SF_END_ACTIVE : SF_END_IDLE);
		if (is_cut && facts->clock_ns < idle && !is_syn(oracle, flow, facts, true)) {
			flow->cut = true;
			flow->fin_time = facts->time_ns;
			flow->key.interface = facts->interface;
			empty(flow);
		} else {
			begin_flow(oracle, flow, facts);
		}
	}
}

static void count(struct oracle *oracle, struct oracle_flow *flow, const struct sf_facts *facts)
{
	struct sf_flow_half *half = &flow->side[facts->flags & SF_FACT_SWAPPED ? 1 : 0];
	int64_t time = facts->time_ns;

	if (!is_empty(flow) && !flow->cut && time < first_of(flow))
		flow->initiator = initiator_by(facts);
	if (!half->packets) {
		half->start_ns = half->end_ns = time;
		half->ingress =
			oracle->options.ifindex ? oracle->options.ifindex[facts->interface] : 0;
		half->tos = facts->tos;
		half->ttl_min = half->ttl_max = facts->ttl;
	}
	if (oracle->options.facts)
		keep_packet(flow, facts);
	if (oracle->options.facts & SF_FACT_SET(shape))
		sf_shape_watch((uint8_t *)&flow->shape[side_of(facts)], NULL, facts, NULL);
	if (oracle->options.facts & SF_FACT_SET(tcp_quality) && facts->flags & SF_FACT_TCP) {
		sf_tcp_watch((uint8_t *)&flow->tcp[side_of(facts)],
			(uint8_t *)&flow->tcp[!side_of(facts)], facts,
			(const uint8_t *)&facts->details.tcp);
		flow->has_tcp[side_of(facts)] = true;
	}
	half->packets++;
	half->octets += facts->octets;
	half->start_ns = earlier(half->start_ns, time);
	half->end_ns = later(half->end_ns, time);
	half->tcp_flags |= facts->tcp_flags;
	if (facts->ttl < half->ttl_min)
		half->ttl_min = facts->ttl;
	if (facts->ttl > half->ttl_max)
		half->ttl_max = facts->ttl;
	if (facts->flags & SF_FACT_FRAGMENT)
		flow->fragment = true;
}

/* FINs of both sides, and an ACK of the side whose FIN was first that is later than both. */
static void watch_tcp(struct oracle_flow *flow, const struct sf_facts *facts)
{
	int sender = facts->flags & SF_FACT_SWAPPED ? 1 : 0;
	bool fin = facts->tcp_flags & FIN, any_fin = flow->fin[0] || flow->fin[1];
	const struct sf_flow_half *answer;

	if (!(facts->flags & SF_FACT_TCP) || flow->ended)
		return;
	if (facts->tcp_flags & RST) {
		flow->ended = true;
	} else if (fin) {
		if (!any_fin || facts->time_ns >= flow->fin_time) {
			flow->last_fin = sender;
			flow->fin_time = facts->time_ns;
		}
		flow->fin[sender] = true;
		answer = &flow->side[!flow->last_fin];
		flow->ended = flow->fin[0] && flow->fin[1] && answer->packets &&
			      answer->end_ns > flow->fin_time;
	} else if (flow->fin[0] && flow->fin[1] && sender != flow->last_fin &&
		   facts->tcp_flags & ACK) {
		flow->ended = facts->time_ns >= flow->fin_time;
	}
	if (flow->ended)
		flow->gone = earlier(facts->clock_ns + LINGER, first_of(flow) + SF_DELTA_MAX);
}

void oracle_packet(struct oracle *oracle, const struct sf_facts *facts)
{
	struct oracle_flow *flow = oracle->flows;

	while (flow && !same_key(&flow->key, facts))
		flow = flow->next;
	if (!flow) {
		flow = calloc(1, sizeof(*flow));
		flow->next = oracle->flows;
		oracle->flows = flow;
		begin_flow(oracle, flow, facts);
	} else {
		close_if_over(oracle, flow, facts);
	}
	count(oracle, flow, facts);
	watch_tcp(flow, facts);
}

void oracle_finish(struct oracle *oracle, int64_t now)
{
	for (struct oracle_flow *flow = oracle->flows; flow; flow = flow->next) {
		int64_t idle = idle_deadline(oracle, flow), active = active_deadline(oracle, flow);

		if (flow->ended)
			emit(oracle, flow, SF_END_DETECTED);
		else if (now >= idle || now >= active)
			emit(oracle, flow, active <= idle ? SF_END_ACTIVE : SF_END_IDLE);
		else
			emit(oracle, flow, SF_END_FORCED);
	}
}
