/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interface state by ioctl, counters by rtnetlink: no file is opened, so this works in a sandbox.
 * Price of identification by name: an interface that is renamed counts as gone.
 */
#include "base/netdev.h"

#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int request(const struct sf_netdev *netdev, unsigned long what, struct ifreq *ifr)
{
	memset(ifr, 0, sizeof(*ifr));
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", netdev->name);
	return ioctl(netdev->fd, what, ifr) == 0 ? 0 : -errno;
}

/* The counters in an RTM_NEWLINK message; 0 when there are none. */
static uint64_t missed_in(const struct nlmsghdr *header, size_t length)
{
	struct rtnl_link_stats64 stats;
	const struct rtattr *attribute;
	int left;

	if (!NLMSG_OK(header, length) || header->nlmsg_type != RTM_NEWLINK)
		return 0;
	left = (int)IFLA_PAYLOAD(header);
	for (attribute = IFLA_RTA((const struct ifinfomsg *)NLMSG_DATA(header));
		RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
		if (attribute->rta_type != IFLA_STATS64)
			continue;
		memset(&stats, 0, sizeof(stats));
		memcpy(&stats, RTA_DATA(attribute),
			RTA_PAYLOAD(attribute) < sizeof(stats) ? RTA_PAYLOAD(attribute)
							       : sizeof(stats));
		return stats.rx_missed_errors + stats.rx_fifo_errors;
	}
	return 0;
}

/* The card's counter as it stands; 0 when the interface is gone. */
static uint64_t read_missed(struct sf_netdev *netdev)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
	} get = {
		.header = { .nlmsg_len = sizeof(get),
			.nlmsg_type = RTM_GETLINK,
			.nlmsg_flags = NLM_F_REQUEST,
			.nlmsg_seq = ++netdev->sequence },
		.info = { .ifi_index = (int)netdev->index },
	};
	union {
		struct nlmsghdr header;
		char bytes[16384];
	} answer;
	ssize_t n;

	if (send(netdev->netlink, &get, sizeof(get), 0) < 0)
		return 0;
	/* send() returns after the kernel has answered; answers to earlier requests are skipped */
	do
		n = recv(netdev->netlink, &answer, sizeof(answer), MSG_DONTWAIT);
	while ((n < 0 && errno == EINTR) ||
		(n >= (ssize_t)sizeof(answer.header) &&
			answer.header.nlmsg_seq != get.header.nlmsg_seq));
	return n > 0 ? missed_in(&answer.header, (size_t)n) : 0;
}

int sf_netdev_refresh(struct sf_netdev *netdev)
{
	struct ifreq ifr;
	int result;

	result = request(netdev, SIOCGIFINDEX, &ifr);
	if (result < 0)
		return result;
	netdev->index = (unsigned)ifr.ifr_ifindex;
	result = request(netdev, SIOCGIFMTU, &ifr);
	if (result < 0)
		return result;
	netdev->mtu = (uint32_t)ifr.ifr_mtu;
	result = request(netdev, SIOCGIFHWADDR, &ifr);
	if (result < 0)
		return result;
	netdev->hardware = ifr.ifr_hwaddr.sa_family;
	memcpy(netdev->mac, ifr.ifr_hwaddr.sa_data, sizeof(netdev->mac));
	netdev->missed_past = netdev->missed;
	netdev->missed_base = read_missed(netdev);
	return 0;
}

/* "eth0, eth1" for an error text. */
static void list_names(char *text, size_t size)
{
	struct if_nameindex *all = if_nameindex();
	size_t used = 0;

	text[0] = '\0';
	for (struct if_nameindex *one = all; one && one->if_index && used < size; one++)
		used += (size_t)snprintf(
			text + used, size - used, "%s%s", used ? ", " : "", one->if_name);
	if (all)
		if_freenameindex(all);
}

int sf_netdev_await(struct sf_netdev *netdev, const char *name, struct sf_error *error)
{
	int result = 0;

	*netdev = (struct sf_netdev){ .fd = -1, .netlink = -1, .promiscuous = -1 };
	if (strlen(name) >= sizeof(netdev->name)) {
		return sf_error_set(error, SF_EUSAGE, "%s: an interface name has at most %zu bytes",
			name, sizeof(netdev->name) - 1);
	}
	snprintf(netdev->name, sizeof(netdev->name), "%s", name);
	netdev->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	netdev->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (netdev->fd < 0 || netdev->netlink < 0)
		result = -errno;
	if (result == 0)
		return 0;
	sf_netdev_close(netdev);
	return sf_error_set(error, result, "%s: %s", name, sf_strerror(result));
}

int sf_netdev_open(struct sf_netdev *netdev, const char *name, struct sf_error *error)
{
	int result = sf_netdev_await(netdev, name, error);

	if (result < 0)
		return result;
	result = sf_netdev_refresh(netdev);
	if (result == 0) {
		netdev->missed_past = 0;
		return 0;
	}
	sf_netdev_close(netdev);
	if (result == -ENODEV) {
		char names[256];

		list_names(names, sizeof(names));
		return sf_error_set(
			error, result, "%s: no such interface; there are: %s", name, names);
	}
	return sf_error_set(error, result, "%s: %s", name, sf_strerror(result));
}

void sf_netdev_close(struct sf_netdev *netdev)
{
	if (netdev->fd >= 0)
		close(netdev->fd);
	if (netdev->netlink >= 0)
		close(netdev->netlink);
	if (netdev->promiscuous >= 0)
		close(netdev->promiscuous);
	netdev->fd = netdev->netlink = netdev->promiscuous = -1;
}

enum sf_netdev_state sf_netdev_state(const struct sf_netdev *netdev)
{
	struct ifreq ifr;

	if (request(netdev, SIOCGIFINDEX, &ifr) < 0 || (unsigned)ifr.ifr_ifindex != netdev->index)
		return SF_NETDEV_GONE;
	if (request(netdev, SIOCGIFFLAGS, &ifr) < 0)
		return SF_NETDEV_GONE;
	return (ifr.ifr_flags & IFF_UP) && (ifr.ifr_flags & IFF_RUNNING) ? SF_NETDEV_UP
									 : SF_NETDEV_DOWN;
}

int sf_netdev_require_up(const struct sf_netdev *netdev, struct sf_error *error)
{
	struct ifreq ifr;
	int result = request(netdev, SIOCGIFFLAGS, &ifr);

	if (result < 0)
		return sf_error_set(error, result, "%s: %s", netdev->name, sf_strerror(result));
	if (ifr.ifr_flags & IFF_UP)
		return 0;
	return sf_error_set(error, -ENETDOWN, "%s is down; switch it on with: ip link set %s up",
		netdev->name, netdev->name);
}

int sf_netdev_flags(const struct sf_netdev *netdev)
{
	struct ifreq ifr;
	int result = request(netdev, SIOCGIFFLAGS, &ifr);

	return result < 0 ? result : (uint16_t)ifr.ifr_flags;
}

int sf_netdev_set_flags(const struct sf_netdev *netdev, int flags)
{
	struct ifreq ifr = { .ifr_flags = (short)flags };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", netdev->name);
	return ioctl(netdev->fd, SIOCSIFFLAGS, &ifr) == 0 ? 0 : -errno;
}

int sf_netdev_promiscuous(struct sf_netdev *netdev, struct sf_error *error)
{
	struct packet_mreq membership = {
		.mr_ifindex = (int)netdev->index,
		.mr_type = PACKET_MR_PROMISC,
	};

	/* protocol 0: the socket receives nothing; a second call uses the same socket */
	if (netdev->promiscuous < 0)
		netdev->promiscuous = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (netdev->promiscuous < 0 ||
		setsockopt(netdev->promiscuous, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership,
			sizeof(membership)) < 0)
		return sf_error_set(error, -errno, "%s: promiscuous mode: %s", netdev->name,
			sf_strerror(-errno));
	return 0;
}

uint64_t sf_netdev_missed(struct sf_netdev *netdev)
{
	uint64_t now = read_missed(netdev);

	if (now > netdev->missed_base)
		netdev->missed = netdev->missed_past + now - netdev->missed_base;
	return netdev->missed;
}

bool sf_netdev_of_device(const char *device, char name[IF_NAMESIZE])
{
	static const char *const keys[] = { "iface", "rx_iface", "rx_iface_in", "remote" };
	/* "iface" of a tap device names the interface that DPDK makes, not one that exists */
	bool tap = strncmp(device, "net_tap", 7) == 0;

	for (const char *argument = strchr(device, ','); argument;
		argument = strchr(argument, ',')) {
		size_t length = strcspn(++argument, "=,"), size;

		for (unsigned i = tap ? 3 : 0; i < 4; i++) {
			if (strlen(keys[i]) != length || argument[length] != '=' ||
				strncmp(argument, keys[i], length) != 0)
				continue;
			size = strcspn(argument + length + 1, ",");
			if (size == 0 || size >= IF_NAMESIZE)
				return false;
			memcpy(name, argument + length + 1, size);
			name[size] = '\0';
			return true;
		}
	}
	return false;
}
