/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is held for a collector of a connection: messages under way (window.h) and, with a spool,
 * messages that have to wait on disk (spool.h).
 *
 *	not spooling   new messages go into the window
 *	spooling       new messages go to the end of the spool; the window is filled from its start
 *
 * Spooling begins when the collector is away or the window is full, and ends when the spool is
 * empty. Messages that an earlier run has left are sent first, on connections of their own, because
 * they may use other templates.
 */
#ifndef SPANFLOW_TRANSPORT_HOLD_H
#define SPANFLOW_TRANSPORT_HOLD_H

#include "transport/spool.h"
#include "transport/transport.h"
#include "transport/window.h"

#define SF_HOLD_HASHES 256

struct sf_hold_template {
	uint8_t *bytes;
	uint32_t length;
	uint16_t data_records; /* options data in the same message */
};

struct sf_hold {
	struct sf_window window;
	struct sf_spool spool;
	bool has_spool, spooling;
	bool open; /* there is a connection */
	uint64_t
		foreign; /* the earlier run whose messages this connection carries; 0: this run's */
	bool needs_connection;            /* what comes next needs another connection */
	struct sf_destination_count lost; /* for want of memory; the owner sets it to 0 */
	/* the templates of this run, which begin each segment */
	struct sf_hold_template *templates;
	unsigned template_count;
	/* templates of an earlier run that this connection has carried */
	uint64_t hashes[SF_HOLD_HASHES];
	unsigned hash_count;
};

/* Takes the disk over, also on failure. */
int sf_hold_open_spool(struct sf_hold *hold, struct sf_disk *disk,
	const struct sf_spool_options *options, struct sf_error *error);
void sf_hold_fini(struct sf_hold *hold);

/*
 * Takes message `index` of the batch, whose bytes are at `bytes`; sets its fate. Returns 0 or an
 * error.
 */
int sf_hold_put(struct sf_hold *hold, struct sf_batch *batch, unsigned index, const uint8_t *bytes);

/* A new connection begins. */
void sf_hold_connect(struct sf_hold *hold);

/* The connection is lost; `read` as for sf_window_cut(). */
void sf_hold_cut(struct sf_hold *hold, bool read);

/* See sf_transport_ops.again. No more than `most` bytes are under way. */
bool sf_hold_again(struct sf_hold *hold, struct sf_batch *batch, uint8_t *room, size_t most);

/* Frees old messages that were acknowledged: sf_window_release(). */
void sf_hold_release(struct sf_hold *hold, int64_t mono, size_t octets);

/*
 * The run ends. Messages that are not acknowledged stay in the spool; without a spool they are
 * lost, and the function returns their sums.
 */
struct sf_outcome sf_hold_end(struct sf_hold *hold);

#endif
