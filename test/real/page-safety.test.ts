// Access to the simulator's page and its actions, and the page after the end of the simulation; in real Chromium.
import { build } from 'esbuild';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { startDyno, tempFolder, type Dyno } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { aDyno } from '../simulator/fake-simulation.ts';
import { freePort } from '../simulator/free-port.ts';
import { ASSETS, isLive, newPage, reads, show, withBrowser } from './page-browser.ts';

withBrowser(['--host-resolver-rules=MAP example.org 127.0.0.1']);

/** What a page of another origin tries: name -> whether it succeeded. */
const ATTEMPTS = `
  const attempt = (call) => call().then(() => true, () => false);
  const listen = (path) => new Promise((resolve, reject) => {
    const source = new EventSource(path);
    source.onopen = resolve;
    source.onerror = reject;
  });
  const frame = (path) => new Promise((resolve, reject) => {
    const made = document.body.appendChild(document.createElement('iframe'));
    made.onload = () => {
      try { made.contentDocument.title ? resolve() : reject(); } catch { reject(); }
    };
    made.src = path;
  });
  window.attempts = async (url, token) => {
    const post = (headers, mode) => () =>
      fetch(url + 'actions', { method: 'POST', mode, headers, body: '{"type":"deploy"}' }).then((reply) => reply.ok || Promise.reject());
    const json = { 'Content-Type': 'application/json', 'X-Page-Token': token };
    return {
      readsThePage: await attempt(() => fetch(url).then((reply) => reply.text())),
      postsJson: await attempt(post(json, 'cors')),
      postsText: await attempt(post({ 'Content-Type': 'text/plain' }, 'no-cors')),
      listens: await attempt(() => listen(url + 'events?token=' + token)),
      framesIt: await attempt(() => frame(url)),
    };
  };
`;

test('another origin can neither read, act, listen nor frame, even with the token', async () => {
  const { page, simulation, url } = await show();
  const token = await page.locator('meta[name=page-token]').getAttribute('content');
  const other = await newPage();
  await other.page.goto(await foreignSite());
  const attempts = await other.page.evaluate(
    ([address, secret]) =>
      (window as unknown as { attempts: (a: string, b: string) => object }).attempts(address, secret),
    [`${url}/`, token ?? ''] as const,
  );
  expect(attempts).toEqual({
    readsThePage: false,
    postsJson: false,
    postsText: false,
    listens: false,
    framesIt: false,
  });
  expect(simulation.actions).toEqual([]);
  // The page itself may act with the same token, so it is the origin that is refused.
  const own = await page.evaluate(async (secret) => {
    const headers = { 'Content-Type': 'application/json', 'X-Page-Token': secret };
    return (await fetch('/actions', { method: 'POST', headers, body: '{"type":"deploy"}' })).status;
  }, token ?? '');
  expect(own).toBe(200);
  expect(simulation.actions).toEqual([{ type: 'deploy' }]);
});

test('another host name that resolves to this machine is refused', async () => {
  const { url } = await show();
  const { port } = new URL(url);
  const { page } = await newPage();
  const answer = await page.goto(`http://example.org:${port}/`);
  expect(answer?.status()).toBe(403);
  await reads(page, 'body', `this page is only served at http://localhost:${port}`);
  for (const name of ['localhost', '127.0.0.1']) {
    const own = await newPage();
    await own.page.goto(`http://${name}:${port}/`);
    await isLive(own.page);
  }
});

test('without the token no action is accepted, not even from the page', async () => {
  const { page, simulation, complaints } = await show();
  const statuses = await page.evaluate(async () => {
    const post = (headers: Record<string, string>) =>
      fetch('/actions', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...headers },
        body: '{"type":"quit"}',
      });
    return [(await post({})).status, (await post({ 'X-Page-Token': 'x' })).status];
  });
  expect(statuses).toEqual([403, 403]);
  expect(complaints.splice(0)).toHaveLength(2);
  expect(simulation.actions).toEqual([]);
});

test('when the simulation ends, the page says so and keeps its content', async () => {
  const { page, simulation, close } = await show();
  simulation.log('the last line');
  simulation.show({ dynos: [aDyno({ state: 'down' })] });
  await close();
  await reads(page, '#connection', 'The simulation has ended. This is the last it showed.');
  await reads(page, '#dynos .state', 'down');
  await reads(page, '#log li', /the last line/);
  await reads(page, '#dynos .usage', '312 MB of 512 MB 61 %');
  const isDisabled = await page
    .locator('[data-action]')
    .evaluateAll((all) => all.map((button) => (button as HTMLButtonElement).disabled));
  expect(isDisabled.length).toBeGreaterThan(10);
  expect(isDisabled).not.toContain(false);
  await page.keyboard.press('d');
  await page.keyboard.press('?');
  await reads(page, 'dialog[open] h2', 'Keys');
  expect(simulation.actions).toEqual([]);
});

test('when the server is killed, the page says so, keeps its content, and reconnects', async () => {
  const port = await freePort();
  const program = await programFile();
  const first = await serve(program, port, 'token-one', '/srv/one');
  const { page } = await newPage();
  await page.goto(`http://localhost:${port}/`);
  await isLive(page);
  await end(first);
  await reads(page, '#connection', 'Connection lost. Trying again…');
  await reads(page, '#log li', /shown from \/srv\/one/);
  expect(await page.locator('#deploy').isDisabled()).toBe(true);

  const second = await serve(program, port, 'token-one', '/srv/two');
  await isLive(page);
  await reads(page, '#folder', '/srv/two');
  await reads(page, '#log li', /shown from \/srv\/two/);
  expect(await page.locator('#log li').count()).toBe(1);
  expect(await page.locator('#deploy').isDisabled()).toBe(false);
  await end(second);

  await serve(program, port, 'token-of-another', '/srv/three');
  await reads(page, '#folder', '/srv/three');
  await isLive(page);
  await page.locator('#deploy').click();
  await reads(page, '#answer', 'done as asked');
});

async function foreignSite(): Promise<string> {
  const server = createServer((_, reply) => {
    reply.setHeader('Content-Type', 'text/html').end(`<body><script>${ATTEMPTS}</script>`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://localhost:${(server.address() as { port: number }).port}/`;
}

/** Bundles page-program.ts into one file. */
async function programFile(): Promise<string> {
  const outfile = join(tempFolder(), 'page-program.mjs');
  const entry = fileURLToPath(new URL('page-program.ts', import.meta.url));
  await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'esm', target: 'node20' });
  return outfile;
}

async function serve(program: string, port: number, token: string, folder: string): Promise<Dyno> {
  const dyno = startDyno({ command: [process.execPath, program, String(port), ASSETS, token, folder] });
  await dyno.waitForOutput(/open at/);
  return dyno;
}

async function end(dyno: Dyno): Promise<void> {
  dyno.signal('SIGKILL');
  await eventually(() => dyno.gone());
}
