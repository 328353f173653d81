/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/module.h"
#include "classify/classify.h"
#include "spanflow_config.h"

const struct sf_classifier *sf_classifier_load(struct sf_error *error)
{
#ifdef HAVE_NDPI
	const struct sf_classifier *(*const *prepare)(void) =
		sf_module_load("ndpi", "sf_classifier_ndpi", error);
	const struct sf_classifier *classifier = prepare ? (*prepare)() : NULL;

	if (!prepare) {
		const struct sf_error cause = *error;

		sf_error_set(error, SF_EUNSUPPORTED, "no nDPI: %s (Debian package: spanflow-ndpi)",
			cause.text);
	}
	if (prepare && !classifier)
		sf_error_set(error, SF_EUNSUPPORTED, "nDPI does not start: no memory");
	return classifier;
#else
	sf_error_set(error, SF_EUNSUPPORTED,
		"nDPI: built without libndpi (install libndpi-dev 4.2, then build anew after "
		"meson setup --wipe)");
	return NULL;
#endif
}
