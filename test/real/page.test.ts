// The page that watches a simulation, in real Chromium; the simulation is made up.
import { expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import type { Action } from '../../src/simulator/action.ts';
import type { DynoStatus } from '../../src/simulator/simulation.ts';
import { eventually } from '../harness/eventually.ts';
import { aDyno, aProcess, aRun, FakeSimulation, MB, START_MS } from '../simulator/fake-simulation.ts';
import { isLive, newPage, reads, show, withBrowser } from './page-browser.ts';

withBrowser();

test('shows the app, the release, what is open', async () => {
  const { page, simulation } = await show();
  await reads(page, '#folder', '/srv/mastodon');
  await reads(page, '#what-runs', 'stand-ins');
  await reads(page, '#url', 'localhost:5006');
  expect(await page.locator('#url').getAttribute('href')).toBe('http://localhost:5006');
  simulation.show({
    release: { version: 7, state: 'failed' },
    openRequests: 12,
    openStreams: 3,
    ownStreams: 2,
    timeScale: 10,
    logReader: 'slow',
  });
  await reads(page, '#release', 'v7 failed');
  await reads(page, '#open-requests', '12');
  await reads(page, '#streams', '3 (2 ours)');
  await reads(page, '#time-scale', '10 ×');
  await eventually(async () => expect(await page.getByRole('radio', { name: 'slow' }).isChecked()).toBe(true));
});

test.each<DynoStatus>(['starting', 'up', 'crashed', 'cooling off', 'stopping', 'down'])(
  'says in words that a dyno is %s',
  async (state) => {
    const { page, simulation } = await show();
    simulation.show({ atMs: START_MS + 5000, dynos: [aDyno({ state })] });
    await reads(page, '#dynos .state', state);
    await reads(page, '#dynos [data-part=since]', 'for 5 s');
  },
);

test('shows crashes, the time to the next start, and no process', async () => {
  const crashed = aDyno({ state: 'cooling off', crashes: 2, restartsAtMs: START_MS + 250_000, runs: [] });
  const { page, simulation } = await show(new FakeSimulation({ dynos: [crashed] }));
  await reads(page, '#dynos .trouble', '2 crashes in a row, starts again in 4 min 10 s');
  await reads(page, '#dynos .usage', '– of 512 MB –');
  await reads(page, '#dynos .empty', 'No process runs.');
  expect(await page.title()).toBe('1 dyno crashed: mstdn-supervise dev');
  simulation.advance(10_000);
  await reads(page, '#dynos .trouble', /starts again in 4 min$/);
  simulation.show({ dynos: [] });
  await reads(page, '#no-dynos', /^No dyno runs/);
});

test('shows the processes of each run as a tree, with their memory and its share of the quota', async () => {
  const old = aRun({
    id: 1,
    phase: 'stopping',
    processes: [aProcess({ pid: 90, label: 'supervisor', bytes: 9 * MB })],
  });
  const { page, simulation } = await show(new FakeSimulation({ dynos: [aDyno({ runs: [aRun({ id: 2 }), old] })] }));
  await reads(page, '#dynos .usage', '312 MB of 512 MB 61 %');
  const rows = page.locator('#dynos tbody tr');
  const texts = (await rows.allInnerTexts()).map((text) => text.replace(/\s+/g, ' ').trim());
  expect(texts).toEqual([
    expect.stringMatching(/^run 2, up, .*312 MB$/),
    'supervisor mstdn-supervise web 101 12 MB Kill…',
    'puma puma 6.4 (tcp://0.0.0.0:5006) [mastodon] 102 180 MB Kill…',
    'sidekiq sidekiq 7.2 mastodon [0 of 5 busy] 103 120 MB Kill…',
    expect.stringMatching(/^run 1, draining, .*9 MB$/),
    'supervisor ruby 90 9 MB Kill…',
  ]);
  const left = (row: number) =>
    rows
      .nth(row)
      .locator('[data-part=label]')
      .evaluate((label) => label.getBoundingClientRect().left);
  expect(await left(2)).toBeGreaterThan(await left(1));
  simulation.show({
    dynos: [aDyno({ runs: [aRun({ id: 2, processes: [aProcess({ pid: 102, label: 'puma', bytes: 600 * MB })] })] })],
  });
  await reads(page, '#dynos .share', '117 %');
  expect(await page.locator('#dynos .share').getAttribute('data-level')).toBe('over');
  await eventually(async () => expect(await rows.count()).toBe(2));
});

test('a button keeps the focus while the numbers around it change', async () => {
  const { page, simulation } = await show();
  const kill = page.getByRole('button', { name: 'Kill puma, pid 102' });
  await kill.focus();
  const later = aRun({
    processes: [aProcess({ pid: 99, label: 'shell' }), aProcess({ pid: 102, label: 'puma', bytes: 7 * MB })],
  });
  simulation.advance(1000, { dynos: [aDyno({ runs: [later] })] });
  await reads(page, '#dynos tr:has([data-part=pid]) >> nth=1', /7 MB/);
  expect(await kill.evaluate((button) => button === document.activeElement)).toBe(true);
});

test('the plot moves: more memory stands higher, up to now', async () => {
  const { page, simulation } = await show();
  for (let n = 0; n < 20; n++) simulation.advance(1000);
  await eventually(async () => expect(await heightOf(page)).toBeGreaterThan(20));
  const before = await heightOf(page);
  for (let n = 0; n < 5; n++) simulation.advance(1000, { dynos: [aDyno({ runs: [bigRun(900)] })] });
  await eventually(async () => expect(await heightOf(page)).toBeGreaterThan(2 * before));
  await reads(page, '#dynos .legend', /puma 900 MB/);
  for (let n = 0; n < 5; n++) simulation.advance(1000, { dynos: [aDyno({ runs: [bigRun(100)] })] });
  await eventually(async () => expect(await heightOf(page)).toBeLessThan(before));
  expect(await page.locator('.plot').getAttribute('aria-label')).toBe(
    'Memory of web.1 over time, now 100 MB of 512 MB',
  );
});

test('the plot has a line for the quota and one for twice as much; another quota is told', async () => {
  const { page, simulation } = await show();
  for (let n = 0; n < 20; n++) simulation.advance(1000, { dynos: [aDyno({ runs: [bigRun(100)] })] });
  await reads(page, '#dynos .legend', /puma 100 MB/);
  const [warn, bad] = [await linesOf(page, 'warn'), await linesOf(page, 'bad')];
  expect(warn).not.toBeNull();
  expect(bad).not.toBeNull();
  expect(bad?.fromBottom).toBeCloseTo(2 * (warn?.fromBottom ?? 0), -1);
  for (let n = 0; n < 20; n++)
    simulation.advance(1000, { dynos: [aDyno({ quotaBytes: 1024 * MB, runs: [bigRun(100)] })] });
  await reads(page, '#dynos .usage', '100 MB of 1 GB 10 %');
});

test('what happens is a mark in the plot and a row of the table, the newest first', async () => {
  const { page, simulation } = await show();
  for (let n = 0; n < 30; n++) simulation.advance(1000);
  const accent = async () => (await inked(page, 'accent')).length;
  const before = await accent();
  simulation.emit('deploy', { kind: 'action', text: 'a deploy was asked for', atMs: START_MS + 15_000, dyno: null });
  await eventually(async () => expect(await accent()).toBeGreaterThan(before + 40));
  simulation.emit('R14', { kind: 'error-code', text: 'Error R14 (Memory quota exceeded)' });
  await reads(page, '#events tr >> nth=0', /^[\d:]+ web\.1 R14 Error R14 \(Memory quota exceeded\)$/);
  await reads(page, '#events tr >> nth=1', /^[\d:]+ all deploy a deploy was asked for$/);
});

test('under the pointer, the legend says how much it was then', async () => {
  const { page, simulation } = await show();
  for (let n = 0; n < 60; n++) simulation.advance(1000, { dynos: [aDyno({ runs: [bigRun(n < 30 ? 100 : 400)] })] });
  await reads(page, '#dynos .legend', /puma 400 MB/);
  const box = await page.locator('.u-over').boundingBox();
  if (box === null) throw new Error('no plot');
  await page.mouse.move(box.x + box.width / 4, box.y + box.height / 2);
  await reads(page, '#dynos .legend', /puma 100 MB .* at [\d:]+$/);
});

test('the log follows its end until the reader scrolls up, and again on demand', async () => {
  const { page, simulation } = await show();
  const talk = (from: number) => Array.from({ length: 50 }, (_, n) => simulation.log(`line ${from + n}`));
  const isAtEnd = () => page.locator('#log').evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight < 5);
  talk(0);
  await reads(page, '#log li >> nth=49', /line 49$/);
  expect(await isAtEnd()).toBe(true);
  await page.locator('#log').evaluate((log) => log.scrollTo(0, 0));
  await page.getByRole('button', { name: 'To the end' }).waitFor();
  talk(50);
  await reads(page, '#log li >> nth=99', /line 99$/);
  expect(await isAtEnd()).toBe(false);
  await page.getByRole('button', { name: 'To the end' }).click();
  expect(await isAtEnd()).toBe(true);
  await page.setViewportSize({ width: 700, height: 900 });
  for (let from = 100; from < 700; from += 50) talk(from);
  await reads(page, '#log li >> nth=-1', /line 699$/);
  expect(await page.locator('#log li').count()).toBe(500);
  await eventually(async () => expect(await isAtEnd()).toBe(true));
});

test('the log by who says it, and by words', async () => {
  const { page, simulation } = await show();
  simulation.log('State changed from up to crashed', { source: 'heroku' });
  simulation.log('Completed 200 OK');
  simulation.log('done', { from: 'worker.1' });
  await reads(page, '#log li >> nth=2', /worker/);
  const seen = () => page.locator('#log li:visible').allInnerTexts();
  const from = page.getByLabel('From');
  await from.selectOption('the platform');
  expect(await seen()).toEqual([expect.stringMatching(/heroku\[web\.1\] State changed/)]);
  await from.selectOption('the app');
  expect(await seen()).toHaveLength(2);
  await from.selectOption('worker.1');
  expect(await seen()).toEqual([expect.stringMatching(/app\[worker\.1\] done/)]);
  await from.selectOption('everything');
  await page.getByLabel('Filter').fill('COMPLETED');
  expect(await seen()).toEqual([expect.stringMatching(/Completed 200/)]);
  simulation.log('Completed 500');
  simulation.log('nothing to see');
  await eventually(async () => expect(await seen()).toHaveLength(2));
});

test('what processes call themselves and print is text, never a part of the page', async () => {
  const evil = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
  const processes = [aProcess({ pid: 5, title: evil, label: evil })];
  const { page, simulation } = await show(new FakeSimulation({ dynos: [aDyno({ runs: [aRun({ processes })] })] }));
  simulation.log(evil, { from: evil });
  simulation.emit(evil, { text: evil });
  simulation.advance(1000);
  simulation.answer = { ok: false, text: evil };
  await page.getByRole('button', { name: /^Deploy/ }).click();
  await reads(page, '#answer', /<img src=x/);
  await reads(page, '#log li', /<img src=x/);
  await reads(page, '#dynos [data-part=title]', /<img src=x/);
  expect(await page.locator('img, body script').count()).toBe(0);
  expect(await page.title()).toBe('mstdn-supervise dev');
});

test('a page that is opened late shows the same', async () => {
  const { page, simulation, url } = await show();
  for (let n = 0; n < 10; n++) {
    simulation.log(`line ${n}`);
    simulation.emit(`mark ${n}`);
    simulation.advance(1000);
  }
  await reads(page, '#events tr >> nth=9', /mark 0/);
  await reads(page, '#log li >> nth=9', /line 9/);
  const late = (await newPage()).page;
  await late.goto(url);
  await isLive(late);
  await reads(late, '#log li >> nth=9', /line 9/);
  for (const selector of ['#events', '#log', '#dynos'])
    expect(await late.locator(selector).innerText()).toBe(await page.locator(selector).innerText());
  await eventually(async () => expect(await pixels(late)).toBe(await pixels(page)));
});

type Doing = (page: Page) => Promise<void>;
const click = async (page: Page, name: string | RegExp): Promise<void> => {
  await page.getByRole('button', { name }).click();
};
const inDialog = (page: Page) => page.locator('dialog[open]');

test.each<[string, Doing, Action]>([
  ['deploy', (page) => click(page, /^Deploy/), { type: 'deploy' }],
  ['restart', (page) => click(page, 'Restart web.1'), { type: 'restart', dyno: 'web.1' }],
  ['restart of the only dyno', (page) => page.locator('#restart').click(), { type: 'restart', dyno: 'web.1' }],
  [
    'kill a process',
    async (page) => {
      await click(page, 'Kill sidekiq, pid 103');
      await inDialog(page).getByRole('button', { name: 'Kill' }).click();
    },
    { type: 'kill', pid: 103, signal: 'SIGKILL' },
  ],
  [
    'kill one of all processes, with a signal',
    async (page) => {
      await page.locator('#kill').click();
      await inDialog(page).getByLabel('Process').selectOption('102');
      await inDialog(page).getByRole('radio', { name: 'SIGSEGV' }).check();
      await inDialog(page).getByRole('button', { name: 'Kill' }).click();
    },
    { type: 'kill', pid: 102, signal: 'SIGSEGV' },
  ],
  [
    'flood memory',
    async (page) => {
      await click(page, /^Flood/);
      await inDialog(page).getByRole('radio', { name: 'convert' }).check();
      await inDialog(page).getByRole('button', { name: '512M' }).click();
      await inDialog(page).getByRole('button', { name: 'Flood' }).click();
    },
    { type: 'flood', where: 'convert', bytes: 512 * MB },
  ],
  ['open a stream', (page) => click(page, /^Open stream/), { type: 'open-stream' }],
  ['close a stream', (page) => click(page, /^Close stream/), { type: 'close-stream' }],
  [
    'change the quota',
    async (page) => {
      await click(page, /^Quota/);
      await inDialog(page).getByLabel('Memory').fill('1.5 GB');
      await inDialog(page).getByRole('button', { name: 'Change' }).click();
    },
    { type: 'quota', bytes: 1536 * MB },
  ],
  [
    'stall the log reader',
    (page) => page.getByRole('radio', { name: 'stalled' }).check(),
    { type: 'log-reader', pace: 'stalled' },
  ],
  [
    'quit',
    async (page) => {
      await click(page, /^Quit/);
      await inDialog(page).getByRole('button', { name: 'Quit' }).click();
    },
    { type: 'quit' },
  ],
])('by a click: %s', async (_, doing, action) => {
  const { page, simulation } = await show();
  simulation.answer = { ok: true, text: 'so be it' };
  await doing(page);
  await reads(page, '#answer', 'so be it');
  expect(simulation.actions).toEqual([action]);
});

test('an action that fails says why', async () => {
  const { page, simulation } = await show();
  simulation.answer = { ok: false, text: 'a deploy is running' };
  await click(page, /^Deploy/);
  await reads(page, '#answer', 'a deploy is running');
  const answer = page.locator('#answer');
  expect(await answer.getAttribute('data-ok')).toBe('false');
  expect(await answer.getAttribute('aria-live')).toBe('polite');
});

test('an amount that is none is not sent', async () => {
  const { page, simulation } = await show();
  await click(page, /^Quota/);
  expect(await inDialog(page).getByLabel('Memory').inputValue()).toBe('512M');
  await inDialog(page).getByLabel('Memory').fill('a lot');
  await inDialog(page).getByRole('button', { name: 'Change' }).click();
  expect(await inDialog(page).count()).toBe(1);
  await inDialog(page).getByRole('button', { name: 'Cancel' }).click();
  expect(await inDialog(page).count()).toBe(0);
  expect(simulation.actions).toEqual([]);
});

test('which of two dynos to restart is asked', async () => {
  const { page, simulation } = await show(
    new FakeSimulation({ dynos: [aDyno(), aDyno({ name: 'worker.1', runs: [] })] }),
  );
  await page.locator('#restart').click();
  await inDialog(page).getByLabel('Dyno').selectOption('worker.1');
  await inDialog(page).getByRole('button', { name: 'Restart' }).click();
  await eventually(() => expect(simulation.actions).toEqual([{ type: 'restart', dyno: 'worker.1' }]));
});

test.each<[string, readonly string[], Action]>([
  ['d', ['d'], { type: 'deploy' }],
  ['r', ['r'], { type: 'restart', dyno: 'web.1' }],
  ['k, down, Enter', ['k', 'ArrowDown', 'Enter'], { type: 'kill', pid: 102, signal: 'SIGKILL' }],
  [
    'c as in the terminal, another signal',
    ['c', 'Tab', 'ArrowDown', 'Enter'],
    { type: 'kill', pid: 101, signal: 'SIGTERM' },
  ],
  [
    'f, down, an amount',
    ['f', 'Shift+Tab', 'ArrowDown', 'Tab', '6', '4', 'm', 'Enter'],
    { type: 'flood', where: 'sidekiq', bytes: 64 * MB },
  ],
  ['s', ['s'], { type: 'open-stream' }],
  ['x', ['x'], { type: 'close-stream' }],
  ['u and an amount', ['u', '1', 'g', 'Enter'], { type: 'quota', bytes: 1024 * MB }],
  ['l', ['l'], { type: 'log-reader', pace: 'slow' }],
  ['q, to the button', ['q', 'Tab', 'Enter'], { type: 'quit' }],
])('by the keyboard: %s', async (_, keys, action) => {
  const { page, simulation } = await show();
  for (const key of keys) await page.keyboard.press(key);
  await reads(page, '#answer', 'done as asked');
  expect(simulation.actions).toEqual([action]);
});

test('quit asks, and Enter or Escape alone do not end it', async () => {
  const { page, simulation } = await show();
  for (const key of ['Enter', 'Escape']) {
    await page.keyboard.press('q');
    await inDialog(page).waitFor();
    await page.keyboard.press(key);
    await inDialog(page).waitFor({ state: 'hidden' });
  }
  await page.keyboard.press('d');
  await eventually(() => expect(simulation.actions).toEqual([{ type: 'deploy' }]));
});

test('keys do nothing in a text field, with a modifier, and below a dialog; ? lists them', async () => {
  const { page, simulation } = await show();
  await page.keyboard.press('/');
  await page.keyboard.type('drsxlq?');
  expect(await page.getByLabel('Filter').inputValue()).toBe('drsxlq?');
  await page.locator('#log').focus();
  for (const key of ['Control+d', 'Alt+d', 'Meta+d']) await page.keyboard.press(key);
  await page.keyboard.press('?');
  await reads(page, 'dialog[open] h2', 'Keys');
  await page.keyboard.press('d');
  const listed = await inDialog(page).locator('dt kbd').allInnerTexts();
  expect(listed).toEqual(['d', 'r', 'k', 'f', 'u', 's', 'x', 'l', '/', 'q', '?', 'Esc']);
  await page.keyboard.press('Escape');
  await page.keyboard.press('s');
  await eventually(() => expect(simulation.actions).toEqual([{ type: 'open-stream' }]));
});

test('Tab reaches all there is, each with a name and a focus that can be seen', async () => {
  const { page } = await show();
  const reached = new Map<string, boolean>();
  for (let n = 0; n < 60; n++) {
    await page.keyboard.press('Tab');
    const [name, isSeen] = await page.evaluate(focused);
    if (name === 'none') break;
    reached.set(name, isSeen);
  }
  const buttons = ['deploy', 'restart', 'kill', 'flood', 'quota', 'open-stream', 'close-stream', 'help', 'quit'];
  const others = [
    'url',
    'radio full',
    'window',
    'Restart web.1',
    'Kill puma, pid 102',
    'from',
    'filter',
    'log',
    'Events',
  ];
  expect([...reached.keys()]).toEqual(expect.arrayContaining([...buttons, ...others]));
  expect([...reached].filter(([, isSeen]) => !isSeen)).toEqual([]);
  for (const control of await page.locator('button:visible, input:visible, select:visible, a:visible').all())
    expect(
      await control.evaluate(
        (one) =>
          ('labels' in one ? (one as HTMLButtonElement).labels[0]?.textContent : null) ??
          one.getAttribute('aria-label') ??
          one.textContent,
      ),
    ).toMatch(/\w/);
});

test('light and dark, also while it is open', async () => {
  const { page, simulation } = await show(undefined, { colorScheme: 'light' });
  for (let n = 0; n < 10; n++) simulation.advance(1000);
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await eventually(async () => expect((await inked(page, 'process-puma')).length).toBeGreaterThan(10));
  const light = await ground();
  await page.emulateMedia({ colorScheme: 'dark' });
  await eventually(async () => expect(await ground()).not.toBe(light));
  // The colours of the plot are those of the dark theme by now: the page's own value is what is looked for.
  await eventually(async () => expect((await inked(page, 'process-puma')).length).toBeGreaterThan(10));
  expect(brightness(await ground())).toBeLessThan(60);
  expect(brightness(light)).toBeGreaterThan(200);
});

test('nothing moves for who does not want it', async () => {
  const { page } = await show(undefined, { reducedMotion: 'reduce' });
  const moving = await page.evaluate(
    () =>
      [...document.querySelectorAll('*')].filter((one) => parseFloat(getComputedStyle(one).transitionDuration) > 0)
        .length,
  );
  expect(moving).toBe(0);
});

test.each([360, 768, 1280])('%d pixels are wide enough', async (width) => {
  const long = 'tcp://0.0.0.0:5006/'.repeat(40);
  const processes = [1, 2, 3, 4, 5, 6, 7, 8].map((depth) => aProcess({ pid: 4_000_000 + depth, depth, title: long }));
  const dynos = [
    aDyno({ state: 'cooling off', crashes: 12, restartsAtMs: START_MS + 1e7, runs: [aRun({ processes })] }),
  ];
  const app = { folder: `/home/${'mastodon'.repeat(20)}`, standIns: false, url: 'http://localhost:5006' };
  const { page, simulation } = await show(new FakeSimulation({ dynos, app }), { viewport: { width, height: 740 } });
  simulation.log(long);
  simulation.emit('R14', { text: long });
  simulation.advance(1000);
  await reads(page, '#events tr', /R14/);
  await reads(page, '#log li', /tcp/);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
  for (const key of ['k', 'f', 'u', 'q', '?']) {
    await page.keyboard.press(key);
    const box = await inDialog(page).boundingBox();
    expect(box?.x).toBeGreaterThanOrEqual(0);
    expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(width);
    await page.keyboard.press('Escape');
    await inDialog(page).waitFor({ state: 'hidden' });
  }
});

function bigRun(megabytes: number) {
  return aRun({ processes: [aProcess({ pid: 7, label: 'puma', bytes: megabytes * MB })] });
}

/** The places, from the top, where the plot has the theme's colour of that name. */
function inked(page: Page, name: string): Promise<{ x: number; y: number }[]> {
  return page.locator('.plot canvas').first().evaluate(findInk, name);
}

/** Runs in the browser. */
function findInk(canvas: Element, name: string): { x: number; y: number }[] {
  const { width, height } = canvas as HTMLCanvasElement;
  const colour = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const wanted = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  const copy = Object.assign(document.createElement('canvas'), { width, height });
  const context = copy.getContext('2d', { willReadFrequently: true });
  context?.drawImage(canvas as HTMLCanvasElement, 0, 0);
  const data = context?.getImageData(0, 0, width, height).data ?? [];
  const found: { x: number; y: number }[] = [];
  for (let at = 0; at < data.length; at += 4)
    if (wanted.every((part, place) => Math.abs(part - (data[at + place] ?? 0)) < 24))
      found.push({ x: (at / 4) % width, y: Math.floor(at / 4 / width) });
  return found;
}

/** Of the line of the total near its end, above the axis, in pixels. */
async function heightOf(page: Page): Promise<number> {
  const [ink, size] = [await inked(page, 'text'), await plotSize(page)];
  const near = ink.filter(({ x }) => x > size.width - 44 && x < size.width - 36);
  return near.length === 0 ? 0 : size.height - Math.min(...near.map(({ y }) => y));
}

/** The longest horizontal line of a colour. */
async function linesOf(page: Page, name: string): Promise<{ fromBottom: number } | null> {
  const size = await plotSize(page);
  const rows = new Map<number, number>();
  for (const { x, y } of await inked(page, name)) if (x > size.width / 2) rows.set(y, (rows.get(y) ?? 0) + 1);
  const [longest] = [...rows].sort(([, one], [, other]) => other - one);
  return longest === undefined ? null : { fromBottom: size.height - longest[0] };
}

/** Without the axis of time. */
async function plotSize(page: Page): Promise<{ width: number; height: number }> {
  const size = await page
    .locator('.plot canvas')
    .first()
    .evaluate((canvas) => {
      const { width, height } = canvas as HTMLCanvasElement;
      return { width, height };
    });
  return { width: size.width, height: size.height - 26 };
}

function pixels(page: Page): Promise<string> {
  return page
    .locator('.plot canvas')
    .first()
    .evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL());
}

/** Runs in the browser: who has the focus, and whether one sees it. */
function focused(): [string, boolean] {
  const one = document.activeElement as HTMLInputElement | null;
  if (one === null || one === document.body) return ['none', false];
  const name =
    one.type === 'radio'
      ? `radio ${one.value}`
      : one.id || one.getAttribute('aria-label') || one.parentElement?.innerText.split('\n')[0];
  const outlined = one.type === 'radio' ? one.nextElementSibling : one;
  const style = outlined && getComputedStyle(outlined);
  return [name ?? '', style !== null && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2];
}

function brightness(colour: string): number {
  const parts = [...colour.matchAll(/\d+/g)].slice(0, 3).map(Number);
  return parts.reduce((sum, part) => sum + part, 0) / 3;
}
