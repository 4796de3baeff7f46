import { expect, it } from 'vitest';
import { JobLog } from '../../../src/simulator/rehearsal/job-log.ts';
import { standInWorker } from '../part.ts';

/** Sidekiq 6.4.1 with five threads and `-t 2` got TERM: one job failed by itself, two were done, one that let itself be
 * interrupted and one that did not went back. */
const CAPTURED = `
pid=31793 tid=ke1 INFO: Booting Sidekiq 6.4.1 with redis options {:url=>"unix:///tmp/redis"}
pid=31793 tid=kh1 class=ExternalWorker jid=ef889db7a7b311f6bd4c8bf3 INFO: start
pid=31793 tid=kid class=RecordedWorker jid=c3b56e98f8d62a57e8b10b2b INFO: start
pid=31793 tid=ki1 class=StubbornWorker jid=2e6809c59ea34944796523ce INFO: start
pid=31793 tid=kgp class=RecordedWorker jid=9d2cb34cdad08227f177f92f INFO: start
pid=31793 tid=j0d class=RecordedWorker jid=67c1be88e810b5b80752b30a INFO: start
sleep: invalid time interval ‘nonsense’
Try 'sleep --help' for more information.
pid=31793 tid=kh1 class=ExternalWorker jid=ef889db7a7b311f6bd4c8bf3 elapsed=0.163 INFO: fail
pid=31793 tid=kh1 WARN: {"context":"Job raised exception","job":{"class":"ExternalWorker","args":["nonsense"],"jid":"ef889db7a7b311f6bd4c8bf3","queue":"default","retry":true}}
pid=31793 tid=kh1 WARN: RuntimeError: Command failed with exit 1: sleep
pid=31793 tid=kgp class=RecordedWorker jid=9d2cb34cdad08227f177f92f elapsed=0.248 INFO: done
pid=31793 tid=kid class=RecordedWorker jid=c3b56e98f8d62a57e8b10b2b elapsed=0.246 INFO: done
pid=31793 tid=ke1 INFO: Shutting down
pid=31793 tid=ke1 INFO: Terminating quiet workers
pid=31793 tid=j4d INFO: Scheduler exiting...
pid=31793 tid=ke1 INFO: Pausing to allow workers to finish...
pid=31793 tid=ke1 WARN: Terminating 2 busy worker threads
pid=31793 tid=ke1 WARN: Work still in progress [#<struct Sidekiq::BasicFetch::UnitOfWork queue="queue:default", job="{\\"class\\":\\"StubbornWorker\\",\\"jid\\":\\"2e6809c59ea34944796523ce\\"}">]
pid=31793 tid=ke1 INFO: Pushed 2 jobs back to Redis
pid=31793 tid=j0d class=RecordedWorker jid=67c1be88e810b5b80752b30a elapsed=4.685 INFO: fail
pid=31793 tid=ke1 INFO: Bye!`
  .trim()
  .split('\n');

function counted(lines: readonly string[]): Record<string, number> {
  const jobs = new JobLog();
  for (const line of lines) jobs.addLine(line);
  const { started, done, failed, returned } = jobs;
  return { started, done, failed, returned, lost: jobs.lost() };
}

const until = (text: string): string[] =>
  CAPTURED.slice(
    0,
    CAPTURED.findIndex((line) => line.includes(text)),
  );

it("counts the lines of a real sidekiq's life", () => {
  expect(counted(CAPTURED)).toEqual({ started: 5, done: 2, failed: 1, returned: 2, lost: 0 });
});

it.each([
  ['while five jobs run', 'INFO: fail', 5],
  ['while two jobs run', 'Shutting down', 2],
  ['before they are back in Redis', 'Pushed', 2],
  ['once they are', 'Bye!', 0],
])('killed %s', (_, text, lost) => {
  expect(counted(until(text)).lost).toBe(lost);
});

it.each([
  ["the platform's log", (line: string) => `2026-01-01T00:00:00.000000+00:00 app[worker.1]: ${line}`],
  ['a log with times', (line: string) => `2026-01-01T00:00:00.000Z ${line}`],
  ['a log with line ends of another kind', (line: string) => `${line}\r`],
  ['a log of sidekiq 8', (line: string) => line.replace(/^(.*?) (INFO|WARN): /, '\x1b[1;34m$2 \x1b[0m $1: ')],
])('knows them in %s', (_, change) => {
  expect(counted(CAPTURED.map(change))).toEqual(counted(CAPTURED));
});

it('what could not be given back is lost, although it says fail', () => {
  const lines = CAPTURED.map((line) => line.replace(/Pushed 2 jobs back.*/, 'Failed to requeue 2 jobs: no Redis'));
  expect(counted(lines)).toMatchObject({ failed: 1, returned: 0, lost: 2 });
});

it('a job that another process takes up again is in hand again', () => {
  const again = 'pid=4 tid=a class=RecordedWorker jid=67c1be88e810b5b80752b30a';
  expect(
    counted([...until('j0d class=RecordedWorker jid=67c1be88e810b5b80752b30a elapsed'), `${again} INFO: start`]),
  ).toEqual({ started: 6, done: 2, failed: 1, returned: 2, lost: 1 });
  // The old one says fail only after that.
  expect(counted([...CAPTURED.slice(0, -2), `${again} INFO: start`, ...CAPTURED.slice(-2)]).lost).toBe(1);
  expect(counted([...CAPTURED, `${again} INFO: start`, `${again} elapsed=1 INFO: done`]).done).toBe(3);
});

it('what a sidekiq that still works has in hand is not lost', () => {
  const jobs = new JobLog();
  for (const pid of [1, 2]) jobs.addLine(`pid=${pid} tid=a class=A jid=f${pid} INFO: start`);
  expect(jobs.lost((pid) => pid === 2)).toBe(1);
});

it.each([
  ['done', 0, '60', { lost: 0, returned: 0 }],
  ['given back', 600, '1', { lost: 0, returned: 2 }],
])("counts the stand-in's: %s", async (_, jobSeconds, seconds, expected) => {
  const dyno = await standInWorker().startBusy(jobSeconds, ['-c', '2', '-t', seconds], { DYNO: 'worker.1' });
  await dyno.waitForOutput(/(INFO: start[^]*){2}/);
  dyno.signal('SIGTERM');
  await dyno.exited;
  const { started, done, returned, ...rest } = counted(dyno.output.split('\n'));
  expect({ ...rest, returned }).toEqual({ failed: 0, ...expected });
  expect(started).toBe((done ?? 0) + (returned ?? 0));
});

it("counts the stand-in's: killed", async () => {
  const dyno = await standInWorker().startBusy(600, ['-c', '2']);
  await dyno.waitForOutput(/(INFO: start[^]*){2}/);
  dyno.signal('SIGKILL');
  await dyno.exited;
  expect(counted(dyno.output.split('\n'))).toMatchObject({ started: 2, lost: 2 });
});
