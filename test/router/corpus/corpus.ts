import type { Case } from './case.ts';
import { CHUNKS } from './chunks.ts';
import { FRAMING } from './framing.ts';
import { HEADS } from './heads.ts';
import { TARGETS } from './targets.ts';
import { UPGRADES } from './upgrades.ts';

/** Bytes of careless and of hostile clients. */
export const CORPUS: readonly Case[] = [...FRAMING, ...CHUNKS, ...HEADS, ...TARGETS, ...UPGRADES];
