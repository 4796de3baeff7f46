import {
  bootTimeoutText,
  changeStatus,
  errorCode,
  type InstanceExit,
  exitTimeoutText,
  eventEffect,
  isCurrent,
  killInstance,
  type Instance,
  type Transition,
  type DynoState,
  type DynoEffect,
  type DynoEvent,
  withInstance,
} from './dyno-state.ts';
import { formatMemory, LARGEST_BYTES, type Rules } from './rules.ts';

/** The platform's next step for one dyno. Events of an instance that has ended change nothing. */
export function next(dyno: DynoState, event: DynoEvent, rules: Rules, nowMs: number): Transition {
  if ('instance' in event && event.type !== 'cooled-off') {
    const instance = dyno.instances.find(({ id }) => id === event.instance);
    return instance === undefined ? [dyno] : nextOfInstance(dyno, instance, event, rules, nowMs);
  }
  switch (event.type) {
    case 'start':
      return dyno.state === 'down' || dyno.state === 'stopping' ? startInstance(dyno, rules, nowMs) : [dyno];
    case 'restart':
      return restart(dyno, event.reason === 'cycle' ? 'Cycling' : 'Restarting', rules, nowMs);
    case 'configured':
      return [{ ...dyno, command: event.command, quotaBytes: event.quotaBytes }];
    case 'stop':
      return stop(dyno, rules, nowMs);
    case 'cooled-off':
      return dyno.state === 'cooling off' && dyno.instanceCount === event.instance
        ? startInstance(dyno, rules, nowMs)
        : [dyno];
  }
}

type InstanceEvent = Exclude<Extract<DynoEvent, { instance: number }>, { type: 'cooled-off' }>;

function nextOfInstance(
  dyno: DynoState,
  instance: Instance,
  event: InstanceEvent,
  rules: Rules,
  nowMs: number,
): Transition {
  switch (event.type) {
    case 'port-opened':
      if (instance.phase !== 'starting') return [dyno];
      return changeStatus(withInstance(dyno, { ...instance, phase: 'up' }), 'up', nowMs);
    case 'exited':
      return exited(dyno, instance, event, rules, nowMs);
    case 'measured':
      return measured(dyno, instance, event.bytes, rules, nowMs);
    case 'boot-timeout':
      if (instance.phase !== 'starting') return [dyno];
      return killInstance(dyno, instance, errorCode('R10', bootTimeoutText(rules)), 'Stopping process with SIGKILL');
    case 'stop-timeout':
      if (instance.phase !== 'stopping') return [dyno];
      return killInstance(
        dyno,
        instance,
        errorCode('R12', exitTimeoutText(rules)),
        'Stopping remaining processes with SIGKILL',
      );
    case 'cycle-due':
      return isCurrent(instance) ? restart(dyno, 'Cycling', rules, nowMs) : [dyno];
  }
}

function startInstance(dyno: DynoState, rules: Rules, nowMs: number): Transition {
  const id = dyno.instanceCount + 1;
  const phase = dyno.isWeb ? 'starting' : 'up';
  const instance: Instance = { id, phase, startedMs: nowMs, lastR14Ms: null };
  const [started, ...effects] = changeStatus(
    { ...dyno, instanceCount: id, instances: [instance, ...dyno.instances] },
    'starting',
    nowMs,
  );
  const [up, ...more] = dyno.isWeb ? [started] : changeStatus(started, 'up', nowMs);
  const bootLate: DynoEffect = {
    type: 'schedule',
    event: { type: 'boot-timeout', instance: id },
    afterMs: rules.bootMs,
  };
  return [
    up,
    ...effects,
    { type: 'log', text: `Starting process with command \`${dyno.command}\`` },
    { type: 'start', instance: id, command: dyno.command },
    ...(dyno.isWeb ? [bootLate] : []),
    { type: 'schedule', event: { type: 'cycle-due', instance: id }, afterMs: rules.cycleMs },
    ...more,
  ];
}

/** The old instance gets TERM at the moment the new one starts, so both run for a while. */
function restart(dyno: DynoState, text: 'Cycling' | 'Restarting', rules: Rules, nowMs: number): Transition {
  if (dyno.state === 'stopping' || dyno.state === 'down') return [dyno];
  const [ending, ...stopEffects] = stopCurrent({ ...dyno, crashes: 0, restartsAtMs: null }, rules);
  const [started, ...startEffects] = startInstance(ending, rules, nowMs);
  return [started, { type: 'log', text }, ...stopEffects, ...startEffects];
}

function stop(dyno: DynoState, rules: Rules, nowMs: number): Transition {
  const [ending, ...stopEffects] = stopCurrent({ ...dyno, restartsAtMs: null }, rules);
  const [done, ...effects] = changeStatus(ending, ending.instances.length === 0 ? 'down' : 'stopping', nowMs);
  return [done, ...stopEffects, ...effects];
}

const PHASE_AFTER_STOP = {
  starting: 'stopping',
  up: 'stopping',
  stopping: 'stopping',
  killed: 'overdue',
  overdue: 'overdue',
} as const;

function stopCurrent(dyno: DynoState, rules: Rules): Transition {
  const current = dyno.instances.filter(isCurrent);
  const instances = dyno.instances.map((instance) => ({ ...instance, phase: PHASE_AFTER_STOP[instance.phase] }));
  return [
    { ...dyno, instances },
    ...current.flatMap(({ id }): DynoEffect[] => [
      { type: 'log', text: 'Stopping all processes with SIGTERM' },
      { type: 'terminate', instance: id },
      { type: 'schedule', event: { type: 'stop-timeout', instance: id }, afterMs: rules.stopMs },
    ]),
  ];
}

/** The exit of its first process ends the whole instance: the remaining processes are killed. */
function exited(
  dyno: DynoState,
  instance: Instance,
  { status, orphans }: InstanceExit,
  rules: Rules,
  nowMs: number,
): Transition {
  const rest = { ...dyno, instances: dyno.instances.filter((item) => item !== instance) };
  const exitEffects: DynoEffect[] = [
    { type: 'log', text: `Process exited with status ${status}` },
    eventEffect('exit', `exit ${status}`, `${dyno.name} exited with status ${status}`, { status, orphans }),
  ];
  if (dyno.state === 'stopping') {
    const [down, ...effects] = rest.instances.length === 0 ? changeStatus(rest, 'down', nowMs) : [rest];
    return [down, ...exitEffects, ...effects];
  }
  if (instance.phase === 'stopping' || instance.phase === 'overdue') return [rest, ...exitEffects];
  const [crashed, ...more] = crash(rest, instance, rules, nowMs);
  return [crashed, ...exitEffects, ...more];
}

/** The first crash in a row causes an immediate restart. An instance that outlived the first cool-off starts a new
 * row. */
function crash(dyno: DynoState, instance: Instance, rules: Rules, nowMs: number): Transition {
  const crashes = nowMs - instance.startedMs > rules.coolOffMs ? 1 : dyno.crashes + 1;
  const [crashed, ...effects] = changeStatus({ ...dyno, crashes }, 'crashed', nowMs);
  if (crashes === 1) {
    const [started, ...startEffects] = startInstance(crashed, rules, nowMs);
    return [started, ...effects, ...startEffects];
  }
  const afterMs = Math.min(rules.coolOffMs * 2 ** (crashes - 2), rules.maxCoolOffMs);
  const cooling: DynoState = { ...crashed, state: 'cooling off', restartsAtMs: nowMs + afterMs };
  return [
    cooling,
    ...effects,
    { type: 'schedule', event: { type: 'cooled-off', instance: dyno.instanceCount }, afterMs },
  ];
}

/** R14 from the quota on, repeated while it lasts. R15 and SIGKILL at twice the quota. */
function measured(dyno: DynoState, instance: Instance, bytes: number, rules: Rules, nowMs: number): Transition {
  const share = bytes / dyno.quotaBytes;
  if (instance.phase === 'killed' || instance.phase === 'overdue') return [dyno];
  if (share >= (dyno.quotaBytes < LARGEST_BYTES ? rules.killAt : rules.killLargestAt)) {
    const effects = [...memoryLine(bytes, share), ...errorCode('R15', 'Error R15 (Memory quota vastly exceeded)')];
    return killInstance(dyno, instance, effects, 'Stopping process with SIGKILL');
  }
  if (share < rules.warnAt)
    return [instance.lastR14Ms === null ? dyno : withInstance(dyno, { ...instance, lastR14Ms: null })];
  if (instance.lastR14Ms !== null && nowMs - instance.lastR14Ms < rules.warnEveryMs) return [dyno];
  const effects = [...memoryLine(bytes, share), ...errorCode('R14', 'Error R14 (Memory quota exceeded)')];
  const isNew = instance.lastR14Ms === null;
  return [
    withInstance(dyno, { ...instance, lastR14Ms: nowMs }),
    ...effects.filter((effect) => isNew || effect.type === 'log'),
  ];
}

function memoryLine(bytes: number, share: number): DynoEffect[] {
  return [{ type: 'log', text: `Process running mem=${formatMemory(bytes)}(${(share * 100).toFixed(1)}%)` }];
}
