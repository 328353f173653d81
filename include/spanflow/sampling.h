/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sampling of packets (RFC 5475): which packets are metered, and how collectors are told. Counters
 * of flows are those of the packets that were taken; collectors multiply.
 *
 *	struct sf_sampling sampling;
 *	err = sf_sampling_parse(&sampling, "random:10/1000", &error);
 *	sf_sampling_interval(&sampling)			100: one packet of 100 is taken
 */
#ifndef SPANFLOW_SAMPLING_H
#define SPANFLOW_SAMPLING_H

#include <stdint.h>

#include <spanflow/declare.h>
#include <spanflow/error.h>

SF_BEGIN_PUBLIC

/* The values are those of selectorAlgorithm (IANA, PSAMP). */
enum sf_sampling_kind {
	SF_SAMPLE_ALL = 0,   /* every packet */
	SF_SAMPLE_COUNT = 1, /* `take` packets in a row of each `of` */
	/* packets of the first `take` ns of each `of` ns, by their own times */
	SF_SAMPLE_TIME = 2,
	SF_SAMPLE_RANDOM = 3,  /* `take` at random places of each `of` */
	SF_SAMPLE_UNIFORM = 4, /* each packet with the probability take / of */
	/* packets whose hash (BOB, RFC 5475 §6.2.4.1) lies in the first take / of of its range */
	SF_SAMPLE_HASH = 6,
};

struct sf_sampling {
	enum sf_sampling_kind kind;
	uint32_t reserved;
	uint64_t take, of;
};

/*
 * "count:N", "count:K/N", "random:N", "random:K/N", "uniform:N", "uniform:K/N", "hash:N",
 * "hash:K/N", "time:SPAN/PERIOD" such as "time:10ms/1s", in whole microseconds, at most 4294967295
 * of them. Any thread. Returns 0, or SF_EUSAGE with the reason in `error`.
 */
SF_CHECKED int sf_sampling_parse(
	struct sf_sampling *sampling, const char *text, struct sf_error *error);

/*
 * One packet of how many is taken; 1: all are taken; 0: the rate is no whole number, or not known
 * in advance (SF_SAMPLE_TIME). Any thread.
 */
uint32_t sf_sampling_interval(const struct sf_sampling *sampling);

/* SF_SAMPLE_HASH: of hashes of 32 bits, packets with those from 0 to this are taken. Any thread. */
uint32_t sf_sampling_hash_last(const struct sf_sampling *sampling);

SF_END_PUBLIC

#endif
