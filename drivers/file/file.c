/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capture-file driver: delivers the packets of all inputs in the order of time.
 *
 * An input is in one of these states:
 *
 *	waiting  not open; sorted by the time of its first packet, and opened when that time comes
 *	merge    open, with decoded packets: the time of its next packet is known
 *	blind    open, without decoded packets: just opened, or all decoded packets were delivered
 *	ended    it has no more packets; closed when none of its packets are lent any more
 *
 * If one input is open, its packets are decoded directly into the caller's batch. If several are, a
 * run of packets of each is decoded ahead, and the merge copies their descriptors (merge.h).
 *
 * Invariant: a buffer is refilled only before the first packet of a batch, so a batch ends where an
 * input has no more bytes in its buffer. Price: one short batch per chunk; and the merge stops
 * until the next packet of every open input is known.
 *
 * Several queues read in turns. The queue that calls recv gets the next packets; they stay lent to
 * it until its next call. Each input then has a buffer for each queue (stream.h), and keeps account
 * of what is lent to which queue.
 *
 * A damaged input ends with its last good packet; the others go on, and the end of all input then
 * reports the failure instead of SF_EOF.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <spanflow/capture.h>

#include "file/cut.h"
#include "file/merge.h"
#include "file/slots.h"
#include "file/sources.h"

#define WAIT_DEFAULT_MS 100
#define TURN_BYTES      ((size_t)128 << 10) /* read in a turn from all inputs together */
#define TURN_LEAST      ((size_t)16 << 10)  /* read in a turn from each input, at least */
#define PAGE            ((size_t)4096)
#define CUT_ROUNDS      256u /* batches outside the period after which a recv returns */

extern const struct sf_capture_ops sf_driver_file;

struct file_capture {
	struct sf_capture capture; /* first */
	/* per batch */
	struct sf_merge merge;
	struct sf_source **blind;
	unsigned blind_count;
	unsigned waiting;        /* sources.list[waiting …] are not open yet */
	struct sf_source **open; /* inputs that are open, ended ones too */
	unsigned open_count, ended_count;
	unsigned queue;          /* the queue that reads */
	_Atomic uint64_t frames; /* written by the thread that reads; relaxed */
	/* per refill or rarer */
	_Atomic uint64_t bytes_read;
	struct sf_sources sources;
	int wait_ms;
	unsigned failures;
	struct sf_error failure; /* the first of them */
	struct sf_slots slots;
	struct sf_oddities oddities;
	struct sf_sorting sorting;
	struct sf_cut cut;
};

static struct file_capture *file_of(struct sf_capture *capture)
{
	return (struct file_capture *)capture;
}

/* Adds to a counter; only the thread that reads the files does so, any thread may read it. */
static void count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
		memory_order_relaxed);
}

static void file_fail(
	struct file_capture *file, const struct sf_source *source, const struct sf_error *error)
{
	if (file->failures++ == 0)
		sf_error_set(&file->failure, error->code, "%s: %.400s", sf_source_name(source),
			error->text);
}

static const struct sf_source *file_waiting(const struct file_capture *file)
{
	return file->waiting < file->sources.count ? &file->sources.list[file->waiting] : NULL;
}

/*
 * Bytes that are read from an input in a turn. The turn ends when one input has no more bytes in
 * its buffer; bytes that other inputs still have are then used by the next queue, whose core must
 * fetch them. So all inputs get the same share.
 */
static size_t file_at_once(const struct file_capture *file)
{
	unsigned inputs = file->open_count - file->ended_count;
	size_t size = inputs ? TURN_BYTES / inputs : TURN_BYTES;

	return size < TURN_LEAST ? TURN_LEAST : size & ~(PAGE - 1);
}

static void file_open_waiting(struct file_capture *file)
{
	struct sf_source *source = &file->sources.list[file->waiting++];
	struct sf_error error;

	sf_sources_look_ahead(&file->sources, file->waiting);
	file->sorting.open = file->open_count + 1;
	if (!source->reader &&
		sf_source_open(&file->sources, source, file->open_count, &error) < 0) {
		if (file->failures++ == 0)
			file->failure = error;
		return;
	}
	if (file->capture.queues > 1)
		sf_file_stream_turn(&source->reader->stream, file->queue, file_at_once(file));
	file->blind[file->blind_count++] = source;
	file->open[file->open_count++] = source;
}

/* An input has ended. Its buffers stay, as packets in them may be lent; the file is closed. */
static void file_retire(struct file_capture *file, struct sf_source *source)
{
	sf_merge_forget(&file->merge, source);
	sf_file_stream_end(&source->reader->stream);
	source->end = SF_SOURCE_ENDED;
	file->ended_count++;
}

/*
 * Before the first packet of a batch: frees inputs that have ended and none of whose packets are
 * lent.
 */
static void file_close_ended(struct file_capture *file)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < file->open_count; i++) {
		struct sf_source *source = file->open[i];

		if (source->end && !sf_reader_is_lent(source->reader)) {
			sf_source_close(source);
			file->ended_count--;
			continue;
		}
		/* this batch will have no packet of the input */
		if (source->end)
			source->end = SF_SOURCE_PAST;
		file->open[kept++] = source;
	}
	file->open_count = kept;
}

static void file_forget_blind(struct file_capture *file, unsigned at)
{
	file->blind[at] = file->blind[--file->blind_count];
}

/* Decodes packets of blind[at] and moves it to the merge. False: there were none to decode. */
static bool file_look_ahead(struct file_capture *file, unsigned at)
{
	struct sf_source *source = file->blind[at];

	if (!sf_reader_look_ahead(source->reader))
		return false;
	sf_merge_add(&file->merge, source);
	file_forget_blind(file, at);
	return true;
}

/*
 * blind[at] has no more packets in its buffer: refills it, or ends the input. False: recv has to
 * return the packets that it has, because a buffer with packets of the batch (`lent`) would have to
 * be refilled, or because a pipe is quiet.
 */
static bool file_go_on(struct file_capture *file, unsigned at, bool lent)
{
	struct sf_source *source = file->blind[at];
	struct sf_reader *reader = source->reader;
	bool went_on = true;

	switch (reader->state) {
	case SF_READER_READY:
	case SF_READER_HEAD:
	case SF_READER_BACK:
		break;
	case SF_READER_HUNGRY:
		if (lent)
			return false;
		went_on = sf_reader_fill(reader, file->wait_ms);
		count(&file->bytes_read, reader->stream.raw_offset - source->counted);
		source->counted = reader->stream.raw_offset;
		break;
	case SF_READER_FAILED:
		file_fail(file, source, &reader->error);
		/* fall through */
	case SF_READER_END:
		file_retire(file, source);
		file_forget_blind(file, at);
		if (!lent)
			file_close_ended(file);
		break;
	}
	return went_on;
}

/* Packets up to this time come before all packets of inputs that are not open yet. */
static int64_t waiting_until(const struct file_capture *file)
{
	const struct sf_source *waiting = file_waiting(file);

	if (!waiting)
		return INT64_MAX;
	return waiting->first_ns == INT64_MIN ? INT64_MIN : waiting->first_ns - 1;
}

/* True if the time of the next packet of blind[at] must be known before others are delivered. */
static bool file_must_look_ahead(const struct file_capture *file, unsigned at)
{
	return at > 0 || file->merge.count > 0 || file->blind[at]->reader->state == SF_READER_HEAD;
}

static bool file_must_open(const struct file_capture *file)
{
	const struct sf_source *waiting = file_waiting(file);

	if (!waiting)
		return false;
	if (file->blind_count)
		return false;
	return file->merge.count == 0 || waiting->first_ns <= sf_merge_head(&file->merge);
}

static int file_end(struct file_capture *file)
{
	struct sf_error *error = &file->capture.error;

	if (file->failures == 0)
		return SF_EOF;
	if (file->failures == 1)
		*error = file->failure;
	else
		sf_error_set(error, file->failure.code, "%.440s (and %u more of the files failed)",
			file->failure.text, file->failures - 1);
	file->failures = 0;
	return error->code;
}

/* The batch of a recv. */
struct batch {
	struct sf_packet *packets;
	unsigned count, max;
};

/* Takes packets of the only open input. */
static void file_take_sole(struct file_capture *file, struct batch *batch)
{
	batch->count += sf_reader_decode(file->blind[0]->reader, batch->packets + batch->count,
		batch->max - batch->count, waiting_until(file));
}

/* Takes packets of several open inputs; the next packet of each is known. */
static void file_take_merged(struct file_capture *file, struct batch *batch)
{
	struct sf_source *spent;

	batch->count = sf_merge_take(&file->merge, batch->packets, batch->count, batch->max,
		waiting_until(file), &spent);
	if (spent)
		file->blind[file->blind_count++] = spent;
}

/* Fills a batch as far as possible without waiting. False: all inputs have ended. */
static bool file_fill(struct file_capture *file, struct batch *batch)
{
	while (batch->count < batch->max) {
		unsigned at = file->blind_count - 1;

		if (file_must_open(file)) {
			file_open_waiting(file);
			continue;
		}
		if (file->blind_count == 0) {
			if (file->merge.count == 0)
				return false;
			file_take_merged(file, batch);
			continue;
		}
		if (at == 0 && file->merge.count == 0)
			file_take_sole(file, batch);
		if (file_must_look_ahead(file, at) && file_look_ahead(file, at))
			continue;
		if (!file_go_on(file, at, batch->count > 0))
			break;
	}
	return true;
}

/*
 * Begins the turn of a queue in all open inputs: packets that were lent to it are not any more.
 */
static void file_turn(struct file_capture *file, unsigned queue)
{
	for (unsigned i = 0; i < file->open_count; i++)
		sf_file_stream_turn(&file->open[i]->reader->stream, queue, file_at_once(file));
}

/* Ends a turn: the packets of the batch are lent to the queue. */
static void file_lend(struct file_capture *file)
{
	for (unsigned i = 0; i < file->open_count; i++)
		if (file->open[i]->end != SF_SOURCE_PAST)
			sf_reader_lend(file->open[i]->reader);
}

/*
 * Fills a batch with packets of the period (--start, --end). A batch without any is not returned,
 * and its turn ends here, so that its buffers can be used again. After CUT_ROUNDS such batches recv
 * returns an empty one, so that the caller can react to signals. False: there are no more packets.
 */
static bool file_fill_period(struct file_capture *file, struct batch *batch)
{
	if (!sf_cut_is_set(&file->cut))
		return file_fill(file, batch);
	for (unsigned round = 0; round < CUT_ROUNDS && !sf_cut_is_past(&file->cut); round++) {
		bool more = file_fill(file, batch), quiet = batch->count == 0;

		batch->count = sf_cut_packets(&file->cut, batch->packets, batch->count);
		if (batch->count || quiet || !more)
			return more;
		file->sorting.lending.turn[file->queue]++;
	}
	return !sf_cut_is_past(&file->cut);
}

static int file_receive(struct file_capture *file, unsigned queue, struct batch *batch)
{
	bool turns = file->capture.queues > 1, more;

	file->sorting.lending.queue = queue;
	file->sorting.lending.turn[queue]++;
	if (turns)
		file_turn(file, queue);
	if (file->ended_count)
		file_close_ended(file);
	file->queue = queue;
	more = file_fill_period(file, batch);
	if (turns && batch->count)
		file_lend(file);
	return batch->count || more ? (int)batch->count : file_end(file);
}

static int file_recv(
	struct sf_capture *capture, unsigned queue, struct sf_packet *packets, unsigned max)
{
	struct file_capture *file = file_of(capture);
	struct batch batch = { .packets = packets, .max = max };
	int n = file_receive(file, queue, &batch);

	count(&file->frames, batch.count);
	return n;
}

static uint64_t read_count(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void file_stats(struct sf_capture *capture, struct sf_capture_stats *stats)
{
	struct file_capture *file = file_of(capture);

	*stats = (struct sf_capture_stats){
		.frames = read_count(&file->frames),
		.bytes_read = read_count(&file->bytes_read),
		.bytes_total = file->sources.bytes_total,
		.causes = { { "oddTimes", read_count(&file->oddities.times.count) },
			{ "oddLengths", read_count(&file->oddities.lengths.count) },
			{ "outOfOrder", read_count(&file->sorting.disorder.packets) },
			{ "tooLateToSort", read_count(&file->sorting.disorder.late) },
			{ "wildTimes", read_count(&file->sorting.disorder.wild) },
			{ "beforeStart", read_count(&file->cut.before) },
			{ "afterEnd", read_count(&file->cut.after) } },
		.cause_count = 7,
	};
}

static int odd_text(const struct sf_oddity *oddity, const char *what, char *text, size_t size)
{
	uint64_t n = read_count(&oddity->count);

	return n ? snprintf(text, size, "%s: %" PRIu64 ", the first at %s", what, n, oddity->first)
		 : 0;
}

/* "1.5 s", "20 ms" */
static void span_text(int64_t ns, char *text, size_t size)
{
	double s = (double)ns / 1e9;

	if (s >= 1)
		snprintf(text, size, "%.6g s", s);
	else if (s >= 1e-3)
		snprintf(text, size, "%.3g ms", s * 1e3);
	else
		snprintf(text, size, "%.3g µs", s * 1e6);
}

/* "a.pcap: not in time order: 12 packets were written up to 5 ms too late; …" */
static int disorder_text(const struct sf_disorder *disorder, char *text, size_t size)
{
	uint64_t n = read_count(&disorder->packets), late = read_count(&disorder->late);
	char span[32], others[48] = "", advice[160] = "they were sorted by time";

	if (!n)
		return 0;
	span_text(disorder->largest_ns, span, sizeof(span));
	if (disorder->files > 1)
		snprintf(others, sizeof(others), " and %u more", disorder->files - 1);
	if (late)
		snprintf(advice, sizeof(advice),
			"%" PRIu64
			" of them too late to be sorted while reading, which may split flows: "
			"sort the file first (reordercap IN OUT)",
			late);
	return snprintf(text, size,
		"%s%s: not in time order: %" PRIu64 " packet%s written up to %s too late; %s",
		disorder->first, others, n, n == 1 ? " was" : "s were", span, advice);
}

/* Writes the remark of a kind; 0: there is none. */
static int remark_text(const struct file_capture *file, unsigned kind, char *text, size_t size)
{
	switch (kind) {
	case 0:
		return odd_text(&file->oddities.times,
			"time stamps outside 1970 … 2116 (replaced by the time of "
			"the packet before)",
			text, size);
	case 1:
		return odd_text(&file->oddities.lengths,
			"pcapng blocks with a wrong length, of the block or of an option "
			"(read all the same)",
			text, size);
	case 2:
		return disorder_text(&file->sorting.disorder, text, size);
	default:
		if (!sf_cut_is_set(&file->cut))
			return 0;
		return snprintf(text, size,
			"left out by time: %" PRIu64 " packets before --start, %" PRIu64
			" after --end%s",
			read_count(&file->cut.before), read_count(&file->cut.after),
			sf_cut_is_past(&file->cut) ? ", where reading ended" : "");
	}
}

static bool file_remark(struct sf_capture *capture, unsigned number, char *text, size_t size)
{
	for (unsigned kind = 0; kind < 4; kind++)
		if (remark_text(file_of(capture), kind, text, size) && number-- == 0)
			return true;
	return false;
}

static const struct sf_interface *file_interface(struct sf_capture *capture, unsigned slot)
{
	return sf_slots_get(&file_of(capture)->slots, slot);
}

static void file_describe(struct sf_capture *capture, char *text, size_t size)
{
	const struct sf_sources *sources = &file_of(capture)->sources;

	snprintf(text, size, "%u file%s%s%s", sources->count, sources->count == 1 ? "" : "s",
		*sources->formats ? ", " : "", sources->formats);
}

static void file_close(struct sf_capture *capture)
{
	struct file_capture *file = file_of(capture);

	if (!file)
		return;
	sf_sources_fini(&file->sources);
	sf_slots_fini(&file->slots);
	sf_merge_fini(&file->merge);
	free(file->blind);
	free(file);
}

static int file_check_options(const struct sf_capture_options *options, struct sf_error *error)
{
	if (options->name_count == 0)
		return sf_error_set(error, SF_EUSAGE, "no capture file named");
	if (options->queues > SF_STREAM_QUEUES)
		return sf_error_set(
			error, SF_EUSAGE, "files are read by %d queues at most", SF_STREAM_QUEUES);
	if (options->driver_options)
		return sf_error_set(error, SF_EUSAGE,
			"capture files take no driver options, but \"%s\" was given",
			options->driver_options);
	return 0;
}

static int file_make_lists(struct file_capture *file, struct sf_error *error)
{
	unsigned count = file->sources.count;

	file->blind = calloc(2 * (size_t)count, sizeof(*file->blind));
	if (!file->blind || sf_merge_init(&file->merge, count) < 0)
		return sf_error_set(error, -ENOMEM, "no memory for %u files", count);
	file->open = file->blind + count;
	return 0;
}

/* Finds and examines the inputs, and makes the lists. */
static int file_start(
	struct file_capture *file, const struct sf_capture_options *options, struct sf_error *error)
{
	struct sf_sources *sources = &file->sources;
	int rc;

	sources->queues = file->capture.queues;
	file->cut.start_ns = options->start_ns;
	file->cut.end_ns = options->end_ns;
	sources->slots = &file->slots;
	sources->oddities = &file->oddities;
	sources->sorting = &file->sorting;
	rc = sf_sources_open(sources, options->names, options->name_count, error);
	if (rc < 0)
		return rc;
	if (options->realtime && sources->count > 1)
		return sf_error_set(error, SF_EUSAGE, "realtime: one input only, but there are %u",
			sources->count);
	sf_list_describe(
		&sources->listed, file->capture.warning.text, sizeof(file->capture.warning.text));
	if (*file->capture.warning.text)
		file->capture.warning.code = SF_EUNSUPPORTED;
	if (sources->count > 1)
		sf_sources_look_ahead(sources, 0);
	return file_make_lists(file, error);
}

static int file_open(struct sf_capture **capture, const struct sf_capture_options *options,
	struct sf_error *error)
{
	struct file_capture *file;
	int rc = file_check_options(options, error);

	if (rc < 0)
		return rc;
	file = calloc(1, sizeof(*file));
	if (!file)
		return sf_error_set(error, -ENOMEM, "no memory for a capture");
	file->capture.ops = &sf_driver_file;
	file->capture.queues = options->queues ? options->queues : 1;
	file->wait_ms = options->wait_ms ? (int)options->wait_ms : WAIT_DEFAULT_MS;
	rc = file_start(file, options, error);
	if (rc < 0) {
		file_close(&file->capture);
		return rc;
	}
	*capture = &file->capture;
	return 0;
}

const struct sf_capture_ops sf_driver_file = {
	.recv = file_recv,
	.name = "file",
	.summary = "capture files: pcap and pcapng, " SF_COMPRESSIONS,
	.open = file_open,
	.stats = file_stats,
	.interface = file_interface,
	.describe = file_describe,
	.remark = file_remark,
	.close = file_close,
};
