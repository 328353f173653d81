/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From argv to struct sf_options. The order of precedence is defaults, configuration file, command
 * line; a repeatable option given on the command line replaces the file's list, because adding to
 * it would leave no way to take something out.
 *
 * Words that begin no option belong to the last -i or -r, so that `-r *.pcap` works as typed;
 * otherwise they are the subcommand's operands.
 */
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "options/options.h"

#define NAME_MAX_LENGTH 64

int sf_strings_add(struct sf_strings *strings, const char *item)
{
	const char **items;

	/* room grows at powers of two: the count tells when */
	if ((strings->count & (strings->count - 1)) == 0) {
		size_t room = strings->count ? strings->count * 2u : 1;

		items = realloc(strings->items, room * sizeof(*items));
		if (!items)
			return -ENOMEM;
		strings->items = items;
	}
	strings->items[strings->count++] = item;
	return 0;
}

static void strings_free(struct sf_strings *strings)
{
	free(strings->items);
	*strings = (struct sf_strings){ 0 };
}

void sf_options_fini(struct sf_options *options, const struct sf_option *table)
{
	for (const struct sf_option *option = table; option->name; option++)
		if (option->type == SF_OPTION_STRINGS)
			strings_free(sf_option_target(options, option));
	for (unsigned i = 0; i < options->owned.count; i++)
		free((char *)options->owned.items[i]);
	strings_free(&options->owned);
	strings_free(&options->operands);
	strings_free(&options->given);
}

int sf_option_give(struct sf_options *options, const struct sf_option *option, const char *text,
	struct sf_error *error)
{
	int code = sf_option_set(options, option, text, error);

	if (code == 0 && !sf_option_given(options, option->name) &&
		sf_strings_add(&options->given, option->name) < 0)
		code = sf_error_set(error, -ENOMEM, "out of memory");
	return code;
}

bool sf_option_given(const struct sf_options *options, const char *name)
{
	for (unsigned i = 0; i < options->given.count; i++)
		if (strcmp(options->given.items[i], name) == 0)
			return true;
	return false;
}

const struct sf_option *sf_option_find(
	const struct sf_option *table, unsigned commands, const char *name)
{
	for (const struct sf_option *option = table; option->name; option++)
		if (option->commands & commands && strcmp(option->name, name) == 0)
			return option;
	return NULL;
}

static const struct sf_option *find_letter(
	const struct sf_option *table, unsigned commands, char letter)
{
	for (const struct sf_option *option = table; option->name; option++)
		if (option->commands & commands && option->letter == letter)
			return option;
	return NULL;
}

struct names {
	const struct sf_option *table;
	unsigned commands;
};

static const char *next_name(const void *context, unsigned i)
{
	const struct names *names = context;

	for (const struct sf_option *option = names->table; option->name; option++)
		if (option->commands & names->commands && i-- == 0)
			return option->name;
	return NULL;
}

int sf_option_unknown(const struct sf_option *table, const struct sf_command *command,
	const char *dashes, const char *name, struct sf_error *error)
{
	const char *what = *dashes ? "option" : "key";
	const struct names names = { table, command->id };
	const char *near = sf_suggest(name, next_name, &names);
	const struct sf_option *elsewhere = sf_option_find(table, ~0u, name);

	if (near)
		return sf_error_set(error, SF_EUSAGE, "unknown %s %s%s: did you mean %s%s?", what,
			dashes, name, dashes, near);
	if (elsewhere)
		for (const struct sf_command *other = sf_commands; other->name; other++)
			if (elsewhere->commands & other->id)
				return sf_error_set(error, SF_EUSAGE,
					"%s %s%s belongs to 'spanflow %s', not to 'spanflow %s'",
					what, dashes, name, other->name, command->name);
	return sf_error_set(error, SF_EUSAGE, "unknown %s %s%s: 'spanflow %s --help' lists all",
		what, dashes, name, command->name);
}

struct parser {
	struct sf_options *options;
	const struct sf_option *table;
	const struct sf_command *command;
	struct sf_error *error;
	int argc, at;
	char **argv;
	bool apply; /* false: only look for --config and --help */
	struct sf_strings *operands_go_to;
};

static int apply(struct parser *parser, const struct sf_option *option, const char *value)
{
	bool early = strcmp(option->name, "config") == 0 || strcmp(option->name, "help") == 0 ||
		     strcmp(option->name, "version") == 0;

	if (parser->apply == early)
		return 0;
	if (option->type == SF_OPTION_STRINGS) {
		struct sf_strings *strings = sf_option_target(parser->options, option);

		if (strings->from_file)
			strings->count = 0;
		strings->from_file = false;
		if (option->takes_words)
			parser->operands_go_to = strings;
	}
	return sf_option_give(parser->options, option, value, parser->error);
}

/* The value of an option: what is attached to it, or the next word. */
static int take_value(struct parser *parser, const struct sf_option *option, const char *attached)
{
	if (option->type == SF_OPTION_FLAG)
		return apply(parser, option, attached ? attached : "yes");
	if (!attached) {
		if (parser->at + 1 >= parser->argc)
			return sf_error_set(parser->error, SF_EUSAGE, "--%s needs a value: --%s %s",
				option->name, option->name, option->metavar);
		attached = parser->argv[++parser->at];
	}
	return apply(parser, option, attached);
}

static int parse_long(struct parser *parser, const char *word)
{
	size_t length = strcspn(word, "=");
	char name[NAME_MAX_LENGTH];
	const struct sf_option *option;

	snprintf(name, sizeof(name), "%.*s", (int)length, word);
	option = sf_option_find(parser->table, parser->command->id, name);
	if (!option)
		return sf_option_unknown(parser->table, parser->command, "--", name, parser->error);
	return take_value(parser, option, word[length] ? word + length + 1 : NULL);
}

static int parse_letters(struct parser *parser, const char *letters)
{
	for (; *letters; letters++) {
		const struct sf_option *option =
			find_letter(parser->table, parser->command->id, *letters);
		char name[2] = { *letters, '\0' };
		int err;

		if (!option)
			return sf_option_unknown(
				parser->table, parser->command, "-", name, parser->error);
		if (option->type != SF_OPTION_FLAG)
			return take_value(parser, option, letters[1] ? letters + 1 : NULL);
		err = apply(parser, option, "yes");
		if (err)
			return err;
	}
	return 0;
}

static int parse_words(struct parser *parser)
{
	bool only_operands = false;

	for (parser->at = 0; parser->at < parser->argc; parser->at++) {
		const char *word = parser->argv[parser->at];
		int err = 0;

		if (!only_operands && strcmp(word, "--") == 0)
			only_operands = true;
		else if (!only_operands && strncmp(word, "--", 2) == 0)
			err = parse_long(parser, word + 2);
		else if (!only_operands && word[0] == '-' && word[1])
			err = parse_letters(parser, word + 1);
		else if (parser->apply)
			err = sf_strings_add(parser->operands_go_to, word);
		if (err)
			return err;
	}
	return 0;
}

static int set_defaults(struct sf_options *options, const struct sf_option *table,
	const struct sf_command *command, struct sf_error *error)
{
	for (const struct sf_option *option = table; option->name; option++) {
		int err = 0;

		if (option->commands & command->id && option->initial)
			err = sf_option_set(options, option, option->initial, error);
		if (err)
			return err;
	}
	return 0;
}

int sf_options_parse(struct sf_options *options, const struct sf_option *table,
	const struct sf_command *command, int argc, char **argv, struct sf_error *error)
{
	struct parser parser = {
		.options = options,
		.table = table,
		.command = command,
		.error = error,
		.argc = argc,
		.argv = argv,
		.operands_go_to = &options->operands,
	};
	int err;

	*options = (struct sf_options){ 0 };
	err = set_defaults(options, table, command, error);
	if (!err)
		err = parse_words(&parser);
	if (!err && (options->help || options->version))
		return 0;
	if (!err && options->config)
		err = sf_options_read_file(options, table, command, options->config, error);
	parser.apply = true;
	parser.operands_go_to = &options->operands;
	return err ? err : parse_words(&parser);
}
