// SPDX-License-Identifier: GPL-2.0-only
// rooms: base symbol probe tests/support/probe_pair
/* Whatever call moves the bytes, the same marks at the same positions: one test each. */
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/support/probe_pair.h"
#include "tests/support/test.h"

#define BYTES 3000

static char block[BYTES];

typedef ssize_t (*mover)(int fd);

static ssize_t by_write(int fd)
{
	return write(fd, block, BYTES);
}

static ssize_t by_read(int fd)
{
	return read(fd, block, BYTES);
}

static ssize_t by_send(int fd)
{
	return send(fd, block, BYTES, MSG_NOSIGNAL);
}

static ssize_t by_recv(int fd)
{
	return recv(fd, block, BYTES, 0);
}

static ssize_t by_sendto(int fd)
{
	return sendto(fd, block, BYTES, MSG_NOSIGNAL, NULL, 0);
}

static ssize_t by_recvfrom(int fd)
{
	return recvfrom(fd, block, BYTES, 0, NULL, NULL);
}

static struct iovec halves[2] = {{block, BYTES / 2}, {block + BYTES / 2, BYTES - BYTES / 2}};

static ssize_t by_writev(int fd)
{
	return writev(fd, halves, 2);
}

static ssize_t by_readv(int fd)
{
	return readv(fd, halves, 2);
}

static ssize_t by_sendmsg(int fd)
{
	struct msghdr m = {.msg_iov = halves, .msg_iovlen = 2};

	return sendmsg(fd, &m, MSG_NOSIGNAL);
}

static ssize_t by_recvmsg(int fd)
{
	struct msghdr m = {.msg_iov = halves, .msg_iovlen = 2};

	return recvmsg(fd, &m, 0);
}

static ssize_t by_sendmmsg(int fd)
{
	struct mmsghdr m = {.msg_hdr = {.msg_iov = halves, .msg_iovlen = 2}};

	return sendmmsg(fd, &m, 1, MSG_NOSIGNAL) == 1 ? (ssize_t)m.msg_len : -1;
}

static ssize_t by_recvmmsg(int fd)
{
	struct mmsghdr m = {.msg_hdr = {.msg_iov = halves, .msg_iovlen = 2}};

	return recvmmsg(fd, &m, 1, 0, NULL) == 1 ? (ssize_t)m.msg_len : -1;
}

static ssize_t by_sendfile(int fd)
{
	char path[] = "/tmp/toll-test-XXXXXX";
	int file = mkstemp(path);
	ssize_t n = -1;

	unlink(path);
	if (write(file, block, BYTES) == BYTES && lseek(file, 0, SEEK_SET) == 0)
		n = sendfile(fd, file, NULL, BYTES);
	close(file);
	return n;
}

static ssize_t by_splice_out(int fd)
{
	int pipefd[2];
	ssize_t n = -1;

	if (!pipe(pipefd) && write(pipefd[1], block, BYTES) == BYTES)
		n = splice(pipefd[0], NULL, fd, NULL, BYTES, 0);
	close(pipefd[0]);
	close(pipefd[1]);
	return n;
}

static ssize_t by_splice_in(int fd)
{
	int pipefd[2];
	ssize_t n = -1;

	if (!pipe(pipefd))
		n = splice(fd, NULL, pipefd[1], NULL, BYTES, 0);
	close(pipefd[0]);
	close(pipefd[1]);
	return n;
}

static int ring_allowed(void)
{
	struct io_uring ring;

	if (io_uring_queue_init(4, &ring, 0))
		return 0;
	io_uring_queue_exit(&ring);
	return 1;
}

static ssize_t by_ring(int fd, int out)
{
	struct io_uring ring;
	struct io_uring_cqe *cqe;
	ssize_t n = -1;

	if (io_uring_queue_init(4, &ring, 0))
		return -1;
	if (out)
		io_uring_prep_send(io_uring_get_sqe(&ring), fd, block, BYTES, MSG_NOSIGNAL);
	else
		io_uring_prep_recv(io_uring_get_sqe(&ring), fd, block, BYTES, 0);
	if (io_uring_submit(&ring) == 1 && !io_uring_wait_cqe(&ring, &cqe)) {
		n = cqe->res;
		io_uring_cqe_seen(&ring, cqe);
	}
	io_uring_queue_exit(&ring);
	return n;
}

static ssize_t by_ring_send(int fd)
{
	return by_ring(fd, 1);
}

static ssize_t by_ring_recv(int fd)
{
	return by_ring(fd, 0);
}

/* A request moved by `out` and `in`, an answer too: both ends must have the same positions and times in causal order. */
static void check_calls(mover out, mover in)
{
	const struct wire_turn *c, *s;
	struct probe_pair p;

	pair_open(&p, 1);
	assert_int_equal(out(p.client), BYTES);
	for (ssize_t got = 0, n; got < BYTES; got += n) {
		n = in(p.server);
		assert_true(n > 0);
	}
	assert_int_equal(out(p.server), BYTES);
	for (ssize_t got = 0, n; got < BYTES; got += n) {
		n = in(p.client);
		assert_true(n > 0);
	}
	pair_collect(&p);
	c = pair_turn(&p, p.client_cookie, 0);
	s = pair_turn(&p, p.server_cookie, 0);
	assert_non_null(c);
	assert_non_null(s);
	for (int lane = 0; lane < WIRE_LANES; lane++) {
		assert_int_equal(c->lane[lane].start_pos, 0);
		assert_int_equal(c->lane[lane].end_pos, BYTES);
		assert_int_equal(s->lane[lane].start_pos, 0);
		assert_int_equal(s->lane[lane].end_pos, BYTES);
	}
	assert_in_range(s->lane[WIRE_LANE_IN].first_ns, c->lane[WIRE_LANE_OUT].first_ns, s->lane[WIRE_LANE_READ].first_ns);
	assert_in_range(s->lane[WIRE_LANE_OUT].first_ns, s->lane[WIRE_LANE_READ].last_ns, c->lane[WIRE_LANE_IN].first_ns);
	assert_in_range(c->lane[WIRE_LANE_IN].last_ns, c->lane[WIRE_LANE_IN].first_ns, c->lane[WIRE_LANE_READ].last_ns);
	pair_close(&p);
}

#define CALL_TEST(name, out, in)                                                                                                 \
	static void test_##name(void **state)                                                                                    \
	{                                                                                                                        \
		(void)state;                                                                                                     \
		check_calls(out, in);                                                                                            \
	}

CALL_TEST(read_write, by_write, by_read)
CALL_TEST(send_recv, by_send, by_recv)
CALL_TEST(sendto_recvfrom, by_sendto, by_recvfrom)
CALL_TEST(writev_readv, by_writev, by_readv)
CALL_TEST(sendmsg_recvmsg, by_sendmsg, by_recvmsg)
CALL_TEST(sendmmsg_recvmmsg, by_sendmmsg, by_recvmmsg)
CALL_TEST(sendfile_read, by_sendfile, by_read)
CALL_TEST(splice, by_splice_out, by_splice_in)

static void test_io_uring(void **state)
{
	(void)state;
	if (!ring_allowed()) {
		print_message("skip io_uring: this kernel refuses io_uring_setup\n");
		skip();
	}
	check_calls(by_ring_send, by_ring_recv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_write),      cmocka_unit_test(test_send_recv),
		cmocka_unit_test(test_sendto_recvfrom), cmocka_unit_test(test_writev_readv),
		cmocka_unit_test(test_sendmsg_recvmsg), cmocka_unit_test(test_sendmmsg_recvmmsg),
		cmocka_unit_test(test_sendfile_read),   cmocka_unit_test(test_splice),
		cmocka_unit_test(test_io_uring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
