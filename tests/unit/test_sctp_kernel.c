/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Associations of the kernel's SCTP, without one: what is sent with a message, and what
 * notifications mean.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/sctp.h>
#include <linux/sock_diag.h>

#include "check_main.h"
#include "sctp/sctp.h"

/* The kernel of this test: one notification or message, the send buffer, and what was sent. */
static struct {
	struct sctp_sndinfo how;
	struct sctp_prinfo limit;
	unsigned controls;
	int error; /* of sendmsg() */
	uint8_t bytes[256];
	size_t length;
	int flags;
	uint16_t stream;
	uint32_t queued;
	uint32_t events; /* a bit for each kind that is asked for, from SCTP_SN_TYPE_BASE on */
	int refuses;     /* this option of SCTP, with ENOPROTOOPT; 0: none */
	bool gone;       /* there is no association any more */
} kernel;

ssize_t __wrap_sendmsg(int fd, const struct msghdr *header, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *header, int flags)
{
	(void)fd;
	ck_assert(flags & MSG_DONTWAIT);
	kernel.controls = 0;
	for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at;
		at = CMSG_NXTHDR((struct msghdr *)header, at)) {
		kernel.controls++;
		ck_assert_int_eq(at->cmsg_level, IPPROTO_SCTP);
		if (at->cmsg_type == SCTP_SNDINFO)
			memcpy(&kernel.how, CMSG_DATA(at), sizeof(kernel.how));
		else if (at->cmsg_type == SCTP_PRINFO)
			memcpy(&kernel.limit, CMSG_DATA(at), sizeof(kernel.limit));
		else
			ck_abort_msg("control message %d", at->cmsg_type);
	}
	if (kernel.error) {
		errno = kernel.error;
		return -1;
	}
	return (ssize_t)header->msg_iov[0].iov_len;
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *header, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *header, int flags)
{
	const struct sctp_rcvinfo info = { .rcv_sid = kernel.stream };
	struct cmsghdr *control = header->msg_control;
	size_t n = kernel.length;

	(void)fd, (void)flags;
	if (n == 0) {
		errno = EAGAIN;
		return -1;
	}
	if (n > header->msg_iov[0].iov_len)
		n = header->msg_iov[0].iov_len;
	memcpy(header->msg_iov[0].iov_base, kernel.bytes, n);
	ck_assert_uint_ge(header->msg_controllen, CMSG_SPACE(sizeof(info)));
	*control = (struct cmsghdr){ .cmsg_level = IPPROTO_SCTP,
		.cmsg_type = SCTP_RCVINFO,
		.cmsg_len = CMSG_LEN(sizeof(info)) };
	memcpy(CMSG_DATA(control), &info, sizeof(info));
	header->msg_controllen = CMSG_SPACE(sizeof(info));
	header->msg_flags = kernel.flags;
	kernel.length = 0;
	return (ssize_t)n;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	(void)fd;
	if (level == SOL_SOCKET && name == SO_MEMINFO) {
		ck_assert_uint_ge(*size, (SK_MEMINFO_WMEM_QUEUED + 1) * sizeof(uint32_t));
		((uint32_t *)value)[SK_MEMINFO_WMEM_QUEUED] = kernel.queued;
		return 0;
	}
	ck_assert_int_eq(level, IPPROTO_SCTP);
	ck_assert_int_eq(name, SCTP_STATUS);
	if (kernel.gone) {
		errno = EINVAL;
		return -1;
	}
	((struct sctp_status *)value)->sstat_rwnd = 4321;
	((struct sctp_status *)value)->sstat_outstrms = 10;
	return 0;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	struct sctp_event event;

	(void)fd;
	if (level != IPPROTO_SCTP)
		return 0;
	if (name == SCTP_EVENT) {
		ck_assert_uint_eq(size, sizeof(event));
		memcpy(&event, value, sizeof(event));
		kernel.events |= event.se_on ? 1u << (event.se_type - SCTP_SN_TYPE_BASE) : 0;
	}
	errno = ENOPROTOOPT;
	return kernel.refuses == name ? -1 : 0;
}

static struct sf_sctp *sctp;
static struct sf_sctp_arrival arrival;
static uint8_t bytes[256];

static const struct sf_sctp_ops *begin(void)
{
	memset(&kernel, 0, sizeof(kernel));
	ck_assert_int_eq(sf_sctp_kernel()->adopt(&sctp, socket(AF_INET, SOCK_DGRAM, 0)), 0);
	return sf_sctp_kernel();
}

/* The news that this notification or message is. */
static int news_of(const void *what, size_t length, int flags)
{
	memcpy(kernel.bytes, what, length);
	kernel.length = length;
	kernel.flags = flags;
	return sf_sctp_kernel()->receive(sctp, bytes, sizeof(bytes), &arrival);
}

static bool is_asked_for(unsigned event)
{
	return kernel.events >> (event - SCTP_SN_TYPE_BASE) & 1;
}

START_TEST(events_are_asked_for)
{
	const struct sf_sctp_ops *ops = begin();

	ops->close(sctp, true);
	ck_assert(is_asked_for(SCTP_ASSOC_CHANGE) && is_asked_for(SCTP_SHUTDOWN_EVENT) &&
		  is_asked_for(SCTP_SEND_FAILED_EVENT) &&
		  is_asked_for(SCTP_PARTIAL_DELIVERY_EVENT));
}
END_TEST

/*
 * Without events nobody would notice the end of an association. Times and sizes may be the kernel's
 * own.
 */
START_TEST(an_option_that_is_refused)
{
	static const int needed[] = { SCTP_NODELAY, SCTP_RECVRCVINFO, SCTP_INITMSG, SCTP_EVENT };
	const struct sf_sctp_ops *ops = begin();
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	ops->close(sctp, true);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		kernel.refuses = needed[i];
		ck_assert_int_eq(ops->adopt(&sctp, fd), -ENOPROTOOPT);
	}
	kernel.refuses = SCTP_RTOINFO;
	ck_assert_int_eq(ops->adopt(&sctp, fd), 0);
	ops->close(sctp, true);
}
END_TEST

START_TEST(what_is_sent_with_a_message)
{
	const struct sf_sctp_ops *ops = begin();
	struct sf_sctp_sending sending = { .stream = 5, .label = 0xfedcba98 };

	ck_assert_int_eq(ops->send(sctp, bytes, 100, &sending), 100);
	ck_assert_uint_eq(kernel.controls, 1);
	ck_assert_uint_eq(kernel.how.snd_sid, 5);
	ck_assert_uint_eq(kernel.how.snd_context, 0xfedcba98);
	/* in order: not SCTP_UNORDERED */
	ck_assert_uint_eq(kernel.how.snd_flags, 0);
	sending.lifetime_ms = 2500;
	ck_assert_int_eq(ops->send(sctp, bytes, 100, &sending), 100);
	ck_assert_uint_eq(kernel.controls, 2);
	ck_assert_uint_eq(kernel.limit.pr_policy, SCTP_PR_SCTP_TTL);
	ck_assert_uint_eq(kernel.limit.pr_value, 2500);
	kernel.error = EAGAIN;
	ck_assert_int_eq(ops->send(sctp, bytes, 100, &sending), -EAGAIN);
	kernel.error = EPIPE;
	ck_assert_int_eq(ops->send(sctp, bytes, 100, &sending), -EPIPE);
	ops->close(sctp, true);
}
END_TEST

START_TEST(what_has_come)
{
	const struct sf_sctp_ops *ops = begin();
	struct sctp_assoc_change change = { .sac_type = SCTP_ASSOC_CHANGE,
		.sac_state = SCTP_COMM_UP };
	struct sctp_send_failed_event failed = { .ssf_type = SCTP_SEND_FAILED_EVENT,
		.ssfe_info.snd_context = 77 };
	struct sctp_pdapi_event given_up = { .pdapi_type = SCTP_PARTIAL_DELIVERY_EVENT,
		.pdapi_indication = SCTP_PARTIAL_DELIVERY_ABORTED };

	ck_assert_int_eq(ops->receive(sctp, bytes, sizeof(bytes), &arrival), -EAGAIN);
	ck_assert_int_eq(
		news_of(&change, sizeof(change), MSG_NOTIFICATION | MSG_EOR), SF_SCTP_OTHER);
	kernel.stream = 9;
	ck_assert_int_eq(news_of("abc", 3, 0), SF_SCTP_DATA);
	ck_assert_uint_eq(arrival.stream, 9);
	ck_assert_uint_eq(arrival.length, 3);
	ck_assert(!arrival.ends);
	ck_assert_int_eq(news_of("d", 1, MSG_EOR), SF_SCTP_DATA);
	ck_assert(arrival.ends);
	/* the rest of a message of which a part was delivered will not come */
	ck_assert_int_eq(news_of("ab", 2, 0), SF_SCTP_DATA);
	ck_assert_int_eq(
		news_of(&given_up, sizeof(given_up), MSG_NOTIFICATION | MSG_EOR), SF_SCTP_BROKEN);
	/* a notification in parts: what follows its head is no notification */
	ck_assert_int_eq(news_of(&failed, sizeof(failed), MSG_NOTIFICATION), SF_SCTP_ABANDONED);
	ck_assert_uint_eq(arrival.label, 77);
	ck_assert_int_eq(
		news_of(&change, sizeof(change), MSG_NOTIFICATION | MSG_EOR), SF_SCTP_OTHER);
	/* one that is cut */
	ck_assert_int_eq(news_of(&failed, 1, MSG_NOTIFICATION | MSG_EOR), SF_SCTP_OTHER);
	ck_assert_int_eq(news_of(&failed, 8, MSG_NOTIFICATION | MSG_EOR), SF_SCTP_OTHER);
	ck_assert_uint_eq(ops->window(sctp), 4321);
	ck_assert_uint_eq(ops->streams(sctp), 10);
	ops->close(sctp, true);
}
END_TEST

START_TEST(the_count_of_what_waits_stays_when_the_association_is_lost)
{
	const struct sf_sctp_ops *ops = begin();
	struct sctp_assoc_change change = { .sac_type = SCTP_ASSOC_CHANGE,
		.sac_state = SCTP_COMM_LOST };

	kernel.queued = 5000;
	ck_assert_uint_eq(ops->waiting(sctp), 5000);
	/* its buffer is empty before anybody tells */
	kernel.queued = 0;
	kernel.gone = true;
	ck_assert_uint_eq(ops->waiting(sctp), 5000);
	ck_assert_int_eq(news_of(&change, sizeof(change), MSG_NOTIFICATION | MSG_EOR), -ECONNRESET);
	ck_assert_int_eq(news_of("abc", 3, MSG_EOR), -ECONNRESET);
	ck_assert_int_eq(ops->send(sctp, bytes, 1, &(struct sf_sctp_sending){ 0 }), -ECONNRESET);
	ck_assert_uint_eq(ops->waiting(sctp), 5000);
	ck_assert_uint_eq(ops->window(sctp), UINT32_MAX);
	ck_assert_uint_eq(ops->streams(sctp), 1);
	ops->close(sctp, true);
}
END_TEST

START_TEST(an_end_in_order_leaves_nothing)
{
	const struct sf_sctp_ops *ops = begin();
	struct sctp_assoc_change change = { .sac_type = SCTP_ASSOC_CHANGE,
		.sac_state = SCTP_SHUTDOWN_COMP };

	kernel.queued = 5000;
	ck_assert_uint_eq(ops->waiting(sctp), 5000);
	ck_assert_int_eq(
		news_of(&change, sizeof(change), MSG_NOTIFICATION | MSG_EOR), SF_SCTP_CLOSED);
	ck_assert_uint_eq(ops->waiting(sctp), 0);
	ops->close(sctp, false);
}
END_TEST

CHECK_MAIN("sctp_kernel", events_are_asked_for, an_option_that_is_refused,
	what_is_sent_with_a_message, what_has_come,
	the_count_of_what_waits_stays_when_the_association_is_lost, an_end_in_order_leaves_nothing)
