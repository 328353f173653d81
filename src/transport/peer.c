/* SPDX-License-Identifier: BSD-2-Clause */
#include "transport/peer.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hostport.h"

/* [RFC7011-10.3.3-1] */
#define DEFAULT_MTU 1500 /* RFC 7011 §10.3.3: never above what is known to pass */

#define IPV4_HEADERS 28
#define IPV6_HEADERS 48

#define START_NS INT64_C(2000000000) /* a start waits so long for a name */

static int read_source(struct sf_peer *peer, const char *text, struct sf_error *error)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_NUMERICSERV | AI_NUMERICHOST };
	struct addrinfo *list;
	const char *port;
	char host[64];

	/* an IPv6 address may stand without brackets when no port follows it */
	if (getaddrinfo(text, NULL, &hints, &list) != 0 &&
		(!sf_hostport_split(text, host, sizeof(host), &port) ||
			(port && !sf_hostport_is_port(port)) ||
			getaddrinfo(host, port, &hints, &list) != 0))
		return sf_error_set(error, SF_EUSAGE,
			"option 'source' is '%s' (allowed: an address of this host, also with a "
			"port: 192.0.2.1, 192.0.2.1:5000, [2001:db8::1]:5000)",
			text);
	memcpy(&peer->source, list->ai_addr, list->ai_addrlen);
	peer->source_size = list->ai_addrlen;
	freeaddrinfo(list);
	return 0;
}

int sf_peer_init(
	struct sf_peer *peer, const struct sf_peer_options *options, struct sf_error *error)
{
	memset(peer, 0, sizeof(*peer));
	peer->host = strdup(options->host);
	peer->port = strdup(options->port);
	peer->lookup = options->lookup;
	peer->collector = options->collector;
	peer->dscp = options->dscp;
	if (!peer->host || !peer->port)
		return sf_error_set(error, -ENOMEM, "no memory for collector %s", options->host);
	return options->source ? read_source(peer, options->source, error) : 0;
}

void sf_peer_fini(struct sf_peer *peer)
{
	free(peer->host);
	free(peer->port);
}

static void look_up(struct sf_peer *peer, int flags)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_NUMERICSERV | flags };
	struct sf_addresses *found = &peer->found;
	struct addrinfo *list;
	int code = getaddrinfo(peer->host, peer->port, &hints, &list);

	found->count = 0;
	if (code != 0) {
		snprintf(found->trouble, sizeof(found->trouble), "%s", gai_strerror(code));
		return;
	}
	for (struct addrinfo *at = list; at && found->count < SF_ADDRESSES_MAX; at = at->ai_next) {
		memcpy(&found->addresses[found->count], at->ai_addr, at->ai_addrlen);
		found->sizes[found->count++] = at->ai_addrlen;
	}
	freeaddrinfo(list);
}

void sf_peer_ask(struct sf_peer *peer, int64_t mono)
{
	peer->asked = true;
	peer->asked_ns = mono;
	if (peer->lookup)
		peer->lookup->ask(peer->lookup->context, peer->collector);
}

bool sf_peer_answer(struct sf_peer *peer)
{
	struct sf_addresses found;

	if (!peer->asked)
		return false;
	if (!peer->lookup)
		look_up(peer, 0);
	else if (!peer->lookup->answer(peer->lookup->context, peer->collector, &found))
		return false;
	else
		peer->found = found;
	peer->asked = false;
	return true;
}

void sf_peer_find(struct sf_peer *peer, bool late)
{
	int64_t mono = sf_clock_read(CLOCK_MONOTONIC), end = mono + START_NS;

	look_up(peer, AI_NUMERICHOST);
	peer->named = peer->found.count == 0;
	if (!peer->named)
		return;
	if (!late || !peer->lookup) {
		look_up(peer, 0);
		return;
	}
	sf_peer_ask(peer, mono);
	while (!sf_peer_answer(peer) && sf_clock_read(CLOCK_MONOTONIC) < end)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	if (peer->asked)
		snprintf(peer->found.trouble, sizeof(peer->found.trouble), "no answer yet");
}

void sf_peer_say_unresolved(const struct sf_peer *peer, char *text, size_t size)
{
	snprintf(text, size, "collector name %.80s does not resolve yet (%.80s)", peer->host,
		peer->found.trouble);
}

static int set_dscp(int fd, int family, int dscp)
{
	int class = dscp << 2; /* the upper six bits of the byte */

	if (family == AF_INET6)
		return setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &class, sizeof(class));
	return setsockopt(fd, IPPROTO_IP, IP_TOS, &class, sizeof(class));
}

/* [RFC7011-10.3.2-2] */
int sf_peer_socket(const struct sf_peer *peer, unsigned index, int type, int protocol)
{
	int family = peer->found.addresses[index].ss_family, one = 1, code = 0;
	int fd;

	/* the source says which of the collector's addresses can be used */
	if (peer->source_size && peer->source.ss_family != family)
		return -EAFNOSUPPORT;
	fd = socket(family, type | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		return -errno;
	if (peer->dscp && set_dscp(fd, family, peer->dscp) < 0)
		code = -errno;
	/* a new connection from the port of one that was closed a moment ago */
	if (code == 0 && peer->source_size &&
		(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
			bind(fd, (const struct sockaddr *)&peer->source, peer->source_size) < 0))
		code = -errno;
	if (code < 0)
		close(fd);
	return code < 0 ? code : fd;
}

uint16_t *sf_peer_port(struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 ? &((struct sockaddr_in6 *)address)->sin6_port
					      : &((struct sockaddr_in *)address)->sin_port;
}

const char *sf_peer_reason(const struct sf_peer *peer, int code)
{
	if (peer->source_size && code == -EADDRNOTAVAIL)
		return "no interface has the address of source=";
	if (peer->source_size && code == -EAFNOSUPPORT)
		return "source= is an address of the other family, IPv4 or IPv6";
	return sf_strerror(code);
}

/* ---------------------------------------------------------------- datagrams */

bool sf_peer_is_here(const struct sockaddr_storage *local, const struct sockaddr_storage *peer)
{
	if (peer->ss_family == AF_INET) {
		const struct sockaddr_in *from = (const struct sockaddr_in *)local;
		const struct sockaddr_in *to = (const struct sockaddr_in *)peer;

		return from->sin_addr.s_addr == to->sin_addr.s_addr ||
		       ntohl(to->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	}
	return !memcmp(&((const struct sockaddr_in6 *)local)->sin6_addr,
		&((const struct sockaddr_in6 *)peer)->sin6_addr, sizeof(struct in6_addr));
}

/* Both ends of a connected socket. */
static bool get_ends(int fd, struct sockaddr_storage *local, struct sockaddr_storage *peer)
{
	socklen_t local_size = sizeof(*local), peer_size = sizeof(*peer);

	return getsockname(fd, (struct sockaddr *)local, &local_size) == 0 &&
	       getpeername(fd, (struct sockaddr *)peer, &peer_size) == 0;
}

unsigned sf_peer_path_mtu(int fd, int family)
{
	bool six = family == AF_INET6;
	int mtu = 0;
	socklen_t size = sizeof(mtu);

	if (getsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_MTU : IP_MTU, &mtu, &size) <
			0 ||
		mtu < 0)
		return 0;
	return (unsigned)mtu;
}

unsigned sf_peer_mtu(int fd, int family, bool large)
{
	struct sockaddr_storage local, peer;
	unsigned route = sf_peer_path_mtu(fd, family), mtu = DEFAULT_MTU;

	if (large && get_ends(fd, &local, &peer) && sf_peer_is_here(&local, &peer))
		mtu = SF_PEER_LARGE_MTU;
	if (route == 0)
		return DEFAULT_MTU;
	return route < mtu ? route : mtu;
}

unsigned sf_peer_udp_headers(int family)
{
	return family == AF_INET6 ? IPV6_HEADERS : IPV4_HEADERS;
}
