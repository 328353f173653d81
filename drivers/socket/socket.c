/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drivers "udp" and "gre": mirrored frames that are sent to an address of this host, from its
 * sockets.
 *
 *	capture ── points (one per name: address and port) ── queues of a point (one socket each)
 *
 * Queues are numbered point by point. The kernel takes off the headers of UDP; they are made again
 * (outer.c), so that the parser opens the tunnel as in a packet that was captured (link type: IP).
 * Sockets of a point share its datagrams (SO_REUSEPORT): the addresses inside choose the socket
 * (steer.c), or, for kinds of mirror without such a program, the sender's address and port.
 * Whichever worker gets a frame, the worker of its inner addresses has the flow (docs/design.md
 * §2).
 *
 * Slots of interfaces are those that datagrams came in by, in the order in which they are first
 * seen: a socket of all addresses takes datagrams of all interfaces.
 */
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/facts.h"
#include "base/rights.h"
#include "socket/socket.h"

#define DEFAULT_WAIT_MS 100
#define GATHER_NS       500000 /* packets gather for so long while some come */
/* Room for the headers of the mirror, and two stacks of headers behind them. */
#define DEFAULT_SNAPLEN 640
#define MIN_SNAPLEN     128
#define MAX_SNAPLEN     65536
#define SLOTS           64 /* the last one is for all interfaces beyond */

struct point;

struct queue {
	int fd;
	uint8_t *arena; /* a payload with room for headers for each packet of a batch */
	uint32_t stride, snaplen;
	struct point *point;
	bool received;      /* a packet came since the last call of wait */
	uint32_t interface; /* ifIndex of the last datagram, and its slot */
	uint16_t slot;
	sf_counter frames;
	struct mmsghdr messages[SF_BATCH_MAX];
	struct iovec parts[SF_BATCH_MAX];
	struct sockaddr_storage from[SF_BATCH_MAX];
	_Alignas(struct cmsghdr) uint8_t control[SF_BATCH_MAX][SF_SOCKET_CONTROL];
	/* protected by the capture's lock */
	uint32_t drops_seen;
	uint64_t drops;
};

struct point {
	struct sf_socket_name name;
	bool headed; /* the socket delivers the IP header: raw, IPv4 */
};

struct socket_capture {
	struct sf_capture base;
	unsigned wait_ms;
	bool immediate;
	struct point *points;
	unsigned point_count;
	struct queue *queues;
	/* protects base.error, drops of the queues, and adding a slot */
	pthread_mutex_t lock;
	void (*appeared)(void *context, unsigned slot, const struct sf_interface *interface);
	void *context;
	struct sf_interface slots[SLOTS];
	_Atomic unsigned slot_count; /* release: the slots before it are complete */
};

static struct socket_capture *of(struct sf_capture *capture)
{
	return (struct socket_capture *)capture;
}

/* ---------------------------------------------------------------- interfaces */

static unsigned find_slot(const struct socket_capture *capture, uint32_t index, unsigned count)
{
	unsigned slot = 0;

	while (slot < count && capture->slots[slot].index != index)
		slot++;
	return slot;
}

static void add_slot(
	struct socket_capture *capture, const struct queue *queue, unsigned slot, uint32_t index)
{
	struct sf_interface *interface = &capture->slots[slot];
	struct ifreq request = { .ifr_ifindex = (int)index };

	*interface = (struct sf_interface){
		.index = slot < SLOTS - 1 ? index : 0,
		.link = SF_LINK_RAW,
		.snaplen = queue->snaplen,
	};
	if (interface->index && ioctl(queue->fd, SIOCGIFNAME, &request) == 0)
		snprintf(interface->name, sizeof(interface->name), "%s", request.ifr_name);
	if (capture->appeared)
		capture->appeared(capture->context, slot, interface);
	atomic_store_explicit(&capture->slot_count, slot + 1, memory_order_release);
}

/* The slot of the interface that a datagram came in by, which this queue did not just have. */
static uint16_t slot_of(struct socket_capture *capture, struct queue *queue, uint32_t index)
{
	unsigned count = atomic_load_explicit(&capture->slot_count, memory_order_acquire);
	unsigned slot = find_slot(capture, index, count);

	if (slot == count && count < SLOTS) {
		pthread_mutex_lock(&capture->lock);
		/* another queue may have added it */
		count = atomic_load_explicit(&capture->slot_count, memory_order_relaxed);
		slot = find_slot(capture, index, count);
		if (slot == count && count < SLOTS)
			add_slot(capture, queue, slot, index);
		pthread_mutex_unlock(&capture->lock);
	}
	queue->interface = index;
	queue->slot = (uint16_t)(slot < SLOTS ? slot : SLOTS - 1);
	return queue->slot;
}

static const struct sf_interface *interface_of(struct sf_capture *base, unsigned slot)
{
	struct socket_capture *capture = of(base);

	return slot < atomic_load_explicit(&capture->slot_count, memory_order_acquire)
		       ? &capture->slots[slot]
		       : NULL;
}

/* ---------------------------------------------------------------- packets */

static void prepare(struct queue *queue, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct msghdr *header = &queue->messages[i].msg_hdr;

		header->msg_namelen = sizeof(queue->from[i]);
		header->msg_controllen = sizeof(queue->control[i]);
	}
}

static void take(
	struct socket_capture *capture, struct queue *queue, unsigned i, struct sf_packet *packet)
{
	struct mmsghdr *datagram = &queue->messages[i];
	const struct point *point = queue->point;
	uint8_t *payload = queue->parts[i].iov_base;
	uint32_t length = datagram->msg_len;
	struct sf_socket_message message;
	unsigned header = 0;

	sf_socket_message_read(&message, &datagram->msg_hdr);
	if (!message.time_ns)
		message.time_ns = sf_clock_read(CLOCK_REALTIME);
	if (!point->headed)
		header = sf_socket_outer(
			payload, length, &queue->from[i], &message, point->name.port);
	*packet = (struct sf_packet){
		.data = payload - header,
		.time_ns = message.time_ns,
		.captured = (length < queue->snaplen ? length : queue->snaplen) + header,
		.wire = length + header,
		.link = SF_LINK_RAW,
		.interface = message.interface == queue->interface ? queue->slot
								   : slot_of(capture, queue,
									     message.interface),
	};
}

static int fail(struct socket_capture *capture, const struct queue *queue, int code)
{
	pthread_mutex_lock(&capture->lock);
	sf_error_set(
		&capture->base.error, code, "%s: %s", queue->point->name.text, sf_strerror(code));
	pthread_mutex_unlock(&capture->lock);
	return code;
}

/* Their number, 0 if there are none, or an error of the socket. */
static int receive_now(struct queue *queue, unsigned max)
{
	int n;

	prepare(queue, max);
	/* MSG_TRUNC: msg_len is the length of the datagram, not of what fits into the buffer */
	n = recvmmsg(queue->fd, queue->messages, max, MSG_DONTWAIT | MSG_TRUNC, NULL);
	if (n >= 0)
		return n;
	/* not enough memory now: the datagram stays in the socket */
	return errno == EAGAIN || errno == EINTR || errno == ENOMEM || errno == ENOBUFS ? 0
											: -errno;
}

/* Sleeps until one of the descriptors is readable (-1: none), or for `ms`. */
static void sleep_on(int fd, int wake, unsigned ms)
{
	struct pollfd polls[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = wake, .events = POLLIN },
	};

	poll(polls, 2, (int)ms);
}

static int receive(
	struct sf_capture *base, unsigned number, struct sf_packet *packets, unsigned max)
{
	struct socket_capture *capture = of(base);
	struct queue *queue = &capture->queues[number];
	int n;

	if (max > SF_BATCH_MAX)
		max = SF_BATCH_MAX;
	n = receive_now(queue, max);
	if (n == 0 && capture->wait_ms != SF_WAIT_NEVER) {
		sleep_on(queue->fd, -1, capture->wait_ms);
		n = receive_now(queue, max);
	}
	if (n < 0)
		return fail(capture, queue, n);
	for (int i = 0; i < n; i++)
		take(capture, queue, (unsigned)i, &packets[i]);
	if (n > 0) {
		sf_counter_add(&queue->frames, (uint64_t)n);
		queue->received = true;
	}
	return n;
}

/*
 * A socket is readable as soon as it has one packet. A wake-up for each packet costs more than
 * metering it, so the queue sleeps for a moment instead, as long as packets come.
 */
static void wait_for_packets(struct sf_capture *base, unsigned number, int wake, unsigned ms)
{
	struct socket_capture *capture = of(base);
	struct queue *queue = &capture->queues[number];
	const struct timespec moment = { .tv_nsec = GATHER_NS };
	struct pollfd poll_wake = { .fd = wake, .events = POLLIN };

	if (!queue->received || capture->immediate || ms == 0)
		sleep_on(queue->fd, wake, ms);
	else
		ppoll(&poll_wake, 1, &moment, NULL);
	queue->received = false;
}

/* ---------------------------------------------------------------- the rest */

static void read_stats(struct sf_capture *base, struct sf_capture_stats *stats)
{
	struct socket_capture *capture = of(base);

	*stats = (struct sf_capture_stats){ 0 };
	pthread_mutex_lock(&capture->lock);
	for (unsigned i = 0; i < base->queues; i++) {
		struct queue *queue = &capture->queues[i];
		uint32_t drops = sf_socket_drops(queue->fd);

		queue->drops += (uint32_t)(drops - queue->drops_seen);
		queue->drops_seen = drops;
		stats->dropped_kernel += queue->drops;
		stats->frames += sf_counter_get(&queue->frames);
	}
	pthread_mutex_unlock(&capture->lock);
	stats->causes[stats->cause_count++] =
		(struct sf_capture_cause){ "bufferFull", stats->dropped_kernel };
}

static void describe(struct sf_capture *base, char *text, size_t size)
{
	struct socket_capture *capture = of(base);

	snprintf(text, size, "%u socket%s, receive buffer %u KiB", base->queues,
		base->queues == 1 ? "" : "s", sf_socket_buffer(capture->queues[0].fd) >> 10);
}

static void close_capture(struct sf_capture *base)
{
	struct socket_capture *capture = of(base);

	if (!capture)
		return;
	for (unsigned i = 0; capture->queues && i < base->queues; i++) {
		if (capture->queues[i].fd >= 0)
			close(capture->queues[i].fd);
		free(capture->queues[i].arena);
	}
	free(capture->queues);
	free(capture->points);
	pthread_mutex_destroy(&capture->lock);
	free(capture);
}

static int check_options(const struct sf_capture_options *options, struct sf_error *error)
{
	unsigned snaplen = options->snaplen;

	if (snaplen && (snaplen < MIN_SNAPLEN || snaplen > MAX_SNAPLEN))
		return sf_error_set(error, SF_EUSAGE,
			"--snaplen: %u bytes is out of range: %u to %u bytes", snaplen, MIN_SNAPLEN,
			MAX_SNAPLEN);
	if (options->ring_bytes &&
		(options->ring_bytes < 1 << 20 || options->ring_bytes > 1U << 30))
		return sf_error_set(error, SF_EUSAGE,
			"--ring-size: %u bytes is out of range: 1 MiB to 1 GiB",
			options->ring_bytes);
	if (options->direction == SF_DIRECTION_OUT)
		return sf_error_set(error, SF_EUSAGE,
			"--direction: a socket has received packets only, so out is not possible");
	if (options->driver_options && options->driver_options[0])
		return sf_error_set(error, SF_EUSAGE, "sockets have no options of a driver");
	return 0;
}

static int prepare_queue(
	struct queue *queue, struct point *point, const struct sf_capture_options *options)
{
	queue->point = point;
	queue->interface = UINT32_MAX;
	queue->snaplen = options->snaplen ? options->snaplen : DEFAULT_SNAPLEN;
	queue->stride = (SF_SOCKET_HEADROOM + queue->snaplen + 63) & ~63U;
	queue->arena = malloc((size_t)queue->stride * SF_BATCH_MAX);
	if (!queue->arena)
		return -ENOMEM;
	for (unsigned i = 0; i < SF_BATCH_MAX; i++) {
		queue->parts[i] = (struct iovec){
			.iov_base = queue->arena + (size_t)i * queue->stride + SF_SOCKET_HEADROOM,
			.iov_len = queue->snaplen,
		};
		queue->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &queue->from[i],
			.msg_iov = &queue->parts[i],
			.msg_iovlen = 1,
			.msg_control = queue->control[i],
		};
	}
	return 0;
}

static int open_point(struct socket_capture *capture, unsigned number, const char *driver,
	const struct sf_capture_options *options, struct sf_error *error)
{
	unsigned count = capture->base.queues / capture->point_count;
	struct queue *queues = &capture->queues[number * count];
	struct point *point = &capture->points[number];
	int fds[SF_WORKERS_MAX];
	int result = sf_socket_name_parse(&point->name, driver, options->names[number], error);

	if (result < 0)
		return result;
	point->headed = !point->name.port && point->name.address.any.sa_family == AF_INET;
	for (unsigned i = 0; i < count; i++)
		if (prepare_queue(&queues[i], point, options) < 0)
			return sf_error_set(error, -ENOMEM, "%s", sf_strerror(-ENOMEM));
	result = sf_socket_open(fds, count, &point->name, options, &capture->base.warning, error);
	for (unsigned i = 0; result == 0 && i < count; i++)
		queues[i].fd = fds[i];
	return result;
}

static int open_capture(struct sf_capture **result, const struct sf_capture_ops *ops,
	const struct sf_capture_options *options, struct sf_error *error)
{
	/* each raw socket would get all packets */
	bool shared = strcmp(ops->name, SF_SOCKET_UDP) == 0;
	unsigned queues = shared && options->queues ? options->queues : 1;
	struct socket_capture *capture;
	int code = check_options(options, error);

	if (code < 0)
		return code;
	if (queues > SF_WORKERS_MAX)
		queues = SF_WORKERS_MAX;
	capture = calloc(1, sizeof(*capture));
	if (!capture)
		return sf_error_set(error, -ENOMEM, "%s", sf_strerror(-ENOMEM));
	pthread_mutex_init(&capture->lock, NULL);
	capture->base = (struct sf_capture){ .ops = ops, .live = true };
	capture->wait_ms = options->wait_ms ? options->wait_ms : DEFAULT_WAIT_MS;
	capture->immediate = options->immediate;
	capture->appeared = options->appeared;
	capture->context = options->context;
	capture->points = calloc(options->name_count, sizeof(*capture->points));
	capture->queues = calloc((size_t)queues * options->name_count, sizeof(*capture->queues));
	if (!capture->points || !capture->queues) {
		close_capture(&capture->base);
		return sf_error_set(error, -ENOMEM, "%s", sf_strerror(-ENOMEM));
	}
	capture->point_count = options->name_count;
	capture->base.queues = queues * options->name_count;
	for (unsigned i = 0; i < capture->base.queues; i++)
		capture->queues[i].fd = -1;
	for (unsigned i = 0; code == 0 && i < options->name_count; i++)
		code = open_point(capture, i, ops->name, options, error);
	if (code < 0)
		close_capture(&capture->base);
	else
		*result = &capture->base;
	return code;
}

/* ---------------------------------------------------------------- tables */

extern const struct sf_capture_ops sf_driver_udp, sf_driver_gre;

static int open_udp(struct sf_capture **capture, const struct sf_capture_options *options,
	struct sf_error *error)
{
	return open_capture(capture, &sf_driver_udp, options, error);
}

static int open_gre(struct sf_capture **capture, const struct sf_capture_options *options,
	struct sf_error *error)
{
	return open_capture(capture, &sf_driver_gre, options, error);
}

static int probe(int type, int protocol, const char *what, struct sf_error *error)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, protocol), code = -errno;
	char cure[256];

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (code != -EPERM)
		return sf_error_set(error, code, "%s: %s", what, sf_strerror(code));
	sf_rights_explain(cure, sizeof(cure), SF_RIGHT_NET_RAW);
	return sf_error_set(error, code, "%s: no permission: %s", what, cure);
}

static int probe_udp(struct sf_error *error)
{
	return probe(SOCK_DGRAM, IPPROTO_UDP, "UDP sockets", error);
}

static int probe_gre(struct sf_error *error)
{
	return probe(SOCK_RAW, IPPROTO_GRE, "raw sockets", error);
}

const struct sf_capture_ops sf_driver_udp = {
	.recv = receive,
	.wait = wait_for_packets,
	.name = SF_SOCKET_UDP,
	.summary = "UDP sockets: mirrors that send VXLAN, GENEVE, TZSP; needs no rights",
	.open = open_udp,
	.stats = read_stats,
	.interface = interface_of,
	.describe = describe,
	.probe = probe_udp,
	.close = close_capture,
};

const struct sf_capture_ops sf_driver_gre = {
	.recv = receive,
	.wait = wait_for_packets,
	.name = SF_SOCKET_GRE,
	.summary = "raw sockets: mirrors that send ERSPAN, or frames in GRE",
	.open = open_gre,
	.stats = read_stats,
	.interface = interface_of,
	.describe = describe,
	.probe = probe_gre,
	.close = close_capture,
};
