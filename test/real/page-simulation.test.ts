// The simulator's page in real Chromium, with a real simulation of stand-ins.
import { expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import { startDyno, type Dyno } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { freePair } from '../simulator/free-port.ts';
import { isLive, newPage, reads, withBrowser } from './page-browser.ts';

withBrowser();

const LIGHT = { STAND_IN_BOOT_MS: '100', STAND_IN_PUMA_MB: '0', STAND_IN_SIDEKIQ_MB: '0', STAND_IN_STREAMING_MB: '0' };
/** Sidekiq always runs a job, so that a stop takes a while. */
const BUSY = { STAND_IN_JOB_MS: '4000', STAND_IN_JOB_EVERY_MS: '500' };
const ON_DEMAND = { RUN_STREAMING: 'on-demand', SUPERVISE_STREAMING_IDLE: '1s' };

type Watched = { page: Page; dyno: Dyno; complaints: string[] };

/** Starts `mstdn-supervise dev` in an empty folder, opens its page, and waits until the dyno is up. */
async function watch(env: Record<string, string> = {}): Promise<Watched> {
  const words = ['--port', `${await freePair()}`, '--quota', '256M', '--time-scale', '5'];
  const dyno = startDyno({ args: ['dev', ...words], env: { ...LIGHT, ...BUSY, ...env } });
  const [, url = ''] = await dyno.waitForOutput(/watch it on (http:\S+);/);
  const { page, complaints } = await newPage();
  await page.goto(url);
  await isLive(page);
  await reads(page, '#dynos .state', 'up');
  await row(page, 'sidekiq').waitFor();
  return { page, dyno, complaints };
}

test('a dyno is up, with its process tree, and the plot moves', async () => {
  const { page, complaints } = await watch();
  await reads(page, '#what-runs', 'stand-ins');
  await reads(page, '#release', 'v1 succeeded');
  await reads(page, '#log', /Starting process with command `mstdn-supervise web`/);
  const labels = page.locator('#dynos tr.process [data-part=label]');
  await eventually(async () => expect(await labels.allInnerTexts()).toEqual(['supervisor', 'puma', 'sidekiq']));
  const before = await pixels(page);
  await eventually(async () => expect(await pixels(page)).not.toBe(before));
  expect(await memory(page)).toBeGreaterThan(10);
  expect(complaints).toEqual([]);
});

test('Deploy: the old run drains beside the new one, then only the new one is left', async () => {
  const { page } = await watch();
  const shown = await recordRuns(page);
  await page.locator('#deploy').click();
  await reads(page, '#release', 'v2 succeeded');
  await reads(page, '#answer', 'v2 is deployed');
  await eventually(async () => expect(await page.locator('#dynos tbody.run').count()).toBe(1));
  await reads(page, '#dynos tbody.run', /^run 2, up/);
  await reads(page, '#events', / web\.1 exit 0 /);
  expect(await shown()).toContainEqual([expect.stringMatching(/^run 2, /), expect.stringMatching(/^run 1, draining/)]);
});

test('Kill sidekiq: shows status 137 and a crash, then the dyno is up again', async () => {
  const { page } = await watch();
  const killed = await row(page, 'sidekiq').locator('[data-part=pid]').innerText();
  await row(page, 'sidekiq').locator('[data-part=kill]').click();
  await page.locator('dialog[open]').getByRole('button', { name: 'Kill' }).click();
  await reads(page, '#answer', `sidekiq (pid ${killed}) of web.1 got SIGKILL`);
  await reads(page, '#events', /web\.1 exit 137 /);
  await reads(page, '#events', /web\.1 crashed /);
  await reads(page, '#log', /Process exited with status 137/);
  await reads(page, '#dynos .trouble', '1 crash in a row');
  await reads(page, '#dynos .state', 'up');
  await eventually(async () => {
    const pids = await row(page, 'sidekiq').locator('[data-part=pid]').allInnerTexts();
    expect(pids).toHaveLength(1);
    expect(pids[0]).not.toBe(killed);
  });
});

test('Flood memory: it exceeds the quota, with an R14 mark', async () => {
  const { page } = await watch();
  const [before, plot] = [await memory(page), await pixels(page)];
  await page.locator('#flood').click();
  const dialog = page.locator('dialog[open]');
  await dialog.getByRole('radio', { name: 'puma' }).check();
  await dialog.getByRole('button', { name: '256M' }).click();
  await dialog.getByRole('button', { name: 'Flood' }).click();
  await reads(page, '#events', /web\.1 R14 /);
  await eventually(async () => expect(await memory(page)).toBeGreaterThan(before + 200));
  expect(await page.locator('#dynos .share').getAttribute('data-level')).toBe('over');
  expect(await pixels(page)).not.toBe(plot);
  await reads(page, '#log', /Error R14 \(Memory quota exceeded\)/);
});

test('Open stream starts streaming; Close stream stops it again', async () => {
  const { page } = await watch(ON_DEMAND);
  expect(await row(page, 'streaming').count()).toBe(0);
  await page.locator('#open-stream').click();
  await reads(page, '#streams', '1 (1 ours)');
  await row(page, 'streaming').waitFor();
  await page.locator('#close-stream').click();
  await reads(page, '#streams', '0');
  await row(page, 'streaming').waitFor({ state: 'detached' });
});

test('Quota: the dyno restarts with the new quota', async () => {
  const { page } = await watch();
  await reads(page, '#dynos .usage', / of 256 MB /);
  await page.locator('#quota').click();
  await page.locator('dialog[open]').getByLabel('Memory').fill('1.5G');
  await page.locator('dialog[open]').getByRole('button', { name: 'Change' }).click();
  await reads(page, '#dynos .usage', / of 1\.5 GB /);
  await reads(page, '#dynos tbody.run', /^run 2, up/);
});

test('Quit ends the command with exit code 0, and no process is left', async () => {
  const { page, dyno, complaints } = await watch();
  await page.locator('#quit').click();
  await page.locator('dialog[open]').getByRole('button', { name: 'Quit' }).click();
  expect(await dyno.exited).toEqual({ code: 0, signal: null });
  await dyno.gone();
  await reads(page, '#connection', /ended/i);
  await reads(page, '#log', /Process exited with status 0/);
  expect(complaints).toEqual([]);
});

/** Records everything that the page shows of the runs from now on: one entry per change, with the texts of all runs. */
async function recordRuns(page: Page): Promise<() => Promise<string[][]>> {
  const recorded = await page.locator('#dynos').evaluateHandle((dynos) => {
    const all: string[][] = [];
    const texts = (): string[] => [...dynos.querySelectorAll('tbody.run')].map((run) => (run as HTMLElement).innerText);
    new MutationObserver(() => all.push(texts().map((text) => text.replace(/\s+/g, ' ').trim()))).observe(dynos, {
      ...{ subtree: true, childList: true, characterData: true, attributes: true },
    });
    return all;
  });
  return () => recorded.jsonValue();
}

/** The row of the process with this label, in any run. */
function row(page: Page, label: string): ReturnType<Page['locator']> {
  return page.locator('#dynos tr.process', { has: page.locator('[data-part=label]', { hasText: label }) });
}

/** The memory of the dyno in MB, from the label that the plot has for screen readers. */
async function memory(page: Page): Promise<number> {
  const label = await page.locator('#dynos .plot').getAttribute('aria-label');
  return Number(/now ([\d.]+) MB/.exec(label ?? '')?.[1]);
}

function pixels(page: Page): Promise<string> {
  return page
    .locator('#dynos .plot canvas')
    .first()
    .evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL());
}
