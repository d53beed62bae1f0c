import type { Comparison } from './types.ts';

/** How a figure moved against the one it is compared with. */
export interface Delta {
  direction: 'up' | 'down' | 'flat';
  /** Whether that is welcome; `neutral` where nothing moved or nothing can be said. */
  verdict: 'good' | 'bad' | 'neutral';
  /** '8.4%' or '1.2 pp', without a sign; '–' where there is nothing to compare with. */
  size: string;
}

const none: Delta = { direction: 'flat', verdict: 'neutral', size: '–' };

/**
 * The change from `before` to `now`. The rules are those of Malloy's own `# big_value`: relative to |before| in
 * percent, or the difference in percentage points; below the threshold it is none. A change from 0 has no percentage.
 * @param threshold in percent or percentage points
 */
export function deltaOf(
  now: number | null,
  before: number | null,
  comparison: Pick<Comparison, 'unit' | 'down_is_good'>,
  threshold = 0.05,
): Delta {
  if (now === null || before === null) return none;
  const isPoints = comparison.unit === 'ppt';
  if (!isPoints && before === 0)
    return now === 0 ? { ...none, size: '0.0%' } : { ...none, ...verdictOf(now, comparison), size: 'new' };
  const change = isPoints ? (now - before) * 100 : ((now - before) / Math.abs(before)) * 100;
  const size = `${grouped(Math.abs(change))}${isPoints ? ' pp' : '%'}`;
  if (Math.abs(change) < threshold) return { ...none, size };
  return { ...verdictOf(change, comparison), size };
}

function verdictOf(
  change: number,
  comparison: Pick<Comparison, 'down_is_good'>,
): Pick<Delta, 'direction' | 'verdict'> & { size: string } {
  const isUp = change > 0;
  return {
    direction: isUp ? 'up' : 'down',
    verdict: isUp === !comparison.down_is_good ? 'good' : 'bad',
    size: '',
  };
}

function grouped(value: number): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

export const arrows = { up: '▲', down: '▼', flat: '■' } as const satisfies Record<Delta['direction'], string>;

/** 'up 8.4%', 'down 1.2 pp', 'unchanged': for alt texts, plain text and screen readers. */
export function deltaInWords(delta: Delta): string {
  if (delta.size === none.size) return 'nothing to compare with';
  if (delta.direction === 'flat') return 'unchanged';
  if (delta.size === 'new') return `${delta.direction} from zero`;
  return `${delta.direction} ${delta.size}`;
}
