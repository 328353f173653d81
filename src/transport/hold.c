/* SPDX-License-Identifier: BSD-2-Clause */
#include "transport/hold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 16 /* of an IPFIX message */

int sf_hold_open_spool(struct sf_hold *hold, struct sf_disk *disk,
	const struct sf_spool_options *options, struct sf_error *error)
{
	int code = sf_spool_open(&hold->spool, disk, options, error);

	if (code < 0) {
		disk->ops->free(disk);
		hold->spool.disk = NULL;
		return code;
	}
	hold->has_spool = hold->spooling = true;
	return 0;
}

static void forget_templates(struct sf_hold *hold)
{
	for (unsigned i = 0; i < hold->template_count; i++)
		free(hold->templates[i].bytes);
	free(hold->templates);
	hold->templates = NULL;
	hold->template_count = 0;
}

void sf_hold_fini(struct sf_hold *hold)
{
	if (hold->has_spool)
		sf_spool_close(&hold->spool);
	forget_templates(hold);
	sf_window_fini(&hold->window);
}

static int remember_template(
	struct sf_hold *hold, const uint8_t *bytes, uint32_t length, uint16_t data_records)
{
	struct sf_hold_template *grown =
		realloc(hold->templates, (hold->template_count + 1) * sizeof(*hold->templates));
	uint8_t *copy = malloc(length);

	if (grown)
		hold->templates = grown;
	if (!grown || !copy) {
		free(copy);
		return -ENOMEM;
	}
	memcpy(copy, bytes, length);
	hold->templates[hold->template_count++] =
		(struct sf_hold_template){ copy, length, data_records };
	return 0;
}

/* ---------------------------------------------------------------- into the spool */

static int begin_segment(struct sf_hold *hold)
{
	static const struct sf_destination_count none;
	int code = 0;

	sf_spool_end_segment(&hold->spool);
	for (unsigned i = 0; i < hold->template_count && code == 0; i++)
		code = sf_spool_put(&hold->spool, SF_SPOOL_TEMPLATES, hold->templates[i].bytes,
			hold->templates[i].length, hold->templates[i].data_records, &none);
	if (code < 0)
		sf_spool_cancel_segment(&hold->spool);
	return code;
}

static int spool_data(struct sf_hold *hold, const uint8_t *bytes, uint32_t length,
	uint16_t data_records, const struct sf_destination_count *flows)
{
	int code = 0;

	if (sf_spool_is_full(&hold->spool, length))
		code = begin_segment(hold);
	if (code < 0)
		return code;
	return sf_spool_put(&hold->spool, SF_SPOOL_DATA, bytes, length, data_records, flows);
}

/* A segment that begins gets all templates; one that has begun gets those that are new. */
static int keep_templates(
	struct sf_hold *hold, const struct sf_batch *batch, unsigned index, const uint8_t *bytes)
{
	uint32_t length = batch->messages[index].length;
	uint16_t data_records = batch->messages[index].data_records;
	int code;

	if (!hold->has_spool || batch->messages[index].template_records == 0)
		return 0;
	code = remember_template(hold, bytes, length, data_records);
	/* no message that needs it may follow in a segment without it */
	if (code < 0 || !hold->spooling || sf_spool_is_full(&hold->spool, length) ||
		sf_spool_put(&hold->spool, SF_SPOOL_TEMPLATES, bytes, length, data_records,
			&batch->messages[index].flows) < 0)
		sf_spool_end_segment(&hold->spool);
	return code;
}

static int put_into_window(
	struct sf_hold *hold, struct sf_batch *batch, unsigned index, const uint8_t *bytes)
{
	const struct sf_window_message message = {
		.length = batch->messages[index].length,
		.data_records = batch->messages[index].data_records,
		.sctp_stream = batch->sctp_stream,
		.flows = batch->messages[index].flows,
		.place = batch->place,
	};

	if (sf_window_add(&hold->window, bytes, &message))
		return 0;
	batch->messages[index].fate = SF_FATE_LOST_send;
	return -ENOMEM;
}

static int put_into_spool(
	struct sf_hold *hold, struct sf_batch *batch, unsigned index, const uint8_t *bytes)
{
	int code = spool_data(hold, bytes, batch->messages[index].length,
		batch->messages[index].data_records, &batch->messages[index].flows);

	if (code < 0)
		batch->messages[index].fate =
			code == -EDQUOT ? SF_FATE_LOST_spool : SF_FATE_LOST_write;
	return code;
}

int sf_hold_put(struct sf_hold *hold, struct sf_batch *batch, unsigned index, const uint8_t *bytes)
{
	bool control = batch->messages[index].flows.records == 0;
	int code = 0;

	batch->messages[index].fate = SF_FATE_WAITING;
	if (batch->replay)
		return put_into_window(hold, batch, index, bytes);
	if (control)
		code = keep_templates(hold, batch, index, bytes);
	if (code < 0)
		return code;
	batch->spooled = control ? !hold->open || hold->foreign : hold->has_spool && hold->spooling;
	if (!batch->spooled)
		return put_into_window(hold, batch, index, bytes);
	/* templates and options data are sent anew with each connection */
	return control ? 0 : put_into_spool(hold, batch, index, bytes);
}

/* ---------------------------------------------------------------- connections */

void sf_hold_connect(struct sf_hold *hold)
{
	uint64_t run;

	hold->open = true;
	hold->needs_connection = false;
	hold->hash_count = 0;
	hold->foreign = 0;
	/* what came since the last connection is to be taken back too */
	sf_window_cut(&hold->window, false);
	if (!hold->has_spool)
		return;
	run = sf_spool_next_run(&hold->spool);
	if (run && run != hold->spool.options.run) {
		hold->foreign = run;
		sf_spool_scan_templates(&hold->spool);
	} else {
		/* the session sends all of them */
		forget_templates(hold);
	}
}

static void release_spool(struct sf_hold *hold)
{
	if (hold->window.released.segment)
		sf_spool_release(&hold->spool, hold->window.released);
	/* templates behind the last message */
	if (hold->window.count == 0 && sf_spool_next_run(&hold->spool) == 0)
		sf_spool_release(&hold->spool, hold->spool.read);
}

/*
 * Moves messages from memory to the end of the spool, but for the first `before` ones: these are
 * older than what the spool holds, and stay in memory. The others are newer, or the spool is empty.
 */
static void move_to_spool(struct sf_hold *hold, unsigned before)
{
	struct sf_window *window = &hold->window;
	unsigned count = window->kept;
	bool begun = sf_window_kept_begun(window, before);

	/* a crash may come between the messages and the mark */
	if (begun)
		sf_spool_doubt(&hold->spool, true);
	for (unsigned i = 0; i < count; i++) {
		struct sf_window_message message;
		const uint8_t *bytes;

		sf_window_take_back(window, &message, &bytes);
		if (i >= before && spool_data(hold, bytes, message.length, message.data_records,
					   &message.flows) == 0)
			continue;
		if (!sf_window_return(window, &message))
			sf_count_add(&hold->lost, &message.flows);
	}
	sf_window_cut(window, false);
	if (begun)
		sf_spool_doubt(&hold->spool, false);
}

void sf_hold_cut(struct sf_hold *hold, bool read)
{
	bool was_empty = !hold->has_spool || sf_spool_next_run(&hold->spool) == 0;
	struct sf_window_rewind rewind;

	hold->open = false;
	sf_window_cut_into(&hold->window, read, &rewind);
	if (!hold->has_spool)
		return;
	hold->spooling = true;
	if (hold->window.released.segment)
		sf_spool_release(&hold->spool, hold->window.released);
	if (rewind.any)
		sf_spool_rewind(&hold->spool, rewind.start, &rewind.flows, rewind.begun);
	if (rewind.any || was_empty)
		move_to_spool(hold, rewind.any ? rewind.before : 0);
}

void sf_hold_release(struct sf_hold *hold, int64_t mono, size_t octets)
{
	sf_window_release(&hold->window, mono, octets);
	if (hold->has_spool)
		release_spool(hold);
}

struct sf_outcome sf_hold_end(struct sf_hold *hold)
{
	struct sf_outcome lost = { 0 };

	sf_hold_release(hold, INT64_MAX, 0);
	if (hold->has_spool) {
		sf_hold_cut(hold, true);
		/* what stayed in memory is the oldest: out of order is better than lost */
		move_to_spool(hold, 0);
		release_spool(hold);
	}
	lost = sf_window_drop(&hold->window);
	return lost;
}

/* ---------------------------------------------------------------- again */

/* True if the connection has carried this template message already. */
static bool is_known(struct sf_hold *hold, const uint8_t *bytes, uint32_t length)
{
	uint64_t hash = length;

	for (uint32_t i = HEADER - 4; i < length; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	for (unsigned i = 0; i < hold->hash_count; i++)
		if (hold->hashes[i] == hash)
			return true;
	if (hold->hash_count < SF_HOLD_HASHES)
		hold->hashes[hold->hash_count++] = hash;
	return false;
}

static void fill(struct sf_batch *batch, uint8_t *room, uint32_t length, uint16_t data_records,
	const struct sf_destination_count *flows)
{
	batch->bytes = room;
	batch->count = 1;
	batch->replay = true;
	batch->messages[0].length = length;
	batch->messages[0].data_records = data_records;
	batch->messages[0].template_records = 0;
	batch->messages[0].flows = *flows;
}

static bool take_from_spool(struct sf_hold *hold, struct sf_batch *batch, uint8_t *room)
{
	struct sf_spool_entry entry;

	for (;;) {
		uint64_t run = sf_spool_next_run(&hold->spool);
		bool own = run == hold->spool.options.run;

		if (run && run != (hold->foreign ? hold->foreign : hold->spool.options.run)) {
			hold->needs_connection = true;
			return false;
		}
		if (sf_spool_next(&hold->spool, &entry, room) <= 0)
			break;
		if (entry.kind == SF_SPOOL_TEMPLATES && (own || is_known(hold, room, entry.length)))
			continue;
		fill(batch, room, entry.length, entry.data_records, &entry.flows);
		batch->repeated = entry.repeated;
		batch->place = (struct sf_spool_span){ entry.start, entry.end };
		return true;
	}
	/* everything was read */
	if (hold->foreign)
		hold->needs_connection = true;
	else
		hold->spooling = false;
	return false;
}

bool sf_hold_again(struct sf_hold *hold, struct sf_batch *batch, uint8_t *room, size_t most)
{
	struct sf_window_message message;
	const uint8_t *bytes;

	if (hold->needs_connection)
		return false;
	if (sf_window_take_back(&hold->window, &message, &bytes)) {
		memcpy(room, bytes, message.length);
		fill(batch, room, message.length, message.data_records, &message.flows);
		batch->repeated = message.begun;
		batch->place = (struct sf_spool_span){ 0 };
		return true;
	}
	if (!hold->has_spool || !hold->spooling ||
		hold->window.octets - hold->window.acknowledged_octets >= most)
		return false;
	return take_from_spool(hold, batch, room);
}
