/* SPDX-License-Identifier: BSD-2-Clause */
/* The loop over the layers (walk.h), and the facts that are stored at its end. */
#include "parse/walk.h"

static enum next walk_step(struct walk *w, enum next next)
{
	switch (next) {
	case NEXT_ETHERNET:
		return sf_parse_ethernet(w);
	case NEXT_ETHERTYPE:
		return sf_parse_ethertype(w);
	case NEXT_LLC:
		return sf_parse_llc(w);
	case NEXT_MPLS:
		return sf_parse_mpls(w);
	case NEXT_PPPOE:
		return sf_parse_pppoe(w);
	case NEXT_PPP:
		return sf_parse_ppp(w);
	case NEXT_IP:
		return sf_parse_ip(w);
	case NEXT_IPV4:
		return sf_parse_ipv4(w);
	case NEXT_IPV6:
		return sf_parse_ipv6(w);
	case NEXT_EXTENSION:
		return sf_parse_extension(w);
	case NEXT_TRANSPORT:
		return sf_parse_transport(w);
	case NEXT_IEEE802_11:
		return sf_parse_ieee802_11(w, false);
	case NEXT_IEEE802_11_SWAPPED:
		return sf_parse_ieee802_11(w, true);
	case NEXT_DONE:
	case NEXT_IGNORED:
		break;
	}
	return next;
}

/* True if l3_offset of the facts could not hold the offset of an IP header here. */
static bool walk_too_deep(const struct walk *w)
{
	return w->p - w->packet->data > UINT16_MAX;
}

void sf_walk_finish(const struct walk *w)
{
	struct sf_facts *facts = w->facts;
	bool swapped;

	if (w->version == 4)
		swapped = facts_put_ipv4(facts, sf_load_be64(w->addresses), w->ports);
	else
		swapped = facts_put_ipv6(facts, w->addresses, w->ports);
	facts->ports = swapped ? w->ports << 16 | w->ports >> 16 : w->ports;
	facts->tags = w->tags;
	facts->tci = w->tci[0];
	facts->customer_tci = w->tci[1];
	facts->frame_type = w->frame_type;
	facts->scope = 0;
	facts->version = w->version;
	facts->protocol = w->protocol.value;
	facts->flags = w->flags | (swapped ? SF_FACT_SWAPPED : 0);
	facts->tos = w->tos;
	facts->ttl = w->ttl;
	facts->mirror = w->mirror;
	if (w->outer_version && !w->mirrored)
		sf_tunnel_finish(w);
}

/*
 * Goes back to the second reading of a pseudowire, if there is one: a control word and an Ethernet
 * address that begins with a zero nibble look alike (RFC 4385 §2, pseudowire.c). Called when the
 * first reading found no IP. Not if the first reading was truncated: IP may be in the missing
 * bytes.
 */
static bool walk_fall_back(struct walk *w)
{
	if (!w->fallback || w->reason == SF_IGNORED_truncated)
		return false;
	w->p = w->fallback;
	w->tags = w->fallback_tags;
	memcpy(w->tci, w->fallback_tci, sizeof(w->tci));
	w->flags = w->fallback_flags;
	w->fallback = NULL;
	return true;
}

int sf_parse_walk(const struct sf_packet *packet, const struct sf_tunnels *tunnels,
	struct sf_facts *facts, struct sf_facts *around, enum sf_around *found)
{
	struct walk_level levels[2];
	struct walk w = {
		.p = packet->data,
		.end = packet->data + packet->captured,
		.packet = packet,
		.facts = facts,
		.wire = packet->wire > packet->captured ? packet->wire : packet->captured,
		.tunnels = tunnels,
		.levels = levels,
		.outer = &levels[1],
		.around = around,
	};
	int reason = SF_PARSED;
	enum next next;

	facts->time_ns = facts->clock_ns = packet->time_ns;
	facts->octets = 0;
	facts->tcp_flags = 0;
	facts->interface = packet->interface;
	facts->mpls = 0;
	facts->label_offset = 0;
	facts->flow_label = 0;
	memset(facts->src_mac, 0, sizeof(facts->src_mac));
	memset(facts->dst_mac, 0, sizeof(facts->dst_mac));
	if (packet->flags & SF_PACKET_VLAN)
		walk_add_tag(&w, packet->vlan_tci);
	next = sf_parse_link(&w);
	for (; next != NEXT_DONE; w.steps++) {
		/* ports right behind are read in any case: without them it would be another flow */
		if ((w.steps >= SF_WALK_STEPS && next != NEXT_EXTENSION &&
			    next != NEXT_TRANSPORT) ||
			(!w.version && walk_too_deep(&w)))
			next = w.version ? NEXT_DONE : walk_ignore(&w, SF_IGNORED_nonIp);
		else
			next = walk_step(&w, next);
		if (next != NEXT_IGNORED)
			continue;
		if (reason == SF_PARSED || w.reason == SF_IGNORED_truncated)
			reason = (int)w.reason;
		if (walk_fall_back(&w)) {
			next = NEXT_ETHERNET;
		} else if (sf_tunnel_leave(&w)) {
			next = NEXT_DONE;
		} else {
			facts->ethertype = w.ethertype.value;
			if (found)
				*found = w.found;
			return reason;
		}
	}
	if (found)
		*found = w.found;
	sf_walk_finish(&w);
	return SF_PARSED;
}
