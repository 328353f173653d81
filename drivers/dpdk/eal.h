/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of the DPDK driver: the process-wide environment (eal.c), one port (port.c). */
#ifndef SPANFLOW_DRIVERS_DPDK_EAL_H
#define SPANFLOW_DRIVERS_DPDK_EAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_ethdev.h>

#include <spanflow/capture.h>

/*
 * Starts DPDK's environment, once per process; `arguments` (blank-separated, NULL: none) are
 * checked (options.h), go to rte_eal_init() after our own, and must be the same for every further
 * source. Fails with the environment's own words and the cure; DPDK cannot be started again in this
 * process then.
 */
int sf_dpdk_eal_start(const char *arguments, struct sf_error *error);

/*
 * ": " and the first or the last line the environment logged since sf_dpdk_eal_forget(), or "".
 * Both while a source is opened, in one thread.
 */
void sf_dpdk_eal_forget(void);
void sf_dpdk_eal_words(char *text, size_t size, bool first);

#define SF_DPDK_SOCKETS 16 /* most rings that net_af_packet makes */

/* What was received and lost, as the device tells it. */
struct sf_dpdk_losses {
	uint64_t missed, errors, no_buffer;
	uint64_t full; /* packet sockets: rings that were full */
};

/* One Ethernet port. */
struct sf_dpdk_port {
	uint16_t id;
	bool added;   /* by us: to be removed again */
	bool started; /* to be stopped */
	uint16_t queues;
	struct rte_mempool *pool;
	uint32_t mtu;
	bool symmetric; /* RSS with the symmetric key */
	bool strips_tags;
	bool stays_selective; /* promiscuous mode was wanted and is not possible */
	int timestamp_offset; /* in an mbuf; -1: no device timestamps */
	uint64_t timestamp_flag;
	struct rte_eth_stats base;    /* when opened */
	struct sf_dpdk_losses past;   /* before the port was opened again */
	int sockets[SF_DPDK_SOCKETS]; /* packet sockets of the device's driver, which owns them */
	unsigned socket_count;
};

/* What a port is to be like. */
struct sf_dpdk_settings {
	unsigned queues; /* 0: one */
	uint32_t ring_bytes;
	bool promiscuous; /* asks the device's driver for it */
	bool hardware_time;
};

/* Adds the device (PCI address or vdev string), sets it up and starts it. */
int sf_dpdk_port_open(struct sf_dpdk_port *port, const char *device,
	const struct sf_dpdk_settings *settings, struct sf_error *error);

/*
 * Closes the device and opens it anew, with the same number of queues and the same memory. On
 * failure it is closed and this may be called again.
 */
int sf_dpdk_port_reopen(struct sf_dpdk_port *port, const char *device,
	const struct sf_dpdk_settings *settings, struct sf_error *error);

/* Adds what was lost since sf_dpdk_port_open(). Not at the same time as open, reopen and close. */
void sf_dpdk_port_losses(struct sf_dpdk_port *port, struct sf_dpdk_losses *sum);

/* Stops, removes and frees. Legal on a zeroed one, and twice. */
void sf_dpdk_port_close(struct sf_dpdk_port *port);

#endif
