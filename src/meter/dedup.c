/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two hash tables of packets; a place holds the last packet that fell on it:
 *
 * - slots: by the digest of all captured bytes. Finds copies of the same captured length.
 * - stems: finds copies of different captured lengths (one of the two was cut, at least). Positions
 *   in a packet are: the end of the IP header, 8 bytes behind it, and every 32 bytes from there. A
 *   packet is entered twice, under the digests of the bytes before its last two positions, together
 *   with the bytes behind the position (the tail). Two lengths that differ by 32 or less have a
 *   position in common; there the tails are compared byte by byte.
 *
 * The stems are not used while no packet is cut, which holds for most captures.
 *
 * Digests are keyed and 64 bits are compared, so different packets are taken for copies once in
 * 2^64 comparisons.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "meter/dedup.h"

#define DROP_SLOTS   (1u << 18)
#define DROP_STEMS   (1u << 17)
#define SAMPLE_SLOTS (1u << 11)

#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define TRANSPORT   8  /* bytes behind the header in which most packets differ */
#define TAIL_MAX    63 /* bytes behind a stem */

/* Stems are used for this number of packets at the start, and after each packet that was cut. */
#define CUT_AGO (1u << 16)

struct sf_dedup_slot {
	uint64_t digest; /* 0: empty */
	int64_t time_ns;
};

struct sf_dedup_stem {
	uint64_t digest; /* 0: empty */
	int64_t time_ns;
	uint32_t length; /* captured bytes of the packet */
	uint8_t tail[TAIL_MAX];
};

/* The state of a digest up to a position: two halves, computed independently of each other. */
struct state {
	uint64_t a, b;
};

struct position {
	struct state state;
	size_t at;
};

struct digest {
	struct state state;
	struct position positions[2]; /* the last one, and the one before it */
	unsigned count;               /* of positions, up to 2 */
};

static inline uint64_t mix(uint64_t a, uint64_t b)
{
	__uint128_t product = (__uint128_t)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

int sf_dedup_init(struct sf_dedup *dedup, bool drop, int64_t window_ns, uint64_t secret)
{
	uint32_t slots = drop ? DROP_SLOTS : SAMPLE_SLOTS, stems = drop ? DROP_STEMS : SAMPLE_SLOTS;

	*dedup = (struct sf_dedup){
		.slots = calloc(slots, sizeof(struct sf_dedup_slot)),
		.stems = calloc(stems, sizeof(struct sf_dedup_stem)),
		.window_ns = window_ns,
		.slot_mask = slots - 1,
		.stem_mask = stems - 1,
		.sampling = !drop,
	};
	for (unsigned i = 0; i < 4; i++) {
		secret += UINT64_C(0x9e3779b97f4a7c15);
		dedup->secret[i] = mix(secret ^ UINT64_C(0xd6e8feb86659fd93),
			secret ^ UINT64_C(0xa0761d6478bd642f));
	}
	if (dedup->slots && dedup->stems)
		return 0;
	sf_dedup_fini(dedup);
	return -ENOMEM;
}

void sf_dedup_fini(struct sf_dedup *dedup)
{
	free(dedup->slots);
	free(dedup->stems);
	dedup->slots = NULL;
	dedup->stems = NULL;
}

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

/* `length` < 8 bytes at `p`, zeros behind them. */
static inline uint64_t load_part(const uint8_t *p, size_t length)
{
	uint64_t value = 0;

	memcpy(&value, p, length);
	return value;
}

/*
 * Begins a digest with the fixed IP header, without the fields that routers change. Returns the
 * header's length.
 */
static size_t add_header(const struct sf_dedup *dedup, const uint8_t *ip, struct state *state)
{
	uint64_t masked;

	if (ip[0] >> 4 == 4) {
		/* version, header length; total length, identification, fragment, protocol */
		masked = (uint64_t)ip[0] << 56 | (uint64_t)sf_load_be32(ip + 2) << 24 |
			 (uint64_t)sf_load_be16(ip + 6) << 8 | ip[9];
		state->a = mix(masked ^ dedup->secret[0], load64(ip + 12) ^ dedup->secret[1]);
		state->b = mix(masked ^ dedup->secret[2], load64(ip + 12) ^ dedup->secret[3]);
		return IPV4_HEADER;
	}
	/* version, flow label; payload length, next header */
	masked = (uint64_t)(sf_load_be32(ip) & 0xf00fffff) << 24 | sf_load_be32(ip + 4) >> 8;
	state->a = mix(masked ^ dedup->secret[0], load64(ip + 8) ^ dedup->secret[1]);
	state->b = mix(load64(ip + 16) ^ dedup->secret[2], load64(ip + 24) ^ dedup->secret[3]);
	state->a = mix(state->a ^ load64(ip + 32), dedup->secret[2]);
	return IPV6_HEADER;
}

static inline void add_word(const struct sf_dedup *dedup, struct state *state, uint64_t word)
{
	state->a = mix(state->a ^ word, dedup->secret[1]);
	state->b = mix(state->b ^ word, dedup->secret[3]);
}

static inline void add_block(const struct sf_dedup *dedup, struct state *state, const uint8_t *p)
{
	state->a = mix(state->a ^ load64(p), dedup->secret[1] ^ load64(p + 8));
	state->b = mix(state->b ^ load64(p + 16), dedup->secret[3] ^ load64(p + 24));
}

/* The digest of `length` bytes; never 0. */
static uint64_t finish(const struct sf_dedup *dedup, const struct state *state, size_t length)
{
	uint64_t digest = mix(state->a ^ dedup->secret[0], state->b ^ dedup->secret[2] ^ length);

	digest = mix(digest ^ dedup->secret[3], UINT64_C(0x9e3779b97f4a7c15));
	return digest ? digest : 1;
}

static void note_position(struct digest *digest, size_t at)
{
	digest->positions[1] = digest->positions[0];
	digest->positions[0] = (struct position){ .state = digest->state, .at = at };
	digest->count += digest->count < 2;
}

/*
 * Adds the fixed header, and 8 bytes behind it if there are as many. Returns the number of bytes.
 */
static size_t add_start(
	const struct sf_dedup *dedup, const uint8_t *ip, size_t length, struct digest *digest)
{
	size_t at = add_header(dedup, ip, &digest->state);

	note_position(digest, at);
	if (length - at < TRANSPORT)
		return at;
	add_word(dedup, &digest->state, load64(ip + at));
	at += TRANSPORT;
	note_position(digest, at);
	return at;
}

/* Adds the bytes from `at` on, which add_start() returned. */
static void add_rest(const struct sf_dedup *dedup, const uint8_t *ip, size_t at, size_t length,
	struct digest *digest)
{
	for (; length - at >= SF_DEDUP_STEM; at += SF_DEDUP_STEM) {
		add_block(dedup, &digest->state, ip + at);
		note_position(digest, at + SF_DEDUP_STEM);
	}
	for (; length - at >= 8; at += 8)
		add_word(dedup, &digest->state, load64(ip + at));
	if (length > at)
		add_word(dedup, &digest->state, load_part(ip + at, length - at));
}

/* Whether a packet was cut: it has fewer bytes than its header says. */
static bool is_cut(const uint8_t *ip, size_t length)
{
	if (ip[0] >> 4 == 4)
		return length < sf_load_be16(ip + 2);
	return length < IPV6_HEADER + (size_t)sf_load_be16(ip + 4);
}

/*
 * True if the packet belongs to the sample. Only bytes that both of two copies have may decide: of
 * a packet that was cut, the bytes behind the transport header are not used.
 */
static bool is_sampled(const struct sf_dedup *dedup, const uint8_t *ip, size_t at, size_t length,
	const struct digest *digest)
{
	struct state state = digest->state;

	if (!is_cut(ip, length) && length - at >= SF_DEDUP_STEM)
		add_block(dedup, &state, ip + at);
	return finish(dedup, &state, 0) % SF_DEDUP_SAMPLE == 0;
}

static bool is_near(const struct sf_dedup *dedup, int64_t time_ns, int64_t other_ns)
{
	uint64_t apart = time_ns > other_ns ? (uint64_t)time_ns - (uint64_t)other_ns
					    : (uint64_t)other_ns - (uint64_t)time_ns;

	return apart <= (uint64_t)dedup->window_ns;
}

/* True if an equal packet of the same captured length was seen. Enters the packet. */
static bool seen_whole(
	struct sf_dedup *dedup, const struct digest *packet, size_t length, int64_t time_ns)
{
	uint64_t digest = finish(dedup, &packet->state, length);
	struct sf_dedup_slot *slot = &dedup->slots[digest & dedup->slot_mask];
	bool copy = slot->digest == digest && is_near(dedup, time_ns, slot->time_ns);

	*slot = (struct sf_dedup_slot){ .digest = digest, .time_ns = time_ns };
	return copy;
}

/* True if a packet was seen that agrees in all bytes that both have. Enters the packet. */
static bool seen_cut(struct sf_dedup *dedup, const struct position *position, const uint8_t *ip,
	size_t length, int64_t time_ns)
{
	/* positions are no lengths: bit 63 keeps the digests apart */
	uint64_t digest = finish(dedup, &position->state, position->at | UINT64_C(1) << 63);
	struct sf_dedup_stem *stem = &dedup->stems[digest & dedup->stem_mask];
	size_t both = (length < stem->length ? length : stem->length) - position->at;
	bool copy = stem->digest == digest && is_near(dedup, time_ns, stem->time_ns) &&
		    memcmp(stem->tail, ip + position->at, both) == 0;

	stem->digest = digest;
	stem->time_ns = time_ns;
	stem->length = (uint32_t)length;
	memcpy(stem->tail, ip + position->at, length - position->at);
	return copy;
}

bool sf_dedup_seen(struct sf_dedup *dedup, const uint8_t *ip, size_t length, int64_t time_ns)
{
	struct digest digest = { .count = 0 };
	size_t at = add_start(dedup, ip, length, &digest);
	bool copy;

	if (dedup->sampling && !is_sampled(dedup, ip, at, length, &digest))
		return false;
	add_rest(dedup, ip, at, length, &digest);
	dedup->examined++;
	copy = seen_whole(dedup, &digest, length, time_ns);
	if (is_cut(ip, length))
		dedup->last_cut = dedup->examined;
	if (dedup->examined - dedup->last_cut < CUT_AGO)
		for (unsigned i = 0; i < digest.count; i++)
			copy |= seen_cut(dedup, &digest.positions[i], ip, length, time_ns);
	dedup->duplicates += copy;
	return copy;
}
