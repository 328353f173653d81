/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plan: everything that a metering run is to do, as plain data. The command line and the
 * configuration file of the program spanflow become a plan; another program fills one in itself. An
 * engine (engine.h) runs it.
 *
 *	struct sf_plan_source source = { 0 };
 *	struct sf_plan_destination collector = {
 *		.kind = SF_TO_COLLECTOR, .url = "ipfix://192.0.2.7" };
 *	struct sf_plan plan = { .sources = &source, .source_count = 1,
 *		.destinations = &collector, .destination_count = 1 };
 *
 *	if (sf_plan_source_parse(&source, "eth1+eth2", &error) < 0) …
 *	… sf_engine_new(&engine, &plan, &options, &error) …
 *	sf_plan_source_free(&source);
 *
 * A member that is 0 or NULL has its default, which its comment tells. Times are ns.
 */
#ifndef SPANFLOW_PLAN_H
#define SPANFLOW_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include <spanflow/capture.h>
#include <spanflow/declare.h>
#include <spanflow/error.h>
#include <spanflow/export.h>
#include <spanflow/flow.h>
#include <spanflow/sampling.h>
#include <spanflow/tunnel.h>

SF_BEGIN_PUBLIC

/* A source: the packets of one observation point. */
struct sf_plan_source {
	const char *text;   /* how a person named the source; messages and statistics use it */
	const char *driver; /* "pcap", "xdp", "dpdk", "udp", "gre"; "file": capture files */
	/* interfaces, or addresses of sockets, that form one observation point; or files */
	const char *const *names;
	unsigned name_count;
	const char *filter; /* BPF expression; NULL: all packets */

	/* interfaces; each member as in struct sf_capture_options */
	enum sf_direction direction;
	unsigned snaplen;
	unsigned ring_bytes;
	bool immediate;
	bool no_promiscuous;
	bool hardware_time;
	bool set_rss;
	bool keep_offloads;
	bool keep_link; /* an interface that is down is not switched on, but waited for */
	bool no_wait; /* an interface that is missing or down is an error, instead of waited for */
	const char *driver_options;

	/* files */
	int64_t start_ns, end_ns; /* packets outside of this period are left out; 0: no bound */
	bool realtime; /* the only file is a live pipe: the clock goes on while it is quiet */
};

/* Kinds of destination. */
enum sf_plan_destination_kind {
	SF_TO_COLLECTOR, /* `url`: see sf_exporter_add_collector() */
	SF_TO_FILE,      /* `url`: see sf_exporter_add_file() */
	SF_TO_TEXT,      /* standard output */
	SF_TO_CALLBACK,  /* `sink` gets the records */
};

struct sf_plan_destination {
	enum sf_plan_destination_kind kind;
	const char *url;  /* collector or file, with its options: "ipfix://host,biflow=yes" */
	const char *name; /* what messages and statistics call it; NULL: its URL */
	struct sf_flow_sink sink; /* callback: see sf_exporter_add_callback() */
	uint64_t wants;           /* callback: the same */

	/* text; each member as in struct sf_text_options */
	enum sf_text_format format;
	bool biflow;
	bool local_time;
	bool wide;
	unsigned width;
};

/* The whole run. Everything that it points at is lent, for as long as an engine has the plan. */
struct sf_plan {
	/* interfaces, each a source; or exactly one source of files */
	const struct sf_plan_source *sources;
	unsigned source_count;
	const struct sf_plan_destination *destinations;
	unsigned destination_count;

	/* metering process */
	int64_t active_timeout_ns;   /* 0: 60 s; SF_TIMEOUT_NEVER */
	int64_t idle_timeout_ns;     /* 0: 15 s; SF_TIMEOUT_NEVER */
	uint32_t max_flows;          /* of each worker's table; 0: 4,000,000 */
	uint32_t key;                /* SF_KEY_… ored; 0: SF_KEY_DEFAULT */
	bool per_packet;             /* every packet becomes a record of its own */
	bool split_fragments;        /* later fragments are a flow without ports */
	bool prealloc;               /* touch all memory of the tables at the start */
	bool strong_hash;            /* SipHash from the start */
	const uint64_t *hash_seed;   /* two words; NULL: random */
	bool dedup;                  /* leave out copies of packets */
	int64_t dedup_window_ns;     /* 0: 10 ms */
	struct sf_sampling sampling; /* which packets are metered; zeros: all */
	/*
	 * packets get the time stamps of switches that differ from the driver's by this much at
	 * most; 0: they keep the driver's
	 */
	int64_t switch_time_ns;
	struct sf_tunnel_options tunnels; /* which are opened; zeros: those of remote mirrors */
	bool meter_own_export; /* also meter the packets that this run sends to its collectors */
	uint32_t domain;       /* observationDomainId of the first source; the next one has + 1 */

	/* workers: threads that capture and meter */
	unsigned workers;         /* of each source; 0: 1 */
	bool workers_independent; /* workers of a source hand no packets over to each other */
	bool pin;                 /* each worker runs on one CPU */

	/* exporting process */
	/* routes and countries for records, see --enrich; the caller makes an enricher of them */
	const char *const *enrich;
	unsigned enrich_count;
	const char *interface_map, *local_net; /* likewise; NULL: as without the options */
	unsigned egress;                       /* --egress: 0 same, 1 none, 2 learn, 3 fib */
	unsigned share;                        /* enum sf_share */
	unsigned fold;                         /* enum sf_fold_mode */
	const char *fields;                    /* see sf_exporter_options.fields */
	unsigned applications;                 /* enum sf_applications: who names applications */
	uint64_t queue_octets;                 /* most that waits for one destination; 0: 256 MiB */
	/* what collectors of connections cannot take now: see sf_exporter_options.spool */
	const char *spool;     /* directory; NULL: none */
	uint64_t spool_octets; /* 0: 1 GiB */
	bool spool_drops_newest;
	bool keep_files; /* a file that exists and has something in it is refused */
	/* interfaces: a collector that cannot be reached at the start is an error */
	bool no_late_collectors;

	/* end of the run */
	uint64_t packet_limit; /* the run ends after so many packets; 0: no limit */
	int64_t duration_ns;   /* the run ends after this time, of files by the packets' times; 0 */
	/*
	 * Interfaces: how long records are still sent at the end. Capture files: how long a
	 * collector of a connection is waited for that has gone away.
	 */
	int64_t stop_timeout_ns;

	/* privileges, which the engine leaves to its caller */
	const char *on_file; /* command for each complete output file; NULL: none */
	/* user that the process becomes when everything is open; NULL: the default */
	const char *user;
	bool no_sandbox; /* the process keeps its privileges */
};

/*
 * Takes apart "[DRIVER:]NAME[+NAME…]": fills text, driver, names and name_count, and leaves the
 * other members. "eth1" is "pcap:eth1"; behind "dpdk:" stands one device string, behind
 * "udp:" and "gre:" an address, as in "udp://0.0.0.0:4789,kind=vxlan". `text` is lent.
 * Any thread. Returns 0, or SF_EUSAGE, SF_EUNSUPPORTED or -ENOMEM with the reason in `error`.
 */
SF_CHECKED int sf_plan_source_parse(
	struct sf_plan_source *source, const char *text, struct sf_error *error);

/* Frees what sf_plan_source_parse() has allocated, not the structure itself. Any thread. */
void sf_plan_source_free(struct sf_plan_source *source);

/*
 * Opens a source without an engine. `workers`: see sf_plan. The caller closes it with
 * sf_capture_close(). Any thread. Returns 0, or a negative code with the reason in `error`.
 */
SF_CHECKED int sf_plan_source_open(struct sf_capture **capture, const struct sf_plan_source *source,
	unsigned workers, struct sf_error *error);

/*
 * Which tunnels are opened in packets of a source: those of `tunnels`, and, if the source is a
 * socket, the one that the mirror sends. Any thread. Returns 0, or SF_EUSAGE with what to do in
 * `error`.
 */
SF_CHECKED int sf_plan_source_tunnels(struct sf_tunnel_options *result,
	const struct sf_plan_source *source, const struct sf_tunnel_options *tunnels,
	struct sf_error *error);

/*
 * The facts on request that no meter of the plan gathers, as bits of sf_exporter_wants(): those of
 * tunnels, if none is opened. Any thread. Returns 0, or SF_EUSAGE with what to do in `error`.
 */
SF_CHECKED int sf_plan_absent_facts(
	uint64_t *absent, const struct sf_plan *plan, struct sf_error *error);

/* Parts of a plan that a run could change or make anew by themselves. */
enum sf_plan_part {
	SF_PART_SOURCE,
	SF_PART_DESTINATION,
	SF_PART_METER,
	SF_PART_WORKERS,
	SF_PART_EXPORT,
	SF_PART_END,
	SF_PART_PRIVILEGES,
};

/*
 * What it takes to go from one plan to another, for one part: the largest value of its members.
 */
enum sf_plan_change {
	SF_PLAN_SAME,
	SF_PLAN_ADJUST,  /* the part can change while it runs */
	SF_PLAN_RESTART, /* the part has to be made anew */
	SF_PLAN_ADDED,   /* a source or destination that only the new plan has */
	SF_PLAN_REMOVED, /* one that only the old plan has */
};

struct sf_plan_difference {
	enum sf_plan_part part;
	enum sf_plan_change change; /* never SF_PLAN_SAME */
	/* source or destination: its place in the old and in the new plan */
	unsigned old_index, new_index;
	/* a member or option that demands this change: "snaplen", "rate"; "": none */
	char member[32];
};

/*
 * Compares two plans part by part. Sources are the same one if their `text` is the same; so are
 * destinations, by kind and target (a URL or path without its options). Fills at most `max`
 * differences and returns how many there are; parts without a difference are the same. Any thread.
 */
unsigned sf_plan_compare(const struct sf_plan *from, const struct sf_plan *to,
	struct sf_plan_difference *differences, unsigned max);

SF_END_PUBLIC

#endif
