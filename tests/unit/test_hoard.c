// rooms: base gateway/hoard gateway/hoard_parse
// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "gateway/hoard.h"
#include "tests/support/test.h"

static const struct hoard_request chat = {.target = "/v1/chat/completions", .body = "{}", .body_bytes = 2, .status = 200};
static const struct hoard_request stream = {
	.target = "/v1/chat/completions", .body = "{\"stream\": true}", .body_bytes = 16, .status = 200};
static const struct hoard_request embeddings = {.target = "/v1/embeddings", .body = "{}", .body_bytes = 2, .status = 200};

static void test_good(void **state)
{
	static const struct {
		const char *word;
		struct hoard_plant plant;
	} good[] = {
		{"leak=64B@chat", {HOARD_LEAK, HOARD_CHAT, 1, 64}},
		{"leak=1KiB@error/1000", {HOARD_LEAK, HOARD_ERROR, 1000, 1024}},
		{"cache=plateau@any", {HOARD_CACHE, HOARD_ANY, 1, 0}},
		{"cache=slow@chat", {HOARD_SLOW_CACHE, HOARD_CHAT, 1, 0}},
		{"fd@connection", {HOARD_FD, HOARD_CONNECTION, 1, 0}},
		{"closed_socket@stream/2", {HOARD_CLOSED, HOARD_STREAM, 2, 0}},
		{"inflight=100kB@stream", {HOARD_IN_FLIGHT, HOARD_STREAM, 1, 100000}},
		{"thread@disconnect/50", {HOARD_THREAD, HOARD_DISCONNECT, 50, 0}},
	};
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct hoard_plant p;
		assert_true(hoard_is_plant(good[i].word));
		assert_int_equal(hoard_plant_parse(good[i].word, &p, &err), 0);
		assert_int_equal(p.kind, good[i].plant.kind);
		assert_int_equal(p.when, good[i].plant.when);
		assert_int_equal(p.every, good[i].plant.every);
		assert_int_equal(p.bytes, good[i].plant.bytes);
	}
}

static void test_bad(void **state)
{
	static const char *const bad[] = {
		"leak@chat", "leak=64B",      "leak=8B@chat", "leak=64B@chats", "leak=64B@chat/0", "leak=2GiB@chat",
		"fd=3@any",  "cache=big@any", "fd@",          "thread@any/x",   "leak=64B@"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct hoard_plant p;
		struct err err = {0};
		assert_true(hoard_is_plant(bad[i]));
		assert_int_equal(hoard_plant_parse(bad[i], &p, &err), -EINVAL);
		assert_non_null(strstr(err.text, bad[i]));
	}
	assert_false(hoard_is_plant("sleep=1ms@request"));
	assert_false(hoard_is_plant("leaky=64B@chat"));
}

static unsigned fds_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void repeat(struct hoard *h, const struct hoard_request *r, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		hoard_end(h, r, hoard_begin(h, r));
}

static void test_keeps_for_its_class_only(void **state)
{
	const struct hoard_plants plants = {.count = 1, .plant = {{HOARD_FD, HOARD_STREAM, 1, 0}}};
	struct hoard *h = hoard_new(&plants, "127.0.0.1:1", 1);
	unsigned before = fds_open();

	(void)state;
	assert_non_null(h);
	repeat(h, &chat, 10);
	repeat(h, &embeddings, 10);
	assert_int_equal(fds_open(), before);
	repeat(h, &stream, 10);
	assert_int_equal(fds_open(), before + 10);
	hoard_free(h);
	assert_int_equal(fds_open(), before);
}

static void test_one_in_n(void **state)
{
	const struct hoard_plants plants = {.count = 1, .plant = {{HOARD_CLOSED, HOARD_ANY, 4, 0}}};
	struct hoard *h = hoard_new(&plants, "127.0.0.1:1", 1);
	unsigned before = fds_open();

	(void)state;
	repeat(h, &chat, 400);
	assert_in_range(fds_open() - before, 70, 130);
	hoard_free(h);
}

static void test_when_it_ended_badly(void **state)
{
	const struct hoard_plants plants = {
		.count = 3,
		.plant = {{HOARD_FD, HOARD_ERROR, 1, 0}, {HOARD_FD, HOARD_DISCONNECT, 1, 0}, {HOARD_FD, HOARD_CONNECTION, 1, 0}}};
	struct hoard *h = hoard_new(&plants, "127.0.0.1:1", 1);
	struct hoard_request r = chat;
	unsigned before = fds_open();

	(void)state;
	repeat(h, &r, 1);
	assert_int_equal(fds_open(), before);
	r.status = 502;
	repeat(h, &r, 1);
	assert_int_equal(fds_open(), before + 1);
	r.status = 200;
	r.left = true;
	repeat(h, &r, 1);
	assert_int_equal(fds_open(), before + 2);
	r.left = false;
	r.first_of_connection = true;
	repeat(h, &r, 1);
	assert_int_equal(fds_open(), before + 3);
	hoard_free(h);
}

static unsigned threads_now(void)
{
	unsigned threads = 0;
	char line[128];
	FILE *status = fopen("/proc/self/status", "re");

	while (fgets(line, sizeof(line), status))
		if (sscanf(line, "Threads: %u", &threads) == 1)
			break;
	fclose(status);
	return threads;
}

static void test_every_kind_gives_back_at_its_end(void **state)
{
	const struct hoard_plants plants = {.count = 8,
					    .plant = {{HOARD_LEAK, HOARD_ANY, 1, 64},
						      {HOARD_MMAP, HOARD_ANY, 16, 65536},
						      {HOARD_CACHE, HOARD_ANY, 1, 0},
						      {HOARD_SLOW_CACHE, HOARD_ANY, 1, 0},
						      {HOARD_FRAGMENT, HOARD_ANY, 4, 8192},
						      {HOARD_SAWTOOTH, HOARD_ANY, 1, 1 << 20},
						      {HOARD_IN_FLIGHT, HOARD_ANY, 1, 4096},
						      {HOARD_THREAD, HOARD_ANY, 100, 0}}};
	unsigned threads = threads_now();
	struct hoard *h = hoard_new(&plants, "127.0.0.1:1", 3);

	(void)state;
	repeat(h, &chat, 1000);
	assert_in_range(threads_now(), threads + 1, threads + 40);
	hoard_free(h); /* the leak checker at the end of this program sees what is not given back */
	assert_int_equal(threads_now(), threads);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_keeps_for_its_class_only),
		cmocka_unit_test(test_one_in_n),
		cmocka_unit_test(test_when_it_ended_badly),
		cmocka_unit_test(test_every_kind_gives_back_at_its_end),
	};

	return cmocka_run_group_tests_name("hoard", tests, NULL, NULL);
}
