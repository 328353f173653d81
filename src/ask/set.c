/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets of numbers, IPv4 and IPv6 networks: sorted ranges that do not touch, searched by halving.
 * IPv4 addresses are numbers of 32 bits in a list of their own.
 */
#include <stdlib.h>
#include <string.h>

#include "ask/internal.h"

typedef unsigned __int128 wide;

struct range {
	wide first, last;
};

struct list {
	struct range *ranges;
	size_t count, room;
};

struct sf_ask_set {
	struct list numbers, v4, v6;
};

struct sf_ask_set *sf_ask_set_new(void)
{
	return calloc(1, sizeof(struct sf_ask_set));
}

void sf_ask_set_free(struct sf_ask_set *set)
{
	if (!set)
		return;
	free(set->numbers.ranges);
	free(set->v4.ranges);
	free(set->v6.ranges);
	free(set);
}

static bool add(struct list *list, wide first, wide last)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 16;
		struct range *ranges = realloc(list->ranges, room * sizeof(*ranges));

		if (!ranges)
			return false;
		list->ranges = ranges;
		list->room = room;
	}
	list->ranges[list->count++] = (struct range){ first, last };
	return true;
}

bool sf_ask_set_numbers(struct sf_ask_set *set, uint64_t first, uint64_t last)
{
	return add(&set->numbers, first, last);
}

static wide address_number(const uint8_t *address, size_t length)
{
	wide number = 0;

	for (size_t i = 0; i < length; i++)
		number = number << 8 | address[i];
	return number;
}

static struct range network_range(const uint8_t *address, size_t length, unsigned bits)
{
	unsigned host = (unsigned)length * 8 - bits;
	wide rest = host == 128 ? ~(wide)0 : ((wide)1 << host) - 1;
	wide first = address_number(address, length) & ~rest;

	return (struct range){ first, first | rest };
}

bool sf_ask_set_network(
	struct sf_ask_set *set, const uint8_t *address, size_t length, unsigned bits)
{
	const struct range range = network_range(address, length, bits);

	return add(length == 4 ? &set->v4 : &set->v6, range.first, range.last);
}

static int compare(const void *a, const void *b)
{
	const struct range *left = a, *right = b;

	return left->first < right->first ? -1 : left->first > right->first;
}

/* Ranges that overlap or touch become one. */
static void sort(struct list *list)
{
	size_t kept = 0;

	if (list->count == 0)
		return;
	qsort(list->ranges, list->count, sizeof(*list->ranges), compare);
	for (size_t i = 1; i < list->count; i++) {
		struct range *last = &list->ranges[kept];

		if (list->ranges[i].first <= last->last ||
			list->ranges[i].first == last->last + 1) {
			if (list->ranges[i].last > last->last)
				last->last = list->ranges[i].last;
		} else {
			list->ranges[++kept] = list->ranges[i];
		}
	}
	list->count = kept + 1;
}

void sf_ask_set_sort(struct sf_ask_set *set)
{
	sort(&set->numbers);
	sort(&set->v4);
	sort(&set->v6);
}

/* Ranges of a list do not touch, so what is in several of them is not in the list as a whole. */
static bool has(const struct list *list, struct range range)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (range.first < list->ranges[middle].first)
			high = middle;
		else if (range.first > list->ranges[middle].last)
			low = middle + 1;
		else
			return range.last <= list->ranges[middle].last;
	}
	return false;
}

bool sf_ask_set_has_number(const struct sf_ask_set *set, uint64_t number)
{
	return has(&set->numbers, (struct range){ number, number });
}

bool sf_ask_set_has_network(
	const struct sf_ask_set *set, const uint8_t *address, size_t length, unsigned bits)
{
	return has(length == 4 ? &set->v4 : &set->v6, network_range(address, length, bits));
}
