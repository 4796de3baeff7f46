/** A part that this machine cannot have: told and left out for a developer without the right to it, a failure in CI. */
export function without(skip: (why: string) => void, why: string): void {
  if (process.env.CI) throw new Error(why);
  skip(why);
}
