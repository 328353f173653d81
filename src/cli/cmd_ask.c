/* SPDX-License-Identifier: BSD-2-Clause */
/* spanflow ask: questions with a name, each of them options of spanflow show. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask/field.h"
#include "ask/recipe.h"
#include "base/wrap.h"
#include "cli/asked.h"
#include "cli/command.h"
#include "service/signals.h"

static void print_named(const char *name, const char *words, size_t width)
{
	size_t column = (size_t)printf("%-*s ", (int)width, name);

	sf_wrap(stdout, words, column, column);
	putchar('\n');
}

static int list_recipes(void)
{
	for (const struct sf_recipe *recipe = sf_recipes; recipe->name; recipe++)
		print_named(recipe->name, recipe->question, 14);
	putchar('\n');
	sf_wrap(stdout,
		"'spanflow ask NAME FILE...' answers a question. 'spanflow ask NAME --print' tells "
		"how it is answered, and when the answer is wrong.",
		0, 0);
	putchar('\n');
	return sf_exit_printed();
}

static int list_fields(void)
{
	const char *name, *help;

	sf_wrap(stdout,
		"Fields of --where, --by and distinct(). Besides these, any information element of "
		"IANA by its name (octetDeltaCount); for the other direction with the prefix "
		"reverse (reverseOctetDeltaCount):\n\n",
		0, 0);
	for (unsigned i = 0; (name = sf_ask_field_name(i, &help)) != NULL; i++)
		print_named(name, help, 12);
	return sf_exit_printed();
}

static void print_option(const char *name, const char *value)
{
	if (value)
		printf(" \\\n    --%s '%s'", name, value);
}

/* Prints recipe and command line together as one command. */
static int print_command(const struct sf_recipe *recipe, const struct sf_options *options)
{
	printf("%s\n\nspanflow show FILE...%s%s", recipe->question,
		options->biflow ? " --biflow" : "", options->share ? " --share" : "");
	print_option("where", options->where);
	print_option("by", options->by);
	print_option("sum", options->sum);
	print_option("having", options->having);
	print_option("top", options->top);
	print_option("bottom", options->bottom);
	print_option("sort", options->sort);
	print_option(
		"baseline", recipe->baseline && !options->baseline ? "FILE" : options->baseline);
	fputs("\n\n", stdout);
	sf_wrap(stdout, recipe->doubts, 0, 0);
	putchar('\n');
	return sf_exit_printed();
}

static void fill(const char **option, const char *value)
{
	if (!*option)
		*option = value;
}

/* Conditions of the recipe and of the command line, both to be met. NULL: no memory. */
static char *both(const char *recipe, const char *line)
{
	char *text;

	if (!recipe || !line)
		return strdup(recipe ? recipe : line ? line : "any");
	return asprintf(&text, "(%s) and (%s)", recipe, line) < 0 ? NULL : text;
}

/* Takes the recipe's options that the command line does not give, but for conditions: both(). */
static void follow(struct sf_options *options, const struct sf_recipe *recipe)
{
	fill(&options->by, recipe->by);
	fill(&options->sum, recipe->sum);
	fill(&options->having, recipe->having);
	fill(&options->sort, recipe->sort);
	if (!options->bottom)
		fill(&options->top, recipe->top);
	options->biflow |= recipe->biflow;
	options->share |= recipe->share;
}

static int answer(struct sf_options *options, const struct sf_recipe *recipe)
{
	if (options->print)
		return print_command(recipe, options);
	if (recipe->baseline && !options->baseline) {
		sf_complain(
			"ask %s needs --baseline FILE: flows from before, which the new ones are "
			"compared with",
			recipe->name);
		return SF_EXIT_USAGE;
	}
	if (options->operands.count == 1) {
		sf_complain("ask %s needs files: flows (IPFIX), captures, or directories of them; "
			    "- is standard input",
			recipe->name);
		return SF_EXIT_USAGE;
	}
	options->operands.items++;
	options->operands.count--;
	return sf_cmd_show(options);
}

int sf_cmd_ask(struct sf_options *options)
{
	const struct sf_strings operands = options->operands;
	const struct sf_recipe *recipe;
	struct sf_error error = { 0 };
	char *where;
	int status;

	if (options->list)
		return list_recipes();
	if (options->list_fields)
		return list_fields();
	if (operands.count == 0) {
		sf_complain("ask needs the name of a question and files: spanflow ask talkers "
			    "flows.ipfix; 'spanflow ask --list' names the questions");
		return SF_EXIT_USAGE;
	}
	recipe = sf_recipe_find(operands.items[0], &error);
	if (!recipe && access(operands.items[0], F_OK) == 0) {
		sf_complain(
			"'%s' is a file or a directory, and the name of a question comes first: "
			"spanflow ask talkers %s; 'spanflow ask --list' names the questions",
			operands.items[0], operands.items[0]);
		return SF_EXIT_USAGE;
	}
	if (!recipe)
		return sf_exit_error(&error);
	where = both(recipe->where, options->where);
	if (!where) {
		sf_complain("no memory for the question");
		return SF_EXIT_FAILED;
	}
	options->where = recipe->where || options->where ? where : NULL;
	follow(options, recipe);
	status = answer(options, recipe);
	options->operands = operands;
	free(where);
	return status;
}
