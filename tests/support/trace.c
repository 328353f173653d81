/* SPDX-License-Identifier: BSD-2-Clause */
/* See trace.h. One frame is under construction at a time. */
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENT 1448

static struct pb frame;

void trace_add(struct trace *trace, int64_t time_ns, const struct pb *pb)
{
	struct trace_packet *packet;
	uint32_t length = (uint32_t)pb->length;

	if (trace->count == trace->room) {
		trace->room = trace->room ? trace->room * 2 : 64;
		trace->packets = realloc(trace->packets, trace->room * sizeof(*packet));
	}
	packet = &trace->packets[trace->count];
	packet->time_ns = time_ns;
	packet->order = trace->count++;
	packet->wire = length;
	packet->captured = trace->snaplen && trace->snaplen < length ? trace->snaplen : length;
	packet->data = malloc(packet->captured + 1);
	memcpy(packet->data, pb->data, packet->captured);
}

static int by_time(const void *left, const void *right)
{
	const struct trace_packet *a = left, *b = right;

	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

void trace_sort(struct trace *trace)
{
	if (trace->count)
		qsort(trace->packets, trace->count, sizeof(*trace->packets), by_time);
}

void trace_free(struct trace *trace)
{
	for (uint32_t i = 0; i < trace->count; i++)
		free(trace->packets[i].data);
	free(trace->packets);
	memset(trace, 0, sizeof(*trace));
}

void trace_pcap(struct trace *trace, struct cw *cw, uint16_t link, unsigned flags)
{
	trace_sort(trace);
	cw_pcap(cw, link, trace->snaplen ? trace->snaplen : 262144, flags);
	for (uint32_t i = 0; i < trace->count; i++) {
		const struct trace_packet *packet = &trace->packets[i];

		cw_record(cw, packet->time_ns, packet->data, packet->captured, packet->wire);
	}
	trace_free(trace);
}

struct pb *talk_begin(struct talk *talk, enum talk_end from)
{
	struct pb_ip ip;

	pb_start(&frame);
	if (talk->link) {
		talk->link(&frame, talk, from);
	} else {
		uint32_t client = talk->station[CLIENT] ? talk->station[CLIENT] : 1;
		uint32_t server = talk->station[SERVER] ? talk->station[SERVER] : 2;

		pb_ethernet(
			&frame, from == CLIENT ? client : server, from == CLIENT ? server : client);
		if (talk->vlan)
			pb_vlan(&frame, 0x8100, talk->vlan);
	}
	pb_address(&ip, talk->address[from], talk->address[!from]);
	ip.tos = talk->tos;
	ip.ttl = talk->ttl[from] ? talk->ttl[from] : 64;
	ip.id = ++talk->id[from];
	pb_ip_header(&frame, &ip);
	return &frame;
}

void talk_send(struct talk *talk, struct pb *pb)
{
	pb_finish(pb);
	pb_pad(pb, talk->pad);
	trace_add(talk->trace, talk->time, pb);
	talk->time += talk->step ? talk->step : 10 * MS;
}

/* Flags, sequence and acknowledgement of the next segment; counts what it takes. */
static struct pb *segment(struct talk *talk, enum talk_end from, uint16_t flags, size_t payload)
{
	struct pb *pb = talk_begin(talk, from);

	pb_tcp(pb, talk->port[from], talk->port[!from], flags, talk->sequence[from],
		flags & PB_ACK ? talk->sequence[!from] : 0);
	talk->sequence[from] += (uint32_t)payload + (flags & (PB_SYN | PB_FIN) ? 1 : 0);
	return pb;
}

void talk_tcp(struct talk *talk, enum talk_end from, uint16_t flags, size_t payload)
{
	struct pb *pb = segment(talk, from, flags, payload);

	pb_fill(pb, payload);
	talk_send(talk, pb);
}

void talk_udp(struct talk *talk, enum talk_end from, size_t payload)
{
	struct pb *pb = talk_begin(talk, from);

	pb_udp(pb, talk->port[from], talk->port[!from]);
	pb_fill(pb, payload);
	talk_send(talk, pb);
}

void talk_icmp(struct talk *talk, enum talk_end from, uint8_t type, uint8_t code, uint32_t rest,
	size_t payload)
{
	struct pb *pb = talk_begin(talk, from);

	pb_icmp(pb, type, code, rest);
	pb_fill(pb, payload);
	talk_send(talk, pb);
}

void talk_tcp_open(struct talk *talk)
{
	talk_tcp(talk, CLIENT, PB_SYN, 0);
	talk_tcp(talk, SERVER, PB_SYN | PB_ACK, 0);
	talk_tcp(talk, CLIENT, PB_ACK, 0);
}

void talk_tcp_close(struct talk *talk)
{
	talk_tcp(talk, CLIENT, PB_FIN | PB_ACK, 0);
	talk_tcp(talk, SERVER, PB_FIN | PB_ACK, 0);
	talk_tcp(talk, CLIENT, PB_ACK, 0);
}

void talk_web(struct talk *talk, const char *path, unsigned segments)
{
	char request[256];
	int length = snprintf(request, sizeof(request),
		"GET %s HTTP/1.1\r\nHost: www.example.net\r\nAccept: */*\r\n\r\n", path);
	struct pb *pb = segment(talk, CLIENT, PB_PSH | PB_ACK, (size_t)length);

	pb_bytes(pb, request, (size_t)length);
	talk_send(talk, pb);
	for (unsigned i = 0; i < segments; i++) {
		bool last = i + 1 == segments;
		size_t size = last ? SEGMENT / 2 + 37 * segments % 600 : SEGMENT;

		talk_tcp(talk, SERVER, last ? PB_PSH | PB_ACK : PB_ACK, size);
		if (i % 2 == 1 || last)
			talk_tcp(talk, CLIENT, PB_ACK, 0);
	}
}

void talk_dns_message(struct talk *talk, enum talk_end from, const char *name, uint16_t id)
{
	struct pb *pb = talk_begin(talk, from);
	bool answer = from == SERVER;

	pb_udp(pb, talk->port[from], talk->port[!from]);
	pb_be16(pb, id);
	pb_be16(pb, answer ? 0x8180 : 0x0100);
	pb_be16(pb, 1);
	pb_be16(pb, answer);
	pb_be32(pb, 0);
	for (const char *label = name; *label;) {
		size_t length = strcspn(label, ".");

		pb_bytes(pb, (const uint8_t[]){ (uint8_t)length }, 1);
		pb_bytes(pb, label, length);
		label += length + (label[length] == '.');
	}
	pb_bytes(pb, "", 1);
	pb_be32(pb, 0x00010001);
	if (answer) {
		pb_be16(pb, 0xc00c);
		pb_be32(pb, 0x00010001);
		pb_be32(pb, 300);
		pb_be16(pb, 4);
		pb_bytes(pb, (const uint8_t[]){ 198, 51, 100, 80 }, 4);
	}
	talk_send(talk, pb);
}

void talk_dns(struct talk *talk, const char *name, uint16_t id)
{
	talk_dns_message(talk, CLIENT, name, id);
	talk_dns_message(talk, SERVER, name, id);
}

void talk_ntp(struct talk *talk)
{
	for (enum talk_end from = CLIENT; from <= SERVER; from++) {
		struct pb *pb = talk_begin(talk, from);

		pb_udp(pb, talk->port[from], talk->port[!from]);
		pb_be32(pb, from == CLIENT ? 0x23000000 : 0x24020000); /* version 4, mode 3 or 4 */
		for (unsigned i = 0; i < 11; i++)
			pb_be32(pb, 0);
		talk_send(talk, pb);
	}
}

void talk_ping(struct talk *talk, unsigned count, int64_t interval)
{
	bool v6 = strchr(talk->address[CLIENT], ':');

	for (unsigned i = 0; i < count; i++) {
		int64_t start = talk->time;
		uint32_t rest = 0x4d2u << 16 | (i + 1);

		talk_icmp(talk, CLIENT, v6 ? 128 : 8, 0, rest, 56);
		talk_icmp(talk, SERVER, v6 ? 129 : 0, 0, rest, 56);
		talk->time = start + interval;
	}
}
