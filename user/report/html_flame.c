// SPDX-License-Identifier: GPL-2.0-only
/* The flame graph: one box for each call path, as wide as its share of the time; report.js zooms into the one that is clicked. */
#include "report/html.h"

#include "base/units.h"
#include "report/stacks.h"
#include "report/text.h"

/* narrower boxes cannot be seen or hit before a zoom, and there are thousands of them */
#define SHARE_MIN 0.0004
#define ROW_PX 19

static void box_put(struct html *h, const struct stack_tree *t, uint32_t i, double left)
{
	const struct stack_node *n = &t->node[i];
	double share = (double)n->ns / (double)t->node[0].ns;
	char ns[TEXT_CELL], percent[TEXT_CELL];

	html_fmt(h, "<i class=\"%s f%u\" data-x=\"%.5f\" data-w=\"%.5f\" style=\"left:%.3f%%;width:%.3f%%;top:%upx\" title=\"",
		 n->waits ? "wait" : "cpu", i % 4, left, share, left * 100, share * 100, n->depth * ROW_PX);
	html_text(h, n->name);
	html_raw(h, " · ");
	html_text(h, units_format_ns(ns, sizeof(ns), n->ns));
	html_raw(h, ", ");
	html_text(h, text_share(percent, share));
	html_raw(h, "\">");
	html_text(h, i ? n->name : "all");
	html_raw(h, "</i>\n");
}

/* Depth first without recursion: `left` is where the next box begins. */
static unsigned boxes_put(struct html *h, const struct stack_tree *t)
{
	uint32_t at = 0;
	double left = 0;
	unsigned deepest = 0;

	do {
		const struct stack_node *n = &t->node[at];
		double share = (double)n->ns / (double)t->node[0].ns;
		bool shown = share >= SHARE_MIN;
		if (shown)
			box_put(h, t, at, left);
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
			left += (double)t->node[at].self_ns / (double)t->node[0].ns;
		}
		at = t->node[at].next;
	} while (at);
	return deepest;
}

static void graph_put(struct html *h, const json_t *doc, enum stacks_which which, const char *title)
{
	struct stack_tree t;
	struct html boxes = {0};

	if (!stacks_read(&t, doc, which)) {
		unsigned deepest = boxes_put(&boxes, &t);
		html_fmt(h, "<h3>%s</h3>\n<figure class=\"flame\"><div class=\"boxes\" style=\"height:%upx\">\n", title,
			 (deepest + 1) * ROW_PX);
		h->failed |= boxes.failed || (boxes.b.used && buf_append(&h->b, boxes.b.data, boxes.b.used));
		html_raw(h, "</div></figure>\n");
	}
	buf_fini(&boxes.b);
	stacks_fini(&t);
}

void html_flame(struct html *h, const json_t *doc)
{
	if (!json_array_size(json_object_get(json_object_get(doc, "stacks"), "folded")))
		return;
	html_raw(h, "<p class=\"hint js\">Click a box to zoom into it, the first one to see all again.</p>\n");
	graph_put(h, doc, STACKS_OF_TOLL, "Inside the toll: work and waits");
	graph_put(h, doc, STACKS_OF_CPU, "All of the gateway's CPU");
	html_raw(h, "<p class=\"legend\"><span><i class=\"cpu f0\"></i>on a CPU</span><span><i class=\"wait "
		    "f0\"></i>waiting</span></p>\n");
}
