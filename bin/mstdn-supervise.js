#!/usr/bin/env node
require('node:module').enableCompileCache?.(); // Node >= 22.1
const { main } = require('../dist/main.cjs');

void main(process.argv.slice(2), process.env).then((code) => {
  process.exitCode = code;
  // Leaving by itself, Node takes the signal handlers away first: a repeated TERM in those milliseconds would be our end.
  process.exit();
});
