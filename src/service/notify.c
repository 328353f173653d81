/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "service/notify.h"

#define STATUS_NS (10 * SF_NS_PER_S)

/* The address that $NOTIFY_SOCKET names: a path, or @NAME in the abstract namespace. 0: none. */
static socklen_t address_of(const char *name, struct sockaddr_un *address)
{
	size_t length = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || length >= sizeof(address->sun_path))
		return 0;
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(address->sun_path, name, length);
	if (name[0] == '@')
		address->sun_path[0] = '\0';
	else
		length++; /* a path ends with a zero byte, an abstract name does not */
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

/* Half of $WATCHDOG_USEC, if $WATCHDOG_PID names this process or nobody; 0: no watchdog. */
static int64_t keep_alive_ns(void)
{
	const char *interval = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	char *end;
	unsigned long long us;

	if (!interval || (pid && strtol(pid, NULL, 10) != getpid()))
		return 0;
	errno = 0;
	us = strtoull(interval, &end, 10);
	if (errno || *end || us > INT64_MAX / 1000)
		return 0;
	return (int64_t)us * 1000 / 2;
}

int sf_notify_open(struct sf_notify *notify, struct sf_error *error)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address;
	socklen_t length;
	int err = 0;

	*notify = (struct sf_notify){ .fd = -1 };
	if (!name || !*name)
		return 0;
	length = address_of(name, &address);
	if (!length)
		return sf_error_set(error, -EAFNOSUPPORT,
			"NOTIFY_SOCKET=%s is neither a path nor @NAME: the service manager is not "
			"told that metering has begun",
			name);
	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* connected now: later, Landlock forbids datagrams to other addresses */
	if (notify->fd < 0 || connect(notify->fd, (struct sockaddr *)&address, length) < 0)
		err = errno;
	if (err) {
		sf_notify_close(notify);
		return sf_error_set(error, -err,
			"the service manager at NOTIFY_SOCKET=%s cannot be reached: %s", name,
			sf_strerror(-err));
	}
	notify->keep_alive_ns = keep_alive_ns();
	return 0;
}

void sf_notify_close(struct sf_notify *notify)
{
	if (notify->fd >= 0)
		close(notify->fd);
	notify->fd = -1;
}

void sf_notify_send(struct sf_notify *notify, const char *lines)
{
	if (notify->fd >= 0)
		(void)!send(notify->fd, lines, strlen(lines), MSG_NOSIGNAL);
}

void sf_notify_alive(struct sf_notify *notify, int64_t mono)
{
	if (notify->fd < 0 || !notify->keep_alive_ns || mono < notify->next_alive)
		return;
	notify->next_alive = mono + notify->keep_alive_ns;
	sf_notify_send(notify, "WATCHDOG=1");
}

bool sf_notify_status_due(struct sf_notify *notify, int64_t mono)
{
	if (notify->fd < 0 || mono < notify->next_status)
		return false;
	notify->next_status = mono + STATUS_NS;
	return true;
}
