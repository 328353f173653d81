/* SPDX-License-Identifier: BSD-2-Clause */
/* SANITIZED: a build with AddressSanitizer or ThreadSanitizer, in which everything takes longer. */
#ifndef SPANFLOW_TESTS_SANITIZED_H
#define SPANFLOW_TESTS_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

#endif
