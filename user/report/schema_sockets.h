/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of the result's schema that holds the gateway's sockets, and what each row of it is: pieces of one string literal. */
#ifndef TOLL_REPORT_SCHEMA_SOCKETS_H
#define TOLL_REPORT_SCHEMA_SOCKETS_H

/* clang-format off */
#define SCHEMA_SOCKETS \
	"    \"sockets\": {\n" \
	"      \"description\": \"the gateway's own connections, from the kernel's records alone\",\n" \
	"      \"type\": \"object\",\n" \
	"      \"properties\": {\n" \
	"        \"accepted\": {\"$ref\": \"#/$defs/sockets\"},\n" \
	"        \"upstream\": {\"type\": \"object\", \"additionalProperties\": {\"$ref\": \"#/$defs/sockets\"}},\n" \
	"        \"sends\": {\n" \
	"          \"description\": \"calls of the gateway that found a send buffer full\",\n" \
	"          \"type\": \"object\",\n" \
	"          \"properties\": {\n" \
	"            \"short\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"            \"would_block\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"            \"blocked\": {\"$ref\": \"#/$defs/dist\"}\n" \
	"          }\n" \
	"        },\n" \
	"        \"findings\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}}\n" \
	"      }\n" \
	"    },\n"

#define SCHEMA_QUEUE \
	"    \"queue\": {\n" \
	"      \"description\": \"requests inside the gateway at once, and those that lay unread in its sockets\",\n" \
	"      \"type\": \"object\",\n" \
	"      \"properties\": {\n" \
	"        \"requests_max\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"unread_max\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"unread_mean\": {\"type\": \"number\"}\n" \
	"      }\n" \
	"    },\n" \
	"    \"workers\": {\n" \
	"      \"description\": \"the gateway's processes and threads that came and went in the measured part\",\n" \
	"      \"type\": \"object\",\n" \
	"      \"properties\": {\n" \
	"        \"processes_began\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"processes_ended\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"threads_began\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"threads_ended\": {\"type\": \"integer\", \"minimum\": 0}\n" \
	"      }\n" \
	"    },\n" \
	"    \"disconnects\": {\n" \
	"      \"description\": \"clients that left, and how long the gateway kept their upstream calls\",\n" \
	"      \"type\": \"object\",\n" \
	"      \"properties\": {\n" \
	"        \"clients\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"calls\": {\"description\": \"still running then, or begun later\", \"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"answered\": {\"description\": \"of them: to the answer's end\", \"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"dropped\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"kept\": {\"description\": \"client gone -> call over\", \"$ref\": \"#/$defs/dist\"}\n" \
	"      }\n" \
	"    },\n"

#define SCHEMA_SOCKETS_DEF \
	"    \"sockets\": {\n" \
	"      \"type\": \"object\",\n" \
	"      \"properties\": {\n" \
	"        \"address\": {\"type\": \"string\"},\n" \
	"        \"inner\": {\"description\": \"the gateway itself is the peer\", \"type\": \"boolean\"},\n" \
	"        \"opened\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"connections\": {\"description\": \"that had a turn\", \"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"turns\": {\"description\": \"TLS handshakes included\", \"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"requests\": {\"description\": \"joined\", \"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"turns_per_connection\": {\"type\": \"number\"},\n" \
	"        \"opened_per_request\": {\"type\": \"number\"},\n" \
	"        \"opens_per_request\": {\"description\": \"it keeps no connection\", \"type\": \"boolean\"},\n" \
	"        \"retransmits\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"failed\": {\"$ref\": \"#/$defs/counts\"},\n" \
	"        \"connect\": {\"$ref\": \"#/$defs/dist\"},\n" \
	"        \"accept_queue\": {\"$ref\": \"#/$defs/dist\"},\n" \
	"        \"unread\": {\n" \
	"          \"description\": \"of each turn, the longest that a byte of it lay unread\",\n" \
	"          \"$ref\": \"#/$defs/dist\"\n" \
	"        },\n" \
	"        \"unread_untold\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"process\": {\n" \
	"          \"description\": \"who serves there, on this host; memory: anonymous and resident\",\n" \
	"          \"type\": \"object\",\n" \
	"          \"properties\": {\n" \
	"            \"cpu_cores\": {\"type\": \"number\"},\n" \
	"            \"processes_max\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"            \"memory_bytes\": {\"$ref\": \"#/$defs/counts\"}\n" \
	"          }\n" \
	"        },\n" \
	"        \"pool\": {\n" \
	"          \"description\": \"its connections over time\",\n" \
	"          \"$ref\": \"#/$defs/pool\"\n" \
	"        }\n" \
	"      }\n" \
	"    },\n" \
	"    \"pool\": {\n" \
	"      \"type\": \"object\",\n" \
	"      \"properties\": {\n" \
	"        \"open_max\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"open_end\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"busy_max\": {\"description\": \"in use at once\", \"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"exhausted\": {\n" \
	"          \"description\": \"share of the time: all in use, and requests waited inside the gateway\",\n" \
	"          \"type\": \"number\"\n" \
	"        },\n" \
	"        \"abandoned\": {\n" \
	"          \"description\": \"open and unused to the end while others were opened\",\n" \
	"          \"type\": \"integer\",\n" \
	"          \"minimum\": 0\n" \
	"        },\n" \
	"        \"backlog_max\": {\n" \
	"          \"description\": \"requests answered, less questions that this peer has answered\",\n" \
	"          \"type\": \"integer\",\n" \
	"          \"minimum\": 0\n" \
	"        },\n" \
	"        \"backlog_end\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"wait\": {\"description\": \"question's last byte -> answer's first\", \"$ref\": \"#/$defs/dist\"},\n" \
	"        \"series\": {\n" \
	"          \"description\": \"of labelled peers: connections open and in use, the most in each step\",\n" \
	"          \"type\": \"object\",\n" \
	"          \"properties\": {\n" \
	"            \"step_s\": {\"type\": \"number\"},\n" \
	"            \"open\": {\"$ref\": \"#/$defs/column\"},\n" \
	"            \"busy\": {\"$ref\": \"#/$defs/column\"}\n" \
	"          }\n" \
	"        },\n" \
	"        \"stages\": {\"type\": \"object\", \"additionalProperties\": {\"$ref\": \"#/$defs/pool\"}}\n" \
	"      }\n" \
	"    },\n"
/* clang-format on */

#endif
