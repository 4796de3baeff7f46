import { sendSignal } from '../process/termination.ts';
import type { Action, Answer } from './action.ts';
import type { App } from './app.ts';
import type { Deployment } from './deployment.ts';
import type { Dynos } from './dynos.ts';
import { floodDyno } from './flood-dyno.ts';
import type { Streams } from './streams.ts';
import type { Happening, LogPace } from './view.ts';

/** What actions act on. */
export type Stage = {
  deployment: Deployment;
  dynos: Dynos;
  streams: Streams;
  url: string;
  /** Where the stand-ins listen for what they shall do. */
  control: string;
  happen: (happening: Omit<Happening, 'atMs'>) => void;
  /** How the log is read from now on. */
  read: (pace: LogPace) => void;
  quit: () => void;
};

const READ: Readonly<Record<LogPace, string>> = { full: 'as it comes', slow: 'slowly', stalled: 'not at all' };

export async function act(action: Action, stage: Stage): Promise<Answer> {
  const { deployment, dynos, streams } = stage;
  if (deployment.hasEnded && action.do !== 'quit') return { ok: false, text: 'the simulation ends' };
  switch (action.do) {
    case 'deploy':
      return deployment.deploy((app: App) => dynos.deploy(app.dynos));
    case 'restart':
      return restart(action.dyno, stage);
    case 'kill':
      return kill(action.pid, action.signal, stage);
    case 'flood': {
      const answer = await floodDyno(action, dynos.views(), deployment.app.standIns ? stage.control : null);
      return answer.ok ? acted(stage, `flood ${action.where}`, answer.text) : answer;
    }
    case 'open-stream':
      return streams.open(stage.url);
    case 'close-stream':
      return streams.closeOne();
    case 'quota':
      deployment.quotaBytes = action.bytes;
      dynos.resize(action.bytes);
      return acted(
        stage,
        'quota',
        `the quota is ${Math.round(action.bytes / 2 ** 20)}M now; the dynos restart with it`,
      );
    case 'log-reader':
      stage.read(action.pace);
      return acted(stage, `log ${action.pace}`, `the log is read ${READ[action.pace]}`);
    case 'quit':
      stage.quit();
      return { ok: true, text: 'the dynos are stopped' };
  }
}

function restart(dyno: string, stage: Stage): Answer {
  const names = stage.dynos.slots.map(({ name }) => name);
  if (!names.includes(dyno)) return { ok: false, text: `no dyno ${dyno}: there are ${names.join(', ') || 'none'}` };
  if (!stage.dynos.canRestart(dyno)) return { ok: false, text: `${dyno} is stopped, and stays so` };
  stage.dynos.post(dyno, { kind: 'restart', why: 'by-hand' });
  return acted(stage, 'restart', `${dyno} restarts`, dyno);
}

function kill(pid: number, signal: NodeJS.Signals, stage: Stage): Answer {
  const dyno = stage.dynos.lives.ownerOf(pid);
  if (dyno === null) return { ok: false, text: `no process ${pid} in these dynos` };
  const known = stage.dynos.views().flatMap(({ runs }) => runs.flatMap(({ processes }) => processes));
  const label = known.find((one) => one.pid === pid)?.label ?? 'a process';
  sendSignal(pid, signal);
  return acted(stage, `${signal} ${label}`, `${label} (pid ${pid}) of ${dyno} got ${signal}`, dyno);
}

function acted(stage: Stage, mark: string, text: string, dyno: string | null = null): Answer {
  stage.happen({ dyno, kind: 'action', mark, text });
  return { ok: true, text };
}
