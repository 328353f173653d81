/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records into messages, in one of two ways.
 *
 * Datagrams, and streams of SCTP for each template (traits.apart): each template fills messages of
 * its own. All messages of a batch except the last have the same size and are sent by one system
 * call. Records of different templates may change order.
 *
 * Files and connections: records keep their order. One message per stream is open, and a new set
 * begins in it when the template changes. Price: a set header and padding per change.
 *
 * In both cases slot->p is the position of the next record of a template while slot->room > 0.
 */
#include <stdlib.h>

#include "export/session.h"

static unsigned max_message(const struct sf_session *session)
{
	const struct sf_dialect *dialect = session->options.dialect;

	return session->transport->max_message < dialect->max_length
		       ? session->transport->max_message
		       : dialect->max_length;
}

/* Number of records of this length between p and end, with room for the set's padding. */
static unsigned records_between(
	const struct sf_session *session, const uint8_t *p, const uint8_t *end, unsigned length)
{
	unsigned room = end > p ? (unsigned)(end - p) : 0, count = room / length;

	while (count && session->options.dialect->set_header_length &&
		((count * length + 3) & ~3u) > room)
		count--;
	return count;
}

/* True if a message has room for the template; without it its records cannot be read. */
static bool template_fits(const struct sf_session *session, const struct sf_template *template)
{
	const struct sf_dialect *dialect = session->options.dialect;

	return dialect->header_length + dialect->set_header_length +
		       sf_message_template_length(
			       dialect, template->specs, template->field_count, 0) <=
	       max_message(session);
}

/*
 * Makes the template's id unique in its stream. The id of a chosen list is computed from its
 * fields, so two templates may have the same: the later one gets the next free id. Equal templates
 * share an id.
 */
static void settle_id(struct sf_stream *stream, struct sf_slot *new)
{
	struct sf_template *template = &new->template;
	const struct sf_slot *slot = sf_stream_first_slot(stream), *twin = NULL;

	while (slot) {
		if (slot->template.id != template->id) {
			slot = sf_slot_next(slot);
		} else if (sf_template_is_same(&slot->template, template)) {
			twin = slot;
			break;
		} else {
			template->id = sf_template_next_id(template->id);
			slot = sf_stream_first_slot(stream);
		}
	}
	new->is_twin = twin != NULL;
	new->number = twin ? twin->number : stream->templates++;
}

struct sf_slot *sf_fill_slot_new(
	struct sf_session *session, struct sf_stream *stream, uint64_t when)
{
	const struct sf_dialect *dialect = session->options.dialect;
	unsigned headers = dialect->header_length + dialect->set_header_length;
	struct sf_slot *slot = calloc(1, sizeof(*slot));
	uint8_t *bytes;

	if (!slot)
		return NULL;
	if (session->transport->traits.apart)
		bytes = slot->batch.bytes = malloc(
			(size_t)session->transport->max_messages * session->transport->max_message);
	else if (stream->ordered.bytes)
		bytes = stream->ordered.bytes;
	else
		bytes = stream->ordered.bytes = malloc(session->transport->max_message);
	if (!bytes) {
		free(slot);
		return NULL;
	}
	if (dialect == &sf_netflow5)
		slot->template.record_length = slot->template.record_least = SF_V5_RECORD_LENGTH;
	else
		sf_template_init(&slot->template, session->options.fields, session->when, when);
	settle_id(stream, slot);
	if (slot->template.record_length && template_fits(session, &slot->template))
		slot->capacity = records_between(session, bytes + headers,
			bytes + max_message(session), slot->template.record_length);
	sf_variants_add(&stream->slots, &slot->variant, when);
	return slot;
}

void sf_fill_slots_free(struct sf_stream *stream)
{
	struct sf_slot *slot = sf_stream_first_slot(stream), *next;

	for (; slot; slot = next) {
		next = sf_slot_next(slot);
		free(slot->batch.bytes);
		free(slot);
	}
}

/* Opens the slot at p, for up to `count` records. */
static void open_slot(struct sf_slot *slot, uint8_t *p, unsigned count)
{
	slot->p = slot->records = p;
	slot->room = slot->opened_for = count;
	slot->packets = 0;
	slot->octets = 0;
}

/* Ends the set that the open slot has written into `message`; adds its flows. */
static void close_slot(
	struct sf_slot *slot, struct sf_message *message, struct sf_destination_count *flows)
{
	unsigned count = slot->opened_for - slot->room;

	slot->records = NULL;
	slot->room = 0;
	message->p = slot->p;
	if (message->set)
		sf_message_set_end(message, slot->template.record_least);
	message->data_records += count;
	sf_count_add(flows, &(struct sf_destination_count){ count, slot->packets, slot->octets });
}

/* Before data are sent: sends the templates if they were not sent or are due again. */
static void announce(struct sf_session *session, struct sf_stream *stream)
{
	/* a collector that was restarted since the last message does not know the templates */
	if (session->epoch && session->transport->ops->refused &&
		session->transport->ops->refused(session->transport))
		sf_session_refused(session, session->latest_ns);
	if (!stream->started)
		sf_session_start(session, stream);
	else if (sf_session_refresh_due(session, stream))
		sf_session_announce(session, stream);
	else if (session->destination.shared->wall_ns < session->doubt_ns)
		sf_session_templates(session, stream);
}

static void enter_message(struct sf_batch *batch, const struct sf_message *message,
	const struct sf_destination_count *flows)
{
	unsigned i = batch->count++;

	batch->messages[i].length = (uint32_t)(message->p - message->start);
	batch->messages[i].data_records = (uint16_t)message->data_records;
	batch->messages[i].template_records = 0;
	batch->messages[i].flows = *flows;
}

/* ---------------------------------------------------------------- a message per template */

static void close_message(const struct sf_session *session, struct sf_slot *slot)
{
	const struct sf_dialect *dialect = session->options.dialect;
	struct sf_destination_count flows = { 0 };
	unsigned headers = dialect->header_length + dialect->set_header_length;
	struct sf_message message;

	if (!slot->records)
		return;
	sf_message_begin(&message, dialect, slot->records - headers, max_message(session));
	if (dialect->set_header_length)
		sf_message_set(&message, slot->template.id);
	close_slot(slot, &message, &flows);
	enter_message(&slot->batch, &message, &flows);
}

static void flush_slot(struct sf_session *session, struct sf_stream *stream, struct sf_slot *slot)
{
	close_message(session, slot);
	if (slot->batch.count == 0)
		return;
	announce(session, stream);
	if (!slot->announced)
		sf_session_announce_slot(session, stream, slot);
	stream->data_messages += slot->batch.count;
	sf_session_send(session, stream, &slot->batch);
}

static void next_message(struct sf_session *session, struct sf_stream *stream, struct sf_slot *slot)
{
	const struct sf_dialect *dialect = session->options.dialect;
	uint8_t *start = slot->batch.bytes;

	close_message(session, slot);
	/* the messages of a call have one length; those of variable records have not */
	if (slot->batch.count == session->transport->max_messages ||
		(slot->template.variable && slot->batch.count))
		flush_slot(session, stream, slot);
	if (slot->batch.count) /* all messages before this one have the same length */
		start += (size_t)slot->batch.count * slot->batch.messages[0].length;
	open_slot(
		slot, start + dialect->header_length + dialect->set_header_length, slot->capacity);
}

/* ---------------------------------------------------------------- records in order */

static void close_set(struct sf_stream *stream)
{
	if (stream->ordered.open)
		close_slot(stream->ordered.open, &stream->ordered.message, &stream->ordered.flows);
	stream->ordered.open = NULL;
}

static void flush_ordered(struct sf_session *session, struct sf_stream *stream)
{
	struct sf_batch *batch = &stream->ordered.batch;

	close_set(stream);
	if (stream->ordered.message.data_records == 0)
		return;
	announce(session, stream);
	for (struct sf_slot *slot = sf_stream_first_slot(stream); slot; slot = sf_slot_next(slot))
		if (!slot->announced)
			sf_session_announce_slot(session, stream, slot);
	batch->bytes = stream->ordered.bytes;
	enter_message(batch, &stream->ordered.message, &stream->ordered.flows);
	sf_session_send(session, stream, batch);
	stream->ordered.message.data_records = 0;
	stream->ordered.flows = (struct sf_destination_count){ 0 };
}

static void next_set(struct sf_session *session, struct sf_stream *stream, struct sf_slot *slot)
{
	struct sf_message *message = &stream->ordered.message;
	unsigned header = session->options.dialect->set_header_length;
	unsigned count = 0;

	close_set(stream);
	if (message->data_records)
		count = records_between(
			session, message->p + header, message->end, slot->template.record_length);
	if (count == 0) {
		flush_ordered(session, stream);
		sf_message_begin(message, session->options.dialect, stream->ordered.bytes,
			max_message(session));
		count = slot->capacity;
	}
	sf_message_set(message, slot->template.id);
	open_slot(slot, message->p, count);
	stream->ordered.open = slot;
}

/* ---------------------------------------------------------------- both */

bool sf_fill_room(struct sf_session *session, struct sf_stream *stream, struct sf_slot *slot)
{
	if (slot->capacity == 0)
		return false;
	if (session->transport->traits.apart)
		next_message(session, stream, slot);
	else
		next_set(session, stream, slot);
	return true;
}

void sf_fill_flush(struct sf_session *session, struct sf_stream *stream)
{
	if (!session->transport->traits.apart) {
		flush_ordered(session, stream);
		return;
	}
	for (struct sf_slot *slot = sf_stream_first_slot(stream); slot; slot = sf_slot_next(slot))
		flush_slot(session, stream, slot);
}

static bool flush_one_slot(struct sf_session *session, struct sf_stream *stream)
{
	for (struct sf_slot *slot = sf_stream_first_slot(stream); slot; slot = sf_slot_next(slot)) {
		if (!slot->records && slot->batch.count == 0)
			continue;
		flush_slot(session, stream, slot);
		return true;
	}
	return false;
}

bool sf_fill_flush_one(struct sf_session *session, struct sf_stream *stream)
{
	if (session->transport->traits.apart)
		return flush_one_slot(session, stream);
	if (!stream->ordered.open && stream->ordered.message.data_records == 0)
		return false;
	flush_ordered(session, stream);
	return true;
}
