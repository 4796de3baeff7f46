// A picture that is too big for a small dyno, the real ImageMagick, and a policy that does not limit it.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { CannotRun } from '../../scripts/quietly.js';

const LIMITS = { memory: '64GiB', map: '64GiB', area: '64GP', disk: '64GiB' };

/** ImageMagick's own `convert`: another program of that name may come first on the PATH. */
export function findConvert(): string {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin'];
  const found = folders
    .map((folder) => join(folder, 'convert'))
    .find((file) => existsSync(file) && isImageMagick(file));
  if (found === undefined) throw new CannotRun('ImageMagick is missing: apt-get install imagemagick');
  return found;
}

/** Makes a jpeg with the detail of a photograph, and returns its path. */
export function makePicture(folder: string, width: number, height: number): string {
  const file = join(folder, `${width}x${height}.jpg`);
  const size = `${Math.round(width / 4)}x${Math.round(height / 4)}`;
  const detail = ['plasma:fractal', '-attenuate', '0.3', '+noise', 'Gaussian', '-filter', 'Point'];
  const env = { PATH: process.env.PATH, ...unlimitedEnv(folder) };
  execFileSync(findConvert(), ['-size', size, ...detail, '-resize', '400%', '-quality', '90', file], { env });
  return file;
}

/**
 * Variables that let ImageMagick take as much as it needs. Its own variables can only lower the limits of a policy, and Debian's
 * policy is one. So this also writes a policy that is found before Debian's.
 */
export function unlimitedEnv(folder: string): { MAGICK_CONFIGURE_PATH: string } & NodeJS.ProcessEnv {
  const configuration = join(folder, 'magick');
  mkdirSync(configuration, { recursive: true });
  const limits = Object.entries(LIMITS);
  const policies = limits.map(([name, value]) => `<policy domain="resource" name="${name}" value="${value}"/>`);
  writeFileSync(join(configuration, 'policy.xml'), `<policymap>\n${policies.join('\n')}\n</policymap>\n`);
  const variables = limits.map(([name, value]) => [`MAGICK_${name.toUpperCase()}_LIMIT`, value] as const);
  return { MAGICK_CONFIGURE_PATH: configuration, ...Object.fromEntries(variables) };
}

function isImageMagick(file: string): boolean {
  try {
    const version = execFileSync(file, ['-version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return version.includes('ImageMagick');
  } catch {
    return false;
  }
}
