/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a user may say to DPDK. Its environment takes options that load a shared object (-d FILE),
 * write files (--trace-dir, --huge-dir), print to standard output and end the process (--help), or
 * wait for another process (--proc-type=secondary). So --driver-options is no free text: a table
 * names what is allowed, everything else is refused by name. Example:
 *
 *	"--no-huge -m 256"      two options of the table
 *	"--no-huge -d evil.so"  refused: '-d'
 */
#ifndef SPANFLOW_DRIVERS_DPDK_OPTIONS_H
#define SPANFLOW_DRIVERS_DPDK_OPTIONS_H

#include <stdbool.h>

#include <spanflow/error.h>

struct sf_dpdk_options {
	char *text;   /* as typed, "" for none */
	char *pieces; /* what `words` point into */
	char **words; /* for rte_eal_init(), `count` of them */
	unsigned count;
	bool no_huge;
	bool verbose; /* with a log level: DPDK's words go where it writes them */
};

/* `text`: separated by blanks, or NULL. SF_EUSAGE names what is wrong and what is allowed. */
int sf_dpdk_options_parse(
	struct sf_dpdk_options *options, const char *text, struct sf_error *error);

/* Legal on a zeroed one. */
void sf_dpdk_options_free(struct sf_dpdk_options *options);

/*
 * Does this device open no file and load no code that the user names? PCI addresses and virtual
 * devices of a list, with arguments of a list. What a program with more rights than its user is
 * limited to.
 */
bool sf_dpdk_device_harmless(const char *device);

#endif
