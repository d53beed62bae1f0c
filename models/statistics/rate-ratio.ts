/** What a group did, and how much of the time (or of the messages) in which it could have. */
export interface GroupRate {
  /** Events, or money, summed over the group's persons. */
  total: number;
  /** The sum over persons of the square of each one's own total. */
  squares: number;
  /** Persons with any. */
  persons: number;
  /** What the total is divided by: person-days, messages. */
  exposure: number;
}

export interface RateRatio {
  /** The rate of the one ÷ the rate of the other; null where either has no exposure, or the other nothing. */
  ratio: number | null;
  /** The 95 % confidence interval; null where there is not enough to tell. */
  low: number | null;
  high: number | null;
}

/** Below this many persons with an event, in either group, no interval is given: the normal approximation does not hold. */
export const personsNeeded = 5;

const z95 = 1.959963985;

/**
 * The ratio of two rates with its Wald interval on the log scale: ln(ratio) ± 1.96 √(v₁ + v₂) (Rothman, Greenland and Lash, Modern
 * Epidemiology, 3rd ed. 2008, ch. 14), where v = Σy² ÷ (Σy)² over persons. Where everybody did it once that is 1 ÷ events, the
 * book's own; where a few did it often, their events are no separate evidence and the interval is wider: the variance of a
 * compound Poisson sum (Ross, Introduction to Probability Models, 5.4.2). So money has an interval too.
 */
export function rateRatio(one: GroupRate, other: GroupRate): RateRatio {
  if (one.exposure <= 0 || other.exposure <= 0 || other.total <= 0)
    return { ratio: null, low: null, high: null };
  const ratio = one.total / one.exposure / (other.total / other.exposure);
  if (one.total <= 0 || Math.min(one.persons, other.persons) < personsNeeded)
    return { ratio, low: null, high: null };
  const error = Math.sqrt(one.squares / one.total ** 2 + other.squares / other.total ** 2);
  return { ratio, low: ratio * Math.exp(-z95 * error), high: ratio * Math.exp(z95 * error) };
}
