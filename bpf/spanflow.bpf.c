/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * XDP program of the AF_XDP driver: unicast to the interface's own address goes on to the host,
 * everything else into the socket of its receive queue. It parses the Ethernet destination only;
 * nothing in user space relies on what it looked at.
 *
 * Two variants: sf_steer runs everywhere; sf_steer_metadata also asks the device for its
 * timestamp and for the VLAN tag it took out of the frame. The kernel binds that one to a device
 * and refuses it in generic mode. Both can stamp a frame with the time of its arrival, which costs
 * some tens of ns; the driver asks for it where frames are copied anyway.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "spanflow_xdp.h"

#define ADDRESS_LENGTH 6

/* Sockets by receive queue; the driver sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

struct sf_xdp_counters counters[SF_XDP_CPUS] = {};

/* Set before loading; the verifier then drops what is not used. */
const volatile __u8 own_address[ADDRESS_LENGTH] = {};
const volatile _Bool device_time = 0;
const volatile _Bool device_vlan_tag = 0;
const volatile _Bool stamp_arrival = 0;

extern int bpf_xdp_metadata_rx_timestamp(const struct xdp_md *ctx, __u64 *timestamp) __ksym __weak;
extern int bpf_xdp_metadata_rx_vlan_tag(
	const struct xdp_md *ctx, __u16 *tpid, __u16 *tci) __ksym __weak;

static __always_inline struct sf_xdp_counters *own_counters(void)
{
	return &counters[bpf_get_smp_processor_id() & (SF_XDP_CPUS - 1)];
}

/* Is the frame addressed to this interface and to no one else? */
static __always_inline int is_for_host(const struct xdp_md *ctx)
{
	const __u8 *data = (const __u8 *)(long)ctx->data;
	const __u8 *end = (const __u8 *)(long)ctx->data_end;

	if (data + ADDRESS_LENGTH > end)
		return 0;
	for (int i = 0; i < ADDRESS_LENGTH; i++)
		if (data[i] != own_address[i])
			return 0;
	return 1;
}

static __always_inline int steer(struct xdp_md *ctx)
{
	int action = (int)bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS);

	if (action != XDP_REDIRECT)
		__sync_fetch_and_add(&own_counters()->unserved, 1);
	return action;
}

static __always_inline int pass(void)
{
	__sync_fetch_and_add(&own_counters()->passed, 1);
	return XDP_PASS;
}

/* Puts what is known before the frame; without room for it the driver reads its own clock. */
static __always_inline void put_metadata(struct xdp_md *ctx, struct sf_xdp_metadata known)
{
	struct sf_xdp_metadata *metadata;

	if (stamp_arrival) {
		known.arrival = bpf_ktime_get_ns();
		known.flags |= SF_XDP_ARRIVAL;
	}
	if (!known.flags || bpf_xdp_adjust_meta(ctx, -(int)sizeof(*metadata)) != 0)
		return;
	metadata = (struct sf_xdp_metadata *)(long)ctx->data_meta;
	if ((__u8 *)(metadata + 1) > (__u8 *)(long)ctx->data)
		return;
	known.flags |= SF_XDP_MARK;
	*metadata = known;
}

SEC("xdp")
int sf_steer(struct xdp_md *ctx)
{
	if (is_for_host(ctx))
		return pass();
	put_metadata(ctx, (struct sf_xdp_metadata){});
	return steer(ctx);
}

SEC("xdp")
int sf_steer_metadata(struct xdp_md *ctx)
{
	struct sf_xdp_metadata known = {};

	if (is_for_host(ctx))
		return pass();
	if (device_time && bpf_xdp_metadata_rx_timestamp(ctx, &known.device_time) == 0)
		known.flags |= SF_XDP_DEVICE_TIME;
	if (device_vlan_tag &&
		bpf_xdp_metadata_rx_vlan_tag(ctx, &known.vlan_tpid, &known.vlan_tci) == 0)
		known.flags |= SF_XDP_VLAN;
	put_metadata(ctx, known);
	return steer(ctx);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
