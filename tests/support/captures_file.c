/* SPDX-License-Identifier: BSD-2-Clause */
/* Captures about the file formats rather than what is in the packets. */
#include <stddef.h>

#include <spanflow/packet.h>

#include "captures.h"
#include "trace.h"

static struct talk web_talk(struct trace *trace, uint16_t port, int64_t time)
{
	return (struct talk){
		.trace = trace,
		.address = { "192.0.2.20", "203.0.113.80" },
		.port = { port, 80 },
		.time = time,
		.sequence = { 100, 200 },
	};
}

static void web_session(struct trace *trace, uint16_t port, int64_t time)
{
	struct talk talk = web_talk(trace, port, time);

	talk_tcp_open(&talk);
	talk_web(&talk, "/index.html", 2);
	talk_tcp_close(&talk);
}

static void empty(struct cw *cw)
{
	cw_pcap(cw, SF_LINK_ETHERNET, 262144, 0);
}

static void nanoseconds_big_endian(struct cw *cw)
{
	struct trace trace = { 0 };
	struct talk talk = web_talk(&trace, 41000, TRACE_START + 123456789);

	talk.step = 1234567;
	talk_tcp_open(&talk);
	talk_web(&talk, "/", 1);
	talk_tcp_close(&talk);
	trace_pcap(&trace, cw, SF_LINK_ETHERNET, CW_BIG_ENDIAN | CW_NANO);
}

/* A link type that no parser knows: 147, the first one for private use. */
static void unknown_link(struct cw *cw)
{
	struct trace trace = { 0 };

	web_session(&trace, 41000, TRACE_START);
	trace_pcap(&trace, cw, 147, 0);
}

/* The last record ends in the middle of its packet. */
static void cut_off(struct cw *cw)
{
	struct trace trace = { 0 };

	web_session(&trace, 41000, TRACE_START);
	web_session(&trace, 41001, TRACE_START + SECOND);
	trace_pcap(&trace, cw, SF_LINK_ETHERNET, 0);
	cw->size -= 30;
}

static void compressed(struct cw *cw)
{
	struct trace trace = { 0 };

	web_session(&trace, 41000, TRACE_START);
	web_session(&trace, 41001, TRACE_START + SECOND);
	trace_pcap(&trace, cw, SF_LINK_ETHERNET, 0);
}

static void gzip(struct cw *cw)
{
	compressed(cw);
	cw_gzip(cw);
}

static void zstd(struct cw *cw)
{
	compressed(cw);
	cw_zstd(cw);
}

static void raw_link(struct pb *pb, const struct talk *talk, enum talk_end from)
{
	(void)pb;
	(void)talk;
	(void)from;
}

/*
 * Two sections of opposite byte order. The first has Ethernet at microseconds, raw IP at
 * nanoseconds and an interface at 2^-20 s with a short snap length; the second has raw IP at
 * milliseconds as interface 0, and a link type that is not known. In between: blocks of unknown
 * types, and a simple packet block.
 */
static void sections(struct cw *cw)
{
	struct trace trace = { 0 }, raw = { 0 };
	struct talk talk = web_talk(&raw, 42000, TRACE_START);
	const struct trace_packet *packet;

	talk.link = raw_link;
	talk_tcp_open(&talk);
	talk_web(&talk, "/", 1);
	talk_tcp_close(&talk);
	web_session(&trace, 42001, TRACE_START + 1 * MS);
	cw_section(cw, 0);
	cw_interface(cw, SF_LINK_ETHERNET, 262144, 6, "eth0");
	cw_interface(cw, SF_LINK_RAW, 0, 9, "tun0");
	cw_interface(cw, SF_LINK_ETHERNET, 60, 0x80 | 20, NULL);
	/* a custom block of the enterprise number for documentation (RFC 5612) */
	cw_unknown_block(cw, 0x0bad, "\xd9\x7e\0\0", 4);
	for (uint32_t i = 0; i < trace.count; i++) {
		uint32_t captured, odd = i % 2;

		packet = &trace.packets[i];
		captured = odd && packet->captured > 60 ? 60 : packet->captured;
		cw_packet(cw, odd ? 2 : 0, packet->time_ns, packet->data, captured, packet->wire);
		if (i >= raw.count / 2)
			continue;
		packet = &raw.packets[i];
		cw_packet(cw, 1, packet->time_ns, packet->data, packet->captured, packet->wire);
	}
	packet = &trace.packets[0];
	cw_simple_packet(cw, packet->data, packet->captured, packet->wire);
	cw_section(cw, CW_BIG_ENDIAN);
	cw_interface(cw, SF_LINK_RAW, 262144, 3, "tun1");
	cw_interface(cw, 147, 262144, 6, "odd0");
	cw_packet(cw, 1, TRACE_START + SECOND, packet->data, packet->captured, packet->wire);
	for (uint32_t i = raw.count / 2; i < raw.count; i++) {
		packet = &raw.packets[i];
		cw_packet(cw, 0, packet->time_ns, packet->data, packet->captured, packet->wire);
	}
	cw_unknown_block(cw, 0x80000001, "skip me", 7);
	trace_free(&trace);
	trace_free(&raw);
}

/* Conversations that the pairs of files below share. */
static void shared_sessions(struct trace *trace)
{
	for (uint16_t i = 0; i < 4; i++)
		web_session(trace, 43000 + i, TRACE_START + i * 45 * MS);
	trace_sort(trace);
}

/* The two sides of a tap, by the station that sent: 1 is the client. */
static void tap(struct cw *cw, uint8_t station)
{
	struct trace trace = { 0 };

	shared_sessions(&trace);
	cw_pcap(cw, SF_LINK_ETHERNET, 262144, 0);
	for (uint32_t i = 0; i < trace.count; i++) {
		const struct trace_packet *packet = &trace.packets[i];

		if (packet->data[11] == station)
			cw_record(
				cw, packet->time_ns, packet->data, packet->captured, packet->wire);
	}
	trace_free(&trace);
}

static void tap_a(struct cw *cw)
{
	tap(cw, 1);
}

static void tap_b(struct cw *cw)
{
	tap(cw, 2);
}

/* A capture rotated in the middle of its conversations. */
static void rotated(struct cw *cw, bool second)
{
	struct trace trace = { 0 };

	shared_sessions(&trace);
	cw_pcap(cw, SF_LINK_ETHERNET, 262144, 0);
	for (uint32_t i = 0; i < trace.count; i++) {
		const struct trace_packet *packet = &trace.packets[i];

		if ((i >= trace.count / 2) == second)
			cw_record(
				cw, packet->time_ns, packet->data, packet->captured, packet->wire);
	}
	trace_free(&trace);
}

static void rotated_1(struct cw *cw)
{
	rotated(cw, false);
}

static void rotated_2(struct cw *cw)
{
	rotated(cw, true);
}

const struct capture captures_file[] = {
	{ "empty.pcap", empty },
	{ "nanoseconds-big-endian.pcap", nanoseconds_big_endian },
	{ "sections.pcapng", sections },
	{ "compressed.pcap.gz", gzip },
	{ "compressed.pcap.zst", zstd },
	{ "tap-a.pcap", tap_a },
	{ "tap-b.pcap", tap_b },
	{ "rotated-1.pcap", rotated_1 },
	{ "rotated-2.pcap", rotated_2 },
	{ "unknown-link.pcap", unknown_link },
	{ "cut-off.pcap", cut_off },
	{ NULL, NULL },
};
