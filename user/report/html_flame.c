// SPDX-License-Identifier: GPL-2.0-only
/* The flame graph: one box for each call path, as wide as its share of the time; report.js zooms into the one that is clicked. */
#include "report/html.h"

#include "base/units.h"
#include "report/stacks.h"
#include "report/text.h"

/* narrower boxes cannot be seen or hit before a zoom, and there are thousands of them */
#define SHARE_MIN 0.0004
#define ROW_PX 19

static void box_put(struct html *h, const struct stack_tree *t, uint32_t i, double left, unsigned wait)
{
	const struct stack_node *n = &t->node[i];
	double share = (double)n->ns / (double)t->node[0].ns;
	char ns[TEXT_CELL], percent[TEXT_CELL];

	html_fmt(h, "<i class=\"%s f%u\" data-x=\"%.5f\" data-w=\"%.5f\" style=\"left:%.3f%%;width:%.3f%%;top:%upx\" title=\"",
		 wait ? "wait" : "cpu", i % 4, left, share, left * 100, share * 100, (n->depth - 1) * ROW_PX);
	html_text(h, n->name);
	html_raw(h, " · ");
	html_text(h, units_format_ns(ns, sizeof(ns), n->ns));
	html_raw(h, ", ");
	html_text(h, text_share(percent, share));
	html_raw(h, "\">");
	html_text(h, n->name);
	html_raw(h, "</i>\n");
}

/* Depth first without recursion: `left` is where the next box begins at each depth. */
static unsigned boxes_put(struct html *h, const struct stack_tree *t)
{
	uint32_t at = t->node[0].first;
	double left = 0;
	unsigned deepest = 0, wait = 0;

	while (at) {
		const struct stack_node *n = &t->node[at];
		double share = (double)n->ns / (double)t->node[0].ns;
		bool shown = share >= SHARE_MIN;
		if (n->depth == 1)
			wait = n->name[0] == 'w';
		if (shown)
			box_put(h, t, at, left, wait);
		if (shown && n->depth > deepest)
			deepest = n->depth;
		if (shown && n->first) {
			at = n->first;
			continue;
		}
		left += share;
		/* a parent's own time lies at its right end */
		while (at && !t->node[at].next) {
			at = t->node[at].parent;
			left += at ? (double)t->node[at].self_ns / (double)t->node[0].ns : 0;
		}
		at = at ? t->node[at].next : 0;
	}
	return deepest;
}

void html_flame(struct html *h, const json_t *doc)
{
	struct stack_tree t;
	struct html boxes = {0};

	if (!stacks_read(&t, doc)) {
		unsigned deepest = boxes_put(&boxes, &t);
		html_raw(h, "<p class=\"hint js\">Click a box to zoom into it, the lowest one to see all again.</p>\n<figure "
			    "class=\"flame\">"
			    "<div class=\"boxes\"");
		html_fmt(h, " style=\"height:%upx\">\n", deepest * ROW_PX);
		h->failed |= boxes.failed || (boxes.b.used && buf_append(&h->b, boxes.b.data, boxes.b.used));
		html_raw(h, "</div></figure>\n");
	}
	buf_fini(&boxes.b);
	stacks_fini(&t);
}
