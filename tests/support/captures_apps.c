/* SPDX-License-Identifier: BSD-2-Clause */
/* Captures about what payload says: docs/applications.md. */
#include <stddef.h>
#include <string.h>

#include <spanflow/packet.h>

#include "captures.h"
#include "trace.h"

#define CLIENT6 "2001:db8:1::10"
#define SERVER6 "2001:db8:2::80"

/* A segment with these bytes, which move the sender's sequence number on. */
static void say(struct talk *talk, enum talk_end from, const void *bytes, size_t length)
{
	struct pb *pb = talk_begin(talk, from);

	pb_tcp(pb, talk->port[from], talk->port[!from], PB_ACK | PB_PSH, talk->sequence[from],
		talk->sequence[!from]);
	pb_bytes(pb, bytes, length);
	talk->sequence[from] += (uint32_t)length;
	talk_send(talk, pb);
}

static void say_text(struct talk *talk, enum talk_end from, const char *text)
{
	say(talk, from, text, strlen(text));
}

/*
 * Writes a client hello with a server name, ALPN, versions and `padding`: 22, 3, 1, length …
 * Returns its length.
 */
static size_t client_hello(uint8_t *to, const char *name, size_t padding)
{
	static const uint8_t rest[] = { 0, 16, 0, 14, 0, 12, 2, 'h', '2', 8, 'h', 't', 't', 'p',
		'/', '1', '.', '1', 0, 43, 0, 5, 4, 0x0a, 0x0a, 3, 4, 0, 13, 0, 6, 0, 4, 4, 3, 8, 4,
		0, 21 };
	const size_t name_length = strlen(name);
	const size_t extensions = 9 + name_length + sizeof(rest) + 2 + padding;
	const size_t hello = 2 + 32 + 1 + 2 + 6 + 2 + 2 + extensions;
	const uint8_t head[] = { 22, 3, 1, (uint8_t)((hello + 4) >> 8), (uint8_t)(hello + 4), 1, 0,
		(uint8_t)(hello >> 8), (uint8_t)hello, 3, 3 };
	const uint8_t middle[] = { 0, 0, 6, 0x13, 0x01, 0xc0, 0x2f, 0x1a, 0x1a, 1, 0,
		(uint8_t)(extensions >> 8), (uint8_t)extensions, 0, 0, 0,
		(uint8_t)(name_length + 5), 0, (uint8_t)(name_length + 3), 0, 0,
		(uint8_t)name_length };
	uint8_t *p = to;

	memcpy(p, head, sizeof(head));
	p += sizeof(head);
	memset(p, 0x11, 32);
	p += 32;
	memcpy(p, middle, sizeof(middle));
	p += sizeof(middle);
	memcpy(p, name, name_length);
	p += name_length;
	memcpy(p, rest, sizeof(rest));
	p += sizeof(rest);
	*p++ = (uint8_t)(padding >> 8);
	*p++ = (uint8_t)padding;
	memset(p, 0, padding);
	return (size_t)(p + padding - to);
}

/* The hello in `count` segments, the last two in the wrong order if `turned`; then the server's. */
static void talk_tls(
	struct talk *talk, const char *name, size_t padding, unsigned count, bool turned)
{
	static const uint8_t server[] = { 22, 3, 3, 0, 50, 2, 0, 0, 46, 3, 3, 1, 2, 3, 4, 5, 6, 7,
		8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
		29, 30, 31, 32, 0, 0x13, 1, 0, 0, 6, 0, 43, 0, 2, 3, 4 };
	uint8_t hello[8192];
	size_t length = client_hello(hello, name, padding), part = length / count + 1;
	uint32_t first;

	talk_tcp_open(talk);
	first = talk->sequence[CLIENT];
	for (unsigned i = 0; i < count; i++) {
		unsigned n = turned && i + 2 >= count ? 2 * count - 3 - i : i;
		size_t at = n * part;

		talk->sequence[CLIENT] = first + (uint32_t)at;
		say(talk, CLIENT, hello + at, length - at < part ? length - at : part);
	}
	talk->sequence[CLIENT] = first + (uint32_t)length;
	say(talk, SERVER, server, sizeof(server));
	talk_tcp_close(talk);
}

static void talk_http(struct talk *talk, const char *request)
{
	talk_tcp_open(talk);
	say_text(talk, CLIENT, request);
	say_text(talk, SERVER, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
	talk_tcp_close(talk);
}

/*
 * Conversations of each protocol that has a reader, at ports of other protocols, and hostile texts.
 */
static void applications(struct cw *cw)
{
	struct trace trace = { 0 };
	struct talk talk = { .trace = &trace,
		.address = { "192.0.2.10", "198.51.100.80" },
		.port = { 40000, 443 },
		.time = TRACE_START };

	talk_tls(&talk, "www.example.com", 10, 1, false);
	talk.port[CLIENT]++;
	talk_tls(&talk, "two.example.com", 1500, 2, false);
	talk.port[CLIENT]++;
	talk.address[CLIENT] = CLIENT6;
	talk.address[SERVER] = SERVER6;
	talk_tls(&talk, "three.example.com", 3000, 3, true);
	/* a name of control characters and what is no UTF-8; one that never comes whole */
	talk.port[CLIENT]++;
	talk.port[SERVER] = 8443;
	talk_tls(&talk, "\x1b[31m\xff\xfe\"x,y\"", 10, 1, false);
	talk.port[CLIENT]++;
	talk_tls(&talk, "long.example.com", 5000, 4, false);
	talk.port[CLIENT]++;
	talk.port[SERVER] = 8080;
	talk_http(&talk, "GET /index.html?a=1,2 HTTP/1.1\r\nHost: www.example.com\r\n"
			 "User-Agent: Mozilla/5.0 (X11; Linux) \"quoted\", like others\r\n\r\n");
	talk.port[CLIENT]++;
	talk_http(
		&talk, "POST /\x1b]0;title\x07 HTTP/1.0\r\nhost:\t\xc3\x28.example.org\t\r\n\r\n");
	talk.port[CLIENT]++;
	talk.port[SERVER] = 2222;
	talk_tcp_open(&talk);
	say_text(&talk, SERVER, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
	say_text(&talk, CLIENT, "SSH-2.0-PuTTY_Release_0.78\r\n");
	talk_tcp_close(&talk);
	/* a flow that the active timeout cuts tells the same afterwards */
	talk.port[CLIENT]++;
	talk.port[SERVER] = 53;
	talk_dns_message(&talk, CLIENT, "cut.example.net", 7);
	talk_dns_message(&talk, SERVER, "cut.example.net", 7);
	for (unsigned i = 0; i < 9; i++) {
		talk.time += 10 * SECOND;
		talk_udp(&talk, CLIENT, 5);
	}
	trace_pcap(&trace, cw, SF_LINK_ETHERNET, 0);
}

const struct capture captures_apps[] = {
	{ "applications.pcap", applications },
	{ NULL, NULL },
};
