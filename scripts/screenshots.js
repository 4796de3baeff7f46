// npm run screenshots: runs the simulator with stand-ins, triggers a few events, and takes the screenshots of docs/images: its page in
// light and dark mode and on a phone. Needs the Debian packages `chromium` and `imagemagick`.
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { bootstrap } from './bootstrap.js';
import { CannotRun, root } from './quietly.js';

const CHROMIUM = process.env.PATH.split(delimiter)
  .map((folder) => join(folder, 'chromium'))
  .find(existsSync);
const TIMEOUT_MS = 60_000;

try {
  await bootstrap();
  if (!existsSync(CHROMIUM))
    throw new CannotRun(`${CHROMIUM} is missing; on Debian: apt-get install chromium imagemagick`);
  await withSimulation(async (url) => {
    const { chromium } = await import('playwright-core');
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    try {
      await takePictures(browser, url);
    } finally {
      await browser.close();
    }
  });
} catch (error) {
  if (!(error instanceof CannotRun)) throw error;
  console.error(`npm run screenshots: ${error.message}`);
  process.exitCode = 1;
}

async function takePictures(browser, url) {
  const page = await browser.newPage({ colorScheme: 'light', viewport: { width: 1280, height: 1210 } });
  await page.goto(url);
  await triggerEvents(page);
  await shoot(page, 'light');
  await page.emulateMedia({ colorScheme: 'dark' });
  await shoot(page, 'dark');
  const viewport = { width: 390, height: 844 };
  const phone = await browser.newPage({ viewport, deviceScaleFactor: 2, isMobile: true, hasTouch: true });
  await phone.goto(url);
  await phone.locator('[data-connection=live]').waitFor();
  await phone.locator('#dyno-web\\.1').evaluate((card) => card.scrollIntoView({ block: 'start' }));
  await shoot(phone, 'phone');
}

/** A boot, a deploy, a killed sidekiq, streaming clients and memory over the quota. */
async function triggerEvents(page) {
  page.setDefaultTimeout(TIMEOUT_MS);
  const seesEvent = (mark) =>
    page
      .locator('#events .mark', { hasText: new RegExp(`^${mark}$`) })
      .first()
      .waitFor();
  const runs = (dyno, label) =>
    page.locator(`#dyno-${dyno}\\.1 [data-part=label]`, { hasText: label }).first().waitFor();
  await runs('web', 'sidekiq');
  await runs('worker', 'sidekiq');
  await runs('web', 'streaming');
  await seconds(page, 20);
  await page.locator('#deploy').click();
  await seesEvent('v2');
  await page
    .getByText(/run 2, up/)
    .first()
    .waitFor();
  await runs('web', 'streaming');
  await seconds(page, 12);
  await page
    .locator('#dyno-worker\\.1')
    .getByRole('button', { name: /^Kill sidekiq/ })
    .click();
  await page.locator('dialog[open]').getByRole('button', { name: 'Kill' }).click();
  await seesEvent('crashed');
  await seconds(page, 12);
  for (let n = 0; n < 3; n++) await page.locator('#open-stream').click();
  await flood(page, 'puma', '288M');
  await seesEvent('R14');
  await seconds(page, 8);
}

async function flood(page, label, amount) {
  await page.locator('#flood').click();
  const dialog = page.locator('dialog[open]');
  await dialog.getByRole('radio', { name: label }).check();
  await dialog.getByLabel('How much more').fill(amount);
  await dialog.getByRole('button', { name: 'Flood' }).click();
}

/** Fills the plot. */
function seconds(page, count) {
  return page.waitForTimeout(count * 1000);
}

async function shoot(page, name) {
  const path = join(root, `docs/images/page-${name}.png`);
  await page.mouse.move(0, 0);
  await page.waitForTimeout(500);
  await page.screenshot({ path, fullPage: page.viewportSize().width > 1000 });
  // 128 colours are enough, and need a third of the size.
  execFileSync('convert', [path, '+dither', '-colors', '128', '-strip', `PNG8:${path}`]);
  console.log(path);
}

/** Runs a simulation with stand-ins in a temporary folder, and always stops it gracefully. */
async function withSimulation(use) {
  const app = mkdtempSync(join(tmpdir(), 'mastodon-'));
  for (const file of ['Procfile', 'app.json']) copyFileSync(join(root, file), join(app, file));
  writeFileSync(join(app, '.env'), 'RUN_STREAMING=inline\nRUN_WORKER=true\n');
  const port = (await isFree(5006)) && (await isFree(5007)) ? 5006 : await freePort();
  const args = ['dev', '--dir', app, '--stand-ins', '--formation', 'web=1,worker=1', '--port', port];
  const binary = join(root, 'bin/mstdn-supervise.js');
  const child = spawn(process.execPath, [binary, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  try {
    await use(await pageUrl(child));
  } finally {
    child.kill('SIGINT');
    await ended;
    rmSync(app, { recursive: true, force: true });
  }
}

/** The first line of the simulator names the URL of the page. */
function pageUrl(child) {
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output = `${output}${text}`.slice(-10_000);
      const [, url] = /watch it on (http:\/\/\S+?);?\s/.exec(output) ?? [];
      if (url) resolve(url);
    });
    child.once('close', () => reject(new CannotRun(`the simulator ended at once:\n${output}`)));
  });
}

async function isFree(port) {
  return (await listen(port)) !== null;
}

function freePort() {
  return listen(0);
}

/** Opens the port for a moment and returns it; null if it is in use. */
function listen(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen(port, '127.0.0.1', () => {
      const openPort = server.address().port;
      server.close(() => resolve(openPort));
    });
  });
}
