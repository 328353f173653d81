/* SPDX-License-Identifier: BSD-2-Clause */
#include "tls/cipher.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/module.h"

extern const struct sf_cipher_ops sf_cipher_openssl;

struct sf_cipher {
	EVP_CIPHER_CTX *ecb, *gcm;
	EVP_MD_CTX *sha256;
};

static void destroy(struct sf_cipher *cipher)
{
	if (!cipher)
		return;
	EVP_CIPHER_CTX_free(cipher->ecb);
	EVP_CIPHER_CTX_free(cipher->gcm);
	EVP_MD_CTX_free(cipher->sha256);
	free(cipher);
}

static struct sf_cipher *create(void)
{
	struct sf_cipher *cipher = calloc(1, sizeof(*cipher));

	if (!cipher)
		return NULL;
	cipher->ecb = EVP_CIPHER_CTX_new();
	cipher->gcm = EVP_CIPHER_CTX_new();
	cipher->sha256 = EVP_MD_CTX_new();
	/* the library looks for its algorithms now, not when the first packet comes */
	if (cipher->ecb && cipher->gcm && cipher->sha256 &&
		EVP_EncryptInit_ex(cipher->ecb, EVP_aes_128_ecb(), NULL, NULL, NULL) &&
		EVP_DecryptInit_ex(cipher->gcm, EVP_aes_128_gcm(), NULL, NULL, NULL) &&
		EVP_DigestInit_ex(cipher->sha256, EVP_sha256(), NULL))
		return cipher;
	destroy(cipher);
	return NULL;
}

static bool block(struct sf_cipher *cipher, const uint8_t *key, const uint8_t *from, uint8_t *to)
{
	int length;

	return EVP_EncryptInit_ex(cipher->ecb, NULL, NULL, key, NULL) &&
	       EVP_EncryptUpdate(cipher->ecb, to, &length, from, SF_AES_BYTES) &&
	       length == SF_AES_BYTES;
}

static bool open_text(struct sf_cipher *cipher, const uint8_t *key, const uint8_t *nonce,
	const uint8_t *aad, size_t aad_length, const uint8_t *from, size_t length, uint8_t *to)
{
	uint8_t tag[SF_TAG_BYTES];
	int n;

	__builtin_memcpy(tag, from + length, sizeof(tag));
	return EVP_DecryptInit_ex(cipher->gcm, NULL, NULL, key, nonce) &&
	       EVP_DecryptUpdate(cipher->gcm, NULL, &n, aad, (int)aad_length) &&
	       EVP_DecryptUpdate(cipher->gcm, to, &n, from, (int)length) &&
	       EVP_CIPHER_CTX_ctrl(cipher->gcm, EVP_CTRL_AEAD_SET_TAG, SF_TAG_BYTES, tag) &&
	       EVP_DecryptFinal_ex(cipher->gcm, to + n, &n) > 0;
}

static bool digest(struct sf_cipher *cipher, const uint8_t *bytes, size_t length, uint8_t *to)
{
	/* without a name it is the algorithm of create(): nothing is looked for or allocated */
	return EVP_DigestInit_ex(cipher->sha256, NULL, NULL) &&
	       EVP_DigestUpdate(cipher->sha256, bytes, length) &&
	       EVP_DigestFinal_ex(cipher->sha256, to, NULL);
}

SF_MODULE_OBJECT const struct sf_cipher_ops sf_cipher_openssl = {
	.create = create,
	.destroy = destroy,
	.block = block,
	.open = open_text,
	.digest = digest,
};
