// What a platform of 512 MB gives to every dyno, and so to every peer.
import { quietPort } from './restarts/ports.js';

export async function dynoEnv() {
  return { PORT: String(await quietPort()), SUPERVISE_MEMORY_QUOTA: '512M' };
}
