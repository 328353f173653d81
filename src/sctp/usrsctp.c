/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SCTP by libusrsctp, over UDP. The library knows a peer by a pointer that it never follows
 * (AF_CONN): the handle. The library runs without its own sockets and timers: the owner of an
 * association hands in packets and the time, and they are handled in the owner's thread. The
 * library starts one thread all the same, which sleeps: it would walk over associations if an
 * address of this host changed, but those of AF_CONN do not change.
 *
 *	owner ── input() ──> library ── put_out() ──> wire of the association with this handle
 *	tick() ────────────────^                      or of the datagram that is being handled
 */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SF_SCTP_BY_USRSCTP

#include "base/clock.h"
#include "base/module.h"
#include "sctp/association.h"

extern const struct sf_sctp_ops sf_sctp_usrsctp;

/*
 * An option of usrsctp_getsockopt(): bytes that wait in the buffers of an association. FreeBSD's
 * header defines it, the library's does not.
 */
#define GET_BUFFER_USE 0x00001101

#define BUFFER    (1 << 20) /* bytes, of each direction */
#define CHUNKS    16384     /* parts of messages in a buffer, at most */
#define BACKLOG   16
#define TICK_MS   10 /* the library's own */
#define NS_PER_MS INT64_C(1000000)
#define LEAST_MTU 512
#define HEADER    12 /* of a packet: the library's MTU is without it */
#define LEFT_NS   (10000 * NS_PER_MS)
#define LEFT_MOST 1024

struct association {
	struct sf_sctp sctp;
	struct sf_sctp_state state;
	struct association *next;
	struct socket *socket;
	int64_t left_ns; /* monotonic: when it was closed in order */
};

/* Sockets of several addresses share the listener of a port: the library has one address. */
struct sf_sctp_listener {
	struct sf_sctp_listener *next;
	struct socket *socket;
	uint16_t port;
	unsigned users;
};

static struct sf_sctp_listener *listeners; /* of one thread, that of the collecting process */

/* Associations with a wire. The lock guards the list, and is held while a wire sends. */
static struct association *all;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/*
 * The last associations of their peers that were closed in order, the oldest first, for LEFT_NS.
 * The answer to a SHUTDOWN may be lost, and while the peer's address is registered the library
 * answers the next one in the same way (RFC 9260 §9.2); later it aborts. Guarded by the lock, too.
 */
static struct association *left, **left_end = &left;
static unsigned left_count;

/*
 * The time that was last told to the library. Its timers run under time_lock, because only one
 * thread at a time may run them.
 */
static pthread_mutex_t time_lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t told_ns;

/* The datagram that this thread hands in: where an answer goes that no association sends. */
static _Thread_local struct {
	uint64_t handle;
	const struct sf_sctp_wire *wire;
} current;

static void *address_of(uint64_t handle)
{
	return (void *)(uintptr_t)handle;
}

static struct association *of(struct sf_sctp *sctp)
{
	return (struct association *)sctp;
}

static struct association *find(uint64_t handle)
{
	struct association *at = all;

	while (at && at->sctp.handle != handle)
		at = at->next;
	return at;
}

/* Takes the association from the list of those that were left. The lock is held. */
static void unlink_left(struct association **at)
{
	struct association *found = *at;

	*at = found->next;
	if (left_end == &found->next)
		left_end = at;
	left_count--;
}

/* Whether the peer's address was still registered for one that was left, which is freed. */
static bool return_to(uint64_t handle)
{
	for (struct association **at = &left; *at; at = &(*at)->next) {
		struct association *found = *at;

		if (found->sctp.handle != handle)
			continue;
		unlink_left(at);
		free(found);
		return true;
	}
	return false;
}

static struct association *oldest_left(int64_t mono)
{
	struct association *oldest;

	pthread_mutex_lock(&lock);
	oldest = left;
	if (oldest && (left_count > LEFT_MOST || mono - oldest->left_ns > LEFT_NS))
		unlink_left(&left);
	else
		oldest = NULL;
	pthread_mutex_unlock(&lock);
	return oldest;
}

static void forget_left(int64_t mono)
{
	struct association *association;

	while ((association = oldest_left(mono)) != NULL) {
		usrsctp_deregister_address(address_of(association->sctp.handle));
		free(association);
	}
}

/* A packet for the peer with this handle. What is not sent is lost, as packets may be. */
static int put_out(void *address, void *bytes, size_t length, uint8_t tos, uint8_t whole)
{
	uint64_t handle = (uintptr_t)address;
	struct association *association;

	(void)tos, (void)whole;
	pthread_mutex_lock(&lock);
	association = find(handle);
	if (association && association->sctp.wire.send)
		association->sctp.wire.send(association->sctp.wire.context, bytes, length);
	else if (current.wire && current.handle == handle)
		current.wire->send(current.wire->context, bytes, length);
	pthread_mutex_unlock(&lock);
	return 0;
}

static void start_library(void)
{
	usrsctp_init_nothreads(0, put_out, NULL);
	/*
	 * the library sees neither the congestion marks of IP packets nor this host's addresses,
	 * and TLS, not SCTP, authenticates
	 */
	usrsctp_sysctl_set_sctp_ecn_enable(0);
	usrsctp_sysctl_set_sctp_asconf_enable(0);
	usrsctp_sysctl_set_sctp_auto_asconf(0);
	usrsctp_sysctl_set_sctp_auth_enable(0);
	usrsctp_sysctl_set_sctp_reconfig_enable(0);
	usrsctp_sysctl_set_sctp_max_chunks_on_queue(CHUNKS);
	usrsctp_sysctl_set_sctp_rto_max_default(SF_SCTP_RTO_MAX_MS);
	usrsctp_sysctl_set_sctp_assoc_rtx_max_default(SF_SCTP_REPEATS);
	usrsctp_sysctl_set_sctp_path_rtx_max_default(SF_SCTP_REPEATS);
}

static void start_once(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, start_library);
}

static void tick(int64_t mono)
{
	int64_t ms;

	/* another thread is telling it */
	if (pthread_mutex_trylock(&time_lock) != 0)
		return;
	if (told_ns == 0)
		told_ns = mono;
	ms = (mono - told_ns) / NS_PER_MS / TICK_MS * TICK_MS;
	if (ms > 0) {
		told_ns += ms * NS_PER_MS;
		usrsctp_handle_timers((uint32_t)ms);
	}
	pthread_mutex_unlock(&time_lock);
	forget_left(mono);
}

/* ---------------------------------------------------------------- associations */

/* 0 or a negative error. */
static int set(struct socket *socket, int level, int name, const void *value, socklen_t size)
{
	return usrsctp_setsockopt(socket, level, name, value, size) < 0 ? -errno : 0;
}

static int set_option(void *socket, int name, const void *value, socklen_t size)
{
	return set(socket, IPPROTO_SCTP, name, value, size);
}

/* 0 or a negative error. */
static int set_options(struct socket *socket)
{
	const int size = BUFFER;
	const struct sctp_assoc_value first_come = { .assoc_value = SCTP_SS_FIRST_COME };
	int code = usrsctp_set_non_blocking(socket, 1) < 0 ? -errno : 0;

	/*
	 * messages leave in the order in which they came; if this fails, only acknowledgements
	 * come later
	 */
	set_option(socket, SCTP_PLUGGABLE_SS, &first_come, sizeof(first_come));
	if (code == 0)
		code = set(socket, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (code == 0)
		code = set(socket, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return code ? code : sf_sctp_set_options(set_option, socket);
}

static int set_mtu(struct socket *socket, unsigned mtu)
{
	const struct sctp_paddrparams path = {
		.spp_flags = SPP_PMTUD_DISABLE,
		.spp_pathmtu = mtu - HEADER,
	};

	return mtu < LEAST_MTU ? -EINVAL
			       : set_option(socket, SCTP_PEER_ADDR_PARAMS, &path, sizeof(path));
}

/* What closes a socket aborts its association from now on. */
static void will_abort(struct socket *socket)
{
	const struct linger at_once = { .l_onoff = 1 };

	set(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static void abort_socket(struct socket *socket)
{
	will_abort(socket);
	usrsctp_close(socket);
}

/* Takes the socket over. NULL: no memory, and the association is aborted. */
static struct association *enter(struct socket *socket, uint64_t handle)
{
	struct association *association = calloc(1, sizeof(*association));
	bool known;

	if (!association) {
		abort_socket(socket);
		return NULL;
	}
	association->socket = socket;
	association->sctp.fd = -1;
	association->sctp.handle = handle;
	association->state.ended = -EAGAIN;
	pthread_mutex_lock(&lock);
	known = find(handle) != NULL || return_to(handle);
	association->next = all;
	all = association;
	pthread_mutex_unlock(&lock);
	if (!known)
		usrsctp_register_address(address_of(handle));
	return association;
}

/* The lock is held. */
static void leave(struct association *association)
{
	association->left_ns = sf_clock_read(CLOCK_MONOTONIC);
	association->next = NULL;
	*left_end = association;
	left_end = &association->next;
	left_count++;
}

static void usr_close(struct sf_sctp *sctp, bool cut)
{
	struct association *association = of(sctp), **at = &all;
	bool known;

	if (cut)
		will_abort(association->socket);
	/* the last packet still finds the wire */
	usrsctp_close(association->socket);
	pthread_mutex_lock(&lock);
	while (*at != association)
		at = &(*at)->next;
	*at = association->next;
	known = find(sctp->handle) != NULL;
	if (!known && !cut)
		leave(association);
	pthread_mutex_unlock(&lock);
	if (!known && !cut)
		return;
	if (!known)
		usrsctp_deregister_address(address_of(sctp->handle));
	free(association);
}

/*
 * A handle for an association that this side begins. The owners of listeners take handles of
 * another range, so that no two are equal.
 */
static uint64_t next_handle(void)
{
	static uint64_t last;
	uint64_t handle;

	pthread_mutex_lock(&lock);
	handle = ++last;
	pthread_mutex_unlock(&lock);
	return handle;
}

static int bind_to(struct socket *socket, struct sockaddr_conn *address)
{
	return usrsctp_bind(socket, (struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
}

static int connect_to(struct socket *socket, struct sockaddr_conn *address)
{
	if (usrsctp_connect(socket, (struct sockaddr *)address, sizeof(*address)) < 0 &&
		errno != EINPROGRESS)
		return -errno;
	return 0;
}

static int usr_connect(struct sf_sctp **sctp, const struct sf_sctp_start *start)
{
	struct sockaddr_conn address = { .sconn_family = AF_CONN };
	struct association *association;
	struct socket *socket;
	uint64_t handle;
	int code;

	start_once();
	socket = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
	if (!socket)
		return -errno;
	handle = next_handle();
	association = enter(socket, handle);
	if (!association)
		return -ENOMEM;
	association->sctp.wire = start->wire;
	address.sconn_addr = address_of(handle);
	code = set_options(socket);
	if (code == 0)
		code = set_mtu(socket, start->mtu);
	if (code == 0)
		code = bind_to(socket, &address);
	address.sconn_port = htons(start->port);
	if (code == 0)
		code = connect_to(socket, &address);
	if (code == 0)
		*sctp = &association->sctp;
	else
		usr_close(&association->sctp, true);
	return code;
}

/* ---------------------------------------------------------------- what comes */

static int usr_receive(
	struct sf_sctp *sctp, uint8_t *bytes, size_t size, struct sf_sctp_arrival *arrival)
{
	struct association *association = of(sctp);
	struct sctp_rcvinfo info = { 0 };
	struct sockaddr_conn from;
	socklen_t from_size = sizeof(from), info_size = sizeof(info);
	unsigned kind = SCTP_RECVV_NOINFO;
	int flags = 0;
	ssize_t n;

	if (association->state.ended != -EAGAIN)
		return association->state.ended;
	n = usrsctp_recvv(association->socket, bytes, size, (struct sockaddr *)&from, &from_size,
		&info, &info_size, &kind, &flags);
	return sf_sctp_take(&association->state, n < 0 ? -errno : n, bytes, flags,
		kind == SCTP_RECVV_RCVINFO ? info.rcv_sid : 0, arrival);
}

static int usr_progress(struct sf_sctp *sctp)
{
	struct association *association = of(sctp);
	struct sf_sctp_arrival arrival;
	uint8_t bytes[512];
	int news = SF_SCTP_OTHER;

	while (!association->state.up && news == SF_SCTP_OTHER)
		news = usr_receive(sctp, bytes, sizeof(bytes), &arrival);
	if (association->state.up)
		return 0;
	return news < 0 ? news : -ECONNREFUSED;
}

/* ---------------------------------------------------------------- what goes */

static ssize_t usr_send(struct sf_sctp *sctp, const uint8_t *bytes, size_t length,
	const struct sf_sctp_sending *sending)
{
	struct sctp_sendv_spa how = {
		.sendv_flags = SCTP_SEND_SNDINFO_VALID,
		.sendv_sndinfo = { .snd_sid = sending->stream, .snd_context = sending->label },
	};
	ssize_t n;

	if (of(sctp)->state.ended != -EAGAIN)
		return -ECONNRESET;
	if (sending->lifetime_ms) {
		how.sendv_flags |= SCTP_SEND_PRINFO_VALID;
		how.sendv_prinfo = (struct sctp_prinfo){ SCTP_PR_SCTP_TTL, sending->lifetime_ms };
	}
	n = usrsctp_sendv(
		of(sctp)->socket, bytes, length, NULL, 0, &how, sizeof(how), SCTP_SENDV_SPA, 0);
	if (n < 0)
		return errno == EWOULDBLOCK || errno == ENOBUFS ? -EAGAIN : -errno;
	return n;
}

static uint64_t usr_waiting(struct sf_sctp *sctp)
{
	struct association *association = of(sctp);
	struct {
		sctp_assoc_t association;
		uint32_t sent, received;
	} use = { 0 };
	socklen_t size = sizeof(use);

	/* when the association is lost, its buffers are empty before the loss is told */
	if (association->state.ended == -EAGAIN &&
		usrsctp_getsockopt(
			association->socket, IPPROTO_SCTP, GET_BUFFER_USE, &use, &size) == 0)
		association->state.waiting = use.sent;
	return association->state.waiting;
}

static bool is_there(struct sf_sctp *sctp, struct sctp_status *status)
{
	socklen_t size = sizeof(*status);

	memset(status, 0, sizeof(*status));
	return usrsctp_getsockopt(of(sctp)->socket, IPPROTO_SCTP, SCTP_STATUS, status, &size) == 0;
}

static uint32_t usr_window(struct sf_sctp *sctp)
{
	struct sctp_status status;

	return is_there(sctp, &status) ? status.sstat_rwnd : UINT32_MAX;
}

static uint16_t usr_streams(struct sf_sctp *sctp)
{
	struct sctp_status status;

	return is_there(sctp, &status) ? status.sstat_outstrms : 1;
}

static void usr_finish(struct sf_sctp *sctp)
{
	usrsctp_shutdown(of(sctp)->socket, SHUT_WR);
}

/* ---------------------------------------------------------------- servers */

/* 0 or a negative error. */
static int begin_to_listen(struct socket *socket, uint16_t port)
{
	struct sockaddr_conn any = { .sconn_family = AF_CONN, .sconn_port = htons(port) };
	int code = set_options(socket);

	if (code == 0)
		code = bind_to(socket, &any);
	if (code == 0 && usrsctp_listen(socket, BACKLOG) < 0)
		code = -errno;
	return code;
}

static int usr_listen(struct sf_sctp_listener **found, uint16_t port)
{
	struct sf_sctp_listener *listener = listeners;
	struct socket *socket;
	int code;

	start_once();
	while (listener && listener->port != port)
		listener = listener->next;
	if (listener) {
		listener->users++;
		*found = listener;
		return 0;
	}
	socket = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
	if (!socket)
		return -errno;
	code = begin_to_listen(socket, port);
	listener = code == 0 ? malloc(sizeof(*listener)) : NULL;
	if (!listener) {
		usrsctp_close(socket);
		return code ? code : -ENOMEM;
	}
	*listener = (struct sf_sctp_listener){ listeners, socket, port, 1 };
	*found = listeners = listener;
	return 0;
}

static void usr_unlisten(struct sf_sctp_listener *listener)
{
	struct sf_sctp_listener **at = &listeners;

	if (--listener->users)
		return;
	while (*at != listener)
		at = &(*at)->next;
	*at = listener->next;
	usrsctp_close(listener->socket);
	free(listener);
}

static void usr_input(struct sf_sctp_listener *listener, uint64_t handle,
	const struct sf_sctp_wire *wire, const uint8_t *datagram, size_t length)
{
	(void)listener;
	current.handle = handle;
	current.wire = wire;
	usrsctp_conninput(address_of(handle), datagram, length, 0);
	current.wire = NULL;
}

static struct sf_sctp *usr_accept(struct sf_sctp_listener *listener, uint64_t handle)
{
	struct sockaddr_conn from;
	socklen_t size = sizeof(from);
	struct association *association;
	struct socket *socket = usrsctp_accept(listener->socket, (struct sockaddr *)&from, &size);

	if (!socket)
		return NULL;
	if (from.sconn_addr != address_of(handle)) {
		abort_socket(socket);
		return NULL;
	}
	association = enter(socket, handle);
	if (!association)
		return NULL;
	association->state.up = true;
	if (set_options(socket) == 0)
		return &association->sctp;
	usr_close(&association->sctp, true);
	return NULL;
}

static void usr_attach(struct sf_sctp *sctp, const struct sf_sctp_wire *wire)
{
	/* a timer that another thread runs may be sending */
	pthread_mutex_lock(&lock);
	sctp->wire = *wire;
	pthread_mutex_unlock(&lock);
}

SF_MODULE_OBJECT const struct sf_sctp_ops sf_sctp_usrsctp = {
	.connect = usr_connect,
	.progress = usr_progress,
	.send = usr_send,
	.receive = usr_receive,
	.waiting = usr_waiting,
	.window = usr_window,
	.streams = usr_streams,
	.finish = usr_finish,
	.close = usr_close,
	.listen = usr_listen,
	.unlisten = usr_unlisten,
	.input = usr_input,
	.accept = usr_accept,
	.attach = usr_attach,
	.tick = tick,
};
