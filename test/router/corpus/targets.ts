import { bytesOf, get, type Case } from './case.ts';

const API = '/api/v1/streaming';

/** Streaming gets these. */
const STREAMING = [
  API,
  `${API}/`,
  `${API}/health`,
  `${API}/user?stream=a`,
  `${API}?access_token=%2e%2e%2fmetrics`,
  `${API}?a/../../metrics`,
];

/** Puma gets these, whatever another server would make of them. */
const PUMA = [
  '/metrics',
  '/',
  '//',
  '/api/v1/streamingx',
  '/api/v1/streaming.json',
  '/api/v1/streaming%2f',
  '/api/v1/streaming%2fhealth',
  '/api/v1/streaming%20',
  '/api/v1/streaming;/health',
  '/api/v1/streaming\\health',
  '/api/v1/Streaming/health',
  '/API/V1/STREAMING/health',
  '/%61pi/v1/streaming/health',
  '/api%2fv1%2fstreaming%2fhealth',
  '//api/v1/streaming/health',
  '/./api/v1/streaming/health',
  '/x/../api/v1/streaming/health',
  '/api//v1/streaming/health',
  `${API}/../../../metrics`,
  `${API}/../../metrics`,
  `${API}/..`,
  `${API}/.`,
  `${API}/./health`,
  `${API}/..;/metrics`,
  `${API}/.;/../../metrics`,
  `${API}/..%2f..%2f..%2fmetrics`,
  `${API}/%2e%2e/%2e%2e/%2e%2e/metrics`,
  `${API}/%2E%2e%2F%2e%2e/metrics`,
  `${API}/.%2e/metrics`,
  `${API}/%252e%252e/metrics`,
  `${API}/%25252e%25252e/metrics`,
  `${API}/%c0%ae%c0%ae/metrics`,
  `${API}/..%c0%af..%c0%afmetrics`,
  `${API}/%uff0e%uff0e/metrics`,
  `${API}/..\\..\\..\\metrics`,
  `${API}/..%5c..%5cmetrics`,
  `${API}/%5c../metrics`,
  `${API}//metrics`,
  `${API}//../../../metrics`,
  `${API}///`,
  `${API}/%00/../../../metrics`,
  `${API}/%0d%0aGET%20/metrics`,
  `${API}/user%3f/../../../metrics`,
  `${API}/user%23/../../../metrics`,
  `http://social.example${API}/health`,
  'http://social.example/metrics',
  'http://other.example/metrics',
  'https://social.example:9/metrics',
  `http://social.example${API}/../../../metrics`,
  `http://user:password@social.example${API}`,
  `HTTP://SOCIAL.EXAMPLE${API}`,
  'ftp://social.example/metrics',
  `ws://social.example${API}`,
  '?',
  '/?/api/v1/streaming/health',
];

/** llhttp or the router may reject these, or puma gets them. Streaming never does. */
const PUMA_OR_REJECTED = [
  `${API}#/../../metrics`,
  `${API}/#`,
  '/metrics#/api/v1/streaming',
  `#${API}`,
  `${API}/\xef\xbc\x8e\xef\xbc\x8e/metrics`,
  `${API}/\x80/../../../metrics`,
  'social.example:80',
  `unix:/${API}`,
  'javascript:alert(1)',
];

/** Request targets, and the upstreams that may get them. */
export const TARGETS: readonly Case[] = [
  ...STREAMING.map((target): Case => ({ ...named(target), outcome: 'passed', streaming: [`GET ${target}`] })),
  ...PUMA.map((target): Case => ({
    ...named(target),
    outcome: target === '?' ? 'either' : 'passed',
    puma: [`GET ${target}`],
  })),
  ...PUMA_OR_REJECTED.map((target): Case => ({ ...named(target), outcome: 'either', puma: [`GET ${target}`] })),
  ...['HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'].flatMap((method): Case[] => [
    {
      name: `${method} ${API}/../../../metrics`,
      bytes: bytesOf(method, `${API}/../../../metrics`, ''),
      outcome: 'passed',
      puma: [`${method} ${API}/../../../metrics`],
    },
    {
      name: `${method} /metrics`,
      bytes: bytesOf(method, '/metrics', ''),
      outcome: 'passed',
      puma: [`${method} /metrics`],
    },
  ]),
  {
    name: 'headers that rewrite the target or the method, sent to puma',
    bytes: get(
      '/metrics',
      `X-Original-URL: ${API}`,
      `X-Rewrite-URL: ${API}`,
      `X-Forwarded-Path: ${API}`,
      'X-HTTP-Method-Override: GET',
    ),
    outcome: 'passed',
    puma: ['GET /metrics'],
  },
  {
    name: 'headers that rewrite the target, sent to streaming',
    bytes: get(`${API}/health`, 'X-Original-URL: /metrics', 'X-Rewrite-URL: /metrics'),
    outcome: 'passed',
    streaming: [`GET ${API}/health`],
  },
  {
    name: 'pipelined requests for both upstreams in turn',
    bytes: [`${API}/health`, '/metrics', API, '/a'].map((target) => get(target)).join(''),
    outcome: 'passed',
    puma: ['GET /metrics', 'GET /a'],
    streaming: [`GET ${API}/health`, `GET ${API}`],
  },
];

function named(target: string): Pick<Case, 'name' | 'bytes'> {
  return { name: `GET ${target}`, bytes: get(target) };
}
