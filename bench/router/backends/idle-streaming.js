// Stands in for streaming where only connections count: accepts WebSockets on $SOCKET and never sends on them.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

const server = createServer((request, response) => response.end('OK'));
server.on('upgrade', (request, socket) => {
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${GUID}`).digest('base64');
  const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
  socket.write([...head, `Sec-WebSocket-Accept: ${accept}`, '', ''].join('\r\n'));
  socket.on('error', () => socket.destroy()).on('end', () => socket.end());
  socket.resume();
});
server.listen({ path: process.env.SOCKET, backlog: 4096 });
writeFileSync(join(process.env.BENCH_FOLDER, 'streaming-socket'), process.env.SOCKET);
process.on('SIGTERM', () => process.exit(0));
