// SPDX-License-Identifier: GPL-2.0-only
#include "report/html.h"

#include <errno.h>
#include <string.h>

#include "report/report.h"
#include "report/text.h"

/* What is drawn beside the words of a part. A chart without words has a part of its own. */
static const struct {
	const char *id;
	void (*draw)(struct html *h, const json_t *doc);
} charts[] = {
	{"phases", html_phases},       {"causes", html_causes}, {"exemplars", html_waterfall},
	{"latency", html_percentiles}, {"stacks", html_flame},
};

/* Parts that the page opens with, in this order, and those that come at its end. */
static const char *const first[] = {"problems", "charge", "findings"};
static const char *const last[] = {"trust", "run", "capture", "not-measured"};
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static bool is_in(const char *const *ids, size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(ids[i], id))
			return true;
	return false;
}

static const struct text_part *part_find(const char *id)
{
	for (unsigned i = 0; i < text_parts_count; i++)
		if (!strcmp(text_parts[i].id, id))
			return &text_parts[i];
	return NULL;
}

/* A section's content and its entry in the navigation, if there is any content. */
static void section_put(struct html *body, struct html *nav, const char *id, const char *title, struct html *content)
{
	if (content->b.used && !content->failed) {
		html_fmt(body, "<section id=\"%s\"><h2>%s</h2>\n", id, title);
		body->failed |= buf_append(&body->b, content->b.data, content->b.used) != 0;
		html_raw(body, "</section>\n");
		html_fmt(nav, "<a href=\"#%s\">%s</a>", id, title);
	}
	body->failed |= content->failed;
	buf_fini(&content->b);
}

static void part_put(struct html *body, struct html *nav, const struct text_part *part, const json_t *doc)
{
	struct html content = {0};

	for (size_t i = 0; i < COUNT(charts); i++)
		if (!strcmp(charts[i].id, part->id))
			charts[i].draw(&content, doc);
	html_part(&content, part, doc);
	section_put(body, nav, part->id, part->title ? part->title : part->id, &content);
}

/* Behind the part with that name. */
static const struct {
	const char *behind, *id, *title;
	void (*draw)(struct html *h, const json_t *doc);
} parts_of_their_own[] = {{"latency", "over-time", "Over time", html_series}, {"leak", "gauges", "Gauges", html_gauges}};

static void own_parts_put(struct html *body, struct html *nav, const char *behind, const json_t *doc)
{
	for (size_t i = 0; i < COUNT(parts_of_their_own); i++) {
		struct html content = {0};

		if (strcmp(parts_of_their_own[i].behind, behind) != 0)
			continue;
		parts_of_their_own[i].draw(&content, doc);
		section_put(body, nav, parts_of_their_own[i].id, parts_of_their_own[i].title, &content);
	}
}

static void sections(struct html *body, struct html *nav, const json_t *doc)
{
	for (unsigned i = 0; i < text_parts_count; i++) {
		const struct text_part *p = &text_parts[i];
		if (!strcmp(p->id, "title") || is_in(first, COUNT(first), p->id) || is_in(last, COUNT(last), p->id))
			continue;
		part_put(body, nav, p, doc);
		own_parts_put(body, nav, p->id, doc);
	}
	for (size_t i = 0; i < COUNT(last); i++)
		if (part_find(last[i]))
			part_put(body, nav, part_find(last[i]), doc);
}

/* Of the criteria, and of a soak: a gateway that leaks may have met every one. */
static void verdict(struct html *h, const json_t *doc)
{
	static const struct pill {
		const char *verdict, *words, *style;
	} criteria[] = {{"met", "criteria met", "good"},
			{"missed", "criteria missed", "bad"},
			{"not_measured", "criteria not measured", "warn"},
			{"invalid", "invalid", "bad"}},
	  leaks[] = {{"leak", "leak", "bad"}, {"no_leak", "no leak", "good"}, {"inconclusive", "leaks: inconclusive", "warn"}};

	html_raw(h, "<p class=\"verdicts\">");
	for (size_t i = 0; i < COUNT(criteria); i++)
		if (!strcmp(text_string(doc, "verdict"), criteria[i].verdict))
			html_fmt(h, "<span class=\"verdict %s\">%s</span>", criteria[i].style, criteria[i].words);
	for (size_t i = 0; i < COUNT(leaks); i++)
		if (!strcmp(text_string(json_object_get(doc, "leak"), "verdict"), leaks[i].verdict))
			html_fmt(h, " <span class=\"verdict %s\">%s</span>", leaks[i].style, leaks[i].words);
	html_raw(h, "</p>");
}

static const char *name_of(const json_t *doc)
{
	return *text_string(doc, "scenario") ? text_string(doc, "scenario") : text_string(doc, "command");
}

static void hero(struct html *h, const json_t *doc)
{
	char length[TEXT_CELL];
	double s = text_number(doc, "duration_s");
	json_t *ns = json_pack("{s:I}", "ns", (json_int_t)(s > 0 && s < 9e9 ? s * 1e9 : 0));

	html_raw(h, "<header><p class=\"brand\">toll</p><h1>");
	html_text(h, name_of(doc));
	html_raw(h, "</h1>");
	verdict(h, doc);
	html_raw(h, "<p class=\"when\">");
	html_text(h, *text_string(doc, "date") ? text_string(doc, "date") : "date not known");
	html_raw(h, " · ");
	html_text(h, text_ns(length, ns, "ns"));
	if (*text_string(json_object_get(doc, "gateway"), "url")) {
		html_raw(h, " · ");
		html_text(h, text_string(json_object_get(doc, "gateway"), "url"));
	}
	html_raw(h, "</p>\n");
	json_decref(ns);
	for (size_t i = 0; i < COUNT(first); i++) {
		html_fmt(h, "<div class=\"%s\">", first[i]);
		if (part_find(first[i]))
			html_part(h, part_find(first[i]), doc);
		html_raw(h, "</div>\n");
	}
	html_tiles(h, doc);
	html_raw(h, "</header>\n");
}

/* Nothing may be fetched, whatever a document holds. */
static void head(struct html *h, const json_t *doc)
{
	html_raw(h, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
		    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
		    "script-src "
		    "'unsafe-inline'; img-src data:\">\n"
		    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" "
		    "content=\"light "
		    "dark\">\n<link rel=\"icon\" href=\"data:,\">\n<title>toll: ");
	html_text(h, name_of(doc));
	html_raw(h, "</title>\n<style>\n");
	html_asset_write(h, html_asset_dygraph_css());
	html_raw(h, "\n");
	html_asset_write(h, html_asset_css());
	html_raw(h, "</style></head>\n<body>\n");
}

static void scripts(struct html *h)
{
	html_raw(h, "<script>\n");
	html_asset_write(h, html_asset_dygraph_js());
	html_raw(h, "</script>\n<script>\n");
	html_asset_write(h, html_asset_synchronizer_js());
	html_raw(h, "</script>\n<script>\n");
	html_asset_write(h, html_asset_js());
	html_raw(h, "</script>\n");
}

int report_print_html(const json_t *doc, FILE *out)
{
	struct html page = {0}, body = {0}, nav = {0};

	sections(&body, &nav, doc);
	head(&page, doc);
	hero(&page, doc);
	html_raw(&page, "<nav>");
	page.failed |= nav.b.used && buf_append(&page.b, nav.b.data, nav.b.used);
	html_raw(&page, "</nav>\n<main>\n");
	page.failed |= body.b.used && buf_append(&page.b, body.b.data, body.b.used);
	html_raw(&page, "</main>\n<footer>Made by toll from one result document; <code>toll report RESULT</code> prints the same "
			"words on a "
			"terminal.</footer>\n");
	scripts(&page);
	html_raw(&page, "</body></html>\n");
	int r = page.failed || body.failed || nav.failed ? -ENOMEM : 0;
	errno = 0;
	if (!r && (fwrite(page.b.data, 1, page.b.used, out) != page.b.used || fflush(out)))
		r = errno ? -errno : -EIO;
	buf_fini(&page.b);
	buf_fini(&body.b);
	buf_fini(&nav.b);
	return r;
}
