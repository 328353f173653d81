/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Both libraries stream; one object holds the state of either. Members that follow each other
 * (bgzip, `cat a.gz b.gz`, several zstd frames) are one stream. zstd windows above 128 MiB
 * (--long=28 and more) are refused by the library's default limit.
 */
#include "file/codec.h"

#include <stdlib.h>
#include <string.h>

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#include "base/wire.h"

#define BLOCK_HEADER 3 /* octets, RFC 8878 §3.1.1.2 */

struct sf_codec {
	enum sf_compression compression;
	bool complete;
#ifdef HAVE_ZLIB
	z_stream gzip;
#endif
#ifdef HAVE_ZSTD
	ZSTD_DStream *zstd;
	size_t zstd_wants; /* input for the next step */
	size_t zstd_begin; /* … at the begin of a frame */
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
	return SF_PLAIN;
}

const char *sf_compression_name(enum sf_compression compression)
{
	return compression == SF_GZIP ? "gzip" : compression == SF_ZSTD ? "zstd" : "";
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
	default:
		return sf_error_set(error, SF_EUNSUPPORTED,
			"the file is compressed with %s, but this build of spanflow has no %s "
			"(decompress it first, or rebuild with the library's development files "
			"installed)",
			sf_compression_name(codec->compression),
			codec->compression == SF_GZIP ? "zlib" : "libzstd");
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
	 * Where libzstd finds corruption, what the same call decoded before is lost. It tells how
	 * much it wants: a block and the next one's header. With the block alone, every block
	 * before the corrupt one comes out.
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
	default:
		/* used by none in a build without any decompressor */
		(void)in, (void)in_end, (void)out, (void)out_end;
		return sf_error_set(error, SF_EUNSUPPORTED, "no decompressor");
	}
}

bool sf_codec_complete(const struct sf_codec *codec)
{
	return codec->complete;
}
