/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of a destination: "ipfix://host:port,option=value…" or "path,option=value…".
 *
 *	static struct sf_url url;			large: not for the stack
 *	sf_url_collector(&url, "ipfix://192.0.2.1,rate=50k", &error);
 *	url.target, url.port, url.session.rate		"192.0.2.1", "4739", 50000
 */
#ifndef SPANFLOW_EXPORT_URL_H
#define SPANFLOW_EXPORT_URL_H

#include "encode/anonymize.h"
#include "export/destination.h"
#include "export/wire_profile.h"
#include "tls/tls.h"

/* Limits of a queue, in bytes. */
#define SF_QUEUE_OCTETS_MIN (UINT64_C(64) << 10)
#define SF_QUEUE_OCTETS_MAX (UINT64_C(64) << 30)

enum sf_url_transport {
	SF_URL_UDP,
	SF_URL_TCP,
	SF_URL_TLS,
	SF_URL_DTLS,
	SF_URL_SCTP,
	SF_URL_KAFKA
};

/* Of kafka://…; texts lie within `options` or `target`. */
struct sf_url_kafka {
	const char *topic;
	bool json, by_exporter;
	uint64_t records; /* in a message, at most */
	const char *file; /* of properties; NULL: none */
	uint8_t sampler[16], sampler_length;
	char properties[4096]; /* "NAME=VALUE", each ends with a zero; an empty one ends */
	size_t properties_length;
};

#define SF_GROUP_NAME 32 /* bytes, with the NUL */

struct sf_url {
	bool is_collector;
	enum sf_url_transport transport;
	/*
	 * host name or address without brackets, or the path; of kafka://…:
	 * "host:port,host:port" and the topic
	 */
	char target[4096];
	char port[8];
	unsigned mtu;            /* 0: not given */
	const char *source;      /* address of this host, within `options`; or NULL */
	int dscp;                /* 0: not given */
	int64_t retry_ns;        /* 0: not given */
	int64_t renew_ns;        /* DTLS; 0: never */
	uint16_t udp_port;       /* SCTP over UDP; 0: SCTP by the kernel */
	int64_t lifetime_ns;     /* SCTP; 0: nothing is given up */
	bool own_streams;        /* streams=template */
	bool lz4;                /* compress=lz4 */
	struct sf_tls_files tls; /* within `options` */
	struct sf_url_kafka kafka;
	/* files; 0: not given */
	int64_t rotate_ns, keep_ns;
	uint64_t size, keep_size;
	const struct sf_wire_profile *profile; /* NULL: not given */
	struct sf_fields profile_fields;       /* of the profile */
	const char *list;                      /* value of fields=, within `options`; or NULL */
	struct sf_anonymize_options anonymize;
	bool keeps_mac;          /* anonymize-mac=no */
	const char *where;       /* value of where=, likewise */
	struct sf_fields fields; /* with a list, session.fields points to this */
	struct sf_session_options session;
	/* balance=, fail-over=: the collectors of the group share the records */
	enum sf_share share;
	char group[SF_GROUP_NAME];
	char options[4096]; /* copy of the options, which the members above point into */
};

/*
 * Reads a collector's URL or a path with options; what is not given has its default. `extra`: the
 * conditions SF_WHEN_EXTRA that hold for the exporter's enricher; 0: there is none. Returns 0 or
 * SF_EUSAGE, with a message that names the option, its value and what is allowed.
 */
int sf_url_collector_with(
	struct sf_url *url, const char *text, uint64_t extra, struct sf_error *error);
int sf_url_file_with(struct sf_url *url, const char *text, uint64_t extra, struct sf_error *error);

/* The same without an enricher. */
static inline int sf_url_collector(struct sf_url *url, const char *text, struct sf_error *error)
{
	return sf_url_collector_with(url, text, 0, error);
}

static inline int sf_url_file(struct sf_url *url, const char *text, struct sf_error *error)
{
	return sf_url_file_with(url, text, 0, error);
}

/*
 * Chooses the fields of `list` for the destination: afterwards session.fields points into `url`.
 * Results, `left_out` and `what` as for sf_fields_choose().
 */
int sf_url_choose(struct sf_url *url, const char *list, char *left_out, const char *what,
	struct sf_error *error);

/* ---- url_options.c */

/*
 * Reads `list`, "name=value,name=value" or, as in URLs of others, "name=value&name=value", into
 * `url`; NULL: there are none. `text` is the destination for messages, `applies` (SF_URL_TO_…) says
 * which options it has. 0 or SF_EUSAGE.
 */
int sf_url_read_options(struct sf_url *url, const char *text, const char *list, unsigned applies,
	struct sf_error *error);

/* ---- url_kafka.c */

/* False: the value is not allowed. */
bool sf_url_kafka_option(struct sf_url_kafka *kafka, const char *option, const char *value);

/*
 * Takes "rdkafka.NAME=VALUE": librdkafka says what is wrong with it. False: it
 * is something else, or too long.
 */
bool sf_url_kafka_property(struct sf_url_kafka *kafka, const char *item);

/*
 * Reads "broker:9092+other:9092/topic", what follows "kafka://", into `target` and `kafka`. Returns
 * what follows it: "" or the options with the sign before them; NULL: it is wrong.
 */
const char *sf_url_kafka_target(
	struct sf_url *url, const char *text, const char *rest, struct sf_error *error);

#endif
