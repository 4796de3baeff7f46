import { describe, expect, it } from 'vitest';
import { labelOf } from '../../../src/simulator/platform/process-tree.ts';

describe('a process of a dyno is called', () => {
  it.each([
    ['bash -c for file in .profile', 'bash', null, 'shell'],
    ['sh -c mstdn-supervise release', 'sh', null, 'shell'],
    ['-bash', 'bash', null, 'shell'],
    ['node /app/node_modules/.bin/mstdn-supervise web', 'node', null, 'supervisor'],
    ['/usr/bin/node /opt/x/bin/mstdn-supervise.js web', 'node', 'shell', 'supervisor'],
    ['node /tmp/own/mstdn-supervise dev', 'node', null, 'supervisor'],
    ['puma 6.4.2 (tcp://0.0.0.0:3000) [app]', 'ruby', 'supervisor', 'puma'],
    ['puma 8.0.0 (unix:///tmp/puma.sock) [stand-in]', 'puma', 'supervisor', 'puma'],
    ['puma: cluster worker 0: 12 [app]', 'ruby', 'puma', 'puma worker'],
    ['ruby3.1 /usr/bin/bundle exec puma -C config/puma.rb', 'ruby3.1', 'supervisor', 'puma'],
    ['/usr/bin/ruby /var/gems/bin/puma -C config/puma.rb', 'ruby', 'supervisor', 'puma'],
    ['node /home/puma/dist/simulator/stand-ins/sidekiq.js -c 2', 'node', 'supervisor', 'sidekiq'],
    ['sidekiq 8.1.6 app [2 of 5 busy]', 'ruby', 'supervisor', 'sidekiq'],
    ['node ./streaming', 'node', 'supervisor', 'streaming'],
    ['node /app/streaming/index.js', 'node', 'supervisor', 'streaming'],
    ['ruby /usr/bin/bundle exec rails db:migrate', 'ruby', 'supervisor', 'rails'],
    ['ruby /usr/bin/rake db:migrate', 'ruby', 'shell', 'rake'],
    ['convert big.jpg -resize 50% small.jpg', 'convert', 'sidekiq', 'convert'],
    ['ffmpeg -i a b', 'ffmpeg', 'sidekiq', 'ffmpeg'],
    ['node /app/worker.js', 'node', 'streaming', 'streaming'],
    ['node server.js', 'node', null, 'node'],
    ['', 'kworker', null, 'kworker'],
  ])('%j (%s, below %s): %s', (title, name, parent, label) => {
    expect(labelOf(title, name, parent)).toBe(label);
  });
});
