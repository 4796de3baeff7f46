/** process.stdin, or as much of it as is needed. */
export type TerminalInput = {
  isTTY?: boolean;
  setRawMode?(isRaw: boolean): unknown;
  on(event: string, listener: (bytes: Buffer) => void): unknown;
  off(event: string, listener: (bytes: Buffer) => void): unknown;
  resume(): unknown;
  pause(): unknown;
};

/** process.stdout where that is a terminal. Elsewhere just `{ fd: 1 }`: Node would make a pipe non-blocking for all who share
 * it as soon as process.stdout is touched. */
export type TerminalOutput = {
  fd: number;
  isTTY?: boolean;
  columns?: number;
  on?(event: 'resize', listener: () => void): unknown;
  off?(event: 'resize', listener: () => void): unknown;
};

export type TerminalOptions = {
  input: TerminalInput;
  output: TerminalOutput;
  env: Readonly<Record<string, string | undefined>>;
  /** null: no page runs. */
  pageUrl: string | null;
  quit(): void;
  quitAtOnce(): void;
};

export type Watching = {
  /** Writes what is left, gives the terminal back and lets go of it. */
  close(): Promise<void>;
};

/** So long the end waits for a reader that takes nothing. */
export const CLOSE_MOST_MS = 1000;
