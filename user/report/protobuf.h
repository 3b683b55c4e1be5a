/* SPDX-License-Identifier: GPL-2.0-only */
/* Private to user/report: fields of protocol buffers (protobuf.dev/programming-guides/encoding), by hand: there are few. 0 or -errno of buf_append(). */
#ifndef TOLL_REPORT_PROTOBUF_H
#define TOLL_REPORT_PROTOBUF_H

#include <stdint.h>

#include "base/buf.h"

int protobuf_varint(struct buf *b, uint64_t value);
int protobuf_number(struct buf *b, unsigned field, uint64_t value);
int protobuf_double(struct buf *b, unsigned field, double value);
/* Texts, and messages that were put together before. */
int protobuf_bytes(struct buf *b, unsigned field, const void *data, size_t n);

#endif
