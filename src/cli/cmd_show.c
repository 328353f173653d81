/* SPDX-License-Identifier: BSD-2-Clause */
/* spanflow show: flows from IPFIX files. */
#include "cli/collected.h"
#include "cli/command.h"

/* Every file is read, whatever happened to those before; false: one was damaged or missing. */
static bool read_files(struct sf_collected_sink *sink, const struct sf_options *options)
{
	bool whole = true;

	for (unsigned i = 0; i < options->operands.count && !sink->failure && !sink->lost; i++) {
		struct sf_error error = { 0 };

		if (sf_collector_file(sink->collector, options->operands.items[i], &error)) {
			sf_complain("%s", error.text);
			whole = false;
		}
	}
	return whole;
}

int sf_cmd_show(struct sf_options *options)
{
	struct sf_collected_sink sink;
	bool whole;
	int status;

	if (options->operands.count == 0) {
		sf_complain("show needs IPFIX files; - is standard input");
		return SF_EXIT_USAGE;
	}
	status = sf_collected_open(&sink, options);
	if (status == SF_EXIT_OK) {
		whole = read_files(&sink, options);
		if (!sf_collected_finish(&sink) || !whole)
			status = SF_EXIT_FAILED;
		sf_collected_report(&sink, options, UINT64_MAX, UINT64_MAX, "eof");
	}
	sf_collected_close(&sink);
	return status;
}
