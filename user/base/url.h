/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef TOLL_BASE_URL_H
#define TOLL_BASE_URL_H

#include <stddef.h>

/* "http://user:key@host:1/x" -> "http://host:1/x": as it may be shown and written down. Returns buf. */
const char *url_without_user(char *buf, size_t size, const char *url);

#endif
