/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Groups of flow records and sums over them: --by, --sum, --top, --every.
 *
 *	static const struct sf_groups_options options = {
 *		.by = "src,dst", .sum = "flows,packets,bytes", .top = 10, .memory = 1 << 30 };
 *	struct sf_groups *groups;
 *
 *	sf_groups_new(&groups, &options, &error);
 *	for each row:
 *		if (sf_groups_put(groups, &row, &error))
 *			return complain(error.text);
 *	sf_groups_sort(groups, &error);
 *	for (size_t i = 0; i < sf_groups_shown(groups); i++)
 *		end = sf_answer_json(groups, i, text); // answer.h
 *	sf_groups_free(groups);
 *
 * Keys (`by`): any field, or one of these:
 *
 *	src/24, dst/24/48   a network of that many bits, of IPv4 and of IPv6 (without: 64)
 *	pair                both addresses, in no order
 *	host, port, as, country, mac, if
 *	                    of either side: a row counts for the sender's and for the receiver's,
 *	                    once if they are the same
 *	src as, dst country, in if ...
 *	                    the same of one side
 *	server, service     address and port of the side that answered; see key.c
 *	client              the other side
 *	inside, outside     the address that is private where the other is not, and that other one
 *
 * sent and received are seen from the first of these keys that is there, otherwise from the sender.
 *
 * Sums: flows, packets, bytes, duration, first, last, distinct(KEY), sum(FIELD), min(FIELD),
 * max(FIELD), avg(FIELD), bpp, bps, pps, sent, received, ratio, span, interval, jitter.
 *
 * One thread per object; objects of several threads are merged. No I/O, no clock.
 */
#ifndef SPANFLOW_ASK_GROUPS_H
#define SPANFLOW_ASK_GROUPS_H

#include "ask/field.h"

#define SF_GROUPS_KEYS_MAX 7
#define SF_GROUPS_SUMS_MAX 16

/*
 * Different values that distinct() counts exactly; above, it
 * estimates with HyperLogLog, to 0.8 %.
 */
#define SF_DISTINCT_EXACT 2048

struct sf_groups_options {
	unsigned mode;    /* SF_ASK_… */
	const char *by;   /* keys between commas; NULL or "": one group of all */
	const char *sum;  /* NULL: flows,packets,bytes */
	int64_t every_ns; /* bins of time by the start of each row, aligned to the clock; 0: none */
	bool spread;      /* bytes and packets over the bins that a flow lasts */
	bool local;       /* bins and times are those of local time */
	const char *sort; /* columns between commas, each perhaps with + or -; NULL: as below */
	const char *columns; /* which columns are printed, in that order; NULL: all */
	const char
		*having; /* "distinct(dport) > 100, flows >= 10": groups that are shown; or NULL */
	/*
	 * Show so many, the largest first; 0: all. Of groups in bins of time so many of each
	 * bin, of bins alone so many bins.
	 */
	uint64_t top;
	uint64_t limit;     /* then show the first so many, in the order of `sort`; 0: all */
	const char *top_by; /* the sum that tells; NULL: bytes if it is among them, or the first */
	bool bottom;        /* the smallest first instead */
	bool share;         /* per cent of the total, and cumulated */
	uint64_t memory;    /* most bytes that may be used; 0: no bound */
	uint64_t seed;      /* of the hash table, where input may be hostile */
};

struct sf_groups;

/*
 * Reads "10" or "10:packets" of an option into top and top_by, which
 * `text` lends; NULL changes nothing.
 */
int sf_groups_most(struct sf_groups_options *options, const char *option, const char *text,
	struct sf_error *error);

/* 0, -ENOMEM, or SF_EUSAGE with the reason and the nearest name. The texts are lent. */
int sf_groups_new(
	struct sf_groups **groups, const struct sf_groups_options *options, struct sf_error *error);
void sf_groups_free(struct sf_groups *groups);

/*
 * Another object with the same options, for another thread; freed before the first one. All of them
 * together may use options.memory.
 */
int sf_groups_like(struct sf_groups **copy, const struct sf_groups *groups, struct sf_error *error);

/* Some sum is right only if one object sees all rows, in the order of the file: jitter. */
bool sf_groups_need_order(const struct sf_groups *groups);

/* Adds a row. 0, or -ENOMEM: the memory that may be used is full, with advice in `error`. */
int sf_groups_put(struct sf_groups *groups, const struct sf_ask_row *row, struct sf_error *error);

/* Adds all directions of a flow that `directions` names: sf_where_flow(). */
int sf_groups_flow(struct sf_groups *groups, const struct sf_flow *flow,
	const struct sf_collected *record, unsigned directions, struct sf_error *error);

/*
 * Adds what another object with the same options has counted, which is
 * left empty. As sf_groups_put().
 */
int sf_groups_merge(struct sf_groups *groups, struct sf_groups *other, struct sf_error *error);

/*
 * The same by several threads, where few of many groups are shown: each object is divided, before
 * the first row, into parts of the keys, and each thread merges one part of all objects.
 *
 *	sf_groups_divide(all[k], count, &error) for each; rows are put
 *	if (sf_groups_parts(all[0]))
 *		sf_groups_settle(all[k], &error) for each
 *		in thread i: sf_groups_merge_part(all, count, i, &error);
 *		then: sf_groups_join(all, count, &error);
 *	else
 *		sf_groups_merge(all[0], all[k], &error) for each but the first
 *
 * Afterwards all[0] has the groups that may be shown, and the totals of all. Threads have nothing
 * in common. Errors as of sf_groups_merge().
 */
int sf_groups_divide(struct sf_groups *groups, unsigned count, struct sf_error *error);
unsigned sf_groups_parts(const struct sf_groups *groups); /* 0: it is not divided */
int sf_groups_settle(struct sf_groups *groups, struct sf_error *error);
int sf_groups_merge_part(
	struct sf_groups *const *all, unsigned count, unsigned part, struct sf_error *error);
int sf_groups_join(struct sf_groups *const *all, unsigned count, struct sf_error *error);

/* Chooses and orders what is shown. To be called once, at the end. 0 or -ENOMEM. */
int sf_groups_sort(struct sf_groups *groups, struct sf_error *error);

/* After the sort: the number of groups that are shown; the number of all groups. */
size_t sf_groups_shown(const struct sf_groups *groups);
size_t sf_groups_count(const struct sf_groups *groups);

/* The elements that keys and sums look for in records. */
void sf_groups_elements(const struct sf_groups *groups, struct sf_ask_elements *elements);

struct sf_groups_totals {
	uint64_t flows, packets, bytes; /* of all groups; a row of two hosts counts once */
	uint64_t unspread; /* flows too long for their bins, counted in that of their start */
	uint64_t memory;   /* bytes used */
	bool estimated;    /* some distinct() is an estimate */
};

/* Sums over all groups, shown or not. */
void sf_groups_totals(const struct sf_groups *groups, struct sf_groups_totals *totals);

#endif
