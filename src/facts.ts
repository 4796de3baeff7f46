import type { ExitStatus } from './exit-status.ts';
import type { Words } from './plan/parsers.ts';
import type { ChildName } from './plan/spec.ts';

/** What happened, as data: each becomes one line of the log. `child` is a child of a dyno or a step of a release. */
export type Fact =
  | { fact: 'plan'; text: string }
  | { fact: 'warning'; text: string }
  | { fact: 'started'; child: ChildName; command: Words; pid: number }
  | { fact: 'ready'; child: ChildName; afterMs: number }
  | { fact: 'not-waiting'; child: ChildName; notReady: ChildName; afterMs: number }
  | { fact: 'not-watched'; child: ChildName; why: string }
  | { fact: 'taken-as-up'; child: ChildName; afterMs: number }
  /** byUs: our SIGKILL was under way. */
  | { fact: 'ended'; child: ChildName; status: ExitStatus; afterMs: number; byUs?: boolean }
  /** because: the signal that we got, or the child that ended unasked. */
  | { fact: 'stopping'; because: string; children: readonly ChildName[]; atMostMs: number }
  /** The platform had signalled every process: the end of that child was asked for. */
  | { fact: 'broadcast'; child: ChildName; afterMs: number }
  | { fact: 'killing'; children: readonly ChildName[] }
  | { fact: 'leftover'; process: string; how: 'ended' | 'killed' }
  | { fact: 'left-behind'; children: readonly ChildName[] }
  | { fact: 'handed-on'; signal: NodeJS.Signals; children: readonly ChildName[] }
  /** quietMs: how long it may finish what it has in hand. */
  | { fact: 'recycling'; child: ChildName; why: string; quietMs: number }
  | { fact: 'not-recycling'; child: ChildName; why: string }
  | { fact: 'restarting'; child: ChildName; idle: boolean }
  /** It is restarted without waiting for its work, or killed. */
  | { fact: 'saving'; child: ChildName; why: string; killed: boolean }
  | { fact: 'ending'; process: string; why: string; killAfterMs: number | null }
  /** The router takes connections there: `[::]:5006`. */
  | { fact: 'listening'; at: string }
  /** It is asked to end until somebody wants it: nobody has for so long, or there is no memory for it. */
  | { fact: 'resting'; child: ChildName; idleMs: number }
  | { fact: 'resting'; child: ChildName; why: string }
  /** It ended unasked, or was not ready after this time; it starts again when it is wanted, after a pause. */
  | { fact: 'fell'; child: ChildName; pauseMs: number; notReadyAfterMs: number | null }
  /** It is wanted, and not started now. */
  | { fact: 'not-woken'; child: ChildName; why: string }
  /** It was wanted when it could not start: it can now, and whoever still waits has to want it again. */
  | { fact: 'available'; child: ChildName }
  /** What went wrong between a client and an upstream, `count` times since the last such line. */
  | { fact: 'router-trouble'; child: ChildName; why: string; count: number }
  /** What memory there is, and what is done about it or would be. */
  | { fact: 'memory'; level: 'info' | 'warn' | 'error'; text: string; usedBytes: number; quotaBytes: number }
  | ({ fact: 'outcome'; code: number; reason: string } & Because);

/** What ended it all: a signal, a child or step that ended, or nothing of the kind. */
export type Because =
  | { cause: 'signal'; signal: NodeJS.Signals }
  | { cause: 'child-exited'; child: ChildName; status: ExitStatus; afterMs: number }
  | { cause: 'not-back' | 'never-up'; child: ChildName; afterMs: number }
  | { cause: 'memory' }
  | { cause: 'done' };

export type Tell = (fact: Fact) => void;
