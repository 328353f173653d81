/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Capture files in memory, byte for byte the same on every machine: pcap, pcapng, and both as
 * gzip or zstd (in stored blocks, so that no library's version shows).
 *
 *	struct cw cw = { 0 };
 *
 *	cw_pcap(&cw, SF_LINK_ETHERNET, 65535, CW_BIG_ENDIAN | CW_NANO);
 *	cw_record(&cw, time_ns, frame, captured, wire);
 *	… cw.data, cw.size …
 *	cw_free(&cw);
 */
#ifndef TESTS_CAPTURE_WRITE_H
#define TESTS_CAPTURE_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CW_BIG_ENDIAN 0x1
#define CW_NANO       0x2

struct cw {
	uint8_t *data;
	size_t size, room;
	unsigned flags;
	unsigned interfaces;    /* of the pcapng section */
	uint8_t resolution[16]; /* if_tsresol of each */
};

void cw_free(struct cw *cw);
void cw_bytes(struct cw *cw, const void *bytes, size_t length);

void cw_pcap(struct cw *cw, uint32_t link, uint32_t snaplen, unsigned flags);
void cw_record(
	struct cw *cw, int64_t time_ns, const uint8_t *frame, uint32_t captured, uint32_t wire);

/* A section header begins a new section, in the byte order of its flags. */
void cw_section(struct cw *cw, unsigned flags);
/* `resolution`: if_tsresol (6 is microseconds, 0x80 | n is 2^-n s); `name` may be NULL. */
void cw_interface(
	struct cw *cw, uint16_t link, uint32_t snaplen, uint8_t resolution, const char *name);
void cw_packet(struct cw *cw, unsigned interface, int64_t time_ns, const uint8_t *frame,
	uint32_t captured, uint32_t wire);
/* Simple packet block: interface 0, no time. */
void cw_simple_packet(struct cw *cw, const uint8_t *frame, uint32_t captured, uint32_t wire);
/* A block of a type that readers have to skip. */
void cw_unknown_block(struct cw *cw, uint32_t type, const void *bytes, uint32_t length);

/* Wraps what was written so far. */
void cw_gzip(struct cw *cw);
void cw_zstd(struct cw *cw);

#endif
