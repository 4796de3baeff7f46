import { ConfigError } from '../errors.ts';
import { SAME_CTRL_C_MS, type Signals } from '../process/signals.ts';
import type { Answer } from './action.ts';
import type { EdgeOptions } from './edge/target.ts';
import { openEdge } from './edge/edge.ts';
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

export type RunningSimulation = Simulation & {
  /** The app as last deployed. */
  app(): App;
  /** The result of the first release. The dynos have been started when it resolves. */
  released: Promise<'succeeded' | 'failed'>;
  /** Resolves when the quit action is taken. */
  quit: Promise<void>;
  /** Sends TERM to all dynos. Resolves when everything is closed. */
  stop(): Promise<void>;
  /** Like stop, but with SIGKILL. */
  kill(): Promise<void>;
};

/** The port of `heroku local`. PORT or .env override it. */
const EDGE_PORT = 5006;

/** Called before the first release, so that no log line is missed. If it throws, the simulation is closed. */
type Attach = (running: RunningSimulation) => void | Promise<void>;

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
  const platform = new Platform(app, {
    options,
    env,
    packageFolder,
    instanceFactory,
    databaseUrl: database?.url ?? null,
  });
  const close = async (): Promise<void> => {
    await database?.close();
    instanceFactory.close();
  };
  const release = new Latch();
  const released = release.opened.then(() => platform.act({ type: 'deploy' }));
  const running = runningSimulation(platform, released, close);
  try {
    platform.attachEdge(await openEdge({ ...edgeOptions(platform), port }));
    await attach(running);
  } catch (error) {
    await running.kill();
    throw isSystemError(error) ? new ConfigError([error.message]) : error;
  }
  release.open();
  return running;
}

/** For example, the port is taken. Any other error is an internal error or a ConfigError already. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && !(error instanceof ConfigError) && 'code' in error;
}

function runningSimulation(
  platform: Platform,
  released: Promise<Answer>,
  close: () => Promise<void>,
): RunningSimulation {
  return {
    app: () => platform.app,
    quit: platform.quit,
    released: released.then(({ ok }) => (ok ? 'succeeded' : 'failed')),
    view: () => platform.view(),
    act: (action) => platform.act(action),
    onLine: (listener) => platform.lines.subscribe(listener),
    onEvent: (listener) => platform.events.subscribe(listener),
    onView: (listener) => platform.views.subscribe(listener),
    stop: () => platform.stop().then(close),
    kill: () => platform.kill().then(close),
  };
}

function edgeOptions(platform: Platform): Omit<EdgeOptions, 'port'> {
  return {
    rules: platform.rules,
    target: () => platform.target(),
    log: (text) => platform.routerLine(text),
    emit: (event) => platform.emit(event),
  };
}

/** A promise that `open` resolves. */
class Latch {
  open: () => void = () => {};
  readonly opened = new Promise<void>((resolve) => (this.open = resolve));
}

/** Stop requests by signal: the first asks for a graceful stop, the second for an immediate one. */
export type Interruption = {
  /** Its `reason` is the signal's name. */
  first: AbortSignal;
  second: AbortSignal;
};

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
