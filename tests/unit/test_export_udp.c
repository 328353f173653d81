/* SPDX-License-Identifier: BSD-2-Clause */
/* What becomes of datagrams: errors of the call itself, and answers of ICMP to earlier ones. */
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "export_support.h"
#include "transport/transport.h"

/* ---------------------------------------------------------------- calls by script */

static const int *script; /* errors of the next calls in turn, 0: the call is made; NULL: no more */
static unsigned scripted, calls;

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	calls++;
	if (scripted) {
		int code = *script++;

		scripted--;
		if (code) {
			errno = code;
			return -1;
		}
	}
	return __real_sendmsg(fd, message, flags);
}

static struct sf_transport *transport;
static struct sf_batch batch;
static uint8_t bytes[SF_MESSAGES_MAX * 100];

static void open_transport(bool paced)
{
	struct sf_udp_options options = { .peer.host = "127.0.0.1", .paced = paced };
	struct sf_error error;
	char port[8];

	receiver = receiver_open(AF_INET);
	snprintf(port, sizeof(port), "%u", receiver.port);
	options.peer.port = port;
	ck_assert_int_eq(sf_udp_open(&transport, &options, &error), 0);
}

static void close_transport(void)
{
	transport->ops->free(transport);
	close(receiver.fd);
}

/* Sends `count` messages, the first calls by script; returns the number of calls. */
static unsigned send_scripted(unsigned count, const int *errors, unsigned error_count)
{
	batch = (struct sf_batch){ .bytes = bytes, .count = count };
	for (unsigned i = 0; i < count; i++)
		batch.messages[i].length = 100;
	script = errors;
	scripted = error_count;
	calls = 0;
	transport->ops->send(transport, &batch);
	ck_assert_uint_eq(scripted, 0);
	return calls;
}

#define SEND(count, ...)                                                                           \
	send_scripted(count, (const int[]){ __VA_ARGS__ },                                         \
		sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int))

static void check_fates(const enum sf_fate *fates)
{
	for (unsigned i = 0; i < batch.count; i++)
		ck_assert_msg(batch.messages[i].fate == fates[i], "message %u: %u, not %u", i,
			batch.messages[i].fate, fates[i]);
}

#define FATES(...) check_fates((const enum sf_fate[]){ __VA_ARGS__ })

static const int answers[] = { ECONNREFUSED, ENOPROTOOPT, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN,
	ENONET, EPROTO, EACCES, EMSGSIZE };

#define ANSWERS (sizeof(answers) / sizeof(answers[0]))

/*
 * Each error is returned once, by a call that sends nothing: it belongs to the datagrams of the
 * call before.
 */
START_TEST(answer_is_to_the_call_before)
{
	for (size_t i = 0; i < ANSWERS; i++) {
		open_transport(true);
		ck_assert_uint_eq(SEND(3, 0, answers[i], 0, 0), 4);
		FATES(SF_FATE_LOST_unreachable, SF_FATE_SENT, SF_FATE_SENT);
		ck_assert(!batch.earlier_refused);
		ck_assert_uint_eq(SEND(2, answers[i], 0, 0), 3);
		FATES(SF_FATE_SENT, SF_FATE_SENT);
		ck_assert(batch.earlier_refused);
		ck_assert_int_eq(transport->error, -answers[i]);
		/* twice: this one has not left either */
		ck_assert_uint_eq(SEND(2, answers[i], answers[i], 0), 3);
		FATES(SF_FATE_LOST_unreachable, SF_FATE_SENT);
		ck_assert(batch.earlier_refused);
		close_transport();
	}
}
END_TEST

/* The reasons of those that were not sent in the first place stay what they are. */
START_TEST(answer_is_not_to_what_was_never_sent)
{
	open_transport(true);
	SEND(5, 0, EPERM, ECONNREFUSED, ECONNREFUSED, EHOSTUNREACH, 0, 0);
	FATES(SF_FATE_LOST_unreachable, SF_FATE_LOST_send, SF_FATE_LOST_unreachable, SF_FATE_SENT,
		SF_FATE_SENT);
	ck_assert(!batch.earlier_refused);
	ck_assert_uint_eq(batch.last_call_from, 4);
	/* none of this batch was sent yet: the last call is one of those before */
	SEND(2, EPERM, EHOSTUNREACH, 0);
	FATES(SF_FATE_LOST_send, SF_FATE_SENT);
	ck_assert(batch.earlier_refused);
	close_transport();
}
END_TEST

/*
 * A smaller MTU that a router has reported says nothing about segmentation, unless it comes again.
 */
START_TEST(answer_does_not_end_segmentation)
{
	for (size_t i = 0; i < ANSWERS; i++) {
		open_transport(false);
		ck_assert_uint_eq(SEND(8, 0), 1);
		ck_assert_uint_eq(SEND(8, answers[i], 0), 2);
		ck_assert(batch.earlier_refused);
		FATES(SF_FATE_SENT, SF_FATE_SENT, SF_FATE_SENT, SF_FATE_SENT, SF_FATE_SENT,
			SF_FATE_SENT, SF_FATE_SENT, SF_FATE_SENT);
		ck_assert_uint_eq(SEND(8, 0), 1);
		close_transport();
	}
	open_transport(false);
	ck_assert_uint_eq(SEND(8, 0), 1);
	ck_assert_uint_eq(SEND(8, EMSGSIZE, EMSGSIZE), 2 + 8);
	ck_assert_uint_eq(SEND(8, 0), 8);
	close_transport();
}
END_TEST

/* ---------------------------------------------------------------- a network of our own */

/* Check runs each test in a process of its own. False: no right to that. */
static bool alone(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		return false;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &request), 0);
	close(fd);
	return true;
}

/* The kernel refuses segments that do not fit: that is nobody's answer, and all arrives. */
START_TEST(smaller_mtu_takes_nothing_back)
{
	uint8_t datagram[200];
	unsigned received = 0;

	if (!alone() || system("ip link show lo >/dev/null") != 0)
		return;
	open_transport(false);
	ck_assert_uint_eq(send_scripted(8, NULL, 0), 1);
	ck_assert_int_eq(system("ip link set lo mtu 100"), 0);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_uint_eq(send_scripted(8, NULL, 0), 8);
		FATES(SF_FATE_SENT, SF_FATE_SENT, SF_FATE_SENT, SF_FATE_SENT, SF_FATE_SENT,
			SF_FATE_SENT, SF_FATE_SENT, SF_FATE_SENT);
		ck_assert(!batch.earlier_refused);
	}
	while (recv(receiver.fd, datagram, sizeof(datagram), MSG_DONTWAIT) == 100)
		received++;
	ck_assert_uint_eq(received, 24);
	/* and with room again one call does */
	ck_assert_int_eq(system("ip link set lo mtu 1500"), 0);
	ck_assert_uint_eq(send_scripted(8, NULL, 0), 1);
	close_transport();
}
END_TEST

static uint16_t checksum(const void *data, size_t length)
{
	const uint16_t *words = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < length / 2; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* What a router or a firewall would answer to a datagram of the exporter. */
static void send_icmp(const struct sf_exporter *exporter, uint8_t code)
{
	struct sockaddr_in local, peer,
		to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	unsigned size = sizeof(local), peer_size = sizeof(peer);
	struct {
		struct icmphdr icmp;
		struct iphdr ip;
		struct udphdr udp;
	} packet = { .icmp = { .type = ICMP_DEST_UNREACH, .code = code },
		.ip = { .version = 4, .ihl = 5, .protocol = IPPROTO_UDP, .ttl = 64 } };
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

	ck_assert_int_ge(fd, 0);
	ck_assert(sf_exporter_local_address(exporter, 0, (struct sockaddr *)&local, &size,
		(struct sockaddr *)&peer, &peer_size));
	if (code == ICMP_FRAG_NEEDED)
		packet.icmp.un.frag.mtu = htons(1280);
	packet.ip.tot_len = htons(sizeof(packet.ip) + sizeof(packet.udp) + 1000);
	packet.ip.saddr = local.sin_addr.s_addr;
	packet.ip.daddr = peer.sin_addr.s_addr;
	packet.ip.check = checksum(&packet.ip, sizeof(packet.ip));
	packet.udp.source = local.sin_port;
	packet.udp.dest = peer.sin_port;
	packet.udp.len = htons(sizeof(packet.udp) + 1000);
	packet.icmp.checksum = checksum(&packet, sizeof(packet));
	ck_assert_int_eq(sendto(fd, &packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to)),
		sizeof(packet));
	close(fd);
}

static void put_and_send(struct sf_exporter *exporter, unsigned second)
{
	struct sf_flow flow = flow_ipv4(second);

	put(exporter, &flow);
	sf_exporter_tick(exporter, T0 + second * S, T0);
}

/*
 * Each kind of error that the kernel reports to a connected socket, between two messages and at the
 * end.
 */
START_TEST(icmp_takes_back_what_was_sent)
{
	static const uint8_t codes[] = { ICMP_PROT_UNREACH, ICMP_PORT_UNREACH, ICMP_FRAG_NEEDED,
		ICMP_NET_UNKNOWN, ICMP_HOST_UNKNOWN, ICMP_HOST_ISOLATED, ICMP_NET_ANO,
		ICMP_HOST_ANO, ICMP_PKT_FILTERED, ICMP_PREC_VIOLATION, ICMP_PREC_CUTOFF };

	if (!alone())
		return;
	for (size_t i = 0; i < sizeof(codes); i++) {
		struct sf_exporter *exporter = start(LIVE, NETFLOW5, "");
		struct sf_destination_stats stats;

		put_and_send(exporter, 10);
		send_icmp(exporter, codes[i]);
		put_and_send(exporter, 20);
		put_and_send(exporter, 30);
		send_icmp(exporter, codes[i]);
		sf_exporter_finish(exporter);
		stats = stats_of(exporter, 0);
		ck_assert(sf_destination_balanced(&stats));
		ck_assert_uint_eq(stats.offered.records, 3);
		ck_assert_msg(stats.lost_unreachable.records == 2, "code %u: %lu", codes[i],
			(unsigned long)stats.lost_unreachable.records);
		ck_assert_uint_eq(stats.sent.records, 1);
		ck_assert_str_ne(stats.failure, "");
		sf_exporter_free(exporter);
		end();
	}
}
END_TEST

static void rule(int family, const char *what)
{
	char command[64];

	snprintf(command, sizeof(command), "ip %s rule %s", family == AF_INET6 ? "-6" : "-4", what);
	ck_assert_int_eq(system(command), 0);
}

static void lose_route_between(int family, const char *kind)
{
	struct sf_destination_stats stats;
	struct sf_exporter *exporter;

	receiver = receiver_open(family);
	reader = reader_new();
	exporter = exporter_to(
		&receiver, LIVE, family == AF_INET6 ? "netflow5://[::1]" : NETFLOW5, "");
	put_and_send(exporter, 10);
	rule(family, kind);
	put_and_send(exporter, 20);
	put_and_send(exporter, 30);
	rule(family, "del pref 5");
	put_and_send(exporter, 40);
	sf_exporter_finish(exporter);
	receive(reader, &receiver);
	stats = stats_of(exporter, 0);
	ck_assert(sf_destination_balanced(&stats));
	ck_assert_uint_eq(flow_count(reader), 2);
	ck_assert_msg(stats.sent.records == 2 && stats.lost_send.records == 2,
		"%s: %u sent, %u not", kind, (unsigned)stats.sent.records,
		(unsigned)stats.lost_send.records);
	sf_exporter_free(exporter);
	end();
}

/* The errors are the same as of a firewall, but what was sent before has arrived. */
START_TEST(missing_route_takes_nothing_back)
{
	static const int families[] = { AF_INET, AF_INET6 };

	if (!alone() || system("ip rule >/dev/null") != 0)
		return;
	for (unsigned i = 0; i < 2; i++) {
		/* there is room for a rule before that of the local table */
		rule(families[i], "add pref 10 table local");
		rule(families[i], "del pref 0");
		lose_route_between(families[i], "add pref 5 unreachable");
		lose_route_between(families[i], "add pref 5 prohibit");
		lose_route_between(families[i], "add pref 5 blackhole");
	}
}
END_TEST

CHECK_MAIN("export_udp", answer_is_to_the_call_before, answer_is_not_to_what_was_never_sent,
	answer_does_not_end_segmentation, smaller_mtu_takes_nothing_back,
	icmp_takes_back_what_was_sent, missing_route_takes_nothing_back)
