import { describe, expect, test } from 'vitest';
import { isHealthCheck, route } from '../../src/router/route.ts';

describe('streaming gets its prefix and plain paths below it', () => {
  test.each([
    '/api/v1/streaming',
    '/api/v1/streaming/',
    '/api/v1/streaming?access_token=a/../b%2f',
    '/api/v1/streaming/user',
    '/api/v1/streaming/user/notification',
    '/api/v1/streaming/hashtag/local?tag=caf%C3%A9',
    '/api/v1/streaming/public:local',
    '/api/v1/streaming/health',
    '/api/v1/streaming/a.b',
    '/api/v1/streaming/...',
  ])('%s', (target) => {
    expect(route('GET', target, null)).toBe('streaming');
    expect(route('OPTIONS', target, null)).toBe('streaming');
    expect(route('GET', target, 'websocket')).toBe('streaming');
  });
});

describe('puma gets all other requests, but no upgrade', () => {
  test.each([
    '/',
    '',
    '*',
    '/metrics',
    '/health',
    '/api/v1/streamings',
    '/api/v1/streaming.json',
    '/api/v1/streaming;x=1',
    '/api/v1/streaming%2fuser',
    '/api/v1/streaming#user',
    '/API/v1/streaming',
    '/api/v1/Streaming',
    '/api//v1/streaming',
    '//api/v1/streaming',
    '/./api/v1/streaming',
    '/api/v1/x/../streaming',
    '/api/v1/streaming/..',
    '/api/v1/streaming/.',
    '/api/v1/streaming/./user',
    '/api/v1/streaming/../../../metrics',
    '/api/v1/streaming/..?x',
    '/api/v1/streaming/%2e%2e/%2e%2e/metrics',
    '/api/v1/streaming/%252e%252e/metrics',
    '/api/v1/streaming/..%2f..%2f..%2fmetrics',
    '/api/v1/streaming/..\\..\\metrics',
    '/api/v1/streaming/\\..\\metrics',
    '/api/v1/streaming//metrics',
    '/api/v1/streaming//',
    '/api/v1/streaming/..;/metrics',
    '/api/v1/streaming/#/../metrics',
    '/api/v1/streaming/\u00e9',
    '/api/v1/streaming/\t',
    '/metrics?/api/v1/streaming',
    '/%61pi/v1/streaming',
    'http://example.com/api/v1/streaming',
    'http://example.com/metrics',
    'HTTP://example.com//api/v1/streaming/user',
    'example.com:443',
    'api/v1/streaming',
  ])('%j', (target) => {
    expect(route('GET', target, null)).toBe('puma');
    expect(route('GET', target, 'websocket')).toBe('rejected');
  });
});

describe('an upgrade to streaming', () => {
  test.each([
    ['GET', 'websocket', 'streaming'],
    ['GET', 'WebSocket', 'streaming'],
    ['POST', 'websocket', 'rejected'],
    ['OPTIONS', 'websocket', 'rejected'],
    ['GET', 'h2c', 'rejected'],
    ['GET', 'websocket, h2c', 'rejected'],
    ['GET', '', 'rejected'],
  ])('%s with Upgrade: %j: %s', (method, upgrade, to) => {
    expect(route(method, '/api/v1/streaming', upgrade)).toBe(to);
  });
});

test.each([
  ['GET', '/api/v1/streaming/health', true],
  ['HEAD', '/api/v1/streaming/health?x', true],
  ['POST', '/api/v1/streaming/health', false],
  ['GET', '/api/v1/streaming/health/', false],
  ['GET', '/api/v1/streaming', false],
  ['GET', '/health', false],
])('%s %s is a health check: %s', (method, target, expected) => {
  expect(isHealthCheck(method, target)).toBe(expected);
});
