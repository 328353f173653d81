/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/module.h"
#include "sctp/sctp.h"
#include "spanflow_config.h"

const struct sf_sctp_ops *sf_sctp_load(struct sf_error *error)
{
#ifdef HAVE_USRSCTP
	return sf_module_load("sctp", "sf_sctp_usrsctp", error);
#else
	sf_error_set(error, SF_EUNSUPPORTED,
		"SCTP over UDP: built without libusrsctp (install libusrsctp-dev, then build anew "
		"after meson setup --wipe)");
	return NULL;
#endif
}
