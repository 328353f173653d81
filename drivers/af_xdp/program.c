/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loading and attaching the XDP program through the skeleton that bpftool makes of it. The
 * attachment is a BPF link: the kernel removes it when its descriptor closes, also after SIGKILL.
 *
 * The variant with metadata is loaded for one device (BPF_F_XDP_DEV_BOUND_ONLY, Linux 6.3). Older
 * kernels refuse the flag, and devices without an XDP driver refuse the attachment; then the plain
 * variant is loaded.
 *
 * A process without privileges asks a helper (base/helper.h) to load the program, and receives the
 * descriptors of the link, of the map of sockets and of the map of counters.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "af_xdp/xdp.h"
#include "bpf/spanflow_xdp.h"
#include "spanflow_xdp.skel.h"

#define DESCRIPTORS 8 /* that loading and attaching the program takes at most */

/* <linux/bpf.h> of Debian 12 lacks these */
#define PROG_HAS_FRAGMENTS (1U << 5) /* BPF_F_XDP_HAS_FRAGS, Linux 5.18 */
#define PROG_DEVICE_BOUND  (1U << 6) /* BPF_F_XDP_DEV_BOUND_ONLY, Linux 6.3 */

#define COUNTERS_BYTES (SF_XDP_CPUS * sizeof(struct sf_xdp_counters))

/* Finds out which metadata functions for XDP programs this kernel has. */
static void find_metadata_calls(struct sf_xdp_program *program)
{
	struct btf *kernel = btf__load_vmlinux_btf();

	if (libbpf_get_error(kernel))
		return;
	program->timestamp =
		btf__find_by_name_kind(kernel, "bpf_xdp_metadata_rx_timestamp", BTF_KIND_FUNC) > 0;
	program->vlan_tag =
		btf__find_by_name_kind(kernel, "bpf_xdp_metadata_rx_vlan_tag", BTF_KIND_FUNC) > 0;
	btf__free(kernel);
}

/*
 * Loads the program. *result: 0 or -errno as libbpf returns it; errno may be another one by then.
 */
static struct sf_xdp *load(struct sf_xdp_program *program, const struct sf_netdev *netdev,
	bool fragments, unsigned queues, int *result)
{
	struct sf_xdp *skeleton = sf_xdp__open();
	struct bpf_program *chosen;
	uint32_t flags = fragments ? PROG_HAS_FRAGMENTS : 0;

	*result = skeleton ? 0 : errno ? -errno : -EINVAL;
	if (!skeleton)
		return NULL;
	chosen = program->metadata ? skeleton->progs.sf_steer_metadata : skeleton->progs.sf_steer;
	if (program->metadata) {
		flags |= PROG_DEVICE_BOUND;
		bpf_program__set_ifindex(chosen, netdev->index);
	}
	bpf_program__set_autoload(skeleton->progs.sf_steer, !program->metadata);
	bpf_program__set_autoload(skeleton->progs.sf_steer_metadata, program->metadata);
	bpf_program__set_flags(chosen, flags);
	bpf_map__set_max_entries(skeleton->maps.sockets, queues);
	memcpy((void *)skeleton->rodata->own_address, netdev->mac, sizeof(netdev->mac));
	*(bool *)&skeleton->rodata->device_time = program->timestamp;
	*(bool *)&skeleton->rodata->device_vlan_tag = program->vlan_tag;
	*(bool *)&skeleton->rodata->stamp_arrival = program->arrival;
	*result = sf_xdp__load(skeleton);
	if (*result == 0)
		return skeleton;
	sf_xdp__destroy(skeleton);
	return NULL;
}

/* Loads and attaches the variant that program->metadata names. 0 or -errno. */
static int try_variant(struct sf_xdp_program *program, const struct sf_netdev *netdev,
	enum sf_xdp_mode mode, bool fragments, unsigned queues)
{
	LIBBPF_OPTS(bpf_link_create_opts, options,
		.flags = mode == SF_XDP_GENERIC ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	struct bpf_program *chosen;
	int result;

	errno = 0;
	program->skeleton = load(program, netdev, fragments, queues, &result);
	if (!program->skeleton)
		return result;
	chosen = program->metadata ? program->skeleton->progs.sf_steer_metadata
				   : program->skeleton->progs.sf_steer;
	program->sockets = bpf_map__fd(program->skeleton->maps.sockets);
	program->counters = program->skeleton->bss->counters;
	program->link =
		bpf_link_create(bpf_program__fd(chosen), (int)netdev->index, BPF_XDP, &options);
	if (program->link >= 0)
		return 0;
	result = -errno;
	sf_xdp_program_close(program);
	return result;
}

static int silent(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

/* True if the process may open fewer descriptors than loading a program takes. */
static bool lacks_descriptors(void)
{
	int fds[DESCRIPTORS], count = 0;
	bool lacks;

	while (count < DESCRIPTORS && (fds[count] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)) >= 0)
		count++;
	lacks = count < DESCRIPTORS && errno == EMFILE;
	while (count)
		close(fds[--count]);
	return lacks;
}

static int program_error(const struct sf_netdev *netdev, int code, struct sf_error *error)
{
	/* libbpf returns this error if a map of the program got no descriptor */
	if (code == -EINVAL && lacks_descriptors())
		code = -EMFILE;
	return sf_error_set(error, code, "%s: XDP program: %s%s", netdev->name, sf_strerror(code),
		code == -EMFILE ? ": raise the limit (ulimit -n 1024)" : "");
}

int sf_xdp_program_open(struct sf_xdp_program *program, const struct sf_netdev *netdev,
	enum sf_xdp_mode mode, bool fragments, unsigned queues, struct sf_error *error)
{
	const struct sf_xdp_program plain = { .link = -1,
		.arrival = mode != SF_XDP_NATIVE_ZEROCOPY };
	int result = -EOPNOTSUPP;

	libbpf_set_print(silent);
	*program = plain;
	if (mode != SF_XDP_GENERIC)
		find_metadata_calls(program);
	program->metadata = program->timestamp || program->vlan_tag;
	if (program->metadata)
		result = try_variant(program, netdev, mode, fragments, queues);
	if (result < 0 && result != -EPERM && result != -EBUSY && result != -EEXIST) {
		*program = plain;
		result = try_variant(program, netdev, mode, fragments, queues);
	}
	if (result == -EBUSY || result == -EEXIST)
		return sf_xdp_program_occupied(netdev, error);
	return result < 0 ? program_error(netdev, result, error) : 0;
}

void sf_xdp_program_close(struct sf_xdp_program *program)
{
	if (program->link >= 0)
		close(program->link);
	if (!program->skeleton && program->counters) {
		munmap(program->counters, COUNTERS_BYTES);
		close(program->sockets);
	}
	sf_xdp__destroy(program->skeleton);
	*program = (struct sf_xdp_program){ .link = -1 };
}

int sf_xdp_program_ask(struct sf_xdp_program *program, const struct sf_helper *helper,
	const struct sf_netdev *netdev, enum sf_xdp_mode mode, bool fragments, unsigned queues,
	struct sf_error *error)
{
	const struct sf_xdp_request request = {
		.mode = mode, .fragments = fragments, .queues = queues
	};
	struct sf_xdp_reply reply;
	int fds[SF_XDP_FDS];
	void *counters;
	int result = helper->xdp(helper, netdev->name, &request, &reply, fds);

	*program = (struct sf_xdp_program){ .link = -1 };
	if (result < 0)
		goto fail;
	counters = mmap(NULL, COUNTERS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		fds[SF_XDP_FD_COUNTERS], 0);
	result = -errno;
	close(fds[SF_XDP_FD_COUNTERS]);
	if (counters == MAP_FAILED) {
		close(fds[SF_XDP_FD_LINK]);
		close(fds[SF_XDP_FD_SOCKETS]);
		goto fail;
	}
	*program = (struct sf_xdp_program){
		.link = fds[SF_XDP_FD_LINK],
		.sockets = fds[SF_XDP_FD_SOCKETS],
		.counters = counters,
		.arrival = mode != SF_XDP_NATIVE_ZEROCOPY,
		.metadata = reply.metadata,
		.timestamp = reply.timestamp,
		.vlan_tag = reply.vlan_tag,
	};
	return 0;
fail:
	return program_error(netdev, result, error);
}

int sf_xdp_program_serve(const struct sf_netdev *netdev, const struct sf_xdp_request *request,
	struct sf_xdp_reply *reply, int fds[SF_XDP_FDS])
{
	struct sf_xdp_program program;
	struct sf_error error;
	int result;

	if (request->mode > SF_XDP_GENERIC || request->fragments > 1 || request->queues < 1 ||
		request->queues > SF_XDP_SOCKETS_MAX)
		return -EINVAL;
	result = sf_xdp_program_open(&program, netdev, (enum sf_xdp_mode)request->mode,
		request->fragments, request->queues, &error);
	if (result < 0)
		return result;
	*reply = (struct sf_xdp_reply){ program.metadata, program.timestamp, program.vlan_tag };
	fds[SF_XDP_FD_LINK] = program.link;
	fds[SF_XDP_FD_SOCKETS] = dup(program.sockets);
	fds[SF_XDP_FD_COUNTERS] = dup(bpf_map__fd(program.skeleton->maps.bss));
	program.link = -1;
	sf_xdp_program_close(&program);
	if (fds[SF_XDP_FD_SOCKETS] >= 0 && fds[SF_XDP_FD_COUNTERS] >= 0)
		return 0;
	for (unsigned i = 0; i < SF_XDP_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return -EMFILE;
}

int sf_xdp_program_add(struct sf_xdp_program *program, unsigned queue, int socket)
{
	uint32_t key = queue;

	return bpf_map_update_elem(program->sockets, &key, &socket, BPF_ANY);
}

void sf_xdp_program_counters(
	const struct sf_xdp_program *program, uint64_t *passed, uint64_t *unserved)
{
	/* memory that is shared with the XDP program: reading it needs no system call */
	for (unsigned i = 0; program->counters && i < SF_XDP_CPUS; i++) {
		const volatile struct sf_xdp_counters *counters = &program->counters[i];

		*passed += counters->passed;
		*unserved += counters->unserved;
	}
}

int sf_xdp_program_occupied(const struct sf_netdev *netdev, struct sf_error *error)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info), id = 0;
	int fd;

	if (bpf_xdp_query((int)netdev->index, 0, &query) == 0)
		id = query.prog_id       ? query.prog_id
		     : query.drv_prog_id ? query.drv_prog_id
					 : query.skb_prog_id;
	fd = id ? bpf_prog_get_fd_by_id(id) : -1;
	if (fd >= 0) {
		bpf_obj_get_info_by_fd(fd, &info, &size);
		close(fd);
	}
	return sf_error_set(error, -EBUSY,
		"%s already has an XDP program ('%s', id %u): stop what holds it (bpftool link "
		"show) or remove it with: ip link set dev %s xdp off",
		netdev->name, info.name, id, netdev->name);
}
