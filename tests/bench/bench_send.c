/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel alone takes to send records over TCP: a process that does nothing but send() the
 * octets of so many records to a reader on loopback, in writes of each of some sizes. No exporter
 * can be cheaper there, so what bench_export measures above this is its own share. Best of five
 * runs, as CPU time of the sending process; on loopback that includes the receiver's way through
 * the stack.
 *
 *	bench_send [records, default 4000000 [octets of a record, default 65]]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define RUNS      5
#define MOST      ((size_t)1 << 20)
#define MESSAGE   65476 /* of an IPFIX message under load */
#define WAIT_MS   100
#define READ_MOST 65536

static uint8_t bytes[MOST];

/* Takes one connection and reads it to its end. */
static void read_all(int listener)
{
	static uint8_t room[READ_MOST];
	int fd = accept(listener, NULL, NULL);

	while (fd >= 0 && recv(fd, room, sizeof(room), 0) > 0)
		continue;
	_exit(0);
}

/* Nanoseconds of CPU for `total` octets in writes of `size`; negative: failed. */
static int64_t send_all(const struct sockaddr_in *to, size_t size, uint64_t total)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	struct pollfd out = { .fd = fd, .events = POLLOUT };
	uint64_t sent = 0;
	int64_t start;

	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
		connect(fd, (const struct sockaddr *)to, sizeof(*to)))
		return -1;
	start = sf_clock_read(CLOCK_PROCESS_CPUTIME_ID);
	while (sent < total) {
		ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN)
			return -1;
		if (n < 0)
			poll(&out, 1, WAIT_MS);
		else
			sent += (uint64_t)n;
	}
	start = sf_clock_read(CLOCK_PROCESS_CPUTIME_ID) - start;
	close(fd);
	return start;
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = { 16384, MESSAGE, 4 * MESSAGE, MOST };
	uint64_t records = argc > 1 ? strtoull(argv[1], NULL, 10) : 4000000;
	uint64_t octets = argc > 2 ? strtoull(argv[2], NULL, 10) : 65;
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (records == 0 || listener < 0 ||
		bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
		listen(listener, 1) || getsockname(listener, (struct sockaddr *)&address, &length))
		return 1;
	memset(bytes, 1, sizeof(bytes));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int64_t best = INT64_MAX;

		for (unsigned run = 0; run < RUNS; run++) {
			pid_t reader = fork();
			int64_t ns;

			if (reader == 0)
				read_all(listener);
			ns = reader < 0 ? -1 : send_all(&address, sizes[i], records * octets);
			if (ns < 0)
				return 1;
			waitpid(reader, NULL, 0);
			best = ns < best ? ns : best;
		}
		printf("send() of %7zu octets %8.1f ns/record\n", sizes[i],
			(double)best / (double)records);
	}
	close(listener);
	return 0;
}
