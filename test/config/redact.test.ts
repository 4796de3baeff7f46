import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { redact } from '../../src/config/shell-words.ts';

describe('redact', () => {
  test.each([
    ['postgres://mastodon:s3cret@db.example:5432/mastodon', 'postgres://[hidden]'],
    ['postgresql://db.example/mastodon', 'postgresql://[hidden]'],
    ['POSTGRES://u:p@h/d', 'POSTGRES://[hidden]'],
    ['postgres:///mastodon?host=/tmp&password=s3cret', 'postgres://[hidden]'],
    ['redis://:s3cret@cache.example:6379/0', 'redis://[hidden]'],
    ['rediss://h:p4ssw0rd@ec2.example:6380', 'rediss://[hidden]'],
    ['DATABASE_URL=postgres://u:s3cret@h/d', 'DATABASE_URL=postgres://[hidden]'],
    ['--url=https://user:s3cret@proxy.example/', '--url=https://[hidden]'],
    ['https://token@git.example/x.git', 'https://[hidden]'],
    ['smtp+tls://me%40example:s3cret@smtp.example', 'smtp+tls://[hidden]'],
    [`postgres://u:s3'cr"et@h/d`, 'postgres://[hidden]'],
    ['postgres://u:s3 cr\tet\n@h/d', 'postgres://[hidden]'],
    ['postgres://u:s3/cr@et@h/d', 'postgres://[hidden]'],
    ['https://u:s3/cret@h/d', 'https://[hidden]'],
    [`https://u:s3'cret@h/d`, 'https://[hidden]'],
    ['psql postgres://u:s3cret@h/d -c "select 1"', 'psql postgres://[hidden]'],
    ['OLD_postgres://u:s3cret@h/d', 'OLD_postgres://[hidden]'],
    ['redis://one:1@a redis://two:2@b', 'redis://[hidden]'],
  ])('%j', (text, redacted) => {
    expect(redact(text)).toBe(redacted);
  });

  test.each([
    'bundle exec puma -C config/puma.rb',
    'https://example.com/path?query',
    'http://127.0.0.1:3000/health',
    'postgres',
    'me@example.com',
    'default*8',
    '',
  ])('%j has nothing to hide', (text) => {
    expect(redact(text)).toBe(text);
  });

  test('hides the password of any URL, whatever characters it contains', () => {
    const word = fc.string({ unit: 'binary-ascii', minLength: 1 });
    const scheme = fc.constantFrom('postgres', 'postgresql', 'redis', 'rediss', 'https', 'mysql2');
    fc.assert(
      fc.property(fc.string(), scheme, word, (before, name, password) => {
        const redacted = redact(`${before} ${name}://user:<${password}>@host/base`);
        expect(redacted).not.toContain(`<${password}>`);
        expect(redacted).not.toContain('host/base');
      }),
      { numRuns: 2000 },
    );
  });
});
