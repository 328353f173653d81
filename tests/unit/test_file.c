/* SPDX-License-Identifier: BSD-2-Clause */
/* The capture-file driver: several inputs as one, compression, pipes, failures. */
#include "file_support.h"

START_TEST(files_are_merged_by_time)
{
	begin();
	ADD("1", HEADER, AT(1, 'a'), AT(4, 'd'), AT(7, 'g'), AT(8, 'h'));
	ADD("2", HEADER, AT(2, 'b'), AT(5, 'e'), AT(6, 'f'), AT(9, 'i'));
	ADD("3", HEADER, AT(3, 'c'), AT(10, 'j'), AT(11, 'k'));
	see_names();
	ck_assert_int_eq(seen.end, SF_EOF);
	tags("abcdefghijk");
	/* in any batch size */
	for (unsigned max = 1; max < 13; max++) {
		struct sf_capture *capture = open_names(NULL);
		struct sf_capture_stats stats;

		seen_free(&seen);
		see_capture(&seen, capture, max);
		ck_assert_int_eq(seen.end, SF_EOF);
		tags("abcdefghijk");
		capture->ops->stats(capture, &stats);
		ck_assert_uint_eq(stats.frames, 11);
		ck_assert_uint_eq(stats.bytes_total, 3 * 24 + 11 * 17);
		ck_assert_uint_eq(stats.bytes_read, stats.bytes_total);
		capture->ops->close(capture);
	}
	end();
}
END_TEST

/* Equal times: order of the command line. Within a file: as stored, whatever the times. */
START_TEST(equal_times_follow_the_command_line)
{
	begin();
	ADD("z", HEADER, AT(1, 'a'), AT(2, 'c'), AT(2, 'd'), AT(3, 'g'));
	ADD("a", HEADER, AT(1, 'b'), AT(2, 'e'), AT(2, 'f'), AT(3, 'h'));
	see_names();
	tags("abcdefgh");
	end();
	/* also of files that are not in the order of time */
	begin();
	ADD("1", HEADER, AT(5, 'e'), AT(3, 'b'), AT(9, 'g'), AT(1, 'a'));
	ADD("2", HEADER, AT(4, 'c'), AT(4, 'd'), AT(6, 'f'));
	see_names();
	tags("abcdefg");
	end();
}
END_TEST

START_TEST(files_without_packets_are_fine_among_others_and_alone)
{
	begin();
	ADD("1", HEADER);
	see_names();
	ck_assert_int_eq(seen.end, SF_EOF);
	ADD("2", HEADER, AT(1, 'a'));
	ADD("3", SECTION(BE16, BE32));
	see_names();
	ck_assert_int_eq(seen.end, SF_EOF);
	tags("a");
	end();
}
END_TEST

/* 600 rotated files with room for a dozen descriptors: each is open only while its time runs. */
START_TEST(rotated_files_need_few_descriptors)
{
	enum { FILES = 600 };
	struct rlimit limit, few;
	struct sf_capture *capture;
	struct sf_packet batch[SF_BATCH_MAX];
	unsigned before, most = 0, packets = 0;
	int64_t last = 0;
	int n;

	begin();
	for (unsigned i = 0; i < FILES; i++) {
		/* named in another order than their times */
		const unsigned time = 1000 + 10 * (i * 7 % FILES);
		const uint8_t file[] = { HEADER, AT(time, 'a'), AT(time + 9, 'b') };
		char name[16];

		snprintf(name, sizeof(name), "%u", i);
		add(name, file, sizeof(file));
	}
	for (unsigned i = 0; i < 100; i++) {
		static const uint8_t file[] = { HEADER };
		char name[16];

		snprintf(name, sizeof(name), "none%u", i);
		add(name, file, sizeof(file));
	}
	before = open_descriptors();
	getrlimit(RLIMIT_NOFILE, &limit);
	few = limit;
	few.rlim_cur = before + 6;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	capture = open_names(NULL);
	ck_assert_uint_eq(open_descriptors(), before);
	while ((n = sf_capture_recv(capture, 0, batch, 5)) > 0) {
		unsigned now = open_descriptors() - before;

		most = now > most ? now : most;
		for (int i = 0; i < n; i++) {
			ck_assert_int_ge(batch[i].time_ns, last);
			last = batch[i].time_ns;
		}
		packets += (unsigned)n;
	}
	ck_assert_int_eq(n, SF_EOF);
	ck_assert_uint_eq(packets, 2 * FILES);
	ck_assert_uint_le(most, 4);
	ck_assert_uint_ge(most, 1);
	capture->ops->close(capture);
	ck_assert_uint_eq(open_descriptors(), before);
	setrlimit(RLIMIT_NOFILE, &limit);
	end();
}
END_TEST

/* Larger than any buffer, packets of two files alternating. */
START_TEST(a_tap_pair_is_merged_over_many_refills)
{
	enum { PACKETS = 40000, LENGTH = 100 };
	static uint8_t file[2][24 + PACKETS * (16 + LENGTH)];
	struct sf_capture *capture;
	struct sf_packet batch[SF_BATCH_MAX];
	static const uint8_t header[] = { HEADER };
	unsigned next = 0;
	int n;

	begin();
	for (unsigned side = 0; side < 2; side++) {
		uint8_t *p = (uint8_t *)mempcpy(file[side], header, sizeof(header));

		for (unsigned i = 0; i < PACKETS; i++) {
			const unsigned number = 2 * i + side;
			const uint8_t record[] = { RECORD(LE32, number, 0, LENGTH, LENGTH) };

			p = (uint8_t *)mempcpy(p, record, sizeof(record));
			memset(p, (int)(number % 251), LENGTH);
			p += LENGTH;
		}
		add(side ? "out" : "in", file[side], sizeof(file[side]));
	}
	capture = open_names(NULL);
	while ((n = sf_capture_recv(capture, 0, batch, SF_BATCH_MAX)) > 0)
		for (int i = 0; i < n; i++, next++) {
			ck_assert_int_eq(batch[i].time_ns, next * S);
			ck_assert_uint_eq(batch[i].data[0], next % 251);
			ck_assert_uint_eq(batch[i].data[LENGTH - 1], next % 251);
		}
	ck_assert_int_eq(n, SF_EOF);
	ck_assert_uint_eq(next, 2 * PACKETS);
	capture->ops->close(capture);
	end();
}
END_TEST

START_TEST(a_damaged_file_ends_and_the_others_go_on)
{
	char expected[512];

	begin();
	ADD("good", HEADER, AT(1, 'a'), AT(4, 'd'), AT(6, 'f'));
	ADD("cut", HEADER, AT(2, 'b'), AT(5, 'e'), LE32(9));
	ADD("bad", HEADER, AT(3, 'c'), RECORD(LE32, 4, 0, 0x7fffffff, 60));
	see_names();
	ck_assert_int_eq(seen.end, SF_ECORRUPT);
	tags("abcdef");
	snprintf(expected, sizeof(expected),
		"%s/bad: byte 41: a packet record claims 2147483647 captured bytes (at most 327679 "
		"can be right) (and 1 more of the files failed)",
		directory);
	ck_assert_str_eq(seen.text, expected);
	end();
}
END_TEST

START_TEST(a_failure_is_told_once)
{
	struct sf_packet batch[SF_BATCH_MAX];
	struct sf_capture *capture;

	begin();
	ADD("cut", HEADER, AT(2, 'b'), LE32(9));
	capture = open_names(NULL);
	ck_assert_int_eq(sf_capture_recv(capture, 0, batch, SF_BATCH_MAX), 1);
	ck_assert_int_eq(sf_capture_recv(capture, 0, batch, SF_BATCH_MAX), SF_ECORRUPT);
	ck_assert_int_eq(capture->error.code, SF_ECORRUPT);
	ck_assert_int_eq(sf_capture_recv(capture, 0, batch, SF_BATCH_MAX), SF_EOF);
	capture->ops->close(capture);
	end();
}
END_TEST

START_TEST(empty_and_headless_files_are_failures_of_their_own)
{
	begin();
	add("empty", "", 0);
	see_names();
	ck_assert_int_eq(seen.end, SF_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(seen.text, "/empty: byte 0: the file is empty"));
	ADD("good", HEADER, AT(1, 'a'));
	see_names();
	ck_assert_int_eq(seen.end, SF_ECORRUPT);
	tags("a");
	end();
}
END_TEST

START_TEST(what_is_no_capture_is_refused_by_name)
{
	begin();
	ADD("good", HEADER, AT(1, 'a'));
	add("notes.txt", "Dear diary", 10);
	see_names();
	ck_assert_int_eq(seen.end, SF_EUNSUPPORTED);
	ck_assert_ptr_nonnull(
		strstr(seen.text, "/notes.txt: not a capture file: it begins with 44 65 61 72"));
	end();
}
END_TEST

START_TEST(missing_and_forbidden_files_are_named)
{
	begin();
	names[name_count++] = strdup("/proc/nonexistent/spanflow.pcap");
	see_names();
	ck_assert_int_eq(seen.end, -ENOENT);
	ck_assert_str_eq(seen.text, "/proc/nonexistent/spanflow.pcap: No such file or directory");
	end();
	ck_assert_int_eq(sf_capture_driver("file")->open(&(struct sf_capture *){ NULL },
				 &(struct sf_capture_options){ .name_count = 0 }, NULL),
		SF_EUSAGE);
}
END_TEST

/* A file that is gone when its time comes fails alone. */
START_TEST(a_file_may_vanish)
{
	struct sf_capture *capture;

	begin();
	ADD("1", HEADER, AT(1, 'a'), AT(3, 'c'));
	ADD("2", HEADER, AT(2, 'b'));
	capture = open_names(NULL);
	unlink(names[1]);
	see_capture(&seen, capture, 64);
	ck_assert_int_eq(seen.end, -ENOENT);
	ck_assert_ptr_nonnull(strstr(seen.text, "/2: cannot open: No such file"));
	tags("ac");
	capture->ops->close(capture);
	end();
}
END_TEST

START_TEST(a_directory_stands_for_its_captures)
{
	struct sf_capture *capture;
	char text[256];

	begin();
	ADD("b.pcap", HEADER, AT(1, 'b'), AT(4, 'd'));
	ADD("a.pcapng", SECTION(LE16, LE32), INTERFACE(LE16, LE32, 1, 0),
		ENHANCED(LE32, 36, 0, 1000000, 1, 60), 'a', 0, 0, 0, LE32(36));
	add("README", "Captures of Monday", 18);
	see_files(&seen, &directory, 1);
	ck_assert_int_eq(seen.end, SF_EOF);
	tags("abd");
	/* the run says what was left out */
	capture = NULL;
	ck_assert_int_eq(
		sf_capture_driver("file")->open(&capture,
			&(struct sf_capture_options){ .names = &directory, .name_count = 1 }, NULL),
		0);
	snprintf(text, sizeof(text), "left out: 1 file that is not a capture (%s/README)",
		directory);
	ck_assert_str_eq(capture->warning.text, text);
	capture->ops->describe(capture, text, sizeof(text));
	ck_assert_str_eq(text, "2 files, pcapng, pcap");
	capture->ops->close(capture);
	end();
	begin();
	see_files(&seen, &directory, 1);
	ck_assert_int_eq(seen.end, SF_EUNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(seen.text, "no capture file in this directory"));
	end();
}
END_TEST

static void interface_is(struct sf_capture *capture, unsigned slot, const char *name, unsigned link)
{
	const struct sf_interface *interface = capture->ops->interface(capture, slot);

	ck_assert_ptr_nonnull(interface);
	ck_assert_uint_eq(interface->index, slot + 1);
	ck_assert_uint_eq(interface->link, link);
	ck_assert_str_eq(interface->name, name);
}

static void slots(const char *expected)
{
	for (unsigned i = 0; expected[i]; i++)
		ck_assert_uint_eq(seen.packet[i].interface, (unsigned)(expected[i] - '0'));
}

START_TEST(interfaces_are_numbered_over_all_files)
{
	struct sf_capture *capture;

	begin();
	ADD("1.pcap", PCAP(LE16, LE32, 0xa1b2c3d4, 96, 101), AT(1, 'a'));
	ADD("2.pcapng", SECTION(LE16, LE32), INTERFACE(LE16, LE32, 1, 0),
		INTERFACE_BEGIN(LE16, LE32, 32, 113, 128), LE16(2), LE16(5), 'e', 't', 'h', '1',
		'!', 0, 0, 0, LE32(32), ENHANCED(LE32, 36, 1, 2000000, 1, 60), 'b', 0, 0, 0,
		LE32(36));
	ADD("3.pcap", PCAP(LE16, LE32, 0xa1b2c3d4, 96, 101), AT(3, 'c'));
	ADD("4.pcap", PCAP(LE16, LE32, 0xa1b2c3d4, 96, 1), AT(4, 'd'));
	capture = open_names(NULL);
	see_capture(&seen, capture, 64);
	tags("abcd");
	/* files of a rotated capture have one interface; another link type is another one */
	slots("0201");
	interface_is(capture, 0, "", 101);
	ck_assert_uint_eq(capture->ops->interface(capture, 0)->snaplen, 96);
	interface_is(capture, 1, "", 1);
	interface_is(capture, 2, "eth1!", 113);
	ck_assert_ptr_null(capture->ops->interface(capture, 3));
	capture->ops->close(capture);
	end();
}
END_TEST

#define NAMED(a, b, link)                                                                          \
	INTERFACE_BEGIN(LE16, LE32, 28, link, 0), LE16(2), LE16(2), a, b, 0, 0, LE32(28)
#define OF(interface, second, tag)                                                                 \
	ENHANCED(LE32, 36, interface, second * 1000000, 1, 60), tag, 0, 0, 0, LE32(36)

START_TEST(a_named_interface_keeps_its_number)
{
	struct sf_capture *capture;

	begin();
	/* the second section lacks eth0; the third has it twice: these are two */
	ADD("1.pcapng", SECTION(LE16, LE32), NAMED('e', '0', 1), NAMED('e', '1', 1), OF(0, 1, 'a'),
		OF(1, 2, 'b'), SECTION(LE16, LE32), NAMED('e', '1', 1), OF(0, 3, 'c'),
		SECTION(LE16, LE32), NAMED('e', '0', 1), NAMED('e', '0', 1), OF(0, 4, 'd'),
		OF(1, 5, 'e'));
	/* in another file it comes second, and there is one of that name with another link type */
	ADD("2.pcapng", SECTION(BE16, BE32), INTERFACE(BE16, BE32, 1, 0), SECTION(LE16, LE32),
		NAMED('e', '1', 113), NAMED('e', '1', 1), OF(0, 6, 'f'), OF(1, 7, 'g'));
	capture = open_names(NULL);
	see_capture(&seen, capture, 64);
	tags("abcdefg");
	slots("0110241");
	interface_is(capture, 0, "e0", 1);
	interface_is(capture, 1, "e1", 1);
	interface_is(capture, 2, "e0", 1);
	interface_is(capture, 3, "", 1);
	interface_is(capture, 4, "e1", 113);
	capture->ops->close(capture);
	end();
}
END_TEST

/* More interfaces than a block has and the hash table begins with. */
START_TEST(many_interfaces_have_a_number_each)
{
	enum { MANY = 1000 };
	static const uint8_t section[] = { SECTION(LE16, LE32) };
	static uint8_t file[sizeof(section) + MANY * (28 + 36)];
	struct sf_capture *capture;
	uint8_t *p = file;

	begin();
	p = mempcpy(p, section, sizeof(section));
	for (unsigned i = 0; i < MANY; i++) {
		const uint8_t interface[] = { NAMED('a' + i % 26, 'a' + i / 26 % 26, 1) };

		p = mempcpy(p, interface, sizeof(interface));
	}
	for (unsigned i = 0; i < MANY; i++) {
		const uint8_t packet[] = { OF(i, (i + 1), 'x') };

		p = mempcpy(p, packet, sizeof(packet));
	}
	add("a.pcapng", file, sizeof(file));
	capture = open_names(NULL);
	see_capture(&seen, capture, 64);
	ck_assert_uint_eq(seen.count, MANY);
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_uint_eq(seen.packet[i].interface, i);
	capture->ops->close(capture);
	end();
}
END_TEST

START_TEST(realtime_takes_one_input)
{
	struct sf_capture *capture;
	struct sf_error error;

	begin();
	ADD("1", HEADER, AT(1, 'a'));
	ADD("2", HEADER, AT(2, 'b'));
	ck_assert_int_eq(sf_capture_driver("file")->open(&capture,
				 &(struct sf_capture_options){ .names = (const char *const *)names,
					 .name_count = 2,
					 .realtime = true },
				 &error),
		SF_EUSAGE);
	ck_assert_ptr_nonnull(strstr(error.text, "realtime"));
	end();
}
END_TEST

CHECK_MAIN("file", files_are_merged_by_time, equal_times_follow_the_command_line,
	files_without_packets_are_fine_among_others_and_alone, rotated_files_need_few_descriptors,
	a_tap_pair_is_merged_over_many_refills, a_damaged_file_ends_and_the_others_go_on,
	a_failure_is_told_once, empty_and_headless_files_are_failures_of_their_own,
	what_is_no_capture_is_refused_by_name, missing_and_forbidden_files_are_named,
	a_file_may_vanish, a_directory_stands_for_its_captures,
	interfaces_are_numbered_over_all_files, a_named_interface_keeps_its_number,
	many_interfaces_have_a_number_each, realtime_takes_one_input)
