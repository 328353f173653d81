/* SPDX-License-Identifier: BSD-2-Clause */
#include "apps/quic.h"

#include "base/branch.h"
#include "base/wire.h"

enum {
	DATAGRAM_LEAST = 1200,
	ID_LEAST = 8,
	SALT = 20,
	NUMBER_MOST = 4,
	FRAMES_MAX = 256, /* and runs of padding: looked at in a packet */
	RANGES_MAX = 64,  /* of an acknowledgement */
	BLOCK = 64,       /* of SHA-256 */
	TEXT = 40,        /* most bytes of which a code is made */
};

/* RFC 9001 §5.2, RFC 9369 §3.3.1, and the last drafts. */
static const struct version {
	uint32_t from, to;
	uint8_t initial; /* bits of the packet's type */
	bool v2;
	uint8_t salt[SALT];
} versions[] = {
	{ 1, 1, 0, false,
		{ 0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4,
			0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a } },
	{ 0x6b3343cf, 0x6b3343cf, 1, true,
		{ 0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e,
			0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9 } },
	{ 0xff00001d, 0xff000020, 0, false,
		{ 0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c,
			0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99 } },
	{ 0xff000017, 0xff00001c, 0, false,
		{ 0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7, 0xd2, 0x43, 0x2b,
			0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02 } },
};

/*
 * Facebook's own numbers for draft 27; a number that no server knows,
 * which clients try (RFC 9000 §15).
 */
static uint32_t meant(uint32_t number)
{
	if (number == 0xfaceb001 || number == 0xfaceb002 || number == 0xfaceb00e)
		return 0xff00001b;
	return (number & 0x0f0f0f0f) == 0x0a0a0a0a ? 0xff00001d : number;
}

static const struct version *find_version(uint32_t number)
{
	number = meant(number);
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (number >= versions[i].from && number <= versions[i].to)
			return &versions[i];
	return NULL;
}

struct reader {
	const uint8_t *p, *end;
};

/* RFC 9000 §16. False: it is cut. */
static bool take_number(struct reader *r, uint64_t *value)
{
	size_t length;

	if (r->p == r->end)
		return false;
	length = (size_t)1 << (*r->p >> 6);
	if ((size_t)(r->end - r->p) < length)
		return false;
	*value = sf_load_be(r->p, length) & ((UINT64_C(1) << (8 * length - 2)) - 1);
	r->p += length;
	return true;
}

static bool skip(struct reader *r, uint64_t length)
{
	if ((uint64_t)(r->end - r->p) < length)
		return false;
	r->p += length;
	return true;
}

/* Behind the version: connection ids, token, length. */
static bool read_header(struct sf_quic_initial *initial, struct reader *r)
{
	uint64_t length;

	if (r->p == r->end)
		return false;
	initial->id_length = *r->p++;
	initial->id = r->p;
	if (initial->id_length < ID_LEAST || initial->id_length > SF_QUIC_ID_MAX ||
		!skip(r, initial->id_length) || r->p == r->end || *r->p > SF_QUIC_ID_MAX)
		return false;
	length = *r->p++;
	if (!skip(r, length) || !take_number(r, &length) || !skip(r, length) ||
		!take_number(r, &length))
		return false;
	initial->number = (size_t)(r->p - initial->bytes);
	initial->length = initial->number + (size_t)length;
	return length >= NUMBER_MOST + SF_AES_BYTES && length <= (uint64_t)(r->end - r->p);
}

bool sf_quic_is_initial(struct sf_quic_initial *initial, const uint8_t *bytes, size_t length)
{
	struct reader r = { bytes + 5, bytes + length };
	const struct version *version;

	if (sf_likely(
		    length < DATAGRAM_LEAST || length > SF_QUIC_DATAGRAM_MAX || bytes[0] >> 6 != 3))
		return false;
	initial->bytes = bytes;
	initial->version = sf_load_be32(bytes + 1);
	version = find_version(initial->version);
	return version && (bytes[0] >> 4 & 3) == version->initial && read_header(initial, &r);
}

/* What the keys of a packet are made with. */
struct maker {
	const struct sf_cipher_ops *ops;
	struct sf_cipher *cipher;
};

/* HMAC with SHA-256 (RFC 2104) of at most TEXT bytes; `key` has at most a digest's. */
static bool authenticate(const struct maker *maker, const uint8_t *key, size_t key_length,
	const uint8_t *text, size_t length, uint8_t *code)
{
	uint8_t inner[BLOCK + TEXT], outer[BLOCK + SF_DIGEST_BYTES];

	memset(inner, 0x36, BLOCK);
	memset(outer, 0x5c, BLOCK);
	for (size_t i = 0; i < key_length; i++) {
		inner[i] ^= key[i];
		outer[i] ^= key[i];
	}
	memcpy(inner + BLOCK, text, length);
	return maker->ops->digest(maker->cipher, inner, BLOCK + length, outer + BLOCK) &&
	       maker->ops->digest(maker->cipher, outer, sizeof(outer), code);
}

/* HKDF-Expand-Label (RFC 8446 §7.1) of at most a digest; the context is empty. */
static bool expand(const struct maker *maker, const uint8_t *secret, const char *label, uint8_t *to,
	uint8_t length)
{
	static const char tls13[6] = "tls13 ";
	const size_t label_length = strlen(label);
	uint8_t code[SF_DIGEST_BYTES], text[TEXT], *p = text;

	*p++ = 0;
	*p++ = length;
	*p++ = (uint8_t)(sizeof(tls13) + label_length);
	memcpy(p, tls13, sizeof(tls13));
	memcpy(p + sizeof(tls13), label, label_length);
	p += sizeof(tls13) + label_length;
	*p++ = 0; /* bytes of the context */
	*p++ = 1; /* the first block */
	if (!authenticate(maker, secret, SF_DIGEST_BYTES, text, (size_t)(p - text), code))
		return false;
	memcpy(to, code, length);
	return true;
}

static bool make_keys(
	const struct maker *maker, struct sf_quic_keys *keys, const struct sf_quic_initial *initial)
{
	const struct version *version = find_version(initial->version);
	const bool v2 = version->v2;
	uint8_t secret[SF_DIGEST_BYTES];

	return authenticate(maker, version->salt, SALT, initial->id, initial->id_length, secret) &&
	       expand(maker, secret, "client in", secret, sizeof(secret)) &&
	       expand(maker, secret, v2 ? "quicv2 key" : "quic key", keys->key,
		       sizeof(keys->key)) &&
	       expand(maker, secret, v2 ? "quicv2 iv" : "quic iv", keys->nonce,
		       sizeof(keys->nonce)) &&
	       expand(maker, secret, v2 ? "quicv2 hp" : "quic hp", keys->header,
		       sizeof(keys->header));
}

bool sf_quic_client_keys(const struct sf_cipher_ops *ops, struct sf_cipher *cipher,
	struct sf_quic_keys *keys, const struct sf_quic_initial *initial)
{
	const struct maker maker = { ops, cipher };

	if (keys->version == initial->version && keys->id_length == initial->id_length &&
		!memcmp(keys->id, initial->id, initial->id_length))
		return true;
	keys->version = 0; /* that of no Initial packet */
	if (!make_keys(&maker, keys, initial))
		return false;
	keys->version = initial->version;
	keys->id_length = (uint8_t)initial->id_length;
	memcpy(keys->id, initial->id, initial->id_length);
	return true;
}

size_t sf_quic_open(const struct sf_cipher_ops *ops, struct sf_cipher *cipher,
	const struct sf_quic_keys *keys, const struct sf_quic_initial *initial, uint8_t *plain)
{
	uint8_t mask[SF_AES_BYTES], header[SF_QUIC_DATAGRAM_MAX], nonce[SF_NONCE_BYTES];
	const uint8_t *number = initial->bytes + initial->number;
	unsigned number_length;
	size_t length;

	/* RFC 9001 §5.4: the sample lies where it would if the number had four bytes */
	if (!ops->block(cipher, keys->header, number + NUMBER_MOST, mask))
		return 0;
	memcpy(header, initial->bytes, initial->number + NUMBER_MOST);
	header[0] ^= mask[0] & 0x0f;
	number_length = (header[0] & 3) + 1u;
	memcpy(nonce, keys->nonce, sizeof(nonce));
	for (unsigned i = 0; i < number_length; i++) {
		header[initial->number + i] ^= mask[1 + i];
		nonce[SF_NONCE_BYTES - number_length + i] ^= header[initial->number + i];
	}
	length = initial->length - initial->number - number_length;
	if (length <= SF_TAG_BYTES)
		return 0;
	length -= SF_TAG_BYTES;
	if (!ops->open(cipher, keys->key, nonce, header, initial->number + number_length,
		    number + number_length, length, plain))
		return 0;
	return length;
}

/* RFC 9000 §19.3, behind its type. */
static bool skip_ack(struct reader *r, bool counts)
{
	uint64_t value, ranges = 0;

	/* largest, delay, number of ranges, first range */
	for (unsigned i = 0; i < 4; i++)
		if (!take_number(r, i == 2 ? &ranges : &value))
			return false;
	if (ranges > RANGES_MAX)
		return false;
	for (uint64_t i = 0; i < 2 * ranges + (counts ? 3 : 0); i++)
		if (!take_number(r, &value))
			return false;
	return true;
}

bool sf_quic_frames(struct sf_pieces_place *place, const uint8_t *frames, size_t length)
{
	enum { PADDING = 0, PING = 1, ACK = 2, ACK_ECN = 3, CRYPTO = 6, CLOSE = 0x1c };
	struct reader r = { frames, frames + length };
	uint64_t offset, bytes;

	for (unsigned n = 0; n < FRAMES_MAX && r.p < r.end; n++) {
		uint8_t type = *r.p++;

		if (type == PADDING) {
			while (r.p < r.end && *r.p == PADDING)
				r.p++;
		} else if (type == ACK || type == ACK_ECN) {
			if (!skip_ack(&r, type == ACK_ECN))
				return false;
		} else if (type == CRYPTO) {
			if (!take_number(&r, &offset) || !take_number(&r, &bytes) ||
				!skip(&r, bytes) ||
				!sf_pieces_add(place, offset, r.p - bytes, (size_t)bytes))
				return false;
		} else if (type != PING) {
			return type == CLOSE;
		}
	}
	return true;
}
