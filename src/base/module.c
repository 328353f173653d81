/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A module is loaded by its file name without a directory. The dynamic loader searches the
 * program's DT_RUNPATH: the build directory for a program there, the library directory for an
 * installed one. The name contains the version, because program and module share structures: a
 * module of another version is not found. Modules are never unloaded, because libraries with
 * threads cannot be.
 */
#include "base/module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/secure.h"
#include "spanflow_config.h"

/*
 * Writes the error's text. `words`: the loader's message, which begins
 * with the name of a missing file.
 */
static void explain(const char *file, const char *words, struct sf_error *error)
{
	if (strncmp(words, file, strlen(file)) == 0 && sf_secure())
		sf_error_set(error, SF_EUNSUPPORTED,
			"%s; a program with file capabilities or setuid looks for it in %s only: "
			"install spanflow as a whole there ('ninja install')",
			words, SPANFLOW_MODULE_DIR);
	else if (strncmp(words, file, strlen(file)) == 0)
		sf_error_set(error, SF_EUNSUPPORTED,
			"%s; it belongs in %s: install spanflow as a whole ('ninja install'), or "
			"name the directory it lies in with LD_LIBRARY_PATH",
			words, SPANFLOW_MODULE_DIR);
	else
		sf_error_set(error, SF_EUNSUPPORTED,
			"module %s does not load: %s; install the libraries that it was built "
			"with, or build spanflow anew",
			file, words);
}

const void *sf_module_load(const char *name, const char *symbol, struct sf_error *error)
{
	char file[64];
	const void *object;
	void *handle;

	snprintf(file, sizeof(file), "spanflow-%s-%s.so", name, SPANFLOW_VERSION);
	/* RTLD_NOW: later the process may not map memory as executable */
	handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	object = handle ? dlsym(handle, symbol) : NULL;
	if (!object)
		explain(file, dlerror(), error);
	return object;
}
