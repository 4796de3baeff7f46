/** Hides what a printed word must never show: database and Redis addresses, and any address with a user or password. Such
 * a password may hold anything, so what follows is hidden to the end: redact word by word. */
export function redact(text: string): string {
  return text
    .replace(/(postgres|postgresql|redis|rediss):\/\/[^]*/i, '$1://[hidden]')
    .replace(/([a-z][a-z0-9+.-]*):\/\/[^]*@[^]*/i, '$1://[hidden]');
}
