/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keeps a list of compiled programs, one for each link type that occurred. Captures have one or two
 * link types; the list is searched from its begin, and the program that was used last is the first
 * one.
 *
 * libpcap compiles programs for DLT_ numbers, but packets have LINKTYPE_ numbers. To translate,
 * libpcap is given the header of a capture file with that link type.
 */
#include "filter/filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spanflow_config.h"

#ifdef HAVE_PCAP
#include <pcap/pcap.h>

#include "base/wire.h"

#define SNAPLEN  262144
#define LINK_MAX 64 /* programs, at most; no honest capture has more link types */

struct program {
	struct bpf_program bpf;
	uint32_t kind; /* see packet_kind() */
	bool usable;
};

struct sf_filter {
	struct program programs[LINK_MAX];
	unsigned count;
	char *expression;
	uint8_t *tagged; /* SNAPLEN bytes: a frame with its tag put back */
	struct sf_error warning;
};

#define KIND_FOREIGN 0x10000u /* SF_LINK_NULL: the capturing machine had the other byte order */

/*
 * The kind of packets that a program is compiled for: the link type and, for SF_LINK_NULL, the byte
 * order of the address family before each packet, which is that of the capturing machine. Address
 * families are small numbers; a large one is in the other byte order.
 */
static uint32_t packet_kind(const struct sf_packet *packet)
{
	uint32_t family = 0;

	if (packet->link == SF_LINK_NULL && packet->captured >= sizeof(family))
		memcpy(&family, packet->data, sizeof(family));
	return packet->link | (family > 0xffff ? KIND_FOREIGN : 0);
}

/* A handle of libpcap that compiles programs for this kind. NULL: `text` says why. */
static pcap_t *filter_handle(uint32_t kind, char *text)
{
	struct {
		uint32_t magic;
		uint16_t major, minor;
		uint32_t zone, accuracy, snaplen, link;
	} header = {
		.magic = 0xa1b2c3d4,
		.major = 2,
		.minor = 4,
		.snaplen = SNAPLEN,
		.link = kind & 0xffff,
	};
	pcap_t *pcap;
	FILE *file;

	/* libpcap knows this number on OpenBSD only */
	if (header.link == SF_LINK_RAW_OPENBSD)
		header.link = SF_LINK_RAW;
	if (kind & KIND_FOREIGN) {
		header.magic = __builtin_bswap32(header.magic);
		header.major = __builtin_bswap16(header.major);
		header.minor = __builtin_bswap16(header.minor);
		header.snaplen = __builtin_bswap32(header.snaplen);
		header.link = __builtin_bswap32(header.link);
	}
	file = fmemopen(&header, sizeof(header), "rb");
	if (!file)
		return NULL;
	pcap = pcap_fopen_offline(file, text);
	if (!pcap)
		fclose(file);
	return pcap;
}

static int filter_compile(
	struct sf_filter *filter, struct program *program, uint32_t kind, char *text, size_t size)
{
	char opening[PCAP_ERRBUF_SIZE] = "out of memory";
	pcap_t *pcap = filter_handle(kind, opening);

	program->kind = kind;
	program->usable = false;
	if (!pcap) {
		snprintf(text, size, "%s", opening);
		return -1;
	}
	if (pcap_compile(pcap, &program->bpf, filter->expression, 1, PCAP_NETMASK_UNKNOWN) == 0)
		program->usable = true;
	else
		snprintf(text, size, "%s", pcap_geterr(pcap));
	pcap_close(pcap);
	return program->usable ? 0 : -1;
}

int sf_filter_new(struct sf_filter **filter, const char *expression, struct sf_error *error)
{
	struct sf_filter *new = calloc(1, sizeof(*new));
	char text[PCAP_ERRBUF_SIZE];
	int rc = 0;

	if (!new)
		return sf_error_set(error, -ENOMEM, "no memory for a filter");
	new->expression = strdup(expression);
	new->tagged = malloc(SNAPLEN);
	if (!new->expression || !new->tagged)
		rc = sf_error_set(error, -ENOMEM, "no memory for a filter");
	else if (filter_compile(new, &new->programs[new->count++], SF_LINK_ETHERNET, text,
			 sizeof(text)) < 0)
		rc = sf_error_set(error, SF_EUSAGE,
			"filter \"%s\": %s (pcap-filter(7) describes the language)", expression,
			text);
	if (rc < 0) {
		sf_filter_free(new);
		return rc;
	}
	*filter = new;
	return 0;
}

void sf_filter_free(struct sf_filter *filter)
{
	if (!filter)
		return;
	for (unsigned i = 0; i < filter->count; i++)
		if (filter->programs[i].usable)
			pcap_freecode(&filter->programs[i].bpf);
	free(filter->expression);
	free(filter->tagged);
	free(filter);
}

/* Compiles a program for a new kind of packets. */
static const struct program *filter_add(struct sf_filter *filter, uint32_t kind)
{
	char text[PCAP_ERRBUF_SIZE] = "too many link types";
	struct program *program;
	int rc = -1;

	if (filter->count < LINK_MAX) {
		program = &filter->programs[filter->count++];
		rc = filter_compile(filter, program, kind, text, sizeof(text));
	} else {
		program = NULL;
	}
	if (rc < 0 && filter->warning.code == 0)
		sf_error_set(&filter->warning, SF_EUNSUPPORTED,
			"filter \"%.200s\": no packet of link type %u passes, since it cannot be "
			"compiled for that: %s",
			filter->expression, kind & 0xffff, text);
	return program;
}

static const struct program *filter_program(struct sf_filter *filter, uint32_t kind)
{
	for (unsigned i = 0; i < filter->count; i++) {
		if (filter->programs[i].kind == kind) {
			struct program found = filter->programs[i];

			if (i) {
				filter->programs[i] = filter->programs[0];
				filter->programs[0] = found;
			}
			return &filter->programs[0];
		}
	}
	return filter_add(filter, kind);
}

/* Copies the frame with its VLAN tag put back behind the addresses. Returns the captured length. */
static uint32_t filter_tag(struct sf_filter *filter, const struct sf_packet *packet)
{
	uint32_t rest = packet->captured - 12;
	uint8_t *p = filter->tagged;

	if (rest > SNAPLEN - 16)
		rest = SNAPLEN - 16;
	p = sf_store_bytes(p, packet->data, 12);
	p = sf_store_be16(p, packet->flags & SF_PACKET_VLAN_AD ? 0x88a8 : 0x8100);
	p = sf_store_be16(p, packet->vlan_tci);
	sf_store_bytes(p, packet->data + 12, rest);
	return 16 + rest;
}

bool sf_filter_match(struct sf_filter *filter, const struct sf_packet *packet)
{
	const struct program *program = filter_program(filter, packet_kind(packet));
	struct pcap_pkthdr header = { .caplen = packet->captured, .len = packet->wire };
	const uint8_t *data = packet->data;

	if (!program || !program->usable)
		return false;
	if (packet->flags & SF_PACKET_VLAN && packet->link == SF_LINK_ETHERNET &&
		packet->captured >= 12) {
		header.caplen = filter_tag(filter, packet);
		header.len += 4;
		data = filter->tagged;
	}
	return pcap_offline_filter(&program->bpf, &header, data) != 0;
}

const char *sf_filter_warning(const struct sf_filter *filter)
{
	return filter->warning.code ? filter->warning.text : NULL;
}

#else

int sf_filter_new(struct sf_filter **filter, const char *expression, struct sf_error *error)
{
	(void)filter;
	return sf_error_set(error, SF_EUNSUPPORTED,
		"filter \"%s\": this build of spanflow has no libpcap, which compiles filters "
		"(rebuild with libpcap-dev installed)",
		expression);
}

void sf_filter_free(struct sf_filter *filter)
{
	(void)filter;
}

bool sf_filter_match(struct sf_filter *filter, const struct sf_packet *packet)
{
	(void)filter;
	(void)packet;
	return false;
}

const char *sf_filter_warning(const struct sf_filter *filter)
{
	(void)filter;
	return NULL;
}

#endif
