/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TPACKET_V3 ring that libpcap makes, and socket options that libpcap does not set. Filters are
 * set here and not with pcap_setfilter(), which raises the snap length of every program, so that
 * the kernel would copy whole frames into the ring.
 *
 * A ring receives packets as soon as it is bound, before a filter or a fanout group can be set. So
 * each ring first gets a filter that refuses everything. The kernel has counted the packets that
 * came in before; they are taken out of the ring, and then the final filter is set. So no packet
 * gets into two rings, whatever arrives while they start.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rights.h"
#include "base/steer_bpf.h"
#include "pcap/rings.h"

#define NS_PER_MS 1000000

static int attach(pcap_t *handle, const struct sock_fprog *program)
{
	return setsockopt(pcap_fileno(handle), SOL_SOCKET, SO_ATTACH_FILTER, program,
		       sizeof(*program)) == 0
		       ? 0
		       : -errno;
}

static int refuse_all(pcap_t *handle)
{
	struct sock_filter refuse = BPF_STMT(BPF_RET | BPF_K, 0);

	return attach(handle, &(struct sock_fprog){ .len = 1, .filter = &refuse });
}

/* Sets the final filter. 0, -errno, or 1 if the kernel has no room for the filter expression. */
static int attach_final(pcap_t *handle, const struct sf_pcap_settings *settings)
{
	struct sock_filter cut = BPF_STMT(BPF_RET | BPF_K, settings->snaplen);
	int result = attach(handle, &settings->program);

	/* ENOMEM: net.core.optmem_max */
	if (!settings->filtered || (result != -EINVAL && result != -ENOMEM && result != -E2BIG))
		return result;
	result = attach(handle, &(struct sock_fprog){ .len = 1, .filter = &cut });
	return result < 0 ? result : 1;
}

static void choose_timestamps(pcap_t *handle, bool hardware)
{
	int *types, count;

	pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO);
	if (!hardware)
		return;
	count = pcap_list_tstamp_types(handle, &types);
	for (int i = 0; i < count; i++) {
		if (types[i] == PCAP_TSTAMP_ADAPTER || types[i] == PCAP_TSTAMP_ADAPTER_UNSYNCED)
			pcap_set_tstamp_type(handle, types[i]);
	}
	if (count > 0)
		pcap_free_tstamp_types(types);
}

/* Describes a failure of pcap_activate() in words. Returns its error code. */
static int activate_error(pcap_t *handle, int status, const char *name, struct sf_error *error)
{
	char cure[256];

	switch (status) {
	case PCAP_ERROR_PERM_DENIED:
	case PCAP_ERROR_PROMISC_PERM_DENIED:
		sf_rights_explain(cure, sizeof(cure), SF_RIGHTS_PACKETS);
		return sf_error_set(error, -EPERM, "%s: no permission to capture: %s", name, cure);
	case PCAP_ERROR_NO_SUCH_DEVICE:
		return sf_error_set(error, -ENODEV, "%s: no such interface", name);
	case PCAP_ERROR_IFACE_NOT_UP:
		return sf_error_set(error, -ENETDOWN,
			"%s is down; switch it on with: ip link set %s up", name, name);
	default:
		return sf_error_set(error, -EIO, "%s: %s: %s", name, pcap_statustostr(status),
			pcap_geterr(handle));
	}
}

int sf_pcap_socket_open(pcap_t **handle, const char *name, const struct sf_pcap_settings *settings,
	struct sf_error *error)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_create(name, text);
	int ignore = settings->direction == SF_DIRECTION_IN, status, result;

	if (!p)
		return sf_error_set(error, -ENOMEM, "%s: %s", name, text);
	pcap_set_snaplen(p, (int)settings->snaplen);
	pcap_set_promisc(p, settings->promiscuous);
	pcap_set_timeout(p, settings->block_ms);
	pcap_set_buffer_size(p, (int)settings->ring_bytes);
	pcap_set_immediate_mode(p, settings->immediate);
	choose_timestamps(p, settings->hardware_time);
	status = pcap_activate(p);
	if (status < 0) {
		result = activate_error(p, status, name, error);
		pcap_close(p);
		return result;
	}
	result = refuse_all(p);
	if (result == 0 && pcap_setnonblock(p, 1, text) < 0)
		result = -EIO;
	if (result < 0) {
		sf_error_set(
			error, result, "%s: setting up the socket: %s", name, sf_strerror(result));
		pcap_close(p);
		return result;
	}
	/* Linux 4.20; with an older kernel libpcap leaves these frames out itself */
	setsockopt(pcap_fileno(p), SOL_PACKET, PACKET_IGNORE_OUTGOING, &ignore, sizeof(ignore));
	*handle = p;
	return 0;
}

int sf_pcap_socket_join(
	pcap_t *handle, int *group, const uint32_t *steer_key, struct sf_error *error)
{
	struct sock_filter steer[SF_STEER_BPF_MAX];
	struct sock_fprog program = { .filter = steer };
	int fd = pcap_fileno(handle);
	bool joining = *group >= 0;
	int value = PACKET_FANOUT_CBPF << 16;
	socklen_t size = sizeof(value);

	value |= joining ? *group : PACKET_FANOUT_FLAG_UNIQUEID << 16;
	if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, sizeof(value)) < 0)
		goto fail;
	if (joining)
		return 0;
	program.len = (unsigned short)sf_steer_bpf_packets(steer, steer_key);
	if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &program, sizeof(program)) < 0)
		goto fail;
	if (getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, &size) < 0)
		goto fail;
	*group = value & 0xffff;
	return 0;
fail:
	return sf_error_set(error, -errno, "sharing the interface among queues: PACKET_FANOUT: %s",
		sf_strerror(-errno));
}

static void count_one(u_char *count, const struct pcap_pkthdr *header, const u_char *bytes)
{
	(void)header;
	(void)bytes;
	++*(uint64_t *)(void *)count;
}

/*
 * Takes `expected` packets out of the ring, or gives up at a time when the kernel must have closed
 * the last block.
 */
static void drain(pcap_t *handle, uint64_t expected, int block_ms)
{
	int64_t deadline =
		sf_clock_read(CLOCK_MONOTONIC) + (3 * block_ms + 20) * (int64_t)NS_PER_MS;
	struct pollfd poll_fd = { .fd = pcap_fileno(handle), .events = POLLIN };
	uint64_t seen = 0;

	while (seen < expected && sf_clock_read(CLOCK_MONOTONIC) < deadline) {
		if (pcap_dispatch(handle, -1, count_one, (u_char *)&seen) < 0)
			return;
		if (seen < expected)
			poll(&poll_fd, 1, block_ms);
	}
}

int sf_pcap_socket_start(
	pcap_t *handle, const struct sf_pcap_settings *settings, struct sf_error *error)
{
	struct tpacket_stats_v3 stats = { 0 };
	socklen_t size = sizeof(stats);
	int result;

	/* returns when no other processor runs the old filter any more */
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	if (getsockopt(pcap_fileno(handle), SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0)
		drain(handle, stats.tp_packets - stats.tp_drops, settings->block_ms);
	if (settings->direction == SF_DIRECTION_IN)
		pcap_setdirection(handle, PCAP_D_IN);
	else if (settings->direction == SF_DIRECTION_OUT)
		pcap_setdirection(handle, PCAP_D_OUT);
	result = attach_final(handle, settings);
	if (result < 0)
		sf_error_set(error, result, "attaching the filter: %s", sf_strerror(result));
	return result;
}

int sf_pcap_socket_rebind(pcap_t *handle, const struct sf_netdev *netdev, bool promiscuous)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htobe16(ETH_P_ALL),
		.sll_ifindex = (int)netdev->index,
	};
	struct packet_mreq membership = {
		.mr_ifindex = (int)netdev->index,
		.mr_type = PACKET_MR_PROMISC,
	};
	int fd = pcap_fileno(handle);

	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if (promiscuous && setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership,
				   sizeof(membership)) < 0)
		return -errno;
	return 0;
}

int sf_pcap_program(
	struct sf_pcap_settings *settings, const char *expression, struct sf_error *error)
{
	const struct sock_filter prefix[] = {
		BPF_STMT(
			BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, settings->snaplen),
	};
	const unsigned prefix_length = sizeof(prefix) / sizeof(prefix[0]);
	struct bpf_program compiled = { 0 };
	struct sock_filter *program;
	unsigned length = 1;
	pcap_t *dead;

	if (expression) {
		dead = pcap_open_dead(DLT_EN10MB, (int)settings->snaplen);
		if (!dead)
			return sf_error_set(error, -ENOMEM, "%s", sf_strerror(-ENOMEM));
		if (pcap_compile(dead, &compiled, expression, 1, PCAP_NETMASK_UNKNOWN) < 0) {
			sf_error_set(
				error, SF_EUSAGE, "filter '%s': %s", expression, pcap_geterr(dead));
			pcap_close(dead);
			return SF_EUSAGE;
		}
		pcap_close(dead);
	}
	settings->filtered = expression && compiled.bf_len <= BPF_MAXINSNS - prefix_length;
	if (settings->filtered)
		length = prefix_length + compiled.bf_len;
	program = calloc(length, sizeof(*program));
	if (!program) {
		pcap_freecode(&compiled);
		return sf_error_set(error, -ENOMEM, "%s", sf_strerror(-ENOMEM));
	}
	if (settings->filtered)
		memcpy(program, prefix, sizeof(prefix));
	else
		program[0] = prefix[2];
	for (unsigned i = 0; i + prefix_length < length; i++)
		program[prefix_length + i] = (struct sock_filter){ compiled.bf_insns[i].code,
			compiled.bf_insns[i].jt, compiled.bf_insns[i].jf, compiled.bf_insns[i].k };
	pcap_freecode(&compiled);
	settings->program.filter = program;
	settings->program.len = (unsigned short)length;
	return 0;
}

uint16_t sf_pcap_link_type(int dlt)
{
	switch (dlt) {
	case DLT_RAW:
		return SF_LINK_RAW;
	case DLT_PPP_BSDOS:
		return 103; /* LINKTYPE_PPP_BSDOS */
	case DLT_ATM_RFC1483:
		return 100;
	default:
		return (uint16_t)dlt;
	}
}

int sf_pcap_probe(struct sf_error *error)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), code = -errno;
	char cure[256];

	if (fd < 0 && code == -EPERM) {
		sf_rights_explain(cure, sizeof(cure), SF_RIGHTS_PACKETS);
		return sf_error_set(error, code, "packet sockets: no permission: %s", cure);
	}
	if (fd < 0)
		return sf_error_set(error, code, "packet sockets: %s", sf_strerror(code));
	close(fd);
	return 0;
}
