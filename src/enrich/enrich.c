/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/url_option.h"
#include "enrich/internal.h"
#include "enrich/load.h"

/* ---------------------------------------------------------------- loading */

static bool is_fib(const struct sf_enrich_source *source)
{
	return source->path[0] == 0;
}

/* Reads a source into `tables`. */
static int load(struct sf_enrich *enrich, unsigned index, struct sf_enrich_tables *tables,
	struct sf_error *error)
{
	const struct sf_enrich_source *source = &enrich->sources[index];

	if (source->is_map)
		return sf_map_load(&tables->map, source->path, error);
	return is_fib(source) ? sf_fib_load(&enrich->fib, &tables->routes[index], error)
			      : sf_load_file_until(
					&tables->routes[index], source->path, &enrich->stop, error);
}

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/*
 * Exchanges the tables. Waits until no batch of records uses the old ones, and frees their routes
 * (or map) of source `index`; all else is shared with the new ones.
 */
static void publish(struct sf_enrich *enrich, struct sf_enrich_tables *new, unsigned index)
{
	struct sf_enrich_tables *old;
	unsigned batch;

	pthread_mutex_lock(&enrich->lock);
	old = atomic_exchange_explicit(&enrich->tables, new, memory_order_seq_cst);
	pthread_mutex_unlock(&enrich->lock);
	batch = atomic_load_explicit(&enrich->batches, memory_order_seq_cst);
	while (batch & 1 && atomic_load_explicit(&enrich->batches, memory_order_seq_cst) == batch)
		nap();
	if (enrich->sources[index].is_map)
		sf_map_free(old->map);
	else
		sf_routes_free(old->routes[index]);
	free(old);
}

static void say(struct sf_enrich *enrich, const char *text)
{
	pthread_mutex_lock(&enrich->lock);
	if (enrich->text_count < SF_ENRICH_SOURCES_MAX)
		snprintf(enrich->texts[enrich->text_count++], SF_ENRICH_TEXT_MAX, "%s", text);
	pthread_mutex_unlock(&enrich->lock);
}

/*
 * Writes the message about a source that was read (again). "": none, for the kernel's
 * routes, which change at any time.
 */
static void describe(const struct sf_enrich *enrich, unsigned index,
	const struct sf_enrich_tables *tables, const char *read, char *text, size_t size)
{
	const struct sf_enrich_source *source = &enrich->sources[index];
	const struct sf_routes *routes = tables->routes[index];
	bool more;

	*text = 0;
	if (source->is_map) {
		more = sf_ways_wants(&enrich->ways, tables->map) & ~enrich->enricher.wants;
		snprintf(text, size, "%s: %s: interfaces: %u, rules: %u%s", source->path, read,
			tables->map->interface_count,
			tables->map->rule_count[SF_MAP_INGRESS] +
				tables->map->rule_count[SF_MAP_EGRESS] +
				tables->map->rule_count[SF_MAP_DIRECTION],
			more ? "; conditions of a kind that no rule had at the start, such as MAC "
			       "addresses, take a restart"
			     : "");
	} else if (!is_fib(source)) {
		/*
		 * templates have fields for the facts that were known at the start, and no others
		 */
		more = routes->gives & source->what & ~enrich->enricher.gives;
		snprintf(text, size, "%s: %s: %zu IPv4 and %zu IPv6 prefixes, %zu KiB%s",
			source->path, read, routes->ipv4_count, routes->ipv6_count,
			routes->memory >> 10,
			more ? "; it tells more kinds of facts than at the start, which take a "
			       "restart"
			     : "");
	}
}

/* Reads one source again. If that fails, what was read before stays in use. */
static void load_again(struct sf_enrich *enrich, unsigned index)
{
	struct sf_enrich_tables *new = malloc(sizeof(*new));
	struct sf_error error = { 0 };
	char text[SF_ENRICH_TEXT_MAX];
	int code = -ENOMEM;
	bool first = false;

	if (new) {
		*new = *atomic_load_explicit(&enrich->tables, memory_order_relaxed);
		first = !new->routes[index] && !enrich->sources[index].is_map;
		code = load(enrich, index, new, &error);
	} else {
		sf_error_set(&error, code, "%s: no memory for it", enrich->sources[index].path);
	}
	if (code < 0) {
		snprintf(text, sizeof(text), "%.500s; %s", error.text,
			first ? "records go without it until SIGHUP reads it again"
			      : "what was read before stays in use");
		say(enrich, text);
		free(new);
		return;
	}
	describe(enrich, index, new, first ? "read" : "read again", text, sizeof(text));
	publish(enrich, new, index);
	if (*text)
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

/* Starts the thread, unless it runs or nothing is to be read. */
static void start(struct sf_enrich *enrich)
{
	sigset_t all, before;
	bool asked = false;
	int code = 0;

	pthread_mutex_lock(&enrich->lock);
	for (unsigned i = 0; i < enrich->count; i++)
		asked |= enrich->sources[i].asked;
	if (asked && !enrich->loading) {
		if (enrich->joinable)
			pthread_join(enrich->thread, NULL);
		/* signals are for the main thread */
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		code = pthread_create(&enrich->thread, NULL, run, enrich);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		enrich->loading = enrich->joinable = code == 0;
		for (unsigned i = 0; code && i < enrich->count; i++)
			enrich->sources[i].asked = false;
	}
	pthread_mutex_unlock(&enrich->lock);
	if (code)
		say(enrich, "no thread to read files again");
}

/* Has the files, or the kernel's routes, read again by the thread. */
static void ask(struct sf_enrich *enrich, bool fib)
{
	pthread_mutex_lock(&enrich->lock);
	for (unsigned i = 0; i < enrich->count; i++)
		enrich->sources[i].asked |= is_fib(&enrich->sources[i]) == fib;
	pthread_mutex_unlock(&enrich->lock);
	start(enrich);
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
	else
		start(enrich);
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

/* ---------------------------------------------------------------- what an exporter asks for */

static void lend_ports(void *context,
	unsigned (*port)(void *of, unsigned slot, uint32_t *number, const char **name), void *of)
{
	struct sf_enrich *enrich = context;

	enrich->ways.port = port;
	enrich->ways.port_of = of;
}

/* Outside of a batch only the lock protects the map from being freed. */
static bool copy_interface(void *context, unsigned slot, struct sf_interface_info *info)
{
	struct sf_enrich *enrich = context;
	const struct sf_map *map;
	bool found;

	pthread_mutex_lock(&enrich->lock);
	map = atomic_load_explicit(&enrich->tables, memory_order_relaxed)->map;
	found = map && slot < map->interface_count;
	if (found)
		*info = map->interfaces[slot];
	pthread_mutex_unlock(&enrich->lock);
	return found;
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

/* ",what=as+country" */
static int read_what(uint32_t *what, const char *source, const char *option, struct sf_error *error)
{
	const char *text = option + strcspn(option, "=");

	if (strncmp(option, ",what=", 6) != 0)
		return sf_error_set(error, SF_EUSAGE, "%s: unknown option '%.*s' (allowed: what)",
			source, (int)(text - option - 1), option + 1);
	*what = 0;
	text++;
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

static int read_source(struct sf_enrich_source *source, const char *text, struct sf_error *error)
{
	bool fib = strcmp(text, "fib") == 0 || strncmp(text, "fib,", 4) == 0;
	const char *option = fib ? strchr(text, ',') : sf_url_options_of(text);
	size_t length = option ? (size_t)(option - text) : strlen(text);

	source->what = UINT32_MAX;
	if (length == 0)
		return sf_error_set(error, SF_EUSAGE, "'%s' names no file", text);
	source->path = fib ? strdup("") : strndup(text, length);
	if (!source->path)
		return sf_error_set(error, -ENOMEM, "no memory for %s", text);
	return option ? read_what(&source->what, text, option, error) : 0;
}

/* What a source tells. The kernel may get routes with a next hop later. */
static uint32_t given_by(const struct sf_enrich_source *source, const struct sf_routes *routes)
{
	uint32_t gives =
		is_fib(source) ? SF_EXTRA_NEXT_HOP | SF_EXTRA_PREFIX_LENGTH : routes->gives;

	return gives & source->what;
}

/* Names the option that an error comes from. */
static int blame(const char *option, const struct sf_error *reason, struct sf_error *error)
{
	return sf_error_set(error, reason->code, "%s: %.480s", option, reason->text);
}

/* Reads a source for the first time, unless that may wait. */
static int load_first(struct sf_enrich *enrich, unsigned index, bool patient,
	struct sf_enrich_tables *tables, struct sf_error *error)
{
	struct sf_enrich_source *source = &enrich->sources[index];
	uint32_t given = 0;
	int code = 0;

	if (patient && !source->is_map && !is_fib(source))
		given = sf_load_is_long(source->path);
	enrich->enricher.gives |= given & source->what;
	source->asked = given != 0;
	if (given)
		return 0;
	if (is_fib(source) && enrich->fib.fd < 0)
		code = sf_fib_open(&enrich->fib, error);
	if (code == 0)
		code = load(enrich, index, tables, error);
	if (code == 0 && !source->is_map)
		enrich->enricher.gives |= given_by(source, tables->routes[index]);
	return code;
}

static int load_all(struct sf_enrich *enrich, bool patient, struct sf_error *error)
{
	struct sf_enrich_tables *tables = calloc(1, sizeof(*tables));
	struct sf_error reason = { 0 };

	if (!tables)
		return sf_error_set(error, -ENOMEM, "no memory for routes");
	atomic_store_explicit(&enrich->tables, tables, memory_order_relaxed);
	for (unsigned i = 0; i < enrich->count; i++) {
		const struct sf_enrich_source *source = &enrich->sources[i];
		const char *option = source->is_map ? "--interface-map"
				     : source->what ? "--enrich"
						    : "--egress fib";

		if (load_first(enrich, i, patient, tables, &reason) < 0)
			return blame(option, &reason, error);
	}
	return 0;
}

/* Sources in the order in which they are asked: those of the user, then what other options need. */
static int add_sources(
	struct sf_enrich *enrich, const struct sf_enrich_options *options, struct sf_error *error)
{
	bool fib = options->egress == SF_ENRICH_EGRESS_FIB;
	struct sf_error reason = { 0 };
	int code = 0;

	if (options->source_count > SF_ENRICH_SOURCES_MAX)
		return sf_error_set(
			error, SF_EUSAGE, "--enrich: more than %d sources", SF_ENRICH_SOURCES_MAX);
	for (unsigned i = 0; i < options->source_count && code == 0; i++, enrich->count++) {
		code = read_source(&enrich->sources[i], options->sources[i], &reason);
		if (code < 0)
			blame("--enrich", &reason, error);
		fib = fib && !(code == 0 && is_fib(&enrich->sources[i]));
	}
	if (code == 0 && fib)
		code = read_source(&enrich->sources[enrich->count++], "fib", error);
	if (fib)
		enrich->sources[enrich->count - 1].what = 0;
	if (code == 0 && options->map) {
		struct sf_enrich_source *source = &enrich->sources[enrich->count++];

		source->is_map = true;
		source->path = strdup(options->map);
		code = source->path ? 0 : sf_error_set(error, -ENOMEM, "no memory");
	}
	return code;
}

static int init_ways(
	struct sf_enrich *enrich, const struct sf_enrich_options *options, struct sf_error *error)
{
	struct sf_enrich_ways *ways = &enrich->ways;
	struct sf_error reason = { 0 };
	int code = 0;

	ways->egress = options->egress;
	if (options->map || options->local || options->egress != SF_ENRICH_EGRESS_SAME)
		enrich->enricher.gives |= SF_EXTRA_INTERFACES;
	if (options->local)
		code = sf_ways_local(ways, options->local, &reason);
	if (code < 0)
		return blame("--local-net", &reason, error);
	if (code == 0 && ways->egress == SF_ENRICH_EGRESS_LEARN) {
		ways->learn = calloc(1, sizeof(*ways->learn));
		if (!ways->learn || sf_learn_init(ways->learn) < 0)
			code = sf_error_set(error, -ENOMEM, "no memory to learn MAC addresses");
	}
	return code;
}

int sf_enrich_new(
	struct sf_enrich **enrich, const struct sf_enrich_options *options, struct sf_error *error)
{
	struct sf_enrich *new = calloc(1, sizeof(*new));
	int code;

	if (!new)
		return sf_error_set(error, -ENOMEM, "no memory for routes");
	pthread_mutex_init(&new->lock, NULL);
	new->fib.fd = new->fib.events = -1;
	new->enricher = (struct sf_enricher){
		.begin = sf_enrich_begin,
		.end = sf_enrich_end,
		.context = new,
		.ports = lend_ports,
		.interface = copy_interface,
	};
	code = init_ways(new, options, error);
	if (code == 0)
		code = add_sources(new, options, error);
	if (code == 0)
		code = load_all(new, options->patient, error);
	if (code < 0) {
		sf_enrich_free(new);
		return code;
	}
	new->enricher.wants = sf_ways_wants(
		&new->ways, atomic_load_explicit(&new->tables, memory_order_relaxed)->map);
	*enrich = new;
	return 0;
}

void sf_enrich_free(struct sf_enrich *enrich)
{
	struct sf_enrich_tables *tables;

	if (!enrich)
		return;
	atomic_store_explicit(&enrich->stop, true, memory_order_relaxed);
	if (enrich->joinable)
		pthread_join(enrich->thread, NULL);
	tables = atomic_load_explicit(&enrich->tables, memory_order_relaxed);
	for (unsigned i = 0; i < sizeof(enrich->sources) / sizeof(enrich->sources[0]); i++) {
		free(enrich->sources[i].path);
		if (tables)
			sf_routes_free(tables->routes[i]);
	}
	if (tables)
		sf_map_free(tables->map);
	free(tables);
	sf_ways_fini(&enrich->ways);
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
