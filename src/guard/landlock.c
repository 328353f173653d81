/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Landlock by its system calls: the C library has no functions for them, and the headers of older
 * distributions define only a part. Everything that the running kernel can deny is denied.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guard/sandbox.h"

#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH      1
#define WRITE_FILE             (UINT64_C(1) << 1)
#define REMOVE_DIR             (UINT64_C(1) << 4)
#define REMOVE_FILE            (UINT64_C(1) << 5)
#define MAKE_DIR               (UINT64_C(1) << 7)
#define MAKE_REG               (UINT64_C(1) << 8)
#define READ_FILE              (UINT64_C(1) << 2)
#define READ_DIR               (UINT64_C(1) << 3)
#define FS_VERSION_1           ((UINT64_C(1) << 13) - 1)
#define FS_REFER               (UINT64_C(1) << 13) /* version 2 */
#define FS_TRUNCATE            (UINT64_C(1) << 14) /* version 3 */
#define FS_IOCTL_DEV           (UINT64_C(1) << 15) /* version 5 */
#define SCOPE_ALL              UINT64_C(3)         /* version 6: abstract sockets, signals */

#define MAKE_FILES                                                                                 \
	(READ_FILE | READ_DIR | WRITE_FILE | REMOVE_FILE | REMOVE_DIR | MAKE_REG | MAKE_DIR |      \
		FS_TRUNCATE)

struct ruleset {
	uint64_t fs, net, scoped;
};

struct path_beneath {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

static int allow(int ruleset, const char *directory, uint64_t allowed)
{
	struct path_beneath rule = { .allowed = allowed };
	int result = 0;

	rule.parent = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rule.parent < 0)
		return -errno;
	if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0)
		result = -errno;
	close(rule.parent);
	return result;
}

int sf_landlock_restrict(const char *const *readable, unsigned count, const char *const *writable,
	unsigned writable_count)
{
	int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
	struct ruleset rules = { .fs = FS_VERSION_1 };
	int ruleset, result = 0;

	if (version < 0)
		return -errno;
	rules.fs |= version >= 2 ? FS_REFER : 0;
	rules.fs |= version >= 3 ? FS_TRUNCATE : 0;
	rules.fs |= version >= 5 ? FS_IOCTL_DEV : 0;
	rules.scoped = version >= 6 ? SCOPE_ALL : 0;
	/*
	 * an older kernel accepts the longer structure if the members that it does not know are 0
	 */
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	if (ruleset < 0)
		return -errno;
	for (unsigned i = 0; i < count && result == 0; i++)
		result = allow(ruleset, readable[i], READ_FILE | READ_DIR);
	for (unsigned i = 0; i < writable_count && result == 0; i++)
		result = allow(ruleset, writable[i], MAKE_FILES & rules.fs);
	if (result == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		result = -errno;
	close(ruleset);
	return result < 0 ? result : version;
}
