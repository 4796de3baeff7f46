import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { openPage } from '../../src/simulator/web/server.ts';
import { eventually } from '../harness/eventually.ts';
import { FakeSimulation } from '../simulator/fake-simulation.ts';

export const ASSETS = fileURLToPath(new URL('../../dist/simulator/page', import.meta.url));

let browser: Browser | undefined;

/** Starts one browser, Debian's Chromium, for the tests of a file. */
export function withBrowser(args: readonly string[] = []): void {
  beforeAll(async () => {
    // Chromium's sandbox does not work as root, as in containers.
    browser = await chromium.launch({ executablePath: chromiumOnPath(), args: ['--no-sandbox', ...args] });
  });
  afterAll(() => browser?.close());
}

function chromiumOnPath(): string {
  const candidates = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'chromium'));
  const found = candidates.find((path) => existsSync(path));
  if (found === undefined) throw new Error('chromium is not on the PATH; on Debian: apt-get install chromium');
  return found;
}

export type Opened = { page: Page; complaints: string[] };

/** Opens a window, which is closed after the test. complaints: the errors and warnings of the browser. */
export async function newPage(options: BrowserContextOptions = {}): Promise<Opened> {
  if (browser === undefined) throw new Error('no browser');
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      console.error(`violates ${violatedDirective}: ${blockedURI}`),
    );
  });
  return { page, complaints };
}

export type Shown = Opened & { simulation: FakeSimulation; url: string; close: () => Promise<void> };

/** Opens the page of a fake simulation in a browser. The test fails if the browser logs an error or a warning. */
export async function show(simulation = new FakeSimulation(), options: BrowserContextOptions = {}): Promise<Shown> {
  const opening = await openPage(simulation, { port: 0, assets: ASSETS });
  const { url } = opening;
  const close = (): Promise<void> => opening.close();
  onTestFinished(close);
  const opened = await newPage(options);
  await opened.page.goto(url);
  await isLive(opened.page);
  await reads(opened.page, '#folder', /./); // comes with the first view, before which the buttons do nothing
  onTestFinished(() => expect(opened.complaints).toEqual([]));
  return { ...opened, simulation, url, close };
}

export function isLive(page: Page): Promise<void> {
  return reads(page, '#connection', 'Live');
}

/** Waits until an element has this text, ignoring white space. */
export async function reads(page: Page, selector: string, text: string | RegExp): Promise<void> {
  await eventually(async () => {
    const shown = await page.locator(selector).first().innerText({ timeout: 5000 });
    expect(shown.replace(/\s+/g, ' ').trim()).toMatch(
      typeof text === 'string' ? new RegExp(`^${escaped(text)}$`) : text,
    );
  }, 30_000);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
