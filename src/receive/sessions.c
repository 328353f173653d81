/* SPDX-License-Identifier: BSD-2-Clause */
/*
 *	datagram of ──┬─ a peer with a session ─────────────> session (a hello: a new one instead)
 *	              ├─ any other, a hello without cookie ─> answer: a cookie; nothing is kept
 *	              ├─ …, a hello with the peer's cookie ─> new session
 *	              └─ …, something else ─────────────────> counted; data get an alert as answer
 *
 * The alert goes in the clear: it tells an exporter, whose session was lost with the last run of
 * this collector, to begin another session. An alert is shorter than the datagram that it answers,
 * and alerts are rare, so that nobody can make a flood of them.
 */
#include "receive/sessions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/wire.h"

/* Of a record: RFC 6347 §4.1; of a message of the handshake: §4.2.2. */
#define RECORD_HEADER 13
#define HANDSHAKE     22
#define DATA          23
#define CLIENT_HELLO  1

#define TICK_NS      (SF_NS_PER_S / 2)
#define HANDSHAKE_NS (10 * SF_NS_PER_S)   /* so long a peer has for the handshake */
#define SILENCE_NS   (1800 * SF_NS_PER_S) /* a session without datagrams ends */
/* after such a silence another session may have the place */
#define GONE_NS      (60 * SF_NS_PER_S)
#define TELL_NS      (SF_NS_PER_S / 100) /* between two alerts */
#define TELL_HOST_NS SF_NS_PER_S         /* between two alerts to one address */

struct sf_dtls_session {
	struct sf_dtls_session *next, *previous; /* by the time of the last datagram */
	struct sf_dtls_session *chain;           /* in the bucket */
	struct sf_sessions *sessions;
	const struct sf_dtls_ops *dtls;
	struct sf_dtls *session;
	struct sf_path path;
	char sender[SF_HOSTPORT_NAME];
	int64_t begun_ns, heard_ns;
	bool half; /* the handshake is not done */
};

/* ---------------------------------------------------------------- the table */

/*
 * How much of sf_path_id() one host cannot change as it likes: the
 * IPv4 address, or the /64 of IPv6.
 */
static size_t host_length(const struct sockaddr_storage *peer)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)peer;

	if (peer->ss_family != AF_INET6)
		return 4;
	return IN6_IS_ADDR_V4MAPPED(&six->sin6_addr) ? 16 : 8;
}

static uint32_t hash_of(const uint8_t *id, size_t length)
{
	uint32_t hash = 0;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ id[i]) * UINT32_C(16777619);
	return hash ^ hash >> 16;
}

static struct sf_dtls_session **bucket_of(
	struct sf_sessions *sessions, const struct sockaddr_storage *peer)
{
	uint8_t id[SF_PATH_ID];
	size_t length = sf_path_id(peer, id);

	return &sessions->buckets[hash_of(id, length) % SF_SESSIONS_MAX];
}

static bool is_same_host(const struct sockaddr_storage *one, const struct sockaddr_storage *other)
{
	uint8_t a[SF_PATH_ID], b[SF_PATH_ID];

	sf_path_id(one, a);
	sf_path_id(other, b);
	return one->ss_family == other->ss_family && host_length(one) == host_length(other) &&
	       memcmp(a, b, host_length(one)) == 0;
}

static bool is_peer(const struct sf_dtls_session *session, const struct sf_path *path)
{
	uint8_t one[SF_PATH_ID], other[SF_PATH_ID];
	size_t length = sf_path_id(&session->path.peer, one);

	return session->path.fd == path->fd && sf_path_id(&path->peer, other) == length &&
	       memcmp(one, other, length) == 0;
}

/*
 * The session of a peer. A peer may have two: an old one, and one whose handshake is not done,
 * which takes the place of the old one when it is done; `half`: that one is preferred.
 */
static struct sf_dtls_session *find(
	struct sf_sessions *sessions, const struct sf_path *path, bool half)
{
	struct sf_dtls_session *found = NULL;

	for (struct sf_dtls_session *at = *bucket_of(sessions, &path->peer); at; at = at->chain)
		if (is_peer(at, path) && (!found || at->half == half))
			found = at;
	return found;
}

static void unlink_session(struct sf_dtls_session *session)
{
	struct sf_sessions *sessions = session->sessions;

	*(session->previous ? &session->previous->next : &sessions->first) = session->next;
	*(session->next ? &session->next->previous : &sessions->last) = session->previous;
}

static void link_first(struct sf_dtls_session *session)
{
	struct sf_sessions *sessions = session->sessions;

	session->previous = NULL;
	session->next = sessions->first;
	*(session->next ? &session->next->previous : &sessions->last) = session;
	sessions->first = session;
}

static void session_free(struct sf_dtls_session *session)
{
	session->dtls->close(session->session);
	free(session);
}

static void take_out(struct sf_dtls_session *session)
{
	struct sf_sessions *sessions = session->sessions;
	struct sf_dtls_session **at = bucket_of(sessions, &session->path.peer);

	while (*at != session)
		at = &(*at)->chain;
	*at = session->chain;
	unlink_session(session);
	sessions->half -= session->half;
	if (--sessions->count == 0)
		sf_timer_stop(&sessions->timer);
	session_free(session);
}

/* `trouble`: the fault; NULL: the peer has ended the session, or begun another one. */
static void end(struct sf_dtls_session *session, const char *trouble)
{
	struct sf_sessions *sessions = session->sessions;

	session->dtls->finish(session->session);
	sessions->broken += trouble != NULL;
	sessions->owner.end(sessions->owner.context, session->sender, trouble);
	take_out(session);
}

/* ---------------------------------------------------------------- time */

/*
 * Of the sessions whose handshake is not done, the one that was silent for the longest time;
 * `host`: of those of its host, if it has as many as one host may have.
 */
static struct sf_dtls_session *most_silent_half(
	const struct sf_sessions *sessions, const struct sockaddr_storage *host)
{
	struct sf_dtls_session *found = NULL;
	unsigned count = 0;

	for (struct sf_dtls_session *at = sessions->last; at; at = at->previous) {
		if (!at->half || (host && !is_same_host(&at->path.peer, host)))
			continue;
		found = found ? found : at;
		count++;
	}
	return host && count < SF_SESSIONS_HOST ? NULL : found;
}

static void look_after(struct sf_dtls_session *session, int64_t now)
{
	if (session->half && now - session->begun_ns >= HANDSHAKE_NS)
		end(session, "the handshake of DTLS was not done within 10 seconds");
	else if (session->half && session->dtls->wait_ns(session->session) == 0)
		session->dtls->repeat(session->session);
	else if (now - session->heard_ns >= SILENCE_NS)
		end(session, NULL);
}

static void on_tick(struct sf_timer *timer)
{
	struct sf_sessions *sessions = timer->context;
	struct sf_dtls_session *session = sessions->first, *next;

	for (; session; session = next) {
		next = session->next;
		look_after(session, sf_loop_now(sessions->loop));
	}
}

/*
 * True if there is a place for one more session, of this peer. No host can
 * take all the places of handshakes.
 */
static bool make_place(struct sf_sessions *sessions, const struct sockaddr_storage *peer)
{
	const char *const why = "its handshake is not done, and another session needs its place";
	struct sf_dtls_session *of_host = most_silent_half(sessions, peer);
	struct sf_dtls_session *half = of_host ? of_host : most_silent_half(sessions, NULL);
	struct sf_dtls_session *oldest = sessions->last;

	if (of_host || sessions->half == SF_SESSIONS_HALF ||
		(sessions->count == SF_SESSIONS_MAX && half)) {
		end(half, why);
		return true;
	}
	if (sessions->count < SF_SESSIONS_MAX)
		return true;
	if (sf_loop_now(sessions->loop) - oldest->heard_ns < GONE_NS)
		return false;
	end(oldest, NULL);
	return true;
}

/* ---------------------------------------------------------------- datagrams */

/* What cannot be sent is lost: the peer repeats its part. */
static ssize_t send_back(void *context, const uint8_t *bytes, size_t length)
{
	return sf_path_answer(&((struct sf_dtls_session *)context)->path, bytes, length);
}

/* Why a datagram is not one IPFIX message; NULL: it is. */
static const char *fault_of(const uint8_t *p, size_t length)
{
	if (length < SF_INFLOW_HEADER || sf_load_be16(p) != SF_INFLOW_VERSION)
		return "this is not IPFIX: sessions of DTLS carry nothing else";
	if (sf_load_be16(p + 2) != length)
		return "a datagram is not one whole IPFIX message";
	return NULL;
}

/* A datagram of the peer itself has come: in a session one that was decrypted. */
static void heard(struct sf_dtls_session *session, const struct sf_path *path)
{
	unlink_session(session);
	link_first(session);
	session->path = *path;
	session->heard_ns = sf_loop_now(session->sessions->loop);
}

/* Hands on the messages of the datagram. False: no further message is wanted. */
static bool read_messages(struct sf_dtls_session *session, const struct sf_path *path)
{
	struct sf_sessions *sessions = session->sessions;
	const struct sf_inflow_owner *owner = &sessions->owner;
	ssize_t n;

	while ((n = session->dtls->read(
			session->session, sessions->message, sizeof(sessions->message))) > 0) {
		const char *fault = fault_of(sessions->message, (size_t)n);

		if (fault) {
			end(session, fault);
			return true;
		}
		heard(session, path);
		if (!owner->message(
			    owner->context, session->sender, 0, sessions->message, (size_t)n))
			return false;
	}
	if (n == 0)
		end(session, NULL);
	else if (n != -EAGAIN)
		end(session, session->session->trouble[0] ? session->session->trouble
							  : sf_strerror((int)n));
	return true;
}

/*
 * The handshake is done. RFC 6347 §4.2.8: an earlier session of the peer, which was started again
 * perhaps, lasts until then, because a hello may be a copy of an old one.
 */
static void settle(struct sf_dtls_session *session)
{
	struct sf_dtls_session *before;

	if (!session->half)
		return;
	before = find(session->sessions, &session->path, false);
	if (before && !before->half)
		end(before, NULL);
	session->sessions->half--;
	session->half = false;
}

/* A datagram of a session lies in it. False: no further message is wanted. */
static bool feed(struct sf_dtls_session *session, const struct sf_path *path)
{
	int code = 0;

	if (session->half)
		code = session->dtls->handshake(session->session);
	if (code == -EAGAIN)
		return true;
	if (code < 0) {
		end(session, session->session->trouble[0] ? session->session->trouble
							  : sf_strerror(code));
		return true;
	}
	settle(session);
	return read_messages(session, path);
}

static struct sf_dtls_session *wait_at(struct sf_dtls_listener *dtls)
{
	struct sf_dtls_session *session = calloc(1, sizeof(*session));
	const struct sf_dtls_wire wire = { send_back, session };

	if (!session)
		return NULL;
	session->dtls = dtls->ops;
	session->session = dtls->ops->open(dtls->context, NULL, &wire);
	if (session->session)
		return session;
	free(session);
	return NULL;
}

void sf_dtls_listener_close(struct sf_dtls_listener *dtls)
{
	if (dtls->waiting)
		session_free(dtls->waiting);
	dtls->waiting = NULL;
}

/* The peer has shown its cookie. */
static bool begin(
	struct sf_sessions *sessions, struct sf_dtls_session *session, const struct sf_path *path)
{
	int64_t now = sf_loop_now(sessions->loop);
	struct sf_dtls_session **bucket;

	if (!make_place(sessions, &path->peer)) {
		sessions->refused++;
		session_free(session);
		return true;
	}
	session->sessions = sessions;
	session->begun_ns = session->heard_ns = now;
	session->half = true;
	sf_hostport_name(&session->path.peer, session->sender);
	bucket = bucket_of(sessions, &session->path.peer);
	session->chain = *bucket;
	*bucket = session;
	link_first(session);
	sessions->half++;
	sessions->connections++;
	if (sessions->count++ == 0)
		sf_timer_repeat(&sessions->timer, TICK_NS);
	return feed(session, path);
}

static bool greet(struct sf_sessions *sessions, struct sf_dtls_listener *dtls,
	const struct sf_path *path, const uint8_t *datagram, size_t length)
{
	struct sf_dtls_session *session;
	uint8_t id[SF_PATH_ID];
	size_t id_length = sf_path_id(&path->peer, id);

	if (!dtls->waiting)
		dtls->waiting = wait_at(dtls);
	session = dtls->waiting;
	if (!session)
		return true;
	session->path = *path;
	if (dtls->ops->hello(session->session, id, id_length, datagram, length,
		    sf_loop_now(sessions->loop)) != 1)
		return true;
	dtls->waiting = NULL;
	return begin(sessions, session, path);
}

/* Data without a session: the exporter has one that is lost. */
static void tell_stray(
	struct sf_sessions *sessions, const struct sf_path *path, uint8_t type, size_t length)
{
	/* fatal, unexpected message: RFC 5246 §7.2 */
	static const uint8_t alert[] = { 21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 10 };
	struct sf_dtls_session nobody = { .path = *path };
	int64_t now = sf_loop_now(sessions->loop), *host;
	uint8_t id[SF_PATH_ID];

	sessions->strays++;
	if (type != DATA || length < sizeof(alert))
		return;
	sf_path_id(&path->peer, id);
	host = &sessions->told_hosts_ns[hash_of(id, host_length(&path->peer)) % SF_SESSIONS_TOLD];
	if ((*host && now - *host < TELL_HOST_NS) ||
		(sessions->told_ns && now - sessions->told_ns < TELL_NS))
		return;
	*host = sessions->told_ns = now;
	send_back(&nobody, alert, sizeof(alert));
}

static bool is_hello(const uint8_t *datagram, size_t length)
{
	return length > RECORD_HEADER && datagram[0] == HANDSHAKE && datagram[3] == 0 &&
	       datagram[4] == 0 && datagram[RECORD_HEADER] == CLIENT_HELLO;
}

bool sf_sessions_take(struct sf_sessions *sessions, struct sf_dtls_listener *dtls,
	const struct sf_path *path, const uint8_t *datagram, size_t length, bool open)
{
	uint8_t type = length ? datagram[0] : 0;
	struct sf_dtls_session *session = find(sessions, path, type != DATA);
	bool hello = is_hello(datagram, length);

	if (session && (session->half || !hello)) {
		if (session->half)
			heard(session, path);
		session->dtls->input(session->session, datagram, length);
		return feed(session, path);
	}
	if (hello && open)
		return greet(sessions, dtls, path, datagram, length);
	if (!hello)
		tell_stray(sessions, path, type, length);
	return true;
}

int sf_sessions_init(
	struct sf_sessions *sessions, struct sf_loop *loop, const struct sf_inflow_owner *owner)
{
	memset(sessions, 0, sizeof(*sessions));
	sessions->loop = loop;
	sessions->owner = *owner;
	return sf_loop_add_timer(loop, &sessions->timer, on_tick, sessions);
}

void sf_sessions_fini(struct sf_sessions *sessions)
{
	while (sessions->first) {
		sessions->first->dtls->finish(sessions->first->session);
		take_out(sessions->first);
	}
	sf_timer_remove(&sessions->timer);
}
