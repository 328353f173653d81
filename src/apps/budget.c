/* SPDX-License-Identifier: BSD-2-Clause */
#include "apps/budget.h"

#include <errno.h>
#include <stdlib.h>

int sf_budgets_init(struct sf_budgets *budgets, uint32_t max_flows, int64_t idle_ns)
{
	const uint32_t wanted = max_flows < SF_BUDGET_MAX / 2 ? 2 * max_flows : SF_BUDGET_MAX;
	/*
	 * Rounded down: a silence of the timeout always counts as one. At least 1: packets of the
	 * same unit are never a silence.
	 */
	const uint64_t units = (uint64_t)idle_ns >> 28, idle = units ? units : 1;
	uint32_t sets = 1;

	while (sets * SF_BUDGET_WAYS < wanted)
		sets *= 2;
	/* touched as they are needed */
	budgets->sets = calloc(sets, sizeof(*budgets->sets));
	if (!budgets->sets)
		return -ENOMEM;
	budgets->mask = sets - 1;
	budgets->idle = idle < SF_BUDGET_TIME ? (uint32_t)idle : SF_BUDGET_TIME;
	return sf_hash_key_random(&budgets->key);
}

void sf_budgets_fini(struct sf_budgets *budgets)
{
	free(budgets->sets);
	budgets->sets = NULL;
}

/* A free place, or else that of the direction which was silent for the longest time. */
static unsigned choose(const struct sf_budget_set *set, uint32_t now)
{
	uint32_t most = 0;
	unsigned chosen = 0;

	for (unsigned i = 0; i < SF_BUDGET_WAYS; i++) {
		uint32_t since = (now - set->states[i]) & SF_BUDGET_TIME;

		if (!set->tags[i])
			return i;
		if (since <= SF_BUDGET_TIME / 2 && since >= most) {
			most = since;
			chosen = i;
		}
	}
	return chosen;
}

uint32_t *sf_budget_begin(struct sf_budget_set *set, uint32_t tag, uint32_t now)
{
	unsigned i = choose(set, now);

	set->tags[i] = tag;
	set->states[i] = SF_BUDGET_WHOLE << 24 | now;
	return &set->states[i];
}

uint32_t *sf_budget_find_any(struct sf_budgets *budgets, const struct sf_facts *facts)
{
	uint64_t address = facts->version == 4
				   ? facts->address
				   : sf_hash_addresses(&budgets->key, facts->address6[0]);
	uint64_t tunnel = 0;

	if (facts->flags & SF_FACT_TUNNEL)
		tunnel = sf_hash_multiply(facts->tunnel.id ^ budgets->key.word[0],
			facts->tunnel.kind ^ budgets->key.word[1]);
	return sf_budget_touch(
		budgets, sf_budget_hash(&budgets->key, facts, address, tunnel), facts);
}
