/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An export session: records in, messages out.
 *
 *	session ── stream per observation domain: sequence number, templates, times
 *	              └── slot per template: position of its next record
 *
 * domain.c keeps the streams, fill.c puts records into messages, control.c and options.c make
 * messages of templates and options data, own_streams.c gives each template a stream of SCTP,
 * delivery.c sends messages.
 *
 * Counters: a record is counted as offered when it is put, and as sent or lost (by name) when the
 * fate of its message is known. Between the two it waits in a message: half a second at most if the
 * destination is a network.
 */
#include "export/session.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/branch.h"

static struct sf_stream *stream_of(struct sf_session *session, const struct sf_flow *flow)
{
	uint32_t domain = flow->domain ? flow->domain : session->destination.shared->options.domain;

	if (session->streams && session->streams->domain == domain)
		return session->streams;
	return sf_stream_find(session, domain);
}

/* ---------------------------------------------------------------- records */

static void lose(struct sf_session *session, struct sf_destination_count *reason, uint64_t packets,
	uint64_t octets, const char *why)
{
	struct sf_destination_stats *stats = &session->destination.stats;

	sf_count_add(reason, &(struct sf_destination_count){ 1, packets, octets });
	snprintf(stats->failure, sizeof(stats->failure), "%.200s: %s", stats->url, why);
}

/* Makes room for a record of the variant at slot->p. NULL: none; it is counted as lost. */
static struct sf_slot *make_room(struct sf_session *session, struct sf_stream *stream,
	const struct sf_flow_half *half, uint64_t when, uint64_t packets, uint64_t octets)
{
	struct sf_destination_stats *stats = &session->destination.stats;
	struct sf_slot *slot = stream ? sf_stream_slot(stream, when) : NULL;

	if (stream && !slot)
		slot = sf_fill_slot_new(session, stream, when);
	if (!slot) {
		lose(session, sf_destination_fate(stats, session->transport->traits.failure),
			packets, octets, "no memory for another template");
		return NULL;
	}
	if (slot->template.record_length == 0) {
		sf_count_add(&stats->skipped_noFields,
			&(struct sf_destination_count){ 1, packets, octets });
		return NULL;
	}
	if (half->start_ns < stream->boot_ns || half->end_ns >= stream->boot_end_ns)
		sf_stream_set_boot(session, stream, half->start_ns);
	if (slot->room == 0 && !sf_fill_room(session, stream, slot)) {
		lose(session, &stats->lost_tooLarge, packets, octets,
			"a record does not fit into a datagram of this mtu");
		return NULL;
	}
	return slot;
}

/* The slot for the next record, with room for it. NULL: none; it is counted as lost. */
static struct sf_slot *open_slot(struct sf_session *session, struct sf_stream *stream,
	const struct sf_flow_half *half, uint64_t when, uint64_t packets, uint64_t octets)
{
	struct sf_slot *slot = stream ? sf_stream_slot(stream, when) : NULL;

	if (half->end_ns > session->latest_ns)
		session->latest_ns = half->end_ns;
	if (!slot || slot->room == 0 || half->start_ns < stream->boot_ns ||
		half->end_ns >= stream->boot_end_ns)
		slot = make_room(session, stream, half, when, packets, octets);
	return slot;
}

/* Adds to the counts of the open message. */
static void enter(struct sf_slot *slot, const struct sf_destination_count *records)
{
	slot->room -= (unsigned)records->records;
	slot->packets += records->packets;
	slot->octets += records->octets;
}

/* Writes the records of `count` flows, as sf_template_encode() does. */
static sf_always_inline void encode(struct sf_session *session, const struct sf_stream *stream,
	struct sf_slot *slot, const struct sf_flow *flows, unsigned count, unsigned leading)
{
	uint8_t *begin = slot->p;

	slot->p =
		sf_template_encode(&slot->template, begin, flows, count, leading, &stream->context);
	if (sf_unlikely(session->anonymizer != NULL))
		sf_anonymize_records(session->anonymizer, slot->template.specs,
			slot->template.field_count, begin, slot->p);
}

/* RFC 3954 §3.2: a flow beyond the 32-bit counters becomes several records, never a wrong one. */
static void put_parts(struct sf_session *session, struct sf_stream *stream,
	const struct sf_flow *flow, unsigned d)
{
	const struct sf_flow_half *half = &flow->half[d];
	struct sf_destination_stats *stats = &session->destination.stats;
	uint64_t most = half->packets > half->octets ? half->packets : half->octets;
	uint64_t parts = most ? (most - 1) / UINT32_MAX + 1 : 1;
	uint64_t packets = half->packets, octets = half->octets;

	if (flow->ip_version != 4) {
		struct sf_destination_count one = { 1, packets, octets };

		sf_count_add(&stats->offered, &one);
		sf_count_add(&stats->skipped_ipv6, &one);
		return;
	}
	for (; parts; parts--) {
		const struct sf_destination_count part = { 1, packets / parts, octets / parts };
		struct sf_slot *slot;

		sf_count_add(&stats->offered, &part);
		packets -= part.packets;
		octets -= part.octets;
		slot = open_slot(session, stream, half, 0, part.packets, part.octets);
		if (!slot)
			continue;
		enter(slot, &part);
		slot->p = sf_v5_encode(slot->p, flow, d, (uint32_t)part.packets,
			(uint32_t)part.octets, &stream->context);
		if (session->anonymizer)
			sf_anonymize_v5(session->anonymizer, slot->p - SF_V5_RECORD_LENGTH);
	}
}

static void put_netflow5(struct sf_session *session, const struct sf_flow *flows, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		for (unsigned d = 0; d < 2; d++)
			if (flows[i].directions >> d & 1)
				put_parts(session, stream_of(session, &flows[i]), &flows[i], d);
}

/* Parts of a flow that select stream and template; ICMP and directions are compared separately. */
static sf_always_inline uint64_t kind_of(const struct sf_flow *flow)
{
	uint64_t kind;

	static_assert(
		offsetof(struct sf_flow, ip_version) == offsetof(struct sf_flow, domain) + 4 &&
			offsetof(struct sf_flow, has) == offsetof(struct sf_flow, domain) + 6,
		"domain, IP version and optional facts are one word");

	memcpy(&kind, &flow->domain, sizeof(kind));
	return kind;
}

static sf_always_inline bool is_within(
	const struct sf_flow *flow, unsigned directions, int64_t boot_ns, int64_t boot_end_ns)
{
	for (unsigned d = 0; d < 2; d++)
		if (directions >> d & 1 &&
			(flow->half[d].start_ns < boot_ns || flow->half[d].end_ns >= boot_end_ns))
			return false;
	return true;
}

/* Conditions among `wanted` that hold because of the values of the flow's facts. */
static sf_always_inline uint64_t said_of(
	const struct sf_flow *flow, unsigned directions, uint64_t wanted)
{
	return sf_unlikely(wanted) ? sf_said_when(flow, directions) & wanted : 0;
}

/*
 * Length of the run of flows[0 … count-1] that use one template and stream: their records follow
 * each other in a message. Sums their packets and bytes in *run.
 */
static sf_always_inline unsigned measure_run(struct sf_session *session,
	const struct sf_stream *stream, const struct sf_flow *flows, unsigned count,
	unsigned directions, struct sf_destination_count *run)
{
	const int64_t boot_ns = stream->boot_ns, boot_end_ns = stream->boot_end_ns;
	const uint64_t kind = kind_of(flows), mask = session->kind_mask;
	/* as in sf_flow_is_icmp(); all flows of a run have the same IP version */
	const uint8_t icmp = flows->ip_version == 4 ? 1 : 58;
	const bool is_icmp = flows->protocol == icmp;
	const bool has_icmp_type = sf_flow_has_icmp_type(flows);
	const uint64_t wanted = session->record_mask & SF_WHEN_SAID,
		       said = said_of(flows, directions, wanted);
	int64_t latest_ns = session->latest_ns;
	uint64_t packets = 0, octets = 0;
	const struct sf_flow *flow = flows, *end = flows + count;

	do {
		for (unsigned d = 0; d < 2; d++) {
			const struct sf_flow_half *half = &flow->half[d];

			if (!(directions >> d & 1))
				continue;
			packets += half->packets;
			octets += half->octets;
			latest_ns = half->end_ns > latest_ns ? half->end_ns : latest_ns;
		}
		flow++;
	} while (flow < end && ((kind_of(flow) ^ kind) & mask) == 0 &&
		 (flow->protocol == icmp) == is_icmp &&
		 (!is_icmp || sf_flow_has_icmp_type(flow) == has_icmp_type) &&
		 flow->directions == directions && said_of(flow, directions, wanted) == said &&
		 is_within(flow, directions, boot_ns, boot_end_ns));
	session->latest_ns = latest_ns;
	*run = (struct sf_destination_count){ 0, packets, octets };
	return (unsigned)(flow - flows);
}

/*
 * Puts the records of one flow: one for each direction in the mask `leading`. Each may need another
 * message.
 */
static void put_flow(struct sf_session *session, struct sf_stream *stream,
	const struct sf_flow *flow, unsigned leading, bool two_way)
{
	for (unsigned d = 0; d < 2; d++) {
		const struct sf_flow_half *half = &flow->half[d];
		struct sf_destination_count one = {
			1,
			two_way ? sf_flow_packets(flow) : half->packets,
			two_way ? sf_flow_octets(flow) : half->octets,
		};
		struct sf_slot *slot;

		if (!(leading >> d & 1))
			continue;
		sf_count_add(&session->destination.stats.offered, &one);
		slot = open_slot(session, stream, half,
			sf_record_when(flow, two_way ? 3 : 1u << d) & session->record_mask,
			one.packets, one.octets);
		if (!slot)
			continue;
		enter(slot, &one);
		encode(session, stream, slot, flow, 1, 1u << d);
	}
	if (two_way && flow->half[1].end_ns > session->latest_ns)
		session->latest_ns = flow->half[1].end_ns;
}

/* Puts flows. Flows of one template often come in a row, and are encoded together. */
static void put_flows(struct sf_session *session, const struct sf_flow *flows, unsigned count)
{
	const bool biflow = session->options.biflow;

	for (unsigned i = 0, n; i < count; i += n) {
		const struct sf_flow *flow = &flows[i];
		struct sf_stream *stream = stream_of(session, flow);
		unsigned directions = flow->directions, leading = directions, first, each, most;
		struct sf_destination_count run;
		struct sf_slot *slot = NULL;
		bool two_way = false;

		if (biflow) {
			/* RFC 5103 §4: no reverse elements when there is one direction only */
			two_way = directions == 3;
			leading = directions & 1 ? 1 : 2;
		}
		each = leading == 3 ? 2 : 1;
		first = two_way ? 3 : leading & 1 ? 1 : 2;
		if (stream)
			slot = sf_stream_slot(
				stream, sf_record_when(flow, first) & session->record_mask);
		if (!slot || slot->room < each ||
			(each == 2 && session->record_mask & SF_WHEN_ONE_WAY) ||
			!is_within(flow, directions, stream->boot_ns, stream->boot_end_ns)) {
			put_flow(session, stream, flow, leading, two_way);
			n = 1;
			continue;
		}
		most = each == 2 ? slot->room / 2 : slot->room;
		most = most < count - i ? most : count - i;
		/* a copy of the code for the usual case */
		if (sf_likely(directions == 1))
			n = measure_run(session, stream, flow, most, 1, &run);
		else
			n = measure_run(session, stream, flow, most, directions, &run);
		run.records = (uint64_t)n * each;
		sf_count_add(&session->destination.stats.offered, &run);
		enter(slot, &run);
		encode(session, stream, slot, flow, n, leading);
	}
}

/* Number of the first flows that are all folded, or none of which is. */
static unsigned of_a_kind(
	const struct sf_session *session, const struct sf_flow *flows, unsigned count)
{
	const bool folded = flows->folded;
	unsigned n = 1;

	if (!session->options.folds)
		return count;
	while (n < count && (flows[n].folded != 0) == folded)
		n++;
	return n;
}

static void session_put(
	struct sf_destination *destination, const struct sf_flow *flows, unsigned count)
{
	struct sf_session *session = (struct sf_session *)destination;
	unsigned n = count;

	if (session->init_ns == 0 && count)
		session->init_ns = flows[0].half[flows[0].directions & 1 ? 0 : 1].start_ns;
	for (unsigned done = 0; done < count; done += n) {
		n = of_a_kind(session, flows + done, count - done);
		if (session->transport->ops->due)
			n = sf_session_turn_before(session, flows + done, n);
		if (session->options.dialect == &sf_netflow5)
			put_netflow5(session, flows + done, n);
		else
			put_flows(session, flows + done, n);
	}
}

/* ---------------------------------------------------------------- time passes, ends */

/* [RFC7011-8.2-1] [RFC7011-8.2-2] [RFC7011-8.4-1] [RFC3954-7-5] [RFC3954-7-6] */
bool sf_session_refresh_due(const struct sf_session *session, const struct sf_stream *stream)
{
	const struct sf_session_options *options = &session->options;
	int64_t age = session->destination.shared->wall_ns - stream->announced_ns;

	if (!options->dialect->set_header_length)
		return false;
	if (stream->epoch != session->epoch)
		return true;
	/* RFC 7011 §8.4, RFC 3954 §7: by time and by number of messages, on UDP only */
	if (!session->transport->traits.datagrams)
		return false;
	/* the clock was set back: no data may be older than their template (RFC 7011 §8.2) */
	return age < 0 || (options->template_refresh_ns && age >= options->template_refresh_ns) ||
	       (options->template_refresh_messages &&
		       stream->data_messages >= options->template_refresh_messages);
}

static void start_if_idle(struct sf_session *session, struct sf_stream *stream)
{
	if (stream->started)
		return;
	if (stream->boot_end_ns == 0)
		sf_stream_set_boot(session, stream, sf_session_instant(session, stream));
	sf_session_start(session, stream);
}

struct sf_stream *sf_session_begin(struct sf_session *session, const struct sf_flow *flow)
{
	struct sf_stream *stream = stream_of(session, flow);

	if (stream)
		start_if_idle(session, stream);
	return stream;
}

static bool session_holds(const struct sf_destination *destination)
{
	const struct sf_transport *transport = ((const struct sf_session *)destination)->transport;

	return transport && transport->ops->holds && transport->ops->holds(transport);
}

static void session_tick(struct sf_destination *destination)
{
	struct sf_session *session = (struct sf_session *)destination;
	const struct sf_shared *shared = destination->shared;

	/* a file with packet times must not depend on the time at which it is written */
	if (!session->transport->traits.live && shared->options.packet_clock)
		return;
	if (shared->wall_ns - session->flushed_ns < SF_FLUSH_NS &&
		shared->wall_ns >= session->flushed_ns)
		return;
	session->flushed_ns = shared->wall_ns;
	/* the peer may answer, or go away, while no records come; with a queue the pump looks */
	if (!shared->options.queued && session_holds(destination))
		sf_session_ready(destination, sf_clock_read(CLOCK_MONOTONIC));
	sf_session_turn(session);
	if (!shared->options.packet_clock && !session->streams)
		sf_stream_new(session, shared->options.domain);
	for (struct sf_stream *stream = session->streams; stream; stream = stream->next) {
		start_if_idle(session, stream);
		sf_fill_flush(session, stream);
		if (sf_session_refresh_due(session, stream))
			sf_session_announce(session, stream);
	}
}

static void session_finish(struct sf_destination *destination)
{
	struct sf_session *session = (struct sf_session *)destination;
	struct sf_destination_stats *stats = &destination->stats;
	struct sf_transport *transport = session->transport;
	int code;

	if (!transport)
		return;
	/* a file has no name yet if no flow came */
	if (!transport->connects)
		sf_session_turn(session);
	/* an IPFIX file has templates even if no flow came */
	if (!transport->traits.live && !session->streams)
		sf_stream_new(session, destination->shared->options.domain);
	for (struct sf_stream *stream = session->streams; stream; stream = stream->next) {
		sf_fill_flush(session, stream);
		if (!transport->traits.live)
			start_if_idle(session, stream);
	}
	if (transport->ops->refused && transport->ops->refused(transport))
		sf_session_refused(session, session->latest_ns);
	for (struct sf_stream *stream = session->streams; stream; stream = stream->next)
		if (stream->started)
			sf_session_options_data(session, stream, true);
	if (transport->traits.connected && !destination->shared->options.queued)
		sf_session_await_sent(session);
	code = transport->ops->end(transport);
	sf_session_settle(session);
	if (code < 0) {
		stats->incomplete = true;
		snprintf(stats->failure, sizeof(stats->failure), "cannot finish %.200s: %s",
			stats->url, sf_strerror(code));
	}
	transport->ops->free(transport);
	session->transport = NULL;
}

static void session_free(struct sf_destination *destination)
{
	struct sf_session *session = (struct sf_session *)destination;

	sf_streams_free(session);
	if (session->transport)
		session->transport->ops->free(session->transport);
	sf_pace_fini(&session->pace);
	sf_anonymizer_free(session->anonymizer);
	free(session->control_bytes);
	free(session);
}

static void session_announce(struct sf_destination *destination)
{
	struct sf_session *session = (struct sf_session *)destination;

	/* the peer of a connection has them: it may end a session that sends a template twice */
	if (session->transport->traits.connected && !session->transport->traits.datagrams)
		return;
	session->epoch++;
	/* at the next tick(), whether records come or not */
	session->flushed_ns = 0;
}

static int session_reload(struct sf_destination *destination, struct sf_error *error)
{
	struct sf_transport *transport = ((struct sf_session *)destination)->transport;

	return transport->ops->reload ? transport->ops->reload(transport, error) : 0;
}

static const struct sf_transport *session_transport(const struct sf_destination *destination)
{
	return ((const struct sf_session *)destination)->transport;
}

static const struct sf_destination_ops session_ops = {
	.put = session_put,
	.tick = session_tick,
	.ready = sf_session_ready,
	.flush = sf_session_flush,
	.probe = sf_session_probe,
	.holds = session_holds,
	.reload = session_reload,
	.announce = session_announce,
	.finish = session_finish,
	.free = session_free,
	.transport = session_transport,
};

uint64_t sf_session_conditions(const struct sf_session_options *options)
{
	return (options->dialect == &sf_ipfix ? SF_WHEN_IPFIX | options->time
					      : SF_WHEN_NETFLOW9 | SF_WHEN_UPTIME) |
	       (options->biflow ? SF_WHEN_BIFLOW : 0) | options->extra;
}

int sf_session_new(struct sf_destination **destination, const struct sf_shared *shared,
	const struct sf_session_options *options, struct sf_transport *transport)
{
	struct sf_session *session = calloc(1, sizeof(*session));

	if (session)
		/* the spool may have longer messages than this run makes */
		session->control_bytes = malloc(
			(transport->spools ? sf_ipfix.max_length : transport->max_message) + 4);
	if (!session || !session->control_bytes) {
		free(session);
		transport->ops->free(transport);
		return -ENOMEM;
	}
	session->destination.ops = &session_ops;
	session->destination.shared = shared;
	session->destination.stats.kind = transport->traits.live ? options->dialect->name : "file";
	session->options = *options;
	session->anonymizer = options->anonymizer;
	session->when =
		sf_session_conditions(options) | (transport->traits.live ? SF_WHEN_NETWORK : 0);
	session->destination.biflow = options->biflow;
	if (options->fields) {
		session->fields = *options->fields;
		session->options.fields = &session->fields;
		if (options->folds)
			sf_fields_add_folded(&session->fields);
		session->destination.wants = sf_fields_facts(&session->fields, session->when);
		session->record_mask = session->fields.when & SF_WHEN_RECORD;
	}
	session->kind_mask = kind_of(&(struct sf_flow){ .domain = UINT32_MAX,
		.ip_version = UINT8_MAX,
		.has = (uint16_t)(session->record_mask >> 8) });
	session->transport = transport;
	session->destination.stats.protocol = transport->protocol;
	session->destination.returns = transport->traits.connected;
	transport->hurry = &shared->options.hurry;
	sf_clock_init(&session->clock, SF_EXPORT_JUMP_NS);
	session->init_ns = shared->options.packet_clock ? 0 : shared->start_ns;
	session->control.bytes = session->control_bytes;
	session->connects = transport->connects;
	sf_session_watch(session);
	*destination = &session->destination;
	return 0;
}
