// Figures for people.
export const ratio = (value) => `${value.toFixed(2)}x`;
/** Where it is told from a goal that is near. */
export const exactRatio = (value) => `${value.toFixed(3)}x`;
export const ms = (value) => `${value.toFixed(1)} ms`;
export const addedMs = (value) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)} ms`;
export const us = (value) => (Number.isNaN(value) ? '' : `${value.toFixed(0)} µs`);
export const count = (value) => value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ' ');
export const mb = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MB`;
export const kb = (bytes) => `${(bytes / 1024).toFixed(1)} kB`;
