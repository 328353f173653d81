/* SPDX-License-Identifier: BSD-2-Clause */
/* The options parser, on a small table of its own. */
#include <string.h>
#include <unistd.h>

#include "check_main.h"
#include "options/options.h"

#define AT(member) offsetof(struct sf_options, member)
#define S          INT64_C(1000000000)

enum { FIRST = SF_METER, SECOND = SF_SHOW };

static const struct sf_choice formats[] = { { "table", 1 }, { "json", 2 }, { NULL } };
static const struct sf_choice parts[] = { { "a", 1 }, { "b", 2 }, { "c", 4 }, { NULL } };

static const struct sf_option table[] = {
	{ "S", 'i', "interface", SF_OPTION_STRINGS, AT(interfaces), FIRST, "SOURCE",
		.takes_words = true, .help = "x" },
	{ "S", 'r', "read", SF_OPTION_STRINGS, AT(files), FIRST, "FILE", .takes_words = true,
		.help = "x" },
	{ "S", 'e', "export", SF_OPTION_STRINGS, AT(collectors), FIRST, "COLLECTOR", .help = "x" },
	{ "S", 'c', "count", SF_OPTION_NUMBER, AT(count), FIRST, "N", .min = 1, .help = "x" },
	{ "S", 0, "idle-timeout", SF_OPTION_DURATION, AT(idle_timeout_ns), FIRST, "TIME", "15s",
		.max = 86400 * S, .help = "x" },
	{ "S", 'o', "output", SF_OPTION_CHOICE, AT(output), FIRST, "FORMAT", .choices = formats,
		.help = "x" },
	{ "S", 0, "key", SF_OPTION_SET, AT(key), FIRST, "PARTS", "a,b", .choices = parts,
		.help = "x" },
	{ "S", 0, "hash-seed", SF_OPTION_SEED, AT(hash_seed), FIRST, "HEX", .help = "x" },
	{ "S", 'w', "write", SF_OPTION_STRINGS, AT(write), FIRST, "FILE", .help = "x" },
	{ "S", 'q', "quiet", SF_OPTION_FLAG, AT(quiet), FIRST | SECOND, .help = "x" },
	{ "S", 0, "biflow", SF_OPTION_FLAG, AT(biflow), FIRST, .help = "x" },
	{ "S", 'l', "listen", SF_OPTION_STRINGS, AT(listen), FIRST, "URL", .max = 2, .help = "x" },
	{ "S", 0, "ring-size", SF_OPTION_SIZE, AT(ring_size), FIRST, "BYTES",
		.min = UINT64_C(1) << 20, .max = UINT64_C(1) << 30, .help = "x" },
	{ "S", 0, "config", SF_OPTION_STRING, AT(config), FIRST, "FILE", .not_in_file = true,
		.help = "x" },
	{ "S", 'h', "help", SF_OPTION_FLAG, AT(help), FIRST | SECOND, .not_in_file = true,
		.help = "x" },
	{ NULL },
};

static const struct sf_command first = { "first", FIRST, "", "", "", { NULL }, NULL };
static const struct sf_command second = { "second", SECOND, "", "", "", { NULL }, NULL };

static struct sf_options options;
static struct sf_error error;

static int parse(const struct sf_command *command, char **words)
{
	int count = 0;

	while (words[count])
		count++;
	memset(&error, 0, sizeof(error));
	return sf_options_parse(&options, table, command, count, words, &error);
}

#define PARSE(command, ...) parse(&(command), (char *[]){ __VA_ARGS__, NULL })

/* Parses, expects a usage error that says so. */
#define REFUSED(call, said)                                                                        \
	do {                                                                                       \
		ck_assert_int_eq(call, SF_EUSAGE);                                                 \
		ck_assert_int_eq(error.code, SF_EUSAGE);                                           \
		ck_assert_msg(strstr(error.text, said) != NULL, "%s", error.text);                 \
		sf_options_fini(&options, table);                                                  \
	} while (0)

START_TEST(forms_of_options)
{
	ck_assert_int_eq(PARSE(first, "-c", "5", "--output=json", "-qwout", "--biflow"), 0);
	ck_assert_uint_eq(options.count, 5);
	ck_assert_int_eq(options.output, 2);
	ck_assert(options.quiet && options.biflow);
	ck_assert_str_eq(options.write.items[0], "out");
	sf_options_fini(&options, table);

	ck_assert_int_eq(PARSE(first, "-c5", "--output", "table", "--biflow", "--biflow=no"), 0);
	ck_assert_uint_eq(options.count, 5);
	ck_assert_int_eq(options.output, 1);
	ck_assert(!options.biflow);
	sf_options_fini(&options, table);
}
END_TEST

START_TEST(words_belong_to_the_last_list)
{
	ck_assert_int_eq(PARSE(first, "-r", "a", "b", "-q", "c", "--", "-d"), 0);
	ck_assert_uint_eq(options.files.count, 4);
	ck_assert_str_eq(options.files.items[2], "c");
	ck_assert_str_eq(options.files.items[3], "-d");
	ck_assert_uint_eq(options.operands.count, 0);
	sf_options_fini(&options, table);

	/* those that take words, not whatever may be repeated */
	ck_assert_int_eq(PARSE(first, "-r", "a", "-e", "c", "b"), 0);
	ck_assert_uint_eq(options.files.count, 2);
	ck_assert_str_eq(options.files.items[1], "b");
	ck_assert_uint_eq(options.collectors.count, 1);
	sf_options_fini(&options, table);
	ck_assert_int_eq(PARSE(first, "-e", "c", "b"), 0);
	ck_assert_uint_eq(options.operands.count, 1);
	sf_options_fini(&options, table);

	ck_assert_int_eq(PARSE(first, "x", "-r", "-"), 0);
	ck_assert_uint_eq(options.operands.count, 1);
	ck_assert_str_eq(options.files.items[0], "-");
	sf_options_fini(&options, table);
}
END_TEST

START_TEST(lists_may_be_bounded)
{
	ck_assert_int_eq(PARSE(first, "-l", "a", "-l", "b"), 0);
	ck_assert_uint_eq(options.listen.count, 2);
	sf_options_fini(&options, table);
	REFUSED(PARSE(first, "-l", "a", "-l", "b", "-l", "c"),
		"--listen c: the option can be given at most 2 times");
}
END_TEST

START_TEST(durations)
{
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {
		{ "15", 15 * S },
		{ "15s", 15 * S },
		{ "0", 0 },
		{ "500ms", S / 2 },
		{ "2m", 120 * S },
		{ "1.5s", S * 3 / 2 },
		{ "24h", 86400 * S },
		{ "1d", 86400 * S },
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_msg(PARSE(first, "--idle-timeout", (char *)good[i].text) == 0, "%s: %s",
			good[i].text, error.text);
		ck_assert_int_eq(options.idle_timeout_ns, good[i].ns);
		sf_options_fini(&options, table);
	}
	REFUSED(PARSE(first, "--idle-timeout", "25h"),
		"--idle-timeout: 25h is out of range: 0d to 1d");
	REFUSED(PARSE(first, "--idle-timeout", "3x"), "'3x' is not a duration");
	REFUSED(PARSE(first, "--idle-timeout", ""), "is not a duration");
	REFUSED(PARSE(first, "--idle-timeout", "-1"), "is not a duration");
	REFUSED(PARSE(first, "--idle-timeout", "1."), "is not a duration");
	REFUSED(PARSE(first, "--idle-timeout", "99999999999999999999"), "is not a duration");
}
END_TEST

START_TEST(numbers)
{
	ck_assert_int_eq(PARSE(first, "-c", "2k"), 0);
	ck_assert_uint_eq(options.count, 2000);
	sf_options_fini(&options, table);
	ck_assert_int_eq(PARSE(first, "-c", "1.5M"), 0);
	ck_assert_uint_eq(options.count, 1500000);
	sf_options_fini(&options, table);
	ck_assert_int_eq(PARSE(first, "-c", "18446744073709551615"), 0);
	ck_assert_uint_eq(options.count, UINT64_MAX);
	sf_options_fini(&options, table);
	REFUSED(PARSE(first, "-c", "0"), "--count: 0 is out of range: at least 1");
	REFUSED(PARSE(first, "-c", "1.5"), "'1.5' is not a whole number");
	REFUSED(PARSE(first, "-c", "18446744073709551616"), "is not a whole number");
	REFUSED(PARSE(first, "-c", "20000000000G"), "is not a whole number");
	REFUSED(PARSE(first, "-c", "0x10"), "is not a whole number");
}
END_TEST

START_TEST(sets_and_seeds)
{
	ck_assert_int_eq(PARSE(first, "-q"), 0);
	ck_assert_uint_eq(options.key, 3);
	ck_assert(!options.hash_seed.set);
	sf_options_fini(&options, table);
	ck_assert_int_eq(PARSE(first, "--key", "+c,-a"), 0);
	ck_assert_uint_eq(options.key, 6);
	sf_options_fini(&options, table);
	ck_assert_int_eq(PARSE(first, "--key=c"), 0);
	ck_assert_uint_eq(options.key, 4);
	sf_options_fini(&options, table);
	REFUSED(PARSE(first, "--key", "+x"), "--key: 'x' is not one of a, b, c");
	REFUSED(PARSE(first, "--key", "-a,-b"),
		"--key: '-a,-b' leaves no part of the key; at least one is needed");
	REFUSED(PARSE(first, "--key", "a,"), "--key: '' is not one of");

	ck_assert_int_eq(PARSE(first, "--hash-seed", "10000000000000002"), 0);
	ck_assert(options.hash_seed.set);
	ck_assert_uint_eq(options.hash_seed.words[0], 2);
	ck_assert_uint_eq(options.hash_seed.words[1], 1);
	sf_options_fini(&options, table);
	REFUSED(PARSE(first, "--hash-seed", "xyz"), "hexadecimal");
}
END_TEST

START_TEST(mistakes_get_suggestions)
{
	REFUSED(PARSE(first, "--idel-timeout", "1"), "did you mean --idle-timeout?");
	REFUSED(PARSE(first, "--idle", "1"), "did you mean --idle-timeout?");
	REFUSED(PARSE(first, "-o", "jsno"), "is not one of table, json (did you mean json?)");
	REFUSED(PARSE(first, "--zzzzzzzzz"), "'spanflow first --help' lists all");
	REFUSED(PARSE(first, "-z"), "unknown option -z");
	REFUSED(PARSE(first, "-c"), "--count needs a value: --count N");
	REFUSED(PARSE(first, "--biflow=maybe"), "--biflow: 'maybe' is not yes or no");
	REFUSED(PARSE(first, "-w", ""), "--write: its value is empty; expected: FILE");
	REFUSED(PARSE(second, "--write", "x"), "--write belongs to 'spanflow meter', not to");
}
END_TEST

START_TEST(help_needs_nothing_else)
{
	ck_assert_int_eq(PARSE(first, "-h"), 0);
	ck_assert(options.help);
	sf_options_fini(&options, table);
}
END_TEST

/* Writes a configuration file and parses with it. */
START_TEST(sizes)
{
	static const struct {
		char *text;
		uint64_t bytes;
	} rows[] = { { "1MiB", 1 << 20 }, { "1.5MiB", 3 << 19 }, { "1024KiB", 1 << 20 },
		{ "1GiB", 1 << 30 }, { "2M", 2000000 }, { "2MB", 2000000 }, { "2000k", 2000000 },
		{ "1048576", 1 << 20 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_int_eq(PARSE(first, "--ring-size", rows[i].text), 0);
		ck_assert_uint_eq(options.ring_size, rows[i].bytes);
		sf_options_fini(&options, table);
	}
	REFUSED(PARSE(first, "--ring-size", "1M"),
		"--ring-size: 1M is 1000000 bytes, out of range: 1 MiB to 1 GiB (1 MiB is 1048576 "
		"bytes, 1M is 1000000)");
	REFUSED(PARSE(first, "--ring-size", "1.5GiB"), "1 MiB to 1 GiB");
	REFUSED(PARSE(first, "--ring-size", "much"),
		"'much' is not a number of bytes, such as 512KiB, 32MiB or 1G");
	/* a number that is no size takes no KiB */
	REFUSED(PARSE(first, "-c", "1KiB"), "'1KiB' is not a whole number");
}
END_TEST

START_TEST(words_are_taken_as_people_write_them)
{
	static char *const yes[] = { "yes", "true", "on", "1", "Yes", "TRUE" };
	static char *const no[] = { "no", "false", "off", "0" };
	char word[32];

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		snprintf(word, sizeof(word), "--biflow=%s", yes[i]);
		ck_assert_int_eq(PARSE(first, word), 0);
		ck_assert(options.biflow);
		sf_options_fini(&options, table);
	}
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		snprintf(word, sizeof(word), "--biflow=%s", no[i]);
		ck_assert_int_eq(PARSE(first, "--biflow", word), 0);
		ck_assert(!options.biflow);
		sf_options_fini(&options, table);
	}
	REFUSED(PARSE(first, "--biflow=perhaps"), "--biflow: 'perhaps' is not yes or no");
	ck_assert_int_eq(PARSE(first, "-o", "JSON"), 0);
	ck_assert_int_eq(options.output, 2);
	sf_options_fini(&options, table);
}
END_TEST

static int with_file(const char *text, char **words)
{
	char path[] = "/tmp/test_options.XXXXXX";
	char *all[16] = { "--config", path };
	int fd = mkstemp(path), err;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	for (int i = 0; words[i]; i++)
		all[i + 2] = words[i];
	err = parse(&first, all);
	unlink(path);
	return err;
}

#define WITH_FILE(text, ...) with_file(text, (char *[]){ __VA_ARGS__, NULL })

START_TEST(configuration_file)
{
	char longer[2000] = "write = ";

	ck_assert_int_eq(WITH_FILE("# comment\n\nread = a b\n read=c \nquiet = yes\n"
				   "count = 7\n[list]\nnonsense = 1",
				 "-c", "8"),
		0);
	ck_assert_uint_eq(options.files.count, 2);
	ck_assert_str_eq(options.files.items[0], "a b");
	ck_assert_str_eq(options.files.items[1], "c");
	ck_assert(options.quiet);
	ck_assert_uint_eq(options.count, 8);
	sf_options_fini(&options, table);

	/* the mark that editors of other systems begin a text with */
	ck_assert_int_eq(WITH_FILE("\xef\xbb\xbfread = a\n", "-q"), 0);
	ck_assert_str_eq(options.files.items[0], "a");
	sf_options_fini(&options, table);

	/* the command line's list takes the place of the file's */
	ck_assert_int_eq(WITH_FILE("read = a\nread = b\nread = c\n", "-r", "x", "y"), 0);
	ck_assert_uint_eq(options.files.count, 2);
	ck_assert_str_eq(options.files.items[0], "x");
	sf_options_fini(&options, table);

	/* a long line is one line */
	memset(longer + 8, 'f', sizeof(longer) - 9);
	longer[sizeof(longer) - 1] = '\0';
	ck_assert_int_eq(WITH_FILE(longer, "-q"), 0);
	ck_assert_uint_eq(strlen(options.write.items[0]), sizeof(longer) - 9);
	sf_options_fini(&options, table);

	/* comments and quotes */
	ck_assert_int_eq(WITH_FILE("count = 7   # a comment\nwrite = \"a # b\" ; another\n"
				   "read = 'it is # x'\nread = c#d\nquiet = true\n",
				 "-o", "json"),
		0);
	ck_assert_uint_eq(options.count, 7);
	ck_assert_str_eq(options.write.items[0], "a # b");
	ck_assert_str_eq(options.files.items[0], "it is # x");
	ck_assert_str_eq(options.files.items[1], "c#d");
	ck_assert(options.quiet);
	sf_options_fini(&options, table);
	REFUSED(WITH_FILE("write = \"a\n", "-q"), "line 1: \"a: the closing quote is missing");
	REFUSED(WITH_FILE("write = \"a\" b\n", "-q"), "line 1: 'b' follows the closing quote");
	REFUSED(WITH_FILE("write = # nothing\n", "-q"), "line 1: --write: its value is empty");

	REFUSED(WITH_FILE("quiet = yes\ncuont = 1\n", "-q"),
		"line 2: unknown key cuont: did you mean count?");
	REFUSED(WITH_FILE("quiet\n", "-q"), "line 1: 'quiet' is not of the form key = value");
	REFUSED(WITH_FILE("count = x\n", "-q"), "line 1: --count: 'x' is not a whole number");
	REFUSED(WITH_FILE("help = yes\n", "-q"), "help belongs on the command line");
	REFUSED(WITH_FILE("[nothing]\n", "-q"), "there is no subcommand 'nothing'");
	REFUSED(WITH_FILE("[list\n", "-q"), "the closing bracket is missing");

	ck_assert_int_eq(PARSE(first, "--config", "/does/not/exist"), -ENOENT);
	ck_assert_str_eq(error.text, "--config /does/not/exist: No such file or directory");
	sf_options_fini(&options, table);
}
END_TEST

/* Of the program's own table: names and letters are unique within a subcommand, defaults parse. */
START_TEST(own_table_is_consistent)
{
	for (unsigned id = 1; id <= SF_CHECK; id <<= 1) {
		const struct sf_command command = { "x", id, "", "", "", { NULL }, NULL };

		for (const struct sf_option *a = sf_option_table; a->name; a++) {
			ck_assert_msg(a->help && *a->help, "%s", a->name);
			ck_assert_msg((a->type == SF_OPTION_FLAG) == !a->metavar, "%s", a->name);
			for (const struct sf_option *b = a + 1; b->name; b++)
				if (a->commands & b->commands & id) {
					ck_assert_str_ne(a->name, b->name);
					ck_assert(!a->letter || a->letter != b->letter);
				}
		}
		ck_assert_int_eq(
			sf_options_parse(&options, sf_option_table, &command, 0, NULL, &error), 0);
		sf_options_fini(&options, sf_option_table);
	}
}
END_TEST

CHECK_MAIN("options", forms_of_options, words_belong_to_the_last_list, lists_may_be_bounded,
	durations, numbers, sets_and_seeds, mistakes_get_suggestions, help_needs_nothing_else,
	configuration_file, own_table_is_consistent, sizes, words_are_taken_as_people_write_them)
