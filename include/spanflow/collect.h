/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A collecting process (RFC 7011 §9): decodes NetFlow v5, NetFlow v9 and IPFIX messages and IPFIX
 * files. Keeps templates per exporter and observation domain, and counts sequence gaps. Every
 * octet is checked; a malformed message is refused from the first bad octet on, and counted. All
 * calls on one object come from one thread.
 *
 *	struct sf_collector_options options = { .record = print, .context = stdout };
 *
 *	sf_collector_new(&collector, &options, &error);
 *	sf_collector_file(collector, "flows.ipfix", &error);
 *	sf_collector_stats(collector, &stats);
 *	sf_collector_free(collector);
 */
#ifndef SPANFLOW_COLLECT_H
#define SPANFLOW_COLLECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <spanflow/declare.h>
#include <spanflow/error.h>
#include <spanflow/field.h>
#include <spanflow/flow.h>

SF_BEGIN_PUBLIC

/* Most fields of one record that are handed over; a template with more is refused by name. */
#define SF_COLLECT_FIELDS_MAX 512

/*
 * Which members of a collected flow the record has told. A member whose bit is not set is 0,
 * because the record has no such element, or is derived from other elements; it is not to be shown.
 */
#define SF_KNOWN_OCTETS     UINT32_C(0x00000001) /* of each direction */
#define SF_KNOWN_PACKETS    UINT32_C(0x00000002)
#define SF_KNOWN_START      UINT32_C(0x00000004)
#define SF_KNOWN_END        UINT32_C(0x00000008)
#define SF_KNOWN_INGRESS    UINT32_C(0x00000010)
#define SF_KNOWN_EGRESS     UINT32_C(0x00000020)
#define SF_KNOWN_DIRECTION  UINT32_C(0x00000040) /* flowDirection */
#define SF_KNOWN_TCP_FLAGS  UINT32_C(0x00000080)
#define SF_KNOWN_TOS        UINT32_C(0x00000100)
#define SF_KNOWN_TTL_MIN    UINT32_C(0x00000200)
#define SF_KNOWN_TTL_MAX    UINT32_C(0x00000400)
#define SF_KNOWN_SRC_MAC    UINT32_C(0x00000800)
#define SF_KNOWN_DST_MAC    UINT32_C(0x00001000)
#define SF_KNOWN_MPLS       UINT32_C(0x00002000)
#define SF_KNOWN_FLOW_LABEL UINT32_C(0x00004000)
#define SF_KNOWN_ICMP       UINT32_C(0x00008000) /* type and code */
#define SF_KNOWN_ADDRESS    UINT32_C(0x00010000) /* of the side that sends this direction */
#define SF_KNOWN_PORT       UINT32_C(0x00020000) /* likewise */
#define SF_KNOWN_VERSION    UINT32_C(0x00040000) /* of the flow: in known[0] only */
#define SF_KNOWN_PROTOCOL   UINT32_C(0x00080000)
#define SF_KNOWN_ID         UINT32_C(0x00100000)
#define SF_KNOWN_END_REASON UINT32_C(0x00200000)
#define SF_KNOWN_VLAN       UINT32_C(0x00400000)
#define SF_KNOWN_CVLAN      UINT32_C(0x00800000)
#define SF_KNOWN_FLOWS      UINT32_C(0x01000000) /* deltaFlowCount: in known[0] only */
/* The address of that side is the one of a network, of flow.prefix_length[side] bits. */
#define SF_KNOWN_PREFIX UINT32_C(0x02000000)

/* One data record, lent for the time of the callback. */
struct sf_collected {
	const char *exporter;   /* "192.0.2.1:40000", or the file's name */
	uint32_t domain;        /* observation domain, source id, or engine type << 8 | engine id */
	uint16_t version;       /* 5, 9 or 10 */
	uint16_t template_id;   /* 0 for v5 */
	int64_t export_time_ns; /* of the message */
	bool options;           /* an options record: fields[0 … scope_count-1] are its scope */
	unsigned scope_count;
	unsigned field_count;
	/*
	 * In wire order and encoding, with three exceptions. A v9 scope has the id of the IPFIX
	 * element. A relative time (an uptime, microseconds before the export time) from which
	 * `flow` got its time is replaced by the absolute element; other relative times stay. The
	 * sampling rate of a v5 header follows the fields of each record as elements 34 and 35.
	 */
	const struct sf_field_value *fields;
	const uint16_t *lengths; /* of the fields as specified: SF_LENGTH_VARIABLE where it is so */
	/*
	 * Where the record came from, in elements that the record itself does not have:
	 * exporterIPv4Address or exporterIPv6Address (not for files), observationDomainId.
	 */
	const struct sf_field_value *origin;
	unsigned origin_count;
	/*
	 * The same as a flow record: known elements filled in, unknown ones left out; all zero for
	 * an options record. Without any time it has the export time.
	 */
	struct sf_flow flow;
	uint32_t known[2]; /* SF_KNOWN_…, of each direction */
	/* bits of `known` whose number does not fit into the flow's member, which is 0 */
	uint32_t wide[2];
	/* of each direction: elements that `flow` has no member for */
	uint32_t egress[2];
	uint8_t flow_direction[2];
	uint64_t flows; /* deltaFlowCount: the record is the sum of so many */
};

struct sf_collector_options {
	/* called for each data record, in order of arrival */
	void (*record)(void *context, const struct sf_collected *record);
	void *context;
	/*
	 * Most templates, and most exporter × domain pairs; 0: 65536. Beyond it new ones are
	 * refused and counted. All templates together have at most 64 times as many fields.
	 */
	unsigned max_templates;
	/*
	 * A template was refused: which one, whose and why, in words. Called once for each exporter
	 * and domain. Or NULL.
	 */
	void (*refused)(void *context, const char *exporter, const char *text);
};

struct sf_collector_stats {
	uint64_t messages;
	uint64_t records;          /* data records, options data included */
	uint64_t options_records;  /* of them */
	uint64_t templates;        /* template records learnt, repetitions included */
	uint64_t packets, octets;  /* summed over flow records, both directions */
	uint64_t malformed;        /* messages refused */
	uint64_t missing_template; /* data sets without their template */
	uint64_t unknown_sets;     /* sets with a reserved id, passed over: RFC 7011 §3.3.2 */
	uint64_t sequence_gaps;    /* times the sequence number was not the expected one */
	uint64_t sequence_lost;    /* records (v5, IPFIX) or messages (v9) that it says are lost */
	uint64_t unknown_version;
	uint64_t templates_refused;   /* too many fields, none, no scope, or no room */
	uint64_t withdrawals_ignored; /* over UDP: RFC 7011 §8.4 */
	/*
	 * Data sets that were left before their end, because their message has more fields without
	 * octets than octets: such records cost nothing to send and much to show.
	 */
	uint64_t sets_cut;
	uint64_t no_memory; /* templates and exporters that could not be kept for want of memory */
};

struct sf_collector;

/*
 * Makes a collector, which the caller frees with sf_collector_free(). The options are copied. Any
 * thread. Returns 0, or -ENOMEM or SF_EUSAGE with the reason in `error` and *collector untouched.
 */
SF_CHECKED int sf_collector_new_sized(struct sf_collector **collector,
	const struct sf_collector_options *options, size_t size, struct sf_error *error);

SF_CHECKED static inline int sf_collector_new(struct sf_collector **collector,
	const struct sf_collector_options *options, struct sf_error *error)
{
	return sf_collector_new_sized(collector, options, sizeof(*options), error);
}

/* Frees the collector and its templates. NULL is fine. Not from within a callback. */
void sf_collector_free(struct sf_collector *collector);

/*
 * Decodes one message as it came over UDP. `exporter` names the sender, "192.0.2.1:4000" or
 * "[2001:db8::1]:4000": templates and sequence numbers are kept under it, for NetFlow v9 under the
 * address alone (RFC 3954 §5.1). Returns 0, or SF_ECORRUPT with the octet offset and the reason in
 * `error`: records before the bad octet have been handed over; or -ENOMEM: the message was read,
 * but what it says about later ones could not be kept.
 */
int sf_collector_message(struct sf_collector *collector, const char *exporter,
	const uint8_t *message, size_t length, struct sf_error *error);

/*
 * Decodes one message of a connection (TCP, SCTP), as sf_collector_message() does: templates and
 * sequence numbers are those of the connection, templates can be withdrawn. `stream`: of SCTP, each
 * of which has sequence numbers of its own; else 0. sf_collector_stream_end() forgets the
 * connection, as RFC 7011 §8.1 requires: the next one of the same name begins anew.
 */
int sf_collector_stream_message(struct sf_collector *collector, const char *exporter,
	uint16_t stream, const uint8_t *message, size_t length, struct sf_error *error);
void sf_collector_stream_end(struct sf_collector *collector, const char *exporter);

/*
 * Reads a whole IPFIX file (RFC 5655), plain or compressed, as its first octets tell; "-" is
 * standard input. Resynchronises after damage (RFC 5655 §10.3). Returns 0; SF_ECORRUPT if anything
 * was skipped, with file, octet offset and reason in `error`; or a negative system error if the
 * file could not be read: -EINTR if a signal handler ran while there was nothing to read.
 */
SF_CHECKED int sf_collector_file(
	struct sf_collector *collector, const char *path, struct sf_error *error);

/*
 * From within the callback: no further record is handed over or counted; the call in progress
 * returns 0 as soon as it can, and later ones do nothing.
 */
void sf_collector_stop(struct sf_collector *collector);

/* Copies the counters, those of all messages and files so far. The collector's thread. */
void sf_collector_stats_sized(
	const struct sf_collector *collector, struct sf_collector_stats *stats, size_t size);

static inline void sf_collector_stats(
	const struct sf_collector *collector, struct sf_collector_stats *stats)
{
	sf_collector_stats_sized(collector, stats, sizeof(*stats));
}

/*
 * Writes a record to `stream` as one line of JSON, as `spanflow collect -o json` does: names of
 * elements as keys, in wire order; a key that occurs again gets "_2", "_3" … Returns 0, -ENOMEM, or
 * -EIO if the stream has failed. Any thread that may use the record and the stream.
 */
int sf_collected_json(const struct sf_collected *record, FILE *stream);

SF_END_PUBLIC

#endif
