import { describe, expect, it } from 'vitest';
import { makeFormation, parseAppJson, parseProcfile } from '../../../src/simulator/platform/app-files.ts';
import { concurrencyVars, dynoEnv, findConcurrencyScript } from '../../../src/simulator/platform/dyno-env.ts';
import { configVars } from '../../../src/simulator/platform/config-vars.ts';
import { parseDevOptions } from '../../../src/simulator/options.ts';

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
      'Procfile, line 4: web is defined twice',
    ]);
    expect(parseProcfile('\n# nothing\n').problems).toEqual(['Procfile: no process type found']);
  });
});

describe('an app.json', () => {
  it('reads the formation, values, secrets and required variables', () => {
    const env = {
      A: '1',
      B: { value: 2 },
      C: { generator: 'secret' },
      D: { description: 'wanted' },
      E: { description: 'not wanted', required: false },
    };
    const { app, problems } = parseAppJson(
      '\uFEFF' +
        JSON.stringify({
          formation: { web: { quantity: 2, size: 'basic' }, worker: {} },
          env,
          buildpacks: [{ url: 'heroku/nodejs' }, { url: 'heroku/ruby' }],
        }),
    );
    expect(problems).toEqual([]);
    expect([...app.formation]).toEqual([
      ['web', { quantity: 2, size: 'basic' }],
      ['worker', { quantity: 1, size: null }],
    ]);
    expect(app).toMatchObject({ env: { A: '1', B: '2' }, secrets: ['C'], required: ['D'] });
    expect(app.buildpacks).toEqual(['heroku/nodejs', 'heroku/ruby']);
  });

  it.each([
    ['{', /^app\.json: /],
    ['[]', 'app.json: expected an object'],
    ['{"formation":{"web":{"quantity":-1}}}', 'app.json: formation.web: expected {"quantity": 1, "size": "basic"}'],
    ['{"formation":{"web":{"quantity":1,"size":5}}}', /formation\.web: expected/],
    ['{"formation":[]}', 'app.json: formation: expected an object'],
    ['{"formation":{"web":{"quantity":100000}}}', /formation\.web: expected/],
    ['{"formation":{"web":2}}', /formation\.web: expected/],
    ['{"buildpacks":"heroku/ruby"}', /^app\.json: buildpacks: expected a list like \[\{"url": "heroku\/nodejs"\}/],
    ['{"buildpacks":["heroku/ruby"]}', /^app\.json: buildpacks: expected a list/],
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
  const named = (options: Partial<Parameters<typeof makeFormation>[2]>): string[] =>
    makeFormation(types, app, { ...nothing, ...options }).dynos.map(
      ({ name, command, quotaBytes }) => `${name} ${command} ${quotaBytes / MEBIBYTE}`,
    );

  it.each([
    [{}, ['web.1 w 512']],
    [{ formation: new Map([['worker', 2]]) }, ['web.1 w 512', 'worker.1 k 1024', 'worker.2 k 1024']],
    [{ only: ['worker'] }, ['worker.1 k 1024']],
    [{ only: ['web'], size: 'performance-m' }, ['web.1 w 2560']],
    [{ quotaBytes: 300 * MEBIBYTE, size: 'eco' }, ['web.1 w 300']],
  ])('%j is %j', (options, dynos) => {
    expect(named(options)).toEqual(dynos);
  });

  it.each([
    [{ only: ['wbe'] }, 'wbe: no such process type in the Procfile, which has web, worker'],
    [{ formation: new Map([['release', 1]]) }, 'release: no such process type in the Procfile, which has web, worker'],
    [{ formation: new Map([['web', 0]]) }, 'no dyno to run; start one with --formation web=1'],
  ])('%j is refused', (options, problem) => {
    expect(makeFormation(types, app, { ...nothing, ...options }).problems).toEqual([problem]);
  });
});

describe('what app.json says of the formation in vain', () => {
  it.each([
    ['{"formation":{"cron":{"quantity":1}}}', {}, ['app.json: formation.cron: no such process type in the Procfile']],
    [
      '{"formation":{"web":{"size":"hobby"}}}',
      {},
      ['app.json: size hobby of web is unknown, using 512M; set another with --quota'],
    ],
    ['{"formation":{"web":{"size":"hobby"}}}', { quotaBytes: MEBIBYTE }, []],
    ['{"formation":{"web":{"size":"Basic"}}}', {}, []],
  ])('%s', (text, options, notes) => {
    const { types } = parseProcfile('web: w');
    const none = { only: null, formation: new Map<string, number>(), size: null, quotaBytes: null };
    expect(makeFormation(types, parseAppJson(text).app, { ...none, ...options }).notes).toEqual(notes);
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
    expect(notes).toEqual(['app.json requires the config var R, which is not set']);
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
    concurrencyScript: null,
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

describe('the buildpack whose profile script sets WEB_CONCURRENCY', () => {
  it.each([
    [[], null],
    [['heroku/ruby'], null],
    [['heroku/nodejs'], 'heroku/nodejs'],
    [['heroku/ruby', 'heroku/nodejs'], 'heroku/nodejs'],
    [['heroku/nodejs', 'heroku/ruby'], null],
    [['heroku/ruby', 'heroku/nodejs', 'https://github.com/heroku/heroku-buildpack-apt'], 'heroku/nodejs'],
    [['https://github.com/heroku/heroku-buildpack-nodejs.git#v363'], 'heroku/nodejs'],
    [['heroku/nodejs', 'https://github.com/heroku/heroku-buildpack-ruby#v300'], null],
    [['https://buildpack-registry.s3.amazonaws.com/buildpacks/heroku/nodejs.tgz'], 'heroku/nodejs'],
    [['urn:buildpack:heroku/nodejs'], 'heroku/nodejs'],
    [['https://github.com/Scalingo/nodejs-buildpack'], 'scalingo/nodejs'],
    [['https://github.com/someone/heroku-buildpack-nodejs-memory'], null],
  ])('after %j is %s', (buildpacks, script) => {
    expect(findConcurrencyScript(buildpacks)).toBe(script);
  });

  const GIBIBYTE = 2 ** 30;

  it.each([
    [512 * MEBIBYTE, {}, { MEMORY_AVAILABLE: '512', WEB_MEMORY: '512', WEB_CONCURRENCY: '1' }],
    [300 * MEBIBYTE, {}, { MEMORY_AVAILABLE: '300', WEB_MEMORY: '512', WEB_CONCURRENCY: '1' }],
    [GIBIBYTE, {}, { MEMORY_AVAILABLE: '1024', WEB_MEMORY: '512', WEB_CONCURRENCY: '2' }],
    [2.5 * GIBIBYTE, {}, { MEMORY_AVAILABLE: '2560', WEB_MEMORY: '512', WEB_CONCURRENCY: '5' }],
    [14 * GIBIBYTE, {}, { MEMORY_AVAILABLE: '14336', WEB_MEMORY: '512', WEB_CONCURRENCY: '28' }],
    [30 * GIBIBYTE, {}, { MEMORY_AVAILABLE: '30720', WEB_MEMORY: '2048', WEB_CONCURRENCY: '15' }],
    [512 * GIBIBYTE, {}, { MEMORY_AVAILABLE: '129024', WEB_MEMORY: '2048', WEB_CONCURRENCY: '63' }],
    [GIBIBYTE, { WEB_MEMORY: '256' }, { WEB_MEMORY: '256', WEB_CONCURRENCY: '4' }],
    [GIBIBYTE, { WEB_MEMORY: '1' }, { WEB_MEMORY: '1', WEB_CONCURRENCY: '1' }],
    [GIBIBYTE, { MEMORY_AVAILABLE: '2048' }, { MEMORY_AVAILABLE: '2048', WEB_CONCURRENCY: '4' }],
  ])('exports for %i bytes and %j what the real one does', (quotaBytes, config, vars) => {
    const marked = { ...vars, WEB_CONCURRENCY_SET_BY: 'heroku/nodejs' };
    expect(concurrencyVars('heroku/nodejs', config, quotaBytes)).toMatchObject(marked);
  });

  it("leaves the user's value alone, and marks none", () => {
    const vars = concurrencyVars('heroku/nodejs', { WEB_CONCURRENCY: '3' }, 512 * MEBIBYTE);
    expect(vars).toEqual({ MEMORY_AVAILABLE: '512', WEB_MEMORY: '512' });
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
      buildpacks: null,
      timeScale: 10,
      cycleEveryMs: 600_000,
      logReader: 'slow',
      standIns: true,
      procfile: 'old',
    });
    expect(parse('--buildpacks heroku/ruby,heroku/nodejs')).toMatchObject({
      buildpacks: ['heroku/ruby', 'heroku/nodejs'],
    });
    expect(parse('--rehearse --scenarios boot --json --path /about')).toMatchObject({
      rehearse: true,
      scenarios: ['boot'],
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
    ['--buildpacks ruby,nodejs', /--buildpacks ruby,nodejs: expected buildpacks in their order, like heroku\/ruby/],
    ['--log-reader fast', /expected full, slow or stalled/],
    ['--rehearse --scenarios boot,nap', /expected some of boot,load/],
    ['--scenarios boot', /--scenarios goes with --rehearse/],
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
