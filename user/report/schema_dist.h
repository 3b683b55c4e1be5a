/* SPDX-License-Identifier: GPL-2.0-only */
/* Private to user/report: what every distribution of the document has. */
#ifndef TOLL_REPORT_SCHEMA_DIST_H
#define TOLL_REPORT_SCHEMA_DIST_H

/* clang-format off */
#define SCHEMA_DIST_REQUIRED \
	"        \"count\", \"min_ns\", \"mean_ns\", \"p50_ns\", \"p90_ns\", \"p95_ns\", \"p99_ns\", \"p999_ns\", \"max_ns\", \"lower_bounds\",\n" \
	"        \"histogram\""

#define SCHEMA_DIST_FIGURE(name) "        \"" name "\": {\"type\": \"integer\", \"minimum\": 0},\n"

/* Without the comma behind the last. */
#define SCHEMA_DIST_FIELDS \
	SCHEMA_DIST_FIGURE("count") \
	SCHEMA_DIST_FIGURE("min_ns") \
	SCHEMA_DIST_FIGURE("mean_ns") \
	SCHEMA_DIST_FIGURE("p50_ns") \
	SCHEMA_DIST_FIGURE("p90_ns") \
	SCHEMA_DIST_FIGURE("p95_ns") \
	SCHEMA_DIST_FIGURE("p99_ns") \
	SCHEMA_DIST_FIGURE("p999_ns") \
	SCHEMA_DIST_FIGURE("max_ns") \
	"        \"lower_bounds\": {\"description\": \"how many of the values are only known as: this or more\", \"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"at_least\": {\n" \
	"          \"description\": \"figures here whose true value is this or more\", \"type\": \"array\", \"items\": {\"type\": \"string\"}\n" \
	"        },\n" \
	"        \"histogram\": {\"description\": \"toll.hist/1: mergeable, at most 0.4 % off\", \"type\": \"string\"}"
/* clang-format on */

#endif
