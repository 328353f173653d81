/* SPDX-License-Identifier: BSD-2-Clause */
/* spanflow list: what this build has and what would run here. */
#include <string.h>

#include <spanflow/capture.h>

#include "cli/command.h"

#include "spanflow_config.h"

static const struct {
	const char *name, *reason;
} not_built[] = { SPANFLOW_DRIVERS_NOT_BUILT{ NULL, NULL } };

static int list_drivers(void)
{
	for (const struct sf_capture_ops *const *ops = sf_capture_drivers; *ops; ops++) {
		struct sf_error error = { 0 };
		bool runs = !(*ops)->probe || (*ops)->probe(&error) == 0;

		printf("%-5s %s: %s%s\n", (*ops)->name, (*ops)->summary,
			runs ? "ready" : "would not run here: ", runs ? "" : error.text);
	}
	for (size_t i = 0; not_built[i].name; i++)
		printf("%-5s not built: %s\n", not_built[i].name, not_built[i].reason);
	return SF_EXIT_OK;
}

static const struct {
	const char *name;
	int (*list)(void);
} lists[] = {
	{ "drivers", list_drivers },
};

int sf_cmd_list(struct sf_options *options)
{
	const char *what = options->operands.count == 1 ? options->operands.items[0] : "";

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (strcmp(lists[i].name, what) == 0) {
			int status = lists[i].list();

			if (fflush(stdout) == 0)
				return status;
			sf_complain("standard output: %s", sf_strerror(-errno));
			return SF_EXIT_FAILED;
		}
	sf_complain("list needs one of: drivers");
	return SF_EXIT_USAGE;
}
