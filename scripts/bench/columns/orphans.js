import { fileURLToPath } from 'node:url';
import { CHILD } from '../run.js';
import { letEnd } from './let-end.js';
import { drained, over, together } from './verdicts.js';
import { witness } from './witness.js';

/** A child behind a shell that does not hand TERM on. */
export const WRAPPED = `sh ${fileURLToPath(new URL('wrapper.sh', import.meta.url))} ${CHILD}`;

/** TERM to the main process; when it has ended, nothing else of the dyno may be there. */
export async function orphans(peer) {
  const ask = (run) => run.child.kill('SIGTERM');
  const [plain, daemon, session, wrapped, crash] = await Promise.all([
    witness(peer, { first: 'drain=300', ask }),
    witness(peer, { first: 'drain=300 daemon=1', other: 'drain=300', ready: 'daemon', readyCount: 1, ask }),
    witness(peer, { first: 'drain=300 helper=1', other: 'drain=300', ready: 'helper', readyCount: 1, ask }),
    witness(peer, { first: 'drain=1000', program: WRAPPED, ask }),
    peer.ends ? witness(peer, { first: 'exit=3', other: 'drain=300', ask: letEnd }) : null,
  ]);
  return together({
    plain: over(plain),
    daemon: over(daemon),
    'own session': over(session),
    'start script': drained(wrapped),
    ...(crash === null ? {} : { crash: over(crash) }),
  });
}
