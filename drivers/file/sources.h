/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inputs of a capture: the files named, those in directories named, standard input. At the
 * start each regular file is examined once, for the time of its first packet, and closed again:
 * thousands of rotated files need only as many descriptors as files overlap in time. Standard input
 * and pipes cannot be opened twice and stay open. A file that still grows is read up to the size
 * that it had when it was examined, so that the amount of work is known.
 */
#ifndef SPANFLOW_FILE_SOURCES_H
#define SPANFLOW_FILE_SOURCES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <spanflow/capture.h>

#include "base/file_list.h"
#include "file/reader.h"

#define SF_NO_LEAF UINT32_MAX

enum sf_source_end {
	SF_SOURCE_GOES_ON,
	SF_SOURCE_ENDED, /* no more packets; the last ones may be in the present batch */
	SF_SOURCE_PAST,  /* no more packets; the last ones may be in batches of other queues */
};

/* Whether a file's first packets are in the order of time. */
enum sf_source_time {
	SF_SOURCE_NOT_LOOKED,
	SF_SOURCE_ORDERED,
	SF_SOURCE_UNORDERED,
	SF_SOURCE_UNKNOWN, /* they can be read only once, or are compressed */
};

struct sf_source {
	char *path;
	unsigned order; /* place on the command line */
	bool in_directory;
	uint64_t size; /* when it was examined; UINT64_MAX: not known */
	dev_t device;
	ino_t inode;
	int64_t first_ns; /* of the first packet; INT64_MIN: no packet, or not known */
	enum sf_source_time time;
	unsigned leaf;            /* its place in the merge (merge.h) */
	struct sf_reader *reader; /* NULL: not open */
	uint64_t counted;         /* bytes already in the statistics */
	enum sf_source_end end;
};

struct sf_sources {
	/* set before sf_sources_open() */
	unsigned queues;        /* queues that read in turns */
	struct sf_slots *slots; /* for the interfaces of the files */
	struct sf_oddities *oddities;
	struct sf_sorting *sorting;
	struct sf_source *list; /* by first packet time, then by order */
	unsigned count;
	struct sf_list listed; /* the files found, and what was left out */
	uint64_t bytes_total;  /* of the regular files; 0 when some input's size is unknown */
	bool unknown_size;
	char formats[128]; /* "pcap, pcapng+gzip" */
};

/*
 * Finds and examines all inputs. Fails if a name does not exist or is not readable, or if a file
 * that was named itself is not a capture that this build can read. A damaged capture is an input:
 * reading it gives the error later. Describes interfaces only of inputs that stay open.
 */
int sf_sources_open(struct sf_sources *sources, const char *const *names, unsigned count,
	struct sf_error *error);
void sf_sources_fini(struct sf_sources *sources);

/*
 * To be called before list[waiting] is opened. Looks through the next files for packets that are
 * not in the order of time, and sorts the list by the earliest packet of each file.
 */
void sf_sources_look_ahead(struct sf_sources *sources, unsigned waiting);

/* Opens an input; its size and the number of open files determine the size of the chunks. */
int sf_source_open(const struct sf_sources *sources, struct sf_source *source, unsigned open_files,
	struct sf_error *error);
void sf_source_close(struct sf_source *source);

/* The name for messages. */
const char *sf_source_name(const struct sf_source *source);

#endif
