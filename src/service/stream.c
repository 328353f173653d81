/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
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
