/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/squeeze.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#define GZIP_LEVEL 4
#define ZSTD_LEVEL 3
#define ROOM       ((size_t)16 << 10) /* for what one call of a library gives, at least */

struct sf_squeeze {
	enum sf_compression compression;
#ifdef HAVE_ZLIB
	z_stream gzip;
#endif
#ifdef HAVE_ZSTD
	ZSTD_CCtx *zstd;
#endif
};

enum sf_compression sf_squeeze_suffix(const char *name)
{
	static const struct {
		const char *suffix;
		enum sf_compression compression;
	} suffixes[] = { { ".gz", SF_GZIP }, { ".zst", SF_ZSTD }, { ".xz", SF_XZ },
		{ ".bz2", SF_BZIP2 } };
	size_t length = strlen(name);

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t size = strlen(suffixes[i].suffix);

		if (length > size && strcmp(name + length - size, suffixes[i].suffix) == 0)
			return suffixes[i].compression;
	}
	return SF_PLAIN;
}

bool sf_squeeze_room(struct sf_squeeze_buffer *buffer, size_t length)
{
	size_t size = buffer->size;
	uint8_t *grown;

	if (buffer->start == buffer->end)
		buffer->start = buffer->end = 0;
	if (size - buffer->end >= length)
		return true;
	if (buffer->start) {
		memmove(buffer->bytes, buffer->bytes + buffer->start, buffer->end - buffer->start);
		buffer->end -= buffer->start;
		buffer->start = 0;
	}
	while (size - buffer->end < length)
		size = size ? 2 * size : 4 * ROOM;
	grown = size == buffer->size ? buffer->bytes : realloc(buffer->bytes, size);
	if (!grown)
		return false;
	buffer->bytes = grown;
	buffer->size = size;
	return true;
}

static int start(struct sf_squeeze *pack, struct sf_error *error)
{
	switch (pack->compression) {
#ifdef HAVE_ZLIB
	case SF_GZIP:
		if (deflateInit2(&pack->gzip, GZIP_LEVEL, Z_DEFLATED, 16 + MAX_WBITS, 8,
			    Z_DEFAULT_STRATEGY) != Z_OK)
			return sf_error_set(error, -ENOMEM, "no memory for zlib");
		return 0;
#endif
#ifdef HAVE_ZSTD
	case SF_ZSTD:
		pack->zstd = ZSTD_createCCtx();
		if (!pack->zstd)
			return sf_error_set(error, -ENOMEM, "no memory for libzstd");
		ZSTD_CCtx_setParameter(pack->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
		ZSTD_CCtx_setParameter(pack->zstd, ZSTD_c_checksumFlag, 1);
		return 0;
#endif
	default:
		if (pack->compression == SF_GZIP || pack->compression == SF_ZSTD)
			return sf_error_set(error, SF_EUNSUPPORTED,
				"this build of spanflow has no %s (write a plain file, or rebuild "
				"with the library's development files installed)",
				pack->compression == SF_GZIP ? "zlib" : "libzstd");
		return sf_error_set(error, SF_EUSAGE,
			"files are written plain, with gzip (.gz) or with zstd (.zst), not with %s",
			sf_compression_name(pack->compression));
	}
}

int sf_squeeze_new(
	struct sf_squeeze **pack, enum sf_compression compression, struct sf_error *error)
{
	struct sf_squeeze *new = calloc(1, sizeof(*new));
	int code;

	if (!new)
		return sf_error_set(error, -ENOMEM, "no memory for a compressor");
	new->compression = compression;
	code = start(new, error);
	if (code < 0) {
		free(new);
		return code;
	}
	*pack = new;
	return 0;
}

void sf_squeeze_free(struct sf_squeeze *pack)
{
	if (!pack)
		return;
#ifdef HAVE_ZLIB
	if (pack->compression == SF_GZIP)
		deflateEnd(&pack->gzip);
#endif
#ifdef HAVE_ZSTD
	ZSTD_freeCCtx(pack->zstd);
#endif
	free(pack);
}

#ifdef HAVE_ZLIB
static int gzip_run(struct sf_squeeze *pack, const uint8_t *bytes, size_t length,
	enum sf_squeeze_step step, struct sf_squeeze_buffer *buffer)
{
	static const int flushes[] = { Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH };
	z_stream *gzip = &pack->gzip;
	int rc;

	gzip->next_in = (Bytef *)(uintptr_t)bytes;
	gzip->avail_in = (uInt)length;
	do {
		if (!sf_squeeze_room(buffer, ROOM))
			return -ENOMEM;
		gzip->next_out = buffer->bytes + buffer->end;
		gzip->avail_out = ROOM;
		rc = deflate(gzip, flushes[step]);
		buffer->end += ROOM - gzip->avail_out;
		if (rc == Z_STREAM_ERROR)
			return -EIO;
	} while (gzip->avail_in || gzip->avail_out == 0 || (step == SF_SQUEEZE_END && rc == Z_OK));
	return 0;
}
#endif

#ifdef HAVE_ZSTD
static int zstd_run(struct sf_squeeze *pack, const uint8_t *bytes, size_t length,
	enum sf_squeeze_step step, struct sf_squeeze_buffer *buffer)
{
	static const ZSTD_EndDirective ends[] = { ZSTD_e_continue, ZSTD_e_flush, ZSTD_e_end };
	ZSTD_inBuffer input = { .src = bytes, .size = length };
	size_t left;

	do {
		ZSTD_outBuffer output = { .size = ROOM };

		if (!sf_squeeze_room(buffer, ROOM))
			return -ENOMEM;
		output.dst = buffer->bytes + buffer->end;
		left = ZSTD_compressStream2(pack->zstd, &output, &input, ends[step]);
		buffer->end += output.pos;
		if (ZSTD_isError(left))
			return -EIO;
	} while (input.pos < input.size || (step != SF_SQUEEZE_MORE && left));
	return 0;
}
#endif

int sf_squeeze_run(struct sf_squeeze *pack, const uint8_t *bytes, size_t length,
	enum sf_squeeze_step step, struct sf_squeeze_buffer *buffer)
{
	switch (pack->compression) {
#ifdef HAVE_ZLIB
	case SF_GZIP:
		return gzip_run(pack, bytes, length, step, buffer);
#endif
#ifdef HAVE_ZSTD
	case SF_ZSTD:
		return zstd_run(pack, bytes, length, step, buffer);
#endif
	default:
		/* not used in a build without compressors */
		(void)bytes, (void)length, (void)step, (void)buffer;
		return -EIO;
	}
}
