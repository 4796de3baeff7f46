import { describe, expect, it } from 'vitest';
import { parseAppJson } from '../../src/simulator/app-json.ts';
import { configVars } from '../../src/simulator/config-vars.ts';
import { dynoEnv } from '../../src/simulator/dyno-env.ts';
import { makeFormation } from '../../src/simulator/formation.ts';
import { parseDevOptions } from '../../src/simulator/options.ts';
import { parseProcfile } from '../../src/simulator/procfile.ts';

const MEBIBYTE = 2 ** 20;

describe('a Procfile', () => {
  it('is process types and their commands', () => {
    const text = '\uFEFFweb: mstdn-supervise web\r\n# a comment\n\nworker:sidekiq -c 5\nrelease-1 :  a: b  \n';
    const { types, problems } = parseProcfile(text);
    expect(problems).toEqual([]);
    expect([...types]).toEqual([
      ['web', 'mstdn-supervise web'],
      ['worker', 'sidekiq -c 5'],
      ['release-1', 'a: b'],
    ]);
  });

  it('names every line that is none', () => {
    expect(parseProcfile('web mstdn-supervise\nworker:\nweb: a\nweb: b\n').problems).toEqual([
      'Procfile, line 1: expected "type: command", like "web: mstdn-supervise web"',
      'Procfile, line 2: worker has no command',
      'Procfile, line 4: web stands here twice',
    ]);
    expect(parseProcfile('\n# nothing\n').problems).toEqual(['Procfile: no process type in it']);
  });
});

describe('an app.json', () => {
  it('gives formation, values, secrets and what somebody has to set', () => {
    const env = {
      A: '1',
      B: { value: 2 },
      C: { generator: 'secret' },
      D: { description: 'wanted' },
      E: { description: 'not wanted', required: false },
    };
    const { app, problems } = parseAppJson(
      '\uFEFF' + JSON.stringify({ formation: { web: { quantity: 2, size: 'basic' }, worker: {} }, env }),
    );
    expect(problems).toEqual([]);
    expect([...app.formation]).toEqual([
      ['web', { quantity: 2, size: 'basic' }],
      ['worker', { quantity: 1, size: null }],
    ]);
    expect(app).toMatchObject({ env: { A: '1', B: '2' }, secrets: ['C'], required: ['D'] });
  });

  it.each([
    ['{', /^app\.json: /],
    ['[]', 'app.json: expected an object'],
    ['{"formation":{"web":{"quantity":-1}}}', 'app.json: formation.web: expected {"quantity": 1, "size": "basic"}'],
    ['{"formation":{"web":{"quantity":1,"size":5}}}', /formation\.web: expected/],
    ['{"formation":[]}', 'app.json: formation: expected an object'],
    ['{"formation":{"web":{"quantity":100000}}}', /formation\.web: expected/],
    ['{"formation":{"web":2}}', /formation\.web: expected/],
  ])('says what is wrong with %s', (text, problem) => {
    const { problems } = parseAppJson(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(problem);
  });
});

describe('the formation', () => {
  const { types } = parseProcfile('web: w\nworker: k\nrelease: r\n');
  const { app } = parseAppJson('{"formation":{"worker":{"quantity":0,"size":"standard-2x"}}}');
  const nothing = { only: null, formation: new Map<string, number>(), size: null, quotaBytes: null };
  const named = (wishes: Partial<Parameters<typeof makeFormation>[2]>): string[] =>
    makeFormation(types, app, { ...nothing, ...wishes }).dynos.map(
      ({ name, command, quotaBytes }) => `${name} ${command} ${quotaBytes / MEBIBYTE}`,
    );

  it.each([
    [{}, ['web.1 w 512']],
    [{ formation: new Map([['worker', 2]]) }, ['web.1 w 512', 'worker.1 k 1024', 'worker.2 k 1024']],
    [{ only: ['worker'] }, ['worker.1 k 1024']],
    [{ only: ['web'], size: 'performance-m' }, ['web.1 w 2560']],
    [{ quotaBytes: 300 * MEBIBYTE, size: 'eco' }, ['web.1 w 300']],
  ])('%j is %j', (wishes, dynos) => {
    expect(named(wishes)).toEqual(dynos);
  });

  it.each([
    [{ only: ['wbe'] }, 'wbe: no such process type in the Procfile, which has web, worker'],
    [{ formation: new Map([['release', 1]]) }, 'release: no such process type in the Procfile, which has web, worker'],
    [{ formation: new Map([['web', 0]]) }, 'no dyno to run; start one: --formation web=1'],
  ])('%j is refused', (wishes, problem) => {
    expect(makeFormation(types, app, { ...nothing, ...wishes }).problems).toEqual([problem]);
  });
});

describe('what app.json says of the formation in vain', () => {
  it.each([
    ['{"formation":{"cron":{"quantity":1}}}', {}, ['app.json: formation.cron: no such process type in the Procfile']],
    [
      '{"formation":{"web":{"size":"hobby"}}}',
      {},
      ['app.json: size hobby of web is not known here, 512M is taken; --quota says otherwise'],
    ],
    ['{"formation":{"web":{"size":"hobby"}}}', { quotaBytes: MEBIBYTE }, []],
    ['{"formation":{"web":{"size":"Basic"}}}', {}, []],
  ])('%s', (text, wishes, notes) => {
    const { types } = parseProcfile('web: w');
    const none = { only: null, formation: new Map<string, number>(), size: null, quotaBytes: null };
    expect(makeFormation(types, parseAppJson(text).app, { ...none, ...wishes }).notes).toEqual(notes);
  });
});

describe('config vars', () => {
  const { app } = parseAppJson('{"env":{"A":"json","B":"json","S":{"generator":"secret"},"R":{}}}');

  it("are the shell's, then those of app.json, then the buildpacks'; the platform's own are not among them", async () => {
    const { vars, port, notes } = await configVars(
      { A: 'shell', EMPTY: '', npm_config_x: '1', DYNO: 'x', PORT: '5' },
      app,
      null,
    );
    expect(vars).toMatchObject({ A: 'shell', B: 'json', RAILS_ENV: 'production' });
    expect(Object.keys(vars)).not.toEqual(expect.arrayContaining(['EMPTY']));
    for (const name of ['npm_config_x', 'DYNO', 'PORT']) expect(vars).not.toHaveProperty(name);
    expect(port).toBe('5');
    expect(notes).toEqual(['app.json requires the config var R, which nobody has set']);
  });

  it('that app.json generates stay the same', async () => {
    const first = await configVars({}, app, null);
    const second = await configVars({}, app, null);
    expect(first.vars.S).toMatch(/^[0-9a-f]{64}$/);
    expect(second.vars.S).toBe(first.vars.S);
  });
});

describe('the environment of a dyno', () => {
  const place = {
    name: 'web.1',
    port: 5008,
    quotaBytes: 512 * MEBIBYTE,
    timeScale: 1,
    scratch: '/scratch',
    folders: ['/own'],
    standIns: {},
  };

  it('is the config vars and what the platform sets', () => {
    expect(dynoEnv({ PATH: '/bin', A: '1', DYNO: 'no' }, place)).toEqual({
      A: '1',
      BIND: '127.0.0.1',
      SUPERVISE_MEMORY_QUOTA: '536870912',
      SUPERVISE_LOG_FORMAT: 'pretty',
      PATH: '/own:/bin',
      TMPDIR: '/scratch',
      DYNO: 'web.1',
      PORT: '5008',
    });
  });

  it("gives a release no port, and lets the admin's words stand", () => {
    const env = dynoEnv({ BIND: '::', SUPERVISE_MEMORY_QUOTA: '1G' }, { ...place, name: 'release.1', port: null });
    expect(env).toMatchObject({ BIND: '::', SUPERVISE_MEMORY_QUOTA: '1G', DYNO: 'release.1' });
    expect(env).not.toHaveProperty('PORT');
  });

  it.each([
    [{}, '3.000', '4.500'],
    [{ SUPERVISE_STOP_TIMEOUT: '60', SUPERVISE_START_TIMEOUT: '10' }, '6.000', '1.000'],
    [{ SUPERVISE_STOP_TIMEOUT: '5' }, '2.000', '4.500'],
    [{ SUPERVISE_STOP_TIMEOUT: '-5', SUPERVISE_START_TIMEOUT: 'x' }, '-5', 'x'],
  ])('with times ten times shorter and %j', (config, stop, start) => {
    const env = dynoEnv(config, { ...place, timeScale: 10 });
    expect(env).toMatchObject({
      SUPERVISE_STOP_TIMEOUT: stop,
      SUPERVISE_START_TIMEOUT: start,
      STAND_IN_TIME_SCALE: '10',
    });
  });
});

describe('the options of dev', () => {
  const parse = (line: string): unknown => parseDevOptions(line === '' ? [] : line.split(' '), ['boot', 'load']);

  it('need not be given', () => {
    expect(parse('')).toMatchObject({ folder: '.', page: true, timeScale: 1, logReader: 'full', rehearse: false });
  });

  it('are what they say', () => {
    const line =
      '--dir app --only web,worker --formation web=2,worker=0 --size STANDARD-2X --quota 1G --port 6000 --no-page';
    expect(
      parse(`${line} --time-scale 10 --cycle-every 10m --log-reader slow --stand-ins --procfile old`),
    ).toMatchObject({
      folder: 'app',
      only: ['web', 'worker'],
      formation: new Map([
        ['web', 2],
        ['worker', 0],
      ]),
      size: 'standard-2x',
      quotaBytes: 2 ** 30,
      port: 6000,
      page: false,
      timeScale: 10,
      cycleEveryMs: 600_000,
      logReader: 'slow',
      standIns: true,
      procfile: 'old',
    });
    expect(parse('--rehearse --scenes boot --json --path /about')).toMatchObject({
      rehearse: true,
      scenes: ['boot'],
      json: true,
      path: '/about',
    });
  });

  it.each([
    ['--port 70000', /--port 70000: expected a port from 1 to 65000/],
    ['--time-scale 16', /expected a number from 1 to 15/],
    ['--time-scale 0.5', /expected a number from 1 to 15/],
    ['--quota 5M', /--quota 5M: expected an amount of memory like 512M or 1G, at least 16M/],
    ['--size huge', /expected one of eco, basic/],
    ['--formation web', /expected numbers of dynos, like web=1,worker=1/],
    ['--only web,,', /expected process types/],
    ['--cycle-every soon', /expected a time like/],
    ['--log-reader fast', /expected full, slow or stalled/],
    ['--rehearse --scenes boot,nap', /expected some of boot,load/],
    ['--scenes boot', /--scenes goes with --rehearse/],
    ['--rehearse --path about', /expected a path like/],
    ['--nonsense', /--nonsense/],
    ['web', /web/],
    ['--port', /--port/],
    ['--port 1 --port 99999', /99999/],
  ])('%s is refused', (line, problem) => {
    expect(() => parse(line)).toThrow(problem);
  });

  it('are all told of at once', () => {
    expect(() => parse('--port x --size y')).toThrow(/--size y: .*\n--port x: /);
  });
});
