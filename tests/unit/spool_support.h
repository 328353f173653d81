/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the spool share: a disk in memory, and runs of an exporter with a spool on it
 * against a simulated network, clock and collector.
 */
#ifndef TESTS_SPOOL_SUPPORT_H
#define TESTS_SPOOL_SUPPORT_H

#include "simulated_collector.h"

#define FILES 512

/* ---------------------------------------------------------------- a disk in memory */

struct sim_file {
	uint64_t number; /* 0: none */
	uint8_t *bytes;
	size_t length;
};

static struct sim_disk {
	struct sf_disk disk; /* first */
	struct sim_file files[FILES];
	size_t capacity;    /* bytes of all files; then ENOSPC */
	unsigned write_max; /* bytes of one write; 0: any */
	unsigned dies_in;   /* operations until the machine dies; 0: never */
	bool dead;
} disk;

static inline bool sim_dies(void)
{
	if (disk.dies_in && --disk.dies_in == 0)
		disk.dead = true;
	return disk.dead;
}

static inline size_t disk_used(void)
{
	size_t sum = 0;

	for (unsigned i = 0; i < FILES; i++)
		sum += disk.files[i].length;
	return sum;
}

static inline uint64_t sim_disk_next(struct sf_disk *unused, uint64_t after)
{
	uint64_t next = 0;

	(void)unused;
	for (unsigned i = 0; i < FILES; i++)
		if (disk.files[i].number > after && (!next || disk.files[i].number < next))
			next = disk.files[i].number;
	return next;
}

static inline int sim_disk_file(struct sf_disk *unused, uint64_t number, bool create)
{
	int unused_slot = -1;

	(void)unused;
	if (sim_dies())
		return -EIO;
	for (int i = FILES - 1; i >= 0; i--) {
		if (disk.files[i].number == number)
			return i;
		if (disk.files[i].number == 0)
			unused_slot = i;
	}
	if (!create)
		return -ENOENT;
	ck_assert(unused_slot >= 0);
	disk.files[unused_slot].number = number;
	return unused_slot;
}

static inline ssize_t sim_disk_read(
	struct sf_disk *unused, int handle, void *to, size_t length, uint64_t offset)
{
	const struct sim_file *file = &disk.files[handle];

	(void)unused;
	if (disk.dead)
		return -EIO;
	if (offset >= file->length)
		return 0;
	if (length > file->length - offset)
		length = file->length - offset;
	memcpy(to, file->bytes + offset, length);
	return (ssize_t)length;
}

static inline ssize_t sim_disk_write(
	struct sf_disk *unused, int handle, const void *from, size_t length, uint64_t offset)
{
	struct sim_file *file = &disk.files[handle];

	(void)unused;
	if (disk.dead)
		return -EIO;
	if (disk.write_max && length > disk.write_max)
		length = disk.write_max;
	/* what was being written when the machine died is there in part */
	if (sim_dies())
		length /= 2;
	if (disk.capacity && offset + length > file->length && disk_used() + length > disk.capacity)
		return -ENOSPC;
	if (offset + length > file->length) {
		file->bytes = realloc(file->bytes, offset + length);
		memset(file->bytes + file->length, 0, offset + length - file->length);
		file->length = offset + length;
	}
	memcpy(file->bytes + offset, from, length);
	return disk.dead ? -EIO : (ssize_t)length;
}

static inline int sim_disk_truncate(struct sf_disk *unused, int handle, uint64_t length)
{
	(void)unused;
	if (sim_dies())
		return -EIO;
	if (length < disk.files[handle].length)
		disk.files[handle].length = length;
	return 0;
}

static inline void sim_disk_close(struct sf_disk *unused, int handle)
{
	(void)unused, (void)handle;
}

static inline int sim_disk_remove(struct sf_disk *unused, uint64_t number)
{
	(void)unused;
	if (sim_dies())
		return -EIO;
	for (unsigned i = 0; i < FILES; i++)
		if (disk.files[i].number == number) {
			free(disk.files[i].bytes);
			disk.files[i] = (struct sim_file){ 0 };
			return 0;
		}
	return -ENOENT;
}

static inline void sim_disk_free(struct sf_disk *unused)
{
	(void)unused;
}

static const struct sf_disk_ops disk_ops = {
	.next = sim_disk_next,
	.open = sim_disk_file,
	.read = sim_disk_read,
	.write = sim_disk_write,
	.truncate = sim_disk_truncate,
	.close = sim_disk_close,
	.remove = sim_disk_remove,
	.free = sim_disk_free,
};

static inline void disk_init(void)
{
	for (unsigned i = 0; i < FILES; i++)
		free(disk.files[i].bytes);
	memset(&disk, 0, sizeof(disk));
	disk.disk.ops = &disk_ops;
}

/* ---------------------------------------------------------------- runs */

static struct sim sim;
static struct sim_exporter out;

static inline void begin_sim(uint64_t spool_octets)
{
	disk_init();
	sim_init(&sim);
	sim.disk = &disk.disk;
	sim.spool = (struct sf_spool_options){ .octets = spool_octets };
	memset(&out, 0, sizeof(out));
}

/* A run; its records have the ids behind those of the run before. */
static inline void begin_run(uint64_t number, uint64_t queue_records)
{
	unsigned put = out.put;

	disk.dead = false;
	sim.spool.run = number;
	sim.profile = number % 2 ? SF_PROFILE_DEFAULT : SF_PROFILE_EXTENDED;
	sim_export(&out, &sim, S, queue_records, true);
	out.put = put;
}

static inline struct sf_destination_stats end_run(void)
{
	struct sf_destination *destination = out.destination;
	struct sf_destination_stats stats;

	sf_destination_drop(&out.queue, destination,
		destination->fails ? destination->lost_as : SF_FATE_LOST_stopped);
	destination->ops->finish(destination);
	stats = destination->stats;
	destination->ops->free(destination);
	sf_queue_free(&out.queue);
	ck_assert_msg(sf_destination_balanced(&stats),
		"offered %lu inherited %lu sent %lu spooled %lu",
		(unsigned long)stats.offered.records, (unsigned long)stats.inherited.records,
		(unsigned long)stats.sent.records, (unsigned long)stats.spooled.records);
	return stats;
}

/*
 * The process is killed: what it had in memory is gone. Returns how many records that were, at
 * most.
 */
static inline uint64_t kill_run(struct sf_destination_stats *stats)
{
	struct sf_destination *destination = out.destination;
	struct sf_destination_count waiting;

	*stats = destination->stats;
	sf_count_add(&stats->offered, &destination->queued);
	ck_assert(sf_destination_waiting(stats, &waiting));
	disk.dead = true;
	destination->ops->free(destination);
	sf_queue_free(&out.queue);
	disk.dead = false;
	disk.dies_in = 0;
	sim_cut(&sim);
	return waiting.records - stats->spooled.records;
}

static inline void pump_and_deliver(unsigned steps, bool ending)
{
	while (steps--) {
		sim_pump(&out, &sim, S, ending);
		sim_deliver(&sim, SIZE_MAX);
	}
}

#endif
