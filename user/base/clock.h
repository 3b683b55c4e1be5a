/* SPDX-License-Identifier: GPL-2.0-only */
/* The one clock: CLOCK_MONOTONIC in ns, the same as bpf_ktime_get_ns(). */
#ifndef TOLL_BASE_CLOCK_H
#define TOLL_BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

uint64_t clock_now_ns(void);

/* Sleeps until the absolute time; returns at once if it has passed. Restarts after signals unless *stop becomes true. */
void clock_sleep_until(uint64_t when_ns, const volatile int *stop);

/* CPU time of the calling thread. */
uint64_t clock_thread_cpu_ns(void);

/* Wall-clock time as UTC "2026-11-22T03:50:02Z" into buf (>= 32 bytes). For heads of reports only. */
void clock_utc_text(char *buf, unsigned long size);

#endif
