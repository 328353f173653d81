/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interfaces of a capture, over all its files and sections: an interface keeps its slot, and so
 * its number, from one file or section to the next.
 *
 * The same interface is meant by:
 *	a named one    the same name, description, hardware address and link type. Several of one
 *	               section that agree in all these are told apart by their numbers there.
 *	an unnamed one the same number in the section (pcap: 0) and link type, so that the files of
 *	               a rotated capture have one interface.
 */
#ifndef SPANFLOW_FILE_SLOTS_H
#define SPANFLOW_FILE_SLOTS_H

#include <stdatomic.h>

#include <spanflow/capture.h>

#define SF_SLOTS_MAX   65536
#define SF_SLOTS_BLOCK 64

/* Identifies an interface. Whole words without padding, because it is hashed. */
struct sf_slot_identity {
	char name[SF_IFNAME_MAX];
	char description[SF_IFNAME_MAX];
	uint8_t address[8];
	uint32_t link;
	uint32_t number; /* number in the section + 1; 0: identified by name */
};

/*
 * Slots are in blocks, so that they never move. The thread that reads the files fills a slot, then
 * publishes it by the count (release); any thread reads the count first (acquire).
 */
struct sf_slots {
	struct sf_interface *blocks[SF_SLOTS_MAX / SF_SLOTS_BLOCK];
	_Atomic unsigned count;
	/* by the reading thread only */
	uint64_t *identities; /* hashed, by slot */
	uint32_t *places;     /* hash table of slots + 1; 0: free */
	uint32_t mask;        /* places - 1, less than half of them used */
};

/*
 * The number of the interface's slot; a new one is described by `found`. -ENOMEM, or
 * SF_EUNSUPPORTED when SF_SLOTS_MAX slots are in use.
 */
int sf_slots_find(struct sf_slots *slots, const struct sf_slot_identity *identity,
	const struct sf_interface *found);

/* Any thread. NULL past the end. */
const struct sf_interface *sf_slots_get(const struct sf_slots *slots, unsigned number);

void sf_slots_fini(struct sf_slots *slots);

#endif
