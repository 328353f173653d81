/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP whose bytes are compressed with LZ4, in the form that IPFIXcol2's TCP input reads:
 *
 *	connection:  "LZ4c", bytes of the reader's buffer (32 bits) | block | block | …
 *	block:       bytes before compression, bytes of LZ4 (16 bits each) | LZ4
 *
 * Numbers are in network order. Blocks do not refer to earlier ones: messages are large enough to
 * be compressed alone. A message may be cut into several blocks.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/wire.h"
#include "spanflow_config.h"
#include "transport/tcp.h"

#ifdef HAVE_LZ4
#include <lz4.h>

#define MAGIC         0x4c5a3463
#define READER_BUFFER (128 << 10)
#define BLOCK_MAX     60000 /* the worst LZ4 of it fits 16 bits */
#define START         8
#define HEADER        4

struct lz4_connection {
	struct sf_connection link;
	size_t at, end; /* of what is compressed and not written yet: bytes[at … end-1] */
	size_t plain;   /* bytes before compression of it */
	bool begun;     /* the connection has its first bytes */
	uint8_t bytes[START + HEADER + LZ4_COMPRESSBOUND(BLOCK_MAX)];
};

static struct lz4_connection *of(struct sf_connection *link)
{
	return (struct lz4_connection *)link;
}

static int lz4_connect(struct sf_connection *link, const struct sf_peer *peer, unsigned index)
{
	struct lz4_connection *lz4 = of(link);

	lz4->at = lz4->end = lz4->plain = 0;
	lz4->begun = false;
	return sf_tcp_connect(link, peer, index);
}

static int compress(struct lz4_connection *lz4, const uint8_t *bytes, size_t length)
{
	uint8_t *p = lz4->bytes;
	int size;

	if (!lz4->begun) {
		p = sf_store_be32(p, MAGIC);
		p = sf_store_be32(p, READER_BUFFER);
	}
	lz4->plain = length < BLOCK_MAX ? length : BLOCK_MAX;
	size = LZ4_compress_default((const char *)bytes, (char *)p + HEADER, (int)lz4->plain,
		LZ4_COMPRESSBOUND(BLOCK_MAX));
	if (size <= 0)
		return -EIO;
	p = sf_store_be16(p, (uint16_t)lz4->plain);
	p = sf_store_be16(p, (uint16_t)size) + size;
	lz4->begun = true;
	lz4->at = 0;
	lz4->end = (size_t)(p - lz4->bytes);
	return 0;
}

/*
 * A block that was written in part stays in lz4->bytes. The next call, whose bytes begin as those
 * of this one, writes the rest.
 */
static ssize_t lz4_write(struct sf_connection *link, const uint8_t *bytes, size_t length)
{
	struct lz4_connection *lz4 = of(link);
	int code = lz4->at == lz4->end ? compress(lz4, bytes, length) : 0;

	if (code < 0)
		return code;
	while (lz4->at < lz4->end) {
		ssize_t n = sf_tcp_write(link, lz4->bytes + lz4->at, lz4->end - lz4->at);

		if (n < 0)
			return n;
		lz4->at += (size_t)n;
	}
	return (ssize_t)lz4->plain;
}

static const struct sf_connection_ops lz4_ops = {
	.connect = lz4_connect,
	.write = lz4_write,
	SF_TCP_OPS,
};

int sf_lz4_connection_new(struct sf_connection **link, struct sf_error *error)
{
	struct lz4_connection *lz4 = calloc(1, sizeof(*lz4));

	if (!lz4)
		return sf_error_set(error, -ENOMEM, "no memory for LZ4");
	lz4->link.ops = &lz4_ops;
	lz4->link.protocol = IPPROTO_TCP;
	lz4->link.fd = -1;
	*link = &lz4->link;
	return 0;
}
#else
int sf_lz4_connection_new(struct sf_connection **link, struct sf_error *error)
{
	(void)link;
	return sf_error_set(error, SF_EUNSUPPORTED,
		"compress=lz4: built without liblz4 (install liblz4-dev, then build anew after "
		"meson setup --wipe)");
}
#endif
