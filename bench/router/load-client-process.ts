// Keeps as many WebSockets open as each line of stdin says, sends nothing on them, and prints how many of the previous ones were
// still open. Usage: load-client-process.ts PORT
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { EDGE_HEADERS } from './edge-headers.ts';

/** Of RFC 6455: the server proves with it that it understands WebSockets. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const CONCURRENT_HANDSHAKES = 20;

const port = Number(process.argv[2]);
const open = new Set<Socket>();

for await (const line of createInterface(process.stdin)) {
  const stillOpen = open.size;
  await resize(Number(line));
  console.log(stillOpen);
}

async function resize(count: number): Promise<void> {
  let missing = count - open.size;
  const connectSome = async () => {
    while (missing-- > 0) await openWebSocket();
  };
  await Promise.all(Array.from({ length: CONCURRENT_HANDSHAKES }, connectSome));
  for (const socket of [...open].slice(count)) await closed(socket);
}

/** Resolves when the server has accepted the upgrade. */
function openWebSocket(): Promise<void> {
  const key = randomBytes(16).toString('base64');
  const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64');
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(upgradeRequest(key)));
    let response = '';
    const read = (text: string) => {
      response += text;
      if (!response.includes('\r\n\r\n')) return;
      if (!response.startsWith('HTTP/1.1 101 ') || !response.includes(accept)) {
        reject(new Error(`the upgrade was refused: ${response}`));
        return;
      }
      socket.off('data', read).resume();
      open.add(socket);
      resolve();
    };
    socket.setEncoding('latin1').on('data', read).on('error', reject);
    socket.on('close', () => open.delete(socket));
  });
}

function upgradeRequest(key: string): string {
  const upgrade = [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${key}`,
  ];
  return ['GET /api/v1/streaming?stream=user HTTP/1.1', ...EDGE_HEADERS, ...upgrade, '', ''].join('\r\n');
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.on('close', () => resolve()).end());
}
