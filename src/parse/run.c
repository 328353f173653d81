/* SPDX-License-Identifier: BSD-2-Clause */
#include "parse/run.h"

#if defined(__x86_64__)
#include <stdalign.h>
#include <string.h>
#include <tmmintrin.h>

#include "parse/plain.h"

#define SSSE3 __attribute__((target("ssse3")))

/* Offsets in the frame of the windows, 16 bytes each, that are loaded. */
enum {
	HEAD = 12,        /* from the Ethernet type to the protocol */
	ENDS = 26,        /* IPv4: addresses and ports */
	LAST_IPV4 = 32,   /* IPv4: the last two bytes are the TCP flags */
	SOURCE = 22,      /* IPv6: source address */
	DESTINATION = 38, /* IPv6: destination address */
	LAST_IPV6 = 52,   /* IPv6: bytes 2 to 5 are the ports, the last two the TCP flags */
	TAG = 4,          /* a tag moves all windows by this many bytes */
};

/*
 * A shuffle mask makes 16 bytes of the facts from a window: entry i is the index of the window's
 * byte that becomes byte i; NIL makes it zero.
 */
#define NIL 0x80
typedef uint8_t octets[16];

static const uint8_t plain_protocols[256] = { [PROTOCOL_TCP] = 1, [PROTOCOL_UDP] = 1 };

/* How packets of one IP version are recognised and read. */
struct version {
	alignas(16) octets decisive; /* bits of window HEAD that are compared with `plain` */
	alignas(16) octets plain;    /* type, version; IPv4: header length, not a fragment */
	alignas(16) octets facts;    /* mask: protocol, length, TTL; IPv4: TOS */
	alignas(16) octets protocol; /* mask: the protocol, at each byte of the TCP facts */
	alignas(16) octets
		decisive_port;          /* bits of the window `ports` compared with `mirror_port` */
	alignas(16) octets mirror_port; /* the receiver's port; what can never be elsewhere */
	unsigned protocol_at;           /* offset of the protocol in the frame */
	unsigned ports;                 /* offset of the window with the ports */
	unsigned length_at;             /* offset of the length in the frame */
	unsigned last;                  /* offset of the window with the TCP flags */
	unsigned length_least;          /* least value of the length */
	unsigned captured;              /* least number of captured bytes */
};

static const struct version ipv4 = {
	.decisive = { 0xff, 0xff, 0xff, [8] = 0x3f, 0xff },
	.plain = { 0x08, 0x00, 0x45 },
	.facts = { NIL, NIL, NIL, 11, NIL, NIL, NIL, NIL, 5, 4, NIL, NIL, 3, 10, NIL, NIL },
	.protocol = { NIL, NIL, NIL, NIL, NIL, 11, 11, 11, NIL, NIL, NIL, NIL, NIL, NIL, NIL, NIL },
	.decisive_port = { [10] = SF_MIRROR_PORT_BITS >> 8, SF_MIRROR_PORT_BITS & 0xff },
	.mirror_port = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, SF_MIRROR_PORT_VALUE >> 8,
		SF_MIRROR_PORT_VALUE & 0xff, 1, 1, 1, 1 },
	.protocol_at = HEAD + 11,
	.ports = ENDS,
	.length_at = HEAD + 4,
	.last = LAST_IPV4,
	.length_least = PLAIN_IPV4,
	.captured = LAST_IPV4 + 16,
};

static const struct version ipv6 = {
	.decisive = { 0xff, 0xff, 0xf0 },
	.plain = { 0x86, 0xdd, 0x60 },
	.facts = { NIL, NIL, NIL, 8, NIL, NIL, NIL, NIL, 7, 6, NIL, NIL, NIL, 9, NIL, NIL },
	.protocol = { NIL, NIL, NIL, NIL, NIL, 8, 8, 8, NIL, NIL, NIL, NIL, NIL, NIL, NIL, NIL },
	.decisive_port = { [4] = SF_MIRROR_PORT_BITS >> 8, SF_MIRROR_PORT_BITS & 0xff },
	.mirror_port = { 1, 1, 1, 1, SF_MIRROR_PORT_VALUE >> 8, SF_MIRROR_PORT_VALUE & 0xff, 1, 1,
		1, 1, 1, 1, 1, 1, 1, 1 },
	.protocol_at = HEAD + 8,
	.ports = LAST_IPV6,
	.length_at = HEAD + 6,
	.last = LAST_IPV6,
	.length_least = PLAIN_TRANSPORT,
	.captured = LAST_IPV6 + 16,
};

static_assert(LAST_IPV4 + 16 == PLAIN_ETHERNET + PLAIN_IPV4 &&
		      LAST_IPV6 + 16 == PLAIN_ETHERNET + PLAIN_IPV6,
	"the last window ends where the shortest plain packet ends");

/* Mask: the two bytes of an IPv6 header that hold the traffic class, at the place of the TOS. */
alignas(16) static const octets traffic_class = { NIL, NIL, NIL, NIL, NIL, NIL, NIL, NIL, NIL, NIL,
	NIL, NIL, 3, 2, NIL, NIL };
alignas(16) static const octets tos = { [12] = 0xff };

/*
 * How endpoints are stored: [0] the sender as endpoint 0, [1] the sender as endpoint 1.
 */
struct order {
	alignas(16) octets ends;  /* mask: IPv4: addresses and ports; IPv6: ports */
	alignas(16) octets known; /* constant facts: the version, SF_FACT_SWAPPED */
};

static const struct order orders_ipv4[2] = {
	{ { 7, 6, 5, 4, 3, 2, 1, 0, 11, 10, 9, 8, NIL, NIL, NIL, NIL }, { [2] = 4 } },
	{ { 3, 2, 1, 0, 7, 6, 5, 4, 9, 8, 11, 10, NIL, NIL, NIL, NIL },
		{ [2] = 4, [4] = SF_FACT_SWAPPED } },
};

static const struct order orders_ipv6[2] = {
	{ { NIL, NIL, NIL, NIL, NIL, NIL, NIL, NIL, 5, 4, 3, 2, NIL, NIL, NIL, NIL }, { [2] = 6 } },
	{ { NIL, NIL, NIL, NIL, NIL, NIL, NIL, NIL, 3, 2, 5, 4, NIL, NIL, NIL, NIL },
		{ [2] = 6, [4] = SF_FACT_SWAPPED } },
};

alignas(16) static const octets vlan_flag = { [4] = SF_FACT_VLAN };

/*
 * Mask: the TCP flags in the last window. Then facts that only TCP has: the mark, and all of them.
 */
alignas(16) static const octets tcp_flags = { NIL, NIL, NIL, NIL, NIL, NIL, 15, 14, NIL, NIL, NIL,
	NIL, NIL, NIL, NIL, NIL };
alignas(16) static const octets tcp_mark = { [5] = SF_FACT_TCP >> 8 };
alignas(16) static const octets tcp_facts = { [5] = SF_FACT_TCP >> 8, 0xff, 0x0f };

/* Offsets in the facts where 16 bytes are stored. */
#define KEY       offsetof(struct sf_facts, address)
#define PACKET    offsetof(struct sf_facts, scope)
#define TIMES     offsetof(struct sf_facts, time_ns)
#define ADDRESSES offsetof(struct sf_facts, address6)

static_assert(KEY == 0 && offsetof(struct sf_facts, ports) == KEY + 8 && PACKET == KEY + 16 &&
		      offsetof(struct sf_facts, protocol) == PACKET + 3 &&
		      offsetof(struct sf_facts, flags) == PACKET + 4 &&
		      offsetof(struct sf_facts, tcp_flags) == PACKET + 6 &&
		      offsetof(struct sf_facts, octets) == PACKET + 8 &&
		      offsetof(struct sf_facts, tos) == PACKET + 12 &&
		      offsetof(struct sf_facts, ttl) == PACKET + 13 &&
		      offsetof(struct sf_facts, interface) == PACKET + 14 && TIMES == PACKET + 16 &&
		      offsetof(struct sf_facts, clock_ns) == TIMES + 8 && !(SF_FACT_TCP & 0xff) &&
		      !((SF_FACT_SWAPPED | SF_FACT_VLAN) & ~0xff),
	"the masks above make these members");

SSSE3 static sf_always_inline __m128i window(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

SSSE3 static sf_always_inline __m128i constant(const uint8_t *aligned)
{
	return _mm_load_si128((const __m128i *)aligned);
}

SSSE3 static sf_always_inline __m128i ordered(__m128i window, const uint8_t *order)
{
	return _mm_shuffle_epi8(window, constant(order));
}

SSSE3 static sf_always_inline void put(struct sf_facts *facts, size_t place, __m128i octets)
{
	_mm_storeu_si128((__m128i *)((uint8_t *)facts + place), octets);
}

/* A frame; of a tagged one, `data` begins TAG bytes behind its begin, so that offsets agree. */
struct frame {
	const uint8_t *data;
	uint32_t captured;
	uint32_t tags; /* as in struct sf_facts */
	__m128i head;
	__m128i same; /* constant facts of the whole run: scope, interface, flags */
};

SSSE3 static sf_always_inline bool is_plain(
	const struct frame *frame, const struct version *version)
{
	const uint8_t *data = frame->data;
	__m128i decisive = _mm_and_si128(frame->head, constant(version->decisive));
	__m128i plain = _mm_cmpeq_epi8(decisive, constant(version->plain));
	__m128i mirror;

	if (frame->captured < version->captured)
		return false;
	mirror = _mm_and_si128(window(data + version->ports), constant(version->decisive_port));
	mirror = _mm_cmpeq_epi16(mirror, constant(version->mirror_port));
	return _mm_movemask_epi8(_mm_andnot_si128(mirror, plain)) == 0xffff &&
	       plain_protocols[data[version->protocol_at]] &&
	       sf_load_be16(data + version->length_at) >= version->length_least;
}

/* Stores all facts except the addresses of IPv6. `ends`: the window with the ports. */
SSSE3 static sf_always_inline void put_facts(struct sf_facts *facts, const struct frame *frame,
	int64_t time_ns, const uint8_t *ends, const struct order *order,
	const struct version *version)
{
	__m128i tags = _mm_set_epi32((int)frame->tags, 0, 0, 0);
	__m128i is_tcp = _mm_cmpeq_epi8(
		ordered(frame->head, version->protocol), _mm_set1_epi8(PROTOCOL_TCP));
	__m128i flags = ordered(window(frame->data + version->last), tcp_flags);
	__m128i word = ordered(frame->head, version->facts);

	put(facts, KEY, _mm_or_si128(ordered(window(ends), order->ends), tags));
	if (version == &ipv6) {
		__m128i class = _mm_srli_epi16(ordered(frame->head, traffic_class), 4);

		word = _mm_or_si128(word, _mm_and_si128(class, constant(tos)));
		word = _mm_add_epi32(word, _mm_set_epi32(0, PLAIN_IPV6 - PLAIN_TRANSPORT, 0, 0));
	}
	flags = _mm_and_si128(_mm_or_si128(flags, constant(tcp_mark)),
		_mm_and_si128(is_tcp, constant(tcp_facts)));
	word = _mm_or_si128(word, _mm_or_si128(frame->same, constant(order->known)));
	put(facts, PACKET, _mm_or_si128(word, flags));
	put(facts, TIMES, _mm_set1_epi64x(time_ns));
}

/* Equal addresses: the ports decide which endpoint comes first. */
static inline bool ports_swapped(const uint8_t *ports)
{
	return sf_load_be16(ports) > sf_load_be16(ports + 2);
}

/* False: the packet is not plain. */
SSSE3 static sf_always_inline bool take_ipv4(
	struct sf_facts *facts, const struct frame *frame, int64_t time_ns)
{
	const uint8_t *ends = frame->data + ENDS;
	uint64_t addresses, turned;
	bool swapped;

	if (!is_plain(frame, &ipv4))
		return false;
	addresses = sf_load_be64(ends);
	turned = addresses << 32 | addresses >> 32;
	swapped = turned < addresses;
	if (sf_unlikely(turned == addresses))
		swapped = ports_swapped(ends + 8);
	put_facts(facts, frame, time_ns, ends, &orders_ipv4[swapped], &ipv4);
	return true;
}

SSSE3 static sf_always_inline bool take_ipv6(
	struct sf_facts *facts, const struct frame *frame, int64_t time_ns)
{
	const uint8_t *last = frame->data + LAST_IPV6;
	__m128i source, destination;
	unsigned equal, not_below;
	bool swapped;

	if (!is_plain(frame, &ipv6))
		return false;
	source = window(frame->data + SOURCE);
	destination = window(frame->data + DESTINATION);
	equal = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(source, destination));
	not_below = (unsigned)_mm_movemask_epi8(
		_mm_cmpeq_epi8(_mm_max_epu8(source, destination), source));
	/* the first byte that differs decides */
	swapped = (not_below & ~equal & (equal + 1)) != 0;
	if (sf_unlikely(equal == 0xffff))
		swapped = ports_swapped(last + 2);
	put_facts(facts, frame, time_ns, last, &orders_ipv6[swapped], &ipv6);
	put(facts, ADDRESSES + 16 * swapped, source);
	put(facts, ADDRESSES + 16 * !swapped, destination);
	return true;
}

/* A frame with one tag that has a VLAN id, captured as far as an untagged IPv4 packet at least. */
SSSE3 static sf_always_inline bool take_tagged(
	struct sf_facts *facts, const struct frame *tagged, int64_t time_ns)
{
	struct frame frame = *tagged;
	uint32_t vlan = sf_load_be16(frame.data + HEAD + 2) & 0x0fff;

	if (sf_load_be16(frame.data + HEAD) != ETHERTYPE_VLAN || !vlan)
		return false;
	frame.data += TAG;
	frame.captured -= TAG;
	frame.tags = vlan << 20;
	frame.head = window(frame.data + HEAD);
	frame.same = _mm_or_si128(frame.same, constant(vlan_flag));
	return take_ipv4(facts, &frame, time_ns) || take_ipv6(facts, &frame, time_ns);
}

SSSE3 static unsigned run_ssse3(const struct sf_packet *packets, unsigned count,
	struct sf_facts *facts, uint16_t scope, uint16_t interface_base)
{
	const uint64_t scope_word = scope | SF_FACTS_WORD((uint64_t)SF_FACT_MAC, scope, flags);
	const uint64_t interface = (uint64_t)packets->interface + interface_base;
	const uint64_t octets_word = SF_FACTS_WORD(interface & UINT16_MAX, octets, interface);
	const __m128i same = _mm_set_epi64x((int64_t)octets_word, (int64_t)scope_word);
	uint64_t source;
	unsigned n;

	if (packets->link != SF_LINK_ETHERNET || packets->flags & SF_PACKET_VLAN)
		return 0;
	memcpy(&source, &packets->link, sizeof(source));
	for (n = 0; n < count; n++, facts++) {
		const struct sf_packet *packet = &packets[n];
		struct frame frame = { packet->data, packet->captured, .same = same };

		if (sf_unlikely(memcmp(&packet->link, &source, sizeof(source)) != 0 ||
				packet->captured < ipv4.captured))
			break;
		frame.head = window(frame.data + HEAD);
		if (!sf_likely(take_ipv4(facts, &frame, packet->time_ns)) &&
			!take_ipv6(facts, &frame, packet->time_ns) &&
			!take_tagged(facts, &frame, packet->time_ns))
			break;
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
