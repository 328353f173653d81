/* SPDX-License-Identifier: BSD-2-Clause */
/* The captures of pcaps/: each is one function that writes one file. */
#ifndef TESTS_CAPTURES_H
#define TESTS_CAPTURES_H

#include "capture_write.h"

struct capture {
	const char *name; /* of the file */
	void (*write)(struct cw *cw);
};

/* Ended by an entry without a name. */
extern const struct capture captures_ip[], captures_link[], captures_file[], captures_demo[],
	captures_tunnel[], captures_nested[], captures_facts[], captures_apps[];

#endif
