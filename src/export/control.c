/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of templates and options data. Records of one set are collected until a message is
 * full; a record never spans messages and never shares a set with another kind (RFC 7011 §3.3.1).
 */
#include "export/session.h"

/*
 * Options templates of IPFIX are 2 bytes longer than a multiple of 4. Their sets get no padding,
 * because some readers take it for another template. Nothing needs it: such a set is the last one
 * of its message.
 */
static bool may_pad(const struct sf_control *control)
{
	return control->session->options.dialect != &sf_ipfix ||
	       control->set_id != sf_ipfix.options_set;
}

static void end_set(struct sf_control *control)
{
	if (control->message.set)
		sf_message_set_end(
			&control->message, may_pad(control) ? control->shortest_record : 0);
}

static void begin_message(struct sf_control *control)
{
	struct sf_session *session = control->session;

	sf_message_begin(&control->message, session->options.dialect, session->control_bytes,
		session->transport->max_message);
}

void sf_control_begin(
	struct sf_control *control, struct sf_session *session, struct sf_stream *stream)
{
	*control = (struct sf_control){ .session = session, .stream = stream };
	begin_message(control);
}

/* Sends the message as it is. */
static void send_message(struct sf_control *control)
{
	struct sf_session *session = control->session;
	struct sf_batch *batch = &session->control;

	batch->count = 1;
	batch->messages[0].length = (uint32_t)(control->message.p - control->message.start);
	batch->messages[0].data_records = (uint16_t)control->message.data_records;
	batch->messages[0].template_records = (uint16_t)control->message.template_records;
	batch->messages[0].flows = (struct sf_destination_count){ 0 };
	sf_session_send(session, control->stream, batch);
}

void sf_control_end(struct sf_control *control)
{
	end_set(control);
	if (control->message.data_records + control->message.template_records == 0)
		return;
	send_message(control);
	begin_message(control);
}

/* [RFC7011-3.3.1-1] */
uint8_t *sf_control_room(struct sf_control *control, uint16_t set_id, size_t length)
{
	struct sf_message *message = &control->message;
	size_t header = control->session->options.dialect->set_header_length;

	if (message->set && control->set_id != set_id)
		end_set(control);
	if (message->set)
		header = 0;
	if ((size_t)(message->end - message->p) < header + length)
		sf_control_end(control);
	if (!message->set)
		header = control->session->options.dialect->set_header_length;
	if ((size_t)(message->end - message->p) < header + length)
		return NULL;
	if (!message->set) {
		sf_message_set(message, set_id);
		control->set_id = set_id;
		control->shortest_record = length;
	} else if (length < control->shortest_record) {
		control->shortest_record = length;
	}
	return message->p;
}

bool sf_control_template(struct sf_control *control, uint16_t id, const struct sf_spec *specs,
	unsigned count, unsigned scope_count)
{
	const struct sf_dialect *dialect = control->session->options.dialect;
	uint16_t set = scope_count ? dialect->options_set : dialect->template_set;
	size_t length = sf_message_template_length(dialect, specs, count, scope_count);

	if (!sf_control_room(control, set, length))
		return false;
	sf_message_template(&control->message, id, specs, count, scope_count);
	return true;
}

/* [RFC7011-8.4-3] */
void sf_control_slot(struct sf_control *control, struct sf_slot *slot)
{
	const struct sf_template *template = &slot->template;

	/* a template without fields is a withdrawal (RFC 7011 §8.1); no record uses this one */
	if (template->field_count == 0)
		return;

	slot->announced = sf_control_template(
		control, template->id, template->specs, template->field_count, 0);
}

static void add_template(struct sf_control *control, struct sf_slot *slot)
{
	if (control->session->transport->traits.own_streams)
		sf_own_stream_slot(control, slot);
	else
		sf_control_slot(control, slot);
}

static void add_templates(struct sf_control *control)
{
	for (struct sf_slot *slot = sf_stream_first_slot(control->stream); slot;
		slot = sf_slot_next(slot))
		add_template(control, slot);
	if (!control->session->options.options_data)
		return;
	if (control->session->transport->traits.own_streams)
		sf_own_stream_options(control);
	else
		sf_options_templates(control);
}

static bool has_templates(const struct sf_session *session)
{
	return session->options.dialect->set_header_length != 0;
}

/* [RFC7011-8.2-3] [RFC5655-7-2] [RFC5655-7.2-1] [RFC5655-7.3.4-1] */
void sf_session_announce_slot(
	struct sf_session *session, struct sf_stream *stream, struct sf_slot *slot)
{
	struct sf_control control;

	if (!has_templates(session))
		return;
	/* RFC 7011 §8.4: over UDP in more than one message */
	for (int copy = 0; copy < (session->transport->traits.datagrams ? 2 : 1); copy++) {
		sf_control_begin(&control, session, stream);
		add_template(&control, slot);
		sf_options_flow_key(&control, slot);
		sf_options_anonymized(&control, slot);
		sf_control_end(&control);
	}
}

void sf_session_options_data(struct sf_session *session, struct sf_stream *stream, bool final)
{
	struct sf_control control;

	if (!has_templates(session) || !session->options.options_data)
		return;
	sf_control_begin(&control, session, stream);
	sf_options_data(&control, final);
	sf_control_end(&control);
}

void sf_session_templates(struct sf_session *session, struct sf_stream *stream)
{
	struct sf_control control;

	if (!has_templates(session))
		return;
	sf_control_begin(&control, session, stream);
	add_templates(&control);
	sf_control_end(&control);
}

void sf_session_ask(struct sf_session *session, struct sf_stream *stream)
{
	struct sf_control control;

	if (has_templates(session)) {
		sf_session_templates(session, stream);
		return;
	}
	sf_control_begin(&control, session, stream);
	send_message(&control);
}

/* [RFC3954-7-8] */
void sf_session_announce(struct sf_session *session, struct sf_stream *stream)
{
	stream->epoch = session->epoch;
	stream->announced_ns = session->destination.shared->wall_ns;
	stream->data_messages = 0;
	/* RFC 7011 §8: templates and options templates in the same message where they fit */
	sf_session_templates(session, stream);
	sf_session_options_data(session, stream, false);
}

/* [RFC3954-7-4] */
void sf_session_start(struct sf_session *session, struct sf_stream *stream)
{
	stream->started = true;
	sf_session_announce(session, stream);
	if (session->transport->traits.datagrams)
		sf_session_templates(session, stream);
}
