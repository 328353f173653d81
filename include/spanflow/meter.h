/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A metering process (RFC 7011 §2): packets in, flow records out. One object is one shard with
 * one flow table; all calls on it come from one thread. Time is an argument: nothing here reads a
 * clock, so the same packets always give the same records.
 *
 *	struct sf_meter *meter;
 *	sf_meter_new(&meter, &options, &error);
 *	for each batch:
 *		sf_meter_batch(meter, packets, count, &point);
 *		while (sf_meter_age(meter, now))
 *			;
 *	sf_meter_finish(meter, now);
 *	sf_meter_ledger(meter, &ledger);
 *	sf_meter_free(meter);
 *
 * When an idle or active timeout has passed at the time of a packet that hits the flow, the
 * record is closed there and then; sf_meter_age() only makes records leave when no packet comes.
 * So batch size and the number of shards never change the records, as long as each flow's packets
 * come to its shard in the same order.
 */
#ifndef SPANFLOW_METER_H
#define SPANFLOW_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/declare.h>
#include <spanflow/error.h>
#include <spanflow/flow.h>
#include <spanflow/packet.h>
#include <spanflow/tunnel.h>

SF_BEGIN_PUBLIC

/* Parts of the flow key. SF_KEY_DEFAULT is what is in force without a choice. */
#define SF_KEY_ADDRESS   0x01 /* both addresses */
#define SF_KEY_PORT      0x02 /* both ports, or ICMP type and code */
#define SF_KEY_PROTOCOL  0x04
#define SF_KEY_VLAN      0x08 /* outer and inner VLAN id */
#define SF_KEY_TOS       0x10 /* ipClassOfService; makes the two directions differ if marked so */
#define SF_KEY_INTERFACE 0x20 /* ingressInterface; splits directions on a two-port tap */
/* of packets in tunnels: outer addresses, kind and id of the tunnel */
#define SF_KEY_TUNNEL 0x40
#define SF_KEY_DEFAULT                                                                             \
	(SF_KEY_ADDRESS | SF_KEY_PORT | SF_KEY_PROTOCOL | SF_KEY_VLAN | SF_KEY_TUNNEL)

#define SF_TIMEOUT_NEVER INT64_MAX

/*
 * An observation point as the meter needs it. The packets of one point have interface slots 0, 1,
 * …; interface number = interface_base + slot, which sf_meter_options.ifindex and .domain are
 * indexed by. Owned by the caller, unchanged while the meter lives.
 */
struct sf_observation_point {
	uint16_t id;             /* number of this point in the process, dense from 0 */
	uint16_t interface_base; /* added to a packet's interface slot: unique in the process */
};

struct sf_own;

/* What to do about copies of a packet, which mirror ports make. */
enum sf_dedup_mode {
	SF_DEDUP_OFF,
	SF_DEDUP_ESTIMATE, /* look at a sample, tell their share */
	SF_DEDUP_DROP,
};

struct sf_meter_options {
	int64_t active_timeout_ns; /* > 0; SF_TIMEOUT_NEVER: never. A record spans at most 72 h */
	int64_t idle_timeout_ns;   /* > 0; SF_TIMEOUT_NEVER: never */
	uint32_t max_flows;        /* cap over both address families; 1 … 2^31 */
	uint32_t key;              /* SF_KEY_…; 0: SF_KEY_DEFAULT */
	bool per_packet;           /* every packet becomes a record of its own */
	bool split_fragments;      /* later fragments are a flow without ports */
	uint64_t facts;         /* a set of facts to gather: sf_fact_find(), sf_exporter_wants() */
	bool flow_ids;          /* give records a flowId */
	bool prealloc;          /* fault the whole table in now */
	bool force_strong_hash; /* SipHash from the start */
	const uint64_t *hash_seed; /* two words, for tests; NULL: random */
	enum sf_dedup_mode dedup;
	int64_t dedup_window_ns;                 /* > 0 unless SF_DEDUP_OFF */
	const struct sf_tunnel_options *tunnels; /* lent for the call; NULL: mirrors are opened */
	const struct sf_own *own;                /* for the program spanflow; NULL */
	struct sf_flow_sink sink;                /* where records go */
	/*
	 * ifIndex of each interface number. The caller owns the array and may fill an entry at any
	 * time before the first packet of that interface.
	 */
	const uint32_t *ifindex;
	/* observationDomainId of each interface number, filled likewise; NULL: all 0 */
	const uint32_t *domain;
};

/*
 * Why a frame was not metered, by name and in words. Every frame handed in is
 * either metered or in one of these.
 */
#define SF_IGNORED_REASONS(X)                                                                      \
	X(nonIp, "no IP header below the link layer: ARP, LLDP and so on")                         \
	X(truncated, "the fixed IP header is not in the captured bytes")                           \
	X(malformed, "version, header length or total length contradict each other")               \
	X(unsupportedLinkType, "there is no parser for the link layer")                            \
	X(filtered, "refused by the BPF filter")                                                   \
	X(notSampled, "left out by sampling")                                                      \
	X(handOver, "lost: the ring to the worker that holds the flow was full")                   \
	X(duplicate, "a copy made by the mirror port (--dedup)")                                   \
	X(ownExport, "export traffic of this process itself")                                      \
	X(tunnelFragment, "later fragment of a tunnel's packet; the packet inside is metered")     \
	X(notMirrored, "sent to a socket (-i udp://, gre://) and carries no frame of a mirror")

enum sf_ignored {
#define X(name, text) SF_IGNORED_##name,
	SF_IGNORED_REASONS(X)
#undef X
		SF_IGNORED_COUNT
};

/*
 * The most frequent Ethernet types of frames that are nonIp, in no order; 1 stands for 802.2
 * headers, which have a length in that place. A type that comes when all places are taken takes
 * that of the rarest one, whose frames go to `others`, as do frames without a type: the sum stays
 * right.
 */
#define SF_ETHERTYPES_MAX 32
struct sf_ethertypes {
	struct {
		uint64_t frames; /* 0: a free place, as all behind it */
		uint16_t type;
	} types[SF_ETHERTYPES_MAX];
	uint64_t others;
};

/* Adds `frames` frames of a type. Any thread that may change `ethertypes`. */
void sf_ethertypes_add(struct sf_ethertypes *ethertypes, uint16_t type, uint64_t frames);

/* Why a hello of TLS, or of TLS in QUIC, was not read. */
#define SF_UNREAD_REASONS(X)                                                                       \
	X(cut, "its packet was not captured whole")                                                \
	X(tooLong, "longer than 4096 bytes")                                                       \
	X(malformed, "its lengths contradict each other, or its packet has other frames")          \
	X(undecryptable, "QUIC: not with the keys of a client's first packets; servers send such") \
	X(incomplete, "not all of its pieces came within 5 s")                                     \
	X(scattered, "too many pieces apart from each other")                                      \
	X(crowded, "too many hellos waited for their pieces")

enum sf_unread {
#define X(name, text) SF_UNREAD_##name,
	SF_UNREAD_REASONS(X)
#undef X
		SF_UNREAD_COUNT
};

/* Hellos: begun == read + sum of unread + those that wait for their pieces now. */
struct sf_hellos {
	uint64_t begun, read;
	uint64_t unread[SF_UNREAD_COUNT]; /* by reason */
};

/*
 * Plain counters of one shard, written by its thread only.
 *	frames + twice == packets + fragments_waiting + sum of ignored
 *	packets == record_packets + lost_packets + table_packets, octets likewise
 */
struct sf_ledger {
	uint64_t frames;                    /* handed in */
	uint64_t ignored[SF_IGNORED_COUNT]; /* by reason */
	uint64_t packets;                   /* metered */
	uint64_t octets;                    /* IP octets metered */
	uint64_t flows_created, flows_ended, flows_evicted;
	uint64_t flows_active;                /* in the table now */
	uint64_t table_packets, table_octets; /* in the table now */
	uint64_t records;                     /* taken by the sink */
	uint64_t record_packets, record_octets;
	uint64_t lost_records; /* refused by the sink */
	uint64_t lost_packets, lost_octets;
	uint64_t hash_upgrades;  /* times the stronger hash took over */
	uint64_t longest_chain;  /* most buckets of the index that lead to a flow */
	uint64_t dedup_examined; /* packets looked at for copies */
	uint64_t dedup_copies;   /* of those, copies */
	uint64_t clock_steps;    /* packets that stepped back in time */
	/* later fragments that joined their first one's flow; that are a flow without ports */
	uint64_t fragments_joined, fragments_orphaned;
	uint64_t fragments_overlapping; /* fragments with octets that had come before */
	uint64_t fragments_too_long;    /* fragments that end beyond the longest datagram */
	uint64_t fragments_crowded;     /* datagrams given up early: too many at a time */
	/* frames that count as two packets: the outer and the inner one (--tunnel both) */
	uint64_t twice;
	/* fragments that wait for their first one now, and are neither metered nor left out yet */
	uint64_t fragments_waiting;
	/*
	 * nDPI: flows whose packets it has read; named; without a name; given up for want of room
	 */
	uint64_t classified_flows, classified_answered, classified_unknown, classified_crowded;
	struct sf_hellos hellos;   /* that readers of payload looked at */
	uint32_t unsupported_link; /* one such link type, for the message; ~0: none */
	struct sf_ethertypes non_ip;
};

struct sf_meter;

/*
 * Makes a meter, which the caller frees with sf_meter_free(). The options are copied, but what they
 * point at is only lent: `ifindex` and `domain` for the meter's life, `hash_seed` for the call. Any
 * thread. Returns 0, or -ENOMEM or SF_EUSAGE with the reason in `error` and *meter untouched.
 */
SF_CHECKED int sf_meter_new_sized(struct sf_meter **meter, const struct sf_meter_options *options,
	size_t size, struct sf_error *error);

SF_CHECKED static inline int sf_meter_new(
	struct sf_meter **meter, const struct sf_meter_options *options, struct sf_error *error)
{
	return sf_meter_new_sized(meter, options, sizeof(*options), error);
}

/* Frees; records still in the table are discarded (call sf_meter_finish() first). NULL is fine. */
void sf_meter_free(struct sf_meter *meter);

/*
 * Meters `count` <= SF_BATCH_MAX packets of one observation point. Reads the packets only during
 * the call. `clock`: the clock of the source after each packet, never decreasing; timeouts are
 * decided at max(clock, packet time). NULL: packets are in order, and each packet's time is the
 * clock. Processing is pipelined: a record that the last packets close may reach the sink only
 * during the next call of a function below.
 */
void sf_meter_batch(struct sf_meter *meter, const struct sf_packet *packets, unsigned count,
	const int64_t *clock, const struct sf_observation_point *point);

/* Counts `count` frames that the caller has left out, under their reason. The meter's thread. */
void sf_meter_ignore(struct sf_meter *meter, enum sf_ignored reason, uint64_t count);

/*
 * Gives the sink the records whose timeout lies at or before `now` (ns since 1970, never
 * decreasing). Does a bounded amount of work; returns true if there is more to do for this `now`.
 */
bool sf_meter_age(struct sf_meter *meter, int64_t now);

/* Gives the sink all flows: timed-out ones with that reason, the others as SF_END_FORCED. */
void sf_meter_finish(struct sf_meter *meter, int64_t now);

/* Copies the counters, which are consistent with each other. The meter's own thread. */
void sf_meter_ledger_sized(struct sf_meter *meter, struct sf_ledger *ledger, size_t size);

static inline void sf_meter_ledger(struct sf_meter *meter, struct sf_ledger *ledger)
{
	sf_meter_ledger_sized(meter, ledger, sizeof(*ledger));
}

/* Adds `other` to `sum`, which begins as zeros with unsupported_link ~0. Any thread. */
void sf_ledger_add(struct sf_ledger *sum, const struct sf_ledger *other);

/*
 * True if the two equations of struct sf_ledger hold and no packet is in two records. Any thread.
 */
bool sf_ledger_balanced(const struct sf_ledger *ledger);

/*
 * True if sf_ledger_balanced() holds and no flow and no packet is left in a table, as after
 * sf_meter_finish(). Any thread.
 */
bool sf_ledger_closed(const struct sf_ledger *ledger);

/* The name of a reason, as in the statistics: "nonIp". Static storage; any thread. */
const char *sf_ignored_name(enum sf_ignored reason);

SF_END_PUBLIC

#endif
