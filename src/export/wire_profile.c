/* SPDX-License-Identifier: BSD-2-Clause */
/* wire_profiles.def as a table. */
#include "export/wire_profile.h"

#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "encode/message.h"

enum { NO = false, YES = true };

#define EVERY        (SF_URL_TO_COLLECTORS | SF_URL_TO_FILE)
#define UDP          SF_URL_TO_UDP
#define STREAM       SF_URL_TO_TCP
#define ALL          SF_OPTIONS_ALL
#define NONE_OF_THEM 0

/* How it is known what a collector reads. */
#define PROOF_NONE    ""
#define PROOF_TESTED  "tested with it"
#define PROOF_BY_HAND "tried by hand"
#define PROOF_SOURCE  "read in its source"
#define PROOF_MANUAL  "read in its manual"

static const struct sf_wire_profile rows[] = {
#define PROFILE(name, to, fields, biflow, enterprise, options, sampling, rate, proof, help)        \
	{ #name, to, fields, biflow, enterprise, options, SF_SAMPLING_##sampling, rate,            \
		PROOF_##proof, help },
#include "export/wire_profiles.def"
};

const struct sf_wire_profile *sf_wire_profile(unsigned index)
{
	return index < sizeof(rows) / sizeof(rows[0]) ? &rows[index] : NULL;
}

const struct sf_wire_profile *sf_wire_profile_find(const char *name)
{
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

static const char *next_name(const void *context, unsigned i)
{
	const struct sf_wire_profile *row = sf_wire_profile(i);

	(void)context;
	return row ? row->name : NULL;
}

const char *sf_wire_profile_near(const char *name)
{
	return sf_suggest(name, next_name, NULL);
}

void sf_wire_profile_schemes(unsigned to, char *text, size_t size)
{
	static const struct {
		unsigned to;
		const char *scheme;
	} schemes[] = {
		{ SF_URL_TO_IPFIX, "ipfix://" },
		{ SF_URL_TO_TCP, "tcp://" },
		{ SF_URL_TO_TCP | SF_URL_TO_TLS, "tls://" },
		{ SF_URL_TO_TCP | SF_URL_TO_DTLS, "dtls://" },
		{ SF_URL_TO_TCP | SF_URL_TO_SCTP, "sctp://" },
		{ SF_URL_TO_KAFKA, "kafka://" },
		{ SF_URL_TO_NETFLOW9, "netflow9://" },
		{ SF_URL_TO_NETFLOW5, "netflow5://" },
		{ SF_URL_TO_FILE, "-w" },
	};
	size_t length = 0;

	*text = 0;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]) && length < size; i++)
		if (to & schemes[i].to)
			length += (size_t)snprintf(text + length, size - length, "%s%s",
				length ? ", " : "", schemes[i].scheme);
}

void sf_wire_profile_apply(
	const struct sf_wire_profile *profile, struct sf_session_options *session)
{
	session->biflow = profile->biflow && session->dialect == &sf_ipfix;
	session->options_data = profile->options;
	session->sampling = profile->sampling;
	session->no_enterprise = !profile->enterprise;
	if (profile->rate)
		session->rate = profile->rate;
	if (profile->rate)
		session->rate_is_default = false;
}

/* Takes the enterprise elements out, but for reverse elements, which are those of IANA. */
static void leave_enterprises_out(struct sf_fields *fields)
{
	unsigned kept = 0;

	fields->when = 0;
	for (unsigned i = 0; i < fields->count; i++)
		if (!sf_field_row(fields->items[i].field)->pen) {
			fields->items[kept++] = fields->items[i];
			fields->when |= fields->items[i].when;
		}
	fields->count = kept;
}

int sf_wire_profile_fields(const struct sf_wire_profile *profile,
	const struct sf_session_options *session, struct sf_fields *fields, struct sf_error *error)
{
	char left_out[SF_LEFT_OUT_MAX];
	int code = sf_fields_choose(fields, profile->fields, NULL, sf_session_conditions(session),
		left_out, profile->name, error);

	if (code == 0 && !profile->enterprise)
		leave_enterprises_out(fields);
	return code;
}
