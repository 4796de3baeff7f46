/** A dyno's life, told beforehand: what its children are like, and what happens to them and when. Plain data. */
export type Story = {
  role: 'web' | 'worker';
  /** Of a web dyno. */
  hasWorker: boolean;
  hasRouter: boolean;
  streaming: 'none' | 'inline' | 'on-demand';
  /** Sidekiq waits for puma. */
  waits: boolean;
  hasPrefix: boolean;
  stdout: 'pipe' | 'socket' | 'file';
  /** tmp/ of the checkout, where the ready file belongs. */
  tmp: 'there' | 'missing' | 'full';
  /** What the guard can reach with a child that grows. */
  memory: 'off' | 'relieve' | 'save';
  /** Others want the processor. */
  isBusy: boolean;
  /** What is wrong before anything starts. */
  mistake: Mistake | null;
  puma: Nature;
  sidekiq: Nature;
  streamer: Nature;
  happenings: readonly Happening[];
};

export type Mistake = 'setting' | 'not-found' | 'not-executable' | 'port-taken';

export type Nature = {
  bootMs: number;
  /** After TERM: how it ends and how long it needs. `ignore`: not at all. */
  term: { how: 'exit'; code: number; afterMs: number } | { how: 'signal'; afterMs: number } | { how: 'ignore' };
  /** By itself, so long after its start. */
  end: { how: 'exit'; code: number; inMs: number } | { how: 'kill'; signal: NodeJS.Signals; inMs: number } | null;
  daemon: { kind: 'follow' | 'ignore' | 'bare' | 'double' | 'heir' | 'loud'; inMs: number } | null;
  /** The work is done by another process: behind a start script, or in a session of its own. */
  behind: 'script' | 'session' | null;
  lines: number;
  /** Stops in the midst of a line when it is up, and writes the rest of it so much later, if it lives to. */
  stalls: { forMs: number } | null;
  grows: { what: 'helper' | 'self'; inMs: number } | null;
};

export type Happening = {
  /** After exec of the supervisor. */
  atMs: number;
  what: Deed;
};

export type Deed =
  | { do: 'stop'; signal: StopSignal; to: 'supervisor' | 'all' | 'all, supervisor last' }
  | { do: 'tell'; signal: StopSignal; whom: ChildName | 'worker' | 'daemon' }
  | { do: 'kill'; whom: Whom }
  | { do: 'freeze' | 'thaw'; whom: ChildName }
  | { do: 'stall' | 'read' | 'close' }
  | { do: 'ask'; for: Question }
  | { do: 'step'; byS: number };

export type StopSignal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';
/** worker: who does the work behind a start script, or in a session of its own; helper: what grows beside a child. */
export type Whom = ChildName | 'worker' | 'supervisor' | 'daemon' | 'helper' | 'relay';
export type ChildName = 'puma' | 'sidekiq' | 'streaming';
export type Question = 'echo' | 'slow' | 'big' | 'post' | 'stream' | 'upgrade';

export const CHILD_NAMES: readonly ChildName[] = ['puma', 'sidekiq', 'streaming'];

/** Who runs beside whom, at all times but for streaming on demand. */
export function castOf({ role, hasWorker, streaming }: Story): readonly ChildName[] {
  if (role === 'worker') return ['sidekiq'];
  return [
    'puma',
    ...(hasWorker ? (['sidekiq'] as const) : []),
    ...(streaming === 'none' ? [] : (['streaming'] as const)),
  ];
}

export function natureOf(story: Story, name: ChildName): Nature {
  return story[name === 'streaming' ? 'streamer' : name];
}

/** Whether one port stands before puma and streaming. */
export function isRouted({ role, hasRouter, streaming }: Story): boolean {
  return role === 'web' && (hasRouter || streaming !== 'none');
}
