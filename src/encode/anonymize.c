/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/anonymize.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <spanflow/field.h>

#include "base/element_id.h"
#include "base/wire.h"
#include "tls/tls.h"

#define KEY_SIZE 32
#define BLOCK    16
#define ID_MASK  ((UINT64_C(1) << 53) - 1)

/* anonymizationTechnique, RFC 6235 §4.2; flags: stability class 3, stable */
enum { TRUNCATION = 2, PERMUTATION = 5, STRUCTURED_PERMUTATION = 6 };
#define STABLE 3

struct sf_anonymizer {
	struct sf_anonymize_options options; /* without key */
	const struct sf_tls_ops *tls;
	struct sf_aes *aes;
	uint8_t pad[BLOCK];
};

/* What is done to an element. */
enum change {
	CHANGE_NOTHING,
	CHANGE_IPV4,
	CHANGE_IPV6,
	CHANGE_MAC,
	CHANGE_HOP4,
	CHANGE_HOP6,
	CHANGE_ID
};

/* ---------------------------------------------------------------- options */

static bool read_bits(const char **p, unsigned most, uint8_t *bits)
{
	char *end;
	unsigned long number = strtoul(*p, &end, 10);

	if (end == *p || **p < '0' || **p > '9' || number > most)
		return false;
	*bits = (uint8_t)number;
	*p = end;
	return true;
}

bool sf_anonymize_parse(struct sf_anonymize_options *options, const char *value)
{
	const char *p = value + strlen("truncate:");

	options->mac = true;
	if (strncmp(value, "cryptopan:", 10) == 0) {
		options->kind = SF_ANONYMIZE_CRYPTOPAN;
		options->key = value + 10;
		return *options->key != 0;
	}
	options->kind = SF_ANONYMIZE_TRUNCATE;
	options->bits4 = 24;
	options->bits6 = 48;
	if (strcmp(value, "truncate") == 0)
		return true;
	if (strncmp(value, "truncate:", 9) != 0 || !read_bits(&p, 31, &options->bits4) ||
		*p++ != '/' || !read_bits(&p, 127, &options->bits6))
		return false;
	return *p == 0;
}

static int hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* 64 hexadecimal digits, perhaps with a line's end. */
static bool read_hex(const char *text, size_t length, uint8_t key[KEY_SIZE])
{
	while (length && (text[length - 1] == '\n' || text[length - 1] == '\r'))
		length--;
	if (length != 2 * KEY_SIZE)
		return false;
	for (unsigned i = 0; i < KEY_SIZE; i++) {
		int high = hex(text[2 * i]), low = hex(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		key[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static int read_key(const char *path, uint8_t key[KEY_SIZE], struct sf_error *error)
{
	char text[128];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	int code = -errno;

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return sf_error_set(
			error, code, "anonymize=cryptopan:%s: %s", path, sf_strerror(code));
	if (n == KEY_SIZE)
		memcpy(key, text, KEY_SIZE);
	else if (!read_hex(text, (size_t)n, key))
		return sf_error_set(error, SF_EUSAGE,
			"anonymize=cryptopan:%s: a key is 32 bytes, or 64 hexadecimal digits (such "
			"as 'openssl rand -hex 32' prints)",
			path);
	explicit_bzero(text, sizeof(text));
	return 0;
}

static int start_cryptopan(
	struct sf_anonymizer *anonymizer, const char *path, struct sf_error *error)
{
	uint8_t key[KEY_SIZE];
	int code = read_key(path, key, error);

	if (code)
		return code;
	anonymizer->tls = sf_tls_load(error);
	if (!anonymizer->tls)
		return sf_error_set(error, SF_EUNSUPPORTED,
			"anonymize=cryptopan: its AES is OpenSSL's, and this build has none "
			"(install libssl-dev, then build anew), or its module does not load");
	anonymizer->aes = anonymizer->tls->aes_new(key);
	if (anonymizer->aes)
		anonymizer->tls->aes_encrypt(
			anonymizer->aes, key + KEY_SIZE / 2, anonymizer->pad, BLOCK);
	explicit_bzero(key, sizeof(key));
	return anonymizer->aes ? 0 : sf_error_set(error, -ENOMEM, "no memory for anonymize=");
}

int sf_anonymizer_new(struct sf_anonymizer **anonymizer, const struct sf_anonymize_options *options,
	struct sf_error *error)
{
	struct sf_anonymizer *new = calloc(1, sizeof(*new));
	int code = 0;

	if (!new)
		return sf_error_set(error, -ENOMEM, "no memory for anonymize=");
	new->options = *options;
	new->options.key = NULL;
	if (options->kind == SF_ANONYMIZE_CRYPTOPAN)
		code = start_cryptopan(new, options->key, error);
	if (code) {
		sf_anonymizer_free(new);
		return code;
	}
	*anonymizer = new;
	return 0;
}

void sf_anonymizer_free(struct sf_anonymizer *anonymizer)
{
	if (!anonymizer)
		return;
	if (anonymizer->aes)
		anonymizer->tls->aes_free(anonymizer->aes);
	explicit_bzero(anonymizer, sizeof(*anonymizer));
	free(anonymizer);
}

/* Fields that tell addresses, or whose they are, as a text or as a hash that can be guessed. */
static const char *const refused[] = { "communityId", "dnsQueryName", "dnsFirstAnswer",
	"tlsServerName", "tlsCertificateCommonName", "tlsCertificateDnsName", "httpRequestHost",
	"httpRequestTarget" };

static bool is_listed(const struct sf_fields *fields, const char *name)
{
	for (unsigned i = 0; i < fields->count; i++)
		if (strcmp(sf_field_row(fields->items[i].field)->name, name) == 0)
			return true;
	return false;
}

static void append(char *text, size_t size, const char *mark, const char *name)
{
	const size_t used = strlen(text);

	snprintf(text + used, size - used, "%s%s", mark, name);
}

static int check_fields(const struct sf_fields *fields, const char *url, struct sf_error *error)
{
	char names[200] = "", without[200] = "";
	unsigned count = 0;

	for (size_t k = 0; fields && k < sizeof(refused) / sizeof(refused[0]); k++) {
		if (!is_listed(fields, refused[k]))
			continue;
		append(names, sizeof(names), count++ ? ", " : "", refused[k]);
		append(without, sizeof(without), "-", refused[k]);
	}
	return count ? sf_error_set(error, SF_EUSAGE,
			       "%s: anonymize= and the field%s %s exclude each other: %s addresses "
			       "or hosts; leave %s out: fields=...%s",
			       url, count == 1 ? "" : "s", names,
			       count == 1 ? "it tells" : "they tell", count == 1 ? "it" : "them",
			       without)
		     : 0;
}

int sf_anonymizer_open(struct sf_anonymizer **anonymizer,
	const struct sf_anonymize_options *options, const struct sf_fields *fields, const char *url,
	struct sf_error *error)
{
	int code = 0;

	*anonymizer = NULL;
	if (options->kind == SF_ANONYMIZE_NOT && !options->mac)
		return 0;
	if (options->kind != SF_ANONYMIZE_NOT)
		code = check_fields(fields, url, error);
	return code ? code : sf_anonymizer_new(anonymizer, options, error);
}

/* ---------------------------------------------------------------- addresses */

/* Sets the bits from `bits` on to 0. */
static void truncate_to(uint8_t *address, unsigned length, unsigned bits)
{
	for (unsigned i = 0; i<length; i++, bits = bits> 8 ? bits - 8 : 0)
		if (bits < 8)
			address[i] &= (uint8_t)(0xff00 >> bits);
}

/*
 * Bit n of the result is bit n of the address, turned over by the first bit of the cipher of the n
 * bits before it, filled up with the pad. All blocks are encrypted by one call.
 */
static void cryptopan(const struct sf_anonymizer *anonymizer, uint8_t *address, unsigned length)
{
	uint8_t in[128][BLOCK], out[128][BLOCK];
	unsigned bits = length == 4 ? 32 : 128;

	for (unsigned n = 0; n < bits; n++) {
		unsigned whole = n / 8;
		uint8_t mask = (uint8_t)(0xff00 >> n % 8);

		memcpy(in[n], address, whole);
		memcpy(in[n] + whole, anonymizer->pad + whole, BLOCK - whole);
		in[n][whole] =
			(uint8_t)((address[whole] & mask) | (anonymizer->pad[whole] & ~mask));
	}
	anonymizer->tls->aes_encrypt(anonymizer->aes, in[0], out[0], (size_t)bits * BLOCK);
	for (unsigned n = 0; n < bits; n++)
		address[n / 8] ^= (uint8_t)((out[n][0] & 0x80) >> n % 8);
}

void sf_anonymize_address(const struct sf_anonymizer *anonymizer, uint8_t *address, unsigned length)
{
	const struct sf_anonymize_options *options = &anonymizer->options;

	if (options->kind == SF_ANONYMIZE_TRUNCATE)
		truncate_to(address, length, length == 4 ? options->bits4 : options->bits6);
	else if (options->kind == SF_ANONYMIZE_CRYPTOPAN)
		cryptopan(anonymizer, address, length);
}

static void change_hop(const struct sf_anonymizer *anonymizer, uint8_t *address, unsigned length)
{
	static const uint8_t none[16];

	if (memcmp(address, none, length) != 0)
		sf_anonymize_address(anonymizer, address, length);
}

void sf_anonymize_mac(const struct sf_anonymizer *anonymizer, uint8_t *mac)
{
	if (anonymizer->options.mac)
		memset(mac + 3, 0, 3);
}

/* A number below 2^53 becomes another one, or 0. 0 stays: it says that there is no other flow. */
static void change_id(const struct sf_anonymizer *anonymizer, uint8_t *bytes)
{
	uint8_t in[BLOCK], out[BLOCK];

	if (sf_load_be64(bytes) == 0)
		return;
	if (anonymizer->options.kind == SF_ANONYMIZE_TRUNCATE) {
		memset(bytes, 0, 8);
		return;
	}
	memcpy(in, anonymizer->pad, BLOCK);
	for (unsigned i = 0; i < 8; i++)
		in[BLOCK - 8 + i] ^= bytes[i];
	anonymizer->tls->aes_encrypt(anonymizer->aes, in, out, BLOCK);
	sf_store_be64(bytes, sf_load_be64(out) & ID_MASK);
}

/* ---------------------------------------------------------------- records */

static bool is_hop(const struct sf_spec *spec)
{
	return (spec->pen == 0 || spec->pen == SF_PEN_REVERSE) &&
	       (spec->id == SF_IE_ipNextHopIPv4Address || spec->id == SF_IE_bgpNextHopIPv4Address ||
		       spec->id == SF_IE_ipNextHopIPv6Address ||
		       spec->id == SF_IE_bgpNextHopIPv6Address);
}

static bool is_flow_id(const struct sf_spec *spec)
{
	uint16_t id = (uint16_t)(spec->id & ~SF_REVERSE_BIT);

	return (spec->pen == 0 && spec->id == SF_IE_flowId) ||
	       (spec->pen == SF_PEN_SPANFLOW && (id == 22 || id == 23));
}

static enum change change_of(const struct sf_anonymizer *anonymizer, const struct sf_spec *spec)
{
	uint16_t id =
		spec->pen == SF_PEN_SPANFLOW ? (uint16_t)(spec->id & ~SF_REVERSE_BIT) : spec->id;
	const struct sf_element *element = sf_element_find(spec->pen, id);
	bool addresses = anonymizer->options.kind != SF_ANONYMIZE_NOT;

	if (!element)
		return CHANGE_NOTHING;
	if (element->type == SF_TYPE_MAC && spec->length == 6 && anonymizer->options.mac)
		return CHANGE_MAC;
	if (!addresses)
		return CHANGE_NOTHING;
	if (element->type == SF_TYPE_IPV4 && spec->length == 4)
		return is_hop(spec) ? CHANGE_HOP4 : CHANGE_IPV4;
	if (element->type == SF_TYPE_IPV6 && spec->length == 16)
		return is_hop(spec) ? CHANGE_HOP6 : CHANGE_IPV6;
	return is_flow_id(spec) && spec->length == 8 ? CHANGE_ID : CHANGE_NOTHING;
}

static void change(const struct sf_anonymizer *anonymizer, enum change what, uint8_t *p)
{
	switch (what) {
	case CHANGE_IPV4:
		sf_anonymize_address(anonymizer, p, 4);
		break;
	case CHANGE_IPV6:
		sf_anonymize_address(anonymizer, p, 16);
		break;
	case CHANGE_HOP4:
		change_hop(anonymizer, p, 4);
		break;
	case CHANGE_HOP6:
		change_hop(anonymizer, p, 16);
		break;
	case CHANGE_MAC:
		sf_anonymize_mac(anonymizer, p);
		break;
	case CHANGE_ID:
		change_id(anonymizer, p);
		break;
	default:
		break;
	}
}

/* Bytes of a value at p, with the bytes that tell its length. */
static size_t value_length(const struct sf_spec *spec, const uint8_t *p)
{
	if (spec->length != SF_LENGTH_VARIABLE)
		return spec->length;
	return *p < 255 ? 1u + *p : 3u + sf_load_be16(p + 1);
}

void sf_anonymize_records(const struct sf_anonymizer *anonymizer, const struct sf_spec *specs,
	unsigned count, uint8_t *p, const uint8_t *end)
{
	enum change changes[SF_TEMPLATE_FIELDS_MAX];

	for (unsigned i = 0; i < count; i++)
		changes[i] = change_of(anonymizer, &specs[i]);
	while (p < end)
		for (unsigned i = 0; i < count; i++) {
			change(anonymizer, changes[i], p);
			p += value_length(&specs[i], p);
		}
}

void sf_anonymize_v5(const struct sf_anonymizer *anonymizer, uint8_t *p)
{
	if (anonymizer->options.kind == SF_ANONYMIZE_NOT)
		return;
	sf_anonymize_address(anonymizer, p, 4);
	sf_anonymize_address(anonymizer, p + 4, 4);
	change_hop(anonymizer, p + 8, 4);
}

bool sf_anonymize_technique(const struct sf_anonymizer *anonymizer, const struct sf_spec *spec,
	uint16_t *technique, uint16_t *flags)
{
	enum change what = change_of(anonymizer, spec);

	*flags = STABLE;
	if (what == CHANGE_MAC || anonymizer->options.kind == SF_ANONYMIZE_TRUNCATE)
		*technique = TRUNCATION;
	else
		*technique = what == CHANGE_ID ? PERMUTATION : STRUCTURED_PERMUTATION;
	return what != CHANGE_NOTHING;
}
