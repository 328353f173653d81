/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nDPI 4.2 as a classifier. Each worker has a detection module of its own. What nDPI remembers
 * beyond a flow, such as the addresses of BitTorrent peers, is forgotten after each packet:
 * otherwise the application of a flow would depend on which other flows its worker has seen.
 */
#define NDPI_LIB_COMPILATION /* struct ndpi_detection_module_struct is declared */
#include <ndpi_api.h>

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/module.h"
#include "classify/classify.h"

enum {
	ENGINE = 22
}; /* IANA's number for nDPI among classification engines; selectors have two bytes */

struct sf_classifier_work {
	struct ndpi_detection_module_struct *module;
	size_t kept;
};

struct state {
	uint16_t told; /* the last answer */
	struct ndpi_flow_struct flow;
};

/* nDPI makes and frees modules by one thread at a time. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Counts the memory that nDPI takes in the thread; NULL: it is not for flows. */
static __thread size_t *counted;

static void *take(size_t size)
{
	void *memory = malloc(size);

	if (memory && counted)
		*counted += malloc_usable_size(memory);
	return memory;
}

static void give_back(void *memory)
{
	if (memory && counted)
		*counted -= malloc_usable_size(memory);
	free(memory);
}

static struct ndpi_detection_module_struct *make_module(void)
{
	struct ndpi_detection_module_struct *module = ndpi_init_detection_module(ndpi_no_prefs);
	NDPI_PROTOCOL_BITMASK all;

	if (!module)
		return NULL;
	NDPI_BITMASK_SET_ALL(all);
	ndpi_set_protocol_detection_bitmask2(module, &all);
	ndpi_finalize_initialization(module);
	return module;
}

static struct sf_classifier_work *open_work(void)
{
	struct sf_classifier_work *work = calloc(1, sizeof(*work));

	if (!work)
		return NULL;
	pthread_mutex_lock(&lock);
	work->module = make_module();
	pthread_mutex_unlock(&lock);
	if (work->module)
		return work;
	free(work);
	return NULL;
}

static void close_work(struct sf_classifier_work *work)
{
	pthread_mutex_lock(&lock);
	ndpi_exit_detection_module(work->module);
	pthread_mutex_unlock(&lock);
	free(work);
}

static void begin(struct sf_classifier_work *work, void *memory)
{
	(void)work;
	memset(memory, 0, sizeof(struct state));
}

static void end(struct sf_classifier_work *work, void *memory)
{
	struct state *state = memory;

	counted = &work->kept;
	ndpi_free_flow_data(&state->flow);
	counted = NULL;
}

/* The name of a host in DNS is no traffic of its application. */
static uint16_t application_of(struct ndpi_detection_module_struct *module, ndpi_protocol protocol)
{
	if (protocol.master_protocol &&
		ndpi_is_subprotocol_informative(module, protocol.master_protocol))
		return protocol.master_protocol;
	return protocol.app_protocol ? protocol.app_protocol : protocol.master_protocol;
}

static void forget_others(struct ndpi_detection_module_struct *module)
{
	struct ndpi_lru_cache **const caches[] = { &module->ookla_cache, &module->bittorrent_cache,
		&module->zoom_cache, &module->stun_cache, &module->tls_cert_cache,
		&module->mining_cache, &module->msteams_cache };

	for (size_t i = 0; i < sizeof(caches) / sizeof(caches[0]); i++) {
		if (!*caches[i])
			continue;
		ndpi_lru_free_cache(*caches[i]);
		*caches[i] = NULL;
	}
}

static enum sf_classifier_answer packet(struct sf_classifier_work *work, void *memory,
	const uint8_t *ip, size_t length, int64_t time_ns, bool last,
	struct sf_application *application)
{
	struct state *state = memory;
	ndpi_protocol found;
	uint8_t guessed;
	uint16_t number;
	bool final;

	counted = &work->kept;
	found = ndpi_detection_process_packet(work->module, &state->flow, ip,
		(unsigned short)length, (uint64_t)(time_ns / 1000000));
	if (last && !found.app_protocol && !found.master_protocol)
		found = ndpi_detection_giveup(work->module, &state->flow, 0, &guessed);
	number = application_of(work->module, found);
	final = last || (number ? !ndpi_extra_dissection_possible(work->module, &state->flow)
				: state->flow.fail_with_unknown);
	forget_others(work->module);
	counted = NULL;
	if (number && number != state->told) {
		state->told = number;
		application->id[0] = ENGINE;
		application->id[1] = (uint8_t)(number >> 8);
		application->id[2] = (uint8_t)number;
	}
	return final ? SF_CLASSIFIER_FINAL : number ? SF_CLASSIFIER_BETTER : SF_CLASSIFIER_NOTHING;
}

static size_t kept(const struct sf_classifier_work *work)
{
	return work->kept;
}

static struct sf_application_row rows[NDPI_MAX_SUPPORTED_PROTOCOLS + NDPI_MAX_NUM_CUSTOM_PROTOCOLS];

static struct sf_classifier classifier = {
	.table.rows = rows,
	.state_bytes = sizeof(struct state),
	.open = open_work,
	.close = close_work,
	.begin = begin,
	.packet = packet,
	.end = end,
	.kept = kept,
};

/* Writes a text with its length in front, cut to what there is room for. */
static void put_text(uint8_t *to, size_t room, const char *text)
{
	to[0] = (uint8_t)strnlen(text, room);
	memcpy(to + 1, text, to[0]);
}

static void put_row(struct sf_application_row *row, struct ndpi_detection_module_struct *module,
	uint16_t number)
{
	const ndpi_protocol protocol = { number, number, NDPI_PROTOCOL_CATEGORY_UNSPECIFIED };
	char text[SF_APPLICATION_DESCRIPTION + 1];

	row->id[0] = ENGINE;
	row->id[1] = (uint8_t)(number >> 8);
	row->id[2] = (uint8_t)number;
	snprintf(text, sizeof(text), "%s, %s",
		ndpi_category_get_name(module, ndpi_get_proto_category(module, protocol)),
		ndpi_get_proto_breed_name(module, ndpi_get_proto_breed(module, number)));
	put_text(row->name, SF_APPLICATION_NAME, ndpi_get_proto_name(module, number));
	put_text(row->description, SF_APPLICATION_DESCRIPTION, text);
}

static const uint16_t kinds[SF_APP_KINDS] = {
	[SF_APP_DNS] = NDPI_PROTOCOL_DNS,
	[SF_APP_TLS] = NDPI_PROTOCOL_TLS,
	[SF_APP_QUIC] = NDPI_PROTOCOL_QUIC,
	[SF_APP_HTTP] = NDPI_PROTOCOL_HTTP,
	[SF_APP_SSH] = NDPI_PROTOCOL_SSH,
};

/* The names of all applications; 0 is the unknown one. */
static void fill_rows(void)
{
	struct ndpi_detection_module_struct *module;
	unsigned count;

	set_ndpi_malloc(take);
	set_ndpi_free(give_back);
	set_ndpi_flow_malloc(take);
	set_ndpi_flow_free(give_back);
	module = make_module();
	if (!module)
		return;
	count = ndpi_get_num_supported_protocols(module);
	for (unsigned i = 1; i < count && i <= sizeof(rows) / sizeof(rows[0]); i++)
		put_row(&rows[classifier.table.count++], module, (uint16_t)i);
	ndpi_exit_detection_module(module);
	for (unsigned kind = 0; kind < SF_APP_KINDS; kind++)
		if (kinds[kind])
			classifier.table.kinds[kind] = &rows[kinds[kind] - 1];
}

/* NULL: no memory. */
static const struct sf_classifier *prepare(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, fill_rows);
	return classifier.table.count ? &classifier : NULL;
}

SF_MODULE_OBJECT const struct sf_classifier *(*const sf_classifier_ndpi)(void) = prepare;
