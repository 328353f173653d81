/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conversations for captures made by the tests: a `talk` has two ends and a clock, each call
 * sends one packet (or a whole exchange) into a `trace`, which sorts by time when it is written.
 */
#ifndef TESTS_TRACE_H
#define TESTS_TRACE_H

#include "capture_write.h"
#include "packet_build.h"

/* 2024-01-01T00:00:00Z, in ns */
#define TRACE_START INT64_C(1704067200000000000)
#define MS          INT64_C(1000000)
#define SECOND      INT64_C(1000000000)

struct trace_packet {
	int64_t time_ns;
	uint32_t order; /* of being sent, for packets of one time */
	uint32_t captured, wire;
	uint8_t *data;
};

struct trace {
	struct trace_packet *packets;
	uint32_t count, room;
	uint32_t snaplen; /* 0: whole packets */
};

void trace_add(struct trace *trace, int64_t time_ns, const struct pb *pb);
void trace_sort(struct trace *trace);
void trace_free(struct trace *trace);
/* Sorted, as a pcap file; frees the trace. */
void trace_pcap(struct trace *trace, struct cw *cw, uint16_t link, unsigned flags);

enum talk_end { CLIENT, SERVER };

struct talk {
	struct trace *trace;
	/* what stands before IP; NULL: Ethernet. `from` sends. */
	void (*link)(struct pb *pb, const struct talk *talk, enum talk_end from);
	const char *address[2];
	uint16_t port[2];
	uint32_t station[2]; /* 0: 1 and 2 */
	uint16_t vlan;       /* Ethernet only, 0: none */
	uint8_t tos;
	uint8_t ttl[2]; /* 0: 64 */
	uint16_t pad;   /* shortest frame; 0: none */
	int64_t time;   /* of the next packet */
	int64_t step;   /* from packet to packet; 0: 10 ms */
	uint32_t sequence[2];
	uint16_t id[2]; /* IPv4 identification of the next packet */
};

/* The link and IP headers of the next packet; the caller adds the rest, then talk_send(). */
struct pb *talk_begin(struct talk *talk, enum talk_end from);
void talk_send(struct talk *talk, struct pb *pb);

void talk_tcp(struct talk *talk, enum talk_end from, uint16_t flags, size_t payload);
void talk_udp(struct talk *talk, enum talk_end from, size_t payload);
void talk_icmp(struct talk *talk, enum talk_end from, uint8_t type, uint8_t code, uint32_t rest,
	size_t payload);

void talk_tcp_open(struct talk *talk);  /* SYN, SYN+ACK, ACK */
void talk_tcp_close(struct talk *talk); /* FIN, FIN, ACK */
/* A request and `segments` full segments of answer, each second one acknowledged. */
void talk_web(struct talk *talk, const char *path, unsigned segments);
/* A query for `name`, or the answer with one A record (RFC 1035); and both. */
void talk_dns_message(struct talk *talk, enum talk_end from, const char *name, uint16_t id);
void talk_dns(struct talk *talk, const char *name, uint16_t id);
/* RFC 5905: a request and its answer, of no use to set a clock by. */
void talk_ntp(struct talk *talk);
void talk_ping(struct talk *talk, unsigned count, int64_t interval);

#endif
