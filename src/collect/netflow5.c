/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NetFlow v5: a fixed layout, decoded as a data set of a template that nobody sends. Its pads have
 * no field; the offsets are therefore given and not added up.
 */
#include <stdlib.h>

#include "base/wire.h"
#include "collect/internal.h"

/* PROTOCOLS §2, the record of 48 octets: element, offset, length. */
static const struct {
	uint16_t id;
	uint8_t offset, length;
} layout[] = {
	{ 8, 0, 4 },   /* srcaddr */
	{ 12, 4, 4 },  /* dstaddr */
	{ 15, 8, 4 },  /* nexthop */
	{ 10, 12, 2 }, /* input */
	{ 14, 14, 2 }, /* output */
	{ 2, 16, 4 },  /* dPkts */
	{ 1, 20, 4 },  /* dOctets */
	{ 22, 24, 4 }, /* First */
	{ 21, 28, 4 }, /* Last */
	{ 7, 32, 2 },  /* srcport */
	{ 11, 34, 2 }, /* dstport */
	{ 6, 37, 1 },  /* tcp_flags */
	{ 4, 38, 1 },  /* prot */
	{ 5, 39, 1 },  /* tos */
	{ 16, 40, 2 }, /* src_as */
	{ 17, 42, 2 }, /* dst_as */
	{ 9, 44, 1 },  /* src_mask */
	{ 13, 45, 1 }, /* dst_mask */
};

#define FIELDS (sizeof(layout) / sizeof(layout[0]))

struct sf_collect_template *sf_collect_netflow5_template(void)
{
	struct sf_collect_template *template = sf_collect_template_new(FIELDS);

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

int sf_collect_netflow5(struct sf_collect_message *message)
{
	const uint8_t *p = message->start + SF_NETFLOW5_HEADER;
	size_t left = (size_t)(message->end - p);
	size_t count = sf_load_be16(message->start + 2);
	size_t there = left / SF_NETFLOW5_RECORD;
	int result;

	message->p = p;
	result = sf_collect_data_set(message, message->collector->netflow5,
		p + (count < there ? count : there) * SF_NETFLOW5_RECORD);
	if (message->collector->stopped)
		return 0;
	if (result == 0 && (count == 0 || count * SF_NETFLOW5_RECORD != left))
		return sf_collect_malformed(message, message->start + 2,
			"count says %zu records, %zu octets of records arrived", count, left);
	return result;
}
