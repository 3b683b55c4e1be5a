// SPDX-License-Identifier: GPL-2.0-only
// read.js hdr FILE: tag, count, p50, p99 of each histogram. read.js otlp FILE: what OpenTelemetry's own protobuf message keeps of it.
"use strict";
const fs = require("fs");
const path = require("path");
const text = fs.readFileSync(process.argv[3], "utf8");

const hdr = () => {
	const { decodeFromCompressedBase64 } = require("hdr-histogram-js");
	for (const line of text.split("\n").filter(l => l.startsWith("Tag="))) {
		const [tag, , , , packed] = line.split(",");
		const h = decodeFromCompressedBase64(packed);
		console.log(tag.slice(4), h.totalCount, h.getValueAtPercentile(50), h.getValueAtPercentile(99));
	}
};

const otlp = () => {
	const dir = path.dirname(require.resolve("@opentelemetry/otlp-transformer/package.json"));
	const { opentelemetry } = require(path.join(dir, "build/src/generated/root.js"));
	const Request = opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
	const kept = Request.toObject(Request.decode(Request.encode(Request.fromObject(JSON.parse(text))).finish()),
		{ longs: String, bytes: String, arrays: false });
	const bytes = hex => Buffer.from(hex, "base64").toString("base64");
	const same = (sent, got, at) => {
		if (sent !== null && typeof sent === "object") {
			for (const key of Object.keys(sent)) if (Object.keys(sent[key]).length !== 0) same(sent[key], got?.[key], `${at}.${key}`);
		} else if (String(/Id$/.test(at) ? bytes(sent) : sent) !== String(got)) {
			throw new Error(`${at}: ${sent} became ${got}`);
		}
	};
	same(JSON.parse(text), kept, "request");
	console.log(kept.resourceSpans[0].scopeSpans[0].spans.length);
};

({ hdr, otlp })[process.argv[2]]();
