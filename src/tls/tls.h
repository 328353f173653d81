/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLS over a connected, non-blocking socket: RFC 7011 §11. Each side checks the certificate of the
 * other. struct sf_tls_ops hides OpenSSL, which a module links; the module is loaded when TLS is
 * used for the first time (base/module.h). Example:
 *
 *	tls = sf_tls_load(&error);
 *	err = tls->context_new(&context, &files, false, &error);  reads the files
 *	session = tls->open(context, fd, "collector.example");
 *	while ((err = tls->handshake(session)) == -EAGAIN)
 *		… poll() for session->wants_read or wants_write …
 *	n = tls->write(session, bytes, length);
 *	tls->close(session);					  the descriptor stays open
 *	tls->context_free(context);
 */
#ifndef SPANFLOW_TLS_TLS_H
#define SPANFLOW_TLS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <spanflow/error.h>

/* Names of files, PEM, and of the peer; lent. */
struct sf_tls_files {
	const char
		*ca; /* who has signed the peer's certificate; NULL: those whom the system trusts */
	const char *cert; /* own certificate, with those between it and the CA; NULL: none */
	const char *key;  /* its key; NULL: in the same file */
	/*
	 * DNS names or addresses that the peer's certificate may have, with + between them. NULL: a
	 * client expects the name that it connects to; a server takes any certificate of the CA.
	 */
	const char *name;
};

struct sf_tls_context;
struct sf_aes;

struct sf_tls {
	bool wants_read;   /* after -EAGAIN: what the descriptor is to be polled for */
	uint64_t carried;  /* bytes that this side has sent through the descriptor */
	char trouble[160]; /* why the last call failed; or "" */
};

struct sf_tls_ops {
	/* 0, or an error that names the file. */
	int (*context_new)(struct sf_tls_context **context, const struct sf_tls_files *files,
		bool server, struct sf_error *error);
	/* Sessions keep what they need of it. */
	void (*context_free)(struct sf_tls_context *context);
	/* `name`: what a client connects to, if the files do not say it. NULL: no memory. */
	struct sf_tls *(*open)(struct sf_tls_context *context, int fd, const char *name);
	/* 0: done. -EAGAIN: again later. -EPROTO: failed, see `trouble`; or a system error. */
	int (*handshake)(struct sf_tls *tls);
	/* Bytes; 0: the peer has ended the session; -EAGAIN, -EPROTO or a system error. */
	ssize_t (*read)(struct sf_tls *tls, uint8_t *bytes, size_t length);
	/* Bytes, or as above. After -EAGAIN the next call must begin with the same bytes. */
	ssize_t (*write)(struct sf_tls *tls, const uint8_t *bytes, size_t length);
	/* Tells the peer that nothing follows. */
	void (*finish)(struct sf_tls *tls);
	void (*close)(struct sf_tls *tls);
	/*
	 * Makes AES with a key of 128 bits, block by block (ECB), for anonymize=cryptopan. NULL: no
	 * memory.
	 */
	struct sf_aes *(*aes_new)(const uint8_t key[16]);
	/* `length`: a multiple of 16. */
	void (*aes_encrypt)(struct sf_aes *aes, const uint8_t *in, uint8_t *out, size_t length);
	void (*aes_free)(struct sf_aes *aes);
};

/* NULL: this build has no TLS, or the module does not load; the error says which. */
const struct sf_tls_ops *sf_tls_load(struct sf_error *error);

/*
 * Takes one of the options ca=, cert=, key= and name=. `value` is lent. False: `name` is another
 * option, or the value is empty.
 */
bool sf_tls_option(struct sf_tls_files *files, const char *option, const char *value);

/* Names of one's own. False: no memory; what was copied is to be freed all the same. */
bool sf_tls_files_copy(struct sf_tls_files *to, const struct sf_tls_files *from);
void sf_tls_files_free(struct sf_tls_files *files);

#endif
