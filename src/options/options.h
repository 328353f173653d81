/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line as data. One table of rows says for each option its name, type, range,
 * default, unit and help; from it come the parser, the suggestions for mistyped names, `--help`,
 * the keys of the configuration file and the OPTIONS section of the man page. A new option is one
 * row here and one member of struct sf_options.
 */
#ifndef SPANFLOW_OPTIONS_OPTIONS_H
#define SPANFLOW_OPTIONS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <spanflow/error.h>
#include <spanflow/sampling.h>
#include <spanflow/tunnel.h>

/* Subcommands an option belongs to. */
enum {
	SF_METER = 0x01,
	SF_LIST = 0x02,
	SF_SHOW = 0x04,
	SF_COLLECT = 0x08,
	SF_CHECK = 0x10,
	SF_REPORT = 0x20,
	SF_QUESTION = 0x40, /* spanflow ask */
	/* those whose FILEs may be captures, which are metered on the way */
	SF_CAPTURES = SF_SHOW | SF_REPORT | SF_QUESTION,
};

struct sf_strings {
	const char **items;
	unsigned count;
	bool from_file; /* the configuration file gave them: the command line replaces them */
};

struct sf_seed {
	bool set;
	uint64_t words[2];
};

enum sf_output {
	SF_OUTPUT_DEFAULT,
	SF_OUTPUT_TABLE,
	SF_OUTPUT_JSON,
	SF_OUTPUT_CSV,
	SF_OUTPUT_HTML, /* meter only */
	SF_OUTPUT_NONE
};
/* What is lost when the spool is full. */
enum sf_spool_drop { SF_SPOOL_DROP_OLDEST, SF_SPOOL_DROP_NEWEST };

enum sf_stats_format { SF_STATS_DEFAULT, SF_STATS_TEXT, SF_STATS_JSON, SF_STATS_NONE };
enum sf_fragments_mode { SF_FRAGMENTS_JOIN, SF_FRAGMENTS_SPLIT };
enum sf_hash { SF_HASH_FAST, SF_HASH_SIPHASH };

/* Everything that can be asked for, by any subcommand. Times in ns. */
struct sf_options {
	/* input */
	struct sf_strings interfaces;
	struct sf_strings files;
	const char *filter;
	uint64_t count;
	int64_t duration_ns;
	bool realtime;
	int64_t switch_time_ns;  /* 0: not given */
	const char *start, *end; /* as sf_time_parse() takes them */
	/* collecting process */
	struct sf_strings listen;
	int64_t idle_exit_ns;
	bool show_options;
	/* live capture */
	uint64_t workers;
	bool workers_independent;
	bool pin;
	bool dedup;
	uint64_t dedup_window_ns;
	bool meter_own_export;
	int direction; /* enum sf_direction */
	uint64_t snaplen;
	uint64_t ring_size;
	bool immediate;
	bool no_promiscuous;
	bool hardware_time;
	bool keep_offloads;
	bool keep_link;
	bool no_wait;
	bool set_rss;
	const char *driver_options;
	const char *fields;
	const char *user;
	bool no_sandbox;
	/* metering process */
	int64_t active_timeout_ns; /* 0: never */
	int64_t idle_timeout_ns;   /* 0: never */
	uint64_t max_flows;
	uint64_t key; /* SF_KEY_… */
	struct sf_sampling sampling;
	struct sf_tunnel_options tunnels;
	int fragments;    /* enum sf_fragments_mode */
	int applications; /* enum sf_applications */
	bool per_packet;
	int hash; /* enum sf_hash */
	struct sf_seed hash_seed;
	bool prealloc;
	uint64_t domain;
	/* questions */
	const char *where, *by, *sum, *top, *bottom, *having, *sort, *columns;
	int64_t every_ns;
	bool spread, share;
	uint64_t limit, memory;
	struct sf_strings pass, fail;
	/* the page of report */
	const char *page;
	const char *title;
	bool anonymize;
	int64_t refresh_ns; /* 0: once */
	const char *baseline;
	bool list, list_fields, print; /* ask */
	/* exporting process */
	struct sf_strings enrich;
	const char *interface_map, *local_net;
	int egress; /* enum sf_enrich_egress */
	struct sf_strings collectors;
	struct sf_strings write;
	bool balance, fail_over;
	bool force;
	int output; /* enum sf_output */
	bool biflow;
	bool local_time, wide;
	uint64_t queue_size;
	int fold;            /* enum sf_fold_mode */
	const char *on_file; /* command; NULL: none */
	const char *spool;   /* directory; NULL: none */
	uint64_t spool_max;
	int spool_drop; /* enum sf_spool_drop */
	int64_t stop_timeout_ns;
	/* the program itself */
	int stats; /* enum sf_stats_format */
	const char *metrics;
	bool quiet;
	bool fail_on_loss;
	const char *config;
	bool help, version;
	/* arguments that belong to no option */
	struct sf_strings operands;
	struct sf_strings owned; /* texts of the configuration file */
	struct sf_strings given; /* long names of options that were given: sf_option_given() */
};

enum sf_option_type {
	SF_OPTION_FLAG,     /* bool; `--x`, `--x=no` */
	SF_OPTION_NUMBER,   /* uint64_t; k, M, G = powers of 1000 */
	SF_OPTION_DURATION, /* int64_t ns; ms, s, m, h, d; bare numbers are seconds */
	SF_OPTION_STRING,   /* const char * */
	SF_OPTION_SIZE,     /* uint64_t: bytes */
	SF_OPTION_STRINGS,  /* struct sf_strings: repeatable */
	SF_OPTION_CHOICE,   /* int: one of `choices` */
	SF_OPTION_SET,      /* uint64_t: +part,-part changes the default; a bare list replaces it */
	SF_OPTION_SEED,     /* struct sf_seed: up to 32 hexadecimal digits */
	SF_OPTION_OWN,      /* `read` of the row reads it; repeatable */
};

struct sf_choice {
	const char *name; /* NULL ends the list */
	uint64_t value;
};

struct sf_option {
	const char *section; /* heading in --help and the man page */
	char letter;         /* 0: only the long name */
	const char *name;    /* long name and configuration key; NULL ends the table */
	enum sf_option_type type;
	size_t offset;     /* of the target in struct sf_options */
	unsigned commands; /* SF_METER | … */
	const char *metavar;
	const char *initial; /* default, as one would type it; NULL: unset */
	/* NUMBER, SIZE, DURATION (ns): the range; STRINGS: how many. max 0: no upper bound */
	uint64_t min, max;
	const struct sf_choice *choices;
	/* OWN: changes the target. 0, or SF_EUSAGE with a message that names the option */
	int (*read)(void *target, const char *text, struct sf_error *error);
	/* SF_URL_TO_… ored: options that follow after commas (base/url_option.h) */
	unsigned url_options;
	bool not_in_file; /* makes no sense as a configuration key */
	bool takes_words; /* STRINGS: words that begin no option belong to the last such one */
	const char *help; /* one paragraph */
};

extern const struct sf_option sf_option_table[];

/* The member of `options` that the row sets; its type is that of the row. */
static inline void *sf_option_target(struct sf_options *options, const struct sf_option *option)
{
	return (char *)options + option->offset;
}

/* A subcommand. */
struct sf_command {
	const char *name; /* NULL ends the table */
	unsigned id;      /* SF_METER … */
	const char *synopsis;
	const char *summary;     /* one line, no full stop */
	const char *text;        /* paragraphs for --help and the man page */
	const char *examples[4]; /* a comment, a line end, a command; for the end of --help */
	int (*run)(struct sf_options *options);
	const char *operands; /* the words it takes, separated by spaces; NULL: files */
	bool then_files;      /* only the first operand is such a word, files follow it */
};

extern const struct sf_command sf_commands[];

/*
 * Fills `options` (zeroed first) from the defaults, then the configuration file if --config is
 * given, then argv[0 … argc-1] (without the program's and the subcommand's name). Strings are
 * lent from argv or owned by the object. SF_EUSAGE names option, value and what is allowed.
 */
int sf_options_parse(struct sf_options *options, const struct sf_option *table,
	const struct sf_command *command, int argc, char **argv, struct sf_error *error);

void sf_options_fini(struct sf_options *options, const struct sf_option *table);

/* Sets one option from text: the way of command line, configuration file and defaults alike. */
int sf_option_set(struct sf_options *options, const struct sf_option *option, const char *text,
	struct sf_error *error);

/*
 * Reads `key = value` lines: keys are long names, repeatable ones may occur again, flags take yes
 * or no. `#` and `;` begin a comment: at the begin of a line, or behind a value and a space. A
 * value in single or double quotes is what stands between them. After a `[subcommand]` line keys
 * belong to that subcommand only. SF_EUSAGE or a system error, with file and line in `error`.
 */
int sf_options_read_file(struct sf_options *options, const struct sf_option *table,
	const struct sf_command *command, const char *path, struct sf_error *error);

/*
 * sf_option_set() for an option that the command line or the configuration file gives;
 * sf_option_given() then knows its long name, also if the value is the default.
 */
int sf_option_give(struct sf_options *options, const struct sf_option *option, const char *text,
	struct sf_error *error);
bool sf_option_given(const struct sf_options *options, const char *name);

/* The row of a subcommand's option by long name, or NULL. */
const struct sf_option *sf_option_find(
	const struct sf_option *table, unsigned commands, const char *name);

/*
 * Says that the subcommand has no such option (`dashes` "--" or "-") or configuration key (""),
 * and what may have been meant.
 */
int sf_option_unknown(const struct sf_option *table, const struct sf_command *command,
	const char *dashes, const char *name, struct sf_error *error);

/* Appends a text, which is lent. 0 or -ENOMEM. */
int sf_strings_add(struct sf_strings *strings, const char *item);

/* --help of one subcommand, of the program, and the OPTIONS section of the man page. */
void sf_help_command(const struct sf_command *command, const struct sf_option *table, FILE *stream);
void sf_help_program(const struct sf_command *commands, FILE *stream);

/*
 * Copies a man page from `from` to `to`, replacing each line `@options NAME@` by the description
 * of a subcommand's options, `@commands@` by the list of subcommands, `@version@` anywhere.
 */
int sf_man_page(
	const struct sf_command *commands, const struct sf_option *table, FILE *from, FILE *to);

/* complete.c: the completions of subcommands and options for a shell: bash, zsh or fish. */
int sf_completion(const char *shell, const struct sf_command *commands,
	const struct sf_option *table, FILE *stream);

#endif
