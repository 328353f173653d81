/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way to a collector: its address, a connected socket, the size of messages. A run on files
 * needs it at the start. A live run begins without it: what is missing is looked for again after
 * one, two and four seconds, and then every five. The name is looked up anew while nobody listens
 * at the address.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "transport/udp.h"

/* Bytes of one segmented send: below the IPv4 limit, with room for the headers. */
#define GSO_OCTETS_MAX 65000

/* A burst when a rate is kept: less than a tenth of a default receive buffer. */
#define PACED_OCTETS_MAX   (2 * SF_PEER_LARGE_MTU)
#define PACED_MESSAGES_MAX 8

#define PAUSE_FIRST_NS INT64_C(1000000000)
#define PAUSE_MOST_NS  INT64_C(5000000000)
#define DOUBT_NS       INT64_C(5000000000) /* between two requests while nobody listens */

bool sf_udp_may_pass(int code)
{
	return code == -ENETUNREACH || code == -EHOSTUNREACH || code == -EADDRNOTAVAIL ||
	       code == -ENETDOWN || code == -EAFNOSUPPORT;
}

void sf_udp_lose_way(struct sf_udp *udp, int code)
{
	udp->transport.fails = true;
	udp->again_ns = 0;
	snprintf(udp->transport.trouble, sizeof(udp->transport.trouble),
		"no route to collector %.100s port %s any more (%s)", udp->peer.host,
		udp->peer.port, sf_peer_reason(&udp->peer, code));
}

bool sf_udp_stays_here(const struct sf_transport *transport)
{
	return sf_peer_is_here(&transport->local, &transport->peer);
}

/* [RFC7011-10.3.3-1] */
/* Largest message: datagram less headers; and how many of them leave at once. */
static void limit_messages(struct sf_udp *udp)
{
	unsigned mtu = udp->mtu ? udp->mtu
				: sf_peer_mtu(udp->fd, udp->transport.peer.ss_family, udp->large);
	unsigned octets = udp->paced ? PACED_OCTETS_MAX : GSO_OCTETS_MAX;
	unsigned most = udp->paced ? PACED_MESSAGES_MAX : SF_MESSAGES_MAX;
	struct sf_transport *transport = &udp->transport;

	transport->max_message = mtu > sf_udp_headers(udp) ? mtu - sf_udp_headers(udp) : 0;
	transport->max_messages = octets / (transport->max_message + 1);
	if (transport->max_messages > most)
		transport->max_messages = most;
	if (transport->max_messages == 0)
		transport->max_messages = 1;
	/* bursts that keep a rate are small anyway, and captures then show datagrams as they are */
	udp->segmentation = !udp->paced;
}

static int udp_end(struct sf_transport *transport)
{
	(void)transport;
	return 0;
}

static void udp_free(struct sf_transport *transport)
{
	struct sf_udp *udp = (struct sf_udp *)transport;

	if (udp->fd >= 0)
		close(udp->fd);
	sf_peer_fini(&udp->peer);
	free(udp);
}

/* Keeps the way that there was, if there is no other. */
static int udp_connect(struct sf_udp *udp, unsigned index)
{
	const struct sf_addresses *found = &udp->peer.found;
	const struct timeval patience = { .tv_sec = 1 };
	struct sockaddr_storage local, peer;
	socklen_t local_size = sizeof(local), peer_size = sizeof(peer);
	int code, fd = sf_peer_socket(&udp->peer, index, SOCK_DGRAM, 0);

	if (fd < 0)
		return fd;
	/* a send never waits for ever */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
		connect(fd, (const struct sockaddr *)&found->addresses[index],
			found->sizes[index]) < 0 ||
		getsockname(fd, (struct sockaddr *)&local, &local_size) < 0 ||
		getpeername(fd, (struct sockaddr *)&peer, &peer_size) < 0) {
		code = -errno;
		close(fd);
		return code;
	}
	if (udp->fd >= 0)
		close(udp->fd);
	udp->fd = fd;
	udp->transport.local = local;
	udp->transport.local_size = local_size;
	udp->transport.peer = peer;
	udp->transport.peer_size = peer_size;
	return 0;
}

/* The first address of the collector that there is a way to. */
static int connect_any(struct sf_udp *udp)
{
	int code = -EADDRNOTAVAIL;

	for (unsigned i = 0; i < udp->peer.found.count && code < 0; i++)
		code = udp_connect(udp, i);
	if (code < 0) {
		udp->transport.error = code;
		snprintf(udp->transport.trouble, sizeof(udp->transport.trouble),
			"no route to collector %.100s port %s yet (%s)", udp->peer.host,
			udp->peer.port, sf_peer_reason(&udp->peer, code));
		return code;
	}
	/* what is there for messages is never larger than at first */
	if (udp->transport.connects++ == 0)
		limit_messages(udp);
	udp->transport.fails = false;
	udp->transport.trouble[0] = '\0';
	udp->pause_ns = PAUSE_FIRST_NS;
	return 0;
}

static void does_not_resolve(struct sf_udp *udp)
{
	udp->transport.error = SF_ERESOLVE;
	sf_peer_say_unresolved(&udp->peer, udp->transport.trouble, sizeof(udp->transport.trouble));
}

static bool is_known(const struct sf_udp *udp)
{
	for (unsigned i = 0; i < udp->peer.found.count; i++)
		if (udp->peer.found.sizes[i] == udp->transport.peer_size &&
			memcmp(&udp->peer.found.addresses[i], &udp->transport.peer,
				udp->transport.peer_size) == 0)
			return true;
	return false;
}

static void udp_doubt(struct sf_transport *transport, int64_t mono)
{
	struct sf_udp *udp = (struct sf_udp *)transport;

	if (udp->peer.named && !udp->peer.asked && mono - udp->peer.asked_ns >= DOUBT_NS)
		sf_peer_ask(&udp->peer, mono);
}

/* No way yet: when the next attempt is due, or `mono`: there is one. */
static int64_t find_way(struct sf_udp *udp, int64_t mono)
{
	if (sf_peer_answer(&udp->peer)) {
		if (udp->peer.found.count == 0)
			does_not_resolve(udp);
		else if (connect_any(udp) == 0)
			return mono;
	}
	if (mono < udp->again_ns)
		return udp->peer.asked && mono + SF_PEER_LOOK_NS < udp->again_ns
			       ? mono + SF_PEER_LOOK_NS
			       : udp->again_ns;
	udp->again_ns = mono + udp->pause_ns;
	udp->pause_ns = 2 * udp->pause_ns < PAUSE_MOST_NS ? 2 * udp->pause_ns : PAUSE_MOST_NS;
	if (udp->peer.named && !udp->peer.asked)
		sf_peer_ask(&udp->peer, mono);
	else if (!udp->peer.named && connect_any(udp) == 0)
		return mono;
	return udp->peer.named ? mono + SF_PEER_LOOK_NS : udp->again_ns;
}

static int64_t udp_ready(struct sf_transport *transport, int64_t mono, int *fd)
{
	struct sf_udp *udp = (struct sf_udp *)transport;
	struct pollfd out = { .events = POLLOUT };

	*fd = -1;
	if (transport->fails) {
		int64_t when = find_way(udp, mono);

		if (when > mono)
			return when;
	} else if (sf_peer_answer(&udp->peer) && udp->peer.found.count && !is_known(udp)) {
		connect_any(udp);
	}
	out.fd = udp->fd;
	/* half of the send buffer is free, or the send has an error to tell */
	if (poll(&out, 1, 0) == 1)
		return mono;
	*fd = udp->fd;
	return INT64_MAX;
}

static const struct sf_transport_ops udp_ops = {
	.send = sf_udp_send,
	.ready = udp_ready,
	.refused = sf_udp_refused,
	.doubt = udp_doubt,
	.end = udp_end,
	.free = udp_free,
};

/* 0, or an error that ends the start. */
static int find_peer(struct sf_udp *udp, struct sf_error *error)
{
	int code;

	sf_peer_find(&udp->peer, udp->late);
	if (udp->peer.found.count == 0) {
		if (!udp->late)
			return sf_error_set(error, SF_ERESOLVE,
				"collector name %s does not resolve: %s", udp->peer.host,
				udp->peer.found.trouble);
		does_not_resolve(udp);
	} else {
		code = connect_any(udp);
		if (code == 0)
			return 0;
		if (!udp->late || !sf_udp_may_pass(code))
			return sf_error_set(error, code, "no route to collector %s port %s: %s",
				udp->peer.host, udp->peer.port, sf_peer_reason(&udp->peer, code));
	}
	udp->transport.fails = true;
	/* larger than any message will be */
	udp->transport.max_message = udp->mtu ? udp->mtu : SF_PEER_LARGE_MTU;
	udp->transport.max_messages = 1;
	return 0;
}

int sf_udp_open(struct sf_transport **transport, const struct sf_udp_options *options,
	struct sf_error *error)
{
	struct sf_udp *udp = calloc(1, sizeof(*udp));
	int code;

	if (!udp)
		return sf_error_set(
			error, -ENOMEM, "no memory for collector %s", options->peer.host);
	udp->fd = -1;
	code = sf_peer_init(&udp->peer, &options->peer, error);
	if (code == 0) {
		udp->transport.ops = &udp_ops;
		udp->transport.protocol = IPPROTO_UDP;
		udp->transport.traits = (struct sf_traits){
			.datagrams = true,
			.apart = true,
			.live = true,
			.cannot = "cannot send to",
			.failure = SF_FATE_LOST_send,
			.unready = SF_FATE_LOST_unreachable,
		};
		udp->patient = options->patient;
		udp->waits = options->waits;
		udp->mtu = options->mtu;
		udp->large = options->large;
		udp->paced = options->paced;
		udp->late = options->late;
		udp->pause_ns = PAUSE_FIRST_NS;
		code = find_peer(udp, error);
	}
	if (code == 0)
		*transport = &udp->transport;
	else
		udp_free(&udp->transport);
	return code;
}
