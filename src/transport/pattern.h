/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of files that have a time in them, and the directories of these files:
 * "flows/%Y/%m/%d/%H%M.ipfix.zst". The conversions are those of strftime(3) that give digits: %Y %m
 * %d %H %M %S %y %j %s and %F (%Y-%m-%d); %% is a percent sign. Times are in UTC, so that no hour
 * comes twice.
 *
 *	sf_pattern_init(&pattern, "flows/%H%M.ipfix", &error);
 *	pattern.base, pattern.names			    "flows", "%H%M.ipfix"
 *	sf_pattern_name(&pattern, time_ns, 0, name, size)   "1205.ipfix"
 *	sf_pattern_name(&pattern, time_ns, 1, name, size)   "1205-1.ipfix": 1205.ipfix exists
 *	sf_pattern_partial(name, partial, size)		    ".1205.ipfix.partial": not complete
 */
#ifndef SPANFLOW_TRANSPORT_PATTERN_H
#define SPANFLOW_TRANSPORT_PATTERN_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/error.h>

struct sf_pattern {
	char base[PATH_MAX];  /* directory in which all files are; "." for the present one */
	char names[PATH_MAX]; /* path below it, with conversions */
	size_t number_at;     /* offset in `names` at which "-1", "-2" … stand */
	bool timed;           /* there is a conversion other than %% */
	int64_t usual_ns;     /* how long such a file usually is: 5 minutes, an hour, a day */
};

/* SF_EUSAGE: another conversion, or the path is too long. */
int sf_pattern_init(struct sf_pattern *pattern, const char *path, struct sf_error *error);

/* The path below the base of a file that begins at this time; false: it does not fit. */
bool sf_pattern_name(const struct sf_pattern *pattern, int64_t time_ns, unsigned number, char *name,
	size_t size);

/* The name that the file has until it is complete; false: it does not fit. */
bool sf_pattern_partial(const char *name, char *partial, size_t size);

/*
 * True if an entry of a directory can be component `depth` of such a path (0: directly below the
 * base), with any time and number, complete or not. *last: the component is a file, and not a
 * directory.
 */
bool sf_pattern_matches(
	const struct sf_pattern *pattern, unsigned depth, const char *entry, bool *last);

/*
 * Opens the base directory. If it does not exist, makes it, with the directories above it, and sets
 * *made. Returns a descriptor, or -errno.
 */
int sf_pattern_open_base(const struct sf_pattern *pattern, bool *made);

/*
 * Makes the directories between `base` and the file `name` (shorter than PATH_MAX). Stops at the
 * first one that cannot be made; opening the file fails then, and tells why.
 */
void sf_pattern_make_directories(int base, const char *name);

#endif
