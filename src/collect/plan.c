/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The copy plan of a template: which bytes of a record go where in the flow record.
 *
 * Most templates are plain: they describe one direction, with one pair of addresses, an absolute
 * start and end, and no number that is longer than its member. What settle.c finds out for each
 * record is then the same for all records, and known when the template arrives. So a record is
 * converted by copying fields.
 *
 * Fields that most exporters send with the same length form groups (GROUPS). If a template has all
 * fields of a group, they are copied by unrolled code, which takes only the offsets in the record
 * from the plan. Other fields are copied one by one. Members that no copy fills are zeroed once for
 * all records of a set.
 *
 * ICMP records are converted by convert.c and settle.c, because type and
 * code depend on several fields.
 */
#include <string.h>

#include "base/branch.h"
#include "base/value.h"
#include "base/wire.h"
#include "collect/convert.h"

#define SLOT(slot) (UINT64_C(1) << (slot))

/* Slots that a template with a plan may have. */
#define PLAIN_SLOTS                                                                                \
	(SLOT(SLOT_START) | SLOT(SLOT_END) | SLOT(SLOT_OCTETS) | SLOT(SLOT_PACKETS) |              \
		SLOT(SLOT_INGRESS) | SLOT(SLOT_EGRESS) | SLOT(SLOT_DIRECTION) | SLOT(SLOT_MPLS) |  \
		SLOT(SLOT_FLOW_LABEL) | SLOT(SLOT_TCP_FLAGS) | SLOT(SLOT_TOS) |                    \
		SLOT(SLOT_TTL_MIN) | SLOT(SLOT_TTL_MAX) | SLOT(SLOT_SRC_MAC) |                     \
		SLOT(SLOT_DST_MAC) | SLOT(SLOT_SRC4) | SLOT(SLOT_DST4) | SLOT(SLOT_SRC6) |         \
		SLOT(SLOT_DST6) | SLOT(SLOT_VERSION) | SLOT(SLOT_SPORT) | SLOT(SLOT_DPORT) |       \
		SLOT(SLOT_PROTOCOL) | SLOT(SLOT_VLAN) | SLOT(SLOT_CVLAN) | SLOT(SLOT_ID) |         \
		SLOT(SLOT_END_REASON) | SLOT(SLOT_ICMP4) | SLOT(SLOT_ICMP6))

#define TIMES    (SLOT(SLOT_START) | SLOT(SLOT_END))
#define FAMILY_4 (SLOT(SLOT_SRC4) | SLOT(SLOT_DST4))
#define FAMILY_6 (SLOT(SLOT_SRC6) | SLOT(SLOT_DST6))
#define RARE     (SLOT(SLOT_MPLS) | SLOT(SLOT_FLOW_LABEL) | SLOT(SLOT_SRC_MAC) | SLOT(SLOT_DST_MAC))

/* ---------------------------------------------------------------- compiling */

bool sf_collect_plan_begin(struct sf_collect_template *template)
{
	const uint64_t slots = template->slots[0], families = slots & (FAMILY_4 | FAMILY_6);

	template->plan.copy_count = 0;
	return template->fixed && !template->options && template->slots[1] == 0 &&
	       (slots & ~PLAIN_SLOTS) == 0 && (slots & TIMES) == TIMES && families != 0 &&
	       (!(families & FAMILY_4) || !(families & FAMILY_6)) &&
	       template->min_length <= UINT16_MAX;
}

void sf_collect_plan_add(
	struct sf_collect_template *template, enum sf_copy kind, unsigned from, size_t to)
{
	template->plan.copies[template->plan.copy_count++] =
		(struct sf_collect_copy){ (uint16_t)from, (uint16_t)to, kind };
}

/* The copy of this kind to this member, or NULL. */
static struct sf_collect_copy *find_copy(struct sf_collect_plan *plan, enum sf_copy kind, size_t to)
{
	for (unsigned i = 0; i < plan->copy_count; i++)
		if (plan->copies[i].kind == kind && plan->copies[i].to == to)
			return &plan->copies[i];
	return NULL;
}

static void remove_copy(struct sf_collect_plan *plan, struct sf_collect_copy *copy)
{
	*copy = plan->copies[--plan->copy_count];
}

/*
 * The groups of copies: C(kind, member, index in sf_collect_plan.from) for each copy. Most
 * templates have all copies of a group or none.
 */
#define GROUP_0(C) C(BYTES_4, flow.addr[0], 0) C(BYTES_4, flow.addr[1], 1)
#define GROUP_1(C) C(2_2, flow.port[0], 2) C(2_2, flow.port[1], 3) C(1_1, flow.protocol, 4)
#define GROUP_2(C) C(1_1, flow.half[0].tos, 5) C(1_2, flow.half[0].tcp_flags, 6)
#define GROUP_3(C) C(8_8, flow.half[0].octets, 7) C(8_8, flow.half[0].packets, 8)
#define GROUP_4(C)                                                                                 \
	C(MILLISECONDS, flow.half[0].start_ns, 9) C(MILLISECONDS, flow.half[0].end_ns, 10)
#define GROUP_5(C)                                                                                 \
	C(4_4, flow.half[0].ingress, 11) C(4_4, egress[0], 12) C(1_1, flow.end_reason, 13)
#define GROUP_6(C) C(2_2, flow.vlan, 14) C(2_2, flow.cvlan, 15) C(1_1, flow_direction[0], 16)
#define GROUP_7(C) C(BYTES_16, flow.addr[0], 17) C(BYTES_16, flow.addr[1], 18)

#define GROUPS(G) G(0) G(1) G(2) G(3) G(4) G(5) G(6) G(7)

/* Notes the groups that are complete, and removes their copies from the single ones. */
static void form_groups(struct sf_collect_plan *plan)
{
#define FIND(copy_kind, member, index)                                                             \
	found[index] =                                                                             \
		find_copy(plan, SF_COPY_##copy_kind, offsetof(struct sf_collected, member));       \
	complete &= found[index] != NULL;
#define TAKE(copy_kind, member, index)                                                             \
	plan->from[index] =                                                                        \
		find_copy(plan, SF_COPY_##copy_kind, offsetof(struct sf_collected, member))->from; \
	remove_copy(plan,                                                                          \
		find_copy(plan, SF_COPY_##copy_kind, offsetof(struct sf_collected, member)));
#define FORM(group)                                                                                \
	complete = true;                                                                           \
	GROUP_##group(FIND) if (complete)                                                          \
	{                                                                                          \
		plan->groups |= 1u << group;                                                       \
		GROUP_##group(TAKE)                                                                \
	}
	const struct sf_collect_copy *found[SF_COPIES_GROUPED];
	bool complete;

	GROUPS(FORM)
}

void sf_collect_plan_end(struct sf_collect_template *template)
{
	struct sf_collect_plan *plan = &template->plan;
	const uint64_t slots = template->slots[0];

	plan->ip_version = slots & FAMILY_6 ? 6 : 4;
	plan->rare = (slots & RARE) != 0;
	plan->label = (slots & SLOT(SLOT_FLOW_LABEL)) != 0;
	memcpy(plan->known, template->known, sizeof(plan->known));
	if (slots & SLOT(SLOT_VERSION))
		plan->known[0] |= SF_KNOWN_VERSION;
	if (slots & (SLOT(SLOT_SRC4) | SLOT(SLOT_SRC6)))
		plan->known[0] |= SF_KNOWN_ADDRESS;
	if (slots & (SLOT(SLOT_DST4) | SLOT(SLOT_DST6)))
		plan->known[1] |= SF_KNOWN_ADDRESS;
	form_groups(plan);
	plan->usable = true;
}

/* ---------------------------------------------------------------- running */

void sf_collect_plan_prepare(
	struct sf_collect_message *message, const struct sf_collect_template *template)
{
	struct sf_collected *out = &message->out;

	sf_collect_flow_begin(message);
	memset(out->wide, 0, sizeof(out->wide));
	memset(out->egress, 0, sizeof(out->egress));
	memset(out->flow_direction, 0, sizeof(out->flow_direction));
	memcpy(out->known, template->plan.known, sizeof(out->known));
	out->flow.domain = out->domain;
	out->flow.ip_version = template->plan.ip_version;
	out->flow.directions = SF_FORWARD;
}

/* Sets SF_HAS_… for MAC addresses, MPLS and flow label. */
static void rare_facts(struct sf_flow *flow, bool label)
{
	static const uint8_t none[6];

	if (memcmp(sf_fact_get_src_mac(flow, 0), none, 6) != 0 ||
		memcmp(sf_fact_get_dst_mac(flow, 0), none, 6) != 0)
		flow->has |= SF_HAS_MAC;
	if (sf_fact_get_mpls(flow, 0))
		flow->has |= SF_HAS_MPLS;
	if (label)
		flow->has |= SF_HAS_FLOW_LABEL;
}

/* The kinds of copies: a field at `from` into a member at `to`. */
static sf_always_inline void copy_1_1(void *to, const uint8_t *from)
{
	memcpy(to, from, 1);
}

static sf_always_inline void copy_1_2(void *to, const uint8_t *from)
{
	memcpy(to, &(uint16_t){ *from }, 2);
}

static sf_always_inline void copy_2_2(void *to, const uint8_t *from)
{
	memcpy(to, &(uint16_t){ sf_load_be16(from) }, 2);
}

static sf_always_inline void copy_2_4(void *to, const uint8_t *from)
{
	memcpy(to, &(uint32_t){ sf_load_be16(from) }, 4);
}

static sf_always_inline void copy_4_4(void *to, const uint8_t *from)
{
	memcpy(to, &(uint32_t){ sf_load_be32(from) }, 4);
}

static sf_always_inline void copy_4_8(void *to, const uint8_t *from)
{
	memcpy(to, &(uint64_t){ sf_load_be32(from) }, 8);
}

static sf_always_inline void copy_8_8(void *to, const uint8_t *from)
{
	memcpy(to, &(uint64_t){ sf_load_be64(from) }, 8);
}

static sf_always_inline void copy_BYTES_4(void *to, const uint8_t *from)
{
	memcpy(to, from, 4);
}

static sf_always_inline void copy_BYTES_6(void *to, const uint8_t *from)
{
	memcpy(to, from, 6);
}

static sf_always_inline void copy_BYTES_16(void *to, const uint8_t *from)
{
	memcpy(to, from, 16);
}

static sf_always_inline void copy_MILLISECONDS(void *to, const uint8_t *from)
{
	memcpy(to, &(int64_t){ sf_collect_time(sf_load_be64(from), SF_NS_PER_MS) }, 8);
}

static sf_always_inline void copy_MICROSECONDS(void *to, const uint8_t *from)
{
	memcpy(to, &(int64_t){ sf_ntp_to_ns(sf_load_be64(from), 1000) }, 8);
}

static sf_always_inline void copy_NANOSECONDS(void *to, const uint8_t *from)
{
	memcpy(to, &(int64_t){ sf_ntp_to_ns(sf_load_be64(from), 1) }, 8);
}

/*
 * The copies that are in no group. Not inlined, so that templates
 * without them need fewer registers.
 */
static __attribute__((noinline)) void copy_singles(
	struct sf_collected *out, const struct sf_collect_plan *plan, const uint8_t *record)
{
	for (unsigned i = 0; i < plan->copy_count; i++) {
		const struct sf_collect_copy *copy = &plan->copies[i];

		switch (copy->kind) {
#define X(copy_kind)                                                                               \
	case SF_COPY_##copy_kind:                                                                  \
		copy_##copy_kind((uint8_t *)out + copy->to, record + copy->from);                  \
		break;
			SF_COPIES(X)
#undef X
		}
	}
}

bool sf_collect_plan_run(
	struct sf_collected *out, const struct sf_collect_template *template, const uint8_t *record)
{
	const struct sf_collect_plan *plan = &template->plan;
	struct sf_flow *flow = &out->flow;
	struct sf_flow_half *half = &flow->half[0];
	const unsigned groups = plan->groups;

#define COPY(copy_kind, member, index) copy_##copy_kind(&out->member, record + plan->from[index]);
#define RUN(group)                                                                                 \
	if (sf_likely(groups & 1u << group)) {                                                     \
		GROUP_##group(COPY)                                                                \
	}
	GROUPS(RUN)
	if (sf_unlikely(plan->copy_count))
		copy_singles(out, plan, record);
	if (sf_flow_is_icmp(flow))
		return false;
	if (half->end_ns < half->start_ns) {
		int64_t earlier = half->end_ns;

		half->end_ns = half->start_ns;
		half->start_ns = earlier;
	}
	flow->has = (flow->vlan ? SF_HAS_VLAN : 0) | (flow->cvlan ? SF_HAS_CVLAN : 0);
	if (plan->rare)
		rare_facts(flow, plan->label);
	return true;
}
