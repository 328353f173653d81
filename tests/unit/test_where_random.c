/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random conditions on flow records, against an evaluator that knows no compiler: it walks a tree
 * of its own.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ask/where.h"
#include "check_main.h"

#define NS       INT64_C(1000000000)
#define MIDNIGHT (INT64_C(1763596800) * NS) /* 2025-11-20T00:00:00Z */

static uint64_t state = 88172645463325252u;

static unsigned random_below(unsigned bound)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 16) % bound;
}

static struct sf_flow random_flow(void)
{
	static const uint8_t protocols[] = { 1, 6, 17, 17, 6, 47, 58 };
	struct sf_flow flow = { .protocol = protocols[random_below(7)], .domain = random_below(3) };

	flow.ip_version = random_below(4) ? 4 : 6;
	flow.directions = (uint8_t)(1 + random_below(3));
	flow.vlan = (uint16_t)random_below(3);
	flow.has = flow.vlan ? SF_HAS_VLAN : 0;
	for (unsigned d = 0; d < 2; d++) {
		struct sf_flow_half *half = &flow.half[d];

		flow.addr[d][0] = 10;
		flow.addr[d][flow.ip_version == 4 ? 3 : 15] = (uint8_t)random_below(4);
		flow.port[d] = (uint16_t)random_below(4);
		half->packets = random_below(5);
		half->octets = half->packets * 100 + random_below(100);
		half->start_ns = MIDNIGHT + random_below(4) * NS;
		half->end_ns = half->start_ns + random_below(4) * NS;
		half->tcp_flags = flow.protocol == 6 ? (uint16_t)random_below(64) : 0;
		half->tos = (uint8_t)random_below(4);
	}
	return flow;
}

/* A condition: how it is written, and what it says of direction d of a flow. */
struct naive {
	char operator; /* & | ! or c for a condition */
	unsigned what, number;
	struct naive *left, *right;
};

#define CONDITIONS 14

static bool naive_condition(const struct naive *n, const struct sf_flow *f, unsigned d)
{
	const struct sf_flow_half *half = &f->half[d];
	bool ports = f->protocol == 6 || f->protocol == 17;
	unsigned last = f->ip_version == 4 ? 3 : 15, k = n->number;

	switch (n->what) {
	case 0:
		return f->ip_version == 4 && f->addr[d][last] == k;
	case 1:
		return f->ip_version == 6 && (f->addr[0][last] == k || f->addr[1][last] == k);
	case 2:
		return ports && f->port[!d] == k;
	case 3:
		return ports && (f->port[0] > k || f->port[1] > k);
	case 4:
		return f->protocol == (k ? 6 : 17);
	case 5:
		return f->protocol == 6 && (half->tcp_flags & 0x12) == 2;
	case 6:
		return half->octets >= 100u * k;
	case 7:
		return half->packets != k;
	case 8:
		return half->end_ns - half->start_ns > k * NS;
	case 9:
		return half->start_ns < MIDNIGHT + k * NS;
	case 10:
		return half->packets && half->octets / half->packets > 100 + 10 * k;
	case 11:
		return f->vlan && f->vlan <= k;
	case 12:
		return f->ip_version == 4 && f->addr[!d][last] / 2 == k / 2;
	default:
		return f->domain == k;
	}
}

static char *naive_condition_text(const struct naive *n, char *p)
{
	unsigned k = n->number;

	switch (n->what) {
	case 0:
		return p + sprintf(p, "src host 10.0.0.%u", k);
	case 1:
		return p + sprintf(p, "host a00::%u", k);
	case 2:
		return p + sprintf(p, "dst port %u", k);
	case 3:
		return p + sprintf(p, "port > %u", k);
	case 4:
		return p + sprintf(p, "proto %s", k ? "tcp" : "udp");
	case 5:
		return p + sprintf(p, "flags S/SA");
	case 6:
		return p + sprintf(p, "bytes >= 0.%uk", k);
	case 7:
		return p + sprintf(p, "packets != %u", k);
	case 8:
		return p + sprintf(p, "duration > %us", k);
	case 9:
		return p + sprintf(p, "start < 2025-11-20T00:00:0%u", k);
	case 10:
		return p + sprintf(p, "bpp > %u", 100 + 10 * k);
	case 11:
		return p + sprintf(p, "vlan <= %u", k);
	case 12:
		return p + sprintf(p, "dst net 10.0.0.%u/31", k);
	default:
		return p + sprintf(p, "domain = %u", k);
	}
}

static struct naive *naive_make(unsigned depth)
{
	struct naive *n = calloc(1, sizeof(*n));

	ck_assert_ptr_nonnull(n);
	n->operator= depth == 0 || random_below(4) == 0 ? 'c' : "&|!"[random_below(3)];
	if (n->operator== 'c') {
		n->what = random_below(CONDITIONS);
		n->number = random_below(4);
		return n;
	}
	n->left = naive_make(depth - 1);
	if (n->operator!= '!')
		n->right = naive_make(depth - 1);
	return n;
}

static void naive_free(struct naive *n)
{
	if (!n)
		return;
	naive_free(n->left);
	naive_free(n->right);
	free(n);
}

static bool naive_match(const struct naive *n, const struct sf_flow *f, unsigned d)
{
	if (n->operator== 'c')
		return naive_condition(n, f, d);
	if (n->operator== '!')
		return !naive_match(n->left, f, d);
	return n->operator== '&' ? naive_match(n->left, f, d) && naive_match(n->right, f, d)
				 : naive_match(n->left, f, d) || naive_match(n->right, f, d);
}

static char *naive_text(const struct naive *n, char *p)
{
	if (n->operator== 'c')
		return naive_condition_text(n, p);
	if (n->operator== '!') {
		p += sprintf(p, "not (");
		p = naive_text(n->left, p);
		return p + sprintf(p, ")");
	}
	p += sprintf(p, "(");
	p = naive_text(n->left, p);
	p += sprintf(p, n->operator== '&' ? " and " : " || ");
	p = naive_text(n->right, p);
	return p + sprintf(p, ")");
}

START_TEST(random_expressions_are_what_a_naive_evaluator_says)
{
	static char text[1 << 16];
	unsigned met = 0, asked = 0;

	for (unsigned round = 0; round < 3000; round++) {
		struct sf_where_options how = { .mode = SF_ASK_UNIFLOW, .now_ns = MIDNIGHT };
		struct naive *naive = naive_make(1 + random_below(6));
		struct sf_error error = { 0 };
		struct sf_where *where;

		naive_text(naive, text);
		ck_assert_msg(
			sf_where_new(&where, text, &how, &error) == 0, "%s: %s", text, error.text);
		for (unsigned i = 0; i < 30; i++) {
			const struct sf_flow flow = random_flow();
			unsigned expected = 0, got = sf_where_flow(where, &flow, NULL);

			for (unsigned d = 0; d < 2; d++)
				if (flow.directions >> d & 1)
					expected |= (unsigned)naive_match(naive, &flow, d) << d;
			ck_assert_msg(got == expected, "%s: %u, not %u", text, got, expected);
			met += got != 0;
			asked++;
		}
		sf_where_free(where);
		naive_free(naive);
	}
	/* neither all nor nothing, or it proves little */
	ck_assert_uint_gt(met, asked / 10);
	ck_assert_uint_lt(met, asked * 9 / 10);
}
END_TEST

CHECK_MAIN("where_random", random_expressions_are_what_a_naive_evaluator_says)
