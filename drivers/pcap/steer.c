/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sf_steer_hash() of base/steer.h as a classic BPF program for PACKET_FANOUT_CBPF. All loads are
 * relative to the network header (SKF_NET_OFF), because the data of an incoming packet begins there and
 * the data of an outgoing packet begins at the link header. The kernel has taken the outer VLAN tag out
 * of the data; the program skips up to two more. Packets that are not IP go to the first queue.
 *
 *	ld   protocol            X = 0, or the bytes of inner tags
 *	jeq  IPv4 -> v4, IPv6 -> v6, a tag -> next ethertype, X += 4
 *	v4:  A = source word * key;               mix; st M[0];  A = destination word * key
 *	v6:  A = sum of source words * keys;      mix; st M[0];  A = sum of destination words * keys
 *	     mix; add M[0]; join; ret A
 */
#include <linux/if_ether.h>
#include <stddef.h>

#include "base/steer.h"
#include "pcap/rings.h"

#define TAGS 2 /* VLAN tags in the data that are skipped */

struct writer {
	struct sock_filter *at;
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
	put(w, BPF_LD | BPF_IND | size, (uint32_t)SKF_NET_OFF + offset);
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
static void put_endpoint(struct writer *w, uint32_t offset, unsigned words, const uint32_t *key)
{
	for (unsigned i = 0; i < words; i++) {
		put_load(w, BPF_W, offset + 4 * i);
		put(w, BPF_ALU | BPF_MUL | BPF_K, key[SF_STEER_WORDS - words + i] | 1);
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
static void put_pair(struct writer *w, uint32_t offset, unsigned words, const uint32_t *key)
{
	put(w, BPF_STX, 1);
	put_endpoint(w, offset, words, key);
	put_mix(w);
	put(w, BPF_ST, 0);
	put(w, BPF_LDX | BPF_MEM, 1);
	put_endpoint(w, offset + 4 * words, words, key);
	put_mix(w);
	put(w, BPF_LDX | BPF_MEM, 0);
	put(w, BPF_ALU | BPF_ADD | BPF_X, 0);
	put(w, BPF_ALU | BPF_MUL | BPF_K, SF_STEER_MIX_2);
	put_fold(w, 16);
	put(w, BPF_RET | BPF_A, 0);
}

unsigned sf_pcap_steer(struct sock_filter *program, const uint32_t *key)
{
	struct writer w = { program };
	struct sock_filter *jump4[TAGS + 1], *jump6[TAGS + 1];

	put(&w, BPF_LDX | BPF_IMM, 0);
	put(&w, BPF_LD | BPF_ABS | BPF_W, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL));
	for (unsigned tag = 0; tag <= TAGS; tag++) {
		jump4[tag] = w.at;
		put_jump_equal(&w, ETH_P_IP, 0);
		jump6[tag] = w.at;
		put_jump_equal(&w, ETH_P_IPV6, 0);
		if (tag == TAGS)
			break;
		put_jump_equal(&w, ETH_P_8021Q, 2);
		put_jump_equal(&w, ETH_P_8021AD, 1);
		put(&w, BPF_RET | BPF_K, 0);
		put_load(&w, BPF_H, 2);
		put(&w, BPF_LDX | BPF_IMM, 4 * tag + 4);
	}
	put(&w, BPF_RET | BPF_K, 0);
	for (unsigned tag = 0; tag <= TAGS; tag++)
		jump4[tag]->jt = (uint8_t)(w.at - jump4[tag] - 1);
	put_pair(&w, 12, 1, key);
	for (unsigned tag = 0; tag <= TAGS; tag++)
		jump6[tag]->jt = (uint8_t)(w.at - jump6[tag] - 1);
	put_pair(&w, 8, 4, key);
	return (unsigned)(w.at - program);
}
