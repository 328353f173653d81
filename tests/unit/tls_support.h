/* SPDX-License-Identifier: BSD-2-Clause */
/* A certificate for tests of TLS and DTLS. */
#ifndef TESTS_TLS_SUPPORT_H
#define TESTS_TLS_SUPPORT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

/*
 * Writes a certificate that signs itself, with its key, for both sides, to a file that mkstemp()
 * makes of `file`. Its name is both.example.
 */
static void make_certificate(char *file)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *made = X509_new();
	X509_EXTENSION *names =
		X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:both.example");
	FILE *stream = fdopen(mkstemp(file), "w");

	ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
	X509_set_version(made, 2);
	X509_gmtime_adj(X509_getm_notBefore(made), -3600);
	X509_gmtime_adj(X509_getm_notAfter(made), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC,
		(const uint8_t *)"both", -1, -1, 0);
	X509_set_issuer_name(made, X509_get_subject_name(made));
	X509_set_pubkey(made, key);
	X509_add_ext(made, names, -1);
	X509_sign(made, key, EVP_sha256());
	PEM_write_X509(stream, made);
	PEM_write_PrivateKey(stream, key, NULL, NULL, 0, NULL, NULL);
	fclose(stream);
	X509_EXTENSION_free(names);
	X509_free(made);
	EVP_PKEY_free(key);
}

#endif
