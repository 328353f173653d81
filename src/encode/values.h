/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values of fields.def that are more than a member of the record: its expressions call these
 * functions. `d` is the direction that the record describes. Included by template.c alone.
 */
#ifndef SPANFLOW_ENCODE_VALUES_H
#define SPANFLOW_ENCODE_VALUES_H

#include <assert.h>

#include <spanflow/tunnel.h>

#include "base/annex.h"
#include "base/branch.h"
#include "base/element_id.h"
#include "base/experiments.h"
#include "base/list.h"
#include "base/local.h"
#include "encode/template.h"

/* ICMP has no ports: 0 and type << 8 | code is what collectors read (docs/collectors.md). */
static inline bool has_icmp_type(
	const struct sf_flow *flow, const struct sf_encode_context *context)
{
	return context->icmp_type == SF_ICMP_TYPE_UNKNOWN ? sf_flow_has_icmp_type(flow)
							  : context->icmp_type == SF_ICMP_TYPE_YES;
}

static inline uint16_t sf_field_source_port(
	const struct sf_flow *flow, unsigned d, const struct sf_encode_context *context)
{
	return has_icmp_type(flow, context) ? 0 : flow->port[d];
}

static inline uint16_t sf_field_destination_port(
	const struct sf_flow *flow, unsigned d, const struct sf_encode_context *context)
{
	return flow->port[has_icmp_type(flow, context) ? d : !d];
}

static sf_always_inline bool has_way(const struct sf_encode_context *context)
{
	return context->extra && context->extra->gives & SF_EXTRA_INTERFACES;
}

static sf_always_inline uint32_t sf_field_ingress(
	const struct sf_flow *flow, unsigned d, const struct sf_encode_context *context)
{
	return has_way(context) ? sf_extra_of(flow, context)->way[d].ingress
				: flow->half[d].ingress;
}

static sf_always_inline uint32_t sf_field_egress(
	const struct sf_flow *flow, unsigned d, const struct sf_encode_context *context)
{
	return has_way(context) ? sf_extra_of(flow, context)->way[d].egress : flow->half[d].ingress;
}

/* Which way through the own network; without options that is private and unique-local addresses. */
static sf_always_inline uint8_t sf_field_direction(
	const struct sf_flow *flow, unsigned d, const struct sf_encode_context *context)
{
	bool ipv6 = (context->ip_version ? context->ip_version : flow->ip_version) == 6;

	if (has_way(context))
		return sf_extra_of(flow, context)->way[d].direction;
	return sf_local_direction(flow->addr[d], flow->addr[!d], ipv6);
}

/* Of a folded record what is left of the address, else what the enricher gave for side i. */
static inline uint8_t sf_field_prefix_length(
	const struct sf_flow *flow, unsigned i, const struct sf_extra *extra)
{
	return flow->folded ? flow->prefix_length[i] : extra->side[i].prefix_length;
}

static inline uint64_t sf_field_ms(int64_t time_ns)
{
	return (uint64_t)(time_ns / 1000000);
}

static inline uint32_t sf_field_uptime(const struct sf_encode_context *context, int64_t time_ns)
{
	return (uint32_t)(time_ns / 1000000 - context->boot_ms);
}

/* RFC 5103 §6.3: 1 the source is the initiator, 2 it is the responder */
static inline uint8_t sf_field_biflow_direction(unsigned d)
{
	return (uint8_t)(1 + d);
}

/* The tunnel of direction d, as struct sf_tunnel_facts. */
static sf_always_inline const struct sf_shape_side *sf_field_shape(
	const struct sf_flow *flow, unsigned d)
{
	return (const struct sf_shape_side *)(const void *)sf_fact_get_shape(flow, d);
}

static inline uint32_t sf_field_shape_mean(const struct sf_flow *flow, unsigned d)
{
	const struct sf_shape_side *side = sf_field_shape(flow, d);

	return side->gap_count ? (uint32_t)(side->gap_sum / side->gap_count) : 0;
}

static sf_always_inline const struct sf_tcp_side *sf_field_tcp(
	const struct sf_flow *flow, unsigned d)
{
	return (const struct sf_tcp_side *)(const void *)sf_fact_get_tcp_quality(flow, d);
}

static inline uint32_t sf_field_tcp_mean(const struct sf_flow *flow, unsigned d)
{
	const struct sf_tcp_side *side = sf_field_tcp(flow, d);

	return side->rtt_count ? (uint32_t)(side->rtt_sum / side->rtt_count) : 0;
}

static inline const uint8_t *sf_field_tunnel(const struct sf_flow *flow, unsigned d)
{
	return sf_fact_get_tunnel(flow, d);
}

static_assert(offsetof(struct sf_tunnel_facts, destination) == 16 &&
		      offsetof(struct sf_tunnel_facts, id) == 32 &&
		      offsetof(struct sf_tunnel_facts, kind) == 40,
	"fields.def and below");

static inline uint32_t sf_field_tunnel_id(const struct sf_flow *flow, unsigned d)
{
	return (uint32_t)sf_fact_number(sf_field_tunnel(flow, d) + 32, 4);
}

static inline uint64_t sf_field_segment(const struct sf_flow *flow, unsigned d)
{
	return sf_tunnel_segment(sf_field_tunnel(flow, d)[40], sf_field_tunnel_id(flow, d));
}

/* The interface that saw the packets: that of flowDirection. */
static inline const struct sf_interface_info *sf_field_interface(const struct sf_extra_way *way)
{
	return way->direction ? way->egress_info : way->ingress_info;
}

/* What the mirror says of direction d, as struct sf_mirror_facts. */
static inline const uint8_t *sf_field_mirror(const struct sf_flow *flow, unsigned d)
{
	return sf_fact_get_mirror(flow, d);
}

static_assert(offsetof(struct sf_mirror_facts, port) == 4 &&
		      offsetof(struct sf_mirror_facts, known) == 11 &&
		      (SF_MIRROR_INGRESS | SF_MIRROR_EGRESS) == 3,
	"fields.def");

struct sf_tcp_options {
	uint8_t octets[32];
};

/* TCP options of direction d without those that experiments share, 253 and 254. */
static inline struct sf_tcp_options sf_field_not_shared(const struct sf_flow *flow, unsigned d)
{
	struct sf_tcp_options options;

	memcpy(options.octets, sf_fact_get_tcp_options(flow, d), sizeof(options.octets));
	options.octets[0] &= (uint8_t) ~(1u << (253 - 248) | 1u << (254 - 248));
	return options;
}

/* A set of base/experiments.h. */
static inline uint32_t sf_field_experiments(const struct sf_flow *flow, unsigned d)
{
	return (uint32_t)sf_fact_get_experiments(flow, d);
}

static inline struct sf_basic_list sf_field_experiments_16(const struct sf_flow *flow, unsigned d)
{
	struct sf_basic_list list = { .element = SF_IE_tcpSharedOptionExID16, .width = 2 };

	for (unsigned i = 0; i < SF_EXPERIMENTS_16; i++)
		if (sf_field_experiments(flow, d) >> i & 1)
			list.numbers[list.count++] = sf_experiments_16[i];
	return list;
}

static inline struct sf_basic_list sf_field_experiments_32(const struct sf_flow *flow, unsigned d)
{
	struct sf_basic_list list = { .element = SF_IE_tcpSharedOptionExID32, .width = 4 };

	for (unsigned i = 0; i < SF_EXPERIMENTS_32; i++)
		if (sf_field_experiments(flow, d) >> (16 + i) & 1)
			list.numbers[list.count++] = sf_experiments_32[i];
	return list;
}

/* What the payload of direction d said. */
static inline const struct sf_app *sf_field_app(const struct sf_flow *flow, unsigned d)
{
	return (const struct sf_app *)(const void *)sf_fact_get_app(flow, d);
}

/* Sets of kinds. */
#define OF_DNS  (1u << SF_APP_DNS)
#define OF_HTTP (1u << SF_APP_HTTP)
#define OF_TLS  (1u << SF_APP_TLS | 1u << SF_APP_QUIC)

/*
 * What one of these kinds said, of direction d before the other one; `answer`:
 * as an answer, or else as none.
 */
static inline const struct sf_app *sf_field_app_said(
	const struct sf_flow *flow, unsigned d, unsigned kinds, bool answer)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct sf_app *app = sf_field_app(flow, d ^ i);

		if (kinds >> app->kind & 1 && answer == (app->flags & SF_APP_ANSWER))
			return app;
	}
	return (const struct sf_app *)(const void *)sf_fact_nothing;
}

/* What each side of SSH begins with. */
static inline const uint8_t *sf_field_ssh(const struct sf_flow *flow, unsigned d)
{
	const struct sf_app *app = sf_field_app(flow, d);

	return app->kind == SF_APP_SSH ? sf_app_text(app, 0) : sf_fact_nothing;
}

/*
 * Applications that the readers of src/apps know. RFC 6759 §4: engine 3,
 * IANA-L4, and the port that names them.
 */
static const struct sf_application_row read_applications[SF_APP_KINDS] = {
	[SF_APP_DNS] = { { 3, 0, 53 }, "\3dns", "\22Domain Name System" },
	[SF_APP_TLS] = { { 3, 443 >> 8, 443 & 255 }, "\3tls", "\12TLS on TCP" },
	[SF_APP_QUIC] = { { 3, 443 >> 8, 443 & 255 }, "\4quic", "\15QUIC with TLS" },
	[SF_APP_HTTP] = { { 3, 0, 80 }, "\4http", "\10HTTP/1.x" },
	[SF_APP_SSH] = { { 3, 0, 22 }, "\3ssh", "\14Secure Shell" },
};

/*
 * The application of a flow, the same for both directions: what a classifier
 * says, or else what a reader knows.
 */
static inline const struct sf_application_row *sf_field_application(
	const struct sf_flow *flow, unsigned d)
{
	const struct sf_application_table *table =
		flow->annex ? flow->annex->layout->applications : NULL;
	const uint8_t kind = sf_field_app(flow, sf_field_app(flow, d)->kind ? d : !d)->kind;
	const struct sf_application *said[2];
	const struct sf_application_row *row;

	if (!table)
		return &read_applications[kind];
	for (unsigned i = 0; i < 2; i++)
		said[i] = (const struct sf_application *)(const void *)sf_fact_get_application(
			flow, i);
	/* the later answer of the two is the better one */
	row = sf_application_find(table, said[said[1]->rank > said[0]->rank]->id);
	if (!row)
		row = table->kinds[kind];
	return row ? row : &read_applications[kind];
}

/* The text of the request, or if it has none that of the answer; `answer`: the other way round. */
static inline const uint8_t *sf_field_app_text(
	const struct sf_flow *flow, unsigned d, unsigned kinds, unsigned i, bool answer)
{
	const uint8_t *text = sf_app_text(sf_field_app_said(flow, d, kinds, answer), i);

	return *text ? text : sf_app_text(sf_field_app_said(flow, d, kinds, !answer), i);
}

/* The same for numbers. */
static inline uint16_t sf_field_app_number(
	const struct sf_flow *flow, unsigned d, unsigned kinds, unsigned i, bool answer)
{
	const uint16_t number = sf_field_app_said(flow, d, kinds, answer)->number[i];

	return number ? number : sf_field_app_said(flow, d, kinds, !answer)->number[i];
}

static inline uint32_t sf_field_reverse_delay(const struct sf_flow *flow, unsigned d)
{
	int64_t ms = flow->half[!d].start_ns / 1000000 - flow->half[d].start_ns / 1000000;

	return ms < 0 ? 0 : ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

#endif
