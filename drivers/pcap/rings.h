/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of the libpcap driver: one kernel ring (socket.c), steering among several. */
#ifndef SPANFLOW_DRIVERS_PCAP_RINGS_H
#define SPANFLOW_DRIVERS_PCAP_RINGS_H

#include <linux/filter.h>
#include <pcap/pcap.h>

#include <spanflow/capture.h>

#include "base/port.h"

/* What all rings of a source have in common. */
struct sf_pcap_settings {
	uint32_t snaplen;
	uint32_t ring_bytes;
	int block_ms;
	unsigned wait_ms;
	bool immediate, promiscuous, hardware_time;
	enum sf_direction direction;
	uint32_t steer_key[4];
	struct sock_fprog program; /* final filter: snap length and, where possible, expression */
	bool filtered;             /* it has the expression */
};

/*
 * Opens the ring of one queue of an interface ("any" too) behind a filter that refuses every
 * packet. Fails with a text that names the cure.
 */
int sf_pcap_socket_open(pcap_t **handle, const char *name, const struct sf_pcap_settings *settings,
	struct sf_error *error);

/* Joins `handle` to the fanout group *group; -1 makes a new group, steered by address pair. */
int sf_pcap_socket_join(
	pcap_t *handle, int *group, const uint32_t *steer_key, struct sf_error *error);

/*
 * Discards what came in before the refusing filter took hold, then lets packets in. Returns 0; 1
 * when the kernel has no room for settings->program: every packet comes in then, cut all the same.
 */
int sf_pcap_socket_start(
	pcap_t *handle, const struct sf_pcap_settings *settings, struct sf_error *error);

/*
 * Follows an interface that came back under a new index: needs no privilege, but works only
 * outside of a fanout group. 0 or -errno.
 */
int sf_pcap_socket_rebind(pcap_t *handle, const struct sf_netdev *netdev, bool promiscuous);

/*
 * Builds settings->program: `expression` (NULL: none) for Ethernet, accepting every frame whose
 * tag is out of band, so that it never refuses what the same expression accepts on the whole
 * frame. One that is too long for any kernel is left out: see settings->filtered.
 * free(settings->program.filter). SF_EUSAGE with libpcap's message.
 */
int sf_pcap_program(
	struct sf_pcap_settings *settings, const char *expression, struct sf_error *error);

/*
 * The steering program: sf_steer_hash() in classic BPF. Returns its length, <= SF_PCAP_STEER_MAX.
 */
#define SF_PCAP_STEER_MAX 192
unsigned sf_pcap_steer(struct sock_filter *program, const uint32_t *key);

/* LINKTYPE_ value of a DLT_ value: the same but for some. */
uint16_t sf_pcap_link_type(int dlt);

/* See sf_capture_ops.probe. */
int sf_pcap_probe(struct sf_error *error);

#endif
