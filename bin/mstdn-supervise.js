#!/usr/bin/env node
import module from 'node:module';

module.enableCompileCache?.(); // Node >= 22.1
const { main } = await import('../dist/main.js');
process.exitCode = await main(process.argv.slice(2), process.env);
