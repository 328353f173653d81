/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "service/signals.h"
#include "service/stream.h"

static ssize_t write_all(void *cookie, const char *bytes, size_t length)
{
	size_t done = 0;

	(void)cookie;
	while (done < length) {
		ssize_t n = write(STDOUT_FILENO, bytes + done, length - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR || sf_signal_hurry(NULL))
			break;
	}
	return (ssize_t)done;
}

FILE *sf_output_stream(void)
{
	return fopencookie(NULL, "w", (cookie_io_functions_t){ .write = write_all });
}

bool sf_hold_standard_streams(void)
{
	static const int contrary[] = { O_WRONLY, O_RDONLY, O_RDONLY };

	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		/* all below are taken, so this is the number that it gets */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", contrary[fd]) != fd)
			return false;
	return true;
}
