/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Driver "dpdk": any port that DPDK can drive, named by PCI address or virtual device string.
 *
 *	capture ── points (one per device) ── queues
 *
 * recv takes a burst, release frees the mbufs; the bytes stay where the card put them. Of a frame
 * in several segments the caller gets the first segment, which holds every header. A poll-mode
 * driver cannot sleep until a packet comes. An idle queue polls for some microseconds, then sleeps
 * shortly between polls, so that an idle core is free; the card's descriptors hold the packets of
 * that time.
 *
 * The driver waits for a link that goes down. A device that is unplugged ends the capture, because
 * its memory is gone. A virtual device over an interface of the kernel (iface=, remote=) is closed,
 * and opened again when the interface comes back, as in the other drivers (base/port.h).
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <rte_pause.h>

#include "base/attached.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/port.h"
#include "base/secure.h"
#include "dpdk/clock.h"
#include "dpdk/driver.h"
#include "dpdk/eal.h"
#include "dpdk/options.h"

#define DEFAULT_WAIT_MS 100
#define EAGER_POLLS     256 /* empty polls before the first sleep */
#define NAP_US          20
#define FRAME_OVERHEAD  22 /* Ethernet header and two tags */

struct queue {
	/* used for each batch */
	uint16_t port, number;
	uint16_t slot;
	unsigned lent;
	struct rte_mbuf *mbufs[SF_BATCH_MAX];
	uint32_t frame_max, snaplen;
	sf_counter frames, super_packets, clock_refused;
	bool registered; /* DPDK knows the thread, and gives it a cache of buffers */
	bool first;      /* the first queue of its point */
	bool parked;     /* does not use the device until the interface is back (sf_port_park()) */
	struct point *point;
	struct sf_dpdk_clock clock;
};

struct point {
	struct sf_dpdk_port port;
	char *device;        /* as the user typed it */
	bool over_interface; /* over an interface of the kernel, which `base` watches */
	struct sf_port base;
	struct sf_attached before; /* net_af_xdp: XDP program of that interface at the start */
	struct sf_interface interface;
	_Atomic int link_down; /* written by the first queue's thread */
	char down[SF_IFNAME_MAX + 64];
	char description[160];
};

struct dpdk_capture {
	struct sf_capture base;
	struct point *points;
	unsigned point_count;
	struct queue *queues;
	unsigned wait_ms;
	bool hardware_time;
	struct sf_dpdk_settings settings;
	/* protects base.error, and ports that are opened again while statistics are read */
	pthread_mutex_t lock;
};

static struct dpdk_capture *of(struct sf_capture *capture)
{
	return (struct dpdk_capture *)capture;
}

/* The time of a packet by the device's clock, or `now` if it is more than a second off. */
static int64_t device_time(struct queue *queue, const struct rte_mbuf *mbuf, int64_t now)
{
	const struct sf_dpdk_port *port = &queue->point->port;
	int64_t time, offset;
	uint64_t ticks;

	if (!(mbuf->ol_flags & port->timestamp_flag))
		return now;
	ticks = *RTE_MBUF_DYNFIELD(mbuf, port->timestamp_offset, const rte_mbuf_timestamp_t *);
	time = queue->clock.time_ns ? sf_dpdk_clock_time(&queue->clock, ticks) : (int64_t)ticks;
	offset = time - now;
	if (offset > SF_NS_PER_S || offset < -SF_NS_PER_S) {
		sf_counter_add(&queue->clock_refused, 1);
		return now;
	}
	return time;
}

/* Reads both clocks as a new pair: often until the rate is known, then every second. */
static void tend_clock(struct queue *queue, int64_t now)
{
	struct sf_dpdk_clock *clock = &queue->clock;
	int64_t span = clock->ns_per_tick == 0 ? SF_DPDK_CLOCK_SPAN_NS : SF_NS_PER_S;
	uint64_t ticks;

	if (now >= clock->time_ns && now - clock->time_ns < span)
		return;
	/* without a readable clock, time stamps must be ns since 1970 */
	if (rte_eth_read_clock(queue->port, &ticks) == 0)
		sf_dpdk_clock_pair(clock, ticks, now);
}

static unsigned burst(struct queue *queue, struct sf_packet *packets, unsigned max)
{
	uint16_t count = rte_eth_rx_burst(queue->port, queue->number, queue->mbufs, (uint16_t)max);
	bool stamped = queue->point->port.timestamp_offset >= 0;
	unsigned super = 0;
	int64_t now;

	if (count == 0)
		return 0;
	now = sf_clock_read(CLOCK_REALTIME);
	if (stamped)
		tend_clock(queue, now);
	for (uint16_t i = 0; i < count; i++) {
		const struct rte_mbuf *mbuf = queue->mbufs[i];
		uint32_t length = rte_pktmbuf_data_len(mbuf);

		packets[i] = (struct sf_packet){
			.data = rte_pktmbuf_mtod(mbuf, const uint8_t *),
			.time_ns = stamped ? device_time(queue, mbuf, now) : now,
			.captured = length < queue->snaplen ? length : queue->snaplen,
			.wire = rte_pktmbuf_pkt_len(mbuf),
			.link = SF_LINK_ETHERNET,
			.interface = queue->slot,
		};
		if (mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) {
			packets[i].flags = SF_PACKET_VLAN;
			packets[i].vlan_tci = mbuf->vlan_tci;
		}
		super += packets[i].wire > queue->frame_max;
	}
	queue->lent = count;
	sf_counter_add(&queue->frames, count);
	if (super > 0)
		sf_counter_add(&queue->super_packets, super);
	return count;
}

static void release(struct sf_capture *base, unsigned number)
{
	struct queue *queue = &of(base)->queues[number];

	rte_pktmbuf_free_bulk(queue->mbufs, queue->lent);
	queue->lent = 0;
}

static int fail(struct dpdk_capture *capture, int code, const char *name, const char *text)
{
	pthread_mutex_lock(&capture->lock);
	sf_error_set(&capture->base.error, code, "dpdk:%s: %s", name, text);
	pthread_mutex_unlock(&capture->lock);
	return code;
}

/*
 * Called by the thread of the first queue when no packet came: looks whether device and link are
 * there.
 */
static int watch(struct dpdk_capture *capture, struct queue *queue)
{
	struct point *point = queue->point;
	struct rte_eth_link link = { 0 };

	if (point->over_interface) {
		sf_port_watch(&point->base);
		return 0;
	}
	if (rte_eth_dev_is_removed(queue->port) == 1)
		return fail(capture, -ENODEV, point->interface.name, "the device was removed");
	if (rte_eth_link_get_nowait(queue->port, &link) == 0)
		/* relaxed: publishes nothing */
		atomic_store_explicit(&point->link_down, link.link_status == RTE_ETH_LINK_DOWN,
			memory_order_relaxed);
	return 0;
}

/* Opens the device again. Called by the thread of the first queue when all others have parked. */
static int open_again(struct dpdk_capture *capture, struct point *point, struct sf_error *error)
{
	struct sf_dpdk_settings settings = capture->settings;
	int result;

	settings.promiscuous = false;
	pthread_mutex_lock(&capture->lock);
	result = sf_dpdk_port_reopen(&point->port, point->device, &settings, error);
	pthread_mutex_unlock(&capture->lock);
	if (result == 0 && capture->settings.promiscuous)
		result = sf_netdev_promiscuous(&point->base.netdev, error);
	for (unsigned i = 0; i < capture->base.queues; i++)
		if (capture->queues[i].point == point)
			capture->queues[i].port = point->port.id;
	return result;
}

/*
 * Called when the interface is gone: parks, sleeps up to wait_ms, and opens the device when it is
 * back.
 */
static int wait_for_interface(struct dpdk_capture *capture, struct queue *queue)
{
	struct point *point = queue->point;
	struct sf_error error;
	int result;

	if (!queue->parked) {
		queue->parked = true;
		sf_port_park(&point->base);
	}
	usleep(capture->wait_ms * 1000);
	if (!queue->first || !sf_port_returned(&point->base))
		return 0;
	result = open_again(capture, point, &error);
	if (result < 0)
		sf_port_refused(&point->base, error.text);
	else
		sf_port_revive(&point->base);
	return 0;
}

static int receive(
	struct sf_capture *base, unsigned number, struct sf_packet *packets, unsigned max)
{
	struct dpdk_capture *capture = of(base);
	struct queue *queue = &capture->queues[number];
	unsigned count;
	int64_t deadline;

	if (!queue->registered) {
		/*
		 * fails if DPDK has no free number for a thread: buffers then come without a cache
		 */
		rte_thread_register();
		queue->registered = true;
	}
	/* the state is always UP without an interface of the kernel */
	if (sf_port_state(&queue->point->base) == SF_NETDEV_GONE)
		return wait_for_interface(capture, queue);
	queue->parked = false;
	count = burst(queue, packets, max);
	if (count > 0)
		return (int)count;
	for (unsigned i = 0; i < EAGER_POLLS && count == 0; i++) {
		rte_pause();
		count = burst(queue, packets, max);
	}
	deadline = sf_clock_read(CLOCK_MONOTONIC) + capture->wait_ms * INT64_C(1000000);
	while (count == 0 && sf_clock_read(CLOCK_MONOTONIC) < deadline) {
		usleep(NAP_US);
		count = burst(queue, packets, max);
	}
	return count > 0 || !queue->first ? (int)count : watch(capture, queue);
}

static void add_cause(struct sf_capture_stats *stats, const char *name, uint64_t count)
{
	stats->causes[stats->cause_count++] = (struct sf_capture_cause){ name, count };
}

static void read_stats(struct sf_capture *base, struct sf_capture_stats *stats)
{
	struct dpdk_capture *capture = of(base);
	struct sf_dpdk_losses sum = { 0 };
	uint64_t refused = 0;

	*stats = (struct sf_capture_stats){ 0 };
	pthread_mutex_lock(&capture->lock);
	for (unsigned i = 0; i < capture->point_count; i++)
		sf_dpdk_port_losses(&capture->points[i].port, &sum);
	pthread_mutex_unlock(&capture->lock);
	for (unsigned i = 0; i < base->queues; i++) {
		const struct queue *queue = &capture->queues[i];

		stats->frames += sf_counter_get(&queue->frames);
		stats->super_packets += sf_counter_get(&queue->super_packets);
		refused += sf_counter_get(&queue->clock_refused);
	}
	stats->dropped_kernel = sum.full;
	stats->dropped_nic = sum.missed + sum.errors + sum.no_buffer;
	add_cause(stats, "packetSocketFull", sum.full);
	add_cause(stats, "imissed", sum.missed);
	add_cause(stats, "ierrors", sum.errors);
	add_cause(stats, "rxNoBuffer", sum.no_buffer);
	if (capture->hardware_time)
		add_cause(stats, "deviceClockRefused", refused);
}

static const struct sf_interface *interface_of(struct sf_capture *base, unsigned slot)
{
	struct dpdk_capture *capture = of(base);

	return slot < capture->point_count ? &capture->points[slot].interface : NULL;
}

static const char *condition(struct sf_capture *base)
{
	struct dpdk_capture *capture = of(base);

	for (unsigned i = 0; i < capture->point_count; i++) {
		struct point *point = &capture->points[i];
		const char *text = NULL;

		if (point->over_interface)
			text = sf_port_condition(&point->base);
		else if (atomic_load_explicit(&point->link_down, memory_order_relaxed))
			text = point->down;
		if (text)
			return text;
	}
	return NULL;
}

static void describe(struct sf_capture *base, char *text, size_t size)
{
	struct dpdk_capture *capture = of(base);
	size_t used = 0;

	for (unsigned i = 0; i < capture->point_count && used < size; i++) {
		int n = snprintf(text + used, size - used, "%s%s", i ? "; " : "",
			capture->points[i].description);

		used += n > 0 ? (size_t)n : 0;
	}
	for (unsigned i = 0; i < capture->point_count; i++)
		if (capture->points[i].over_interface)
			sf_port_describe(&capture->points[i].base, text, size);
}

static void close_capture(struct sf_capture *base)
{
	struct dpdk_capture *capture = of(base);

	if (!capture)
		return;
	for (unsigned i = 0; capture->queues && i < base->queues; i++)
		release(base, i);
	for (unsigned i = 0; i < capture->point_count; i++) {
		struct point *point = &capture->points[i];

		sf_dpdk_port_close(&point->port);
		if (point->over_interface) {
			/* if this process has the privilege; otherwise the monitor does it */
			sf_attached_restore(&point->before);
			sf_port_close(&point->base);
		}
		free(point->device);
	}
	pthread_mutex_destroy(&capture->lock);
	free(capture->queues);
	free(capture->points);
	free(capture);
}

static int check_options(const struct sf_capture_options *options, struct sf_error *error)
{
	if (options->direction == SF_DIRECTION_OUT || options->direction == SF_DIRECTION_BOTH)
		return sf_error_set(error, SF_EUSAGE,
			"dpdk sees incoming frames only: use the pcap driver for direction %s",
			options->direction == SF_DIRECTION_OUT ? "out" : "both");
	if (options->queues > UINT8_MAX)
		return sf_error_set(error, SF_EUSAGE, "%u queues: at most %u", options->queues,
			(unsigned)UINT8_MAX);
	for (unsigned i = 0; i < options->name_count && sf_secure(); i++)
		if (!sf_dpdk_device_harmless(options->names[i]))
			return sf_error_set(error, -EPERM,
				"dpdk:%s: a program with file capabilities or setuid opens PCI "
				"addresses, net_null, net_ring, net_af_packet and net_af_xdp only, "
				"without arguments that name files: run as root",
				options->names[i]);
	return 0;
}

static void describe_point(
	struct dpdk_capture *capture, struct point *point, const struct rte_eth_dev_info *info)
{
	const struct sf_dpdk_port *port = &point->port;

	snprintf(point->description, sizeof(point->description), "%s: %s, %u queue%s%s%s%s",
		point->interface.name, info->driver_name, port->queues,
		port->queues == 1 ? "" : "s",
		port->symmetric    ? " (symmetric RSS on addresses)"
		: port->queues > 1 ? " (spread by the device's own rule)"
				   : "",
		port->strips_tags ? ", VLAN tag from the device" : "",
		port->timestamp_offset >= 0 ? ", device timestamps" : "");
	if (capture->hardware_time && port->timestamp_offset < 0)
		sf_error_set(&capture->base.warning, -EOPNOTSUPP,
			"dpdk:%s offers no timestamps: the system clock is used",
			point->interface.name);
	else if (port->stays_selective)
		sf_error_set(&capture->base.warning, -EOPNOTSUPP,
			"dpdk:%s cannot be made promiscuous: it may hide frames for others",
			point->interface.name);
}

/* Opens the interface below a virtual device, if it has one. */
static int open_interface(struct dpdk_capture *capture, struct point *point,
	const struct sf_capture_options *options, struct sf_error *error)
{
	struct sf_capture_options unchanged = *options;
	char name[IF_NAMESIZE];
	int result;

	if (!sf_netdev_of_device(point->device, name))
		return 0;
	unchanged.keep_offloads = true;
	unchanged.set_rss = false;
	/* DPDK makes the device with the interface, which must be there */
	unchanged.wait = false;
	result = sf_port_open(&point->base, name, &unchanged, error);
	/*
	 * a socket of our own sets it: the kernel takes it back when the process ends, unlike the
	 * flag that DPDK sets
	 */
	if (result == 0 && capture->settings.promiscuous) {
		result = sf_netdev_promiscuous(&point->base.netdev, error);
		if (result < 0)
			sf_port_close(&point->base);
	}
	point->over_interface = result == 0;
	if (result == 0)
		sf_attached_read(&point->before, point->base.netdev.index);
	return result;
}

static int add_point(struct dpdk_capture *capture, const char *device,
	const struct sf_capture_options *options, struct sf_error *error)
{
	struct point *point = &capture->points[capture->point_count];
	struct sf_dpdk_settings settings = capture->settings;
	struct rte_eth_dev_info info;
	int result, flags = -1;

	point->device = strdup(device);
	if (!point->device)
		return sf_error_set(error, -ENOMEM, "%s", sf_strerror(-ENOMEM));
	result = open_interface(capture, point, options, error);
	settings.promiscuous &= !point->over_interface;
	if (point->over_interface)
		flags = sf_netdev_flags(&point->base.netdev);
	if (result == 0)
		result = sf_dpdk_port_open(&point->port, device, &settings, error);
	/* DPDK's driver clears promiscuous mode even if another process has set it */
	if (flags >= 0 && sf_netdev_flags(&point->base.netdev) != flags)
		sf_netdev_set_flags(&point->base.netdev, flags);
	if (result < 0) {
		if (point->over_interface)
			sf_port_close(&point->base);
		free(point->device);
		return result;
	}
	capture->point_count++;
	result = rte_eth_dev_info_get(point->port.id, &info);
	if (result < 0)
		return sf_error_set(error, result, "dpdk:%s does not describe itself: %s", device,
			sf_strerror(result));
	point->interface = (struct sf_interface){
		.index = info.if_index ? info.if_index : point->port.id + 1U,
		.link = SF_LINK_ETHERNET,
	};
	snprintf(point->interface.name, sizeof(point->interface.name), "%.*s",
		(int)strcspn(device, ","), device);
	snprintf(point->down, sizeof(point->down), "the link of dpdk:%s is down: waiting",
		point->interface.name);
	describe_point(capture, point, &info);
	point->base.queues = point->port.queues;
	capture->base.queues += point->port.queues;
	return 0;
}

static void fill_queues(struct dpdk_capture *capture, uint32_t snaplen)
{
	struct queue *queue = capture->queues;

	for (unsigned i = 0; i < capture->point_count; i++) {
		struct point *point = &capture->points[i];

		for (uint16_t j = 0; j < point->port.queues; j++, queue++) {
			queue->port = point->port.id;
			queue->number = j;
			queue->slot = (uint16_t)i;
			queue->point = point;
			queue->first = j == 0;
			queue->frame_max = point->port.mtu + FRAME_OVERHEAD;
			queue->snaplen = snaplen ? snaplen : UINT32_MAX;
		}
	}
}

static int open_capture(struct sf_capture **result, const struct sf_capture_options *options,
	struct sf_error *error)
{
	struct dpdk_capture *capture = calloc(1, sizeof(*capture));
	int code;

	if (!capture)
		return sf_error_set(error, -ENOMEM, "%s", sf_strerror(-ENOMEM));
	pthread_mutex_init(&capture->lock, NULL);
	capture->base = (struct sf_capture){ .ops = &sf_dpdk_ops, .live = true };
	capture->wait_ms = options->wait_ms == SF_WAIT_NEVER ? 1
			   : options->wait_ms                ? options->wait_ms
							     : DEFAULT_WAIT_MS;
	capture->hardware_time = options->hardware_time;
	capture->settings = (struct sf_dpdk_settings){
		.queues = options->queues,
		.ring_bytes = options->ring_bytes,
		.promiscuous = !options->no_promiscuous,
		.hardware_time = options->hardware_time,
	};
	code = check_options(options, error);
	if (code == 0)
		code = sf_dpdk_eal_start(options->driver_options, error);
	if (code < 0)
		goto fail;
	capture->points = calloc(options->name_count, sizeof(*capture->points));
	if (!capture->points) {
		code = sf_error_set(error, -ENOMEM, "%s", sf_strerror(-ENOMEM));
		goto fail;
	}
	for (unsigned i = 0; i < options->name_count; i++) {
		code = add_point(capture, options->names[i], options, error);
		if (code < 0)
			goto fail;
	}
	capture->queues = calloc(capture->base.queues, sizeof(*capture->queues));
	if (!capture->queues) {
		code = sf_error_set(error, -ENOMEM, "%s", sf_strerror(-ENOMEM));
		goto fail;
	}
	fill_queues(capture, options->snaplen);
	*result = &capture->base;
	return 0;
fail:
	close_capture(&capture->base);
	return code;
}

const struct sf_capture_ops sf_dpdk_ops = {
	.recv = receive,
	.release = release,
	.name = SF_DPDK_NAME,
	.summary = SF_DPDK_SUMMARY,
	.open = open_capture,
	.stats = read_stats,
	.interface = interface_of,
	.describe = describe,
	.condition = condition,
	.close = close_capture,
};
