/* SPDX-License-Identifier: BSD-2-Clause */
/* The arithmetic of the ledger: sums over workers, and the equations of docs/design.md §5. */
#include <assert.h>

#include <spanflow/export.h>
#include <spanflow/meter.h>

#include "base/merge.h"

/*
 * Keeps the most frequent types: a new one takes the place of the rarest if
 * it has at least as many frames.
 */
void sf_ethertypes_add(struct sf_ethertypes *ethertypes, uint16_t type, uint64_t frames)
{
	unsigned rarest = 0;

	for (unsigned i = 0; i < SF_ETHERTYPES_MAX; i++) {
		if (ethertypes->types[i].frames == 0 || ethertypes->types[i].type == type) {
			ethertypes->types[i].type = type;
			ethertypes->types[i].frames += frames;
			return;
		}
		if (ethertypes->types[i].frames < ethertypes->types[rarest].frames)
			rarest = i;
	}
	if (ethertypes->types[rarest].frames > frames) {
		ethertypes->others += frames;
		return;
	}
	ethertypes->others += ethertypes->types[rarest].frames;
	ethertypes->types[rarest].type = type;
	ethertypes->types[rarest].frames = frames;
}

/* Every counter of the ledger has a row in the table. */
#define LEDGER(...) +1
static_assert(
#include "base/counters.def"
	== offsetof(struct sf_ledger, unsupported_link) / sizeof(uint64_t),
	"a counter has no row in base/counters.def");

void sf_ledger_add(struct sf_ledger *sum, const struct sf_ledger *other)
{
#define LEDGER(member, merge, ...) SF_MERGE_##merge(sum->member, other->member);
#include "base/counters.def"
	if (other->unsupported_link != UINT32_MAX)
		sum->unsupported_link = other->unsupported_link;
	for (unsigned i = 0; i < SF_ETHERTYPES_MAX && other->non_ip.types[i].frames; i++)
		sf_ethertypes_add(
			&sum->non_ip, other->non_ip.types[i].type, other->non_ip.types[i].frames);
	sum->non_ip.others += other->non_ip.others;
}

bool sf_ledger_balanced(const struct sf_ledger *ledger)
{
	uint64_t ignored = 0;

	for (unsigned i = 0; i < SF_IGNORED_COUNT; i++)
		ignored += ledger->ignored[i];
	/*
	 * table_packets is computed as a difference: a negative one means
	 * that a packet is in two records
	 */
	return ledger->table_packets <= INT64_MAX && ledger->table_octets <= INT64_MAX &&
	       ledger->frames + ledger->twice ==
		       ledger->packets + ledger->fragments_waiting + ignored &&
	       ledger->packets ==
		       ledger->record_packets + ledger->lost_packets + ledger->table_packets &&
	       ledger->octets == ledger->record_octets + ledger->lost_octets + ledger->table_octets;
}

bool sf_ledger_closed(const struct sf_ledger *ledger)
{
	return sf_ledger_balanced(ledger) && ledger->flows_active == 0 &&
	       ledger->fragments_waiting == 0 && ledger->table_packets == 0 &&
	       ledger->table_octets == 0;
}

const char *sf_ignored_name(enum sf_ignored reason)
{
	static const char *const names[] = {
#define X(name, text) #name,
		SF_IGNORED_REASONS(X)
#undef X
	};

	return names[reason];
}
