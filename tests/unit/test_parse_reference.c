/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parser over every real capture of ../shared/pcaps, against the counts that tshark makes of
 * them (REFERENCE.tsv): frames, IP packets and octets, fragments, packets by protocol, distinct
 * uniflows. Skipped where that folder is not.
 */
#include "capture_read.h"
#include "check_main.h"

#include "parse/parse.h"

enum { FRAMES, IPV4, IPV6, OCTETS, FLOWS, FLOWS4, FLOWS6, TCP, UDP, ICMP, SCTP, OTHER, FRAGMENTS };

#define COUNTS 13

struct counts {
	uint64_t value[COUNTS];
};

/* Where the parser counts otherwise than the reference, and why. */
static const struct exception {
	const char *file;
	struct counts counts;
} exceptions[] = {
	/* the file reader ends in front of a record that claims 1.4 GB; tshark guesses on */
	{ "malformed/suricata-verify--bug-6875-01-fuzz.pcap",
		{ { 1, 1, 0, 174, 1, 1, 0, 1, 0, 0, 0, 0, 0 } } },
	/* payload length 0 in a frame cut after 184 octets: the length on the wire counts */
	{ "malformed/tcpdump--ipv6_missing_jumbo_payload_option.pcap",
		{ { 1, 0, 1, 262130, 1, 0, 1, 0, 0, 0, 0, 1, 0 } } },
	/* link types of Juniper and Solaris: unsupported */
	{ "linktypes/tcpdump--bgp-aigp.pcap", { { 1 } } },
	{ "linktypes/tcpdump--e1000g.pcap", { { 20 } } },
	{ "malformed/tcpdump--juniper_monitor_invalid_cookie_length.pcap", { { 1 } } },
	/* link types of switches, which tshark refuses: 6 and 11 ICMP packets of 84 octets */
	{ "vlan-mpls/libpcap--dsa.pcap", { { 8, 6, 0, 504, 2, 2, 0, 0, 0, 6, 0, 0, 0 } } },
	{ "vlan-mpls/tcpdump--brcm-tag-prepend.pcap",
		{ { 15, 11, 0, 924, 3, 3, 0, 0, 0, 11, 0, 0, 0 } } },
	/* tshark does not know the version of four of Arista's time stamps */
	{ "vlan-mpls/tcpdump--arista_ether.pcap",
		{ { 16, 16, 0, 1248, 1, 1, 0, 0, 0, 0, 0, 16, 0 } } },
	{ NULL, { { 0 } } },
};

/* As the reference has it: direction as sent, no VLAN, ICMP type and code as destination port. */
struct uniflow {
	uint8_t version, protocol;
	uint16_t port[2];
	uint8_t address[2][16];
};

struct tally {
	struct counts counts;
	struct uniflow *flows;
	size_t room;
};

static struct uniflow uniflow_of(const struct sf_facts *facts)
{
	struct uniflow flow = { .version = facts->version, .protocol = facts->protocol };
	unsigned from = facts->flags & SF_FACT_SWAPPED ? 1 : 0;

	for (unsigned i = 0; i < 2; i++) {
		unsigned side = i ^ from;
		uint32_t address = htobe32((uint32_t)(facts->address >> (side ? 0 : 32)));

		flow.port[i] = (uint16_t)(facts->ports >> (side ? 0 : 16));
		if (facts->version == 4)
			memcpy(flow.address[i], &address, 4);
		else
			memcpy(flow.address[i], facts->address6[side], 16);
	}
	if (facts->protocol == (facts->version == 4 ? 1 : 58)) {
		flow.port[1] = flow.port[0];
		flow.port[0] = 0;
	}
	return flow;
}

static void count_packet(const struct sf_packet *packet, void *context)
{
	struct tally *tally = context;
	uint64_t *value = tally->counts.value;
	struct sf_facts facts;

	value[FRAMES]++;
	if (sf_parse(packet, &facts) != SF_PARSED)
		return;
	value[facts.version == 4 ? IPV4 : IPV6]++;
	value[OCTETS] += facts.octets;
	value[FRAGMENTS] += facts.flags & SF_FACT_FRAGMENT ? 1 : 0;
	switch (facts.protocol) {
	case 6:
		value[TCP]++;
		break;
	case 17:
		value[UDP]++;
		break;
	case 1:
	case 58:
		value[ICMP]++;
		break;
	case 132:
		value[SCTP]++;
		break;
	default:
		value[OTHER]++;
	}
	if (value[FLOWS] == tally->room) {
		tally->room = tally->room ? 2 * tally->room : 1024;
		tally->flows = realloc(tally->flows, tally->room * sizeof(*tally->flows));
	}
	tally->flows[value[FLOWS]++] = uniflow_of(&facts);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct uniflow));
}

/* From one for each packet to distinct ones. */
static void count_uniflows(struct tally *tally)
{
	uint64_t *value = tally->counts.value, packets = value[FLOWS];

	value[FLOWS] = 0;
	if (packets == 0)
		return;
	qsort(tally->flows, packets, sizeof(*tally->flows), compare);
	for (uint64_t i = 0; i < packets; i++) {
		if (i > 0 && compare(&tally->flows[i], &tally->flows[i - 1]) == 0)
			continue;
		value[FLOWS]++;
		value[tally->flows[i].version == 4 ? FLOWS4 : FLOWS6]++;
	}
}

static void check_row(const char *file, char **fields, void *context)
{
	static const int columns[COUNTS] = { 5, 7, 8, 10, 12, 13, 14, 15, 16, 17, 18, 19, 20 };
	static const char *const names[COUNTS] = { "frames", "IPv4", "IPv6", "octets", "flows",
		"IPv4 flows", "IPv6 flows", "TCP", "UDP", "ICMP", "SCTP", "other", "fragments" };
	struct tally tally = { 0 };
	struct counts expected;
	unsigned *differ = context;

	for (int i = 0; i < COUNTS; i++)
		expected.value[i] = strtoull(fields[columns[i]], NULL, 10);
	expected.value[FRAGMENTS] += strtoull(fields[columns[FRAGMENTS] + 1], NULL, 10);
	for (const struct exception *e = exceptions; e->file; e++)
		if (strcmp(e->file, fields[0]) == 0)
			expected = e->counts;
	capture_read(file, count_packet, &tally);
	count_uniflows(&tally);
	free(tally.flows);
	for (int i = 0; i < COUNTS; i++) {
		if (tally.counts.value[i] == expected.value[i])
			continue;
		fprintf(stderr, "%s: %s: %llu, expected %llu\n", fields[0], names[i],
			(unsigned long long)tally.counts.value[i],
			(unsigned long long)expected.value[i]);
		++*differ;
	}
}

START_TEST(counts_equal_the_reference)
{
	unsigned differ = 0;

	ck_assert_uint_gt(reference_rows(30, check_row, &differ), 100);
	ck_assert_uint_eq(differ, 0);
}
END_TEST

CHECK_MAIN_UNLESS(access(real_captures(), F_OK) < 0 ? real_captures() : NULL, "parse_reference",
	counts_equal_the_reference)
