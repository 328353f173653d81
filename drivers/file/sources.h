/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inputs of a capture: the files named, those of the directories named, standard input. Each
 * regular file is looked into once at start, for the time of its first packet, and closed again:
 * thousands of rotated files then need as many descriptors as overlap in time. What cannot be
 * opened twice (standard input, pipes) stays open. A file that grows is read as far as it went when
 * it was looked into: then it is known how much there is to do.
 */
#ifndef SPANFLOW_FILE_SOURCES_H
#define SPANFLOW_FILE_SOURCES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <spanflow/capture.h>

#include "file/list.h"
#include "file/reader.h"

#define SF_NO_LEAF UINT32_MAX

enum sf_source_end {
	SF_SOURCE_GOES_ON,
	SF_SOURCE_ENDED, /* it brings no more packets; the last ones may be in the batch, */
	SF_SOURCE_PAST,  /* or only in those of other queues */
};

struct sf_source {
	char *path;
	unsigned order; /* place on the command line */
	bool in_directory;
	uint64_t size; /* when it was looked into; UINT64_MAX: not known */
	dev_t device;
	ino_t inode;
	int64_t first_ns;         /* of the first packet; INT64_MIN: no packet, or not known */
	unsigned leaf;            /* its place in the merge (merge.h) */
	struct sf_reader *reader; /* NULL: not open */
	uint64_t counted;         /* bytes already in the statistics */
	enum sf_source_end end;
};

struct sf_sources {
	/* how they are opened; set before sf_sources_open() */
	unsigned queues;        /* that take turns in reading */
	struct sf_slots *slots; /* for their interfaces */
	struct sf_oddities *oddities;
	struct sf_sorting *sorting;
	struct sf_source *list; /* by first packet time, then by order */
	unsigned count;
	struct sf_list listed; /* what was left out */
	uint64_t bytes_total;  /* of the regular files; 0 when some input's size is unknown */
	bool unknown_size;
	char formats[128]; /* "pcap, pcapng+gzip" */
};

/*
 * Finds and looks into all inputs. Fails when one is missing or not readable, or was named itself
 * and is no capture or one this build cannot read; a damaged capture is an input (reading it will
 * tell). Describes interfaces only of inputs that stay open.
 */
int sf_sources_open(struct sf_sources *sources, const char *const *names, unsigned count,
	struct sf_error *error);
void sf_sources_fini(struct sf_sources *sources);

/* Opens one of them for reading in chunks that suit its size and the number of files open. */
int sf_source_open(const struct sf_sources *sources, struct sf_source *source, unsigned open_files,
	struct sf_error *error);
void sf_source_close(struct sf_source *source);

/* The name for messages. */
const char *sf_source_name(const struct sf_source *source);

#endif
