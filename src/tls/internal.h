/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Internal header of the module with OpenSSL: what TLS (openssl.c) and DTLS (datagrams.c) share
 * (context.c).
 */
#ifndef SPANFLOW_TLS_INTERNAL_H
#define SPANFLOW_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "tls/tls.h"

#define SF_COOKIE_SECRET 32

struct sf_tls_context {
	SSL_CTX *ssl;
	/* of the sessions; never freed, because sessions may outlive the context */
	const BIO_METHOD *wire;
	char *names; /* of the peer; NULL: any */
	bool server;
	uint8_t secret[SF_COOKIE_SECRET]; /* DTLS: of the cookies */
};

/* What each session begins with; SSL_get_app_data() finds it. */
struct sf_tls_talk {
	SSL *ssl;
	char subject[64]; /* of the certificate that was refused */
};

/*
 * 0, or an error that names the file. `method`: of TLS or DTLS, `least_version`: TLS1_2_VERSION or
 * DTLS1_2_VERSION; `wire`: is never freed; NULL: no memory.
 */
int sf_tls_context_new(struct sf_tls_context **context, const SSL_METHOD *method, int least_version,
	const BIO_METHOD *wire, const struct sf_tls_files *files, bool server,
	struct sf_error *error);
void sf_tls_context_free(struct sf_tls_context *context);

/*
 * Makes talk->ssl, which reads and writes through a BIO of the context; `data` is the data of the
 * BIO. `name`: the host that a client connects to. False: no memory; the caller calls
 * sf_tls_talk_close() all the same.
 */
bool sf_tls_talk_open(
	struct sf_tls_talk *talk, struct sf_tls_context *context, const char *name, void *data);
void sf_tls_talk_close(struct sf_tls_talk *talk);

/* Says in words why a call has failed with SSL_ERROR_SSL. `protocol`: "TLS" or "DTLS". */
void sf_tls_say(struct sf_tls_talk *talk, const char *protocol, char *text, size_t size);

#endif
