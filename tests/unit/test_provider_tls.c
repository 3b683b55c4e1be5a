// SPDX-License-Identifier: GPL-2.0-only
// rooms: base http provider tests/support/provider_rig record/tag record/said
/* TLS 1.2 and 1.3: positions are those of the ciphertext, and both ends agree on them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/provider_rig.h"

struct certificate {
	char dir[64], cert[96], key[96];
};

static void certificate_make(struct certificate *c)
{
	strcpy(c->dir, "/tmp/toll-provider-XXXXXX");
	assert_non_null(mkdtemp(c->dir));
	snprintf(c->cert, sizeof(c->cert), "%s/cert.pem", c->dir);
	snprintf(c->key, sizeof(c->key), "%s/key.pem", c->dir);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	FILE *f = fopen(c->cert, "w");
	assert_int_equal(PEM_write_X509(f, x), 1);
	fclose(f);
	f = fopen(c->key, "w");
	assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
	X509_free(x);
	EVP_PKEY_free(key);
}

static void certificate_remove(const struct certificate *c)
{
	unlink(c->cert);
	unlink(c->key);
	rmdir(c->dir);
}

/* Reads application bytes until they end with `tail`; notes the ciphertext position behind each record that ended an event. */
static void tls_read(SSL *ssl, BIO *bio, struct buf *in, const char *tail, uint64_t *pos, unsigned *records)
{
	size_t n = strlen(tail);
	in->used = 0;
	while (in->used < n || memcmp(in->data + in->used - n, tail, n) != 0) {
		assert_int_equal(buf_reserve(in, 20000), 0);
		int got = SSL_read(ssl, in->data + in->used, 20000);
		assert_true(got > 0);
		in->used += (size_t)got;
		in->data[in->used] = '\0';
		pos[(*records)++] = BIO_number_read(bio);
	}
}

static void tls_check(struct rig *r, int version)
{
	struct buf in = {0}, text = {0};
	static uint64_t pos[256];
	unsigned records = 0, first_events = r->events;
	char body[256];
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	assert_int_equal(SSL_CTX_set_min_proto_version(ctx, version), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(ctx, version), 1);
	SSL *ssl = SSL_new(ctx);
	int fd = rig_connect(r, 0);
	BIO *bio = BIO_new_socket(fd, BIO_NOCLOSE);
	SSL_set_bio(ssl, bio, bio);
	assert_int_equal(SSL_connect(ssl), 1);
	uint64_t shaken_out = BIO_number_written(bio);
	for (unsigned turn = 0; turn < 2; turn++) {
		unsigned n = r->records;
		uint64_t before = BIO_number_written(bio);
		snprintf(body, sizeof(body), RIG_ASK, 5, turn ? "" : ",\"stream\":true,\"max_tokens\":4");
		size_t bytes = rig_request_make(&text, "/v1/chat/completions", body);
		assert_int_equal(SSL_write(ssl, text.data, (int)bytes), bytes);
		tls_read(ssl, bio, &in, turn ? "}}" : "\r\n0\r\n\r\n", pos, &records);
		struct record_provider p = rig_record(r, n);
		assert_int_equal(p.tag, 0xa5);
		assert_int_equal(p.in_start_pos, before);
		assert_int_equal(p.in_end_pos, BIO_number_written(bio));
		assert_int_equal(p.out_end_pos, BIO_number_read(bio));
		assert_int_equal(p.tls_end_in_pos, shaken_out);
		assert_int_not_equal(p.tls_end_ns, 0);
		assert_true(p.tls_end_ns <= p.request_first_ns);
		if (!turn) {
			assert_int_equal(p.out_start_pos, p.tls_end_out_pos);
			assert_int_equal(r->events - first_events, 4);
		}
	}
	for (unsigned k = 0; k < 4; k++) { /* each token in a record of its own, the last one with the end */
		unsigned i = 0;
		while (i < records && pos[i] != r->event[first_events + k].pos)
			i++;
		assert_true(i < records);
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);
	buf_fini(&in);
	buf_fini(&text);
}

static void test_tls(void **state)
{
	(void)state;
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct certificate c;
	certificate_make(&c);
	for (unsigned i = 0; i < 2; i++) {
		struct rig *r = rig_new("1ms");
		strcpy(r->config.behaviour.inter_token_time, "1ms");
		r->config.tls_cert = c.cert;
		r->config.tls_key = c.key;
		rig_start(r);
		int fd = rig_connect(r, 0); /* plain HTTP to a TLS port: closed, nothing else happens */
		rig_chat(fd, 1, "");
		char byte;
		while (recv(fd, &byte, 1, 0) > 0)
			;
		close(fd);
		tls_check(r, versions[i]);
		rig_free(r);
	}
	struct rig *r = rig_new("0");
	r->config.tls_cert = c.cert;
	struct err err = {0};
	assert_int_equal(provider_run(&r->config, &err), -EINVAL);
	r->config.tls_key = "/nonexistent/key.pem";
	err = (struct err){0};
	assert_int_equal(provider_run(&r->config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/nonexistent/key.pem"));
	free(r->event);
	free(r);
	certificate_remove(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
