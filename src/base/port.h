/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One interface of a live source and the queues that read it. The port switches off offloads that
 * falsify a capture, detects that the interface goes away, and reopens all queues together when it
 * comes back (fanout groups and XDP programs belong to all queues of an interface).
 *
 * `state` is written by the thread of the port's first queue only and read by all. A queue that
 * reads SF_NETDEV_GONE closes its own handles and parks, once. When all queues have parked, their
 * handles belong to the first queue's thread. It opens them again and stores SF_NETDEV_UP, which
 * publishes them (release; pairs with the acquire in sf_port_state()). `parked` orders the opposite
 * direction (acq_rel addition; pairs with the acquire in sf_port_returned()).
 *
 * While the state is SF_NETDEV_GONE, `away` points to the text that describes why. A text is
 * complete before `away` first points to it, and is never changed after that.
 */
#ifndef SPANFLOW_BASE_PORT_H
#define SPANFLOW_BASE_PORT_H

#include <pthread.h>
#include <stdatomic.h>

#include <spanflow/capture.h>

#include "base/ethtool.h"
#include "base/helper.h"
#include "base/netdev.h"

#define SF_PORT_REASONS 8 /* different reasons that are kept */

struct sf_port {
	struct sf_netdev netdev;
	struct sf_ethtool_saved saved;
	_Atomic int state; /* enum sf_netdev_state */
	_Atomic unsigned parked;
	pthread_mutex_t lock; /* protects netdev in sf_port_missed() and sf_port_returned() */
	unsigned queues;
	const struct sf_helper *helper; /* or NULL: this process changes the settings itself */
	unsigned wanted;      /* SF_ETHTOOL_… ored: settings that sf_port_prepare() changes */
	bool bring_up;        /* switch the interface on if it is down */
	unsigned raised;      /* index of the interface that the port has switched on; 0: none */
	atomic_bool was_down; /* the interface was down and has been switched on */
	bool seen;            /* the interface was there at open, or has appeared since */
	struct sf_ethtool_outcome outcome;
	char trouble[96];           /* settings that could not be changed, and why; or "" */
	_Atomic(const char *) away; /* text while the state is GONE; NULL: `gone` */
	/* texts for sf_port_condition() */
	char down[SF_IFNAME_MAX + 64];     /* it is down or has no carrier */
	char gone[SF_IFNAME_MAX + 64];     /* it was removed */
	char missing[SF_IFNAME_MAX + 320]; /* it has never been there */
	char off[2 * SF_IFNAME_MAX + 96];  /* it has been down since the start */
	char closed[SF_IFNAME_MAX + 64];   /* it cannot be opened again; `reasons` is full */
	/* it cannot be opened again, with the reason */
	char reasons[SF_PORT_REASONS][sizeof(((struct sf_error *)NULL)->text) + SF_IFNAME_MAX + 64];
	unsigned reason_count;
	/* members of sf_capture_options: called when an interface that was missing appears */
	void (*appeared)(void *context, unsigned slot, const struct sf_interface *interface);
	void *context;
	struct sf_interface found;                  /* the interface that appeared */
	_Atomic(const struct sf_interface *) shown; /* &found once it is complete; NULL before */
};

/*
 * Opens the named interface, and switches it on if it is down and the options allow it. An
 * interface that is missing or stays down is an error; with options->wait the port is opened in the
 * state SF_NETDEV_GONE instead, and its queues have to park. `port` is closed on failure.
 */
int sf_port_open(struct sf_port *port, const char *name, const struct sf_capture_options *options,
	struct sf_error *error);

/* Restores the card's settings and closes. May be called twice, and after a failed open. */
void sf_port_close(struct sf_port *port);

/*
 * Changes the card's settings named by `wanted` (merging off, symmetric RSS key) and saves the old
 * ones. Called at open and when the interface came back. `trouble` says what could not be changed.
 */
void sf_port_prepare(struct sf_port *port);

/* Thread of the first queue, when no packet came: reads the state of the interface. */
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
 * Thread of the first queue, when the handles are open and before sf_port_revive(): gives an
 * interface that was missing at open its index and link type, and calls options->appeared.
 */
void sf_port_appear(
	struct sf_port *port, unsigned slot, const struct sf_interface *interface, uint16_t link);

/* The description of the interface: the present one, or `interface`, made at open. Any thread. */
const struct sf_interface *sf_port_interface(
	const struct sf_port *port, const struct sf_interface *interface);

/* Appends to the description of a source that its interface was switched on. Any thread. */
void sf_port_describe(const struct sf_port *port, char *text, size_t size);

/* Says that this queue has closed its handles and will not use them until sf_port_state() is UP. */
void sf_port_park(struct sf_port *port);

/* Thread of the first queue: true if all queues have parked and the interface is up again. */
bool sf_port_returned(struct sf_port *port);

/*
 * Thread of the first queue: notes why the interface, which is
 * back, cannot be opened at present.
 */
void sf_port_refused(struct sf_port *port, const char *reason);

/* Thread of the first queue: says that all handles are open again, so that the queues go on. */
void sf_port_revive(struct sf_port *port);

/* sf_port_prepare(), sf_port_appear() and sf_port_revive(). */
static inline void sf_port_resume(
	struct sf_port *port, unsigned slot, const struct sf_interface *interface, uint16_t link)
{
	sf_port_prepare(port);
	sf_port_appear(port, slot, interface, link);
	sf_port_revive(port);
}

#endif
