// npm run screenshots: runs the simulator on its stand-ins, lets a few things happen, and takes the pictures of docs/images:
// its page in light, in dark and on a phone. Needs Debian's packages `chromium` and `imagemagick`.
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
const PATIENCE_MS = 60_000;

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
  await letThingsHappen(page);
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

/** A boot, streaming clients, a deploy, a killed sidekiq, memory over the quota. */
async function letThingsHappen(page) {
  page.setDefaultTimeout(PATIENCE_MS);
  const happens = (mark) =>
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
  await happens('v2');
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
  await happens('crashed');
  await seconds(page, 12);
  for (let n = 0; n < 3; n++) await page.locator('#open-stream').click();
  await flood(page, 'puma', '288M');
  await happens('R14');
  await seconds(page, 8);
}

async function flood(page, who, amount) {
  await page.locator('#flood').click();
  const dialog = page.locator('dialog[open]');
  await dialog.getByRole('radio', { name: who }).check();
  await dialog.getByLabel('How much more').fill(amount);
  await dialog.getByRole('button', { name: 'Flood' }).click();
}

/** The plot wants something to show. */
function seconds(page, count) {
  return page.waitForTimeout(count * 1000);
}

async function shoot(page, name) {
  const path = join(root, `docs/images/page-${name}.png`);
  await page.mouse.move(0, 0);
  await page.waitForTimeout(500);
  await page.screenshot({ path, fullPage: page.viewportSize().width > 1000 });
  // A few colours are enough, and a third of the size.
  execFileSync('convert', [path, '+dither', '-colors', '128', '-strip', `PNG8:${path}`]);
  console.log(path);
}

/** On stand-ins in a folder of its own; ended in good order, whatever happens. */
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

/** Its first line says where the page is. */
function pageUrl(child) {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      said = `${said}${text}`.slice(-10_000);
      const [, url] = /watch it on (http:\/\/\S+?);?\s/.exec(said) ?? [];
      if (url) resolve(url);
    });
    child.once('close', () => reject(new CannotRun(`the simulator ended at once:\n${said}`)));
  });
}

async function isFree(port) {
  return (await listen(port)) !== null;
}

function freePort() {
  return listen(0);
}

/** The port that was got for a moment; null where it is taken. */
function listen(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen(port, '127.0.0.1', () => {
      const got = server.address().port;
      server.close(() => resolve(got));
    });
  });
}
