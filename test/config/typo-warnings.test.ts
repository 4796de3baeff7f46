import { describe, expect, test } from 'vitest';
import { SETTINGS } from '../../src/config/settings.ts';
import { typoWarnings } from '../../src/config/typo-warnings.ts';
import { checkout, warningsOf } from '../plan/checkout.ts';

describe('a value that looks like the one word that counts', () => {
  const yes = ['True', 'TRUE', '1', 'yes', 'y', 'on', 't', 'enabled', 'true ', ' true', '"true"', "'true'"];
  const no = ['False', 'FALSE', '0', 'no', 'n', 'off', 'f', 'disabled', 'false ', ' false', '"false"', "'false'"];

  test.each([
    ['RUN_WORKER', 'true', yes],
    ['RUN_STREAMING', 'true', yes],
    ['RUN_SCHEDULE', 'false', no],
  ])('%s: meant as %s', (name, word, values) => {
    expect(values.map((value) => typoWarnings({ [name]: value }))).toEqual(
      values.map((value) => [
        `${name}=${JSON.stringify(value)} is not recognized and has no effect; did you mean ${name}=${word}?`,
      ]),
    );
  });

  test.each([
    ['inline', ['Inline', 'INLINE', 'inlined', ' inline', 'inline ', '"inline"', "'inline'", 'in-line', 'in_line']],
    [
      'on-demand',
      ['On-Demand', 'ON-DEMAND', 'on_demand', 'ondemand', 'OnDemand', 'on demand', 'on-demand ', '"on-demand"'],
    ],
  ])('RUN_STREAMING: meant as %s', (word, values) => {
    expect(values.map((value) => typoWarnings({ RUN_STREAMING: value }))).toEqual(
      values.map((value) => [
        `RUN_STREAMING=${JSON.stringify(value)} is not recognized and has no effect; did you mean RUN_STREAMING=${word}?`,
      ]),
    );
    expect(values.flatMap((value) => typoWarnings({ RUN_WORKER: value, RUN_SCHEDULE: value }))).toEqual([]);
  });

  test.each([
    ['RUN_WORKER', [undefined, '', 'true', 'false', 'no', '0', 'off', 'False']],
    ['RUN_STREAMING', [undefined, '', 'true', 'false', 'no', '0', 'off', 'inline', 'on-demand', 'outline', 'demand']],
    ['RUN_SCHEDULE', [undefined, '', 'true', 'false', 'yes', '1', 'on', 'True']],
  ])('%s: no warning about a value that does what it says', (name, values) => {
    expect(values.flatMap((value) => typoWarnings({ [name]: value }))).toEqual([]);
  });
});

describe('a name that no program reads', () => {
  test.each([
    ['SIDEKIQ_THREAD', 'SIDEKIQ_THREADS'],
    ['SIDEKIQ_TREADS', 'SIDEKIQ_THREADS'],
    ['SIDEKIQ_PROCESS', 'SIDEKIQ_PROCESSES'],
    ['SIDEKIK_PROCESSES', 'SIDEKIQ_PROCESSES'],
    ['SIDEKIQ_COMAND', 'SIDEKIQ_COMMAND'],
    ['RUN_WORKERS', 'RUN_WORKER'],
    ['RUN_STEAMING', 'RUN_STREAMING'],
    ['RUN_SCHEDULER', 'RUN_SCHEDULE'],
    ['RUN_SCHEDUL', 'RUN_SCHEDULE'],
    ['MAX_THREAD', 'MAX_THREADS'],
    ['RUN_WORKEN', 'RUN_WORKER'],
    ['WBE_CONCURRENCY', 'WEB_CONCURRENCY'],
    ['RUN_SCHEDUEL', 'RUN_SCHEDULE'],
    ['PUMA_DB_POLO', 'PUMA_DB_POOL'],
    ['DB_POOLS', 'DB_POOL'],
    ['DB_POLO', 'DB_POOL'],
    ['MAX_THRAEDS', 'MAX_THREADS'],
    ['SIDEKIQ_THREADING', null],
    ['PORTS', null],
    ['BINDS', null],
    ['WEB_CONCURENCY', 'WEB_CONCURRENCY'],
    ['PUMA_DBPOOL', 'PUMA_DB_POOL'],
    ['STREAMING_DB_POOLS', 'STREAMING_DB_POOL'],
    ['MAGIC_MEMORY_LIMIT', 'MAGICK_MEMORY_LIMIT'],
    ['MIGRATION_COMMAND', null],
    ['SUPERVISE_STOP_TIMOUT', 'SUPERVISE_STOP_TIMEOUT'],
    ['SUPERVISE_LOG_PREFIXS', 'SUPERVISE_LOG_PREFIX'],
    ['SUPERVISE_ROUTERS', 'SUPERVISE_ROUTER'],
    ['SUPERVISE_STEAMING_IDLE', 'SUPERVISE_STREAMING_IDLE'],
  ])('%s: did you mean %s?', (name, meant) => {
    const warning = `${name} is not a known variable; did you mean ${meant ?? ''}?`;
    expect(typoWarnings({ [name]: '1' })).toEqual(meant === null ? [] : [warning]);
    expect(typoWarnings({ [name]: '' })).toEqual([]);
  });

  test.each([
    'RUN_PUMA',
    'RUN_',
    'RUN_MIGRATIONS',
    'RUN_ROUTER',
    'SUPERVISE_IDLE',
    'SUPERVISE_TIMEOUT',
    'SUPERVISE_',
    'SUPERVISE_MEMORY',
  ])('%s is an unknown setting', (name) => {
    expect(typoWarnings({ [name]: '1' })).toEqual([
      `${name} is not a setting of mstdn-supervise; see docs/settings.md`,
    ]);
  });

  test.each(['RUN', 'RUNNER_OS', 'PRERUN_X', 'SUPERVISED', 'RUNTIME_DIR'])(
    '%s is a variable of another program',
    (name) => {
      expect(typoWarnings({ [name]: '1' })).toEqual([]);
    },
  );

  test('no setting is a typing error of another', () => {
    expect(typoWarnings(Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, 'x'])))).toEqual([]);
  });
});

describe('SKIP_POST_DEPLOYMENT_MIGRATIONS', () => {
  test.each(['false', 'False', '0', 'no', 'off'])('%s does not mean no', (value) => {
    expect(typoWarnings({ SKIP_POST_DEPLOYMENT_MIGRATIONS: value })).toEqual([
      `SKIP_POST_DEPLOYMENT_MIGRATIONS=${value}: Mastodon skips these migrations whatever the value is; unset the variable to run them`,
    ]);
  });

  test.each([undefined, '', 'true', '1', 'yes'])('%s does what it says', (value) => {
    expect(typoWarnings({ SKIP_POST_DEPLOYMENT_MIGRATIONS: value })).toEqual([]);
  });
});

/** Config vars of Mastodon instances on Heroku and similar platforms, and variables of the platform, Ruby, Node and
 * a shell. */
const USUAL = `
  LOCAL_DOMAIN WEB_DOMAIN ALTERNATE_DOMAINS LOCAL_HTTPS SINGLE_USER_MODE LIMITED_FEDERATION_MODE AUTHORIZED_FETCH
  SECRET_KEY_BASE OTP_SECRET PAPERCLIP_SECRET VAPID_PRIVATE_KEY VAPID_PUBLIC_KEY
  ACTIVE_RECORD_ENCRYPTION_PRIMARY_KEY ACTIVE_RECORD_ENCRYPTION_DETERMINISTIC_KEY
  ACTIVE_RECORD_ENCRYPTION_KEY_DERIVATION_SALT
  DATABASE_URL DB_HOST DB_PORT DB_NAME DB_USER DB_PASS DB_SSLMODE DB_SSL_CERT DB_TIMEOUT PREPARED_STATEMENTS
  REPLICA_DATABASE_URL REPLICA_DB_HOST REPLICA_DB_PORT REPLICA_DB_NAME REPLICA_DB_USER REPLICA_DB_PASS REPLICA_DB_TASKS
  REDIS_URL REDIS_HOST REDIS_PORT REDIS_DB REDIS_USER REDIS_PASSWORD REDIS_NAMESPACE REDIS_TLS_URL REDIS_DRIVER
  REDIS_TEMPORARY_URL SIDEKIQ_REDIS_URL CACHE_REDIS_URL REDIS_SENTINELS REDIS_SENTINEL_MASTER
  ES_ENABLED ES_HOST ES_PORT ES_USER ES_PASS ES_PRESET ES_PREFIX
  S3_ENABLED S3_BUCKET S3_REGION S3_PROTOCOL S3_HOSTNAME S3_ENDPOINT S3_ALIAS_HOST S3_PERMISSION S3_OPEN_TIMEOUT
  S3_READ_TIMEOUT S3_FORCE_SINGLE_REQUEST S3_SIGNATURE_VERSION S3_OVERRIDE_PATH_STYLE S3_MULTIPART_THRESHOLD
  S3_STORAGE_CLASS S3_BATCH_DELETE_LIMIT S3_DISABLE_CHECKSUM_MODE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION
  SWIFT_ENABLED AZURE_ENABLED CDN_HOST EXTRA_MEDIA_HOSTS PAPERCLIP_ROOT_PATH PAPERCLIP_ROOT_URL
  SMTP_SERVER SMTP_PORT SMTP_LOGIN SMTP_PASSWORD SMTP_DOMAIN SMTP_FROM_ADDRESS SMTP_REPLY_TO SMTP_DELIVERY_METHOD
  SMTP_AUTH_METHOD SMTP_CA_FILE SMTP_OPENSSL_VERIFY_MODE SMTP_ENABLE_STARTTLS SMTP_ENABLE_STARTTLS_AUTO SMTP_TLS SMTP_SSL
  EMAIL_DOMAIN_ALLOWLIST EMAIL_DOMAIN_DENYLIST
  STREAMING_API_BASE_URL STREAMING_CLUSTER_NUM STREAMING_PORT STREAMING_HOST
  SIDEKIQ_CONCURRENCY SIDEKIQ_USERNAME SIDEKIQ_PASSWORD SIDEKIQ_NAMESPACE MASTODON_SIDEKIQ_READY_FILENAME
  MIN_THREADS RAILS_MAX_THREADS RAILS_MIN_THREADS PUMA_MAX_THREADS PUMA_WORKERS PERSISTENT_TIMEOUT WORKER_TIMEOUT
  WORKER_PROCESSES PREVIEW_CARD_CACHE WEB_MEMORY SERVICE_TIMEOUT WAIT_TIMEOUT RACK_TIMEOUT_SERVICE_TIMEOUT
  MAX_TOOT_CHARS MAX_POLL_OPTIONS MAX_SESSION_ACTIVATIONS USER_ACTIVE_DAYS MAX_REQUEST_POOL_SIZE MAX_FOLLOWS_THRESHOLD
  IP_RETENTION_PERIOD SESSION_RETENTION_PERIOD TRUSTED_PROXY_IP ALLOWED_PRIVATE_ADDRESSES DEFAULT_LOCALE
  RAILS_ENV RACK_ENV RAILS_LOG_LEVEL RAILS_LOG_TO_STDOUT RAILS_SERVE_STATIC_FILES RAILS_MASTER_KEY BOOTSNAP_CACHE_DIR
  MASTODON_PROMETHEUS_EXPORTER_ENABLED SKIP_POST_DEPLOYMENT_MIGRATIONS SOURCE_BASE_URL GITHUB_REPOSITORY HEROKU
  MALLOC_ARENA_MAX MALLOC_CONF LD_PRELOAD JEMALLOC_ENABLED JEMALLOC_VERSION MAGICK_MAP_LIMIT MAGICK_AREA_LIMIT
  MAGICK_DISK_LIMIT MAGICK_THREAD_LIMIT MAGICK_TIME_LIMIT MAGICK_CONFIGURE_PATH MAGICK_HOME VIPS_BLOCK_UNTRUSTED
  RUBYOPT RUBYLIB RUBY_YJIT_ENABLE RUBY_GC_HEAP_GROWTH_FACTOR GEM_HOME GEM_PATH BUNDLE_GEMFILE BUNDLE_WITHOUT BUNDLE_BIN
  BUNDLE_DEPLOYMENT BUNDLE_PATH NODE_ENV NODE_OPTIONS NODE_HOME NODE_MODULES_CACHE NPM_CONFIG_PRODUCTION YARN_PRODUCTION
  YARN_CACHE WEB_CONCURRENCY_DYNO MEMORY_AVAILABLE
  DYNO DYNO_RAM STACK SOURCE_VERSION HEROKU_APP_NAME HEROKU_APP_ID HEROKU_DYNO_ID HEROKU_SLUG_COMMIT
  HEROKU_RELEASE_VERSION HEROKU_POSTGRESQL_COPPER_URL CONTAINER CONTAINER_VERSION APP FLY_APP_NAME RENDER_SERVICE_ID
  PATH HOME PWD OLDPWD SHLVL SHELL USER LOGNAME HOSTNAME LANG LANGUAGE LC_ALL TERM TZ TMPDIR PS1 PS2 COLUMNS LINES _
  LD_LIBRARY_PATH LIBRARY_PATH PKG_CONFIG_PATH CPATH FC_CONFIG_DIR http_proxy https_proxy no_proxy
  NEW_RELIC_LICENSE_KEY SENTRY_DSN DD_API_KEY PGSSLMODE PGHOST PGPORT OPENSSL_CONF
  LOG_LEVEL LOG_FORMAT BIN HOST PROXY SOCKETS DB POOL DEBUG CI
  WEB_CONCURRENCY MAX_THREADS DB_POOL PORT BIND SOCKET MAGICK_MEMORY_LIMIT
`;

test('the usual variables of an instance are not taken for typing errors', () => {
  const names = USUAL.trim().split(/\s+/);
  expect(names.length).toBeGreaterThan(200);
  expect(typoWarnings(Object.fromEntries(names.map((name) => [name, '1'])))).toEqual([]);
});

test('every plan has the warnings', () => {
  const env = { RUN_WORKER: '1', SIDEKIQ_THREAD: '2', SKIP_POST_DEPLOYMENT_MIGRATIONS: 'false' };
  const warnings = typoWarnings(env);
  expect(warnings).toHaveLength(3);
  expect(warningsOf('web', env)).toEqual(warnings);
  expect(warningsOf('worker', env)).toEqual(warnings);
  expect(warningsOf('release', env)).toEqual(warnings);
  expect(warningsOf('release', { ...env, RUN_STREAMING: 'true' }, checkout())).toEqual(warnings);
});
