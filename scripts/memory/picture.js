// A picture that is too big for a small dyno, the real ImageMagick, and a policy for it that limits nothing.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { CannotRun } from '../quietly.js';

/** ImageMagick's own `convert`, whatever else on this machine has the name. */
export function findConvert() {
  const places = [...process.env.PATH.split(delimiter), '/usr/bin'].map((folder) => join(folder, 'convert'));
  const found = places.find((file) => existsSync(file) && isImageMagick(file));
  if (!found) throw new CannotRun('no ImageMagick: apt-get install imagemagick');
  return found;
}

/** A jpeg with the detail of a photograph. Gives its path. */
export function makePicture(folder, width, height) {
  const file = join(folder, `${width}x${height}.jpg`);
  const size = `${Math.round(width / 4)}x${Math.round(height / 4)}`;
  const detail = ['plasma:fractal', '-attenuate', '0.3', '+noise', 'Gaussian', '-filter', 'Point'];
  const env = { PATH: process.env.PATH, ...withoutLimits(folder) };
  execFileSync(findConvert(), ['-size', size, ...detail, '-resize', '400%', '-quality', '90', file], { env });
  return file;
}

const LIMITS = { memory: '64GiB', map: '64GiB', area: '64GP', disk: '64GiB' };

/** The variables with which ImageMagick takes what it likes: Debian's policy, which is one limit already, is overruled by
 * one that is found before it. The limits of its variables can only lower those of a policy. */
export function withoutLimits(folder) {
  const configuration = join(folder, 'magick');
  mkdirSync(configuration, { recursive: true });
  const lines = Object.entries(LIMITS).map(
    ([name, value]) => `<policy domain="resource" name="${name}" value="${value}"/>`,
  );
  writeFileSync(join(configuration, 'policy.xml'), `<policymap>\n${lines.join('\n')}\n</policymap>\n`);
  const variables = Object.entries(LIMITS).map(([name, value]) => [`MAGICK_${name.toUpperCase()}_LIMIT`, value]);
  return { MAGICK_CONFIGURE_PATH: configuration, ...Object.fromEntries(variables) };
}

function isImageMagick(file) {
  try {
    return execFileSync(file, ['-version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).includes(
      'ImageMagick',
    );
  } catch {
    return false;
  }
}
