import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { classifyAgent, classifyAgents, type ActedEvent } from '../../../pipelines/tracking/classify.ts';

const chrome =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36';

function event(changes: Partial<ActedEvent> = {}): ActedEvent {
  return {
    event_type: 'opened',
    user_agent: chrome,
    ip: null,
    url: null,
    occurred_at: '2026-11-02T06:00:00Z',
    mail: 'd1',
    ...changes,
  };
}
const click = (second: number, url: string, changes: Partial<ActedEvent> = {}) =>
  event({
    event_type: 'clicked',
    url,
    occurred_at: `2026-11-02T06:00:${String(second).padStart(2, '0')}Z`,
    ...changes,
  });

describe('one event', () => {
  test.each([
    [event(), 'human', 'user_agent'],
    [event({ user_agent: null }), 'human', 'no_user_agent'],
    [
      event({
        user_agent:
          'Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)',
      }),
      'proxy',
      'gmail_image_proxy',
    ],
    [
      event({ user_agent: 'YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html' }),
      'proxy',
      'yahoo_mail_proxy',
    ],
    [event({ user_agent: 'Mozilla/5.0' }), 'proxy', 'apple_privacy_proxy'],
    [event({ user_agent: 'Mozilla/5.0', provider_says_machine: true }), 'proxy', 'apple_privacy_proxy'],
    [event({ provider_says_machine: true }), 'machine', 'provider_machine_open'],
    [click(1, 'a', { user_agent: 'Mozilla/5.0' }), 'machine', 'bare_mozilla'],
    [click(1, 'a', { user_agent: 'python-requests/2.32' }), 'machine', 'bot_user_agent'],
    [click(1, 'a', { delivered_at: '2026-11-02T06:00:00Z' }), 'machine', 'clicked_at_delivery'],
    [click(9, 'a', { delivered_at: '2026-11-02T06:00:00Z' }), 'human', 'user_agent'],
  ])('%#', (acted, agentClass, reason) => {
    expect(classifyAgent(acted)).toEqual({ agent_class: agentClass, agent_reason: reason });
  });

  test('a link nobody can see is a machine', () => {
    expect(classifyAgent(click(1, 'trap'), 'trap').agent_reason).toBe('honeypot_link');
  });
});

describe('several events', () => {
  test('three links of one mail within seconds are a scan, an earlier click on its own is not', () => {
    const events = [click(0, 'a'), click(30, 'a'), click(32, 'b'), click(34, 'c')];
    expect(classifyAgents(events).map((agent) => agent.agent_class)).toEqual([
      'human',
      'machine',
      'machine',
      'machine',
    ]);
  });

  test('the same links in two mails are two readers', () => {
    const events = [click(0, 'a'), click(1, 'b'), click(2, 'c', { mail: 'd2' })];
    expect(classifyAgents(events).every((agent) => agent.agent_class === 'human')).toBe(true);
  });

  test('the order of arrival does not matter', () => {
    const clicks = fc.array(
      fc.tuple(fc.nat(59), fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom('d1', 'd2')),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(clicks, (made) => {
        const events = made.map(([second, url, mail]) => click(second, url, { mail }));
        const forward = classifyAgents(events);
        const backward = classifyAgents([...events].reverse()).reverse();
        expect(backward).toEqual(forward);
        expect(forward).toHaveLength(events.length);
      }),
    );
  });
});
