/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What associations of the kernel (kernel.c) and of libusrsctp (usrsctp.c) have in common: the
 * options of their sockets, and the meaning of notifications. Both have the socket interface of
 * RFC 6458 with the same names, but other numbers and layouts, which come from different headers.
 * So this file is compiled with each of the two headers; usrsctp.c defines SF_SCTP_BY_USRSCTP
 * before it includes this file.
 *
 *	code = sf_sctp_set_options(set_option, socket);
 *	n = recvmsg(…);
 *	n = n < 0 ? -errno : n;
 *	return sf_sctp_take(&association->state, n, bytes, flags, stream, &arrival);
 */
#ifndef SPANFLOW_SCTP_ASSOCIATION_H
#define SPANFLOW_SCTP_ASSOCIATION_H

#include <errno.h>
#include <string.h>

#ifdef SF_SCTP_BY_USRSCTP
#include <usrsctp.h>
#else
#include <netinet/in.h>

#include <linux/sctp.h>
#endif

#include "sctp/sctp.h"

/*
 * Longest time until a packet is sent again, and how often it is sent again before the association
 * is given up: after 90 s in all.
 */
#define SF_SCTP_RTO_MAX_MS 20000
#define SF_SCTP_REPEATS    8

/* What notifications have told. */
struct sf_sctp_state {
	uint64_t waiting; /* bytes, when the association was last there */
	int ended;        /* enum sf_sctp_news or an error; -EAGAIN: it is there, or not yet */
	bool up, in_notice;
};

/* Sets an option of SCTP. 0 or a negative error. */
typedef int (*sf_sctp_set_option)(void *socket, int name, const void *value, socklen_t size);

/* [RFC7011-9.2-1] [RFC7011-10.1-1] [RFC6526-4.3-2] */
/*
 * Sets the options without which an association is of no use here. 0, or the error of the refused
 * option.
 */
static inline int sf_sctp_set_options(sf_sctp_set_option set, void *socket)
{
	static const uint16_t events[] = { SCTP_ASSOC_CHANGE, SCTP_SHUTDOWN_EVENT,
		SCTP_SEND_FAILED_EVENT, SCTP_PARTIAL_DELIVERY_EVENT };
	const int on = 1;
	const struct sctp_initmsg init = {
		.sinit_num_ostreams = SF_SCTP_STREAMS,
		.sinit_max_instreams = UINT16_MAX,
	};
	int code = set(socket, SCTP_NODELAY, &on, sizeof(on));

	if (code == 0)
		code = set(socket, SCTP_RECVRCVINFO, &on, sizeof(on));
	if (code == 0)
		code = set(socket, SCTP_INITMSG, &init, sizeof(init));
	for (size_t i = 0; code == 0 && i < sizeof(events) / sizeof(events[0]); i++) {
		const struct sctp_event event = {
			.se_assoc_id = SCTP_FUTURE_ASSOC, .se_type = events[i], .se_on = 1
		};

		code = set(socket, SCTP_EVENT, &event, sizeof(event));
	}
	return code;
}

/* An association has changed. Returns enum sf_sctp_news or an error. */
static inline int sf_sctp_take_change(
	struct sf_sctp_state *state, const struct sctp_assoc_change *change)
{
	switch (change->sac_state) {
	case SCTP_COMM_UP:
		state->up = true;
		return SF_SCTP_OTHER;
	case SCTP_SHUTDOWN_COMP:
		state->waiting = 0;
		return SF_SCTP_CLOSED;
	case SCTP_CANT_STR_ASSOC:
		return -ECONNREFUSED;
	default:
		/* the peer has begun anew, or the association is lost */
		return -ECONNRESET;
	}
}

/* A notification, or its first part. Returns enum sf_sctp_news or an error. */
static inline int sf_sctp_take_notice(struct sf_sctp_state *state, const uint8_t *bytes,
	size_t length, struct sf_sctp_arrival *arrival)
{
	struct sctp_assoc_change change;
	struct sctp_send_failed_event failed;
	uint16_t type;

	if (length < sizeof(type))
		return SF_SCTP_OTHER;
	memcpy(&type, bytes, sizeof(type));
	if (type == SCTP_ASSOC_CHANGE && length >= sizeof(change)) {
		memcpy(&change, bytes, sizeof(change));
		return sf_sctp_take_change(state, &change);
	}
	if (type == SCTP_SHUTDOWN_EVENT)
		return SF_SCTP_CLOSED;
	/* there is one indication, SCTP_PARTIAL_DELIVERY_ABORTED (RFC 6458 §6.1.7) */
	if (type == SCTP_PARTIAL_DELIVERY_EVENT)
		return SF_SCTP_BROKEN;
	if (type == SCTP_SEND_FAILED_EVENT && length >= sizeof(failed)) {
		memcpy(&failed, bytes, sizeof(failed));
		arrival->label = failed.ssfe_info.snd_context;
		return SF_SCTP_ABANDONED;
	}
	return SF_SCTP_OTHER;
}

/*
 * Evaluates what a call of recvmsg() or its like has returned: `n` bytes or a negative error, the
 * flags of the message and the stream of its data. Returns what sf_sctp_ops.receive() returns.
 */
static inline int sf_sctp_take(struct sf_sctp_state *state, ssize_t n, const uint8_t *bytes,
	int flags, uint16_t stream, struct sf_sctp_arrival *arrival)
{
	bool continued = state->in_notice;
	int news;

	if (n == -EAGAIN || n == -EINTR)
		return -EAGAIN;
	if (n <= 0)
		return state->ended = n < 0 ? (int)n : SF_SCTP_CLOSED;
	if (flags & MSG_NOTIFICATION) {
		state->in_notice = !(flags & MSG_EOR);
		if (continued)
			return SF_SCTP_OTHER;
		news = sf_sctp_take_notice(state, bytes, (size_t)n, arrival);
		if (news < 0 || news == SF_SCTP_CLOSED)
			state->ended = news;
		return news;
	}
	arrival->length = (size_t)n;
	arrival->stream = stream;
	arrival->ends = flags & MSG_EOR;
	return SF_SCTP_DATA;
}

#endif
