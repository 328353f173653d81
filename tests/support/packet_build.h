/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames for tests, built layer by layer from the outside in. Each layer writes into the one
 * before it what follows; pb_finish() sets the lengths and checksums, which are all right.
 *
 *	static struct pb pb;
 *
 *	pb_start(&pb);
 *	pb_ethernet(&pb, 1, 2);
 *	pb_vlan(&pb, 0x8100, 7);
 *	pb_ip(&pb, "192.0.2.1", "198.51.100.2");
 *	pb_tcp(&pb, 40000, 80, PB_SYN, 1000, 0);
 *	pb_finish(&pb);
 *	pb_pad(&pb, 60);
 *	… pb.data, pb.length …
 *
 * A frame that gets too long or has too many layers ends the program.
 */
#ifndef TESTS_PACKET_BUILD_H
#define TESTS_PACKET_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PB_MAX        72000
#define PB_LAYERS_MAX 32

/* TCP flags */
#define PB_FIN 0x001
#define PB_SYN 0x002
#define PB_RST 0x004
#define PB_PSH 0x008
#define PB_ACK 0x010
#define PB_URG 0x020
#define PB_ECE 0x040
#define PB_CWR 0x080

/* How the layer before names its successor. */
enum pb_next { PB_NEXT_NONE, PB_NEXT_ETHERTYPE, PB_NEXT_PPP, PB_NEXT_PROTOCOL, PB_NEXT_NLPID };

enum pb_kind {
	PB_KIND_PPPOE,
	PB_KIND_LLC_LENGTH,
	PB_KIND_IPV4,
	PB_KIND_IPV6,
	PB_KIND_TCP,
	PB_KIND_UDP,
	PB_KIND_UDPLITE,
	PB_KIND_DCCP,
	PB_KIND_SCTP,
	PB_KIND_ICMP,   /* the ones whose checksum is over the message alone, at octet 2 */
	PB_KIND_ICMPV6, /* over a pseudo-header too */
	PB_KIND_OSPF,
};

struct pb {
	uint8_t data[PB_MAX];
	size_t length;
	enum pb_next next;
	size_t next_at;
	struct pb_layer {
		enum pb_kind kind;
		size_t at;
	} layers[PB_LAYERS_MAX];
	unsigned layer_count;
};

/* Everything of an IP header that is not computed. IPv4 uses the first four octets. */
struct pb_ip {
	uint8_t version, tos, ttl;
	uint16_t id, fragment;  /* IPv4 only */
	uint32_t flow_label;    /* IPv6 only */
	uint8_t address[2][16]; /* source, destination */
	const uint8_t *options; /* IPv4 only; a multiple of four octets */
	size_t options_length;
};

void pb_start(struct pb *pb);
/* Lengths and checksums, from the inside out. Call it once, before padding. */
void pb_finish(struct pb *pb);
/* Zeroes up to `length` octets in all. */
void pb_pad(struct pb *pb, size_t length);

/* Payload: given octets, and `length` octets of a pattern. */
void pb_bytes(struct pb *pb, const void *bytes, size_t length);
void pb_fill(struct pb *pb, size_t length);
/* `value` in network order */
void pb_be16(struct pb *pb, uint16_t value);
void pb_be32(struct pb *pb, uint32_t value);

/* Link layers. A station is a number: 1 is 02:00:00:00:00:01. */
void pb_mac(struct pb *pb, uint32_t station);
void pb_ethernet(struct pb *pb, uint32_t source, uint32_t destination);
void pb_vlan(struct pb *pb, uint16_t tag_type, uint16_t tci);
/* A header of this Ethernet type in front of another Ethernet type, or of an Ethernet header. */
void pb_shim(struct pb *pb, uint16_t type, const void *bytes, size_t length);
void pb_shim_frame(struct pb *pb, uint16_t type, const void *bytes, size_t length);
void pb_llc_snap(struct pb *pb);    /* RFC 1042; after Ethernet or a tag: 802.3 length */
void pb_llc_bridged(struct pb *pb); /* RFC 2684 §5.2; an Ethernet header follows */
void pb_mpls(struct pb *pb, uint32_t label, uint8_t traffic_class, bool bottom, uint8_t ttl);
void pb_pppoe(struct pb *pb, uint16_t session); /* with the PPP protocol field */
void pb_ppp(struct pb *pb);                     /* address and control, protocol field */
/* `bytes` of a link header whose last two octets are the ethertype of what follows */
void pb_link(struct pb *pb, const void *bytes, size_t length);
/* … whose last octet is its network layer protocol id (Frame Relay) */
void pb_link_nlpid(struct pb *pb, const void *bytes, size_t length);

/* IP. Addresses as text; the version follows from them. */
void pb_address(struct pb_ip *ip, const char *source, const char *destination);
void pb_ip(struct pb *pb, const char *source, const char *destination);
void pb_ip_header(struct pb *pb, const struct pb_ip *ip);
/* An IPv6 extension header: next header, length and `length` octets (8 n + 6). */
void pb_extension(struct pb *pb, uint8_t type, const void *bytes, size_t length);
void pb_fragment6(struct pb *pb, uint16_t offset, bool more, uint32_t id);
/* Authentication header (RFC 4302) with a 12-octet check value. */
void pb_authentication(struct pb *pb, uint32_t spi, uint32_t sequence);
/* What follows has protocol number `protocol`, with no header of its own. */
void pb_protocol(struct pb *pb, uint8_t protocol);

/* Transport; the payload follows. */
void pb_tcp(struct pb *pb, uint16_t source, uint16_t destination, uint16_t flags, uint32_t sequence,
	uint32_t acknowledgement);
/* Right behind pb_tcp(): its options, a multiple of four octets. */
void pb_tcp_options(struct pb *pb, const void *options, size_t length);
void pb_udp(struct pb *pb, uint16_t source, uint16_t destination);
void pb_udplite(struct pb *pb, uint16_t source, uint16_t destination);
void pb_sctp(struct pb *pb, uint16_t source, uint16_t destination, uint32_t tag);
void pb_dccp(struct pb *pb, uint16_t source, uint16_t destination, uint8_t type);
/* ICMP or ICMPv6, by the IP header before it */
void pb_icmp(struct pb *pb, uint8_t type, uint8_t code, uint32_t rest);
void pb_igmp(struct pb *pb, uint8_t type, uint32_t group);
void pb_ospf_hello(struct pb *pb, uint32_t router);
void pb_gre(struct pb *pb); /* RFC 2784; IP follows */

#endif
