/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parser on any bytes: link type, flags, tag and missing octets from the first four, then the
 * packet. It is parsed without tunnels, and with all of them open. The fast path and the walk
 * agree, and of a packet cut off anywhere nothing is reported that was not seen whole. Each part
 * lies in its own exactly sized allocation, so that AddressSanitizer sees a read past its end.
 */
#include <stdio.h>
#include <stdlib.h>

#define same(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "fuzz_parse: not so: %s\n", #condition);                   \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#include "parse/details.h"
#include "parse_contract.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint16_t links[] = {
	SF_LINK_ETHERNET,
	SF_LINK_NULL,
	SF_LINK_PPP,
	SF_LINK_FDDI,
	SF_LINK_RAW,
	SF_LINK_PPP_HDLC,
	SF_LINK_PPP_ETHER,
	SF_LINK_C_HDLC,
	SF_LINK_IEEE802_11,
	SF_LINK_FRELAY,
	SF_LINK_LOOP,
	SF_LINK_LINUX_SLL,
	SF_LINK_IEEE802_11_RADIOTAP,
	SF_LINK_PPP_PPPD,
	SF_LINK_PPP_WITH_DIR,
	SF_LINK_MPLS,
	SF_LINK_IPV4,
	SF_LINK_IPV6,
	SF_LINK_NFLOG,
	SF_LINK_LINUX_SLL2,
	SF_LINK_RAW_BSD,
	147,
	/* new ones at the end: seeds go by the place */
	SF_LINK_MFR,
	SF_LINK_PPI,
	SF_LINK_DSA_TAG_BRCM,
	SF_LINK_DSA_TAG_BRCM_PREPEND,
	SF_LINK_DSA_TAG_DSA,
	SF_LINK_DSA_TAG_EDSA,
	SF_LINK_PFLOG,
};

static int parse(
	const struct sf_packet *packet, uint32_t captured, bool inside, struct sf_facts *facts)
{
	struct sf_packet part = *packet;
	uint8_t *copy = malloc(captured ? captured : 1);
	int result;

	same(copy != NULL);
	memcpy(copy, packet->data, captured);
	part.data = copy;
	part.captured = captured;
	memset(facts, 0, sizeof(*facts));
	if (inside) {
		result = parse_inside(&part, facts);
	} else {
		result = sf_parse(&part, facts);
		check_ways(&part, result, facts);
	}
	if (result == SF_PARSED)
		sf_details_read(&part, facts, UINT32_MAX);
	free(copy);
	return result;
}

/* `inside`: with all tunnels open. */
static void check_packet(const struct sf_packet *packet, bool inside)
{
	/* every length of a short packet, about a hundred of a long one */
	uint32_t step = packet->captured / 128 + 1;
	struct sf_facts whole, facts;
	int result = parse(packet, packet->captured, inside, &whole);

	same(result == SF_PARSED || (result >= 0 && result < SF_IGNORED_COUNT));
	for (uint32_t length = 0; length < packet->captured; length += step) {
		int part = parse(packet, length, inside, &facts);

		if (inside)
			check_part_inside(part, &facts, result, &whole);
		else
			check_part(part, &facts, result, &whole);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sf_packet packet = { 0 };

	if (size < 4 || size > 8192)
		return 0;
	packet.link = links[data[0] % (sizeof(links) / sizeof(links[0]))];
	packet.flags = data[1] & 7;
	packet.vlan_tci = data[2];
	packet.data = data + 4;
	packet.captured = (uint32_t)size - 4;
	packet.wire = packet.captured + data[3] * 16u;
	packet.time_ns = 1;
	check_packet(&packet, false);
	check_packet(&packet, true);
	return 0;
}
