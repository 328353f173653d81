/* SPDX-License-Identifier: BSD-2-Clause */
#include "enrich/load.h"

#include <errno.h>
#include <inttypes.h>

#include <spanflow/enrich.h>

#define HEAD 64 /* bytes that tell the kind of a file */

/* MiB of a file that is read as one piece; what a compressed one has is not seen before. */
#define PLAIN_MAX  2048u
#define PACKED_MAX 512u

int sf_load_damaged(const struct sf_intake *intake, const char *what, struct sf_error *error)
{
	return sf_error_set(error, SF_ECORRUPT, "%s: %s at byte %" PRIu64, intake->path, what,
		sf_intake_offset(intake));
}

int sf_load_failed(const char *path, int code, struct sf_error *error)
{
	return code == -E2BIG ? sf_error_set(error, code, "%s: more than %u prefixes", path,
					SF_LPM_PREFIXES_MAX)
			      : sf_error_set(error, code, "%s: no memory for its prefixes", path);
}

static bool is_text(const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i] < 0x20 && bytes[i] != '\t' && bytes[i] != '\n' && bytes[i] != '\r')
			return false;
	return true;
}

static int load_whole(struct sf_draft *draft, struct sf_intake *intake, struct sf_error *error)
{
	unsigned most = intake->codec ? PACKED_MAX : PLAIN_MAX;
	int code = 1;

	for (unsigned size = 1; code > 0 && size <= most; size *= 2)
		code = sf_intake_need(intake, (size_t)size << 20, error);
	if (code > 0)
		return sf_error_set(error, SF_ECORRUPT, "%s: %s than %u MiB, the most for a %s",
			intake->path, intake->codec ? "decompresses to more" : "larger", most,
			intake->codec ? "compressed MaxMind DB file: decompress it first"
				      : "MaxMind DB file: take one of AS numbers or countries");
	return code < 0 ? code
			: sf_load_mmdb(draft, intake->path, intake->p,
				  (size_t)(intake->end - intake->p), error);
}

static int load_any(struct sf_draft *draft, struct sf_intake *intake, struct sf_error *error)
{
	int code = sf_intake_need(intake, HEAD, error);
	size_t count = (size_t)(intake->end - intake->p);

	if (code < 0)
		return code;
	if (count > HEAD)
		count = HEAD;
	if (sf_mrt_is(intake->p, count))
		return sf_load_mrt(draft, intake, error);
	if (is_text(intake->p, count))
		return sf_load_text(draft, intake, error);
	return load_whole(draft, intake, error);
}

uint32_t sf_load_is_long(const char *path)
{
	struct sf_intake intake;
	bool mrt;

	if (sf_intake_open(&intake, path, NULL) < 0)
		return 0;
	mrt = sf_intake_need(&intake, HEAD, NULL) >= 0 &&
	      sf_mrt_is(intake.p, (size_t)(intake.end - intake.p));
	sf_intake_close(&intake);
	return mrt ? SF_EXTRA_AS | SF_EXTRA_BGP_NEXT_HOP | SF_EXTRA_PREFIX_LENGTH : 0;
}

int sf_load_file_until(struct sf_routes **routes, const char *path, const atomic_bool *stop,
	struct sf_error *error)
{
	struct sf_intake intake;
	struct sf_draft draft;
	int code = sf_intake_open(&intake, path, error);

	if (code < 0)
		return code;
	intake.stop = stop;
	code = sf_draft_init(&draft);
	if (code < 0)
		sf_load_failed(path, code, error);
	else
		code = load_any(&draft, &intake, error);
	sf_intake_close(&intake);
	if (code < 0) {
		sf_draft_fini(&draft);
		return code;
	}
	if (draft.ipv4.count + draft.ipv6.count == 0) {
		sf_draft_fini(&draft);
		return sf_error_set(error, SF_ECORRUPT, "%s: there is no prefix in it", path);
	}
	code = sf_draft_finish(&draft, routes);
	return code < 0 ? sf_load_failed(path, code, error) : 0;
}
