/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "base/module.h"
#include "spanflow_config.h"
#include "tls/cipher.h"
#include "tls/dtls.h"
#include "tls/tls.h"

static const void *load(const char *object, struct sf_error *error)
{
#ifdef HAVE_TLS
	return sf_module_load("tls", object, error);
#else
	(void)object;
	sf_error_set(error, SF_EUNSUPPORTED,
		"TLS: built without OpenSSL (install libssl-dev, then build anew after "
		"meson setup --wipe)");
	return NULL;
#endif
}

const struct sf_tls_ops *sf_tls_load(struct sf_error *error)
{
	return load("sf_tls_openssl", error);
}

const struct sf_dtls_ops *sf_dtls_load(struct sf_error *error)
{
	return load("sf_dtls_openssl", error);
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

static bool copy(const char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return *to || !from;
}

bool sf_tls_files_copy(struct sf_tls_files *to, const struct sf_tls_files *from)
{
	*to = (struct sf_tls_files){ 0 };
	return copy(&to->ca, from->ca) && copy(&to->cert, from->cert) &&
	       copy(&to->key, from->key) && copy(&to->name, from->name);
}

void sf_tls_files_free(struct sf_tls_files *files)
{
	free((char *)files->ca);
	free((char *)files->cert);
	free((char *)files->key);
	free((char *)files->name);
}
