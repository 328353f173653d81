/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options table as completions for shells. The scripts are committed below
 * packaging/completions, because a cross build cannot run the program; scripts/update-docs writes
 * them.
 */
#include <errno.h>
#include <string.h>

#include "base/url_option.h"
#include "options/options.h"

/* How each shell completes what an option or subcommand wants. */
enum want { WANT_NOTHING, WANT_TEXT, WANT_CHOICE, WANT_FILE, WANT_INTERFACE, WANT_USER };

static enum want wanted(const struct sf_option *option)
{
	if (!option->metavar)
		return WANT_NOTHING;
	if (option->choices)
		return WANT_CHOICE;
	if (strcmp(option->metavar, "FILE") == 0)
		return WANT_FILE;
	if (strcmp(option->metavar, "SOURCE") == 0)
		return WANT_INTERFACE;
	return strcmp(option->name, "user") == 0 ? WANT_USER : WANT_TEXT;
}

/* The next option of a subcommand from `option` on, or NULL. */
static const struct sf_option *of_command(
	const struct sf_option *option, const struct sf_command *command)
{
	while (option->name && !(option->commands & command->id))
		option++;
	return option->name ? option : NULL;
}

static void print_choices(const struct sf_option *option, FILE *stream)
{
	for (const struct sf_choice *choice = option->choices; choice->name; choice++)
		fprintf(stream, "%s%s", choice == option->choices ? "" : " ", choice->name);
}

/* The options that follow after commas, each with its =. */
static void print_url_options(const struct sf_option *option, const char *between, FILE *stream)
{
	const char *separator = "";

	for (unsigned i = 0; i < SF_URL_OPTIONS; i++)
		if (sf_url_options[i].applies & option->url_options) {
			fprintf(stream, "%s%s=", separator, sf_url_options[i].name);
			separator = between;
		}
}

static void print_commands(const struct sf_command *commands, FILE *stream)
{
	for (; commands->name; commands++)
		fprintf(stream, "%s ", commands->name);
}

/*
 * The first sentence of a help text, inside single quotes;
 * characters of `special` get a backslash.
 */
static void print_sentence(const char *text, const char *special, FILE *stream)
{
	for (; *text; text++) {
		if (strchr(".:;", *text) && (text[1] == ' ' || text[1] == '\n' || !text[1]))
			break;
		if (strchr(special, *text))
			fputc('\\', stream);
		if (*text == '\'')
			fputs("'\\''", stream);
		else
			fputc(*text == '\n' ? ' ' : *text, stream);
	}
}

/* bash: what follows an option, a branch of `case $previous`. */
static void bash_value(const struct sf_option *option, FILE *stream)
{
	enum want want = wanted(option);

	if (want == WANT_NOTHING)
		return;
	fputs("\t\t", stream);
	if (option->letter)
		fprintf(stream, "-%c | ", option->letter);
	fprintf(stream, "--%s) ", option->name);
	if (want == WANT_CHOICE) {
		fputs("_spanflow_words '", stream);
		print_choices(option, stream);
		fputs("'; ", stream);
	} else if (option->url_options && want == WANT_TEXT) {
		fputs("_spanflow_commas '", stream);
		print_url_options(option, " ", stream);
		fputs("'; ", stream);
	} else if (want != WANT_TEXT) {
		fprintf(stream, "%s; ",
			want == WANT_FILE        ? "_spanflow_files"
			: want == WANT_INTERFACE ? "_spanflow_words \"$(ls /sys/class/net)\""
						 : "_spanflow_words \"$(compgen -u)\"");
	}
	fputs("return ;;\n", stream);
}

static void bash_command(
	const struct sf_command *command, const struct sf_option *table, FILE *stream)
{
	const struct sf_option *option = table;

	fprintf(stream, "\t%s)\n\t\tcase $previous in\n", command->name);
	for (; (option = of_command(option, command)); option++)
		bash_value(option, stream);
	fputs("\t\tesac\n\t\toptions='", stream);
	for (option = table; (option = of_command(option, command)); option++) {
		fputs("\n\t\t\t", stream);
		if (option->letter)
			fprintf(stream, "-%c ", option->letter);
		fprintf(stream, "--%s", option->name);
	}
	fprintf(stream, "'\n\t\t%soperands='%s' ;;\n",
		command->then_files ? "((COMP_CWORD == 2)) && " : "",
		command->operands ? command->operands : "");
}

static void complete_bash(
	const struct sf_command *commands, const struct sf_option *table, FILE *stream)
{
	fputs("# SPDX-License-Identifier: BSD-2-Clause\n"
	      "# shellcheck shell=bash disable=SC2034,SC2207\n"
	      "# Completion of spanflow(1) for bash; written by scripts/update-docs.\n"
	      "_spanflow_words() {\n\tCOMPREPLY=($(compgen -W \"$1\" -- \"$current\"))\n}\n"
	      "_spanflow_files() {\n\tcompopt -o filenames 2>/dev/null\n"
	      "\tmapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n}\n"
	      "_spanflow_commas() {\n\tlocal word\n\t[[ $current == *,* ]] || return\n"
	      "\tcompopt -o nospace 2>/dev/null\n"
	      "\tfor word in $1; do\n\t\t[[ $word == \"${current##*,}\"* ]] &&\n"
	      "\t\t\tCOMPREPLY+=(\"${current%,*},$word\")\n\tdone\n}\n"
	      "_spanflow() {\n\tlocal current=${COMP_WORDS[COMP_CWORD]} "
	      "previous=${COMP_WORDS[COMP_CWORD-1]}\n"
	      "\tlocal options='' operands=''\n\tCOMPREPLY=()\n"
	      "\tif ((COMP_CWORD == 1)); then\n\t\t_spanflow_words '",
		stream);
	print_commands(commands, stream);
	fputs("help --help --version'\n\t\treturn\n\tfi\n\tcase ${COMP_WORDS[1]} in\n\thelp)\n"
	      "\t\toperands='",
		stream);
	print_commands(commands, stream);
	fputs("' ;;\n", stream);
	for (const struct sf_command *command = commands; command->name; command++)
		bash_command(command, table, stream);
	fputs("\tesac\n\tif [[ $current == -* ]]; then\n\t\t_spanflow_words \"$options\"\n"
	      "\telif [[ $operands ]]; then\n\t\t_spanflow_words \"$operands\"\n"
	      "\telse\n\t\t_spanflow_files\n\tfi\n}\ncomplete -F _spanflow spanflow\n",
		stream);
}

/* zsh: one argument of _arguments, as '(-q --quiet)'{-q,--quiet}'[help]:VALUE:action'. */
static void zsh_option(const struct sf_option *option, FILE *stream)
{
	static const char *const actions[] = { [WANT_TEXT] = " ",
		[WANT_FILE] = "_files",
		[WANT_INTERFACE] = "_net_interfaces",
		[WANT_USER] = "_users" };
	const char *many = option->type == SF_OPTION_STRINGS ? "*" : "";
	enum want want = wanted(option);

	if (option->letter)
		fprintf(stream, "\t\t\t'%s'{-%c,--%s}'[", many, option->letter, option->name);
	else
		fprintf(stream, "\t\t\t'%s--%s[", many, option->name);
	print_sentence(option->help, "[]:\\", stream);
	fputc(']', stream);
	if (want != WANT_NOTHING) {
		fputc(':', stream);
		print_sentence(option->metavar, "[]:\\", stream);
		if (want == WANT_CHOICE) {
			fputs(":(", stream);
			print_choices(option, stream);
			fputc(')', stream);
		} else if (option->url_options && want == WANT_TEXT) {
			fputs(":{compset -P \"*,\" && compadd -S \"\" -- ", stream);
			print_url_options(option, " ", stream);
			fputc('}', stream);
		} else {
			fprintf(stream, ":%s", actions[want]);
		}
	}
	fputs("' \\\n", stream);
}

static void complete_zsh(
	const struct sf_command *commands, const struct sf_option *table, FILE *stream)
{
	fputs("#compdef spanflow\n# SPDX-License-Identifier: BSD-2-Clause\n"
	      "# Completion of spanflow(1) for zsh; written by scripts/update-docs.\n"
	      "_spanflow() {\n\tlocal -a commands=(\n",
		stream);
	for (const struct sf_command *command = commands; command->name; command++)
		fprintf(stream, "\t\t'%s:%s'\n", command->name, command->summary);
	fputs("\t\t'help:the options of a subcommand'\n\t)\n"
	      "\tif ((CURRENT == 2)); then\n\t\t_describe subcommand commands\n"
	      "\t\t_arguments --help --version\n\t\treturn\n\tfi\n"
	      "\tlocal command=$words[2]\n\tshift words\n\t((CURRENT--))\n\tcase $command in\n"
	      "\thelp) _describe subcommand commands ;;\n",
		stream);
	for (const struct sf_command *command = commands; command->name; command++) {
		fprintf(stream, "\t%s)\n\t\t_arguments -s -S \\\n", command->name);
		for (const struct sf_option *option = table; (option = of_command(option, command));
			option++)
			zsh_option(option, stream);
		if (command->operands)
			fprintf(stream, "\t\t\t'%c: :(%s)'%s", command->then_files ? '1' : '*',
				command->operands, command->then_files ? " \\\n" : " ;;\n");
		if (!command->operands || command->then_files)
			fputs("\t\t\t'*:FILE:_files' ;;\n", stream);
	}
	fputs("\tesac\n}\n_spanflow \"$@\"\n", stream);
}

static void fish_option(
	const struct sf_command *command, const struct sf_option *option, FILE *stream)
{
	enum want want = wanted(option);

	fprintf(stream, "complete -c spanflow -n '__fish_seen_subcommand_from %s' -l %s",
		command->name, option->name);
	if (option->letter)
		fprintf(stream, " -s %c", option->letter);
	if (want == WANT_FILE)
		fputs(" -rF", stream);
	else if (want != WANT_NOTHING)
		fputs(" -x", stream);
	if (want == WANT_INTERFACE)
		fputs(" -a '(ls /sys/class/net)'", stream);
	if (want == WANT_USER)
		fputs(" -a '(__fish_complete_users)'", stream);
	if (option->url_options && want == WANT_TEXT) {
		fputs(" -a '(string match -r \".*,\" -- (commandline -ct)){", stream);
		print_url_options(option, ",", stream);
		fputs("}'", stream);
	}
	if (want == WANT_CHOICE) {
		fputs(" -a '", stream);
		print_choices(option, stream);
		fputc('\'', stream);
	}
	fputs(" -d '", stream);
	print_sentence(option->help, "\\", stream);
	fputs("'\n", stream);
}

static void complete_fish(
	const struct sf_command *commands, const struct sf_option *table, FILE *stream)
{
	fputs("# SPDX-License-Identifier: BSD-2-Clause\n"
	      "# Completion of spanflow(1) for fish; written by scripts/update-docs.\n",
		stream);
	for (const struct sf_command *command = commands; command->name; command++) {
		fprintf(stream, "complete -c spanflow -n __fish_use_subcommand -f -a %s -d '",
			command->name);
		print_sentence(command->summary, "\\", stream);
		fputs("'\n", stream);
		if (command->operands)
			fprintf(stream,
				"complete -c spanflow -n '__fish_seen_subcommand_from %s%s' -f -a "
				"'%s'\n",
				command->name,
				command->then_files ? "; and test (count (commandline -opc)) -eq 2"
						    : "",
				command->operands);
		for (const struct sf_option *option = table; (option = of_command(option, command));
			option++)
			fish_option(command, option, stream);
	}
	fputs("complete -c spanflow -n __fish_use_subcommand -f -a help -d 'the options of a "
	      "subcommand'\ncomplete -c spanflow -n '__fish_seen_subcommand_from help' -f -a '",
		stream);
	print_commands(commands, stream);
	fputs("'\ncomplete -c spanflow -n __fish_use_subcommand -f -l version -d 'Print the "
	      "version'\n",
		stream);
}

int sf_completion(const char *shell, const struct sf_command *commands,
	const struct sf_option *table, FILE *stream)
{
	if (strcmp(shell, "bash") == 0)
		complete_bash(commands, table, stream);
	else if (strcmp(shell, "zsh") == 0)
		complete_zsh(commands, table, stream);
	else if (strcmp(shell, "fish") == 0)
		complete_fish(commands, table, stream);
	else
		return SF_EUSAGE;
	return fflush(stream) == 0 && !ferror(stream) ? 0 : -EIO;
}
