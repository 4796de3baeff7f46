/** Hides database and Redis URLs, and any other URL with a user or password. A password may contain any character, so
 * everything after the scheme is hidden up to the end of the text: redact a command line word by word. */
export function redact(text: string): string {
  return text
    .replace(/(postgres|postgresql|redis|rediss):\/\/[^]*/i, '$1://[hidden]')
    .replace(/([a-z][a-z0-9+.-]*):\/\/[^]*@[^]*/i, '$1://[hidden]');
}
