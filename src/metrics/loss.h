/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages about losses of a run: while it goes on, at most once a minute, and at its end. A loss
 * is a packet or record that should have become part of the output and did not.
 */
#ifndef SPANFLOW_METRICS_LOSS_H
#define SPANFLOW_METRICS_LOSS_H

#include <stdio.h>

#include <spanflow/engine.h>

/* Counts since the begin of the run, or of a part of it. */
struct sf_loss {
	uint64_t seen;      /* packets that arrived, including those dropped */
	uint64_t kernel;    /* packets dropped by the kernel, or by a full ring of a driver */
	uint64_t card;      /* packets dropped by the network card */
	uint64_t hand_over; /* packets lost between workers */
	uint64_t ring;      /* records lost between workers and exporter */
	uint64_t delivery;  /* records lost at destinations */
};

/* The losses reported so far. All zero at the begin. */
struct sf_loss_watch {
	struct sf_loss told;
	int64_t since_ns; /* monotonic: losses before this time are in `told` */
	int64_t next_ns;  /* monotonic: the earliest time of the next message */
};

/* The losses of the run so far. */
void sf_loss_get(const struct sf_engine *engine, struct sf_loss *loss);

/* True if anything was lost. */
bool sf_loss_any(const struct sf_loss *loss);

/*
 * Writes a text about losses since the last text, without a full stop. False: nothing was lost, or
 * the minute is not over.
 */
bool sf_loss_news(struct sf_loss_watch *watch, const struct sf_engine *engine, int64_t mono,
	char *text, size_t size);

/* "dropped 12 of 100138 packets …; lost …": all of it in one line. "" if nothing was lost. */
void sf_loss_text(const struct sf_loss *loss, char *text, size_t size);

/* The part about dropped packets, also if there were none. */
void sf_loss_dropped(const struct sf_loss *loss, FILE *stream);

#endif
