import type { Relief } from '../measures.ts';
import type { ChildName } from '../plan/spec.ts';

/** What a measure would do: `recycle sidekiq`. spare: who goes before the dyno does. */
export function inWords(measure: Relief, spare: ChildName | null): string {
  switch (measure.type) {
    case 'recycle':
      return `recycle ${measure.child}`;
    case 'save':
      return measure.child === null ? `stop ${spare ?? 'the dyno'}` : `restart ${measure.child} at once`;
    case 'end-process':
      return `${measure.killAfterMs === 0 ? 'kill' : 'end'} ${measure.name} (pid ${measure.id.pid})`;
  }
}
