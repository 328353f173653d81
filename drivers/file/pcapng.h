/* SPDX-License-Identifier: BSD-2-Clause */
/* Options and interfaces of pcapng: shared by pcapng.c and pcapng_interface.c. */
#ifndef SPANFLOW_FILE_PCAPNG_H
#define SPANFLOW_FILE_PCAPNG_H

#include "file/order.h"
#include "file/reader.h"

#define SF_PCAPNG_OPTION_END 0

struct sf_pcapng_option {
	unsigned code, length;
	const uint8_t *value;
};

/*
 * Clause 3.5: reads the next option from *p … end. Returns 1; 0: no more options (the end option
 * may be missing); -1: malformed, no more options: one does not fit, or the end option has a
 * length.
 */
static inline int sf_pcapng_option(
	const uint8_t **p, const uint8_t *end, bool swapped, struct sf_pcapng_option *option)
{
	size_t padded;

	if (end - *p < 4)
		return *p == end ? 0 : -1;
	option->code = sf_load16(*p, swapped);
	option->length = sf_load16(*p + 2, swapped);
	option->value = *p + 4;
	if (option->code == SF_PCAPNG_OPTION_END)
		return option->length == 0 ? 0 : -1;
	padded = (option->length + 3u) & ~3u;
	if ((size_t)(end - option->value) < padded)
		return -1;
	*p = option->value + padded;
	return 1;
}

/* Time stamp to ns since 1970; false: out of range. */
static inline bool interface_time(
	const struct sf_pcapng_interface *interface, uint64_t units, int64_t *time_ns)
{
	uint64_t ns;

	if (interface->multiply) {
		if (units > interface->units_max)
			return false;
		ns = units * interface->multiply;
	} else if (interface->divide) {
		ns = units / interface->divide;
	} else {
		unsigned __int128 wide = (unsigned __int128)units * SF_NS_PER_S;

		wide >>= interface->shift;
		if (wide > (uint64_t)SF_READER_TIME_MAX)
			return false;
		ns = (uint64_t)wide;
	}
	if (ns > (uint64_t)SF_READER_TIME_MAX)
		return false;
	*time_ns = (int64_t)ns + interface->offset_ns; /* both below 2^62 */
	return *time_ns >= 0 && *time_ns <= SF_READER_TIME_MAX;
}

/* Clause 4.2. The whole interface description block is at p; false: failed. */
bool sf_pcapng_interface(
	struct sf_reader *reader, const uint8_t *p, uint32_t total, unsigned count);

/* A new section begins: forgets all interfaces. */
void sf_pcapng_forget(struct sf_pcapng_format *format);

#endif
