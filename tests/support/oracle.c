/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Written from DESIGN §4 and the comments of flow.h and meter.h, not from src/table. Each rule
 * stands in one place, in the words of the design.
 */
#include <stdio.h>
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
	bool mpls, mac;
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

		free(oracle->flows);
		oracle->flows = next;
	}
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

static void emit(struct oracle *oracle, struct oracle_flow *flow, enum sf_end_reason reason)
{
	const struct sf_facts *key = &flow->key;
	int d0 = flow->initiator;
	struct sf_flow *record;

	if (oracle->count == oracle->room) {
		oracle->room = oracle->room ? oracle->room * 2 : 64;
		oracle->records = realloc(oracle->records, oracle->room * sizeof(*oracle->records));
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
	if (oracle->options.cold_facts) {
		if (flow->mac)
			record->has |= SF_HAS_MAC;
		if (flow->mpls)
			record->has |= SF_HAS_MPLS;
		if (key->version == 6)
			record->has |= SF_HAS_FLOW_LABEL;
	}
}

/* What belongs to one record only. */
static void empty(struct oracle_flow *flow)
{
	memset(flow->side, 0, sizeof(flow->side));
	flow->fragment = flow->mpls = flow->mac = false;
}

/* The side that began the flow, if this is its first packet. */
static int initiator_by(const struct sf_facts *facts)
{
	int sender = facts->flags & SF_FACT_SWAPPED ? 1 : 0;
	bool answers =
		facts->flags & SF_FACT_TCP && facts->tcp_flags & SYN && facts->tcp_flags & ACK;

	return answers || facts->flags & SF_FACT_ANSWER ? !sender : sender;
}

static void begin_flow(
	struct oracle *oracle, struct oracle_flow *flow, const struct sf_facts *facts)
{
	struct oracle_flow *next = flow->next;

	memset(flow, 0, sizeof(*flow));
	flow->next = next;
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
	} else if (facts->clock_ns >= idle || facts->clock_ns >= active ||
		   is_too_far_back(flow, facts)) {
		bool is_cut =
			active <= idle || (facts->clock_ns < idle && facts->clock_ns < active);

		emit(oracle, flow, is_cut ? SF_END_ACTIVE : SF_END_IDLE);
		if (is_cut && facts->clock_ns < idle) {
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
		if (oracle->options.cold_facts) {
			memcpy(half->src_mac, facts->src_mac, 6);
			memcpy(half->dst_mac, facts->dst_mac, 6);
			half->flow_label = facts->flow_label;
			flow->mac |= (facts->flags & SF_FACT_MAC) != 0;
			if (facts->flags & SF_FACT_MPLS) {
				half->mpls = facts->mpls;
				flow->mpls = true;
			}
		}
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

/* A record with what the comparison needs beside it. */
struct item {
	struct sf_flow flow;
	uint64_t id, since;
};

static int by_content(const void *a, const void *b)
{
	return memcmp(&((const struct item *)a)->flow, &((const struct item *)b)->flow,
		sizeof(struct sf_flow));
}

static struct item *items_of(const struct sf_flow *flows, const uint64_t *since, size_t count)
{
	struct item *items = calloc(count + 1, sizeof(*items));

	for (size_t i = 0; i < count; i++) {
		items[i].flow = flows[i];
		items[i].id = flows[i].id;
		items[i].flow.id = 0;
		items[i].since = since ? since[i] : 0;
	}
	qsort(items, count, sizeof(*items), by_content);
	return items;
}

static void describe(char *text, size_t size, const char *who, const struct sf_flow *flow)
{
	snprintf(text, size,
		"%s: v%u proto %u ports %u %u reason %u packets %llu+%llu octets %llu+%llu "
		"times %lld-%lld %lld-%lld flags %x %x has %x domain %u",
		who, flow->ip_version, flow->protocol, flow->port[0], flow->port[1],
		flow->end_reason, (unsigned long long)flow->half[0].packets,
		(unsigned long long)flow->half[1].packets, (unsigned long long)flow->half[0].octets,
		(unsigned long long)flow->half[1].octets, (long long)flow->half[0].start_ns,
		(long long)flow->half[0].end_ns, (long long)flow->half[1].start_ns,
		(long long)flow->half[1].end_ns, flow->half[0].tcp_flags, flow->half[1].tcp_flags,
		flow->has, flow->domain);
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = (*(struct item *const *)a)->id, y = (*(struct item *const *)b)->id;

	return x < y ? -1 : x > y;
}

/*
 * flowId is one-to-one with the flow: a function of its number, and different for flows that
 * differ in key or beginning. (`since` stands for both: it seldom agrees by chance, and then this
 * only fails to look.)
 */
static const char *compare_ids(struct item *ours, struct item *theirs, size_t count)
{
	struct item **order = calloc(count + 1, sizeof(*order));
	const char *wrong = NULL;

	for (unsigned pass = 0; pass < 2; pass++) {
		struct item *from = pass ? theirs : ours, *to = pass ? ours : theirs;

		for (size_t i = 0; i < count; i++)
			order[i] = &from[i];
		qsort(order, count, sizeof(*order), by_number);
		for (size_t i = 1; i < count && !wrong; i++) {
			size_t at = (size_t)(order[i] - from),
			       before = (size_t)(order[i - 1] - from);

			if (theirs[at].id >> 53)
				wrong = "a flowId is not below 2^53";
			if (order[i]->id != order[i - 1]->id || to[at].id == to[before].id)
				continue;
			if (!pass)
				wrong = "flowId changes within a flow";
			else if (ours[at].since != ours[before].since)
				wrong = "two flows have the same flowId";
		}
	}
	free(order);
	return wrong;
}

const char *oracle_compare(struct oracle *oracle, struct sf_flow *flows, size_t count)
{
	static char text[1024];
	struct item *ours = items_of(oracle->records, oracle->since, oracle->count);
	struct item *theirs = items_of(flows, NULL, count);
	const char *wrong = NULL;

	for (size_t i = 0; i < oracle->count && i < count && !wrong; i++) {
		if (by_content(&ours[i], &theirs[i]) == 0)
			continue;
		describe(text, sizeof(text) / 2, "oracle", &ours[i].flow);
		strcat(text, "\n");
		describe(text + strlen(text), sizeof(text) / 2 - 2, "table", &theirs[i].flow);
		wrong = text;
	}
	if (!wrong && oracle->count != count) {
		snprintf(text, sizeof(text), "%zu records instead of %zu", count, oracle->count);
		wrong = text;
	}
	if (!wrong)
		wrong = compare_ids(ours, theirs, count);
	free(ours);
	free(theirs);
	return wrong;
}

void offer_facts(struct sf_table *table, const struct sf_facts *facts, unsigned count, bool settled)
{
	for (unsigned i = 0, part; i < count; i += part) {
		part = count - i < SF_TABLE_PART ? count - i : SF_TABLE_PART;
		memcpy(sf_table_room(table), facts + i, part * sizeof(*facts));
		sf_table_offer(table, part);
	}
	if (settled)
		sf_table_settle(table);
}

unsigned record_list_put(void *context, const struct sf_flow *flows, unsigned count)
{
	struct record_list *list = context;

	if (list->refuse) {
		list->refuse--;
		return 0;
	}
	if (list->room < list->count + count) {
		list->room = (list->count + count) * 2;
		list->flows = realloc(list->flows, list->room * sizeof(*list->flows));
	}
	memcpy(list->flows + list->count, flows, count * sizeof(*flows));
	list->count += count;
	return count;
}

void record_list_free(struct record_list *list)
{
	free(list->flows);
	*list = (struct record_list){ 0 };
}
