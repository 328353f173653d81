/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capture-file reader on any bytes. Read at once and in small chunks, a file must give the same
 * packets and the same end, also by turns with buffers of their own; no packet may reach outside
 * the buffer, which is allocated to the octet, so that AddressSanitizer sees it; times stay in
 * range. Sorted by time it has the same packets in some order.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Compressed input can be much longer than what it comes from; that much is enough. */
#define PACKETS_MAX 100000
#define QUEUES      3

struct summary {
	uint64_t packets, bytes, hash;
	uint64_t sum; /* whatever the order */
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
	uint64_t hash = 0;

	check(packet->time_ns >= 0 && packet->time_ns <= SF_READER_TIME_MAX, "time out of range");
	check(packet->interface < slots, "packet of an unknown interface");
	for (uint32_t i = 0; i < packet->captured; i++)
		hash = hash * 31 + packet->data[i];
	hash = mix(hash, (uint64_t)packet->time_ns);
	hash = mix(hash, (uint64_t)packet->captured << 32 | packet->wire);
	hash = mix(hash, (uint64_t)packet->link << 32 | packet->interface << 16 | packet->flags);
	summary->hash = mix(summary->hash, hash);
	summary->sum += hash;
	summary->packets++;
	summary->bytes += packet->captured;
}

/* `sorted`: by time; with a part for `sorted` open files. */
static void read_all(struct summary *summary, const uint8_t *data, size_t size, size_t chunk,
	unsigned queues, unsigned max, unsigned sorted)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct sf_slots *slots = calloc(1, sizeof(*slots));
	struct sf_packet packets[SF_BATCH_MAX];
	static struct sf_sorting sorting;
	struct sf_reader reader;
	unsigned turns = 0;

	memset(summary, 0, sizeof(*summary));
	check(slots && fd >= 0 && write(fd, data, size) == (ssize_t)size, "no memory file");
	lseek(fd, 0, SEEK_SET);
	check(sf_reader_init(&reader, fd, UINT64_MAX, chunk, queues, slots) == 0, "no memory");
	if (sorted) {
		sorting.open = sorted;
		reader.sorting = &sorting;
		reader.name = "fuzz";
		check(sf_sort_begin(&reader, NULL, 0, size % 2) == 0, "no memory");
	}
	while (reader.state < SF_READER_END && summary->packets < PACKETS_MAX) {
		unsigned count;

		sorting.lending.queue = turns % queues;
		sorting.lending.turn[turns % queues]++;
		count = sf_reader_decode(&reader, packets, max, INT64_MAX);
		sf_reader_lend(&reader);
		for (unsigned i = 0; i < count; i++)
			take(summary, &packets[i], slots->count);
		/* the next queue's turn: it refills before its first packet */
		sf_file_stream_turn(&reader.stream, ++turns % queues, chunk);
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

static void same(const struct summary *whole, const struct summary *other, const char *what)
{
	check(whole->packets == other->packets && whole->bytes == other->bytes &&
			whole->hash == other->hash && whole->end == other->end &&
			strcmp(whole->text, other->text) == 0,
		what);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct summary whole, pieces, turns;

	read_all(&whole, data, size, size + 1, 1, SF_BATCH_MAX, 0);
	if (whole.packets >= PACKETS_MAX)
		return 0;
	read_all(&pieces, data, size, 1 + (size ? data[size - 1] : 0), 1, 3, 0);
	same(&whole, &pieces, "chunk size changes what is read");
	read_all(&turns, data, size, 1 + (size ? data[0] : 0), QUEUES, 7, 0);
	same(&whole, &turns, "turns change what is read");
	read_all(&turns, data, size, 1 + (size ? data[size / 2] : 0), QUEUES, 7, 64);
	turns.hash = turns.sum == whole.sum ? whole.hash : 0;
	same(&whole, &turns, "sorting changes what is read");
	return 0;
}
