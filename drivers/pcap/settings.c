/* SPDX-License-Identifier: BSD-2-Clause */
/* Options of a source as settings of its rings, with defaults and limits. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "pcap/rings.h"

#define BLOCK_MS           20 /* the kernel hands over a block that is not full after this time */
#define DEFAULT_RING_BYTES (32U << 20)
/* Room for two stacks of Ethernet, VLAN tags, MPLS labels and IPv6 with extension headers. */
#define DEFAULT_SNAPLEN 512
#define MIN_SNAPLEN     64
#define MAX_SNAPLEN     262144

int sf_pcap_settings_init(struct sf_pcap_settings *settings,
	const struct sf_capture_options *options, bool any, struct sf_error *error)
{
	*settings = (struct sf_pcap_settings){
		.snaplen = options->snaplen ? options->snaplen : DEFAULT_SNAPLEN,
		.ring_bytes = options->ring_bytes ? options->ring_bytes : DEFAULT_RING_BYTES,
		.wait_ms = options->wait_ms ? options->wait_ms : SF_PCAP_WAIT_MS,
		.immediate = options->immediate,
		.promiscuous = !options->no_promiscuous && !any,
		.hardware_time = options->hardware_time,
		.direction = options->direction,
	};
	settings->block_ms = BLOCK_MS;
	if (settings->direction == SF_DIRECTION_DEFAULT)
		settings->direction = settings->promiscuous ? SF_DIRECTION_IN : SF_DIRECTION_BOTH;
	if (options->steer_key)
		memcpy(settings->steer_key, options->steer_key, sizeof(settings->steer_key));
	else if (getrandom(settings->steer_key, sizeof(settings->steer_key), 0) < 0)
		return sf_error_set(error, -errno, "getrandom: %s", sf_strerror(-errno));
	if (settings->snaplen < MIN_SNAPLEN || settings->snaplen > MAX_SNAPLEN)
		return sf_error_set(error, SF_EUSAGE,
			"--snaplen: %u bytes is out of range: %u to %u bytes", settings->snaplen,
			MIN_SNAPLEN, MAX_SNAPLEN);
	if (settings->ring_bytes < 1 << 20 || settings->ring_bytes > 1U << 30)
		return sf_error_set(error, SF_EUSAGE,
			"--ring-size: %u bytes is out of range: 1 MiB to 1 GiB",
			settings->ring_bytes);
	if (options->driver_options && options->driver_options[0])
		return sf_error_set(error, SF_EUSAGE, "the pcap driver has no options of its own");
	return 0;
}
