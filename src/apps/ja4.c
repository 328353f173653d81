/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JA4 of client hellos, as FoxIO has published it (the one method of that family that is free to
 * use):
 *
 *	t13d1516h2_8daaf6152771_e5627efa2ab1
 *	│└┤│└┤└┤└┤ │            └ SHA-256 of the extensions in order of number, without server
 *	│ ││ │ │ │ │              name and ALPN, and of the signature algorithms as sent: 12 digits
 *	│ ││ │ │ │ └ SHA-256 of the ciphers in order of number: 12 digits
 *	│ ││ │ │ └ first and last character of the first protocol of ALPN, 00 without it
 *	│ ││ │ └ number of extensions
 *	│ ││ └ number of ciphers
 *	│ │└ d: a server's name was given, i: none
 *	│ └ version
 *	└ t TCP, q QUIC
 *
 * Values of GREASE (RFC 8701) do not count. Of lists with more than LIST_MAX values the first ones
 * are taken.
 */
#include "apps/hello.h"
#include "base/sha256.h"
#include "base/wire.h"

#define DIGITS   12
#define LIST_MAX 128

struct list {
	unsigned count; /* all of them, if there are more than LIST_MAX too */
	unsigned kept;
	uint16_t values[LIST_MAX];
};

static void add(struct list *list, uint16_t value)
{
	list->count++;
	if (list->kept < LIST_MAX)
		list->values[list->kept++] = value;
}

static void add_all(struct list *list, struct sf_bytes bytes)
{
	for (size_t i = 0; i + 2 <= bytes.length; i += 2)
		if (!sf_is_grease(sf_load_be16(bytes.p + i)))
			add(list, sf_load_be16(bytes.p + i));
}

/* Shell's sort: a few hundred steps for a usual list, some thousand for the longest. */
static void sort(struct list *list)
{
	static const uint8_t gaps[] = { 57, 23, 10, 4, 1 };

	for (unsigned g = 0; g < sizeof(gaps); g++)
		for (unsigned i = gaps[g]; i < list->kept; i++) {
			uint16_t value = list->values[i];
			unsigned k = i;

			for (; k >= gaps[g] && list->values[k - gaps[g]] > value; k -= gaps[g])
				list->values[k] = list->values[k - gaps[g]];
			list->values[k] = value;
		}
}

static char digit(unsigned value)
{
	return "0123456789abcdef"[value & 15];
}

/* "1301,1302" */
static void hash_list(struct sf_sha256 *sha, const struct list *list)
{
	for (unsigned i = 0; i < list->kept; i++) {
		const uint16_t value = list->values[i];
		const char text[] = { ',', digit(value >> 12), digit(value >> 8), digit(value >> 4),
			digit(value) };

		sf_sha256_add(sha, text + !i, 5 - !i);
	}
}

/* The first digits of the hash; zeros of nothing. */
static char *put_hash(char *p, struct sf_sha256 *sha)
{
	uint8_t digest[SF_SHA256_BYTES] = { 0 };

	if (sha->length)
		sf_sha256_end(sha, digest);
	for (unsigned i = 0; i < DIGITS / 2; i++) {
		*p++ = digit(digest[i] >> 4);
		*p++ = digit(digest[i]);
	}
	return p;
}

static char *put_count(char *p, unsigned count)
{
	count = count > 99 ? 99 : count;
	*p++ = (char)('0' + count / 10);
	*p++ = (char)('0' + count % 10);
	return p;
}

static char *put_version(char *p, uint16_t version)
{
	static const struct {
		uint16_t version;
		char text[3];
	} versions[] = { { 0x0304, "13" }, { 0x0303, "12" }, { 0x0302, "11" }, { 0x0301, "10" },
		{ 0x0300, "s3" }, { 0x0002, "s2" } };

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (versions[i].version == version) {
			memcpy(p, versions[i].text, 2);
			return p + 2;
		}
	memcpy(p, "00", 2);
	return p + 2;
}

static bool is_alphanumeric(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* First and last character; of what is not text, first and last hexadecimal digit. */
static char *put_alpn(char *p, struct sf_bytes alpn)
{
	uint8_t first = alpn.length ? alpn.p[0] : '0';
	uint8_t last = alpn.length ? alpn.p[alpn.length - 1] : '0';
	bool text = is_alphanumeric(first) && is_alphanumeric(last);

	*p++ = text ? (char)first : digit(first >> 4);
	*p++ = text ? (char)last : digit(last);
	return p;
}

/* Counts all extensions, keeps those that are hashed. Returns their number. */
static unsigned list_extensions(struct list *list, struct sf_bytes extensions)
{
	enum { NAME = 0, ALPN = 16 };
	unsigned count = 0;

	while (extensions.length >= 4) {
		uint16_t type = sf_load_be16(extensions.p);
		size_t length = 4 + (size_t)sf_load_be16(extensions.p + 2);

		if (length > extensions.length)
			break;
		extensions.p += length;
		extensions.length -= length;
		if (sf_is_grease(type))
			continue;
		count++;
		if (type != NAME && type != ALPN)
			add(list, type);
	}
	return count;
}

void sf_ja4(const struct sf_client_hello *hello, char carrier, char text[SF_JA4_LENGTH])
{
	struct list ciphers = { 0 }, extensions = { 0 }, algorithms = { 0 };
	unsigned extension_count = list_extensions(&extensions, hello->extensions);
	struct sf_sha256 sha;
	char *p = text;

	add_all(&ciphers, hello->ciphers);
	add_all(&algorithms, hello->algorithms);
	sort(&ciphers);
	sort(&extensions);
	*p++ = carrier;
	p = put_version(p, sf_client_hello_version(hello));
	*p++ = hello->has_name ? 'd' : 'i';
	p = put_count(p, ciphers.count);
	p = put_count(p, extension_count);
	p = put_alpn(p, hello->alpn);
	*p++ = '_';
	sf_sha256_init(&sha);
	hash_list(&sha, &ciphers);
	p = put_hash(p, &sha);
	*p++ = '_';
	sf_sha256_init(&sha);
	hash_list(&sha, &extensions);
	if (algorithms.count)
		sf_sha256_add(&sha, "_", 1);
	hash_list(&sha, &algorithms);
	put_hash(p, &sha);
}
