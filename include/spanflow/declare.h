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

#endif
