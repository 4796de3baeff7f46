import { describe, expect, test } from 'vitest';
import { binary, startDyno, type Dyno } from '../harness/dyno.ts';
import { waitForBothChildren, lastLogMessage, childCommand } from './dyno-fixture.ts';

/** These forward INT, which the terminal sends to the whole process group anyway: one Ctrl-C arrives two or three times. */
const RUNNERS = ['timeout 600', 'timeout --foreground 600', 'foreman run'];
const DRAINS = 'after=700';

/** Starts a command on a terminal of its own, as a user does. */
function onTerminal(command: string, env: Record<string, string>): Dyno {
  return startDyno({ command: ['script', '-qec', `exec ${command}`, '/dev/null'], stdio: 'pipe', env });
}

function pressCtrlC(dyno: Dyno): void {
  dyno.child.stdin?.write('\x03');
}

describe.each(RUNNERS)('one Ctrl-C under `%s`', (runner) => {
  test('web stops gracefully: its children drain', async () => {
    const dyno = onTerminal(`${runner} ${process.execPath} ${binary} web`, {
      RUN_WORKER: 'true',
      PUMA_COMMAND: childCommand('puma', DRAINS),
      SIDEKIQ_COMMAND: childCommand('sidekiq', `ready ${DRAINS}`),
      SUPERVISE_START_TIMEOUT: '0',
      SUPERVISE_LOG_FORMAT: 'json',
    });
    await waitForBothChildren(dyno);
    pressCtrlC(dyno);
    expect(await dyno.exited, dyno.output).toEqual({ code: 0, signal: null });
    expect(lastLogMessage(dyno)).toMatch(/^asked to stop by SIGINT; everything e.*; exit code 0$/);
    await dyno.gone();
  });

  test('release lets its step exit by itself', async () => {
    const dyno = onTerminal(`${runner} ${process.execPath} ${binary} release`, {
      MIGRATE_COMMAND: childCommand('migrate', `${DRAINS} term=3`),
      AFTER_MIGRATE_COMMAND: 'true',
      SUPERVISE_LOG_FORMAT: 'json',
    });
    await dyno.waitForOutput(/migrate up/);
    pressCtrlC(dyno);
    expect(await dyno.exited, dyno.output).toEqual({ code: 3, signal: null });
    expect(lastLogMessage(dyno)).toMatch(
      /^asked to stop by SIGINT; migrate exited with code 3; the release stops here/,
    );
    await dyno.gone();
  });
});

test('a later second Ctrl-C kills', async () => {
  const dyno = onTerminal(`timeout 600 ${process.execPath} ${binary} web`, {
    RUN_WORKER: 'true',
    PUMA_COMMAND: childCommand('puma', 'term=ignore'),
    SIDEKIQ_COMMAND: childCommand('sidekiq', 'ready term=ignore'),
    SUPERVISE_START_TIMEOUT: '0',
    SUPERVISE_STOP_TIMEOUT: '600',
  });
  await waitForBothChildren(dyno);
  pressCtrlC(dyno);
  await dyno.waitForOutput(/puma SIGTERM/);
  const again = setInterval(() => pressCtrlC(dyno), 200);
  const end = await dyno.exited.finally(() => clearInterval(again));
  expect(end).toEqual({ code: 137, signal: null });
  await dyno.gone();
});
