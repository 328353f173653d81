/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One interface of a live source and the queues that read it. Switches off what falsifies a
 * capture for its time, notices when the interface goes away, and brings all queues back
 * together when it returns (fanout groups and XDP programs belong to all queues of an interface).
 *
 * `state` is written by the thread of the port's first queue only, read by all. A queue that
 * reads SF_NETDEV_GONE closes its own handles and parks, once. When all have parked, their
 * handles belong to the first queue's thread: it opens them anew and stores SF_NETDEV_UP, which
 * publishes them (release; pairs with the acquire in sf_port_state()). `parked` orders the other
 * direction (acq_rel addition; pairs with the acquire in sf_port_returned()).
 *
 * While the state is SF_NETDEV_GONE, `away` is what the first queue's thread found when it last
 * looked: one of the texts below it, each of which is written once, before it is first published.
 */
#ifndef SPANFLOW_BASE_PORT_H
#define SPANFLOW_BASE_PORT_H

#include <pthread.h>
#include <stdatomic.h>

#include <spanflow/capture.h>

#include "base/ethtool.h"
#include "base/helper.h"
#include "base/netdev.h"

#define SF_PORT_REASONS 8 /* different ones that are told */

struct sf_port {
	struct sf_netdev netdev;
	struct sf_ethtool_saved saved;
	_Atomic int state; /* enum sf_netdev_state */
	_Atomic unsigned parked;
	pthread_mutex_t lock; /* netdev, between sf_port_missed() and sf_port_returned() */
	unsigned queues;
	const struct sf_helper *helper; /* or NULL: this process changes the settings itself */
	unsigned wanted;                /* SF_ETHTOOL_…: what prepare changes */
	bool bring_up;                  /* the interface is switched on where it is found down */
	unsigned raised;      /* index of the interface that this was tried with; 0: none */
	atomic_bool was_down; /* it was down and is switched on */
	bool seen;            /* it was there at open, or has appeared since */
	struct sf_ethtool_outcome outcome;
	char trouble[96];           /* what stayed different from what was wanted, or "" */
	_Atomic(const char *) away; /* the condition while it is gone; NULL: `gone` */
	char down[SF_IFNAME_MAX + 64], gone[SF_IFNAME_MAX + 64];        /* conditions */
	char missing[SF_IFNAME_MAX + 320], off[2 * SF_IFNAME_MAX + 96]; /* the same before `seen` */
	char closed[SF_IFNAME_MAX + 64]; /* is back but not open, for a reason beyond `reasons` */
	char reasons[SF_PORT_REASONS][sizeof(((struct sf_error *)NULL)->text) + SF_IFNAME_MAX + 64];
	unsigned reason_count;
	/* of sf_capture_options; and what it was told, NULL before */
	void (*appeared)(void *context, unsigned slot, const struct sf_interface *interface);
	void *context;
	struct sf_interface found;
	_Atomic(const struct sf_interface *) shown;
};

/*
 * Opens the named interface, switching it on if it is down and the options allow it. One that is
 * missing or stays down fails the open, or with options->wait leaves a port whose state is
 * SF_NETDEV_GONE, for its queues to park at. `port` is closed on failure.
 */
int sf_port_open(struct sf_port *port, const char *name, const struct sf_capture_options *options,
	struct sf_error *error);

/* Puts the card's settings back and closes. Legal twice, and after a failed open. */
void sf_port_close(struct sf_port *port);

/*
 * Changes what is `wanted` of the card's settings (at open: merging off, RSS key if asked to) and
 * remembers what it found. At open and when the interface came back. What does not work is told in
 * `trouble`.
 */
void sf_port_prepare(struct sf_port *port);

/* First queue's thread, when nothing arrived: looks at the interface. */
void sf_port_watch(struct sf_port *port);

static inline enum sf_netdev_state sf_port_state(const struct sf_port *port)
{
	return (enum sf_netdev_state)atomic_load_explicit(&port->state, memory_order_acquire);
}

/* Frames the card missed since open. Any thread. */
uint64_t sf_port_missed(struct sf_port *port);

/* The text for sf_capture_ops.condition, or NULL. */
const char *sf_port_condition(const struct sf_port *port);

/*
 * First queue's thread, before sf_port_revive(): the handles are open. An interface that was missing
 * at open gets its index and link type, and the caller of open is told.
 */
void sf_port_appear(
	struct sf_port *port, unsigned slot, const struct sf_interface *interface, uint16_t link);

/* What describes the interface now; `interface`: as it was at open. Any thread. */
const struct sf_interface *sf_port_interface(
	const struct sf_port *port, const struct sf_interface *interface);

/* Appends to a description of the source what this port has done to the interface. Any thread. */
void sf_port_describe(const struct sf_port *port, char *text, size_t size);

/* This queue has closed its handles. */
void sf_port_park(struct sf_port *port);

/* First queue's thread: have all parked, and is the interface there and up again? */
bool sf_port_returned(struct sf_port *port);

/* First queue's thread: it returned, but cannot be opened, for this reason; is tried again. */
void sf_port_refused(struct sf_port *port, const char *reason);

/* First queue's thread: all handles are open again. */
void sf_port_revive(struct sf_port *port);

#endif
