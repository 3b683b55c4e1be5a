// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "attribution/stacks.h"

/* ";" stands between frames: "[u8; 4]" of Rust would be two. */
static void frame_write(const char *frame, FILE *out)
{
	for (; *frame; frame++)
		fputc(*frame == ';' ? ':' : *frame, out);
}

static void row_write(const struct stacks_row *row, FILE *out)
{
	const char *frame[RECORD_STACK_FRAMES_MAX] = {"[stack not taken]"};
	const char *text = row->name ? row->name->text : NULL;
	unsigned frames = row->name ? row->name->head.frames : 1;

	if (row->phase != STACKS_ALL)
		fprintf(out, "%s;%s;", phase_name((enum phase)row->phase), cause_name((enum cause)row->cause));
	for (unsigned i = 0; text && i < frames; i++, text += strlen(text) + 1)
		frame[i] = text;
	for (unsigned i = frames; i-- > 0;) {
		frame_write(frame[i], out);
		fputc(i ? ';' : ' ', out);
	}
	fprintf(out, "%" PRIu64 "\n", row->ns);
}

long stacks_fold(const struct stacks *s, bool all, FILE *out)
{
	struct stacks_row *row;
	size_t rows;
	long lines = 0;
	int rc = stacks_rows(s, &row, &rows);

	if (rc)
		return rc;
	for (size_t i = 0; i < rows; i++) {
		if ((row[i].phase == STACKS_ALL) != all)
			continue;
		row_write(&row[i], out);
		lines++;
	}
	free(row);
	return ferror(out) ? -EIO : lines;
}
