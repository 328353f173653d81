/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values of a record that come from elsewhere than its packets: what a router would know of the
 * addresses, and the interfaces of the switch instead of those of this host. An enricher fills them
 * in for each batch of records, just before the batch is encoded (sf_exporter_options.enricher).
 */
#ifndef SPANFLOW_ENRICH_H
#define SPANFLOW_ENRICH_H

#include <stdbool.h>
#include <stdint.h>

#include <spanflow/declare.h>
#include <spanflow/flow.h>

SF_BEGIN_PUBLIC

/* What an enricher gives. Records have the fields for it, with 0 for unknown values. */
#define SF_EXTRA_AS            0x01
#define SF_EXTRA_NEXT_HOP      0x02
#define SF_EXTRA_BGP_NEXT_HOP  0x04
#define SF_EXTRA_PREFIX_LENGTH 0x08
#define SF_EXTRA_COUNTRY       0x10
#define SF_EXTRA_INTERFACES    0x20 /* `way` instead of what the record says, and interface() */

/* One side of a flow. */
struct sf_extra_side {
	uint32_t as;           /* origin AS of its address; 0: not known */
	char country[2];       /* ISO 3166-1 alpha-2; 0: not known */
	uint8_t prefix_length; /* of the route to it; 0: not known */
	uint8_t reserved;
	const uint8_t *next_hop; /* towards it: 16 bytes, IPv4 in the first 4; zeros: not known */
	const uint8_t *bgp_next_hop; /* likewise */
	uint32_t egress;             /* interface of this host towards it; 0: not known */
};

/* An interface by number. Behind a text that does not fill its array there are zeros. */
#define SF_INTERFACE_NAME        32
#define SF_INTERFACE_DESCRIPTION 64
struct sf_interface_info {
	uint32_t number;
	char name[SF_INTERFACE_NAME];
	char description[SF_INTERFACE_DESCRIPTION];
	uint64_t speed; /* bits per second; 0: not known */
};

/* The way of one direction of a flow through the switch. */
struct sf_extra_way {
	uint32_t ingress, egress; /* interfaces; 0: not known */
	/* what is known of them; zeros: nothing */
	const struct sf_interface_info *ingress_info, *egress_info;
	uint8_t direction; /* flowDirection: 0 ingress, 1 egress */
};

struct sf_extra {
	struct sf_extra_side side[2]; /* of addr[0] and addr[1] */
	struct sf_extra_way way[2];   /* of half[0] and half[1]; with SF_EXTRA_INTERFACES */
};

struct sf_enricher {
	/*
	 * Fills in extra[0 … count-1] for `count` <= SF_BATCH_MAX records. What their pointers lead
	 * to is valid until end(). One thread at a time calls begin() and then end().
	 */
	void (*begin)(
		void *context, const struct sf_flow *flows, unsigned count, struct sf_extra *extra);
	void (*end)(void *context);
	void *context;
	uint32_t gives; /* SF_EXTRA_…; does not change */
	/* The facts on request that it reads: as sf_exporter_wants(). */
	uint64_t wants;
	/*
	 * With SF_EXTRA_INTERFACES. ports() is called before the first record, and lends a function
	 * that tells numbers and names of capture ports, as sf_exporter_options.interfaces does.
	 * interface() describes interface `slot`, 0, 1 …, for options data; false past the last.
	 */
	void (*ports)(void *context,
		unsigned (*port)(void *of, unsigned slot, uint32_t *number, const char **name),
		void *of);
	bool (*interface)(void *context, unsigned slot, struct sf_interface_info *info);
};

SF_END_PUBLIC

#endif
