/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Collected records into an IPFIX file, as they were sent: all their elements, templates like the
 * exporter's, options records with their scope. Nothing is added but where a record came from, as
 * far as it does not say so itself.
 *
 *	file ── domains: sequence number, next template id
 *	      └─ templates of all domains, by a hash of what they consist of
 *
 * Each message of the file has the records of one message that was collected, or of several of the
 * same domain and second: so its header has their export time. Template ids are the file's own,
 * because exporters with the same domain use the same ids for different templates. When there are
 * too many templates all are withdrawn (RFC 7011 §8.1) and defined anew as they are needed: memory
 * is bounded, and nothing is lost.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "encode/message.h"
#include "export/collected_record.h"
#include "export/destination.h"

#define BUCKETS       4096
#define TEMPLATES_MAX 16384
#define SPECS_SUM_MAX (16 * TEMPLATES_MAX) /* of all templates */
#define FIRST_ID      256
#define NS_PER_S      INT64_C(1000000000)
#define FLUSH_NS      NS_PER_S

struct domain {
	struct domain *next; /* in its bucket */
	uint32_t number;
	uint32_t sequence;
	uint32_t next_id; /* of a template; FIRST_ID: none has been defined */
};

struct template
{
	struct template *next; /* in its bucket */
	struct domain *domain;
	uint32_t hash;
	uint16_t id, count, scope_count;
	bool written; /* since the last failure */
	struct sf_spec specs[];
};

struct collected_file {
	struct sf_destination destination;
	struct sf_transport *transport;
	bool options_data;
	struct domain *domains[BUCKETS];
	struct template *templates[BUCKETS];
	unsigned template_count, spec_count;
	struct sf_collected_record record; /* the one being written */
	/* the open message, if `domain` is set */
	uint8_t *bytes;
	struct sf_message message;
	struct domain *domain;
	int64_t export_time_ns;
	uint16_t set_id;   /* of the open set */
	unsigned connects; /* transport->connects when it was read last */
	size_t shortest;   /* record in it */
	struct sf_destination_count flows;
	int64_t flushed_ns; /* wall clock */
};

/* ---------------------------------------------------------------- messages */

static void note_failure(struct collected_file *file, enum sf_fate fate)
{
	struct sf_destination_stats *stats = &file->destination.stats;

	stats->incomplete = true;
	stats->error = file->transport->error;
	if (fate == SF_FATE_LOST_stopped)
		snprintf(stats->failure, sizeof(stats->failure),
			"%.200s was not ready for all records when the run had to end", stats->url);
	else
		snprintf(stats->failure, sizeof(stats->failure), "cannot write %.200s: %s",
			stats->url, sf_strerror(file->transport->error));
}

/* A message may have been lost, and templates with it. */
static void forget_written(struct collected_file *file)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		for (struct template *t = file->templates[i]; t; t = t->next)
			t->written = false;
}

/* The disk is full, or has room again. */
static void tell_state(struct collected_file *file)
{
	const struct sf_transport *transport = file->transport;
	struct sf_destination *destination = &file->destination;

	destination->stats.gone = transport->gone;
	if (transport->fails == destination->fails)
		return;
	destination->fails = transport->fails;
	if (!transport->fails)
		sf_destination_news(
			destination, "%.150s takes records again", destination->stats.url);
	else if (!transport->gone)
		sf_destination_news(destination,
			"cannot write %.150s: %s; trying again once a second",
			destination->stats.url, sf_strerror(transport->error));
}

static void settle(struct collected_file *file)
{
	struct sf_destination_stats *stats = &file->destination.stats;
	struct sf_outcome sent, lost;

	file->transport->ops->settle(file->transport, &sent, &lost);
	sf_count_add(&stats->sent, &sent.flows);
	stats->messages += sent.pieces;
	stats->message_octets += sent.octets;
	tell_state(file);
	stats->files = file->transport->files;
	stats->removed_files = file->transport->removed_files;
	if (lost.pieces == 0)
		return;
	sf_count_add(sf_destination_fate(stats, file->transport->lost_as), &lost.flows);
	note_failure(file, file->transport->lost_as);
	forget_written(file);
}

static void write_message(struct collected_file *file)
{
	struct sf_batch batch = { .bytes = file->bytes, .count = 1 };
	enum sf_fate fate = SF_FATE_LOST_stopped;

	batch.messages[0].length = (uint32_t)(file->message.p - file->message.start);
	batch.messages[0].flows = file->flows;
	if (sf_hurry_level(file->transport->hurry) < 2) {
		file->transport->ops->send(file->transport, &batch);
		fate = batch.messages[0].fate;
	}
	settle(file);
	if (fate == SF_FATE_WAITING)
		return;
	sf_count_add(sf_destination_fate(&file->destination.stats, fate), &file->flows);
	note_failure(file, fate);
	forget_written(file);
}

static void end_set(struct collected_file *file)
{
	if (file->message.set)
		sf_message_set_end(&file->message, file->shortest);
}

static void flush(struct collected_file *file)
{
	struct sf_stamp stamp;

	if (!file->domain)
		return;
	end_set(file);
	/* a record was too large for it */
	if (file->message.data_records + file->message.template_records == 0) {
		file->domain = NULL;
		return;
	}
	stamp = (struct sf_stamp){
		.time_ns = file->export_time_ns,
		.sequence = file->domain->sequence,
		.domain = file->domain->number,
	};
	file->domain->sequence = sf_message_seal(&file->message, &stamp);
	write_message(file);
	file->flows = (struct sf_destination_count){ 0 };
	file->domain = NULL;
}

static void begin(struct collected_file *file, struct domain *domain, int64_t export_time_ns)
{
	sf_message_begin(&file->message, &sf_ipfix, file->bytes, file->transport->max_message);
	file->domain = domain;
	file->export_time_ns = export_time_ns;
}

static void begin_set(struct collected_file *file, uint16_t id, size_t shortest)
{
	end_set(file);
	sf_message_set(&file->message, id);
	file->set_id = id;
	file->shortest = shortest;
}

/* ---------------------------------------------------------------- templates */

static void forget_templates(struct collected_file *file)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		while (file->templates[i]) {
			struct template *template = file->templates[i];

			file->templates[i] = template->next;
			free(template);
		}
	file->template_count = file->spec_count = 0;
}

/* RFC 7011 §8.1: all templates of a domain, then all options templates. */
/* [RFC7011-8.1-2] [RFC7011-8.2-4] [RFC5655-7.3.1-1] */
static void withdraw(struct collected_file *file, struct domain *domain, int64_t export_time_ns)
{
	static const uint16_t sets[] = { 2, 3 };

	begin(file, domain, export_time_ns);
	for (unsigned i = 0; i < 2; i++) {
		begin_set(file, sets[i], 4);
		file->message.p = sf_store_be16(file->message.p, sets[i]);
		file->message.p = sf_store_be16(file->message.p, 0);
		file->message.template_records++;
	}
	flush(file);
	domain->next_id = FIRST_ID;
}

static void withdraw_all(struct collected_file *file, int64_t export_time_ns)
{
	flush(file);
	for (unsigned i = 0; i < BUCKETS; i++) {
		for (struct domain *domain = file->domains[i]; domain; domain = domain->next)
			if (domain->next_id != FIRST_ID)
				withdraw(file, domain, export_time_ns);
	}
	forget_templates(file);
}

static bool is_of(const struct template *template, const struct sf_collected_record *record,
	const struct domain *domain, uint32_t hash)
{
	if (template->hash != hash || template->domain != domain ||
		template->count != record->count || template->scope_count != record->scope_count)
		return false;
	for (unsigned i = 0; i < record->count; i++)
		if (template->specs[i].pen != record->specs[i].pen ||
			template->specs[i].id != record->specs[i].id ||
			template->specs[i].length != record->specs[i].length)
			return false;
	return true;
}

/* The template of a record, made when it is new; NULL: out of memory. */
static struct template *find_template(
	struct collected_file *file, struct domain *domain, int64_t export_time_ns)
{
	const struct sf_collected_record *record = &file->record;
	uint32_t hash = sf_collected_record_hash(record, domain->number);
	struct template **bucket = &file->templates[hash % BUCKETS], *template;

	for (template = *bucket; template; template = template->next)
		if (is_of(template, record, domain, hash))
			return template;
	if (file->template_count == TEMPLATES_MAX ||
		file->spec_count + record->count > SPECS_SUM_MAX || domain->next_id > UINT16_MAX)
		withdraw_all(file, export_time_ns);
	template = calloc(1, sizeof(*template) + record->count * sizeof(record->specs[0]));
	if (!template)
		return NULL;
	template->domain = domain;
	template->hash = hash;
	template->id = (uint16_t)domain->next_id++;
	template->count = (uint16_t)record->count;
	template->scope_count = (uint16_t)record->scope_count;
	memcpy(template->specs, record->specs, record->count * sizeof(record->specs[0]));
	template->next = *bucket;
	*bucket = template;
	file->template_count++;
	file->spec_count += record->count;
	return template;
}

static struct domain *find_domain(struct collected_file *file, uint32_t number)
{
	uint32_t hash = number * UINT32_C(0x9e3779b1) >> 16;
	struct domain **bucket = &file->domains[hash % BUCKETS], *domain;

	for (domain = *bucket; domain; domain = domain->next)
		if (domain->number == number)
			return domain;
	domain = calloc(1, sizeof(*domain));
	if (!domain)
		return NULL;
	domain->number = number;
	domain->next_id = FIRST_ID;
	domain->next = *bucket;
	return *bucket = domain;
}

/* ---------------------------------------------------------------- records */

/* Bytes that a record needs at most: headers of two sets, both with padding, template, record. */
static size_t need(const struct sf_collected_record *record, const struct template *template)
{
	size_t length = 4 + 3 + record->length;

	if (!template->written)
		length += 4 + 3 +
			  sf_message_template_length(&sf_ipfix, template->specs, template->count,
				  template->scope_count);
	return length;
}

/* Room for the record, with its template, in a message of its domain and export time. */
static bool make_room(struct collected_file *file, const struct sf_collected *from,
	struct domain *domain, const struct template *template)
{
	size_t length = need(&file->record, template);

	if (file->domain &&
		(file->domain != domain ||
			file->export_time_ns / NS_PER_S != from->export_time_ns / NS_PER_S ||
			(size_t)(file->message.end - file->message.p) < length + 3))
		flush(file);
	/* the message that was written may have taken templates with it */
	length = need(&file->record, template);
	if (!file->domain)
		begin(file, domain, from->export_time_ns);
	return (size_t)(file->message.end - file->message.p) >= length;
}

/* Another file is due: RFC 5655 §7, a file is a transport session with templates of its own. */
static void turn(struct collected_file *file, int64_t first_ns)
{
	struct sf_transport *transport = file->transport;
	const struct sf_shared *shared = file->destination.shared;
	/* files that are read are sorted into files by the times of their messages */
	int64_t now_ns = shared->options.packet_clock ? first_ns : shared->wall_ns;

	if (!transport->ops->due(transport, now_ns))
		return;
	flush(file);
	transport->ops->turn(transport, now_ns, shared->wall_ns);
	settle(file);
	sf_destination_tell(&file->destination, transport);
	if (file->connects == transport->connects)
		return;
	file->connects = transport->connects;
	forget_templates(file);
	for (unsigned i = 0; i < BUCKETS; i++)
		for (struct domain *domain = file->domains[i]; domain; domain = domain->next) {
			domain->sequence = 0;
			domain->next_id = FIRST_ID;
		}
}

static void lose(struct collected_file *file, struct sf_destination_count *reason,
	const struct sf_destination_count *count, const char *why)
{
	struct sf_destination_stats *stats = &file->destination.stats;

	sf_count_add(reason, count);
	stats->incomplete = true;
	snprintf(stats->failure, sizeof(stats->failure), "%.180s: %s", stats->url, why);
}

static void file_put(struct sf_destination *destination, const struct sf_collected *from)
{
	struct collected_file *file = (struct collected_file *)destination;
	struct sf_destination_stats *stats = &destination->stats;
	const struct sf_destination_count count = { !from->options, sf_flow_packets(&from->flow),
		sf_flow_octets(&from->flow) };
	struct template *template = NULL;
	struct domain *domain;

	if (from->options && !file->options_data)
		return;
	if (file->transport->ops->due)
		turn(file, from->export_time_ns);
	sf_count_add(&stats->offered, &count);
	sf_collected_record_fill(&file->record, from);
	domain = find_domain(file, from->domain);
	if (domain)
		template = find_template(file, domain, from->export_time_ns);
	if (!template) {
		lose(file, &stats->lost_write, &count, "no memory for another template");
		return;
	}
	if (!make_room(file, from, domain, template)) {
		lose(file, &stats->lost_tooLarge, &count,
			"a record does not fit into a message with its template");
		return;
	}
	if (!template->written) {
		begin_set(file, template->scope_count ? 3 : 2, 4);
		sf_message_template(&file->message, template->id, template->specs, template->count,
			template->scope_count);
		template->written = true;
	}
	if (!file->message.set || file->set_id != template->id)
		begin_set(file, template->id, file->record.length);
	file->message.p = sf_collected_record_write(&file->record, file->message.p);
	file->message.data_records++;
	if (file->record.length < file->shortest)
		file->shortest = file->record.length;
	sf_count_add(&file->flows, &count);
}

/* ---------------------------------------------------------------- destination */

static void file_tick(struct sf_destination *destination)
{
	struct collected_file *file = (struct collected_file *)destination;
	int64_t wall_ns = destination->shared->wall_ns;

	if (wall_ns - file->flushed_ns < FLUSH_NS && wall_ns >= file->flushed_ns)
		return;
	file->flushed_ns = wall_ns;
	if (file->transport->ops->due && !destination->shared->options.packet_clock)
		turn(file, wall_ns);
	flush(file);
}

static void file_finish(struct sf_destination *destination)
{
	struct collected_file *file = (struct collected_file *)destination;
	struct sf_destination_stats *stats = &destination->stats;
	int code;

	if (!file->transport)
		return;
	flush(file);
	/* a file without records is an answer, too */
	if (!file->transport->connects)
		turn(file, destination->shared->wall_ns);
	code = file->transport->ops->end(file->transport);
	settle(file);
	file->transport->ops->free(file->transport);
	file->transport = NULL;
	if (code == 0)
		return;
	stats->incomplete = true;
	snprintf(stats->failure, sizeof(stats->failure), "cannot finish %.200s: %s", stats->url,
		sf_strerror(code));
}

static void file_free(struct sf_destination *destination)
{
	struct collected_file *file = (struct collected_file *)destination;

	forget_templates(file);
	for (unsigned i = 0; i < BUCKETS; i++) {
		while (file->domains[i]) {
			struct domain *domain = file->domains[i];

			file->domains[i] = domain->next;
			free(domain);
		}
	}
	if (file->transport)
		file->transport->ops->free(file->transport);
	free(file->bytes);
	free(file);
}

static int file_reload(struct sf_destination *destination, struct sf_error *error)
{
	struct sf_transport *transport = ((struct collected_file *)destination)->transport;

	return transport && transport->ops->reload ? transport->ops->reload(transport, error) : 0;
}

static const struct sf_destination_ops file_ops = {
	.put_collected = file_put,
	.tick = file_tick,
	.finish = file_finish,
	.reload = file_reload,
	.free = file_free,
};

int sf_collected_file_new(struct sf_destination **destination, const struct sf_shared *shared,
	bool options_data, struct sf_transport *transport)
{
	struct collected_file *file = calloc(1, sizeof(*file));

	if (file)
		file->bytes = malloc(transport->max_message);
	if (!file || !file->bytes) {
		free(file);
		transport->ops->free(transport);
		return -ENOMEM;
	}
	file->destination.ops = &file_ops;
	file->destination.shared = shared;
	file->destination.stats.kind = "file";
	file->destination.biflow = true; /* each record is one */
	file->options_data = options_data;
	file->transport = transport;
	file->connects = transport->connects;
	transport->hurry = &shared->options.hurry;
	*destination = &file->destination;
	return 0;
}
