/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread reads and meters the captures; what it exports goes through a pipe to the collector.
 *
 * Shared: `stop`, which the reader sets when it takes no more records. Everything else belongs to
 * the thread from its start until it has been joined.
 */
#include "collect/metered.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <spanflow/capture.h>
#include <spanflow/export.h>
#include <spanflow/meter.h>

#include "base/clock.h"
#include "collect/gather.h"
#include "collect/internal.h"

#define ACTIVE_NS  (60 * SF_NS_PER_S)
#define IDLE_NS    (15 * SF_NS_PER_S)
#define FLOWS_MAX  (4u << 20)
#define INTERFACES 65536

struct metered {
	const char *const *names;
	unsigned count;
	const struct sf_gather_options *options;
	int out; /* the pipe's writing end */
	uint32_t *ifindex;
	atomic_bool stop;
	char *fields; /* of the records, beside the usual ones */
	int code;
	struct sf_error error;
};

static int64_t active_ns(const struct metered *m)
{
	int64_t ns = m->options->metering.active_timeout_ns;

	return ns ? ns : ACTIVE_NS;
}

static int64_t idle_ns(const struct metered *m)
{
	int64_t ns = m->options->metering.idle_timeout_ns;

	return ns ? ns : IDLE_NS;
}

/* The longest time that the clock goes forward at once. */
static int64_t limit_ns(const struct metered *m)
{
	return idle_ns(m) < active_ns(m) ? idle_ns(m) : active_ns(m);
}

/* The same clock as that of `spanflow meter -r`, so that the records are the same. */
static int meter_packets(struct metered *m, struct sf_capture *capture, struct sf_meter *meter)
{
	const struct sf_observation_point point = { 0 };
	struct sf_packet batch[SF_BATCH_MAX];
	int64_t times[SF_BATCH_MAX];
	struct sf_clock clock;
	int n = 0;

	sf_clock_init(&clock, limit_ns(m));
	while (!atomic_load_explicit(&m->stop, memory_order_relaxed) &&
		(n = sf_capture_recv(capture, 0, batch, SF_BATCH_MAX)) >= 0) {
		bool plain = sf_clock_follow(&clock, batch, (unsigned)n, times);

		sf_meter_batch(meter, batch, (unsigned)n, plain ? NULL : times, &point);
		sf_capture_release(capture, 0);
		while (sf_meter_age(meter, clock.now))
			;
	}
	sf_meter_finish(meter, sf_clock_finish(&clock));
	if (m->options->ledger)
		sf_meter_ledger(meter, m->options->ledger);
	if (n >= 0 || n == SF_EOF)
		return 0;
	m->error = capture->error;
	return n;
}

static int meter_all(struct metered *m, struct sf_capture *capture, struct sf_exporter *exporter)
{
	const uint64_t wants = sf_exporter_wants(exporter);
	const struct sf_meter_options options = {
		.active_timeout_ns = active_ns(m),
		.idle_timeout_ns = idle_ns(m),
		.max_flows = FLOWS_MAX,
		.facts = wants & ~SF_WANTS_FLOW_ID,
		.flow_ids = wants & SF_WANTS_FLOW_ID,
		.tunnels = &m->options->metering.tunnels,
		.split_fragments = m->options->metering.split_fragments,
		.sink = { sf_exporter_put, exporter },
		.ifindex = m->ifindex,
	};
	struct sf_meter *meter;
	int code = sf_meter_new(&meter, &options, &m->error);

	if (code)
		return code;
	code = meter_packets(m, capture, meter);
	sf_meter_free(meter);
	return code;
}

/*
 * True if records of this meter can have the element or the group:
 * an exporter takes it for a file.
 */
static bool knows(const struct metered *m, const char *name, size_t length)
{
	const struct sf_exporter_options options = { .enricher = m->options->metering.enricher };
	struct sf_exporter *exporter;
	struct sf_error error;
	char path[256];
	bool known;

	if (snprintf(path, sizeof(path), "/dev/null%s,fields=extended+%.*s",
		    m->options->biflow ? ",biflow=yes" : "", (int)length,
		    name) >= (int)sizeof(path) ||
		sf_exporter_new(&exporter, &options, &error))
		return false;
	known = sf_exporter_add_file(exporter, path, &error) == 0;
	sf_exporter_free(exporter);
	return known;
}

/* Returns the end of `list`, which has room. */
static char *add_known(const struct metered *m, char *list, const char *name, size_t length)
{
	return knows(m, name, length) ? list + sprintf(list, "+%.*s", (int)length, name) : list;
}

/* What the records shall have beside the usual fields: "+dns+tlsServerName". NULL: no memory. */
static char *name_fields(const struct metered *m)
{
	const struct sf_gather_metering *metering = &m->options->metering;
	const char *list = metering->fields ? metering->fields : "";
	size_t room = strlen(list) + 2;
	char *names, *end;

	for (unsigned i = 0; i < metering->element_count; i++)
		room += strlen(metering->elements[i]) + 1;
	names = end = malloc(room);
	if (!names)
		return NULL;
	*end = '\0';
	for (unsigned i = 0; i < metering->element_count; i++)
		end = add_known(m, end, metering->elements[i], strlen(metering->elements[i]));
	while (*list) {
		const bool removed = *list == '-';
		size_t length;

		list += strchr(",+-", *list) != NULL;
		length = strcspn(list, ",+-");
		if (length && !removed)
			end = add_known(m, end, list, length);
		list += length;
	}
	return names;
}

static int open_exporter(struct metered *m, struct sf_exporter **exporter)
{
	struct sf_exporter_options options = { .packet_clock = true,
		.enricher = m->options->metering.enricher,
		.applications = m->options->metering.applications };
	char path[64];
	int code;

	m->fields = name_fields(m);
	if (!m->fields)
		return sf_error_set(&m->error, -ENOMEM, "no memory to meter captures");
	options.fields = *m->fields ? m->fields : NULL;
	/* the pipe as a destination */
	snprintf(path, sizeof(path), "/proc/self/fd/%d%s", m->out,
		m->options->biflow ? ",biflow=yes" : "");
	code = sf_exporter_new(exporter, &options, &m->error);
	if (code == 0)
		code = sf_exporter_add_file(*exporter, path, &m->error);
	if (code == 0 && options.applications == SF_APPLICATIONS_NDPI &&
		!(sf_exporter_wants(*exporter) & SF_FACT_SET(application)))
		return sf_error_set(&m->error, SF_EUSAGE,
			"--applications ndpi: nothing asks for what nDPI tells: add --fields "
			"+applicationName, --by app or --where 'app = DNS'");
	return code;
}

static void *run(void *context)
{
	struct metered *m = context;
	const struct sf_capture_options from = { .names = m->names, .name_count = m->count };
	struct sf_exporter *exporter = NULL;
	struct sf_capture *capture = NULL;

	m->code = sf_capture_open(&capture, "file", &from, &m->error);
	if (m->code == 0)
		m->code = open_exporter(m, &exporter);
	/* the exporter has its own descriptor: the reader sees the end when that is closed */
	close(m->out);
	if (m->code == 0)
		m->code = meter_all(m, capture, exporter);
	if (exporter)
		sf_exporter_finish(exporter);
	sf_exporter_free(exporter);
	free(m->fields);
	sf_capture_close(capture);
	return NULL;
}

/* Signals are for the thread that reads the records. */
static int start(struct metered *m, pthread_t *thread)
{
	sigset_t all, before;
	int code;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = pthread_create(thread, NULL, run, m);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -code;
}

/* Files number their interfaces from 1. */
static uint32_t *interface_numbers(void)
{
	uint32_t *ifindex = calloc(INTERFACES, sizeof(*ifindex));

	for (unsigned i = 0; ifindex && i < INTERFACES; i++)
		ifindex[i] = i + 1;
	return ifindex;
}

static int read_records(struct metered *m, struct sf_collector *collector, int in, const char *name,
	struct sf_error *error)
{
	pthread_t thread;
	int code = start(m, &thread);

	if (code) {
		close(in);
		close(m->out);
		return sf_error_set(error, code, "%s: no thread to meter it", name);
	}
	code = sf_collect_stream(collector, in, name, error);
	atomic_store_explicit(&m->stop, true, memory_order_relaxed);
	pthread_join(thread, NULL);
	if (m->code && !collector->stopped) {
		*error = m->error;
		return m->code;
	}
	return code;
}

int sf_collect_metered(struct sf_collector *collector, const char *const *names, unsigned count,
	const struct sf_gather_options *options, struct sf_error *error)
{
	struct metered m = { .names = names, .count = count, .options = options };
	char name[256];
	int ends[2], code;

	snprintf(name, sizeof(name), count > 1 ? "%s and %u more" : "%s", names[0], count - 1);
	m.ifindex = interface_numbers();
	if (!m.ifindex || pipe2(ends, O_CLOEXEC) < 0) {
		code = m.ifindex ? -errno : -ENOMEM;
		free(m.ifindex);
		return sf_error_set(error, code, "%s: %s", name, sf_strerror(code));
	}
	/* fewer turns between the two threads */
	fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
	m.out = ends[1];
	code = read_records(&m, collector, ends[0], name, error);
	free(m.ifindex);
	return code;
}
