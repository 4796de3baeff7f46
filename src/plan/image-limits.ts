import type { Quota } from './place.ts';
import type { Settings } from './settings.ts';
import type { Thrift } from './spec.ts';

const MIB = 2 ** 20;
/** MiB. libvips' own VIPS_DISC_THRESHOLD (https://www.libvips.org/API/current/func.get_disc_threshold.html). */
const VIPS_DISC_THRESHOLD = 100;

/** What image libraries may take of the quota; test/real/images.test.ts holds it.
 * Measured with a png of 8000x8000, memory of the process's own: ImageMagick 6.9 takes 836 MB to resize it without limits,
 * 222 MB with both at 256MiB. What is beyond is a file on disk, mapped or not, which the kernel can take back.
 * libvips 8.14 streams what it can: a thumbnail takes 35 MB with one thread, 130 MB with the eight that it starts where it
 * sees eight cores, in the same time. What it cannot stream, such as a rotation, it decodes whole: into memory below its
 * threshold, onto disk above. Half the quota as threshold makes that 200 MB instead of 24. With a tenth, the largest
 * picture that Mastodon takes (33 megapixels) takes 24 MB instead of 109 by default, and 0.3 s more. */
export function imageLimits(settings: Settings, quota: Quota | null): Thrift[] {
  if (quota === null) return [];
  const half = `${Math.floor(quota.bytes / 2 / MIB)}MiB`;
  const tenth = Math.floor(quota.bytes / 10 / MIB);
  const isLess = tenth < VIPS_DISC_THRESHOLD;
  const wanted: readonly (Thrift & { variable: keyof Settings })[] = [
    { variable: 'MAGICK_MEMORY_LIMIT', value: half, why: 'half the quota for one image, the rest of it on disk' },
    { variable: 'MAGICK_MAP_LIMIT', value: half, why: 'half the quota, as MAGICK_MEMORY_LIMIT' },
    { variable: 'VIPS_CONCURRENCY', value: '1', why: 'each thread of libvips has buffers of its own' },
    {
      variable: 'VIPS_DISC_THRESHOLD',
      value: `${tenth}m`,
      why: 'a decoded image over a tenth of the quota goes to disk',
    },
  ];
  return wanted
    .filter(({ variable }) => settings[variable] === null && (isLess || variable !== 'VIPS_DISC_THRESHOLD'))
    .map(({ variable, value, why }) => ({ variable, value, why }));
}
