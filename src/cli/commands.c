/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of subcommands. */
#include <stdarg.h>

#include "cli/command.h"

const struct sf_command sf_commands[] = {
	{ "list", SF_LIST, "drivers", "what this build can do",
		"Lists the capture drivers: which are built, which would run here, and why not.",
		sf_cmd_list },
	{ NULL },
};

void sf_complain(const char *format, ...)
{
	va_list arguments;

	fputs("spanflow: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

int sf_exit_error(const struct sf_error *error)
{
	sf_complain("%s", error->text);
	return error->code == SF_EUSAGE ? SF_EXIT_USAGE : SF_EXIT_FAILED;
}
