/* SPDX-License-Identifier: BSD-2-Clause */
#include "transport/window.h"

#include <stdlib.h>
#include <string.h>

#include "base/pages.h"

#define FIRST_SIZE ((size_t)256 << 10)
#define FIRST_ROOM 64

static struct sf_window_message *message_at(const struct sf_window *window, unsigned index)
{
	return &window->messages[(window->first + index) & (window->room - 1)];
}

void sf_window_fini(struct sf_window *window)
{
	sf_pages_free(window->bytes, window->size);
	free(window->messages);
}

/* A larger ring of messages, in which the oldest is the first. */
static bool grow_messages(struct sf_window *window)
{
	unsigned room = window->room ? 2 * window->room : FIRST_ROOM;
	struct sf_window_message *grown = calloc(room, sizeof(*grown));

	if (!grown)
		return false;
	for (unsigned i = 0; i < window->count; i++)
		grown[i] = *message_at(window, i);
	free(window->messages);
	window->messages = grown;
	window->room = room;
	window->first = 0;
	return true;
}

/* More bytes, in which the oldest message begins at 0. */
static bool grow_bytes(struct sf_window *window, size_t length)
{
	size_t size = window->size ? 2 * window->size : FIRST_SIZE, at = 0;
	uint8_t *grown;

	while (size < window->octets + length)
		size *= 2;
	grown = sf_pages_new(size, true);
	if (!grown)
		return false;
	for (unsigned i = 0; i < window->count; i++) {
		struct sf_window_message *message = message_at(window, i);

		memcpy(grown + at, window->bytes + message->start, message->length);
		message->start = at;
		at += message->length;
	}
	sf_pages_free(window->bytes, window->size);
	window->bytes = grown;
	window->size = size;
	window->end = at;
	return true;
}

/* Where a message of this length can lie, as things are; SIZE_MAX: nowhere. */
static size_t find_place(const struct sf_window *window, size_t length)
{
	size_t first;

	if (window->count == 0)
		return length <= window->size ? 0 : SIZE_MAX;
	first = message_at(window, 0)->start;
	if (window->end <= first)
		return length < first - window->end ? window->end : SIZE_MAX;
	if (length <= window->size - window->end)
		return window->end;
	return length < first ? 0 : SIZE_MAX;
}

bool sf_window_add(
	struct sf_window *window, const uint8_t *bytes, const struct sf_window_message *message)
{
	struct sf_window_message *added;
	size_t start;

	if (window->count == window->room && !grow_messages(window))
		return false;
	start = find_place(window, message->length);
	if (start == SIZE_MAX) {
		if (!grow_bytes(window, message->length))
			return false;
		start = window->end;
	}
	memcpy(window->bytes + start, bytes, message->length);
	added = message_at(window, window->count++);
	*added = *message;
	added->start = start;
	added->wire_end = 0;
	added->abandoned = false;
	window->end = start + message->length;
	window->octets += message->length;
	return true;
}

const uint8_t *sf_window_unwritten(const struct sf_window *window, size_t *length)
{
	const struct sf_window_message *message;

	/* what is taken back is written as a new message */
	if (window->kept || window->next == window->count)
		return NULL;
	message = message_at(window, window->next);
	*length = message->length - window->in_place;
	return window->bytes + message->start + window->in_place;
}

const struct sf_window_message *sf_window_next(const struct sf_window *window)
{
	return message_at(window, window->next);
}

void sf_window_wrote(struct sf_window *window, size_t n, uint64_t wire)
{
	struct sf_window_message *message = message_at(window, window->next);

	message->begun = true;
	window->in_place += n;
	if (window->in_place < message->length)
		return;
	message->wire_end = wire;
	window->in_place = 0;
	window->next++;
}

/* Removes the oldest message. */
static struct sf_window_message remove_first(struct sf_window *window)
{
	struct sf_window_message message = *message_at(window, 0);

	window->first = (window->first + 1) & (window->room - 1);
	window->count--;
	window->octets -= message.length;
	return message;
}

void sf_window_acknowledge(struct sf_window *window, uint64_t wire, int64_t mono)
{
	while (window->acknowledged < window->next) {
		struct sf_window_message *message = message_at(window, window->acknowledged);

		if (message->wire_end > wire)
			break;
		message->acknowledged_ns = mono;
		window->acknowledged++;
		window->acknowledged_octets += message->length;
		if (!message->abandoned)
			sf_outcome_enter(&window->sent, message->length, &message->flows);
	}
}

void sf_window_abandon(struct sf_window *window, uint32_t end)
{
	struct sf_window_message *message = NULL;
	unsigned i = 0;

	while (i < window->next && (uint32_t)message_at(window, i)->wire_end != end)
		i++;
	if (i < window->next)
		message = message_at(window, i);
	if (!message || message->abandoned)
		return;
	message->abandoned = true;
	sf_count_add(&window->abandoned, &message->flows);
	if (i < window->acknowledged)
		sf_outcome_remove(&window->sent, message->length, &message->flows);
}

void sf_window_release(struct sf_window *window, int64_t mono, size_t octets)
{
	while (window->acknowledged && (message_at(window, 0)->acknowledged_ns <= mono ||
					       window->acknowledged_octets > octets)) {
		struct sf_window_message message = remove_first(window);

		window->acknowledged_octets -= message.length;
		if (message.place.end.segment)
			window->released = message.place.end;
		window->acknowledged--;
		window->next--;
	}
}

bool sf_window_return(struct sf_window *window, const struct sf_window_message *message)
{
	/* the window may move its bytes to make room */
	uint8_t *copy = malloc(message->length);
	bool added;

	if (!copy)
		return false;
	memcpy(copy, window->bytes + message->start, message->length);
	added = sf_window_add(window, copy, message);
	free(copy);
	return added;
}

static void enter_rewind(
	struct sf_window_rewind *rewind, const struct sf_window_message *message, unsigned kept)
{
	if (!rewind->any) {
		rewind->any = true;
		rewind->start = message->place.start;
		rewind->before = kept;
	}
	rewind->begun |= message->begun;
	sf_count_add(&rewind->flows, &message->flows);
}

void sf_window_cut(struct sf_window *window, bool read)
{
	struct sf_window_rewind rewind;

	sf_window_cut_into(window, read, &rewind);
}

void sf_window_cut_into(struct sf_window *window, bool read, struct sf_window_rewind *rewind)
{
	unsigned count = window->count, kept = 0;

	*rewind = (struct sf_window_rewind){ 0 };
	for (unsigned i = 0; i < count; i++) {
		struct sf_window_message message = *message_at(window, i);
		bool acknowledged = i < window->acknowledged;

		if (acknowledged && read && message.place.end.segment)
			window->released = message.place.end;
		if (message.abandoned) {
			window->octets -= message.length;
			continue;
		}
		if (acknowledged && !read && message.flows.records)
			sf_outcome_remove(&window->sent, message.length, &message.flows);
		if (message.place.end.segment && !(acknowledged && read))
			enter_rewind(rewind, &message, kept);
		if (message.flows.records == 0 || (acknowledged && read) ||
			message.place.end.segment) {
			window->octets -= message.length;
			continue;
		}
		message.wire_end = 0;
		*message_at(window, kept++) = message;
	}
	window->count = window->kept = kept;
	window->acknowledged = window->next = 0;
	window->acknowledged_octets = 0;
	window->in_place = 0;
}

bool sf_window_take_back(
	struct sf_window *window, struct sf_window_message *message, const uint8_t **bytes)
{
	if (window->kept == 0)
		return false;
	*message = remove_first(window);
	*bytes = window->bytes + message->start;
	window->kept--;
	return true;
}

bool sf_window_kept_begun(const struct sf_window *window, unsigned from)
{
	for (unsigned i = from; i < window->kept; i++)
		if (message_at(window, i)->begun)
			return true;
	return false;
}

struct sf_outcome sf_window_drop(struct sf_window *window)
{
	struct sf_outcome sum = { 0 };

	sf_window_release(window, INT64_MAX, 0);
	while (window->count) {
		struct sf_window_message message = remove_first(window);

		if (message.abandoned)
			continue;
		sf_outcome_enter(&sum, message.length, &message.flows);
	}
	window->next = window->kept = 0;
	window->in_place = 0;
	return sum;
}
