/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared by series.c, which decides when a file of the series begins and ends, and series_file.c,
 * which makes, fills and completes the file.
 */
#ifndef SPANFLOW_TRANSPORT_SERIES_H
#define SPANFLOW_TRANSPORT_SERIES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/squeeze.h"
#include "transport/keep.h"
#include "transport/outcome.h"
#include "transport/pattern.h"
#include "transport/transport.h"

struct sf_series {
	struct sf_transport transport;
	struct sf_series_options options; /* without path */
	struct sf_pattern pattern;
	enum sf_compression compression;
	int base;  /* descriptor of the directory pattern.base */
	bool made; /* that directory was not there before */
	bool told; /* files of an earlier run were mentioned, or are not to be mentioned */
	struct sf_keep keep;

	/* the present file */
	int fd; /* -1: there is none */
	char name[PATH_MAX], partial[PATH_MAX];
	int64_t begin_ns, end_ns; /* the times that belong into it */
	uint64_t length;          /* bytes that are written */
	uint64_t whole;           /* length at the end of the last whole message */
	bool ended_early;         /* another file is due whatever the time is */
	bool broken;              /* the compressor has failed */
	struct sf_squeeze *pack;
	struct sf_squeeze_buffer bytes; /* not written yet */
	struct sf_outcome unsure;       /* messages with bytes that are not in the file */
	int64_t flushed_ns;             /* monotonic time of the last flush */

	int64_t again_ns;             /* monotonic time of the next attempt after an error */
	int64_t wall_ns;              /* time of the last sf_transport_ops.turn() */
	char last_name[PATH_MAX];     /* of the last file, without its number */
	unsigned last_number;         /* of the last file */
	struct sf_outcome sent, lost; /* since the last sf_transport_ops.settle() */
};

/* False: one file, whose name has no time and no number. */
static inline bool sf_series_is_several(const struct sf_series *series)
{
	return series->pattern.timed || series->options.octets;
}

/* Bytes that are not written yet. */
static inline size_t sf_series_waiting(const struct sf_series *series)
{
	return series->bytes.end - series->bytes.start;
}

/* There is a file of that name below the series' directory. */
bool sf_series_exists(const struct sf_series *series, const char *name);

/* Makes the file of this time. series->fd stays -1 if that fails; transport.trouble says why. */
void sf_series_begin(struct sf_series *series, int64_t now_ns);

/* Takes the bytes of a message. False: no memory, or the compressor has failed. */
bool sf_series_take(struct sf_series *series, const uint8_t *bytes, size_t length);

/* Writes what waits. True: nothing waits any more. */
bool sf_series_write(struct sf_series *series);

/* Writes what the compressor keeps back if the last time was 5 s ago; only on live input. */
void sf_series_flush_by_time(struct sf_series *series);

/*
 * Completes the present file, if there is one. Returns 0 or -errno: the file keeps its temporary
 * name, or its end could not be written.
 */
int sf_series_end(struct sf_series *series);

#endif
