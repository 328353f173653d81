/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Later fragments join the flow of their first one. Only the first fragment of a datagram has
 * ports; a later one has the datagram's identification. The meter that owns the address pair sees
 * all fragments and remembers the ports of first fragments.
 *
 *	sf_fragment_mark(facts);                          of a packet just parsed, by any meter
 *	… facts are handed to the owner of their address pair …
 *	sf_fragments_take(fragments, facts, annex);       by the owner: gives them on, now or later
 *	sf_fragments_expire(fragments, now);
 *
 * A fragment that comes before its first one is kept for SF_FRAGMENT_WAIT_NS; then it is metered
 * without ports. Memory is fixed; what does not fit is metered without ports as well. So the price
 * of any fragments, overlapping, endless or alone, is bounded; their kinds are counted.
 */
#ifndef SPANFLOW_METER_FRAGMENT_H
#define SPANFLOW_METER_FRAGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/annex.h"
#include "base/hash.h"

#define SF_FRAGMENT_WAIT_NS INT64_C(2000000000) /* how long a fragment waits for the first one */
#define SF_FRAGMENT_LIFE_NS                                                                        \
	INT64_C(30000000000) /* how long a datagram is remembered: RFC 791 §3.2 */
#define SF_FRAGMENT_COPY_NS                                                                        \
	INT64_C(20000000) /* how long after a whole datagram its fragments count as copies */
#define SF_FRAGMENT_SETS  1024
#define SF_FRAGMENT_WAYS  4 /* datagrams of a set */
#define SF_FRAGMENTS_KEPT 1024

/* Takes a packet that need not wait (any longer). `annex` may be NULL. */
typedef void sf_fragment_give(void *context, const struct sf_facts *facts, const uint8_t *annex);

/* A datagram of which a fragment was seen. */
struct sf_datagram {
	uint64_t print; /* hash of what all fragments of the datagram share; 0: the entry is free */
	int64_t clock_ns; /* of the first fragment; until it comes, of the fragment seen first */
	int64_t whole_ns; /* when the datagram was complete */
	uint32_t ports;
	uint32_t received, end; /* bytes that came; largest end of a fragment */
	bool ends;              /* the last fragment came */
	bool whole;             /* all came */
	uint16_t flags;         /* SF_FACT_SWAPPED, SF_FACT_ANSWER of the first fragment */
	uint8_t protocol;
	bool known;     /* the first fragment came */
	bool inside;    /* the inner packet is metered, and the datagram is not */
	uint16_t first; /* index + 1 of the first fragment that waits; 0: none */
	uint16_t last;  /* index + 1 of the last one */
};

struct sf_fragments {
	struct sf_hash_key key;
	const struct sf_annex_layout *layout;
	sf_fragment_give *give;
	void *context;
	struct sf_datagram *datagrams; /* [SF_FRAGMENT_SETS * SF_FRAGMENT_WAYS] */
	/* fragments that wait: a ring in the order of arrival, chained by datagram */
	struct sf_fragment *kept;
	uint8_t *annexes;
	uint32_t head, tail; /* of the ring: they count on beyond its size */
	/* of the fragments that wait, for the ledger */
	uint64_t packets;
	struct sf_fragment_counters {
		uint64_t joined;      /* later fragments that got the ports of the first one */
		uint64_t orphaned;    /* later fragments whose first one did not come in time */
		uint64_t overlapping; /* fragments with bytes that had come before */
		uint64_t too_long;    /* fragments that end beyond the longest datagram */
		/* datagrams that were given up early, because there were too many */
		uint64_t crowded;
		/* later fragments that were left out, because the inner packet is metered */
		uint64_t inside;
	} counters;
};

/* 0 or a negative errno value. `layout` of the annexes and `context` stay the caller's. */
int sf_fragments_init(struct sf_fragments *fragments, const struct sf_annex_layout *layout,
	sf_fragment_give *give, void *context);
void sf_fragments_fini(struct sf_fragments *fragments);

/*
 * Puts the identification of a fragment into the head of its facts, where nothing else needs the
 * room: the member `octets` (IPv4), `address` (IPv6), and the TCP flags of later fragments.
 * sf_fragments_take() takes it out.
 */
void sf_fragment_mark(struct sf_facts *facts);

/*
 * Turns the facts of a first fragment whose inner packet is metered into a note: later fragments of
 * the datagram are then counted as `inside` and not metered. False: the datagram cannot be told
 * from others.
 */
bool sf_fragment_note(struct sf_facts *facts);

/* Gives a packet on, or keeps it until its first fragment comes. Any packet. */
void sf_fragments_take(
	struct sf_fragments *fragments, const struct sf_facts *facts, const uint8_t *annex);

/* Gives up the fragments whose wait is over at `now`; INT64_MAX: all. */
void sf_fragments_expire(struct sf_fragments *fragments, int64_t now);

#endif
