/* SPDX-License-Identifier: BSD-2-Clause */
/* Findings and their verdict, for people and for scripts. */
#include <inttypes.h>

#include "base/value.h"
#include "base/wrap.h"
#include "check/mirror.h"

/* At a width that fits every terminal: texts have up to 255 characters. */
static void print_finding(const struct sf_finding *finding, FILE *stream)
{
	int indent =
		fprintf(stream, "%-8s %-13s ", sf_verdict_name(finding->verdict), finding->name);

	sf_wrap(stream, finding->text, (size_t)indent, (size_t)indent);
	fputc('\n', stream);
	if (!finding->advice[0])
		return;
	indent = fprintf(stream, "%24s-> ", "");
	sf_wrap(stream, finding->advice, (size_t)indent, (size_t)indent);
	fputc('\n', stream);
}

void sf_findings_text(const struct sf_mirror *mirror, const struct sf_finding *findings,
	unsigned count, FILE *stream)
{
	const struct sf_mirror_host *host = &mirror->host;
	unsigned counts[SF_VERDICT_PROBLEM + 1] = { 0 };

	for (unsigned i = 0; i < count; i++) {
		counts[findings[i].verdict]++;
		print_finding(&findings[i], stream);
	}
	if (counts[SF_VERDICT_PROBLEM])
		fprintf(stream, "result   %u problem%s: repair %s before metering\n",
			counts[SF_VERDICT_PROBLEM], counts[SF_VERDICT_PROBLEM] == 1 ? "" : "s",
			counts[SF_VERDICT_PROBLEM] == 1 ? "it" : "them");
	else if (counts[SF_VERDICT_WARNING])
		fprintf(stream,
			"result   usable, with %u warning%s; to meter: spanflow meter %s %s\n",
			counts[SF_VERDICT_WARNING], counts[SF_VERDICT_WARNING] == 1 ? "" : "s",
			host->file ? "-r" : "-i", host->name);
	else
		fprintf(stream, "result   healthy; to meter: spanflow meter %s %s\n",
			host->file ? "-r" : "-i", host->name);
}

void sf_findings_json(const struct sf_mirror *mirror, double seconds,
	const struct sf_finding *findings, unsigned count, FILE *stream)
{
	fputs("{\"source\":", stream);
	sf_json_string(stream, mirror->host.name);
	fprintf(stream,
		",\"verdict\":\"%s\",\"seconds\":%.3f,\"frames\":%" PRIu64 ",\"ip\":%" PRIu64
		",\"findings\":[",
		sf_verdict_name(sf_mirror_verdict(findings, count)), seconds, mirror->frames,
		mirror->ip);
	for (unsigned i = 0; i < count; i++) {
		fprintf(stream, "%s{\"name\":\"%s\",\"verdict\":\"%s\",\"text\":", i ? "," : "",
			findings[i].name, sf_verdict_name(findings[i].verdict));
		sf_json_string(stream, findings[i].text);
		fputs(",\"advice\":", stream);
		sf_json_string(stream, findings[i].advice);
		fputc('}', stream);
	}
	fputs("]}\n", stream);
}
