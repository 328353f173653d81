/* SPDX-License-Identifier: BSD-2-Clause */
/* Stands in for libbpf's header when the XDP program is compiled natively (test_xdp_program.c). */
#ifndef TESTS_UNIT_XDP_BPF_HELPERS_H
#define TESTS_UNIT_XDP_BPF_HELPERS_H

#include <linux/bpf.h>

#define SEC(name) __attribute__((used))
#define __weak
#define __ksym
#define __uint(name, value) int(*name)[value]
#define __type(name, value) typeof(value) *name

long bpf_redirect_map(void *map, __u64 key, __u64 flags);
long bpf_xdp_adjust_meta(struct xdp_md *ctx, int delta);
__u32 bpf_get_smp_processor_id(void);
__u64 bpf_ktime_get_ns(void);

#endif
