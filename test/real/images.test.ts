import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDyno } from '../harness/dyno.ts';
import { pidOf } from './instance.ts';

/** In MB. own: anonymous memory, which the kernel can only swap. all: with the pages that are mapped from files. */
type Peak = { own: number; all: number };

const HALF_THE_QUOTA = 256;
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mstdn-supervise-test-'));
  // Debian limits by policy, too. This policy comes first and is generous, so that the variables take effect.
  const policies = ['memory', 'map', 'disk', 'area'].map(
    (name) => `<policy domain="resource" name="${name}" value="64GiB"/>`,
  );
  writeFileSync(join(folder, 'policy.xml'), `<policymap>${policies.join('')}</policymap>`);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('ImageMagick, a picture of 64 megapixels', () => {
  const command = "convert huge.ppm -resize '3840x3840>' out.jpg";
  const UNLIMITED = { MAGICK_MEMORY_LIMIT: '64GiB', MAGICK_MAP_LIMIT: '64GiB' };
  beforeAll(() => writePicture(join(folder, 'huge.ppm'), 8000, 8000));

  test('stays within half the quota, and needs three times as much without limits', async () => {
    const limited = await peakOf(command, {});
    const unlimited = await peakOf(command, UNLIMITED);
    const figures = `with ${describePeak(limited)}, without ${describePeak(unlimited)}`;
    expect(limited.own, figures).toBeLessThan(HALF_THE_QUOTA);
    expect(limited.all, figures).toBeLessThan(2 * HALF_THE_QUOTA);
    expect(unlimited.own, figures).toBeGreaterThan(3 * limited.own);
    expect(unlimited.own, figures).toBeGreaterThan(2 * HALF_THE_QUOTA);
  });
});

describe('libvips, the largest picture that Mastodon takes, turned', () => {
  const command = 'vips rot largest.png out.jpg d90';
  beforeAll(() => {
    writePicture(join(folder, 'largest.ppm'), 8000, 4050);
    execFileSync('vips', ['copy', 'largest.ppm', 'largest.png[compression=1]'], { cwd: folder });
  });

  test('stays within a tenth of the quota, unlike by default or with half the quota', async () => {
    const limited = await peakOf(command, {});
    const byDefault = await peakOf(command, { VIPS_DISC_THRESHOLD: '100m' });
    const half = await peakOf(command, { VIPS_DISC_THRESHOLD: `${HALF_THE_QUOTA}m` });
    const figures = `with ${describePeak(limited)}, by default ${describePeak(byDefault)}, with half the quota ${describePeak(half)}`;
    expect(limited.own, figures).toBeLessThan(51);
    expect(byDefault.own, figures).toBeGreaterThan(90);
    expect(half.own, figures).toBeGreaterThan(90);
  });
});

/** The peak memory of `command` as a child of a 512 MB dyno, with the environment that the plan gives to puma. */
async function peakOf(command: string, env: Record<string, string>): Promise<Peak> {
  rmSync(join(folder, 'out.jpg'), { force: true });
  const settings = { PUMA_COMMAND: command, SUPERVISE_MEMORY_QUOTA: '512M', SUPERVISE_MEMORY_GUARD: 'off' };
  const dyno = startDyno({ cwd: folder, env: { MAGICK_CONFIGURE_PATH: folder, ...settings, ...env } });
  const pid = await pidOf(dyno, 'puma');
  const peak = { own: 0, all: 0 };
  for (let status = readStatus(pid); status !== null; status = readStatus(pid)) {
    peak.own = Math.max(peak.own, megabytes(status, 'RssAnon'));
    peak.all = Math.max(peak.all, megabytes(status, 'VmHWM'));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await dyno.exited;
  expect(existsSync(join(folder, 'out.jpg')), dyno.output).toBe(true);
  return peak;
}

function describePeak({ own, all }: Peak): string {
  return `${own} MB of its own, ${all} MB in all`;
}

/** null after the exit of the process. */
function readStatus(pid: number): string | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return /^State:\s+[ZX]/m.test(status) ? null : status;
  } catch {
    return null;
  }
}

function megabytes(status: string, name: string): number {
  const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? '0';
  return Math.round(Number(kilobytes) / 1024);
}

/** Enough noise that no library treats it as empty, and fast to write. */
function writePicture(file: string, width: number, height: number): void {
  const row = Buffer.from(Array.from({ length: 3 * width }, (_, index) => (index * 7919) % 251));
  const out = openSync(file, 'w');
  writeSync(out, `P6\n${width} ${height}\n255\n`);
  const band = Buffer.concat(Array.from({ length: 50 }, () => row));
  for (let rows = 0; rows < height; rows += 50) writeSync(out, band);
  closeSync(out);
}
