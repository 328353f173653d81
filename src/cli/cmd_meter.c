/* SPDX-License-Identifier: BSD-2-Clause */
/* spanflow meter: checks that the options fit together; sf_run() does the work. */
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include <spanflow/meter.h>

#include "base/time_text.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/run.h"

/* The name of a live option that was given, or NULL. */
static const char *live_option(const struct sf_options *options)
{
	return options->workers_independent             ? "--workers-independent"
	       : options->direction                     ? "--direction"
	       : options->snaplen                       ? "--snaplen"
	       : options->ring_size                     ? "--ring-size"
	       : options->immediate                     ? "--immediate"
	       : options->no_promiscuous                ? "--no-promiscuous"
	       : options->hardware_time                 ? "--hardware-time"
	       : options->keep_offloads                 ? "--keep-offloads"
	       : options->keep_link                     ? "--keep-link"
	       : options->no_wait                       ? "--no-wait"
	       : options->set_rss                       ? "--set-rss"
	       : options->driver_options                ? "--driver-options"
	       : options->user                          ? "--user"
	       : options->no_sandbox                    ? "--no-sandbox"
	       : sf_option_given(options, "queue-size") ? "--queue-size"
							: NULL;
}

/* Why the options do not fit a page, or NULL. */
static const char *page_contradiction(const struct sf_options *options)
{
	if (options->output != SF_OUTPUT_HTML)
		return NULL;
	if (isatty(STDOUT_FILENO))
		return "-o html: a page is not for a terminal: write it to a file with > page.html";
	return options->fields
		       ? "--fields is for records: the page of -o html has its own; for another "
			 "destination write fields=LIST after a comma"
		       : NULL;
}

/* Why the options contradict each other, or NULL. */
static const char *contradiction(const struct sf_options *options)
{
	bool files = options->files.count > 0, live = options->interfaces.count > 0;

	if (files && live)
		return "-i and -r exclude each other: a run meters interfaces or files";
	if (!files && !live)
		return "nothing to meter: give -r FILE or -i INTERFACE";
	if (options->pin && files && options->workers < 2)
		return "--pin: a single worker on files has no thread of its own: add "
		       "--workers 2 or more";
	if (options->realtime && options->workers > 1)
		return "--realtime reads one pipe with one worker: leave --workers out";
	if (options->realtime &&
		(options->files.count != 1 || strcmp(options->files.items[0], "-") != 0))
		return "--realtime works with a live pipe on standard input only: -r -";
	if (options->user && options->no_sandbox)
		return "--user and --no-sandbox exclude each other: without the "
		       "sandbox the user stays";
	if (!options->spool && sf_option_given(options, "spool-max"))
		return "--spool-max without --spool: name the spool's directory with --spool DIR";
	if (!options->spool && sf_option_given(options, "spool-drop"))
		return "--spool-drop without --spool: name the spool's directory with --spool DIR";
	if (!(options->key & SF_KEY_ADDRESS) && options->key & SF_KEY_PORT)
		return "--key: ports without addresses do not tell the ends of a flow apart";
	if (page_contradiction(options))
		return page_contradiction(options);
	if (options->fields && sf_output_form(options) == SF_OUTPUT_NONE &&
		!options->collectors.count && !options->write.count)
		return "--fields: no record goes anywhere: print them with -o, or add -e or -w";
	return sf_output_contradiction(options);
}

/* A word without an option: a file or an interface whose letter was forgotten? */
static void complain_of(const char *word)
{
	const char *letter = access(word, F_OK) == 0 ? "-r"
			     : if_nametoindex(word)  ? "-i"
			     : strstr(word, "://")   ? "-e"
						     : NULL;

	if (letter)
		sf_complain("unexpected argument '%s': did you mean %s %s?", word, letter, word);
	else
		sf_complain(
			"unexpected argument '%s': -r goes before a file, -i before an interface",
			word);
}

/* Of --start and --end. True: they are wrong, which was said. */
static bool period_is_wrong(const struct sf_options *options)
{
	const struct {
		const char *name, *text;
	} ends[] = { { "start", options->start }, { "end", options->end } };
	int64_t times[2] = { INT64_MIN, INT64_MAX };

	for (unsigned i = 0; i < 2; i++)
		if (ends[i].text && !sf_time_parse(ends[i].text, options->local_time, &times[i])) {
			sf_complain("--%s: '%s' is not a time (examples: 2025-11-20, "
				    "2025-11-20T08:00:04.5, 2025-11-20T08:00+01:00, @1763625600)",
				ends[i].name, ends[i].text);
			return true;
		}
	if (times[0] < times[1])
		return false;
	sf_complain("--end %s is not after --start %s", ends[1].text, ends[0].text);
	return true;
}

int sf_cmd_meter(struct sf_options *options)
{
	const char *problem = contradiction(options);
	const char *live = options->files.count ? live_option(options) : NULL;

	if (options->operands.count)
		complain_of(options->operands.items[0]);
	else if (problem)
		sf_complain("%s", problem);
	else if ((options->start || options->end) && !options->files.count)
		sf_complain("--start and --end work with capture files (-r) only");
	else if (period_is_wrong(options))
		return SF_EXIT_USAGE;
	else if (live)
		sf_complain("%s works with interfaces (-i) only", live);
	else {
		sf_output_hint(options);
		return sf_run(options);
	}
	return SF_EXIT_USAGE;
}
