/** The scenes of a rehearsal, in the order in which they are played. */
export const SCENES: readonly SceneName[] = ['boot', 'load', 'deploy', 'crash', 'flood', 'stop', 'release'];

export type SceneName = 'boot' | 'load' | 'deploy' | 'crash' | 'flood' | 'stop' | 'release';
