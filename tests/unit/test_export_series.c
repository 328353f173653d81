/* SPDX-License-Identifier: BSD-2-Clause */
/* Files with a time in their names: when they turn, what is in them, what is removed. */
#include "series_support.h"
#include "transport/keep.h"
#include "transport/pattern.h"

/* ---------------------------------------------------------------- names */

START_TEST(names_are_made_of_times)
{
	static const struct {
		const char *path, *base, *name, *second;
		int64_t usual_s;
	} cases[] = {
		{ "a/%Y/%m/%d/%H%M.ipfix.zst", "a", "2023/11/14/1200.ipfix.zst",
			"2023/11/14/1200-2.ipfix.zst", 300 },
		{ "%F.ipfix", ".", "2023-11-14.ipfix", "2023-11-14-2.ipfix", 86400 },
		{ "/%H.gz", "/", "12.gz", "12-2.gz", 3600 },
		{ "/x/y/f.%H%M", "/x/y", "f.1200", "f.1200-2", 300 },
		{ "d%%/%j-%y-%S", ".", "d%/318-23-00", "d%/318-23-00-2", 300 },
		{ "%s.a.ipfix.gz", ".", "1699963200.a.ipfix.gz", "1699963200.a-2.ipfix.gz", 300 },
		{ "%Y%m/.x", ".", "202311/.x", "202311/.x-2", 86400 },
	};
	char name[PATH_MAX];
	struct sf_pattern pattern;
	struct sf_error error;

	for (unsigned i = 0; i < COUNT(cases); i++) {
		ck_assert_int_eq(sf_pattern_init(&pattern, cases[i].path, &error), 0);
		ck_assert_str_eq(pattern.base, cases[i].base);
		ck_assert(pattern.timed);
		ck_assert_int_eq(pattern.usual_ns, cases[i].usual_s * S);
		ck_assert(sf_pattern_name(&pattern, NOON, 0, name, sizeof(name)));
		ck_assert_str_eq(name, cases[i].name);
		ck_assert(sf_pattern_name(&pattern, NOON, 2, name, sizeof(name)));
		ck_assert_str_eq(name, cases[i].second);
		for (size_t size = 0; size <= strlen(cases[i].second); size++)
			ck_assert(!sf_pattern_name(&pattern, NOON, 2, name, size));
	}
	ck_assert_int_eq(sf_pattern_init(&pattern, "a%Qb", &error), SF_EUSAGE);
	ck_assert_ptr_nonnull(strstr(error.text, "'%Q' is no part of a file name's time"));
	ck_assert_int_eq(sf_pattern_init(&pattern, "ab%", &error), SF_EUSAGE);
	ck_assert(sf_pattern_partial("a/b/1.x", name, sizeof(name)));
	ck_assert_str_eq(name, "a/b/.1.x.partial");
}
END_TEST

START_TEST(only_files_of_the_pattern_match)
{
	static const struct {
		unsigned depth;
		const char *entry;
		int matches; /* 1: a directory, 2: a file */
	} cases[] = { { 0, "2023", 1 }, { 0, "23", 0 }, { 0, "20233", 0 }, { 0, "202x", 0 },
		{ 0, "", 0 }, { 0, ".2023.partial", 0 }, { 1, "f-12%.ipfix.gz", 2 },
		{ 1, "f-12-3%.ipfix.gz", 0 }, { 1, "f-12%-3.ipfix.gz", 2 },
		{ 1, "f-12%-.ipfix.gz", 0 }, { 1, ".f-12%-3.ipfix.gz.partial", 2 },
		{ 1, ".f-12%.ipfix.gz", 0 }, { 1, "f-12%.ipfix.gz.partial", 0 },
		{ 1, "f-1%.ipfix.gz", 0 }, { 1, "f-12%.ipfix.gz~", 0 }, { 1, "xf-12%.ipfix.gz", 0 },
		{ 1, "f-12", 0 }, { 1, ".partial", 0 }, { 2, "f", 0 } };
	struct sf_pattern pattern;
	bool last;

	ck_assert_int_eq(sf_pattern_init(&pattern, "q/%Y/f-%H%%.ipfix.gz", NULL), 0);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		bool matches = sf_pattern_matches(&pattern, cases[i].depth, cases[i].entry, &last);

		ck_assert_msg(matches == (cases[i].matches != 0), "%s", cases[i].entry);
		if (matches)
			ck_assert_int_eq(last, cases[i].matches == 2);
	}
}
END_TEST

/* ---------------------------------------------------------------- turns */

/* By the wall clock: each record is in the file of the time at which it was put. */
START_TEST(files_turn_with_the_wall_clock)
{
	struct sf_exporter *exporter =
		exporter_with(&(struct sf_exporter_options){ .domain = 7 }, "%H/%M.ipfix");
	struct sf_destination_stats stats;

	meter(exporter, 100, NOON + 61 * S);
	ck_assert(is_there("12/.00.ipfix.partial"));
	meter(exporter, 50, NOON + 299 * S);
	meter(exporter, 30, NOON + 300 * S);
	ck_assert(is_there("12/00.ipfix"));
	/* a step back over the boundary goes on in the same file */
	meter(exporter, 5, NOON + 299 * S);
	/* an interval without records: its file has templates and options data */
	sf_exporter_tick(exporter, NOON + 600 * S, NOON + 600 * S);
	meter(exporter, 20, NOON + 3600 * S);
	/* the clock is set back by an hour */
	meter(exporter, 7, NOON + 61 * S);
	/* it finds a file of its own, not of another run */
	ck_assert(sf_exporter_stats(exporter, 0, &stats));
	ck_assert_str_eq(stats.news, "");
	stats = complete(exporter);
	ck_assert_uint_eq(stats.sent.records, 212);
	ck_assert_uint_eq(stats.files, 5);
	ck_assert_uint_eq(read_file_of("12/00.ipfix").records, 150);
	ck_assert_uint_eq(read_file_of("12/05.ipfix").records, 35);
	ck_assert_uint_eq(read_file_of("12/10.ipfix").records, 0);
	ck_assert_uint_eq(read_file_of("13/00.ipfix").records, 20);
	ck_assert_uint_eq(read_file_of("12/00-1.ipfix").records, 7);
}
END_TEST

static void note_file(void *context, const char *path)
{
	char *names = context;

	strcat(names, path + strlen(base) + 1);
	strcat(names, " ");
}

/* With capture files by that of the packets: no file for hours without packets. */
START_TEST(files_turn_with_the_packet_clock)
{
	char names[256] = "";
	const struct sf_file_hook hook = { note_file, names };
	struct sf_exporter *exporter = exporter_with(
		&(struct sf_exporter_options){ .packet_clock = true, .on_file = &hook },
		"%H%M.ipfix,rotate=1m");
	struct sf_flow flow = flow_ipv4(0);

	/* before any packet clock is known */
	flow.half[0].start_ns = flow.half[0].end_ns = NOON;
	sf_exporter_put(exporter, &flow, 1);
	meter(exporter, 100, NOON + 59 * S);
	meter(exporter, 10, NOON + 60 * S);
	meter(exporter, 1, NOON + 7200 * S);
	ck_assert_str_eq(names, "1200.ipfix 1201.ipfix ");
	ck_assert_uint_eq(complete(exporter).sent.records, 112);
	ck_assert_str_eq(names, "1200.ipfix 1201.ipfix 1400.ipfix ");
	ck_assert_uint_eq(read_file_of("1200.ipfix").records, 101);
	ck_assert_uint_eq(read_file_of("1201.ipfix").records, 10);
	ck_assert_uint_eq(read_file_of("1400.ipfix").records, 1);
}
END_TEST

/*
 * The exporter gets to know the packet clock after many records: the records' own times tell where
 * they belong. A wild time among them begins no file.
 */
START_TEST(flows_of_one_batch_are_parted)
{
	struct sf_exporter *exporter = exporter_with(
		&(struct sf_exporter_options){ .packet_clock = true }, "%H%M.ipfix,rotate=10m");
	struct sf_flow flows[60];

	for (unsigned i = 0; i < COUNT(flows); i++) {
		flows[i] = flow_ipv4(i);
		flows[i].half[0].end_ns = NOON + i * 60 * S;
	}
	flows[25].half[0].end_ns = NOON + 400 * 86400 * S;
	ck_assert_uint_eq(sf_exporter_put(exporter, flows, COUNT(flows)), COUNT(flows));
	ck_assert_uint_eq(complete(exporter).files, 6);
	ck_assert_uint_eq(read_file_of("1200.ipfix").records, 10);
	ck_assert_uint_eq(read_file_of("1220.ipfix").records, 10);
	ck_assert_uint_eq(read_file_of("1250.ipfix").records, 10);
}
END_TEST

START_TEST(files_turn_by_size)
{
	struct sf_exporter *exporter =
		exporter_with(&(struct sf_exporter_options){ 0 }, "d/%F.ipfix,size=100k");
	struct sf_destination_count sum = { 0 };
	unsigned damaged = 0;
	struct stat status;
	char path[PATH_MAX];

	for (unsigned i = 0; i < 10; i++)
		meter(exporter, 1000, NOON + i * S);
	ck_assert_uint_eq(complete(exporter).sent.records, 10000);
	ck_assert_uint_ge(read_below(base, &sum, &damaged), 5);
	ck_assert_uint_eq(sum.records, 10000);
	ck_assert_uint_eq(damaged, 0);
	ck_assert(is_there("d/2023-11-14-1.ipfix"));
	snprintf(path, sizeof(path), "%s/d/2023-11-14.ipfix", base);
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_int_ge(status.st_size, 100000);
	ck_assert_int_lt(status.st_size, 100000 + 65536 + 2000);
	/* a further run overwrites none of them */
	exporter = exporter_with(&(struct sf_exporter_options){ 0 }, "d/%F.ipfix,size=100k");
	meter(exporter, 10, NOON);
	complete(exporter);
	sum = (struct sf_destination_count){ 0 };
	read_below(base, &sum, &damaged);
	ck_assert_uint_eq(sum.records, 10010);
}
END_TEST

/* SIGHUP: a series begins its next file; a plain file that was moved away is made again. */
START_TEST(reload_begins_files_anew)
{
	struct sf_exporter *exporter =
		exporter_with(&(struct sf_exporter_options){ 0 }, "%H.ipfix");
	char old[PATH_MAX], new[PATH_MAX], plain[PATH_MAX];

	snprintf(plain, sizeof(plain), "%s/plain", base);
	snprintf(old, sizeof(old), "%s/moved", base);
	ck_assert_int_eq(sf_exporter_add_file(exporter, plain, NULL), 0);
	meter(exporter, 10, NOON);
	/* nobody has moved it: it goes on */
	ck_assert_int_eq(sf_exporter_reload(exporter, NULL), 0);
	meter(exporter, 5, NOON + S);
	ck_assert_int_eq(rename(plain, old), 0);
	ck_assert_int_eq(sf_exporter_reload(exporter, NULL), 0);
	meter(exporter, 3, NOON + 2 * S);
	snprintf(new, sizeof(new), "%s/12-1.ipfix", base);
	ck_assert(access(new, F_OK) == 0);
	complete(exporter);
	ck_assert_uint_eq(read_file_of("moved").records, 15);
	ck_assert_uint_eq(read_file_of("plain").records, 3);
	ck_assert_uint_eq(read_file_of("12.ipfix").records, 10);
	ck_assert_uint_eq(read_file_of("12-1.ipfix").records, 5);
	ck_assert_uint_eq(read_file_of("12-2.ipfix").records, 3);
}
END_TEST

/* What the sandbox has to leave writable: nothing for standard output and devices. */
START_TEST(directories_of_files_are_named)
{
	static const struct {
		const char *path;
		const char *directory; /* NULL: none */
		enum sf_exporter_makes makes;
	} cases[] = { { "-", NULL, 0 }, { "/dev/null", NULL, 0 }, { "plain", "", SF_MAKES_AGAIN },
		{ "%H.ipfix", "", SF_MAKES_SERIES }, { "new/%H.ipfix", "/new", SF_MAKES_DIRECTORY },
		{ "%Y/%m.ipfix", "", SF_MAKES_SERIES }, { "x.gz", "", SF_MAKES_SERIES } };

	ck_assert_int_eq(mkdir(where(), 0755), 0);
	for (unsigned i = 0; i < COUNT(cases); i++) {
		bool below = cases[i].path[0] != '-' && cases[i].path[0] != '/';
		struct sf_exporter *exporter;
		enum sf_exporter_makes makes = 0;
		char path[PATH_MAX], expected[PATH_MAX];
		const char *directory;

		snprintf(path, sizeof(path), "%s%s%s", below ? base : "", below ? "/" : "",
			cases[i].path);
		ck_assert_int_eq(
			sf_exporter_new(&exporter, &(struct sf_exporter_options){ 0 }, NULL), 0);
		ck_assert_int_eq(sf_exporter_add_file(exporter, path, NULL), 0);
		directory = sf_exporter_writes(exporter, 0, &makes);
		ck_assert_int_eq(directory != NULL, cases[i].directory != NULL);
		ck_assert_int_eq(sf_exporter_reloads(exporter), directory != NULL);
		if (directory) {
			snprintf(expected, sizeof(expected), "%s%s", base, cases[i].directory);
			ck_assert_str_eq(directory, expected);
			ck_assert_int_eq(makes, cases[i].makes);
		}
		sf_exporter_free(exporter);
	}
}
END_TEST

/* ---------------------------------------------------------------- removal */

static void make_file(const char *name, unsigned size, int64_t time_ns)
{
	const struct timespec times[2] = { { .tv_sec = time_ns / S }, { .tv_sec = time_ns / S } };
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", where(), name);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(path, 0755);
		*slash = '/';
	}
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	for (unsigned i = 0; i < size; i++)
		fputc(0, file);
	fclose(file);
	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

START_TEST(old_files_are_removed)
{
	static const char *const others[] = { "20/1200.ipfix.gz", "2001/1200.ipfix.old",
		"2001/notes", "x", "2001/01/1200.ipfix" };
	struct sf_exporter *exporter;
	struct sf_destination_stats stats;

	make_file("2000/1200.ipfix", 10, NOON - 8 * 86400 * S);
	make_file("2001/1200-7.ipfix", 10, NOON - 8 * 86400 * S);
	make_file("2001/.1300.ipfix.partial", 10, NOON - 8 * 86400 * S);
	make_file("2002/1200.ipfix", 10, NOON - 6 * 86400 * S);
	for (unsigned i = 0; i < COUNT(others); i++)
		make_file(others[i], 10, NOON - 80 * 86400 * S);
	exporter = exporter_with(
		&(struct sf_exporter_options){ 0 }, "%Y/%H%M.ipfix,rotate=1h,keep=7d");
	meter(exporter, 10, NOON);
	meter(exporter, 10, NOON + 3600 * S);
	meter(exporter, 10, NOON + (3 * 86400) * S);
	ck_assert(is_there("2023/1200.ipfix"));
	stats = complete(exporter);
	ck_assert_uint_eq(stats.removed_files, 4);
	ck_assert(!is_there("2000"));
	ck_assert(!is_there("2001/1200-7.ipfix"));
	ck_assert(!is_there("2001/.1300.ipfix.partial"));
	ck_assert(!is_there("2002"));
	ck_assert(is_there("2023/1300.ipfix"));
	for (unsigned i = 0; i < COUNT(others); i++)
		ck_assert_msg(is_there(others[i]), "%s", others[i]);
}
END_TEST

START_TEST(files_together_have_a_limit)
{
	struct sf_exporter *exporter;
	struct sf_destination_count sum = { 0 };
	unsigned damaged = 0;
	char big[PATH_MAX];

	make_file("2000/1200.ipfix", 60000, NOON - 10 * S);
	make_file("2000/1201.ipfix", 60000, NOON - 9 * S);
	make_file("big", 200000, NOON - 9 * S);
	exporter = exporter_with(
		&(struct sf_exporter_options){ 0 }, "%Y/%H%M.ipfix,rotate=1m,keep-size=100k");
	meter(exporter, 10, NOON);
	meter(exporter, 10, NOON + 60 * S);
	ck_assert(!is_there("2000/1200.ipfix"));
	ck_assert(is_there("2000/1201.ipfix"));
	for (unsigned i = 2; i < 30; i++)
		meter(exporter, 100, NOON + i * 60 * S);
	ck_assert_uint_gt(complete(exporter).removed_files, 10);
	ck_assert(!is_there("2000"));
	ck_assert(is_there("2023/1229.ipfix"));
	ck_assert(is_there("big"));
	snprintf(big, sizeof(big), "%s/big", base);
	unlink(big);
	read_below(base, &sum, &damaged);
	ck_assert_uint_ge(sum.records, 300);
}
END_TEST

/* ---------------------------------------------------------------- usage */

START_TEST(wrong_options_are_named)
{
	static const struct {
		const char *rest, *message;
	} cases[] = {
		{ "a.ipfix,rotate=5m", "rotate= needs a time in the name" },
		{ "a.ipfix,keep=5d", "keep= and keep-size= need a time in the name, or size=" },
		{ "a.ipfix.xz", "files are written plain, with gzip (.gz) or with zstd (.zst)" },
		{ "a.ipfix,profile=nfdump", "profile nfdump is not for files" },
		{ "%H/", "not a file name" },
		{ "%H,rotate=0", "option 'rotate' is '0'" },
		{ "%H,rotate=1500ms", "option 'rotate' is '1500ms'" },
		{ "%H,size=1", "option 'size' is '1'" },
		{ "%N", "'%N' is no part of a file name's time" },
	};

	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct sf_exporter *exporter;
		struct sf_error error = { 0 };
		char url[256];

		snprintf(url, sizeof(url), "%s/%s", where(), cases[i].rest);
		ck_assert_int_eq(
			sf_exporter_new(&exporter, &(struct sf_exporter_options){ 0 }, NULL), 0);
		ck_assert_int_eq(sf_exporter_add_file(exporter, url, &error), SF_EUSAGE);
		ck_assert_msg(strstr(error.text, cases[i].message) != NULL, "%s", error.text);
		sf_exporter_free(exporter);
	}
}
END_TEST

/* The file that was just completed stays, however large. */
START_TEST(newest_file_is_kept)
{
	struct sf_keep keep = { .base = AT_FDCWD, .octets = 50 };

	ck_assert_int_eq(sf_keep_add(&keep, "/nonexistent/first", 100, T0), 0);
	ck_assert_int_eq(sf_keep_enforce(&keep, T0), 0);
	ck_assert_uint_eq(keep.first, 0);
	ck_assert_int_eq(sf_keep_add(&keep, "/nonexistent/second", 100, T0), 0);
	sf_keep_enforce(&keep, T0);
	ck_assert_uint_eq(keep.first, 1);
	ck_assert_uint_eq(keep.sum, 100);
	sf_keep_fini(&keep);
}
END_TEST

CHECK_MAIN("export_series", names_are_made_of_times, only_files_of_the_pattern_match,
	files_turn_with_the_wall_clock, files_turn_with_the_packet_clock,
	flows_of_one_batch_are_parted, files_turn_by_size, reload_begins_files_anew,
	directories_of_files_are_named, old_files_are_removed, files_together_have_a_limit,
	wrong_options_are_named, newest_file_is_kept);
