/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Profiles of destinations (wire_profiles.def): what a collector is sent, by its name.
 *
 *	const struct sf_wire_profile *profile = sf_wire_profile_find("nfdump");
 *
 *	profile->to & SF_URL_TO_NETFLOW9	it reads NetFlow v9
 */
#ifndef SPANFLOW_EXPORT_WIRE_PROFILE_H
#define SPANFLOW_EXPORT_WIRE_PROFILE_H

#include "base/url_option.h"
#include "export/destination.h"

/* A row; the members are explained in wire_profiles.def. */
struct sf_wire_profile {
	const char *name;
	unsigned to; /* SF_URL_TO_… ored */
	const char *fields;
	bool biflow;
	bool enterprise;
	uint32_t options;
	enum sf_sampling_form sampling;
	unsigned rate;
	const char *proof; /* "" or words */
	const char *help;
};

/* Rows in order; NULL past the end. */
const struct sf_wire_profile *sf_wire_profile(unsigned index);

/* NULL: there is none of this name. */
const struct sf_wire_profile *sf_wire_profile_find(const char *name);

/* The name that is most like it, or NULL. */
const char *sf_wire_profile_near(const char *name);

/* Which destinations can have it, as URLs: "netflow9://, netflow5://". */
void sf_wire_profile_schemes(unsigned to, char *text, size_t size);

/* Sets what the profile decides, but for the fields. The dialect is set already. */
void sf_wire_profile_apply(
	const struct sf_wire_profile *profile, struct sf_session_options *session);

/*
 * Fills in the fields, as sf_fields_choose() does: what the destination cannot have is left out.
 * The session's other options are known.
 */
int sf_wire_profile_fields(const struct sf_wire_profile *profile,
	const struct sf_session_options *session, struct sf_fields *fields, struct sf_error *error);

#endif
