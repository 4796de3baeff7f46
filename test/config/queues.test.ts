import { describe, expect, test } from 'vitest';
import { parseProcesses, type Queue, queueArguments, readSidekiqYml, withWeights } from '../../src/config/queues.ts';
import { SIDEKIQ_YML } from '../plan/checkout.ts';

const UPSTREAM = queues('default*8 push*6 ingress*4 mailers*2 pull scheduler fasp');

/** Parses `default*8 pull`. */
function queues(text: string): Queue[] {
  return text.split(' ').map((word) => {
    const [name = '', weight] = word.split('*');
    return { name, weight: weight === undefined ? null : Number(weight) };
  });
}

describe('readSidekiqYml', () => {
  test('a file with ERB, weights, and a schedule after the queues', () => {
    expect(readSidekiqYml(SIDEKIQ_YML)).toEqual(UPSTREAM);
  });

  test.each<[string, string, string]>([
    ['plain names', ':queues:\n  - critical\n  - default\n', 'critical default'],
    ['names and pairs', ':queues:\n  - [critical, 2]\n  - default\n', 'critical*2 default'],
    ['a key that is no symbol', 'queues:\n  - default\n', 'default'],
    ['no indentation', ':queues:\n- default\n- [push, 6]\n:verbose: true\n', 'default push*6'],
    ['deep indentation', ':queues:\n        - default\n', 'default'],
    ['quotes', `:queues:\n  - "default"\n  - ['push', 6]\n  - ["pull"]\n`, 'default push*6 pull'],
    ['spaces everywhere', ':queues:  \n  -   [ default ,  8 ]  \n  -  pull\t\n', 'default*8 pull'],
    ['no spaces', ':queues:\n  - [default,8]\n', 'default*8'],
    [
      'comments',
      '# top\n:queues: # all\n  # first\n  - default # main\n#end\n  - [push, 6] # heavy\n',
      'default push*6',
    ],
    ['empty lines', ':queues:\n\n  - default\n\n  - push\n\n\n:concurrency: 5\n', 'default push'],
    ['Windows line ends', ':queues:\r\n  - [default, 8]\r\n  - pull\r\n:concurrency: 5\r\n', 'default*8 pull'],
    ['no newline at the end', ':queues:\n  - default', 'default'],
    ['first in the file', ':queues:\n  - default\n:concurrency: 5\n', 'default'],
    ['unusual names', ':queues:\n  - low_priority\n  - my-queue\n  - v1.0\n', 'low_priority my-queue v1.0'],
    ['a weight of 0', ':queues:\n  - [default, 0]\n', 'default*0'],
    ['repeated names', ':queues:\n  - default\n  - default\n  - push\n', 'default default push'],
    ['ERB elsewhere', ':concurrency: <%= 5 %>\n<%# note %>\n:queues:\n  - default\n', 'default'],
    ['a section for an environment', 'production:\n  :concurrency: 9\n:queues:\n  - default\n', 'default'],
    ['a schedule that names queues', ':queues:\n  - default\n:schedule:\n  a:\n    queue: b\n', 'default'],
  ])('%s', (_, text, expected) => {
    expect(readSidekiqYml(text)).toEqual(queues(expected));
  });

  test.each<[string, string]>([
    ['an empty file', ''],
    ['no queues', ':concurrency: 5\n'],
    ['an empty list', ':queues:\n'],
    ['an empty list before the next key', ':queues:\n:concurrency: 5\n'],
    ['a flow list', ':queues: [default, push]\n'],
    ['nested lists', ':queues:\n  - - default\n    - 8\n'],
    ['a map', ':queues:\n  default: 8\n'],
    ['a map in a list', ':queues:\n  - default: 8\n'],
    ['a weight that is not a number', ':queues:\n  - [default, high]\n'],
    ['a pair with three elements', ':queues:\n  - [default, 8, 9]\n'],
    ['an unclosed pair', ':queues:\n  - [default, 8\n  - push\n'],
    ['a dash without a name', ':queues:\n  -\n'],
    ['no space after the dash', ':queues:\n  -default\n'],
    ['two names in one item', ':queues:\n  - default push\n'],
    ['an anchor', ':queues: &all\n  - default\n'],
    ['an alias', ':queues:\n  - *default\n'],
    ['ERB for a name', ':queues:\n  - <%= name %>\n'],
    ['ERB for a weight', ':queues:\n  - [default, <%= 8 %>]\n'],
    ['ERB around an item', ':queues:\n  - default\n  <% if all %>\n  - push\n  <% end %>\n'],
    ['unindented ERB around an item', ':queues:\n  - default\n<% if all %>\n  - push\n<% end %>\n'],
    ['unindented ERB after the last item', '<% if all %>\n:queues:\n  - default\n<% end %>\n'],
    ['only the queues of an environment', 'production:\n  :queues:\n    - default\n'],
    ['queues of an environment in addition', ':queues:\n  - default\nproduction:\n  :queues:\n    - push\n'],
    ['two lists', ':queues:\n  - default\n:queues:\n  - push\n'],
    ['commented out', '# :queues:\n#   - default\n'],
    ['more text below an item', ':queues:\n  - default\n    push\n'],
  ])('returns null: %s', (_, text) => {
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
  ])('%j is rejected', (text) => {
    expect(parseProcesses(text)).toEqual({
      expected: 'THREADS[:queue[*weight][,queue…]] separated by spaces, as in "10 5:default"',
    });
  });
});

describe('queueArguments', () => {
  test.each<[string, Queue[] | null, string[]]>([
    ['null: sidekiq reads its own file', null, []],
    ['one', queues('default'), ['-q', 'default']],
    ['weights', queues('default*8 pull'), ['-q', 'default,8', '-q', 'pull']],
  ])('%s', (_, given, expected) => {
    expect(queueArguments(given)).toEqual(expected);
  });
});

describe('withWeights', () => {
  test.each([
    ['several queues without a weight get the weights in sidekiq.yml', 'push pull default', 'push*6 pull default*8'],
    ['several queues without a weight in either place stay unchanged', 'pull fasp', 'pull fasp'],
    ['an unknown queue stays unchanged', 'push mine', 'push*6 mine'],
    ['a single queue needs no weight', 'default', 'default'],
    ['given weights are kept', 'default*3 push*1', 'default*3 push*1'],
    ['one given weight is enough to keep them unchanged', 'default*3 push', 'default*3 push'],
  ])('%s', (_, given, expected) => {
    expect(withWeights(queues(given), UPSTREAM)).toEqual(queues(expected));
  });
});
