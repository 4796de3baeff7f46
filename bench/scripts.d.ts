// Types of the scripts that the benchmarks import. The scripts are JavaScript: they run before anything is installed.

declare module '*/scripts/quietly.js' {
  /** The folder of this repository. */
  export const root: string;
  /** An error whose message is all that the user needs. */
  export class CannotRun extends Error {}
  export function quietly(command: readonly string[], complaint: string): Promise<void>;
}

declare module '*/scripts/parts.js' {
  export function installParts(): Promise<void>;
}

declare module '*/scripts/packages.js' {
  export function installPackages(wanted?: readonly string[]): Promise<void>;
}

declare module '*/scripts/bootstrap.js' {
  export function bootstrap(): Promise<void>;
}

declare module '*/scripts/free-port.js' {
  export function freePort(): Promise<number>;
}
