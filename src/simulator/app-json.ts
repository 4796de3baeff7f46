/** What an app.json says of dynos and config vars. */
export type AppJson = {
  formation: ReadonlyMap<string, { quantity: number; size: string | null }>;
  /** Those with a value. */
  env: Readonly<Record<string, string>>;
  /** Those that want a secret of their own: `"generator": "secret"`. */
  secrets: readonly string[];
  /** Those that somebody has to set. */
  required: readonly string[];
  /** Names or URLs, in the order in which they run. */
  buildpacks: readonly string[];
};

export const NO_APP_JSON: AppJson = { formation: new Map(), env: {}, secrets: [], required: [], buildpacks: [] };

/** The text of an app.json, as far as it is about what runs; or every problem of that part. */
export function parseAppJson(text: string): { app: AppJson; problems: readonly string[] } {
  const problems: string[] = [];
  const json = objectIn(text);
  if (typeof json === 'string') return { app: NO_APP_JSON, problems: [`app.json: ${json}`] };
  if (json.formation !== undefined && !isPlain(json.formation))
    problems.push('app.json: formation: expected an object');
  const formation = Object.entries(asObject(json.formation)).flatMap(([type, wish]) => {
    const { quantity = 1, size = null } = asObject(wish);
    const isGood = isPlain(wish) && isQuantity(quantity) && (size === null || typeof size === 'string');
    if (!isGood) problems.push(`app.json: formation.${type}: expected {"quantity": 1, "size": "basic"}`);
    return isGood ? [[type, { quantity: Number(quantity), size }] as const] : [];
  });
  const vars = Object.entries(asObject(json.env)).map(([name, wish]) => configVar(name, wish));
  const app: AppJson = {
    formation: new Map(formation),
    env: Object.fromEntries(vars.flatMap(({ name, value }) => (value === null ? [] : [[name, value]]))),
    secrets: vars.filter(({ value, isSecret }) => value === null && isSecret).map(({ name }) => name),
    required: vars.filter(({ value, isSecret, isRequired }) => value === null && !isSecret && isRequired).map(nameOf),
    buildpacks: buildpacksOf(json.buildpacks) ?? [],
  };
  if (buildpacksOf(json.buildpacks) === null)
    problems.push('app.json: buildpacks: expected a list like [{"url": "heroku/nodejs"}, {"url": "heroku/ruby"}]');
  return { app, problems };
}

/** null where this is no list of buildpacks. */
function buildpacksOf(value: unknown): string[] | null {
  if (value === undefined) return [];
  if (!Array.isArray(value)) return null;
  const urls = value.map((buildpack) => asObject(buildpack).url);
  return urls.every((url) => typeof url === 'string') ? urls : null;
}

/** More than any small instance has; as many as --formation takes. */
const QUANTITY_MOST = 99;

function isQuantity(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= QUANTITY_MOST;
}

type ConfigVar = { name: string; value: string | null; isSecret: boolean; isRequired: boolean };

function configVar(name: string, wish: unknown): ConfigVar {
  if (typeof wish === 'string') return { name, value: wish, isSecret: false, isRequired: false };
  const { value, generator, required = true } = asObject(wish);
  const text = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? `${value}` : null;
  return { name, value: text, isSecret: generator === 'secret', isRequired: required !== false };
}

function objectIn(text: string): Record<string, unknown> | string {
  try {
    const json: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    return isPlain(json) ? { ...json } : 'expected an object';
  } catch (error) {
    return (error as Error).message;
  }
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asObject(value: unknown): Record<string, unknown> {
  return isPlain(value) ? { ...value } : {};
}

function nameOf({ name }: ConfigVar): string {
  return name;
}
