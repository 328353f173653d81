/* SPDX-License-Identifier: BSD-2-Clause */
/* spanflow: finds the subcommand, parses its options, runs it. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "ask/recipe.h"
#include "base/secure.h"
#include "base/suggest.h"
#include "cli/command.h"
#include "metrics/counters.h"
#include "service/stream.h"

#include "spanflow_config.h"

static const char *command_name(const void *context, unsigned i)
{
	return ((const struct sf_command *)context)[i].name;
}

static const struct sf_command *find_command(const char *name)
{
	for (const struct sf_command *command = sf_commands; command->name; command++)
		if (strcmp(command->name, name) == 0)
			return command;
	return NULL;
}

static int unknown_command(const char *name)
{
	const char *near = sf_suggest(name, command_name, sf_commands);

	if (sf_recipe_find(name, &(struct sf_error){ 0 }))
		sf_complain("'%s' is a question: spanflow ask %s FILE...", name, name);
	else if (access(name, F_OK) == 0)
		sf_complain(
			"'%s' is a file or a directory, and a subcommand comes first: spanflow "
			"show %s, spanflow ask talkers %s; 'spanflow --help' lists the subcommands",
			name, name, name);
	else if (near)
		sf_complain("unknown subcommand '%s': did you mean %s?", name, near);
	else
		sf_complain(
			"unknown subcommand '%s': 'spanflow --help' lists the subcommands", name);
	return SF_EXIT_USAGE;
}

static int print_help(const struct sf_command *command)
{
	if (command)
		sf_help_command(command, sf_option_table, stdout);
	else
		sf_help_program(sf_commands, stdout);
	return sf_exit_printed();
}

static int print_version(void)
{
	puts("spanflow " SPANFLOW_VERSION);
	return sf_exit_printed();
}

/* `spanflow meter help`: unless it is the name of a file. */
static bool is_help(const struct sf_options *options)
{
	return options->operands.count == 1 && strcmp(options->operands.items[0], "help") == 0 &&
	       access("help", F_OK) != 0;
}

static int run_command(const struct sf_command *command, int argc, char **argv)
{
	struct sf_error error = { 0 };
	struct sf_options options;
	int status = SF_EXIT_OK;

	if (sf_options_parse(&options, sf_option_table, command, argc, argv, &error))
		status = sf_exit_error(&error);
	else if (options.help || is_help(&options))
		status = print_help(command);
	else if (options.version)
		status = print_version();
	else
		status = command->run(&options);
	sf_options_fini(&options, sf_option_table);
	return status;
}

static int help(int argc, char **argv)
{
	const struct sf_command *command = argc > 2 ? find_command(argv[2]) : NULL;

	if (argc > 2 && !command)
		return unknown_command(argv[2]);
	return print_help(command);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	const struct sf_command *command = find_command(name);

	if (!sf_secure_environment() || !sf_hold_standard_streams())
		return SF_EXIT_FAILED;
	/* a closed pipe is an error of the write that meets it, counted like any other */
	signal(SIGPIPE, SIG_IGN);
	if (command)
		return run_command(command, argc - 2, argv + 2);
	if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		return help(argc, argv);
	if (strcmp(name, "version") == 0 || strcmp(name, "--version") == 0 ||
		strcmp(name, "-V") == 0)
		return print_version();
	/* for the build: docs/spanflow.1.in on standard input, the man page on standard output */
	if (strcmp(name, "--generate-man") == 0)
		return sf_man_page(sf_commands, sf_option_table, stdin, stdout) ? SF_EXIT_FAILED
										: 0;
	/* for scripts/update-docs */
	if (strcmp(name, "--generate-completion") == 0 && argc == 3)
		return sf_completion(argv[2], sf_commands, sf_option_table, stdout) ? SF_EXIT_FAILED
										    : 0;
	if (strcmp(name, "--generate-metrics") == 0) {
		sf_counters_page(stdout);
		return sf_exit_printed();
	}
	if (*name)
		return unknown_command(name);
	sf_help_program(sf_commands, stderr);
	return SF_EXIT_USAGE;
}
