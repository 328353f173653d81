/* SPDX-License-Identifier: BSD-2-Clause */
#include "guard/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/secure.h"

#define PATH_SIZE (2 * PATH_MAX)

/* Written by the spawner, read by the run. */
struct sf_spawned {
	_Atomic uint64_t run, failed;
	/*
	 * Status, as from waitpid(2), and file of a command that failed lately. No lock protects
	 * them: if another command fails while they are read, they may belong to different
	 * commands. The counts are exact.
	 */
	int status;
	char path[200];
};

static const int caught[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2 };

static void set_signals(void (*handler)(int))
{
	sigset_t none;

	for (unsigned i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		signal(caught[i], handler);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* ---------------------------------------------------------------- the spawner */

/*
 * Length of the text with which the names of all files of an output begin: of a series the part
 * before the first time ("flows-" of flows-%H.ipfix), of another file its directory.
 */
static size_t fixed_length(const char *file)
{
	size_t length = sf_exporter_path_length(file);
	const char *end = memchr(file, '%', length);

	if (end)
		return (size_t)(end - file);
	for (end = file + length; end > file && end[-1] != '/';)
		end--;
	return (size_t)(end - file);
}

static const char *skip_here(const char *path)
{
	while (strncmp(path, "./", 2) == 0)
		path += 2;
	return path;
}

bool sf_spawner_allows(const char *path, const char *const *files, unsigned count)
{
	size_t length = strlen(path);

	if (strstr(path, "/../") || strncmp(path, "../", 3) == 0 || strcmp(path, "..") == 0 ||
		(length >= 3 && strcmp(path + length - 3, "/..") == 0))
		return false;
	path = skip_here(path);
	for (unsigned i = 0; i < count; i++) {
		const char *file = skip_here(files[i]);
		size_t fixed = fixed_length(file);

		/* a name without a directory is one of the working directory */
		if (!fixed && *path == '/')
			continue;
		if (strncmp(path, file, fixed) == 0)
			return true;
	}
	return false;
}

/* Becomes the command. Its output goes to standard error: standard output may carry records. */
static void become_command(const char *command, const char *path)
{
	char name[PATH_SIZE + 2];
	char *script;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (asprintf(&script, "%s \"$@\"", command) < 0)
		_exit(127);
	/* no command takes the name for an option */
	snprintf(name, sizeof(name), "%s%s", *path == '-' ? "./" : "", path);
	set_signals(SIG_DFL);
	dup2(null, STDIN_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execl("/bin/sh", "sh", "-c", script, "spanflow", name, (char *)NULL);
	_exit(127);
}

static int run_command(const char *command, const char *path)
{
	pid_t pid = fork();
	int status = 127 << 8;

	if (pid == 0)
		become_command(command, path);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return status;
}

static void serve(
	const struct sf_spawner *spawner, int channel, const char *const *files, unsigned count)
{
	struct sf_spawned *shared = spawner->shared;
	char path[PATH_SIZE];
	ssize_t n;

	while ((n = recv(channel, path, sizeof(path) - 1, 0)) > 0 || (n < 0 && errno == EINTR)) {
		int status;

		if (n < 0)
			continue;
		path[n] = 0;
		if (!sf_spawner_allows(path, files, count))
			continue;
		status = run_command(spawner->command, path);
		atomic_fetch_add(&shared->run, 1);
		if (status == 0)
			continue;
		shared->status = status;
		snprintf(shared->path, sizeof(shared->path), "%.190s", path);
		atomic_fetch_add(&shared->failed, 1);
	}
}

static void run(const struct sf_spawner *spawner, int channel, const char *const *files,
	unsigned count, const struct sf_spawner_user *user)
{
	set_signals(SIG_IGN);
	/* the terminal's signals are for the run, which decides when it ends */
	setpgid(0, 0);
	prctl(PR_SET_NAME, "spanflow-files", 0, 0, 0);
	if (channel != 3)
		channel = dup2(channel, 3);
	close_range(4, ~0U, 0);
	fcntl(channel, F_SETFD, FD_CLOEXEC);
	if (user && (setgroups(0, NULL) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
			    setresuid(user->uid, user->uid, user->uid) < 0))
		_exit(1);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	serve(spawner, channel, files, count);
	_exit(0);
}

/* ---------------------------------------------------------------- the run */

static void complete(void *context, const char *path)
{
	struct sf_spawner *spawner = context;

	if (send(spawner->channel, path, strlen(path), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		atomic_fetch_add_explicit(&spawner->refused, 1, memory_order_relaxed);
}

int sf_spawner_start(struct sf_spawner *spawner, const char *command, const char *const *files,
	unsigned count, const struct sf_spawner_user *user, struct sf_error *error)
{
	int ends[2], code;

	*spawner = (struct sf_spawner){ .command = command };
	if (sf_secure())
		return sf_error_set(error, SF_EUSAGE,
			"--on-file: not for a program with file capabilities or setuid, because a "
			"user with fewer privileges would choose the command: let systemd or sudo "
			"start the program with its privileges");
	spawner->shared = mmap(NULL, sizeof(*spawner->shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (spawner->shared == MAP_FAILED ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		code = -errno;
		spawner->shared = spawner->shared == MAP_FAILED ? NULL : spawner->shared;
		return sf_error_set(error, code, "--on-file: %s", sf_strerror(code));
	}
	spawner->pid = fork();
	if (spawner->pid == 0)
		run(spawner, ends[1], files, count, user);
	code = -errno;
	close(ends[1]);
	spawner->channel = ends[0];
	if (spawner->pid < 0) {
		close(ends[0]);
		spawner->pid = 0;
		return sf_error_set(error, code, "cannot start the process for --on-file: %s",
			sf_strerror(code));
	}
	spawner->hook = (struct sf_file_hook){ complete, spawner };
	return 0;
}

static void describe(int status, char *text, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(text, size, "was ended by signal %d", WTERMSIG(status));
	else
		snprintf(text, size, "exit status %d", WEXITSTATUS(status));
}

bool sf_spawner_news(struct sf_spawner *spawner, char *text, size_t size)
{
	char how[64];
	uint64_t failed = spawner->shared ? atomic_load(&spawner->shared->failed) : 0;
	uint64_t refused = atomic_load_explicit(&spawner->refused, memory_order_relaxed);

	if (failed != spawner->told) {
		spawner->told = failed;
		describe(spawner->shared->status, how, sizeof(how));
		snprintf(text, size, "--on-file: '%.100s %.190s': %s (%" PRIu64 " failed so far)",
			spawner->command, spawner->shared->path, how, failed);
		return true;
	}
	if (refused == spawner->told_refused)
		return false;
	spawner->told_refused = refused;
	snprintf(text, size,
		"--on-file: '%.100s' is too slow: it was not run for %" PRIu64 " files so far",
		spawner->command, refused);
	return true;
}

void sf_spawner_json(const struct sf_spawner *spawner, FILE *stream)
{
	fprintf(stream, "{\"run\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"notRun\":%" PRIu64 "}",
		atomic_load(&spawner->shared->run), atomic_load(&spawner->shared->failed),
		atomic_load_explicit(&spawner->refused, memory_order_relaxed));
}

void sf_spawner_text(const struct sf_spawner *spawner, FILE *stream)
{
	const uint64_t run = atomic_load(&spawner->shared->run);

	fprintf(stream, "on-file  %" PRIu64 " command%s run, %" PRIu64 " of them failed", run,
		run == 1 ? "" : "s", atomic_load(&spawner->shared->failed));
	if (spawner->refused)
		fprintf(stream, "; not run for %" PRIu64 " file%s: too slow", spawner->refused,
			spawner->refused == 1 ? "" : "s");
	fputc('\n', stream);
}

void sf_spawner_end(struct sf_spawner *spawner)
{
	if (spawner->pid > 0)
		shutdown(spawner->channel, SHUT_WR);
}

bool sf_spawner_wait(struct sf_spawner *spawner, unsigned ms)
{
	struct pollfd channel = { .fd = spawner->channel, .events = POLLIN };

	if (spawner->pid <= 0)
		return true;
	/* the spawner closes its end when it has done all */
	return poll(&channel, 1, (int)ms) == 1 && waitpid(spawner->pid, NULL, 0) > 0 &&
	       (spawner->pid = 0) == 0;
}

void sf_spawner_fini(struct sf_spawner *spawner)
{
	if (spawner->shared && spawner->channel > 0)
		close(spawner->channel);
	if (spawner->shared)
		munmap(spawner->shared, sizeof(*spawner->shared));
	*spawner = (struct sf_spawner){ 0 };
}
