/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interface map: which interfaces of the switch a flow came in and went out by, told from what
 * the mirror reveals. A file of lines:
 *
 *	interface 11 name=ge-0/0/1 description="Uplink to the provider" speed=10G
 *	ingress 11 port=eth1 vlan=10			what is decided, then conditions that must
 *							all hold
 *	egress 12 destination-mac=02:00:00:00:00:01
 *	behind 12 mac=02:00:00:00:00:15			as source: ingress; as destination: egress
 *	behind 13 prefix=10.1.0.0/16
 *	direction egress port=eth2
 *	direction erspan				as the mirror says, where it does
 *
 * For each record and direction the first rule that matches decides ingress, the first one
 * egress, the first one direction.
 */
#ifndef SPANFLOW_ENRICH_MAP_H
#define SPANFLOW_ENRICH_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include <spanflow/enrich.h>
#include <spanflow/error.h>

#define SF_MAP_RULES_MAX      1000
#define SF_MAP_INTERFACES_MAX 4096

enum sf_map_what { SF_MAP_INGRESS, SF_MAP_EGRESS, SF_MAP_DIRECTION, SF_MAP_WHATS };

/* Conditions of a rule: a set of these. */
enum sf_map_condition {
	SF_MAP_PORT = 0x001,
	SF_MAP_VLAN = 0x002,
	SF_MAP_INNER_VLAN = 0x004,
	SF_MAP_DOMAIN = 0x008,
	SF_MAP_MPLS = 0x010,
	SF_MAP_SOURCE_MAC = 0x020,
	SF_MAP_DESTINATION_MAC = 0x040,
	SF_MAP_SOURCE_PREFIX = 0x080,
	SF_MAP_DESTINATION_PREFIX = 0x100,
	/* what the mirror says: see struct sf_mirror_facts */
	SF_MAP_ERSPAN_SESSION = 0x200,
	SF_MAP_ERSPAN_PORT = 0x400,
	SF_MAP_ERSPAN_DIRECTION = 0x800,
	SF_MAP_VNI = 0x1000, /* also of a tunnel that is no mirror */
	SF_MAP_TRAILER_DEVICE = 0x2000,
	SF_MAP_TRAILER_PORT = 0x4000,
	SF_MAP_MIRROR = SF_MAP_ERSPAN_SESSION | SF_MAP_ERSPAN_PORT | SF_MAP_ERSPAN_DIRECTION |
			SF_MAP_VNI | SF_MAP_TRAILER_DEVICE | SF_MAP_TRAILER_PORT,
};

#define SF_MAP_AS_MIRRORED 2 /* value of a rule of SF_MAP_DIRECTION: what the mirror says */

struct sf_map_rule {
	/* number of an interface; of SF_MAP_DIRECTION: 0 ingress, 1 egress, SF_MAP_AS_MIRRORED */
	uint32_t value;
	uint32_t port; /* number of the capture port; UINT32_MAX: not known yet */
	uint32_t domain, mpls, erspan_session, erspan_port, vni, trailer_device, trailer_port;
	uint16_t conditions;
	uint16_t vlan, inner_vlan;
	uint8_t erspan_direction; /* SF_MIRROR_INGRESS or SF_MIRROR_EGRESS */
	uint8_t mac[2][6];        /* source, destination */
	struct {
		uint8_t address[16];
		uint8_t length;
		bool ipv6;
	} prefix[2];
	char port_name[SF_INTERFACE_NAME]; /* "": the number was given */
};

struct sf_map {
	struct sf_map_rule *rules[SF_MAP_WHATS];
	unsigned rule_count[SF_MAP_WHATS];
	struct sf_interface_info *interfaces; /* ordered by number */
	unsigned interface_count;
	uint64_t facts;   /* on request, that the rules read */
	bool knows_ports; /* set by the owner of the map: sf_map_port() was called for all ports */
};

/* Reads a file. SF_ECORRUPT names file, line and column, and what is allowed. */
int sf_map_load(struct sf_map **map, const char *path, struct sf_error *error);
void sf_map_free(struct sf_map *map);

/*
 * Capture port `number` has this name, or none (""): rules that know the port by
 * its name apply to it from now on.
 */
void sf_map_port(struct sf_map *map, uint32_t number, const char *name);

/* The first rule that matches direction d of the record. False: none does. */
bool sf_map_find(const struct sf_map *map, enum sf_map_what what, const struct sf_flow *flow,
	unsigned d, uint32_t *value);

/* The interface with that number, or NULL. */
const struct sf_interface_info *sf_map_interface(const struct sf_map *map, uint32_t number);

#endif
