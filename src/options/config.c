/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration file: the options table with the dashes left off. Read here rather than by an
 * INI library, because those cut lines at a fixed length and take what follows for a line of its
 * own; a BPF filter is easily longer.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options/options.h"

#define LARGEST (1U << 20)

struct reader {
	struct sf_options *options;
	const struct sf_option *table;
	const struct sf_command *command;
	bool other_section; /* keys belong to another subcommand */
};

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	while (isspace((unsigned char)*text))
		text++;
	return text;
}

static int read_section(struct reader *reader, char *line, struct sf_error *error)
{
	size_t length = strlen(line);

	if (line[length - 1] != ']')
		return sf_error_set(error, SF_EUSAGE, "'%s': the closing bracket is missing", line);
	line[length - 1] = '\0';
	line = trim(line + 1);
	for (const struct sf_command *command = sf_commands; command->name; command++)
		if (strcmp(command->name, line) == 0) {
			reader->other_section = command->id != reader->command->id;
			return 0;
		}
	return sf_error_set(error, SF_EUSAGE,
		"[%s]: there is no subcommand '%s': 'spanflow --help' lists them", line, line);
}

/* True for a comment or an empty line. */
static bool is_blank(const char *text)
{
	text += strspn(text, " \t");
	return !*text || *text == '#' || *text == ';';
}

/*
 * The value of a line: without the quotes around it, or without the comment behind it. Changes
 * `text`.
 */
static int read_value(char *text, char **value, struct sf_error *error)
{
	char quote = *text, *end;

	*value = text;
	if (quote == '"' || quote == '\'') {
		end = strchr(text + 1, quote);
		if (!end)
			return sf_error_set(
				error, SF_EUSAGE, "%s: the closing quote is missing", text);
		if (!is_blank(end + 1))
			return sf_error_set(
				error, SF_EUSAGE, "'%s' follows the closing quote", trim(end + 1));
		*end = '\0';
		*value = text + 1;
		return 0;
	}
	for (end = text; *end; end++)
		if ((*end == '#' || *end == ';') &&
			(end == text || isspace((unsigned char)end[-1]))) {
			*end = '\0';
			break;
		}
	*value = trim(text);
	return 0;
}

static int read_key(struct reader *reader, char *line, struct sf_error *error)
{
	char *equals = strchr(line, '='), *key, *value;
	const struct sf_option *option;
	int err;

	if (!equals)
		return sf_error_set(error, SF_EUSAGE, "'%s' is not of the form key = value", line);
	*equals = '\0';
	key = trim(line);
	err = read_value(trim(equals + 1), &value, error);
	if (err || reader->other_section)
		return err;
	option = sf_option_find(reader->table, reader->command->id, key);
	if (!option)
		return sf_option_unknown(reader->table, reader->command, "", key, error);
	if (option->not_in_file)
		return sf_error_set(error, SF_EUSAGE, "%s belongs on the command line", key);
	value = strdup(value);
	if (!value || sf_strings_add(&reader->options->owned, value)) {
		free(value);
		return sf_error_set(error, -ENOMEM, "out of memory");
	}
	err = sf_option_give(reader->options, option, value, error);
	if (!err && option->type == SF_OPTION_STRINGS)
		((struct sf_strings *)sf_option_target(reader->options, option))->from_file = true;
	return err;
}

/*
 * The file as a stream in memory, so that a device or a pipe without end, or somebody's capture, is
 * refused by its size. NULL: `error` is set.
 */
static FILE *open_bounded(const char *path, char *buffer, struct sf_error *error)
{
	static const char mark[] = { '\xef', '\xbb', '\xbf' };
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	size_t used = 0, begin = 0;
	ssize_t n = -1;
	FILE *file;

	while (fd >= 0 && used <= LARGEST && (n = read(fd, buffer + used, LARGEST + 1 - used)) > 0)
		used += (size_t)n;
	err = -errno;
	if (fd >= 0)
		close(fd);
	if (fd < 0 || n < 0) {
		sf_error_set(error, err, "--config %s: %s", path, sf_strerror(err));
		return NULL;
	}
	if (used > LARGEST) {
		sf_error_set(error, SF_EUSAGE,
			"--config %s: more than %u KiB: this is not a configuration file", path,
			LARGEST >> 10);
		return NULL;
	}
	if (memchr(buffer, '\0', used)) {
		sf_error_set(error, SF_EUSAGE, "--config %s: not a text file in UTF-8", path);
		return NULL;
	}
	/* the byte order mark that editors of other systems begin a text with */
	if (used >= sizeof(mark) && memcmp(buffer, mark, sizeof(mark)) == 0)
		begin = sizeof(mark);
	/* an empty one cannot be opened */
	buffer[used] = '\n';
	file = fmemopen(buffer + begin, used + 1 - begin, "r");
	if (!file)
		sf_error_set(error, -ENOMEM, "%s", sf_strerror(-ENOMEM));
	return file;
}

int sf_options_read_file(struct sf_options *options, const struct sf_option *table,
	const struct sf_command *command, const char *path, struct sf_error *error)
{
	struct reader reader = { options, table, command, false };
	char *buffer = malloc(LARGEST + 1);
	FILE *file = buffer ? open_bounded(path, buffer, error) : NULL;
	struct sf_error inner = { 0 };
	char *line = NULL, *text;
	unsigned number = 0;
	size_t room = 0;
	int err = 0;

	if (!buffer)
		return sf_error_set(error, -ENOMEM, "%s", sf_strerror(-ENOMEM));
	if (!file) {
		free(buffer);
		return error->code;
	}
	while (!err && getline(&line, &room, file) >= 0) {
		number++;
		text = trim(line);
		if (*text == '[')
			err = read_section(&reader, text, &inner);
		else if (*text && *text != '#' && *text != ';')
			err = read_key(&reader, text, &inner);
	}
	if (err)
		sf_error_set(error, err, "%s, line %u: %s", path, number, inner.text);
	free(line);
	fclose(file);
	free(buffer);
	return err;
}
