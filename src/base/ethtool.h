/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Settings of a network interface that a capture changes for its time and puts back: offloads that
 * merge packets (GRO, LRO) or take tags out of them, the receive-side scaling key, and whether it is
 * switched on.
 */
#ifndef SPANFLOW_BASE_ETHTOOL_H
#define SPANFLOW_BASE_ETHTOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/netdev.h"

#define SF_ETHTOOL_BLOCKS 4 /* of 32 features */

/* What was changed. Plain data: may be copied to, and put back by, another process. */
struct sf_ethtool_saved {
	unsigned index;                          /* of the interface */
	uint32_t features_on[SF_ETHTOOL_BLOCKS]; /* were on and are off now */
	uint8_t *rss;                            /* the request that puts the key back, or NULL */
	bool was_down;                           /* and is switched on now */
};

/*
 * Turns the features of these names ("rx-gro", NULL-terminated list) off as far as the card has
 * them and allows it. Returns the number that stay on although asked off, or -errno (-EPERM).
 */
int sf_ethtool_features_off(
	struct sf_ethtool_saved *saved, const struct sf_netdev *netdev, const char *const *names);

/* Is any feature of these names on? */
bool sf_ethtool_features_any(const struct sf_netdev *netdev, const char *const *names);

/* GRO and LRO in all their forms. */
extern const char *const sf_ethtool_merging[];

/*
 * Gives the card a key under which both directions of a connection get the same hash. -EOPNOTSUPP
 * when it cannot; -EPERM.
 */
int sf_ethtool_rss_symmetric(struct sf_ethtool_saved *saved, const struct sf_netdev *netdev);

/* What a capture changes. */
enum {
	SF_ETHTOOL_RSS = 1,     /* symmetric key */
	SF_ETHTOOL_MERGING = 2, /* GRO and LRO off */
	SF_ETHTOOL_TAGS = 4,    /* VLAN tags stay in frames */
	SF_ETHTOOL_UP = 8,      /* the interface is switched on (ip link set … up) */
};

/* For each: 0; the number of features that stay on; or -errno. Those not asked for are 0. */
struct sf_ethtool_outcome {
	int32_t rss, merging, tags, up;
};

/*
 * Changes all that `what` (SF_ETHTOOL_… ored) names, adding to what `saved` remembers of this
 * interface; what was saved of an interface that had the name before is put back, if that one is
 * still there under another name.
 */
void sf_ethtool_prepare(struct sf_ethtool_saved *saved, const struct sf_netdev *netdev,
	unsigned what, struct sf_ethtool_outcome *outcome);

/*
 * Puts everything in `saved` back, as far as the interface is still there, by whatever name, and
 * allows it; frees.
 */
void sf_ethtool_restore(struct sf_ethtool_saved *saved, const struct sf_netdev *netdev);

/* Number of receive queues in use, at least 1. */
unsigned sf_ethtool_queues(const struct sf_netdev *netdev);

#endif
