import { ConfigError } from '../errors.ts';
import type { Answer } from './action.ts';
import { readApp, type App } from './app.ts';
import { openDatabase } from './database.ts';
import type { EdgeOptions } from './edge/edge-options.ts';
import { openEdge } from './edge/edge.ts';
import type { Interruption } from './interruption.ts';
import type { DevOptions } from './options.ts';
import { Platform } from './platform.ts';
import { Ports } from './ports.ts';
import type { Simulation } from './simulation.ts';
import { Workshop } from './workshop.ts';

export type Surroundings = {
  env: NodeJS.ProcessEnv;
  /** The folder of this package. */
  home: string;
  interruption: Interruption;
};

export type Running = Simulation & {
  /** What is simulated, as it was last deployed. */
  app(): App;
  /** What became of the first release; when it is known its dynos have been started. */
  released: Promise<'succeeded' | 'failed'>;
  /** Somebody chose to quit. */
  quit: Promise<void>;
  /** TERM for all dynos; resolves when everything of ours has gone. */
  stop(): Promise<void>;
  /** The same with SIGKILL. */
  kill(): Promise<void>;
};

/** heroku local listens there, unless PORT or .env says otherwise. */
export const EDGE_PORT = 5006;

/** Those who watch from the first line on, before anything is released; what they throw ends it all. */
export type Attach = (running: Running) => void | Promise<void>;

/** Reads the app, opens the edge, releases, and starts the formation.
 * @throws ConfigError with every problem of the app, or where a port is taken; nothing was started then */
export async function startSimulation(
  options: DevOptions,
  { env, home }: Omit<Surroundings, 'interruption'>,
  attach: Attach = () => {},
): Promise<Running> {
  const app = await readApp(options, env, home);
  const port = options.port ?? app.port ?? EDGE_PORT;
  const workshop = new Workshop(home, new Ports(port + 2), options.timeScale);
  const database = app.standIns ? await openDatabase(app) : null;
  const platform = new Platform(app, { options, env, home, workshop, databaseUrl: database?.url ?? null });
  const close = async (): Promise<void> => {
    await database?.close();
    workshop.close();
  };
  const release = new Gate();
  const released = release.opened.then(() => platform.act({ do: 'deploy' }));
  const running = runningOf(platform, released, close);
  try {
    platform.use(await openEdge({ ...edgeOf(platform), port }));
    await attach(running);
  } catch (error) {
    await running.kill();
    throw isOfTheSystem(error) ? new ConfigError([error.message]) : error;
  }
  release.open();
  return running;
}

/** A port that is taken, say; anything else is a mistake of ours, or has been told as a problem already. */
function isOfTheSystem(error: unknown): error is Error {
  return error instanceof Error && !(error instanceof ConfigError) && 'code' in error;
}

function runningOf(platform: Platform, released: Promise<Answer>, close: () => Promise<void>): Running {
  return {
    app: () => platform.app,
    quit: platform.quit,
    released: released.then(({ ok }) => (ok ? 'succeeded' : 'failed')),
    view: () => platform.view(),
    act: (action) => platform.act(action),
    onLine: (listener) => platform.lines.on(listener),
    onHappening: (listener) => platform.happenings.on(listener),
    onView: (listener) => platform.views.on(listener),
    stop: () => platform.stop().then(close),
    kill: () => platform.kill().then(close),
  };
}

function edgeOf(platform: Platform): Omit<EdgeOptions, 'port'> {
  return {
    rules: platform.rules,
    target: () => platform.target(),
    say: (text) => platform.route(text),
    happen: (happening) => platform.happen(happening),
  };
}

/** Something that waits for a word. */
class Gate {
  open: () => void = () => {};
  readonly opened = new Promise<void>((resolve) => (this.open = resolve));
}
