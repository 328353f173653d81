/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The XDP program, compiled natively with stubs in place of the kernel's helpers. Its context has
 * 32-bit addresses, so frames lie in the low 4 GiB, flush against a page that must not be read.
 */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* the real ones come with conflicting declarations */
#include "../../bpf/spanflow.bpf.c"
#include "check_main.h"

#define PAGE 4096

static uint8_t *page; /* readable; the next one is not */
static int slot_filled, meta_refused, has_timestamp, has_tag;
static __u32 redirected_to;

long bpf_redirect_map(void *map, __u64 key, __u64 flags)
{
	ck_assert_ptr_eq(map, &sockets);
	redirected_to = (__u32)key;
	return slot_filled ? XDP_REDIRECT : (long)(flags & 3);
}

long bpf_xdp_adjust_meta(struct xdp_md *ctx, int delta)
{
	if (meta_refused)
		return -1;
	ctx->data_meta = (__u32)((int64_t)ctx->data_meta + delta);
	return 0;
}

__u64 bpf_ktime_get_ns(void)
{
	return 987654321;
}

__u32 bpf_get_smp_processor_id(void)
{
	return SF_XDP_CPUS + 3;
}

int bpf_xdp_metadata_rx_timestamp(const struct xdp_md *ctx, __u64 *timestamp)
{
	(void)ctx;
	*timestamp = 1234567890;
	return has_timestamp ? 0 : -61;
}

int bpf_xdp_metadata_rx_vlan_tag(const struct xdp_md *ctx, __u16 *tpid, __u16 *tci)
{
	(void)ctx;
	*tpid = 0x0081;
	*tci = 7;
	return has_tag ? 0 : -61;
}

/* Writes a constant, as the loader does before loading; hidden, so that the store is kept. */
static void set_constant(const volatile void *constant, const void *value, size_t size)
{
	uintptr_t at = (uintptr_t)constant;
	uintptr_t start = at & ~(uintptr_t)(PAGE - 1);

	ck_assert_int_eq(mprotect((void *)start, 2 * PAGE, PROT_READ | PROT_WRITE), 0);
	__asm__ volatile("" : "+r"(at) : : "memory");
	memcpy((void *)at, value, size);
}

static void set_constants(_Bool stamping)
{
	static const uint8_t own[] = { 2, 4, 6, 8, 10, 12 };
	static const _Bool yes = 1;

	set_constant(own_address, own, sizeof(own));
	set_constant(&device_time, &yes, sizeof(yes));
	set_constant(&device_vlan_tag, &yes, sizeof(yes));
	set_constant(&stamp_arrival, &stamping, sizeof(stamping));
}

static void setup(void)
{
	page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
		-1, 0);
	ck_assert_ptr_ne(page, MAP_FAILED);
	ck_assert_int_eq(mprotect(page + PAGE, PAGE, PROT_NONE), 0);
	set_constants(0);
	memset(counters, 0, sizeof(counters));
	slot_filled = 1;
	meta_refused = has_timestamp = has_tag = 0;
}

/* A frame of `length` bytes to `last` as the last octet of the destination, at the page's end. */
static struct xdp_md frame(unsigned length, uint8_t last)
{
	uint8_t destination[] = { 2, 4, 6, 8, 10, last };
	uint8_t *data = page + PAGE - length;

	memcpy(data, destination, length < 6 ? length : 6);
	return (struct xdp_md){ .data = (__u32)(uintptr_t)data,
		.data_end = (__u32)(uintptr_t)(data + length),
		.data_meta = (__u32)(uintptr_t)data,
		.rx_queue_index = 5 };
}

START_TEST(test_own_address_passes)
{
	struct xdp_md ctx;

	setup();
	ctx = frame(64, 12);
	ck_assert_int_eq(sf_steer(&ctx), XDP_PASS);
	ck_assert_int_eq(sf_steer_metadata(&ctx), XDP_PASS);
	ck_assert_uint_eq(counters[3].passed, 2);
	ck_assert_uint_eq(counters[3].unserved, 0);
	ctx = frame(6, 12);
	ck_assert_int_eq(sf_steer(&ctx), XDP_PASS);
}
END_TEST

START_TEST(test_others_go_to_the_socket)
{
	struct xdp_md ctx;

	setup();
	ctx = frame(64, 13);
	ck_assert_int_eq(sf_steer(&ctx), XDP_REDIRECT);
	ck_assert_uint_eq(redirected_to, 5);
	page[PAGE - 64] = 0xff;
	ctx.data = (__u32)(uintptr_t)(page + PAGE - 64);
	ck_assert_int_eq(sf_steer_metadata(&ctx), XDP_REDIRECT);
	ck_assert_uint_eq(counters[3].passed, 0);
}
END_TEST

/* Shorter than an address: nobody's in particular, so metered; never read past the end. */
START_TEST(test_short_frames)
{
	setup();
	for (unsigned length = 0; length < 6; length++) {
		struct xdp_md ctx = frame(length, 12);

		ck_assert_int_eq(sf_steer(&ctx), XDP_REDIRECT);
		ck_assert_int_eq(sf_steer_metadata(&ctx), XDP_REDIRECT);
	}
}
END_TEST

START_TEST(test_without_socket_the_host_gets_it)
{
	struct xdp_md ctx;

	setup();
	slot_filled = 0;
	ctx = frame(64, 13);
	ck_assert_int_eq(sf_steer(&ctx), XDP_PASS);
	ck_assert_uint_eq(counters[3].unserved, 1);
}
END_TEST

START_TEST(test_metadata)
{
	struct sf_xdp_metadata metadata;
	struct xdp_md ctx;

	setup();
	has_tag = 1;
	ctx = frame(64, 13);
	ck_assert_int_eq(sf_steer_metadata(&ctx), XDP_REDIRECT);
	memcpy(&metadata, page + PAGE - 64 - sizeof(metadata), sizeof(metadata));
	ck_assert_uint_eq(metadata.flags, SF_XDP_MARK | SF_XDP_VLAN);
	ck_assert_uint_eq(metadata.vlan_tci, 7);
	ck_assert_uint_eq(metadata.vlan_tpid, 0x0081);

	has_timestamp = 1;
	ctx = frame(64, 13);
	ck_assert_int_eq(sf_steer_metadata(&ctx), XDP_REDIRECT);
	memcpy(&metadata, page + PAGE - 64 - sizeof(metadata), sizeof(metadata));
	ck_assert_uint_eq(metadata.flags, SF_XDP_MARK | SF_XDP_VLAN | SF_XDP_DEVICE_TIME);
	ck_assert_uint_eq(metadata.device_time, 1234567890);

	memset(page, 0, PAGE);
	meta_refused = 1;
	ctx = frame(64, 13);
	ck_assert_int_eq(sf_steer_metadata(&ctx), XDP_REDIRECT);
	memcpy(&metadata, page + PAGE - 64 - sizeof(metadata), sizeof(metadata));
	ck_assert_uint_eq(metadata.flags, 0);
}
END_TEST

/* Both variants stamp on request; nothing known and no stamp asked for: no metadata. */
START_TEST(test_arrival)
{
	int (*const programs[])(struct xdp_md *) = { sf_steer, sf_steer_metadata };

	setup();
	for (unsigned i = 0; i < 2; i++) {
		struct sf_xdp_metadata metadata;
		struct xdp_md ctx;

		for (int stamping = 0; stamping <= 1; stamping++) {
			memset(page, 0, PAGE);
			set_constants(stamping);
			ctx = frame(64, 13);
			ck_assert_int_eq(programs[i](&ctx), XDP_REDIRECT);
			ck_assert_uint_eq(
				ctx.data - ctx.data_meta, stamping ? sizeof(metadata) : 0);
			memcpy(&metadata, page + PAGE - 64 - sizeof(metadata), sizeof(metadata));
			ck_assert_uint_eq(
				metadata.flags, stamping ? SF_XDP_MARK | SF_XDP_ARRIVAL : 0);
			ck_assert_uint_eq(metadata.arrival, stamping ? 987654321 : 0);
		}
	}
}
END_TEST

CHECK_MAIN("xdp_program", test_own_address_passes, test_others_go_to_the_socket, test_short_frames,
	test_without_socket_the_host_gets_it, test_metadata, test_arrival)
