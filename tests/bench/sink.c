/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A collector that only counts, for benchmarks: receives datagrams on a free UDP port of 127.0.0.1,
 * prints the port, and at SIGTERM prints what came as JSON: datagrams and octets, how many of them
 * were IPFIX, NetFlow v9 and v5, and how many the kernel dropped for want of buffer. It reads no
 * more of a message than that takes, and looks once in a millisecond: a collector is on another
 * machine, so what it does with the messages must not compete with the meter for this one's
 * processors and caches, nor should the meter pay for waking it up. As root its buffer holds all
 * that comes meanwhile; what does not fit is counted. With "decode" every message also goes through
 * spanflow's collecting process, which sums records, packets and octets: for the runs that check
 * another meter's totals, not for timed ones. With "gro" the socket takes datagrams in bunches
 * (UDP_GRO), so that a sender's UDP_SEGMENT bunch crosses the loopback device in one piece, as it
 * would towards a card that segments.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <spanflow/collect.h>

#include "base/wire.h"

#define MESSAGES     64
#define MESSAGE_MAX  65536
#define HEAD         16 /* octets that tell what a message is */
#define NAP_US       1000
#define BUFFER_BYTES (256 << 20)

static volatile sig_atomic_t stopped;

static struct counts {
	uint64_t datagrams, octets, v5, v9, ipfix, dropped;
} counts;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

static int open_socket(bool gro)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int bytes = BUFFER_BYTES, on = 1;
	struct timeval wait = { .tv_usec = 200000 };

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (gro && setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on)))
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (getsockname(fd, (struct sockaddr *)&address, &length))
		return -1;
	printf("%u\n", ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

/* Notes how many were dropped; returns the size of the datagrams in a bunch, 0: it is one. */
static size_t read_control(struct msghdr *message)
{
	size_t segment = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		uint32_t dropped;
		int size;

		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
			memcpy(&dropped, CMSG_DATA(c), sizeof(dropped));
			counts.dropped = dropped;
		} else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
			memcpy(&size, CMSG_DATA(c), sizeof(size));
			segment = (size_t)size;
		}
	}
	return segment;
}

static void take(struct sf_collector *collector, const uint8_t *data, size_t length)
{
	unsigned version = length >= 2 ? sf_load_be16(data) : 0;

	counts.datagrams++;
	counts.octets += length;
	counts.v5 += version == 5;
	counts.v9 += version == 9;
	counts.ipfix += version == 10;
	if (collector && sf_collector_message(collector, "peer", data, length, NULL) < 0)
		fprintf(stderr, "sink: a message that does not decode\n");
}

static void receive(int fd, bool gro, struct sf_collector *collector)
{
	static uint8_t data[MESSAGES][MESSAGE_MAX], control[MESSAGES][64];
	struct mmsghdr messages[MESSAGES];
	struct iovec vectors[MESSAGES];
	/* bunches are read whole, to count what is in them */
	const size_t most = collector || gro ? MESSAGE_MAX : HEAD;
	int n;

	for (;;) {
		for (int i = 0; i < MESSAGES; i++) {
			vectors[i] = (struct iovec){ data[i], most };
			messages[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i],
				.msg_iovlen = 1,
				.msg_control = control[i],
				.msg_controllen = sizeof(control[i]) };
		}
		n = recvmmsg(fd, messages, MESSAGES, MSG_WAITFORONE | MSG_TRUNC, NULL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			if (stopped && errno == EAGAIN)
				return;
			continue;
		}
		if (n < 0)
			return;
		for (int i = 0; i < n; i++) {
			size_t left = messages[i].msg_len;
			size_t segment = read_control(&messages[i].msg_hdr);
			const uint8_t *p = data[i];

			while (segment && left > segment) {
				take(collector, p, segment);
				p += segment;
				left -= segment;
			}
			take(collector, p, left);
		}
		if (n < MESSAGES)
			usleep(NAP_US);
	}
}

int main(int argc, char **argv)
{
	struct sf_collector *collector = NULL;
	struct sf_collector_stats stats = { 0 };
	struct sigaction action = { .sa_handler = stop };
	bool decode = argc > 1 && strcmp(argv[1], "decode") == 0;
	bool gro = argc > 1 && strcmp(argv[1], "gro") == 0;
	int fd;

	sigaction(SIGTERM, &action, NULL);
	if (decode && sf_collector_new(&collector, &(struct sf_collector_options){ 0 }, NULL) < 0)
		return 1;
	fd = open_socket(gro);
	if (fd < 0) {
		perror("sink");
		return 1;
	}
	receive(fd, gro, collector);
	if (collector)
		sf_collector_stats(collector, &stats);
	printf("{\"datagrams\":%llu,\"octets\":%llu,\"v5\":%llu,\"v9\":%llu,\"ipfix\":%llu,"
	       "\"dropped\":%llu,\"records\":%llu,\"packets\":%llu,\"flowOctets\":%llu}\n",
		(unsigned long long)counts.datagrams, (unsigned long long)counts.octets,
		(unsigned long long)counts.v5, (unsigned long long)counts.v9,
		(unsigned long long)counts.ipfix, (unsigned long long)counts.dropped,
		(unsigned long long)stats.records, (unsigned long long)stats.packets,
		(unsigned long long)stats.octets);
	sf_collector_free(collector);
	close(fd);
	return 0;
}
