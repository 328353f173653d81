/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The records of a run as they are decoded again: the run writes them into a file, which is a pipe,
 * and a thread hands them to a function.
 *
 *	sf_tap_open(&tap, take, me, &error);
 *	… a run with the destination sf_tap_file(tap) is opened …
 *	sf_tap_start(tap, &error);
 *	… the run goes on to its end and closes the file …
 *	code = sf_tap_finish(tap, &error);	take() is not called any more
 *	sf_tap_free(tap);
 *
 * Between start and finish take() is called by the thread alone.
 */
#ifndef SPANFLOW_QUERY_TAP_H
#define SPANFLOW_QUERY_TAP_H

#include <spanflow/collect.h>
#include <spanflow/error.h>

struct sf_tap;

/* `record`: false ends the reading; the run goes on. 0 or a negative error. */
int sf_tap_open(struct sf_tap **tap,
	bool (*record)(void *context, const struct sf_collected *record), void *context,
	struct sf_error *error);

/*
 * What the run writes to, as sf_exporter_add_file() takes it: with
 * all that decoded flows can have.
 */
const char *sf_tap_file(const struct sf_tap *tap);

int sf_tap_start(struct sf_tap *tap, struct sf_error *error);

/* After the run has closed the file. 0, or what was wrong with the records. */
int sf_tap_finish(struct sf_tap *tap, struct sf_error *error);

/* NULL is allowed. */
void sf_tap_free(struct sf_tap *tap);

#endif
