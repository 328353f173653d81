/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Destinations as people write them: schemes, hosts and paths. Their
 * options are read by url_options.c.
 */
#include "export/url.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/scaled.h"
#include "base/url_option.h"
#include "encode/message.h"

/*
 * Records per second that Debian's nfcapd with default buffers receives without a loss
 * (docs/performance.md). For a collector on this host its receive buffer is watched instead:
 * sf_pace_watch().
 */
#define DEFAULT_RATE     100000
#define DEFAULT_RENEW_NS (300 * INT64_C(1000000000))

#define DEFAULT_REFRESH_NS       (60 * INT64_C(1000000000))
#define DEFAULT_REFRESH_MESSAGES 1000

/* Reads the host, and the port if there is one: "host:port", "[::1]:port", "host", "[::1]". */
/* [RFC7011-10.1-2] */
static int read_host(struct sf_url *url, const char *text, const char *host, size_t length,
	struct sf_error *error)
{
	const char *end = host + length, *host_end, *colon;

	if (length && *host == '[') {
		host_end = memchr(host, ']', length);
		colon = host_end ? host_end + 1 : NULL;
		host++;
	} else {
		host_end = colon = memchr(host, ':', length);
		if (!colon)
			host_end = colon = end;
	}
	if (!host_end || host_end == host || (size_t)(host_end - host) >= sizeof(url->target) ||
		(colon < end && *colon != ':'))
		return sf_error_set(error, SF_EUSAGE,
			"%s: no host (allowed: host:port, [IPv6 address]:port)", text);
	memcpy(url->target, host, (size_t)(host_end - host));
	url->target[host_end - host] = 0;
	if (colon < end) {
		uint64_t port = 0;
		char digits[8] = "";

		if (end - colon - 1 < (ptrdiff_t)sizeof(digits))
			memcpy(digits, colon + 1, (size_t)(end - colon - 1));
		if (digits[strspn(digits, "0123456789")] ||
			!sf_scaled_parse(digits, sf_units_count, &port) || port < 1 || port > 65535)
			return sf_error_set(error, SF_EUSAGE,
				"%s: port is '%.*s' (allowed: 1 to 65535)", text,
				(int)(end - colon - 1), colon + 1);
		snprintf(url->port, sizeof(url->port), "%u", (unsigned)port);
	}
	return 0;
}

static void set_defaults(
	struct sf_url *url, const struct sf_dialect *dialect, bool network, uint64_t extra)
{
	memset(url, 0, sizeof(*url));
	url->session = (struct sf_session_options){
		.dialect = dialect,
		.fields = dialect == &sf_netflow5
				  ? NULL
				  : sf_fields_profile(
					    network ? SF_PROFILE_DEFAULT : SF_PROFILE_EXTENDED),
		.time = SF_WHEN_MS,
		.options_data = SF_OPTIONS_ALL,
		.template_refresh_ns = DEFAULT_REFRESH_NS,
		.template_refresh_messages = DEFAULT_REFRESH_MESSAGES,
		.extra = extra,
	};
}

static const struct scheme {
	const char *scheme;
	const struct sf_dialect *dialect;
	const char *port;
	unsigned applies;
	enum sf_url_transport transport;
} schemes[] = {
	{ "ipfix://", &sf_ipfix, "4739", SF_URL_TO_IPFIX, SF_URL_UDP },
	{ "ipfix+udp://", &sf_ipfix, "4739", SF_URL_TO_IPFIX, SF_URL_UDP },
	{ "ipfix+tcp://", &sf_ipfix, "4739", SF_URL_TO_TCP, SF_URL_TCP },
	{ "tcp://", &sf_ipfix, "4739", SF_URL_TO_TCP, SF_URL_TCP },
	{ "ipfix+tls://", &sf_ipfix, "4740", SF_URL_TO_TCP | SF_URL_TO_TLS, SF_URL_TLS },
	{ "tls://", &sf_ipfix, "4740", SF_URL_TO_TCP | SF_URL_TO_TLS, SF_URL_TLS },
	{ "ipfix+dtls://", &sf_ipfix, "4740", SF_URL_TO_TCP | SF_URL_TO_DTLS, SF_URL_DTLS },
	{ "dtls://", &sf_ipfix, "4740", SF_URL_TO_TCP | SF_URL_TO_DTLS, SF_URL_DTLS },
	{ "ipfix+sctp://", &sf_ipfix, "4739", SF_URL_TO_TCP | SF_URL_TO_SCTP, SF_URL_SCTP },
	{ "sctp://", &sf_ipfix, "4739", SF_URL_TO_TCP | SF_URL_TO_SCTP, SF_URL_SCTP },
	{ "kafka://", &sf_ipfix, "9092", SF_URL_TO_KAFKA, SF_URL_KAFKA },
	{ "netflow9://", &sf_netflow9, "2055", SF_URL_TO_NETFLOW9, SF_URL_UDP },
	{ "netflow5://", &sf_netflow5, "2055", SF_URL_TO_NETFLOW5, SF_URL_UDP },
};

static const struct scheme *find_scheme(const char *text, struct sf_error *error)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strncmp(text, schemes[i].scheme, strlen(schemes[i].scheme)) == 0)
			return &schemes[i];
	if (strncmp(text, "netflow", 7) == 0 && strchr(text, '+') &&
		strchr(text, '+') < text + strcspn(text, ":"))
		sf_error_set(error, SF_EUSAGE,
			"%s: NetFlow is sent over UDP only (netflow9://host:port, "
			"netflow5://host:port); over TCP, TLS, DTLS and SCTP there is "
			"IPFIX: tcp://host:port, tls://host:port, dtls://host:port, "
			"sctp://host:port",
			text);
	else
		sf_error_set(error, SF_EUSAGE,
			"%s: unknown kind of collector (allowed: ipfix://host:port, "
			"tcp://…, tls://…, dtls://…, sctp://…, netflow9://…, netflow5://…, "
			"kafka://broker:port/topic)",
			text);
	return NULL;
}

static int read_kafka(
	struct sf_url *url, const char *text, const char *rest, struct sf_error *error)
{
	const char *list = sf_url_kafka_target(url, text, rest, error);
	int code = list ? sf_url_read_options(
				  url, text, *list ? list + 1 : NULL, SF_URL_TO_KAFKA, error)
			: SF_EUSAGE;

	if (code == 0 && url->list && !url->kafka.json)
		return sf_error_set(error, SF_EUSAGE,
			"%s: the fields of FlowMessage cannot be chosen: fields= is for "
			"format=json",
			text);
	return code;
}

int sf_url_collector_with(
	struct sf_url *url, const char *text, uint64_t extra, struct sf_error *error)
{
	const struct scheme *scheme = find_scheme(text, error);
	const char *host, *list;
	size_t length;
	int code;

	if (!scheme)
		return SF_EUSAGE;
	set_defaults(url, scheme->dialect, true, extra);
	url->is_collector = true;
	url->transport = scheme->transport;
	strcpy(url->port, scheme->port);
	/* a connection needs no rate: a collector that reads slowly slows it down */
	url->session.rate = scheme->transport == SF_URL_UDP || scheme->transport == SF_URL_DTLS
				    ? DEFAULT_RATE
				    : 0;
	url->renew_ns = DEFAULT_RENEW_NS;
	url->session.rate_is_default = true;
	host = text + strlen(scheme->scheme);
	if (scheme->transport == SF_URL_KAFKA)
		return read_kafka(url, text, host, error);
	length = strcspn(host, "/,?");
	code = read_host(url, text, host, length, error);
	if (code < 0)
		return code;
	list = host + length;
	list += *list == '/';
	if (*list && *list != ',' && *list != '?')
		return sf_error_set(error, SF_EUSAGE,
			"%s: '/%s' follows the port: a collector has no path", text, list);
	return sf_url_read_options(url, text, *list ? list + 1 : NULL, scheme->applies, error);
}

size_t sf_exporter_path_length(const char *path)
{
	const char *comma = sf_url_options_of(path);

	return comma ? (size_t)(comma - path) : strlen(path);
}

int sf_url_file_with(struct sf_url *url, const char *text, uint64_t extra, struct sf_error *error)
{
	size_t length = sf_exporter_path_length(text);

	set_defaults(url, &sf_ipfix, false, extra);
	if (length == 0 || length >= sizeof(url->target))
		return sf_error_set(error, SF_EUSAGE, "'%s': not a file name", text);
	memcpy(url->target, text, length);
	url->target[length] = 0;
	return sf_url_read_options(
		url, text, text[length] ? text + length + 1 : NULL, SF_URL_TO_FILE, error);
}

bool sf_collector_is_named(
	const char *url, char *host, size_t host_size, char *port, size_t port_size)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_NUMERICSERV | AI_NUMERICHOST };
	struct addrinfo *list;
	struct sf_url parsed;

	if (sf_url_collector(&parsed, url, NULL) < 0 || parsed.transport == SF_URL_KAFKA ||
		strlen(parsed.target) >= host_size || strlen(parsed.port) >= port_size)
		return false;
	strcpy(host, parsed.target);
	strcpy(port, parsed.port);
	if (getaddrinfo(host, port, &hints, &list) != 0)
		return true;
	freeaddrinfo(list);
	return false;
}
