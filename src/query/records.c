/* SPDX-License-Identifier: BSD-2-Clause */
/* The answer as flow records again. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "ask/answer.h"
#include "base/clock.h"
#include "query/query.h"

int sf_query_records(const struct sf_groups *groups, struct sf_exporter *exporter)
{
	struct sf_answer_record *answer = malloc(sizeof(*answer));
	int64_t now = sf_clock_read(CLOCK_REALTIME);

	if (!answer)
		return -ENOMEM;
	for (size_t i = 0; i < sf_groups_shown(groups); i++)
		sf_exporter_put_collected(exporter, sf_answer_record(groups, i, now, answer));
	free(answer);
	return 0;
}
