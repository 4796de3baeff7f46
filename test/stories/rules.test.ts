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
    const story = await simulate({
      files: {
        Procfile: 'web: env; sleep 600\nworker: env; sleep 600\n',
        'app.json': '{"env":{"A":"of app.json","B":"of app.json"}}',
        '.env': 'B=of .env\nDYNO=mine\n',
      },
      words: ['--formation', 'web=1,worker=1'],
    });
    for (const line of ['A=of app.json', 'B=of .env', 'DYNO=web.1', 'RAILS_ENV=production']) {
      await story.says(new RegExp(`app\\[web\\.1\\]: ${line}$`, 'm'));
    }
    await story.says(/app\[web\.1\]: PORT=\d+$/m);
    await story.says(/app\[worker\.1\]: DYNO=worker\.1$/m);
    expect(story.lines.filter((line) => line.startsWith('app[worker.1]: PORT='))).toEqual([]);
  });

  it("is that of bash, after the app's profile", async () => {
    const story = await simulate({
      files: {
        Procfile: 'web: echo "$FIRST $SECOND ${BASH_VERSION:+bash}"; sleep 600\n',
        '.profile': 'export SECOND=two\n',
        '.profile.d/one.sh': 'export FIRST=one\n',
      },
    });
    await story.says(/app\[web\.1\]: one two bash$/m);
  });
});

describe('R10, the boot timeout', () => {
  it('kills a web dyno that does not listen on $PORT', async () => {
    const story = await simulate({ files: { Procfile: 'web: sleep 600\n' } });
    await story.says(/Error R10 \(Boot timeout\) -> Web process failed to bind to \$PORT within 6 seconds of launch/);
    await story.says(
      /heroku\[web\.1\]: Process exited with status 137\nheroku\[web\.1\]: State changed from starting to crashed/,
    );
  });

  it('does not apply to a worker', async () => {
    const story = await simulate({ files: { Procfile: 'worker: sleep 600\n' }, words: ['--only', 'worker'] });
    await story.is('up', 'worker.1');
  });
});

describe('a crash', () => {
  it('is logged with its status, followed by a start at once, after the second by a cool-off', async () => {
    const story = await simulate({ files: { Procfile: 'web: exit 3\n' } });
    await story.is('cooling off');
    expect(story.exits()).toEqual([
      { status: 3, orphans: 0 },
      { status: 3, orphans: 0 },
    ]);
    const { restartsAtMs, sinceMs, crashes } = story.dyno();
    expect(crashes).toBe(2);
    expect(Math.round(((restartsAtMs ?? 0) - sinceMs) / 1000)).toBe(30); // five minutes, scaled
    expect((await fetch(story.url)).status).toBe(503);
    await story.says(/heroku\[router\]: at=error code=H10 desc="App crashed"/);
  });

  it('kills what the first process has left behind', async () => {
    const story = await simulate({ files: { Procfile: 'web: setsid sleep 601 & sleep 602 & sleep 0.3; exit 4\n' } });
    await story.says(/Process exited with status 4/);
    expect(story.exits()[0]).toEqual({ status: 4, orphans: 2 });
  });

  it('of a missing command has status 127', async () => {
    const story = await simulate({ files: { Procfile: 'web: no-such-command\n' } });
    await story.says(/app\[web\.1\]: .*no-such-command: command not found/);
    await story.says(/Process exited with status 127/);
  });
});

describe('a restart', () => {
  it('sends SIGTERM to all processes of the dyno, and starts the next run at once', async () => {
    const story = await simulate({
      files: {
        Procfile: `web: setsid node -e "process.on('SIGTERM', () => { console.log('orphan got SIGTERM'); process.exit() }); console.log('orphan started'); setInterval(Boolean, 1e6)" & exec ${listener("process.on('SIGTERM', () => {})")}\n`,
      },
    });
    await story.says(/orphan started/);
    await story.is('up');
    const answer = await story.running.act({ type: 'restart', dyno: 'web.1' });
    expect(answer).toEqual({ ok: true, text: 'web.1 restarts' });
    await story.says(/orphan got SIGTERM/);
    await story.says(/Restarting\n[^]*Stopping all processes with SIGTERM\n[^]*Starting process with command/);
  });

  it('kills with R12 what has not exited 30 s after SIGTERM', async () => {
    const story = await simulate({ files: { Procfile: `web: ${listener("process.on('SIGTERM', () => {})")}\n` } });
    await story.is('up');
    await story.running.act({ type: 'restart', dyno: 'web.1' });
    await story.says(/Error R12 \(Exit timeout\) -> At least one process failed to exit within 3 seconds of SIGTERM/);
    await story.says(/Stopping remaining processes with SIGKILL\n[^]*Process exited with status 137/);
    await story.is('up');
    expect(story.dyno().crashes).toBe(0);
  });

  it('happens once a day, or with --cycle-every as often as set', async () => {
    const story = await simulate({ files: { Procfile: `web: ${listener()}\n` }, words: ['--cycle-every', '1s'] });
    await story.says(/heroku\[web\.1\]: Cycling[^]*heroku\[web\.1\]: Cycling/);
  });
});

describe('the quota', () => {
  /** Code that allocates so many megabytes, and twice as many again once the file exists. */
  const allocate = (megabytes: number, file: string): string =>
    `const held = []; const take = () => held.push(Buffer.alloc(${megabytes} * 2 ** 20, 1)); take(); ` +
    `const wait = setInterval(() => { if (require('fs').existsSync('${file}')) { clearInterval(wait); take(); take() } }, 20)`;

  it('is measured over the process tree: R14 above it, R15 and SIGKILL at twice', async () => {
    const go = join(tempFolder(), 'go');
    const story = await simulate({
      files: { Procfile: `web: ${listener(allocate(100, go))} & wait\n` },
      words: ['--quota', '100M'],
    });
    await story.says(/Process running mem=1\d\dM\(1\d\d\.\d%\)\nheroku\[web\.1\]: Error R14 \(Memory quota exceeded\)/);
    writeFileSync(go, '');
    await story.says(
      /Error R15 \(Memory quota vastly exceeded\)\nheroku\[web\.1\]: Stopping process with SIGKILL\nheroku\[web\.1\]: Process exited with status 137/,
    );
    expect(story.marks('error-code').slice(0, 2)).toEqual(['R14', 'R15']);
  });

  it('applies to the release, too', async () => {
    const go = join(tempFolder(), 'go');
    const Procfile = `web: ${listener()}\nrelease: node -e "${allocate(550, go)}"\n`;
    const story = await simulate({ files: { Procfile } });
    await story.says(/heroku\[release\.1\]: Error R14 /);
    writeFileSync(go, '');
    await story.says(/heroku\[release\.1\]: Error R15 [^]*release\.1\]: Process exited with status 137/);
    expect(await story.running.released).toBe('failed');
  });

  it('changes with a restart', async () => {
    const story = await simulate({
      files: { Procfile: `web: echo "quota $SUPERVISE_MEMORY_QUOTA"; ${listener()}\n` },
    });
    await story.says(new RegExp(`quota ${512 * MEBIBYTE}`));
    await story.is('up');
    await story.running.act({ type: 'quota', bytes: 300 * MEBIBYTE });
    await story.says(new RegExp(`quota ${300 * MEBIBYTE}`));
    expect(story.dyno().quotaBytes).toBe(300 * MEBIBYTE);
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
    const story = await simulate({ files: { Procfile }, words: ['--time-scale', '1'] });
    await story.is('up');
    await story.says(/app\[release\.1\]: DYNO=release\.1 PORT=$/m);
    expect(await story.running.act({ type: 'deploy' })).toEqual({ ok: true, text: 'v2 is deployed' });
    expect(story.dyno().runs.map(({ phase }) => phase)).toEqual(['starting', 'stopping']);
    await eventually(() => {
      const lives = story.dyno().runs.map(({ phase, processes }) => `${phase} ${processes.length > 0}`);
      expect(lives).toEqual(['up true', 'stopping true']);
    });
    writeFileSync(go, '');
    await eventually(() => expect(story.dyno().runs).toHaveLength(1));
  });

  it('whose release fails does not change the running dynos', async () => {
    const story = await simulate({ files });
    // The release runs in a slug, which does not have these files: it fails.
    await story.says(/Release v1 failed/);
    expect(await story.running.released).toBe('failed');
    expect(story.running.view().dynos).toEqual([]);
    writeFileSync(join(story.folder, 'Procfile'), `web: ${listener()}\nrelease: true\n`);
    expect((await story.running.act({ type: 'deploy' })).ok).toBe(true);
    await story.is('up');
    const before = story.dyno().runs[0];
    writeFileSync(join(story.folder, 'Procfile'), `web: ${listener()}\nrelease: echo no; exit 5\n`);
    const answer = await story.running.act({ type: 'deploy' });
    expect(answer).toEqual({
      ok: false,
      text: expect.stringContaining('exited with status 5; the running dynos stay unchanged') as string,
    });
    expect(story.dyno().runs[0]).toMatchObject({ id: before?.id, phase: 'up' });
  });

  it('whose release fails keeps the config vars of the running dynos, also after a restart', async () => {
    const web = `web: echo "version $VERSION"; ${listener()}\n`;
    const story = await simulate({ files: { Procfile: `${web}release: true\n`, '.env': 'VERSION=good\n' } });
    await story.is('up');
    writeFileSync(join(story.folder, '.env'), 'VERSION=bad\n');
    writeFileSync(join(story.folder, 'Procfile'), `${web}release: echo "releasing $VERSION"; exit 5\n`);
    expect((await story.running.act({ type: 'deploy' })).ok).toBe(false);
    await story.says(/releasing bad/);
    await story.running.act({ type: 'restart', dyno: 'web.1' });
    await story.says(/version good[^]*Restarting[^]*app\[web\.1\]: version (good|bad)/);
    expect(story.lines.filter((line) => line.includes('version bad'))).toEqual([]);
  });

  it('of invalid files reports all errors and changes nothing', async () => {
    const story = await simulate({ files: { Procfile: `web: ${listener()}\n` } });
    await story.is('up');
    writeFileSync(join(story.folder, 'Procfile'), 'web\nworker:\n');
    writeFileSync(join(story.folder, 'app.json'), '[');
    const { ok, text } = await story.running.act({ type: 'deploy' });
    expect(ok).toBe(false);
    expect(text).toMatch(/^not deployed: Procfile, line 1.*; Procfile, line 2.*; app\.json: /);
    expect(story.dyno().state).toBe('up');
  });

  it('follows the formation', async () => {
    const Procfile = `web: ${listener()}\nworker: sleep 600\n`;
    const story = await simulate({ files: { Procfile } });
    await story.is('up');
    writeFileSync(join(story.folder, 'app.json'), '{"formation":{"worker":{"quantity":1},"web":{"quantity":2}}}');
    await story.running.act({ type: 'deploy' });
    await story.is('up', 'worker.1');
    await story.is('up', 'web.2');
    writeFileSync(join(story.folder, 'app.json'), '{"formation":{"worker":{"quantity":0}}}');
    await story.running.act({ type: 'deploy' });
    await eventually(() => expect(story.running.view().dynos.map(({ name }) => name)).toEqual(['web.1']));
    writeFileSync(join(story.folder, 'app.json'), '{"formation":{"worker":{"quantity":1}}}');
    await story.running.act({ type: 'deploy' });
    await story.is('up', 'worker.1');
  });
});

describe('the log', () => {
  it('splits lines beyond 10 000 bytes and takes stderr as well', async () => {
    const story = await simulate({
      files: { Procfile: `web: printf '%010001d\\n' 0; echo error >&2; ${listener()}\n` },
    });
    await story.says(/app\[web\.1\]: error$/m);
    await story.says(/app\[web\.1\]: 0{10000}\n[^]*app\[web\.1\]: 1?0?$/m);
  });

  const filler = (file: string): string =>
    `web: node -e "require('http').createServer((q, s) => s.end('hello')).listen(process.env.PORT); for (let n = 0; n < 400; n++) require('fs').writeSync(1, 'line ' + n + ' ' + 'x'.repeat(1000) + String.fromCharCode(10)); require('fs').writeFileSync('${file}', '')"\n`;

  it.each([
    ['stalled', 0],
    ['slow', 2],
  ] as const)('that is read %s fills the pipe and blocks its writers', async (pace, seconds) => {
    const done = join(tempFolder(), 'done');
    const story = await simulate({ files: { Procfile: filler(done) }, words: ['--log-reader', pace] });
    const ticks = ticksOf(story);
    await eventually(() => expect(story.dyno().runs[0]?.processes.length).toBeGreaterThan(0));
    await ticks(2 * Math.max(2, seconds)); // twice a second
    expect(existsSync(done)).toBe(false);
    if (pace === 'stalled') expect(story.lines.join('\n')).not.toContain('line 399');
    if (pace === 'stalled') await story.running.act({ type: 'log-reader', pace: 'full' });
    await story.says(/line 399 /);
    await eventually(() => expect(existsSync(done)).toBe(true));
  });
});

describe('the edge', () => {
  it('holds requests while a dyno boots', async () => {
    const late = `web: sleep 1; ${listener()}\n`;
    const story = await simulate({ files: { Procfile: late } });
    const answer = await fetch(story.url);
    expect(await answer.text()).toBe('hello');
    await story.says(/heroku\[router\]: at=info method=GET path="\/" host=localhost:\d+ .*dyno=web\.1 .*status=200/);
  });

  it('responds with H14 without a web dyno', async () => {
    const story = await simulate({ files: { Procfile: 'worker: sleep 600\n' }, words: ['--only', 'worker'] });
    await story.is('up', 'worker.1');
    expect((await fetch(story.url)).status).toBe(503);
    await story.says(/code=H14 desc="No web processes running"/);
  });
});

describe('the end', () => {
  it('refuses actions meanwhile', async () => {
    const drains = listener("process.on('SIGTERM', () => setTimeout(process.exit, 1000))");
    const words = ['--formation', 'web=1,worker=1'];
    const story = await simulate({ files: { Procfile: `web: ${drains}\nworker: exec sleep 600\n` }, words });
    await story.is('up');
    const stopped = story.running.stop();
    await story.is('down', 'worker.1');
    for (const action of [
      { type: 'restart', dyno: 'worker.1' },
      { type: 'deploy' },
      { type: 'quota', bytes: 2 ** 30 },
    ] as const) {
      expect(await story.running.act(action)).toEqual({ ok: false, text: 'the simulation is stopping' });
    }
    await stopped;
    expect(story.running.view().dynos.map(({ state }) => state)).toEqual(['down', 'down']);
  });

  it('stops the dynos and leaves no process and no port', async () => {
    const story = await simulate({ files: { Procfile: `web: sleep 601 & ${listener()}\n` } });
    await story.is('up');
    await eventually(() => expect(story.dyno().runs[0]?.processes.length).toBeGreaterThan(1));
    const pids = story.dyno().runs.flatMap(({ processes }) => processes.map(({ pid }) => pid));
    await story.running.stop();
    await eventually(() => expect(pids.filter(alive)).toEqual([]), 2000); // the output closes a moment before the process is gone
    await expect(fetch(story.url)).rejects.toThrow();
  });

  it('kills everything at once when asked to', async () => {
    const story = await simulate({ files: { Procfile: `web: trap '' TERM; sleep 601; sleep 602\n` } });
    await eventually(() => expect(story.dyno().runs[0]?.processes.length).toBeGreaterThan(1));
    const pids = story.dyno().runs.flatMap(({ processes }) => processes.map(({ pid }) => pid));
    const stopping = story.running.stop();
    await story.running.kill();
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
