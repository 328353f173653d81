/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An IPFIX file (RFC 5655): the messages of one session, one after the other. Messages are up to
 * 64 KiB, so each is one write. After the first failure nothing more is written, and a message
 * that was written in part is cut off again where the file allows it, so that what is there stays
 * readable.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/message.h"
#include "export/transport.h"

struct file {
	struct sf_transport transport;
	int fd;
	bool is_ours; /* to cut and to close; standard output is not */
	bool may_cut;
	off_t length; /* whole messages */
};

static int write_all(int fd, const uint8_t *bytes, size_t length, const struct sf_hurry *hurry)
{
	while (length) {
		ssize_t n = write(fd, bytes, length);

		if (n < 0 && errno == EINTR && !sf_hurry_level(hurry))
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		bytes += n;
		length -= (size_t)n;
	}
	return 0;
}

static void file_send(struct sf_transport *transport, struct sf_batch *batch)
{
	struct file *file = (struct file *)transport;
	const uint8_t *bytes = batch->bytes;

	for (unsigned i = 0; i < batch->count; bytes += batch->messages[i].length, i++) {
		if (transport->error == 0) {
			transport->error = write_all(
				file->fd, bytes, batch->messages[i].length, transport->hurry);
			/* on a device that is no file there is nothing to cut off */
			if (transport->error && file->may_cut)
				file->may_cut = ftruncate(file->fd, file->length) == 0;
		}
		/* a pipe that is full, and the run is in a hurry */
		batch->messages[i].fate = transport->error == -EINTR ? SF_FATE_stopped
					  : transport->error         ? SF_FATE_write
								     : SF_FATE_SENT;
		if (transport->error == 0)
			file->length += (off_t)batch->messages[i].length;
	}
}

static int file_close(struct sf_transport *transport)
{
	struct file *file = (struct file *)transport;
	int code = 0;

	/* some file systems report the full disk only here */
	if (file->is_ours && close(file->fd) < 0)
		code = -errno;
	free(file);
	return code;
}

static const struct sf_transport_ops file_ops = {
	.send = file_send,
	.close = file_close,
};

int sf_file_open(struct sf_transport **transport, const char *path, struct sf_error *error)
{
	struct file *file = calloc(1, sizeof(*file));
	int code;

	if (!file)
		return sf_error_set(error, -ENOMEM, "no memory for output file %s", path);
	file->is_ours = strcmp(path, "-") != 0;
	file->may_cut = file->is_ours;
	file->fd = file->is_ours ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)
				 : STDOUT_FILENO;
	if (file->fd < 0) {
		code = -errno;
		free(file);
		return sf_error_set(
			error, code, "cannot write IPFIX file %s: %s", path, sf_strerror(code));
	}
	file->transport.ops = &file_ops;
	file->transport.max_message = sf_ipfix.max_length;
	file->transport.max_messages = 1;
	*transport = &file->transport;
	return 0;
}
