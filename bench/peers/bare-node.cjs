// What Node itself costs: starts each of its arguments as a command, and does nothing else.
const { spawn } = require('node:child_process');
const { argv } = require('node:process');

for (const command of argv.slice(2)) {
  const [file, ...args] = command.split(' ');
  spawn(file, args, { stdio: 'inherit' });
}
