/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A library for LD_PRELOAD: adds a number of seconds to the wall clock that a program reads. A test
 * steps the clock of one program with it, while the program runs, and not that of the machine. The
 * seconds are the first eight bytes of the file that STEPPED_CLOCK names. Monotonic clocks do not
 * step. The kernel's time stamps of packets that come to a socket do not step either, so the
 * program gets none: it takes the time at which it reads.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *step;

/* At the start: a sandboxed program opens no files later. */
__attribute__((constructor)) static void find_step(void)
{
	const char *name = getenv("STEPPED_CLOCK");
	int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
	void *page = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*step), PROT_READ, MAP_SHARED, fd, 0);

	if (page != MAP_FAILED)
		step = page;
	if (fd >= 0)
		close(fd);
}

int clock_gettime(clockid_t id, struct timespec *now)
{
	long result = syscall(SYS_clock_gettime, id, now);

	if (result == 0 && step && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		now->tv_sec += *step;
	return (int)result;
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t length)
{
	if (step && level == SOL_SOCKET && option == SO_TIMESTAMPNS)
		return 0;
	return (int)syscall(SYS_setsockopt, fd, level, option, value, length);
}

time_t time(time_t *out)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (out)
		*out = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	*out = (struct timeval){ now.tv_sec, now.tv_nsec / 1000 };
	return 0;
}
