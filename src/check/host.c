/* SPDX-License-Identifier: BSD-2-Clause */
/* What is known of a source besides its packets. */
#include <string.h>

#include <spanflow/capture.h>

#include "base/ethtool.h"
#include "base/netdev.h"
#include "check/mirror.h"

static const char *const stripping[] = { "rx-vlan-hw-parse", NULL };

/* Adds the properties of an interface of the kernel; other devices add nothing. */
static void learn_device(struct sf_mirror_host *host, const char *name)
{
	struct sf_netdev netdev;

	if (sf_netdev_open(&netdev, name, NULL) < 0)
		return;
	if (host->mac_count < sizeof(host->mac) / sizeof(host->mac[0]))
		memcpy(host->mac[host->mac_count++], netdev.mac, sizeof(netdev.mac));
	if (!host->mtu || netdev.mtu < host->mtu)
		host->mtu = netdev.mtu;
	host->merging |= sf_ethtool_features_any(&netdev, sf_ethtool_merging);
	host->tags_stripped |= sf_ethtool_features_any(&netdev, stripping);
	sf_netdev_close(&netdev);
}

void sf_mirror_host_learn(struct sf_mirror_host *host, struct sf_capture *capture, const char *name)
{
	const struct sf_interface *interface;

	*host = (struct sf_mirror_host){
		.name = name, .file = !capture->live, .queues = capture->queues
	};
	for (unsigned slot = 0;
		capture->live && (interface = capture->ops->interface(capture, slot)); slot++)
		learn_device(host, interface->name);
}
