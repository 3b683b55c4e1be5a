/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers with units, read and written one way everywhere: flags, scenario files, criteria, reports. */
#ifndef TOLL_BASE_UNITS_H
#define TOLL_BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* "200us", "1.5s", "10m", "2h", "1h30m", "0"; a bare number other than 0 is -EINVAL (a unit is wanted). Negative: -ERANGE. */
int units_parse_duration_ns(const char *text, uint64_t *out_ns);
/* "64", "64B", "1KiB", "200kB", "1GB", "16MiB". */
int units_parse_bytes(const char *text, uint64_t *out_bytes);
/* "1000", "16.67", "1000/m", "50/s", "50rps", "1000rpm": to events per second, > 0. */
int units_parse_rate(const char *text, double *out_per_s);
/* Whole text is an unsigned decimal number. */
int units_parse_u64(const char *text, uint64_t *out);

/* Three significant digits with the unit that fits: "812 ns", "38.4 µs", "1.20 ms", "2.50 s", "3 m 20 s". Returns buf. */
const char *units_format_ns(char *buf, size_t size, uint64_t ns);
const char *units_format_bytes(char *buf, size_t size, uint64_t bytes);
/* "12,345". */
const char *units_format_count(char *buf, size_t size, uint64_t n);

#endif
