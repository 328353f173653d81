/* SPDX-License-Identifier: BSD-2-Clause */
#include "transport/spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"

#define SEGMENT_MAX    ((uint64_t)8 << 20)
#define MAGIC          UINT64_C(0x5350414e53504c31) /* "SPANSPL1" */
#define MARK           UINT64_C(1)                  /* number of the file with the mark */
#define FIRST          UINT64_C(2)                  /* number of the first segment */
#define SEGMENT_HEADER 20
#define ENTRY_HEADER   40
#define MARK_LENGTH    36
#define MESSAGE_MAX    65535

/* ---------------------------------------------------------------- bytes */

/* Finds torn and damaged entries; it protects from no attacker. */
static uint32_t checksum(uint64_t seed, const uint8_t *p, size_t length)
{
	uint64_t sum = seed ^ length;

	for (; length >= 8; p += 8, length -= 8) {
		sum = (sum ^ sf_load_be64(p)) * UINT64_C(0x9e3779b97f4a7c15);
		sum ^= sum >> 29;
	}
	for (; length; p++, length--)
		sum = (sum ^ *p) * UINT64_C(0x9e3779b97f4a7c15);
	sum ^= sum >> 32;
	return (uint32_t)sum;
}

static bool is_before(struct sf_spool_place a, struct sf_spool_place b)
{
	return a.segment < b.segment || (a.segment == b.segment && a.offset < b.offset);
}

static int write_all(
	struct sf_spool *spool, int handle, const uint8_t *bytes, size_t length, uint64_t offset)
{
	while (length) {
		ssize_t n = spool->disk->ops->write(spool->disk, handle, bytes, length, offset);

		if (n <= 0)
			return n ? (int)n : -EIO;
		bytes += n;
		offset += (uint64_t)n;
		length -= (size_t)n;
	}
	return 0;
}

static bool read_all(
	struct sf_spool *spool, int handle, uint8_t *bytes, size_t length, uint64_t offset)
{
	while (length) {
		ssize_t n = spool->disk->ops->read(spool->disk, handle, bytes, length, offset);

		if (n <= 0)
			return false;
		bytes += n;
		offset += (uint64_t)n;
		length -= (size_t)n;
	}
	return true;
}

/* ---------------------------------------------------------------- entries */

static void write_header(uint8_t *header, enum sf_spool_kind kind, uint32_t length,
	uint16_t data_records, const struct sf_destination_count *flows)
{
	uint8_t *p = sf_store_be32(header, length);

	p = sf_store_be32(p, 0);
	p = sf_store_be16(p, (uint16_t)kind);
	p = sf_store_be16(p, data_records);
	p = sf_store_be32(p, 0);
	p = sf_store_be64(p, flows->records);
	p = sf_store_be64(p, flows->packets);
	sf_store_be64(p, flows->octets);
}

/* The entry at `offset`, its message in `room`. False: none is there, or it is damaged. */
static bool read_entry(struct sf_spool *spool, int handle, const struct sf_spool_segment *segment,
	uint64_t offset, struct sf_spool_entry *entry, uint8_t *room)
{
	uint8_t header[ENTRY_HEADER];
	uint32_t sum;

	if (!read_all(spool, handle, header, sizeof(header), offset))
		return false;
	*entry = (struct sf_spool_entry){
		.length = sf_load_be32(header),
		.kind = (enum sf_spool_kind)sf_load_be16(header + 8),
		.data_records = sf_load_be16(header + 10),
		.flows = { sf_load_be64(header + 16), sf_load_be64(header + 24),
			sf_load_be64(header + 32) },
		.run = segment->run,
		.start = { segment->number, offset },
	};
	if (entry->length < 16 || entry->length > MESSAGE_MAX ||
		!read_all(spool, handle, room, entry->length, offset + ENTRY_HEADER))
		return false;
	entry->end =
		(struct sf_spool_place){ segment->number, offset + ENTRY_HEADER + entry->length };
	sum = sf_load_be32(header + 4);
	sf_store_be32(header + 4, 0);
	return sum == checksum(checksum(segment->run ^ offset, header, sizeof(header)), room,
			      entry->length);
}

/* ---------------------------------------------------------------- segments */

static struct sf_spool_segment *append(struct sf_spool *spool, uint64_t number, uint64_t run)
{
	if (spool->count == spool->room) {
		unsigned room = spool->room ? 2 * spool->room : 64;
		struct sf_spool_segment *grown = realloc(spool->segments, room * sizeof(*grown));

		if (!grown)
			return NULL;
		spool->segments = grown;
		spool->room = room;
	}
	spool->segments[spool->count] =
		(struct sf_spool_segment){ number, run, SEGMENT_HEADER, { 0 } };
	spool->octets += SEGMENT_HEADER;
	return &spool->segments[spool->count++];
}

static void close_reader(struct sf_spool *spool)
{
	if (spool->reader >= 0)
		spool->disk->ops->close(spool->disk, spool->reader);
	spool->reader = -1;
}

static void close_writer(struct sf_spool *spool)
{
	if (spool->writer >= 0)
		spool->disk->ops->close(spool->disk, spool->writer);
	spool->writer = -1;
}

static void remove_first(struct sf_spool *spool)
{
	if (spool->reader >= 0 && spool->reader_segment == spool->segments[0].number)
		close_reader(spool);
	if (spool->count == 1)
		close_writer(spool);
	spool->disk->ops->remove(spool->disk, spool->segments[0].number);
	spool->octets -= spool->segments[0].size;
	spool->count--;
	memmove(spool->segments, spool->segments + 1, spool->count * sizeof(*spool->segments));
}

/* Number of the next segment. Numbers are never used twice, so that places stay in order. */
static uint64_t next_number(const struct sf_spool *spool)
{
	uint64_t number = spool->count ? spool->segments[spool->count - 1].number + 1 : FIRST;

	return number > spool->released.segment ? number : spool->released.segment + 1;
}

static int begin_segment(struct sf_spool *spool)
{
	uint64_t number = next_number(spool);
	uint8_t header[SEGMENT_HEADER] = { 0 };
	int code, handle;

	close_writer(spool);
	handle = spool->disk->ops->open(spool->disk, number, true);
	if (handle < 0)
		return handle;
	sf_store_be64(header, MAGIC);
	sf_store_be64(header + 8, spool->options.run);
	sf_store_be32(header + 16, checksum(number, header, 16));
	code = write_all(spool, handle, header, sizeof(header), 0);
	if (code == 0 && !append(spool, number, spool->options.run))
		code = -ENOMEM;
	if (code < 0) {
		spool->disk->ops->close(spool->disk, handle);
		spool->disk->ops->remove(spool->disk, number);
		return code;
	}
	spool->writer = handle;
	if (spool->count == 1)
		spool->read = (struct sf_spool_place){ number, SEGMENT_HEADER };
	return 0;
}

/* ---------------------------------------------------------------- the mark */

/* Writes the mark: the places up to which messages were delivered, and may have been. */
static void write_mark(
	struct sf_spool *spool, struct sf_spool_place delivered, struct sf_spool_place doubtful)
{
	uint8_t mark[MARK_LENGTH] = { 0 };
	int handle = spool->disk->ops->open(spool->disk, MARK, true);

	if (handle < 0)
		return;
	sf_store_be64(mark, delivered.segment);
	sf_store_be64(mark + 8, delivered.offset);
	sf_store_be64(mark + 16, doubtful.segment);
	sf_store_be64(mark + 24, doubtful.offset);
	sf_store_be32(mark + 32, checksum(MAGIC, mark, 32));
	write_all(spool, handle, mark, sizeof(mark), 0);
	spool->disk->ops->close(spool->disk, handle);
}

/* False: there is no mark, or a crash has torn it. */
static bool read_mark(struct sf_spool *spool)
{
	int handle = spool->disk->ops->open(spool->disk, MARK, false);
	uint8_t mark[MARK_LENGTH];
	bool valid;

	if (handle < 0)
		return false;
	valid = read_all(spool, handle, mark, sizeof(mark), 0) &&
		sf_load_be32(mark + 32) == checksum(MAGIC, mark, 32);
	spool->disk->ops->close(spool->disk, handle);
	if (!valid)
		return false;
	spool->released = (struct sf_spool_place){ sf_load_be64(mark), sf_load_be64(mark + 8) };
	spool->doubtful =
		(struct sf_spool_place){ sf_load_be64(mark + 16), sf_load_be64(mark + 24) };
	return true;
}

/* ---------------------------------------------------------------- opening */

/* Adds up the entries of a segment that an earlier run left. Cuts off what is torn. */
static int scan(struct sf_spool *spool, uint64_t number, uint8_t *room)
{
	const struct sf_disk_ops *ops = spool->disk->ops;
	uint8_t header[SEGMENT_HEADER], rest[1];
	struct sf_spool_segment *segment;
	struct sf_spool_entry entry;
	int handle = ops->open(spool->disk, number, false);

	if (handle < 0)
		return handle;
	if (!read_all(spool, handle, header, sizeof(header), 0) || sf_load_be64(header) != MAGIC ||
		sf_load_be32(header + 16) != checksum(number, header, 16)) {
		ops->close(spool->disk, handle);
		spool->torn_octets++;
		return ops->remove(spool->disk, number);
	}
	segment = append(spool, number, sf_load_be64(header + 8));
	if (!segment) {
		ops->close(spool->disk, handle);
		return -ENOMEM;
	}
	while (read_entry(spool, handle, segment, segment->size, &entry, room)) {
		bool done = number < spool->released.segment ||
			    (number == spool->released.segment &&
				    entry.end.offset <= spool->released.offset);

		segment->size = entry.end.offset;
		spool->octets += entry.length + ENTRY_HEADER;
		sf_count_add(&segment->flows, &entry.flows);
		if (!done)
			sf_count_add(&spool->unread, &entry.flows);
	}
	for (uint64_t at = segment->size; read_all(spool, handle, rest, 1, at); at++)
		spool->torn_octets++;
	ops->truncate(spool->disk, handle, segment->size);
	ops->close(spool->disk, handle);
	return 0;
}

int sf_spool_open(struct sf_spool *spool, struct sf_disk *disk,
	const struct sf_spool_options *options, struct sf_error *error)
{
	uint8_t *room = malloc(MESSAGE_MAX);
	uint64_t number = MARK;
	bool marked = false;
	int code = room ? 0 : -ENOMEM;

	memset(spool, 0, sizeof(*spool));
	spool->disk = disk;
	spool->options = *options;
	spool->writer = spool->reader = -1;
	if (code == 0)
		marked = read_mark(spool);
	while (code == 0 && (number = disk->ops->next(disk, number)) != 0)
		code = scan(spool, number, room);
	free(room);
	if (code < 0) {
		free(spool->segments);
		spool->segments = NULL;
		return sf_error_set(error, code, "cannot read the spool: %s", sf_strerror(code));
	}
	while (spool->count && spool->segments[0].number < spool->released.segment)
		remove_first(spool);
	if (spool->count)
		spool->read = (struct sf_spool_place){ spool->segments[0].number, SEGMENT_HEADER };
	if (is_before(spool->read, spool->released))
		spool->read = spool->released;
	/* nobody knows what was delivered */
	if (!marked && spool->count)
		spool->doubtful = (struct sf_spool_place){ spool->segments[spool->count - 1].number,
			UINT64_MAX };
	spool->inherited = spool->unread;
	/* it is there before a segment is read, also if the disk is full then */
	write_mark(spool, spool->released, spool->doubtful);
	return 0;
}

void sf_spool_close(struct sf_spool *spool)
{
	if (!spool->disk)
		return;
	if (spool->count)
		write_mark(spool, spool->read, spool->doubtful);
	else
		spool->disk->ops->remove(spool->disk, MARK);
	close_reader(spool);
	close_writer(spool);
	free(spool->segments);
	spool->disk->ops->free(spool->disk);
	spool->disk = NULL;
}

/* ---------------------------------------------------------------- writing */

static uint64_t segment_max(const struct sf_spool *spool)
{
	uint64_t part = spool->options.octets / 4;

	return part < SEGMENT_MAX ? part : SEGMENT_MAX;
}

bool sf_spool_is_full(const struct sf_spool *spool, uint32_t length)
{
	return spool->writer < 0 ||
	       spool->segments[spool->count - 1].size + ENTRY_HEADER + length > segment_max(spool);
}

void sf_spool_end_segment(struct sf_spool *spool)
{
	close_writer(spool);
}

void sf_spool_cancel_segment(struct sf_spool *spool)
{
	struct sf_spool_segment *last;

	if (spool->writer < 0)
		return;
	close_writer(spool);
	last = &spool->segments[spool->count - 1];
	if (spool->reader >= 0 && spool->reader_segment == last->number)
		close_reader(spool);
	spool->disk->ops->remove(spool->disk, last->number);
	spool->octets -= last->size;
	spool->count--;
}

/*
 * Drops the oldest segment that is neither read nor written now. A segment of which entries were
 * read is spared, because the peer may have them. False: there is no segment to drop.
 */
static bool drop_oldest(struct sf_spool *spool)
{
	struct sf_spool_segment *segment;
	unsigned i = 0;

	while (i < spool->count && spool->segments[i].number <= spool->read.segment &&
		!(spool->segments[i].number == spool->read.segment &&
			spool->read.offset == SEGMENT_HEADER))
		i++;
	if (i + 1 >= spool->count)
		return false;
	segment = &spool->segments[i];
	if (segment->number == spool->read.segment) {
		close_reader(spool);
		spool->read = (struct sf_spool_place){ segment[1].number, SEGMENT_HEADER };
	}
	spool->disk->ops->remove(spool->disk, segment->number);
	sf_count_add(&spool->dropped, &segment->flows);
	sf_count_subtract(&spool->unread, &segment->flows);
	spool->octets -= segment->size;
	spool->count--;
	memmove(segment, segment + 1, (spool->count - i) * sizeof(*segment));
	return true;
}

static int make_room(struct sf_spool *spool, uint32_t length)
{
	while (spool->octets + length + ENTRY_HEADER + SEGMENT_HEADER > spool->options.octets)
		if (spool->options.drop_newest || !drop_oldest(spool))
			return -EDQUOT;
	return 0;
}

int sf_spool_put(struct sf_spool *spool, enum sf_spool_kind kind, const uint8_t *bytes,
	uint32_t length, uint16_t data_records, const struct sf_destination_count *flows)
{
	uint8_t header[ENTRY_HEADER];
	struct sf_spool_segment *segment;
	int code = make_room(spool, length);

	if (code == 0 && spool->writer < 0)
		code = begin_segment(spool);
	if (code < 0)
		return code;
	segment = &spool->segments[spool->count - 1];
	write_header(header, kind, length, data_records, flows);
	sf_store_be32(
		header + 4, checksum(checksum(segment->run ^ segment->size, header, sizeof(header)),
				    bytes, length));
	code = write_all(spool, spool->writer, header, sizeof(header), segment->size);
	if (code == 0)
		code = write_all(spool, spool->writer, bytes, length, segment->size + ENTRY_HEADER);
	if (code < 0) {
		/*
		 * the part that was written is no entry; if it cannot be cut off, the next entry
		 * begins another segment
		 */
		if (spool->disk->ops->truncate(spool->disk, spool->writer, segment->size) < 0)
			close_writer(spool);
		return code;
	}
	segment->size += ENTRY_HEADER + length;
	spool->octets += ENTRY_HEADER + length;
	sf_count_add(&segment->flows, flows);
	sf_count_add(&spool->unread, flows);
	return 0;
}

/* ---------------------------------------------------------------- reading */

/* Moves `read` to the next entry. NULL: everything was read. */
static struct sf_spool_segment *reading(struct sf_spool *spool)
{
	for (unsigned i = 0; i < spool->count; i++) {
		struct sf_spool_segment *segment = &spool->segments[i];

		/* the segment of `read` may be gone */
		if (segment->number > spool->read.segment)
			spool->read = (struct sf_spool_place){ segment->number, SEGMENT_HEADER };
		if (segment->number == spool->read.segment && spool->read.offset < segment->size)
			return segment;
	}
	return NULL;
}

uint64_t sf_spool_next_run(const struct sf_spool *spool)
{
	for (unsigned i = 0; i < spool->count; i++) {
		const struct sf_spool_segment *segment = &spool->segments[i];

		if (segment->number > spool->read.segment
				? segment->size > SEGMENT_HEADER
				: segment->number == spool->read.segment &&
					  spool->read.offset < segment->size)
			return segment->run;
	}
	return 0;
}

/* Passes over the rest of a segment that cannot be read; its records are lost. */
static void pass_over(struct sf_spool *spool, const struct sf_spool_segment *segment)
{
	spool->torn_octets += segment->size - spool->read.offset;
	spool->read.offset = segment->size;
}

/*
 * Marks all entries of the segment that is read as perhaps delivered: after a crash that is not
 * known.
 */
static void mark_doubt(struct sf_spool *spool)
{
	struct sf_spool_place doubtful = { spool->reader_segment, UINT64_MAX };

	if (spool->reader < 0 || is_before(doubtful, spool->doubtful))
		doubtful = spool->doubtful;
	write_mark(spool, spool->released, doubtful);
}

static void open_reader(struct sf_spool *spool, uint64_t number)
{
	if (spool->reader >= 0 && spool->reader_segment == number)
		return;
	close_reader(spool);
	spool->reader = spool->disk->ops->open(spool->disk, number, false);
	spool->reader_segment = number;
	mark_doubt(spool);
}

void sf_spool_scan_templates(struct sf_spool *spool)
{
	spool->scan = SEGMENT_HEADER;
}

void sf_spool_doubt(struct sf_spool *spool, bool ahead)
{
	const struct sf_spool_segment *last =
		spool->count ? &spool->segments[spool->count - 1] : NULL;

	if (ahead)
		spool->doubtful = (struct sf_spool_place){ next_number(spool) + 16, UINT64_MAX };
	else if (last)
		spool->doubtful = (struct sf_spool_place){ last->number, last->size };
	mark_doubt(spool);
}

/* The next template of the present segment that lies before `read`. */
static bool next_template(struct sf_spool *spool, const struct sf_spool_segment *segment,
	struct sf_spool_entry *entry, uint8_t *room)
{
	while (spool->scan && spool->scan < spool->read.offset && spool->reader >= 0 &&
		read_entry(spool, spool->reader, segment, spool->scan, entry, room)) {
		spool->scan = entry->end.offset;
		entry->start = entry->end = spool->read;
		if (entry->kind == SF_SPOOL_TEMPLATES)
			return true;
	}
	spool->scan = 0;
	return false;
}

int sf_spool_next(struct sf_spool *spool, struct sf_spool_entry *entry, uint8_t *room)
{
	struct sf_spool_segment *segment;

	while ((segment = reading(spool)) != NULL) {
		open_reader(spool, segment->number);
		if (next_template(spool, segment, entry, room))
			return 1;
		if (spool->reader >= 0 && read_entry(spool, spool->reader, segment,
						  spool->read.offset, entry, room)) {
			spool->read = entry->end;
			sf_count_subtract(&spool->unread, &entry->flows);
			entry->repeated = !is_before(spool->doubtful, entry->end);
			return 1;
		}
		pass_over(spool, segment);
	}
	return 0;
}

void sf_spool_rewind(struct sf_spool *spool, struct sf_spool_place start,
	const struct sf_destination_count *flows, bool begun)
{
	if (begun && is_before(spool->doubtful, spool->read))
		spool->doubtful = spool->read;
	sf_count_add(&spool->unread, flows);
	spool->read = start;
}

void sf_spool_release(struct sf_spool *spool, struct sf_spool_place end)
{
	if (is_before(spool->released, end))
		spool->released = end;
	while (spool->count && (spool->segments[0].number < spool->released.segment ||
				       (spool->segments[0].number == spool->released.segment &&
					       spool->segments[0].size <= spool->released.offset)))
		remove_first(spool);
}
