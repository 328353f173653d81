/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Modules: parts of spanflow in shared objects of their own, because loading the libraries that
 * they need takes milliseconds at each start, and most runs do not use them. A module exports one
 * object to the program. It contains all code that it needs, with its own copy of base, so the
 * program exports nothing.
 */
#ifndef SPANFLOW_BASE_MODULE_H
#define SPANFLOW_BASE_MODULE_H

#include <spanflow/error.h>

/* Marks the object that a module exports; all other symbols are hidden. */
#define SF_MODULE_OBJECT __attribute__((visibility("default")))

/*
 * The object named `symbol` in module `name`, which is loaded on the first call and stays loaded.
 * NULL: SF_EUNSUPPORTED; the error's text says which file is missing, where it belongs and how to
 * install it. Any thread. The first call opens files: call it before the process gives up its
 * privileges.
 */
const void *sf_module_load(const char *name, const char *symbol, struct sf_error *error);

#endif
