/* SPDX-License-Identifier: BSD-2-Clause */
/* What files of each format give, read in chunks of every size. */
#include "capture_bytes.h"
#include "check_main.h"

static struct seen seen;

#define S SF_NS_PER_S

/* Two packets, of 4 and of no bytes, in each magic and byte order. */
#define TWO(U16, U32, magic)                                                                       \
	PCAP(U16, U32, magic, 65535, 101), RECORD(U32, 1120646849, 999999, 4, 60), B4,             \
		RECORD(U32, 4294967295, 0, 0, 0)

static void two_packets(int64_t fraction_ns)
{
	ck_assert_int_eq(seen.end, SF_EOF);
	ck_assert_uint_eq(seen.count, 2);
	PACKET(seen, 0, 1120646849 * S + 999999 * fraction_ns, 4, 60, 101, 0);
	PACKET(seen, 1, 4294967295 * S, 0, 0, 101, 0);
	seen_free(&seen);
}

START_TEST(pcap_in_both_byte_orders_and_resolutions)
{
	SEE(TWO(LE16, LE32, 0xa1b2c3d4));
	two_packets(1000);
	SEE(TWO(BE16, BE32, 0xa1b2c3d4));
	two_packets(1000);
	SEE(TWO(LE16, LE32, 0xa1b23c4d));
	two_packets(1);
	SEE(TWO(BE16, BE32, 0xa1b23c4d));
	two_packets(1);
}
END_TEST

/* Kuznetzov's format: interface index, protocol, packet type and a pad byte in each record. */
START_TEST(modified_pcap_has_longer_record_headers)
{
	SEE(PCAP(LE16, LE32, 0xa1b2cd34, 65535, 1), RECORD(LE32, 5, 6, 4, 70), LE32(3),
		LE16(0x0800), 0, 0, B4, RECORD(LE32, 5, 7, 8, 8), LE32(3), LE16(0x0800), 4, 0, B8);
	ck_assert_int_eq(seen.end, SF_EOF);
	ck_assert_uint_eq(seen.count, 2);
	PACKET(seen, 0, 5 * S + 6000, 4, 70, 1, 0);
	PACKET(seen, 1, 5 * S + 7000, 8, 8, 1, 0);
	ck_assert_uint_eq(seen.packet[0].flags, 0);
	ck_assert_uint_eq(seen.packet[1].flags, SF_PACKET_OUTGOING);
	seen_free(&seen);
	SEE(PCAP(BE16, BE32, 0xa1b2cd34, 65535, 1), RECORD(BE32, 5, 6, 4, 70), BE32(3),
		BE16(0x0800), 0, 0, B4);
	ck_assert_int_eq(seen.end, SF_EOF);
	PACKET(seen, 0, 5 * S + 6000, 4, 70, 1, 0);
	seen_free(&seen);
}
END_TEST

START_TEST(pcap_link_type_is_the_lower_half_of_its_word)
{
	SEE(PCAP(LE16, LE32, 0xa1b2c3d4, 65535, 0x24000001), RECORD(LE32, 1, 0, 4, 4), B4);
	PACKET(seen, 0, 1 * S, 4, 4, 1, 0); /* an FCS of 2 × 16 bits ends each frame */
	seen_free(&seen);
	SEE(PCAP(LE16, LE32, 0xa1b2c3d4, 65535, 12), RECORD(LE32, 1, 0, 4, 4), B4);
	PACKET(seen, 0, 1 * S, 4, 4, SF_LINK_RAW_BSD, 0);
	seen_free(&seen);
}
END_TEST

/* Versions before 2.3 wrote the length on the wire first, 2.3 sometimes did. */
START_TEST(old_pcap_versions_exchange_the_lengths)
{
#define OLD(minor, first, second)                                                                  \
	LE32(0xa1b2c3d4), LE16(2), LE16(minor), LE32(0), LE32(0), LE32(65535), LE32(1),            \
		RECORD(LE32, 1, 0, first, second), B4
	SEE(OLD(2, 60, 4));
	PACKET(seen, 0, 1 * S, 4, 60, 1, 0);
	seen_free(&seen);
	SEE(OLD(3, 60, 4));
	PACKET(seen, 0, 1 * S, 4, 60, 1, 0);
	seen_free(&seen);
	SEE(OLD(3, 4, 60));
	PACKET(seen, 0, 1 * S, 4, 60, 1, 0);
	seen_free(&seen);
	SEE(OLD(4, 4, 3)); /* more captured than was on the wire: as the file says */
	PACKET(seen, 0, 1 * S, 4, 3, 1, 0);
	seen_free(&seen);
	SEE(OLD(5, 4, 60));
	ck_assert_int_eq(seen.end, SF_EUNSUPPORTED);
	ck_assert_str_eq(seen.text, "byte 0: pcap version 2.5 is not supported (2.0 … 2.4 are)");
	seen_free(&seen);
}
END_TEST

START_TEST(pcap_record_too_long_to_be_true_is_corrupt)
{
	SEE(PCAP(LE16, LE32, 0xa1b2c3d4, 96, 1), RECORD(LE32, 1, 0, 4, 4), B4,
		RECORD(LE32, 1, 0, 96 + 262144 + 1, 60), B4);
	ck_assert_int_eq(seen.end, SF_ECORRUPT);
	ck_assert_str_eq(seen.text, "byte 44: a packet record claims 262241 captured bytes (at "
				    "most 262240 can be right)");
	ck_assert_uint_eq(seen.count, 1);
	seen_free(&seen);
	SEE(PCAP(LE16, LE32, 0xa1b2c3d4, 0, 1), RECORD(LE32, 1, 0, 0x01000001, 60), B4);
	ck_assert_int_eq(seen.end, SF_ECORRUPT);
	seen_free(&seen);
}
END_TEST

/* Longer than the chunk, than the headroom and than the snap length. */
START_TEST(packets_larger_than_the_buffer_make_it_grow)
{
	enum { LENGTH = 3000000 };
	static const uint8_t header[] = { PCAP(LE16, LE32, 0xa1b2c3d4, 0, 1) };
	static const uint8_t record[] = { RECORD(LE32, 1, 0, LENGTH, LENGTH) };
	size_t length = sizeof(header) + 3 * (sizeof(record) + LENGTH);
	uint8_t *file = malloc(length), *p = file;

	p = (uint8_t *)mempcpy(p, header, sizeof(header));
	for (int i = 0; i < 3; i++) {
		p = (uint8_t *)mempcpy(p, record, sizeof(record));
		for (int b = 0; b < LENGTH; b++)
			*p++ = (uint8_t)(b * 7 + i);
	}
	for (size_t chunk = 4096; chunk <= SF_STREAM_CHUNK; chunk *= 8) {
		see_bytes(&seen, file, length, chunk);
		ck_assert_int_eq(seen.end, SF_EOF);
		ck_assert_uint_eq(seen.count, 3);
		for (unsigned i = 0; i < 3; i++)
			ck_assert_mem_eq(seen_data(&seen, i),
				file + 40 + i * (sizeof(record) + LENGTH), LENGTH);
		seen_free(&seen);
	}
	free(file);
}
END_TEST

/* Every cut of a file: the whole packets before it come out, then the failure names the place. */
static void see_cuts(const uint8_t *file, const size_t *ends, unsigned end_count, size_t length)
{
	for (size_t cut = 0; cut <= length; cut++) {
		unsigned whole = 0;
		bool clean = false;

		/* ends: where the file may end; a packet lies before each except the first */
		for (unsigned i = 0; i < end_count; i++) {
			clean |= cut == ends[i];
			whole += i && cut >= ends[i];
		}
		for (size_t chunk = 1; chunk < length + 5; chunk += 6) {
			see_bytes(&seen, file, cut, chunk);
			ck_assert_uint_eq(seen.count, whole);
			ck_assert_int_eq(seen.end, clean ? SF_EOF : SF_ECORRUPT);
			if (!clean && cut)
				ck_assert_ptr_nonnull(strstr(seen.text, "cut off in"));
			seen_free(&seen);
		}
	}
}

START_TEST(pcap_cut_anywhere_gives_what_was_before)
{
	static const uint8_t file[] = { PCAP(LE16, LE32, 0xa1b2c3d4, 65535, 1),
		RECORD(LE32, 1, 0, 4, 60), B4, RECORD(LE32, 2, 0, 8, 60), B8,
		RECORD(LE32, 3, 0, 0, 60) };

	see_cuts(file, (const size_t[]){ 24, 44, 68, 84 }, 4, sizeof(file));
}
END_TEST

START_TEST(pcapng_cut_anywhere_gives_what_was_before)
{
	static const uint8_t file[] = { SECTION(BE16, BE32), INTERFACE(BE16, BE32, 1, 0),
		ENHANCED(BE32, 36, 0, 1000000, 4, 60), B4, BE32(36),
		ENHANCED(BE32, 40, 0, 2000000, 8, 60), B8, BE32(40) };
	/* a section header alone is a capture without packets */
	static const size_t ends[] = { 48, 84, 124 };

	for (size_t cut = 0; cut < 48; cut++) {
		see_bytes(&seen, file, cut, 5);
		ck_assert_int_eq(seen.end, cut == 28 ? SF_EOF : SF_ECORRUPT);
		ck_assert_uint_eq(seen.count, 0);
		seen_free(&seen);
	}
	for (size_t cut = 48; cut <= sizeof(file); cut++) {
		see_bytes(&seen, file, cut, 11);
		ck_assert_uint_eq(seen.count, (cut >= ends[1]) + (cut >= ends[2]));
		ck_assert_int_eq(seen.end,
			cut == ends[0] || cut == ends[1] || cut == ends[2] ? SF_EOF : SF_ECORRUPT);
		seen_free(&seen);
	}
}
END_TEST

START_TEST(failures_say_where_and_what)
{
	SEE(PCAP(LE16, LE32, 0xa1b2c3d4, 65535, 1), RECORD(LE32, 1, 0, 4, 60), B4,
		RECORD(LE32, 1, 0, 4, 60), 0xb0);
	ck_assert_str_eq(seen.text, "byte 44: the file is cut off in a packet record: 17 of at "
				    "least 20 bytes are there");
	seen_free(&seen);
	see_bytes(&seen, "", 0, 16);
	ck_assert_int_eq(seen.end, SF_ECORRUPT);
	ck_assert_str_eq(seen.text, "byte 0: the file is empty");
	seen_free(&seen);
	see_bytes(&seen, "PK\x03\x04____", 8, 16);
	ck_assert_int_eq(seen.end, SF_EUNSUPPORTED);
	ck_assert_str_eq(seen.text, "not a capture file: it is a zip archive; extract it first");
	seen_free(&seen);
	see_bytes(&seen, "Dear diary", 10, 16);
	ck_assert_int_eq(seen.end, SF_EUNSUPPORTED);
	ck_assert_ptr_nonnull(
		strstr(seen.text, "not a capture file: it begins with 44 65 61 72; pcap "
				  "and pcapng are read, "));
	seen_free(&seen);
}
END_TEST

/* What people have in the same folders. */
START_TEST(files_of_other_kinds_are_named)
{
	static const uint8_t ipfix[] = { BE16(10), BE16(32), BE32(1700000000), BE32(0), BE32(1),
		BE16(2), BE16(16), BE16(256), BE16(2), BE16(8), BE16(4), BE16(12), BE16(4) };
	static uint8_t tar[512];

	see_bytes(&seen, ipfix, sizeof(ipfix), 64);
	ck_assert_str_eq(
		seen.text, "not a capture file: it is IPFIX; 'spanflow show FILE' reads it");
	seen_free(&seen);
	memcpy(tar, "caps/a.pcap", 11);
	memcpy(tar + 257, "ustar", 6);
	see_bytes(&seen, tar, sizeof(tar), 4096);
	ck_assert_str_eq(seen.text, "not a capture file: it is a tar archive; extract it first");
	seen_free(&seen);
}
END_TEST

CHECK_MAIN("file_format", pcap_in_both_byte_orders_and_resolutions,
	modified_pcap_has_longer_record_headers, pcap_link_type_is_the_lower_half_of_its_word,
	old_pcap_versions_exchange_the_lengths, pcap_record_too_long_to_be_true_is_corrupt,
	packets_larger_than_the_buffer_make_it_grow, pcap_cut_anywhere_gives_what_was_before,
	pcapng_cut_anywhere_gives_what_was_before, failures_say_where_and_what,
	files_of_other_kinds_are_named)
