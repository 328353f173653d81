/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An AF_XDP socket for receiving, with its own packet memory. The memory is a shared mapping, so
 * that the kernel goes on writing into this process's memory if it forks. Both rings have a place
 * for every chunk, so frames are lost only when all chunks hold frames that were not read.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "af_xdp/xdp.h"

#define HEADROOM        256 /* XDP_PACKET_HEADROOM: before every frame */
#define COMPLETION_SIZE 64
#define INHIBIT_PROGRAM 1 /* XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD, or libbpf's name for it */

#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4) /* Linux 6.6 */
#endif

uint32_t sf_xdp_socket_frame_max(uint32_t chunk)
{
	return chunk - HEADROOM;
}

/* Registers the memory. If the limit of locked memory is too low, raises it and tries again. */
static int create_umem(struct sf_xdp_socket *socket, uint32_t chunks)
{
	const struct xsk_umem_config config = {
		.fill_size = chunks,
		.comp_size = COMPLETION_SIZE,
		.frame_size = socket->chunk,
	};
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	int result = xsk_umem__create(&socket->umem, socket->area, socket->area_size, &socket->fill,
		&socket->completion, &config);

	if (result == -ENOBUFS && setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0)
		result = xsk_umem__create(&socket->umem, socket->area, socket->area_size,
			&socket->fill, &socket->completion, &config);
	return result;
}

static void fill_all(struct sf_xdp_socket *socket, uint32_t chunks)
{
	uint32_t at = 0, n = xsk_ring_prod__reserve(&socket->fill, chunks, &at);

	for (uint32_t i = 0; i < n; i++)
		*xsk_ring_prod__fill_addr(&socket->fill, at + i) = (uint64_t)i * socket->chunk;
	xsk_ring_prod__submit(&socket->fill, n);
}

/*
 * True if the process has no descriptors left; libxdp then reports that it cannot find the
 * interface. It has closed its own descriptors by then, so this opens some to find out.
 */
static bool descriptors_are_short(void)
{
	int fds[4];
	unsigned count = 0;

	while (count < 4 && (fds[count] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)) >= 0)
		count++;
	for (unsigned i = 0; i < count; i++)
		close(fds[i]);
	return count < 4 && errno == EMFILE;
}

int sf_xdp_socket_open(struct sf_xdp_socket *socket, const struct sf_netdev *netdev, unsigned queue,
	enum sf_xdp_mode mode, bool fragments, uint32_t bytes, uint32_t chunk,
	struct xsk_socket **xsk)
{
	uint32_t chunks = 1;
	struct xsk_socket_config config = {
		.libbpf_flags = INHIBIT_PROGRAM,
		.xdp_flags = mode == SF_XDP_GENERIC ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE,
		.bind_flags = XDP_USE_NEED_WAKEUP,
	};
	int result;

	while ((uint64_t)chunks * 2 * chunk <= bytes)
		chunks *= 2;
	config.rx_size = chunks;
	config.bind_flags |= mode == SF_XDP_NATIVE_ZEROCOPY ? XDP_ZEROCOPY : XDP_COPY;
	if (fragments)
		config.bind_flags |= XDP_USE_SG;
	/* libxdp relies on zeroed rings; `xsk` is left out because other threads may read it */
	memset(&socket->rx, 0, sizeof(socket->rx));
	memset(&socket->fill, 0, sizeof(socket->fill));
	memset(&socket->completion, 0, sizeof(socket->completion));
	socket->queue = queue;
	socket->chunk = chunk;
	socket->area_size = (size_t)chunks * chunk;
	socket->area = mmap(
		NULL, socket->area_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (socket->area == MAP_FAILED) {
		socket->area = NULL;
		return -ENOMEM;
	}
	result = create_umem(socket, chunks);
	if (result == 0) {
		fill_all(socket, chunks);
		result = xsk_socket__create(
			xsk, netdev->name, queue, socket->umem, &socket->rx, NULL, &config);
		if (result < 0 && descriptors_are_short())
			result = -EMFILE;
	}
	if (result < 0)
		sf_xdp_socket_close(socket);
	return result;
}

void sf_xdp_socket_close(struct sf_xdp_socket *socket)
{
	if (socket->xsk) {
		xsk_socket__delete(socket->xsk);
		socket->xsk = NULL;
	}
	if (socket->umem)
		xsk_umem__delete(socket->umem);
	if (socket->area)
		munmap(socket->area, socket->area_size);
	socket->umem = NULL;
	socket->area = NULL;
}
