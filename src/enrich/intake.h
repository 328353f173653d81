/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of a file, plain or compressed, in a window that moves over them. The window grows to
 * what is asked for, so a reader sees each of its records as one piece:
 *
 *	sf_intake_open(&intake, "rib.bz2", &error);
 *	while (sf_intake_need(&intake, 12, &error) > 0) {	… intake.p[0 … 11]
 *		intake.p += 12;
 *	}
 *	sf_intake_close(&intake);
 */
#ifndef SPANFLOW_ENRICH_INTAKE_H
#define SPANFLOW_ENRICH_INTAKE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/error.h>

#include "base/codec.h"

/*
 * A compressed file is refused when it has become larger than SF_INTAKE_FREE and than
 * SF_INTAKE_RATIO times what was read of it. A text of a million routes becomes 3 or 4 times as
 * large, and 56 times (xz) when its prefixes follow each other without a gap; zeros that are meant
 * to fill the memory become 1000 times (gzip) or 850,000 times (bzip2) as large.
 */
#define SF_INTAKE_FREE  (UINT64_C(64) << 20)
#define SF_INTAKE_RATIO 100

struct sf_intake {
	const char *path;
	uint8_t *p;     /* the next byte; the reader moves it */
	uint8_t *end;   /* behind the last byte in the window */
	uint64_t begun; /* bytes of the file, decompressed, before the window */
	uint8_t *window;
	size_t size;
	const atomic_bool *stop; /* when it is true, reading fails with -ECANCELED; NULL: never */
	int fd;
	bool ended;             /* nothing follows */
	struct sf_codec *codec; /* NULL: the file is not compressed */
	uint8_t *packed;        /* with a codec: bytes as they are in the file */
	const uint8_t *packed_p;
	uint8_t *packed_end;
	uint64_t packed_read; /* bytes up to packed_end */
};

/* Closed on failure. */
int sf_intake_open(struct sf_intake *intake, const char *path, struct sf_error *error);
void sf_intake_close(struct sf_intake *intake);

/*
 * Fills the window until it has `count` bytes from p on. 1; 0: the file ends before that, and what
 * is left is in the window; or an error.
 */
int sf_intake_need(struct sf_intake *intake, size_t count, struct sf_error *error);

/*
 * At the begin of a text: moves p behind the byte order mark (UTF-8) that
 * editors of other systems write.
 */
void sf_intake_skip_bom(struct sf_intake *intake);

/* The offset of p in the file, decompressed. */
static inline uint64_t sf_intake_offset(const struct sf_intake *intake)
{
	return intake->begun + (uint64_t)(intake->p - intake->window);
}

#endif
