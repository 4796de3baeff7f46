import { say } from './say.ts';

export function header(mode: 'single' | 'cluster', threads: number, workers = 0): void {
  say(`Puma starting in ${mode} mode...\n* Puma version: 8.0.0 (stand-in)`);
  say(`*  Max threads: ${threads}\n*   ${mode === 'single' ? '       PID' : 'Master PID'}: ${process.pid}`);
  if (mode === 'cluster') say(`*      Workers: ${workers}\n* Preloading application`);
}

export function goodbye(): void {
  say(`=== puma shutdown: ${new Date().toISOString()} ===\n- Goodbye!`);
}
