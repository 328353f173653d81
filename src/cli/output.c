/* SPDX-License-Identifier: BSD-2-Clause */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wrap.h"
#include "cli/asked.h"
#include "cli/command.h"
#include "cli/output.h"
#include "guard/spawner.h"
#include "service/signals.h"

enum sf_output sf_output_form(const struct sf_options *options)
{
	if (options->output != SF_OUTPUT_DEFAULT)
		return (enum sf_output)options->output;
	return options->collectors.count || options->write.count ||
			       (options->pass.count && !sf_asked_groups(options))
		       ? SF_OUTPUT_NONE
		       : SF_OUTPUT_TABLE;
}

/* "-" and "-,biflow=yes" */
static bool has_standard_output(const struct sf_strings *files)
{
	for (unsigned i = 0; i < files->count; i++) {
		const char *file = files->items[i];

		if (file[0] == '-' && (file[1] == '\0' || file[1] == ','))
			return true;
	}
	return false;
}

const char *sf_output_contradiction(const struct sf_options *options)
{
	unsigned files = has_standard_output(&options->write) +
			 has_standard_output(&options->pass) + has_standard_output(&options->fail);

	if (files > 1)
		return "-w -, --pass - and --fail - exclude each other: give all but one a file";
	if (files && sf_output_form(options) != SF_OUTPUT_NONE)
		return has_standard_output(&options->write)
			       ? "-w - and -o both want standard output: give -w a file"
			       : "--pass - and --fail - want standard output: give them a file, or "
				 "print nothing: -o none";
	if (options->on_file && !options->write.count)
		return "--on-file: needs an output file: -w FILE";
	if (options->local_time && sf_output_form(options) != SF_OUTPUT_TABLE)
		return "--local-time: only for the table: -o table";
	if (options->wide && sf_output_form(options) != SF_OUTPUT_TABLE)
		return "--wide: only for the table: -o table";
	if (options->fields && sf_output_form(options) == SF_OUTPUT_TABLE &&
		(options->wide || options->local_time))
		return "--fields: the table has a column for each field then: leave out --wide and "
		       "--local-time";
	return NULL;
}

/* "json" of "flows.json" and "flows.json,biflow=yes", if -o has such a format; or NULL. */
static const char *other_format(const char *file)
{
	static const char *const formats[] = { "json", "csv" };
	size_t length = sf_exporter_path_length(file);

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		size_t suffix = strlen(formats[i]) + 1;

		if (length > suffix && file[length - suffix] == '.' &&
			strncasecmp(file + length - suffix + 1, formats[i], suffix - 1) == 0)
			return formats[i];
	}
	return NULL;
}

void sf_output_hint(const struct sf_options *options)
{
	for (unsigned i = 0; i < options->write.count && !options->quiet; i++) {
		const char *file = options->write.items[i], *format = other_format(file);
		int length = (int)sf_exporter_path_length(file);

		if (format)
			sf_complain("-w %.*s: the file is IPFIX whatever its name; for %s use "
				    "-o %s > %.*s",
				length, file, format, format, length, file);
	}
}

unsigned sf_output_width(void)
{
	return sf_terminal_columns(STDOUT_FILENO);
}

struct sf_text_options sf_output_text_options(const struct sf_options *options)
{
	enum sf_output form = sf_output_form(options);

	return (struct sf_text_options){
		.format = form == SF_OUTPUT_JSON  ? SF_TEXT_JSON
			  : form == SF_OUTPUT_CSV ? SF_TEXT_CSV
						  : SF_TEXT_TABLE,
		.biflow = options->biflow,
		.local_time = options->local_time,
		.wide = options->wide,
		.width = sf_output_width(),
	};
}

char *sf_output_url(const char *text, bool biflow)
{
	char *url;

	if (!biflow || strstr(text, ",biflow="))
		return strdup(text);
	return asprintf(&url, "%s,biflow=yes", text) < 0 ? NULL : url;
}

void sf_tell_commands(struct sf_spawner *spawner)
{
	char text[512];

	while (sf_spawner_news(spawner, text, sizeof(text)))
		sf_complain("%s", text);
}

void sf_finish_commands(struct sf_spawner *spawner, int64_t ns)
{
	int64_t end = sf_clock_read(CLOCK_MONOTONIC) + ns;
	bool ended;

	sf_spawner_end(spawner);
	while (!(ended = sf_spawner_wait(spawner, 100)) && !sf_signal_hurry(NULL) &&
		(ns == 0 || sf_clock_read(CLOCK_MONOTONIC) < end))
		continue;
	sf_tell_commands(spawner);
	if (!ended)
		sf_complain("commands of --on-file still run: they go on");
}
