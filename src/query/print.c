/* SPDX-License-Identifier: BSD-2-Clause */
/* The answer as text, and as flow records again. */
#include <errno.h>
#include <stdio.h>
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

static void print_table(const struct sf_groups *groups, unsigned width, FILE *stream, char *line)
{
	struct sf_answer_table table;

	sf_answer_table_init(&table, groups, width);
	fwrite(line, 1, (size_t)(sf_answer_table_header(&table, line) - line), stream);
	for (size_t i = 0; i < sf_groups_shown(groups); i++)
		fwrite(line, 1, (size_t)(sf_answer_table_row(&table, i, line) - line), stream);
	fwrite(line, 1, (size_t)(sf_answer_table_footer(&table, line) - line), stream);
}

int sf_query_print(const struct sf_groups *groups, enum sf_form form, unsigned width, FILE *stream)
{
	char *line = malloc(SF_ANSWER_ROW_MAX);

	if (!line)
		return -ENOMEM;
	if (form == SF_FORM_TABLE)
		print_table(groups, width, stream, line);
	if (form == SF_FORM_CSV)
		fwrite(line, 1, (size_t)(sf_answer_csv_header(groups, line) - line), stream);
	for (size_t i = 0; form != SF_FORM_TABLE && i < sf_groups_shown(groups); i++) {
		char *end = form == SF_FORM_CSV ? sf_answer_csv(groups, i, line)
						: sf_answer_json(groups, i, line);

		fwrite(line, 1, (size_t)(end - line), stream);
	}
	free(line);
	errno = 0;
	if (fflush(stream) || ferror(stream))
		return errno ? -errno : -EIO;
	return 0;
}
