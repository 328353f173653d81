/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/hostport.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool sf_hostport_split(const char *text, char *host, size_t size, const char **port)
{
	const char *end = *text == '[' ? strchr(text, ']') : NULL;
	const char *colon = strrchr(end ? end : text, ':');
	size_t length;

	if (*text == '[' && (!end || (end[1] != ':' && end[1] != '\0')))
		return false;
	if (!end && colon && strchr(text, ':') != colon)
		return false; /* an IPv6 address without brackets */
	length = end ? (size_t)(end - text - 1) : colon ? (size_t)(colon - text) : strlen(text);
	if ((length == 0 && (*text == '[' || !colon)) || length >= size)
		return false;
	memcpy(host, text + (end ? 1 : 0), length);
	host[length] = '\0';
	*port = colon ? colon + 1 : NULL;
	return true;
}

bool sf_hostport_is_port(const char *text)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	return *text >= '0' && *text <= '9' && *end == '\0' && number <= UINT16_MAX;
}

void sf_hostport_name(const struct sockaddr_storage *address, char name[SF_HOSTPORT_NAME])
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;
	char text[INET6_ADDRSTRLEN] = "?";

	if (address->ss_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		snprintf(name, SF_HOSTPORT_NAME, "%s:%u", text, ntohs(in->sin_port));
	} else if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		inet_ntop(AF_INET, in6->sin6_addr.s6_addr + 12, text, sizeof(text));
		snprintf(name, SF_HOSTPORT_NAME, "%s:%u", text, ntohs(in6->sin6_port));
	} else {
		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
		snprintf(name, SF_HOSTPORT_NAME, "[%s]:%u", text, ntohs(in6->sin6_port));
	}
}
