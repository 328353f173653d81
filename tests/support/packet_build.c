/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See packet_build.h. A frame is one buffer; `layers` remembers where a length or a checksum is
 * to be filled in once the end is known, `next_at` where the last layer names its successor.
 */
#include "packet_build.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"

/* ------------------------------------------------------------------------ buffer */

static uint8_t *grow(struct pb *pb, size_t length)
{
	uint8_t *p = pb->data + pb->length;

	if (PB_MAX - pb->length < length) {
		fprintf(stderr, "packet_build: frame longer than %d octets\n", PB_MAX);
		abort();
	}
	pb->length += length;
	memset(p, 0, length);
	return p;
}

static void remember(struct pb *pb, enum pb_kind kind)
{
	if (pb->layer_count == PB_LAYERS_MAX) {
		fprintf(stderr, "packet_build: more than %d layers\n", PB_LAYERS_MAX);
		abort();
	}
	pb->layers[pb->layer_count++] = (struct pb_layer){ kind, pb->length };
}

/* The last layer names its successor at `at`, in that way. */
static void expect(struct pb *pb, enum pb_next next, size_t at)
{
	pb->next = next;
	pb->next_at = at;
}

/* A layer begins: tells the one before, by the number that one wants. */
static void announce(
	struct pb *pb, uint16_t ethertype, uint16_t ppp, uint8_t protocol, uint8_t nlpid)
{
	uint8_t *at = pb->data + pb->next_at;

	switch (pb->next) {
	case PB_NEXT_NONE:
		break;
	case PB_NEXT_ETHERTYPE:
		sf_store_be16(at, ethertype);
		break;
	case PB_NEXT_PPP:
		sf_store_be16(at, ppp);
		break;
	case PB_NEXT_PROTOCOL:
		*at = protocol;
		break;
	case PB_NEXT_NLPID:
		*at = nlpid;
		break;
	}
	pb->next = PB_NEXT_NONE;
}

void pb_start(struct pb *pb)
{
	pb->length = 0;
	pb->layer_count = 0;
	pb->next = PB_NEXT_NONE;
}

void pb_pad(struct pb *pb, size_t length)
{
	if (pb->length < length)
		grow(pb, length - pb->length);
}

void pb_bytes(struct pb *pb, const void *bytes, size_t length)
{
	if (length)
		memcpy(grow(pb, length), bytes, length);
}

void pb_fill(struct pb *pb, size_t length)
{
	uint8_t *p = grow(pb, length);

	for (size_t i = 0; i < length; i++)
		p[i] = (uint8_t)('a' + i % 26);
}

void pb_be16(struct pb *pb, uint16_t value)
{
	sf_store_be16(grow(pb, 2), value);
}

void pb_be32(struct pb *pb, uint32_t value)
{
	sf_store_be32(grow(pb, 4), value);
}

/* -------------------------------------------------------------------- link layer */

void pb_mac(struct pb *pb, uint32_t station)
{
	uint8_t *p = grow(pb, 6);

	p[0] = 0x02;
	sf_store_be32(p + 2, station);
}

void pb_ethernet(struct pb *pb, uint32_t source, uint32_t destination)
{
	announce(pb, 0x6558, 0x0031, 0, 0);
	pb_mac(pb, destination);
	pb_mac(pb, source);
	expect(pb, PB_NEXT_ETHERTYPE, pb->length);
	grow(pb, 2);
}

void pb_vlan(struct pb *pb, uint16_t tag_type, uint16_t tci)
{
	announce(pb, tag_type, 0, 0, 0);
	pb_be16(pb, tci);
	expect(pb, PB_NEXT_ETHERTYPE, pb->length);
	grow(pb, 2);
}

void pb_shim_frame(struct pb *pb, uint16_t type, const void *bytes, size_t length)
{
	announce(pb, type, 0, 0, 0);
	pb_bytes(pb, bytes, length);
	pb->next = PB_NEXT_NONE;
}

void pb_shim(struct pb *pb, uint16_t type, const void *bytes, size_t length)
{
	pb_shim_frame(pb, type, bytes, length);
	expect(pb, PB_NEXT_ETHERTYPE, pb->length);
	grow(pb, 2);
}

static void snap(struct pb *pb, const uint8_t *bytes, size_t length)
{
	if (pb->next == PB_NEXT_ETHERTYPE)
		remember(pb, PB_KIND_LLC_LENGTH);
	pb->next = PB_NEXT_NONE;
	pb_bytes(pb, bytes, length);
}

void pb_llc_snap(struct pb *pb)
{
	snap(pb, (const uint8_t[]){ 0xaa, 0xaa, 3, 0, 0, 0, 0, 0 }, 8);
	expect(pb, PB_NEXT_ETHERTYPE, pb->length - 2);
}

void pb_llc_bridged(struct pb *pb)
{
	snap(pb, (const uint8_t[]){ 0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 7, 0, 0 }, 10);
}

void pb_mpls(struct pb *pb, uint32_t label, uint8_t traffic_class, bool bottom, uint8_t ttl)
{
	announce(pb, 0x8847, 0x0281, 137, 0);
	pb_be32(pb, label << 12 | (uint32_t)traffic_class << 9 | (uint32_t)bottom << 8 | ttl);
}

void pb_pppoe(struct pb *pb, uint16_t session)
{
	uint8_t *p;

	announce(pb, 0x8864, 0, 0, 0);
	remember(pb, PB_KIND_PPPOE);
	p = grow(pb, 8);
	p[0] = 0x11;
	sf_store_be16(p + 2, session);
	expect(pb, PB_NEXT_PPP, pb->length - 2);
}

void pb_ppp(struct pb *pb)
{
	pb_bytes(pb, (const uint8_t[]){ 0xff, 0x03, 0, 0 }, 4);
	expect(pb, PB_NEXT_PPP, pb->length - 2);
}

void pb_link(struct pb *pb, const void *bytes, size_t length)
{
	pb_bytes(pb, bytes, length);
	expect(pb, PB_NEXT_ETHERTYPE, pb->length - 2);
}

void pb_link_nlpid(struct pb *pb, const void *bytes, size_t length)
{
	pb_bytes(pb, bytes, length);
	expect(pb, PB_NEXT_NLPID, pb->length - 1);
}

/* ---------------------------------------------------------------------------- IP */

void pb_address(struct pb_ip *ip, const char *source, const char *destination)
{
	int family = strchr(source, ':') ? AF_INET6 : AF_INET;

	memset(ip, 0, sizeof(*ip));
	ip->version = family == AF_INET6 ? 6 : 4;
	ip->ttl = 64;
	if (inet_pton(family, source, ip->address[0]) != 1 ||
		inet_pton(family, destination, ip->address[1]) != 1) {
		fprintf(stderr, "packet_build: bad address %s or %s\n", source, destination);
		abort();
	}
}

void pb_ip(struct pb *pb, const char *source, const char *destination)
{
	struct pb_ip ip;

	pb_address(&ip, source, destination);
	pb_ip_header(pb, &ip);
}

static void ipv4_header(struct pb *pb, const struct pb_ip *ip)
{
	uint8_t *p;

	announce(pb, 0x0800, 0x0021, 4, 0xcc);
	remember(pb, PB_KIND_IPV4);
	p = grow(pb, 20);
	p[0] = (uint8_t)(0x45 + ip->options_length / 4);
	p[1] = ip->tos;
	sf_store_be16(p + 4, ip->id);
	sf_store_be16(p + 6, ip->fragment);
	p[8] = ip->ttl;
	memcpy(p + 12, ip->address[0], 4);
	memcpy(p + 16, ip->address[1], 4);
	expect(pb, PB_NEXT_PROTOCOL, pb->length - 20 + 9);
	pb_bytes(pb, ip->options, ip->options_length);
}

static void ipv6_header(struct pb *pb, const struct pb_ip *ip)
{
	uint8_t *p;

	announce(pb, 0x86dd, 0x0057, 41, 0x8e);
	remember(pb, PB_KIND_IPV6);
	p = grow(pb, 40);
	sf_store_be32(p, 6u << 28 | (uint32_t)ip->tos << 20 | ip->flow_label);
	p[6] = 59; /* no next header, until one comes */
	p[7] = ip->ttl;
	memcpy(p + 8, ip->address[0], 16);
	memcpy(p + 24, ip->address[1], 16);
	expect(pb, PB_NEXT_PROTOCOL, pb->length - 40 + 6);
}

void pb_ip_header(struct pb *pb, const struct pb_ip *ip)
{
	if (ip->version == 4)
		ipv4_header(pb, ip);
	else
		ipv6_header(pb, ip);
}

void pb_protocol(struct pb *pb, uint8_t protocol)
{
	announce(pb, 0, 0, protocol, 0);
}

void pb_extension(struct pb *pb, uint8_t type, const void *bytes, size_t length)
{
	size_t at = pb->length;

	pb_protocol(pb, type);
	grow(pb, 2)[0] = 59;
	pb->data[at + 1] = (uint8_t)((length + 2) / 8 - 1);
	pb_bytes(pb, bytes, length);
	expect(pb, PB_NEXT_PROTOCOL, at);
}

void pb_fragment6(struct pb *pb, uint16_t offset, bool more, uint32_t id)
{
	uint8_t *p;

	pb_protocol(pb, 44);
	p = grow(pb, 8);
	sf_store_be16(p + 2, (uint16_t)(offset << 3 | more));
	sf_store_be32(p + 4, id);
	expect(pb, PB_NEXT_PROTOCOL, pb->length - 8);
}

void pb_authentication(struct pb *pb, uint32_t spi, uint32_t sequence)
{
	uint8_t *p;

	pb_protocol(pb, 51);
	p = grow(pb, 24);
	p[1] = 4;
	sf_store_be32(p + 4, spi);
	sf_store_be32(p + 8, sequence);
	memset(p + 12, 0xa5, 12);
	expect(pb, PB_NEXT_PROTOCOL, pb->length - 24);
}

/* --------------------------------------------------------------------- transport */

static uint8_t *transport(struct pb *pb, enum pb_kind kind, uint8_t protocol, size_t header)
{
	pb_protocol(pb, protocol);
	remember(pb, kind);
	return grow(pb, header);
}

static uint8_t *with_ports(uint8_t *p, uint16_t source, uint16_t destination)
{
	sf_store_be16(p, source);
	sf_store_be16(p + 2, destination);
	return p;
}

void pb_tcp(struct pb *pb, uint16_t source, uint16_t destination, uint16_t flags, uint32_t sequence,
	uint32_t acknowledgement)
{
	uint8_t *p = with_ports(transport(pb, PB_KIND_TCP, 6, 20), source, destination);

	sf_store_be32(p + 4, sequence);
	sf_store_be32(p + 8, acknowledgement);
	sf_store_be16(p + 12, (uint16_t)(0x5000 | flags));
	sf_store_be16(p + 14, 64240);
}

void pb_tcp_options(struct pb *pb, const void *options, size_t length)
{
	uint8_t *p = pb->data + pb->layers[pb->layer_count - 1].at;

	assert(pb->layers[pb->layer_count - 1].kind == PB_KIND_TCP && length % 4 == 0);
	p[12] = (uint8_t)(p[12] + length / 4 * 0x10);
	pb_bytes(pb, options, length);
}

void pb_udp(struct pb *pb, uint16_t source, uint16_t destination)
{
	with_ports(transport(pb, PB_KIND_UDP, 17, 8), source, destination);
}

void pb_udplite(struct pb *pb, uint16_t source, uint16_t destination)
{
	with_ports(transport(pb, PB_KIND_UDPLITE, 136, 8), source, destination);
}

void pb_sctp(struct pb *pb, uint16_t source, uint16_t destination, uint32_t tag)
{
	uint8_t *p = with_ports(transport(pb, PB_KIND_SCTP, 132, 12), source, destination);

	sf_store_be32(p + 4, tag);
}

/* RFC 4340 §5.1: the long header, four 32-bit words. */
void pb_dccp(struct pb *pb, uint16_t source, uint16_t destination, uint8_t type)
{
	uint8_t *p = with_ports(transport(pb, PB_KIND_DCCP, 33, 16), source, destination);

	p[4] = 4;
	p[8] = (uint8_t)(type << 1 | 1);
}

void pb_icmp(struct pb *pb, uint8_t type, uint8_t code, uint32_t rest)
{
	bool v6 = pb->layers[pb->layer_count - 1].kind == PB_KIND_IPV6;
	uint8_t *p = transport(pb, v6 ? PB_KIND_ICMPV6 : PB_KIND_ICMP, v6 ? 58 : 1, 8);

	p[0] = type;
	p[1] = code;
	sf_store_be32(p + 4, rest);
}

void pb_igmp(struct pb *pb, uint8_t type, uint32_t group)
{
	uint8_t *p = transport(pb, PB_KIND_ICMP, 2, 8);

	p[0] = type;
	sf_store_be32(p + 4, group);
}

/* RFC 2328 §A.3.1, A.3.2: a hello without neighbours. */
void pb_ospf_hello(struct pb *pb, uint32_t router)
{
	uint8_t *p = transport(pb, PB_KIND_OSPF, 89, 44);

	p[0] = 2;
	p[1] = 1;
	sf_store_be16(p + 2, 44);
	sf_store_be32(p + 4, router);
	sf_store_be32(p + 24, 0xffffff00);
	sf_store_be16(p + 28, 10);
	sf_store_be32(p + 32, 40);
}

void pb_gre(struct pb *pb)
{
	pb_protocol(pb, 47);
	grow(pb, 4);
	expect(pb, PB_NEXT_ETHERTYPE, pb->length - 2);
}

/* --------------------------------------------------------- lengths and checksums */

/* RFC 1071, unfolded so that sums can be added. */
static uint64_t sum(const uint8_t *p, size_t length)
{
	uint64_t total = 0;

	for (; length >= 2; p += 2, length -= 2)
		total += sf_load_be16(p);
	return length ? total + (uint64_t)(*p << 8) : total;
}

static uint16_t fold(uint64_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)~total;
}

/* RFC 9260 §6.8 and appendix A: CRC32c, reflected. */
static uint32_t crc32c(const uint8_t *p, size_t length)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < length; i++) {
		crc ^= p[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* Of the IP header that layer `index` lies in. */
static uint64_t pseudo_header(const struct pb *pb, unsigned index, uint8_t protocol, size_t length)
{
	while (index-- > 0) {
		const uint8_t *ip = pb->data + pb->layers[index].at;

		if (pb->layers[index].kind == PB_KIND_IPV4)
			return sum(ip + 12, 8) + protocol + length;
		if (pb->layers[index].kind == PB_KIND_IPV6)
			return sum(ip + 8, 32) + protocol + length;
	}
	return 0;
}

static void checksum_at(struct pb *pb, unsigned index, size_t offset, uint8_t protocol)
{
	uint8_t *p = pb->data + pb->layers[index].at;
	size_t length = pb->length - pb->layers[index].at;
	uint64_t total = sum(p, length);
	uint16_t value;

	if (protocol)
		total += pseudo_header(pb, index, protocol, length);
	value = fold(total);
	/* RFC 768: 0 says that there is none */
	sf_store_be16(p + offset, protocol == 17 && value == 0 ? 0xffff : value);
}

static void finish_layer(struct pb *pb, unsigned index)
{
	uint8_t *p = pb->data + pb->layers[index].at;
	size_t length = pb->length - pb->layers[index].at;
	uint32_t crc;

	switch (pb->layers[index].kind) {
	case PB_KIND_PPPOE:
		sf_store_be16(p + 4, (uint16_t)(length - 6));
		break;
	case PB_KIND_LLC_LENGTH:
		sf_store_be16(p - 2, (uint16_t)length);
		break;
	case PB_KIND_IPV4:
		sf_store_be16(p + 2, (uint16_t)length);
		sf_store_be16(p + 10, fold(sum(p, (p[0] & 15u) * 4)));
		break;
	case PB_KIND_IPV6:
		sf_store_be16(p + 4, length - 40 > UINT16_MAX ? 0 : (uint16_t)(length - 40));
		break;
	case PB_KIND_TCP:
		checksum_at(pb, index, 16, 6);
		break;
	case PB_KIND_UDP:
		/* RFC 2675 §4: 0 in a jumbogram */
		sf_store_be16(p + 4, length > UINT16_MAX ? 0 : (uint16_t)length);
		checksum_at(pb, index, 6, 17);
		break;
	case PB_KIND_UDPLITE: /* coverage 0: all of it (RFC 3828 §3.1) */
		checksum_at(pb, index, 6, 136);
		break;
	case PB_KIND_DCCP:
		checksum_at(pb, index, 6, 33);
		break;
	case PB_KIND_SCTP:
		crc = htole32(crc32c(p, length));
		memcpy(p + 8, &crc, sizeof(crc));
		break;
	case PB_KIND_ICMP:
		checksum_at(pb, index, 2, 0);
		break;
	case PB_KIND_ICMPV6:
		checksum_at(pb, index, 2, 58);
		break;
	case PB_KIND_OSPF:
		checksum_at(pb, index, 12, 0);
		break;
	}
}

void pb_finish(struct pb *pb)
{
	while (pb->layer_count > 0) {
		pb->layer_count--;
		finish_layer(pb, pb->layer_count);
	}
}
