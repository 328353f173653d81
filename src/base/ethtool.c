/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests by the ethtool ioctl. Its structures end in arrays of unknown length. So each request
 * asks for the length, allocates the structure, and asks for the content.
 */
#include "base/ethtool.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

const char *const sf_ethtool_merging[] = { "rx-gro", "rx-gro-hw", "rx-gro-list",
	"rx-udp-gro-forwarding", "rx-lro", NULL };

/* 0 or -errno. */
static int request(const struct sf_netdev *netdev, void *data)
{
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", netdev->name);
	ifr.ifr_data = data;
	/* a result above 0: ETHTOOL_SFEATURES did a part, and some features are fixed */
	return ioctl(netdev->fd, SIOCETHTOOL, &ifr) < 0 ? -errno : 0;
}

/* The names of all features, in the order of their bits; NULL on failure. */
static struct ethtool_gstrings *feature_names(const struct sf_netdev *netdev)
{
	union {
		struct ethtool_sset_info info;
		uint32_t words[sizeof(struct ethtool_sset_info) / sizeof(uint32_t) + 1];
	} sizes = { .info = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_FEATURES } };
	struct ethtool_gstrings *names;
	uint32_t count;

	if (request(netdev, &sizes) < 0 || sizes.info.sset_mask == 0)
		return NULL;
	count = sizes.info.data[0];
	names = calloc(1, sizeof(*names) + (size_t)count * ETH_GSTRING_LEN);
	if (!names)
		return NULL;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = count;
	if (request(netdev, names) < 0) {
		free(names);
		return NULL;
	}
	return names;
}

union get_features {
	struct ethtool_gfeatures header;
	uint8_t room[sizeof(struct ethtool_gfeatures) +
		     SF_ETHTOOL_BLOCKS * sizeof(struct ethtool_get_features_block)];
};

union set_features {
	struct ethtool_sfeatures header;
	uint8_t room[sizeof(struct ethtool_sfeatures) +
		     SF_ETHTOOL_BLOCKS * sizeof(struct ethtool_set_features_block)];
};

/* Sets in `on` the bits of the named features, as far as they are on. 0 or -errno. */
static int features_on(
	const struct sf_netdev *netdev, const char *const *names, uint32_t on[SF_ETHTOOL_BLOCKS])
{
	struct ethtool_gstrings *all = feature_names(netdev);
	union get_features now = { .header = {
					   .cmd = ETHTOOL_GFEATURES, .size = SF_ETHTOOL_BLOCKS } };
	int result;

	memset(on, 0, sizeof(uint32_t) * SF_ETHTOOL_BLOCKS);
	if (!all)
		return -EOPNOTSUPP;
	result = request(netdev, &now);
	for (uint32_t i = 0; result == 0 && i < all->len && i < 32 * SF_ETHTOOL_BLOCKS; i++) {
		for (const char *const *name = names; *name; name++) {
			if (strncmp((char *)all->data + (size_t)i * ETH_GSTRING_LEN, *name,
				    ETH_GSTRING_LEN) == 0)
				on[i / 32] |= now.header.features[i / 32].active & 1U << i % 32;
		}
	}
	free(all);
	return result;
}

static int set_features(
	const struct sf_netdev *netdev, const uint32_t valid[SF_ETHTOOL_BLOCKS], bool on)
{
	union set_features set = { .header = { .cmd = ETHTOOL_SFEATURES } };

	/* the kernel accepts exactly as many blocks as it has */
	union get_features now = { .header = {
					   .cmd = ETHTOOL_GFEATURES, .size = SF_ETHTOOL_BLOCKS } };
	int result = request(netdev, &now);

	if (result < 0)
		return result;
	set.header.size = now.header.size;
	for (uint32_t i = 0; i < now.header.size && i < SF_ETHTOOL_BLOCKS; i++) {
		set.header.features[i].valid = valid[i];
		set.header.features[i].requested = on ? valid[i] : 0;
	}
	return request(netdev, &set);
}

static int count_bits(const uint32_t bits[SF_ETHTOOL_BLOCKS])
{
	int count = 0;

	for (unsigned i = 0; i < SF_ETHTOOL_BLOCKS; i++)
		count += __builtin_popcount(bits[i]);
	return count;
}

static void forget_features(
	struct sf_ethtool_saved *saved, const uint32_t features[SF_ETHTOOL_BLOCKS])
{
	for (unsigned i = 0; i < SF_ETHTOOL_BLOCKS; i++)
		saved->features_on[i] &= ~features[i];
}

int sf_ethtool_features_off(
	struct sf_ethtool_saved *saved, const struct sf_netdev *netdev, const char *const *names)
{
	uint32_t on[SF_ETHTOOL_BLOCKS], still[SF_ETHTOOL_BLOCKS];
	int result = features_on(netdev, names, on);

	if (result < 0 || count_bits(on) == 0)
		return result == -EOPNOTSUPP ? 0 : result;
	/* saved before the change, so that it is restored even if a later step fails */
	saved->index = netdev->index;
	for (unsigned i = 0; i < SF_ETHTOOL_BLOCKS; i++)
		saved->features_on[i] |= on[i];
	result = set_features(netdev, on, false);
	if (result < 0) {
		forget_features(saved, on);
		return result;
	}
	result = features_on(netdev, names, still);
	if (result < 0)
		return result;
	forget_features(saved, still);
	return count_bits(still);
}

bool sf_ethtool_features_any(const struct sf_netdev *netdev, const char *const *names)
{
	uint32_t on[SF_ETHTOOL_BLOCKS];

	return features_on(netdev, names, on) == 0 && count_bits(on) > 0;
}

/*
 * A request that sets the key only. A request with the indirection table in it, even unchanged,
 * would make the kernel treat the table as chosen by a user, and keep it when the number of queues
 * changes. NULL: out of memory.
 */
static struct ethtool_rxfh *key_request(const struct ethtool_rxfh *now, const uint8_t *key)
{
	struct ethtool_rxfh *set = calloc(1, sizeof(*set) + now->key_size);

	if (!set)
		return NULL;
	*set = *now;
	set->cmd = ETHTOOL_SRSSH;
	set->indir_size = ETH_RXFH_INDIR_NO_CHANGE;
	memcpy(set->rss_config, key, now->key_size);
	return set;
}

/* A key of period 16 bits hashes (a, b) and (b, a) alike: Woo and Park 2012. */
static void make_symmetric(struct ethtool_rxfh *set)
{
	uint8_t *key = (uint8_t *)set->rss_config;

	for (uint32_t i = 0; i < set->key_size; i++)
		key[i] = i % 2 ? 0x5a : 0x6d;
}

int sf_ethtool_rss_symmetric(struct sf_ethtool_saved *saved, const struct sf_netdev *netdev)
{
	struct ethtool_rxfh sizes = { .cmd = ETHTOOL_GRSSH };
	struct ethtool_rxfh *now, *set = NULL, *back = NULL;
	int result = request(netdev, &sizes);

	if (result < 0)
		return result;
	if (sizes.key_size == 0)
		return -EOPNOTSUPP;
	now = calloc(1, sizeof(*now) + sizes.indir_size * sizeof(uint32_t) + sizes.key_size);
	if (!now)
		return -ENOMEM;
	*now = (struct ethtool_rxfh){
		.cmd = ETHTOOL_GRSSH, .indir_size = sizes.indir_size, .key_size = sizes.key_size
	};
	result = request(netdev, now);
	if (result == 0) {
		const uint8_t *key = (uint8_t *)(now->rss_config + sizes.indir_size);

		set = key_request(now, key);
		back = key_request(now, key);
		result = set && back ? 0 : -ENOMEM;
	}
	if (result == 0) {
		make_symmetric(set);
		result = request(netdev, set);
	}
	if (result == 0) {
		saved->index = netdev->index;
		free(saved->rss);
		saved->rss = (uint8_t *)back;
		back = NULL;
	}
	free(now);
	free(set);
	free(back);
	return result;
}

/* Switches the interface on or off; *was: what it was. 0 or -errno. */
static int switch_link(const struct sf_netdev *netdev, bool on, bool *was)
{
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", netdev->name);
	if (ioctl(netdev->fd, SIOCGIFFLAGS, &ifr) < 0)
		return -errno;
	*was = ifr.ifr_flags & IFF_UP;
	if (*was == on)
		return 0;
	ifr.ifr_flags = (short)(on ? ifr.ifr_flags | IFF_UP : ifr.ifr_flags & ~IFF_UP);
	return ioctl(netdev->fd, SIOCSIFFLAGS, &ifr) < 0 ? -errno : 0;
}

static int bring_up(struct sf_ethtool_saved *saved, const struct sf_netdev *netdev)
{
	bool was_up = true;
	int result = switch_link(netdev, true, &was_up);

	saved->was_down |= result == 0 && !was_up;
	return result;
}

void sf_ethtool_prepare(struct sf_ethtool_saved *saved, const struct sf_netdev *netdev,
	unsigned what, struct sf_ethtool_outcome *outcome)
{
	static const char *const stripping[] = { "rx-vlan-hw-parse", NULL };

	if (saved->index != netdev->index) {
		/* the interface with these settings may have another name now */
		sf_ethtool_restore(saved, netdev);
		saved->index = netdev->index;
	}
	*outcome = (struct sf_ethtool_outcome){ 0 };
	if (what & SF_ETHTOOL_RSS && !saved->rss)
		outcome->rss = sf_ethtool_rss_symmetric(saved, netdev);
	if (what & SF_ETHTOOL_MERGING)
		outcome->merging = sf_ethtool_features_off(saved, netdev, sf_ethtool_merging);
	if (what & SF_ETHTOOL_TAGS)
		outcome->tags = sf_ethtool_features_off(saved, netdev, stripping);
	if (what & SF_ETHTOOL_UP)
		outcome->up = bring_up(saved, netdev);
}

void sf_ethtool_restore(struct sf_ethtool_saved *saved, const struct sf_netdev *netdev)
{
	struct ifreq ifr = { .ifr_ifindex = (int)saved->index };
	struct sf_netdev now = *netdev;
	bool was;

	/* by index: the interface may have been renamed, and another one may have its name */
	if (ioctl(netdev->fd, SIOCGIFNAME, &ifr) == 0) {
		memcpy(now.name, ifr.ifr_name, sizeof(now.name));
		if (count_bits(saved->features_on) > 0)
			set_features(&now, saved->features_on, true);
		if (saved->rss)
			request(&now, saved->rss);
		if (saved->was_down)
			switch_link(&now, false, &was);
	}
	free(saved->rss);
	*saved = (struct sf_ethtool_saved){ 0 };
}

unsigned sf_ethtool_queues(const struct sf_netdev *netdev)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ethtool_rxnfc rings = { .cmd = ETHTOOL_GRXRINGS };

	if (request(netdev, &channels) == 0 && channels.rx_count + channels.combined_count > 0)
		return channels.rx_count + channels.combined_count;
	if (request(netdev, &rings) == 0 && rings.data > 0)
		return (unsigned)rings.data;
	return 1;
}
