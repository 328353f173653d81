/* SPDX-License-Identifier: BSD-2-Clause */
#include "enrich/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK ((size_t)256 << 10)

static int fail(const struct sf_intake *intake, struct sf_error *error)
{
	return sf_error_set(error, -errno, "%s: %s", intake->path, sf_strerror(-errno));
}

/* Up to `size` bytes of the file as it is; 0 at its end. */
static ssize_t read_some(struct sf_intake *intake, uint8_t *to, size_t size, struct sf_error *error)
{
	ssize_t n;

	do
		n = read(intake->fd, to, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? fail(intake, error) : n;
}

/* Refuses a file that decompresses to more than any table does. 0 or SF_ECORRUPT. */
static int check_ratio(const struct sf_intake *intake, struct sf_error *error)
{
	uint64_t taken = intake->packed_read - (uint64_t)(intake->packed_end - intake->packed_p);
	uint64_t made = intake->begun + (uint64_t)(intake->end - intake->window);

	if (made <= SF_INTAKE_FREE || made / SF_INTAKE_RATIO <= taken)
		return 0;
	return sf_error_set(error, SF_ECORRUPT,
		"%s: decompresses to more than %u times its size (%" PRIu64 " MiB of %" PRIu64
		" KiB so far), which no table does: if it is one, decompress it first",
		intake->path, SF_INTAKE_RATIO, made >> 20, taken >> 10);
}

/* Decompresses into the window. 0, or an error; at the end of the file `ended` is set. */
static int unpack(struct sf_intake *intake, uint8_t *limit, struct sf_error *error)
{
	struct sf_error reason = { 0 };
	const uint8_t *before = intake->packed_p;
	uint8_t *end = intake->end;
	ssize_t n;

	if (sf_codec_run(intake->codec, &intake->packed_p, intake->packed_end, &intake->end, limit,
		    &reason) < 0)
		return sf_error_set(error, reason.code, "%s: %s", intake->path, reason.text);
	if (intake->end > end || intake->packed_p > before)
		return check_ratio(intake, error);
	if (intake->packed_p < intake->packed_end)
		return sf_error_set(error, SF_ECORRUPT, "%s: something follows the compressed data",
			intake->path);
	n = read_some(intake, intake->packed, CHUNK, error);
	if (n < 0)
		return (int)n;
	intake->packed_p = intake->packed;
	intake->packed_end = intake->packed + n;
	intake->packed_read += (uint64_t)n;
	if (n > 0)
		return 0;
	if (!sf_codec_complete(intake->codec))
		return sf_error_set(error, SF_ECORRUPT,
			"%s: the compressed data end too early: the file was cut", intake->path);
	intake->ended = true;
	return 0;
}

/* Room for `count` bytes from p on, and a chunk behind them. */
static int make_room(struct sf_intake *intake, size_t count, struct sf_error *error)
{
	size_t left = (size_t)(intake->end - intake->p), size = count + CHUNK;
	uint8_t *grown;

	if (intake->p > intake->window) {
		intake->begun += (uint64_t)(intake->p - intake->window);
		memmove(intake->window, intake->p, left);
		intake->p = intake->window;
		intake->end = intake->window + left;
	}
	if (size <= intake->size)
		return 0;
	grown = realloc(intake->window, size);
	if (!grown)
		return sf_error_set(error, -ENOMEM, "%s: no memory to read it", intake->path);
	intake->window = intake->p = grown;
	intake->end = grown + left;
	intake->size = size;
	return 0;
}

int sf_intake_need(struct sf_intake *intake, size_t count, struct sf_error *error)
{
	int code = 0;

	if ((size_t)(intake->end - intake->p) >= count)
		return 1;
	code = make_room(intake, count, error);
	while (code == 0 && !intake->ended && (size_t)(intake->end - intake->p) < count) {
		uint8_t *limit = intake->window + intake->size;
		ssize_t n;

		if (intake->stop && atomic_load_explicit(intake->stop, memory_order_relaxed))
			return sf_error_set(
				error, -ECANCELED, "%s: reading was stopped", intake->path);

		if (intake->codec) {
			code = unpack(intake, limit, error);
			continue;
		}
		n = read_some(intake, intake->end, (size_t)(limit - intake->end), error);
		intake->ended = n == 0;
		intake->end += n > 0 ? n : 0;
		code = n < 0 ? (int)n : 0;
	}
	return code < 0 ? code : (size_t)(intake->end - intake->p) >= count;
}

void sf_intake_skip_bom(struct sf_intake *intake)
{
	static const uint8_t bom[] = { 0xef, 0xbb, 0xbf };

	if (sf_intake_need(intake, sizeof(bom), NULL) > 0 && !memcmp(intake->p, bom, sizeof(bom)))
		intake->p += sizeof(bom);
}

/* What was read is compressed: it becomes the input of a codec. */
static int begin_unpacking(struct sf_intake *intake, struct sf_error *error)
{
	struct sf_error reason = { 0 };
	enum sf_compression compression =
		sf_compression_of(intake->p, (size_t)(intake->end - intake->p));
	size_t length = (size_t)(intake->end - intake->p);

	if (compression == SF_PLAIN)
		return 0;
	if (sf_codec_new(&intake->codec, compression, &reason) < 0)
		return sf_error_set(error, reason.code, "%s: %s", intake->path, reason.text);
	intake->packed = malloc(length > CHUNK ? length : CHUNK);
	if (!intake->packed)
		return sf_error_set(error, -ENOMEM, "%s: no memory to read it", intake->path);
	memcpy(intake->packed, intake->p, length);
	intake->packed_p = intake->packed;
	intake->packed_end = intake->packed + length;
	intake->packed_read = length;
	intake->end = intake->p;
	intake->ended = false;
	return 0;
}

int sf_intake_open(struct sf_intake *intake, const char *path, struct sf_error *error)
{
	struct stat status;
	int code;

	*intake = (struct sf_intake){ .path = path };
	intake->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (intake->fd < 0)
		return fail(intake, error);
	if (fstat(intake->fd, &status) < 0 || !S_ISREG(status.st_mode)) {
		sf_intake_close(intake);
		return sf_error_set(error, -EINVAL, "%s: not a regular file", path);
	}
	code = sf_intake_need(intake, SF_COMPRESSION_MAGIC, error);
	if (code >= 0)
		code = begin_unpacking(intake, error);
	if (code < 0)
		sf_intake_close(intake);
	return code;
}

void sf_intake_close(struct sf_intake *intake)
{
	if (intake->fd >= 0)
		close(intake->fd);
	sf_codec_free(intake->codec);
	free(intake->packed);
	free(intake->window);
	*intake = (struct sf_intake){ .path = intake->path, .fd = -1 };
}
