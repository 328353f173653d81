/* SPDX-License-Identifier: BSD-2-Clause */
/* The way to collectors: transports by URL, spools, certificates that are read again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encode/message.h"
#include "export/exporter.h"
#include "export/kafka.h"
#include "transport/stream.h"

#define DTLS_LEAST_MTU 256
#define SCTP_LEAST_MTU 576

static int remember(char ***list, unsigned *count, const char *path)
{
	char **grown;

	if (!path)
		return 0;
	grown = realloc(*list, (*count + 1) * sizeof(char *));
	if (!grown)
		return -ENOMEM;
	*list = grown;
	grown[*count] = strdup(path);
	return grown[(*count)++] ? 0 : -ENOMEM;
}

static int remember_file(struct sf_exporter *exporter, const char *path)
{
	return remember(&exporter->reads, &exporter->read_count, path);
}

/* The name of a collector's spool, which a later run has to find again. */
static void name_spool(const struct sf_url *parsed, char *name, size_t size)
{
	static const char *const kinds[] = { [SF_URL_TCP] = "tcp",
		[SF_URL_TLS] = "tls",
		[SF_URL_DTLS] = "dtls",
		[SF_URL_SCTP] = "sctp" };

	if (parsed->transport == SF_URL_KAFKA)
		snprintf(name, size, "kafka-%s-%.150s-%.100s",
			parsed->kafka.json ? "json" : "flowmessage", parsed->target,
			parsed->kafka.topic);
	else
		snprintf(name, size, "%s-%.250s-%s", kinds[parsed->transport], parsed->target,
			parsed->port);
	for (char *p = name; *p; p++)
		if (*p == '/')
			*p = '_';
}

/*
 * The spool of a collector is a directory that is named after it. *disk stays NULL without a spool.
 */
static int open_spool(struct sf_exporter *exporter, const struct sf_url *parsed,
	struct sf_disk **disk, struct sf_spool_options *spool, struct sf_error *error)
{
	const struct sf_exporter_options *options = &exporter->shared.options;
	char name[300], path[4096];
	int code;

	*disk = NULL;
	if (!options->spool)
		return 0;
	if (parsed->lifetime_ns)
		return sf_error_set(error, SF_EUSAGE,
			"%s: lifetime= gives records up, and --spool keeps them: choose one",
			parsed->target);
	name_spool(parsed, name, sizeof(name));
	snprintf(path, sizeof(path), "%.3500s/%s", options->spool, name);
	*spool = (struct sf_spool_options){
		.octets = options->spool_octets ? options->spool_octets : UINT64_C(1) << 30,
		.drop_newest = options->spool_drops_newest,
		.run = (uint64_t)exporter->shared.start_ns,
	};
	code = sf_disk_open(disk, options->spool, name, error);
	if (code == 0 && sf_exporter_will_write(exporter, path, SF_MAKES_SPOOL) < 0) {
		(*disk)->ops->free(*disk);
		code = sf_error_set(error, -ENOMEM, "no memory for the spool %s", path);
	}
	return code;
}

static int make_sctp(
	const struct sf_url *parsed, struct sf_connection **link, struct sf_error *error)
{
	const struct sf_sctp_link_options options = {
		.udp_port = parsed->udp_port,
		.mtu = parsed->mtu,
		.lifetime_ms = (uint32_t)(parsed->lifetime_ns / 1000000),
		.own_streams = parsed->own_streams,
	};

	if (parsed->mtu && (!parsed->udp_port || parsed->mtu < SCTP_LEAST_MTU))
		return sf_error_set(error, SF_EUSAGE,
			"%s: mtu=%u is for SCTP over UDP (udp=PORT) and %d or more: the kernel's "
			"SCTP finds the MTU itself",
			parsed->target, parsed->mtu, SCTP_LEAST_MTU);
	return sf_sctp_connection_new(link, &options, error);
}

/* *link stays NULL if there is no memory for one of TCP. */
static int make_link(
	const struct sf_url *parsed, struct sf_connection **link, struct sf_error *error)
{
	if (parsed->lz4 && parsed->transport != SF_URL_TCP)
		return sf_error_set(error, SF_EUSAGE,
			"%s: compress= is for tcp:// only: messages over TLS, DTLS and SCTP are "
			"not compressed",
			parsed->target);
	if (parsed->transport == SF_URL_TLS)
		return sf_tls_connection_new(link, &parsed->tls, error);
	if (parsed->transport == SF_URL_DTLS && parsed->mtu && parsed->mtu < DTLS_LEAST_MTU)
		return sf_error_set(error, SF_EUSAGE,
			"%s: mtu=%u is too small for DTLS (allowed: %d to 65535)", parsed->target,
			parsed->mtu, DTLS_LEAST_MTU);
	if (parsed->transport == SF_URL_DTLS)
		return sf_dtls_connection_new(
			link, &parsed->tls, parsed->mtu, parsed->renew_ns, error);
	if (parsed->transport == SF_URL_SCTP)
		return make_sctp(parsed, link, error);
	if (parsed->lz4)
		return sf_lz4_connection_new(link, error);
	*link = sf_tcp_new();
	return 0;
}

static int open_stream(struct sf_exporter *exporter, const struct sf_url *parsed,
	const struct sf_peer_options *peer, struct sf_transport **transport, struct sf_error *error)
{
	const struct sf_exporter_options *options = &exporter->shared.options;
	struct sf_stream_options stream = {
		.peer = *peer,
		.retry_ns = parsed->retry_ns,
		/* of those that share the records, one that is away has its share moved: share.c */
		.late = options->queued ? options->late_collectors
					: sf_share_of(exporter, parsed) != SF_SHARE_NONE,
		.hurry = &options->hurry,
	};
	int code = make_link(parsed, &stream.link, error);

	if (code < 0)
		return code;
	if (remember_file(exporter, parsed->tls.ca) < 0 ||
		remember_file(exporter, parsed->tls.cert) < 0 ||
		remember_file(exporter, parsed->tls.key) < 0)
		code = sf_error_set(error, -ENOMEM, "no memory for collector %s", parsed->target);
	else
		code = open_spool(exporter, parsed, &stream.disk, &stream.spool, error);
	if (code == 0)
		return sf_stream_open(transport, &stream, error);
	if (stream.link)
		stream.link->ops->free(stream.link);
	return code;
}

int sf_exporter_open_kafka(struct sf_exporter *exporter, const struct sf_url *parsed,
	struct sf_destination **destination, struct sf_error *error)
{
	struct sf_spool_options spool = { 0 };
	struct sf_disk *disk;
	const char *path;
	int code = open_spool(exporter, parsed, &disk, &spool, error);

	exporter->collectors++;
	if (code == 0)
		code = sf_kafka_new(destination, &exporter->shared, parsed, disk, &spool, error);
	for (unsigned i = 0; code == 0 && (path = sf_kafka_reads(*destination, i)); i++)
		if (remember_file(exporter, path) < 0) {
			(*destination)->ops->free(*destination);
			return sf_error_set(
				error, -ENOMEM, "no memory for collector %s", parsed->target);
		}
	return code;
}

int sf_exporter_open_transport(struct sf_exporter *exporter, const struct sf_url *parsed,
	struct sf_transport **transport, struct sf_error *error)
{
	const struct sf_exporter_options *options = &exporter->shared.options;
	const struct sf_peer_options peer = {
		.host = parsed->target,
		.port = parsed->port,
		.source = parsed->source,
		.dscp = parsed->dscp,
		.lookup = options->lookup,
		.collector = exporter->collectors++,
	};
	bool late = options->queued && options->late_collectors;

	if (parsed->transport != SF_URL_UDP)
		return open_stream(exporter, parsed, &peer, transport, error);
	return sf_udp_open(transport,
		&(struct sf_udp_options){
			.peer = peer,
			.mtu = parsed->mtu,
			.large = parsed->session.dialect == &sf_ipfix,
			.patient = options->packet_clock,
			.waits = !options->queued,
			.late = late,
			.paced = parsed->session.rate != 0,
		},
		error);
}

const char *sf_exporter_reads(const struct sf_exporter *exporter, unsigned index)
{
	return index < exporter->read_count ? exporter->reads[index] : NULL;
}

int sf_exporter_will_write(
	struct sf_exporter *exporter, const char *directory, enum sf_exporter_makes makes)
{
	enum sf_exporter_makes *grown =
		realloc(exporter->makes, (exporter->write_count + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	exporter->makes = grown;
	grown[exporter->write_count] = makes;
	return remember(&exporter->writes, &exporter->write_count, directory);
}

const char *sf_exporter_writes(
	const struct sf_exporter *exporter, unsigned index, enum sf_exporter_makes *makes)
{
	if (index >= exporter->write_count)
		return NULL;
	*makes = exporter->makes[index];
	return exporter->writes[index];
}

bool sf_exporter_reloads(const struct sf_exporter *exporter)
{
	for (unsigned i = 0; i < exporter->write_count; i++)
		if (exporter->makes[i] != SF_MAKES_SPOOL)
			return true;
	return exporter->read_count > 0;
}

int sf_exporter_reload(struct sf_exporter *exporter, struct sf_error *error)
{
	int code = 0;

	for (unsigned i = 0; i < exporter->count && code == 0; i++)
		if (exporter->destinations[i]->ops->reload)
			code = exporter->destinations[i]->ops->reload(
				exporter->destinations[i], error);
	return code;
}
