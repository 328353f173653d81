/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options of all subcommands. Each section of --help is a file of rows; the order of
 * files and rows is that of --help.
 */
#include <spanflow/capture.h>
#include <spanflow/export.h>
#include <spanflow/meter.h>
#include <spanflow/tunnel.h>

#include "base/url_option.h"
#include "enrich/enrich.h"
#include "options/options.h"

#define AT(member) offsetof(struct sf_options, member)

#define DAY (UINT64_C(86400) * 1000000000)
#define MS  UINT64_C(1000000)

static const struct sf_choice key_parts[] = {
	{ "address", SF_KEY_ADDRESS },
	{ "port", SF_KEY_PORT },
	{ "protocol", SF_KEY_PROTOCOL },
	{ "vlan", SF_KEY_VLAN },
	{ "tos", SF_KEY_TOS },
	{ "interface", SF_KEY_INTERFACE },
	{ "tunnel", SF_KEY_TUNNEL },
	{ NULL },
};

static const struct sf_choice directions[] = {
	{ "in", SF_DIRECTION_IN },
	{ "out", SF_DIRECTION_OUT },
	{ "both", SF_DIRECTION_BOTH },
	{ NULL },
};

static const struct sf_choice fragment_modes[] = {
	{ "join", SF_FRAGMENTS_JOIN },
	{ "split", SF_FRAGMENTS_SPLIT },
	{ NULL },
};

static const struct sf_choice classifiers[] = {
	{ "readers", SF_APPLICATIONS_READERS },
	{ "ndpi", SF_APPLICATIONS_NDPI },
	{ NULL },
};

static const struct sf_choice egresses[] = {
	{ "same", SF_ENRICH_EGRESS_SAME },
	{ "0", SF_ENRICH_EGRESS_NONE },
	{ "learn", SF_ENRICH_EGRESS_LEARN },
	{ "fib", SF_ENRICH_EGRESS_FIB },
	{ NULL },
};

static const struct sf_choice hashes[] = {
	{ "fast", SF_HASH_FAST },
	{ "siphash", SF_HASH_SIPHASH },
	{ NULL },
};

static const struct sf_choice outputs[] = {
	{ "table", SF_OUTPUT_TABLE },
	{ "json", SF_OUTPUT_JSON },
	{ "csv", SF_OUTPUT_CSV },
	{ "none", SF_OUTPUT_NONE },
	{ NULL },
};

static const struct sf_choice meter_outputs[] = {
	{ "table", SF_OUTPUT_TABLE },
	{ "json", SF_OUTPUT_JSON },
	{ "csv", SF_OUTPUT_CSV },
	{ "html", SF_OUTPUT_HTML },
	{ "none", SF_OUTPUT_NONE },
	{ NULL },
};

static const struct sf_choice check_outputs[] = {
	{ "table", SF_OUTPUT_TABLE },
	{ "json", SF_OUTPUT_JSON },
	{ NULL },
};

static const struct sf_choice folds[] = {
	{ "off", SF_FOLD_OFF },
	{ "lost", SF_FOLD_LOST },
	{ "evicted", SF_FOLD_EVICTED },
	{ NULL },
};

static const struct sf_choice spool_drops[] = {
	{ "oldest", SF_SPOOL_DROP_OLDEST },
	{ "newest", SF_SPOOL_DROP_NEWEST },
	{ NULL },
};

static const struct sf_choice stats_formats[] = {
	{ "text", SF_STATS_TEXT },
	{ "json", SF_STATS_JSON },
	{ "none", SF_STATS_NONE },
	{ NULL },
};

static int read_tunnels(void *target, const char *text, struct sf_error *error)
{
	return sf_tunnel_options_add(target, text, error);
}

static int read_sampling(void *target, const char *text, struct sf_error *error)
{
	struct sf_error reason;
	int code = sf_sampling_parse(target, text, &reason);

	return code ? sf_error_set(error, code, "--sample: %s", reason.text) : 0;
}

static int read_tunnel_port(void *target, const char *text, struct sf_error *error)
{
	return sf_tunnel_options_add_port(target, text, error);
}

#define INPUT    "Input"
#define LIVE     "Network interfaces"
#define METERING "Metering"
#define COLLECT  "Collecting"
#define ASK      "Questions"
#define ENRICH   "Routes, countries, interfaces"
#define EXPORT   "Output"
#define PAGE     "Page"
#define GENERAL  "General"

#define ROTATED                                                                                    \
	"A time in the name, such as flows-%Y%m%d-%H%M.ipfix, makes a series of files (rotate= "   \
	"says how long each file is), and so does size=, the most bytes of a file; keep= and "     \
	"keep-size= remove the oldest files. A name that ends in .gz or .zst makes compressed "    \
	"files."
#define FIELD_GROUPS                                                                               \
	"default, plain, extended, headers, quality, shape, applications (what payload says) and " \
	"its parts dns, tls, http and ssh"
#define FIELD_TABLE                                                                                \
	"A table that is too wide for the terminal has a line for each field; if + has added the " \
	"fields, the usual table has them below each row."

#define PRINT_COLLECTED                                                                            \
	"Print records to standard output: table and csv like spanflow meter, json with every "    \
	"element of the record as it was sent. Each form tells exporter, observation domain and "  \
	"export time of the record."

const struct sf_option sf_option_table[] = {
#include "options/collecting.def"
#include "options/general.def"
#include "options/input.def"
#include "options/interfaces.def"
#include "options/metering.def"
#include "options/output.def"
#include "options/page.def"
#include "options/questions.def"
#include "options/routes.def"
	{ NULL },
};
