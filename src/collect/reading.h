/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that several collectors read together, as a reader in sf_gather() sees them; gather.h has
 * the functions for the user of those collectors. A reader is a thread, and calls with its own
 * number only.
 *
 *	for (entry = 0; entry < sf_reading_inputs(reading)->list.count; entry++)
 *		if (sf_reading_enter(reading, reader, entry) == SF_FOUND_FLOWS &&
 *			sf_reading_open(reading, reader, &span, &error) == 0)
 *			while (!span->last)
 *				span = sf_reading_next(reading, reader);
 *	sf_reading_leave(reading, reader);
 */
#ifndef SPANFLOW_COLLECT_READING_H
#define SPANFLOW_COLLECT_READING_H

#include "collect/gather.h"
#include "collect/inputs.h"
#include "collect/unpack.h"

#define SF_IPFIX_MESSAGE_MAX 65535

/*
 * Bytes that the reader of a file of flows needs in memory at each step, unless the file ends: a
 * message, another one that may follow after damage, and the version of one more.
 */
#define SF_FILE_WINDOW (2 * SF_IPFIX_MESSAGE_MAX + 2)

const struct sf_inputs *sf_reading_inputs(const struct sf_reading *reading);

/*
 * Goes on to an entry of the list. A reader takes the entries in their order, and leaves out none.
 * Returns what the entry is, which is the same for all readers.
 */
enum sf_found sf_reading_enter(struct sf_reading *reading, unsigned reader, unsigned entry);

/*
 * *span: the first bytes of the entry, a file of flows; lent until the reader goes on. 0, or the
 * reason why the file could not be opened, which is the same for all readers.
 */
int sf_reading_open(const struct sf_reading *reading, unsigned reader, const struct sf_span **span,
	struct sf_error *error);

/*
 * Goes on behind a span that is not the last one of its file. The next span begins with the last
 * SF_FILE_WINDOW - 1 bytes of that span.
 */
const struct sf_span *sf_reading_next(struct sf_reading *reading, unsigned reader);

/*
 * Notes what is wrong with the entry at the byte `place`. If several readers note something for one
 * entry, the note with the first place is kept: one reader alone would tell that one.
 */
void sf_reading_note(struct sf_reading *reading, unsigned reader, uint64_t place, const char *text);

/* Waits until all readers have left. */
void sf_reading_wait(struct sf_reading *reading);

/* What has been noted for the entry, also while others read. False: nothing. */
bool sf_reading_problem(struct sf_reading *reading, unsigned entry, struct sf_error *problem);

/* For runs_taken of the collectors of all readers. */
_Atomic uint64_t *sf_reading_runs(struct sf_reading *reading);

#endif
