/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/asked.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "ask/answer.h"
#include "base/clock.h"
#include "base/hash.h"
#include "classify/classify.h"
#include "cli/command.h"
#include "cli/output.h"
#include "query/query.h"

static int load(void *context, const char *path, char **text, struct sf_error *error)
{
	const struct sf_options *options = context;

	return sf_query_list(path, options->baseline, options->memory, text, error);
}

static void complain(void *context, const char *text)
{
	(void)context;
	sf_complain("%s", text);
}

/* For sf_asked_tell_nothing(). */
static void remember(void *context, const char *text)
{
	struct sf_asked *asked = context;

	if (!asked->remark[0])
		snprintf(asked->remark, sizeof(asked->remark), "%s", text);
}

/* How conditions are read; now is the time of the call. */
static struct sf_where_options where_options(const struct sf_options *options, unsigned mode)
{
	const bool ndpi = options->applications == SF_APPLICATIONS_NDPI;
	/* why there is none is told where it is needed */
	const struct sf_classifier *classifier =
		ndpi ? sf_classifier_load(&(struct sf_error){ 0 }) : NULL;

	return (struct sf_where_options){
		.mode = mode,
		.now_ns = sf_clock_read(CLOCK_REALTIME),
		.local = options->local_time,
		.load = load,
		.context = (void *)options,
		/* who named the applications of records that are read is not known */
		.remark = mode & SF_ASK_METERED || ndpi ? complain : NULL,
		.applications = classifier ? &classifier->table : NULL,
	};
}

static int compile(struct sf_where **where, const struct sf_options *options,
	const struct sf_where_options *how, struct sf_error *error)
{
	struct sf_error reason = { 0 };
	int code;

	*where = NULL;
	if (!options->where)
		return 0;
	code = sf_where_new(where, options->where, how, &reason);
	return code ? sf_error_set(error, code, "--where: %s", reason.text) : 0;
}

int sf_asked_where(struct sf_where **where, const struct sf_options *options, unsigned mode,
	struct sf_error *error)
{
	const struct sf_where_options how = where_options(options, mode);

	return compile(where, options, &how, error);
}

int sf_asked_chooser(struct sf_chooser *chooser, const struct sf_options *options,
	const char *option, const char *text, unsigned mode, struct sf_error *error)
{
	const struct sf_where_options how = where_options(options, mode);
	struct sf_error reason = { 0 };
	int code;

	*chooser = (struct sf_chooser){ 0 };
	if (!text)
		return 0;
	code = sf_where_chooser(chooser, text, &how, &reason);
	return code ? sf_error_set(error, code, "%s%s%s", option ? option : "", option ? ": " : "",
			      reason.text)
		    : 0;
}

/* ---------------------------------------------------------------- groups */

bool sf_asked_groups(const struct sf_options *options)
{
	return options->by || options->sum || options->top || options->bottom ||
	       options->every_ns || options->having || options->share;
}

const char *sf_asked_contradiction(const struct sf_options *options)
{
	bool groups = sf_asked_groups(options);

	if (options->top && options->bottom)
		return "--top and --bottom contradict each other";
	if ((options->top || options->bottom) && !options->by && !options->every_ns)
		return options->top ? "--top chooses among groups: --by FIELDS or --every TIME "
				      "makes groups"
				    : "--bottom chooses among groups: --by FIELDS or --every TIME "
				      "makes groups";
	if (options->baseline && (!options->where || !strstr(options->where, "baseline")))
		return "--baseline needs --where with 'ip in baseline': nothing else reads it";
	if (options->spread && !options->every_ns)
		return "--spread needs --every TIME: it spreads flows over bins of time";
	if (!groups && (options->sort || options->columns))
		return "--sort and --columns are for groups: --by FIELDS";
	if (groups && options->fields)
		return "--fields is for records; the columns of groups are --columns";
	if (groups && options->show_options)
		return "--options is for records, not for groups";
	return NULL;
}

static int open_groups(struct sf_asked *asked, const struct sf_options *options, unsigned mode,
	struct sf_error *error)
{
	struct sf_groups_options how = {
		.mode = mode,
		.by = options->by,
		.sum = options->sum,
		.every_ns = options->every_ns,
		.spread = options->spread,
		.local = options->local_time,
		.sort = options->sort,
		.having = options->having,
		.columns = options->columns,
		.share = options->share,
		.bottom = options->bottom != NULL,
		.limit = options->limit,
		.memory = options->memory,
	};
	struct sf_hash_key key;
	int code = sf_groups_most(&how, "--top", options->top, error);

	if (code == 0)
		code = sf_groups_most(&how, "--bottom", options->bottom, error);
	if (code)
		return code;
	if (sf_hash_key_random(&key) == 0)
		how.seed = key.word[0];
	asked->form = sf_output_form(options);
	code = sf_groups_new(&asked->groups, &how, error);
	return code == 0 && options->write.count ? sf_answer_records_check(asked->groups, error)
						 : code;
}

int sf_asked_open(struct sf_asked *asked, const struct sf_options *options, struct sf_error *error)
{
	unsigned mode = options->biflow ? SF_ASK_CONVERSATION : SF_ASK_UNIFLOW;
	struct sf_where_options how = where_options(options, mode);
	int code;

	*asked = (struct sf_asked){ 0 };
	if (!how.remark) {
		how.remark = remember;
		how.remark_context = asked;
	}
	code = compile(&asked->where, options, &how, error);
	if (code == 0 && sf_asked_groups(options))
		code = open_groups(asked, options, mode, error);
	return code;
}

void sf_asked_tell_nothing(const struct sf_asked *asked)
{
	if (asked->remark[0])
		complain(NULL, asked->remark);
}

void sf_asked_close(struct sf_asked *asked)
{
	sf_where_free(asked->where);
	sf_groups_free(asked->groups);
}

unsigned sf_asked_flow(
	struct sf_asked *asked, const struct sf_flow *flow, const struct sf_collected *record)
{
	unsigned directions = flow->directions;

	if (asked->where)
		directions = sf_where_flow(asked->where, flow, record);
	if (!directions || !asked->groups)
		return directions;
	if (sf_groups_flow(asked->groups, flow, record, directions, &asked->error)) {
		asked->failed = true;
		return 0;
	}
	return directions;
}

static enum sf_form form_of(enum sf_output output)
{
	return output == SF_OUTPUT_CSV    ? SF_FORM_CSV
	       : output == SF_OUTPUT_JSON ? SF_FORM_JSON
					  : SF_FORM_TABLE;
}

int sf_asked_answer(struct sf_asked *asked, FILE *stream, struct sf_exporter *exporter)
{
	int code = sf_groups_sort(asked->groups, &asked->error);

	if (code == 0 && exporter)
		code = sf_query_records(asked->groups, exporter);
	return code || asked->form == SF_OUTPUT_NONE
		       ? code
		       : sf_query_print(
				 asked->groups, form_of(asked->form), sf_output_width(), stream);
}
