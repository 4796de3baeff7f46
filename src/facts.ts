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
  | ({ fact: 'outcome'; code: number; reason: string } & Because);

/** What ended it all: a signal, a child or step that ended, or nothing of the kind. */
export type Because =
  | { cause: 'signal'; signal: NodeJS.Signals }
  | { cause: 'child-exited'; child: ChildName; status: ExitStatus; afterMs: number }
  | { cause: 'done' };

export type Tell = (fact: Fact) => void;
