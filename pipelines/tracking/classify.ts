import { isbot } from 'isbot';

export type AgentClass = 'human' | 'proxy' | 'machine';

export interface Agent {
  agent_class: AgentClass;
  /** A short code: why. */
  agent_reason: string;
}

export interface ActedEvent {
  event_type: 'opened' | 'clicked';
  user_agent: string | null;
  ip: string | null;
  url: string | null;
  /** ISO, UTC. */
  occurred_at: string;
  /** Events of one mail to one recipient share it: the delivery id, else whatever identifies the mail. Null: alone. */
  mail: string | null;
  /** What the provider itself says: SendGrid's sg_machine_open, Mailgun's client-info.bot. */
  provider_says_machine?: boolean;
  /** When this mail was delivered, ISO UTC, where known. */
  delivered_at?: string | null;
}

/** Clicks on at least this many different links of one mail … */
const scannedLinksMin = 3;
/** … within this long are a scanner at work, not a reader. */
const scanSecondsMax = 5;
/** Nobody reads and clicks faster than this after the delivery. */
const clickAfterDeliverySecondsMin = 2;

const proxies: readonly [pattern: RegExp, reason: string][] = [
  [/GoogleImageProxy|ggpht\.com/i, 'gmail_image_proxy'],
  [/YahooMailProxy/i, 'yahoo_mail_proxy'],
  [/DuckDuckGo.*(?:Proxy|Email)/i, 'duckduckgo_proxy'],
];

/**
 * Classifies one open or click by its agent alone.
 *
 * A bare `Mozilla/5.0` is what Apple Mail Privacy Protection sends when it loads the images of every mail by itself:
 * an open of that kind is a proxy's. No browser clicks with it: such a click is a machine's.
 * @param honeypot the address of a link that no person can see
 */
export function classifyAgent(event: ActedEvent, honeypot?: string): Agent {
  const agent = event.user_agent?.trim() ?? '';
  if (honeypot !== undefined && event.url === honeypot)
    return { agent_class: 'machine', agent_reason: 'honeypot_link' };
  const proxy = proxies.find(([pattern]) => pattern.test(agent));
  if (proxy)
    return { agent_class: event.event_type === 'opened' ? 'proxy' : 'machine', agent_reason: proxy[1] };
  if (/^Mozilla\/5\.0$/.test(agent)) {
    return event.event_type === 'opened'
      ? { agent_class: 'proxy', agent_reason: 'apple_privacy_proxy' }
      : { agent_class: 'machine', agent_reason: 'bare_mozilla' };
  }
  if (event.provider_says_machine) return { agent_class: 'machine', agent_reason: 'provider_machine_open' };
  if (agent !== '' && isbot(agent)) return { agent_class: 'machine', agent_reason: 'bot_user_agent' };
  if (clickedAtDelivery(event)) return { agent_class: 'machine', agent_reason: 'clicked_at_delivery' };
  return agent === ''
    ? { agent_class: 'human', agent_reason: 'no_user_agent' }
    : { agent_class: 'human', agent_reason: 'user_agent' };
}

/**
 * Classifies events that arrived together: each by its agent, then clicks that went through the links of one mail
 * within seconds, whatever browser they claim to be. Same length and order as `events`.
 */
export function classifyAgents(events: readonly ActedEvent[], honeypot?: string): Agent[] {
  const scanned = scannedEvents(events);
  return events.map((event) => {
    const agent = classifyAgent(event, honeypot);
    return agent.agent_class === 'human' && scanned.has(event)
      ? { agent_class: 'machine', agent_reason: 'all_links_within_seconds' }
      : agent;
  });
}

function clickedAtDelivery({ event_type, delivered_at, occurred_at }: ActedEvent): boolean {
  if (event_type !== 'clicked' || !delivered_at) return false;
  return Date.parse(occurred_at) - Date.parse(delivered_at) < clickAfterDeliverySecondsMin * 1000;
}

function scannedEvents(events: readonly ActedEvent[]): Set<ActedEvent> {
  const byMail = new Map<string, ActedEvent[]>();
  for (const event of events) {
    if (event.event_type !== 'clicked' || event.mail === null || event.url === null) continue;
    const clicks = byMail.get(event.mail);
    if (clicks) clicks.push(event);
    else byMail.set(event.mail, [event]);
  }
  return new Set([...byMail.values()].flatMap(scannedClicks));
}

/** The clicks of one mail that lie in a window of `scanSecondsMax` holding `scannedLinksMin` different links. */
function scannedClicks(clicks: ActedEvent[]): ActedEvent[] {
  const sorted = clicks
    .map((event) => ({ event, at: Date.parse(event.occurred_at) }))
    .sort((a, b) => a.at - b.at);
  return sorted.flatMap(({ at }) => {
    const together = sorted.filter((other) => other.at >= at && other.at - at <= scanSecondsMax * 1000);
    const links = new Set(together.map(({ event }) => event.url));
    return links.size >= scannedLinksMin ? together.map(({ event }) => event) : [];
  });
}
