import type { Fact, Tell } from './facts.ts';
import type { NodeHost } from './host/node-host.ts';
import type { Log } from './log.ts';
import type { Guard } from './memory/guard.ts';
import type { ServePlan } from './plan/spec.ts';
import type { Measures } from './supervisor/supervise.ts';

/** What the supervisor tells, where it gets measures from, and why there is no memory for one more child now. */
export type Watched = { tell: Tell; measures: Measures; shortage: () => string | null };
/** print: takes a line as it is. dyno: the name of this run. */
export type Around = { host: NodeHost; log: Log; print: (line: string) => void; dyno: string };

/** Joins a guard to a dyno: it hears what happens, and posts its measures. Its code is loaded when the children have started
 * and the log is there; what was told until then it hears afterwards. */
export function watchMemory(plan: ServePlan, { host, log, print, dyno }: Around): Watched {
  const { guard: wish, quota, logEveryMs } = plan.memory;
  if ((wish === 'off' || quota === null) && logEveryMs === null) {
    return { tell: log.tell, measures: () => () => {}, shortage: () => null };
  }
  const heard: Fact[] = [];
  let hear: Tell = (fact) => void heard.push(fact);
  let shortage: Watched['shortage'] = () => null;
  const load = async (take: Parameters<Measures>[0]): Promise<Guard | null> => {
    await log.written();
    const { guardDyno } = await import('./guard-dyno.ts');
    const guard = guardDyno(host, { plan, tell: log.tell, take, print, dyno });
    if (guard === null) log.tell({ fact: 'warning', text: 'no /proc to read here: memory is not watched' });
    for (const fact of heard) guard?.hear(fact);
    hear = (fact) => guard?.hear(fact);
    shortage = () => guard?.shortage() ?? null;
    return guard;
  };
  return {
    tell(fact) {
      log.tell(fact);
      hear(fact);
    },
    measures(take) {
      const loaded = load(take);
      let isOver = false;
      void loaded.then((guard) => isOver || guard?.start());
      return () => {
        isOver = true;
        void loaded.then((guard) => guard?.close());
      };
    },
    shortage: () => shortage(),
  };
}
