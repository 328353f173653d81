/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The spool of a collector: messages that the collector cannot take now, in their order, in files
 * of a directory. They survive the end of the process.
 *
 *	segment:  magic, run, checksum | entry | entry | …	a file; after 8 MiB the next one
 *	entry:    length, checksum, kind, counts of its flows | message
 *
 * Each segment begins with the templates of its messages, so it can be read by itself. `run` tells
 * which process wrote a segment: another one may have used other templates. A torn entry at the end
 * of a segment, which a crash has left, is cut off and counted. A mark in a further file says up to
 * which place the messages of the oldest segments were delivered.
 *
 *	sf_spool_open(&spool, disk, &options, &error);	finds what an earlier run has left
 *	sf_spool_put(&spool, SF_SPOOL_DATA, bytes, length, data_records, &flows);
 *	while (sf_spool_next(&spool, &entry, room) > 0) …	reads on
 *	sf_spool_rewind(&spool, entry.start, &flows, true);	reads from this entry on again
 *	sf_spool_release(&spool, entry.end);	delivered: the spool forgets up to here
 *	sf_spool_close(&spool);
 */
#ifndef SPANFLOW_TRANSPORT_SPOOL_H
#define SPANFLOW_TRANSPORT_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <spanflow/error.h>

#include "transport/outcome.h"

/*
 * Files of a directory, known by numbers. Negative results are errors. Tests implement another
 * disk.
 */
struct sf_disk;

struct sf_disk_ops {
	/* The smallest number above `after` of a file that is there; 0: there is none. */
	uint64_t (*next)(struct sf_disk *disk, uint64_t after);
	/* A handle for reading and writing; `create`: of a new file. */
	int (*open)(struct sf_disk *disk, uint64_t number, bool create);
	ssize_t (*read)(struct sf_disk *disk, int handle, void *to, size_t length, uint64_t offset);
	/* Bytes written: may be fewer. */
	ssize_t (*write)(
		struct sf_disk *disk, int handle, const void *from, size_t length, uint64_t offset);
	int (*truncate)(struct sf_disk *disk, int handle, uint64_t length);
	void (*close)(struct sf_disk *disk, int handle);
	int (*remove)(struct sf_disk *disk, uint64_t number);
	void (*free)(struct sf_disk *disk);
};

struct sf_disk {
	const struct sf_disk_ops *ops;
};

/*
 * Opens `path`/`name`, which is made if it does not exist. One process at a time uses it. Returns
 * 0, or an error with its text.
 */
int sf_disk_open(struct sf_disk **disk, const char *path, const char *name, struct sf_error *error);

enum sf_spool_kind { SF_SPOOL_TEMPLATES = 1, SF_SPOOL_DATA };

/* A place in the spool: up to here, in the segment of this number. */
struct sf_spool_place {
	uint64_t segment, offset;
};

/* Where a message lies; segment 0: not in a spool. */
struct sf_spool_span {
	struct sf_spool_place start, end;
};

struct sf_spool_entry {
	enum sf_spool_kind kind;
	uint64_t run;
	uint32_t length;
	uint16_t data_records;
	struct sf_destination_count flows;
	struct sf_spool_place start, end;
	bool repeated; /* it may have been delivered before: by a run that crashed, or see rewind */
};

struct sf_spool_options {
	uint64_t octets;  /* of all files, at most */
	bool drop_newest; /* when it is full; else the oldest segment is dropped */
	uint64_t run;     /* number of this run, never 0 */
};

struct sf_spool_segment {
	uint64_t number, run, size;
	struct sf_destination_count flows; /* of all its entries */
};

struct sf_spool {
	struct sf_disk *disk;
	struct sf_spool_options options;
	struct sf_spool_segment *segments; /* oldest first */
	unsigned count, room;
	uint64_t octets; /* of all segments */
	int writer;      /* handle of the last segment; -1: the next entry begins a new one */
	int reader;      /* handle of the segment of `read`; -1 */
	uint64_t reader_segment;
	struct sf_spool_place read;     /* the next entry to be read */
	struct sf_spool_place released; /* delivered up to here */
	struct sf_spool_place doubtful; /* entries up to here may have been delivered before */
	uint64_t scan;                  /* offset of the next template to read again; 0: none */
	struct sf_destination_count unread;
	/* results, which the owner reads */
	struct sf_destination_count inherited; /* flows that an earlier run has left */
	struct sf_destination_count
		dropped;      /* flows lost, as the spool was full; set to 0 by the owner */
	uint64_t torn_octets; /* cut off, because a crash left them incomplete */
};

/*
 * Takes over the segments of earlier runs, and begins this run. Returns 0, or an error with its
 * text: then `disk` stays the caller's. After success sf_spool_close() frees it.
 */
int sf_spool_open(struct sf_spool *spool, struct sf_disk *disk,
	const struct sf_spool_options *options, struct sf_error *error);

/* Leaves what was not released for the next run. */
void sf_spool_close(struct sf_spool *spool);

/* True if this message has to begin a segment, before which templates have to come. */
bool sf_spool_is_full(const struct sf_spool *spool, uint32_t length);

/* The next message begins a segment. */
void sf_spool_end_segment(struct sf_spool *spool);

/* Takes back the segment that was begun last, in which there are no flows yet. */
void sf_spool_cancel_segment(struct sf_spool *spool);

/*
 * Appends a message. Returns 0; -EDQUOT if the spool is full and drops the newest; or an error of
 * the disk. After a failure the spool is as it was before.
 */
int sf_spool_put(struct sf_spool *spool, enum sf_spool_kind kind, const uint8_t *bytes,
	uint32_t length, uint16_t data_records, const struct sf_destination_count *flows);

/* The run that wrote the next entry; 0: everything was read. */
uint64_t sf_spool_next_run(const struct sf_spool *spool);

/*
 * Makes sf_spool_next() read the templates of the present segment that lie before the place that
 * was reached.
 */
void sf_spool_scan_templates(struct sf_spool *spool);

/*
 * Marks all entries of the spool as perhaps delivered before. `ahead`: also those that are put
 * next; the caller calls again when they are there.
 */
void sf_spool_doubt(struct sf_spool *spool, bool ahead);

/* Reads the next entry into `room` (65535 bytes). 1; 0: there is none. Skips what is damaged. */
int sf_spool_next(struct sf_spool *spool, struct sf_spool_entry *entry, uint8_t *room);

/*
 * Goes back to `start`, to read again from there. `flows`: those of the data entries between
 * `start` and the place that was reached. `begun`: these entries may have been delivered.
 */
void sf_spool_rewind(struct sf_spool *spool, struct sf_spool_place start,
	const struct sf_destination_count *flows, bool begun);

/* The messages up to `end` were delivered. */
void sf_spool_release(struct sf_spool *spool, struct sf_spool_place end);

#endif
