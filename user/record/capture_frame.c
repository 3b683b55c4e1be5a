// SPDX-License-Identifier: GPL-2.0-only
#include "record/capture_frame.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "bpf/wire.h"
#include "record/capture.h"
#include "record/stack.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "captures are little-endian, written as they lie in memory");

uint32_t capture_wire_size(uint16_t kind)
{
	switch ((enum wire_kind)kind) {
	case WIRE_KIND_CONN:
		return sizeof(struct wire_conn);
	case WIRE_KIND_ACCEPT:
		return sizeof(struct wire_accept);
	case WIRE_KIND_CLOSE:
		return sizeof(struct wire_close);
	case WIRE_KIND_TURN:
		return sizeof(struct wire_turn);
	case WIRE_KIND_MARKS:
		return offsetof(struct wire_marks, mark);
	case WIRE_KIND_PROCESS:
		return sizeof(struct wire_process);
	case WIRE_KIND_CONNECT_FAILED:
		return sizeof(struct wire_connect_failed);
	case WIRE_KIND_THREAD:
		return sizeof(struct wire_thread_life);
	case WIRE_KIND_OFF_CPU:
		return sizeof(struct wire_off_cpu);
	case WIRE_KIND_SYSCALLS:
		return offsetof(struct wire_syscalls, call);
	case WIRE_KIND_SAMPLE:
		return sizeof(struct wire_sample);
	case WIRE_KIND_STACK:
		return sizeof(struct wire_stack);
	case WIRE_KIND_LOOKUP:
		return sizeof(struct wire_lookup);
	case WIRE_KIND_TURNS:
		return 0; /* the ring's alone: its reader makes turns of it */
	case WIRE_KIND_GROUPS:
		return sizeof(struct wire_groups);
	}
	return 0;
}

/* Lanes are indices in user space, so a foreign one must not get past here. */
static int marks_check(const void *data, uint32_t bytes)
{
	struct wire_marks marks;
	uint32_t i;

	memcpy(&marks, data, bytes < sizeof(marks) ? bytes : sizeof(marks));
	if (marks.count > WIRE_MARKS_MAX || bytes != offsetof(struct wire_marks, mark) + marks.count * sizeof(marks.mark[0]))
		return -EPROTO;
	for (i = 0; i < marks.count; i++) {
		if (marks.mark[i].lane >= WIRE_LANES)
			return -EPROTO;
	}
	return 0;
}

static int syscalls_check(const void *data, uint32_t bytes)
{
	struct wire_syscalls calls;

	memcpy(&calls, data, offsetof(struct wire_syscalls, call));
	if (calls.count > WIRE_SYSCALLS_MAX ||
	    bytes != offsetof(struct wire_syscalls, call) + calls.count * sizeof(calls.call[0]))
		return -EPROTO;
	return 0;
}

static int stack_check(const void *data, uint32_t bytes)
{
	struct wire_stack stack;
	uint32_t frames;

	memcpy(&stack, data, sizeof(stack));
	frames = (uint32_t)stack.kernel_frames + stack.user_frames;
	if (frames > 2 * WIRE_STACK_FRAMES_MAX || stack.copied_bytes > WIRE_STACK_COPY_MAX ||
	    bytes != sizeof(stack) + frames * sizeof(stack.frame[0]) + stack.copied_bytes)
		return -EPROTO;
	return 0;
}

static int owner_check(uint8_t role, uint8_t side)
{
	return role <= WIRE_ROLE_PROVIDER && side <= WIRE_SIDE_CLIENT ? 0 : -EPROTO;
}

int capture_wire_check(const void *data, uint32_t bytes)
{
	const uint8_t *byte = data;
	struct wire_header h;
	uint32_t size;

	if (bytes < sizeof(h))
		return -EPROTO;
	memcpy(&h, data, sizeof(h));
	size = capture_wire_size(h.kind);
	if (!size || h.size != bytes || bytes < size)
		return -EPROTO;
	if (h.kind == WIRE_KIND_MARKS)
		return marks_check(data, bytes);
	if (h.kind == WIRE_KIND_SYSCALLS)
		return syscalls_check(data, bytes);
	if (h.kind == WIRE_KIND_STACK)
		return stack_check(data, bytes);
	if (bytes != size)
		return -EPROTO;
	if (h.kind == WIRE_KIND_TURN)
		return owner_check(byte[offsetof(struct wire_turn, role)], byte[offsetof(struct wire_turn, side)]);
	if (h.kind == WIRE_KIND_CONN)
		return owner_check(byte[offsetof(struct wire_conn, role)], byte[offsetof(struct wire_conn, side)]);
	return 0;
}

int capture_frame_check_size(uint32_t type, uint32_t bytes)
{
	uint32_t least = 0, most = 0;

	switch ((enum capture_frame)type) {
	case CAPTURE_META:
		least = 1;
		most = CAPTURE_FRAME_BYTES_MAX;
		break;
	case CAPTURE_WIRE:
		least = sizeof(struct wire_header);
		most = UINT16_MAX;
		break;
	case CAPTURE_REQUEST:
		least = most = sizeof(struct record_request);
		break;
	case CAPTURE_PROVIDER:
		least = most = sizeof(struct record_provider);
		break;
	case CAPTURE_EVENTS:
		least = sizeof(struct record_events);
		most = sizeof(struct record_events) + RECORD_EVENTS_BATCH_MAX * sizeof(struct record_event);
		break;
	case CAPTURE_COUNTERS:
		least = most = WIRE_COUNTERS * sizeof(uint64_t);
		break;
	case CAPTURE_TICK:
		least = most = sizeof(uint64_t);
		break;
	case CAPTURE_GAUGES:
		least = RECORD_GAUGES_LEAST;
		most = sizeof(struct record_gauges);
		break;
	case CAPTURE_STACK:
		least = sizeof(struct record_stack);
		most = sizeof(struct record_stack) + RECORD_STACK_FRAMES_MAX * RECORD_FRAME_NAME_MAX;
		break;
	case CAPTURE_PART:
		least = most = sizeof(struct record_part);
		break;
	case CAPTURE_END:
		least = most = sizeof(struct capture_end);
		break;
	}
	return most && bytes >= least && bytes <= most ? 0 : -EPROTO;
}

/* Its label is printed as it is. */
static int part_check(const void *data)
{
	struct record_part part;

	memcpy(&part, data, sizeof(part));
	return memchr(part.label, '\0', sizeof(part.label)) ? 0 : -EPROTO;
}

int capture_frame_check(uint32_t type, const void *data, uint32_t bytes)
{
	struct record_events head;

	if (type == CAPTURE_WIRE)
		return capture_wire_check(data, bytes);
	if (type == CAPTURE_STACK)
		return record_stack_check(data, bytes);
	if (type == CAPTURE_PART)
		return part_check(data);
	if (type != CAPTURE_EVENTS)
		return 0;
	memcpy(&head, data, sizeof(head));
	if (head.count > RECORD_EVENTS_BATCH_MAX || bytes != sizeof(head) + head.count * sizeof(struct record_event))
		return -EPROTO;
	return 0;
}
