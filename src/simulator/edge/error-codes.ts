/** What goes wrong at the edge, with the platform's own codes and words. [D: Error Codes] */
export type ErrorCode = 'H10' | 'H12' | 'H13' | 'H14' | 'H15' | 'H17' | 'H18' | 'H19' | 'H20' | 'H21' | 'H27' | 'H28';

type Meaning = {
  description: string;
  at: 'error' | 'warning';
  status: 499 | 503;
  /** Who broke off. */
  sock?: 'client' | 'backend';
};

export const ERROR_CODES: Readonly<Record<ErrorCode, Meaning>> = {
  H10: { description: 'App crashed', at: 'error', status: 503 },
  H12: { description: 'Request timeout', at: 'error', status: 503 },
  H13: { description: 'Connection closed without response', at: 'error', status: 503 },
  H14: { description: 'No web processes running', at: 'error', status: 503 },
  H15: { description: 'Idle connection', at: 'error', status: 503 },
  H17: { description: 'Poorly formatted HTTP response', at: 'error', status: 503 },
  H18: { description: 'Server Request Interrupted', at: 'error', status: 503, sock: 'backend' },
  H19: { description: 'Backend connection timeout', at: 'error', status: 503 },
  H20: { description: 'App boot timeout', at: 'error', status: 503 },
  H21: { description: 'Backend connection refused', at: 'error', status: 503 },
  H27: { description: 'Client Request Interrupted', at: 'warning', status: 499, sock: 'client' },
  H28: { description: 'Client Connection Idle', at: 'warning', status: 499 },
};
