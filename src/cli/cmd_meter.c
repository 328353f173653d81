/* SPDX-License-Identifier: BSD-2-Clause */
/* spanflow meter: checks that the options fit together; sf_run() does the work. */
#include <string.h>

#include <spanflow/meter.h>

#include "cli/command.h"
#include "cli/run.h"

/* What contradicts itself, or NULL. */
static const char *contradiction(const struct sf_options *options)
{
	bool files = options->files.count > 0, live = options->interfaces.count > 0;

	if (files && live)
		return "-i and -r exclude each other: a run meters interfaces or files";
	if (!files && !live)
		return "nothing to meter: give -r FILE or -i INTERFACE";
	if (options->realtime &&
		(options->files.count != 1 || strcmp(options->files.items[0], "-") != 0))
		return "--realtime: only for a live pipe on standard input: -r -";
	if (options->write && strcmp(options->write, "-") == 0 &&
		options->output != SF_OUTPUT_DEFAULT && options->output != SF_OUTPUT_NONE)
		return "-w - and -o both want standard output";
	if (options->local_time && options->output != SF_OUTPUT_TABLE &&
		(options->output != SF_OUTPUT_DEFAULT || options->collectors.count ||
			options->write))
		return "--local-time: only for the table: -o table";
	if (!(options->key & SF_KEY_ADDRESS) && options->key & SF_KEY_PORT)
		return "--key: ports without addresses do not tell the ends of a flow apart";
	return NULL;
}

int sf_cmd_meter(struct sf_options *options)
{
	const char *problem = contradiction(options);

	if (options->operands.count)
		sf_complain("'%s' stands alone: put -r before a file, -i before an interface",
			options->operands.items[0]);
	else if (problem)
		sf_complain("%s", problem);
	else
		return sf_run(options);
	return SF_EXIT_USAGE;
}
