/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compression of files that are written: gzip (zlib) and zstd (libzstd).
 *
 *	sf_squeeze_new(&pack, SF_ZSTD, &error);
 *	sf_squeeze_run(pack, bytes, length, SF_SQUEEZE_MORE, &buffer);	any number of times
 *	sf_squeeze_run(pack, NULL, 0, SF_SQUEEZE_FLUSH, &buffer);	all so far is readable
 *	sf_squeeze_run(pack, NULL, 0, SF_SQUEEZE_END, &buffer);
 *	sf_squeeze_free(pack);
 */
#ifndef SPANFLOW_BASE_SQUEEZE_H
#define SPANFLOW_BASE_SQUEEZE_H

#include "base/codec.h"

/* Compressed bytes: bytes[start … end-1]. */
struct sf_squeeze_buffer {
	uint8_t *bytes;
	size_t size; /* of the allocation */
	size_t start, end;
};

enum sf_squeeze_step { SF_SQUEEZE_MORE, SF_SQUEEZE_FLUSH, SF_SQUEEZE_END };

/* Room for `length` bytes at bytes + end; false: no memory. */
bool sf_squeeze_room(struct sf_squeeze_buffer *buffer, size_t length);

struct sf_squeeze;

/* The compression that a file's name asks for: .gz, .zst, .xz, .bz2; SF_PLAIN. */
enum sf_compression sf_squeeze_suffix(const char *name);

/* SF_EUNSUPPORTED: this build does not write such files, or nothing does; -ENOMEM. */
int sf_squeeze_new(
	struct sf_squeeze **pack, enum sf_compression compression, struct sf_error *error);
void sf_squeeze_free(struct sf_squeeze *pack);

/* Appends to the buffer, which grows. 0, -ENOMEM or -EIO; then the stream cannot go on. */
int sf_squeeze_run(struct sf_squeeze *pack, const uint8_t *bytes, size_t length,
	enum sf_squeeze_step step, struct sf_squeeze_buffer *buffer);

#endif
