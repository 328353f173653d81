/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a metering process can no longer do: children enter the sandbox as a run does and try. Each
 * layer is also tried alone, so that one does not hide that another is open.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/netlink.h>

#include "check_main.h"
#include "guard/sandbox.h"
#include "guard/spawner.h"

#include "spanflow_config.h"

#define SKIPPED 77
/* what children say in this build */
#ifdef HAVE_SECCOMP
#define FILTERED 0
#else
#define FILTERED SKIPPED
#endif

/* Runs `body` in a child; its exit status is the line that failed, modulo 256, or 0. */
static int in_child(int (*body)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(body());
	ck_assert_int_gt(child, 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status), "ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			return __LINE__ % 256 ? __LINE__ % 256 : 1;                                \
	} while (0)

#define DENIED(call) MUST((errno = 0, (call)) == -1 && (errno == EPERM || errno == EACCES))

static void *started(void *argument)
{
	*(int *)argument = 1;
	return NULL;
}

static int tries(void)
{
	char *const argv[] = { "true", NULL };
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER };
	struct rlimit limit;
	cpu_set_t cpus;
	pthread_t thread;
	int ran = 0;

	MUST(sched_getaffinity(0, sizeof(cpus), &cpus) == 0);
	DENIED(open("/etc/passwd", O_RDONLY));
	DENIED(open("/tmp/spanflow-sandbox", O_WRONLY | O_CREAT, 0600));
	DENIED(syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", &ran, 0));
	DENIED(unlink("/tmp/spanflow-sandbox"));
	DENIED(execv("/bin/true", argv));
	DENIED(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, NULL, 0));
	DENIED(fork());
	DENIED(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
	DENIED(kill(getppid(), 0));
	/* other processes of the user, who may have some */
	DENIED(syscall(SYS_prlimit64, getppid(), RLIMIT_CPU, NULL, &limit));
	DENIED(sched_setaffinity(getppid(), sizeof(cpus), &cpus));
	DENIED(syscall(SYS_tgkill, getppid(), getppid(), 0));
	DENIED(socket(AF_VSOCK, SOCK_STREAM, 0));
	/* services of this host, servers on others */
	DENIED(socket(AF_UNIX, SOCK_STREAM, 0));
	DENIED(socket(AF_UNIX, SOCK_SEQPACKET, 0));
	DENIED(socket(AF_INET, SOCK_STREAM, 0));
	DENIED(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
	DENIED(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
	DENIED(socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT));
	DENIED(socket(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE));
	DENIED(memfd_create("map", 0));
	DENIED(syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr)));
	DENIED(syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)));
	DENIED(syscall(SYS_io_uring_setup, 1, NULL));
	DENIED(setuid(0));
	MUST(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		MAP_FAILED);
	/* what it must go on doing */
	MUST(pthread_create(&thread, NULL, started, &ran) == 0);
	MUST(pthread_join(thread, NULL) == 0 && ran == 1);
	MUST(socket(AF_INET, SOCK_DGRAM, 0) >= 0);
	MUST(if_nametoindex("lo") > 0);
	MUST(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	MUST(sched_setaffinity(0, sizeof(cpus), &cpus) == 0);
	MUST(pthread_kill(pthread_self(), 0) == 0);
	MUST(usleep(1000) == 0);
	free(malloc(64 << 20));
	return 0;
}

static int enter_and_try(void)
{
	struct sf_sandbox sandbox = { .wanted = true, .helped = true, .packets = true };
	struct sf_error error;
	int listener;

	MUST(sf_sandbox_user(&sandbox, NULL, &error) == 0);
	MUST(sf_sandbox_enter(&sandbox, &listener, &error) == 0);
	if (!sandbox.seccomp)
		return SKIPPED;
	/* where no monitor answers, there is no packet socket */
	MUST(listener >= 0 && close(listener) == 0);
	MUST(socket(AF_PACKET, SOCK_RAW, 0) == -1);
	/* without an xdp: source nobody is asked at all */
	DENIED(socket(AF_XDP, SOCK_RAW, 0));
	return tries();
}

/* With --metrics only, connections to a socket that listens are accepted; no other can listen. */
static int enter_with_listener(bool metrics)
{
	struct sf_sandbox sandbox = { .helped = true, .metrics = metrics };
	struct sf_error error;
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), listener;

	MUST(listening >= 0 && listen(listening, 1) == 0);
	MUST(sf_sandbox_user(&sandbox, NULL, &error) == 0);
	MUST(sf_sandbox_enter(&sandbox, &listener, &error) == 0);
	if (!sandbox.seccomp)
		return SKIPPED;
	MUST(accept4(listening, NULL, NULL, SOCK_CLOEXEC) == -1);
	MUST(errno == (metrics ? EAGAIN : EPERM));
	DENIED(listen(listening, 2));
	DENIED(socket(AF_INET, SOCK_STREAM, 0));
	return 0;
}

static int enter_with_metrics(void)
{
	return enter_with_listener(true);
}

static int enter_without_metrics(void)
{
	return enter_with_listener(false);
}

START_TEST(accepting)
{
	ck_assert_int_eq(in_child(enter_with_metrics), FILTERED);
	ck_assert_int_eq(in_child(enter_without_metrics), FILTERED);
}
END_TEST

/* An AF_XDP source enters its sockets in the map that the monitor handed over. */
static int enter_with_xdp(void)
{
	struct sf_sandbox sandbox = { .helped = true, .packets = true, .xdp = true };
	union bpf_attr attr = { .map_fd = (uint32_t)-1 };
	struct sf_error error;
	int listener;

	MUST(sf_sandbox_user(&sandbox, NULL, &error) == 0);
	MUST(sf_sandbox_enter(&sandbox, &listener, &error) == 0);
	if (!sandbox.seccomp)
		return SKIPPED;
	/* the kernel looks at the descriptor, or at the user's rights */
	MUST(syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)) == -1);
	MUST(errno == EBADF || geteuid() != 0);
	DENIED(syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr)));
	return 0;
}

START_TEST(map_update)
{
	ck_assert_int_eq(in_child(enter_with_xdp), FILTERED);
}
END_TEST

#ifdef HAVE_CAPNG
/* A container's root without CAP_SETPCAP keeps its bounding set, and the statistics say so. */
static int enter_without_setpcap(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct sets[2];
	struct sf_sandbox sandbox = { .helped = true };
	struct sf_error error;
	int listener;

	if (geteuid() != 0)
		return SKIPPED;
	MUST(syscall(SYS_capget, &header, sets) == 0);
	sets[0].effective &= ~(1U << CAP_SETPCAP);
	sets[0].permitted &= ~(1U << CAP_SETPCAP);
	MUST(syscall(SYS_capset, &header, sets) == 0);
	MUST(sf_sandbox_user(&sandbox, NULL, &error) == 0);
	MUST(sf_sandbox_enter(&sandbox, &listener, &error) == 0);
	MUST(prctl(PR_CAPBSET_READ, CAP_NET_RAW, 0, 0, 0) == 1 || errno == EPERM);
	MUST(!sandbox.capabilities);
	MUST(strstr(sandbox.missing, "CAP_SETPCAP"));
	return 0;
}

static int enter_with_all(void)
{
	struct sf_sandbox sandbox = { .helped = true };
	struct sf_error error;
	int listener;

	if (geteuid() != 0 || prctl(PR_CAPBSET_READ, CAP_SETPCAP, 0, 0, 0) != 1)
		return SKIPPED;
	MUST(sf_sandbox_user(&sandbox, NULL, &error) == 0);
	MUST(sf_sandbox_enter(&sandbox, &listener, &error) == 0);
	MUST(sandbox.capabilities && !strstr(sandbox.missing, "CAP_SETPCAP"));
	return 0;
}

START_TEST(bounding_set)
{
	int kept = in_child(enter_without_setpcap), emptied = in_child(enter_with_all);

	ck_assert(kept == 0 || (kept == SKIPPED && geteuid() != 0));
	ck_assert(emptied == 0 || emptied == SKIPPED);
}
END_TEST
#else
START_TEST(bounding_set)
{
}
END_TEST
#endif

START_TEST(all_layers)
{
	ck_assert_int_eq(in_child(enter_and_try), FILTERED);
}
END_TEST

/* Started by a user with rights of its own: the process keeps those for capturing, not more. */
static int enter_without_monitor(void)
{
	struct sf_sandbox sandbox = { .wanted = true, .packets = true };
	struct sf_error error;
	int listener, fd;

	MUST(sf_sandbox_enter(&sandbox, &listener, &error) == 0);
	if (!sandbox.seccomp)
		return SKIPPED;
	MUST(listener == -1 && !sandbox.capabilities);
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	MUST(fd >= 0 || geteuid() != 0);
	DENIED(open("/etc/passwd", O_RDONLY));
	DENIED(fork());
	DENIED(memfd_create("map", 0));
#ifdef HAVE_CAPNG
	DENIED(setgroups(0, NULL));
#endif
	return 0;
}

START_TEST(rights_kept)
{
	ck_assert_int_eq(in_child(enter_without_monitor), FILTERED);
}
END_TEST

/* With an AF_XDP source besides: the kernel's types can be read, and nothing else. */
static int enter_with_types(void)
{
	static const char types[] = "/sys/kernel/btf/vmlinux";
	struct sf_sandbox sandbox = { .wanted = true, .xdp = true };
	struct sf_error error;
	bool there = access(types, R_OK) == 0;
	int listener;

	MUST(sf_sandbox_enter(&sandbox, &listener, &error) == 0);
	if (!sandbox.seccomp)
		return SKIPPED;
	MUST((open(types, O_RDONLY) >= 0) == (there && sandbox.landlock > 0));
	DENIED(open(types, O_RDWR));
	DENIED(open("/etc/passwd", O_RDONLY));
	DENIED(open("/sys/kernel/uevent_seqnum", O_RDONLY));
	DENIED(open("/tmp", O_RDONLY | O_DIRECTORY));
	/* newer libbpf makes one for each map */
	MUST(memfd_create("map", 0) >= 0);
	DENIED(fork());
	return 0;
}

START_TEST(types_read)
{
	ck_assert_int_eq(in_child(enter_with_types), FILTERED);
}
END_TEST

/* Opens objects and interfaces anew for the other process, and starts nothing. */
static int monitor_filter(void)
{
	int listener;

	if (sf_syscalls_restrict(SF_CALLS_MONITOR, &listener) < 0)
		return SKIPPED;
	MUST(memfd_create("map", 0) >= 0);
	DENIED(execv("/bin/true", (char *const[]){ "true", NULL }));
	return 0;
}

START_TEST(monitor)
{
	ck_assert_int_eq(in_child(monitor_filter), FILTERED);
}
END_TEST

static int filter_alone(void)
{
	int listener;

	if (sf_syscalls_restrict(SF_CALLS_METERING, &listener) < 0)
		return SKIPPED;
	DENIED(socket(AF_PACKET, SOCK_RAW, 0));
	DENIED(socket(AF_XDP, SOCK_RAW, 0));
	return 0;
}

START_TEST(system_calls)
{
	ck_assert_int_eq(in_child(filter_alone), FILTERED);
}
END_TEST

static int landlock_alone(void)
{
	int before = open("/dev/null", O_RDWR);

	if (sf_landlock_restrict((const char *const[]){ "/sys" }, 1, NULL, 0) < 0)
		return SKIPPED;
	DENIED(open("/etc/passwd", O_RDONLY));
	DENIED(open("/dev/null", O_RDONLY));
	DENIED(execl("/bin/true", "true", NULL));
	MUST(open("/sys/kernel/mm", O_RDONLY | O_DIRECTORY) >= 0);
	MUST(write(before, "x", 1) == 1);
	return 0;
}

START_TEST(file_system)
{
	int status = in_child(landlock_alone);

	/* the kernel may have none */
	if (status != SKIPPED)
		ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(users)
{
	struct sf_sandbox sandbox = { .wanted = true };
	struct sf_error error = { 0 };

	ck_assert_int_eq(sf_sandbox_user(&sandbox, "no-such-user-here", &error), SF_EUSAGE);
	ck_assert_ptr_nonnull(strstr(error.text, "no-such-user-here"));
	ck_assert_int_eq(sf_sandbox_user(&sandbox, NULL, &error), 0);
	ck_assert_int_eq(sandbox.switch_user, geteuid() == 0);
	ck_assert(!sandbox.switch_user || sandbox.uid != 0);
}
END_TEST

/*
 * A process that was taken over cannot have --on-file run its command for files that are none of
 * the run.
 */
START_TEST(on_file_has_files_of_the_run_only)
{
	static const struct {
		const char *file, *path;
		bool allowed;
	} cases[] = {
		{ "flows-%H.ipfix", "flows-13.ipfix", true },
		{ "./flows-%H.ipfix", "flows-13.ipfix", true },
		{ "flows-%H.ipfix", "/etc/shadow", false },
		{ "flows-%H.ipfix", "other", false },
		{ "%H.ipfix", "13.ipfix", true },
		{ "%H.ipfix", "/etc/shadow", false },
		{ "flows.ipfix", "flows.ipfix", true },
		{ "flows.ipfix", "/etc/shadow", false },
		{ "/data/%d/%H.ipfix,size=1m", "/data/01/13.ipfix", true },
		{ "/data/%d/%H.ipfix", "/data/../etc/shadow", false },
		{ "/data/%d/%H.ipfix", "/data/01/..", false },
		{ "/data/%d/%H.ipfix", "/database/01", false },
		{ "%H/%M.ipfix", "..", false },
		{ "%H/%M.ipfix", "../13.ipfix", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(
			sf_spawner_allows(cases[i].path, &cases[i].file, 1) == cases[i].allowed,
			"%s: %s", cases[i].file, cases[i].path);
}
END_TEST

CHECK_MAIN("sandbox", on_file_has_files_of_the_run_only, all_layers, accepting, map_update,
	bounding_set, rights_kept, types_read, monitor, system_calls, file_system, users)
