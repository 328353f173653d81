/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One capture file, decoded in runs: packets that point into the buffer of a stream. Decoding never
 * reads from the file: if the buffer has no whole packet it sets the state SF_READER_HUNGRY, and
 * the caller calls sf_reader_fill() when no packet is lent.
 *
 *	sf_reader_init(&reader, fd, UINT64_MAX, chunk, 1, &slots);
 *	for (;;) {
 *		n = sf_reader_decode(&reader, packets, max, until);
 *		… use the n packets …
 *		if (reader.state == SF_READER_HUNGRY)
 *			sf_reader_fill(&reader, wait_ms);
 *		if (reader.state >= SF_READER_END) …
 *	}
 */
#ifndef SPANFLOW_FILE_READER_H
#define SPANFLOW_FILE_READER_H

#include <spanflow/packet.h>

#include "base/branch.h"
#include "file/slots.h"
#include "file/sort.h"
#include "file/stream.h"

/* Packet times lie in 0 … this (1970 … 2116), so that sums with a timeout cannot overflow. */
#define SF_READER_TIME_MAX ((INT64_C(1) << 62) - 1)

/* Longest record; limits the memory that a file can make us allocate. */
#define SF_READER_RECORD_MAX (16u << 20)

/* A record may exceed the file's snap length by this much: some writers do not keep to theirs. */
#define SF_READER_SNAPLEN_SLACK 262144u

enum sf_reader_state {
	SF_READER_READY,  /* there may be more packets to decode */
	SF_READER_HEAD,   /* the next packet has the time head_ns, which is later than `until` */
	SF_READER_HUNGRY, /* needs sf_reader_fill() */
	SF_READER_BACK,   /* internal: the next packet is earlier than the one before it */
	SF_READER_END,    /* the file has no more packets */
	SF_READER_FAILED, /* see `error` */
};

enum sf_reader_format { SF_FORMAT_UNKNOWN, SF_FORMAT_PCAP, SF_FORMAT_PCAPNG };

/* Format of the records of a pcap file. */
struct sf_pcap_format {
	uint32_t fraction_ns; /* ns per unit of the second time stamp word */
	uint32_t captured_max;
	uint8_t version_minor; /* versions 2.0 … 2.3 had the two lengths in the opposite order */
	bool swapped;          /* the file has the opposite byte order */
	bool modified;         /* 24-byte record headers */
	uint16_t link, slot;
};

/* An interface of a pcapng section. */
struct sf_pcapng_interface {
	uint16_t link, slot;
	uint32_t snaplen;   /* 0: unlimited */
	uint64_t units_max; /* largest time stamp in the range of packet times */
	/* unit of time stamps: the first of these that is not 0 */
	uint64_t multiply; /* ns per unit */
	uint64_t divide;   /* units per ns */
	unsigned shift;    /* a unit is 2^-shift s */
	int64_t offset_ns; /* added to all times */
};

struct sf_pcapng_format {
	bool swapped;
	struct sf_pcapng_interface *interfaces; /* of the section */
	unsigned interface_count, interface_room;
	uint64_t *taken; /* bit s: an interface of the section has slot s */
	int64_t last_ns; /* time of the last packet, for packets without time; INT64_MIN: none */
	/* the block whose packet comes next */
	uint32_t extent; /* bytes */
	bool odd_time, odd_length;
	/* a block that is skipped */
	uint64_t skip;         /* bytes of the body that are still to be skipped */
	uint32_t skip_total;   /* length of the block, which must follow the body; 0: no block */
	uint64_t block_offset; /* where the block began */
};

/*
 * Deviations from the format that were read all the same, in all files of a capture. The thread
 * that reads the files writes the counters, any thread reads them (relaxed). The texts are read
 * when no more packets come.
 */
struct sf_oddity {
	_Atomic uint64_t count;
	char first[256]; /* "a.pcapng: byte 124" */
};

struct sf_oddities {
	/* time stamps out of range; replaced by that of the packet before */
	struct sf_oddity times;
	struct sf_oddity lengths; /* wrong lengths of blocks or options (pcapng) */
};

struct sf_reader {
	struct sf_file_stream stream;
	unsigned (*decode)(
		struct sf_reader *reader, struct sf_packet *packets, unsigned max, int64_t until);
	enum sf_reader_state state;
	int64_t head_ns;
	int64_t floor_ns; /* time of the last decoded packet; INT64_MIN: none, or it is wild */
	bool sorts;       /* packets come from `sort` */
	struct sf_sorting *sorting; /* NULL: packets come in the order of the file */
	struct sf_sort *sort;       /* NULL: not needed yet */
	size_t need;                /* HUNGRY: bytes wanted from stream.p on */
	const char *part;           /* HUNGRY: name of the part that these bytes are */
	bool boundary;              /* the file may end here if no bytes are left */
	bool optional;              /* HUNGRY: decoding can go on without these bytes */
	bool past_end;              /* there are no more bytes: go on without the optional ones */
	bool foreign;               /* FAILED: not a capture file */
	enum sf_reader_format format;
	struct sf_slots *slots;       /* for interfaces; NULL: not wanted */
	struct sf_oddities *oddities; /* NULL: not wanted */
	const char *name;             /* the file's name, for `oddities` */
	struct sf_pcap_format pcap;
	struct sf_pcapng_format pcapng;
	struct sf_error error; /* position and fault, without the file's name */
	/* decoded by sf_reader_look_ahead() */
	int64_t ahead_ns; /* place in time of the first one */
	const struct sf_packet *ahead_end;
	struct sf_packet ahead[SF_BATCH_MAX];
};

/*
 * Takes over `fd` (also on failure), whose position is the file's begin. Reads `size` bytes at
 * most, `chunk` at once, for `queues` queues that read in turns. 0 or -ENOMEM.
 */
int sf_reader_init(struct sf_reader *reader, int fd, uint64_t size, size_t chunk, unsigned queues,
	struct sf_slots *slots);
void sf_reader_fini(struct sf_reader *reader);

/* Slow part of sf_reader_decode(): after `count` packets comes one that is earlier. */
unsigned sf_reader_back(struct sf_reader *reader, struct sf_packet *packets, unsigned count,
	unsigned max, int64_t until);

/*
 * Decodes up to `max` packets whose time is not after `until`, and stops before the first later
 * one. Packets come in the order of the file or, with `sorting`, in the order of time. Returns
 * their number and sets `state`. The packets are valid until the next fill. With max == 1 and until
 * == INT64_MIN the state becomes HEAD, with the time of the next packet.
 */
static inline unsigned sf_reader_decode(
	struct sf_reader *reader, struct sf_packet *packets, unsigned max, int64_t until)
{
	unsigned n;

	if (sf_unlikely(reader->sorts))
		return sf_sort_decode(reader, packets, max, until);
	if (reader->state >= SF_READER_END)
		return 0;
	n = reader->decode(reader, packets, max, until);
	return sf_unlikely(reader->state == SF_READER_BACK)
		       ? sf_reader_back(reader, packets, n, max, until)
		       : n;
}

/*
 * Decodes packets into ahead[], up to ahead_end; the ones there before must have been used. They
 * are valid until the next fill. False: there are none; `state` says why.
 */
bool sf_reader_look_ahead(struct sf_reader *reader);

/*
 * Reads on; `state` becomes READY, END or FAILED, or stays HUNGRY when a pipe had nothing within
 * wait_ms (then false is returned).
 */
bool sf_reader_fill(struct sf_reader *reader, int wait_ms);

/* The packets decoded last are lent to the queue that reads; and: true if any packet is lent. */
void sf_reader_lend(struct sf_reader *reader);
bool sf_reader_is_lent(const struct sf_reader *reader);

/* "pcapng+gzip", once known. */
void sf_reader_describe(const struct sf_reader *reader, char *text, size_t size);

/* For decoders: set the state HUNGRY or FAILED, and return `count`. */
unsigned sf_reader_hungry(struct sf_reader *reader, size_t need, const char *part, unsigned count);
unsigned sf_reader_fail(struct sf_reader *reader, unsigned count, int code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Counts a deviation at byte `offset` of the file; `member`: offset in struct sf_oddities. */
void sf_reader_odd(struct sf_reader *reader, size_t member, uint64_t offset);

/* Set `decode` for the format, after its magic number was seen. */
void sf_pcap_start(struct sf_reader *reader, bool swapped, bool nanoseconds, bool modified);
void sf_pcapng_start(struct sf_reader *reader);
void sf_pcapng_fini(struct sf_reader *reader);

#endif
