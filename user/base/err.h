/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Errors. Inside, functions return 0 or -errno. Where the object's name is known, the function that fails also fills
 * `struct err` with one sentence for the user: what failed, on what, why, what to do next. Only commands print it, once.
 */
#ifndef TOLL_BASE_ERR_H
#define TOLL_BASE_ERR_H

struct err {
	int code; /* -errno, 0 = no error */
	char text[480]; /* one line, no full stop, no newline */
};

/* Fills err (may be NULL) and returns code, so that `return err_set(err, -EINVAL, ...)` reads well. First error wins. */
__attribute__((format(printf, 3, 4))) int err_set(struct err *err, int code, const char *fmt, ...);

/* Exit codes of the program, as --help documents them. */
enum exit_code {
	EXIT_CODE_OK = 0, /* ran; all criteria met */
	EXIT_CODE_CRITERIA = 1, /* ran; a criterion was missed or could not be measured */
	EXIT_CODE_CANNOT_RUN = 2, /* could not run: usage, bad file, no listener, no permission */
	EXIT_CODE_CUT_SHORT = 3, /* the run was cut short (signal, gateway died, disk full); the result says where */
};

#endif
