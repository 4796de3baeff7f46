import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../harness/dyno.ts';
import { eventually } from '../harness/eventually.ts';
import { alive } from '../harness/processes.ts';
import { simulate, type Seen } from './simulation.ts';

const MEBIBYTE = 2 ** 20;
/** A command that listens on $PORT until it is killed. `first`: code that runs before that. */
const listener = (first = ''): string =>
  `node -e "${first}; require('http').createServer((q, s) => s.end('hello')).listen(process.env.PORT, '127.0.0.1')"`;

describe('the environment', () => {
  it('has DYNO, PORT, the config vars of app.json and .env, and what buildpacks set', async () => {
    const simulation = await simulate({
      files: {
        Procfile: 'web: env; sleep 600\nworker: env; sleep 600\n',
        'app.json': '{"env":{"A":"of app.json","B":"of app.json"}}',
        '.env': 'B=of .env\nDYNO=mine\n',
      },
      words: ['--formation', 'web=1,worker=1'],
    });
    for (const line of ['A=of app.json', 'B=of .env', 'DYNO=web.1', 'RAILS_ENV=production']) {
      await simulation.says(new RegExp(`app\\[web\\.1\\]: ${line}$`, 'm'));
    }
    await simulation.says(/app\[web\.1\]: PORT=\d+$/m);
    await simulation.says(/app\[worker\.1\]: DYNO=worker\.1$/m);
    expect(simulation.lines.filter((line) => line.startsWith('app[worker.1]: PORT='))).toEqual([]);
  });

  it("is that of bash, after the app's profile", async () => {
    const simulation = await simulate({
      files: {
        Procfile: 'web: echo "$FIRST $SECOND ${BASH_VERSION:+bash}"; sleep 600\n',
        '.profile': 'export SECOND=two\n',
        '.profile.d/one.sh': 'export FIRST=one\n',
      },
    });
    await simulation.says(/app\[web\.1\]: one two bash$/m);
  });
});

describe('R10, the boot timeout', () => {
  it('kills a web dyno that does not listen on $PORT', async () => {
    const simulation = await simulate({ files: { Procfile: 'web: sleep 600\n' } });
    await simulation.says(
      /Error R10 \(Boot timeout\) -> Web process failed to bind to \$PORT within 6 seconds of launch/,
    );
    await simulation.says(
      /heroku\[web\.1\]: Process exited with status 137\nheroku\[web\.1\]: State changed from starting to crashed/,
    );
  });

  it('does not apply to a worker', async () => {
    const simulation = await simulate({ files: { Procfile: 'worker: sleep 600\n' }, words: ['--only', 'worker'] });
    await simulation.is('up', 'worker.1');
  });
});

describe('a crash', () => {
  it('is logged with its status, followed by a start at once, after the second by a cool-off', async () => {
    const simulation = await simulate({ files: { Procfile: 'web: exit 3\n' } });
    await simulation.is('cooling off');
    expect(simulation.exits()).toEqual([
      { status: 3, orphans: 0 },
      { status: 3, orphans: 0 },
    ]);
    const { restartsAtMs, sinceMs, crashes } = simulation.dyno();
    expect(crashes).toBe(2);
    expect(Math.round(((restartsAtMs ?? 0) - sinceMs) / 1000)).toBe(30); // five minutes, scaled
    expect((await fetch(simulation.url)).status).toBe(503);
    await simulation.says(/heroku\[router\]: at=error code=H10 desc="App crashed"/);
  });

  it('kills what the first process has left behind', async () => {
    const simulation = await simulate({
      files: { Procfile: 'web: setsid sleep 601 & sleep 602 & sleep 0.3; exit 4\n' },
    });
    await simulation.says(/Process exited with status 4/);
    expect(simulation.exits()[0]).toEqual({ status: 4, orphans: 2 });
  });

  it('of a missing command has status 127', async () => {
    const simulation = await simulate({ files: { Procfile: 'web: no-such-command\n' } });
    await simulation.says(/app\[web\.1\]: .*no-such-command: command not found/);
    await simulation.says(/Process exited with status 127/);
  });
});

describe('a restart', () => {
  it('sends SIGTERM to all processes of the dyno, and starts the next run at once', async () => {
    const simulation = await simulate({
      files: {
        Procfile: `web: setsid node -e "process.on('SIGTERM', () => { console.log('orphan got SIGTERM'); process.exit() }); console.log('orphan started'); setInterval(Boolean, 1e6)" & exec ${listener("process.on('SIGTERM', () => {})")}\n`,
      },
    });
    await simulation.says(/orphan started/);
    await simulation.is('up');
    const answer = await simulation.running.act({ type: 'restart', dyno: 'web.1' });
    expect(answer).toEqual({ ok: true, text: 'web.1 restarts' });
    await simulation.says(/orphan got SIGTERM/);
    await simulation.says(/Restarting\n[^]*Stopping all processes with SIGTERM\n[^]*Starting process with command/);
  });

  it('kills with R12 what has not exited 30 s after SIGTERM', async () => {
    const simulation = await simulate({ files: { Procfile: `web: ${listener("process.on('SIGTERM', () => {})")}\n` } });
    await simulation.is('up');
    await simulation.running.act({ type: 'restart', dyno: 'web.1' });
    await simulation.says(
      /Error R12 \(Exit timeout\) -> At least one process failed to exit within 3 seconds of SIGTERM/,
    );
    await simulation.says(/Stopping remaining processes with SIGKILL\n[^]*Process exited with status 137/);
    await simulation.is('up');
    expect(simulation.dyno().crashes).toBe(0);
  });

  it('happens once a day, or with --cycle-every as often as set', async () => {
    const simulation = await simulate({ files: { Procfile: `web: ${listener()}\n` }, words: ['--cycle-every', '1s'] });
    await simulation.says(/heroku\[web\.1\]: Cycling[^]*heroku\[web\.1\]: Cycling/);
  });
});

describe('the quota', () => {
  /** Code that allocates so many megabytes, and twice as many again once the file exists. */
  const allocate = (megabytes: number, file: string): string =>
    `const held = []; const take = () => held.push(Buffer.alloc(${megabytes} * 2 ** 20, 1)); take(); ` +
    `const wait = setInterval(() => { if (require('fs').existsSync('${file}')) { clearInterval(wait); take(); take() } }, 20)`;

  it('is measured over the process tree: R14 above it, R15 and SIGKILL at twice', async () => {
    const go = join(tempFolder(), 'go');
    const simulation = await simulate({
      files: { Procfile: `web: ${listener(allocate(100, go))} & wait\n` },
      words: ['--quota', '100M'],
    });
    await simulation.says(
      /Process running mem=1\d\dM\(1\d\d\.\d%\)\nheroku\[web\.1\]: Error R14 \(Memory quota exceeded\)/,
    );
    writeFileSync(go, '');
    await simulation.says(
      /Error R15 \(Memory quota vastly exceeded\)\nheroku\[web\.1\]: Stopping process with SIGKILL\nheroku\[web\.1\]: Process exited with status 137/,
    );
    expect(simulation.marks('error-code').slice(0, 2)).toEqual(['R14', 'R15']);
  });

  it('applies to the release, too', async () => {
    const go = join(tempFolder(), 'go');
    const Procfile = `web: ${listener()}\nrelease: node -e "${allocate(550, go)}"\n`;
    const simulation = await simulate({ files: { Procfile } });
    await simulation.says(/heroku\[release\.1\]: Error R14 /);
    writeFileSync(go, '');
    await simulation.says(/heroku\[release\.1\]: Error R15 [^]*release\.1\]: Process exited with status 137/);
    expect(await simulation.running.released).toBe('failed');
  });

  it('changes with a restart', async () => {
    const simulation = await simulate({
      files: { Procfile: `web: echo "quota $SUPERVISE_MEMORY_QUOTA"; ${listener()}\n` },
    });
    await simulation.says(new RegExp(`quota ${512 * MEBIBYTE}`));
    await simulation.is('up');
    await simulation.running.act({ type: 'quota', bytes: 300 * MEBIBYTE });
    await simulation.says(new RegExp(`quota ${300 * MEBIBYTE}`));
    expect(simulation.dyno().quotaBytes).toBe(300 * MEBIBYTE);
  });
});

describe('a deploy', () => {
  const files = {
    Procfile: `web: ${listener()}\nrelease: cat message; exit $(cat status)\n`,
    message: 'releasing',
    status: '0',
  };

  it('runs the release first, without a port, then starts the new run while the old one gets SIGTERM', async () => {
    const go = join(tempFolder(), 'go');
    const drains = `process.on('SIGTERM', () => setInterval(() => require('fs').existsSync('${go}') && process.exit(), 20))`;
    const Procfile = `web: ${listener(drains)}\nrelease: echo "DYNO=$DYNO PORT=$PORT"\n`;
    const simulation = await simulate({ files: { Procfile }, words: ['--time-scale', '1'] });
    await simulation.is('up');
    await simulation.says(/app\[release\.1\]: DYNO=release\.1 PORT=$/m);
    expect(await simulation.running.act({ type: 'deploy' })).toEqual({ ok: true, text: 'v2 is deployed' });
    expect(simulation.dyno().runs.map(({ phase }) => phase)).toEqual(['starting', 'stopping']);
    await eventually(() => {
      const lives = simulation.dyno().runs.map(({ phase, processes }) => `${phase} ${processes.length > 0}`);
      expect(lives).toEqual(['up true', 'stopping true']);
    });
    writeFileSync(go, '');
    await eventually(() => expect(simulation.dyno().runs).toHaveLength(1));
  });

  it('whose release fails does not change the running dynos', async () => {
    const simulation = await simulate({ files });
    // The release runs in a slug, which does not have these files: it fails.
    await simulation.says(/Release v1 failed/);
    expect(await simulation.running.released).toBe('failed');
    expect(simulation.running.view().dynos).toEqual([]);
    writeFileSync(join(simulation.folder, 'Procfile'), `web: ${listener()}\nrelease: true\n`);
    expect((await simulation.running.act({ type: 'deploy' })).ok).toBe(true);
    await simulation.is('up');
    const before = simulation.dyno().runs[0];
    writeFileSync(join(simulation.folder, 'Procfile'), `web: ${listener()}\nrelease: echo no; exit 5\n`);
    const answer = await simulation.running.act({ type: 'deploy' });
    expect(answer).toEqual({
      ok: false,
      text: expect.stringContaining('exited with status 5; the running dynos stay unchanged') as string,
    });
    expect(simulation.dyno().runs[0]).toMatchObject({ id: before?.id, phase: 'up' });
  });

  it('whose release fails keeps the config vars of the running dynos, also after a restart', async () => {
    const web = `web: echo "version $VERSION"; ${listener()}\n`;
    const simulation = await simulate({ files: { Procfile: `${web}release: true\n`, '.env': 'VERSION=good\n' } });
    await simulation.is('up');
    writeFileSync(join(simulation.folder, '.env'), 'VERSION=bad\n');
    writeFileSync(join(simulation.folder, 'Procfile'), `${web}release: echo "releasing $VERSION"; exit 5\n`);
    expect((await simulation.running.act({ type: 'deploy' })).ok).toBe(false);
    await simulation.says(/releasing bad/);
    await simulation.running.act({ type: 'restart', dyno: 'web.1' });
    await simulation.says(/version good[^]*Restarting[^]*app\[web\.1\]: version (good|bad)/);
    expect(simulation.lines.filter((line) => line.includes('version bad'))).toEqual([]);
  });

  it('of invalid files reports all errors and changes nothing', async () => {
    const simulation = await simulate({ files: { Procfile: `web: ${listener()}\n` } });
    await simulation.is('up');
    writeFileSync(join(simulation.folder, 'Procfile'), 'web\nworker:\n');
    writeFileSync(join(simulation.folder, 'app.json'), '[');
    const { ok, text } = await simulation.running.act({ type: 'deploy' });
    expect(ok).toBe(false);
    expect(text).toMatch(/^not deployed: Procfile, line 1.*; Procfile, line 2.*; app\.json: /);
    expect(simulation.dyno().state).toBe('up');
  });

  it('follows the formation', async () => {
    const Procfile = `web: ${listener()}\nworker: sleep 600\n`;
    const simulation = await simulate({ files: { Procfile } });
    await simulation.is('up');
    writeFileSync(join(simulation.folder, 'app.json'), '{"formation":{"worker":{"quantity":1},"web":{"quantity":2}}}');
    await simulation.running.act({ type: 'deploy' });
    await simulation.is('up', 'worker.1');
    await simulation.is('up', 'web.2');
    writeFileSync(join(simulation.folder, 'app.json'), '{"formation":{"worker":{"quantity":0}}}');
    await simulation.running.act({ type: 'deploy' });
    await eventually(() => expect(simulation.running.view().dynos.map(({ name }) => name)).toEqual(['web.1']));
    writeFileSync(join(simulation.folder, 'app.json'), '{"formation":{"worker":{"quantity":1}}}');
    await simulation.running.act({ type: 'deploy' });
    await simulation.is('up', 'worker.1');
  });
});

describe('the log', () => {
  it('splits lines beyond 10 000 bytes and takes stderr as well', async () => {
    const simulation = await simulate({
      files: { Procfile: `web: printf '%010001d\\n' 0; echo error >&2; ${listener()}\n` },
    });
    await simulation.says(/app\[web\.1\]: error$/m);
    await simulation.says(/app\[web\.1\]: 0{10000}\n[^]*app\[web\.1\]: 1?0?$/m);
  });

  const filler = (file: string): string =>
    `web: node -e "require('http').createServer((q, s) => s.end('hello')).listen(process.env.PORT); for (let n = 0; n < 400; n++) require('fs').writeSync(1, 'line ' + n + ' ' + 'x'.repeat(1000) + String.fromCharCode(10)); require('fs').writeFileSync('${file}', '')"\n`;

  it.each([
    ['stalled', 0],
    ['slow', 2],
  ] as const)('that is read %s fills the pipe and blocks its writers', async (pace, seconds) => {
    const done = join(tempFolder(), 'done');
    const simulation = await simulate({ files: { Procfile: filler(done) }, words: ['--log-reader', pace] });
    const ticks = ticksOf(simulation);
    await eventually(() => expect(simulation.dyno().runs[0]?.processes.length).toBeGreaterThan(0));
    await ticks(2 * Math.max(2, seconds)); // twice a second
    expect(existsSync(done)).toBe(false);
    if (pace === 'stalled') expect(simulation.lines.join('\n')).not.toContain('line 399');
    if (pace === 'stalled') await simulation.running.act({ type: 'log-reader', pace: 'full' });
    await simulation.says(/line 399 /);
    await eventually(() => expect(existsSync(done)).toBe(true));
  });
});

describe('the edge', () => {
  it('holds requests while a dyno boots', async () => {
    const late = `web: sleep 1; ${listener()}\n`;
    const simulation = await simulate({ files: { Procfile: late } });
    const answer = await fetch(simulation.url);
    expect(await answer.text()).toBe('hello');
    await simulation.says(
      /heroku\[router\]: at=info method=GET path="\/" host=localhost:\d+ .*dyno=web\.1 .*status=200/,
    );
  });

  it('responds with H14 without a web dyno', async () => {
    const simulation = await simulate({ files: { Procfile: 'worker: sleep 600\n' }, words: ['--only', 'worker'] });
    await simulation.is('up', 'worker.1');
    expect((await fetch(simulation.url)).status).toBe(503);
    await simulation.says(/code=H14 desc="No web processes running"/);
  });
});

describe('the end', () => {
  it('refuses actions meanwhile', async () => {
    const drains = listener("process.on('SIGTERM', () => setTimeout(process.exit, 1000))");
    const words = ['--formation', 'web=1,worker=1'];
    const simulation = await simulate({ files: { Procfile: `web: ${drains}\nworker: exec sleep 600\n` }, words });
    await simulation.is('up');
    const stopped = simulation.running.stop();
    await simulation.is('down', 'worker.1');
    for (const action of [
      { type: 'restart', dyno: 'worker.1' },
      { type: 'deploy' },
      { type: 'quota', bytes: 2 ** 30 },
    ] as const) {
      expect(await simulation.running.act(action)).toEqual({ ok: false, text: 'the simulation is stopping' });
    }
    await stopped;
    expect(simulation.running.view().dynos.map(({ state }) => state)).toEqual(['down', 'down']);
  });

  it('stops the dynos and leaves no process and no port', async () => {
    const simulation = await simulate({ files: { Procfile: `web: sleep 601 & ${listener()}\n` } });
    await simulation.is('up');
    await eventually(() => expect(simulation.dyno().runs[0]?.processes.length).toBeGreaterThan(1));
    const pids = simulation.dyno().runs.flatMap(({ processes }) => processes.map(({ pid }) => pid));
    await simulation.running.stop();
    await eventually(() => expect(pids.filter(alive)).toEqual([]), 2000); // the output closes a moment before the process is gone
    await expect(fetch(simulation.url)).rejects.toThrow();
  });

  it('kills everything at once when asked to', async () => {
    const simulation = await simulate({ files: { Procfile: `web: trap '' TERM; sleep 601; sleep 602\n` } });
    await eventually(() => expect(simulation.dyno().runs[0]?.processes.length).toBeGreaterThan(1));
    const pids = simulation.dyno().runs.flatMap(({ processes }) => processes.map(({ pid }) => pid));
    const stopping = simulation.running.stop();
    await simulation.running.kill();
    await stopping;
    await eventually(() => expect(pids.filter(alive)).toEqual([]), 2000); // the output closes a moment before the process is gone
  });
});

/** Returns a function that waits for so many more memory measurements. */
function ticksOf({ running }: Seen): (count: number) => Promise<void> {
  return async (count) => {
    let seen = 0;
    const cancel = running.onView(() => (seen += 1));
    await eventually(() => expect(seen).toBeGreaterThanOrEqual(count));
    cancel();
  };
}
