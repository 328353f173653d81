/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A capture source: one observation point, delivered by a driver (capture file, libpcap, AF_XDP,
 * DPDK) as batches of packets on one or more queues.
 *
 *	struct sf_packet batch[SF_BATCH_MAX];
 *	int n;
 *
 *	while ((n = sf_capture_recv(capture, queue, batch, SF_BATCH_MAX)) >= 0) {
 *		… use batch[0 … n-1]; n == 0: nothing arrived within the wait, age the table …
 *		sf_capture_release(capture, queue);
 *	}
 *	if (n != SF_EOF) … capture->error.text says what, where and what to do …
 */
#ifndef SPANFLOW_CAPTURE_H
#define SPANFLOW_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include <spanflow/declare.h>
#include <spanflow/error.h>
#include <spanflow/packet.h>

SF_BEGIN_PUBLIC

#define SF_IFNAME_MAX 64

/* One interface of a source: a network device, or an interface described in a pcapng file. */
struct sf_interface {
	char name[SF_IFNAME_MAX]; /* "" when the source does not tell */
	uint32_t index;           /* ifIndex; of files 1 for the first interface, then 2 … */
	uint16_t link;            /* enum sf_link */
	uint32_t snaplen;         /* 0: unlimited or unknown */
};

struct sf_helper;
struct sf_privileged;

/* Which direction of a network interface to meter. */
enum sf_direction { SF_DIRECTION_DEFAULT, SF_DIRECTION_IN, SF_DIRECTION_OUT, SF_DIRECTION_BOTH };

/*
 * How to open a source. All zero means defaults. A driver ignores what does not apply to it only
 * where the member says so; anything else it cannot honour is an error that names the option.
 */
struct sf_capture_options {
	/* `name_count` files; or interfaces or sockets that form one point, such as eth1+eth2 */
	const char *const *names;
	unsigned name_count;
	/*
	 * Live: most queues per interface (0: the driver's choice). Files: number of queues, which
	 * take turns (0: 1).
	 */
	unsigned queues;
	/*
	 * live: longest time that recv waits for a first packet, in ms; 0: 100 ms. SF_WAIT_NEVER:
	 * recv of a driver that has a call `wait` does not wait; the caller calls `wait` between
	 * two calls of recv.
	 */
	unsigned wait_ms;
	unsigned snaplen;    /* live: bytes wanted of each packet; 0: whatever parsing needs */
	unsigned ring_bytes; /* live: packet memory per queue; 0: driver's default */
	bool immediate; /* pcap, xdp, udp, gre: deliver at once, without letting packets gather */
	bool no_promiscuous; /* live */
	bool set_rss;        /* live: may change the NIC's RSS key for the time of the capture */
	bool hardware_time;  /* live: take the device's clock where it is offered */
	bool keep_offloads;  /* live: leave GRO and LRO as they are */
	bool bring_up;       /* live: switch on an interface that is down, until close */
	/*
	 * live: an interface that is missing or down does not fail the open; recv waits for it as
	 * for one that went away. Its index is 0 until then, and `appeared` is called when it is
	 * there, before its first packet, by the thread of its first queue. Drivers without this
	 * ignore it and fail.
	 */
	bool wait;
	void (*appeared)(void *context, unsigned slot, const struct sf_interface *interface);
	void *context;
	/* live, several queues: key of sf_steer_hash() (four words); NULL: an arbitrary one */
	const uint32_t *steer_key;
	enum sf_direction direction; /* live */
	const char *driver_options;  /* driver's own, e.g. DPDK EAL arguments; NULL: none */
	int64_t start_ns, end_ns;    /* file: leaves out packets before, or at or after; 0: none */
	bool realtime; /* file: the one input is a live pipe (recv returns 0 while it is quiet) */
	const char *filter; /* live: BPF expression the kernel may apply; NULL: none */
	/* for the program spanflow, which gives up its privileges; NULL: this process has them */
	const struct sf_helper *helper;
};

/* See sf_capture_options.wait_ms. */
#define SF_WAIT_NEVER UINT32_MAX

/* Most kinds of loss a driver tells apart. */
#define SF_CAPTURE_CAUSES 8

/* Counters of a source. They only grow. */
struct sf_capture_stats {
	uint64_t frames;          /* handed over by recv */
	uint64_t dropped_kernel;  /* lost between wire and recv, by the kernel or a full ring */
	uint64_t dropped_nic;     /* lost in the network card */
	uint64_t filtered_kernel; /* refused by a filter in the kernel; not in frames */
	uint64_t passed_to_host;  /* AF_XDP: unicast to this host, left to it; not in frames */
	uint64_t super_packets; /* live: handed over, longer than the MTU allows (GRO, LRO, TSO) */
	uint64_t bytes_read;    /* files: bytes consumed so far, of bytes_total (0: unknown) */
	uint64_t bytes_total;
	/* The losses above, and other counters, by the driver's own names; static strings. */
	struct sf_capture_cause {
		const char *name;
		uint64_t count;
	} causes[SF_CAPTURE_CAUSES];
	unsigned cause_count;
};

struct sf_capture;

/*
 * A driver: a constant table of functions, those of the packet path first. Members marked optional
 * may be NULL. For a driver built as a module the registered table has only name, summary, open and
 * probe; open and probe load the module. After open, use capture->ops only.
 */
struct sf_capture_ops {
	/* see sf_capture_recv() / sf_capture_release(); release is optional */
	int (*recv)(struct sf_capture *capture, unsigned queue, struct sf_packet *packets,
		unsigned max);
	void (*release)(struct sf_capture *capture, unsigned queue);
	/*
	 * Sleeps until packets may be there, the descriptor `wake` (-1: none) is readable, or `ms`
	 * have passed. By the queue's thread, after recv returned nothing. Optional: recv itself
	 * waits, for 1 ms at most where options.wait_ms is SF_WAIT_NEVER.
	 */
	void (*wait)(struct sf_capture *capture, unsigned queue, int wake, unsigned ms);

	/* prefix on the command line: "pcap", "xdp", "dpdk", "udp", "gre"; "file" */
	const char *name;
	const char *summary; /* one line for `spanflow list drivers` */

	/* Allocates and opens; on failure returns < 0, fills `error`, leaves *capture untouched. */
	int (*open)(struct sf_capture **capture, const struct sf_capture_options *options,
		struct sf_error *error);
	/* Any thread, at any time; reads counters without disturbing the queues. */
	void (*stats)(struct sf_capture *capture, struct sf_capture_stats *stats);
	/*
	 * Interface of a slot, or NULL past the end. A pointer that was returned stays valid, and
	 * the interface unchanged, until close. If an interface was missing at open, later calls
	 * return another one with its index.
	 */
	const struct sf_interface *(*interface)(struct sf_capture *capture, unsigned slot);
	/* One line about how it runs ("native, zero-copy, 2 queues"), or "". Optional. */
	void (*describe)(struct sf_capture *capture, char *text, size_t size);
	/*
	 * Why no packets come at the moment, for a person: "eth1 is down, waiting"; NULL if nothing
	 * prevents them. Meanwhile recv returns 0; it resumes by itself. Any thread; the string
	 * stays valid until close. Optional: packets can always come.
	 */
	const char *(*condition)(struct sf_capture *capture);
	/*
	 * What a person should know about the packets, when no more come: the remark of that
	 * number, from 0 on; false: there are no more. Optional: there is nothing to remark.
	 */
	bool (*remark)(struct sf_capture *capture, unsigned number, char *text, size_t size);
	/*
	 * Would it run here? 0, or < 0 with the reason and the cure in `error`. Optional: always.
	 */
	int (*probe)(struct sf_error *error);
	/* For the program spanflow: what its privileged process does for this driver. Optional. */
	const struct sf_privileged *privileged;
	/* Frees everything, also a half-opened capture; NULL is allowed. */
	void (*close)(struct sf_capture *capture);
};

/* First member of every driver's own structure. */
struct sf_capture {
	const struct sf_capture_ops *ops;
	/*
	 * Number of queues; recv of each is called by one thread only. Files: whichever queue asks
	 * gets the next packets of all, and the caller sees to it that none asks while another
	 * does.
	 */
	unsigned queues;
	bool live; /* packets come in real time; false: files, the packet time is the clock */
	/*
	 * options.filter also runs in the kernel, as far as it can: what it refuses there is not in
	 * `frames`. The kernel may let more through, so the caller applies the filter all the same.
	 */
	bool kernel_filtered;
	/*
	 * Live: a queue reads several rings by turns. The packets of each ring come in order, those
	 * of two may lie apart by as long as packets wait in a ring.
	 */
	bool mixed;
	struct sf_error error;   /* why recv returned < 0 */
	struct sf_error warning; /* set by open: what a person should know; code 0: nothing */
};

/* All drivers in this build, NULL-terminated. */
extern const struct sf_capture_ops *const sf_capture_drivers[];

/* The driver of that name, or NULL. Static storage; any thread. */
const struct sf_capture_ops *sf_capture_driver(const char *name);

/*
 * Opens a source with the driver of that name: "file", "pcap", "xdp", "dpdk", "udp" or "gre". The
 * caller closes it with sf_capture_close(). Options, and what they point at, are lent for the call,
 * but for `context`. Any thread. Returns 0, or a negative code with the reason in `error` and
 * *capture untouched: SF_EUNSUPPORTED when this build has no such driver.
 */
SF_CHECKED int sf_capture_open_sized(struct sf_capture **capture, const char *driver,
	const struct sf_capture_options *options, size_t size, struct sf_error *error);

SF_CHECKED static inline int sf_capture_open(struct sf_capture **capture, const char *driver,
	const struct sf_capture_options *options, struct sf_error *error)
{
	return sf_capture_open_sized(capture, driver, options, sizeof(*options), error);
}

/*
 * Closes and frees a source that no thread uses any more, and undoes what it changed on interfaces.
 * NULL is fine. Any thread.
 */
void sf_capture_close(struct sf_capture *capture);

/* Copies the counters of the source into `stats`. Any thread, at any time. */
void sf_capture_stats_sized(
	struct sf_capture *capture, struct sf_capture_stats *stats, size_t size);

static inline void sf_capture_stats(struct sf_capture *capture, struct sf_capture_stats *stats)
{
	sf_capture_stats_sized(capture, stats, sizeof(*stats));
}

/*
 * Receives up to `max` packets of a queue (live: <= SF_BATCH_MAX). Returns their number; 0 when
 * none came within wait_ms; SF_EOF at the end of the input; another negative code on failure, with
 * capture->error filled. Packets read before a failure are delivered first. One thread per queue;
 * sf_capture_release() before the next call. Files: a queue's packets stay until its own release,
 * whatever other queues receive meanwhile.
 */
SF_CHECKED static inline int sf_capture_recv(
	struct sf_capture *capture, unsigned queue, struct sf_packet *packets, unsigned max)
{
	return capture->ops->recv(capture, queue, packets, max);
}

/* Gives the bytes of the last recv of this queue back to the driver. The queue's thread. */
static inline void sf_capture_release(struct sf_capture *capture, unsigned queue)
{
	if (capture->ops->release)
		capture->ops->release(capture, queue);
}

SF_END_PUBLIC

#endif
