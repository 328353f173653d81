/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Driver "xdp": AF_XDP sockets on network interfaces.
 *
 *	capture ── ports (one per interface, with its XDP program)
 *	               └─ queues ── sockets (one per receive queue of the interface)
 *
 * If there are fewer queues than the interface has receive queues, a queue reads several sockets in
 * turn, and each batch comes from one socket. A packet's bytes stay where the kernel put them: recv
 * takes descriptors off the receive ring, release puts the chunks into the fill ring.
 *
 * Of a frame in several buffers the caller gets the first buffer, which holds every header; `wire`
 * is the length of the whole frame. Frames received here do not reach the host, because XDP cannot
 * give a frame to both.
 *
 * When the interface goes away, its sockets and its program are dead. Each queue closes its
 * sockets, and the thread of the first queue opens everything again when the interface is back
 * (base/port.h).
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "af_xdp/driver.h"
#include "af_xdp/xdp.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/module.h"
#include "base/port.h"

#define DEFAULT_WAIT_MS      100
#define DEFAULT_MEMORY_BYTES (32U << 20) /* per socket */

/* Rate of a burst, in packets per second, that begins while a queue rests and loses no packet. */
#define BURST_RATE 3000000

/* The object that the module exports, in libspanflow (proxy.c). */
extern const struct sf_capture_ops sf_driver_af_xdp SF_MODULE_OBJECT;

static struct sf_xdp_capture *of(struct sf_capture *capture)
{
	return (struct sf_xdp_capture *)capture;
}

static const char *const mode_names[] = { [SF_XDP_NATIVE_ZEROCOPY] = "native mode, zero-copy",
	[SF_XDP_NATIVE_COPY] = "native mode, copy",
	[SF_XDP_GENERIC] = "generic mode, copy" };

static int fail(struct sf_xdp_capture *capture, int code, const char *name, const char *text)
{
	pthread_mutex_lock(&capture->lock);
	sf_error_set(&capture->base.error, code, "%s: %s", name, text);
	pthread_mutex_unlock(&capture->lock);
	return code;
}

static void release(struct sf_capture *base, unsigned number)
{
	sf_xdp_give_back(&of(base)->queues[number]);
}

/*
 * Sleeps, so that packets gather. The kernel wakes a reader in poll() for each packet, which costs
 * far more than the packet. In copy modes the XDP program stamps frames with the time of their
 * arrival, so reading them later does no harm. A burst at BURST_RATE fills half of the socket's
 * memory meanwhile.
 */
static void rest(const struct sf_xdp_queue *queue)
{
	const struct sf_xdp_port *port = queue->port;
	uint64_t frames = port->memory_bytes / port->chunk / 2;

	nanosleep(&(struct timespec){ .tv_nsec = (long)(frames * SF_NS_PER_S / BURST_RATE) %
						 SF_NS_PER_S },
		NULL);
}

static bool is_waiting(const struct sf_xdp_capture *capture)
{
	return capture->wait_ms != SF_WAIT_NEVER;
}

/* Sleeps until `wake` (-1: none) is readable, or for `ms`. */
static void sleep_on(int wake, unsigned ms)
{
	poll(&(struct pollfd){ .fd = wake, .events = POLLIN }, 1, (int)ms);
}

/*
 * Sleeps until a packet comes, `wake` (-1: none) is readable or `ms` have passed. poll() also makes
 * the card's driver look at the fill ring.
 */
static void wait_for_packets(struct sf_xdp_queue *queue, int wake, unsigned ms)
{
	for (unsigned i = 0; i < queue->socket_count; i++)
		queue->polls[i] = (struct pollfd){
			.fd = xsk_socket__fd(queue->sockets[i * queue->step].xsk),
			.events = POLLIN,
		};
	/* sf_xdp_port_open() has made room for one more */
	queue->polls[queue->socket_count] = (struct pollfd){ .fd = wake, .events = POLLIN };
	poll(queue->polls, queue->socket_count + 1, (int)ms);
	for (unsigned i = 0; i < queue->socket_count; i++)
		if (queue->polls[i].revents & (POLLERR | POLLHUP | POLLNVAL)) {
			sleep_on(wake, ms);
			return;
		}
}

/*
 * sf_capture_ops.wait. If the interface is gone, the sleep is short, so that its return is noticed.
 */
static void wait_in_between(struct sf_capture *base, unsigned number, int wake, unsigned ms)
{
	struct sf_xdp_queue *queue = &of(base)->queues[number];

	queue->waited = true;
	if (queue->paused)
		sleep_on(wake, ms < DEFAULT_WAIT_MS ? ms : DEFAULT_WAIT_MS);
	else
		wait_for_packets(queue, wake, ms);
}

/*
 * Called when the interface is gone: parks the queue and sleeps up to wait_ms; the first queue
 * opens the sockets again if the interface is back. 0, or an error that waiting cannot cure.
 */
static int wait_for_interface(struct sf_xdp_capture *capture, struct sf_xdp_queue *queue)
{
	struct sf_xdp_port *port = queue->port;
	struct sf_error error;
	int result;

	if (!queue->parked) {
		for (unsigned i = 0; i < queue->socket_count; i++)
			sf_xdp_port_close_socket(capture, port,
				(unsigned)(queue->sockets - port->sockets) + i * queue->step);
		queue->parked = true;
		sf_port_park(&port->base);
	}
	if (is_waiting(capture))
		usleep(capture->wait_ms * 1000);
	queue->paused = true;
	if (!queue->first || !sf_port_returned(&port->base))
		return 0;
	sf_xdp_port_close_program(capture, port);
	result = port->base.seen ? 0 : sf_xdp_port_learn(capture, port, &error);
	if (result == 0)
		result = sf_xdp_port_open(capture, port, port->base.helper, &error);
	if (result == -EPERM)
		return fail(capture, result, port->interface.name,
			"it is there, but this process may not open it (again)");
	if (result < 0) {
		sf_port_refused(&port->base, error.text);
		return 0;
	}
	sf_port_resume(&port->base, queue->slot, &port->interface, SF_LINK_ETHERNET);
	return 0;
}

static int receive(
	struct sf_capture *base, unsigned number, struct sf_packet *packets, unsigned max)
{
	struct sf_xdp_capture *capture = of(base);
	struct sf_xdp_queue *queue = &capture->queues[number];
	unsigned count;

	if (sf_port_state(&queue->port->base) == SF_NETDEV_GONE)
		return wait_for_interface(capture, queue);
	queue->parked = queue->paused = false;
	count = sf_xdp_take(capture, queue, packets, max);
	if (count == 0 && queue->busy && !capture->immediate && queue->port->program.arrival) {
		rest(queue);
		count = sf_xdp_take(capture, queue, packets, max);
	}
	queue->busy = count > 0;
	if (count > 0)
		return (int)count;
	if (is_waiting(capture)) {
		wait_for_packets(queue, -1, capture->wait_ms);
		count = sf_xdp_take(capture, queue, packets, max);
		queue->busy = count > 0;
		queue->waited = true;
	}
	if (count == 0 && queue->waited && queue->first)
		sf_port_watch(&queue->port->base);
	queue->waited = false;
	return (int)count;
}

static void add_cause(struct sf_capture_stats *stats, const char *name, uint64_t count)
{
	stats->causes[stats->cause_count++] = (struct sf_capture_cause){ name, count };
}

static void read_stats(struct sf_capture *base, struct sf_capture_stats *stats)
{
	struct sf_xdp_capture *capture = of(base);
	struct xdp_statistics sum = { 0 };
	uint64_t unserved = 0, refused = 0;

	*stats = (struct sf_capture_stats){ 0 };
	pthread_mutex_lock(&capture->lock);
	for (unsigned i = 0; i < capture->port_count; i++) {
		const struct sf_xdp_port *port = &capture->ports[i];

		sum.rx_dropped += port->past.rx_dropped;
		sum.rx_invalid_descs += port->past.rx_invalid_descs;
		sum.rx_ring_full += port->past.rx_ring_full;
		sum.rx_fill_ring_empty_descs += port->past.rx_fill_ring_empty_descs;
		for (unsigned j = 0; j < port->socket_count; j++)
			sf_xdp_port_statistics(&sum, &port->sockets[j]);
		stats->passed_to_host += port->passed;
		unserved += port->unserved;
		sf_xdp_program_counters(&port->program, &stats->passed_to_host, &unserved);
	}
	pthread_mutex_unlock(&capture->lock);
	for (unsigned i = 0; i < base->queues; i++) {
		const struct sf_xdp_queue *queue = &capture->queues[i];

		stats->frames += sf_counter_get(&queue->frames);
		stats->super_packets += sf_counter_get(&queue->super_packets);
		refused += sf_counter_get(&queue->clock_refused);
	}
	for (unsigned i = 0; i < capture->port_count; i++)
		stats->dropped_nic += sf_port_missed(&capture->ports[i].base);
	stats->dropped_kernel = sum.rx_dropped + sum.rx_ring_full;
	add_cause(stats, "ringFull", sum.rx_ring_full);
	add_cause(stats, "rxDropped", sum.rx_dropped);
	add_cause(stats, "fillRingEmpty", sum.rx_fill_ring_empty_descs);
	add_cause(stats, "invalidDescriptors", sum.rx_invalid_descs);
	add_cause(stats, "noSocket", unserved);
	if (capture->hardware_time)
		add_cause(stats, "deviceClockRefused", refused);
}

static const struct sf_interface *interface_of(struct sf_capture *base, unsigned slot)
{
	struct sf_xdp_capture *capture = of(base);

	return slot < capture->port_count ? sf_port_interface(&capture->ports[slot].base,
						    &capture->ports[slot].interface)
					  : NULL;
}

static const char *condition(struct sf_capture *base)
{
	struct sf_xdp_capture *capture = of(base);
	const char *text = NULL;

	for (unsigned i = 0; i < capture->port_count && !text; i++)
		text = sf_port_condition(&capture->ports[i].base);
	return text;
}

static void describe(struct sf_capture *base, char *text, size_t size)
{
	struct sf_xdp_capture *capture = of(base);
	size_t used = 0;

	for (unsigned i = 0; i < capture->port_count && used < size; i++) {
		const struct sf_xdp_port *port = &capture->ports[i];
		int n = snprintf(text + used, size - used,
			"%s%s: %s, %u receive queue%s, chunks of %u bytes%s%s%s", i ? "; " : "",
			port->interface.name, mode_names[port->mode], port->socket_count,
			port->socket_count == 1 ? "" : "s", port->chunk,
			port->fragments ? ", longer frames in several" : "",
			port->program.vlan_tag ? ", VLAN tag from the device" : "",
			port->program.timestamp && capture->hardware_time
				? ", device timestamps where offered"
				: "");

		used += n > 0 ? (size_t)n : 0;
	}
	for (unsigned i = 0; i < capture->port_count; i++)
		sf_port_describe(&capture->ports[i].base, text, size);
}

static void close_capture(struct sf_capture *base)
{
	struct sf_xdp_capture *capture = of(base);

	if (!capture)
		return;
	for (unsigned i = 0; i < capture->port_count; i++) {
		sf_xdp_port_close(capture, &capture->ports[i]);
		sf_port_close(&capture->ports[i].base);
		free(capture->ports[i].sockets);
	}
	for (unsigned i = 0; capture->queues && i < base->queues; i++)
		free(capture->queues[i].polls);
	pthread_mutex_destroy(&capture->lock);
	free(capture->queues);
	free(capture->ports);
	free(capture);
}

/* Opens an interface and decides how many queues read its receive queues. */
static int add_port(struct sf_xdp_capture *capture, const struct sf_capture_options *options,
	struct sf_error *error)
{
	struct sf_xdp_port *port = &capture->ports[capture->port_count];
	const char *name = options->names[capture->port_count];
	int result = sf_port_open(&port->base, name, options, error);

	port->program.link = -1;
	port->memory_bytes = capture->memory_bytes;
	capture->port_count++;
	if (result < 0)
		return result;
	port->interface = (struct sf_interface){
		.index = port->base.netdev.index,
		.link = SF_LINK_ETHERNET,
		.snaplen = options->snaplen,
	};
	snprintf(port->interface.name, sizeof(port->interface.name), "%s", name);
	if (sf_port_state(&port->base) == SF_NETDEV_GONE) {
		/* a missing interface: the number of its receive queues is not known yet */
		port->base.queues = options->queues ? options->queues : 1;
		result = sf_xdp_probe(error);
	} else {
		result = sf_xdp_port_learn(capture, port, error);
		port->base.queues = port->socket_count;
		if (options->queues && options->queues < port->socket_count)
			port->base.queues = options->queues;
	}
	capture->base.queues += port->base.queues;
	return result;
}

/* Numbers the queues of a port; sf_xdp_port_open() distributes the sockets over them. */
static void name_queues(
	struct sf_xdp_port *port, struct sf_xdp_queue *queues, uint16_t slot, uint32_t snaplen)
{
	port->queues = queues;
	for (unsigned i = 0; i < port->base.queues; i++) {
		struct sf_xdp_queue *queue = &queues[i];

		queue->port = port;
		queue->first = i == 0;
		queue->slot = slot;
		queue->to_system_error = INT64_MAX;
		queue->snaplen = snaplen ? snaplen : UINT32_MAX;
	}
}

/*
 * Asks the card to leave VLAN tags in frames, because a tag that it takes out can be read from
 * metadata only. If neither is certain, the capture has a warning.
 */
static void keep_tags(struct sf_xdp_capture *capture, struct sf_xdp_port *port)
{
	int left;

	sf_port_prepare(&port->base);
	left = port->base.outcome.tags;
	if (port->base.trouble[0])
		sf_error_set(&capture->base.warning, -EOPNOTSUPP, "%s: %s", port->interface.name,
			port->base.trouble);
	if (port->mode == SF_XDP_GENERIC)
		sf_error_set(&capture->base.warning, -EOPNOTSUPP,
			"%s: its driver has no XDP support; generic mode is slower than the pcap "
			"driver, and VLAN tags that travel beside the frame are lost",
			port->interface.name);
	else if (!port->program.vlan_tag && left != 0)
		sf_error_set(&capture->base.warning, -EOPNOTSUPP,
			"%s: VLAN tags that the card takes out of frames are lost: "
			"ethtool -K %s rxvlan off",
			port->interface.name, port->interface.name);
}

static int open_capture(struct sf_capture **result, const struct sf_capture_options *options,
	struct sf_error *error)
{
	struct sf_xdp_capture *capture = calloc(1, sizeof(*capture));
	unsigned next = 0;
	int code;

	if (!capture)
		return sf_error_set(error, -ENOMEM, "%s", sf_strerror(-ENOMEM));
	pthread_mutex_init(&capture->lock, NULL);
	libxdp_set_print(NULL);
	capture->base = (struct sf_capture){ .ops = &sf_driver_af_xdp, .live = true };
	capture->wait_ms = options->wait_ms ? options->wait_ms : DEFAULT_WAIT_MS;
	capture->memory_bytes = options->ring_bytes ? options->ring_bytes : DEFAULT_MEMORY_BYTES;
	capture->promiscuous = !options->no_promiscuous;
	capture->hardware_time = options->hardware_time;
	capture->immediate = options->immediate;
	code = sf_xdp_check_options(options, error);
	if (code < 0)
		goto fail;
	code = -ENOMEM;
	capture->ports = calloc(options->name_count, sizeof(*capture->ports));
	if (!capture->ports)
		goto no_memory;
	for (unsigned i = 0; i < options->name_count; i++) {
		code = add_port(capture, options, error);
		if (code < 0)
			goto fail;
	}
	code = -ENOMEM;
	capture->queues = calloc(capture->base.queues, sizeof(*capture->queues));
	if (!capture->queues)
		goto no_memory;
	for (unsigned i = 0; i < capture->port_count; i++) {
		struct sf_xdp_port *port = &capture->ports[i];

		name_queues(port, &capture->queues[next], (uint16_t)i, options->snaplen);
		next += port->base.queues;
		/* not known of an interface that is missing */
		capture->base.mixed |=
			!port->socket_count || port->socket_count > port->base.queues;
		if (port->base.wanted & SF_ETHTOOL_MERGING)
			port->base.wanted |= SF_ETHTOOL_TAGS;
		if (sf_port_state(&port->base) == SF_NETDEV_GONE)
			continue;
		code = sf_xdp_port_open(capture, port, NULL, error);
		if (code < 0)
			goto fail;
		keep_tags(capture, port);
	}
	*result = &capture->base;
	return 0;
no_memory:
	sf_error_set(error, -ENOMEM, "%s", sf_strerror(-ENOMEM));
fail:
	close_capture(&capture->base);
	return code;
}

static const struct sf_privileged privileged = { .attach = sf_xdp_program_serve };

const struct sf_capture_ops sf_driver_af_xdp = {
	.recv = receive,
	.release = release,
	.wait = wait_in_between,
	.name = SF_XDP_NAME,
	.summary = SF_XDP_SUMMARY,
	.open = open_capture,
	.stats = read_stats,
	.interface = interface_of,
	.describe = describe,
	.condition = condition,
	.privileged = &privileged,
	.probe = sf_xdp_probe,
	.close = close_capture,
};
