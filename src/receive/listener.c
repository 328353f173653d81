/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Datagrams are received in batches (recvmmsg) into one set of buffers, each as long as the longest
 * datagram: 4 MiB, of which only pages that are used exist. The number of dropped datagrams is read
 * from the socket (SO_MEMINFO), not from ancillary data (SO_RXQ_OVFL): these come only with a later
 * datagram, so the last drops of a run would be missing.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hostport.h"
#include "receive/listener.h"

/* [RFC7011-9-1] [RFC7011-10.4.4-1] */
/* RFC 7011 §10.1 */
#define DEFAULT_PORT     "4739"
#define DEFAULT_TLS_PORT "4740"
#define RECEIVE_BUFFER   (64 * 1024 * 1024)
#define LEAVE_MOST       (1024 * 1024) /* more datagrams than such a buffer holds */

enum kind { UDP, TCP, TLS, DTLS, SCTP, SCTP_OVER_UDP, KINDS };

static const struct transport {
	const char *scheme, *port;
	bool stream; /* its sockets accept connections */
	int protocol;
} transports[] = {
	[UDP] = { "udp://", DEFAULT_PORT, false, 0 },
	[TCP] = { "tcp://", DEFAULT_PORT, true, 0 },
	[TLS] = { "tls://", DEFAULT_TLS_PORT, true, 0 },
	[DTLS] = { "dtls://", DEFAULT_TLS_PORT, false, 0 },
	[SCTP] = { "sctp://", DEFAULT_PORT, true, IPPROTO_SCTP },
	[SCTP_OVER_UDP] = { "sctp://", DEFAULT_PORT, false, 0 },
};

struct sf_listen_batch {
	struct mmsghdr headers[SF_LISTEN_BATCH];
	struct iovec vectors[SF_LISTEN_BATCH];
	struct sockaddr_storage peers[SF_LISTEN_BATCH];
	struct {
		alignas(struct cmsghdr) uint8_t bytes[SF_PATH_CONTROL];
	} controls[SF_LISTEN_BATCH]; /* DTLS, SCTP: the address that the datagram was sent to */
	uint8_t data[SF_LISTEN_BATCH][SF_LISTEN_DATAGRAM];
};

static int socket_open(
	const struct sockaddr *address, socklen_t size, const struct transport *transport)
{
	int room = RECEIVE_BUFFER, off = 0, on = 1, result;
	int type = transport->stream ? SOCK_STREAM : SOCK_DGRAM;
	int fd = socket(
		address->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, transport->protocol);

	if (fd < 0)
		return -errno;
	if (address->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	/*
	 * the kernel chooses the buffer of a connection;
	 * connections of the last run may still end
	 */
	if (transport->stream)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* more than net.core.rmem_max needs CAP_NET_ADMIN */
	else if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (bind(fd, address, size) || (transport->stream && listen(fd, SOMAXCONN))) {
		result = -errno;
		close(fd);
		return result;
	}
	return fd;
}

static int listener_open(struct sf_listener *listener, const struct sockaddr *address,
	socklen_t size, const struct transport *transport)
{
	struct sockaddr_storage own = { 0 };
	socklen_t own_size = sizeof(own);
	char name[SF_LISTEN_NAME];

	*listener = (struct sf_listener){
		.fd = socket_open(address, size, transport),
		.stream = transport->stream,
	};
	if (listener->fd < 0)
		return listener->fd;
	getsockname(listener->fd, (struct sockaddr *)&own, &own_size);
	sf_hostport_name(&own, name);
	snprintf(listener->url, sizeof(listener->url), "%s%s", transport->scheme, name);
	return 0;
}

/* Opens a socket for all addresses of this host: IPv6 and IPv4, or IPv4 if there is no IPv6. */
static int open_any(
	struct sf_listener *listener, const char *port, const struct transport *transport)
{
	uint16_t number = htons((uint16_t)strtoul(port, NULL, 10));
	const struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = number };
	const struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = number };
	int result = listener_open(listener, (const struct sockaddr *)&in6, sizeof(in6), transport);

	if (result == -EAFNOSUPPORT || result == -EADDRNOTAVAIL)
		result = listener_open(
			listener, (const struct sockaddr *)&in, sizeof(in), transport);
	return result;
}

/* With port 0, all sockets of a name get the port that the system chose for the first one. */
static void take_port(struct sockaddr *address, const struct sf_listener *first)
{
	in_port_t *port = address->sa_family == AF_INET6
				  ? &((struct sockaddr_in6 *)address)->sin6_port
				  : &((struct sockaddr_in *)address)->sin_port;

	if (*port == 0)
		*port = htons((uint16_t)strtoul(strrchr(first->url, ':') + 1, NULL, 10));
}

/*
 * Opens a socket for each address of a name, except addresses that this host does not have, such as
 * ::1 if IPv6 is switched off. Returns the number of sockets, or the first error.
 */
static int open_all(struct sf_listener *listeners, unsigned room, const struct addrinfo *infos,
	const struct transport *transport)
{
	unsigned count = 0;
	int first_error = 0;

	for (const struct addrinfo *info = infos; info; info = info->ai_next) {
		int result;

		if (count == room) {
			first_error = -E2BIG;
			break;
		}
		if (count)
			take_port(info->ai_addr, &listeners[0]);
		result = listener_open(
			&listeners[count], info->ai_addr, info->ai_addrlen, transport);
		if (result == 0)
			count++;
		else if (first_error == 0)
			first_error = result;
		if (result && result != -EADDRNOTAVAIL && result != -EAFNOSUPPORT)
			break;
	}
	if (count &&
		(first_error == 0 || first_error == -EADDRNOTAVAIL || first_error == -EAFNOSUPPORT))
		return (int)count;
	while (count)
		sf_listen_close(&listeners[--count]);
	return first_error ? first_error : -EADDRNOTAVAIL;
}

/* ---------------------------------------------------------------- TLS and DTLS */

/* Sessions that were made under it go on. */
static void free_context(struct sf_listener *listener)
{
	struct sf_dtls_listener *dtls = &listener->dtls;

	if (listener->gate.context)
		listener->gate.tls->context_free(listener->gate.context);
	sf_dtls_listener_close(dtls);
	if (dtls->context)
		dtls->ops->context_free(dtls->context);
}

bool sf_listen_is_secure(const struct sf_listener *listener)
{
	return listener->gate.tls || listener->dtls.ops;
}

int sf_listen_reload(struct sf_listener *listener, struct sf_error *error)
{
	struct sf_dtls_listener *dtls = &listener->dtls;
	struct sf_tls_context *context;
	int code = 0;

	if (listener->gate.tls)
		code = listener->gate.tls->context_new(&context, &listener->files, true, error);
	else if (dtls->ops)
		code = dtls->ops->context_new(&context, &listener->files, true, error);
	if (code < 0 || !sf_listen_is_secure(listener))
		return code;
	free_context(listener);
	*(listener->gate.tls ? &listener->gate.context : &dtls->context) = context;
	return 0;
}

/*
 * Answers have to come from the address that the peer has sent to, of
 * which this host may have several.
 */
static void want_paths(int fd)
{
	int on = 1;

	/* an IPv6 socket gets datagrams of IPv4, too */
	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
}

static int load_library(struct sf_listener *listener, enum kind kind, struct sf_error *error)
{
	if (kind == TLS)
		listener->gate.tls = sf_tls_load(error);
	else
		listener->dtls.ops = sf_dtls_load(error);
	if (!sf_listen_is_secure(listener))
		return SF_EUNSUPPORTED;
	if (kind == DTLS)
		want_paths(listener->fd);
	return sf_listen_reload(listener, error);
}

/* "ca=FILE,cert=FILE", which are kept. */
static int secure(struct sf_listener *listener, enum kind kind, const char *url,
	const char *options, struct sf_error *error)
{
	char *next = listener->options = strdup(options);

	if (!next)
		return sf_error_set(error, -ENOMEM, "--listen %s: no memory", url);
	while (next && *options) {
		char *item = next, *value = strchr(item, '=');

		next = strchr(item, ',');
		if (next)
			*next++ = '\0';
		if (value)
			*value++ = '\0';
		if (!value || !sf_tls_option(&listener->files, item, value))
			return sf_error_set(error, SF_EUSAGE,
				"--listen %s: '%s' is no option (allowed: cert=FILE, key=FILE, "
				"ca=FILE, name=NAME)",
				url, item);
	}
	return load_library(listener, kind, error);
}

static int secure_all(struct sf_listener *listeners, unsigned count, enum kind kind,
	const char *url, const char *options, struct sf_error *error)
{
	int code = 0;

	for (unsigned i = 0; i < count && code == 0; i++)
		code = secure(&listeners[i], kind, url, options, error);
	return code;
}

/* ---------------------------------------------------------------- SCTP */

/*
 * "sctp://127.0.0.1:9899", which names the port of UDP, becomes
 * "sctp://127.0.0.1:4739,udp=9899".
 */
static void name_both_ports(struct sf_listener *listener, const char *port)
{
	char *end = strrchr(listener->url, ':') + 1, udp_port[8];

	snprintf(udp_port, sizeof(udp_port), "%s", end);
	snprintf(end, sizeof(listener->url) - (size_t)(end - listener->url), "%s,udp=%s", port,
		udp_port);
}

static int begin_sctp(struct sf_listener *listener, const struct sf_sctp_ops *ops, const char *port)
{
	listener->gate.sctp = ops;
	if (listener->stream)
		return 0;
	want_paths(listener->fd);
	name_both_ports(listener, port);
	return ops->listen(&listener->gate.sctp_listener, (uint16_t)strtoul(port, NULL, 10));
}

static int begin_sctp_all(struct sf_listener *listeners, unsigned count, const char *url,
	const char *port, struct sf_error *error)
{
	const struct sf_sctp_ops *ops = listeners->stream ? sf_sctp_kernel() : sf_sctp_load(error);
	int code = ops ? 0 : SF_EUNSUPPORTED;

	for (unsigned i = 0; i < count && code == 0; i++) {
		code = begin_sctp(&listeners[i], ops, port);
		if (code < 0)
			sf_error_set(error, code, "--listen %s: SCTP cannot begin: %s", url,
				sf_strerror(code));
	}
	return code;
}

/* ---------------------------------------------------------------- URLs */

struct parsed {
	enum kind kind;
	const char *sctp_port; /* SCTP over UDP: `port` is that of UDP */
	char text[300];        /* without options */
	char host[256];
	const char *port;    /* within `text` */
	const char *options; /* within the URL; "": none */
};

/* "udp=9899" makes it SCTP over UDP. */
static bool parse_sctp(struct parsed *parsed)
{
	const char *option = parsed->options;

	if (*option == '\0')
		return true;
	if (strncmp(option, "udp=", 4) != 0)
		return false;
	parsed->kind = SCTP_OVER_UDP;
	parsed->sctp_port = parsed->port;
	parsed->port = option + 4;
	return sf_hostport_is_port(parsed->port);
}

static bool parse(struct parsed *parsed, const char *url)
{
	size_t length = strcspn(url, ",");

	parsed->kind = UDP;
	while (parsed->kind < KINDS && strncmp(url, transports[parsed->kind].scheme,
					       strlen(transports[parsed->kind].scheme)) != 0)
		parsed->kind++;
	parsed->options = url + length + (url[length] == ',');
	if (parsed->kind == KINDS || length >= sizeof(parsed->text) ||
		(url[length] && parsed->kind < TLS))
		return false;
	memcpy(parsed->text, url, length);
	parsed->text[length] = '\0';
	if (!sf_hostport_split(parsed->text + strlen(transports[parsed->kind].scheme), parsed->host,
		    sizeof(parsed->host), &parsed->port))
		return false;
	if (!parsed->port)
		parsed->port = transports[parsed->kind].port;
	if (!sf_hostport_is_port(parsed->port))
		return false;
	return parsed->kind != SCTP || parse_sctp(parsed);
}

static int open_parsed(struct sf_listener *listeners, unsigned room, const char *url,
	const struct parsed *parsed, struct sf_error *error)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_DGRAM };
	const struct transport *transport = &transports[parsed->kind];
	struct addrinfo *infos;
	int result;

	if (parsed->host[0] == '\0') {
		result = open_any(listeners, parsed->port, transport);
		return result ? result : 1;
	}
	result = getaddrinfo(parsed->host, parsed->port, &hints, &infos);
	if (result)
		return sf_error_set(error, SF_ERESOLVE, "--listen %s: %s: %s", url, parsed->host,
			gai_strerror(result));
	result = open_all(listeners, room, infos, transport);
	freeaddrinfo(infos);
	return result;
}

/* The text of an error of open_parsed(). */
static int explain(const char *url, int code, struct sf_error *error)
{
	if (code == SF_ERESOLVE)
		return code;
	if (code == -E2BIG)
		return sf_error_set(error, SF_EUSAGE,
			"--listen %s: at most %d addresses are possible", url, SF_LISTEN_MAX);
	if (code == -EPROTONOSUPPORT || code == -ESOCKTNOSUPPORT)
		return sf_error_set(error, code,
			"--listen %s: this kernel has no SCTP (modprobe sctp loads it, if the "
			"distribution has it; ,udp=9899 goes over UDP without it)",
			url);
	return sf_error_set(error, code, "--listen %s: %s%s", url, sf_strerror(code),
		code == -EADDRNOTAVAIL ? ": no interface of this host has this address" : "");
}

int sf_listen_open(
	struct sf_listener *listeners, unsigned room, const char *url, struct sf_error *error)
{
	struct parsed parsed;
	int result, code = 0;

	if (!parse(&parsed, url))
		return sf_error_set(error, SF_EUSAGE,
			"--listen %s: expected udp://HOST:PORT or udp://:PORT, as in "
			"udp://127.0.0.1:4739, udp://[::1]:2055 or udp://:2055; for IPFIX also "
			"tcp://HOST:PORT, tls://HOST:PORT,cert=FILE,ca=FILE, dtls:// likewise, "
			"sctp://HOST:PORT, or sctp://HOST:PORT,udp=9899",
			url);
	if (room == 0)
		return explain(url, -E2BIG, error);
	result = open_parsed(listeners, room, url, &parsed, error);
	if (result < 0)
		return explain(url, result, error);
	if (parsed.kind >= SCTP)
		code = begin_sctp_all(listeners, (unsigned)result, url, parsed.sctp_port, error);
	else if (parsed.kind >= TLS)
		code = secure_all(
			listeners, (unsigned)result, parsed.kind, url, parsed.options, error);
	for (int i = 0; i < result && code < 0; i++)
		sf_listen_close(&listeners[i]);
	return code < 0 ? code : result;
}

void sf_listen_close(struct sf_listener *listener)
{
	free_context(listener);
	if (listener->gate.sctp_listener)
		listener->gate.sctp->unlisten(listener->gate.sctp_listener);
	free(listener->options);
	close(listener->fd);
}

void sf_listen_drops(struct sf_listener *listener)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t size = sizeof(info);

	/*
	 * a listening socket drops connections, not messages; the kernel's
	 * counter has what was refused too
	 */
	if (listener->stream || listener->shut ||
		getsockopt(listener->fd, SOL_SOCKET, SO_MEMINFO, info, &size))
		return;
	listener->dropped += info[SK_MEMINFO_DROPS] - listener->drops_seen;
	listener->drops_seen = info[SK_MEMINFO_DROPS];
}

struct sf_listen_batch *sf_listen_batch_new(void)
{
	struct sf_listen_batch *batch = calloc(1, sizeof(*batch));

	for (unsigned i = 0; batch && i < SF_LISTEN_BATCH; i++) {
		batch->vectors[i].iov_base = batch->data[i];
		batch->vectors[i].iov_len = sizeof(batch->data[i]);
		batch->headers[i].msg_hdr.msg_iov = &batch->vectors[i];
		batch->headers[i].msg_hdr.msg_iovlen = 1;
		batch->headers[i].msg_hdr.msg_name = &batch->peers[i];
		batch->headers[i].msg_hdr.msg_control = batch->controls[i].bytes;
	}
	return batch;
}

void sf_listen_batch_free(struct sf_listen_batch *batch)
{
	free(batch);
}

int sf_listen_receive(struct sf_listener *listener, struct sf_listen_batch *batch)
{
	int n;

	for (unsigned i = 0; i < SF_LISTEN_BATCH; i++) {
		batch->headers[i].msg_hdr.msg_namelen = sizeof(batch->peers[i]);
		batch->headers[i].msg_hdr.msg_controllen =
			listener->dtls.ops || listener->gate.sctp_listener
				? sizeof(batch->controls[i].bytes)
				: 0;
	}
	n = recvmmsg(listener->fd, batch->headers, SF_LISTEN_BATCH, MSG_DONTWAIT, NULL);
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -errno;
}

/* SCTP has acknowledged none of its packets, and the exporter knows what was not. */
static bool has_datagrams(const struct sf_listener *listener)
{
	return !listener->stream && !listener->gate.sctp_listener;
}

void sf_listen_shut(struct sf_listener *listener)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog refuse = { .len = 1, .filter = &nothing };

	if (listener->shut || !has_datagrams(listener))
		return;
	sf_listen_drops(listener);
	listener->shut = true;
	setsockopt(listener->fd, SOL_SOCKET, SO_ATTACH_FILTER, &refuse, sizeof(refuse));
}

uint64_t sf_listen_leave(struct sf_listener *listener)
{
	struct mmsghdr headers[SF_LISTEN_BATCH] = { 0 };
	uint64_t sum = 0;
	int n = 1;

	if (!has_datagrams(listener))
		return 0;
	sf_listen_shut(listener);
	/* without buffers: lengths and bytes are not looked at */
	while (n > 0 && sum < LEAVE_MOST) {
		n = recvmmsg(listener->fd, headers, SF_LISTEN_BATCH, MSG_DONTWAIT, NULL);
		sum += n > 0 ? (uint64_t)n : 0;
	}
	return sum;
}

const uint8_t *sf_listen_datagram(
	struct sf_listen_batch *batch, unsigned index, size_t *length, char *name)
{
	*length = batch->headers[index].msg_len;
	sf_hostport_name(&batch->peers[index], name);
	return batch->data[index];
}

/*
 * An answer leaves from the address that the peer has sent to, and by the interface that routes
 * say. Only link-local addresses need the interface that the datagram came by.
 */
static void forget_interface(struct sf_path *path)
{
	struct msghdr header = { .msg_control = path->control,
		.msg_controllen = path->control_length };

	for (struct cmsghdr *at = CMSG_FIRSTHDR(&header); at; at = CMSG_NXTHDR(&header, at)) {
		if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_PKTINFO) {
			((struct in_pktinfo *)CMSG_DATA(at))->ipi_ifindex = 0;
		} else if (at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo *info = (struct in6_pktinfo *)CMSG_DATA(at);

			if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr))
				info->ipi6_ifindex = 0;
		}
	}
}

void sf_listen_path(const struct sf_listener *listener, const struct sf_listen_batch *batch,
	unsigned index, struct sf_path *path)
{
	const struct msghdr *header = &batch->headers[index].msg_hdr;

	path->fd = listener->fd;
	path->peer = batch->peers[index];
	path->peer_size = header->msg_namelen;
	path->control_length = header->msg_controllen;
	memcpy(path->control, batch->controls[index].bytes, header->msg_controllen);
	forget_interface(path);
}
