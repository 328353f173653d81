/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * make_mixed FILE [sessions=100000] [seed=1] [span=120]
 *
 * Writes a capture of TCP sessions that run at the same time, over IPv4 and IPv6, without tag, in
 * a VLAN, and in a VLAN within a service VLAN (802.1ad), about half, a fifth, and the rest. Each
 * session is one conversation of ten packets (handshake, four data packets of the sizes of simple
 * IMIX, FIN, FIN, ACK) and takes 0.5 to 9.5 s; short frames are padded to 60 octets. Beside FILE
 * goes FILE.json with the truth, counted here and not by any meter.
 *
 * A session is a function of its number and the seed; only the order of the packets is kept in
 * memory, 16 octets each.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "trace.h"

#include <spanflow/packet.h>

#define STEPS        10
#define SESSIONS_MAX (1u << 24) /* as many client addresses as there are */

enum kind { PLAIN4, PLAIN6, VLAN4, VLAN6, QINQ4, KINDS };

static const struct {
	const char *name;
	unsigned percent; /* of the sessions, with the kinds before it */
	bool v6;
	unsigned tags;
} kinds[KINDS] = {
	{ "ipv4", 50, false, 0 },
	{ "ipv6", 70, true, 0 },
	{ "ipv4Vlan", 85, false, 1 },
	{ "ipv6Vlan", 95, true, 1 },
	{ "ipv4Qinq", 100, false, 2 },
};

struct options {
	unsigned long long sessions, seed, span;
};

struct truth {
	uint64_t packets, frame_bytes, octets;
	uint64_t family_packets[2], family_octets[2]; /* IPv4, IPv6 */
	uint64_t sessions[KINDS];
};

struct event {
	int64_t time_ns;
	uint32_t session, step;
};

static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* The n-th random number of a session. */
static uint64_t draw(const struct options *options, uint32_t session, unsigned n)
{
	return mix(mix(options->seed << 32 ^ session) + n);
}

static enum kind session_kind(const struct options *options, uint32_t session)
{
	unsigned percent = draw(options, session, 0) % 100;
	enum kind kind = PLAIN4;

	while (percent >= kinds[kind].percent)
		kind++;
	return kind;
}

static int64_t step_time(const struct options *options, uint32_t session, unsigned step)
{
	int64_t duration = 500 * MS + (int64_t)(draw(options, session, 1) % 9001) * MS;
	int64_t latest = (int64_t)options->span * SECOND - 9500 * MS;
	int64_t start = (int64_t)(draw(options, session, 2) % (uint64_t)latest);
	int64_t jitter = (int64_t)(draw(options, session, 20 + step) % 800);

	/* microseconds, as the file has them; never two packets of a session at one time */
	return TRACE_START +
	       (start + duration * (1000 * (int64_t)step + jitter) / 10000) / 1000 * 1000;
}

static int by_time(const void *left, const void *right)
{
	const struct event *a = left, *b = right;

	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns ? -1 : 1;
	if (a->session != b->session)
		return a->session < b->session ? -1 : 1;
	return a->step < b->step ? -1 : 1;
}

/* Frame sizes of simple IMIX, 7 : 4 : 1. */
static size_t data_size(const struct options *options, uint32_t session, unsigned step)
{
	unsigned twelfth = draw(options, session, 40 + step) % 12;

	return twelfth < 7 ? 64 : twelfth < 11 ? 570 : 1514;
}

static void link_and_ip(struct pb *pb, const struct options *options, uint32_t session,
	enum kind kind, enum talk_end from)
{
	uint64_t random = draw(options, session, 3);
	uint16_t vlan = (uint16_t)(1 + random % 4000);
	struct pb_ip ip = { .version = kinds[kind].v6 ? 6 : 4, .ttl = from == CLIENT ? 64 : 57 };
	uint8_t *client = ip.address[from], *server = ip.address[!from];

	pb_ethernet(pb, from == CLIENT ? 1 : 2, from == CLIENT ? 2 : 1);
	if (kinds[kind].tags == 2)
		pb_vlan(pb, 0x88a8, (uint16_t)(1 + random / 4000 % 4000));
	if (kinds[kind].tags)
		pb_vlan(pb, 0x8100, vlan);
	if (kinds[kind].v6) {
		sf_store_be64(client, UINT64_C(0x20010db800010000));
		sf_store_be32(client + 12, session);
		sf_store_be64(server, UINT64_C(0x20010db800020000));
		sf_store_be32(server + 12, (uint32_t)(random >> 32) % 5000);
	} else {
		sf_store_be32(client, 10u << 24 | session);
		sf_store_be32(server, 198u << 24 | 18u << 16 | (uint32_t)(random >> 32) % 5000);
	}
	pb_ip_header(pb, &ip);
}

/* Who sends what, and how much of the data sizes counts to the sequence numbers, is plain. */
static void build(struct pb *pb, const struct options *options, const struct event *event)
{
	static const struct {
		enum talk_end from;
		uint16_t flags;
	} steps[STEPS] = {
		{ CLIENT, PB_SYN },
		{ SERVER, PB_SYN | PB_ACK },
		{ CLIENT, PB_ACK },
		{ CLIENT, PB_PSH | PB_ACK },
		{ SERVER, PB_ACK },
		{ SERVER, PB_PSH | PB_ACK },
		{ CLIENT, PB_PSH | PB_ACK },
		{ CLIENT, PB_FIN | PB_ACK },
		{ SERVER, PB_FIN | PB_ACK },
		{ CLIENT, PB_ACK },
	};
	static const uint16_t services[] = { 80, 443, 22, 25, 993, 8080 };
	enum talk_end from = steps[event->step].from;
	uint64_t random = draw(options, event->session, 4);
	uint16_t port[2] = { (uint16_t)(1024 + random % 60000), services[random / 60000 % 6] };
	uint32_t sequence[2] = { (uint32_t)random, (uint32_t)(random >> 32) };

	/* what both sides have sent before */
	for (unsigned step = 0; step < event->step; step++) {
		sequence[steps[step].from] += steps[step].flags & (PB_SYN | PB_FIN) ? 1 : 0;
		if (step >= 3 && step < 7)
			sequence[steps[step].from] +=
				(uint32_t)data_size(options, event->session, step) - 54;
	}
	pb_start(pb);
	link_and_ip(pb, options, event->session, session_kind(options, event->session), from);
	pb_tcp(pb, port[from], port[!from], steps[event->step].flags, sequence[from],
		steps[event->step].flags & PB_ACK ? sequence[!from] : 0);
	if (event->step >= 3 && event->step < 7)
		pb_fill(pb, data_size(options, event->session, event->step) - 54);
	pb_finish(pb);
}

static bool flush(struct cw *cw, FILE *file)
{
	bool good = fwrite(cw->data, 1, cw->size, file) == cw->size;

	cw->size = 0;
	return good;
}

static bool write_packets(const struct options *options, const struct event *events, uint32_t count,
	FILE *file, struct truth *truth)
{
	static struct pb pb;
	struct cw cw = { 0 };
	bool good = true;

	cw_pcap(&cw, SF_LINK_ETHERNET, 65535, 0);
	for (uint32_t i = 0; i < count && good; i++) {
		enum kind kind = session_kind(options, events[i].session);
		size_t octets;

		build(&pb, options, &events[i]);
		octets = pb.length - 14 - 4 * kinds[kind].tags;
		pb_pad(&pb, 60);
		cw_record(
			&cw, events[i].time_ns, pb.data, (uint32_t)pb.length, (uint32_t)pb.length);
		truth->packets++;
		truth->frame_bytes += pb.length;
		truth->octets += octets;
		truth->family_packets[kinds[kind].v6]++;
		truth->family_octets[kinds[kind].v6] += octets;
		truth->sessions[kind] += events[i].step == 0;
		if (cw.size > 1 << 20)
			good = flush(&cw, file);
	}
	good = good && flush(&cw, file);
	cw_free(&cw);
	return good;
}

static bool write_truth(const char *path, const struct truth *truth)
{
	uint64_t flows = 0;
	char name[4096];
	FILE *file;

	snprintf(name, sizeof(name), "%s.json", path);
	file = fopen(name, "w");
	if (!file)
		return false;
	for (enum kind kind = 0; kind < KINDS; kind++)
		flows += truth->sessions[kind];
	fprintf(file,
		"{\"packets\":%llu,\"frameBytes\":%llu,\"octets\":%llu,\"flows\":%llu,"
		"\"uniflows\":%llu",
		(unsigned long long)truth->packets, (unsigned long long)truth->frame_bytes,
		(unsigned long long)truth->octets, (unsigned long long)flows,
		(unsigned long long)flows * 2);
	for (unsigned v6 = 0; v6 < 2; v6++)
		fprintf(file, ",\"ipv%cPackets\":%llu,\"ipv%cOctets\":%llu", v6 ? '6' : '4',
			(unsigned long long)truth->family_packets[v6], v6 ? '6' : '4',
			(unsigned long long)truth->family_octets[v6]);
	for (enum kind kind = 0; kind < KINDS; kind++)
		fprintf(file, "%s\"%s\":%llu", kind ? "," : ",\"sessions\":{", kinds[kind].name,
			(unsigned long long)truth->sessions[kind]);
	fprintf(file, "}}\n");
	return fclose(file) == 0;
}

/* "name=number" into the option of that name, between `least` and `most`. */
static bool option(const char *argument, const char *name, unsigned long long least,
	unsigned long long most, unsigned long long *value)
{
	size_t length = strlen(name);
	char *end;

	if (strncmp(argument, name, length) != 0 || argument[length] != '=')
		return false;
	*value = strtoull(argument + length + 1, &end, 10);
	return *end == 0 && end != argument + length + 1 && *value >= least && *value <= most;
}

int main(int argc, char **argv)
{
	struct options options = { .sessions = 100000, .seed = 1, .span = 120 };
	struct truth truth = { 0 };
	struct event *events;
	uint32_t count;
	FILE *file;

	for (int i = 2; i < argc; i++) {
		if (!option(argv[i], "sessions", 1, SESSIONS_MAX, &options.sessions) &&
			!option(argv[i], "seed", 0, UINT32_MAX, &options.seed) &&
			!option(argv[i], "span", 10, 86400, &options.span))
			argc = 0;
	}
	if (argc < 2) {
		fprintf(stderr,
			"usage: make_mixed FILE [sessions=1…%u] [seed=N] "
			"[span=10…86400 s]\n",
			SESSIONS_MAX);
		return 2;
	}
	count = (uint32_t)options.sessions * STEPS;
	events = malloc(count * sizeof(*events));
	file = fopen(argv[1], "wb");
	if (!events || !file) {
		fprintf(stderr, "make_mixed: %s: %s\n", argv[1], strerror(errno));
		return EXIT_FAILURE;
	}
	for (uint32_t i = 0; i < count; i++) {
		events[i].session = i / STEPS;
		events[i].step = i % STEPS;
		events[i].time_ns = step_time(&options, i / STEPS, i % STEPS);
	}
	qsort(events, count, sizeof(*events), by_time);
	if (!write_packets(&options, events, count, file, &truth) || fclose(file) != 0 ||
		!write_truth(argv[1], &truth)) {
		fprintf(stderr, "make_mixed: %s: %s\n", argv[1], strerror(errno));
		return EXIT_FAILURE;
	}
	free(events);
	return EXIT_SUCCESS;
}
