/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes packets off the receive ring of a socket, with their times and tags, and gives their memory
 * back to the kernel.
 */
#include <string.h>
#include <sys/socket.h>

#include "af_xdp/xdp.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/wire.h"
#include "bpf/spanflow_xdp.h"

#ifndef XDP_PKT_CONTD
#define XDP_PKT_CONTD (1 << 0) /* Linux 6.6 */
#endif

#define ETHERTYPE_8021AD 0x88a8

/*
 * Reads the metadata that the XDP program wrote before the frame, and clears it, so that it is not
 * taken for the metadata of a later frame in this chunk. `to_system`: system time minus monotonic
 * time.
 */
static void take_metadata(
	struct sf_packet *packet, struct sf_xdp_queue *queue, bool want_device, int64_t to_system)
{
	uint8_t *at = (uint8_t *)(uintptr_t)packet->data - sizeof(struct sf_xdp_metadata);
	struct sf_xdp_metadata metadata;
	int64_t offset;

	memcpy(&metadata, at, sizeof(metadata));
	if ((metadata.flags & 0xffff0000U) != SF_XDP_MARK)
		return;
	memset(at, 0, sizeof(metadata));
	if (metadata.flags & SF_XDP_VLAN) {
		packet->flags |= SF_PACKET_VLAN;
		if (be16toh(metadata.vlan_tpid) == ETHERTYPE_8021AD)
			packet->flags |= SF_PACKET_VLAN_AD;
		packet->vlan_tci = metadata.vlan_tci;
	}
	if (metadata.flags & SF_XDP_ARRIVAL)
		packet->time_ns = (int64_t)metadata.arrival + to_system;
	if (!want_device || !(metadata.flags & SF_XDP_DEVICE_TIME) || metadata.device_time == 0)
		return;
	offset = (int64_t)metadata.device_time - packet->time_ns;
	if (offset > SF_NS_PER_S || offset < -SF_NS_PER_S)
		sf_counter_add(&queue->clock_refused, 1);
	else
		packet->time_ns = (int64_t)metadata.device_time;
}

/*
 * System time minus monotonic time, which changes only when somebody sets the system's clock. The
 * system time is read between two readings of the monotonic clock, whose distance is the error of
 * the measurement: it is large if the thread lost its processor in between. The old value is kept
 * as long as it lies within the error, so that the times of different queues are in order.
 */
static int64_t system_minus_monotonic(struct sf_xdp_queue *queue)
{
	int64_t before = sf_clock_read(CLOCK_MONOTONIC);
	int64_t system = sf_clock_read(CLOCK_REALTIME);
	int64_t error = sf_clock_read(CLOCK_MONOTONIC) - before;
	int64_t measured = system - before, off = measured - queue->to_system;

	/* the true difference lies between `measured` - `error` and `measured` */
	if (error < queue->to_system_error || off < -queue->to_system_error ||
		off > error + queue->to_system_error) {
		queue->to_system = measured - error / 2;
		queue->to_system_error = error;
	}
	return queue->to_system;
}

/*
 * Takes whole packets off the receive ring of a socket: at most `max` packets, and at most
 * SF_BATCH_MAX buffers. Returns the number of packets.
 */
static unsigned take_batch(struct sf_xdp_capture *capture, struct sf_xdp_queue *queue,
	struct sf_xdp_socket *socket, struct sf_packet *packets, unsigned max)
{
	uint32_t at = 0, available = xsk_ring_cons__peek(&socket->rx, SF_BATCH_MAX, &at), whole = 0;
	unsigned count = 0, super = 0;
	bool inside = false;
	int64_t now;

	if (available == 0)
		return 0;
	now = sf_clock_read(CLOCK_REALTIME);
	for (uint32_t i = 0; i < available && count < max; i++) {
		const struct xdp_desc *desc = xsk_ring_cons__rx_desc(&socket->rx, at + i);
		struct sf_packet *packet = &packets[count];

		queue->lent_chunks[i] = desc->addr & ~((uint64_t)socket->chunk - 1);
		if (inside)
			packet->wire += desc->len;
		else
			*packet = (struct sf_packet){
				.data = socket->area + desc->addr,
				.time_ns = now,
				.captured = desc->len < queue->snaplen ? desc->len : queue->snaplen,
				.wire = desc->len,
				.link = SF_LINK_ETHERNET,
				.interface = queue->slot,
			};
		/* the headers, and the metadata before them */
		__builtin_prefetch(packet->data);
		__builtin_prefetch(packet->data - 1);
		inside = desc->options & XDP_PKT_CONTD;
		if (inside)
			continue;
		super += packet->wire > queue->frame_max;
		count++;
		whole = i + 1;
	}
	if (whole < available)
		xsk_ring_cons__cancel(&socket->rx, available - whole);
	xsk_ring_cons__release(&socket->rx, whole);
	queue->lender = socket;
	queue->lent = whole;
	if (queue->port->program.metadata || queue->port->program.arrival) {
		int64_t to_system = system_minus_monotonic(queue);

		for (unsigned i = 0; i < count; i++)
			take_metadata(&packets[i], queue, capture->hardware_time, to_system);
	}
	sf_counter_add(&queue->frames, count);
	if (super > 0)
		sf_counter_add(&queue->super_packets, super);
	return count;
}

unsigned sf_xdp_take(struct sf_xdp_capture *capture, struct sf_xdp_queue *queue,
	struct sf_packet *packets, unsigned max)
{
	for (unsigned i = 0; i < queue->socket_count; i++) {
		struct sf_xdp_socket *socket = &queue->sockets[queue->next * queue->step];
		unsigned count = take_batch(capture, queue, socket, packets, max);

		queue->next = queue->next + 1 < queue->socket_count ? queue->next + 1 : 0;
		if (count > 0)
			return count;
	}
	return 0;
}

void sf_xdp_give_back(struct sf_xdp_queue *queue)
{
	struct sf_xdp_socket *socket = queue->lender;
	uint32_t at = 0, n;

	if (!socket)
		return;
	/* never fails: the ring has room for all chunks */
	n = xsk_ring_prod__reserve(&socket->fill, queue->lent, &at);
	for (uint32_t i = 0; i < n; i++)
		*xsk_ring_prod__fill_addr(&socket->fill, at + i) = queue->lent_chunks[i];
	xsk_ring_prod__submit(&socket->fill, n);
	if (xsk_ring_prod__needs_wakeup(&socket->fill))
		recvfrom(xsk_socket__fd(socket->xsk), NULL, 0, MSG_DONTWAIT, NULL, NULL);
	queue->lender = NULL;
	queue->lent = 0;
}
