/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which tunnels are opened, and the step into one (tunnel.h). tunnel_ip.c and tunnel_udp.c read
 * headers.
 */
#include "parse/tunnel.h"

#include <string.h>

#include "base/ethertype.h"
#include "parse/tunnel_header.h"

enum { FRAME_HEADER = 14 };

static const struct kind {
	const char *name, *text;
	enum sf_tunnel_mirrors mirrors;
} kinds[] = {
#define X(id, name, text, mirrors) [SF_TUNNEL_##id] = { name, text, mirrors },
	SF_TUNNEL_KINDS(X)
#undef X
};

static_assert(SF_TUNNEL_COUNT <= 32, "a bit for each kind");

/* IP protocols. A kind that the header names more exactly (ERSPAN in GRE) has no row here. */
static const struct protocol_row {
	uint8_t protocol;
	sf_tunnel_header *header;
} protocol_rows[] = {
	{ PROTOCOL_IPIP, sf_header_ipip },
	{ PROTOCOL_IPV6, sf_header_ipv6 },
	{ PROTOCOL_GRE, sf_header_gre },
	{ PROTOCOL_AH, sf_header_ah },
	{ PROTOCOL_ETHERIP, sf_header_etherip },
	{ PROTOCOL_L2TP, sf_header_l2tp_ip },
	{ PROTOCOL_MPLS, sf_header_mpls },
	{ PROTOCOL_ETHERNET, sf_header_ethernet },
};

/* UDP ports. */
static const struct port_row {
	struct sf_tunnel_port port;
	sf_tunnel_header *header;
} port_rows[] = {
	{ { 4789, SF_TUNNEL_VXLAN, false }, sf_header_vxlan },
	{ { 8472, SF_TUNNEL_VXLAN, false },
		sf_header_vxlan }, /* Linux before the port was assigned */
	{ { 4790, SF_TUNNEL_VXLAN, false }, sf_header_vxlan }, /* VXLAN-GPE */
	{ { 6081, SF_TUNNEL_GENEVE, false }, sf_header_geneve },
	{ { 2152, SF_TUNNEL_GTP_U, false }, sf_header_gtp_u },
	{ { 3386, SF_TUNNEL_GTP_0, false }, sf_header_gtp_0 },
	{ { 5072, SF_TUNNEL_AYIYA, true }, sf_header_ayiya },
	{ { 6635, SF_TUNNEL_MPLS, false }, sf_header_mpls },
	{ { 1701, SF_TUNNEL_L2TP, true }, sf_header_l2tp_udp },
	{ { 3544, SF_TUNNEL_TEREDO, true }, sf_header_teredo },
	{ { 4341, SF_TUNNEL_LISP, false }, sf_header_lisp },
	{ { 5247, SF_TUNNEL_CAPWAP, true }, sf_header_capwap },
	{ { SF_PORT_TZSP, SF_TUNNEL_TZSP, false }, sf_header_tzsp },
	{ { SF_PORT_ARUBA_ERM, SF_TUNNEL_ARUBA_ERM, false }, sf_header_aruba_erm },
	/* the user of a switch chooses the port */
	{ { 0, SF_TUNNEL_HPE_ERM, false }, sf_header_hpe_erm },
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static_assert(COUNT(port_rows) <= SF_TUNNEL_ROWS_MAX - SF_TUNNEL_PORTS_MAX, "room for the user's");

const char *sf_tunnel_name(enum sf_tunnel_kind kind)
{
	return kinds[kind].name;
}

const char *sf_tunnel_text(enum sf_tunnel_kind kind)
{
	return kinds[kind].text;
}

enum sf_tunnel_mirrors sf_tunnel_mirrors(enum sf_tunnel_kind kind)
{
	return kinds[kind].mirrors;
}

static const struct port_row *find_port_row(unsigned kind)
{
	for (size_t i = 0; i < COUNT(port_rows); i++)
		if (port_rows[i].port.kind == kind)
			return &port_rows[i];
	return NULL;
}

bool sf_tunnel_has_port(enum sf_tunnel_kind kind)
{
	return find_port_row(kind) != NULL;
}

enum sf_tunnel_kind sf_tunnel_of_port(const struct sf_tunnel_options *options, uint16_t port)
{
	for (unsigned i = 0; i < options->port_count && i < SF_TUNNEL_PORTS_MAX; i++)
		if (options->ports[i].port == port)
			return (enum sf_tunnel_kind)options->ports[i].kind;
	for (size_t i = 0; i < COUNT(port_rows); i++)
		if (port_rows[i].port.port == port)
			return (enum sf_tunnel_kind)port_rows[i].port.kind;
	return SF_TUNNEL_COUNT;
}

static void add_port(struct sf_tunnels *tunnels, uint16_t port, const struct port_row *of)
{
	if (!port || !((tunnels->open | tunnels->sometimes) >> of->port.kind & 1))
		return;
	tunnels->rows[tunnels->row_count] = of->port;
	tunnels->rows[tunnels->row_count].port = port;
	tunnels->rows[tunnels->row_count++].header = (uint8_t)(of - port_rows);
	tunnels->port_bits[port >> 5 & 7] |= UINT32_C(1) << (port & 31);
	tunnels->udp |= !sf_is_mirror_port(port);
}

void sf_tunnels_init(struct sf_tunnels *tunnels, const struct sf_tunnel_options *options)
{
	static const struct sf_tunnel_options none;

	options = options ? options : &none;
	memset(tunnels, 0, sizeof(*tunnels));
	for (unsigned kind = 0; kind < SF_TUNNEL_COUNT; kind++) {
		enum sf_tunnel_mirrors mirrors = kinds[kind].mirrors;
		uint32_t bit = UINT32_C(1) << kind;
		uint8_t mode = options->mode[kind];

		if (mode == SF_TUNNEL_OUTER)
			continue;
		if (mirrors == SF_TUNNEL_MIRRORS_ALWAYS)
			tunnels->always |= bit;
		if (mirrors == SF_TUNNEL_MIRRORS_SOMETIMES && options->mirror)
			tunnels->sometimes |= bit;
		if (mode == SF_TUNNEL_INNER || mode == SF_TUNNEL_BOTH)
			tunnels->open |= bit;
		if (mode == SF_TUNNEL_BOTH)
			tunnels->both |= bit;
	}
	tunnels->open |= tunnels->always;
	tunnels->only = options->only;
	for (unsigned i = 0; i < options->port_count && i < SF_TUNNEL_PORTS_MAX; i++) {
		const struct port_row *row = find_port_row(options->ports[i].kind);

		if (row)
			add_port(tunnels, options->ports[i].port, row);
	}
	for (size_t i = 0; i < COUNT(port_rows); i++)
		add_port(tunnels, port_rows[i].port.port, &port_rows[i]);
}

/* The row of a UDP packet's port; NULL: none. */
static const struct sf_tunnel_port *find_port(const struct sf_tunnels *tunnels, uint32_t ports)
{
	uint16_t from = (uint16_t)(ports >> 16), to = (uint16_t)ports;

	for (unsigned i = 0; sf_tunnels_may_be(tunnels, ports) && i < tunnels->row_count; i++) {
		const struct sf_tunnel_port *row = &tunnels->rows[i];

		if (row->port == to || (row->either && row->port == from))
			return row;
	}
	return NULL;
}

/* The packet's IP header claims that it ends here, which may be beyond the captured bytes. */
static uint32_t claimed_end(const struct walk *w)
{
	return w->facts->l3_offset + w->facts->octets;
}

/* Skips the UDP header; its length may say that the packet ends before its IP header says so. */
static void skip_udp(struct walk *w)
{
	uint32_t length = sf_load_be16(w->p + 4), end = walk_offset(w) + length;

	if (length >= UDP_HEADER && end < w->claimed)
		w->claimed = end;
	if (w->claimed < (size_t)(w->end - w->packet->data))
		w->end = w->packet->data + w->claimed;
	w->p += UDP_HEADER;
}

/* The function for the tunnel header at the packet's payload; NULL: it is no tunnel. */
static sf_tunnel_header *find_header(const struct walk *w, struct tunnel *tunnel)
{
	const struct sf_tunnel_port *row;

	if (w->protocol.value == PROTOCOL_UDP) {
		row = walk_left(w) < UDP_HEADER ? NULL : find_port(w->tunnels, w->ports);
		if (!row)
			return NULL;
		*tunnel = (struct tunnel){ .kind = row->kind, .port = row->port, .hinted = true };
		return port_rows[row->header].header;
	}
	for (size_t i = 0; i < COUNT(protocol_rows); i++)
		if (protocol_rows[i].protocol == w->protocol.value)
			return protocol_rows[i].header;
	return NULL;
}

/* Reads the header: what follows it, NEXT_DONE if it is none. */
static enum next read_header(struct walk *w, sf_tunnel_header *header, struct tunnel *tunnel)
{
	w->claimed = claimed_end(w);
	w->ethertype.value = 0;
	if (tunnel->hinted)
		skip_udp(w);
	return header(w, tunnel);
}

/*
 * The kinds of tunnel that carry a mirror's frames at this place. A mirrored frame holds traffic of
 * the network, tunnels included: with --mirror only the outermost VXLAN is a mirror's.
 */
static uint32_t mirror_kinds(const struct walk *w)
{
	return w->tunnels->always | (w->in_mirror ? 0 : w->tunnels->sometimes);
}

/*
 * Begins the walk of the inner packet. All facts of the outer packet are forgotten, except MAC
 * addresses and tags of its frame: an inner packet without a frame of its own keeps these.
 */
static void enter(struct walk *w, const struct tunnel *tunnel)
{
	struct sf_facts *facts = w->facts;

	w->mirrored = mirror_kinds(w) >> tunnel->kind & 1;
	w->in_mirror |= w->mirrored;
	if (w->mirrored) {
		w->mirror = tunnel->mirror;
		/* RFC 7637 §3.2: the key is the virtual subnet and a byte about flows */
		w->mirror.id = tunnel->kind == SF_TUNNEL_NVGRE ? tunnel->id >> 8 : tunnel->id;
	}
	/*
	 * the length of a fragment does not limit the packet inside, which goes on in later
	 * fragments
	 */
	w->strict = tunnel->hinted && !(w->flags & SF_FACT_FRAGMENT) && !w->mirrored;
	w->inside = true;
	w->outer_addresses = w->addresses;
	w->outer_version = w->version;
	w->tunnel_kind = tunnel->kind;
	w->tunnel_id = tunnel->id;
	w->version = 0;
	w->ports = 0;
	w->routed = false;
	w->fallback = NULL;
	w->flags &= (uint16_t) ~(SF_FACT_TCP | SF_FACT_FRAGMENT | SF_FACT_ANSWER | SF_FACT_MPLS);
	if (w->claimed < w->wire)
		w->wire = w->claimed;
	facts->mpls = 0;
	facts->label_offset = 0;
	facts->flow_label = 0;
	facts->tcp_flags = 0;
	facts->octets = 0;
}

/*
 * Keeps the facts of the packet around a tunnel that is about to be opened: if it is to be metered
 * too, or if it is the first fragment of a datagram, whose later fragments are a part of the packet
 * inside.
 */
static void keep_around(
	struct walk *w, const struct walk_level *level, const struct tunnel *tunnel, bool same)
{
	bool pair = w->tunnels->both >> tunnel->kind & 1;
	struct walk outer;

	/* a header between IP and transport goes with the first fragment: the packet is the same */
	if (!pair && (w->found || same || !(level->walk.flags & SF_FACT_FRAGMENT)))
		return;
	outer = level->walk;
	w->found = pair ? SF_AROUND_PAIR : SF_AROUND_FRAGMENT;
	w->steps += pair ? SF_WALK_OF_PAIR : 0;
	memcpy(w->around, &level->facts, WALK_FACTS);
	outer.facts = w->around;
	sf_walk_finish(&outer);
}

/* True if a frame with this type goes on at `p` as such frames do. */
static bool goes_on(const struct walk *w, struct ethertype type, const uint8_t *p)
{
	size_t left = p < w->end ? (size_t)(w->end - p) : 0;

	/* LLC: of service points that are alike (spanning tree, IS-IS), to a group */
	if (type.value <= ETHERTYPE_SNAP_LENGTH)
		return type.value >= 3 && left >= 3 && w->p[0] & 1 && p[0] == p[1];
	switch (type.value) {
	case ETHERTYPE_IPV4:
		return left && p[0] >> 4 == 4;
	case ETHERTYPE_IPV6:
		return left && p[0] >> 4 == 6;
	}
	return ethertype_is_tag(type) || sf_ethertype_name(type.value)[0];
}

/*
 * True if the header at `p`, which has been read, is exactly as its specification demands. Reserved
 * bits are zero when sent and ignored when received (RFC 7348 §5, RFC 8926 §3.4). With flag G of
 * VXLAN some have a meaning (draft-smith-vxlan-group-policy §2.1).
 */
static bool is_exact(const struct tunnel *tunnel, const uint8_t *p)
{
	static const uint32_t has_id = UINT32_C(0x08000000), has_group = UINT32_C(0x80000000),
			      group = UINT32_C(0x8048ffff);
	uint32_t flags;

	switch (tunnel->kind) {
	case SF_TUNNEL_TZSP:
		return true;
	case SF_TUNNEL_GENEVE:
		return !(p[1] & 0x3f) && p[7] == 0;
	case SF_TUNNEL_VXLAN:
		flags = sf_load_be32(p) & ~has_id;
		return !(flags & ~(flags & has_group ? group : 0)) && p[7] == 0;
	}
	return false;
}

/*
 * A socket gets every datagram to its port. An exact header is believed; behind any other header
 * the bytes must look like a frame, or else some random datagrams would be metered. `p`: the header
 * of UDP.
 */
static bool is_believed(
	const struct walk *w, const struct tunnel *tunnel, const uint8_t *p, enum next next)
{
	if (w->depth || !tunnel->hinted || is_exact(tunnel, p + UDP_HEADER))
		return true;
	if (next == NEXT_ETHERTYPE)
		return goes_on(w, w->ethertype, w->p);
	return next != NEXT_ETHERNET ||
	       (walk_left(w) >= FRAME_HEADER &&
		       goes_on(w, (struct ethertype){ sf_load_be16(w->p + 12) },
			       w->p + FRAME_HEADER));
}

enum next sf_parse_tunnel(struct walk *w)
{
	struct tunnel tunnel = { .kind = SF_TUNNEL_COUNT };
	struct walk_level *level = &w->levels[w->outer == w->levels];
	sf_tunnel_header *header;
	enum next next;

	header = w->depth < SF_TUNNEL_DEPTH && w->steps < SF_WALK_STEPS ? find_header(w, &tunnel)
									: NULL;
	if (!header)
		return NEXT_DONE;
	w->steps += SF_WALK_OF_TUNNEL + tunnel.hinted;
	level->walk = *w;
	memcpy(&level->facts, w->facts, WALK_FACTS);
	next = read_header(w, header, &tunnel);
	if (next == NEXT_DONE || !((w->tunnels->open | mirror_kinds(w)) >> tunnel.kind & 1) ||
		(sf_unlikely(w->tunnels->only) && !is_believed(w, &tunnel, level->walk.p, next))) {
		*w = level->walk;
		return NEXT_DONE;
	}
	w->depth++;
	if (w->around && w->found != SF_AROUND_PAIR)
		keep_around(w, level, &tunnel, next == NEXT_TRANSPORT);
	if (next == NEXT_TRANSPORT) /* a header between IP and transport: the packet is the same */
		return next;
	w->outer = level;
	enter(w, &tunnel);
	return next;
}

void sf_tunnel_frame(struct walk *w)
{
	w->inside = false;
	w->tags = 0;
	memset(w->tci, 0, sizeof(w->tci));
	w->frame_type = 0;
	w->flags &= (uint16_t) ~(SF_FACT_VLAN | SF_FACT_MAC);
	if (w->vlan)
		walk_add_tag(w, w->vlan);
	w->vlan = 0;
}

void sf_tunnel_finish(const struct walk *w)
{
	struct sf_tunnel_facts *tunnel = &w->facts->tunnel;
	size_t length = w->outer_version == 4 ? 4 : 16;

	memset(tunnel, 0, sizeof(*tunnel));
	memcpy(tunnel->source, w->outer_addresses, length);
	memcpy(tunnel->destination, w->outer_addresses + length, length);
	tunnel->id = w->tunnel_id;
	tunnel->kind = w->tunnel_kind;
	tunnel->version = w->outer_version;
	w->facts->flags |= SF_FACT_TUNNEL;
}

bool sf_tunnel_leave(struct walk *w)
{
	struct walk_level *level = w->outer;
	enum sf_around found = w->found;

	if (!w->depth || w->mirrored)
		return false;
	memcpy(w->facts, &level->facts, WALK_FACTS);
	*w = level->walk;
	/*
	 * what was kept for the tunnel that is left is of no use now, and may have replaced an
	 * earlier one
	 */
	if (w->found != found)
		w->found = SF_AROUND_NONE;
	return true;
}

enum sf_tunnel_kind sf_tunnel_recognise(const struct sf_tunnels *tunnels,
	const struct sf_packet *packet, const struct sf_facts *facts, const uint8_t *payload,
	size_t left)
{
	bool swapped = facts->flags & SF_FACT_SWAPPED;
	struct sf_facts copy = *facts;
	struct walk w = {
		.p = payload,
		.end = payload + left,
		.packet = packet,
		.facts = &copy,
		.wire = packet->wire > packet->captured ? packet->wire : packet->captured,
		.ports = swapped ? facts->ports << 16 | facts->ports >> 16 : facts->ports,
		.protocol.value = facts->protocol,
		.version = facts->version,
		.tunnels = tunnels,
	};
	struct tunnel tunnel = { .kind = SF_TUNNEL_COUNT };
	sf_tunnel_header *header;

	header = find_header(&w, &tunnel);
	if (!header || read_header(&w, header, &tunnel) == NEXT_DONE)
		return SF_TUNNEL_COUNT;
	return (enum sf_tunnel_kind)tunnel.kind;
}
