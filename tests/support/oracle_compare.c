/* SPDX-License-Identifier: BSD-2-Clause */
/* The naive meter and a flow table side by side: the same packets in, are the records the same? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"
#include "table/layout.h"

/*
 * A record with the values that the comparison needs. The facts, which are large, are not copied.
 */
struct item {
	struct sf_flow flow;             /* without its id */
	const struct fact_values *facts; /* of both directions */
	uint64_t id, since;
};

static int by_content(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int order = memcmp(&x->flow, &y->flow, sizeof(x->flow));

	return order ? order : memcmp(x->facts, y->facts, 2 * sizeof(*x->facts));
}

static struct item *items_of(const struct sf_flow *flows, struct fact_values (*facts)[2],
	const uint64_t *since, size_t count)
{
	struct item *items = calloc(count + 1, sizeof(*items));

	for (size_t i = 0; i < count; i++) {
		items[i].flow = flows[i];
		items[i].facts = facts[i];
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

/* The first octets of a value, as a number to print. */
#define NUMBER_BYTES(bytes)  ((bytes) >= 8 ? 8 : (bytes) >= 4 ? 4 : (bytes) >= 2 ? 2 : 1)
#define NUMBER(value, bytes) ((unsigned long long)sf_fact_number(value, NUMBER_BYTES(bytes)))

/* The facts in which two records differ. */
static void describe_facts(char *text, const struct item *ours, const struct item *theirs)
{
	for (unsigned d = 0; d < 2; d++) {
#define FACT(name, form, bytes, ...)                                                               \
	if (memcmp(ours->facts[d].name, theirs->facts[d].name, bytes) != 0)                        \
		text += sprintf(text, "\n" #name " of direction %u: %llx instead of %llx", d,      \
			NUMBER(theirs->facts[d].name, bytes), NUMBER(ours->facts[d].name, bytes));
#include "base/facts.def"
	}
}

const char *oracle_compare(struct oracle *oracle, const struct record_list *list)
{
	static char text[8192];
	const size_t count = list->count;
	struct item *ours = items_of(oracle->records, oracle->facts, oracle->since, oracle->count);
	struct item *theirs = items_of(list->flows, list->facts, NULL, count);
	const char *wrong = NULL;

	for (size_t i = 0; i < oracle->count && i < count && !wrong; i++) {
		if (by_content(&ours[i], &theirs[i]) == 0)
			continue;
		describe(text, 512, "oracle", &ours[i].flow);
		strcat(text, "\n");
		describe(text + strlen(text), 512, "table", &theirs[i].flow);
		describe_facts(text + strlen(text), &ours[i], &theirs[i]);
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

void write_room(struct sf_table *table, const struct sf_facts *facts, unsigned count)
{
	const struct sf_annex_layout *layout = sf_table_layout(table);
	const struct sf_facts_array room = sf_table_room(table);

	for (unsigned i = 0; i < count; i++) {
		room.facts[i] = facts[i];
		/* the table must not look at the tail: it does not travel */
		memset((uint8_t *)&room.facts[i] + SF_FACTS_IPV6, 0xa5,
			sizeof(*facts) - SF_FACTS_IPV6);
		sf_annex_pack(layout, &facts[i], sf_annex_at(layout, room, i));
	}
}

void offer_facts(struct sf_table *table, const struct sf_facts *facts, unsigned count, bool settled)
{
	for (unsigned i = 0, part; i < count; i += part) {
		part = count - i < SF_TABLE_PART ? count - i : SF_TABLE_PART;
		write_room(table, facts + i, part);
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
		list->facts = realloc(list->facts, list->room * sizeof(*list->facts));
	}
	memcpy(list->flows + list->count, flows, count * sizeof(*flows));
	for (unsigned i = 0; i < count; i++) {
		fact_values_of(list->facts[list->count], &flows[i]);
		list->flows[list->count++].annex = NULL;
	}
	return count;
}

void record_list_free(struct record_list *list)
{
	free(list->flows);
	free(list->facts);
	*list = (struct record_list){ 0 };
}
