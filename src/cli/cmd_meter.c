/* SPDX-License-Identifier: BSD-2-Clause */
/* spanflow meter: checks that the options fit together; sf_run() does the work. */
#include <string.h>

#include <spanflow/meter.h>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/run.h"

/* The name of a live option that was given, or NULL. */
static const char *live_option(const struct sf_options *options)
{
	return options->workers_independent ? "--workers-independent"
	       : options->direction         ? "--direction"
	       : options->snaplen           ? "--snaplen"
	       : options->ring_size         ? "--ring-size"
	       : options->immediate         ? "--immediate"
	       : options->no_promiscuous    ? "--no-promiscuous"
	       : options->hardware_time     ? "--hardware-time"
	       : options->keep_offloads     ? "--keep-offloads"
	       : options->set_rss           ? "--set-rss"
	       : options->driver_options    ? "--driver-options"
	       : options->user              ? "--user"
	       : options->no_sandbox        ? "--no-sandbox"
					    : NULL;
}

/* What contradicts itself, or NULL. */
static const char *contradiction(const struct sf_options *options)
{
	bool files = options->files.count > 0, live = options->interfaces.count > 0;

	if (files && live)
		return "-i and -r exclude each other: a run meters interfaces or files";
	if (!files && !live)
		return "nothing to meter: give -r FILE or -i INTERFACE";
	if (options->pin && files && options->workers < 2)
		return "--pin: one worker on files has no thread of its own: add --workers";
	if (options->realtime && options->workers > 1)
		return "--realtime: one worker reads a pipe: leave --workers out";
	if (options->realtime &&
		(options->files.count != 1 || strcmp(options->files.items[0], "-") != 0))
		return "--realtime: only for a live pipe on standard input: -r -";
	if (options->user && options->no_sandbox)
		return "--user and --no-sandbox exclude each other: without it the user stays";
	if (!(options->key & SF_KEY_ADDRESS) && options->key & SF_KEY_PORT)
		return "--key: ports without addresses do not tell the ends of a flow apart";
	return sf_output_contradiction(options);
}

int sf_cmd_meter(struct sf_options *options)
{
	const char *problem = contradiction(options);
	const char *live = options->files.count ? live_option(options) : NULL;

	if (options->operands.count)
		sf_complain("'%s' stands alone: put -r before a file, -i before an interface",
			options->operands.items[0]);
	else if (problem)
		sf_complain("%s", problem);
	else if (live)
		sf_complain("%s: only for interfaces: -i", live);
	else
		return sf_run(options);
	return SF_EXIT_USAGE;
}
