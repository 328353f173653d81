/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decompression of files that are read: gzip (RFC 1952, zlib), zstd (RFC 8878, libzstd),
 * xz (liblzma) and bzip2 (libbz2).
 */
#ifndef SPANFLOW_BASE_CODEC_H
#define SPANFLOW_BASE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/error.h>

#include "spanflow_config.h"

enum sf_compression { SF_PLAIN, SF_GZIP, SF_ZSTD, SF_XZ, SF_BZIP2 };

/* Bytes that sf_compression_of() needs, unless the file is shorter. */
#define SF_COMPRESSION_MAGIC 6

/* What this build decompresses, for people. */
#ifdef HAVE_ZLIB
#define SF_COMPRESSIONS_GZIP " gzip"
#else
#define SF_COMPRESSIONS_GZIP
#endif
#ifdef HAVE_ZSTD
#define SF_COMPRESSIONS_ZSTD " zstd"
#else
#define SF_COMPRESSIONS_ZSTD
#endif
#ifdef HAVE_LZMA
#define SF_COMPRESSIONS_XZ " xz"
#else
#define SF_COMPRESSIONS_XZ
#endif
#ifdef HAVE_BZIP2
#define SF_COMPRESSIONS_BZIP2 " bzip2"
#else
#define SF_COMPRESSIONS_BZIP2
#endif
#if defined(HAVE_ZLIB) || defined(HAVE_ZSTD) || defined(HAVE_LZMA) || defined(HAVE_BZIP2)
#define SF_COMPRESSIONS                                                                            \
	"plain or compressed:" SF_COMPRESSIONS_GZIP SF_COMPRESSIONS_ZSTD SF_COMPRESSIONS_XZ        \
		SF_COMPRESSIONS_BZIP2
#else
#define SF_COMPRESSIONS "not compressed"
#endif

/* The compression of a file that begins with these bytes. */
enum sf_compression sf_compression_of(const uint8_t *data, size_t length);

/* "gzip", "zstd", "xz", "bzip2", "" */
const char *sf_compression_name(enum sf_compression compression);

struct sf_codec;

/*
 * A decompressor for one file. Fails with SF_EUNSUPPORTED, naming the library, when this build
 * lacks it, or with -ENOMEM.
 */
int sf_codec_new(struct sf_codec **codec, enum sf_compression compression, struct sf_error *error);
void sf_codec_free(struct sf_codec *codec);

/*
 * Decompresses from *in … in_end to *out … out_end and moves both pointers; concatenated members
 * are one stream. Returns 0, or SF_ECORRUPT with the library's message in `error`. Makes progress
 * whenever there is input and room, except that an ended stream takes no more input (zero padding
 * after a member).
 */
int sf_codec_run(struct sf_codec *codec, const uint8_t **in, const uint8_t *in_end, uint8_t **out,
	uint8_t *out_end, struct sf_error *error);

/* Between two members: the file may end here. */
bool sf_codec_complete(const struct sf_codec *codec);

#endif
