/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One object holds the state of any library. Members that follow each other (bgzip, `cat a.gz
 * b.gz`, several zstd frames) are one stream, also with zeros between them. Memory is bounded:
 * libzstd refuses windows above 128 MiB (--long=28 and more), and we refuse xz files that need more
 * than XZ_MEMORY. The size of the decompressed data does not matter, because it is consumed chunk
 * by chunk.
 */
#include "base/codec.h"

#include <stdlib.h>
#include <string.h>

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif
#ifdef HAVE_LZMA
#include <lzma.h>
#endif
#ifdef HAVE_BZIP2
#include <bzlib.h>
#endif

#include "base/wire.h"

#define XZ_MEMORY (UINT64_C(256) << 20)

#define BLOCK_HEADER 3 /* bytes, RFC 8878 §3.1.1.2 */

struct sf_codec {
	enum sf_compression compression;
	bool complete;
#ifdef HAVE_ZLIB
	z_stream gzip;
#endif
#ifdef HAVE_ZSTD
	ZSTD_DStream *zstd;
	size_t zstd_wants; /* bytes of input for the next step */
	size_t zstd_begin; /* bytes of input at the begin of a frame */
#endif
#ifdef HAVE_LZMA
	lzma_stream lzma;
#endif
#ifdef HAVE_BZIP2
	bz_stream bzip2;
#endif
};

enum sf_compression sf_compression_of(const uint8_t *data, size_t length)
{
	if (length >= 2 && data[0] == 0x1f && data[1] == 0x8b)
		return SF_GZIP;
	/* a zstd frame, or a skippable frame (RFC 8878 §3.1.1 and §3.1.2) */
	if (length >= 4 && sf_load_be32(data) == 0x28b52ffd)
		return SF_ZSTD;
	if (length >= 4 && (sf_load_be32(data) & 0xf0ffffff) == 0x502a4d18)
		return SF_ZSTD;
	if (length >= 6 && memcmp(data, "\xfd\x37zXZ", 6) == 0)
		return SF_XZ;
	if (length >= 4 && memcmp(data, "BZh", 3) == 0 && data[3] >= '1' && data[3] <= '9')
		return SF_BZIP2;
	return SF_PLAIN;
}

static const struct {
	const char *name, *library;
} compressions[] = {
	[SF_PLAIN] = { "", "" },
	[SF_GZIP] = { "gzip", "zlib" },
	[SF_ZSTD] = { "zstd", "libzstd" },
	[SF_XZ] = { "xz", "liblzma" },
	[SF_BZIP2] = { "bzip2", "libbz2" },
};

const char *sf_compression_name(enum sf_compression compression)
{
	return compressions[compression].name;
}

static int codec_start(struct sf_codec *codec, struct sf_error *error)
{
	switch (codec->compression) {
#ifdef HAVE_ZLIB
	case SF_GZIP:
		if (inflateInit2(&codec->gzip, 16 + MAX_WBITS) != Z_OK)
			return sf_error_set(error, -ENOMEM, "no memory for zlib");
		return 0;
#endif
#ifdef HAVE_ZSTD
	case SF_ZSTD:
		codec->zstd = ZSTD_createDStream();
		if (!codec->zstd)
			return sf_error_set(error, -ENOMEM, "no memory for libzstd");
		codec->zstd_begin = ZSTD_initDStream(codec->zstd);
		codec->zstd_wants = codec->zstd_begin;
		return 0;
#endif
#ifdef HAVE_LZMA
	case SF_XZ:
		codec->lzma = (lzma_stream)LZMA_STREAM_INIT;
		if (lzma_stream_decoder(&codec->lzma, XZ_MEMORY, 0) != LZMA_OK)
			return sf_error_set(error, -ENOMEM, "no memory for liblzma");
		return 0;
#endif
#ifdef HAVE_BZIP2
	case SF_BZIP2:
		if (BZ2_bzDecompressInit(&codec->bzip2, 0, 0) != BZ_OK)
			return sf_error_set(error, -ENOMEM, "no memory for libbz2");
		return 0;
#endif
	default:
		return sf_error_set(error, SF_EUNSUPPORTED,
			"the file is compressed with %s, but this build of spanflow has no %s "
			"(decompress it first, or rebuild with the library's development "
			"files installed)",
			compressions[codec->compression].name,
			compressions[codec->compression].library);
	}
}

int sf_codec_new(struct sf_codec **codec, enum sf_compression compression, struct sf_error *error)
{
	struct sf_codec *new = calloc(1, sizeof(*new));
	int rc;

	if (!new)
		return sf_error_set(error, -ENOMEM, "no memory for a decompressor");
	new->compression = compression;
	new->complete = true;
	rc = codec_start(new, error);
	if (rc < 0) {
		free(new);
		return rc;
	}
	*codec = new;
	return 0;
}

void sf_codec_free(struct sf_codec *codec)
{
	if (!codec)
		return;
#ifdef HAVE_ZLIB
	if (codec->compression == SF_GZIP)
		inflateEnd(&codec->gzip);
#endif
#ifdef HAVE_ZSTD
	ZSTD_freeDStream(codec->zstd);
#endif
#ifdef HAVE_LZMA
	if (codec->compression == SF_XZ)
		lzma_end(&codec->lzma);
#endif
#ifdef HAVE_BZIP2
	if (codec->compression == SF_BZIP2)
		BZ2_bzDecompressEnd(&codec->bzip2);
#endif
	free(codec);
}

#ifdef HAVE_ZLIB
static int gzip_run(struct sf_codec *codec, const uint8_t **in, const uint8_t *in_end,
	uint8_t **out, uint8_t *out_end, struct sf_error *error)
{
	z_stream *gzip = &codec->gzip;
	int rc;

	while (codec->complete && *in < in_end && **in == 0)
		(*in)++; /* padding after a member, as gzip(1) allows */
	if (*in == in_end && codec->complete)
		return 0;
	codec->complete = false;
	gzip->next_in = (Bytef *)(uintptr_t)*in;
	gzip->avail_in = (uInt)(in_end - *in);
	gzip->next_out = *out;
	gzip->avail_out = (uInt)(out_end - *out);
	rc = inflate(gzip, Z_NO_FLUSH);
	*in = in_end - gzip->avail_in;
	*out = out_end - gzip->avail_out;
	if (rc == Z_STREAM_END) {
		codec->complete = true;
		rc = inflateReset(gzip);
	}
	if (rc == Z_OK || rc == Z_BUF_ERROR)
		return 0;
	if (rc == Z_MEM_ERROR)
		return sf_error_set(error, -ENOMEM, "no memory for zlib");
	return sf_error_set(error, SF_ECORRUPT, "the gzip data are corrupt (%s)",
		gzip->msg ? gzip->msg : "preset dictionary");
}
#endif

#ifdef HAVE_ZSTD
static int zstd_run(struct sf_codec *codec, const uint8_t **in, const uint8_t *in_end,
	uint8_t **out, uint8_t *out_end, struct sf_error *error)
{
	ZSTD_inBuffer input = { .src = *in, .size = (size_t)(in_end - *in) };
	ZSTD_outBuffer output = { .dst = *out, .size = (size_t)(out_end - *out) };
	size_t rc;

	/*
	 * When libzstd finds corruption, all data that the same call has decoded is lost. The
	 * library asks for a block and the header of the next one. It gets the block alone, so that
	 * all blocks before the corrupt one are delivered.
	 */
	if (input.size > codec->zstd_wants)
		input.size = codec->zstd_wants;
	rc = ZSTD_decompressStream(codec->zstd, &output, &input);
	*in += input.pos;
	*out += output.pos;
	if (ZSTD_isError(rc))
		return sf_error_set(error, SF_ECORRUPT, "the zstd data are corrupt (%s)",
			ZSTD_getErrorName(rc));
	codec->zstd_wants = rc > BLOCK_HEADER ? rc - BLOCK_HEADER : rc ? rc : codec->zstd_begin;
	if (rc == 0)
		codec->complete = true;
	else if (input.pos || output.pos)
		codec->complete = false;
	return 0;
}
#endif

#if defined(HAVE_LZMA) || defined(HAVE_BZIP2)
/* Skips zeros between two members. True: there is input left. */
static bool member_begins(const struct sf_codec *codec, const uint8_t **in, const uint8_t *in_end)
{
	while (codec->complete && *in < in_end && **in == 0)
		(*in)++;
	return *in < in_end;
}
#endif

#ifdef HAVE_LZMA
static int xz_run(struct sf_codec *codec, const uint8_t **in, const uint8_t *in_end, uint8_t **out,
	uint8_t *out_end, struct sf_error *error)
{
	lzma_stream *lzma = &codec->lzma;
	lzma_ret rc;

	if (codec->complete && !member_begins(codec, in, in_end))
		return 0;
	codec->complete = false;
	lzma->next_in = *in;
	lzma->avail_in = (size_t)(in_end - *in);
	lzma->next_out = *out;
	lzma->avail_out = (size_t)(out_end - *out);
	rc = lzma_code(lzma, LZMA_RUN);
	*in = lzma->next_in;
	*out = lzma->next_out;
	if (rc == LZMA_STREAM_END) {
		codec->complete = true;
		rc = lzma_stream_decoder(lzma, XZ_MEMORY, 0);
	}
	if (rc == LZMA_OK || rc == LZMA_BUF_ERROR)
		return 0;
	if (rc == LZMA_MEM_ERROR)
		return sf_error_set(error, -ENOMEM, "no memory for liblzma");
	if (rc == LZMA_MEMLIMIT_ERROR)
		return sf_error_set(error, SF_EUNSUPPORTED,
			"to decompress the xz data takes %llu MiB of memory (at most %llu)",
			(unsigned long long)(lzma_memusage(lzma) >> 20),
			(unsigned long long)(XZ_MEMORY >> 20));
	return sf_error_set(error, SF_ECORRUPT, "the xz data are corrupt (%s)",
		rc == LZMA_FORMAT_ERROR    ? "no xz stream begins here"
		: rc == LZMA_OPTIONS_ERROR ? "unknown options"
					   : "data error");
}
#endif

#ifdef HAVE_BZIP2
static int bzip2_run(struct sf_codec *codec, const uint8_t **in, const uint8_t *in_end,
	uint8_t **out, uint8_t *out_end, struct sf_error *error)
{
	bz_stream *bzip2 = &codec->bzip2;
	int rc;

	if (codec->complete && !member_begins(codec, in, in_end))
		return 0;
	codec->complete = false;
	bzip2->next_in = (char *)(uintptr_t)*in;
	bzip2->avail_in = (unsigned)(in_end - *in);
	bzip2->next_out = (char *)*out;
	bzip2->avail_out = (unsigned)(out_end - *out);
	rc = BZ2_bzDecompress(bzip2);
	*in = in_end - bzip2->avail_in;
	*out = out_end - bzip2->avail_out;
	if (rc == BZ_STREAM_END) {
		codec->complete = true;
		BZ2_bzDecompressEnd(bzip2);
		rc = BZ2_bzDecompressInit(bzip2, 0, 0);
	}
	if (rc == BZ_OK)
		return 0;
	if (rc == BZ_MEM_ERROR)
		return sf_error_set(error, -ENOMEM, "no memory for libbz2");
	return sf_error_set(error, SF_ECORRUPT, "the bzip2 data are corrupt (%s)",
		rc == BZ_DATA_ERROR_MAGIC ? "no bzip2 stream begins here" : "data error");
}
#endif

int sf_codec_run(struct sf_codec *codec, const uint8_t **in, const uint8_t *in_end, uint8_t **out,
	uint8_t *out_end, struct sf_error *error)
{
	switch (codec->compression) {
#ifdef HAVE_ZLIB
	case SF_GZIP:
		return gzip_run(codec, in, in_end, out, out_end, error);
#endif
#ifdef HAVE_ZSTD
	case SF_ZSTD:
		return zstd_run(codec, in, in_end, out, out_end, error);
#endif
#ifdef HAVE_LZMA
	case SF_XZ:
		return xz_run(codec, in, in_end, out, out_end, error);
#endif
#ifdef HAVE_BZIP2
	case SF_BZIP2:
		return bzip2_run(codec, in, in_end, out, out_end, error);
#endif
	default:
		/* not used in a build without decompressors */
		(void)in, (void)in_end, (void)out, (void)out_end;
		return sf_error_set(error, SF_EUNSUPPORTED, "no decompressor");
	}
}

bool sf_codec_complete(const struct sf_codec *codec)
{
	return codec->complete;
}
