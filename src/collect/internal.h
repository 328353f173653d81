/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the collecting process share: sessions (exporter × observation domain ×
 * version), compiled templates, and the cursor of the message being decoded.
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
#define SF_SET_ID_DATA     256 /* the first id of templates and data sets */

/* Fields of all templates together: this many times max_templates, so that memory is bounded. */
#define SF_COLLECT_FIELDS_MEAN 64

/* Chosen elements that date a record relative to its message are shown as absolute times, here. */
#define SF_COLLECT_SCRATCH 8

/* The facts of facts.def that records are read back into, and room for their annex. */
#define SF_COLLECT_FACTS                                                                           \
	(SF_FACT_SET(mpls) | SF_FACT_SET(flow_label) | SF_FACT_SET(src_mac) | SF_FACT_SET(dst_mac))
#define SF_COLLECT_ANNEX 128

/* A field of the template, or none. */
#define SF_COLLECT_NO_FIELD UINT16_MAX

/* What a field's value becomes in a flow record: one instruction of a compiled template. */
struct sf_collect_step {
	uint16_t field;  /* index in the template's fields */
	uint8_t row;     /* of the conversion table */
	uint8_t half;    /* 0 forward, 1 reverse */
	uint8_t scratch; /* a relative time: which of the template's scratch values shows it */
	uint16_t to;     /* what it fills: offset from sf_collect_message.out on */
};

/*
 * Kinds of copies: length of the field and of the member it fills, or bytes as they are, or a time in 8
 * bytes.
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
	uint16_t to;   /* offset from sf_collect_message.out on */
	uint16_t kind; /* enum sf_copy */
};

#define SF_COPIES_GROUPED 19

/* plan.c */
struct sf_collect_plan {
	bool usable;
	bool rare, label; /* MAC addresses, MPLS or flow label; flow label */
	uint8_t ip_version;
	uint8_t groups;                   /* of plan.c: bits */
	uint8_t copy_count;               /* copies in no group */
	uint16_t from[SF_COPIES_GROUPED]; /* offsets in the record of those in groups */
	uint32_t known[2];
	struct sf_collect_copy *copies;
};

/*
 * A template, compiled when it arrives. `fields` are handed to the callback: pen, id and (for
 * fixed lengths) length stay, the data pointers are set for each record.
 */
struct sf_collect_template {
	struct sf_collect_template *hash_next;
	struct sf_collect_template *session_next;
	struct sf_collect_session *session;
	uint16_t id;
	uint16_t field_count;
	uint16_t scope_count;
	uint16_t step_count;
	uint16_t empty_count; /* fields of length 0 */
	uint16_t
		constant_count; /* fields behind the record's own that its message's header gives */
	uint16_t exporter_field, domain_field; /* elements 130 or 131, and 149; or none */
	bool options;
	bool fixed;          /* no variable-length field: every record is min_length octets */
	uint32_t min_length; /* of a record, > 0 */
	uint64_t slots[2];   /* what the steps fill, forward and reverse: bits of enum slot */
	uint32_t known[2];   /* the same as SF_KNOWN_… */
	struct sf_field_value *fields;
	uint32_t *offsets; /* of each field in a record; meaningful when fixed */
	uint16_t *lengths; /* as specified; SF_LENGTH_VARIABLE */
	struct sf_collect_step *steps;
	uint8_t scratch[SF_COLLECT_SCRATCH][8];
	struct sf_collect_plan plan;
};

/*
 * A sender's stream of one domain. `expected` is the next sequence number; `late` is where a
 * message that stepped back ended: when the next one continues there, the exporter has restarted.
 */
struct sf_collect_session {
	struct sf_collect_session *hash_next;
	struct sf_collect_template *templates;
	uint32_t domain;
	uint16_t version;
	bool connected; /* of a connection or file, which no datagram belongs to */
	bool expecting, late_valid, init_valid;
	bool refusal_told; /* a template of this session was refused, and options.refused knows it */
	uint32_t expected, late;
	uint64_t lost;        /* of sequence_lost, this session's share */
	int64_t init_time_ms; /* systemInitTimeMilliseconds of options data, for 21 and 22 */
	/*
	 * The element 130 or 131 in those options data: in a file with the records of several
	 * exporters, whose start it was. Length 0: it has none.
	 */
	uint8_t init_exporter[16], init_exporter_length;
	char exporter[]; /* NetFlow v9: without the port */
};

/* The message being decoded. */
struct sf_collect_message {
	struct sf_collector *collector;
	struct sf_collect_session *session; /* NULL: none could be had */
	const uint8_t *start, *p, *end;
	uint64_t base; /* octet offset of `start` in its file, for error texts */
	struct sf_error *error;
	struct sf_collected out;
	union {
		struct sf_annex annex; /* of out.flow */
		uint8_t annex_bytes[SF_COLLECT_ANNEX];
	};
	uint32_t uptime_ms;   /* SysUptime at … */
	int64_t uptime_at_ns; /* … this time: from the header (v5, v9) or element 160 (IPFIX) */
	bool uptime_valid;
	bool file;        /* of a file, not of the network */
	bool withdrawals; /* TCP, SCTP, files: templates may be withdrawn */
	bool cut;         /* the end of the file cut it: the last data set may be incomplete */
	bool countable;   /* the number of data records in it is known */
	bool unprepared; /* `out` is not zeroed for the template's plan: sf_collect_plan_prepare() */
	bool no_memory;  /* a template or the session could not be kept */
	uint32_t records;                /* data records, options data included */
	size_t empty_left;               /* so many more fields without octets are handed over */
	struct sf_field_value origin[2]; /* exporter's address, domain */
	uint8_t address[16], domain[4];  /* their values */
};

struct sf_collector {
	struct sf_collector_options options;
	struct sf_collector_stats stats;
	struct sf_collect_template **template_buckets;
	struct sf_collect_session **session_buckets;
	struct sf_collect_template *netflow5; /* v5 records are a template that nobody sends */
	struct sf_collect_session *last;      /* the session of the last message */
	uint64_t seed;
	uint32_t mask; /* of both bucket arrays */
	uint32_t template_count, session_count;
	uint64_t field_count;          /* of all templates */
	struct sf_annex_layout layout; /* of SF_COLLECT_FACTS */
	bool stopped;
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

/* SF_ECORRUPT with the octet offset of `at` (an octet of the message) and the reason. */
int sf_collect_malformed(struct sf_collect_message *message, const uint8_t *at, const char *format,
	...) __attribute__((format(printf, 3, 4)));

/*
 * Decodes one IPFIX message of a file, which begins at octet `base` of it; `available` is less
 * than its Length when the file ends within it. Withdrawals count, as in any stream.
 */
int sf_collect_file_message(struct sf_collector *collector, const char *exporter, uint64_t base,
	const uint8_t *bytes, size_t available, struct sf_error *error);

/* Zeros from p to end: padding, where nothing else is expected. */
bool sf_collect_all_zero(const uint8_t *p, const uint8_t *end);

/* Something could not be kept for want of memory. */
void sf_collect_no_memory(struct sf_collect_message *message);

/* Forgets every session of an exporter. */
void sf_collect_forget(struct sf_collector *collector, const char *exporter);

/* template.c */

/* Handles the template or options template set between message->p and `end`. 0 or SF_ECORRUPT. */
int sf_collect_template_set(
	struct sf_collect_message *message, const uint8_t *end, bool options_templates);
struct sf_collect_template *sf_collect_template_find(const struct sf_collector *collector,
	const struct sf_collect_session *session, uint16_t id);
void sf_collect_template_drop(struct sf_collector *collector, struct sf_collect_template *template);

/*
 * A template with room for `count` fields, the last `constants` of which are the message's; fields
 * are zero. NULL: out of memory.
 */
struct sf_collect_template *sf_collect_template_new(unsigned count, unsigned constants);

/* record.c */

/* Hands over the data records between message->p and `end`. 0 or SF_ECORRUPT. */
int sf_collect_data_set(struct sf_collect_message *message, struct sf_collect_template *template,
	const uint8_t *end);

/* Offsets, minimum length and steps of a template whose fields and lengths are set. */
void sf_collect_template_compile(struct sf_collect_template *template);

/* convert.c */

/* A systemInitTimeMilliseconds was read: dates the uptimes in the rest of the message. */
void sf_collect_init_time(struct sf_collect_message *message, int64_t init_time_ms);

/* Chooses for every member of a flow record the field that fills it best. */
void sf_collect_convert_compile(struct sf_collect_template *template);

/* Fills flow, known and wide of message->out from the fields, whose data pointers are set. */
void sf_collect_convert(struct sf_collect_message *message, struct sf_collect_template *template);

/* plan.c: records of most templates, by copying */

/* Whether the template's slots allow a plan: then its copies are added, and the plan is ended. */
bool sf_collect_plan_begin(struct sf_collect_template *template);
void sf_collect_plan_add(
	struct sf_collect_template *template, enum sf_copy kind, unsigned from, size_t to);
void sf_collect_plan_end(struct sf_collect_template *template);

/* Before the first record of a set, and after one that was converted otherwise. */
void sf_collect_plan_prepare(
	struct sf_collect_message *message, const struct sf_collect_template *template);

/* Fills flow and has from the record. False: it must be converted by sf_collect_convert(). */
bool sf_collect_plan_run(struct sf_collected *out, const struct sf_collect_template *template,
	const uint8_t *record);

/* netflow5.c */
struct sf_collect_template *sf_collect_netflow5_template(void);
int sf_collect_netflow5(struct sf_collect_message *message);

#endif
