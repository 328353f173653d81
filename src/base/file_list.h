/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of capture files: those named on the command line, and those in directories and their
 * subdirectories, in the order of the names. A file that is found several times is listed once:
 * under another name, through a link, or as x.pcap beside x.pcap.gz.
 */
#ifndef SPANFLOW_BASE_FILE_LIST_H
#define SPANFLOW_BASE_FILE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <spanflow/error.h>

/* Why an entry is not metered. */
enum sf_left_out {
	SF_LEFT_FOREIGN,    /* not a capture file */
	SF_LEFT_EMPTY,      /* no byte in it */
	SF_LEFT_SPECIAL,    /* neither a file nor a directory */
	SF_LEFT_UNREADABLE, /* a subdirectory */
	SF_LEFT_AGAIN,      /* a file or a directory that was found before */
	SF_LEFT_TWIN,       /* the same capture, compressed otherwise */
	SF_LEFT_COUNT
};

struct sf_listed {
	char *path;
	bool in_directory;
};

struct sf_list {
	struct sf_listed *files;
	unsigned count, room;
	struct {
		unsigned count;
		char first[128]; /* its path */
	} left_out[SF_LEFT_COUNT];
	void *seen; /* devices and inodes */
};

/* Fails when a name does not exist, or a directory that was named cannot be read. */
int sf_list_make(
	struct sf_list *list, const char *const *names, unsigned count, struct sf_error *error);
void sf_list_fini(struct sf_list *list);

/* Counts a file that is left out; the first one of each reason is remembered by its path. */
void sf_list_leave_out(struct sf_list *list, enum sf_left_out why, const char *path);

/* "left out: 2 files that are not captures (a.txt, …); 1 empty file (b.pcap)"; "": nothing. */
void sf_list_describe(const struct sf_list *list, char *text, size_t size);

#endif
