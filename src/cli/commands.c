/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of subcommands. */
#include <stdarg.h>

#include "cli/command.h"

const struct sf_command sf_commands[] = {
	{ "meter", SF_METER, "(-i SOURCE... | -r FILE...) [OPTION]...", "packets to flow records",
		"Meters packets of network interfaces or of capture files, and exports the flow "
		"records to collectors, to an IPFIX file, or prints them.",
		sf_cmd_meter },
	{ "show", SF_SHOW, "FILE...", "flows from IPFIX files",
		"Prints the flow records of IPFIX files (RFC 5655), of any exporter, plain or "
		"compressed with gzip; - is standard input. A damaged or cut-off file gives what "
		"can be read of it, and exit status 1.",
		sf_cmd_show },
	{ "collect", SF_COLLECT, "[-l udp://HOST:PORT]...",
		"a small collector for NetFlow v5, v9 and IPFIX",
		"Receives flow records over UDP and prints them or writes them to an IPFIX file. "
		"Templates are kept per exporter and observation domain; gaps in sequence numbers, "
		"data without their template and malformed messages are counted. It ends with "
		"SIGINT or SIGTERM, or as the options say.",
		sf_cmd_collect },
	{ "check", SF_CHECK, "(-i SOURCE | -r FILE...) [OPTION]...",
		"is this a healthy mirror port?",
		"Watches a source and tells in plain words what it sees: traffic or none, one or "
		"both "
		"directions, traffic between other hosts (a mirror) or only one's own, VLAN tags, "
		"frames cut short or merged, drops, duplicates, steering to queues, clocks, remote "
		"mirrors and tunnels; for each what to do about it. The last line is the verdict. "
		"Exit "
		"status: 0 healthy or usable, 1 a problem, 2 it could not look.",
		sf_cmd_check },
	{ "list", SF_LIST, "drivers | fields | templates", "what this build can do",
		"Lists the capture drivers (which are built, which would run here, and why not), "
		"the fields of flow records, or the templates they are exported with.",
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

int sf_exit_printed(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return SF_EXIT_OK;
	/* a reader who has seen enough needs no words */
	if (errno != EPIPE)
		sf_complain("standard output: %s", sf_strerror(-errno));
	return SF_EXIT_FAILED;
}
