/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF filter expressions ("tcp port 80", see pcap-filter(7)), compiled by libpcap for each link
 * type that occurs, and applied to the captured bytes in user space.
 *
 *	struct sf_filter *filter;
 *
 *	if (sf_filter_new(&filter, "host 192.0.2.1", &error) < 0) …
 *	if (sf_filter_match(filter, &packet)) …
 *	if (sf_filter_warning(filter)) …
 *	sf_filter_free(filter);
 *
 * As everywhere with libpcap, an expression without `vlan` matches untagged frames only: "tcp port
 * 80" does not match a tagged frame, "tcp port 80 or (vlan and tcp port 80)" does. A tag that the
 * driver delivers beside the bytes (SF_PACKET_VLAN) is put back for the comparison, so that a live
 * interface and its capture file give the same packets.
 */
#ifndef SPANFLOW_FILTER_FILTER_H
#define SPANFLOW_FILTER_FILTER_H

#include <stdbool.h>

#include <spanflow/error.h>
#include <spanflow/packet.h>

struct sf_filter;

/*
 * Compiles the expression for Ethernet, to find errors in it: SF_EUSAGE with libpcap's message.
 * SF_EUNSUPPORTED: this build has no libpcap. One thread at a time may use a filter; each worker
 * has its own.
 */
int sf_filter_new(struct sf_filter **filter, const char *expression, struct sf_error *error);
void sf_filter_free(struct sf_filter *filter);

/*
 * True if the packet passes. The first packet of a link type compiles a program (no other call
 * allocates). If the expression cannot be compiled for a link type, its packets do not pass.
 */
bool sf_filter_match(struct sf_filter *filter, const struct sf_packet *packet);

/* Message about the first link type for which the expression could not be compiled; NULL: none. */
const char *sf_filter_warning(const struct sf_filter *filter);

#endif
