/* SPDX-License-Identifier: BSD-2-Clause */
/* port.h says which thread writes which member. Only the load of `state` is on the packet path. */
#include "base/port.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Writes the texts that do not change later. */
static void write_conditions(struct sf_port *port, const char *name)
{
	snprintf(port->down, sizeof(port->down), "%s is down or has no carrier: waiting", name);
	snprintf(port->gone, sizeof(port->gone), "%s is gone: waiting for it to come back", name);
	snprintf(port->closed, sizeof(port->closed),
		"%s is back, but cannot be opened; trying again", name);
	snprintf(port->off, sizeof(port->off),
		"%s is down; waiting until it is switched on with: ip link set %s up", name, name);
}

/*
 * Switches on an interface that is down, as new interfaces are. Only once for each interface: if it
 * is down again later, a user or a program has switched it off.
 */
static void raise_link(struct sf_port *port)
{
	struct sf_ethtool_outcome outcome = { 0 };
	int result = 0;

	if (!port->bring_up || port->raised == port->netdev.index ||
		sf_netdev_require_up(&port->netdev, NULL) != -ENETDOWN)
		return;
	port->raised = port->netdev.index;
	if (port->helper)
		result = port->helper->prepare(
			port->helper, port->netdev.name, SF_ETHTOOL_UP, &outcome);
	else
		sf_ethtool_prepare(&port->saved, &port->netdev, SF_ETHTOOL_UP, &outcome);
	/* relaxed: no other data depends on it */
	if (result == 0 && outcome.up == 0)
		atomic_store_explicit(&port->was_down, true, memory_order_relaxed);
}

/* The interface is missing or down (see `error`): the port begins as GONE. 0 or -errno. */
static int begin_away(struct sf_port *port, const char *name, struct sf_error *error)
{
	const char *others = strstr(error->text, "there are: ");
	bool missing = error->code == -ENODEV;

	snprintf(port->missing, sizeof(port->missing), "%s: no such interface yet; waiting%s%s%s",
		name, others ? " (" : "", others ? others : "", others ? ")" : "");
	port->seen = false;
	atomic_init(&port->state, SF_NETDEV_GONE);
	atomic_init(&port->away, missing ? port->missing : port->off);
	return missing ? sf_netdev_await(&port->netdev, name, error) : 0;
}

int sf_port_open(struct sf_port *port, const char *name, const struct sf_capture_options *options,
	struct sf_error *error)
{
	int result;

	*port = (struct sf_port){
		.netdev = { .fd = -1, .netlink = -1, .promiscuous = -1 },
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.helper = options->helper,
		.wanted = (options->set_rss ? SF_ETHTOOL_RSS : 0) |
			  (options->keep_offloads ? 0 : SF_ETHTOOL_MERGING),
		.bring_up = options->bring_up,
		.seen = true,
		.appeared = options->appeared,
		.context = options->context,
	};
	write_conditions(port, name);
	result = sf_netdev_open(&port->netdev, name, error);
	if (result == 0) {
		raise_link(port);
		result = sf_netdev_require_up(&port->netdev, error);
	}
	if (options->wait && (result == -ENODEV || result == -ENETDOWN))
		result = begin_away(port, name, error);
	if (result < 0)
		sf_port_close(port);
	return result;
}

void sf_port_close(struct sf_port *port)
{
	if (port->netdev.fd >= 0 && port->helper)
		port->helper->restore(port->helper, port->netdev.name);
	else if (port->netdev.fd >= 0)
		sf_ethtool_restore(&port->saved, &port->netdev);
	sf_netdev_close(&port->netdev);
}

void sf_port_prepare(struct sf_port *port)
{
	struct sf_ethtool_outcome *outcome = &port->outcome;
	int result;

	port->trouble[0] = '\0';
	*outcome = (struct sf_ethtool_outcome){ 0 };
	if (port->helper) {
		result = port->helper->prepare(
			port->helper, port->netdev.name, port->wanted, outcome);
		if (result < 0)
			*outcome = (struct sf_ethtool_outcome){ result, result, result, 0 };
	} else {
		sf_ethtool_prepare(&port->saved, &port->netdev, port->wanted, outcome);
	}
	if (port->wanted & SF_ETHTOOL_RSS && outcome->rss < 0)
		snprintf(port->trouble, sizeof(port->trouble), "RSS key unchanged: %s",
			sf_strerror(outcome->rss));
	if (port->wanted & SF_ETHTOOL_MERGING && outcome->merging != 0)
		snprintf(port->trouble, sizeof(port->trouble), "GRO or LRO stays on: %s",
			outcome->merging < 0 ? sf_strerror(outcome->merging)
					     : "fixed by the driver");
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
	const char *away;

	switch (sf_port_state(port)) {
	case SF_NETDEV_UP:
		return NULL;
	case SF_NETDEV_DOWN:
		return port->down;
	case SF_NETDEV_GONE:
		break;
	}
	/* pairs with the release in set_away() */
	away = atomic_load_explicit(&port->away, memory_order_acquire);
	return away ? away : port->gone;
}

static void set_away(struct sf_port *port, const char *text)
{
	/* pairs with the acquire in sf_port_condition(): the text is complete */
	atomic_store_explicit(&port->away, text, memory_order_release);
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

/*
 * True if the helper answers in time. The sockets of an interface that came back come from the
 * helper, and the kernel suspends a thread that opens one until then: without an end if the helper
 * hangs. So it is asked first, with a time limit.
 */
static bool helper_answers(struct sf_port *port)
{
	struct sf_ethtool_outcome outcome;

	if (!port->helper ||
		port->helper->prepare(port->helper, port->netdev.name, 0, &outcome) != -ETIMEDOUT)
		return true;
	sf_port_refused(port, "the monitor does not answer");
	return false;
}

bool sf_port_returned(struct sf_port *port)
{
	enum sf_netdev_state state = SF_NETDEV_GONE;

	/* pairs with the release in sf_port_park() */
	if (atomic_load_explicit(&port->parked, memory_order_acquire) != port->queues)
		return false;
	pthread_mutex_lock(&port->lock);
	if (sf_netdev_refresh(&port->netdev) == 0) {
		raise_link(port);
		state = sf_netdev_state(&port->netdev);
	}
	pthread_mutex_unlock(&port->lock);
	if (state == SF_NETDEV_GONE)
		set_away(port, port->seen ? port->gone : port->missing);
	else if (state == SF_NETDEV_DOWN)
		set_away(port, port->seen || sf_netdev_require_up(&port->netdev, NULL) == 0
				       ? port->down
				       : port->off);
	return state == SF_NETDEV_UP && helper_answers(port);
}

/*
 * Callers of sf_port_condition() may keep a text until the port is closed, so texts are never
 * overwritten: a reason that was there before uses its old text, and the number of texts is
 * limited.
 */
void sf_port_refused(struct sf_port *port, const char *reason)
{
	char text[sizeof(port->reasons[0])];
	size_t length = strlen(port->netdev.name);
	unsigned i = 0;

	if (strncmp(reason, port->netdev.name, length) == 0 &&
		strncmp(reason + length, ": ", 2) == 0)
		reason += length + 2;
	snprintf(text, sizeof(text), "%s is %s, but: %s; trying again", port->netdev.name,
		port->seen ? "back" : "there", reason);
	while (i < port->reason_count && strcmp(port->reasons[i], text) != 0)
		i++;
	if (i == SF_PORT_REASONS) {
		set_away(port, port->closed);
		return;
	}
	if (i == port->reason_count) {
		memcpy(port->reasons[i], text, sizeof(text));
		port->reason_count++;
	}
	set_away(port, port->reasons[i]);
}

void sf_port_appear(
	struct sf_port *port, unsigned slot, const struct sf_interface *interface, uint16_t link)
{
	if (port->seen)
		return;
	port->seen = true;
	port->found = *interface;
	port->found.index = port->netdev.index;
	port->found.link = link;
	/* pairs with the acquire in sf_port_interface(): `found` is complete */
	atomic_store_explicit(&port->shown, &port->found, memory_order_release);
	if (port->appeared)
		port->appeared(port->context, slot, &port->found);
}

const struct sf_interface *sf_port_interface(
	const struct sf_port *port, const struct sf_interface *interface)
{
	const struct sf_interface *shown = atomic_load_explicit(&port->shown, memory_order_acquire);

	return shown ? shown : interface;
}

void sf_port_describe(const struct sf_port *port, char *text, size_t size)
{
	size_t used = strlen(text);

	if (atomic_load_explicit(&port->was_down, memory_order_relaxed))
		snprintf(text + used, size - used, ", %s was down and is switched on until the end",
			port->netdev.name);
}

void sf_port_revive(struct sf_port *port)
{
	atomic_store_explicit(&port->parked, 0, memory_order_relaxed);
	set_away(port, NULL);
	/* pairs with the acquire in sf_port_state() */
	atomic_store_explicit(&port->state, SF_NETDEV_UP, memory_order_release);
}
