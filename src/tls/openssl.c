/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLS 1.2 and later with OpenSSL 3. The socket is reached through a BIO of our own: the BIO of
 * OpenSSL writes without MSG_NOSIGNAL, and SIGPIPE would end the program that uses this library.
 * Our BIO also counts what was sent, and gathers the records of a long message, so that they leave
 * by one send(). A record has 16 KiB at most.
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

/*
 * The records of the longest IPFIX message, 65535 bytes. Room for one record more, because OpenSSL
 * may send a new key between two of them.
 */
#define GATHERED_MOST ((size_t)4 * SSL3_RT_MAX_PLAIN_LENGTH)
#define GATHERED_ROOM ((size_t)5 * (SSL3_RT_HEADER_LENGTH + SSL3_RT_MAX_ENCRYPTED_LENGTH))

struct session {
	struct sf_tls tls;
	struct sf_tls_talk talk;
	int fd;
	int error;  /* of the last call on the socket, negative; 0: none */
	bool ended; /* the peer has closed the connection */
	/* the records of a long message: gathered[start … end-1] are not sent yet */
	bool gathers;      /* what OpenSSL writes belongs to them */
	uint8_t *gathered; /* NULL: there was no long message */
	size_t start, end;
	size_t accepted; /* bytes of the message that they carry */
};

/* ---------------------------------------------------------------- the socket */

/* Bytes, or a negative error. */
static ssize_t send_some(struct session *session, const void *bytes, size_t length)
{
	ssize_t n = send(session->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);

	session->error = n >= 0 ? 0 : errno == EINTR ? -EAGAIN : -errno;
	session->tls.carried += n > 0 ? (uint64_t)n : 0;
	return n < 0 ? session->error : n;
}

static int gather(struct session *session, const char *bytes, size_t length)
{
	session->error = length > GATHERED_ROOM - session->end ? -EAGAIN : 0;
	if (session->error)
		return session->error;
	memcpy(session->gathered + session->end, bytes, length);
	session->end += length;
	return (int)length;
}

static int socket_write(BIO *bio, const char *bytes, int length)
{
	struct session *session = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	if (session->gathers)
		n = gather(session, bytes, (size_t)length);
	else if (session->start < session->end)
		n = session->error = -EAGAIN; /* nothing overtakes a message */
	else
		n = send_some(session, bytes, (size_t)length);
	if (n == -EAGAIN)
		BIO_set_retry_write(bio);
	return n < 0 ? -1 : (int)n;
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
	free(session->gathered);
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

/* Encrypts the message into records that are gathered. 0, or an error: none of it was accepted. */
static int encrypt(struct session *session, const uint8_t *bytes, size_t length)
{
	size_t n;
	int result = 1;

	if (!session->gathered)
		session->gathered = malloc(GATHERED_ROOM);
	if (!session->gathered)
		return -ENOMEM;
	session->gathers = true;
	/* a call makes one record (context.c: partial writes) */
	while (result == 1 && session->accepted < length) {
		result = SSL_write_ex(session->talk.ssl, bytes + session->accepted,
			length - session->accepted, &n);
		session->accepted += result == 1 ? n : 0;
	}
	session->gathers = false;
	return session->accepted ? 0 : failure(session, result);
}

/* Sends the gathered records. 0; -EAGAIN: not all of them yet; or an error. */
static int send_gathered(struct session *session)
{
	session->tls.wants_read = false;
	session->tls.trouble[0] = '\0';
	while (session->start < session->end) {
		ssize_t n = send_some(
			session, session->gathered + session->start, session->end - session->start);

		if (n < 0)
			return (int)n;
		session->start += (size_t)n;
	}
	session->start = session->end = 0;
	return 0;
}

/*
 * A message counts as written when all of its records have left. After -EAGAIN they wait in
 * session->gathered.
 */
static ssize_t write_long(struct session *session, const uint8_t *bytes, size_t length)
{
	int code = session->accepted ? 0 : encrypt(session, bytes, length);
	size_t n;

	if (code == 0)
		code = send_gathered(session);
	if (code < 0)
		return code;
	n = session->accepted;
	session->accepted = 0;
	return (ssize_t)n;
}

static ssize_t session_write(struct sf_tls *tls, const uint8_t *bytes, size_t length)
{
	struct session *session = (struct session *)tls;
	size_t n;
	int result;

	ERR_clear_error();
	if (length > SSL3_RT_MAX_PLAIN_LENGTH)
		return write_long(session, bytes, length < GATHERED_MOST ? length : GATHERED_MOST);
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
