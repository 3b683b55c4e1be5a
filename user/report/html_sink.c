// SPDX-License-Identifier: GPL-2.0-only
/* Rows and paragraphs of the terminal report as HTML: the words are the same because the code that says them is. */
#include "report/html.h"

#include <stdlib.h>
#include <string.h>

#include "report/text.h"

#define CELLS_MAX 32

struct cell {
	enum text_style style;
	enum text_align align;
	unsigned width;
	size_t at; /* in words */
};

struct sink {
	struct html *h;
	struct buf words; /* texts of the row's cells, each with its NUL */
	struct cell cell[CELLS_MAX];
	unsigned cells;
	/* the heading waits for the first row: only that tells which columns there are */
	struct buf heading_words;
	struct cell heading[CELLS_MAX];
	unsigned headings;
	unsigned columns; /* of the table that is open; 0: none */
	bool listing; /* a list of labelled paragraphs is open */
};

static const char *class_of(enum text_style style)
{
	static const char *const names[] = {[TEXT_PLAIN] = "",     [TEXT_BOLD] = "b",      [TEXT_DIM] = "dim", [TEXT_RED] = "bad",
					    [TEXT_GREEN] = "good", [TEXT_YELLOW] = "warn", [TEXT_CYAN] = ""};

	return names[style];
}

static const char *words_of(const struct sink *s, unsigned i)
{
	return s->words.data + s->cell[i].at;
}

static bool is_blank(const char *text)
{
	return text[strspn(text, " ")] == 0;
}

static void on_cell(void *ctx, enum text_style style, enum text_align align, unsigned width, const char *text)
{
	struct sink *s = ctx;

	if (s->cells == CELLS_MAX)
		return;
	s->cell[s->cells++] = (struct cell){style, align, align == TEXT_FLOW ? text_width(text) : width, s->words.used};
	if (buf_append(&s->words, text, strlen(text) + 1)) {
		s->h->failed = true;
		s->cells--;
	}
}

static void table_close(struct sink *s)
{
	if (s->columns)
		html_raw(s->h, "</tbody></table></div>\n");
	s->columns = 0;
	s->headings = 0;
}

static void list_close(struct sink *s)
{
	if (s->listing)
		html_raw(s->h, "</dl>\n");
	s->listing = false;
}

static unsigned distance(unsigned a, unsigned b)
{
	return a > b ? a - b : b - a;
}

/* Two that flow begin below each other, however long they are. */
static bool flows_below(const struct sink *s, unsigned cell, unsigned row_end, unsigned heading, unsigned end)
{
	return s->cell[cell].align == TEXT_FLOW && s->heading[heading].align == TEXT_FLOW && row_end - s->cell[cell].width >= end;
}

/* How many of the row's cells stand below each heading: those that end nearer to its end than to another's. */
static void spans_find(const struct sink *s, unsigned span[CELLS_MAX])
{
	unsigned row_end = 0, at = 0, end = s->heading[0].width;

	memset(span, 0, CELLS_MAX * sizeof(*span));
	for (unsigned i = 0; i < s->cells; i++) {
		row_end += s->cell[i].width;
		if (s->cell[i].align == TEXT_FLOW && is_blank(words_of(s, i)))
			continue;
		while (at + 1 < s->headings && (flows_below(s, i, row_end, at + 1, end) ||
						distance(end + s->heading[at + 1].width, row_end) < distance(end, row_end)))
			end += s->heading[++at].width;
		span[at]++;
	}
}

static void headings_put(struct sink *s)
{
	unsigned span[CELLS_MAX];

	spans_find(s, span);
	html_raw(s->h, "<thead><tr>");
	for (unsigned i = 0; i < s->headings; i++) {
		html_fmt(s->h, "<th class=\"%s%s\" colspan=\"%u\">", i ? "" : "title ",
			 s->heading[i].align == TEXT_RIGHT ? "r" : "", span[i] ? span[i] : 1);
		html_text(s->h, s->heading_words.data + s->heading[i].at);
		html_raw(s->h, "</th>");
	}
	html_raw(s->h, "</tr></thead>");
}

static void table_open(struct sink *s, unsigned cells)
{
	list_close(s);
	html_raw(s->h, "<div class=\"scroll\"><table>");
	if (s->headings)
		headings_put(s);
	html_raw(s->h, "<tbody>\n");
	s->columns = cells;
	s->headings = 0;
}

/* By whose time it is: the cell before a bar names the owner. */
static const char *bar_class(const char *owner)
{
	static const char *const others[] = {"provider", "network", "driver"};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (!strcmp(owner, others[i]))
			return i ? "o-other" : "o-provider";
	return "o-gateway";
}

/* The bar's blocks are eighths of a column. */
static void bar_put(struct html *h, const char *text, unsigned width, const char *owner)
{
	unsigned eighths = 0;

	for (const unsigned char *c = (const unsigned char *)text; c[0] && c[1] && c[2]; c += 3)
		eighths += c[2] >= 0x88 && c[2] <= 0x8f ? 0x90u - c[2] : 0; /* U+2588 is whole, U+258F one eighth */
	html_fmt(h, "<td class=\"bar\"><i class=\"%s\" style=\"width:%.1f%%\"></i></td>", bar_class(owner),
		 width ? 100.0 * eighths / (8.0 * width) : 0.0);
}

static void cell_put(struct sink *s, unsigned i)
{
	const struct cell *c = &s->cell[i];

	if (c->style == TEXT_CYAN && c->align == TEXT_LEFT) {
		bar_put(s->h, words_of(s, i), c->width, i ? words_of(s, i - 1) : "");
		return;
	}
	html_raw(s->h, c->align == TEXT_RIGHT ? "<td class=\"r " : "<td class=\"");
	html_raw(s->h, class_of(c->style));
	html_raw(s->h, "\">");
	html_text(s->h, words_of(s, i));
	html_raw(s->h, "</td>");
}

static void heading_keep(struct sink *s)
{
	table_close(s);
	s->heading_words.used = 0;
	s->h->failed |= buf_append(&s->heading_words, s->words.data, s->words.used) != 0;
	memcpy(s->heading, s->cell, s->cells * sizeof(*s->cell));
	s->headings = s->h->failed ? 0 : s->cells;
}

static void row_put(struct sink *s, unsigned from)
{
	unsigned cells = 0;

	for (unsigned i = from; i < s->cells; i++)
		cells += s->cell[i].align != TEXT_FLOW || !is_blank(words_of(s, i));
	if (!s->columns)
		table_open(s, cells);
	html_raw(s->h, "<tr>");
	for (unsigned i = from; i < s->cells; i++)
		if (s->cell[i].align != TEXT_FLOW || !is_blank(words_of(s, i)))
			cell_put(s, i);
	html_raw(s->h, "</tr>\n");
}

static void flow_put(struct sink *s, unsigned from)
{
	bool bold = from < s->cells && s->cell[from].style == TEXT_BOLD;

	if (bold)
		table_close(s);
	list_close(s);
	if (s->columns)
		html_fmt(s->h, "<tr class=\"note\"><td colspan=\"%u\">", s->columns);
	else
		html_raw(s->h, bold ? "<p class=\"lead\">" : "<p class=\"note\">");
	for (unsigned i = from; i < s->cells; i++) {
		html_raw(s->h, "<span class=\"");
		html_raw(s->h, class_of(s->cell[i].style));
		html_raw(s->h, "\">");
		html_text(s->h, words_of(s, i));
		html_raw(s->h, "</span> ");
	}
	html_raw(s->h, s->columns ? "</td></tr>\n" : "</p>\n");
}

static void on_line(void *ctx)
{
	struct sink *s = ctx;
	unsigned from = 0, last_flow = 0;

	/* an indent says that this is no heading */
	while (from < s->cells && s->cell[from].align == TEXT_FLOW && is_blank(words_of(s, from)))
		from++;
	for (unsigned i = from; i < s->cells; i++)
		last_flow += s->cell[i].align == TEXT_FLOW;
	bool bold_left = from < s->cells && s->cell[from].style == TEXT_BOLD && s->cell[from].align == TEXT_LEFT;
	if (from == s->cells)
		table_close(s);
	else if (last_flow == s->cells - from || (!from && bold_left && last_flow == s->cells - 1))
		flow_put(s, from);
	else if (!from && bold_left)
		heading_keep(s);
	else
		row_put(s, from);
	s->cells = 0;
	s->words.used = 0;
}

static void on_blank(void *ctx)
{
	struct sink *s = ctx;

	table_close(s);
	list_close(s);
}

static void on_paragraph(void *ctx, enum text_style label_style, const char *label, const char *text)
{
	struct sink *s = ctx;

	if (s->columns && !*label) {
		html_fmt(s->h, "<tr class=\"note\"><td colspan=\"%u\">", s->columns);
		html_text(s->h, text);
		html_raw(s->h, "</td></tr>\n");
		return;
	}
	table_close(s);
	if (!s->listing)
		html_raw(s->h, "<dl>\n");
	s->listing = true;
	html_raw(s->h, "<dt class=\"");
	html_raw(s->h, class_of(label_style));
	html_raw(s->h, "\">");
	html_text(s->h, label + strspn(label, " "));
	html_raw(s->h, "</dt><dd>");
	html_text(s->h, text);
	html_raw(s->h, "</dd>\n");
}

void html_part(struct html *h, const struct text_part *part, const json_t *doc)
{
	struct sink s = {.h = h};
	const struct text_sink sink = {.ctx = &s, .cell = on_cell, .line = on_line, .blank = on_blank, .paragraph = on_paragraph};
	struct text t = {.sink = &sink};

	part->print(&t, doc);
	on_blank(&s);
	buf_fini(&s.words);
	buf_fini(&s.heading_words);
}
