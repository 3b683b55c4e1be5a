// rooms: base record driver scenario/arrival tests/support/raw_server
// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "driver/post.h"
#include "record/tag.h"
#include "tests/support/raw_server.h"
#include "tests/support/test.h"

#define TAG UINT64_C(0xabc)

static int send_to(enum raw_mode mode, struct err *err, unsigned *arrived)
{
	static const char *const headers[] = {"Content-Type: text/plain", "Content-Encoding: identity"};
	struct raw_server *server = raw_server_start(mode, false);
	char url[96], body[TAG_BYTES + 1];

	tag_format(body, TAG);
	snprintf(url, sizeof(url), "http://bob:hunter2@127.0.0.1:%u/write?db=x", server->port);
	const struct post post = {.url = url, .header = headers, .headers = 2, .body = body, .bytes = TAG_BYTES};
	int rc = post_send(&post, err);
	*arrived = raw_server_turn(server, TAG) != NULL;
	raw_server_stop(server);
	return rc;
}

static void the_body_arrives_whole(void **state)
{
	struct err err = {0};
	unsigned arrived;

	(void)state;
	assert_int_equal(send_to(RAW_PLAIN, &err, &arrived), 0);
	assert_int_equal(arrived, 1);
}

static void a_refusal_is_told_without_the_user(void **state)
{
	struct err err = {0};
	unsigned arrived;

	(void)state;
	assert_int_equal(send_to(RAW_UNAUTHORIZED, &err, &arrived), -EPROTO);
	assert_non_null(strstr(err.text, "/write?db=x: it answered 401"));
	assert_null(strstr(err.text, "hunter2"));
	assert_int_equal(send_to(RAW_RESET, &err, &arrived), -EIO);
}

static void nobody_is_there(void **state)
{
	const struct post post = {.url = "http://127.0.0.1:9/x", .body = "", .bytes = 0};
	struct err err = {0};

	(void)state;
	assert_int_equal(post_send(&post, &err), -EIO);
	assert_non_null(strstr(err.text, "POST to http://127.0.0.1:9/x: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_body_arrives_whole),
		cmocka_unit_test(a_refusal_is_told_without_the_user),
		cmocka_unit_test(nobody_is_there),
	};

	return cmocka_run_group_tests_name("post", tests, NULL, NULL);
}
