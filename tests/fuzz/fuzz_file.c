/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capture-file reader on any bytes. Read at once and in small chunks, a file must give the same
 * packets and the same end, and in parts all packets once; no packet may reach outside the buffer, which is allocated to the
 * octet, so that AddressSanitizer sees it; times stay in range.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file/reader.h"
#include "meter/share.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Compressed input can be much longer than what it comes from; that much is enough. */
#define PACKETS_MAX 100000
#define PARTS       2

struct summary {
	uint64_t packets, bytes, hash;
	int end;
	char text[sizeof(((struct sf_error *)0)->text)];
};

static void check(bool holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "fuzz_file: %s\n", what);
		abort();
	}
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	return (hash ^ value) * 0x9e3779b97f4a7c15u;
}

static void take(struct summary *summary, const struct sf_packet *packet, unsigned slots)
{
	uint64_t hash = summary->hash;

	check(packet->time_ns >= 0 && packet->time_ns <= SF_READER_TIME_MAX, "time out of range");
	check(packet->interface < slots, "packet of an unknown interface");
	for (uint32_t i = 0; i < packet->captured; i++)
		hash = hash * 31 + packet->data[i];
	hash = mix(hash, (uint64_t)packet->time_ns);
	hash = mix(hash, (uint64_t)packet->captured << 32 | packet->wire);
	summary->hash =
		mix(hash, (uint64_t)packet->link << 32 | packet->interface << 16 | packet->flags);
	summary->packets++;
	summary->bytes += packet->captured;
}

/* The packets that `part` chooses, NULL: all. */
static void read_all(struct summary *summary, struct sf_part *part, const uint8_t *data,
	size_t size, size_t chunk, unsigned max)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct sf_slots *slots = calloc(1, sizeof(*slots));
	struct sf_packet packets[SF_BATCH_MAX];
	struct sf_reader reader;

	memset(summary, 0, sizeof(*summary));
	check(slots && fd >= 0 && write(fd, data, size) == (ssize_t)size, "no memory file");
	lseek(fd, 0, SEEK_SET);
	check(sf_reader_init(&reader, fd, UINT64_MAX, chunk, 1, slots) == 0, "no memory");
	while (reader.state < SF_READER_END && summary->packets < PACKETS_MAX) {
		unsigned count = sf_reader_decode_part(&reader, part, packets, 0, max, INT64_MAX);

		for (unsigned i = 0; i < count; i++)
			take(summary, &packets[i], slots->count);
		if (reader.state == SF_READER_HUNGRY)
			sf_reader_fill(&reader, 0);
	}
	if (reader.state == SF_READER_FAILED) {
		check(reader.error.code < 0 && *reader.error.text, "a failure without words");
		summary->end = reader.error.code;
		memcpy(summary->text, reader.error.text, sizeof(summary->text));
	}
	sf_reader_fini(&reader);
	sf_slots_fini(slots);
	free(slots);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct summary whole, pieces, parts[PARTS];
	uint64_t packets = 0, bytes = 0;

	read_all(&whole, NULL, data, size, size + 1, SF_BATCH_MAX);
	if (whole.packets >= PACKETS_MAX)
		return 0;
	read_all(&pieces, NULL, data, size, 1 + (size ? data[size - 1] : 0), 3);
	check(whole.packets == pieces.packets && whole.bytes == pieces.bytes &&
			whole.hash == pieces.hash && whole.end == pieces.end,
		"chunk size changes what is read");
	check(strcmp(whole.text, pieces.text) == 0, "chunk size changes the failure's text");
	for (unsigned i = 0; i < PARTS; i++) {
		static const uint64_t secret[2] = { 0x9e3779b97f4a7c15, 0x0fedcba987654321 };
		struct sf_clock clock;
		struct sf_part part;

		sf_clock_init(&clock, SF_NS_PER_S);
		sf_share_part(&part, PARTS, i, secret, &clock);
		read_all(&parts[i], &part, data, size, 1 + (size ? data[0] : 0), 7);
		check(part.seen == whole.packets, "a part does not look at all packets");
		check(parts[i].end == whole.end, "a part ends in another way");
		packets += parts[i].packets;
		bytes += parts[i].bytes;
	}
	check(packets == whole.packets && bytes == whole.bytes, "a packet is not one part's");
	return 0;
}
