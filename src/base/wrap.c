/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/wrap.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

unsigned sf_terminal_columns(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;

	if (!isatty(fd))
		return 0;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	return columns && atoi(columns) > 0 ? (unsigned)atoi(columns) : 80;
}

unsigned sf_wrap_columns(FILE *stream)
{
	const unsigned columns = sf_terminal_columns(fileno(stream));

	return columns == 0 || columns > 80 ? 80 : columns < 20 ? 20 : columns;
}

size_t sf_wrap(FILE *stream, const char *text, size_t column, size_t indent)
{
	const size_t width = sf_wrap_columns(stream);
	bool first = column <= indent;

	while (*text) {
		size_t length = strcspn(text, " \n");

		if (!first && column + 1 + length > width) {
			fprintf(stream, "\n%*s", (int)indent, "");
			column = indent;
			first = true;
		}
		column += (size_t)fprintf(stream, "%s%.*s", first ? "" : " ", (int)length, text);
		first = false;
		text += length;
		text += strspn(text, " ");
		if (*text == '\n') {
			fprintf(stream, "\n%*s", (int)indent, "");
			column = indent;
			first = true;
			text++;
		}
	}
	return column;
}
