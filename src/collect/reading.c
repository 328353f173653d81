/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that several collectors read together: all bytes are read, and decompressed, once.
 *
 *	entry 1, flows                            entry 2, a capture     entry 3, flows
 *	[chunk] ─► [chunk] ─► [chunk, the last] ─► [chunk, empty] ─────► [chunk] ─► not read yet
 *	   ▲ reader 0             ▲ reader 1                                ▲ newest
 *
 * Chunks are a list in the order of reading. A reader stands at one chunk, and goes on to the next
 * chunk when it has looked at every message. A reader that needs a chunk which is not there reads
 * it. The first reader at a chunk reads the chunk behind it before anything else, while the other
 * readers work: otherwise all readers would be done with a chunk at about the same time, and wait
 * for one of them to decompress the next chunk. A chunk that all readers are past is used again;
 * when no chunk is free, the first readers wait for the last ones.
 *
 * A chunk begins with a copy of the end of the chunk before it, as many bytes as a reader may have
 * left there. So a message is whole in one chunk, and is decoded there.
 *
 * The lock covers the list, the free chunks, and the places of the readers; a reader takes the lock
 * once per chunk. Without the lock, the thread that has set `busy` owns `source` and the chunk that
 * it fills; a chunk in the list does not change until all readers are past it.
 */
#include "collect/reading.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define OVERLAP    ((size_t)SF_FILE_WINDOW - 1)
#define CHUNK_SIZE (OVERLAP + (1 << 20))
#define CHUNKS     8

struct chunk {
	struct sf_span span;
	struct chunk *next; /* the one that follows, or that is free too */
	unsigned pending;   /* readers that are not past it */
	unsigned entry;     /* of the list of files, from 1 on; 0: before all */
	enum sf_found kind; /* of the entry; what is not to be read has one empty chunk */
	bool closed;        /* the file could not be opened: span.error */
	uint8_t bytes[];    /* CHUNK_SIZE */
};

struct problem {
	uint64_t place;
	char *text; /* NULL: there is none */
};

struct sf_reading {
	struct sf_inputs inputs;
	struct problem *problems; /* of each entry */
	_Atomic uint64_t runs_taken;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a chunk was read, or has become free, or a reader has left */
	struct chunk *newest, *free;
	unsigned unallocated;    /* chunks that there may be besides */
	bool busy;               /* a thread reads the chunk behind the newest one */
	struct sf_unpack source; /* the file of the newest chunk, unless that is its last one */
	unsigned readers;        /* at the beginning */
	unsigned present;        /* readers that have not left */
	struct chunk *at[];      /* where each reader is; NULL: it has left */
};

/* ---------------------------------------------------------------- chunks */

static int open_file(struct sf_unpack *source, const char *path, struct sf_error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), code;
	struct sf_error reason = { 0 };

	if (fd < 0)
		return sf_error_set(error, -errno, "%s: %s", path, sf_strerror(-errno));
	code = sf_unpack_open(source, fd, &reason);
	return code ? sf_error_set(error, code, "%s: %s", path, reason.text) : 0;
}

static void begin_entry(struct sf_reading *reading, struct chunk *chunk)
{
	const struct sf_listed *file = &reading->inputs.list.files[chunk->entry - 1];

	chunk->kind = sf_found_kind(file);
	chunk->closed = chunk->kind == SF_FOUND_FLOWS &&
			open_file(&reading->source, file->path, &chunk->span.error);
	chunk->span.last = chunk->closed || chunk->kind != SF_FOUND_FLOWS;
}

/* Fills the chunk with what follows the newest one. */
static void read_chunk(struct sf_reading *reading, struct chunk *chunk)
{
	const struct chunk *before = reading->newest;
	struct sf_span *span = &chunk->span;

	*span = (struct sf_span){ .bytes = chunk->bytes };
	chunk->next = NULL;
	chunk->entry = before->entry;
	chunk->kind = before->kind;
	chunk->closed = false;
	if (before->span.last) {
		chunk->entry++;
		begin_entry(reading, chunk);
	} else {
		/* a chunk that is not the last one is full */
		span->base = before->span.base + CHUNK_SIZE - OVERLAP;
		span->length = OVERLAP;
		memcpy(span->bytes, before->bytes + CHUNK_SIZE - OVERLAP, OVERLAP);
	}
	sf_unpack_fill(&reading->source, span, CHUNK_SIZE, CHUNK_SIZE);
	if (span->last)
		sf_unpack_close(&reading->source);
}

static bool is_all_read(const struct sf_reading *reading)
{
	return reading->newest->span.last && reading->newest->entry == reading->inputs.list.count;
}

/* NULL: the memory of a chunk that was allocated already has to be waited for. */
static struct chunk *allocate(struct sf_reading *reading)
{
	struct chunk *chunk = malloc(sizeof(*chunk) + CHUNK_SIZE);

	reading->unallocated = chunk ? reading->unallocated - 1 : 0;
	return chunk;
}

/* Reads the next chunk, if no other thread does, and there is room. False: it did not. */
static bool read_next(struct sf_reading *reading)
{
	struct chunk *chunk = reading->busy ? NULL : reading->free;

	/* the last one that has become free, as it may still be in a cache */
	if (chunk)
		reading->free = chunk->next;
	else if (!reading->busy && reading->unallocated)
		chunk = allocate(reading);
	if (!chunk)
		return false;
	reading->busy = true;
	pthread_mutex_unlock(&reading->lock);
	read_chunk(reading, chunk);
	pthread_mutex_lock(&reading->lock);
	reading->busy = false;
	chunk->pending = reading->present;
	reading->newest->next = chunk;
	reading->newest = chunk;
	pthread_cond_broadcast(&reading->changed);
	return true;
}

/* A reader is past the chunk. */
static void release(struct sf_reading *reading, struct chunk *chunk)
{
	if (--chunk->pending)
		return;
	chunk->next = reading->free;
	reading->free = chunk;
	pthread_cond_broadcast(&reading->changed);
}

static void advance(struct sf_reading *reading, unsigned reader)
{
	struct chunk *at = reading->at[reader];

	pthread_mutex_lock(&reading->lock);
	while (!at->next)
		if (!read_next(reading))
			pthread_cond_wait(&reading->changed, &reading->lock);
	reading->at[reader] = at->next;
	release(reading, at);
	if (reading->at[reader] == reading->newest && !is_all_read(reading))
		(void)read_next(reading);
	pthread_mutex_unlock(&reading->lock);
}

/* ---------------------------------------------------------------- readers */

const struct sf_inputs *sf_reading_inputs(const struct sf_reading *reading)
{
	return &reading->inputs;
}

_Atomic uint64_t *sf_reading_runs(struct sf_reading *reading)
{
	return &reading->runs_taken;
}

enum sf_found sf_reading_enter(struct sf_reading *reading, unsigned reader, unsigned entry)
{
	/* a reader may have been content with the beginning of the entry before */
	while (reading->at[reader]->entry <= entry)
		advance(reading, reader);
	return reading->at[reader]->kind;
}

int sf_reading_open(const struct sf_reading *reading, unsigned reader, const struct sf_span **span,
	struct sf_error *error)
{
	const struct chunk *at = reading->at[reader];

	*span = &at->span;
	return at->closed ? sf_error_set(error, at->span.error.code, "%s", at->span.error.text) : 0;
}

const struct sf_span *sf_reading_next(struct sf_reading *reading, unsigned reader)
{
	advance(reading, reader);
	return &reading->at[reader]->span;
}

void sf_reading_leave(struct sf_reading *reading, unsigned reader)
{
	struct chunk *chunk;

	pthread_mutex_lock(&reading->lock);
	chunk = reading->at[reader];
	reading->present -= chunk != NULL;
	reading->at[reader] = NULL;
	pthread_cond_broadcast(&reading->changed);
	while (chunk) {
		struct chunk *next = chunk->next;

		release(reading, chunk);
		chunk = next;
	}
	pthread_mutex_unlock(&reading->lock);
}

void sf_reading_wait(struct sf_reading *reading)
{
	pthread_mutex_lock(&reading->lock);
	while (reading->present)
		pthread_cond_wait(&reading->changed, &reading->lock);
	pthread_mutex_unlock(&reading->lock);
}

/* ---------------------------------------------------------------- problems */

void sf_reading_note(struct sf_reading *reading, unsigned reader, uint64_t place, const char *text)
{
	struct problem *problem = &reading->problems[reading->at[reader]->entry - 1];

	pthread_mutex_lock(&reading->lock);
	if (!problem->text || place < problem->place) {
		free(problem->text);
		*problem = (struct problem){ place, strdup(text) };
	}
	pthread_mutex_unlock(&reading->lock);
}

bool sf_reading_problem(struct sf_reading *reading, unsigned entry, struct sf_error *problem)
{
	const char *text;

	pthread_mutex_lock(&reading->lock);
	text = reading->problems[entry].text;
	if (text)
		sf_error_set(problem, SF_ECORRUPT, "%s", text);
	pthread_mutex_unlock(&reading->lock);
	return text;
}

/* ---------------------------------------------------------------- begin and end */

/* What all readers begin with, and one chunk more: who reads a chunk stands at the one before. */
static int allocate_first(struct sf_reading *reading)
{
	struct chunk *start = allocate(reading), *first = start ? allocate(reading) : NULL;

	if (!first) {
		free(start);
		return -ENOMEM;
	}
	*start = (struct chunk){ .span.last = true, .pending = reading->readers };
	first->next = NULL;
	reading->free = first;
	reading->newest = start;
	for (unsigned i = 0; i < reading->readers; i++)
		reading->at[i] = start;
	return 0;
}

int sf_reading_new(struct sf_reading **reading, const char *const *names, unsigned count,
	unsigned readers, struct sf_error *error)
{
	struct sf_reading *new = calloc(1, sizeof(*new) + readers * sizeof(new->at[0]));

	if (!new)
		return sf_error_set(error, -ENOMEM, "no memory to read files");
	pthread_mutex_init(&new->lock, NULL);
	pthread_cond_init(&new->changed, NULL);
	new->source.fd = -1;
	new->unallocated = CHUNKS;
	new->readers = new->present = readers;
	if (allocate_first(new) == 0 && sf_inputs_make(&new->inputs, names, count) == 0)
		new->problems = calloc(new->inputs.list.count + 1, sizeof(*new->problems));
	if (!new->problems) {
		sf_reading_free(new);
		return sf_error_set(error, -ENOMEM, "no memory to read files");
	}
	*reading = new;
	return 0;
}

void sf_reading_free(struct sf_reading *reading)
{
	if (!reading)
		return;
	for (unsigned i = 0; i < reading->readers; i++)
		sf_reading_leave(reading, i);
	/* nobody is left: all chunks are free */
	while (reading->free) {
		struct chunk *next = reading->free->next;

		free(reading->free);
		reading->free = next;
	}
	for (unsigned i = 0; reading->problems && i < reading->inputs.list.count; i++)
		free(reading->problems[i].text);
	free(reading->problems);
	sf_unpack_close(&reading->source);
	sf_inputs_fini(&reading->inputs);
	pthread_cond_destroy(&reading->changed);
	pthread_mutex_destroy(&reading->lock);
	free(reading);
}
