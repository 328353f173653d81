/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counters over parsed packets and a direct-mapped table of TCP conversations (a newcomer takes
 * the slot, so very busy links are sampled), then one function per question. Every finding gives
 * its numbers, so that the reader can judge for himself.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/wire.h"
#include "meter/mirror.h"
#include "parse/parse.h"

#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define PROTOCOL_GRE 47

#define PORT_VXLAN       4789
#define PORT_VXLAN_LINUX 8472
#define PORT_TZSP        37008
#define SLOW_CLOCK_NS    INT64_C(1000000000)

int sf_mirror_init(struct sf_mirror *mirror, const struct sf_mirror_host *host)
{
	uint64_t secret;

	memset(mirror, 0, sizeof(*mirror));
	mirror->host = *host;
	mirror->last_ns = INT64_MIN;
	if (getrandom(&secret, sizeof(secret), 0) != sizeof(secret))
		return -errno;
	return sf_dedup_init(&mirror->dedup, true, SF_DEDUP_WINDOW_NS, secret);
}

void sf_mirror_fini(struct sf_mirror *mirror)
{
	sf_dedup_fini(&mirror->dedup);
}

const char *sf_verdict_name(enum sf_verdict verdict)
{
	static const char *const names[] = { "ok", "note", "warning", "problem" };

	return names[verdict];
}

static void watch_ethernet(struct sf_mirror *mirror, const struct sf_packet *packet)
{
	if (packet->link != SF_LINK_ETHERNET || packet->captured < 14) {
		mirror->foreign_link++;
		return;
	}
	if (packet->data[0] & 1) {
		mirror->to_group++;
		return;
	}
	for (unsigned i = 0; i < mirror->host.mac_count; i++) {
		if (memcmp(packet->data, mirror->host.mac[i], 6) == 0) {
			mirror->to_us++;
			return;
		}
	}
	mirror->to_others++;
}

/* Mirrored frames inside another packet: where the mirror is remote. */
static void watch_encapsulation(
	struct sf_mirror *mirror, const struct sf_facts *facts, const uint8_t *l4, size_t left)
{
	uint16_t ports[2] = { (uint16_t)(facts->ports >> 16), (uint16_t)facts->ports };
	uint16_t to = ports[!(facts->flags & SF_FACT_SWAPPED)];

	if (facts->protocol == PROTOCOL_GRE && left >= 4) {
		uint16_t type = sf_load_be16(l4 + 2);

		mirror->erspan += type == 0x88be || type == 0x22eb;
	}
	if (facts->protocol != PROTOCOL_UDP || left < 12)
		return;
	mirror->vxlan += (to == PORT_VXLAN || to == PORT_VXLAN_LINUX) && l4[8] == 0x08;
	mirror->tzsp += to == PORT_TZSP && l4[8] == 1;
	/* flow export: version word and a port collectors listen on */
	if (to == 4739 || to == 2055 || to == 9995 || to == 9996) {
		uint16_t version = sf_load_be16(l4 + 8);

		mirror->own_export += version == 5 || version == 9 || version == 10;
	}
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
	size_t header = facts->version == 4 ? (size_t)(ip[0] & 15) * 4 : 40;

	mirror->ip++;
	mirror->cut += (uint64_t)facts->l3_offset + facts->octets > packet->wire;
	mirror->tagged += (facts->flags & SF_FACT_VLAN) != 0;
	mirror->tagged_inside += (facts->flags & SF_FACT_CVLAN) != 0;
	mirror->super += mirror->host.mtu && facts->octets > mirror->host.mtu;
	sf_dedup_seen(&mirror->dedup, ip, left, packet->time_ns);
	if (facts->protocol == PROTOCOL_TCP && !(facts->flags & SF_FACT_FRAGMENT))
		watch_conversation(mirror, queue, facts);
	if (left > header)
		watch_encapsulation(mirror, facts, ip + header, left - header);
}

void sf_mirror_watch(struct sf_mirror *mirror, unsigned queue, const struct sf_packet *packets,
	unsigned count, int64_t now_ns)
{
	for (unsigned i = 0; i < count; i++) {
		const struct sf_packet *packet = &packets[i];
		int64_t offset = packet->time_ns - now_ns;
		struct sf_facts facts;

		mirror->frames++;
		mirror->steps_back += queue == 0 && packet->time_ns < mirror->last_ns;
		if (queue == 0)
			mirror->last_ns = packet->time_ns;
		if ((offset < 0 ? -offset : offset) > mirror->worst_offset_ns)
			mirror->worst_offset_ns = offset < 0 ? -offset : offset;
		watch_ethernet(mirror, packet);
		if (sf_parse(packet, &facts) == SF_PARSED)
			watch_ip(mirror, queue, packet, &facts);
	}
}

struct report {
	const struct sf_mirror *mirror;
	const struct sf_capture_stats *stats;
	double seconds;
	struct sf_finding *findings;
	unsigned count;
};

static struct sf_finding *finding(struct report *report, const char *name, enum sf_verdict verdict)
{
	struct sf_finding *finding = &report->findings[report->count++];

	*finding = (struct sf_finding){ .name = name, .verdict = verdict };
	return finding;
}

#define TEXT(finding, ...)   snprintf((finding)->text, sizeof((finding)->text), __VA_ARGS__)
#define ADVICE(finding, ...) snprintf((finding)->advice, sizeof((finding)->advice), __VA_ARGS__)

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void judge_traffic(struct report *report)
{
	const struct sf_mirror *mirror = report->mirror;
	struct sf_finding *f;

	if (mirror->frames == 0) {
		f = finding(report, "traffic", SF_VERDICT_PROBLEM);
		TEXT(f, "no frame arrived in %.0f s", report->seconds);
		ADVICE(f, "check the cable and the link light, and that the switch mirrors to this "
			  "port");
		return;
	}
	f = finding(report, "traffic", mirror->ip ? SF_VERDICT_OK : SF_VERDICT_PROBLEM);
	TEXT(f, "%" PRIu64 " frames in %.0f s, %" PRIu64 " of them IP (%.1f %%)", mirror->frames,
		report->seconds, mirror->ip, percent(mirror->ip, mirror->frames));
	if (!mirror->ip)
		ADVICE(f,
			"only link-layer chatter arrives: the switch does not mirror to this port");
}

static void judge_mirror(struct report *report)
{
	const struct sf_mirror *mirror = report->mirror;
	uint64_t ethernet = mirror->frames - mirror->foreign_link;
	struct sf_finding *f;

	if (ethernet == 0)
		return;
	if (mirror->to_others) {
		f = finding(report, "mirror", SF_VERDICT_OK);
		TEXT(f, "unicast between other hosts is seen (%.1f %% of frames): a mirror port",
			percent(mirror->to_others, ethernet));
		return;
	}
	f = finding(report, "mirror", SF_VERDICT_PROBLEM);
	TEXT(f,
		"no unicast between other hosts: %" PRIu64 " frames to this host, %" PRIu64
		" to groups",
		mirror->to_us, mirror->to_group);
	ADVICE(f, "this looks like an ordinary port: set it as the destination of a mirror (SPAN) "
		  "session");
}

static void judge_directions(struct report *report)
{
	uint64_t both = 0, one = 0;
	struct sf_finding *f;

	for (unsigned i = 0; i < SF_MIRROR_PAIRS; i++) {
		const struct sf_mirror_pair *pair = &report->mirror->pairs[i];

		if (pair->packets < 4)
			continue;
		both += pair->directions == 3;
		one += pair->directions != 3;
	}
	if (both + one == 0)
		return;
	f = finding(report, "directions", one > both ? SF_VERDICT_WARNING : SF_VERDICT_OK);
	TEXT(f, "%" PRIu64 " of %" PRIu64 " TCP conversations are seen in both directions", both,
		both + one);
	if (one > both)
		ADVICE(f,
			"mirror both directions (rx and tx, or ingress and egress) of the observed "
			"ports, or take both outputs of the tap: eth1+eth2");
}

static void judge_tags(struct report *report)
{
	const struct sf_mirror *mirror = report->mirror;
	struct sf_finding *f = finding(report, "vlan", SF_VERDICT_NOTE);

	if (mirror->tagged) {
		f->verdict = SF_VERDICT_OK;
		TEXT(f, "%.1f %% of IP packets carry a VLAN tag, %.1f %% two",
			percent(mirror->tagged, mirror->ip),
			percent(mirror->tagged_inside, mirror->ip));
		return;
	}
	TEXT(f, "no VLAN tags are seen%s",
		mirror->host.tags_stripped ? "; the card strips them from frames" : "");
	ADVICE(f,
		"if tags are expected: let the mirror session keep them (encapsulation replicate), "
		"and see `ethtool -k` for rx-vlan-offload");
}

static void judge_damage(struct report *report)
{
	const struct sf_mirror *mirror = report->mirror;
	struct sf_finding *f;

	f = finding(report, "truncated", mirror->cut ? SF_VERDICT_WARNING : SF_VERDICT_OK);
	TEXT(f, "%" PRIu64 " packets are shorter than their IP header says", mirror->cut);
	if (mirror->cut)
		ADVICE(f, "the mirror session cuts frames: octets are counted as claimed, but "
			  "ports may "
			  "be missing; raise its truncation length or the MTU on the way");
	f = finding(report, "merged",
		mirror->super          ? SF_VERDICT_WARNING
		: mirror->host.merging ? SF_VERDICT_NOTE
				       : SF_VERDICT_OK);
	TEXT(f, "%" PRIu64 " packets are longer than the MTU allows%s", mirror->super,
		mirror->host.merging ? "; GRO or LRO is on" : "");
	if (f->verdict != SF_VERDICT_OK)
		ADVICE(f, "ethtool -K INTERFACE gro off lro off (metering does so by itself), and "
			  "tso gso "
			  "off on virtual hosts beside it: packet counts are too low otherwise");
	f = finding(report, "dropped",
		report->stats->dropped_kernel + report->stats->dropped_nic ? SF_VERDICT_WARNING
									   : SF_VERDICT_OK);
	TEXT(f, "%" PRIu64 " frames dropped by the kernel, %" PRIu64 " by the card",
		report->stats->dropped_kernel, report->stats->dropped_nic);
	if (f->verdict != SF_VERDICT_OK)
		ADVICE(f, "more workers (--workers), a larger ring, or a faster driver (xdp:, "
			  "dpdk:)");
}

static void judge_copies(struct report *report)
{
	const struct sf_dedup *dedup = &report->mirror->dedup;
	double share = percent(dedup->duplicates, dedup->examined);
	struct sf_finding *f =
		finding(report, "duplicates", share > 1 ? SF_VERDICT_WARNING : SF_VERDICT_OK);

	TEXT(f, "%.1f %% of packets are copies of one seen within %.0f ms", share,
		(double)SF_DEDUP_WINDOW_NS / 1e6);
	if (share > 1)
		ADVICE(f, "the session mirrors packets at ingress and at egress: mirror one side "
			  "only, or "
			  "meter with --dedup");
}

static void judge_steering(struct report *report)
{
	uint64_t apart = 0, pairs = 0;
	struct sf_finding *f;

	if (report->mirror->host.queues < 2)
		return;
	for (unsigned i = 0; i < SF_MIRROR_PAIRS; i++) {
		const struct sf_mirror_pair *pair = &report->mirror->pairs[i];

		pairs += pair->directions == 3;
		apart += pair->directions == 3 && pair->queues_differ;
	}
	f = finding(report, "steering", apart ? SF_VERDICT_NOTE : SF_VERDICT_OK);
	TEXT(f, "%" PRIu64 " of %" PRIu64 " conversations arrive on more than one of %u queues",
		apart, pairs, report->mirror->host.queues);
	if (apart)
		ADVICE(f, "workers hand such packets over, which costs time: --set-rss makes the "
			  "card's "
			  "steering symmetric");
}

static void judge_clock(struct report *report)
{
	const struct sf_mirror *mirror = report->mirror;
	bool off = mirror->worst_offset_ns > SLOW_CLOCK_NS;
	struct sf_finding *f = finding(
		report, "clock", off || mirror->steps_back ? SF_VERDICT_NOTE : SF_VERDICT_OK);

	TEXT(f,
		"packet times are at most %.3f s off the system's clock and stepped back %" PRIu64
		" times",
		(double)mirror->worst_offset_ns / 1e9, mirror->steps_back);
	if (off)
		ADVICE(f, "set the clock of the card or of this host (NTP, PTP); flows carry these "
			  "times");
}

static void judge_encapsulation(struct report *report)
{
	const struct sf_mirror *mirror = report->mirror;
	uint64_t inside = mirror->erspan + mirror->vxlan + mirror->tzsp;
	struct sf_finding *f;

	if (inside) {
		f = finding(report, "encapsulation", SF_VERDICT_WARNING);
		TEXT(f,
			"mirrored frames arrive inside other packets: %" PRIu64 " ERSPAN, %" PRIu64
			" VXLAN, %" PRIu64 " TZSP",
			mirror->erspan, mirror->vxlan, mirror->tzsp);
		ADVICE(f, "a remote mirror: flows show the tunnel's endpoints, not the hosts "
			  "behind it; "
			  "mirror locally to see those");
	}
	if (mirror->own_export) {
		f = finding(report, "export", SF_VERDICT_NOTE);
		TEXT(f, "%" PRIu64 " packets of flow export (NetFlow, IPFIX) pass this port",
			mirror->own_export);
		ADVICE(f, "spanflow leaves out its own export traffic; another exporter's is "
			  "metered as "
			  "traffic");
	}
}

unsigned sf_mirror_findings(const struct sf_mirror *mirror, const struct sf_capture_stats *stats,
	double seconds, struct sf_finding findings[SF_FINDINGS_MAX])
{
	struct report report = {
		.mirror = mirror, .stats = stats, .seconds = seconds, .findings = findings
	};

	judge_traffic(&report);
	judge_damage(&report);
	if (mirror->frames == 0)
		return report.count;
	judge_mirror(&report);
	judge_directions(&report);
	judge_tags(&report);
	judge_copies(&report);
	judge_steering(&report);
	judge_clock(&report);
	judge_encapsulation(&report);
	return report.count;
}
