/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DTLS over UDP: RFC 7011 §11. A message is a record, and a record is a datagram. Nobody
 * acknowledges datagrams, so a message counts as acknowledged when the kernel has taken its
 * datagram.
 *
 * A collector that has lost the session, because it was started again, cannot say so in the
 * session. Three signs tell it: ICMP, while no program listens; an alert in the clear, which
 * spanflow's collector and others send when they do not know the session; and, if neither comes,
 * the handshake of a new session, which is made every renew_ns.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/dtls.h"
#include "transport/tcp.h"

#define DATAGRAM_MAX 65535
#define READ_MOST    16 /* datagrams of one call: others may send more than are read */
/*
 * An alert in the clear may be forged, so it ends no session that is younger than this. After each
 * session that an alert ended within two minutes the age is doubled: in the end forged alerts cost
 * no more than a handshake a minute.
 */
#define TRUST_NS      INT64_C(1000000000)
#define TRUST_MOST_NS (60 * TRUST_NS)

struct dtls_connection {
	struct sf_connection link;
	const struct sf_dtls_ops *dtls;
	struct sf_tls_files files;
	struct sf_tls_context *context;
	struct sf_dtls *session;
	unsigned mtu;     /* 0: what the route allows */
	int64_t renew_ns; /* 0: never */
	int64_t renew_at; /* monotonic: the session has lasted renew_ns */
	int64_t trust_ns; /* how old a session is when an alert in the clear ends it */
	int64_t trust_at; /* monotonic: this one is as old */
	bool finished;    /* finish() was called */
	uint8_t datagram[DATAGRAM_MAX];
};

static struct dtls_connection *of(struct sf_connection *link)
{
	return (struct dtls_connection *)link;
}

static ssize_t send_datagram(void *context, const uint8_t *bytes, size_t length)
{
	struct dtls_connection *dtls = context;
	ssize_t n;

	do {
		n = send(dtls->link.fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	return errno == ENOBUFS || errno == ENOMEM ? -EAGAIN : -errno;
}

static void take_trouble(struct dtls_connection *dtls)
{
	snprintf(dtls->link.trouble, sizeof(dtls->link.trouble), "%s", dtls->session->trouble);
}

/* [RFC7011-10.3.3-1] */
static uint32_t longest_message(const struct dtls_connection *dtls, int family)
{
	unsigned headers = sf_peer_udp_headers(family) + SF_DTLS_OVERHEAD;
	unsigned mtu = dtls->mtu ? dtls->mtu : sf_peer_mtu(dtls->link.fd, family, true);

	if (mtu > headers + SF_DTLS_MOST)
		return SF_DTLS_MOST;
	return mtu > headers ? mtu - headers : 0;
}

static int dtls_connect(struct sf_connection *link, const struct sf_peer *peer, unsigned index)
{
	const struct sf_dtls_wire wire = { send_datagram, link };
	struct dtls_connection *dtls = of(link);
	int code = 0;

	link->trouble[0] = '\0';
	link->written = 0;
	link->fd = sf_peer_socket(peer, index, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (link->fd < 0) {
		code = link->fd;
		link->fd = -1;
		return code;
	}
	if (connect(link->fd, (const struct sockaddr *)&peer->found.addresses[index],
		    peer->found.sizes[index]) < 0)
		code = -errno;
	else
		dtls->session = dtls->dtls->open(dtls->context, peer->host, &wire);
	if (code < 0 || !dtls->session) {
		sf_tcp_close(link);
		return code < 0 ? code : -ENOMEM;
	}
	link->max_message = longest_message(dtls, peer->found.addresses[index].ss_family);
	dtls->finished = false;
	return 0;
}

/*
 * Hands the next datagram to the session. 0, -EAGAIN, or an error, for example one that ICMP has
 * reported.
 */
static int receive(struct dtls_connection *dtls)
{
	ssize_t n = recv(dtls->link.fd, dtls->datagram, sizeof(dtls->datagram), MSG_DONTWAIT);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	dtls->dtls->input(dtls->session, dtls->datagram, (size_t)n);
	return 0;
}

static int dtls_progress(struct sf_connection *link)
{
	struct dtls_connection *dtls = of(link);
	int code = dtls->dtls->handshake(dtls->session), came;

	for (unsigned i = 0; i < READ_MOST && code == -EAGAIN && (came = receive(dtls)) != -EAGAIN;
		i++)
		code = came < 0 ? came : dtls->dtls->handshake(dtls->session);
	if (code == -EAGAIN && dtls->dtls->wait_ns(dtls->session) == 0)
		dtls->dtls->repeat(dtls->session);
	link->wants_read = code == -EAGAIN;
	take_trouble(dtls);
	if (code == 0) {
		int64_t now = link->ops->now(link);

		dtls->renew_at = dtls->renew_ns ? now + dtls->renew_ns : INT64_MAX;
		dtls->trust_at = now + dtls->trust_ns;
	}
	return code;
}

static ssize_t dtls_write(struct sf_connection *link, const uint8_t *bytes, size_t length)
{
	struct dtls_connection *dtls = of(link);
	ssize_t n = dtls->dtls->write(dtls->session, bytes, length);

	if (n > 0)
		link->written += (uint64_t)n;
	else if (n != -EAGAIN)
		take_trouble(dtls);
	return n;
}

static uint64_t dtls_acknowledged(struct sf_connection *link)
{
	return link->written;
}

static bool dtls_stands(struct sf_connection *link)
{
	(void)link;
	return false;
}

/* Reads what lies in the socket. */
static int read_all(struct dtls_connection *dtls)
{
	uint8_t bytes[256];
	int code = 0;

	for (unsigned i = 0; i < READ_MOST && code == 0; i++) {
		ssize_t n = 1;

		code = receive(dtls);
		while (code == 0 && n > 0)
			n = dtls->dtls->read(dtls->session, bytes, sizeof(bytes));
		if (code == 0 && n != -EAGAIN)
			code = n == 0 ? SF_EOF : (int)n;
	}
	return code == -EAGAIN ? 0 : code;
}

/* An alert in the clear ends the session. */
static void trust_less(struct dtls_connection *dtls, int64_t now)
{
	int64_t lasted = now - dtls->trust_at + dtls->trust_ns;

	dtls->trust_ns *= 2;
	if (lasted > 2 * TRUST_MOST_NS)
		dtls->trust_ns = TRUST_NS;
	else if (dtls->trust_ns > TRUST_MOST_NS)
		dtls->trust_ns = TRUST_MOST_NS;
}

static int dtls_check(struct sf_connection *link)
{
	struct dtls_connection *dtls = of(link);
	int code = read_all(dtls);
	int64_t now = link->ops->now(link);

	take_trouble(dtls);
	if (code < 0)
		return code;
	if (dtls->session->disowned && now >= dtls->trust_at) {
		trust_less(dtls, now);
		snprintf(link->trouble, sizeof(link->trouble),
			"it does not know the session any more: it was started again, perhaps");
		return -ESTALE;
	}
	return !dtls->finished && now >= dtls->renew_at ? -ETIME : 0;
}

static void dtls_finish(struct sf_connection *link)
{
	of(link)->dtls->finish(of(link)->session);
	of(link)->finished = true;
}

static void dtls_close(struct sf_connection *link)
{
	if (of(link)->session)
		of(link)->dtls->close(of(link)->session);
	of(link)->session = NULL;
	sf_tcp_close(link);
}

/* Reads the files for the next session. If they cannot be read, it uses what was read before. */
static int dtls_reload(struct sf_connection *link, struct sf_error *error)
{
	struct dtls_connection *dtls = of(link);
	struct sf_tls_context *context;
	int code = dtls->dtls->context_new(&context, &dtls->files, false, error);

	if (code < 0)
		return code;
	dtls->dtls->context_free(dtls->context);
	dtls->context = context;
	return 0;
}

static void dtls_free(struct sf_connection *link)
{
	struct dtls_connection *dtls = of(link);

	dtls_close(link);
	if (dtls->context)
		dtls->dtls->context_free(dtls->context);
	sf_tls_files_free(&dtls->files);
	free(dtls);
}

static const struct sf_connection_ops dtls_ops = {
	.connect = dtls_connect,
	.progress = dtls_progress,
	.write = dtls_write,
	.acknowledged = dtls_acknowledged,
	.stands = dtls_stands,
	.check = dtls_check,
	.finish = dtls_finish,
	.close = dtls_close,
	.now = sf_tcp_now,
	.wait = sf_tcp_wait,
	.reload = dtls_reload,
	.free = dtls_free,
};

int sf_dtls_connection_new(struct sf_connection **link, const struct sf_tls_files *files,
	unsigned mtu, int64_t renew_ns, struct sf_error *error)
{
	const struct sf_dtls_ops *ops = sf_dtls_load(error);
	struct dtls_connection *dtls = ops ? calloc(1, sizeof(*dtls)) : NULL;
	int code;

	if (!ops)
		return SF_EUNSUPPORTED;
	if (!dtls)
		return sf_error_set(error, -ENOMEM, "no memory for DTLS");
	dtls->dtls = ops;
	dtls->link.ops = &dtls_ops;
	dtls->link.protocol = IPPROTO_UDP;
	dtls->link.fd = -1;
	dtls->mtu = mtu;
	/* no path is known yet */
	dtls->link.max_message = longest_message(dtls, AF_INET6);
	dtls->renew_ns = renew_ns;
	dtls->trust_ns = TRUST_NS;
	if (sf_tls_files_copy(&dtls->files, files))
		code = ops->context_new(&dtls->context, &dtls->files, false, error);
	else
		code = sf_error_set(error, -ENOMEM, "no memory for DTLS");
	if (code < 0)
		dtls_free(&dtls->link);
	else
		*link = &dtls->link;
	return code;
}
