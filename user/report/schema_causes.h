/* SPDX-License-Identifier: GPL-2.0-only */
/* Private to user/report: the schema's parts on causes. */
#ifndef TOLL_REPORT_SCHEMA_CAUSES_H
#define TOLL_REPORT_SCHEMA_CAUSES_H

/* clang-format off */
/* Of the run, of a class and of a stage. */
#define SCHEMA_CAUSES \
	"        \"causes\": {\n" \
	"          \"description\": \"what the toll's time went into; over all joined requests, also those in which a cause took no time; they add up to the toll\",\n" \
	"          \"type\": \"object\",\n" \
	"          \"additionalProperties\": {\"$ref\": \"#/$defs/cause\"}\n" \
	"        },\n" \
	"        \"causes_by_phase\": {\n" \
	"          \"description\": \"the same for each phase of the gateway, over the requests in which the phase took time\",\n" \
	"          \"type\": \"object\",\n" \
	"          \"additionalProperties\": {\"type\": \"object\", \"additionalProperties\": {\"$ref\": \"#/$defs/cause\"}}\n" \
	"        },\n"

#define SCHEMA_FINDINGS \
	"    \"growth\": {\n" \
	"      \"description\": \"does a cost grow with the number of the chunk, the bytes of the request or of the answer? by cost\",\n" \
	"      \"type\": \"object\",\n" \
	"      \"additionalProperties\": {\n" \
	"        \"type\": \"object\",\n" \
	"        \"required\": [\"with\", \"slope_ns\", \"z\", \"grows\"],\n" \
	"        \"properties\": {\n" \
	"          \"with\": {\"type\": \"string\"},\n" \
	"          \"slope_ns\": {\"description\": \"per chunk or byte, by Theil and Sen over medians of groups\", \"type\": \"number\"},\n" \
	"          \"z\": {\"description\": \"of Mann and Kendall\", \"type\": \"number\"},\n" \
	"          \"low_at\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"          \"low_ns\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"          \"high_at\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"          \"high_ns\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"          \"grows\": {\"type\": \"boolean\"}\n" \
	"        }\n" \
	"      }\n" \
	"    },\n" \
	"    \"system_calls\": {\n" \
	"      \"description\": \"of the gateway's threads, by name\",\n" \
	"      \"type\": \"object\",\n" \
	"      \"additionalProperties\": {\"$ref\": \"#/$defs/system_call\"}\n" \
	"    },\n" \
	"    \"threads\": {\n" \
	"      \"description\": \"what the gateway's threads did with their time while their probes were on (probes.groups), by name, those that used or wanted most CPU first\",\n" \
	"      \"type\": \"array\",\n" \
	"      \"items\": {\n" \
	"        \"type\": \"object\",\n" \
	"        \"required\": [\"name\", \"threads\", \"on_cpu_ns\", \"run_queue_ns\", \"blocked_ns\"],\n" \
	"        \"properties\": {\n" \
	"          \"name\": {\"type\": \"string\"},\n" \
	"          \"purpose\": {\"type\": \"string\"},\n" \
	"          \"threads\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"          \"on_cpu_ns\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"          \"run_queue_ns\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"          \"run_queue_held_by\": {\"$ref\": \"#/$defs/counts\"},\n" \
	"          \"throttled_ns\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"          \"blocked_ns\": {\"$ref\": \"#/$defs/counts\"},\n" \
	"          \"times_off_cpu\": {\"type\": \"integer\", \"minimum\": 0}\n" \
	"        }\n" \
	"      }\n" \
	"    },\n" \
	"    \"findings\": {\n" \
	"      \"description\": \"what costs most, worst first\",\n" \
	"      \"type\": \"array\",\n" \
	"      \"items\": {\n" \
	"        \"type\": \"object\",\n" \
	"        \"required\": [\"text\"],\n" \
	"        \"properties\": {\n" \
	"          \"cause\": {\"type\": \"string\"},\n" \
	"          \"phase\": {\"type\": \"string\"},\n" \
	"          \"share_of_toll_p99\": {\"type\": \"number\"},\n" \
	"          \"p50_ns\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"          \"p99_ns\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"          \"text\": {\"type\": \"string\"}\n" \
	"        }\n" \
	"      }\n" \
	"    },\n" \
	"    \"toll_composition\": {\n" \
	"      \"description\": \"what the requests with a toll around p50 (p40 to p60) and around p99 (p95 and more) are made of, on average\",\n" \
	"      \"type\": \"object\",\n" \
	"      \"properties\": {\"p50\": {\"$ref\": \"#/$defs/composition\"}, \"p99\": {\"$ref\": \"#/$defs/composition\"}}\n" \
	"    },\n" \
	"    \"interference\": {\n" \
	"      \"description\": \"the gateway waited for a CPU that driver and provider held, in the requests around p99 of the toll\",\n" \
	"      \"type\": \"object\",\n" \
	"      \"properties\": {\"per_request_p99_ns\": {\"type\": \"integer\", \"minimum\": 0}, \"share_of_toll_p99\": {\"type\": \"number\"}}\n" \
	"    },\n" \
	"    \"busy_threads\": {\"description\": \"requests waited while these threads worked for others\", \"$ref\": \"#/$defs/thread_times\"},\n" \
	"    \"lock_holders\": {\"description\": \"requests waited for a lock that these threads then released\", \"$ref\": \"#/$defs/thread_times\"},\n"

#define SCHEMA_CAUSE_DEFS \
	"    \"system_call\": {\n" \
	"      \"description\": \"enter to exit, waiting included\",\n" \
	"      \"type\": \"object\",\n" \
	"      \"required\": [\"count\", \"p50_ns\", \"p99_ns\", \"max_ns\", \"histogram\", \"total_ns\", \"failed\", \"errors\"],\n" \
	"      \"properties\": {\n" \
	SCHEMA_DIST_FIELDS ",\n" \
	"        \"total_ns\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"per_request\": {\"type\": \"number\"},\n" \
	"        \"failed\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"errors\": {\"description\": \"by errno\", \"$ref\": \"#/$defs/counts\"},\n" \
	"        \"short_sends\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"in_toll_per_request_ns\": {\"description\": \"of it inside the toll\", \"type\": \"integer\", \"minimum\": 0}\n" \
	"      }\n" \
	"    },\n" \
	"    \"cause\": {\n" \
	"      \"type\": \"object\",\n" \
	"      \"required\": [\n" \
	SCHEMA_DIST_REQUIRED ", \"title\", \"per_request_ns\"\n" \
	"      ],\n" \
	"      \"properties\": {\n" \
	SCHEMA_DIST_FIELDS ",\n" \
	"        \"title\": {\"type\": \"string\"},\n" \
	"        \"meaning\": {\"type\": \"string\"},\n" \
	"        \"occurred\": {\"description\": \"requests in which it took time\", \"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"per_request_ns\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"share_of_toll\": {\"type\": \"number\"},\n" \
	"        \"share_of_phase\": {\"type\": \"number\"}\n" \
	"      }\n" \
	"    },\n" \
	"    \"composition\": {\n" \
	"      \"type\": \"object\",\n" \
	"      \"required\": [\"requests\", \"toll_ns\", \"parts\"],\n" \
	"      \"properties\": {\n" \
	"        \"requests\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"toll_ns\": {\"description\": \"mean\", \"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"run_queue_held_by\": {\"description\": \"who ran meanwhile, ns per request\", \"$ref\": \"#/$defs/counts\"},\n" \
	"        \"idle_in_timers_ns\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"parts\": {\n" \
	"          \"type\": \"array\",\n" \
	"          \"items\": {\n" \
	"            \"type\": \"object\",\n" \
	"            \"required\": [\"phase\", \"cause\", \"per_request_ns\", \"share\"],\n" \
	"            \"properties\": {\n" \
	"              \"phase\": {\"type\": \"string\"},\n" \
	"              \"cause\": {\"type\": \"string\"},\n" \
	"              \"per_request_ns\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"              \"share\": {\"type\": \"number\"}\n" \
	"            }\n" \
	"          }\n" \
	"        }\n" \
	"      }\n" \
	"    },\n" \
	"    \"thread_times\": {\n" \
	"      \"type\": \"array\",\n" \
	"      \"items\": {\n" \
	"        \"type\": \"object\",\n" \
	"        \"required\": [\"name\", \"ns\"],\n" \
	"        \"properties\": {\n" \
	"          \"tid\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"          \"name\": {\"type\": \"string\"},\n" \
	"          \"ns\": {\"type\": \"integer\", \"minimum\": 0}\n" \
	"        }\n" \
	"      }\n" \
	"    },\n"

/* clang-format on */

#endif
