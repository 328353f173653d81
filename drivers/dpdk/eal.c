/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls rte_eal_init(), and keeps its side effects away. It may run once per process, writes to
 * standard output, standard error and syslog, pins the calling thread and leaves files behind. So
 * both streams are kept in memory while it runs, and its log later; an error text quotes the last
 * complaint in them. All allowed processors are one "lcore", so that no thread is pinned. Options
 * keep it from making files, and the directory that it makes nevertheless is removed at once.
 *
 * Devices are not named at start, but added one by one (rte_dev_probe()), so that a second source
 * can be opened later. The scan of the PCI bus gets the address of a device that does not exist, so
 * that DPDK takes no device by itself.
 */
#include "dpdk/eal.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include "dpdk/options.h"

#define LOG_BYTES 16384

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool started, failed;
static struct sf_dpdk_options first; /* options of the start; DPDK keeps pointers to them */
static char log_text[LOG_BYTES];
static size_t log_used;

/* Keeps the newest part of DPDK's log. Several threads call it, holding the lock of the stream. */
static ssize_t keep(void *cookie, const char *text, size_t size)
{
	size_t length = size < LOG_BYTES / 2 ? size : LOG_BYTES / 2;

	(void)cookie;
	if (log_used + length > LOG_BYTES - 1) {
		memmove(log_text, log_text + log_used - LOG_BYTES / 4, LOG_BYTES / 4);
		log_used = LOG_BYTES / 4;
	}
	memcpy(log_text + log_used, text, length);
	log_used += length;
	log_text[log_used] = '\0';
	return (ssize_t)size;
}

static void keep_log(void)
{
	FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = keep });

	if (!stream)
		return;
	setvbuf(stream, NULL, _IOLBF, 1024);
	rte_openlog_stream(stream);
}

/* Redirects standard output and standard error to memory. Its descriptor, or -1. */
static int divert(int saved[2])
{
	int memory = memfd_create("dpdk", MFD_CLOEXEC);

	if (memory < 0)
		return -1;
	fflush(stdout);
	for (int fd = 1; fd <= 2; fd++) {
		saved[fd - 1] = dup(fd);
		dup2(memory, fd);
	}
	return memory;
}

/* Ends the redirection. What was written meanwhile becomes the beginning of the log. */
static void restore(int memory, const int saved[2])
{
	ssize_t n;

	fflush(stdout);
	for (int fd = 1; fd <= 2; fd++) {
		dup2(saved[fd - 1], fd);
		close(saved[fd - 1]);
	}
	n = pread(memory, log_text, LOG_BYTES - 1, 0);
	log_used = n > 0 ? (size_t)n : 0;
	log_text[log_used] = '\0';
	close(memory);
}

void sf_dpdk_eal_forget(void)
{
	log_used = 0;
	log_text[0] = '\0';
}

void sf_dpdk_eal_words(char *text, size_t size, bool first)
{
	const char *line = log_text, *found = NULL;

	for (; line && !(found && first); line = strchr(line, '\n')) {
		size_t length;

		line += *line == '\n';
		length = strcspn(line, "\n");
		/*
		 * leaves out the line about FATAL, which only repeats the code, and indented lines
		 * of help
		 */
		if (memchr(line, ':', length) && *line != ' ' && *line != '\t' &&
			strncmp(line, "EAL: FATAL", 10) != 0)
			found = line;
	}
	text[0] = '\0';
	if (found)
		snprintf(text, size, ": %.*s", (int)strcspn(found, "\n"), found);
	/* other words follow the text, so a final dot is removed */
	if (found && text[strlen(text) - 1] == '.')
		text[strlen(text) - 1] = '\0';
}

/* "0@(0,1,5)": one lcore, on all processors that this process may use. */
static void lcore_argument(char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, "--lcores=0@(");
	const char *comma = "";
	cpu_set_t set;

	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof(set), &set);
	for (int i = 0; i < CPU_SETSIZE && used < size - 8; i++) {
		if (!CPU_ISSET(i, &set))
			continue;
		used += (size_t)snprintf(text + used, size - used, "%s%d", comma, i);
		comma = ",";
	}
	snprintf(text + used, size - used, ")");
}

static int explain(struct sf_error *error, const struct sf_dpdk_options *options)
{
	char *usage = strstr(log_text, "Usage:"), words[256];

	/* DPDK prints pages of help after a value that it refuses */
	if (usage)
		*usage = '\0';
	sf_dpdk_eal_words(words, sizeof(words), false);
	if (!options->no_huge && strstr(log_text, "hugepage"))
		return sf_error_set(error, -ENOMEM,
			"DPDK does not start%s: reserve hugepages (echo 512 > "
			"/proc/sys/vm/nr_hugepages), or go without: --driver-options "
			"'--no-huge -m 256'",
			words);
	if (geteuid() != 0)
		return sf_error_set(error, -EPERM,
			"DPDK does not start%s; run as root, or with --driver-options '--no-huge "
			"-m 256' and a device that needs no privilege",
			words);
	return sf_error_set(
		error, -EIO, "DPDK does not start: %s%s", rte_strerror(rte_errno), words);
}

/* Called with the lock held. */
static int run(const struct sf_dpdk_options *options, struct sf_error *error)
{
	char lcores[4096], prefix[64];
	char *const own[] = { "spanflow", lcores, prefix, "--no-telemetry", "--allow=ffff:ff:1f.7",
		/*
		 * both options leave no file behind; --in-memory is not allowed without huge pages
		 */
		options->no_huge ? "--no-shconf" : "--in-memory" };
	const unsigned count = sizeof(own) / sizeof(own[0]);
	char **argv = calloc(count + options->count + 1, sizeof(*argv));
	int result, memory, saved[2];

	if (!argv)
		return sf_error_set(error, -ENOMEM, "%s", sf_strerror(-ENOMEM));
	memcpy(argv, own, sizeof(own));
	memcpy(argv + count, options->words, options->count * sizeof(*argv));
	lcore_argument(lcores, sizeof(lcores));
	snprintf(prefix, sizeof(prefix), "--file-prefix=spanflow-%d", (int)getpid());
	memory = options->verbose ? -1 : divert(saved);
	result = rte_eal_init((int)(count + options->count), argv);
	/* the directory is empty, because nothing is shared with other processes */
	rmdir(rte_eal_get_runtime_dir());
	if (memory >= 0)
		restore(memory, saved);
	if (!options->verbose)
		keep_log();
	free(argv);
	started = result >= 0;
	failed = !started;
	return started ? 0 : explain(error, options);
}

/* Called with the lock held. */
static int start(const char *arguments, struct sf_error *error)
{
	int result = sf_dpdk_options_parse(&first, arguments, error);

	if (result == 0)
		result = run(&first, error);
	if (result < 0)
		sf_dpdk_options_free(&first);
	return result;
}

int sf_dpdk_eal_start(const char *arguments, struct sf_error *error)
{
	int result = 0;

	pthread_mutex_lock(&lock);
	if (failed)
		result = sf_error_set(error, -EIO,
			"DPDK failed to start before; it can be tried once per process");
	else if (!started)
		result = start(arguments, error);
	else if (arguments && strcmp(arguments, first.text) != 0)
		result = sf_error_set(error, SF_EUSAGE,
			"DPDK runs with '%s' already: one set of options serves all sources",
			first.text);
	pthread_mutex_unlock(&lock);
	return result;
}
