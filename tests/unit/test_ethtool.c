/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is changed of an interface is put back. On the loopback of a network namespace of its own,
 * where the kernel lets GRO be changed and has the receive checksum fixed on. It has no RSS: a card
 * that does is stood in for.
 */
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/ethtool.h"
#include "check_main.h"

static const char *const gro[] = { "rx-gro", NULL };
static const char *const fixed[] = { "rx-checksum", NULL };
static const char *const both[] = { "rx-gro", "rx-checksum", NULL };

/* ---------------------------------------------------------------- requests that fail */

static uint32_t failing; /* the ETHTOOL_… command that fails when `passing` more have passed */
static unsigned passing;
static int failure;

/* ---------------------------------------------------------------- a card with RSS */

#define INDIR 128
#define KEY   40

static struct {
	bool there;
	unsigned set;
	bool configured; /* the table was given by a user */
	uint32_t indir[INDIR];
	uint8_t key[KEY];
	uint8_t hfunc;
} card;

/* ETHTOOL_GRSSH, as linux/ethtool.h describes it. */
static int get_rss(struct ethtool_rxfh *rxfh)
{
	uint8_t *key = (uint8_t *)(rxfh->rss_config + rxfh->indir_size);

	if ((rxfh->indir_size && rxfh->indir_size != INDIR) ||
		(rxfh->key_size && rxfh->key_size != KEY))
		return -EINVAL;
	if (rxfh->indir_size)
		memcpy(rxfh->rss_config, card.indir, sizeof(card.indir));
	if (rxfh->key_size)
		memcpy(key, card.key, KEY);
	rxfh->indir_size = INDIR;
	rxfh->key_size = KEY;
	rxfh->hfunc = card.hfunc;
	return 0;
}

/* ETHTOOL_SRSSH: the table is kept, reset, or given before the key. */
static int set_rss(const struct ethtool_rxfh *rxfh)
{
	uint32_t given = rxfh->indir_size == ETH_RXFH_INDIR_NO_CHANGE ? 0 : rxfh->indir_size;

	if ((given && given != INDIR) || (rxfh->key_size && rxfh->key_size != KEY))
		return -EINVAL;
	card.set++;
	if (given)
		memcpy(card.indir, rxfh->rss_config, sizeof(card.indir));
	if (rxfh->indir_size != ETH_RXFH_INDIR_NO_CHANGE)
		card.configured = given > 0;
	if (rxfh->key_size)
		memcpy(card.key, rxfh->rss_config + given, KEY);
	if (rxfh->hfunc)
		card.hfunc = rxfh->hfunc;
	return 0;
}

int __real_ioctl(int fd, unsigned long what, ...);
int __wrap_ioctl(int fd, unsigned long what, ...);

int __wrap_ioctl(int fd, unsigned long what, ...)
{
	struct ifreq *ifr;
	uint32_t command = 0;
	va_list arguments;

	va_start(arguments, what);
	ifr = va_arg(arguments, struct ifreq *);
	va_end(arguments);
	if (what == SIOCETHTOOL)
		memcpy(&command, ifr->ifr_data, sizeof(command));
	if (command && command == failing && passing-- == 0) {
		errno = failure;
		return -1;
	}
	if (card.there && (command == ETHTOOL_GRSSH || command == ETHTOOL_SRSSH)) {
		void *data = ifr->ifr_data;
		int result = command == ETHTOOL_GRSSH ? get_rss(data) : set_rss(data);

		errno = -result;
		return result < 0 ? -1 : 0;
	}
	return __real_ioctl(fd, what, ifr);
}

/* ---------------------------------------------------------------- features */

static struct sf_netdev lo;

/* Check runs each test in a process of its own, which has its own namespace then. */
static void open_lo(void)
{
	struct sf_error error;

	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	ck_assert_int_eq(sf_netdev_open(&lo, "lo", &error), 0);
	ck_assert(sf_ethtool_features_any(&lo, gro));
	ck_assert(sf_ethtool_features_any(&lo, fixed));
	/* a call that succeeds leaves it alone, so a result made of it would be found */
	errno = ENOTTY;
}

START_TEST(features_are_turned_off_and_put_back)
{
	struct sf_ethtool_saved saved = { 0 };

	open_lo();
	ck_assert_int_eq(sf_ethtool_features_off(&saved, &lo, gro), 0);
	ck_assert(!sf_ethtool_features_any(&lo, gro));
	sf_ethtool_restore(&saved, &lo);
	ck_assert(sf_ethtool_features_any(&lo, gro));
	sf_netdev_close(&lo);
}
END_TEST

START_TEST(feature_beside_a_fixed_one_is_put_back)
{
	struct sf_ethtool_saved saved = { 0 };

	open_lo();
	ck_assert_int_eq(sf_ethtool_features_off(&saved, &lo, both), 1);
	ck_assert(!sf_ethtool_features_any(&lo, gro));
	ck_assert(sf_ethtool_features_any(&lo, fixed));
	/* once more, as when the interface comes back */
	ck_assert_int_eq(sf_ethtool_features_off(&saved, &lo, both), 1);
	sf_ethtool_restore(&saved, &lo);
	ck_assert(sf_ethtool_features_any(&lo, gro));
	sf_netdev_close(&lo);
}
END_TEST

START_TEST(features_are_put_back_when_they_could_not_be_read_again)
{
	struct sf_ethtool_saved saved = { 0 };

	open_lo();
	/* read before the change, and for the number of blocks; then after it */
	failing = ETHTOOL_GFEATURES;
	passing = 2;
	failure = EIO;
	ck_assert_int_eq(sf_ethtool_features_off(&saved, &lo, both), -EIO);
	failing = 0;
	ck_assert(!sf_ethtool_features_any(&lo, gro));
	sf_ethtool_restore(&saved, &lo);
	ck_assert(sf_ethtool_features_any(&lo, gro));
	sf_netdev_close(&lo);
}
END_TEST

START_TEST(features_that_were_not_changed_are_not_remembered)
{
	static const uint32_t none[SF_ETHTOOL_BLOCKS];
	struct sf_ethtool_saved saved = { 0 };

	open_lo();
	failing = ETHTOOL_SFEATURES;
	failure = EPERM;
	ck_assert_int_eq(sf_ethtool_features_off(&saved, &lo, both), -EPERM);
	ck_assert_mem_eq(saved.features_on, none, sizeof(none));
	failing = 0;
	ck_assert_int_eq(sf_ethtool_features_off(&saved, &lo, fixed), 1);
	ck_assert_mem_eq(saved.features_on, none, sizeof(none));
	sf_netdev_close(&lo);
}
END_TEST

/* ---------------------------------------------------------------- RSS */

/* An answer that came too late for its request is not taken for the next one's. */
START_TEST(counter_is_read_from_its_own_answer)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
	} late = {
		.header = { .nlmsg_len = sizeof(late),
			.nlmsg_type = RTM_GETLINK,
			.nlmsg_flags = NLM_F_REQUEST,
			.nlmsg_seq = UINT32_MAX },
		.info = { .ifi_index = 1000 },
	};
	char answer[4096];

	open_lo();
	ck_assert_int_eq(send(lo.netlink, &late, sizeof(late), 0), sizeof(late));
	ck_assert_uint_eq(sf_netdev_missed(&lo), 0);
	/* both were read */
	ck_assert_int_eq(recv(lo.netlink, answer, sizeof(answer), MSG_DONTWAIT), -1);
	sf_netdev_close(&lo);
}
END_TEST

/* An interface that is down is switched on, and off again; one that was on stays so. */
START_TEST(link_is_switched_on_and_off_again)
{
	struct sf_ethtool_saved saved = { 0 };
	struct sf_ethtool_outcome outcome;
	struct sf_error error;

	open_lo();
	ck_assert_int_eq(sf_netdev_require_up(&lo, &error), -ENETDOWN);
	sf_ethtool_prepare(&saved, &lo, SF_ETHTOOL_UP, &outcome);
	ck_assert_int_eq(outcome.up, 0);
	ck_assert_int_eq(sf_netdev_require_up(&lo, &error), 0);
	sf_ethtool_restore(&saved, &lo);
	ck_assert_int_eq(sf_netdev_require_up(&lo, &error), -ENETDOWN);
	sf_ethtool_prepare(&saved, &lo, SF_ETHTOOL_UP, &outcome);
	saved = (struct sf_ethtool_saved){ 0 };
	sf_ethtool_prepare(&saved, &lo, SF_ETHTOOL_UP, &outcome);
	sf_ethtool_restore(&saved, &lo);
	ck_assert_int_eq(sf_netdev_require_up(&lo, &error), 0);
	sf_netdev_close(&lo);
}
END_TEST

START_TEST(key_alone_is_changed_and_put_back)
{
	struct sf_ethtool_saved saved = { 0 };
	uint32_t indir[INDIR];
	uint8_t key[KEY];

	open_lo();
	card.there = true;
	card.hfunc = 1; /* Toeplitz */
	for (uint32_t i = 0; i < INDIR; i++)
		indir[i] = card.indir[i] = i % 6;
	for (uint8_t i = 0; i < KEY; i++)
		key[i] = card.key[i] = (uint8_t)(200 - i);
	ck_assert_int_eq(sf_ethtool_rss_symmetric(&saved, &lo), 0);
	ck_assert_uint_eq(card.set, 1);
	for (unsigned i = 0; i < KEY; i++)
		ck_assert_uint_eq(card.key[i], i % 2 ? 0x5a : 0x6d);
	ck_assert_mem_eq(card.indir, indir, sizeof(indir));
	ck_assert(!card.configured);

	/* what somebody else changes meanwhile stays */
	card.indir[0] = indir[0] = 5;
	sf_ethtool_restore(&saved, &lo);
	ck_assert_uint_eq(card.set, 2);
	ck_assert_mem_eq(card.key, key, sizeof(key));
	ck_assert_mem_eq(card.indir, indir, sizeof(indir));
	ck_assert(!card.configured);
	ck_assert_uint_eq(card.hfunc, 1);
	sf_netdev_close(&lo);
}
END_TEST

START_TEST(key_that_cannot_be_set_is_not_remembered)
{
	struct sf_ethtool_saved saved = { 0 };

	open_lo();
	ck_assert_int_eq(sf_ethtool_rss_symmetric(&saved, &lo), -EOPNOTSUPP);
	card.there = true;
	failing = ETHTOOL_SRSSH;
	failure = EPERM;
	ck_assert_int_eq(sf_ethtool_rss_symmetric(&saved, &lo), -EPERM);
	ck_assert_ptr_null(saved.rss);
	sf_netdev_close(&lo);
}
END_TEST

/* NULL, or what is missing for these tests. */
static const char *lacking(void)
{
	struct sf_error error;
	bool there;

	if (unshare(CLONE_NEWNET) < 0)
		return "right to make a network namespace";
	there = sf_netdev_open(&lo, "lo", &error) == 0 && sf_ethtool_features_any(&lo, gro) &&
		sf_ethtool_features_any(&lo, fixed);
	sf_netdev_close(&lo);
	return there ? NULL : "loopback with GRO and a receive checksum";
}

CHECK_MAIN_UNLESS(lacking(), "ethtool", features_are_turned_off_and_put_back,
	feature_beside_a_fixed_one_is_put_back,
	features_are_put_back_when_they_could_not_be_read_again,
	features_that_were_not_changed_are_not_remembered, counter_is_read_from_its_own_answer,
	link_is_switched_on_and_off_again, key_alone_is_changed_and_put_back,
	key_that_cannot_be_set_is_not_remembered)
