/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages to a service manager: a socket of this test takes the place of systemd's. */
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "check_main.h"
#include "service/notify.h"

static struct sf_notify notify;
static struct sf_error error;
static char path[64];

/* A bound datagram socket; `name` as $NOTIFY_SOCKET has it. */
static int manager(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	memcpy(address.sun_path, name, length);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
		0);
	setenv("NOTIFY_SOCKET", name, 1);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return fd;
}

/* The next message, "" if there is none. */
static const char *told(int fd)
{
	static char text[256];
	ssize_t length = recv(fd, text, sizeof(text) - 1, 0);

	text[length < 0 ? 0 : length] = '\0';
	return text;
}

START_TEST(nobody_is_told_without_a_manager)
{
	unsetenv("NOTIFY_SOCKET");
	setenv("WATCHDOG_USEC", "1000", 1);
	ck_assert_int_eq(sf_notify_open(&notify, &error), 0);
	ck_assert_int_eq(notify.fd, -1);
	sf_notify_send(&notify, "READY=1");
	sf_notify_alive(&notify, INT64_MAX);
	ck_assert(!sf_notify_status_due(&notify, INT64_MAX));
	sf_notify_close(&notify);
}
END_TEST

START_TEST(a_path_is_told)
{
	int fd;

	snprintf(path, sizeof(path), "/tmp/spanflow-notify-%d", getpid());
	fd = manager(path);
	ck_assert_int_eq(sf_notify_open(&notify, &error), 0);
	sf_notify_send(&notify, "READY=1\nSTATUS=metering eth1");
	ck_assert_str_eq(told(fd), "READY=1\nSTATUS=metering eth1");
	/* no watchdog: nothing is sent for it */
	sf_notify_alive(&notify, SF_NS_PER_S);
	ck_assert_str_eq(told(fd), "");
	/* the manager goes away: no signal, no failure */
	close(fd);
	unlink(path);
	sf_notify_send(&notify, "STOPPING=1");
	sf_notify_close(&notify);
}
END_TEST

START_TEST(an_abstract_name_is_told)
{
	int fd;

	snprintf(path, sizeof(path), "@spanflow-notify-%d", getpid());
	fd = manager(path);
	ck_assert_int_eq(sf_notify_open(&notify, &error), 0);
	sf_notify_send(&notify, "READY=1");
	ck_assert_str_eq(told(fd), "READY=1");
	sf_notify_close(&notify);
	close(fd);
}
END_TEST

START_TEST(a_longest_name_is_told_and_a_longer_one_refused)
{
	char name[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	int fd;

	memset(name, 'n', sizeof(name));
	snprintf(path, sizeof(path), "@spanflow-%d", getpid());
	memcpy(name, path, strlen(path));
	name[sizeof(name) - 2] = '\0';
	fd = manager(name);
	ck_assert_int_eq(sf_notify_open(&notify, &error), 0);
	sf_notify_send(&notify, "READY=1");
	ck_assert_str_eq(told(fd), "READY=1");
	sf_notify_close(&notify);
	close(fd);
	name[sizeof(name) - 2] = 'n';
	name[sizeof(name) - 1] = '\0';
	setenv("NOTIFY_SOCKET", name, 1);
	ck_assert_int_eq(sf_notify_open(&notify, &error), -EAFNOSUPPORT);
	ck_assert_int_eq(notify.fd, -1);
}
END_TEST

START_TEST(a_manager_that_is_not_there_is_named)
{
	static const char *const wrong[] = { "/proc/nonexistent/notify", "@spanflow-nobody",
		"vsock:2:1234", "relative" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		setenv("NOTIFY_SOCKET", wrong[i], 1);
		ck_assert_int_lt(sf_notify_open(&notify, &error), 0);
		ck_assert_ptr_nonnull(strstr(error.text, wrong[i]));
		ck_assert_int_eq(notify.fd, -1);
		sf_notify_send(&notify, "READY=1");
	}
}
END_TEST

START_TEST(the_watchdog_is_told_twice_per_interval)
{
	int64_t start = 100 * SF_NS_PER_S, half = SF_NS_PER_S;
	char pid[16];
	int fd;

	snprintf(path, sizeof(path), "@spanflow-watchdog-%d", getpid());
	fd = manager(path);
	setenv("WATCHDOG_USEC", "2000000", 1);
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("WATCHDOG_PID", pid, 1);
	ck_assert_int_eq(sf_notify_open(&notify, &error), 0);
	sf_notify_alive(&notify, start);
	ck_assert_str_eq(told(fd), "WATCHDOG=1");
	sf_notify_alive(&notify, start + half - 1);
	ck_assert_str_eq(told(fd), "");
	sf_notify_alive(&notify, start + half);
	ck_assert_str_eq(told(fd), "WATCHDOG=1");
	ck_assert_str_eq(told(fd), "");
	sf_notify_close(&notify);
	close(fd);
}
END_TEST

START_TEST(another_process_has_the_watchdog)
{
	static const char *const odd[] = { "", "2s", "-1", "99999999999999999999" };
	int fd;

	snprintf(path, sizeof(path), "@spanflow-other-%d", getpid());
	fd = manager(path);
	setenv("WATCHDOG_USEC", "2000000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	ck_assert_int_eq(sf_notify_open(&notify, &error), 0);
	sf_notify_alive(&notify, SF_NS_PER_S);
	ck_assert_str_eq(told(fd), "");
	sf_notify_close(&notify);
	unsetenv("WATCHDOG_PID");
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		setenv("WATCHDOG_USEC", odd[i], 1);
		ck_assert_int_eq(sf_notify_open(&notify, &error), 0);
		ck_assert_int_eq(notify.keep_alive_ns, 0);
		sf_notify_close(&notify);
	}
	close(fd);
}
END_TEST

START_TEST(a_status_is_due_every_ten_seconds)
{
	int fd;

	snprintf(path, sizeof(path), "@spanflow-status-%d", getpid());
	fd = manager(path);
	ck_assert_int_eq(sf_notify_open(&notify, &error), 0);
	ck_assert(sf_notify_status_due(&notify, SF_NS_PER_S));
	ck_assert(!sf_notify_status_due(&notify, 11 * SF_NS_PER_S - 1));
	ck_assert(sf_notify_status_due(&notify, 11 * SF_NS_PER_S));
	sf_notify_close(&notify);
	close(fd);
}
END_TEST

CHECK_MAIN("notify", nobody_is_told_without_a_manager, a_path_is_told, an_abstract_name_is_told,
	a_longest_name_is_told_and_a_longer_one_refused, a_manager_that_is_not_there_is_named,
	the_watchdog_is_told_twice_per_interval, another_process_has_the_watchdog,
	a_status_is_due_every_ten_seconds)
