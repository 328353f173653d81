/* SPDX-License-Identifier: BSD-2-Clause */
/* A short list. Ports are compared first: mostly one comparison per collector and packet. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <spanflow/error.h>

#include "base/wire.h"
#include "meter/own.h"

struct endpoint {
	uint8_t address[16];
	uint16_t port;
	uint8_t version;
};

static int endpoint_of(const struct sockaddr *address, struct endpoint *endpoint)
{
	memset(endpoint, 0, sizeof(*endpoint));
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)address;

		endpoint->version = 4;
		endpoint->port = ntohs(in->sin_port);
		memcpy(endpoint->address, &in->sin_addr, 4);
		return 0;
	}
	if (address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
		bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);

		endpoint->version = mapped ? 4 : 6;
		endpoint->port = ntohs(in6->sin6_port);
		memcpy(endpoint->address, in6->sin6_addr.s6_addr + (mapped ? 12 : 0),
			mapped ? 4 : 16);
		return 0;
	}
	return SF_EUNSUPPORTED;
}

int sf_own_add(
	struct sf_own *own, const struct sockaddr *a, const struct sockaddr *b, uint8_t protocol)
{
	unsigned count = atomic_load_explicit(&own->count, memory_order_relaxed);
	struct endpoint end[2];
	struct sf_facts *session;
	int order, status;

	if (count == SF_OWN_MAX)
		return -ENOSPC;
	status = endpoint_of(a, &end[0]);
	if (status == 0)
		status = endpoint_of(b, &end[1]);
	if (status < 0 || end[0].version != end[1].version)
		return SF_EUNSUPPORTED;
	order = memcmp(end[0].address, end[1].address, 16);
	if (order > 0 || (order == 0 && end[0].port > end[1].port)) {
		struct endpoint other = end[0];

		end[0] = end[1];
		end[1] = other;
	}
	session = &own->session[count];
	memset(session, 0, sizeof(*session));
	session->protocol = protocol;
	session->version = end[0].version;
	session->ports = (uint32_t)end[0].port << 16 | end[1].port;
	if (session->version == 4) {
		session->address =
			(uint64_t)sf_load_be32(end[0].address) << 32 | sf_load_be32(end[1].address);
	} else {
		memcpy(session->address6[0], end[0].address, 16);
		memcpy(session->address6[1], end[1].address, 16);
	}
	if (!sf_own_search(own, session))
		atomic_store_explicit(&own->count, count + 1, memory_order_release);
	return 0;
}

bool sf_own_search(const struct sf_own *own, const struct sf_facts *facts)
{
	unsigned count = atomic_load_explicit(&own->count, memory_order_acquire);

	for (unsigned i = 0; i < count; i++) {
		const struct sf_facts *session = &own->session[i];

		if (facts->ports != session->ports || facts->protocol != session->protocol ||
			facts->version != session->version)
			continue;
		if (facts->version == 4 ? facts->address == session->address
					: memcmp(facts->address6, session->address6, 32) == 0)
			return true;
	}
	return false;
}
