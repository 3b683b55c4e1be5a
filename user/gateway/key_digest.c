// SPDX-License-Identifier: GPL-2.0-only
#include "gateway/key_digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

int key_digest(const char *key, char out[KEY_DIGEST_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned bytes = 0;

	if (!EVP_Digest(key, strlen(key), md, &bytes, EVP_sha256(), NULL) || bytes != (KEY_DIGEST_SIZE - 1) / 2)
		return -EIO;
	for (unsigned i = 0; i < bytes; i++) {
		out[2 * i] = hex[md[i] >> 4];
		out[2 * i + 1] = hex[md[i] & 15];
	}
	out[KEY_DIGEST_SIZE - 1] = '\0';
	return 0;
}
