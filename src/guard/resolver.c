/* SPDX-License-Identifier: BSD-2-Clause */
#include "guard/resolver.h"

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guard/sandbox.h"

/* The message from the process. A request is a uint32_t index. */
struct answer {
	uint32_t index;
	struct sf_addresses addresses;
};

/* ---------------------------------------------------------------- the process */

static void look_up(const struct sf_resolver_name *name, struct sf_addresses *found)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *list;
	int code = getaddrinfo(name->host, name->port, &hints, &list);

	memset(found, 0, sizeof(*found));
	if (code != 0) {
		snprintf(found->trouble, sizeof(found->trouble), "%s", gai_strerror(code));
		return;
	}
	for (struct addrinfo *at = list; at && found->count < SF_ADDRESSES_MAX; at = at->ai_next)
		if (at->ai_addrlen <= sizeof(found->addresses[0])) {
			memcpy(&found->addresses[found->count], at->ai_addr, at->ai_addrlen);
			found->sizes[found->count++] = at->ai_addrlen;
		}
	freeaddrinfo(list);
}

/* Keeps the channel as descriptor 3 and closes all others above 2. */
static int close_others(int channel)
{
	if (channel != 3)
		channel = dup2(channel, 3);
	close_range(4, ~0U, 0);
	return channel;
}

static void serve(const struct sf_resolver_name *names, unsigned count, int channel)
{
	uint32_t index;
	ssize_t n;

	while ((n = recv(channel, &index, sizeof(index), 0)) > 0 || (n < 0 && errno == EINTR)) {
		struct answer answer = { .index = index };

		if (n != sizeof(index) || index >= count)
			continue;
		look_up(&names[index], &answer.addresses);
		send(channel, &answer, sizeof(answer), MSG_NOSIGNAL);
	}
}

static void run(const struct sf_resolver_name *names, unsigned count, bool switch_user, uid_t uid,
	gid_t gid, int channel, pid_t parent)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1,
		SIGUSR2 };

	for (unsigned i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	prctl(PR_SET_NAME, "spanflow-lookup", 0, 0, 0);
	channel = close_others(channel);
	if (switch_user && (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
				   setresuid(uid, uid, uid) < 0))
		_exit(1);
	/*
	 * ends a look-up that still waits for an answer; after the change of user, which resets it
	 */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	sf_landlock_restrict((const char *const[]){ "/" }, 1, NULL, 0);
	if (getppid() == parent)
		serve(names, count, channel);
	_exit(0);
}

/* ---------------------------------------------------------------- the metering process */

static void ask(void *context, unsigned index)
{
	struct sf_resolver *resolver = context;
	uint32_t request = index;

	if (index >= SF_RESOLVER_NAMES)
		return;
	resolver->answered[index] = false;
	send(resolver->channel, &request, sizeof(request), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool answer(void *context, unsigned index, struct sf_addresses *addresses)
{
	struct sf_resolver *resolver = context;
	struct answer message;

	while (recv(resolver->channel, &message, sizeof(message), MSG_DONTWAIT) ==
		(ssize_t)sizeof(message)) {
		if (message.index >= SF_RESOLVER_NAMES ||
			message.addresses.count > SF_ADDRESSES_MAX)
			continue;
		message.addresses.trouble[sizeof(message.addresses.trouble) - 1] = '\0';
		resolver->answers[message.index] = message.addresses;
		resolver->answered[message.index] = true;
	}
	if (index >= SF_RESOLVER_NAMES || !resolver->answered[index])
		return false;
	*addresses = resolver->answers[index];
	return true;
}

int sf_resolver_start(struct sf_resolver *resolver, const struct sf_resolver_name *names,
	unsigned count, bool switch_user, uid_t uid, gid_t gid, struct sf_error *error)
{
	pid_t parent = getpid();
	int ends[2];

	memset(resolver, 0, sizeof(*resolver));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return sf_error_set(error, -errno, "socketpair: %s", sf_strerror(-errno));
	resolver->pid = fork();
	if (resolver->pid == 0)
		run(names, count < SF_RESOLVER_NAMES ? count : SF_RESOLVER_NAMES, switch_user, uid,
			gid, ends[1], parent);
	close(ends[1]);
	if (resolver->pid < 0) {
		int code = -errno;

		close(ends[0]);
		resolver->pid = 0;
		return sf_error_set(error, code, "cannot start the process that looks up names: %s",
			sf_strerror(code));
	}
	resolver->channel = ends[0];
	resolver->lookup = (struct sf_lookup){ ask, answer, resolver };
	return 0;
}
