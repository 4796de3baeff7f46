/** Hides what a printed line must never show: database and Redis addresses, and any address with a user or password. */
export function redact(text: string): string {
  return text
    .replace(/\b(postgres|postgresql|redis|rediss):\/\/[^\s'"]*/gi, '$1://[hidden]')
    .replace(/\b([a-z][a-z0-9+.-]*):\/\/[^\s'"/]*@[^\s'"]*/gi, '$1://[hidden]');
}
