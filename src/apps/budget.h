/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much of each direction of a flow is still read. A new direction has SF_BUDGET_WHOLE units; a
 * packet that is looked at takes some of them, and the message that was looked for takes the rest.
 * Packets of a direction without units are not looked at: they cost one look-up here.
 *
 *	uint32_t *state = sf_budget_find(&budgets, facts);	of the packet's direction
 *
 *	if (!sf_budget_left(*state))
 *		return;
 *	sf_budget_take(state, SF_BUDGET_PAYLOAD);
 *
 * The worker that parses packets has no access to the table of flows, which may belong to another
 * worker. So directions are found by a hash with a secret key: a new direction is taken for another
 * active one with a probability of 1 to 2^28. A direction begins anew when it was silent for the
 * idle timeout, and with a SYN after about a second of silence: a sender that sets SYN in each
 * packet does not get each of them read. If there are more directions than places, the one that was
 * silent for the longest time gives up its place; if it goes on, it is read anew.
 */
#ifndef SPANFLOW_APPS_BUDGET_H
#define SPANFLOW_APPS_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/facts.h"
#include "base/hash.h"

#define SF_BUDGET_WHOLE   128u
#define SF_BUDGET_PAYLOAD 8u /* a packet with payload */
#define SF_BUDGET_PIECE   1u /* a packet with a further piece of a message, or without payload */

#define SF_BUDGET_SYN_SILENCE 4u /* units of 2^28 ns before a SYN begins a direction anew */

#define SF_BUDGET_WAYS 8
#define SF_BUDGET_MAX  (UINT32_C(1) << 20) /* directions */

/*
 * A cache line. The state of a direction: units << 24, time of its
 * latest packet in units of 2^28 ns.
 */
struct sf_budget_set {
	uint32_t tags[SF_BUDGET_WAYS]; /* 0: a free place */
	uint32_t states[SF_BUDGET_WAYS];
};

struct sf_budgets {
	struct sf_budget_set *sets; /* NULL: there is no limit */
	uint32_t mask;              /* number of sets - 1 */
	uint32_t idle;              /* timeout in units of 2^28 ns, at least 1 */
	struct sf_hash_key key;
};

/*
 * Makes places for the directions of `max_flows` flows, at most
 * SF_BUDGET_MAX. 0 or a negative errno value.
 */
int sf_budgets_init(struct sf_budgets *budgets, uint32_t max_flows, int64_t idle_ns);
void sf_budgets_fini(struct sf_budgets *budgets);

/* The place of a direction that has none. */
uint32_t *sf_budget_begin(struct sf_budget_set *set, uint32_t tag, uint32_t now);

#define SF_BUDGET_TIME UINT32_C(0xffffff)

static inline uint32_t sf_budget_left(uint32_t state)
{
	return state >> 24;
}

static inline void sf_budget_take(uint32_t *state, uint32_t units)
{
	uint32_t left = sf_budget_left(*state);

	*state -= (units < left ? units : left) << 24;
}

/* The state of a direction that has this hash; `facts`: its latest packet from now on. */
static sf_always_inline uint32_t *sf_budget_touch(
	struct sf_budgets *budgets, uint64_t hash, const struct sf_facts *facts)
{
	const uint32_t now = (uint32_t)(facts->time_ns >> 28) & SF_BUDGET_TIME;
	const uint32_t tag = (uint32_t)(hash >> 32) | 1;
	struct sf_budget_set *set = &budgets->sets[hash & budgets->mask];
	uint32_t *state = NULL, since;

	for (unsigned i = 0; i < SF_BUDGET_WAYS; i++)
		if (set->tags[i] == tag) {
			state = &set->states[i];
			break;
		}
	if (sf_unlikely(!state))
		return sf_budget_begin(set, tag, now);
	since = (now - *state) & SF_BUDGET_TIME;
	if (sf_unlikely(since > SF_BUDGET_TIME / 2)) /* the packet is earlier than the one before */
		return state;
	*state += since;
	if (sf_unlikely(since >= budgets->idle ||
			(facts->tcp_flags & 0x02 && since >= SF_BUDGET_SYN_SILENCE)))
		*state = SF_BUDGET_WHOLE << 24 | now;
	return state;
}

/* The hash of the packet's direction. `address`: of both addresses. */
static sf_always_inline uint64_t sf_budget_hash(const struct sf_hash_key *key,
	const struct sf_facts *facts, uint64_t address, uint64_t tunnel)
{
	const uint64_t mask = SF_FACTS_WORD(UINT64_C(0xffff), scope, scope) |
			      SF_FACTS_WORD(UINT64_C(0xffff), scope, version) |
			      SF_FACTS_WORD((uint64_t)SF_FACT_SWAPPED, scope, flags);
	uint64_t ports, rest;

	memcpy(&ports, &facts->ports, sizeof(ports));
	memcpy(&rest, &facts->scope, sizeof(rest));
	return sf_hash_fast(key, address, ports, (rest & mask) ^ tunnel);
}

/* The same as sf_budget_find(), for IPv6 and packets in tunnels. */
uint32_t *sf_budget_find_any(struct sf_budgets *budgets, const struct sf_facts *facts);

/* The state of the packet's direction; the packet is its latest one from now on. */
static sf_always_inline uint32_t *sf_budget_find(
	struct sf_budgets *budgets, const struct sf_facts *facts)
{
	if (sf_unlikely(facts->version != 4 || facts->flags & SF_FACT_TUNNEL))
		return sf_budget_find_any(budgets, facts);
	return sf_budget_touch(
		budgets, sf_budget_hash(&budgets->key, facts, facts->address, 0), facts);
}

#endif
