/* SPDX-License-Identifier: BSD-2-Clause */
/* spanflow list: what this build has and what would run here. */
#include <string.h>

#include <spanflow/capture.h>
#include <spanflow/export.h>

#include "cli/command.h"

#include "spanflow_config.h"

static const struct {
	const char *name, *reason;
} not_built[] = { SPANFLOW_DRIVERS_NOT_BUILT{ NULL, NULL } };

static int list_drivers(FILE *stream)
{
	for (const struct sf_capture_ops *const *ops = sf_capture_drivers; *ops; ops++) {
		struct sf_error error = { 0 };
		bool runs = !(*ops)->probe || (*ops)->probe(&error) == 0;

		fprintf(stream, "%-5s %s: %s%s\n", (*ops)->name, (*ops)->summary,
			runs ? "ready" : "would not run here: ", runs ? "" : error.text);
	}
	for (size_t i = 0; not_built[i].name; i++)
		fprintf(stream, "%-5s not built: %s\n", not_built[i].name, not_built[i].reason);
	return 0;
}

static const struct {
	const char *name;
	int (*list)(FILE *stream);
} lists[] = {
	{ "drivers", list_drivers },
	{ "fields", sf_export_list_fields },
	{ "templates", sf_export_list_templates },
	{ "profiles", sf_export_list_profiles },
};

int sf_cmd_list(struct sf_options *options)
{
	const char *what = options->operands.count == 1 ? options->operands.items[0] : "";

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (strcmp(lists[i].name, what) == 0) {
			/* what went wrong is known to the stream */
			lists[i].list(stdout);
			return sf_exit_printed();
		}
	if (options->operands.count == 1)
		sf_complain(
			"there is no list '%s': it is one of drivers, fields, templates, profiles",
			what);
	else
		sf_complain("list needs one of: drivers, fields, templates, profiles");
	return SF_EXIT_USAGE;
}
