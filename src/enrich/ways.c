/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way of each direction of a record: ingress and egress interface, flowDirection. Rules of the
 * interface map decide first. Without a rule, ingress is the capture port, egress is what --egress
 * says, and the direction follows from the own network. But if only one of the two interfaces is
 * known, the packets were observed at that one, and the direction is that of this interface.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/annex.h"
#include "base/local.h"
#include "base/wire.h"
#include "enrich/internal.h"

/* ---------------------------------------------------------------- own network */

#define LOCAL_MAX 256

/* Adds a prefix of the list to those of its family. */
static int add_local(const char *text, struct sf_lpm_prefix prefixes[2][LOCAL_MAX],
	size_t counts[2], struct sf_error *error)
{
	struct sf_network network;
	bool ipv6;

	if (!sf_network_parse(text, strlen(text), &network))
		return sf_error_set(error, SF_EUSAGE,
			"'%s' is no prefix (allowed: prefixes with commas between them, such as "
			"192.0.2.0/24,2001:db8::/32)",
			text);
	ipv6 = network.length == 16;
	if (counts[ipv6] == LOCAL_MAX)
		return sf_error_set(error, SF_EUSAGE, "more than %d prefixes", LOCAL_MAX);
	prefixes[ipv6][counts[ipv6]++] = (struct sf_lpm_prefix){
		.address = { sf_load_be64(network.address), sf_load_be64(network.address + 8) },
		.value = 1,
		.length = network.bits,
	};
	return 0;
}

int sf_ways_local(struct sf_enrich_ways *ways, const char *text, struct sf_error *error)
{
	struct sf_lpm_prefix prefixes[2][LOCAL_MAX];
	size_t counts[2] = { 0, 0 };
	char *copy = strdup(text), *rest = copy, *word;
	int code = copy ? 0 : -ENOMEM;

	while (code == 0 && (word = strsep(&rest, ",")))
		code = add_local(word, prefixes, counts, error);
	free(copy);
	if (code == 0)
		code = sf_lpm_new(&ways->local, prefixes[0], counts[0], prefixes[1], counts[1]);
	return code == -ENOMEM ? sf_error_set(error, code, "no memory for prefixes") : code;
}

static bool is_local(const struct sf_enrich_ways *ways, const struct sf_flow *flow, unsigned side)
{
	const uint8_t *address = flow->addr[side];
	bool ipv6 = flow->ip_version == 6;
	struct sf_lpm_address key;
	uint32_t value;

	if (!ways->local)
		return sf_local_is_private(address, ipv6);
	key = (struct sf_lpm_address){ sf_load_be64(address), sf_load_be64(address + 8) };
	sf_lpm_find(ways->local, ipv6, &key, &value, 1);
	return value != 0;
}

/* ---------------------------------------------------------------- capture ports */

static const struct sf_interface_info *find_port(const struct sf_enrich_ways *ways, uint32_t number)
{
	for (unsigned i = 0; i < ways->port_count; i++)
		if (ways->ports[i].number == number)
			return &ways->ports[i];
	return NULL;
}

static void add_port(struct sf_enrich_ways *ways, uint32_t number, const char *name)
{
	struct sf_interface_info *port;

	if (ways->port_count == SF_ENRICH_PORTS || find_port(ways, number))
		return;
	port = &ways->ports[ways->port_count++];
	*port = (struct sf_interface_info){ .number = number };
	strncpy(port->name, name, sizeof(port->name) - 1);
}

/* Remembers a capture port that no record named before, with its name if it has one. */
static void learn_port(struct sf_enrich_ways *ways, struct sf_map *map, uint32_t number)
{
	const char *name;
	uint32_t found;

	for (unsigned slot = 0; ways->port && ways->port(ways->port_of, slot, &found, &name);
		slot++)
		add_port(ways, found, name);
	add_port(ways, number, "");
	for (unsigned i = 0; map && i < ways->port_count; i++)
		sf_map_port(map, ways->ports[i].number, ways->ports[i].name);
}

/* ---------------------------------------------------------------- records */

static const struct sf_interface_info nothing;

static const struct sf_interface_info *info_of(
	const struct sf_enrich_ways *ways, const struct sf_map *map, uint32_t number)
{
	const struct sf_interface_info *interface = map ? sf_map_interface(map, number) : NULL;

	if (!interface)
		interface = find_port(ways, number);
	return interface ? interface : &nothing;
}

static void find_ingress(struct sf_enrich_ways *ways, struct sf_map *map,
	const struct sf_flow *flow, unsigned d, struct sf_extra_way *way)
{
	const struct sf_flow_half *half = &flow->half[d];

	if (!find_port(ways, half->ingress) && ways->port_count < SF_ENRICH_PORTS)
		learn_port(ways, map, half->ingress);
	*way = (struct sf_extra_way){ .ingress = half->ingress };
	if (map)
		sf_map_find(map, SF_MAP_INGRESS, flow, d, &way->ingress);
	if (ways->learn && flow->has & SF_HAS_MAC)
		sf_learn_add(ways->learn, sf_fact_get_src_mac(flow, d), way->ingress, half->end_ns);
}

static uint32_t default_egress(const struct sf_enrich_ways *ways, const struct sf_flow *flow,
	unsigned d, const struct sf_extra *extra)
{
	switch (ways->egress) {
	case SF_ENRICH_EGRESS_SAME:
		return extra->way[d].ingress;
	case SF_ENRICH_EGRESS_LEARN:
		return flow->has & SF_HAS_MAC
			       ? sf_learn_find(ways->learn, sf_fact_get_dst_mac(flow, d),
					 flow->half[d].end_ns)
			       : 0;
	case SF_ENRICH_EGRESS_FIB:
		return extra->side[!d].egress;
	case SF_ENRICH_EGRESS_NONE:
		break;
	}
	return 0;
}

static void find_rest(const struct sf_enrich_ways *ways, const struct sf_map *map,
	const struct sf_flow *flow, unsigned d, struct sf_extra *extra)
{
	struct sf_extra_way *way = &extra->way[d];
	uint32_t direction;

	if (!map || !sf_map_find(map, SF_MAP_EGRESS, flow, d, &way->egress))
		way->egress = default_egress(ways, flow, d, extra);
	if (!map || !sf_map_find(map, SF_MAP_DIRECTION, flow, d, &direction))
		direction = is_local(ways, flow, d) && !is_local(ways, flow, !d) &&
			    !sf_local_stays(flow->addr[!d], flow->ip_version == 6);
	/* only one interface is known: the packets were observed there */
	if (!way->ingress != !way->egress)
		direction = way->egress != 0;
	way->direction = (uint8_t)direction;
	way->ingress_info = info_of(ways, map, way->ingress);
	way->egress_info = info_of(ways, map, way->egress);
}

void sf_ways_fill(struct sf_enrich_ways *ways, struct sf_map *map, const struct sf_flow *flows,
	unsigned count, struct sf_extra *extra)
{
	if (map && !map->knows_ports) {
		map->knows_ports = true;
		for (unsigned i = 0; i < ways->port_count; i++)
			sf_map_port(map, ways->ports[i].number, ways->ports[i].name);
	}
	/* first all ingress interfaces: default_egress() looks up MAC addresses that they teach */
	for (unsigned i = 0; i < count; i++)
		for (unsigned d = 0; d < 2; d++)
			if (flows[i].directions >> d & 1)
				find_ingress(ways, map, &flows[i], d, &extra[i].way[d]);
	for (unsigned i = 0; i < count; i++)
		for (unsigned d = 0; d < 2; d++) {
			if (flows[i].directions >> d & 1)
				find_rest(ways, map, &flows[i], d, &extra[i]);
			else
				extra[i].way[d] = (struct sf_extra_way){ .ingress_info = &nothing,
					.egress_info = &nothing };
		}
}

uint64_t sf_ways_wants(const struct sf_enrich_ways *ways, const struct sf_map *map)
{
	return (map ? map->facts : 0) |
	       (ways->learn ? SF_FACT_SET(src_mac) | SF_FACT_SET(dst_mac) : 0);
}

void sf_ways_fini(struct sf_enrich_ways *ways)
{
	sf_lpm_free(ways->local);
	free(ways->learn);
}
