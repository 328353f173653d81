/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network interface of this host: its state, properties and counters. It is identified by its
 * name: an interface that is removed and made again keeps its name, not its index. Two sockets,
 * opened once, do all the work, so that it goes on in a process that gave up its privileges.
 */
#ifndef SPANFLOW_BASE_NETDEV_H
#define SPANFLOW_BASE_NETDEV_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include <spanflow/error.h>

enum sf_netdev_state {
	SF_NETDEV_UP,
	SF_NETDEV_DOWN, /* there, but switched off or without a carrier */
	SF_NETDEV_GONE, /* removed, or replaced by another interface of that name */
};

struct sf_netdev {
	char name[IF_NAMESIZE];
	unsigned index;
	uint32_t mtu;
	uint8_t mac[6];
	uint16_t hardware; /* ARPHRD_… */
	int fd;            /* for ioctl; -1 when closed */
	int netlink;       /* for counters */
	uint32_t sequence; /* of the last request on `netlink` */
	int promiscuous;   /* packet socket that holds the interface in promiscuous mode, or -1 */
	/* frames missed by the card */
	uint64_t missed;      /* since open; value of the last sf_netdev_missed() */
	uint64_t missed_base; /* the card's counter at open, or when the interface came back */
	uint64_t missed_past; /* part of `missed` before the interface was removed */
};

/* Longest frame, without tags, that is not a super-packet: MTU, Ethernet header, two tags. */
static inline uint32_t sf_netdev_frame_max(const struct sf_netdev *netdev)
{
	return netdev->mtu + 14 + 8;
}

/* Opens the interface. -ENODEV: the error text lists the interfaces. Closed on failure. */
int sf_netdev_open(struct sf_netdev *netdev, const char *name, struct sf_error *error);

/*
 * Opens an interface that does not exist yet. Its state is SF_NETDEV_GONE until sf_netdev_refresh()
 * finds it.
 */
int sf_netdev_await(struct sf_netdev *netdev, const char *name, struct sf_error *error);

/* May be called twice, and on a zeroed struct with fd = netlink = promiscuous = -1. */
void sf_netdev_close(struct sf_netdev *netdev);

/* Reads index, MTU and MAC again, after the interface came back. 0 or -errno. */
int sf_netdev_refresh(struct sf_netdev *netdev);

/* The present state. Two system calls. */
enum sf_netdev_state sf_netdev_state(const struct sf_netdev *netdev);

/* 0 if the interface is switched on; else an error whose text says how to switch it on. */
int sf_netdev_require_up(const struct sf_netdev *netdev, struct sf_error *error);

/* IFF_… flags set on the interface itself, without those that packet sockets request; -errno. */
int sf_netdev_flags(const struct sf_netdev *netdev);
int sf_netdev_set_flags(const struct sf_netdev *netdev, int flags);

/* Sets promiscuous mode until close, or until the process ends in any way. */
int sf_netdev_promiscuous(struct sf_netdev *netdev, struct sf_error *error);

/*
 * Frames the card or its driver missed since open (IFLA_STATS64: rx_missed_errors and
 * rx_fifo_errors). One thread at a time.
 */
uint64_t sf_netdev_missed(struct sf_netdev *netdev);

/*
 * The interface of the kernel below a virtual device of DPDK, "net_af_packet0,iface=eth1" or
 * "net_tap0,remote=eth1". False: there is none.
 */
bool sf_netdev_of_device(const char *device, char name[IF_NAMESIZE]);

#endif
