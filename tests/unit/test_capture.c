// rooms: base record
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/rng.h"
#include "bpf/wire.h"
#include "record/capture.h"
#include "record/capture_ahead.h"
#include "record/stack.h"
#include "tests/support/test.h"

#define HEAD_BYTES 16 /* of the file */

struct fixture {
	char path[64];
	struct buf bytes; /* a whole small capture */
};

struct tally {
	unsigned frames[CAPTURE_PART + 1];
	uint64_t total;
	bool complete;
	int rc; /* of the last read */
	struct err err;
};

static void write_frame(struct capture_writer *w, enum capture_frame type, const void *data, size_t bytes)
{
	assert_int_equal(capture_write(w, type, data, (uint32_t)bytes), 0);
}

static void write_marks(struct capture_writer *w, uint32_t count, uint64_t time_ns)
{
	struct wire_marks marks = {.h = {.kind = WIRE_KIND_MARKS, .time_ns = time_ns}, .conn = 5, .count = count};

	marks.h.size = (uint16_t)(32 + 24 * count);
	write_frame(w, CAPTURE_WIRE, &marks, marks.h.size);
}

static void write_turn(struct capture_writer *w, uint64_t time_ns)
{
	struct wire_turn turn = {.h = {WIRE_KIND_TURN, sizeof(turn), 0, time_ns}, .conn = 5, .role = WIRE_ROLE_GATEWAY};

	turn.lane[WIRE_LANE_IN] = (struct wire_lane_span){.first_ns = time_ns, .last_ns = time_ns, .end_pos = 10, .count = 1};
	write_frame(w, CAPTURE_WIRE, &turn, sizeof(turn));
}

static void write_conn(struct capture_writer *w)
{
	struct wire_conn conn = {.h = {WIRE_KIND_CONN, sizeof(conn), 0, 1}, .conn = 5, .role = WIRE_ROLE_GATEWAY};

	write_frame(w, CAPTURE_WIRE, &conn, sizeof(conn));
}

static void write_events(struct capture_writer *w, uint32_t count)
{
	struct record_events head = {.id = 1, .conn = 2, .count = count};
	struct record_event events[4] = {{1, 1}, {2, 2}, {3, 3}, {4, 4}};

	assert_int_equal(capture_write2(w, CAPTURE_EVENTS, &head, sizeof(head), events, count * (uint32_t)sizeof(events[0])), 0);
}

static void write_stack(struct capture_writer *w)
{
	struct record_stack head = {.stack = 7, .frames = 2, .text_bytes = 8};

	assert_int_equal(capture_write2(w, CAPTURE_STACK, &head, sizeof(head), "foo\0bar", 8), 0);
}

/* One frame of each type. */
static void write_all_types(struct capture_writer *w)
{
	struct record_request request = {.id = 1, .due_ns = NS_PER_S};
	struct record_provider provider = {.tag = 1, .request_first_ns = NS_PER_S};
	struct record_gauges gauges = {.time_ns = NS_PER_S, .cpu_ns = 1};
	struct record_part part = {.time_ns = NS_PER_S, .kind = RECORD_PART_PEER, .label = "db"};
	uint64_t counters[WIRE_COUNTERS] = {0}, now_ns = 9;

	write_frame(w, CAPTURE_META, "{\"scenario\":\"x\"}", 16);
	write_conn(w);
	write_marks(w, 3, 1);
	write_turn(w, 1);
	write_frame(w, CAPTURE_REQUEST, &request, sizeof(request));
	write_frame(w, CAPTURE_PROVIDER, &provider, sizeof(provider));
	write_events(w, 4);
	write_events(w, 0);
	write_frame(w, CAPTURE_COUNTERS, counters, sizeof(counters));
	write_frame(w, CAPTURE_TICK, &now_ns, sizeof(now_ns));
	write_frame(w, CAPTURE_GAUGES, &gauges, sizeof(gauges));
	write_stack(w);
	write_frame(w, CAPTURE_PART, &part, sizeof(part));
}

static struct tally read_all(const char *path)
{
	struct tally t = {0};
	struct capture_reader *r = NULL;
	enum capture_frame type;
	const void *data;
	uint32_t bytes;

	t.rc = capture_reader_open(&r, path, &t.err);
	if (t.rc)
		return t;
	while ((t.rc = capture_read(r, &type, &data, &bytes, &t.err)) == 1) {
		assert_in_range(type, CAPTURE_META, CAPTURE_PART);
		t.frames[type]++;
		t.total++;
		if (type == CAPTURE_WIRE)
			assert_int_equal(capture_wire_check(data, bytes), 0);
	}
	t.complete = capture_reader_complete(r, NULL);
	/* the end and a defect are told again */
	assert_int_equal(capture_read(r, &type, &data, &bytes, NULL), t.rc);
	capture_reader_free(r);
	return t;
}

static void put_file(const char *path, const void *data, size_t bytes)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, bytes, f), bytes);
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	static struct fixture fixture;
	struct capture_writer *w;
	int fd;

	fixture = (struct fixture){.path = "/tmp/toll-test-capture-XXXXXX"};
	fd = mkstemp(fixture.path);
	assert_int_not_equal(fd, -1);
	assert_int_equal(fchmod(fd, 0644), 0);
	close(fd);
	assert_int_equal(capture_writer_open(&w, fixture.path, CAPTURE_FULL, 0, NULL), 0);
	write_all_types(w);
	assert_int_equal(capture_writer_close(w, NULL, NULL), 0);
	assert_int_equal(buf_read_file(&fixture.bytes, fixture.path, 1 << 20), 0);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	unlink(f->path);
	buf_fini(&f->bytes);
	return 0;
}

static void test_round_trip(void **state)
{
	struct fixture *f = *state;
	struct tally t = read_all(f->path);
	struct stat st;

	assert_int_equal(t.rc, 0);
	assert_int_equal(t.total, 14);
	assert_int_equal(t.frames[CAPTURE_PART], 1);
	assert_int_equal(t.frames[CAPTURE_WIRE], 3);
	assert_int_equal(t.frames[CAPTURE_EVENTS], 2);
	assert_int_equal(t.frames[CAPTURE_END], 1);
	assert_true(t.complete);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_cut_anywhere(void **state)
{
	struct fixture *f = *state;
	uint64_t before = 0;
	size_t cut;

	for (cut = 0; cut < f->bytes.used; cut++) {
		struct tally t;

		put_file(f->path, f->bytes.data, cut);
		t = read_all(f->path);
		assert_int_equal(t.rc, cut < HEAD_BYTES ? -EPROTO : 0);
		assert_false(t.complete);
		assert_in_range(t.total, before, before + 1);
		before = t.total;
	}
	assert_int_equal(before, 13);
}

static void test_any_byte_damaged(void **state)
{
	struct fixture *f = *state;
	struct rng rng;
	size_t i;

	rng_init(&rng, 11, 0);
	for (i = 0; i < f->bytes.used; i++) {
		char kept = f->bytes.data[i];
		struct tally t;

		f->bytes.data[i] = (char)(kept ^ (char)(1 + rng_below(&rng, 255)));
		put_file(f->path, f->bytes.data, f->bytes.used);
		f->bytes.data[i] = kept;
		t = read_all(f->path);
		if (t.rc < 0)
			assert_non_null(strstr(t.err.text, f->path));
	}
}

static void assert_refused(struct fixture *f, size_t bytes, const char *word)
{
	struct tally t;

	put_file(f->path, f->bytes.data, bytes);
	t = read_all(f->path);
	assert_int_equal(t.rc, -EPROTO);
	assert_non_null(strstr(t.err.text, f->path));
	if (!strstr(t.err.text, word))
		print_error("%s\n", t.err.text);
	assert_non_null(strstr(t.err.text, word));
}

static void test_refusals_say_where(void **state)
{
	struct fixture *f = *state;
	uint32_t head[2] = {CAPTURE_META, (16u << 20) + 1};

	memcpy(f->bytes.data + HEAD_BYTES, head, sizeof(head));
	assert_refused(f, f->bytes.used, "at byte 16: frame of type 1 with 16777217 bytes is over the bound");
	head[1] = 16u << 20; /* within the bound: cut, not damaged */
	memcpy(f->bytes.data + HEAD_BYTES, head, sizeof(head));
	put_file(f->path, f->bytes.data, f->bytes.used);
	assert_int_equal(read_all(f->path).rc, 0);
	head[0] = 77;
	memcpy(f->bytes.data + HEAD_BYTES, head, sizeof(head));
	assert_refused(f, f->bytes.used, "at byte 16");
	head[0] = CAPTURE_REQUEST;
	head[1] = 175;
	memcpy(f->bytes.data + HEAD_BYTES, head, sizeof(head));
	assert_refused(f, f->bytes.used, "wrong size");
	f->bytes.data[0] = 'T';
	assert_refused(f, f->bytes.used, "not a capture");
	assert_refused(f, 3, "not a capture");
}

static void test_nothing_behind_the_end(void **state)
{
	struct fixture *f = *state;
	uint32_t head[2] = {CAPTURE_META, 1};

	buf_append(&f->bytes, head, sizeof(head));
	buf_append(&f->bytes, "x", 1);
	assert_refused(f, f->bytes.used, "behind the end");
}

static void test_wire_sizes(void **state)
{
	struct wire_marks marks = {.h = {.kind = WIRE_KIND_MARKS, .size = 32}};
	struct wire_turn turn = {.h = {.kind = WIRE_KIND_TURN, .size = sizeof(turn)}};
	unsigned kind;

	(void)state;
	for (kind = WIRE_KIND_CONN; kind <= WIRE_KIND_LOOKUP; kind++)
		assert_in_range(capture_wire_size((uint16_t)kind), sizeof(struct wire_header), 512);
	assert_int_equal(capture_wire_size(0), 0);
	assert_int_equal(capture_wire_size(WIRE_KIND_LOOKUP + 1), 0);
	assert_int_equal(capture_wire_check(&marks, 32), 0);
	assert_int_equal(capture_wire_check(&marks, 56), -EPROTO);
	marks.count = 1;
	assert_int_equal(capture_wire_check(&marks, 32), -EPROTO);
	marks.h.size = 56;
	assert_int_equal(capture_wire_check(&marks, 56), 0);
	marks.mark[0].lane = WIRE_LANES;
	assert_int_equal(capture_wire_check(&marks, 56), -EPROTO);
	marks.count = 17;
	marks.h.size = 32 + 24 * 17;
	assert_int_equal(capture_wire_check(&marks, 32 + 24 * 17), -EPROTO);
	assert_int_equal(capture_wire_check(&turn, sizeof(turn)), 0);
	assert_int_equal(capture_wire_check(&turn, sizeof(turn) - 1), -EPROTO);
	assert_int_equal(capture_wire_check(&turn, 15), -EPROTO);
	turn.role = 9;
	assert_int_equal(capture_wire_check(&turn, sizeof(turn)), -EPROTO);
}

static void test_wire_records_of_varying_size(void **state)
{
	struct wire_syscalls calls = {.h = {.kind = WIRE_KIND_SYSCALLS, .size = 32}};
	struct {
		struct wire_stack head;
		uint64_t frame[2];
		uint8_t copy[8];
	} stack = {.head = {.h = {.kind = WIRE_KIND_STACK, .size = sizeof(stack)},
			    .kernel_frames = 1,
			    .user_frames = 1,
			    .copied_bytes = 8}};

	(void)state;
	assert_int_equal(capture_wire_check(&calls, 32), 0);
	calls.count = WIRE_SYSCALLS_MAX;
	assert_int_equal(capture_wire_check(&calls, 32), -EPROTO);
	calls.h.size = sizeof(calls);
	assert_int_equal(capture_wire_check(&calls, sizeof(calls)), 0);
	calls.count = WIRE_SYSCALLS_MAX + 1;
	assert_int_equal(capture_wire_check(&calls, sizeof(calls)), -EPROTO);
	assert_int_equal(capture_wire_check(&stack, sizeof(stack)), 0);
	stack.head.copied_bytes = 9;
	assert_int_equal(capture_wire_check(&stack, sizeof(stack)), -EPROTO);
	stack.head.copied_bytes = WIRE_STACK_COPY_MAX + 1;
	assert_int_equal(capture_wire_check(&stack, sizeof(stack)), -EPROTO);
	stack.head.copied_bytes = 8;
	stack.head.user_frames = UINT16_MAX;
	assert_int_equal(capture_wire_check(&stack, sizeof(stack)), -EPROTO);
}

static void test_writer_refuses_what_the_reader_would(void **state)
{
	struct fixture *f = *state;
	struct record_events head = {.count = 3};
	struct capture_writer *w;
	struct capture_end totals;

	assert_int_equal(capture_writer_open(&w, f->path, CAPTURE_FULL, 0, NULL), 0);
	assert_int_equal(capture_write(w, CAPTURE_REQUEST, &head, sizeof(head)), -EPROTO);
	assert_int_equal(capture_write(w, CAPTURE_EVENTS, &head, sizeof(head)), -EPROTO);
	assert_int_equal(capture_write(w, CAPTURE_META, "", 0), -EPROTO);
	assert_int_equal(capture_write(w, CAPTURE_END, &totals, sizeof(totals)), -EINVAL);
	assert_int_equal(capture_write(w, CAPTURE_META, "{}", 2), 0);
	assert_int_equal(capture_writer_close(w, &totals, NULL), 0);
	assert_int_equal(totals.frames_seen, 5);
	assert_int_equal(totals.frames_written, 1);
	assert_int_equal(read_all(f->path).total, 2);
}

/* Writes 100 s of 10 turns and 10 requests each and one tick; returns the file's size. */
static off_t write_sample(const char *path, uint64_t max_bytes, struct capture_end *totals)
{
	struct capture_writer *w;
	struct stat st;
	unsigned s, i;

	assert_int_equal(capture_writer_open(&w, path, CAPTURE_SAMPLE, max_bytes, NULL), 0);
	write_conn(w);
	for (s = 0; s < 100; s++) {
		uint64_t second_ns = s * NS_PER_S;

		for (i = 0; i < 10; i++) {
			struct record_request request = {.id = s * 10 + i + 1, .due_ns = second_ns + i};

			write_turn(w, second_ns + i);
			write_frame(w, CAPTURE_REQUEST, &request, sizeof(request));
		}
		write_frame(w, CAPTURE_TICK, &second_ns, sizeof(second_ns));
	}
	assert_int_equal(capture_writer_close(w, totals, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void test_sample_stays_below_its_bound(void **state)
{
	static const uint64_t bounds[] = {64, 200, 1000, 5000, 50000, 100000, 200000, 400000, 1 << 20};
	struct fixture *f = *state;
	uint64_t written = 0;
	size_t i;

	for (i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		struct capture_end totals;
		struct tally t;

		assert_in_range(write_sample(f->path, bounds[i], &totals), 1, bounds[i]);
		t = read_all(f->path);
		assert_int_equal(t.rc, 0);
		assert_true(t.complete);
		assert_int_equal(t.total, totals.frames_written + 1);
		assert_int_equal(totals.frames_seen, 2101);
		assert_int_equal(totals.requests_seen, 1000);
		assert_int_equal(t.frames[CAPTURE_REQUEST], totals.requests_written);
		assert_in_range(totals.requests_written, written, 1000);
		written = totals.requests_written;
		/* whole seconds thinned out, not the end cut off: all ticks, turns with their requests */
		if (bounds[i] >= 100000) {
			assert_int_equal(t.frames[CAPTURE_TICK], 100);
			assert_in_range(t.frames[CAPTURE_WIRE], totals.requests_written, totals.requests_written + 2);
		}
	}
	assert_int_equal(written, 1000);
}

#define TEXTS 4000u

/* A text of every length to 96 bytes, so that whatever comes behind lies at every alignment, and over many reads of the file. */
static void write_texts(struct capture_writer *w)
{
	struct wire_turn turn = {.h = {WIRE_KIND_TURN, sizeof(turn), 0, 1}, .role = WIRE_ROLE_GATEWAY};
	char text[97];

	memset(text, 'x', sizeof(text));
	for (uint32_t i = 0; i < TEXTS; i++) {
		write_frame(w, CAPTURE_META, text, 1 + i % 96);
		turn.conn = i;
		write_frame(w, CAPTURE_WIRE, &turn, sizeof(turn));
	}
}

static void test_frames_lie_aligned_and_texts_end(void **state)
{
	struct fixture *f = *state;
	struct capture_writer *w = NULL;
	struct capture_reader *r = NULL;
	enum capture_frame type;
	const void *data;
	uint32_t bytes, texts = 0, turns = 0;

	assert_int_equal(capture_writer_open(&w, f->path, CAPTURE_FULL, 0, NULL), 0);
	write_texts(w);
	assert_int_equal(capture_writer_close(w, NULL, NULL), 0);
	assert_int_equal(capture_reader_open(&r, f->path, NULL), 0);
	while (capture_read(r, &type, &data, &bytes, NULL) == 1) {
		assert_int_equal((uintptr_t)data % 8, 0);
		if (type == CAPTURE_META) {
			assert_int_equal(bytes, 1 + texts++ % 96);
			assert_int_equal(strlen(data), bytes);
			assert_int_equal(strspn(data, "x"), bytes);
		} else if (type == CAPTURE_WIRE) {
			assert_int_equal(((const struct wire_turn *)data)->conn, turns++);
		}
	}
	assert_true(capture_reader_complete(r, NULL));
	assert_int_equal(texts, TEXTS);
	assert_int_equal(turns, TEXTS);
	capture_reader_free(r);
}

/* Frame by frame the same, up to the same end or defect in the same words. Returns how many. */
static unsigned ahead_agrees(const char *path)
{
	struct capture_reader *r[2];
	struct capture_ahead *ahead;
	enum capture_frame type[2];
	const void *data[2];
	uint32_t bytes[2];
	struct err err[2] = {{0}};
	unsigned frames = 0;
	int rc[2];

	assert_int_equal(capture_reader_open(&r[0], path, NULL), 0);
	assert_int_equal(capture_reader_open(&r[1], path, NULL), 0);
	assert_int_equal(capture_ahead_new(&ahead, r[1], NULL, NULL, NULL), 0);
	for (;;) {
		rc[0] = capture_read(r[0], &type[0], &data[0], &bytes[0], &err[0]);
		rc[1] = capture_ahead_read(ahead, &type[1], &data[1], &bytes[1], &err[1]);
		assert_int_equal(rc[0], rc[1]);
		if (rc[0] != 1)
			break;
		assert_int_equal(type[0], type[1]);
		assert_int_equal(bytes[0], bytes[1]);
		assert_memory_equal(data[0], data[1], bytes[0] + 1);
		assert_int_equal((uintptr_t)data[1] % 8, 0);
		frames++;
	}
	assert_string_equal(err[0].text, err[1].text);
	assert_int_equal(capture_ahead_read(ahead, &type[1], &data[1], &bytes[1], NULL), rc[0]);
	capture_ahead_free(ahead);
	assert_int_equal(capture_reader_complete(r[0], NULL), capture_reader_complete(r[1], NULL));
	capture_reader_free(r[0]);
	capture_reader_free(r[1]);
	return frames;
}

static void test_read_ahead_is_the_same(void **state)
{
	struct fixture *f = *state;
	struct capture_writer *w = NULL;
	struct capture_reader *r = NULL;
	struct capture_ahead *ahead;
	enum capture_frame type;
	const void *data;
	uint32_t bytes;

	for (size_t cut = HEAD_BYTES; cut <= f->bytes.used; cut += 7) {
		put_file(f->path, f->bytes.data, cut);
		ahead_agrees(f->path);
	}
	f->bytes.data[f->bytes.used / 2] ^= 0x55;
	put_file(f->path, f->bytes.data, f->bytes.used);
	ahead_agrees(f->path);
	assert_int_equal(capture_writer_open(&w, f->path, CAPTURE_FULL, 0, NULL), 0);
	write_texts(w);
	assert_int_equal(capture_writer_close(w, NULL, NULL), 0);
	assert_int_equal(ahead_agrees(f->path), 2 * TEXTS + 1);
	/* who has seen enough leaves the rest */
	assert_int_equal(capture_reader_open(&r, f->path, NULL), 0);
	assert_int_equal(capture_ahead_new(&ahead, r, NULL, NULL, NULL), 0);
	assert_int_equal(capture_ahead_read(ahead, &type, &data, &bytes, NULL), 1);
	capture_ahead_free(ahead);
	capture_reader_free(r);
	capture_ahead_free(NULL);
}

/* What the thread has done, and how far the worker is. */
struct halves {
	unsigned seen; /* by the thread */
	unsigned through; /* heads that the worker is done with */
	unsigned fail_at;
	bool early; /* a frame behind a head was touched before the worker was through with it */
};

static int half_of(void *ctx, enum capture_frame type, const void *data, uint32_t bytes)
{
	struct halves *h = ctx;

	if (type == CAPTURE_END)
		return 0;
	assert_int_equal(type, CAPTURE_WIRE);
	assert_int_equal(((const struct wire_turn *)data)->conn, h->seen);
	assert_int_equal(bytes, sizeof(struct wire_turn));
	h->seen++;
	h->early |= __atomic_load_n(&h->through, __ATOMIC_ACQUIRE) < h->seen / 2;
	return h->seen == h->fail_at ? -ENOMEM : 0;
}

static void write_halves(const char *path)
{
	struct capture_writer *w = NULL;
	struct wire_turn t = {.h = {.kind = WIRE_KIND_TURN, .size = sizeof(t)}, .role = WIRE_ROLE_GATEWAY};

	assert_int_equal(capture_writer_open(&w, path, CAPTURE_FULL, 0, NULL), 0);
	for (unsigned i = 0; i < TEXTS; i++) {
		if (i % 2)
			assert_int_equal(capture_write(w, CAPTURE_META, "{}", 2), 0);
		t.conn = i;
		assert_int_equal(capture_write(w, CAPTURE_WIRE, &t, sizeof(t)), 0);
	}
	assert_int_equal(capture_writer_close(w, NULL, NULL), 0);
}

/* Reads all with a half of the work on the thread; returns how many turns came, *rc is how it ended. */
static unsigned halves_read(const char *path, struct halves *h, int *rc, struct err *err)
{
	struct capture_reader *r;
	struct capture_ahead *ahead;
	enum capture_frame type;
	const void *data;
	uint32_t bytes;
	unsigned turns = 0;

	assert_int_equal(capture_reader_open(&r, path, NULL), 0);
	assert_int_equal(capture_ahead_new(&ahead, r, half_of, h, NULL), 0);
	while ((*rc = capture_ahead_read(ahead, &type, &data, &bytes, err)) == 1) {
		turns += type == CAPTURE_WIRE;
		if (type == CAPTURE_META) /* the next read tells that it is done with */
			__atomic_add_fetch(&h->through, 1, __ATOMIC_RELEASE);
		if (type == CAPTURE_END)
			break;
	}
	capture_ahead_free(ahead);
	capture_reader_free(r);
	return turns;
}

static void test_read_ahead_does_half_of_the_work(void **state)
{
	struct fixture *f = *state;
	struct halves h = {0}, failing = {.fail_at = 5};
	struct err err = {0};
	int rc;

	write_halves(f->path);
	assert_int_equal(halves_read(f->path, &h, &rc, NULL), TEXTS);
	assert_int_equal(rc, 1);
	assert_int_equal(h.seen, TEXTS);
	assert_false(h.early);
	/* those before stand, and why is told */
	assert_int_equal(halves_read(f->path, &failing, &rc, &err), 4);
	assert_int_equal(rc, -ENOMEM);
	assert_non_null(strstr(err.text, "Cannot allocate memory"));
}

static void test_sample_keeps_whole_seconds(void **state)
{
	struct fixture *f = *state;
	unsigned per_second[100] = {0}, s, thinned = 0;
	struct capture_reader *r;
	enum capture_frame type;
	const void *data;
	uint32_t bytes;

	write_sample(f->path, 200000, NULL);
	assert_int_equal(capture_reader_open(&r, f->path, NULL), 0);
	while (capture_read(r, &type, &data, &bytes, NULL) == 1) {
		if (type == CAPTURE_REQUEST)
			per_second[((const struct record_request *)data)->due_ns / NS_PER_S]++;
	}
	capture_reader_free(r);
	for (s = 0; s < 100; s++)
		thinned += per_second[s] == 0;
	assert_int_equal(per_second[0], 10);
	assert_in_range(thinned, 40, 80);
}

static void test_off_only_counts(void **state)
{
	struct capture_writer *w;
	struct capture_end totals;

	(void)state;
	assert_int_equal(capture_writer_open(&w, "/nowhere/x", CAPTURE_OFF, 0, NULL), 0);
	write_all_types(w);
	assert_int_equal(capture_writer_close(w, &totals, NULL), 0);
	assert_int_equal(totals.frames_seen, 13);
	assert_int_equal(totals.requests_seen, 1);
	assert_int_equal(totals.frames_written, 0);
}

static void test_full_disk(void **state)
{
	struct capture_writer *w;
	struct capture_end totals;
	struct err err = {0};
	unsigned i;
	int rc = 0;

	(void)state;
	assert_int_equal(capture_writer_open(&w, "/dev/full", CAPTURE_FULL, 0, &err), 0);
	for (i = 0; i < 10000 && !rc; i++) {
		struct record_request request = {.id = i + 1};

		rc = capture_write(w, CAPTURE_REQUEST, &request, sizeof(request));
	}
	assert_int_equal(rc, -ENOSPC);
	assert_int_equal(capture_write(w, CAPTURE_META, "{}", 2), -ENOSPC);
	assert_int_equal(capture_writer_close(w, &totals, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "/dev/full"));
	assert_non_null(strstr(err.text, "No space left"));
	assert_int_equal(totals.frames_written, 0);
	assert_int_equal(totals.frames_seen, i + 1);
}

static void test_open_errors(void **state)
{
	struct capture_writer *w = NULL;
	struct capture_reader *r = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(capture_writer_open(&w, "/nowhere/x", CAPTURE_FULL, 0, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere/x"));
	assert_null(w);
	err = (struct err){0};
	assert_int_equal(capture_writer_open(&w, "/tmp/toll-never", CAPTURE_SAMPLE, 10, &err), -EINVAL);
	assert_int_equal(access("/tmp/toll-never", F_OK), -1);
	err = (struct err){0};
	assert_int_equal(capture_reader_open(&r, "/nowhere/x", &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere/x"));
	err = (struct err){0};
	assert_int_equal(capture_reader_open(&r, "/tmp", &err), -EISDIR);
	assert_null(r);
	capture_reader_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_anywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_frames_lie_aligned_and_texts_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_ahead_is_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_ahead_does_half_of_the_work, setup, teardown),
		cmocka_unit_test_setup_teardown(test_any_byte_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals_say_where, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_behind_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_writer_refuses_what_the_reader_would, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sample_stays_below_its_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sample_keeps_whole_seconds, setup, teardown),
		cmocka_unit_test(test_wire_sizes),
		cmocka_unit_test(test_wire_records_of_varying_size),
		cmocka_unit_test(test_off_only_counts),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_open_errors),
	};

	return cmocka_run_group_tests_name("capture", tests, NULL, NULL);
}
