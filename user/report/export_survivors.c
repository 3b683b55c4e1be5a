// SPDX-License-Identifier: GPL-2.0-only
/* Sites by the bytes that they keep, as Brendan Gregg's folded lines. */
#include "report/export.h"

#include <errno.h>

#include "report/text.h"

/* ";" stands between frames. */
static void frame_write(const char *frame, FILE *out)
{
	for (; frame && *frame; frame++)
		fputc(*frame == ';' ? ',' : *frame, out);
}

int export_survivors(const json_t *doc, FILE *out)
{
	const json_t *sites = text_at(doc, "leak.survivors.sites"), *site;
	size_t i;

	if (!sites)
		return -ENODATA;
	json_array_foreach (sites, i, site) {
		const json_t *frames = json_object_get(site, "frames");

		for (size_t f = json_array_size(frames); f-- > 0;) {
			frame_write(json_string_value(json_array_get(frames, f)), out);
			fputc(f ? ';' : ' ', out);
		}
		if (json_array_size(frames))
			fprintf(out, "%.0f\n", text_number(site, "kept_bytes"));
	}
	return export_end(out);
}
