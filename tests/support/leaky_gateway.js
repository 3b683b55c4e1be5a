// SPDX-License-Identifier: GPL-2.0-only
// An HTTP server that answers everything by itself and keeps 16 KiB of each request: "heap" in objects of V8's, "external" in memory that V8
// does not manage. usage: node leaky_gateway.js heap|external; prints "listening PORT"
'use strict';
const http = require('node:http');

const BYTES = 16384;
const kept = [];
const keep = {
	heap: () => kept.push(Array.from({length: BYTES / 64}, (_, i) => ({request: kept.length, i, name: `n${i}`}))),
	external: () => kept.push(Buffer.allocUnsafeSlow(BYTES).fill(1)),
}[process.argv[2]];

const server = http.createServer((request, response) => {
	request.resume();
	request.on('end', () => {
		keep();
		response.setHeader('content-type', 'application/json');
		response.end('{}');
	});
});
server.listen(0, '127.0.0.1', () => console.log('listening', server.address().port));
