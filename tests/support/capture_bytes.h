/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capture files as literal bytes, and what a reader makes of them.
 *
 *	static const uint8_t file[] = { PCAP(LE16, LE32, 0xa1b2c3d4, 65535, 1),
 *		RECORD(LE32, 7, 5, 60, B4), … };
 *	struct seen seen;
 *
 *	see_bytes(&seen, file, sizeof(file), 16);
 *	ck_assert_int_eq(seen.end, SF_EOF);
 */
#ifndef TESTS_CAPTURE_BYTES_H
#define TESTS_CAPTURE_BYTES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <spanflow/capture.h>

#include "check_quiet.h"
#include "file/reader.h"

#define LE16(x) (uint8_t)(x), (uint8_t)((x) >> 8)
#define LE32(x) LE16((uint32_t)(x)), LE16((uint32_t)(x) >> 16)
#define LE64(x) LE32((uint64_t)(x)), LE32((uint64_t)(x) >> 32)
#define BE16(x) (uint8_t)((x) >> 8), (uint8_t)(x)
#define BE32(x) BE16((uint32_t)(x) >> 16), BE16((uint32_t)(x))
#define BE64(x) BE32((uint64_t)(x) >> 32), BE32((uint64_t)(x))

/* pcap: file header; record header and bytes */
#define PCAP(U16, U32, magic, snaplen, link)                                                       \
	U32(magic), U16(2), U16(4), U32(0), U32(0), U32(snaplen), U32(link)
#define RECORD(U32, seconds, fraction, captured, wire)                                             \
	U32(seconds), U32(fraction), U32(captured), U32(wire)

/* pcapng: blocks without options unless given; `total` is the block's length */
#define SECTION(U16, U32)                                                                          \
	U32(0x0a0d0d0a), U32(28), U32(0x1a2b3c4d), U16(1), U16(0), U32(~0u), U32(~0u), U32(28)
#define INTERFACE(U16, U32, link, snaplen) U32(1), U32(20), U16(link), U16(0), U32(snaplen), U32(20)
#define INTERFACE_BEGIN(U16, U32, total, link, snaplen)                                            \
	U32(1), U32(total), U16(link), U16(0), U32(snaplen)
#define ENHANCED(U32, total, interface, units, captured, wire)                                     \
	U32(6), U32(total), U32(interface), U32((uint64_t)(units) >> 32), U32((uint64_t)(units)),  \
		U32(captured), U32(wire)
#define OLD_PACKET(U16, U32, total, interface, units, captured, wire)                              \
	U32(2), U32(total), U16(interface), U16(0), U32((uint64_t)(units) >> 32),                  \
		U32((uint64_t)(units)), U32(captured), U32(wire)
#define SIMPLE(U32, total, wire) U32(3), U32(total), U32(wire)

#define B4  0xb0, 0xb1, 0xb2, 0xb3
#define B8  B4, 0xb4, 0xb5, 0xb6, 0xb7
#define B16 B8, B8

#define SEEN_MAX 4096

/* What came out. */
struct seen {
	int end; /* SF_EOF or what failed */
	unsigned count;
	char text[512];                    /* of the failure */
	struct sf_packet packet[SEEN_MAX]; /* data points into bytes */
	uint8_t *bytes;
	size_t bytes_length, bytes_room;
	struct sf_oddities oddities;
};

static inline void seen_free(struct seen *seen)
{
	free(seen->bytes);
	memset(seen, 0, sizeof(*seen));
}

static inline void seen_add(struct seen *seen, const struct sf_packet *packet)
{
	struct sf_packet *kept = &seen->packet[seen->count++];

	ck_assert_uint_le(seen->count, SEEN_MAX);
	if (seen->bytes_room - seen->bytes_length < packet->captured) {
		seen->bytes_room = 2 * (seen->bytes_room + packet->captured);
		seen->bytes = realloc(seen->bytes, seen->bytes_room);
	}
	*kept = *packet;
	kept->data = NULL; /* see seen_data(): the bytes move */
	kept->vlan_tci = 0;
	if (packet->captured)
		memcpy(seen->bytes + seen->bytes_length, packet->data, packet->captured);
	seen->bytes_length += packet->captured;
}

static inline const uint8_t *seen_data(const struct seen *seen, unsigned number)
{
	const uint8_t *at = seen->bytes;

	for (unsigned i = 0; i < number; i++)
		at += seen->packet[i].captured;
	return at;
}

static inline int bytes_to_fd(const void *bytes, size_t length)
{
	int fd = memfd_create("capture", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* Reads a descriptor in chunks of so many bytes, in batches of `max`. Takes over fd. */
static inline void see_fd(struct seen *seen, int fd, size_t chunk, unsigned max)
{
	struct sf_packet batch[SF_BATCH_MAX];
	struct sf_reader reader;

	memset(seen, 0, sizeof(*seen));
	ck_assert_int_eq(sf_reader_init(&reader, fd, UINT64_MAX, chunk, 1, NULL), 0);
	reader.oddities = &seen->oddities;
	reader.name = "a.pcapng";
	while (reader.state < SF_READER_END) {
		unsigned n = sf_reader_decode(&reader, batch, max, INT64_MAX);

		for (unsigned i = 0; i < n; i++)
			seen_add(seen, &batch[i]);
		if (reader.state == SF_READER_HUNGRY)
			sf_reader_fill(&reader, 1000);
	}
	seen->end = reader.state == SF_READER_END ? SF_EOF : reader.error.code;
	snprintf(seen->text, sizeof(seen->text), "%s", reader.error.text);
	sf_reader_fini(&reader);
}

static inline void see_bytes(struct seen *seen, const void *bytes, size_t length, size_t chunk)
{
	see_fd(seen, bytes_to_fd(bytes, length), chunk, SF_BATCH_MAX);
}

/* Chunks of one byte up to the whole file at once must give the same packets and the same end. */
static inline void see_all_chunks(struct seen *seen, const uint8_t *file, size_t length)
{
	static struct seen other;

	see_bytes(seen, file, length, length + 1);
	for (size_t chunk = 1; chunk <= length; chunk = chunk < 40 ? chunk + 1 : chunk + 23) {
		see_fd(&other, bytes_to_fd(file, length), chunk, 1 + (unsigned)chunk % 3);
		ck_assert_int_eq(other.end, seen->end);
		ck_assert_str_eq(other.text, seen->text);
		ck_assert_uint_eq(other.count, seen->count);
		ck_assert_mem_eq(other.packet, seen->packet, seen->count * sizeof(seen->packet[0]));
		ck_assert_uint_eq(other.bytes_length, seen->bytes_length);
		if (seen->bytes_length)
			ck_assert_mem_eq(other.bytes, seen->bytes, seen->bytes_length);
		seen_free(&other);
	}
}

#define PACKET(seen, i, time, len, wire_len, link_type, slot)                                      \
	do {                                                                                       \
		ck_assert_uint_lt(i, (seen).count);                                                \
		ck_assert_int_eq((seen).packet[i].time_ns, time);                                  \
		ck_assert_uint_eq((seen).packet[i].captured, len);                                 \
		ck_assert_uint_eq((seen).packet[i].wire, wire_len);                                \
		ck_assert_uint_eq((seen).packet[i].link, link_type);                               \
		ck_assert_uint_eq((seen).packet[i].interface, slot);                               \
		for (int b = 0; b < (int)(len); b++)                                               \
			ck_assert_uint_eq(seen_data(&(seen), i)[b], 0xb0 + b % 8);                 \
	} while (0)

#define SEE(...)                                                                                   \
	do {                                                                                       \
		static const uint8_t file[] = { __VA_ARGS__ };                                     \
		see_all_chunks(&seen, file, sizeof(file));                                         \
	} while (0)

/* Receives everything from a capture that was opened. */
static inline void see_capture(struct seen *seen, struct sf_capture *capture, unsigned max)
{
	struct sf_packet batch[SF_BATCH_MAX];
	int n;

	memset(seen, 0, sizeof(*seen));
	while ((n = sf_capture_recv(capture, 0, batch, max)) >= 0) {
		for (int i = 0; i < n; i++)
			seen_add(seen, &batch[i]);
		sf_capture_release(capture, 0);
	}
	seen->end = n;
	snprintf(seen->text, sizeof(seen->text), "%s", capture->error.text);
}

/* Through the driver: these files as one capture. An open failure is seen as the end. */
static inline void see_files(struct seen *seen, const char *const *names, unsigned count)
{
	const struct sf_capture_ops *ops = sf_capture_driver("file");
	const struct sf_capture_options options = { .names = names, .name_count = count };
	struct sf_capture *capture;
	struct sf_error error;
	int rc = ops->open(&capture, &options, &error);

	memset(seen, 0, sizeof(*seen));
	seen->end = rc;
	if (rc < 0) {
		snprintf(seen->text, sizeof(seen->text), "%s", error.text);
		return;
	}
	see_capture(seen, capture, SF_BATCH_MAX);
	capture->ops->close(capture);
}

/* A directory of the test's own, and files in it. */
static inline const char *test_directory(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "/tmp/spanflow-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(path));
	return path;
}

/* Writes DIRECTORY/name; returns the path (to be freed). */
static inline char *test_file(
	const char *directory, const char *name, const void *bytes, size_t length)
{
	char *path = NULL;
	FILE *file;

	ck_assert_int_gt(asprintf(&path, "%s/%s", directory, name), 0);
	file = fopen(path, "wb");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
	ck_assert_int_eq(fclose(file), 0);
	return path;
}

#endif
