/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <string.h>

#include "base/local.h"

const struct sf_network sf_private_networks[SF_PRIVATE_NETWORKS] = {
	{ { 10 }, 4, 8 },
	{ { 172, 16 }, 4, 12 },
	{ { 192, 168 }, 4, 16 },
	{ { 100, 64 }, 4, 10 },
	{ { 169, 254 }, 4, 16 },
	{ { 127 }, 4, 8 },
	{ { 0xfc }, 16, 7 },
	{ { 0xfe, 0x80 }, 16, 10 },
	{ { [15] = 1 }, 16, 128 },
};

/* The bits behind the slash; false: no number, or more than `most`. */
static bool parse_bits(const char *text, unsigned most, uint8_t *bits)
{
	unsigned value = 0, digits = 0;

	for (; *text >= '0' && *text <= '9' && digits < 4; text++, digits++)
		value = 10 * value + (unsigned)(*text - '0');
	*bits = (uint8_t)value;
	return digits && !*text && value <= most;
}

bool sf_network_parse(const char *text, size_t length, struct sf_network *network)
{
	char word[INET6_ADDRSTRLEN + sizeof("/128")], *slash;

	if (length >= sizeof(word) || memchr(text, 0, length))
		return false;
	memcpy(word, text, length);
	word[length] = '\0';
	slash = strchr(word, '/');
	if (slash)
		*slash++ = '\0';
	memset(network, 0, sizeof(*network));
	network->length = strchr(word, ':') ? 16 : 4;
	network->bits = (uint8_t)(8 * network->length);
	return inet_pton(network->length == 4 ? AF_INET : AF_INET6, word, network->address) == 1 &&
	       (!slash || parse_bits(slash, network->bits, &network->bits));
}

bool sf_network_has(const struct sf_network *network, const uint8_t *address, size_t length)
{
	unsigned whole = network->bits / 8, rest = network->bits % 8;

	if (network->length != length || memcmp(network->address, address, whole) != 0)
		return false;
	return !rest || (network->address[whole] ^ address[whole]) >> (8 - rest) == 0;
}

void sf_network_keep_bits(uint8_t *address, size_t length, unsigned bits)
{
	for (size_t i = bits / 8; i < length; i++, bits = 0)
		address[i] &= (uint8_t)(0xff00 >> bits % 8);
}

bool sf_private_has(const uint8_t *address, size_t length)
{
	for (unsigned i = 0; i < SF_PRIVATE_NETWORKS; i++)
		if (sf_network_has(&sf_private_networks[i], address, length))
			return true;
	return false;
}

/* RFC 1918: 10/8, 172.16/12, 192.168/16 */
#define PRIVATE                                                                                    \
	[0x0a00 / 32 ... 0x0aff / 32] = UINT32_MAX, [0xac10 / 32] = 0xffff0000,                    \
				  [0xc0a8 / 32] = 1u << 0xc0a8 % 32

const uint32_t sf_local_private[65536 / 32] = { PRIVATE };

/* 0/8, 127/8, 169.254/16, 224/4 and what follows it */
const uint32_t sf_local_inside[65536 / 32] = {
	PRIVATE,
	[0 ... 0x00ff / 32] = UINT32_MAX,
	[0x7f00 / 32 ... 0x7fff / 32] = UINT32_MAX,
	[0xa9fe / 32] = 1u << 0xa9fe % 32,
	[0xe000 / 32 ... 0xffff / 32] = UINT32_MAX,
};
