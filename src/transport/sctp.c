/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SCTP: RFC 7011 §10.2, by the kernel or over UDP (RFC 6951). An IPFIX message is one message of
 * SCTP. All messages go by stream 0, or by the stream that the session names (RFC 6526), in order:
 * docs/design.md says why.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "sctp/sctp.h"
#include "transport/tcp.h"
#include "transport/transport.h"

#define DATAGRAM_MAX 65536
#define READ_MOST    64 /* datagrams, or pieces of news, of one call */
#define LABELS       64 /* messages that were given up, until abandoned() tells them */
#define SCTP_HEADER  12

static_assert(SF_SCTP_STREAMS == SF_STREAMS_MAX, "all streams that are asked for can be used");

struct sctp_connection {
	struct sf_connection link;
	const struct sf_sctp_ops *sctp;
	struct sf_sctp *association; /* NULL: there is none */
	uint16_t udp_port;           /* of the peer; 0: the kernel's SCTP */
	unsigned mtu;                /* 0: what the route allows */
	uint32_t lifetime_ms;        /* of flow records; 0: no end */
	uint64_t acknowledged;
	uint32_t labels[LABELS];
	unsigned label_count;
	uint8_t bytes[DATAGRAM_MAX];
};

static struct sctp_connection *of(struct sf_connection *link)
{
	return (struct sctp_connection *)link;
}

static bool is_over_udp(const struct sctp_connection *sctp)
{
	return sctp->udp_port != 0;
}

static ssize_t send_datagram(void *context, const uint8_t *bytes, size_t length)
{
	struct sctp_connection *sctp = context;
	ssize_t n = send(sctp->link.fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}

/* ---------------------------------------------------------------- connecting */

/* Bytes of the largest SCTP packet in a datagram. */
static unsigned longest_packet(const struct sctp_connection *sctp, int family)
{
	unsigned mtu = sctp->mtu ? sctp->mtu : sf_peer_mtu(sctp->link.fd, family, true);

	return mtu - sf_peer_udp_headers(family);
}

static int connect_over_udp(
	struct sctp_connection *sctp, const struct sf_peer *peer, unsigned index)
{
	struct sockaddr_storage address = peer->found.addresses[index];
	struct sf_sctp_start start = { .wire = { send_datagram, sctp } };

	start.port = ntohs(*sf_peer_port(&address));
	*sf_peer_port(&address) = htons(sctp->udp_port);
	if (connect(sctp->link.fd, (struct sockaddr *)&address, peer->found.sizes[index]) < 0)
		return -errno;
	start.mtu = longest_packet(sctp, address.ss_family);
	return sctp->sctp->connect(&sctp->association, &start);
}

static int sctp_connect(struct sf_connection *link, const struct sf_peer *peer, unsigned index)
{
	struct sctp_connection *sctp = of(link);
	int code;

	link->trouble[0] = '\0';
	link->written = link->most_window = 0;
	sctp->acknowledged = 0;
	sctp->label_count = 0;
	link->fd = is_over_udp(sctp)
			   ? sf_peer_socket(peer, index, SOCK_DGRAM | SOCK_NONBLOCK, 0)
			   : sf_peer_socket(peer, index, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_SCTP);
	if (link->fd < 0) {
		code = link->fd;
		link->fd = -1;
		if (code == -EPROTONOSUPPORT || code == -ESOCKTNOSUPPORT)
			snprintf(link->trouble, sizeof(link->trouble),
				"this kernel has no SCTP (modprobe sctp loads it, if the "
				"distribution has it; ,udp=9899 goes over UDP without it)");
		return code;
	}
	if (is_over_udp(sctp))
		code = connect_over_udp(sctp, peer, index);
	else
		code = sctp->sctp->connect(&sctp->association,
			&(struct sf_sctp_start){
				.fd = link->fd,
				.peer = (const struct sockaddr *)&peer->found.addresses[index],
				.peer_size = peer->found.sizes[index],
			});
	if (code < 0)
		sf_tcp_close(link);
	return code;
}

/*
 * Over UDP: hands the datagrams that have come, and the time, to the library. 0, or an error, for
 * example one that ICMP has reported.
 */
static int take_datagrams(struct sctp_connection *sctp)
{
	ssize_t n = 0;

	if (!is_over_udp(sctp))
		return 0;
	for (unsigned i = 0; i < READ_MOST && n >= 0; i++) {
		n = recv(sctp->link.fd, sctp->bytes, sizeof(sctp->bytes), MSG_DONTWAIT);
		if (n > SCTP_HEADER)
			sctp->sctp->input(
				NULL, sctp->association->handle, NULL, sctp->bytes, (size_t)n);
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	sctp->sctp->tick(sf_clock_read(CLOCK_MONOTONIC));
	return 0;
}

static int sctp_progress(struct sf_connection *link)
{
	struct sctp_connection *sctp = of(link);
	int code = take_datagrams(sctp);

	if (code == 0)
		code = sctp->sctp->progress(sctp->association);
	if (code == 0)
		link->streams = sctp->sctp->streams(sctp->association);
	/* acknowledgements, too, come as datagrams */
	link->wants_read = is_over_udp(sctp);
	return code;
}

/* ---------------------------------------------------------------- messages */

/* [RFC7011-8.3-1] [RFC7011-8.3-2] [RFC7011-10.2.2-1] [RFC6526-4.2-2] [RFC6526-4.3-3] */
static ssize_t sctp_write(struct sf_connection *link, const uint8_t *bytes, size_t length)
{
	struct sctp_connection *sctp = of(link);
	const struct sf_sctp_sending sending = {
		.stream = link->stream,
		.lifetime_ms = link->lasting ? 0 : sctp->lifetime_ms,
		.label = (uint32_t)(link->written + length),
	};
	ssize_t n = sctp->sctp->send(sctp->association, bytes, length, &sending);

	if (n == -EAGAIN && is_over_udp(sctp)) {
		/* acknowledgements make room */
		int code = take_datagrams(sctp);

		n = code < 0 ? code : sctp->sctp->send(sctp->association, bytes, length, &sending);
	}
	if (n > 0)
		link->written += (uint64_t)n;
	return n;
}

/* Keeps which message was given up; a message of several parts is told several times. */
static void note_label(struct sctp_connection *sctp, uint32_t label)
{
	if (sctp->label_count && sctp->labels[sctp->label_count - 1] == label)
		return;
	if (sctp->label_count < LABELS)
		sctp->labels[sctp->label_count++] = label;
}

/*
 * True if messages that are reported as given up are lost. When the association is lost, all
 * messages under way are reported as given up, too; those are sent again.
 */
static bool gives_up(const struct sctp_connection *sctp)
{
	return sctp->lifetime_ms && sctp->sctp->window(sctp->association) != UINT32_MAX;
}

/* A collector sends nothing. */
static int sctp_check(struct sf_connection *link)
{
	struct sctp_connection *sctp = of(link);
	int code = take_datagrams(sctp), news = SF_SCTP_OTHER;

	for (unsigned i = 0; code == 0 && i < READ_MOST && sctp->label_count < LABELS; i++) {
		struct sf_sctp_arrival arrival;

		news = sctp->sctp->receive(
			sctp->association, sctp->bytes, sizeof(sctp->bytes), &arrival);
		if (news == SF_SCTP_ABANDONED && gives_up(sctp))
			note_label(sctp, arrival.label);
		else if (news == SF_SCTP_CLOSED)
			code = SF_EOF;
		else if (news == -EAGAIN)
			break;
		else if (news < 0)
			code = news;
	}
	if (code < 0)
		sctp->label_count = 0;
	return code;
}

static bool sctp_abandoned(struct sf_connection *link, uint32_t *label)
{
	struct sctp_connection *sctp = of(link);

	if (sctp->label_count == 0)
		return false;
	*label = sctp->labels[--sctp->label_count];
	return true;
}

static uint64_t sctp_acknowledged(struct sf_connection *link)
{
	struct sctp_connection *sctp = of(link);
	uint64_t waiting = sctp->sctp->waiting(sctp->association);

	/* what waits may be told as more than it is */
	if (link->written > waiting && link->written - waiting > sctp->acknowledged)
		sctp->acknowledged = link->written - waiting;
	return sctp->acknowledged;
}

static bool sctp_stands(struct sf_connection *link)
{
	uint32_t window = of(link)->sctp->window(of(link)->association);

	if (window == UINT32_MAX)
		return false;
	if (window > link->most_window)
		link->most_window = window;
	return window < link->most_window / 2;
}

/* ---------------------------------------------------------------- the end */

static void sctp_finish(struct sf_connection *link)
{
	of(link)->sctp->finish(of(link)->association);
}

static void sctp_close(struct sf_connection *link)
{
	struct sctp_connection *sctp = of(link);

	if (sctp->association) {
		/* the kernel's association closes its socket */
		sctp->sctp->close(sctp->association, true);
		if (!is_over_udp(sctp))
			link->fd = -1;
	}
	sctp->association = NULL;
	sf_tcp_close(link);
}

static void sctp_free(struct sf_connection *link)
{
	sctp_close(link);
	free(of(link));
}

static const struct sf_connection_ops sctp_ops = {
	.connect = sctp_connect,
	.progress = sctp_progress,
	.write = sctp_write,
	.acknowledged = sctp_acknowledged,
	.stands = sctp_stands,
	.abandoned = sctp_abandoned,
	.check = sctp_check,
	.finish = sctp_finish,
	.close = sctp_close,
	.now = sf_tcp_now,
	.wait = sf_tcp_wait,
	.free = sctp_free,
};

int sf_sctp_connection_new(struct sf_connection **link, const struct sf_sctp_link_options *options,
	struct sf_error *error)
{
	const struct sf_sctp_ops *ops = options->udp_port ? sf_sctp_load(error) : sf_sctp_kernel();
	struct sctp_connection *sctp = ops ? calloc(1, sizeof(*sctp)) : NULL;

	if (!ops)
		return SF_EUNSUPPORTED;
	if (!sctp)
		return sf_error_set(error, -ENOMEM, "no memory for SCTP");
	sctp->sctp = ops;
	sctp->link.ops = &sctp_ops;
	sctp->link.fd = -1;
	sctp->link.protocol = options->udp_port ? IPPROTO_UDP : IPPROTO_SCTP;
	sctp->link.port = options->udp_port;
	sctp->udp_port = options->udp_port;
	sctp->mtu = options->mtu;
	sctp->lifetime_ms = options->lifetime_ms;
	sctp->link.gives_up = options->lifetime_ms != 0;
	sctp->link.own_streams = options->own_streams;
	*link = &sctp->link;
	return 0;
}
