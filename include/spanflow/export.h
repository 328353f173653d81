/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An exporting process (RFC 7011 §2): sends flow records to collectors and writes them to files.
 * Each destination has its own session, sequence numbers, templates and profile. All calls come
 * from one thread. A destination that fails does not disturb the others: the records that it could
 * not take are counted there, by the name of the reason.
 *
 *	struct sf_text_options text = { .format = SF_TEXT_TABLE };
 *
 *	sf_exporter_new(&exporter, &options, &error);
 *	sf_exporter_add_collector(exporter, "ipfix://192.0.2.7:4739,rate=0", &error);
 *	sf_exporter_add_file(exporter, "flows.ipfix", &error);
 *	sf_exporter_add_text(exporter, &text, &error);
 *	… sf_exporter_put(exporter, flows, n); sf_exporter_tick(exporter, wall, clock); …
 *	sf_exporter_finish(exporter);
 *	sf_exporter_stats(exporter, i, &stats) for each destination
 *	sf_exporter_free(exporter);
 */
#ifndef SPANFLOW_EXPORT_H
#define SPANFLOW_EXPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <spanflow/collect.h>
#include <spanflow/declare.h>
#include <spanflow/enrich.h>
#include <spanflow/error.h>
#include <spanflow/flow.h>
#include <spanflow/meter.h>
#include <spanflow/sampling.h>

SF_BEGIN_PUBLIC

struct sf_exporter;

/*
 * How urgently a run is to end. The exporter calls `level` while it waits for a destination and
 * before each message, in the thread that called the exporter. It returns 0: not at all; 1: no
 * destination is waited for any more, and records that would have to wait are lost as `stopped`; 2:
 * nothing is sent or written any more. NULL: always 0.
 */
struct sf_hurry {
	unsigned (*level)(void *context);
	void *context;
};

#define SF_ADDRESSES_MAX 8

/* Result of looking up a name: its addresses, or why there are none. */
struct sf_addresses {
	unsigned count;
	uint32_t sizes[SF_ADDRESSES_MAX];
	struct sockaddr_storage addresses[SF_ADDRESSES_MAX];
	char trouble[96];
};

/*
 * Looks up names while a run goes on, without making it wait: ask() starts a look-up, answer()
 * fetches its result. Collectors are known by their number, in the order in which they are added.
 */
struct sf_lookup {
	void (*ask)(void *context, unsigned collector);
	/* False: no answer since the last request. */
	bool (*answer)(void *context, unsigned collector, struct sf_addresses *addresses);
	void *context;
};

/* Which records are exported. */
struct sf_chooser {
	/*
	 * Returns the directions of the flow that are exported, as bits of sf_flow.directions.
	 * `extra`: what the enricher gives for the flow, NULL without one. `record`: the record
	 * that the flow was collected from, NULL if it was metered.
	 */
	unsigned (*choose)(void *context, const struct sf_flow *flow, const struct sf_extra *extra,
		const struct sf_collected *record);
	void (*free)(void *context); /* by its owner, at the end; NULL: there is nothing to free */
	void *context;
	uint64_t wants; /* facts on request that it reads, as bits of sf_exporter_wants() */
	bool extra;     /* it looks at `extra` */
};

/*
 * Whether each collector gets every record. Files, text and callbacks get every record in any case.
 */
enum sf_share {
	SF_SHARE_NONE,      /* yes */
	SF_SHARE_BALANCE,   /* each flow goes to one of them: all its records, both directions */
	SF_SHARE_FAIL_OVER, /* all go to the first one that is not away */
};

/*
 * Which records are folded: added up into coarser ones, so that sums have every packet and octet
 * (sf_flow.folded).
 */
enum sf_fold_mode {
	SF_FOLD_OFF,
	SF_FOLD_LOST,    /* records that would be lost because a ring or a queue is full */
	SF_FOLD_EVICTED, /* also flows of one packet that a full table evicts */
};

/* Called for output files that are complete. */
struct sf_file_hook {
	/* The file is complete and has its name; called by the thread that uses the exporter. */
	void (*complete)(void *context, const char *path);
	void *context;
};

/* Who names the application of a flow. */
enum sf_applications {
	SF_APPLICATIONS_READERS, /* spanflow's own readers of payload */
	SF_APPLICATIONS_NDPI,    /* nDPI, or where it says nothing the readers */
};

struct sf_exporter_options {
	/*
	 * Capture files are metered: v5 and v9 headers and IPFIX files carry the packet clock, and
	 * UDP collectors are paced by default so that they need not drop.
	 */
	bool packet_clock;
	/*
	 * The exporter gets collected records, by sf_exporter_put_collected(). Files have them as
	 * they were sent. Text shows what their exporters sent and where the records came from.
	 * Collectors cannot be destinations.
	 */
	bool collected;
	bool keep_files;            /* a file that exists and has something in it is refused */
	uint32_t domain;            /* observationDomainId / source id of records whose own is 0 */
	uint32_t domains;           /* that records have, from `domain` on; 0 means 1 */
	uint32_t sampling_interval; /* 1:N announced in options data and v5 headers; 0 means 1 */
	/*
	 * How packets were sampled; its rate goes before sampling_interval. A rate that is no whole
	 * number is told in IPFIX only. NULL: at random, 1 of sampling_interval. Lent.
	 */
	const struct sf_sampling *sampling;
	/*
	 * Interfaces for the interface-name options: fills index and name of interface `slot` (0,
	 * 1, …) and returns 1, or 0 past the end. Called when options data are sent; may be NULL.
	 */
	unsigned (*interfaces)(void *context, unsigned slot, uint32_t *index, const char **name);
	void *interfaces_context;
	struct sf_hurry hurry;
	/*
	 * Destinations wait for nobody: sf_exporter_put() copies records into a queue, and
	 * sf_exporter_pump() sends what each destination is ready to take. Otherwise
	 * sf_exporter_put() encodes and sends, and waits where it has to.
	 */
	bool queued;
	/*
	 * With `queued`: a collector that cannot be reached yet, because there is no route or its
	 * name does not resolve, is no failure; it is tried again, and its records wait.
	 */
	bool late_collectors;
	const struct sf_lookup *lookup; /* of names; NULL: getaddrinfo(), which may take long */
	/*
	 * Fields of all destinations whose own options have neither fields= nor profile=, and of
	 * text: "default+minimumTTL-vlanId"; docs/spanflow.1 describes such lists. NULL: the usual
	 * ones.
	 */
	const char *fields;
	uint64_t queue_octets; /* most that waits for one destination, by default; 0: 256 MiB */
	/*
	 * Directory in which records are kept that collectors over TCP, TLS, DTLS and SCTP, or
	 * Kafka, cannot take; they survive the process. NULL: none.
	 */
	const char *spool;
	uint64_t spool_octets;   /* of each collector, at most; 0: 1 GiB */
	bool spool_drops_newest; /* when it is full; else the oldest */
	/*
	 * Adds routes, countries and interfaces to records; NULL: nothing is added. Lent for the
	 * exporter's life.
	 */
	const struct sf_enricher *enricher;
	/*
	 * Which records all destinations get; NULL: all. Copied; its context is lent. Records that
	 * are not chosen are counted as skipped: where.
	 */
	const struct sf_chooser *chooser;
	/* without `queued`: how long a collector is waited for that has gone away; 0: a minute */
	int64_t patience_ns;
	/*
	 * Makes a chooser of the value of a destination's option where=, for records of both
	 * directions (`biflow`) or of one; the exporter frees it. 0, or an error with its text.
	 * NULL: the option is refused.
	 */
	int (*conditions)(void *context, const char *text, bool biflow, struct sf_chooser *chooser,
		struct sf_error *error);
	void *conditions_context;
	enum sf_share share;
	uint32_t key; /* of the meter: SF_KEY_…, for options data; 0: SF_KEY_DEFAULT */
	/*
	 * Called for each file of sf_exporter_add_file() that is complete. NULL: not called. Lent.
	 */
	const struct sf_file_hook *on_file;
	/*
	 * With `queued`: records that a full queue would lose are folded. In any case destinations
	 * can tell folded records from others, with fields of their own.
	 */
	enum sf_fold_mode fold;
	/* of the meter, for options data; SF_TIMEOUT_NEVER. 0: they are not known, and not told */
	int64_t active_timeout_ns, idle_timeout_ns;
	/*
	 * Fields that name applications. NDPI: sf_exporter_new() loads nDPI, and fails with
	 * SF_EUNSUPPORTED if it is missing; the meter uses it if some destination has such a field.
	 */
	enum sf_applications applications;
};

/* Text output for people and scripts. */
enum sf_text_format { SF_TEXT_TABLE, SF_TEXT_JSON, SF_TEXT_CSV };

struct sf_text_options {
	FILE *stream; /* NULL: the descriptor of standard output. Not closed. */
	enum sf_text_format format;
	bool biflow;     /* one object per biflow with reverse elements, instead of two uniflows */
	bool local_time; /* table only: local time instead of UTC */
	bool wide;       /* table only: everything in full; else rows fit a terminal */
	unsigned width;  /* narrow table: columns of the terminal; 0: it goes elsewhere */
	/*
	 * facts that no record tells, such as tunnels of a meter that opens none: CSV has no
	 * columns for them, unless sf_exporter_options.fields names them
	 */
	uint64_t absent;
};

/* What became of the records at one destination. offered = sent + skipped + lost, each unit. */
struct sf_destination_count {
	uint64_t records, packets, octets;
};

/* Why a destination left records out on purpose, and why it lost them: names and words. */
#define SF_SKIPPED_REASONS(X)                                                                      \
	X(ipv6, "NetFlow v5 has no IPv6")                                                          \
	X(noFields, "such records have none of the fields that the destination was asked for")     \
	X(where, "they do not meet the conditions of --where or where=")                           \
	X(elsewhere, "another collector gets them: --balance, --fail-over")                        \
	X(notSampled, "sample= chose other flows")                                                 \
	X(small, "they have fewer packets and bytes than small= asks for")
#define SF_LOST_REASONS(X)                                                                         \
	X(send, "the kernel refused the datagram")                                                 \
	X(unreachable, "nobody listens: answered by ICMP, or no connection to the collector")      \
	X(write, "file or standard output could not be written: full disk, closed pipe")           \
	X(spool, "the spool was full: --spool-max")                                                \
	X(tooLate, "SCTP has given them up, because they would have come too late: lifetime=")     \
	X(tooLarge, "one record does not fit the maximum message size")                            \
	X(queue, "records came faster than the destination took them: its queue was full")         \
	X(stopped, "the run was to end at once, and the destination was not ready")

struct sf_destination_stats {
	const char *url; /* as given; lent until the exporter is freed */
	/* "ipfix", "netflow9", "netflow5", "kafka", "file", "text", "callback" */
	const char *kind;
	struct sf_destination_count offered; /* uniflows, or biflows with biflow=yes */
	struct sf_destination_count sent;
#define X(name, text) struct sf_destination_count skipped_##name;
	SF_SKIPPED_REASONS(X)
#undef X
#define X(name, text) struct sf_destination_count lost_##name;
	SF_LOST_REASONS(X)
#undef X
	/*
	 * Sent a second time, on a new connection, because the collector may not have got them from
	 * the last one: it may have them twice. They are in `sent` once.
	 */
	struct sf_destination_count repeated;
	/* Added up into coarser records (--fold, small=), which are offered in place of them. */
	struct sf_destination_count folded;
	/*
	 * With a spool: what an earlier run has left there, and what lies there now and is left to
	 * the next run at the end. offered + inherited = sent + skipped + lost + spooled, then.
	 */
	struct sf_destination_count inherited, spooled;
	uint64_t torn_octets;   /* of the spool that a crash or a damaged disk made useless */
	uint64_t files;         /* of a series: completed; a file whose name has no time is one */
	uint64_t removed_files; /* that were too old, or took too many bytes together */
	uint64_t messages; /* datagrams or messages of files and connections, templates included */
	uint64_t message_octets;
	/*
	 * A file, or what is printed, lacks something: records, or what stands around them, such as
	 * templates and options data. A reader who has gone leaves no print incomplete.
	 */
	bool incomplete;
	char failure[256]; /* "" or why that is so or records were lost, in words */
	int error;         /* the code of that, negative; 0: there is none */
	bool gone;         /* takes nothing any more: the reader of a pipe has gone */
	bool failing;      /* takes nothing now: nobody listens, there is no route, a full disk */
	uint8_t protocol;  /* of its socket: IPPROTO_UDP, _TCP or _SCTP; 0: there is no socket */
	/* What has changed: it cannot be reached, it answers again. */
	unsigned news_count;
	char news[256]; /* the last one, in words */
};

/*
 * Makes an exporter without destinations, which the caller frees with sf_exporter_free(). The
 * options are copied; what they point at is lent for the exporter's life. Any thread. Returns 0, or
 * -ENOMEM or SF_EUSAGE with the reason in `error` and *exporter untouched.
 */
SF_CHECKED int sf_exporter_new_sized(struct sf_exporter **exporter,
	const struct sf_exporter_options *options, size_t size, struct sf_error *error);

SF_CHECKED static inline int sf_exporter_new(struct sf_exporter **exporter,
	const struct sf_exporter_options *options, struct sf_error *error)
{
	return sf_exporter_new_sized(exporter, options, sizeof(*options), error);
}

/*
 * Frees the exporter and its destinations. Records that wait are discarded: call
 * sf_exporter_finish() before. NULL is fine.
 */
void sf_exporter_free(struct sf_exporter *exporter);

/*
 * Adds a collector: "ipfix://host:port,option=value…". The schemes are ipfix, tcp, tls, dtls, sctp,
 * netflow9, netflow5 and kafka. spanflow(1) describes them and their options under COLLECTORS.
 * Resolves the name and connects now, unless options.late_collectors. Returns 0; SF_EUSAGE, with
 * option, value and what is allowed in `error`; SF_ERESOLVE, -ECONNREFUSED or another code with its
 * reason.
 */
SF_CHECKED int sf_exporter_add_collector(
	struct sf_exporter *exporter, const char *url, struct sf_error *error);

/*
 * Writes host and port of a collector's URL to buffers of these sizes. Returns true if the host is
 * a name, which has to be looked up; false if it is an address, if the URL is wrong or of Kafka, or
 * if a buffer is too small. Any thread.
 */
bool sf_collector_is_named(
	const char *url, char *host, size_t host_size, char *port, size_t port_size);

/*
 * Adds an IPFIX file (RFC 5655), emptied now; "path,option=value…"; "-" is standard output. With a
 * time in its name ("%Y%m%d-%H%M.ipfix.zst", UTC) it is a series of files, each begun when the
 * exporter's clock gets there: the wall clock, or with `packet_clock` that of the packets. A file
 * of a series, and one that ends in .gz or .zst, has the name ".NAME.partial" until it is complete.
 * spanflow(1) describes the options under -w. Returns 0, or a negative code with its reason.
 */
SF_CHECKED int sf_exporter_add_file(
	struct sf_exporter *exporter, const char *path, struct sf_error *error);

/*
 * Finds what sf_exporter_add_file() would refuse in path, options, fields and conditions, without
 * making or changing a file. Returns 0, or a negative code with its reason.
 */
SF_CHECKED int sf_exporter_check_file(
	const struct sf_exporter *exporter, const char *path, struct sf_error *error);

/*
 * After all destinations were added: 0, or SF_EUSAGE if a group of balance= or fail-over= has only
 * one collector.
 */
SF_CHECKED int sf_exporter_check_groups(const struct sf_exporter *exporter, struct sf_error *error);

/*
 * Bytes of the path in the argument of sf_exporter_add_file(): 9 of "a,b.ipfix,biflow=yes". Any
 * thread.
 */
size_t sf_exporter_path_length(const char *path);

/*
 * Adds text output. The options are copied; the stream stays the caller's. Returns 0, or -ENOMEM or
 * SF_EUSAGE with the reason in `error`.
 */
SF_CHECKED int sf_exporter_add_text_sized(struct sf_exporter *exporter,
	const struct sf_text_options *options, size_t size, struct sf_error *error);

SF_CHECKED static inline int sf_exporter_add_text(
	struct sf_exporter *exporter, const struct sf_text_options *options, struct sf_error *error)
{
	return sf_exporter_add_text_sized(exporter, options, sizeof(*options), error);
}

/*
 * Adds a function of the program as a destination: each record comes once, with both directions.
 * The function returns how many records it took; the others are lost to it as `queue`. `wants`: the
 * facts on request that the function reads (sf_fact_find()), ored, and perhaps SF_WANTS_FLOW_ID; 0:
 * none. The sink is copied, its context is lent. Returns 0, -ENOMEM, or SF_EUSAGE if the exporter
 * takes collected records.
 */
SF_CHECKED int sf_exporter_add_callback(struct sf_exporter *exporter,
	const struct sf_flow_sink *sink, uint64_t wants, struct sf_error *error);

/*
 * Names the destination that was added last: messages and statistics use the name instead of the
 * URL. The name is copied. Returns 0 or -ENOMEM.
 */
SF_CHECKED int sf_exporter_name_last(
	struct sf_exporter *exporter, const char *name, struct sf_error *error);

/*
 * The facts that destinations need and a meter gathers on request only, computed from the fields
 * that the destinations have: a set of facts (sf_meter_options.facts), and SF_WANTS_FLOW_ID.
 */
#define SF_WANTS_FLOW_ID (UINT64_C(1) << 63)
uint64_t sf_exporter_wants(const struct sf_exporter *exporter);

/*
 * Hands `count` records to every destination. Always takes all (returns count): what a
 * destination cannot take is counted there. Waits for pace and readers, unless options.queued. Has
 * the signature of sf_flow_sink.put, with the exporter as context.
 */
unsigned sf_exporter_put(void *exporter, const struct sf_flow *flows, unsigned count);

/*
 * Hands a collected record to every destination of an exporter for such records; options records go
 * into files only.
 */
void sf_exporter_put_collected(struct sf_exporter *exporter, const struct sf_collected *record);

/*
 * Time passes: sends messages and writes rows that have waited for 0.2 s, repeats templates and
 * options data that are due. `wall`: ns since 1970 now; `clock`: the packet clock. Call at least
 * once a second on live input and once per batch of records otherwise.
 */
void sf_exporter_tick(struct sf_exporter *exporter, int64_t wall, int64_t clock);

/*
 * With options.queued: sends what pace and readiness allow, in bounded time. Returns the monotonic
 * time at which to call again, at the latest; earlier is of use when records came or one of
 * sf_exporter_descriptors() can be written. `ending`: also what lies in messages that are not full.
 */
int64_t sf_exporter_pump(struct sf_exporter *exporter, int64_t mono, bool ending);

/*
 * The descriptors that sf_exporter_pump() wants to be writable: writes at most `max` of them to
 * `fds`, and returns how many. They belong to the exporter, and may be others after each pump.
 */
unsigned sf_exporter_descriptors(const struct sf_exporter *exporter, int *fds, unsigned max);

/*
 * True if records wait for a destination that can take them soon. Not counted are a collector that
 * does not listen, a full disk, and a pipe that nobody has opened.
 */
bool sf_exporter_waits(const struct sf_exporter *exporter);

/*
 * Path `index`, from 0 on, of the files that sf_exporter_reload() reads: certificates and keys.
 * NULL: past the end. Lent until the exporter is freed.
 */
const char *sf_exporter_reads(const struct sf_exporter *exporter, unsigned index);

/* What is made in a directory while a run goes on. */
enum sf_exporter_makes {
	SF_MAKES_SPOOL,     /* a directory of this run alone, with its files */
	SF_MAKES_DIRECTORY, /* files of a series; the directory was made for them just now */
	SF_MAKES_SERIES,    /* files of a series */
	SF_MAKES_AGAIN,     /* a file that sf_exporter_reload() opens again */
};

/*
 * Directory `index`, from 0 on, in which files are made while the run goes on, and in *makes which.
 * NULL: past the end. Lent until the exporter is freed.
 */
const char *sf_exporter_writes(
	const struct sf_exporter *exporter, unsigned index, enum sf_exporter_makes *makes);

/* True if sf_exporter_reload() has something to do. */
bool sf_exporter_reloads(const struct sf_exporter *exporter);

/*
 * Reads certificates and keys again: the next connections use them. Files are completed, and begun
 * anew under their name or, in a series, the next one. 0, or an error that names the file: that
 * destination goes on with what it had before, and further ones were not looked at.
 */
SF_CHECKED int sf_exporter_reload(struct sf_exporter *exporter, struct sf_error *error);

/* Sends templates and options data again, for collectors that have started later. */
void sf_exporter_announce(struct sf_exporter *exporter);

/*
 * Gives the exporter the metering process's counters, for the reliability statistics of RFC 7011
 * §4.2 and §4.3: packets that were not metered, records that its sink refused. The ledger is
 * copied.
 */
void sf_exporter_metering(
	struct sf_exporter *exporter, const struct sf_ledger *ledger, uint64_t dropped_by_capture);

/*
 * Sends and writes all that is pending and closes sessions and files. Waits for slow destinations,
 * unless `hurry` says otherwise. With options.queued it waits for none: call sf_exporter_pump()
 * before, until sf_exporter_waits() is false; what is still queued is lost as `stopped`.
 */
void sf_exporter_finish(struct sf_exporter *exporter);

/* Copies the counters of destination `index`, in the order of adding; false: past the end. */
bool sf_exporter_stats_sized(const struct sf_exporter *exporter, unsigned index,
	struct sf_destination_stats *stats, size_t size);

static inline bool sf_exporter_stats(
	const struct sf_exporter *exporter, unsigned index, struct sf_destination_stats *stats)
{
	return sf_exporter_stats_sized(exporter, index, stats, sizeof(*stats));
}

/*
 * What was offered or inherited and is not sent, skipped or lost: it waits in a queue, a message or
 * the spool. False: more has left than was offered, in some unit. Any thread.
 */
bool sf_destination_waiting(
	const struct sf_destination_stats *stats, struct sf_destination_count *waiting);

/*
 * True if nothing waits outside of the spool, as it must be after sf_exporter_finish(): offered +
 * inherited = sent + skipped + lost + spooled. Any thread.
 */
bool sf_destination_balanced(const struct sf_destination_stats *stats);

/*
 * Both addresses of the socket of collector `index`, to recognise own export traffic. *size and
 * *peer_size are the sizes of the buffers, then of the addresses. False: there is no socket, or a
 * buffer is too small.
 */
bool sf_exporter_local_address(const struct sf_exporter *exporter, unsigned index,
	struct sockaddr *address, unsigned *size, struct sockaddr *peer, unsigned *peer_size);

/*
 * Write the text of `spanflow list fields`, `spanflow list templates` and `spanflow list profiles`
 * to `stream`. Return 0, or -EIO if the stream has failed. Any thread that may use the stream.
 */
int sf_export_list_fields(FILE *stream);
int sf_export_list_templates(FILE *stream);
int sf_export_list_profiles(FILE *stream);

SF_END_PUBLIC

#endif
