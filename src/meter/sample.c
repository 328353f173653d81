/* SPDX-License-Identifier: BSD-2-Clause */
#include "meter/sample.h"

#include <string.h>

#include "base/wire.h"

#define IPV4           0x0800
#define IPV6           0x86dd
#define PAYLOAD        20 /* bytes behind the IP header that are hashed */
#define TAGS_MAX       4
#define LABELS_MAX     8
#define ETHERNET_TYPES 12 /* bytes before the first type */

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

static size_t behind_ethernet(const struct sf_packet *packet, size_t at)
{
	for (unsigned i = 0; i <= TAGS_MAX && at + 2 <= packet->captured; i++, at += 4) {
		switch (sf_load_be16(packet->data + at)) {
		case IPV4:
		case IPV6:
			return at + 2;
		case 0x8100:
		case 0x88a8:
		case 0x9100:
			break;
		case 0x8847:
		case 0x8848:
			return behind_labels(packet, at + 2);
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
		at = behind_ethernet(packet, ETHERNET_TYPES);
		return at ? (ptrdiff_t)at : -1;
	case SF_LINK_LINUX_SLL:
		at = behind_ethernet(packet, 14);
		return at ? (ptrdiff_t)at : -1;
	case SF_LINK_RAW:
	case SF_LINK_RAW_BSD:
	case SF_LINK_RAW_OPENBSD:
	case SF_LINK_IPV4:
	case SF_LINK_IPV6:
		return 0;
	default:
		return -1;
	}
}

static size_t append(uint8_t *to, size_t used, size_t size, const uint8_t *from, size_t length)
{
	if (length > size - used)
		length = size - used;
	memcpy(to + used, from, length);
	return used + length;
}

/*
 * What routers do not change. IPv4: length, identification, protocol, addresses; IPv6: payload length, next header,
 * addresses; and the first bytes behind the IP header. 0: no IP packet.
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

	/* what is no IP packet is counted as that */
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
