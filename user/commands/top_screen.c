// SPDX-License-Identifier: GPL-2.0-only
#include "commands/top_screen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <ncurses.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/call_names.h"
#include "base/units.h"

#define CELL 32
#define BAR 14
#define TWO_COLUMNS 108 /* wide enough to put work and waits beside threads, calls and sockets */

enum { COLOUR_BAR = 1, COLOUR_WARN = 2 };

/* A column of the screen that is written from top to bottom. */
struct column {
	int row, rows, x, width;
};

/* At most `width` characters: a terminal would go on in the next line. */
static void put_clipped(int y, int x, int width, const char *text)
{
	wchar_t wide[512];
	size_t n = mbstowcs(wide, text, sizeof(wide) / sizeof(*wide));

	/* a name that is no UTF-8: byte by byte */
	if (n == (size_t)-1)
		for (n = 0; n < sizeof(wide) / sizeof(*wide) && text[n]; n++)
			wide[n] = (unsigned char)text[n] < 0x80 ? (wchar_t)text[n] : L'?';
	mvaddnwstr(y, x, wide, (int)(n < (size_t)width ? n : (size_t)width));
}

__attribute__((format(printf, 3, 4))) static void put(struct column *c, int style, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	if (c->row >= c->rows || c->width < 1)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	attrset(style);
	put_clipped(c->row, c->x, c->width, line);
	attrset(A_NORMAL);
	c->row++;
}

static void heading(struct column *c, const char *text)
{
	if (c->row)
		c->row++;
	put(c, A_BOLD, "%s", text);
}

static void share_heading(struct column *c, const char *title)
{
	char line[80];

	snprintf(line, sizeof(line), "%-*s%8s%12s", 23 + BAR, title, "of toll", "per request");
	heading(c, line);
}

static void bar_text(char out[BAR * 3 + 1], double share)
{
	int whole = (int)lround((share > 1 ? 1 : share > 0 ? share : 0) * BAR);

	size_t used = 0;

	for (int i = 0; i < BAR; i++)
		used += (size_t)snprintf(out + used, BAR * 3 + 1 - used, "%s", i < whole ? "█" : " ");
}

static void share_row(struct column *c, const char *name, uint64_t ns, uint64_t of_ns, uint64_t requests)
{
	char bar[BAR * 3 + 1], each[CELL];
	double share = of_ns ? (double)ns / (double)of_ns : 0;
	int row = c->row;

	bar_text(bar, share);
	units_format_ns(each, sizeof(each), requests ? ns / requests : 0);
	put(c, A_NORMAL, "  %-20.20s %*s %5.1f %% %11s", name, BAR, "", share * 100, each);
	if (c->row > row) {
		attron(COLOR_PAIR(COLOUR_BAR));
		put_clipped(row, c->x + 23, c->width > 23 ? c->width - 23 : 0, bar);
		attroff(COLOR_PAIR(COLOUR_BAR));
	}
}

static void draw_head(struct column *c, const struct top_model *m)
{
	char up[CELL], p50[CELL], p99[CELL], rss[CELL], swap[CELL], fds[CELL];

	units_format_ns(up, sizeof(up), m->ring[(m->samples - 1) % (TOP_SECONDS + 1)].time_ns - m->start_ns);
	put(c, A_BOLD, "toll top · %s · %u process%s · watched for %s", m->exe[0] ? m->exe : "gateway", m->processes,
	    m->processes == 1 ? "" : "es", up);
	units_format_ns(p50, sizeof(p50), m->toll_p50_ns);
	units_format_ns(p99, sizeof(p99), m->toll_p99_ns);
	if (m->rate_per_s > 0)
		put(c, A_NORMAL, "%.1f requests/s · toll p50 %s, p99 %s (over %u s)", m->rate_per_s, p50, p99, TOP_SECONDS);
	else
		put(c, A_NORMAL, "no request in the last %u s", TOP_SECONDS);
	if (!m->gauges.time_ns)
		return;
	units_format_bytes(rss, sizeof(rss), m->gauges.rss_bytes);
	units_format_bytes(swap, sizeof(swap), m->gauges.swap_bytes);
	snprintf(fds, sizeof(fds), "%u", m->gauges.fds);
	put(c, A_NORMAL, "CPU %.2f cores · memory %s resident, %s swapped · %u threads · %s descriptors", m->cores, rss, swap,
	    m->gauges.threads, m->gauges.missing & RECORD_GAUGES_NO_DESCRIPTORS ? "?" : fds);
}

static void draw_phases(struct column *c, const struct top_sums *w)
{
	share_heading(c, "THE TOLL, phase by phase");
	for (unsigned i = 0; i < PHASES; i++)
		if (phase_is_toll((enum phase)i) && w->phase_ns[i])
			share_row(c, phase_title((enum phase)i), w->phase_ns[i], w->toll_ns, w->requests);
	share_row(c, "toll", w->toll_ns, w->toll_ns, w->requests);
}

static void draw_causes(struct column *c, const struct top_sums *w)
{
	uint64_t all = 0;

	for (unsigned i = 0; i < CAUSES; i++)
		all += w->cause_ns[i];
	if (!all)
		return;
	share_heading(c, "WHY IT TAKES ITS TIME");
	for (unsigned i = 0; i < CAUSES; i++)
		if (w->cause_ns[i])
			share_row(c, cause_title((enum cause)i), w->cause_ns[i], all, w->caused);
}

static void draw_threads(struct column *c, const struct top_model *m)
{
	static const char states[] = "RSDTZ";
	unsigned count[sizeof(states)] = {0};

	for (unsigned i = 0; i < m->threads; i++) {
		const char *at = strchr(states, m->thread[i].now.state);
		count[at && *at ? at - states : (long)sizeof(states) - 1]++;
	}
	heading(c, "THREADS");
	put(c, A_DIM, "  %u running, %u sleeping, %u in the kernel, %u stopped", count[0], count[1] + count[5], count[2],
	    count[3] + count[4]);
	for (unsigned i = 0; i < m->threads && i < 8; i++) {
		const struct top_thread *t = &m->thread[i];
		put(c, A_NORMAL, "  %8u %c %-20.20s %6.1f %% CPU", t->now.tid, t->now.state, t->now.comm,
		    isnan(t->cores) ? 0 : t->cores * 100);
	}
}

static int by_ns(const void *a, const void *b)
{
	const struct top_syscall *const *x = a, *const *y = b;

	return (*x)->ns != (*y)->ns ? ((*x)->ns < (*y)->ns ? 1 : -1) : 0;
}

static void draw_syscalls(struct column *c, const struct top_model *m)
{
	const struct top_syscall *order[TOP_SYSCALLS];
	char name[CALL_NAME_BYTES], ns[CELL];
	unsigned n = 0;

	heading(c, "SYSTEM CALLS                     per second        time");
	if (!m->syscalls_seen) {
		put(c, A_DIM, "  not watched: add --probes sockets,threads,syscalls");
		return;
	}
	for (unsigned i = 0; i < TOP_SYSCALLS; i++)
		if (m->last[i].calls)
			order[n++] = &m->last[i];
	qsort(order, n, sizeof(const struct top_syscall *), by_ns);
	for (unsigned i = 0; i < n && i < 8; i++)
		put(c, A_NORMAL, "  %-28.28s %12llu %11s", call_name((unsigned)(order[i] - m->last), name),
		    (unsigned long long)order[i]->calls, units_format_ns(ns, sizeof(ns), order[i]->ns));
}

static void draw_allocs(struct column *c, const struct top_model *m)
{
	char bytes[CELL], ns[CELL];

	heading(c, "ALLOCATOR                  calls/s     bytes/s     a call");
	if (!m->alloc_seen) {
		put(c, A_DIM, "  not watched: add --probes sockets,threads,alloc");
		return;
	}
	for (unsigned i = 0; i < m->allocs && i < 8; i++) {
		const struct top_alloc *a = &m->alloc[i];

		put(c, A_NORMAL, "  %-20.20s %11.0f %11s %10s", a->name, a->calls_per_s,
		    a->bytes ? units_format_bytes(bytes, sizeof(bytes), (uint64_t)a->bytes_per_s) : "",
		    a->returns ? units_format_ns(ns, sizeof(ns), a->ns / a->returns) : "");
	}
}

static void peer_text(const struct peer_now *p, char *out, size_t size)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	char text[INET6_ADDRSTRLEN] = "?";

	if (p->clients) {
		snprintf(out, size, "clients of port %u", p->port);
	} else if (!memcmp(p->addr, mapped, sizeof(mapped))) {
		inet_ntop(AF_INET, p->addr + 12, text, sizeof(text));
		snprintf(out, size, "%s:%u", text, p->port);
	} else {
		inet_ntop(AF_INET6, p->addr, text, sizeof(text));
		snprintf(out, size, "[%s]:%u", text, p->port);
	}
}

static void draw_peers(struct column *c, const struct top_model *m)
{
	enum { ESTABLISHED = 1, CLOSE_WAIT = 8 };
	char name[80];

	heading(c, "SOCKETS                        open close-wait  other");
	for (unsigned i = 0; i < m->peers && i < 8; i++) {
		const struct peer_now *p = &m->peer[i];
		peer_text(p, name, sizeof(name));
		put(c, p->state[CLOSE_WAIT] ? (int)COLOR_PAIR(COLOUR_WARN) : (int)A_NORMAL, "  %-26.26s %6u %10u %6u", name,
		    p->state[ESTABLISHED], p->state[CLOSE_WAIT], p->all - p->state[ESTABLISHED] - p->state[CLOSE_WAIT]);
	}
}

void top_screen_draw(const struct top_model *m)
{
	struct top_sums w = {0};
	bool two = COLS >= TWO_COLUMNS;
	struct column left = {0, LINES - 1, 0, COLS}, right;

	erase();
	top_model_window(m, &w);
	draw_head(&left, m);
	right = (struct column){left.row, LINES - 1, two ? COLS / 2 + 2 : 0, two ? COLS / 2 - 2 : COLS};
	if (two)
		left.width = COLS / 2;
	if (w.requests)
		draw_phases(&left, &w);
	draw_causes(&left, &w);
	if (two)
		draw_allocs(&left, m);
	else
		right.row = left.row;
	draw_threads(&right, m);
	draw_syscalls(&right, m);
	draw_peers(&right, m);
	if (!two)
		draw_allocs(&right, m);
	attrset(A_DIM);
	mvaddstr(LINES - 1, 0, "q quit");
	attrset(A_NORMAL);
	refresh();
}

enum top_key top_screen_key(void)
{
	switch (getch()) {
	case 'q':
	case 'Q':
	case 27:
		return TOP_QUIT;
	case KEY_RESIZE:
		return TOP_RESIZED;
	default:
		return TOP_NO_KEY;
	}
}

bool top_screen_is_missing(void)
{
	return !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO);
}

int top_screen_open(bool colour)
{
	if (top_screen_is_missing())
		return -ENOTTY;
	/* characters only: numbers keep their points */
	if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8"))
		setlocale(LC_CTYPE, "C.UTF-8");
	if (!newterm(NULL, stdout, stdin))
		return -ENOTTY;
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(25);
	if (colour && has_colors()) {
		start_color();
		use_default_colors();
		init_pair(COLOUR_BAR, COLOR_CYAN, -1);
		init_pair(COLOUR_WARN, COLOR_YELLOW, -1);
	}
	return 0;
}

void top_screen_close(void)
{
	if (stdscr && !isendwin())
		endwin();
}
