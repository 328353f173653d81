/* SPDX-License-Identifier: BSD-2-Clause */
/* SCTP over UDP when libusrsctp refuses something: the error is told, and nothing stays. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <usrsctp.h>

#include "check_main.h"
#include "sctp/sctp.h"

extern const struct sf_sctp_ops sf_sctp_usrsctp;

/* libusrsctp of this test */
static struct {
	int refuses_option; /* with EPERM; 0: none */
	int bind_error, listen_error;
	unsigned closed; /* sockets */
} library;

/* clang-format off */
int __real_usrsctp_setsockopt(struct socket *so, int level, int name, const void *value, socklen_t size);
int __wrap_usrsctp_setsockopt(struct socket *so, int level, int name, const void *value, socklen_t size);
int __real_usrsctp_bind(struct socket *so, struct sockaddr *name, socklen_t size);
int __wrap_usrsctp_bind(struct socket *so, struct sockaddr *name, socklen_t size);
int __real_usrsctp_listen(struct socket *so, int backlog);
int __wrap_usrsctp_listen(struct socket *so, int backlog);
void __real_usrsctp_close(struct socket *so);
void __wrap_usrsctp_close(struct socket *so);
/* clang-format on */

int __wrap_usrsctp_setsockopt(
	struct socket *so, int level, int name, const void *value, socklen_t size)
{
	if (level == IPPROTO_SCTP && name == library.refuses_option) {
		errno = EPERM;
		return -1;
	}
	return __real_usrsctp_setsockopt(so, level, name, value, size);
}

int __wrap_usrsctp_bind(struct socket *so, struct sockaddr *name, socklen_t size)
{
	errno = library.bind_error;
	return errno ? -1 : __real_usrsctp_bind(so, name, size);
}

int __wrap_usrsctp_listen(struct socket *so, int backlog)
{
	errno = library.listen_error;
	return errno ? -1 : __real_usrsctp_listen(so, backlog);
}

void __wrap_usrsctp_close(struct socket *so)
{
	library.closed++;
	/* what is told is told before */
	errno = EBADF;
	__real_usrsctp_close(so);
}

START_TEST(a_listener_that_cannot_begin)
{
	const struct sf_sctp_ops *ops = &sf_sctp_usrsctp;
	struct sf_sctp_listener *listener = NULL, *same;

	library.refuses_option = SCTP_INITMSG;
	ck_assert_int_eq(ops->listen(&listener, 4739), -EPERM);
	library.refuses_option = 0;
	library.bind_error = EADDRINUSE;
	ck_assert_int_eq(ops->listen(&listener, 4739), -EADDRINUSE);
	library.bind_error = 0;
	library.listen_error = EOPNOTSUPP;
	ck_assert_int_eq(ops->listen(&listener, 4739), -EOPNOTSUPP);
	library.listen_error = 0;
	ck_assert_ptr_null(listener);
	ck_assert_uint_eq(library.closed, 3);
	ck_assert_int_eq(ops->listen(&listener, 4739), 0);
	ck_assert_int_eq(ops->listen(&same, 4739), 0);
	ck_assert_ptr_eq(same, listener);
	ops->unlisten(listener);
	ck_assert_uint_eq(library.closed, 3);
	ops->unlisten(listener);
	ck_assert_uint_eq(library.closed, 4);
}
END_TEST

static ssize_t send_nothing(void *context, const uint8_t *bytes, size_t length)
{
	(void)context, (void)bytes;
	return (ssize_t)length;
}

START_TEST(an_association_that_cannot_begin)
{
	const struct sf_sctp_ops *ops = &sf_sctp_usrsctp;
	struct sf_sctp_start start = { .wire = { send_nothing, NULL }, .port = 4739, .mtu = 511 };
	struct sf_sctp *sctp = NULL;

	ck_assert_int_eq(ops->connect(&sctp, &start), -EINVAL);
	start.mtu = 1400;
	library.refuses_option = SCTP_EVENT;
	ck_assert_int_eq(ops->connect(&sctp, &start), -EPERM);
	library.refuses_option = 0;
	library.bind_error = EADDRNOTAVAIL;
	ck_assert_int_eq(ops->connect(&sctp, &start), -EADDRNOTAVAIL);
	library.bind_error = 0;
	ck_assert_uint_eq(library.closed, 3);
	/* the order in which messages leave is a wish */
	library.refuses_option = SCTP_PLUGGABLE_SS;
	ck_assert_int_eq(ops->connect(&sctp, &start), 0);
	ops->close(sctp, true);
}
END_TEST

CHECK_MAIN("usrsctp", a_listener_that_cannot_begin, an_association_that_cannot_begin)
