/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/rights.h"

#include <ctype.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BPF     39 /* Linux 5.8 */
#define PERFMON 38

static const struct {
	unsigned right, number;
	const char *name;
} rights[] = {
	{ SF_RIGHT_NET_RAW, CAP_NET_RAW, "CAP_NET_RAW" },
	{ SF_RIGHT_NET_ADMIN, CAP_NET_ADMIN, "CAP_NET_ADMIN" },
	{ SF_RIGHT_BPF, BPF, "CAP_BPF" },
	{ SF_RIGHT_PERFMON, PERFMON, "CAP_PERFMON" },
};
#define RIGHTS (sizeof(rights) / sizeof(rights[0]))

/* Those of `wanted` that are effective. CAP_SYS_ADMIN includes CAP_BPF and CAP_PERFMON. */
static unsigned in_force(unsigned wanted)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct sets[2] = { { 0 } };
	unsigned found = 0;
	uint64_t effective;

	if (syscall(SYS_capget, &header, sets) < 0)
		return 0;
	effective = (uint64_t)sets[1].effective << 32 | sets[0].effective;
	if (effective >> CAP_SYS_ADMIN & 1)
		effective |= UINT64_C(1) << BPF | UINT64_C(1) << PERFMON;
	for (unsigned i = 0; i < RIGHTS; i++)
		if (effective >> rights[i].number & 1)
			found |= rights[i].right;
	return found & wanted;
}

/* "CAP_NET_RAW, CAP_BPF", or "cap_net_raw,cap_bpf" as setcap(8) wants it. */
static void list(char *text, size_t size, unsigned which, const char *comma)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < RIGHTS && used < size; i++)
		if (which & rights[i].right)
			used += (size_t)snprintf(text + used, size - used, "%s%s",
				used ? comma : "", rights[i].name);
}

void sf_rights_explain(char *text, size_t size, unsigned needed)
{
	unsigned lacking = needed & ~in_force(needed);
	char names[96], lower[96];

	if (geteuid() != 0) {
		list(names, sizeof(names), needed, ", ");
		list(lower, sizeof(lower), needed, ",");
		for (char *c = lower; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		snprintf(text, size, "needs root, or %s: setcap %s+ep FILE", names, lower);
	} else if (lacking) {
		list(names, sizeof(names), lacking, ", ");
		list(lower, sizeof(lower), lacking, " --cap-add ");
		snprintf(text, size,
			"needs %s, which root lacks here: in a container give it with --cap-add %s",
			names, lower);
	} else {
		snprintf(text, size,
			"is refused although root has the capabilities: a user namespace that "
			"does not own the network, or a security module (dmesg may tell)");
	}
}
