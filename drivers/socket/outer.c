/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <time.h>

#include "base/wire.h"
#include "socket/socket.h"

#define IPV4_HEADER  20
#define IPV6_HEADER  40
#define UDP_HEADER   8
#define PROTOCOL_UDP 17
#define PROTOCOL_GRE 47

/* An integer of a control message: IPv4 has TOS as a byte. */
static uint8_t read_byte(const struct cmsghdr *control)
{
	int value = 0;

	if (control->cmsg_len == CMSG_LEN(1))
		return *CMSG_DATA(control);
	if (control->cmsg_len >= CMSG_LEN(sizeof(value)))
		memcpy(&value, CMSG_DATA(control), sizeof(value));
	return (uint8_t)value;
}

static void read_internet(struct sf_socket_message *message, const struct cmsghdr *control)
{
	struct in_pktinfo info;

	switch (control->cmsg_type) {
	case IP_PKTINFO:
		memcpy(&info, CMSG_DATA(control), sizeof(info));
		message->interface = (uint32_t)info.ipi_ifindex;
		memcpy(message->to, &info.ipi_addr, sizeof(info.ipi_addr));
		break;
	case IP_TTL:
		message->ttl = read_byte(control);
		break;
	case IP_TOS:
		message->tos = read_byte(control);
		break;
	}
}

static void read_internet6(struct sf_socket_message *message, const struct cmsghdr *control)
{
	struct in6_pktinfo info;

	switch (control->cmsg_type) {
	case IPV6_PKTINFO:
		memcpy(&info, CMSG_DATA(control), sizeof(info));
		message->interface = info.ipi6_ifindex;
		memcpy(message->to, &info.ipi6_addr, sizeof(info.ipi6_addr));
		break;
	case IPV6_HOPLIMIT:
		message->ttl = read_byte(control);
		break;
	case IPV6_TCLASS:
		message->tos = read_byte(control);
		break;
	}
}

void sf_socket_message_read(struct sf_socket_message *message, struct msghdr *header)
{
	struct timespec time;

	memset(message, 0, sizeof(*message));
	for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control;
		control = CMSG_NXTHDR(header, control)) {
		if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS) {
			memcpy(&time, CMSG_DATA(control), sizeof(time));
			message->time_ns = time.tv_sec * SF_NS_PER_S + time.tv_nsec;
		} else if (control->cmsg_level == IPPROTO_IP) {
			read_internet(message, control);
		} else if (control->cmsg_level == IPPROTO_IPV6) {
			read_internet6(message, control);
		}
	}
}

/* Returns the begin of the header. */
static uint8_t *put_ipv4(uint8_t *end, uint32_t length, const uint8_t *from, const uint8_t *to,
	const struct sf_socket_message *message, uint8_t protocol)
{
	uint8_t *p = end - IPV4_HEADER;

	length += IPV4_HEADER;
	memset(p, 0, IPV4_HEADER);
	p[0] = 0x45;
	p[1] = message->tos;
	sf_store_be16(p + 2, (uint16_t)(length < UINT16_MAX ? length : UINT16_MAX));
	p[8] = message->ttl;
	p[9] = protocol;
	memcpy(p + 12, from, 4);
	memcpy(p + 16, to, 4);
	return p;
}

static uint8_t *put_ipv6(uint8_t *end, uint32_t length, const uint8_t *from, const uint8_t *to,
	const struct sf_socket_message *message, uint8_t protocol)
{
	uint8_t *p = end - IPV6_HEADER;

	sf_store_be32(p, UINT32_C(6) << 28 | (uint32_t)message->tos << 20);
	sf_store_be16(p + 4, (uint16_t)(length < UINT16_MAX ? length : UINT16_MAX));
	p[6] = protocol;
	p[7] = message->ttl;
	memcpy(p + 8, from, 16);
	memcpy(p + 24, to, 16);
	return p;
}

unsigned sf_socket_outer(uint8_t *payload, uint32_t length, const struct sockaddr_storage *from,
	const struct sf_socket_message *message, uint16_t port)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
	const struct sockaddr_in *in = (const struct sockaddr_in *)from;
	uint8_t *p = payload;

	if (port) {
		p -= UDP_HEADER;
		length += UDP_HEADER;
		/* the port of both kinds of address is at the same place */
		memcpy(p, &in->sin_port, 2);
		sf_store_be16(p + 2, port);
		sf_store_be16(p + 4, (uint16_t)(length < UINT16_MAX ? length : UINT16_MAX));
		sf_store_be16(p + 6, 0);
	}
	if (from->ss_family == AF_INET)
		p = put_ipv4(p, length, (const uint8_t *)&in->sin_addr, message->to, message,
			port ? PROTOCOL_UDP : PROTOCOL_GRE);
	else if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		p = put_ipv4(p, length, in6->sin6_addr.s6_addr + 12, message->to + 12, message,
			PROTOCOL_UDP);
	else
		p = put_ipv6(p, length, in6->sin6_addr.s6_addr, message->to, message,
			port ? PROTOCOL_UDP : PROTOCOL_GRE);
	return (unsigned)(payload - p);
}
