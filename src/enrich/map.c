/* SPDX-License-Identifier: BSD-2-Clause */
/* Rules of the interface map against flow records. map_file.c reads the rules. */
#include "enrich/map.h"

#include <stdlib.h>
#include <string.h>

#include <spanflow/tunnel.h>

#include "base/annex.h"

void sf_map_free(struct sf_map *map)
{
	if (!map)
		return;
	for (unsigned what = 0; what < SF_MAP_WHATS; what++)
		free(map->rules[what]);
	free(map->interfaces);
	free(map);
}

/* ---------------------------------------------------------------- records */

void sf_map_port(struct sf_map *map, uint32_t number, const char *name)
{
	for (unsigned what = 0; what < SF_MAP_WHATS; what++)
		for (unsigned i = 0; i < map->rule_count[what]; i++)
			if (*name && !strcmp(map->rules[what][i].port_name, name))
				map->rules[what][i].port = number;
}

static bool is_within(const struct sf_map_rule *rule, unsigned side, const struct sf_flow *flow,
	const uint8_t *address)
{
	unsigned length = rule->prefix[side].length, whole = length / 8, rest = length % 8;
	const uint8_t *prefix = rule->prefix[side].address;

	return rule->prefix[side].ipv6 == (flow->ip_version == 6) &&
	       memcmp(prefix, address, whole) == 0 &&
	       (rest == 0 || (prefix[whole] ^ address[whole]) >> (8 - rest) == 0);
}

static struct sf_mirror_facts mirror_of(const struct sf_flow *flow, unsigned d)
{
	struct sf_mirror_facts mirror;

	memcpy(&mirror, sf_fact_get_mirror(flow, d), sizeof(mirror));
	return mirror;
}

static bool is_vni(const struct sf_flow *flow, unsigned d, uint32_t vni)
{
	const struct sf_mirror_facts mirror = mirror_of(flow, d);
	struct sf_tunnel_facts tunnel;

	if (mirror.known & SF_MIRROR_VNI && mirror.id == vni)
		return true;
	if (!(flow->has & SF_HAS_TUNNEL))
		return false;
	memcpy(&tunnel, sf_fact_get_tunnel(flow, d), sizeof(tunnel));
	if (tunnel.kind == SF_TUNNEL_NVGRE)
		return tunnel.id >> 8 == vni;
	return (tunnel.kind == SF_TUNNEL_VXLAN || tunnel.kind == SF_TUNNEL_GENEVE) &&
	       tunnel.version && tunnel.id == vni;
}

/* The conditions about the mirror. */
static bool is_mirrored_so(const struct sf_map_rule *rule, const struct sf_flow *flow, unsigned d)
{
	const struct sf_mirror_facts mirror = mirror_of(flow, d);
	unsigned c = rule->conditions;

	if (c & SF_MAP_ERSPAN_SESSION &&
		(!(mirror.known & SF_MIRROR_SESSION) || mirror.id != rule->erspan_session))
		return false;
	if (c & SF_MAP_ERSPAN_PORT &&
		(!(mirror.known & SF_MIRROR_PORT) || mirror.port != rule->erspan_port))
		return false;
	if (c & SF_MAP_ERSPAN_DIRECTION && !(mirror.known & rule->erspan_direction))
		return false;
	if (c & (SF_MAP_TRAILER_DEVICE | SF_MAP_TRAILER_PORT) && !(mirror.known & SF_MIRROR_DEVICE))
		return false;
	return !(c & SF_MAP_TRAILER_DEVICE && mirror.device != rule->trailer_device) &&
	       !(c & SF_MAP_TRAILER_PORT && mirror.device_port != rule->trailer_port) &&
	       (!(c & SF_MAP_VNI) || is_vni(flow, d, rule->vni));
}

static bool matches(const struct sf_map_rule *rule, const struct sf_flow *flow, unsigned d)
{
	unsigned c = rule->conditions;
	uint16_t vlan = flow->has & SF_HAS_VLAN ? flow->vlan : 0;
	uint16_t inner = flow->has & SF_HAS_CVLAN ? flow->cvlan : 0;

	if ((c & SF_MAP_PORT && rule->port != flow->half[d].ingress) ||
		(c & SF_MAP_VLAN && rule->vlan != vlan) ||
		(c & SF_MAP_INNER_VLAN && rule->inner_vlan != inner) ||
		(c & SF_MAP_DOMAIN && rule->domain != flow->domain))
		return false;
	if (c & SF_MAP_MPLS &&
		(!(flow->has & SF_HAS_MPLS) || sf_fact_get_mpls(flow, d) >> 4 != rule->mpls))
		return false;
	if (c & (SF_MAP_SOURCE_MAC | SF_MAP_DESTINATION_MAC) && !(flow->has & SF_HAS_MAC))
		return false;
	if (c & SF_MAP_SOURCE_MAC && memcmp(rule->mac[0], sf_fact_get_src_mac(flow, d), 6))
		return false;
	if (c & SF_MAP_DESTINATION_MAC && memcmp(rule->mac[1], sf_fact_get_dst_mac(flow, d), 6))
		return false;
	if (c & SF_MAP_MIRROR && !is_mirrored_so(rule, flow, d))
		return false;
	return (!(c & SF_MAP_SOURCE_PREFIX) || is_within(rule, 0, flow, flow->addr[d])) &&
	       (!(c & SF_MAP_DESTINATION_PREFIX) || is_within(rule, 1, flow, flow->addr[!d]));
}

bool sf_map_find(const struct sf_map *map, enum sf_map_what what, const struct sf_flow *flow,
	unsigned d, uint32_t *value)
{
	for (unsigned i = 0; i < map->rule_count[what]; i++) {
		const struct sf_map_rule *rule = &map->rules[what][i];

		if (!matches(rule, flow, d))
			continue;
		*value = rule->value;
		if (what != SF_MAP_DIRECTION || rule->value != SF_MAP_AS_MIRRORED)
			return true;
		*value = mirror_of(flow, d).known & (SF_MIRROR_INGRESS | SF_MIRROR_EGRESS);
		if (*value) {
			*value = *value == SF_MIRROR_EGRESS;
			return true;
		}
	}
	return false;
}

const struct sf_interface_info *sf_map_interface(const struct sf_map *map, uint32_t number)
{
	unsigned low = 0, high = map->interface_count;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (map->interfaces[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < map->interface_count && map->interfaces[low].number == number
		       ? &map->interfaces[low]
		       : NULL;
}
