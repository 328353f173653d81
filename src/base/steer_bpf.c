/* SPDX-License-Identifier: BSD-2-Clause */
/*
 *	     X = 0, or the begin of a frame
 *	ld   ethertype
 *	jeq  IPv4 -> v4, IPv6 -> v6, a tag -> next ethertype, X += 4
 *	     ret other
 *	v4:  A = source word * key;               mix; st M[0];  A = destination word * key
 *	v6:  A = sum of source words * keys;      mix; st M[0];  A = sum of destination words * keys
 *	     mix; add M[0]; join; ret A
 */
#include "base/steer_bpf.h"

#include <linux/if_ether.h>

#include "base/steer.h"

#define TAGS 2 /* VLAN tags in the data that are skipped */

struct writer {
	struct sock_filter *at;
	const uint32_t *key;
	uint32_t base;    /* the IP header is at base + X, its ethertype 2 bytes before */
	uint32_t other;   /* result for what is not IP */
	uint32_t sockets; /* the result is a hash modulo this number; 0: the hash itself */
};

static void put(struct writer *w, uint16_t code, uint32_t k)
{
	*w->at++ = (struct sock_filter){ .code = code, .k = k };
}

static void put_jump_equal(struct writer *w, uint32_t k, uint8_t if_true)
{
	*w->at++ = (struct sock_filter){ .code = BPF_JMP | BPF_JEQ | BPF_K, .jt = if_true, .k = k };
}

static void put_load(struct writer *w, uint16_t size, uint32_t offset)
{
	put(w, BPF_LD | BPF_IND | size, w->base + offset);
}

/* A ^= A >> bits; X is lost. */
static void put_fold(struct writer *w, uint32_t bits)
{
	put(w, BPF_MISC | BPF_TAX, 0);
	put(w, BPF_ALU | BPF_RSH | BPF_K, bits);
	put(w, BPF_ALU | BPF_XOR | BPF_X, 0);
}

/* A = sf_steer_mix(A); X is lost. */
static void put_mix(struct writer *w)
{
	put_fold(w, 16);
	put(w, BPF_ALU | BPF_MUL | BPF_K, SF_STEER_MIX_1);
	put_fold(w, 13);
}

/* A = hash of the address of `words` words at `offset`, with the last words of the key. */
static void put_endpoint(struct writer *w, uint32_t offset, unsigned words)
{
	for (unsigned i = 0; i < words; i++) {
		put_load(w, BPF_W, offset + 4 * i);
		put(w, BPF_ALU | BPF_MUL | BPF_K, w->key[SF_STEER_WORDS - words + i] | 1);
		if (i + 1 == words && words == 1)
			return;
		if (i > 0) {
			/* X holds the length of the tags, so the sum is kept in M[2] */
			put(w, BPF_ST, 3);
			put(w, BPF_STX, 1);
			put(w, BPF_LDX | BPF_MEM, 3);
			put(w, BPF_LD | BPF_MEM, 2);
			put(w, BPF_ALU | BPF_ADD | BPF_X, 0);
			put(w, BPF_LDX | BPF_MEM, 1);
		}
		if (i + 1 < words)
			put(w, BPF_ST, 2);
	}
}

/* Writes the end of the program, for an address pair at `offset`. M[1] keeps X. */
static void put_pair(struct writer *w, uint32_t offset, unsigned words)
{
	put(w, BPF_STX, 1);
	put_endpoint(w, offset, words);
	put_mix(w);
	put(w, BPF_ST, 0);
	put(w, BPF_LDX | BPF_MEM, 1);
	put_endpoint(w, offset + 4 * words, words);
	put_mix(w);
	put(w, BPF_LDX | BPF_MEM, 0);
	put(w, BPF_ALU | BPF_ADD | BPF_X, 0);
	put(w, BPF_ALU | BPF_MUL | BPF_K, SF_STEER_MIX_2);
	put_fold(w, 16);
	if (w->sockets)
		put(w, BPF_ALU | BPF_MOD | BPF_K, w->sockets);
	put(w, BPF_RET | BPF_A, 0);
}

/* Goes from an ethertype, which is a VLAN tag's, to the next one. M[1] keeps X for a moment. */
static void put_next_tag(struct writer *w)
{
	put(w, BPF_MISC | BPF_TXA, 0);
	put(w, BPF_ALU | BPF_ADD | BPF_K, 4);
	put(w, BPF_ST, 1);
	put_load(w, BPF_H, 2);
	put(w, BPF_LDX | BPF_MEM, 1);
}

/* Writes the program from where A has the ethertype. */
static void put_steering(struct writer *w)
{
	struct sock_filter *jump4[TAGS + 1], *jump6[TAGS + 1];

	for (unsigned tag = 0; tag <= TAGS; tag++) {
		jump4[tag] = w->at;
		put_jump_equal(w, ETH_P_IP, 0);
		jump6[tag] = w->at;
		put_jump_equal(w, ETH_P_IPV6, 0);
		if (tag == TAGS)
			break;
		put_jump_equal(w, ETH_P_8021Q, 2);
		put_jump_equal(w, ETH_P_8021AD, 1);
		put(w, BPF_RET | BPF_K, w->other);
		put_next_tag(w);
	}
	put(w, BPF_RET | BPF_K, w->other);
	for (unsigned tag = 0; tag <= TAGS; tag++)
		jump4[tag]->jt = (uint8_t)(w->at - jump4[tag] - 1);
	put_pair(w, 12, 1);
	for (unsigned tag = 0; tag <= TAGS; tag++)
		jump6[tag]->jt = (uint8_t)(w->at - jump6[tag] - 1);
	put_pair(w, 8, 4);
}

unsigned sf_steer_bpf_packets(struct sock_filter *program, const uint32_t *key)
{
	struct writer w = { .at = program, .key = key, .base = (uint32_t)SKF_NET_OFF };

	put(&w, BPF_LDX | BPF_IMM, 0);
	put(&w, BPF_LD | BPF_ABS | BPF_W, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL));
	put_steering(&w);
	return (unsigned)(w.at - program);
}

unsigned sf_steer_bpf_frames(struct sock_filter *program, const uint32_t *key, unsigned sockets)
{
	struct writer w = { .at = program,
		.key = key,
		.base = ETH_HLEN,
		.other = SF_STEER_BPF_OTHER,
		.sockets = sockets };

	put(&w, BPF_LD | BPF_IND | BPF_H, ETH_HLEN - 2);
	put_steering(&w);
	return (unsigned)(w.at - program);
}
