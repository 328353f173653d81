/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes large capture files for benchmarks, deterministically and fast: classic pcap with
 * microseconds, of flows numbered 0 … flows-1. Nothing is kept per flow: the tuple of a flow is
 * a bijection of its number, and the order of a pass is a keyed permutation (Feistel network with
 * cycle walking), so ten million flows need no memory. Zipf order alone keeps a bitmap, to count
 * the flows that were really drawn. The price: all flows of a file have the same shape.
 *
 * Beside FILE goes FILE.json with the truth: packets, frame bytes, IP octets, flows.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/wire.h"

#define BUFFER_SIZE (4u << 20)
#define FRAME_MAX   1600u
#define RECORD_HEAD 16u

enum order { ORDER_PASSES, ORDER_ZIPF };
enum keys { KEYS_RANDOM, KEYS_XOR, KEYS_LIST };
enum protocol { PROTOCOL_UDP, PROTOCOL_TCP, PROTOCOL_MIXED };

/* What the file shall hold; every member is an option of the same name. */
struct spec {
	uint32_t flows;    /* <= 2^24 */
	uint64_t packets;  /* */
	unsigned size_min; /* captured = wire length of a frame */
	unsigned size_max; /* uniform between both */
	unsigned family;   /* 4 or 6 */
	unsigned tags;     /* 802.1Q (and, outside it, 802.1ad) tags */
	enum protocol protocol;
	enum order order;
	enum keys keys;
	uint64_t seed;
	bool answers;         /* every second pass goes the other way */
	double span;          /* seconds from first to last packet */
	unsigned part, parts; /* write one part of several that make up the file */
	bool split_flows;     /* parts have flows of their own, or packets at random */
	const uint64_t *list; /* KEYS_LIST: address pair and ports of each flow */
};

struct tuple {
	uint32_t src, dst; /* IPv4, or what makes the two IPv6 addresses differ */
	uint16_t sport, dport;
	uint16_t tag[2];
	bool tcp;
};

struct truth {
	uint64_t packets, frame_bytes, ip_octets, flows;
};

struct output {
	int fd;
	size_t used;
	uint8_t buffer[BUFFER_SIZE + FRAME_MAX + RECORD_HEAD];
};

static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* The `index`-th element of permutation `key` of 0 … count-1. */
static uint32_t permute(uint32_t index, uint32_t count, uint64_t key)
{
	unsigned half = 1;

	while ((UINT64_C(1) << 2 * half) < count)
		half++;
	do {
		uint32_t mask = (1u << half) - 1, left = index >> half, right = index & mask;

		for (unsigned round = 0; round < 4; round++) {
			uint32_t f =
				(uint32_t)((right + round * 0x9e37u + 1) * (key >> 8 * round | 1) *
						   UINT64_C(0xff51afd7ed558ccd) >>
					   36);
			uint32_t next = (left ^ f) & mask;

			left = right;
			right = next;
		}
		index = left << half | right;
	} while (index >= count);
	return index;
}

/* A flow of rank r comes 1/r as often as the first. */
static uint32_t zipf(uint64_t random, uint32_t count)
{
	double u = (double)(random >> 11) * 0x1p-53;
	uint32_t rank = (uint32_t)exp(u * log((double)count + 1)) - 1;

	return rank < count ? rank : count - 1;
}

static struct tuple flow_tuple(const struct spec *spec, uint32_t flow)
{
	uint64_t h = mix(flow ^ spec->seed << 32);
	uint32_t scrambled =
		(flow * 0x9e3779b1u ^ (flow * 0x9e3779b1u & 0xffffff) >> 11) & 0xffffff;
	struct tuple tuple = {
		.src = 10u << 24 | scrambled,
		.dst = 172u << 24 | 16u << 16 | (uint32_t)(h & 0xfffff),
		.sport = (uint16_t)(10000 + (h >> 20) % 50000),
		.dport = (uint16_t)(6000 + (h >> 40) % 2000),
		.tag = { (uint16_t)(1 + (h >> 52) % 4094), (uint16_t)(1 + (h >> 44) % 4094) },
		.tcp = spec->protocol == PROTOCOL_TCP ||
		       (spec->protocol == PROTOCOL_MIXED && flow % 2),
	};

	switch (spec->keys) {
	case KEYS_RANDOM:
		break;
	case KEYS_XOR: /* keys that XOR, folding and symmetric Toeplitz cannot tell apart */
		tuple.dst = 172u << 24 | scrambled;
		tuple.sport = 4000;
		tuple.dport = 6000;
		tuple.tag[0] = tuple.tag[1] = 1;
		tuple.tcp = spec->protocol == PROTOCOL_TCP;
		break;
	case KEYS_LIST:
		tuple.src = (uint32_t)(spec->list[2 * flow] >> 32);
		tuple.dst = (uint32_t)spec->list[2 * flow];
		tuple.sport = (uint16_t)(spec->list[2 * flow + 1] >> 16);
		tuple.dport = (uint16_t)spec->list[2 * flow + 1];
		tuple.tcp = spec->protocol == PROTOCOL_TCP;
		break;
	}
	return tuple;
}

/* The packet of a flow's other side. */
static void turn(struct tuple *tuple)
{
	uint32_t address = tuple->src;
	uint16_t port = tuple->sport;

	tuple->src = tuple->dst;
	tuple->dst = address;
	tuple->sport = tuple->dport;
	tuple->dport = port;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* 16-bit words of `length` (even) octets. */
static uint64_t sum_words(const uint8_t *p, unsigned length)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < length; i += 2)
		sum += sf_load_be16(p + i);
	return sum;
}

static uint8_t *put_link(uint8_t *p, const struct spec *spec, const struct tuple *tuple)
{
	static const uint8_t macs[12] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };

	p = sf_store_bytes(p, macs, sizeof(macs));
	if (spec->tags > 1) {
		p = sf_store_be16(p, 0x88a8);
		p = sf_store_be16(p, tuple->tag[1]);
	}
	if (spec->tags > 0) {
		p = sf_store_be16(p, 0x8100);
		p = sf_store_be16(p, tuple->tag[0]);
	}
	return sf_store_be16(p, spec->family == 4 ? 0x0800 : 0x86dd);
}

/* Writes the IP header; returns the transport header's place and the pseudo-header's sum. */
static uint8_t *put_ip(uint8_t *ip, const struct spec *spec, const struct tuple *tuple,
	unsigned octets, uint64_t *pseudo)
{
	static const uint8_t prefix[12] = { 0x20, 0x01, 0x0d, 0xb8 };
	uint8_t protocol = tuple->tcp ? 6 : 17;
	uint8_t *p = ip;

	if (spec->family == 4) {
		p = sf_store_be16(p, 0x4500);
		p = sf_store_be16(p, (uint16_t)octets);
		p = sf_store_be32(p, 0x00004000);
		p = sf_store_u8(p, 64);
		p = sf_store_u8(p, protocol);
		p = sf_store_be16(p, 0);
		p = sf_store_be32(p, tuple->src);
		p = sf_store_be32(p, tuple->dst);
		sf_store_be16(ip + 10, fold(sum_words(ip, 20)));
		*pseudo = sum_words(ip + 12, 8) + protocol + octets - 20;
		return p;
	}
	p = sf_store_be32(p, 0x60000000);
	p = sf_store_be16(p, (uint16_t)(octets - 40));
	p = sf_store_u8(p, protocol);
	p = sf_store_u8(p, 64);
	p = sf_store_be32(sf_store_bytes(p, prefix, sizeof(prefix)), tuple->src);
	p = sf_store_be32(sf_store_bytes(p, prefix, sizeof(prefix)), tuple->dst);
	*pseudo = sum_words(ip + 8, 32) + protocol + octets - 40;
	return p;
}

/* One frame of `size` octets with a payload of zeros; returns its IP octets. */
static unsigned put_frame(
	uint8_t *frame, const struct spec *spec, const struct tuple *tuple, unsigned size)
{
	uint8_t *ip = put_link(frame, spec, tuple);
	unsigned octets = size - (unsigned)(ip - frame);
	uint64_t sum;
	uint8_t *l4 = put_ip(ip, spec, tuple, octets, &sum), *p = l4;
	uint16_t check;

	p = sf_store_be16(p, tuple->sport);
	p = sf_store_be16(p, tuple->dport);
	if (tuple->tcp) {
		p = sf_store_be64(p, UINT64_C(0x0000000100000001));
		p = sf_store_be32(p, 0x50102000); /* ACK */
		p = sf_store_be32(p, 0);
		sf_store_be16(l4 + 16, fold(sum + sum_words(l4, 20)));
	} else {
		p = sf_store_be16(p, (uint16_t)(size - (unsigned)(l4 - frame)));
		p = sf_store_be16(p, 0);
		check = fold(sum + sum_words(l4, 8));
		sf_store_be16(l4 + 6, check ? check : 0xffff);
	}
	memset(p, 0, size - (size_t)(p - frame));
	return octets;
}

static bool flush(struct output *out)
{
	for (size_t done = 0; done < out->used;) {
		ssize_t n = write(out->fd, out->buffer + done, out->used - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		done += (size_t)n;
	}
	out->used = 0;
	return true;
}

static bool write_file(struct output *out, const struct spec *spec, struct truth *truth)
{
	static const uint32_t head[6] = { 0xa1b2c3d4, 4u << 16 | 2, 0, 0, 65535, 1 };
	const uint64_t start = UINT64_C(1700000000) * 1000000;
	double step = spec->span * 1e6 / (double)spec->packets;
	uint8_t *seen = calloc(1, spec->flows / 8 + 1);
	uint64_t pass_key = mix(spec->seed);
	uint32_t at = 0;

	if (!seen)
		return false;
	memcpy(out->buffer, head, sizeof(head));
	out->used = sizeof(head);
	for (uint64_t i = 0; i < spec->packets; i++, at++) {
		uint64_t time = start + (uint64_t)((double)i * step);
		unsigned size = spec->size_min;
		uint8_t *record = out->buffer + out->used;
		struct tuple tuple;
		uint32_t flow, words[4];

		if (at == spec->flows) {
			at = 0;
			pass_key = mix(pass_key);
		}
		flow = spec->order == ORDER_ZIPF ? zipf(mix(i ^ spec->seed << 40), spec->flows)
						 : permute(at, spec->flows, pass_key);
		if (spec->parts > 1 &&
			mix(~(spec->split_flows ? flow : i)) % spec->parts != spec->part)
			continue;
		truth->flows += !(seen[flow / 8] >> flow % 8 & 1);
		seen[flow / 8] |= (uint8_t)(1u << flow % 8);
		if (spec->size_max > size)
			size += (unsigned)(mix(i ^ ~spec->seed) % (spec->size_max - size + 1));
		tuple = flow_tuple(spec, flow);
		if (spec->answers && i / spec->flows % 2)
			turn(&tuple);
		words[0] = (uint32_t)(time / 1000000);
		words[1] = (uint32_t)(time % 1000000);
		words[2] = words[3] = size;
		memcpy(record, words, RECORD_HEAD);
		truth->ip_octets += put_frame(record + RECORD_HEAD, spec, &tuple, size);
		truth->frame_bytes += size;
		truth->packets++;
		out->used += RECORD_HEAD + size;
		if (out->used >= BUFFER_SIZE && !flush(out)) {
			free(seen);
			return false;
		}
	}
	free(seen);
	return flush(out);
}

static bool write_truth(const char *path, const struct truth *truth)
{
	char name[4096];
	FILE *f;

	snprintf(name, sizeof(name), "%s.json", path);
	f = fopen(name, "w");
	if (!f)
		return false;
	fprintf(f, "{\"packets\":%llu,\"frameBytes\":%llu,\"octets\":%llu,\"flows\":%llu}\n",
		(unsigned long long)truth->packets, (unsigned long long)truth->frame_bytes,
		(unsigned long long)truth->ip_octets, (unsigned long long)truth->flows);
	return fclose(f) == 0;
}

/* Index of `word` in a NULL-terminated list, or -1. */
static int choice(const char *word, const char *const *list)
{
	for (int i = 0; list[i]; i++)
		if (strcmp(word, list[i]) == 0)
			return i;
	return -1;
}

/* A list of tuples: 16 octets each, address pair and ports as two native words. */
static const uint64_t *read_list(const char *path, uint32_t *count)
{
	FILE *f = fopen(path, "rb");
	uint64_t *list;
	long size;

	if (!f || fseek(f, 0, SEEK_END) || (size = ftell(f)) < 16)
		return NULL;
	rewind(f);
	list = malloc((size_t)size);
	if (!list || fread(list, 16, (size_t)size / 16, f) != (size_t)size / 16)
		return NULL;
	fclose(f);
	*count = (uint32_t)(size / 16);
	return list;
}

static bool set_option(struct spec *spec, const char *name, const char *value)
{
	static const char *const orders[] = { "passes", "zipf", NULL };
	static const char *const protocols[] = { "udp", "tcp", "mixed", NULL };
	char *end;
	int chosen = 0;

	if (strcmp(name, "order") == 0)
		spec->order = (enum order)(chosen = choice(value, orders));
	else if (strcmp(name, "protocol") == 0)
		spec->protocol = (enum protocol)(chosen = choice(value, protocols));
	else if (strcmp(name, "answers") == 0)
		spec->answers = strcmp(value, "yes") == 0;
	else if (strcmp(name, "keys") == 0 && strcmp(value, "xor") == 0)
		spec->keys = KEYS_XOR;
	else if (strcmp(name, "list") == 0) {
		spec->keys = KEYS_LIST;
		spec->list = read_list(value, &spec->flows);
		return spec->list != NULL;
	} else if (strcmp(name, "flows") == 0)
		spec->flows = (uint32_t)strtoul(value, NULL, 0);
	else if (strcmp(name, "packets") == 0)
		spec->packets = strtoull(value, NULL, 0);
	else if (strcmp(name, "seed") == 0)
		spec->seed = strtoull(value, NULL, 0);
	else if (strcmp(name, "part") == 0)
		spec->part = (unsigned)strtoul(value, NULL, 0);
	else if (strcmp(name, "parts") == 0)
		spec->parts = (unsigned)strtoul(value, NULL, 0);
	else if (strcmp(name, "split") == 0)
		spec->split_flows = strcmp(value, "flows") == 0;
	else if (strcmp(name, "span") == 0)
		spec->span = strtod(value, NULL);
	else if (strcmp(name, "family") == 0)
		spec->family = (unsigned)strtoul(value, NULL, 0);
	else if (strcmp(name, "tags") == 0)
		spec->tags = (unsigned)strtoul(value, NULL, 0);
	else if (strcmp(name, "size") == 0) {
		spec->size_min = spec->size_max = (unsigned)strtoul(value, &end, 0);
		if (*end == '-')
			spec->size_max = (unsigned)strtoul(end + 1, NULL, 0);
	} else
		return false;
	return chosen >= 0;
}

static bool spec_is_sane(const struct spec *spec)
{
	unsigned least = 14 + 4 * spec->tags + (spec->family == 4 ? 20 : 40) +
			 (spec->protocol == PROTOCOL_UDP ? 8 : 20);

	return (spec->family == 4 || spec->family == 6) && spec->tags <= 2 &&
	       spec->size_min >= least && spec->size_max < FRAME_MAX &&
	       spec->size_max >= spec->size_min && spec->packets && spec->flows &&
	       spec->flows <= 1u << 24;
}

int main(int argc, char **argv)
{
	static struct output out;
	struct spec spec = { .flows = 1000,
		.packets = 1000000,
		.size_min = 60,
		.size_max = 60,
		.family = 4,
		.seed = 1,
		.span = 12 };
	struct truth truth = { 0 };

	for (int i = 2; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (value)
			*value++ = '\0';
		if (!value || !set_option(&spec, argv[i], value)) {
			fprintf(stderr, "generate: cannot use option %s\n", argv[i]);
			return 2;
		}
	}
	if (argc < 2 || argv[1][0] == '-' || !spec_is_sane(&spec)) {
		fprintf(stderr, "usage: generate FILE [flows=N] [packets=N] [size=MIN[-MAX]] "
				"[family=4|6] [tags=0|1|2] [protocol=udp|tcp|mixed] "
				"[order=passes|zipf] [keys=xor] [list=FILE] [answers=yes] "
				"[seed=N] [span=SECONDS] "
				"[parts=N part=N [split=packets|flows]]\n");
		return 2;
	}
	out.fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (out.fd < 0 || !write_file(&out, &spec, &truth) || close(out.fd) ||
		!write_truth(argv[1], &truth)) {
		fprintf(stderr, "generate: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	return 0;
}
