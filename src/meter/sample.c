/* SPDX-License-Identifier: BSD-2-Clause */
#include "meter/sample.h"

#include <string.h>

#include "base/wire.h"

#define IPV4       0x0800
#define IPV6       0x86dd
#define PAYLOAD    20 /* bytes behind the IP header that are hashed */
#define TAGS_MAX   4
#define LABELS_MAX 8

/* ---------------------------------------------------------------- random numbers (SplitMix64) */

static uint64_t next_random(struct sf_sampler *sampler)
{
	uint64_t z = sampler->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* A number below `limit`. */
static uint64_t random_below(struct sf_sampler *sampler, uint64_t limit)
{
	return (uint64_t)(((unsigned __int128)next_random(sampler) * limit) >> 64);
}

/* ---------------------------------------------------------------- hash */

struct mixed {
	uint32_t a, b, c;
};

static void mix(struct mixed *m)
{
	static const struct {
		int8_t first, second, third;
	} shifts[] = { { 13, 8, 13 }, { 12, 16, 5 }, { 3, 10, 15 } };

	for (unsigned i = 0; i < 3; i++) {
		m->a = (m->a - m->b - m->c) ^ m->c >> shifts[i].first;
		m->b = (m->b - m->c - m->a) ^ m->a << shifts[i].second;
		m->c = (m->c - m->a - m->b) ^ m->b >> shifts[i].third;
	}
}

static uint32_t little(const uint8_t *p, size_t length)
{
	uint32_t word = 0;

	for (size_t i = 0; i < length && i < 4; i++)
		word |= (uint32_t)p[i] << 8 * i;
	return word;
}

uint32_t sf_sample_bob(const uint8_t *bytes, size_t length, uint32_t initial)
{
	struct mixed m = { 0x9e3779b9, 0x9e3779b9, initial };
	size_t left = length;

	for (; left >= 12; left -= 12, bytes += 12) {
		m.a += little(bytes, 4);
		m.b += little(bytes + 4, 4);
		m.c += little(bytes + 8, 4);
		mix(&m);
	}
	/* the lowest byte of c is that of the length */
	m.c += (uint32_t)length;
	m.a += little(bytes, left);
	if (left > 4)
		m.b += little(bytes + 4, left - 4);
	if (left > 8)
		m.c += little(bytes + 8, left - 8) << 8;
	mix(&m);
	return m.c;
}

/* ---------------------------------------------------------------- what is hashed */

/* Offset of the IP header behind labels of MPLS; 0: there is none. */
static size_t behind_labels(const struct sf_packet *packet, size_t at)
{
	for (unsigned i = 0; i < LABELS_MAX && at + 4 < packet->captured; i++, at += 4)
		if (packet->data[at + 2] & 1)
			return at + 4;
	return 0;
}

/* Offset of the IP header behind the header of a PPPoE session; 0: there is none. */
static size_t behind_pppoe(const struct sf_packet *packet, size_t at)
{
	enum { HEADER = 8, PPP_IPV4 = 0x0021, PPP_IPV6 = 0x0057 };
	unsigned protocol;

	if (at + HEADER > packet->captured)
		return 0;
	protocol = sf_load_be16(packet->data + at + HEADER - 2);
	return protocol == PPP_IPV4 || protocol == PPP_IPV6 ? at + HEADER : 0;
}

/*
 * Offset of the IP header: the Ethernet type at `type` says what is at `at`, tags
 * or a header. 0: there is none.
 */
static size_t behind_type(const struct sf_packet *packet, size_t type, size_t at)
{
	for (unsigned i = 0; i <= TAGS_MAX && at <= packet->captured; i++, type = at - 2) {
		switch (sf_load_be16(packet->data + type)) {
		case IPV4:
		case IPV6:
			return at;
		case 0x8100:
		case 0x88a8:
		case 0x9100:
		case 0x9200:
		case 0x9300:
			at += 4;
			break;
		case 0x8847:
		case 0x8848:
			return behind_labels(packet, at);
		case 0x8864:
			return behind_pppoe(packet, at);
		default:
			return 0;
		}
	}
	return 0;
}

/* Offset of the IP header, -1: none is found. */
static ptrdiff_t find_ip(const struct sf_packet *packet)
{
	size_t at;

	switch (packet->link) {
	case SF_LINK_ETHERNET:
		at = behind_type(packet, 12, 14);
		break;
	case SF_LINK_LINUX_SLL:
		at = behind_type(packet, 14, 16);
		break;
	case SF_LINK_LINUX_SLL2:
		at = behind_type(packet, 0, 20);
		break;
	case SF_LINK_MPLS:
		at = behind_labels(packet, 0);
		break;
	case SF_LINK_NULL:
	case SF_LINK_LOOP:
		at = packet->captured > 4 ? 4 : 0;
		break;
	case SF_LINK_RAW:
	case SF_LINK_RAW_BSD:
	case SF_LINK_RAW_OPENBSD:
	case SF_LINK_IPV4:
	case SF_LINK_IPV6:
		return 0;
	default:
		return -1;
	}
	return at ? (ptrdiff_t)at : -1;
}

static size_t append(uint8_t *to, size_t used, size_t size, const uint8_t *from, size_t length)
{
	if (length > size - used)
		length = size - used;
	memcpy(to + used, from, length);
	return used + length;
}

/*
 * What routers do not change. IPv4: length, identification, protocol, addresses; IPv6: payload
 * length, next header, addresses; and the first bytes behind the IP header. 0: no IP packet.
 */
size_t sf_sample_bytes(const struct sf_packet *packet, uint8_t *bytes, size_t size)
{
	ptrdiff_t at = find_ip(packet);
	const uint8_t *ip = packet->data + at;
	size_t left = at < 0 ? 0 : packet->captured - (size_t)at, header, used = 0;

	if (left < 20)
		return 0;
	if (ip[0] >> 4 == 4) {
		header = (size_t)(ip[0] & 15) * 4;
		used = append(bytes, used, size, ip + 2, 4);
		used = append(bytes, used, size, ip + 9, 1);
		used = append(bytes, used, size, ip + 12, 8);
	} else if (ip[0] >> 4 == 6 && left >= 40) {
		header = 40;
		used = append(bytes, used, size, ip + 4, 3);
		used = append(bytes, used, size, ip + 8, 32);
	} else {
		return 0;
	}
	if (left > header)
		used = append(bytes, used, size, ip + header,
			left - header < PAYLOAD ? left - header : PAYLOAD);
	return used;
}

/* ---------------------------------------------------------------- selection */

static bool takes_by_hash(const struct sf_sampling *sampling, const struct sf_packet *packet)
{
	uint8_t bytes[SF_SAMPLE_BYTES];
	size_t length = sf_sample_bytes(packet, bytes, sizeof(bytes));

	/* a packet in which no IP header is found is always taken */
	return length == 0 || sf_sample_bob(bytes, length, 0) <= sf_sampling_hash_last(sampling);
}

/* Each of the packets that are still to come in the group is as likely as any other. */
static bool takes_at_random(struct sf_sampler *sampler, const struct sf_sampling *sampling)
{
	bool takes;

	if (sampler->left == 0) {
		sampler->left = sampling->of;
		sampler->wanted = sampling->take;
	}
	takes = random_below(sampler, sampler->left) < sampler->wanted;
	sampler->left--;
	sampler->wanted -= takes;
	return takes;
}

static bool takes_by_time(const struct sf_sampling *sampling, int64_t time_ns)
{
	int64_t within = time_ns % (int64_t)sampling->of;

	return (uint64_t)(within < 0 ? within + (int64_t)sampling->of : within) < sampling->take;
}

bool sf_sampler_takes(struct sf_sampler *sampler, const struct sf_sampling *sampling,
	const struct sf_packet *packet)
{
	uint64_t place = sampler->place;

	switch (sampling->kind) {
	case SF_SAMPLE_COUNT:
		sampler->place = place + 1 == sampling->of ? 0 : place + 1;
		return place < sampling->take;
	case SF_SAMPLE_TIME:
		return takes_by_time(sampling, packet->time_ns);
	case SF_SAMPLE_RANDOM:
		return takes_at_random(sampler, sampling);
	case SF_SAMPLE_UNIFORM:
		return random_below(sampler, sampling->of) < sampling->take;
	case SF_SAMPLE_HASH:
		return takes_by_hash(sampling, packet);
	default:
		return true;
	}
}
