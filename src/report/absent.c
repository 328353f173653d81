/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs that are built without the page; sf_page_new() refuses before it is used. */
#include "report/internal.h"

const unsigned char sf_page_template[1];
const unsigned sf_page_template_size;
