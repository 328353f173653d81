/* SPDX-License-Identifier: BSD-2-Clause */
/* Tells the processor that this thread waits for another one by looking again and again. */
#ifndef SPANFLOW_BASE_PAUSE_H
#define SPANFLOW_BASE_PAUSE_H

static inline void sf_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

#endif
