/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Anonymisation of a destination's records (RFC 6235), after they were encoded: so every element
 * whose registered type is an address is changed, whatever it means (sender, next hop, end of a
 * tunnel, reverse element).
 *
 *	sf_anonymizer_new(&anonymizer, &options, &error);
 *	end = sf_template_encode(template, p, flows, n, leading, context);
 *	sf_anonymize_records(anonymizer, template->specs, template->field_count, p, end);
 *	sf_anonymizer_free(anonymizer);
 *
 * truncation   the low bits of an address become 0
 * Crypto-PAn   a permutation of all addresses of a family under a key that keeps prefixes: two
 *              addresses that share n bits share n bits afterwards (Xu, Fan, Ammar, Moon 2002). AES
 *              is OpenSSL's.
 * MAC          the three bytes of the host become 0, those of the maker stay
 *
 * A next hop of zeros means that there is none and stays. Flow ids are hashes of addresses:
 * Crypto-PAn permutes them, truncation sets them to 0. Fields that tell addresses or names of hosts
 * in other ways are refused (sf_anonymizer_open()).
 */
#ifndef SPANFLOW_ENCODE_ANONYMIZE_H
#define SPANFLOW_ENCODE_ANONYMIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "encode/fields.h"
#include "encode/template.h"

enum sf_anonymize_kind { SF_ANONYMIZE_NOT, SF_ANONYMIZE_TRUNCATE, SF_ANONYMIZE_CRYPTOPAN };

struct sf_anonymize_options {
	enum sf_anonymize_kind kind;
	uint8_t bits4, bits6; /* truncation: bits of IPv4 and IPv6 addresses that stay */
	const char *key;      /* Crypto-PAn: file of 32 bytes, or of 64 hexadecimal digits */
	bool mac;
};

struct sf_anonymizer;

/* Reads the value of anonymize=; `options->key` points into it. False: not allowed. */
bool sf_anonymize_parse(struct sf_anonymize_options *options, const char *value);

/* 0; SF_EUSAGE or a system error: the key file; SF_EUNSUPPORTED: no OpenSSL; -ENOMEM. */
int sf_anonymizer_new(struct sf_anonymizer **anonymizer, const struct sf_anonymize_options *options,
	struct sf_error *error);
void sf_anonymizer_free(struct sf_anonymizer *anonymizer);

/*
 * The anonymizer of a destination that sends these fields; NULL, if the options change nothing.
 * Errors are those of sf_anonymizer_new(), and SF_EUSAGE: records with these fields would tell
 * addresses in spite of it.
 */
int sf_anonymizer_open(struct sf_anonymizer **anonymizer,
	const struct sf_anonymize_options *options, const struct sf_fields *fields, const char *url,
	struct sf_error *error);

/* Changes the records from p to `end`, all of a template with these fields. */
void sf_anonymize_records(const struct sf_anonymizer *anonymizer, const struct sf_spec *specs,
	unsigned count, uint8_t *p, const uint8_t *end);

/*
 * Changes an address of 4 or 16 bytes, or the 6 bytes of a MAC
 * address, which lie in no such record.
 */
void sf_anonymize_address(
	const struct sf_anonymizer *anonymizer, uint8_t *address, unsigned length);
void sf_anonymize_mac(const struct sf_anonymizer *anonymizer, uint8_t *mac);

/* Changes a record of NetFlow v5. */
void sf_anonymize_v5(const struct sf_anonymizer *anonymizer, uint8_t *p);

/*
 * anonymizationTechnique and anonymizationFlags of an element (RFC 6235
 * §4); false: it stays what it is.
 */
bool sf_anonymize_technique(const struct sf_anonymizer *anonymizer, const struct sf_spec *spec,
	uint16_t *technique, uint16_t *flags);

#endif
