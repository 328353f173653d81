/* SPDX-License-Identifier: BSD-2-Clause */
/* TLS over TCP: RFC 7011 §11. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/tls.h"
#include "transport/tcp.h"

struct tls_connection {
	struct sf_connection link;
	const struct sf_tls_ops *tls;
	struct sf_tls_files files;
	struct sf_tls_context *context;
	struct sf_tls *session; /* NULL: TCP is not connected yet */
	const char *host;       /* of the peer */
};

static struct tls_connection *of(struct sf_connection *link)
{
	return (struct tls_connection *)link;
}

static void take_state(struct tls_connection *tls)
{
	tls->link.written = tls->session->carried;
	snprintf(tls->link.trouble, sizeof(tls->link.trouble), "%s", tls->session->trouble);
}

static int tls_connect(struct sf_connection *link, const struct sf_peer *peer, unsigned index)
{
	of(link)->host = peer->host;
	return sf_tcp_connect(link, peer, index);
}

static int tls_progress(struct sf_connection *link)
{
	struct tls_connection *tls = of(link);
	int code;

	if (!tls->session) {
		code = sf_tcp_progress(link);
		if (code < 0)
			return code;
		tls->session = tls->tls->open(tls->context, link->fd, tls->host);
		if (!tls->session)
			return -ENOMEM;
	}
	code = tls->tls->handshake(tls->session);
	link->wants_read = code == -EAGAIN && tls->session->wants_read;
	take_state(tls);
	return code;
}

/* Reads what the peer says about the session, such as that it refuses the certificate. */
static int tls_check(struct sf_connection *link)
{
	struct tls_connection *tls = of(link);
	uint8_t bytes[256];

	for (unsigned i = 0; i < 16; i++) {
		ssize_t n = tls->tls->read(tls->session, bytes, sizeof(bytes));

		if (n > 0)
			continue;
		take_state(tls);
		return n == -EAGAIN ? 0 : n == 0 ? SF_EOF : (int)n;
	}
	return 0;
}

static ssize_t tls_write(struct sf_connection *link, const uint8_t *bytes, size_t length)
{
	struct tls_connection *tls = of(link);
	ssize_t n = tls->tls->write(tls->session, bytes, length);

	take_state(tls);
	return n;
}

static void tls_finish(struct sf_connection *link)
{
	of(link)->tls->finish(of(link)->session);
	sf_tcp_finish(link);
}

static void tls_close(struct sf_connection *link)
{
	if (of(link)->session)
		of(link)->tls->close(of(link)->session);
	of(link)->session = NULL;
	sf_tcp_close(link);
}

/* Reads the files for the next connection. If they cannot be read, it uses what was read before. */
static int tls_reload(struct sf_connection *link, struct sf_error *error)
{
	struct tls_connection *tls = of(link);
	struct sf_tls_context *context;
	int code = tls->tls->context_new(&context, &tls->files, false, error);

	if (code < 0)
		return code;
	tls->tls->context_free(tls->context);
	tls->context = context;
	return 0;
}

static void tls_free(struct sf_connection *link)
{
	struct tls_connection *tls = of(link);

	tls_close(link);
	if (tls->context)
		tls->tls->context_free(tls->context);
	sf_tls_files_free(&tls->files);
	free(tls);
}

static const struct sf_connection_ops tls_ops = {
	.connect = tls_connect,
	.progress = tls_progress,
	.write = tls_write,
	.acknowledged = sf_tcp_acknowledged,
	.stands = sf_tcp_stands,
	.check = tls_check,
	.finish = tls_finish,
	.close = tls_close,
	.now = sf_tcp_now,
	.wait = sf_tcp_wait,
	.reload = tls_reload,
	.free = tls_free,
};

int sf_tls_connection_new(
	struct sf_connection **link, const struct sf_tls_files *files, struct sf_error *error)
{
	const struct sf_tls_ops *ops = sf_tls_load(error);
	struct tls_connection *tls = ops ? calloc(1, sizeof(*tls)) : NULL;
	int code;

	if (!ops)
		return SF_EUNSUPPORTED;
	if (!tls)
		return sf_error_set(error, -ENOMEM, "no memory for TLS");
	tls->tls = ops;
	tls->link.ops = &tls_ops;
	tls->link.protocol = IPPROTO_TCP;
	tls->link.fd = -1;
	if (sf_tls_files_copy(&tls->files, files))
		code = ops->context_new(&tls->context, &tls->files, false, error);
	else
		code = sf_error_set(error, -ENOMEM, "no memory for TLS");
	if (code < 0)
		tls_free(&tls->link);
	else
		*link = &tls->link;
	return code;
}
