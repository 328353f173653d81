/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/socket_name.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hostport.h"

bool sf_socket_driver(const char *driver)
{
	return strcmp(driver, SF_SOCKET_UDP) == 0 || strcmp(driver, SF_SOCKET_GRE) == 0;
}

/* The text behind "udp://", "//" or nothing. */
static const char *behind_slashes(const char *driver, const char *text)
{
	size_t length = strlen(driver);

	if (strncmp(text, driver, length) == 0 && text[length] == ':')
		text += length + 1;
	return strncmp(text, "//", 2) == 0 ? text + 2 : text;
}

static int read_options(struct sf_socket_name *name, const char *text, struct sf_error *error)
{
	bool udp = name->port != 0;

	if (!*text)
		return 0;
	if (!udp || strncmp(text, ",kind=", 6) != 0 || strchr(text + 1, ','))
		return sf_error_set(error, SF_EUSAGE,
			"-i %s: '%s' is no option of it (allowed: %s)", name->text, text + 1,
			udp ? "kind=KIND, such as kind=vxlan" : "none");
	if (strlen(text + 6) >= sizeof(name->kind))
		return sf_error_set(error, SF_EUSAGE,
			"-i %s: '%s' is no kind of tunnel that UDP carries", name->text, text + 6);
	strcpy(name->kind, text + 6);
	return 0;
}

static bool read_address(struct sf_socket_name *name, const char *host)
{
	name->every = !*host;
	if (!*host && name->port)
		host = "::";
	if (!*host)
		host = "0.0.0.0";
	if (inet_pton(AF_INET, host, &name->address.in.sin_addr) == 1) {
		name->address.in.sin_family = AF_INET;
		name->address.in.sin_port = htons(name->port);
		return true;
	}
	name->address.in6.sin6_family = AF_INET6;
	name->address.in6.sin6_port = htons(name->port);
	return inet_pton(AF_INET6, host, &name->address.in6.sin6_addr) == 1;
}

int sf_socket_name_parse(
	struct sf_socket_name *name, const char *driver, const char *text, struct sf_error *error)
{
	bool udp = strcmp(driver, SF_SOCKET_UDP) == 0;
	const char *rest = behind_slashes(driver, text), *port = NULL;
	size_t length = strcspn(rest, ",");
	char place[64], host[64] = "";

	memset(name, 0, sizeof(*name));
	snprintf(name->text, sizeof(name->text), "%s://%.*s", driver, (int)length, rest);
	if (length >= sizeof(place))
		return sf_error_set(error, SF_EUSAGE, "-i %s: the address is too long", name->text);
	memcpy(place, rest, length);
	place[length] = '\0';
	if ((*place && !sf_hostport_split(place, host, sizeof(host), &port)) ||
		(udp ? !port || !sf_hostport_is_port(port) || atoi(port) == 0 : port != NULL))
		return sf_error_set(error, SF_EUSAGE, "-i %s: it is not written as %s", name->text,
			udp ? "udp://ADDRESS:PORT, such as udp://0.0.0.0:4789 or udp://[::]:4789"
			    : "gre://, gre://ADDRESS or gre://[IPv6-ADDRESS], without a port");
	name->port = port ? (uint16_t)atoi(port) : 0;
	if (!read_address(name, host))
		return sf_error_set(error, SF_EUSAGE,
			"-i %s: '%s' is no address of this host, such as 192.0.2.1 or, for all of "
			"them, 0.0.0.0 or [::]",
			name->text, host);
	return read_options(name, rest + length, error);
}

static bool is_any(const struct sf_socket_name *name)
{
	if (name->address.any.sa_family == AF_INET)
		return name->address.in.sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&name->address.in6.sin6_addr);
}

bool sf_socket_names_overlap(const struct sf_socket_name *a, const struct sf_socket_name *b)
{
	bool ipv6 = a->address.any.sa_family == AF_INET6;

	if (a->port != b->port)
		return false;
	if (a->address.any.sa_family != b->address.any.sa_family) /* [::] of UDP takes IPv4 too */
		return a->port && is_any(ipv6 ? a : b);
	if (is_any(a) || is_any(b))
		return true;
	return ipv6 ? IN6_ARE_ADDR_EQUAL(&a->address.in6.sin6_addr, &b->address.in6.sin6_addr)
		    : a->address.in.sin_addr.s_addr == b->address.in.sin_addr.s_addr;
}
