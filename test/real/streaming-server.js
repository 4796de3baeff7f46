// A streaming server that subscribes as Mastodon's does. It creates its ioredis client with default options and listens at once. The
// health check does not depend on the state of that client. The first client of each account causes one SUBSCRIBE.
import { createServer } from 'node:http';
import { Redis } from 'ioredis';
import { WebSocketServer } from 'ws';

/** Redis channel -> its open WebSockets. */
const clients = new Map();
const redis = new Redis(process.env.REDIS_URL);
redis.on('error', (error) => console.log(`Redis client: ${error.message}`));
redis.on('message', (channel, message) => clients.get(channel)?.forEach((client) => client.send(message)));

const webSockets = new WebSocketServer({ noServer: true });
const server = createServer((request, response) => {
  response.writeHead(request.url === '/api/v1/streaming/health' ? 200 : 404).end('OK');
});
server.on('upgrade', (request, socket, head) => {
  webSockets.handleUpgrade(request, socket, head, (client) => join(`timeline:${client.protocol}`, client));
});
server.listen(process.env.SOCKET);
process.once('SIGTERM', () => process.exit(0));

function join(channel, client) {
  const others = clients.get(channel) ?? new Set();
  if (others.size === 0) {
    redis.subscribe(channel, logFailure);
  }
  clients.set(channel, others.add(client));
  client.once('close', () => leave(channel, client));
}

function leave(channel, client) {
  const others = clients.get(channel);
  others.delete(client);
  if (others.size > 0) return;
  clients.delete(channel);
  redis.unsubscribe(channel, logFailure);
}

function logFailure(error) {
  if (error) console.log(`Redis: ${error.message}`);
}
