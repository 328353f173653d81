/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flow records from files of any kind: IPFIX files, capture files, which are metered on the way,
 * directories of both, and standard input.
 *
 *	const struct sf_gather_options options = { .problem = complain, .context = me };
 *
 *	if (!sf_gather(collector, names, count, &options))
 *		status = 1; // something was missing or damaged, and `problem` has told what
 *
 * IPFIX files are read one after the other, in the order of names and within directories of file
 * names. All captures together are then one observation point: merged by time, with one flow table,
 * the timeouts of `spanflow meter`. A thread meters them and writes the records, as an IPFIX file
 * has them, into a pipe that the caller's thread reads; so they come to the collector's callback
 * like all others.
 */
#ifndef SPANFLOW_COLLECT_GATHER_H
#define SPANFLOW_COLLECT_GATHER_H

#include <stdbool.h>

#include <spanflow/collect.h>
#include <spanflow/enrich.h>
#include <spanflow/export.h>
#include <spanflow/meter.h>
#include <spanflow/tunnel.h>

/*
 * False: no template of flow records that was read had the element
 * of IANA or of SF_PEN_SPANFLOW.
 */
bool sf_collector_has_element(const struct sf_collector *collector, uint32_t pen, uint16_t id);

/*
 * Files that several collectors read together, each in a thread of its own: every byte is read, and
 * decompressed, once for all of them, and each message is handed over and counted by one of
 * them, whichever comes first. All read the templates of all messages and the times of exporters'
 * starts. Standard input and pipes cannot be read so. Reader 0 tells what is wrong with names and
 * files, which is what one reader alone would tell; it waits for the others before.
 *
 *	sf_reading_new(&reading, names, count, threads, &error);
 *	in thread i: options.reading = reading; options.reader = i;
 *		     sf_gather(collector_i, names, count, &options);
 *	sf_reading_free(reading); // after all threads
 *
 * A thread that is ahead by some MB waits for the others. So each number below `readers` has to be
 * that of a thread that calls sf_gather(), or has to be told to sf_reading_leave().
 */
struct sf_reading;

/*
 * Lists the files: one that appears later is read by no collector. The names are read only during
 * the call. 0 or -ENOMEM.
 */
int sf_reading_new(struct sf_reading **reading, const char *const *names, unsigned count,
	unsigned readers, struct sf_error *error);

/*
 * Nobody waits for this reader any more. Called by its own thread, as sf_gather() does at its end;
 * or by any thread for a reader that has not begun and never will. Allowed again.
 */
void sf_reading_leave(struct sf_reading *reading, unsigned reader);

/* After the last reader. NULL is allowed. */
void sf_reading_free(struct sf_reading *reading);

/* How captures are metered; zeros: as by `spanflow meter` without options. All is lent. */
struct sf_gather_metering {
	struct sf_tunnel_options tunnels;
	bool split_fragments;
	int64_t active_timeout_ns, idle_timeout_ns; /* SF_TIMEOUT_NEVER; 0: the default */
	const struct sf_enricher *enricher;
	/* Elements that records shall have beside the usual ones, as far as a meter knows them. */
	const char *const *elements;
	unsigned element_count;
	/* the same as a list of --fields: "+dns", "sourceIPv4Address,tls-tlsJa4"; or NULL */
	const char *fields;
	enum sf_applications applications; /* who names applications */
};

/*
 * Reads an IPFIX file as sf_collector_file() does; closes the
 * descriptor. `name`: of the exporter.
 */
int sf_collect_stream(
	struct sf_collector *collector, int fd, const char *name, struct sf_error *error);

struct sf_gather_options {
	struct sf_gather_metering metering;
	/* read together with others, as number `reader`; or NULL */
	struct sf_reading *reading;
	unsigned reader;
	struct sf_ledger *ledger; /* gets that of the captures, if there are any. Or NULL */
	bool flows_only;          /* leave out captures */
	bool sums;                /* amounts of flows are added up */
	bool biflow;              /* records of captures have both directions of a flow */
	/* a file that is missing, damaged or of another kind; files that were left out. Or NULL */
	void (*problem)(void *context, const char *text);
	/* called after each file; true ends the reading. Or NULL */
	bool (*between)(void *context);
	void *context;
};

/* False: not all could be read. A signal that ends the run (sf_collector_stop()) is no fault. */
bool sf_gather(struct sf_collector *collector, const char *const *names, unsigned count,
	const struct sf_gather_options *options);

/* An error that names the first file if there are names and none of them can be read; else 0. */
int sf_gather_check(const char *const *names, unsigned count, struct sf_error *error);

#endif
