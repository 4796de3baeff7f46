import { ConfigError } from '../exit-status.ts';
import { SAME_CTRL_C_MS, type Signals } from '../process/signals.ts';
import type { DevOptions } from './options.ts';
import { type App, readApp } from './platform/app.ts';
import { InstanceFactory } from './platform/instance-factory.ts';
import { Ports } from './platform/loopback.ts';
import { Platform } from './platform/platform.ts';
import type { Simulation } from './simulation.ts';
import { openDatabase } from './stand-ins/database.ts';

export type SimulationContext = {
  env: NodeJS.ProcessEnv;
  /** The folder of this package. */
  packageFolder: string;
  interruption: Interruption;
};

/** A simulation before its first release. */
export type OpenSimulation = Simulation & {
  /** The app as last deployed. */
  app(): App;
  /** Resolves when the quit action is taken. */
  quit: Promise<void>;
  /** Sends TERM to all dynos. Resolves when everything is closed. */
  stop(): Promise<void>;
  /** Like stop, but with SIGKILL. */
  kill(): Promise<void>;
};

export type RunningSimulation = OpenSimulation & {
  /** The result of the first release. The dynos have been started when it resolves. */
  released: Promise<'succeeded' | 'failed'>;
};

/** The port of `heroku local`. PORT or .env override it. */
const EDGE_PORT = 5006;

/** Called before the first release, so that no log line is missed. If it throws, the simulation is closed. */
type Attach = (simulation: OpenSimulation) => void | Promise<void>;

/** Reads the app, opens the edge, runs the release and starts the formation.
 * @throws ConfigError with every problem of the app, or if a port is taken; nothing was started then */
export async function startSimulation(
  options: DevOptions,
  { env, packageFolder }: Omit<SimulationContext, 'interruption'>,
  attach: Attach = () => {},
): Promise<RunningSimulation> {
  const app = await readApp(options, env, packageFolder);
  const port = options.port ?? app.port ?? EDGE_PORT;
  const instanceFactory = new InstanceFactory(packageFolder, new Ports(port + 2), options.timeScale);
  const database = app.standIns ? await openDatabase(app) : null;
  const databaseUrl = database?.url ?? null;
  const platform = new Platform(app, { options, env, packageFolder, instanceFactory, databaseUrl });
  const close = async (): Promise<void> => {
    await database?.close();
    instanceFactory.close();
  };
  const simulation: OpenSimulation = {
    app: () => platform.app,
    quit: platform.quit,
    view: () => platform.view(),
    act: (action) => platform.act(action),
    onLine: (listener) => platform.lines.subscribe(listener),
    onEvent: (listener) => platform.events.subscribe(listener),
    onView: (listener) => platform.views.subscribe(listener),
    stop: () => platform.stop().then(close),
    kill: () => platform.kill().then(close),
  };
  try {
    await platform.openEdge(port);
    await attach(simulation);
  } catch (error) {
    await simulation.kill();
    throw isSystemError(error) ? new ConfigError([error.message]) : error;
  }
  const deployed = platform.act({ type: 'deploy' });
  return { ...simulation, released: deployed.then(({ ok }) => (ok ? 'succeeded' : 'failed')) };
}

/** For example, the port is taken. Any other error is an internal error or a ConfigError already. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && !(error instanceof ConfigError) && 'code' in error;
}

/** Stop requests by signal: the first asks for a graceful stop, the second for an immediate one. */
export type Interruption = {
  /** Its `reason` is the signal's name. */
  first: AbortSignal;
  second: AbortSignal;
};

export function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

export function listenForInterruption(signals: Pick<Signals, 'subscribe'>): Interruption {
  const [first, second] = [new AbortController(), new AbortController()];
  let firstAtMs = 0;
  // Other first signals count too: for one Ctrl-C, a test runner may send TERM in addition to the terminal's INT.
  const take = (name: string): void => {
    if (!first.signal.aborted) {
      firstAtMs = performance.now();
      first.abort(name);
    } else if (name === 'SIGINT' && performance.now() - firstAtMs >= SAME_CTRL_C_MS) second.abort(name);
  };
  signals.subscribe((name) => {
    if (name === 'second-SIGINT') take('SIGINT');
    if (name === 'SIGINT' || name === 'SIGTERM' || name === 'SIGHUP') take(name);
  });
  process.on('SIGQUIT', () => take('SIGQUIT'));
  return { first: first.signal, second: second.signal };
}
