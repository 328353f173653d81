/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order matters: Landlock and the bounding set need privileges that are lost with the user, and
 * the system call filter comes last because it forbids the calls of the other steps. Capabilities
 * and Landlock apply to one thread, so workers are started later; threads that run already lose
 * their capabilities with the change of user.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "guard/sandbox.h"

#include "spanflow_config.h"

#define KERNEL_TYPES "/sys/kernel/btf" /* libbpf reads this to load a program */

#ifdef HAVE_CAPNG
#include <cap-ng.h>

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#endif
#ifndef CAP_BPF
#define CAP_BPF 39
#endif

/* True for capabilities that opening a source and changing an interface need. */
static bool is_for_capture(unsigned capability)
{
	return capability == CAP_NET_ADMIN || capability == CAP_NET_RAW || capability == CAP_BPF ||
	       capability == CAP_PERFMON || capability == CAP_IPC_LOCK;
}
#endif

/*
 * Empties the bounding set, so that no capability can be regained. 0 or -errno. The kernel is asked
 * for the result, because libcap-ng reports success without CAP_SETPCAP too.
 */
static int drop_bounds(void)
{
#ifdef HAVE_CAPNG
	if (capng_get_caps_process() < 0)
		return -EPERM;
	capng_clear(CAPNG_SELECT_BOUNDS);
	if (capng_apply(CAPNG_SELECT_BOUNDS) < 0)
		return -EPERM;
	for (unsigned long i = 0; i <= (unsigned long)CAP_LAST_CAP; i++)
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
			return -EPERM;
	return 0;
#else
	return -EOPNOTSUPP;
#endif
}

/* Drops capabilities: all, or all except those for capturing. 0 or -errno. */
static int drop_capabilities(bool keep_capture)
{
#ifdef HAVE_CAPNG
	if (capng_get_caps_process() < 0)
		return -EPERM;
	for (unsigned i = 0; i <= (unsigned)CAP_LAST_CAP; i++) {
		if (keep_capture && is_for_capture(i) && capng_have_capability(CAPNG_PERMITTED, i))
			continue;
		capng_update(CAPNG_DROP,
			(capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE), i);
	}
	capng_clear(CAPNG_SELECT_AMBIENT);
	return capng_apply(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT) < 0 ? -EPERM : 0;
#else
	(void)keep_capture;
	return -EOPNOTSUPP;
#endif
}

int sf_sandbox_user(struct sf_sandbox *sandbox, const char *name, struct sf_error *error)
{
	struct passwd *entry = NULL;

	if (geteuid() != 0) {
		entry = getpwuid(geteuid());
		if (name && (!entry || strcmp(entry->pw_name, name) != 0))
			return sf_error_set(error, SF_EUSAGE,
				"--user %s: only root can become another user", name);
		snprintf(sandbox->user, sizeof(sandbox->user), "%s", entry ? entry->pw_name : "");
		return 0;
	}
	if (!name)
		entry = getpwnam("spanflow");
	if (!entry)
		entry = getpwnam(name ? name : "nobody");
	if (!entry)
		return sf_error_set(error, SF_EUSAGE, "--user %s: there is no such user%s",
			name ? name : "nobody",
			name ? "" : "; name one that the metering process can run as");
	snprintf(sandbox->user, sizeof(sandbox->user), "%s", entry->pw_name);
	sandbox->switch_user = true;
	sandbox->uid = entry->pw_uid;
	sandbox->gid = entry->pw_gid;
	return 0;
}

/* The library that this build lacks for a part of the sandbox; NULL: the build has the part. */
#ifdef HAVE_CAPNG
#define NO_CAPNG NULL
#else
#define NO_CAPNG "libcap-ng"
#endif
#ifdef HAVE_SECCOMP
#define NO_SECCOMP NULL
#else
#define NO_SECCOMP "libseccomp"
#endif

/* Adds a part that is not in force to `missing`, because of `library` (NO_…) or else of `code`. */
static void miss(struct sf_sandbox *sandbox, const char *what, const char *library, int code)
{
	size_t used = strlen(sandbox->missing);
	char *end = sandbox->missing + used;
	size_t room = sizeof(sandbox->missing) - used;

	if (library)
		snprintf(end, room,
			"%s%s: built without %s (install %s-dev, then build anew after "
			"meson setup --wipe)",
			used ? "; " : "", what, library, library);
	else
		snprintf(end, room, "%s%s: %s", used ? "; " : "", what,
			code == -ENOSYS       ? "this kernel has none"
			: code == -EOPNOTSUPP ? "switched off in this kernel"
					      : sf_strerror(code));
}

static int become(struct sf_sandbox *sandbox, struct sf_error *error)
{
	if (setgroups(0, NULL) < 0 || setresgid(sandbox->gid, sandbox->gid, sandbox->gid) < 0 ||
		setresuid(sandbox->uid, sandbox->uid, sandbox->uid) < 0)
		return sf_error_set(error, -errno,
			"cannot become user %s: %s: this root may not change users (a user "
			"namespace of one user, a container without CAP_SETUID and CAP_SETGID); "
			"meter as it with --user root, or with --no-sandbox",
			sandbox->user, sf_strerror(-errno));
	if (sandbox->uid != 0 && (setuid(0) == 0 || seteuid(0) == 0))
		return sf_error_set(error, -EPERM, "user %s can become root again", sandbox->user);
	return 0;
}

void sf_sandbox_keep_readable(struct sf_sandbox *sandbox, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory =
		!slash ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));

	/* a file that does not fit here is told when it cannot be read */
	if (directory && sandbox->readable_count < SF_READABLE_MAX)
		sandbox->readable[sandbox->readable_count++] = directory;
	else
		free(directory);
}

void sf_sandbox_keep_writable(
	struct sf_sandbox *sandbox, const char *directory, enum sf_exporter_makes makes)
{
	char *copy = strdup(directory);

	/* one that does not fit here is told when a file cannot be made */
	if (!copy || sandbox->writable_count == SF_WRITABLE_MAX) {
		free(copy);
		return;
	}
	sandbox->makes[sandbox->writable_count] = makes;
	sandbox->writable[sandbox->writable_count++] = copy;
}

/* What fails here is told when a file cannot be written. */
static void give_directory(const char *path, uid_t uid, gid_t gid)
{
	DIR *directory = opendir(path);

	if (!directory)
		return;
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
		if (strcmp(entry->d_name, "..") != 0 && fchownat(dirfd(directory), entry->d_name,
								uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
			break;
	closedir(directory);
}

static void forget(char **paths, unsigned *count)
{
	while (*count)
		free(paths[--*count]);
}

void sf_sandbox_fini(struct sf_sandbox *sandbox)
{
	forget(sandbox->readable, &sandbox->readable_count);
	forget(sandbox->writable, &sandbox->writable_count);
}

/* Directories that the run has made get the user that the process becomes. */
static void give_writable(const struct sf_sandbox *sandbox)
{
	for (unsigned i = 0; sandbox->switch_user && i < sandbox->writable_count; i++) {
		const char *path = sandbox->writable[i];

		if (sandbox->makes[i] == SF_MAKES_SPOOL)
			give_directory(path, sandbox->uid, sandbox->gid);
		/* what fails here is told by check_writable() */
		else if (sandbox->makes[i] == SF_MAKES_DIRECTORY &&
			 lchown(path, sandbox->uid, sandbox->gid) < 0)
			continue;
	}
}

/* The user of the run must be able to make the files of a series. */
static int check_writable(const struct sf_sandbox *sandbox, struct sf_error *error)
{
	for (unsigned i = 0; i < sandbox->writable_count; i++) {
		const char *path = sandbox->writable[i];

		if (sandbox->makes[i] != SF_MAKES_SERIES && sandbox->makes[i] != SF_MAKES_DIRECTORY)
			continue;
		if (access(path, W_OK | X_OK) < 0)
			return sf_error_set(error, -errno,
				"-w: user %s cannot make files in %s: %s (chown the directory, or "
				"name another --user)",
				sandbox->user, path, sf_strerror(-errno));
	}
	return 0;
}

/*
 * True if files may be made: always for a spool or a series, for files that are opened again only
 * with Landlock, which decides which files these can be.
 */
static bool makes_files(const struct sf_sandbox *sandbox)
{
	for (unsigned i = 0; i < sandbox->writable_count; i++)
		if (sandbox->makes[i] != SF_MAKES_AGAIN || sandbox->landlock > 0)
			return true;
	return false;
}

int sf_sandbox_enter(struct sf_sandbox *sandbox, int *listener, struct sf_error *error)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	unsigned calls = (sandbox->helped ? SF_CALLS_ASKED : 0) |
			 (sandbox->packets ? SF_CALLS_PACKETS : 0) |
			 (sandbox->xdp ? SF_CALLS_XDP : 0) | (sandbox->dpdk ? SF_CALLS_DPDK : 0) |
			 (sandbox->streams ? SF_CALLS_STREAMS : 0) |
			 (sandbox->metrics ? SF_CALLS_ACCEPT : 0);
	/*
	 * Nothing stays readable with DPDK: Landlock does not cover its threads, which run already.
	 * Landlock refuses a directory that does not exist.
	 */
	bool types = sandbox->xdp && !sandbox->helped && !sandbox->dpdk &&
		     access(KERNEL_TYPES, R_OK) == 0;
	int result, bounds = 0;

	*listener = -1;
	/* the first use of the time zone reads a file, which is not possible later */
	tzset();
	result = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
	sandbox->no_new_privs = result == 0;
	if (result < 0)
		miss(sandbox, "no-new-privs", NULL, result);
	if (types)
		sf_sandbox_keep_readable(sandbox, KERNEL_TYPES "/");
	if (sandbox->dpdk)
		forget(sandbox->readable, &sandbox->readable_count);
	give_writable(sandbox);
	sandbox->landlock = sf_landlock_restrict((const char *const *)sandbox->readable,
		sandbox->readable_count, (const char *const *)sandbox->writable,
		sandbox->writable_count);
	if (sandbox->landlock < 0) {
		miss(sandbox, "Landlock", NULL, sandbox->landlock);
		sandbox->landlock = 0;
	}
	/* only with Landlock: without it the process could read all files of the user */
	if (sandbox->readable_count && sandbox->landlock > 0)
		calls |= SF_CALLS_TYPES_READ;
	calls |= makes_files(sandbox) ? SF_CALLS_FILES : 0;
	if (sandbox->switch_user) {
		/* the new user locks the packet memory of a source that is opened again */
		setrlimit(RLIMIT_MEMLOCK, &unlimited);
		bounds = drop_bounds();
		result = become(sandbox, error);
		if (result < 0)
			return result;
	}
	result = check_writable(sandbox, error);
	sf_sandbox_fini(sandbox);
	if (result < 0)
		return result;
	result = drop_capabilities(!sandbox->helped);
	if (result < 0)
		miss(sandbox, "dropping capabilities", NO_CAPNG, result);
	else if (bounds < 0)
		miss(sandbox, "emptying the bounding set (needs CAP_SETPCAP)", NO_CAPNG, bounds);
	sandbox->capabilities = sandbox->helped && result == 0 && bounds == 0;
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	result = sf_syscalls_restrict(calls, listener);
	sandbox->seccomp = result == 0;
	if (result < 0)
		miss(sandbox, "system call filter", NO_SECCOMP, result);
	return 0;
}

void sf_sandbox_enter_monitor(void)
{
	int listener;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	sf_landlock_restrict((const char *const[]){ "/sys" }, 1, NULL, 0);
	drop_bounds();
	drop_capabilities(true);
	sf_syscalls_restrict(SF_CALLS_MONITOR, &listener);
}

static const char *yes_no(bool value)
{
	return value ? "true" : "false";
}

void sf_sandbox_json(const struct sf_sandbox *sandbox, FILE *stream)
{
	fprintf(stream,
		"{\"user\":\"%s\",\"monitor\":%s,\"capabilitiesDropped\":%s,\"noNewPrivs\":%s,"
		"\"seccomp\":%s,\"landlock\":%s}",
		sandbox->user, yes_no(sandbox->helped), yes_no(sandbox->capabilities),
		yes_no(sandbox->no_new_privs), yes_no(sandbox->seccomp),
		yes_no(sandbox->landlock > 0));
}
