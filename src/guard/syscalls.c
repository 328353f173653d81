/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system calls that a live run needs once it is running. Every other call fails with EPERM, as
 * if the user had no privilege for it, so that a library that tries an optional call goes on
 * without it. Threads can be started, processes cannot; memory cannot become executable.
 *
 * A packet socket that is wanted when an interface came back is made by the monitor: the kernel
 * suspends the call and tells the listener (seccomp_unotify(2)), the monitor puts a socket into
 * this process. So the capture libraries, which open their sockets themselves, work on unchanged.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/netlink.h>
#include <linux/sockios.h>

#include "guard/sandbox.h"

#include "spanflow_config.h"

#ifdef HAVE_SECCOMP
#include <seccomp.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif
#define SOCKET_TYPES 0xf /* the kernel's SOCK_TYPE_MASK */

/* Calls that every process of a live run may make. */
static const int always[] = {
	/* open descriptors */
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64),
	SCMP_SYS(pwrite64), SCMP_SYS(pwritev), SCMP_SYS(lseek), SCMP_SYS(close), SCMP_SYS(fstat),
	SCMP_SYS(ftruncate), SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(sync_file_range),
	SCMP_SYS(fallocate), SCMP_SYS(fcntl), SCMP_SYS(dup), SCMP_SYS(dup3), SCMP_SYS(poll),
	SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(eventfd2),
	SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(pipe2),
	/* sockets */
	SCMP_SYS(bind), SCMP_SYS(connect), SCMP_SYS(shutdown), SCMP_SYS(sendto), SCMP_SYS(recvfrom),
	SCMP_SYS(sendmsg), SCMP_SYS(recvmsg), SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg),
	SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	/* memory */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(mlock),
	SCMP_SYS(munlock), SCMP_SYS(mincore), SCMP_SYS(membarrier),
	/* threads, time, signals */
	SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(getcpu), SCMP_SYS(gettid), SCMP_SYS(getpid),
	SCMP_SYS(getppid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
	SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(times),
	SCMP_SYS(getrusage), SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(getrandom),
	SCMP_SYS(getrlimit), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigtimedwait), SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall), SCMP_SYS(wait4), SCMP_SYS(exit), SCMP_SYS(exit_group)
};

/* Further calls of the monitor. Landlock limits files to /sys (landlock.c). */
static const int monitor[] = { SCMP_SYS(openat), SCMP_SYS(newfstatat), SCMP_SYS(getdents64),
	SCMP_SYS(readlink), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
	SCMP_SYS(bpf), SCMP_SYS(ioctl), SCMP_SYS(socket), SCMP_SYS(mmap), SCMP_SYS(mprotect),
	SCMP_SYS(prctl), SCMP_SYS(perf_event_open), SCMP_SYS(setrlimit),
	/* newer versions of libbpf than Debian 12 has, for each map of an object */
	SCMP_SYS(memfd_create) };

/*
 * With --metrics: connections to the socket that listens already. listen() is not here, so no other
 * socket can be made to listen.
 */
static const int accepting[] = { SCMP_SYS(accept4) };

/* With a spool, or files of a series. */
static const int files[] = { SCMP_SYS(openat), SCMP_SYS(unlinkat), SCMP_SYS(mkdirat),
	SCMP_SYS(renameat), SCMP_SYS(renameat2) };

static int allow(scmp_filter_ctx filter, const int *calls, size_t count)
{
	int result = 0;

	/* a call that this architecture does not have is no failure */
	for (size_t i = 0; i < count && result == 0; i++)
		result = calls[i] < 0 ? 0 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return result;
}

/* One argument compared under a mask. */
struct rule {
	int call;
	unsigned argument;
	uint64_t mask, value;
};

static int allow_if(scmp_filter_ctx filter, const struct rule *rules, size_t count)
{
	int result = 0;

	for (size_t i = 0; i < count && result == 0; i++) {
		const struct scmp_arg_cmp compare = {
			.arg = rules[i].argument,
			.op = SCMP_CMP_MASKED_EQ,
			.datum_a = rules[i].mask,
			.datum_b = rules[i].value,
		};

		if (rules[i].call >= 0)
			result = seccomp_rule_add_array(
				filter, SCMP_ACT_ALLOW, rules[i].call, 1, &compare);
	}
	return result;
}

/* Calls that name a process or thread: allowed for this process or the calling thread only. */
static int allow_self(scmp_filter_ctx filter)
{
	const struct rule rules[] = {
		{ SCMP_SYS(prlimit64), 0, UINT32_MAX, 0 },
		{ SCMP_SYS(sched_setaffinity), 0, UINT32_MAX, 0 },
		{ SCMP_SYS(tgkill), 0, UINT32_MAX, (uint64_t)getpid() },
	};

	return allow_if(filter, rules, sizeof(rules) / sizeof(rules[0]));
}

/* Sockets of one family and type; `protocol` < 0: any. */
static int allow_socket(scmp_filter_ctx filter, uint32_t action, int family, int type, int protocol)
{
	const struct scmp_arg_cmp compare[] = {
		{ 0, SCMP_CMP_MASKED_EQ, UINT32_MAX, (uint64_t)family },
		/* the upper bits are SOCK_CLOEXEC and SOCK_NONBLOCK */
		{ 1, SCMP_CMP_MASKED_EQ, SOCKET_TYPES, (uint64_t)type },
		{ 2, SCMP_CMP_MASKED_EQ, UINT32_MAX, (uint64_t)protocol },
	};

	return seccomp_rule_add_array(
		filter, action, SCMP_SYS(socket), protocol < 0 ? 2 : 3, compare);
}

static int allow_sockets(scmp_filter_ctx filter, unsigned calls)
{
	/* with a monitor, it makes the sockets that need a capability */
	const uint32_t packets = calls & SF_CALLS_ASKED ? SCMP_ACT_NOTIFY : SCMP_ACT_ALLOW;
	const struct {
		unsigned when; /* SF_CALLS_…, all of them */
		uint32_t action;
		int family, type, protocol;
	} sockets[] = {
		/* exporter; ioctls about interfaces */
		{ 0, SCMP_ACT_ALLOW, AF_INET, SOCK_DGRAM, -1 },
		{ 0, SCMP_ACT_ALLOW, AF_INET6, SOCK_DGRAM, -1 },
		{ SF_CALLS_STREAMS, SCMP_ACT_ALLOW, AF_INET, SOCK_STREAM, -1 },
		{ SF_CALLS_STREAMS, SCMP_ACT_ALLOW, AF_INET6, SOCK_STREAM, -1 },
		/* if_nametoindex() */
		{ 0, SCMP_ACT_ALLOW, AF_UNIX, SOCK_DGRAM, -1 },
		/* state and counters of interfaces */
		{ 0, SCMP_ACT_ALLOW, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE },
		{ SF_CALLS_PACKETS, packets, AF_PACKET, SOCK_RAW, -1 },
		{ SF_CALLS_PACKETS, packets, AF_PACKET, SOCK_DGRAM, -1 },
		{ SF_CALLS_XDP, packets, AF_XDP, SOCK_RAW, -1 },
		/* libbpf reads the XDP features of an interface through this */
		{ SF_CALLS_XDP, SCMP_ACT_ALLOW, AF_NETLINK, SOCK_RAW, NETLINK_GENERIC },
	};
	int result = 0;

	for (unsigned i = 0; i < sizeof(sockets) / sizeof(sockets[0]) && result == 0; i++)
		if ((calls & sockets[i].when) == sockets[i].when)
			result = allow_socket(filter, sockets[i].action, sockets[i].family,
				sockets[i].type, sockets[i].protocol);
	return result;
}

/*
 * An AF_XDP source enters its sockets in the program's map; without a monitor it needs all of BPF.
 */
static int allow_xdp(scmp_filter_ctx filter, unsigned calls)
{
	static const struct rule update[] = { { SCMP_SYS(bpf), 0, UINT32_MAX,
		BPF_MAP_UPDATE_ELEM } };
	static const int bpf[] = { SCMP_SYS(bpf), SCMP_SYS(memfd_create) };

	return calls & SF_CALLS_ASKED ? allow_if(filter, update, 1)
				      : allow(filter, bpf, sizeof(bpf) / sizeof(bpf[0]));
}

/* Opening a file for reading. */
static int allow_reading(scmp_filter_ctx filter)
{
	static const int before[] = { SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2) };
	static const struct rule rule[] = {
		{ SCMP_SYS(openat), 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY },
	};
	int result = allow(filter, before, sizeof(before) / sizeof(before[0]));

	return result ? result : allow_if(filter, rule, 1);
}

/*
 * When its interface comes back, DPDK's net_af_packet sets the MAC address that the interface
 * already has, and the promiscuous flag, which our own packet socket has set (drivers/dpdk/dpdk.c).
 * The driver gives up if these calls fail, so they do nothing and succeed. This more exact rule has
 * precedence over the rule for all ioctls of interfaces.
 */
static int ignore_settings(scmp_filter_ctx filter)
{
	static const uint64_t ignored[] = { SIOCSIFFLAGS, SIOCSIFHWADDR };
	int result = 0;

	for (unsigned i = 0; i < 2 && result == 0; i++) {
		const struct scmp_arg_cmp compare = { 1, SCMP_CMP_MASKED_EQ, UINT32_MAX,
			ignored[i] };

		result = seccomp_rule_add_array(
			filter, SCMP_ACT_ERRNO(0), SCMP_SYS(ioctl), 1, &compare);
	}
	return result;
}

/* Calls that the metering process may make with certain arguments only. */
static int allow_metering(scmp_filter_ctx filter, unsigned calls)
{
	static const struct rule rules[] = {
		{ SCMP_SYS(mmap), 2, PROT_EXEC, 0 },
		{ SCMP_SYS(mprotect), 2, PROT_EXEC, 0 },
		/* _IOC_TYPE of sockets and interfaces, whose changes need a capability */
		{ SCMP_SYS(ioctl), 1, 0xff00, 0x89 << 8 },
		{ SCMP_SYS(ioctl), 1, UINT32_MAX, TCGETS },
		{ SCMP_SYS(ioctl), 1, UINT32_MAX, TIOCGWINSZ },
		{ SCMP_SYS(ioctl), 1, UINT32_MAX, FIONREAD },
		{ SCMP_SYS(ioctl), 1, UINT32_MAX, FIONBIO },
		/* what the peer of a connection has not acknowledged */
		{ SCMP_SYS(ioctl), 1, UINT32_MAX, SIOCOUTQ },
		{ SCMP_SYS(prctl), 0, UINT32_MAX, PR_SET_NAME },
		{ SCMP_SYS(newfstatat), 3, AT_EMPTY_PATH, AT_EMPTY_PATH },
	};
	static const struct rule vfio[] = { { SCMP_SYS(ioctl), 1, 0xff00, 0x3b << 8 } };
	int result = allow_sockets(filter, calls);

	if (result == 0)
		result = allow_if(filter, rules, sizeof(rules) / sizeof(rules[0]));
	if (result == 0 && calls & SF_CALLS_DPDK)
		result = allow_if(filter, vfio, 1);
	if (result == 0 && calls & SF_CALLS_DPDK)
		result = ignore_settings(filter);
	if (result == 0 && calls & SF_CALLS_ACCEPT)
		result = allow(filter, accepting, sizeof(accepting) / sizeof(accepting[0]));
	if (result == 0 && calls & SF_CALLS_XDP)
		result = allow_xdp(filter, calls);
	if (result == 0 && calls & SF_CALLS_FILES)
		result = allow(filter, files, sizeof(files) / sizeof(files[0]));
	if (result == 0 && calls & SF_CALLS_TYPES_READ)
		result = allow_reading(filter);
	return result;
}

/*
 * Allows threads, not processes. clone3() fails, as its flags are not visible: libc uses clone().
 */
static int allow_threads(scmp_filter_ctx filter)
{
	static const struct rule thread[] = { { SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD } };
	int result = allow_if(filter, thread, 1);

	return result ? result
		      : seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

int sf_syscalls_restrict(unsigned calls, int *listener)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int result = filter ? 0 : -ENOMEM;

	*listener = -1;
	if (result == 0)
		result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (result == 0)
		result = allow(filter, always, sizeof(always) / sizeof(always[0]));
	if (result == 0)
		result = allow_self(filter);
	if (result == 0 && calls & SF_CALLS_MONITOR)
		result = allow(filter, monitor, sizeof(monitor) / sizeof(monitor[0]));
	if (result == 0 && !(calls & SF_CALLS_MONITOR))
		result = allow_metering(filter, calls);
	if (result == 0 && !(calls & SF_CALLS_MONITOR))
		result = allow_threads(filter);
	if (result == 0)
		result = seccomp_load(filter);
	if (result == 0 && calls & SF_CALLS_ASKED)
		*listener = seccomp_notify_fd(filter);
	seccomp_release(filter);
	return result;
}
#else
int sf_syscalls_restrict(unsigned calls, int *listener)
{
	(void)calls;
	*listener = -1;
	return -EOPNOTSUPP;
}
#endif
