/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Modules: parts of spanflow that are shared objects of their own because of the libraries they
 * need, which cost every start milliseconds and most runs nothing else. A module holds one object
 * for the program and all code that it needs itself; what it takes from base is its own copy, so
 * the program has to export nothing.
 */
#ifndef SPANFLOW_BASE_MODULE_H
#define SPANFLOW_BASE_MODULE_H

#include <spanflow/error.h>

/* Marks the object that a module holds for the program; everything else in it is hidden. */
#define SF_MODULE_OBJECT __attribute__((visibility("default")))

/*
 * The object named `symbol` in module `name`, loaded if it is not yet, for the life of the process.
 * NULL with `error`: SF_EUNSUPPORTED, what is missing, where it belongs and how it gets there. Any
 * thread; the first call opens files, so it comes before the process gives up its rights.
 */
const void *sf_module_load(const char *name, const char *symbol, struct sf_error *error);

#endif
