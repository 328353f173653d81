/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Driver "pcap": libpcap on network interfaces.
 *
 *	capture ── ports (one per interface) ── queues of a port (one kernel ring each)
 *
 * Queues are numbered port by port. Several rings of one interface form a fanout group, which the
 * kernel steers by the address pair (steer.c). libpcap guarantees a packet's bytes only until its
 * callback returns, so each queue copies the packets of a batch into its own memory (`arena`). The
 * copy is at most the snap length long; the kernel's filter has cut the frame to it already.
 *
 * The rings of an interface that is switched off stay open and deliver packets again later. The
 * rings of an interface that is removed are dead. If an interface of this name appears again, a
 * single ring is bound to it, which needs no privilege; several rings are opened again.
 */
#include <errno.h>
#include <net/if_arp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_packet.h>

#include "base/clock.h"
#include "base/counter.h"
#include "pcap/rings.h"

#define TAG_LENGTH 4

struct queue {
	/* used for each packet */
	pcap_t *handle; /* NULL while the interface is gone */
	uint8_t *arena;
	uint32_t stride;
	uint32_t frame_max; /* longest frame of the MTU; longer frames are super-packets */
	struct sf_packet *packets;
	unsigned count;
	uint64_t batch_super;
	uint32_t to_ns; /* ns in a unit of the handle's time stamps: 1 or 1000 */
	uint16_t link, slot, flags;
	/* used for each batch */
	sf_counter frames, super_packets, clock_refused;
	struct port *port;
	bool first;  /* the first queue of its port */
	bool parked; /* its handles are closed until the interface is back */
	bool paused; /* there is no descriptor that could be polled */
	bool waited; /* sf_capture_ops.wait was called since the last recv */
	/* protected by the capture's lock */
	uint64_t kernel_drops, freezes;
};

struct port {
	struct sf_port base;
	struct sf_interface interface;
	struct queue *queues; /* base.queues of them */
	bool any;             /* the pseudo interface "any", which never goes away */
};

struct pcap_capture {
	struct sf_capture base;
	struct sf_pcap_settings settings;
	struct port *ports;
	unsigned port_count;
	struct queue *queues;
	/* protects base.error, and handles and counters of the queues while statistics are read */
	pthread_mutex_t lock;
};

static struct pcap_capture *of(struct sf_capture *capture)
{
	return (struct pcap_capture *)capture;
}

static void take(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes)
{
	struct queue *queue = (struct queue *)(void *)user;
	struct sf_packet *packet = &queue->packets[queue->count];
	uint8_t *to = queue->arena + (size_t)queue->count * queue->stride;
	uint32_t length = header->caplen < queue->stride ? header->caplen : queue->stride;

	memcpy(to, bytes, length);
	*packet = (struct sf_packet){
		.data = to,
		.time_ns = header->ts.tv_sec * SF_NS_PER_S + header->ts.tv_usec * queue->to_ns,
		.captured = length,
		.wire = header->len,
		.link = queue->link,
		.interface = queue->slot,
		.flags = queue->flags,
	};
	queue->batch_super += header->len > queue->frame_max;
	queue->count++;
}

/* Replaces time stamps of the device that are more than a second off by the system's time. */
static void check_device_clock(struct queue *queue, struct sf_packet *packets, unsigned count)
{
	int64_t now = sf_clock_read(CLOCK_REALTIME);
	uint64_t refused = 0;

	for (unsigned i = 0; i < count; i++) {
		int64_t offset = packets[i].time_ns - now;

		if (offset > SF_NS_PER_S || offset < -SF_NS_PER_S) {
			packets[i].time_ns = now;
			refused++;
		}
	}
	if (refused > 0)
		sf_counter_add(&queue->clock_refused, refused);
}

static int fail(struct pcap_capture *capture, int code, const char *name, const char *text)
{
	pthread_mutex_lock(&capture->lock);
	sf_error_set(&capture->base.error, code, "%s: %s", name, text);
	pthread_mutex_unlock(&capture->lock);
	return code;
}

/* Reads packets as pcap_dispatch() does. Returns their number, or -1. */
static int dispatch(
	struct pcap_capture *capture, struct queue *queue, struct sf_packet *packets, unsigned max)
{
	int result;

	queue->packets = packets;
	queue->count = 0;
	queue->batch_super = 0;
	result = pcap_dispatch(queue->handle, (int)max, take, (u_char *)queue);
	if (queue->count == 0)
		return result < 0 ? -1 : 0;
	sf_counter_add(&queue->frames, queue->count);
	if (queue->batch_super > 0)
		sf_counter_add(&queue->super_packets, queue->batch_super);
	if (capture->settings.hardware_time)
		check_device_clock(queue, packets, queue->count);
	return (int)queue->count;
}

/*
 * Adds what the kernel counted since the last call, which clears its counters. Called with the lock
 * held.
 */
static void collect_drops(struct queue *queue)
{
	struct tpacket_stats_v3 stats = { 0 };
	socklen_t size = sizeof(stats);

	if (!queue->handle || getsockopt(pcap_fileno(queue->handle), SOL_PACKET, PACKET_STATISTICS,
				      &stats, &size) < 0)
		return;
	queue->kernel_drops += stats.tp_drops;
	queue->freezes += stats.tp_freeze_q_cnt;
}

static void close_queue(struct pcap_capture *capture, struct queue *queue)
{
	pthread_mutex_lock(&capture->lock);
	collect_drops(queue);
	if (queue->handle)
		pcap_close(queue->handle);
	queue->handle = NULL;
	pthread_mutex_unlock(&capture->lock);
}

/*
 * Opens all rings of a port, behind a filter that refuses everything, and then starts them: so no
 * packet gets into two rings. Returns 0, or 1 if the kernel has no room for the filter expression
 * and lets all packets through.
 */
static int open_rings(struct pcap_capture *capture, struct port *port, struct sf_error *error)
{
	const struct sf_pcap_settings *settings = &capture->settings;
	pcap_t *handle;
	int group = -1, result = 0;
	bool wider = false;

	for (unsigned i = 0; i < port->base.queues && result == 0; i++) {
		result = sf_pcap_socket_open(&handle, port->interface.name, settings, error);
		if (result < 0)
			break;
		pthread_mutex_lock(&capture->lock);
		port->queues[i].handle = handle;
		pthread_mutex_unlock(&capture->lock);
		if (port->base.queues > 1)
			result = sf_pcap_socket_join(handle, &group, settings->steer_key, error);
	}
	for (unsigned i = 0; i < port->base.queues && result >= 0; i++) {
		struct queue *queue = &port->queues[i];

		result = sf_pcap_socket_start(queue->handle, settings, error);
		wider |= result > 0;
		queue->link = sf_pcap_link_type(pcap_datalink(queue->handle));
		queue->to_ns =
			pcap_get_tstamp_precision(queue->handle) == PCAP_TSTAMP_PRECISION_NANO
				? 1
				: 1000;
		queue->frame_max = port->any ? UINT32_MAX : sf_netdev_frame_max(&port->base.netdev);
	}
	for (unsigned i = 0; i < port->base.queues && result < 0; i++)
		close_queue(capture, &port->queues[i]);
	return result < 0 ? result : wider;
}

/*
 * Opens the rings again when the interface is back and all queues have parked; called by the thread
 * of the first queue. >= 0, or an error with its text.
 */
static int reopen(struct pcap_capture *capture, struct port *port, struct sf_error *error)
{
	struct queue *first = port->queues;

	if (first->handle && sf_pcap_socket_rebind(first->handle, &port->base.netdev,
				     capture->settings.promiscuous) == 0) {
		first->frame_max = sf_netdev_frame_max(&port->base.netdev);
		return 0;
	}
	for (unsigned i = 0; i < port->base.queues; i++)
		close_queue(capture, &port->queues[i]);
	return open_rings(capture, port, error);
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

static bool is_waiting(const struct pcap_capture *capture)
{
	return capture->settings.wait_ms != SF_WAIT_NEVER;
}

/* Keeps the queue from being read for a while, because its interface is gone or switched off. */
static void pause_queue(const struct pcap_capture *capture, struct queue *queue)
{
	if (is_waiting(capture))
		usleep(capture->settings.wait_ms * 1000);
	queue->paused = true;
}

/*
 * sf_capture_ops.wait. The descriptor of a paused queue is not polled, because poll() would report
 * its error at once; the sleep is short, so that the return of the interface is noticed.
 */
static void wait_for_packets(struct sf_capture *base, unsigned number, int wake, unsigned ms)
{
	struct pcap_capture *capture = of(base);
	struct queue *queue = &capture->queues[number];

	queue->waited = true;
	if (queue->paused)
		sleep_on(-1, wake, ms < SF_PCAP_WAIT_MS ? ms : SF_PCAP_WAIT_MS);
	else
		sleep_on(pcap_fileno(queue->handle), wake, ms);
}

/*
 * Called when the interface is gone: parks the queue and sleeps up to wait_ms; the first queue
 * opens the rings again if the interface is back. 0, or an error that waiting cannot cure.
 */
static int wait_for_interface(struct pcap_capture *capture, struct queue *queue)
{
	struct port *port = queue->port;
	struct sf_error error;
	int result;

	if (!queue->parked) {
		if (port->base.queues > 1)
			close_queue(capture, queue);
		queue->parked = true;
		sf_port_park(&port->base);
	}
	pause_queue(capture, queue);
	if (!queue->first || !sf_port_returned(&port->base))
		return 0;
	result = reopen(capture, port, &error);
	if (result == -EPERM)
		return fail(capture, result, port->interface.name,
			"it is there, but this process may not open it (again)");
	if (result < 0) {
		sf_port_refused(&port->base, error.text);
		return 0;
	}
	sf_port_resume(&port->base, queue->slot, &port->interface, port->queues[0].link);
	return 0;
}

/*
 * Called after an error of libpcap: finds out whether the interface went away or the error is
 * fatal.
 */
static int explain(struct pcap_capture *capture, struct queue *queue)
{
	struct port *port = queue->port;

	if (port->any || sf_netdev_state(&port->base.netdev) == SF_NETDEV_UP)
		return fail(capture, -EIO, port->interface.name, pcap_geterr(queue->handle));
	if (queue->first)
		sf_port_watch(&port->base);
	else
		pause_queue(capture, queue);
	return 0;
}

static int receive(
	struct sf_capture *base, unsigned number, struct sf_packet *packets, unsigned max)
{
	struct pcap_capture *capture = of(base);
	struct queue *queue = &capture->queues[number];
	struct port *port = queue->port;
	int n;

	if (sf_port_state(&port->base) == SF_NETDEV_GONE)
		return wait_for_interface(capture, queue);
	queue->parked = queue->paused = false;
	if (max > SF_BATCH_MAX)
		max = SF_BATCH_MAX;
	n = dispatch(capture, queue, packets, max);
	if (n == 0 && is_waiting(capture)) {
		sleep_on(pcap_fileno(queue->handle), -1, capture->settings.wait_ms);
		n = dispatch(capture, queue, packets, max);
		queue->waited = true;
	}
	if (n < 0)
		return explain(capture, queue);
	if (n == 0 && queue->waited && queue->first && !port->any)
		sf_port_watch(&port->base);
	queue->waited = false;
	return n;
}

static void read_stats(struct sf_capture *base, struct sf_capture_stats *stats)
{
	struct pcap_capture *capture = of(base);
	uint64_t freezes = 0, refused = 0;

	*stats = (struct sf_capture_stats){ 0 };
	pthread_mutex_lock(&capture->lock);
	for (unsigned i = 0; i < base->queues; i++) {
		struct queue *queue = &capture->queues[i];

		collect_drops(queue);
		stats->dropped_kernel += queue->kernel_drops;
		freezes += queue->freezes;
		stats->frames += sf_counter_get(&queue->frames);
		stats->super_packets += sf_counter_get(&queue->super_packets);
		refused += sf_counter_get(&queue->clock_refused);
	}
	pthread_mutex_unlock(&capture->lock);
	for (unsigned i = 0; i < capture->port_count; i++)
		if (!capture->ports[i].any)
			stats->dropped_nic += sf_port_missed(&capture->ports[i].base);
	stats->causes[stats->cause_count++] =
		(struct sf_capture_cause){ "ringFull", stats->dropped_kernel };
	stats->causes[stats->cause_count++] = (struct sf_capture_cause){ "ringFreezes", freezes };
	if (capture->settings.hardware_time)
		stats->causes[stats->cause_count++] =
			(struct sf_capture_cause){ "deviceClockRefused", refused };
}

static const struct sf_interface *interface_of(struct sf_capture *base, unsigned slot)
{
	struct pcap_capture *capture = of(base);

	return slot < capture->port_count ? sf_port_interface(&capture->ports[slot].base,
						    &capture->ports[slot].interface)
					  : NULL;
}

static const char *condition(struct sf_capture *base)
{
	struct pcap_capture *capture = of(base);
	const char *text = NULL;

	for (unsigned i = 0; i < capture->port_count && !text; i++)
		text = sf_port_condition(&capture->ports[i].base);
	return text;
}

static void describe(struct sf_capture *base, char *text, size_t size)
{
	static const char *const directions[] = { [SF_DIRECTION_IN] = "in",
		[SF_DIRECTION_OUT] = "out",
		[SF_DIRECTION_BOTH] = "in and out" };
	struct pcap_capture *capture = of(base);
	const struct sf_pcap_settings *settings = &capture->settings;

	snprintf(text, size, "%s, %u queue%s of %u KiB%s, snap length %u, direction %s%s%s",
		settings->immediate ? "TPACKET_V2" : "TPACKET_V3", base->queues,
		base->queues == 1 ? "" : "s", settings->ring_bytes >> 10,
		base->queues > capture->port_count ? " (fanout by address pair)" : "",
		settings->snaplen, directions[settings->direction],
		settings->promiscuous ? ", promiscuous" : "",
		settings->hardware_time ? ", device timestamps where offered" : "");
	for (unsigned i = 0; i < capture->port_count; i++)
		sf_port_describe(&capture->ports[i].base, text, size);
}

static void close_capture(struct sf_capture *base)
{
	struct pcap_capture *capture = of(base);

	if (!capture)
		return;
	for (unsigned i = 0; capture->queues && i < base->queues; i++) {
		close_queue(capture, &capture->queues[i]);
		free(capture->queues[i].arena);
	}
	for (unsigned i = 0; i < capture->port_count; i++)
		sf_port_close(&capture->ports[i].base);
	pthread_mutex_destroy(&capture->lock);
	free(capture->settings.program.filter);
	free(capture->queues);
	free(capture->ports);
	free(capture);
}

extern const struct sf_capture_ops sf_driver_pcap;

static int open_port(struct pcap_capture *capture, unsigned number,
	const struct sf_capture_options *options, struct sf_error *error)
{
	struct port *port = &capture->ports[number];
	const char *name = options->names[number];
	unsigned per_port = capture->base.queues / options->name_count;
	int result = 0;

	port->any = strcmp(name, "any") == 0;
	port->base.netdev.fd = port->base.netdev.netlink = port->base.netdev.promiscuous = -1;
	capture->port_count++;
	if (!port->any)
		result = sf_port_open(&port->base, name, options, error);
	if (result < 0)
		return result;
	port->base.queues = per_port;
	port->queues = &capture->queues[number * per_port];
	port->interface = (struct sf_interface){
		.index = port->any ? 0 : port->base.netdev.index,
		.snaplen = capture->settings.snaplen,
	};
	snprintf(port->interface.name, sizeof(port->interface.name), "%s", name);
	for (unsigned i = 0; i < per_port; i++) {
		struct queue *queue = &port->queues[i];

		queue->port = port;
		queue->first = i == 0;
		queue->slot = (uint16_t)number;
		if (capture->settings.direction == SF_DIRECTION_OUT)
			queue->flags = SF_PACKET_OUTGOING;
		queue->stride = (capture->settings.snaplen + TAG_LENGTH + 63) & ~63U;
		queue->arena = malloc((size_t)queue->stride * SF_BATCH_MAX);
		if (!queue->arena)
			return sf_error_set(error, -ENOMEM, "%s", sf_strerror(-ENOMEM));
	}
	return 0;
}

/*
 * True if all interfaces are Ethernet, so that the kernel can apply the filter expression: it is
 * compiled with Ethernet's offsets, and packets of a cooked socket have others.
 */
static bool all_ethernet(const struct pcap_capture *capture)
{
	for (unsigned i = 0; i < capture->port_count; i++) {
		const struct port *port = &capture->ports[i];

		if (port->any || (port->base.netdev.hardware != ARPHRD_ETHER &&
					 port->base.netdev.hardware != ARPHRD_LOOPBACK))
			return false;
	}
	return true;
}

static int start_port(struct pcap_capture *capture, struct port *port, struct sf_error *error)
{
	int result;

	/* the first queue opens it later; a missing privilege is reported now */
	if (sf_port_state(&port->base) == SF_NETDEV_GONE)
		return sf_pcap_probe(error);
	result = open_rings(capture, port, error);
	if (result < 0)
		return result;
	if (result > 0)
		capture->base.kernel_filtered = false;
	port->interface.link = port->queues[0].link;
	if (port->any)
		return 0;
	sf_port_prepare(&port->base);
	if (port->base.trouble[0])
		sf_error_set(&capture->base.warning, -EOPNOTSUPP, "%s: %s", port->interface.name,
			port->base.trouble);
	return 0;
}

static int open_capture(struct sf_capture **result, const struct sf_capture_options *options,
	struct sf_error *error)
{
	struct pcap_capture *capture = calloc(1, sizeof(*capture));
	unsigned per_port = options->queues ? options->queues : 1;
	bool any = false;
	int code;

	if (!capture)
		return sf_error_set(error, -ENOMEM, "%s", sf_strerror(-ENOMEM));
	pthread_mutex_init(&capture->lock, NULL);
	for (unsigned i = 0; i < options->name_count; i++)
		any |= strcmp(options->names[i], "any") == 0;
	code = sf_pcap_settings_init(&capture->settings, options, any, error);
	if (code < 0)
		goto fail;
	capture->base = (struct sf_capture){
		.ops = &sf_driver_pcap, .queues = options->name_count * per_port, .live = true
	};
	capture->ports = calloc(options->name_count, sizeof(*capture->ports));
	capture->queues = calloc(capture->base.queues, sizeof(*capture->queues));
	code = -ENOMEM;
	if (!capture->ports || !capture->queues) {
		sf_error_set(error, code, "%s", sf_strerror(code));
		goto fail;
	}
	code = 0;
	for (unsigned i = 0; i < options->name_count && code == 0; i++)
		code = open_port(capture, i, options, error);
	if (code < 0)
		goto fail;
	code = sf_pcap_program(
		&capture->settings, all_ethernet(capture) ? options->filter : NULL, error);
	capture->base.kernel_filtered = capture->settings.filtered;
	for (unsigned i = 0; i < capture->port_count && code == 0; i++)
		code = start_port(capture, &capture->ports[i], error);
	if (code < 0)
		goto fail;
	*result = &capture->base;
	return 0;
fail:
	close_capture(&capture->base);
	return code;
}

const struct sf_capture_ops sf_driver_pcap = {
	.recv = receive,
	.wait = wait_for_packets,
	.name = "pcap",
	.summary = "libpcap: kernel packet rings (TPACKET_V3); frames also reach the host",
	.open = open_capture,
	.stats = read_stats,
	.interface = interface_of,
	.describe = describe,
	.condition = condition,
	.probe = sf_pcap_probe,
	.close = close_capture,
};
