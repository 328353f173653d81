/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs for the kernel. The steering program (base/steer_bpf.h) and the workers' hash
 * (base/steer.h) must agree on every packet; an interpreter of the few instructions in use stands
 * in for the kernel.
 */
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <string.h>

#include "base/steer.h"
#include "base/steer_bpf.h"
#include "check_main.h"
#include "pcap/rings.h"
#include "socket/socket.h"

static const uint32_t key[4] = { 0x12345678, 0x9abcdef0, 0x0fedcba9, 0x87654320 };

/* `data` begins at the network header, behind the outer tag; `protocol` is the ethertype before. */
static uint32_t interpret(const struct sock_filter *program, unsigned length, const uint8_t *data,
	size_t size, uint16_t protocol)
{
	uint32_t a = 0, x = 0, memory[16] = { 0 };

	for (unsigned pc = 0; pc < length; pc++) {
		const struct sock_filter *f = &program[pc];
		size_t at = (size_t)x +
			    (f->k - (f->k >= (uint32_t)SKF_NET_OFF ? (uint32_t)SKF_NET_OFF : 0));

		switch (f->code) {
		case BPF_LD | BPF_ABS | BPF_W:
			ck_assert_uint_eq(f->k, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL));
			a = protocol;
			break;
		case BPF_LD | BPF_ABS | BPF_H:
			if (f->k + 2 > size)
				return 0;
			a = sf_load_be16(data + f->k);
			break;
		case BPF_LD | BPF_ABS | BPF_B:
			if (f->k + 1 > size)
				return 0;
			a = data[f->k];
			break;
		case BPF_LD | BPF_IND | BPF_W:
			if (at + 4 > size)
				return 0;
			a = sf_load_be32(data + at);
			break;
		case BPF_LD | BPF_IND | BPF_H:
			if (at + 2 > size)
				return 0;
			a = sf_load_be16(data + at);
			break;
		case BPF_LDX | BPF_IMM:
			x = f->k;
			break;
		case BPF_LD | BPF_MEM:
			a = memory[f->k];
			break;
		case BPF_LDX | BPF_MEM:
			x = memory[f->k];
			break;
		case BPF_ST:
			memory[f->k] = a;
			break;
		case BPF_STX:
			memory[f->k] = x;
			break;
		case BPF_MISC | BPF_TXA:
			a = x;
			break;
		case BPF_ALU | BPF_ADD | BPF_K:
			a += f->k;
			break;
		case BPF_MISC | BPF_TAX:
			x = a;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f->k;
			break;
		case BPF_ALU | BPF_LSH | BPF_K:
			a <<= f->k;
			break;
		case BPF_ALU | BPF_MOD | BPF_K:
			a %= f->k;
			break;
		case BPF_ALU | BPF_RSH | BPF_K:
			a >>= f->k;
			break;
		case BPF_ALU | BPF_XOR | BPF_X:
			a ^= x;
			break;
		case BPF_ALU | BPF_ADD | BPF_X:
			a += x;
			break;
		case BPF_ALU | BPF_MUL | BPF_K:
			a *= f->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == f->k ? f->jt : f->jf;
			break;
		case BPF_RET | BPF_A:
			return a;
		case BPF_RET | BPF_K:
			return f->k;
		default:
			ck_abort_msg("instruction %u: code %#x", pc, f->code);
		}
	}
	ck_abort_msg("ran past the end");
}

static uint32_t steer(const uint8_t *data, size_t size, uint16_t protocol)
{
	struct sock_filter program[SF_STEER_BPF_MAX];
	unsigned length = sf_steer_bpf_packets(program, key);

	ck_assert_uint_le(length, SF_STEER_BPF_MAX);
	return interpret(program, length, data, size, protocol);
}

/* Puts `tags` inner tags before an IP packet; returns their length. */
static size_t put_tags(uint8_t *data, unsigned tags, uint16_t ethertype)
{
	for (unsigned i = 0; i < tags; i++) {
		sf_store_be16(data + 4 * i, (uint16_t)(100 + i));
		sf_store_be16(data + 4 * i + 2, i + 1 < tags ? ETH_P_8021Q : ethertype);
	}
	return 4 * (size_t)tags;
}

START_TEST(test_ipv4_agrees)
{
	uint32_t source = 0xc0000201U + 77777, destination = 0x0a000001U * 3;
	struct sf_facts facts = { .version = 4, .address = (uint64_t)source << 32 | destination };

	for (unsigned tags = 0; tags <= 2; tags++) {
		uint8_t data[60] = { 0 };
		size_t at = put_tags(data, tags, ETH_P_IP);
		uint16_t protocol = tags ? ETH_P_8021AD : ETH_P_IP;

		sf_store_be32(data + at + 12, source);
		sf_store_be32(data + at + 16, destination);
		ck_assert_uint_eq(steer(data, sizeof(data), protocol), sf_steer_hash(&facts, key));
		sf_store_be32(data + at + 12, destination);
		sf_store_be32(data + at + 16, source);
		ck_assert_uint_eq(steer(data, sizeof(data), protocol), sf_steer_hash(&facts, key));
	}
}
END_TEST

START_TEST(test_ipv6_agrees)
{
	struct sf_facts facts = { .version = 6 };

	for (unsigned i = 0; i < 16; i++) {
		facts.address6[0][i] = (uint8_t)(0x20 + i * 7);
		facts.address6[1][i] = (uint8_t)(0xfe - i * 3);
	}
	for (unsigned tags = 0; tags <= 2; tags++) {
		uint8_t data[60] = { 0 };
		size_t at = put_tags(data, tags, ETH_P_IPV6);

		for (unsigned side = 0; side < 2; side++) {
			memcpy(data + at + 8, facts.address6[side], 16);
			memcpy(data + at + 24, facts.address6[!side], 16);
			ck_assert_uint_eq(
				steer(data, sizeof(data), tags ? ETH_P_8021Q : ETH_P_IPV6),
				sf_steer_hash(&facts, key));
		}
	}
}
END_TEST

START_TEST(test_others_and_cut_off)
{
	uint8_t data[40] = { 0 };

	ck_assert_uint_eq(steer(data, sizeof(data), ETH_P_ARP), 0);
	ck_assert_uint_eq(steer(data, 10, ETH_P_IP), 0);
	ck_assert_uint_eq(steer(data, 39, ETH_P_IPV6), 0);
	put_tags(data, 3, ETH_P_IP);
	ck_assert_uint_eq(steer(data, sizeof(data), ETH_P_8021Q), 0);
}
END_TEST

/*
 * What the kernel does with a datagram to "udp://...": the number of a socket, or its own choice.
 */
static uint32_t choose(const char *text, const uint8_t *data, size_t size)
{
	struct sock_filter program[SF_SOCKET_PROGRAM_MAX];
	struct sf_socket_name name;
	struct sf_error error = { 0 };
	unsigned length;

	ck_assert_msg(sf_socket_name_parse(&name, "udp", text, &error) == 0, "%s", error.text);
	length = sf_socket_program(program, &name, key, 3);
	ck_assert_uint_le(length, SF_SOCKET_PROGRAM_MAX);
	return length ? interpret(program, length, data, size, 0) : SF_STEER_BPF_OTHER;
}

static const struct mirror {
	const char *name;
	uint8_t header[20];
	unsigned length;
} mirrors[] = {
	{ "udp://:4789", { 8 }, 8 },
	{ "udp://:8472", { 8 }, 8 },
	{ "udp://:9000,kind=geneve", { 0xc0, 0, 0x65, 0x58 }, 8 },
	{ "udp://:6081", { 3, 0, 0x65, 0x58 }, 20 },
	{ "udp://:37008", { 1, 0, 0, 1, 1 }, 5 },
	{ "udp://:4789,kind=hpe-erm", { 0 }, 12 },
};

/*
 * Writes a datagram with a frame of `facts` behind `tags` tags; `turned`: of the other direction.
 */
static size_t put_mirrored(uint8_t *data, const struct mirror *mirror, const struct sf_facts *facts,
	unsigned tags, bool turned)
{
	uint16_t ethertype = facts->version == 4 ? ETH_P_IP : ETH_P_IPV6;
	uint8_t *ip = data + mirror->length + ETH_HLEN;

	memcpy(data, mirror->header, mirror->length);
	sf_store_be16(ip - 2, tags ? ETH_P_8021Q : ethertype);
	ip += put_tags(ip, tags, ethertype);
	if (facts->version == 4) {
		sf_store_be32(ip + (turned ? 16 : 12), (uint32_t)(facts->address >> 32));
		sf_store_be32(ip + (turned ? 12 : 16), (uint32_t)facts->address);
		return (size_t)(ip + 20 - data);
	}
	memcpy(ip + 8, facts->address6[turned], 16);
	memcpy(ip + 24, facts->address6[!turned], 16);
	return (size_t)(ip + 40 - data);
}

static void check_mirror(const struct mirror *mirror, uint8_t version)
{
	struct sf_facts facts = { .version = version };
	unsigned sockets = 0;

	for (uint32_t i = 0; i < 60; i++) {
		uint8_t data[100] = { 0 };
		uint32_t expected;

		if (version == 4)
			facts.address = (uint64_t)(0x0a000001 + i) << 32 | 0xc0000201;
		else
			sf_store_be32(facts.address6[0] + 12, i);
		expected = sf_steer_hash(&facts, key) % 3;
		for (unsigned turned = 0; turned < 2; turned++) {
			size_t size = put_mirrored(data, mirror, &facts, i % 3, turned);

			ck_assert_uint_eq(choose(mirror->name, data, size), expected);
		}
		sockets |= 1U << expected;
	}
	ck_assert_uint_eq(sockets, 7);
}

/*
 * For each kind of mirror that has a program: the socket is that of the worker that has the flow.
 */
START_TEST(test_mirrors_agree)
{
	for (unsigned i = 0; i < sizeof(mirrors) / sizeof(mirrors[0]); i++) {
		check_mirror(&mirrors[i], 4);
		check_mirror(&mirrors[i], 6);
	}
}
END_TEST

/*
 * Frames that are not IP, headers of another form and kinds without a program: the kernel chooses.
 */
START_TEST(test_mirrors_of_others)
{
	uint8_t data[100] = { 0 }, geneve_ip[100] = { 0, 0, 8, 0 }, tzsp[100] = { 1, 0, 0, 1, 10 };

	for (unsigned i = 0; i < 100; i += 2)
		sf_store_be16(geneve_ip + (i < 4 ? 2 : i), ETH_P_IP);
	memcpy(tzsp + 5, geneve_ip + 5, 95);
	ck_assert_uint_eq(choose("udp://:4789", data, 100), SF_STEER_BPF_OTHER);
	ck_assert_uint_eq(choose("udp://:6081", geneve_ip, 100), SF_STEER_BPF_OTHER);
	ck_assert_uint_eq(choose("udp://:37008", tzsp, 100), SF_STEER_BPF_OTHER);
	ck_assert_uint_eq(choose("udp://:2152", geneve_ip, 100), SF_STEER_BPF_OTHER);
	ck_assert_uint_eq(choose("udp://:4789,kind=gtp-u", geneve_ip, 100), SF_STEER_BPF_OTHER);
	/* cut before the end of the addresses */
	put_mirrored(
		data, &mirrors[0], &(struct sf_facts){ .version = 4, .address = 77 }, 0, false);
	for (size_t size = 0; size < 8 + 34; size++)
		ck_assert_uint_eq(choose("udp://:4789", data, size), 0);
}
END_TEST

/* Neighbouring addresses spread over few queues: none gets twice its share. */
START_TEST(test_spread)
{
	unsigned counts[4] = { 0 };

	for (uint32_t i = 0; i < 4096; i++) {
		struct sf_facts facts = { .version = 4,
			.address = (uint64_t)(0x0a000000 + i % 64) << 32 | (0x0a000100 + i / 64) };

		counts[sf_steer_hash(&facts, key) % 4]++;
	}
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_lt(counts[i], 2048);
}
END_TEST

/* The kernel takes at most 4096 instructions, and the length is given in 16 bits. */
START_TEST(test_long_filters)
{
	static const unsigned counts[] = { 10, 1000, 11000 }; /* six instructions each */
	static char text[200000];
	struct sf_pcap_settings settings = { .snaplen = 96 };
	struct sf_error error = { 0 };

	for (unsigned n = 0; n < 3; n++) {
		char *p = text + sprintf(text, "udp or ether[0]");

		for (unsigned i = 1; i < counts[n]; i++)
			p += sprintf(p, "+ether[%u]*%u", i % 14, i + 3);
		strcpy(p, "=1");
		ck_assert_msg(sf_pcap_program(&settings, text, &error) == 0, "%s", error.text);
		ck_assert_int_eq(settings.filtered, n == 0);
		if (!settings.filtered) {
			ck_assert_uint_eq(settings.program.len, 1);
			ck_assert_uint_eq(settings.program.filter[0].k, 96);
		}
		free(settings.program.filter);
	}
	ck_assert_int_eq(sf_pcap_program(&settings, NULL, &error), 0);
	ck_assert(!settings.filtered && settings.program.len == 1);
	free(settings.program.filter);
}
END_TEST

CHECK_MAIN("steer", test_ipv4_agrees, test_ipv6_agrees, test_others_and_cut_off, test_mirrors_agree,
	test_mirrors_of_others, test_spread, test_long_filters)
