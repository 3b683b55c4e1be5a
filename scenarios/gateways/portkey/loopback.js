// SPDX-License-Identifier: GPL-2.0-only
// Preloaded into a Node.js server that binds all interfaces: it listens on loopback only.
'use strict';

const net = require('net');
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...args) {
	if (typeof args[0] === 'number' && typeof args[1] !== 'string')
		args.splice(1, args[1] === undefined ? 1 : 0, '127.0.0.1');
	else if (args[0] && typeof args[0] === 'object' && args[0].port !== undefined)
		args[0] = { ...args[0], host: '127.0.0.1' };
	return listen.apply(this, args);
};
