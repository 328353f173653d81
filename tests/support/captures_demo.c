/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * demo.pcap: a minute of a small office, about forty conversations. Clients 192.0.2.x and
 * 2001:db8:1::x; servers, resolver and the rest of the world in the other documentation ranges
 * (RFC 5737, RFC 3849).
 */
#include <stddef.h>
#include <stdio.h>

#include <spanflow/packet.h>

#include "captures.h"
#include "trace.h"

#define RESOLVER  "192.0.2.53"
#define RESOLVER6 "2001:db8:1::53"

/* Time in the minute, in ms; from whom to whom. */
static struct talk meet(struct trace *trace, int64_t at_ms, const char *client, uint16_t port,
	const char *server, uint16_t service)
{
	return (struct talk){
		.trace = trace,
		.address = { client, server },
		.port = { port, service },
		.station = { port % 7 + 0x10, 1 },
		.ttl = { 64, 57 },
		.pad = 60,
		.time = TRACE_START + at_ms * MS + port % 997 * 1000,
		.step = (3 + port % 11) * MS + port * 100,
		.sequence = { port * 7919u, port * 104729u },
		.id = { port, port / 3 },
	};
}

static void lookup(
	struct trace *trace, int64_t at_ms, const char *client, uint16_t port, const char *name)
{
	bool v6 = client[4] == ':';
	struct talk talk = meet(trace, at_ms, client, port, v6 ? RESOLVER6 : RESOLVER, 53);

	talk.ttl[SERVER] = 64;
	talk_dns(&talk, name, port);
}

/* A page: connection, some requests, close. */
static void page(struct trace *trace, int64_t at_ms, const char *client, uint16_t port,
	const char *server, uint16_t service, unsigned requests, unsigned segments)
{
	struct talk talk = meet(trace, at_ms, client, port, server, service);

	talk_tcp_open(&talk);
	for (unsigned i = 0; i < requests; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/%s%u", i ? "image" : "page", i);
		talk_web(&talk, path, segments + i % 3);
		talk.time += 40 * MS;
	}
	talk_tcp_close(&talk);
}

static void browsing(struct trace *trace)
{
	static const struct {
		int at_ms;
		const char *client, *name, *server;
		uint16_t port, service;
		unsigned requests, segments;
	} visits[] = {
		{ 200, "192.0.2.10", "www.example.com", "198.51.100.80", 49152, 443, 3, 6 },
		{ 1900, "192.0.2.11", "news.example.org", "203.0.113.17", 50210, 443, 2, 12 },
		{ 4100, "2001:db8:1::12", "www.example.net", "2001:db8:80::1", 51044, 443, 4, 5 },
		{ 9300, "192.0.2.13", "updates.example", "198.51.100.21", 52001, 80, 1, 40 },
		{ 15200, "2001:db8:1::10", "cdn.example.net", "2001:db8:80::2", 53553, 443, 2, 18 },
		{ 22800, "192.0.2.14", "www.example.org", "203.0.113.80", 54321, 80, 2, 4 },
		{ 31000, "192.0.2.10", "shop.example", "198.51.100.99", 55120, 443, 3, 7 },
		{ 38400, "2001:db8:1::15", "www.example.com", "2001:db8:80::3", 56789, 443, 1, 9 },
		{ 47500, "192.0.2.11", "mail.example.org", "203.0.113.25", 57005, 993, 2, 3 },
		{ 54000, "192.0.2.16", "www.example.net", "198.51.100.81", 58008, 443, 2, 6 },
	};

	for (size_t i = 0; i < sizeof(visits) / sizeof(visits[0]); i++) {
		lookup(trace, visits[i].at_ms - 60, visits[i].client, visits[i].port + 1,
			visits[i].name);
		page(trace, visits[i].at_ms, visits[i].client, visits[i].port, visits[i].server,
			visits[i].service, visits[i].requests, visits[i].segments);
	}
}

/* A login that lives all the time, one keystroke every second or two. */
static void terminal(struct trace *trace)
{
	struct talk talk = meet(trace, 100, "192.0.2.17", 49999, "198.51.100.22", 22);

	talk_tcp_open(&talk);
	for (unsigned i = 0; i < 30; i++) {
		talk_tcp(&talk, CLIENT, PB_PSH | PB_ACK, 36);
		talk_tcp(&talk, SERVER, PB_PSH | PB_ACK, 36 + i % 5 * 40);
		talk_tcp(&talk, CLIENT, PB_ACK, 0);
		talk.time += 1500 * MS + i % 4 * 300 * MS;
	}
}

/* A call in VLAN 20, marked for expedited forwarding: 20 ms of sound in each packet. */
static void call(struct trace *trace)
{
	struct talk talk = meet(trace, 25000, "192.0.2.130", 16384, "203.0.113.60", 16400);

	talk.vlan = 20;
	talk.tos = 46 << 2;
	talk.step = 10 * MS;
	for (unsigned i = 0; i < 120; i++)
		talk_udp(&talk, i % 2 ? SERVER : CLIENT, 172);
}

/* Someone tries doors: closed ones answer with a reset, filtered ones not at all. */
static void scan(struct trace *trace)
{
	static const uint16_t doors[] = { 21, 22, 23, 25, 80, 445, 3389, 8080 };

	for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++) {
		struct talk talk = meet(trace, 43000 + (int64_t)i * 20, "203.0.113.200", 61000,
			"192.0.2.10", doors[i]);

		talk_tcp(&talk, CLIENT, PB_SYN, 0);
		if (i % 3 != 2)
			talk_tcp(&talk, SERVER, PB_RST | PB_ACK, 0);
	}
}

static void demo(struct cw *cw)
{
	struct trace trace = { 0 };
	struct talk talk;

	browsing(&trace);
	terminal(&trace);
	call(&trace);
	scan(&trace);
	talk = meet(&trace, 6000, "192.0.2.11", 0, "198.51.100.1", 0);
	talk_ping(&talk, 5, SECOND);
	talk = meet(&trace, 12000, "2001:db8:1::12", 0, "2001:db8:80::1", 0);
	talk_ping(&talk, 4, SECOND);
	for (uint16_t i = 0; i < 3; i++) { /* time */
		talk = meet(&trace, 2500 + i * 16000, "192.0.2.10", 123, "203.0.113.123", 123);
		talk_ntp(&talk);
	}
	for (uint16_t i = 0; i < 6; i++) { /* someone looks for a printer */
		talk = meet(&trace, 500 + i * 10000, "192.0.2.30", 5353, "224.0.0.251", 5353);
		talk.station[SERVER] = 0xfb;
		talk_dns_message(&talk, CLIENT, "_ipp._tcp.local", 0);
	}
	trace_pcap(&trace, cw, SF_LINK_ETHERNET, 0);
}

const struct capture captures_demo[] = {
	{ "demo.pcap", demo },
	{ NULL, NULL },
};
