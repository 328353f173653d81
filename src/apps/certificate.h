/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names in an X.509 certificate (RFC 5280 §4.1) in DER. Nothing is verified: a certificate says
 * what its sender wants it to say.
 */
#ifndef SPANFLOW_APPS_CERTIFICATE_H
#define SPANFLOW_APPS_CERTIFICATE_H

#include "apps/bytes.h"

/* As they are in the certificate; empty: it has none. */
struct sf_certificate_names {
	struct sf_bytes common; /* first common name of the subject */
	struct sf_bytes dns;    /* first DNS name of subjectAltName */
};

/*
 * `cut`: the bytes end before the certificate does; the names in front of the cut are read. False:
 * what is there is no certificate.
 */
bool sf_certificate_read(struct sf_certificate_names *names, struct sf_bytes bytes, bool cut);

#endif
