/* SPDX-License-Identifier: BSD-2-Clause */
/* Captures about facts that are gathered on request. */
#include <stddef.h>
#include <string.h>

#include <spanflow/packet.h>

#include "captures.h"
#include "trace.h"

#define CLIENT4 "192.0.2.10"
#define SERVER4 "198.51.100.80"
#define CLIENT6 "2001:db8:1::10"
#define SERVER6 "2001:db8:2::80"

/* What stands between the Ethernet header and IP. */
enum link { PLAIN, TAGGED, DOUBLE_TAGGED, PRIORITY, LABELS, MANY_LABELS, LINKS };

static void link_headers(struct pb *pb, enum link link)
{
	const unsigned labels = link == LABELS ? 3 : link == MANY_LABELS ? 12 : 0;

	pb_ethernet(pb, 1, 2);
	if (link == TAGGED)
		pb_vlan(pb, 0x8100, 5 << 13 | 100);
	if (link == DOUBLE_TAGGED)
		pb_vlan(pb, 0x88a8, 6 << 13 | 200);
	if (link == DOUBLE_TAGGED)
		pb_vlan(pb, 0x8100, 3 << 13 | 30);
	if (link == PRIORITY) /* no VLAN id */
		pb_vlan(pb, 0x8100, 7 << 13);
	for (unsigned i = 0; i < labels; i++)
		pb_mpls(pb, 1000 + i, (uint8_t)(i & 7), i + 1 == labels, 64);
}

/* Options of a SYN, of a later packet, and one whose length goes beyond the header. */
static const uint8_t syn_options[] = { 2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3,
	3, 7 };
static const uint8_t data_options[] = { 1, 1, 8, 10, 0, 0, 0, 2, 0, 0, 0, 1, 254, 4, 0x12, 0x34 };
static const uint8_t bad_options[] = { 1, 1, 1, 1, 30, 9, 0, 0 };

/* A packet for each kind of link, IP version and set of options: values of the headers from the link on. */
static void headers(struct cw *cw)
{
	static struct pb pb;
	struct trace trace = { 0 };
	struct pb_ip ip = { .ttl = 64 };
	int64_t time = TRACE_START;

	for (unsigned link = PLAIN; link < LINKS; link++)
		for (unsigned n = 0; n < 6; n++, time += MS) {
			pb_start(&pb);
			link_headers(&pb, (enum link)link);
			pb_address(&ip, n % 2 ? CLIENT6 : CLIENT4, n % 2 ? SERVER6 : SERVER4);
			ip.id = (uint16_t)(100 + n);
			ip.fragment = n < 4 ? 0x4000 : 0;
			pb_ip_header(&pb, &ip);
			if (n == 3)
				pb_extension(&pb, 60, "\1\4\0\0\0\0", 6);
			pb_tcp(&pb, (uint16_t)(40000 + link), 80, n < 2 ? PB_SYN : PB_ACK, 1000, 0);
			if (n < 2)
				pb_tcp_options(&pb, syn_options, sizeof(syn_options));
			else if (n < 4)
				pb_tcp_options(&pb, data_options, sizeof(data_options));
			else
				pb_tcp_options(&pb, bad_options, sizeof(bad_options));
			pb_fill(&pb, n < 2 ? 0 : 10 * n);
			pb_finish(&pb);
			trace_add(&trace, time, &pb);
		}
	trace_pcap(&trace, cw, SF_LINK_ETHERNET, 0);
}

const struct capture captures_facts[] = {
	{ "headers.pcap", headers },
	{ NULL, NULL },
};
