/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the payload of a packet and offers it to the readers that are wanted. */
#include "apps/apps.h"

#include <errno.h>
#include <stdlib.h>

#include "apps/reader.h"
#include "base/annex.h"
#include "base/wire.h"

enum { TCP = 6, UDP = 17, IPV6_HEADER = 40, EXTENSIONS_MAX = 8 };

static const struct row {
	uint64_t facts; /* any of these is wanted: the reader runs */
	bool tcp, udp;
	sf_app_reader *read;
} rows[] = {
	{ SF_FACT_SET(dns), true, true, sf_app_dns },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

struct sf_apps {
	unsigned count[2]; /* readers for UDP, TCP */
	sf_app_reader *readers[2][ROWS];
	struct sf_app found;
};

int sf_apps_new(struct sf_apps **apps, uint64_t facts)
{
	struct sf_apps *made;

	*apps = NULL;
	if (!(facts & SF_FACT_SET(app)))
		return 0;
	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	for (const struct row *row = rows; row < rows + ROWS; row++) {
		if (row->facts & facts && row->udp)
			made->readers[0][made->count[0]++] = row->read;
		if (row->facts & facts && row->tcp)
			made->readers[1][made->count[1]++] = row->read;
	}
	*apps = made;
	return 0;
}

void sf_apps_free(struct sf_apps *apps)
{
	free(apps);
}

/* Bytes of the IPv6 header at `ip` with its extension headers, as far as they were captured; 0: cut. */
static size_t ipv6_headers(const uint8_t *ip, size_t captured)
{
	enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, AH = 51, DESTINATION = 60 };
	size_t offset = IPV6_HEADER;
	uint8_t next = captured > 6 ? ip[6] : 0;

	for (unsigned n = 0; n < EXTENSIONS_MAX; n++) {
		bool is_ah = next == AH;

		if (next != HOP_BY_HOP && next != ROUTING && next != FRAGMENT &&
			next != DESTINATION && !is_ah)
			return next == TCP || next == UDP ? offset : 0;
		if (captured < offset + 8)
			return 0;
		next = ip[offset];
		offset += is_ah ? (ip[offset + 1] + 2u) * 4u : (ip[offset + 1] + 1u) * 8u;
	}
	return 0;
}

/* Bytes of the transport header at `p`, and of its payload as the UDP header says. 0: it is cut or wrong. */
static size_t transport_header(const uint8_t *p, size_t captured, bool tcp, size_t *wire)
{
	enum { TCP_HEADER = 20, UDP_HEADER = 8 };
	size_t length;

	if (captured < (tcp ? TCP_HEADER : UDP_HEADER))
		return 0;
	if (tcp) {
		length = (p[12] >> 4) * 4u;
		return length >= TCP_HEADER && length <= *wire ? length : 0;
	}
	length = sf_load_be16(p + 4);
	if (length >= UDP_HEADER && length < *wire)
		*wire = length;
	return UDP_HEADER;
}

/* False: the packet has no payload that could be read. */
static bool find_payload(
	struct sf_payload *payload, const struct sf_packet *packet, const struct sf_facts *facts)
{
	const uint8_t *ip = packet->data + facts->l3_offset;
	size_t captured = sf_facts_captured(facts, packet->captured), wire = facts->octets, header;

	payload->tcp = facts->protocol == TCP;
	header = facts->version == 6 ? ipv6_headers(ip, captured) : (ip[0] & 0x0f) * 4u;
	if (!header || captured <= header)
		return false;
	ip += header;
	captured -= header;
	wire -= header;
	header = transport_header(ip, captured, payload->tcp, &wire);
	if (!header || captured <= header || wire <= header)
		return false;
	payload->bytes = ip + header;
	payload->wire = wire - header;
	payload->length = captured - header < payload->wire ? captured - header : payload->wire;
	payload->ports[0] = sf_load_be16(ip);
	payload->ports[1] = sf_load_be16(ip + 2);
	return true;
}

void sf_apps_look(struct sf_apps *apps, const struct sf_packet *packet, struct sf_facts *facts)
{
	struct sf_payload payload;

	if ((facts->protocol != TCP && facts->protocol != UDP) || facts->flags & SF_FACT_FRAGMENT ||
		!apps->count[facts->protocol == TCP] || !find_payload(&payload, packet, facts))
		return;
	for (unsigned i = 0; i < apps->count[payload.tcp]; i++)
		if (apps->readers[payload.tcp][i](&payload, &apps->found)) {
			facts->app = &apps->found;
			facts->tcp_flags |= SF_TCP_FLAGS_APP;
			return;
		}
}
