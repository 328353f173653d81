/* SPDX-License-Identifier: BSD-2-Clause */
/* DTLS 1.2 with OpenSSL 3. Datagrams pass through a BIO of our own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/module.h"
#include "base/wire.h"
#include "tls/dtls.h"
#include "tls/internal.h"

extern const struct sf_dtls_ops sf_dtls_openssl;

/* Bytes of a datagram of the handshake: what every path of IPv6 carries (1280), less headers. */
#define HANDSHAKE_MTU 1232
#define PEER_MAX      32
#define HOUR_NS       INT64_C(3600000000000)

/* Of a record: RFC 6347 §4.1. */
#define RECORD_HEADER 13
#define RECORD_ALERT  21

struct session {
	struct sf_dtls dtls;
	struct sf_tls_talk talk;
	struct sf_dtls_wire wire;
	const uint8_t *datagram; /* that has come and was not read yet; NULL: none */
	size_t length;
	int error; /* of the last call of wire.send(), negative; 0: none */
	const struct sf_tls_context *context;
	uint8_t peer[PEER_MAX];
	size_t peer_length;
	int64_t hour; /* of its last hello: cookies are of an hour */
};

/* ---------------------------------------------------------------- the wire */

static int wire_write(BIO *bio, const char *bytes, int length)
{
	struct session *session = BIO_get_data(bio);
	ssize_t n =
		session->wire.send(session->wire.context, (const uint8_t *)bytes, (size_t)length);

	BIO_clear_retry_flags(bio);
	session->error = n < 0 ? (int)n : 0;
	if (n == -EAGAIN)
		BIO_set_retry_write(bio);
	return n < 0 ? -1 : (int)n;
}

static int wire_read(BIO *bio, char *bytes, int size)
{
	struct session *session = BIO_get_data(bio);
	size_t length = session->length < (size_t)size ? session->length : (size_t)size;

	BIO_clear_retry_flags(bio);
	if (!session->datagram) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(bytes, session->datagram, length);
	session->datagram = NULL;
	return (int)length;
}

static long wire_control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio, (void)number, (void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *wire_method;

static void make_method(void)
{
	wire_method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "datagrams");
	if (!wire_method)
		return;
	BIO_meth_set_write(wire_method, wire_write);
	BIO_meth_set_read(wire_method, wire_read);
	BIO_meth_set_ctrl(wire_method, wire_control);
}

/* NULL: no memory. */
static const BIO_METHOD *method(void)
{
	static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

	return CRYPTO_THREAD_run_once(&once, make_method) == 1 ? wire_method : NULL;
}

/* ---------------------------------------------------------------- cookies */

/*
 * The cookie of a peer: a digest of its address and the hour, keyed with the context's secret. So
 * the server keeps nothing, and a cookie loses its value when the address has gone to another host.
 */
static bool cookie_of(
	const struct session *session, int64_t hour, uint8_t *cookie, unsigned *length)
{
	uint8_t about[PEER_MAX + sizeof(hour)];

	memcpy(about, &hour, sizeof(hour));
	memcpy(about + sizeof(hour), session->peer, session->peer_length);
	return HMAC(EVP_sha256(), session->context->secret, SF_COOKIE_SECRET, about,
		       sizeof(hour) + session->peer_length, cookie, length) != NULL;
}

static int make_cookie(SSL *ssl, uint8_t *cookie, unsigned *length)
{
	const struct session *session = BIO_get_data(SSL_get_rbio(ssl));

	return cookie_of(session, session->hour, cookie, length);
}

static int check_cookie(SSL *ssl, const uint8_t *cookie, unsigned length)
{
	const struct session *session = BIO_get_data(SSL_get_rbio(ssl));
	uint8_t right[EVP_MAX_MD_SIZE];
	unsigned right_length;

	for (int64_t hour = session->hour; hour >= session->hour - 1; hour--)
		if (cookie_of(session, hour, right, &right_length) && length == right_length &&
			CRYPTO_memcmp(cookie, right, length) == 0)
			return 1;
	return 0;
}

static int context_new(struct sf_tls_context **context, const struct sf_tls_files *files,
	bool server, struct sf_error *error)
{
	int code = sf_tls_context_new(context, server ? DTLS_server_method() : DTLS_client_method(),
		DTLS1_2_VERSION, method(), files, server, error);

	if (code < 0)
		return code;
	SSL_CTX_set_options((*context)->ssl, SSL_OP_NO_QUERY_MTU);
	/* tags of 8 bytes are few: CCM8 is not used (and least_record() counts on 16) */
	if (SSL_CTX_set_cipher_list((*context)->ssl, "DEFAULT:!AESCCM8") != 1) {
		sf_tls_context_free(*context);
		return sf_error_set(error, -EIO, "DTLS: OpenSSL has no ciphers");
	}
	if (!server)
		return 0;
	SSL_CTX_set_cookie_generate_cb((*context)->ssl, make_cookie);
	SSL_CTX_set_cookie_verify_cb((*context)->ssl, check_cookie);
	if (RAND_bytes((*context)->secret, SF_COOKIE_SECRET) == 1)
		return 0;
	sf_tls_context_free(*context);
	return sf_error_set(error, -EIO, "DTLS: no random numbers");
}

/* ---------------------------------------------------------------- sessions */

static void session_close(struct sf_dtls *dtls)
{
	struct session *session = (struct session *)dtls;

	sf_tls_talk_close(&session->talk);
	free(session);
}

static struct sf_dtls *session_open(
	struct sf_tls_context *context, const char *name, const struct sf_dtls_wire *wire)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->wire = *wire;
	session->context = context;
	if (!sf_tls_talk_open(&session->talk, context, name, session)) {
		session_close(&session->dtls);
		return NULL;
	}
	SSL_set_mtu(session->talk.ssl, HANDSHAKE_MTU);
	return &session->dtls;
}

/*
 * Bytes of the shortest encrypted record: AES has an explicit nonce of 8 bytes and a tag of 16,
 * ChaCha20 the tag alone.
 */
static size_t least_record(const struct session *session)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(session->talk.ssl);

	/* the handshake has no short ones */
	if (!session->dtls.shaken || !cipher ||
		SSL_CIPHER_get_cipher_nid(cipher) != NID_chacha20_poly1305)
		return 24;
	return 16;
}

/*
 * Length of the datagram up to the first encrypted record that is too short to be one. OpenSSL 3.0
 * would end the session because of such a record, which anybody can forge; RFC 6347 §4.1.2.7 wants
 * it discarded.
 */
static size_t usable(const struct session *session, const uint8_t *datagram, size_t length)
{
	size_t least = least_record(session), at = 0;

	while (length - at >= RECORD_HEADER) {
		const uint8_t *record = datagram + at;
		size_t size = sf_load_be16(record + 11);

		if ((record[3] || record[4]) && size < least)
			return at;
		if (size > length - at - RECORD_HEADER)
			break;
		at += RECORD_HEADER + size;
	}
	return length;
}

static void session_input(struct sf_dtls *dtls, const uint8_t *datagram, size_t length)
{
	struct session *session = (struct session *)dtls;

	session->length = usable(session, datagram, length);
	session->datagram = session->length ? datagram : NULL;
	/* the epoch, bytes 3 and 4, is 0 in the clear */
	if (dtls->shaken && length >= RECORD_HEADER && datagram[0] == RECORD_ALERT &&
		datagram[3] == 0 && datagram[4] == 0)
		dtls->disowned = true;
}

static int session_hello(struct sf_dtls *dtls, const uint8_t *peer, size_t peer_length,
	const uint8_t *datagram, size_t length, int64_t now_ns)
{
	struct session *session = (struct session *)dtls;
	BIO_ADDR *address = BIO_ADDR_new();
	int result;

	if (!address || peer_length > PEER_MAX) {
		BIO_ADDR_free(address);
		return 0;
	}
	memcpy(session->peer, peer, peer_length);
	session->peer_length = peer_length;
	session->hour = now_ns / HOUR_NS;
	session_input(dtls, datagram, length);
	result = DTLSv1_listen(session->talk.ssl, address);
	session->datagram = NULL;
	BIO_ADDR_free(address);
	ERR_clear_error();
	return result > 0;
}

/* The error of a call that returned `result`. */
static int failure(struct session *session, int result)
{
	int kind = SSL_get_error(session->talk.ssl, result);

	session->dtls.trouble[0] = '\0';
	if (kind == SSL_ERROR_WANT_READ)
		return -EAGAIN;
	if ((kind == SSL_ERROR_WANT_WRITE || kind == SSL_ERROR_SYSCALL) && session->error)
		return session->error;
	if (kind == SSL_ERROR_ZERO_RETURN)
		return -ECONNRESET;
	sf_tls_say(&session->talk, "DTLS", session->dtls.trouble, sizeof(session->dtls.trouble));
	return -EPROTO;
}

static void begin_call(struct session *session)
{
	ERR_clear_error();
	session->error = 0;
}

static int session_handshake(struct sf_dtls *dtls)
{
	struct session *session = (struct session *)dtls;
	int result;

	begin_call(session);
	result = SSL_do_handshake(session->talk.ssl);
	dtls->shaken = result == 1;
	return result == 1 ? 0 : failure(session, result);
}

static ssize_t session_read(struct sf_dtls *dtls, uint8_t *bytes, size_t length)
{
	struct session *session = (struct session *)dtls;
	size_t n;
	int result;

	begin_call(session);
	result = SSL_read_ex(session->talk.ssl, bytes, length, &n);
	if (result == 1)
		return (ssize_t)n;
	return SSL_get_error(session->talk.ssl, result) == SSL_ERROR_ZERO_RETURN
		       ? 0
		       : failure(session, result);
}

static ssize_t session_write(struct sf_dtls *dtls, const uint8_t *bytes, size_t length)
{
	struct session *session = (struct session *)dtls;
	size_t n;
	int result;

	begin_call(session);
	result = SSL_write_ex(session->talk.ssl, bytes, length, &n);
	/* OpenSSL takes a datagram that could not be sent for lost */
	if (session->error)
		return session->error;
	return result == 1 ? (ssize_t)n : failure(session, result);
}

static int64_t session_wait_ns(struct sf_dtls *dtls)
{
	struct timeval left;

	if (DTLSv1_get_timeout(((struct session *)dtls)->talk.ssl, &left) != 1)
		return INT64_MAX;
	return (int64_t)left.tv_sec * 1000000000 + (int64_t)left.tv_usec * 1000;
}

static void session_repeat(struct sf_dtls *dtls)
{
	begin_call((struct session *)dtls);
	DTLSv1_handle_timeout(((struct session *)dtls)->talk.ssl);
}

static void session_finish(struct sf_dtls *dtls)
{
	begin_call((struct session *)dtls);
	SSL_shutdown(((struct session *)dtls)->talk.ssl);
}

SF_MODULE_OBJECT const struct sf_dtls_ops sf_dtls_openssl = {
	.context_new = context_new,
	.context_free = sf_tls_context_free,
	.open = session_open,
	.hello = session_hello,
	.input = session_input,
	.handshake = session_handshake,
	.read = session_read,
	.write = session_write,
	.wait_ns = session_wait_ns,
	.repeat = session_repeat,
	.finish = session_finish,
	.close = session_close,
};
