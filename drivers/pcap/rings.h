/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parts of the libpcap driver: settings of rings (settings.c), a kernel ring (socket.c), and
 * steering among several (steer.c).
 */
#ifndef SPANFLOW_DRIVERS_PCAP_RINGS_H
#define SPANFLOW_DRIVERS_PCAP_RINGS_H

#include <linux/filter.h>
#include <pcap/pcap.h>

#include <spanflow/capture.h>

#include "base/port.h"

/* Settings that all rings of a source have. */
struct sf_pcap_settings {
	uint32_t snaplen;
	uint32_t ring_bytes;
	int block_ms;
	unsigned wait_ms;
	bool immediate, promiscuous, hardware_time;
	enum sf_direction direction;
	uint32_t steer_key[4];
	/* final filter: cuts to the snap length, may hold the expression */
	struct sock_fprog program;
	bool filtered; /* `program` holds the filter expression */
};

#define SF_PCAP_WAIT_MS 100 /* default of wait_ms */

/*
 * Takes the settings from the options of a source; `any`: one of its interfaces is "any". 0,
 * SF_EUSAGE or -errno.
 */
int sf_pcap_settings_init(struct sf_pcap_settings *settings,
	const struct sf_capture_options *options, bool any, struct sf_error *error);

/*
 * Opens the ring of one queue of an interface, which may be "any". Its filter refuses every packet
 * until sf_pcap_socket_start(). The text of an error says what to do.
 */
int sf_pcap_socket_open(pcap_t **handle, const char *name, const struct sf_pcap_settings *settings,
	struct sf_error *error);

/*
 * Adds `handle` to the fanout group *group. If that is -1, makes a group, steered by the address
 * pair.
 */
int sf_pcap_socket_join(
	pcap_t *handle, int *group, const uint32_t *steer_key, struct sf_error *error);

/*
 * Discards packets that arrived before the refusing filter was set, then sets the final filter.
 * Returns 0; or 1 if the kernel has no room for settings->program: then every packet comes in, cut
 * to the snap length.
 */
int sf_pcap_socket_start(
	pcap_t *handle, const struct sf_pcap_settings *settings, struct sf_error *error);

/*
 * Binds the ring to an interface that came back with another index. Needs no privilege; does not
 * work in a fanout group. 0 or -errno.
 */
int sf_pcap_socket_rebind(pcap_t *handle, const struct sf_netdev *netdev, bool promiscuous);

/*
 * Makes settings->program from `expression` (NULL: none), compiled for Ethernet. It accepts every
 * frame whose VLAN tag the kernel keeps beside the bytes, because the expression could be wrong
 * about such a frame; user space applies the expression again to the whole frame. An expression
 * that is too long for any kernel is left out, and settings->filtered is false. The caller frees
 * settings->program.filter. SF_EUSAGE: libpcap's message about the expression.
 */
int sf_pcap_program(
	struct sf_pcap_settings *settings, const char *expression, struct sf_error *error);

/* The LINKTYPE_ number of a DLT_ number; a few differ. */
uint16_t sf_pcap_link_type(int dlt);

/* See sf_capture_ops.probe. */
int sf_pcap_probe(struct sf_error *error);

#endif
