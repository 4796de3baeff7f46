import { connect } from 'node:net';
import { join } from 'node:path';
import { sendSignal } from '../../process/termination.ts';
import type { Action, Answer, LogPace } from '../action.ts';
import type { DynoView, PlatformEvent, ProcessView } from '../simulation.ts';
import type { StreamingClients } from '../edge/streaming-clients.ts';
import type { App } from './app.ts';
import type { Deployment } from './deployment.ts';
import type { Dynos } from './dynos.ts';
import { formatMemory } from './rules.ts';

/** What actions work on. */
type ActionContext = {
  deployment: Deployment;
  dynos: Dynos;
  streamingClients: StreamingClients;
  url: string;
  /** The folder of the stand-ins' control sockets. */
  controlFolder: string;
  emit: (event: Omit<PlatformEvent, 'atMs'>) => void;
  /** Sets the log reader's pace. */
  setLogPace: (pace: LogPace) => void;
  quit: () => void;
};

const PACE_TEXT: Readonly<Record<LogPace, string>> = { full: 'at full speed', slow: 'slowly', stalled: 'no longer' };

export async function performAction(action: Action, context: ActionContext): Promise<Answer> {
  const { deployment, dynos, streamingClients: streams } = context;
  if (deployment.hasEnded && action.type !== 'quit') return { ok: false, text: 'the simulation is stopping' };
  switch (action.type) {
    case 'deploy':
      return deployment.deploy((app: App) => dynos.deploy(app.dynos));
    case 'restart':
      return restart(action.dyno, context);
    case 'kill':
      return kill(action.pid, action.signal, context);
    case 'flood': {
      const answer = await floodDyno(action, dynos.views(), deployment.app.standIns ? context.controlFolder : null);
      return answer.ok ? succeed(context, `flood ${action.where}`, answer.text) : answer;
    }
    case 'open-stream':
      return streams.open(context.url);
    case 'close-stream':
      return streams.closeOne();
    case 'quota':
      deployment.quotaBytes = action.bytes;
      dynos.resize(action.bytes);
      return succeed(context, 'quota', `the quota is now ${formatMemory(action.bytes)}; all dynos restart`);
    case 'log-reader':
      context.setLogPace(action.pace);
      return succeed(context, `log ${action.pace}`, `the log is now read ${PACE_TEXT[action.pace]}`);
    case 'quit':
      context.quit();
      return { ok: true, text: 'stopping the dynos' };
  }
}

function restart(dyno: string, context: ActionContext): Answer {
  const names = context.dynos.states.map(({ name }) => name);
  if (!names.includes(dyno)) return { ok: false, text: `no dyno ${dyno}: there are ${names.join(', ') || 'none'}` };
  if (!context.dynos.canRestart(dyno)) return { ok: false, text: `${dyno} is stopped; deploy to start it` };
  context.dynos.send(dyno, { type: 'restart', reason: 'by-hand' });
  return succeed(context, 'restart', `${dyno} restarts`, dyno);
}

function kill(pid: number, signal: NodeJS.Signals, context: ActionContext): Answer {
  const dyno = context.dynos.instances.ownerOf(pid);
  if (dyno === null) return { ok: false, text: `no dyno has a process ${pid}` };
  const known = context.dynos.views().flatMap(({ runs }) => runs.flatMap(({ processes }) => processes));
  const label = known.find((item) => item.pid === pid)?.label ?? 'a process';
  sendSignal(pid, signal);
  return succeed(context, `${signal} ${label}`, `${label} (pid ${pid}) of ${dyno} got ${signal}`, dyno);
}

function succeed(context: ActionContext, label: string, text: string, dyno: string | null = null): Answer {
  context.emit({ dyno, kind: 'action', label, text });
  return { ok: true, text };
}

type FloodAction = Extract<Action, { type: 'flood' }>;

/** Twice the quota already kills a dyno; the limit protects the machine. */
const MAX_QUOTAS = 4;

/** Makes a stand-in allocate memory. control: the folder of the control sockets; null for real processes. */
async function floodDyno(
  { where, bytes }: FloodAction,
  dynos: readonly DynoView[],
  control: string | null,
): Promise<Answer> {
  if (control === null) return { ok: false, text: 'only stand-ins can be flooded' };
  const label = where === 'convert' ? 'sidekiq' : where;
  const found = firstOf(label, dynos);
  if (found === null) return { ok: false, text: `no ${label} runs` };
  const mostBytes = MAX_QUOTAS * Math.max(...dynos.map(({ quotaBytes }) => quotaBytes));
  if (bytes > mostBytes)
    return { ok: false, text: `${MAX_QUOTAS} times the quota is the limit: ${formatMemory(mostBytes)}` };
  const problem = await sendFloodCommand(control, found.pid, `${where === 'convert' ? 'convert' : 'flood'} ${bytes}`);
  const amount = formatMemory(bytes);
  if (problem !== null) return { ok: false, text: `${label} (pid ${found.pid}): ${problem}` };
  return {
    ok: true,
    text: where === 'convert' ? `a convert of sidekiq grows to ${amount}` : `${label} allocates ${amount} more`,
  };
}

function firstOf(label: string, dynos: readonly DynoView[]): ProcessView | null {
  const runs = dynos.flatMap(({ runs }) => runs.filter(({ phase }) => phase === 'up'));
  return runs.flatMap(({ processes }) => processes).find((process) => process.label === label) ?? null;
}

/** Commands of a stand-in's control socket. Only sidekiq accepts `convert BYTES`. */
type FloodCommand = `flood ${number}` | 'relieve' | `convert ${number}`;

const ANSWER_TIMEOUT_MS = 5000;

/** Sends a command to the stand-in with this pid. Resolves with null when it is accepted, else with the reason. */
export function sendFloodCommand(controlFolder: string, pid: number, command: FloodCommand): Promise<string | null> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(join(controlFolder, `${pid}.sock`), () => socket.write(`${command}\n`));
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy(new Error('does not answer')));
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
    socket.once('error', ({ code = '', message }: NodeJS.ErrnoException) =>
      resolve(`process ${pid} ${REASONS[code] ?? message}`),
    );
    socket.once('close', () => resolve(describeAnswer(pid, answer.trim())));
  });
}

const ENDED = 'exited before it answered';
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'accepts no commands: it is still booting, has exited, or is not a stand-in',
  ECONNREFUSED: 'has exited',
  EPIPE: ENDED,
  ECONNRESET: ENDED,
};

function describeAnswer(pid: number, answer: string): string | null {
  if (answer === 'ok') return null;
  return answer === '' ? `process ${pid} ${ENDED}` : `process ${pid}: ${answer}`;
}
