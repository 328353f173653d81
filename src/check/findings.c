/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The conclusions of `spanflow check`: one function per finding. Every finding gives its numbers,
 * so that readers can judge for themselves.
 */
#include <inttypes.h>
#include <stdio.h>

#include "check/mirror.h"

#define SLOW_CLOCK_NS INT64_C(1000000000)
#define FEW_PACKETS   4  /* after this many packets both directions should have been seen */
#define MOSTLY        10 /* a warning if more than this percentage of packets are tunnels */

const char *sf_verdict_name(enum sf_verdict verdict)
{
	static const char *const names[] = { "ok", "note", "warning", "problem" };

	return names[verdict];
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

/* "48.6 kbit/s" */
static void print_rate(char *text, size_t size, double bits_per_second)
{
	static const char *const units[] = { "bit/s", "kbit/s", "Mbit/s", "Gbit/s" };
	unsigned unit = 0;

	for (; unit < 3 && bits_per_second >= 1000; unit++)
		bits_per_second /= 1000;
	snprintf(text, size, "%.1f %s", bits_per_second, units[unit]);
}

static void judge_traffic(struct report *report)
{
	const struct sf_mirror *mirror = report->mirror;
	struct sf_finding *f;
	char rate[32];

	f = finding(report, "traffic", mirror->ip ? SF_VERDICT_OK : SF_VERDICT_PROBLEM);
	if (mirror->frames == 0) {
		TEXT(f, "no frame arrived in %.0f s", report->seconds);
		if (mirror->host.file)
			ADVICE(f, "the capture is empty");
		else if (mirror->host.socket)
			ADVICE(f,
				"check that the mirror sends to %s, and that no firewall stops it: "
				"nft list ruleset, security groups of a cloud",
				mirror->host.name);
		else
			ADVICE(f,
				"check the cable and the link light of %s, and that the switch "
				"mirrors to this port",
				mirror->host.name);
		return;
	}
	print_rate(rate, sizeof(rate),
		(double)mirror->bytes * 8 / (report->seconds > 0 ? report->seconds : 1));
	TEXT(f, "%" PRIu64 " frames in %.1f s, %s; %.1f %% of them IP, of these %.1f %% IPv6",
		mirror->frames, report->seconds, rate, percent(mirror->ip, mirror->frames),
		percent(mirror->ipv6, mirror->ip));
	if (!mirror->ip && !mirror->host.socket)
		ADVICE(f,
			"only link-layer protocols such as ARP or LLDP arrive: the switch does not "
			"mirror to this port");
}

/*
 * A finding if all unicast frames have one MAC address: the capture is
 * of that host or its port alone.
 */
static void judge_single_host(struct report *report)
{
	const uint8_t *mac = report->mirror->common[0];
	struct sf_finding *f = finding(report, "mirror", SF_VERDICT_NOTE);

	TEXT(f, "every unicast frame is sent or received by %02x:%02x:%02x:%02x:%02x:%02x", mac[0],
		mac[1], mac[2], mac[3], mac[4], mac[5]);
	ADVICE(f, "right if that is a router, or the only host of interest; otherwise capture on a "
		  "mirror port that sees the others, too");
}

/* Adds which mirrors send: ", from mirrors 101, 102". */
static void tell_ids(const struct sf_mirror *mirror, struct sf_finding *f)
{
	size_t at = strlen(f->text);

	for (unsigned i = 0; i < mirror->id_count; i++)
		at += (size_t)snprintf(f->text + at, sizeof(f->text) - at, "%s%" PRIu32,
			i                      ? ", "
			: mirror->id_count > 1 ? ", from mirrors "
					       : ", from mirror ",
			mirror->ids[i]);
	if (mirror->more_ids)
		snprintf(f->text + at, sizeof(f->text) - at, " and others");
}

/* A mirror that sends to a socket of this host. */
static void judge_socket(struct report *report)
{
	const struct sf_mirror *mirror = report->mirror;
	uint64_t opened = mirror->frames - mirror->unopened;
	struct sf_finding *f = finding(report, "mirror",
		!opened            ? SF_VERDICT_PROBLEM
		: mirror->unopened ? SF_VERDICT_WARNING
				   : SF_VERDICT_OK);

	TEXT(f, "%.1f %% of packets carry other hosts' frames", percent(opened, mirror->frames));
	tell_ids(mirror, f);
	if (mirror->unopened)
		ADVICE(f,
			"%" PRIu64
			" packets are not of the kind that is expected at %s: something else is "
			"sent there, which meter leaves out as notMirrored, or its kind is another "
			"one: add ,kind=geneve or what the mirror sends",
			mirror->unopened, mirror->host.name);
}

static void judge_mirror(struct report *report)
{
	const struct sf_mirror *mirror = report->mirror;
	uint64_t ethernet = mirror->frames - mirror->foreign_link;
	struct sf_finding *f;

	if (mirror->host.socket)
		judge_socket(report);
	if (ethernet == 0)
		return;
	if (mirror->host.file && mirror->to_others && mirror->common_count == 1) {
		judge_single_host(report);
		return;
	}
	if (mirror->to_others || mirror->host.file) {
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
	ADVICE(f,
		"%s looks like an ordinary port: make it the destination of a "
		"mirror (SPAN) session",
		mirror->host.name);
}

static void judge_directions(struct report *report)
{
	uint64_t both = 0, one = 0;
	struct sf_finding *f;

	for (unsigned i = 0; i < SF_MIRROR_PAIRS; i++) {
		const struct sf_mirror_pair *pair = &report->mirror->pairs[i];

		if (pair->packets < FEW_PACKETS)
			continue;
		both += pair->directions == 3;
		one += pair->directions != 3;
	}
	if (both + one == 0)
		return;
	f = finding(report, "directions", one > both ? SF_VERDICT_PROBLEM : SF_VERDICT_OK);
	TEXT(f, "%" PRIu64 " of %" PRIu64 " TCP conversations are seen in both directions", both,
		both + one);
	if (one > both)
		ADVICE(f,
			"mirror both directions (rx and tx, or ingress and egress) of the observed "
			"ports, or join both outputs of a tap: -i eth1+eth2");
}

static void judge_tags(struct report *report)
{
	const struct sf_mirror *mirror = report->mirror;
	struct sf_finding *f = finding(report, "vlan", SF_VERDICT_OK);

	if (mirror->tagged) {
		TEXT(f, "%.1f %% of IP packets carry a VLAN tag, %.1f %% two",
			percent(mirror->tagged, mirror->ip),
			percent(mirror->tagged_inside, mirror->ip));
		return;
	}
	TEXT(f, "no VLAN tags are seen (fine on a network without VLANs)");
	if (!mirror->host.tags_stripped)
		return;
	f->verdict = SF_VERDICT_NOTE;
	ADVICE(f,
		"if you expect tags: the card of %s takes them out of frames (ethtool -K %s rxvlan "
		"off), or the mirror session drops them (Cisco: encapsulation replicate)",
		mirror->host.name, mirror->host.name);
}

static void judge_length(struct report *report)
{
	const struct sf_mirror *mirror = report->mirror;
	struct sf_finding *f;

	f = finding(report, "truncated", mirror->cut ? SF_VERDICT_WARNING : SF_VERDICT_OK);
	TEXT(f, "%" PRIu64 " packets are shorter than their IP header says", mirror->cut);
	if (mirror->cut)
		ADVICE(f,
			"the mirror session cuts frames: byte counts stay right, but ports may be "
			"missing; raise its truncation length, or the MTU on the way");
	if (!mirror->host.file || !mirror->snapped)
		return;
	f = finding(report, "snaplen", SF_VERDICT_NOTE);
	TEXT(f, "%" PRIu64 " packets were captured without their end (snap length)",
		mirror->snapped);
	ADVICE(f, "byte counts stay right; ports are missing where fewer than some 100 "
		  "bytes were captured");
}

static void judge_merging(struct report *report)
{
	const struct sf_mirror *mirror = report->mirror;
	enum sf_verdict verdict = mirror->super          ? SF_VERDICT_WARNING
				  : mirror->host.merging ? SF_VERDICT_NOTE
							 : SF_VERDICT_OK;
	struct sf_finding *f;

	if (mirror->host.file || mirror->host.socket)
		return;
	f = finding(report, "merged", verdict);
	TEXT(f, "%" PRIu64 " packets are longer than the MTU of %u bytes allows%s", mirror->super,
		mirror->host.mtu, mirror->host.merging ? "; GRO or LRO is on" : "");
	if (mirror->host.merging)
		ADVICE(f,
			"nothing to do: 'spanflow meter' turns GRO and LRO of %s off while "
			"it runs. Where the sender is a virtual machine on this host, turn "
			"its TSO and GSO off",
			mirror->host.name);
	else if (mirror->super)
		ADVICE(f,
			"several packets count as one: turn TSO and GSO of the sender off "
			"where it is a virtual machine on this host, or raise the MTU of %s "
			"for jumbo frames",
			mirror->host.name);
}

static void judge_drops(struct report *report)
{
	const struct sf_capture_stats *stats = report->stats;
	uint64_t dropped = stats->dropped_kernel + stats->dropped_nic;
	struct sf_finding *f;

	if (report->mirror->host.file)
		return;
	f = finding(report, "dropped", dropped ? SF_VERDICT_WARNING : SF_VERDICT_OK);
	TEXT(f, "%" PRIu64 " frames dropped by the kernel, %" PRIu64 " by the network card",
		stats->dropped_kernel, stats->dropped_nic);
	if (dropped)
		ADVICE(f, "meter with more --workers, a larger --ring-size, or a faster driver "
			  "(-i xdp:, -i dpdk:)");
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
			  "only, or meter with --dedup");
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
		ADVICE(f,
			"workers hand such packets over to each other, which costs time: --set-rss "
			"gives the card a symmetric RSS key while spanflow runs");
}

static void judge_clock(struct report *report)
{
	const struct sf_mirror *mirror = report->mirror;
	bool off = mirror->worst_offset_ns > SLOW_CLOCK_NS;
	struct sf_finding *f = finding(
		report, "clock", off || mirror->steps_back ? SF_VERDICT_NOTE : SF_VERDICT_OK);

	if (mirror->host.file)
		TEXT(f, "packet times step back %" PRIu64 " times", mirror->steps_back);
	else
		TEXT(f,
			"packet times are at most %.3f s off the system's clock and step back "
			"%" PRIu64 " times",
			(double)mirror->worst_offset_ns / 1e9, mirror->steps_back);
	if (off)
		ADVICE(f, "flows carry these times: set the clock of the card or of "
			  "this host (NTP, PTP)");
	else if (mirror->steps_back)
		ADVICE(f, "a few are normal with several ports or queues: packets are put in order "
			  "within a window");
}

/* Writes "12 ERSPAN, 3 TZSP": the kinds that always are mirrors, or the others. Returns the sum. */
static uint64_t list_kinds(const struct sf_mirror *mirror, bool mirrors, char *text, size_t size)
{
	uint64_t sum = 0;
	size_t used = 0;

	text[0] = 0;
	for (unsigned kind = 0; kind < SF_TUNNEL_COUNT; kind++) {
		uint64_t count = mirror->encapsulated[kind];

		if (!count || (sf_tunnel_mirrors(kind) == SF_TUNNEL_MIRRORS_ALWAYS) != mirrors)
			continue;
		if (used < size)
			used += (size_t)snprintf(text + used, size - used, "%s%" PRIu64 " %s",
				sum ? ", " : "", count, sf_tunnel_text(kind));
		sum += count;
	}
	return sum;
}

/* Frames of remote mirrors, which spanflow meter opens. */
static void judge_remote_mirror(struct report *report)
{
	const struct sf_mirror *mirror = report->mirror;
	struct sf_finding *f;
	char kinds[160];

	if (!list_kinds(mirror, true, kinds, sizeof(kinds)))
		return;
	f = finding(report, "encapsulation", SF_VERDICT_NOTE);
	TEXT(f, "packets carry other hosts' frames, as a remote mirror sends them: %s", kinds);
	ADVICE(f, "spanflow meter shows the hosts inside%s",
		mirror->encapsulated[SF_TUNNEL_HPE_ERM]
			? "; of HPE ERM if --tunnel-port hpe-erm=PORT names the port"
			: "");
}

static void judge_tunnels(struct report *report)
{
	const struct sf_mirror *mirror = report->mirror;
	struct sf_finding *f;
	char kinds[160];
	uint64_t sum = list_kinds(mirror, false, kinds, sizeof(kinds));

	if (!sum)
		return;
	f = finding(report, "tunnels",
		percent(sum, mirror->ip) > MOSTLY ? SF_VERDICT_WARNING : SF_VERDICT_NOTE);
	TEXT(f, "%.1f %% of IP packets are tunnels: %s", percent(sum, mirror->ip), kinds);
	ADVICE(f, "flows show the tunnels' endpoints; with --tunnel inner, or --mirror if VXLAN, "
		  "GENEVE or GRE carry a mirror's frames, spanflow meter shows the hosts inside");
}

static void judge_export(struct report *report)
{
	struct sf_finding *f;

	if (!report->mirror->flow_export)
		return;
	f = finding(report, "export", SF_VERDICT_NOTE);
	TEXT(f, "%" PRIu64 " packets of flow export (NetFlow, IPFIX) pass this port",
		report->mirror->flow_export);
	ADVICE(f,
		"spanflow leaves out what it exports itself; other exporters' packets are metered "
		"like any traffic");
}

unsigned sf_mirror_findings(const struct sf_mirror *mirror, const struct sf_capture_stats *stats,
	double seconds, struct sf_finding findings[SF_FINDINGS_MAX])
{
	struct report report = {
		.mirror = mirror, .stats = stats, .seconds = seconds, .findings = findings
	};

	judge_traffic(&report);
	judge_length(&report);
	judge_merging(&report);
	judge_drops(&report);
	if (mirror->frames == 0)
		return report.count;
	judge_mirror(&report);
	judge_directions(&report);
	judge_tags(&report);
	judge_copies(&report);
	judge_steering(&report);
	judge_clock(&report);
	judge_remote_mirror(&report);
	judge_tunnels(&report);
	judge_export(&report);
	return report.count;
}

enum sf_verdict sf_mirror_verdict(const struct sf_finding *findings, unsigned count)
{
	enum sf_verdict worst = SF_VERDICT_OK;

	for (unsigned i = 0; i < count; i++)
		if (findings[i].verdict > worst)
			worst = findings[i].verdict;
	return worst;
}
