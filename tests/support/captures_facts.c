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
static const uint8_t data_options[] = { 1, 1, 8, 10, 0, 0, 0, 2, 0, 0, 0, 1, 254, 4, 0xf9, 0x89 };
static const uint8_t bad_options[] = { 1, 1, 1, 1, 30, 9, 0, 0 };

/*
 * A packet for each kind of link, IP version and set of options: values of the headers from the
 * link on.
 */
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

/* One packet of a connection between the client's port and port 443. */
struct segment {
	int ms;
	enum talk_end from;
	uint16_t flags;
	uint32_t sequence, acknowledgement;
	uint16_t payload;
};

static void segments(
	struct trace *trace, uint16_t port, const struct segment *segment, unsigned count)
{
	static struct pb pb;

	for (; count; count--, segment++) {
		const bool client = segment->from == CLIENT;

		pb_start(&pb);
		pb_ethernet(&pb, client ? 1 : 2, client ? 2 : 1);
		pb_ip(&pb, client ? CLIENT4 : SERVER4, client ? SERVER4 : CLIENT4);
		pb_tcp(&pb, client ? port : 443, client ? 443 : port, segment->flags,
			segment->sequence, segment->acknowledgement);
		if (segment->flags & PB_SYN)
			pb_tcp_options(&pb, syn_options, sizeof(syn_options));
		pb_fill(&pb, segment->payload);
		pb_finish(&pb);
		trace_add(trace, TRACE_START + segment->ms * MS, &pb);
	}
}

/*
 * A lossy connection: round trips of 30 ms to the server and 10 ms to the client, a segment
 * repeated after duplicate acknowledgements, one after a timeout, one out of order. Then the same
 * ports with another sequence number while that connection lives, and a SYN that is refused and
 * sent again.
 */
static void tcp_quality(struct cw *cw)
{
	static const struct segment lossy[] = {
		{ 0, CLIENT, PB_SYN, 1000, 0, 0 },
		{ 30, SERVER, PB_SYN | PB_ACK, 5000, 1001, 0 },
		{ 40, CLIENT, PB_ACK, 1001, 5001, 0 },
		{ 41, CLIENT, PB_ACK, 1001, 5001, 100 },
		{ 71, SERVER, PB_ACK, 5001, 1101, 0 },
		{ 80, SERVER, PB_ACK, 5001, 1101, 1000 },
		{ 81, SERVER, PB_ACK, 7001, 1101, 1000 }, /* 6001 was lost */
		{ 82, SERVER, PB_ACK, 8001, 1101, 1000 },
		{ 90, CLIENT, PB_ACK, 1101, 6001, 0 },
		{ 91, CLIENT, PB_ACK, 1101, 6001, 0 },
		{ 92, CLIENT, PB_ACK, 1101, 6001, 0 },
		{ 100, SERVER, PB_ACK, 6001, 1101, 1000 },
		{ 110, CLIENT, PB_ACK, 1101, 9001, 0 },
		{ 200, CLIENT, PB_ACK, 1101, 9001, 50 },
		{ 500, CLIENT, PB_ACK, 1101, 9001, 50 },
		{ 530, SERVER, PB_ACK, 9001, 1151, 0 },
		{ 600, SERVER, PB_ACK, 10001, 1151, 1000 },
		{ 601, SERVER, PB_ACK, 9001, 1151, 1000 },
		{ 620, CLIENT, PB_ACK, 1151, 11001, 0 },
		{ 1000, CLIENT, PB_SYN, 900000, 0, 0 },
		{ 1030, SERVER, PB_SYN | PB_ACK, 700000, 900001, 0 },
		{ 1040, CLIENT, PB_ACK, 900001, 700001, 0 },
	};
	static const struct segment refused[] = {
		{ 2000, CLIENT, PB_SYN, 1000, 0, 0 },
		{ 2030, SERVER, PB_RST | PB_ACK, 0, 1001, 0 },
		{ 2500, CLIENT, PB_SYN, 1000, 0, 0 },
		{ 2530, SERVER, PB_RST | PB_ACK, 0, 1001, 0 },
	};
	struct trace trace = { 0 };

	segments(&trace, 40001, lossy, sizeof(lossy) / sizeof(lossy[0]));
	segments(&trace, 40002, refused, sizeof(refused) / sizeof(refused[0]));
	trace_pcap(&trace, cw, SF_LINK_ETHERNET, 0);
}

const struct capture captures_facts[] = {
	{ "headers.pcap", headers },
	{ "tcp-quality.pcap", tcp_quality },
	{ NULL, NULL },
};
