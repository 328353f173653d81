/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BPF filter expressions ("tcp port 80", see pcap-filter(7)), compiled by libpcap for each link
 * type that turns up, run over the captured bytes in user space.
 *
 *	struct sf_filter *filter;
 *
 *	if (sf_filter_new(&filter, "host 192.0.2.1", &error) < 0) …
 *	if (sf_filter_match(filter, &packet)) …
 *	if (sf_filter_warning(filter)) …
 *	sf_filter_free(filter);
 *
 * As everywhere with libpcap, an expression without `vlan` looks at untagged frames only:
 * "tcp port 80" does not match a tagged frame, "tcp port 80 or (vlan and tcp port 80)" does. A tag
 * that the driver delivers beside the bytes (SF_PACKET_VLAN) is put back for the comparison, so a
 * live interface and its capture file give the same packets.
 */
#ifndef SPANFLOW_FILTER_FILTER_H
#define SPANFLOW_FILTER_FILTER_H

#include <stdbool.h>

#include <spanflow/error.h>
#include <spanflow/packet.h>

struct sf_filter;

/*
 * Compiles for Ethernet, which finds errors in the expression: SF_EUSAGE with libpcap's words.
 * SF_EUNSUPPORTED when this build has no libpcap. An object is used by one thread at a time;
 * each worker has its own.
 */
int sf_filter_new(struct sf_filter **filter, const char *expression, struct sf_error *error);
void sf_filter_free(struct sf_filter *filter);

/*
 * Does the packet pass? The first packet of a link type compiles for it (no other call allocates).
 * Packets of a link type the expression cannot be compiled for do not pass.
 */
bool sf_filter_match(struct sf_filter *filter, const struct sf_packet *packet);

/* The first link type the expression could not be compiled for, in words; NULL: none. */
const char *sf_filter_warning(const struct sf_filter *filter);

#endif
