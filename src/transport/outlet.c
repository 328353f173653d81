/* SPDX-License-Identifier: BSD-2-Clause */
#include "transport/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "transport/transport.h"

#define AGAIN_NS  INT64_C(1000000000) /* interval of attempts after an error */
#define READER_NS INT64_C(100000000)  /* interval of checks whether a FIFO has a reader */

#define PIECES_AT_ONCE 256 /* 1 MiB: a reader that is as fast as this process keeps it no longer */

/*
 * Opens a terminal again, to set O_NONBLOCK: a write may block even if poll(2) says that it does
 * not, and flags of the old descriptor belong to all processes that share it. -1: not a terminal.
 */
static int own_terminal(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return isatty(fd) ? open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
}

void sf_outlet_init(struct sf_outlet *outlet, int fd, bool waits, bool may_cut)
{
	struct pollfd out = { .fd = fd, .events = POLLOUT };
	struct stat status = { 0 };
	int own = waits ? -1 : own_terminal(fd);

	memset(outlet, 0, sizeof(*outlet));
	outlet->fd = own < 0 ? fd : own;
	outlet->is_own = own >= 0;
	outlet->waits = waits;
	outlet->may_cut = may_cut;
	fstat(fd, &status);
	outlet->is_file = S_ISREG(status.st_mode);
	outlet->is_socket = S_ISSOCK(status.st_mode);
	outlet->has_reader = !may_cut || !S_ISFIFO(status.st_mode) || poll(&out, 1, 0) != 1 ||
			     !(out.revents & POLLERR);
}

void sf_outlet_init_stream(struct sf_outlet *outlet, FILE *stream)
{
	memset(outlet, 0, sizeof(*outlet));
	outlet->fd = -1;
	outlet->stream = stream;
	outlet->waits = outlet->has_reader = true;
}

void sf_outlet_fini(struct sf_outlet *outlet)
{
	if (outlet->is_own)
		close(outlet->fd);
	free(outlet->bytes);
	free(outlet->pieces);
	outlet->bytes = NULL;
	outlet->pieces = NULL;
}

/* ---------------------------------------------------------------- pieces */

/* The first piece was written or lost: removes it and enters it in `outcome`. */
static void end_piece(struct sf_outlet *outlet, struct sf_outcome *outcome)
{
	const struct sf_outlet_piece *piece = &outlet->pieces[outlet->first_piece++];

	sf_outcome_enter(outcome, piece->length, &piece->flows);
	outlet->start += piece->length;
	outlet->written = 0;
	if (sf_outlet_empty(outlet))
		outlet->start = outlet->end = outlet->first_piece = outlet->end_piece = 0;
}

/* Makes room behind the pieces; moves them to the front first. */
static bool make_room(struct sf_outlet *outlet, size_t length)
{
	size_t size = outlet->size;
	uint8_t *grown = outlet->bytes;

	if (outlet->start) {
		memmove(outlet->bytes, outlet->bytes + outlet->start, outlet->end - outlet->start);
		outlet->end -= outlet->start;
		outlet->start = 0;
	}
	if (size - outlet->end >= length)
		return true;
	while (size - outlet->end < length)
		size = size ? 2 * size : 16384;
	grown = realloc(outlet->bytes, size);
	if (!grown)
		return false;
	outlet->bytes = grown;
	outlet->size = size;
	return true;
}

static bool make_piece_room(struct sf_outlet *outlet)
{
	unsigned count = outlet->end_piece - outlet->first_piece;
	unsigned size = outlet->piece_size ? 2 * outlet->piece_size : 64;
	struct sf_outlet_piece *grown;

	if (outlet->first_piece) {
		memmove(outlet->pieces, outlet->pieces + outlet->first_piece,
			count * sizeof(*outlet->pieces));
		outlet->first_piece = 0;
		outlet->end_piece = count;
	}
	if (count < outlet->piece_size)
		return true;
	grown = realloc(outlet->pieces, size * sizeof(*outlet->pieces));
	if (!grown)
		return false;
	outlet->pieces = grown;
	outlet->piece_size = size;
	return true;
}

uint8_t *sf_outlet_room(struct sf_outlet *outlet, size_t size)
{
	if (!make_room(outlet, size) || !make_piece_room(outlet))
		return NULL;
	return outlet->bytes + outlet->end;
}

void sf_outlet_add(struct sf_outlet *outlet, size_t length,
	const struct sf_destination_count *flows, bool join)
{
	struct sf_outlet_piece *last = &outlet->pieces[outlet->end_piece];

	outlet->end += length;
	join = join && !sf_outlet_empty(outlet) && (--last)->length + length <= PIPE_BUF &&
	       (last > &outlet->pieces[outlet->first_piece] || outlet->written == 0);
	if (!join) {
		outlet->pieces[outlet->end_piece++] =
			(struct sf_outlet_piece){ (uint32_t)length, *flows };
		return;
	}
	last->length += (uint32_t)length;
	sf_count_add(&last->flows, flows);
}

void sf_outlet_drop(struct sf_outlet *outlet)
{
	while (!sf_outlet_empty(outlet))
		end_piece(outlet, &outlet->lost);
}

/* `bytes` more bytes were written. */
static void advance(struct sf_outlet *outlet, size_t bytes)
{
	outlet->written += bytes;
	while (!sf_outlet_empty(outlet) &&
		outlet->written >= outlet->pieces[outlet->first_piece].length) {
		uint32_t length = outlet->pieces[outlet->first_piece].length;
		size_t beyond = outlet->written - length;

		outlet->length += length;
		end_piece(outlet, &outlet->sent);
		outlet->written = beyond;
	}
}

/* ---------------------------------------------------------------- writing */

/* 0: not writable now; POLLOUT: writable; POLLERR: a write will return an error. */
static int look(int fd)
{
	struct pollfd out = { .fd = fd, .events = POLLOUT };

	if (poll(&out, 1, 0) != 1)
		return 0;
	return out.revents & (POLLERR | POLLNVAL) ? POLLERR : out.revents & POLLOUT;
}

static ssize_t write_stream(FILE *stream, const uint8_t *bytes, size_t length)
{
	errno = 0;
	if (fwrite(bytes, 1, length, stream) == length && fflush(stream) == 0)
		return (ssize_t)length;
	return errno ? -errno : -EIO;
}

/* Writes as much as is possible: returns bytes or a negative error; -EAGAIN: nothing now. */
static ssize_t write_some(const struct sf_outlet *outlet, const uint8_t *bytes, size_t length)
{
	bool whole = outlet->waits || outlet->is_file;
	ssize_t n;

	if (outlet->stream)
		return write_stream(outlet->stream, bytes, length);
	if (!whole && !look(outlet->fd))
		return -EAGAIN;
	/* a writable pipe has room for PIPE_BUF bytes */
	if (!whole && length > PIPE_BUF)
		length = PIPE_BUF;
	do {
		n = outlet->is_socket ? send(outlet->fd, bytes, length,
						MSG_NOSIGNAL | (whole ? 0 : MSG_DONTWAIT))
				      : write(outlet->fd, bytes, length);
	} while (n < 0 && errno == EINTR && !sf_hurry_level(outlet->hurry));
	return n < 0 ? -errno : n == 0 ? -EIO : n;
}

static void fail(struct sf_outlet *outlet, int code)
{
	outlet->error = code;
	/* it is not known how many bytes a stream has written */
	outlet->gone = outlet->stream || code == -EPIPE || code == -ECONNRESET || code == -EBADF;
	outlet->again_ns = sf_clock_read(CLOCK_MONOTONIC) + AGAIN_NS;
	/* cuts off a piece that was written in part, so that the file stays readable */
	if (outlet->may_cut && outlet->written) {
		outlet->may_cut = ftruncate(outlet->fd, outlet->length) == 0 &&
				  lseek(outlet->fd, outlet->length, SEEK_SET) >= 0;
		if (outlet->may_cut)
			outlet->written = 0;
	}
}

/* One write. True: all pieces are written, or no more bytes can be written now. */
static bool write_once(struct sf_outlet *outlet)
{
	const uint8_t *bytes = outlet->bytes + outlet->start + outlet->written;
	size_t length = outlet->end - outlet->start - outlet->written;
	ssize_t n;

	/* one piece at a time: a pipe takes it as a whole, without a part of the next one */
	if (!outlet->waits && !outlet->is_file)
		length = outlet->pieces[outlet->first_piece].length - outlet->written;
	n = write_some(outlet, bytes, length);
	if (n == -EINTR)
		outlet->stopped = true;
	else if (n < 0 && n != -EAGAIN)
		fail(outlet, (int)n);
	if (n < 0)
		return true;
	outlet->error = 0;
	advance(outlet, (size_t)n);
	return sf_outlet_empty(outlet);
}

/* Drops all pieces except one that was written in part: a reader expects the rest of it next. */
static void drop_whole(struct sf_outlet *outlet)
{
	struct sf_outlet_piece torn = outlet->pieces[outlet->first_piece];
	size_t written = outlet->written, start = outlet->start;

	if (outlet->gone || outlet->stopped || written == 0) {
		sf_outlet_drop(outlet);
		return;
	}
	outlet->first_piece++;
	outlet->start += torn.length;
	sf_outlet_drop(outlet);
	outlet->start = outlet->first_piece = outlet->end_piece = 0;
	memmove(outlet->bytes, outlet->bytes + start, torn.length);
	outlet->pieces[outlet->end_piece++] = torn;
	outlet->end = torn.length;
	outlet->written = written;
}

static bool may_try(const struct sf_outlet *outlet)
{
	return !outlet->gone && !outlet->stopped &&
	       (outlet->error == 0 || sf_clock_read(CLOCK_MONOTONIC) >= outlet->again_ns);
}

/* Writes without a copy, if possible; returns bytes. The next attempt reports errors. */
static size_t write_through(struct sf_outlet *outlet, const uint8_t *bytes, size_t length)
{
	size_t done = 0;

	if (!sf_outlet_empty(outlet) || !(outlet->waits || outlet->is_file) || !may_try(outlet))
		return 0;
	while (done < length) {
		ssize_t n = write_some(outlet, bytes + done, length - done);

		if (n == -EINTR)
			outlet->stopped = true;
		if (n < 0)
			break;
		done += (size_t)n;
	}
	return done;
}

bool sf_outlet_send(struct sf_outlet *outlet, const uint8_t *bytes, size_t length,
	const struct sf_destination_count *flows)
{
	size_t done = write_through(outlet, bytes, length);
	uint8_t *room;

	if (done == length) {
		outlet->error = 0;
		outlet->length += (off_t)length;
		sf_outcome_enter(&outlet->sent, (uint32_t)length, flows);
		return true;
	}
	room = sf_outlet_room(outlet, length);
	if (!room)
		return false;
	memcpy(room, bytes, length);
	sf_outlet_add(outlet, length, flows, false);
	outlet->written += done;
	return true;
}

void sf_outlet_write(struct sf_outlet *outlet)
{
	bool may_try = !outlet->gone &&
		       (outlet->error == 0 || sf_clock_read(CLOCK_MONOTONIC) >= outlet->again_ns);

	if (sf_outlet_empty(outlet))
		return;
	outlet->stopped |= sf_hurry_level(outlet->hurry) > 1;
	may_try &= !outlet->stopped;
	while (may_try && !write_once(outlet))
		continue;
	if (!sf_outlet_empty(outlet))
		drop_whole(outlet);
}

int64_t sf_outlet_pump(struct sf_outlet *outlet, int64_t mono, int *fd)
{
	*fd = -1;
	if (!outlet->has_reader && !outlet->gone)
		outlet->has_reader = look(outlet->fd) != POLLERR;
	if (sf_outlet_empty(outlet)) {
		if (outlet->has_reader && !outlet->is_file && !outlet->gone &&
			look(outlet->fd) == POLLERR)
			fail(outlet, -EPIPE);
		return mono;
	}
	if (outlet->gone) {
		sf_outlet_drop(outlet);
		return mono;
	}
	if (!outlet->has_reader || (outlet->error && mono < outlet->again_ns))
		return outlet->has_reader ? outlet->again_ns : mono + READER_NS;
	for (unsigned pieces = 0; pieces < PIECES_AT_ONCE; pieces++)
		if (write_once(outlet))
			break;
	if (outlet->gone)
		sf_outlet_drop(outlet);
	if (sf_outlet_empty(outlet))
		return mono;
	if (outlet->error)
		return outlet->again_ns;
	*fd = outlet->fd;
	return INT64_MAX;
}
