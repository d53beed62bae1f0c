import { hubspot } from '../hubspot/mapping.ts';
import { salesforce } from '../salesforce/mapping.ts';
import type { SystemMapping } from './mapping.ts';

/** The systems whose whole exports can be imported. */
export const systems = { hubspot, salesforce } as const satisfies Record<string, SystemMapping>;

export type SystemName = keyof typeof systems;
