/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What TLS and DTLS (1.2 and later) share: OpenSSL 3 reads certificates and keys, the peer's
 * certificate has to have one of the names that are accepted, and a failure is told in words.
 */
#include "tls/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/decodererr.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* Keeps whose certificate is refused. */
static int verified(int accepted, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct sf_tls_talk *talk = SSL_get_app_data(ssl);
	X509 *certificate = X509_STORE_CTX_get_current_cert(store);

	if (!accepted && certificate)
		X509_NAME_oneline(
			X509_get_subject_name(certificate), talk->subject, sizeof(talk->subject));
	return accepted;
}

/* "PEM lib": the entry only says in which part of OpenSSL the failure was. */
static bool names_a_part(const char *text)
{
	size_t length = strlen(text);

	return length > 4 && strcmp(text + length - 4, " lib") == 0;
}

/* What OpenSSL says of files and certificates, for who has written ca=, cert= and key=. */
#define NO_CERTIFICATE "it has no certificate in PEM form (-----BEGIN CERTIFICATE-----)"
#define NOT_ITS_KEY    "it is not the key of the certificate in cert= (key values mismatch)"

static const struct {
	int library, reason;
	const char *words;
} file_words[] = {
	{ ERR_LIB_PEM, PEM_R_NO_START_LINE, NO_CERTIFICATE },
	{ ERR_LIB_X509, X509_R_NO_CERTIFICATE_OR_CRL_FOUND, NO_CERTIFICATE },
	{ ERR_LIB_OSSL_DECODER, ERR_R_UNSUPPORTED,
		"it has no private key in PEM form: key=FILE names the file that has it" },
	{ ERR_LIB_PEM, PEM_R_BAD_PASSWORD_READ,
		"the key has a passphrase, and nobody is asked for it: "
		"openssl pkey -in FILE -out KEY writes it without one" },
	{ ERR_LIB_X509, X509_R_KEY_VALUES_MISMATCH, NOT_ITS_KEY },
	{ ERR_LIB_X509, X509_R_KEY_TYPE_MISMATCH, NOT_ITS_KEY },
};

/* NULL: there are no better words than OpenSSL's. */
static const char *words_for(unsigned long code)
{
	for (size_t i = 0; i < sizeof(file_words) / sizeof(file_words[0]); i++)
		if (ERR_GET_LIB(code) == file_words[i].library &&
			ERR_GET_REASON(code) == file_words[i].reason)
			return file_words[i].words;
	return NULL;
}

/*
 * Why OpenSSL has failed. First choice: the error of a system call ("No such file or directory").
 * Second: words of our own for an entry. Else the last entry that says more than the name of a
 * part.
 */
static const char *reason(void)
{
	const char *text = "no reason is known", *system = NULL, *words = NULL;
	unsigned long code;

	while ((code = ERR_get_error()) != 0) {
		const char *entry = ERR_SYSTEM_ERROR(code) ? NULL : ERR_reason_error_string(code);

		if (ERR_SYSTEM_ERROR(code))
			system = strerrordesc_np(ERR_GET_REASON(code));
		else if (words_for(code))
			words = words_for(code);
		else if (entry && !names_a_part(entry))
			text = entry;
	}
	return system ? system : words ? words : text;
}

/* OpenSSL opens a directory, and finds nothing in it. */
static const char *file_reason(const char *path)
{
	const char *why = reason();
	struct stat status;

	return stat(path, &status) == 0 && S_ISDIR(status.st_mode) ? strerrordesc_np(EISDIR) : why;
}

/* A run has nobody who could be asked for a passphrase. */
static int no_passphrase(char *room, int size, int writes, void *context)
{
	(void)room, (void)size, (void)writes, (void)context;
	return -1;
}

static int read_files(
	SSL_CTX *ssl, const struct sf_tls_files *files, bool server, struct sf_error *error)
{
	const char *key = files->key ? files->key : files->cert;

	if (server && (!files->cert || !files->ca))
		return sf_error_set(error, SF_EUSAGE,
			"TLS: a collector needs its certificate (cert=) and the CA of its "
			"exporters (ca=)");
	if (files->key && !files->cert)
		return sf_error_set(error, SF_EUSAGE,
			"TLS: key= without cert=: cert=FILE names the certificate of the key");
	SSL_CTX_set_default_passwd_cb(ssl, no_passphrase);
	if (files->ca ? SSL_CTX_load_verify_file(ssl, files->ca) != 1
		      : SSL_CTX_set_default_verify_paths(ssl) != 1)
		return sf_error_set(error, -EINVAL, "CA certificates %s: %s",
			files->ca ? files->ca : "of the system",
			files->ca ? file_reason(files->ca) : reason());
	if (files->cert && SSL_CTX_use_certificate_chain_file(ssl, files->cert) != 1)
		return sf_error_set(error, -EINVAL, "certificate %s: %s", files->cert,
			file_reason(files->cert));
	if (key && SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) != 1)
		return sf_error_set(error, -EINVAL, "key %s: %s", key, file_reason(key));
	/* told to clients, which choose among their certificates by it */
	if (server)
		SSL_CTX_set_client_CA_list(ssl, SSL_load_client_CA_file(files->ca));
	return 0;
}

void sf_tls_context_free(struct sf_tls_context *context)
{
	if (!context)
		return;
	SSL_CTX_free(context->ssl);
	free(context->names);
	free(context);
}

/* [RFC7011-11.1-4] [RFC7011-11.3-1] [RFC7011-11.3-7] */
static void set_rules(SSL_CTX *ssl, int least_version, bool server)
{
	/* RFC 8996: not before 1.2 */
	SSL_CTX_set_min_proto_version(ssl, least_version);
	/* RFC 7011 §11: mutual authentication */
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, verified);
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
	/*
	 * a collector that is killed sends no close_notify: the connection ends as one of TCP does
	 */
	if (!server)
		SSL_CTX_set_options(ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_num_tickets(ssl, 0);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
}

int sf_tls_context_new(struct sf_tls_context **context, const SSL_METHOD *method, int least_version,
	const BIO_METHOD *wire, const struct sf_tls_files *files, bool server,
	struct sf_error *error)
{
	struct sf_tls_context *new = calloc(1, sizeof(*new));
	int code;

	if (!new)
		return sf_error_set(error, -ENOMEM, "no memory for TLS");
	new->server = server;
	new->ssl = SSL_CTX_new(method);
	new->wire = wire;
	new->names = files->name ? strdup(files->name) : NULL;
	if (!new->ssl || !new->wire || (files->name && !new->names)) {
		sf_tls_context_free(new);
		return sf_error_set(error, -ENOMEM, "no memory for TLS");
	}
	set_rules(new->ssl, least_version, server);
	code = read_files(new->ssl, files, server, error);
	if (code < 0)
		sf_tls_context_free(new);
	else
		*context = new;
	return code;
}

/* ---------------------------------------------------------------- sessions */

/* One of the names that the peer's certificate may have. */
static bool expect(SSL *ssl, const char *name)
{
	uint8_t address[16];

	if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
	return SSL_add1_host(ssl, name) == 1;
}

/* [RFC7011-11.3-2] [RFC7011-11.3-3] [RFC7011-11.3-4] [RFC7011-11.3-5] */
static bool expect_names(SSL *ssl, const char *names)
{
	char name[256];

	/* names are those of subjectAltName: the common name says nothing (RFC 7011 §11.3) */
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	while (*names) {
		size_t length = strcspn(names, "+");

		snprintf(name, sizeof(name), "%.*s", (int)length, names);
		if (!expect(ssl, name))
			return false;
		names += length + (names[length] == '+');
	}
	return true;
}

void sf_tls_talk_close(struct sf_tls_talk *talk)
{
	SSL_free(talk->ssl);
	talk->ssl = NULL;
}

static bool attach(SSL *ssl, struct sf_tls_context *context, void *data)
{
	BIO *bio = BIO_new(context->wire);

	if (!bio)
		return false;
	BIO_set_data(bio, data);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	return true;
}

bool sf_tls_talk_open(
	struct sf_tls_talk *talk, struct sf_tls_context *context, const char *name, void *data)
{
	const char *names = context->names ? context->names : context->server ? NULL : name;
	uint8_t address[16];

	talk->ssl = SSL_new(context->ssl);
	if (!talk->ssl || !attach(talk->ssl, context, data) ||
		(names && !expect_names(talk->ssl, names)))
		return false;
	SSL_set_app_data(talk->ssl, talk);
	if (context->server) {
		SSL_set_accept_state(talk->ssl);
		return true;
	}
	SSL_set_connect_state(talk->ssl);
	/* the server may have a certificate for each of its names; an address is none */
	return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1 ||
	       SSL_set_tlsext_host_name(talk->ssl, name) == 1;
}

/* What the peer's alert means for who reads the message; NULL: the reason says it. */
static const char *meaning(struct sf_tls_talk *talk, unsigned long code)
{
	bool has_own = SSL_get_certificate(talk->ssl) != NULL;

	if (ERR_GET_LIB(code) != ERR_LIB_SSL)
		return NULL;
	switch (ERR_GET_REASON(code)) {
	case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
		return "the other side asks for a certificate: give one with cert=FILE";
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
		/* TLS 1.2 has no alert of its own for a missing certificate */
		return has_own ? NULL
			       : "the other side may ask for a certificate: cert=FILE gives one";
	case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
	case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
		return has_own ? "the other side refuses the certificate of cert=" : NULL;
	case SSL_R_WRONG_VERSION_NUMBER:
		return "the other side does not speak TLS";
	default:
		return NULL;
	}
}

/* Why a certificate is refused, and which option may be wrong. */
static const char *refusal(long result)
{
	switch (result) {
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		return "self-signed, and not in ca=FILE";
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return "ca=FILE does not have who has signed it";
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return "hostname mismatch: name=NAME expects another";
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return "it has expired, by the clock of this machine";
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return "it is not valid yet, by the clock of this machine";
	default:
		return X509_verify_cert_error_string(result);
	}
}

void sf_tls_say(struct sf_tls_talk *talk, const char *protocol, char *text, size_t size)
{
	long result = SSL_get_verify_result(talk->ssl);
	const char *words = meaning(talk, ERR_peek_last_error());

	if (result != X509_V_OK)
		snprintf(text, size, "its certificate (%.50s) is refused: %.70s", talk->subject,
			refusal(result));
	else if (words)
		snprintf(text, size, "%s: %s (%.60s)", protocol, words, reason());
	else
		snprintf(text, size, "%s: %.140s", protocol, reason());
	ERR_clear_error();
}
