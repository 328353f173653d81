/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes of a file of flow records: as they are, or decompressed (gzip, zstd, xz,
 * bzip2; the first bytes tell which).
 *
 *	sf_unpack_open(&source, fd, &error);
 *	while ((n = sf_unpack_read(&source, to, size, &error)) > 0)
 *		…
 *	sf_unpack_close(&source);
 */
#ifndef SPANFLOW_COLLECT_UNPACK_H
#define SPANFLOW_COLLECT_UNPACK_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/codec.h"

struct sf_unpack {
	int fd;
	enum sf_compression compression;
	struct sf_codec *codec; /* NULL: the file is not compressed */
	uint8_t *raw;           /* bytes as they are in the file: raw_p … raw_end */
	const uint8_t *raw_p, *raw_end;
	bool ended; /* nothing follows in the file */
};

/*
 * Takes the descriptor over, also on failure. 0, -ENOMEM, an error of read(2), or SF_EUNSUPPORTED:
 * this build does not decompress such files.
 */
int sf_unpack_open(struct sf_unpack *source, int fd, struct sf_error *error);

/*
 * Up to `size` bytes; 0: the end; an error of read(2); SF_ECORRUPT: the compressed data are damaged
 * or cut off, as `error` tells. What can be decompressed before the damage has been returned by
 * then.
 */
ssize_t sf_unpack_read(struct sf_unpack *source, uint8_t *to, size_t size, struct sf_error *error);

/* Bytes of a file that follow each other, in the owner's memory. */
struct sf_span {
	uint8_t *bytes;
	size_t length;
	uint64_t base; /* offset of the first one in the file, which is decompressed */
	bool last; /* nothing follows: the file ends, or cannot be read further, as `error` tells */
	struct sf_error error; /* code 0, or an error of sf_unpack_read() behind the last byte */
};

/* Adds bytes until there are at least `want` of at most `room`, or the span is the last one. */
void sf_unpack_fill(struct sf_unpack *source, struct sf_span *span, size_t want, size_t room);

/* Allowed again, and for a source of which only `fd` is set, to -1. */
void sf_unpack_close(struct sf_unpack *source);

#endif
