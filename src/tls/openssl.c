/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLS 1.2 and later with OpenSSL 3. The socket is reached through a BIO of our own, because OpenSSL's
 * writes without MSG_NOSIGNAL, and a library must not be ended by SIGPIPE; it also counts what was sent.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/module.h"
#include "tls/internal.h"

extern const struct sf_tls_ops sf_tls_openssl;

struct session {
	struct sf_tls tls;
	struct sf_tls_talk talk;
	int fd;
	int error;  /* of the last call on the socket, negative; 0: none */
	bool ended; /* the peer has closed the connection */
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

static BIO_METHOD *socket_method;

static void make_method(void)
{
	socket_method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "socket");
	if (!socket_method)
		return;
	BIO_meth_set_write(socket_method, socket_write);
	BIO_meth_set_read(socket_method, socket_read);
	BIO_meth_set_ctrl(socket_method, socket_control);
}

/* NULL: no memory. */
static const BIO_METHOD *method(void)
{
	static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

	return CRYPTO_THREAD_run_once(&once, make_method) == 1 ? socket_method : NULL;
}

/* ---------------------------------------------------------------- session */

static int context_new(struct sf_tls_context **context, const struct sf_tls_files *files,
	bool server, struct sf_error *error)
{
	return sf_tls_context_new(context, server ? TLS_server_method() : TLS_client_method(),
		TLS1_2_VERSION, method(), files, server, error);
}

static void session_close(struct sf_tls *tls)
{
	struct session *session = (struct session *)tls;

	sf_tls_talk_close(&session->talk);
	free(session);
}

static struct sf_tls *session_open(struct sf_tls_context *context, int fd, const char *name)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->fd = fd;
	if (!sf_tls_talk_open(&session->talk, context, name, session)) {
		session_close(&session->tls);
		return NULL;
	}
	return &session->tls;
}

/* The error of a call that returned `result`. */
static int failure(struct session *session, int result)
{
	int kind = SSL_get_error(session->talk.ssl, result);

	session->tls.trouble[0] = '\0';
	session->tls.wants_read = kind == SSL_ERROR_WANT_READ;
	if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE)
		return -EAGAIN;
	if (kind == SSL_ERROR_SYSCALL && session->error)
		return session->error;
	if (kind == SSL_ERROR_ZERO_RETURN)
		return -ECONNRESET;
	sf_tls_say(&session->talk, "TLS", session->tls.trouble, sizeof(session->tls.trouble));
	return -EPROTO;
}

static int session_handshake(struct sf_tls *tls)
{
	struct session *session = (struct session *)tls;
	int result;

	ERR_clear_error();
	result = SSL_do_handshake(session->talk.ssl);
	return result == 1 ? 0 : failure(session, result);
}

static ssize_t session_read(struct sf_tls *tls, uint8_t *bytes, size_t length)
{
	struct session *session = (struct session *)tls;
	size_t n;
	int result;

	ERR_clear_error();
	result = SSL_read_ex(session->talk.ssl, bytes, length, &n);
	if (result == 1)
		return (ssize_t)n;
	return SSL_get_error(session->talk.ssl, result) == SSL_ERROR_ZERO_RETURN
		       ? 0
		       : failure(session, result);
}

static ssize_t session_write(struct sf_tls *tls, const uint8_t *bytes, size_t length)
{
	struct session *session = (struct session *)tls;
	size_t n;
	int result;

	ERR_clear_error();
	result = SSL_write_ex(session->talk.ssl, bytes, length, &n);
	return result == 1 ? (ssize_t)n : failure(session, result);
}

static void session_finish(struct sf_tls *tls)
{
	ERR_clear_error();
	SSL_shutdown(((struct session *)tls)->talk.ssl);
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
	.context_free = sf_tls_context_free,
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
