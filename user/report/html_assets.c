// SPDX-License-Identifier: GPL-2.0-only
/* Paths are relative to the directory in which make runs; dygraphs is Debian's libjs-dygraphs. */
#include "report/html.h"

#include <stdint.h>
#include <string.h>

#define ASSET(name, path)                                                                                                        \
	__asm__(".pushsection .rodata\nasset_" #name ":\n.incbin \"" path "\"\n1:\n.balign 8\nasset_" #name                      \
		"_bytes: .quad 1b - asset_" #name "\n.popsection\n");                                                            \
	extern const char asset_##name[];                                                                                        \
	extern const uint64_t asset_##name##_bytes;                                                                              \
	struct html_asset html_asset_##name(void)                                                                                \
	{                                                                                                                        \
		return (struct html_asset){asset_##name, asset_##name##_bytes};                                                  \
	}

#define DYGRAPHS "/usr/share/javascript/dygraphs/"

ASSET(css, "user/report/assets/report.css")
ASSET(js, "user/report/assets/report.js")
ASSET(dygraph_css, DYGRAPHS "dygraph.min.css")
ASSET(dygraph_js, DYGRAPHS "dygraph.min.js")
ASSET(synchronizer_js, DYGRAPHS "extras/synchronizer.js")

void html_asset_write(struct html *h, struct html_asset a)
{
	static const char map[] = "# sourceMappingURL=";
	const char *end = memmem(a.start, a.bytes, map, sizeof(map) - 1);
	size_t bytes = end ? (size_t)(end - a.start) - 2 : a.bytes; /* with the comment's opening */

	if (!h->failed && buf_append(&h->b, a.start, bytes))
		h->failed = true;
}
