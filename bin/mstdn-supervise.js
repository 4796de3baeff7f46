#!/usr/bin/env node
require('node:module').enableCompileCache?.(); // Node >= 22.1
const { main } = require('../dist/main.cjs');

void main(process.argv.slice(2), process.env).then((code) => (process.exitCode = code));
