/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The monitor does what this run needs and refuses the rest; whoever waits for it waits some
 * seconds at most. Needs no rights: what is refused is refused before anything is tried.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <spanflow/capture.h>

#include "base/clock.h"
#include "check_main.h"
#include "guard/monitor.h"
#include "guard/privileges.h"

static struct sf_permits permits = {
	.rows = { { .name = "lo", .settings = SF_ETHTOOL_MERGING, .packets = true },
		{ .name = "none0", .settings = SF_ETHTOOL_RSS | SF_ETHTOOL_MERGING, .xdp = true },
		{ .name = "kept" } },
	.count = 3,
};
static struct sf_monitor monitor;

static void start(void)
{
	struct sf_error error;

	ck_assert_int_eq(sf_monitor_start(&monitor, &permits, &error), 0);
	ck_assert_int_gt(monitor.pid, 0);
	ck_assert(!sf_monitor_ended(&monitor));
}

static int prepare(const char *interface, unsigned what)
{
	struct sf_ethtool_outcome outcome;

	return monitor.helper.prepare(&monitor.helper, interface, what, &outcome);
}

static int xdp(const char *interface)
{
	const struct sf_xdp_request request = { .queues = 1 };
	struct sf_xdp_reply reply;
	int fds[SF_XDP_FDS];

	return monitor.helper.xdp(&monitor.helper, interface, &request, &reply, fds);
}

static double seconds_since(int64_t before)
{
	return (double)(sf_clock_read(CLOCK_MONOTONIC) - before) / 1e9;
}

START_TEST(settings)
{
	start();
	/* nothing is asked for: the monitor is there */
	ck_assert_int_eq(prepare("lo", 0), 0);
	/* no --set-rss */
	ck_assert_int_eq(prepare("lo", SF_ETHTOOL_RSS), -EPERM);
	ck_assert_int_eq(prepare("lo", SF_ETHTOOL_RSS | SF_ETHTOOL_MERGING), -EPERM);
	/* tags are an AF_XDP source's */
	ck_assert_int_eq(prepare("lo", SF_ETHTOOL_TAGS), -EPERM);
	ck_assert_int_eq(prepare("lo", 8), -EPERM);
	/* --keep-offloads */
	ck_assert_int_eq(prepare("kept", SF_ETHTOOL_MERGING), -EPERM);
	/* permitted: it is the interface that is not there */
	ck_assert_int_eq(prepare("none0", SF_ETHTOOL_RSS | SF_ETHTOOL_MERGING), -ENODEV);
	/* not named on the command line */
	ck_assert_int_eq(prepare("eth0", 0), -EINVAL);
	ck_assert(sf_monitor_stop(&monitor));
}
END_TEST

START_TEST(programs)
{
	start();
	ck_assert_int_eq(xdp("lo"), -EPERM);
	ck_assert_int_eq(xdp("kept"), -EPERM);
	/* permitted, or the build has no AF_XDP driver */
	ck_assert_int_eq(xdp("none0"), sf_capture_driver("xdp") ? -ENODEV : -EPERM);
	ck_assert(sf_monitor_stop(&monitor));
}
END_TEST

/* Code in a metering process that was taken over writes to the channel what it likes. */
START_TEST(nonsense)
{
	struct sf_request request = { .sequence = 1, .kind = 99 };
	struct sf_answer answer;
	unsigned count;

	start();
	for (unsigned i = 0; i < 3; i++) {
		static const uint32_t kinds[] = { 99, UINT32_MAX, SF_REQUEST_LISTENER };

		request.kind = kinds[i];
		ck_assert_int_gt(
			sf_message_send(monitor.channel, &request, sizeof(request), NULL, 0), 0);
		/* a listener without a descriptor gets no answer */
		if (kinds[i] == SF_REQUEST_LISTENER)
			continue;
		ck_assert_int_eq(sf_message_receive(
					 monitor.channel, &answer, sizeof(answer), NULL, 0, &count),
			sizeof(answer));
		ck_assert_int_eq(answer.result, -EINVAL);
	}
	ck_assert_int_gt(sf_message_send(monitor.channel, &request, 3, NULL, 0), 0);
	ck_assert_int_eq(prepare("lo", 0), 0);
	ck_assert(sf_monitor_stop(&monitor));
}
END_TEST

START_TEST(stopped)
{
	int64_t before = sf_clock_read(CLOCK_MONOTONIC);
	pid_t pid;

	start();
	pid = monitor.pid;
	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	ck_assert_int_eq(prepare("lo", 0), -ETIMEDOUT);
	ck_assert_double_lt(seconds_since(before), 60);
	/* the next ones are not waited for as long again */
	before = sf_clock_read(CLOCK_MONOTONIC);
	ck_assert_int_eq(prepare("lo", 0), -ETIMEDOUT);
	ck_assert_double_lt(seconds_since(before), 4.5);
	/* it goes on: late answers are passed over */
	ck_assert_int_eq(kill(pid, SIGCONT), 0);
	ck_assert_int_eq(prepare("lo", 0), 0);
	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	before = sf_clock_read(CLOCK_MONOTONIC);
	ck_assert(!sf_monitor_stop(&monitor));
	ck_assert_double_lt(seconds_since(before), 60);
	ck_assert_int_eq(kill(pid, SIGCONT), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

START_TEST(killed)
{
	start();
	ck_assert_int_eq(kill(monitor.pid, SIGKILL), 0);
	for (unsigned i = 0; i < 60000 && !sf_monitor_ended(&monitor); i++)
		usleep(1000);
	ck_assert(sf_monitor_ended(&monitor));
	ck_assert_int_eq(prepare("lo", 0), -EPERM);
	ck_assert(sf_monitor_stop(&monitor));
	/* twice, and without one */
	ck_assert(sf_monitor_stop(&monitor));
	ck_assert(!sf_monitor_ended(&monitor));
}
END_TEST

/* What a plan gives away. */
START_TEST(of_plans)
{
#define SOURCE(driver_name, count, ...)                                                            \
	{                                                                                          \
		.driver = driver_name, .names = (const char *const[]){ __VA_ARGS__ },              \
		.name_count = count                                                                \
	}
	struct sf_plan_source sources[] = {
		SOURCE("pcap", 2, "eth0", "eth1"),
		SOURCE("xdp", 1, "eth2"),
		SOURCE("pcap", 1, "any"),
		SOURCE("dpdk", 1, "net_null0"),
		SOURCE("dpdk", 1, "net_af_packet0,iface=eth9,framecnt=8"),
		SOURCE("dpdk", 1, "net_af_xdp0,iface=eth8"),
		SOURCE("dpdk", 1, "net_tap0,iface=tap5,remote=eth7"),
	};
	const struct sf_plan plan = { .sources = sources, .source_count = 7 };
	static struct sf_permits made;
	struct sf_error error;

	ck_assert_int_eq(sf_permits_make(&made, &plan, &error), 0);
	ck_assert_uint_eq(made.count, 7);
	ck_assert_str_eq(made.rows[1].name, "eth1");
	ck_assert_uint_eq(made.rows[1].settings, SF_ETHTOOL_MERGING | SF_ETHTOOL_UP);
	ck_assert(made.rows[1].packets && !made.rows[1].xdp);
	ck_assert_str_eq(made.rows[2].name, "eth2");
	ck_assert_uint_eq(
		made.rows[2].settings, SF_ETHTOOL_MERGING | SF_ETHTOOL_TAGS | SF_ETHTOOL_UP);
	ck_assert(made.rows[2].xdp);
	/*
	 * a device of DPDK changes no other settings; without an interface below it there is no row
	 */
	ck_assert_str_eq(made.rows[4].name, "eth9");
	ck_assert(made.rows[4].packets && !made.rows[4].detach);
	ck_assert_uint_eq(made.rows[4].settings, SF_ETHTOOL_UP);
	ck_assert_str_eq(made.rows[5].name, "eth8");
	ck_assert(made.rows[5].detach && !made.rows[5].xdp);
	ck_assert_str_eq(made.rows[6].name, "eth7");
	for (unsigned i = 0; i < 7; i++)
		sources[i].keep_offloads = sources[i].keep_link = sources[i].set_rss = true;
	ck_assert_int_eq(sf_permits_make(&made, &plan, &error), 0);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_eq(made.rows[i].settings, SF_ETHTOOL_RSS);
}
END_TEST

/* Names below virtual devices; strings that name none. */
START_TEST(of_devices)
{
	static const char *const none[] = { "net_null0", "0000:01:00.0", "net_tap0,iface=dtap0",
		"net_af_packet0,iface=", "net_af_packet0,ifaces=eth1", "net_af_packet0,iface",
		"net_af_packet0,iface=a-name-that-is-too-long", "net_af_packet0,", "",
		"net_null0,size=iface=eth1" };
	char name[IF_NAMESIZE];

	for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		ck_assert_msg(!sf_netdev_of_device(none[i], name), "%s", none[i]);
	ck_assert(sf_netdev_of_device("net_pcap0,rx_iface=eth1,tx_pcap=x", name));
	ck_assert_str_eq(name, "eth1");
	ck_assert(sf_netdev_of_device("net_af_packet0,qpairs=2,iface=fifteen-letters", name));
	ck_assert_str_eq(name, "fifteen-letters");
}
END_TEST

CHECK_MAIN("monitor", of_devices, of_plans, settings, programs, nonsense, stopped, killed)
