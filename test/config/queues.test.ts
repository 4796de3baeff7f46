import { describe, expect, test } from 'vitest';
import { parseProcesses, type Queue, queueArguments, readSidekiqYml, withWeights } from '../../src/config/queues.ts';
import { SIDEKIQ_YML } from '../plan/checkout.ts';

const UPSTREAM = queues('default*8 push*6 ingress*4 mailers*2 pull scheduler fasp');

/** `default*8 pull` as data. */
function queues(text: string): Queue[] {
  return text.split(' ').map((word) => {
    const [name = '', weight] = word.split('*');
    return { name, weight: weight === undefined ? null : Number(weight) };
  });
}

describe('readSidekiqYml', () => {
  test('a file with ERB, weights, and a schedule below', () => {
    expect(readSidekiqYml(SIDEKIQ_YML)).toEqual(UPSTREAM);
  });

  test.each<[string, string, string]>([
    ['plain names', ':queues:\n  - critical\n  - default\n', 'critical default'],
    ['names and pairs', ':queues:\n  - [critical, 2]\n  - default\n', 'critical*2 default'],
    ['a key that is no symbol', 'queues:\n  - default\n', 'default'],
    ['no indentation', ':queues:\n- default\n- [push, 6]\n:verbose: true\n', 'default push*6'],
    ['deep indentation', ':queues:\n        - default\n', 'default'],
    ['quotes', `:queues:\n  - "default"\n  - ['push', 6]\n  - ["pull"]\n`, 'default push*6 pull'],
    ['blanks everywhere', ':queues:  \n  -   [ default ,  8 ]  \n  -  pull\t\n', 'default*8 pull'],
    ['no blanks', ':queues:\n  - [default,8]\n', 'default*8'],
    [
      'comments',
      '# top\n:queues: # all\n  # first\n  - default # main\n#end\n  - [push, 6] # heavy\n',
      'default push*6',
    ],
    ['empty lines', ':queues:\n\n  - default\n\n  - push\n\n\n:concurrency: 5\n', 'default push'],
    ['lines of Windows', ':queues:\r\n  - [default, 8]\r\n  - pull\r\n:concurrency: 5\r\n', 'default*8 pull'],
    ['no end of line', ':queues:\n  - default', 'default'],
    ['first in the file', ':queues:\n  - default\n:concurrency: 5\n', 'default'],
    ['odd names', ':queues:\n  - low_priority\n  - my-queue\n  - v1.0\n', 'low_priority my-queue v1.0'],
    ['a weight of nothing', ':queues:\n  - [default, 0]\n', 'default*0'],
    ['repeated names', ':queues:\n  - default\n  - default\n  - push\n', 'default default push'],
    ['ERB elsewhere', ':concurrency: <%= 5 %>\n<%# note %>\n:queues:\n  - default\n', 'default'],
    ['a section of an environment', 'production:\n  :concurrency: 9\n:queues:\n  - default\n', 'default'],
    ['scheduled work with queues of its own', ':queues:\n  - default\n:schedule:\n  a:\n    queue: b\n', 'default'],
  ])('%s', (_, text, expected) => {
    expect(readSidekiqYml(text)).toEqual(queues(expected));
  });

  test.each<[string, string]>([
    ['an empty file', ''],
    ['no queues', ':concurrency: 5\n'],
    ['nothing below', ':queues:\n'],
    ['nothing below but the next key', ':queues:\n:concurrency: 5\n'],
    ['a flow list', ':queues: [default, push]\n'],
    ['a list of lists by dashes', ':queues:\n  - - default\n    - 8\n'],
    ['a map', ':queues:\n  default: 8\n'],
    ['a map in a list', ':queues:\n  - default: 8\n'],
    ['a weight that is no number', ':queues:\n  - [default, high]\n'],
    ['three in a pair', ':queues:\n  - [default, 8, 9]\n'],
    ['an unclosed pair', ':queues:\n  - [default, 8\n  - push\n'],
    ['a dash alone', ':queues:\n  -\n'],
    ['no blank after the dash', ':queues:\n  -default\n'],
    ['two names', ':queues:\n  - default push\n'],
    ['an anchor', ':queues: &all\n  - default\n'],
    ['an alias', ':queues:\n  - *default\n'],
    ['ERB for a name', ':queues:\n  - <%= name %>\n'],
    ['ERB for a weight', ':queues:\n  - [default, <%= 8 %>]\n'],
    ['ERB around an item', ':queues:\n  - default\n  <% if all %>\n  - push\n  <% end %>\n'],
    ['ERB at the left around an item', ':queues:\n  - default\n<% if all %>\n  - push\n<% end %>\n'],
    ['ERB at the left after the last', '<% if all %>\n:queues:\n  - default\n<% end %>\n'],
    ['only those of an environment', 'production:\n  :queues:\n    - default\n'],
    ['those of an environment besides', ':queues:\n  - default\nproduction:\n  :queues:\n    - push\n'],
    ['told twice', ':queues:\n  - default\n:queues:\n  - push\n'],
    ['commented out', '# :queues:\n#   - default\n'],
    ['more text below an item', ':queues:\n  - default\n    push\n'],
  ])('cannot tell: %s', (_, text) => {
    expect(readSidekiqYml(text)).toBeNull();
  });
});

describe('parseProcesses', () => {
  test.each<[string, [threads: number, queues: string | null][]]>([
    ['1', [[1, null]]],
    ['999', [[999, null]]],
    [
      '10 5:default',
      [
        [10, null],
        [5, 'default'],
      ],
    ],
    [
      '  10\t5:default \n',
      [
        [10, null],
        [5, 'default'],
      ],
    ],
    ['5:default*8,push*6,pull', [[5, 'default*8 push*6 pull']]],
    ['5:default,push', [[5, 'default push']]],
    ['5:low_priority,my-queue,v1.0', [[5, 'low_priority my-queue v1.0']]],
    [
      '1:a 2:b 3:c',
      [
        [1, 'a'],
        [2, 'b'],
        [3, 'c'],
      ],
    ],
    ['5:12', [[5, '12']]],
    ['5:default*999', [[5, 'default*999']]],
  ])('%j', (text, expected) => {
    const value = expected.map(([threads, names]) => ({ threads, queues: names === null ? null : queues(names) }));
    expect(parseProcesses(text)).toEqual({ value });
  });

  test.each([null, '', ' ', '\t\n'])('%j is unset', (text) => {
    expect(parseProcesses(text)).toEqual({ value: null });
  });

  test.each([
    '0',
    '00',
    '05',
    '1000',
    '-5',
    '+5',
    '5.5',
    '5x',
    'five',
    'default',
    ':default',
    '5:',
    '5::default',
    '5:default:8',
    '5:,',
    '5:default,',
    '5:,default',
    '5:default,,push',
    '5:default*',
    '5:default*0',
    '5:default*-1',
    '5:default*1.5',
    '5:default*1000',
    '5:*8',
    '5:default*8*8',
    '5 : default',
    '5: default',
    '5:default, push',
    '5:default;push',
    '10,5',
    '5:défaut',
    '5:$QUEUE',
    '10 x',
    'x 10',
    '5:[default]',
  ])('%j is told', (text) => {
    expect(parseProcesses(text)).toEqual({
      expected: 'THREADS[:queue[*weight][,queue…]] separated by blanks, as in "10 5:default"',
    });
  });
});

describe('queueArguments', () => {
  test.each<[string, Queue[] | null, string[]]>([
    ['none: sidekiq reads its own file', null, []],
    ['one', queues('default'), ['-q', 'default']],
    ['weights', queues('default*8 pull'), ['-q', 'default,8', '-q', 'pull']],
  ])('%s', (_, given, expected) => {
    expect(queueArguments(given)).toEqual(expected);
  });
});

describe('withWeights', () => {
  test.each([
    ['several without any weight get those of sidekiq.yml', 'push pull default', 'push*6 pull default*8'],
    ['several without a weight there either stay', 'pull fasp', 'pull fasp'],
    ['a stranger stays as it is', 'push mine', 'push*6 mine'],
    ['one needs no weight', 'default', 'default'],
    ['weights of their own are kept', 'default*3 push*1', 'default*3 push*1'],
    ['one weight of their own says that they are meant', 'default*3 push', 'default*3 push'],
  ])('%s', (_, given, expected) => {
    expect(withWeights(queues(given), UPSTREAM)).toEqual(queues(expected));
  });
});
