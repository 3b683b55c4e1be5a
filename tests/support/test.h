/* SPDX-License-Identifier: GPL-2.0-only */
/* cmocka with the headers that it wants before it. */
#ifndef TOLL_TESTS_SUPPORT_TEST_H
#define TOLL_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
