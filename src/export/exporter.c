/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exporting process: an array of destinations that each get every record. They are
 * made and added by destinations.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/annex.h"
#include "base/clock.h"
#include "base/sized.h"
#include "classify/classify.h"
#include "export/exporter.h"

int sf_exporter_new_sized(struct sf_exporter **exporter, const struct sf_exporter_options *options,
	size_t size, struct sf_error *error)
{
	struct sf_exporter_options known;
	int code = sf_sized_options(&known, sizeof(known), options, size, error);
	struct sf_exporter *new = code < 0 ? NULL : calloc(1, sizeof(*new));

	if (code < 0)
		return code;
	if (!new)
		return sf_error_set(error, -ENOMEM, "no memory for the exporter");
	if (known.applications == SF_APPLICATIONS_NDPI) {
		const struct sf_classifier *classifier = sf_classifier_load(error);

		if (!classifier) {
			free(new);
			return SF_EUNSUPPORTED;
		}
		new->shared.applications = &classifier->table;
	}
	new->shared.options = known;
	if (known.chooser)
		new->chooser = *known.chooser;
	if (known.enricher) {
		/* the second one is `kept` */
		new->shared.extra = calloc(2, sizeof(*new->shared.extra));
		if (!new->shared.extra) {
			free(new);
			return sf_error_set(error, -ENOMEM, "no memory for the exporter");
		}
		new->shared.kept = new->shared.extra + 1;
		new->shared.extra->gives = known.enricher->gives;
		if (known.enricher->gives & SF_EXTRA_INTERFACES && known.interfaces)
			known.enricher->ports(known.enricher->context, known.interfaces,
				known.interfaces_context);
	}
	new->shared.start_ns = sf_clock_read(CLOCK_REALTIME);
	new->shared.wall_ns = new->shared.start_ns;
	new->shared.clock_ns = INT64_MIN;
	*exporter = new;
	return 0;
}

void sf_exporter_free_destination(struct sf_destination *destination)
{
	sf_queue_free(&destination->own_queue);
	sf_fold_free(destination->fold);
	if (destination->chooser.free)
		destination->chooser.free(destination->chooser.context);
	free(destination->url);
	destination->ops->free(destination);
}

void sf_exporter_free(struct sf_exporter *exporter)
{
	if (!exporter)
		return;
	for (unsigned i = 0; i < exporter->count; i++)
		sf_exporter_free_destination(exporter->destinations[i]);
	for (unsigned i = 0; i < exporter->read_count; i++)
		free(exporter->reads[i]);
	free(exporter->reads);
	for (unsigned i = 0; i < exporter->write_count; i++)
		free(exporter->writes[i]);
	free(exporter->writes);
	free(exporter->makes);
	free(exporter->destinations);
	free(exporter->copied);
	sf_share_free(exporter);
	sf_queue_free(&exporter->queue);
	free(exporter->shared.extra);
	free(exporter);
}

struct sf_queue *sf_exporter_queue_of(
	struct sf_exporter *exporter, struct sf_destination *destination)
{
	return destination->group ? &destination->own_queue : &exporter->queue;
}

uint64_t sf_exporter_wants(const struct sf_exporter *exporter)
{
	const struct sf_enricher *enricher = exporter->shared.options.enricher;
	uint64_t wants = exporter->chooser.wants;

	for (unsigned i = 0; i < exporter->count; i++)
		wants |=
			exporter->destinations[i]->wants | exporter->destinations[i]->chooser.wants;
	if (!exporter->shared.applications)
		wants &= ~SF_FACT_SET(application);
	return enricher ? wants | enricher->wants : wants;
}

static bool shares(const struct sf_exporter *exporter)
{
	return exporter->copied_count < exporter->count;
}

/* Without a queue: at most SF_BATCH_MAX flows if there is an enricher or collectors share them. */
static void put_now(struct sf_exporter *exporter, const struct sf_flow *flows, unsigned count)
{
	if (shares(exporter))
		sf_share_begin(exporter, flows, count);
	sf_extra_begin(&exporter->shared, flows, count);
	for (unsigned i = 0; i < exporter->count; i++)
		if (exporter->destinations[i]->ops->put)
			sf_destination_offer(exporter->destinations[i], flows, count);
	sf_extra_end(&exporter->shared);
	for (unsigned i = 0; i < exporter->count; i++)
		sf_destination_unfold(exporter->destinations[i], false);
}

static void put_into_queues(
	struct sf_exporter *exporter, const struct sf_flow *flows, unsigned count)
{
	if (exporter->copied_count)
		sf_destinations_put(
			&exporter->queue, exporter->copied, exporter->copied_count, flows, count);
	if (shares(exporter))
		sf_share_put(exporter, flows, count);
}

void sf_exporter_put_chosen(
	struct sf_exporter *exporter, const struct sf_flow *flows, unsigned count)
{
	if (!exporter->shared.options.queued && !exporter->shared.extra && !shares(exporter)) {
		put_now(exporter, flows, count);
		return;
	}
	for (unsigned done = 0, some; done < count; done += some) {
		some = count - done < SF_BATCH_MAX ? count - done : SF_BATCH_MAX;
		if (exporter->shared.options.queued)
			put_into_queues(exporter, flows + done, some);
		else
			put_now(exporter, flows + done, some);
	}
}

unsigned sf_exporter_put(void *context, const struct sf_flow *flows, unsigned count)
{
	struct sf_exporter *exporter = context;

	if (!exporter->chooser.choose) {
		sf_exporter_put_chosen(exporter, flows, count);
		return count;
	}
	for (unsigned done = 0, some; done < count; done += some) {
		some = count - done < SF_BATCH_MAX ? count - done : SF_BATCH_MAX;
		sf_exporter_choose(exporter, flows + done, some);
	}
	return count;
}

void sf_exporter_put_collected(struct sf_exporter *exporter, const struct sf_collected *record)
{
	for (unsigned i = 0; i < exporter->count; i++)
		if (exporter->destinations[i]->ops->put_collected)
			sf_destination_offer_collected(exporter->destinations[i], record);
}

void sf_exporter_tick(struct sf_exporter *exporter, int64_t wall, int64_t clock)
{
	exporter->shared.wall_ns = wall;
	exporter->shared.clock_ns = clock;
	if (exporter->shared.options.queued)
		return;
	for (unsigned i = 0; i < exporter->count; i++)
		exporter->destinations[i]->ops->tick(exporter->destinations[i]);
}

int64_t sf_exporter_pump(struct sf_exporter *exporter, int64_t mono, bool ending)
{
	int64_t next = INT64_MAX;

	if (shares(exporter) && sf_share_hand_over(exporter))
		next = mono;
	for (unsigned i = 0; i < exporter->count; i++) {
		struct sf_destination *destination = exporter->destinations[i];
		int64_t when = sf_destination_pump(
			sf_exporter_queue_of(exporter, destination), destination, mono, ending);

		next = when < next ? when : next;
	}
	return next;
}

unsigned sf_exporter_descriptors(const struct sf_exporter *exporter, int *fds, unsigned max)
{
	unsigned count = 0;

	for (unsigned i = 0; i < exporter->count && count < max; i++)
		if (exporter->destinations[i]->fd >= 0)
			fds[count++] = exporter->destinations[i]->fd;
	return count;
}

bool sf_exporter_waits(const struct sf_exporter *exporter)
{
	for (unsigned i = 0; i < exporter->count; i++)
		if (sf_destination_waits(exporter->destinations[i]))
			return true;
	return false;
}

void sf_exporter_announce(struct sf_exporter *exporter)
{
	for (unsigned i = 0; i < exporter->count; i++)
		if (exporter->destinations[i]->ops->announce)
			exporter->destinations[i]->ops->announce(exporter->destinations[i]);
}

/*
 * RFC 7011 §4.2: packets that should have been metered and were not. What was left out on
 * purpose (filter, sampling, duplicates, own traffic) and what is no IP packet is not among them.
 */
void sf_exporter_metering(
	struct sf_exporter *exporter, const struct sf_ledger *ledger, uint64_t dropped_by_capture)
{
	struct sf_shared *shared = &exporter->shared;
	uint64_t ignored = dropped_by_capture + ledger->ignored[SF_IGNORED_truncated] +
			   ledger->ignored[SF_IGNORED_malformed] +
			   ledger->ignored[SF_IGNORED_unsupportedLinkType] +
			   ledger->ignored[SF_IGNORED_handOver];
	int64_t now = shared->options.packet_clock ? shared->clock_ns : shared->wall_ns;

	if (ignored != shared->ignored_packets)
		sf_losses_note(&shared->ignored, now);
	if (ledger->lost_records != shared->refused.records)
		sf_losses_note(&shared->refusals, now);
	shared->ignored_packets = ignored;
	shared->refused = (struct sf_destination_count){ ledger->lost_records, ledger->lost_packets,
		ledger->lost_octets };
}

void sf_exporter_finish(struct sf_exporter *exporter)
{
	for (unsigned i = 0; i < exporter->count; i++) {
		struct sf_destination *destination = exporter->destinations[i];
		const enum sf_fate fate =
			destination->fails ? destination->lost_as : SF_FATE_LOST_stopped;

		if (!exporter->shared.options.queued)
			sf_destination_unfold(destination, true);
		sf_destination_drop(sf_exporter_queue_of(exporter, destination), destination, fate);
		sf_destination_lose_folded(destination, fate);
		destination->ops->finish(destination);
	}
}

static const struct sf_transport *transport_of(const struct sf_exporter *exporter, unsigned index)
{
	if (index >= exporter->count || !exporter->destinations[index]->ops->transport)
		return NULL;
	return exporter->destinations[index]->ops->transport(exporter->destinations[index]);
}

bool sf_exporter_stats_sized(const struct sf_exporter *exporter, unsigned index,
	struct sf_destination_stats *stats, size_t size)
{
	struct sf_destination_stats known;
	struct sf_destination_count folded;

	if (index >= exporter->count)
		return false;
	known = exporter->destinations[index]->stats;
	known.failing = exporter->destinations[index]->fails;
	sf_count_add(&known.offered, &exporter->destinations[index]->queued);
	folded = sf_destination_in_fold(exporter->destinations[index]);
	sf_count_add(&known.offered, &folded);
	sf_sized_counters(stats, size, &known, sizeof(known));
	return true;
}

bool sf_destination_waiting(
	const struct sf_destination_stats *stats, struct sf_destination_count *waiting)
{
	struct sf_destination_count left = stats->sent;

#define X(name, text) sf_count_add(&left, &stats->skipped_##name);
	SF_SKIPPED_REASONS(X)
#undef X
#define X(name, text) sf_count_add(&left, &stats->lost_##name);
	SF_LOST_REASONS(X)
#undef X
	*waiting = stats->offered;
	sf_count_add(waiting, &stats->inherited);
	if (left.records > waiting->records || left.packets > waiting->packets ||
		left.octets > waiting->octets)
		return false;
	sf_count_subtract(waiting, &left);
	return true;
}

bool sf_destination_balanced(const struct sf_destination_stats *stats)
{
	struct sf_destination_count waiting;

	return sf_destination_waiting(stats, &waiting) &&
	       waiting.records == stats->spooled.records &&
	       waiting.packets == stats->spooled.packets && waiting.octets == stats->spooled.octets;
}

bool sf_exporter_local_address(const struct sf_exporter *exporter, unsigned index,
	struct sockaddr *address, unsigned *size, struct sockaddr *peer, unsigned *peer_size)
{
	const struct sf_transport *transport = transport_of(exporter, index);

	if (!transport || transport->local_size == 0 || transport->local_size > *size ||
		transport->peer_size > *peer_size)
		return false;
	memcpy(address, &transport->local, transport->local_size);
	memcpy(peer, &transport->peer, transport->peer_size);
	*size = transport->local_size;
	*peer_size = transport->peer_size;
	return true;
}
