/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counters over parsed packets, and a table of TCP conversations. The hash of a conversation gives
 * its place; a new conversation replaces the one in its place, so the table is a sample of a busy
 * link.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/wire.h"
#include "check/mirror.h"
#include "parse/parse.h"

#define PROTOCOL_TCP    6
#define PROTOCOL_UDP    17
#define ETHERNET_HEADER 14

static void recognise_all(struct sf_tunnels *tunnels)
{
	struct sf_tunnel_options all = { 0 };

	memset(all.mode, SF_TUNNEL_INNER, sizeof(all.mode));
	sf_tunnels_init(tunnels, &all);
}

int sf_mirror_init(struct sf_mirror *mirror, const struct sf_mirror_host *host)
{
	uint64_t secret;

	memset(mirror, 0, sizeof(*mirror));
	mirror->host = *host;
	mirror->first_ns = mirror->last_ns = INT64_MIN;
	recognise_all(&mirror->tunnels);
	if (host->socket)
		sf_tunnels_init(&mirror->opened, host->socket);
	if (getrandom(&secret, sizeof(secret), 0) != sizeof(secret))
		return -errno;
	return sf_dedup_init(&mirror->dedup, true, SF_DEDUP_WINDOW_NS, secret);
}

void sf_mirror_fini(struct sf_mirror *mirror)
{
	sf_dedup_fini(&mirror->dedup);
}

/* Removes from common[] the addresses that this unicast frame does not have. */
static void keep_common(struct sf_mirror *mirror, const uint8_t *frame)
{
	unsigned kept = 0;

	if (mirror->to_us + mirror->to_others == 0) {
		memcpy(mirror->common, frame, sizeof(mirror->common));
		mirror->common_count = 2;
		return;
	}
	for (unsigned i = 0; i < mirror->common_count; i++)
		if (memcmp(mirror->common[i], frame, 6) == 0 ||
			memcmp(mirror->common[i], frame + 6, 6) == 0)
			memmove(mirror->common[kept++], mirror->common[i], 6);
	mirror->common_count = kept;
}

static void watch_ethernet(struct sf_mirror *mirror, const struct sf_packet *packet)
{
	if (packet->link != SF_LINK_ETHERNET || packet->captured < ETHERNET_HEADER) {
		mirror->foreign_link++;
		return;
	}
	if (packet->data[0] & 1) {
		mirror->to_group++;
		return;
	}
	keep_common(mirror, packet->data);
	for (unsigned i = 0; i < mirror->host.mac_count; i++) {
		if (memcmp(packet->data, mirror->host.mac[i], 6) == 0) {
			mirror->to_us++;
			return;
		}
	}
	mirror->to_others++;
}

/* True for NetFlow or IPFIX: a known version in the header, to a usual port of collectors. */
static bool is_flow_export(const struct sf_facts *facts, const uint8_t *payload, size_t left)
{
	uint16_t to =
		(uint16_t)(facts->flags & SF_FACT_SWAPPED ? facts->ports >> 16 : facts->ports);
	uint16_t version;

	if (facts->protocol != PROTOCOL_UDP || left < 10 ||
		(to != 4739 && to != 2055 && to != 9995 && to != 9996))
		return false;
	version = sf_load_be16(payload + 8);
	return version == 5 || version == 9 || version == 10;
}

/*
 * The kind of tunnel that begins at the payload; SF_TUNNEL_COUNT: none. The user of a ProCurve
 * switch chooses the port, so frames behind its header are looked for on all ports.
 */
static enum sf_tunnel_kind tunnel_of(const struct sf_mirror *mirror, const struct sf_packet *packet,
	const struct sf_facts *facts, const uint8_t *payload, size_t left)
{
	enum { HPE_HEADER = 8 + 12 }; /* of UDP and its own */
	enum sf_tunnel_kind kind =
		sf_tunnel_recognise(&mirror->tunnels, packet, facts, payload, left);

	if (kind == SF_TUNNEL_COUNT && facts->protocol == PROTOCOL_UDP && left > HPE_HEADER &&
		sf_looks_like_frame(payload + HPE_HEADER, left - HPE_HEADER))
		return SF_TUNNEL_HPE_ERM;
	return kind;
}

/* Examines the payload; not behind extension headers of IPv6, and not in later fragments. */
static void watch_payload(struct sf_mirror *mirror, const struct sf_packet *packet,
	const struct sf_facts *facts, const uint8_t *ip, size_t left)
{
	size_t header = facts->version == 4 ? (size_t)(ip[0] & 15) * 4 : 40;
	bool first = facts->version == 4 ? (sf_load_be16(ip + 6) & 0x1fff) == 0
					 : ip[6] == facts->protocol;
	enum sf_tunnel_kind kind;

	if (!first || left <= header)
		return;
	kind = tunnel_of(mirror, packet, facts, ip + header, left - header);
	if (kind != SF_TUNNEL_COUNT)
		mirror->encapsulated[kind]++;
	mirror->flow_export += is_flow_export(facts, ip + header, left - header);
}

static void watch_conversation(
	struct sf_mirror *mirror, unsigned queue, const struct sf_facts *facts)
{
	uint64_t hash = facts->address * UINT64_C(0x9e3779b97f4a7c15) + facts->ports;
	struct sf_mirror_pair *pair;
	uint32_t tag;

	for (unsigned i = 0; facts->version == 6 && i < 32; i += 8) {
		uint64_t part;

		memcpy(&part, &facts->address6[0][0] + i, sizeof(part));
		hash = (hash ^ part) * UINT64_C(0x9e3779b97f4a7c15);
	}
	hash *= UINT64_C(0xd6e8feb86659fd93);
	tag = (uint32_t)(hash >> 20) | 1;
	pair = &mirror->pairs[hash >> 52];
	if (pair->tag != tag)
		*pair = (struct sf_mirror_pair){ .tag = tag, .queue = (uint8_t)queue };
	pair->packets++;
	pair->directions |= facts->flags & SF_FACT_SWAPPED ? 2 : 1;
	pair->queues_differ |= pair->queue != (uint8_t)queue;
}

static void watch_ip(struct sf_mirror *mirror, unsigned queue, const struct sf_packet *packet,
	const struct sf_facts *facts)
{
	const uint8_t *ip = packet->data + facts->l3_offset;
	size_t left = sf_facts_captured(facts, packet->captured);

	mirror->ip++;
	mirror->ipv6 += facts->version == 6;
	mirror->bytes += facts->octets;
	mirror->cut += (uint64_t)facts->l3_offset + facts->octets > packet->wire;
	mirror->snapped += packet->captured < packet->wire;
	mirror->tagged += (facts->flags & SF_FACT_VLAN) != 0;
	mirror->tagged_inside += (facts->tags >> 8 & 0x0fff) != 0;
	mirror->super += mirror->host.mtu && facts->octets > mirror->host.mtu;
	sf_dedup_seen(&mirror->dedup, ip, left, packet->time_ns);
	if (facts->protocol == PROTOCOL_TCP && !(facts->flags & SF_FACT_FRAGMENT))
		watch_conversation(mirror, queue, facts);
	watch_payload(mirror, packet, facts, ip, left);
}

static void watch_time(struct sf_mirror *mirror, unsigned queue, int64_t time_ns, int64_t now_ns)
{
	int64_t offset;

	if (mirror->first_ns == INT64_MIN || time_ns < mirror->first_ns)
		mirror->first_ns = time_ns;
	if (queue == 0) {
		mirror->steps_back += time_ns < mirror->last_ns;
		mirror->last_ns = time_ns;
	}
	if (mirror->host.file)
		return;
	offset = time_ns > now_ns ? time_ns - now_ns : now_ns - time_ns;
	if (offset > mirror->worst_offset_ns)
		mirror->worst_offset_ns = offset;
}

/* Which mirror a frame is from, if it says so. */
static void watch_id(struct sf_mirror *mirror, const struct sf_mirror_facts *facts)
{
	if (!(facts->known & (SF_MIRROR_SESSION | SF_MIRROR_VNI)))
		return;
	for (unsigned i = 0; i < mirror->id_count; i++)
		if (mirror->ids[i] == facts->id)
			return;
	if (mirror->id_count < SF_MIRROR_IDS)
		mirror->ids[mirror->id_count++] = facts->id;
	else
		mirror->more_ids = true;
}

void sf_mirror_watch(struct sf_mirror *mirror, unsigned queue, const struct sf_packet *packets,
	unsigned count, int64_t now_ns)
{
	for (unsigned i = 0; i < count; i++) {
		struct sf_facts facts;
		bool parsed = sf_parse_tunnels(&packets[i], &mirror->opened, &facts, NULL,
				      &(enum sf_around){ 0 }) == SF_PARSED;

		mirror->frames++;
		watch_time(mirror, queue, packets[i].time_ns, now_ns);
		watch_ethernet(mirror, &packets[i]);
		if (mirror->host.socket && parsed && facts.l3_offset == 0)
			mirror->unopened++;
		else if (parsed) {
			watch_id(mirror, &facts.mirror);
			watch_ip(mirror, queue, &packets[i], &facts);
		}
	}
}
