// Those who look at a timeline and say nothing: a process that keeps as many WebSockets open as each line of its stdin says,
// and prints how many of those before had stayed. node visitors.js PORT
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { edgeHeaders } from './edge.js';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const AT_ONCE = 20;
const port = Number(process.argv[2]);
const open = new Set();

for await (const line of createInterface(process.stdin)) {
  const wanted = Number(line);
  const stayed = open.size;
  let missing = wanted - open.size;
  const visit = async () => {
    while (missing-- > 0) await enter();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, visit));
  for (const socket of [...open].slice(wanted)) await leave(socket);
  console.log(stayed);
}

/** Resolves when the other side has agreed to speak WebSocket. */
function enter() {
  const key = randomBytes(16).toString('base64');
  const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64');
  const upgrade = [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${key}`,
  ];
  const head = ['GET /api/v1/streaming?stream=user HTTP/1.1', ...edgeHeaders(), ...upgrade, '', ''].join('\r\n');
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(head));
    let reply = '';
    const read = (text) => {
      reply += text;
      if (!reply.includes('\r\n\r\n')) return;
      if (!reply.startsWith('HTTP/1.1 101 ') || !reply.includes(accept)) return reject(new Error(reply));
      socket.off('data', read).resume();
      open.add(socket);
      resolve();
    };
    socket.setEncoding('latin1').on('data', read).on('error', reject);
    socket.on('close', () => open.delete(socket));
  });
}

function leave(socket) {
  return new Promise((resolve) => socket.on('close', resolve).end());
}
