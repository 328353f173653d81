/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One capture file, decoded in runs: the bytes of a stream become packets that point into its
 * buffer. Decoding never reads from the file; when it is out of bytes it says so, and the caller
 * fills when no packet is lent.
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

/* No record is longer; what a file may make us allocate. */
#define SF_READER_RECORD_MAX (16u << 20)

/* A record may exceed the snap length by so much: writers are careless, but not that careless. */
#define SF_READER_SNAPLEN_SLACK 262144u

enum sf_reader_state {
	SF_READER_READY,  /* decode again */
	SF_READER_HEAD,   /* the next packet is later than `until`: at head_ns */
	SF_READER_HUNGRY, /* needs sf_reader_fill() */
	SF_READER_BACK,   /* inside only: the next packet is earlier than the one before it */
	SF_READER_END,
	SF_READER_FAILED, /* see error */
};

enum sf_reader_format { SF_FORMAT_UNKNOWN, SF_FORMAT_PCAP, SF_FORMAT_PCAPNG };

/* How a pcap file's records are to be read. */
struct sf_pcap_format {
	uint32_t fraction_ns; /* ns per unit of the second time stamp word */
	uint32_t captured_max;
	uint8_t version_minor; /* 2.0 … 2.3 had the two lengths in the other order */
	bool swapped;          /* the file's byte order is not ours */
	bool modified;         /* 24-byte record headers */
	uint16_t link, slot;
};

/* An interface of a pcapng section. */
struct sf_pcapng_interface {
	uint16_t link, slot;
	uint32_t snaplen;   /* 0: unlimited */
	uint64_t units_max; /* largest time stamp that stays in range */
	uint64_t multiply;  /* ns per unit, or 0: */
	uint64_t divide;    /* units per ns, or 0: */
	unsigned shift;     /* units are 2^-shift s */
	int64_t offset_ns;
};

struct sf_pcapng_format {
	bool swapped;
	struct sf_pcapng_interface *interfaces; /* of the section */
	unsigned interface_count, interface_room;
	uint64_t *taken; /* bit s: an interface of the section has slot s */
	int64_t last_ns; /* of the packet before, for packets without time; INT64_MIN: none */
	uint32_t extent; /* bytes of the block whose packet comes next */
	bool odd_time, odd_length; /* of that block */
	uint64_t skip;             /* bytes of an unused block's body still to be passed over */
	uint32_t skip_total;       /* that block's length, which must follow it; 0: none pending */
	uint64_t block_offset;     /* where that block began */
};

/*
 * What was read although it is not as it should be, in all files of a capture. The counters are
 * written by whose turn it is and read by any thread (relaxed), the texts are for who reads them
 * when no more packets come.
 */
struct sf_oddity {
	_Atomic uint64_t count;
	char first[256]; /* "a.pcapng: byte 124" */
};

struct sf_oddities {
	struct sf_oddity times;   /* time stamps out of range: the time of the packet before */
	struct sf_oddity lengths; /* of blocks and options (pcapng): as far as they make sense */
};

struct sf_reader {
	struct sf_file_stream stream;
	unsigned (*decode)(
		struct sf_reader *reader, struct sf_packet *packets, unsigned max, int64_t until);
	enum sf_reader_state state;
	int64_t head_ns;
	int64_t floor_ns; /* time of the last decoded packet; INT64_MIN: none, or it says nothing */
	bool sorts;       /* packets come from `sort` */
	struct sf_sorting *sorting; /* NULL: packets come in the order of the file */
	struct sf_sort *sort;       /* NULL: not needed yet */
	size_t need;                /* HUNGRY: bytes wanted from stream.p on */
	const char *part;           /* … and what they are */
	bool boundary;              /* the file may end here if no bytes are left */
	bool optional;              /* HUNGRY: it does without those bytes if there are no more, */
	bool past_end;              /* … which it now knows */
	bool foreign;               /* FAILED: no capture file at all */
	enum sf_reader_format format;
	struct sf_slots *slots; /* NULL: nobody wants to know */
	/* NULL: nobody wants to know; else the file's name as well */
	struct sf_oddities *oddities;
	const char *name;
	struct sf_pcap_format pcap;
	struct sf_pcapng_format pcapng;
	struct sf_error error; /* place and what is wrong, without the file's name */
	/* decoded by sf_reader_look_ahead() */
	const struct sf_packet *ahead_end;
	struct sf_packet ahead[SF_BATCH_MAX];
};

/*
 * Takes over `fd` (also on failure), which stands at the file's begin; `size` bytes of it are read
 * at most, `chunk` at once, for so many queues that take turns. 0 or -ENOMEM.
 */
int sf_reader_init(struct sf_reader *reader, int fd, uint64_t size, size_t chunk, unsigned queues,
	struct sf_slots *slots);
void sf_reader_fini(struct sf_reader *reader);

/* Goes on when decoding stopped, after `count` packets, before one that is earlier. */
unsigned sf_reader_back(struct sf_reader *reader, struct sf_packet *packets, unsigned count,
	unsigned max, int64_t until);

/*
 * Decodes up to `max` packets whose time is not after `until`, in file order or, with `sorting`, in
 * the order of time; stops before the first later one. Returns their number and sets `state`. The packets are valid until the next
 * fill. With max == 1 and until == INT64_MIN: finds out the first packet's time.
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
 * Decodes packets before anybody needs them, when those of the last time are used up: [ahead,
 * ahead_end), also valid until the next fill. False: there are none, and `state` says why.
 */
bool sf_reader_look_ahead(struct sf_reader *reader);

/*
 * Reads on; `state` becomes READY, END or FAILED, or stays HUNGRY when a pipe had nothing within
 * wait_ms (then false is returned).
 */
bool sf_reader_fill(struct sf_reader *reader, int wait_ms);

/* Packets may be lent to the queue whose turn it is; are any lent to a queue? */
void sf_reader_lend(struct sf_reader *reader);
bool sf_reader_is_lent(const struct sf_reader *reader);

/* "pcapng+gzip", once known. */
void sf_reader_describe(const struct sf_reader *reader, char *text, size_t size);

/* For the decoders: stop with this state; return the packets so far. */
unsigned sf_reader_hungry(struct sf_reader *reader, size_t need, const char *part, unsigned count);
unsigned sf_reader_fail(struct sf_reader *reader, unsigned count, int code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Counts something odd, the member of struct sf_oddities at `member`, at that byte of the file. */
void sf_reader_odd(struct sf_reader *reader, size_t member, uint64_t offset);

/* Set `decode` for the format after its magic was seen. */
void sf_pcap_start(struct sf_reader *reader, bool swapped, bool nanoseconds, bool modified);
void sf_pcapng_start(struct sf_reader *reader);
void sf_pcapng_fini(struct sf_reader *reader);

#endif
