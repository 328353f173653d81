/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A DPDK port, for receiving only. Every feature is asked for before it is used, because virtual
 * devices have hardly any and cards have nearly all.
 *
 * Several queues share the packets by RSS over the address pair without the ports, with a key that
 * gives both directions the same hash. So all packets of a conversation, its fragments and a
 * tunnel's packets come to one queue.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_packet.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <rte_mempool.h>

#include "dpdk/eal.h"

#define DESCRIPTORS        2048 /* per queue; fewer if the device allows fewer */
#define TX_DESCRIPTORS     64
#define DEFAULT_RING_BYTES (8U << 20) /* packet memory per queue */
#define POOL_CACHE         128
#define FRAME_OVERHEAD     22 /* Ethernet header and two tags */
#define KEY_MAX            64
#define DESCRIPTORS_SEEN   1024

static void device_name(const char *device, char *name, size_t size)
{
	snprintf(name, size, "%.*s", (int)strcspn(device, ","), device);
}

/* True if the descriptor is a packet socket. */
static bool is_packet_socket(int fd)
{
	struct sockaddr_ll address;
	socklen_t size = sizeof(address);

	return getsockname(fd, (struct sockaddr *)&address, &size) == 0 &&
	       address.sll_family == AF_PACKET;
}

/*
 * Finds the packet sockets of net_af_packet, which does not report what they lost; the kernel does
 * (PACKET_STATISTICS). `before`: descriptors that were open before the device was added.
 */
static void find_packet_sockets(struct sf_dpdk_port *port, const bool before[DESCRIPTORS_SEEN])
{
	port->socket_count = 0;
	for (int fd = 0; fd < DESCRIPTORS_SEEN && port->socket_count < SF_DPDK_SOCKETS; fd++)
		if (!before[fd] && is_packet_socket(fd))
			port->sockets[port->socket_count++] = fd;
}

/* Adds the losses of the packet sockets. Reading a socket's statistics sets them to 0. */
static void count_full_rings(struct sf_dpdk_port *port)
{
	for (unsigned i = 0; i < port->socket_count; i++) {
		struct tpacket_stats_v3 now;
		socklen_t size = sizeof(now);

		if (getsockopt(port->sockets[i], SOL_PACKET, PACKET_STATISTICS, &now, &size) == 0)
			port->past.full += now.tp_drops;
	}
}

static uint64_t since(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static int add_device(struct sf_dpdk_port *port, const char *device, struct sf_error *error)
{
	char name[RTE_ETH_NAME_MAX_LEN], words[256];
	bool before[DESCRIPTORS_SEEN];

	device_name(device, name, sizeof(name));
	if (rte_eth_dev_get_port_by_name(name, &port->id) == 0)
		return sf_error_set(
			error, -EBUSY, "dpdk:%s is in use by this process already", name);
	for (int fd = 0; fd < DESCRIPTORS_SEEN; fd++)
		before[fd] = is_packet_socket(fd);
	sf_dpdk_eal_forget();
	if (rte_dev_probe(device) < 0 || rte_eth_dev_get_port_by_name(name, &port->id) < 0) {
		sf_dpdk_eal_words(words, sizeof(words), true);
		return sf_error_set(error, -ENODEV,
			"dpdk:%s: no such device, or no driver for it%s%s%s", device, words,
			strchr(name, ':') ? "; a PCI device must be given to DPDK first: "
					    "dpdk-devbind.py --bind=vfio-pci "
					  : "",
			strchr(name, ':') ? name : "");
	}
	port->added = true;
	find_packet_sockets(port, before);
	return 0;
}

/*
 * Makes the pool of buffers: for all descriptors and a lent batch of each queue, and at least
 * `bytes`.
 */
static int make_pool(struct sf_dpdk_port *port, uint32_t bytes, struct sf_error *error)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	uint32_t each = sizeof(struct rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE;
	uint32_t least = DESCRIPTORS + 2 * SF_BATCH_MAX + 2 * POOL_CACHE;
	uint32_t count = (bytes ? bytes : DEFAULT_RING_BYTES) / each;

	if (count < least)
		count = least;
	snprintf(name, sizeof(name), "spanflow-%u", port->id);
	port->pool = rte_pktmbuf_pool_create(name, count * port->queues, POOL_CACHE, 0,
		RTE_MBUF_DEFAULT_BUF_SIZE, rte_eth_dev_socket_id(port->id));
	if (port->pool)
		return 0;
	return sf_error_set(error, -ENOMEM,
		"DPDK has no memory for %u packets (%u MiB): reserve more hugepages, or go "
		"without and give it more memory: --driver-options '--no-huge -m %u'",
		count * port->queues, (uint32_t)((uint64_t)count * port->queues * each >> 20),
		128 + 2 * (uint32_t)((uint64_t)count * port->queues * each >> 20));
}

/*
 * Chooses the offloads that the driver uses: the card may take VLAN tags out of frames, because
 * they come in the mbuf; time stamps need a field of the mbuf.
 */
static uint64_t choose_offloads(struct sf_dpdk_port *port, const struct rte_eth_dev_info *info,
	const struct sf_dpdk_settings *settings)
{
	uint64_t offloads = info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_VLAN_STRIP;

	port->strips_tags = offloads != 0;
	port->timestamp_offset = -1;
	if (port->mtu + FRAME_OVERHEAD > RTE_MBUF_DEFAULT_DATAROOM)
		offloads |= info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
	if (!settings->hardware_time || !(info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_TIMESTAMP))
		return offloads;
	if (rte_mbuf_dyn_rx_timestamp_register(&port->timestamp_offset, &port->timestamp_flag) <
		0) {
		port->timestamp_offset = -1;
		return offloads;
	}
	return offloads | RTE_ETH_RX_OFFLOAD_TIMESTAMP;
}

static int configure(struct sf_dpdk_port *port, const struct rte_eth_dev_info *info,
	const struct sf_dpdk_settings *settings)
{
	static uint8_t key[KEY_MAX];
	struct rte_eth_conf conf = {
		.rxmode = { .mq_mode = RTE_ETH_MQ_RX_NONE,
			.offloads = choose_offloads(port, info, settings) },
	};
	int result;

	/* a key of period 16 bits gives both directions the same hash: Woo and Park 2012 */
	for (unsigned i = 0; i < KEY_MAX; i++)
		key[i] = i % 2 ? 0x5a : 0x6d;
	if (port->queues > 1 && info->flow_type_rss_offloads & RTE_ETH_RSS_IP) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = info->flow_type_rss_offloads & RTE_ETH_RSS_IP;
		if (info->hash_key_size > 0 && info->hash_key_size <= KEY_MAX) {
			conf.rx_adv_conf.rss_conf.rss_key = key;
			conf.rx_adv_conf.rss_conf.rss_key_len = info->hash_key_size;
		}
		port->symmetric = true;
	}
	if (port->mtu > RTE_ETHER_MTU)
		conf.rxmode.mtu = port->mtu;
	result = rte_eth_dev_configure(port->id, port->queues, 0, &conf);
	/* some drivers need a transmit queue for each receive queue */
	if (result < 0)
		result = rte_eth_dev_configure(port->id, port->queues, port->queues, &conf);
	return result;
}

static int set_up_queues(const struct sf_dpdk_port *port)
{
	uint16_t descriptors = DESCRIPTORS, transmit = TX_DESCRIPTORS;
	struct rte_eth_dev_info info;
	int socket = rte_eth_dev_socket_id(port->id);
	int result = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &descriptors, &transmit);

	if (result == 0)
		result = rte_eth_dev_info_get(port->id, &info);
	if (result < 0)
		return result;
	for (uint16_t i = 0; i < info.nb_rx_queues && result == 0; i++)
		result = rte_eth_rx_queue_setup(
			port->id, i, descriptors, (unsigned)socket, NULL, port->pool);
	for (uint16_t i = 0; i < info.nb_tx_queues && result == 0; i++)
		result = rte_eth_tx_queue_setup(port->id, i, transmit, (unsigned)socket, NULL);
	if (result == 0)
		result = rte_eth_dev_start(port->id);
	return result;
}

static int start_port(struct sf_dpdk_port *port, const char *device,
	const struct sf_dpdk_settings *settings, struct sf_error *error)
{
	struct rte_eth_dev_info info;
	char words[256];
	uint16_t mtu = RTE_ETHER_MTU;
	int result = rte_eth_dev_info_get(port->id, &info);

	sf_dpdk_eal_forget();
	rte_eth_dev_get_mtu(port->id, &mtu);
	port->mtu = mtu;
	port->queues = settings->queues ? (uint16_t)settings->queues : 1;
	if (result == 0 && port->queues > info.max_rx_queues)
		port->queues = info.max_rx_queues;
	if (result == 0)
		result = configure(port, &info, settings);
	if (result == 0 && !port->pool) {
		result = make_pool(port, settings->ring_bytes, error);
		if (result < 0)
			return result;
	}
	if (result == 0)
		result = set_up_queues(port);
	if (result < 0) {
		sf_dpdk_eal_words(words, sizeof(words), true);
		return sf_error_set(error, result, "dpdk:%s: setting it up: %s%s", device,
			rte_strerror(-result), words);
	}
	port->started = true;
	if (settings->promiscuous && rte_eth_promiscuous_enable(port->id) < 0)
		port->stays_selective = true;
	if (rte_eth_stats_get(port->id, &port->base) < 0)
		port->base = (struct rte_eth_stats){ 0 };
	return 0;
}

int sf_dpdk_port_open(struct sf_dpdk_port *port, const char *device,
	const struct sf_dpdk_settings *settings, struct sf_error *error)
{
	int result;

	*port = (struct sf_dpdk_port){ .timestamp_offset = -1 };
	result = add_device(port, device, error);
	if (result == 0)
		result = start_port(port, device, settings, error);
	if (result < 0)
		sf_dpdk_port_close(port);
	return result;
}

/* Stops and removes the device; the pool of buffers stays. */
static void close_device(struct sf_dpdk_port *port)
{
	struct rte_eth_dev_info info = { 0 };

	if (!port->added)
		return;
	if (port->started)
		rte_eth_dev_stop(port->id);
	rte_eth_dev_info_get(port->id, &info);
	rte_eth_dev_close(port->id);
	if (info.device)
		rte_dev_remove(info.device);
	port->added = port->started = false;
	port->socket_count = 0;
}

int sf_dpdk_port_reopen(struct sf_dpdk_port *port, const char *device,
	const struct sf_dpdk_settings *settings, struct sf_error *error)
{
	struct sf_dpdk_losses past = { 0 };
	uint16_t queues = port->queues;
	int result;

	if (port->added) {
		sf_dpdk_port_losses(port, &past);
		port->past = past;
	}
	close_device(port);
	result = add_device(port, device, error);
	if (result == 0)
		result = start_port(port, device, settings, error);
	if (result == 0 && port->queues != queues)
		result = sf_error_set(error, -EIO, "dpdk:%s: %u queues instead of %u", device,
			port->queues, queues);
	port->queues = queues;
	if (result < 0)
		close_device(port);
	return result;
}

void sf_dpdk_port_losses(struct sf_dpdk_port *port, struct sf_dpdk_losses *sum)
{
	struct rte_eth_stats now = port->base;

	count_full_rings(port);
	if (port->added && rte_eth_stats_get(port->id, &now) < 0)
		now = port->base;
	sum->missed += port->past.missed + since(now.imissed, port->base.imissed);
	sum->errors += port->past.errors + since(now.ierrors, port->base.ierrors);
	sum->no_buffer += port->past.no_buffer + since(now.rx_nombuf, port->base.rx_nombuf);
	sum->full += port->past.full;
}

void sf_dpdk_port_close(struct sf_dpdk_port *port)
{
	close_device(port);
	rte_mempool_free(port->pool);
	*port = (struct sf_dpdk_port){ .timestamp_offset = -1 };
}
