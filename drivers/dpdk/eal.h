/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parts of the DPDK driver: DPDK's environment (EAL), one for the process (eal.c), and a port
 * (port.c).
 */
#ifndef SPANFLOW_DRIVERS_DPDK_EAL_H
#define SPANFLOW_DRIVERS_DPDK_EAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_ethdev.h>

#include <spanflow/capture.h>

/*
 * Starts DPDK's environment, once per process. `arguments` (separated by blanks, NULL: none) are
 * checked (options.h) and passed to rte_eal_init() behind the driver's own; every further source
 * must have the same. The text of an error has DPDK's own words and says what to do; DPDK cannot be
 * started again in this process after a failure.
 */
int sf_dpdk_eal_start(const char *arguments, struct sf_error *error);

/*
 * ": " and the first or the last line that DPDK logged since sf_dpdk_eal_forget(), or "". Called
 * while a source is opened, by one thread.
 */
void sf_dpdk_eal_forget(void);
void sf_dpdk_eal_words(char *text, size_t size, bool first);

#define SF_DPDK_SOCKETS 16 /* net_af_packet makes at most so many sockets */

/* Counters of the device. */
struct sf_dpdk_losses {
	uint64_t missed, errors, no_buffer;
	uint64_t full; /* net_af_packet: packets lost because a ring was full */
};

/* One Ethernet port. */
struct sf_dpdk_port {
	uint16_t id;
	bool added;   /* the driver has added the device, and removes it at close */
	bool started; /* the device has been started, and is stopped at close */
	uint16_t queues;
	struct rte_mempool *pool;
	uint32_t mtu;
	bool symmetric; /* RSS uses the symmetric key */
	bool strips_tags;
	bool stays_selective; /* promiscuous mode was wanted and is not possible */
	int timestamp_offset; /* of the time stamp in an mbuf; -1: the device makes none */
	uint64_t timestamp_flag;
	struct rte_eth_stats base;    /* counters of the device at open */
	struct sf_dpdk_losses past;   /* counters from before the port was opened again */
	int sockets[SF_DPDK_SOCKETS]; /* packet sockets of net_af_packet, which closes them */
	unsigned socket_count;
};

/* Settings of a port. */
struct sf_dpdk_settings {
	unsigned queues; /* 0 means one */
	uint32_t ring_bytes;
	bool promiscuous; /* sets promiscuous mode through DPDK */
	bool hardware_time;
};

/* Adds the device (PCI address or string of a virtual device), configures it and starts it. */
int sf_dpdk_port_open(struct sf_dpdk_port *port, const char *device,
	const struct sf_dpdk_settings *settings, struct sf_error *error);

/*
 * Closes the device and opens it again, with the same number of queues and the same memory. After a
 * failure the device is closed, and the call may be repeated.
 */
int sf_dpdk_port_reopen(struct sf_dpdk_port *port, const char *device,
	const struct sf_dpdk_settings *settings, struct sf_error *error);

/*
 * Adds the losses since sf_dpdk_port_open(). Must not run at the same time as open, reopen and
 * close.
 */
void sf_dpdk_port_losses(struct sf_dpdk_port *port, struct sf_dpdk_losses *sum);

/* Stops the device, removes it and frees. May be called for a zeroed struct, and twice. */
void sf_dpdk_port_close(struct sf_dpdk_port *port);

#endif
