/* SPDX-License-Identifier: GPL-2.0-only */
/* Private to user/report: the schema's parts on tenants and on upstreams that fail. */
#ifndef TOLL_REPORT_SCHEMA_PEERS_H
#define TOLL_REPORT_SCHEMA_PEERS_H

/* clang-format off */
#define SCHEMA_PEERS \
	"    \"gateway_log\": {\n" \
	"      \"description\": \"what the gateway's own log says of its latency, in lines of the measured part\",\n" \
	"      \"type\": \"object\",\n" \
	"      \"required\": [\"lines\", \"matched\", \"unread\", \"told\"],\n" \
	"      \"properties\": {\n" \
	"        \"lines\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"matched\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"unread\": {\"description\": \"matched, but its number was no time\", \"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"rotated\": {\"description\": \"another file stood there at the end: the first and the last were read\", \"type\": \"boolean\"},\n" \
	"        \"cut\": {\"description\": \"it was cut meanwhile: what came ahead of that is lost\", \"type\": \"boolean\"},\n" \
	"        \"told\": {\"$ref\": \"#/$defs/dist\"}\n" \
	"      }\n" \
	"    },\n" \
	"    \"own_counters\": {\n" \
	"      \"description\": \"counters of the gateway's own Prometheus page, over the measured part; meaning: as their names suggest\",\n" \
	"      \"type\": \"object\",\n" \
	"      \"required\": [\"url\", \"seen\", \"changed\", \"rows\"],\n" \
	"      \"properties\": {\n" \
	"        \"url\": {\"type\": \"string\"},\n" \
	"        \"seen\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"unread\": {\"description\": \"lines that are no sample, samples that found no room\", \"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"changed\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"cache_hit_rate\": {\"type\": \"number\", \"minimum\": 0},\n" \
	"        \"rows\": {\n" \
	"          \"type\": \"array\",\n" \
	"          \"items\": {\n" \
	"            \"type\": \"object\",\n" \
	"            \"required\": [\"name\", \"meaning\"],\n" \
	"            \"properties\": {\n" \
	"              \"name\": {\"type\": \"string\"},\n" \
	"              \"meaning\": {\"enum\": [\"cache_hits\", \"cache_misses\", \"requests\", \"tokens\", \"cost\", \"duration\", \"other\"]},\n" \
	"              \"change\": {\"type\": \"number\"},\n" \
	"              \"count\": {\"type\": \"number\"},\n" \
	"              \"mean_ns\": {\"type\": \"integer\"},\n" \
	"              \"mean\": {\"type\": \"number\"},\n" \
	"              \"began_anew\": {\"const\": true}\n" \
	"            }\n" \
	"          }\n" \
	"        }\n" \
	"      }\n" \
	"    },\n" \
	"    \"tenants\": {\"type\": \"object\", \"additionalProperties\": {\"$ref\": \"#/$defs/class\"}},\n" \
	"    \"resilience\": {\n" \
	"      \"description\": \"how the gateway dealt with upstreams that fail, inferred from its calls\",\n" \
	"      \"type\": \"object\",\n" \
	"      \"required\": [\"failovers\", \"retries\", \"upstreams\"],\n" \
	"      \"properties\": {\n" \
	"        \"failovers\": {\n" \
	"          \"type\": \"object\",\n" \
	"          \"required\": [\"count\", \"ok\"],\n" \
	"          \"properties\": {\n" \
	"            \"count\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"            \"ok\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"            \"time\": {\"$ref\": \"#/$defs/dist\"}\n" \
	"          }\n" \
	"        },\n" \
	"        \"retries\": {\n" \
	"          \"type\": \"object\",\n" \
	"          \"required\": [\"requests\", \"attempts_max\"],\n" \
	"          \"properties\": {\n" \
	"            \"requests\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"            \"attempts_max\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"            \"backoff\": {\"$ref\": \"#/$defs/dist\"}\n" \
	"          }\n" \
	"        },\n" \
	"        \"out_of_order\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"upstreams\": {\n" \
	"          \"type\": \"object\",\n" \
	"          \"additionalProperties\": {\n" \
	"            \"type\": \"object\",\n" \
	"            \"required\": [\"turns\", \"failed\", \"answered\", \"breaker\", \"changes\"],\n" \
	"            \"properties\": {\n" \
	"              \"turns\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"              \"failed\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"              \"answered\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"              \"passed_over\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"              \"breaker\": {\"enum\": [\"CLOSED\", \"OPEN\", \"HALF_OPEN\"]},\n" \
	"              \"opened\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"              \"half_opened\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"              \"closed\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"              \"changes\": {\n" \
	"                \"type\": \"array\",\n" \
	"                \"items\": {\n" \
	"                  \"type\": \"object\",\n" \
	"                  \"required\": [\"state\", \"at_request\"],\n" \
	"                  \"properties\": {\n" \
	"                    \"state\": {\"enum\": [\"CLOSED\", \"OPEN\", \"HALF_OPEN\"]},\n" \
	"                    \"at_request\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"                    \"at_s\": {\"type\": \"number\"}\n" \
	"                  }\n" \
	"                }\n" \
	"              }\n" \
	"            }\n" \
	"          }\n" \
	"        }\n" \
	"      }\n" \
	"    },\n"
/* clang-format on */

#endif
