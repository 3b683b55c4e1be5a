/* SPDX-License-Identifier: GPL-2.0-only */
/* A capture through the pipeline, once more: the document that the run built, without root, kernel or network. */
#ifndef TOLL_SESSION_REPLAY_H
#define TOLL_SESSION_REPLAY_H

#include <jansson.h>

#include "base/err.h"

/*
 * A capture that was cut gives what it holds, marked as cut short. err: the file cannot be read, is no capture, or its records are not
 * what they say (file and offset). Caller json_decref()s *doc.
 */
int replay_capture(const char *path, json_t **doc, struct err *err);

#endif
