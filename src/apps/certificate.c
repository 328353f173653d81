/* SPDX-License-Identifier: BSD-2-Clause */
#include "apps/certificate.h"

#include <string.h>

enum {
	INTEGER = 0x02,
	OCTETS = 0x04,
	IDENTIFIER = 0x06,
	UTF8 = 0x0c,
	PRINTABLE = 0x13,
	TELETEX = 0x14,
	IA5 = 0x16,
	SEQUENCE = 0x30,
	SET = 0x31,
	VERSION = 0xa0,    /* [0] */
	EXTENSIONS = 0xa3, /* [3] */
	DNS_NAME = 0x82,   /* [2] of GeneralName */
	LENGTH_MOST = 3,   /* bytes of a length: certificates in TLS have at most 2^24 - 1 bytes */
};

static const uint8_t common_name[] = { 0x55, 4, 3 };       /* 2.5.4.3 */
static const uint8_t subject_names[] = { 0x55, 0x1d, 17 }; /* 2.5.29.17 */

/*
 * Takes an element (ITU-T X.690 §8.1): its tag, and what is in it. False: it is none, or it is
 * longer than what there is; with `cut` as much of it as there is is taken.
 */
static bool take_any(struct sf_bytes *from, bool cut, uint8_t *tag, struct sf_bytes *inside)
{
	struct sf_bytes head, number;
	size_t length;

	if (!sf_bytes_take(from, 2, &head) || (head.p[0] & 0x1f) == 0x1f)
		return false;
	*tag = head.p[0];
	length = head.p[1];
	if (length & 0x80) {
		/* the form without a length (0x80) is not DER */
		if ((length & 0x7f) == 0 || (length & 0x7f) > LENGTH_MOST ||
			!sf_bytes_take(from, length & 0x7f, &number))
			return false;
		length = sf_load_be(number.p, number.length);
	}
	if (cut && length > from->length)
		length = from->length;
	return sf_bytes_take(from, length, inside);
}

static bool take(struct sf_bytes *from, bool cut, uint8_t tag, struct sf_bytes *inside)
{
	uint8_t found;

	return take_any(from, cut, &found, inside) && found == tag;
}

static bool is(struct sf_bytes bytes, const uint8_t *value, size_t length)
{
	return bytes.length == length && memcmp(bytes.p, value, length) == 0;
}

/* Strings of one byte for each character, or UTF-8. */
static bool is_text(uint8_t tag)
{
	return tag == UTF8 || tag == PRINTABLE || tag == TELETEX || tag == IA5;
}

/* Name (§4.1.2.4): a sequence of sets of pairs of identifier and value. False: it is none. */
static bool read_subject(struct sf_bytes subject, struct sf_bytes *common)
{
	struct sf_bytes set, pair, identifier, value;
	uint8_t tag;

	while (subject.length) {
		if (!take(&subject, false, SET, &set))
			return false;
		while (set.length) {
			if (!take(&set, false, SEQUENCE, &pair) ||
				!take(&pair, false, IDENTIFIER, &identifier) ||
				!take_any(&pair, false, &tag, &value))
				return false;
			if (!common->p && is_text(tag) &&
				is(identifier, common_name, sizeof(common_name)))
				*common = value;
		}
	}
	return true;
}

/* GeneralNames (§4.2.1.6): the first DNS name. */
static void read_names(struct sf_bytes value, bool cut, struct sf_bytes *dns)
{
	struct sf_bytes names, name;
	uint8_t tag;

	if (!take(&value, cut, SEQUENCE, &names))
		return;
	while (names.length && take_any(&names, false, &tag, &name))
		if (tag == DNS_NAME) {
			*dns = name;
			return;
		}
}

/* Extensions (§4.1.2.9): a sequence of identifier, whether it is critical, value. */
static void read_extensions(struct sf_bytes list, bool cut, struct sf_bytes *dns)
{
	struct sf_bytes extension, identifier, value;
	uint8_t tag;

	while (list.length) {
		if (!take(&list, cut, SEQUENCE, &extension) ||
			!take(&extension, false, IDENTIFIER, &identifier) ||
			!take_any(&extension, cut, &tag, &value))
			return;
		if (!is(identifier, subject_names, sizeof(subject_names)))
			continue;
		if (tag == OCTETS || take(&extension, cut, OCTETS, &value))
			read_names(value, cut, dns);
		return;
	}
}

bool sf_certificate_read(struct sf_certificate_names *names, struct sf_bytes bytes, bool cut)
{
	struct sf_bytes certificate, body, part;
	uint8_t tag;

	memset(names, 0, sizeof(*names));
	if (!take(&bytes, cut, SEQUENCE, &certificate) ||
		!take(&certificate, cut, SEQUENCE, &body) || !take_any(&body, false, &tag, &part) ||
		(tag == VERSION && !take(&body, false, INTEGER, &part)) ||
		!take(&body, false, SEQUENCE, &part) || /* algorithm */
		!take(&body, false, SEQUENCE, &part) || /* issuer */
		!take(&body, false, SEQUENCE, &part) || /* validity */
		!take(&body, false, SEQUENCE, &part) || /* subject */
		!read_subject(part, &names->common))
		return false;
	/* the key, identifiers of issuer and subject, extensions */
	while (body.length && take_any(&body, cut, &tag, &part))
		if (tag == EXTENSIONS) {
			if (take(&part, cut, SEQUENCE, &body))
				read_extensions(body, cut, &names->dns);
			break;
		}
	return true;
}
