/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interfaces of a pcapng section: link type, clock, and slot in the capture (slots.h). Clauses are
 * those of draft-ietf-opsawg-pcapng.
 */
#include <stdlib.h>
#include <string.h>

#include "file/pcapng.h"

#define OPTION_IF_NAME     2
#define OPTION_IF_TEXT     3 /* if_description */
#define OPTION_IF_MAC      6
#define OPTION_IF_TSRESOL  9
#define OPTION_IF_TSOFFSET 14

/* Clause 4.2: units per second are 10^n, or 2^n with the top bit set. */
static void interface_resolution(struct sf_pcapng_interface *interface, uint8_t resolution)
{
	unsigned exponent = resolution & 0x7f;

	interface->multiply = 0;
	interface->divide = 0;
	interface->units_max = UINT64_MAX;
	if (resolution & 0x80) {
		interface->shift = exponent;
		return;
	}
	if (exponent > 9 + 19) { /* the largest 64-bit number of units is less than 1 ns */
		interface->divide = UINT64_MAX;
		return;
	}
	if (exponent > 9) {
		for (interface->divide = 1; exponent > 9; exponent--)
			interface->divide *= 10;
		return;
	}
	for (interface->multiply = 1; exponent < 9; exponent++)
		interface->multiply *= 10;
	interface->units_max = (uint64_t)SF_READER_TIME_MAX / interface->multiply;
}

static void copy_text(char *to, size_t size, const struct sf_pcapng_option *option)
{
	size_t length = strnlen((const char *)option->value, option->length);

	if (length >= size)
		length = size - 1;
	memcpy(to, option->value, length);
	to[length] = '\0';
}

/* Clause 4.2. An impossible offset puts every time stamp out of range. */
static int64_t interface_offset(int64_t seconds)
{
	if (seconds > SF_READER_TIME_MAX / SF_NS_PER_S ||
		seconds < -SF_READER_TIME_MAX / SF_NS_PER_S)
		return -(SF_READER_TIME_MAX + 1);
	return seconds * SF_NS_PER_S;
}

/* Reads the options of an interface description. False: some are malformed and left out. */
static bool interface_options(const uint8_t *p, const uint8_t *end, bool swapped,
	struct sf_pcapng_interface *interface, struct sf_slot_identity *identity)
{
	bool good = true;
	struct sf_pcapng_option option;
	int rc;

	while ((rc = sf_pcapng_option(&p, end, swapped, &option)) > 0) {
		if (option.code == OPTION_IF_NAME)
			copy_text(identity->name, sizeof(identity->name), &option);
		else if (option.code == OPTION_IF_TEXT)
			copy_text(identity->description, sizeof(identity->description), &option);
		else if (option.code == OPTION_IF_MAC && option.length == 6)
			memcpy(identity->address, option.value, 6);
		else if (option.code == OPTION_IF_TSRESOL && option.length == 1)
			interface_resolution(interface, *option.value);
		else if (option.code == OPTION_IF_TSOFFSET && option.length == 8)
			interface->offset_ns =
				interface_offset((int64_t)sf_load64(option.value, swapped));
		else if (option.code == OPTION_IF_MAC || option.code == OPTION_IF_TSRESOL ||
			 option.code == OPTION_IF_TSOFFSET)
			good = false;
	}
	return good && rc == 0;
}

/* The slot of an interface; no other interface of the section has the same slot. */
static int interface_slot(struct sf_reader *reader, struct sf_slot_identity *identity,
	const struct sf_interface *described)
{
	struct sf_pcapng_format *format = &reader->pcapng;
	int slot;

	if (!reader->slots)
		return (int)format->interface_count;
	if (!format->taken)
		format->taken = calloc(SF_SLOTS_MAX / 64, sizeof(*format->taken));
	if (!format->taken)
		return -ENOMEM;
	slot = sf_slots_find(reader->slots, identity, described);
	if (slot >= 0 && format->taken[slot / 64] >> slot % 64 & 1) {
		identity->number = format->interface_count + 1;
		slot = sf_slots_find(reader->slots, identity, described);
	}
	if (slot >= 0)
		format->taken[slot / 64] |= UINT64_C(1) << slot % 64;
	return slot;
}

/* Makes room for another interface of the section. False: failed. */
static bool interface_room(struct sf_reader *reader, unsigned count)
{
	struct sf_pcapng_format *format = &reader->pcapng;
	unsigned room = format->interface_room ? 2 * format->interface_room : 4;
	void *grown;

	if (format->interface_count < format->interface_room)
		return true;
	if (format->interface_count == SF_SLOTS_MAX) {
		sf_reader_fail(reader, count, SF_EUNSUPPORTED,
			"more than %u interfaces in a section", SF_SLOTS_MAX);
		return false;
	}
	grown = reallocarray(format->interfaces, room, sizeof(*format->interfaces));
	if (!grown) {
		sf_reader_fail(reader, count, -ENOMEM, "no memory for an interface");
		return false;
	}
	format->interfaces = grown;
	format->interface_room = room;
	return true;
}

bool sf_pcapng_interface(struct sf_reader *reader, const uint8_t *p, uint32_t total, unsigned count)
{
	struct sf_pcapng_format *format = &reader->pcapng;
	struct sf_slot_identity identity = { .name = "" };
	struct sf_interface described = { .name = "" };
	struct sf_pcapng_interface *interface;
	int slot;

	if (!interface_room(reader, count))
		return false;
	interface = &format->interfaces[format->interface_count];
	*interface = (struct sf_pcapng_interface){
		.link = sf_load16(p + 8, format->swapped),
		.snaplen = sf_load32(p + 12, format->swapped),
	};
	interface_resolution(interface, 6);
	if (!interface_options(p + 16, p + total - 4, format->swapped, interface, &identity))
		format->odd_length = true;
	described.link = interface->link;
	described.snaplen = interface->snaplen;
	memcpy(described.name, identity.name, sizeof(described.name));
	identity.link = interface->link;
	if (!*identity.name && !*identity.description)
		identity.number = format->interface_count + 1;
	slot = interface_slot(reader, &identity, &described);
	if (slot < 0) {
		sf_reader_fail(reader, count, slot,
			slot == SF_EUNSUPPORTED ? "more than 65536 interfaces in all files"
						: "no memory for an interface");
		return false;
	}
	interface->slot = (uint16_t)slot;
	format->interface_count++;
	return true;
}

void sf_pcapng_forget(struct sf_pcapng_format *format)
{
	for (unsigned i = 0; format->taken && i < format->interface_count; i++)
		format->taken[format->interfaces[i].slot / 64] = 0;
	format->interface_count = 0;
}
