/* SPDX-License-Identifier: BSD-2-Clause */
#include "parse/run.h"

#if defined(__x86_64__)
#include <stdalign.h>
#include <string.h>
#include <tmmintrin.h>

#include "parse/plain.h"

#define SSSE3 __attribute__((target("ssse3")))

/* The windows of sixteen octets that are looked at: where they begin in the frame. */
enum {
	HEAD = 12, /* Ethernet type … protocol */
	ENDS = 26, /* addresses, ports … */
	LAST = 32, /* … TCP's flags, in its last two octets */
	CAPTURED = LAST + 16,
};

static_assert(CAPTURED == PLAIN_ETHERNET + PLAIN_IPV4, "what a plain packet has at least");

/* What has to be in HEAD: an Ethernet type, a version and header length, no fragment. */
alignas(16) static const uint8_t plain_mask[16] = { 0xff, 0xff, 0xff, [8] = 0x3f, 0xff };
alignas(16) static const uint8_t plain_head[16] = { 0x08, 0x00, 0x45 };

/*
 * Which octet of a window each of sixteen octets of the facts is, NIL: none. First addresses and ports,
 * as they are and swapped; then protocol, octets, TOS, TTL; TCP's flags; and, in their place, the
 * protocol again.
 */
#define NIL 0x80
alignas(16) static const uint8_t from_ends[2][16] = {
	{ 7, 6, 5, 4, 3, 2, 1, 0, 11, 10, 9, 8, NIL, NIL, NIL, NIL },
	{ 3, 2, 1, 0, 7, 6, 5, 4, 9, 8, 11, 10, NIL, NIL, NIL, NIL },
};
alignas(16) static const uint8_t from_head[16] = { NIL, NIL, NIL, 11, NIL, NIL, NIL, NIL, 5, 4, NIL,
	NIL, 3, 10, NIL, NIL };
alignas(16) static const uint8_t from_last[16] = { NIL, NIL, NIL, NIL, NIL, NIL, 15, 14, NIL, NIL,
	NIL, NIL, NIL, NIL, NIL, NIL };
alignas(16) static const uint8_t protocol_there[16] = { NIL, NIL, NIL, NIL, NIL, 11, 11, 11, NIL,
	NIL, NIL, NIL, NIL, NIL, NIL, NIL };

/* The places in the facts that they speak of: three times sixteen octets. */
#define KEY    offsetof(struct sf_facts, address)
#define PACKET offsetof(struct sf_facts, scope)
#define TIMES  offsetof(struct sf_facts, time_ns)

static_assert(KEY == 0 && offsetof(struct sf_facts, ports) == KEY + 8 && PACKET == KEY + 16 &&
		      offsetof(struct sf_facts, protocol) == PACKET + 3 &&
		      offsetof(struct sf_facts, flags) == PACKET + 4 &&
		      offsetof(struct sf_facts, tcp_flags) == PACKET + 6 &&
		      offsetof(struct sf_facts, octets) == PACKET + 8 &&
		      offsetof(struct sf_facts, tos) == PACKET + 12 &&
		      offsetof(struct sf_facts, ttl) == PACKET + 13 &&
		      offsetof(struct sf_facts, interface) == PACKET + 14 && TIMES == PACKET + 16 &&
		      offsetof(struct sf_facts, clock_ns) == TIMES + 8,
	"the tables above put octets there");

SSSE3 static inline __m128i window(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

SSSE3 static inline __m128i constant(const uint8_t *aligned)
{
	return _mm_load_si128((const __m128i *)aligned);
}

SSSE3 static inline void put(struct sf_facts *facts, size_t place, __m128i octets)
{
	_mm_storeu_si128((__m128i *)((uint8_t *)facts + place), octets);
}

SSSE3 static inline bool is_plain(const uint8_t *data, __m128i head)
{
	__m128i decisive = _mm_and_si128(head, constant(plain_mask));

	return _mm_movemask_epi8(_mm_cmpeq_epi8(decisive, constant(plain_head))) == 0xffff &&
	       plain_protocol(data[HEAD + 11]) && sf_load_be16(data + HEAD + 4) >= PLAIN_IPV4;
}

SSSE3 static unsigned run_ssse3(const struct sf_packet *packets, unsigned count,
	struct sf_facts *facts, uint16_t scope, uint16_t interface_base)
{
	const __m128i tcp = _mm_set1_epi8(PROTOCOL_TCP);
	const __m128i tcp_flag = _mm_set_epi16(0, 0, 0, 0, 0, SF_FACT_TCP, 0, 0);
	const __m128i tcp_facts = _mm_set_epi16(0, 0, 0, 0, 0x0fff, SF_FACT_TCP, 0, 0);
	/* what is the same for the whole run */
	const uint64_t scope_word = scope | SF_FACTS_WORD(UINT64_C(4), scope, version) |
				    SF_FACTS_WORD((uint64_t)SF_FACT_MAC, scope, flags);
	const uint64_t interface = (uint64_t)packets->interface + interface_base;
	const uint64_t octets_word = SF_FACTS_WORD(interface & UINT16_MAX, octets, interface);
	const __m128i same = _mm_set_epi64x((int64_t)octets_word, (int64_t)scope_word);
	/* by whether endpoints are swapped */
	const struct {
		__m128i from_ends, same;
	} ways[2] = {
		{ constant(from_ends[0]), same },
		{ constant(from_ends[1]),
			_mm_or_si128(same, _mm_set_epi16(0, 0, 0, 0, 0, SF_FACT_SWAPPED, 0, 0)) },
	}, *way;
	uint64_t source;
	unsigned n;

	if (packets->link != SF_LINK_ETHERNET || packets->flags & SF_PACKET_VLAN)
		return 0;
	memcpy(&source, &packets->link, sizeof(source));
	for (n = 0; n < count; n++) {
		const struct sf_packet *packet = &packets[n];
		const uint8_t *data = packet->data;
		__m128i head, flags, is_tcp, time;
		uint64_t addresses, turned;

		if (sf_unlikely(memcmp(&packet->link, &source, sizeof(source)) != 0 ||
				packet->captured < CAPTURED))
			break;
		head = window(data + HEAD);
		if (sf_unlikely(!is_plain(data, head)))
			break;
		addresses = sf_load_be64(data + ENDS);
		turned = addresses << 32 | addresses >> 32;
		/* ports then decide, which is not known here */
		if (sf_unlikely(turned == addresses))
			break;
		way = &ways[turned < addresses];
		put(facts, KEY, _mm_shuffle_epi8(window(data + ENDS), way->from_ends));
		is_tcp = _mm_cmpeq_epi8(_mm_shuffle_epi8(head, constant(protocol_there)), tcp);
		flags = _mm_shuffle_epi8(window(data + LAST), constant(from_last));
		flags = _mm_and_si128(
			_mm_or_si128(flags, tcp_flag), _mm_and_si128(is_tcp, tcp_facts));
		head = _mm_or_si128(_mm_shuffle_epi8(head, constant(from_head)), way->same);
		put(facts, PACKET, _mm_or_si128(head, flags));
		time = _mm_loadl_epi64((const __m128i *)&packet->time_ns);
		put(facts, TIMES, _mm_unpacklo_epi64(time, time));
		facts++;
	}
	return n;
}

sf_parse_run *sf_parse_run_here(void)
{
	return __builtin_cpu_supports("ssse3") ? run_ssse3 : NULL;
}

#else

sf_parse_run *sf_parse_run_here(void)
{
	return NULL;
}

#endif
