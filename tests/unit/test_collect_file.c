/* SPDX-License-Identifier: BSD-2-Clause */
/* The collecting process: IPFIX files. */
#include "collect_support.h"

/* [RFC5655-7-1] [RFC5655-7.1-1] [RFC5655-7.1-2] [RFC5655-7.1-5] */
START_TEST(test_file)
{
	start(0);
	ck_assert_int_eq(feed_file(FILE_TEMPLATE FILE_DATA("00000000", "00000007")
					 FILE_DATA("00000001", "00000008")),
		0);
	ck_assert_uint_eq(seen.count, 2);
	ck_assert_uint_eq(stats.messages, 3);
	/* one file is one session: the next one knows nothing of its templates */
	ck_assert_int_eq(feed_file(FILE_DATA("00000000", "00000007")), 0);
	ck_assert_uint_eq(stats.missing_template, 1);
	/* an empty file is no damage */
	ck_assert_int_eq(feed_file(""), 0);
	ck_assert_int_eq(sf_collector_file(collector, "/proc/nonexistent", &error), -ENOENT);
	ck_assert_ptr_nonnull(strstr(error.text, "/proc/nonexistent"));
	end();
}
END_TEST

/* RFC 7011 §8.1: in a file withdrawals count; one of an unknown template does not matter */
/* [RFC7011-8.1-3] [RFC5655-7.1-3] [RFC5655-7.1-7] [RFC5471-3.2.5-1] */
START_TEST(test_file_withdrawal)
{
	start(0);
	ck_assert_int_eq(feed_file(FILE_TEMPLATE
				 "000a0018 65000000 00000000 00000001 00020008 01000000"
				 "000a0018 65000000 00000000 00000001 00020008 01000000" FILE_DATA(
					 "00000000", "00000007")),
		0);
	ck_assert_uint_eq(seen.count, 0);
	ck_assert_uint_eq(stats.missing_template, 1);
	/* all templates, not the options templates; then those */
	ck_assert_int_eq(feed_file(FILE_TEMPLATE
				 "000a0022 65000000 00000000 00000001 00030012 01010002 0001"
				 "00950004 00010004"
				 "000a0018 65000000 00000000 00000001 00020008 00020000"
				 "000a001c 65000000 00000000 00000001 0101000c 00000001 00000005"
				 "000a0018 65000000 00000001 00000001 00030008 00030000"
				 "000a001c 65000000 00000001 00000001 0101000c 00000001 00000005"),
		0);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_uint_eq(stats.missing_template, 2);
	end();
}
END_TEST

/* cut off: every whole record, then the place where the file stops */
START_TEST(test_file_cut)
{
	start(0);
	ck_assert_int_eq(
		feed_file(FILE_TEMPLATE
			"000a0020 65000000 00000000 00000001 01000010 00000007 00000008 00"),
		SF_ECORRUPT);
	ck_assert_uint_eq(seen.count, 2);
	ck_assert_msg(strstr(error.text, "byte 57: the message is cut off: 29 of 32 bytes"), "%s",
		error.text);
	/* cut in the middle of a template */
	ck_assert_int_eq(feed_file("000a0020 65000000 00000000 00000001 00020010 01000002 0001"),
		SF_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(error.text, "byte 26: the message is cut off"));
	ck_assert_int_eq(feed_file(FILE_TEMPLATE "000a0020 650000"), SF_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(error.text, "byte 28: a message header is cut off"));
	end();
}
END_TEST

/* RFC 5655 §10.3: after damage it goes on with the next message */
START_TEST(test_file_resync)
{
	start(0);
	ck_assert_int_eq(feed_file(FILE_TEMPLATE "deadbeef 000a0000 00" FILE_DATA(
				 "00000000", "00000007") FILE_DATA("00000001", "00000008")),
		SF_ECORRUPT);
	ck_assert_uint_eq(seen.count, 2);
	ck_assert_msg(strstr(error.text, "byte 28: no IPFIX message begins here; 9 bytes passed"),
		"%s", error.text);
	/* a damaged length, too long: the message ends where the next one begins */
	ck_assert_int_eq(feed_file(FILE_TEMPLATE
				 "000a0118 65000000 00000000 00000001 01000008 00000009" FILE_DATA(
					 "00000001", "00000008")),
		SF_ECORRUPT);
	ck_assert_uint_eq(seen.count, 4);
	/* something else altogether */
	ck_assert_int_eq(feed_file("d4c3b2a1 02000400 00000000 00000000"), SF_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(error.text, "not an IPFIX file: it is a pcap capture"));
	ck_assert_int_eq(feed_file("00000000 00000000 00000000 00000000"), SF_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(error.text, "not an IPFIX file"));
	end();
}
END_TEST

/* A place in the damage that looks like a message header is one only if another one follows. */
START_TEST(test_file_long_damage)
{
	enum { PLACES = 100000, DIGITS = 8 };
	char *hex = malloc(1024 + PLACES * DIGITS), expected[64], *p;

	/* whatever the reader's buffer ends with, some header is at that place */
	for (unsigned before = 1; before <= 4; before++) {
		p = hex + sprintf(hex, "%s%.*s", FILE_TEMPLATE, (int)(2 * before), "ffffffff");
		for (unsigned i = 0; i < PLACES; i++)
			p += sprintf(p, "000a0021");
		sprintf(p, "%s",
			FILE_DATA("00000000", "00000007") FILE_DATA("00000001", "00000008"));
		start(0);
		ck_assert_int_eq(feed_file(hex), SF_ECORRUPT);
		snprintf(expected, sizeof(expected), "begins here; %u bytes passed",
			before + PLACES * DIGITS / 2);
		ck_assert_msg(strstr(error.text, expected), "%s", error.text);
		ck_assert_uint_eq(seen.count, 2);
		ck_assert_uint_eq(stats.messages, 3);
		end();
	}
	free(hex);
}
END_TEST

/* A reader that has to stop does not wait for a pipe that is open but has nothing. */
START_TEST(test_stop_on_a_pipe)
{
	enum { VALUE = 60000, MESSAGES = 7, ROOM = 1 << 20 };
	uint8_t *bytes = calloc(1, 28 + MESSAGES * (20 + VALUE)), *p = bytes;
	int ends[2];
	char path[32];

	p = sf_store_be16(p, 10);
	p = sf_store_be16(p, 28);
	p = sf_store_be32(sf_store_be64(p, UINT64_C(0x65000000) << 32), 1);
	p = sf_store_be64(p, UINT64_C(0x0002000c01000001));
	p = sf_store_be32(p, 82 << 16 | VALUE);
	for (unsigned i = 0; i < MESSAGES; i++) {
		p = sf_store_be16(p, 10);
		p = sf_store_be16(p, 20 + VALUE);
		p = sf_store_be32(sf_store_be64(p, UINT64_C(0x65000000) << 32 | i), 1);
		p = sf_store_be32(p, 0x0100 << 16 | (4 + VALUE)) + VALUE;
	}
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_ge(fcntl(ends[1], F_SETPIPE_SZ, ROOM), ROOM);
	ck_assert_int_eq(write(ends[1], bytes, (size_t)(p - bytes)), p - bytes);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
	stop_after = 3;
	start(0);
	ck_assert_int_eq(sf_collector_file(collector, path, &error), 0);
	ck_assert_uint_eq(seen.count, 3);
	stop_after = 0;
	end();
	close(ends[0]);
	close(ends[1]);
	free(bytes);
}
END_TEST

CHECK_MAIN("collect_file", test_file, test_file_withdrawal, test_file_cut, test_file_resync,
	test_file_long_damage, test_stop_on_a_pipe)
