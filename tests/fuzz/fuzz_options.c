/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Command lines and configuration files: the first octet says which subcommand and whether the
 * rest, a line each, is words of a command line or a configuration file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "options/options.h"

#define WORDS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Values are in range whatever was typed. */
static void check_ranges(const struct sf_options *options, const struct sf_command *command)
{
	for (const struct sf_option *option = sf_option_table; option->name; option++) {
		uint64_t value;

		if (!(option->commands & command->id) || !option->initial ||
			(option->type != SF_OPTION_NUMBER && option->type != SF_OPTION_DURATION))
			continue;
		memcpy(&value, (const char *)options + option->offset, sizeof(value));
		if (value < option->min || (option->max && value > option->max))
			abort();
	}
}

static void finish(struct sf_options *options, const struct sf_command *command, int result,
	const struct sf_error *error)
{
	if (result == 0)
		check_ranges(options, command);
	else if (!error->text[0] || error->code != result)
		abort();
	sf_options_fini(options, sf_option_table);
}

static void parse_words(const struct sf_command *command, char *text)
{
	struct sf_error error = { 0 };
	struct sf_options options;
	char *words[WORDS_MAX];
	int count = 0;

	for (char *word; count < WORDS_MAX && (word = strsep(&text, "\n")) != NULL;)
		/* no files but the one below */
		if (!strstr(word, "config"))
			words[count++] = word;
	finish(&options, command,
		sf_options_parse(&options, sf_option_table, command, count, words, &error), &error);
}

static void parse_file(const struct sf_command *command, const char *text, size_t size)
{
	struct sf_error error = { 0 };
	struct sf_options options;
	int fd = memfd_create("options", 0);
	char path[32];
	char *words[] = { "--config", path };

	if (fd < 0 || write(fd, text, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!sf_option_find(sf_option_table, command->id, "config"))
		words[0] = "--help";
	finish(&options, command,
		sf_options_parse(&options, sf_option_table, command, 2, words, &error), &error);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned commands = 0;
	char *text;

	if (size < 1)
		return 0;
	while (sf_commands[commands].name)
		commands++;
	text = malloc(size);
	if (!text)
		abort();
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] & 0x80)
		parse_file(&sf_commands[(data[0] & 0x7f) % commands], text, size - 1);
	else
		parse_words(&sf_commands[data[0] % commands], text);
	free(text);
	return 0;
}
