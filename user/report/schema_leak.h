/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of the schema that tells of leaks. */
#ifndef TOLL_REPORT_SCHEMA_LEAK_H
#define TOLL_REPORT_SCHEMA_LEAK_H

/* clang-format off */
#define SCHEMA_KEPT_HEAD \
	"            \"because\": {\"type\": \"string\"}, \"started_s\": {\"type\": \"number\"}, \"windows\": {\"type\": \"integer\"}, \"on_s\": {\"type\": \"number\"},\n" \
	"            \"refused\": {\"description\": \"what found no room\", \"type\": \"integer\"}, \"stacks_lost\": {\"type\": \"integer\"},\n" \
	"            \"requests\": {\"description\": \"ended within the windows, by class\", \"type\": \"object\", \"additionalProperties\": {\"type\": \"integer\"}},\n" \
	"            \"per_request_of\": {\"description\": \"the classes whose requests the rates are about; empty: all\", \"type\": \"array\", \"items\": {\"type\": \"string\"}},\n" \
	"            \"notes\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}},\n"

#define SCHEMA_KEPT_SITES \
	"            \"kept_bytes\": {\"type\": \"number\"}, \"kept_bytes_per_request\": {\"type\": \"number\"}, \"rest_kept_bytes\": {\"description\": \"of the sites that are not in the list\", \"type\": \"number\"},\n" \
	"            \"sites_seen\": {\"type\": \"integer\"},\n" \
	"            \"sites\": {\n" \
	"              \"type\": \"array\",\n" \
	"              \"items\": {\n" \
	"                \"type\": \"object\",\n" \
	"                \"required\": [\"site\", \"frames\", \"taken\", \"kept_bytes\", \"survival\"],\n" \
	"                \"properties\": {\n" \
	"                  \"site\": {\"description\": \"the function that wanted it\", \"type\": \"string\"},\n" \
	"                  \"frames\": {\"description\": \"innermost first\", \"type\": \"array\", \"items\": {\"type\": \"string\"}},\n" \
	"                  \"taken\": {\"type\": \"integer\"}, \"taken_bytes\": {\"type\": \"integer\"}, \"asked_bytes\": {\"type\": \"integer\"},\n" \
	"                  \"freed\": {\"description\": \"in the window in which they were taken\", \"type\": \"integer\"},\n" \
	"                  \"carried\": {\"description\": \"there when a window closed\", \"type\": \"integer\"}, \"gone_later\": {\"description\": \"of those, seen to be gone in a later window\", \"type\": \"integer\"},\n" \
	"                  \"survival\": {\"description\": \"share that outlives watched_s, by a life table that takes those still there as censored\", \"type\": \"number\"}, \"watched_s\": {\"type\": \"number\"},\n" \
	"                  \"kept\": {\"description\": \"of those taken: never given back, as far as was seen\", \"type\": \"number\"}, \"kept_bytes\": {\"type\": \"number\"}, \"kept_error_bytes\": {\"type\": \"number\"},\n" \
	"                  \"alive\": {\"description\": \"of those followed: there at the end\", \"type\": \"integer\"}, \"alive_bytes\": {\"type\": \"integer\"},\n" \
	"                  \"one_window_share\": {\"description\": \"of the alive bytes: what the window took that took most of them; near 1: it came once, not with the requests; 0: there was one window\", \"type\": \"number\"},\n" \
	"                  \"reached\": {\"description\": \"of those followed, with --reachability: something points to them\", \"type\": \"integer\"}, \"reached_bytes\": {\"type\": \"integer\"},\n" \
	"                  \"lost\": {\"description\": \"nothing points to them\", \"type\": \"integer\"}, \"lost_bytes\": {\"type\": \"integer\"}, \"gone_unseen\": {\"description\": \"given back between windows\", \"type\": \"integer\"},\n" \
	"                  \"first_s\": {\"type\": \"number\"}, \"last_s\": {\"type\": \"number\"}, \"youngest_s\": {\"type\": \"number\"}, \"oldest_s\": {\"type\": \"number\"},\n" \
	"                  \"bytes_per_request\": {\"type\": \"number\"}, \"count_per_request\": {\"type\": \"number\"}, \"interval\": {\"description\": \"95 %, of bytes_per_request\", \"$ref\": \"#/$defs/interval\"}\n" \
	"                }\n" \
	"              }\n" \
	"            }\n"

/* of $defs */
#define SCHEMA_LEAK_PART \
	"    \"leak_part\": {\n" \
	"      \"type\": \"object\",\n" \
	"      \"required\": [\"start\", \"end\", \"most\", \"verdict\", \"reason\"],\n" \
	"      \"properties\": {\n" \
	"        \"start\": {\"type\": \"number\"}, \"end\": {\"type\": \"number\"}, \"most\": {\"type\": \"number\"},\n" \
	"        \"verdict\": {\"enum\": [\"leak\", \"no_leak\", \"inconclusive\"]}, \"reason\": {\"type\": \"string\"},\n" \
	"        \"per_request\": {\"type\": \"number\"}, \"per_second\": {\"type\": \"number\"}\n" \
	"      }\n" \
	"    },\n"

#define SCHEMA_LEAK \
	"    \"leak\": {\n" \
	"      \"description\": \"what a soak found: growth of the gateway's gauges against requests, 99 % intervals\",\n" \
	"      \"type\": \"object\",\n" \
	"      \"required\": [\"verdict\", \"gauge\", \"gauges\", \"classes\"],\n" \
	"      \"properties\": {\n" \
	"        \"verdict\": {\"enum\": [\"leak\", \"no_leak\", \"inconclusive\"]},\n" \
	"        \"gauge\": {\"description\": \"which gauge the verdict is about\", \"type\": \"string\"},\n" \
	"        \"samples\": {\"type\": \"integer\", \"minimum\": 0},\n" \
	"        \"duration_s\": {\"type\": \"number\"},\n" \
	"        \"lives\": {\"description\": \"more than 1: the gateway ended, and another process took its place\", \"type\": \"integer\"}, \"judged_life_s\": {\"description\": \"from and to: the longest of them\", \"$ref\": \"#/$defs/interval\"},\n" \
	"        \"runtime\": {\"description\": \"whose heap the gauge runtime_heap is, told by where its mappings lie; absent: none\", \"enum\": [\"V8\", \"Go\", \"V8 and Go\"]},\n" \
	"        \"bytes_per_request\": {\"type\": \"number\"},\n" \
	"        \"per_request_of\": {\"description\": \"the classes whose requests are counted; empty: all\", \"type\": \"array\", \"items\": {\"type\": \"string\"}},\n" \
	"        \"interval\": {\"$ref\": \"#/$defs/interval\"},\n" \
	"        \"smallest_visible_bytes_per_request\": {\"type\": \"number\"},\n" \
	"        \"gauges\": {\n" \
	"          \"type\": \"object\",\n" \
	"          \"additionalProperties\": {\n" \
	"            \"type\": \"object\",\n" \
	"            \"required\": [\"title\", \"unit\", \"verdict\", \"reason\"],\n" \
	"            \"properties\": {\n" \
	"              \"title\": {\"type\": \"string\"},\n" \
	"              \"unit\": {\"enum\": [\"bytes\", \"count\"]},\n" \
	"              \"counter\": {\"description\": \"it can but rise: no verdict of it means anything, its rates do\", \"type\": \"boolean\"},\n" \
	"              \"judged\": {\"description\": \"false: evidence only\", \"type\": \"boolean\"},\n" \
	"              \"verdict\": {\"enum\": [\"leak\", \"no_leak\", \"inconclusive\"]},\n" \
	"              \"reason\": {\"enum\": [\"too_short\", \"too_noisy\", \"flat\", \"levels_off\", \"slows_down\", \"grows_on\", \"stepped\", \"no_new_high\", \"not_measured\"]},\n" \
	"              \"start\": {\"description\": \"of the floor, as end\", \"type\": \"number\"}, \"end\": {\"type\": \"number\"}, \"most\": {\"description\": \"of any second, in any life\", \"type\": \"number\"},\n" \
	"              \"judged_from_s\": {\"type\": \"number\"},\n" \
	"              \"per_second\": {\"type\": \"number\"}, \"per_second_interval\": {\"$ref\": \"#/$defs/interval\"},\n" \
	"              \"per_request\": {\"type\": \"number\"}, \"per_request_interval\": {\"$ref\": \"#/$defs/interval\"},\n" \
	"              \"smallest_visible_per_request\": {\"type\": \"number\"},\n" \
	"              \"persistence\": {\"description\": \"slope of the second half over that of the first: 1 for a leak, near 0 for a cache\", \"type\": \"number\"},\n" \
	"              \"needs_s\": {\"type\": \"number\"}\n" \
	"            }\n" \
	"          }\n" \
	"        },\n" \
	"        \"sockets\": {\n" \
	"          \"description\": \"TCP sockets of the gateway by who is at the other end (clients: connected to a port that is listened on; others: no label) and by state, from /proc; evidence\",\n" \
	"          \"type\": \"object\",\n" \
	"          \"additionalProperties\": {\"type\": \"object\", \"additionalProperties\": {\"$ref\": \"#/$defs/leak_part\"}}\n" \
	"        },\n" \
	"        \"processes\": {\n" \
	"          \"description\": \"the gateway's processes, 64 of them at most; evidence\",\n" \
	"          \"type\": \"array\",\n" \
	"          \"items\": {\n" \
	"            \"type\": \"object\",\n" \
	"            \"required\": [\"comm\", \"gauges\"],\n" \
	"            \"properties\": {\n" \
	"              \"pid\": {\"type\": \"integer\"}, \"comm\": {\"type\": \"string\"}, \"from_s\": {\"type\": \"number\"}, \"to_s\": {\"type\": \"number\"},\n" \
	"              \"gauges\": {\"type\": \"object\", \"additionalProperties\": {\"$ref\": \"#/$defs/leak_part\"}}\n" \
	"            }\n" \
	"          }\n" \
	"        },\n" \
	"        \"parts_not_told_apart\": {\"description\": \"samples of peers and processes for whom there was no room\", \"type\": \"integer\"},\n" \
	"        \"grows_in\": {\"description\": \"the process with the most of the growth that the verdict is about\", \"type\": \"object\", \"properties\": {\"pid\": {\"type\": \"integer\"}, \"comm\": {\"type\": \"string\"}, \"share\": {\"type\": \"number\"}}},\n" \
	"        \"grows_towards\": {\"description\": \"the peer whose sockets in CLOSE_WAIT are most of the growth\", \"type\": \"object\", \"properties\": {\"peer\": {\"type\": \"string\"}, \"share\": {\"type\": \"number\"}}},\n" \
	"        \"classes\": {\n" \
	"          \"type\": \"object\",\n" \
	"          \"additionalProperties\": {\n" \
	"            \"type\": \"object\",\n" \
	"            \"properties\": {\n" \
	"              \"per_request\": {\"type\": \"number\"}, \"interval\": {\"$ref\": \"#/$defs/interval\"}, \"not_told\": {\"type\": \"string\"}\n" \
	"            }\n" \
	"          }\n" \
	"        },\n" \
	"        \"survivors\": {\n" \
	"          \"description\": \"who keeps memory: blocks followed in windows, by the stack that took them; counts and bytes are estimates for all addresses, bytes with the allocator's own header and rounding where they are known\",\n" \
	"          \"type\": \"object\",\n" \
	"          \"required\": [\"because\", \"windows\", \"on_s\", \"requests\", \"sites\"],\n" \
	"          \"properties\": {\n" \
	SCHEMA_KEPT_HEAD \
	"            \"cpu_share\": {\"description\": \"of the gateway's CPU, in the windows\", \"type\": \"number\"},\n" \
	"            \"one_address_in\": {\"type\": \"integer\", \"minimum\": 1},\n" \
	"            \"strangers\": {\"description\": \"blocks that were given back and never seen to be taken: from before a window\", \"type\": \"integer\"},\n" \
	SCHEMA_KEPT_SITES \
	"          }\n" \
	"        },\n" \
	"        \"reachability\": {\n" \
	"          \"description\": \"of the blocks of glibc's heap in use at the end (those from before the soak, too), what nothing in the process points to: lost for certain; `followed` are those that a window saw being taken\",\n" \
	"          \"type\": \"object\",\n" \
	"          \"required\": [\"processes\", \"longest_pause_ns\", \"blocks\", \"lost\", \"lost_bytes\"],\n" \
	"          \"properties\": {\n" \
	"            \"longest_pause_ns\": {\"type\": \"integer\"}, \"blocks\": {\"type\": \"integer\"}, \"bytes\": {\"type\": \"integer\"},\n" \
	"            \"lost\": {\"type\": \"integer\"}, \"lost_bytes\": {\"type\": \"integer\"}, \"followed_lost\": {\"type\": \"integer\"}, \"followed_lost_bytes\": {\"type\": \"integer\"},\n" \
	"            \"notes\": {\"description\": \"processes that were not searched, and why\", \"type\": \"array\", \"items\": {\"type\": \"string\"}},\n" \
	"            \"processes\": {\n" \
	"              \"type\": \"array\",\n" \
	"              \"items\": {\n" \
	"                \"type\": \"object\",\n" \
	"                \"required\": [\"pid\", \"pause_ns\", \"blocks\", \"lost\"],\n" \
	"                \"properties\": {\n" \
	"                  \"pid\": {\"type\": \"integer\"}, \"threads\": {\"type\": \"integer\"}, \"pauses\": {\"type\": \"integer\"}, \"pause_ns\": {\"description\": \"all its pauses\", \"type\": \"integer\"},\n" \
	"                  \"copied_bytes\": {\"type\": \"integer\"}, \"arenas\": {\"type\": \"integer\"}, \"blocks\": {\"type\": \"integer\"}, \"bytes\": {\"type\": \"integer\"},\n" \
	"                  \"lost\": {\"type\": \"integer\"}, \"lost_bytes\": {\"type\": \"integer\"}, \"lost_heads\": {\"description\": \"of these, not even a lost block points to them\", \"type\": \"integer\"},\n" \
	"                  \"followed_lost\": {\"type\": \"integer\"}, \"followed_lost_bytes\": {\"type\": \"integer\"},\n" \
	"                  \"parts_not_followed\": {\"description\": \"of the heap: what lies there is taken for pointers of the program's\", \"type\": \"integer\"}\n" \
	"                }\n" \
	"              }\n" \
	"            }\n" \
	"          }\n" \
	"        },\n" \
	"        \"growth_stacks\": {\n" \
	"          \"description\": \"the stacks behind what grows, looked at for a while once a gauge rises; bytes of descriptors and threads are counts\",\n" \
	"          \"type\": \"object\",\n" \
	"          \"required\": [\"because\", \"windows\", \"on_s\", \"requests\", \"kinds\"],\n" \
	"          \"properties\": {\n" \
	SCHEMA_KEPT_HEAD \
	"            \"kinds\": {\n" \
	"              \"description\": \"descriptors, mappings, threads, heap (by brk), first_touches (pages written to)\",\n" \
	"              \"type\": \"object\",\n" \
	"              \"additionalProperties\": {\n" \
	"                \"type\": \"object\",\n" \
	"                \"required\": [\"sites\", \"grows\"],\n" \
	"                \"properties\": {\n" \
	"            \"grows\": {\"description\": \"a gauge that such things make rise rises\", \"type\": \"boolean\"},\n" \
	SCHEMA_KEPT_SITES \
	"                }\n" \
	"              }\n" \
	"            }\n" \
	"          }\n" \
	"        },\n" \
	"        \"idle_per_second\": {\"type\": \"number\"}, \"idle_interval\": {\"$ref\": \"#/$defs/interval\"},\n" \
	"        \"limit_bytes\": {\"type\": \"number\"}, \"limit_in_s\": {\"type\": \"number\"}, \"limit_in_at_least_s\": {\"type\": \"number\"}\n" \
	"      }\n" \
	"    },\n"
/* clang-format on */

#endif
