/* SPDX-License-Identifier: GPL-2.0-only */
/* How API keys stand in a database: nobody who reads it can call with them. */
#ifndef TOLL_GATEWAY_KEY_DIGEST_H
#define TOLL_GATEWAY_KEY_DIGEST_H

#define KEY_DIGEST_SIZE 65

/* SHA-256 of the key in lower-case hexadecimal, NUL behind it. 0 or -EIO when libcrypto has no SHA-256. */
int key_digest(const char *key, char out[KEY_DIGEST_SIZE]);

#endif
