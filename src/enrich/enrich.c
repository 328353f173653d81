/* SPDX-License-Identifier: BSD-2-Clause */
#include "enrich/enrich.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/wire.h"
#include "enrich/fib.h"
#include "enrich/load.h"

#define BATCH    64
#define TEXT_MAX 600

struct source {
	char *path; /* "" for the kernel's routes */
	uint32_t what;
	bool asked; /* to be read again */
};

/* The routes of all sources; does not change. */
struct tables {
	struct sf_routes *routes[SF_ENRICH_SOURCES_MAX];
};

struct sf_enrich {
	struct sf_enricher enricher;
	struct source sources[SF_ENRICH_SOURCES_MAX];
	unsigned count;
	struct sf_fib fib;
	_Atomic(struct tables *) tables;
	atomic_uint batches; /* odd: a batch is worked on */

	pthread_mutex_t lock; /* protects what follows */
	bool loading;         /* the thread runs */
	bool joinable;        /* it was started and has not been joined */
	pthread_t thread;
	char texts[SF_ENRICH_SOURCES_MAX][TEXT_MAX]; /* what a person should know */
	unsigned text_count;
};

/* ---------------------------------------------------------------- look-ups */

static const uint8_t no_hop[16];

/* The addresses of a batch by family, and the sides that they belong to. */
struct addresses {
	unsigned count;
	struct sf_lpm_address addresses[2 * BATCH];
	struct sf_extra_side *sides[2 * BATCH];
};

static void gather(const struct sf_flow *flows, unsigned count, struct sf_extra *extra,
	struct addresses *families)
{
	for (unsigned i = 0; i < count; i++) {
		struct addresses *family = &families[flows[i].ip_version == 6];

		for (unsigned side = 0; side < 2; side++) {
			const uint8_t *address = flows[i].addr[side];

			/* the bytes behind an IPv4 address are 0 */
			family->addresses[family->count] =
				(struct sf_lpm_address){ sf_load_be64(address),
					sf_load_be64(address + 8) };
			family->sides[family->count++] = &extra[i].side[side];
			extra[i].side[side] = (struct sf_extra_side){ .next_hop = no_hop,
				.bgp_next_hop = no_hop };
		}
	}
}

static bool is_known(const uint8_t *hop)
{
	return memcmp(hop, no_hop, sizeof(no_hop)) != 0;
}

/* Adds what is not known yet. */
static void add_facts(struct sf_extra_side *side, const struct sf_routes *routes,
	const struct sf_route *route, uint32_t what)
{
	const struct sf_hops *hops = &routes->hops[route->hops];

	if (what & SF_EXTRA_AS && !side->as)
		side->as = route->as;
	if (what & SF_EXTRA_PREFIX_LENGTH && !side->prefix_length)
		side->prefix_length = route->length;
	if (what & SF_EXTRA_COUNTRY && !side->country[0])
		memcpy(side->country, route->country, sizeof(side->country));
	if (!route->hops)
		return;
	if (what & SF_EXTRA_NEXT_HOP && side->next_hop == no_hop && is_known(hops->next))
		side->next_hop = hops->next;
	if (what & SF_EXTRA_BGP_NEXT_HOP && side->bgp_next_hop == no_hop && is_known(hops->bgp))
		side->bgp_next_hop = hops->bgp;
}

static void begin(
	void *context, const struct sf_flow *flows, unsigned count, struct sf_extra *extra)
{
	struct sf_enrich *enrich = context;
	struct addresses families[2];
	const struct tables *tables;
	uint32_t values[2 * BATCH];

	/* pairs with the exchange in publish(): it sees this batch, or this load its tables */
	atomic_fetch_add_explicit(&enrich->batches, 1, memory_order_seq_cst);
	tables = atomic_load_explicit(&enrich->tables, memory_order_seq_cst);
	families[0].count = families[1].count = 0;
	gather(flows, count, extra, families);
	for (unsigned s = 0; s < enrich->count; s++) {
		const struct sf_routes *routes = tables->routes[s];

		for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
			struct addresses *family = &families[ipv6];

			if (!family->count)
				continue;
			sf_lpm_find(routes->lpm, ipv6, family->addresses, values, family->count);
			for (unsigned i = 0; i < family->count; i++)
				add_facts(family->sides[i], routes, &routes->routes[values[i]],
					enrich->sources[s].what);
		}
	}
}

static void end(void *context)
{
	struct sf_enrich *enrich = context;

	/* pairs with the load in publish(): nothing of the old tables is read any more */
	atomic_fetch_add_explicit(&enrich->batches, 1, memory_order_seq_cst);
}

/* ---------------------------------------------------------------- loading */

static bool is_fib(const struct source *source)
{
	return source->path[0] == 0;
}

static int load(
	struct sf_enrich *enrich, unsigned index, struct sf_routes **routes, struct sf_error *error)
{
	const struct source *source = &enrich->sources[index];

	return is_fib(source) ? sf_fib_load(&enrich->fib, routes, error)
			      : sf_load_file(routes, source->path, error);
}

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/* Exchanges the tables, and frees the old ones' routes of source `index` when nobody reads them. */
static void publish(struct sf_enrich *enrich, struct tables *new, unsigned index)
{
	struct tables *old = atomic_exchange_explicit(&enrich->tables, new, memory_order_seq_cst);
	unsigned batch = atomic_load_explicit(&enrich->batches, memory_order_seq_cst);

	while (batch & 1 && atomic_load_explicit(&enrich->batches, memory_order_seq_cst) == batch)
		nap();
	sf_routes_free(old->routes[index]);
	free(old);
}

static void say(struct sf_enrich *enrich, const char *text)
{
	pthread_mutex_lock(&enrich->lock);
	if (enrich->text_count < SF_ENRICH_SOURCES_MAX)
		snprintf(enrich->texts[enrich->text_count++], TEXT_MAX, "%s", text);
	pthread_mutex_unlock(&enrich->lock);
}

/* Reads one source again. What fails leaves the routes that were read before in use. */
static void load_again(struct sf_enrich *enrich, unsigned index)
{
	struct tables *new = malloc(sizeof(*new));
	struct source *source = &enrich->sources[index];
	struct sf_error error = { 0 };
	struct sf_routes *routes;
	char text[TEXT_MAX];
	int code = new ? load(enrich, index, &routes, &error)
		       : sf_error_set(&error, -ENOMEM, "%s: no memory for it", source->path);

	if (code < 0) {
		snprintf(text, sizeof(text), "%s; what was read before stays in use", error.text);
		say(enrich, text);
		free(new);
		return;
	}
	*new = *atomic_load_explicit(&enrich->tables, memory_order_relaxed);
	new->routes[index] = routes;
	publish(enrich, new, index);
	/* templates are made for what was known at the start */
	snprintf(text, sizeof(text), "%s: read again: %zu IPv4 and %zu IPv6 prefixes, %zu KiB%s",
		source->path, routes->ipv4_count, routes->ipv6_count, routes->memory >> 10,
		routes->gives & source->what & ~enrich->enricher.gives
			? "; it tells more kinds of facts than at the start: those take a restart"
			: "");
	/* the kernel's routes change at any time, and nobody asked */
	if (!is_fib(source))
		say(enrich, text);
}

/* The next source to be read again, or -1: then the thread ends. */
static int next_source(struct sf_enrich *enrich)
{
	int index = -1;

	pthread_mutex_lock(&enrich->lock);
	for (unsigned i = 0; i < enrich->count && index < 0; i++)
		if (enrich->sources[i].asked)
			index = (int)i;
	if (index >= 0)
		enrich->sources[index].asked = false;
	else
		enrich->loading = false;
	pthread_mutex_unlock(&enrich->lock);
	return index;
}

static void *run(void *context)
{
	struct sf_enrich *enrich = context;

	for (int index; (index = next_source(enrich)) >= 0;)
		load_again(enrich, (unsigned)index);
	return NULL;
}

/* Asks for files or for the kernel's routes, and starts the thread unless it runs. */
static void ask(struct sf_enrich *enrich, bool fib)
{
	sigset_t all, before;
	int code = 0;

	pthread_mutex_lock(&enrich->lock);
	for (unsigned i = 0; i < enrich->count; i++)
		enrich->sources[i].asked |= is_fib(&enrich->sources[i]) == fib;
	if (!enrich->loading) {
		if (enrich->joinable)
			pthread_join(enrich->thread, NULL);
		/* signals are for the main thread */
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		code = pthread_create(&enrich->thread, NULL, run, enrich);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		enrich->loading = enrich->joinable = code == 0;
	}
	pthread_mutex_unlock(&enrich->lock);
	if (code)
		say(enrich, "no thread to read the files of --enrich again");
}

void sf_enrich_reload(struct sf_enrich *enrich)
{
	ask(enrich, false);
}

bool sf_enrich_look(struct sf_enrich *enrich, char *text, size_t size)
{
	bool any;

	if (enrich->fib.fd >= 0 && sf_fib_changed(&enrich->fib))
		ask(enrich, true);
	pthread_mutex_lock(&enrich->lock);
	any = enrich->text_count > 0;
	if (any) {
		snprintf(text, size, "%s", enrich->texts[0]);
		memmove(enrich->texts[0], enrich->texts[1],
			sizeof(enrich->texts[0]) * --enrich->text_count);
	}
	pthread_mutex_unlock(&enrich->lock);
	return any;
}

bool sf_enrich_idle(struct sf_enrich *enrich)
{
	bool idle;

	pthread_mutex_lock(&enrich->lock);
	idle = !enrich->loading;
	pthread_mutex_unlock(&enrich->lock);
	return idle;
}

/* ---------------------------------------------------------------- sources */

static const struct {
	const char *name;
	uint32_t what;
} facts[] = {
	{ "as", SF_EXTRA_AS },
	{ "hop", SF_EXTRA_NEXT_HOP },
	{ "bgp-hop", SF_EXTRA_BGP_NEXT_HOP },
	{ "mask", SF_EXTRA_PREFIX_LENGTH },
	{ "country", SF_EXTRA_COUNTRY },
};

/* "as+country" */
static int read_what(uint32_t *what, const char *source, const char *text, struct sf_error *error)
{
	*what = 0;
	do {
		size_t length = strcspn(text, "+"), i = 0;

		while (i < 5 && (strlen(facts[i].name) != length ||
					strncmp(facts[i].name, text, length) != 0))
			i++;
		if (i == 5)
			return sf_error_set(error, SF_EUSAGE,
				"%s: what= has '%.*s' (allowed: as, hop, bgp-hop, mask, country, "
				"with + between them)",
				source, (int)length, text);
		*what |= facts[i].what;
		text += length;
	} while (*text++ == '+');
	return 0;
}

static int read_source(struct source *source, const char *text, struct sf_error *error)
{
	const char *option = strstr(text, ",what=");
	size_t length = option ? (size_t)(option - text) : strlen(text);

	source->what = UINT32_MAX;
	if (length == 0)
		return sf_error_set(error, SF_EUSAGE, "'%s' names no file", text);
	source->path = strncmp(text, "fib", length) == 0 && length == 3 ? strdup("")
									: strndup(text, length);
	if (!source->path)
		return sf_error_set(error, -ENOMEM, "no memory for %s", text);
	return option ? read_what(&source->what, text, option + 6, error) : 0;
}

/* What a source tells. The kernel may get routes with a next hop later. */
static uint32_t given_by(const struct source *source, const struct sf_routes *routes)
{
	uint32_t gives =
		is_fib(source) ? SF_EXTRA_NEXT_HOP | SF_EXTRA_PREFIX_LENGTH : routes->gives;

	return gives & source->what;
}

/* Reads all sources for the first time. */
static int load_all(struct sf_enrich *enrich, struct sf_error *error)
{
	struct tables *tables = calloc(1, sizeof(*tables));
	int code = 0;

	if (!tables)
		return sf_error_set(error, -ENOMEM, "no memory for routes");
	atomic_store_explicit(&enrich->tables, tables, memory_order_relaxed);
	for (unsigned i = 0; i < enrich->count && code == 0; i++) {
		if (is_fib(&enrich->sources[i]) && enrich->fib.fd < 0)
			code = sf_fib_open(&enrich->fib, error);
		if (code == 0)
			code = load(enrich, i, &tables->routes[i], error);
		if (code == 0)
			enrich->enricher.gives |= given_by(&enrich->sources[i], tables->routes[i]);
	}
	return code;
}

int sf_enrich_new(struct sf_enrich **enrich, const char *const *sources, unsigned count,
	struct sf_error *error)
{
	struct sf_enrich *new = calloc(1, sizeof(*new));
	int code = 0;

	if (!new)
		return sf_error_set(error, -ENOMEM, "no memory for routes");
	pthread_mutex_init(&new->lock, NULL);
	new->fib.fd = new->fib.events = -1;
	new->enricher = (struct sf_enricher){ begin, end, new, 0 };
	if (count > SF_ENRICH_SOURCES_MAX)
		code = sf_error_set(
			error, SF_EUSAGE, "more than %d sources of routes", SF_ENRICH_SOURCES_MAX);
	for (unsigned i = 0; i < count && code == 0; i++, new->count++)
		code = read_source(&new->sources[i], sources[i], error);
	if (code == 0)
		code = load_all(new, error);
	if (code < 0) {
		sf_enrich_free(new);
		return code;
	}
	*enrich = new;
	return 0;
}

void sf_enrich_free(struct sf_enrich *enrich)
{
	struct tables *tables;

	if (!enrich)
		return;
	if (enrich->joinable)
		pthread_join(enrich->thread, NULL);
	tables = atomic_load_explicit(&enrich->tables, memory_order_relaxed);
	for (unsigned i = 0; i < SF_ENRICH_SOURCES_MAX; i++) {
		free(enrich->sources[i].path);
		if (tables)
			sf_routes_free(tables->routes[i]);
	}
	free(tables);
	if (enrich->fib.fd >= 0)
		sf_fib_close(&enrich->fib);
	pthread_mutex_destroy(&enrich->lock);
	free(enrich);
}

const struct sf_enricher *sf_enrich_enricher(const struct sf_enrich *enrich)
{
	return &enrich->enricher;
}

const char *sf_enrich_path(const struct sf_enrich *enrich, unsigned index)
{
	return index < enrich->count ? enrich->sources[index].path : NULL;
}
