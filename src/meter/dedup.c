/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A direct-mapped cache of packet digests: slot = low bits of a keyed digest, content = high 32
 * bits and the time in units of 1.024 µs. The newest packet takes the slot, so a copy is missed
 * when another packet of the same slot came between the two; with 2^18 slots and a window of 10 ms
 * that takes a rate of many million packets per second to matter. A false match needs 50 equal bits
 * of a keyed digest within the window.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "meter/dedup.h"

#define DROP_SLOTS   (1u << 18)
#define SAMPLE_SLOTS (1u << 11)

/* octets behind the IP header that take part: the transport header and some payload */
#define TAIL_MAX 48

struct sf_dedup_slot {
	uint32_t digest;
	uint32_t time; /* 1024 ns units, modulo 2^32; 0 and digest 0: empty */
};

static inline uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

int sf_dedup_init(struct sf_dedup *dedup, bool drop, int64_t window_ns, uint64_t secret)
{
	uint32_t slots = drop ? DROP_SLOTS : SAMPLE_SLOTS;

	*dedup = (struct sf_dedup){
		.slots = calloc(slots, sizeof(struct sf_dedup_slot)),
		.secret = { secret,
			mix(secret ^ UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xd6e8feb86659fd93)) },
		.window_ns = window_ns,
		.mask = slots - 1,
		.sampling = !drop,
	};
	return dedup->slots ? 0 : -ENOMEM;
}

void sf_dedup_fini(struct sf_dedup *dedup)
{
	free(dedup->slots);
	dedup->slots = NULL;
}

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

/* The octets that a switch leaves alone, IP header part. Returns the header's length. */
static size_t header_digest(const uint8_t *ip, uint64_t secret, uint64_t *digest)
{
	if (ip[0] >> 4 == 4) {
		/* total length, identification, fragment word; protocol; addresses */
		uint64_t fixed = (uint64_t)sf_load_be32(ip + 2) << 24 |
				 (uint64_t)sf_load_be16(ip + 6) << 8 | ip[9];

		*digest = mix(*digest ^ fixed, secret ^ load64(ip + 12));
		return (size_t)(ip[0] & 15) * 4;
	}
	/* payload length and next header; addresses */
	*digest = mix(*digest ^ sf_load_be32(ip + 4) >> 8, secret ^ load64(ip + 8));
	*digest = mix(*digest ^ load64(ip + 16), secret ^ load64(ip + 24));
	*digest ^= load64(ip + 32);
	return 40;
}

bool sf_dedup_seen(struct sf_dedup *dedup, const uint8_t *ip, size_t length, int64_t time_ns)
{
	uint64_t digest = dedup->secret[0];
	size_t header = header_digest(ip, dedup->secret[1], &digest);
	size_t tail = length > header ? length - header : 0;
	uint32_t now = (uint32_t)(time_ns >> 10), high;
	struct sf_dedup_slot *slot;
	bool copy;

	digest = mix(digest, UINT64_C(0x9e3779b97f4a7c15));
	if (tail > TAIL_MAX)
		tail = TAIL_MAX;
	for (; tail >= 8; tail -= 8, header += 8)
		digest = mix(digest ^ load64(ip + header), UINT64_C(0xd6e8feb86659fd93));
	if (tail)
		digest = mix(digest ^ sf_load_be(ip + header, tail), UINT64_C(0xd6e8feb86659fd93));
	if (dedup->sampling && digest >> 58) /* 6 bits: one in 64 */
		return false;
	dedup->examined++;
	slot = &dedup->slots[digest & dedup->mask];
	high = (uint32_t)(digest >> 26) | 1;
	copy = slot->digest == high &&
	       (int64_t)(uint32_t)(now - slot->time) <= dedup->window_ns >> 10;
	if (copy)
		dedup->duplicates++;
	*slot = (struct sf_dedup_slot){ .digest = high, .time = now };
	return copy;
}
