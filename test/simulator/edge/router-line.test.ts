import { describe, expect, test } from 'vitest';
import { type HandledRequest, routerLine } from '../../../src/simulator/edge/error-codes.ts';

const GOOD: HandledRequest = {
  code: null,
  method: 'GET',
  path: '/',
  host: 'my-app.example.com',
  requestId: '6903a168-b79b-ec27-03c8-b8f64d8d8792',
  forwardedFor: '138.68.186.89',
  dyno: 'web.1',
  connectMs: 0.2,
  serviceMs: 17.8,
  status: 200,
  bytes: 13,
  httpVersion: '1.1',
};

describe('a line of heroku[router]', () => {
  test('has the fields of a public sample of router 2.0, in that order', () => {
    expect(routerLine(GOOD)).toBe(
      'at=info method=GET path="/" host=my-app.example.com request_id=6903a168-b79b-ec27-03c8-b8f64d8d8792 ' +
        'fwd="138.68.186.89" dyno=web.1 connect=0ms service=18ms status=200 bytes=13 protocol=http1.1 tls=false',
    );
  });

  test.each<[HandledRequest['code'], string]>([
    ['H12', 'at=error code=H12 desc="Request timeout" method=GET '],
    ['H13', 'at=error code=H13 desc="Connection closed without response" method=GET '],
    ['H18', 'sock=backend at=error code=H18 desc="Server Request Interrupted" method=GET '],
    ['H27', 'sock=client at=warning code=H27 desc="Client Request Interrupted" method=GET '],
    ['H28', 'at=warning code=H28 desc="Client Connection Idle" method=GET '],
  ])('begins with %s as in the public samples', (code, beginning) => {
    expect(routerLine({ ...GOOD, code }).slice(0, beginning.length)).toBe(beginning);
  });

  test('leaves what there was not empty', () => {
    const without = {
      ...GOOD,
      code: 'H10',
      dyno: '',
      connectMs: null,
      serviceMs: null,
      status: 503,
      bytes: 0,
    } as const;
    expect(routerLine(without)).toContain('dyno= connect= service= status=503 bytes= protocol=');
  });

  test('cannot be split by what a client sends', () => {
    const line = routerLine({ ...GOOD, path: '/" status=500', forwardedFor: '1.1.1.1" dyno=web.9,127.0.0.1' });
    expect(line).toContain('path="/%22 status=500" host=');
    expect(line).toContain('fwd="1.1.1.1 dyno=web.9,127.0.0.1" dyno=web.1 ');
  });
});
