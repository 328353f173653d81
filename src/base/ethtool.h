/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Settings of a network interface that a capture changes and restores at its end: offloads that
 * merge packets (GRO, LRO) or strip tags, the key of receive-side scaling, and the link's state (up
 * or down).
 */
#ifndef SPANFLOW_BASE_ETHTOOL_H
#define SPANFLOW_BASE_ETHTOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/netdev.h"

#define SF_ETHTOOL_BLOCKS 4 /* of 32 features */

/* Old values of the settings that were changed. */
struct sf_ethtool_saved {
	unsigned index;                          /* of the interface */
	uint32_t features_on[SF_ETHTOOL_BLOCKS]; /* features that were on and are off now */
	uint8_t *rss;                            /* request that restores the key, or NULL */
	bool was_down;                           /* the link was down and is up now */
};

/*
 * Switches off the features of these names ("rx-gro"; the list ends with NULL) that the card has.
 * Returns the number of features that stay on nevertheless, or -errno (-EPERM).
 */
int sf_ethtool_features_off(
	struct sf_ethtool_saved *saved, const struct sf_netdev *netdev, const char *const *names);

/* True if any feature of these names is on. */
bool sf_ethtool_features_any(const struct sf_netdev *netdev, const char *const *names);

/* GRO and LRO in all their forms. */
extern const char *const sf_ethtool_merging[];

/*
 * Sets a key under which both directions of a connection get the same hash. 0 or -errno:
 * -EOPNOTSUPP (the card has no such key), -EPERM.
 */
int sf_ethtool_rss_symmetric(struct sf_ethtool_saved *saved, const struct sf_netdev *netdev);

/* Settings that a capture changes. */
enum {
	SF_ETHTOOL_RSS = 1,     /* symmetric key */
	SF_ETHTOOL_MERGING = 2, /* GRO and LRO off */
	SF_ETHTOOL_TAGS = 4,    /* VLAN tags stay in frames */
	SF_ETHTOOL_UP = 8,      /* the interface is switched on (ip link set … up) */
};

/*
 * Result for each setting: 0, the number of features that stay on, or -errno. 0 if not asked for.
 */
struct sf_ethtool_outcome {
	int32_t rss, merging, tags, up;
};

/*
 * Changes the settings in `what` (SF_ETHTOOL_… ored) and adds their old values to `saved`. If
 * `saved` belongs to another interface, which had this name before, it is restored first, if it
 * still exists under another name.
 */
void sf_ethtool_prepare(struct sf_ethtool_saved *saved, const struct sf_netdev *netdev,
	unsigned what, struct sf_ethtool_outcome *outcome);

/*
 * Restores the settings in `saved`, if the interface still exists under any name and allows it, and
 * frees them.
 */
void sf_ethtool_restore(struct sf_ethtool_saved *saved, const struct sf_netdev *netdev);

/* Number of receive queues in use, at least 1. */
unsigned sf_ethtool_queues(const struct sf_netdev *netdev);

#endif
