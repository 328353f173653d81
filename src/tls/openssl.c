/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLS 1.2 and later with OpenSSL 3. The socket is reached through a BIO of our own, because OpenSSL's
 * writes without MSG_NOSIGNAL, and a library must not be ended by SIGPIPE; it also counts what was sent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/module.h"
#include "tls/tls.h"

extern const struct sf_tls_ops sf_tls_openssl;

struct sf_tls_context {
	SSL_CTX *ssl;
	BIO_METHOD *socket;
	char *names; /* of the peer; NULL: any */
	bool server;
};

struct session {
	struct sf_tls tls;
	SSL *ssl;
	int fd;
	int error;        /* of the last call on the socket, negative; 0: none */
	bool ended;       /* the peer has closed the connection */
	char subject[64]; /* of the certificate that was refused */
};

/* ---------------------------------------------------------------- the socket */

static int socket_write(BIO *bio, const char *bytes, int length)
{
	struct session *session = BIO_get_data(bio);
	ssize_t n = send(session->fd, bytes, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);

	BIO_clear_retry_flags(bio);
	session->error = n < 0 ? -errno : 0;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_write(bio);
	session->tls.carried += n > 0 ? (uint64_t)n : 0;
	return (int)n;
}

static int socket_read(BIO *bio, char *bytes, int length)
{
	struct session *session = BIO_get_data(bio);
	ssize_t n = recv(session->fd, bytes, (size_t)length, MSG_DONTWAIT);

	BIO_clear_retry_flags(bio);
	session->error = n < 0 ? -errno : 0;
	session->ended = n == 0;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_read(bio);
	return (int)n;
}

static long socket_control(BIO *bio, int command, long number, void *pointer)
{
	const struct session *session = BIO_get_data(bio);

	(void)number, (void)pointer;
	if (command == BIO_CTRL_EOF)
		return session->ended;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *socket_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "socket");

	if (!method)
		return NULL;
	BIO_meth_set_write(method, socket_write);
	BIO_meth_set_read(method, socket_read);
	BIO_meth_set_ctrl(method, socket_control);
	return method;
}

/* ---------------------------------------------------------------- context */

/* Keeps whose certificate is refused. */
static int verified(int accepted, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct session *session = SSL_get_app_data(ssl);
	X509 *certificate = X509_STORE_CTX_get_current_cert(store);

	if (!accepted && certificate)
		X509_NAME_oneline(X509_get_subject_name(certificate), session->subject,
			sizeof(session->subject));
	return accepted;
}

/* "PEM lib": the entry only says in which part of OpenSSL the failure was. */
static bool names_a_part(const char *text)
{
	size_t length = strlen(text);

	return length > 4 && strcmp(text + length - 4, " lib") == 0;
}

/*
 * The reason that OpenSSL gives for its last failure: a system call's error if one is among its
 * entries ("No such file or directory"), otherwise the last entry that says more than a part.
 */
static const char *reason(void)
{
	const char *text = "no reason is known", *system = NULL;
	unsigned long code;

	while ((code = ERR_get_error()) != 0) {
		const char *entry = ERR_SYSTEM_ERROR(code) ? NULL : ERR_reason_error_string(code);

		if (ERR_SYSTEM_ERROR(code))
			system = strerrordesc_np(ERR_GET_REASON(code));
		else if (entry && !names_a_part(entry))
			text = entry;
	}
	return system ? system : text;
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
		return sf_error_set(error, SF_EUSAGE, "TLS: key= without cert=");
	if (files->ca ? SSL_CTX_load_verify_file(ssl, files->ca) != 1
		      : SSL_CTX_set_default_verify_paths(ssl) != 1)
		return sf_error_set(error, -EINVAL, "CA certificates %s: %s",
			files->ca ? files->ca : "of the system", reason());
	if (files->cert && SSL_CTX_use_certificate_chain_file(ssl, files->cert) != 1)
		return sf_error_set(error, -EINVAL, "certificate %s: %s", files->cert, reason());
	if (key && SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) != 1)
		return sf_error_set(error, -EINVAL, "key %s: %s", key, reason());
	/* told to clients, which choose among their certificates by it */
	if (server)
		SSL_CTX_set_client_CA_list(ssl, SSL_load_client_CA_file(files->ca));
	return 0;
}

static void context_free(struct sf_tls_context *context)
{
	if (!context)
		return;
	SSL_CTX_free(context->ssl);
	BIO_meth_free(context->socket);
	free(context->names);
	free(context);
}

static int context_new(struct sf_tls_context **context, const struct sf_tls_files *files,
	bool server, struct sf_error *error)
{
	struct sf_tls_context *new = calloc(1, sizeof(*new));
	int code;

	if (!new)
		return sf_error_set(error, -ENOMEM, "no memory for TLS");
	new->server = server;
	new->ssl = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	new->socket = socket_method();
	new->names = files->name ? strdup(files->name) : NULL;
	if (!new->ssl || !new->socket || (files->name && !new->names)) {
		context_free(new);
		return sf_error_set(error, -ENOMEM, "no memory for TLS");
	}
	/* [RFC7011-11.1-4] [RFC7011-11.3-1] [RFC7011-11.3-7] */
	/* RFC 7011 §11: mutual authentication; RFC 8996: not before 1.2 */
	SSL_CTX_set_min_proto_version(new->ssl, TLS1_2_VERSION);
	SSL_CTX_set_verify(new->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, verified);
	SSL_CTX_set_options(new->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
	/* a collector that is killed sends no close_notify: the end of the connection as with TCP */
	if (!server)
		SSL_CTX_set_options(new->ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_num_tickets(new->ssl, 0);
	SSL_CTX_set_session_cache_mode(new->ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(new->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
					   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					   SSL_MODE_RELEASE_BUFFERS);
	code = read_files(new->ssl, files, server, error);
	if (code < 0)
		context_free(new);
	else
		*context = new;
	return code;
}

/* ---------------------------------------------------------------- session */

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

static void session_close(struct sf_tls *tls)
{
	struct session *session = (struct session *)tls;

	SSL_free(session->ssl);
	free(session);
}

static bool prepare(struct session *session, struct sf_tls_context *context, const char *name)
{
	const char *names = context->names ? context->names : context->server ? NULL : name;
	uint8_t address[16];
	BIO *bio = BIO_new(context->socket);

	if (!bio)
		return false;
	BIO_set_data(bio, session);
	BIO_set_init(bio, 1);
	SSL_set_bio(session->ssl, bio, bio);
	if (names && !expect_names(session->ssl, names))
		return false;
	if (context->server) {
		SSL_set_accept_state(session->ssl);
		return true;
	}
	SSL_set_connect_state(session->ssl);
	/* the server may have a certificate for each of its names; an address is none */
	return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1 ||
	       SSL_set_tlsext_host_name(session->ssl, name) == 1;
}

static struct sf_tls *session_open(struct sf_tls_context *context, int fd, const char *name)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->fd = fd;
	session->ssl = SSL_new(context->ssl);
	if (session->ssl)
		SSL_set_app_data(session->ssl, session);
	if (!session->ssl || !prepare(session, context, name)) {
		session_close(&session->tls);
		return NULL;
	}
	return &session->tls;
}

/* What the peer's alert means for who reads the message; NULL: the reason says it. */
static const char *meaning(struct session *session, unsigned long code)
{
	bool has_own = SSL_get_certificate(session->ssl) != NULL;

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

static void say_alert(struct session *session)
{
	const char *text = meaning(session, ERR_peek_last_error());

	if (text)
		snprintf(session->tls.trouble, sizeof(session->tls.trouble), "TLS: %s (%.60s)",
			text, reason());
	else
		snprintf(session->tls.trouble, sizeof(session->tls.trouble), "TLS: %.140s",
			reason());
}

/* The error of a call that returned `result`. */
static int failure(struct session *session, int result)
{
	int kind = SSL_get_error(session->ssl, result);
	long result_of_check = SSL_get_verify_result(session->ssl);

	session->tls.trouble[0] = '\0';
	session->tls.wants_read = kind == SSL_ERROR_WANT_READ;
	if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE)
		return -EAGAIN;
	if (kind == SSL_ERROR_SYSCALL && session->error)
		return session->error;
	if (kind == SSL_ERROR_ZERO_RETURN)
		return -ECONNRESET;
	if (result_of_check != X509_V_OK)
		snprintf(session->tls.trouble, sizeof(session->tls.trouble),
			"its certificate (%.50s) is refused: %.70s", session->subject,
			X509_verify_cert_error_string(result_of_check));
	else
		say_alert(session);
	ERR_clear_error();
	return -EPROTO;
}

static int session_handshake(struct sf_tls *tls)
{
	struct session *session = (struct session *)tls;
	int result;

	ERR_clear_error();
	result = SSL_do_handshake(session->ssl);
	return result == 1 ? 0 : failure(session, result);
}

static ssize_t session_read(struct sf_tls *tls, uint8_t *bytes, size_t length)
{
	struct session *session = (struct session *)tls;
	size_t n;
	int result;

	ERR_clear_error();
	result = SSL_read_ex(session->ssl, bytes, length, &n);
	if (result == 1)
		return (ssize_t)n;
	return SSL_get_error(session->ssl, result) == SSL_ERROR_ZERO_RETURN
		       ? 0
		       : failure(session, result);
}

static ssize_t session_write(struct sf_tls *tls, const uint8_t *bytes, size_t length)
{
	struct session *session = (struct session *)tls;
	size_t n;
	int result;

	ERR_clear_error();
	result = SSL_write_ex(session->ssl, bytes, length, &n);
	return result == 1 ? (ssize_t)n : failure(session, result);
}

static void session_finish(struct sf_tls *tls)
{
	ERR_clear_error();
	SSL_shutdown(((struct session *)tls)->ssl);
}

/* ---------------------------------------------------------------- AES */

static struct sf_aes *aes_new(const uint8_t key[16])
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();

	if (context && EVP_EncryptInit_ex2(context, EVP_aes_128_ecb(), key, NULL, NULL) == 1 &&
		EVP_CIPHER_CTX_set_padding(context, 0) == 1)
		return (struct sf_aes *)context;
	EVP_CIPHER_CTX_free(context);
	return NULL;
}

static void aes_encrypt(struct sf_aes *aes, const uint8_t *in, uint8_t *out, size_t length)
{
	int done;

	/* whole blocks without padding: cannot fail once there is a key */
	if (EVP_EncryptUpdate((EVP_CIPHER_CTX *)aes, out, &done, in, (int)length) != 1)
		memset(out, 0, length);
}

static void aes_free(struct sf_aes *aes)
{
	EVP_CIPHER_CTX_free((EVP_CIPHER_CTX *)aes);
}

SF_MODULE_OBJECT const struct sf_tls_ops sf_tls_openssl = {
	.context_new = context_new,
	.context_free = context_free,
	.open = session_open,
	.handshake = session_handshake,
	.read = session_read,
	.write = session_write,
	.finish = session_finish,
	.close = session_close,
	.aes_new = aes_new,
	.aes_encrypt = aes_encrypt,
	.aes_free = aes_free,
};
