/* SPDX-License-Identifier: BSD-2-Clause */
/* The hosts of a baseline: what `ip in baseline` means. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask/answer.h"
#include "collect/gather.h"
#include "query/query.h"

#define LINE_MAX_OCTETS 64 /* an address and a line end */

struct hosts {
	struct sf_groups *groups;
	struct sf_collector *collector;
	struct sf_error *error;
	int code;
	char problem[400]; /* the first one */
};

static void take(void *context, const struct sf_collected *record)
{
	struct hosts *hosts = context;

	if (record->options || hosts->code)
		return;
	hosts->code = sf_groups_flow(
		hosts->groups, &record->flow, record, record->flow.directions, hosts->error);
	if (hosts->code)
		sf_collector_stop(hosts->collector);
}

static void problem(void *context, const char *text)
{
	struct hosts *hosts = context;

	if (!hosts->problem[0])
		snprintf(hosts->problem, sizeof(hosts->problem), "%s", text);
}

static int lines(struct sf_groups *groups, char **text, struct sf_error *error)
{
	char *row = malloc(SF_ANSWER_ROW_MAX), *p;
	int code = sf_groups_sort(groups, error);

	*text = p = malloc(sf_groups_shown(groups) * LINE_MAX_OCTETS + 1);
	if (code == 0 && (!row || !p))
		code = sf_error_set(error, -ENOMEM, "--baseline: no memory for its hosts");
	for (size_t i = 0; code == 0 && i < sf_groups_shown(groups); i++) {
		*sf_answer_csv(groups, i, row) = '\0';
		p = stpcpy(p, row);
	}
	if (code == 0)
		*p = '\0';
	else
		free(*text);
	free(row);
	return code;
}

int sf_query_hosts(const char *file, uint64_t memory, char **text, struct sf_error *error)
{
	const struct sf_groups_options one = {
		.by = "host", .sum = "flows", .columns = "host", .memory = memory
	};
	struct hosts hosts = { .error = error };
	const struct sf_gather_options how = { .problem = problem, .context = &hosts };
	const struct sf_collector_options collect = { .record = take, .context = &hosts };

	hosts.code = sf_groups_new(&hosts.groups, &one, error);
	if (hosts.code)
		return hosts.code;
	hosts.code = sf_collector_new(&hosts.collector, &collect, error);
	if (hosts.code == 0 && !sf_gather(hosts.collector, &file, 1, &how) && hosts.code == 0)
		hosts.code = sf_error_set(error, SF_EUSAGE, "--baseline: %s", hosts.problem);
	if (hosts.code == 0)
		hosts.code = lines(hosts.groups, text, error);
	sf_collector_free(hosts.collector);
	sf_groups_free(hosts.groups);
	return hosts.code;
}
