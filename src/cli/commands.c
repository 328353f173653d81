/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of subcommands. */
#include <stdarg.h>

#include "cli/command.h"
#include "metrics/metrics.h"
#include "service/signals.h"

/* The names of the questions, a space behind each. */
static const char questions[] =
#define RECIPE(name, ...) name " "
#include "ask/recipes.def"
#undef RECIPE
	;

const struct sf_command sf_commands[] = {
	{ "meter", SF_METER, "(-i SOURCE... | -r FILE...) [OPTION]...", "packets to flow records",
		"Meters packets of network interfaces or of capture files, and exports the flow "
		"records to collectors, to an IPFIX file, or prints them.",
		{ "Who talked to whom in a capture, as a table\nspanflow meter -r capture.pcap",
			"A directory of captures into an IPFIX file, one record per "
			"conversation\nspanflow meter -r captures/ --biflow -w flows.ipfix",
			"A mirror port, for two collectors\nspanflow meter -i eth1 -e "
			"ipfix://192.0.2.10 -e netflow9://192.0.2.11:2055",
			"DNS traffic of a tap with two ports, one JSON object per record\nspanflow "
			"meter -i eth1+eth2 -f 'udp port 53' -o json" },
		sf_cmd_meter },
	{ "show", SF_SHOW, "FILE... [OPTION]...", "flows of captures and of files, sums and tops",
		"Prints flow records. FILE is an IPFIX file (RFC 5655) of any exporter, plain or "
		"compressed with gzip, zstd, xz or bzip2; a capture file, whose packets are "
		"metered; a directory of both; or - for standard input. --where chooses records by "
		"conditions; --by, --every, --sum and --top print sums of records instead. Of a "
		"damaged or cut-off file what can be read is printed; the exit status is 1 then.",
		{ "The flows of a file as a table\nspanflow show flows.ipfix",
			"Much data in few packets over port 53\nspanflow show flows.ipfix --where "
			"'port 53 and packets < 20 and bytes > 100k'",
			"Who talks to whom the most, in a directory of captures\nspanflow show "
			"captures/ --by src,dst --top 10",
			"Bytes per hour as CSV\nspanflow show flows.ipfix --every 1h --sum bytes "
			"-o csv" },
		sf_cmd_show },
	{ "ask", SF_QUESTION, "NAME FILE... [OPTION]...",
		"questions with a name: top talkers, scans, DNS tunnels",
		"Answers a question about the flows of IPFIX files, capture files and directories "
		"of both. --list names the questions. --print tells which options of spanflow show "
		"a question stands for, what it finds wrongly and what it misses. Options of the "
		"command line replace those of the question; --where adds conditions.",
		{ "The questions\nspanflow ask --list",
			"The hosts that send the most\nspanflow ask talkers captures/",
			"DNS tunnels of today\nspanflow ask dns-tunnels flows/ --where 'start >= "
			"today'",
			"Hosts that were not there last week\nspanflow ask new this-week/ "
			"--baseline last-week/" },
		sf_cmd_ask, questions, true },
	{ "report", SF_REPORT, "FILE... -o report.html [OPTION]...", "flows as a page of charts",
		"Writes one HTML page about the flows of IPFIX files, capture files and "
		"directories of both; - is standard input. The page has charts, tables and the "
		"flows themselves; a choice in one of them filters all others. It needs a browser, "
		"no server and no network. It has up to 200,000 single flows; further ones are "
		"added up. A file that cannot be read is named, and the exit status is 1 then.",
		{ "A page from a directory of captures\nspanflow report captures/ -o report.html",
			"Only web traffic, with a title\nspanflow report flows.ipfix --where 'port "
			"443' --title 'Web' -o web.html",
			"For somebody else's eyes: other addresses\nspanflow report flows.ipfix "
			"--anonymize -o report.html",
			"For a screen on the wall, new each minute\nspanflow report /var/flows "
			"--refresh 1m -o /srv/www/flows.html" },
		sf_cmd_report },
	{ "collect", SF_COLLECT, "[-l udp://HOST:PORT]... [OPTION]...",
		"a small collector for NetFlow v5, v9 and IPFIX",
		"Receives flow records over UDP, TCP, TLS, DTLS or SCTP and prints them or writes "
		"them to an IPFIX file. Templates are kept per exporter and observation domain; "
		"gaps in sequence numbers, data without their template and malformed messages are "
		"counted. The run ends with SIGINT or SIGTERM, or as the options say.",
		{ "Print what arrives on port 4739\nspanflow collect",
			"NetFlow on port 2055, one JSON object per record\nspanflow collect -l "
			"udp://[::]:2055 -o json",
			"Keep what arrives in a file\nspanflow collect -w flows.ipfix",
			"Stop when nothing has come for a minute\nspanflow collect --idle-exit 1m "
			"-o csv" },
		sf_cmd_collect },
	{ "check", SF_CHECK, "(-i SOURCE | -r FILE...) [OPTION]...",
		"is this a healthy mirror port?",
		"Watches a source and tells in plain words what it sees: traffic or none, one or "
		"both directions, traffic between other hosts (a mirror) or only one's own, VLAN "
		"tags, frames cut short or merged, drops, duplicates, steering to queues, clocks, "
		"remote mirrors and tunnels; for each what to do about it. The last line is the "
		"verdict. Exit status: 0 healthy or usable, 1 a problem, 2 it could not look.",
		{ "Watch a port for ten seconds\nspanflow check -i eth1",
			"Watch both ports of a tap for a minute\nspanflow check -i eth1+eth2 "
			"--duration 1m",
			"Look at a capture\nspanflow check -r capture.pcap",
			"For a script: the verdict in JSON, and as exit status\nspanflow check -i "
			"eth1 -o json" },
		sf_cmd_check },
	{ "list", SF_LIST, "drivers | fields | templates | profiles", "what this build can do",
		"Lists the capture drivers (which are built, which would run here, and why not), "
		"the fields of flow records, the templates they are exported with, or the profiles "
		"of collectors.",
		{ "Capture drivers, and why one does not run here\nspanflow list drivers",
			"Fields of flow records\nspanflow list fields",
			"Templates that collectors get\nspanflow list templates",
			"What profile= can be, and for which collector\nspanflow list profiles" },
		sf_cmd_list, "drivers fields templates profiles" },
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

void sf_tell_metrics(const struct sf_metrics *metrics, const struct sf_options *options)
{
	const char *url = sf_metrics_url(metrics);

	if (url && !options->quiet)
		fprintf(stderr, "metrics at %s/metrics\n", url);
}

void sf_answer_hangup(void)
{
	if (!sf_signal_hangup)
		return;
	sf_signal_hangup = 0;
	sf_complain("SIGHUP: the run goes on as it is: a new configuration takes a restart");
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
