/* SPDX-License-Identifier: BSD-2-Clause */
/* What sources know of the addresses of a batch of records. */
#include <string.h>

#include "base/wire.h"
#include "enrich/internal.h"

static const uint8_t no_hop[16];

/* The addresses of a batch by family, and the sides that they belong to. */
struct addresses {
	unsigned count;
	struct sf_lpm_address addresses[2 * SF_ENRICH_BATCH];
	struct sf_extra_side *sides[2 * SF_ENRICH_BATCH];
};

static void gather(const struct sf_flow *flows, unsigned count, struct sf_extra *extra,
	struct addresses *families)
{
	for (unsigned i = 0; i < count; i++) {
		struct addresses *family = &families[flows[i].ip_version == 6];

		for (unsigned side = 0; side < 2; side++) {
			const uint8_t *address = flows[i].addr[side];

			/* the bytes behind an IPv4 address are 0 */
			family->addresses[family->count] =
				(struct sf_lpm_address){ sf_load_be64(address),
					sf_load_be64(address + 8) };
			family->sides[family->count++] = &extra[i].side[side];
			extra[i].side[side] = (struct sf_extra_side){ .next_hop = no_hop,
				.bgp_next_hop = no_hop };
		}
	}
}

static bool is_known(const uint8_t *hop)
{
	return memcmp(hop, no_hop, sizeof(no_hop)) != 0;
}

/* Adds what is not known yet. */
static void add_facts(struct sf_extra_side *side, const struct sf_routes *routes,
	const struct sf_route *route, uint32_t what)
{
	const struct sf_hops *hops = &routes->hops[route->hops];

	if (!side->egress)
		side->egress = route->egress;
	if (what & SF_EXTRA_AS && !side->as)
		side->as = route->as;
	if (what & SF_EXTRA_PREFIX_LENGTH && !side->prefix_length)
		side->prefix_length = route->length;
	if (what & SF_EXTRA_COUNTRY && !side->country[0])
		memcpy(side->country, route->country, sizeof(side->country));
	if (!route->hops)
		return;
	if (what & SF_EXTRA_NEXT_HOP && side->next_hop == no_hop && is_known(hops->next))
		side->next_hop = hops->next;
	if (what & SF_EXTRA_BGP_NEXT_HOP && side->bgp_next_hop == no_hop && is_known(hops->bgp))
		side->bgp_next_hop = hops->bgp;
}

void sf_enrich_begin(
	void *context, const struct sf_flow *flows, unsigned count, struct sf_extra *extra)
{
	struct sf_enrich *enrich = context;
	struct addresses families[2];
	const struct sf_enrich_tables *tables;
	uint32_t values[2 * SF_ENRICH_BATCH];

	/* pairs with the exchange in publish(): it sees this batch, or this load its tables */
	atomic_fetch_add_explicit(&enrich->batches, 1, memory_order_seq_cst);
	tables = atomic_load_explicit(&enrich->tables, memory_order_seq_cst);
	families[0].count = families[1].count = 0;
	gather(flows, count, extra, families);
	for (unsigned s = 0; s < enrich->count; s++) {
		const struct sf_routes *routes = tables->routes[s];

		if (!routes)
			continue;
		for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
			struct addresses *family = &families[ipv6];

			if (!family->count)
				continue;
			sf_lpm_find(routes->lpm, ipv6, family->addresses, values, family->count);
			for (unsigned i = 0; i < family->count; i++)
				add_facts(family->sides[i], routes, &routes->routes[values[i]],
					enrich->sources[s].what);
		}
	}
	if (enrich->enricher.gives & SF_EXTRA_INTERFACES)
		sf_ways_fill(&enrich->ways, tables->map, flows, count, extra);
}

void sf_enrich_end(void *context)
{
	struct sf_enrich *enrich = context;

	/* pairs with the load in publish(): nothing of the old tables is read any more */
	atomic_fetch_add_explicit(&enrich->batches, 1, memory_order_seq_cst);
}
