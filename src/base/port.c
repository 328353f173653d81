/* SPDX-License-Identifier: BSD-2-Clause */
/* See port.h for who writes what. Nothing here lies on the packet path but the load of `state`. */
#include "base/port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int sf_port_open(struct sf_port *port, const char *name, const struct sf_capture_options *options,
	struct sf_error *error)
{
	int result;

	*port = (struct sf_port){
		.netdev = { .fd = -1, .netlink = -1, .promiscuous = -1 },
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.set_rss = options->set_rss,
		.keep_offloads = options->keep_offloads,
	};
	result = sf_netdev_open(&port->netdev, name, error);
	if (result == 0)
		result = sf_netdev_require_up(&port->netdev, error);
	if (result < 0) {
		sf_port_close(port);
		return result;
	}
	snprintf(port->down, sizeof(port->down), "%s is down or has no carrier: waiting", name);
	snprintf(port->gone, sizeof(port->gone), "%s is gone: waiting for it to come back", name);
	return 0;
}

void sf_port_close(struct sf_port *port)
{
	if (port->netdev.fd >= 0)
		sf_ethtool_restore(&port->saved, &port->netdev);
	sf_netdev_close(&port->netdev);
}

void sf_port_prepare(struct sf_port *port)
{
	int result;

	port->trouble[0] = '\0';
	free(port->saved.rss);
	port->saved = (struct sf_ethtool_saved){ 0 };
	if (port->set_rss) {
		result = sf_ethtool_rss_symmetric(&port->saved, &port->netdev);
		if (result < 0)
			snprintf(port->trouble, sizeof(port->trouble), "RSS key unchanged: %s",
				sf_strerror(result));
	}
	if (port->keep_offloads)
		return;
	result = sf_ethtool_features_off(&port->saved, &port->netdev, sf_ethtool_merging);
	if (result != 0)
		snprintf(port->trouble, sizeof(port->trouble), "GRO or LRO stays on: %s",
			result < 0 ? sf_strerror(result) : "fixed by the driver");
}

void sf_port_watch(struct sf_port *port)
{
	enum sf_netdev_state state = sf_netdev_state(&port->netdev);

	/* relaxed: publishes nothing */
	if ((enum sf_netdev_state)atomic_load_explicit(&port->state, memory_order_relaxed) != state)
		atomic_store_explicit(&port->state, (int)state, memory_order_relaxed);
}

const char *sf_port_condition(const struct sf_port *port)
{
	switch (sf_port_state(port)) {
	case SF_NETDEV_UP:
		return NULL;
	case SF_NETDEV_DOWN:
		return port->down;
	case SF_NETDEV_GONE:
		break;
	}
	return port->gone;
}

uint64_t sf_port_missed(struct sf_port *port)
{
	uint64_t missed;

	pthread_mutex_lock(&port->lock);
	missed = sf_netdev_missed(&port->netdev);
	pthread_mutex_unlock(&port->lock);
	return missed;
}

void sf_port_park(struct sf_port *port)
{
	/* pairs with the acquire in sf_port_returned() */
	atomic_fetch_add_explicit(&port->parked, 1, memory_order_acq_rel);
}

bool sf_port_returned(struct sf_port *port)
{
	bool up;

	/* pairs with sf_port_park() */
	if (atomic_load_explicit(&port->parked, memory_order_acquire) != port->queues)
		return false;
	pthread_mutex_lock(&port->lock);
	up = sf_netdev_refresh(&port->netdev) == 0 &&
	     sf_netdev_state(&port->netdev) == SF_NETDEV_UP;
	pthread_mutex_unlock(&port->lock);
	return up;
}

void sf_port_revive(struct sf_port *port)
{
	atomic_store_explicit(&port->parked, 0, memory_order_relaxed);
	/* pairs with the acquire in sf_port_state() */
	atomic_store_explicit(&port->state, SF_NETDEV_UP, memory_order_release);
}
