/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "base/module.h"
#include "spanflow_config.h"
#include "tls/cipher.h"
#include "tls/tls.h"

const struct sf_tls_ops *sf_tls_load(struct sf_error *error)
{
#ifdef HAVE_TLS
	return sf_module_load("tls", "sf_tls_openssl", error);
#else
	sf_error_set(error, SF_EUNSUPPORTED,
		"TLS: built without OpenSSL (install libssl-dev, then build anew after "
		"meson setup --wipe)");
	return NULL;
#endif
}

const struct sf_cipher_ops *sf_cipher_load(struct sf_error *error)
{
#ifdef HAVE_TLS
	return sf_module_load("tls", "sf_cipher_openssl", error);
#else
	sf_error_set(error, SF_EUNSUPPORTED, "built without OpenSSL");
	return NULL;
#endif
}

bool sf_tls_option(struct sf_tls_files *files, const char *option, const char *value)
{
	const struct {
		const char *name;
		const char **to;
	} options[] = {
		{ "ca", &files->ca },
		{ "cert", &files->cert },
		{ "key", &files->key },
		{ "name", &files->name },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (strcmp(options[i].name, option) == 0) {
			*options[i].to = value;
			return *value != '\0';
		}
	return false;
}
