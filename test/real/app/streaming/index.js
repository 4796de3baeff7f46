// A stand-in for Mastodon's streaming server: SIGTERM and an uncaught exception both end it at once with exit code 0.
import { createServer } from 'node:http';

process.on('SIGTERM', () => process.exit(0));
process.on('uncaughtException', (error) => {
  console.error(`uncaught: ${error.message}`);
  process.exit(0);
});

const server = createServer((request, response) => {
  if (request.url === '/crash') throw new Error('told to');
  response.writeHead(request.url === '/api/v1/streaming/health' ? 200 : 404).end('OK');
});
server.listen(Number(process.env.PORT ?? 4000), process.env.BIND ?? '127.0.0.1', () =>
  console.log('streaming listens'),
);
