// SPDX-License-Identifier: GPL-2.0-only
#include "report/text.h"

#include <string.h>

#define ELLIPSIS "…"
#define BLANKS " \n\t"

/* One code point: its bytes, and its columns (two for East Asian wide ones and emoji, by Unicode's EastAsianWidth blocks). */
static unsigned step(const char *s, unsigned *columns)
{
	static const struct {
		uint32_t first, last;
	} wide[] = {{0x1100, 0x115f}, {0x2e80, 0xa4cf}, {0xac00, 0xd7a3},   {0xf900, 0xfaff},
		    {0xfe30, 0xfe6f}, {0xff00, 0xff60}, {0x1f300, 0x1faff}, {0x20000, 0x3fffd}};
	unsigned char c = (unsigned char)*s;
	unsigned bytes = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	uint32_t point = bytes == 1 ? c : c & (0xffu >> (bytes + 1));

	for (unsigned i = 1; i < bytes; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80) { /* not UTF-8: one byte, one column */
			bytes = 1;
			break;
		}
		point = point << 6 | ((unsigned char)s[i] & 0x3f);
	}
	*columns = 1;
	for (size_t i = 0; bytes > 1 && i < sizeof(wide) / sizeof(*wide); i++)
		if (point >= wide[i].first && point <= wide[i].last)
			*columns = 2;
	return bytes;
}

unsigned text_width(const char *s)
{
	unsigned width = 0, columns;

	while (*s) {
		s += step(s, &columns);
		width += columns;
	}
	return width;
}

static void append(struct text *t, const char *s, size_t n)
{
	if (n > sizeof(t->line) - 1 - t->used)
		return;
	memcpy(t->line + t->used, s, n);
	t->used += n;
}

static void append_style(struct text *t, enum text_style style)
{
	static const char *const codes[] = {
		[TEXT_PLAIN] = "\033[0m",  [TEXT_BOLD] = "\033[1m",    [TEXT_DIM] = "\033[2m",   [TEXT_RED] = "\033[1;31m",
		[TEXT_GREEN] = "\033[32m", [TEXT_YELLOW] = "\033[33m", [TEXT_CYAN] = "\033[36m",
	};

	if (t->colour)
		append(t, codes[style], strlen(codes[style]));
}

/* At most `room` columns of s; returns the columns used. */
static unsigned append_clipped(struct text *t, const char *s, unsigned room)
{
	unsigned used = 0, columns, whole = text_width(s);
	unsigned keep = whole <= room ? room : room - 1;

	if (!room)
		return 0;
	while (*s) {
		unsigned bytes = step(s, &columns);
		if (used + columns > keep)
			break;
		unsigned char c = (unsigned char)*s;
		bool control = c < 0x20 || c == 0x7f;
		/* a lone byte beyond ASCII: a character that was cut */
		append(t, control ? " " : bytes == 1 && c >= 0x80 ? "?" : s, bytes);
		used += columns;
		s += bytes;
	}
	if (whole > room) {
		append(t, ELLIPSIS, strlen(ELLIPSIS));
		used++;
	}
	return used;
}

static void put_clipped(struct text *t, enum text_style style, const char *s, unsigned room)
{
	unsigned left = TEXT_COLUMNS - t->columns;

	if (style != TEXT_PLAIN && *s)
		append_style(t, style);
	t->columns += append_clipped(t, s, room < left ? room : left);
	if (style != TEXT_PLAIN && *s)
		append_style(t, TEXT_PLAIN);
}

static void pad(struct text *t, unsigned n)
{
	for (; n && t->columns < TEXT_COLUMNS; n--, t->columns++)
		append(t, " ", 1);
}

void text_put(struct text *t, enum text_style style, const char *s)
{
	if (t->sink)
		t->sink->cell(t->sink->ctx, style, TEXT_FLOW, 0, s);
	else
		put_clipped(t, style, s, TEXT_COLUMNS);
}

void text_left(struct text *t, enum text_style style, unsigned width, const char *s)
{
	unsigned start = t->columns;

	if (t->sink) {
		t->sink->cell(t->sink->ctx, style, TEXT_LEFT, width, s);
		return;
	}
	put_clipped(t, style, s, width);
	if (t->columns - start < width)
		pad(t, width - (t->columns - start));
}

void text_right(struct text *t, enum text_style style, unsigned width, const char *s)
{
	unsigned n = text_width(s);

	if (t->sink) {
		t->sink->cell(t->sink->ctx, style, TEXT_RIGHT, width, s);
		return;
	}
	/* a cell that is full still stands apart from the one before it */
	pad(t, n < width ? width - n : 1);
	put_clipped(t, style, s, width - 1);
}

void text_end(struct text *t)
{
	if (t->sink) {
		t->sink->line(t->sink->ctx);
		return;
	}
	while (t->used && t->line[t->used - 1] == ' ')
		t->used--;
	fwrite(t->line, 1, t->used, t->out);
	fputc('\n', t->out);
	t->used = 0;
	t->columns = 0;
}

void text_blank(struct text *t)
{
	if (t->sink)
		t->sink->blank(t->sink->ctx);
	else
		text_end(t);
}

/* "7.40 µs" is one word: a number stays with its unit. */
static size_t word_length(const char *s)
{
	static const char *const units[] = {"ns", "µs", "ms", "s", "m", "h", "%", "B", "kB", "MB", "GB", "TB"};
	size_t n = strcspn(s, BLANKS), next;

	if (!n || s[n - 1] < '0' || s[n - 1] > '9' || s[n] != ' ')
		return n;
	next = strcspn(s + n + 1, BLANKS ",;:)");
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (next == strlen(units[i]) && !memcmp(s + n + 1, units[i], next))
			return n + 1 + strcspn(s + n + 1, BLANKS);
	return n;
}

void text_wrap(struct text *t, enum text_style label_style, const char *label, unsigned indent, const char *s)
{
	char word[512];
	bool first = true;

	if (t->sink) {
		t->sink->paragraph(t->sink->ctx, label_style, label, s);
		return;
	}
	text_left(t, label_style, indent, label);
	while (*(s += strspn(s, BLANKS))) {
		size_t n = word_length(s);
		if (n >= sizeof(word))
			n = sizeof(word) - 1;
		memcpy(word, s, n);
		word[n] = 0;
		s += n;
		if (!first && t->columns + 1 + text_width(word) > TEXT_COLUMNS) {
			text_end(t);
			pad(t, indent);
			first = true;
		}
		if (!first)
			text_put(t, TEXT_PLAIN, " ");
		text_put(t, TEXT_PLAIN, word);
		first = false;
	}
	text_end(t);
}
