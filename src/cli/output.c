/* SPDX-License-Identifier: BSD-2-Clause */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/signals.h"

enum sf_output sf_output_form(const struct sf_options *options)
{
	if (options->output != SF_OUTPUT_DEFAULT)
		return (enum sf_output)options->output;
	return options->collectors.count || options->write.count ? SF_OUTPUT_NONE : SF_OUTPUT_TABLE;
}

/* "-" and "-,biflow=yes" */
static bool writes_to_standard_output(const struct sf_options *options)
{
	for (unsigned i = 0; i < options->write.count; i++) {
		const char *file = options->write.items[i];

		if (file[0] == '-' && (file[1] == '\0' || file[1] == ','))
			return true;
	}
	return false;
}

const char *sf_output_contradiction(const struct sf_options *options)
{
	if (writes_to_standard_output(options) && options->output != SF_OUTPUT_DEFAULT &&
		options->output != SF_OUTPUT_NONE)
		return "-w - and -o both want standard output: give -w a file";
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

unsigned sf_output_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	return columns && atoi(columns) > 0 ? (unsigned)atoi(columns) : 80;
}

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

int sf_output_text(struct sf_exporter *exporter, const struct sf_options *options, FILE *stream,
	struct sf_error *error)
{
	struct sf_text_options text = {
		.stream = stream,
		.biflow = options->biflow,
		.local_time = options->local_time,
		.wide = options->wide,
		.width = sf_output_width(),
	};
	enum sf_output form = sf_output_form(options);

	if (form == SF_OUTPUT_NONE)
		return 0;
	text.format = form == SF_OUTPUT_JSON  ? SF_TEXT_JSON
		      : form == SF_OUTPUT_CSV ? SF_TEXT_CSV
					      : SF_TEXT_TABLE;
	return sf_exporter_add_text(exporter, &text, error);
}

static int add(struct sf_exporter *exporter, const char *text, bool biflow,
	int (*add_one)(struct sf_exporter *, const char *, struct sf_error *),
	struct sf_error *error)
{
	char *longer = NULL;
	int err;

	if (!biflow || strstr(text, ",biflow="))
		return add_one(exporter, text, error);
	if (asprintf(&longer, "%s,biflow=yes", text) < 0)
		return sf_error_set(error, -ENOMEM, "out of memory");
	err = add_one(exporter, longer, error);
	free(longer);
	return err;
}

/* True if both paths lead to the same file: its two writers would overwrite each other. */
static bool is_same_file(const char *one, const char *other)
{
	char paths[2][PATH_MAX];
	struct stat status[2];

	snprintf(paths[0], PATH_MAX, "%.*s", (int)sf_exporter_path_length(one), one);
	snprintf(paths[1], PATH_MAX, "%.*s", (int)sf_exporter_path_length(other), other);
	if (strcmp(paths[0], paths[1]) == 0)
		return true;
	return stat(paths[0], &status[0]) == 0 && stat(paths[1], &status[1]) == 0 &&
	       S_ISREG(status[0].st_mode) && status[0].st_dev == status[1].st_dev &&
	       status[0].st_ino == status[1].st_ino;
}

int sf_output_files(struct sf_exporter *exporter, const struct sf_options *options, bool biflow,
	struct sf_error *error)
{
	int err = 0;

	for (unsigned i = 0; !err && i < options->write.count; i++) {
		const char *file = options->write.items[i];

		for (unsigned k = 0; k < i; k++)
			if (is_same_file(options->write.items[k], file))
				return sf_error_set(
					error, SF_EUSAGE, "-w %s: is named twice", file);
		err = add(exporter, file, biflow, sf_exporter_add_file, error);
	}
	return err;
}

int sf_output_destinations(
	struct sf_exporter *exporter, const struct sf_options *options, struct sf_error *error)
{
	int err = 0;

	for (unsigned i = 0; !err && i < options->collectors.count; i++) {
		const char *url = options->collectors.items[i];
		/* NetFlow has no biflows */
		bool able = strncmp(url, "netflow", 7) != 0;

		err = add(exporter, url, options->biflow && able, sf_exporter_add_collector, error);
	}
	return err ? err : sf_output_files(exporter, options, options->biflow, error);
}
