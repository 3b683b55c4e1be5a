/* SPDX-License-Identifier: GPL-2.0-only */
/* Ways into the kernel that the rigs ask for: $TEST_PATHS, such as "sockets=hash threads=hash"; else the best. */
#ifndef TOLL_TESTS_PATHS_ASKED_H
#define TOLL_TESTS_PATHS_ASKED_H

#include <stdlib.h>
#include <string.h>

#include "probe/paths.h"
#include "tests/support/test.h"

static inline struct paths paths_asked(void)
{
	const char *asked = getenv("TEST_PATHS");
	struct option_list list = {0};
	struct paths paths = {0};
	struct err err = {0};
	char text[200] = "", *at = text;

	if (asked)
		strncat(text, asked, sizeof(text) - 1);
	while ((list.value[list.count] = strsep(&at, " ")))
		if (list.value[list.count][0])
			list.count++;
	if (paths_parse(&list, &paths, &err))
		fail_msg("%s", err.text);
	return paths;
}

/* The ways of the oldest kernel work on every one: a group of tests once with the best, once with those. */
#define OLDEST_PATHS "sockets=hash tcp=copy readable=tcp_probe open=file_operations threads=hash switch=task"
#define run_on_all_paths(tests)                                                                                                  \
	(cmocka_run_group_tests(tests, NULL, NULL) +                                                                             \
	 (getenv("TEST_PATHS") ? 0 : setenv("TEST_PATHS", OLDEST_PATHS, 1) + cmocka_run_group_tests(tests, NULL, NULL)))

#endif
