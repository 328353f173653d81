/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stream of SCTP for each template: RFC 6526. A template and the records that it describes go by
 * one stream, so that they stay in order there, and a collector sees by the sequence numbers of a
 * stream how many records of its template were given up.
 *
 *	stream 0		options templates and options data, which are never given up
 *	stream 1, 2, …		a template, in the order in which templates were made, and its
 *				records
 *
 * The stream is found by the ids in a message, so a message that is sent again, or that comes from
 * the spool, takes the stream that its template has on the present connection. On each stream, an
 * options template of its own and its records (Data Records Reliability) come before the first
 * data, and say whether data may be given up.
 */
/* [RFC6526-4.2-9] [RFC6526-4.4-1] [RFC6526-4.4-2] [RFC6526-4.4-3] [RFC6526-4.4-4] */
/* [RFC6526-4.4-5] [RFC6526-4.4-6] [RFC6526-4.4-7] */
#include "base/wire.h"
#include "export/options.h"

#define SET 16 /* of the first set, in a message */

static uint16_t stream_of_slot(const struct sf_session *session, const struct sf_slot *slot)
{
	unsigned streams = session->transport->sctp_streams;

	return streams < 2 ? 0 : (uint16_t)(1 + slot->number % (streams - 1));
}

/* [RFC6526-4.2-1] [RFC6526-4.2-3] [RFC6526-4.3-1] */
uint16_t sf_own_stream(
	const struct sf_session *session, const struct sf_stream *stream, const uint8_t *message)
{
	uint16_t id = sf_load_be16(message + SET);

	if (id == sf_ipfix.template_set)
		id = sf_load_be16(message + SET + sf_ipfix.set_header_length);
	if (id >= SF_RELIABILITY_ID)
		return id - SF_RELIABILITY_ID;
	for (const struct sf_slot *slot = sf_stream_first_slot(stream); slot;
		slot = sf_slot_next(slot))
		if (slot->template.id == id)
			return stream_of_slot(session, slot);
	return 0;
}

/* Adds the options template of the stream, unless it was sent. */
/* [RFC6526-4.2-7] */
static void add_reliability_template(struct sf_control *control, uint16_t sctp_stream)
{
	static const struct sf_spec specs[] = { { 0, 145, 2 }, { 0, 276, 1 } };
	uint64_t bit = UINT64_C(1) << sctp_stream;

	if (control->stream->reliability_told & bit)
		return;
	control->stream->reliability_told |= bit;
	sf_control_template(control, SF_RELIABILITY_ID + sctp_stream, specs, 2, 1);
}

/* [RFC6526-4.1-1] [RFC6526-4.2-4] [RFC6526-4.2-6] [RFC6526-4.2-8] */
static void add_reliability(
	struct sf_control *control, uint16_t sctp_stream, uint16_t template_id, bool reliable)
{
	uint8_t *p = sf_control_room(control, SF_RELIABILITY_ID + sctp_stream, 3);

	if (!p)
		return;
	p = sf_store_be16(p, template_id);
	control->message.p = sf_store_u8(p, reliable ? 1 : 2);
	control->message.data_records++;
}

/* RFC 6526 §4.3: if there are too few streams, templates share them. */
static void tell_of_sharing(struct sf_session *session, const struct sf_slot *slot)
{
	unsigned streams = session->transport->sctp_streams;

	if (session->told_of_sharing || streams == 0 || slot->number + 1 < streams)
		return;
	session->told_of_sharing = true;
	sf_destination_news(&session->destination,
		"%.150s: the association has %u stream%s, too few for all templates: they share "
		"streams",
		session->destination.stats.url, streams, streams == 1 ? "" : "s");
}

void sf_own_stream_slot(struct sf_control *control, struct sf_slot *slot)
{
	struct sf_session *session = control->session;
	uint16_t sctp_stream = stream_of_slot(session, slot);

	if (slot->is_twin) {
		slot->announced = true;
		return;
	}
	sf_control_slot(control, slot);
	if (!slot->announced)
		return;
	tell_of_sharing(session, slot);
	add_reliability_template(control, sctp_stream);
	sf_control_end(control);
	add_reliability(
		control, sctp_stream, slot->template.id, !session->transport->traits.gives_up);
	sf_control_end(control);
}

void sf_own_stream_options(struct sf_control *control)
{
	sf_options_templates(control);
	add_reliability_template(control, 0);
	sf_control_end(control);
	for (unsigned kind = 0; kind < SF_KIND_COUNT; kind++)
		if (sf_options_has(control, kind))
			add_reliability(control, 0, sf_options_id(kind), true);
	sf_control_end(control);
}
