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

/* Fills err (may be NULL); the first error wins. */
__attribute__((format(printf, 3, 4))) void err_fill(struct err *err, int code, const char *fmt, ...);

/*
 * err_fill, and the value is code, so that `return err_set(err, -EINVAL, ...)` reads well. A macro, because a static analyser must see
 * that it is not 0.
 */
#define err_set(err, code, ...)                                                                                                  \
	__extension__({                                                                                                          \
		int err_set_code_ = (code);                                                                                      \
		err_fill((err), err_set_code_, __VA_ARGS__);                                                                     \
		err_code_hint(err_set_code_);                                                                                    \
		err_set_code_;                                                                                                   \
	})

static inline void err_code_hint(int code)
{
#ifdef __clang_analyzer__
	if (code >= 0)
		__builtin_unreachable();
#else
	(void)code;
#endif
}

/* Exit codes of the program, as --help documents them. */
enum exit_code {
	EXIT_CODE_OK = 0, /* ran; all criteria met */
	EXIT_CODE_CRITERIA = 1, /* ran; a criterion was missed or could not be measured */
	EXIT_CODE_CANNOT_RUN = 2, /* could not run: usage, bad file, no listener, no permission */
	EXIT_CODE_CUT_SHORT = 3, /* the run was cut short (signal, gateway died, disk full); the result says where */
};

#endif
