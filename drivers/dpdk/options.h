/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks what a user passes to DPDK. rte_eal_init() has options that load a shared object (-d
 * FILE), write files (--trace-dir, --huge-dir), print to standard output and end the process
 * (--help), or wait for another process (--proc-type=secondary). So a table has the options that
 * --driver-options may contain, and all others are refused by name. Example:
 *
 *	"--no-huge -m 256"      two options of the table
 *	"--no-huge -d evil.so"  refused: '-d'
 */
#ifndef SPANFLOW_DRIVERS_DPDK_OPTIONS_H
#define SPANFLOW_DRIVERS_DPDK_OPTIONS_H

#include <stdbool.h>

#include <spanflow/error.h>

struct sf_dpdk_options {
	char *text;   /* as the user typed it; "": nothing */
	char *pieces; /* copy of the text that `words` point into */
	char **words; /* arguments for rte_eal_init(), `count` of them */
	unsigned count;
	bool no_huge;
	bool verbose; /* a log level is given: DPDK's output is not kept in memory */
};

/* Parses options separated by blanks (NULL: none). The text of SF_EUSAGE says what is allowed. */
int sf_dpdk_options_parse(
	struct sf_dpdk_options *options, const char *text, struct sf_error *error);

/* May be called for a zeroed struct. */
void sf_dpdk_options_free(struct sf_dpdk_options *options);

/*
 * True if this device opens no file and loads no code that the user chooses: a PCI address, or a
 * virtual device of a list with arguments of a list. A program with more privileges than its user
 * allows no other device.
 */
bool sf_dpdk_device_harmless(const char *device);

#endif
