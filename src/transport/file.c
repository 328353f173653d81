/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An IPFIX file (RFC 5655): the messages of one session, one after the other. A message that was
 * written in part is cut off again if the file allows it, so that the file stays readable.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "encode/message.h"
#include "transport/transport.h"

struct file {
	struct sf_transport transport;
	struct sf_outlet outlet;
	int fd;     /* to close; -1: standard output, or closed */
	char *path; /* of a regular file; NULL: of another kind */
	const struct sf_file_hook *hook;
	bool again; /* it is to be opened again */
	bool made;  /* it was not there before */
};

/* Sets the state of the transport from that of its outlet. */
static void update_state(struct file *file)
{
	if (file->outlet.error)
		file->transport.error = file->outlet.error;
	file->transport.fails = file->outlet.error != 0 || !file->outlet.has_reader;
	file->transport.gone = file->outlet.gone;
	file->transport.lost_as = file->outlet.stopped ? SF_FATE_LOST_stopped : SF_FATE_LOST_write;
	if (!file->outlet.has_reader)
		file->transport.error = -ENXIO;
}

static void file_send(struct sf_transport *transport, struct sf_batch *batch)
{
	struct file *file = (struct file *)transport;
	const uint8_t *bytes = batch->bytes;
	int fd;

	file->outlet.hurry = transport->hurry;
	for (unsigned i = 0; i < batch->count; bytes += batch->messages[i].length, i++) {
		uint32_t length = batch->messages[i].length;
		bool taken =
			sf_outlet_send(&file->outlet, bytes, length, &batch->messages[i].flows);

		batch->messages[i].fate = taken ? SF_FATE_WAITING : SF_FATE_LOST_write;
		if (!taken)
			transport->error = -ENOMEM;
	}
	if (file->outlet.waits)
		sf_outlet_write(&file->outlet);
	else
		sf_outlet_pump(&file->outlet, 0, &fd);
	update_state(file);
}

static int64_t file_ready(struct sf_transport *transport, int64_t mono, int *fd)
{
	struct file *file = (struct file *)transport;
	int64_t when = sf_outlet_pump(&file->outlet, mono, fd);

	update_state(file);
	return when;
}

static void file_settle(
	struct sf_transport *transport, struct sf_outcome *sent, struct sf_outcome *lost)
{
	struct sf_outlet *outlet = &((struct file *)transport)->outlet;

	*sent = outlet->sent;
	*lost = outlet->lost;
	outlet->sent = outlet->lost = (struct sf_outcome){ 0 };
}

static int file_end(struct sf_transport *transport)
{
	struct file *file = (struct file *)transport;
	int code = 0;

	file->outlet.stopped |= !file->transport.fails;
	sf_outlet_drop(&file->outlet);
	update_state(file);
	/* some file systems report the full disk only here */
	if (file->fd >= 0 && close(file->fd) < 0)
		code = -errno;
	if (file->fd >= 0 && code == 0 && file->path && file->hook)
		file->hook->complete(file->hook->context, file->path);
	file->fd = -1;
	return code;
}

static bool file_due(struct sf_transport *transport, int64_t now_ns)
{
	(void)now_ns;
	return ((struct file *)transport)->again;
}

/* Opens the path again. -1: *why is the error, or NULL if it is still the same file. */
static int reopen(const struct file *file, const char **why)
{
	/* a FIFO that took the place of the file must not make the run wait for its reader */
	int fd = open(file->path,
		O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0640);
	struct stat before, now;

	*why = NULL;
	if (fd < 0) {
		/* a FIFO without a reader, a socket */
		*why = errno == ENXIO ? "not a regular file" : sf_strerror(-errno);
		return -1;
	}
	if (fstat(file->fd, &before) < 0 || fstat(fd, &now) < 0)
		*why = sf_strerror(-errno);
	else if (!S_ISREG(now.st_mode))
		*why = "not a regular file";
	else if ((before.st_dev != now.st_dev || before.st_ino != now.st_ino) &&
		 fcntl(fd, F_SETFL, O_APPEND) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Goes on in a new file of the same name, because the file was moved away (logrotate). */
static void file_turn(struct sf_transport *transport, int64_t now_ns, int64_t wall_ns)
{
	struct file *file = (struct file *)transport;
	struct sf_outcome sent, lost;
	const char *why;
	int fd = reopen(file, &why);

	(void)now_ns, (void)wall_ns;
	file->again = false;
	if (fd < 0) {
		if (why)
			snprintf(transport->remark, sizeof(transport->remark),
				"cannot open %.100s again, and goes on in the old file: %s",
				file->path, why);
		return;
	}
	sf_outlet_drop(&file->outlet);
	sent = file->outlet.sent;
	lost = file->outlet.lost;
	sf_outlet_fini(&file->outlet);
	if (close(file->fd) < 0)
		snprintf(transport->remark, sizeof(transport->remark), "cannot finish %.100s: %s",
			file->path, sf_strerror(-errno));
	file->fd = fd;
	sf_outlet_init(&file->outlet, fd, file->outlet.waits, true);
	file->outlet.sent = sent;
	file->outlet.lost = lost;
	file->outlet.length = lseek(fd, 0, SEEK_END);
	update_state(file);
	transport->connects++;
}

/*
 * SIGHUP. A pipe is not opened again, because its reader would see the end of the file. The hook is
 * not told of the file that was moved away, because its new name is not known.
 */
static int file_reload(struct sf_transport *transport, struct sf_error *error)
{
	struct file *file = (struct file *)transport;

	(void)error;
	file->again = file->path != NULL;
	return 0;
}

static void file_free(struct sf_transport *transport)
{
	struct file *file = (struct file *)transport;
	struct stat status;

	/* the start has failed: the next one finds what this one has found */
	if (file->fd >= 0 && file->made && file->path && fstat(file->fd, &status) == 0 &&
		status.st_size == 0)
		unlink(file->path);
	free(file->path);
	if (file->fd >= 0)
		close(file->fd);
	sf_outlet_fini(&file->outlet);
	free(file);
}

static const struct sf_transport_ops file_ops = {
	.send = file_send,
	.ready = file_ready,
	.settle = file_settle,
	.due = file_due,
	.turn = file_turn,
	.reload = file_reload,
	.end = file_end,
	.free = file_free,
};

/*
 * Opens without truncating, so that a file that must be kept (`keep`) is not changed, whatever the
 * path leads to. The kernel refuses to follow links of other users in /tmp (fs.protected_symlinks).
 * Only owner and group may read flows: mode 0640.
 */
static int open_file(const char *path, bool keep, bool *made)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	struct stat status;
	int error;

	*made = fd >= 0;
	if (fd < 0 && errno == EEXIST)
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size == 0)
		return fd;
	if (!keep && ftruncate(fd, 0) == 0)
		return fd;
	error = keep ? EEXIST : errno;
	close(fd);
	errno = error;
	return -1;
}

/*
 * open(2) of a FIFO for writing waits for a reader. Opening for reading and writing does not wait,
 * and while that descriptor is open, opening for writing does not wait either.
 */
static int open_without_waiting(const char *path, bool keep, bool *made)
{
	struct stat status;
	int both, fd;

	if (stat(path, &status) < 0 || !S_ISFIFO(status.st_mode))
		return open_file(path, keep, made);
	both = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (both < 0)
		return -1;
	fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	close(both);
	return fd;
}

int sf_file_open(struct sf_transport **transport, const char *path, bool waits, bool keep,
	const struct sf_file_hook *hook, struct sf_error *error)
{
	struct file *file = calloc(1, sizeof(*file));
	bool is_ours = strcmp(path, "-") != 0;
	int code;

	if (!file)
		return sf_error_set(error, -ENOMEM, "no memory for output file %s", path);
	file->fd = !is_ours ? -1
		   : waits  ? open_file(path, keep, &file->made)
			    : open_without_waiting(path, keep, &file->made);
	if (is_ours && file->fd < 0) {
		code = -errno;
		free(file);
		if (code == -EEXIST && keep)
			return sf_error_set(error, code,
				"output file %s exists and is not empty: --force replaces it",
				path);
		return sf_error_set(
			error, code, "cannot write IPFIX file %s: %s", path, sf_strerror(code));
	}
	sf_outlet_init(&file->outlet, is_ours ? file->fd : STDOUT_FILENO, waits, is_ours);
	file->transport.ops = &file_ops;
	file->transport.traits = (struct sf_traits){
		.cannot = "cannot write",
		.failure = SF_FATE_LOST_write,
		.unready = SF_FATE_LOST_write,
	};
	file->transport.max_message = sf_ipfix.max_length;
	file->transport.max_messages = 1;
	file->transport.connects = 1;
	file->hook = hook;
	if (is_ours && file->outlet.is_file)
		file->path = strdup(path);
	*transport = &file->transport;
	return 0;
}
