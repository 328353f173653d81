/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opens and closes an interface: its XDP program, then a socket for each receive queue. What a
 * kernel or a card's driver can do is found out by trying: the best mode first. The capture's lock
 * is held when anything is changed that statistics read.
 */
#include <errno.h>
#include <linux/if_xdp.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "af_xdp/xdp.h"
#include "base/rights.h"

#define CHUNK       2048
#define UNLOCK_US   50000
#define RELEASE_US  1000000
#define MEMORY_MIN  (256U << 10)
#define CHUNK_LARGE 4096 /* the largest chunk that AF_XDP allows */

void sf_xdp_port_statistics(struct xdp_statistics *sum, const struct sf_xdp_socket *socket)
{
	struct xdp_statistics now = { 0 };
	socklen_t size = sizeof(now);

	if (!socket->xsk ||
		getsockopt(xsk_socket__fd(socket->xsk), SOL_XDP, XDP_STATISTICS, &now, &size) < 0)
		return;
	sum->rx_dropped += now.rx_dropped;
	sum->rx_invalid_descs += now.rx_invalid_descs;
	sum->rx_ring_full += now.rx_ring_full;
	sum->rx_fill_ring_empty_descs += now.rx_fill_ring_empty_descs;
}

void sf_xdp_port_close_socket(
	struct sf_xdp_capture *capture, struct sf_xdp_port *port, unsigned number)
{
	pthread_mutex_lock(&capture->lock);
	sf_xdp_port_statistics(&port->past, &port->sockets[number]);
	sf_xdp_socket_close(&port->sockets[number]);
	pthread_mutex_unlock(&capture->lock);
}

void sf_xdp_port_close_program(struct sf_xdp_capture *capture, struct sf_xdp_port *port)
{
	pthread_mutex_lock(&capture->lock);
	sf_xdp_program_counters(&port->program, &port->passed, &port->unserved);
	sf_xdp_program_close(&port->program);
	pthread_mutex_unlock(&capture->lock);
}

void sf_xdp_port_close(struct sf_xdp_capture *capture, struct sf_xdp_port *port)
{
	for (unsigned i = 0; port->sockets && i < port->socket_count; i++)
		sf_xdp_port_close_socket(capture, port, i);
	sf_xdp_port_close_program(capture, port);
}

static int socket_error(
	const struct sf_xdp_port *port, unsigned queue, int code, struct sf_error *error)
{
	const char *name = port->interface.name;
	char cure[256];

	switch (code) {
	case -EBUSY:
		return sf_error_set(error, code,
			"%s: receive queue %u is taken by another AF_XDP socket: stop the program "
			"that holds it (ss --xdp -p, or bpftool link show)",
			name, queue);
	case -EPERM:
		sf_rights_explain(cure, sizeof(cure), SF_RIGHTS_XDP);
		return sf_error_set(error, code, "%s: AF_XDP %s", name, cure);
	case -EMFILE:
		return sf_error_set(error, code,
			"%s: AF_XDP socket on receive queue %u: %s: raise the limit "
			"(ulimit -n 1024)",
			name, queue, sf_strerror(code));
	case -ENOBUFS:
		return sf_error_set(error, code,
			"%s: not enough lockable memory for the packets of receive queue %u: raise "
			"it with ulimit -l unlimited, or choose a smaller ring",
			name, queue);
	default:
		return sf_error_set(error, code, "%s: AF_XDP socket on receive queue %u: %s", name,
			queue, sf_strerror(code));
	}
}

/*
 * Opens a socket. The kernel frees a receive queue some time after its last socket was closed (by
 * the mode that was tried before, or by another meter), so a queue that is in use is tried again.
 */
static int open_socket(struct sf_xdp_port *port, unsigned number, struct xsk_socket **xsk)
{
	int result;

	for (unsigned waited = 0;; waited += UNLOCK_US) {
		result = sf_xdp_socket_open(&port->sockets[number], &port->base.netdev, number,
			port->mode, port->fragments, port->memory_bytes, port->chunk, xsk);
		if (result != -EBUSY || waited >= RELEASE_US)
			return result;
		/* the kernel needs this long to unlock the memory of this attempt */
		usleep(UNLOCK_US);
	}
}

/* Opens the program and all sockets in one mode. After a failure nothing is open. */
static int open_mode(struct sf_xdp_capture *capture, struct sf_xdp_port *port,
	const struct sf_helper *helper, enum sf_xdp_mode mode, bool fragments,
	struct sf_error *error)
{
	const struct sf_netdev *netdev = &port->base.netdev;
	struct sf_xdp_program program;
	unsigned count = port->open_count;
	int result =
		helper ? sf_xdp_program_ask(&program, helper, netdev, mode, fragments, count, error)
		       : sf_xdp_program_open(&program, netdev, mode, fragments, count, error);

	/* the answer of a helper is a number without words */
	if (helper && result == -EBUSY)
		return sf_error_set(error, result,
			"%s: it has an XDP program: stop what holds it (bpftool link show) or "
			"remove it with: ip link set dev %s xdp off",
			port->interface.name, port->interface.name);
	if (result < 0)
		return result == -EPERM ? socket_error(port, 0, result, error) : result;
	pthread_mutex_lock(&capture->lock);
	port->program = program;
	pthread_mutex_unlock(&capture->lock);
	port->mode = mode;
	port->fragments = fragments;
	for (unsigned i = 0; i < count && result == 0; i++) {
		struct xsk_socket *xsk = NULL;

		result = open_socket(port, i, &xsk);
		if (result < 0) {
			socket_error(port, i, result, error);
			break;
		}
		pthread_mutex_lock(&capture->lock);
		port->sockets[i].xsk = xsk;
		pthread_mutex_unlock(&capture->lock);
		result = sf_xdp_program_add(&port->program, i, xsk_socket__fd(xsk));
		if (result < 0)
			socket_error(port, i, result, error);
	}
	if (result < 0)
		sf_xdp_port_close(capture, port);
	return result;
}

/*
 * Tries the modes, best first. Copy modes always allow frames in several buffers, which cost
 * nothing there. `needed`: modes that do not allow them are left out.
 */
static int open_best(struct sf_xdp_capture *capture, struct sf_xdp_port *port,
	const struct sf_helper *helper, bool needed, struct sf_error *error)
{
	const struct {
		enum sf_xdp_mode mode;
		bool fragments;
	} attempts[] = {
		{ SF_XDP_NATIVE_ZEROCOPY, needed },
		{ SF_XDP_NATIVE_COPY, true },
		{ SF_XDP_NATIVE_COPY, false },
		{ SF_XDP_GENERIC, true },
		{ SF_XDP_GENERIC, false },
	};
	int result = 0;

	for (unsigned i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		if (needed && !attempts[i].fragments)
			continue;
		result = open_mode(
			capture, port, helper, attempts[i].mode, attempts[i].fragments, error);
		if (result == 0 || result == -EPERM || result == -EBUSY || result == -ENOMEM ||
			result == -EMFILE || result == -ENOBUFS)
			break;
	}
	return result;
}

int sf_xdp_port_learn(
	struct sf_xdp_capture *capture, struct sf_xdp_port *port, struct sf_error *error)
{
	unsigned count = sf_ethtool_queues(&port->base.netdev);
	struct sf_xdp_socket *sockets;

	if (port->base.netdev.hardware != ARPHRD_ETHER)
		return sf_error_set(error, SF_EUNSUPPORTED,
			"%s is not an Ethernet interface: use the pcap driver",
			port->interface.name);
	sockets = calloc(count, sizeof(*sockets));
	if (!sockets)
		return sf_error_set(error, -ENOMEM, "%s", sf_strerror(-ENOMEM));
	pthread_mutex_lock(&capture->lock);
	free(port->sockets);
	port->sockets = sockets;
	port->socket_count = count;
	pthread_mutex_unlock(&capture->lock);
	return 0;
}

/*
 * Distributes the sockets over the queues. An interface that came back may have fewer receive
 * queues than before; if it has more, these have no socket. No other thread uses the queues: they
 * have not started, or are parked. 0 or -ENOMEM.
 */
static int deal(struct sf_xdp_port *port)
{
	unsigned now = sf_ethtool_queues(&port->base.netdev), step = port->base.queues;

	port->open_count = now < port->socket_count ? now : port->socket_count;
	for (unsigned i = 0; i < step; i++) {
		struct sf_xdp_queue *queue = &port->queues[i];

		queue->next = 0;
		queue->step = step;
		queue->sockets = &port->sockets[i < port->socket_count ? i : 0];
		queue->socket_count =
			i < port->open_count ? (port->open_count - i + step - 1) / step : 0;
		free(queue->polls);
		queue->polls = calloc(queue->socket_count + 1, sizeof(*queue->polls));
		if (!queue->polls)
			return -ENOMEM;
	}
	return 0;
}

int sf_xdp_port_open(struct sf_xdp_capture *capture, struct sf_xdp_port *port,
	const struct sf_helper *helper, struct sf_error *error)
{
	uint32_t longest = sf_netdev_frame_max(&port->base.netdev);
	bool needed = longest > sf_xdp_socket_frame_max(CHUNK_LARGE);
	int result;

	if (deal(port) < 0)
		return sf_error_set(error, -ENOMEM, "%s", sf_strerror(-ENOMEM));
	port->chunk = longest <= sf_xdp_socket_frame_max(CHUNK) ? CHUNK : CHUNK_LARGE;
	result = open_best(capture, port, helper, needed, error);
	/*
	 * a user without privileges may lock only little memory: less memory is better than no
	 * packets
	 */
	while (result == -ENOBUFS && helper && port->memory_bytes / 2 >= MEMORY_MIN) {
		port->memory_bytes /= 2;
		/* the kernel unlocks the memory of closed sockets a little later */
		usleep(UNLOCK_US);
		result = open_best(capture, port, helper, needed, error);
	}
	if (result < 0 && needed && result != -EPERM && result != -EBUSY)
		sf_error_set(error, result,
			"%s: frames of MTU %u need several buffers, which its driver or the kernel "
			"does not offer; at most: ip link set dev %s mtu %u",
			port->interface.name, port->base.netdev.mtu, port->interface.name,
			sf_xdp_socket_frame_max(CHUNK_LARGE) - (longest - port->base.netdev.mtu));
	if (result == 0 && capture->promiscuous) {
		result = sf_netdev_promiscuous(&port->base.netdev, error);
		if (result < 0)
			sf_xdp_port_close(capture, port);
	}
	for (unsigned i = 0; i < port->base.queues; i++)
		port->queues[i].frame_max = longest;
	return result;
}

int sf_xdp_probe(struct sf_error *error)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	char cure[256];

	if (fd < 0 && errno == EAFNOSUPPORT)
		return sf_error_set(error, -EAFNOSUPPORT,
			"this kernel has no AF_XDP sockets (CONFIG_XDP_SOCKETS)");
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_XDP, NULL) == 1)
		return 0;
	sf_rights_explain(cure, sizeof(cure), SF_RIGHTS_XDP);
	return sf_error_set(error, -EPERM, "AF_XDP %s", cure);
}

int sf_xdp_check_options(const struct sf_capture_options *options, struct sf_error *error)
{
	if (options->direction == SF_DIRECTION_OUT || options->direction == SF_DIRECTION_BOTH)
		return sf_error_set(error, SF_EUSAGE,
			"xdp sees incoming frames only: use the pcap driver for direction %s",
			options->direction == SF_DIRECTION_OUT ? "out" : "both");
	if (options->ring_bytes &&
		(options->ring_bytes < 1 << 20 || options->ring_bytes > 1U << 30))
		return sf_error_set(error, SF_EUSAGE,
			"--ring-size: %u bytes is out of range: 1 MiB to 1 GiB",
			options->ring_bytes);
	if (options->driver_options && options->driver_options[0])
		return sf_error_set(error, SF_EUSAGE, "the xdp driver has no options of its own");
	return 0;
}
