/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Structures of the decoder: sessions, compiled templates, and the message that is being
 * decoded. The way of a message:
 *
 *	collector.c	reads the header and walks over the sets
 *	session.c	finds the session, checks the sequence number
 *	template.c	reads template sets and stores the templates
 *	record.c	cuts a data set into records and points the fields of the template at their
 *			values
 *	plan.c		fills the flow record by copying, for most templates
 *	convert.c	fills the flow record field by field, for the others
 *	settle.c	fills in what depends on more than one field
 */
#ifndef SPANFLOW_COLLECT_INTERNAL_H
#define SPANFLOW_COLLECT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <spanflow/collect.h>
#include <spanflow/packet.h>

#include "base/annex.h"

#define SF_NETFLOW5 5
#define SF_NETFLOW9 9
#define SF_IPFIX    10

#define SF_NETFLOW5_HEADER 24
#define SF_NETFLOW5_RECORD 48
#define SF_NETFLOW9_HEADER 20
#define SF_IPFIX_HEADER    16
#define SF_SET_HEADER      4
#define SF_SET_ID_DATA     256 /* smallest id of templates and data sets */

/*
 * All templates together have at most this many fields times max_templates, so that memory is
 * bounded.
 */
#define SF_COLLECT_FIELDS_MEAN 64

/* Most absolute times of a record that replace its times relative to the message. */
#define SF_COLLECT_SCRATCH 8

/* The facts of facts.def that records are read back into, and room for their annex. */
#define SF_COLLECT_FACTS                                                                           \
	(SF_FACT_SET(mpls) | SF_FACT_SET(flow_label) | SF_FACT_SET(src_mac) | SF_FACT_SET(dst_mac))
#define SF_COLLECT_ANNEX 128

/* Index of a field that the template does not have. */
#define SF_COLLECT_NO_FIELD UINT16_MAX

/* One instruction of a compiled template: how a field fills a member of the flow record. */
struct sf_collect_step {
	uint16_t field;  /* index in the template's fields */
	uint8_t row;     /* index in the table of convert.c */
	uint8_t half;    /* 0 forward, 1 reverse */
	uint8_t scratch; /* of a relative time: index in the template's scratch */
	uint16_t to;     /* the member: offset from sf_collect_message.out */
};

/*
 * Kinds of copies. 2_4: a number of 2 bytes into a member of 4 bytes; BYTES_6: 6 bytes as they are;
 * MILLISECONDS: a time of 8 bytes in that unit.
 */
#define SF_COPIES(X)                                                                               \
	X(1_1)                                                                                     \
	X(1_2)                                                                                     \
	X(2_2)                                                                                     \
	X(2_4)                                                                                     \
	X(4_4)                                                                                     \
	X(4_8)                                                                                     \
	X(8_8)                                                                                     \
	X(BYTES_4)                                                                                 \
	X(BYTES_6)                                                                                 \
	X(BYTES_16)                                                                                \
	X(MILLISECONDS)                                                                            \
	X(MICROSECONDS)                                                                            \
	X(NANOSECONDS)

enum sf_copy {
#define X(kind) SF_COPY_##kind,
	SF_COPIES(X)
#undef X
		SF_COPY_KINDS
};

struct sf_collect_copy {
	uint16_t from; /* offset in the record */
	uint16_t to;   /* offset from sf_collect_message.out */
	uint16_t kind; /* enum sf_copy */
};

#define SF_COPIES_GROUPED 19

/* The copies that fill a flow record from a record of the template (plan.c). */
struct sf_collect_plan {
	bool usable; /* false: convert.c fills the flow record */
	bool rare;   /* the template has MAC addresses, MPLS or a flow label */
	bool label;  /* the template has a flow label */
	uint8_t ip_version;
	uint8_t groups;                   /* groups of copies (plan.c) that are done: bits */
	uint8_t copy_count;               /* copies that are in no group */
	uint16_t from[SF_COPIES_GROUPED]; /* offsets in the record of the copies in groups */
	uint32_t known[2];                /* SF_KNOWN_… of each half */
	struct sf_collect_copy *copies;
};

/*
 * A template, compiled when it arrives. The callback gets `fields`. Their pen and id are constant,
 * and so is the length if it is fixed; the data pointers are set for each record.
 */
struct sf_collect_template {
	struct sf_collect_template *hash_next;
	struct sf_collect_template *session_next;
	struct sf_collect_session *session;
	uint16_t id;
	uint16_t field_count;
	uint16_t scope_count;
	uint16_t step_count;
	uint16_t empty_count;    /* fields of length 0 */
	uint16_t constant_count; /* fields at the end whose values the message's header gives */
	uint16_t exporter_field; /* index of element 130 or 131, or SF_COLLECT_NO_FIELD */
	uint16_t domain_field;   /* index of element 149, or SF_COLLECT_NO_FIELD */
	bool options;
	bool networks;       /* records may have networks in place of hosts (settle.c) */
	bool fixed;          /* no field has a variable length: records have min_length bytes */
	uint32_t min_length; /* of a record, > 0 */
	uint64_t slots[2];   /* slots that the steps fill, forward and reverse: bits of enum slot */
	uint32_t known[2];   /* the same as SF_KNOWN_… */
	struct sf_field_value *fields;
	uint32_t *offsets; /* of each field in a record; only if `fixed` */
	uint16_t *lengths; /* of each field, as the template says; may be SF_LENGTH_VARIABLE */
	struct sf_collect_step *steps;
	uint8_t scratch[SF_COLLECT_SCRATCH][8];
	struct sf_collect_plan plan;
};

/*
 * `expected` is the next sequence number. After a message that stepped back, `late` is the sequence
 * number behind that message: if the next message continues there, the exporter has restarted.
 */
struct sf_collect_sequence {
	uint16_t stream; /* of SCTP, each of which counts for itself (RFC 7011 §3.1); else 0 */
	bool expecting, late_valid;
	uint32_t expected, late;
	uint64_t lost; /* its share of the counter sequence_lost */
};

#define SF_COLLECT_STREAMS 256 /* of a session, in which sequence numbers are looked at */

/* A session: the messages of one exporter, version and observation domain. */
struct sf_collect_session {
	struct sf_collect_session *hash_next;
	struct sf_collect_template *templates;
	uint32_t domain;
	uint16_t version;
	bool connected; /* of a connection or a file, not of datagrams */
	bool init_valid;
	bool refusal_told; /* options.refused() was called for a template of this session */
	struct sf_collect_sequence sequence; /* of stream 0 */
	struct sf_collect_sequence *streams; /* of others, as they come */
	unsigned stream_count;
	/* systemInitTimeMilliseconds of options data, for elements 21 and 22 */
	int64_t init_time_ms;
	/*
	 * Address of the exporter in the same options data (element 130 or 131), because a file may
	 * have the records of several exporters. Length 0: the options data have none.
	 */
	uint8_t init_exporter[16], init_exporter_length;
	char exporter[]; /* NetFlow v9: without the port */
};

/* The message being decoded. */
struct sf_collect_message {
	struct sf_collector *collector;
	struct sf_collect_session *session; /* NULL: there is no room for the session */
	const uint8_t *start, *p, *end;
	uint64_t base; /* byte offset of `start` in its file, for error texts */
	struct sf_error *error;
	struct sf_collected out;
	uint32_t uptime_ms;   /* uptime of the exporter at the time uptime_at_ns */
	int64_t uptime_at_ns; /* from the header (v5, v9) or element 160 (IPFIX) */
	bool uptime_valid;    /* both are known */
	bool file;            /* the message comes from a file */
	bool withdrawals;     /* TCP, SCTP, files: templates may be withdrawn */
	uint16_t stream;      /* of SCTP; else 0 */
	bool cut;       /* the file ends within the message, perhaps within its last data set */
	bool countable; /* the number of data records in the message is known */
	/* `out` is not zeroed for the template's plan: sf_collect_plan_prepare() */
	bool unprepared;
	bool no_memory;                  /* a template or the session could not be kept */
	uint32_t records;                /* data records, options data included */
	size_t empty_left;               /* fields of length 0 that may still be handed over */
	struct sf_field_value origin[2]; /* address of the exporter, observation domain */
	uint8_t address[16], domain[4];  /* values of `origin` */
	union {                          /* last: an annex has no fixed size */
		struct sf_annex annex;   /* of out.flow */
		uint8_t annex_bytes[SF_COLLECT_ANNEX];
	};
};

#define SF_COLLECT_ELEMENTS 1024 /* element ids that are noted */

struct sf_collector {
	struct sf_collector_options options;
	struct sf_collector_stats stats;
	struct sf_collect_template **template_buckets;
	struct sf_collect_session **session_buckets;
	struct sf_collect_template *netflow5; /* made here: describes the records of v5 */
	struct sf_collect_session *last;      /* session of the last message */
	uint64_t seed;
	uint32_t mask; /* number of buckets - 1, of both arrays */
	uint32_t template_count, session_count;
	uint64_t field_count;          /* of all templates */
	struct sf_annex_layout layout; /* of SF_COLLECT_FACTS */
	bool stopped;
	/*
	 * Several collectors read the same messages: runs of messages of which some collector has
	 * begun to hand over the records, counted by all. NULL: this one hands over all
	 */
	_Atomic uint64_t *runs_taken;
	uint64_t read_messages;
	bool run_of_others; /* another one has taken the run to which the message belongs */
	/* another collector hands over the message: only what later messages need is read */
	bool others;
	/* elements of IANA and of SF_PEN_SPANFLOW that templates of flow records had: bits */
	uint64_t elements[2][SF_COLLECT_ELEMENTS / 64];
};

/* Empties the flow, and gives it an annex. */
static inline void sf_collect_flow_begin(struct sf_collect_message *message)
{
	const struct sf_annex_layout *layout = &message->collector->layout;

	memset(&message->out.flow, 0, sizeof(message->out.flow));
	memset(message->annex_bytes, 0, layout->record_bytes);
	message->annex.layout = layout;
	message->out.flow.annex = &message->annex;
}

/* collector.c */

/* SF_ECORRUPT with the byte offset of `at` (a byte of the message) and the reason. */
int sf_collect_malformed(struct sf_collect_message *message, const uint8_t *at, const char *format,
	...) __attribute__((format(printf, 3, 4)));

/*
 * Decodes one IPFIX message of a file. `base`: offset of the message in the file. `available`:
 * bytes of the message, fewer than its Length if the file ends within it. Templates may be
 * withdrawn, as in a stream.
 */
int sf_collect_file_message(struct sf_collector *collector, const char *exporter, uint64_t base,
	const uint8_t *bytes, size_t available, struct sf_error *error);

struct sf_reading;

/*
 * Reads the file of flows that reader number `reader` has entered (reading.h), as
 * sf_collector_file() does for one collector. `path`: of that file. An error is noted in `reading`.
 */
void sf_collect_shared(struct sf_collector *collector, struct sf_reading *reading, unsigned reader,
	const char *path);

/* True if all bytes from p to end are 0. */
bool sf_collect_all_zero(const uint8_t *p, const uint8_t *end);

/* Notes that there was no memory for a template or the session. */
void sf_collect_no_memory(struct sf_collect_message *message);

/* session.c */

/* Finds the session of the message, or makes it. NULL: there is no room for a new session. */
struct sf_collect_session *sf_collect_session_get(struct sf_collect_message *message,
	const char *exporter, uint16_t version, uint32_t domain);

/* Ends the sessions that have connections of the exporter; NULL: all sessions. */
void sf_collect_forget(struct sf_collector *collector, const char *exporter);

/*
 * Checks the sequence number of a message that holds `units` (v5: flows, v9: one message, IPFIX:
 * data records). `known` is false if the units could not be counted; then nothing is expected of
 * the next message.
 */
void sf_collect_sequence_check(
	struct sf_collect_message *message, uint32_t sequence, uint32_t units, bool known);

/* template.c */

/* Reads the template set or options template set between message->p and `end`. 0 or SF_ECORRUPT. */
int sf_collect_template_set(
	struct sf_collect_message *message, const uint8_t *end, bool options_templates);
struct sf_collect_template *sf_collect_template_find(const struct sf_collector *collector,
	const struct sf_collect_session *session, uint16_t id);
void sf_collect_template_drop(struct sf_collector *collector, struct sf_collect_template *template);

/*
 * Makes a template with `count` zeroed fields; the last `constants` of them get their values from
 * the message's header. NULL: out of memory.
 */
struct sf_collect_template *sf_collect_template_new(unsigned count, unsigned constants);

/* record.c */

/* Hands over the data records between message->p and `end`. 0 or SF_ECORRUPT. */
int sf_collect_data_set(struct sf_collect_message *message, struct sf_collect_template *template,
	const uint8_t *end);

/* Computes offsets, minimum length and steps of a template from its fields and lengths. */
void sf_collect_template_compile(struct sf_collect_template *template);

/* Notes which elements there are (sf_collector_has_element()). */
void sf_collect_note_elements(struct sf_collector *c, const struct sf_collect_template *template);

/* convert.c */

/* Notes systemInitTimeMilliseconds, by which uptimes in the rest of the message become times. */
void sf_collect_init_time(struct sf_collect_message *message, int64_t init_time_ms);

/* Chooses for each member of a flow record the field that fills it best. */
void sf_collect_convert_compile(struct sf_collect_template *template);

/* Fills flow, known and wide of message->out from the fields, whose data pointers are set. */
void sf_collect_convert(struct sf_collect_message *message, struct sf_collect_template *template);

/* plan.c */

/* True if the template's slots allow a plan. The caller then adds the copies and ends the plan. */
bool sf_collect_plan_begin(struct sf_collect_template *template);
void sf_collect_plan_add(
	struct sf_collect_template *template, enum sf_copy kind, unsigned from, size_t to);
void sf_collect_plan_end(struct sf_collect_template *template);

/* Zeroes the members that no copy fills: before the first record of a set, and after convert.c. */
void sf_collect_plan_prepare(
	struct sf_collect_message *message, const struct sf_collect_template *template);

/* Fills flow and has from the record. False: it must be converted by sf_collect_convert(). */
bool sf_collect_plan_run(struct sf_collected *out, const struct sf_collect_template *template,
	const uint8_t *record);

/* netflow5.c */
struct sf_collect_template *sf_collect_netflow5_template(void);
int sf_collect_netflow5(struct sf_collect_message *message);

#endif
