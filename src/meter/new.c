/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes a meter from its options, and frees it. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "apps/apps.h"
#include "base/sized.h"
#include "meter/internal.h"
#include "meter/key.h"
#include "meter/own.h"

static int open_dedup(struct sf_meter *meter, int64_t window_ns, struct sf_error *error)
{
	bool drop = meter->dedup_mode == SF_DEDUP_DROP;
	uint64_t secret;

	if (getrandom(&secret, sizeof(secret), 0) != sizeof(secret))
		return sf_error_set(error, -errno, "no random numbers from the kernel: %s",
			sf_strerror(-errno));
	if (sf_dedup_init(&meter->dedup, drop, window_ns, secret) < 0)
		return sf_error_set(error, -ENOMEM, "no memory to look for duplicates");
	return 0;
}

/* What reads payload; where every packet is a flow, each of them is a first one. */
static int open_apps(
	struct sf_meter *meter, const struct sf_meter_options *options, struct sf_error *error)
{
	const struct sf_classifier *classifier = NULL;
	int code;

	if (options->facts & SF_FACT_SET(application)) {
		classifier = sf_classifier_load(error);
		if (!classifier)
			return SF_EUNSUPPORTED;
	}
	code = sf_apps_new(&meter->apps, options->facts);
	if (!code && meter->apps && !options->per_packet)
		code = sf_apps_limit(meter->apps, options->max_flows, options->idle_timeout_ns);
	if (classifier)
		sf_table_name_applications(meter->table, &classifier->table);
	if (!code && classifier)
		code = sf_apps_classify(meter->apps, classifier, options->idle_timeout_ns);
	if (code == SF_EUNSUPPORTED)
		return sf_error_set(error, code,
			"nDPI cannot be started: its library gives no detection module");
	return code ? sf_error_set(error, code, "payload cannot be read: %s", sf_strerror(code))
		    : 0;
}

uint64_t sf_meter_facts(const struct sf_meter_options *options)
{
	uint32_t key = options->key ? options->key : SF_KEY_DEFAULT;
	uint64_t facts = options->facts;
	struct sf_tunnels tunnels;

	sf_tunnels_init(&tunnels, options->tunnels);
	if (!tunnels.both)
		facts &= ~(SF_FACT_SET(outer_flow) | SF_FACT_SET(inner_flow));
	if (!sf_tunnels_tell(&tunnels))
		return facts & ~SF_FACT_SET(tunnel);
	return facts | (key & SF_KEY_TUNNEL ? SF_FACT_SET(tunnel) : 0);
}

bool sf_meter_lacks(const struct sf_meter_options *options, struct sf_error *error)
{
	return sf_apps_lack(options->facts, error);
}

bool sf_meter_reads_alone(const struct sf_meter_options *options)
{
	return options->dedup == SF_DEDUP_DROP || sf_apps_need_all(options->facts);
}

static int new_meter(
	struct sf_meter **out, const struct sf_meter_options *options, struct sf_error *error)
{
	const uint32_t known = SF_KEY_DEFAULT | SF_KEY_TOS | SF_KEY_INTERFACE;
	struct sf_meter_options table = *options;
	struct sf_annex_layout layout;
	struct sf_meter *meter;
	int status = 0;

	if (options->key & ~known)
		return sf_error_set(error, SF_EUSAGE, "unknown parts in the flow key: 0x%x",
			options->key & ~known);
	meter = calloc(1, sizeof(*meter));
	if (!meter)
		return sf_error_set(error, -ENOMEM, "no memory for a meter");
	meter->key = options->key ? options->key : SF_KEY_DEFAULT;
	meter->per_packet = options->per_packet;
	meter->run = sf_parse_run_here();
	sf_tunnels_init(&meter->tunnels, options->tunnels);
	meter->parsed.unsupported_link = UINT32_MAX;
	meter->own = options->own && options->own->count ? options->own : NULL;
	meter->dedup_mode = options->dedup;
	table.facts = sf_meter_facts(options);
	/* others name them */
	table.flow_ids |= meter->tunnels.both != 0;
	sf_annex_layout_init(&layout, table.facts);
	/* the parser always stores the head, so facts of the head need no other path */
	meter->tails = layout.packet_bytes != 0;
	meter->details = layout.details;
	meter->trailer = table.facts & SF_FACT_SET(trailer);
	meter->heads = meter->run && !layout.common_bytes && !layout.details && !meter->trailer &&
		       layout.rare == SF_HAS_APP;
	meter->demanding = meter->own || meter->key != SF_KEY_DEFAULT ||
			   meter->dedup_mode != SF_DEDUP_OFF || meter->tunnels.udp ||
			   meter->tunnels.both || sf_tunnels_tell(&meter->tunnels);
	if (meter->dedup_mode != SF_DEDUP_OFF)
		status = open_dedup(meter, options->dedup_window_ns, error);
	if (status == 0)
		status = sf_table_new(&meter->table, &table, error);
	if (status == 0)
		status = open_apps(meter, &table, error);
	meter->joins =
		!options->split_fragments && (meter->key & SF_KEY_CONNECTION) == SF_KEY_CONNECTION;
	meter->around = meter->joins || meter->tunnels.both;
	if (status == 0 && meter->around)
		status = sf_meter_open_stage(meter, error);
	if (status == 0 && meter->tunnels.both)
		sf_table_name_by_key(meter->table);
	if (status < 0) {
		sf_meter_free(meter);
		return status;
	}
	*out = meter;
	return 0;
}

int sf_meter_new_sized(struct sf_meter **out, const struct sf_meter_options *options, size_t size,
	struct sf_error *error)
{
	struct sf_meter_options known;
	int code = sf_sized_options(&known, sizeof(known), options, size, error);

	return code < 0 ? code : new_meter(out, &known, error);
}

void sf_meter_free(struct sf_meter *meter)
{
	if (!meter)
		return;
	sf_dedup_fini(&meter->dedup);
	sf_fragments_fini(&meter->fragments);
	sf_apps_free(meter->apps);
	free(meter->staged);
	free(meter->staged_annexes);
	sf_table_free(meter->table);
	free(meter);
}
