/* SPDX-License-Identifier: BSD-2-Clause */
/* The options table as text for people: --help, and the man page. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/url_option.h"
#include "base/wrap.h"
#include "options/options.h"

#include "spanflow_config.h"

/*
 * Where the words of an option begin: narrow terminals have no room for
 * a column of names beside them.
 */
static size_t indent_of(FILE *stream)
{
	return sf_wrap_columns(stream) < 70 ? 10 : 30;
}

/* The words of an option, whose name ends at `column`; returns the column behind them. */
static size_t put_words(FILE *stream, const char *words, size_t column)
{
	const size_t indent = indent_of(stream);

	if (column + 2 > indent) {
		fputc('\n', stream);
		column = 0;
	}
	column += (size_t)fprintf(stream, "%*s", (int)(indent - column), "");
	return sf_wrap(stream, words, column, indent);
}

/* Appends to a text of `size` bytes what fits. */
static void __attribute__((format(printf, 3, 4)))
append(char *text, size_t size, const char *format, ...)
{
	size_t length = strlen(text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text + length, size - length, format, arguments);
	va_end(arguments);
}

/* Choices and default of an option, which follow its help text. */
static void facts(const struct sf_option *option, char *text, size_t size)
{
	text[0] = '\0';
	if (option->choices) {
		append(text, size, option->type == SF_OPTION_SET ? "Parts: " : "One of ");
		for (const struct sf_choice *choice = option->choices; choice->name; choice++)
			append(text, size, "%s%s", choice->name, choice[1].name ? ", " : ".");
	}
	if (option->type == SF_OPTION_STRINGS && option->max != 1)
		append(text, size, "%sRepeatable.", *text ? " " : "");
	if (option->initial)
		append(text, size, "%sDefault: %s.", *text ? " " : "", option->initial);
}

/* ",rate=N   what it does"; of files without the words that stand at the options of collectors. */
static void help_url_option(
	const struct sf_option *option, const struct sf_url_option *row, FILE *stream)
{
	size_t column = (size_t)fprintf(stream, "      ,%s=%s", row->name, row->value);

	if (option->url_options != SF_URL_TO_FILE || row->applies == SF_URL_TO_FILE)
		put_words(stream, row->help, column);
	fputc('\n', stream);
}

static void help_option(const struct sf_option *option, FILE *stream)
{
	char head[80], more[512];
	size_t column;

	snprintf(head, sizeof(head), "%c%c%c --%s%s%s", option->letter ? '-' : ' ',
		option->letter ? option->letter : ' ', option->letter ? ',' : ' ', option->name,
		option->metavar ? " " : "", option->metavar ? option->metavar : "");
	column = (size_t)fprintf(stream, "  %s", head);
	column = put_words(stream, option->help, column);
	facts(option, more, sizeof(more));
	sf_wrap(stream, more, column, indent_of(stream));
	fputc('\n', stream);
	for (unsigned i = 0; i < SF_URL_OPTIONS; i++)
		if (sf_url_options[i].applies & option->url_options)
			help_url_option(option, &sf_url_options[i], stream);
}

/* "what it does\ncommand" */
static void help_example(const char *text, FILE *stream)
{
	const char *end = strchr(text, '\n');

	fprintf(stream, "  # %.*s\n  %s\n", (int)(end - text), text, end + 1);
}

void sf_help_command(const struct sf_command *command, const struct sf_option *table, FILE *stream)
{
	const char *section = "";

	fprintf(stream, "Usage: spanflow %s %s\n\n", command->name, command->synopsis);
	sf_wrap(stream, command->text, 0, 0);
	fputc('\n', stream);
	for (const struct sf_option *option = table; option->name; option++) {
		if (!(option->commands & command->id))
			continue;
		if (strcmp(section, option->section) != 0)
			fprintf(stream, "\n%s:\n", option->section);
		section = option->section;
		help_option(option, stream);
	}
	fputs("\nExamples:\n", stream);
	for (size_t i = 0; i < sizeof(command->examples) / sizeof(command->examples[0]); i++)
		if (command->examples[i])
			help_example(command->examples[i], stream);
}

/* A command and what it does, beside it if there is room. */
static void help_line(FILE *stream, const char *command, const char *words, size_t width)
{
	const bool narrow = sf_wrap_columns(stream) < width + 40;
	size_t column = (size_t)fprintf(stream, "  %-*s", narrow ? 0 : (int)width, command);

	if (narrow)
		column = (size_t)fprintf(stream, "\n      ") - 1;
	else
		column += (size_t)fprintf(stream, " ");
	sf_wrap(stream, words, column, column);
	fputc('\n', stream);
}

void sf_help_program(const struct sf_command *commands, FILE *stream)
{
	static const char *const examples[][2] = {
		{ "spanflow meter -r capture.pcap", "who talked to whom, as a table" },
		{ "spanflow meter -r captures/ -w flows.ipfix", "a directory into an IPFIX file" },
		{ "spanflow ask talkers captures/", "which hosts send the most?" },
		{ "spanflow ask dns-tunnels captures/", "who hides data in DNS?" },
		{ "spanflow report captures/ -o report.html",
			"a page of charts, to keep or to send" },
		{ "spanflow check -i eth1", "is eth1 a healthy mirror port?" },
		{ "spanflow meter -i eth1 -e ipfix://192.0.2.10", "meter it for a collector" },
	};

	fputs("Usage: spanflow SUBCOMMAND [OPTION]...\n\n", stream);
	sf_wrap(stream,
		"Turns packets of a mirror port or of capture files into flow records, and exports "
		"them as IPFIX, NetFlow v9 or NetFlow v5.",
		0, 0);
	fputs("\n\nSubcommands:\n", stream);
	for (const struct sf_command *command = commands; command->name; command++)
		help_line(stream, command->name, command->summary, 10);
	fputs("\nExamples:\n", stream);
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		help_line(stream, examples[i][0], examples[i][1], 45);
	fputc('\n', stream);
	sf_wrap(stream,
		"'spanflow SUBCOMMAND --help' lists the options of a subcommand, 'spanflow "
		"--version' prints the version; the manual page spanflow(1) tells more.",
		0, 0);
	fputc('\n', stream);
}

/* Text in roff: hyphens that are to stay hyphens, no line that looks like a request. */
static void roff(FILE *stream, const char *text)
{
	bool line_start = true;

	for (; *text; text++) {
		if (line_start && (*text == '.' || *text == '\''))
			fputs("\\&", stream);
		if (*text == '-')
			fputs("\\-", stream);
		else if (*text == '\\')
			fputs("\\e", stream);
		else
			fputc(*text, stream);
		line_start = *text == '\n';
	}
}

static void man_option(const struct sf_option *option, FILE *stream)
{
	char more[512];

	fputs(".TP\n", stream);
	if (option->letter)
		fprintf(stream, "\\fB\\-%c\\fR, ", option->letter);
	fputs("\\fB\\-\\-", stream);
	roff(stream, option->name);
	fputs("\\fR", stream);
	if (option->metavar) {
		fputs(" \\fI", stream);
		roff(stream, option->metavar);
		fputs("\\fR", stream);
	}
	fputc('\n', stream);
	roff(stream, option->help);
	facts(option, more, sizeof(more));
	if (*more) {
		fputc('\n', stream);
		roff(stream, more);
	}
	fputc('\n', stream);
}

static void man_options(
	const struct sf_command *command, const struct sf_option *table, FILE *stream)
{
	const char *section = "";

	for (const struct sf_option *option = table; option->name; option++) {
		if (!(option->commands & command->id))
			continue;
		if (strcmp(section, option->section) != 0) {
			fputs(".PP\n\\fI", stream);
			roff(stream, option->section);
			fputs("\\fR\n", stream);
		}
		section = option->section;
		man_option(option, stream);
	}
}

static void man_commands(const struct sf_command *commands, FILE *stream)
{
	for (const struct sf_command *command = commands; command->name; command++) {
		fputs(".TP\n\\fBspanflow ", stream);
		fprintf(stream, "%s\\fR ", command->name);
		roff(stream, command->synopsis);
		fputc('\n', stream);
		roff(stream, command->text);
		fputc('\n', stream);
	}
}

/* The options of destinations: of those that collectors have, and which of them files have too. */
static void man_url_options(FILE *stream)
{
	const char *comma = "";

	for (unsigned i = 0; i < SF_URL_OPTIONS; i++) {
		const struct sf_url_option *option = &sf_url_options[i];

		fputs(".TP\n\\fB", stream);
		roff(stream, option->name);
		fputs("=\\fI", stream);
		roff(stream, option->value);
		fputs("\\fR\n", stream);
		roff(stream, option->help);
		fputc('\n', stream);
	}
	fputs(".PP\n", stream);
	for (unsigned i = 0; i < SF_URL_OPTIONS; i++)
		if (sf_url_options[i].applies & SF_URL_TO_FILE) {
			fprintf(stream, "%s\\fB%s\\fR", comma, sf_url_options[i].name);
			comma = ", ";
		}
	fputs(" may also follow the file name of \\fB\\-w\\fR.\n", stream);
}

static void man_line(const char *line, FILE *to)
{
	const char *mark = strstr(line, "@version@");

	if (mark)
		fprintf(to, "%.*s%s%s", (int)(mark - line), line, SPANFLOW_VERSION,
			mark + strlen("@version@"));
	else
		fputs(line, to);
}

int sf_man_page(
	const struct sf_command *commands, const struct sf_option *table, FILE *from, FILE *to)
{
	char *line = NULL, name[32];
	size_t room = 0;
	int err = 0;

	while (!err && getline(&line, &room, from) >= 0) {
		const struct sf_command *command = commands;

		if (strcmp(line, "@commands@\n") == 0) {
			man_commands(commands, to);
		} else if (strcmp(line, "@url options@\n") == 0) {
			man_url_options(to);
		} else if (sscanf(line, "@options %31[a-z]@", name) == 1) {
			while (command->name && strcmp(command->name, name) != 0)
				command++;
			if (command->name)
				man_options(command, table, to);
			else
				err = SF_EUSAGE;
		} else {
			man_line(line, to);
		}
	}
	free(line);
	return err ? err : ferror(from) || ferror(to) ? -EIO : 0;
}
