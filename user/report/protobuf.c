// SPDX-License-Identifier: GPL-2.0-only
#include "report/protobuf.h"

enum { WIRE_VARINT = 0, WIRE_64_BITS = 1, WIRE_BYTES = 2 };

int protobuf_varint(struct buf *b, uint64_t value)
{
	unsigned char byte[10];
	unsigned n = 0;

	do {
		byte[n++] = (unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		value >>= 7;
	} while (value);
	return buf_append(b, byte, n);
}

int protobuf_number(struct buf *b, unsigned field, uint64_t value)
{
	int rc = protobuf_varint(b, field << 3 | WIRE_VARINT);

	return rc ? rc : protobuf_varint(b, value);
}

int protobuf_double(struct buf *b, unsigned field, double value)
{
	int rc = protobuf_varint(b, field << 3 | WIRE_64_BITS);

	/* little-endian, as this machine is (record/capture_frame.c checks) */
	return rc ? rc : buf_append(b, &value, sizeof(value));
}

int protobuf_bytes(struct buf *b, unsigned field, const void *data, size_t n)
{
	int rc = protobuf_varint(b, field << 3 | WIRE_BYTES);

	if (!rc)
		rc = protobuf_varint(b, n);
	return rc || !n ? rc : buf_append(b, data, n);
}
