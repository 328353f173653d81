/* SPDX-License-Identifier: BSD-2-Clause */
/* pcapng: what blocks and options mean, and what is wrong with them. */
#include "capture_bytes.h"
#include "check_main.h"

static struct seen seen;

#define S SF_NS_PER_S

/* options of pcapng */
#define OPTION(U16, code, length) U16(code), U16(length)
#define OPTION_END(U16)           U16(0), U16(0)
#define TSRESOL(U16, value)       OPTION(U16, 9, 1), value, 0, 0, 0
#define TSOFFSET(U16, U64, value) OPTION(U16, 14, 8), U64(value)

/* One interface with 8 octets of options; one packet of 4 octets at so many units. */
#define RESOLUTION(value, units)                                                                   \
	SECTION(LE16, LE32), INTERFACE_BEGIN(LE16, LE32, 28, 1, 0), TSRESOL(LE16, value),          \
		LE32(28), ENHANCED(LE32, 36, 0, units, 4, 60), B4, LE32(36)

static void one_packet(int64_t time_ns)
{
	ck_assert_int_eq(seen.end, SF_EOF);
	ck_assert_uint_eq(seen.count, 1);
	PACKET(seen, 0, time_ns, 4, 60, 1, 0);
	seen_free(&seen);
}

static void corrupt(unsigned packets, const char *text)
{
	ck_assert_int_eq(seen.end, SF_ECORRUPT);
	ck_assert_str_eq(seen.text, text);
	ck_assert_uint_eq(seen.count, packets);
	seen_free(&seen);
}

/* So many times and lengths were odd, the first of either at `first`. */
static void odd(unsigned times, unsigned lengths, const char *first)
{
	ck_assert_uint_eq(seen.oddities.times.count, times);
	ck_assert_uint_eq(seen.oddities.lengths.count, lengths);
	ck_assert_str_eq(times ? seen.oddities.times.first : seen.oddities.lengths.first, first);
}

START_TEST(interfaces_have_their_own_link_type_and_clock)
{
#define INTERFACES(U16, U32, U64)                                                                  \
	SECTION(U16, U32), INTERFACE(U16, U32, 1, 65535), INTERFACE_BEGIN(U16, U32, 52, 101, 96),  \
		OPTION(U16, 2, 5), 'e', 't', 'h', '0', 0, 0, 0, 0, TSRESOL(U16, 9),                \
		TSOFFSET(U16, U64, 100), U32(52), ENHANCED(U32, 40, 1, 5 * S + 7, 5, 60), B4,      \
		0xb4, 0, 0, 0, U32(40), INTERFACE(U16, U32, 113, 0),                               \
		ENHANCED(U32, 40, 0, 5000000, 8, 8), B8, U32(40),                                  \
		ENHANCED(U32, 32, 2, 6000001, 0, 70), U32(32)
	for (int order = 0; order < 2; order++) {
		if (order)
			SEE(INTERFACES(BE16, BE32, BE64));
		else
			SEE(INTERFACES(LE16, LE32, LE64));
		ck_assert_int_eq(seen.end, SF_EOF);
		ck_assert_uint_eq(seen.count, 3);
		PACKET(seen, 0, 105 * S + 7, 5, 60, 101, 1);
		PACKET(seen, 1, 5 * S, 8, 8, 1, 0);
		PACKET(seen, 2, 6 * S + 1000, 0, 70, 113, 2);
		seen_free(&seen);
	}
}
END_TEST

/* Each section has its own byte order and numbers its interfaces from 0 again. */
START_TEST(sections_start_anew)
{
	SEE(SECTION(LE16, LE32), INTERFACE(LE16, LE32, 1, 0), INTERFACE(LE16, LE32, 9, 0),
		ENHANCED(LE32, 36, 1, 1000000, 4, 60), B4, LE32(36), SECTION(BE16, BE32),
		INTERFACE(BE16, BE32, 101, 0), ENHANCED(BE32, 36, 0, 2000000, 4, 60), B4, BE32(36),
		SECTION(LE16, LE32), INTERFACE(LE16, LE32, 113, 0),
		ENHANCED(LE32, 36, 0, 3000000, 4, 60), B4, LE32(36),
		ENHANCED(LE32, 36, 1, 3000000, 4, 60), B4, LE32(36));
	PACKET(seen, 0, 1 * S, 4, 60, 9, 1);
	PACKET(seen, 1, 2 * S, 4, 60, 101, 0);
	PACKET(seen, 2, 3 * S, 4, 60, 113, 0);
	corrupt(3,
		"byte 272: a packet block has the number of an interface that was not described");
}
END_TEST

START_TEST(time_resolution_is_any_power_of_10_or_2)
{
	SEE(RESOLUTION(0, 1120646849));
	one_packet(1120646849 * S);
	SEE(RESOLUTION(3, 1120646849123));
	one_packet(1120646849123000000);
	SEE(RESOLUTION(6, 1120646849123456));
	one_packet(1120646849123456000);
	SEE(RESOLUTION(9, 1120646849123456789));
	one_packet(1120646849123456789);
	SEE(RESOLUTION(10, 11206468491234567899u));
	one_packet(1120646849123456789);
	SEE(RESOLUTION(12, 5123456789123));
	one_packet(5123456789);
	SEE(RESOLUTION(28, 10000000000000000000u));
	one_packet(1);
	SEE(RESOLUTION(0x80 | 20, (1120646849ull << 20) + (1 << 19)));
	one_packet(1120646849 * S + S / 2);
	SEE(RESOLUTION(0x80 | 0, 1120646849));
	one_packet(1120646849 * S);
	SEE(RESOLUTION(0x80 | 63, (5ull << 60) + (3ull << 60)));
	one_packet(1 * S);
	SEE(RESOLUTION(0x80 | 127, UINT64_MAX));
	one_packet(0);
	/* units so small that no number of them makes a nanosecond */
	SEE(RESOLUTION(29, 10000000000000000000u));
	one_packet(0);
	SEE(RESOLUTION(127, 12));
	one_packet(0);
	/* an option of a wrong length says nothing */
	SEE(SECTION(LE16, LE32), INTERFACE_BEGIN(LE16, LE32, 28, 1, 0), OPTION(LE16, 9, 2), 9, 9, 0,
		0, LE32(28), ENHANCED(LE32, 36, 0, 7000000, 4, 60), B4, LE32(36));
	odd(0, 1, "a.pcapng: byte 28");
	one_packet(7 * S);
}
END_TEST

START_TEST(times_outside_1970_to_2116_are_not_believed)
{
	static const char text[] = "a.pcapng: byte 56";

	SEE(RESOLUTION(9, (1ull << 62) - 1));
	one_packet((INT64_C(1) << 62) - 1);
	SEE(RESOLUTION(9, 1ull << 62));
	odd(1, 0, text);
	one_packet(0);
	SEE(RESOLUTION(6, UINT64_MAX));
	odd(1, 0, text);
	one_packet(0);
	SEE(RESOLUTION(0, 4611686018));
	one_packet(4611686018 * S);
	SEE(RESOLUTION(0, 4611686019));
	odd(1, 0, text);
	one_packet(0);
	SEE(RESOLUTION(0x80 | 31, UINT64_MAX));
	odd(1, 0, text);
	one_packet(0);
}
END_TEST

/*
 * A packet without a time has that of the packet before it; the first packets have that of the next
 * one.
 */
START_TEST(a_time_that_is_not_believed_is_that_of_the_packet_before)
{
#define AT_TIME(units) ENHANCED(LE32, 36, 0, units, 4, 60), B4, LE32(36)
#define NO_TIME        AT_TIME(UINT64_MAX)
	SEE(SECTION(LE16, LE32), INTERFACE(LE16, LE32, 1, 0), AT_TIME(1000000), NO_TIME,
		AT_TIME(2000000), NO_TIME, NO_TIME);
	ck_assert_int_eq(seen.end, SF_EOF);
	ck_assert_uint_eq(seen.count, 5);
	for (unsigned i = 0; i < 5; i++)
		PACKET(seen, i, (i < 2 ? 1 : 2) * S, 4, 60, 1, 0);
	odd(3, 0, "a.pcapng: byte 84");
	seen_free(&seen);

	SEE(SECTION(LE16, LE32), INTERFACE(LE16, LE32, 1, 0), NO_TIME, SIMPLE(LE32, 20, 4), B4,
		LE32(20), LE32(5), LE32(16), B4, LE32(16), AT_TIME(3000000), AT_TIME(4000000));
	ck_assert_int_eq(seen.end, SF_EOF);
	ck_assert_uint_eq(seen.count, 4);
	PACKET(seen, 0, 3 * S, 4, 60, 1, 0);
	PACKET(seen, 1, 3 * S, 4, 4, 1, 0);
	PACKET(seen, 3, 4 * S, 4, 60, 1, 0);
	odd(1, 0, "a.pcapng: byte 48");
	seen_free(&seen);
}
END_TEST

START_TEST(time_offset_is_signed_and_bounded)
{
#define OFFSET(offset, units)                                                                      \
	SECTION(BE16, BE32), INTERFACE_BEGIN(BE16, BE32, 32, 1, 0), TSOFFSET(BE16, BE64, offset),  \
		BE32(32), ENHANCED(BE32, 36, 0, units, 4, 60), B4, BE32(36)
	SEE(OFFSET(-3, 5000000));
	one_packet(2 * S);
	SEE(OFFSET(-6, 5000000));
	odd(1, 0, "a.pcapng: byte 60");
	one_packet(0);
	SEE(OFFSET(4611686018, 427387));
	one_packet(4611686018427387000);
	SEE(OFFSET(4611686019, 0));
	odd(1, 0, "a.pcapng: byte 60");
	one_packet(0);
	SEE(OFFSET(INT64_MIN, INT64_MAX));
	odd(1, 0, "a.pcapng: byte 60");
	one_packet(0);
}
END_TEST

/*
 * The captured length of a simple packet block is what the snap length leaves of the wire length.
 */
START_TEST(simple_packets_take_snap_length_and_time_from_elsewhere)
{
	SEE(SECTION(LE16, LE32), INTERFACE(LE16, LE32, 101, 5), SIMPLE(LE32, 24, 60), B8, LE32(24),
		ENHANCED(LE32, 36, 0, 1000000, 4, 60), B4, LE32(36), SIMPLE(LE32, 20, 3), B4,
		LE32(20));
	ck_assert_int_eq(seen.end, SF_EOF);
	ck_assert_uint_eq(seen.count, 3);
	PACKET(seen, 0, 1 * S, 5, 60, 101, 0);
	PACKET(seen, 2, 1 * S, 3, 3, 101, 0);
	seen_free(&seen);
	SEE(SECTION(LE16, LE32), INTERFACE(LE16, LE32, 101, 0), SIMPLE(LE32, 24, 9), B8, LE32(24));
	corrupt(0, "byte 48: a packet block has more captured bytes than it has room for");
	SEE(SECTION(LE16, LE32), SIMPLE(LE32, 24, 8), B8, LE32(24));
	corrupt(0, "byte 28: a packet block has no interface described before it");
}
END_TEST

START_TEST(obsolete_packet_blocks_are_read)
{
	SEE(SECTION(BE16, BE32), INTERFACE(BE16, BE32, 1, 0), INTERFACE(BE16, BE32, 101, 0),
		OLD_PACKET(BE16, BE32, 36, 1, 3000000, 4, 60), B4, BE32(36));
	ck_assert_int_eq(seen.end, SF_EOF);
	ck_assert_uint_eq(seen.count, 1);
	PACKET(seen, 0, 3 * S, 4, 60, 101, 1);
	seen_free(&seen);
}
END_TEST

START_TEST(a_packet_says_that_this_host_sent_it)
{
#define DIRECTION(bits)                                                                            \
	ENHANCED(LE32, 48, 0, 3000000, 4, 60), B4, OPTION(LE16, 2, 4), LE32(bits),                 \
		OPTION_END(LE16), LE32(48)
	SEE(SECTION(LE16, LE32), INTERFACE(LE16, LE32, 1, 0), DIRECTION(0), DIRECTION(1),
		DIRECTION(2), DIRECTION(6));
	ck_assert_int_eq(seen.end, SF_EOF);
	ck_assert_uint_eq(seen.count, 4);
	ck_assert_uint_eq(seen.packet[0].flags, 0);
	ck_assert_uint_eq(seen.packet[1].flags, 0);
	ck_assert_uint_eq(seen.packet[2].flags, SF_PACKET_OUTGOING);
	ck_assert_uint_eq(seen.packet[3].flags, SF_PACKET_OUTGOING);
	seen_free(&seen);
}
END_TEST

/* Custom blocks (0xbad), statistics (5) and blocks nobody knows are no packets. */
START_TEST(other_blocks_are_passed_over)
{
	SEE(SECTION(LE16, LE32), LE32(0x0bad), LE32(24), LE32(32473), B8, LE32(24),
		INTERFACE(LE16, LE32, 1, 0), LE32(5), LE32(12), LE32(12),
		ENHANCED(LE32, 36, 0, 1000000, 4, 60), B4, LE32(36), LE32(0x80000001), LE32(16), B4,
		LE32(16));
	one_packet(1 * S);
	SEE(SECTION(LE16, LE32), LE32(7), LE32(24), LE32(0), B8, LE32(20));
	corrupt(0, "byte 48: the block at byte 28 ends with length 20, but begins with 24");
}
END_TEST

/* Longer than any buffer: passed over as it streams by. */
START_TEST(a_block_of_any_length_can_be_passed_over)
{
	enum { LENGTH = 40 << 20 };
	static const uint8_t begin[] = { SECTION(LE16, LE32), INTERFACE(LE16, LE32, 1, 0), LE32(7),
		LE32(LENGTH) };
	static const uint8_t after[] = { LE32(LENGTH), ENHANCED(LE32, 36, 0, 1000000, 4, 60), B4,
		LE32(36) };
	int fd = bytes_to_fd(begin, sizeof(begin));

	ck_assert_int_gt(pwrite(fd, after, sizeof(after), sizeof(begin) + LENGTH - 12), 0);
	see_fd(&seen, fd, 65536, SF_BATCH_MAX);
	one_packet(1 * S);
	fd = bytes_to_fd(begin, sizeof(begin));
	ck_assert_int_eq(ftruncate(fd, sizeof(begin) + LENGTH / 2), 0);
	see_fd(&seen, fd, 65536, SF_BATCH_MAX);
	corrupt(0,
		"byte 20971576: the file is cut off in a block: 0 of at least 4 bytes are there");
}
END_TEST

START_TEST(wrong_lengths_are_corrupt)
{
#define AFTER_ONE(...)                                                                             \
	SEE(SECTION(LE16, LE32), INTERFACE(LE16, LE32, 1, 0),                                      \
		ENHANCED(LE32, 36, 0, 1000000, 4, 60), B4, LE32(36), __VA_ARGS__)

	AFTER_ONE(ENHANCED(LE32, 36, 0, 1000000, 4, 60), B4, LE32(40));
	corrupt(1, "byte 84: a block begins with length 36, but ends with 40");
	AFTER_ONE(ENHANCED(LE32, 36, 0, 1000000, 5, 60), B4, LE32(36));
	corrupt(1, "byte 84: a packet block has more captured bytes than it has room for");
	AFTER_ONE(ENHANCED(LE32, 36, 0, 1000000, ~0u, 60), B4, LE32(36));
	corrupt(1, "byte 84: a packet block has more captured bytes than it has room for");
	AFTER_ONE(ENHANCED(LE32, 37, 0, 1000000, 4, 60), B4, LE32(37), 0);
	corrupt(1, "byte 84: the file is cut off in a block: 37 of at least 40 bytes are there");
	AFTER_ONE(ENHANCED(LE32, 37, 0, 1000000, 4, 60), B4, LE32(36), LE32(38));
	corrupt(1, "byte 84: a block begins with length 37, but ends with 38");
	AFTER_ONE(LE32(6), LE32(28), LE32(0), LE32(0), LE32(0), LE32(0), LE32(28));
	corrupt(1, "byte 84: a block of type 0x6 has the impossible length 28");
	AFTER_ONE(LE32(7), LE32(8), LE32(0), LE32(0));
	corrupt(1, "byte 84: a block of type 0x7 has the impossible length 8");
	AFTER_ONE(LE32(6), LE32(0x20000000), LE32(0), LE32(0));
	corrupt(1, "byte 84: a block of type 0x6 claims 536870912 bytes (at most 17825792 can be "
		   "right)");
	AFTER_ONE(LE32(0x0a0d0d0a), LE32(28), LE32(0x1a2b3c4c), LE32(0));
	corrupt(1, "byte 84: a section header block has no byte order magic");
}
END_TEST

/* The length of the block may be rounded up or not; the place of the trailer shows which. */
START_TEST(lengths_that_are_no_multiple_of_4_are_read)
{
	AFTER_ONE(ENHANCED(LE32, 33, 0, 2000000, 1, 60), 0xb0, LE32(33), AT_TIME(3000000));
	ck_assert_int_eq(seen.end, SF_EOF);
	ck_assert_uint_eq(seen.count, 3);
	PACKET(seen, 1, 2 * S, 1, 60, 1, 0);
	PACKET(seen, 2, 3 * S, 4, 60, 1, 0);
	odd(0, 1, "a.pcapng: byte 84");
	seen_free(&seen);
	/* the second block: secrets of TLS, as Wireshark 3.0 wrote them */
#define PADDED(trailer)                                                                            \
	AFTER_ONE(ENHANCED(LE32, 33, 0, 2000000, 1, 60), 0xb0, 0, 0, 0, LE32(trailer), LE32(10),   \
		LE32(33), LE32(0x544c534b), LE32(13), B8, B4, 'n', 0, 0, 0, LE32(trailer),         \
		AT_TIME(3000000))
	for (unsigned i = 0; i < 2; i++) {
		if (i)
			PADDED(33);
		else
			PADDED(36);
		ck_assert_int_eq(seen.end, SF_EOF);
		ck_assert_uint_eq(seen.count, 3);
		PACKET(seen, 1, 2 * S, 1, 60, 1, 0);
		odd(0, 2, "a.pcapng: byte 84");
		seen_free(&seen);
	}
	AFTER_ONE(LE32(10), LE32(33), LE32(0x544c534b), LE32(13), B8, B4, 'n', LE32(33),
		AT_TIME(3000000));
	ck_assert_int_eq(seen.end, SF_EOF);
	ck_assert_uint_eq(seen.count, 2);
	odd(0, 1, "a.pcapng: byte 84");
	seen_free(&seen);
}
END_TEST

/* What comes before the odd option counts. */
START_TEST(options_that_cannot_be_right_are_left_out)
{
	AFTER_ONE(ENHANCED(LE32, 52, 0, 1000000, 4, 60), B4, OPTION(LE16, 2, 4), LE32(2),
		OPTION(LE16, 2, 8), B4, LE32(52));
	ck_assert_int_eq(seen.end, SF_EOF);
	ck_assert_uint_eq(seen.count, 2);
	ck_assert_uint_eq(seen.packet[1].flags, SF_PACKET_OUTGOING);
	odd(0, 1, "a.pcapng: byte 84");
	seen_free(&seen);
	AFTER_ONE(ENHANCED(LE32, 40, 0, 1000000, 4, 60), B4, OPTION(LE16, 0, 4), LE32(40),
		INTERFACE_BEGIN(LE16, LE32, 28, 1, 0), OPTION(LE16, 2, 5), B4, LE32(28),
		LE32(0x0a0d0d0a), LE32(32), LE32(0x1a2b3c4d), LE16(1), LE16(0), LE32(~0u),
		LE32(~0u), OPTION(LE16, 4, 1), LE32(32));
	ck_assert_int_eq(seen.end, SF_EOF);
	ck_assert_uint_eq(seen.count, 2);
	odd(0, 3, "a.pcapng: byte 84");
	seen_free(&seen);
}
END_TEST

START_TEST(pcapng_of_another_version_is_not_guessed_at)
{
	SEE(LE32(0x0a0d0d0a), LE32(28), LE32(0x1a2b3c4d), LE16(2), LE16(0), LE64(-1), LE32(28));
	ck_assert_int_eq(seen.end, SF_EUNSUPPORTED);
	ck_assert_str_eq(seen.text, "byte 0: pcapng version 2.0 is not supported (1.0 is)");
	seen_free(&seen);
}
END_TEST

CHECK_MAIN("file_pcapng", interfaces_have_their_own_link_type_and_clock, sections_start_anew,
	time_resolution_is_any_power_of_10_or_2, times_outside_1970_to_2116_are_not_believed,
	a_time_that_is_not_believed_is_that_of_the_packet_before, time_offset_is_signed_and_bounded,
	simple_packets_take_snap_length_and_time_from_elsewhere, obsolete_packet_blocks_are_read,
	a_packet_says_that_this_host_sent_it, other_blocks_are_passed_over,
	a_block_of_any_length_can_be_passed_over, wrong_lengths_are_corrupt,
	lengths_that_are_no_multiple_of_4_are_read, options_that_cannot_be_right_are_left_out,
	pcapng_of_another_version_is_not_guessed_at)
