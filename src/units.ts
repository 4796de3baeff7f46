/** `340 ms`, `2.3 s`, `45 s`, `3 min 20 s`, `3 h 12 min`, `2 d 4 h`. */
export function describeDuration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return twoUnits(seconds, 60, 'min', 1, 's');
  if (seconds < 86_400) return twoUnits(seconds, 3600, 'h', 60, 'min');
  return twoUnits(seconds, 86_400, 'd', 3600, 'h');
}

function twoUnits(seconds: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)} ${largeName}${rest === 0 ? '' : ` ${rest} ${smallName}`}`;
}

/** `530 MB`. A MB is 2^20 bytes here, as in the platforms' own figures. */
export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MB`;
}

/** `1 thread`, `5 threads`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** The first element with the largest `measure`, null if there are no elements. */
export function largest<T>(elements: readonly T[], measure: (element: T) => number): T | null {
  return elements.reduce<T | null>(
    (best, element) => (best === null || measure(element) > measure(best) ? element : best),
    null,
  );
}
