/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Groups of collectors that share the records: of each group one collector gets a record, by the
 * hash of its flow (balance) or the first that is not away (fail over). To the others it is
 * skipped: elsewhere. A group is named by balance=NAME or fail-over=NAME of its collectors; with
 * options.share those that name none are a group, too. All other destinations get every record.
 *
 * Balance is rendezvous hashing: a flow goes to the collector with the highest hash of flow and
 * collector. All records of a flow, both directions of it, from whatever probe, go to the same one;
 * when one goes away its flows spread over the others, and the others keep theirs.
 *
 * With a queue each of them has a queue of its own. What waits in the queue of one that goes away
 * is handed over to the others as soon as they have room for it; what its session has taken already
 * stays with it, and is sent or lost by name there.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "export/exporter.h"

#define HAND_OVER_MAX 64 /* batches that are handed over at once; the rest with the next call */

#define AWAY_NS INT64_C(2000000000) /* without a queue: after a refused datagram or probe */

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/*
 * The same for both directions. ICMP has a type and code in place of
 * ports, which answers do not share.
 */
uint64_t sf_share_flow_key(const struct sf_flow *flow)
{
	uint64_t ends = 0;

	for (unsigned d = 0; d < 2; d++) {
		uint64_t words[2];

		memcpy(words, flow->addr[d], sizeof(words));
		/* hosts of either byte order choose the same collector */
		ends += mix(le64toh(words[0]) +
			    mix(le64toh(words[1]) + (sf_flow_is_icmp(flow) ? 0 : flow->port[d])));
	}
	return mix(ends + flow->protocol);
}

/*
 * The collector's host and port, without options: it is the same in other runs and on other probes.
 */
static uint64_t collector_key(const char *url)
{
	uint64_t key = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0, length = strcspn(url, ",?"); i < length; i++)
		key = (key ^ (uint8_t)url[i]) * UINT64_C(0x100000001b3);
	return mix(key);
}

/* The group of that name, made if there is none yet; NULL: no memory. */
static struct sf_share_group *group_of(
	struct sf_exporter *exporter, const char *name, enum sf_share share)
{
	struct sf_share_group *group = exporter->groups;

	while (group && strcmp(group->name, name) != 0)
		group = group->next;
	if (group)
		return group;
	group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	strcpy(group->name, name);
	group->share = share;
	group->next = exporter->groups;
	exporter->groups = group;
	return group;
}

int sf_share_join(struct sf_exporter *exporter, struct sf_destination *destination,
	const struct sf_url *parsed, struct sf_error *error)
{
	const enum sf_share share = sf_share_of(exporter, parsed);
	struct sf_share_group *group = group_of(exporter, parsed->group, share);

	if (!group)
		return sf_error_set(error, -ENOMEM, "no memory for a group of collectors");
	if (group->share != share)
		return sf_error_set(error, SF_EUSAGE,
			"%s: balance= and fail-over= both name a group '%s': give one of the "
			"groups another name",
			parsed->target, parsed->group);
	destination->share_key = collector_key(destination->url);
	for (unsigned i = 0; i < exporter->count; i++)
		if (exporter->destinations[i]->group == group &&
			exporter->destinations[i]->share_key == destination->share_key)
			return sf_error_set(error, SF_EUSAGE,
				"%s: this collector is in its group already", destination->url);
	destination->group = group;
	group->members++;
	return 0;
}

int sf_exporter_check_groups(const struct sf_exporter *exporter, struct sf_error *error)
{
	for (const struct sf_share_group *group = exporter->groups; group; group = group->next)
		if (group->members < 2)
			return sf_error_set(error, SF_EUSAGE,
				"group '%s' of %s= has one collector, and needs two or more: do "
				"all of them name the same group?",
				group->name,
				group->share == SF_SHARE_BALANCE ? "balance" : "fail-over");
	return 0;
}

void sf_share_free(struct sf_exporter *exporter)
{
	for (struct sf_share_group *group = exporter->groups, *next; group; group = next) {
		next = group->next;
		free(group);
	}
}

/* True if a datagram or a probe was refused less than AWAY_NS ago. */
static bool was_refused(const struct sf_destination *member)
{
	int64_t since = member->shared->wall_ns - member->refused_ns;

	return member->refused_ns && since >= 0 && since < AWAY_NS;
}

/*
 * Without a queue a record cannot be taken back: whether a collector listens is found out before
 * its first record, and again before the first record after an outage.
 */
static void probe(struct sf_destination *member, const struct sf_flow *flow)
{
	if (!member->ops->probe || was_refused(member) ||
		(member->probed && !member->away && !member->fails))
		return;
	member->probed = true;
	if (!member->ops->probe(member, flow))
		member->refused_ns = member->shared->wall_ns;
}

/*
 * Sets `away` of each collector of the group, so that all records of a batch are judged alike.
 * Returns false if all are away. `flow`: without a queue one of the records, for probe(); or NULL.
 */
static bool look(const struct sf_exporter *exporter, const struct sf_share_group *group,
	const struct sf_flow *flow)
{
	const bool balances = group->share == SF_SHARE_BALANCE;
	bool some = false;

	for (unsigned i = 0; i < exporter->count; i++) {
		struct sf_destination *member = exporter->destinations[i];

		if (member->group != group)
			continue;
		/* fail over does not wait for a collector that gets no records */
		if (flow && (balances || !some))
			probe(member, flow);
		member->away = member->fails || member->stats.gone || was_refused(member);
		some |= !member->away;
	}
	return some;
}

/*
 * The collector of the group that gets the record. `some`: look() has found collectors that are not
 * away; if all are away, they are treated as if all were there.
 */
static struct sf_destination *owner_of(const struct sf_exporter *exporter,
	const struct sf_share_group *group, const struct sf_flow *flow, bool some)
{
	const bool balances = group->share == SF_SHARE_BALANCE;
	const uint64_t key = balances ? sf_share_flow_key(flow) : 0;
	struct sf_destination *owner = NULL;
	uint64_t highest = 0;

	for (unsigned i = 0; i < exporter->count; i++) {
		struct sf_destination *member = exporter->destinations[i];
		uint64_t score;

		if (member->group != group || (some && member->away))
			continue;
		score = balances ? mix(key ^ member->share_key) : 0;
		if (!owner || score > highest) {
			owner = member;
			highest = score;
		}
	}
	return owner;
}

static void find_owners(const struct sf_exporter *exporter, struct sf_share_group *group,
	const struct sf_flow *flows, unsigned count, bool some)
{
	for (unsigned i = 0; i < count; i++)
		group->owners[i] = owner_of(exporter, group, &flows[i], some);
}

/* Puts those of the flows that `member` owns into its queue; returns how many. */
static unsigned queue_own(
	struct sf_destination *member, const struct sf_flow *flows, unsigned count)
{
	struct sf_flow own[SF_BATCH_MAX];
	unsigned own_count = 0;

	for (unsigned i = 0; i < count; i++)
		if (member->group->owners[i] == member)
			own[own_count++] = flows[i];
	if (own_count)
		sf_destinations_put(&member->own_queue, &member, 1, own, own_count);
	return own_count;
}

/* ---------------------------------------------------------------- with a queue */

void sf_share_put(struct sf_exporter *exporter, const struct sf_flow *flows, unsigned count)
{
	for (struct sf_share_group *group = exporter->groups; group; group = group->next)
		find_owners(exporter, group, flows, count, look(exporter, group, NULL));
	for (unsigned i = 0; i < exporter->count; i++) {
		struct sf_destination *member = exporter->destinations[i];

		if (!member->group || queue_own(member, flows, count) == count)
			continue;
		for (unsigned k = 0; k < count; k++)
			if (member->group->owners[k] != member)
				sf_destination_leave(member, &flows[k], flows[k].directions,
					&member->stats.skipped_elsewhere);
	}
}

/*
 * Takes back the counts of flows that `member` owns now: they were counted as offered and skipped
 * when another collector owned them.
 */
static void take_back(struct sf_destination *member, const struct sf_flow *flows, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct sf_destination_count sum;

		if (member->group->owners[i] != member)
			continue;
		sum = sf_destination_measure(member, &flows[i], 1);
		sf_count_subtract(&member->stats.offered, &sum);
		sf_count_subtract(&member->stats.skipped_elsewhere, &sum);
	}
}

/* Whether each member has room for those of the flows that it owns. */
static bool have_room(const struct sf_exporter *exporter, const struct sf_share_group *group,
	const struct sf_flow *flows, unsigned count)
{
	for (unsigned i = 0; i < exporter->count; i++) {
		const struct sf_destination *member = exporter->destinations[i];
		unsigned own = 0;

		for (unsigned k = 0; k < count && member->group == group; k++)
			own += group->owners[k] == member;
		if (own && !sf_destination_has_room(member, flows, own))
			return false;
	}
	return true;
}

/*
 * Moves up to a batch of records from the queue of a collector that is away to the others. Returns
 * false if no record waits, or if the others have no room: they would lose own records for these.
 */
static bool hand_over(struct sf_exporter *exporter, struct sf_destination *from)
{
	struct sf_destination_count sum;
	unsigned count;
	const struct sf_flow *flows =
		sf_queue_peek(&from->own_queue, &from->reader, SF_BATCH_MAX, &count);

	if (!flows)
		return false;
	find_owners(exporter, from->group, flows, count, true);
	if (!have_room(exporter, from->group, flows, count))
		return false;
	sum = sf_destination_measure(from, flows, count);
	sf_count_subtract(&from->queued, &sum);
	sf_count_add(&from->stats.offered, &sum);
	sf_count_add(&from->stats.skipped_elsewhere, &sum);
	for (unsigned i = 0; i < exporter->count; i++) {
		struct sf_destination *member = exporter->destinations[i];

		if (member->group != from->group || member->away)
			continue;
		take_back(member, flows, count);
		queue_own(member, flows, count);
	}
	sf_queue_take(&from->reader, count);
	return true;
}

/*
 * Calls hand_over() for all collectors of a group, a bounded number of times each. Returns true if
 * more records wait.
 */
static bool hand_over_group(struct sf_exporter *exporter, const struct sf_share_group *group)
{
	const bool some = look(exporter, group, NULL);
	bool more = false;

	for (unsigned i = 0; i < exporter->count; i++) {
		struct sf_destination *member = exporter->destinations[i];
		unsigned n = some && member->away ? HAND_OVER_MAX : 0;

		if (member->group != group)
			continue;
		while (n && hand_over(exporter, member))
			more |= --n == 0;
		member->hands_over = some && member->away && member->reader.count;
	}
	return more;
}

bool sf_share_hand_over(struct sf_exporter *exporter)
{
	bool more = false;

	for (struct sf_share_group *group = exporter->groups; group; group = group->next)
		more |= hand_over_group(exporter, group);
	return more;
}

/* ---------------------------------------------------------------- without a queue */

void sf_share_begin(struct sf_exporter *exporter, const struct sf_flow *flows, unsigned count)
{
	for (struct sf_share_group *group = exporter->groups; group; group = group->next)
		find_owners(exporter, group, flows, count, look(exporter, group, flows));
}
