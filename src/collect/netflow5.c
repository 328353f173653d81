/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NetFlow v5 has a fixed layout. It is decoded as a data set, with a template that is made here.
 * Pad bytes have no field, so the offsets are given and not added up.
 *
 * The header has two bits of sampling mode (1: every Nth packet, 2: at random) and 14 bits of
 * interval. They become the fields samplingInterval and samplingAlgorithm behind those of each
 * record. 0 in the header means unknown; then there is no such field.
 */
#include <stdlib.h>

#include "base/element_id.h"
#include "base/wire.h"
#include "collect/internal.h"

/* Fields of the record of 48 bytes: element, offset, length. */
static const struct {
	uint16_t id;
	uint8_t offset, length;
} layout[] = {
	{ SF_IE_sourceIPv4Address, 0, 4 },            /* srcaddr */
	{ SF_IE_destinationIPv4Address, 4, 4 },       /* dstaddr */
	{ SF_IE_ipNextHopIPv4Address, 8, 4 },         /* nexthop */
	{ SF_IE_ingressInterface, 12, 2 },            /* input */
	{ SF_IE_egressInterface, 14, 2 },             /* output */
	{ SF_IE_packetDeltaCount, 16, 4 },            /* dPkts */
	{ SF_IE_octetDeltaCount, 20, 4 },             /* dOctets */
	{ SF_IE_flowStartSysUpTime, 24, 4 },          /* First */
	{ SF_IE_flowEndSysUpTime, 28, 4 },            /* Last */
	{ SF_IE_sourceTransportPort, 32, 2 },         /* srcport */
	{ SF_IE_destinationTransportPort, 34, 2 },    /* dstport */
	{ SF_IE_tcpControlBits, 37, 1 },              /* tcp_flags */
	{ SF_IE_protocolIdentifier, 38, 1 },          /* prot */
	{ SF_IE_ipClassOfService, 39, 1 },            /* tos */
	{ SF_IE_bgpSourceAsNumber, 40, 2 },           /* src_as */
	{ SF_IE_bgpDestinationAsNumber, 42, 2 },      /* dst_as */
	{ SF_IE_sourceIPv4PrefixLength, 44, 1 },      /* src_mask */
	{ SF_IE_destinationIPv4PrefixLength, 45, 1 }, /* dst_mask */
};

#define FIELDS (sizeof(layout) / sizeof(layout[0]))

#define SAMPLING_FIELDS 2
#define SAMPLING_OFFSET 22 /* of mode and interval in the header */

struct sf_collect_template *sf_collect_netflow5_template(void)
{
	struct sf_collect_template *template =
		sf_collect_template_new(FIELDS + SAMPLING_FIELDS, SAMPLING_FIELDS);

	if (!template)
		return NULL;
	for (unsigned i = 0; i < FIELDS; i++) {
		template->fields[i].id = layout[i].id;
		template->lengths[i] = layout[i].length;
	}
	sf_collect_template_compile(template);
	for (unsigned i = 0; i < FIELDS; i++)
		template->offsets[i] = layout[i].offset;
	template->min_length = SF_NETFLOW5_RECORD;
	return template;
}

/* Adds a field with this value to all records of the message. */
static void constant_add(
	struct sf_collect_template *template, uint16_t id, uint8_t *store, uint16_t length)
{
	unsigned at = template->field_count + template->constant_count++;

	template->fields[at] = (struct sf_field_value){ .id = id, .length = length, .data = store };
	template->lengths[at] = length;
}

static void sampling_read(struct sf_collect_template *template, const uint8_t *header)
{
	uint16_t value = sf_load_be16(header + SAMPLING_OFFSET);
	/* the last scratch values, because relative times use the first ones */
	uint8_t *interval = template->scratch[SF_COLLECT_SCRATCH - 2];
	uint8_t *algorithm = template->scratch[SF_COLLECT_SCRATCH - 1];

	template->constant_count = 0;
	if ((value & 0x3fff) == 0)
		return;
	sf_store_be32(interval, value & 0x3fff);
	constant_add(template, SF_IE_samplingInterval, interval, 4);
	*algorithm = (uint8_t)(value >> 14);
	if (*algorithm)
		constant_add(template, SF_IE_samplingAlgorithm, algorithm, 1);
}

/*
 * Decodes the records. Zeros may follow, because some exporters pad their datagrams. A header
 * alone, which says that there are no records, finds out whether somebody listens.
 */
int sf_collect_netflow5(struct sf_collect_message *message)
{
	const uint8_t *p = message->start + SF_NETFLOW5_HEADER;
	size_t left = (size_t)(message->end - p);
	size_t count = sf_load_be16(message->start + 2);
	size_t there = left / SF_NETFLOW5_RECORD;
	size_t length = (count < there ? count : there) * SF_NETFLOW5_RECORD;
	int result;

	sampling_read(message->collector->netflow5, message->start);
	sf_collect_note_elements(message->collector, message->collector->netflow5);
	message->p = p;
	result = sf_collect_data_set(message, message->collector->netflow5, p + length);
	if (message->collector->stopped || result)
		return result;
	if ((count == 0 && left) || count > there || !sf_collect_all_zero(p + length, message->end))
		return sf_collect_malformed(message, message->start + 2,
			"count says %zu records, %zu bytes of records arrived", count, left);
	return 0;
}
