/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Initial packets of QUIC clients (RFC 9000 §17.2.2, RFC 9369). Their keys are made of the
 * connection id that the client chose (RFC 9001 §5.2), so whoever sees a packet can read it. The
 * client's hello is in CRYPTO frames, in any order, in one datagram or more.
 */
#ifndef SPANFLOW_APPS_QUIC_H
#define SPANFLOW_APPS_QUIC_H

#include "apps/pieces.h"
#include "apps/reader.h"
#include "tls/cipher.h"

#define SF_QUIC_ID_MAX       20
#define SF_QUIC_DATAGRAM_MAX 2048 /* longer ones are not read */

/* Keys, and what they are made of. All zeros: of nothing. */
struct sf_quic_keys {
	uint8_t key[SF_AES_BYTES], nonce[SF_NONCE_BYTES], header[SF_AES_BYTES];
	uint8_t id[SF_QUIC_ID_MAX], id_length;
	uint32_t version;
};

/* An Initial packet in the clear parts of its header. */
struct sf_quic_initial {
	const uint8_t *bytes; /* of the packet */
	size_t number;        /* offset of the packet number */
	size_t length;        /* bytes of the packet */
	const uint8_t *id;    /* destination connection id */
	size_t id_length;
	uint32_t version;
};

/*
 * True if the payload begins with an Initial packet that can be the first one of a client: of a
 * version that is known, with a connection id of at least 8 bytes, in a datagram of at least 1200
 * bytes, and captured whole.
 */
bool sf_quic_is_initial(struct sf_quic_initial *initial, const uint8_t *bytes, size_t length);

/*
 * The keys of the client. *keys are those of another packet: they stay if it was of the same
 * connection, as a client's first two datagrams usually are. False: they cannot be made.
 */
bool sf_quic_client_keys(const struct sf_cipher_ops *ops, struct sf_cipher *cipher,
	struct sf_quic_keys *keys, const struct sf_quic_initial *initial);

/*
 * Decrypts the packet into `plain`, which has room for initial->length bytes. Returns the number of
 * bytes of its frames; 0: it is not of a client, or damaged.
 */
size_t sf_quic_open(const struct sf_cipher_ops *ops, struct sf_cipher *cipher,
	const struct sf_quic_keys *keys, const struct sf_quic_initial *initial, uint8_t *plain);

/* Adds the data of CRYPTO frames. False: there are frames that an Initial packet cannot have. */
bool sf_quic_frames(struct sf_pieces_place *place, const uint8_t *frames, size_t length);

#endif
