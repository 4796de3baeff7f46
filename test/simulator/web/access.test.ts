import { expect, test } from 'vitest';
import { checkAccess } from '../../../src/simulator/web/access.ts';

const HOST = 'localhost:5007';
const GET = { method: 'GET', target: '/', headers: { host: HOST } };
const EVENTS = { method: 'GET', target: '/events?token=secret', headers: { host: HOST } };
const JSON_TYPE = { 'content-type': 'application/json' };
const POST = { method: 'POST', target: '/actions', headers: { host: HOST, 'x-page-token': 'secret', ...JSON_TYPE } };
const VISIT = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

const ask = (asked: typeof GET, headers: Record<string, string | undefined> = {}, more: Partial<typeof GET> = {}) =>
  checkAccess({ ...asked, ...more, headers: { ...asked.headers, ...headers } }, { port: 5007, token: 'secret' });

test.each<[string, typeof GET, Record<string, string>, Partial<typeof GET>, object]>([
  ['the page', GET, {}, {}, { endpoint: 'file', path: '/' }],
  ['the page by its number', GET, { host: '127.0.0.1:5007' }, {}, { endpoint: 'file' }],
  ['the page by its other number', GET, { host: '[::1]:5007' }, {}, { endpoint: 'file' }],
  ['the page with a query', GET, {}, { target: '/?a=1' }, { endpoint: 'file', path: '/' }],
  ['a script', GET, {}, { target: '/page.js' }, { endpoint: 'file', path: '/page.js' }],
  [
    'a script, asked by the page',
    GET,
    { 'sec-fetch-site': 'same-origin' },
    { target: '/page.js' },
    { endpoint: 'file' },
  ],
  ['the page, typed in', GET, { 'sec-fetch-site': 'none' }, {}, { endpoint: 'file' }],
  ['the page, by a link from elsewhere', GET, { 'sec-fetch-site': 'cross-site', ...VISIT }, {}, { endpoint: 'file' }],
  ['events', EVENTS, {}, {}, { endpoint: 'events' }],
  ['events of the page', EVENTS, { 'sec-fetch-site': 'same-origin' }, {}, { endpoint: 'events' }],
  ['an action', POST, {}, {}, { endpoint: 'actions' }],
  [
    'an action of the page',
    POST,
    { origin: `http://${HOST}`, 'sec-fetch-site': 'same-origin' },
    {},
    { endpoint: 'actions' },
  ],
  ['with a charset', POST, { 'content-type': 'application/json; charset=utf-8' }, {}, { endpoint: 'actions' }],
  ['with 4096 bytes', POST, { 'content-length': '4096' }, {}, { endpoint: 'actions' }],
])('lets in: %s', (_, asked, headers, more, access) => {
  expect(ask(asked, headers, more)).toMatchObject(access);
});

const ELSEWHERE = { 'sec-fetch-site': 'cross-site' };

test.each<[string, typeof GET, Record<string, string | undefined>, Partial<typeof GET>, number, RegExp]>([
  [
    'a name that resolves to us',
    GET,
    { host: 'example.org' },
    {},
    403,
    /^this page is only served at http:\/\/localhost:5007$/,
  ],
  ['that name with our port', POST, { host: 'example.org:5007' }, {}, 403, /only served at/],
  ['no Host', GET, { host: undefined }, {}, 403, /only served at/],
  ['another port', GET, { host: 'localhost:5006' }, {}, 403, /only served at/],
  ['no port', GET, { host: 'localhost' }, {}, 403, /only served at/],
  ['another origin', POST, { origin: 'http://localhost:5006' }, {}, 403, /^http:\/\/localhost:5006 is another origin/],
  ['another origin on events', EVENTS, { origin: 'https://example.org' }, {}, 403, /is another origin/],
  ['an origin of our port with another name', POST, { origin: 'http://127.0.0.1:5007' }, {}, 403, /another origin/],
  ['our name with another scheme', POST, { origin: `https://${HOST}` }, {}, 403, /another origin/],
  ['no origin to speak of', POST, { origin: 'null' }, {}, 403, /^null is another origin/],
  ['another site', POST, ELSEWHERE, {}, 403, /cross-site request/],
  ['another server of this machine', POST, { 'sec-fetch-site': 'same-site' }, {}, 403, /cross-site request/],
  ['an action typed in', POST, { 'sec-fetch-site': 'none' }, {}, 403, /cross-site request/],
  ['events for another site', EVENTS, ELSEWHERE, {}, 403, /cross-site request/],
  ['events as a visit', EVENTS, { ...ELSEWHERE, ...VISIT }, {}, 403, /cross-site request/],
  ['a script for another site', GET, ELSEWHERE, { target: '/page.js' }, 403, /cross-site request/],
  ['the page, fetched by another site', GET, { ...ELSEWHERE, 'sec-fetch-mode': 'cors' }, {}, 403, /cross-site request/],
  ['the page in a frame', GET, { ...ELSEWHERE, ...VISIT, 'sec-fetch-dest': 'iframe' }, {}, 403, /cross-site request/],
  ['no token', EVENTS, {}, { target: '/events' }, 403, /token/],
  ['another token', EVENTS, {}, { target: '/events?token=secres' }, 403, /token/],
  ['a longer token', EVENTS, {}, { target: '/events?token=secret1' }, 403, /token/],
  ['an action without a token', POST, { 'x-page-token': undefined }, {}, 403, /token/],
  [
    'an action with the token in its path',
    POST,
    { 'x-page-token': undefined },
    { target: '/actions?token=secret' },
    403,
    /token/,
  ],
  ['an empty token', POST, { 'x-page-token': '' }, {}, 403, /token/],
  ['another path', GET, {}, { target: '/etc/passwd' }, 404, /^not found; the page is at \/$/],
  ['a path that climbs', GET, {}, { target: '/../package.json' }, 404, /not found/],
  ['a path that climbs encoded', GET, {}, { target: '/%2e%2e/page.js%2f..' }, 404, /not found/],
  ['a target that is no path', GET, {}, { target: '*' }, 404, /not found/],
  ['a target of a proxy', GET, {}, { target: 'http://example.org/' }, 404, /not found/],
  ['two slashes', GET, {}, { target: '//example.org/' }, 404, /not found/],
  ['POST to the page', GET, {}, { method: 'POST' }, 405, /^\/ takes GET and HEAD only$/],
  ['HEAD of events', EVENTS, {}, { method: 'HEAD' }, 405, /takes GET only/],
  [
    'OPTIONS, as a browser asks for another origin',
    POST,
    {},
    { method: 'OPTIONS' },
    405,
    /^\/actions takes POST only$/,
  ],
  ['GET of actions', POST, {}, { method: 'GET' }, 405, /takes POST only/],
  ['POST of events', EVENTS, {}, { method: 'POST' }, 405, /takes GET only/],
  [
    'a form',
    POST,
    { 'content-type': 'application/x-www-form-urlencoded' },
    {},
    415,
    /^the content type must be application\/json$/,
  ],
  ['text, which needs no leave', POST, { 'content-type': 'text/plain' }, {}, 415, /application\/json/],
  ['no type', POST, { 'content-type': undefined }, {}, 415, /application\/json/],
  ['almost JSON', POST, { 'content-type': 'application/jsonp' }, {}, 415, /application\/json/],
  ['too long a body', POST, { 'content-length': '4097' }, {}, 413, /^an action has at most 4096 bytes$/],
])('refuses %s', (_, asked, headers, more, status, why) => {
  expect(ask(asked, headers, more)).toEqual({ status, reason: expect.stringMatching(why) as string });
});
