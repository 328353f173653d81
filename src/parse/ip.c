/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPv4, IPv6 with its extension headers, and the ports behind them. A packet with a whole fixed IP
 * header is always metered: if headers behind that are cut or wrong, the ports are 0. A length that
 * is larger than the captured bytes counts as the header says.
 */
#include <arpa/inet.h>

#include "base/icmp.h"
#include "parse/walk.h"

enum {
	IPV4_HEADER = 20,
	IPV6_HEADER = 40,
	/* a minimum Ethernet frame, without check sequence, less its header */
	ETHERNET_PAYLOAD_MIN = 46,
	JUMBO_OPTIONS_MAX = 16, /* options looked at for a jumbo payload length */
	FRAGMENT_HEADER = 8,
	FRAGMENT_OFFSET = 0xfff8, /* not 0: a later fragment */
	FRAGMENT_IS = 0xfff9,     /* an offset, or more fragments; neither: an atomic fragment */
};

enum next sf_parse_ip(struct walk *w)
{
	if (walk_left(w) < 1)
		return walk_truncated(w);
	return w->p[0] >> 4 == 6 ? NEXT_IPV6 : NEXT_IPV4;
}

/* Inside a tunnel that only a port number names, a packet is as long as there is room for. */
static bool ip_fits(const struct walk *w, uint32_t octets)
{
	return !w->strict || (uint64_t)walk_offset(w) + octets <= w->claimed;
}

/* Accepts the IP header of `header` bytes at `p`, of a packet of `octets` bytes. */
static void ip_accept(struct walk *w, uint8_t version, uint32_t octets, size_t header)
{
	w->version = version;
	w->facts->l3_offset = (uint16_t)(w->p - w->packet->data);
	w->facts->octets = octets;
	if (octets < walk_left(w))
		w->end = w->p + octets;
	w->p = header < walk_left(w) ? w->p + header : w->end;
}

enum next sf_parse_ipv4(struct walk *w)
{
	const uint8_t *p = w->p;
	uint32_t header, octets;
	uint16_t fragment;

	if (walk_left(w) < 1)
		return walk_truncated(w);
	header = (p[0] & 0x0f) * 4u;
	if (p[0] >> 4 != 4 || header < IPV4_HEADER)
		return walk_ignore(w, SF_IGNORED_malformed);
	if (walk_left(w) < IPV4_HEADER)
		return walk_truncated(w);
	octets = sf_load_be16(p + 2);
	if (octets == 0) /* the network card was to fill it in (segmentation offload) */
		octets = walk_wire_left(w);
	if (octets < header || !ip_fits(w, octets))
		return walk_ignore(w, SF_IGNORED_malformed);
	w->tos = p[1];
	w->ttl = p[8];
	w->protocol.value = p[9];
	w->addresses = p + 12;
	fragment = sf_load_be16(p + 6);
	if (fragment & 0x3fff) { /* more fragments, or an offset */
		w->flags |= SF_FACT_FRAGMENT;
		w->facts->fragment = fragment & 0x3fff;
		w->facts->fragment_id = sf_load_be16(p + 4);
		w->facts->fragment_bytes = octets - header;
	}
	ip_accept(w, 4, octets, header);
	return fragment & 0x1fff ? NEXT_DONE : NEXT_TRANSPORT;
}

/*
 * RFC 2675 §2: the jumbo payload length in the hop-by-hop options right behind the fixed header at
 * `p`; 0 if there is none within the captured bytes.
 */
static uint32_t ipv6_jumbo_length(const struct walk *w)
{
	enum { PAD1 = 0x00, JUMBO = 0xc2 };
	const uint8_t *p = w->p + IPV6_HEADER, *end = w->end;

	if (w->p[6] != PROTOCOL_HOP_BY_HOP || end - p < 8)
		return 0;
	if ((p[1] + 1) * 8 < end - p)
		end = p + (p[1] + 1) * 8;
	p += 2;
	for (unsigned n = 0; n < JUMBO_OPTIONS_MAX && end - p >= 2; n++) {
		if (p[0] == JUMBO && p[1] == 4)
			return end - p < 6 ? 0 : sf_load_be32(p + 2);
		if (p[0] == PAD1)
			p++;
		else if (end - p < 2 + p[1])
			return 0;
		else
			p += 2 + p[1];
	}
	return 0;
}

/*
 * Bytes of an IPv6 packet whose payload length is 0: a jumbogram, a packet before segmentation
 * offload, or one without payload (then Ethernet padding may follow). 0: the packet is malformed. A
 * jumbogram counts no more than the frame's bytes on the wire: its length field has 32 bits, and
 * one forged frame would count as 4 GB.
 */
static uint32_t ipv6_octets_without_length(const struct walk *w)
{
	uint32_t jumbo = ipv6_jumbo_length(w), most = walk_wire_left(w);

	/* RFC 2675 §3: a jumbo payload length of 65,535 or less is an error */
	if (jumbo && jumbo <= UINT16_MAX)
		return 0;
	if (jumbo)
		return jumbo < most - IPV6_HEADER ? jumbo + IPV6_HEADER : most;
	if (w->p[6] == PROTOCOL_NONE || walk_wire_left(w) <= ETHERNET_PAYLOAD_MIN)
		return IPV6_HEADER;
	return walk_wire_left(w);
}

enum next sf_parse_ipv6(struct walk *w)
{
	const uint8_t *p = w->p;
	uint32_t first, octets;

	if (walk_left(w) < 1)
		return walk_truncated(w);
	if (p[0] >> 4 != 6)
		return walk_ignore(w, SF_IGNORED_malformed);
	if (walk_left(w) < IPV6_HEADER)
		return walk_truncated(w);
	first = sf_load_be32(p);
	octets = IPV6_HEADER + sf_load_be16(p + 4);
	if (octets == IPV6_HEADER)
		octets = ipv6_octets_without_length(w);
	if (octets == 0 || !ip_fits(w, octets))
		return walk_ignore(w, SF_IGNORED_malformed);
	w->tos = (uint8_t)(first >> 20);
	w->facts->flow_label = first & 0xfffff;
	w->protocol.value = p[6];
	w->ttl = p[7];
	w->addresses = p + 8;
	ip_accept(w, 6, octets, IPV6_HEADER);
	return NEXT_EXTENSION;
}

/* What the whole fragment header at `p` says of the packet. */
static void store_fragment(struct walk *w, const uint8_t *p)
{
	const uint32_t end = w->facts->l3_offset + w->facts->octets;
	const uint16_t fragment = sf_load_be16(p + 2);

	w->facts->fragment = (uint16_t)(fragment >> 3 | (fragment & 1 ? SF_FRAGMENT_MORE : 0));
	w->facts->fragment_bytes = 0;
	w->facts->fragment_id = sf_load_be32(p + 4);
	/* a jumbogram has no fragments (RFC 2675 §4) */
	if (w->facts->octets <= IPV6_HEADER + UINT16_MAX)
		w->facts->fragment_bytes = end - (uint32_t)(p + FRAGMENT_HEADER - w->packet->data);
}

/*
 * A fragment header that was cut at `p`, or that of a later fragment, behind which come data
 * (RFC 8200 §4.5).
 */
static enum next last_fragment(struct walk *w)
{
	const uint8_t *p = w->p;
	uint16_t fragment;

	if (walk_left(w) < 1)
		return NEXT_DONE;
	w->protocol.value = p[0];
	if (walk_left(w) < 4)
		return NEXT_DONE;
	fragment = sf_load_be16(p + 2);
	if (fragment & FRAGMENT_IS)
		w->flags |= SF_FACT_FRAGMENT;
	w->facts->fragment = (uint16_t)(fragment >> 3 | (fragment & 1 ? SF_FRAGMENT_MORE : 0));
	w->facts->fragment_bytes = 0;
	if (walk_left(w) < FRAGMENT_HEADER)
		return NEXT_DONE;
	store_fragment(w, p);
	w->p += FRAGMENT_HEADER;
	return NEXT_DONE;
}

/*
 * RFC 8200 §4.1: the headers may come in any order. The protocol is the last next-header value
 * that was captured. Mobility, HIP and Shim6 headers carry no other protocol: they are one.
 */
static inline bool is_chained(uint8_t protocol)
{
	return protocol == PROTOCOL_DESTINATION || protocol == PROTOCOL_HOP_BY_HOP ||
	       protocol == PROTOCOL_ROUTING || protocol == PROTOCOL_AH;
}

/*
 * Skips at most `most` headers, each of which names the next one, and returns how many it skipped.
 * Long chains occur, so each header takes few instructions.
 */
static unsigned skip_extensions(struct walk *w, unsigned most)
{
	const uint8_t *p = w->p, *fragment = NULL;
	const size_t left = walk_left(w);
	uint8_t protocol = w->protocol.value;
	uint16_t seen = 0;
	size_t at = 0;
	unsigned n = 0;

	for (; n < most && at + 2 <= left; n++) {
		const uint8_t *header = p + at;

		if (protocol == PROTOCOL_FRAGMENT) {
			uint16_t value;

			if (at + FRAGMENT_HEADER > left)
				break;
			memcpy(&value, header + 2, sizeof(value));
			if (value & htons(FRAGMENT_OFFSET))
				break;
			seen |= value;
			fragment = header;
			at += FRAGMENT_HEADER;
		} else if (protocol == PROTOCOL_DESTINATION || protocol == PROTOCOL_HOP_BY_HOP) {
			at += (header[1] + 1u) * 8;
		} else if (protocol == PROTOCOL_ROUTING) { /* RFC 8754 §2 */
			w->routed |= left - at >= 3 && header[2] == 4;
			at += (header[1] + 1u) * 8;
		} else if (protocol == PROTOCOL_AH) { /* RFC 4302 §2.2: four-byte units less two */
			at += (header[1] + 2u) * 4;
		} else {
			break;
		}
		protocol = header[0];
	}
	if (fragment)
		store_fragment(w, fragment);
	if (seen & htons(FRAGMENT_IS))
		w->flags |= SF_FACT_FRAGMENT;
	w->p += at < left ? at : left;
	w->protocol.value = protocol;
	return n;
}

enum next sf_parse_extension(struct walk *w)
{
	const unsigned price = w->depth ? SF_WALK_OF_EXTENSION_INSIDE : SF_WALK_OF_EXTENSION;
	const unsigned left = w->steps < SF_WALK_STEPS ? SF_WALK_STEPS - w->steps : 0;
	const unsigned most = left * SF_WALK_PARTS / price;
	const unsigned n = skip_extensions(w, most);

	w->steps += n * price / SF_WALK_PARTS;
	if (is_chained(w->protocol.value)) {
		/* the end of the budget, or of what was captured */
		if (walk_left(w) == 1)
			w->protocol.value = w->p[0];
		return NEXT_DONE;
	}
	if (w->protocol.value != PROTOCOL_FRAGMENT)
		return NEXT_TRANSPORT;
	return n < most ? last_fragment(w) : NEXT_DONE;
}

static void transport_icmp(struct walk *w)
{
	const struct sf_icmp_pair *pair;
	uint8_t type;

	if (walk_left(w) < 2)
		return;
	type = w->p[0];
	pair = sf_icmp_pair(w->version, type);
	if (pair && pair->asked_for && type == pair->reply)
		w->flags |= SF_FACT_ANSWER;
	w->ports = (uint32_t)sf_load_be16(w->p) << 16 | (uint32_t)sf_icmp_other(pair, type) << 8 |
		   w->p[1];
}

enum next sf_parse_transport(struct walk *w)
{
	switch (w->protocol.value) {
	case PROTOCOL_TCP:
		if (walk_left(w) >= 14) {
			w->flags |= SF_FACT_TCP;
			w->facts->tcp_flags = sf_load_be16(w->p + 12) & 0x0fff; /* RFC 9293 §3.1 */
		}
		/* fall through */
	case PROTOCOL_UDP:
	case PROTOCOL_DCCP:
	case PROTOCOL_SCTP:
	case PROTOCOL_UDPLITE:
		if (walk_left(w) >= 4)
			w->ports = sf_load_be32(w->p);
		break;
	case PROTOCOL_ICMP:
		if (w->version == 4)
			transport_icmp(w);
		break;
	case PROTOCOL_ICMPV6:
		if (w->version == 6)
			transport_icmp(w);
		break;
	}
	return w->tunnels ? sf_parse_tunnel(w) : NEXT_DONE;
}
