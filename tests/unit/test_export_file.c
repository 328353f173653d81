/* SPDX-License-Identifier: BSD-2-Clause */
/* IPFIX files (RFC 5655) and how destinations are written. */
#include <signal.h>
#include <sys/resource.h>

#include "encode/message.h"
#include "export/url.h"
#include "export_support.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char path[64];

/* Check runs each test in a process of its own. */
static const char *temporary(void)
{
	snprintf(path, sizeof(path), "/tmp/spanflow-test-export-%d", getpid());
	return path;
}

static struct sf_exporter *exporter_with(
	const struct sf_exporter_options *options, const char *file)
{
	struct sf_exporter *exporter;
	struct sf_error error = { 0 };

	ck_assert_int_eq(sf_exporter_new(&exporter, options, &error), 0);
	ck_assert_msg(sf_exporter_add_file(exporter, file, &error) == 0, "%s", error.text);
	return exporter;
}

/* One record each, of four templates. */
static struct sf_flow one_way(unsigned i)
{
	struct sf_flow flow = i % 3 ? flow_ipv4(i) : flow_ipv6(i);

	flow.has = i % 7 == 0 ? SF_HAS_VLAN : 0;
	flow.vlan = i % 7 == 0 ? 7 : 0;
	return flow;
}

/* Now this and now that, for a while each: all in which flows of a session may differ. */
static struct sf_flow any_way(unsigned i)
{
	struct sf_flow flow = i / 90 % 3 ? flow_ipv4(i) : flow_ipv6(i);
	unsigned ways = 1 + i / 7 % 5 % 3;

	flow.half[1] = flow.half[0];
	flow.half[1].start_ns += i % 400 * MS;
	flow.half[1].end_ns += i % 400 * MS;
	for (unsigned d = 0; d < 2; d++)
		if (!(ways >> d & 1))
			flow.half[d] = (struct sf_flow_half){ 0 };
	if (i / 40 % 4 == 0)
		flow.protocol = i / 80 % 2 ? 58 : 1;
	flow.vlan = i / 300 % 3 ? 7 : 0;
	flow.has = flow.vlan ? SF_HAS_VLAN : 0;
	flow.domain = i / 500 % 3;
	return flow;
}

static void write_flows(struct sf_exporter *exporter, unsigned count, unsigned batch,
	struct sf_flow (*flow)(unsigned i))
{
	struct sf_flow flows[200];
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++) {
		flows[n++] = flow(i);
		if (n == batch || i + 1 == count) {
			ck_assert_uint_eq(sf_exporter_put(exporter, flows, n), n);
			/* wall time and batches must leave no trace in the file */
			sf_exporter_tick(exporter, T0 + (int64_t)(i * batch) * S, T0);
			n = 0;
		}
	}
	sf_exporter_finish(exporter);
}

/* RFC 5655 §7.2: templates before data, ascending Export Time; RFC 7011 §3.1 sequence. */
/* [RFC5655-7-2] [RFC5655-7.2-1] [RFC5655-7.3.4-1] */
START_TEST(file_is_a_session_of_its_own)
{
	struct reader *reader = reader_new();
	struct sf_exporter *exporter = exporter_with(
		&(struct sf_exporter_options){ .packet_clock = true, .domain = 9 }, temporary());
	struct sf_destination_stats stats;
	uint32_t sequence = 0, time = 0;

	write_flows(exporter, 5000, 64, one_way);
	stats = stats_of(exporter, 0);
	ck_assert(sf_destination_balanced(&stats));
	ck_assert_uint_eq(stats.sent.records, 5000);
	ck_assert_str_eq(stats.kind, "file");
	sf_exporter_free(exporter);
	read_file(reader, path);
	ck_assert_uint_eq(flow_count(reader), 5000);
	ck_assert_uint_eq(stats.messages, reader->message_count);
	for (unsigned i = 0; i < reader->message_count; i++) {
		ck_assert_uint_eq(reader->messages[i].domain, 9);
		ck_assert_uint_eq(reader->messages[i].sequence, sequence);
		sequence += reader->messages[i].flows + reader->messages[i].options;
		ck_assert_uint_ge(reader->messages[i].time, time);
		time = reader->messages[i].time;
		/* the packet clock, not today */
		ck_assert_uint_ge(time, T0 / S);
		ck_assert_uint_le(time, T0 / S + 10);
	}
	/* messages of up to 64 KiB */
	ck_assert_uint_lt(reader->message_count, 20);
	reader_free(reader);
	unlink(path);
}
END_TEST

/* Records keep their order although they change templates. */
START_TEST(file_keeps_the_order_of_records)
{
	struct reader *reader = reader_new();
	struct sf_exporter *exporter =
		exporter_with(&(struct sf_exporter_options){ .packet_clock = true }, temporary());

	write_flows(exporter, 4000, 64, one_way);
	sf_exporter_free(exporter);
	read_file(reader, path);
	for (unsigned i = 0; i < 4000; i++)
		ck_assert_uint_eq(field(flow_record(reader, i), 0, 148), 1000 + i);
	reader_free(reader);
	unlink(path);
}
END_TEST

static size_t file_bytes(unsigned batch, const char *options, uint8_t *bytes, size_t size)
{
	struct sf_destination_stats stats;
	struct sf_exporter *exporter;
	char url[128];
	FILE *file;
	size_t length;

	snprintf(url, sizeof(url), "%s%s", temporary(), options);
	exporter = exporter_with(&(struct sf_exporter_options){ .packet_clock = true }, url);
	write_flows(exporter, 3000, batch, any_way);
	stats = stats_of(exporter, 0);
	ck_assert(sf_destination_balanced(&stats));
	sf_exporter_free(exporter);
	file = fopen(path, "r");
	length = fread(bytes, 1, size, file);
	fclose(file);
	unlink(path);
	return length;
}

/*
 * The same flows give the same bytes, whatever the batches and the time of day: records are encoded
 * many at once where they are of one template, and one by one in batches of one.
 */
START_TEST(file_is_reproducible)
{
	static const char *const options[] = { "", ",profile=default", ",biflow=yes" };
	static const unsigned batches[] = { 17, 64, 200 };
	static uint8_t first[1 << 20], second[1 << 20];

	for (unsigned i = 0; i < COUNT(options); i++) {
		size_t length = file_bytes(1, options[i], first, sizeof(first));

		ck_assert_uint_gt(length, 100000);
		for (unsigned j = 0; j < COUNT(batches); j++) {
			ck_assert_uint_eq(
				file_bytes(batches[j], options[i], second, sizeof(second)), length);
			ck_assert_int_eq(memcmp(first, second, length), 0);
		}
	}
}
END_TEST

START_TEST(file_without_flows_has_templates)
{
	struct reader *reader = reader_new();
	struct sf_exporter *exporter =
		exporter_with(&(struct sf_exporter_options){ .packet_clock = true }, temporary());

	sf_exporter_finish(exporter);
	sf_exporter_free(exporter);
	read_file(reader, path);
	ck_assert_uint_ge(reader->message_count, 1);
	ck_assert_uint_ge(reader->messages[0].templates, 4);
	ck_assert_uint_eq(flow_count(reader), 0);
	reader_free(reader);
	unlink(path);
}
END_TEST

/* Full disk: lost by name. */
START_TEST(file_that_cannot_be_written_is_counted)
{
	struct sf_exporter *exporter =
		exporter_with(&(struct sf_exporter_options){ .packet_clock = true }, "/dev/full");
	struct sf_destination_stats stats;

	write_flows(exporter, 100, 10, one_way);
	stats = stats_of(exporter, 0);
	sf_exporter_free(exporter);
	ck_assert(sf_destination_balanced(&stats));
	ck_assert_uint_eq(stats.lost_write.records, 100);
	ck_assert_uint_eq(stats.sent.records, 0);
	ck_assert_ptr_nonnull(strstr(stats.failure, "No space"));
}
END_TEST

/* Without flows there is no record to lose, and the file is worth nothing all the same. */
START_TEST(file_without_its_templates_is_incomplete)
{
	struct sf_exporter *exporter =
		exporter_with(&(struct sf_exporter_options){ .packet_clock = true }, "/dev/full");
	struct sf_destination_stats stats;

	ck_assert(!stats_of(exporter, 0).incomplete);
	sf_exporter_finish(exporter);
	stats = stats_of(exporter, 0);
	sf_exporter_free(exporter);
	ck_assert(sf_destination_balanced(&stats));
	ck_assert_uint_eq(stats.lost_write.records, 0);
	ck_assert(stats.incomplete);
	ck_assert_ptr_nonnull(strstr(stats.failure, "No space"));
}
END_TEST

static void take_all(struct sf_transport *transport, struct sf_batch *batch)
{
	(void)transport;
	for (unsigned i = 0; i < batch->count; i++)
		batch->messages[i].fate = SF_FATE_SENT;
}

static int close_in_vain(struct sf_transport *transport)
{
	(void)transport;
	return -EDQUOT;
}

static void keep(struct sf_transport *transport)
{
	(void)transport;
}

/* Some file systems tell of the full disk only when the file is closed. */
START_TEST(file_that_cannot_be_closed_is_incomplete)
{
	static const struct sf_transport_ops ops = {
		.send = take_all, .end = close_in_vain, .free = keep
	};
	struct sf_transport transport = { .ops = &ops, .max_message = 65535, .max_messages = 1 };
	const struct sf_shared shared = { .options.packet_clock = true };
	struct sf_destination *destination;
	struct sf_url url;
	struct sf_error error;
	const struct sf_flow flow = flow_ipv4(0);

	ck_assert_int_eq(sf_url_file(&url, "flows.ipfix", &error), 0);
	ck_assert_int_eq(sf_session_new(&destination, &shared, &url.session, &transport), 0);
	destination->stats.url = "flows.ipfix";
	destination->ops->put(destination, &flow, 1);
	destination->ops->finish(destination);
	ck_assert_uint_eq(destination->stats.sent.records, 1);
	ck_assert(destination->stats.incomplete);
	ck_assert_str_eq(
		destination->stats.failure, "cannot finish flows.ipfix: Disk quota exceeded");
	destination->ops->free(destination);
}
END_TEST

/* The number of standard output, when the caller has closed that, is a number like any other. */
START_TEST(file_may_have_any_descriptor)
{
	int out = dup(STDOUT_FILENO);
	struct sf_exporter *exporter;

	close(STDOUT_FILENO);
	exporter = exporter_with(&(struct sf_exporter_options){ 0 }, temporary());
	ck_assert_int_ge(fcntl(STDOUT_FILENO, F_GETFD), 0);
	sf_exporter_finish(exporter);
	ck_assert_int_lt(fcntl(STDOUT_FILENO, F_GETFD), 0);
	sf_exporter_free(exporter);
	/* and standard output stays open for its owner */
	ck_assert_int_eq(dup2(out, STDOUT_FILENO), STDOUT_FILENO);
	exporter = exporter_with(&(struct sf_exporter_options){ 0 }, "-");
	sf_exporter_free(exporter);
	ck_assert_int_ge(fcntl(STDOUT_FILENO, F_GETFD), 0);
	close(out);
	unlink(path);
}
END_TEST

START_TEST(file_that_cannot_be_opened_is_named)
{
	struct sf_exporter *exporter;
	struct sf_error error = { 0 };

	ck_assert_int_eq(sf_exporter_new(&exporter, &(struct sf_exporter_options){ 0 }, &error), 0);
	ck_assert_int_eq(
		sf_exporter_add_file(exporter, "/proc/nonexistent/flows.ipfix", &error), -ENOENT);
	ck_assert_ptr_nonnull(strstr(error.text, "/proc/nonexistent/flows.ipfix"));
	sf_exporter_free(exporter);
}
END_TEST

/* What a limited disk has taken ends with a whole message. */
START_TEST(torn_message_is_cut_off)
{
	const struct rlimit limit = { 100000, RLIM_INFINITY },
			    none = { RLIM_INFINITY, RLIM_INFINITY };
	struct reader *reader = reader_new();
	struct sf_exporter *exporter =
		exporter_with(&(struct sf_exporter_options){ .packet_clock = true }, temporary());
	struct sf_destination_stats stats;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	write_flows(exporter, 5000, 64, one_way);
	setrlimit(RLIMIT_FSIZE, &none); /* Check writes files too */
	stats = stats_of(exporter, 0);
	sf_exporter_free(exporter);
	ck_assert(sf_destination_balanced(&stats));
	ck_assert_uint_gt(stats.sent.records, 0);
	ck_assert_uint_gt(stats.lost_write.records, 0);
	read_file(reader, path);
	ck_assert_uint_eq(flow_count(reader), stats.sent.records);
	reader_free(reader);
	unlink(path);
}
END_TEST

/* ---------------------------------------------------------------- destinations as written */

/* [RFC7011-10.1-2] */
START_TEST(collectors_are_read)
{
	struct sf_url url;
	struct sf_error error;

	ck_assert_int_eq(sf_url_collector(&url, "ipfix://192.0.2.1", &error), 0);
	ck_assert_str_eq(url.target, "192.0.2.1");
	ck_assert_str_eq(url.port, "4739");
	ck_assert_uint_eq(url.session.rate, 100000);
	ck_assert(url.session.rate_is_default);
	ck_assert(url.session.options_data && !url.session.biflow);
	ck_assert_int_eq(url.session.template_refresh_ns, 60 * S);
	ck_assert_int_eq(sf_url_collector(&url, "netflow9://[2001:db8::1]", &error), 0);
	ck_assert_str_eq(url.target, "2001:db8::1");
	ck_assert_str_eq(url.port, "2055");
	ck_assert_int_eq(sf_url_collector(&url,
				 "ipfix+udp://collector.example:9995,biflow=yes,rate=50000,"
				 "template-refresh=10m,template-refresh-packets=20,options=no,"
				 "mtu=1280,time=ns,profile=plain,queue=3MiB",
				 &error),
		0);
	ck_assert_str_eq(url.target, "collector.example");
	ck_assert_str_eq(url.port, "9995");
	ck_assert(url.session.biflow && !url.session.options_data);
	ck_assert_uint_eq(url.session.rate, 50000);
	ck_assert_int_eq(url.session.template_refresh_ns, 600 * S);
	ck_assert_uint_eq(url.session.template_refresh_messages, 20);
	ck_assert_uint_eq(url.mtu, 1280);
	ck_assert_uint_eq(url.session.time, SF_WHEN_NS);
	ck_assert_ptr_eq(url.session.fields, sf_fields_profile(SF_PROFILE_PLAIN));
	ck_assert_uint_eq(url.session.queue_octets, 3 << 20);
	ck_assert_int_eq(sf_url_collector(&url, "netflow5://[::1]:2055,rate=0", &error), 0);
	ck_assert_ptr_eq(url.session.dialect, &sf_netflow5);
	ck_assert_int_eq(
		sf_url_collector(&url, "ipfix://a,mtu=1.28kB,rate=50k,template-refresh=1d", &error),
		0);
	ck_assert_uint_eq(url.mtu, 1280);
	ck_assert_uint_eq(url.session.rate, 50000);
	ck_assert_int_eq(url.session.template_refresh_ns, 86400 * S);
}
END_TEST

/* Options behind a question mark, as URLs of other programs have them. */
START_TEST(queries_are_options)
{
	static const char *const urls[] = { "ipfix://[::1]:9995?biflow=yes&rate=7",
		"ipfix://[::1]:9995/?biflow=yes&rate=7", "ipfix://[::1]:9995?biflow=yes,rate=7",
		"ipfix://[::1]:9995,biflow=yes&rate=7" };
	struct sf_error error;
	struct sf_url url;

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		ck_assert_int_eq(sf_url_collector(&url, urls[i], &error), 0);
		ck_assert_str_eq(url.target, "::1");
		ck_assert_str_eq(url.port, "9995");
		ck_assert(url.session.biflow && url.session.rate == 7);
	}
	ck_assert_int_eq(sf_url_collector(&url, "ipfix://h?biflow=yes", &error), 0);
	ck_assert_str_eq(url.target, "h");
	ck_assert_str_eq(url.port, "4739");
	ck_assert_int_eq(sf_url_collector(&url, "netflow9://h/", &error), 0);
	ck_assert_str_eq(url.target, "h");
}
END_TEST

/* Commas in brackets and quotes belong to conditions, and so does '&'. */
START_TEST(conditions_have_commas)
{
	static const struct {
		const char *rest, *where;
	} cases[] = {
		{ "where=tcp", "tcp" },
		{ "where=port in [80,443] and tcp", "port in [80,443] and tcp" },
		{ "where=tcp && (port 80 || host in {::1, ::2})",
			"tcp && (port 80 || host in {::1, ::2})" },
		{ "where=app \"a,b]\"", "app \"a,b]\"" },
		{ "where=app 'a,(b'", "app 'a,(b'" },
		{ "where=port in [80", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[200];
		struct sf_error error;
		struct sf_url url;

		snprintf(text, sizeof(text), "ipfix://h,rate=5,%s,mtu=900", cases[i].rest);
		ck_assert_int_eq(sf_url_collector(&url, text, &error), 0);
		ck_assert_uint_eq(url.session.rate, 5);
		/* what is not closed takes the rest, which is no condition */
		ck_assert_str_eq(
			url.where, cases[i].where ? cases[i].where : "port in [80,mtu=900");
		ck_assert_uint_eq(url.mtu, cases[i].where ? 900 : 0);
	}
}
END_TEST

/* Errors name the option, its value and what is allowed. */
START_TEST(wrong_collectors_are_explained)
{
	static const struct {
		const char *url, *words[3];
	} cases[] = {
		{ "sflow://192.0.2.1", { "sflow://192.0.2.1", "allowed", "netflow9://" } },
		{ "192.0.2.1:2055", { "192.0.2.1:2055", "allowed", "ipfix://" } },
		{ "ipfix://", { "no host", "allowed", "host:port" } },
		{ "ipfix://[::1:4739", { "no host", "allowed", "IPv6" } },
		{ "ipfix://[::1]4739", { "no host", "allowed", "IPv6" } },
		{ "ipfix://a:0", { "port", "'0'", "1 to 65535" } },
		{ "ipfix://a:65536", { "port", "'65536'", "1 to 65535" } },
		{ "ipfix://a:123456789012", { "port", "'123456789012'", "1 to 65535" } },
		{ "ipfix://a:", { "port", "''", "1 to 65535" } },
		{ "ipfix://a,biflow=maybe", { "'biflow'", "'maybe'", "yes or no" } },
		{ "ipfix://a,biflow", { "'biflow'", "''", "yes or no" } },
		{ "ipfix://a,rate=-1", { "'rate'", "'-1'", "allowed" } },
		{ "ipfix://a,rate=1KiB", { "'rate'", "'1KiB'", "allowed" } },
		{ "ipfix://a?colour=red", { "'colour'", "allowed", "biflow, rate" } },
		{ "ipfix://a/flows", { "ipfix://a/flows", "'/flows'", "path" } },
		{ "ipfix://a:4k", { "port", "'4k'", "1 to 65535" } },
		{ "ipfix://a,mtu=100", { "'mtu'", "'100'", "128 to 65535" } },
		{ "ipfix://a,template-refresh=25h", { "'template-refresh'", "'25h'", "one day" } },
		{ "ipfix://a,queue=1k", { "'queue'", "'1k'", "64 KiB to 64 GiB" } },
		{ "ipfix://a,time=s", { "'time'", "'s'", "ms, us or ns" } },
		{ "ipfix://a,profile=x", { "'profile'", "'x'", "extended" } },
		{ "ipfix://a,colour=red", { "'colour'", "allowed", "biflow, rate" } },
		{ "ipfix://a,where=", { "'where'", "conditions", "--where" } },
		{ "ipfix://a,", { "unknown option ''", "allowed", "biflow" } },
		{ "ipfix://a,where=port 80,443", { "'443'", "brackets", "port in [80,443]" } },
		{ "netflow9://a,biflow=yes", { "'biflow'", "does not apply", "" } },
		{ "netflow9://a,time=us", { "'time'", "does not apply", "" } },
		{ "netflow5://a,fields=default", { "'fields'", "does not apply", "" } },
		{ "netflow9://a,fields=+flowId",
			{ "'fields'", "flowId", "NetFlow v9 has no such" } },
		{ "ipfix://a,fields=", { "'fields'", "allowed", "default+flowId-vlanId" } },
		{ "ipfix://a,fields=octetDeltaCont",
			{ "'fields'", "did you mean", "octetDeltaCount" } },
		{ "netflow5://a,options=no", { "'options'", "does not apply", "" } },
		/* [RFC5103-4-1] */
		{ "ipfix://a,biflow=yes,fields=octetDeltaCount",
			{ "'fields'", "an address or a port", "biflow=no" } },
		{ "ipfix://a,options=sampling+flowkey",
			{ "'options'", "flowkeys", "yes, no, all" } },
		{ "ipfix://a,options=sampling+", { "'options'", "flowkeys", "yes, no, all" } },
		{ "ipfix://a,options=", { "'options'", "flowkeys", "yes, no, all" } },
		{ "ipfix://a,profile=nfdmp", { "'profile'", "did you mean", "nfdump" } },
		{ "ipfix://a,profile=argus", { "'profile'", "argus", "netflow9://, netflow5://" } },
		{ "tcp://a,profile=nfdump", { "'profile'", "nfdump", "ipfix://, netflow9://" } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sf_url url;
		struct sf_error error = { 0 };

		ck_assert_msg(sf_url_collector(&url, cases[i].url, &error) == SF_EUSAGE, "%s",
			cases[i].url);
		for (int w = 0; w < 3; w++)
			ck_assert_msg(strstr(error.text, cases[i].words[w]) != NULL,
				"%s: '%s' in %s", cases[i].url, cases[i].words[w], error.text);
	}
}
END_TEST

START_TEST(files_are_read)
{
	struct sf_url url;
	struct sf_error error;

	ck_assert_int_eq(sf_url_file(&url, "a,b.ipfix", &error), 0);
	ck_assert_str_eq(url.target, "a,b.ipfix");
	ck_assert_ptr_eq(url.session.fields, sf_fields_profile(SF_PROFILE_EXTENDED));
	/* fields= is read last: biflow= behind it decides about reverse elements */
	ck_assert_int_eq(
		sf_url_file(&url, "a,fields=octetDeltaCount+sourceIPv4Address,biflow=yes", &error),
		0);
	ck_assert_uint_eq(url.session.fields->count, 3);
	ck_assert(url.session.fields->items[2].reverse);
	ck_assert_int_eq(sf_url_file(&url, "a,fields=-vlanId,profile=default", &error), 0);
	ck_assert_uint_eq(
		url.session.fields->count, sf_fields_profile(SF_PROFILE_DEFAULT)->count - 1);
	ck_assert_int_eq(sf_url_file(&url, "a,b.ipfix,biflow=yes,time=us", &error), 0);
	ck_assert_str_eq(url.target, "a,b.ipfix");
	ck_assert(url.session.biflow);
	ck_assert_uint_eq(url.session.time, SF_WHEN_US);
	ck_assert_int_eq(sf_url_file(&url, "a.ipfix,rate=5", &error), SF_EUSAGE);
	ck_assert_int_eq(sf_url_file(&url, "", &error), SF_EUSAGE);
}
END_TEST

START_TEST(name_that_does_not_resolve)
{
	struct sf_exporter *exporter;
	struct sf_error error = { 0 };

	ck_assert_int_eq(sf_exporter_new(&exporter, &(struct sf_exporter_options){ 0 }, &error), 0);
	ck_assert_int_eq(
		sf_exporter_add_collector(exporter, "ipfix://no-such-host.invalid:4739", &error),
		SF_ERESOLVE);
	ck_assert_ptr_nonnull(strstr(error.text, "no-such-host.invalid"));
	sf_exporter_free(exporter);
}
END_TEST

CHECK_MAIN("export_file", conditions_have_commas, file_is_a_session_of_its_own,
	file_keeps_the_order_of_records, file_is_reproducible, file_without_flows_has_templates,
	file_that_cannot_be_written_is_counted, file_without_its_templates_is_incomplete,
	file_that_cannot_be_closed_is_incomplete, file_may_have_any_descriptor,
	file_that_cannot_be_opened_is_named, torn_message_is_cut_off, collectors_are_read,
	queries_are_options, wrong_collectors_are_explained, files_are_read,
	name_that_does_not_resolve)
