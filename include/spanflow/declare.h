/* SPDX-License-Identifier: BSD-2-Clause */
/* What the declarations of the other headers are made with. */
#ifndef SPANFLOW_DECLARE_H
#define SPANFLOW_DECLARE_H

/*
 * Everything that a public header declares lies between these two: it has C linkage, also in C++,
 * and libspanflow.so exports it. The library exports nothing else.
 */
#ifdef __cplusplus
#define SF_BEGIN_PUBLIC                                                                            \
	extern "C" {                                                                               \
	_Pragma("GCC visibility push(default)")
#define SF_END_PUBLIC                                                                              \
	_Pragma("GCC visibility pop")                                                              \
	}
#else
#define SF_BEGIN_PUBLIC _Pragma("GCC visibility push(default)")
#define SF_END_PUBLIC   _Pragma("GCC visibility pop")
#endif

/* The result says whether the function did its work: the compiler warns if a caller ignores it. */
#define SF_CHECKED __attribute__((warn_unused_result))

/*
 * Structures that callers make can grow at their end. A function that takes one is inline and tells
 * the library, by a function of the same name with _sized, how large the structure is in the
 * caller's header: members that the caller does not know are 0. Callers in other languages, which
 * have no use for inline functions, call the one with _sized. The comment before the function with
 * _sized is that of both. See docs/library.md.
 */

#endif
