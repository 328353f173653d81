/* SPDX-License-Identifier: BSD-2-Clause */
/* Captures about IP and what is above it, all on plain Ethernet. */
#include <stddef.h>
#include <string.h>

#include <spanflow/packet.h>

#include "base/wire.h"
#include "captures.h"
#include "trace.h"

#define CLIENT4 "192.0.2.10"
#define SERVER4 "198.51.100.80"
#define CLIENT6 "2001:db8:1::10"
#define SERVER6 "2001:db8:2::80"

static struct talk talk4(struct trace *trace, uint16_t client_port, uint16_t server_port)
{
	return (struct talk){
		.trace = trace,
		.address = { CLIENT4, SERVER4 },
		.port = { client_port, server_port },
		.time = TRACE_START,
		.sequence = { 1000, 5000 },
	};
}

static struct talk talk6(struct trace *trace, uint16_t client_port, uint16_t server_port)
{
	struct talk talk = talk4(trace, client_port, server_port);

	talk.address[CLIENT] = CLIENT6;
	talk.address[SERVER] = SERVER6;
	return talk;
}

static void ethernet(struct trace *trace, struct cw *cw)
{
	trace_pcap(trace, cw, SF_LINK_ETHERNET, 0);
}

/* ---------------------------------------------------------------------------- TCP */

static void tcp_session(struct cw *cw)
{
	struct trace trace = { 0 };
	struct talk a = talk4(&trace, 40001, 80), b = talk6(&trace, 40002, 80);

	b.time += 3 * MS;
	for (unsigned i = 0; i < 2; i++) {
		struct talk *talk = i ? &b : &a;

		talk_tcp_open(talk);
		talk_web(talk, "/", 3);
		talk_tcp_close(talk);
	}
	ethernet(&trace, cw);
}

/* Resets, port reuse inside the linger, half-open scans, an answer seen first. */
static void tcp_ends(struct cw *cw)
{
	struct trace trace = { 0 };
	struct talk talk = talk4(&trace, 40001, 443);

	talk_tcp_open(&talk);
	talk_tcp(&talk, CLIENT, PB_PSH | PB_ACK, 100);
	talk_tcp(&talk, SERVER, PB_RST | PB_ACK, 0);
	talk_tcp(&talk, SERVER, PB_RST, 0); /* a straggler */
	talk = talk4(&trace, 40002, 443);   /* the same ports again, 100 ms after the end */
	talk.time += 1 * SECOND;
	talk_tcp_open(&talk);
	talk_tcp_close(&talk);
	talk_tcp(&talk, SERVER, PB_FIN | PB_ACK, 0); /* retransmission within the linger */
	talk.time += 100 * MS;
	talk_tcp_open(&talk);
	talk_tcp(&talk, SERVER, PB_ACK, 200);
	talk_tcp_close(&talk);
	for (uint16_t port = 20; port < 26; port++) { /* a scan: closed, closed, filtered … */
		talk = talk4(&trace, 50000, port);
		talk.time += 3 * SECOND + port * MS;
		talk_tcp(&talk, CLIENT, PB_SYN, 0);
		if (port % 3)
			talk_tcp(&talk, SERVER, PB_RST | PB_ACK, 0);
	}
	talk = talk4(&trace, 40003, 22); /* the capture began after the SYN */
	talk.time += 5 * SECOND;
	talk_tcp(&talk, SERVER, PB_SYN | PB_ACK, 0);
	talk_tcp(&talk, CLIENT, PB_ACK, 0);
	talk_tcp(&talk, SERVER, PB_PSH | PB_ACK, 41);
	ethernet(&trace, cw);
}

/* ---------------------------------------------------------------- datagrams, ICMP */

static void udp_dns(struct cw *cw)
{
	static const char *const names[] = { "www.example.com", "mail.example.org", "a.example" };
	struct trace trace = { 0 };

	for (uint16_t i = 0; i < 3; i++) {
		struct talk talk = talk4(&trace, 50000 + i, 53);

		talk.time += i * SECOND;
		talk_dns(&talk, names[i], 100 + i);
		talk = talk6(&trace, 51000 + i, 53);
		talk.time += i * SECOND + 30 * MS;
		talk_dns(&talk, names[i], 200 + i);
	}
	ethernet(&trace, cw);
}

/* An error about a UDP packet to a closed port, which it quotes. */
static void icmp_error(struct talk *talk, uint8_t type, uint8_t code)
{
	struct trace_packet *cause;
	struct pb *pb;
	uint8_t quoted[128];
	uint32_t length;

	talk_udp(talk, CLIENT, 20);
	cause = &talk->trace->packets[talk->trace->count - 1];
	length = cause->captured - 14;
	memcpy(quoted, cause->data + 14, length);
	pb = talk_begin(talk, SERVER);
	pb_icmp(pb, type, code, 0);
	pb_bytes(pb, quoted, length);
	talk_send(talk, pb);
}

static void icmp(struct cw *cw)
{
	struct trace trace = { 0 };
	struct talk talk = talk4(&trace, 33434, 33435);

	talk_ping(&talk, 4, SECOND);
	icmp_error(&talk, 3, 3);                      /* port unreachable */
	icmp_error(&talk, 11, 0);                     /* time exceeded */
	talk_icmp(&talk, CLIENT, 13, 0, 1 << 16, 12); /* timestamp and its reply */
	talk_icmp(&talk, SERVER, 14, 0, 1 << 16, 12);
	talk = talk6(&trace, 33434, 33435);
	talk.time += 500 * MS;
	talk_ping(&talk, 4, SECOND);
	icmp_error(&talk, 1, 4);
	talk_icmp(&talk, SERVER, 2, 0, 1280, 48); /* packet too big */
	talk_icmp(&talk, CLIENT, 135, 0, 0, 16);  /* neighbour discovery */
	talk_icmp(&talk, SERVER, 136, 0, 0x60000000, 16);
	talk_icmp(&talk, SERVER, 134, 0, 0x40000708, 8);
	ethernet(&trace, cw);
}

static void send_protocol(struct trace *trace, int64_t time, uint8_t protocol, bool v6)
{
	struct talk talk = v6 ? talk6(trace, 1000, 2000) : talk4(trace, 1000, 2000);

	talk.time = time;
	for (enum talk_end from = CLIENT; from <= SERVER; from++) {
		struct pb *pb = talk_begin(&talk, from);
		uint16_t source = talk.port[from], destination = talk.port[!from];

		switch (protocol) {
		case 2:
			pb_igmp(pb, 0x16, 0xe00000fb);
			break;
		case 33:
			pb_dccp(pb, source, destination, from == CLIENT ? 0 : 1);
			pb_fill(pb, 4);
			break;
		case 47:
			pb_gre(pb);
			pb_ip(pb, "10.0.0.1", "10.0.0.2");
			pb_udp(pb, 5000, 5001);
			pb_fill(pb, 30);
			break;
		case 51:
			pb_authentication(pb, 0x1001, 1);
			pb_udp(pb, source, destination);
			pb_fill(pb, 20);
			break;
		case 89:
			pb_ospf_hello(pb, 0x0a000001);
			break;
		case 132:
			pb_sctp(pb, source, destination, 0x1234abcd);
			pb_be32(pb, 0x00030014); /* DATA, whole, 20 octets */
			pb_be32(pb, 1);
			pb_be32(pb, 0);
			pb_be32(pb, 0);
			pb_fill(pb, 4);
			break;
		case 136:
			pb_udplite(pb, source, destination);
			pb_fill(pb, 40);
			break;
		default: /* opaque */
			pb_protocol(pb, protocol);
			pb_fill(pb, 64);
			break;
		}
		talk_send(&talk, pb);
	}
}

static void protocols(struct cw *cw)
{
	/* ESP, EIGRP, PIM, VRRP, L2TPv3 and an unassigned number are opaque here */
	static const uint8_t v4[] = { 2, 33, 46, 47, 50, 51, 88, 89, 103, 112, 115, 132, 136, 200 };
	static const uint8_t v6[] = { 33, 50, 51, 59, 132, 136, 139, 200 };
	struct trace trace = { 0 };
	int64_t time = TRACE_START;

	for (size_t i = 0; i < sizeof(v4); i++, time += 100 * MS)
		send_protocol(&trace, time, v4[i], false);
	for (size_t i = 0; i < sizeof(v6); i++, time += 100 * MS)
		send_protocol(&trace, time, v6[i], true);
	ethernet(&trace, cw);
}

/* ----------------------------------------------------- fragments, extension headers */

/* One UDP datagram of 3000 octets in three fragments, the last one first if `reverse`. */
static void fragments_of(struct trace *trace, bool v6, bool reverse, int64_t time)
{
	static struct pb whole;
	enum { PIECE = 1200 };
	const char *source = v6 ? CLIENT6 : CLIENT4, *destination = v6 ? SERVER6 : SERVER4;
	size_t head = v6 ? 40 : 20;

	pb_start(&whole);
	pb_ip(&whole, source, destination);
	pb_udp(&whole, 4000, reverse ? 4002 : 4001);
	pb_fill(&whole, 2992);
	pb_finish(&whole);
	for (size_t n = 0; n < 3; n++) {
		size_t i = reverse ? 2 - n : n, at = head + i * PIECE;
		size_t length = i == 2 ? whole.length - at : PIECE;
		struct talk talk = { .trace = trace,
			.address = { source, destination },
			.time = time + (int64_t)n * MS };
		static struct pb pb;
		struct pb_ip ip;

		pb_start(&pb);
		pb_ethernet(&pb, 1, 2);
		pb_address(&ip, source, destination);
		ip.id = 777;
		ip.fragment = (uint16_t)(i * PIECE / 8 | (i == 2 ? 0 : 0x2000));
		pb_ip_header(&pb, &ip);
		if (v6)
			pb_fragment6(&pb, (uint16_t)(i * PIECE / 8), i != 2, 777);
		pb_protocol(&pb, 17);
		pb_bytes(&pb, whole.data + at, length);
		talk_send(&talk, &pb);
	}
}

static void fragments(struct cw *cw)
{
	struct trace trace = { 0 };

	fragments_of(&trace, false, false, TRACE_START);
	fragments_of(&trace, true, false, TRACE_START + 100 * MS);
	fragments_of(&trace, false, true, TRACE_START + 200 * MS);
	fragments_of(&trace, true, true, TRACE_START + 300 * MS);
	ethernet(&trace, cw);
}

static void ipv6_extensions(struct cw *cw)
{
	static const uint8_t router_alert[] = { 5, 2, 0, 0, 1, 0 };
	static const uint8_t pad_options[] = { 1, 4, 0, 0, 0, 0 };
	struct trace trace = { 0 };
	struct talk talk = talk6(&trace, 6000, 6001);
	uint8_t routing[22] = { 4, 1 };
	struct pb *pb;

	memcpy(routing + 6, (const uint8_t[]){ 0x20, 1, 0x0d, 0xb8, 0, 9 }, 6);
	for (unsigned which = 0; which < 7; which++) {
		pb = talk_begin(&talk, which % 2 ? SERVER : CLIENT);
		if (which == 0 || which == 4)
			pb_extension(pb, 0, router_alert, sizeof(router_alert));
		if (which == 1 || which == 4)
			pb_extension(pb, 60, pad_options, sizeof(pad_options));
		if (which == 2 || which == 4)
			pb_extension(pb, 43, routing, sizeof(routing));
		if (which == 3 || which == 4)
			pb_fragment6(pb, 0, false, 99); /* atomic */
		if (which == 4 || which == 5)
			pb_authentication(pb, 0x2002, 1);
		for (unsigned i = 0; which == 6 && i < 20; i++)
			pb_extension(pb, 60, pad_options, sizeof(pad_options));
		pb_udp(pb, talk.port[which % 2], talk.port[!(which % 2)]);
		pb_fill(pb, 32);
		talk_send(&talk, pb);
	}
	pb = talk_begin(&talk, CLIENT); /* nothing follows */
	pb_extension(pb, 60, pad_options, sizeof(pad_options));
	talk_send(&talk, pb);
	ethernet(&trace, cw);
}

static void ipv4_options(struct cw *cw)
{
	static const uint8_t options[] = { 7, 7, 4, 0, 0, 0, 0, 0, 0x94, 4, 0, 0 };
	struct trace trace = { 0 };
	struct talk talk = talk4(&trace, 7000, 7001);

	for (size_t length = 4; length <= sizeof(options); length += 4) {
		struct pb *pb = talk_begin(&talk, CLIENT);
		struct pb_ip ip;

		pb_start(pb);
		pb_ethernet(pb, 1, 2);
		pb_address(&ip, CLIENT4, SERVER4);
		ip.options = options + sizeof(options) - length;
		ip.options_length = length;
		pb_ip_header(pb, &ip);
		pb_udp(pb, 7000, 7001);
		pb_fill(pb, 16);
		talk_send(&talk, pb);
	}
	ethernet(&trace, cw);
}

/* ------------------------------------------------------------- lengths and cuts */

/* Short packets in frames of 60 octets: the padding is no IP traffic. */
static void padding(struct cw *cw)
{
	struct trace trace = { 0 };
	struct talk talk = talk4(&trace, 40001, 80);

	talk.pad = 60;
	talk_tcp_open(&talk);
	talk_tcp(&talk, CLIENT, PB_ACK | PB_PSH, 1);
	talk_tcp_close(&talk);
	talk = talk4(&trace, 40002, 9);
	talk.time += SECOND;
	talk.pad = 60;
	talk_udp(&talk, CLIENT, 0);
	talk_udp(&talk, CLIENT, 3);
	talk_icmp(&talk, CLIENT, 8, 0, 1, 0);
	ethernet(&trace, cw);
}

/* Every cut from within the Ethernet header to behind the TCP header. */
static void snaplen(struct cw *cw)
{
	struct trace trace = { 0 };
	struct talk a = talk4(&trace, 40001, 80), b = talk6(&trace, 40001, 80);

	b.time += 5 * MS;
	a.vlan = 12;
	for (uint32_t cut = 10; cut <= 82; cut += 4) {
		trace.snaplen = cut;
		talk_tcp(&a, CLIENT, PB_PSH | PB_ACK, 500);
		talk_tcp(&b, CLIENT, PB_PSH | PB_ACK, 500);
	}
	trace.snaplen = 82;
	ethernet(&trace, cw);
}

/* Segmentation offload: the length field is 0, the frame is longer than 64 KiB or close to it. */
static void offload(struct cw *cw)
{
	struct trace trace = { .snaplen = 96 };
	struct talk a = talk4(&trace, 40001, 80), b = talk6(&trace, 40001, 80);
	static struct pb sent;

	b.time += 5 * MS;
	for (unsigned i = 0; i < 3; i++) {
		struct talk *talk = i == 2 ? &b : &a;
		struct pb *pb = talk_begin(talk, SERVER);
		size_t payload = i == 0 ? 4000 : i == 1 ? 64000 : 70000;

		pb_tcp(pb, 80, 40001, PB_ACK, 5000, 1000);
		pb_fill(pb, payload);
		pb_finish(pb);
		sf_store_be16(pb->data + (talk == &a ? 14 + 2 : 14 + 4), 0);
		sent = *pb;
		talk_tcp(talk, CLIENT, PB_ACK, 0);
		trace_add(&trace, talk->time, &sent);
	}
	ethernet(&trace, cw);
}

/* Frames of 9000 octets, and a jumbogram (RFC 2675), cut at 128 octets. */
static void jumbo(struct cw *cw)
{
	static const uint8_t option[] = { 0xc2, 4, 0, 1, 0x11, 0x78 }; /* 70008 */
	struct trace trace = { .snaplen = 128 };
	struct talk a = talk4(&trace, 40001, 5001), b = talk6(&trace, 40001, 5001);
	struct pb *pb;

	for (unsigned i = 0; i < 4; i++)
		talk_tcp(&a, i == 2 ? SERVER : CLIENT, PB_ACK, i == 2 ? 0 : 8960);
	pb = talk_begin(&b, CLIENT);
	pb_extension(pb, 0, option, sizeof(option));
	pb_udp(pb, 40001, 5001);
	pb_fill(pb, 70000 - 8);
	talk_send(&b, pb);
	ethernet(&trace, cw);
}

/* ------------------------------------------------------------------------- time */

/* Gaps below and above the idle timeout of 15 s, and a flow cut at the active one of 60 s. */
static void timeouts(struct cw *cw)
{
	static const int64_t gaps[] = { 0, 14, 15, 16, 40 };
	struct trace trace = { 0 };
	struct talk talk = talk4(&trace, 5000, 5001);

	for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++) {
		talk.time += gaps[i] * SECOND;
		talk_udp(&talk, CLIENT, 100);
		talk_udp(&talk, SERVER, 50);
	}
	talk = talk4(&trace, 6000, 6001);
	talk.step = 5 * SECOND;
	for (unsigned i = 0; i < 32; i++)
		talk_udp(&talk, i % 3 == 2 ? SERVER : CLIENT, 200);
	ethernet(&trace, cw);
}

/* Packets not in the order of their time, and one with a date far in the future. */
static void time_back(struct cw *cw)
{
	static const int64_t offsets[] = { 0, 2000, 1000, 1500, -500, 3000, 2999, 86400000, 3100,
		3200 };
	struct trace trace = { 0 };
	struct talk talk = talk4(&trace, 5000, 5001);

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		talk.time = TRACE_START + (int64_t)i;
		talk_udp(&talk, i % 4 == 3 ? SERVER : CLIENT, 10 * i);
		trace.packets[i].time_ns = TRACE_START + offsets[i] * MS;
	}
	cw_pcap(cw, SF_LINK_ETHERNET, 262144, 0);
	for (uint32_t i = 0; i < trace.count; i++)
		cw_record(cw, trace.packets[i].time_ns, trace.packets[i].data,
			trace.packets[i].captured, trace.packets[i].wire);
	trace_free(&trace);
}

/* ------------------------------------------------------------ not to be metered */

static void malformed(struct cw *cw)
{
	/* octet of the IP header, value */
	static const struct {
		bool v6;
		uint8_t at, value;
	} changes[] = {
		{ false, 0, 0x65 }, /* version 6 below the ethertype of IPv4 */
		{ false, 0, 0x05 }, /* version 0 */
		{ false, 0, 0x44 }, /* header of 16 octets */
		{ false, 3, 19 },   /* total length below the header's */
		{ false, 0, 0x4f }, /* header of 60 octets, beyond the total length */
		{ true, 0, 0x40 },  /* version 4 below the ethertype of IPv6 */
		{ true, 0, 0xf0 },
	};
	struct trace trace = { 0 };
	struct talk a = talk4(&trace, 5000, 5001), b = talk6(&trace, 5000, 5001);
	struct pb *pb;

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct talk *talk = changes[i].v6 ? &b : &a;
		int64_t time = TRACE_START + (int64_t)i * SECOND;

		pb = talk_begin(talk, CLIENT);
		pb_udp(pb, 5000, 5001);
		pb_fill(pb, 8);
		pb_finish(pb);
		pb->data[14 + 2] = 0;
		pb->data[14 + changes[i].at] = changes[i].value;
		trace_add(&trace, time, pb);
	}
	/* jumbo payload length below 65,536 (RFC 2675 §3) */
	pb = talk_begin(&b, CLIENT);
	pb_extension(pb, 0, (const uint8_t[]){ 0xc2, 4, 0, 0, 0, 24 }, 6);
	pb_udp(pb, 5000, 5001);
	pb_fill(pb, 8);
	pb_finish(pb);
	sf_store_be16(pb->data + 14 + 4, 0);
	trace_add(&trace, TRACE_START + 10 * SECOND, pb);
	a.time = TRACE_START + 11 * SECOND; /* one that is sound, at the end */
	talk_udp(&a, CLIENT, 8);
	ethernet(&trace, cw);
}

static void non_ip(struct cw *cw)
{
	static const struct {
		uint16_t type; /* ethertype or 802.3 length */
		uint8_t length;
		uint8_t bytes[28];
	} frames[] = {
		/* ARP request */
		{ 0x0806, 28,
			{ 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 10, 0, 0, 0, 0, 0, 0,
				192, 0, 2, 1 } },
		/* LLDP: chassis, port, time to live, end */
		{ 0x88cc, 22,
			{ 2, 7, 4, 2, 0, 0, 0, 0, 2, 4, 3, 5, 'e', '1', 6, 2, 0, 120, 0, 0 } },
		/* spanning tree: 802.2, configuration BPDU */
		{ 38, 28, { 0x42, 0x42, 3, 0, 0, 0, 0, 0, 0x80, 0, 2, 0, 0, 0, 0, 1 } },
		/* EAPOL, MAC control pause, PTP, slow protocols, PPPoE discovery */
		{ 0x888e, 4, { 1, 1, 0, 0 } },
		{ 0x8808, 4, { 0, 1, 0xff, 0xff } },
		{ 0x88f7, 20, { 0, 2 } },
		{ 0x8809, 20, { 1, 1 } },
		{ 0x8863, 6, { 0x11, 9 } },
		/* IPX by 802.2, and raw 802.3 */
		{ 28, 20, { 0xe0, 0xe0, 3, 0xff, 0xff } },
		{ 28, 20, { 0xff, 0xff, 0, 0x1c } },
	};
	struct trace trace = { 0 };
	static struct pb pb;

	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		pb_start(&pb);
		pb_mac(&pb, 2);
		pb_mac(&pb, 1);
		pb_be16(&pb, frames[i].type);
		pb_bytes(&pb, frames[i].bytes, frames[i].length);
		pb_pad(&pb, 60);
		trace_add(&trace, TRACE_START + (int64_t)i * 100 * MS, &pb);
	}
	ethernet(&trace, cw);
}

const struct capture captures_ip[] = {
	{ "tcp-session.pcap", tcp_session },
	{ "tcp-ends.pcap", tcp_ends },
	{ "udp-dns.pcap", udp_dns },
	{ "icmp.pcap", icmp },
	{ "protocols.pcap", protocols },
	{ "fragments.pcap", fragments },
	{ "ipv6-extensions.pcap", ipv6_extensions },
	{ "ipv4-options.pcap", ipv4_options },
	{ "padding.pcap", padding },
	{ "snaplen.pcap", snaplen },
	{ "offload.pcap", offload },
	{ "jumbo.pcap", jumbo },
	{ "timeouts.pcap", timeouts },
	{ "time-back.pcap", time_back },
	{ "malformed.pcap", malformed },
	{ "non-ip.pcap", non_ip },
	{ NULL, NULL },
};
