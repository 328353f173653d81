/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AES-128 and SHA-256 for packets that anybody may decrypt, because the key is derived from bytes
 * that are sent in the clear (Initial packets of QUIC). OpenSSL does the work, in the module of
 * TLS.
 *
 *	ops = sf_cipher_load(&error);			NULL: no OpenSSL
 *	cipher = ops->create();				before privileges are given up
 *	ops->block(cipher, key, from, to);		ECB, one block
 *	ops->open(cipher, key, nonce, &aad, &text, to);	GCM
 *	ops->digest(cipher, bytes, length, to);		SHA-256, by the processor's instructions
 *	ops->destroy(cipher);
 */
#ifndef SPANFLOW_TLS_CIPHER_H
#define SPANFLOW_TLS_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/error.h>

#define SF_AES_BYTES    16 /* of keys and blocks */
#define SF_NONCE_BYTES  12
#define SF_TAG_BYTES    16
#define SF_DIGEST_BYTES 32

struct sf_cipher;

struct sf_cipher_ops {
	/* NULL: no memory, or the library has no AES. */
	struct sf_cipher *(*create)(void);
	void (*destroy)(struct sf_cipher *cipher);
	bool (*block)(
		struct sf_cipher *cipher, const uint8_t *key, const uint8_t *from, uint8_t *to);
	/*
	 * Decrypts `length` bytes, which the tag follows. False: the tag does not fit the text and
	 * the bytes `aad`, which are authenticated but not encrypted.
	 */
	bool (*open)(struct sf_cipher *cipher, const uint8_t *key, const uint8_t *nonce,
		const uint8_t *aad, size_t aad_length, const uint8_t *from, size_t length,
		uint8_t *to);
	/* False: the library failed. */
	bool (*digest)(struct sf_cipher *cipher, const uint8_t *bytes, size_t length, uint8_t *to);
};

/* NULL: this build has no OpenSSL, or the module does not load; the error says which. */
const struct sf_cipher_ops *sf_cipher_load(struct sf_error *error);

#endif
