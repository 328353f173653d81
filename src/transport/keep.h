/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which files of a series stay. The oldest ones are removed when they are too old, or when all of
 * them take too many bytes. Only files whose path matches the pattern are removed, and those
 * directories of the pattern that are empty then. The directory is read once, at the start; files
 * that are completed later are added.
 */
#ifndef SPANFLOW_TRANSPORT_KEEP_H
#define SPANFLOW_TRANSPORT_KEEP_H

#include "transport/pattern.h"

struct sf_kept {
	int64_t time_ns; /* when it was completed */
	uint64_t octets;
	char *name; /* path below the base */
};

struct sf_keep {
	int base;              /* descriptor of the directory, which is not closed here */
	int64_t age_ns;        /* 0: files of any age stay */
	uint64_t octets;       /* 0: any size */
	uint64_t sum;          /* bytes of the files */
	struct sf_kept *files; /* files[first … count-1], the oldest one first */
	size_t first, count, size;
	uint64_t removed;
};

/* Finds the files that are there. 0, -ENOMEM, or an error of the base directory. */
int sf_keep_start(struct sf_keep *keep, const struct sf_pattern *pattern, int base);

/* Adds a file that was completed. 0 or -ENOMEM: this run will not remove the file. */
int sf_keep_add(struct sf_keep *keep, const char *name, uint64_t octets, int64_t time_ns);

/*
 * Removes files that are not to stay. 0, or the error of the last file that could not be removed.
 */
int sf_keep_enforce(struct sf_keep *keep, int64_t now_ns);

void sf_keep_fini(struct sf_keep *keep);

#endif
